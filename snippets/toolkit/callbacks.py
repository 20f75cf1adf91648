# --8<-- [start:opened]
"""Callbacks for KerasModel.fit: each opens something and gives a function."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
from tqdm.auto import tqdm

from snippets.toolkit.checks import expect
from snippets.toolkit.live import LivePlot, in_notebook
from snippets.toolkit.states import inner
from snippets.toolkit.summary import as_before


@contextmanager
def opened(
    callbacks: "Sequence", batches: "Iterable", epochs: int, progress: "bool | None"
) -> "Iterator[tuple[list[Callable], Callable]]":
    """Functions of (model, row), and one to call after each batch; closed at the end.

    Args:
        callbacks: functions, or context managers that give one.
        batches: of an epoch; with their number, if they know it.
        epochs: how many there are.
        progress: show a bar (None: in a terminal and in a notebook).
    """
    shown = sys.stderr.isatty() or in_notebook() if progress is None else progress
    try:
        total = epochs * len(batches)
    except TypeError:  # a stream; a DataLoader of one has a __len__ that raises
        total = None
    with ExitStack() as stack:
        enter = stack.enter_context
        calls = [enter(c) if hasattr(c, "__enter__") else c for c in callbacks]
        bar = enter(tqdm(total=total, disable=not shown, mininterval=0.5))

        def show(model: object, row: dict[str, float]) -> None:
            bar.set_postfix(row, refresh=False)

        yield [show, *calls], bar.update
# --8<-- [end:opened]

# --8<-- [start:loggers]
@contextmanager
def tensorboard(
    folder: "str | os.PathLike", *, histograms: int = 0, graph: object = None,
    figures: "Mapping[str, Callable] | None" = None, hparams: "Mapping | None" = None,
) -> "Iterator[Callable]":  # fmt: skip
    """Write each number of the history to TensorBoard event files, rates included.

    Args:
        folder: where the files go; a second run continues the curves.
        histograms: of weights and gradients, each so many epochs (0: none; they cost).
        graph: inputs that the net's graph is traced with, once (None: no graph).
        figures: name -> function of the model that gives a matplotlib figure.
        hparams: name -> number or text; a row of the table, with the last numbers.
    """
    from torch.utils.tensorboard import SummaryWriter

    expect("histograms", histograms, int)
    last = {}
    with SummaryWriter(folder) as writer:

        def log(model: object, row: dict[str, float]) -> None:
            at = row["epoch"]
            for name in row.keys() - {"epoch"}:
                writer.add_scalar(name, row[name], at)
            groups = model.optimizer.param_groups
            for k, group in enumerate(groups if len(groups) > 1 else ()):
                writer.add_scalar(f"lr_of_group/{k}", group["lr"], at)
            if histograms and at % histograms == 0:
                add_histograms(writer, model.net, at)
            if graph is not None and not last:
                add_graph(writer, model, graph)
            for name, make in (figures or {}).items():
                writer.add_figure(name, make(model), at)
            last.update(row)

        yield log
        if hparams and last:
            kept = last.keys() - {"epoch", "lr"}
            numbers = {f"last/{name}": last[name] for name in kept}
            writer.add_hparams(dict(hparams), numbers, run_name=".")


def add_histograms(writer: object, net: torch.nn.Module, at: int) -> None:
    """The values of weights and of the last step's gradients that are finite."""
    for name, parameter in net.named_parameters():
        group = name.replace(".", "/")
        for kind, values in (("weights", parameter), ("gradients", parameter.grad)):
            if values is not None and values.isfinite().any():
                finite = values.detach()[values.isfinite()].float()
                writer.add_histogram(f"{kind}/{group}", finite, at)


def add_graph(writer: object, model: object, inputs: object) -> None:
    """The graph of the net as it evaluates; its mode and random states stay."""
    net = inner(model.net)
    with as_before(net, flops=False), torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*jit.trace", DeprecationWarning)
        writer.add_graph(net, model.place.move(inputs), use_strict_trace=False)


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
def live_curve(
    *names: str, monitor: "str | None" = None, mode: "str | None" = None
) -> "Iterator[Callable]":
    """Draw the history: anew after each epoch in a notebook, elsewhere at the end.

    Args:
        names: the numbers to draw (default: loss and val_loss).
        monitor: the one whose best epoch is marked, as in ``LivePlot``.
        mode: whether ``"min"`` or ``"max"`` is best.
    """
    with LivePlot(monitor, mode) as plot:

        def draw(model: object, row: dict[str, float]) -> None:
            for row in model.history[len(seen) :]:
                seen.append(row)
                numbers = {k: row[k] for k in names or ("loss", "val_loss") if k in row}
                plot.log_epoch(row["epoch"], **numbers)

        seen = []
        yield draw
# --8<-- [end:live_curve]
