"""The names that each block uses, from observing runs that do what the plain run did."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from book.run.job import BlockResult, Job
from book.run.session import PageRun


@dataclass
class Observed:
    """Block -> its names; and the blocks whose names were read from their code, with the reason."""

    names: dict[str, list[str]] = field(default_factory=dict)
    from_code: dict[str, str] = field(default_factory=dict)


def attempts(job: Job, missing: Callable[[], frozenset[str]]) -> Iterator[tuple[Job, str]]:
    """Runs to try, from the one that sees most to the one that changes nothing, each with what it means for the names."""
    yield replace(job, observe=True), ""
    yield replace(job, observe=True, compiled=True), "its compiled functions were read, not seen"
    read = "its code was read, not seen: with hooks in it, it does something else"
    yield replace(job, observe=True, compiled=True, plain=missing()), read
    yield replace(job, observe=True, compiled=True, plain=frozenset(b.name for b in job.blocks)), read


def observing(
    job: Job, results: Sequence[BlockResult], same: Callable[[BlockResult, BlockResult], bool]
) -> Generator[Job, Sequence[BlockResult], Observed]:
    """The names that each block of a page uses. Yields a job, is sent what running it gave, until it returns them.

    Args:
        job: what the plain run ran.
        results: what it gave.
        same: whether a block did the same in both runs.
    """
    observed = Observed()

    def missing() -> frozenset[str]:
        return frozenset(result.name for result in results if result.name not in observed.names)

    for attempt, meaning in attempts(job, missing):
        again = {result.name: result for result in (yield attempt)}
        for result in results:
            if result.name in missing() and result.name in again and same(result, again[result.name]):
                observed.names[result.name] = again[result.name].apis
                if meaning:
                    observed.from_code[result.name] = meaning
        if not missing():
            break
    for name in missing():
        observed.names[name] = []
        observed.from_code[name] = "nothing is known: it does not do the same twice"
    return observed


def observe(
    pages: Mapping[str, Generator[Job, Sequence[BlockResult], Observed]],
    run: Callable[[Sequence[Job]], Iterable[PageRun]],
) -> dict[str, Observed | Exception]:
    """What ``observing`` returns for each page, or the exception in which it ended; their runs share the cores."""
    found: dict[str, Observed | Exception] = {}
    wanted = {page: next(steps) for page, steps in pages.items()}
    while wanted:
        jobs, wanted = list(wanted.values()), {}
        for again in run(jobs):
            try:
                wanted[again.page] = pages[again.page].send(again.results)
            except StopIteration as end:
                found[again.page] = end.value
            except Exception as error:  # of this page only: the others go on
                found[again.page] = error
    return found
