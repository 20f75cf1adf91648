"""docs/inventory says which block shows what a chapter must cover. Each line is held against the chapter's record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from books import HERE

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.record import records

FOLDER = HERE.root / "docs" / "inventory"
PAGES = sorted(p.relative_to(FOLDER).with_suffix("").as_posix() for p in FOLDER.rglob("*.md") if p.parent != FOLDER)
HEAD = ["| Required | Section | APIs |", "|---|---|---|"]


def problems(tree: Tree, page: str, text: str) -> list[str]:
    """What a page's inventory claims and its record does not hold."""
    lines = text.splitlines()
    if lines[:1] != [f"# {page}"] or lines[2:4] != HEAD:
        return [f"docs/inventory/{page}.md: begin with '# {page}', an empty line and {HEAD[0]}"]
    try:
        record = records.read(tree, page)
    except BookError as error:
        return [str(error)]
    found, names = [], {name for cell in record.cells for name in cell.apis}
    for number, line in enumerate(lines[4:], start=5):
        if not line.strip():
            continue
        where = f"docs/inventory/{page}.md:{number}"
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or not all(cells):
            found.append(f"{where}: three filled columns are needed, '-' for no API")
            continue
        sections, apis = (re.findall(r"`([^`]+)`", cell) for cell in cells[1:])
        if not sections:
            found.append(f"{where}: no section is named")
        found += [f'{where}: no block "{name}"' for name in sections if record.cell(name) is None]
        found += [f"{where}: no block of the page uses {name}" for name in apis if name not in names]
        if not apis and cells[2] != "-":
            found.append(f"{where}: put APIs in backticks, or '-'")
    if not any(line.startswith("|") for line in lines[4:]):
        found.append(f"docs/inventory/{page}.md: the table is empty")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_a_chapter_must_cover_is_in_its_record(page: str) -> None:
    assert not problems(HERE, page, (FOLDER / f"{page}.md").read_text(encoding="utf-8"))


def test_every_chapter_has_an_inventory() -> None:
    chapters = {page for page in HERE.pages("en") if "/" in page}
    assert set(PAGES) == chapters


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("| a curve | `curve` | `torch.pow` |", ""),
        ("| a curve | `curvy` | - |", 'part/small.md:5: no block "curvy"'),
        ("| a curve | `curve` | `torch.svd` |", "no block of the page uses torch.svd"),
        ("| a curve | curve | - |", "no section is named"),
        ("| a curve | `curve` | torch.pow |", "put APIs in backticks"),
        ("| a curve | `curve` |", "three filled columns"),
        ("", "the table is empty"),
    ],
)
def test_a_wrong_line_is_told(small: Tree, row: str, told: str) -> None:
    text = "\n".join(["# part/small", "", *HEAD, row, ""])
    found = "\n".join(problems(small, "part/small", text))
    assert told in found if told else not found


def test_a_wrong_head_is_told(small: Tree) -> None:
    assert "begin with '# part/small'" in problems(small, "part/small", "# part/other\n")[0]


def test_the_folder_is_named_to_contributors() -> None:
    for name in ("CONTRIBUTING.md", "CONTRIBUTING.zh.md"):
        assert "docs/inventory" in Path(HERE.root / name).read_text(encoding="utf-8")
