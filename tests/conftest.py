"""Fixtures that several test files share: a small book, a copy of the real one, warm sessions, the built site."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import site_pages as reader
import tiers
from books import BOOK_PARTS, copy_book, write_small
from filelock import FileLock

from book import cli
from book.ground.tree import Tree
from book.prove import check, recording
from book.prove.pytest_plugin import ran
from book.run.session import Sessions
from book.site import build as building

RunBook = Callable[..., tuple[int, str]]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(tiers, "tiers")


@pytest.fixture(scope="session")
def sessions() -> Iterator[Sessions]:
    """One warm parent for all tests of this process."""
    with Sessions() as warm:
        yield warm


@pytest.fixture
def run_book(sessions: Sessions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunBook:
    """``run_book(tree, "check", "part/small")``: the command as a reader runs it, but in the shared warm parent.

    Returns its exit status and all that it printed.
    """
    for module in (check, recording):
        monkeypatch.setattr(module, "Sessions", lambda: nullcontext(sessions))
    monkeypatch.delenv("BOOK_DEVICE", raising=False)

    def run(tree: Tree, *arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = cli.main(["--root", str(tree.root), *arguments])
        out, err = capsys.readouterr()
        return status, out + err

    return run


@pytest.fixture(scope="session")
def recorded_small(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Path:
    """The small book with its record, made once; tests work on copies."""
    tree = write_small(tmp_path_factory.mktemp("recorded") / "book")
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    return tree.root


@pytest.fixture
def small(tmp_path: Path, recorded_small: Path) -> Tree:
    """A small book of one recorded page, ``part/small``, to break."""
    return Tree(Path(shutil.copytree(recorded_small, tmp_path / "book")))


@pytest.fixture
def real(tmp_path: Path) -> Tree:
    """A copy of the real book's sources and records."""
    return copy_book(tmp_path / "book", *BOOK_PARTS)


@pytest.fixture(scope="session")
def built_site(tmp_path_factory: pytest.TempPathFactory, worker_id: str, pytestconfig: pytest.Config) -> Path:
    """The real book, built: English at /, Chinese at /zh/. Built once per test run, also under xdist. Do not write to it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    tree = Tree(shared / "site-of-this-run")
    target = tree.root / "site"
    with FileLock(shared / "site-of-this-run.lock"):
        if not target.is_dir():
            copy_book(tree.root, *BOOK_PARTS, "book")  # the engine comes too: mkdocs.yml names its hook
            ran(pytestconfig, "the build of the site")
            building.build(tree, target)
    return target


@pytest.fixture(scope="session")
def site_pages(built_site: Path) -> dict[str, reader.SitePage]:
    """What each page of the built site holds, by its path below the site; read once per test run."""
    return reader.read(built_site)
