"""What the Chinese site shows in place of a block's English comments and one-line docstrings.

docs/words/code.zh.toml holds text = text. The table is asked by the text, never by the place, so that moved code keeps its
translation. Only staging uses it: sources, records, programs and notebooks stay as they are.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from book.ground.errors import at
from book.ground.tree import Tree

DIRECTIVE = re.compile(r"(fmt|type|noqa|pragma|ruff|mypy)\b")  # for a tool, not for readers
WORD = re.compile(r"[A-Za-z]{3,}")


@dataclass(frozen=True)
class Translations:
    comments: Mapping[str, str] = field(default_factory=dict)
    docstrings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A comment or a one-line docstring: what it says, and the columns of its line between which it says so."""

    kind: str
    words: str
    line: int
    start: int
    end: int


def load(tree: Tree) -> Translations:
    """The table; empty if there is none.

    Raises:
        BookError: it is not TOML, or holds something else than text = text below [comments] and [docstrings].
    """
    path = tree.words / "code.zh.toml"
    if not path.is_file():
        return Translations()
    where = tree.relative(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise at(where, None, f"not valid TOML: {error}") from error
    for name, rows in data.items():
        if name not in ("comments", "docstrings"):
            raise at(where, None, f'unknown table "{name}": write [comments] or [docstrings]')
        for text, said in rows.items():
            if not isinstance(said, str) or not said or "\n" in said or '"""' in said or "\\" in said:
                raise at(
                    where, None, f'[{name}] "{text}": the translation must be one line of text, without \\ and """'
                )
    return Translations(data.get("comments", {}), data.get("docstrings", {}))


def texts(code: str) -> list[Text]:
    """The comments and one-line docstrings of a block that a reader reads, in the order of the code."""
    return sorted([*_comments(code), *_docstrings(code)], key=lambda text: (text.line, text.start))


def untranslated(code: str, table: Translations) -> list[Text]:
    """The texts with words of which the table has no row."""
    return [text for text in texts(code) if WORD.search(text.words) and text.words not in _rows(table, text)]


def translated(code: str, table: Translations) -> str:
    """The block with its texts replaced where the table has a row; everything else stays letter by letter."""
    if not table.comments and not table.docstrings:
        return code
    lines = code.split("\n")
    for text in reversed(texts(code)):
        said = _rows(table, text).get(text.words)
        if said is not None:
            line = lines[text.line - 1]
            lines[text.line - 1] = line[: text.start] + said + line[text.end :]
    return "\n".join(lines)


def _rows(table: Translations, text: Text) -> Mapping[str, str]:
    return table.comments if text.kind == "comment" else table.docstrings


def _comments(code: str) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            words = token.string.lstrip("#").strip()
            start = token.start[1] + token.string.index(words) if words else 0
            if words and not DIRECTIVE.match(words):
                yield Text("comment", words, token.start[0], start, start + len(words))


def _docstrings(code: str) -> Iterator[Text]:
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            line, words = lines[first.lineno - 1], first.value.value
            if line.strip() == f'"""{words}"""':
                start = line.index('"""') + 3
                yield Text("docstring", words, first.lineno, start, start + len(words))
