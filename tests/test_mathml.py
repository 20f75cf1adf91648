"""book.source.mathml (what it refuses stands in faults.py)"""

from __future__ import annotations

import re

import pytest

from book.ground.errors import BookError
from book.source.mathml import convert, convert_lines


def page(text: str) -> str:
    return "\n".join(convert_lines(text.split("\n"), lambda number: True, "a.md"))


def test_convert_makes_one_line_of_mathml() -> None:
    assert convert("x^2") == "<math><msup><mi>x</mi><mn>2</mn></msup></math>"
    display = convert("\\begin{aligned} a &= b \\\\\n &= c \\end{aligned}", display=True)
    assert 'display="block"' in display and "<mtr>" in display and "\n" not in display


def test_markdown_cannot_see_into_a_formula() -> None:
    assert not set("*_`[]|~^") & set(convert(r"a_1 * b_2 * |c|, [d]"))


@pytest.mark.parametrize("latex", [r"\frac{1}{2", r"\nonsense", r"\left( x", r"\begin{aligned} x"])
def test_convert_refuses(latex: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\x1b\n]+$"):
        convert(latex)


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("a $x$ b", 1),
        ("$x$ and $y$, ($z$).", 3),
        ("张量$x$的和", 1),
        ("`$x$` and ``$y` $``", 0),
        (r"costs \$5 and \$6", 0),
        ("from 5$ to 6$", 0),
        ("$$x = 1$$", 1),
        ("$$\nx = 1\n$$", 1),
    ],
)
def test_formulas_are_found(text: str, formulas: int) -> None:
    assert page(text).count("<math") == formulas


def test_an_escaped_dollar_stays_a_dollar() -> None:
    assert page(r"costs \$5") == "costs &#36;5"


def test_the_number_of_lines_stays() -> None:
    text = "one\n\n$$\nx \\\\\n= 1\n$$\n\ntwo $y$\n"
    converted = page(text)
    assert converted.count("\n") == text.count("\n")
    assert re.match("two <.*<mi>y</mi>", converted.split("\n")[7])


@pytest.mark.parametrize("mark", [".", ",", ")", "。", "），"])
def test_no_line_begins_with_the_mark_after_a_formula(mark: str) -> None:
    """The mark is inside the span, which does not wrap."""
    assert re.search(f"</math>{re.escape(mark)}</span> next", page(f"in $x$ or $y$\n(as $z${mark} next"))
    assert page("[to $x$](page.md)").endswith("</math></span>](page.md)")


def test_only_prose_is_converted() -> None:
    assert convert_lines(["$x$", "$x$"], lambda number: number == 2, "a.md")[0] == "$x$"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("fine\n\nand\n$\\nonsense$", 4, "does not parse"),
        ("fine $x$\nlone $x\n", 2, "without its partner"),
        ("单独的$x\n", 1, "without its partner"),
        ("$$\nx = 1\n\ny\n$$", 1, "without its partner"),
    ],
)
def test_errors_name_their_line(text: str, line: int, why: str) -> None:
    with pytest.raises(BookError, match=rf"^a\.md:{line}: .*{why}"):
        page(text)
