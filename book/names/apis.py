"""Public PyTorch names: the project's own list of them (book/names/apis.json), and how many of them the book shows.

``book.names.apilist`` makes the list from the installed torch; ``book.run.observe`` sees which of the names a block uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from book.ground.errors import BookError

FILE = Path(__file__).resolve().parent / "apis.json"
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
        reason: why no block has to show it, if the installed torch itself says so (book.names.reasons); else empty.
        instead: what torch says replaces a deprecated name.
    """

    name: str
    group: str
    kind: str
    where: str
    page: str | None
    family: str
    aliases: tuple[str, ...] = ()
    signature: str = ""
    reason: str = ""
    instead: str = ""

    @property
    def address(self) -> str | None:
        return None if self.page is None else DOCS + self.page


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

    def named(self, spellings: Iterable[str]) -> list[str]:
        """The names that are shown for these spellings, each once; spellings that the list lacks are left out."""
        return list(dict.fromkeys(self.canonical[one] for one in spellings if one in self.canonical))

    def operations(self, spellings: Iterable[str]) -> set[str]:
        """The families of these spellings."""
        return {self.by_name[name].family for name in self.named(spellings)}

    @cached_property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Family -> its names, sorted."""
        found: dict[str, list[str]] = {}
        for name in sorted(self.by_name):
            found.setdefault(self.by_name[name].family, []).append(name)
        return {family: tuple(names) for family, names in found.items()}


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
                row.get("reason", ""),
                row.get("instead", ""),
            )
            for name, row in data["apis"].items()
        }
        return Apis(data["torch"], by_name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BookError(
            f"book/names/apis.json: not a whole list ({error}): run python -m book apis --update"
        ) from error


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
        for key in ("reason", "instead"):
            if getattr(api, key):
                row[key] = getattr(api, key)
        lines.append(f" {json.dumps(name)}: {json.dumps(row)}")
    return f'{{"torch": {json.dumps(apis.torch)}, "apis": {{\n' + ",\n".join(lines) + "\n}}\n"
