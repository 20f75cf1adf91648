"""The figures of the chapter recommendation/deepcross, for one seed: of the world and of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.seeds._shared import ML_DECAYS, ML_RATES, judged, pieces, search, toolkit

NEEDED = ("wide_part", "one_layer", "hessian", "low_rank", "model", "strength")
CHOSEN = (("user", "ad"), ("city", "advertiser"), ("hour", "site"))  # the pairs of the recipe
TRIPLE = (("advertiser", "hour"), ("advertiser", "device"), ("hour", "device"))


def kinds(names: dict[str, Any], prepared: Any) -> dict[str, Callable[[], Any]]:
    """The models of the chapter's ladder."""
    make, shape = names["DeepCross"], (prepared.sizes, prepared.numbers)
    vector, matrix, alone = names["CrossVector"], names["CrossMatrix"], {"widths": (), "stacked": True}
    columns = list(prepared.vocabulary)
    chosen = [tuple(columns.index(name) for name in cross) for cross in CHOSEN]
    return {
        "wide & deep": lambda: names["WideAndDeep"](*shape, chosen),
        "deep": lambda: make(*shape, None, depth=0, stacked=True),
        "cross v1": lambda: make(*shape, vector, **alone),
        "cross v2": lambda: make(*shape, matrix, **alone),
        "DCN v1": lambda: make(*shape, vector),
        "DCN v2": lambda: make(*shape, matrix),
        "DCN v2 stacked": lambda: make(*shape, matrix, stacked=True),
        "DCN mix": lambda: make(*shape, names["low_rank"]),
    }


def found(names: dict[str, Any], net: Any, prepared: Any) -> float:
    """How many of the six strongest pairs of fields are pairs of the recipe or of its triple."""
    columns = list(prepared.vocabulary)
    spread = names["strength"](net, prepared.data["valid"].inputs["fields"][:5000])
    ranked = sorted(((i, j) for j in range(9) for i in range(j)), key=lambda pair: -float(spread[pair]))
    right = {tuple(sorted(columns.index(name) for name in pair)) for pair in CHOSEN + TRIPLE}
    return float(len(right & set(ranked[:6])))


def of_clicks(names: dict[str, Any], seed: int) -> dict[str, float]:
    """Each model in a generated world: AUC, GAUC and log loss on days 13 and 14."""
    prepared = toolkit("click_tables").prepared_clicks(seed)
    made: dict[str, float] = {"oracle AUC": toolkit("metrics").auc(prepared.truth, prepared.data["test"].labels)}
    for name, make in kinds(names, prepared).items():
        model, setting = search(make, prepared.data, seed, epochs=8)
        made |= {f"{name} {figure}": float(value) for figure, value in (judged(model, prepared) | setting).items()}
        if name == "cross v2":
            made["pairs found"] = found(names, model.net.cpu(), prepared)
    made["cross v2 - cross v1"] = made["cross v2 AUC"] - made["cross v1 AUC"]
    made["DCN v2 - DCN v1"] = made["DCN v2 AUC"] - made["DCN v1 AUC"]
    made["DCN v2 - deep"] = made["DCN v2 AUC"] - made["deep AUC"]
    return made


def of_films(names: dict[str, Any], seed: int) -> dict[str, float]:
    """The linear model and DCN v2 on MovieLens; the split is always the same."""
    prepared = toolkit("click_tables").prepared_films()
    shape = prepared.sizes, prepared.numbers
    made: dict[str, float] = {}
    films: dict[str, Callable[[], Any]] = {
        "linear": lambda: names["LinearModel"](*shape),
        "DCN v2": lambda: names["DeepCross"](*shape, names["CrossMatrix"]),
    }
    for name, make in films.items():
        model, setting = search(make, prepared.data, seed, ML_RATES, ML_DECAYS, 8)
        made |= {
            f"films {name} {figure}": float(value) for figure, value in (judged(model, prepared) | setting).items()
        }
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate, decay and epochs for each model on the validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, GAUC, log loss and the setting found, for each model and data set.
    """
    names = pieces("recommendation/deepcross.py", NEEDED)
    return of_clicks(names, seed) | of_films(names, seed)
