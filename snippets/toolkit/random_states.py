# --8<-- [start:random_states]
"""The states of everything that draws random numbers, read and put back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class RandomStates:
    """Those of Python, NumPy, PyTorch and the order of the data, for a checkpoint.

    Args:
        device: its generator counts, too.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.order = device, None
        self.apart = device.type not in ("cpu", "meta")  # it draws by itself

    def follow(self, data: object) -> None:
        """Take the order of this data from now on; one that a file had goes on."""
        order = getattr(data, "generator", None)
        if order is not None and isinstance(self.order, torch.Tensor):
            order.set_state(self.order)
        self.order = order

    def state_dict(self) -> dict:
        """The states as tensors, numbers and strings."""
        name, keys, *rest = np.random.get_state()
        found = {"python": random.getstate(), "numpy": [name, keys.tolist(), *rest]}
        found["torch"] = torch.get_rng_state()
        if self.apart:
            found["device"] = torch.get_device_module(self.device).get_rng_state()
        waits = self.order is None or isinstance(self.order, torch.Tensor)
        return found | {"order": self.order if waits else self.order.get_state()}

    def load_state_dict(self, state: dict) -> None:
        """Put them back; the order waits until ``follow`` shows the data."""
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.set_rng_state(state["torch"])
        if self.apart and "device" in state:
            torch.get_device_module(self.device).set_rng_state(state["device"])
        self.order = state["order"]


@contextmanager
def undrawn(device: torch.device, data: object = None) -> "Iterator[None]":
    """Leave all random states as they were before the block, those of a loader too.

    Example:
        >>> with undrawn(torch.device("cpu")):
        ...     one = torch.rand(3)
        >>> bool((torch.rand(3) == one).all())
        True
    """
    states = RandomStates(device)
    before = states.state_dict()
    owners = (data, getattr(data, "sampler", None))
    orders = [getattr(owner, "generator", None) for owner in owners]
    drawn = [(order, order.get_state()) for order in orders if order is not None]
    try:
        yield
    finally:
        states.load_state_dict(before)
        for order, state in drawn:
            order.set_state(state)
# --8<-- [end:random_states]
