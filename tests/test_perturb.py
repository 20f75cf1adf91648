"""tests/perturb.py: a changed value makes the assert fail that holds a sentence, and an assert that looks away is found."""

from __future__ import annotations

from pathlib import Path

import claims
import perturb
import pytest
import rotation
from test_claims import planted, row

from book.ground.tree import HERE, Tree
from book.prove import check
from book.record import records
from book.run.session import Sessions

SAYS = "A parabola that never falls."
LOOP = """\
for name, values in {"rising": y, "falling": -y}.items():
    if name == "rising":
        assert (values[1:] >= values[:-1]).all()
"""
TABLE = "import pandas as pd\ny = pd.DataFrame({'a': [1.0, 2, 3], 'b': [5.0, 6, 7], 'c': [8.0, 9, 9]})\n"


def poked(root: Path, sessions: Sessions, code: str, held: str) -> perturb.Poked:
    """What becomes of one sentence about the planted figure, whose block ends with ``code``."""
    page = planted(root, code=f"x = torch.linspace(0, 1, 9)\ny = x**2\n{code}")
    rows = claims.rows(row(SAYS, f"held = {held}"))
    (found,) = perturb.perturb(Tree(root), {page.name: page}, rows, sessions)
    return found


@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("assert (y.diff() > 0).all()\n", "'(y.diff() > 0).all()'"),
        ("torch.testing.assert_close(y, x**2)\n", "'torch.testing.assert_close(y, x**2)'"),
        (LOOP, "'(values[1:] >= values[:-1]).all()'"),
        ("def doubled(x):\n    return 2 * x\n\n\nassert torch.equal(doubled(x), x + x)\n", "'torch.equal(doubled(x), x + x)'"),
        ("ends = {'first': y[0].item(), 'last': y[-1].item()}\nassert ends['first'] < ends['last'] < 99\n", "\"ends['first'] < ends['last'] < 99\""),
        ("assert y[0] == 0\nassert (y.diff() > 0).all()\n", "['y[0] == 0', '(y.diff() > 0).all()']"),
        (TABLE + "assert y.a[1:].sum() == 5 and y.b.sum() == 18\n", "'y.a[1:].sum() == 5 and y.b.sum() == 18'"),
        (TABLE + "first = 1\nassert y.a[first:].sum() == 5\n", "'y.a[first:].sum() == 5'"),
    ],
    ids=["all values", "assert_close", "in a loop, below a condition", "the page's own function", "numbers in a dict", "two asserts", "columns of a table", "rows from a variable on"],
)  # fmt: skip
def test_an_assert_on_all_values_notices_each_change(tmp_path: Path, sessions: Sessions, code: str, held: str) -> None:
    found = poked(tmp_path, sessions, code, held)
    assert not found.survived and not found.unknown


@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("assert y.max() > -1\n", "'y.max() > -1'"),
        ("assert y.median() < 99\n", "'y.median() < 99'"),
        (TABLE + "assert y.a.max() > -1 and len(y) == 3\n", "'y.a.max() > -1 and len(y) == 3'"),
    ],
    ids=["the largest alone", "the middle alone", "a column and its table"],
)
def test_an_assert_that_looks_away_is_found(tmp_path: Path, sessions: Sessions, code: str, held: str) -> None:
    found = poked(tmp_path, sessions, code, held)
    assert found.survived and all(one.startswith("y[") for one in found.survived)


@pytest.mark.parametrize(
    ("code", "held", "why"),
    [
        ("if len(y) == 0:\n    assert y[0] == 1\n", "'y[0] == 1'", "its assert was not reached"),
        ("assert 1 < 2\n", "'1 < 2'", "no number to change"),
    ],
)
def test_what_cannot_be_changed_is_told(tmp_path: Path, sessions: Sessions, code: str, held: str, why: str) -> None:
    assert why in poked(tmp_path, sessions, code, held).unknown


def test_the_claims_of_a_page_drawn_by_the_week_are_held_by_their_asserts(sessions: Sessions) -> None:
    """``python tests/perturb.py`` does all pages (nightly); here one that is quick."""
    rows = claims.rows((HERE.root / claims.LIST).read_text(encoding="utf-8"))
    seconds = {
        name: sum(cell.seconds for cell in records.read(HERE, name).cells) for name in {r.page for r in rows if r.held}
    }
    quick = sorted(name for name, spent in seconds.items() if spent < 5)
    assert len(quick) > 3
    page = quick[rotation.week() % len(quick)]
    found = perturb.perturb(HERE, check.load_pages(HERE, [page]), [r for r in rows if r.page == page], sessions)
    assert found and not [(one.row.says, one.survived, one.unknown) for one in found if one.survived or one.unknown]
