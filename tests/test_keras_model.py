"""snippets/toolkit/keras_model.py with its metrics, callbacks and table of layers: each promise, and each fault it must not have."""

from __future__ import annotations

import doctest
import json
import os
import signal
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from book.ground.tree import HERE
from snippets.toolkit import (
    best_and_checkpoint,
    callbacks,
    checks,
    keras_checks,
    keras_model,
    live,
    metrics,
    nests,
    place_and_update,
    random_states,
    states,
    summary,
)
from snippets.toolkit.callbacks import live_curve, tensorboard, weights_and_biases
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import Epoch, accuracy, auc
from snippets.toolkit.run_files import read_run
from snippets.toolkit.summary import layer_table

ROOT = HERE.root
N = 22  # with batches of 8: 8, 8 and 6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def points(n: int = N, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator)
    return TensorDataset(x, (x.sum(1, keepdim=True) > 0).float())


def loader(n: int = N, batch: int = 8, seed: int = 0, shuffle: bool = True) -> DataLoader:
    order = torch.Generator().manual_seed(seed) if shuffle else None
    return DataLoader(points(n), batch, shuffle=shuffle, generator=order)


def make(
    lr: float = 0.05,
    dropout: float = 0.0,
    optimizer: type = torch.optim.SGD,
    scheduler: Callable[..., object] | None = None,
    **options: object,
) -> KerasModel:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4, 1))
    steps = optimizer(net.parameters(), lr=lr)
    return KerasModel(net, nn.BCEWithLogitsLoss(), steps, scheduler=scheduler and scheduler(steps), **options)


def weights(model: KerasModel) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.net.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def curve(model: KerasModel, name: str = "loss") -> list[float]:
    return [row[name] for row in model.history]


# ---- The module itself -----------------------------------------------------------------------------------------------


def test_it_is_short() -> None:
    assert len((ROOT / "snippets/toolkit/keras_model.py").read_text().splitlines()) <= 300


PARTS = [best_and_checkpoint, checks, keras_checks, live, nests, place_and_update, random_states, states]


@pytest.mark.parametrize(
    "module", [keras_model, metrics, callbacks, summary, *PARTS], ids=lambda m: m.__name__.split(".")[-1]
)
def test_examples_in_docstrings(module: types.ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_each_piece_is_documented_and_typed() -> None:
    public = [KerasModel.fit, KerasModel.evaluate, KerasModel.predict, KerasModel.summary, KerasModel.save]
    public += [
        KerasModel.load,
        KerasModel.resume,
        accuracy,
        auc,
        layer_table,
        tensorboard,
        weights_and_biases,
        live_curve,
    ]
    for function in public:
        assert function.__doc__, function
        assert "return" in function.__annotations__, function
    for word in ("Args:", "Raises:", "Example:"):
        assert word in (KerasModel.__doc__ or "")


# ---- Loss and metrics of an epoch ------------------------------------------------------------------------------------


def test_a_ragged_last_batch_gives_the_exact_epoch_loss() -> None:
    model = make(lr=0.0)
    x, y = points().tensors
    exact = nn.BCEWithLogitsLoss()(model.net(x), y).item()
    by_batch = [nn.BCEWithLogitsLoss()(model.net(a), b).item() for a, b in loader(shuffle=False)]
    assert sum(by_batch) / 3 != pytest.approx(exact, rel=1e-4)  # the mean over batches is another number
    (row,) = model.fit(loader(shuffle=False), loader(shuffle=False))
    assert row["loss"] == pytest.approx(exact, rel=1e-6)
    assert row["val_loss"] == pytest.approx(exact, rel=1e-6)
    assert model.evaluate(loader())["loss"] == pytest.approx(exact, rel=1e-6)


def test_metrics_see_the_whole_epoch() -> None:
    seen: list[tuple[int, int]] = []

    def count(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        seen.append((len(outputs), len(targets)))
        return 0.5

    model = make(metrics={"auc": auc, "half": count})
    row = model.fit(loader(), loader())[0]
    assert seen == [(N, N), (N, N)]
    assert row["half"] == row["val_half"] == 0.5
    scores = model.predict(loader(shuffle=False)).numpy()
    found = model.evaluate(loader())["auc"]
    assert found == pytest.approx(roc_auc_score(points().tensors[1].numpy(), scores))


def test_no_batch_is_an_error() -> None:
    with pytest.raises(ValueError, match="no batch"):
        make().evaluate([])
    with pytest.raises(ValueError, match="no batch"):
        Epoch({}).result()
    used_up = iter(list(loader()))
    with pytest.raises(ValueError, match="no batch"):
        make().fit(loader(), used_up, epochs=2)


tenths = st.integers(-20, 20).map(lambda n: n / 10)  # few values: many ties


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tenths, st.booleans()), min_size=2, max_size=60))
def test_binary_metrics_equal_those_of_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    outputs, targets = (torch.tensor(column).float()[:, None] for column in zip(*pairs, strict=True))
    truth = targets.flatten().numpy()
    assert accuracy(outputs, targets) == pytest.approx(accuracy_score(truth, (outputs > 0).flatten().numpy()))
    if len(set(truth)) == 2:
        assert auc(outputs, targets) == pytest.approx(roc_auc_score(truth, outputs.flatten().numpy()))
    else:
        with pytest.raises(ValueError, match="both classes"):
            auc(outputs, targets)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50), st.integers(2, 6), st.integers(0, 2**31))
