"""book.figures"""

from __future__ import annotations

from matplotlib.figure import Figure

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
