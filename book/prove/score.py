"""How well the observed names agree with names that people labelled by reading code: tests/apis_labelled/*.txt.

A file holds blocks, run in order in one namespace::

    # == read_items
    x[0], x[x > 0]
    # -> .__getitem__ torch.gt

A leading dot stands for ``torch.Tensor``; a block may have several lines of labels; text before the first block is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from book.ground.errors import BookError, at
from book.ground.tree import Tree
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import Sessions

LEAST = 0.97
"""Precision and recall that the engine must reach."""


@dataclass(frozen=True)
class Labelled:
    """A block and the names that a reader says it uses."""

    name: str
    code: str
    names: frozenset[str]


@dataclass(frozen=True)
class Judged:
    """A labelled block and the names that were observed."""

    file: str
    block: Labelled
    observed: frozenset[str]

    def __str__(self) -> str:
        """What differs, in words; empty where nothing does."""
        wrong = [f"+{name}" for name in sorted(self.observed - self.block.names)]
        wrong += [f"-{name}" for name in sorted(self.block.names - self.observed)]
        return f"{self.file}: {self.block.name}: {' '.join(wrong)}" if wrong else ""


@dataclass(frozen=True)
class Score:
    blocks: tuple[Judged, ...]

    @property
    def precision(self) -> float:
        """Share of the observed names that are labelled."""
        return self._right / max(sum(len(one.observed) for one in self.blocks), 1)

    @property
    def recall(self) -> float:
        """Share of the labelled names that are observed."""
        return self._right / max(sum(len(one.block.names) for one in self.blocks), 1)

    @property
    def _right(self) -> int:
        return sum(len(one.observed & one.block.names) for one in self.blocks)

    @property
    def good(self) -> bool:
        return min(self.precision, self.recall) >= LEAST

    def __str__(self) -> str:
        labels = sum(len(one.block.names) for one in self.blocks)
        lines = [str(one) for one in self.blocks if str(one)]
        lines.append(
            f"{len(self.blocks)} blocks, {labels} labels: precision {self.precision:.4f}, recall {self.recall:.4f} "
            f"(both must be at least {LEAST})"
        )
        return "\n".join(lines)


def parse(text: str, file: str = "labelled") -> list[Labelled]:
    """The blocks of a file.

    Raises:
        BookError: a block has no labels, or a name stands for two blocks.
    """
    blocks: list[Labelled] = []
    for match in re.finditer(r"^# == (?P<name>\S+)\n(?P<body>.*?)(?=^# == |\Z)", text, re.MULTILINE | re.DOTALL):
        code: list[str] = []
        labels: list[str] = []
        for line in match["body"].splitlines():
            (labels if line.startswith("# ->") else code).append(line)
        place = text.count("\n", 0, match.start()) + 1
        if not labels:
            raise at(file, place, f'block "{match["name"]}" has no labels: end it with "# ->" and the names it uses')
        if any(block.name == match["name"] for block in blocks):
            raise at(file, place, f'there are two blocks "{match["name"]}"')
        names = " ".join(line.removeprefix("# ->") for line in labels).split()
        full = frozenset(f"torch.Tensor{name}" if name.startswith(".") else name for name in names)
        blocks.append(Labelled(match["name"], "\n".join(code).strip("\n") + "\n", full))
    return blocks


def score(tree: Tree, sessions: Sessions) -> Score:
    """Run every labelled block with the observer.

    Raises:
        BookError: a block fails; labels of code that does not run are worth nothing.
    """
    files = sorted((tree.root / "tests" / "apis_labelled").glob("*.txt"))
    parsed = {path: parse(path.read_text(encoding="utf-8"), tree.relative(path)) for path in files}
    jobs = [_job(tree, path, blocks) for path, blocks in parsed.items()]
    judged: list[Judged] = []
    for run, (path, blocks) in zip(sessions.run(jobs), parsed.items(), strict=True):
        results = {result.name: result for result in run.results}
        for block in blocks:
            judged.append(Judged(path.stem, block, frozenset(_names(tree.relative(path), block.name, results))))
    return Score(tuple(judged))


def _job(tree: Tree, path: Path, blocks: Sequence[Labelled]) -> Job:
    code = tuple(BlockCode(block.name, block.code) for block in blocks)
    return Job(f"labelled/{path.stem}", code, str(tree.root), observe=True)


def _names(file: str, block: str, results: dict[str, BlockResult]) -> list[str]:
    result = results.get(block)
    if result is None or result.failure:
        raise BookError(f'{file}: block "{block}" does not run: {result.failure if result else "one above it failed"}')
    return result.apis
