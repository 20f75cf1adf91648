"""Note on which kinds of machines the whole book was run and held against its records."""

from __future__ import annotations

import datetime

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report
from book.record import records
from book.record.machines import FILE, SIMULATED, Proof, digest
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
