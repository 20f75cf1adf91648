"""book.prove.check (what it must notice stands in faults.py)"""

from __future__ import annotations

from pathlib import Path

import pytest
from books import write_page
from faults import edit, entry, ledger, output

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report, Verdict
from book.record import records
from book.run.session import PageRun, Sessions
from book.source import ledger as book_ledger
from book.source import pages
from book.source.ledger import Entry, Ledger


def test_check_gives_a_verdict_for_each_block(small: Tree, sessions: Sessions) -> None:
    said: list[str] = []
    report = check.check(small, sessions=sessions, say=said.append)
    assert [(v.page, v.block, v.status) for v in report.verdicts] == [
        ("part/small", name, "passed") for name in ("scale", "table", "curve", "wrong_shape")
    ]
    assert report.ok and report.seconds > 0 and all(v.seconds > 0 for v in report.verdicts)
    assert said[0] == "block 1/4, page 0/1: part/small scale" and len(said) == 4


def test_a_failure_hides_no_block_below(small: Tree, sessions: Sessions) -> None:
    edit("snippets/part/small.py", "2 * x", "2 * z")(small)
    report = check.check(small, sessions=sessions, ignore_hashes=True)
    assert [v.status for v in report.verdicts] == ["failed", "passed", "passed", "passed"]
    assert "NameError: name 'z' is not defined" in report.failed[0].message and not report.failed[0].follows


def test_what_only_follows_from_a_failure_is_told_apart(small: Tree, sessions: Sessions) -> None:
    edit("snippets/part/small.py", "x = torch.tensor([1.0, 2.0, 3.0])", "x = torch.tensor(nowhere)")(small)
    edit("snippets/part/small.py", "0.25, 40", "0.35, 40")(small)
    report = check.check(small, sessions=sessions, ignore_hashes=True)
    assert [(v.status, v.follows) for v in report.verdicts] == [
        ("failed", ""), ("failed", ""), ("failed", "scale"), ("failed", "scale")
    ]  # fmt: skip
    messages = [v.message.replace("\n", " ") for v in report.verdicts]
    assert "NameError: name 'nowhere'" in messages[0] and "0.25 is now 0.35" in messages[1]
    assert messages[3] == (
        'docs/en/part/small.md:34 (snippets/part/small.py:24): follows from block "scale" above, which failed'
    )


def follow(tree: Tree, blocks: dict[str, str], sessions: Sessions, entries: str = "") -> dict[str, str]:
    """Block -> the block that it follows from, or what its message says."""
    made = write_page(tree, blocks, entries)
    page, book = pages.load(made, "part/page"), book_ledger.load(made)
    (run,) = sessions.run([check.job_of(made, page, book)])
    return {v.block: v.follows or v.message or v.status for v in check.judge(made, page, run, book, None)}


def test_only_a_name_that_the_failed_block_defines_follows(tmp_path: Path, sessions: Sessions) -> None:
    blocks = {
        "root": "a = 1 / 0",
        "chain": "b = a + 1",
        "end": "def f():\n    return b\n\n\nf()",
        "typo": "c = missing",
        "type": "''.a",
        "again": "a = b = 2",
        "well": "print(a + b)",
        "own": "del a\na",
    }
    told = follow(tmp_path / "one", blocks, sessions)
    assert "ZeroDivisionError" in told["root"] and (told["chain"], told["end"]) == ("root", "root")
    assert "name 'missing'" in told["typo"] and "AttributeError" in told["type"]
    assert (told["again"], told["well"]) == ("passed", "passed") and "name 'a'" in told["own"]


def test_an_expected_name_error_does_not_follow(tmp_path: Path, sessions: Sessions) -> None:
    blocks = {"root": "a = 1 / 0", "raises": "a"}
    expected = entry("raises", page="part/page", section="raises", error="NameError", message="'a'")
    assert follow(tmp_path / "one", blocks, sessions, expected)["raises"] == "passed"
    other = entry("raises", page="part/page", section="raises", error="ValueError", message="'a'")
    assert follow(tmp_path / "two", blocks, sessions, other)["raises"] == "root"


def test_blocks_below_a_dead_process_are_told_to_be_not_run(tmp_path: Path, sessions: Sessions) -> None:
    told = follow(tmp_path, {"dies": "import os\nos._exit(3)", "below": "1"}, sessions)
    assert "the block ended its process" in told["dies"]
    assert told["below"].endswith('not run: the page ended with block "dies" above')


def test_a_wrong_output_does_not_stop_the_page(small: Tree, sessions: Sessions) -> None:
    output("scale", "text", r"4\.", "5.")(small)
    report = check.check(small, sessions=sessions)
    assert [v.status for v in report.verdicts] == ["failed", "passed", "passed", "passed"]
    assert "make record PAGE=part/small" in report.failed[0].message


def test_a_page_without_a_record_is_a_problem(small: Tree, sessions: Sessions) -> None:
    small.record("part/small").unlink()
    report = check.check(small, sessions=sessions)
    assert not report.ok and report.verdicts == [] and "no record of this page" in report.problems[0]


