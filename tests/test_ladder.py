"""The ladder: the book on another torch, what is kept of it, and blocks that hold for some versions only."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import RunBook
from faults import edit, output
from faults import ledger as add_entry

from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.prove import bounds, check, ladder_run, proven, recording
from book.prove.check import Report, Verdict
from book.prove.ladder_run import Place
from book.record import ladder, records
from book.record.gpu import GpuRecord
from book.record.ladder import Rung
from book.record.records import Cell, Hashes
from book.run.session import PageRun, Sessions
from book.site import matrix, status
from book.site.stage import stage
from book.source import ledger
from book.source.ledger import Entry

BLOCKS = ("scale", "table", "curve", "wrong_shape")
SCALE = "docs/en/part/small.md:10 (snippets/part/small.py:2)"


def a_report(tree: Tree, **statuses: str) -> Report:
    verdicts = [Verdict("part/small", name, statuses.get(name, "passed")) for name in BLOCKS]
    return Report(verdicts, [PageRun("part/small", machine=records.read(tree, "part/small").machine)])


def on(made: Rung, torch: str, **changes: object) -> Rung:
    return replace(made, torch=torch, date="2026-12-01", **changes)  # type: ignore[arg-type]


def rows(tree: Tree, language: str = "en") -> list[str]:
    text = status.page(tree, language, ledger.load(tree), GpuRecord())
    return [line for line in text.split("{#torch-versions}")[1].split("\n## ")[0].splitlines() if line]


def run_line(tree: Tree, language: str = "en", block: str = "scale") -> str:
    """The line under a block, and its attributes."""
    stage(tree)
    lines = (
        (tree.build / language / "part" / "small.md")
        .read_text(encoding="utf-8")
        .split(f"#code-{block} ")[1]
        .splitlines()
    )
    at = next(n for n, line in enumerate(lines) if line.strip().startswith("{ .rp-run"))
    return "\n".join(lines[at - 1 : at + 1])


# ---- the environment -----------------------------------------------------------------------------------------------


def test_the_other_torch_takes_the_place_of_the_pinned_one() -> None:
    made = ladder_run.requirements(HERE, "2.15.0")
    kept = HERE.requirements.read_text(encoding="utf-8")
    assert made.count("torch==2.15.0") == 1 and "torch==2.13" not in made
    assert f"-r {(HERE.root / 'docs' / 'requirements.txt').as_posix()}" in made, "it is read from another folder"
    same = [line for line in kept.splitlines() if not line.startswith(("torch==", "-r "))]
    assert [line for line in made.splitlines() if not line.startswith(("torch==", "-r "))] == same
    assert "torchkeras==" in made, "only torch itself"


@pytest.mark.parametrize("text", ["numpy==2.4.6\n", "torch>=2.13\n", "torch==2.13.0\ntorch==2.14.0\n"])
def test_requirements_must_pin_torch_once(small: Tree, text: str) -> None:
    small.requirements.write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=r"requirements\.txt: has \d lines that pin torch, must have one"):
        ladder_run.requirements(small, "2.15.0")


@pytest.mark.parametrize("named", ["2.15", "v2.15.0", "2.15.0+cu132", "latest", "2.15.0 --index-url=x", "", "2.15.0\n"])
def test_a_version_that_is_none_is_refused(named: str) -> None:
    with pytest.raises(
        BookError, match=r"names no release of torch: write all three numbers, as in make ladder TORCH="
    ):
        ladder_run.version(named)


def test_a_bad_version_installs_nothing(small: Tree, run_book: RunBook) -> None:
    code, said = run_book(small, "ladder", "2.15")
    assert code == 1 and 'error: TORCH="2.15" names no release of torch' in said
    assert not (small.root / ladder_run.FOLDER).exists()


def test_each_torch_and_python_has_a_place(small: Tree, tmp_path: Path) -> None:
    here = ladder_run.place(small, "2.15.0", sys.executable)
    assert here.folder.name == f"torch-2.15.0-python-{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(BookError, match="PYTHON=python9: no Python that runs by this name"):
        ladder_run.place(small, "2.15.0", "python9")
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho 3 9\n", encoding="utf-8")
    old.chmod(0o755)
    with pytest.raises(BookError, match=r"is Python 3\.9: the book needs 3\.11 or newer"):
        ladder_run.place(small, "2.15.0", str(old))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds nothing, and looks nowhere."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_what_pip_can_not_install_is_told(small: Tree, no_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ladder_run.place(small, "9.9.9", sys.executable)
    here.folder.mkdir(parents=True)
    monkeypatch.setattr(Place, "python", Path(sys.executable))  # no environment need be made: nothing is found
    said: list[str] = []
    with pytest.raises(BookError) as caught:
        ladder_run.install(small, "9.9.9", sys.executable, said.append)
    assert "torch 9.9.9 could not be installed (ERROR: " in str(caught.value) and "torch==9.9.9" in str(caught.value)
    log = next((small.root / ladder_run.FOLDER).glob("*.log"))
    assert f"see .ladder/{log.name}; `pip config debug` shows" in str(caught.value)
    assert not ladder_run.place(small, "9.9.9", sys.executable).done.exists(), "the next call tries again"
    with pytest.raises(BookError, match="pip finds no release of torch"):
        ladder_run.newest_release()


def test_a_limit_on_this_machine_is_named() -> None:
    said = "Looking\nERROR: Cannot install torch==2.15.0\n    The user requested torch==2.15.0\n"
    limit = "    The user requested (constraint) torch<=2.14.1\nERROR: ResolutionImpossible\n"
    assert ladder_run.reason(said) == "ERROR: Cannot install torch==2.15.0"
    assert ladder_run.reason(said + limit).endswith("torch==2.15.0; The user requested (constraint) torch<=2.14.1")
    assert ladder_run.reason("killed\n") == "killed" and ladder_run.reason("") == "no reason given"


def test_an_environment_that_is_whole_is_used_again(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ladder_run.place(small, "2.15.0", sys.executable)
    here.folder.mkdir(parents=True)
    here.done.write_text(ladder_run.requirements(small, "2.15.0"), encoding="utf-8")
    said: list[str] = []
    assert ladder_run.install(small, "2.15.0", sys.executable, said.append) == here and not said


@pytest.fixture
def installed(small: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The small book, for which every torch is the one of the tests' own environment."""

    monkeypatch.setattr(Place, "python", Path(sys.executable))
    monkeypatch.setattr(ladder_run, "install", lambda *_: Place(small.root))
    monkeypatch.delenv("BOOK_WORLD", raising=False)
    return small


