"""snippets/toolkit/plots.py: what is drawn, where, in which colour, and which mistakes it names."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import FancyArrowPatch

from snippets.toolkit import plots
from snippets.toolkit.plots import BLUE, GREEN, GREY, HUES, ORANGE, Cells, draw_arrow, draw_box, draw_cells, frame


@pytest.fixture
def ax() -> Iterator[Axes]:
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def fills(ax: Axes) -> list[str | None]:
    return [to_hex(patch.get_facecolor()) if patch.get_facecolor()[3] else None for patch in ax.patches]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(plots).failed == 0


def test_each_piece_is_documented_and_typed() -> None:
    for piece in (Cells.point, draw_cells, draw_box, draw_arrow, frame):
        assert "Args:" in (piece.__doc__ or "") and "Example:" in (piece.__doc__ or ""), piece
        assert "return" in piece.__annotations__, piece


def test_hues_survive_the_swap_of_ink_and_paper() -> None:
    for hue in HUES:
        assert 0.25 < sum(to_rgba(hue)[:3]) / 3 < 0.75


@pytest.mark.parametrize(
    ("values", "rows", "columns", "shown"),
    [
        (torch.tensor(3), 1, 1, ["3"]),
        (torch.tensor([True, False]), 1, 2, ["T", "F"]),
        (torch.tensor([[0.5], [2.0]]), 2, 1, ["0.5", "2"]),
        ([["a", None], [1, 2.25]], 2, 2, ["a", "1", "2.25"]),
    ],
)
def test_cells_show_values(ax: Axes, values: object, rows: int, columns: int, shown: list[str]) -> None:
    cells = draw_cells(ax, values, at=(1, 2))
    assert cells == Cells(1, 2, rows, columns)
    assert len(ax.patches) == rows * columns
    assert texts(ax) == shown


def test_a_cell_lies_where_its_point_says(ax: Axes) -> None:
    cells = draw_cells(ax, torch.arange(6).reshape(2, 3), at=(10, 20))
    place = {text.get_text(): text.get_position() for text in ax.texts}
    assert place["5"] == cells.point(1, 2) == cells.point(-1, -1) == (12.5, 21.5)
    assert cells.point(0, 0, "left") == (10, 20.5)
    assert cells.point(0, 0, "top") == (10.5, 20)
    assert cells.point(1, 2, "right") == (cells.right, 21.5) == (13, 21.5)
    assert cells.point(1, 2, "bottom") == (12.5, cells.bottom) == (12.5, 22)
    with pytest.raises(IndexError):
        cells.point(2, 0)
    with pytest.raises(ValueError, match="side must be one of centre, left, right, top, bottom, got 'up'"):
        cells.point(0, 0, "up")


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        (BLUE, [BLUE] * 4),
        (None, [None] * 4),
        ([[BLUE, None], [None, ORANGE]], [BLUE, None, None, ORANGE]),
        (lambda value: GREEN if value > 1 else GREY, [GREY, GREY, GREEN, GREEN]),
    ],
)
def test_colors(ax: Axes, colors: object, expected: list[str | None]) -> None:
    draw_cells(ax, torch.arange(4).reshape(2, 2), colors)
    assert fills(ax) == expected


def test_a_color_may_say_how_transparent_it_is(ax: Axes) -> None:
    draw_cells(ax, [1, 2], [BLUE, BLUE + "33"])
    assert [round(patch.get_facecolor()[3], 2) for patch in ax.patches] == [0.55, 0.2]


def test_labels_and_title_stand_outside(ax: Axes) -> None:
    draw_cells(ax, [[1, 2]], title="x", row_labels=["r"], column_labels=[7, 8])
    place = {text.get_text(): text.get_position() for text in ax.texts}
    assert place["r"][0] < 0 < place["7"][0] < place["8"][0]
    assert place["x"][1] < place["7"][1] < 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": torch.zeros(2, 2, 2)}, "values must have at most 2 dimensions"),
        ({"values": [[1, 2], [3]]}, r"values must have rows of one length, got lengths \[2, 1\]"),
        ({"values": [1, [2]]}, "values must have at most 2 dimensions"),
        ({"values": [1, 2, 3], "colors": [BLUE, BLUE]}, "colors must be 1 x 3, got 1 x 2"),
        ({"values": [1, 2], "row_labels": ["a", "b"]}, "row_labels must have 1 entries, got 2"),
        ({"values": [1, 2], "column_labels": ["a"]}, "column_labels must have 2 entries, got 1"),
    ],
)
def test_bad_input_is_named(ax: Axes, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_cells(ax, **options)


def test_a_box_shows_front_top_and_side(ax: Axes) -> None:
    colors = [[[BLUE] * 3] * 2, [[ORANGE] * 3] * 2]
    front = draw_box(ax, colors, [[1, 2, 3], [4, 5, 6]], at=(1, 1), axes="NCL", title="box")
    assert front == Cells(1, 1, 2, 3)
    assert fills(ax) == [BLUE] * 6 + [BLUE] * 5 + [ORANGE] * 5
    assert set(texts(ax)) == {*"123456NCL", "box"}
    with pytest.raises(ValueError, match="colors must have sheets of one shape"):
        draw_box(ax, [[[BLUE]], [[BLUE, BLUE]]])
    with pytest.raises(ValueError, match="axes must be three names, got 2"):
        draw_box(ax, colors, axes="NC")


def test_an_arrow_counts_for_the_frame(ax: Axes) -> None:
    draw_cells(ax, 1)
    draw_arrow(ax, (1, 0.5), (5, 0.5), BLUE, text="copy")
    assert sum(isinstance(artist, FancyArrowPatch) for artist in ax.get_children()) == 1
    assert "copy" in texts(ax)
    frame(ax, cell=0.5)
    assert ax.get_xlim() == pytest.approx((-0.1, 5.1))
    assert ax.get_ylim() == pytest.approx((1.1, -0.1))
    assert ax.figure.get_size_inches() == pytest.approx((2.6, 0.6))


def test_a_frame_leaves_the_size_of_a_figure_with_several_axes() -> None:
    fig, axes = plt.subplots(1, 2, figsize=(6, 3))
    draw_cells(axes[0], 1)
    frame(axes[0])
    assert fig.get_size_inches() == pytest.approx((6, 3))
    with pytest.raises(ValueError, match="frame must be called after something is drawn"):
        frame(axes[1])
    plt.close(fig)
