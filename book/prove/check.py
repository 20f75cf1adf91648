"""Run pages and judge each block: against its record (check) or against the rules alone (record)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from book.ground import versions
from book.ground.errors import BookError, nearest
from book.ground.tree import Tree
from book.prove import bounds, compare
from book.prove.bindings import defined
from book.record import outputs, records, shapes
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import PageRun, Sessions, Started, default_workers
from book.source import ledger, needs, pages
from book.source.ledger import Entry, Ledger
from book.source.pages import Block, Page

Say = Callable[[str], None]
NO_ACCELERATOR = ("cpu", ledger.SIMULATED)  # they don't meet a block's need for one
LIMIT = 120.0  # seconds that one block may take
LEDGER = "tests/ledger.toml"


def silent(line: str) -> None:
    """A ``Say`` that tells nobody."""


@dataclass(frozen=True)
class Verdict:
    """What became of one block. ``status`` is ``passed``, ``failed`` or ``skipped``.

    ``follows`` names the block above that failed, if this one failed only for want of what that one defines.
    """

    page: str
    block: str
    status: str
    message: str = ""
    seconds: float = 0.0
    follows: str = ""


@dataclass
class Report:
    """A whole run: verdicts, in page order, and the figures that bench uses."""

    verdicts: list[Verdict] = field(default_factory=list)
    runs: list[PageRun] = field(default_factory=list)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.status == "failed"]

    @property
    def ok(self) -> bool:
        return not self.failed and not self.problems


def load_pages(tree: Tree, names: Sequence[str] = (), problems: list[str] | None = None) -> dict[str, Page]:
    """The English pages that have blocks (all, or those named; a name may be a whole part such as ``concepts``).

    Args:
        problems: gets a message for each page that does not parse; without it such a page raises.

    Raises:
        BookError: a name that is no page, or a page that does not parse.
    """
    every = tree.pages()
    chosen: list[str] = []
    for name in names:
        name = name.removesuffix(".md").removesuffix(".py").removesuffix("/")
        for prefix in ("docs/en/", "docs/zh/", "snippets/"):
            name = name.removeprefix(prefix)
        matching = [p for p in every if p == name or p.startswith(name + "/")]
        if not matching:
            raise BookError(f'no page "{name}"{nearest(name, every)}; pages are docs/en/**.md')
        chosen += [p for p in matching if p not in chosen]
    loaded = {}
    for name in chosen if names else every:
        try:
            loaded[name] = pages.load(tree, name)
        except BookError as error:
            if problems is None:
                raise
            problems.append(str(error))
    return {name: page for name, page in loaded.items() if page.blocks}


def load_checked(tree: Tree, names: Sequence[str], problems: list[str]) -> tuple[dict[str, Page], Ledger]:
    """The pages that parse, a message in ``problems`` for each other one, and the ledger, which names only blocks that exist."""
    chosen = load_pages(tree, names, problems)
    book_ledger = ledger.load(tree)
    ledger.check_targets(book_ledger.of_pages(chosen) if names or problems else book_ledger, chosen)
    return chosen, book_ledger


def unmet(entry: Entry | None, device: str | None = None) -> str | None:
    """Why a block's ``needs`` is not met here, or None."""
    if entry is None:
        return None
    match = re.fullmatch(r"([\w-]+)\s*>=\s*([\d.]+)", entry.what)
    if match:
        try:
            have = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            return f"needs {entry.what}, which is not installed"
        return None if versions.at_least(have, match[2]) else f"needs {entry.what}, here is {have}"
    if entry.what in ledger.DEVICES:
        kind = (device or "cpu").partition(":")[0]
        met = kind not in NO_ACCELERATOR if entry.what == "accelerator" else kind == entry.what
        return None if met else f"needs {entry.what}"
    try:
        found = importlib.util.find_spec(entry.what) is not None
    except ModuleNotFoundError:  # of a package that it is a part of
        found = False
    return None if found else f"needs {entry.what}, which is not installed"


def job_of(tree: Tree, page: Page, book_ledger: Ledger, *, device: str | None = None, until: str | None = None) -> Job:
    """What the session is to run for a page, up to and including block ``until``."""
    blocks = []
    for block in () if needs.missing(page) else page.blocks:
        if unmet(book_ledger.need(page.name, block.name), device) is None:
            lines = (block.file_line, block.file_line + block.code.count("\n") - 1)
            shows = (f"snippets/{block.file}", *lines) if block.from_toolkit else None
            blocks.append(BlockCode(block.name, block.run_code, shows))
        if block.name == until:
            break
    raising = frozenset(e.section for e in book_ledger.of_page(page.name) if e.kind == "raises")
    whole = until is None or until == page.blocks[-1].name  # what a later block calls tells shapes of an earlier one
    return Job(page.name, tuple(blocks), str(tree.root), LIMIT, device, raising, shapes=device is None and whole)


