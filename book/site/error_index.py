"""The generated page "Errors and what they mean": each exception that a chapter shows, its block, and the mend."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from book.ground.tree import Tree
from book.record import records
from book.record.records import Cell
from book.site import matrix
from book.source import pages
from book.source.ledger import Entry, Ledger
from book.source.markdown import FILTER, fence, folded, front_matter, plain
from book.source.words import words as words_of


@dataclass(frozen=True)
class Raised:
    """An expected exception as it was recorded, with its ledger entry and its place in the chapter."""

    entry: Entry
    name: str
    message: str
    title: str
    heading: str
    newer: str = ""  # what a newer torch says instead

    @property
    def anchor(self) -> str:
        """A stable id: the chapter and the block that raise it."""
        return f"error-{self.entry.page.rpartition('/')[2]}-{self.entry.section}".replace("_", "-")

    @property
    def headline(self) -> str:
        return short(self.message)


def collect(tree: Tree, language: str, ledger: Ledger) -> list[Raised]:
    """Every expected exception of the book, by type and message."""
    found = []
    for name in tree.pages(language):
        entries = {e.section: e for e in ledger.of_page(name) if e.kind == "raises"}
        if not entries:
            continue
        page = pages.load(tree, name, language)
        record = records.read(tree, name)
        title = page.meta.get("title", name)
        for block in page.blocks:
            cell = record.cell(block.name)
            if block.name in entries and cell is not None and not cell.needs:
                headings = [h.title for h in page.headings if h.line < block.line]
                error = _error(cell)
                found.append(
                    Raised(
                        entries[block.name],
                        error["ename"],
                        error["evalue"],
                        title,
                        headings[-1] if headings else title,
                        matrix.bound(language, ledger.get("until", name, block.name)),
                    )
                )
    return sorted(found, key=lambda r: (r.name, r.headline.lower()))


def _error(cell: Cell) -> dict[str, Any]:
    return next(output for output in cell.outputs if output["output_type"] == "error")


def page(tree: Tree, language: str, ledger: Ledger) -> str:
    """The page as Markdown."""
    words = words_of("errors", language)
    lines = [*front_matter(words["title"], words["description"]), ""]
    lines += [f"# {words['title']} {{#errors}}", "", words["intro"], "", FILTER]
    found = collect(tree, language, ledger)
    times = Counter(raised.headline for raised in found)
    for kind, group in groupby(found, key=lambda raised: raised.name):
        lines += ["", f"## {plain(kind)} {{#errors-{kind.strip('_').lower()}}}"]
        for raised in group:
            heading = plain(raised.headline)
            if times[raised.headline] > 1:  # the same words mean another mistake elsewhere: tell them apart
                heading = words["again"].format(message=heading, title=re.split("[:：]", raised.title)[0])
            lines += _raised(raised, heading, language)
    return "\n".join([*lines, ""])


def _raised(raised: Raised, heading: str, language: str) -> list[str]:
    """An exception: its message, what to do, where it was raised."""
    words, entry = words_of("errors", language), raised.entry
    lines = [
        *fence(f"{raised.name}: {raised.message}", "{ .text .rp-out .rp-error }"),
        *(["", raised.newer[0].upper() + raised.newer[1:]] if raised.newer else []),
        "",
        words["mend"].format(mend=entry.mend_zh if language == "zh" else entry.mend),
        "",
        words["where"].format(title=raised.title, page=entry.page, block=entry.section, heading=raised.heading),
    ]
    return folded(f"### {heading} {{#{raised.anchor}}}", lines)


def short(message: str) -> str:
    """The first sentence of a message, at most 90 characters."""
    first = re.split(r"(?<=[.!?]) |\n|; |: (?=\[)", message.strip().removeprefix('"'), maxsplit=1)[0].rstrip(".:;")
    return first if len(first) <= 90 else first[:87].rsplit(" ", 1)[0] + " …"
