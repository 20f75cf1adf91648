"""Shapes of tensors, line by line, as a record keeps them: compared, and told in words."""

from __future__ import annotations

from collections.abc import Sequence

from book.record.records import Cell, Shapes
from book.run.job import BlockResult


def stable(result: BlockResult, other: BlockResult | None) -> Shapes | None:
    """What a record keeps of a block: the lines on which two runs, the second in another world, agree."""
    if result.shapes is None:
        return None
    again = other.shapes if other and other.shapes is not None else result.shapes
    return {str(line): notes for line, notes in result.shapes.items() if again.get(line) == notes}


def fault(cell: Cell, result: BlockResult) -> str | None:
    """The first line whose tensors are not those of the record; None if all are, or if one side was never asked."""
    if cell.shapes is None or result.shapes is None:
        return None
    for line, notes in cell.shapes.items():
        found = result.shapes.get(int(line), [])
        if found != notes:
            return f"line {line} of the block has {told(found) or 'no tensor'}, recorded {told(notes)}"
    return None


def told(notes: Sequence[str]) -> str:
    """What a line binds or returns, in one line: ``x float32 (2, 3); y float32 (2,)``, of one thing without its name."""
    texts = {note.partition(" ")[2] for note in notes}
    return texts.pop() if len(texts) == 1 else "; ".join(note.strip() for note in notes)


def annotated(code: str, shapes: Shapes | None) -> str:
    """Code with the shapes of its lines as comments behind them."""
    lines = code.rstrip("\n").split("\n")
    wide = min(max(map(len, lines), default=0), 72)
    for line, notes in (shapes or {}).items():
        at = int(line) - 1
        lines[at] = f"{lines[at].ljust(wide)}  # {told(notes)}"
    return "\n".join(lines)
