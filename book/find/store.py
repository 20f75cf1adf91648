"""The index as files: what a browser fetches, and what the terminal keeps beside it so that an answer takes no time.

``index.json`` is the list of documents, packed; ``00.json`` to ``31.json`` are pieces of prose as postings, fetched by the
words of a query; ``core.json`` is MiniSearch's own index, which the terminal reads and a browser makes itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from book.find import documents, reference
from book.find.documents import FORMAT
from book.find.engine import FILES, Engine, Searcher
from book.find.reference import Index
from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import Tree

INDEX, CORE, LINES, STAMP = "index.json", "core.json", "lines.json", "stamp"
USES = 12  # sections that a name brings along, best first


def made(tree: Tree, index: Index, language: str) -> dict[str, str]:
    """What a browser fetches in one language: name -> text."""
    listed = documents.documents(tree, index, language)
    prose = Engine().call("rpSearch.proseOf(JSON.parse(json_data))", data=_dump(_with_prose(listed)))
    lines = {n: name["line"] for n, name in enumerate(listed["names"]) if name.get("line")}
    files = {INDEX: _dump(pack(listed, prose["lengths"])), LINES: _dump(lines)}
    return files | {f"{number:02}.json": _dump(shard) for number, shard in enumerate(prose["shards"])}


def with_core(files: Mapping[str, str]) -> dict[str, str]:
    """The files with MiniSearch's index, which takes seconds to make: the terminal reads it, browsers make their own."""
    core = Engine().call("new rpSearch.Search(JSON.parse(json_index)).core", index=files[INDEX])
    return {**files, CORE: _dump(core)}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with_prose(listed: Mapping[str, Any]) -> dict[str, Any]:
    """What the pieces of prose are made from; an English page has the Chinese heading there, a Chinese one in the index."""
    chinese = listed["language"] == "zh"
    sections = [
        {"prose": " ".join([one["prose"], one["alts"], "" if chinese else one["other"]])} for one in listed["sections"]
    ]
    return {key: listed.get(key, "") for key in ("terms", "traditional")} | {"sections": sections}


def pack(listed: Mapping[str, Any], lengths: list[int]) -> dict[str, Any]:
    """The documents for a browser: lists in place of objects, names front-coded. ``unpack`` of search.js reads it."""
    names = listed["names"]
    data = {key: value for key, value in listed.items() if key not in ("sections", "names")}
    chinese = listed["language"] == "zh"
    data["sections"] = [
        _trimmed([s["page"], s["anchor"], s["heading"], s["other"] if chinese else "", s["above"], " ".join(s["blocks"]), s["told"]])
        for s in listed["sections"]
    ]
    data["names"] = {
        "text": "\n".join(_front_coded([name["name"] for name in names])),
        "place": [name["place"] for name in names],
        "kind": "".join(str(name["kind"]) for name in names),
        "where": "".join(str(name["where"]) for name in names),
        "aliases": {n: " ".join(name["aliases"]) for n, name in enumerate(names) if name["aliases"]},
        "sections": [name.get("sections", [])[:USES] or 0 for name in names],
        "block": {n: name["block"] for n, name in enumerate(names) if name.get("block")},
        "count": {n: name["count"] for n, name in enumerate(names) if name.get("count")},
        "kin": {n: name["kin"] for n, name in enumerate(names) if name.get("kin") is not None},
    }
    data["proseLengths"] = lengths
    return data


def _front_coded(names: list[str]) -> Iterator[str]:
    """Each name as a character that says how much of the one before stays, and the rest."""
    before = ""
    for name in names:
        same = 0
        while same < min(len(before), len(name), 90) and before[same] == name[same]:
            same += 1
        yield chr(32 + same) + name[same:]
        before = name


def _trimmed(row: list[Any]) -> list[Any]:
    while row[-1] in ("", []):
        row.pop()
    return row


# ---- The terminal's copy ---------------------------------------------------------------------------------------------


class _Shards(Mapping[int, str]):
    """Pieces of prose, read when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, number: int) -> str:
        return (self._folder / f"{number:02}.json").read_text(encoding="utf-8")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("[0-9][0-9].json"))


def folder(tree: Tree, language: str) -> Path:
    return tree.build / "find" / language


def stamp(tree: Tree) -> str:
    """A digest of names, sizes and times of all that the index is made from."""
    roots = [tree.root / "docs" / "en", tree.root / "docs" / "zh", tree.records, tree.snippets / "toolkit", tree.words]
    paths = [p for root in roots if root.is_dir() for p in root.rglob("*") if p.suffix in (".md", ".ipynb", ".py", ".toml")]
    paths += [*Path(__file__).parent.glob("*"), *FILES, reference.apis.FILE]
    state = hashlib.sha256(f"{FORMAT}".encode())
    for path in sorted(p for p in paths if p.is_file()):
        found = path.stat()
        state.update(f"{path}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    return state.hexdigest()


def keep(tree: Tree, language: str, files: Mapping[str, str], stamped: str) -> None:
    """Write the terminal's copy; the stamp last, so that half of a copy is none."""
    target = folder(tree, language)
    (target / STAMP).unlink(missing_ok=True)
    for name, text in files.items():
        write_atomically(target / name, text)
    write_atomically(target / STAMP, stamped)


def searcher(tree: Tree, language: str) -> Searcher:
    """The search of a language, from the terminal's copy if that is fresh; else the copy is made.

    Raises:
        BookError: a record names what is not in the list of names.
    """
    target, now = folder(tree, language), stamp(tree)
    if _read(target / STAMP) != now:
        index = reference.build(tree)
        if index.problems:
            raise BookError("\n".join(index.problems))
        keep(tree, language, with_core(made(tree, index, language)), now)
    return Searcher(_read(target / INDEX), _Shards(target), _read(target / CORE))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
