"""The same code is coloured once: a block stands on its page, in its notebook's view and under each name that it shows.

pymdown-extensions makes a new formatter for each block, and Pygments goes through all token types for each formatter:
together half of the time that Markdown takes. Both are remembered here, for the process that builds.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any

from pygments.formatters.html import HtmlFormatter
from pymdownx.highlight import Highlight

_PLAIN, _SHEET = Highlight.highlight, HtmlFormatter._create_stylesheet
_ARGUMENTS = inspect.signature(_PLAIN)
_coloured: dict[tuple[str, ...], Any] = {}
_sheets: dict[tuple[Any, str], tuple[dict[Any, str], dict[str, Any]]] = {}


@wraps(_PLAIN)
def _highlight(self: Any, *args: Any, **named: Any) -> Any:
    bound = _ARGUMENTS.bind(self, *args, **named)
    bound.apply_defaults()
    given = bound.arguments
    numbered = self.linenums or self.line_spans or self.line_anchors or given["linestart"] not in (None, -1)
    if numbered or given["inline"] or given["title"]:
        return _PLAIN(self, *args, **named)  # the number of the block is in it, or its page keeps a part of it aside
    facts = {**vars(self), **given, "self": "", "md": "", "code_block_count": 0}
    key = tuple(map(repr, facts.values()))
    if key not in _coloured:
        _coloured[key] = _PLAIN(self, *args, **named)
    return _coloured[key]


@wraps(_SHEET)
def _stylesheet(self: Any) -> None:
    key = (self.style, self.classprefix)
    if key not in _sheets:
        _SHEET(self)
        _sheets[key] = (self.ttype2class, self.class2style)
    self.ttype2class, self.class2style = map(dict, _sheets[key])  # a formatter adds to its own


def remember() -> None:
    """Let pymdown-extensions and Pygments do the same work once in this process."""
    Highlight.highlight = _highlight
    HtmlFormatter._create_stylesheet = _stylesheet