def where(page: Page, block: Block) -> str:
    """A block's place in its page and in its snippet, as messages show it."""
    return f"{page.path}:{block.line} (snippets/{block.file}:{block.file_line})"


def judge(
    tree: Tree,
    page: Page,
    run: PageRun,
    book_ledger: Ledger,
    record: records.Record | None,
    *,
    ignore_hashes: bool = False,
    device: str | None = None,
    moved: bool = False,
) -> list[Verdict]:
    """One verdict per block of the page that the job held; against the record where one is given.

    On a ``device`` its name counts as the CPU's, and versions of packages are not held against the record: the code is.
    ``moved``: with its tensors on the device, as is the name of their type.
    """
    gone = needs.told(page)
    if gone:
        status = "failed" if needs.wanted() else "skipped"
        return [Verdict(page.name, block.name, status, gone) for block in page.blocks]
    results = {result.name: result for result in run.results}
    follows = _followers(page, run, book_ledger)
    others = "" if record is None or ignore_hashes else records.other_versions(tree, record)
    hashed = dict(zip([b.name for b in page.blocks], records.hashes(tree, page), strict=True))
    verdicts = []
    for block in page.blocks:
        place = where(page, block)
        missing = unmet(book_ledger.need(page.name, block.name), device)
        result = results.get(block.name)
        if missing:
            gap = _not_run(page, block, record, book_ledger, hashed[block.name], ignore_hashes) if record else ""
            told = f"{place}:\n    {gap}: run {records.mend(page.name)}" if gap else missing
            verdicts.append(Verdict(page.name, block.name, "failed" if gap else "skipped", told))
        elif result is None:
            ended = f'with block "{run.results[-1].name}" above' if run.results else "early"
            verdicts.append(Verdict(page.name, block.name, "failed", f"{place}: not run: the page ended {ended}"))
        elif block.name in follows:
            root = follows[block.name]
            why = f'{place}: follows from block "{root}" above, which failed'
            verdicts.append(Verdict(page.name, block.name, "failed", why, result.seconds, root))
        else:
            faults = _rules(page, result, book_ledger)
            if record is not None and others and device in (None, "cpu"):
                faults.append(f"{others}: run {records.mend(page.name)}")
            elif record is not None and not (result.failure and faults):
                faults += _against_record(
                    page, block, result, record, book_ledger, hashed[block.name], ignore_hashes, device, moved
                )
            message = "\n    ".join([f"{place}:", *faults]) if faults else ""
            verdicts.append(Verdict(page.name, block.name, "failed" if faults else "passed", message, result.seconds))
        until = book_ledger.get("until", page.name, block.name)
        if until and record is not None and result is not None:
            again = partial(judge, tree, page, run, ignore_hashes=ignore_hashes, device=device)
            verdicts[-1] = _within(until, verdicts[-1], place, record, book_ledger, again)
    return verdicts


def _within(
    until: Entry,
    found: Verdict,
    place: str,
    record: records.Record,
    book_ledger: Ledger,
    again: Callable[[Ledger, records.Record], list[Verdict]],
) -> Verdict:
    """The verdict on a block with a ledger's ``until``, of which ``found`` is the one that the record alone gives.

    Args:
        again: judges the page once more, with another ledger and another record.
    """
    have, cell = records.torch_version(), record.cell(until.section)
    if cell is None:
        return found
    gap = bounds.fault(until, cell)
    if gap:
        return replace(found, status="failed", message=f"{place}:\n    {gap}: correct its [[until]] entry in {LEDGER}")
    if not versions.beyond(have, until.torch):
        return found
    if found.status == "passed":
        told = f"the ledger says until torch {until.torch}, but it prints its record on {have}"
        return replace(found, status="failed", message=f"{place}:\n    {told}: delete its [[until]] entry in {LEDGER}")
    if not until.then:
        return replace(found, status="skipped", message=f"until torch {until.torch}, here is {have}", follows="")
    expected = bounds.later(until, cell)
    others = Ledger(tuple(entry for entry in book_ledger.entries if entry.kind != "until"))  # each is judged by itself
    changed = replace(record, cells=tuple(expected if one is cell else one for one in record.cells))
    verdicts = again(bounds.ledger_of(others, until, expected), changed)
    return next(verdict for verdict in verdicts if verdict.block == until.section)


