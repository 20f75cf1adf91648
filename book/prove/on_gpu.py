"""Run every block on the accelerator, and record which match the CPU's records."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Sequence

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report, Say, silent
from book.record.gpu import GpuBlock, GpuRecord, read_gpu, write_gpu
from book.record.records import torch_version
from book.source import ledger

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
