# --8<-- [start:ecpm]
"""Advertising: what a bid is worth, who wins and pays what, and budgets that last.

Six kinds of bids. A kind says for what the advertiser names a price, and for what the
bill counts: oCPM, oCPC and oCPA name the price of an action, and are billed by
impression, by click and by action.
"""

import math

NAMED = {"CPM": 0, "CPC": 1, "CPA": 2, "oCPM": 2, "oCPC": 2, "oCPA": 2}
BILLED = {"CPM": 0, "CPC": 1, "CPA": 2, "oCPM": 0, "oCPC": 1, "oCPA": 2}
# 0: for 1,000 impressions, 1: for a click, 2: for an action


def amount(name: str, value: float) -> float:
    """``value``, or a ValueError that names the argument."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be 0 or positive, and finite, got {value!r}")
    return value


def expected(level: int, ctr: float, cvr: float) -> float:
    """How many are expected of 1,000 impressions: 1 (mille), clicks or actions."""
    for name, rate in {"ctr": ctr, "cvr": cvr}.items():
        if not 0 <= rate <= 1:
            raise ValueError(f"{name} must be between 0 and 1, got {rate!r}")
    return (1.0, 1000 * ctr, 1000 * ctr * cvr)[level]


def level_of(kind: str, levels: "dict[str, int]") -> int:
    """What a kind of bid counts, or a ValueError."""
    if kind not in levels:
        raise ValueError(f"kind must be one of {', '.join(levels)}, got {kind!r}")
    return levels[kind]


def ecpm(kind: str, bid: float, ctr: float = 1.0, cvr: float = 1.0) -> float:
    """What 1,000 impressions are expected to bring if the bid is paid (effective CPM).

    Args:
        kind: CPM, CPC, CPA, oCPM, oCPC or oCPA.
        bid: for 1,000 impressions (CPM), for a click (CPC), for an action (the others).
        ctr: probability of a click after an impression.
        cvr: probability of an action after a click.

    Returns:
        Bid times the expected number of what it is named for.

    Raises:
        ValueError: an unknown kind, a negative bid, or a rate outside 0 and 1.

    Example:
        >>> ecpm("CPC", 3, ctr=0.02), ecpm("oCPC", 50, ctr=0.02, cvr=0.04)
        (60.0, 40.0)
    """
    return amount("bid", bid) * expected(level_of(kind, NAMED), ctr, cvr)


def unit_price(
    kind: str, price: float, ctr: float = 1.0, cvr: float = 1.0, step: float = 0.0
) -> float:
    """What the bill says for one impression x 1,000, one click or one action.

    Args:
        kind: as in ecpm; here it decides what the bill counts.
        price: of 1,000 impressions, from an auction.
        ctr: the rate of clicks that the auction used.
        cvr: the rate of conversions after a click that it used.
        step: added to the price of a unit, in the unit's own money.

    Raises:
        ValueError: as ecpm, or a rate of 0, with which no bill ever comes.

    Example:
        >>> unit_price("CPC", 50, ctr=0.02)
        2.5
    """
    count = expected(level_of(kind, BILLED), ctr, cvr)
    if not count:
        raise ValueError(f"ctr and cvr must be above 0 for {kind}, got {ctr} and {cvr}")
    return amount("price", price) / count + amount("step", step)
# --8<-- [end:ecpm]


# --8<-- [start:auction]
import itertools
from collections.abc import Sequence
from typing import NamedTuple


class Sale(NamedTuple):
    """A position that is sold: to which bidder, and for what."""

    bidder: int
    price: float


def auction(
    bids: "Sequence[float]",
    rule: str = "gsp",
    *,
    reserve: float = 0.0,
    weights: "Sequence[float]" = (1.0,),
) -> "list[Sale | None]":
    """Sell positions to the highest bids; equal bids in their order.

    Args:
        bids: eCPM of each bidder.
        rule: "first" (pay what you bid), "gsp" (generalised second price: pay the bid
            below) or "vcg" (Vickrey, Clarke, Groves: pay what the others lose by you).
        reserve: no bid below it wins, and nobody pays less.
        weights: share of the value that each position gives, first position first, such
            as how likely it is looked at; never increasing, above 0, at most 1.

    Returns:
        For each position a Sale, or None where no bid reaches the reserve. The price is
        for 1,000 impressions of weight 1: the position pays weight x price.

    Raises:
        ValueError: a negative bid or reserve, an unknown rule, or bad weights.

    Example:
        >>> auction([4.0, 9.0, 6.0], "gsp", reserve=5.0, weights=(1.0, 0.5, 0.2))
        [Sale(bidder=1, price=6.0), Sale(bidder=2, price=5.0), None]

    Reference:
        Benjamin Edelman, Michael Ostrovsky and Michael Schwarz, "Internet Advertising
        and the Generalized Second-Price Auction", American Economic Review, 2007.
    """
    if rule not in ("first", "gsp", "vcg"):
        raise ValueError(f"rule must be first, gsp or vcg, got {rule!r}")
    amount("reserve", reserve)
    falling = all(one >= other for one, other in itertools.pairwise(weights))
    if not weights or not falling or not 0 < weights[-1] <= weights[0] <= 1:
        raise ValueError(f"weights must not increase within (0, 1], got {weights!r}")
    for place, bid in enumerate(bids):
        amount(f"bids[{place}]", bid)
    order = sorted(range(len(bids)), key=lambda one: -bids[one])
    order = [one for one in order if bids[one] >= reserve]
    won = len(weights)
    below = [bids[one] for one in order[1 : won + 1]]
    below += [reserve] * (won - len(below))  # at or below each position
    later = [*weights[1:], 0.0]
    sales: list[Sale | None] = []
    for place in range(won):
        if place >= len(order):
            sales.append(None)
            continue
        loss = sum((weights[n] - later[n]) * below[n] for n in range(place, won))
        prices = {"first": bids[order[place]], "gsp": below[place]}
        prices["vcg"] = loss / weights[place]
        sales.append(Sale(order[place], prices[rule]))
    return sales
# --8<-- [end:auction]


# --8<-- [start:pacer]
from collections.abc import Sequence


class Pacer:
    """A factor for bids, between 0 and 1, that makes a budget last.

    After each period the factor goes down if more was spent than planned so far, and up
    otherwise.

    Args:
        budget: for all periods.
        plan: share of the day's impressions in each period, forecast; it adds up to 1.
        step: by what share the factor moves in a period.

    Raises:
        ValueError: a negative budget, a plan that doesn't add up to 1, a step outside
            0 and 1.

    Example:
        >>> pacer = Pacer(100, [0.5, 0.5])
        >>> pacer.spend(80)
        >>> pacer.factor, pacer.left
        (0.9, 20)

    Reference:
        Deepak Agarwal et al., "Budget Pacing for Targeted Online Advertisements at
        LinkedIn", KDD 2014.
    """

    def __init__(
        self, budget: float, plan: "Sequence[float]", step: float = 0.1
    ) -> None:
        for share in plan:
            amount("plan", share)
        if not math.isclose(sum(plan), 1, abs_tol=1e-6):
            raise ValueError(f"plan must add up to 1, got {sum(plan)}")
        if not 0 < step < 1:
            raise ValueError(f"step must be between 0 and 1, got {step!r}")
        self.budget, self.plan, self.step = amount("budget", budget), plan, step
        self.factor, self.left, self.period = 1.0, budget, 0

    def spend(self, cost: float) -> None:
        """Close a period in which ``cost`` was paid; never more than is left."""
        if self.period == len(self.plan):
            raise ValueError(f"all {self.period} periods of the plan are over")
        if amount("cost", cost) > self.left:
            raise ValueError(f"cost must be at most the rest, {self.left}, got {cost}")
        self.left -= cost
        self.period += 1
        due = self.budget * sum(self.plan[: self.period])
        ahead = self.budget - self.left > due
        self.factor = min(1.0, self.factor * (1 + (-self.step if ahead else self.step)))
# --8<-- [end:pacer]


# --8<-- [start:two_stage]
class TwoStageBidder:
    """oCPC: bids for clicks while it learns, then for actions, at a price per action.

    In the second stage a click is worth target x predicted rate x factor. The factor is
    target / (what an action would have cost so far with a factor of 1), within limits.
    It makes up for predictions that are too high or too low on the whole.

    Args:
        target: what an action may cost.
        click_bid: the bid for a click in the first stage.
        learn: so many actions end the first stage.
        limits: of the factor.

    Raises:
        ValueError: a negative amount, learn below 1, or limits out of order.

    Example:
        >>> bidder = TwoStageBidder(target=20, click_bid=1.0, learn=2)
        >>> bidder.record(actions=2, cost=80.0)
        >>> bidder.stage, bidder.bid(0.1)
        (2, 2.0)
    """

    def __init__(
        self,
        target: float,
        click_bid: float,
        learn: int = 20,
        limits: "tuple[float, float]" = (0.5, 2.0),
    ) -> None:
        if learn < 1:
            raise ValueError(f"learn must be at least 1, got {learn!r}")
        if not 0 < limits[0] <= 1 <= limits[1]:
            raise ValueError(f"limits must be around 1, got {limits!r}")
        self.target, self.click_bid = amount("target", target), amount("bid", click_bid)
        self.learn, self.limits = learn, limits
        self.stage, self.seen, self.factor = 1, 0.0, 1.0
        self.actions, self.cost = 0.0, 0.0  # of the second stage, at a factor of 1

    def bid(self, cvr: float) -> float:
        """For a click whose predicted rate of actions is ``cvr``."""
        if not 0 <= cvr <= 1:
            raise ValueError(f"cvr must be between 0 and 1, got {cvr!r}")
        return self.click_bid if self.stage == 1 else self.target * cvr * self.factor

    def record(self, actions: float, cost: float) -> None:
        """What a period brought and cost."""
        self.seen += amount("actions", actions)
        amount("cost", cost)
        if self.stage == 1:
            self.stage = 2 if self.seen >= self.learn else 1
            return
        self.actions += actions
        self.cost += cost / self.factor
        if self.cost:
            low, high = self.limits
            self.factor = min(max(self.target * self.actions / self.cost, low), high)
# --8<-- [end:two_stage]
