"""Run pages, each in a process forked from one warm parent, as many at a time as there are cores.

``Sessions`` starts the warm parent (``python -m book.session``), which imports torch, pandas, matplotlib and IPython
once and then forks a child per page (on systems without a safe fork it spawns one). The parent runs no user code and
never touches CUDA; it watches the children, stops a block that hangs or floods, and says what became of one that died.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, BinaryIO

from book import kernel
from book.kernel import BlockCode, BlockResult, Job, Machine

__all__ = ["BlockCode", "BlockResult", "Job", "Machine", "PageRun", "Sessions", "Started", "default_workers"]

FLOOD = 10_000_000  # bytes after which a block that is still printing is stopped
TICK = 0.25  # seconds between looks at the children


@dataclass
class PageRun:
    """What running a page gave.

    Attributes:
        results: one per block that was started, in order; the last may have failed.
        machine: what ran it; None when the process died.
        seconds: wall time from the fork to the end of the process.
        setup: seconds from the fork to the start of the first block.
    """

    page: str
    results: list[BlockResult] = field(default_factory=list)
    machine: Machine | None = None
    seconds: float = 0.0
    setup: float = 0.0


@dataclass(frozen=True)
class Started:
    """A block began."""

    page: str
    block: str


def default_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Sessions:
    """A warm parent that runs pages. Use as a context manager.

    Example:
        >>> with Sessions() as sessions:
        ...     runs = sessions.run([Job("demo", (BlockCode("one", "1 + 1"),), root=".")])
    """

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "book.session"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._requests = 0

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()

    def events(self, jobs: Sequence[Job], workers: int | None = None) -> Iterator[Started | PageRun]:
        """Run the jobs, the first ones first; yields a ``Started`` as each block begins and a ``PageRun`` as each page ends."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests += 1
        mine = self._requests
        pickle.dump((mine, list(jobs), workers or default_workers()), self._process.stdin)
        self._process.stdin.flush()
        while True:
            try:
                request, event = pickle.load(self._process.stdout)
            except EOFError as error:
                raise RuntimeError(
                    f"the warm parent died (exit status {self._process.wait()}); its own output stands above"
                ) from error
            if request != mine:
                continue  # left over from a request whose caller went away in the middle
            if event is None:
                return
            yield event

    def run(self, jobs: Sequence[Job], workers: int | None = None) -> list[PageRun]:
        """Run the jobs and return their runs in the order of ``jobs``."""
        runs = {event.page: event for event in self.events(jobs, workers) if isinstance(event, PageRun)}
        return [runs[job.label or job.page] for job in jobs]


@dataclass
class _Child:
    job: Job
    process: BaseProcess
    pipe: connection.Connection
    folder: Path
    run: PageRun
    began: float
    block: int = -1
    block_began: float = 0.0
    stopped: str | None = None
    ended: bool = False

    @property
    def deadline(self) -> float:
        return (self.block_began or self.began + 60.0) + self.job.limit

    def printed(self) -> int:
        return sum(p.stat().st_size for name in ("stdout", "stderr") if (p := self.folder / name).exists())


def _start(job: Job) -> _Child:
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    folder = Path(tempfile.mkdtemp(prefix="book-"))
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=kernel.run_job, args=(job, str(folder), send))
    began = time.perf_counter()
    process.start()
    send.close()
    return _Child(job, process, receive, folder, PageRun(job.label or job.page), began)


def _stop(child: _Child, why: str) -> None:
    """Kill the child and all it started, having asked it first where it stands."""
    child.stopped = why
    pid = child.process.pid
    assert pid is not None
    if hasattr(signal, "SIGUSR1"):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGUSR1)
        for _ in range(20):  # a busy machine may take a while to let it answer
            time.sleep(0.05)
            if (child.folder / "faults").stat().st_size:
                break
    _kill_group(pid)
    child.process.kill()


