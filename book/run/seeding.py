"""Who seeded the global generators: seen while a block runs, for torch, ``random`` and numpy.

Each block starts from fresh random states. A generator that ends in another state was drawn from; it repeats itself only
if the block seeded it first. Calls that seed are seen as they happen; what seeds past them is seen by torch's own
``initial_seed``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

SEEDING_CALLS = {
    "torch": (("torch", "torch.random"), ("manual_seed", "seed", "set_rng_state")),
    "random": (("random",), ("seed", "setstate")),
    "numpy": (("numpy.random",), ("seed", "set_state")),
}
DEVICE_CALLS = ((("torch", "torch.random"), ("manual_seed", "seed")),)  # they seed every device
OWN_CALLS = ("manual_seed", "manual_seed_all", "set_rng_state")  # of a device's own module
EARLY = (
    "draws random numbers before it seeds, or with a seed that does not reach them: "
    "call torch.manual_seed(0) in front of the first draw"
)


def _torch_state() -> bytes:
    import torch

    return torch.get_rng_state().numpy().tobytes()


def _numpy_state() -> bytes:
    import numpy

    _, keys, position, *_ = numpy.random.get_state(legacy=True)
    return bytes(keys.tobytes()) + str(position).encode()  # type: ignore[union-attr]


def _device_state(device: str) -> bytes:
    state = _module(device).get_rng_state()
    return bytes(state.numpy().tobytes())


def _module(device: str) -> Any:
    """What torch has for a device: ``torch.cuda`` and the like."""
    return sys.modules[f"torch.{device.partition(':')[0]}"]


STATES: dict[str, Callable[[], bytes]] = {
    "torch": _torch_state,
    "random": lambda: repr(random.getstate()).encode(),
    "numpy": _numpy_state,
}


class Seeding:
    """Watches the global generators of a session, block by block."""

    def __init__(self, device: str | None = None) -> None:
        """``device``: an accelerator, whose generator is watched too."""
        self._device = device
        self._process = os.getpid()
        self._states = dict(STATES)
        if device:
            self._states["accelerator"] = functools.partial(_device_state, device)
        self._start: dict[str, bytes] = {}
        self._seed = 0
        self._seeded: set[str] = set()
        self._early: set[str] = set()
        calls = [(generator, *call) for generator, call in SEEDING_CALLS.items()]
        if device:
            own = ((f"torch.{device.partition(':')[0]}",), OWN_CALLS)
            calls += [("accelerator", modules, names) for modules, names in (*DEVICE_CALLS, own)]
        for generator, modules, names in calls:
            for name in names:
                if not hasattr(sys.modules[modules[0]], name):
                    continue
                watched = self._watch(generator, getattr(sys.modules[modules[0]], name))
                for module in modules:  # one function under several names stays one
                    setattr(sys.modules[module], name, watched)

    def _watch(self, generator: str, original: Callable[..., Any]) -> Callable[..., Any]:
        state = self._states[generator]

        @functools.wraps(original)
        def seeds(*arguments: Any, **others: Any) -> Any:
            if os.getpid() != self._process:  # a worker of a DataLoader: it can't ask a device that its parent uses
                return original(*arguments, **others)
            if generator not in self._seeded and state() != self._start.get(generator):
                self._early.add(generator)
            result = original(*arguments, **others)
            if state() == self._start.get(generator):  # given back what it had when the block began
                self._seeded.discard(generator)
            else:
                self._seeded.add(generator)
            return result

        return seeds

    def begin(self) -> None:
        """Give every global generator a fresh random state: a block that forgets to seed can't repeat itself."""
        import numpy
        import torch

        self._seed = int.from_bytes(os.urandom(4), "little")
        torch.default_generator.manual_seed(self._seed)
        if self._device:
            _module(self._device).manual_seed(self._seed)
        random.seed(self._seed)
        numpy.random.seed(self._seed)
        self._start = {name: state() for name, state in self._states.items()}
        self._seeded.clear()
        self._early.clear()

    def changed(self) -> dict[str, str]:
        """The generators whose state is another than when the block began, with a hash of it."""
        now = {name: state() for name, state in self._states.items()}
        return {
            name: hashlib.sha256(state).hexdigest()[:16] for name, state in now.items() if state != self._start[name]
        }

    def unseeded(self, changed: Iterable[str]) -> set[str]:
        """Of the generators that ``changed``, those that the block never seeded: it drew from them."""
        import torch

        seeded = set(self._seeded)
        if torch.default_generator.initial_seed() != self._seed:
            seeded.add("torch")
        return set(changed) - seeded

    def early(self) -> set[str]:
        """The generators that the block drew from before it seeded them."""
        return set(self._early)
