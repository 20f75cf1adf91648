"""The child process of a session: runs one page's blocks in order in one ``__main__`` namespace and reports each.

Everything that a block prints goes through two files (standing in for fds 1 and 2), so that C code, threads and
child processes are caught too, and so that rich output keeps its place among the printed lines.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import ctypes
import faulthandler
import hashlib
import importlib
import io
import linecache
import os
import platform
import random
import re
import signal
import sys
import sysconfig
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

WARM_MODULES = (
    "torch",
    "numpy",
    "pandas",
    "matplotlib.pyplot",
    "IPython.core.formatters",
    "IPython.display",
    "torch.utils.data",
)
MAX_OUTPUT = 100_000  # bytes that one block may print: a page is for reading
PACKAGES = [path + os.sep for key in ("purelib", "platlib", "stdlib") if (path := sysconfig.get_path(key))]
OPEN_FIGURE = "the block leaves a figure open: end it with plt.show()"
SEEDERS = {"manual_seed", "seed", "fork_rng", "set_rng_state", "seed_all", "setstate"}


@dataclass(frozen=True)
class BlockCode:
    """A block's name and what runs; for a piece of the toolkit, also what it ``shows``: (file, first line, last line)."""

    name: str
    code: str
    shows: tuple[str, int, int] | None = None


@dataclass(frozen=True)
class Job:
    """One page to run: its blocks in order, where, and for how long each block may take (seconds).

    ``label`` tells runs of the same page apart (mutants); the page's name is used where it is empty.
    ``observe`` notes which public names of torch each block uses (book.observe), with compiled functions left
    ``compiled`` or run as Python, and with hooks in all blocks but the ``plain`` ones.
    ``shake`` runs the blocks under rounding noise (book.rounding) drawn from that seed.
    """

    page: str
    blocks: tuple[BlockCode, ...]
    root: str
    limit: float = 60.0
    device: str | None = None
    raises: frozenset[str] = frozenset()
    label: str = ""
    observe: bool = False
    compiled: bool = False
    plain: frozenset[str] = frozenset()
    shake: int | None = None


@dataclass
class BlockResult:
    """What one block did.

    Attributes:
        outputs: nbformat output dicts.
        seconds: wall time of the block alone.
        failure: why the block did not end as a block should (None: it ended well). An exception is a failure here;
            the ledger may expect it.
        error: (type name, message) of an exception that left the block.
        warnings: each as (category, message, own) with ``own`` true when the page's own line caused it.
        unseeded: the block drew random numbers and never seeded.
        apis: the public names of torch that it uses, sorted; known when the page has ended, in an observing run only.
        compiled: under rounding noise, it had a function compiled, which is then not shaken inside.
    """

    name: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None
    error: tuple[str, str] | None = None
    warnings: list[tuple[str, str, bool]] = field(default_factory=list)
    unseeded: bool = False
    apis: list[str] = field(default_factory=list)
    compiled: bool = False


@dataclass(frozen=True)
class Machine:
    """What ran the page."""

    python: str
    torch: str
    cpu: str
    system: str
    device: str


def warm_up() -> None:
    """Import what every page uses, once, in the parent. Never touches CUDA, starts no thread."""
    os.environ.setdefault("MPLBACKEND", "module://book.figures")
    for name in WARM_MODULES:
        importlib.import_module(name)


def script_of(page: str, blocks: tuple[BlockCode, ...]) -> tuple[str, list[int]]:
    """The page as one script, and the line offset of each block in it."""
    text = f"# {page}: the blocks of this page, in order\n"
    offsets = []
    for block in blocks:
        text += f"\n# %% {block.name}\n"
        offsets.append(text.count("\n"))
        text += block.code if block.code.endswith("\n") else block.code + "\n"
    return text, offsets


def run_job(job: Job, folder: str, send: Connection) -> None:
    """Entry point of the child: run every block, send ``("start", i)`` and ``("done", i, BlockResult)``, then
    ``("end", Machine, late, apis)``: block name -> what its threads did after it, and block name -> names it uses."""
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()
    warm_up()
    session = _Session(job, Path(folder))
    for index in range(len(job.blocks)):
        send.send(("start", index))
        result = session.run(index)
        send.send(("done", index, result))
        if result.failure and job.blocks[index].name not in job.raises:
            break
    session.join_threads()
    send.send(("end", machine(job.device), session.late, session.observer.read() if session.observer else {}))
    send.close()


def machine(device: str | None = None) -> Machine:
    import torch

    return Machine(
        python=platform.python_version(),
        torch=torch.__version__,
        cpu=torch.backends.cpu.get_cpu_capability(),
        system=f"{platform.system()} {platform.machine()}",
        device=device or "cpu",
    )


