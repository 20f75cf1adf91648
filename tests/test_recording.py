"""book.prove.recording (blocks that must not be recorded stand in faults.py)"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from books import one_block, write_page
from conftest import RunBook
from faults import LEDGER, edit, entry, ledger, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, recording, repeat, shake, standalone
from book.record import records
from book.run.session import Sessions
from book.site import stage
from book.source.pages import Page


def test_record_writes_only_whole_pages_and_tells_changes(small: Tree, sessions: Sessions) -> None:
    before = small.record("part/small").read_bytes()
    report, changes = recording.record(small, sessions=sessions)
    assert report.ok and changes == ["part/small: nothing changed but the seconds"]
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    edit("snippets/part/small.py", "import pandas as pd", "import pandas as pd  # tables")(small)
    report, changes = recording.record(small, sessions=sessions)
    assert "part/small: scale: output 1: number 1 differs: 2. is now 3." in changes[0]
    assert changes[1] == "part/small: table: the code changed, its output did not"
    assert len(changes) == 2 and small.record("part/small").read_bytes() != before
    before = small.record("part/small").read_bytes()
    edit("snippets/part/small.py", "3 * x", "1 / 0")(small)
    report, changes = recording.record(small, sessions=sessions)
    assert changes == [] and "not recorded, the record is as it was: 1 blocks fail" in report.problems[0]
    assert small.record("part/small").read_bytes() == before


def two_pages(root: Path, bad: str) -> Tree:
    """A book of a bad and a good page; the bad one runs first."""
    one_block(root, bad)
    return write_page(root, {"good": "print(1)"})


@pytest.mark.parametrize("bad", ["import time\nprint(time.time_ns())", "1 / 0", "import os\nos._exit(1)"])
def test_a_bad_page_stops_no_other(bad: str, tmp_path: Path, run_book: RunBook) -> None:
    tree = two_pages(tmp_path, bad)
    status, said = run_book(tree, "record")
    assert status == 1 and tree.record("part/page").is_file() and not tree.record("part/one").exists()
    assert "docs/en/part/one.md:7" in said and ("probe" in said)


def test_a_failure_of_the_engine_stops_no_other_page(
    tmp_path: Path, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = two_pages(tmp_path, "1")
    write, judge = records.write, check.judge

    def fails(_: Tree, record: records.Record) -> bool:
        if record.page == "part/one":
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "why")
        return write(tree, record)

    monkeypatch.setattr(records, "write", fails)
    status, said = run_book(tree, "record")
    assert status == 1 and tree.record("part/page").is_file(), said
    assert re.search(
        r"docs/en/part/one\.md: the engine failed on this page \(\S+\.py:\d+: UnicodeEncodeError: .*why", said
    )
    monkeypatch.setattr(records, "write", write)
    assert run_book(tree, "record")[0] == 0

    def cannot_judge(tree: Tree, page: Page, *others: Any, **more: Any) -> list[check.Verdict]:
        if page.name == "part/one":
            raise TypeError("odd")
        return judge(tree, page, *others, **more)

    monkeypatch.setattr(check, "judge", cannot_judge)
    for command in ("check", "record"):
        status, said = run_book(tree, command)
        assert status == 1 and "part/one.md: the engine failed on this page" in said and "1 passed" in said


@pytest.mark.parametrize("command", ["record", "check", "shake --seeds 1"])
def test_a_page_that_does_not_parse_stops_no_other(command: str, tmp_path: Path, run_book: RunBook) -> None:
    tree = two_pages(tmp_path, "1")
    if command != "record":
        assert run_book(tree, "record")[0] == 0
    bad = tree.page("en", "part/one")
    bad.write_text(
        bad.read_text(encoding="utf-8") + '\n```python\n--8<-- "part/one.py:nothing"\n```\n', encoding="utf-8"
    )
    status, said = run_book(tree, *command.split())
    assert status == 1 and "docs/en/part/one.md" in said and "nothing" in said, said
    assert tree.record("part/page").is_file() and "1 passed" in said, said


@pytest.mark.parametrize(("module", "function"), [(repeat, "refuse"), (shake, "compared")])
def test_a_page_that_cannot_be_compared_stops_no_other(
    module: ModuleType, function: str, tmp_path: Path, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = two_pages(tmp_path, "1")
    real = getattr(module, function)

    def odd(*arguments: Any) -> list[check.Verdict]:
        if any(isinstance(one, Page) and one.name == "part/one" for one in arguments):
            raise TypeError("odd")
        found: list[check.Verdict] = real(*arguments)
        return found

    monkeypatch.setattr(module, function, odd)
    status, said = run_book(tree, "record")
    assert status == 1 and "part/one.md: the engine failed on this page" in said, said
    assert tree.record("part/page").is_file() and not tree.record("part/one").exists()


def test_record_tells_new_and_gone_blocks(small: Tree, sessions: Sessions) -> None:
    for file in ("docs/en/part/small.md", "snippets/part/small.py"):
        text = (small.root / file).read_text(encoding="utf-8").replace(":scale", ":scaled")
        (small.root / file).write_text(text, encoding="utf-8")
    assert recording.record(small, sessions=sessions)[1] == ["part/small: scaled: new", "part/small: scale: gone"]
    small.record("part/small").unlink()
    assert recording.record(small, sessions=sessions)[1] == ["part/small: first record, 4 blocks"]


def test_record_is_the_same_twice_but_for_the_seconds(small: Tree, sessions: Sessions) -> None:
    one = records.read(small, "part/small")
    recording.record(small, sessions=sessions)
    two = records.read(small, "part/small")
    assert [(c.source, c.hashes, c.outputs) for c in one.cells] == [(c.source, c.hashes, c.outputs) for c in two.cells]


def test_each_block_gets_a_program_that_was_proven(small: Tree) -> None:
    programs = {cell.name: cell.program for cell in records.read(small, "part/small").cells}
    assert "import torch" in programs["wrong_shape"]["text"], "the program of a block holds what the block stands on"
    assert "import pandas" not in programs["wrong_shape"]["text"], "and nothing else"


def test_what_needs_a_gpu_is_recorded_as_not_run(small: Tree, sessions: Sessions) -> None:
    ledger("needs", section="table", what="cuda")(small)
    report, changes = recording.record(small, sessions=sessions)
    assert report.ok and [v.status for v in report.verdicts] == ["passed", "skipped", "passed", "passed"]
    assert any(change.startswith("part/small: table:") for change in changes)
    cells = {cell.name: cell for cell in records.read(small, "part/small").cells}
    table = cells.pop("table")
    assert (table.needs, table.outputs, table.seconds, table.apis, table.program) == ("cuda", [], 0.0, [], {})
    assert all(cell.program and not cell.needs for cell in cells.values())
    assert check.check(small, sessions=sessions).ok


def test_a_record_is_stale_when_the_need_changes(small: Tree, sessions: Sessions) -> None:
    before = small.ledger.read_text(encoding="utf-8")
    ledger("needs", section="table", what="cuda")(small)
    recording.record(small, sessions=sessions)
    write(LEDGER, before)(small)
    told = "did not run when it was recorded, for want of cuda, and the ledger no longer says that it needs that"
    with pytest.raises(BookError, match=f'block "table" {told}\n  run make record PAGE=part/small'):
        stage.stage(small)
    (failed,) = check.check(small, sessions=sessions).failed
    assert failed.block == "table" and told in failed.message
    ledger("needs", section="table", what="accelerator")(small)
    (failed,) = check.check(small, sessions=sessions).failed
    assert "did not run when it was recorded, for want of cuda" in failed.message


def test_a_block_that_needs_a_gpu_can_go_stale(small: Tree, sessions: Sessions) -> None:
    ledger("needs", section="table", what="cuda")(small)
    recording.record(small, sessions=sessions)
    edit("snippets/part/small.py", "0.25", "0.35")(small)
    failed = {v.block: v.message for v in check.check(small, sessions=sessions).failed}
    assert "changed since it was recorded: run make record PAGE=part/small" in failed["table"]
    assert "table" not in {v.block for v in check.check(small, ignore_hashes=True, sessions=sessions).failed}


def test_programs_leave_out_what_needs_a_gpu(tmp_path: Path, sessions: Sessions) -> None:
    blocks = {"one": "x = [1]", "gpu": "import torch\nx.append(torch.cuda.device_count() / 0)", "two": "print(x)"}
    tree = write_page(tmp_path, blocks, entry("needs", page="part/page", section="gpu", what="cuda"))
    assert recording.record(tree, sessions=sessions)[0].ok
    program = records.read(tree, "part/page").cells[2].program
    assert "cuda" not in program["text"] and program["full"] == 2


def test_programs_are_kept_while_their_code_is_the_same(
    small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks below the edited one have the same programs as before, and they print the same."""
    asked: list[list[str]] = []
    prove = standalone.prove

    def noted(*arguments: Any, **others: Any) -> dict[str, standalone.Program]:
        asked.append(list(arguments[4]))
        return prove(*arguments, **others)

    monkeypatch.setattr(standalone, "prove", noted)
    recording.record(small, sessions=sessions)
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    recording.record(small, sessions=sessions)
    assert asked == [[], ["scale"]]
