# --8<-- [start:titanic_csv]
"""The Titanic's passengers as Kaggle's train.csv has them, with all its columns."""

from pathlib import Path

import pandas as pd

from snippets.toolkit.data import DataError

COLUMNS = {  # Kaggle's names, and those of the rest of the book
    "Survived": "survived",
    "Pclass": "pclass",
    "Name": "name",
    "Sex": "sex",
    "Age": "age",
    "SibSp": "sibsp",
    "Parch": "parch",
    "Ticket": "ticket",
    "Fare": "fare",
    "Cabin": "cabin",
    "Embarked": "embarked",
}
ALLOWED = {
    "Survived": ["0", "1"],
    "Pclass": ["1", "2", "3"],
    "Sex": ["female", "male"],
    "Embarked": ["C", "Q", "S"],
}
GAPS = ["Age", "Fare", "Cabin", "Embarked"]  # what may be missing


def titanic_csv(path: "str | Path") -> pd.DataFrame:
    """Passengers from Kaggle's train.csv or test.csv of the competition "Titanic".

    You get the file from kaggle.com, with an account of your own and by its terms.

    Args:
        path: the CSV file.

    Returns:
        survived (bool; not in test.csv), pclass ("1st", "2nd", "3rd"), name, sex, age,
        sibsp, parch, ticket, fare, cabin and embarked ("C", "Q", "S"), by PassengerId.
        What is missing is NaN.

    Raises:
        DataError: there is no such file, it has other columns, or a column holds
            something else.

    Reference:
        Kaggle, Titanic: Machine Learning from Disaster, 2012.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not there: get train.csv from kaggle.com/c/titanic")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} is no CSV file: {error}") from error
    names = [name for name in COLUMNS if name != "Survived" or name in table]
    if lost := [name for name in ["PassengerId", *names] if name not in table]:
        raise DataError(f"{path} is not Kaggle's file: it has no column {lost[0]!r}")
    table = table.set_index("PassengerId")[names]
    for name in names:
        column = table[name]
        bad = (column == "") & (name not in GAPS)
        if name in ALLOWED:
            bad |= ~column.isin([*ALLOWED[name], ""])
        if name in ("Age", "SibSp", "Parch", "Fare"):
            numbers = pd.to_numeric(column, errors="coerce")
            whole = (numbers % 1 == 0) | (name in GAPS)
            bad |= (column != "") & ~(numbers.between(0, 10_000) & whole)
            table[name] = numbers
        if bad.any():
            row, value = bad.idxmax(), column[bad.idxmax()]
            raise DataError(f"{path}: passenger {row} has {name} {value!r}")
        if name in ("SibSp", "Parch"):
            table[name] = table[name].astype(int)
        if name in ("Cabin", "Embarked"):
            table[name] = column.where(column != "")
    table["Pclass"] = table["Pclass"].map({"1": "1st", "2": "2nd", "3": "3rd"})
    if "Survived" in table:
        table["Survived"] = table["Survived"] == "1"
    return table.rename(columns=COLUMNS)
# --8<-- [end:titanic_csv]
