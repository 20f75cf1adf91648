"""The figures of the chapter recommendation/din, for one seed: of the world and of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.seeds._shared import judged, pieces, search, toolkit

FILE = "recommendation/din.py"
NEEDED = ("intensity", "dice_modes", "models")
INTERESTS = (1, 2, 4, 6, 8)
ROWS, DECAYS, EPOCHS = 200_000, (0.1,), 8
RATES = {6: (0.003, 0.01)}  # for both models; elsewhere 0.01, which wins at six
ML_RATES, ML_DECAYS, ML_EPOCHS = (0.003, 0.01), (0.3, 1.0), 6


def variants(names: dict[str, Any]) -> dict[str, Callable[[int], Any]]:
    """DIN with one thing changed each."""
    import torch

    nn, filled = torch.nn, toolkit("history_tables").filled

    class TwoTables(names["DIN"]):  # type: ignore[misc, valid-type, name-defined]
        """Items of the history have vectors of their own."""

        def __init__(self, items: int) -> None:
            super().__init__(items)
            self.other = nn.Embedding(items, self.table.embedding_dim, padding_idx=0)
            nn.init.normal_(self.other.weight[1:], std=0.05)

        def forward(self, x: dict[str, Any]) -> Any:
            mask = filled(x["lengths"], x["items"].shape[1])
            return self.score(self.table(x["target"]), self.other(x["items"]), mask)

    def softmax(items: int) -> Any:
        net = names["DIN"](items)
        net.attention.normalise = True
        return net

    def head(kind: Callable[[], Any]) -> Callable[[int], Any]:
        def make(items: int) -> Any:
            net = names["DIN"](items)
            net.head[1] = kind()
            return net

        return make

    return {
        "two tables": TwoTables,
        "softmax": softmax,
        "PReLU": head(lambda: nn.PReLU(64)),
    }


def of_histories(names: dict[str, Any], seed: int) -> dict[str, float]:
    """Mean pooling and DIN with several numbers of interests, and what changes DIN at six."""
    tables, auc = toolkit("history_tables"), toolkit("metrics").auc
    made: dict[str, float] = {}
    for interests in INTERESTS:
        prepared = tables.prepared_histories(ROWS, interests, seed=seed)
        kinds: dict[str, Any] = {"mean": names["MeanPooling"], "DIN": names["DIN"]}
        if interests == 6:
            kinds |= variants(names)
        for name, kind in kinds.items():
            rates = RATES.get(interests, (0.01,)) if name in ("mean", "DIN") else (0.01,)
            model, setting = search(lambda: kind(prepared.items), prepared.data, seed, rates, DECAYS, EPOCHS)  # noqa: B023
            row = judged(model, prepared) | setting
            kept = ("AUC", "log loss", "rate", "epochs")
            made |= {f"{interests} {name} {figure}": float(row[figure]) for figure in kept}
        made[f"{interests} oracle AUC"] = auc(prepared.truth, prepared.data["test"].labels)
        made[f"{interests} DIN - mean"] = made[f"{interests} DIN AUC"] - made[f"{interests} mean AUC"]
    return made


def of_films(names: dict[str, Any], seed: int) -> dict[str, float]:
    """Mean pooling and DIN on MovieLens; the split is always the chapter's."""
    tables = toolkit("history_tables")
    prepared, _ = tables.prepared_ratings(tables.film_ratings(), min_count=2)
    made: dict[str, float] = {}
    for name, kind in {"mean": names["MeanPooling"], "DIN": names["DIN"]}.items():
        model, setting = search(
            lambda: kind(prepared.items),  # noqa: B023
            prepared.data,
            seed,
            ML_RATES,
            ML_DECAYS,
            ML_EPOCHS,
        )
        row = judged(model, prepared) | setting
        made |= {f"films {name} {figure}": float(value) for figure, value in row.items()}
    return made


def run(seed: int) -> dict[str, float]:
    """Search rate and epochs for each model on the validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated world and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC, log loss and the setting found, for each model, number of interests and data set.
    """
    names = pieces(FILE, NEEDED)
    return of_histories(names, seed) | of_films(names, seed)
