"""snippets/toolkit/ranking_metrics.py against slow versions and scikit-learn, with ties, users without a positive, bad input."""

from __future__ import annotations

import doctest
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from sklearn.calibration import calibration_curve

from snippets.toolkit import ranking_metrics
from snippets.toolkit.ranking_metrics import (
    calibration,
    gauc,
    hit_rate,
    log_loss,
    mrr,
    ndcg_at_k,
    normalised_entropy,
    recall_at_k,
)

NAN = float("nan")
ROWS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(-2, 2)), min_size=1, max_size=40)
CHANCES = st.lists(st.tuples(st.integers(1, 99), st.booleans()), min_size=1, max_size=40)
LISTS = st.integers(1, 4).flatmap(
    lambda items: st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=items, max_size=items),
        min_size=1,
        max_size=5,
    )
)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(ranking_metrics).failed == 0


# ---- By hand: slow, and short enough to see that they are right


def slow_gauc(rows: list[tuple[int, bool, int]]) -> tuple[float, float] | None:
    total = weight = 0.0
    for group in {g for _, _, g in rows}:
        mine = [(s, y) for s, y, g in rows if g == group]
        pairs = [(a, b) for (a, one), (b, other) in itertools.product(mine, mine) if one and not other]
        if pairs:
            area = sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)
            total, weight = total + area * len(mine), weight + len(mine)
    return (total / weight, 1 - weight / len(rows)) if weight else None


def slow_order(user: list[tuple[int, int]]) -> list[int]:
    """Relevance by falling score; of equal scores the less relevant first."""
    return [relevance for _, relevance in sorted(user, key=lambda pair: (-pair[0], pair[1]))]


def slow_lists(users: list[list[tuple[int, int]]], k: int) -> dict[str, float] | None:
    found: dict[str, list[float]] = {name: [] for name in ("ndcg", "recall", "hit", "mrr")}
    for user in users:
        order = slow_order(user)
        relevant = [place for place, relevance in enumerate(order) if relevance]
        if relevant:
            gain = [sum(r / math.log2(p + 2) for p, r in enumerate(o[:k])) for o in (order, sorted(order)[::-1])]
            found["ndcg"].append(gain[0] / gain[1])
            found["recall"].append(sum(place < k for place in relevant) / len(relevant))
            found["hit"].append(float(relevant[0] < k))
            found["mrr"].append(1 / (relevant[0] + 1))
    return {name: sum(values) / len(values) for name, values in found.items()} if found["ndcg"] else None


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_gauc_is_the_slow_one(rows: list[tuple[int, bool, int]]) -> None:
    scores, labels, groups = (torch.tensor(column) for column in zip(*rows, strict=True))
    expected = slow_gauc(rows)
    if expected is None:
        with pytest.raises(ValueError, match="labels must have both classes in one group"):
            gauc(scores, labels, groups)
    else:
        assert gauc(scores, labels, groups) == pytest.approx(expected)


