"""The models of the chapters on originals: files in their formats are made here, small, and served or placed."""

from __future__ import annotations

import datetime
import json
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import originals as runner
from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.site import original_pages
from book.source import originals

DAY = datetime.date(2026, 11, 30)


def cifar_archive(folder: Path) -> Path:
    """Ten classes in CIFAR's format: airplanes are bright above, automobiles below."""
    g = np.random.default_rng(0)
    inside = folder / "cifar-10-batches-py"
    inside.mkdir()
    for name, count in {**{f"data_batch_{n}": 40 for n in range(1, 6)}, "test_batch": 60}.items():
        labels = g.integers(0, 3, count)
        x = g.integers(0, 120, (count, 3, 32, 32))
        x[labels == 0, :, :16] += 100
        x[labels == 1, :, 16:] += 100
        content = {b"data": x.reshape(count, 3072).astype("uint8"), b"labels": labels.tolist()}
        (inside / name).write_bytes(pickle.dumps(content))
    archive = folder / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(inside, inside.name)
    return archive


def jhu_table(folder: Path) -> Path:
    """A wave in each country, in the format of Johns Hopkins University."""
    days = pd.date_range("2020-01-22", periods=220)
    rows = []
    for place, country in enumerate(runner.COUNTRIES):
        new = 4000 * np.exp(-(((np.arange(220) - 70 - 2 * place) / 25.0) ** 2)) + 20
        rows.append([np.nan, country, 0.0, 0.0, *new.round().cumsum().astype(int)])
    names = ["Province/State", "Country/Region", "Lat", "Long", *(f"{d.month}/{d.day}/{d:%y}" for d in days)]
    path = folder / "time_series_covid19_confirmed_global.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


def criteo_table(folder: Path) -> Path:
    """Rows of Criteo's format; each second kind is clicked more often."""
    g = np.random.default_rng(0)
    lines = []
    for _ in range(3000):
        kind = int(g.integers(40))
        clicked = int(g.integers(10) < 2 + 5 * (kind % 2))
        whole = [str(kind + n) for n in range(13)]
        lines.append("\t".join([str(clicked), *whole, *(f"{kind * (n + 1) % 97:08x}" for n in range(26))]))
    path = folder / "train.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def titanic_table(folder: Path) -> Path:
    """Passengers in Kaggle's format: women in first class survive more often."""
    g = np.random.default_rng(0)
    rows = []
    for n in range(200):
        woman, rank = bool(g.integers(2)), int(g.integers(1, 4))
        survived = int(g.random() < 0.15 + 0.5 * woman + 0.1 * (3 - rank))
        name = f'"Doe, {"Mrs" if woman else "Mr"}. {n}"'
        age, cabin = ("" if g.random() < 0.2 else str(int(g.integers(1, 80)))), ("C85" if g.random() < 0.3 else "")
        sex, fare, port = (
            ("female" if woman else "male"),
            f"{10 * (4 - rank) + g.random():.4f}",
            "SCQ"[int(g.integers(3))],
        )
        rows.append(f"{n},{survived},{rank},{name},{sex},{age},0,0,A{n},{fare},{cabin},{port}")
    head = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked"
    path = folder / "train.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_colour_network_learns_a_file_in_cifars_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNABLE_PYTORCH_DATA", str(tmp_path / "cache"))
    figures = runner.cifar2(cifar_archive(tmp_path), [0, 1], epochs=6)
    assert set(figures) == {"accuracy"}
    assert len(figures["accuracy"]) == 2
    assert min(figures["accuracy"]) > 0.9  # half would be a guess


def test_forecasters_run_on_twelve_countries(tmp_path: Path) -> None:
    figures = runner.covid(jhu_table(tmp_path), [0], epochs=4)
    assert set(figures) == {"error", "error_naive"}
    assert 0 < figures["error"][0] < figures["error_naive"][0]  # smooth waves are easier than "as today"


def test_fm_learns_rows_of_criteos_format(tmp_path: Path) -> None:
    (area,) = runner.criteo(criteo_table(tmp_path), [0], rows=3000)["AUC"]
    assert 0.6 < area < 1


