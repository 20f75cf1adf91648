"""book.prove.audit (what it must notice stands in faults.py)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from books import one_block
from faults import write

from book.ground.tree import HERE, Tree
from book.prove import audit, markup
from book.source import pages


def page(tree: Tree, text: str, language: str = "en", name: str = "part/small") -> pages.Page:
    return pages.parse(tree, name, language, text)


def test_the_small_book_is_well(small: Tree) -> None:
    assert audit.audit(small) == []


def test_the_real_book_is_well(real: Tree) -> None:
    assert audit.audit(real) == []


def test_markdown_is_read_as_the_site_reads_it() -> None:
    """What decides here where a block ends up is on in mkdocs.yml too."""
    settings = (HERE.root / "mkdocs.yml").read_text(encoding="utf-8").partition("markdown_extensions:")[2]
    on = re.findall(r"^  ([\w.]+):", settings.partition("validation:")[0], re.MULTILINE)
    # these change how letters look, or where a link leads that staging made
    assert set(on) - set(markup.EXTENSIONS) == {"toc", "pymdownx.highlight", "pymdownx.inlinehilite", "pymdownx.keys"}
    assert not set(markup.EXTENSIONS) - set(on)


def test_every_problem_is_told_not_only_the_first(small: Tree) -> None:
    one_block(small.root, "1", small.ledger.read_text(encoding="utf-8"))
    write("docs/en/part/small.md", "```python\nx\n```\n")(small)
    write("docs/zh/part/only.md", "# 只有\n")(small)
    told = "\n".join(audit.audit(small))
    assert "docs/en/part/small.md:1: " in told and "docs/en/part/only.md: missing" in told
    assert 'docs/zh/part/only.md:1: heading "只有" has no id' in told


def test_missing_pages(small: Tree) -> None:
    assert list(audit.missing_pages(small)) == []
    small.page("zh", "part/small").rename(small.page("zh", "part/other"))
    assert list(audit.missing_pages(small)) == [
        "docs/zh/part/small.md: missing; docs/en/part/small.md has no Chinese twin",
        "docs/en/part/other.md: missing; docs/zh/part/other.md has no English twin",
    ]


def test_parity_tells_the_first_gap_of_each_kind(small: Tree) -> None:
    english = page(small, "# A {#a}\n[x](y)\n## B {#b}\n## C {#c}\n[z](z)\n")
    assert list(audit.parity(english, page(small, "# 甲 {#a}\n[x](y)\n## 乙 {#b}\n## 丙 {#c}\n[z](z)\n", "zh"))) == []
    gaps = list(audit.parity(english, page(small, "# 甲 {#a}\n## 丙 {#c}\n## 乙 {#b}\n[z](z)\n", "zh")))
    assert gaps == [
        'docs/zh/part/small.md:2: heading id "## c" stands where docs/en/part/small.md:3 has "## b"',
        'docs/zh/part/small.md:4: link "z" stands where docs/en/part/small.md:2 has "y"',
    ]
    more = page(small, "# 甲 {#a}\n[x](y)\n## 乙 {#b}\n## 丙 {#c}\n[z](z)\n## 丁 {#d}\n", "zh")
    assert list(audit.parity(english, more)) == [
        'docs/zh/part/small.md:6: heading id "## d" is not on docs/en/part/small.md at this place'
    ]


def test_headings(small: Tree) -> None:
    assert list(audit.headings(page(small, "# A {#a}\n## B\n## C {#a}\n"))) == [
        'docs/en/part/small.md:2: heading "B" has no id: add {#some-id}, the same in both languages',
        'docs/en/part/small.md:3: id "a" is used at line 1 already',
    ]


def test_links_resolve_from_the_page_that_holds_them(small: Tree) -> None:
    known = {
        name: page(small, f"# {name} {{#top}}\n", name=name) for name in ("index", "part/small", "part/two", "x/y")
    }
    good = "[a](two.md) [b](two.md#top) [c](#top) [d](../index.md) [e](../x/y.md) [f](mailto:a@b) [g](https://h/i.md)"
    files = " [h](picture.svg) [i](../status.md#ledger)"
    known["part/small"] = page(small, f"# S {{#top}}\n{good}{files}\n")
    assert list(audit.links(known["part/small"], known)) == []
    bad = page(small, "# S {#top}\n[a](y.md) [b](../part/tow.md) [c](two.md#tpo)\n\n[d](#nowhere)\n")
    assert [problem.partition(": link ")[::2] for problem in audit.links(bad, {**known, "part/small": bad})] == [
        ("docs/en/part/small.md:2", '"y.md": there is no page part/y.md (did you mean "part/two"?)'),
        ("docs/en/part/small.md:2", '"../part/tow.md": there is no page part/tow.md (did you mean "part/two"?)'),
        ("docs/en/part/small.md:2", '"two.md#tpo": part/two.md has no heading with id "tpo" (did you mean "top"?)'),
        ("docs/en/part/small.md:4", '"#nowhere": part/small.md has no heading with id "nowhere"'),
    ]


def test_orphans_are_sections_that_neither_language_shows(small: Tree) -> None:
    loaded = [pages.load(small, "part/small")]
    assert list(audit.orphans(small, loaded)) == []
    assert [problem.partition(":")[2][:2] for problem in audit.orphans(small, [])] == ["2:", "9:", "15", "24"]
    write("snippets/toolkit/__init__.py", "x = 1\n")(small)
    assert list(audit.orphans(small, loaded)) == [], "packages may have an __init__.py"


def test_shadows() -> None:
    files = ["concepts/tensors.py", "toolkit/__init__.py", "toolkit/math.py"]
    assert list(audit.shadows(files, lambda stem: stem in ("math", "__init__"))) == [
        "snippets/toolkit/math.py: shadows the module math: a script beside it would import the wrong one; choose another name"
    ]
    assert [p.partition(":")[0] for p in audit.shadows(["a/token.py", "a/numpy.py", "a/autograd_lesson.py"])] == [
        "snippets/a/token.py",
        "snippets/a/numpy.py",
    ]
    assert list(audit.shadows(HERE.snippet_files())) == []


def test_a_folder_is_a_module_if_there_is_code_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "only_tables").mkdir()
    (tmp_path / "with_code" / "deeper").mkdir(parents=True)
    (tmp_path / "with_code" / "deeper" / "one.py").touch()
    assert list(audit.shadows(["a/only_tables.py"])) == []
    assert len(list(audit.shadows(["a/with_code.py"]))) == 1
