"""snippets/toolkit/shelf.py and recommender.py: a world that is what it says, and a funnel that a removed stage changes."""

from __future__ import annotations

import doctest
import hashlib
import itertools
from typing import Any

import pandas as pd
import pytest
import torch

from snippets.toolkit import recommender, shelf
from snippets.toolkit.recommender import Recommender, Rules, best

DAY, READERS, ARTICLES = 16, 120, 300
WORLD = "f3e5ea52f4ec14e8320bc6b0f2824ae527367895fa9bf9ba1a5f4911b2eae6aa"


@pytest.fixture(scope="module")
def world() -> shelf.Shelf:
    return shelf.shelf(users=READERS, items=ARTICLES, shown=9000, days=15, seed=1)


def column(table: pd.DataFrame, name: str) -> torch.Tensor:
    return torch.tensor(table[name].tolist())


def pieces(world: shelf.Shelf) -> dict[str, Any]:
    """A recommender without trained models: the truth ranks, and noise on it recalls."""
    noise = torch.randint(1000, world.click.shape, generator=torch.Generator().manual_seed(0)) / 1000
    genre = column(world.items, "genre")
    seen = torch.zeros(world.click.shape, dtype=torch.bool)
    seen[column(world.log, "user"), column(world.log, "item")] = True
    popular = world.exposure.expand(world.click.shape)
    return {
        "items": world.items,
        "sources": {"popular": popular, "noisy": world.click + noise},
        "prerank": world.click + noise,
        "rank": lambda user, item: world.click[user, item],
        "likeness": (genre[:, None] == genre).double(),
        "regretted": world.glad.mean(0) < 0.4,
        "seen": seen,
        "sizes": (60, 50, 25, 10),
    }


def made(world: shelf.Shelf, **switches: Any) -> tuple[Recommender, pd.DataFrame]:
    one = Recommender(**pieces(world), rules=Rules(**switches))
    return one, one.recommend(DAY, torch.Generator().manual_seed(3))


def counts(world: shelf.Shelf, rows: pd.DataFrame) -> dict[str, float]:
    """What the lists of a day hold."""
    item, user, parts = column(rows, "item"), column(rows, "user"), pieces(world)
    genres = pd.Series(column(world.items, "genre")[item].tolist()).groupby(rows.user).nunique()
    return {
        "unfit": float((~column(world.items, "fit")[item]).sum()),
        "again": float(parts["seen"][user, item].sum()),
        "regretted": float(parts["regretted"][item].sum()),
        "genres": float(genres.mean()),
        "new": float((column(world.items, "born")[item] > DAY - 3).sum()),
        "random": float((rows.source == "random").sum()),
    }


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(shelf).failed == 0
    assert doctest.testmod(recommender).failed == 0


def test_the_world_is_the_same_everywhere(world: shelf.Shelf) -> None:
    total = hashlib.sha256()
    for table in (world.items, world.log):
        for name in table:
            total.update(name.encode() + column(table, name).long().numpy().tobytes())
    for chances in (world.click, world.glad):
        total.update((chances * 1_000_000).round().long().numpy().tobytes())
    assert total.hexdigest() == WORLD


def test_the_log_holds_only_what_could_be_shown_and_none_twice(world: shelf.Shelf) -> None:
    rows = world.log.join(world.items, on="item")
    assert ((rows.born <= rows.day) & (rows.day < rows.expires)).all()
    assert not world.log.duplicated(["user", "item"]).any() and world.log.day.is_monotonic_increasing
    assert (world.log.glad <= world.log.click).all()


def test_clicks_come_as_often_as_the_truth_says(world: shelf.Shelf) -> None:
    chance = world.click[column(world.log, "user"), column(world.log, "item")]
    error = (chance * (1 - chance)).sum().sqrt() / len(chance)
    assert abs(column(world.log, "click").double().mean() - chance.mean()) < 4 * error
    clicked = world.log[world.log.click == 1]
    glad = world.glad[column(clicked, "user"), column(clicked, "item")]
    error = (glad * (1 - glad)).sum().sqrt() / len(glad)
    assert abs(column(clicked, "glad").double().mean() - glad.mean()) < 4 * error


def test_unfit_articles_are_clicked_more_and_enjoyed_less(world: shelf.Shelf) -> None:
    fit = column(world.items, "fit")
    assert world.click[:, ~fit].mean() > 1.5 * world.click[:, fit].mean()
    assert world.glad[:, ~fit].mean() < 0.5 * world.glad[:, fit].mean()


def test_articles_are_shown_in_proportion_to_their_exposure() -> None:
    big = shelf.shelf(users=400, items=40, shown=4000, days=2, seed=2)
    always = column(big.items, "born") == 1
    shown = torch.bincount(column(big.log, "item"), minlength=40).double()[always]
    assert torch.corrcoef(torch.stack([shown, big.exposure[always]]))[0, 1] > 0.95


