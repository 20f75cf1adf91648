"""The figures of the chapter recommendation/fibinet, for one seed: of the world and of the network."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.seeds._shared import ML_DECAYS, ML_RATES, RATES, judged, pieces, search, toolkit

FILE = "recommendation/fibinet.py"
SECTIONS = ["three_steps", "identity_is_fm", "fibinet", "relu_gates", "ladder", "importances", "fixed_gates"]
ROWS = 120_000  # with 800 users and 160 ads
DECAYS = (0.1,)


def kinds(names: dict[str, Any]) -> dict[str, Any]:
    """Everything that gets the same search."""
    models, net = toolkit("click_models"), names["FiBiNET"]
    return {
        "FM": models.FM,
        "MLP": models.MLP,
        "none": partial(net, gates=None),
        "relu": partial(net, gates=names["ReLUGates"]),
        "all": partial(net, kind="all"),
        "each": partial(net, kind="each"),
        "pairs": net,
    }


def order_of(model: Any, prepared: Any, names: dict[str, Any]) -> float:
    """Spearman's correlation of a field's mean gate with the AUC lost when its values are shuffled."""
    import pandas as pd
    import torch

    test = prepared.data["test"]
    lost = names["lost_by_shuffling"](model, test)  # before the net leaves the model's device
    net = model.net.cpu()
    with torch.no_grad():
        gates = net.excite.gates(net.embed(test.inputs)).mean(0).tolist()
    return float(pd.DataFrame({"gates": gates, "lost": lost}).rank().corr().iloc[0, 1])


def of_clicks(names: dict[str, Any], seed: int) -> dict[str, float]:
    """Each model in the generated world: AUC and log loss on days 13 and 14, and what became of the gates."""
    import torch

    prepared = toolkit("click_tables").prepared_clicks(seed, ROWS)
    clicks, true = prepared.data["test"].labels, prepared.truth
    made = {
        "oracle AUC": toolkit("metrics").auc(true, clicks),
        "oracle log loss": toolkit("ranking_metrics").log_loss(true, clicks),
    }
    for name, kind in kinds(names).items():
        make = partial(kind, prepared.sizes, prepared.numbers)
        if name in ("pairs", "relu"):
            torch.manual_seed(seed)
            start = names["look_at_gates"](make(), prepared.data["test"])
            made |= {f"{name} start {figure}": value for figure, value in start.items()}
        model, setting = search(make, prepared.data, seed, RATES, DECAYS)
        row = judged(model, prepared) | setting
        made |= {f"{name} {figure}": float(value) for figure, value in row.items()}
        if name in ("pairs", "relu"):
            end = names["look_at_gates"](model.net, prepared.data["test"])
            made |= {f"{name} end {figure}": value for figure, value in end.items()}
        if name == "pairs":
            made["gates and importance"] = order_of(model, prepared, names)
            fixed, made["gates spread"] = names["with_fixed_gates"](model.net, prepared)
            made["fixed - pairs"] = fixed - row["AUC"]
    for other in ("none", "relu", "MLP", "FM"):
        made[f"pairs - {other}"] = made["pairs AUC"] - made[f"{other} AUC"]
    return made


def of_films(names: dict[str, Any], seed: int) -> dict[str, float]:
    """The linear model and FiBiNET on MovieLens; the split is always the chapter's."""
    prepared = toolkit("click_tables").prepared_films()
    made: dict[str, float] = {}
    for name, kind in {"linear": toolkit("click_models").LinearModel, "FiBiNET": names["FiBiNET"]}.items():
        make = partial(kind, prepared.sizes, prepared.numbers)
        model, setting = search(make, prepared.data, seed, ML_RATES, ML_DECAYS)
        row = judged(model, prepared) | setting
        made |= {f"films {name} {figure}": float(value) for figure, value in row.items()}
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate, decay and epochs for each model on the validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, GAUC, log loss and the setting found, for each model and data set; what the gates are like.
    """
    names = pieces(FILE, SECTIONS)
    return of_clicks(names, seed) | of_films(names, seed)
