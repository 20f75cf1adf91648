"""Find names and examples: ``python -m book find torch.autograd.grad``, or a task in words, or an error message.

docs/theme/javascripts/finder.js does the same with the same rules, on the same data (reference.finder_json): a test asks
both the same questions. Change one, change the other.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from book.find import reference
from book.find.reference import Example, Index
from book.ground.errors import BookError
from book.ground.tree import Tree
from book.record.outputs import printed

EXPAND = {"F": "torch.nn.functional", "nn": "torch.nn", "optim": "torch.optim", "dist": "torch.distributed"}
NAMES, EXAMPLES, OF_THE_BEST = 6, 12, 6
SOME = 0.4
MEMBERS = {reference.KINDS.index("method"), reference.KINDS.index("property")}
SIMILAR = 12  # the tier of names that are only spelled alike
STOP = frozenset(
    "a an and are as at be by can do does for from get give given has have how i if in into is it its me my of on or "
    "that the this to use using was what when where which why with you your".split()
)
CHINESE_STOP = re.compile("如何|怎么样|怎么|怎样|为什么|什么|请问|可以|的|了|吗|呢|用|对")
WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")
CALL = re.compile(r"^(?:[A-Za-z_][A-Za-z0-9_]*\s*=\s*)?@?([A-Za-z_][A-Za-z0-9_.]*)\(")
NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.]*$")


@dataclass(frozen=True)
class Found:
    """What a query finds, as numbers of ``finder_json``'s names and examples, best first.

    Attributes:
        names: (number, tier); the tier says how it matches, from 1, the name itself, to 12, spelled alike.
        examples: blocks; those of the best name first, where names come first.
        names_first: whether the query is a name rather than words.
    """

    names: list[tuple[int, int]]
    examples: list[int]
    names_first: bool

    @property
    def only_similar(self) -> bool:
        return all(tier == SIMILAR for _, tier in self.names) and (self.names_first or not self.examples)


def squash(name: str) -> str:
    return name.replace("_", "").replace(".", "").lower()


def words_of(text: str) -> list[str]:
    return WORD.findall(re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).lower())


def stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def distance(one: str, other: str, most: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours between two words; more than ``most`` counts as ``most + 1``."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row, before2 = row, [i], before
        for j, b in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before2[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before = last
    return min(row[-1], most + 1)


class Finder:
    """The data of ``finder_json``, made ready for queries."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.names: list[_Name] = [_Name(*row) for row in data["names"]]
        self.texts = [self._text(row) for row in data["examples"]]
        self._by_word: dict[str, dict[int, tuple[float, float]]] = {}

    def _text(self, row: list[Any]) -> _Text:
        page, block, heading, *rest = row
        other, alt, error = [*rest, "", "", ""][:3]
        titles = " ".join(self.data["pages"][page][1:])
        return _Text(_hay(f"{heading} {other} {block}"), _hay(f"{titles} {alt}"), _hay(error))

    @cached_property
    def uses(self) -> list[str]:
        """For each example, the last parts of the names that it uses, as words to search."""
        found = [""] * len(self.texts)
        for name in self.names:
            for number in name.examples:
                found[number] += f" {' '.join(words_of(name.last))}"
        return [f"{text} " for text in found]

    def find(self, query: str) -> Found:
        query = re.sub(r"\s+", " ", query).strip()
        call = CALL.match(query)
        ident = call[1] if call else query.lstrip("@").rstrip("(). ")
        name = ident if NAME.match(ident) else ""
        words = _query_words(query)
        ranked = self._names(name, words)
        examples, full = self._examples(words, bool(name), bool(ranked))
        if not ranked and not full and (name or len(words) == 1):
            ranked = self._similar(name or words[0])
        best = ranked[0][1] if ranked else 99
        names_first = best <= 8 or (best < SIMILAR and not full) or not examples
        if best <= 7:  # a name that only begins like this one is worth a line if it leads somewhere
            ranked = [(number, tier) for number, tier in ranked if tier <= 7 or self.names[number].examples]
        ranked = ranked[:NAMES]
        if names_first and ranked:
            own = self.names[ranked[0][0]].examples[:OF_THE_BEST]
            for number, tier in ranked[1:]:
                own += self.names[number].examples[:1] if tier <= 7 else []
            examples = [*own, *(examples if best < SIMILAR else [])]
        return Found(ranked, list(dict.fromkeys(examples))[:EXAMPLES], names_first and bool(ranked))

    def _names(self, name: str, words: list[str]) -> list[tuple[int, int]]:
        if not name and not words:
            return []
        first, _, rest = name.partition(".")
        spelled = [name] if name else []
        if rest and first in EXPAND:
            spelled.insert(0, f"{EXPAND[first]}.{rest}")
        last = squash(name.rpartition(".")[2]) if name else "".join(words)
        whole = squash(name) if "." in name else ""
        latin = bool(words) and all(word.isascii() for word in words)
        found = []
        for number, one in enumerate(self.names):
            tier = one.tier(spelled, last, whole, words if latin and not name else [])
            if tier:
                found.append((number, tier))
        return sorted(found, key=lambda pair: self._order(pair[0], pair[1], "." in name))

    def _order(self, number: int, tier: int, dotted: bool, away: int = 0) -> tuple[Any, ...]:
        one = self.names[number]
        shown = 0 if one.examples else 1 if one.kin is not None else 2
        member = 0 if dotted else int(one.kind in MEMBERS)
        return (tier, away, shown, one.where, member, -len(one.examples), len(one.name), one.name)

    def _similar(self, name: str) -> list[tuple[int, int]]:
        last = squash(name.rpartition(".")[2])
        if len(last) < 4:
            return []
        most = 1 if len(last) < 8 else 2
        away = [(number, distance(last, one.squashed, most)) for number, one in enumerate(self.names)]
        close = [(number, far) for number, far in away if far <= most]
        close.sort(key=lambda pair: self._order(pair[0], SIMILAR, False, pair[1]))
        return [(number, SIMILAR) for number, _ in close]

    def _of_word(self, word: str) -> dict[int, tuple[float, float]]:
        """The values of the blocks that have the word."""
        if word not in self._by_word:
            values = ((number, text.value(word, self.uses[number])) for number, text in enumerate(self.texts))
            self._by_word[word] = {number: value for number, value in values if value[0]}
        return self._by_word[word]

    def _examples(self, words: list[str], is_name: bool, has_names: bool) -> tuple[list[int], bool]:
        """Blocks that have the words, best first, and whether one has them all, in its heading, name or error.

        Where nothing else is found, blocks that have some of the words.
        """
        if not words:
            return [], False
        values = [self._of_word(word) for word in words]
        weights = [math.log(1 + len(self.texts) / (len(found) or 0.5)) for found in values]
        total = sum(weights)
        long_chinese = any(not word.isascii() and len(word) >= 4 for word in words)
        need = 0.6 if not is_name and (len(words) > 2 or long_chinese) else 0.99
        phrase = f" {' '.join(words)}"
        rated = []
        for number in sorted(set().union(*values)):
            text = self.texts[number]
            got = [(weight, *found.get(number, (0.0, 0.0))) for weight, found in zip(weights, values, strict=True)]
            covered = sum(weight * part for weight, _, part in got) / total
            if covered >= SOME:
                points = sum(weight * value * part for weight, value, part in got) / total
                points += 2 * (phrase in text.head) + 3 * (len(words) > 2 and phrase in text.error)
                rated.append((covered < need, -points, number, covered >= 0.99 and points >= 2))
        rated.sort()
        good = [row for row in rated if not row[0]] or ([] if has_names or is_name else rated)
        return [number for _, _, number, _ in good], any(full for *_, full in good)


