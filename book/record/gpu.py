"""docs/records/gpu.json: which blocks ran on a GPU, as shown and moved, with the same outputs as the CPU record."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from book.ground.errors import at
from book.ground.files import write_atomically
from book.ground.tree import Tree

FILE = "gpu.json"
SHOWN, MOVED = "shown", "moved"
YES, NONE = "yes", "none"  # it prints its record moved; it makes no tensor, so there is nothing to move
VERSIONS = "versions"  # it prints something else with the packages of that machine, with and without its GPU alike


@dataclass(frozen=True)
class GpuBlock:
    """One block on the GPU: the hash of the code that ran, how (``mode``), whether it matched, seconds.

    ``outputs`` are kept only for a block that the CPU can't run: there they are the only ones. ``on_device``: it made
    tensors on the GPU. ``how`` it did when it was moved: a word of ``moved_how``; or ``VERSIONS``.
    """

    page: str
    block: str
    code: str
    mode: str
    passed: bool
    seconds: float
    on_device: bool = False
    how: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class GpuRecord:
    """A GPU pass: the machine, and every block it ran."""

    gpu: str = ""
    torch: str = ""
    date: str = ""
    blocks: tuple[GpuBlock, ...] = ()

    @cached_property
    def _found(self) -> dict[tuple[str, str, str, str], GpuBlock]:
        return {(b.page, b.block, b.code, b.mode): b for b in self.blocks}

    def find(self, page: str, block: str, code: str, mode: str = SHOWN) -> GpuBlock | None:
        """The pass of this very code (a block that changed since counts as not run)."""
        return self._found.get((page, block, code, mode))


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
