# --8<-- [start:checks]
"""Metrics of ranking and of click probabilities: per user, per list, per bin."""

import torch


def as_numbers(name: str, values: torch.Tensor, dims: int) -> torch.Tensor:
    """As float64 on the CPU; a ValueError if they aren't what a metric can take."""
    if values.ndim != dims or not values.numel():
        shape = tuple(values.shape)
        raise ValueError(f"{name} must have {dims} dimensions and elements, got {shape}")
    if values.isnan().any():
        raise ValueError(f"{name} holds NaN")
    return values.detach().cpu().double().contiguous()


def as_fitting(name: str, values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The same for values that belong one to one to others."""
    values = as_numbers(name, values, like.ndim)
    if values.shape != like.shape:
        raise ValueError(f"{name} has shape {tuple(values.shape)}, not {tuple(like.shape)}")
    return values


def as_binary(name: str, values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The same for values that are 0 or 1."""
    values = as_fitting(name, values, like)
    if not ((values == 0) | (values == 1)).all():
        raise ValueError(f"{name} must be 0 or 1")
    return values
# --8<-- [end:checks]


# --8<-- [start:gauc]
from typing import NamedTuple


class GroupedAUC(NamedTuple):
    """The mean AUC, and the share of rows in groups that have none."""

    auc: float
    left_out: float


def gauc(scores: torch.Tensor, labels: torch.Tensor, groups: torch.Tensor) -> GroupedAUC:
    """AUC inside each group, such as a user, averaged with the rows of a group as weight.

    A group whose labels are all equal has no AUC and is left out.

    Args:
        scores: any numbers that rank, (N,); equal ones count half.
        labels: 0 and 1, (N,).
        groups: to which group each row belongs, whole numbers, (N,).

    Returns:
        A named tuple: the mean ``auc``, and ``left_out``, the share of the rows that are
        in groups of one class.

    Raises:
        ValueError: shapes differ, a value is NaN, labels are others, or no group has
            both classes.

    Example:
        >>> scores, labels = torch.tensor([0.1, 0.9, 0.8, 0.2]), torch.tensor([0, 1, 0, 1])
        >>> gauc(scores, labels, torch.tensor([7, 7, 8, 8]))
        GroupedAUC(auc=0.5, left_out=0.0)

    Reference:
        Han Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.
    """
    scores = as_numbers("scores", scores, 1)
    labels, groups = as_binary("labels", labels, scores), as_fitting("groups", groups, scores)
    group = groups.unique(return_inverse=True)[1]  # 0, 1, 2, ...
    order = scores.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]  # by group, inside it by score
    group, scores, labels = group[order], scores[order], labels[order]
    rows = torch.bincount(group)
    first = rows.cumsum(0) - rows  # where each group begins
    fresh = torch.ones(len(scores), dtype=torch.bool)
    fresh[1:] = (scores[1:] != scores[:-1]) | (group[1:] != group[:-1])
    tie = fresh.long().cumsum(0) - 1  # equal scores of a group are one tie
    place = torch.arange(len(scores)) - first[group] + 1
    size = torch.bincount(tie)
    rank = (torch.bincount(tie, weights=place.double()) / size)[tie]  # the mean of a tie
    positives = torch.bincount(group, weights=labels)
    negatives = rows - positives
    ranks = torch.bincount(group, weights=labels * rank)
    pairs = positives * negatives
    both = pairs > 0
    if not both.any():
        raise ValueError("labels must have both classes in one group at least")
    area = (ranks - positives * (positives + 1) / 2)[both] / pairs[both]
    weight = rows[both].double()
    mean = (area @ weight / weight.sum()).item()
    return GroupedAUC(mean, 1 - weight.sum().item() / len(scores))
# --8<-- [end:gauc]


# --8<-- [start:log_loss]
def as_chances(probabilities: torch.Tensor) -> torch.Tensor:
    """(N,) float64; a ValueError outside 0 and 1."""
    p = as_numbers("probabilities", probabilities, 1)
    if (p < 0).any() or (p > 1).any():
        raise ValueError("probabilities must be between 0 and 1: are these logits?")
    return p


