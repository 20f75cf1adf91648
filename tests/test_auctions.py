"""snippets/toolkit/auctions.py: prices against slow versions and by what theory says of them; bad input is named."""

from __future__ import annotations

import doctest
import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.toolkit import auctions
from snippets.toolkit.auctions import BILLED, NAMED, Pacer, TwoStageBidder, auction, ecpm, unit_price

NAN, INF = float("nan"), float("inf")
KINDS = list(NAMED)
BIDS = st.lists(st.integers(0, 12), min_size=0, max_size=5)
WEIGHTS = st.lists(st.sampled_from([1.0, 0.75, 0.5, 0.25]), min_size=1, max_size=4).map(
    lambda w: sorted(w, reverse=True)
)
RULES = ("first", "gsp", "vcg")


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(auctions).failed == 0


# ---- What a bid is worth


@pytest.mark.parametrize(
    ("kind", "expected"), [("CPM", 7.0), ("CPC", 140.0), ("CPA", 7.0), ("oCPM", 7.0), ("oCPC", 7.0), ("oCPA", 7.0)]
)
def test_ecpm_is_1000_times_bid_times_rate(kind: str, expected: float) -> None:
    assert ecpm(kind, 7, ctr=0.02, cvr=0.05) == pytest.approx(expected)


def test_the_example_of_the_page() -> None:
    """Bid 3 and CTR .02 are 60, not 40; the second is 50, so a click costs 2.50."""
    assert ecpm("CPC", 3, ctr=0.02) == 60
    sales = auction([60, 50, 48, 42])
    assert sales[0] is not None and unit_price("CPC", sales[0].price, ctr=0.02) == 2.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_bill_of_expected_units_is_the_price(kind: str) -> None:
    units = {"M": 1.0, "C": 20.0, "A": 1.0}[kind[-1]]  # of 1,000 impressions
    assert unit_price(kind, 33, ctr=0.02, cvr=0.05) * units == pytest.approx(33)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_named_and_billed_as_its_name_says(kind: str) -> None:
    assert BILLED[kind] == "MCA".index(kind[-1])
    assert NAMED[kind] == (2 if kind.startswith("o") else BILLED[kind])


def test_a_step_is_in_the_money_of_the_unit() -> None:
    assert unit_price("CPC", 50, ctr=0.02, step=0.01) == pytest.approx(2.51)
    assert unit_price("oCPM", 50, ctr=0.02, cvr=0.05, step=0.01) == pytest.approx(50.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ecpm("CPX", 1), "kind must be one of CPM, CPC, CPA, oCPM, oCPC, oCPA, got 'CPX'"),
        (lambda: ecpm("CPM", -1), "bid must be 0 or positive, and finite, got -1"),
        (lambda: ecpm("CPM", NAN), "bid must be 0 or positive"),
        (lambda: ecpm("CPM", INF), "bid must be 0 or positive"),
        (lambda: ecpm("CPC", 1, ctr=1.2), "ctr must be between 0 and 1, got 1.2"),
        (lambda: ecpm("CPC", 1, ctr=NAN), "ctr must be between 0 and 1"),
        (lambda: ecpm("CPC", 1, ctr=0.1, cvr=-0.1), "cvr must be between 0 and 1, got -0.1"),
        (lambda: unit_price("cpc", 1), "kind must be one of"),
        (lambda: unit_price("CPC", 1, ctr=0.0), "ctr and cvr must be above 0 for CPC"),
        (lambda: unit_price("CPA", 1, ctr=0.1, cvr=0.0), "ctr and cvr must be above 0 for CPA"),
        (lambda: unit_price("CPC", -1, ctr=0.1), "price must be 0 or positive"),
        (lambda: unit_price("CPC", 1, ctr=0.1, step=-0.1), "step must be 0 or positive"),
        (lambda: auction([1.0], "second"), "rule must be first, gsp or vcg, got 'second'"),
        (lambda: auction([1.0, -2.0]), r"bids\[1\] must be 0 or positive, and finite, got -2.0"),
        (lambda: auction([NAN]), r"bids\[0\] must be"),
        (lambda: auction([1.0], reserve=-1), "reserve must be 0 or positive"),
        (lambda: auction([1.0], weights=()), "weights must not increase"),
        (lambda: auction([1.0], weights=(0.5, 0.6)), "weights must not increase"),
        (lambda: auction([1.0], weights=(1.0, 0.0)), "weights must not increase"),
        (lambda: auction([1.0], weights=(1.5,)), "weights must not increase"),
        (lambda: auction([1.0], weights=(NAN,)), "weights must not increase"),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# ---- Auctions


