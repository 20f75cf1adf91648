"""MkDocs hook: stage the language that is being built, and spare the search plugin what it does not index."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.pages import Page

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.site.slim import slimmed
from book.site.stage import stage
from book.source import glossary, plan

# Outputs, run lines and API lists are marked data-search-exclude. Their text is escaped: the first end tag is theirs.
_EXCLUDED = re.compile(
    r'<(?P<tag>div|p) (?=[^>]*class="[^"]*\brp-(?:out|run|apis|take)\b)(?=[^>]*data-search-exclude)[^>]*>.*?</(?P=tag)>',
    re.DOTALL,
)
_CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
_SPAN = re.compile(r"</?span[^>]*>")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    docs = Path(config.docs_dir)
    tree = Tree(docs.parent.parent)
    try:
        stage(tree, [docs.name])
        config.nav = plan.with_days(tree, docs.name, config.nav or []) or None
        if docs.name == "zh" and tree.glossary.is_file():
            keep_whole(glossary.words(glossary.load(tree)))
    except BookError as error:
        raise PluginError(str(error)) from error
    return config


def keep_whole(words: Iterable[str]) -> None:
    """Teach the segmenter of the Chinese search index the terms of the book, which it would cut in pieces."""
    import jieba

    for word in words:
        jieba.add_word(word)


def searchable(content: str) -> str:
    """A page's HTML without what the search plugin would parse and drop: it takes half of a build's time otherwise.

    The index made of it is the same.
    """
    content = _EXCLUDED.sub("", content)
    return _CODE.sub(lambda code: _SPAN.sub("", code[0]), content)


@event_priority(100)  # before the search plugin
def _shorten(context: Any, /, *, page: Page, **_: Any) -> None:
    page.whole_content = page.content  # type: ignore[attr-defined]
    page.content = searchable(page.content or "")


@event_priority(-100)  # after it
def _restore(context: Any, /, *, page: Page, **_: Any) -> None:
    page.content = page.whole_content  # type: ignore[attr-defined]


on_page_context = CombinedEvent(_shorten, _restore)


def on_post_page(output: str, /, **_: Any) -> str:
    return slimmed(output)
