"""book.site.status"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from faults import edit
from faults import ledger as add_entry

from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.names import apis, leftout
from book.prove import check, on_gpu, proven, recording
from book.record import machines, noticed, records
from book.record.gpu import MOVED, SHOWN, VERSIONS, GpuBlock, GpuRecord, read_gpu
from book.record.noticed import Noticed
from book.run.session import Sessions
from book.site import status
from book.source import ledger
from book.source.words import words as words_of


def page(tree: Tree, language: str = "en", on_gpu: GpuRecord | None = None) -> str:
    return status.page(tree, language, ledger.load(tree), on_gpu or GpuRecord())


def test_every_page_and_block_is_listed(small: Tree) -> None:
    text = page(small)
    seconds = sum(cell.seconds for cell in records.read(small, "part/small").cells)
    assert "**4 blocks on 1 pages** ran with torch 2." in text and f"in {seconds:.1f} s" in text
    assert "| [Small](part/small.md) | 4 | 4 |" in text
    for name in ("scale", "table", "curve", "wrong_shape"):
        assert f"| [`{name}`](part/small.md#code-{name}) | yes |" in text
    for what in ("As shown on a machine with a GPU**", "TF32 off", "refuses what CUDA refuses"):
        assert f"{what}: not run yet.\n" in text


def test_what_the_book_says_of_gpus_stands_in_their_record() -> None:
    """README and the home page say "more than half", the afterword names the card."""
    passes, pages = read_gpu(HERE), check.load_pages(HERE)
    cells = [(name, cell) for name in pages for cell in records.read(HERE, name).cells]
    good = [passes.find(name, cell.name, cell.hashes.code) for name, cell in cells]
    assert sum(found is not None and found.passed for found in good) > len(cells) / 2
    for language in LANGUAGES:
        said = HERE.page(language, "start/afterword").read_text(encoding="utf-8")
        assert passes.gpu in " ".join(said.split())


@pytest.mark.parametrize("how", ["", VERSIONS])
def test_what_another_torch_changes_is_not_counted_as_the_gpus(small: Tree, how: str) -> None:
    cell = records.read(small, "part/small").cells[0]
    gone = GpuBlock("part/small", cell.name, cell.hashes.code, SHOWN, False, 0.1, how=how)
    text = page(small, on_gpu=GpuRecord("H200", "2.11.0+cu130", "2026-01-01", (gone,)))
    assert ("1 print something else with torch 2.11.0, and so they do with the GPU hidden" in text) == bool(how)
    row = next(line for line in text.splitlines() if line.startswith(f"| [`{cell.name}`]"))
    assert row.split("|")[4].strip() == ("other torch" if how else "differs")


def test_the_ledger_is_counted_and_listed(small: Tree) -> None:
    add_entry("tolerance", rtol=0.01, atol=0, reason="AVX2 rounds otherwise")(small)
    text = page(small)
    assert "1 blocks end in an exception on purpose; 1 other exceptions" in text
    listed = text.split("## Ledger")[1].split("## Pages")[0]
    assert "### Small {#ledger-part-small}" in listed
    assert "| [`scale`](part/small.md#code-scale) | rtol 0.01, atol 0 | AVX2 rounds otherwise |" in listed
    assert "| [`wrong_shape`](part/small.md#code-wrong_shape) | raises RuntimeError |" in listed
    assert "| yes | " in text and "| raises RuntimeError |" in text.split("## Pages")[1]


def test_a_gpu_pass_counts_only_for_the_code_it_ran(small: Tree) -> None:
    hashes = {c.name: c.hashes.code for c in records.read(small, "part/small").cells}
    blocks = (
        GpuBlock("part/small", "scale", hashes["scale"], SHOWN, True, 0.1),
        GpuBlock("part/small", "table", hashes["table"], SHOWN, False, 0.1),
        GpuBlock("part/small", "curve", "of another code", SHOWN, True, 0.1),
        GpuBlock("part/small", "scale", hashes["scale"], MOVED, False, 0.1, how="differs"),
    )
    text = page(small, on_gpu=GpuRecord("H200", "2.12.0", "2026-01-01", blocks))
    assert (
        "**As shown on a machine with a GPU**: 1 of 2 blocks print their record (H200, torch 2.12.0, 2026-01-01)."
        in text
    )
    assert "TF32 off: 0 of 1 blocks print their record (H200, torch 2.12.0, 2026-01-01)." in text
    rows = [line for line in text.split("## Pages")[1].splitlines() if line.startswith("| [`")]
    cells = {line.split("`")[1]: line.split(" | ")[3] for line in rows}
    assert cells == {"scale": "yes", "table": "differs", "curve": "not yet", "wrong_shape": "not yet"}


def test_a_block_that_waits_for_a_gpu_did_not_pass(small: Tree, sessions: Sessions) -> None:
    add_entry("needs", section="table", what="cuda")(small)
    recording.record(small, sessions=sessions)
    text = page(small)
    assert "**3 blocks on 1 pages** ran" in text and "| [Small](part/small.md) | 4 | 3 |" in text
    assert "| [`table`](part/small.md#code-table) | not yet | 0.000 | not yet | needs cuda |" in text
    hashes = {c.name: c.hashes.code for c in records.read(small, "part/small").cells}
    block = GpuBlock("part/small", "table", hashes["table"], SHOWN, True, 0.1)
    text = page(small, on_gpu=GpuRecord("H200", "2.12.0", "2026-01-01", (block,)))
    assert "**4 blocks on 1 pages** ran" in text and "| [Small](part/small.md) | 4 | 4 |" in text
    assert "| [`table`](part/small.md#code-table) | yes | 0.000 | yes | needs cuda |" in text


def test_chinese_has_the_same_ids_and_numbers(small: Tree) -> None:
    english, chinese = page(small), page(small, "zh")
    ids = [line.partition("{#")[2] for line in english.splitlines() if line.startswith("#")]
    assert ids == [line.partition("{#")[2] for line in chinese.splitlines() if line.startswith("#")]
    assert "**1 页、4 个代码块**" in chinese and "[小页](part/small.md)" in chinese
    assert chinese.count("：尚未运行。") == english.count(": not run yet.") == 3  # on no GPU, so no number of one
    assert chinese.count("\n") == english.count("\n")


def test_chinese_readers_get_reasons_and_needs_in_chinese(small: Tree) -> None:
    add_entry("needs", section="table", what="cuda", reason="CUDA's events", reason_zh="使用 CUDA 的事件")(small)
    add_entry("needs", section="curve", what="accelerator")(small)
    text = page(small, "zh")
    assert "| [`table`](part/small.md#code-table) | 需要 CUDA | 使用 CUDA 的事件 |" in text
    assert "| [`wrong_shape`](part/small.md#code-wrong_shape) | 抛出 RuntimeError | 形状不一致时的报错 |" in text
    assert "| 需要加速器 | 测试 |" in text and "CUDA's" not in text


def test_thousands_have_a_comma(small: Tree) -> None:
    for language, told in (("en", "**1,649 blocks on 2 pages**"), ("zh", "**2 页、1,649 个代码块**")):
        words = words_of("status", language)["total"]
        assert told in words.format(blocks=1649, pages=2, torch="", seconds=0, raises=0, loose=0)


def test_the_simulated_run_is_told_apart_from_machines_and_gpus(small: Tree, sessions: Sessions) -> None:
    machines.write(small, proven.proof(small, on_gpu.simulate(small, sessions=sessions), machines.SIMULATED))
    text = page(small)
    assert "refuses what CUDA refuses: 4 blocks print their record, 0 don't, 0 can't be asked (torch 2." in text
    assert "No run over all pages has been noted yet." in text and "records that have changed since" not in text
    edit("docs/records/part/small.ipynb", "tensor([2., 4., 6.])", "tensor([2., 4., 7.])")(small)
    assert ", with records that have changed since)." in page(small)


def test_no_other_run_is_taken_for_the_simulated_one(small: Tree, sessions: Sessions) -> None:
    report = on_gpu.simulate(small, sessions=sessions)
    with pytest.raises(BookError, match="it ran on sim, which make gpu records"):
        proven.proof(small, report)
    with pytest.raises(BookError, match="it ran on cpu"):
        proven.proof(small, check.check(small, sessions=sessions), machines.SIMULATED)


def test_nothing_is_told_of_moving_before_it_was_asked(small: Tree) -> None:
    assert "Moved to the simulated accelerator" not in page(small)


def test_operations_are_counted_by_what_would_be_missed(small: Tree) -> None:
    assert "{#names}" not in page(small), "nobody has tried yet"
    (cell,) = (cell for cell in records.read(small, "part/small").cells if cell.name == "scale")
    rows = [
        Noticed("torch.arange", "part/small", "scale", "", noticed.key([cell])),
        Noticed("torch.ones", "part/small", "scale", "", "0" * 16),  # a program that has changed since
        Noticed("torch.tensor", "", "", "no block prints anything else", "0" * 16),
    ]
    noticed.write(small, rows)
    listed = apis.load()
    operations = {api.family for api in listed.by_name.values() if api.group == "torch.fft"}
    for language in ("en", "zh"):
        text = page(small, language)
        assert "## " in text.partition("{#names}")[0].splitlines()[-1]
        (total,) = re.findall(r"^\| \*\*.*", text.partition("{#names}")[2], flags=re.MULTILINE)
        assert total.endswith("| 1 (0%) |")
        assert f"| `torch.fft` | {len(operations)} | 0 (0%) | 0 (0%) |" in text


def test_goals_reasons_and_what_waits_stand_on_the_page(
    small: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftout, "FILE", tmp_path / "leftout.toml")
    leftout.FILE.write_text("", encoding="utf-8")
    english, chinese = (page(small, language).partition("{#reach}")[2].partition("\n## ")[0] for language in LANGUAGES)
    assert re.search(r"^\| functions and classes \| 1,\d{3} \| \d \(0\.\d%\) \| 95% \|$", english, flags=re.MULTILINE)
    assert "### Deprecated: " in english and "(limit 170) {#shown-deprecated}" in english
    assert "`jit.script`" not in english and "`script → torch.compile`" in english
    assert "{#shown-left}" in english and "{#shown-other}" not in english, "a heading of nothing"
    assert "### 已弃用：" in chinese and "（上限 170 个）" in chinese and "`script → torch.compile`" in chinese
    assert [*re.findall(r"`[^`]+`", english)] == [*re.findall(r"`[^`]+`", chinese)]


def test_what_is_left_out_by_hand_says_why(small: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftout, "FILE", tmp_path / "leftout.toml")
    leftout.FILE.write_text(
        '[[row]]\nnames = ["torch.jit.unused", "torch.jit.Attribute"]\nreason = "other"\n'
        'why = "Only the compiler of TorchScript reads it."\nwhy_zh = "只有 TorchScript 的编译器读取。"\n',
        encoding="utf-8",
    )
    names = ["`torch.jit.Attribute`", "`torch.jit.unused`"]
    assert f"- {', '.join(names)}: Only the compiler of TorchScript reads it." in page(small)
    assert f"- {'、'.join(names)}：只有 TorchScript 的编译器读取。" in page(small, "zh")
