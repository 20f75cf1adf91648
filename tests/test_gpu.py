"""book.record.gpu"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from books import write_page
from faults import ledger, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, on_gpu, recording
from book.prove.check import Verdict
from book.record import gpu, records
from book.record.gpu import MOVED, SHOWN, GpuBlock, GpuRecord
from book.run.session import Sessions

PASS = GpuRecord(
    "H200",
    "2.12.0",
    "2026-01-01",
    (GpuBlock("p", "b", "c", SHOWN, True, 0.5), GpuBlock("p", "d", "e", SHOWN, False, 0)),
)


def test_a_gpu_record_comes_back_as_it_was_written(small: Tree) -> None:
    assert gpu.read_gpu(small) == GpuRecord()
    gpu.write_gpu(small, PASS)
    assert gpu.read_gpu(small) == PASS


def test_a_pass_is_of_one_page_block_code_and_mode() -> None:
    assert PASS.find("p", "b", "c") == PASS.blocks[0]
    assert PASS.find("p", "b", "other code") is None and PASS.find("q", "b", "c") is None
    assert PASS.find("p", "b", "c", MOVED) is None
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
    monkeypatch.setenv("BOOK_DEVICE", "meta")
    with pytest.raises(BookError, match="BOOK_DEVICE=meta is none of cuda, mps, xpu"):
        on_gpu.find_device()


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


NEEDS = [
    ("cuda", "cuda:0", True), ("cuda", "mps", False), ("cuda", "xpu", False), ("cuda", None, False), ("cuda", "sim", False),
    ("accelerator", "cuda", True), ("accelerator", "mps", True), ("accelerator", "cpu", False), ("accelerator", "sim", False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "device", "met"), NEEDS)
def test_cuda_is_no_other_accelerator_and_a_simulated_one_is_none(what: str, device: str | None, met: bool) -> None:
    entry = check.ledger.Entry("needs", "p", "b", "reason", what=what)
    assert check.unmet(entry, device) == (None if met else f"needs {what}")


@pytest.fixture
def warm(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Sessions", lambda: nullcontext(sessions))


@pytest.fixture
def gpu_here(warm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated accelerator stands for a real one."""
    monkeypatch.setattr(on_gpu, "find_device", lambda: ("sim", "sim", "H200"))
    monkeypatch.setattr(on_gpu, "ACCELERATORS", ("sim",))
    monkeypatch.setattr(check, "NO_ACCELERATOR", ("cpu",))


