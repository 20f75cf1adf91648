"""Which operations no block shows: those that are left out, each for a reason, and those that are still to be shown.

A reason is what the installed torch itself says (it stands in the list of names, ``book.names.reasons`` finds it) or a row of
leftout.toml, by hand. An operation is a family of names that runs on a CPU.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from book.ground.errors import BookError
from book.names.apis import Api, Apis
from book.names.reasons import ACCESSOR, DEPRECATED, HARDWARE, UNDOCUMENTED

FILE = Path(__file__).parent / "leftout.toml"
LIMITS = {DEPRECATED: 170, HARDWARE: 110, UNDOCUMENTED: 250, ACCESSOR: 550, "other": None}
"""Reason -> how many operations may be left out for it."""
SHARE = 0.4
"""How much of all operations may be left out."""
EXEMPT = {DEPRECATED, HARDWARE}
FULL = {
    f"torch{of}" for of in ("", ".nn", ".nn.functional", ".fft", ".special", ".distributions", ".sparse", ".signal")
}
GOALS = {"calls": 0.95, "core": 1.0, "tensor": 0.95, "methods": 0.7}
"""Group -> its goal: functions and classes; those of ``FULL``; methods of torch.Tensor alone; methods of other classes."""
TITLES = {
    "calls": "functions and classes",
    "core": "of them in torch, nn, fft, special, distributions, sparse, signal",
    "tensor": "methods of torch.Tensor alone",
    "methods": "methods of other classes",
}


@dataclass(frozen=True)
class Row:
    """A reason of leftout.toml, for one name or for several."""

    reason: str
    why: str
    why_zh: str


@dataclass(frozen=True)
class Operation:
    """A family of names that runs on a CPU, whether a block shows it, and the reason for which none has to (or empty)."""

    api: Api
    shown: bool
    reason: str = ""
    row: Row | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of ``GOALS`` that it has to be counted in."""
        if self.reason in EXEMPT:
            return ()
        if self.api.kind in ("function", "class"):
            documented = self.api.page is not None and self.api.reason != UNDOCUMENTED
            return () if not documented else ("calls", "core") if self.api.group in FULL else ("calls",)
        if self.api.kind == "property" or self.api.reason:
            return ()
        return ("tensor",) if self.api.group == "torch.Tensor" else ("methods",)


@dataclass(frozen=True)
class Reach:
    """How many operations of a group some block shows."""

    group: str
    shown: int
    operations: int

    @property
    def goal(self) -> float:
        return GOALS[self.group]

    @property
    def share(self) -> float:
        return self.shown / max(self.operations, 1)

    def __str__(self) -> str:
        told = f"{self.shown:5,} of {self.operations:5,}  {self.share:6.1%}  goal {self.goal:4.0%}"
        return f"{TITLES[self.group]:66}{told}  {'ok' if self.share >= self.goal else 'not yet'}"


@dataclass(frozen=True)
class Shown:
    """All operations that run on a CPU."""

    operations: tuple[Operation, ...]

    @cached_property
    def reach(self) -> tuple[Reach, ...]:
        return tuple(
            Reach(group, sum(one.shown for one in of_group), len(of_group))
            for group in GOALS
            for of_group in [[one for one in self.operations if group in one.groups]]
        )

    @cached_property
    def left_out(self) -> Mapping[str, tuple[Operation, ...]]:
        """Reason -> the operations that no block shows for it."""
        return {
            reason: tuple(one for one in self.operations if not one.shown and one.reason == reason) for reason in LIMITS
        }

    @property
    def most(self) -> int:
        """How many operations may be left out."""
        return int(SHARE * len(self.operations))

    @cached_property
    def left(self) -> tuple[Operation, ...]:
        """Those that no block shows, without a reason."""
        return tuple(one for one in self.operations if not one.shown and not one.reason)


