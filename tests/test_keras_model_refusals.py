"""KerasModel and fit: each argument has rows of wrong values, and the words it is refused with, before any training."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import TensorDataset
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

from snippets.toolkit.callbacks import live_curve
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy, auc
from snippets.toolkit.place_and_update import Place, Update

BATCHES = [(torch.ones(4, 2), torch.tensor([[1.0], [0.0], [1.0], [0.0]]))] * 2
OTHER = torch.optim.SGD(nn.Linear(2, 1).parameters(), 0.1)
NAN = float("nan")


def make(**options: object) -> KerasModel:
    """A model; an option that is a function of the optimizer is made of it."""
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    given = {"net": net, "loss": nn.BCEWithLogitsLoss(), "optimizer": optimizer, **options}
    for name in ("scheduler", "optimizer"):
        if inspect.isfunction(given.get(name)):
            given[name] = given[name](optimizer if name == "scheduler" else net)
    return KerasModel(**given)


MODEL: list[tuple[str, object, type, str]] = [
    ("net", None, TypeError, "net must be Module, got NoneType"),
    ("net", lambda x: x, TypeError, "net must be Module, got function"),
    ("loss", None, TypeError, "loss must be a function of (outputs, targets), got NoneType"),
    ("loss", torch.ones(3), TypeError, "loss must be a function of (outputs, targets), got Tensor (3,)"),
    ("optimizer", None, TypeError, "optimizer must be Optimizer, got NoneType"),
    ("optimizer", "adam", TypeError, "optimizer must be Optimizer, got 'adam'"),
    ("optimizer", torch.optim.SGD, TypeError, "optimizer must be Optimizer, got type"),
    ("optimizer", nn.Linear(2, 1), TypeError, "got Linear without param_groups, step"),
    ("optimizer", OTHER, ValueError, "optimizer has none of the parameters of net"),
    ("optimizer", lambda net: torch.optim.LBFGS(net.parameters()), ValueError, "LBFGS needs a closure"),
    ("metrics", [accuracy], TypeError, "metrics must be dict, got [function]"),
    ("metrics", accuracy, TypeError, "metrics must be dict, got function"),
    (
        "metrics",
        {"accuracy": "accuracy"},
        TypeError,
        "metric 'accuracy' must be a function of (outputs, targets), got str",
    ),
    ("metrics", {"accuracy": 0.5}, TypeError, "metric 'accuracy' must be a function"),
    ("metrics", {1: accuracy}, TypeError, "the name of a metric must be str, got 1"),
    ("metrics", {"loss": accuracy}, ValueError, "metric 'loss': that name in a row means something else"),
    ("metrics", {"lr": accuracy}, ValueError, "metric 'lr': that name"),
    ("metrics", {"epoch": accuracy}, ValueError, "metric 'epoch': that name"),
    ("metrics", {"val_loss": accuracy}, ValueError, "metric 'val_loss': that name"),
    ("metrics", {"val_x": accuracy}, ValueError, "metric 'val_x': that name"),
    ("metrics", MetricCollection({"lr": BinaryAccuracy()}), ValueError, "metric 'lr': that name"),
    ("scheduler", "cosine", TypeError, "scheduler must be LRScheduler or None, got 'cosine'"),
    ("scheduler", lambda o: lr_scheduler.StepLR, TypeError, "scheduler must be LRScheduler or None, got type"),
    ("scheduler", lr_scheduler.StepLR(OTHER, 1), ValueError, "scheduler was made for another optimizer"),
    ("scheduler_every", "batch", ValueError, "scheduler_every='batch': choose from epoch, step"),
    ("scheduler_every", None, ValueError, "scheduler_every=None: choose from epoch, step"),
    ("precision", "bf61", ValueError, "precision='bf61' (did you mean 'bf16'?): choose from fp32, bf16, fp16"),
    ("precision", torch.bfloat16, ValueError, "precision=torch.bfloat16: choose from"),
    ("precision", [], ValueError, "precision=[]: choose from"),
    ("accumulate", 0, ValueError, "accumulate must be at least 1, got 0"),
    ("accumulate", -1, ValueError, "accumulate must be at least 1, got -1"),
    ("accumulate", 1.5, TypeError, "accumulate must be int, got 1.5"),
    ("accumulate", None, TypeError, "accumulate must be int, got NoneType"),
    ("accumulate", True, TypeError, "accumulate must be int, got True"),
    ("accumulate", "2", TypeError, "accumulate must be int, got '2'"),
    ("clip_norm", 0, ValueError, "clip_norm must be above 0, got 0"),
    ("clip_norm", -1.0, ValueError, "clip_norm must be above 0, got -1.0"),
    ("clip_norm", NAN, ValueError, "clip_norm must be above 0, got nan"),
    ("clip_norm", "1", TypeError, "clip_norm must be int or float or None, got '1'"),
    ("clip_norm", True, TypeError, "clip_norm must be int or float or None, got True"),
    ("accelerator", "cpu", TypeError, "accelerator must be Accelerator or None, got 'cpu'"),
    ("accelerator", torch.device("cpu"), TypeError, "accelerator must be Accelerator or None, got device"),
    ("target", 1, TypeError, "target must be str or None, got 1"),
    ("target", ["label"], TypeError, "target must be str or None, got [str]"),
]

FIT: list[tuple[str, object, type, str]] = [
    (
        "train",
        torch.zeros(4, 2),
        TypeError,
        "train must be a DataLoader or another iterable of batches, got Tensor (4, 2)",
    ),
    ("train", None, TypeError, "train must be a DataLoader or another iterable of batches, got NoneType"),
    ("train", "data.csv", TypeError, "train must be a DataLoader or another iterable of batches, got str"),
    ("train", {"x": torch.zeros(4, 2)}, TypeError, "iterable of batches, got {'x': Tensor (4, 2)}"),
    ("train", TensorDataset(torch.zeros(4, 2)), TypeError, "iterable of batches, got TensorDataset"),
    ("train", (torch.zeros(2, 2), torch.zeros(2, 1)), TypeError, "got Tensor (2, 2)"),
    ("train", [3], TypeError, "got int"),
    ("train", [], ValueError, "train gave no batch: is it empty, or used up?"),
    ("train", iter(BATCHES), ValueError, "train gives no batch in the second epoch, for an iterator is used up"),
    ("validation", torch.zeros(4, 2), TypeError, "validation must be a DataLoader or another iterable of batches"),
    ("validation", 0.2, TypeError, "validation must be a DataLoader or another iterable of batches, got float"),
    ("validation", [], ValueError, "validation gave no batch: is it empty, or used up?"),
    ("validation", [torch.zeros(4, 2)], TypeError, "got Tensor (4, 2)"),
    ("validation", iter(BATCHES), ValueError, "validation gives no batch in the second epoch"),
    ("epochs", -1, ValueError, "epochs must be at least 0, got -1"),
    ("epochs", 1.0, TypeError, "epochs must be int, got 1.0"),
    ("epochs", None, TypeError, "epochs must be int, got NoneType"),
    ("epochs", True, TypeError, "epochs must be int, got True"),
    (
        "monitor",
        "val_los",
        ValueError,
        "monitor='val_los' (did you mean 'val_loss'?): choose from loss, auc, val_loss, val_auc",
    ),
    ("monitor", 3, TypeError, "monitor must be str or None, got 3"),
    ("monitor", "auc", ValueError, "mode=None: choose from min, max"),
    ("mode", "smallest", ValueError, "mode='smallest': choose from min, max"),
    ("mode", 1, TypeError, "mode must be str or None, got 1"),
    ("patience", 0, ValueError, "patience must be at least 1, got 0"),
    ("patience", -1, ValueError, "patience must be at least 1, got -1"),
    ("patience", 2.5, TypeError, "patience must be int or None, got 2.5"),
    ("patience", True, TypeError, "patience must be int or None, got True"),
    ("callbacks", print, TypeError, "callbacks must be a list of functions of (model, row)"),
    ("callbacks", live_curve(), TypeError, "callbacks must be a list of functions of (model, row)"),
    ("callbacks", None, TypeError, "callbacks must be a list of functions of (model, row)"),
    ("callbacks", "live", TypeError, "callbacks must be a list of functions of (model, row)"),
    ("callbacks", [print, 3], TypeError, "or of context managers that give one; got int"),
    ("progress", "yes", TypeError, "progress must be bool or None, got 'yes'"),
    ("progress", 1, TypeError, "progress must be bool or None, got 1"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), MODEL)
def test_a_wrong_part(name: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make(**{name: value})


@pytest.mark.parametrize(("name", "value", "error", "message"), FIT)
def test_a_wrong_argument_of_fit(name: str, value: object, error: type[Exception], message: str) -> None:
    model = make(metrics={"auc": auc})
    before, state = model.net.weight.clone(), torch.get_rng_state()
    given = {"train": BATCHES, "validation": BATCHES, "epochs": 2, **{name: value}}
    if name in ("mode", "patience"):
        given["monitor"] = "val_loss"
    with pytest.raises(error, match=re.escape(message)):
        model.fit(**given)
    assert torch.equal(model.net.weight, before) and model.history == []
    assert torch.equal(torch.get_rng_state(), state)
    assert len(model.fit(BATCHES, BATCHES, epochs=2, monitor="val_loss", patience=3)) == 2  # it can be used yet


def test_each_argument_has_a_row() -> None:
    assert {row[0] for row in MODEL} == set(inspect.signature(KerasModel).parameters)
    assert {row[0] for row in FIT} == set(inspect.signature(KerasModel.fit).parameters) - {"self"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 3}, "patience, mode and ReduceLROnPlateau need monitor"),
        ({"mode": "max"}, "patience, mode and ReduceLROnPlateau need monitor"),
    ],
)
def test_options_that_need_another_one(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().fit(BATCHES, **arguments)


class Together:
    """Several optimizers as one: of no class of torch, and enough."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, object]]:
        return [group for one in self.optimizers for group in one.param_groups]

    def zero_grad(self) -> None:
        for one in self.optimizers:
            one.zero_grad()

    def step(self) -> None:
        for one in self.optimizers:
            one.step()

    def state_dict(self) -> list[dict[str, object]]:
        return [one.state_dict() for one in self.optimizers]

    def load_state_dict(self, states: list[dict[str, object]]) -> None:
        for one, state in zip(self.optimizers, states, strict=True):
            one.load_state_dict(state)


