"""``python -m book find``: a name, a task in words, a term or an error message -> where the book has it, with code.

The ranking is the browser's (``book.find.engine``); here it becomes text and data. Nothing of torch and nothing that reads
pages is imported: with the index in place the whole command takes a fraction of a second.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from book.find import store
from book.ground.tree import Tree
from book.record.outputs import printed, text_of

KINDS = ("function", "class", "method", "property")
NAMES = Path(__file__).parents[1] / "names" / "apis.json"
DOCS = "https://docs.pytorch.org/docs/stable/"


def answer(tree: Tree, query: str, language: str = "en", most: int = 3) -> tuple[dict[str, Any], str, int]:
    """What ``find`` says: as data, as text, and the exit status (1: nothing in the book).

    Raises:
        BookError: a record names what is not in the list of names.
    """
    found = store.searcher(tree, language).find(query)
    rows = found["answers"]
    cells = _Cells(tree)
    data = {
        "query": query,
        "nothing": found["nothing"],
        "answers": [_data(one, cells) for one in rows],
        "near": [_data(one, cells) for one in found["near"]],
    }
    if found["nothing"]:
        told = f"nothing in the book matches {query!r}" if len(query) < 200 else "nothing in the book matches"
        if found["near"]:
            told += "\nnear: " + ", ".join(_label(one) for one in found["near"])
        return data, told, 1
    lines: list[str] = [f"searched as {found['mended']!r}", ""] if found["mended"] else []
    shown = 0
    for one in rows:
        more = _code(one, cells) if shown < most else []
        if more and lines and lines[-1]:
            lines.append("")
        lines += [_head(one), *(_facts(one) if one["kind"] == "api" and one is rows[0] else []), *more]
        shown += bool(more)
    return data, "\n".join(lines).strip("\n"), 0


class _Cells:
    """Blocks of pages, read when one of them is asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._pages: dict[str, dict[str, Mapping[str, Any]]] = {}

    def get(self, page: str, block: str) -> Mapping[str, Any] | None:
        if page not in self._pages:
            try:
                cells = json.loads(self._tree.record(page).read_text(encoding="utf-8"))["cells"]
                self._pages[page] = {cell["metadata"]["book"]["section"]: cell for cell in cells}
            except (OSError, ValueError, KeyError, TypeError):
                self._pages[page] = {}
        return self._pages[page].get(block)


def _label(one: Mapping[str, Any]) -> str:
    """How a terminal names an answer: a name, ``page:block``, or ``page#section`` where a section has no block."""
    if one["kind"] == "section":
        return f"{one['page']}:{one['code']}" if one.get("code") else f"{one['page']}#{one['anchor']}"
    return str(one["name"])


def _head(one: Mapping[str, Any]) -> str:
    if one["kind"] == "api":
        count = one["count"]
        told = f"{count} example{'' if count == 1 else 's'}" if count else "no example yet"
        told += f"; see {one['kin']}" if one.get("kin") else ""
        return f"{_label(one)}  ({KINDS[one['kindOf']]}, {told})"
    if one["kind"] == "toolkit":
        return f"{_label(one)}  (toolkit, {one['page']}) {one['line']}"
    title = "" if one["title"] == one["heading"] else f"{one['title']} › "
    return f"{_label(one)} · {title}{one['heading']}"


def _facts(one: Mapping[str, Any]) -> list[str]:
    row = json.loads(NAMES.read_text(encoding="utf-8"))["apis"].get(one["name"], {})
    page = row.get("page")
    return [f"  {fact}" for fact in (row.get("signature"), page and DOCS + page) if fact]


def _code(one: Mapping[str, Any], cells: _Cells) -> list[str]:
    cell = cells.get(one["page"], one["code"]) if one["kind"] == "section" and one.get("code") else None
    if cell is None:
        return []
    lines = ["", textwrap.indent(text_of(cell["source"]).rstrip("\n"), "    ")]
    told = _printed(cell)
    return [*lines, *(["", textwrap.indent(told, "    | ", lambda _: True)] if told else []), ""]


def _printed(cell: Mapping[str, Any]) -> str:
    """What the block printed, as a terminal shows it."""
    return "\n".join(text.rstrip("\n") for output in cell["outputs"] if (text := printed(output)))


def _data(one: Mapping[str, Any], cells: _Cells) -> dict[str, Any]:
    """An answer for programs."""
    kind = one["kind"]
    keys = {
        "section": ("page", "title", "heading", "message"),
        "api": ("name", "count", "kin"),
        "toolkit": ("name", "page", "line"),
    }
    data = {"kind": kind, "address": one["address"], **{key: one[key] for key in keys[kind] if key in one}}
    if kind == "api":
        data["type"] = KINDS[one["kindOf"]]
    if one.get("alias"):
        data["asked_as"] = one["alias"]
    cell = cells.get(one["page"], one["code"]) if kind == "section" and one.get("code") else None
    if cell is not None:
        book = cell["metadata"]["book"]
        data |= {"block": one["code"], "code": text_of(cell["source"]), "output": _printed(cell), "apis": book["apis"]}
        data["has_program"] = bool(book.get("program"))
    return data