def climb(tree: Tree, *pages: str) -> int:
    return ladder_run.climb(tree, "2.15.0", pages, sys.executable, lambda line: None)


def test_a_run_over_all_pages_is_noted_and_one_over_some_is_not(
    installed: Tree, capfd: pytest.CaptureFixture[str]
) -> None:
    assert climb(installed, "part/small") == 0 and ladder.read(installed) == []
    assert climb(installed) == 0
    made, beside = ladder.read(installed)
    here = records.read(installed, "part/small").machine
    assert made.kind == (here.torch.partition("+")[0], here.python.rpartition(".")[0], here.system, "cpu")
    assert (made.passed, made.failed, made.skipped, list(made.pages)) == (4, [], [], ["part/small"])
    assert beside.kind == (*made.kind[:3], "simulated") and (beside.passed, beside.failed) == (4, [])
    assert capfd.readouterr().out.count("noted in docs/records/ladder.json") == 2


def test_a_block_that_differs_fails_the_ladder_with_file_and_line(
    installed: Tree, capfd: pytest.CaptureFixture[str]
) -> None:
    output("scale", "text", r"4\.", "5.")(installed)
    assert climb(installed) == 1
    assert f"FAILED part/small::scale\n  {SCALE}:" in capfd.readouterr().err
    assert [made.failed for made in ladder.read(installed)] == [["part/small::scale"]] * 2


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_a_row_for_each_kind_and_the_last_run_counts(small: Tree) -> None:
    first = proven.rung(small, a_report(small, scale="failed"))
    second = proven.rung(small, a_report(small))
    for made in (
        on(first, "2.15.0"),
        on(first, "2.9.1"),
        on(second, "2.15.0"),
        on(second, "2.15.0", device="simulated"),
    ):
        ladder.write(small, made)
    kept = [(made.torch, made.device, made.failed) for made in ladder.read(small)]
    assert kept == [
        ("2.9.1", "cpu", ["part/small::scale"]),
        ("2.15.0", "cpu", []),
        ("2.15.0", "simulated", []),
    ], "oldest torch first, by number"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"part/small::scale"', ""),
        ('"passed": 3', '"passed": 4'),
        ('"2.15.0"', '"2.16.0"'),
        ('"seal": "', '"seal": "0'),
    ],
)
def test_a_forged_row_is_refused(small: Tree, run_book: RunBook, old: str, new: str) -> None:
    ladder.write(small, on(proven.rung(small, a_report(small, scale="failed")), "2.15.0"))
    edit("docs/records/ladder.json", old, new)(small)
    code, said = run_book(small, "stage")
    assert code == 1
    assert (
        "docs/records/ladder.json: not whole (the row of torch 2.1" in said
        and "was edited since it was written" in said
    )
    assert "delete it and run make ladder TORCH=" in said


