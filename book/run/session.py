"""Run pages, each in a process forked from one warm parent, as many at a time as there are cores.

``Sessions`` starts the warm parent (``python -m book.run.session``), which imports torch, pandas, matplotlib and IPython
once and then forks a child per page (on systems without a safe fork it spawns one). The parent runs no user code and
never touches CUDA; it watches the children, stops a block that hangs or floods, and says what became of one that died.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, BinaryIO

from book.ground.tree import HERE
from book.run import elsewhere, warden, world
from book.run.child import run_job, script_of, warm_up
from book.run.job import BlockResult, Job, Machine

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

    Args:
        name: the world whose kernels and threads it has (default: the one that ``BOOK_WORLD`` names).
        away: whether its pages run in another world (book.run.elsewhere).

    Example:
        >>> with Sessions() as sessions:
        ...     runs = sessions.run([Job("demo", (BlockCode("one", "1 + 1"),), root=".")])
    """

    def __init__(self, name: str | None = None, *, away: bool = False) -> None:
        self._world = world.chosen() if name is None else name
        self._away = away
        environment = {**world.environment(self._world), "PYTHONPATH": str(HERE.root)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "book.run.session", *(["away"] if away else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE.root,
            env=elsewhere.environment(environment) if away else environment,
            start_new_session=True,  # Ctrl-C in the terminal is for the command, which then closes the pipe
        )
        self._requests = 0
        self._answered = False
        self._companion: Sessions | None = None

    @property
    def elsewhere(self) -> Sessions:
        """A companion of the same kernels and threads that runs pages in another world, started when it is first asked for."""
        if self._companion is None:
            self._companion = Sessions(self._world, away=True)
        return self._companion

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        """End the warm parent; pages that still run end with it."""
        family = [self, *([self._companion] if self._companion else [])]
        self._companion = None
        try:
            for sessions in family:  # first tell all, then wait
                sessions._hang_up()
        finally:
            for sessions in family:
                sessions._wait()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        if not self._answered:  # it may be importing still, and not look at its pipe for seconds
            self._process.terminate()
        self._process.stdin.close()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def events(self, jobs: Sequence[Job], workers: int | None = None) -> Iterator[Started | PageRun]:
        """Run the jobs, the first ones first; yields a ``Started`` as each block begins and a ``PageRun`` as each page ends."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests += 1
        mine = self._requests
        threads = world.named(self._world).threads
        ours = [replace(job, threads=threads, elsewhere=self._away) for job in jobs]
        pickle.dump((mine, ours, workers or default_workers()), self._process.stdin)
        self._process.stdin.flush()
        while True:
            try:
                request, event = pickle.load(self._process.stdout)
            except EOFError as error:
                raise RuntimeError(
                    f"the warm parent died (exit status {self._process.wait()}); its own output stands above"
                ) from error
            self._answered = True
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


_pipes: list[BinaryIO] = []  # of the warm parent: its pages must not keep them open after its end


def _page(job: Job, folder: str, send: connection.Connection, parent: int) -> None:
    """A page's process: it dies with the warm parent (Linux), and holds nothing of its pipes."""
    for pipe in _pipes:
        os.close(pipe.fileno())
    warden.die_with(parent, signal.SIGKILL)
    warden.adopt()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run_job(job, folder, send)


def _start(job: Job) -> _Child:
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    folder = Path(tempfile.mkdtemp(prefix="page-"))
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_page, args=(job, str(folder), send, os.getpid()))
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
            _, offsets = script_of(child.job.page, child.job.blocks)
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
                    result.shapes = message[4].get(result.name)
    except (EOFError, OSError):
        return


def _finish(child: _Child, others: Callable[[], set[int]]) -> PageRun:
    """What its run gave, when it has ended; ends what it left behind, but not the ``others``."""
    child.process.join()
    child.run.seconds = time.perf_counter() - child.began
    if child.process.pid is not None:
        _kill_group(child.process.pid)
    warden.end_children(others())
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


def _abandon(children: Sequence[_Child], others: Callable[[], set[int]]) -> None:
    """Kill the children at once, with all that they started; nobody waits for what they would say."""
    for child in children:
        if child.process.pid is not None:
            _kill_group(child.process.pid)
        child.process.kill()
    for child in children:
        child.process.join()
        child.pipe.close()
    warden.end_children(others())
    for child in children:
        shutil.rmtree(child.folder, ignore_errors=True)


def run_here(
    jobs: Sequence[Job], workers: int, gone: Callable[[], bool] = lambda: False
) -> Iterator[Started | PageRun]:
    """The warm parent's loop: keep ``workers`` children going until all jobs are done, or the caller is ``gone``."""
    waiting = list(jobs)
    running: list[_Child] = []
    before = warden.children()

    def others() -> set[int]:
        """This process's children that live on when a page has ended."""
        return before | {child.process.pid for child in running if child.process.pid}

    try:
        while (waiting or running) and not gone():
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
                    yield _finish(child, others)
                elif child.stopped is None and time.perf_counter() > child.deadline:
                    _stop(child, f"the block did not end within {child.job.limit:g} s")
                elif child.stopped is None and child.printed() > FLOOD:
                    _stop(child, f"the block printed more than {FLOOD // 1_000_000} MB")
    finally:
        _abandon(running, others)


def _closed(pipe: BinaryIO) -> bool:
    """Whether nobody holds the other end any more."""
    if not hasattr(select, "poll"):  # Windows: the end shows with the next request
        return False
    poll = select.poll()
    poll.register(pipe, 0)  # a hang-up is told unasked
    return bool(poll.poll(0))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            request, jobs, workers = pickle.load(requests)
        except EOFError:
            return
        events = run_here(jobs, workers, lambda: _closed(requests))
        with contextlib.closing(events):  # type: ignore[type-var]  # a generator
            for event in events:
                pickle.dump((request, event), answers)
                answers.flush()
        pickle.dump((request, None), answers)
        answers.flush()


def _leave(*_: object) -> None:
    raise SystemExit(143)


def main(away: bool) -> None:
    """The warm parent: answer requests from standard input until it is closed. The warden stays above it."""
    folder = warden.stand_over(lambda: _closed(sys.stdin.buffer))
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _pipes.extend((requests, answers))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a block that reads its standard input must not read requests
    os.close(nothing)
    os.dup2(2, 1)  # whatever a library prints while it is imported must not mix with the answers
    warm_up()
    gc.collect()
    gc.freeze()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, _leave)
        tempfile.tempdir = str(folder)  # the pages' folders lie in it
        if away:
            elsewhere.move(folder)
            tempfile.tempdir = None  # it moved as well
        with contextlib.suppress(BrokenPipeError):  # the command is gone
            _serve(requests, answers)
    with contextlib.suppress(BrokenPipeError):
        answers.close()


if __name__ == "__main__":
    from book.run import session  # the classes must pickle as book.run.session's, not as __main__'s

    session.main("away" in sys.argv[1:])
