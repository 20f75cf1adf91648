"""book.prove.shake, and ``python -m book shake`` (blocks that it must refuse stand in faults.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from books import one_block, write_page
from conftest import RunBook
from faults import entry

from book.ground.tree import Tree
from book.prove import check, recording, shake
from book.prove.check import Verdict
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import PageRun, Sessions
from book.source import ledger
from book.source.pages import load

PAGE = {
    "counts": 'import torch\n\ntorch.manual_seed(0)\nx = torch.randn(500)\ngap = x.exp() - torch._foreach_exp([x])[0]\nprint("apart:", (gap != 0).sum().item())',
    "adds": 'twice = 2 * gap\nprint("apart:", (twice != 0).sum().item())',
    "stable": 'print(f"{x.mean():.3f}")',
    "raises": 'assert twice.abs().max() > 1, "rounding"',
    "below": "print(torch.arange(4.0).mean())",
}  # fmt: skip
RAISES = entry("raises", page="part/page", section="raises", error="AssertionError", message="rounding")


@pytest.fixture
def page(tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A page with two blocks that differ under noise, recorded as if they did not."""
    tree = write_page(tmp_path / "book", PAGE, RAISES)
    with monkeypatch.context() as patched:
        patched.setattr(shake, "against", lambda *_: {})
        report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    return tree


def test_what_differs_is_told_with_place_and_seeds(page: Tree, run_book: RunBook) -> None:
    status, said = run_book(page, "shake", "part/page", "--seeds", "2")
    assert status == 1
    assert "3 passed, 2 failed; 1 pages" in said
    told = {part.split("\n")[0]: part for part in said.split("FAILED ")[1:]}
    assert [*told] == ["part/page::counts", "part/page::adds"]
    first, second = told.values()
    assert "docs/en/part/page.md:3 (snippets/part/page.py:2):" in first
    assert "under rounding noise of one unit in the last place (seeds 1, 2):" in first
    assert "number 1 differs: 0 is now" in first and shake.ADVICE in first
    assert 'it may follow from block "counts" above: mend that first' in second and shake.ADVICE not in second
    assert "make record" not in said, "the new output is not right"


def test_a_steady_book_passes(small: Tree, run_book: RunBook) -> None:
    status, said = run_book(small, "shake", "--seeds", "1")
    assert status == 0, said
    assert "4 passed; 1 pages" in said


def test_shake_needs_a_fresh_record(small: Tree, run_book: RunBook) -> None:
    snippet = small.snippets / "part" / "small.py"
    snippet.write_text(snippet.read_text(encoding="utf-8").replace("2 * x", "3 * x"), encoding="utf-8")
    status, said = run_book(small, "shake", "--seeds", "1")
    assert status == 1 and "changed since it was recorded: run make record PAGE=part/small" in said
    small.record("part/small").unlink()
    status, said = run_book(small, "shake", "--seeds", "1")
    assert status == 1 and "no record of this page" in said


def test_record_refuses_what_differs_and_keeps_the_record(page: Tree, sessions: Sessions) -> None:
    before = page.record("part/page").read_bytes()
    report, changes = recording.record(page, sessions=sessions)
    assert [(v.block, v.status) for v in report.verdicts] == [
        ("counts", "failed"),
        ("adds", "failed"),
        ("stable", "passed"),
        ("raises", "passed"),
        ("below", "passed"),
    ]
    assert report.problems == ["docs/en/part/page.md: not recorded, the record is as it was: 2 blocks fail"]
    assert changes == [] and page.record("part/page").read_bytes() == before
    assert f"{shake.NOISE} (seed 1):" in report.failed[0].message and len(report.runs) == 1


def test_the_ledger_holds_under_noise(tmp_path: Path, run_book: RunBook) -> None:
    code = PAGE["counts"]
    for granted in (
        entry("volatile", page="part/one", section="probe"),
        entry("raises", page="part/one", section="probe", error="AssertionError", message="rounding"),
    ):
        raising = "\nassert gap.abs().max() > 1, 'rounding'" if "raises" in granted else ""
        shown = code.replace("print", "# print") if raising else code
        status, said = run_book(one_block(tmp_path / str(len(granted)), shown + raising, granted), "record")
        assert status == 0, said