def slow_vcg(bids: list[int], reserve: float, weights: list[float]) -> list[tuple[int, float]]:
    """What the others lose by each winner: the best assignment with and without it, the seller bidding the reserve for each place."""
    seller = [(-1, reserve)] * len(weights)

    def best(left_out: int | None) -> tuple[float, list[int]]:
        those = [(n, float(b)) for n, b in enumerate(bids) if n != left_out and b >= reserve] + seller
        orders = itertools.permutations(those, len(weights))
        scored = (
            (sum(w * b for w, (_, b) in zip(weights, order, strict=True)), [n for n, _ in order]) for order in orders
        )
        return max(scored, key=lambda one: one[0])

    total = best(None)[0]
    ranked = sorted((n for n, b in enumerate(bids) if b >= reserve), key=lambda n: -bids[n])[: len(weights)]
    return [(n, (best(n)[0] - (total - weights[k] * bids[n])) / weights[k]) for k, n in enumerate(ranked)]


@settings(max_examples=60, deadline=None)
@given(
    bids=st.lists(st.integers(0, 12), max_size=4),
    reserve=st.integers(0, 6),
    weights=st.lists(st.sampled_from([1.0, 0.5, 0.25]), min_size=1, max_size=3).map(lambda w: sorted(w, reverse=True)),
)
def test_vcg_prices_are_what_the_others_lose(bids: list[int], reserve: int, weights: list[float]) -> None:
    sales = [sale for sale in auction(bids, "vcg", reserve=reserve, weights=weights) if sale]
    slow = slow_vcg(bids, reserve, weights)
    assert [sale.bidder for sale in sales] == [bidder for bidder, _ in slow]
    assert [sale.price for sale in sales] == pytest.approx([price for _, price in slow])


@given(bids=BIDS, reserve=st.integers(0, 13), weights=WEIGHTS)
def test_prices_lie_between_reserve_and_bid_and_vcg_below_gsp_below_first(
    bids: list[int], reserve: int, weights: list[float]
) -> None:
    sold = {rule: auction(bids, rule, reserve=reserve, weights=weights) for rule in RULES}
    winners = [[sale and sale.bidder for sale in sales] for sales in sold.values()]
    assert winners[0] == winners[1] == winners[2] and len(winners[0]) == len(weights)
    taken = [one for one in winners[0] if one is not None]
    assert len(taken) == min(len(weights), sum(bid >= reserve for bid in bids))
    assert all(bids[one] >= bids[other] for one, other in itertools.pairwise(taken))
    for first, gsp, vcg in zip(*sold.values(), strict=True):
        if first is not None:
            assert gsp is not None and vcg is not None
            assert reserve <= vcg.price + 1e-9 <= gsp.price + 2e-9 <= first.price + 3e-9 == bids[first.bidder] + 3e-9


@settings(max_examples=200)
@given(value=st.integers(0, 12), lie=st.integers(0, 14), others=BIDS, reserve=st.integers(0, 4), weights=WEIGHTS)
def test_the_truth_is_best_under_vcg(
    value: int, lie: int, others: list[int], reserve: int, weights: list[float]
) -> None:
    def gain(bid: int) -> float:
        sales = auction([bid, *others], "vcg", reserve=reserve, weights=weights)
        return sum(w * (value - s.price) for w, s in zip(weights, sales, strict=True) if s and s.bidder == 0)

    assert gain(value) >= gain(lie) - 1e-9


