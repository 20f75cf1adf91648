"""What the chapters' models reach on originals that the book can't bring along: docs/originals.json, by ``make originals``."""

from __future__ import annotations

import json
import re
from typing import Any

from book.ground.errors import BookError
from book.ground.tree import Tree

FILE = "docs/originals.json"
PLACE = re.compile(r"^<!-- original: (?P<name>\w+) -->\s*$")
NAMES = ("cifar2", "covid", "criteo", "titanic")
FIELDS = {"date", "file", "bytes", "sha256", "torch", "cpu", "figures"}


def read(tree: Tree) -> dict[str, Any]:
    """Name -> what a run kept; empty if there was none.

    Raises:
        BookError: the file is not what ``make originals`` writes.
    """
    path = tree.root / FILE
    if not path.is_file():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BookError(f"{tree.relative(path)}: is not JSON ({error}): run make originals again") from error
    for name, one in kept.items() if isinstance(kept, dict) else [("", kept)]:
        if name not in NAMES or not isinstance(one, dict) or set(one) != FIELDS or not one["figures"]:
            raise BookError(f"{tree.relative(path)}: {name or 'it'} is not what make originals writes: run it again")
    return dict(kept)
