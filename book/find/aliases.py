"""docs/words/aliases.toml: what people say -> where the book has it."""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from book.ground.errors import at
from book.ground.tree import Tree

TABLES = ("old", "framework", "word", "message")
PLACES = "place"  # the table that is written the other way round: places, and the words that mean them
KEYS = {"to", "as", "since"}
PHRASE = re.compile(r"[a-z'-]+( [a-z'-]+)+")


@dataclass(frozen=True)
class Alias:
    """Words that readers bring, and the places they mean.

    Attributes:
        table: ``old`` (a name that has a successor), ``framework`` (another library's), ``word``, ``message`` or ``place``.
        to: places, best first: ``api:torch.optim.SGD``, ``toolkit:FocalLoss``, ``page`` or ``page#section``.
        same: what the book calls it; searched beside the words themselves.
        since: of ``old``: the release of torch that brought the successor.
    """

    table: str
    say: str
    to: tuple[str, ...]
    same: str = ""
    since: str = ""

    @property
    def held(self) -> bool:
        """Whether nobody tunes the ranking by it: a third of the rows, drawn by their words."""
        return zlib.crc32(self.say.encode()) % 3 == 0

    def asked_in(self, language: str) -> bool:
        """Whether the index of a site has it: Chinese readers ask by names of other frameworks too, not in English phrases."""
        if language == "en":
            return self.say.isascii()
        return self.table != PLACES or not PHRASE.fullmatch(self.say)


def packed(rows: Iterable[Alias]) -> list[list[Any]]:
    """[words, a line each; places; what the book calls it; since]: neighbours that differ in their words only are one row."""
    made = []
    for (to, same, since), group in groupby(rows, key=lambda row: (row.to, row.same, row.since)):
        row: list[Any] = ["\n".join(one.say for one in group), list(to), same, since]
        while row[-1] == "":
            row.pop()
        made.append(row)
    return made


def load(tree: Tree) -> list[Alias]:
    """The rows in the order of the file; none if there is no file.

    Raises:
        BookError: the file is not TOML, or a row has a missing, unknown or ill-typed key.
    """
    path = tree.words / "aliases.toml"
    if not path.is_file():
        return []
    where = tree.relative(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise at(where, None, f"not valid TOML: {error}") from error
    rows: list[Alias] = []
    for table, entries in data.items():
        if table not in (*TABLES, PLACES) or not isinstance(entries, dict):
            raise at(where, None, f'"{table}" is no table of aliases: they are {", ".join((*TABLES, PLACES))}')
        if table == PLACES:
            rows += [row for places, words in entries.items() for row in _words(where, places, words)]
        else:
            rows += [_row(where, table, say, entry) for say, entry in entries.items()]
    seen: set[str] = set()
    for row in rows:
        if row.say.lower() in seen:
            raise at(where, None, f'"{row.say}" is there twice: keep one of the rows')
        seen.add(row.say.lower())
    return rows


def _words(where: str, places: str, words: Any) -> list[Alias]:
    if not isinstance(words, list) or not words or not all(isinstance(one, str) and one for one in words):
        raise at(where, None, f'[{PLACES}] "{places}": write a list of words, such as ["join tensors", "拼接"]')
    return [Alias(PLACES, say, tuple(places.split())) for say in words]


def _row(where: str, table: str, say: str, entry: Any) -> Alias:
    label = f'[{table}] "{say}"'
    if isinstance(entry, str | list):
        entry = {"to": entry}
    if not isinstance(entry, dict) or set(entry) - KEYS:
        raise at(where, None, f'{label}: write a place, a list of places, or {{ to = …, as = "…", since = "…" }}')
    to = entry.get("to", [])
    to = [to] if isinstance(to, str) else to
    if not isinstance(to, list) or not to or not all(isinstance(one, str) and one for one in to):
        raise at(
            where, None, f'{label}: "to" must name a place, such as "api:torch.optim.SGD" or "concepts/autograd#chain"'
        )
    return Alias(table, say, tuple(to), str(entry.get("as", "")), str(entry.get("since", "")))
