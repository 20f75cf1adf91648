# --8<-- [start:movielens]
"""Readers of the originals that recommendation is measured on: MovieLens, Amazon."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from snippets.toolkit.data import DataError

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
ML_100K, ML_100K_MD5 = GROUPLENS + "ml-100k.zip", "0e33842e24a9c977be4e0107933c0723"
ML_1M, ML_1M_MD5 = GROUPLENS + "ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906"
ML_LATEST_SMALL = GROUPLENS + "ml-latest-small.zip"  # changes: no checksum lasts

GENRES_100K = ["unknown", "Action", "Adventure", "Animation", "Children's", "Comedy"]
GENRES_100K += ["Crime", "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror"]
GENRES_100K += ["Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"]


class MovieLens(NamedTuple):
    """Three tables; see ``movielens``."""

    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame


def lines(place: "Path | zipfile.Path", mark: str, encoding: str) -> list[list[str]]:
    """The fields of each line of a file.

    Raises:
        DataError: a line has another number of fields than the first.
    """
    with place.open("r", encoding=encoding) as file:
        rows = [line.rstrip("\r\n").split(mark) for line in file]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            told = f"{len(row)} fields, the first line {len(rows[0])}"
            raise DataError(f"{place}:{number}: it has {told}")
    return rows


def typed(place: object, table: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """The columns of ``kinds``, of these types.

    Raises:
        DataError: a column is missing or holds something else; with the line.
    """
    try:
        return table[list(kinds)].astype(kinds)
    except KeyError as error:
        raise DataError(f"{place}: no such columns: {error}") from error
    except (ValueError, OverflowError):
        pass
    for name, kind in kinds.items():
        for number, value in enumerate(table[name], start=1):
            try:
                pd.Series([value]).astype(kind)
            except (ValueError, OverflowError) as error:
                told = f"row {number}: {name} is {value!r}, not {kind}"
                raise DataError(f"{place}: {told}") from error
    raise DataError(f"{place}: its columns are not those of MovieLens")


RATINGS = {"user": "int64", "item": "int64", "rating": "float64", "time": "int64"}
ITEMS = {"item": "int64", "title": "str", "genres": "str"}
USERS = {"user": "int64", "age": "int64", "sex": "str", "occupation": "str", "zip": "str"}


def separated(place: "Path | zipfile.Path", mark: str, names: list[str]) -> pd.DataFrame:
    """A file without a head line as a table of texts, in latin-1 as GroupLens wrote it."""
    rows = lines(place, mark, "latin-1")
    if not rows or len(rows[0]) != len(names):
        found = len(rows[0]) if rows else 0
        raise DataError(f"{place}: {found} fields in its first line, not {len(names)}")
    return pd.DataFrame(rows, columns=names)


def movielens(path: "str | Path") -> MovieLens:
    """Ratings, films and users of MovieLens 100K, 1M, or ml-latest.

    The terms of GroupLens: for research; name the source; 100K and 1M must not be passed
    on without permission; no commercial use without permission.

    Args:
        path: the zip archive, such as ``fetch(ML_1M, md5=ML_1M_MD5)``, or the folder with
            its files.

    Returns:
        ``ratings``: user, item, rating, time (seconds since 1970); ``items``: item,
        title, genres (with ``|`` between); ``users``: user, age, sex, occupation, zip,
        empty for ml-latest. In 1M age and occupation are codes: see its README.

    Raises:
        DataError: there is none of the three, or a line is broken: with its number.

    Reference:
        Harper and Konstan, The MovieLens Datasets: History and Context, 2015.
    """
    root = files_of(path)
    users = pd.DataFrame(columns=list(USERS))
    if (root / "u.data").is_file():
        ratings = separated(root / "u.data", "\t", list(RATINGS))
        columns = ["item", "title", "date", "video", "address", *GENRES_100K]
        items = separated(root / "u.item", "|", columns)
        marks = items[GENRES_100K] == "1"
        items["genres"] = ["|".join(marks.columns[row]) for row in marks.to_numpy()]
        users = separated(root / "u.user", "|", list(USERS))
    elif (root / "ratings.dat").is_file():
        ratings = separated(root / "ratings.dat", "::", list(RATINGS))
        items = separated(root / "movies.dat", "::", list(ITEMS))
        users = separated(root / "users.dat", "::", ["user", "sex", "age", "occupation", "zip"])
    elif (root / "ratings.csv").is_file():
        names = {"userId": "user", "movieId": "item", "timestamp": "time"}
        ratings, items = (
            comma(root / f"{name}.csv").rename(columns=names) for name in ("ratings", "movies")
        )
    else:
        told = "u.data, ratings.dat nor ratings.csv"
        raise DataError(f"{path}: it has neither {told}: is it MovieLens, unpacked?")
    kinds = ((ratings, RATINGS), (items, ITEMS), (users, USERS))
    return MovieLens(*(typed(path, table, kind) for table, kind in kinds))


def comma(place: "Path | zipfile.Path") -> pd.DataFrame:
    """A CSV file of ml-latest as a table of texts."""
    try:
        with place.open("r", encoding="utf-8") as file:
            return pd.read_csv(file, dtype=str)
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{place}: {error}") from error


def files_of(path: "str | Path") -> "Path | zipfile.Path":
    """The folder with the files: itself, or the one inside of a zip archive or folder."""
    root: Path | zipfile.Path = Path(path).expanduser()
    if root.is_file():
        if not zipfile.is_zipfile(root):
            raise DataError(f"{path} is no whole zip archive: delete it and fetch it again")
        root = zipfile.Path(root)
    if not root.is_dir():
        raise DataError(f"{path} is not there")
    inner = [place for place in root.iterdir() if place.is_dir()]
    return inner[0] if len(inner) == 1 and inner[0].name.startswith("ml-") else root
# --8<-- [end:movielens]


# --8<-- [start:amazon_reviews]
NAMES = {"reviewerID": "user", "user_id": "user", "asin": "item", "parent_asin": "item"}
NAMES |= {"overall": "rating", "rating": "rating", "unixReviewTime": "time"}
NAMES |= {"timestamp": "time"}


def amazon_reviews(path: "str | Path", rows: "int | None" = None) -> pd.DataFrame:
    """Who rated what and when, from the JSON lines of Amazon reviews, packed or not.

    Files of 2014 and 2018 (reviewerID, asin, overall, unixReviewTime) and of 2023
    (user_id, parent_asin, rating, timestamp). Their publishers ask to be cited, tell no
    licence and no checksum; texts of reviews belong to who wrote them and aren't read.

    Args:
        path: the file, .json, .jsonl, or either with .gz.
        rows: read this many only.

    Returns:
        user and item (text), rating (float64), time (int64, seconds since 1970).

    Raises:
        DataError: a line is no JSON object or lacks a field: with its number.

    Reference:
        Ni, Li and McAuley, Justifying Recommendations using Distantly-Labeled Reviews,
        2019; Hou et al., Bridging Language and Items for Retrieval and Recommendation,
        2024.
    """
    opened = gzip.open if str(path).endswith(".gz") else open
    found: list[tuple[str, str, float, int]] = []
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for line in file:
                if rows is not None and len(found) == rows:
                    break
                found.append(review(json.loads(line)))
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there") from error
    except (ValueError, TypeError, LookupError, EOFError, OSError) as error:
        told = str(error) or type(error).__name__
        raise DataError(f"{path}: line {len(found) + 1}: {told}") from error
    if not found:
        raise DataError(f"{path}: no line is in it")
    return pd.DataFrame(found, columns=["user", "item", "rating", "time"])


def review(row: dict) -> tuple[str, str, float, int]:
    """The four fields that count, whatever the year calls them."""
    if not isinstance(row, dict):
        raise TypeError(f"a review is an object, not {type(row).__name__}")
    named = {NAMES[key]: value for key, value in row.items() if key in NAMES}
    if "parent_asin" in row:  # the item that all its colours and sizes belong to
        named["item"] = row["parent_asin"]
    missing = {"user", "item", "rating", "time"} - set(named)
    if missing:
        raise LookupError(f"it has no {', '.join(sorted(missing))}")
    time = int(named["time"])
    if time > 10**11:  # milliseconds since 2023's files
        time //= 1000
    return str(named["user"]), str(named["item"]), float(named["rating"]), time
# --8<-- [end:amazon_reviews]
