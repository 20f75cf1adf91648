"""What a session is asked to run, and what running it gave: data that pass between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class BlockCode:
    """A block's name and what runs; for a piece of the toolkit, also what it ``shows``: (file, first line, last line)."""

    name: str
    code: str
    shows: tuple[str, int, int] | None = None


@dataclass(frozen=True)
class Job:
    """One page to run: its blocks in order, where, and for how long each block may take (seconds).

    ``label`` tells runs of the same page apart (mutants); the page's name is used where it is empty.
    A page goes on below a block that fails, unless it ``stops`` at the first failure that is not one of ``raises``.
    ``observe`` notes which public names of torch each block uses (book.run.observe), with compiled functions left
    ``compiled`` or run as Python, and with hooks in all blocks but the ``plain`` ones.
    ``device`` is an accelerator that the page finds; it is the default device only if the page is ``moved`` (book.run.moved).
    ``threads`` is of torch; ``elsewhere`` runs the page in another world (book.run.elsewhere).
    ``shapes`` notes which tensors each line binds or returns (book.run.shapes).
    ``shake`` runs the blocks under rounding noise (book.run.rounding) drawn from that seed.
    """

    page: str
    blocks: tuple[BlockCode, ...]
    root: str
    limit: float = 60.0
    device: str | None = None
    raises: frozenset[str] = frozenset()
    label: str = ""
    observe: bool = False
    compiled: bool = False
    plain: frozenset[str] = frozenset()
    stops: bool = False
    threads: int = 1
    elsewhere: bool = False
    shake: int | None = None
    moved: bool = False
    shapes: bool = False


@dataclass
class BlockResult:
    """What one block did.

    Attributes:
        outputs: nbformat output dicts.
        seconds: wall time of the block alone.
        failure: why the block did not end as a block should (None: it ended well). An exception is a failure here;
            the ledger may expect it.
        error: (type name, message) of an exception that left the block.
        warnings: each as (category, message, own) with ``own`` true when the page's own line caused it.
        unseeded: the block drew random numbers and never seeded.
        harms: what it does to others, a sentence each (book.run.guard).
        generators: the global generators that it drew from or seeded, each with a hash of the state it left.
        apis: the public names of torch that it uses, sorted; known when the page has ended, in an observing run only.
        refused: what it shows or does that no page may, whatever the ledger expects.
        line: the line of the block at which an exception left it, from 1 (0: none did, or it has no place there).
        on_device: it made a tensor on the accelerator.
        shapes: line of the block, from 1 -> ``name text`` of each tensor that it binds or returns (None: not asked).
        compiled: under rounding noise, it had a function compiled, which is then not shaken inside.
    """

    name: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None
    error: tuple[str, str] | None = None
    warnings: list[tuple[str, str, bool]] = field(default_factory=list)
    unseeded: bool = False
    harms: list[str] = field(default_factory=list)
    generators: dict[str, str] = field(default_factory=dict)
    apis: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    line: int = 0
    compiled: bool = False
    on_device: bool = False
    shapes: dict[int, list[str]] | None = None

    def refuse(self, why: str) -> None:
        if why not in self.refused:
            self.refused.append(why)


@dataclass(frozen=True)
class Machine:
    """What ran the page: versions, the CPU capability that torch uses, and the processor (never the host's name)."""

    python: str
    torch: str
    cpu: str
    system: str
    device: str
    numpy: str = ""
    pandas: str = ""
    matplotlib: str = ""
    vendor: str = ""
    model: str = ""
