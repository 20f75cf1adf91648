"""Each sentence that claims something of all that a figure shows has its row in tests/claims.toml, and the row is true."""

from __future__ import annotations

from pathlib import Path

import claims
import pytest
from books import write_small

from book.ground.tree import HERE
from book.prove import check
from book.record import records
from book.source import pages

CURVE = """\
```python alt="A parabola that never falls. Grey: momentum 0.1."
--8<-- "part/small.py:curve"
```

The curve rises to the right:
**every** step is larger than the last. Use `torch.all` or $all$ at will.

- The lowest point is
  at the left.
- It has [two ends](all.md).

!!! note "None is red"

    Nothing here.

```text
every line of output
```

The end grows.
"""
SAYS = ["A parabola that never falls.", "The curve rises to the right: **every** step is larger than the last.",
        "The lowest point is at the left.", "None is red", "The end grows."]  # fmt: skip
CODE = """\
assert (y.diff()
        > 0).all() and y[0] == 0  # rises
torch.testing.assert_close(y, x**2)
"""
HELD = [
    "(y.diff() > 0).all()",
    "y[0] == 0",
    "y[0] == 0 and (y.diff()>0).all()",
    "torch.testing.assert_close(y, x ** 2)",
]


def planted(root: Path, block: str = CURVE, code: str = CODE) -> pages.Page:
    """The small book's page with another figure, and ``code`` at the end of the figure's block."""
    tree = write_small(root)
    path, snippet = tree.page("en", "part/small"), tree.snippets / "part" / "small.py"
    old = '```python alt="A parabola"\n--8<-- "part/small.py:curve"\n```\n'
    text, source = path.read_text(encoding="utf-8"), snippet.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, block), encoding="utf-8")
    snippet.write_text(source.replace("plt.show()\n", code + "plt.show()\n"), encoding="utf-8")
    return pages.load(tree, "part/small")


def row(says: str, last: str, block: str = "curve") -> str:
    return f'[[claim]]\npage = "part/small"\nblock = "{block}"\nsays = \'{says}\'\n{last}\n'


def told(page: pages.Page, text: str) -> list[str]:
    """The problems of a list for the figure of the planted page."""
    found = claims.claims_of(page, frozenset({"curve"}))
    return list(claims.problems(found, claims.rows(text), {page.name: page}))


# ---- The book --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book() -> dict[str, pages.Page]:
    return check.load_pages(HERE)


def test_each_claim_about_a_figure_has_its_row(book: dict[str, pages.Page]) -> None:
    found = claims.find(HERE, book)
    listed = claims.rows((HERE.root / claims.LIST).read_text(encoding="utf-8"))
    assert not list(claims.problems(found, listed, book))
    assert len(found) == len(listed) > 100


# ---- What a claim is -------------------------------------------------------------------------------------------------


def test_claims_stand_in_the_alt_text_and_below_the_figure(tmp_path: Path) -> None:
    page = planted(tmp_path)
    found = claims.claims_of(page, frozenset({"curve"}))
    assert [claim.text for claim in found] == SAYS
    lines = [page.lines[claim.line - 1].strip() for claim in found]
    assert lines == [
        CURVE.splitlines()[0],
        "The curve rises to the right:",
        "- The lowest point is",
        '!!! note "None is red"',
        "The end grows.",
    ]


def test_what_stands_below_the_next_block_or_heading_is_no_claim_about_the_figure(tmp_path: Path) -> None:
    page = planted(tmp_path)
    assert not claims.claims_of(page, frozenset({"table"}))
    assert not claims.claims_of(page, frozenset())