def _kill_group(pid: int) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _line_in_block(child: _Child) -> str:
    """``' at line 3: while True:'`` from what faulthandler wrote, or an empty string."""
    faults = child.folder / "faults"
    stem = next(child.folder.glob("*.py"), None)
    if not faults.exists() or stem is None:
        return ""
    for line in faults.read_text(encoding="utf-8", errors="replace").splitlines():
        if f'"{stem}"' in line and "line " in line:
            number = int(line.split("line ")[1].split()[0])
            _, offsets = kernel.script_of(child.job.page, child.job.blocks)
            code = stem.read_text(encoding="utf-8").splitlines()[number - 1].strip()
            return f" at line {number - offsets[child.block]} of the block: {code}"
    return ""


def _receive(child: _Child) -> Iterator[Started | PageRun]:
    """Take what the child has sent so far."""
    try:
        while child.pipe.poll():
            message = child.pipe.recv()
            if message[0] == "start":
                child.block = message[1]
                child.block_began = time.perf_counter()
                if child.block == 0:
                    child.run.setup = child.block_began - child.began
                yield Started(child.job.page, child.job.blocks[child.block].name)
            elif message[0] == "done":
                child.run.results.append(message[2])
            else:
                child.run.machine = message[1]
                child.ended = True
                for result in child.run.results:
                    result.failure = result.failure or message[2].get(result.name)
                    result.apis = message[3].get(result.name, [])
    except (EOFError, OSError):
        return


def _finish(child: _Child) -> PageRun:
    child.process.join()
    child.run.seconds = time.perf_counter() - child.began
    if child.process.pid is not None:
        _kill_group(child.process.pid)
    if not child.ended:
        place = max(child.block, 0)
        why = child.stopped or _cause_of_death(child)
        if len(child.run.results) > place:
            child.run.results[place].failure = f"after the block: {why}"
        elif child.job.blocks:
            seconds = time.perf_counter() - (child.block_began or child.began)
            child.run.results.append(
                BlockResult(child.job.blocks[place].name, failure=why + _line_in_block(child), seconds=seconds)
            )
    child.pipe.close()
    shutil.rmtree(child.folder, ignore_errors=True)
    return child.run


def _cause_of_death(child: _Child) -> str:
    code = child.process.exitcode
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"the block crashed its process ({signal.Signals(-code).name})"
    printed = child.folder / "stderr"
    words = printed.read_text(encoding="utf-8", errors="replace").strip().splitlines() if printed.exists() else []
    return f"the block ended its process (exit status {code}){': ' + words[-1] if words else ''}"


def run_here(jobs: Sequence[Job], workers: int) -> Iterator[Started | PageRun]:
    """The warm parent's loop: keep ``workers`` children going until all jobs are done."""
    waiting = list(jobs)
    running: list[_Child] = []
    while waiting or running:
        while waiting and len(running) < workers:
            running.append(_start(waiting.pop(0)))
        objects: list[connection.Connection | int] = [child.pipe for child in running]
        objects += [child.process.sentinel for child in running]
        ready = set(map(id, connection.wait(objects, TICK)))
        for child in list(running):
            over = not child.process.is_alive()
            if over or id(child.pipe) in ready:
                yield from _receive(child)
            if over:
                running.remove(child)
                yield _finish(child)
            elif child.stopped is None and time.perf_counter() > child.deadline:
                _stop(child, f"the block did not end within {child.job.limit:g} s")
            elif child.stopped is None and child.printed() > FLOOD:
                _stop(child, f"the block printed more than {FLOOD // 1_000_000} MB")


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    kernel.warm_up()
    gc.collect()
    gc.freeze()
    while True:
        try:
            request, jobs, workers = pickle.load(requests)
        except EOFError:
            return
        for event in run_here(jobs, workers):
            pickle.dump((request, event), answers)
            answers.flush()
        pickle.dump((request, None), answers)
        answers.flush()


if __name__ == "__main__":
    from book import session  # the classes must pickle as book.session's, not as __main__'s

    stdout = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints while it is imported must not mix with the answers
    session._serve(sys.stdin.buffer, os.fdopen(stdout, "wb"))
