"""What is searched, in one list: sections, API names, names of the toolkit, terms of the glossary, messages.

The list is plain data (``documents``), made at staging. docs/theme/javascripts/search.js cuts it into tokens and ranks it,
in a browser and in the terminal.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from book.find import aliases, reference
from book.find.reference import KINDS, WHERES, Example, Index
from book.ground.tree import LANGUAGES, Tree
from book.record.outputs import printed
from book.source import glossary
from book.source.pages import ATTRIBUTE, FENCE, HEADING, INCLUDE, block_name

FORMAT = 3
MESSAGE = 300  # characters of a message that are kept
TELLS = re.compile(r"\b\w*(?:Error|Warning|Exception)\b")
CATCHES = re.compile(r"^\s*except\b", re.MULTILINE)
WARNS = re.compile(r"catch_warnings|warnings\.")
TITLED = re.compile(r'^\s*(?:!!!|\?\?\?\+?|===)\s+(?:\w+\s+)?"(?P<title>.*)"\s*$')
CALLOUT = re.compile(r"^\s*(?:!!!|\?\?\?\+?)\s+\w+\s*$")
TRADITIONAL = Path(__file__).resolve().parent / "traditional.txt"


@dataclass
class Section:
    """A heading of a page and what stands under it, down to the next heading.

    Attributes:
        above: the anchors and titles of the headings above it, outermost first.
        told: titles of admonitions.
        blocks: names of the blocks, in order.
    """

    page: str
    anchor: str
    heading: str
    level: int
    above: list[tuple[str, str]]
    told: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    alts: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @cached_property
    def prose(self) -> str:
        return prose_of(self.lines)


def read_sections(tree: Tree, page: str, language: str) -> tuple[Section, ...]:
    """The sections of a page in the order of its source, which may be half written: what is wrong, staging says."""
    path = tree.page(language, page)
    return _sections(page, path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else ()


@lru_cache(maxsize=1024)
def _sections(page: str, text: str) -> tuple[Section, ...]:
    found: list[Section] = []
    stack: list[Section] = []
    ticks = info = ""
    meta: list[str] = []
    lines = text.splitlines()
    start = _front_matter(lines, meta)
    for line in lines[start:]:
        fence = FENCE.match(line)
        if ticks:
            include = INCLUDE.match(line)
            if include and info.startswith("python") and found:
                found[-1].blocks.append(block_name(include["target"]))
                found[-1].alts += [
                    m["double"] or m["single"] or "" for m in ATTRIBUTE.finditer(info) if m["key"] == "alt"
                ]
            elif fence and not fence["info"].strip() and len(fence["ticks"]) >= len(ticks):
                ticks = ""
        elif fence:
            ticks, info = fence["ticks"], fence["info"].strip()
        elif match := HEADING.match(line):
            level = len(match["level"])
            stack = [one for one in stack if one.level < level]
            anchor = next(iter(re.findall(r"#([\w-]+)", match["attributes"] or "")), "")
            one = Section(page, anchor, reference.plain(match["title"]), level, [(s.anchor, s.heading) for s in stack])
            if not found:
                one.lines += meta
            stack.append(one)
            found.append(one)
        elif found:
            if titled := TITLED.match(line):
                found[-1].told.append(reference.plain(titled["title"]))
            elif not CALLOUT.match(line):
                found[-1].lines.append(line)
    return tuple(one for one in found if one.anchor)


def _front_matter(lines: list[str], kept: list[str]) -> int:
    """The number of lines of the front matter; what it tells a reader is ``kept``."""
    if not lines or lines[0].strip() != "---":
        return 0
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return number
        key, _, value = line.partition(":")
        if key in ("title", "description", "learn"):
            kept.append(value.strip().strip("\"'"))
    return 0


def prose_of(lines: list[str]) -> str:
    """Markdown without its marks, as words to search."""
    text = "\n".join(lines)
    text = re.sub(r"<[^>]+>|\{[^}]*\}|\$\$.*?\$\$", " ", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[ \t\n]+", " ", re.sub(r"[`*$|\\]|-{3,}", " ", text)).strip()


# ---- Messages --------------------------------------------------------------------------------------------------------


def messages_of(example: Example) -> list[str]:
    """What a block raises, or prints of an error that it catches or a warning that it shows."""
    found = [example.error] if example.error else []
    catches = bool(CATCHES.search(example.code))
    warns = bool(WARNS.search(example.code))
    for output in example.outputs:
        if output["output_type"] != "stream":
            continue
        for line in printed(output).splitlines():
            words = re.findall(r"[A-Za-z]{2,}", line)
            if len(words) >= 3 and (TELLS.search(line) or (catches and len(words) >= 4) or (warns and len(words) >= 5)):
                found.append(line.strip())
    return [_short(message) for message in dict.fromkeys(found)]


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE else line[:MESSAGE].rsplit(" ", 1)[0]


# ---- The toolkit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tool:
    """A public name of the toolkit: ``KerasModel.fit``, its page and anchor there, and the first line about it."""

    name: str
    page: str
    line: str


def tools(tree: Tree) -> list[Tool]:
    """The toolkit's functions, classes and methods, inherited ones under the name of the class that readers use."""
    modules: dict[str, ast.Module] = {}
    for path in sorted((tree.snippets / "toolkit").rglob("*.py")):
        if path.name != "__init__.py":
            try:
                modules[path.relative_to(tree.snippets).with_suffix("").as_posix()] = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                continue  # staging says so
    classes = {
        node.name: (page, node)
        for page, tree_ in modules.items()
        for node in tree_.body
        if isinstance(node, ast.ClassDef)
    }
    found: list[Tool] = []
    for page, module in modules.items():
        for node in module.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found.append(Tool(node.name, page, _line(node)))
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                methods = {m.name: m for m in _methods(node, classes)}
                found += [Tool(f"{node.name}.{name}", page, _line(method)) for name, method in methods.items()]
    return found


