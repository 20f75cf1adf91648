"""Nothing that a page starts outlives the page, the warm parent or the command, whichever of them is killed (Linux).

A process whose parent dies goes to its nearest ancestor that is a *subreaper*, in whatever session or group it is. There
are three of them, one above the other: the page's own process keeps what its blocks leave behind; the warm parent gets
the rest when a page has died; the warden, which does nothing else, gets it when the warm parent has died. If the command
dies, a pipe tells both; if the warden dies, the kernel tells the warm parent. The warden also removes the
folder of all temporary files, when nobody is left who could write into it. Elsewhere than on Linux a page's process group
is all that is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

WORKS = sys.platform == "linux"
TICK = 0.25  # seconds between looks at the pipe
GRACE = 5.0  # seconds that the warm parent has to clean up by itself when the command is gone
LIMIT = 10.0  # seconds after which a process that can't be killed is left alone
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # <sys/prctl.h>


def adopt() -> None:
    """Let what this process's descendants leave behind become its own children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, signum: signal.Signals) -> None:
    """Let the kernel send this process a signal when its parent dies; end at once if that has happened already."""
    if _prctl(_PR_SET_PDEATHSIG, signum) and os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> bool:
    """Whether the kernel did it."""
    if not WORKS:
        return False
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    return False


def children() -> set[int]:
    """The ids of this process's children, those that have ended and were not waited for included (Linux)."""
    tasks = Path("/proc/self/task")
    if (tasks / str(os.getpid()) / "children").exists():
        found: set[int] = set()
        for task in tasks.iterdir():
            with contextlib.suppress(OSError):
                found |= {int(pid) for pid in (task / "children").read_text().split()}
        return found
    mine = os.getpid()  # a kernel without these files
    return {int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and _parent(pid) == mine}


def _parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has gone
        return 0


def end_children(but: Collection[int] = ()) -> None:
    """Kill the children of this process, all but some, and wait; and so what they leave behind, until nothing is left."""
    if not WORKS:
        return
    until = time.monotonic() + LIMIT
    while (found := children().difference(but)) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            _wait(pid, until)


def _wait(pid: int, until: float) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < until:
            time.sleep(0.002)


def stand_over(gone: Callable[[], bool]) -> Path:
    """Split in two: the warden stays here until its child has ended, and this returns in the child only.

    Args:
        gone: whether nobody waits for the child's answers any more.

    Returns:
        A folder for temporary files. The warden removes it: the child may be told to end while it cleans up. Elsewhere
        than on Linux the caller removes it.
    """
    if not WORKS:
        return _folder()
    signals = {signal.SIGCHLD, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # so that none is lost before it is waited for
    folder = _folder()
    adopt()
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        os.setsid()  # who kills the warden's group must not kill both
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        die_with(warden, signal.SIGTERM)  # it then ends its pages and what they left
        adopt()
        return folder
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # the child's death must be seen at the pipe
    status = _watch(child, signals, gone)
    end_children()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status if status >= 0 else 128 - status)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="book-"))


def _watch(child: int, signals: set[signal.Signals], gone: Callable[[], bool]) -> int:
    """Wait for the child, pass on what tells it to end, and kill it if it doesn't; returns its exit code."""
    deadline = None
    while True:
        told = signal.sigtimedwait(signals, TICK)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if told is not None and told.si_signo == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)
        if deadline is None and gone():
            deadline = time.monotonic() + GRACE
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
