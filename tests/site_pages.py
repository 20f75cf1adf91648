"""Every page of a built site, read once into a record of what it holds, for all tests that ask about it."""

from __future__ import annotations

import gzip
import html
import pickle
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

from filelock import FileLock

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
Event = tuple[str, str]
Attributes = list[tuple[str, str | None]]

_TOKEN = re.compile(
    r"""<!--.*?-->|<![^>]*>
    |(?P<start><(?P<name>[a-zA-Z][^\s/>]*)(?:[^>"']++|"[^"]*"|'[^']*')*+>)
    |</(?P<end>[a-zA-Z][^\s/>]*)[^>]*>
    |(?P<text>[^<]+|<)""",
    re.DOTALL | re.VERBOSE,
)
_RAW = {name: re.compile(rf"(.*?)</{name}\s*>", re.DOTALL | re.IGNORECASE) for name in ("script", "style")}


class _StartTag(HTMLParser):
    found: tuple[str, Attributes]

    def handle_starttag(self, tag: str, attributes: Attributes) -> None:
        self.found = tag, attributes


@lru_cache(maxsize=100_000)
def _start_tag(markup: str) -> tuple[str, Attributes]:
    parser = _StartTag()
    parser.feed(markup)
    return parser.found


class Quick(HTMLParser):
    """html.parser for whole, well-formed pages, five times as fast: most start tags were seen before.

    Calls the same ``handle_starttag``, ``handle_endtag`` and ``handle_data``; put it before a parser to quicken that.
    """

    def feed(self, data: str) -> None:
        at, end = 0, len(data)
        match = _TOKEN.match
        while at < end:
            token = match(data, at)
            assert token, f"no HTML: {data[at : at + 80]!r}"
            at = token.end()
            if token["text"]:
                self.handle_data(html.unescape(token["text"]))
            elif token["start"]:
                tag, attributes = _start_tag(token["start"])
                self.handle_starttag(tag, attributes)
                if token["start"].endswith("/>"):
                    self.handle_endtag(tag)
                elif tag in _RAW:
                    raw = _RAW[tag].match(data, at)
                    assert raw, f"<{tag}> has no end"
                    if raw[1]:
                        self.handle_data(raw[1])
                    self.handle_endtag(tag)
                    at = raw.end()
            elif token["end"]:
                self.handle_endtag(token["end"].lower())


@dataclass(frozen=True)
class SitePage:
    """What a page of the site holds.

    Attributes:
        groups: for each code block, its id and what stands between it and its line "run on ...": the code, outputs,
            figures and tables.
        strays: code that stands outside these groups.
        ids: all ids.
        classes: all classes.
        references: (tag, attribute, target) of everything that names an address.
        words: the text of the article, outputs left out.
        gzipped: bytes.
    """

    groups: list[tuple[str, list[Event]]]
    strays: list[str]
    ids: set[str]
    classes: set[str]
    references: list[tuple[str, str, str]]
    words: str
    gzipped: int


def look(markup: str) -> SitePage:
    """The record of a page's HTML."""
    seen = _Reader(markup)
    size = len(gzip.compress(markup.encode()))
    return SitePage(seen.groups, seen.strays, seen.ids, seen.classes, seen.references, seen.words, size)


def read(site: Path) -> dict[str, SitePage]:
    """Every page by its path below ``site``. They are read once, also under xdist: the records lie beside the site."""
    kept = site.with_name(f"{site.name}-pages.pickle")
    with FileLock(kept.with_suffix(".lock")):
        if kept.is_file():
            return dict(pickle.loads(kept.read_bytes()))
        found = {
            p.relative_to(site).as_posix(): look(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html"))
        }
        kept.write_bytes(pickle.dumps(found))
    return found


def file_of(page: str, language: str) -> str:
    """The path of a chapter's HTML below the site."""
    return "/".join(
        filter(None, ("" if language == "en" else language, page.removesuffix("index").rstrip("/"), "index.html"))
    )


class _Reader(Quick):
    """Collects what a ``SitePage`` holds."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.groups: list[tuple[str, list[Event]]] = []
        self.strays: list[str] = []
        self.ids: set[str] = set()
        self.classes: set[str] = set()
        self.references: list[tuple[str, str, str]] = []
        self._stack: list[tuple[str, str]] = []
        self._open: list[Event] | None = None
        self._text: list[str] = []
        self._cells: list[str] = []
        self._words: list[str] = []
        self._articles = 0
        self.feed(markup)

    @property
    def words(self) -> str:
        return "".join(self._words)

    def handle_starttag(self, tag: str, attributes: Attributes) -> None:
        classes = ""
        if attributes:
            named = {key: value or "" for key, value in attributes}
            classes = named.get("class", "")
            self._note(tag, classes, named)
        if tag in ("pre", "td", "th"):
            self._text = []
        elif tag == "table":
            self._cells = []
        elif tag == "article":
            self._articles += 1
        if tag not in VOID:
            self._stack.append((tag, classes))

    def _note(self, tag: str, classes: str, named: dict[str, str]) -> None:
        if "id" in named:
            self.ids.add(named["id"])
        for key in ("href", "src"):
            if key in named:
                rel = named.get("rel", "").strip()
                self.references.append((f"{tag} rel={rel}" if rel else tag, key, named[key]))
        if not classes:
            return
        each = classes.split()
        self.classes.update(each)
        if tag == "div" and "rp-code" in each:
            self._open = []
            self.groups.append((named.get("id", ""), self._open))
        elif "rp-run" in each:
            self._open = None
        elif tag == "img" and "rp-figure" in each:
            self._add("figure", named.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not any(tag == name for name, _ in reversed(self._stack)):
            return
        while (closed := self._stack.pop()[0]) != tag:
            self._articles -= closed == "article"
        if tag == "pre":
            around = self._stack[-1][1].split() if self._stack else ()
            kind = next((kind for name, kind in (("rp-code", "code"), ("rp-out", "text")) if name in around), "")
            self._add(kind or "unmarked", "".join(self._text).rstrip("\n"))
        elif tag in ("td", "th"):
            self._cells.append(" ".join("".join(self._text).split()))
        elif tag == "table" and self._open is not None:
            self._open.append(("table", " | ".join(filter(None, self._cells))))
        elif tag == "article":
            self._articles -= 1

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        output = any("rp-out" in classes.split() for _, classes in self._stack)
        if self._articles and self._stack[-1][0] not in ("script", "style") and not output:
            self._words.append(data)

    def _add(self, kind: str, value: str) -> None:
        if self._open is None or kind == "unmarked":
            self.strays.append(value)
        else:
            self._open.append((kind, value))