def test_only_a_whole_run_is_kept(small: Tree) -> None:
    report = a_report(small)
    report.verdicts.pop()
    with pytest.raises(BookError, match="3 of 4 blocks were checked"):
        proven.rung(small, report)


def test_only_a_run_on_a_simulated_accelerator_may_be_elsewhere_than_on_the_cpu(small: Tree) -> None:
    report = a_report(small)
    assert report.runs[0].machine is not None
    report.runs[0].machine = replace(report.runs[0].machine, device="sim")
    assert proven.rung(small, report, ladder.SIMULATED).device == "simulated"
    with pytest.raises(BookError, match="it ran on sim"):
        proven.rung(small, report)


def test_a_run_with_other_kernels_is_no_rung(small: Tree, run_book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_WORLD", "one-thread")
    assert run_book(small, "check", "--prove")[0] == 0
    assert ladder.read(small) == []


# ---- the matrix --------------------------------------------------------------------------------------------------------


def test_no_cell_is_filled_without_a_run(small: Tree) -> None:
    for language, told in (("en", "not run yet"), ("zh", "尚未运行")):
        cells = [line.split(" | ")[3:] for line in rows(small, language)[3:]]
        assert len(cells) == 6 and {cell.removesuffix(" |") for row in cells for cell in row} == {told}
    assert len(rows(small)) == len(rows(small, "zh"))


def test_a_run_fills_its_cell_and_no_other(small: Tree) -> None:
    made = on(proven.rung(small, a_report(small)), "2.15.0", python="3.12", system="Darwin arm64")
    ladder.write(small, made)
    filled = [line for line in rows(small) if "2026-12-01" in line]
    assert len(filled) == 1 and filled[0].startswith(
        "| 2.15.0 | macOS | CPU | not run yet | 4 of 4, 2026-12-01 | not run"
    )
    assert sum(line.count("not run yet") for line in rows(small)) == 12 * 4 - 1
    assert "| 2.15.0 | macOS | CPU | 尚未运行 | 4 个中 4 个一致，2026-12-01 |" in "\n".join(rows(small, "zh"))


def test_what_differed_is_counted_and_linked(small: Tree) -> None:
    ladder.write(small, on(proven.rung(small, a_report(small, scale="failed", table="skipped")), "2.15.0"))
    text = "\n".join(rows(small))
    assert "| 2 of 4, 2026-12-01; 1 differ |" in text
    assert "[`part/small: scale`](part/small.md#code-scale)" in text and "small: table" not in text


def test_another_record_takes_the_proof_away(small: Tree) -> None:
    ladder.write(small, on(proven.rung(small, a_report(small)), "2.15.0"))
    assert f" · torch {pinned_minor(small)}–2.15 · " in run_line(small)
    record = records.read(small, "part/small")
    records.write(small, replace(record, cells=tuple(replace(cell, seconds=9.0) for cell in record.cells)))
    assert "2.15" in run_line(small), "seconds are not compared"
    output("table", "text/html", "0.25", "0.26")(small)
    assert "2.15.0" not in run_line(small)
    assert "| 0 of 4, 2026-12-01 |" in "\n".join(rows(small))


def test_pythons_and_systems_are_those_of_the_workflow() -> None:
    import yaml

    jobs = yaml.safe_load((HERE.root / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    steps = [step.get("with", {}) for step in jobs["everything"]["steps"]]
    tested = {
        *jobs["pythons"]["strategy"]["matrix"]["python"],
        *(s["python-version"] for s in steps if "python-version" in s),
    }
    assert set(matrix.PYTHONS) == tested
    systems = {*jobs["systems"]["strategy"]["matrix"]["system"], jobs["everything"]["runs-on"]}
    assert {name.partition("-")[0].replace("ubuntu", "linux") for name in systems} == {
        name.lower() for name in matrix.SYSTEMS.values()
    }


# ---- the line under a block --------------------------------------------------------------------------------------------


def test_a_block_says_on_which_torch_it_was_proven(small: Tree) -> None:
    pinned, minor = records.torch_version().partition("+")[0], pinned_minor(small)
    here = records.read(small, "part/small").machine
    where = f"Python {here.python.rpartition('.')[0]}, {here.system}"
    assert f" · torch {pinned} · " in run_line(small) and "title" not in run_line(small)
    made = on(proven.rung(small, a_report(small, table="failed")), "99.15.0")
    ladder.write(small, made)
    ladder.write(small, replace(made, torch="99.16.0", device="simulated"))
    for language in ("en", "zh"):
        assert f" · torch {minor}–99.15 · " in run_line(small, language)
        assert run_line(small, language).endswith(f'\n{{ .rp-run title="{where}" }}')
    assert "99." not in run_line(small, block="table"), "it differed there"
    ladder.write(small, replace(made, torch="99.17.1", python="3.13", system="Darwin arm64", failed=[]))
    assert f" · torch {minor}–99.17 · " in run_line(small)
    assert f'title="{pinned}, 99.15.0: {where}; 99.17.1: Python 3.13, Darwin arm64"' in run_line(small)
    assert f" · torch {pinned}, 99.17.1 · " in run_line(small, block="table"), "a version between the two is missing"
    assert f" · torch {pinned}、99.17.1 · " in run_line(small, "zh", "table")


# ---- since and until ---------------------------------------------------------------------------------------------------


def pinned_minor(tree: Tree) -> str:
    return ".".join(ladder_run.PIN.findall(tree.requirements.read_text(encoding="utf-8"))[0][7:].split(".")[:2])


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "torch_version", lambda: "99.1.0+cu999")


def verdict(tree: Tree, sessions: Sessions, block: str) -> Verdict:
    return next(v for v in check.check(tree, sessions=sessions).verdicts if v.block == block)


def test_until_is_nothing_on_the_pinned_torch(small: Tree, sessions: Sessions) -> None:
    add_entry("until", torch=pinned_minor(small))(small)
    assert check.check(small, sessions=sessions).ok
    report, _ = recording.record(small, sessions=sessions)
    assert report.ok


def test_a_block_that_is_said_to_differ_on_a_newer_torch_must_differ(
    small: Tree, sessions: Sessions, newer: None
) -> None:
    add_entry("until", torch=pinned_minor(small))(small)
    found = verdict(small, sessions, "scale")
    assert found.status == "failed" and found.message.startswith(f"{SCALE}:\n    the ledger says until torch 2.")
    assert found.message.endswith(
        "but it prints its record on 99.1.0+cu999: delete its [[until]] entry in tests/ledger.toml"
    )
    output("scale", "text", r"4\.", "5.")(small)
    found = verdict(small, sessions, "scale")
    assert found.status == "skipped" and found.message == f"until torch {pinned_minor(small)}, here is 99.1.0+cu999"


def then(tree: Tree, section: str, **texts: str) -> None:
    inner = ", ".join(f"{json.dumps(old)} = {json.dumps(new)}" for old, new in texts.items())
    add_entry("until", section=section, torch=pinned_minor(tree))(tree)
    tree.ledger.write_text(tree.ledger.read_text(encoding="utf-8") + f"then = {{ {inner} }}\n", encoding="utf-8")


def test_what_newer_ones_print_is_held_against_them(small: Tree, sessions: Sessions, newer: None) -> None:
    output("scale", "text", r"4\.", "5.")(small)  # the record of an older torch
    then(small, "scale", **{"5., 6.": "4., 6."})
    assert verdict(small, sessions, "scale").status == "passed"
    small.ledger.write_text(small.ledger.read_text(encoding="utf-8").replace('"4., 6."', '"4., 7."'), encoding="utf-8")
    found = verdict(small, sessions, "scale")
    assert found.status == "failed" and f"{SCALE}:" in found.message and "7. is now 6." in found.message


def test_a_message_and_its_type_may_change(small: Tree, sessions: Sessions, newer: None) -> None:
    edit("tests/ledger.toml", 'error = "RuntimeError"', 'error = "ValueError"')(small)
    output("wrong_shape", "ename", "RuntimeError", "ValueError")(small)
    assert verdict(small, sessions, "wrong_shape").status == "failed"
    then(small, "wrong_shape", **{"ValueError: The size": "RuntimeError: The size"})
    assert verdict(small, sessions, "wrong_shape").status == "passed"
    edit("tests/ledger.toml", '"RuntimeError: The size"', '"TypeError: The size"')(small)
    assert verdict(small, sessions, "wrong_shape").status == "failed"


@pytest.mark.parametrize("old", ["nothing of it", "., "])
def test_a_text_that_is_not_once_in_the_record_is_told_on_any_torch(small: Tree, sessions: Sessions, old: str) -> None:
    then(small, "scale", **{old: "new"})
    found = verdict(small, sessions, "scale")
    assert found.status == "failed" and found.message.endswith("correct its [[until]] entry in tests/ledger.toml")
    assert SCALE in found.message and "times in its record" in found.message


def test_later_changes_every_kind_of_output() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a old\n", "b"]},
        {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "two", "text/html": "<p>two</p>"}},
        {"output_type": "error", "ename": "RuntimeError", "evalue": "mean: x", "traceback": []},
    ]
    cell = Cell("s", "", Hashes("", ""), 0.0, outputs)
    entry = Entry(
        "until", "p", "s", "r", torch="2.14", then=(("old", "new"), ("two", "three"), ("RuntimeError: mean", "E: mean"))
    )
    made = bounds.later(entry, cell).outputs
    assert made[0]["text"] == "a new\nb" and made[1]["data"] == {"text/plain": "three", "text/html": "<p>three</p>"}
    assert (made[2]["ename"], made[2]["evalue"]) == ("E", "mean: x")
    assert cell.outputs[2]["ename"] == "RuntimeError", "the record stays as it is"


