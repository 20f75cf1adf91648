"""What a page shows of a block's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from book.record.outputs import text_of
from book.site.markdown import fence
from book.source.shown import HTML, LATEX, MARKDOWN, form, latex, markdown, pipe_table


def text_lines(data: Mapping[str, Any]) -> list[str]:
    """A shown value that is no picture, as lines of Markdown: a table, text with formulas, or the text it prints as."""
    shows = form(data)
    value = text_of(data[shows])
    if shows == HTML:
        return pipe_table(value) or []
    if shows in (MARKDOWN, LATEX):
        made = markdown(value) if shows == MARKDOWN else latex(value)
        return [f'<div class="rp-out rp-rich" data-search-exclude="">{made}</div>']
    return fence(value, '{ .text .rp-out data-search-exclude="" }')
