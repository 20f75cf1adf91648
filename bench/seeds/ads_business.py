"""The figures of the chapter recommendation/ads_business, for one seed: of the world and of the networks."""

from __future__ import annotations

import itertools
from typing import Any

from bench.seeds._shared import DECAYS, RATES, pieces, toolkit

NEEDED = ("downsampled", "esmm", "cvr_on_clicks")
LEVELS = ("click", "cart", "order")


def searched(names: dict[str, Any], data: dict[str, Any], seed: int) -> Any:
    """The model whose validation loss is lowest, after the same search for each."""
    tried: list[tuple[float, int, Any]] = []
    for rate, decay in itertools.product(RATES, DECAYS):
        model = names["fit_levels"](data, rate=rate, decay=decay, epochs=10, seed=seed)
        tried.append((min(row["val_loss"] for row in model.history), len(tried), model))
    return min(tried, key=lambda one: one[:2])[2]


def of_levels(names: dict[str, Any], made: Any, seed: int) -> dict[str, float]:
    """Rates of carts and orders, learned from their own rows or from all impressions: log loss above the oracle, and the sum."""
    import torch

    tables, day = toolkit("click_tables"), made.table.day
    happened = torch.tensor(made.table[list(LEVELS)].to_numpy("float32"))
    parts = {name: torch.tensor((rows).to_numpy()) for name, rows in (("train", day < 12), ("valid", day == 12), ("test", day > 12))}
    joint = {name: tables.Rows(names["ready"].data[name].inputs, happened[rows]) for name, rows in parts.items()}
    true = torch.tensor(made.truth[list(LEVELS)].to_numpy())[parts["test"]]
    rows = tables.batches(joint["test"])
    entire = torch.sigmoid(searched(names, joint, seed).predict(rows).double())
    found = {"entire space CTR AUC": toolkit("metrics").auc(entire[:, 0], joint["test"].labels[:, 0])}
    for level in (1, 2):
        own = {name: names["after"](level, joint[name]) for name in ("train", "valid")}
        alone = torch.sigmoid(searched(names, own, seed).predict(rows)[:, 0].double())
        share = own["train"].labels.double().mean().expand(len(true))
        for way, p in {"share": share, "own rows": alone, "entire space": entire[:, level]}.items():
            t, name = true[:, level], f"{LEVELS[level]}, {way}"
            found[name] = names["above_oracle"](p, t)
            found[f"{name}, ratio"] = (p.mean() / t.mean()).item()
        found[f"{LEVELS[level]}, own - entire"] = found[f"{LEVELS[level]}, own rows"] - found[f"{LEVELS[level]}, entire space"]
    return found


def of_sampling(names: dict[str, Any], seed: int) -> dict[str, float]:
    """Predicted over observed clicks of a model of a thinned log, before and after the formula."""
    import torch

    tables, calibration, ready = toolkit("click_tables"), toolkit("ranking_metrics").calibration, names["ready"]
    names |= {"Rows": tables.Rows, "W": 0.1}
    g = torch.Generator().manual_seed(seed)
    few = {name: names["thinned"](ready.data[name], g) for name in ("train", "valid")}
    torch.manual_seed(seed)
    model = tables.fit(toolkit("click_models").FM(ready.sizes, ready.numbers), few, decay=0.3)
    test = ready.data["test"]
    q = torch.sigmoid(model.predict(tables.batches(test)).double())
    p = q / (q + (1 - q) / 0.1)
    return {"thinned ratio": calibration(q, test.labels).ratio, "corrected ratio": calibration(p, test.labels).ratio}


def run(seed: int) -> dict[str, float]:
    """What the chapter says over seeds; every trained model gets the same search.

    Args:
        seed: of the generated world and of the weights.

    Returns:
        Ratios of a thinned log, and the losses of rates of carts and orders.
    """
    names = pieces("recommendation/ads_business.py", NEEDED)
    names["ready"] = toolkit("click_tables").prepared_clicks(seed)
    made = toolkit("clicks").ad_impressions(200_000, seed)
    return of_sampling(names, seed) | of_levels(names, made, seed)
