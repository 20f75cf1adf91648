"""Errors that a reader of a terminal can act on: place first, then what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BookError(Exception):
    """Something in the book's sources is wrong; the message names file, line and the mend."""


def at(path: object, line: int | None, message: str) -> BookError:
    """An error at ``path:line``. ``line`` counts from 1; None when the whole file is meant."""
    place = f"{path}:{line}" if line is not None else f"{path}"
    return BookError(f"{place}: {message}")


def nearest(name: str, names: Iterable[str]) -> str:
    """``' (did you mean "x"?)'`` for the closest of ``names``, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f' (did you mean "{close[0]}"?)' if close else ""
