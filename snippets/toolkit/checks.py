# --8<-- [start:checks]
"""Arguments that are refused before any work, in words that help."""

import difflib
from collections.abc import Iterable, Sequence

from snippets.toolkit.nests import describe_nest


def known(what: str, name: object, names: Sequence) -> object:
    """``name``, or a ValueError that says what there is."""
    if name not in names:
        near = difflib.get_close_matches(str(name), names, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{what}={name!r}{hint}: choose from {', '.join(names)}")
    return name


def expect(what: str, value: object, *kinds: "type | None", above: float = -1) -> None:
    """Refuse a value that is of none of these kinds, or a number not above ``above``.

    Raises:
        TypeError: the kind is wrong; True and False count as numbers nowhere.
        ValueError: the number is too small, or NaN.

    Example:
        >>> expect("epochs", -3, int)
        Traceback (most recent call last):
        ValueError: epochs must be at least 0, got -3
    """
    types = tuple(type(None) if kind is None else kind for kind in kinds)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(getattr(kind, "__name__", "None") for kind in kinds)
        shown = isinstance(value, (int, float, str))
        got = f"{value!r}" if shown else describe_nest(value)
        raise TypeError(f"{what} must be {names}, got {got}")
    if isinstance(value, (int, float)) and not value > above:  # NaN is not
        bound = f"above {above}" if float in kinds else f"at least {above + 1}"
        raise ValueError(f"{what} must be {bound}, got {value}")


def free_name(what: str, name: object, taken: "Iterable[str]" = ()) -> None:
    """Refuse a name that a row of the history has for something else."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be str, got {name!r}")
    if name in {"epoch", "lr", "loss", *taken} or name.startswith("val_"):
        raise ValueError(f"{what} {name!r}: that name in a row means something else")
# --8<-- [end:checks]