@settings(max_examples=200, deadline=None)
@given(LISTS, st.data())
def test_lists_are_the_slow_ones(users: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    both = torch.tensor(users, dtype=torch.float64)
    scores, relevance = both.unbind(2)
    k = data.draw(st.integers(1, scores.shape[1]))
    expected = slow_lists(users, k)
    if expected is None:
        with pytest.raises(ValueError, match="relevance must hold a positive number"):
            mrr(scores, relevance)
    else:
        found = {"ndcg": ndcg_at_k(scores, relevance, k), "recall": recall_at_k(scores, relevance, k)}
        found |= {"hit": hit_rate(scores, relevance, k), "mrr": mrr(scores, relevance)}
        assert found == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(CHANCES, st.integers(1, 7))
def test_probabilities_are_the_slow_ones(rows: list[tuple[int, bool]], bins: int) -> None:
    p, y = [n / 100 for n, _ in rows], [int(label) for _, label in rows]
    scores, labels = torch.tensor(p, dtype=torch.float64), torch.tensor(y)
    expected = -sum(math.log(a if b else 1 - a) for a, b in zip(p, y, strict=True)) / len(p)
    assert log_loss(scores, labels) == pytest.approx(expected)
    assert log_loss(scores, labels) == pytest.approx(sklearn.log_loss(y, p, labels=[0, 1]))
    share = sum(y) / len(y)
    if 0 < share < 1:
        entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
        assert normalised_entropy(scores, labels) == pytest.approx(expected / entropy)
    else:
        with pytest.raises(ValueError, match="labels must have both classes"):
            normalised_entropy(scores, labels)
    if share:
        found = calibration(scores, labels, bins)
        assert found.count.sum() == len(p) and found.ratio == pytest.approx(sum(p) / sum(y))
        gap = 0.0
        for place in range(bins):
            mine = [i for i, a in enumerate(p) if max(math.ceil(round(a * bins, 9)) - 1, 0) == place]
            assert found.count[place] == len(mine)
            if mine:
                predicted, observed = sum(p[i] for i in mine) / len(mine), sum(y[i] for i in mine) / len(mine)
                assert found.predicted[place] == pytest.approx(predicted)
                assert found.observed[place] == pytest.approx(observed)
                gap += abs(predicted - observed) * len(mine) / len(p)
        assert found.ece == pytest.approx(gap)


# ---- Against scikit-learn, on sizes where it matters


def test_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, groups = rng.normal(size=3000).round(1), rng.integers(0, 40, 3000)
    labels = (rng.random(3000) < 0.1 + 0.4 * (scores > 0)).astype(int)
    sums = [
        (sklearn.roc_auc_score(labels[groups == g], scores[groups == g]) * (groups == g).sum(), (groups == g).sum())
        for g in range(40)
        if 0 < labels[groups == g].sum() < (groups == g).sum()
    ]
    area, weight = np.array(sums).sum(0)
    found = gauc(torch.tensor(scores), torch.tensor(labels), torch.tensor(groups))
    assert found.auc == pytest.approx(area / weight) and found.left_out == pytest.approx(1 - weight / 3000)

    p = rng.random(3000)
    happened = (rng.random(3000) < p).astype(int)
    made = calibration(torch.tensor(p), torch.tensor(happened), 10)
    observed, predicted = calibration_curve(happened, p, n_bins=10)
    assert made.observed.numpy() == pytest.approx(observed) and made.predicted.numpy() == pytest.approx(predicted)
    assert made.ratio == pytest.approx(1, abs=0.03) and made.ece < 0.03
    assert calibration(torch.tensor(p**2), torch.tensor(happened)).ece > 0.1

    distinct = rng.permuted(np.tile(np.arange(50.0), (30, 1)), axis=1)
    gains = rng.integers(0, 4, (30, 50)) * (rng.random((30, 50)) < 0.2)
    gains[:, 0] = 1
    for k in (1, 5, 50):
        ours = ndcg_at_k(torch.tensor(distinct), torch.tensor(gains), k)
        assert ours == pytest.approx(sklearn.ndcg_score(gains, distinct, k=k))
    one = np.zeros((30, 50))
    one[np.arange(30), rng.integers(0, 50, 30)] = 1
    reciprocal = sklearn.label_ranking_average_precision_score(one, distinct)
    assert mrr(torch.tensor(distinct), torch.tensor(one)) == pytest.approx(reciprocal)
    for k in (1, 10, 49):
        hits = sklearn.top_k_accuracy_score(one.argmax(1), distinct, k=k, labels=np.arange(50))
        both = [f(torch.tensor(distinct), torch.tensor(one), k) for f in (recall_at_k, hit_rate)]
        assert both == pytest.approx([hits, hits])


# ---- Defined cases


def test_a_tie_never_helps() -> None:
    flat, relevance = torch.zeros(1, 4), torch.tensor([[1.0, 0, 0, 0]])
    for order in itertools.permutations(range(4)):
        turned = relevance[:, list(order)]
        assert mrr(flat, turned) == 0.25 and hit_rate(flat, turned, 3) == 0 == ndcg_at_k(flat, turned, 3)
    assert gauc(torch.zeros(3), torch.tensor([1, 0, 0]), torch.zeros(3)).auc == 0.5


def test_users_without_a_positive_are_left_out() -> None:
    scores = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    relevance = torch.tensor([[1, 0], [0, 0]])
    assert recall_at_k(scores, relevance, 1) == mrr(scores, relevance) == ndcg_at_k(scores, relevance, 1) == 1
    found = gauc(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 1]), torch.tensor([5, 5, -3]))
    assert found == pytest.approx((1.0, 1 / 3))


