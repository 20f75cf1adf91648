# --8<-- [start:loggers]
"""Callbacks for KerasModel.fit: each opens something and gives a function."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def tensorboard(folder: str) -> "Iterator[Callable]":
    """Write each number of the history to TensorBoard event files.

    Args:
        folder: where the files go; a second run continues the curves.
    """
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:

        def log(model, row: dict[str, float]) -> None:
            for name in row.keys() - {"epoch"}:
                writer.add_scalar(name, row[name], row["epoch"])

        yield log


@contextmanager
def weights_and_biases(**options: object) -> "Iterator[Callable]":
    """Log each row of the history to Weights & Biases.

    Args:
        options: those of ``wandb.init``, such as ``project="rings"``.
    """
    import wandb  # only here: KerasModel doesn't need it

    with wandb.init(**options) as run:
        yield lambda model, row: run.log(row, step=row["epoch"])
# --8<-- [end:loggers]

# --8<-- [start:live_curve]
@contextmanager
def live_curve(*names: str) -> "Iterator[Callable]":
    """Draw the history: anew after each epoch in a notebook, elsewhere at the end.

    Args:
        names: the numbers to draw (default: loss and val_loss).
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    figure, axes = plt.subplots(figsize=(6, 3.2))
    shown = None

    def draw(model, row: dict[str, float]) -> None:
        nonlocal shown
        axes.clear()
        for name in names or ("loss", "val_loss"):
            points = {r["epoch"]: r[name] for r in model.history if name in r}
            axes.plot(points.keys(), points.values(), marker=".", label=name)
        axes.set(xlabel="epoch")
        axes.legend()
        if in_notebook() and shown is None:
            shown = display(figure, display_id=True)
        elif in_notebook():
            shown.update(figure)

    try:
        yield draw
    finally:
        plt.close(figure) if in_notebook() else plt.show()


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython else False
# --8<-- [end:live_curve]
