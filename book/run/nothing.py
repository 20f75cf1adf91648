"""A public name that gives nothing: put in the name's place for the rest of a page, to see whether the page notices.

A function still runs, and then gives zeros of the same shape; what is called for its effect is not called at all. Of a
class its public methods are replaced, of a property what it returns. Who calls makes no difference: a layer's
``forward`` is called by torch.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

SAME, ZEROS, IDLE = "same", "zeros", "idle"
PROTOCOL = ("__call__", "__iter__", "__next__", "__getitem__", "__len__", "__enter__", "__exit__")
_zeros_like, _no_grad, _Tensor = torch.zeros_like, torch.no_grad, torch.Tensor
_busy = False


class CalledForItsEffect(BaseException):
    """It returned nothing, or its own object: to see whether that matters, it must not be called."""


class NotReplaceable(BaseException):
    """A constant, a type without methods, or what no attribute can be set on."""


def put(spellings: Sequence[str], how: str) -> None:
    """Replace a name wherever it can be found.

    Args:
        spellings: all dotted names of the one thing.
        how: ``same`` lets calls through, ``zeros`` gives zeros of the same shape, ``idle`` does not call.
    """
    places = [_place(name) for name in spellings]
    for owner, attribute in places:
        value = inspect.getattr_static(owner, attribute)
        try:
            if inspect.isclass(value):
                methods = list(_methods(value))
                if not methods:
                    raise NotReplaceable(f"{attribute} has no methods of its own")
                for name in methods:
                    setattr(value, name, _in_place_of(value, name, how))
                return  # the class is the same under all its names
            setattr(owner, attribute, _in_place_of(owner, attribute, how))
        except (AttributeError, TypeError) as error:
            raise NotReplaceable(str(error)) from error


def _place(name: str) -> tuple[Any, str]:
    """What the last part of a dotted name is an attribute of."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        return functools.reduce(getattr, parts[count:-1], owner), parts[-1]
    raise NotReplaceable(f"{name} is in no module")


def _methods(kind: type) -> Iterator[str]:
    """The class's own methods that do its work; where it has none, those that it inherits from others than the roots."""
    for base in kind.__mro__:
        if base in (object, torch.nn.Module, torch.Tensor, BaseException, Exception):
            return
        own = [
            name
            for name, value in vars(base).items()
            if (name in PROTOCOL or not name.startswith("_"))
            and (inspect.isroutine(value) or isinstance(value, staticmethod | classmethod))
        ]
        if own:
            yield from own
            return


def _in_place_of(owner: Any, attribute: str, how: str) -> Any:
    value = inspect.getattr_static(owner, attribute)
    if isinstance(value, classmethod):
        return classmethod(_idle(value.__func__, how))
    if isinstance(value, staticmethod):
        return staticmethod(_idle(value.__func__, how))
    if isinstance(value, property) or inspect.isdatadescriptor(value):
        get: Any = value.fget if isinstance(value, property) else value.__get__  # type: ignore[union-attr]
        return property(_idle(get, how), getattr(value, "__set__", None), getattr(value, "__delete__", None))
    if not callable(value):
        raise NotReplaceable(f"{attribute} is a {type(value).__name__}")
    return _idle(value, how)


def _idle(function: Callable[..., Any], how: str) -> Callable[..., Any]:
    @functools.wraps(function, updated=())
    def stand_in(*args: Any, **named: Any) -> Any:
        global _busy
        if how == IDLE:
            return args[0] if args else None
        result = function(*args, **named)
        if how != ZEROS or _busy:
            return result
        _busy = True
        try:
            return _nothing(result, args[0] if args else None)
        finally:
            _busy = False

    return stand_in


def _nothing(value: Any, first: Any) -> Any:
    """Zeros like a result; ``first`` is what the function was called on."""
    if isinstance(value, _Tensor):
        return _zeros(value, value is first)
    if value is None or value is first:
        raise CalledForItsEffect
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float | complex | str):
        return type(value)()
    if isinstance(value, list):
        return [_nothing_in(one) for one in value]
    if isinstance(value, dict):
        return {key: _nothing_in(one) for key, one in value.items()}
    if isinstance(value, tuple):
        items = [_nothing_in(one) for one in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, Iterator):
        return iter(())
    return None


def _nothing_in(value: Any) -> Any:
    return None if value is None else _nothing(value, None)


def _zeros(value: torch.Tensor, itself: bool) -> torch.Tensor:
    with _no_grad():
        if itself:
            return value.zero_()
        try:
            made = _zeros_like(value)
        except (RuntimeError, NotImplementedError):  # a layout without it
            made = value * 0
    return made.requires_grad_() if value.requires_grad else made