def test_an_optimizer_may_be_of_a_class_of_ones_own(tmp_path) -> None:
    def model() -> KerasModel:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
        parts = (torch.optim.SGD(net[0].parameters(), 0.1), torch.optim.Adam(net[1].parameters(), 0.01))
        return KerasModel(net, nn.BCEWithLogitsLoss(), Together(*parts), accumulate=2, clip_norm=1.0)

    first, again = model(), model()
    first.fit(BATCHES, epochs=3)
    first.save(tmp_path / "run.pt")
    again.resume(tmp_path / "run.pt")
    first.fit(BATCHES, epochs=2, monitor="loss"), again.fit(BATCHES, epochs=2, monitor="loss")
    assert again.history == first.history and torch.equal(again.net[1].weight, first.net[1].weight)


def test_two_modes_that_contradict() -> None:
    """The rate would fall in each epoch in which the score rises."""
    plateau = lr_scheduler.ReduceLROnPlateau
    model = make(metrics={"auc": auc}, scheduler=lambda o: plateau(o))
    with pytest.raises(
        ValueError, match="ReduceLROnPlateau has mode='min', but monitor='auc' has mode='max': give both"
    ):
        model.fit(BATCHES, monitor="auc", mode="max")
    model = make(scheduler=lambda o: plateau(o, mode="max"))
    with pytest.raises(ValueError, match="has mode='max', but monitor='loss' has mode='min'"):
        model.fit(BATCHES, monitor="loss")
    make(metrics={"auc": auc}, scheduler=lambda o: plateau(o, mode="max")).fit(BATCHES, monitor="auc", mode="max")
    with pytest.raises(ValueError, match='ReduceLROnPlateau needs scheduler_every="epoch"'):
        make(scheduler=lambda o: plateau(o), scheduler_every="step")


