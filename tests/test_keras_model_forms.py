"""KerasModel with other inputs, outputs, batches and losses: nests of tensors, weights, named parts, an own forward."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections import OrderedDict, defaultdict, namedtuple
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from book.ground.tree import HERE
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy, auc
from snippets.toolkit.nests import (
    convert_nest,
    describe_nest,
    inputs_of,
    is_inputs,
    join_nests,
    nested_tensors,
    split_batch,
)

FILES = ("keras_model", "place_and_update", "best_and_checkpoint")
Pair = namedtuple("Pair", ["left", "right"])


@dataclasses.dataclass(frozen=True)
class Scored:
    logits: object
    extra: object = None


def lines_of_code(name: str) -> int:
    """Lines that are neither blank nor a comment nor part of a docstring."""
    text = (HERE.root / f"snippets/toolkit/{name}.py").read_text(encoding="utf-8")
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            told |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if n not in told and line.strip() and not line.lstrip().startswith("#"))


def test_it_is_short() -> None:
    counts = {name: lines_of_code(name) for name in FILES}
    assert sum(counts.values()) < 300, counts
    assert max(counts.values()) <= 125, counts


def test_it_stands_on_parts_and_not_on_a_chain_of_classes() -> None:
    assert KerasModel.__mro__ == (KerasModel, object)


# ---- Nests -----------------------------------------------------------------------------------------------------------

KEYS = st.text("abcxyz", min_size=1, max_size=3)
LEAVES = st.tuples(st.integers(1, 3), st.integers(0, 2**20)).map(
    lambda t: torch.randn(4, t[0], generator=torch.Generator().manual_seed(t[1]))
)
NESTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner),
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        st.dictionaries(KEYS, inner, min_size=1, max_size=3).map(OrderedDict),
        st.builds(Pair, inner, inner),
        st.builds(Scored, inner, st.one_of(st.none(), inner)),
    ),
    max_leaves=6,
)


def shape_of(nest: object) -> object:
    """The containers of a nest, with nothing in them."""
    return describe_nest(convert_nest(lambda t: torch.zeros(()), nest))


@settings(max_examples=80, deadline=None)
@given(NESTS)
def test_nests_are_cut_and_joined_without_loss(nest: object) -> None:
    halves = [convert_nest(lambda t: t[:3], nest), convert_nest(lambda t: t[3:], nest)]
    whole = join_nests(halves)
    assert describe_nest(whole) == describe_nest(nest)
    pairs = zip(nested_tensors(whole), nested_tensors(nest), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert type(whole) is type(nest)


@settings(max_examples=40, deadline=None)
@given(NESTS)
def test_any_nest_is_input_and_output(nest: object) -> None:
    """A net that adds up all it gets and gives it back: fit, evaluate, predict, and a metric of the first tensor."""

    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, inputs: object) -> object:
            return convert_nest(lambda t: t * self.scale, inputs)

    def loss(outputs: object, targets: torch.Tensor) -> torch.Tensor:
        return sum(t.mean() for t in nested_tensors(outputs)).square() + 0 * targets.mean()

    net = Sums()
    model = KerasModel(net, loss, torch.optim.SGD(net.parameters(), 1e-3), {"first": lambda o, t: o.flatten()[0]})
    data = [
        (convert_nest(lambda t: t[:3], nest), torch.ones(3, 1)),
        (convert_nest(lambda t: t[3:], nest), torch.ones(1, 1)),
    ]
    model.fit(data, data, epochs=1)
    scale = net.scale.item()
    out = model.predict(data)
    assert describe_nest(out) == describe_nest(nest)
    for a, b in zip(nested_tensors(out), nested_tensors(nest), strict=True):
        torch.testing.assert_close(a, b * scale)
    main = next(nested_tensors(nest))
    named = nest.logits if isinstance(nest, Scored) else None
    if not isinstance(nest, Scored) and isinstance(nest, dict) and "logits" in nest:
        named = nest["logits"]
    first = next(nested_tensors(named)) if named is not None else main
    assert model.evaluate(data)["first"] == pytest.approx(first.flatten()[0].item() * scale, rel=1e-5)


def test_a_container_keeps_its_class() -> None:
    made = defaultdict(list, a=torch.zeros(2))
    twice = convert_nest(lambda t: t + 1, made)
    assert type(twice) is defaultdict and twice["missing"] == []
    assert made["a"].sum() == 0  # the old one is as it was
    most = torch.return_types.max([torch.zeros(3), torch.zeros(3)])
    assert type(convert_nest(lambda t: t, most)) is torch.return_types.max


def test_keys_in_another_order_are_joined_by_name_and_other_forms_are_refused() -> None:
    a, b = torch.zeros(2), torch.ones(2)
    joined = join_nests([{"a": a, "b": b}, {"b": b, "a": a}])
    assert joined["a"].tolist() == [0] * 4
    with pytest.raises(ValueError, match=r"different forms: \{'a': Tensor \(2,\)\} and \{'b': Tensor \(2,\)\}"):
        join_nests([{"a": a}, {"b": b}])
    with pytest.raises(ValueError, match="different forms"):
        join_nests([(a, b), (a,)])
    assert join_nests([(a, None, "x"), (a, None, "y")])[1:] == (None, ["x", "y"])


def test_what_a_batch_may_be() -> None:
    x, y, w = torch.zeros(4, 2), torch.zeros(4, 1), torch.ones(4)
    assert split_batch((x, y), None) == (x, y, None)
    assert split_batch([x, y, w], None) == (x, y, w)
    inputs, targets, weights = split_batch({"a": x, "label": y}, "label")
    assert (list(inputs), targets, weights) == (["a"], y, None)
    assert inputs_of({"a": x, "label": y}, "label").keys() == {"a"}
    assert inputs_of((x, y)) is x and inputs_of(x) is x
    for data, one in (
        (x, True),
        ({"a": x}, True),
        ((x, x), True),
        (Scored(x), True),
        ([x, x], False),
        (((x, y),), False),
    ):
        assert is_inputs(data) is one


@pytest.mark.parametrize(
    ("batch", "target", "message"),
    [
        (torch.zeros(8, 2), None, r"KerasModel's target=; got Tensor \(8, 2\)"),
        ((torch.zeros(8, 2),), None, r"got \(Tensor \(8, 2\),\)"),
        ((torch.zeros(8, 2),) * 4, None, r"got \(Tensor \(8, 2\), Tensor \(8, 2\), Tensor \(8, 2\), Tensor \(8, 2\)\)"),
        ({"x": torch.zeros(8, 2), "y": torch.zeros(8)}, None, r"KerasModel's target=; got \{'x': Tensor \(8, 2\), 'y'"),
        ({"x": torch.zeros(8, 2), "y": torch.zeros(8)}, "label", r"its targets at target='label'; got \{'x'"),
        ((torch.zeros(8, 2).numpy(), torch.zeros(8)), None, r"torch.from_numpy\); got \(ndarray \(8, 2\), Tensor"),
        (
            ({"a": [torch.zeros(8).numpy()]}, torch.zeros(8)),
            None,
            r"torch.from_numpy\); got \(\{'a': \[ndarray \(8,\)\]\}",
        ),
        ((torch.zeros(8, 2), torch.zeros(8).numpy()), None, r"torch.from_numpy"),
        ((torch.zeros(8, 2), [1, 2]), None, r"targets must hold a tensor; got \(Tensor \(8, 2\), \[int, int\]\)"),
        ((torch.zeros(8, 2), torch.zeros(8), [1.0]), None, r"weights must be a tensor; got"),
        ("ab", None, "got str"),
        (3, None, "got int"),
        (None, None, "got NoneType"),
    ],
)
def test_a_batch_of_another_form_is_told_before_training(batch: object, target: str | None, message: str) -> None:
    net = nn.Linear(2, 1)
    model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1), target=target)
    good = [(torch.ones(8, 2), torch.ones(8, 1))]
    before = net.weight.clone()
    for arguments in (([batch],), (good if target is None else [batch], [batch])):
        with pytest.raises(TypeError, match=message):
            model.fit(*arguments)
        assert torch.equal(net.weight, before) and model.history == []
    with pytest.raises(TypeError, match=message):
        model.evaluate([batch])


def test_inputs_and_targets_in_one_tuple_are_no_batches() -> None:
    """`fit((X, y))` used to take the rows of X for inputs and targets where X had two rows."""
    net = nn.Linear(2, 1)
    model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1))
    with pytest.raises(TypeError, match=r"a batch must be \(inputs, targets\).*got Tensor \(2, 2\)"):
        model.fit((torch.zeros(2, 2), torch.zeros(2, 1)))


# ---- Sizes, weights, named parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [dict, tuple])
def test_samples_are_counted_in_targets_that_are_no_tensor(kind: type) -> None:
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    x, y = torch.randn(33, 3), torch.randn(33, 2)

    def loss(outputs: torch.Tensor, targets: object) -> torch.Tensor:
        a, b = targets.values() if isinstance(targets, dict) else targets
        return F.mse_loss(outputs[:, 0], a) + F.mse_loss(outputs[:, 1], b)

    def batch(rows: slice) -> object:
        parts = {"a": y[rows, 0], "b": y[rows, 1]}
        return x[rows], parts if kind is dict else tuple(parts.values())

    exact = loss(net(x), batch(slice(None))[1]).item()
    data = [batch(slice(0, 32)), batch(slice(32, 33))]
    model = KerasModel(net, loss, torch.optim.SGD(net.parameters(), 0.0))
    assert model.fit(data, data)[0]["loss"] == pytest.approx(exact, rel=1e-6)
    assert model.history[0]["val_loss"] == pytest.approx(exact, rel=1e-6)
    # and in training: a group of unequal batches makes the step of the big one
    many, one = (
        KerasModel(n := nn.Linear(3, 2), loss, torch.optim.SGD(n.parameters(), 0.1), accumulate=k) for k in (2, 1)
    )
    many.net.load_state_dict(net.state_dict()), one.net.load_state_dict(net.state_dict())
    many.fit(data), one.fit([batch(slice(None))])
    torch.testing.assert_close(many.net.weight, one.net.weight)


@pytest.mark.parametrize("columns", [(), (1,), (3,)])
def test_weights_of_samples(columns: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = nn.Linear(2, columns[0] if columns else 1)
    x, y, w = torch.randn(10, 2), torch.randn(10, *columns), torch.rand(10)

    def each(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(outputs.reshape(targets.shape), targets, reduction="none")

    rows = each(net(x), y).reshape(10, -1).mean(1)
    data = list(zip(x.split(4), y.split(4), w.split(4), strict=True))
    model = KerasModel(net, each, torch.optim.SGD(net.parameters(), 0.0))
    assert model.fit(data, data)[0]["loss"] == pytest.approx((rows * w).mean().item(), rel=1e-6)
    assert model.history[0]["val_loss"] == pytest.approx((rows * w).mean().item(), rel=1e-6)
    column = [(a, b, c[:, None]) for a, b, c in data]  # (N, 1) weighs, and doesn't broadcast
    assert model.evaluate(column)["loss"] == pytest.approx((rows * w).mean().item(), rel=1e-6)


def test_weights_need_a_loss_for_each_sample() -> None:
    """With three in a tuple, F.mse_loss would take the third for its size_average, and say nothing."""
    net = nn.Linear(2, 1)
    model = KerasModel(net, F.mse_loss, torch.optim.SGD(net.parameters(), 0.1))
    data = [(torch.ones(4, 2), torch.ones(4, 1), torch.ones(4))]
    with pytest.raises(ValueError, match=r'reduction="none"; got loss \(\) and weights \(4,\)'):
        model.fit(data)


def parts(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"fit": F.mse_loss(outputs, targets), "size": 0.1 * outputs.square().mean()}


def test_parts_of_a_loss_are_added_up_and_logged_by_name() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    second.load_state_dict(first.state_dict())
    x, y = torch.randn(11, 2), torch.randn(11, 1)
    data = list(zip(x.split(4), y.split(4), strict=True))
    named = KerasModel(first, parts, torch.optim.SGD(first.parameters(), 0.1))
    plain = KerasModel(second, lambda o, t: sum(parts(o, t).values()), torch.optim.SGD(second.parameters(), 0.1))
    named.fit(data, data, epochs=3, monitor="val_fit", mode="min"), plain.fit(data, data, epochs=3)
    assert list(named.history[0]) == ["epoch", "lr", "loss", "fit", "size", "val_loss", "val_fit", "val_size"]
    for a, b in zip(named.history, plain.history, strict=True):
        assert a["loss"] == pytest.approx(b["loss"]) and a["val_loss"] == pytest.approx(b["val_loss"])
        assert a["loss"] == pytest.approx(a["fit"] + a["size"])
    exact = {name: part.item() for name, part in parts(first(x), y).items()}
    assert named.evaluate(data) == pytest.approx({"loss": sum(exact.values()), **exact}, rel=1e-5)


@pytest.mark.parametrize("validated", [True, False])
def test_a_part_can_be_watched_and_a_wrong_one_fails_at_once(validated: bool) -> None:
    net = nn.Linear(2, 1)
    model = KerasModel(net, parts, torch.optim.SGD(net.parameters(), 0.1))
    data, state = [(torch.ones(4, 2), torch.ones(4, 1))], net.weight.clone()
    validation = data if validated else None
    with pytest.raises(ValueError, match=r"monitor='fitt' \(did you mean 'fit'\?\): choose from loss, fit, size"):
        model.fit(data, validation, monitor="fitt")
    with pytest.raises(ValueError, match=r"mode=None: choose from min, max"):
        model.fit(data, validation, monitor="fit")
    assert torch.equal(state, net.weight) and model.history == []
    model.fit(data, validation, epochs=2, monitor="fit", mode="min", patience=3)
    assert len(model.history) == 2


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda o, t: {"loss": o.mean()}, "part of loss 'loss': that name"),
        (lambda o, t: {"val_x": o.mean()}, "part of loss 'val_x': that name"),
        (lambda o, t: {"lr": o.mean()}, "part of loss 'lr'"),
        (lambda o, t: {"share": o.mean()}, "part of loss 'share'"),  # a metric has that name
        (lambda o, t: {0: o.mean()}, "name of a part of loss must be str, got 0"),
        (lambda o, t: {}, "loss must give one number, or a dict of such parts, got {}"),
        (lambda o, t: o - t, r"loss must give one number.*got Tensor \(4, 1\)"),
        (lambda o, t: {"a": o}, r"loss must give one number.*got Tensor \(4, 1\)"),
        (lambda o, t: 3.0, "loss must give one number.*got float"),
    ],
)
@pytest.mark.parametrize("validated", [True, False])
def test_a_loss_of_another_form(loss: object, message: str, validated: bool) -> None:
    net = nn.Linear(2, 1)
    model = KerasModel(net, loss, torch.optim.SGD(net.parameters(), 0.1), {"share": lambda o, t: 1.0})
    data, state = [(torch.ones(4, 2), torch.ones(4, 1))], net.weight.clone()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(data, data if validated else None)
    assert torch.equal(state, net.weight) and model.history == []


def test_a_part_that_is_missing_in_some_batches() -> None:
    net = nn.Linear(2, 1)
    sometimes = lambda o, t: {"a": o.mean(), **({"b": o.mean()} if len(o) == 4 else {})}  # noqa: E731
    model = KerasModel(net, sometimes, torch.optim.SGD(net.parameters(), 0.1))
    with pytest.raises(ValueError, match="loss: its part 'b' is missing in some batches"):
        model.evaluate([(torch.ones(4, 2), torch.ones(4, 1)), (torch.ones(3, 2), torch.ones(3, 1))])


# ---- DIEN's batch, and a step of one's own ---------------------------------------------------------------------------


class Interest(nn.Module):
    """As DIEN: a dict of features in, logits and an auxiliary loss out."""

    def __init__(self, items: int = 20) -> None:
        super().__init__()
        self.items = nn.Embedding(items, 4)
        self.history = nn.GRU(4, 4, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, features: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        seen = self.items(features["history"])  # (N, T, 4)
        states, last = self.history(seen)  # (N, T, 4), (1, N, 4)
        follows = (states[:, :-1] * seen[:, 1:]).sum(-1)  # (N, T - 1)
        auxiliary = F.softplus(-follows).mean()
        return self.head(torch.cat([last[0], self.items(features["item"])], 1)), auxiliary


def clicks(n: int = 96) -> list[dict[str, torch.Tensor]]:
    g = torch.Generator().manual_seed(0)
    history, item = torch.randint(20, (n, 6), generator=g), torch.randint(20, (n,), generator=g)
    label = (item % 2 == 0).float()[:, None]
    columns = {"history": history, "item": item, "label": label}
    return [{k: v[i : i + 16] for k, v in columns.items()} for i in range(0, n, 16)]


class DIEN(KerasModel):
    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[object, ...]:
        logits, auxiliary = self(batch)
        label = batch["label"]
        click = F.binary_cross_entropy_with_logits(logits, label)
        return logits, label, {"click": click, "auxiliary": 0.5 * auxiliary}


def dien_loss(outputs: tuple[torch.Tensor, torch.Tensor], label: torch.Tensor) -> dict[str, torch.Tensor]:
    logits, auxiliary = outputs
    return {"click": F.binary_cross_entropy_with_logits(logits, label), "auxiliary": 0.5 * auxiliary}


def test_dien_trains_without_a_subclass_and_with_a_short_one() -> None:
    assert len(inspect.getsource(DIEN).strip().splitlines()) <= 10
    models = []
    for maker, loss in ((KerasModel, dien_loss), (DIEN, dien_loss)):
        torch.manual_seed(0)
        net = Interest()
        optimizer = torch.optim.Adam(net.parameters(), 0.03)
        models.append(maker(net, loss, optimizer, {"accuracy": accuracy, "auc": auc}, target="label"))
    first, second = models
    for model in models:
        model.fit(clicks(), clicks(), epochs=12, monitor="val_auc", mode="max")
    assert first.history == second.history
    row = first.history[-1]
    assert {"click", "auxiliary", "accuracy", "auc", "val_click", "val_auc"} <= row.keys()
    assert row["loss"] == pytest.approx(row["click"] + row["auxiliary"])
    assert first.history[-1]["auc"] > 0.95 > first.history[0]["auc"]
    logits, auxiliary = first.predict(clicks())
    assert (logits.shape, auxiliary.shape) == ((96, 1), (6,))
    without = [{k: v for k, v in batch.items() if k != "label"} for batch in clicks()]
    assert torch.equal(first.predict(without)[0], logits)
    one = first.predict(without[0])
    torch.testing.assert_close(one[0], logits[:16])
    assert "Interest" not in first.summary(without[0]).splitlines()[0]


def test_outputs_as_language_models_give_them() -> None:
    """A dataclass that is an OrderedDict, whose loss is None in predictions; metrics see ``logits``."""

    @dataclasses.dataclass
    class Output(OrderedDict):
        loss: object = None
        logits: object = None

        def __post_init__(self) -> None:
            for name in ("loss", "logits"):
                if getattr(self, name) is not None:
                    self[name] = getattr(self, name)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 3)

        def forward(self, batch: dict[str, torch.Tensor]) -> Output:
            return Output(logits=self.head(batch["x"]))

    torch.manual_seed(0)
    net = Net()
    model = KerasModel(
        net, lambda o, t: F.cross_entropy(o.logits, t), torch.optim.SGD(net.parameters(), 0.1),
        {"accuracy": accuracy}, target="y",
    )  # fmt: skip
    batch = {"x": torch.randn(8, 2), "y": torch.randint(3, (8,))}
    model.fit([batch], [batch], epochs=2)
    out = model.predict([batch, batch])
    assert isinstance(out, Output) and out.loss is None and out.logits.shape == (16, 3)
    assert out["logits"] is out.logits


def test_two_inputs_in_a_tuple() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(5, 1)

        def forward(self, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return self.head(torch.cat(pair, 1))

    torch.manual_seed(0)
    net = Both()
    a, b, y = torch.randn(6, 2), torch.randn(6, 3), torch.randn(6, 1)
    model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1))
    model.fit([((a, b), y)])
    torch.testing.assert_close(model.predict((a, b)), net((a, b)).detach())
    torch.testing.assert_close(model.predict([((a, b), y)] * 2), net((a, b)).detach().repeat(2, 1))
    rows = [line.split() for line in model.summary((a, b)).splitlines()]
    assert rows[1][:2] == ["head", "Linear"]


def test_float64_and_integers_are_predicted_as_they_are() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 3, dtype=torch.float64)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = self.head(x)
            return logits, logits.argmax(1)

    net = Net()
    loss = lambda o, t: F.cross_entropy(o[0], t)  # noqa: E731
    model = KerasModel(net, loss, torch.optim.SGD(net.parameters(), 0.1), {"accuracy": accuracy})
    logits, classes = model.predict(torch.randn(4, 2, dtype=torch.float64))
    assert (logits.dtype, classes.dtype) == (torch.float64, torch.int64)


def test_a_stream_has_no_length() -> None:
    """DataLoader always has ``__len__``; of an iterable dataset it raises."""

    class Stream(IterableDataset):
        def __iter__(self):
            g = torch.Generator().manual_seed(0)
            for _ in range(20):
                x = torch.randn(2, generator=g)
                yield x, x.sum(0, keepdim=True)

    net = nn.Linear(2, 1)
    model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1))
    data = DataLoader(Stream(), 8)
    model.fit(data, data, epochs=2, progress=True)
    assert len(model.history) == 2
    assert model.predict(data).shape == (20, 1)


def test_validation_is_looked_at_without_drawing() -> None:
    """fit with validation trains exactly as without; a shuffled loader's own generator isn't moved either."""

    def weights(validation: bool, own: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        x = torch.randn(20, 2)
        data = TensorDataset(x, x.sum(1, keepdim=True))
        order = torch.Generator().manual_seed(5) if own else None
        model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1))
        train, other = DataLoader(data, 8, shuffle=True), DataLoader(data, 8, shuffle=True, generator=order)
        state = torch.get_rng_state()
        model.fit(train, other if validation else None, epochs=1)
        # evaluating draws after the epoch, so the first epoch must be the same
        assert validation or not torch.equal(state, torch.get_rng_state())
        return [p.detach().clone() for p in net.parameters()]

    for own in (True, False):
        pairs = zip(weights(True, own), weights(False, own), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_the_net_sees_one_batch_of_the_validation_before_training() -> None:
    net = nn.Linear(2, 1)
    model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1))
    good, bad = [(torch.ones(4, 2), torch.ones(4, 1))], [(torch.ones(4, 3), torch.ones(4, 1))]
    state = net.weight.clone()
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        model.fit(good, bad)
    with pytest.raises(ValueError, match="validation gave no batch"):
        model.fit(good, [])
    assert torch.equal(state, net.weight) and model.history == []
    once = iter(good)  # looked at, and still there
    assert "val_loss" in model.fit(good, once)[0]


# ---- Several processes -----------------------------------------------------------------------------------------------

SCRIPT = """
import json, os, sys
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy

torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.randn(27, 2)
rows = [{"a": {"x": v}, "b": v[:1], "label": v.sum()[None]} for v in x]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 1)

    def forward(self, batch):
        out = self.head(torch.cat([batch["a"]["x"], batch["b"]], 1))
        return {"logits": out, "more": (out.detach() * 2, out.square().mean())}

class Own(KerasModel):
    def forward(self, batch):
        outputs = self({k: v for k, v in batch.items() if k != "label"})
        return outputs, batch["label"], F.mse_loss(outputs["logits"], batch["label"])

def loss(outputs, targets):
    return {"fit": F.mse_loss(outputs["logits"], targets), "size": 0.01 * outputs["logits"].square().mean()}

found = {}
for kind in (KerasModel, Own):
    torch.manual_seed(1)
    net = Net()
    steps = torch.optim.SGD(net.parameters(), 0.1)
    model = kind(net, loss, steps, {"sign": accuracy}, target="label")
    model.metrics = {"sign": lambda o, t: accuracy(o, (t > 0).float())}
    model.fit(DataLoader(rows, 8), DataLoader(rows[:21], 8), epochs=2, monitor="val_loss")
    out = model.predict(DataLoader(rows[:21], 8))
    found[kind.__name__] = {"history": model.history, "logits": out["logits"].tolist(), "more": out["more"][0].tolist(),
                            "numbers": out["more"][1].shape, "processes": model.accelerator.num_processes,
                            "weights": [p.tolist() for p in net.parameters()]}