def test_what_varies_without_noise_is_not_blamed_on_it(tmp_path: Path, run_book: RunBook) -> None:
    status, said = run_book(one_block(tmp_path, "import time\nprint(time.time_ns())"), "record")
    assert status == 1 and shake.NOISE not in said and "prints another thing in another world" in said


def test_compiled_functions_are_counted_as_left_out(tmp_path: Path, run_book: RunBook) -> None:
    code = "import torch\n\ndouble = torch.compile(lambda x: 2 * x, backend='eager')\nprint(double(torch.ones(2)))"
    tree = one_block(tmp_path, code)
    assert run_book(tree, "record")[0] == 0
    status, said = run_book(tree, "shake", "--seeds", "1")
    assert status == 0 and f"part/one::probe: {shake.INSIDE}" in said and "3 passed" in said


def test_a_job_under_noise() -> None:
    job = Job("p", (BlockCode("a", "1"), BlockCode("b", "2")), ".", limit=2.0)
    noisy = shake.under_noise(job, 7)
    assert (noisy.shake, noisy.raises, noisy.limit) == (7, {"a", "b"}, 10.0)
    assert noisy.label != shake.under_noise(job, 8).label != job.label


def test_runs_are_told_apart_by_page_and_seed(sessions: Sessions) -> None:
    job = Job("p", (BlockCode("a", "import torch\nprint(torch.tensor([0.3]).exp().double())"),), ".")
    found = {
        (page, seed): run
        for page, seed, run in shake.runs([shake.under_noise(job, s) for s in (1, 2, 3)], sessions=sessions)
    }
    assert [*sorted(found)] == [("p", 1), ("p", 2), ("p", 3)]
    assert all(run.results[0].failure is None for run in found.values())


def test_a_run_is_compared_with_a_plain_one(page: Tree) -> None:
    shown = load(page, "part/page")
    text = [{"output_type": "stream", "name": "stdout", "text": "0.5000\n"}]
    other = [{"output_type": "stream", "name": "stdout", "text": "0.7000\n"}]
    plain = PageRun("part/page", [BlockResult("stable", text), BlockResult("below", text)])
    run = PageRun("part/page", [BlockResult("stable", text), BlockResult("below", other)])
    verdicts = {v.block: v for v in shake.compared(page, shown, run, plain, ledger.load(page))}
    assert verdicts["stable"].status == "passed" and verdicts["below"].status == "failed"
    assert verdicts["below"].message.startswith(
        check.where(shown, shown.blocks[4]) + ":\n    output 1: number 1 differs"
    )


def test_verdicts_of_all_seeds_become_one(page: Tree) -> None:
    shown = load(page, "part/page")

    def verdicts(*failing: str) -> list[Verdict]:
        return [
            Verdict(
                "part/page",
                b.name,
                *(("failed", "place:\n    it differs") if b.name in failing else ("passed",)),
                seconds=1.0,
            )
            for b in shown.blocks
        ]

    found = {
        v.block: v for v in shake.merged(shown, {3: verdicts("below", "adds"), 1: verdicts("below"), 2: verdicts()})
    }
    assert [name for name, v in found.items() if v.status == "failed"] == ["adds", "below"]
    assert found["below"].message.splitlines()[1:3] == [f"    {shake.NOISE} (seeds 1, 3):", "    it differs"]
    assert f"{shake.NOISE} (seed 3):" in found["adds"].message
    assert found["stable"].seconds == 3.0


def test_followers_have_a_name_from_a_block_that_failed(page: Tree) -> None:
    shown = load(page, "part/page")
    assert shake.followers(shown, {"counts", "adds", "below"}) == {"adds": "counts"}
    assert shake.followers(shown, {"counts", "raises", "stable"}) == {"raises": "counts", "stable": "counts"}
    assert shake.followers(shown, {"below", "stable"}) == {}


def test_left_out_is_told_of_blocks_that_passed() -> None:
    run = PageRun("p", [BlockResult("a", compiled=True), BlockResult("b", compiled=True), BlockResult("c")])
    verdicts = [Verdict("p", "a", "passed"), Verdict("p", "b", "failed", "differs"), Verdict("p", "c", "passed")]
    assert [v.message for v in shake.left_out(verdicts, run)] == [shake.INSIDE, "differs", ""]
