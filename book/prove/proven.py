"""Note on which kinds of machines the whole book was run and held against its records."""

from __future__ import annotations

import datetime
from typing import Any

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report
from book.record import records
from book.record.ladder import CPU, Rung
from book.record.ladder import digest as digest_of
from book.record.machines import FILE, SIMULATED, Proof, digest
from book.record.records import Record
from book.source import ledger as book_ledger
from book.source.ledger import SIMULATED as SIMULATED_DEVICE


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
    elif here.device != (SIMULATED_DEVICE if world == SIMULATED else "cpu"):
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


def rung(tree: Tree, report: Report, device: str = CPU) -> Rung:
    """What a run over all pages showed, the blocks that differ included.

    Raises:
        BookError: it was no run over all pages (the message is that of ``proof``).
    """
    ran = proof(tree, report, "" if device == CPU else SIMULATED)
    machine = next(run.machine for run in report.runs if run.machine)
    named = {
        kind: [f"{v.page}::{v.block}" for v in report.verdicts if v.status == kind] for kind in ("failed", "skipped")
    }
    known = {run.page: records.read(tree, run.page) for run in report.runs}
    return Rung(
        torch=ran.torch,
        wheel=machine.torch.partition("+")[2],
        python=ran.python,
        system=ran.system,
        device=device,
        date=ran.date,
        passed=ran.passed,
        failed=sorted(named["failed"]),
        skipped=sorted(named["skipped"]),
        pages={page: digest_of(record) for page, record in sorted(known.items())},
        own=_own(tree, report, known),
    )


def _own(tree: Tree, report: Report, known: dict[str, Record]) -> dict[str, dict[str, Any]]:
    """What the blocks gave that the records could not hold, because the pinned torch is too old for them."""
    newer = {(entry.page, entry.section) for entry in book_ledger.load(tree).entries if entry.kind == "since"}
    passed = {(v.page, v.block) for v in report.verdicts if v.status == "passed"}
    found = {}
    for run in report.runs:
        for result in run.results:
            cell = known[run.page].cell(result.name)
            if cell is not None and (run.page, result.name) in newer & passed:
                seconds = round(result.seconds, 4)
                found[f"{run.page}::{result.name}"] = {
                    "code": cell.hashes.code, "outputs": result.outputs, "seconds": seconds,
                }  # fmt: skip
    return found
