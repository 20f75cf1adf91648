# --8<-- [start:accuracy]
"""Metrics of a whole epoch, from what a net puts out and what it should have."""

import torch


def accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of right classes, from logits.

    Args:
        outputs: a logit for each class, or one for class 1, which counts if positive.
        targets: class indices, or 0 and 1.

    Shape:
        outputs (N, C) and targets (N,), or both of one shape.

    Raises:
        ValueError: the shapes fit neither case.

    Example:
        >>> accuracy(torch.tensor([2.0, -1.0, 3.0]), torch.tensor([1.0, 0.0, 0.0]))
        0.6666666666666666
    """
    if outputs.shape == targets.shape:
        right = (outputs > 0) == (targets > 0.5)
    elif outputs.shape[:1] + outputs.shape[2:] == targets.shape:
        right = outputs.argmax(1) == targets
    else:
        shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"outputs and targets have shapes that don't fit: {shapes}")
    return right.sum().item() / right.numel()
# --8<-- [end:accuracy]

# --8<-- [start:auc]
def auc(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Area under the ROC curve: how often a positive sample scores above a negative.

    Args:
        outputs: scores; logits and probabilities give the same. Equal ones count half.
        targets: 0 and 1.

    Shape:
        As many outputs as targets.

    Raises:
        ValueError: the numbers of elements differ, or one class is missing.

    Example:
        >>> auc(torch.tensor([0.1, 0.4, 0.4, 0.8]), torch.tensor([0, 0, 1, 1]))
        0.875
    """
    scores, positive = outputs.flatten().cpu(), targets.flatten().cpu() > 0.5
    if scores.shape != positive.shape or positive.all() or not positive.any():
        raise ValueError("auc needs as many scores as targets, and both classes")
    lower = scores[~positive].sort().values
    below = torch.searchsorted(lower, scores[positive])
    not_above = torch.searchsorted(lower, scores[positive], right=True)
    return ((below + not_above).double().mean() / 2 / len(lower)).item()
# --8<-- [end:auc]

# --8<-- [start:epoch]
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
        self.sizes.append(len(targets))
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
