# --8<-- [start:palette]
"""Tensors drawn as coloured cells, boxes of cells, and arrows between them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch, Polygon

BLUE, ORANGE, GREEN, VIOLET, GREY = (
    "#2f6fdb",
    "#e4572e",
    "#2a9d8f",
    "#9b5de5",
    "#7a8599",
)
HUES = (BLUE, ORANGE, GREEN, VIOLET, GREY)  # legible on light and on dark pages
# --8<-- [end:palette]

# --8<-- [start:cells]
class Cells(NamedTuple):
    """Where a grid of cells stands. A cell is 1 wide and 1 high; y grows downwards."""

    left: float
    top: float
    rows: int
    columns: int

    @property
    def right(self) -> float:
        """x of the right edge."""
        return self.left + self.columns

    @property
    def bottom(self) -> float:
        """y of the lower edge."""
        return self.top + self.rows

    def point(self, row: int, column: int, side: str = "centre") -> tuple[float, float]:
        """The centre of a cell, or the middle of one of its sides.

        Args:
            row: from 0; negative numbers count from the end.
            column: the same.
            side: "centre", "left", "right", "top" or "bottom".

        Returns:
            x and y, for `draw_arrow` and `ax.text`.

        Raises:
            IndexError: there is no such cell.
            ValueError: there is no such side.

        Example:
            >>> Cells(left=2, top=0, rows=1, columns=3).point(0, -1, "right")
            (5.0, 0.5)
        """
        shifts = {"centre": (0.5, 0.5), "left": (0.0, 0.5), "right": (1.0, 0.5)}
        shifts |= {"top": (0.5, 0.0), "bottom": (0.5, 1.0)}
        if side not in shifts:
            raise ValueError(f"side must be one of {', '.join(shifts)}, got {side!r}")
        x = self.left + range(self.columns)[column] + shifts[side][0]
        y = self.top + range(self.rows)[row] + shifts[side][1]
        return x, y


def as_grid(name: str, values: Any) -> list[list[Any]]:
    """Rows of cells from a number, a list, a list of lists, an array or a tensor."""
    rows = values.tolist() if hasattr(values, "tolist") else values
    rows = rows if isinstance(rows, list | tuple) else [rows]
    if not any(isinstance(row, list | tuple) for row in rows):
        rows = [rows]
    if any(not isinstance(row, list | tuple) for row in rows) or any(
        isinstance(value, list | tuple) for row in rows for value in row
    ):
        raise ValueError(f"{name} must have at most 2 dimensions: {values!r}")
    if len({len(row) for row in rows}) != 1:
        lengths = [len(row) for row in rows]
        raise ValueError(f"{name} must have rows of one length, got lengths {lengths}")
    return [list(row) for row in rows]


def as_text(value: object) -> str:
    """What stands in a cell: T and F for booleans, short numbers, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:g}" if isinstance(value, float) else str(value)


def face(color: str | None) -> Any:
    """A colour to fill with: half transparent unless it says how much; None is empty."""
    if color is None:
        return "none"
    red, green, blue, alpha = to_rgba(color)
    return red, green, blue, 0.55 if alpha == 1 else alpha


