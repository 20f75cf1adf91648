"""What chapters promise to reach, read from the records.

``docs/results.toml`` says for each figure which block prints it and what it must reach. ``python -m book results`` holds
the records against that. How the figures vary from seed to seed is measured by ``bench.retrain``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.record import records

GOALS = "docs/results.toml"
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
