"""book.source.pages (what it refuses stands in faults.py)"""

from __future__ import annotations

from pathlib import Path

import pytest
from books import write_small

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.source import pages
from book.source.pages import Heading


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return write_small(tmp_path)


def parse(tree: Tree, text: str) -> pages.Page:
    return pages.parse(tree, "part/small", "en", text)


def test_a_page_has_its_blocks_in_order(tree: Tree) -> None:
    page = pages.load(tree, "part/small")
    assert [b.name for b in page.blocks] == ["scale", "table", "curve", "wrong_shape"]
    block = page.block("curve")
    assert (block.line, block.end, block.file, block.file_line) == (22, 24, "part/small.py", 15)
    assert block.code.startswith("import matplotlib.pyplot as plt\n") and block.code.endswith("plt.show()\n")
    assert block.attributes == {"alt": "A parabola"}
    assert page.block("wrong_shape").indent == "    "
    assert page.block("scale").run_code == page.block("scale").code


def test_a_page_has_its_front_matter_headings_links_and_exercises(tree: Tree) -> None:
    page = pages.load(tree, "part/small", "zh")
    assert page.meta == {"title": "小页", "description": "供测试用的一页。"}
    assert page.headings[:2] == [Heading(1, "小页", "small", 6), Heading(2, "表格", "table", 14)]
    assert page.links == [("#table", 8), ("#code-curve", 8), ("https://pytorch.org/", 8)]
    assert "exercise-shapes" in [heading.id for heading in page.headings]
    assert page.path == "docs/zh/part/small.md"


def test_what_is_in_code_is_no_heading_link_or_formula(tree: Tree) -> None:
    page = parse(tree, "`[a](b.md)` and `` [c](`d.md) ``\n\n```text\n# no heading\n[e](f.md)\n```\n\n[g](h.md)\n")
    assert page.links == [("h.md", 8)]
    assert page.headings == []
    assert page.fenced == {3, 4, 5, 6}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("[a](b.md)", "b.md"),
        ('[a](b.md "a title")', "b.md"),
        ("[a](b_(c).md)", "b_(c).md"),
        ("![a](b.svg)", "b.svg"),
        ("[a](b.md){ .md-button }", "b.md"),
        ("[`a`](b.md#code-c)", "b.md#code-c"),
    ],
)
def test_links_are_found(text: str, target: str, tree: Tree) -> None:
    assert parse(tree, text).links == [(target, 1)]


@pytest.mark.parametrize("text", [r"\[a\](b)", "f(x)[0](y", "[a] (b)"])
def test_what_is_no_link_is_not_found(text: str, tree: Tree) -> None:
    assert parse(tree, text).links == []


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("## A *title* {#some-id}", Heading(2, "A *title*", "some-id", 1)),
        ("### Title { #some-id .class }", Heading(3, "Title", "some-id", 1)),
        ("# Title", Heading(1, "Title", None, 1)),
        ("# Title {.class}", Heading(1, "Title", None, 1)),
    ],
)
def test_headings_are_read(line: str, heading: Heading, tree: Tree) -> None:
    assert parse(tree, line).headings == [heading]


def test_attributes_of_a_fence(tree: Tree) -> None:
    text = '```python alt="it\'s" title=\'a "b"\' hl_lines=3\n--8<-- "part/small.py:scale"\n```\n'
    assert parse(tree, text).blocks[0].attributes == {"alt": "it's", "title": 'a "b"', "hl_lines": "3"}


def test_longer_fences_and_text_fences_are_allowed(tree: Tree) -> None:
    page = parse(tree, '````python\n--8<-- "part/small.py:scale"\n````\n\n```text\n(B, T) -> (B, C)\n```\n')
    assert [(b.name, b.line, b.end) for b in page.blocks] == [("scale", 1, 3)]


def test_a_section_with_ticks_stands_in_a_longer_fence(tree: Tree) -> None:
    file = tree.snippets / "part" / "small.py"
    file.write_text('# --8<-- [start:ticks]\ns = """\n```\n"""\n# --8<-- [end:ticks]\n', encoding="utf-8")
    page = parse(tree, '````python\n--8<-- "part/small.py:ticks"\n````\n')
    assert page.blocks[0].code == 's = """\n```\n"""\n'