def test_parameters_that_the_optimizer_lacks_are_named() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net[2] = nn.Linear(4, 1)  # a new head, after the optimizer was made
    with pytest.warns(UserWarning, match=r"optimizer lacks parameters that require a gradient: 2.weight, 2.bias; give"):
        KerasModel(net, nn.BCEWithLogitsLoss(), optimizer)
    net[2].requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KerasModel(net, nn.BCEWithLogitsLoss(), optimizer)


def test_collections_of_torchmetrics_give_a_number_for_each_name() -> None:
    parts = lambda: {"right": BinaryAccuracy(), "area": BinaryAUROC()}  # noqa: E731
    for metrics in (MetricCollection(parts()), {"all": MetricCollection(parts())}, parts()):
        model = make(metrics=metrics)
        row = model.fit(BATCHES, BATCHES, epochs=2, monitor="val_area", mode="max")[-1]
        assert {"right", "area", "val_right", "val_area"} <= row.keys()
        outputs, targets = model.predict(BATCHES), torch.cat([y for _, y in BATCHES])
        assert model.evaluate(BATCHES)["area"] == pytest.approx(auc(outputs, targets))
        for metric in model.metrics.values():
            assert metric.update_count == 0, "it still holds what it saw"


def test_a_metric_that_gives_a_dict_gives_several_numbers() -> None:
    model = make(metrics={"share": lambda o, t: {"above": (o > 0).float().mean(), "all": 1}})
    row = model.fit(BATCHES)[0]
    assert row["share_all"] == 1 and "share_above" in row
    with pytest.raises(TypeError, match=r"metric 'wide' must give one number, got Tensor \(8, 1\)"):
        make(metrics={"wide": lambda o, t: o}).evaluate(BATCHES)