@dataclass(frozen=True)
class _Name:
    name: str
    place: int
    kind: int
    where: int
    aliases: str = ""
    more: list[int] | int | None = None
    line: str = ""

    @property
    def examples(self) -> list[int]:
        return self.more if isinstance(self.more, list) else []

    @property
    def kin(self) -> int | None:
        """The number of another name of the same operation, which has examples."""
        return self.more if isinstance(self.more, int) else None

    @cached_property
    def spellings(self) -> list[str]:
        return [self.name, *self.aliases.split()]

    @cached_property
    def lowered(self) -> list[str]:
        return [one.lower() for one in self.spellings]

    @cached_property
    def last(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def squashed(self) -> str:
        return squash(self.last)

    @cached_property
    def squashed_whole(self) -> str:
        return squash(self.name)

    @cached_property
    def words(self) -> list[str]:
        return words_of(self.name)

    def tier(self, spelled: list[str], last: str, whole: str, words: list[str]) -> int:
        """How well the name matches, 1 is best; 0: not at all."""
        ends = tuple(name.lower() for name in spelled)
        if ends and any(one.endswith(ends) for one in self.lowered) and (tier := self._as_spelled(spelled)):
            return tier
        if spelled and "." in spelled[-1] and spelled[-1].rpartition(".")[2] == self.last:
            return 5 if self.kind in MEMBERS else 6
        if last and last == self.squashed:
            return 7
        if spelled and len(last) >= 2 and self.squashed.startswith(last):
            return 8
        if len(last) >= 3 and last in self.squashed:
            return 9
        if len(whole) >= 3 and whole in self.squashed_whole:
            return 10
        if words and all(any(mine.startswith(word) for mine in self.words) for word in words):
            return 11
        return 0

    def _as_spelled(self, spelled: list[str]) -> int:
        """1: the name itself; 2: in other capitals; 3: its last parts; 4: these in other capitals; 0: none of them."""
        for name in spelled:
            if name in self.spellings:
                return 1
        for name in spelled:
            if name.lower() in self.lowered:
                return 2
        for name in spelled:
            if any(one.endswith(f".{name}") for one in self.spellings):
                return 3
        for name in spelled:
            if any(one.endswith(f".{name.lower()}") for one in self.lowered):
                return 4
        return 0


@dataclass(frozen=True)
class _Text:
    """What is searched of an example: heading and name; title and descriptions; the error."""

    head: str
    rest: str
    error: str

    def value(self, word: str, uses: str) -> tuple[float, float]:
        """(what the place of the word is worth, which part of the word is there)."""
        if word.isascii():
            start = f" {stem(word)}"
            for hay, worth in ((self.head, 3.0), (self.error, 2.0), (uses, 1.0), (self.rest, 1.0)):
                if start in hay:
                    return worth + 0.5 * (f" {word} " in hay), 1.0
            return 0.0, 0.0
        for hay, worth in ((self.head, 3.0), (self.rest, 1.0)):
            if word in hay:
                return worth + 0.5, 1.0
        pairs = [word[n : n + 2] for n in range(len(word) - 1)]
        for hay, worth in ((self.head, 3.0), (self.rest, 1.0)):
            part = sum(pair in hay for pair in pairs) / max(len(pairs), 1)
            if part >= 0.6:
                return worth, part
        return 0.0, 0.0


def _hay(text: str) -> str:
    return f" {' '.join(words_of(text))} "


def _query_words(query: str) -> list[str]:
    words = words_of(CHINESE_STOP.sub(" ", query))
    return list(dict.fromkeys(word for word in words if word not in STOP)) or list(dict.fromkeys(words_of(query)))


# ---- The terminal ----------------------------------------------------------------------------------------------------


def answer(tree: Tree, query: str, language: str = "en", most: int = 3) -> tuple[dict[str, Any], str, int]:
    """What ``python -m book find`` says: as data, as text, and the exit status (1: nothing matches).

    Raises:
        BookError: a record names what is not in the list of names.
    """
    index = reference.build(tree)
    if index.problems:
        raise BookError("\n".join(index.problems))
    finder = Finder(json.loads(reference.finder_json(index, language)))
    found = finder.find(query)
    names = [finder.names[number] for number, _ in found.names]
    if not names and not found.examples:
        close = finder._similar(query.split(" ")[0])
        names, found = [finder.names[number] for number, _ in close[:NAMES]], Found(close[:NAMES], [], False)
    if found.only_similar:
        near = [name.name for name in names]
        told = f"no name, heading or error matches {query!r}"
        if near:
            told += "\nnear: " + ", ".join(near)
        return {"query": query, "names": [], "examples": [], "near": near}, told, 1
    rows = json.loads(reference.api_json(index, language))["apis"]
    shown = [{"name": n.name, **rows[n.name]} if n.name in rows else _without(index, n.name) for n in names]
    blocks = [index.examples[number] for number in found.examples]
    data = {
        "query": query,
        "names": shown,
        "examples": [_row(example, language) for example in blocks],
        "near": [],
    }
    best = names[0] if names and found.names_first else None
    lines = _about(index, best.name, shown[0]) if best else []
    if best:
        blocks = list(index.entries[best.name].examples) if best.name in index.entries else []
        if not blocks:
            kin = [n.name for n in names if n.examples]
            if best.kin is not None:
                kin.insert(0, finder.names[best.kin].name)
            lines.append("no example yet" + (f"; see {', '.join(dict.fromkeys(kin))}" if kin else ""))
            return {**data, "near": list(dict.fromkeys(kin))}, "\n".join(lines), 1
    for example in blocks[:most]:
        lines += ["", *_told(example, language)]
    if len(blocks) > most:
        lines += ["", "more: " + ", ".join(e.name for e in blocks[most : most + 12])]
        if len(blocks) > most + 12:
            lines[-1] += f", and {len(blocks) - most - 12} others"
    others = [n.name for n in (names[1:] if best else names)]
    if others:
        lines += ["", "see also: " + ", ".join(others)]
    return data, "\n".join(lines).strip("\n"), 0


def _without(index: Index, name: str) -> dict[str, Any]:
    api = index.known.by_name[name]
    return {"name": name, "kind": api.kind, "namespace": api.group, "official": api.address, "examples": []}


def _row(example: Example, language: str) -> dict[str, Any]:
    place = example.places.get(language) or next(iter(example.places.values()))
    return {
        "page": example.page,
        "block": example.block,
        "heading": place.heading,
        "code": example.code,
        "output": _printed(example),
        "apis": list(example.apis),
    }


def _about(index: Index, name: str, row: Mapping[str, Any]) -> list[str]:
    count = len(row["examples"])
    lines = [f"{name}  ({row['kind']}, {count} example{'' if count == 1 else 's'})"]
    if row.get("signature"):
        lines.append(f"  {row['signature']}")
    if row["official"]:
        lines.append(f"  {row['official']}")
    return lines


def _told(example: Example, language: str) -> list[str]:
    place = example.places.get(language) or next(iter(example.places.values()))
    lines = [f"{example.name} · {place.title} › {place.heading}", ""]
    lines += [textwrap.indent(example.code.rstrip("\n"), "    ")]
    told = _printed(example)
    if told:
        lines += ["", textwrap.indent(told, "    | ", lambda _: True)]
    return lines


def _printed(example: Example) -> str:
    """What the block printed, as a terminal shows it."""
    return "\n".join(text.rstrip("\n") for output in example.outputs if (text := printed(output)))
