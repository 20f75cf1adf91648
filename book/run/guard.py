"""What a block does to others, seen while it runs: a later block, another page or the reader's machine would notice.

Looked at, block by block: warning filters, public names of torch that were replaced, files outside the session's folder,
the network; and when the page has ended, threads and child processes that go on.
"""

from __future__ import annotations

import ast
import contextlib
import multiprocessing
import operator
import os
import re
import socket
import sys
import sysconfig
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from book.run import warden

STANDARD, *PACKAGES = (f"{sysconfig.get_path(key)}{os.sep}" for key in ("stdlib", "purelib", "platlib"))
INSTALLED = (STANDARD, *PACKAGES)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
LOOPBACK = re.compile(r"(?i)localhost(\..*)?|127\.[\d.]+|::1|::ffff:127\.[\d.]+|0\.0\.0\.0|::|")
# Audit events that change a file: event -> where its paths stand, and the place of the folder's descriptor for each.
CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.utime": ((0, 3),),
    "sqlite3.connect": ((0, None),),
}
ADDRESSES = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
WATCHED = frozenset({"open", *CHANGES, *ADDRESSES})
# Whose public names no block may replace. Classes that these modules export are looked into, too.
MODULES = (
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.linalg",
    "torch.special",
    "torch.fft",
    "torch.autograd",
    "torch.func",
    "torch.random",
    "torch.utils.data",
    "torch.distributions",
    "torch.accelerator",
    "torch.amp",
    "builtins",
    "math",
    "random",
    "time",
    "numpy",
    "numpy.random",
)
OPEN_CLASSES = ("torch.nn", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data", "torch.distributions")
NOT_OURS = frozenset({"__builtins__", "__warningregistry__", "__doc__", "__annotations__", "__annotate__", "filters"})
# Threads and children that may outlive a page, each with its reason.
LASTING_THREADS = {
    "TMonitor": "tqdm starts it with the first bar, one for the process, and it ends with the process",
}
LASTING_CHILDREN = {
    "multiprocessing.resource_tracker": "Python starts it with the first spawned process, one for the process",
    "multiprocessing.forkserver": "Python starts it with the first process of that method, one for the process",
    "torch._inductor.compile_worker": "the compiler's own pool, one for the process",
}
SWALLOWS = "line {}: this assert is inside a try that catches its failure, so it can't fail: take it out of the try"
_FILTERS = ("filterwarnings", "simplefilter", "resetwarnings")


class Guard:
    """Looks at one session. ``own`` tells the page's script; ``refuse`` lets no address but loopback answer."""

    def __init__(self, script: str, folder: Path, *, refuse: bool = False) -> None:
        self._script = script
        self._refuse = refuse
        self._inside = {str(folder) + os.sep, os.path.realpath(folder) + os.sep, f"{os.sep}dev{os.sep}"}
        self._inside |= caches()
        self._found: list[str] = []
        self._ours: list[Any] = []
        self._threads = set(threading.enumerate())
        self._first_seen: dict[int, str] = {}
        self._process = os.getpid()
        self._filters: list[Any] = []
        for name in _FILTERS:
            setattr(warnings, name, self._noting(getattr(warnings, name)))
        self._watch_torch_files()
        self._names = _Names()
        sys.addaudithook(self._audit)

    def begin(self) -> None:
        """A block begins."""
        self._found.clear()
        self._ours.clear()
        self._filters = list(warnings.filters)

    def end(self, block: str) -> list[str]:
        """What the block, now at its end, has done to others."""
        faults = list(dict.fromkeys(self._found))
        if list(warnings.filters) != self._filters and any(self._stays(entry) for entry in self._ours):
            faults.append(
                "changes the warning filters for all later blocks: put warnings.catch_warnings() around what needs it"
            )
        for name in self._names.replaced():
            faults.append(
                f"replaces {name} for all later blocks: put the old one back, or give the new one its own name"
            )
        for pid in _children():
            self._first_seen.setdefault(pid, block)
        return faults

    def left(self, owner: Callable[[threading.Thread], str | None]) -> dict[str, str]:
        """Block -> what it left running when the page had ended."""
        late = {}
        for thread in threading.enumerate():
            block = owner(thread)
            if block and thread not in self._threads and type(thread).__name__ not in LASTING_THREADS:
                late[block] = (
                    f"a thread that this block started ({thread.name}) runs on after the page: end and join it"
                )
        for pid in _children():
            command = _command(pid)
            if pid in self._first_seen and not any(name in command for name in LASTING_CHILDREN):
                late[self._first_seen[pid]] = (
                    "a process that this block started runs on after the page: end it and wait"
                )
        return late

    def _stays(self, entry: Any) -> bool:
        now, before = list(warnings.filters), self._filters
        return entry in now and (entry not in before or now.index(entry) < before.index(entry))

    def _noting(self, original: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: Any, **others: Any) -> None:
            original(*arguments, **others)
            if sys._getframe(1).f_code.co_filename == self._script:
                last = len(warnings.filters) - 1 if others.get("append") else 0
                self._ours.append(warnings.filters[last] if warnings.filters else None)

        changed.__name__ = changed.__qualname__ = original.__name__
        changed.__doc__ = original.__doc__
        return changed

    def _watch_torch_files(self) -> None:
        """``torch.save`` writes from C++, where audit hooks see nothing."""
        import torch

        note = self._note_write
        writer: Any = torch._C.PyTorchFileWriter

        class PyTorchFileWriter(writer):  # type: ignore[misc]
            def __init__(self, target: Any, *arguments: Any, **others: Any) -> None:
                if isinstance(target, str):
                    note(target)
                super().__init__(target, *arguments, **others)

        torch._C.PyTorchFileWriter = PyTorchFileWriter  # type: ignore[assignment, misc]

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED and os.getpid() == self._process:
            self._look(event, arguments)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES:
                self._note_write(path)
        elif event in CHANGES:
            if event == "os.mkdir" and os.path.isdir(arguments[0]):
                return
            for place, descriptor in CHANGES[event]:
                self._note_write(arguments[place], -1 if descriptor is None else arguments[descriptor])
        else:
            self._note_address(arguments[ADDRESSES[event]])

    def _note_write(self, path: Any, folder: int = -1) -> None:
        if isinstance(path, int):
            return
        name = os.fsdecode(path)
        try:
            if folder not in (-1, None) and not os.path.isabs(name):
                name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
            full = os.path.abspath(name)
        except (OSError, ValueError):  # no such folder: the call fails by itself
            return
        if any(f"{full}{os.sep}".startswith(inside) for inside in self._inside) or "__pycache__" in full:
            return
        if (
            full.startswith(f"{os.sep}proc{os.sep}")
            or full == os.devnull
            or ":memory:" in name
            or _by_its_package(full)
        ):
            return
        self._found.append(
            f"writes {full}, outside its own folder: write below the current folder or tempfile.gettempdir()"
        )

    def _note_address(self, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) and address else address
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if host is None or not isinstance(host, str) or host.startswith((os.sep, "\0")):
            return
        if LOOPBACK.fullmatch(host) or host == socket.gethostname():
            return
        self._found.append(f"asks the network ({host}): a page must run without one")
        if self._refuse:
            raise ConnectionRefusedError(f"no address but loopback answers in this world: {host}")


def _by_its_package(path: str) -> bool:
    """Whether an installed package writes beside its own code, as some do once, when a machine first imports them."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    writer = frame.f_code.co_filename if frame else ""
    for site in PACKAGES:
        package, inside, _ = path.removeprefix(site).partition(os.sep)
        if path.startswith(site) and inside and writer.startswith(site + package + os.sep):
            return True
    return False


_CACHES = ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "TRITON_CACHE_DIR")


def caches() -> set[str]:
    """The folders, each with a slash at its end, where packages keep what they make once for all sessions."""
    return {os.environ[name] + os.sep for name in _CACHES if name in os.environ}


def own_temporary_folder(folder: Path) -> None:
    """Let ``tempfile`` work inside the session's folder."""
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = str(folder)
    tempfile.tempdir = None


def swallowed_asserts(code: str) -> list[int]:
    """Lines of asserts whose failure a ``try`` or ``suppress`` around them would catch and forget."""
    return sorted({line for node in ast.walk(ast.parse(code)) for line in _swallowed(node)})


def _swallowed(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.Try | ast.TryStar):
        caught = [
            h for h in node.handlers if _catches(h.type) and not any(isinstance(n, ast.Raise) for n in _inner(h.body))
        ]
    elif isinstance(node, ast.With | ast.AsyncWith):
        calls = [i.context_expr for i in node.items if isinstance(i.context_expr, ast.Call)]
        caught = [c for c in calls if ast.unparse(c.func).endswith("suppress") and any(map(_catches, c.args))]  # type: ignore[misc]
    else:
        return
    if caught:
        yield from (inner.lineno for inner in _inner(node.body) if isinstance(inner, ast.Assert))


def _catches(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(map(_catches, kind.elts))
    return kind is None or ast.unparse(kind).rpartition(".")[2] in ("AssertionError", "Exception", "BaseException")


def _inner(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of these statements, functions and classes defined in them left out."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


class _Names:
    """What the public names of torch, and of the modules that pages build on, mean; and which ones a block replaced."""

    def __init__(self) -> None:
        owners: dict[int, tuple[str, Any]] = {}
        for name in MODULES:
            module = sys.modules.get(name)
            if module is None:
                continue
            owners[id(module)] = (name, module)
            if name in OPEN_CLASSES:
                classes = {k: v for k, v in vars(module).items() if isinstance(v, type) and not k.startswith("_")}
                for key, value in classes.items():
                    owners.setdefault(id(value), (f"{name}.{key}", value))
        owners[0] = ("torch.Tensor", sys.modules["torch"].Tensor)
        self._meant = [(name, vars(owner), dict(vars(owner))) for name, owner in owners.values()]

    def replaced(self) -> list[str]:
        """Names that mean something else than when this was asked before."""
        found = []
        for index, (owner, now, before) in enumerate(self._meant):
            if len(now) == len(before) and all(map(operator.is_, now.values(), before.values())):
                continue
            found += [f"{owner}.{name}" for name in _replaced(before, now)]
            self._meant[index] = (owner, now, dict(now))
        return found


def _replaced(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, old in before.items():
        new = now.get(name, before)
        if new is not old and _counts(name) and not isinstance(old, types.ModuleType) and not _wraps(new, old):
            yield name
    for name, new in now.items():
        if name not in before and _counts(name) and getattr(new, "__module__", "") == "__main__":
            yield name


def _wraps(new: Any, old: Any) -> bool:
    """Whether a package, not a page, has put a shell of its own around ``old`` (torch's compiler does when it is imported)."""
    code = getattr(new, "__code__", None)
    if code is None or not code.co_filename.startswith(INSTALLED):
        return False
    if any(held is old for held in _closed_over(new)):
        return True
    while new is not None and new is not old:
        new = getattr(new, "_torchdynamo_orig_callable", None) or getattr(new, "__wrapped__", None)
    return new is old


def _closed_over(function: Any) -> Iterator[Any]:
    """What a function keeps of the one that made it."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # the name has no value any more
            yield cell.cell_contents


def _counts(name: str) -> bool:
    return name not in NOT_OURS and (not name.startswith("_") or (name.startswith("__") and name.endswith("__")))


def _children() -> set[int]:
    """The ids of this process's children that run (Linux; elsewhere, those of multiprocessing)."""
    if not warden.WORKS:
        return {child.pid for child in multiprocessing.active_children() if child.pid}
    return {pid for pid in warden.children() if _runs(pid)}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
