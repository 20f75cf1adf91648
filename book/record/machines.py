"""docs/records/machines.json: kinds of machines on which every block of the book was run and held against its record.

Written by such a run only (``python -m book check --prove``), a row for each kind of machine; a later run of the same
kind takes its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from book.ground.tree import Tree
from book.record import sealed
from book.record.records import Record

FILE = "machines.json"
COMMAND = "python -m book check --prove"
SIMULATED = "simulated accelerator"  # the world of python -m book gpu --device sim --prove


@dataclass(frozen=True)
class Proof:
    """One run over all pages: on what, when, how it ended, and a hash of the records that it was held against.

    ``world`` names the surroundings that the run put on (other kernels, one thread); empty: none.
    """

    system: str
    vendor: str
    model: str
    cpu: str
    python: str
    torch: str
    world: str
    date: str
    pages: int
    passed: int
    failed: int
    skipped: int
    records: str

    @property
    def kind(self) -> tuple[str, ...]:
        return (self.system, self.vendor, self.model, self.cpu, self.python, self.torch, self.world)


def digest(known: Iterable[Record]) -> str:
    """A hash of all that a run is compared with: each block's code, what it stands on, and its outputs; not its seconds."""
    state = hashlib.sha256()
    for record in sorted(known, key=lambda record: record.page):
        cells = [[c.name, c.source, asdict(c.hashes), c.outputs, c.needs] for c in record.cells]
        state.update(json.dumps([record.page, cells], sort_keys=True).encode())
    return state.hexdigest()[:16]


def read(tree: Tree) -> list[Proof]:
    """Every kind of machine so far, sorted; none where no run over all pages was recorded.

    Raises:
        BookError: the file is broken or was edited by hand.
    """
    return sealed.read(tree, FILE, "machines", Proof, lambda row: "a row", COMMAND)


def write(tree: Tree, made: Proof) -> None:
    """Put a run in the place of the last one of its kind."""
    rows = sorted([*(old for old in read(tree) if old.kind != made.kind), made], key=lambda row: row.kind)
    sealed.write(tree, FILE, "machines", rows, sort_keys=True)
