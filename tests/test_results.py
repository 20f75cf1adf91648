"""book.prove.results, bench.retrain"""

from __future__ import annotations

import json

import pytest
from conftest import RunBook
from faults import write

from bench import retrain
from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.prove import check, results
from book.record import records

ENTRY = """[[result]]
page = "part/small"
section = "{section}"
figure = "the top of the curve"
pattern = '{pattern}'
at_least = {least}
limit = {limit}
"""


def entry(section: str = "scale", pattern: str = r"(\d+)", least: float = 0, limit: float = 60) -> str:
    return ENTRY.format(section=section, pattern=pattern, least=least, limit=limit)


@pytest.mark.parametrize("result", results.results(HERE), ids=lambda r: f"{r.page}: {r.figure}")
def test_the_book_reaches_what_it_promises(result: results.Result) -> None:
    assert result.reached, f"{result.value} is not {result.wanted}"


def test_the_command_prints_a_table_and_fails_below_a_goal(small: Tree, run_book: RunBook) -> None:
    first = next(c for c in records.read(small, "part/small").cells if check.printed(c).strip())
    shown = check.printed(first)
    number = next(word for word in shown.replace("(", " ").replace("[", " ").split() if word[:1].isdigit())
    pattern = r"(\d+\.?\d*)"
    write("docs/results.toml", entry(first.name, pattern))(small)
    status, told = run_book(small, "results")
    assert status == 0 and "the top of the curve" in told and "ok" in told
    assert results.results(small)[0].value == pytest.approx(float(number.rstrip(".,)]") or 0))
    write("docs/results.toml", entry(first.name, pattern, least=1e9))(small)
    status, told = run_book(small, "results")
    assert status == 1 and "MISSED" in told
    write("docs/results.toml", entry(first.name, pattern, limit=0))(small)
    assert not results.results(small)[0].good


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (entry("curvy"), 'result 1: part/small has no block "curvy"'),
        (entry(pattern="(no such words)", section="curve"), "prints nothing like"),
        (
            entry("curve").replace("limit = 60\n", ""),
            "give figure, limit, page, pattern, section, and at_least or at_most",
        ),
        (entry("curve").replace("at_least", "least"), "at_least or at_most"),
        ("[[result\n", "docs/results.toml: "),
    ],
)
def test_a_wrong_entry_is_told(small: Tree, text: str, told: str) -> None:
    write("docs/results.toml", text)(small)
    with pytest.raises(BookError, match=told.replace("(", r"\(")):
        results.results(small)


def test_seeds_are_run_apart_and_kept(small: Tree, run_book: RunBook) -> None:
    write("bench/seeds/toy.py", "def run(seed: int) -> dict[str, float]:\n    return {'score': 0.5 + seed / 10}\n")(
        small
    )
    status, told = run_book(small, "results", "--seeds", "3")
    assert status == 0 and "toy: score: 0.6000 ± 0.1000  (0.500 0.600 0.700)" in told
    kept = json.loads((small.root / retrain.FILE).read_text(encoding="utf-8"))
    assert kept["toy"]["score"] == {"mean": 0.6, "spread": 0.1, "seeds": [0.5, 0.6, 0.7]}
    write("bench/seeds/toy.py", "def run(seed):\n    raise ValueError('no data')\n")(small)
    status, told = run_book(small, "results", "--seeds", "1", "toy")
    assert status != 0 and "bench/seeds/toy.py: run(0) failed" in told and "no data" in told
    assert json.loads((small.root / retrain.FILE).read_text(encoding="utf-8")) == kept
    assert "choose from toy" in run_book(small, "results", "--seeds", "1", "toys")[1]
