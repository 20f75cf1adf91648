"""book.run.figures"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from book.prove.compare import picture
from book.run import figures
from book.run.figures import LONG, has_marks, to_svg


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


def test_coordinates_are_written_to_a_thousandth_of_a_point() -> None:
    svg = to_svg(figure())
    written = [n for d in re.findall(r' [dxy]="([^"]*)', svg) for n in re.findall(r"\d\.(\d+)", d)]
    assert len(written) > 20 and max(map(len, written)) == 3


def line(points: int, noise: float = 0.0) -> str:
    """A noisy line of so many points, each moved by up to ``noise`` of its unit."""
    made = Figure(figsize=(4, 2))
    axes = made.subplots()
    x, wander = np.linspace(0, 10, points), np.random.default_rng(0).normal(scale=0.3, size=points)
    axes.plot(x, np.sin(x) + wander + np.random.default_rng(1).uniform(-noise, noise, points))
    axes.set_ylim(-3, 3)
    return to_svg(made)


def drawn(svg: str) -> int:
    """Points of the longest path."""
    return max(path.count("L ") + 1 for path in svg.split("<path ")[1:])


@pytest.mark.parametrize("points", [127, 128, 1500, LONG])
def test_every_point_of_a_line_is_drawn(points: int) -> None:
    svg = line(points)
    assert drawn(svg) == points and "simplified" not in svg
    assert picture(svg, line(points, 0.002)) is None
    assert "moved by" in (picture(svg, line(points, 0.1)) or "")


def test_a_long_line_is_simplified_and_compared_by_distance() -> None:
    points = LONG + 1000
    svg, moved = line(points), line(points, 0.002)
    assert drawn(svg) < points and 'id="simplified_1"' in svg
    assert drawn(svg) != drawn(moved), "points are dropped by their value: else this test shows nothing"
    assert picture(svg, moved) is None
    assert "simplified_1: a line moved by" in (picture(svg, line(points, 0.1)) or "")


def test_drawing_leaves_the_figure_as_it_was() -> None:
    made = figure()
    made.axes[0].plot(range(200))
    path = made.axes[0].lines[1].get_path()
    to_svg(made)
    assert made.axes[0].lines[1].get_path() is path and path.should_simplify


MARKS: dict[str, Callable[[Axes], object]] = {
    "line": lambda axes: axes.plot([1, 2]),
    "level": lambda axes: axes.axhline(1),
    "points": lambda axes: axes.scatter([1], [2]),
    "bars": lambda axes: axes.bar(["a", "b"], [1, 2]),
    "area": lambda axes: axes.fill_between([0, 1], [1, 2]),
    "image": lambda axes: axes.imshow(np.zeros((2, 2))),
    "mesh": lambda axes: axes.pcolormesh(np.zeros((2, 2))),
    "contour": lambda axes: axes.contour(np.arange(9).reshape(3, 3)),
    "words": lambda axes: axes.text(0.5, 0.5, "words"),
    "arrow": lambda axes: axes.annotate("", (0, 0), (1, 1), arrowprops={}),
    "table": lambda axes: axes.table([["1"]]),
    "patch": lambda axes: axes.add_patch(Circle((0, 0))),
    "line of the figure": lambda axes: axes.figure.add_artist(Line2D([0, 1], [0, 1])),
}
NO_MARKS: dict[str, Callable[[Axes], object]] = {
    "axes": lambda axes: None,
    "titles": lambda axes: [axes.set_title("a"), axes.set_xlabel("b"), axes.figure.suptitle("c")],
    "grid": lambda axes: axes.grid(),
    "no points": lambda axes: axes.plot([], []),
    "no numbers": lambda axes: axes.plot([float("nan"), float("inf")], [1, 1]),
    "no scatter": lambda axes: axes.scatter([], []),
    "no word": lambda axes: axes.text(0, 0, " "),
    "hidden": lambda axes: axes.plot([1, 2], visible=False),
}


@pytest.mark.parametrize("name", MARKS)
def test_marks(name: str) -> None:
    made = Figure()
    MARKS[name](made.subplots())
    assert has_marks(made)


@pytest.mark.parametrize("name", NO_MARKS)
def test_no_marks(name: str) -> None:
    made = Figure()
    NO_MARKS[name](made.subplots())
    assert not has_marks(made)


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