def log_loss(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean of -log of the probability that was given to what happened.

    Args:
        probabilities: of label 1, (N,).
        labels: 0 and 1, (N,).

    Returns:
        The loss; infinite if something happened that had probability 0.

    Raises:
        ValueError: shapes differ, a value is NaN or out of range.

    Example:
        >>> round(log_loss(torch.tensor([0.5, 0.8]), torch.tensor([0, 1])), 3)
        0.458
    """
    p = as_chances(probabilities)
    labels = as_binary("labels", labels, p)
    return -torch.where(labels == 1, p, 1 - p).log().mean().item()


def normalised_entropy(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Log loss divided by that of always saying the share of label 1.

    Below 1 the probabilities tell more than the share; unlike the log loss it can be
    compared between data with other shares.

    Args and shape are those of log_loss.

    Raises:
        ValueError: as log_loss, or one class is missing.

    Example:
        >>> normalised_entropy(torch.tensor([0.5, 0.5]), torch.tensor([0, 1]))
        1.0

    Reference:
        Xinran He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook",
        ADKDD 2014.
    """
    loss, share = log_loss(probabilities, labels), labels.double().mean()
    if not 0 < share < 1:
        raise ValueError("labels must have both classes")
    return loss / log_loss(share.expand(len(labels)), labels)
# --8<-- [end:log_loss]


# --8<-- [start:calibration]
from typing import NamedTuple


class Calibration(NamedTuple):
    """Predicted and observed shares in bins of the probability; see ``calibration``."""

    count: torch.Tensor
    predicted: torch.Tensor
    observed: torch.Tensor
    ratio: float
    ece: float


def calibration(
    probabilities: torch.Tensor, labels: torch.Tensor, bins: int = 10
) -> Calibration:
    """Hold predicted probabilities against how often it happened.

    Args:
        probabilities: of label 1.
        labels: 0 and 1.
        bins: so many of equal width; a bin holds its upper edge, the first also 0.

    Shape:
        Both (N,).

    Returns:
        A named tuple: ``count``, ``predicted`` (mean probability) and ``observed`` (share
        of label 1), each (bins,), NaN in empty bins; ``ratio`` of all predicted to all
        that happened; ``ece``, the mean of the gaps weighted by count.

    Raises:
        ValueError: shapes differ, a value is NaN or out of range, no label is 1, or
            bins is below 1.

    Example:
        >>> found = calibration(torch.tensor([0.2, 0.2, 0.9]), torch.tensor([0, 1, 1]), 2)
        >>> found.count.tolist(), found.observed.tolist()
        ([2, 1], [0.5, 1.0])

    Reference:
        Chuan Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    p = as_chances(probabilities)
    labels = as_binary("labels", labels, p)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if not labels.any():
        raise ValueError("labels must hold a 1: nothing to hold the sum against")
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    place = torch.bucketize(p, edges)
    count = torch.bincount(place, minlength=bins)
    sums = (torch.bincount(place, values, minlength=bins) for values in (p, labels))
    predicted, observed = (total / count for total in sums)  # 0 / 0 is NaN
    gaps = (predicted - observed).abs().nan_to_num() * count
    ratio = (p.sum() / labels.sum()).item()
    return Calibration(count, predicted, observed, ratio, (gaps.sum() / len(p)).item())
# --8<-- [end:calibration]


# --8<-- [start:lists]
def ranked(scores: torch.Tensor, relevance: torch.Tensor, k: "int | None") -> torch.Tensor:
    """Relevance (U, I) in the order of the scores, of the users that have any.

    Among equal scores what is less relevant comes first: a tie never helps, so a model
    that says the same of all items doesn't shine because of how they lie.
    """
    scores = as_numbers("scores", scores, 2)
    relevance = as_fitting("relevance", relevance, scores)
    if (relevance < 0).any() or relevance.isinf().any():
        raise ValueError("relevance must be 0 or positive, and finite")
    items = scores.shape[1]
    if k is not None and not 1 <= k <= items:
        raise ValueError(f"k must be between 1 and {items}, the number of items, got {k}")
    some = (relevance > 0).any(1)
    if not some.any():
        raise ValueError("relevance must hold a positive number for one user at least")
    scores, relevance = scores[some], relevance[some]
    order = relevance.argsort(dim=1, stable=True)
    by_score = scores.gather(1, order).argsort(dim=1, descending=True, stable=True)
    return relevance.gather(1, order.gather(1, by_score))


def ndcg_at_k(scores: torch.Tensor, relevance: torch.Tensor, k: int) -> float:
    """Gain of the first k places, discounted by log2(place + 1), over the best possible.

    Args:
        scores: of each item for each user; -inf for one that can't be shown.
        relevance: gains, 0 or positive.
        k: how many places count.

    Shape:
        scores and relevance (U, I).

    Returns:
        The mean over the users that have a relevant item. Ties count against you.

    Raises:
        ValueError: shapes differ, a value is NaN, nothing is relevant, or k is out of range.

    Example:
        >>> ndcg_at_k(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[1, 0, 0]]), k=2)
        1.0

    Reference:
        Kalervo Järvelin and Jaana Kekäläinen, "Cumulated gain-based evaluation of IR
        techniques", 2002.
    """
    found = ranked(scores, relevance, k)
    ideal = found.sort(1, descending=True).values[:, :k]
    discount = (torch.arange(k, dtype=torch.float64) + 2).log2().reciprocal()
    return ((found[:, :k] @ discount) / (ideal @ discount)).mean().item()


def recall_at_k(scores: torch.Tensor, relevance: torch.Tensor, k: int) -> float:
    """Share of a user's relevant items that are among the first k.

    Args, shape, returns and errors are those of ndcg_at_k; every positive relevance
    counts 1.

    Example:
        >>> recall_at_k(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[1, 0, 1]]), k=2)
        0.5
    """
    hits = (ranked(scores, relevance, k) > 0).double()
    return (hits[:, :k].sum(1) / hits.sum(1)).mean().item()


def hit_rate(scores: torch.Tensor, relevance: torch.Tensor, k: int) -> float:
    """Share of users with a relevant item among the first k; otherwise as ndcg_at_k.

    Example:
        >>> hit_rate(torch.tensor([[3.0, 2.0], [3.0, 2.0]]), torch.eye(2), k=1)
        0.5
    """
    return (ranked(scores, relevance, k)[:, :k] > 0).any(1).double().mean().item()


def mrr(scores: torch.Tensor, relevance: torch.Tensor) -> float:
    """Mean of 1 / (place of the first relevant item); otherwise as ndcg_at_k.

    Example:
        >>> mrr(torch.tensor([[3.0, 2.0], [3.0, 2.0]]), torch.eye(2))
        0.75
    """
    first = (ranked(scores, relevance, None) > 0).double().argmax(1)
    return (1 / (first.double() + 1)).mean().item()
# --8<-- [end:lists]
