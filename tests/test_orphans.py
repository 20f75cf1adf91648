"""book.run.warden: what a page started ends with it, whoever is killed"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from books import one_block

from book.ground.tree import HERE, Tree
from book.record import records
from book.run import warden
from book.run.job import BlockCode, BlockResult, Job, Machine
from book.run.session import PageRun, Sessions
from book.source import pages

pytestmark = pytest.mark.skipif(not warden.WORKS, reason="subreapers are Linux's")

SECONDS = 8.0  # within which all must have ended, on a busy machine
# What a page may start: servers in sessions of their own, behind a shell, without our variables, deaf to SIGTERM, left by a parent.
STARTS = """
import os, subprocess, sys, time
from pathlib import Path

folder = Path({folder!r})


def started(name):
    return f"echo $$ > {{folder}}/new-{{name}} && mv {{folder}}/new-{{name}} {{folder}}/pid-{{name}}; exec sleep 300"


kept = [
    subprocess.Popen(["sh", "-c", started("session")], start_new_session=True),
    subprocess.Popen(["sh", "-c", started("bare")], start_new_session=True, env={{}}, cwd="/", close_fds=True),
    subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; " + started("deaf")], start_new_session=True),
    subprocess.Popen(["setsid", "sh", "-c", "setsid sh -c '" + started("below") + "'; true"]),
]
subprocess.run(["sh", "-c", "setsid sh -c '" + started("left") + "' &"])
Path(folder, "page").write_text(str(os.getpid()))
while len(list(folder.glob("pid-*"))) < 5:
    time.sleep(0.01)
Path(folder, "ready").touch()
time.sleep({seconds})
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def eventually(holds: Callable[[], object], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(holds())


def servers(folder: Path) -> list[int]:
    """What the block started, once all of it runs."""
    assert eventually((folder / "ready").exists, 60), "the block did not get there within a minute"
    found = [int(path.read_text()) for path in sorted(folder.glob("pid-*"))]
    assert len(found) == 5 and all(map(alive, found))
    return found


def block(folder: Path, seconds: float = 300.0) -> str:
    return STARTS.format(folder=str(folder), seconds=seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the block says what it started; what a failing test leaves is ended."""
    place = tmp_path / "started"
    place.mkdir()
    yield place
    for path in place.glob("p*"):
        if alive(pid := int(path.read_text())):
            os.kill(pid, signal.SIGKILL)


def page_job(folder: Path, seconds: float = 300.0) -> Job:
    return Job("part/one", (BlockCode("starts", block(folder, seconds)),), root=str(HERE.root))


def test_a_page_that_ends_leaves_nothing(folder: Path) -> None:
    with Sessions() as sessions:
        (run,) = sessions.run([page_job(folder, seconds=0)])
        started = [int(path.read_text()) for path in folder.glob("pid-*")]
        assert len(started) == 5 and not any(map(alive, started)), "the run is told when all has ended"
    assert "runs on after the page" in str(run.results[0].failure)


def test_a_killed_page_leaves_nothing_and_the_next_one_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """Beside it runs another page, whose own server must live on."""
    other = tmp_path / "other"
    other.mkdir()
    neighbour = page_job(other)
    jobs = [page_job(folder), Job("part/two", neighbour.blocks, root=neighbour.root)]
    with Sessions() as sessions:
        events = sessions.events(jobs, workers=2)
        next(events), next(events)
        ours, theirs = servers(folder), servers(other)
        os.kill(int((folder / "page").read_text()), signal.SIGKILL)
        ended = next(events)
        assert isinstance(ended, PageRun) and ended.page == "part/one"
        assert [pid for pid in ours if alive(pid)] == []
        assert all(map(alive, theirs))
    assert eventually(lambda: not any(map(alive, theirs)), SECONDS)


@pytest.mark.parametrize("who", ["warm parent", "warden", "warden's group"])
def test_a_killed_parent_leaves_nothing(who: str, folder: Path) -> None:
    sessions = Sessions()
    events = sessions.events([page_job(folder)])
    next(events)
    started = servers(folder)
    page = int((folder / "page").read_text())
    warm = parent(page)
    assert parent(warm) == sessions._process.pid and warm != sessions._process.pid
    if who == "warm parent":
        os.kill(warm, signal.SIGKILL)
    elif who == "warden":
        sessions._process.kill()
    else:
        os.killpg(sessions._process.pid, signal.SIGKILL)
    assert eventually(lambda: not any(map(alive, [page, warm, *started])), SECONDS)
    with pytest.raises(RuntimeError, match="the warm parent died"):
        next(events)
    sessions.__exit__()


def book_of(tmp_path: Path, folder: Path) -> Tree:
    """A small book whose page is such a block, with a record."""
    tree = one_block(tmp_path / "book", block(folder))
    page = pages.load(tree, "part/one")
    results = [BlockResult(one.name) for one in page.blocks]
    records.write(tree, records.of_run(tree, page, results, Machine("3", "2", "c", "s", "cpu"), {}))
    return tree


PLUGINS = ["-p", "book.prove.pytest_plugin", "-p", "no:codeblocks", "-p", "no:cacheprovider"]
COMMANDS = {
    "the command": [sys.executable, "-m", "book", "check"],
    "pytest": [sys.executable, "-m", "pytest", *PLUGINS, "docs/en"],
    "pytest with workers": [sys.executable, "-m", "pytest", *PLUGINS, "-n", "1", "docs/en"],
}


@pytest.mark.parametrize("who", COMMANDS)
@pytest.mark.parametrize("group", [False, True], ids=["alone", "group"])
def test_a_killed_command_leaves_nothing(who: str, group: bool, folder: Path, tmp_path: Path) -> None:
    tree = book_of(tmp_path, folder)
    (tree.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    command = COMMANDS[who]
    if who == "the command":
        command = [*command[:3], "--root", str(tree.root), *command[3:]]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    process = subprocess.Popen(
        command,
        cwd=tree.root,
        env={**environment, "PYTHONPATH": str(HERE.root)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = servers(folder)
    page = int((folder / "page").read_text())
    warm = parent(page)
    above = parent(warm)
    if group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    assert eventually(lambda: not any(map(alive, [page, warm, above, *started])), SECONDS)


def test_the_warden_ends_with_the_session() -> None:
    with Sessions() as sessions:
        sessions.run([Job("part/one", (BlockCode("one", "1"),), root=str(HERE.root))])
        process = sessions._process
        began = time.monotonic()
    assert process.returncode == 0 and time.monotonic() - began < 2


def test_a_session_that_never_began_ends_too() -> None:
    """It may be importing still when the command is over."""
    with Sessions() as sessions:
        pass
    assert not alive(sessions._process.pid)


def test_all_that_is_left_is_found_where_the_kernel_lists_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(["sleep", "300"])
    try:
        assert child.pid in warden.children()
        monkeypatch.setattr(Path, "exists", lambda path: False)
        assert child.pid in warden.children()
    finally:
        child.kill()
        child.wait()
    assert child.pid not in warden.children()