def test_a_metric_that_is_undefined_is_nan_in_the_row() -> None:
    one_class = [(torch.ones(4, 2), torch.ones(4, 1))]
    model = make(metrics={"auc": auc})
    row = model.fit(BATCHES, one_class, monitor="val_loss")[0]
    assert row["auc"] == 0.5 and row["val_auc"] != row["val_auc"]
    with pytest.raises(ValueError, match="needs both classes"):  # called by itself, it says why
        auc(torch.ones(4), torch.ones(4))

    def broken(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        raise ValueError("my own mistake")

    with pytest.raises(ValueError, match="my own mistake"):  # isn't swallowed
        make(metrics={"broken": broken}).evaluate(BATCHES)


@pytest.mark.parametrize("call", ["evaluate", "predict"])
def test_no_data(call: str) -> None:
    with pytest.raises(ValueError, match="the data gave no batch: is it empty, or used up"):
        getattr(make(), call)([])
    with pytest.raises(TypeError, match="data must be a DataLoader or another iterable of batches, got NoneType"):
        getattr(make(), call)(None)


# ---- Place and Update in a loop of one's own -------------------------------------------------------------------------


def test_place_and_update_in_a_plain_loop() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(22, 2), torch.randn(22, 1)
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    second.load_state_dict(first.state_dict())
    place, optimizer = Place(), torch.optim.SGD(first.parameters(), 0.1)
    update = Update(optimizer, place.scaler, lr_scheduler.StepLR(optimizer, 1), accumulate=2, clip_norm=0.5)
    net = place.prepare(first)
    for _ in range(3):
        for inputs, targets in place.batches(list(zip(x.split(8), y.split(8), strict=True))):
            update.begin()
            update(nn.functional.mse_loss(net(inputs), targets), len(targets))
        update.flush()
        update.epoch_ended()
    steps = torch.optim.SGD(second.parameters(), 0.1)
    model = KerasModel(second, nn.MSELoss(), steps, None, lr_scheduler.StepLR(steps, 1), accumulate=2, clip_norm=0.5)
    model.fit(list(zip(x.split(8), y.split(8), strict=True)), epochs=3)
    assert torch.equal(first.weight, second.weight)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)