def test_accuracy_over_classes_equals_that_of_scikit_learn(n: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(n, classes, generator=generator)
    targets = torch.randint(classes, (n,), generator=generator)
    assert accuracy(outputs, targets) == pytest.approx(accuracy_score(targets, outputs.argmax(1)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)|\(4,\) and \(4, 1\)"):
        accuracy(torch.zeros(4), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="as many scores"):
        auc(torch.zeros(3), torch.tensor([0, 1]))


# ---- fit -------------------------------------------------------------------------------------------------------------


def test_fit_without_validation() -> None:
    model = make(metrics={"accuracy": accuracy})
    assert [list(row) for row in model.fit(loader(), epochs=2)] == [["epoch", "lr", "loss", "accuracy"]] * 2


def test_it_trains_as_a_plain_loop_does() -> None:
    model, plain = make(), make()
    model.fit(loader(), epochs=3)
    for x, y in (batch for data in [loader()] for _ in range(3) for batch in data):
        plain.optimizer.zero_grad()
        plain.loss(plain.net(x), y).backward()
        plain.optimizer.step()
    assert same(weights(model), weights(plain))


def test_a_second_fit_continues() -> None:
    parts, whole, data = make(optimizer=torch.optim.Adam), make(optimizer=torch.optim.Adam), loader()
    parts.fit(data, epochs=2)
    parts.fit(data, epochs=3)
    whole.fit(loader(), epochs=5)
    assert parts.history == whole.history
    assert [row["epoch"] for row in parts.history] == [1, 2, 3, 4, 5]
    assert same(weights(parts), weights(whole))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"monitor": "val_los"},
            r"monitor='val_los' \(did you mean 'val_loss'\?\): choose from loss, accuracy, val_loss",
        ),
        ({"monitor": "val_accuracy"}, "mode=None: choose from min, max"),
        ({"monitor": "val_loss", "mode": "smallest"}, "mode='smallest'"),
        ({"patience": 3}, "need monitor"),
    ],
)
def test_a_wrong_monitor_fails_before_training(arguments: dict[str, object], message: str) -> None:
    model = make(metrics={"accuracy": accuracy})
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        model.fit(loader(), loader(), **arguments)
    assert same(before, weights(model))
    assert model.history == []
    with pytest.raises(ValueError, match=r"choose from loss, accuracy$"):
        model.fit(loader(), monitor="val_loss")  # there is no validation


def test_wrong_parts_are_refused_when_the_model_is_made() -> None:
    with pytest.raises(ValueError, match=r"precision='bf61' \(did you mean 'bf16'\?\)"):
        make(precision="bf61")
    with pytest.raises(ValueError, match="scheduler_every='batch'"):
        make(scheduler_every="batch")
    net, other = nn.Linear(2, 1), nn.Linear(2, 1)
    with pytest.raises(ValueError, match="none of the parameters of net"):
        KerasModel(net, nn.MSELoss(), torch.optim.SGD(other.parameters()))
    with pytest.raises(TypeError, match="DataLoader or another iterable of batches"):
        make().fit(torch.zeros(4, 2))


