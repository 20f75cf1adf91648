"""Pieces of Markdown as the book writes them. What it reads is read by ``book.source.pages``."""

from __future__ import annotations

import html
import json
import re

MARKS = str.maketrans({c: f"&#{ord(c)};" for c in "*_`[]{}\\|~^$"})


def front_matter(title: str, description: str) -> list[str]:
    """The head of a page."""
    values = {"title": title, "description": description}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return ["---", *lines, "---"]


def fence(text: str, info: str) -> list[str]:
    """A fenced block whose ticks outnumber those in ``text``."""
    ticks = "`" * max(3, 1 + max((len(m) for m in re.findall(r"^\s*(`{3,})", text, re.MULTILINE)), default=2))
    return [f"{ticks} {info}", *text.rstrip("\n").split("\n"), ticks]


def as_entities(markup: str) -> str:
    """HTML in which Markdown sees no marks of its own."""
    return markup.translate(MARKS)


def plain(text: str) -> str:
    """Text without what Markdown would read as markup."""
    return re.sub(r"([*_`\[\]{}|])", r"\\\1", html.escape(text, quote=False))


def literal(text: str) -> str:
    """Text for a link, shown as it is."""
    return re.sub(r"([\[\]_*`])", r"\\\1", text)


def cell(text: str) -> str:
    """Markdown in a cell of a table, on one line."""
    return " ".join(text.split()).replace("|", "\\|")
