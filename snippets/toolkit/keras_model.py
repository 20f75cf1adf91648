# --8<-- [start:imports]
"""KerasModel: fit, evaluate, predict, save and resume for any PyTorch module."""

import difflib
import os
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import KW_ONLY, dataclass, field

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, send_to_device
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm.auto import tqdm

from snippets.toolkit.callbacks import in_notebook
from snippets.toolkit.metrics import Epoch
from snippets.toolkit.summary import layer_table
# --8<-- [end:imports]
# --8<-- [start:setup]
@dataclass(eq=False, repr=False)
class Setup:
    """Net, loss and optimizer, checked, and on their device; see KerasModel."""

    net: nn.Module
    loss: "Callable[[torch.Tensor, torch.Tensor], torch.Tensor]"
    optimizer: torch.optim.Optimizer
    metrics: "Mapping[str, Callable]" = field(default_factory=dict)
    scheduler: "LRScheduler | None" = None
    _: KW_ONLY
    scheduler_every: str = "epoch"
    precision: str = "fp32"
    accumulate: int = 1
    clip_norm: float | None = None
    accelerator: Accelerator | None = None

    def __post_init__(self) -> None:
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        if not any(id(p) in held for p in self.net.parameters()):
            raise ValueError("optimizer has none of the parameters of net")
        known("scheduler_every", self.scheduler_every, ["epoch", "step"])
        kinds = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
        kind = kinds[known("precision", self.precision, list(kinds))]
        split = DataLoaderConfiguration(split_batches=True)  # share each batch
        self.accelerator = self.accelerator or Accelerator(dataloader_config=split)
        self.device = self.accelerator.device
        self.on_cpu = self.device.type == "cpu"
        self.several = self.accelerator.num_processes > 1
        self.wrapped = self.accelerator.prepare_model(self.net.to(self.device))
        self.cast = torch.autocast(self.device.type, kind) if kind else nullcontext()
        fp16 = kind is torch.float16  # small gradients would vanish: scale the loss
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.history, self.best, self.loaders, self.order = [], {}, {}, None
        parts = [self.net, self.optimizer, self.scaler, self.scheduler]
        self.parts = [part for part in parts if part is not None]  # what has a state
        self.dice = [torch]  # what draws random numbers
        self.dice += [] if self.on_cpu else [torch.get_device_module(self.device)]


