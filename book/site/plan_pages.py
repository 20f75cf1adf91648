"""What staging makes of the plan: the time of a page, the note under a section beyond the core path, the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from book.ground.errors import at
from book.ground.tree import Tree
from book.source import links, pages, plan
from book.source.pages import Page
from book.source.plan import Stop, Time
from book.source.words import words as words_of

TABLE = re.compile(r"^<!-- plan: (?P<kind>\w+) -->\s*$")


def needs_plan(text: str) -> bool:
    """Whether a page's text holds a table that is made from all pages."""
    return any(TABLE.match(line) for line in text.splitlines())


def filled(tree: Tree, page: Page) -> Page:
    """The page with its minutes, which are those of its English twin, in the place of ``{time}``."""
    if not any(plan.PLACE in line for line in page.lines):
        return page
    english = page if page.language == "en" else pages.load(tree, page.name)
    told = time_told(plan.time_of(english), page)
    return replace(
        page, lines=[line.replace(plan.PLACE, told) if plan.TIME.match(line) else line for line in page.lines]
    )


def time_told(time: Time, page: Page) -> str:
    """The minutes as the box at the head of the page tells them."""
    words = words_of("plan", page.language)
    told = str(words["core" if time.core < time.read else "all"])
    told += str(words["exercises"]) if time.exercises else ""
    told = told.format(core=time.core, read=time.read, exercises=time.exercises) + str(words["end"])
    difficulty = page.meta.get("difficulty")
    return told + str(words["difficulty"]).format(difficulty) if difficulty else told


def extended(tree: Tree, page: Page, lines: Sequence[str]) -> list[str]:
    """``lines`` of the page, with the note under each marked heading and the tables in the place of their comments."""
    made = list(lines)
    found = plan.sections(page)
    for index, section in enumerate(found):
        heading = section.heading
        if heading is not None and plan.is_marked(page, heading):
            after = next((s.heading for s in found[index:] if s.kind == "core" and s.heading), None)
            words = words_of("plan", page.language)
            note = str(words["beyond"])
            if after is not None and found[index - 1].kind == "core":  # those behind the first one are passed over too
                note += f" · [{str(words['go_on']).format(after.title)}](#{after.id})"
            made[heading.line - 1] += f"\n\n{note}\n{{ .rp-beyond }}"
    for number, line in enumerate(lines, start=1):
        match = TABLE.match(line)
        if match and number not in page.fenced:
            made[number - 1] = "\n".join(_made(tree, page, match["kind"], number))
    return made


def _made(tree: Tree, page: Page, kind: str, number: int) -> list[str]:
    stops = plan.course(tree, page.language)
    if kind == "pages":
        return pages_table(page, stops)
    if kind == "days":
        return days_table(page, stops)
    if kind == "short":
        return short_table(page, stops)
    if kind == "sums":
        time = total(stops)
        hours = {key: round(getattr(time, key) / 60) for key in ("core", "read", "exercises")}
        return [str(words_of("plan", page.language)["sums"]).format(**hours)]
    raise at(page.path, number, f'"plan: {kind}": staging makes pages, days, short and sums')


def total(stops: Sequence[Stop]) -> Time:
    """The minutes of all of them."""
    return sum((stop.time for stop in stops), Time(0, 0, 0))


def pages_table(page: Page, stops: Sequence[Stop]) -> list[str]:
    """A row for each page; book.js adds the reader's check marks."""
    words = words_of("plan", page.language)
    rows = [
        [
            _day(page, stop.day),
            f'{_link(page, stop)}<br><span class="rp-plan__learn">{stop.learn}</span>',
            _dots(page, stop.difficulty),
            *(
                str(words["minutes"]).format(n) if n else "–"
                for n in (stop.time.core, stop.time.read, stop.time.exercises)
            ),
        ]
        for stop in stops
    ]
    time = total(stops)
    hours = [str(words["hours"]).format(round(n / 60)) for n in (time.core, time.read, time.exercises)]
    rows.append(["", f"**{words['in_all']}**", "", *(f"**{told}**" for told in hours)])
    return ['<div class="rp-plan" markdown>', "", *_table(words["pages"], rows, "rllrrr"), "", "</div>"]


def days_table(page: Page, stops: Sequence[Stop]) -> list[str]:
    """A row for each day of the course."""
    words = words_of("plan", page.language)
    rows = []
    for day, group in groupby((s for s in stops if s.day), key=lambda s: s.day):
        today = list(group)
        chapters = str(words["join"]).join(_link(page, stop) for stop in today)
        learn = str(words["learn"]).join(stop.learn for stop in today if not plan.is_overview(stop.name))
        rows.append([str(day), chapters, learn, str(words["minutes"]).format(total(today).core)])
    return _table(words["days"], rows, "rllr")


def short_table(page: Page, stops: Sequence[Stop]) -> list[str]:
    """A row for each day of the short path."""
    words = words_of("plan", page.language)
    chosen = sorted((stop for stop in stops if stop.short), key=lambda s: s.short)
    rows = []
    for day, group in groupby(chosen, key=lambda s: s.short):
        today = list(group)
        chapters = str(words["join"]).join(_link(page, stop) for stop in today)
        rows.append([str(day), chapters, str(words["minutes"]).format(total(today).core)])
    return _table(words["short"], rows, "rlr")


def _day(page: Page, day: int) -> str:
    return str(day) if day else str(words_of("plan", page.language)["before"])


def _link(page: Page, stop: Stop) -> str:
    return f"[{stop.title}]({links.relative(f'{stop.name}.md', page.name)})"


def _dots(page: Page, difficulty: int) -> str:
    told = str(words_of("plan", page.language)["of_five"]).format(difficulty)
    dots = "●" * difficulty + "○" * (plan.HARDEST - difficulty)
    return f'<span class="rp-plan__dots" role="img" aria-label="{told}">{dots}</span>'


def _table(head: object, rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    assert isinstance(head, list)
    lines = [head, ["--:" if side == "r" else "---" for side in sides], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def inputs(tree: Tree, name: str, language: str) -> Iterator[Path]:
    """Files besides its own that a staged page is made from."""
    if language != "en":
        yield tree.page("en", name)
    path = tree.page(language, name)
    if path.is_file() and needs_plan(path.read_text(encoding="utf-8", errors="backslashreplace")):
        yield from plan.inputs(tree)
