# --8<-- [start:draws]
"""Clicks with a known truth: tables made by a recipe that tells each true probability.

All that is drawn is drawn as whole numbers, and a probability is rounded to whole
millionths before a draw is held against it. So the last bit of a kernel changes
nothing: a seed makes the same rows on every machine.
"""

from typing import NamedTuple

import pandas as pd
import torch

STEPS = 1_000_000  # a rate of 1


class Clicks(NamedTuple):
    """Rows that a model may see, and the truth, which it may not."""

    table: pd.DataFrame
    truth: pd.DataFrame


def bells(shape: "tuple[int, ...]", g: torch.Generator) -> torch.Tensor:
    """Nearly normal numbers (mean 0, sd 1): sums of 12 whole numbers, so exact."""
    total = torch.zeros(shape, dtype=torch.int64)
    for _ in range(12):
        total += torch.randint(2**16, shape, generator=g)
    return (total - 6 * (2**16 - 1)).double() / 2**16


def popular(kinds: int, shape: "tuple[int, ...]", g: torch.Generator) -> torch.Tensor:
    """Numbers below ``kinds``; the k-th is drawn in proportion to k ** -0.8 (Zipf)."""
    weights = torch.arange(1, kinds + 1, dtype=torch.float64).pow(-0.8)
    edges = (weights.cumsum(0) / weights.sum() * STEPS).round().long()  # (kinds,)
    return torch.searchsorted(edges, torch.randint(STEPS, shape, generator=g), right=True)


def rate(logits: torch.Tensor) -> torch.Tensor:
    """Logits to probabilities in whole millionths, none of them 0 or 1."""
    return (torch.sigmoid(logits) * STEPS).round().long().clamp(1, STEPS - 1)


def happens(rates: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Draw 0 or 1 for each rate."""
    return (torch.randint(STEPS, rates.shape, generator=g) < rates).long()


def whole(name: str, value: int, least: int) -> int:
    """``value``, or a ValueError that names the argument."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number from {least} on, got {value!r}")
    return value
# --8<-- [end:draws]


# --8<-- [start:ad_impressions]
FIELDS = ["user", "ad", "advertiser", "city", "hour", "site", "device"]
FIELDS += ["noise_1", "noise_2"]  # these two decide nothing
NUMBERS = ["visits", "age", "battery"]  # log1p(visits) counts, battery doesn't
DAYS, COLD_DAY = 14, 12  # the newest ad is shown from this day on


def ad_impressions(
    n: int = 200_000,
    seed: int = 0,
    *,
    users: int = 800,
    ads: int = 160,
    examination: "tuple[float, ...]" = (1.0,),
) -> Clicks:
    """Impressions of advertisements over 14 days, in order of time.

    The logit of a click is a sum: an effect of each category, 0.8 times the products of
    hidden vectors for user x ad, city x advertiser and hour x site, 1.2 times a sign for
    each device x quarter of the day x advertiser, and effects of visits and age.

    Args:
        n: impressions, the same number on each day.
        seed: of all draws: of the world and of what happens in it.
        users: how many there are. The fewer, the more rows there are for each.
        ads: how many there are; one more is new on day 12.
        examination: how likely a reader looks at position 1, 2, ...; an impression
            stands at one of them, by chance. A click needs the look.

    Returns:
        ``table``, n rows: day (1 to 14), the nine whole-number columns of ``FIELDS``,
        the three of ``NUMBERS`` (40 % of the ages are missing: NaN), position, and what
        happened: click, cart (only after a click), order (only after a cart).
        ``truth``, n rows of probabilities: examined, attractive (a click if examined),
        click (their product, and the best that any model can say), cart (given a
        click), order (given a cart).

    Raises:
        ValueError: a count is too small, or examination holds no probabilities.

    Example:
        >>> table, truth = ad_impressions(1000)
        >>> table.shape, truth.shape
        ((1000, 17), (1000, 5))

    Reference:
        Steffen Rendle, "Factorization Machines", ICDM 2010 (products of hidden vectors);
        Nick Craswell et al., "An experimental comparison of click position-bias models",
        WSDM 2008 (examination); Xiao Ma et al., "Entire Space Multi-Task Model", SIGIR
        2018 (click and conversion).
    """
    whole("n", n, DAYS), whole("users", users, 2), whole("ads", ads, 2)
    if not examination or not all(0 < chance <= 1 for chance in examination):
        raise ValueError(f"examination must hold numbers in (0, 1], got {examination!r}")
    g = torch.Generator().manual_seed(seed)
    table = draw_rows(n, users, ads, len(examination), g)
    examined = torch.tensor(examination, dtype=torch.float64)[table["position"] - 1]
    attractive, cart, order = (rate(z) for z in true_logits(table, users, ads, g))
    click = (attractive * examined).round().long().clamp(min=1)
    table["click"] = happens(click, g)
    table["cart"] = happens(cart, g) * table["click"]
    table["order"] = happens(order, g) * table["cart"]
    truth = {"examined": examined, "attractive": attractive.double() / STEPS}
    truth |= {"click": click.double() / STEPS, "cart": cart.double() / STEPS}
    truth |= {"order": order.double() / STEPS}
    return Clicks(as_frame(table), as_frame(truth))


