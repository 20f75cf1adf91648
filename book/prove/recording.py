"""Run pages and rewrite their records: outputs, and for each block the names of torch that it uses and its proven program."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Any

from book.ground.tree import Tree
from book.prove import check, compare, observing, repeat, shake, standalone
from book.prove.check import Report, Say, Verdict, silent
from book.record import records
from book.record.shapes import stable
from book.run.job import BlockResult
from book.run.session import PageRun, Sessions
from book.source.ledger import Ledger
from book.source.pages import Page


def record(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> tuple[Report, list[str]]:
    """Run the pages and rewrite the records of those in which every block keeps the rules.

    Returns:
        The report, and a sentence per page or block on what changed.
    """
    report, changes = Report(), []
    chosen, book_ledger = check.load_checked(tree, names, report.problems)
    known, _ = check.read_records(tree, chosen)
    began = time.perf_counter()
    jobs = [check.job_of(tree, chosen[name], book_ledger) for name in check.longest_first(list(chosen), known)]
    with nullcontext(sessions) if sessions else Sessions() as warm:
        away = warm.elsewhere  # started now: it gets ready while the pages run
        judged: dict[str, list[Verdict]] = {}
        fit: dict[str, PageRun] = {}  # pages that may become records, as far as is known
        for run in check.run_jobs(jobs, workers, say, warm):
            report.runs.append(run)
            try:
                judged[run.page] = check.judge(tree, chosen[run.page], run, book_ledger, None)
            except Exception as error:  # of this page only
                report.problems.append(check.failed_at(chosen[run.page], error))
                continue
            if not _unfit(chosen[run.page], judged[run.page], book_ledger):
                fit[run.page] = run
        elsewhere: dict[str, PageRun] = {}
        for other in check.run_jobs([job for job in jobs if job.page in fit], workers, say, away):
            elsewhere[other.page] = other
            page = chosen[other.page]
            try:
                judged[page.name] = repeat.refuse(page, judged[page.name], fit[page.name], other, book_ledger)
            except Exception as error:  # of this page only
                report.problems.append(check.failed_at(page, error))
                del judged[page.name]
        good: list[PageRun] = []
        for name, verdicts in judged.items():
            report.verdicts += verdicts
            problem = _unfit(chosen[name], verdicts, book_ledger)
            if problem:
                report.problems.append(problem)
            else:
                good.append(fit[name])
        noisy = shake.against(tree, {run.page: run for run in good}, chosen, book_ledger, warm, workers, say)
        for name, shaken in noisy.items():
            good = [run for run in good if run.page != name]
            if isinstance(shaken, Exception):
                report.problems.append(check.failed_at(chosen[name], shaken))
                continue
            report.verdicts = [v for v in report.verdicts if v.page != name] + shaken
            report.problems.append(_not_recorded(chosen[name], shaken))
        observed = _observe(tree, {run.page: run for run in good}, chosen, book_ledger, workers, say, warm)
        for run in good:
            page, old = chosen[run.page], known.get(run.page)
            try:
                seen = observed[run.page]
                if isinstance(seen, Exception):
                    raise seen
                changes += _finish(tree, page, run, elsewhere[run.page], seen, old, book_ledger, workers, say, warm)
            except Exception as error:  # of this page only: the others are recorded
                report.problems.append(check.failed_at(page, error))
    report.seconds = time.perf_counter() - began
    return report, changes


def _finish(
    tree: Tree,
    page: Page,
    run: PageRun,
    other: PageRun,
    seen: observing.Observed,
    old: records.Record | None,
    book_ledger: Ledger,
    workers: int | None,
    say: Say,
    warm: Sessions,
) -> list[str]:
    """Write the record of a run that kept the rules; a sentence on each thing that changed."""
    assert run.machine is not None
    changes = [f"{page.name}: {block}: APIs: {how}" for block, how in seen.from_code.items()]
    needs = {block.name: book_ledger.device(page.name, block.name) for block in page.blocks}
    needs = {name: device for name, device in needs.items() if device}
    new = records.of_run(tree, page, run.results, run.machine, seen.names, needs)
    again = {result.name: result for result in other.results}
    found = {result.name: stable(result, again.get(result.name)) for result in run.results}
    new = replace(new, cells=tuple(replace(cell, shapes=found.get(cell.name)) for cell in new.cells))
    new = with_programs(tree, page, with_moves(new, old), old, book_ledger, workers, say, warm)
    changes += _changes(page.name, old, new)
    records.write(tree, new)
    return changes


def _observe(
    tree: Tree,
    runs: Mapping[str, PageRun],
    chosen: Mapping[str, Page],
    book_ledger: Ledger,
    workers: int | None,
    say: Say,
    warm: Sessions,
) -> dict[str, observing.Observed | Exception]:
    """Page -> the public names of torch that each block uses, from runs that print what the plain run printed."""

    def same_on(page: str) -> Callable[[BlockResult, BlockResult], bool]:
        def same(plain: BlockResult, observed: BlockResult) -> bool:
            tolerance = check.tolerance_of(book_ledger, page, plain.name)
            ended = (plain.failure is None) == (observed.failure is None)
            return ended and not compare.outputs(plain.outputs, observed.outputs, tolerance)

        return same

    pages = {
        name: observing.observing(check.job_of(tree, chosen[name], book_ledger), run.results, same_on(name))
        for name, run in runs.items()
    }
    return observing.observe(pages, lambda jobs: check.run_jobs(jobs, workers, say, warm))


def _unfit(page: Page, verdicts: Sequence[check.Verdict], book_ledger: Ledger) -> str | None:
    """Why a run cannot become a record, or None. What needs a GPU is recorded as not run; ``make gpu`` runs it."""
    skipped = [v for v in verdicts if v.status == "skipped" and not book_ledger.device(page.name, v.block)]
    if skipped:
        return f'{page.path}: block "{skipped[0].block}" {skipped[0].message}: this page cannot be recorded here'
    return _not_recorded(page, verdicts) if any(v.status == "failed" for v in verdicts) else None


def _not_recorded(page: Page, verdicts: Sequence[Verdict]) -> str:
    failed = [v for v in verdicts if v.status == "failed"]
    follow = sum(v.follows != "" for v in failed)
    more = f", of which {follow} only follow from another" if follow else ""
    return f"{page.path}: not recorded, the record is as it was: {len(failed)} blocks fail{more}"


def with_moves(new: records.Record, old: records.Record | None) -> records.Record:
    """The record with what is known of the blocks that stand on the same code and print the same as before."""
    before = {cell.name: cell for cell in old.cells} if old else {}

    def moves(cell: records.Cell) -> str:
        was = before.get(cell.name)
        same = was is not None and was.hashes == cell.hashes and not compare.outputs(was.outputs, cell.outputs)
        return was.moves if was is not None and same else ""

    return replace(new, cells=tuple(replace(cell, moves=moves(cell)) for cell in new.cells))


def with_programs(
    tree: Tree,
    page: Page,
    new: records.Record,
    old: records.Record | None,
    book_ledger: Ledger,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> records.Record:
    """The record with a proven program per block that ran.

    A program that was proven before is kept if nothing that its block stands on has changed, or if it is still the
    first one to try, and its block still prints the same.
    """
    kept: dict[str, dict[str, Any]] = {}
    proven_before: dict[str, dict[str, Any]] = {}
    alike = old is not None and not records.other_software(old.machine, new.machine)
    for cell in new.cells:
        before = old.cell(cell.name) if old else None
        if before is None or cell.needs or before.program.get("prover") != standalone.PROVER:
            continue
        if not compare.outputs(before.outputs, cell.outputs):
            if before.hashes == cell.hashes:
                kept[cell.name] = before.program
            elif alike:
                proven_before[cell.name] = before.program
    outputs = {cell.name: cell.outputs for cell in new.cells}
    proven = standalone.still_first(tree, page, outputs, book_ledger, proven_before)
    todo = [c.name for c in new.cells if not c.needs and c.name not in kept and c.name not in proven]
    proven |= standalone.prove(tree, page, outputs, book_ledger, todo, workers=workers, say=say, sessions=sessions)
    programs = {name: {"prover": standalone.PROVER, **asdict(program)} for name, program in proven.items()}
    programs |= kept
    cells = tuple(cell if cell.needs else replace(cell, program=programs[cell.name]) for cell in new.cells)
    return replace(new, cells=cells)


def _changes(page: str, old: records.Record | None, new: records.Record) -> list[str]:
    if old is None:
        return [f"{page}: first record, {len(new.cells)} blocks"]
    lines = []
    for cell in new.cells:
        before = old.cell(cell.name)
        if before is None:
            lines.append(f"{page}: {cell.name}: new")
            continue
        differences = compare.outputs(before.outputs, cell.outputs, compare.EXACT)
        if differences:
            lines += [f"{page}: {cell.name}: {difference}" for difference in differences]
        elif before.source != cell.source:
            lines.append(f"{page}: {cell.name}: the code changed, its output did not")
        elif before.apis != cell.apis:
            more, less = set(cell.apis) - set(before.apis), set(before.apis) - set(cell.apis)
            names = [f"+{name}" for name in sorted(more)] + [f"-{name}" for name in sorted(less)]
            lines.append(f"{page}: {cell.name}: other APIs: {' '.join(names)}")
    lines += [f"{page}: {cell.name}: gone" for cell in old.cells if new.cell(cell.name) is None]
    return lines or [f"{page}: nothing changed but the seconds"]
