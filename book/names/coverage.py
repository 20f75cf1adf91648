"""How many of the public names and of their operations some block uses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from book.ground.errors import BookError
from book.names.apis import WHERE, Apis

GOALS = Path(__file__).parent / "goals.json"


@dataclass(frozen=True)
class Coverage:
    """How many of a set of names (and of the operations behind them) some block uses."""

    names: int
    used: int
    families: int
    used_families: int

    def __str__(self) -> str:
        return (
            f"{self.used} of {self.names} names ({self.used / max(self.names, 1):.1%}), "
            f"{self.used_families} of {self.families} operations"
        )


def coverage(apis: Apis, used: Iterable[str], key: str = "where") -> dict[str, Coverage]:
    """Coverage for each value of ``key`` (``where`` or ``group``)."""
    seen = set(apis.named(used))
    seen_families = apis.operations(seen)
    names: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    families: dict[str, set[str]] = {}
    for api in apis.by_name.values():
        value: str = getattr(api, key)
        names[value] += 1
        hits[value] += api.name in seen
        families.setdefault(value, set()).add(api.family)
    return {
        value: Coverage(count, hits[value], len(families[value]), len(families[value] & seen_families))
        for value, count in names.items()
    }


def coverage_table(apis: Apis, used: Sequence[str]) -> str:
    """The coverage as a terminal shows it."""
    lines = [f"{WHERE[where]}: {got}" for where, got in sorted(coverage(apis, used).items())]
    groups = coverage(apis, used, "group")
    width = max(len(group) for group in groups)
    lines += [f"  {group:{width}}  {got}" for group, got in sorted(groups.items()) if got.used]
    return "\n".join(lines)


@dataclass(frozen=True)
class Goal:
    """A group of operations that chapters must show, and which of them no block uses yet."""

    group: str
    least: float
    operations: int
    missing: tuple[str, ...]

    @property
    def share(self) -> float:
        return 1 - len(self.missing) / self.operations

    @property
    def met(self) -> bool:
        return self.share >= self.least

    def __str__(self) -> str:
        count = f"{self.operations - len(self.missing):3} of {self.operations:3} operations"
        told = f"{self.group:28} {count}  {self.share:6.1%}  goal {self.least:4.0%}  {'ok' if self.met else 'MISSED'}"
        return told + (f"\n    no block uses {', '.join(self.missing)}" if self.missing else "")


def goals(apis: Apis, used: Iterable[str]) -> list[Goal]:
    """How far the blocks' names cover the groups of book/names/goals.json. Spellings of one operation count once.

    Raises:
        BookError: a group holds what is not in the list of names.
    """
    seen = apis.operations(used)
    found = []
    for group, goal in json.loads(GOALS.read_text(encoding="utf-8")).items():
        families: dict[str, str] = {}
        for name in goal["names"]:
            if name not in apis.canonical:
                raise BookError(f"book/names/goals.json: {group}: torch {apis.torch} has no {name}: take it out")
            families.setdefault(apis.by_name[apis.canonical[name]].family, name)
        missing = tuple(name for family, name in families.items() if family not in seen)
        found.append(Goal(group, goal["least"], len(families), missing))
    return found