def _methods(
    node: ast.ClassDef, classes: dict[str, tuple[str, ast.ClassDef]], deep: int = 8
) -> Iterator[ast.FunctionDef]:
    """Public methods; those of bases first, so that a class's own come last and stay."""
    for base in node.bases if deep else []:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from _methods(classes[base.id][1], classes, deep - 1)
    yield from (m for m in node.body if isinstance(m, ast.FunctionDef) and not m.name.startswith("_"))


def _line(node: ast.FunctionDef | ast.ClassDef) -> str:
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


# ---- The list --------------------------------------------------------------------------------------------------------


def documents(tree: Tree, index: Index, language: str) -> dict[str, Any]:
    """All that is searched in one language.

    ``pages``: [path, title]. ``sections``: {page, anchor, heading, above, ...}; ``names``: {name, place, ...}, where
    ``sections`` are numbers of the sections that show the name, best first, with the block that does.
    """
    other = next(one for one in LANGUAGES if one != language)
    listed = tree.pages(language)
    sections = [one for page in listed for one in read_sections(tree, page, language)]
    number = {(one.page, one.anchor): n for n, one in enumerate(sections)}
    there = {(one.page, one.anchor): one for page in listed for one in read_sections(tree, page, other)}
    of_block = {(one.page, block): n for n, one in enumerate(sections) for block in one.blocks}
    titles: dict[str, str] = {}
    for one in sections:
        titles.setdefault(one.page, one.heading)
    pages = {page: n for n, page in enumerate(titles)}
    messages = [
        [of_block[e.page, e.block], e.block, text]
        for e in index.examples
        if (e.page, e.block) in of_block
        for text in messages_of(e)
    ]
    rows = []
    for one in sections:
        twin = there.get((one.page, one.anchor))
        rows.append(
            {
                "page": pages[one.page],
                "anchor": one.anchor,
                "heading": one.heading,
                "other": twin.heading if twin else "",
                "above": [number[one.page, anchor] for anchor, _ in one.above if (one.page, anchor) in number],
                "told": " · ".join(one.told),
                "blocks": one.blocks,
                "alts": " ".join(one.alts),
                "prose": one.prose,
            }
        )
    made = {
        "v": FORMAT,
        "torch": index.known.torch,
        "language": language,
        "pages": [[page, titles[page]] for page in pages],
        "sections": rows,
        "names": _names(index, of_block),
        "places": _places(index),
        "tools": [[tool.name, tool.page, tool.line] for tool in tools(tree)],
        "messages": messages,
        "aliases": aliases.packed(row for row in aliases.load(tree) if row.asked_in(language)),
    }
    if language == "zh":
        made["terms"] = [[term.en, term.zh] for term in glossary.load(tree)] if tree.glossary.is_file() else []
        made["traditional"] = traditional(json.dumps(made, ensure_ascii=False))
    return made


def _places(index: Index) -> list[str]:
    return sorted({index.place(api) for api in index.known.by_name.values()})


def _names(index: Index, of_block: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    at_place = {name: n for n, name in enumerate(_places(index))}
    rows = []
    order = {name: n for n, name in enumerate(sorted(index.known.by_name))}
    shown: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in index.entries:
        last = _parts(name)[1]
        shown[last[:3]].append((last, name))
    for name in order:
        api = index.known.by_name[name]
        row: dict[str, Any] = {
            "name": name,
            "place": at_place[index.place(api)],
            "kind": KINDS.index(api.kind),
            "where": WHERES.index(api.where),
            "aliases": list(api.aliases),
        }
        entry = index.entries.get(name)
        if entry:
            own = [of_block[e.page, e.block] for e in entry.examples if (e.page, e.block) in of_block]
            row |= {"sections": list(dict.fromkeys(own)), "count": len(entry.examples)}
            row["line"] = reference.line_of(entry)
        else:
            kin = next((n for n in index.known.families.get(api.family, ()) if n in index.entries), None)
            row["kin"] = order[kin] if kin else _nearest(name, shown, order)
        rows.append(row)
    return rows


def _nearest(name: str, shown: Mapping[str, list[tuple[str, str]]], order: Mapping[str, int]) -> int | None:
    """Of a name without an example: one with, whose last part is the same, or begins alike in the same namespace.

    ``shown``: the last part's first three letters -> (last part, name) of those with an example.
    """
    group, last = _parts(name)
    close = [
        (_alike(last, other), _parts(full)[0] == group, -len(full), full) for other, full in shown.get(last[:3], [])
    ]
    same, here, _, full = max(close, default=(0, False, 0, ""))
    return order[full] if same == len(last) or (here and same >= 4) else None


def _parts(name: str) -> tuple[str, str]:
    group, _, last = name.rpartition(".")
    return group, last.strip("_").lower()


def _alike(one: str, other: str) -> int:
    """How many letters two words begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def traditional(text: str) -> str:
    """Pairs of a traditional character and its simplified one, of those simplified ones that the text has."""
    known = set(text)
    pairs = [
        line.split("\t") for line in TRADITIONAL.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    return "".join(
        f"{old}{new}" for old, new in pairs if new in known and old not in known and len(old) == len(new) == 1
    )