@pytest.mark.usefixtures("warm")
def test_the_path_can_be_tried_on_the_cpu_without_a_record(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    report, made = on_gpu.run_on_gpu(small)
    assert report.ok and [(b.mode, b.passed) for b in made.blocks] == [(SHOWN, True)] * 4
    assert not (small.records / gpu.FILE).exists()


BLOCKS = {
    "choose": "import torch\n\ndevice = torch.accelerator.current_accelerator(check_available=True) or torch.device('cpu')",
    "draws": "torch.manual_seed(0)\nx = torch.rand(3)\nprint(x)",
    "names_type": "print(x.type(), repr(x.device))",
    "moves": "y = x.to(device)\nprint(y * 2)",
    "numpy_shares": "a = x.numpy()\na[0] = 7\nprint(x[0].item())",
    "below": "print(float(a[0]))",
    "own_generator": "r = torch.Generator().get_state()\nz = r * 1\nprint(torch.zeros(2, device='cpu') + torch.ones(2))",
    "fails_moved": "print(x.is_cpu)",
    "raises": "torch.ones(2) + torch.ones(3)",
}
RAISES = (
    "[[raises]]\npage = 'part/page'\nsection = 'raises'\nerror = 'RuntimeError'\nmessage = 'size'\n"
    "reason = 'r'\nreason_zh = 'r'\nmend = 'm'\nmend_zh = 'm'\n"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Tree:
    tree = write_page(tmp_path_factory.mktemp("page"), BLOCKS, RAISES)
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    return tree


@pytest.mark.usefixtures("gpu_here")
def test_as_shown_and_moved_are_two_questions(page: Tree) -> None:
    report, made = on_gpu.run_on_gpu(page)
    assert report.ok and len(report.verdicts) == len(BLOCKS), "the report is of the pages as shown"
    shown = {b.block: b for b in made.blocks if b.mode == SHOWN}
    assert all(b.passed and not b.how for b in shown.values()) and list(shown) == list(BLOCKS)
    assert [name for name, b in shown.items() if b.on_device] == ["moves"]
    moved = {b.block: (b.passed, b.how) for b in made.blocks if b.mode == MOVED}
    assert moved == {
        "choose": (True, "none"), "draws": (True, "yes"), "names_type": (True, "none"), "moves": (True, "yes"),
        "numpy_shares": (False, "differs"), "below": (True, "none"), "own_generator": (False, "devices"),
        "fails_moved": (False, "differs"),
    }  # fmt: skip
    assert gpu.read_gpu(page) == made


@pytest.mark.usefixtures("gpu_here")
def test_the_record_is_written_page_by_page_and_other_pages_keep_theirs(
    small: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.write_gpu(small, PASS)
    written: list[int] = []
    monkeypatch.setattr(on_gpu, "write_gpu", lambda tree, record: written.append(len(record.blocks)))
    _, made = on_gpu.run_on_gpu(small, ["part/small"])
    assert written == [2 + 4, 2 + 4 + 3] and made.blocks[:2] == PASS.blocks
    hashes = [cell.hashes.code for cell in records.read(small, "part/small").cells]
    assert [b.code for b in made.blocks[2:6]] == hashes
    assert (made.gpu, made.torch) == ("H200", records.torch_version())


@pytest.mark.usefixtures("gpu_here")
def test_other_versions_of_packages_are_no_difference_and_other_code_is(small: Tree) -> None:
    write("requirements.txt", "torch==1.0\nnumpy==1.0\n")(small)
    assert on_gpu.run_on_gpu(small)[0].ok
    snippet = small.snippets / "part" / "small.py"
    snippet.write_text(snippet.read_text(encoding="utf-8").replace("2 * x", "x + x"), encoding="utf-8")
    report, made = on_gpu.run_on_gpu(small)
    assert not any(b.passed for b in made.blocks) and "changed since it was recorded" in report.failed[0].message


OTHER = {
    "same": "import torch\n\nprint(torch.ones(2).sum().item())",
    "version": "print('says two')",
    "device": "print(torch.accelerator.is_available())",
    "raises": "raise RuntimeError('size: new words')",
    "own_fault": "print(1)",
    "warns": "import warnings\n\nwarnings.warn('process 1', stacklevel=1)\nprint('one')",
}


WARNS = "[[warns]]\npage = 'part/page'\nsection = 'warns'\nmessage = 'process'\nreason = 'r'\nreason_zh = 'r'\n"


@pytest.fixture
def older(tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A page whose record was made with other packages: they printed, and raised, other words."""
    tree = write_page(tmp_path, OTHER, RAISES + WARNS)
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    record = records.read(tree, "part/page")
    write_page(tmp_path, OTHER, RAISES)
    changed = {"version": ("two", "one"), "raises": ("new words", "old words"), "own_fault": ("1", "2")}
    cells = [
        replace(cell, outputs=json.loads(json.dumps(cell.outputs).replace(*changed.get(cell.name, ("", "")))))
        for cell in record.cells
    ]
    cells[-1] = replace(cells[-1], outputs=cells[-1].outputs[1:])  # it didn't warn
    records.write(tree, replace(record, cells=tuple(cells), machine=replace(record.machine, torch="2.12.0")))
    monkeypatch.setattr(on_gpu, "PINNED", ("torch",))
    return tree


@pytest.mark.usefixtures("gpu_here")
def test_what_the_packages_of_the_machine_change_is_set_apart_from_what_its_gpu_changes(
    older: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> dict[str, dict[str, on_gpu.BlockResult]]:
        (run,) = check.run_jobs(
            [check.job_of(older, page, check.ledger.load(older)) for page in check.load_pages(older).values()], 1
        )
        found = {result.name: result for result in run.results}
        found["own_fault"].outputs[0]["text"] = "3\n"  # without the accelerator it prints something else again
        return {run.page: found}

    monkeypatch.setattr(on_gpu, "control", without)
    report, made = on_gpu.run_on_gpu(older)
    assert {v.block: v.status for v in report.verdicts} == {
        "same": "passed", "version": "skipped", "device": "failed", "raises": "skipped", "own_fault": "failed",
        "warns": "skipped",
    }  # fmt: skip
    shown = {b.block: (b.passed, b.how) for b in made.blocks if b.mode == SHOWN}
    assert shown == {
        "same": (True, ""), "version": (False, "versions"), "device": (False, ""), "raises": (False, "versions"),
        "own_fault": (False, ""), "warns": (False, "versions"),
    }  # fmt: skip


@pytest.mark.usefixtures("gpu_here")
def test_with_the_packages_of_the_record_nothing_is_set_apart(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_gpu, "control", lambda *_: pytest.fail("a control run that nobody needs"))
    assert on_gpu.run_on_gpu(small)[0].ok


@pytest.mark.usefixtures("gpu_here")
def test_what_the_cpu_cannot_run_is_judged_by_itself_and_kept(
    small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger("needs", section="table", what="accelerator")(small)
    recording.record(small, sessions=sessions)
    report, made = on_gpu.run_on_gpu(small, ["part/small"])
    assert [v.status for v in report.verdicts] == ["passed"] * 4
    kept = {b.block: b.outputs for b in made.blocks}
    assert "first" in str(kept.pop("table")) and set(map(str, kept.values())) == {"[]"}
    assert not [b for b in made.blocks if (b.mode, b.block) == (MOVED, "table")], "it is on the GPU already"
    monkeypatch.undo()
    monkeypatch.setenv("BOOK_DEVICE", "cpu")  # is no accelerator: the block is left out
    monkeypatch.setattr(check, "Sessions", lambda: nullcontext(sessions))
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
    monkeypatch.setattr(on_gpu, "find_device", lambda: ("nonsense", "cuda", "H200"))
    with pytest.raises(BookError, match="nothing ran on H200, so nothing was recorded"):
        on_gpu.run_on_gpu(small)
    assert gpu.read_gpu(small) == PASS


def test_no_record_no_run(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_DEVICE", "cpu")
    write("docs/records/part/small.ipynb", "{")(small)
    with pytest.raises(BookError, match=r"docs/records/part/small\.ipynb: not a whole record"):
        on_gpu.run_on_gpu(small)


FAILED = Verdict("p", "b", "failed", "TypeError: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()")
WHY = {
    "can't convert cuda:0 device type tensor to numpy": "numpy",
    "Expected a 'cuda' device type for generator but found 'cpu'": "generator",
    "Expected all tensors to be on the same device, but found at least two devices": "devices",
    "output 1: number 1 differs": "differs",
    "docs/en/p.md:1 (snippets/p.py:1): not run: the page ended with block x above": "",
    "the block crashed its process (SIGABRT)": "",
}


@pytest.mark.parametrize("message", WHY)
def test_why_a_moved_block_does_not_print_its_record(message: str) -> None:
    assert on_gpu.moved_how(replace(FAILED, message=message), True) == WHY[message]
    assert on_gpu.moved_how(replace(FAILED, follows="x"), True) == "follows"
    assert [on_gpu.moved_how(replace(FAILED, status="passed"), on) for on in (True, False)] == ["yes", "none"]


def test_a_record_keeps_what_moves_until_its_block_changes(page: Tree, tmp_path: Path, sessions: Sessions) -> None:
    tree = Tree(Path(shutil.copytree(page.root, tmp_path / "book")))
    ((name, words),) = on_gpu.move(tree, sessions=sessions)
    kept = {cell.name: cell.moves for cell in records.read(tree, name).cells}
    assert kept == words and words["raises"] == "raises" and words["moves"] == "yes" and words["below"] == "none"
    assert check.check(tree, sessions=sessions).ok, "the record is no other for it"
    snippet = tree.snippets / "part" / "page.py"
    snippet.write_text(snippet.read_text(encoding="utf-8").replace("y = x.to", "y = 1 * x.to"), encoding="utf-8")
    with pytest.raises(BookError, match='block "moves" changed since it was recorded'):
        list(on_gpu.move(tree, sessions=sessions))
    recording.record(tree, sessions=sessions)
    again = {cell.name: cell.moves for cell in records.read(tree, name).cells}
    assert again["draws"] == words["draws"] and (again["moves"], again["below"]) == ("", "")
