"""docs/words/glossary.toml: one English term, one Chinese word, and what must not stand for it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from book.ground.errors import at
from book.ground.tree import Tree

KEYS = {"zh", "first", "never"}


@dataclass(frozen=True)
class Term:
    """An English term and its Chinese word.

    Attributes:
        first: the form at the first use on a page, such as ``词元（token）``.
        never: words that must not stand for the term in Chinese prose.
    """

    en: str
    zh: str
    first: str = ""
    never: tuple[str, ...] = ()


def load(tree: Tree) -> list[Term]:
    """The terms in the order of the file.

    Raises:
        BookError: the file is missing, is not TOML, or a term has a missing, unknown or ill-typed key.
    """
    where = tree.relative(tree.glossary)
    try:
        data = tomllib.loads(tree.glossary.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise at(where, None, "missing: the Chinese search and the tests of the prose need it") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise at(where, None, f"not valid TOML: {error}") from error
    terms: list[Term] = []
    for field, rows in data.items():
        if not isinstance(rows, dict):
            raise at(where, None, f'"{field}" stands outside a table: write it below [core] or another field')
        terms += [_term(where, field, en, row) for en, row in rows.items()]
    return terms


def _term(where: str, field: str, en: str, row: Any) -> Term:
    label = f'[{field}] "{en}"'
    if not isinstance(row, dict) or not isinstance(row.get("zh"), str) or not row["zh"]:
        raise at(where, None, f'{label}: write {{ zh = "…" }}')
    unknown = sorted(set(row) - KEYS)
    if unknown:
        raise at(where, None, f'{label}: unknown key "{unknown[0]}"; keys are {", ".join(sorted(KEYS))}')
    never = row.get("never", [])
    if not isinstance(never, list) or not all(isinstance(word, str) and word for word in never):
        raise at(where, None, f'{label}: "never" must be a list of words')
    return Term(en, row["zh"], str(row.get("first", "")), tuple(never))


def words(terms: list[Term]) -> list[str]:
    """The Chinese words of two or more characters: what a segmenter should keep in one piece."""
    return sorted({term.zh for term in terms if re.fullmatch(r"[一-鿿]{2,}", term.zh)})
