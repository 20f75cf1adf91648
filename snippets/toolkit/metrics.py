# --8<-- [start:accuracy]
"""Metrics of a whole epoch, from what a net puts out and what it should have."""

import torch


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
        ValueError: the numbers of elements differ, or one class is missing.

    Example:
        >>> auc(torch.tensor([0.1, 0.4, 0.4, 0.8]), torch.tensor([0, 0, 1, 1]))
        0.875
    """
    scores, positive = outputs.flatten().cpu(), targets.flatten().cpu() > 0.5
    if scores.shape != positive.shape or positive.all() or not positive.any():
        raise ValueError("auc needs as many scores as targets, and both classes")
    if scores.isnan().any() or targets.isnan().any():  # sorting would rank NaN above all
        return float("nan")
    lower = scores[~positive].sort().values
    below = torch.searchsorted(lower, scores[positive])
    not_above = torch.searchsorted(lower, scores[positive], right=True)
    return ((below + not_above).double().mean() / 2 / len(lower)).item()
# --8<-- [end:auc]

# --8<-- [start:epoch]
def samples(batch: object) -> int:
    """How many samples a batch holds: the first size of the first tensor inside.

    Raises:
        TypeError: there is no tensor with a dimension in it.
    """
    inside = batch
    while isinstance(inside, (dict, list, tuple)) and inside:
        inside = next(iter(inside.values() if isinstance(inside, dict) else inside))
    if not isinstance(inside, torch.Tensor) or not inside.ndim:
        raise TypeError(f"a batch must hold tensors of samples, got {type(batch).__name__}")
    return len(inside)


class Epoch:
    """What one pass over the data saw. Its numbers are read once, at the end."""

    def __init__(self, metrics: dict) -> None:
        self.metrics = metrics
        self.losses, self.sizes, self.outputs, self.targets = [], [], [], []

    def add(
        self, loss: torch.Tensor, outputs: torch.Tensor, targets: torch.Tensor
    ) -> None:
        """Note a batch and its mean loss, without waiting for the device."""
        self.losses.append(loss.detach())
        self.sizes.append(samples(targets))
        if self.metrics:
            self.outputs.append(outputs.detach())
            self.targets.append(targets)

    def result(self) -> dict[str, float]:
        """The loss, each sample counted once, and the metrics of the whole pass."""
        if not self.sizes:
            raise ValueError("the data gave no batch: is it empty, or used up?")
        losses = torch.stack(self.losses).cpu().double()
        sizes = torch.tensor(self.sizes).to(losses)
        found = {"loss": (losses @ sizes / sizes.sum()).item()}
        if self.metrics:
            outputs, targets = torch.cat(self.outputs).float(), torch.cat(self.targets)
            found |= {k: float(f(outputs, targets)) for k, f in self.metrics.items()}
        return found
# --8<-- [end:epoch]
