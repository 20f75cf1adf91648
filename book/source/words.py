"""What the site says to readers: docs/words/en.toml and zh.toml, a table for each kind of page."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from book.ground.errors import at
from book.ground.tree import HERE


def words(table: str, language: str) -> dict[str, Any]:
    """A table of the language's words.

    Raises:
        BookError: the file is missing, does not parse, or lacks the table.
    """
    path = file(language)
    where = HERE.relative(path)
    try:
        found = _read(path, path.stat().st_mtime_ns)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise at(where, None, f"no words for the site ({error}): mend it, or restore it from git") from error
    if table not in found:
        raise at(where, None, f"lacks the table [{table}]: copy its keys from the other language")
    return dict(found[table])


def file(language: str) -> Path:
    return HERE.words / f"{language}.toml"


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
