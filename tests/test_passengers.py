"""snippets/toolkit/passengers.py: Kaggle's Titanic file, on rows of its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from snippets.toolkit.data import DataError
from snippets.toolkit.passengers import titanic_csv

HEAD = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked\n"
FIRST = '1,0,3,"Doe, Mr. John (""Jack"")",male,22,1,0,A/5 21171,7.25,,S\n'
SECOND = '2,1,1,"Doe, Mrs. Ann",female,,0,2,17599,71.2833,C85 C87,\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.csv"


def test_two_passengers(path: Path) -> None:
    path.write_text(HEAD + FIRST + SECOND, encoding="utf-8")
    people = titanic_csv(path)
    assert people.index.tolist() == ["1", "2"] and people["survived"].tolist() == [False, True]
    assert people["pclass"].tolist() == ["3rd", "1st"] and people["name"].iloc[0] == 'Doe, Mr. John ("Jack")'
    assert people["age"].iloc[0] == 22 and people["age"].isna().tolist() == [False, True]
    assert people["parch"].tolist() == [0, 2] and people["fare"].tolist() == [7.25, 71.2833]
    assert people["cabin"].isna().tolist() == [True, False] and people["embarked"].isna().tolist() == [False, True]
    assert people["sibsp"].dtype.kind == "i" and people["survived"].dtype == bool


def test_a_file_without_labels(path: Path) -> None:
    path.write_text(HEAD.replace("Survived,", "") + FIRST.replace("1,0,3", "1,3"), encoding="utf-8")
    assert "survived" not in titanic_csv(str(path)) and len(titanic_csv(path)) == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1,0,3", "1,2,3", "passenger 1 has Survived '2'"),
        ("1,0,3", "1,0,4", "passenger 1 has Pclass '4'"),
        ("1,0,3", "1,0,", "passenger 1 has Pclass ''"),
        ("male", "man", "passenger 1 has Sex 'man'"),
        (",22,", ",old,", "passenger 1 has Age 'old'"),
        (",22,", ",-1,", "passenger 1 has Age '-1'"),
        (",1,0,A/5", ",,0,A/5", "passenger 1 has SibSp ''"),
        (",1,0,A/5", ",1.5,0,A/5", "passenger 1 has SibSp '1.5'"),
        ("7.25", "inf", "passenger 1 has Fare 'inf'"),
        ("7.25", "free", "passenger 1 has Fare 'free'"),
        (",S\n", ",X\n", "passenger 1 has Embarked 'X'"),
        ("Cabin,", "Cab,", "is not Kaggle's file: it has no column 'Cabin'"),
        ("PassengerId", "Id", "is not Kaggle's file: it has no column 'PassengerId'"),
        (HEAD + FIRST, "", "is no CSV file: No columns"),
    ],
)
def test_a_file_that_is_another(old: str, new: str, told: str, path: Path) -> None:
    path.write_text((HEAD + FIRST).replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        titanic_csv(path)
    assert str(caught.value).startswith(str(path)) and told in str(caught.value)


def test_no_file(path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.csv is not there: get train\.csv from kaggle\.com/c/titanic"):
        titanic_csv(path)
    with pytest.raises(DataError, match="is not there"):
        titanic_csv(path.parent)
