"""book notice: a public name counts only if a block that uses it would miss it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from books import write_page
from conftest import RunBook

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.names import apis
from book.prove import check, notice, recording
from book.record import noticed
from book.record.noticed import Noticed
from book.run.session import Sessions

START = "import torch\nfrom torch import nn\n\nx = torch.tensor([1.0, 2.0, 3.0])\n"
BLOCKS = {
    "prints": "print(torch.cumsum(x, 0))",
    "asserts": "assert torch.allclose(torch.exp(torch.log(x)), x)",
    "looks_at_shapes": "print(torch.sinh(x).shape)",
    "sets": "torch.set_printoptions(precision=1)\nprint(torch.tensor(1.234))\ntorch.set_printoptions(profile='default')",
    "sets_in_vain": "_ = torch.set_flush_denormal(False)",
    "layer": "print(nn.Softplus()(x))",
    "gives_two": "values, places = torch.topk(x, 2)\nprint(values)",
    "property": "print(x.view(3, 1).mT)",
    "in_place": "y = torch.ones(2)\ny.mul_(3)\nprint(y)",
    "own_object": "net = nn.Dropout(0.5)\nnet.eval()\nprint(net.training)",
    "constant": "print(torch.finfo(torch.float32).bits)",
    "looks_at_the_function": "print(type(torch.sign).__name__, torch.sign(x).tolist())",
    "looks_at_shapes_again": "print(torch.cosh(x).shape)",
    "and_at_values": "y = torch.cosh(x)\nfor _ in range(3):\n    y = y + 0\nprint(y)",
}
MISSED = {
    "torch.cumsum": "prints",
    "torch.log": "asserts",
    "torch.allclose": "asserts",
    "torch.set_printoptions": "sets",
    "torch.nn.Softplus": "layer",
    "torch.topk": "gives_two",
    "torch.Tensor.mT": "property",
    "torch.Tensor.mul_": "in_place",
    "torch.nn.Module.eval": "own_object",
    "torch.cosh": "and_at_values",
}
NOT_MISSED = {
    "torch.sinh": notice.UNNOTICED,
    "torch.set_flush_denormal": notice.UNNOTICED,
    "torch.sign": notice.BROKEN,
    "torch.finfo": "NotReplaceable",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Tree:
    blocks = {name: (START if name == "prints" else "") + code for name, code in BLOCKS.items()}
    tree = write_page(tmp_path_factory.mktemp("notice"), blocks)
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    return tree


@pytest.fixture(scope="module")
def found(recorded: Tree, sessions: Sessions) -> dict[str, Noticed]:
    return notice.notice(
        recorded, check.read_records(recorded, check.load_pages(recorded))[0], apis.load(), sessions=sessions
    )


@pytest.mark.parametrize("name", MISSED)
def test_a_name_that_is_tested_is_missed(name: str, found: dict[str, Noticed]) -> None:
    assert (found[name].page, found[name].block, found[name].why) == ("part/page", MISSED[name], "")


@pytest.mark.parametrize("name", NOT_MISSED)
def test_a_name_that_is_only_called_is_not(name: str, found: dict[str, Noticed]) -> None:
    assert found[name].page == "" and NOT_MISSED[name] in found[name].why


def test_what_is_known_is_not_tried_again(
    recorded: Tree, found: dict[str, Noticed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(Path(shutil.copytree(recorded.root, tmp_path / "book")))
    known, _ = check.read_records(tree, check.load_pages(tree))
    assert notice.due(tree, known, apis.load()) == (found, {})
    (page,) = known
    cells = [
        replace(cell, program={**cell.program, "text": cell.program["text"] + "\n"}) if cell.name == "prints" else cell
        for cell in known[page].cells
    ]
    kept, wanted = notice.due(tree, {page: replace(known[page], cells=cells)}, apis.load())
    assert "torch.cumsum" in wanted and "torch.topk" in kept
    assert notice.due(tree, {page: replace(known[page], cells=cells)}, apis.load(), ["part/other"])[1] == {}


def test_a_run_that_was_stopped_goes_on_where_it_was(
    recorded: Tree, found: dict[str, Noticed], tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(Path(shutil.copytree(recorded.root, tmp_path / "book")))
    (tree.records / noticed.FILE).unlink()
    known, _ = check.read_records(tree, check.load_pages(tree))
    monkeypatch.setattr(notice, "PORTION", 5)
    one, portions = notice._tried, []

    def stopped_in_the_second(*args: Any) -> dict[str, Noticed]:
        portions.append(list(args[1]))
        if len(portions) == 2:
            raise KeyboardInterrupt
        return one(*args)

    monkeypatch.setattr(notice, "_tried", stopped_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        notice.notice(tree, known, apis.load(), sessions=sessions)
    assert list(noticed.read(tree)) == portions[0] and len(portions[0]) == 5
    assert notice.notice(tree, known, apis.load(), sessions=sessions) == found == noticed.read(tree)
    assert portions[2] == portions[1], "the first five are not tried again"


def test_a_row_is_written_by_a_run_only(recorded: Tree, found: dict[str, Noticed], tmp_path: Path) -> None:
    tree = Tree(Path(shutil.copytree(recorded.root, tmp_path / "book")))
    assert noticed.read(tree) == found
    path = tree.records / noticed.FILE
    rows = json.loads(path.read_text(encoding="utf-8"))
    next(row for row in rows["names"] if row["name"] == "torch.sinh").update(page="part/page", block="prints", why="")
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(BookError, match=r"noticed\.json: not whole \(torch\.sinh was edited since it was written\)"):
        noticed.read(tree)


def test_the_command(recorded: Tree, found: dict[str, Noticed], run_book: RunBook) -> None:
    status, said = run_book(recorded, "notice")
    missed = sum(bool(row.page) for row in found.values())
    assert status == 0 and said.endswith(f"{missed} of {len(found)} names would be missed\n")
    assert f"torch.sinh: {notice.UNNOTICED}" in said
