"""book.site.weight (that it counts what a browser loads is tried in test_browser_reading.py)"""

from __future__ import annotations

from pathlib import Path

import pytest

from book.ground.errors import BookError
from book.ground.tree import HERE
from book.site import weight
from book.site.weight import Weight
from book.source import plan

PAGE = """<html><head><link rel="stylesheet" href="../../a.css"><link rel="alternate " href="https://example.org/">
</head><body><img src="plot.svg#only-light"><img src="plot-dark.svg#only-dark"><script src="../../a.js"></script></body></html>"""


def test_every_chapter_keeps_within_its_weight(built_site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = weight.weights(HERE, built_site)
    with capsys.disabled():
        print("\n" + weight.table(found))
    assert [(w.page, w.language, w.html, w.visit) for w in found if not w.good] == []
    chapters = [w for w in found if not (plan.is_looked_up(w.page) and plan.is_overview(w.page))]  # that one is a list
    assert len(chapters) >= 12 and all(w.html > 8_500 for w in chapters)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A site of one page that loads a style sheet, a script and a picture."""
    folder = tmp_path / "part" / "small"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    for name in ("part/small/plot.svg", "a.css", "a.js"):
        (tmp_path / name).write_text("x" * 1000, encoding="utf-8")
    return tmp_path


def test_counts_what_is_loaded_and_not_what_is_linked(page: Path) -> None:
    found = weight.weigh(page, "part/small", "en")
    assert set(found.files) == {"a.css", "a.js", "part/small/plot.svg"}
    assert found.figures == found.files["part/small/plot.svg"] < 100 and found.visit == found.html + 3 * found.figures


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("../../a.css", "../../b.css", "loads ../../b.css, which is not there"),
        ("../../a.js", "https://example.org/a.js", "from another host"),
    ],
)
def test_a_page_that_loads_what_it_should_not(page: Path, old: str, new: str, told: str) -> None:
    path = page / "part" / "small" / "index.html"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(BookError, match=told):
        weight.weigh(page, "part/small", "en")


def test_no_such_page(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="run make build"):
        weight.weigh(tmp_path, "part/small", "en")


def test_too_heavy_is_told() -> None:
    heavy = Weight("part/a", "en", 70_000, {})
    assert not heavy.good and "MISSED" in weight.table([heavy])
    assert not Weight("part/a", "en", 10, {"a.svg": 400_000}).good and Weight("part/a", "en", 10, {}).good
