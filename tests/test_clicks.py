"""snippets/toolkit/clicks.py and histories.py: the same rows on every machine, and truths that are what they say."""

from __future__ import annotations

import doctest
import hashlib
from typing import Any

import pytest
import torch

from snippets.toolkit import clicks, histories
from snippets.toolkit.clicks import COLD_DAY, FIELDS, NUMBERS, Clicks, ad_impressions
from snippets.toolkit.metrics import auc

IMPRESSIONS = "6dd7089a3c9a6747c8f9c0a3bd2c7d76d3e1e14dc354059f05d5b8cdace696b3"
HISTORIES = {
    False: "555cd6346f097da300e986b4da62f80724a3dbc1eaa21ec31dc544c4f9a37aac",
    True: "cbe5b664e2b70606c1fa9c1aebb406f6163d41037a01667bc8abff37ce4327fe",
}


def digest(columns: dict[str, torch.Tensor]) -> str:
    """A hash of names and values, in order."""
    total = hashlib.sha256()
    for name, values in columns.items():
        total.update(name.encode() + values.contiguous().numpy().tobytes())
    return total.hexdigest()


def impressions_digest(made: Clicks) -> str:
    pairs = {f"{part}.{name}": values for part in ("table", "truth") for name, values in getattr(made, part).items()}
    return digest({name: torch.tensor(values.to_numpy()) for name, values in pairs.items()})


def histories_digest(drift: bool) -> str:
    return digest(histories.histories(20_000, interests=3, drift=drift)._asdict())


def expected_auc(rates: torch.Tensor) -> float:
    """The AUC of the true rates in the mean over all draws of the labels: pairs weighted by p (1 - q)."""
    p = rates.double().sort().values
    below = (1 - p).cumsum(0) - (1 - p)  # of all lower places
    return ((p * below).sum() / (p.sum() * (1 - p).sum())).item()


@pytest.fixture(scope="module")
def made() -> Clicks:
    return ad_impressions()


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(clicks).failed == 0
    assert doctest.testmod(histories).failed == 0


def test_impressions_are_the_same_everywhere(made: Clicks) -> None:
    assert impressions_digest(made) == IMPRESSIONS


@pytest.mark.parametrize("drift", [False, True])
def test_histories_are_the_same_everywhere(drift: bool) -> None:
    assert histories_digest(drift) == HISTORIES[drift]


def nudged(function: Any, by: float) -> Any:
    """The function with its results moved: by one unit in the last place, or by a share of the value."""

    def other(*args: Any, **kwargs: Any) -> torch.Tensor:
        values = function(*args, **kwargs)
        return values.nextafter(torch.full_like(values, torch.inf)) if not by else values * (1 + by)

    return other


@pytest.mark.parametrize("name", ["sigmoid", "log1p"])
def test_the_last_bit_of_a_kernel_changes_no_draw(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, name, nudged(getattr(torch, name), 0.0))
    assert impressions_digest(ad_impressions()) == IMPRESSIONS
    if name == "sigmoid":
        assert [histories_digest(drift) for drift in (False, True)] == list(HISTORIES.values())


