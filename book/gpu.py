"""docs/records/gpu.json: which blocks ran on a GPU, with the same outputs as the CPU record."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from book import check, ledger
from book.check import Report, Say, silent
from book.errors import BookError, at
from book.records import torch_version
from book.tree import Tree, write_atomically

FILE = "gpu.json"


@dataclass(frozen=True)
class GpuBlock:
    """One block on the GPU: the hash of the code that ran, whether it matched, seconds.

    ``outputs`` are kept only for a block that the CPU can't run: there they are the only ones.
    """

    page: str
    block: str
    code: str
    passed: bool
    seconds: float
    outputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class GpuRecord:
    """A GPU pass: the machine, and every block it ran."""

    gpu: str = ""
    torch: str = ""
    date: str = ""
    blocks: tuple[GpuBlock, ...] = ()

    def find(self, page: str, block: str, code: str) -> GpuBlock | None:
        """The pass of this very code (a block that changed since counts as not run)."""
        return next((b for b in self.blocks if (b.page, b.block, b.code) == (page, block, code)), None)

    def passed(self, page: str, block: str, code: str) -> bool:
        found = self.find(page, block, code)
        return found is not None and found.passed


def read_gpu(tree: Tree) -> GpuRecord:
    """The GPU record; empty when no GPU pass was ever recorded."""
    path = tree.records / FILE
    if not path.is_file():
        return GpuRecord()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return GpuRecord(data["gpu"], data["torch"], data["date"], tuple(GpuBlock(**b) for b in data["blocks"]))
    except (ValueError, KeyError, TypeError) as error:
        raise at(
            tree.relative(path), None, f"not a whole GPU record ({error}): run make gpu on a machine with one"
        ) from error


def write_gpu(tree: Tree, record: GpuRecord) -> None:
    write_atomically(tree.records / FILE, json.dumps(asdict(record), indent=1) + "\n")


ACCELERATORS = ("cuda", "mps", "xpu")
QUESTION = """
import json, sys, torch
named = sys.argv[1]
found = torch.device(named) if named else torch.accelerator.current_accelerator(check_available=True)
if found is not None:
    torch.ones(1, device=found)
    name = torch.cuda.get_device_name(found) if found.type == "cuda" else found.type
    print(json.dumps([str(found), found.type, name]))
"""


def find_device() -> tuple[str, str, str]:
    """The device to use, its type and its name: BOOK_DEVICE if set, else what torch finds (asked in a process of its own).

    Raises:
        BookError: there is none, or the named one does not work here.
    """
    named = os.environ.get("BOOK_DEVICE", "")
    answer = subprocess.run([sys.executable, "-c", QUESTION, named], capture_output=True, text=True, check=False)
    if answer.returncode:
        why = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "no reason given"
        raise BookError(f"BOOK_DEVICE={named} does not work here, so nothing was run and nothing was recorded: {why}")
    if not answer.stdout.strip():
        raise BookError(
            "no accelerator on this machine, so nothing was run and nothing was recorded: "
            "run make gpu on a machine with a GPU, or name a device with BOOK_DEVICE=cpu to try the path"
        )
    device, kind, name = json.loads(answer.stdout)
    return str(device), str(kind), str(name)


def run_on_gpu(tree: Tree, names: Sequence[str] = (), say: Say = silent) -> tuple[Report, GpuRecord]:
    """Run the pages on the accelerator, compare with the CPU records, and record which blocks matched.

    Every block runs, also after one that failed, so that each gets its own verdict. A run with BOOK_DEVICE=cpu tries
    the path and records nothing: only what ran on an accelerator counts.

    Raises:
        BookError: no accelerator or one that runs nothing, or a page without a record.
    """
    device, kind, gpu_name = find_device()
    chosen = check.load_pages(tree, names)
    book_ledger = ledger.load(tree)
    known, problems = check.read_records(tree, chosen)
    if problems:
        raise BookError("\n".join(problems))
    jobs = [
        check.job_of(tree, chosen[name], book_ledger, device=device) for name in check.longest_first(list(known), known)
    ]
    report, blocks = Report(), []
    for run in check.run_jobs(jobs, 1, say):
        report.runs.append(run)
        verdicts = check.judge(tree, chosen[run.page], run, book_ledger, known[run.page], device=device)
        report.verdicts += verdicts
        cells = {cell.name: cell for cell in known[run.page].cells}
        own = {
            result.name: result.outputs for result in run.results if result.name in cells and cells[result.name].needs
        }
        blocks += [
            GpuBlock(
                v.page,
                v.block,
                cells[v.block].hashes.code,
                v.status == "passed",
                round(v.seconds, 4),
                own.get(v.block, []),
            )
            for v in verdicts
            if v.status != "skipped" and v.block in cells
        ]
    report.seconds = sum(run.seconds for run in report.runs)
    if report.runs and not any(run.machine for run in report.runs):
        why = report.failed[0].message if report.failed else "every process died"
        raise BookError(f"nothing ran on {gpu_name}, so nothing was recorded: {why}")
    kept = [b for b in read_gpu(tree).blocks if b.page not in chosen] if names else []
    made = GpuRecord(gpu_name, torch_version(), datetime.date.today().isoformat(), tuple(kept + blocks))
    if kind in ACCELERATORS:
        write_gpu(tree, made)
    return report, made
