"""book.site.toolkit_reference"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import griffe
import pytest
from faults import write
from mkdocs.config import load_config

from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.site import stage, toolkit_reference
from book.site.toolkit_reference import generate, sources
from book.source import pages

MODULE = '''\
# --8<-- [start:smooth]
"""Pieces for the tests: one | and no more."""

from collections.abc import Iterator
from contextlib import contextmanager


def smooth(x: "float | None", /, *rest: int, by: float = 0.5, **options: object) -> float:
    """Make it smooth, as in `a_b` and *so on*.

    Args:
        x: a value | or none.
        rest: more,
            on two lines.
        by: how much.
        options: others.

    Shape:
        x (N, C).

    Returns:
        The value.

    Raises:
        ValueError: it is wrong.

    Example:
        >>> smooth(1.0)
        0.5

    Reference:
        A paper.
    """
    return by * (x or 0)
# --8<-- [end:smooth]


# --8<-- [start:base]
class Base:
    """What others extend."""

    def __init__(self, first_name: str, last_name: str, street_address: str, *, telephone_number: str = "") -> None:
        self.name = first_name

    def fit(self, n: int = 1) -> None:
        """Fit.

        Args:
            n: rounds.
        """

    @staticmethod
    def make(kind: str) -> "Base":
        """Make one."""

    def _hidden(self) -> None: ...
# --8<-- [end:base]


# --8<-- [start:derived]
class Derived(Base):
    """Extends it.

    Args of fit:
        n: how many.
    """

    @property
    def size(self) -> int:
        """How large."""
        return 1


@contextmanager
def opened(name: str) -> Iterator[str]:
    yield name


def _private() -> None: ...
# --8<-- [end:derived]
'''
SHOWN = '# {title} {{#shown}}\n\n```python\n--8<-- "toolkit/pieces.py:smooth"\n```\n\n```python\n--8<-- "toolkit/pieces.py:derived"\n```\n'


@pytest.fixture
def book(small: Tree) -> Tree:
    """The small book, with a toolkit of one module that a page shows in part."""
    write("snippets/toolkit/pieces.py", MODULE)(small)
    write("docs/en/part/shown.md", SHOWN.format(title="Shown [here]"))(small)
    write("docs/zh/part/shown.md", SHOWN.format(title="展示"))(small)
    return small


def entry(text: str, name: str) -> str:
    """The part of a page under the heading of one piece."""
    found = re.search(
        rf"^(#+) `{re.escape(name)}` {{#{re.escape(name)}}}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, text
    return found[2]


def test_signature_tables_shape_and_example(book: Tree) -> None:
    text = entry(generate(book, "en")["toolkit/pieces.md"], "smooth")
    assert "from snippets.toolkit.pieces import smooth\n" in text
    assert "smooth(x: float | None, /, *rest: int, by: float = 0.5, **options: object) -> float\n" in text
    assert "Make it smooth, as in `a_b` and *so on*." in text
    assert "**Args**\n\n| name | type | meaning |\n| --- | --- | --- |\n" in text
    assert "| <code>x</code> | <code>float &#124; None</code> | a value \\| or none. |" in text
    assert "| more, on two lines. |" in text
    assert "**Shape**\n\nx (N, C).\n" in text
    assert "**Returns**\n\n| type | meaning |\n| --- | --- |\n| <code>float</code> | The value. |" in text
    assert "**Raises**\n\n| type | meaning |\n| --- | --- |\n| <code>ValueError</code> | it is wrong. |" in text
    assert '**Example**\n\n``` { .pycon .rp-shown }\n>>> smooth(1.0)\n0.5\n```' in text
    assert "**Reference**\n\nA paper." in text


def test_source_without_section_markers(book: Tree) -> None:
    text = entry(generate(book, "en")["toolkit/pieces.md"], "smooth")
    source = text.partition('??? quote "Source of `smooth`"')[2]
    assert "        return by * (x or 0)\n    ```" in source
    assert "--8<--" not in generate(book, "en")["toolkit/pieces.md"]


def test_a_class_its_methods_and_what_it_inherits(book: Tree) -> None:
    text = generate(book, "en")["toolkit/pieces.md"]
    base, derived = entry(text, "Base"), entry(text, "Derived")
    assert (
        "Base(\n    first_name: str,\n    last_name: str,\n    street_address: str,\n    *,\n    telephone_number: str = '',"
        in base
    )
    assert "### `Base.fit` {#Base.fit}" in base and "\nfit(n: int = 1) -> None\n" in base
    assert "\n@staticmethod\nmake(kind: str) -> Base\n" in base
    assert "_hidden" not in base.partition("??? quote")[0]
    inherited = "[`Base.fit`](#Base.fit){ #Derived.fit }, [`Base.make`](#Base.make){ #Derived.make }"
    assert f"Extends: [`Base`](#Base) · Inherits: {inherited}\n" in derived
    assert (
        "**Args of `fit`**\n\n| name | type | meaning |\n| --- | --- | --- |\n| <code>n</code> | <code>int</code> | how many. |"
        in derived
    )
    assert "### `Derived.size`" in derived and "\nsize: int\n" in derived
    assert "@contextmanager\nopened(name: str) -> Iterator[str]\n" in entry(text, "opened")
    assert "`_private`" not in text


def test_shown_in_links_to_the_blocks(book: Tree) -> None:
    made = generate(book, "en")["toolkit/pieces.md"]
    assert "Shown in: [part/shown · `smooth`](../part/shown.md#code-smooth)\n" in entry(made, "smooth")
    assert "#code-derived)" in entry(made, "Derived") and "#code-derived)" in entry(made, "opened")
    assert "Shown in" not in entry(made, "Base")


def test_chinese_headings(book: Tree) -> None:
    text = generate(book, "zh")["toolkit/pieces.md"]
    for words in (
        "**参数**",
        "| 名称 | 类型 | 含义 |",
        "**形状**",
        "**返回**",
        "**抛出**",
        "**示例**",
        "**`fit` 的参数**",
        "所在章节：",
        "继承自：",
    ):
        assert words in text
    assert not re.search(r"Shown in|\*\*Args|\*\*Returns|Source of", text)
    assert "# 工具箱 {#toolkit}" in generate(book, "zh")["toolkit/index.md"]


def test_without_a_toolkit_there_are_no_pages(small: Tree) -> None:
    assert generate(small, "en") == {}
    stage.stage(small)
    assert not (small.build / "en" / "toolkit").exists()
    assert "toolkit" not in (small.build / "en" / "reference" / "index.md").read_text(encoding="utf-8")
    write("snippets/toolkit/__init__.py", "")(small)
    assert generate(small, "en") == {}


def test_staging_follows_the_toolkit(small: Tree) -> None:
    write("snippets/toolkit/pieces.py", MODULE)(small)
    stage.stage(small)
    page = small.build / "zh" / "toolkit" / "pieces.md"
    assert "0.5" in page.read_text(encoding="utf-8")
    assert "](../toolkit/index.md)" in (small.build / "zh" / "reference" / "index.md").read_text(encoding="utf-8")
    assert stage.stage(small) == []
    write("snippets/toolkit/pieces.py", MODULE.replace("0.5", "0.25"))(small)
    assert page in stage.stage(small)
    assert "by: float = 0.25" in page.read_text(encoding="utf-8")


def test_a_module_that_does_not_parse(small: Tree) -> None:
    write("snippets/toolkit/pieces.py", "def broken(:\n")(small)
    with pytest.raises(BookError, match=r"snippets/toolkit/pieces.py:1: "):
        generate(small, "en")


def test_a_block_of_the_toolkit_links_to_its_entry(book: Tree) -> None:
    blocks = pages.load(book, "part/shown").blocks
    assert [toolkit_reference.link("part/shown", block) for block in blocks] == [
        "../toolkit/pieces.md#smooth",
        "../toolkit/pieces.md#Derived",
    ]
    assert toolkit_reference.link("part/small", pages.load(book, "part/small").blocks[0]) is None


# ---- The real toolkit ------------------------------------------------------------------------------------------------


def test_docstrings_agree_with_signatures(caplog: pytest.LogCaptureFixture) -> None:
    """griffe says which parameters a docstring names that are not there, and which have no type."""
    if not sources(HERE):
        pytest.skip("there is no toolkit yet")
    package = toolkit_reference._load(HERE)
    monitor = logging.getLogger("griffe")
    monitor.setLevel(logging.WARNING)
    with caplog.at_level(logging.WARNING, "griffe"):
        for module in package.modules.values():
            for piece in toolkit_reference._public(module):
                for one in (piece, *(toolkit_reference._public(piece) if isinstance(piece, griffe.Class) else ())):
                    assert one.docstring, f"{one.path} has no docstring"
                    one.docstring.parse(griffe.Parser.google)
    monitor.setLevel(logging.CRITICAL)
    assert caplog.messages == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_built_pages(built_site: Path, language: str) -> None:
    """Every public piece has an entry with a place in a chapter that is there; nothing is left of the Markdown."""
    if not sources(HERE):
        pytest.skip("there is no toolkit yet")
    site = built_site / ("" if language == "en" else language)
    package = toolkit_reference._load(Tree(built_site.parent))
    for module in package.modules.values():
        html = (site / "toolkit" / module.name / "index.html").read_text(encoding="utf-8")
        article = html.partition("<article")[2].partition("</article>")[0]
        for piece in toolkit_reference._public(module):
            assert f'id="{piece.name}"' in article
        assert "rp-shown" in article and ":::" not in article and "{ ." not in article and "| ---" not in article
        places = re.findall(r'href="(\.\./\.\./[\w/]+/)#(code-\w+)"', article)
        assert places, f"no chapter shows {module.name}"
        for address, anchor in places:
            target = (site / "toolkit" / module.name / address / "index.html").resolve()
            assert f'id="{anchor}"' in target.read_text(encoding="utf-8")
            assert f'href="../../toolkit/{module.name}/#' in target.read_text(encoding="utf-8")


def test_the_pages_are_known_to_the_configuration(tmp_path: Path) -> None:
    config = load_config(str(HERE.root / "mkdocs.yml"), hooks=[], docs_dir=str(tmp_path))
    assert config.not_in_nav is not None and config.not_in_nav.match_file("toolkit/index.md")
