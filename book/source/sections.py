"""Snippet file -> named sections.

A section stands between two marker lines, as pymdownx.snippets reads them::

    # --8<-- [start:backward_scalar]
    ...
    # --8<-- [end:backward_scalar]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from book.ground.errors import at, nearest

MARKER = re.compile(r"^\s*#\s*-{1,}8<-{1,}\s*\[\s*(start|end)\s*:\s*([^\]]*?)\s*\]\s*$")
NAME = re.compile(r"[a-z][a-z0-9_]*\Z", re.IGNORECASE)
LOOKS_LIKE_MARKER = re.compile(r"8<-")


@dataclass(frozen=True)
class Section:
    """One named piece of a snippet file. ``line`` is the 1-based line of its first code line."""

    file: str
    name: str
    line: int
    code: str


def parse(text: str, file: str) -> dict[str, Section]:
    """All sections of a snippet file, in order.

    Args:
        text: the file's content.
        file: its path relative to snippets/, for messages and for ``Section.file``.

    Raises:
        BookError: a marker that is malformed, duplicate, unclosed, overlapping or unopened, or a line outside
            every section that is not blank.
    """
    found: dict[str, Section] = {}
    where = f"snippets/{file}"
    name: str | None = None
    opened = 0
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        marker = MARKER.match(line)
        if marker is None:
            if LOOKS_LIKE_MARKER.search(line):
                raise at(
                    where, number, f"{line.strip()!r} is not a marker: write '# --8<-- [start:name]' or '[end:name]'"
                )
            if name is not None:
                lines.append(line)
            elif line.strip():
                raise at(
                    where,
                    number,
                    "this line is in no section, so no page can show it: put it between markers or delete it",
                )
            continue
        kind, label = marker.groups()
        if kind == "start":
            if not NAME.match(label):
                raise at(where, number, f'"{label}" is no section name: use letters, digits and _')
            if name is not None:
                raise at(where, number, f'section "{label}" starts inside "{name}" (line {opened}): close that first')
            if label in found:
                raise at(where, number, f'section "{label}" is there twice (first at line {found[label].line - 1})')
            name, opened, lines = label, number, []
        else:
            if name is None:
                raise at(where, number, f'section "{label}" ends but was never started')
            if label != name:
                raise at(
                    where,
                    number,
                    f'"{label}" ends here, but the open section is "{name}" (line {opened}){nearest(label, [name])}',
                )
            code = "\n".join(lines).strip("\n")
            if not code.strip():
                raise at(where, opened, f'section "{name}" is empty')
            skipped = next(i for i, text_line in enumerate(lines) if text_line.strip())
            found[name] = Section(file, name, opened + 1 + skipped, code + "\n")
            name = None
    if name is not None:
        raise at(where, opened, f'section "{name}" is never closed: add "# --8<-- [end:{name}]"')
    return found


def whole(text: str, file: str) -> Section:
    """A file without markers as one section, named as the file is.

    Raises:
        BookError: it is empty, holds a marker, or its name is no section name.
    """
    where, stem = f"snippets/{file}", PurePosixPath(file).stem
    marked = next((n for n, line in enumerate(text.split("\n"), start=1) if LOOKS_LIKE_MARKER.search(line)), None)
    if marked:
        raise at(where, marked, "an app is shown whole: delete the markers")
    if not NAME.match(stem):
        raise at(where, None, f'"{stem}" is no section name: use letters, digits and _')
    if not text.strip():
        raise at(where, None, "is empty")
    return Section(file, stem, 1, text.strip("\n") + "\n")
