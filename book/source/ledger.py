"""tests/ledger.toml: every exception from "this block runs cleanly and prints exactly this", each with its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

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
}
OPTIONAL: dict[str, set[str]] = {"raises": {"mend", "mend_zh"}}  # and reason_zh for every kind
SIMULATED = "sim"  # the device of book.run.simulated
DEVICES = ("cuda", "accelerator")  # what a block may need that a machine which records has not


@dataclass(frozen=True)
class Entry:
    """One exception from the rules.

    Attributes:
        kind: ``raises`` (the block must raise ``error`` with a message that matches ``message``), ``tolerance``
            (floats compare within ``rtol``/``atol``), ``volatile`` (numbers in the output differ from run to run),
            ``warns`` (the block must cause a warning that matches ``message``), ``needs`` (runs only where ``what``
            holds, such as ``torch>=2.12``, ``torchvision`` or ``cuda``), ``sim`` (the simulated accelerator can't do
            what the block needs, and it then fails with a message that matches ``message``).
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
    mend: str = ""
    mend_zh: str = ""
    reason_zh: str = ""

    def told(self, language: str) -> str:
        """The reason, for readers of ``language``."""
        return self.reason_zh if language == "zh" else self.reason


@dataclass(frozen=True)
class Ledger:
    entries: tuple[Entry, ...] = ()

    def get(self, kind: str, page: str, section: str) -> Entry | None:
        for entry in self.entries:
            if (entry.kind, entry.page, entry.section) == (kind, page, section):
                return entry
        return None

    def of_pages(self, pages: Iterable[str]) -> Ledger:
        """The entries of these pages alone."""
        chosen = set(pages)
        return Ledger(tuple(entry for entry in self.entries if entry.page in chosen))

    def device(self, page: str, section: str) -> str:
        """The device without which the block is recorded as one that has not run, or an empty string."""
        entry = self.get("needs", page, section)
        return entry.what if entry and entry.what in DEVICES else ""

    def of_page(self, page: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.page == page]


def load(tree: Tree) -> Ledger:
    """Read the ledger; a missing file is an empty ledger.

    Raises:
        BookError: the file does not parse, or an entry has a missing, unknown or ill-typed key.
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
    return Entry(kind=kind, **row)  # type: ignore[arg-type]  # keys and types were checked above


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