def test_the_page_shows_what_newer_ones_print(small: Tree) -> None:
    then(small, "scale", **{"4.": "`5`  5."})
    assert f"\N{NO-BREAK SPACE}· after torch {pinned_minor(small)}: `` `5` 5. ``\N{NO-BREAK SPACE}· [" in run_line(
        small
    )
    assert f"\N{NO-BREAK SPACE}· torch {pinned_minor(small)} 之后：" in run_line(small, "zh")


def test_the_page_shows_until(small: Tree) -> None:
    add_entry("until", torch=pinned_minor(small), reason="it went", reason_zh="没了")(small)
    assert f"\N{NO-BREAK SPACE}· until torch {pinned_minor(small)}: it went\N{NO-BREAK SPACE}· [" in run_line(small)
    assert f"\N{NO-BREAK SPACE}· 适用到 torch {pinned_minor(small)}：没了\N{NO-BREAK SPACE}· [" in run_line(small, "zh")


def test_a_block_that_waits_for_a_newer_torch(small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    add_entry("since", section="table", torch="99.1", reason="it came", reason_zh="有了")(small)
    report, _ = recording.record(small, sessions=sessions)
    assert report.ok and [v.status for v in report.verdicts] == ["passed", "skipped", "passed", "passed"]
    cell = records.read(small, "part/small").cell("table")
    assert cell is not None and cell.needs == "torch>=99.1" and cell.outputs == []
    assert run_line(small, block="table").startswith(
        "torch 99.1 is needed; not run yet\N{NO-BREAK SPACE}· since torch 99.1: it came"
    )
    assert run_line(small, "zh", "table").startswith(
        "需要 torch 99.1；尚未运行\N{NO-BREAK SPACE}· 从 torch 99.1 起：有了"
    )
    script = (small.build / "en" / "part" / "part_small.py").read_text(encoding="utf-8")
    assert 'if torch.__version__ >= "99.1":\n    import pandas as pd' in script
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.1.0")
    report = check.check(small, sessions=sessions)
    assert report.ok and not [v for v in report.verdicts if v.status == "skipped"]
    ladder.write(small, on(proven.rung(small, report), "99.1.0"))
    assert run_line(small, block="table").startswith("run on CPU · torch 99.1.0 · ")
    assert "| 0 | first | 0.25 |" in (small.build / "en" / "part" / "small.md").read_text(encoding="utf-8")
    assert ladder.newest(ladder.read(small), "part/small", "table", "of other code") is None


def test_since_and_until_beside_the_pinned_torch(small: Tree) -> None:
    add_entry("since", torch="2.1")(small)
    with pytest.raises(
        BookError,
        match=r"tests/ledger\.toml: \[\[since\]\] part/small \"scale\": torch 2\S+ is pinned, which is not older than 2\.1",
    ):
        ledger.load(small)
    edit("tests/ledger.toml", "[[since]]", "[[until]]")(small)
    with pytest.raises(
        BookError, match=r"\[\[until\]\] part/small \"scale\": torch 2\S+ is pinned, which is newer than 2\.1"
    ):
        ledger.load(small)


@pytest.mark.parametrize("torch", ["2", "2.15.0", "two"])
def test_a_bound_names_major_and_minor(small: Tree, torch: str) -> None:
    add_entry("until", torch=torch)(small)
    with pytest.raises(BookError, match=r'write major and minor, such as "2\.15"'):
        ledger.load(small)


def test_the_books_own_entries_of_until_fit_their_records() -> None:
    found = [entry for entry in ledger.load(HERE).entries if entry.kind == "until"]
    assert found
    for entry in found:
        cell = records.read(HERE, entry.page).cell(entry.section)
        assert cell is not None and bounds.fault(entry, cell) == "", entry
