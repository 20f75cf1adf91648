"""The plan: the course, its minutes and days, the core path, and what the pages show of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from books import write_page, write_small
from conftest import RunBook
from site_pages import file_of
from test_inventory import FOLDER

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import HERE, LANGUAGES, Tree
from book.prove import audit, core
from book.run.session import Sessions
from book.site import plan_pages
from book.source import pages, plan
from book.source.plan import Counts, Time

TWO_HOURS = 120
CHAPTERS = [name for name in HERE.pages() if name != "index"]

# What the authors had estimated, chapter by chapter, before minutes were computed: to read, exercises.
ESTIMATED = {
    "workflow/tabular": (90, 60), "workflow/images": (120, 60), "workflow/text": (100, 60),
    "workflow/time_series": (90, 60), "workflow/data": (20, 0), "concepts/tensors": (90, 60),
    "concepts/autograd": (90, 60), "concepts/dynamic_graph": (120, 90), "levels/low_level": (90, 60),
    "levels/mid_level": (90, 60), "levels/high_level": (90, 60), "tensors/creation": (60, 30),
    "tensors/indexing": (75, 30), "tensors/shapes": (60, 30), "tensors/elementwise": (90, 40),
    "tensors/reductions": (90, 40), "tensors/linear_algebra": (90, 40), "tensors/einsum_and_broadcasting": (75, 40),
    "tensors/functional_and_module": (120, 60), "components/data_pipeline": (120, 40), "components/layers": (90, 30),
    "components/convolution": (120, 60), "components/sequences": (180, 60), "components/activations": (75, 30),
    "components/losses": (120, 40), "components/ranking_and_own_losses": (120, 60), "components/optimizers": (120, 30),
    "components/schedules": (75, 40), "components/tensorboard_logging": (75, 40), "training/building_models": (120, 60),
    "training/training_loops": (100, 60), "training/gpu": (120, 60),
}  # fmt: skip


def course(language: str = "en") -> list[plan.Stop]:
    return plan.course(HERE, language)


def days() -> dict[int, list[plan.Stop]]:
    """Day -> its pages."""
    found: dict[int, list[plan.Stop]] = {}
    for stop in course():
        found.setdefault(stop.day, []).append(stop)
    return found


# ---- Minutes ---------------------------------------------------------------------------------------------------------


def test_the_formula() -> None:
    counts = Counts(words=300, formulas=6, lines=30, tasks=2)
    assert counts.minutes("en") == pytest.approx(300 / 150 + 6 * 20 / 60 + 30 * 8 / 60)
    assert counts.minutes_of_exercises("en") == pytest.approx(300 / 150 + 2 * 3 + 30 * 30 / 60)
    assert counts.minutes("zh") == pytest.approx(300 / 220 + 6)


def test_the_sums_are_near_the_estimates() -> None:
    times = {stop.name: stop.time for stop in course()}
    read, exercises = (sum(column) for column in zip(*ESTIMATED.values(), strict=True))
    assert (round(read / 60), round(exercises / 60)) == (51, 26)
    assert sum(times[name].read for name in ESTIMATED) == pytest.approx(read, rel=0.05)
    assert sum(times[name].exercises for name in ESTIMATED) == pytest.approx(exercises, rel=0.05)


@pytest.mark.parametrize("name", CHAPTERS)
def test_both_languages_take_the_same_time(name: str) -> None:
    english, chinese = (plan.minutes(pages.load(HERE, name, language)) for language in LANGUAGES)
    assert chinese == pytest.approx(english, rel=0.1)


PAGE = """\
---
title: Not counted
---

# One two {#top}

