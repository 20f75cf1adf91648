"""What a session does with an accelerator: pages run as they are shown, or *moved*, with their tensors created on it.

Moved, two things are helped, or a comparison with the CPU's record would tell nothing: random numbers are drawn on the
CPU and moved, since a device draws others for the same seed; and NumPy gets a copy. CUDA multiplies without TF32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from book.run import simulated
from book.run.rounding import DROPPING

CPU = torch.device("cpu")


class Accelerator:
    """The accelerator of a session; made before its first block, so that what starting it takes is no block's time."""

    def __init__(self, name: str, moved: bool) -> None:
        if name.partition(":")[0] == simulated.NAME:
            simulated.install()
        self._device = torch.device(name)
        torch.zeros(1, device=name)
        if moved:
            self._move(name)

    def _move(self, name: str) -> None:
        if self._device.type == "cuda":
            without_tf32()
        torch.set_default_device(name)
        DrawsOnCpu(self._device.type).__enter__()  # type: ignore[no-untyped-call]  # for as long as the process lives
        numpy = torch.Tensor.numpy

        def copied(x: torch.Tensor, *, force: bool = False) -> Any:
            return numpy(x if x.device == CPU else x.cpu(), force=force)

        torch.Tensor.numpy = copied  # type: ignore[method-assign, assignment]

    def made(self) -> int:
        """How many tensors were made on it so far; 0 where the device does not tell."""
        if self._device.type == simulated.NAME:
            return simulated.BACKEND.made
        try:
            return int(torch.accelerator.memory_stats().get("allocation.all.allocated", 0))
        except RuntimeError:
            return 0


def without_tf32() -> None:
    """Let CUDA compute with all 24 binary digits of float32, in products and in cuDNN."""
    backends: Any = torch.backends
    if hasattr(backends.cudnn, "conv"):
        for place in (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn):
            place.fp32_precision = "ieee"
    else:  # the words of older releases
        backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = False


class DrawsOnCpu(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's modes have no types
    """Runs operators that draw random numbers on the CPU, with its generator, and moves what they give."""

    def __init__(self, kind: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kind = kind

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        place = self._place(func, args, kwargs)
        if place is None:
            return func(*args, **kwargs)
        inner: dict[int, torch.Tensor] = {}

        def move(value: Any) -> Any:
            if isinstance(value, torch.Tensor) and value.device.type == self._kind:
                return inner.setdefault(id(value), value.to(CPU))
            return CPU if isinstance(value, torch.device) else value

        given = list(simulated.tensors((*args, *kwargs.values())))
        out = func(*tree_map(move, args), **tree_map(move, kwargs))
        own = {id(inner[id(x)]): x for x in given if id(x) in inner}
        if func._schema.is_mutable:
            for x in own.values():
                x.copy_(inner[id(x)])
        return tree_map(lambda v: own.get(id(v), v.to(place)) if isinstance(v, torch.Tensor) else v, out)

    def _place(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> torch.device | None:
        """The accelerator on which ``func`` would draw; None if it draws nothing, or elsewhere, or only drops out."""
        name = func._schema.name
        if torch.Tag.nondeterministic_seeded not in func.tags or any(word in name for word in DROPPING):
            return None
        generator, asked = kwargs.get("generator"), kwargs.get("device")
        if generator is not None and generator.device.type == self._kind:
            return None
        places = [x.device for x in simulated.tensors((*args, *kwargs.values()))]
        places += [torch.device(asked)] if asked is not None else []
        return next((place for place in places if place.type == self._kind), None)
