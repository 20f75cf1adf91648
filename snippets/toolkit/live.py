# --8<-- [start:live]
"""Curves of a training that is still going on, for any loop and any library."""

import io
import json
import math
import os
import sys
import time

from snippets.toolkit.checks import expect, known


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython else False


class LivePlot:
    """Numbers of steps and of epochs as curves, with the best point marked.

    A notebook shows one figure that grows, at most twice a second; a terminal one line
    that changes; a script whose output goes elsewhere the figure, once, at the end.

    Args:
        monitor: name of the number whose best value is marked (None: none is).
        mode: whether ``"min"`` or ``"max"`` is best (None: ``"min"`` for a loss).
        path: a PNG file to write at the end, with the numbers inside (None: no file).

    Raises:
        TypeError, ValueError: a wrong argument or number; says which.

    Example:
        >>> plot = LivePlot("val_loss")
        >>> for epoch in (1, 2, 3):
        ...     plot.log_epoch(epoch, loss=1 / epoch, val_loss=abs(epoch - 2) + 0.5)
        >>> plot.best()
        (2, 0.5)
    """

    def __init__(
        self, monitor: "str | None" = None, mode: "str | None" = None, *,
        path: "str | os.PathLike | None" = None,
    ) -> None:  # fmt: skip
        expect("monitor", monitor, str, None)
        expect("path", path, str, os.PathLike, None)
        if monitor is None and mode is not None:
            raise ValueError("mode needs monitor")
        if monitor is not None:
            mode = mode or ("min" if monitor.endswith("loss") else None)
            known("mode", mode, ["min", "max"])
        self.monitor, self.mode, self.path = monitor, mode, path
        self.history = {"step": {}, "epoch": {}}  # name -> points (step, number)
        self.last, self.shown, self.draws = None, None, 0
        self.due = -math.inf  # when something is shown next

    def log(self, step: float, **numbers: float) -> None:
        """Note numbers of one step, such as the loss of a batch."""
        self.note("step", step, numbers)

    def log_epoch(self, epoch: float, **numbers: float) -> None:
        """Note numbers of a whole epoch."""
        self.note("epoch", epoch, numbers)

    def note(self, what: str, at: float, numbers: "dict[str, float]") -> None:
        """Keep the numbers of a step or epoch; show them, if that is due."""
        expect(what, at, int, float, above=-math.inf)
        if not numbers:
            raise ValueError(f"{what} {at} has no number: write name=number behind it")
        read = {name: as_number(name, value) for name, value in numbers.items()}
        for name, value in read.items():
            self.history[what].setdefault(name, []).append((at, value))
        self.last = what, at, read
        if time.monotonic() >= self.due:
            self.show()
            self.due = time.monotonic() + 0.5

    def best(self) -> "tuple[float, float] | None":
        """Where the monitor was best first, and its value; None if it has none."""
        points = self.history["epoch"].get(self.monitor)
        points = points or self.history["step"].get(self.monitor, [])
        real = [point for point in points if not math.isnan(point[1])]
        choose = max if self.mode == "max" else min
        return choose(real, key=lambda point: point[1]) if real else None

    def show(self) -> None:
        """Show the picture or line of now, if one is shown while training goes on."""
        if in_notebook():
            from IPython.display import Image, display

            image = Image(data=self.png())
            if self.shown is None:
                self.shown = display(image, display_id=True)
            else:
                self.shown.update(image)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self.text()}")
            sys.stderr.flush()

    def text(self) -> str:
        """The newest numbers in one line."""
        what, at, numbers = self.last
        said = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        best = self.best()
        mark = f" (best {self.monitor} {best[1]:.4g} at {best[0]})" if best else ""
        return f"{what} {at}: {said}{mark}"

    def png(self) -> bytes:
        """The picture, as a PNG file that has the numbers in its description."""
        from matplotlib.figure import Figure

        figure = self.draw(Figure(figsize=(6, 3.2), layout="constrained"))
        told, file = {"Description": json.dumps(self.history)}, io.BytesIO()
        figure.savefig(file, format="png", metadata=told)
        return file.getvalue()

    def draw(self, figure: object) -> object:
        """Draw the curves: those of steps on the left, those of epochs on the right."""
        self.draws += 1
        kinds = [what for what, curves in self.history.items() if curves] or ["epoch"]
        best = self.best()
        several = figure.subplots(1, len(kinds), squeeze=False)[0]
        for what, axes in zip(kinds, several, strict=True):
            for name, points in self.history[what].items():
                style = "-" if what == "step" or len(points) > 30 else ".-"
                axes.plot(*zip(*points, strict=True), style, label=name)
            if best and self.monitor in self.history[what] and what == kinds[-1]:
                axes.plot(*best, "*", markersize=12, color="#9b5de5", label="best")
            axes.set(xlabel=what)
            axes.legend() if self.history[what] else None
        return figure

    def close(self) -> None:
        """Show all that was noted once more, for good, and write the file."""
        if not any(self.history.values()):
            return
        if self.path is not None:
            self.save(self.path)
        if in_notebook() or sys.stderr.isatty():
            self.show()
            sys.stderr.write("" if in_notebook() else "\n")
            return
        import matplotlib.pyplot as plt

        self.draw(plt.figure(figsize=(6, 3.2), layout="constrained"))
        plt.show()

    def save(self, path: "str | os.PathLike") -> None:
        """Write the curves as a PNG file; ``read_history`` reads its numbers back."""
        path = os.path.expanduser(path)
        part = f"{path}.{os.getpid()}.part"
        with open(part, "wb") as file:
            file.write(self.png())
        os.replace(part, path)

    def __enter__(self) -> "LivePlot":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def as_number(name: str, value: object) -> float:
    """A number, or what holds one, such as a tensor."""
    try:
        return float(value.item() if hasattr(value, "item") else value + 0.0)
    except (TypeError, ValueError, RuntimeError):
        kind = type(value).__name__
        raise TypeError(f"{name} must be one number, got {kind} {value!r}") from None


def read_history(path: "str | os.PathLike") -> dict:
    """The numbers in a file of ``LivePlot``: kind -> name -> points [step, number]."""
    from PIL import Image

    with Image.open(os.path.expanduser(path)) as image:
        return json.loads(image.text["Description"])
# --8<-- [end:live]