def test_a_figure_in_a_folded_solution_counts(tmp_path: Path) -> None:
    inside = "".join(f"    {line}\n" if line else "\n" for line in CURVE.splitlines())
    page = planted(tmp_path, f'??? success "Solution"\n\n{inside}')
    assert [claim.text for claim in claims.claims_of(page, frozenset({"curve"}))] == SAYS


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It falls at 0.5. Then it rises.", ["It falls at 0.5.", "Then it rises."]),
        ("*All fall.* Yes.", ["*All fall.* Yes."]),
        ("**All fall.** Yes.", ["**All fall.**", "Yes."]),
        ("So (it falls.) It rises.", ["So (it falls.)", "It rises."]),
        ("triangular: all reach 1. exp_range: less.", ["triangular: all reach 1. exp_range: less."]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert claims.sentences(text) == parts


@pytest.mark.parametrize("word", "every all none never always lowest highest largest smallest best worst".split())
def test_words_are_whole_words(word: str) -> None:
    assert claims.WORDS.search(f"Here {word.capitalize()}, too.") and not claims.WORDS.search(f"x{word} {word}x")


def test_a_block_is_a_figure_if_its_record_holds_a_picture() -> None:
    outputs = {
        "printed": [{"output_type": "stream", "name": "stdout", "text": "1"}],
        "table": [{"output_type": "display_data", "data": {"text/html": "<table>"}}],
        "curve": [
            {"output_type": "stream", "name": "stdout", "text": "1"},
            {"output_type": "display_data", "data": {"image/svg+xml": "<svg>"}},
        ],
    }
    cells = [records.Cell(name, "", records.Hashes("", ""), 0.0, out) for name, out in outputs.items()]
    assert claims.figures(cells) == {"curve"}


# ---- What holds it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", HELD)
def test_an_assert_holds_what_it_checks(tmp_path: Path, held: str) -> None:
    page = planted(tmp_path)
    assert claims.holds(held, page, "curve")
    assert not claims.holds(held, page, "table")  # it stands below


@pytest.mark.parametrize(
    "held", ["y[0]", "y[0] == 1", "y[0] == 0 and x[0] == 0", "plt.show()", "# rises", "y[0] ==", ""]
)
def test_other_code_holds_nothing(tmp_path: Path, held: str) -> None:
    assert not claims.holds(held, planted(tmp_path), "curve")


# ---- Planted faults --------------------------------------------------------------------------------------------------

GOOD = [
    row(SAYS[0], 'held = "(y.diff() > 0).all()"'),
    row(SAYS[1][:30], 'held = ["(y.diff() > 0).all()", "torch.testing.assert_close(y, x**2)"]'),
    row(SAYS[2], 'held = "y[0] == 0"'),
    row(SAYS[3], 'why = "input"'),
    row(SAYS[4], 'why = "definition"'),
]


def test_a_whole_list_has_no_problem(tmp_path: Path) -> None:
    assert not told(planted(tmp_path), "\n".join(GOOD))


@pytest.mark.parametrize(
    ("at", "instead", "says"),
    [
        (0, "", r'docs/en/part/small.md:22: block "curve": nothing is said to hold "A parabola that never falls.": quote its'
                r" assert in tests/claims.toml, or say only what an assert holds"),
        (2, "", r'docs/en/part/small.md:29: block "curve": nothing is said to hold "The lowest point is at the left."'),
        (4, GOOD[4] + "\n" + row("The end grow", 'why = "advice"'),
         r'block "curve": "The end grows." has 2 rows (tests/claims.toml, lines 25, 31): leave one'),
        (0, GOOD[0] + "\n" + row("A parabola that falls.", 'why = "advice"'),
         r'tests/claims.toml:7: "A parabola that falls.": 0 sentences of part/small, block "curve", begin so, not 1: take the'
         r" row out, or correct it"),
        (0, row(SAYS[0], 'why = "input"', "table"), r'tests/claims.toml:1: "A parabola that never falls.": 0 sentences of'),
        (0, row("A", 'why = "input"'), r'tests/claims.toml:1: "A": 0 sentences of part/small, block "curve", begin so'),
        (0, row(SAYS[0], 'held = "y[0] == 1"'),
         r'tests/claims.toml:1: "A parabola that never falls.": no assert of block "curve" or above checks "y[0] == 1": quote'
         r" one that does, or say less in the sentence"),
        (0, row(SAYS[0], 'held = ["y[0] == 0", "y.max() > 0"]'), r'or above checks "y.max() > 0"'),
        (0, row(SAYS[0], 'why = "obvious"'),
         r'tests/claims.toml:1: "A parabola that never falls.": why = "obvious" is none of definition, advice, no figure, input'),
        (0, row(SAYS[0], 'held = ""'), r'checks ""'),
        (0, row(SAYS[0], 'why = ""'), r"tests/claims.toml:1: " + f'"{SAYS[0]}": give either held or why'),
        (0, row(SAYS[0], 'held = "y[0] == 0"\nwhy = "input"'), r"give either held or why"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_told_with_its_place(tmp_path: Path, at: int, instead: str, says: str) -> None:
    problems = told(planted(tmp_path), "\n".join([*GOOD[:at], instead, *GOOD[at + 1 :]]))
    assert any(says in problem for problem in problems), problems


def test_two_sentences_that_begin_alike_need_longer_rows(tmp_path: Path) -> None:
    block = CURVE.replace("The end grows.", "The end grows.\nThe end grows and falls.")
    problems = told(planted(tmp_path, block), "\n".join([*GOOD[:4], row("The end grow", 'why = "input"')]))
    assert len(problems) == 1 and "2 sentences of part/small" in problems[0] and "write more" in problems[0]


def test_a_sentence_without_a_row_gets_a_row_to_fill_in(tmp_path: Path) -> None:
    page = planted(
        tmp_path, CURVE.replace("The end grows.", 'The "end" grows all the time, without end, and then it grows more.')
    )
    last = claims.claims_of(page, frozenset({"curve"}))[-1]
    (made,) = claims.rows(claims.blank(last))
    assert (
        made.matches(last)
        and made.says == 'The "end" grows all the time, without end, and then it'
        and made.held == ("",)
    )
