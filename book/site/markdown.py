"""Pieces of Markdown."""

from __future__ import annotations

import re


def fence(text: str, info: str) -> list[str]:
    """A fenced block whose ticks outnumber those in ``text``."""
    ticks = "`" * max(3, 1 + max((len(m) for m in re.findall(r"^\s*(`{3,})", text, re.MULTILINE)), default=2))
    return [f"{ticks} {info}", *text.rstrip("\n").split("\n"), ticks]
