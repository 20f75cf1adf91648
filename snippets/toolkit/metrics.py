# --8<-- [start:accuracy]
"""Metrics of a whole epoch, from what a net puts out and what it should have."""

from collections.abc import Callable

import torch

from snippets.toolkit.checks import free_name
from snippets.toolkit.nests import describe_nest, nested_parts, nested_tensors


def accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of right classes, from logits.

    Args:
        outputs: a logit for each class, or one for class 1, which counts if positive.
        targets: class indices, or 0 and 1.

    Shape:
        outputs (N, C, ...) with C of at least 2 and targets (N, ...), or both of one shape.

    Returns:
        The share; NaN where an output or a target is NaN, or where there is none.

    Raises:
        ValueError: the shapes fit neither case.

    Example:
        >>> accuracy(torch.tensor([2.0, -1.0, 3.0]), torch.tensor([1.0, 0.0, 0.0]))
        0.6666666666666666
    """
    if outputs.shape == targets.shape:
        right = (outputs > 0) == (targets > 0.5)
    elif outputs.shape[:1] + outputs.shape[2:] == targets.shape and outputs.size(1) > 1:
        right = outputs.argmax(1) == targets
    else:
        shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        hint = ": squeeze(1) makes one logit of one column" if 1 in outputs.shape[1:2] else ""
        raise ValueError(f"outputs and targets have shapes that don't fit: {shapes}{hint}")
    if outputs.isnan().any() or targets.isnan().any():  # no comparison is true of NaN
        return float("nan")
    return right.double().mean().item()
# --8<-- [end:accuracy]

# --8<-- [start:auc]
class Undefined(ValueError):
    """A metric has no value on this data; in a history it is NaN."""


def auc(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Area under the ROC curve: how often a positive sample scores above a negative.

    Args:
        outputs: scores; logits and probabilities give the same. Equal ones count half.
        targets: 0 and 1.

    Shape:
        As many outputs as targets.

    Returns:
        The area; NaN where a score or a target is NaN.

    Raises:
        ValueError: the numbers of elements differ.
        Undefined: one class is missing. It is a ValueError too.

    Example:
        >>> auc(torch.tensor([0.1, 0.4, 0.4, 0.8]), torch.tensor([0, 0, 1, 1]))
        0.875
    """
    scores, positive = outputs.flatten().cpu(), targets.flatten().cpu() > 0.5
    if scores.shape != positive.shape:
        counts = f"{len(scores)} and {len(positive)}"
        raise ValueError(f"auc needs as many scores as targets, got {counts}")
    if positive.all() or not positive.any():
        raise Undefined("auc needs both classes among the targets")
    if scores.isnan().any() or targets.isnan().any():  # sorting would rank NaN above all
        return float("nan")
    lower = scores[~positive].sort().values
    below = torch.searchsorted(lower, scores[positive])
    not_above = torch.searchsorted(lower, scores[positive], right=True)
    return ((below + not_above).double().mean() / 2 / len(lower)).item()
# --8<-- [end:auc]

# --8<-- [start:losses]
def samples(batch: object) -> int:
    """How many samples a batch holds: the first size of the first tensor inside.

    Raises:
        TypeError: there is no tensor with a dimension in it.
    """
    inside = batch
    if not isinstance(batch, torch.Tensor):
        inside = next(nested_tensors(batch), None)
    if inside is None or not inside.ndim:
        got = describe_nest(batch)
        raise TypeError(f"a batch must hold tensors of samples, got {got}")
    return len(inside)


def main_tensor(nest: object) -> torch.Tensor:
    """What metrics see of a nest: its part ``logits``, or the first tensor inside."""
    if isinstance(nest, torch.Tensor):
        return nest
    parts = nested_parts(nest) or {}
    samples(nest)  # there is a tensor in it
    if "logits" in parts:
        return main_tensor(parts["logits"])
    return next(nested_tensors(nest))


