# --8<-- [start:shelf]
"""A made world for recommenders: readers and articles, and the truth about them."""

from typing import NamedTuple

import pandas as pd
import torch

from snippets.toolkit.clicks import STEPS, bells, happens, popular, rate, whole

GENRES, MAKERS = 20, 150


class Shelf(NamedTuple):
    """Readers and articles (items); see ``shelf``."""

    items: pd.DataFrame
    log: pd.DataFrame
    click: torch.Tensor
    glad: torch.Tensor
    exposure: torch.Tensor


def shelf(
    users: int = 1500,
    items: int = 1000,
    shown: int = 240_000,
    days: int = 30,
    seed: int = 0,
) -> Shelf:
    """Articles that come and go, readers with tastes, and a log of what was shown.

    An article has one of 20 genres and one of 150 makers. Its hidden vector lies near
    its genre's, a reader's taste near those of three; their product is the match.
    The logit of a click is -3 + 2 match + 0.5 quality + 0.8 pull, that of being glad of
    it afterwards 0.5 + match + 0.5 quality - 1.2 pull: a headline with pull is clicked
    and regretted. The minutes spent on an article grow with its pull. One article in 25
    is unfit: its pull is 2.5 higher, and a review would stop it. The log shows articles
    by Zipf's law, none twice to the same reader.

    Args:
        users: readers.
        items: articles; half of them are there on day 1, the others come later.
        shown: impressions that are drawn; what is not yet or no longer there, or was
            shown to that reader before, is dropped.
        days: of the log; day 1 is the first.
        seed: of all draws.

    Returns:
        ``items``: genre, maker, born, expires (the first day without it), fit (whether
        a review passes it), minutes. ``log``, in order of time: day, user, item, click,
        glad.
        ``click`` and ``glad`` (given the click), the true probabilities.
        ``exposure``, in proportion to which the log draws each item.

    Shape:
        click and glad (users, items), exposure (items,), float64.

    Raises:
        ValueError: a count is too small.

    Example:
        >>> made = shelf(users=50, items=80, shown=1000)
        >>> tuple(made.click.shape), made.log.columns.tolist()
        ((50, 80), ['day', 'user', 'item', 'click', 'glad'])
    """
    whole("users", users, 2), whole("items", items, 2)
    whole("shown", shown, 1), whole("days", days, 2)
    g = torch.Generator().manual_seed(seed)
    genre, maker = popular(GENRES, (items,), g), popular(MAKERS, (items,), g)
    born = torch.randint(1, days + 1, (items,), generator=g)
    born = torch.where(torch.randint(2, (items,), generator=g) == 0, 1, born)
    expires = born + torch.randint(20, 60, (items,), generator=g)
    fit = torch.randint(25, (items,), generator=g) > 0
    pull = bells((items,), g) + 2.5 * (~fit).double()
    quality = bells((items,), g)
    centres = bells((GENRES, 8), g)
    vectors = (centres[genre] + 0.7 * bells((items, 8), g)) / 8**0.5  # (I, 8)
    liked = torch.randint(GENRES, (users, 3), generator=g)
    taste = centres[liked].sum(1) / 3**0.5 + 0.7 * bells((users, 8), g)  # (U, 8)
    match = (taste[:, None] * vectors).sum(2)  # (U, I)
    click = rate(-3 + 2 * match + 0.5 * quality + 0.8 * pull)
    glad = rate(0.5 + match + 0.5 * quality - 1.2 * pull)
    minutes = (4 + 2 * pull).round().clamp(1, 15).long()
    columns = {"genre": genre, "maker": maker, "born": born, "expires": expires}
    columns |= {"fit": fit, "minutes": minutes}
    place = torch.randperm(items, generator=g)  # of each item in Zipf's law
    day = torch.arange(shown) * days // shown + 1
    user = torch.randint(users, (shown,), generator=g)
    item = place.argsort()[popular(items, (shown,), g)]
    there = (born[item] <= day) & (day < expires[item])
    clicked = happens(click[user, item], g)
    happy = happens(glad[user, item], g) * clicked
    log = {"day": day, "user": user, "item": item, "click": clicked, "glad": happy}
    rows = pd.DataFrame({name: values[there].numpy() for name, values in log.items()})
    rows = rows.drop_duplicates(["user", "item"], ignore_index=True)
    catalogue = pd.DataFrame({name: x.numpy() for name, x in columns.items()})
    exposure = (place + 1).double().pow(-0.8)
    click, glad = click.double() / STEPS, glad.double() / STEPS
    return Shelf(catalogue, rows, click, glad, exposure)
# --8<-- [end:shelf]
