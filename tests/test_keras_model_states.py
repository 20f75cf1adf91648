"""KerasModel's files and copies: nothing half done, compiled nets, deepcopy and pickle."""

from __future__ import annotations

import copy
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from snippets.toolkit.best_and_checkpoint import load_parts, save_parts
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.random_states import RandomStates, undrawn

DATA = [(torch.randn(8, 2, generator=torch.Generator().manual_seed(k)), torch.ones(8, 1)) for k in range(3)]


def make(
    seed: int = 0, width: int = 4, optimizer: type = torch.optim.Adam, schedule: bool = False, compiled: bool = False
) -> KerasModel:
    torch.manual_seed(seed)
    net: nn.Module = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))
    steps = optimizer(net.parameters(), lr=0.1)
    if compiled:
        net = torch.compile(net, backend="eager")
    return KerasModel(net, nn.MSELoss(), steps, None, lr_scheduler.ExponentialLR(steps, 0.9) if schedule else None)


def weights(model: KerasModel) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.net.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("written", "read", "message"),
    [
        ({"schedule": True}, {}, r"has .*scheduler \(ExponentialLR\).*; here are .*optimizer \(Adam\)"),
        ({}, {"schedule": True}, r"here are .*scheduler \(ExponentialLR\)"),
        ({"optimizer": torch.optim.SGD}, {}, r"optimizer \(SGD\).*; here are .*optimizer \(Adam\)"),
        ({"width": 8}, {}, "size mismatch"),
    ],
)
def test_resume_takes_all_or_nothing(
    tmp_path: Path, written: dict[str, object], read: dict[str, object], message: str
) -> None:
    other = make(1, **written)
    other.fit(DATA)
    other.save(tmp_path / "run.pt")
    model, twin = make(2, **read), make(2, **read)
    model.fit(DATA), twin.fit(DATA)
    before, state = weights(model), torch.get_rng_state()
    with pytest.raises((ValueError, RuntimeError), match=message):
        model.resume(tmp_path / "run.pt")
    assert same(weights(model), before)
    assert torch.equal(torch.get_rng_state(), state)
    model.fit(DATA, epochs=2), twin.fit(DATA, epochs=2)
    assert model.history == twin.history and same(weights(model), weights(twin))


def test_load_takes_all_or_nothing_and_plain_state_dicts(tmp_path: Path) -> None:
    source, model = make(1), make(2)
    torch.save(source.net.state_dict(), tmp_path / "plain.pt")
    model.load(tmp_path / "plain.pt")
    assert same(weights(model), weights(source))
    broken = source.net.state_dict() | {"2.bias": torch.zeros(7), "0.weight": torch.zeros(4, 2)}
    torch.save(broken, tmp_path / "broken.pt")
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load(tmp_path / "broken.pt")
    assert same(weights(model), weights(source))
    torch.save({"model": source.net.state_dict(), "epoch": 3}, tmp_path / "other.pt")
    with pytest.raises(
        ValueError, match=r"other.pt is neither a file that save wrote nor a state_dict: it has \['model'"
    ):
        model.load(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="it has list"):
        model.resume(tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"plain.pt has net \(state_dict\); here are "):
        model.resume(tmp_path / "plain.pt")
    with pytest.raises(FileNotFoundError):
        model.resume(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("first", [True, False])
def test_compiled_nets_and_plain_ones_read_each_other(tmp_path: Path, first: bool) -> None:
    one, other = make(1, compiled=first), make(2, compiled=not first)
    one.fit(DATA, DATA, epochs=2, monitor="val_loss")
    one.save(tmp_path / "run.pt")
    names = torch.load(tmp_path / "run.pt", weights_only=True)["parts"]["net"]
    assert list(names) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    other.load(tmp_path / "run.pt")
    assert same(weights(one), weights(other))
    other.resume(tmp_path / "run.pt")
    one.fit(DATA, DATA, epochs=2, monitor="val_loss"), other.fit(DATA, DATA, epochs=2, monitor="val_loss")
    assert [row["loss"] for row in one.history] == pytest.approx([row["loss"] for row in other.history], rel=1e-5)


def test_a_compiled_part_and_a_parallel_net_are_saved_by_their_own_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    inside = nn.Sequential(torch.compile(nn.Linear(2, 2), backend="eager"), nn.Linear(2, 1))
    plain = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    parallel = nn.DataParallel(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
    for net in (inside, parallel):
        save_parts(tmp_path / "net.pt", {"net": net})
        load_parts(tmp_path / "net.pt", {"net": plain})
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), plain.parameters(), strict=True))
    nn.init.zeros_(plain[0].weight)
    save_parts(tmp_path / "net.pt", {"net": plain})
    load_parts(tmp_path / "net.pt", {"net": inside})
    assert inside[0].weight.abs().sum() == 0


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies(how) -> None:
    from torch.utils.data import DataLoader, TensorDataset

    order = torch.Generator().manual_seed(0)
    x = torch.randn(20, 2, generator=order)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8, shuffle=True, generator=order)
    model = make(schedule=True)
    model.fit(loader, DATA, epochs=2, monitor="val_loss")
    twin = how(model)
    assert twin.history == model.history and twin.history is not model.history
    assert same(weights(twin), weights(model))
    assert twin.optimizer.param_groups[0]["params"][0] is next(twin.net.parameters())
    assert twin.wrapped is twin.net and twin.update.scheduler.optimizer is twin.optimizer
    twin.fit(DATA, epochs=2)
    assert not same(weights(twin), weights(model)) and len(model.history) == 2
    model.fit(DATA, epochs=2)
    assert same(weights(twin), weights(model)) and twin.history == model.history


