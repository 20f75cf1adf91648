"""Public PyTorch names: the project's own list of them (book/data/apis.json), and how many of them the book shows.

``book.apilist`` makes the list from the installed torch; ``book.observe`` sees which of the names a block uses.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from book.errors import BookError, nearest
from book.tree import write_atomically

GOALS = Path(__file__).parent / "data" / "goals.json"
FILE = Path(__file__).resolve().parent / "data" / "apis.json"
DOCS = "https://docs.pytorch.org/docs/stable/"
WHERE = {"cpu": "runs on a CPU", "gpu": "needs a GPU", "other": "the rest"}
MEMBER_KINDS = ("method", "property")


@dataclass(frozen=True)
class Api:
    """One public name, spelled as people write it.

    Attributes:
        name: such as ``torch.sigmoid`` or ``torch.nn.Module.state_dict``.
        group: the namespace that the index lists it under, such as ``torch.nn.functional``.
        kind: ``function``, ``class``, ``method`` or ``property``.
        where: ``cpu`` (can run on any machine), ``gpu`` or ``other`` (several processes, exporters, older packages).
        page: the address of its official page below ``DOCS``; None where the official documentation has none.
        family: one name for all the spellings of an operation: ``torch.abs`` for ``torch.Tensor.abs_`` too.
        aliases: other spellings of the very same object, such as ``torch.autograd.no_grad``.
        signature: how it is called, such as ``torch.sum(input, *, dtype=None)``; empty for properties and where unknown.
    """

    name: str
    group: str
    kind: str
    where: str
    page: str | None
    family: str
    aliases: tuple[str, ...] = ()
    signature: str = ""

    @property
    def address(self) -> str | None:
        return None if self.page is None else DOCS + self.page

    @property
    def owner(self) -> str | None:
        """The class that a method or property belongs to."""
        return self.name.rpartition(".")[0] if self.kind in MEMBER_KINDS else None


@dataclass(frozen=True)
class Apis:
    """The whole list, by name, and the torch that it was made from."""

    torch: str
    by_name: Mapping[str, Api]

    @cached_property
    def canonical(self) -> Mapping[str, str]:
        """Every spelling, aliases included -> the name that is shown."""
        spellings = {alias: api.name for api in self.by_name.values() for alias in api.aliases}
        return spellings | {name: name for name in self.by_name}

    @cached_property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Family -> its names, sorted."""
        found: dict[str, list[str]] = {}
        for name in sorted(self.by_name):
            found.setdefault(self.by_name[name].family, []).append(name)
        return {family: tuple(names) for family, names in found.items()}

    def find(self, spelling: str) -> Api:
        """The entry of a name or of one of its aliases.

        Raises:
            BookError: there is none; says which name is near.
        """
        name = self.canonical.get(spelling)
        if name is None:
            raise BookError(f'no public PyTorch name "{spelling}"{nearest(spelling, self.by_name)}')
        return self.by_name[name]


@lru_cache(maxsize=1)
def load() -> Apis:
    """The committed list.

    Raises:
        BookError: it is missing or not whole.
    """
    try:
        data = json.loads(FILE.read_text(encoding="utf-8"))
        by_name = {
            name: Api(
                name,
                row["group"],
                row["kind"],
                row["where"],
                row["page"],
                row.get("family", name),
                tuple(row.get("aliases", ())),
                row.get("signature", ""),
            )
            for name, row in data["apis"].items()
        }
        return Apis(data["torch"], by_name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BookError(f"book/data/apis.json: not a whole list ({error}): run python -m book apis --update") from error


def dump(apis: Apis) -> str:
    """The list as text: one line for each name, so that a new torch shows as a diff."""
    lines = []
    for name in sorted(apis.by_name):
        api = apis.by_name[name]
        row: dict[str, object] = {"group": api.group, "kind": api.kind, "where": api.where, "page": api.page}
        if api.family != name:
            row["family"] = api.family
        if api.aliases:
            row["aliases"] = list(api.aliases)
        if api.signature:
            row["signature"] = api.signature
        lines.append(f" {json.dumps(name)}: {json.dumps(row)}")
    return f'{{"torch": {json.dumps(apis.torch)}, "apis": {{\n' + ",\n".join(lines) + "\n}}\n"


def update() -> tuple[Apis, list[str], list[str]]:
    """Rewrite the list from the installed torch. Returns it, the names that are new and those that are gone."""
    from book import apilist

    old = set(load().by_name) if FILE.is_file() else set()
    made = apilist.collect()
    write_atomically(FILE, dump(made))
    load.cache_clear()
    return made, sorted(set(made.by_name) - old), sorted(old - set(made.by_name))


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
    seen = {apis.canonical[name] for name in used if name in apis.canonical}
    seen_families = {apis.by_name[name].family for name in seen}
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
    """How far the blocks' names cover the groups of book/data/goals.json. Spellings of one operation count once.

    Raises:
        BookError: a group holds what is not in the list of names.
    """
    seen = {apis.by_name[apis.canonical[name]].family for name in used if name in apis.canonical}
    found = []
    for group, goal in json.loads(GOALS.read_text(encoding="utf-8")).items():
        families: dict[str, str] = {}
        for name in goal["names"]:
            if name not in apis.canonical:
                raise BookError(f"book/data/goals.json: {group}: torch {apis.torch} has no {name}: take it out")
            families.setdefault(apis.by_name[apis.canonical[name]].family, name)
        missing = tuple(name for family, name in families.items() if family not in seen)
        found.append(Goal(group, goal["least"], len(families), missing))
    return found
