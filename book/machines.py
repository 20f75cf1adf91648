"""docs/records/machines.json: kinds of machines on which every block of the book was run and held against its record.

Written by such a run only (``python -m book check --prove``), a row for each kind of machine; a later run of the same
kind takes its place.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from book import check, records
from book.check import Report
from book.errors import BookError, at
from book.records import Record
from book.tree import Tree, write_atomically

FILE = "machines.json"
COMMAND = "python -m book check --prove"


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


def proof(tree: Tree, report: Report, world: str = "") -> Proof:
    """What a run over all pages proved.

    Raises:
        BookError: it was none: a record could not be read, a page ended early, a block was not run, or not on a CPU.
    """
    chosen = check.load_pages(tree)
    wanted = sorted((page.name, block.name) for page in chosen.values() for block in page.blocks)
    told = sorted((verdict.page, verdict.block) for verdict in report.verdicts)
    machines = {run.page: run.machine for run in report.runs}
    here = next(iter(machines.values()), None)
    early = [page for page, machine in machines.items() if machine is None]
    why = ""
    if report.problems:
        why = report.problems[0]
    elif early:
        why = f"the process of {early[0]} ended early"
    elif told != wanted or here is None:
        why = f"{len(told)} of {len(wanted)} blocks were checked"
    elif here.device != "cpu":
        why = f"it ran on {here.device}, which make gpu records"
    if why or here is None:
        raise BookError(f"{tree.relative(tree.records / FILE)}: not written, this was no run of the whole book: {why}")
    counts = {kind: sum(v.status == kind for v in report.verdicts) for kind in ("passed", "failed", "skipped")}
    return Proof(
        system=here.system,
        vendor=here.vendor,
        model=here.model,
        cpu=here.cpu,
        python=here.python.rpartition(".")[0],
        torch=here.torch.partition("+")[0],
        world=world,
        date=datetime.date.today().isoformat(),
        pages=len(chosen),
        **counts,
        records=digest(records.read(tree, name) for name in chosen),
    )


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
