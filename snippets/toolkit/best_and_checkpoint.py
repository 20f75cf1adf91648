# --8<-- [start:best]
"""What outlives an epoch: the best weights, and files to go on from."""

import copy
import os
from collections.abc import Mapping

import torch
from torch import nn

from snippets.toolkit.states import checked_file, having_states, put_state, state_of

class Best:
    """The weights of the epoch that is best by one number of its row.

    Args:
        modules: whose weights are kept, and put back where a ``with`` block ends.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self.modules, self.state = modules, {}

    def watch(self, monitor: "str | None", mode: "str | None", epochs: int) -> "Best":
        """Begin after so many epochs; or go on, if a file was read in mid-training."""
        if self.state.get("monitor", self) != monitor:
            sign = 1 if mode == "max" else -1
            self.state = {"monitor": monitor, "sign": sign, "epoch": epochs}
            self.state |= {"score": float("-inf"), "weights": []}
        return self

    def see(self, row: dict[str, float]) -> int:
        """Keep the weights if this epoch is the best; the epochs since that one."""
        score = self.state["sign"] * row.get(self.state["monitor"], float("nan"))
        if score > self.state["score"]:  # never true of NaN
            kept = [copy.deepcopy(state_of(module)) for module in self.modules]
            self.state |= {"score": score, "epoch": row["epoch"], "weights": kept}
        return row["epoch"] - self.state["epoch"]

    def __enter__(self) -> "Best":
        return self

    def __exit__(self, *error: object) -> None:
        kept, self.state = self.state["weights"], {}
        for module, weights in zip(self.modules, kept, strict=bool(kept)):
            put_state(module, weights)

    def state_dict(self) -> dict:
        """For a checkpoint."""
        return self.state

    def load_state_dict(self, state: dict) -> None:
        """From a checkpoint."""
        self.state = state


class History(list):
    """Rows of numbers, with the states of a part."""

    def state_dict(self) -> dict:
        """For a checkpoint."""
        return {"rows": list(self)}

    def load_state_dict(self, state: dict) -> None:
        """From a checkpoint."""
        self[:] = state["rows"]
# --8<-- [end:best]
# --8<-- [start:checkpoint]
def save_parts(path: "str | os.PathLike", parts: Mapping[str, object]) -> None:
    """Write the states of all that have a ``state_dict``, by name, into one file."""
    path, found = os.path.expanduser(path), having_states(parts)
    kinds = {name: type(part).__name__ for name, part in found.items()}
    states = {name: state_of(part) for name, part in found.items()}
    torch.save({"kinds": kinds, "parts": states}, part := f"{path}.{os.getpid()}.part")
    os.replace(part, path)  # never half a file of that name


def load_parts(
    path: "str | os.PathLike", parts: Mapping[str, object], whole: bool = False
) -> None:
    """Load a file's state into each of the parts, or into none if one doesn't fit.

    Args:
        path: what ``save_parts`` wrote; or a state_dict, which is the part "net".
        parts: by the same names.
        whole: whether the file must have no others.

    Raises:
        ValueError, RuntimeError: what the file has doesn't fit.
    """
    found = torch.load(os.path.expanduser(path), "cpu", weights_only=True)
    states, parts = checked_file(path, found, having_states(parts), whole)
    before = {name: copy.deepcopy(state_of(part)) for name, part in parts.items()}
    try:
        for name, part in parts.items():
            put_state(part, states[name])
    except BaseException:
        for name, part in parts.items():
            put_state(part, before[name])
        raise
# --8<-- [end:checkpoint]
