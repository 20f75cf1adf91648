"""Another world for a page: what ``record`` changes around it to see whether its output depends on it.

The second run has another hash seed, home, temporary folder, time zone, language and width of terminal (variables of its
warm parent), and, in the page's own process, another date, a clock on which all takes far longer, other cores, host name,
interpreter and processor; no address but loopback answers.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import multiprocessing
import os
import platform
import socket
import sys
import sysconfig
import time
import timeit
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SAYS = "hash seed, home, time zone, width, date, clock, cores, host name, folder, Python build, random state"
DAYS = 400
SLOWER = 1_000_000  # a microsecond becomes a second: no bound on seconds holds, ratios stay what they are
HOST = "another-host"
ENVIRONMENT = {
    "PYTHONHASHSEED": "20250",
    "TZ": "XYZ-12:45",
    "LANG": "tr_TR.UTF-8",
    "COLUMNS": "132",  # wider: a narrower terminal than 80 would fold every table
    "LINES": "50",
    "USER": "somebody",
    "LOGNAME": "somebody",
    "USERNAME": "somebody",
}
CLOCKS = ("time", "perf_counter", "monotonic", "process_time", "thread_time")
_TIMERS = (f"{os.sep}timeit.py", f"{os.sep}torch{os.sep}utils{os.sep}benchmark{os.sep}")
_INSTALLED = (
    "<frozen",
    str(Path(__file__).parents[1]) + os.sep,
    *(path + os.sep for key in ("stdlib", "purelib", "platlib") if (path := sysconfig.get_path(key))),
)


def environment(normal: Mapping[str, str]) -> dict[str, str]:
    """The variables of the other world's warm parent."""
    return {**normal, **ENVIRONMENT}


def move(folder: Path) -> None:
    """Give this process a home, a temporary folder (a deeper one) and one more folder in PATH, all below ``folder``."""
    home, temporary, programs = folder / "home", folder / "some" / "where", folder / "bin"
    for path in (home, temporary, programs):
        path.mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        os.environ[name] = str(home)
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = str(temporary)
    os.environ["PATH"] = os.pathsep.join([str(programs), os.environ.get("PATH", "")])


def enter(folder: Path) -> None:
    """Change this process, before the page's first block; ``folder`` is the session's own."""
    _change_dates(_change_clocks())
    _change_cores()
    _change_host()
    _change_python(folder)
    _change_processor()


def _asks() -> bool:
    """Whether our caller was called by a page or a stopwatch: libraries need the true clock for their timeouts."""
    file = sys._getframe(2).f_code.co_filename
    return not file.startswith(_INSTALLED) or any(timer in file for timer in _TIMERS)


class _Clock:
    """Stands for ``time.perf_counter`` and the like: an object, since a function in a class would become its method."""

    def __init__(self, name: str, original: Callable[[], Any]) -> None:
        self.__name__ = name
        self.true = original
        self._zero = original()
        unit = 10**9 if name.endswith("_ns") else 1
        self._shift = DAYS * 86400 * unit if name.removesuffix("_ns") == "time" else 0

    def told(self) -> Any:
        """What a page is told."""
        return self._zero + (self.true() - self._zero) * SLOWER + self._shift

    def __call__(self) -> Any:
        return self.told() if _asks() else self.true()


def _change_clocks() -> _Clock:
    """Returns the clock that tells the time of day."""
    clocks = {
        full: _Clock(full, getattr(time, full))
        for name in CLOCKS
        for full in (name, f"{name}_ns")
        if hasattr(time, full)
    }
    for name, clock in clocks.items():
        setattr(time, name, clock)
    day, local = clocks["time"], time.localtime
    for name in ("localtime", "gmtime", "ctime"):
        _default(name, 0, day.told)
    for name, place in (("asctime", 0), ("strftime", 1)):
        _default(name, place, lambda: local(day.told()))
    timeit.default_timer = time.perf_counter
    for function in (timeit.Timer.__init__, timeit.timeit, timeit.repeat):
        given = function.__defaults__ or ()
        changed = tuple(time.perf_counter if d is clocks["perf_counter"].true else d for d in given)
        function.__defaults__ = changed
    return day


