"""What the Chinese site shows in place of a block's English comments and docstrings.

docs/words/code.zh.toml holds text = text, and [[long]] pairs for docstrings of several lines. The table is asked by the
text, never by the place, so that moved code keeps its translation. Only staging uses it: sources, records, programs and
notebooks stay as they are.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from book.ground.errors import BookError, at
from book.ground.tree import Tree

DIRECTIVE = re.compile(r"(fmt|type|noqa|pragma|ruff|mypy)\b")  # for a tool, not for readers
WORD = re.compile(r"[A-Za-z]{3,}")


@dataclass(frozen=True)
class Translations:
    comments: Mapping[str, str] = field(default_factory=dict)
    docstrings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A comment or a docstring: what it says, and where: a line and two columns of it, or whole lines up to ``last``."""

    kind: str
    words: str
    line: int
    start: int
    end: int
    last: int


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
    pairs = data.pop("long", [])
    for name, rows in data.items():
        if name not in ("comments", "docstrings") or not isinstance(rows, dict):
            raise at(where, None, f'unknown table "{name}": write [comments], [docstrings] or [[long]]')
        for text, said in rows.items():
            if not isinstance(said, str) or not said or "\n" in said or '"""' in said or "\\" in said:
                raise at(
                    where, None, f'[{name}] "{text}": the translation must be one line of text, without \\ and """'
                )
    docstrings = dict(data.get("docstrings", {}))
    for number, pair in enumerate(pairs, 1):
        docstrings.update([_long(pair, f"{where}: [[long]] number {number}")])
    return Translations(data.get("comments", {}), docstrings)


def _long(pair: object, where: str) -> tuple[str, str]:
    """A docstring of several lines and its translation, both without indentation."""
    if not isinstance(pair, dict) or set(pair) != {"en", "zh"} or not all(isinstance(t, str) for t in pair.values()):
        raise BookError(f"{where}: write en = '''...''' and zh = '''...''', the two texts")
    english, chinese = inspect.cleandoc(pair["en"]), inspect.cleandoc(pair["zh"])
    if "\n" not in english or "\n" not in chinese or '"""' in chinese or "\\" in chinese:
        raise BookError(f'{where} "{english[:40]}": both must have several lines, without \\ and """')
    return english, chinese


def texts(code: str) -> list[Text]:
    """The comments and docstrings of a block that a reader reads, in the order of the code."""
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
            first, last = lines[text.line - 1], lines[text.last - 1]
            indent = first[: len(first) - len(first.lstrip())]
            shown = first[: text.start] + said.replace("\n", f"\n{indent}") + last[text.end :]
            lines[text.line - 1 : text.last] = [line.rstrip() for line in shown.split("\n")]
    return "\n".join(lines)


def _rows(table: Translations, text: Text) -> Mapping[str, str]:
    return table.comments if text.kind == "comment" else table.docstrings


def _comments(code: str) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            words = token.string.lstrip("#").strip()
            start = token.start[1] + token.string.index(words) if words else 0
            if words and not DIRECTIVE.match(words):
                yield Text("comment", words, token.start[0], start, start + len(words), token.start[0])


def _docstrings(code: str) -> Iterator[Text]:
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            words, last = first.value.value, first.end_lineno or first.lineno
            opening, closing = lines[first.lineno - 1], lines[last - 1]
            start = opening.find('"""') + 3
            if opening.strip() == f'"""{words}"""':
                yield Text("docstring", words, first.lineno, start, start + len(words), first.lineno)
            elif "\n" in words and opening.lstrip().startswith('"""') and closing.endswith('"""'):
                told = closing.removesuffix('"""').rstrip()  # nothing where the quotes stand in a line of their own
                last -= not told
                end = len(told) if told else len(lines[last - 1])
                yield Text("docstring", inspect.cleandoc(words), first.lineno, start, end, last)