def total_loss(loss: object) -> torch.Tensor:
    """The loss as one number, of a tensor or of a dict of named parts: their sum.

    Raises:
        TypeError: it is something else, such as a number for each sample.
    """
    if isinstance(loss, torch.Tensor) and loss.numel() == 1:
        return loss.reshape(())
    if isinstance(loss, dict) and loss:
        return sum(total_loss(part) for part in loss.values())
    form = describe_nest(loss)
    raise TypeError(f"loss must give one number, or a dict of such parts, got {form}")


def widened(values: torch.Tensor) -> torch.Tensor:
    """Half precision as float32, all else as it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def weighted_loss(loss: object, weights: "torch.Tensor | None") -> object:
    """The mean over samples of weight times loss, if there are weights.

    Raises:
        ValueError: the loss isn't a number, or a row of them, for each sample.
    """
    if weights is None:
        return loss
    if isinstance(loss, dict):
        return {name: weighted_loss(part, weights) for name, part in loss.items()}
    if not loss.ndim or len(loss) != weights.numel():
        said = 'weights need a loss for each sample, such as with reduction="none"'
        shapes = f"loss {tuple(loss.shape)} and weights {tuple(weights.shape)}"
        raise ValueError(f"{said}; got {shapes}")
    each = loss.flatten(1).mean(1) if loss.ndim > 1 else loss  # (N,)
    return (each * weights.flatten()).mean()
# --8<-- [end:losses]

# --8<-- [start:epoch]
class Epoch:
    """What one pass over the data saw. Its numbers are read once, at the end."""

    def __init__(self, metrics: dict, what: str = "the data") -> None:
        self.metrics, self.what = metrics, what
        self.losses, self.sizes, self.outputs, self.targets = {"loss": []}, [], [], []

    def add(self, loss: object, outputs: object, targets: object) -> None:
        """Note a batch and its mean loss, without waiting for the device."""
        self.losses["loss"].append(total_loss(loss).detach())
        for name, part in loss.items() if isinstance(loss, dict) else ():
            if not self.sizes:
                free_name("part of loss", name, self.metrics)
            self.losses.setdefault(name, []).append(total_loss(part).detach())
        self.sizes.append(samples(targets))
        if self.metrics:
            self.outputs.append(main_tensor(outputs).detach())
            self.targets.append(main_tensor(targets))

    def result(self) -> dict[str, float]:
        """The loss, each sample counted once, and the metrics of the whole pass."""
        if not self.sizes:
            raise ValueError(f"{self.what} gave no batch: is it empty, or used up?")
        sizes, found = torch.tensor(self.sizes).double(), {}
        for name, losses in self.losses.items():
            if len(losses) < len(sizes):
                raise ValueError(f"loss: its part {name!r} is missing in some batches")
            values = torch.stack(losses).cpu().double()
            found[name] = (values @ sizes / sizes.sum()).item()
        if self.metrics:
            outputs = widened(torch.cat(self.outputs))
            targets = torch.cat(self.targets)
            for name, metric in self.metrics.items():
                found |= metric_numbers(name, metric, outputs, targets)
        return found


def metric_numbers(
    name: str, metric: "Callable", outputs: torch.Tensor, targets: torch.Tensor
) -> dict[str, float]:
    """A metric's number by its name; NaN where it is undefined, several of a dict."""
    try:
        value = metric(outputs, targets)
    except Undefined:
        return {name: float("nan")}
    finally:
        if hasattr(metric, "reset"):  # such as torchmetrics': it would hold the epoch
            metric.reset()
    several = isinstance(value, dict)
    numbers = {f"{name}_{k}": v for k, v in value.items()} if several else {name: value}
    try:
        return {key: float(number) for key, number in numbers.items()}
    except (TypeError, ValueError, RuntimeError):  # such as a tensor of many numbers
        got = describe_nest(value)
        raise TypeError(f"metric {name!r} must give one number, got {got}") from None
# --8<-- [end:epoch]
