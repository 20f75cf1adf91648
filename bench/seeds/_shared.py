"""What the files beside this one share: the definitions of a chapter, and an equal search for every model."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from book.source import sections

SNIPPETS = Path(__file__).parents[2] / "snippets"
RATES, DECAYS = (0.003, 0.01), (0.1, 0.3)  # on generated clicks; each model gets the same search
ML_RATES, ML_DECAYS = (0.003, 0.01), (0.3, 1.0)  # on MovieLens


def definitions(code: str, name: str) -> CodeType:
    """The imports, functions and classes of a section, compiled."""
    tree = ast.parse(code)
    tree.body = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]
    return compile(tree, name, "exec")


def pieces(file: str, needed: Sequence[str]) -> dict[str, Any]:
    """What the named sections of a chapter's snippets define, such as ("recommendation/fm.py", ["models"])."""
    import pandas as pd
    import torch
    from torch import nn

    torch.set_num_threads(1)
    found = sections.parse((SNIPPETS / file).read_text(encoding="utf-8"), file)
    names: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn, "pd": pd}
    for section in needed:
        exec(definitions(found[section].code, f"<{section}>"), names)
    return names


def toolkit(name: str) -> Any:
    """A module of the toolkit, whose types mypy is not to follow."""
    return importlib.import_module(f"snippets.toolkit.{name}")


def search(
    make: Callable[[], Any],
    data: dict[str, Any],
    seed: int,
    rates: Iterable[float] = RATES,
    decays: Sequence[float] = DECAYS,
    epochs: int = 20,
) -> tuple[Any, dict[str, float]]:
    """The model of the setting with the lowest validation loss, and that setting.

    Args:
        make: a new net.
        data: train, valid and test, as toolkit/click_tables.py makes them.
        seed: of the weights and the order of rows.
    """
    import torch

    fit = toolkit("click_tables").fit
    tried: list[tuple[float, int, Any, dict[str, float]]] = []
    for rate in rates:
        for decay in decays:
            torch.manual_seed(seed)
            model = fit(make(), data, rate=rate, decay=decay, epochs=epochs)
            best = min(model.history, key=lambda row: row["val_loss"])
            tried.append((best["val_loss"], len(tried), model, {"rate": rate, "decay": decay, "epochs": best["epoch"]}))
    return min(tried, key=lambda one: one[:2])[2:]


def judged(model: Any, prepared: Any) -> dict[str, float]:
    """AUC, GAUC by user and log loss on the test rows."""
    import torch

    metrics, tables = toolkit("ranking_metrics"), toolkit("click_tables")
    test = prepared.data["test"]
    p = torch.sigmoid(model.predict(tables.batches(test)).double())
    return {
        "AUC": toolkit("metrics").auc(p, test.labels),
        "GAUC": metrics.gauc(p, test.labels, prepared.groups).auc,
        "log loss": metrics.log_loss(p, test.labels),
    }