def test_front_matter_is_no_prose(tree: Tree) -> None:
    page = parse(tree, '---\ntitle: "A # b"\nhide:\n  - toc\n---\n# H {#h}\n')
    assert page.meta == {"title": "A # b", "hide": ""}
    assert page.headings == [Heading(1, "H", "h", 6)]


def test_a_toolkit_piece_runs_as_the_import_of_what_it_defines(tree: Tree) -> None:
    toolkit = tree.snippets / "toolkit"
    toolkit.mkdir()
    code = "import torch\n\nSCALE = 2\nlimit: int = 3\n\n\nclass A:\n    pass\n\n\ndef f():\n    inner = 1\n"
    for name, text in {"losses": code, "plain": "print(1)\n"}.items():
        (toolkit / f"{name}.py").write_text(f"# --8<-- [start:all]\n{text}# --8<-- [end:all]\n", encoding="utf-8")
    losses = parse(tree, '```python\n--8<-- "toolkit/losses.py:all"\n```\n').blocks[0]
    assert losses.from_toolkit
    assert losses.code == code
    assert losses.run_code == "from snippets.toolkit.losses import SCALE, limit, A, f\n"
    plain = parse(tree, '```python\n--8<-- "toolkit/plain.py:all"\n```\n').blocks[0]
    assert plain.run_code == "import snippets.toolkit.plain\n"


def test_file_sections_follow_the_file(tree: Tree) -> None:
    assert list(pages.file_sections(tree, "part/small.py")) == ["scale", "table", "curve", "wrong_shape"]
    (tree.snippets / "part" / "small.py").write_text("# --8<-- [start:new]\n1\n# --8<-- [end:new]\n", encoding="utf-8")
    assert list(pages.file_sections(tree, "part/small.py")) == ["new"]


def test_a_missing_page_or_block_offers_the_nearest(tree: Tree) -> None:
    with pytest.raises(BookError, match=r'^docs/en/part/smal\.md: no such page \(did you mean "part/small"\?\)$'):
        pages.load(tree, "part/smal")
    with pytest.raises(BookError, match=r'docs/en/part/small\.md: no block "scal" \(did you mean "scale"\?\)'):
        pages.load(tree, "part/small").block("scal")


APP = '"""An app of its own."""\n\nprint("hello")\n'


def with_app(tree: Tree, text: str, name: str = "greeter") -> pages.Page:
    path = tree.snippets / "part" / "apps" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return parse(tree, f'```python\n--8<-- "part/apps/{name}.py"\n```\n')


@pytest.mark.parametrize("app", [APP, APP + "x = '''a'''\n", 'x = "\\n"\ny = r"\\"\n'])
def test_an_app_is_shown_whole_and_its_block_writes_it(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    (block,) = with_app(tree, app).blocks
    assert (block.name, block.file, block.file_line) == ("greeter", "part/apps/greeter.py", 1)
    assert block.code == app and block.is_app and not block.from_toolkit
    monkeypatch.chdir(tmp_path)
    exec(block.run_code, {})
    assert (tmp_path / "greeter.py").read_text(encoding="utf-8") == app


@pytest.mark.parametrize(
    ("app", "name", "told"),
    [
        ("# --8<-- [start:a]\n1\n# --8<-- [end:a]\n", "greeter", "part/apps/greeter.py:1: an app is shown whole"),
        ("\n", "greeter", "part/apps/greeter.py: is empty"),
        (APP, "2nd", 'part/apps/2nd.py: "2nd" is no section name'),
    ],
)
def test_an_app_that_can_not_be_shown_is_refused(tree: Tree, app: str, name: str, told: str) -> None:
    with pytest.raises(BookError, match=told):
        with_app(tree, app, name)


def test_an_app_has_no_sections_and_is_of_its_own_part(tree: Tree) -> None:
    with_app(tree, APP)
    with pytest.raises(BookError, match=r'an app is shown whole: write --8<-- "part/apps/greeter\.py"'):
        parse(tree, '```python\n--8<-- "part/apps/greeter.py:main"\n```\n')
    with pytest.raises(BookError, match="is not this page"):
        parse(tree, '```python\n--8<-- "other/apps/greeter.py"\n```\n')