def test_an_item_that_cannot_be_shown() -> None:
    scores = torch.tensor([[-torch.inf, 1.0, 2.0]])
    assert recall_at_k(scores, torch.tensor([[0, 1, 0]]), 2) == 1


def test_halves_and_gradients_are_taken() -> None:
    scores = torch.tensor([0.2, 0.8], dtype=torch.bfloat16, requires_grad=True)
    labels = torch.tensor([False, True])
    assert gauc(scores, labels, torch.zeros(2)).auc == 1 and log_loss(scores, labels) < 0.3
    assert log_loss(torch.tensor([0.0]), torch.tensor([1])) == math.inf


BAD: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (gauc, ([0.1, 0.2], [0, 1, 1], [0, 0, 0]), r"labels has shape \(3,\), not \(2,\)"),
    (gauc, ([0.1, 0.2], [0, 1], [0]), r"groups has shape \(1,\), not \(2,\)"),
    (gauc, ([0.1, NAN], [0, 1], [0, 0]), "scores holds NaN"),
    (gauc, ([0.1, 0.2], [0, 2], [0, 0]), "labels must be 0 or 1"),
    (gauc, ([[0.1]], [[1]], [[0]]), "scores must have 1 dimensions"),
    (gauc, ([], [], []), "scores must have 1 dimensions and elements"),
    (log_loss, ([0.1, 1.2], [0, 1]), "probabilities must be between 0 and 1: are these logits"),
    (log_loss, ([0.1, NAN], [0, 1]), "probabilities holds NaN"),
    (log_loss, ([0.1, 0.2], [0.0, NAN]), "labels holds NaN"),
    (normalised_entropy, ([0.1, 0.2], [1, 1]), "labels must have both classes"),
    (calibration, ([0.1, 0.2], [0, 0]), "labels must hold a 1"),
    (calibration, ([0.1, 0.2], [0, 1], 0), "bins must be at least 1, got 0"),
    (ndcg_at_k, ([[0.1, 0.2]], [[0, 1]], 3), "k must be between 1 and 2, the number of items, got 3"),
    (recall_at_k, ([[0.1, 0.2]], [[0, 1]], 0), "k must be between 1 and 2"),
    (hit_rate, ([[0.1, 0.2]], [[0, 0]], 1), "relevance must hold a positive number"),
    (mrr, ([[0.1, 0.2]], [[0, -1]]), "relevance must be 0 or positive"),
    (mrr, ([0.1, 0.2], [0, 1]), "scores must have 2 dimensions"),
    (mrr, ([[0.1, 0.2]], [[0, 1, 1]]), r"relevance has shape \(1, 3\), not \(1, 2\)"),
    (ndcg_at_k, ([[NAN, 0.2]], [[0, 1]], 1), "scores holds NaN"),
]


@pytest.mark.parametrize(("metric", "given_", "told"), BAD)
def test_bad_input_is_named(metric: Callable[..., Any], given_: tuple[Any, ...], told: str) -> None:
    tensors = [torch.tensor(value) if isinstance(value, list) else value for value in given_]
    with pytest.raises(ValueError, match=told):
        metric(*tensors)
