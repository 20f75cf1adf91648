"""What chapters promise to reach, read from the records, and how it varies from seed to seed.

``docs/results.toml`` says for each figure which block prints it and what it must reach. ``python -m book results`` holds
the records against that. ``--seeds 5`` trains again, through ``tests/results/<chapter>.py``, and writes mean and spread
to docs/records/seeds.json.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import Tree
from book.prove import check
from book.record import records
from book.run.child import machine

GOALS = "docs/results.toml"
SEEDS = "seeds.json"
KEYS = {"page", "section", "figure", "pattern", "limit"}


@dataclass(frozen=True)
class Result:
    """A figure of a chapter: what must be reached, what the record holds, and the seconds of the whole page."""

    page: str
    figure: str
    value: float
    wanted: str
    reached: bool
    seconds: float
    limit: float

    @property
    def good(self) -> bool:
        return self.reached and self.seconds <= self.limit


def results(tree: Tree) -> list[Result]:
    """Every figure of docs/results.toml, from the records.

    Raises:
        BookError: an entry is not whole, or the record does not print what it asks for.
    """
    path = tree.root / GOALS
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("result", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BookError(f"{GOALS}: {error}") from error
    return [_result(tree, number, entry) for number, entry in enumerate(entries, start=1)]


def _result(tree: Tree, number: int, entry: dict[str, Any]) -> Result:
    where = f"{GOALS}: result {number}"
    bounds = {"at_least", "at_most"} & set(entry)
    if set(entry) - bounds != KEYS or not bounds:
        raise BookError(f"{where}: give {', '.join(sorted(KEYS))}, and at_least or at_most")
    record = records.read(tree, entry["page"])
    cell = record.cell(entry["section"])
    if cell is None:
        raise BookError(f'{where}: {entry["page"]} has no block "{entry["section"]}"')
    match = re.search(entry["pattern"], check.printed(cell), re.MULTILINE)
    if match is None:
        raise BookError(
            f'{where}: block "{entry["section"]}" of {entry["page"]} prints nothing like {entry["pattern"]!r}'
        )
    value = float(match[1])
    least, most = entry.get("at_least", float("-inf")), entry.get("at_most", float("inf"))
    wanted = " ".join(f"{sign} {entry[key]:g}" for key, sign in (("at_least", ">="), ("at_most", "<=")) if key in entry)
    seconds = sum(cell.seconds for cell in record.cells)
    return Result(entry["page"], entry["figure"], value, wanted, least <= value <= most, seconds, float(entry["limit"]))


def table(found: Sequence[Result]) -> str:
    """The results as a terminal shows them."""
    page, figure = (max(len(getattr(r, name)) for r in found) for name in ("page", "figure"))
    return "\n".join(
        f"{r.page:{page}}  {r.figure:{figure}}  {r.value:8.3f}  {r.wanted:9}  page {r.seconds:5.1f} s, limit {r.limit:g} s  "
        f"{'ok' if r.good else 'MISSED'}"
        for r in found
    )


# ---- Seeds -----------------------------------------------------------------------------------------------------------


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
    """Chapters that can be trained again, by the names of their files in tests/results."""
    return sorted(p.stem for p in (tree.root / "tests" / "results").glob("[a-z]*.py"))


def over_seeds(tree: Tree, names: Sequence[str], seeds: int, say: Callable[[str], None]) -> list[Spread]:
    """Train each chapter with seeds 0, 1, ... in processes of their own; keep what came out in docs/records/seeds.json.

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
    path = tree.root / "tests" / "results" / f"{name}.py"
    command = [sys.executable, "-c", code, f"results_{name}", str(path), str(seed)]
    done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BookError(f"{tree.relative(path)}: run({seed}) failed\n{done.stderr.strip()}")
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def _keep(tree: Tree, found: Sequence[Spread]) -> None:
    path = tree.records / SEEDS
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    here = machine()
    for spread in found:
        kept.setdefault(spread.chapter, {}).update(torch=here.torch, cpu=here.cpu)
        kept[spread.chapter][spread.figure] = {
            "mean": round(statistics.mean(spread.values), 4),
            "spread": round(statistics.stdev(spread.values), 4) if len(spread.values) > 1 else 0.0,
            "seeds": [round(value, 4) for value in spread.values],
        }
    write_atomically(path, json.dumps(kept, indent=1, sort_keys=True) + "\n")
