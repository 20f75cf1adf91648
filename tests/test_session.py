"""book.run.session (blocks that hang, die or flood stand in faults.py)"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from books import one_block

from book.ground.tree import HERE
from book.record import records
from book.run.job import BlockCode, BlockResult, Job, Machine
from book.run.session import PageRun, Sessions, Started, default_workers, run_here
from book.source import pages

BUSY = os.getloadavg()[0] if hasattr(os, "getloadavg") else 2.0  # seconds that other work on this machine may add


def job(*codes: str, page: str = "part/demo", **keys: object) -> Job:
    blocks = tuple(BlockCode(f"block{number}", code) for number, code in enumerate(codes, start=1))
    return Job(page, blocks, root="/nowhere", **keys)  # type: ignore[arg-type]


def test_runs_come_back_in_the_order_of_the_jobs(sessions: Sessions) -> None:
    slow, quick = job("import time; time.sleep(0.4)", page="slow"), job("1 + 1", page="quick")
    runs = sessions.run([slow, quick], workers=2)
    assert [run.page for run in runs] == ["slow", "quick"]
    assert runs[1].results[0].outputs[0]["data"]["text/plain"] == "2"


def test_a_run_tells_machine_and_times(sessions: Sessions) -> None:
    (run,) = sessions.run([job("import time; time.sleep(0.2)")])
    assert run.machine is not None and run.machine.torch.startswith("2.") and run.machine.device == "cpu"
    assert 0.2 <= run.results[0].seconds <= run.seconds
    assert 0 < run.setup < run.seconds


def test_events_tell_each_block_before_its_end(sessions: Sessions) -> None:
    events = list(sessions.events([job("1", "2")], workers=1))
    assert events[:2] == [Started("part/demo", "block1"), Started("part/demo", "block2")]
    assert isinstance(events[2], PageRun) and len(events) == 3


def test_pages_run_at_the_same_time_up_to_the_workers(sessions: Sessions, tmp_path: Path) -> None:
    meet = "import pathlib, time\npathlib.Path({0!r}).touch()\nwhile not pathlib.Path({1!r}).exists(): time.sleep(0.01)"
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    jobs = [job(meet.format(here, there), page="a", limit=30), job(meet.format(there, here), page="b", limit=30)]
    assert [run.results[0].failure for run in sessions.run(jobs, workers=2)] == [None, None]
    alone = [type(event) for event in sessions.events([job("1", page="a"), job("2", page="b")], workers=1)]
    assert alone == [Started, PageRun, Started, PageRun]


def test_a_caller_that_goes_away_does_not_disturb_the_next(sessions: Sessions) -> None:
    left = sessions.events([job("1", "2", page="left"), job("3", page="behind")], workers=1)
    assert next(left) == Started("left", "block1")
    (run,) = sessions.run([job("4", page="mine")])
    assert run.page == "mine" and run.results[0].outputs[0]["data"]["text/plain"] == "4"


def test_labels_tell_runs_of_one_page_apart(sessions: Sessions) -> None:
    runs = sessions.run([job("1", label="one"), job("2", label="two")])
    assert [run.page for run in runs] == ["one", "two"]


def test_a_page_goes_on_below_a_block_that_fails(sessions: Sessions) -> None:
    bad, good = sessions.run([job("1", "1 / 0", "3", page="bad"), job("4", page="good")])
    assert [r.name for r in bad.results] == ["block1", "block2", "block3"] and bad.results[2].failure is None
    assert bad.results[1].error == ("ZeroDivisionError", "division by zero")
    assert good.results[0].failure is None


def test_a_page_can_stop_at_the_first_failure_that_is_not_expected(sessions: Sessions) -> None:
    (run,) = sessions.run([job("1 / 0", "{}[1]", "2", raises=frozenset({"block1"}), stops=True)])
    assert [r.name for r in run.results] == ["block1", "block2"] and run.machine is not None


def test_a_dead_page_leaves_the_next_ones_alone(sessions: Sessions) -> None:
    dead, good = sessions.run([job("1", "import os; os._exit(5)", page="dead"), job("4", page="good")], workers=1)
    assert dead.machine is None
    assert dead.results[0].failure is None
    assert dead.results[1].failure == "the block ended its process (exit status 5)"
    assert good.results[0].failure is None


def test_the_limit_is_of_each_block(sessions: Sessions) -> None:
    code = "import time; time.sleep(1.2)"
    (run,) = sessions.run([job(code, code, limit=2.2)])
    assert [r.failure for r in run.results] == [None, None]


def test_what_a_stopped_block_started_is_stopped_too(sessions: Sessions) -> None:
    code = "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nprint(child.pid, flush=True)\n"
    (first,) = sessions.run([job(code)])
    pid = int(first.results[0].outputs[0]["text"])
    for _ in range(50):
        if not _alive(pid):
            return
        time.sleep(0.1)
    pytest.fail("the child of a block lives on after its page")


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_folders_of_runs_are_removed(sessions: Sessions) -> None:
    (run,) = sessions.run([job("import os; print(os.path.realpath(os.getcwd()))\nopen('left.txt', 'w').close()")])
    shown = run.results[0].outputs[0]["text"].strip()
    assert shown == "work", "the session's own folder is not shown"
    (run,) = sessions.run([job("import os; print(list(os.getcwd()))")])
    folder = "".join(eval(run.results[0].outputs[0]["text"]))
    assert folder.endswith("/work") and not os.path.exists(os.path.dirname(folder))


def test_nothing_to_run_is_no_event() -> None:
    assert list(run_here([], workers=2)) == []


def test_default_workers_is_what_this_process_may_use() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)


def test_a_parent_that_dies_is_told() -> None:
    sessions = Sessions()
    sessions._process.kill()
    sessions._process.wait()
    with pytest.raises((RuntimeError, BrokenPipeError)):
        sessions.run([job("1")])
    with pytest.raises(BrokenPipeError):
        sessions.__exit__()
    assert sessions._process.stdout is not None
    sessions._process.stdout.close()


def test_standard_input_of_a_block_is_empty(sessions: Sessions) -> None:
    code = "import subprocess, sys\nprint(subprocess.run(['cat'], capture_output=True).stdout, repr(sys.stdin.read()))"
    (run,) = sessions.run([job(code, limit=20)])
    assert run.results[0].outputs[0]["text"] == "b'' ''\n"


SLEEPS = "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '300'])\nprint(child.pid, flush=True)\ntime.sleep(300)"


def _command(tmp_path: Path, command: str) -> tuple[subprocess.Popen[str], Path, list[int]]:
    """A command on a page whose block sleeps: the process, the folder of its temporary files, and the ids of what it started."""
    tree = one_block(tmp_path / "book", SLEEPS.replace("'sleep'", repr(str(_sleeper(tmp_path)))))
    if command == "check":
        page = pages.load(tree, "part/one")
        results = [BlockResult(block.name) for block in page.blocks]
        records.write(tree, records.of_run(tree, page, results, Machine("3", "2", "c", "s", "cpu"), {}))
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "book", "--root", str(tree.root), command],
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(HERE.root)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    for _ in range(1200):
        started = [int(path.read_text()) for path in tmp_path.glob("pid-*") if path.read_text()]
        if started:
            return process, folder, [*started, *_family(process.pid)]
        time.sleep(0.05)
    process.kill()
    pytest.fail("the block did not begin within a minute")


def _sleeper(folder: Path) -> Path:
    """A program that sleeps, and says so in a file named by its process."""
    program = folder / "sleeper"
    program.write_text(f'#!/bin/sh\necho $$ > "{folder}/pid-$$"\nexec sleep "$1"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def _family(pid: int) -> list[int]:
    """The ids of a process's children and of theirs."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(stat.parent.name), *_family(int(stat.parent.name))]
    return found


