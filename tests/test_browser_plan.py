"""The study plan in a Chromium: the reader's check marks, their one store for both languages, and the page without scripts."""

from __future__ import annotations

from contextlib import suppress

import browser_support as support
import pytest
from browser_support import NewContext, Place
from playwright.sync_api import Locator, Page, expect

from book.ground.tree import HERE, LANGUAGES
from book.source import plan

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

PLAN = "start/study_plan"
PAGES = [stop.name for stop in plan.course(HERE, "en")]
TOLD = {"en": "{} of {} pages read", "zh": "已读 {} 页，共 {} 页"}

every_language = pytest.mark.parametrize("language", LANGUAGES)


def opened(page: Page, base: str, language: str) -> Page:
    page.goto(base + Place(language, PLAN).address)
    return page


def box(page: Page, name: str) -> Locator:
    """The check box in the row of a chapter."""
    return page.locator(f".rp-plan tr:has(a[href$='/{name}/']) input")


def counted(page: Page, language: str, number: int) -> None:
    expect(page.locator(".rp-plan__count")).to_have_text(TOLD[language].format(number, len(PAGES)))


@every_language
def test_marks_are_kept_for_both_languages(new_context: NewContext, base: str, language: str) -> None:
    other = Place(language, PLAN).other().language
    page = opened(new_context().new_page(), base, language)
    expect(page.locator(".rp-plan input")).to_have_count(len(PAGES))
    counted(page, language, 0)
    for name in ("workflow/tabular", "training/gpu"):
        box(page, name).check()
    counted(page, language, 2)

    page.reload()
    expect(box(page, "workflow/tabular")).to_be_checked()
    counted(page, language, 2)

    opened(page, base, other)
    expect(box(page, "training/gpu")).to_be_checked()
    expect(box(page, "workflow/images")).not_to_be_checked()
    box(page, "training/gpu").uncheck()
    counted(page, other, 1)

    opened(page, base, language)
    expect(box(page, "training/gpu")).not_to_be_checked()
    expect(box(page, "workflow/tabular")).to_be_checked()


def test_marks_come_back_after_instant_navigation(tab: Page, base: str) -> None:
    opened(tab, base, "en")
    box(tab, "workflow/tabular").check()
    tab.locator(".rp-plan a[href$='workflow/tabular/']").click()
    tab.wait_for_url("**/workflow/tabular/**")
    tab.go_back()
    expect(box(tab, "workflow/tabular")).to_be_checked()
    expect(tab.locator(".rp-plan thead th")).to_have_count(7)


@pytest.mark.parametrize("kept", ["no JSON", '{"a": 1}', "null"])
def test_a_store_that_holds_something_else_does_no_harm(tab: Page, base: str, kept: str) -> None:
    opened(tab, base, "en")
    tab.evaluate("kept => localStorage.setItem('runnable-pytorch.read', kept)", kept)
    tab.reload()
    counted(tab, "en", 0)
    box(tab, "workflow/tabular").check()
    tab.reload()
    counted(tab, "en", 1)


@every_language
def test_marks_can_be_set_from_the_keyboard_and_have_names(tab: Page, base: str, language: str) -> None:
    opened(tab, base, language)
    first = box(tab, "workflow/tabular")
    first.focus()
    tab.keyboard.press("Space")
    expect(first).to_be_checked()
    names = tab.locator(".rp-plan input").evaluate_all("boxes => boxes.map(b => b.getAttribute('aria-label'))")
    assert len(set(names)) == len(PAGES)


@every_language
def test_without_scripts_it_is_a_plain_table(new_context: NewContext, base: str, language: str) -> None:
    page = opened(new_context(java_script_enabled=False).new_page(), base, language)
    expect(page.locator(".rp-plan input")).to_have_count(0)
    expect(page.locator(".rp-plan thead th")).to_have_count(6)
    expect(page.locator(".rp-plan tbody tr:has(a)")).to_have_count(len(PAGES))
    expect(page.locator(".rp-plan tbody tr").first).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
@every_language
def test_on_a_phone_nothing_stands_beside_the_page(
    new_context: NewContext, base: str, language: str, scripts: bool
) -> None:
    page = opened(new_context(viewport=support.PHONE, java_script_enabled=scripts).new_page(), base, language)
    cut = page.locator(".rp-plan td").evaluate_all(
        "cells => cells.filter(c => c.getBoundingClientRect().right > innerWidth).map(c => c.textContent)"
    )
    assert cut == []
    if scripts:
        assert support.sideways(page) == []


@every_language
def test_the_note_under_a_section_leads_on(tab: Page, base: str, language: str) -> None:
    chapter = Place(language, "tensors/creation")  # no figure between the two: figures load late and push it down
    tab.goto(base + chapter.address, wait_until="networkidle")
    note = tab.locator(".rp-beyond").first
    expect(note).to_be_visible()
    target = (note.locator("a").get_attribute("href") or "").partition("#")[2]
    assert target
    # The theme writes the heading that a page is scrolled to into the address; where that comes just after a click, it
    # takes the click back. A reader clicks again.
    for _ in range(4):
        note.locator("a").click()
        with suppress(AssertionError):
            expect(tab.locator(f"#{target}")).to_be_in_viewport(timeout=10_000)
            return
    expect(tab.locator(f"#{target}")).to_be_in_viewport()