class _Stream(io.TextIOBase):
    """sys.stdout and sys.stderr of the session: straight to the file, and aware of who writes."""

    def __init__(self, fd: int, owner_of: Callable[[], str | None]) -> None:
        self._fd = fd
        self._owner_of = owner_of
        self.buffer = open(fd, "wb", buffering=0, closefd=False)  # noqa: SIM115  # lives as long as the process

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase declares a plain attribute
        return "utf-8"

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        self._owner_of()
        os.write(self._fd, text.encode("utf-8", "backslashreplace"))
        return len(text)


class _Session:
    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.current: str | None = None
        self.late: dict[str, str] = {}
        self.result = BlockResult("")
        self.events: list[tuple[int, int, dict[str, Any]]] = []
        stem = job.page.rsplit("/", 1)[-1].replace("-", "_")
        self.script = folder / f"{stem}.py"
        text, self.offsets = script_of(job.page, job.blocks)
        self.script.write_text(text, encoding="utf-8")
        self.work = folder / "work"
        self.work.mkdir()
        os.chdir(self.work)
        sys.path[:0] = [str(folder), job.root]
        sys.argv = [str(self.script)]
        self.namespace = self._main_module()
        self.out = os.open(folder / "stdout", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.err = os.open(folder / "stderr", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(self.out, 1)
        os.dup2(self.err, 2)
        sys.stdout = sys.__stdout__ = _Stream(1, self._writer)  # type: ignore[assignment,misc]
        sys.stderr = sys.__stderr__ = _Stream(2, self._writer)  # type: ignore[assignment,misc]
        faults = open(folder / "faults", "w")  # noqa: SIM115  # must stay open: faulthandler writes to it
        faulthandler.enable(faults, all_threads=False)
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, faults, all_threads=False, chain=False)
        self._patch()
        self.observer = None
        if job.observe:
            from book.observe import Observer

            self.observer = Observer(job, folder)
        self.noise = None
        if job.shake is not None:
            from book.rounding import Rounding

            self.noise = Rounding(job.shake)

    def _main_module(self) -> dict[str, Any]:
        module = types.ModuleType("__main__")
        module.__file__ = str(self.script)
        module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = module
        return module.__dict__

    def _patch(self) -> None:
        import IPython.core.display_functions as display_functions
        import IPython.display
        import torch
        from IPython.core.formatters import DisplayFormatter
        from matplotlib import pyplot as plt

        from book import figures

        if self.job.device not in (None, "cpu"):
            torch.set_default_device(self.job.device)
        torch.set_num_threads(1)  # sums in parallel depend on the number of threads: records must not
        self.formatter = DisplayFormatter()

        def display(*objects: Any, **_: Any) -> None:
            for one in objects:
                self._display(one, "display_data")

        display_functions.display = display
        IPython.display.display = display
        figures.publish = self._publish
        plt.switch_backend("module://book.figures")
        warnings.simplefilter("default")
        warnings.showwarning = self._showwarning

        start = threading.Thread.start
        session = self

        def start_with_owner(thread: threading.Thread) -> None:
            thread.book_owner = session.current  # type: ignore[attr-defined]
            start(thread)

        threading.Thread.start = start_with_owner  # type: ignore[assignment,method-assign]

    def _writer(self) -> str | None:
        """The block that the writing thread belongs to; notes a thread that outlived its block."""
        owner = getattr(threading.current_thread(), "book_owner", None)
        if owner is not None and owner != self.current:
            self.late[owner] = "a thread that this block started printed after the block had ended: join it"
        return owner

    def _showwarning(
        self, message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
    ) -> None:
        own = filename == str(self.script)
        self.result.warnings.append((category.__name__, self._tidy(str(message)), own))
        if own:
            sys.stderr.write(self._tidy(warnings.formatwarning(message, category, filename, lineno)))

    def _tidy(self, text: str) -> str:
        """Text without what differs from machine to machine: the session's folders and object addresses."""
        for folder in (*PACKAGES, str(self.script.parent) + os.sep, str(self.script.parent), self.job.root + os.sep):
            text = text.replace(folder, "")
        return re.sub(r"\b0x[0-9a-fA-F]{6,16}\b", "0x…", text)

    def _publish(self, bundle: dict[str, str], kind: str = "display_data") -> None:
        data = {mime: self._tidy(value) if isinstance(value, str) else value for mime, value in bundle.items()}
        output: dict[str, Any] = {"output_type": kind, "data": data, "metadata": {}}
        if kind == "execute_result":
            output["execution_count"] = None
        self.events.append((os.fstat(1).st_size, os.fstat(2).st_size, output))

    def _display(self, value: Any, kind: str) -> None:
        data, _ = self.formatter.format(value)  # type: ignore[no-untyped-call]
        self._publish(data, kind)

    def run(self, index: int) -> BlockResult:
        block = self.job.blocks[index]
        self.current = block.name
        self.result = result = BlockResult(block.name)
        self.events = []
        starts = (os.fstat(1).st_size, os.fstat(2).st_size)
        before = _shake_generators()
        began = time.perf_counter()
        try:
            with self.noise.around(result) if self.noise else contextlib.nullcontext():
                value = self._execute(block, self.offsets[index])
            result.seconds = time.perf_counter() - began
            if value is not None:
                self._display(value, "execute_result")
        except SystemExit as stop:
            result.failure = f"the block calls sys.exit({stop.code!r}): a page goes on after each block"
        except BaseException as error:
            self._report(error)
        result.seconds = result.seconds or time.perf_counter() - began
        if self.observer is not None:
            self.observer.after(block.code, block.name, self.namespace)
        if _generators() != before and not _seeds(block.code):
            result.unseeded = True
        self._check_leftovers()
        result.outputs = self._collect(starts)
        return result

    def join_threads(self) -> None:
        """Give threads that blocks left running a moment to show that they print late."""
        self.current = None
        for thread in threading.enumerate():
            if getattr(thread, "book_owner", None) is not None and not thread.daemon:
                thread.join(1.0)

    def _execute(self, block: BlockCode, offset: int) -> Any:
        filename = str(self.script)
        tree = ast.increment_lineno(ast.parse(block.code, filename), offset)
        if self.observer is not None:
            tree = self.observer.change(tree, block.name)
        last = tree.body[-1] if tree.body else None
        shown = isinstance(last, ast.Expr) and not block.code.rstrip().endswith(";")
        body = tree.body[:-1] if shown else tree.body
        linecache.checkcache(filename)
        if body:
            exec(compile(ast.Module(body, []), filename, "exec", dont_inherit=True), self.namespace)
        if shown:
            assert isinstance(last, ast.Expr)
            return eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), self.namespace)
        return None

    def _report(self, error: BaseException) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != str(self.script):
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace)
        name = type(error).__name__
        message = re.sub(r"\x1b\[[0-9;]*m", "", self._tidy(str(error)))  # torch.load writes in bold, for terminals
        self.result.error = (name, message)
        self.result.failure = f"{name}: {message}"
        text = [self._tidy(line.rstrip("\n")) for line in lines]
        output = {"output_type": "error", "ename": name, "evalue": message, "traceback": text}
        self.events.append((os.fstat(1).st_size, os.fstat(2).st_size, output))

    def _check_leftovers(self) -> None:
        from matplotlib import pyplot as plt

        if plt.get_fignums():
            plt.close("all")
            self.result.failure = self.result.failure or OPEN_FIGURE

    def _collect(self, starts: tuple[int, int]) -> list[dict[str, Any]]:
        with contextlib.suppress(OSError, AttributeError, TypeError):
            ctypes.CDLL(None).fflush(None)
        ends = (os.fstat(1).st_size, os.fstat(2).st_size)
        if sum(ends) - sum(starts) > MAX_OUTPUT:
            self.result.failure = (
                f"the block prints {sum(ends) - sum(starts):,} bytes; a page shows at most {MAX_OUTPUT:,}"
            )
            ends = (min(ends[0], starts[0] + 2000), min(ends[1], starts[1] + 2000))
        outputs: list[dict[str, Any]] = []
        out, err = starts
        for out_end, err_end, output in [*self.events, (*ends, None)]:
            for name, fd, begin, end in (("stdout", self.out, out, out_end), ("stderr", self.err, err, err_end)):
                if end > begin:
                    text = os.pread(fd, end - begin, begin).decode("utf-8", "replace")
                    outputs.append({"output_type": "stream", "name": name, "text": self._tidy(_settle(text))})
            out, err = max(out, out_end), max(err, err_end)
            if output is not None:
                outputs.append(output)
        return outputs


def _settle(text: str) -> str:
    """Progress bars in their final state: of each line, what stands after its last carriage return."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def _generators() -> str:
    import numpy
    import torch

    state = hashlib.sha256(torch.get_rng_state().numpy().tobytes())
    state.update(repr(random.getstate()).encode())
    _, keys, position, *_ = numpy.random.get_state(legacy=True)
    state.update(keys.tobytes() + str(position).encode())  # type: ignore[union-attr]
    return state.hexdigest()


def _shake_generators() -> str:
    """Give every global generator a fresh random state, so that a block that forgot to seed cannot repeat itself."""
    import numpy
    import torch

    seed = int.from_bytes(os.urandom(4), "little")
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed)
    return _generators()


def _seeds(code: str) -> bool:
    """Whether the code calls something that seeds a generator."""
    return any(name in SEEDERS for name in _called(ast.parse(code)))


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id
