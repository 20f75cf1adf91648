"""docs/records/ladder.json: on which torch, Python, system and device the book was run, and which blocks differed there.

Written by runs over all pages only (``make ladder``, ``python -m book check --prove``); a later run of the same kind
takes the place of an earlier one. A run proves a block as long as its page's record is the one that the run was held
against.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from book.ground.tree import Tree
from book.ground.versions import numbers
from book.record import machines, sealed
from book.record.records import Record

FILE = "ladder.json"
COMMAND = "make ladder TORCH=2.15.0"
CPU, SIMULATED = "cpu", "simulated"
DEVICES = (CPU, SIMULATED)


@dataclass(frozen=True)
class Rung:
    """One run over all pages.

    Attributes:
        wheel: what torch was built for, such as ``cu132``; empty where its version does not tell.
        device: ``cpu``, or ``simulated`` (an accelerator).
        passed: number of blocks that printed their record, or kept their asserts where there is none.
        failed: ``page::block`` of those that did not.
        skipped: ``page::block`` of those that were not run, or of whose record ``until`` says that this torch is too new.
        pages: page -> a hash of the record that it was held against.
        own: ``page::block`` -> ``code`` (a hash), ``outputs`` and ``seconds`` of blocks that the pinned torch is too
            old for (``since``): the record has none.
    """

    torch: str
    wheel: str
    python: str
    system: str
    device: str
    date: str
    passed: int
    failed: list[str]
    skipped: list[str]
    pages: dict[str, str]
    own: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, ...]:
        return (self.torch, self.python, self.system, self.device)

    def proves(self, page: str, digest: str, block: str) -> bool:
        """Whether the block ran here and agreed with its page's record of this ``digest``."""
        name = f"{page}::{block}"
        return self.pages.get(page) == digest and name not in self.failed and name not in self.skipped


def digest(record: Record) -> str:
    """A hash of what a page's run is compared with."""
    return machines.digest([record])


def read(tree: Tree) -> list[Rung]:
    """Every run so far, oldest torch first; none where none was recorded.

    Raises:
        BookError: the file is broken or was edited by hand.
    """
    rows = sealed.read(
        tree, FILE, "runs", Rung, lambda row: f"the row of torch {row.torch}, Python {row.python}", COMMAND
    )
    return sorted(rows, key=_order)


def write(tree: Tree, made: Rung) -> None:
    """Put a run in the place of the last one of its kind."""
    rows = sorted([*(old for old in read(tree) if old.kind != made.kind), made], key=_order)
    sealed.write(tree, FILE, "runs", rows, sort_keys=False)


def newest(rungs: Iterable[Rung], page: str, block: str, code: str) -> tuple[Rung, dict[str, Any]] | None:
    """The newest run that holds outputs of a block which the pinned torch is too old for, and what it gave there."""
    found = [(made, made.own[name]) for made in rungs if (name := f"{page}::{block}") in made.own]
    return next(((made, own) for made, own in reversed(found) if own["code"] == code), None)


def _order(made: Rung) -> tuple[object, ...]:
    return (numbers(made.torch), numbers(made.python), made.system, made.device)
