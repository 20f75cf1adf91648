"""Check pages in every world: under other kernels and other numbers of threads. For the nightly run, not for each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report
from book.run import world
from book.run.session import Sessions, default_workers


def portable(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Callable[[str], None] = print,
    progress: check.Say = check.silent,
    worlds: Sequence[str] = (),
) -> dict[str, Report]:
    """Check the pages in each world (default: all kernels and threads that have a name), and say how it went, a line a world."""
    reports = {}
    for name in worlds or [name for name in world.WORLDS if name not in ("", world.HIDDEN)]:
        threads = world.named(name).threads
        at_once = max(1, (workers or default_workers()) // threads)
        with Sessions(name) as sessions:
            report = check.check(tree, names, workers=at_once, say=progress, sessions=sessions)
        reports[name] = report
        for line in told(name, report):
            say(line)
    return reports


def told(name: str, report: Report) -> list[str]:
    """The line of a world, and the blocks that fail there with their places."""
    passed = sum(verdict.status == "passed" for verdict in report.verdicts)
    lines = [
        f"{name} ({world.named(name).says}): {passed} passed, {len(report.failed)} failed, {report.seconds:.0f} s",
        *(f"  error: {problem}" for problem in report.problems),
    ]
    return lines + [f"  FAILED {verdict.page}::{verdict.block}\n    {verdict.message}" for verdict in report.failed]
