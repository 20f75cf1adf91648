"""snippets/toolkit/losses.py: its limits, its gradients, its numbers at extreme logits, and what it refuses."""

from __future__ import annotations

import doctest
import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from snippets.toolkit import losses
from snippets.toolkit.losses import FocalLoss, SymmetricCrossEntropy, focal_loss


def binary(n: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(n, generator=g, dtype=torch.float64)
    return logits, torch.randint(2, (n,), generator=g).double()


def many(n: int = 64, c: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(n, c, generator=g, dtype=torch.float64)
    return logits, torch.randint(c, (n,), generator=g)


def test_gamma_zero_is_binary_cross_entropy() -> None:
    logits, targets = binary()
    for reduction in ("none", "mean", "sum"):
        expected = F.binary_cross_entropy_with_logits(logits, targets, reduction=reduction)
        torch.testing.assert_close(focal_loss(logits, targets, 0.0, reduction=reduction), expected)


def test_gamma_zero_is_cross_entropy() -> None:
    logits, targets = many()
    weight = torch.rand(5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(focal_loss(logits, targets, 0.0), F.cross_entropy(logits, targets))
    torch.testing.assert_close(
        focal_loss(logits, targets, 0.0, weight, "sum"), F.cross_entropy(logits, targets, weight, reduction="sum")
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 5.0), st.integers(0, 99))
def test_formula_of_the_paper(gamma: float, seed: int) -> None:
    logits, targets = binary(seed=seed)
    p = torch.where(targets == 1, logits.sigmoid(), (-logits).sigmoid())
    torch.testing.assert_close(focal_loss(logits, targets, gamma, reduction="none"), -((1 - p) ** gamma) * p.log())
    logits, classes = many(seed=seed)
    p = logits.softmax(1).gather(1, classes[:, None])[:, 0]
    torch.testing.assert_close(focal_loss(logits, classes, gamma, reduction="none"), -((1 - p) ** gamma) * p.log())


def test_two_classes_are_one_logit() -> None:
    logits, targets = binary()
    two = torch.stack([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(
        focal_loss(logits, targets, 1.5, 0.25, "none"),
        focal_loss(two, targets.long(), 1.5, torch.tensor([0.75, 0.25]), "none"),
    )


def test_focal_is_at_most_cross_entropy_and_falls_with_gamma() -> None:
    logits, targets = binary()
    by_gamma = [focal_loss(logits, targets, gamma, reduction="none") for gamma in (0.0, 0.5, 2.0, 5.0)]
    for more, less in itertools.pairwise(by_gamma):
        assert (less < more).all()


def test_alpha_weighs_the_classes() -> None:
    logits, targets = binary()
    plain = focal_loss(logits, targets, reduction="none")
    weighted = focal_loss(logits, targets, alpha=0.25, reduction="none")
    torch.testing.assert_close(weighted, plain * torch.where(targets == 1, 0.25, 0.75))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_gradients(gamma: float) -> None:
    logits, targets = binary(8)
    logits.requires_grad_()
    assert gradcheck(lambda z: focal_loss(z, targets, gamma, 0.25), logits)
    logits, classes = many(8)
    logits.requires_grad_()
    weight = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
    assert gradcheck(lambda z: focal_loss(z, classes, gamma, weight), logits)
    assert gradcheck(lambda z: SymmetricCrossEntropy(0.3, gamma, reduction="sum")(z, classes), logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(gamma: float, dtype: torch.dtype) -> None:
    z = torch.tensor([-1000.0, -100.0, -20.0, 0.0, 20.0, 100.0, 1000.0], dtype=dtype, requires_grad=True)
    loss = focal_loss(z, torch.ones_like(z), gamma, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()
    torch.testing.assert_close(loss[0], torch.tensor(1000.0, dtype=dtype))
    torch.testing.assert_close(gradient[0], torch.tensor(-1.0, dtype=dtype))

    two = torch.stack([torch.zeros_like(z), z], dim=1)
    for loss_fn in (FocalLoss(gamma), SymmetricCrossEntropy()):
        (gradient,) = torch.autograd.grad(loss_fn(two, torch.ones(7, dtype=torch.long)), z, retain_graph=True)
        assert gradient.isfinite().all()


def test_shapes() -> None:
    logits, classes = torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.long)
    assert focal_loss(logits, classes, reduction="none").shape == (2, 4, 5)
    assert SymmetricCrossEntropy(reduction="none")(logits, classes).shape == (2, 4, 5)
    assert focal_loss(torch.zeros(4, 1), torch.ones(4, 1), reduction="none").shape == (4, 1)
    assert focal_loss(logits, classes).shape == ()


def test_module_is_the_function_and_carries_its_weights() -> None:
    logits, classes = many()
    weight = torch.linspace(0.5, 1.5, 5)
    loss_fn = FocalLoss(1.0, weight, "sum")
    torch.testing.assert_close(loss_fn(logits, classes), focal_loss(logits, classes, 1.0, weight, "sum"))
    assert list(loss_fn.state_dict()) == ["alpha"]
    assert loss_fn.double().alpha.dtype == torch.float64
    assert repr(FocalLoss(1.0, 0.25)) == "FocalLoss(gamma=1.0, alpha=0.25, reduction='mean')"


def test_symmetric_limits() -> None:
    logits, classes = many()
    torch.testing.assert_close(SymmetricCrossEntropy(1.0, 0.0)(logits, classes), F.cross_entropy(logits, classes))
    absolute = (logits.softmax(1) - F.one_hot(classes, 5)).abs().sum(1)
    reverse = SymmetricCrossEntropy(0.0, 1.0, log_zero=-2.0, reduction="none")(logits, classes)
    torch.testing.assert_close(reverse, absolute)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0), st.floats(-9.0, -0.5))
def test_symmetric_by_definition(alpha: float, beta: float, log_zero: float) -> None:
    logits, classes = many()
    log_target = torch.where(F.one_hot(classes, 5) == 1, 0.0, log_zero)
    reverse = -(logits.softmax(1) * log_target).sum(1)
    expected = alpha * F.cross_entropy(logits, classes, reduction="none") + beta * reverse
    torch.testing.assert_close(SymmetricCrossEntropy(alpha, beta, log_zero, "none")(logits, classes), expected)


def test_reverse_term_is_bounded_and_symmetric() -> None:
    """Summed over all labels it is a constant: why uniform label noise doesn't move its minimum."""
    logits, _ = many()
    loss_fn = SymmetricCrossEntropy(0.0, 1.0, log_zero=-4.0, reduction="none")
    over_labels = sum(loss_fn(logits, torch.full((64,), k)) for k in range(5))
    torch.testing.assert_close(over_labels, torch.full((64,), 4.0 * 4, dtype=torch.float64))
    assert loss_fn(1e6 * logits, torch.zeros(64, dtype=torch.long)).max() <= 4.0


one, two = torch.zeros(3), torch.zeros(3, 4)
labels = torch.zeros(3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: focal_loss(one, one, gamma=-1.0), ValueError, r"gamma must be at least 0, got -1\.0"),
        (lambda: FocalLoss(gamma=-1.0), ValueError, r"gamma must be at least 0"),
        (lambda: FocalLoss(reduction="avg"), ValueError, r"reduction must be one of .*, got 'avg'"),
        (lambda: focal_loss(one, one, alpha=1.5), ValueError, r"alpha must be from 0 to 1, got 1\.5"),
        (lambda: focal_loss(one, one, alpha=torch.ones(2)), TypeError, r"alpha must be a number for two classes"),
        (lambda: focal_loss(two, labels, alpha=0.5), TypeError, r"alpha must be a tensor of C weights, got float"),
        (lambda: focal_loss(two, labels, alpha=torch.ones(3)), ValueError, r"alpha\.shape must be \(4,\), got \(3,\)"),
        (lambda: focal_loss(one, torch.zeros(3, 1)), ValueError, r"shapes that don't fit: \(3,\) and \(3, 1\)"),
        (lambda: SymmetricCrossEntropy(log_zero=0.0), ValueError, r"log_zero must be below 0, got 0\.0"),
        (lambda: SymmetricCrossEntropy(alpha=-1.0), ValueError, r"alpha must be at least 0"),
        (lambda: SymmetricCrossEntropy(beta=-1.0), ValueError, r"beta must be at least 0"),
        (lambda: SymmetricCrossEntropy()(one, labels), ValueError, r"shapes that don't fit: \(3,\) and \(3,\)"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_nan_gamma_is_refused() -> None:
    with pytest.raises(ValueError, match="gamma must be at least 0, got nan"):
        FocalLoss(gamma=math.nan)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(losses).failed == 0
    assert doctest.testmod(losses).attempted >= 4


@pytest.mark.parametrize("rest", [(), (5,), (3, 5)])
@pytest.mark.parametrize("loss", [focal_loss, SymmetricCrossEntropy()], ids=["focal", "symmetric"])
def test_one_column_of_logits_is_refused(loss: Callable[..., torch.Tensor], rest: tuple[int, ...]) -> None:
    """One column has one class: its softmax is 1 and its loss 0 whatever the net says."""
    logits, targets = torch.randn(4, 1, *rest), torch.zeros(4, *rest, dtype=torch.long)
    with pytest.raises(ValueError, match=r"one column of logits: squeeze\(1\) it"):
        loss(logits, targets)


def test_what_the_chapter_says_of_weights_under_a_default_device() -> None:
    """Of torch 2.13: a newer one that keeps the weight makes the pitfall in components/losses obsolete."""
    p, t, w = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.0, 7.0]), torch.tensor([1.0, 2.0, 0.5])
    by_hand = (w * (p - t).abs()).sum() / w.sum()
    torch.testing.assert_close(F.l1_loss(p, t, weight=w), by_hand)
    for loss, keeps in ((F.l1_loss, False), (F.mse_loss, True), (F.huber_loss, True)):
        with torch.device("cpu"):
            under = loss(p, t, weight=w)
        assert torch.isclose(under, loss(p, t, weight=w)).item() == keeps
    torch.testing.assert_close((p - t).abs().mean(), torch.tensor(7 / 3))
    with torch.device("cpu"):
        torch.testing.assert_close(F.l1_loss(p, t, weight=w), torch.tensor(7 / 3))