def rows(path: Path | None = None) -> dict[str, Row]:
    """The rows of leftout.toml: name -> its row.

    Raises:
        BookError: one has no reason of ``LIMITS``, lacks a sentence in either language, or repeats a name of another.
    """
    found: dict[str, Row] = {}
    for table in tomllib.loads((path or FILE).read_text(encoding="utf-8")).get("row", []):
        names = table.pop("names", [])
        first = names[0] if names else "a row without names"
        if (
            set(table) != {"reason", "why", "why_zh"}
            or table["reason"] not in LIMITS
            or not (names and all((*names, *table.values())))
        ):
            raise BookError(
                f"book/names/leftout.toml: {first}: give it names, a reason ({', '.join(LIMITS)}), and why and why_zh a sentence"
            )
        if twice := found.keys() & set(names):
            raise BookError(f"book/names/leftout.toml: {', '.join(sorted(twice))}: stands in two rows, leave one")
        found |= dict.fromkeys(names, Row(**table))
    return found


def operations(apis: Apis, used: Iterable[str], by_hand: Mapping[str, Row] | None = None) -> Shown:
    """What the blocks that use the names show of all operations that run on a CPU."""
    by_hand = rows() if by_hand is None else by_hand
    seen = apis.operations(used)
    found = []
    for family, names in apis.families.items():
        if any(apis.by_name[name].where == "cpu" for name in names):
            row = by_hand.get(family)
            reason = row.reason if row else _reason([apis.by_name[name] for name in names], family)
            found.append(Operation(apis.by_name[family], family in seen, reason, row))
    return Shown(tuple(found))


def _reason(names: Iterable[Api], family: str) -> str:
    """That of the name that stands for all; where it is only undocumented or an attribute, all the others have to be as well."""
    reasons = {api.name: api.reason for api in names}
    return reasons[family] if reasons[family] in EXEMPT or all(reasons.values()) else ""


def problems(apis: Apis, used: Iterable[str], by_hand: Mapping[str, Row] | None = None) -> list[str]:
    """What is wrong with leftout.toml: rows of names that torch doesn't have, that a block shows or that a rule decides."""
    by_hand = rows() if by_hand is None else by_hand
    known = {one.api.name: one for one in operations(apis, used, {}).operations}
    found = []
    for name in by_hand:
        one = known.get(name)
        if one is None:
            spelled = [of for of in apis.operations([name]) if of in known]
            said = (
                f"write it as {spelled[0]}"
                if spelled
                else f"torch {apis.torch} has no such operation for a CPU: take the row out"
            )
        elif one.shown:
            said = "a block shows it: take the row out"
        elif one.reason:
            said = f"torch itself gives a reason ({one.reason}): take the row out"
        else:
            continue
        found.append(f"book/names/leftout.toml: {name}: {said}")
    return found


def table(shown: Shown) -> str:
    """Goals, reasons and what is left, as a terminal shows them."""
    lines = [str(reach) for reach in shown.reach]
    total = sum(map(len, shown.left_out.values()))
    lines += [f"left out: {_against(total, shown.most)} of {len(shown.operations):,} operations"]
    lines += [f"  {reason:14}{_against(len(some), LIMITS[reason])}" for reason, some in shown.left_out.items()]
    lines += [f"left: {len(shown.left):,} operations that no block shows, without a reason"]
    lines += [f"  {group} ({len(names)}): {' '.join(names)}" for group, names in by_group(shown.left).items()]
    return "\n".join(lines)


def _against(count: int, limit: int | None) -> str:
    return f"{count:,}" + ("" if limit is None else f", limit {limit:,}" + (" (TOO MANY)" if count > limit else ""))


def by_group(some: Collection[Operation]) -> dict[str, list[str]]:
    """Group -> the names of its operations without what they have in common, the largest groups first.

    A deprecated one says what replaces it.
    """
    counted = Counter(one.api.group for one in some)
    return {
        group: [_short(one.api, group) for one in some if one.api.group == group] for group, _ in counted.most_common()
    }


def _short(api: Api, group: str) -> str:
    return api.name.removeprefix(f"{group}.") + (f" → {api.instead}" if api.instead else "")