def _default(name: str, place: int, now: Callable[[], Any]) -> None:
    """Let a function of ``time`` take our now where its argument number ``place`` is left out."""
    original = getattr(time, name)

    def changed(*arguments: Any) -> Any:
        left_out = len(arguments) <= place or (name != "strftime" and arguments[place] is None)
        return original(*arguments[:place], now()) if left_out and _asks() else original(*arguments)

    setattr(time, name, changed)


def _import_before_dates() -> None:
    """Import what derives from a date with a metaclass of its own: it must meet the true one (gradio brings it)."""
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")  # it is not for each Python
        importlib.import_module("pydantic.v1.types")


def _change_dates(day: _Clock) -> None:
    _import_before_dates()

    class OfReal(type):
        """Real dates, such as pandas makes, are instances too."""

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, cls.__mro__[1])

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, cls.__mro__[1])

    class Date(datetime.date, metaclass=OfReal):
        @classmethod
        def today(cls) -> Date:
            return cls.fromtimestamp(day.told() if _asks() else day.true())

        def __repr__(self) -> str:
            return f"datetime.{super().__repr__().removeprefix('datetime.')}"

    class Datetime(datetime.datetime, metaclass=OfReal):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Datetime:
            return cls.fromtimestamp(day.told() if _asks() else day.true(), tz)

        @classmethod
        def today(cls) -> Datetime:
            return cls.fromtimestamp(day.told() if _asks() else day.true())

        @classmethod
        def utcnow(cls) -> Datetime:
            now = day.told() if _asks() else day.true()
            return cls.fromtimestamp(now, datetime.UTC).replace(tzinfo=None)

        def __repr__(self) -> str:
            return f"datetime.{super().__repr__().removeprefix('datetime.')}"

    for name, changed in (("date", Date), ("datetime", Datetime)):
        changed.__name__ = changed.__qualname__ = name
        changed.__module__ = "datetime"
        setattr(datetime, name, changed)


def _change_cores() -> None:
    cores = 1 if (os.cpu_count() or 1) > 1 else 3
    for name in ("cpu_count", "process_cpu_count"):
        if hasattr(os, name):
            setattr(os, name, lambda: cores)
    if hasattr(os, "sched_getaffinity"):
        os.sched_getaffinity = lambda _: set(range(cores))
    multiprocessing.cpu_count = lambda: cores
    if hasattr(os, "sysconf"):
        real = os.sysconf

        def sysconf(name: str | int) -> int:
            return cores if name in ("SC_NPROCESSORS_ONLN", "SC_NPROCESSORS_CONF") else real(name)

        os.sysconf = sysconf


def _change_host() -> None:
    socket.gethostname = lambda: HOST
    if hasattr(os, "uname"):
        real = os.uname()
        other = os.uname_result((real.sysname, HOST, "99.0.1-other", "#1 other", real.machine))
        os.uname = lambda: other
    platform._uname_cache = None  # type: ignore[attr-defined]
    platform._platform_cache.clear()  # type: ignore[attr-defined]
    platform.node = lambda: HOST


def _change_python(folder: Path) -> None:
    major, minor, *_ = sys.version_info
    sys.version = f"{major}.{minor}.99 (main, Jan  1 2030, 00:00:00) [Other 1.0.0]"
    if os.name == "posix":  # the same interpreter under another path
        program = folder / "python"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        sys.executable = str(program)


def _change_processor() -> None:
    import torch

    real = torch.backends.cpu.get_cpu_capability

    def get_cpu_capability() -> str:
        return "ANOTHER" if _asks() else real()

    torch.backends.cpu.get_cpu_capability = get_cpu_capability