@pytest.mark.parametrize("every", ["step", "epoch"])
def test_no_schedule_where_the_scaler_skipped_the_step(every: str) -> None:
    huge: Callable[..., torch.Tensor] = lambda o, t: 1e4 * nn.functional.mse_loss(o, t)  # noqa: E731
    data = [(torch.ones(4, 2) * 100, torch.ones(4, 1))] * 3
    model = make(loss=huge, precision="fp16", scheduler=lambda o: lr_scheduler.StepLR(o, 1), scheduler_every=every)
    before = model.net.weight.clone()
    model.fit(data)
    assert torch.equal(model.net.weight, before), "no step was made"
    assert model.optimizer.param_groups[0]["lr"] == 0.1
    model = make(precision="fp16", scheduler=lambda o: lr_scheduler.StepLR(o, 1), scheduler_every=every)
    model.fit(BATCHES)
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 ** (3 if every == "step" else 2))


def test_a_loss_with_a_parameter_is_averaged_clipped_moved_saved_and_resumed(tmp_path) -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(()))

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return ((outputs - targets).square() * torch.exp(-self.w)).mean() + self.w

    def model(**options: object) -> KerasModel:
        torch.manual_seed(0)
        net, loss = nn.Linear(2, 1), Weighted()
        return KerasModel(net, loss, torch.optim.SGD([*net.parameters(), *loss.parameters()], 0.05), **options)

    torch.manual_seed(1)
    x, y = torch.randn(32, 2), torch.randn(32, 1)
    small, big = list(zip(x.split(8), y.split(8), strict=True)), [(x, y)]
    many, one = model(accumulate=4), model()
    many.fit(small), one.fit(big)
    assert many.loss.w.item() == pytest.approx(one.loss.w.item(), rel=1e-5) and one.loss.w.item() != 0
    clipped = model(clip_norm=1e-3)
    clipped.fit(big)
    assert 0 < abs(clipped.loss.w.item()) <= 0.05 * 1e-3
    one.save(tmp_path / "run.pt")
    again = model()
    again.resume(tmp_path / "run.pt")
    assert again.loss.w.item() == one.loss.w.item()
    one.fit(big, epochs=3, monitor="loss"), again.fit(big, epochs=3, monitor="loss")
    assert again.history == one.history and torch.equal(again.loss.w, one.loss.w)
    with pytest.warns(UserWarning, match="lacks parameters that require a gradient: w;"):
        net = nn.Linear(2, 1)
        KerasModel(net, Weighted(), torch.optim.SGD(net.parameters(), 0.1))


def test_the_best_weights_are_those_of_net_and_loss() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(()))

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return (outputs - targets).square().mean() + self.w.square()

    net, loss = nn.Linear(2, 1), Scaled()
    model = KerasModel(net, loss, torch.optim.SGD([*net.parameters(), *loss.parameters()], 3.0))
    data = [(torch.ones(4, 2), torch.ones(4, 1))]
    model.fit(data, data, epochs=4, monitor="val_loss")
    assert model.evaluate(data)["loss"] == pytest.approx(min(row["val_loss"] for row in model.history))


def test_an_interrupted_group_does_not_leak_into_the_next_epoch() -> None:
    def stops(model: KerasModel) -> None:
        def batches():
            yield BATCHES[0]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            model.fit(batches())

    broken, whole = make(accumulate=2), make(accumulate=2)
    stops(broken)
    broken.fit(BATCHES * 2), whole.fit(BATCHES * 2)
    assert torch.equal(broken.net.weight, whole.net.weight)


def test_the_best_is_that_of_the_call() -> None:
    """As docstring and page say: a second fit that ruins the net ends with its own best epoch."""
    model = make()
    model.fit(BATCHES, BATCHES, epochs=2, monitor="val_loss")
    model.optimizer.param_groups[0]["lr"] = 1e4
    model.fit(BATCHES, BATCHES, epochs=2, monitor="val_loss")
    own = min(row["val_loss"] for row in model.history[2:])
    assert own > model.history[0]["val_loss"]
    assert model.evaluate(BATCHES)["loss"] == pytest.approx(own)
    assert "this call" in " ".join((KerasModel.__doc__ or "").split())
