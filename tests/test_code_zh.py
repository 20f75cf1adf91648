"""book.source.code_zh: comments and docstrings in Chinese on the Chinese site, and nothing else of the code."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from books import copy_book
from faults import write
from test_chinese import offences

from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.site import stage
from book.source import code_zh, glossary, pages
from book.source.code_zh import Translations, texts, translated, untranslated
from book.source.pages import Block

WIDEST = 88  # columns of a snippet's line; a Chinese character is two wide
TABLE = Translations(
    {"the sum": "和", "a # b": "甲 # 乙"},
    {"Twice x.": "x 的两倍。", "Sum.\n\nArgs:\n    x: what": "和。\n\n参数：\n    x：什么"},
)


@pytest.fixture(scope="module")
def table() -> Translations:
    return code_zh.load(HERE)


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, Block]]:
    loaded = [pages.load(HERE, name, "zh") for name in HERE.pages("zh")]
    return [(f"{page.path}: {block.name}", block) for page in loaded for block in page.blocks]


def program(code: str) -> list[tuple[int, str]]:
    """The code's tokens without comments, and docstrings as one name."""
    skip = {tokenize.COMMENT, tokenize.NL}
    tokens = [(t.type, t.string) for t in tokenize.generate_tokens(io.StringIO(code).readline) if t.type not in skip]
    return [(kind, "docstring" if string.startswith('"""') else string) for kind, string in tokens]


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def rows(table: Translations) -> Iterator[tuple[str, str]]:
    yield from table.comments.items()
    yield from table.docstrings.items()


# ---- The book --------------------------------------------------------------------------------------------------------


def test_every_text_has_a_row_and_every_row_a_text(table: Translations, blocks: list[tuple[str, Block]]) -> None:
    missing = {f'{where}: {t.kind} "{t.words}"' for where, block in blocks for t in untranslated(block.code, table)}
    assert not missing, "give each a row in docs/words/code.zh.toml:\n" + "\n".join(sorted(missing))
    used = {(text.kind, text.words) for _, block in blocks for text in texts(block.code)}
    kept = {("comment", words) for words in table.comments} | {("docstring", words) for words in table.docstrings}
    assert not kept - used, "no block says this any more; take the rows out of docs/words/code.zh.toml"
    assert len(used) > 900


def test_nothing_else_of_the_code_changes(table: Translations, blocks: list[tuple[str, Block]]) -> None:
    changed = 0
    for where, block in blocks:
        chinese = translated(block.code, table)
        assert program(chinese) == program(block.code), where
        assert ast.unparse(_without_docstrings(chinese)) == ast.unparse(_without_docstrings(block.code)), where
        changed += chinese != block.code
    assert changed > 500


def _without_docstrings(code: str) -> ast.Module:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0] = ast.Pass()
    return tree


def test_no_line_grows_too_wide(table: Translations, blocks: list[tuple[str, Block]]) -> None:
    wide = [
        f"{where}: {columns(after)} columns: {after}"
        for where, block in blocks
        for after in translated(block.code, table).split("\n")
        if columns(after) > WIDEST and after not in block.code.split("\n")
    ]
    assert not wide, "\n".join(wide)


def test_translations_keep_names_and_follow_the_rules_of_the_prose(table: Translations) -> None:
    names = re.compile(r"[A-Za-z]\w*_\w+|\b[a-z]+[A-Z]\w+|\w+\(")
    lost = [
        f"{words} = {said}" for words, said in rows(table) if not set(names.findall(words)) <= set(names.findall(said))
    ]
    assert not lost, "a name of the code is lost:\n" + "\n".join(lost)
    stuck = [said for _, said in rows(table) if re.search(r"[一-鿿][A-Za-z0-9]|[A-Za-z0-9%][一-鿿]", said)]
    assert not stuck, "a space between Chinese and Latin:\n" + "\n".join(stuck)
    terms = glossary.load(HERE)
    shapes = re.compile(r"\w+ \((?=[\w.*])|(?m:^ +(>>> .*|\w+(?=：)))")  # x (N, C); an example; the name of an argument
    said = [shapes.sub("", text) for _, text in rows(table)]
    assert [offence for text in said for offence in offences("docs/words/code.zh.toml", text, terms)] == []


# ---- Code that could mislead -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x = 1  # the sum\n", "x = 1  # 和\n"),
        ("#   the sum\nx = 1\n", "#   和\nx = 1\n"),
        ('x = "# the sum"  # the sum\n', 'x = "# the sum"  # 和\n'),  # a # inside a string
        ("x = f\"{'# the sum'}\"\n", "x = f\"{'# the sum'}\"\n"),
        ("x = 1 + \\\n    2  # the sum\n", "x = 1 + \\\n    2  # 和\n"),  # after a continuation
        ("x = 1  # the  sum\n", "x = 1  # the  sum\n"),  # another text: spaces count
        ("x = 1  # the sum of all\n", "x = 1  # the sum of all\n"),
        ("x = 1  # a # b\n", "x = 1  # 甲 # 乙\n"),
        ("x = 1  # fmt: skip\n", "x = 1  # fmt: skip\n"),
        (
            'def f(x):\n    """Twice x."""\n    return 2 * x  # the sum\n',
            'def f(x):\n    """x 的两倍。"""\n    return 2 * x  # 和\n',
        ),
        ('def f(x):\n    y = """Twice x."""\n', 'def f(x):\n    y = """Twice x."""\n'),  # no docstring
        ('def f(x):\n    """Twice x.\n\n    More."""\n', 'def f(x):\n    """Twice x.\n\n    More."""\n'),
        (
            'def f(x):\n    """Sum.\n\n    Args:\n        x: what\n    """\n    return x  # the sum\n',
            'def f(x):\n    """和。\n\n    参数：\n        x：什么\n    """\n    return x  # 和\n',
        ),
        (
            'class A:\n    def f(x):\n        """Sum.\n\n        Args:\n            x: what"""\n',
            'class A:\n    def f(x):\n        """和。\n\n        参数：\n            x：什么"""\n',
        ),
        ('name = "中文"  # the sum\n', 'name = "中文"  # 和\n'),  # characters, not bytes
    ],
)
def test_only_texts_are_replaced(code: str, shown: str) -> None:
    assert translated(code, TABLE) == shown
    assert program(shown) == program(code)


