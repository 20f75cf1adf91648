"""The figures of the chapter recommendation/dien, for one seed: of the histories and of the networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bench.seeds._shared import pieces, toolkit

NEEDED = (
    "order_is_lost",
    "make_histories",
    "parts",
    "negatives",
    "two_tables",
    "three_cells",
    "din",
    "dien",
    "loss_of_both",
    "fit_both",
    "last_liked",
    "transformer",
)
ROWS = (60_000, 120_000, 160_000)
TABLE = 120_000  # rows of the table that holds every model
RATES = (0.01, 0.02)  # each model gets the same search, on the fewest rows
ML_RATES = (0.003, 0.01)


def kinds(names: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The four whose curves the page shows, and two more."""
    return {
        "mean": names["MeanPooling"],
        "DIN": names["DIN"],
        "recency": names["RecencyDIN"],
        "transformer": names["BehaviourTransformer"],
        "unhelped": lambda *args: names["DIEN"](*args, helped=False),
        "DIEN": names["DIEN"],
    }


def best_of(
    names: dict[str, Any], make: Callable[[], Any], data: Any, seed: int, rates: Sequence[float], **options: Any
) -> tuple[Any, dict[str, float]]:
    """Predictions on the test rows by the rate with the lowest validation loss, and that setting."""
    torch = names["torch"]
    tried: list[tuple[float, int, Any, dict[str, float]]] = []
    for rate in rates:
        torch.manual_seed(seed)
        model = names["fit"](make(), data, rate=rate, size=512, **options)
        best = min(model.history, key=lambda row: row["val_loss"])
        tried.append((best["val_loss"], len(tried), model, {"rate": rate, "epochs": best["epoch"]}))
    model, setting = min(tried, key=lambda one: one[:2])[2:]
    logits = model.predict(names["batches"](data["test"], size=4096)).double()
    return torch.sigmoid(logits), setting


def of_histories(
    names: dict[str, Any], n: int, seed: int, drift: bool, rates: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """AUC of each model in ``rates``, and of the true probabilities, on the last tenth of n rows."""
    auc, world = toolkit("metrics").auc, f"{n // 1000}k" if drift else "fixed"
    data, truth = names["in_parts"](toolkit("histories").histories(n, interests=3, drift=drift, seed=seed))
    labels = data["test"].labels
    found = {f"{world} oracle AUC": auc(truth, labels)}
    for name, tried in rates.items():
        p, setting = best_of(names, kinds(names)[name], data, seed, tried, epochs=8)
        found |= {f"{world} {name} {key}": float(value) for key, value in {"AUC": auc(p, labels), **setting}.items()}
    found[f"{world} DIEN - DIN"] = found[f"{world} DIEN AUC"] - found[f"{world} DIN AUC"]
    return found


def of_films(names: dict[str, Any], seed: int) -> dict[str, float]:
    """AUC, GAUC and log loss on MovieLens; the seed is that of the weights."""
    metrics, (data, films, users) = toolkit("ranking_metrics"), names["film_rows"]()
    labels = data["test"].labels
    found: dict[str, float] = {}
    for name in ("mean", "DIN", "recency", "DIEN"):
        make = partial(kinds(names)[name], films)
        p, _ = best_of(names, make, data, seed, ML_RATES, decay=0.3, epochs=4)
        row = {
            "AUC": toolkit("metrics").auc(p, labels),
            "GAUC": metrics.gauc(p, labels, users).auc,
            "log loss": metrics.log_loss(p, labels),
        }
        found |= {f"films {name} {figure}": value for figure, value in row.items()}
    return found


def slower(names: dict[str, Any]) -> float:
    """Time of a training step of DIEN over that of DIN: the fastest of ten each, on 512 rows."""
    torch = names["torch"]
    data, _ = names["in_parts"](toolkit("histories").histories(6000, interests=3, drift=True))
    x, y = data["train"][list(range(512))]
    fastest = []
    for kind in ("DIEN", "DIN"):
        torch.manual_seed(0)
        net, seconds = names[kind](), []
        optimizer = torch.optim.AdamW(net.parameters())
        for _ in range(10):
            start = time.process_time()
            optimizer.zero_grad()
            names["loss_of_both"](net(x), y).backward()
            optimizer.step()
            seconds.append(time.process_time() - start)
        fastest.append(min(seconds))
    return fastest[0] / fastest[1]


def run(seed: int) -> dict[str, float]:
    """Search rate and epochs for each model on validation rows, and judge the winner once on the test rows.

    Args:
        seed: of the generated histories and of the weights; on MovieLens of the weights alone.

    Returns:
        AUC and the setting found, for each model, number of rows and data set; DIEN's time over that of DIN.
    """
    names = pieces("recommendation/dien.py", NEEDED)
    found = {"slower": slower(names)}
    found |= of_histories(names, ROWS[0], seed, True, dict.fromkeys(kinds(names), RATES))
    rates = {name: [found[f"{ROWS[0] // 1000}k {name} rate"]] for name in kinds(names)}
    for n in ROWS[1:]:
        chosen = {name: rate for name, rate in rates.items() if n == TABLE or name not in ("mean", "transformer")}
        found |= of_histories(names, n, seed, True, chosen)
    found |= of_histories(names, TABLE, seed, False, dict.fromkeys(("DIN", "DIEN"), RATES))
    return found | of_films(names, seed)