def test_a_change_that_matters_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above could fail."""
    monkeypatch.setattr(torch, "sigmoid", nudged(torch.sigmoid, 1e-5))
    assert impressions_digest(ad_impressions()) != IMPRESSIONS
    assert histories_digest(False) != HISTORIES[False]


def test_other_seeds_are_other_worlds(made: Clicks) -> None:
    one, other = ad_impressions(2000), ad_impressions(2000, seed=1)
    assert impressions_digest(one) == impressions_digest(ad_impressions(2000)) != impressions_digest(other)
    rates = {seed: histories.histories(2000, seed=seed).probability for seed in (0, 1)}
    assert not torch.equal(rates[0], rates[1])


def test_columns_days_and_the_new_ad(made: Clicks) -> None:
    table = made.table
    assert table.columns.tolist() == ["day", *FIELDS, *NUMBERS, "position", "click", "cart", "order"]
    assert table.day.is_monotonic_increasing and table.day.value_counts().between(14_285, 14_286).all()
    new = table.ad == 160
    assert table.day[new].min() == COLD_DAY and 0.045 < new[table.day >= COLD_DAY].mean() < 0.055
    assert table.groupby("ad").advertiser.nunique().max() == 1 == table.groupby("user").city.nunique().max()
    assert 0.39 < table.age.isna().mean() < 0.41 and table[["visits", "battery"]].notna().all(axis=None)
    assert (table.position == 1).all() and (made.truth.examined == 1).all()
    assert (table.cart <= table.click).all() and (table.order <= table.cart).all()
    kinds = {"user": 800, "ad": 161, "advertiser": 20, "city": 40, "hour": 24, "site": 40, "device": 3}
    for name, most in (kinds | {"noise_1": 50, "noise_2": 50}).items():
        assert table[name].min() == 0 and table[name].max() == most - 1


@pytest.mark.parametrize("seed", range(3))
def test_the_oracle_of_clicks_is_what_it_says(seed: int) -> None:
    """Calibrated in each tenth, its AUC the expected one, and above what the recipe promises."""
    table, truth = ad_impressions(seed=seed)
    rates, label = torch.tensor(truth.click.to_numpy()), torch.tensor(table.click.to_numpy())
    for tenth in rates.argsort().chunk(10):
        p = rates[tenth]
        error = (label[tenth].double().mean() - p.mean()) / ((p * (1 - p)).sum().sqrt() / len(p))
        assert abs(error) < 4
    measured = auc(rates, label)
    assert measured == pytest.approx(expected_auc(rates), abs=0.003)
    assert 0.86 < measured < 0.88 and 0.27 < label.double().mean() < 0.31
    assert auc(rates.roll(1), label) == pytest.approx(0.5, abs=0.01)


def test_carts_and_orders_follow_their_rates(made: Clicks) -> None:
    table, truth = made
    for given, level in (("click", "cart"), ("cart", "order")):
        seen = table[given] == 1
        rates, label = truth[level][seen], table[level][seen]
        error = (label.mean() - rates.mean()) / ((rates * (1 - rates)).sum() ** 0.5 / len(rates))
        assert abs(error) < 4 and seen.sum() > 4000
        scores, labels = torch.tensor(rates.to_numpy()), torch.tensor(label.to_numpy())
        assert auc(scores, labels) == pytest.approx(expected_auc(scores), abs=0.02)


def test_a_position_takes_clicks_as_it_is_examined() -> None:
    table, truth = ad_impressions(100_000, examination=(1.0, 0.5, 0.2))
    assert torch.allclose(
        torch.tensor((truth.attractive * truth.examined).to_numpy()), torch.tensor(truth.click.to_numpy()), atol=1e-6
    )
    share = table.groupby("position").click.mean()
    assert share[2] / share[1] == pytest.approx(0.5, abs=0.03) and share[3] / share[1] == pytest.approx(0.2, abs=0.02)


def test_visits_count_through_their_logarithm_and_battery_does_not(made: Clicks) -> None:
    logit = torch.tensor((made.truth.click / (1 - made.truth.click)).to_numpy()).log()
    columns = [torch.tensor(made.table[name].to_numpy()).double() for name in ("visits", "battery", "noise_1")]
    related = [torch.corrcoef(torch.stack([logit, values]))[0, 1].item() for values in columns]
    logged = torch.corrcoef(torch.stack([logit, columns[0].log1p()]))[0, 1].item()
    assert logged > related[0] + 0.03 and logged > 0.12 and max(map(abs, related[1:])) < 0.01


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 13}, "n must be a whole number from 14 on, got 13"),
        ({"n": 1e5}, "n must be a whole number"),
        ({"users": 1}, "users must be a whole number from 2 on"),
        ({"ads": 0}, "ads must be a whole number from 2 on"),
        ({"examination": ()}, "examination must hold numbers"),
        ({"examination": (1.0, 0.0)}, "examination must hold numbers"),
        ({"examination": (1.1,)}, "examination must hold numbers"),
    ],
)
def test_impressions_that_can_not_be_made(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ad_impressions(**options)


@pytest.mark.parametrize(("drift", "interests"), [(False, 6), (False, 1), (True, 3)])
def test_the_oracle_of_histories_is_what_it_says(drift: bool, interests: int) -> None:
    made = histories.histories(60_000, interests, drift)
    for tenth in made.probability.argsort().chunk(10):
        p = made.probability[tenth]
        error = (made.click[tenth].double().mean() - p.mean()) / ((p * (1 - p)).sum().sqrt() / len(p))
        assert abs(error) < 4
    measured = auc(made.probability, made.click)
    assert measured == pytest.approx(expected_auc(made.probability), abs=0.005)
    assert 0.85 < measured < 0.90 and 0.29 < made.click.double().mean() < 0.36


def test_a_history_comes_from_the_interests() -> None:
    made = histories.histories(5000, interests=2)
    assert made.items.shape == (5000, 20) and made.lengths.min() == 5 and made.lengths.max() == 20
    inside = torch.arange(20) < made.lengths[:, None]
    assert torch.equal(made.items > 0, inside) and made.items.max() == 600 and made.target.min() >= 1
    category = (made.items - 1) % 60
    for user in range(20):
        seen = category[made.user == user][inside[made.user == user]]
        assert seen.unique().numel() == 2, "the same two in all rows of a user"
    liked = ((category == ((made.target - 1) % 60)[:, None]) & inside).any(1)
    assert made.click[liked].double().mean() > 0.4 and made.click[~liked].double().mean() < 0.15
    assert not (made.probability[liked] < 0.02).all()


def test_with_drift_the_last_phase_decides() -> None:
    made = histories.histories(20_000, interests=3, drift=True)
    assert made.items.shape == (20_000, 12) and made.lengths.min() == 6 and made.lengths.max() == 12
    category, target = (made.items - 1) % 60, (made.target - 1) % 60
    row, last = torch.arange(20_000), made.lengths - 1
    for place in range(11):  # phases follow each other: a category doesn't come back
        later = (category[:, place] != category[:, place + 1]) & (place + 1 < made.lengths)
        back = (category[:, place + 2 :] == category[:, place, None]) & (made.items[:, place + 2 :] > 0)
        assert not back[later].any()
    fresh, stale = category[row, last] == target, category[:, 0] == target
    assert not (fresh & stale).any()
    assert made.click[fresh].double().mean() > 0.55 and made.click[stale].double().mean() < 0.4


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 9}, "n must be a whole number from 10 on"),
        ({"n": 100, "interests": 0}, "interests must be a whole number from 1 on"),
        ({"n": 100, "interests": 21}, "interests must be from 1 to 20, got 21"),
        ({"n": 100, "interests": 1, "drift": True}, "interests must be a whole number from 2 on"),
        ({"n": 100, "interests": 7, "drift": True}, "interests must be from 2 to 6"),
    ],
)
def test_histories_that_can_not_be_made(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        histories.histories(**options)


def test_files_stay_short() -> None:
    for module in (clicks, histories):
        assert module.__file__ is not None
        with open(module.__file__, encoding="utf-8") as file:
            assert len(file.readlines()) <= 300