weighted = [(x[i:i + 8], x[i:i + 8].sum(1, keepdim=True), torch.arange(8.0)[:len(x[i:i + 8])]) for i in range(0, 24, 8)]
net = nn.Linear(2, 1)
with torch.no_grad():
    net.weight.fill_(0.5), net.bias.zero_()
model = KerasModel(net, nn.MSELoss(reduction="none"), torch.optim.SGD(net.parameters(), 0.0))
from torch.utils.data import TensorDataset
columns = [torch.cat(c) for c in zip(*weighted)]
found["weighted"] = model.evaluate(DataLoader(TensorDataset(*columns), 8))
with open(f"{sys.argv[1]}-{model.accelerator.process_index}.json", "w") as file:
    json.dump(found, file)
model.accelerator.wait_for_everyone()
model.accelerator.end_training()
os._exit(0)  # Gloo's threads can abort a process that goes on to shut down
"""


def test_two_processes_gather_nests(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(HERE.root), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for command, name in (([sys.executable], "one"), (torchrun, "two")):
        done = subprocess.run(
            [*command, str(script), str(tmp_path / name)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("one-0", "two-0", "two-1"))
    assert first == second
    for kind in ("KerasModel", "Own"):
        a, b = one[kind], first[kind]
        assert (a["processes"], b["processes"]) == (1, 2)
        assert (len(b["logits"]), len(b["more"]), b["numbers"]) == (21, 21, [3])
        # The last batch of 27 has 3 samples; two processes fill it up to 4, so only there the gradient is another.
        assert torch.allclose(torch.tensor(a["weights"][0]), torch.tensor(b["weights"][0]), atol=0.2)
        for i, row in enumerate(b["logits"]):
            assert b["more"][i] == pytest.approx([2 * value for value in row], rel=1e-5)
    # before the last step of the first epoch nothing differs: loss and parts are exact
    for name in ("loss", "fit", "size"):
        assert first["KerasModel"]["history"][0][name] == pytest.approx(one["KerasModel"]["history"][0][name], rel=1e-5)
    assert first["weighted"] == pytest.approx(one["weighted"], rel=1e-6)
