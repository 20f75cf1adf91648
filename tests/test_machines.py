"""book.record.machines, and their rows on the status page"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from conftest import RunBook
from faults import edit, output

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, proven
from book.prove.check import Report, Verdict
from book.record import machines, records
from book.record.gpu import GpuRecord
from book.record.machines import Proof
from book.run.child import machine
from book.run.session import PageRun
from book.site import status
from book.source import ledger

BLOCKS = ("scale", "table", "curve", "wrong_shape")


def a_report(tree: Tree, failed: tuple[str, ...] = ()) -> Report:
    verdicts = [Verdict("part/small", name, "failed" if name in failed else "passed") for name in BLOCKS]
    return Report(verdicts, [PageRun("part/small", machine=records.read(tree, "part/small").machine)])


def rows(tree: Tree, language: str = "en") -> list[str]:
    text = status.page(tree, language, ledger.load(tree), GpuRecord())
    return text.split("{#machines}")[1].split("\n## ")[0].strip().splitlines()


def test_a_run_over_all_pages_is_noted(small: Tree, run_book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_WORLD", "")
    assert rows(small)[-1] == "No run over all pages has been noted yet."
    code, said = run_book(small, "check", "--prove")
    assert code == 0 and "noted in docs/records/machines.json" in said
    (made,) = machines.read(small)
    here = machine()
    assert made.kind == (here.system, here.vendor, here.model, here.cpu, here.python.rpartition(".")[0],
                         here.torch.partition("+")[0], "")  # fmt: skip
    assert (made.pages, made.passed, made.failed, made.skipped) == (1, 4, 0, 0)
    assert rows(small)[-1].endswith(f"| - | 1 | 4 | 4 | proven on {made.date} |")
    assert f"| {here.vendor} {here.model} | {here.cpu} |".strip() in rows(small)[-1]
    assert rows(small, "zh")[-1].endswith(f"| {made.date} 全部一致 |")
    assert len(rows(small)) == len(rows(small, "zh"))


def test_a_run_that_differs_is_noted_as_such(small: Tree, run_book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_WORLD", "")
    output("scale", "text", r"4\.", "5.")(small)
    assert run_book(small, "check", "--prove")[0] == 1
    (made,) = machines.read(small)
    assert (made.passed, made.failed) == (3, 1)
    assert rows(small)[-1].endswith(f"| 4 | 3 | 1 differ, {made.date} |")


def test_each_kind_of_machine_has_a_row_and_the_last_run_counts(small: Tree) -> None:
    one = proven.proof(small, a_report(small, ("scale",)))
    other = proven.proof(small, a_report(small), "sse")
    for made in (one, other, proven.proof(small, a_report(small))):
        machines.write(small, made)
    assert [(row.world, row.failed) for row in machines.read(small)] == [("", 0), ("sse", 0)]
    assert [line.split(" | ")[5] for line in rows(small)[-2:]] == ["-", "sse"]


def test_other_records_make_a_proof_older(small: Tree) -> None:
    made = proven.proof(small, a_report(small))
    machines.write(small, made)
    record = records.read(small, "part/small")
    records.write(small, replace(record, cells=tuple(replace(cell, seconds=9.0) for cell in record.cells)))
    assert "proven on" in rows(small)[-1], "seconds are not compared"
    output("scale", "text", r"4\.", "5.")(small)
    assert rows(small)[-1].endswith(f"| {made.date}, older |")


def test_digest_does_not_depend_on_the_order_of_pages(small: Tree) -> None:
    one = records.read(small, "part/small")
    two = replace(one, page="part/two")
    assert machines.digest([one, two]) == machines.digest([two, one]) != machines.digest([one])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r.verdicts.pop(), "3 of 4 blocks were checked"),
        (lambda r: r.problems.append("a.md: broken"), "a.md: broken"),
        (lambda r: r.runs.append(PageRun("part/two")), "the process of part/two ended early"),
        (lambda r: r.runs.clear(), "4 of 4 blocks were checked"),
        (lambda r: setattr(r.runs[0], "machine", replace(r.runs[0].machine, device="cuda")), "it ran on cuda"),
    ],
)
def test_only_a_whole_run_proves(change: object, why: str, small: Tree) -> None:
    report = a_report(small)
    change(report)  # type: ignore[operator]
    with pytest.raises(BookError, match=f"not written, this was no run of the whole book: {why}"):
        proven.proof(small, report)


def test_a_row_edited_by_hand_is_noticed(small: Tree) -> None:
    machines.write(small, proven.proof(small, a_report(small, ("scale",))))
    path = small.records / machines.FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"failed": 1', '"failed": 0'), encoding="utf-8")
    with pytest.raises(BookError, match=r"machines\.json: not whole \(a row was edited since it was written\)"):
        machines.read(small)


def test_no_row_names_the_host(small: Tree) -> None:
    import platform

    made = proven.proof(small, a_report(small))
    assert isinstance(made, Proof) and platform.node() not in json.dumps(asdict(made))


def test_a_stale_page_fails_and_is_counted(small: Tree, run_book: RunBook) -> None:
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    assert run_book(small, "check", "--prove")[0] == 1
    (made,) = machines.read(small)
    assert made.failed == 4 - made.passed >= 1
    assert check.read_records(small, check.load_pages(small))[1] == []