@pytest.mark.parametrize("name", ["part/small", "part", "part/", "docs/zh/part/small.md", "snippets/part/small.py"])
def test_load_pages_takes_many_names(name: str, small: Tree) -> None:
    assert list(check.load_pages(small, [name])) == ["part/small"]


def test_load_pages_leaves_out_pages_without_blocks(small: Tree) -> None:
    small.page("en", "index").write_text("# Home {#home}\n", encoding="utf-8")
    assert list(check.load_pages(small)) == ["part/small"]
    assert check.load_pages(small, ["index"]) == {}
    assert list(check.load_pages(small, ["part/small", "part"])) == ["part/small"]
    with pytest.raises(BookError, match=r'no page "part/smal" \(did you mean "part/small"\?\)'):
        check.load_pages(small, ["part/smal"])


@pytest.mark.parametrize(
    ("what", "device", "why"),
    [
        ("torch>=2.0", None, None),
        ("torch >= 2", None, None),
        ("torch>=99.1", None, "needs torch>=99.1, here is"),
        ("not-a-package>=1", None, "which is not installed"),
        ("pandas", None, None),
        ("not_a_package", None, "which is not installed"),
        ("not_a_package.part", None, "which is not installed"),
        ("cuda", None, "needs cuda"),
        ("cuda", "cpu", "needs cuda"),
        ("cuda", "cuda", None),
        ("mps", "mps", None),
        ("mps", "cuda", "needs mps"),
        ("xpu", None, "needs xpu"),
        ("accelerator", "mps", None),
    ],
)
def test_unmet(what: str, device: str | None, why: str | None) -> None:
    told = check.unmet(Entry("needs", "p", "s", "r", what=what), device)
    assert told is None if why is None else why in (told or "")


def test_unmet_without_an_entry() -> None:
    assert check.unmet(None) is None


def test_needs_skips_a_block_and_runs_the_others(small: Tree, sessions: Sessions) -> None:
    ledger("needs", section="table", what="not_a_package")(small)
    report = check.check(small, sessions=sessions)
    assert [v.status for v in report.verdicts] == ["passed", "skipped", "passed", "passed"]
    assert report.ok and report.verdicts[1].message == "needs not_a_package, which is not installed"


def test_job_of_holds_what_the_session_needs(small: Tree) -> None:
    page, entries = pages.load(small, "part/small"), book_ledger.load(small)
    job = check.job_of(small, page, entries, device="cuda")
    assert [b.name for b in job.blocks] == ["scale", "table", "curve", "wrong_shape"]
    assert (job.page, job.root, job.limit, job.device) == ("part/small", str(small.root), check.LIMIT, "cuda")
    assert job.raises == {"wrong_shape"}
    assert [b.name for b in check.job_of(small, page, entries, until="table").blocks] == ["scale", "table"]


def test_judge_without_results_tells_that_the_process_ended(small: Tree) -> None:
    page = pages.load(small, "part/small")
    verdicts = check.judge(small, page, PageRun("part/small"), Ledger(), None)
    assert {v.status for v in verdicts} == {"failed"} and "not run: the page ended early" in verdicts[0].message


def test_tolerance_of_the_ledger_holds_where_it_is_named(small: Tree, sessions: Sessions) -> None:
    output("scale", "text", r"4\.", "4.1")(small)
    assert not check.check(small, sessions=sessions).ok
    ledger("tolerance", section="table", rtol=0.1, atol=0)(small)
    assert not check.check(small, sessions=sessions).ok
    ledger("tolerance", section="scale", rtol=0.1, atol=0)(small)
    assert check.check(small, sessions=sessions).ok


def test_tolerance_of_has_defaults() -> None:
    tolerance = check.tolerance_of(Ledger(), "p", "s")
    assert (tolerance.rtol, tolerance.atol, tolerance.volatile) == (1e-3, 1e-5, False)
    loose = Ledger((Entry("tolerance", "p", "s", "r", rtol=0.5, atol=0.25), Entry("volatile", "p", "s", "r")))
    tolerance = check.tolerance_of(loose, "p", "s")
    assert (tolerance.rtol, tolerance.atol, tolerance.volatile) == (0.5, 0.25, True)


def test_read_records_tells_what_it_cannot_read(small: Tree) -> None:
    chosen = check.load_pages(small)
    assert list(check.read_records(small, chosen)[0]) == ["part/small"]
    small.record("part/small").write_text("{", encoding="utf-8")
    found, problems = check.read_records(small, chosen)
    assert found == {} and "docs/records/part/small.ipynb: not a whole record" in problems[0]


def test_longest_first(small: Tree) -> None:
    record = records.read(small, "part/small")
    assert check.longest_first(["a", "b", "c"], {"a": records.Record("a", record.machine, ()), "b": record}) == [
        "c",
        "b",
        "a",
    ]


def test_report_is_ok_only_without_failures_and_problems() -> None:
    passed, failed = Verdict("p", "a", "passed"), Verdict("p", "b", "failed", "why")
    assert Report([passed]).ok
    assert not Report([passed, failed]).ok and Report([passed, failed]).failed == [failed]
    assert not Report([passed], problems=["x"]).ok


def test_progress_is_silent_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check.progress()("block 1/4")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    check.progress()("block 1/4")
    assert "block 1/4" in capsys.readouterr().err