def draw_cells(
    ax: Axes,
    values: Any,
    colors: str | Sequence[Any] | Callable[[Any], str | None] | None = GREY,
    *,
    at: tuple[float, float] = (0.0, 0.0),
    title: str = "",
    row_labels: Sequence[object] = (),
    column_labels: Sequence[object] = (),
    size: float = 10,
) -> Cells:
    """Draw a tensor of at most two dimensions as a grid of coloured cells.

    Args:
        ax: the axes to draw on; call `frame(ax)` when everything is drawn.
        values: what stands in the cells. A tensor of one dimension is one row. None
            leaves a cell without text.
        colors: one colour for all cells, a colour for each cell (in the shape of
            values), or a function from a value to its colour. The colour None draws the
            outline only; "#2f6fdb33" (with alpha) a fainter blue.
        at: x and y of the left upper corner.
        title: text above the cells.
        row_labels: small grey text at the left of each row, such as indices.
        column_labels: small grey text above each column.
        size: size of the text, in points.

    Shape:
        values (), (columns,) or (rows, columns); colors the same if it is a sequence.

    Returns:
        The place of the cells, to which arrows and other grids can refer.

    Raises:
        ValueError: values has more dimensions or is ragged; colors or labels don't fit.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> fig, ax = plt.subplots()
        >>> draw_cells(ax, [[1, 2, 3], [4, 5, 6]], BLUE, at=(4, 0))
        Cells(left=4, top=0, rows=2, columns=3)
        >>> plt.close(fig)
    """
    grid = as_grid("values", values)
    cells = Cells(*at, len(grid), len(grid[0]))
    if callable(colors):
        fills = [[colors(value) for value in row] for row in grid]
    elif colors is None or isinstance(colors, str):
        fills = [[colors] * cells.columns for _ in grid]
    else:
        fills = as_grid("colors", colors)
    if [len(row) for row in fills] != [len(row) for row in grid]:
        found = f"{len(fills)} x {len(fills[0])}"
        raise ValueError(f"colors must be {cells.rows} x {cells.columns}, got {found}")
    labels = {"row_labels": row_labels, "column_labels": column_labels}
    for (name, texts), count in zip(labels.items(), cells[2:], strict=True):
        if len(texts) not in (0, count):
            raise ValueError(f"{name} must have {count} entries, got {len(texts)}")

    for row, (numbers, hues) in enumerate(zip(grid, fills, strict=True)):
        for column, (value, hue) in enumerate(zip(numbers, hues, strict=True)):
            x, y = cells.left + column, cells.top + row
            corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
            ax.add_patch(Polygon(corners, fc=face(hue), ec=GREY, lw=0.8))
            middle = cells.point(row, column)
            ax.text(*middle, as_text(value), ha="center", va="center", size=size)
    small = {"color": GREY, "size": size - 2}
    for row, label in enumerate(row_labels):
        x, y = cells.point(row, 0, "left")
        ax.text(x - 0.2, y, str(label), ha="right", va="center", **small)
    for column, label in enumerate(column_labels):
        x, y = cells.point(0, column, "top")
        ax.text(x, y - 0.15, str(label), ha="center", va="bottom", **small)
    above = cells.top - (0.9 if len(column_labels) else 0.25)
    ax.text(cells.left + cells.columns / 2, above, title, ha="center", va="bottom")
    return cells
# --8<-- [end:cells]

