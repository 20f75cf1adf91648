"""The figures of the chapter recommendation/deepfm, for one seed: of the world and of the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.seeds._shared import ML_DECAYS, ML_RATES, judged, pieces, search, toolkit

NEEDED = ("model", "own_vectors", "together", "small_tables")
RECORDED = Path(__file__).parents[1] / "seeds.json"
VARIANTS = ("two tables", "dropped", "normed", "sparse", "hashed", "quotient")


def recorded(model: str, seed: int) -> float:
    """The AUC of FM or MLP in the same world, with the same seed, after the same search: see fm.py."""
    found: float = json.loads(RECORDED.read_text(encoding="utf-8"))["fm"][f"dense {model} AUC"]["seeds"][seed]
    return found


def variants(names: dict[str, Any], prepared: Any, setting: dict[str, float], seed: int) -> dict[str, Any]:
    """DeepFM with one thing changed, at the setting that the search found for DeepFM."""
    import torch

    tables, data, args = toolkit("click_tables"), prepared.data, (prepared.sizes, prepared.numbers)

    def small(kind: str) -> Any:
        net = names["DeepFM"](*args)
        net.vectors = names[kind](prepared.sizes, 8)
        return net

    made: dict[str, Any] = {}
    kinds: dict[str, Callable[[], Any]] = {
        "two tables": lambda: names["TwoTables"](*args),
        "dropped": lambda: names["DeepFM"](*args, dropout=0.2),
        "normed": lambda: names["DeepFM"](*args, batch_norm=True),
        "hashed": lambda: small("Hashed"),
        "quotient": lambda: small("QuotientRemainder"),
    }
    for name, make in kinds.items():
        torch.manual_seed(seed)
        made[name] = tables.fit(make(), data, setting["rate"], setting["decay"], 20)
    torch.manual_seed(seed)
    net = names["DeepFM"](*args)
    optimizer = names["sparse_optimizer"](net, setting["rate"], setting["decay"])
    model = toolkit("keras_model").KerasModel(net, torch.nn.BCEWithLogitsLoss(), optimizer=optimizer)
    train, valid = tables.batches(data["train"], shuffle=True), tables.batches(data["valid"])
    model.fit(train, valid, epochs=20, monitor="val_loss", patience=2)
    made["sparse"] = model
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate, decay and epochs on the validation rows as fm.py does for its models, and judge once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, GAUC, log loss and the setting found of DeepFM, on both data sets; those of its variants on generated clicks;
        differences of AUC.
    """
    names, tables = pieces("recommendation/deepfm.py", NEEDED), toolkit("click_tables")
    prepared, films = tables.prepared_clicks(seed), tables.prepared_films()
    model, setting = search(lambda: names["DeepFM"](prepared.sizes, prepared.numbers), prepared.data, seed)
    made = {f"DeepFM {figure}": float(value) for figure, value in (judged(model, prepared) | setting).items()}
    made["DeepFM - best"] = made["DeepFM AUC"] - max(recorded("FM", seed), recorded("MLP", seed))
    for name, variant in variants(names, prepared, setting, seed).items():
        made |= {f"{name} {figure}": value for figure, value in judged(variant, prepared).items()}
        made[f"{name} epochs"] = float(min(variant.history, key=lambda row: row["val_loss"])["epoch"])
        made[f"{name} - DeepFM"] = made[f"{name} AUC"] - made["DeepFM AUC"]
    made["quotient - hashed"] = made["quotient AUC"] - made["hashed AUC"]
    model, setting = search(lambda: names["DeepFM"](films.sizes, films.numbers), films.data, seed, ML_RATES, ML_DECAYS)
    return made | {f"films DeepFM {figure}": float(value) for figure, value in (judged(model, films) | setting).items()}