Three *four* [five](https://example.org/not/counted) `six.seven` $x + y$ and $z$.

```python alt="not counted"
--8<-- "part/page.py:first"
```

## Eight {#eight .beyond}

Nine.

### Ten {#ten}

Eleven.

## Twelve {#twelve}

## Exercises {#exercises}

### Do it {#exercise-do}

Now.
"""


def page_of(root: Path, text: str, language: str = "en") -> pages.Page:
    """The text as page ``part/page`` of a book whose snippet has one block of two lines of code."""
    tree = write_page(root, {"first": "a = 1\n\nb = 2"})
    return pages.parse(tree, "part/page", language, text)


def test_what_is_counted(tmp_path: Path) -> None:
    found = {s.heading.id if s.heading else None: s for s in plan.sections(page_of(tmp_path, PAGE))}
    assert found["top"].counts == Counts(words=7, formulas=2, lines=2)  # One two Three four five six.seven and
    assert {name: s.kind for name, s in found.items()} == {
        None: "core", "top": "core", "eight": "beyond", "ten": "beyond", "twelve": "core",
        "exercises": "exercises", "exercise-do": "exercises",
    }  # fmt: skip
    assert found["exercise-do"].counts == Counts(words=3, tasks=1)


def test_characters_are_counted_in_chinese(tmp_path: Path) -> None:
    page = page_of(tmp_path, "# 张量 {#t}\n\n用 `torch` 求和，共 3 个。\n", "zh")
    assert sum((s.counts for s in plan.sections(page)), Counts()) == Counts(words=2 + 5 + 2)


def test_minutes_are_told_in_the_box(tmp_path: Path) -> None:
    page = page_of(tmp_path, PAGE)
    assert plan_pages.time_told(Time(60, 60, 0), page) == "about 60 minutes."
    told = plan_pages.time_told(Time(40, 60, 20), replace(page, meta={"difficulty": "2"}))
    assert (
        told
        == "about 40 minutes on the core path, 60 in all; the exercises take another 20. Difficulty 2\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}5."
    )
    chinese = replace(page, language="zh", meta={"difficulty": "2"})
    told = plan_pages.time_told(Time(40, 60, 20), chinese)
    assert told == "核心路径约 40 分钟，全部内容约 60 分钟；习题另需 20 分钟。难度 2（最高为 5）。"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chapter_tells_its_computed_minutes(
    site_pages: dict[str, object], built_site: Path, language: str
) -> None:
    for stop in course(language):
        words = (built_site / file_of(stop.name, language)).read_text(encoding="utf-8")
        told = plan_pages.time_told(stop.time, pages.load(HERE, stop.name, language))
        assert told in words, stop.name


# ---- Days ------------------------------------------------------------------------------------------------------------


def test_twenty_days_of_two_hours_at_most() -> None:
    found = days()
    assert [*found][:21] == [*range(21)], "a day is missing, or the navigation goes back"
    late = {day: plan_pages.total(today).core for day, today in found.items()}
    assert {day: minutes for day, minutes in late.items() if not 0 < minutes <= TWO_HOURS} == {}


def test_the_short_path_has_three_days_of_two_hours_at_most() -> None:
    short: dict[int, int] = {}
    for stop in course():
        if stop.short:
            short[stop.short] = short.get(stop.short, 0) + stop.time.core
    assert sorted(short) == [1, 2, 3]
    assert max(short.values()) <= TWO_HOURS


def items(name: str) -> Iterator[list[str]]:
    """The blocks of each item that a chapter must cover."""
    for line in (FOLDER / f"{name}.md").read_text(encoding="utf-8").splitlines()[4:]:
        if line.startswith("|"):
            yield re.findall(r"`([^`]+)`", re.split(r"(?<!\\)\|", line)[2])


def kept(name: str) -> tuple[int, int]:
    """Items of which the core path shows at least half of the blocks, and all items."""
    blocks = {block.name for block in core.cut(pages.load(HERE, name)).blocks}
    every = list(items(name))
    return sum(2 * sum(block in blocks for block in item) >= len(item) for item in every), len(every)


def test_every_day_keeps_half_of_its_items() -> None:
    for day, today in days().items():
        counts = [kept(stop.name) for stop in today]
        shown, every = (sum(column) for column in zip(*counts, strict=True))
        assert 2 * shown >= every, f"day {day}: {shown} of {every} items are on the core path"


def named_days(language: str) -> Iterator[tuple[str, int, str]]:
    """(page, day, linked page) of each link in the prose that is called by a day: [day 5](...), [第 5 天](...)."""
    called = r"\[(?:[Dd]ay (\d+)|第 (\d+) 天)\]\(([^)#\s]+\.md)"
    for name in HERE.pages(language):
        for line in pages.load(HERE, name, language).lines:
            for day, chinese, target in re.findall(called, line):
                linked = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)).removesuffix(".md")
                yield name, int(day or chinese), linked


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_that_name_a_day_name_the_right_one(language: str) -> None:
    known = {stop.name: stop.day for stop in course(language)}
    found = list(named_days(language))
    assert len(found) > 5
    assert [link for link in found if known[link[2]] != link[1]] == []


# ---- The core path ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_core_path_needs_nothing_that_it_leaves_out(name: str) -> None:
    assert core.problems(pages.load(HERE, name)) == []


@pytest.mark.parametrize("name", ["tensors/shapes", "tensors/indexing"])  # quick ones; all of them run at night
def test_the_core_path_runs_alone(sessions: Sessions, name: str) -> None:
    whole, cut = pages.load(HERE, name), core.cut(pages.load(HERE, name))
    assert 0 < len(cut.blocks) < len(whole.blocks)
    report = core.run(HERE, [name], workers=1, sessions=sessions)
    assert report.ok, [report.problems, report.failed]
    assert len(report.verdicts) == len(cut.blocks)


CORE = {
    "needed": "a = 1\nimport math",
    "left_out": "b = a + 1\nimport math\na += 1",
    "reads": "print({name})",
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("math.pi", ""),
        ("b", 'block "reads" of the core path reads b, which block "left_out" (line 9) makes'),
        ("a", 'block "reads" of the core path reads a, which block "left_out" (line 9) makes'),
    ],
)
def test_a_name_from_a_section_that_is_left_out_is_told(tmp_path: Path, name: str, told: str) -> None:
    page = cored(tmp_path, name)
    found = core.problems(page)
    assert (told in found[0] and "docs/en/part/page.md:15: " in found[0]) if told else found == []


def cored(root: Path, name: str) -> pages.Page:
    """A page of three blocks, the second beyond the core path, whose third prints ``name``."""
    tree = write_page(root, CORE | {"reads": CORE["reads"].format(name=name)})
    path = tree.page("en", "part/page")
    text = path.read_text(encoding="utf-8").split("\n\n")
    text = [text[0], text[1], "## Left out {#left-out .beyond}", text[2], "## Back {#back}", *text[3:]]
    write_atomically(path, "\n\n".join(text))
    return pages.load(tree, "part/page")


def test_what_a_section_changes_is_noticed_by_running(tmp_path: Path, run_book: RunBook) -> None:
    blocks = {"first": "a = [1]", "second": "a.append(2)", "third": "print(a)"}
    tree = write_page(tmp_path / "book", blocks)
    for language in LANGUAGES:
        path = tree.page(language, "part/page")
        text = path.read_text(encoding="utf-8").replace(
            '```python\n--8<-- "part/page.py:second"', "## B {#b .beyond}\n\n\\g"
        )
        text = text.replace("\\g", '```python\n--8<-- "part/page.py:second"')
        text = text.replace(
            '```python\n--8<-- "part/page.py:third"', '## C {#c}\n\n```python\n--8<-- "part/page.py:third"'
        )
        write_atomically(path, text)
    assert run_book(tree, "record")[0] == 0
    assert core.problems(pages.load(tree, "part/page")) == []  # names alone don't tell
    status, said = run_book(tree, "core")
    assert status == 1 and "part/page::third" in said and "2 is missing" not in said
    write_atomically(tree.page("en", "part/page"), tree.page("en", "part/page").read_text().replace(" .beyond", ""))
    assert run_book(tree, "core")[0] == 0


def test_a_mark_is_noted_under_its_heading(tmp_path: Path) -> None:
    page = page_of(tmp_path, PAGE)
    made = plan_pages.extended(HERE, page, page.lines)
    notes = [line for line in "\n".join(made).split("\n") if "beyond the core path" in line]
    assert notes == ["beyond the core path · [go on with Twelve](#twelve)"]
    assert len(made) == len(page.lines)


def test_of_several_marks_in_a_row_the_first_leads_on(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        PAGE.replace("{#twelve}", "{#twelve .beyond}").replace("## Exercises", "## Last {#last}\n\n## Exercises"),
    )
    notes = [
        line for line in "\n".join(plan_pages.extended(HERE, page, page.lines)).split("\n") if "beyond the" in line
    ]
    assert notes == ["beyond the core path · [go on with Last](#last)", "beyond the core path"]


def test_marks_must_agree_and_stand_on_sections(tmp_path: Path) -> None:
    page = page_of(tmp_path, PAGE)
    other = page_of(tmp_path / "zh", PAGE.replace(" .beyond", ""), "zh")
    assert [*plan.other_marks(page, page)] == [*plan.problems(page)] == []
    assert 'section "eight" stands beyond the core path in docs/en/part/page.md only' in next(
        plan.other_marks(page, other)
    )
    for wrong in ("{#top}", "{#exercise-do}"):
        marked = page_of(tmp_path / wrong[2:-1], PAGE.replace(wrong, f"{wrong[:-1]} .beyond}}"))
        assert "only a section can stand beyond the core path" in next(plan.problems(marked))


def test_typed_minutes_are_told(small: Tree) -> None:
    path = small.page("en", "part/small")
    write_atomically(path, path.read_text(encoding="utf-8").replace("## Table", "**Time** about an hour.\n\n## Table"))
    assert [p for p in audit.audit(small) if "minutes are computed: write {time}" in p]


# ---- The course ------------------------------------------------------------------------------------------------------

NAV = """\
nav:
  - Home: index.md
  - Part:
      - Overview: part/overview.md
      - Small: part/small.md
      - Large: part/large.md
  - Status: status.md
"""


@pytest.fixture
def little(tmp_path: Path) -> Tree:
    """A book of an overview and two pages, with a plan."""
    tree = write_small(tmp_path / "book")
    for config in ("mkdocs.yml", "mkdocs.zh.yml"):
        write_atomically(tree.root / config, NAV)
    for language in LANGUAGES:
        for name, front in {
            "small": "day: 1\ndifficulty: 2\nlearn: see",
            "large": "day: 2\ndifficulty: 5\nlearn: know",
            "overview": "title: Part",
        }.items():
            text = f"---\n{front}\n---\n\n# {name} {{#{name}}}\n\nWords.\n\n<!-- plan: pages -->\n"
            write_atomically(tree.page(language, f"part/{name}"), text)
    return tree


def test_an_overview_belongs_to_the_first_day_of_its_part(little: Tree) -> None:
    found = plan.course(little, "en")
    assert [(stop.name, stop.title, stop.day, stop.difficulty) for stop in found] == [
        ("part/overview", "Part", 1, 1), ("part/small", "Small", 1, 2), ("part/large", "Large", 2, 5),
    ]  # fmt: skip


def test_days_are_named_in_the_navigation(little: Tree) -> None:
    assert plan.with_days(little, "zh", plan.navigation(little, "zh")) == [
        {"Home": "index.md"},
        {"Part": [
            {"Overview": "part/overview.md"},
            {"第 1 天 · Small": "part/small.md"},
            {"第 2 天 · Large": "part/large.md"},
        ]},
        {"Status": "status.md"},
    ]  # fmt: skip


def edited(name: str, old: str, new: str, languages: tuple[str, ...] = LANGUAGES) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        for language in languages:
            path = tree.page(language, f"part/{name}")
            text = path.read_text(encoding="utf-8")
            assert old in text
            write_atomically(path, text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (edited("small", "day: 1\n", ""), 'docs/en/part/small.md:1: front matter lacks "day"'),
        (edited("small", "day: 1\n", "day: soon\n"), 'docs/en/part/small.md:1: "day: soon" is no whole number'),
        (edited("small", "day: 1\n", "day: 3\n"), "docs/en/part/small.md:1: day 3, but the next page of the navigation"),
        (edited("small", "difficulty: 2\n", ""), 'docs/en/part/small.md:1: front matter lacks "difficulty"'),
        (edited("large", "difficulty: 5", "difficulty: 6"), "docs/en/part/large.md:1: difficulty 6: it goes from 1 to 5"),
        (edited("large", "learn: know", ""), 'docs/zh/part/large.md:1: front matter lacks "learn"'),
        (edited("large", "day: 2", "day: 3", ("zh",)), 'docs/zh/part/large.md:1: "day" is 3 here and 2 in docs/en'),
        (edited("large", "plan: pages", "plan: wekks"), 'docs/en/part/large.md:11: "plan: wekks": staging makes pages'),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_told_with_its_place(little: Tree, breaks: Callable[[Tree], None], told: str) -> None:
    breaks(little)
    with pytest.raises(BookError) as raised:
        for language in reversed(LANGUAGES):
            plan.course(little, language)
            page = pages.load(little, "part/large", "en")
            plan_pages.extended(little, page, page.lines)
    assert told in str(raised.value)


def test_tables_follow_their_sources(little: Tree) -> None:
    before = {p.name: p.read_text(encoding="utf-8") for p in plan.inputs(little) if p.suffix == ".md"}
    assert set(before) == {"small.md", "large.md", "overview.md"}
    assert little.page("zh", "part/small") in plan_pages.inputs(little, "part/large", "zh")
    assert [*plan_pages.inputs(HERE, "concepts/autograd", "zh")] == [HERE.page("en", "concepts/autograd")]
    page = pages.load(little, "part/large", "en")
    table = "\n".join(plan_pages.extended(little, page, page.lines))
    assert "| 1 | [Small](small.md)<br>" in table and 'aria-label="5 of 5">●●●●●<' in table
    edited("small", "day: 1\n", "day: 2\n")(little)
    assert "| 2 | [Small](small.md)<br>" in "\n".join(plan_pages.extended(little, page, page.lines))


# ---- The built site --------------------------------------------------------------------------------------------------


def next_of(built_site: Path, file: str) -> str | None:
    """The page that "Next" at the foot of a page leads to, as a path below the site."""
    markup = (built_site / file).read_text(encoding="utf-8")
    link = re.search(r'<a href="([^"]*)" class="md-footer__link md-footer__link--next"', markup)
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), link[1], "index.html")) if link else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_next_leads_from_home_to_every_page(built_site: Path, language: str) -> None:
    seen: list[str] = []
    file: str | None = file_of("index", language)
    while file is not None:
        assert file not in seen
        seen.append(file)
        file = next_of(built_site, file)
    files = [target.removesuffix(".md") for _, target in plan.entries(plan.navigation(HERE, language))]
    assert [file_of(name, language) for name in files] == seen
    written = {name for name in HERE.pages(language) if name != "index" and not plan.is_looked_up(name)}
    assert {stop.name for stop in course(language)} == written, "a page is in no navigation"
    assert course(language)[-1].name == "start/afterword"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview_of_pages_that_are_looked_up_lists_each_once(language: str) -> None:
    overview = pages.load(HERE, f"{plan.LOOKED_UP}{plan.OVERVIEW}", language)
    rows = [line for line in overview.lines if line.startswith("| [")]
    listed = [re.findall(r"\]\((\w+)\.md\)", row)[0] for row in rows]
    written = [name.removeprefix(plan.LOOKED_UP) for name in HERE.pages(language) if plan.is_looked_up(name)]
    assert sorted([plan.OVERVIEW, *listed]) == sorted(written)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_one_row(built_site: Path, language: str) -> None:
    markup = (built_site / file_of("start/study_plan", language)).read_text(encoding="utf-8")
    table = markup.partition('<div class="rp-plan">')[2].partition("</table>")[0]
    rows = re.findall(r'<td><a href="([^"]+)">', table)
    folder = posixpath.dirname(file_of("start/study_plan", language))
    found = [posixpath.normpath(posixpath.join(folder, row, "index.html")) for row in rows]
    assert found == [file_of(stop.name, language) for stop in course(language)]
    home = (
        (built_site / file_of("index", language))
        .read_text(encoding="utf-8")
        .partition("<table>")[2]
        .partition("</table>")[0]
    )
    assert len(re.findall("<tr>", home)) == 1 + max(days())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_section_next_leads_to_the_next_page(language: str) -> None:
    """An overview between two pages may be left to the foot of the page."""
    stops = [stop.name for stop in course(language)]
    for name, after in pairwise(stops):
        page = pages.load(HERE, name, language)
        begins = next((h.line for h in page.headings if h.id == "next"), None)
        assert begins, f"{page.path} has no section Next"
        wanted = {after, *(n for n in stops[stops.index(after) + 1 :][:1] if plan.is_overview(after))}
        linked = {
            posixpath.normpath(posixpath.join(posixpath.dirname(name), target.partition("#")[0])).removesuffix(".md")
            for target, line in page.links
            if line > begins
        }
        assert wanted & linked, f"{page.path}:{begins}: the next page of the course is {after}"


# ---- What is said of it ----------------------------------------------------------------------------------------------


def test_the_study_plan_states_the_formula() -> None:
    code = (HERE.snippets / "start" / "study_plan.py").read_text(encoding="utf-8")
    assert f"[60 / {plan.WORDS_A_MINUTE['en']}, {plan.SECONDS_A_FORMULA}, {plan.SECONDS_A_LINE}]" in code
    english, chinese = (" ".join(pages.load(HERE, "start/study_plan", n).lines) for n in LANGUAGES)
    for told in (
        "150 words a minute, 20 seconds for a formula, 8 seconds for a line of code",
        "3 minutes to think, and 30 seconds",
    ):
        assert told in english
    for told in ("每分钟读 150 个英文词，每个公式 20 秒，每行代码 8 秒", "3 分钟思考，答案里的每行代码再加 30 秒"):
        assert told in chinese
    assert (plan.WORDS_A_MINUTE["en"], plan.SECONDS_A_FORMULA, plan.SECONDS_A_LINE) == (150, 20, 8)
    assert (plan.SECONDS_AN_EXERCISE, plan.SECONDS_A_LINE_OF_A_SOLUTION) == (3 * 60, 30)


def test_the_hours_of_the_study_plan_are_upper_limits() -> None:
    """Its block computes weeks from 6 hours for 3 days, 40 for 20 days and 90 for everything."""
    time = plan_pages.total([stop for stop in course() if stop.day <= 20])
    assert time.core <= 40 * 60 and time.read + time.exercises <= 90 * 60
