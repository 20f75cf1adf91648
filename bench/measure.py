"""Measure what DESIGN promises: engine overhead, page set-up, training, site build, edit to refreshed page.

Figures are ratios within one run, since machines are noisy. Each run is appended to bench/bench.json.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import CONFIGS, LANGUAGES, Tree
from book.prove import check
from book.prove.standalone import Program
from book.record import records
from book.run.child import WARM_MODULES, machine
from book.run.job import BlockResult
from book.run.session import Sessions, default_workers
from book.site import build as building
from book.source import ledger, pages

FILE = "bench.json"
BLOCKS = 40  # of a synthetic page


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, its value and unit, and the goal it is held against (None: for information)."""

    what: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None


def main(tree: Tree, quick: bool = False) -> int:
    """Print the table; append it to bench/bench.json unless ``quick``. Exit status 1 if a goal is missed."""
    rows = engine(tree) + setup(tree) + training(tree, rounds=1 if quick else 5)
    for count in (1, 20) if quick else (1, 20, 120):
        rows += synthetic(tree, count)
    width = max(len(row.what) for row in rows)
    for row in rows:
        mark = "" if row.met is None else "ok" if row.met else "MISSED"
        print(f"{row.what:<{width}}  {row.value:>9.3f} {row.unit:<2}  {row.goal:<28} {mark}")
    if not quick:
        _append(tree, rows)
    return 0 if all(row.met is not False for row in rows) else 1


def engine(tree: Tree) -> list[Row]:
    """Checking every page: wall time against the blocks' own seconds."""
    cores = default_workers()
    report = check.check(tree, workers=cores)
    if not report.ok:
        raise BookError("the pages do not pass, so there is nothing to measure: run python -m book check")
    own = sum(v.seconds for v in report.verdicts) / cores
    goal = 1.10 * own + 15
    return [
        Row("pages checked", len(report.runs), ""),
        Row("blocks' own seconds / cores", own, "s"),
        Row("check, wall", report.seconds, "s", f"<= 1.10 x own + 15 = {goal:.1f} s", report.seconds <= goal),
    ]


def setup(tree: Tree, page: str = "concepts/autograd") -> list[Row]:
    """From nothing to the first block of a page: a fork of the warm parent, and a Jupyter kernel that imports the same."""
    job = check.job_of(tree, pages.load(tree, page), ledger.load(tree))
    with Sessions() as sessions:
        sessions.run([job], workers=1)
        ours = min(sessions.run([job], workers=1)[0].setup for _ in range(3))
    theirs = min(_jupyter_setup(tree, page) for _ in range(2))
    return [
        Row("page set-up, forked", ours, "s", "<= 0.2 s", ours <= 0.2),
        Row("page set-up, Jupyter kernel", theirs, "s"),
        Row("Jupyter / forked", theirs / ours, "x", ">= 10 x", theirs / ours >= 10),
    ]


def _jupyter_setup(tree: Tree, page: str) -> float:
    """Seconds from starting a kernel for the page's notebook until its own first cell is about to run."""
    import nbformat
    from nbclient import NotebookClient
    from nbformat import v4

    notebook: Any = nbformat.read(tree.record(page), as_version=4)  # type: ignore[no-untyped-call]
    imports = "\n".join(f"import {name}" for name in WARM_MODULES)
    notebook.cells = [v4.new_code_cell(imports), *notebook.cells[:1]]  # type: ignore[no-untyped-call]
    ready: list[float] = []

    def executed(cell_index: int, **_: Any) -> None:
        if cell_index == 1:
            ready.append(time.perf_counter())

    client = NotebookClient(notebook, kernel_name="python3", on_cell_execute=executed)
    began = time.perf_counter()
    client.execute()
    return ready[0] - began


def synthetic(tree: Tree, count: int) -> list[Row]:
    """Build and live-edit a book of ``count`` synthetic pages of 40 blocks in two languages."""
    with tempfile.TemporaryDirectory(prefix="book-bench-") as folder:
        made = synthetic_tree(tree, Path(folder), count)
        seconds = _timed(lambda: building.build(made))
        staged = len(list((made.build / "en").rglob("*.md")))  # the synthetic pages and those that staging generates
        what = f"site build, both languages, {count} chapters, {staged} pages"
        rows = [Row(what, seconds, "s"), Row(f"  per page ({staged} pages in each language)", seconds / staged, "s")]
        if count >= 20:
            rows[1] = Row(rows[1].what, seconds / staged, "s", "<= 0.15 s a page", seconds / staged <= 0.15)
            edit = edit_to_page(made, "part/page000")
            goal = ("<= 3 s", edit <= 3) if count == 20 else ("", None)
            rows.append(Row(f"edit to refreshed page, {count} pages", edit, "s", *goal))
        return rows


