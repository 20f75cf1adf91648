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
import importlib
import io
import linecache
import logging
import os
import platform
import re
import signal
import sys
import sysconfig
import threading
import time
import tokenize
import traceback
import types
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from book.run import elsewhere, guard, seeding, world
from book.run.job import BlockCode, BlockResult, Job, Machine
from book.source.shown import ESCAPE, MAX_TEXT, RASTER, bundle, clean

WARM_MODULES = (
    "torch",
    "numpy",
    "pandas",
    "matplotlib.pyplot",
    "IPython.core.formatters",
    "IPython.display",
    "torch.utils.data",
)
DRAWING_MODULES = ("rich.style",)  # draw when first imported, which scikit-learn does where rich is installed
MAX_OUTPUT = 100_000  # bytes that one block may print: a page is for reading
PACKAGES = [path + os.sep for key in ("purelib", "platlib", "stdlib") if (path := sysconfig.get_path(key))]
OPEN_FIGURE = "the block leaves a figure open: end it with plt.show()"
CLOCK = r"(?:\d+:)?\d+:\d\d"
BAR_TIMES = re.compile(  # elapsed, what is left, and a rate such as 2.95it/s, 1.2kbatch/s or ?it/s
    rf" ?\[{CLOCK}(?:<(?:{CLOCK}|\?))?,\s*(?:\?|\d[\d.]*)[^,\]]*/[^,\]]+(?:, (?P<postfix>[^\]]*))?\]"
)
SEEDERS = {"manual_seed", "seed", "fork_rng", "set_rng_state", "seed_all", "setstate"}


