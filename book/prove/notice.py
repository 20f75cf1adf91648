"""Would a block notice if a public name that it uses gave nothing? ``python -m book notice``.

The block's program runs with the name replaced (book.run.nothing). If it still prints its record, the block does not test
the name, and the next block that uses it is tried. That the replacing itself does no harm is seen in a run that lets all
calls through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from book.ground.tree import Tree
from book.names.apis import Apis
from book.prove import check, standalone
from book.prove.check import Say, silent
from book.record import noticed
from book.record.noticed import Noticed
from book.record.records import Cell, Record
from book.run.job import BlockCode, Job
from book.run.nothing import IDLE, SAME, ZEROS, CalledForItsEffect, NotReplaceable
from book.run.session import Sessions
from book.source import ledger
from book.source.ledger import Ledger

PORTION = 100  # names that are tried before what is known is written: a run that was stopped goes on from there
TRIES = 4  # blocks that a name is tried in, the quickest first
UNNOTICED = "no block that was tried prints anything else"
BROKEN = "a block differs even where all calls go through"


@dataclass(frozen=True)
class User:
    """A block that uses a name."""

    page: str
    cell: Cell

    @property
    def label(self) -> str:
        return f"{self.page}:{self.cell.name}"


def users(known: Mapping[str, Record], apis: Apis) -> dict[str, list[User]]:
    """Name -> the blocks to try it in, those with the shortest programs and the least seconds first."""
    found: dict[str, list[User]] = {}
    for page, record in known.items():
        for cell in record.cells:
            if cell.program and not cell.needs:
                for name in apis.named(cell.apis):
                    found.setdefault(name, []).append(User(page, cell))
    return {
        name: sorted(some, key=lambda u: (u.cell.seconds + 0.01 * u.cell.program["lines"], u.label))[:TRIES]
        for name, some in sorted(found.items())
    }


def due(
    tree: Tree, known: Mapping[str, Record], apis: Apis, pages: Sequence[str] = ()
) -> tuple[dict[str, Noticed], dict[str, list[User]]]:
    """What is known of the names that blocks use, and those that have to be tried (of ``pages``, if any are named)."""
    before, wanted, kept = noticed.read(tree), {}, {}
    for name, some in users(known, apis).items():
        old = before.get(name)
        current = {u.label: noticed.key([u.cell]) for u in some}
        holds = old is not None and old.key == (
            current.get(f"{old.page}:{old.block}") if old.page else noticed.key(u.cell for u in some)
        )
        if old is not None and holds:
            kept[name] = old
        elif not pages or any(u.page in pages for u in some):
            wanted[name] = some
    return kept, wanted


def notice(
    tree: Tree,
    known: Mapping[str, Record],
    apis: Apis,
    pages: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> dict[str, Noticed]:
    """Try the names that have to be tried, and write what is known after each portion of them.

    Args:
        pages: only names that blocks of these pages use (default: all).

    Returns:
        Name -> what is known of it; names that were neither tried nor known are not in it.
    """
    kept, wanted = due(tree, known, apis, pages)
    book_ledger, names = ledger.load(tree), list(wanted)
    noticed.write(tree, kept.values())  # without what no longer holds
    if not names:
        return kept
    with nullcontext(sessions) if sessions else Sessions() as warm:
        for start in range(0, len(names), PORTION):
            portion = {name: wanted[name] for name in names[start : start + PORTION]}
            kept |= _tried(tree, portion, apis, book_ledger, workers, say, warm)
            noticed.write(tree, kept.values())
    return kept


def _tried(
    tree: Tree,
    wanted: Mapping[str, Sequence[User]],
    apis: Apis,
    book_ledger: Ledger,
    workers: int | None,
    say: Say,
    sessions: Sessions | None,
) -> dict[str, Noticed]:
    """What becomes of the names in the blocks that use them."""
    spellings = {name: (name, *apis.by_name[name].aliases) for name in wanted}
    found: dict[str, Noticed] = {}
    whys: dict[str, str] = dict.fromkeys(wanted, UNNOTICED)
    for turn in range(TRIES):
        asked = {name: some[turn] for name, some in wanted.items() if name not in found and turn < len(some)}
        for how in (ZEROS, IDLE):
            said = dict(_run(tree, asked, how, spellings, book_ledger, workers, say, sessions))
            effects, missed = {}, {}
            for name, why in said.items():
                if why and CalledForItsEffect.__name__ in why:
                    effects[name] = asked[name]
                elif why and NotReplaceable.__name__ in why:
                    whys[name] = why
                elif why:
                    missed[name] = asked[name]
            for name, why in _run(tree, missed, SAME, spellings, book_ledger, workers, say, sessions):
                user = missed[name]
                if why is None:
                    found[name] = Noticed(name, user.page, user.cell.name, "", noticed.key([user.cell]))
                else:
                    whys[name] = BROKEN
            asked = effects
    for name, some in wanted.items():
        found.setdefault(name, Noticed(name, "", "", whys[name], noticed.key(u.cell for u in some)))
    return found


def _run(
    tree: Tree,
    asked: Mapping[str, User],
    how: str,
    spellings: Mapping[str, Sequence[str]],
    book_ledger: Ledger,
    workers: int | None,
    say: Say,
    sessions: Sessions | None,
) -> Iterator[tuple[str, str | None]]:
    """Each name with how its block's program differs from the record, None if it does not."""
    for run in check.run_jobs(
        [_job(tree, name, user, how, spellings[name], book_ledger) for name, user in asked.items()],
        workers,
        say,
        sessions,
    ):
        user = asked[run.page]
        cell = user.cell
        first = run.results[0].failure if run.results else None
        result = run.results[1] if len(run.results) > 1 else None
        yield (
            run.page,
            first or standalone.differs(user.page, cell.name, cell.program["guess"], cell.outputs, result, book_ledger),
        )


def _job(tree: Tree, name: str, user: User, how: str, spellings: Sequence[str], book_ledger: Ledger) -> Job:
    put = f"__import__('book.run.nothing', fromlist=['put']).put({list(spellings)!r}, {how!r})\n"
    job = standalone.job(tree, user.page, user.cell, book_ledger, name)
    return replace(job, blocks=(BlockCode("nothing", put), *job.blocks), stops=False)