def _followers(page: Page, run: PageRun, book_ledger: Ledger) -> dict[str, str]:
    """Blocks that end in a NameError for want of what a failed block above defines -> that block."""
    code = {block.name: block.run_code for block in page.blocks}
    lost: dict[str, str] = {}  # name -> the failed block that defines it
    found: dict[str, str] = {}
    for result in run.results:
        kind, message = result.error or ("", "")
        missing = re.match(r"name '(\w+)' is not defined", message) if kind == "NameError" else None
        raises = book_ledger.get("raises", page.name, result.name)
        expected = raises is not None and result.error is not None and not _expected_exception(raises, result)
        if missing and missing[1] in lost and not expected:
            found[result.name] = lost[missing[1]]
        if (result.failure or raises) and not expected:
            lost |= dict.fromkeys(defined(code[result.name]), found.get(result.name, result.name))
        else:
            lost = {name: block for name, block in lost.items() if name not in defined(code[result.name])}
    return found


def _rules(page: Page, result: BlockResult, book_ledger: Ledger) -> list[str]:
    """What is wrong with a block's run by itself."""
    faults = []
    raises = book_ledger.get("raises", page.name, result.name)
    if raises is not None:
        faults += _expected_exception(raises, result)
    elif result.failure:
        trace: list[str] = next((o["traceback"] for o in result.outputs if o["output_type"] == "error"), [])
        block = page.block(result.name)
        place = f"at snippets/{block.file}:{block.file_line + result.line - 1}"
        where = [place] if result.line and block.run_code == block.code else []
        faults.append("\n      ".join([result.failure.splitlines()[0], *where, *"\n".join(trace).splitlines()]))
    faults += result.refused
    if result.unseeded:
        faults.append(
            "draws random numbers but never seeds: call torch.manual_seed(0) in this block, or use a seeded generator"
        )
    faults += result.harms
    own = [w for w in result.warnings if w[2]]
    warns = book_ledger.get("warns", page.name, result.name)
    unexpected = [w for w in own if warns is None or not re.search(warns.message, w[1])]
    faults += [f"its own line causes {category}: {message}" for category, message, _ in unexpected]
    if warns is not None and len(unexpected) == len(own):
        faults.append("the ledger says that it warns, and it does not: delete its [[warns]] entry in tests/ledger.toml")
    return faults


def _expected_exception(entry: Entry, result: BlockResult) -> list[str]:
    if result.error is None:
        why = result.failure or "it ends without an exception"
        return [
            f"the ledger says that it raises {entry.error}, but {why}: mend the block or delete its [[raises]] entry in tests/ledger.toml"
        ]
    name, message = result.error
    if name != entry.error or not re.search(entry.message, message):
        return [f"expected {entry.error} matching {entry.message!r}, got {name}: {message}"]
    return []


def _not_run(
    page: Page,
    block: Block,
    record: records.Record,
    book_ledger: Ledger,
    now: records.Hashes,
    ignore_hashes: bool,
) -> str:
    """What is wrong with the record of a block that needs a device which is not here, or an empty string."""
    wanted, cell = book_ledger.device(page.name, block.name), record.cell(block.name)
    if not wanted:
        return ""
    if cell is None:
        return "not in the record"
    changed = not ignore_hashes and (cell.hashes != now or cell.source != block.code)
    return records.need_differs(cell, wanted) or ("changed since it was recorded" if changed else "")


def _against_record(
    page: Page,
    block: Block,
    result: BlockResult,
    record: records.Record,
    book_ledger: Ledger,
    now: records.Hashes,
    ignore_hashes: bool,
    device: str | None,
    moved: bool,
) -> list[str]:
    mend = records.mend(page.name)
    cell = record.cell(block.name)
    if cell is None:
        return [f"not in the record: run {mend}"]
    if not ignore_hashes and (cell.hashes != now or cell.source != block.code):
        return [f"changed since it was recorded: run {mend}"]
    gap = records.need_differs(cell, book_ledger.device(page.name, block.name))
    if gap:
        return [f"{gap}: run {mend}"]
    if cell.needs:
        return []  # there is nothing to compare with: the rules and the block's own asserts are all
    tolerance = tolerance_of(book_ledger, page.name, block.name)
    numbers = [match["number"] for match in compare.NUMBER.finditer(printed(cell))]
    if tolerance.volatile and not numbers:
        return [
            "the ledger calls its numbers volatile, but it prints none: delete its [[volatile]] entry in tests/ledger.toml"
        ]
    floats = any(map(compare.is_float, numbers))
    if book_ledger.get("tolerance", page.name, block.name) and not floats:
        return [
            "the ledger gives it a tolerance, but it prints no float: delete its [[tolerance]] entry in tests/ledger.toml"
        ]
    differences = compare.outputs(
        cell.outputs, result.outputs, tolerance, any_device=device not in (None, "cpu"), type_names=moved
    )
    faults = [str(difference) for difference in differences]
    faults += filter(None, [shapes.fault(cell, result)])
    if faults:
        faults.append(f"if the new output is right: {mend}")
    return faults


