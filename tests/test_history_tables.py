"""snippets/toolkit/history_tables.py: what a row's history holds, against loops that say the same slowly."""

from __future__ import annotations

import doctest

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.toolkit import history_tables
from snippets.toolkit.history_tables import (
    PLACES,
    filled,
    film_ratings,
    liked_before,
    pad_latest,
    prepared_histories,
    prepared_ratings,
)

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=30)


def slow(table: pd.DataFrame, places: int) -> list[list[int]]:
    """For each row the earlier rows of its user with label 1, one by one."""
    rows = list(table.itertuples())
    found = []
    for row in rows:
        mine = [r.Index for r in rows if r.user == row.user and r.time < row.time and r.liked]
        found.append(mine[-places:])
    return found


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(history_tables).failed == 0


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.integers(1, 4))
def test_liked_before_is_what_a_loop_finds(events: list[tuple[int, int, int]], places: int) -> None:
    table = pd.DataFrame(sorted(events), columns=["user", "time", "liked"])
    rows, lengths = liked_before(table, places)
    wanted = slow(table, places)
    assert lengths.tolist() == [len(one) for one in wanted]
    assert [row[:n] for row, n in zip(rows.tolist(), lengths.tolist(), strict=True)] == wanted
    assert (rows[~filled(lengths, places)] == 0).all()


@pytest.mark.parametrize("user, time", [([2, 1, 2], [1, 1, 2]), ([1, 1, 2], [2, 1, 1])])
def test_rows_out_of_order_are_refused(user: list[int], time: list[int]) -> None:
    with pytest.raises(ValueError, match="sorted by user and time"):
        liked_before(pd.DataFrame({"user": user, "time": time, "liked": [1, 1, 1]}))


def test_padding_keeps_the_latest() -> None:
    items, lengths = pad_latest([list(range(1, 31)), [], [4]], places=20)
    assert items[0].tolist() == list(range(11, 31)) and lengths.tolist() == [20, 0, 1]
    assert items[1].sum() == 0 and items[2].tolist() == [4, *[0] * 19]
    with pytest.raises(ValueError, match="places must be at least 1, got 0"):
        pad_latest([[1]], places=0)


def test_generated_rows_keep_their_order_and_truth() -> None:
    made = history_tables.histories(1000, interests=2, seed=3)
    ready = prepared_histories(1000, interests=2, seed=3)
    assert [len(ready.data[name]) for name in ("train", "valid", "test")] == [800, 100, 100]
    inputs, labels = ready.data["test"][:]
    assert torch.equal(inputs["items"], made.items[900:]) and torch.equal(labels, made.click[900:].float())
    assert ready.truth is not None and torch.equal(ready.truth, made.probability[900:])
    assert torch.equal(ready.groups, made.user[900:]) and ready.items == 601


def test_ratings_become_histories_without_the_row_itself() -> None:
    ratings = pd.DataFrame(
        {"user": ["a"] * 10, "item": list("pqrstuvwxy"), "rating": [5.0, 1, 4, 4, 2, 5, 5, 5, 4, 4], "time": range(10)}
    ).sample(frac=1, random_state=0)
    ready, vocabulary = prepared_ratings(ratings, places=3)
    assert vocabulary == {item: row for row, item in enumerate("pqrstuv", start=2)} and ready.items == 9
    inputs, labels = ready.data["test"][:]
    row = vocabulary.__getitem__
    assert inputs["items"].tolist() == [[row("u"), row("v"), 1], [row("v"), 1, 1]]  # w and x are unknown
    assert inputs["lengths"].tolist() == [3, 3] and inputs["target"].tolist() == [1, 1] and labels.tolist() == [1, 1]
    first, _ = ready.data["train"][:1]
    assert first["lengths"].tolist() == [0] and first["items"].sum() == 0


def test_films_never_hold_their_own_second() -> None:
    ratings = film_ratings()
    ready, _ = prepared_ratings(ratings)
    sizes = [len(ready.data[name]) for name in ("train", "valid", "test")]
    assert sum(sizes) == len(ratings) == 100_004
    inputs, _ = ready.data["train"][:]
    assert inputs["items"].shape == (sizes[0], PLACES)
    assert ((inputs["items"] > 0).sum(1) == inputs["lengths"]).all()
    assert not (inputs["items"] == inputs["target"][:, None]).any()  # nobody rates a film twice
