"""The generated status page: every page and block, whether it passed, how long it took, on what, and the ledger."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from book.ground.tree import Tree
from book.record import machines, records
from book.record.gpu import MOVED, NONE, YES, GpuBlock, GpuRecord
from book.record.machines import Proof
from book.record.records import Record
from book.site import matrix
from book.source import pages
from book.source.ledger import Entry, Ledger
from book.source.markdown import front_matter

WORDS = {
    "en": {
        "title": "Status",
        "description": "Every page and block of the book: whether it ran, how long it took, and on what.",
        "intro": "This page is made from the recorded runs; nobody writes it by hand. A page is built only from a record that matches its code.",
        "all": "In all",
        "total": "**{blocks:,} blocks on {pages} pages** ran with torch {torch} in {seconds:.1f} s. "
        "{raises} blocks end in an exception on purpose; {loose} other exceptions from the rules stand in the ledger.",
        "programs": "Each block has a program that runs it alone, proven by running it: {median} lines in the median and {worst} at most, "
        "where everything above the block with it would be {full} in the median. {fallback} programs need everything above their block.",
        "summary": "| page | blocks | passed | seconds | torch | CPU | GPU | ledger |",
        "blocks": "| block | passed | seconds | GPU | ledger |",
        "gpu_intro": "Three questions about accelerators; their numbers are of different things, so nobody adds them up.",
        "gpu_shown": "**As shown on a machine with a GPU**: {told}",
        "gpu_moved": "**Moved**, with its tensors made on the GPU, random numbers drawn on the CPU and TF32 off: {told}",
        "gpu_sim": "**As shown beside a simulated accelerator**, which computes on the CPU and refuses what CUDA refuses: {told}",
        "moves": "Moved to the simulated accelerator, {yes:,} blocks print their record, {none:,} make no tensor and {stay:,} stay on the CPU: "
        "they raise an exception on purpose, print other values there, or need NumPy's memory, the CPU's generator or a tensor of the CPU. "
        "{unknown:,} were not asked yet.",
        "gpu_none": "not run yet.",
        "gpu_passed": "{passed:,} of {all:,} blocks print their record ({gpu}, torch {torch}, {date}).",
        "sim_passed": "{passed:,} blocks print their record, {failed:,} don't, {skipped:,} can't be asked (torch {torch}, {date}{older}).",
        "sim_older": ", with records that have changed since",
        "machines": "Machines",
        "machines_intro": "Kinds of machines on which every block of every page was run and held against its record. "
        "Each row is written by such a run, `python -m book check --prove`, and by nothing else.",
        "machines_none": "No run over all pages has been noted yet.",
        "machines_head": "| processor | capability | system | Python | torch | world | pages | blocks | passed | state |",
        "proven": "proven on {date}",
        "failing": "{failed} differ, {date}",
        "older": "{date}, with records that have changed since",
        "ledger": "Ledger",
        "ledger_intro": 'Every exception from "runs cleanly and prints exactly this", with its reason.',
        "ledger_head": "| block | what | reason |",
        "pages": "Pages",
        "yes": "yes",
        "not_yet": "not yet",
        "differs": "differs",
    },
    "zh": {
        "title": "运行状态",
        "description": "全书每一页、每个代码块：是否运行通过、用时多少、在什么环境上运行。",
        "intro": "本页由运行记录自动生成，不经手写。只有与代码一致的记录才会用来构建页面。",
        "all": "总计",
        "total": "**{pages} 页、{blocks:,} 个代码块**已用 torch {torch} 运行，共 {seconds:.1f} 秒。"
        "{raises} 个代码块有意以异常结束；此外，例外清单中还有 {loose} 条。",
        "programs": "每个代码块都有一个可单独运行的程序，并已实际运行验证：中位数 {median} 行，最长 {worst} 行；"
        "若连同上文全部代码，中位数为 {full} 行。有 {fallback} 个程序需要上文的全部代码。",
        "summary": "| 页面 | 代码块 | 通过 | 用时（秒） | torch | 处理器 | GPU | 例外 |",
        "blocks": "| 代码块 | 通过 | 用时（秒） | GPU | 例外 |",
        "gpu_intro": "关于加速器有三个问题，三个数各有所指，不能相加。",
        "gpu_shown": "**在带 GPU 的机器上照原样运行**：{told}",
        "gpu_moved": "**移到 GPU 上**（张量在 GPU 上创建，随机数在 CPU 上抽取，关闭 TF32）：{told}",
        "gpu_sim": "**在模拟加速器旁照原样运行**（它在 CPU 上计算，凡 CUDA 拒绝的它也拒绝）：{told}",
        "moves": "移到模拟加速器上时，{yes:,} 个代码块打印出与记录相同的结果，{none:,} 个不创建张量，{stay:,} 个留在 CPU 上："
        "它们有意抛出异常，或者在那里打印的值不同，或者需要 NumPy 的内存、CPU 的生成器或 CPU 上的张量。还有 {unknown:,} 个尚未运行。",
        "gpu_none": "尚未运行。",
        "gpu_passed": "{all:,} 个代码块中有 {passed:,} 个打印出与记录相同的结果（{gpu}，torch {torch}，{date}）。",
        "sim_passed": "{passed:,} 个代码块打印出与记录相同的结果，{failed:,} 个不同，{skipped:,} 个无法模拟（torch {torch}，{date}{older}）。",
        "sim_older": "，此后记录有变动",
        "machines": "机器",
        "machines_intro": "以下各种机器都运行过全书每一页的每个代码块，并与记录逐一比对。"
        "每一行都由这样一次运行（`python -m book check --prove`）写入，没有其他来源。",
        "machines_none": "尚无覆盖全书的运行。",
        "machines_head": "| 处理器 | 指令集 | 系统 | Python | torch | 环境 | 页 | 代码块 | 通过 | 结果 |",
        "proven": "{date} 全部一致",
        "failing": "{date}，{failed} 个不一致",
        "older": "{date}，此后记录有变动",
        "ledger": "例外清单",
        "ledger_intro": "凡不符合“干净运行、输出完全一致”的代码块，都列在这里，并写明原因。有意抛出异常的代码块，原因一栏写的是它所讲解的内容。",
        "ledger_head": "| 代码块 | 例外 | 原因 |",
        "pages": "各页明细",
        "yes": "是",
        "not_yet": "尚未",
        "differs": "不一致",
    },
}

KINDS = {
    "en": {
        "raises": "raises {error}",
        "tolerance": "rtol {rtol:g}, atol {atol:g}",
        "volatile": "numbers vary",
        "warns": "warns",
        "needs": "needs {what}",
        "sim": "not on the simulated accelerator",
        "since": "since torch {torch}",
        "until": "until torch {torch}",
    },
    "zh": {
        "raises": "抛出 {error}",
        "tolerance": "rtol {rtol:g}，atol {atol:g}",
        "volatile": "数值会变",
        "warns": "有警告",
        "needs": "需要 {what}",
        "sim": "模拟加速器做不到",
        "since": "从 torch {torch} 起",
        "until": "适用到 torch {torch}",
    },
}
NEEDS: dict[str, dict[str, str]] = {"en": {}, "zh": {"cuda": "需要 CUDA", "accelerator": "需要加速器"}}


def page(tree: Tree, language: str, ledger: Ledger, gpu: GpuRecord) -> str:
    """The status page as Markdown. Every block that ran passed, or ``record`` would not have written it."""
    words = WORDS[language]
    rows, details, exceptions = [], [], []
    blocks = seconds = 0.0
    moved: list[GpuBlock | None] = []
    shown: list[GpuBlock | None] = []
    versions: set[str] = set()
    names = 0
    programs: list[dict[str, Any]] = []
    known: list[Record] = []
    for name in tree.pages(language):
        source = pages.load(tree, name, language)
        if not source.blocks:
            continue
        record = records.read(tree, name)
        known.append(record)
        names += 1
        version = record.machine.torch.partition("+")[0]
        versions.add(version)
        programs += [c.program for c in record.cells if c.program]
        passes = [gpu.find(name, c.name, c.hashes.code) for c in record.cells]
        good = sum(p is not None and p.passed for p in passes)
        ran = sum(not c.needs or (p is not None and p.passed) for c, p in zip(record.cells, passes, strict=True))
        spent = sum(c.seconds for c in record.cells)
        blocks, seconds = blocks + ran, seconds + spent
        shown += passes
        moved += [gpu.find(name, c.name, c.hashes.code, MOVED) for c in record.cells]
        title = source.meta.get("title", name)
        entries = ledger.of_page(name)
        rows.append(
            f"| [{title}]({name}.md) | {len(record.cells)} | {ran} | {spent:.2f} | {version} "
            f"| {record.machine.cpu} | {good} | {len(entries)} |"
        )
        slug = name.replace("/", "-")
        if entries:
            exceptions += ["", f"### {title} {{#ledger-{slug}}}", "", words["ledger_head"], "| --- | --- | --- |"]
            exceptions += [
                f"| [`{e.section}`]({name}.md#code-{e.section}) | {_kind(language, e)} | {e.told(language)} |"
                for e in entries
            ]
        details += ["", f"### {title} {{#status-{slug}}}", "", words["blocks"], "| --- | --- | ---: | --- | --- |"]
        for cell, on in zip(record.cells, passes, strict=True):
            told = words["not_yet"] if on is None else words["yes"] if on.passed else words["differs"]
            passed = told if cell.needs else words["yes"]
            kinds = "; ".join(_kind(language, e) for e in entries if e.section == cell.name)
            link = f"[`{cell.name}`]({name}.md#code-{cell.name})"
            details.append(f"| {link} | {passed} | {cell.seconds:.3f} | {told} | {kinds} |")
    raises = sum(e.kind == "raises" for e in ledger.entries)
    total = words["total"].format(
        blocks=int(blocks),
        pages=names,
        torch=", ".join(sorted(versions)) or "-",
        seconds=seconds,
        raises=raises,
        loose=len(ledger.entries) - raises,
    )
    proofs, digest = machines.read(tree), machines.digest(known)
    simulated = next((proof for proof in proofs if proof.world == machines.SIMULATED), None)
    return "\n".join(
        [
            *front_matter(words["title"], words["description"], "exclude: true"),
            "",
            f"# {words['title']} {{#status}}",
            "",
            words["intro"],
            "",
            total,
            "",
            words["gpu_intro"],
            "",
            f"- {words['gpu_shown'].format(told=_counted(words, gpu, shown))}",
            f"- {words['gpu_moved'].format(told=_counted(words, gpu, moved))}",
            f"  {_moves(words['moves'], [c.moves for r in known for c in r.cells if not c.needs])}",
            f"- {words['gpu_sim'].format(told=_simulated(words, simulated, digest))}",
            "",
            _programs(words["programs"], programs),
            "",
            words["summary"],
            "| --- | ---: | ---: | ---: | --- | --- | ---: | ---: |",
            *rows,
            "",
            *matrix.section(tree, language, known),
            f"## {words['machines']} {{#machines}}",
            "",
            words["machines_intro"],
            "",
            *_machines(words, [p for p in proofs if p is not simulated], digest),
            "",
            f"## {words['ledger']} {{#ledger}}",
            "",
            words["ledger_intro"],
            *exceptions,
            "",
            f"## {words['pages']} {{#pages}}",
            *details,
            "",
        ]
    )


def _counted(words: dict[str, str], gpu: GpuRecord, blocks: Sequence[GpuBlock | None]) -> str:
    """How many of the blocks that ran on the GPU in one way printed their record."""
    ran = [block for block in blocks if block is not None and block.how != NONE]
    if not ran:
        return words["gpu_none"]
    passed = sum(block.passed for block in ran)
    return words["gpu_passed"].format(passed=passed, all=len(ran), gpu=gpu.gpu, torch=gpu.torch, date=gpu.date)


def _moves(sentence: str, found: Sequence[str]) -> str:
    """What became of the blocks that were moved to the simulated accelerator, by the words in their records."""
    yes, none, unknown = (found.count(word) for word in (YES, NONE, ""))
    return sentence.format(yes=yes, none=none, unknown=unknown, stay=len(found) - yes - none - unknown)


def _simulated(words: dict[str, str], proof: Proof | None, digest: str) -> str:
    if proof is None:
        return words["gpu_none"]
    return words["sim_passed"].format(**vars(proof), older="" if proof.records == digest else words["sim_older"])


def _machines(words: dict[str, str], proofs: Sequence[Proof], digest: str) -> list[str]:
    """A row per kind of machine: proven with the records as they are, or else when, and what differed."""
    if not proofs:
        return [words["machines_none"]]
    rows = [words["machines_head"], "| --- | --- | --- | --- | --- | --- | ---: | ---: | ---: | --- |"]
    for one in proofs:
        state = "older" if one.records != digest else "failing" if one.failed else "proven"
        cells = (
            f"{one.vendor} {one.model}".strip() or "-", one.cpu, one.system, one.python, one.torch, one.world or "-",
            one.pages, one.passed + one.failed + one.skipped, one.passed, words[state].format(**vars(one)),
        )  # fmt: skip
        rows.append(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |")
    return rows


def _programs(sentence: str, programs: list[dict[str, Any]]) -> str:
    """How small the standalone programs are."""
    if not programs:
        return ""
    return sentence.format(
        median=int(statistics.median(p["lines"] for p in programs)),
        worst=max(p["lines"] for p in programs),
        full=int(statistics.median(p["full"] for p in programs)),
        fallback=sum(p["guess"] == "all" for p in programs),
    )


def _kind(language: str, entry: Entry) -> str:
    return NEEDS[language].get(entry.what) or KINDS[language][entry.kind].format(**vars(entry))
