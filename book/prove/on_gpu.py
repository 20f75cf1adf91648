"""Pages on an accelerator: *as shown* and *moved*. docs/records/gpu.json keeps what a real one gave.

Two questions that are never mixed. As shown: does each block, as printed, print its record on a machine that has an
accelerator? Moved (book.run.moved): does it print the same with its tensors made there? On the simulated accelerator
(book.run.simulated) the first is part of the tests, and a command notes the second in the records.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from book.ground import versions
from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report, Say, Verdict, silent
from book.record.gpu import MOVED, NONE, SHOWN, VERSIONS, YES, GpuBlock, GpuRecord, read_gpu, write_gpu
from book.record.records import PINNED, Record, stale, torch_version, write
from book.run import world
from book.run.job import BlockResult, Job
from book.run.session import PageRun, Sessions
from book.source import ledger
from book.source.imports import toolkit
from book.source.ledger import SIMULATED, Ledger
from book.source.pages import Page

# Code that may do something else where there is an accelerator; the nightly run of all pages shows that no other does.
MAY_DIFFER = re.compile(
    r"\baccelerat(?:e|or)\b|\bkeras_model\b|\blightning\b|\.to\(\s*device|get_device_module|is_available\("
    r"|utils\.benchmark|pin_memory"
)
DIED = r": not run: the page ended|(?:crashed|ended) its process|did not end within"
# Why a block that was moved does not print its record: found by the machine, the first that fits.
STAYS = {
    "numpy": r"device type tensor to numpy",
    "generator": r"device type for generator",
    "devices": r"on the same device|at least two devices|different from other tensors on",
}

ACCELERATORS = ("cuda", "mps", "xpu")
QUESTION = """
import json, sys, torch
named = sys.argv[1]
found = torch.device(named) if named else torch.accelerator.current_accelerator(check_available=True)
if found is not None:
    torch.ones(1, device=found)
    name = torch.cuda.get_device_name(found) if found.type == "cuda" else found.type
    print(json.dumps([str(found), found.type, name]))
"""


def find_device() -> tuple[str, str, str]:
    """The device to use, its type and its name: BOOK_DEVICE if set, else what torch finds (asked in a process of its own).

    Raises:
        BookError: there is none, or the named one does not work here.
    """
    named = os.environ.get("BOOK_DEVICE", "")
    answer = subprocess.run([sys.executable, "-c", QUESTION, named], capture_output=True, text=True, check=False)
    if answer.returncode:
        why = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "no reason given"
        raise BookError(f"BOOK_DEVICE={named} does not work here, so nothing was run and nothing was recorded: {why}")
    if not answer.stdout.strip():
        raise BookError(
            "no accelerator on this machine, so nothing was run and nothing was recorded: "
            "run make gpu on a machine with a GPU, or make sim to simulate one"
        )
    device, kind, name = json.loads(answer.stdout)
    if kind not in ("cpu", *ACCELERATORS):
        raise BookError(
            f"BOOK_DEVICE={named} is none of {', '.join(ACCELERATORS)}, so nothing was run and nothing was recorded"
        )
    return str(device), str(kind), str(name)


def may_differ(tree: Tree, page: Page) -> bool:
    """Whether its code, or the toolkit that it imports, mentions what behaves otherwise where there is an accelerator."""
    codes = [block.run_code for block in page.blocks]
    return any(MAY_DIFFER.search(code) for code in [*codes, *toolkit(tree, codes).values()])


def job(tree: Tree, page: Page, book_ledger: Ledger, device: str, mode: str) -> Job:
    """A page's session as shown or moved. Moved, blocks that raise are left out: an assert on the device would end it."""
    made = check.job_of(tree, page, book_ledger, device=device)
    if mode == SHOWN:
        return replace(made, label=f"{page.name} {SHOWN}")
    blocks = tuple(b for b in made.blocks if not stays(book_ledger, page.name, b.name))
    return replace(made, blocks=blocks, moved=True, label=f"{page.name} {MOVED}")


def stays(book_ledger: Ledger, page: str, block: str) -> bool:
    """Whether a block is not moved at all: it raises on purpose, or it needs a device and so is on it already."""
    return bool(book_ledger.get("raises", page, block) or book_ledger.device(page, block))


