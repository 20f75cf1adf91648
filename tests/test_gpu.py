"""book.record.gpu"""

from __future__ import annotations

import subprocess
from contextlib import nullcontext

import pytest
from faults import ledger, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, on_gpu, recording
from book.record import gpu, records
from book.record.gpu import GpuBlock, GpuRecord
from book.run.session import Sessions

PASS = GpuRecord(
    "H200", "2.12.0", "2026-01-01", (GpuBlock("p", "b", "c", True, 0.5), GpuBlock("p", "d", "e", False, 0))
)


def test_a_gpu_record_comes_back_as_it_was_written(small: Tree) -> None:
    assert gpu.read_gpu(small) == GpuRecord()
    gpu.write_gpu(small, PASS)
    assert gpu.read_gpu(small) == PASS


def test_a_pass_is_of_one_page_block_and_code() -> None:
    assert PASS.passed("p", "b", "c") and not PASS.passed("p", "d", "e")
    assert PASS.find("p", "b", "other code") is None and PASS.find("q", "b", "c") is None
    assert PASS.find("p", "d", "e") == PASS.blocks[1]


def answer(monkeypatch: pytest.MonkeyPatch, text: str, status: int = 0) -> None:
    monkeypatch.delenv("BOOK_DEVICE", raising=False)
    monkeypatch.setattr(on_gpu.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, status, text, ""))


def test_find_device_takes_what_torch_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, '["cuda", "cuda", "NVIDIA H200"]')
    assert on_gpu.find_device() == ("cuda", "cuda", "NVIDIA H200")


def test_a_named_device_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    assert on_gpu.find_device() == ("cpu", "cpu", "cpu")


def test_no_accelerator_is_said(monkeypatch: pytest.MonkeyPatch, small: Tree) -> None:
    answer(monkeypatch, "")
    with pytest.raises(BookError, match="no accelerator on this machine, so nothing was run and nothing was recorded"):
        on_gpu.run_on_gpu(small)
    assert not (small.records / gpu.FILE).exists()


def test_the_question_to_torch_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_DEVICE", raising=False)
    try:
        found, _, name = on_gpu.find_device()
    except BookError as error:
        assert "no accelerator" in str(error)
    else:
        assert found != "cpu" and name


@pytest.fixture
def warm(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Sessions", lambda: nullcontext(sessions))


@pytest.mark.usefixtures("warm")
def test_the_path_can_be_tried_on_the_cpu_without_a_record(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    report, made = on_gpu.run_on_gpu(small)
    assert report.ok and [b.passed for b in made.blocks] == [True] * 4
    assert not (small.records / gpu.FILE).exists()


@pytest.mark.usefixtures("warm")
def test_every_block_gets_its_own_verdict(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.write_gpu(small, PASS)
    monkeypatch.setenv("BOOK_DEVICE", "meta")  # computes nothing: no tensor is printed or drawn as on a CPU
    monkeypatch.setattr(on_gpu, "ACCELERATORS", ("meta",))
    report, made = on_gpu.run_on_gpu(small, ["part/small"])
    assert {b.block: b.passed for b in made.blocks if b.page == "part/small"} == {
        "scale": False, "table": True, "curve": False, "wrong_shape": False
    }  # fmt: skip
    assert [v.status for v in report.verdicts] == ["failed", "passed", "failed", "failed"]
    assert gpu.read_gpu(small) == made and made.blocks[:2] == PASS.blocks, "other pages keep their passes"
    hashes = [cell.hashes.code for cell in records.read(small, "part/small").cells]
    assert [b.code for b in made.blocks[2:]] == hashes


@pytest.mark.usefixtures("warm")
def test_what_the_cpu_cannot_run_is_judged_by_itself_and_kept(
    small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger("needs", section="table", what="accelerator")(small)
    recording.record(small, sessions=sessions)
    monkeypatch.setenv("BOOK_DEVICE", "meta")
    monkeypatch.setattr(on_gpu, "ACCELERATORS", ("meta",))
    report, made = on_gpu.run_on_gpu(small, ["part/small"])
    assert [v.status for v in report.verdicts] == ["failed", "passed", "failed", "failed"]
    kept = {b.block: b.outputs for b in made.blocks}
    assert "first" in str(kept.pop("table")) and set(map(str, kept.values())) == {"[]"}
    assert gpu.read_gpu(small) == made
    monkeypatch.setenv("BOOK_DEVICE", "cpu")  # is no accelerator: the block is left out
    report, made = on_gpu.run_on_gpu(small, ["part/small"])
    assert [v.status for v in report.verdicts] == ["passed", "skipped", "passed", "passed"]
    assert [b.block for b in made.blocks] == ["scale", "curve", "wrong_shape"]


@pytest.mark.usefixtures("warm")
def test_a_device_that_runs_nothing_leaves_the_record_alone(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.write_gpu(small, PASS)
    monkeypatch.setenv("BOOK_DEVICE", "nonsense")
    with pytest.raises(
        BookError, match="BOOK_DEVICE=nonsense does not work here, so nothing was run and nothing was recorded"
    ):
        on_gpu.run_on_gpu(small)
    assert gpu.read_gpu(small) == PASS


def test_no_record_no_run(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    write("docs/records/part/small.ipynb", "{")(small)
    with pytest.raises(BookError, match=r"docs/records/part/small\.ipynb: not a whole record"):
        on_gpu.run_on_gpu(small)
