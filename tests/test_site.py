"""book.site (the served site is tried in test_serve.py and test_browser.py)"""

from __future__ import annotations

from pathlib import Path

import pytest
from books import HERE
from faults import append, write

from book import site
from book.errors import BookError
from book.site import _merge_index
from book.tree import Tree

CONFIG = """\
site_name: Small
site_url: !ENV [BOOK_SITE_URL, "https://example.org/"]
docs_dir: build/{language}
hooks: ["{hook}"]
strict: true
theme: mkdocs
plugins: [search]
markdown_extensions: [attr_list, md_in_html, pymdownx.details, pymdownx.superfences, tables]
"""


@pytest.fixture
def book(small: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The small book with MkDocs' own theme, which builds quickly."""
    monkeypatch.setenv("PYTHONPATH", str(HERE.root))  # the hook imports the engine, which the small book does not hold
    for language, name in site.CONFIGS.items():
        write(name, CONFIG.format(language=language, hook=HERE.root / "book" / "hook.py"))(small)
    for language in ("en", "zh"):
        write(f"docs/{language}/index.md", "# Home {#home}\n")(small)
    return small


def test_both_languages_are_built_side_by_side(book: Tree) -> None:
    assert site.build(book, site_url="http://127.0.0.1:1/") == book.root / "site"
    english = (book.root / "site" / "part" / "small" / "index.html").read_text(encoding="utf-8")
    chinese = (book.root / "site" / "zh" / "part" / "small" / "index.html").read_text(encoding="utf-8")
    assert "A parabola" in english and "一条抛物线" in chinese
    assert "http://127.0.0.1:1/part/small/" in english
    assert (book.root / "site" / "part" / "small" / "curve-1.svg").is_file()


def test_a_site_that_does_not_build_leaves_the_old_one(book: Tree) -> None:
    write("site/index.html", "the old one")(book)
    append("docs/en/index.md", "\n[nowhere](part/nowhere.md)\n")(book)
    with pytest.raises(
        BookError, match=r"mkdocs\.yml:\nWARNING.*'index\.md' contains a link 'part/nowhere\.md'"
    ) as caught:
        site.build(book)
    assert "INFO" not in str(caught.value) and "mkdocs.zh.yml" not in str(caught.value)
    assert (book.root / "site" / "index.html").read_text(encoding="utf-8") == "the old one"


def test_a_new_site_replaces_the_old_one_whole(book: Tree, tmp_path: Path) -> None:
    target = tmp_path / "public"
    (target / "gone").mkdir(parents=True)
    site.build(book, target)
    assert (target / "index.html").is_file() and (target / "zh" / "index.html").is_file()
    assert not (target / "gone").exists() and not (tmp_path / "public.old").exists()


def entry(location: str, text: str = "") -> dict[str, str]:
    return {"location": location, "text": text}


def test_merge_index_puts_new_entries_where_the_old_ones_stood() -> None:
    before = {"config": 1, "docs": [entry("a/", "old"), entry("a/#x", "old"), entry("b/"), entry("c/")]}
    after = {"config": 2, "docs": [entry("a/", "new"), entry("a/#y", "new"), entry("d/", "new")]}
    assert _merge_index(before, after) == {
        "config": 1,
        "docs": [entry("a/", "new"), entry("a/#y", "new"), entry("b/"), entry("c/"), entry("d/", "new")],
    }
