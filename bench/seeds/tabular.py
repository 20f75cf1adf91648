"""The figures of the chapter workflow/tabular, for one seed."""

from __future__ import annotations

import contextlib
import copy
import io
from pathlib import Path
from typing import Any

from book.source import sections

FILE = "workflow/tabular.py"
SNIPPET = Path(__file__).parents[2] / "snippets" / FILE
NEEDED = (
    "load_titanic", "class_balance", "split_rows", "fill_missing", "one_hot", "features", "scale",
    "leaky_selection", "sequential_model", "bce_with_logits", "fit_net", "scaled_split", "score_split",
)  # fmt: skip


def run(seed: int) -> dict[str, float]:
    """Repeat the chapter's ten splits with other splits and other random weights.

    Args:
        seed: 0 gives the splits of the chapter; each seed has ten splits of its own.

    Returns:
        Mean test AUC over the ten splits: ``auc`` of the net, ``auc_logistic`` of logistic regression, and
        ``auc_logistic_pairs`` of logistic regression that also gets products of two columns.
    """
    import torch
    from sklearn.linear_model import LogisticRegression
    from torch import nn

    torch.set_num_threads(1)
    found = sections.parse(SNIPPET.read_text(encoding="utf-8"), FILE)
    names: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": nn, "copy": copy}
    names["LogisticRegression"] = LogisticRegression
    with contextlib.redirect_stdout(io.StringIO()):
        for section in NEEDED:
            exec(compile(found[section].code, f"<{section}>", "exec"), names)
            names["age"] = names["titanic"]["age"]

    torch.manual_seed(seed)
    scores = [names["score_split"](10 * seed + k) for k in range(10)]
    means = {name: sum(row[name] for row in scores) / len(scores) for name in scores[0]}
    return {
        "auc": means["net"],
        "auc_logistic": means["logistic"],
        "auc_logistic_pairs": means["logistic, pairs"],
    }
