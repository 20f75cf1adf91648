"""The figures over seeds that pages of the part Recommendation quote are those of bench/seeds.json, and reach what was promised."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bench.retrain import FILE
from book.ground.tree import HERE, LANGUAGES

WORLDS, MODELS = ("dense", "sparse"), ("linear", "crosses", "FM", "MLP")
QUOTED = {
    "fm": [
        *[f"{world} {figure}" for figure in (*[f"{m} AUC" for m in MODELS], "oracle AUC", "FM - linear") for world in WORLDS],
        *[f"films {model} {figure}" for figure in ("AUC", "GAUC", "log loss") for model in ("linear", "FM")],
    ],
    "ads_business": [
        "thinned ratio",
        "corrected ratio",
        *[f"{level}, {way}" for level in ("cart", "order") for way in ("share", "own rows", "entire space")],
    ],
    "fibinet": [
        *[f"{m} {figure}" for m in ("FM", "MLP", "none", "all", "each", "pairs", "relu", "oracle") for figure in ("AUC", "log loss")],
        "pairs - MLP", "pairs - none", "pairs - relu", "relu end closed", "gates and importance",
        *[f"films {model} {figure}" for figure in ("AUC", "GAUC", "log loss") for model in ("linear", "FiBiNET")],
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE.root / FILE).read_text(encoding="utf-8"))
    return found


def quoted(text: str) -> list[str]:
    return re.findall(r"\d+\.\d+ ± \d+\.\d+", text)


def written(figure: dict[str, Any], digits: int) -> str:
    return f"{figure['mean']:.{digits}f} ± {figure['spread']:.{digits}f}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("chapter", QUOTED)
def test_a_page_quotes_the_recorded_figures(chapter: str, language: str, kept: dict[str, Any]) -> None:
    text = (HERE.root / "docs" / language / "recommendation" / f"{chapter}.md").read_text(encoding="utf-8")
    figures = [written(kept[chapter][name], 4 if name.startswith("films") else 3) for name in QUOTED[chapter]]
    assert quoted(text) == figures, f"run python -m book results --seeds 3 {chapter}, and mend docs/{language}"


def test_a_figure_that_changed_is_noticed(kept: dict[str, Any]) -> None:
    figure = kept["fm"]["dense FM AUC"]
    assert quoted(f"| FM | {written(figure, 3)} |") != [written(figure | {"mean": figure["mean"] + 0.001}, 3)]


def test_fm_reaches_what_was_promised(kept: dict[str, Any]) -> None:
    """Means of at least three seeds: FM - linear >= .07 AUC, and an oracle >= .02 above each model."""
    fm = kept["fm"]
    assert fm["dense FM - linear"]["mean"] >= 0.07 and len(fm["dense FM - linear"]["seeds"]) >= 3
    for world in WORLDS:
        best = max(fm[f"{world} {model} AUC"]["mean"] for model in MODELS)
        assert fm[f"{world} oracle AUC"]["mean"] - best >= 0.02
        assert abs(fm[f"{world} FM AUC"]["mean"] - fm[f"{world} crosses AUC"]["mean"]) < 0.01, "the page calls it a tie"


def test_a_thinned_log_is_corrected_within_three_per_cent(kept: dict[str, Any]) -> None:
    ads = kept["ads_business"]
    assert ads["thinned ratio"]["mean"] > 2 and abs(ads["corrected ratio"]["mean"] - 1) < 0.03
    assert len(ads["corrected ratio"]["seeds"]) >= 3


def test_esmm_comes_out_behind_as_the_page_says(kept: dict[str, Any]) -> None:
    for level in ("cart", "order"):
        assert max(kept["ads_business"][f"{level}, own - entire"]["seeds"]) < 0


def test_fibinet_is_what_its_page_says(kept: dict[str, Any]) -> None:
    """Means of at least three seeds: products pay, gates don't show; closed gates; gates that hardly vary; an oracle above."""
    fibinet = kept["fibinet"]
    assert len(fibinet["pairs AUC"]["seeds"]) >= 3
    assert fibinet["pairs - MLP"]["mean"] > 2 * fibinet["pairs - MLP"]["spread"]
    for other in ("none", "relu"):
        assert abs(fibinet[f"pairs - {other}"]["mean"]) < fibinet[f"pairs - {other}"]["spread"]
    kinds = [fibinet[f"{kind} AUC"] for kind in ("all", "each", "pairs")]
    assert max(k["mean"] for k in kinds) - min(k["mean"] for k in kinds) < 2 * max(k["spread"] for k in kinds)
    models = ("FM", "MLP", "none", "all", "each", "pairs", "relu")
    assert fibinet["oracle AUC"]["mean"] - max(fibinet[f"{m} AUC"]["mean"] for m in models) >= 0.02
    assert fibinet["relu start closed"]["mean"] > 0.4 and fibinet["relu end closed"]["mean"] > 0.4
    assert fibinet["pairs end closed"]["mean"] == 0 and fibinet["relu end size"]["mean"] < 0.1
    assert fibinet["gates spread"]["mean"] < 0.05 and abs(fibinet["fixed - pairs"]["mean"]) < 0.001
    assert max(fibinet["films FiBiNET epochs"]["seeds"]) <= 2
    assert all(rate == 0.01 for rate in fibinet["pairs rate"]["seeds"])
