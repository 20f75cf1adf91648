"""book.figures"""

from __future__ import annotations

import warnings

import pytest
from matplotlib.figure import Figure

from book import figures
from book.figures import to_svg


def figure() -> Figure:
    made = Figure(figsize=(3, 2))
    made.subplots().plot([1, 2, 3], label="line")
    return made


def test_the_same_figure_is_the_same_bytes() -> None:
    assert to_svg(figure()) == to_svg(figure())


def test_a_figure_is_transparent_and_dated_by_nobody() -> None:
    svg = to_svg(figure())
    assert "<svg" in svg and "<date>" not in svg.replace("dc:", "") and "Matplotlib v" not in svg
    assert 'id="patch_1"' in svg and "fill: #ffffff" not in svg.split('id="axes_1"')[0]


def test_letters_that_a_font_has_not_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []
    monkeypatch.setattr(figures, "refuse", refused.append)
    for words in ("loss", "loss $x^2$ é"):
        made = figure()
        made.axes[0].set_title(words)
        to_svg(made)
    assert refused == []
    for words in ("损失 of 损", "$x$ 步", "损失 of 损"):  # the second time too
        made = figure()
        made.axes[0].set_ylabel(words)
        to_svg(made)
    assert [why.split('"')[1] for why in refused] == ["损失", "步", "损失"]


def test_other_warnings_of_drawing_reach_the_reader() -> None:
    made = figure()
    made.axes[0].xaxis.set_major_formatter(lambda value, place: warnings.warn("of a formatter", stacklevel=2) or "x")
    with pytest.warns(UserWarning, match="of a formatter"):
        to_svg(made)