def test_a_text_without_a_row_is_told() -> None:
    code = 'x = 1  # (2, 3)\ny = 2  # the sum\nz = 3  # a product\n\n\ndef f():\n    """Nothing."""\n'
    assert [(text.kind, text.words, text.line) for text in untranslated(code, TABLE)] == [
        ("comment", "a product", 3),
        ("docstring", "Nothing.", 7),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[comments]\nx = \n", "not valid TOML"),
        ("[comment]\nx = 'y'\n", 'unknown table "comment"'),
        ("[comments]\nx = ''\n", '[comments] "x": the translation must be one line of text'),
        ('[docstrings]\nx = \'a"""b\'\n', '[docstrings] "x": the translation must be one line of text'),
        ('[comments]\nx = "a\\nb"\n', "must be one line of text"),
        ("[[long]]\nen = 'a'\n", "[[long]] number 1: write en = "),
        ("[[long]]\nen = 'a'\nzh = 'b'\n", '[[long]] number 1 "a": both must have several lines'),
    ],
)
def test_a_bad_table_says_where(text: str, told: str, tmp_path: Path) -> None:
    write("docs/words/code.zh.toml", text)(Tree(tmp_path))
    with pytest.raises(BookError, match=re.escape(told)) as caught:
        code_zh.load(Tree(tmp_path))
    assert str(caught.value).startswith("docs/words/code.zh.toml: ")


def test_a_book_without_a_table_shows_the_code_as_it_is(tmp_path: Path) -> None:
    assert code_zh.load(Tree(tmp_path)) == Translations()
    assert translated("x = 1  # the sum\n", Translations()) == "x = 1  # the sum\n"


# ---- Where it is used ------------------------------------------------------------------------------------------------


CHAPTER = "concepts/autograd"


@pytest.fixture
def chapter(tmp_path: Path) -> Tree:
    """The real autograd chapter with its record, its part of the ledger, and the table."""
    files = [f"docs/{language}/{CHAPTER}.md" for language in LANGUAGES]
    files += [f"snippets/{CHAPTER}.py", f"docs/records/{CHAPTER}.ipynb", "requirements.txt", "docs/words"]
    tree = copy_book(tmp_path / "book", *files)
    parts = re.split(r"\n(?=\[\[)", HERE.ledger.read_text(encoding="utf-8"))
    write("tests/ledger.toml", "\n".join(part for part in parts if f'page = "{CHAPTER}"' in part))(tree)
    return tree


def test_only_chinese_pages_show_it(chapter: Tree, table: Translations) -> None:
    stage.stage(chapter)
    folders = {language: chapter.build / language for language in LANGUAGES}
    english, chinese = ((folders[language] / f"{CHAPTER}.md").read_text(encoding="utf-8") for language in LANGUAGES)
    said = {
        text: table.comments[text.words]
        for b in pages.load(chapter, CHAPTER).blocks
        for text in texts(b.code)
        if text.words in table.comments
    }
    assert len(said) > 10
    for text, words in said.items():
        assert f"# {text.words}" in english and f"# {words}" in chinese
        assert words == text.words or f"# {words}\n" not in english
    programs = sorted(path.name for path in (folders["en"] / CHAPTER).glob("*.py"))
    assert len(programs) > 20
    for name in programs:
        assert (folders["zh"] / CHAPTER / name).read_bytes() == (folders["en"] / CHAPTER / name).read_bytes(), name
    for file in ("concepts/concepts_autograd.py", "concepts/concepts_autograd.ipynb"):
        download = (folders["zh"] / file).read_text(encoding="utf-8")
        assert [words for text, words in said.items() if words != text.words and f"# {words}\n" in download] == [], file


def test_links_in_the_code_stand_where_the_names_stand(chapter: Tree, table: Translations) -> None:
    """``data-at`` counts the characters of the code that is shown."""
    stage.stage(chapter)
    staged = (chapter.build / "zh" / f"{CHAPTER}.md").read_text(encoding="utf-8")
    seen = 0
    for block in pages.load(chapter, CHAPTER).blocks:
        shown = translated(block.code, table)
        line = next(
            (
                part
                for part in staged.partition(f"#code-{block.name} ")[2].split("\n")
                if part.startswith("此代码块用到的 API")
            ),
            "",
        )
        for name, spots in (
            re.findall(r"\[`([\w.]+)`\]\([^)]*\)\{ data-at=\"([\d ]+)\" \}", line) if shown != block.code else []
        ):
            for spot in map(int, spots.split()):
                assert re.match(r"\w+", shown[spot:]), f"{block.name}: {name} at {spot}"
                seen += 1
    assert seen > 10


def test_an_edited_translation_is_staged_anew(chapter: Tree, table: Translations) -> None:
    text = next(
        t.words for b in pages.load(chapter, CHAPTER).blocks for t in texts(b.code) if t.words in table.comments
    )
    for said in ("中文注释", "另一个注释"):
        write("docs/words/code.zh.toml", f"[comments]\n{json.dumps(text)} = '{said}'\n")(chapter)
        stage.stage(chapter)
        assert f"# {said}" in (chapter.build / "zh" / f"{CHAPTER}.md").read_text(encoding="utf-8")