def test_all_that_draws_goes_on_after_resume(tmp_path: Path) -> None:
    """Python's and NumPy's numbers, too: augmentation often draws from them."""

    class Noisy(list):
        def __iter__(self):
            for x, y in super().__iter__():
                yield x + random.random() + float(np.random.rand()) + torch.rand(()), y

    def run(epochs: int, model: KerasModel) -> None:
        model.fit(Noisy(DATA), epochs=epochs)

    whole, first, second = make(), make(), make(3)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    run(4, whole)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    run(2, first)
    first.save(tmp_path / "run.pt")
    random.seed(9), np.random.seed(9), torch.manual_seed(9)
    second.resume(tmp_path / "run.pt")
    run(2, second)
    assert second.history == whole.history and same(weights(second), weights(whole))


def test_a_file_saved_between_resume_and_fit_keeps_the_order(tmp_path: Path) -> None:
    from torch.utils.data import DataLoader, TensorDataset

    def data() -> DataLoader:
        x = torch.arange(20.0)[:, None].repeat(1, 2)
        return DataLoader(TensorDataset(x, x[:, :1]), 4, shuffle=True, generator=torch.Generator().manual_seed(4))

    whole, first = make(), make()
    whole.fit(data(), epochs=3), first.fit(data(), epochs=1)
    first.save(tmp_path / "one.pt")
    second = make(1)
    second.resume(tmp_path / "one.pt")
    second.save(tmp_path / "two.pt")
    third = make(2)
    third.resume(tmp_path / "two.pt")
    third.fit(data(), epochs=2)
    assert third.history == whole.history


def test_undrawn() -> None:
    def numbers() -> list[float]:
        return [random.random(), float(np.random.rand()), torch.rand(()).item()]

    class Data:
        generator = torch.Generator().manual_seed(0)

    before = Data.generator.get_state()
    with undrawn(torch.device("cpu"), Data()):
        first = numbers()
        torch.rand(2, generator=Data.generator)
    assert numbers() == first
    assert torch.equal(Data.generator.get_state(), before)
    with pytest.raises(RuntimeError), undrawn(torch.device("cpu")):
        random.random()
        raise RuntimeError
    states = RandomStates(torch.device("cpu"))
    state = states.state_dict()
    first = numbers()
    states.load_state_dict(state)
    assert numbers() == first
