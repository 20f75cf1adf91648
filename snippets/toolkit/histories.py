# --8<-- [start:histories]
"""Histories of users with several interests, with the true probability of each click."""

from typing import NamedTuple

import torch

from snippets.toolkit.clicks import STEPS, bells, happens, rate, whole

ITEMS, CATEGORIES = 600, 60  # item i, counted from 0, is of category i % 60
WANTED = 3  # an item of a history is the best of so many


class Histories(NamedTuple):
    """Padded histories with a target each; see ``histories``."""

    items: torch.Tensor
    lengths: torch.Tensor
    user: torch.Tensor
    target: torch.Tensor
    click: torch.Tensor
    probability: torch.Tensor


def histories(
    n: int = 200_000, interests: int = 6, drift: bool = False, seed: int = 0
) -> Histories:
    """What users clicked before, an item that they are shown, and whether they click it.

    There are 600 items in 60 categories, each with a hidden vector. A user has a few
    categories of interest and a taste in each: a vector. An item of the history is the
    best of three that come from one interest. The fit of a target is the product of its
    vector and the user's taste in its category.

    Without drift, a history has 5 to 20 items, each from an interest drawn anew. Half of
    the targets come from an interest, half from anywhere. The logit of a click is
    0.3 + 1.6 fit inside the interests, -2.2 outside.

    With drift, a history has 6 to 12 items and the interests follow each other, oldest
    first, in phases of equal length. The logit is 1 + 1.2 fit in the interest of the
    last phase, -1.2 + 0.6 fit in an older one, -2.4 elsewhere.

    Args:
        n: rows; there is one user for ten of them.
        interests: of each user (with drift: phases of each row), 1 to 20.
        drift: whether the interests of a history change in time.
        seed: of all draws.

    Returns:
        A named tuple of ``items``, oldest first, numbers from 1 to 600, padded with 0 at
        the end; ``lengths``; ``user``; ``target``; ``click``, 0 or 1; ``probability``,
        the true one.

    Shape:
        items (n, 20), with drift (n, 12), int64; the others (n,), probability float64.

    Raises:
        ValueError: n or interests is out of its range (with drift: 2 to 6 interests).

    Example:
        >>> made = histories(100, interests=2)
        >>> made.items.shape, made.target.shape
        (torch.Size([100, 20]), torch.Size([100]))

    Reference:
        Guorui Zhou et al., "Deep Interest Network for Click-Through Rate Prediction",
        KDD 2018 (several interests); "Deep Interest Evolution Network", AAAI 2019 (drift).
    """
    whole("n", n, 10)
    least, most = (2, 6) if drift else (1, 20)
    if not least <= whole("interests", interests, least) <= most:
        raise ValueError(f"interests must be from {least} to {most}, got {interests}")
    g = torch.Generator().manual_seed(seed)
    vectors = 0.6 * bells((ITEMS, 8), g)  # (600, 8)
    users = n // 10
    user = torch.randint(users, (n,), generator=g)
    if drift:
        return drifting(n, interests, users, user, vectors, g)
    length = torch.randint(5, 21, (n,), generator=g)
    liked = distinct(users, interests, g)[user]  # (n, K): categories
    taste = bells((users, interests, 8), g)[user]  # (n, K, 8)
    which = torch.randint(interests, (n, 20), generator=g)
    items = best(liked, taste, which, vectors, g)
    own = torch.randint(interests, (n,), generator=g)
    inside = torch.randint(2, (n,), generator=g) == 1
    anywhere = torch.randint(CATEGORIES, (n,), generator=g)
    category = torch.where(inside, liked[torch.arange(n), own], anywhere)
    target = category + CATEGORIES * torch.randint(ITEMS // CATEGORIES, (n,), generator=g)
    match = liked == category[:, None]  # (n, K)
    fit = fits(match, taste, vectors[target])
    logits = torch.where(match.any(1), 0.3 + 1.6 * fit, -2.2)
    return finish(items, length, user, target, logits, g)


def drifting(
    n: int,
    phases: int,
    users: int,
    user: torch.Tensor,
    vectors: torch.Tensor,
    g: torch.Generator,
) -> Histories:
    """Rows whose interests follow each other; a user has a taste in each category."""
    length = torch.randint(6, 13, (n,), generator=g)
    liked = distinct(n, phases, g)  # (n, K), oldest first
    taste = bells((users, CATEGORIES, 8), g)[user[:, None], liked]  # (n, K, 8)
    place = torch.arange(12) * phases // length[:, None]  # (n, 12): phase of each place
    items = best(liked, taste, place.clamp(max=phases - 1), vectors, g)
    kind = torch.randint(10, (n,), generator=g)  # 0-2 last, 3-5 older, 6-9 anywhere
    older = torch.randint(phases - 1, (n,), generator=g)
    own = liked[torch.arange(n), torch.where(kind < 3, phases - 1, older)]
    category = torch.where(kind < 6, own, torch.randint(CATEGORIES, (n,), generator=g))
    target = category + CATEGORIES * torch.randint(ITEMS // CATEGORIES, (n,), generator=g)
    match = liked == category[:, None]
    fit = fits(match, taste, vectors[target])
    logits = torch.where(match.any(1), -1.2 + 0.6 * fit, -2.4)
    logits = torch.where(match[:, -1], 1 + 1.2 * fit, logits)
    return finish(items, length, user, target, logits, g)
# --8<-- [end:histories]


# --8<-- [start:history_parts]
def distinct(n: int, k: int, g: torch.Generator) -> torch.Tensor:
    """k different categories for each of n, in random order; (n, k)."""
    keys = torch.randint(2**40, (n, CATEGORIES), generator=g) * CATEGORIES
    return (keys + torch.arange(CATEGORIES)).topk(k, dim=1).values % CATEGORIES


def best(
    liked: torch.Tensor,
    taste: torch.Tensor,
    which: torch.Tensor,
    vectors: torch.Tensor,
    g: torch.Generator,
) -> torch.Tensor:
    """For each place of a history the best of three items of one interest; (n, T)."""
    row = torch.arange(len(liked))[:, None]
    category, wish = liked[row, which], taste[row, which]  # (n, T), (n, T, 8)
    found, highest = None, None
    for _ in range(WANTED):
        other = torch.randint(ITEMS // CATEGORIES, which.shape, generator=g)
        item = category + CATEGORIES * other
        value = (vectors[item] * wish).sum(2).mul(STEPS).round().long()  # exact to compare
        if found is None:
            found, highest = item, value
        found = torch.where(value > highest, item, found)
        highest = torch.maximum(value, highest)
    return found


def fits(match: torch.Tensor, taste: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """match (n, K), taste (n, K, 8), target vectors (n, 8) -> fit (n,), 0 outside."""
    return ((taste * target[:, None]).sum(2) * match).sum(1)


def finish(
    items: torch.Tensor,
    length: torch.Tensor,
    user: torch.Tensor,
    target: torch.Tensor,
    logits: torch.Tensor,
    g: torch.Generator,
) -> Histories:
    """Pad, count items from 1, and draw the clicks."""
    rates = rate(logits)
    inside = torch.arange(items.shape[1]) < length[:, None]
    padded = torch.where(inside, items + 1, 0)
    return Histories(padded, length, user, target + 1, happens(rates, g), rates.double() / STEPS)
# --8<-- [end:history_parts]
