"""A page's HTML without the white space that nobody sees: on a long chapter it weighs more than a kilobyte, gzipped."""

from __future__ import annotations

import re

_KEPT = re.compile(r"(<(?P<tag>pre|script|style|textarea)\b.*?</(?P=tag)>)", re.DOTALL)
_BREAK = re.compile(r"[ \t]*\n[ \t\n]*")
_UNSTYLED = re.compile(
    r'<span class="w">(\s*)</span>|<span></span>'
)  # of Pygments: around blanks, before the first line


def slimmed(html: str) -> str:
    """The same page: one line break for several, no indentation but in code, no elements around blanks."""
    pieces = _KEPT.split(html)  # between what is kept, then what is kept and its tag
    for at in range(0, len(pieces), 3):
        pieces[at] = _BREAK.sub("\n", pieces[at])
    for at in range(1, len(pieces), 3):
        pieces[at] = _UNSTYLED.sub(r"\1", pieces[at])
    del pieces[2::3]
    return "".join(pieces)