class Scripted:
    """Evaluates to what the script says, and notes the weights of each epoch."""

    def __init__(self, model: KerasModel, values: list[float]) -> None:
        self.weights: list[list[torch.Tensor]] = []
        given = iter(values)

        def evaluate(data: object) -> dict[str, float]:
            self.weights.append(weights(model))
            return {"loss": next(given)}

        model.evaluate = evaluate  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("values", "mode", "patience", "epochs", "best"),
    [
        ([3.0, 1.0, 2.0, 2.0, 0.5], None, 2, 4, 2),
        ([3.0, 1.0, 2.0, 2.0, 0.5], None, None, 5, 5),
        ([3.0, 1.0, 2.0, 4.0, 0.5], "max", None, 5, 4),
        ([3.0, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0], None, 3, 7, 4),
        ([2.0, float("nan"), 1.0, float("nan"), float("nan")], None, 2, 5, 3),
        ([float("nan")] * 5, None, 3, 3, None),
    ],
)
def test_early_stopping_restores_the_best_weights(
    values: list[float], mode: str | None, patience: int | None, epochs: int, best: int | None
) -> None:
    model = make()
    script = Scripted(model, values)
    model.fit(loader(), [0], epochs=len(values), monitor="val_loss", mode=mode, patience=patience)
    assert len(model.history) == epochs
    expected = script.weights[-1 if best is None else best - 1]
    assert same(weights(model), expected)
    assert not same(script.weights[0], script.weights[1])


def test_a_second_fit_has_a_patience_of_its_own() -> None:
    model = make()
    Scripted(model, [1.0, 2.0, 3.0, 5.0, 4.0, 6.0])
    model.fit(loader(), [0], epochs=3, monitor="val_loss", patience=2)
    model.fit(loader(), [0], epochs=3, monitor="val_loss", patience=2)
    assert curve(model, "val_loss") == [1.0, 2.0, 3.0, 5.0, 4.0, 6.0]


def test_the_scheduler_steps_as_often_as_asked() -> None:
    def rates(every: str) -> list[float]:
        model = make(lr=1.0, scheduler=lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.5), scheduler_every=every)
        return [row["lr"] for row in model.fit(loader(), epochs=3)]

    assert rates("epoch") == [1, 0.5, 0.25]
    assert rates("step") == [1, 0.5**3, 0.5**6]


def test_a_scheduler_that_waits_for_a_plateau_sees_the_monitor() -> None:
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
    model = make(lr=1.0, scheduler=lambda o: plateau(o, factor=0.1, patience=0))
    with pytest.raises(ValueError, match="ReduceLROnPlateau need monitor"):
        model.fit(loader())
    Scripted(model, [1.0, 2.0, 0.5])
    model.fit(loader(), [0], epochs=3, monitor="val_loss")
    assert curve(model, "lr") == pytest.approx([1.0, 1.0, 0.1])


def test_gradients_are_clipped_only_if_asked_to() -> None:
    def moved(clip_norm: float | None) -> float:
        model = make(lr=1.0, clip_norm=clip_norm)
        model.loss = lambda outputs, targets: 1000 * nn.functional.mse_loss(outputs, targets)
        before = weights(model)
        model.fit([tuple(points().tensors)])
        steps = [a - b for a, b in zip(weights(model), before, strict=True)]
        return torch.cat([step.flatten() for step in steps]).norm().item()

    assert moved(0.5) == pytest.approx(0.5, rel=1e-4)
    assert moved(None) > 100


