"""``$...$`` and ``$$...$$`` to MathML, at staging, so that pages need no script for their formulas.

math-core was chosen over latex2mathml, which breaks ``aligned`` and lets unknown commands through silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from math_core import LatexError, LatexToMathML

from book.ground.errors import BookError, at
from book.source.markdown import as_entities

# A code span, an escaped dollar, a display formula or an inline formula, whichever comes first.
PIECES = re.compile(
    r"(?P<code>(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<escaped>\\\$)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\$A-Za-z0-9_])\$(?=\S)(?P<inline>[^$]*?[^\s\\$])\$(?![\d$])",
    re.DOTALL,
)
LEFT_OVER = re.compile(r"\$\$|(?<![\\A-Za-z0-9_])\$(?=\S)")

FOLLOWING = re.compile(r"</math></span>([.,;:!?)。，、；：！？）」”]+)")

_converter = LatexToMathML(fancy_error=False)


def convert(latex: str, display: bool = False) -> str:
    """One formula to a ``<math>`` element on one line, safe inside Markdown text.

    Raises:
        ValueError: the formula does not parse; says why.
    """
    try:
        markup = _converter.convert_with_local_state(latex.strip(), displaystyle=display)
    except LatexError as error:
        raise ValueError(re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", str(error))).strip()) from error
    markup = re.sub(r">([^<]+)<", lambda m: ">" + as_entities(m[1]).replace("\n", " ") + "<", markup)
    return re.sub(r"\s*\n\s*", "", markup)


def convert_lines(lines: Sequence[str], is_prose: Callable[[int], bool], path: str) -> list[str]:
    """Convert the formulas of a page; the number of lines stays the same.

    Args:
        lines: the page's lines.
        is_prose: whether the line of this 1-based number is prose (not code, not front matter).
        path: for messages.

    Raises:
        BookError: a formula that does not parse or a dollar sign without its partner, with its line.
    """
    result = list(lines)
    start = 0
    while start < len(lines):
        if not is_prose(start + 1) or not lines[start].strip():
            start += 1
            continue
        end = start
        while end < len(lines) and is_prose(end + 1) and lines[end].strip():
            end += 1
        paragraph = "\n".join(lines[start:end])
        if "$" in paragraph:
            result[start:end] = _paragraph(paragraph, path, start + 1).split("\n")
        start = end
    return result


def _paragraph(text: str, path: str, first_line: int) -> str:
    def line_of(offset: int) -> int:
        return first_line + text.count("\n", 0, offset)

    def replace(match: re.Match[str]) -> str:
        if match["code"] is not None:
            return match[0]
        if match["escaped"] is not None:
            return "&#36;"
        latex = match["display"] if match["display"] is not None else match["inline"]
        try:
            markup = convert(latex, display=match["display"] is not None)
        except ValueError as error:
            raise _bad(path, line_of(match.start()), latex, error) from error
        if match["display"] is None:  # Markdown takes <math> at the start of a line for a block: a span is none
            markup = f'<span class="rp-math">{markup}</span>'
        return markup + "\n" * match[0].count("\n")

    converted = PIECES.sub(replace, text)
    converted = FOLLOWING.sub(r"</math>\1</span>", converted)  # so that no line begins with it
    rest = PIECES.sub(lambda m: "\n" * m[0].count("\n"), text)
    lone = LEFT_OVER.search(rest)
    if lone:
        raise at(
            path,
            first_line + rest.count("\n", 0, lone.start()),
            "a dollar sign without its partner: close the formula, or write \\$ for the sign itself",
        )
    return converted


def _bad(path: str, line: int, latex: str, error: ValueError) -> BookError:
    return at(path, line, f"the formula ${latex.strip()}$ does not parse: {error}")
