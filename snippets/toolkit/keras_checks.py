# --8<-- [start:check_model]
"""What a KerasModel and its fit are given, checked before any training."""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from snippets.toolkit.checks import expect, free_name, known
from snippets.toolkit.metrics import samples, total_loss
from snippets.toolkit.nests import describe_nest, is_inputs
from snippets.toolkit.random_states import undrawn


def check_model(
    net: object, loss: object, optimizer: object, metrics: object, target: object
) -> "dict[str, Callable]":
    """Check what a KerasModel is made of; return the metrics, collections taken apart.

    Raises:
        TypeError, ValueError: names what is wrong.

    Warns:
        UserWarning: the optimizer lacks parameters that require a gradient.
    """
    expect("net", net, nn.Module)
    if not callable(loss):
        said = "loss must be a function of (outputs, targets)"
        raise TypeError(f"{said}, got {describe_nest(loss)}")
    check_optimizer(optimizer)
    expect("target", target, str, None)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in net.parameters()):
        raise ValueError("optimizer has none of the parameters of net")
    modules = [module for module in (net, loss) if isinstance(module, nn.Module)]
    named = [pair for module in modules for pair in module.named_parameters()]
    left = [name for name, p in named if p.requires_grad and id(p) not in held]
    if left:
        names = ", ".join([*left[:4], *["..."] * (len(left) > 4)])
        said = f"optimizer lacks parameters that require a gradient: {names}"
        hint = "give it these too, or call requires_grad_(False) on them"
        warnings.warn(f"{said}; {hint}", stacklevel=3)
    return check_metrics({} if metrics is None else metrics)


def check_optimizer(optimizer: object) -> None:
    """Refuse what can't do the work of an Optimizer; it need not be of that class."""
    uses = ("param_groups", "zero_grad", "step", "state_dict", "load_state_dict")
    lacks = [name for name in uses if not hasattr(optimizer, name)]
    if isinstance(optimizer, type) or lacks:
        got = repr(optimizer) if isinstance(optimizer, str) else describe_nest(optimizer)
        without = f" without {', '.join(lacks)}" if 0 < len(lacks) < len(uses) else ""
        raise TypeError(f"optimizer must be Optimizer, got {got}{without}")


def check_metrics(metrics: object) -> "dict[str, Callable]":
    """Name -> function; a collection of torchmetrics gives its own names."""
    if not hasattr(metrics, "items"):
        expect("metrics", metrics, dict)
    found = {}
    for name, metric in metrics.items():
        free_name("metric", name, found)
        several = dict(metric.items()) if hasattr(metric, "items") else {name: metric}
        for own, function in several.items():
            free_name("metric", own, found)
            if not callable(function):
                got = describe_nest(function)
                said = "must be a function of (outputs, targets)"
                raise TypeError(f"metric {own!r} {said}, got {got}")
        found |= several
    return found


def check_update(
    optimizer: object, scheduler: object, every: object, accumulate: object,
    clip: object,
) -> None:  # fmt: skip
    """Check what an Update is made of."""
    check_optimizer(optimizer)
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure and closure.default is inspect.Parameter.empty:
        kind = type(optimizer).__name__
        raise ValueError(f"optimizer: {kind} needs a closure; write its loop yourself")
    expect("scheduler", scheduler, LRScheduler, None)
    if scheduler and scheduler.optimizer is not optimizer:
        raise ValueError("scheduler was made for another optimizer")
    known("scheduler_every", every, ["epoch", "step"])
    if isinstance(scheduler, ReduceLROnPlateau) and every == "step":
        raise ValueError('ReduceLROnPlateau needs scheduler_every="epoch", got "step"')
    expect("accumulate", accumulate, int, above=0)
    expect("clip_norm", clip, int, float, None, above=0)
# --8<-- [end:check_model]

# --8<-- [start:check_fit]
def check_fit(
    model: object, train: object, validation: object, epochs: object, monitor: object,
    mode: object, patience: object, callbacks: object, progress: object,
) -> tuple:  # fmt: skip
    """Check the arguments of fit; return mode, train and validation for its use."""
    expect("epochs", epochs, int)
    expect("monitor", monitor, str, None)
    expect("mode", mode, str, None)
    expect("patience", patience, int, None, above=0)
    expect("progress", progress, bool, None)
    check_callbacks(callbacks)
    check_data("train", train, epochs)
    names, parts = ["loss", *model.metrics], []
    usual = model.evaluate.__qualname__ == "KerasModel.evaluate"  # an own may differ
    if validation is not None:
        check_data("validation", validation, epochs)
    if validation is not None and usual:
        validation, parts = looked_at(model, "validation", validation)
    elif monitor is not None and monitor not in names:  # is it the name of a part?
        train, parts = looked_at(model, "train", train)
    names += parts + [f"val_{name}" for name in names + parts if validation is not None]
    plateau = model.update.scheduler.mode if model.update.plateau else None
    if monitor is None:
        if plateau or patience is not None or mode is not None:
            raise ValueError("patience, mode and ReduceLROnPlateau need monitor")
        return "min", train, validation
    known("monitor", monitor, names)
    mode = mode or ("min" if monitor.endswith("loss") else None)
    known("mode", mode, ["min", "max"])
    if plateau and plateau != mode:
        said = f"ReduceLROnPlateau has mode={plateau!r}, but monitor={monitor!r}"
        raise ValueError(f"{said} has mode={mode!r}: give both the same")
    return mode, train, validation


def looked_at(model: object, what: str, data: object) -> tuple:
    """The data, and the names of the parts of loss in its first batch.

    The net sees that batch once before it trains, so that what can't work ends here. No
    random number is drawn that counts.
    """
    with undrawn(model.device, data), torch.no_grad(), model.place.cast:
        batch = next(iter(data), model)
        if batch is model:
            raise ValueError(f"{what} gave no batch: is it empty, or used up?")
        model.net.eval()
        _, targets, loss = model.forward(model.place.move(batch))
    total_loss(loss), samples(targets)
    names = list(loss) if isinstance(loss, dict) else []
    for name in names:
        free_name("part of loss", name, model.metrics)
    again = itertools.chain([batch], data) if isinstance(data, Iterator) else data
    return again, names


def check_data(what: str, data: object, epochs: int = 1, inputs: bool = False) -> None:
    """Refuse what isn't batches, nor inputs, or is walked through only once."""
    if inputs and is_inputs(data):
        return
    none = (torch.Tensor, str, bytes, Mapping)
    if isinstance(data, none) or not isinstance(data, Iterable):
        got = describe_nest(data)
        said = f"{what} must be a DataLoader or another iterable of batches"
        raise TypeError(f"{said}, got {got}")
    if epochs > 1 and isinstance(data, Iterator):
        said = f"{what} gives no batch in the second epoch, for an iterator is used up"
        raise ValueError(f"{said}: give a DataLoader or a list")


def check_callbacks(callbacks: object) -> None:
    """Refuse what isn't a list of functions or context managers."""
    many = isinstance(callbacks, Sequence) and not isinstance(callbacks, str)
    for call in callbacks if many else [None]:
        if not callable(call) and not hasattr(call, "__enter__"):
            got = describe_nest(call if many else callbacks)
            said = "callbacks must be a list of functions of (model, row)"
            raise TypeError(f"{said}, or of context managers that give one; got {got}")
# --8<-- [end:check_fit]