@pytest.mark.parametrize("sizes", [[8, 8, 6], [10, 12], [1, 2, 19]])
def test_gradient_accumulation_equals_the_big_batch(sizes: list[int]) -> None:
    x, y = points().tensors
    small = list(zip(x.split(sizes), y.split(sizes), strict=True))
    one, many = make(lr=1.0, clip_norm=0.1), make(lr=1.0, clip_norm=0.1, accumulate=len(sizes))
    one.fit([(x, y)], epochs=3)
    many.fit(small, epochs=3)
    for a, b in zip(weights(one), weights(many), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert curve(one) == pytest.approx(curve(many), rel=1e-6)


def test_what_is_left_at_the_end_of_an_epoch_makes_a_step_too() -> None:
    left, apart = make(accumulate=2), make()
    x, y = points().tensors
    left.fit([(x[:8], y[:8]), (x[8:16], y[8:16]), (x[16:], y[16:])])
    apart.fit([(x[:16], y[:16]), (x[16:], y[16:])])
    for a, b in zip(weights(left), weights(apart), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision(precision: str) -> None:
    kinds = []
    low, full = make(precision=precision, metrics={"accuracy": accuracy}), make(metrics={"accuracy": accuracy})
    hook = low.net[0].register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
    low.fit(loader(), loader(), epochs=4)
    hook.remove()
    full.fit(loader(), loader(), epochs=4)
    assert set(kinds) == {{"bf16": torch.bfloat16, "fp16": torch.float16}[precision]}
    assert curve(low) == pytest.approx(curve(full), abs=0.02)
    assert all(p.dtype == torch.float32 for p in low.net.parameters())
    assert low.predict(loader()).dtype == torch.float32


# ---- Using the model -------------------------------------------------------------------------------------------------


def test_predict() -> None:
    model = make(dropout=0.5)
    x = points().tensors[0]
    model.net.train()
    expected = model.predict(x)
    assert expected.shape == (N, 1)
    assert not expected.requires_grad
    assert not expected.is_inference()  # it may be trained on
    for data in (loader(shuffle=False), DataLoader(x, 8), DataLoader(TensorDataset(x), 8), [x[:8], x[8:]]):
        torch.testing.assert_close(model.predict(data), expected)
    model.net.eval()
    torch.testing.assert_close(model.net(x).detach(), expected)


def test_evaluation_leaves_nothing_that_training_cannot_use() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.cache = nn.Linear(2, 1), None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.cache is None:
                self.cache = torch.ones(1, 1) * 2
            return self.linear(x) * self.cache

    net = Caching()
    model = KerasModel(net, nn.BCEWithLogitsLoss(), torch.optim.SGD(net.parameters()))
    model.evaluate(loader())
    model.fit(loader(), loader(), epochs=2)


def test_summary() -> None:
    text = make().summary(torch.zeros(5, 2))
    rows = [line.split() for line in text.splitlines()]
    assert rows[1] == ["0", "Linear", "(5,", "2)", "(5,", "4)", "12", "12", "0.000"]
    assert [row[1] for row in rows[1:-2]] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert rows[-2] == ["all", "17", "17", "0.000"]
    model = make()
    model.summary(torch.zeros(1, 2))
    assert not any(module._forward_hooks for module in model.net.modules())


# ---- Files -----------------------------------------------------------------------------------------------------------


def momentum(**options: object) -> KerasModel:
    decay = torch.optim.lr_scheduler.ExponentialLR
    return make(lr=0.1, dropout=0.3, optimizer=torch.optim.Adam, scheduler=lambda o: decay(o, 0.9), **options)


@pytest.mark.parametrize("own_generator", [True, False], ids=["loader's generator", "global generator"])
def test_resume_equals_an_unbroken_run(tmp_path: Path, own_generator: bool) -> None:
    def data() -> DataLoader:
        return loader() if own_generator else DataLoader(points(), 8, shuffle=True)

    whole = momentum()
    torch.manual_seed(1)
    whole.fit(data(), loader(shuffle=False), epochs=6)

    first = momentum()
    torch.manual_seed(1)
    first.fit(data(), loader(shuffle=False), epochs=2)
    first.save(tmp_path / "run.pt")
    torch.manual_seed(99)
    second = momentum()
    second.resume(tmp_path / "run.pt")
    second.fit(data(), loader(shuffle=False), epochs=4)
    assert second.history == whole.history
    assert same(weights(second), weights(whole))  # bit by bit
    assert list(tmp_path.iterdir()) == [tmp_path / "run.pt"]


def test_resume_goes_on_with_the_best_epoch(tmp_path: Path) -> None:
    """A run that dies in the middle, saved after each epoch by a callback."""
    arguments = {"monitor": "val_loss", "patience": 4, "epochs": 12}

    def run(model: KerasModel, data: DataLoader, stop: int | None = None) -> list[int]:
        def keep(model: KerasModel, row: dict[str, float]) -> None:
            model.save(tmp_path / "run.pt")
            if row["epoch"] == stop:
                raise RuntimeError("power cut")

        model.fit(data, loader(shuffle=False), callbacks=[keep], **arguments)
        return [len(model.history)]

    whole = make(lr=3.0, optimizer=torch.optim.Adam)
    run(whole, loader())
    assert 5 < len(whole.history) < 12  # stopped early
    broken = make(lr=3.0, optimizer=torch.optim.Adam)
    with pytest.raises(RuntimeError, match="power cut"):
        run(broken, loader(), stop=len(whole.history) - 2)
    again = make(lr=3.0, optimizer=torch.optim.Adam)
    again.resume(tmp_path / "run.pt")
    run(again, loader())
    assert again.history == whole.history
    assert same(weights(again), weights(whole))


def test_home_is_expanded_in_the_name_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = make()
    model.save("~/run.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    model.load("~/run.pt")
    model.resume("~/run.pt")


def test_load_reads_the_weights_alone(tmp_path: Path) -> None:
    model, other = make(optimizer=torch.optim.Adam), make(optimizer=torch.optim.SGD)
    model.fit(loader(), epochs=2)
    model.save(tmp_path / "run.pt")
    state = torch.get_rng_state()
    other.load(tmp_path / "run.pt")
    assert same(weights(model), weights(other))
    assert other.history == []
    assert torch.equal(torch.get_rng_state(), state)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    model.save(tmp_path / "run.pt")
    before = (tmp_path / "run.pt").read_bytes()

    def full(state: object, path: str) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="no space"):
        model.save(tmp_path / "run.pt")
    assert (tmp_path / "run.pt").read_bytes() == before


# ---- Interruption, progress bar, callbacks ---------------------------------------------------------------------------


class Interrupting(nn.Module):
    """Sends this process a real Ctrl-C in the middle of an epoch."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.linear, self.at, self.calls = nn.Linear(2, 1), at, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        if self.training and self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return self.linear(x)


def test_ctrl_c_leaves_a_usable_model_and_history(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Interrupting(at=8)  # the second batch of the third epoch
    model = KerasModel(net, nn.BCEWithLogitsLoss(), torch.optim.Adam(net.parameters(), lr=0.1))
    best = []
    ended = []

    class Watching:
        def __enter__(self) -> Callable[..., None]:
            return lambda model, row: best.append(weights(model))

        def __exit__(self, *error: object) -> None:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        model.fit(loader(), loader(), epochs=9, monitor="val_loss", callbacks=[Watching()])
    assert [row["epoch"] for row in model.history] == [1, 2]
    assert same(weights(model), best[1])  # the best whole epoch, not what the third had begun
    assert ended == [True]
    assert model.predict(points().tensors[0]).shape == (N, 1)
    model.save(tmp_path / "run.pt")
    model.fit(loader(), epochs=1)
    assert [row["epoch"] for row in model.history] == [1, 2, 3]


def test_the_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    model = make()
    model.fit(loader(), epochs=2)
    assert capsys.readouterr() == ("", "")  # no terminal here
    model.fit(loader(), epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "6/6" in err
    model.fit(iter(list(loader())), progress=True)  # without a length
    assert "3it" in capsys.readouterr().err


def test_a_callback_is_a_function_or_gives_one() -> None:
    rows = []
    model = make()
    model.fit(loader(), epochs=2, callbacks=[lambda model, row: rows.append((len(model.history), row["epoch"]))])
    assert rows == [(1, 1), (2, 2)]


def test_tensorboard_events_can_be_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = make(metrics={"accuracy": accuracy})
    model.fit(loader(), loader(), epochs=2, callbacks=[tensorboard(tmp_path)])
    model.fit(loader(), loader(), epochs=1, callbacks=[tensorboard(tmp_path)])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == ["accuracy", "loss", "lr", "val_accuracy", "val_loss"]
    for name in ("loss", "val_accuracy"):
        read = events.Scalars(name)
        assert [event.step for event in read] == [1, 2, 3]
        assert [event.value for event in read] == pytest.approx(curve(model, name), rel=1e-6)


def test_weights_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in of the wandb module: what is called, in which order."""
    calls: list[object] = []

    class Run:
        def __enter__(self) -> Run:
            return self

        def __exit__(self, *error: object) -> None:
            calls.append("finish")

        def log(self, row: dict[str, float], step: int) -> None:
            calls.append((step, sorted(row)))

    def init(**options: object) -> Run:
        calls.append(options)
        return Run()

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    make().fit(loader(), epochs=2, callbacks=[weights_and_biases(project="rings", mode="offline")])
    names = ["epoch", "loss", "lr"]
    assert calls == [{"project": "rings", "mode": "offline"}, (1, names), (2, names), "finish"]


def test_weights_and_biases_writes_an_offline_run(tmp_path: Path) -> None:
    """The real wandb, in a process of its own; the rows are read back from the file that ``wandb sync`` would send."""
    program = """
        import json, sys
        import torch
        from torch import nn
        from snippets.toolkit.callbacks import weights_and_biases
        from snippets.toolkit.keras_model import KerasModel

        torch.manual_seed(0)
        net = nn.Linear(2, 1)
        model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.1))
        run = weights_and_biases(project="rings", mode="offline", dir=sys.argv[1])
        model.fit([(torch.ones(4, 2), torch.ones(4, 1))], epochs=3, callbacks=[run])
        print(json.dumps(model.history))
    """
    environment = {**os.environ, "PYTHONPATH": str(HERE.root), "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    rows = [{k: v for k, v in row.items() if k != "_step"} for row in read_run(file, wait=10).history]
    assert rows == json.loads(done.stdout.splitlines()[-1])


def test_without_wandb_only_its_callback_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    model = make()
    with pytest.raises(ImportError, match="wandb"):
        model.fit(loader(), callbacks=[weights_and_biases()])
    model.fit(loader())
    assert len(model.history) == 1


def test_the_live_curve_in_a_notebook() -> None:
    """One picture that changes, in a real kernel; and a progress bar, without being asked for."""
    from nbclient import NotebookClient

    code = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        import torch
        from torch import nn
        from snippets.toolkit.callbacks import live_curve
        from snippets.toolkit.keras_model import KerasModel
        net = nn.Linear(2, 1)
        model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters()))
        batches = [(torch.ones(4, 2), torch.ones(4, 1))]
        history = model.fit(batches, batches, epochs=3, callbacks=[live_curve()])
    """
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(code))])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    outputs = book.cells[0].outputs
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 1
    assert any("3/3" in o.get("text", "") + str(o.get("data", "")) for o in outputs), "the progress bar"


# ---- Several processes -----------------------------------------------------------------------------------------------

SCRIPT = """
import json, os, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from accelerate import Accelerator
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy, auc

torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.randn(int(sys.argv[2]), 2)
y = (x.sum(1, keepdim=True) > 0).float()
net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
model = KerasModel(net, nn.BCEWithLogitsLoss(), torch.optim.SGD(net.parameters(), lr=0.1),
                   {"accuracy": accuracy, "auc": auc}, accumulate=int(sys.argv[3]))
train = DataLoader(TensorDataset(x, y), batch_size=8)
val = DataLoader(TensorDataset(x[:21], y[:21]), batch_size=8)
called = []
model.fit(train, val, epochs=3, monitor="val_loss", callbacks=[lambda model, row: called.append(1)])
model.save(sys.argv[1] + ".pt")
found = {"history": model.history, "predictions": model.predict(val).tolist(), "called": len(called),
         "test": model.evaluate(val), "processes": model.accelerator.num_processes,
         "weights": [p.tolist() for p in net.parameters()]}
with open(f"{sys.argv[1]}-{model.accelerator.process_index}.json", "w") as file:
    json.dump(found, file)
model.accelerator.wait_for_everyone()
model.accelerator.end_training()
# All is written. Gloo's threads can abort a process that goes on to shut down ("terminate called without an active
# exception", seen once on a busy machine), which has nothing to do with what is tested here.
os._exit(0)
"""


@pytest.mark.parametrize(("samples", "accumulate"), [(32, 1), (32, 2), (27, 1)], ids=["even", "accumulate", "ragged"])
def test_two_processes_equal_one(tmp_path: Path, samples: int, accumulate: int) -> None:
    import json

    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    arguments = [str(samples), str(accumulate)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for command, name in (([sys.executable], "one"), (torchrun, "two")):
        done = subprocess.run(
            [*command, str(script), str(tmp_path / name), *arguments],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("one-0", "two-0", "two-1"))
    assert (one["processes"], first["processes"]) == (1, 2)
    for key in ("history", "predictions", "test", "weights"):
        assert first[key] == second[key], f"{key} of the two processes"
    assert (one["called"], first["called"], second["called"]) == (3, 3, 0)
    assert len(first["predictions"]) == 21
    # The last batch of 27 has 3 samples; two processes fill it up to 8, so only there the gradient is another.
    loose = 0.02 if samples == 27 else 1e-5
    for a, b in zip(one["history"], first["history"], strict=True):
        assert [a["loss"], a["val_loss"]] == pytest.approx([b["loss"], b["val_loss"]], abs=loose)
        if samples == 32:
            assert a == pytest.approx(b, abs=loose)
    assert torch.allclose(torch.tensor(one["predictions"]), torch.tensor(first["predictions"]), atol=10 * loose)
    assert one["test"]["loss"] == pytest.approx(first["test"]["loss"], abs=loose)
    if samples == 27:  # the first epoch, before the last step, is exact
        assert one["history"][0]["loss"] == pytest.approx(first["history"][0]["loss"], abs=1e-6)
