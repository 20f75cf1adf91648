"""docs/records/noticed.json: public names whose loss a block notices. Written by ``python -m book notice`` only.

A name counts as shown by a test only if it would be missed: with what it returns replaced by zeros of the same shape, some
block that uses it prints something else or fails (book.run.nothing, book.prove.notice).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from book.ground.tree import Tree
from book.record import sealed
from book.record.records import Cell

FILE = "noticed.json"
COMMAND = "python -m book notice"
VERSION = "1"  # raise it when names are replaced in another way


@dataclass(frozen=True)
class Noticed:
    """What became of a name: ``page`` and ``block`` notice its loss; empty if none of the tried blocks does, ``why`` says more.

    ``key`` is a hash of the programs that were tried: with others, the name has to be tried again.
    """

    name: str
    page: str
    block: str
    why: str
    key: str


def key(cells: Iterable[Cell]) -> str:
    """A hash of the blocks' programs."""
    state = hashlib.sha256(VERSION.encode())
    for cell in cells:
        state.update(cell.program["text"].encode())
    return state.hexdigest()[:16]


def read(tree: Tree) -> dict[str, Noticed]:
    """All names that were tried.

    Raises:
        BookError: the file is broken or was edited by hand.
    """
    rows = sealed.read(tree, FILE, "names", Noticed, lambda row: row.name, COMMAND)
    return {row.name: row for row in rows}


def write(tree: Tree, rows: Iterable[Noticed]) -> None:
    """Put the rows in place of those that stand there."""
    sealed.write(tree, FILE, "names", sorted(rows, key=lambda row: row.name), sort_keys=True)
