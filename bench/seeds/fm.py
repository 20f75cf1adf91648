"""The figures of the chapter recommendation/fm, for one seed: of the world and of the network."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.seeds._shared import ML_DECAYS, ML_RATES, judged, pieces, search, toolkit

FILE = "recommendation/fm.py"
WORLDS = {"dense": (200_000, 800, 160), "sparse": (120_000, 3000, 400)}  # rows, users, ads


def kinds() -> dict[str, Any]:
    """The models that the chapter compares."""
    models = toolkit("click_models")
    crossed = pieces(FILE, ["weights_of_fm", "baselines"])["CrossedLinear"]
    return {"linear": models.LinearModel, "crosses": crossed, "FM": models.FM, "MLP": models.MLP}


def of_clicks(world: str, seed: int) -> dict[str, float]:
    """Each model in a generated world: AUC and log loss on days 13 and 14."""
    prepared = toolkit("click_tables").prepared_clicks(seed, *WORLDS[world])
    clicks, true = prepared.data["test"].labels, prepared.truth
    oracle = {
        "AUC": toolkit("metrics").auc(true, clicks),
        "log loss": toolkit("ranking_metrics").log_loss(true, clicks),
    }
    made = {f"{world} oracle {figure}": value for figure, value in oracle.items()}
    for name, kind in kinds().items():
        model, setting = search(partial(kind, prepared.sizes, prepared.numbers), prepared.data, seed)
        row = judged(model, prepared) | setting
        del row["GAUC"]
        made |= {f"{world} {name} {figure}": float(value) for figure, value in row.items()}
    made[f"{world} FM - linear"] = made[f"{world} FM AUC"] - made[f"{world} linear AUC"]
    return made


def of_films(seed: int) -> dict[str, float]:
    """The linear model and FM on MovieLens; the split is always the chapter's."""
    prepared = toolkit("click_tables").prepared_films()
    made: dict[str, float] = {}
    for name in ("linear", "FM"):
        net = partial(kinds()[name], prepared.sizes, prepared.numbers)
        model, setting = search(net, prepared.data, seed, ML_RATES, ML_DECAYS)
        row = judged(model, prepared) | setting
        made |= {f"films {name} {figure}": float(value) for figure, value in row.items()}
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate, decay and epochs for each model on the validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, log loss and the setting found, for each model and data set.
    """
    return of_clicks("dense", seed) | of_clicks("sparse", seed) | of_films(seed)