def warm_up() -> None:
    """Import what every page uses, once, in the parent. Never touches CUDA, starts no thread."""
    os.environ["MPLBACKEND"] = "module://book.run.figures"
    # A torch built for CUDA says so, with the time, when it finds a CUDA toolkit and no GPU: news of the machine.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    world.clean_settings(os.environ.get("MPLCONFIGDIR"))
    for name in WARM_MODULES:
        importlib.import_module(name)
    for name in DRAWING_MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    world.own_settings()


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
    ``("end", Machine, late, apis, shapes)``: block name -> what its threads did after it, names it uses, shapes of its lines."""
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()
    warm_up()
    session = _Session(job, Path(folder))
    for index in range(len(job.blocks)):
        send.send(("start", index))
        result = session.run(index)
        send.send(("done", index, result))
        if job.stops and result.failure and job.blocks[index].name not in job.raises:
            break
    session.join_threads()
    apis = session.observer.read() if session.observer else {}
    send.send(("end", machine(job.device), session.late, apis, session.shapes_of_lines()))
    send.close()


def machine(device: str | None = None) -> Machine:
    import matplotlib
    import numpy
    import pandas
    import torch

    from book.run.processor import processor

    vendor, model = processor()
    return Machine(
        python=platform.python_version(),
        torch=torch.__version__,
        cpu=torch.backends.cpu.get_cpu_capability(),
        system=f"{platform.system()} {platform.machine()}",
        device=device or "cpu",
        numpy=numpy.__version__,
        pandas=pandas.__version__,
        matplotlib=matplotlib.__version__,
        vendor=vendor,
        model=model,
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
        self.clears: list[tuple[int, int, int, bool]] = []  # bytes printed, outputs shown, whether to wait for more
        self.handles: dict[str, list[dict[str, Any]]] = {}  # display_id -> outputs of this block
        self.older_handles: set[str] = set()
        self.pid = os.getpid()
        self.forked: list[int] = []
        stem = job.page.rsplit("/", 1)[-1].replace("-", "_")
        self.script = folder / f"{stem}.py"
        text, self.offsets = script_of(job.page, job.blocks)
        self.script.write_text(text, encoding="utf-8")
        self.work = folder / "work"
        self.work.mkdir()
        os.chdir(self.work)
        guard.own_temporary_folder(folder / "tmp")
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
        self.accelerator = None
        if job.device not in (None, "cpu"):
            from book.run.moved import Accelerator

            self.accelerator = Accelerator(job.device, job.moved)
        self.seeding = seeding.Seeding(job.device if self.accelerator else None)
        if job.elsewhere:
            elsewhere.enter(folder)
        self.guard = guard.Guard(str(self.script), folder, refuse=job.elsewhere)
        self.observer = None
        if job.observe:
            from book.run.observe import Observer

            self.observer = Observer(job, folder)
        self.shapes = None
        if job.shapes and not job.observe and job.shake is None:
            from book.run.shapes import Shapes

            self.shapes = Shapes()
        self.noise = None
        if job.shake is not None:
            from book.run.rounding import Rounding

            self.noise = Rounding(job.shake)

    def shapes_of_lines(self) -> dict[str, dict[int, list[str]]]:
        """Block name -> the shapes of its lines, those of functions that later blocks called included; empty if not asked."""
        if self.shapes is None:
            return {}
        blocks = zip(self.job.blocks, self.offsets, strict=True)
        return {block.name: self.shapes.read(offset, block.code.count("\n") + 1) for block, offset in blocks}

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

        from book.run import figures

        torch.set_num_threads(self.job.threads)  # sums in parallel depend on it: records are made with one
        self.formatter = DisplayFormatter()

        def display(
            *objects: Any,
            display_id: Any = None,
            raw: bool = False,
            clear: bool = False,
            update: bool = False,
            **keys: Any,
        ) -> Any:
            if display_id is True:
                display_id = f"display-{len(self.handles) + len(self.older_handles)}"
            if clear:
                clear_output(wait=True)
            if not objects and display_id and not update:
                objects, raw = ({},), True  # a place that is filled later
            for one in objects:
                forms = one if raw else self._forms(one, **{k: keys[k] for k in ("include", "exclude") if k in keys})
                self._show(forms, display_id, update)
            return display_functions.DisplayHandle(display_id) if display_id else None  # type: ignore[no-untyped-call]

        def publish_display_data(
            data: dict[str, Any], metadata: Any = None, *, transient: Any = None, **keys: Any
        ) -> None:
            display(data, raw=True, display_id=(transient or {}).get("display_id"), update=keys.get("update", False))

        def clear_output(wait: bool = False) -> None:
            self.clears.append((os.fstat(1).st_size, os.fstat(2).st_size, len(self.events), wait))

        for replaced in (display, publish_display_data, clear_output):
            for module in (display_functions, IPython.display):
                setattr(module, replaced.__name__, replaced)
        figures.publish = self._publish
        figures.refuse = lambda why: self.result.refuse(why)
        self._watch_forks()
        plt.switch_backend("module://book.run.figures")
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
        """Text as a page can hold it, without what differs from machine to machine: folders, addresses."""
        text = clean(text)
        ours = (str(self.script.parent) + os.sep, str(self.script.parent), self.job.root + os.sep)
        for folder in (*PACKAGES, *guard.caches(), *ours):
            text = text.replace(folder, "")
        return re.sub(r"\b0x[0-9a-fA-F]{6,16}\b", "0x…", text)

    def _forms(self, value: Any, **keys: Any) -> dict[str, Any]:
        """The forms that an object has, by MIME type; none if it showed itself."""
        found, _ = self.formatter.format(value, **keys)  # type: ignore[no-untyped-call]
        return dict(found)

    def _shown(self, forms: dict[str, Any]) -> dict[str, str]:
        data, why = bundle(forms)
        if why:
            self.result.refuse(why)
        return {mime: value if mime in RASTER else self._tidy(value) for mime, value in data.items()}

    def _publish(self, forms: dict[str, Any], kind: str = "display_data") -> dict[str, Any]:
        output: dict[str, Any] = {"output_type": kind, "data": self._shown(forms), "metadata": {}}
        if kind == "execute_result":
            output["execution_count"] = None
        self.events.append((os.fstat(1).st_size, os.fstat(2).st_size, output))
        return output

    def _show(self, forms: dict[str, Any], display_id: str | None, update: bool) -> None:
        """Show what ``display`` was given, or put it in the place of what was shown under the same id."""
        if update:
            if display_id in self.older_handles:
                self.result.refuse("updates what a block above showed: what a page shows stays; display it anew")
            for output in self.handles.get(display_id or "", []):
                output["data"] = self._shown(forms)
        elif forms or display_id:
            output = self._publish(forms)
            if display_id:
                self.handles.setdefault(display_id, []).append(output)

    def _watch_forks(self) -> None:
        """Remember the children that blocks fork by themselves: one that goes on would run the rest of the page too."""
        if not hasattr(os, "fork"):
            return
        fork, session = os.fork, self

        def noted_fork() -> int:
            pid = fork()
            if pid and "multiprocessing" not in sys._getframe(1).f_code.co_filename:
                session.forked.append(pid)
            return pid

        os.fork = noted_fork

    def _end_if_forked(self) -> None:
        """In a child that a block forked and that came to the block's end: leave word, and end here."""
        if os.getpid() != self.pid:
            (self.script.parent / "went-on").touch()
            os._exit(0)

    def _check_forks(self) -> None:
        """Whether a child that the block forked came to the block's end; gives each a moment to do so."""
        for pid in self.forked:
            for _ in range(20):
                with contextlib.suppress(ChildProcessError):  # it was waited for
                    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                        time.sleep(0.05)
                        continue
                break
        self.forked = []
        word = self.script.parent / "went-on"
        if word.exists():
            word.unlink()
            self.result.refuse(
                "forks a child that goes on below os.fork(), and so runs the rest of the block too: end it with os._exit(0)"
            )

    def run(self, index: int) -> BlockResult:
        block = self.job.blocks[index]
        self.current = block.name
        self.result = result = BlockResult(block.name)
        self.events, self.clears = [], []
        self.older_handles |= set(self.handles)
        self.handles = {}
        starts = (os.fstat(1).st_size, os.fstat(2).st_size)
        self.seeding.begin()
        self.guard.begin()
        made = self.accelerator.made() if self.accelerator else 0
        began = time.perf_counter()
        try:
            with self.noise.around(result) if self.noise else contextlib.nullcontext():
                value = self._execute(block, self.offsets[index])
            result.seconds = time.perf_counter() - began
            self._end_if_forked()
            if value is not None and (forms := self._forms(value)):
                self._publish(forms, "execute_result")
        except SystemExit as stop:
            if os.getpid() != self.pid:
                os._exit(0)
            result.failure = f"the block calls sys.exit({stop.code!r}): a page goes on after each block"
        except BaseException as error:
            self._end_if_forked()
            self._report(error, self.offsets[index])
        result.seconds = result.seconds or time.perf_counter() - began
        result.on_device = self.accelerator is not None and self.accelerator.made() > made
        if self.observer is not None:
            self.observer.after(block.code, block.name, self.namespace)
        self._look_back(block)
        self._check_leftovers()
        self._check_forks()
        result.outputs = self._collect(starts)
        return result

    def _look_back(self, block: BlockCode) -> None:
        """What the block did to others: it left its output alone, but not what runs after it."""
        result = self.result
        result.generators = self.seeding.changed()
        result.unseeded = bool(self.seeding.unseeded(result.generators))
        result.harms = [self._tidy(harm) for harm in self.guard.end(block.name)]
        if self.seeding.early() and not result.unseeded:
            result.harms.append(seeding.EARLY)
        with contextlib.suppress(SyntaxError):  # told as the block's failure
            result.harms += [guard.SWALLOWS.format(line) for line in guard.swallowed_asserts(block.code)]

    def join_threads(self) -> None:
        """Give threads that blocks left running a moment to show that they print late."""
        self.current = None
        for thread in threading.enumerate():
            if getattr(thread, "book_owner", None) is not None and not thread.daemon:
                thread.join(1.0)
        for block, why in self.guard.left(lambda thread: getattr(thread, "book_owner", None)).items():
            self.late.setdefault(block, why)

    def _execute(self, block: BlockCode, offset: int) -> Any:
        filename = str(self.script)
        tree = ast.parse("\n" * offset + block.code, filename)
        if self.observer is not None:
            tree = self.observer.change(tree, block.name)
        shown = bool(tree.body) and isinstance(tree.body[-1], ast.Expr) and not silenced(block.code)
        if self.shapes is not None:
            tree = self.shapes.change(tree)  # may add a statement, which shows nothing
        last = tree.body[-1] if tree.body else None
        body = tree.body[:-1] if shown else tree.body
        linecache.checkcache(filename)
        if body:
            exec(compile(ast.Module(body, []), filename, "exec", dont_inherit=True), self.namespace)
        if shown:
            assert isinstance(last, ast.Expr)
            return eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), self.namespace)
        return None

    def _report(self, error: BaseException, offset: int) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != str(self.script):
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace)
        name = clean(type(error).__name__)
        message, hint = self._message(error), ""
        if trace is not None:
            self.result.line = trace.tb_lineno - offset
        elif isinstance(error, SyntaxError) and error.filename == str(self.script):  # of the block itself
            self.result.line = (error.lineno or 0) - offset
            message, hint = clean(error.msg), _advice(error)
        self.result.error = (name, message)
        self.result.failure = f"{name}: {message}{hint}"
        notes = [self._tidy(note) for note in getattr(error, "__notes__", []) if isinstance(note, str)]
        text = [self._tidy(line.rstrip("\n")) for line in lines]
        told = "\n".join([message, *notes])
        if len(told) > MAX_TEXT or sum(map(len, text)) > MAX_TEXT:
            size = max(len(told), sum(map(len, text)))
            self.result.refuse(f"raises {name} with {size:,} characters; a page shows at most {MAX_TEXT:,}")
            told, text = told[:2000], [line[:2000] for line in text[-20:]]
            self.result.error, self.result.failure = (name, told), f"{name}: {told}"
        output = {"output_type": "error", "ename": name, "evalue": told, "traceback": text}
        self.events.append((os.fstat(1).st_size, os.fstat(2).st_size, output))

    def _message(self, error: BaseException) -> str:
        try:
            return self._tidy(str(error))
        except Exception as second:
            return f"<its message can't be told: {type(second).__name__}>"

    def _check_leftovers(self) -> None:
        from matplotlib import pyplot as plt

        if plt.get_fignums():
            plt.close("all")
            self.result.failure = self.result.failure or OPEN_FIGURE

    def _collect(self, starts: tuple[int, int]) -> list[dict[str, Any]]:
        with contextlib.suppress(OSError, AttributeError, TypeError):
            ctypes.CDLL(None).fflush(None)
        ends = (os.fstat(1).st_size, os.fstat(2).st_size)
        starts = self._cleared(starts, ends)
        if sum(ends) - sum(starts) > MAX_OUTPUT:
            self.result.refuse(f"prints {sum(ends) - sum(starts):,} bytes; a page shows at most {MAX_OUTPUT:,}")
            ends = (min(ends[0], starts[0] + 2000), min(ends[1], starts[1] + 2000))
        outputs: list[dict[str, Any]] = []
        out, err = starts
        for out_end, err_end, output in [*self.events, (*ends, None)]:
            for name, fd, begin, end in (("stdout", self.out, out, out_end), ("stderr", self.err, err, err_end)):
                if end > begin:
                    text = os.pread(fd, end - begin, begin).decode("utf-8", "replace")
                    text = self._tidy(_settle(ESCAPE.sub("", text)))
                    outputs.append({"output_type": "stream", "name": name, "text": text})
            out, err = max(out, out_end), max(err, err_end)
            if output is not None and (output["output_type"] == "error" or output["data"]):
                outputs.append(output)
        return outputs

    def _cleared(self, starts: tuple[int, int], ends: tuple[int, int]) -> tuple[int, int]:
        """Where the block's printed text begins after the last ``clear_output`` that took effect; forgets what came before."""
        for out, err, shown, wait in reversed(self.clears):
            if not wait or (out, err) != ends or len(self.events) > shown:
                self.events = self.events[shown:]
                return out, err
        return starts


MAGIC = re.compile(r"\s*[%!]|.*\?\s*$")


def _advice(error: SyntaxError) -> str:
    """What to do about a block that does not parse, where its kind is known."""
    if MAGIC.match(error.text or ""):
        return f" ({(error.text or '').strip()} is for notebooks: a page holds plain Python)"
    if re.search(r"'(?:await|async \w+)' outside|asynchronous comprehension", error.msg):
        return " (a page has no running event loop: put it into a function and call asyncio.run)"
    return ""


def silenced(code: str) -> bool:
    """Whether a semicolon behind its last expression keeps a block from showing a value, as in a notebook."""
    blank = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    return next((token.string for token in reversed(tokens) if token.type not in blank), "") == ";"


def _settle(text: str) -> str:
    """Progress bars in their final state, without rate and times: of each line, what stands after its last carriage return."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_timeless(line.rstrip("\r").rsplit("\r", 1)[-1]) for line in lines)


def _timeless(line: str) -> str:
    """A line without what tqdm writes of time: ``3/3 [00:01<00:00, 2.95it/s, loss=1]`` -> ``3/3 [loss=1]``."""
    return BAR_TIMES.sub(lambda found: f" [{found['postfix']}]" if found["postfix"] else "", line)
