"""The hook spares the search plugin work; the index must stay what it would be without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from material.plugins.search.plugin import Parser
from site_pages import Quick

from book.ground.tree import LANGUAGES
from book.site.hook import keep_whole, searchable

ARTICLE = re.compile(r"<article[^>]*>(.*)</article>", re.DOTALL)


class _Sections(Quick, Parser):
    """The search plugin's parser, quickened."""


def sections(content: str) -> list[tuple[str | None, bool, str, str]]:
    """What the search plugin finds in a page: for each section its id, whether it is left out, its title and text."""
    parser = _Sections()
    parser.feed(content)
    parser.close()
    return [(s.id, s.is_excluded(), "".join(s.title).strip(), "".join(s.text).strip()) for s in parser.data]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_of_the_book_is_the_same(built_site: Path, language: str) -> None:
    site = built_site if language == "en" else built_site / "zh"
    other = built_site / "zh"
    pages = [p for p in sorted(site.rglob("index.html")) if language == "zh" or not p.is_relative_to(other)]
    saved = 0
    for path in pages:
        article = ARTICLE.search(path.read_text(encoding="utf-8"))
        assert article, path
        short = searchable(article[1])
        saved += len(article[1]) - len(short)
        assert sections(short) == sections(article[1]), path
    assert len(pages) > 20 and saved > 100_000 * len(pages) ** 0.5  # it does spare something


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ('<div class="language-text rp-out highlight" data-search-exclude=""><pre><code>a</code></pre></div>b', "b"),
        ('<p class="rp-run" data-search-exclude="">run on CPU</p>', ""),
        (
            '<div class="rp-out"><pre>kept: <span class="k">not</span> marked</pre></div>',
            '<div class="rp-out"><pre>kept: not marked</pre></div>',
        ),
        ('<p>An <span class="x">inline</span> span.</p>', '<p>An <span class="x">inline</span> span.</p>'),
        (
            '<div class="admonition" data-search-exclude="">x</div>',
            '<div class="admonition" data-search-exclude="">x</div>',
        ),
    ],
)
def test_searchable(content: str, left: str) -> None:
    assert searchable(content) == left


def test_terms_of_the_book_are_words_of_the_search() -> None:
    import jieba

    assert "学习率" not in jieba.lcut("学习率太大") or jieba.get_FREQ("学习率"), (
        "the segmenter knows it by itself: choose another word"
    )
    keep_whole(["学习率", "锁页内存"])
    assert jieba.lcut("学习率与锁页内存") == ["学习率", "与", "锁页内存"]
