# --8<-- [start:nests]
"""Nests of tensors: tuples, lists, dicts and dataclasses, one inside another."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch


def nested_parts(nest: object) -> "dict | None":
    """What a container holds, by key, field or place; None if it is no container."""
    if dataclasses.is_dataclass(nest) and not isinstance(nest, type):
        names = [field.name for field in dataclasses.fields(nest) if field.init]
        return {name: getattr(nest, name) for name in names}
    if isinstance(nest, Mapping):
        return dict(nest)
    return dict(enumerate(nest)) if isinstance(nest, (tuple, list)) else None


def rebuild_nest(nest: object, parts: dict) -> object:
    """A container like ``nest`` that holds ``parts`` instead."""
    if dataclasses.is_dataclass(nest):
        return dataclasses.replace(nest, **parts)
    if isinstance(nest, (tuple, list)):
        values = list(parts.values())
        named = hasattr(nest, "_fields")  # a namedtuple takes its fields one by one
        return type(nest)(*values) if named else type(nest)(values)
    if type(nest) is dict:
        return parts
    made = copy.copy(nest)  # an OrderedDict, a defaultdict, a class of your own
    for key, value in parts.items():
        made[key] = value
    return made


def nested_tensors(nest: object) -> "Iterator[torch.Tensor]":
    """The tensors inside, in order."""
    if isinstance(nest, torch.Tensor):
        yield nest
    for part in (nested_parts(nest) or {}).values():
        yield from nested_tensors(part)


def convert_nest(
    function: Callable, nest: object, leaf: object = torch.Tensor
) -> object:
    """A nest of the same form, with ``function`` of each ``leaf`` in its place."""
    if isinstance(nest, leaf):
        return function(nest)
    parts = nested_parts(nest)
    if parts is None:
        return nest
    made = {key: convert_nest(function, part, leaf) for key, part in parts.items()}
    return rebuild_nest(nest, made)


def join_nests(nests: Sequence) -> object:
    """The nests of several batches as one: samples put end to end.

    Args:
        nests: at least one; all of the same form.

    Returns:
        A nest of that form. Tensors are joined along their first dimension; numbers,
        one for each batch, become a row of them. What is no tensor comes as a list.

    Raises:
        ValueError: there is none, or they have different forms.

    Example:
        >>> join_nests([(torch.zeros(2, 3), torch.tensor(1.0))] * 2)[1]
        tensor([1., 1.])
    """
    if not nests:
        raise ValueError("the data gave no batch: is it empty, or used up?")
    first = nests[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(nests) if first.ndim else torch.stack(nests)
    parts = [nested_parts(nest) for nest in nests]
    if parts[0] is None:
        return None if first is None else list(nests)
    if any(other is None or other.keys() != parts[0].keys() for other in parts):
        forms = " and ".join(dict.fromkeys(describe_nest(nest) for nest in nests))
        raise ValueError(f"batches have different forms: {forms}")
    made = {key: join_nests([other[key] for other in parts]) for key in parts[0]}
    return rebuild_nest(first, made)


def describe_nest(nest: object) -> str:
    """Its structure in one line, with the shapes of tensors and arrays.

    Example:
        >>> describe_nest((torch.zeros(8, 2), {"label": torch.zeros(8), "id": "a"}))
        "(Tensor (8, 2), {'label': Tensor (8,), 'id': str})"
    """
    shape = getattr(nest, "shape", None)
    parts = nested_parts(nest) if shape is None else None
    if parts is None:
        return type(nest).__name__ + ("" if shape is None else f" {tuple(shape)}")
    shown = {key: describe_nest(part) for key, part in list(parts.items())[:6]}
    more = ["..."] if len(parts) > 6 else []
    if isinstance(nest, (tuple, list)):
        ends = "()" if isinstance(nest, tuple) else "[]"
        comma = "," if len(parts) == 1 and ends == "()" else ""
        return ends[0] + ", ".join([*shown.values(), *more]) + comma + ends[1]
    pairs = ", ".join([*(f"{key!r}: {value}" for key, value in shown.items()), *more])
    if isinstance(nest, Mapping):
        return f"{{{pairs}}}"
    return f"{type(nest).__name__}({pairs})"
# --8<-- [end:nests]

# --8<-- [start:batches]
FORMS = "a batch must be (inputs, targets), (inputs, targets, weights), or a dict"


def split_batch(batch: object, target: "str | None") -> tuple:
    """Inputs, targets and weights (None: there are none) of a batch.

    Args:
        batch: a tuple or list of two or three, or a dict.
        target: the key of a dict's targets; all its other parts are inputs.

    Raises:
        TypeError: it has another form; says which.
    """
    if isinstance(batch, (tuple, list)) and len(batch) in (2, 3):
        inputs, targets, weights = (*batch, None)[:3]
    elif isinstance(batch, Mapping) and target in batch:
        inputs, targets, weights = inputs_of(batch, target), batch[target], None
    else:
        key = f"its targets at target={target!r}" if target else "KerasModel's target="
        raise TypeError(f"{FORMS} with {key}; got {describe_nest(batch)}")
    for part in (inputs, targets):
        if not isinstance(part, torch.Tensor):
            refuse_arrays(part, batch)
    if next(nested_tensors(targets), None) is None:
        raise TypeError(f"targets must hold a tensor; got {describe_nest(batch)}")
    if not isinstance(weights, (torch.Tensor, type(None))):
        raise TypeError(f"weights must be a tensor; got {describe_nest(batch)}")
    return inputs, targets, weights


def refuse_arrays(nest: object, batch: object) -> None:
    """A TypeError if an array that is no tensor is inside."""
    for part in (nested_parts(nest) or {0: nest}).values():
        if nested_parts(part):
            refuse_arrays(part, batch)
        elif hasattr(part, "__array__") and not isinstance(part, torch.Tensor):
            got = describe_nest(batch)
            raise TypeError(f"make tensors of arrays (torch.from_numpy); got {got}")


def inputs_of(batch: object, target: "str | None" = None) -> object:
    """What a net gets of a batch, with or without targets."""
    if isinstance(batch, Mapping):
        return {key: value for key, value in batch.items() if key != target}
    return batch[0] if isinstance(batch, (tuple, list)) and batch else batch


def is_inputs(data: object) -> bool:
    """Whether it is what a net gets at once: a tensor, a dict, a tuple of tensors..."""
    if isinstance(data, tuple):
        return bool(data) and isinstance(data[0], torch.Tensor)
    return not isinstance(data, list) and (
        isinstance(data, torch.Tensor) or nested_parts(data) is not None
    )
# --8<-- [end:batches]
