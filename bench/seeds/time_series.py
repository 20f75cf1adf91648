"""The figures of the chapter workflow/time_series, for one seed."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from book.source import sections

FILE = "workflow/time_series.py"
SNIPPET = Path(__file__).parents[2] / "snippets" / FILE
DATA = ("differences", "trailing_mean", "windows", "growth", "split_by_time")
MODEL = ("lstm", "multiply_block", "forecaster", "relative_squared_error", "fit")
TODAY, TOWNS, DAYS = 110, 12, 200


def run(seed: int) -> dict[str, float]:
    """Repeat the chapter on another epidemic, with other random weights.

    The forecast is for the town that was hit last among those a week or more past their peak.

    Args:
        seed: of the weights; the epidemic is number ``seed + 3``, so that 0 gives the epidemic of the chapter.

    Returns:
        ``error`` and ``error_naive``: root of the mean relative squared error from today to the end of the outbreak, of
        the median of four nets and of "as today". ``end``, ``low`` and ``high``: the day on which the outbreak ends, and
        the stated 90 % interval. ``inside``: 1.0 if it ends within. ``share_inside``: the share of all towns whose
        outbreak was not over on that day and ends within its interval.
    """
    import torch
    from torch import nn
    from torch.optim.lr_scheduler import CosineAnnealingLR

    torch.set_num_threads(1)
    found = sections.parse(SNIPPET.read_text(encoding="utf-8"), FILE)
    names: dict[str, Any] = {"__name__": "__main__", "today": TODAY, "day": torch.arange(6, DAYS)}
    names["recipes"] = {"cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=160)}

    def execute(*chosen: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            for section in chosen:
                exec(compile(found[section].code, f"<{section}>", "exec"), names)

    execute("sir_model", "twelve_towns")
    names["totals"] = names["outbreak"](seed + 3)
    execute(*DATA, *MODEL)

    torch.manual_seed(seed)
    kinds = (nn.LSTM, nn.LSTM, nn.GRU, nn.GRU)
    names["nets"] = [names["fit"](kind, names["recipes"]["cosine"])[0].eval() for kind in kinds]
    names["names"] = [kind.__name__ for kind in kinds]
    execute("roll_out")
    known, future = names["known"], names["future"]
    town = int((names["day"][known.argmax(dim=1)] <= TODAY - 7).nonzero().max())
    past, truth = names["past"], names["truth"] = known[town], future[town]
    execute("residuals", "sample_paths", "end_days")

    ranges = {}
    for other in range(TOWNS):
        below = future[other] < 10
        if known[other, -1] >= 40 and below.any():
            futures = names["sample"](known[other], names["nets"], names["residuals"])
            ends = TODAY + names["end_days"](futures).float()
            low, high = ends.quantile(torch.tensor([0.05, 0.95])).tolist()
            ranges[other] = (low, high, TODAY + int(below.nonzero()[0]))
    low, high, end = ranges[town]
    until = end - TODAY
    paths = torch.cat([names["roll_out"](net, past[None]) for net in names["nets"]])
    forecasts = {"error": paths.median(dim=0).values, "error_naive": past[-1].expand(DAYS - TODAY)}
    errors = {k: names["loss_fn"](f[:until], truth[:until]).sqrt().item() for k, f in forecasts.items()}
    hits = [low <= end <= high for low, high, end in ranges.values()]
    found_range = {"end": float(end), "low": low, "high": high, "inside": float(low <= end <= high)}
    return errors | found_range | {"share_inside": sum(hits) / len(hits)}
