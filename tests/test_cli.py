"""book.cli"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RunBook
from faults import edit, ledger, output

from book import cli
from book.ground.tree import HERE, Tree
from book.prove.check import Report, Verdict
from book.record import machines


def test_check_passes_and_counts(small: Tree, run_book: RunBook) -> None:
    status, said = run_book(small, "check")
    assert status == 0
    assert said.startswith("4 passed; 1 pages, blocks 0.") and ", wall " in said


def test_check_fails_with_the_place(small: Tree, run_book: RunBook) -> None:
    output("scale", "text", r"4\.", "5.")(small)
    status, said = run_book(small, "check", "part/small")
    assert status == 1
    assert "3 passed, 1 failed" in said and "FAILED part/small::scale\n  docs/en/part/small.md:10 " in said


def test_gpu_simulates(small: Tree, run_book: RunBook) -> None:
    status, said = run_book(small, "gpu", "--device", "sim", "--prove")
    assert status == 0 and said.startswith("4 passed; 1 pages, ")
    assert machines.read(small)[0].world == "simulated accelerator"
    output("scale", "text", r"4\.", "5.")(small)
    assert run_book(small, "gpu", "--device", "sim")[0] == 1


def test_record_tells_what_changed(small: Tree, run_book: RunBook) -> None:
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    status, said = run_book(small, "record", "--workers", "1")
    assert status == 0 and "part/small: scale: output 1: number 1 differs: 2. is now 3." in said
    assert run_book(small, "check")[0] == 0


def test_stage_and_audit(small: Tree, run_book: RunBook) -> None:
    status, said = run_book(small, "stage")
    assert status == 0 and said.endswith(" files written under build/\n") and not said.startswith("0 ")
    assert run_book(small, "stage") == (0, "0 files written under build/\n")
    assert run_book(small, "audit") == (0, "0 problems\n")
    small.page("zh", "part/small").unlink()
    status, said = run_book(small, "audit")
    assert status == 1 and said.startswith("1 problems\nerror: docs/zh/part/small.md: missing")


def test_mutate_fails_below_its_share(small: Tree, run_book: RunBook) -> None:
    arguments = ("mutate", "part/small", "--n", "6", "--seed", "1")
    status, said = run_book(small, *arguments, "--at-least", "0")
    assert status == 0 and said.splitlines()[-1].startswith("6 mutants, ")
    assert run_book(small, *arguments, "--at-least", "1.1")[0] == 1


def test_gpu_counts_what_matches(small: Tree, run_book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    status, said = run_book(small, "gpu")
    assert status == 0 and "shown: 4 of 4 blocks print their record" in said


def test_no_program_of_what_needs_a_gpu(small: Tree, run_book: RunBook) -> None:
    ledger("needs", section="table", what="cuda")(small)
    run_book(small, "record")
    status, said = run_book(small, "copy", "part/small:table")
    assert status == 1 and "part/small:table needs cuda, so its program was never run" in said
    assert run_book(small, "copy", "part/small:scale")[0] == 0


def test_an_unknown_page_is_an_error_with_a_hint(small: Tree, run_book: RunBook) -> None:
    assert run_book(small, "check", "part/smal") == (
        1, 'error: no page "part/smal" (did you mean "part/small"?); pages are docs/en/**.md\n'
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["check", "--nonsense"]])
def test_bad_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: python -m book" in capsys.readouterr().err


def test_interrupting_is_no_crash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("book.site.stage.stage", stop)
    assert cli.main(["stage"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_tell_shows_problems_and_skips(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report([Verdict("p", "a", "passed"), Verdict("p", "b", "skipped", "needs x")], problems=["docs/x: broken"])
    assert cli._tell(report) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1 passed, 1 skipped; 0 pages") and err == "error: docs/x: broken\n"


def test_the_module_is_a_program(small: Tree) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.root)}
    command = [sys.executable, "-m", "book", "--root", str(small.root), "audit"]
    done = subprocess.run(command, cwd=Path("/"), env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0 problems\n"), done.stderr


def ask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``python -m book find`` as a process of its own, in Chinese."""
    command = [sys.executable, "-m", "book", "find", "梯度裁剪", "--language", "zh", *arguments]
    return subprocess.run(
        command, cwd=HERE.root, env={**os.environ, **environment}, capture_output=True, timeout=120, check=False
    )


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "cp1252"])
def test_a_terminal_that_is_not_utf_8_loses_letters_only(encoding: str) -> None:
    done = ask(PYTHONIOENCODING=encoding)
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.returncode == ask(PYTHONIOENCODING="utf-8").returncode
    assert done.stdout or done.stderr


def test_a_reader_that_stops_reading_is_no_error() -> None:
    command = f"{sys.executable} -m book find clip_grad_norm_ --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=HERE.root, capture_output=True, text=True, timeout=120)
    assert done.stdout == "{" or done.stdout == "["
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("find x --most -1", "must be at least 1, got -1"),
        ("serve --port 99999", "a port is a number from 0 to 65535, got 99999"),
        ("check --workers 0", "must be at least 1, got 0"),
        ("shake --seeds 0", "must be at least 1, got 0"),
        ("shake --workers -1", "must be at least 1, got -1"),
        ("portable --workers 0", "must be at least 1, got 0"),
        ("mutate concepts/autograd --n 0", "must be at least 1, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments.split())
    assert stopped.value.code == 2 and says in capsys.readouterr().err