def tolerance_of(book_ledger: Ledger, page: str, block: str) -> compare.Tolerance:
    """How far a block's floats may be from its record: the default, or what the ledger grants it."""
    loose = book_ledger.get("tolerance", page, block)
    volatile = book_ledger.get("volatile", page, block) is not None
    if loose is None:
        return compare.Tolerance(volatile=volatile)
    return compare.Tolerance(loose.rtol, loose.atol, volatile)


def printed(cell: records.Cell) -> str:
    """The text of a recorded block in which numbers may be loose: what it printed and showed, not what it drew."""
    return "\n".join(outputs.printed(output, pictures=False) for output in cell.outputs)


def read_records(tree: Tree, chosen: dict[str, Page]) -> tuple[dict[str, records.Record], list[str]]:
    """The records of the pages, and what is wrong with those that could not be read."""
    found, problems = {}, []
    for name in chosen:
        try:
            found[name] = records.read(tree, name)
        except BookError as error:
            problems.append(str(error))
    return found, problems


def longest_first(names: Sequence[str], known: dict[str, records.Record]) -> list[str]:
    """Pages by recorded seconds, longest first; those without a record come first of all."""
    return sorted(names, key=lambda n: -sum(c.seconds for c in known[n].cells) if n in known else float("-inf"))


def check(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    ignore_hashes: bool = False,
    device: str | None = None,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Report:
    """Run the pages and compare with their records. ``sessions``: a warm parent to use instead of a new one."""
    report = Report()
    chosen, book_ledger = load_checked(tree, names, report.problems)
    return against_records(tree, report, chosen, book_ledger, ignore_hashes, device, workers, say, sessions)


def against_records(
    tree: Tree,
    report: Report,
    chosen: dict[str, Page],
    book_ledger: Ledger,
    ignore_hashes: bool = False,
    device: str | None = None,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Report:
    """Run these pages, or what is left of them, and add to the report how they compare with their records."""
    known, problems = read_records(tree, chosen)
    report.problems += problems
    began = time.perf_counter()
    jobs = [job_of(tree, chosen[name], book_ledger, device=device) for name in longest_first(list(known), known)]
    if ignore_hashes:  # of other code, or of fewer blocks
        jobs = [replace(job, shapes=False) for job in jobs]
    verdicts: dict[str, list[Verdict]] = {}
    for run in run_jobs(jobs, workers, say, sessions):
        report.runs.append(run)
        page, record = chosen[run.page], known[run.page]
        try:
            verdicts[run.page] = judge(tree, page, run, book_ledger, record, ignore_hashes=ignore_hashes, device=device)
        except Exception as error:  # of this page only: the others get their verdicts
            report.problems.append(failed_at(page, error))
    report.seconds = time.perf_counter() - began
    report.verdicts = [v for name in chosen for v in verdicts.get(name, [])]
    return report


def failed_at(page: Page, error: Exception) -> str:
    """What to tell of a page whose work ended in an exception: a BookError names its place, another is the engine's own."""
    if isinstance(error, BookError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return (
        f"{page.path}: the engine failed on this page ({place}: {type(error).__name__}: {error}); the others are done"
    )


def run_jobs(
    jobs: Sequence[Job], workers: int | None, say: Say = silent, sessions: Sessions | None = None
) -> Iterator[PageRun]:
    """Run the jobs in one warm parent, telling how far they are."""
    if not jobs:
        return
    total = sum(len(job.blocks) for job in jobs)
    started = done = 0
    with nullcontext(sessions) if sessions else Sessions() as warm:
        for event in warm.events(jobs, workers or default_workers()):
            if isinstance(event, Started):
                started += 1
                say(f"block {started}/{total}, page {done}/{len(jobs)}: {event.page} {event.block}")
            else:
                done += 1
                yield event


def progress() -> Say:
    """A ``say`` that keeps one line of a terminal up to date, and is silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        return silent

    def say(line: str) -> None:
        print(f"\r\033[K{line[:110]}", end="", file=sys.stderr, flush=True)

    return say
