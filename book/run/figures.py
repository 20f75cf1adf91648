"""A matplotlib backend: ``plt.show()`` hands every open figure to the session as SVG, the same bytes for the same figure."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends import backend_svg
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import _ImageBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from book.source.shown import SIMPLIFIED

SVG_SETTINGS: Any = {"svg.hashsalt": "runnable-pytorch", "svg.fonttype": "path", "savefig.transparent": True}
LONG = 2000  # points: matplotlib may simplify longer lines only, for it drops points by their value
DECIMALS = 3  # of a coordinate, in points: matplotlib writes six, a third of a page's weight
COORDINATES = re.compile(r'(?<= [dxy]=")[^"]*')
FRACTION = re.compile(r"-?\d+\.\d+")
NO_MARKS = "a figure has no marks: draw a line, a patch, an image or a text in its axes before plt.show()"

publish: Callable[[dict[str, str]], object] = lambda bundle: None  # noqa: E731  # replaced by the session
refuse: Callable[[str], None] = lambda why: None  # noqa: E731  # replaced by the session

NO_GLYPH = re.compile(r"Glyph (?P<number>\d+) .*missing from|does not have a glyph for .*\[U\+(?P<code>[0-9a-fA-F]+)\]")


class _Unknown(logging.Handler):
    """Collects the letters that formulas lack: they are told to a logger, once for each text."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.letters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.letters |= _letters(record.getMessage())

    def filter(self, record: logging.LogRecord) -> bool:
        return NO_GLYPH.search(record.getMessage()) is not None


_unknown = _Unknown()
logging.getLogger("matplotlib.mathtext").addHandler(_unknown)


def _letters(message: str) -> set[str]:
    found = NO_GLYPH.search(message)
    if found is None:
        return set()
    return {chr(int(found["number"]) if found["number"] else int(found["code"], 16))}


def _told_as_missing(figure: Figure, caught: list[warnings.WarningMessage]) -> str:
    """The letters of a figure that its fonts can't draw: matplotlib puts an empty box for each."""
    letters = set().union(*(_letters(str(one.message)) for one in caught))
    words = "".join(text.get_text() for text in figure.findobj(Text))
    return "".join(dict.fromkeys(letter for letter in words if letter in letters | _unknown.letters)) or "".join(
        letters
    )


def to_svg(figure: Figure) -> str:
    """The figure as SVG without date or creator, on a transparent ground, trimmed to its ink.

    An image that is drawn larger than it is stays as small as it is: a tenth of the bytes, and sharp pixels.
    """
    for axes in figure.axes:
        for image in axes.get_images():
            shown, have = image.get_window_extent(), image.get_size()
            if have and shown.width >= have[1] and shown.height >= have[0]:
                image.set_interpolation("none")  # embed its own pixels; the browser enlarges them
    buffer = io.StringIO()
    with (
        plt.rc_context(SVG_SETTINGS),
        mock.patch.object(backend_svg, "RendererSVG", _Renderer),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None, "Creator": None}
        )
    missing = _told_as_missing(figure, caught)
    if missing:
        refuse(
            f'draws a figure whose font has no letter for "{missing}": empty boxes would stand for it; '
            "name a font that has it, or write words that this one has"
        )
    others = [one for one in caught if not NO_GLYPH.search(str(one.message))]
    for one in {(str(o.message), o.category, o.filename, o.lineno): o for o in others}.values():  # each once, as usual
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return COORDINATES.sub(lambda found: FRACTION.sub(_rounded, found[0]), buffer.getvalue())


def _rounded(number: re.Match[str]) -> str:
    short = f"{float(number[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


class _Renderer(backend_svg.RendererSVG):
    """Draws every point of a line, or puts a long one that is simplified into a group that says so."""

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        drawn: Any = super()
        if path.should_simplify and len(path.vertices) > LONG:
            drawn.open_group(SIMPLIFIED)
            drawn.draw_path(gc, path, transform, rgbFace)
            drawn.close_group(SIMPLIFIED)
            return
        if path.should_simplify:
            path = path.copy()
            path.should_simplify = False
        drawn.draw_path(gc, path, transform, rgbFace)


def has_marks(figure: Figure) -> bool:
    """Whether the figure shows anything but empty axes and titles."""
    own = [*figure.lines, *figure.patches, *figure.images, *figure.artists]
    for axes in figure.axes:
        own += [*axes.lines, *axes.patches, *axes.collections, *axes.images, *axes.texts, *axes.tables, *axes.artists]
    return any(artist.get_visible() and _draws(artist) for artist in own)


def _draws(artist: Any) -> bool:
    """Whether there is something to draw in an artist."""
    if isinstance(artist, Line2D):
        return _finite(artist.get_xydata())
    if isinstance(artist, Patch):
        return _finite(artist.get_path().vertices)
    if isinstance(artist, Collection):
        return _finite(artist.get_offsets()) and any(np.size(path.vertices) for path in artist.get_paths())
    if isinstance(artist, _ImageBase):
        return artist.get_array() is not None and np.asarray(artist.get_array()).size > 0
    if isinstance(artist, Text):
        return bool(artist.get_text().strip()) or getattr(artist, "arrow_patch", None) is not None
    return True


def _finite(points: Any) -> bool:
    """Whether one of the points has a place."""
    return bool(np.isfinite(np.ma.filled(np.ma.asarray(points, dtype=float), np.nan)).all(axis=-1).any())


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        for number in plt.get_fignums():
            figure = plt.figure(number)
            if not has_marks(figure):
                refuse(NO_MARKS)
            width, height = figure.get_size_inches()
            publish({"image/svg+xml": to_svg(figure), "text/plain": f"<Figure of {width:g} x {height:g} inches>"})
        plt.close("all")


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
