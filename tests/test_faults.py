"""Break the book in every way we can think of, and see that a command notices and names the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from books import copy_book, one_block
from conftest import RunBook
from faults import ACCEPTED, BLOCK, PROBE, SOURCE, VARIES, Accepted, BlockFault, Fault, Varies

from book.ground.tree import HERE, Tree
from book.prove import check, recording, repeat
from book.record import records
from book.source import ledger

CHAPTER = "concepts/autograd"


def named(faults: list[Fault] | list[BlockFault] | list[Varies] | list[Accepted]) -> pytest.MarkDecorator:
    assert len({fault.name for fault in faults}) == len(faults), "each fault has a name of its own"
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.name)


@pytest.fixture
def chapter(tmp_path: Path) -> Tree:
    """A copy of the real autograd chapter with its record and its part of the ledger."""
    pages = [f"docs/{language}/{CHAPTER}.md" for language in ("en", "zh")]
    files = [f"snippets/{CHAPTER}.py", f"docs/records/{CHAPTER}.ipynb", "requirements.txt"]
    tree = copy_book(tmp_path / "book", *pages, *files)
    entries = ledger.load(HERE).of_page(CHAPTER)
    assert {entry.kind for entry in entries} == {"raises"}, "the copy below writes entries of this kind only"
    tree.ledger.parent.mkdir()
    tree.ledger.write_text(
        "\n".join(
            f"[[raises]]\npage = '{e.page}'\nsection = '{e.section}'\nerror = '{e.error}'\n"
            f"message = '''{e.message}'''\nreason = '''{e.reason}'''\nreason_zh = '''{e.reason_zh}'''\n"
            for e in entries
        ),
        encoding="utf-8",
    )
    return tree


@named(SOURCE)
def test_fault_is_noticed(
    fault: Fault, request: pytest.FixtureRequest, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree: Tree = request.getfixturevalue("small" if fault.book == "small" else "chapter")
    if fault.device:
        monkeypatch.setenv("BOOK_DEVICE", fault.device)
    fault.breaks(tree)
    status, said = run_book(tree, *fault.command.split())
    assert status == 1, f"{fault.command} did not notice:\n{said}"
    assert re.search(fault.says, said), f"nothing like\n  {fault.says}\nin\n{said}"


@pytest.mark.parametrize("command", ["audit", "stage", "check", "check --ignore-hashes", "record", "gpu"])
def test_unbroken_book_passes(command: str, small: Tree, run_book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    if command == "gpu":
        monkeypatch.setenv("BOOK_DEVICE", "cpu")
    status, said = run_book(small, *command.split())
    assert status == 0, said


@pytest.mark.parametrize("command", ["stage", "check"])
def test_unbroken_chapter_passes(command: str, chapter: Tree, run_book: RunBook) -> None:
    status, said = run_book(chapter, command)
    assert status == 0, said


@named(BLOCK)
def test_bad_block_is_refused(
    fault: BlockFault, tmp_path: Path, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault.limit:
        monkeypatch.setattr(check, "LIMIT", fault.limit)
    tree = one_block(tmp_path, fault.code, fault.ledger)
    status, said = run_book(tree, "record")
    assert status == 1, f"record accepted it:\n{said}"
    assert re.search(PROBE + r"[^§]*" + fault.says, said), f"nothing like\n  {fault.says}\nin\n{said}"
    assert not tree.record("part/one").exists(), "a page with a bad block is not recorded"
    assert "part/one::before" not in said, "the block before it is not to blame"


@named(VARIES)
def test_block_that_varies_is_noticed(
    fault: Varies, tmp_path: Path, run_book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = one_block(tmp_path, fault.code)
    status, said = run_book(tree, "record")
    assert status == 1, f"record did not notice:\n{said}"
    assert re.search(PROBE + r"\n.*in another world[^§]*" + f"(?:{fault.says})", said), said
    monkeypatch.setattr(repeat, "refuse", lambda _, verdicts, *others: verdicts)  # as if it had happened to agree
    status, said = run_book(tree, "record")
    assert status == 1, f"record did not notice:\n{said}"
    assert re.search(r'docs/en/part/one\.md:7: block "probe" cannot be reproduced', said), said
    monkeypatch.setattr(recording, "with_programs", lambda tree, page, new, *_: new)  # and once more
    status, said = run_book(tree, "record")
    assert status == 0, said
    status, said = run_book(tree, "check")
    assert status == 1, f"check did not notice:\n{said}"
    assert re.search(PROBE + r"[^§]*" + f"(?:{fault.says})", said), said


@named(ACCEPTED)
def test_odd_block_is_accepted(fault: Accepted, tmp_path: Path, run_book: RunBook) -> None:
    tree = one_block(tmp_path, fault.code, fault.ledger)
    status, said = run_book(tree, "record")
    assert status == 0, said
    cell = records.read(tree, "part/one").cell("probe")
    assert cell is not None
    shown = "".join(output.get("text", "") for output in cell.outputs)
    assert fault.shows in shown
    status, said = run_book(tree, "check")
    assert status == 0, said


def test_pages_with_other_line_ends_and_letters_are_accepted(small: Tree, run_book: RunBook) -> None:
    before = {path: path.read_bytes() for path in (small.page("en", "part/small"), small.page("zh", "part/small"))}
    run_book(small, "stage")
    staged = (small.build / "en" / "part" / "small.md").read_text(encoding="utf-8")
    for path, data in before.items():
        path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    snippet = small.snippets / "part" / "small.py"
    snippet.write_bytes(snippet.read_bytes().replace(b"\n", b"\r\n"))
    for command in ("audit", "stage", "check"):
        status, said = run_book(small, command)
        assert status == 0, said
    assert (small.build / "en" / "part" / "small.md").read_text(encoding="utf-8") == staged


def test_one_bad_page_does_not_hide_another(small: Tree, run_book: RunBook) -> None:
    one_block(small.root, "1 / 0", small.ledger.read_text(encoding="utf-8"))
    small.record("part/small").unlink()
    status, said = run_book(small, "stage")
    assert status == 1
    assert "docs/records/part/one.ipynb: no record" in said and "docs/records/part/small.ipynb: no record" in said
