"""Every block of every page as a pytest item, ``concepts/autograd.md::backward_scalar``; a page runs once, as one session.

Selecting one block runs the blocks above it too, since it stands on them. Under xdist, ``--dist loadfile`` keeps a page on
one worker; ``RUNS`` counts what ran, so that a run that does things twice can be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Verdict
from book.record import records
from book.run.session import Sessions
from book.source import ledger
from book.source.pages import Page, load

SESSIONS = pytest.StashKey[Sessions]()
RUNS = pytest.StashKey[Counter[str]]()  # how often each costly thing ran in this process


def ran(config: pytest.Config, what: str) -> None:
    """Note that something costly was done: a page's session, a build of the site."""
    config.stash.setdefault(RUNS, Counter())[what] += 1


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    docs = parent.config.rootpath / "docs" / "en"
    if file_path.suffix != ".md" or not file_path.is_relative_to(docs):
        return None
    name = file_path.relative_to(docs).with_suffix("").as_posix()
    page: PageFile = PageFile.from_parent(parent, path=file_path, nodeid=f"{name}.md")
    page.page_name = name
    return page


def pytest_unconfigure(config: pytest.Config) -> None:
    sessions = config.stash.get(SESSIONS, None)
    if sessions is not None:
        sessions.__exit__()


class PageFile(pytest.File):
    """One page; runs itself when its first block is asked for."""

    page_name: str
    _verdicts: dict[str, Verdict] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        page = load(Tree(self.config.rootpath), self.page_name)
        for block in page.blocks:
            item: BlockItem = BlockItem.from_parent(self, name=block.name)
            item.line = block.line
            yield item

    @cached_property
    def recorded_seconds(self) -> float:
        """What its record says that it takes; unbounded where no record can be read, so that it starts first."""
        try:
            return sum(cell.seconds for cell in records.read(Tree(self.config.rootpath), self.page_name).cells)
        except BookError:
            return float("inf")

    def verdict(self, block: str) -> Verdict:
        if self._verdicts is None:
            selected = {item.name for item in self.session.items if isinstance(item, BlockItem) and item.parent is self}
            self._verdicts = {v.block: v for v in self._run(selected)}
        return self._verdicts[block]

    def _run(self, selected: set[str]) -> list[Verdict]:
        tree = Tree(self.config.rootpath)
        page: Page = load(tree, self.page_name)
        book_ledger = ledger.load(tree)
        record = records.read(tree, self.page_name)
        last = [block.name for block in page.blocks if block.name in selected][-1]
        ran(self.config, f"the session of {self.page_name}")
        if SESSIONS not in self.config.stash:
            self.config.stash[SESSIONS] = Sessions()
        run = self.config.stash[SESSIONS].run([check.job_of(tree, page, book_ledger, until=last)], workers=1)[0]
        return check.judge(tree, page, run, book_ledger, record)


class BlockItem(pytest.Item):
    """One block: passes when its verdict does."""

    line = 0

    def runtest(self) -> None:
        assert isinstance(self.parent, PageFile)
        verdict = self.parent.verdict(self.name)
        if verdict.status == "skipped":
            pytest.skip(verdict.message)
        if verdict.status == "failed":
            raise BookError(verdict.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, BookError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        assert isinstance(self.parent, PageFile)
        return self.path, self.line - 1, f"{self.parent.page_name}::{self.name}"
