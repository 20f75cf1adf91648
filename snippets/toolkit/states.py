# --8<-- [start:states]
"""States of modules, optimizers and the like, read and put back."""

from collections.abc import Mapping

import torch
from torch import nn


def inner(module: nn.Module) -> nn.Module:
    """The module inside a compiled one, or inside one that works in parallel."""
    parallel = nn.DataParallel, nn.parallel.DistributedDataParallel
    inside = module.module if isinstance(module, parallel) else module
    inside = getattr(inside, "_orig_mod", inside)
    return inside if inside is module else inner(inside)


def state_of(part: object) -> dict:
    """Its state; that of a module under the names that it has without torch.compile."""
    if not isinstance(part, nn.Module):
        return part.state_dict()
    state = inner(part).state_dict()
    return {name.replace("_orig_mod.", ""): value for name, value in state.items()}


def put_state(part: object, state: dict) -> None:
    """Load what ``state_of`` gave, also from a compiled module into a plain one."""
    if isinstance(part, nn.Module):
        part = inner(part)
        own = {name.replace("_orig_mod.", ""): name for name in part.state_dict()}
        plain = {name.replace("_orig_mod.", ""): value for name, value in state.items()}
        state = {own.get(name, name): value for name, value in plain.items()}
    part.load_state_dict(state)


def having_states(parts: Mapping[str, object]) -> dict[str, object]:
    """The parts that have a state: no None, no function, no module without weights."""
    return {
        name: part
        for name, part in parts.items()
        if hasattr(part, "state_dict")
        and (not isinstance(part, nn.Module) or part.state_dict())
    }


def checked_file(
    path: object, found: object, parts: Mapping[str, object], whole: bool
) -> tuple:
    """The states that a file held, by name, and the parts that they fit.

    Raises:
        ValueError: says what the file has and what there is to load.
    """
    if isinstance(found, dict) and found.keys() == {"kinds", "parts"}:
        kinds, states = found["kinds"], found["parts"]
    elif isinstance(found, dict) and all(torch.is_tensor(v) for v in found.values()):
        kinds, states = {"net": "state_dict"}, {"net": found}
    else:
        has = list(found)[:6] if isinstance(found, dict) else type(found).__name__
        said = "is neither a file that save wrote nor a state_dict"
        raise ValueError(f"{path} {said}: it has {has}")
    own = {name: type(part).__name__ for name, part in parts.items()}
    alike = all(kinds.get(k) == own.get(k) for k in ("optimizer", "scheduler"))
    same = states.keys() == parts.keys() and alike
    if not (same if whole else parts.keys() <= states.keys()):
        has, takes = (
            ", ".join(f"{name} ({kind})" for name, kind in sorted(each.items()))
            for each in (kinds, own)
        )
        raise ValueError(f"{path} has {has}; here are {takes}")
    return states, parts
# --8<-- [end:states]
