"""Run pages under rounding noise (book.run.rounding): what then differs from its record would differ on another processor."""

from __future__ import annotations

import ast
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from book.ground.tree import Tree
from book.prove import check, compare
from book.prove.check import Report, Say, Verdict, silent
from book.record import records
from book.run.job import Job
from book.run.session import PageRun, Sessions
from book.source.ledger import Ledger
from book.source.pages import Page

SEEDS = 3
SLOWER = 5.0  # how many times longer a block may take than without noise
NOISE = "under rounding noise of one unit in the last place"
ADVICE = (
    "other processors round like that. No == between floats of different kernels: compare with torch.allclose; "
    "print fewer digits; count, colour and draw at random from what is stable"
)
INSIDE = "left out: what is inside the functions that it has compiled"


def shake(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    seeds: int = SEEDS,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Report:
    """Run the pages under the noise of the seeds 1, 2, ... and compare with their records; one verdict per block."""
    report = Report()
    chosen, book_ledger = check.load_checked(tree, names, report.problems)
    known, problems = check.read_records(tree, chosen)
    report.problems += problems
    began = time.perf_counter()
    jobs = [check.job_of(tree, chosen[name], book_ledger) for name in check.longest_first(list(known), known)]
    noisy = [under_noise(job, seed) for job in jobs for seed in range(1, seeds + 1)]
    found: dict[str, dict[int, list[Verdict]]] = {name: {} for name in known}
    for page, seed, run in runs(noisy, workers, say, sessions):
        if seed == 1:
            report.runs.append(run)
        found[page][seed] = left_out(check.judge(tree, chosen[page], run, book_ledger, known[page]), run)
    for name in known:
        report.verdicts += merged(chosen[name], found[name])
    report.seconds = time.perf_counter() - began
    return report


def against(
    tree: Tree,
    plain: Mapping[str, PageRun],
    pages: Mapping[str, Page],
    book_ledger: Ledger,
    sessions: Sessions,
    workers: int | None = None,
    say: Say = silent,
) -> dict[str, list[Verdict] | Exception]:
    """Page -> its verdicts under the noise of one seed, where a block fails or prints other than in its plain run.

    A block that doesn't repeat itself without noise either is none of these. Where judging a page fails, its exception.
    """
    jobs = {name: check.job_of(tree, pages[name], book_ledger) for name in plain}
    found: dict[str, list[Verdict] | Exception] = {}
    noisy = [*runs([under_noise(job, 1) for job in jobs.values()], workers, say, sessions)]
    for name, seed, run in noisy:
        try:
            verdicts = compared(tree, pages[name], run, plain[name], book_ledger)
            if any(verdict.status == "failed" for verdict in verdicts):
                again = sessions.run([jobs[name]], workers=1)[0]
                repeated = compared(tree, pages[name], again, plain[name], book_ledger)
                varying = {v.block for v in repeated if v.status == "failed"}
                verdicts = [replace(v, status="passed", message="") if v.block in varying else v for v in verdicts]
            if any(verdict.status == "failed" for verdict in verdicts):
                found[name] = merged(pages[name], {seed: verdicts})
        except Exception as error:
            found[name] = error
    return found


def compared(tree: Tree, page: Page, run: PageRun, plain: PageRun, book_ledger: Ledger) -> list[Verdict]:
    """One verdict per block of a run, against what the plain run printed."""
    blocks = {block.name: block for block in page.blocks}
    before, now = ({result.name: result.outputs for result in one.results} for one in (plain, run))
    verdicts = []
    for verdict in check.judge(tree, page, run, book_ledger, None):
        name, faults = verdict.block, []
        if verdict.status == "passed":
            tolerance = check.tolerance_of(book_ledger, page.name, name)
            faults = [*map(str, compare.outputs(before[name], now[name], tolerance))]
        if faults:
            message = "\n    ".join([f"{check.where(page, blocks[name])}:", *faults])
            verdict = replace(verdict, status="failed", message=message)
        verdicts.append(verdict)
    return verdicts


def under_noise(job: Job, seed: int) -> Job:
    """The job under the noise of a seed; a block that fails does not keep those below it from running."""
    every = frozenset(block.name for block in job.blocks)
    return replace(job, shake=seed, raises=every, limit=job.limit * SLOWER, label=f"{job.page} under noise {seed}")


def runs(
    jobs: Sequence[Job], workers: int | None = None, say: Say = silent, sessions: Sessions | None = None
) -> Iterator[tuple[str, int, PageRun]]:
    """(page, seed, run) as the jobs end."""
    meant = {job.label: (job.page, job.shake or 0) for job in jobs}
    for run in check.run_jobs(jobs, workers, say, sessions):
        yield *meant[run.page], run


def left_out(verdicts: Sequence[Verdict], run: PageRun) -> list[Verdict]:
    """The verdicts, those of blocks that have functions compiled with a word on that."""
    compiled = {result.name for result in run.results if result.compiled}
    return [replace(v, message=INSIDE) if v.status == "passed" and v.block in compiled else v for v in verdicts]


def merged(page: Page, by_seed: Mapping[int, Sequence[Verdict]]) -> list[Verdict]:
    """One verdict per block from those of all seeds: failed, with the first failing seed's message, if one failed."""
    found = {
        block.name: {seed: v for seed, every in sorted(by_seed.items()) for v in every if v.block == block.name}
        for block in page.blocks
    }
    failing = {name: [seed for seed, v in verdicts.items() if v.status == "failed"] for name, verdicts in found.items()}
    causes = followers(page, {name for name, seeds in failing.items() if seeds})
    merged = []
    for name, verdicts in found.items():
        seeds = failing[name]
        verdict = verdicts[seeds[0] if seeds else min(verdicts)]
        if seeds:
            verdict = replace(verdict, message=explained(verdict.message, seeds, causes.get(name), page.name))
        merged.append(replace(verdict, seconds=sum(v.seconds for v in verdicts.values())))
    return merged


def explained(message: str, seeds: Sequence[int], cause: str | None, page: str) -> str:
    """A verdict's message with the seeds, and the advice or the block that it may follow from."""
    place, *faults = message.split("\n")
    mend = f"    if the new output is right: {records.mend(page)}"
    told = f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"
    lines = [place, f"    {NOISE} ({told}):", *(fault for fault in faults if fault != mend)]
    lines.append(f'    it may follow from block "{cause}" above: mend that first' if cause else f"    {ADVICE}")
    return "\n".join(lines)


def followers(page: Page, failed: Collection[str]) -> dict[str, str]:
    """Failed block -> the failed block above it from which it has a name, directly or through blocks between them."""
    origin: dict[str, str] = {}  # a name -> the failed block that it comes from
    causes = {}
    for block in page.blocks:
        made, used = _names(block.run_code)
        cause = next((origin[name] for name in sorted(used) if name in origin), None)
        if block.name in failed:
            if cause:
                causes[block.name] = cause
            cause = cause or block.name
        for name in made:
            origin.pop(name, None)
            if cause:
                origin[name] = cause
    return causes


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that some code sets, but for imports, and those that it reads."""
    made: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            made.add(node.name)
    return made, used