def as_frame(columns: "dict[str, torch.Tensor]") -> "pd.DataFrame":
    """Tensors of one length as the columns of a table."""
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})
# --8<-- [end:ad_impressions]


# --8<-- [start:ad_recipe]
def draw_rows(
    n: int, users: int, ads: int, positions: int, g: torch.Generator
) -> "dict[str, torch.Tensor]":
    """Who is shown what, when and where: n values for each column."""
    day = torch.arange(n) * DAYS // n + 1
    user, ad = popular(users, (n,), g), popular(ads, (n,), g)
    new = (day >= COLD_DAY) & (torch.randint(20, (n,), generator=g) == 0)
    ad = torch.where(new, ads, ad)  # 5 % of the impressions from that day on
    home = popular(40, (users,), g)
    owner = torch.randint(20, (ads + 1,), generator=g)
    found = {"day": day, "user": user, "ad": ad, "advertiser": owner[ad]}
    found |= {"city": home[user], "hour": torch.randint(24, (n,), generator=g)}
    found |= {"site": popular(40, (n,), g), "device": torch.randint(3, (n,), generator=g)}
    for name in FIELDS[7:]:
        found[name] = torch.randint(50, (n,), generator=g)
    found["visits"] = (2 + 1.2 * bells((n,), g)).exp().round().long()
    age = (40 + 12 * bells((n,), g)).round().clamp(16, 90)
    missing = torch.randint(5, (n,), generator=g) < 2
    found["age"] = torch.where(missing, torch.nan, age)
    found["battery"] = torch.randint(101, (n,), generator=g)
    found["position"] = torch.randint(positions, (n,), generator=g) + 1
    return found


def true_logits(
    x: "dict[str, torch.Tensor]", users: int, ads: int, g: torch.Generator
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Of a click that is looked at, of a cart after it, of an order after that; (n,)."""
    kinds = {"user": users, "ad": ads + 1, "advertiser": 20, "city": 40}
    kinds |= {"hour": 24, "site": 40, "device": 3}

    def effect(name: str) -> torch.Tensor:
        return bells((kinds[name],), g)[x[name]]

    def product(one: str, other: str) -> torch.Tensor:
        v, w = (bells((kinds[name], 4), g)[x[name]] for name in (one, other))  # (n, 4)
        return (v * w).sum(1) / 2  # sd 1

    click = -1.6 + 0.25 * sum(effect(name) for name in kinds)
    for pair in (("user", "ad"), ("city", "advertiser"), ("hour", "site")):
        click = click + 0.8 * product(*pair)
    signs = 2 * torch.randint(2, (3, 4, 20), generator=g) - 1
    click = click + 1.2 * signs[x["device"], x["hour"] // 6, x["advertiser"]]
    click = click + 0.35 * (torch.log1p(x["visits"].double()) - 2.2)
    click = click + ((x["age"] - 40) / 40).nan_to_num(nan=-0.2)
    cart = -1.2 + 0.6 * effect("ad") + 0.6 * product("user", "advertiser")
    order = -0.4 + 0.5 * effect("user") + 0.5 * effect("advertiser")
    return click, cart, order
# --8<-- [end:ad_recipe]
