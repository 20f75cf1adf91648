"""tests/ledger.toml: every exception from "this block runs cleanly and prints exactly this", each with its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from book.ground import versions
from book.ground.errors import BookError, at, nearest
from book.ground.tree import Tree
from book.source.pages import Page

KINDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "raises": {"error": str, "message": str},
    "tolerance": {"rtol": (int, float), "atol": (int, float)},
    "volatile": {},
    "warns": {"message": str},
    "needs": {"what": str},
    "sim": {"message": str},
    "since": {"torch": str},
    "until": {"torch": str},
}
OPTIONAL: dict[str, set[str]] = {
    "raises": {"mend", "mend_zh"},
    "until": {"then"},
    "sim": {"torch"},
}  # and reason_zh for every kind
SIMULATED = "sim"  # the device of book.run.simulated
DEVICES = ("cuda", "mps", "xpu", "accelerator")  # what a block may need that a machine which records has not


@dataclass(frozen=True)
class Entry:
    """One exception from the rules.

    Attributes:
        kind: ``raises`` (the block must raise ``error`` with a message that matches ``message``), ``tolerance``
            (floats compare within ``rtol``/``atol``), ``volatile`` (numbers in the output differ from run to run),
            ``warns`` (the block must cause a warning that matches ``message``), ``needs`` (runs only where ``what``
            holds, such as ``accelerate>=1.2``, ``torchvision`` or ``cuda``), ``since`` (runs only from ``torch`` on, which
            is newer than the pinned one), ``until`` (keeps to its record up to ``torch``, and must differ on newer ones),
            ``sim`` (the simulated accelerator can't do what the block needs, and it then fails with a message that
            matches ``message``; with ``torch``, up to that one, and newer ones must do it).
        torch: of ``since``, ``until`` and ``sim``, such as ``2.14``; ``since`` then has ``what`` too, ``torch>=2.14``.
        then: of ``until``: texts of the record and what newer ones print for them. With it the block must do so and
            nothing else; without it, it must differ somehow.
        reason_zh: the reason in Chinese, for the Chinese status page.
        mend: what a reader who meets the exception should do, in English (``mend_zh``: in Chinese), for the page
            "Errors and what they mean".
    """

    kind: str
    page: str
    section: str
    reason: str
    error: str = ""
    message: str = ""
    rtol: float = 0.0
    atol: float = 0.0
    what: str = ""
    torch: str = ""
    then: tuple[tuple[str, str], ...] = ()
    mend: str = ""
    mend_zh: str = ""
    reason_zh: str = ""

    def told(self, language: str) -> str:
        """The reason, for readers of ``language``."""
        return self.reason_zh if language == "zh" else self.reason


@dataclass(frozen=True)
class Ledger:
    entries: tuple[Entry, ...] = ()

    @cached_property
    def _by_place(self) -> dict[tuple[str, str, str], Entry]:
        return {(entry.kind, entry.page, entry.section): entry for entry in reversed(self.entries)}

    @cached_property
    def _by_page(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.page, []).append(entry)
        return found

    def get(self, kind: str, page: str, section: str) -> Entry | None:
        return self._by_place.get((kind, page, section))

    def of_pages(self, pages: Iterable[str]) -> Ledger:
        """The entries of these pages alone."""
        chosen = set(pages)
        return Ledger(tuple(entry for entry in self.entries if entry.page in chosen))

    def need(self, page: str, section: str) -> Entry | None:
        """What the block needs to run at all: its ``needs``, or the torch of its ``since``."""
        return self.get("needs", page, section) or self.get("since", page, section)

    def device(self, page: str, section: str) -> str:
        """The device, or the torch (``torch>=2.15``), without which the block is recorded as one that has not run, or ""."""
        entry = self.need(page, section)
        return entry.what if entry and (entry.what in DEVICES or entry.kind == "since") else ""

    def of_page(self, page: str) -> list[Entry]:
        return list(self._by_page.get(page, ()))


def load(tree: Tree) -> Ledger:
    """Read the ledger; a missing file is an empty ledger.

    Raises:
        BookError: the file does not parse, an entry has a missing, unknown or ill-typed key, or names a torch that
            makes no sense beside the pinned one.
    """
    if not tree.ledger.is_file():
        return Ledger()
    where = tree.relative(tree.ledger)
    try:
        data = tomllib.loads(tree.ledger.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise at(where, None, f"not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise at(where, None, f"not valid TOML: {error}") from error
    entries: list[Entry] = []
    for kind, rows in data.items():
        if kind not in KINDS:
            raise at(where, None, f'unknown kind "{kind}"{nearest(kind, KINDS)}; kinds are {", ".join(KINDS)}')
        if not isinstance(rows, list):
            raise at(where, None, f"write each entry as [[{kind}]]")
        entries += [_entry(where, kind, row) for row in rows]
    _check_torches(where, entries, versions.pinned(tree))
    seen: set[tuple[str, str, str]] = set()
    for entry in entries:
        key = (entry.kind, entry.page, entry.section)
        if key in seen:
            raise at(where, None, f'[[{entry.kind}]] for {entry.page} "{entry.section}" is there twice')
        seen.add(key)
    return Ledger(tuple(entries))


def _entry(where: str, kind: str, row: dict[str, object]) -> Entry:
    wanted: dict[str, type | tuple[type, ...]] = {"page": str, "section": str, "reason": str, **KINDS[kind]}
    label = f'[[{kind}]] {row.get("page", "?")} "{row.get("section", "?")}"'
    for key, types in wanted.items():
        if key not in row:
            raise at(where, None, f'{label} lacks "{key}"')
        value = row[key]
        if not isinstance(value, types) or value == "":
            raise at(where, None, f'{label}: "{key}" is {value!r}, which is not a {types} with content')
    unknown = set(row) - set(wanted) - OPTIONAL.get(kind, set()) - {"reason_zh"}
    if unknown:
        raise at(where, None, f"{label}: unknown key {sorted(unknown)[0]!r}{nearest(sorted(unknown)[0], wanted)}")
    if kind in ("raises", "warns", "sim"):
        try:
            re.compile(str(row["message"]))
        except re.error as error:
            raise at(where, None, f'{label}: "message" is no regular expression: {error}') from error
    if "torch" in row and not re.fullmatch(r"\d+\.\d+", str(row["torch"])):
        raise at(where, None, f'{label}: "torch" is {row["torch"]!r}: write major and minor, such as "2.15"')
    if "then" in row:
        row = {**row, "then": _then(where, label, row["then"])}
    if kind == "since":
        row = {**row, "what": f"torch>={row['torch']}"}
    return Entry(kind=kind, **row)  # type: ignore[arg-type]  # keys and types were checked above


def _then(where: str, label: str, value: object) -> tuple[tuple[str, str], ...]:
    good = isinstance(value, dict) and value and all(isinstance(new, str) and old for old, new in value.items())
    if not good or not isinstance(value, dict):
        raise at(
            where, None, f'{label}: "then" is {value!r}: write then = {{"text of the record" = "text of newer ones"}}'
        )
    return tuple(value.items())


def _check_torches(where: str, entries: Iterable[Entry], pinned: str) -> None:
    """``since`` is newer than the pinned torch, and ``until`` is not older: else the record could not be as it says."""
    for entry in entries:
        label = f'{where}: [[{entry.kind}]] {entry.page} "{entry.section}"'
        if not pinned or not entry.torch:
            continue
        if entry.kind == "since" and versions.at_least(pinned, entry.torch):
            raise BookError(
                f"{label}: torch {pinned} is pinned, which is not older than {entry.torch}: delete the entry"
            )
        if entry.kind != "since" and versions.beyond(pinned, entry.torch):
            raise BookError(
                f"{label}: torch {pinned} is pinned, which is newer than {entry.torch}: mend the block, delete the entry"
            )


def check_targets(ledger: Ledger, pages: dict[str, Page], where: str = "tests/ledger.toml") -> None:
    """Every entry names a page and a section that exist.

    Raises:
        BookError: naming the entry that points nowhere.
    """
    for entry in ledger.entries:
        if entry.page not in pages:
            raise BookError(
                f'{where}: [[{entry.kind}]] names page "{entry.page}", which does not exist{nearest(entry.page, pages)}'
            )
        names = [b.name for b in pages[entry.page].blocks]
        if entry.section not in names:
            raise BookError(
                f'{where}: [[{entry.kind}]] names section "{entry.section}", which {entry.page} does not show{nearest(entry.section, names)}'
            )
