# --8<-- [start:tracked]
"""A callback of KerasModel.fit that gives Weights & Biases a whole experiment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from snippets.toolkit.checks import expect, known
from snippets.toolkit.states import inner, state_of
from snippets.toolkit.summary import as_before


@contextmanager
def tracked(
    monitor: str = "val_loss", mode: "str | None" = None, *,
    examples: "tuple | None" = None, picture: "Callable | None" = None,
    most: int = 50, **options: object,
) -> "Iterator[Callable]":  # fmt: skip
    """Log the history, what was chosen, the best weights, and right and wrong answers.

    Args:
        monitor: the number of a row by which weights are the best.
        mode: whether ``"min"`` or ``"max"`` is best (None: ``"min"`` for a loss).
        examples: (inputs, labels) that the net, as it is at the end, is asked about.
        picture: input -> array (H, W) or (H, W, 3) to show in the table (None: none).
        most: right answers in the table, and as many wrong ones.
        options: those of ``wandb.init``, such as ``project="digits"`` or ``config={}``.

    Raises:
        KeyError: no row has a number ``monitor``.
        TypeError, ValueError: a wrong argument; says which.

    Example:
        >>> run = tracked("val_accuracy", "max", project="digits")
        >>> model.fit(train, valid, callbacks=[run])  # doctest: +SKIP
    """
    import wandb  # only here: KerasModel doesn't need it

    expect("monitor", monitor, str)
    expect("most", most, int, above=0)
    mode = mode or ("min" if monitor.endswith("loss") else None)
    sign = {"min": 1, "max": -1}[known("mode", mode, ["min", "max"])]
    best, trained = {}, []
    with wandb.init(**options) as run:
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        run.define_metric(monitor, step_metric="epoch", summary=mode)

        def log(model: object, row: dict[str, float]) -> None:
            if monitor not in row:
                raise KeyError(f"monitor={monitor!r}: a row has {', '.join(row)}")
            if not trained:
                trained.append(model)
                run.config.update(described(model), allow_val_change=True)
            if not best or sign * row[monitor] < sign * best[monitor]:
                best.update(row)
                torch.save(state_of(model.net), Path(run.dir, "best.pt"))
            run.log(row, step=row["epoch"])

        yield log
        if best:
            weights = wandb.Artifact(f"weights-{run.id}", "model", metadata=best)
            weights.add_file(str(Path(run.dir, "best.pt")))
            run.log_artifact(weights)
        if trained and examples is not None:
            columns, rows = answers(trained[0], *examples, picture, most)
            run.log({"answers": wandb.Table(columns=columns, data=rows)})


def described(model: object) -> "Mapping[str, object]":
    """What was chosen, as far as a KerasModel knows it."""
    group = model.optimizer.param_groups[0]
    chosen = {k: v for k, v in group.items() if isinstance(v, (int, float, str))}
    return {
        "net": type(inner(model.net)).__name__,
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "optimizer": {"name": type(model.optimizer).__name__} | chosen,
    }


def answers(
    model: object, inputs: torch.Tensor, labels: torch.Tensor,
    picture: "Callable | None", most: int,
) -> "tuple[list[str], list[list]]":  # fmt: skip
    """Columns and rows of a table: the least sure right answers, the surest wrong.

    Args:
        model: a KerasModel whose net gives logits (N, classes).
        inputs: (N, ...).
        labels: (N,), numbers of classes.
        picture: input -> array to show (None: no column of pictures).
        most: right answers, and as many wrong ones.
    """
    import wandb

    net = inner(model.net)
    with as_before(net, flops=False), torch.no_grad():
        sure, told = net(model.place.move(inputs)).softmax(dim=1).cpu().max(dim=1)
    rows = []
    for right, order in ((True, sure.argsort()), (False, sure.argsort(descending=True))):
        found = [i for i in order.tolist() if (told[i] == labels[i]).item() == right]
        for i in found[:most]:
            row = [i, labels[i].item(), told[i].item(), sure[i].item(), right]
            shown = [] if picture is None else [wandb.Image(picture(inputs[i]))]
            rows.append(row + shown)
    columns = ["number", "label", "answer", "probability", "right"]
    return columns + ([] if picture is None else ["picture"]), rows


# --8<-- [end:tracked]