def test_columns_are_compared_on_a_file_of_kaggles_format(tmp_path: Path) -> None:
    figures = runner.titanic(titanic_table(tmp_path), [0])
    assert set(figures) == {"AUC, eight columns", "AUC, all columns"}
    assert all(len(values) == 10 and 0.5 < sum(values) / 10 < 1 for values in figures.values())


# ---- The command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def said() -> list[str]:
    return []


def test_what_ran_is_kept_and_what_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    tree = Tree(tmp_path)
    (tmp_path / "docs").mkdir()
    monkeypatch.setenv("TITANIC", str(titanic_table(tmp_path)))
    monkeypatch.setenv("CRITEO", str(tmp_path / "no.txt"))
    assert runner.main(["titanic", "criteo"], tree=tree, say=said.append) == 1
    kept = originals.read(tree)
    assert list(kept) == ["titanic"]
    assert re.fullmatch(r"[0-9a-f]{64}", kept["titanic"]["sha256"])
    assert kept["titanic"]["figures"]["AUC, all columns"]["runs"] == 10
    assert any(
        line.startswith("criteo: not run:") and "no.txt is not there" in line and "CRITEO" in line for line in said
    )


def test_without_network_a_download_is_told_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.setenv("RUNNABLE_PYTORCH_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(runner.toolkit("data"), "COVID", "http://127.0.0.1:9/covid.csv")
    assert runner.main(["covid"], tree=Tree(tmp_path), say=said.append) == 1
    assert said[0].startswith("covid: not run:")
    assert not (tmp_path / originals.FILE).exists()


@pytest.mark.parametrize("arguments", [["mnist"], ["--seeds", "0"]])
def test_a_wrong_argument_is_told(tmp_path: Path, said: list[str], arguments: list[str]) -> None:
    assert runner.main(arguments, tree=Tree(tmp_path), say=said.append) == 2
    assert said[0].startswith("error: ")


# ---- The pages --------------------------------------------------------------------------------------------------------

KEPT = {
    "date": "2026-11-30", "file": "train.csv", "bytes": 61194, "sha256": "ab" * 32, "torch": "2.13.0+cpu", "cpu": "AVX2",
    "figures": {"AUC, all columns": {"mean": 0.8712, "spread": 0.02, "runs": 10}},
}  # fmt: skip


@pytest.mark.parametrize(("language", "never"), [("en", "not run yet"), ("zh", "还没有")])
def test_a_page_says_what_ran_or_that_nothing_did(tmp_path: Path, language: str, never: str) -> None:
    tree = Tree(tmp_path)
    (tmp_path / "docs").mkdir()
    lines = ["Before.", "<!-- original: titanic -->", "After."]
    told = "\n".join(original_pages.told(tree, language, lines))
    assert never in told
    assert "make originals" in told
    (tmp_path / originals.FILE).write_text(json.dumps({"titanic": KEPT}), encoding="utf-8")
    told = "\n".join(original_pages.told(tree, language, lines))
    assert never not in told
    for part in ("0.871", "0.020", "10", "2026-11-30", "abababababab", "2.13.0", "train.csv"):
        assert part in told


@pytest.mark.parametrize("text", ["{", "[]", '{"mnist": {}}', '{"titanic": {"date": "2026-11-30"}}'])
def test_a_file_by_hand_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / originals.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=r"docs/originals.json.*again"):
        originals.read(Tree(tmp_path))


def test_an_unknown_original_is_refused_with_its_line() -> None:
    with pytest.raises(BookError, match="mnist"):
        original_pages.told(HERE, "en", ["<!-- original: mnist -->"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_original_stands_on_a_page(language: str) -> None:
    found: list[str] = []
    for name in HERE.pages(language):
        lines = HERE.page(language, name).read_text(encoding="utf-8").splitlines()
        found += [match["name"] for line in lines if (match := originals.PLACE.match(line))]
    assert sorted(found) == sorted(originals.NAMES) == sorted(runner.ORIGINALS)


def test_makefile_has_the_command() -> None:
    assert "-m bench.originals" in (HERE.root / "Makefile").read_text(encoding="utf-8")
