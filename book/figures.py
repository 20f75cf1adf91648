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
    """The figure as SVG without date or creator, on a transparent ground, trimmed to its ink.

    An image that is drawn larger than it is stays as small as it is: a tenth of the bytes, and sharp pixels.
    """
    for axes in figure.axes:
        for image in axes.get_images():
            shown, have = image.get_window_extent(), image.get_size()
            if have and shown.width >= have[1] and shown.height >= have[0]:
                image.set_interpolation("none")  # embed its own pixels; the browser enlarges them
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