def runs(
    tree: Tree,
    pages: Mapping[str, Page],
    known: Mapping[str, Record],
    book_ledger: Ledger,
    device: str,
    modes: Sequence[str],
    workers: int | None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Iterator[tuple[str, str, PageRun, list[Verdict]]]:
    """(page, mode, run, its verdicts), as the pages end; each mode of a page is a process of its own."""
    jobs = [job(tree, pages[name], book_ledger, device, mode) for mode in modes for name in known]
    meant = {one.label: (one.page, MOVED if one.moved else SHOWN) for one in jobs}
    for run in check.run_jobs(jobs, workers, say, sessions):
        name, mode = meant[run.page]
        verdicts = check.judge(tree, pages[name], run, book_ledger, known[name], device=device, moved=mode == MOVED)
        if mode == MOVED:
            verdicts = [v for v in verdicts if not stays(book_ledger, name, v.block)]
        yield name, mode, replace(run, page=name), verdicts  # without the mode in its label


def moved_how(verdict: Verdict, on_device: bool) -> str:
    """What became of a block that was moved, in a word: ``yes``, ``none`` (it makes no tensor), or why it stays on the CPU.

    Nothing where the page's process died: then nobody knows.
    """
    if verdict.status == "passed":
        return YES if on_device else NONE
    if re.search(DIED, verdict.message):
        return ""
    if verdict.follows:
        return "follows"
    return next((word for word, says in STAYS.items() if re.search(says, verdict.message)), "differs")


def run_on_gpu(tree: Tree, names: Sequence[str] = (), say: Say = silent, workers: int = 1) -> tuple[Report, GpuRecord]:
    """Run the pages on the accelerator, as shown and then moved, and record which blocks print their CPU record.

    ``workers`` pages share the accelerator: above one, blocks that measure it measure a busy one.
    The report judges the pages as shown. The record is written after each page, shortest pages first, so that a run that
    is cut off loses little. A run with BOOK_DEVICE=cpu tries the path and records nothing.

    Raises:
        BookError: no accelerator or one that runs nothing, or a page without a record.
    """
    device, kind, gpu_name = find_device()
    chosen = check.load_pages(tree, names)
    book_ledger = ledger.load(tree)
    known, problems = check.read_records(tree, chosen)
    if problems:
        raise BookError("\n".join(problems))
    shortest = {name: known[name] for name in reversed(check.longest_first(list(known), known))}
    made = replace(read_gpu(tree), gpu=gpu_name, torch=torch_version(), date=datetime.date.today().isoformat())
    kept = [b for b in made.blocks if b.page not in chosen] if names else []
    made = replace(made, blocks=tuple(kept))
    report, modes = Report(), (SHOWN, MOVED) if kind in ACCELERATORS else (SHOWN,)
    plain = control(tree, chosen, book_ledger, workers, say) if any(map(other_packages, known.values())) else {}
    for name, mode, run, verdicts in runs(tree, chosen, shortest, book_ledger, device, modes, workers, say):
        again = partial(judge_by, tree, chosen[name], book_ledger, device=device, moved=mode == MOVED)
        verdicts = set_apart(verdicts, run, known[name], plain.get(name), again)
        if mode == SHOWN:
            report.runs.append(run)
            report.verdicts += verdicts
        if all(result.failure for result in run.results):  # its process died before a block ended
            continue
        made = replace(made, blocks=(*made.blocks, *blocks_of(run, verdicts, known[name], mode)))
        if kind in ACCELERATORS:
            write_gpu(tree, made)
    report.seconds = sum(run.seconds for run in report.runs)
    if report.runs and not any(run.machine for run in report.runs):
        why = report.failed[0].message if report.failed else "every process died"
        raise BookError(f"nothing ran on {gpu_name}, so nothing was recorded: {why}")
    return report, made


def other_packages(record: Record) -> bool:
    """Whether a package that outputs depend on has another version here than when the record was made."""
    return any(
        getattr(record.machine, name) and getattr(record.machine, name).partition("+")[0] != here.partition("+")[0]
        for name, here in ((name, importlib.metadata.version(name)) for name in PINNED)
    )


def control(
    tree: Tree, chosen: Mapping[str, Page], book_ledger: Ledger, workers: int, say: Say
) -> dict[str, dict[str, BlockResult]]:
    """What each block gives with the packages of this machine if its accelerator is hidden: page -> block -> result."""
    jobs = [check.job_of(tree, page, book_ledger) for page in chosen.values()]
    with Sessions(world.HIDDEN) as sessions:
        found = check.run_jobs(jobs, workers, say, sessions)
        return {run.page: {result.name: result for result in run.results} for run in found}


def judge_by(
    tree: Tree, page: Page, book_ledger: Ledger, run: PageRun, record: Record, *, device: str, moved: bool
) -> dict[str, Verdict]:
    """The verdicts on a page by block, held against this record."""
    found = check.judge(tree, page, run, book_ledger, record, device=device, moved=moved)
    return {verdict.block: verdict for verdict in found}


def set_apart(
    verdicts: Sequence[Verdict],
    run: PageRun,
    record: Record,
    plain: Mapping[str, BlockResult] | None,
    again: Callable[[PageRun, Record], dict[str, Verdict]],
) -> list[Verdict]:
    """The verdicts, with a failed block skipped if it does the same where the accelerator is hidden: that is its packages.

    Args:
        plain: what the blocks did without the accelerator; None: nobody ran them.
        again: judges a run of the page by another record.
    """
    if plain is None or all(verdict.status != "failed" for verdict in verdicts):
        return list(verdicts)
    cells = [replace(c, outputs=plain[c.name].outputs) if c.name in plain else c for c in record.cells]
    other = replace(record, cells=tuple(cells))
    shown, hidden = again(run, other), again(replace(run, results=list(plain.values())), other)
    ran = {result.name for result in run.results} & plain.keys()

    def alike(name: str) -> bool:  # what the rules say of both is no difference; a number may be of a process
        told = [re.sub(r"\d+", "", by[name].message) for by in (shown, hidden)]
        return name in ran and told[0] == told[1]

    told = "the packages of this machine print something else, with and without its accelerator alike"
    return [
        replace(v, status="skipped", message=f"{VERSIONS}: {told}") if v.status == "failed" and alike(v.block) else v
        for v in verdicts
    ]


def blocks_of(run: PageRun, verdicts: Sequence[Verdict], record: Record, mode: str) -> Iterator[GpuBlock]:
    """What is kept of a page's run."""
    results = {result.name: result for result in run.results}
    for verdict in verdicts:
        cell = record.cell(verdict.block)
        if verdict.block not in results:  # the page ended above it
            continue
        apart = verdict.message.startswith(f"{VERSIONS}:")
        if cell is None or (verdict.status == "skipped" and not apart):
            continue
        result = results[verdict.block]
        yield GpuBlock(
            record.page,
            verdict.block,
            cell.hashes.code,
            mode,
            verdict.status == "passed",
            round(verdict.seconds, 4),
            result.on_device,
            VERSIONS if apart else moved_how(verdict, result.on_device) if mode == MOVED else "",
            result.outputs if cell.needs else [],
        )


def simulate(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Report:
    """Run the pages as shown where the simulated accelerator is present, and compare with their records."""
    report = Report()
    chosen, book_ledger = check.load_checked(tree, names, report.problems)
    known, problems = check.read_records(tree, chosen)
    report.problems += problems
    began = time.perf_counter()
    longest = {name: known[name] for name in check.longest_first(list(known), known)}
    verdicts: dict[str, list[Verdict]] = {}
    for name, _, run, found in runs(tree, chosen, longest, book_ledger, SIMULATED, (SHOWN,), workers, say, sessions):
        report.runs.append(run)
        verdicts[name] = [excused(v, book_ledger) for v in found]
    report.seconds = time.perf_counter() - began
    report.verdicts = [v for name in chosen for v in verdicts.get(name, [])]
    return report


def excused(verdict: Verdict, book_ledger: Ledger) -> Verdict:
    """The verdict with what the ledger says of the block: it must fail where the simulation ends, in the way it names."""
    entry = book_ledger.get("sim", verdict.page, verdict.block)
    if entry is None or verdict.status == "skipped":
        return verdict
    if entry.torch and versions.beyond(have := torch_version(), entry.torch):
        if verdict.status == "passed":
            return verdict
        told = f"the ledger says that it can be simulated beyond torch {entry.torch}, here is {have}: see its [[sim]] entry"
        return replace(verdict, message=f"{verdict.message}\n    {told}")
    if verdict.status == "passed":
        told = (
            "the ledger says that it can't be simulated, and it passes: delete its [[sim]] entry in tests/ledger.toml"
        )
        return replace(verdict, status="failed", message=told)
    if re.search(entry.message, verdict.message):
        return replace(verdict, status="skipped", message=f"not simulated: {entry.reason}")
    told = (
        f"{verdict.message}\n    the ledger expects {entry.message!r} here: see its [[sim]] entry in tests/ledger.toml"
    )
    return replace(verdict, message=told)


def move(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the pages moved to the simulated accelerator, and write into their records what became of each block.

    Yields:
        Page and block -> word, as the pages end.

    Raises:
        BookError: a page without a record, or one whose code changed since.
    """
    chosen, book_ledger = check.load_pages(tree, names), ledger.load(tree)
    known, problems = check.read_records(tree, chosen)
    problems += [why for name, record in known.items() for why in stale(tree, chosen[name], record)]
    if problems:
        raise BookError("\n".join(problems))
    for name, _, run, verdicts in runs(tree, chosen, known, book_ledger, SIMULATED, (MOVED,), workers, say, sessions):
        made = {result.name: result.on_device for result in run.results}
        words = {v.block: moved_how(v, made.get(v.block, False)) for v in verdicts}
        words |= {e.section: "raises" for e in book_ledger.of_page(name) if e.kind == "raises"}
        cells = tuple(replace(cell, moves=words.get(cell.name, "")) for cell in known[name].cells)
        write(tree, replace(known[name], cells=cells))
        yield name, words
