"""Shapes of tensors, line by line: kept in the records by running, compared as outputs are, shown with the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report, Say, silent
from book.record import records
from book.record.records import Shapes
from book.record.shapes import annotated, stable
from book.run.session import Sessions
from book.source import pages


def shown(tree: Tree, names: Sequence[str]) -> Iterator[str]:
    """The blocks of pages with their shapes, as the terminal shows them."""
    for name, page in check.load_pages(tree, names).items():
        record = records.read(tree, name)
        for block in page.blocks:
            cell = record.cell(block.name)
            yield f"# {name}:{block.name}\n{annotated(block.code, cell.shapes if cell else None)}\n"


def record_shapes(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> tuple[Report, list[str]]:
    """Run pages twice, and write the shapes of their lines into those records that the first run agrees with."""
    report, changes = Report(), []
    chosen, book_ledger = check.load_checked(tree, names, report.problems)
    known, problems = check.read_records(tree, chosen)
    report.problems += problems
    bare = {name: without(record) for name, record in known.items()}
    with nullcontext(sessions) if sessions else Sessions() as warm:
        away = warm.elsewhere
        jobs = [check.job_of(tree, chosen[name], book_ledger) for name in check.longest_first(list(known), known)]
        good = {}
        for run in check.run_jobs(jobs, workers, say, warm):
            verdicts = check.judge(tree, chosen[run.page], run, book_ledger, bare[run.page])
            report.runs.append(run)
            report.verdicts += verdicts
            if not [v for v in verdicts if v.status == "failed"]:
                good[run.page] = run
        for other in check.run_jobs([job for job in jobs if job.page in good], workers, say, away):
            again = {result.name: result for result in other.results}
            found = {r.name: stable(r, again.get(r.name)) for r in good[other.page].results}
            old = known[other.page]
            new = replace(old, cells=tuple(replace(cell, shapes=found.get(cell.name)) for cell in old.cells))
            if records.write(tree, new):
                changes.append(f"{other.page}: shapes of {sum(map(len, filter(None, found.values())))} lines")
    return report, changes


def without(record: records.Record) -> records.Record:
    return replace(record, cells=tuple(replace(cell, shapes=None) for cell in record.cells))


def lines_of(tree: Tree, page: pages.Page, record: records.Record) -> dict[str, Shapes]:
    """Block -> the shapes of its lines, of those that have some."""
    cells = ((block.name, record.cell(block.name)) for block in page.blocks)
    return {name: cell.shapes for name, cell in cells if cell is not None and cell.shapes}
