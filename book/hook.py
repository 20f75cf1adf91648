"""MkDocs hook: stage the language that is being built, and spare the search plugin what it does not index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.pages import Page

from book.errors import BookError
from book.stage import stage
from book.tree import Tree

# Outputs, run lines and API lists are marked data-search-exclude. Their text is escaped: the first end tag is theirs.
_EXCLUDED = re.compile(
    r'<(?P<tag>div|p) (?=[^>]*class="[^"]*\brp-(?:out|run|apis|take)\b)(?=[^>]*data-search-exclude)[^>]*>.*?</(?P=tag)>',
    re.DOTALL,
)
_CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
_SPAN = re.compile(r"</?span[^>]*>")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    docs = Path(config.docs_dir)
    try:
        stage(Tree(docs.parent.parent), [docs.name])
    except BookError as error:
        raise PluginError(str(error)) from error
    return config


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