# --8<-- [start:box]
def draw_box(
    ax: Axes,
    colors: Any,
    values: Any = None,
    *,
    at: tuple[float, float] = (0.0, 0.0),
    title: str = "",
    axes: Sequence[str] = (),
    size: float = 10,
) -> Cells:
    """Draw a tensor of three dimensions as a box of cells that stand one behind another.

    Args:
        ax: the axes to draw on; call `frame(ax)` when everything is drawn.
        colors: the colour of each cell. Index 0 of the first dimension is in front.
        values: what stands in the cells of the front; None for nothing.
        at: x and y of the left upper corner of the front.
        title: text above the box.
        axes: three names, written along depth, height and width.
        size: size of the text, in points.

    Shape:
        colors (depth, rows, columns), values (rows, columns).

    Returns:
        The place of the front.

    Raises:
        ValueError: the sheets of colors differ in shape, or there are not three axes.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> fig, ax = plt.subplots()
        >>> draw_box(ax, [[[BLUE, BLUE]], [[ORANGE, ORANGE]]], axes="NCL")
        Cells(left=0.0, top=0.0, rows=1, columns=2)
        >>> plt.close(fig)
    """
    sheets = [as_grid("colors", sheet) for sheet in colors]
    rows, columns = len(sheets[0]), len(sheets[0][0])
    if any((len(sheet), len(sheet[0])) != (rows, columns) for sheet in sheets):
        raise ValueError("colors must have sheets of one shape")
    if len(axes) not in (0, 3):
        raise ValueError(f"axes must be three names, got {len(axes)}")
    empty = [[None] * columns for _ in range(rows)]
    front = draw_cells(
        ax, empty if values is None else values, sheets[0], at=at, size=size
    )
    left, top, right = front.left, front.top, front.right
    back = 0.5  # how far a cell goes to the right and upwards for each step in depth
    for depth, sheet in enumerate(sheets):
        near, far = back * depth, back * (depth + 1)
        for i in range(columns):  # the top
            steps = [(i, near), (i + 1, near), (i + 1, far), (i, far)]
            corners = [(left + step + d, top - d) for step, d in steps]
            ax.add_patch(Polygon(corners, fc=face(sheet[0][i]), ec=GREY, lw=0.8))
        for i in range(rows):  # the right side
            steps = [(i, near), (i, far), (i + 1, far), (i + 1, near)]
            corners = [(right + d, top + step - d) for step, d in steps]
            ax.add_patch(Polygon(corners, fc=face(sheet[i][-1]), ec=GREY, lw=0.8))
    depth = back * len(sheets)
    if axes:
        small = {"color": GREY, "size": size}
        x, y = left + depth / 2 - 0.15, top - depth / 2 - 0.05
        ax.text(x, y, axes[0], ha="right", va="bottom", **small)
        ax.text(left - 0.2, top + rows / 2, axes[1], ha="right", va="center", **small)
        middle = left + columns / 2
        ax.text(middle, front.bottom + 0.15, axes[2], ha="center", va="top", **small)
    x = left + (columns + depth) / 2
    ax.text(x, top - depth - 0.25, title, ha="center", va="bottom")
    return front
# --8<-- [end:box]

# --8<-- [start:arrow]
def draw_arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str = GREY,
    *,
    bend: float = 0.0,
    text: str = "",
) -> None:
    """Draw an arrow between two points, such as `Cells.point` gives.

    Args:
        ax: the axes to draw on.
        start: x and y where the arrow begins.
        end: x and y of its head.
        color: of the arrow.
        bend: how far it leaves the straight line, as a share of its length.
        text: written above the middle of the straight line.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> fig, ax = plt.subplots()
        >>> one, two = draw_cells(ax, 1), draw_cells(ax, 1, at=(3, 0))
        >>> draw_arrow(ax, one.point(0, 0, "right"), two.point(0, 0, "left"))
        >>> plt.close(fig)
    """
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=9,
        color=color,
        lw=1.2,
        shrinkA=1,
        shrinkB=1,
        connectionstyle=f"arc3,rad={bend}",
        clip_on=False,
    )
    ax.add_artist(arrow)
    ax.update_datalim([start, end])
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    ax.text(x, y - 0.2, text, ha="center", va="bottom")
# --8<-- [end:arrow]

# --8<-- [start:frame]
def frame(ax: Axes, cell: float = 0.36) -> None:
    """Fit the axes to what is drawn, without lines and ticks, y downwards.

    Args:
        ax: the axes that cells and arrows were drawn on.
        cell: width of a cell in inches. It sets the size of the figure if the figure
            has no other axes; then cells are equally large in all pictures.

    Raises:
        ValueError: nothing is drawn yet.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> fig, ax = plt.subplots()
        >>> cells = draw_cells(ax, [[1, 2, 3], [4, 5, 6]])
        >>> frame(ax, cell=0.5)
        >>> fig.get_size_inches().round(2).tolist()
        [1.6, 1.1]
        >>> plt.close(fig)
    """
    if not (ax.patches or ax.artists):
        raise ValueError("frame must be called after something is drawn on ax")
    (left, top), (right, bottom) = ax.dataLim.min, ax.dataLim.max
    left, top, right, bottom = left - 0.1, top - 0.1, right + 0.1, bottom + 0.1
    ax.set(aspect="equal", xlim=(left, right), ylim=(bottom, top))
    ax.axis("off")
    if len(ax.figure.axes) == 1:
        ax.set_position((0, 0, 1, 1))
        ax.figure.set_size_inches(cell * (right - left), cell * (bottom - top))
# --8<-- [end:frame]