def test_one_place_is_a_second_price_auction_under_gsp_and_vcg() -> None:
    for bids in ([3.0, 9.0, 7.0], [4.0], [5.0, 5.0]):
        assert auction(bids, "gsp", reserve=2) == auction(bids, "vcg", reserve=2)


def test_equal_bids_keep_their_order_and_pay_the_bid() -> None:
    assert auction([5, 5, 5], "gsp", weights=(1.0, 0.5)) == [(0, 5), (1, 5)]


def test_nobody_above_the_reserve_and_nobody_at_all() -> None:
    for rule in RULES:
        assert auction([3, 4], rule, reserve=5, weights=(1.0, 0.5)) == [None, None]
        assert auction([], rule) == [None]


# ---- Budgets


def test_a_pacer_that_is_ahead_goes_down_and_one_behind_goes_up() -> None:
    pacer = Pacer(100, [0.25] * 4, step=0.2)
    factors = []
    for cost in (40, 20, 10, 30):
        pacer.spend(cost)
        factors.append(pacer.factor)
    assert factors == pytest.approx([0.8, 0.64, 0.768, 0.9216]) and pacer.left == 0


def test_a_factor_never_passes_1() -> None:
    pacer = Pacer(100, [0.5, 0.5])
    pacer.spend(0)
    assert pacer.factor == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Pacer(-1, [1.0]), "budget must be 0 or positive"),
        (lambda: Pacer(1, [0.5, 0.4]), "plan must add up to 1, got 0.9"),
        (lambda: Pacer(1, [1.5, -0.5]), "plan must be 0 or positive"),
        (lambda: Pacer(1, []), "plan must add up to 1"),
        (lambda: Pacer(1, [1.0], step=1.0), "step must be between 0 and 1, got 1.0"),
        (lambda: Pacer(1, [1.0]).spend(2), "cost must be at most the rest, 1, got 2"),
        (lambda: Pacer(1, [1.0]).spend(-2), "cost must be 0 or positive"),
        (lambda: TwoStageBidder(-1, 1), "target must be 0 or positive"),
        (lambda: TwoStageBidder(1, -1), "bid must be 0 or positive"),
        (lambda: TwoStageBidder(1, 1, learn=0), "learn must be at least 1, got 0"),
        (lambda: TwoStageBidder(1, 1, limits=(2, 3)), r"limits must be around 1, got \(2, 3\)"),
        (lambda: TwoStageBidder(1, 1).bid(1.5), "cvr must be between 0 and 1, got 1.5"),
        (lambda: TwoStageBidder(1, 1).record(-1, 0), "actions must be 0 or positive"),
        (lambda: TwoStageBidder(1, 1).record(0, NAN), "cost must be 0 or positive"),
    ],
)
def test_bad_budgets_and_bidders_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_pacer_whose_day_is_over_says_so() -> None:
    pacer = Pacer(1, [1.0])
    pacer.spend(1)
    with pytest.raises(ValueError, match="all 1 periods of the plan are over"):
        pacer.spend(0)


def test_a_bidder_learns_then_corrects_predictions_that_are_too_high() -> None:
    bidder = TwoStageBidder(target=40, click_bid=1.0, learn=20)
    bidder.record(actions=10, cost=1000)
    assert bidder.stage == 1 and bidder.bid(0.5) == 1.0
    bidder.record(actions=10, cost=1000)
    assert bidder.stage == 2 and bidder.bid(0.03) == pytest.approx(1.2)
    for _ in range(5):  # the true rate is 0.02, and bids are paid in full
        clicks = 1000.0
        bidder.record(actions=0.02 * clicks, cost=bidder.bid(0.03) * clicks)
        assert bidder.factor == pytest.approx(2 / 3)
    assert bidder.bid(0.03) / 0.02 == pytest.approx(40)


def test_a_factor_stays_within_its_limits() -> None:
    bidder = TwoStageBidder(target=40, click_bid=1.0, learn=1, limits=(0.5, 2.0))
    bidder.record(1, 1)
    bidder.record(0, 100)
    assert bidder.factor == 0.5
    bidder.record(1000, 1)
    assert bidder.factor == 2.0
    assert math.isfinite(bidder.bid(1.0))
