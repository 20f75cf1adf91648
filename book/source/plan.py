"""The course: its pages in order, their days, and the minutes that they take, from front matter and the pages themselves.

Minutes are computed, never typed. Of a page, outside its exercises:
    words / 150 + formulas * 20 s + lines of code * 8 s
Of its exercises:
    words / 150 + exercises * 3 min + lines of the solutions' code * 30 s
Both are rounded to 5 minutes. The count is made on the English page and holds for its twin; of a Chinese page,
characters count instead of words, 220 a minute, and a test compares the two.

The core path of a page is what is left without the exercises and without the sections whose heading bears the mark
``{#id .beyond}``; a mark holds for the sections below its heading too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mkdocs.utils.yaml import yaml_load

from book.ground.errors import at
from book.ground.tree import CONFIGS, Tree
from book.source import pages
from book.source.pages import Block, Heading, Page

WORDS_A_MINUTE = {"en": 150, "zh": 220}
SECONDS_A_FORMULA = 20
SECONDS_A_LINE = 8
SECONDS_AN_EXERCISE = 180
SECONDS_A_LINE_OF_A_SOLUTION = 30
STEP = 5  # minutes

EXERCISES = "exercises"  # the id of their heading
BEYOND = "beyond"
OVERVIEW = "overview"  # the first page of a part; its day is that of the page behind it
LOOKED_UP = "cookbook/"  # the part whose pages are looked up
HARDEST = 5

DAY = {"en": "Day {} · {}", "zh": "第 {} 天 · {}"}
LEARN = {  # from an overview
    "en": "see what is in this part, and which chapter answers which question",
    "zh": "看清这一部分有什么，哪一章回答哪个问题",
}

TIME = re.compile(r"^\s*\*\*(?:Time|时间)\*\*")  # the line of a page that tells its minutes
PLACE = "{time}"  # and where they stand in it

FORMULA = re.compile(r"\$\$?[^$]+\$\$?")
WORD = re.compile(r"[A-Za-z0-9_'’.-]*[A-Za-z0-9]")
HAN = re.compile(r"[\u3400-\u9fff]")
UNREAD = re.compile(r"\{[^{}]*\}|\]\([^)]*\)|<[^>]+>")  # attributes, addresses, tags


@dataclass(frozen=True)
class Counts:
    """What there is to read: words (of a Chinese page: characters), formulas, lines of code; ``tasks`` are exercises."""

    words: int = 0
    formulas: int = 0
    lines: int = 0
    tasks: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.words + other.words,
            self.formulas + other.formulas,
            self.lines + other.lines,
            self.tasks + other.tasks,
        )

    def minutes(self, language: str) -> float:
        """To read this, by the formula of the module."""
        seconds = self.formulas * SECONDS_A_FORMULA + self.lines * SECONDS_A_LINE
        return self.words / WORDS_A_MINUTE[language] + seconds / 60

    def minutes_of_exercises(self, language: str) -> float:
        """To solve this, by the formula of the module."""
        seconds = self.tasks * SECONDS_AN_EXERCISE + self.lines * SECONDS_A_LINE_OF_A_SOLUTION
        return self.words / WORDS_A_MINUTE[language] + seconds / 60


@dataclass(frozen=True)
class Section:
    """A heading with all that stands between it and the next heading.

    Attributes:
        heading: None for what stands above the first one.
        kind: ``core``, ``beyond`` or ``exercises``.
    """

    heading: Heading | None
    kind: str
    counts: Counts
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Time:
    """Minutes of a page: of its core path, of all its sections, of its exercises."""

    core: int
    read: int
    exercises: int

    def __add__(self, other: Time) -> Time:
        return Time(self.core + other.core, self.read + other.read, self.exercises + other.exercises)


@dataclass(frozen=True)
class Stop:
    """A page of the course.

    Attributes:
        name: the page, such as ``concepts/autograd``.
        title: as the navigation names it, in one language.
        day: 0 is before the first day.
        difficulty: 1 to 5.
        learn: what a reader can do afterwards, in that language.
        short: its day on the short path, 0 if it isn't on it.
    """

    name: str
    title: str
    day: int
    difficulty: int
    learn: str
    short: int
    time: Time


def sections(page: Page) -> list[Section]:
    """The page cut at its headings, in order."""
    found: list[Section] = []
    starts = [(None, 1), *((h, h.line) for h in page.headings)]
    ends = [line for _, line in starts[1:]] + [len(page.lines) + 1]
    marked: int | None = None  # the level of the heading whose mark holds here
    practice: int | None = None
    for (heading, first), end in zip(starts, ends, strict=True):
        if heading is not None:
            if marked is not None and heading.level <= marked:
                marked = None
            if practice is not None and heading.level <= practice:
                practice = None
            if marked is None and is_marked(page, heading):
                marked = heading.level
            if practice is None and heading.id == EXERCISES:
                practice = heading.level
        kind = EXERCISES if practice is not None else BEYOND if marked is not None else "core"
        blocks = tuple(b for b in page.blocks if first <= b.line < end)
        task = int(heading is not None and (heading.id or "").startswith("exercise-"))
        found.append(Section(heading, kind, _count(page, first, end, blocks, task), blocks))
    return found


def is_marked(page: Page, heading: Heading) -> bool:
    """Whether the heading's own line leaves its section out of the core path."""
    match = pages.HEADING.match(page.lines[heading.line - 1])
    return match is not None and f".{BEYOND}" in (match["attributes"] or "").split()


