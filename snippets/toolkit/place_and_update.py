# --8<-- [start:place]
"""Where a net runs, and how it changes: each serves a loop of your own, too."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from snippets.toolkit.checks import expect, known
from snippets.toolkit.keras_checks import check_update
from snippets.toolkit.nests import convert_nest


class Place:
    """Device, precision and number of processes."""

    def __init__(
        self, accelerator: "Accelerator | None" = None, precision: str = "fp32"
    ) -> None:
        expect("accelerator", accelerator, Accelerator, None)
        kinds = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
        kind = kinds[known("precision", precision, list(kinds))]
        split = DataLoaderConfiguration(split_batches=True)  # share each batch
        self.accelerator = accelerator or Accelerator(dataloader_config=split)
        self.device = self.accelerator.device
        self.on_cpu = self.device.type == "cpu"
        self.several = self.accelerator.num_processes > 1
        self.cast = torch.autocast(self.device.type, kind) if kind else nullcontext()
        fp16 = kind is torch.float16  # small gradients would vanish: scale the loss
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.loaders = {}

    def prepare(self, module: object) -> object:
        """A module on the device, one that shares gradients; a function as it is."""
        if not isinstance(module, nn.Module):
            return module
        module.to(self.device)
        learns = any(p.requires_grad for p in module.parameters())
        return self.accelerator.prepare_model(module) if learns else module

    def batches(self, data: Iterable) -> Iterator:
        """The batches, on the device; of several processes, each gets its part."""
        if self.several and id(data) not in self.loaders:
            self.loaders[id(data)] = data, self.accelerator.prepare_data_loader(data)
        for batch in self.loaders[id(data)][1] if self.several else data:
            yield batch if self.on_cpu else self.move(batch)

    def move(self, nest: object) -> object:
        """The nest on the device."""
        leaf = (torch.Tensor, PackedSequence)
        return convert_nest(lambda t: t.to(self.device), nest, leaf)

    def whole(self, nest: object) -> object:
        """A batch of all processes, without the copies that fill up the last one."""
        join, mean = self.accelerator.gather_for_metrics, self.accelerator.reduce

        def of_all(t: torch.Tensor) -> torch.Tensor:
            return join(t.detach()) if t.ndim else mean(t.detach(), "mean")

        return convert_nest(of_all, nest) if self.several else nest
# --8<-- [end:place]

# --8<-- [start:update]
class Update:
    """Gradients of a group of batches, averaged and clipped, and the step after it."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, scaler: "torch.amp.GradScaler",
        scheduler: "LRScheduler | None" = None, scheduler_every: str = "epoch",
        accumulate: int = 1, clip_norm: "float | None" = None,
    ) -> None:  # fmt: skip
        check_update(optimizer, scheduler, scheduler_every, accumulate, clip_norm)
        self.optimizer, self.scaler, self.scheduler = optimizer, scaler, scheduler
        self.every, self.accumulate = scheduler_every, accumulate
        self.clip_norm = clip_norm
        self.plateau = isinstance(scheduler, ReduceLROnPlateau)
        self.group = []  # batch sizes since the last step
        self.steps = self.skipped = 0  # since the scheduler was asked

    def begin(self) -> None:
        """Call before each forward pass: the first of a group clears the gradients."""
        if not self.group:
            self.optimizer.zero_grad()

    def __call__(self, loss: torch.Tensor, size: int) -> None:
        """Backward of the mean loss of so many samples; a step if the group is full."""
        self.group.append(size)
        part = loss if self.accumulate == 1 else loss * (size / self.group[0])
        self.scaler.scale(part).backward()
        if len(self.group) == self.accumulate:
            self.flush()

    def flush(self) -> None:
        """Step with what the group has so far, if it has anything."""
        if not self.group:
            return
        weight, self.group = sum(self.group) / self.group[0], []
        self.scaler.unscale_(self.optimizer)
        if weight != 1 or self.clip_norm is not None:
            held = [p for group in self.optimizer.param_groups for p in group["params"]]
            for p in held if weight != 1 else ():
                p.grad = None if p.grad is None else p.grad / weight
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(held, self.clip_norm)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() < scale:  # a gradient was infinite: no step was made
            self.skipped += 1
            return
        self.steps += 1
        if self.scheduler and self.every == "step":
            self.scheduler.step()

    def epoch_ended(self, score: "float | None" = None) -> None:
        """Move the rate, if that is due; a plateau is one of the score."""
        stood = self.skipped and not self.steps
        if self.plateau:
            self.scheduler.step(score)
        elif self.scheduler and self.every == "epoch" and not stood:
            self.scheduler.step()
        self.steps = self.skipped = 0
# --8<-- [end:update]
