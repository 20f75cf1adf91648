"""snippets/toolkit/metrics.py: shapes that don't fit are refused, NaN stays NaN, samples are counted in any container."""

from __future__ import annotations

import math

import pytest
import torch

from snippets.toolkit.metrics import Epoch, accuracy, auc, samples

NAN = float("nan")


@pytest.mark.parametrize("rest", [(), (5,), (3, 5)])
def test_many_classes_in_all_dimensions(rest: tuple[int, ...]) -> None:
    logits = torch.randn(4, 3, *rest, generator=torch.Generator().manual_seed(0))
    targets = logits.argmax(1)
    assert accuracy(logits, targets) == 1.0
    assert accuracy(logits, (targets + 1) % 3) == 0.0


@pytest.mark.parametrize("rest", [(), (5,), (3, 5)])
def test_one_column_is_not_one_class(rest: tuple[int, ...]) -> None:
    """With one class argmax is always 0, so the share of zeros would come out."""
    logits, targets = torch.randn(4, 1, *rest), torch.ones(4, *rest)
    with pytest.raises(ValueError, match=r"squeeze\(1\) makes one logit of one column"):
        accuracy(logits, targets)
    assert accuracy(logits.squeeze(1).abs() + 0.1, targets) == 1.0


@pytest.mark.parametrize(("outputs", "targets"), [((4, 3), (3,)), ((4,), (4, 1)), ((4, 3, 2), (4, 3)), ((), (1,))])
def test_shapes_that_do_not_fit(outputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="have shapes that don't fit"):
        accuracy(torch.zeros(outputs), torch.zeros(targets))


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        ([NAN, 1.0], [0.0, 1.0]),
        ([-1.0, 1.0], [NAN, 1.0]),
        ([[NAN, 0.0], [0.0, 1.0]], [0, 1]),
        ([[0.0, NAN], [0.0, 1.0]], [1, 1]),
    ],
)
def test_accuracy_of_nan_is_nan(outputs: list[object], targets: list[float]) -> None:
    assert math.isnan(accuracy(torch.tensor(outputs), torch.tensor(targets)))


def test_accuracy_of_nothing_is_nan() -> None:
    assert math.isnan(accuracy(torch.zeros(0), torch.zeros(0)))
    assert math.isnan(accuracy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)))


@pytest.mark.parametrize("place", range(4))
def test_auc_of_nan_is_nan(place: int) -> None:
    scores, targets = torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert auc(scores, targets) == 0.75
    scores[place] = NAN
    assert math.isnan(auc(scores, targets))


def test_samples_of_containers() -> None:
    x = torch.zeros(7, 2)
    for batch in (x, [x, x], (x,), {"a": x, "b": torch.zeros(3)}, ({"a": [x]}, 1)):
        assert samples(batch) == 7
    for wrong in ({}, [], 3, "ab", torch.tensor(1.0), {"a": 3}):
        with pytest.raises(TypeError, match="a batch must hold tensors of samples, got"):
            samples(wrong)


def test_the_loss_of_an_epoch_counts_samples_not_keys() -> None:
    seen = Epoch({})
    for n, loss in ((32, 10.0), (1, 43.0)):
        seen.add(torch.tensor(loss), torch.zeros(n), {"a": torch.zeros(n), "b": torch.zeros(n)})  # type: ignore[arg-type]
    assert seen.result()["loss"] == pytest.approx((32 * 10 + 43) / 33)
