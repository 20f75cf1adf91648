# --8<-- [start:keras_model]
"""KerasModel: fit, evaluate, predict, save and resume for any PyTorch module."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from snippets.toolkit.best_and_checkpoint import Best, History, load_parts, save_parts
from snippets.toolkit.callbacks import opened
from snippets.toolkit.keras_checks import check_data, check_fit, check_model
from snippets.toolkit.metrics import Epoch, samples, total_loss, weighted_loss, widened
from snippets.toolkit.nests import (
    convert_nest, inputs_of, is_inputs, join_nests, split_batch,
)  # fmt: skip
from snippets.toolkit.place_and_update import Place, Update
from snippets.toolkit.random_states import RandomStates
from snippets.toolkit.summary import layer_table


class KerasModel:
    """Fits, evaluates and uses a net.

    Args:
        net: a module; it gets the inputs of a batch as they are, a tensor or a nest.
        loss: function of (outputs, targets): the mean over the samples of a batch, or a
            dict of parts that are added up. A module is trained and saved like the net.
        optimizer: made from ``net.parameters()``.
        metrics: name -> function of the (outputs, targets) of a whole epoch; of nests,
            the first tensor, or the one with the key "logits".
        scheduler: of the learning rate; steps after each ``scheduler_every``.
        scheduler_every: ``"epoch"`` or ``"step"``.
        precision: ``"fp32"``, or autocast to ``"bf16"`` or ``"fp16"``.
        accumulate: batches per step of the optimizer.
        clip_norm: largest norm of the gradient (None: not clipped).
        accelerator: your own, such as ``Accelerator(cpu=True)``.
        target: key of the targets in batches that are dicts.

    Args of fit:
        train, validation: batches (inputs, targets), such as a DataLoader; or (inputs,
            targets, weights), for a loss that gives a number for each sample; or dicts.
        epochs: how many more.
        monitor: end with the weights of this call's best epoch by this number.
        mode: whether ``"min"`` or ``"max"`` is best (None: ``"min"`` for a loss).
        patience: stop after so many epochs in a row that were not the best.
        callbacks: functions of (model, row), or context managers that give one.
        progress: show a bar (None: in a terminal and in a notebook).

    Raises:
        TypeError, ValueError: a wrong option, monitor or batch, before any training.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters()))
        >>> len(model.fit([(torch.ones(4, 2), torch.ones(4, 1))], epochs=3))
        3
    """

    def __init__(
        self, net: nn.Module, loss: "Callable", optimizer: torch.optim.Optimizer,
        metrics: "Mapping | None" = None, scheduler: "LRScheduler | None" = None, *,
        scheduler_every: str = "epoch", precision: str = "fp32", accumulate: int = 1,
        clip_norm: "float | None" = None, accelerator: "Accelerator | None" = None,
        target: "str | None" = None,
    ) -> None:  # fmt: skip
        self.metrics = check_model(net, loss, optimizer, metrics, target)
        self.place = place = Place(accelerator, precision)
        steps = scheduler, scheduler_every, accumulate, clip_norm
        self.update = Update(optimizer, place.scaler, *steps)
        self.net, self.optimizer, self.target = net, optimizer, target
        self.wrapped, self.loss = place.prepare(net), place.prepare(loss)
        self.metrics = {k: place.prepare(metric) for k, metric in self.metrics.items()}
        self.accelerator, self.device = place.accelerator, place.device
        self.on_cpu = place.on_cpu
        self.history, self.random = History(), RandomStates(place.device)
        self.best = Best(*(m for m in (net, loss) if isinstance(m, nn.Module)))
        self.parts = {
            "net": net, "loss": loss, "optimizer": optimizer, "scheduler": scheduler,
            "scaler": place.scaler, "history": self.history, "best": self.best,
            "random": self.random,
        }  # fmt: skip

    def __call__(self, inputs: object) -> object:
        """Outputs of the net; several processes that train share their gradients."""
        return (self.wrapped if torch.is_grad_enabled() else self.net)(inputs)

    def forward(self, batch: object) -> tuple:
        """Outputs, targets and loss of a batch: override it for another kind of step.

        In yours, ``self(inputs)`` runs the net.
        """
        inputs, targets, weights = split_batch(batch, self.target)
        outputs = self(inputs)
        return outputs, targets, weighted_loss(self.loss(outputs, targets), weights)

    def note(self, seen: Epoch, batch: object) -> "tuple[torch.Tensor, int]":
        """Loss and size of a batch; what ``seen`` notes is that of all processes."""
        with self.place.cast:
            outputs, targets, loss = self.forward(batch)
            shown = loss, outputs, targets
            seen.add(*(self.whole(batch, *shown) if self.place.several else shown))
        return total_loss(loss), samples(targets)

    def whole(self, batch: object, *shown: object) -> tuple:
        """Loss, outputs and targets of all processes, without copies of samples."""
        own = type(self).forward is not KerasModel.forward
        weights = None if own else split_batch(batch, self.target)[2]
        loss, outputs, targets, weights = self.place.whole((*shown, weights))
        if not own:  # or else it is the mean of the processes, copies included
            with torch.no_grad():
                loss = weighted_loss(self.loss(outputs, targets), weights)
        return loss, outputs, targets

    def train_epoch(self, data: Iterable, tick: "Callable") -> dict[str, float]:
        """Train on each batch once, calling ``tick`` after it."""
        self.wrapped.train()
        self.update.group.clear()  # of an epoch that was interrupted
        seen = Epoch(self.metrics, "train")
        for batch in self.place.batches(data):
            self.update.begin()
            self.update(*self.note(seen, batch))
            tick()
        self.update.flush()
        return seen.result()

    @torch.no_grad()  # what a net caches in inference_mode, it can't train with later
    def evaluate(self, data: Iterable) -> dict[str, float]:
        """Loss and metrics of the net as it is, over batches as fit takes them."""
        check_data("data", data)
        self.net.eval()
        seen = Epoch(self.metrics)
        for batch in self.place.batches(data):
            self.note(seen, batch)
        return seen.result()

    @torch.no_grad()
    def predict(self, data: object) -> object:
        """Outputs (N, ...) on the CPU, of inputs (a tensor or nest), or of batches."""
        check_data("data", data, inputs=True)
        self.net.eval()
        one, found = is_inputs(data), []
        for batch in [self.place.move(data)] if one else self.place.batches(data):
            with self.place.cast:
                outputs = self.net(batch if one else inputs_of(batch, self.target))
            outputs = outputs if one else self.place.whole(outputs)
            found.append(convert_nest(lambda t: widened(t).cpu(), outputs))
        return found[0] if one else join_nests(found)

    def fit(
        self, train: Iterable, validation: "Iterable | None" = None, *, epochs: int = 1,
        monitor: "str | None" = None, mode: "str | None" = None,
        callbacks: Sequence = (), patience: "int | None" = None,
        progress: "bool | None" = None,
    ) -> list[dict[str, float]]:  # fmt: skip
        """Train for some more epochs; return the history, a row for each so far."""
        options = epochs, monitor, mode, patience, callbacks, progress
        mode, train, validation = check_fit(self, train, validation, *options)
        self.random.follow(train)
        best = self.best.watch(monitor, mode, len(self.history))
        calls = callbacks if self.accelerator.is_main_process else ()
        with opened(calls, train, epochs, progress) as (calls, tick), best:
            for _ in range(epochs):
                row = {"epoch": len(self.history) + 1}
                row["lr"] = self.optimizer.param_groups[0]["lr"]
                row |= self.train_epoch(train, tick)
                if validation is not None:
                    row |= {f"val_{k}": v for k, v in self.evaluate(validation).items()}
                self.update.epoch_ended(row.get(monitor))
                self.history.append(row)
                stale = self.best.see(row)
                for call in calls:
                    call(self, row)
                if patience is not None and stale >= patience:
                    break
        return self.history

    def save(self, path: "str | os.PathLike") -> None:
        """Write weights, optimizer, scheduler, history and random states."""
        if self.accelerator.is_main_process:
            save_parts(path, self.parts)

    def load(self, path: "str | os.PathLike") -> None:
        """Read the weights alone, to evaluate and predict; a state_dict will do."""
        load_parts(path, {"net": self.net})

    def resume(self, path: "str | os.PathLike") -> None:
        """Read everything: the next ``fit`` goes on where ``save`` was called."""
        load_parts(path, self.parts, whole=True)

    def summary(self, inputs: object, **options: object) -> str:
        """The table of layers that ``layer_table`` makes of these inputs."""
        return layer_table(self.net, inputs=inputs, **options)
# --8<-- [end:keras_model]
