# --8<-- [start:reduce]
"""Losses that torch.nn has not: focal loss and symmetric cross-entropy."""

import torch
import torch.nn.functional as F
from torch import nn

REDUCTIONS = ("none", "mean", "sum")


def reduce(each: torch.Tensor, reduction: str) -> torch.Tensor:
    """Reduce the losses of the samples, as the losses of torch.nn do."""
    if reduction == "none":
        return each
    return each.mean() if reduction == "mean" else each.sum()


def check(name: str, value: object, good: bool, accepted: str) -> None:
    """Raise a ValueError that names the argument, its value and what is accepted."""
    if not good:
        raise ValueError(f"{name} must be {accepted}, got {value!r}")


def check_classes(logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise a ValueError unless logits are (N, C, ...) and targets (N, ...), C above 1."""
    if logits.ndim < 2 or logits.shape[:1] + logits.shape[2:] != targets.shape:
        shapes = f"{tuple(logits.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"logits and targets have shapes that don't fit: {shapes}")
    if logits.shape[1] == 1:  # one column can't tell classes apart
        raise ValueError("one column of logits: squeeze(1) it, with targets 0.0 and 1.0")
# --8<-- [end:reduce]

# --8<-- [start:focal_loss]
def _focal_weight(
    alpha: float | torch.Tensor, logits: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """The weight of each sample."""
    if logits.shape == targets.shape:
        if isinstance(alpha, torch.Tensor):
            raise TypeError("alpha must be a number for two classes, got a tensor")
        check("alpha", alpha, 0 <= alpha <= 1, "from 0 to 1")
        return alpha * targets + (1 - alpha) * (1 - targets)
    if not isinstance(alpha, torch.Tensor):
        kind = type(alpha).__name__
        raise TypeError(f"alpha must be a tensor of C weights, got {kind}")
    n = logits.shape[1]
    check("alpha.shape", tuple(alpha.shape), alpha.shape == (n,), str((n,)))
    return alpha.to(logits)[targets]


def focal_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    gamma: float = 2.0,
    alpha: float | torch.Tensor | None = None,
    reduction: str = "mean",
) -> torch.Tensor:
    """Cross-entropy that counts a sample less the surer its right answer is.

    The loss of a sample is ``-a * (1 - p) ** gamma * log(p)``, where p is the probability
    of the right class and a its weight. It stays finite, with its gradient, for any logits.

    Args:
        logits: scores before sigmoid or softmax.
        targets: 0 and 1 as floats, or class indices as integers.
        gamma: how much sure samples are discounted; 0 gives cross-entropy.
        alpha: two classes: weight of class 1, class 0 gets ``1 - alpha``. Many classes: a
            tensor of C weights. None weighs nothing.
        reduction: "none", "mean" or "sum"; the mean divides by the number of samples.

    Shape:
        Two classes: logits and targets of one shape. Many: logits (N, C, ...), C above 1,
        and targets (N, ...). With reduction "none" the result has the shape of targets.

    Returns:
        The loss: a scalar, or one for each sample.

    Raises:
        ValueError: the shapes fit neither case, gamma is negative, alpha is out of range
            or has not C elements, or reduction is unknown.
        TypeError: alpha is of the wrong kind for the case.

    Example:
        >>> focal_loss(torch.tensor([0.0]), torch.tensor([1.0]), gamma=2.0)
        tensor(0.1733)

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection" (2017).
    """
    check("gamma", gamma, gamma >= 0, "at least 0")
    check("reduction", reduction, reduction in REDUCTIONS, f"one of {REDUCTIONS}")
    if logits.shape == targets.shape:
        sign = 2 * targets - 1  # -1 or 1
        log_p, log_rest = F.logsigmoid(sign * logits), F.logsigmoid(-sign * logits)
    else:
        check_classes(logits, targets)
        right = targets.unsqueeze(1)
        log_all = F.log_softmax(logits, dim=1)
        log_p = log_all.gather(1, right).squeeze(1)
        others = log_all.scatter(1, right, float("-inf"))
        log_rest = others.logsumexp(dim=1)  # log(1 - p), without forming 1 - p
    each = -(gamma * log_rest).exp() * log_p
    if alpha is not None:
        each = each * _focal_weight(alpha, logits, targets)
    return reduce(each, reduction)
# --8<-- [end:focal_loss]

# --8<-- [start:FocalLoss]
class FocalLoss(nn.Module):
    """Focal loss as a module; see `focal_loss` for the arguments.

    Args:
        gamma: how much sure samples are discounted; 0 gives cross-entropy.
        alpha: weight of class 1, or a tensor of C weights, or None.
        reduction: "none", "mean" or "sum".

    Shape:
        Logits and targets of one shape, or (N, C, ...) and (N, ...).

    Example:
        >>> FocalLoss(gamma=0.0)(torch.tensor([0.0]), torch.tensor([1.0]))
        tensor(0.6931)

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection" (2017).
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | torch.Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check("gamma", gamma, gamma >= 0, "at least 0")
        check("reduction", reduction, reduction in REDUCTIONS, f"one of {REDUCTIONS}")
        self.gamma, self.reduction = gamma, reduction
        if isinstance(alpha, torch.Tensor):
            self.register_buffer("alpha", alpha)  # follows the module to its device
        else:
            self.alpha = alpha

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss; see `focal_loss` for the shapes."""
        return focal_loss(logits, targets, self.gamma, self.alpha, self.reduction)

    def extra_repr(self) -> str:
        """The options, as `print` shows them."""
        return f"gamma={self.gamma}, alpha={self.alpha}, reduction={self.reduction!r}"
# --8<-- [end:FocalLoss]

# --8<-- [start:SymmetricCrossEntropy]
class SymmetricCrossEntropy(nn.Module):
    """Cross-entropy plus its reverse, which has a limit: for labels that may be wrong.

    The loss of a sample is ``alpha * CE + beta * RCE``. The reverse term is
    ``-sum(q * log(t))`` with the softmax q and the one-hot target t, where ``log(0)`` is
    set to `log_zero`. It equals ``-log_zero * (1 - q[label])``.

    Args:
        alpha: weight of cross-entropy.
        beta: weight of the reverse term.
        log_zero: what stands for log(0); below 0. With -2 the reverse term is the mean
            absolute error, summed over classes.
        reduction: "none", "mean" or "sum".

    Shape:
        Logits (N, C, ...) and class indices (N, ...). With reduction "none" the result has
        the shape of the indices.

    Raises:
        ValueError: alpha or beta is negative, log_zero isn't below 0, reduction is
            unknown, or the shapes don't fit.

    Example:
        >>> loss_fn = SymmetricCrossEntropy(alpha=0.0, beta=1.0, log_zero=-4.0)
        >>> loss_fn(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(2.)

    Reference:
        Wang et al., "Symmetric Cross Entropy for Robust Learning with Noisy Labels" (2019).
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check("alpha", alpha, alpha >= 0, "at least 0")
        check("beta", beta, beta >= 0, "at least 0")
        check("log_zero", log_zero, log_zero < 0, "below 0")
        check("reduction", reduction, reduction in REDUCTIONS, f"one of {REDUCTIONS}")
        self.alpha, self.beta = alpha, beta
        self.log_zero, self.reduction = log_zero, reduction

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of logits and class indices."""
        check_classes(logits, targets)
        log_q = F.log_softmax(logits, dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
        reverse = self.log_zero * log_q.expm1()  # -log_zero * (1 - q)
        return reduce(self.beta * reverse - self.alpha * log_q, self.reduction)
# --8<-- [end:SymmetricCrossEntropy]
