"""How the figures that chapters promise vary from seed to seed: ``python -m book results --seeds 5``.

Trains again, through ``bench/seeds/<chapter>.py``, and writes mean and spread to bench/seeds.json.
"""

from __future__ import annotations

import ast
import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import Tree
from book.run.child import machine
from book.source import sections
from book.source.imports import toolkit

FOLDER = "bench/seeds"
FILE = "bench/seeds.json"
GENERATORS = ("clicks", "histories", "shelf")  # files of the toolkit that make data with a known truth


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds."""

    chapter: str
    figure: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        spread = statistics.stdev(self.values) if len(self.values) > 1 else 0.0
        every = " ".join(f"{value:.3f}" for value in self.values)
        return f"{self.chapter}: {self.figure}: {statistics.mean(self.values):.4f} ± {spread:.4f}  ({every})"


def chapters(tree: Tree) -> list[str]:
    """Chapters that can be trained again, by the names of their files in bench/seeds."""
    return sorted(p.stem for p in (tree.root / FOLDER).glob("[a-z]*.py"))


def over_seeds(tree: Tree, names: Sequence[str], seeds: int, say: Callable[[str], None]) -> list[Spread]:
    """Train each chapter with seeds 0, 1, ... in processes of their own; keep what came out in bench/seeds.json.

    Raises:
        BookError: there is no such chapter, or a run fails.
    """
    known = chapters(tree)
    for name in names:
        if name not in known:
            raise BookError(f"no results of {name!r}: choose from {', '.join(known)}")
    found: list[Spread] = []
    for name in names or known:
        began = time.perf_counter()
        rows = [_run(tree, name, seed) for seed in range(seeds)]
        each = (time.perf_counter() - began) / seeds
        made = [Spread(name, figure, tuple(row[figure] for row in rows)) for figure in rows[0]]
        for spread in made:
            say(f"{spread}  {each:.0f} s a seed")
        found += made
    _keep(tree, found)
    return found


def _run(tree: Tree, name: str, seed: int) -> dict[str, float]:
    code = (
        "import importlib.util, json, sys\n"
        "spec = importlib.util.spec_from_file_location(sys.argv[1], sys.argv[2])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(json.dumps(module.run(int(sys.argv[3]))))\n"
    )
    path = tree.root / FOLDER / f"{name}.py"
    command = [sys.executable, "-c", code, f"results_{name}", str(path), str(seed)]
    done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BookError(f"{tree.relative(path)}: run({seed}) failed\n{done.stderr.strip()}")
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def made_by(tree: Tree, name: str) -> dict[str, str]:
    """Hashes of the code behind a chapter's figures; texts and comments don't count.

    Returns:
        ``code``: of its file in bench/seeds, the sections that it names, and the toolkit that they use; where a figure
        has another hash, it was made by other code. ``world``: of the generators of data among these, if there are any.
    """
    folder = tree.root / FOLDER
    files = [file for file in (name, "_shared") if (folder / f"{file}.py").is_file()]
    codes = {file: (folder / f"{file}.py").read_text(encoding="utf-8") for file in files}
    parts = {file: _bare(code) for file, code in codes.items()}
    texts = sorted(
        {n.value for n in ast.walk(ast.parse(codes[name])) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    )
    for file in (file for file in tree.snippet_files() if file in texts or file.endswith(f"/{name}.py")):
        found = sections.parse((tree.snippets / file).read_text(encoding="utf-8"), file)
        parts |= {f"{file}:{text}": _bare(found[text].code) for text in texts if text in found}
    named = (text for text in texts if text.isidentifier())
    parts |= {f"toolkit:{module}": _bare(code) for module, code in toolkit(tree, [*parts.values()], named).items()}
    worlds = {part: code for part, code in parts.items() if part.removeprefix("toolkit:") in GENERATORS}
    return {kind: _hash(codes) for kind, codes in {"code": parts, "world": worlds}.items() if codes}


def _hash(parts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _bare(code: str) -> str:
    """The code without comments and docstrings, in one form."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return ast.unparse(tree)


def _keep(tree: Tree, found: Sequence[Spread]) -> None:
    path = tree.root / FILE
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    here = machine()
    for spread in found:
        kept.setdefault(spread.chapter, {}).update(torch=here.torch, cpu=here.cpu, **made_by(tree, spread.chapter))
        kept[spread.chapter][spread.figure] = {
            "mean": round(statistics.mean(spread.values), 4),
            "spread": round(statistics.stdev(spread.values), 4) if len(spread.values) > 1 else 0.0,
            "seeds": [round(value, 4) for value in spread.values],
        }
    write_atomically(path, json.dumps(kept, indent=1, sort_keys=True) + "\n")
