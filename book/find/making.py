"""The documents as files of the index: packed for a browser, prose in pieces, and MiniSearch's own index for the terminal.

What must be quick, reading them, is ``book.find.store``: it imports this when there is something to make.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from book.find import documents
from book.find.engine import CORE, FILES, INDEX, Engine
from book.find.reference import Index
from book.ground.files import write_atomically
from book.ground.tree import Tree

LINES = 16  # pieces of the lines of code that names are shown with
USES = 12  # sections that a name brings along, best first


def made(tree: Tree, index: Index, language: str) -> dict[str, str]:
    """What a browser fetches in one language: name -> text."""
    return packed(documents.documents(tree, index, language), tree.build / "find" / f"tokens-{language}.json")


def packed(listed: Mapping[str, Any], kept: Path | None = None) -> dict[str, str]:
    """The files of a list of documents. ``kept``: a file that holds the tokens of the sections as they were last."""
    engine = Engine()
    prose = engine.call("rpSearch.proseOf(JSON.parse(json_counted))", counted=_counted(engine, listed, kept))
    files = {INDEX: _dump(pack(listed, prose["lengths"]))}
    for piece in range(LINES):
        lines = {n: name["line"] for n, name in enumerate(listed["names"]) if name.get("line") and n % LINES == piece}
        files[f"lines-{piece:02}.json"] = _dump(lines)
    return files | {f"{number:03}.json": _dump(shard) for number, shard in enumerate(prose["shards"])}


def with_core(files: Mapping[str, str]) -> dict[str, str]:
    """The files with MiniSearch's index, which takes seconds to make: the terminal reads it, browsers make their own."""
    core = Engine().call("new rpSearch.Search(JSON.parse(json_index)).core", index=files[INDEX])
    return {**files, CORE: _dump(core)}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _counted(engine: Engine, listed: Mapping[str, Any], kept: Path | None) -> str:
    """The tokens of each section, as a JSON list: cut anew where a section's text, or the way it is cut, has changed."""
    chinese = listed["language"] == "zh"
    # an English page has the Chinese heading in its prose, a Chinese one in the index
    texts = [" ".join([one["prose"], one["alts"], "" if chinese else one["other"]]) for one in listed["sections"]]
    words = {key: listed.get(key, "") for key in ("terms", "traditional")}
    ways = [_dump(words), *(path.read_text(encoding="utf-8") for path in FILES)]
    way = hashlib.sha256("\0".join(ways).encode()).digest()
    keys = [hashlib.sha256(way + text.encode()).hexdigest()[:24] for text in texts]
    known = _kept(kept)
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if new:
        data = _dump(words | {"texts": list(new.values())})
        rows = engine.call("rpSearch.countsOf(JSON.parse(json_data))", data=data)
        known |= dict(zip(new, map(_dump, rows), strict=True))
    if kept and (new or len(known) > len(set(keys))):
        write_atomically(kept, "".join(f"{key}{known[key]}\n" for key in dict.fromkeys(keys)))
    return f"[{','.join(known[key] for key in keys)}]"


def _kept(path: Path | None) -> dict[str, str]:
    """Rows of tokens that are kept, each still as JSON; none where the file is cut short or is no such file."""
    try:
        text = path.read_text(encoding="utf-8") if path else ""
    except (OSError, ValueError):
        return {}
    rows = [line for line in text.splitlines() if line[24:25] == "[" and line.endswith("]")]
    return {line[:24]: line[24:] for line in rows}


def pack(listed: Mapping[str, Any], lengths: list[int]) -> dict[str, Any]:
    """The documents for a browser: a list for each property in place of objects, names front-coded. ``unpack`` of search.js reads it."""
    names = listed["names"]
    data = {key: value for key, value in listed.items() if key not in ("sections", "names")}
    chinese = listed["language"] == "zh"
    sections = listed["sections"]
    data["sections"] = {
        "page": [s["page"] for s in sections],
        "anchor": _column("" if s["anchor"] == _implied(s["blocks"]) else s["anchor"] for s in sections),
        "heading": _column(s["heading"] for s in sections),
        "other": _column(s["other"] if chinese else "" for s in sections),
        "above": {n: s["above"] for n, s in enumerate(sections) if s["above"]},
        "blocks": _column(" ".join(s["blocks"]) for s in sections),
        "told": _column(s["told"] for s in sections),
    }
    data["names"] = {
        "text": "\n".join(_front_coded([name["name"] for name in names])),
        "place": [name["place"] for name in names],
        "kind": "".join(str(name["kind"]) for name in names),
        "where": "".join(str(name["where"]) for name in names),
        "aliases": {n: " ".join(name["aliases"]) for n, name in enumerate(names) if name["aliases"]},
        "sections": [name.get("sections", [])[:USES] or 0 for name in names],
        "count": {n: name["count"] for n, name in enumerate(names) if name.get("count")},
        "kin": {n: name["kin"] for n, name in enumerate(names) if name.get("kin") is not None},
    }
    data["proseLengths"] = lengths
    return data


def _column(texts: Iterable[str]) -> str:
    """A text of each section in a line of its own: alike things together are shorter when packed."""
    return "\n".join(text.replace("\n", " ") for text in texts)


def _implied(blocks: Sequence[str]) -> str:
    """The anchor that most sections have: their first block's name."""
    return blocks[0].replace("_", "-") if blocks else ""


def _front_coded(names: list[str]) -> Iterator[str]:
    """Each name as a character that says how much of the one before stays, and the rest."""
    before = ""
    for name in names:
        same = 0
        while same < min(len(before), len(name), 90) and before[same] == name[same]:
            same += 1
        yield chr(32 + same) + name[same:]
        before = name
