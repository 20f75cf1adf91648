"""book.prove.mutate"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from faults import edit, ledger, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, mutate, recording
from book.prove.mutate import Mutant, Outcome
from book.run.session import Sessions
from book.source import pages
from book.source.pages import Block


def changes(code: str, *names: str) -> set[tuple[str, str]]:
    """What becomes what; each mutant must differ from the code in that place only."""
    found = set()
    for mutant in mutate.mutants_of(Block("b", "f.py", 1, code, 1, 3, "", {}), names):
        line = code.split("\n")[mutant.line - 1].encode()
        after = mutant.code.split("\n")[mutant.line - 1].encode()
        assert line[mutant.column :].startswith(mutant.before.encode())
        assert (
            after == line[: mutant.column] + mutant.after.encode() + line[mutant.column + len(mutant.before.encode()) :]
        )
        found.add((mutant.before, mutant.after))
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 3\n", {("3", "4")}),
        ("x = 2.0\n", {("2.0", "3.25")}),
        ("x = True\n", {("True", "False")}),
        ("x = 'ab'\n", {("'ab'", "'ba'")}),
        ("x = 'a'\n", {("'a'", "''")}),
        ("x = None\n", set()),
        ('"""Words."""\n', set()),
        ("x = f'{y + 1} text'\n", {("+", "-")}),
        ("a @ b\n", set()),
        ("a + b\n", {("+", "-")}),
        ("a ** b\n", {("**", "*")}),
        ("a // b % c\n", {("//", "*"), ("%", "*")}),
        ("a <= b\n", {("<=", ">")}),
        ("a < b < c\n", set()),
        ("a and b\n", {("and", "or")}),
        ("(a\n * b)\n", {("*", "/")}),
        ("量 = '张量' + z\n", {("'张量'", "'量张'"), ("+", "-")}),
    ],
)
def test_mutants_of(code: str, expected: set[tuple[str, str]]) -> None:
    assert changes(code) == expected


def test_names_are_swapped_with_others_of_the_page() -> None:
    assert changes("f(x)\n", "x", "y") == {("x", "y")}
    assert changes("f(x)\n", "x") == set()
    assert changes("x = z\n", "x", "y") == set()


def test_what_needs_a_gpu_is_not_mutated(small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger("needs", section="table", what="cuda")(small)
    monkeypatch.setattr(check, "Sessions", lambda: nullcontext(sessions))
    recording.record(small, sessions=sessions)
    outcomes = mutate.mutate(small, "part/small", 100, workers=1)
    assert {o.mutant.block for o in outcomes} == {"scale", "curve", "wrong_shape"}


def test_choose_is_repeatable_and_draws_each_once(small: Tree) -> None:
    page = pages.load(small, "part/small")
    one = mutate.choose(page, 5, seed=1)
    assert one == mutate.choose(page, 5, seed=1) != mutate.choose(page, 5, seed=2)
    every = mutate.choose(page, 1000, seed=1)
    assert len({m.code + m.block for m in every}) == len(every) > 10
    assert all(m.code != page.block(m.block).code for m in every)


@pytest.fixture
def warm(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Sessions", lambda: nullcontext(sessions))


EQUIVALENT = '[[mutant]]\npage = "part/small"\nblock = "scale"\nline = "unused = 7"\nreason = "nobody reads it"\n'


@pytest.mark.usefixtures("warm")
def test_mutants_that_change_the_output_are_killed_and_others_survive(small: Tree, sessions: Sessions) -> None:
    edit("snippets/part/small.py", "print(2 * x)", "unused = 7\nprint(2 * x)")(small)
    outcomes = mutate.mutate(small, "part/small", 1000)
    by_change = {(o.mutant.block, o.mutant.before, o.mutant.after): o for o in outcomes}
    assert by_change["scale", "*", "/"].killed and "number 2 differs" in by_change["scale", "*", "/"].message
    assert by_change["table", "0.25", "0.625"].killed
    assert by_change["curve", "**", "*"].killed
    survivor = by_change["scale", "7", "8"]
    assert not survivor.killed and survivor.equivalent == ""
    text, score = mutate.report(outcomes)
    assert "survived  scale:4: '7' -> '8' in `unused = 8`  (NOT NOTICED by any output or assert)" in text
    assert score < 1 and mutate.report([survivor, *outcomes])[1] < score
    write("tests/equivalent.toml", EQUIVALENT.replace("= 7", "= 8"))(small)
    again = {(o.mutant.block, o.mutant.before): o for o in mutate.mutate(small, "part/small", 1000)}
    assert again["scale", "7"].equivalent == "nobody reads it"


@pytest.mark.usefixtures("warm")
def test_a_page_that_fails_unchanged_is_not_mutated(small: Tree) -> None:
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    with pytest.raises(BookError, match=r"part/small fails unchanged: docs/en/part/small\.md:10 "):
        mutate.mutate(small, "part/small", 3)


def test_a_page_without_blocks_is_not_mutated(small: Tree) -> None:
    write("docs/en/index.md", "# Home {#home}\n")(small)
    with pytest.raises(BookError, match="index has no blocks to mutate"):
        mutate.mutate(small, "index", 3)


def test_report_counts_the_non_equivalent() -> None:
    mutant = Mutant("b", 1, 0, "1", "2", "x = 2\n")
    outcomes = [
        Outcome(mutant, True),
        Outcome(mutant, False),
        Outcome(mutant, False, equivalent="same"),
        Outcome(mutant, True),
    ]
    text, score = mutate.report(outcomes)
    assert score == pytest.approx(2 / 3)
    assert "4 mutants, 2 killed, 2 survived, of these 1 equivalent: score 66.7%" in text
    assert "(equivalent: same)" in text
    assert mutate.report([])[1] == 1.0