def training(tree: Tree, rounds: int = 5) -> list[Row]:
    """Seconds per epoch of KerasModel, torchkeras and Lightning, against a plain loop in the same run."""
    command = [sys.executable, "-m", "bench.training", str(rounds)]
    said = subprocess.run(
        command, cwd=tree.root, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."}
    ).stdout
    rows = []
    for problem, ways in json.loads(said.splitlines()[-1]).items():
        own = ways.pop("plain loop")
        goal = 1.03 if "CNN" in problem else 1.3
        rows.append(Row(f"{problem}: plain loop, an epoch", own, "s"))
        for way, seconds in ways.items():
            held = (f"<= {goal} x", seconds / own <= goal) if way == "KerasModel" else ("", None)
            rows.append(Row(f"  {way} / plain loop", seconds / own, "x", *held))
    return rows


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def synthetic_tree(tree: Tree, folder: Path, count: int) -> Tree:
    """A copy of the book's configuration with ``count`` made-up pages, their snippets and records (for timing only)."""
    made = Tree(folder)
    for name in ("docs/theme", "docs/words", "book"):
        shutil.copytree(tree.root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for language in LANGUAGES:
        config = (tree.root / CONFIGS[language]).read_text(encoding="utf-8")
        (folder / CONFIGS[language]).write_text(_with_nav(config, count), encoding="utf-8")
        index = made.docs(language) / "index.md"
        index.parent.mkdir(parents=True)
        index.write_text("# Bench {#bench}\n", encoding="utf-8")
    here = machine()
    for number in range(count):
        name = f"part/page{number:03d}"
        snippet = made.snippets / f"{name}.py"
        snippet.parent.mkdir(parents=True, exist_ok=True)
        snippet.write_text("\n\n".join(_section(number, k) for k in range(BLOCKS)) + "\n", encoding="utf-8")
        for language in LANGUAGES:
            text = f"---\ntitle: Page {number}\n---\n\n# Page {number} {{#page}}\n" + "".join(
                _prose(name, k) for k in range(BLOCKS)
            )
            path = made.page(language, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        page = pages.load(made, name)
        output = {"output_type": "stream", "name": "stdout", "text": "tensor([[0.1, 0.2],\n        [0.3, 0.4]])\n"}
        results = [BlockResult(block.name, [output], 0.01) for block in page.blocks]
        names = ["torch.tensor", "torch.Tensor.sum", "torch.Tensor.backward", "torch.Tensor.grad", "torch.mul"]
        record = records.of_run(made, page, results, here, {block.name: names for block in page.blocks})
        cells = (replace(cell, program=asdict(Program(cell.name, cell.source, "lean", 9, 9))) for cell in record.cells)
        records.write(made, replace(record, cells=tuple(cells)))
    return made


def _with_nav(config: str, count: int) -> str:
    """The configuration with a nav of the synthetic chapters, ten to a part; generated pages are not in it, as in the book."""
    kept, inside = [], False
    for line in config.splitlines():
        if line.startswith("nav:"):
            inside = True
        elif inside and line and not line.startswith((" ", "#", "-")):
            inside = False
        if not inside:
            kept.append(line)
    lines = ["nav:", "  - index.md"]
    for number in range(count):
        if number % 10 == 0:
            lines.append(f"  - Part {number // 10}:")
        lines.append(f"      - part/page{number:03d}.md")
    return "\n".join([*kept, *lines]) + "\n"


def _section(page: int, number: int) -> str:
    """A block that no other page has, so that nothing that is made once for equal code is saved here."""
    return (
        f"# --8<-- [start:block_{number}]\nimport torch\n\nx = torch.tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)\n"
        f"y = (x * {number} + {page}).sum()\ny.backward()\nfor name, value in (('x', x), ('gradient', x.grad)):\n"
        f"    print(name, value.shape, value.dtype)\nprint(x)\n# --8<-- [end:block_{number}]"
    )


def _prose(name: str, number: int) -> str:
    return (
        f"\n## Section {number} {{#section-{number}}}\n\nA gradient tells how fast $y_{{{number}}}$ grows with $x$; `backward()` "
        f'computes it.\n\n```python\n--8<-- "{name}.py:block_{number}"\n```\n\nThe second row is what the prose explains.\n'
    )


def edit_to_page(tree: Tree, page: str) -> float:
    """Seconds from saving a page to its new text being served, with ``python -m book serve`` running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": str(tree.root), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "book", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=tree.root, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/{page}/"
    try:
        _wait_for(address, "Section 1", 120)
        time.sleep(2)  # let the watcher take its first look
        times = []
        for turn in range(3):
            path = tree.page("en", page)
            mark = f"Edited {turn} times."
            path.write_text(path.read_text(encoding="utf-8") + f"\n{mark}\n", encoding="utf-8")
            times.append(_timed(lambda mark=mark: _wait_for(address, mark, 60)))  # type: ignore[misc]
            time.sleep(1)
        return sorted(times)[1]
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(address: str, text: str, limit: float) -> None:
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        try:
            with urllib.request.urlopen(address, timeout=limit) as answer:
                if text in answer.read().decode("utf-8"):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise BookError(f"{address} did not show {text!r} within {limit:g} s")


def _append(tree: Tree, rows: list[Row]) -> None:
    path = tree.root / "bench" / FILE
    history = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    here = machine()
    history.append(
        {
            "date": datetime.date.today().isoformat(),
            "cores": default_workers(),
            "cpu": here.cpu,
            "torch": here.torch,
            "rows": [
                {"what": row.what, "value": round(row.value, 4), "unit": row.unit, "met": row.met} for row in rows
            ],
        }
    )
    write_atomically(path, json.dumps(history, indent=1, ensure_ascii=False) + "\n")
