"""What the runs on other versions of torch showed: a table for the status page, and words for the line under a block."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from book.ground import versions
from book.ground.tree import Tree
from book.record import ladder
from book.record.ladder import Rung
from book.record.records import Cell, Record
from book.source.ledger import Entry
from book.source.words import words as words_of

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # those of .github/workflows/ci.yml
SYSTEMS = {"Linux": "Linux", "Darwin": "macOS", "Windows": "Windows"}  # as Python names it -> as readers do


@dataclass(frozen=True)
class Spot:
    """One cell of the matrix."""

    torch: str
    system: str
    device: str
    python: str

    def holds(self, made: Rung) -> bool:
        here = (made.torch, SYSTEMS.get(made.system.partition(" ")[0], made.system), made.device, made.python)
        return here == (self.torch, self.system, self.device, self.python)


def section(tree: Tree, language: str, known: Sequence[Record]) -> list[str]:
    """The matrix as lines of Markdown, from the recorded runs alone; a cell that no run filled says so."""
    words, rungs, pinned = words_of("ladder", language), ladder.read(tree), versions.pinned(tree)
    digests = {record.page: ladder.digest(record) for record in known}
    torches = sorted({made.torch for made in rungs} | ({pinned} if pinned else set()), key=versions.numbers)
    pythons = sorted({*PYTHONS, *(made.python for made in rungs)}, key=versions.numbers)
    lines = [
        f"## {words['title']} {{#torch-versions}}",
        "",
        words["intro"].format(pinned=pinned or "-"),
        "",
        f"| {words['head']} | {' | '.join(f'Python {python}' for python in pythons)} |",
        "| --- | --- | --- |" + " --- |" * len(pythons),
    ]
    differing: list[str] = []
    for torch in torches:
        for system in dict.fromkeys(SYSTEMS.values()):
            for device in ladder.DEVICES:
                spots = [Spot(torch, system, device, python) for python in pythons]
                found = [next((made for made in rungs if spot.holds(made)), None) for spot in spots]
                cells = [_cell(words, made, known, digests) for made in found]
                lines.append(f"| {torch} | {system} | {words[device]} | {' | '.join(cells)} |")
                differing += [line for made in found if made for line in _differing(words, made, digests)]
    return [*lines, *(["", words["differing"], "", *differing] if differing else []), ""]


def _cell(words: Mapping[str, str], made: Rung | None, known: Sequence[Record], digests: Mapping[str, str]) -> str:
    if made is None:
        return words["none"]
    proven = sum(made.proves(record.page, digests[record.page], cell.name) for record in known for cell in record.cells)
    blocks = sum(len(record.cells) for record in known)
    told = words["cell"].format(proven=proven, blocks=blocks, date=made.date)
    return told + (words["differ"].format(failed=len(made.failed)) if made.failed else "")


def _differing(words: Mapping[str, str], made: Rung, digests: Mapping[str, str]) -> list[str]:
    """A line for a run in which blocks differed, with a link to each that is still there."""
    links = []
    for name in made.failed:
        page, _, block = name.partition("::")
        if page in digests:
            links.append(f"[`{page}: {block}`]({page}.md#code-{block})")
    where = words["row"].format(
        torch=made.torch, python=made.python, system=made.system, device=words[made.device]
    )  # fmt: skip
    return [f"- {where}: {words['and'].join(links)}"] if links else []


@dataclass(frozen=True)
class Proven:
    """The versions of torch that a block was proven on, as its line shows them, and where; ``where`` may be empty."""

    torches: str
    where: str = ""


def proven(language: str, record: Record, rungs: Sequence[Rung]) -> dict[str, Proven]:
    """Block -> the versions that it was proven on: the one of its record, and those of the runs that agreed with it."""
    words, digest = words_of("ladder", language), ladder.digest(record)
    return {cell.name: _proven(words, record, digest, cell.name, rungs) for cell in record.cells}


def _proven(words: Mapping[str, str], record: Record, digest: str, block: str, rungs: Sequence[Rung]) -> Proven:
    recorded = record.machine.torch.partition("+")[0]
    found: dict[str, list[str]] = {recorded: [_where(record.machine.python.rpartition(".")[0], record.machine.system)]}
    for made in rungs:
        if made.device == ladder.CPU and made.proves(record.page, digest, block):
            found[made.torch] = list(dict.fromkeys([*found.get(made.torch, []), _where(made.python, made.system)]))
    if len(found) == 1:
        return Proven(recorded)
    torches = sorted(found, key=versions.numbers)
    places: dict[str, list[str]] = {}  # where -> the versions that were run there
    for torch in torches:
        places.setdefault("; ".join(found[torch]), []).append(torch)
    told = [f"{words['and'].join(those)}: {place}" for place, those in places.items()]
    return Proven(_range(words, torches, rungs), "; ".join(places if len(places) == 1 else told))


def _where(python: str, system: str) -> str:
    return f"Python {python}, {system}"


def _range(words: Mapping[str, str], torches: Sequence[str], rungs: Sequence[Rung]) -> str:
    """``2.13\N{EN DASH}2.15`` where no version that was run between the two is missing, else each by itself."""
    run = {made.torch for made in rungs if made.device == ladder.CPU}
    first, last = torches[0], torches[-1]
    between = [each for each in run if versions.numbers(first) < versions.numbers(each) < versions.numbers(last)]
    if not set(between) <= set(torches):
        return words["and"].join(torches)
    return "\N{EN DASH}".join(each.rpartition(".")[0] for each in (first, last))


def bound(language: str, entry: Entry | None) -> str:
    """For which torch a block holds, and why or what newer ones print; empty for a block without such an entry."""
    if entry is None:
        return ""
    words: dict[str, str] = words_of("ladder", language)
    then = words["and"].join(code(new) for _, new in entry.then)
    return words["then" if then else entry.kind].format(torch=entry.torch, reason=entry.told(language), then=then)


def code(text: str) -> str:
    """Text as inline code of one line."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    inner = " ".join(text.split())
    return f"{ticks} {inner} {ticks}" if len(ticks) > 1 else f"{ticks}{inner}{ticks}"


def own(rungs: Sequence[Rung], record: Record, cell: Cell) -> tuple[Rung, dict[str, Any]] | None:
    """The newest run that shows a block which the pinned torch is too old for."""
    return ladder.newest(rungs, record.page, cell.name, cell.hashes.code)