def _count(page: Page, first: int, end: int, blocks: tuple[Block, ...], tasks: int) -> Counts:
    text = "\n".join(page.lines[n - 1] for n in range(first, end) if n > page.body and n not in page.fenced)
    formulas = len(FORMULA.findall(text))
    text = UNREAD.sub(" ", FORMULA.sub(" ", text))
    words = len(WORD.findall(text)) + (len(HAN.findall(text)) if page.language == "zh" else 0)
    lines = sum(1 for block in blocks for line in block.code.splitlines() if line.strip())
    return Counts(words, formulas, lines, tasks)


def minutes(page: Page) -> tuple[float, float, float]:
    """Core path, all sections, exercises of a page in its own language, not rounded."""
    sums = {kind: Counts() for kind in ("core", BEYOND, EXERCISES)}
    for section in sections(page):
        sums[section.kind] += section.counts
    core = sums["core"].minutes(page.language)
    beyond = sums[BEYOND].minutes(page.language)
    return core, core + beyond, sums[EXERCISES].minutes_of_exercises(page.language)


def time_of(page: Page) -> Time:
    """The page's minutes, rounded."""
    core, read, exercises = minutes(page)
    return Time(_rounded(core), _rounded(read), _rounded(exercises))


def _rounded(minutes_: float) -> int:
    return max(STEP, STEP * round(minutes_ / STEP)) if minutes_ else 0


def problems(page: Page) -> Iterator[str]:
    """Minutes that are typed, and marks on what is no section."""
    for number, line in enumerate(page.lines, start=1):
        if TIME.match(line) and PLACE not in line and number not in page.fenced:
            yield f"{page.path}:{number}: minutes are computed: write {PLACE} where they shall stand"
    for section in sections(page):
        heading = section.heading
        if heading and is_marked(page, heading) and (heading.level == 1 or section.kind == EXERCISES):
            yield f"{page.path}:{heading.line}: only a section can stand beyond the core path, no page and no exercise"


def other_marks(english: Page, chinese: Page) -> Iterator[str]:
    """Sections that stand beyond the core path in one language only."""
    marked = {h.id for h in english.headings if is_marked(english, h)}
    for heading in chinese.headings:
        if is_marked(chinese, heading) != (heading.id in marked):
            where = english.path if heading.id in marked else chinese.path
            yield f'{chinese.path}:{heading.line}: section "{heading.id}" stands beyond the core path in {where} only'


# ---- The course --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Facts:
    """What the plan takes from one page; ``path`` is for messages."""

    path: str
    meta: dict[str, str]
    time: Time


def course(tree: Tree, language: str) -> list[Stop]:
    """The pages of the navigation that are read in order, with all that the plan says of them.

    Raises:
        BookError: a page of the navigation lacks what the plan needs, or its day is before that of the page above it.
    """
    titles = {file.removesuffix(".md"): title for title, file in entries(navigation(tree, language))}
    names = [
        name for name in titles if name != "index" and not is_looked_up(name) and tree.page(language, name).is_file()
    ]
    toolkit = tuple(_text(path) for path in _included(tree))
    found: list[Stop] = []
    for name in reversed(names):  # an overview takes its day from the page behind it
        english = _english(tree, name, _text(tree.page("en", name)), _text(tree.snippets / f"{name}.py"), toolkit)
        own = english if language == "en" else _translation(tree, name, language)
        found.append(_stop(name, titles[name], english, own, found[-1] if found else None))
    return found[::-1]


