"""A matplotlib backend: ``plt.show()`` hands every open figure to the session as SVG, the same bytes for the same figure."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SVG_SETTINGS: Any = {"svg.hashsalt": "runnable-pytorch", "svg.fonttype": "path", "savefig.transparent": True}

publish: Callable[[dict[str, str]], None] = lambda bundle: None  # noqa: E731  # replaced by the session


def to_svg(figure: Figure) -> str:
    """The figure as SVG without date or creator, on a transparent ground, trimmed to its ink."""
    buffer = io.StringIO()
    with plt.rc_context(SVG_SETTINGS):
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None, "Creator": None}
        )
    return buffer.getvalue()


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        for number in plt.get_fignums():
            figure = plt.figure(number)
            width, height = figure.get_size_inches()
            publish({"image/svg+xml": to_svg(figure), "text/plain": f"<Figure of {width:g} x {height:g} inches>"})
        plt.close("all")


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
