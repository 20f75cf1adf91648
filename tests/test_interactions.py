"""snippets/toolkit/interactions.py on small files of the originals' formats, and through a server on the loopback interface."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from test_data import Server, get, left, server  # noqa: F401  (a fixture)

from snippets.toolkit import interactions
from snippets.toolkit.data import DataError
from snippets.toolkit.interactions import amazon_reviews, movielens

FLAGS = "|".join("1" if n in (5, 14) else "0" for n in range(19))
FILES: dict[str, dict[str, str]] = {
    "ml-100k": {
        "u.data": "1\t2\t3\t881250949\n2\t1\t5\t891717742\n",
        "u.item": f"1|Café (1995)|01-Jan-1995||http://x|{FLAGS}\n2|Heat (1995)|||http://y|{FLAGS}\n",
        "u.user": "1|24|M|technician|85711\n2|53|F|other|T8H1N\n",
    },
    "ml-1m": {
        "ratings.dat": "1::2::3::978300760\n2::1::5::978302109\n",
        "movies.dat": "1::Café: One (1995)::Comedy|Romance\n2::Heat (1995)::Action\n",
        "users.dat": "1::F::1::10::48067\n2::M::56::16::02460\n",
    },
    "ml-latest": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.5,964982703\n2,1,5.0,964981247\n",
        "movies.csv": 'movieId,title,genres\n1,"Café, The (1995)",Comedy|Romance\n2,Heat (1995),Action\n',
    },
}


def folder(tmp_path: Path, name: str, **changed: str) -> Path:
    """A folder with the files of a version; a change replaces a file (dots are written as _)."""
    made = tmp_path / name
    made.mkdir()
    for file, text in (FILES[name] | {key.replace("_", "."): text for key, text in changed.items()}).items():
        (made / file).write_text(text, encoding="utf-8" if file.endswith("csv") else "latin-1")
    return made


def packed(made: Path) -> Path:
    archive = made.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(made.iterdir()):
            opened.write(path, f"{made.name}/{path.name}")
    return archive


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("zipped", [False, True])
def test_three_formats_make_the_same_tables(name: str, zipped: bool, tmp_path: Path) -> None:
    made = folder(tmp_path, name)
    ratings, items, users = movielens(packed(made) if zipped else made)
    assert ratings.columns.tolist() == ["user", "item", "rating", "time"]
    assert ratings.user.tolist() == [1, 2] and ratings.item.tolist() == [2, 1]
    assert ratings.rating[1] == 5 and ratings.time.dtype == "int64" and ratings.time.min() > 8e8
    assert items.item.tolist() == [1, 2] and items.title[0].startswith("Café")
    assert items.genres[0] == "Comedy|Romance"
    assert len(users) == (0 if name == "ml-latest" else 2)
    if len(users):
        assert users.columns.tolist() == ["user", "age", "sex", "occupation", "zip"]
        assert users.sex.isin(["M", "F"]).all() and users.zip.tolist()[1] in ("T8H1N", "02460")


def test_the_folder_around_it_will_do(tmp_path: Path) -> None:
    folder(tmp_path, "ml-1m")
    assert len(movielens(tmp_path).ratings) == 2 == len(movielens(str(tmp_path)).users)


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("ml-100k", {"u_data": "1\t2\t3\t881250949\n2\t1\t5\n"}, r"u\.data:2: it has 3 fields, the first line 4"),
        ("ml-100k", {"u_data": "1,2,3,4\n"}, r"u\.data: 1 fields in its first line, not 4"),
        ("ml-100k", {"u_data": ""}, r"u\.data: 0 fields in its first line, not 4"),
        ("ml-100k", {"u_item": "1|Heat (1995)\n"}, r"u\.item: 2 fields in its first line, not 24"),
        ("ml-100k", {"u_user": "1|old|M|technician|85711\n"}, r"row 1: age is 'old', not int64"),
        ("ml-1m", {"ratings_dat": "1::2::3::978300760\n1::x::3::978300760\n"}, r"row 2: item is 'x', not int64"),
        ("ml-1m", {"ratings_dat": "1::2::3::978300760\n1::2\n"}, r"ratings\.dat:2: it has 2 fields"),
        ("ml-latest", {"ratings_csv": "userId,movieId,stars,timestamp\n1,2,3,4\n"}, "no such columns: .*rating"),
        ("ml-latest", {"ratings_csv": "userId,movieId,rating,timestamp\n1,2,,4\n1,2,x,4\n"}, "row 2: rating is 'x'"),
        ("ml-latest", {"ratings_csv": "userId,movieId,rating,timestamp\n1,2\n1,2,3,4,5\n"}, r"ratings\.csv: .*5"),
        ("ml-latest", {"ratings_csv": ""}, r"ratings\.csv: No columns"),
    ],
)
def test_a_broken_line_is_named(name: str, changed: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        movielens(folder(tmp_path, name, **changed))


def test_a_rating_that_is_missing_is_named_where_it_must_not_be(tmp_path: Path) -> None:
    made = folder(tmp_path, "ml-latest", ratings_csv="userId,movieId,rating,timestamp\n1,2,3,4\n1,,3,4\n")
    with pytest.raises(DataError, match="row 2: item is nan, not int64"):
        movielens(made)


def test_what_is_no_movielens(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it has neither u\.data, ratings\.dat nor ratings\.csv: is it MovieLens"):
        movielens(tmp_path)
    with pytest.raises(DataError, match="is not there"):
        movielens(tmp_path / "none")
    (tmp_path / "ml-1m.zip").write_bytes(packed(folder(tmp_path, "ml-100k")).read_bytes()[:-40])
    with pytest.raises(DataError, match=r"ml-1m\.zip is no whole zip archive: delete it and fetch it again"):
        movielens(tmp_path / "ml-1m.zip")


def test_movielens_from_the_download(server: Server, tmp_path: Path) -> None:  # noqa: F811
    server.body = packed(folder(tmp_path, "ml-1m")).read_bytes()
    server.cuts = [200]
    md5 = hashlib.md5(server.body).hexdigest()
    ratings, _, users = movielens(get(server, tmp_path / "cache", md5=md5))
    assert len(ratings) == 2 == len(users) and len(server.asked) == 2
    with pytest.raises(DataError, match=r"its md5 is [0-9a-f]+ instead of"):
        get(server, tmp_path / "other", md5=interactions.ML_1M_MD5)
    assert left(tmp_path / "cache") == ["file.bin"]


def test_addresses_are_the_published_ones() -> None:
    for address in (interactions.ML_100K, interactions.ML_1M, interactions.ML_LATEST_SMALL):
        assert re.fullmatch(r"https://files\.grouplens\.org/datasets/movielens/ml-[\w-]+\.zip", address)
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in (interactions.ML_100K_MD5, interactions.ML_1M_MD5))


# ---- Amazon

OLD = {"reviewerID": "A1", "asin": "0001", "overall": 5.0, "unixReviewTime": 1363392000, "reviewText": "x"}
NEW = {"user_id": "A2", "asin": "B01", "parent_asin": "B00", "rating": 4.0, "timestamp": 1588687728923, "text": "y"}


def written(path: Path, *rows: Any) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.jsonl"])
def test_reviews_of_all_years(name: str, tmp_path: Path) -> None:
    table = amazon_reviews(written(tmp_path / name, OLD, NEW))
    assert table.columns.tolist() == ["user", "item", "rating", "time"], "the texts are left where they are"
    assert table.values.tolist() == [["A1", "0001", 5.0, 1363392000], ["A2", "B00", 4.0, 1588687728]]
    assert len(amazon_reviews(tmp_path / name, rows=1)) == 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((OLD, "{'reviewerID': 'A1'}"), "line 2: Expecting property name"),
        ((OLD, OLD, {"reviewerID": "A1", "asin": "1"}), "line 3: it has no rating, time"),
        (("[1, 2]",), "line 1: a review is an object, not list"),
        ((OLD, OLD | {"overall": "good"}), "line 2: could not convert string to float"),
        ((OLD, OLD | {"unixReviewTime": None}), "line 2: int"),
        ((OLD, ""), "line 2: Expecting value"),
        ((), "no line is in it"),
    ],
)
def test_a_broken_review_is_named(rows: tuple[Any, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"a\.json: {told}"):
        amazon_reviews(written(tmp_path / "a.json", *rows))


def test_reviews_that_are_cut_or_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json.gz", *[OLD] * 50)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"a\.json\.gz: line \d+: Compressed file ended"):
        amazon_reviews(path)
    with pytest.raises(DataError, match="is not there"):
        amazon_reviews(tmp_path / "b.json")
    (tmp_path / "c.json.gz").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"c\.json\.gz: line 1: Not a gzipped file"):
        amazon_reviews(tmp_path / "c.json.gz")