@pytest.mark.parametrize("name", ["users", "items", "shown", "days"])
def test_a_world_that_is_too_small(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        shelf.shelf(**{name: 0})


def test_a_stage_leaves_less_and_only_what_came_before(world: shelf.Shelf) -> None:
    one, rows = made(world)
    names = ["catalogue", "pool", "recall", "pre-rank", "rank"]
    assert list(one.stages) == [*names, "list"]
    for before, after in itertools.pairwise(names):
        assert (one.stages[after] <= one.stages[before]).all()
        assert one.stages[after].sum() < one.stages[before].sum()
    assert (one.stages["list"] <= one.stages["pool"]).all() and (one.stages["list"].sum(1) == 10).all()
    assert (one.stages["rank"].sum(1) == 25).all() and (one.stages["pre-rank"].sum(1) == 50).all()
    assert len(rows) == READERS * 10 and not rows.duplicated(["user", "item"]).any()


CHANGES = [
    ("review", False, "unfit", +20),
    ("repeats", True, "again", +20),
    ("demoted", 1.0, "regretted", +20),
    ("diversity", 0.0, "genres", -0.3),
    ("reserved", 0, "new", -60),
    ("exploration", 0.0, "random", -10),
]


@pytest.mark.parametrize(("rule", "off", "count", "change"), CHANGES)
def test_a_removed_stage_changes_the_counts(world: shelf.Shelf, rule: str, off: Any, count: str, change: float) -> None:
    whole, without = counts(world, made(world)[1]), counts(world, made(world, **{rule: off})[1])
    assert (without[count] - whole[count]) * (1 if change > 0 else -1) >= abs(change), (whole, without)


def test_what_the_rules_promise(world: shelf.Shelf) -> None:
    held = counts(world, made(world)[1])
    assert held["unfit"] == held["again"] == 0 and 10 <= held["random"] <= 50


def test_expired_and_unborn_articles_are_never_shown(world: shelf.Shelf) -> None:
    _, rows = made(world, review=False, exploration=0.5)
    shown = world.items.iloc[rows.item]
    assert ((shown.born <= DAY) & (shown.expires > DAY)).all()


def test_a_list_is_not_repeated_the_day_after(world: shelf.Shelf) -> None:
    one = Recommender(**pieces(world))
    g = torch.Generator().manual_seed(0)
    days = pd.concat([one.recommend(DAY, g), one.recommend(DAY + 1, g)])
    assert not days.duplicated(["user", "item"]).any()


def test_propensities_are_the_shares_that_come_out(world: shelf.Shelf) -> None:
    """Over many draws, an article is at a place as often as its propensity says."""
    parts, g, found = pieces(world), torch.Generator().manual_seed(0), []
    for _ in range(60):
        one = Recommender(**parts, rules=Rules(exploration=0.3))
        found.append(one.recommend(DAY, g))
    rows = pd.concat(found)
    drawn = rows[rows.source == "random"]
    assert abs(len(drawn) / len(rows) - 0.3) < 0.01
    left = one.stages["pool"].sum(1) - 10  # the list itself is the same in each draw
    expected = 10 * 0.3 / left.double()[column(drawn, "user")]
    assert torch.allclose(column(drawn, "propensity").double(), expected)
    times = torch.bincount(column(drawn, "user"), minlength=READERS) / left / 60  # how often a list held one of the others
    assert torch.allclose(times.mean(), (10 * 0.3 / left.double()).mean().float(), atol=0.001)
    assert (rows[rows.source != "random"].propensity == 0.7).all()
    assert drawn.item.nunique() > 0.8 * one.stages["pool"].any(0).sum().item()


def test_inverse_propensities_give_the_mean_of_a_random_list(world: shelf.Shelf) -> None:
    parts, g, found = pieces(world), torch.Generator().manual_seed(0), []
    for _ in range(60):
        one = Recommender(**parts, rules=Rules(exploration=0.3))
        found.append(one.recommend(DAY, g))
    rows = pd.concat(found)
    user, item = column(rows, "user"), column(rows, "item")
    weight = 10 / one.stages["pool"].sum(1).double()[user] / column(rows, "propensity")
    estimate = (weight * world.click[user, item]).sum() / weight.sum()
    truth = torch.stack([p[left].mean() for p, left in zip(world.click, one.stages["pool"], strict=True)]).mean()
    assert abs(estimate - truth) < 0.01 and world.click[user, item].mean() > truth + 0.1


def test_best_takes_allowed_ones_only() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    allowed = torch.tensor([[False, True, True], [True, False, False]])
    assert best(scores, allowed, 2).tolist() == [[False, True, True], [True, False, False]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": (60, 130, 25, 10)}, "sizes"),
        ({"sizes": (60, 20, 25, 10)}, "sizes"),
        ({"sizes": (60, 50, 25, 0)}, "sizes"),
        ({"rules": Rules(exploration=1.5)}, "exploration must be between 0 and 1, got 1.5"),
        ({"rules": Rules(diversity=-1)}, "diversity"),
        ({"rules": Rules(demoted=2)}, "demoted"),
        ({"rules": Rules(reserved=11)}, "reserved"),
    ],
)
def test_bad_settings(world: shelf.Shelf, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recommender(**(pieces(world) | change))


def test_an_empty_pool_is_told(world: shelf.Shelf) -> None:
    with pytest.raises(ValueError, match="day 900: a reader has less than 20 articles left"):
        Recommender(**pieces(world)).recommend(900, torch.Generator())
