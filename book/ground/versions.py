"""Versions of torch: read, compared, and the one that the book's records are made with."""

from __future__ import annotations

import re

from book.ground.tree import Tree

RELEASE = re.compile(r"\d+(?:\.\d+)*")


def numbers(version: str) -> tuple[int, ...]:
    """``2.15.0+cu130`` -> (2, 15, 0); empty for what begins with no number."""
    found = RELEASE.match(version)
    return tuple(map(int, found[0].split("."))) if found else ()


def at_least(have: str, wanted: str) -> bool:
    """Whether ``have`` is ``wanted`` or newer, as far as ``wanted`` says: 2.15.0 is at least 2.15."""
    least = numbers(wanted)
    return numbers(have)[: len(least)] >= least


def beyond(have: str, last: str) -> bool:
    """Whether ``have`` is newer than every release of ``last``: 2.15.0 is beyond 2.14, and 2.14.1 is not."""
    most = numbers(last)
    return numbers(have)[: len(most)] > most


def pinned(tree: Tree, package: str = "torch") -> str:
    """The version that requirements.txt pins, without its local part; empty where it pins none."""
    if not tree.requirements.is_file():
        return ""
    text = tree.requirements.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==([^\s;+#]+)", text, re.MULTILINE)
    return found[1] if found else ""
