"""Passages of the book for programs: a section as Markdown with its outputs, the program of a block, the facts of an API."""

from __future__ import annotations

from typing import Any

from book.find import reference
from book.find.reference import Index
from book.ground.errors import BookError, nearest
from book.ground.tree import Tree
from book.record import records
from book.record.outputs import printed
from book.record.records import Record
from book.source import pages
from book.source.markdown import fence
from book.source.pages import Block, Page


def program(tree: Tree, name: str) -> str:
    """The program that runs one block alone, of ``PAGE:BLOCK``.

    Raises:
        BookError: there is no such block, or it has no program.
    """
    page, colon, block = name.partition(":")
    if not colon:
        raise BookError(f'"{name}" names no block: write PAGE:BLOCK, such as concepts/autograd:backward_scalar')
    if page not in tree.pages():
        raise BookError(f'there is no page "{page}"{nearest(page, tree.pages())}')
    record = records.read(tree, page)
    cell = record.cell(block)
    if cell is None:
        raise BookError(f'{page} has no block "{block}"{nearest(block, [c.name for c in record.cells])}')
    if cell.needs:
        raise BookError(
            f"{page}:{block} needs {cell.needs}, so its program was never run: copy the block from its page"
        )
    return str(cell.program["text"])


def section(tree: Tree, place: str, language: str = "en") -> str:
    """``page``, ``page#section`` or ``page:block`` as Markdown: prose, code, and what the code printed.

    Raises:
        BookError: there is no such page, section or block.
    """
    name, anchor, block = _place(place)
    page = pages.load(tree, name, language)
    first, last = page.body + 1, len(page.lines)
    if anchor:
        first, last = _lines(page, anchor)
    elif block:
        found = page.block(block)
        heading = max((h for h in page.headings if h.line < found.line), key=lambda h: h.line, default=None)
        first, last = _lines(page, heading.id) if heading and heading.id else (found.line, found.end)
    record = records.read(tree, name) if page.blocks else None
    starts = {one.line: one for one in page.blocks}
    lines: list[str] = []
    number = first
    while number <= last:
        shown = starts.get(number)
        if shown is None:
            lines.append(page.lines[number - 1])
        else:
            lines += [f"{shown.indent}{line}".rstrip() for line in _block(shown, record)]
            number = shown.end
        number += 1
    return "\n".join(lines).strip() + "\n"


def _place(place: str) -> tuple[str, str, str]:
    """(page, section, block); an address of the site, ``page/#code-block``, is a place too."""
    page, _, anchor = place.partition("#")
    if anchor.startswith("code-"):
        return page.strip("/") or "index", "", anchor.removeprefix("code-")
    page, _, block = page.partition(":")
    return page.strip("/") or "index", anchor, block


def _lines(page: Page, anchor: str) -> tuple[int, int]:
    """First and last line of a section with all that lies in it."""
    heading = next((h for h in page.headings if h.id == anchor), None)
    if heading is None:
        raise BookError(f'{page.name} has no section "{anchor}"{nearest(anchor, [h.id or "" for h in page.headings])}')
    behind = (h.line for h in page.headings if h.line > heading.line and h.level <= heading.level)
    return heading.line, next(behind, len(page.lines) + 1) - 1


def _block(block: Block, record: Record | None) -> list[str]:
    cell = record.cell(block.name) if record else None
    told = "\n".join(text.rstrip("\n") for output in (cell.outputs if cell else []) if (text := printed(output)))
    return [f"<!-- {block.name} -->", *fence(block.code, "python"), *(["", *fence(told, "text")] if told else [])]


def api(index: Index, name: str, language: str = "en") -> dict[str, Any]:
    """What is known of a public name of torch, and the blocks that show it, best first.

    Raises:
        BookError: the list has no such name.
    """
    canonical = index.known.canonical.get(name)
    if canonical is None:
        raise BookError(f'there is no public name "{name}"{nearest(name, index.known.by_name)}: ask find for its words')
    one = index.known.by_name[canonical]
    entry = index.entries.get(canonical)
    blocks = entry.examples if entry else ()
    return {
        "name": canonical,
        "kind": one.kind,
        "signature": one.signature,
        "official": one.address,
        "other_spellings": reference.spellings(index, one),
        "examples": [
            {"block": e.name, "heading": reference.place_of(e, language).heading, "has_program": e.has_program}
            for e in blocks
        ],
    }