def _wait_for_end(pids: list[int], seconds: float) -> list[int]:
    """Those that are alive after so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(_alive, pids)):
        time.sleep(0.02)
    return [pid for pid in pids if _alive(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("command", ["record", "check"])
def test_ctrl_c_ends_a_command_at_once_and_leaves_nothing(command: str, tmp_path: Path) -> None:
    process, folder, started = _command(tmp_path, command)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the command and all in its group
    _, said = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert process.returncode == 130 and "stopped" in said and "Traceback" not in said, said
    assert _wait_for_end(started, 2) == []
    assert [path.name for path in folder.iterdir() if path.name.startswith("book-")] == []
    assert seconds < 1 + BUSY, f"it took {seconds:.1f} s"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no warden stands over the warm parent")
def test_told_to_end_while_it_cleans_up_a_warm_parent_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    sessions = Sessions()
    files = "for number in range(4000):\n    open(f'{number}', 'w').close()"
    events = sessions.events([job(files, SLEEPS)])
    assert next(events) == Started("part/demo", "block1") and next(events) == Started("part/demo", "block2")
    assert _files(tmp_path) >= 4000
    sessions._hang_up()
    while _files(tmp_path) >= 4000:
        time.sleep(0.001)
    sessions._process.terminate()
    sessions._wait()
    assert list(tmp_path.iterdir()) == []


def _files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_after_a_killed_command_nothing_goes_on(tmp_path: Path) -> None:
    process, folder, started = _command(tmp_path, "check")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert _wait_for_end(started, 2 + BUSY) == []
    assert [path.name for path in folder.iterdir() if path.name.startswith("book-")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_after_a_killed_warm_parent_no_page_goes_on(tmp_path: Path) -> None:
    sessions = Sessions()
    events = sessions.events([job(f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))", SLEEPS)])
    assert next(events) == Started("part/demo", "block1") and next(events) == Started("part/demo", "block2")
    page = int((tmp_path / "pid").read_text())
    sessions._process.kill()
    assert _wait_for_end([page], 2 + BUSY) == []
    sessions._process.wait()
    sessions.__exit__()


def test_a_traceback_names_no_folder_of_a_cache(sessions: Sessions) -> None:
    """Code that a compiler has written lies in a folder of the user's."""
    code = "import os\n\nplace = os.environ['TORCHINDUCTOR_CACHE_DIR']\nexec(compile('1 / 0', place + '/made.py', 'exec'))"
    (run,) = sessions.run([job(code)])
    (output,) = run.results[0].outputs
    assert 'File "made.py"' in "".join(output["traceback"])
