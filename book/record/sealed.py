"""Rows that only runs write: files of docs/records in which each row bears a seal, and an edited one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from book.ground.errors import at
from book.ground.files import write_atomically
from book.ground.tree import Tree

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


def read(
    tree: Tree, file: str, table: str, made: Callable[..., Row], name: Callable[[Row], str], command: str
) -> list[Row]:
    """The rows of a file, in its order; none where there is no file.

    Args:
        table: the key below which they stand.
        made: the class of a row.
        name: what a message calls a row.
        command: what makes the file anew.

    Raises:
        BookError: the file is broken or was edited by hand.
    """
    path = tree.records / file
    if not path.is_file():
        return []
    try:
        rows: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[table]
        found = [made(**{key: value for key, value in row.items() if key != "seal"}) for row in rows]
        for row, each in zip(rows, found, strict=True):
            if row["seal"] != seal(each):
                raise ValueError(f"{name(each)} was edited since it was written")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise at(tree.relative(path), None, f"not whole ({error}): delete it and run {command}") from error
    return found


def write(tree: Tree, file: str, table: str, rows: Iterable[Row], *, sort_keys: bool) -> None:
    """Write the rows with their seals."""
    sealed = [{**asdict(row), "seal": seal(row)} for row in rows]
    text = json.dumps({table: sealed}, indent=1, ensure_ascii=False, sort_keys=sort_keys)
    write_atomically(tree.records / file, text + "\n")


def seal(row: DataclassInstance) -> str:
    """A hash of all that a row says."""
    return hashlib.sha256(json.dumps(asdict(row), sort_keys=True).encode()).hexdigest()[:16]