def known(what: str, name: str, names: list) -> str:
    """``name``, or a ValueError that says what there is."""
    if name not in names:
        near = difflib.get_close_matches(str(name), names, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{what}={name!r}{hint}: choose from {', '.join(names)}")
    return name
# --8<-- [end:setup]
# --8<-- [start:evaluation]
class Evaluation(Setup):
    """Adds the passes that don't train, and what every pass needs."""

    def batches(self, data: Iterable) -> Iterable:
        """The batches, on the device; of several processes, each gets its part."""
        if isinstance(data, torch.Tensor) or not isinstance(data, Iterable):
            raise TypeError("data must be a DataLoader or another iterable of batches")
        if self.several and id(data) not in self.loaders:
            self.loaders[id(data)] = data, self.accelerator.prepare_data_loader(data)
        for batch in self.loaders[id(data)][1] if self.several else data:
            yield batch if self.on_cpu else send_to_device(batch, self.device)

    def note(self, seen: Epoch, loss: torch.Tensor, *pair: torch.Tensor) -> None:
        """Add a batch to ``seen``; in each of several processes, the whole batch."""
        if self.several:  # without the copies that accelerate fills the last batch with
            pair = self.accelerator.gather_for_metrics(tuple(t.detach() for t in pair))
            with torch.no_grad(), self.cast:
                loss = self.loss(*pair)
        seen.add(loss, *pair)

    @torch.no_grad()  # what a net caches in inference_mode, it can't train with later
    def evaluate(self, data: Iterable) -> dict[str, float]:
        """Loss and metrics of the net as it is, over batches (inputs, targets)."""
        self.net.eval()
        seen = Epoch(self.metrics)
        for inputs, targets in self.batches(data):
            with self.cast:
                outputs = self.net(inputs)
                loss = self.loss(outputs, targets)
            self.note(seen, loss, outputs, targets)
        return seen.result()

    @torch.no_grad()
    def predict(self, data: Iterable) -> torch.Tensor:
        """Outputs (N, ...) on the CPU, of a tensor or of batches, targets ignored."""
        self.net.eval()
        one, found = isinstance(data, torch.Tensor), []
        for batch in [data.to(self.device)] if one else self.batches(data):
            with self.cast:
                outputs = self.net(batch[0] if isinstance(batch, Sequence) else batch)
            if self.several and not one:
                outputs = self.accelerator.gather_for_metrics(outputs)
            found.append(outputs.float().cpu())
        return torch.cat(found)
# --8<-- [end:evaluation]
# --8<-- [start:training]
class Training(Evaluation):
    """Adds the pass that trains."""

    def train_epoch(self, data: Iterable, tick: Callable) -> dict[str, float]:
        """Train on each batch once, calling ``tick`` after it."""
        self.wrapped.train()
        seen, group = Epoch(self.metrics), []  # group: batch sizes since the last step
        for inputs, targets in self.batches(data):
            if not group:
                self.optimizer.zero_grad()
            group.append(len(targets))
            with self.cast:
                outputs = self.wrapped(inputs)
                loss = self.loss(outputs, targets)
            part = loss if self.accumulate == 1 else loss * (group[-1] / group[0])
            self.scaler.scale(part).backward()
            if len(group) == self.accumulate:
                self.step(sum(group) / group[0])
                group = []
            self.note(seen, loss, outputs, targets)
            tick()
        if group:
            self.step(sum(group) / group[0])
        return seen.result()

    def step(self, weight: float) -> None:
        """Average the gradients of a group, clip them if asked to, and update."""
        self.scaler.unscale_(self.optimizer)
        if weight != 1:
            for p in self.net.parameters():
                p.grad = None if p.grad is None else p.grad / weight
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scheduler and self.scheduler_every == "step":
            self.scheduler.step()
# --8<-- [end:training]
# --8<-- [start:checkpoints]
class Checkpoints(Training):
    """Adds files: all that a run needs to go on as if it had never stopped."""

    def save(self, path: str | os.PathLike) -> None:
        """Write weights, optimizer, scheduler, history and random states."""
        state = {"parts": [p.state_dict() for p in self.parts], "best": self.best}
        state |= {"history": self.history, "python": random.getstate()}
        state |= {"order": self.order.get_state() if self.order else None}
        state["torch"] = [source.get_rng_state() for source in self.dice]
        if self.accelerator.is_main_process:
            torch.save(state, part := f"{os.path.expanduser(path)}.{os.getpid()}.part")
            os.replace(part, os.path.expanduser(path))  # never half a file of that name

    def load(self, path: str | os.PathLike) -> None:
        """Read the weights alone, to evaluate and predict."""
        state = torch.load(os.path.expanduser(path), "cpu", weights_only=True)
        self.net.load_state_dict(state["parts"][0])

    def resume(self, path: str | os.PathLike) -> None:
        """Read everything: the next ``fit`` goes on where ``save`` was called."""
        state = torch.load(os.path.expanduser(path), "cpu", weights_only=True)
        for part, content in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(content)
        self.history, self.best = state["history"], state["best"]
        self.order = state["order"]  # for the generator of the data, which fit will see
        random.setstate(state["python"])
        for source, numbers in zip(self.dice, state["torch"], strict=False):
            source.set_rng_state(numbers)
# --8<-- [end:checkpoints]
# --8<-- [start:monitoring]
class Monitoring(Checkpoints):
    """Adds the weights of the best epoch."""

    def watch(self, monitor: str | None, mode: str | None, both: bool) -> None:
        """Check what ``fit`` is to watch; begin, or go on after ``resume``."""
        names = ["loss", *self.metrics]
        names += [f"val_{name}" for name in names] if both else []
        if monitor is not None:
            known("monitor", monitor, names)
            mode = mode or ("min" if monitor.endswith("loss") else None)
            known("mode", mode, ["min", "max"])
        if not self.best or self.best["monitor"] != monitor:
            sign, epoch = 1 if mode == "max" else -1, len(self.history)
            self.best = {"monitor": monitor, "sign": sign, "epoch": epoch}
            self.best |= {"score": float("-inf"), "weights": None}

    def compare(self, row: dict[str, float]) -> int:
        """Keep the weights of this epoch if it is the best; the epochs since then."""
        score = self.best["sign"] * row.get(self.best["monitor"], float("nan"))
        if score > self.best["score"]:  # never true of NaN
            weights = {k: v.clone() for k, v in self.net.state_dict().items()}
            self.best |= {"score": score, "epoch": row["epoch"], "weights": weights}
        return row["epoch"] - self.best["epoch"]

    def restore(self) -> None:
        """Put the best weights back, if any were kept."""
        if self.best["weights"]:
            self.net.load_state_dict(self.best["weights"])
        self.best = {}
# --8<-- [end:monitoring]
# --8<-- [start:fitting]
class Fitting(Monitoring):
    """Adds the loop over epochs."""

    def fit(
        self, train: Iterable, validation: Iterable | None = None, *, epochs: int = 1,
        monitor: str | None = None, mode: str | None = None, callbacks: Sequence = (),
        patience: int | None = None, progress: bool | None = None,
    ) -> list[dict[str, float]]:  # fmt: skip
        """Train for some more epochs; return the history, a row for each so far."""
        plateau = isinstance(self.scheduler, ReduceLROnPlateau)
        if monitor is None and (plateau or patience is not None):
            raise ValueError("patience and ReduceLROnPlateau need monitor")
        self.watch(monitor, mode, validation is not None)
        order = getattr(train, "generator", None)
        if order and isinstance(self.order, torch.Tensor):
            order.set_state(self.order)
        self.order = order
        shown = sys.stderr.isatty() or in_notebook() if progress is None else progress
        length = epochs * len(train) if hasattr(train, "__len__") else None
        callbacks = callbacks if self.accelerator.is_main_process else ()
        with ExitStack() as stack:
            enter = stack.enter_context
            calls = [enter(c) if hasattr(c, "__enter__") else c for c in callbacks]
            bar = enter(tqdm(total=length, disable=not shown, mininterval=0.5))
            stack.callback(self.restore)  # at the end, and when the user interrupts
            for _ in range(epochs):
                row = {"epoch": len(self.history) + 1}
                row["lr"] = self.optimizer.param_groups[0]["lr"]
                row |= self.train_epoch(train, bar.update)
                if validation is not None:
                    row |= {f"val_{k}": v for k, v in self.evaluate(validation).items()}
                if plateau:
                    self.scheduler.step(row[monitor])
                elif self.scheduler and self.scheduler_every == "epoch":
                    self.scheduler.step()
                self.history.append(row)
                stale = self.compare(row)
                bar.set_postfix(row, refresh=False)
                for call in calls:
                    call(self, row)
                if patience is not None and stale >= patience:
                    break
        return self.history
# --8<-- [end:fitting]
# --8<-- [start:keras_model]
class KerasModel(Fitting):
    """Fits, evaluates and uses a net.

    Args:
        net: a module; it gets the inputs of a batch as they are.
        loss: function of (outputs, targets): the mean over the samples of a batch.
        optimizer: made from ``net.parameters()``.
        metrics: name -> function of the (outputs, targets) of a whole epoch.
        scheduler: of the learning rate; steps after each ``scheduler_every``.
        scheduler_every: ``"epoch"`` or ``"step"``.
        precision: ``"fp32"``, or autocast to ``"bf16"`` or ``"fp16"``.
        accumulate: batches per step of the optimizer.
        clip_norm: largest norm of the gradient (None: not clipped).
        accelerator: your own, such as ``Accelerator(cpu=True)``.

    Args of fit:
        train, validation: batches (inputs, targets), such as a DataLoader.
        epochs: how many more.
        monitor: end with the weights of the epoch that is best by this number.
        mode: whether ``"min"`` or ``"max"`` is best (None: ``"min"`` for a loss).
        patience: stop after so many epochs in a row that were not the best.
        callbacks: functions of (model, row), or context managers that give one.
        progress: show a bar (None: in a terminal and in a notebook).

    Raises:
        ValueError: a wrong option or monitor, before any training.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> model = KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters()))
        >>> len(model.fit([(torch.ones(4, 2), torch.ones(4, 1))], epochs=3))
        3
    """

    def summary(self, inputs: torch.Tensor) -> str:
        """A table of the layers that ``inputs`` pass: output shapes, parameters."""
        return layer_table(self.net, lambda: self.predict(inputs))
# --8<-- [end:keras_model]