def inputs(tree: Tree) -> Iterator[Path]:
    """All that the course is made from."""
    for language, config in CONFIGS.items():
        yield tree.root / config
        yield from (tree.page(language, name) for name in tree.pages(language))
    yield from (tree.snippets / f"{name}.py" for name in tree.pages())
    yield from _included(tree)


def _included(tree: Tree) -> list[Path]:
    """Files that more than one page may include from."""
    return sorted([*(tree.snippets / "toolkit").rglob("*.py"), *tree.snippets.glob("*/apps/*.py")])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="backslashreplace") if path.is_file() else ""


@lru_cache(maxsize=1024)
def _english(tree: Tree, name: str, text: str, snippet: str, toolkit: tuple[str, ...]) -> _Facts:
    """An English page's facts; read again only when one of the texts that they are made from has changed."""
    page = pages.load(tree, name)
    return _Facts(page.path, page.meta, time_of(page))


def _translation(tree: Tree, name: str, language: str) -> _Facts:
    path = tree.page(language, name)
    meta = pages.front_matter(_text(path).splitlines(), tree.relative(path))[0]
    return _Facts(tree.relative(path), meta, Time(0, 0, 0))


def _stop(name: str, title: str, english: _Facts, own: _Facts, behind: Stop | None) -> Stop:
    """A page of the course; ``behind`` is the next one."""
    overview = {"day": str(behind.day if behind else 0), "difficulty": "1"} if is_overview(name) else {}
    numbers = {"short": "0"} | overview | english.meta
    day, difficulty, short = (_number(english.path, numbers, key) for key in ("day", "difficulty", "short"))
    if not 1 <= difficulty <= HARDEST:
        raise at(english.path, 1, f"difficulty {difficulty}: it goes from 1 to {HARDEST}")
    if behind and day > behind.day:
        raise at(english.path, 1, f"day {day}, but the next page of the navigation, {behind.name}, has {behind.day}")
    for key in ("day", "difficulty", "short"):
        if own.meta.get(key) != english.meta.get(key):
            told = f'"{key}" is {own.meta.get(key)} here and {english.meta.get(key)} in {english.path}'
            raise at(own.path, 1, told)
    learn = own.meta.get("learn") or (LEARN["en" if own is english else "zh"] if overview else "")
    if not learn:
        raise at(own.path, 1, 'front matter lacks "learn": what can a reader do afterwards? ("choose a loss")')
    title = own.meta.get("title", title) if overview else title  # in a table nobody sees of which part it is
    return Stop(name, title, day, difficulty, learn, short, english.time)


def _number(path: str, meta: dict[str, str], key: str) -> int:
    try:
        return int(meta[key])
    except KeyError:
        raise at(path, 1, f'front matter lacks "{key}": the plan of the course is made from it') from None
    except ValueError:
        raise at(path, 1, f'"{key}: {meta[key]}" is no whole number') from None


def is_looked_up(name: str) -> bool:
    """Whether a page is of the part that nobody reads from the first page to the last: it has no day, and no next page."""
    return name.startswith(LOOKED_UP)


def is_overview(name: str) -> bool:
    return name.rpartition("/")[2] == OVERVIEW


def navigation(tree: Tree, language: str) -> list[Any]:
    """``nav`` of the language's MkDocs configuration."""
    path = tree.root / CONFIGS[language]
    if not path.is_file():
        return []
    with path.open("rb") as file:
        return list(dict(yaml_load(file)).get("nav") or [])


def entries(nav: list[Any]) -> Iterator[tuple[str, str]]:
    """(title, file) of each page, in the order in which "Next" visits them."""
    for entry in nav:
        for title, inside in entry.items():
            if isinstance(inside, list):
                yield from entries(inside)
            else:
                yield title, inside


def with_days(tree: Tree, language: str, nav: list[Any]) -> list[Any]:
    """The navigation with "Day 5 · " before the titles of pages that have a day; but for overviews and pages of start/."""
    days = {f"{stop.name}.md": stop.day for stop in course(tree, language)}

    def named(title: str, inside: Any) -> str:
        bare = isinstance(inside, list) or inside.startswith("start/") or is_overview(inside.removesuffix(".md"))
        day = 0 if bare else days.get(inside, 0)
        return DAY[language].format(day, title) if day else title

    return [
        {named(title, inside): with_days(tree, language, inside) if isinstance(inside, list) else inside}
        for entry in nav
        for title, inside in entry.items()
    ]
