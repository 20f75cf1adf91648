"""What pages say of originals that the book can't bring along: what a run on one gave and when, or that there was none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.source import originals
from book.source.words import words as words_of


def inputs(tree: Tree, text: str) -> list[str]:
    """What a page with such a sentence is made from, besides its own files."""
    path = tree.root / originals.FILE
    has = any(originals.PLACE.match(line) for line in text.splitlines())
    return [path.read_text(encoding="utf-8", errors="backslashreplace")] if has and path.is_file() else []


def told(tree: Tree, language: str, lines: Sequence[str]) -> list[str]:
    """The lines with a paragraph in the place of each ``<!-- original: name -->``.

    Raises:
        BookError: there is no such original, or docs/originals.json is damaged.
    """
    made = list(lines)
    for number, line in enumerate(lines):
        if match := originals.PLACE.match(line):
            name = match["name"]
            if name not in originals.NAMES:
                raise BookError(f'"original: {name}": there are {", ".join(originals.NAMES)}')
            made[number] = _paragraph(name, originals.read(tree).get(name), words_of("originals", language))
    return made


def _paragraph(name: str, kept: dict[str, Any] | None, words: Any) -> str:
    if kept is None:
        return str(words["never"]).format(name=name)
    each = [
        str(words["figure"]).format(what=words["figures"][what], **figure) for what, figure in kept["figures"].items()
    ]
    return str(words["ran"]).format(
        name=name,
        figures=str(words["join"]).join(each),
        size=f"{kept['bytes'] / 1e6:.1f}",
        sum=kept["sha256"][:12],
        **{field: kept[field] for field in ("date", "file", "torch", "cpu")},
    )
