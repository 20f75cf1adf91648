"""docs/records/machines.json: kinds of machines on which every block of the book was run and held against its record.

Written by such a run only (``python -m book check --prove``), a row for each kind of machine; a later run of the same
kind takes its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from book.ground.errors import at
from book.ground.files import write_atomically
from book.ground.tree import Tree
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
    path = tree.records / FILE
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["machines"]
        found = [Proof(**{key: value for key, value in row.items() if key != "seal"}) for row in rows]
        if [row["seal"] for row in rows] != [_seal(made) for made in found]:
            raise ValueError("a row was edited since it was written")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise at(tree.relative(path), None, f"not whole ({error}): delete it and run {COMMAND}") from error
    return found


def write(tree: Tree, made: Proof) -> None:
    """Put a run in the place of the last one of its kind."""
    rows = sorted([*(old for old in read(tree) if old.kind != made.kind), made], key=lambda row: row.kind)
    sealed = [{**asdict(row), "seal": _seal(row)} for row in rows]
    text = json.dumps({"machines": sealed}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_atomically(tree.records / FILE, text)


def _seal(made: Proof) -> str:
    return hashlib.sha256(json.dumps(asdict(made), sort_keys=True).encode()).hexdigest()[:16]
