"""Seconds per epoch of one training, written four ways: a plain loop, KerasModel, torchkeras and Lightning.

Each has a progress bar, accuracy over the epoch, and a validation pass. The four take turns, and each epoch is timed
from the end of the one before, so setting up does not count. ``python -m bench.training`` prints JSON.
"""

from __future__ import annotations

import io
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, cast

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 6
ROUNDS = 5


@dataclass(frozen=True)
class Problem:
    """A net's maker and its data."""

    name: str
    net: Callable[[], nn.Module]
    train: DataLoader[Any]
    validation: DataLoader[Any]


def problems() -> list[Problem]:
    """A tiny MLP with batch 8, where a step costs little and what surrounds it counts; a small CNN with batch 64."""
    torch.manual_seed(0)
    x = torch.randn(2000, 10)  # (N, features)
    y = (x[:, 0] * x[:, 1] > 0).long()
    images = torch.randn(1024, 1, 28, 28)  # (N, C, H, W)
    labels = torch.randint(10, (1024,))

    def mlp() -> nn.Module:
        return nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2))

    def cnn() -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 10)),
        )

    return [
        Problem("MLP, batch 8", mlp, *_loaders(x, y, 8)),
        Problem("CNN, batch 64", cnn, *_loaders(images, labels, 64)),
    ]


def _loaders(x: torch.Tensor, y: torch.Tensor, batch: int) -> tuple[DataLoader[Any], DataLoader[Any]]:
    most = len(x) * 4 // 5
    train, validation = TensorDataset(x[:most], y[:most]), TensorDataset(x[most:], y[most:])
    return DataLoader(train, batch_size=batch, shuffle=True), DataLoader(validation, batch_size=batch)


def plain(problem: Problem, ended: Callable[[], None]) -> None:
    """What a reader of the book writes by hand, with a bar."""
    tqdm = import_module("tqdm").tqdm

    net, loss_fn = problem.net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    with tqdm(total=EPOCHS * len(problem.train)) as bar:
        for _ in range(EPOCHS):
            for training, loader in ((True, problem.train), (False, problem.validation)):
                net.train(training)
                total, right, count = torch.zeros(()), torch.zeros(()), 0
                with torch.set_grad_enabled(training):
                    for x, y in loader:
                        if training:
                            optimizer.zero_grad()
                        out = net(x)
                        loss = loss_fn(out, y)
                        if training:
                            loss.backward()
                            optimizer.step()
                            bar.update()
                        total += loss.detach() * len(y)
                        right += (out.detach().argmax(1) == y).sum()
                        count += len(y)
                bar.set_postfix(loss=total.item() / count, accuracy=right.item() / count, refresh=False)
            ended()


def keras_model(problem: Problem, ended: Callable[[], None]) -> None:
    """This book's KerasModel."""
    maker = import_module("snippets.toolkit.keras_model").KerasModel
    metrics = {"accuracy": import_module("snippets.toolkit.metrics").accuracy}
    net = problem.net()
    model = maker(net, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=1e-3), metrics)
    model.fit(problem.train, problem.validation, epochs=EPOCHS, progress=True, callbacks=[lambda _, row: ended()])


def torchkeras(problem: Problem, ended: Callable[[], None]) -> None:
    """torchkeras 4 from PyPI."""
    from torchmetrics import Accuracy

    class Clock:
        def on_validation_epoch_end(self, model: Any) -> None:
            ended()

    net = problem.net()
    classes = 2 if "MLP" in problem.name else 10
    model = import_module("torchkeras").KerasModel(
        net,
        loss_fn=nn.CrossEntropyLoss(),
        metrics_dict={"accuracy": Accuracy(task="multiclass", num_classes=classes)},
        optimizer=torch.optim.Adam(net.parameters(), lr=1e-3),
    )
    model.fit(problem.train, problem.validation, epochs=EPOCHS, plot=False, callbacks=[Clock()], cpu=True, patience=99)


def lightning(problem: Problem, ended: Callable[[], None]) -> None:
    """Lightning 2."""
    import lightning as L
    from torchmetrics import Accuracy

    class Net(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            classes = 2 if "MLP" in problem.name else 10
            self.net, self.loss_fn = problem.net(), nn.CrossEntropyLoss()
            self.accuracy = nn.ModuleDict({s: Accuracy(task="multiclass", num_classes=classes) for s in ("fit", "val")})

        def pass_batch(self, batch: Any, stage: str) -> torch.Tensor:
            x, y = batch
            out = self.net(x)
            loss: torch.Tensor = self.loss_fn(out, y)
            self.accuracy[stage](out, y)
            self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
            self.log(
                f"{stage}_accuracy", cast(Accuracy, self.accuracy[stage]), on_step=False, on_epoch=True, prog_bar=True
            )
            return loss

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return self.pass_batch(batch, "fit")

        def validation_step(self, batch: Any, index: int) -> torch.Tensor:
            return self.pass_batch(batch, "val")

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    class Clock(L.Callback):
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            ended()

    trainer = L.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
        callbacks=[Clock()], num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(Net(), problem.train, problem.validation)


WAYS: dict[str, Callable[[Problem, Callable[[], None]], None]] = {
    "plain loop": plain,
    "KerasModel": keras_model,
    "torchkeras": torchkeras,
    "Lightning": lightning,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Progress bars are drawn, into a string."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def measure(problem: Problem, rounds: int = ROUNDS) -> dict[str, float]:
    """Way -> median seconds per epoch over all rounds; the first epoch of each fit warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, train in WAYS.items():
            marks: list[float] = []
            with _quiet():
                train(problem, lambda marks=marks: marks.append(time.perf_counter()))  # type: ignore[misc]
            if len(marks) < EPOCHS:
                raise RuntimeError(f"{name} told of {len(marks)} epochs, not {EPOCHS}")
            seconds[name] += [b - a for a, b in pairwise(marks)]
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> int:
    """Print ``{problem: {way: seconds per epoch}}``."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    torch.set_num_threads(1)  # as pages run; with more, what else runs on the machine decides
    with tempfile.TemporaryDirectory() as folder:  # torchkeras writes its checkpoint where it runs
        os.chdir(folder)
        found = {problem.name: measure(problem, rounds) for problem in problems()}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
