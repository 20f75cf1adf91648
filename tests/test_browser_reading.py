"""The built site in a Chromium, as a reader uses it: search, language switch, colours, keyboard, phone, without JavaScript."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import browser_support as support
import pytest
from browser_support import CHAPTER, CHAPTERS, NewContext, Place, Visit
from mkdocs.utils.yaml import yaml_load
from playwright.sync_api import Browser, Page, expect

from book.ground.tree import LANGUAGES, Tree
from book.site import weight

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

ANCHOR = "#accumulation"  # a heading in the middle of the chapter

every_chapter = pytest.mark.parametrize("place", CHAPTERS, ids=lambda p: p.language)
every_language = pytest.mark.parametrize("language", LANGUAGES)


# ---- First visit ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstVisit:
    """A window in which one chapter was read to its end: what it had asked for, before somebody searched in it."""

    visit: Visit
    asked: tuple[str, ...]

    @property
    def page(self) -> Page:
        return self.visit.page


@pytest.fixture(scope="module")
def first_visits(browser: Browser, base: str, site: Path) -> Iterator[dict[str, FirstVisit]]:
    found = {}
    for place in CHAPTERS:
        seen = support.visit(support.window(browser), base, place)
        page = support.with_blocks_open(seen.page)
        for figure in page.locator("article img[src$='#only-light']").all():  # pictures load when they come into view
            figure.scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")
        wait_for(seen, set(weight.weigh(site, place.name, place.language).files))
        found[place.language] = FirstVisit(seen, tuple(seen.asked))
    yield found
    for first in found.values():
        first.page.context.close()


def wait_for(seen: Visit, files: set[str]) -> None:
    """Return when they were asked for: a sitemap is asked for late."""
    support.until(seen.page, lambda: files <= loaded(seen.asked, seen.base))


def loaded(asked: list[str] | tuple[str, ...], base: str) -> set[str]:
    """The files of the site among addresses; one that is named after a question mark counts as well."""
    addresses = [address.removeprefix(base) for address in asked]
    addresses += [posixpath.join(posixpath.dirname(a), a.partition("?")[2]) for a in addresses if "?" in a]
    return {address.partition("?")[0] for address in addresses if not address.endswith("/")}


@every_chapter
def test_the_weight_counts_all_that_a_page_loads(
    first_visits: dict[str, FirstVisit], base: str, site: Path, place: Place
) -> None:
    weighed = weight.weigh(site, place.name, place.language)
    assert loaded(first_visits[place.language].asked, base) == set(weighed.files)


@every_language
def test_nothing_of_the_search_is_fetched_before_somebody_searches(
    first_visits: dict[str, FirstVisit], language: str
) -> None:
    first = first_visits[language]
    assert support.quiet(first.visit) == []
    assert not [address for address in first.asked if re.search(r"/search/|/(minisearch|search)\.js", address)]
    assert support.search(first.page, "backward").count()
    assert len([address for address in first.visit.asked if address.endswith("/search/index.json")]) == 1


# ---- Language switch -------------------------------------------------------------------------------------------------


def switch(page: Page, base: str, there: Place) -> None:
    page.locator(".rp-language").click()
    page.wait_for_url(base + there.address + ANCHOR)
    expect(page.locator(ANCHOR)).to_be_in_viewport()
    assert page.locator("html").get_attribute("lang") == support.LANG[there.language]


@every_chapter
def test_language_switch_keeps_the_place(tab: Page, base: str, place: Place) -> None:
    tab.goto(base + place.address + ANCHOR)
    switch(tab, base, place.other())
    switch(tab, base, place)


@every_chapter
def test_language_switch_after_instant_navigation(tab: Page, base: str, place: Place) -> None:
    seen = Visit(tab, base).open(Place(place.language, "concepts/tensors").address)
    assert support.quiet(seen) == []
    tab.evaluate("window.sameDocument = true")
    tab.locator(f".md-nav--primary a[href$='{CHAPTER}/']").click()
    tab.wait_for_url(base + place.address)
    expect(tab.locator(ANCHOR)).to_be_attached()
    assert tab.evaluate("window.sameDocument === true"), "this navigation loaded a whole document"
    tab.locator(f".md-sidebar--secondary a[href$='{ANCHOR}']").click()
    tab.wait_for_url(base + place.address + ANCHOR)
    switch(tab, base, place.other())
    switch(tab, base, place)


# ---- Reading ---------------------------------------------------------------------------------------------------------


@every_language
def test_previous_and_next(tab: Page, base: str, tree: Tree, language: str) -> None:
    with (tree.root / support.CONFIGS[language]).open("rb") as config:
        files = re.findall(r"[\w/]+\.md", repr(yaml_load(config)["nav"]))
    order = [Place(language, file.removesuffix(".md")) for file in files][:4]
    assert len(order) >= 3
    tab.goto(base + order[0].address)
    for direction, steps in (("next", order[1:]), ("prev", order[-2::-1])):
        for place in steps:
            tab.locator(f".md-footer__link--{direction}").press("Enter")
            tab.wait_for_url(re.compile(re.escape(base + place.address) + r"(#.*)?\Z"))  # reading moves the anchor
            expect(tab.locator("h1")).to_contain_text(place.titles(tree)[1])
    assert tab.locator(".md-footer__link--prev").count() == 0


@every_language
def test_a_page_that_comes_late_keeps_the_address_that_was_asked_for(
    new_context: NewContext, base: str, language: str
) -> None:
    """Not that of the place where one was on the page before, which the theme writes while the new one is fetched."""
    page = support.visit(new_context(), base, Place(language, "concepts/tensors")).page
    page.route(f"**/{CHAPTER}/", lambda route: (page.wait_for_timeout(1000), route.continue_()))
    page.locator(".md-footer__link--next").click()  # far below: the theme takes note of the place
    page.wait_for_function("name => document$ && location.pathname.includes(name)", arg=CHAPTER)
    expect(page.locator("h1")).to_have_id(CHAPTER.rpartition("/")[2])
    page.wait_for_function("location.hash === ''")


@every_language
def test_colours_can_be_switched(tab: Page, base: str, language: str) -> None:
    tab.goto(base + Place(language, "index").address)
    body = tab.locator("body")
    expect(body).to_have_attribute("data-md-color-scheme", "default")
    for _ in range(3):  # system, light, dark
        if body.get_attribute("data-md-color-scheme") == "slate":
            break
        tab.locator("[data-md-component=palette] label:visible").click()
    expect(body).to_have_attribute("data-md-color-scheme", "slate")
    assert support.figures_of_scheme(tab) == []
    for place in (Place(language, CHAPTER), Place(language, CHAPTER).other()):  # both languages remember it
        tab.goto(base + place.address)
        expect(body).to_have_attribute("data-md-color-scheme", "slate")
        assert support.figures_of_scheme(support.with_blocks_open(tab)) == []


@pytest.mark.parametrize("scheme", support.SCHEMES)
@every_language
def test_colours_of_the_system(new_context: NewContext, base: str, language: str, scheme: str) -> None:
    seen = support.visit(new_context(color_scheme=scheme), base, Place(language, "index"))
    expect(seen.page.locator("body")).to_have_attribute("data-md-color-scheme", support.SCHEMES[scheme])
    assert support.figures_of_scheme(seen.page) == []
    assert support.quiet(seen) == []


@every_language
def test_phone_menu(new_context: NewContext, base: str, tree: Tree, language: str) -> None:
    page = new_context(viewport=support.PHONE, has_touch=True).new_page()
    page.goto(base + Place(language, "index").address)
    link = page.locator(".md-nav--primary a[href$='status/']")
    expect(link).not_to_be_in_viewport()
    page.locator(".md-header label[for=__drawer]").tap()
    link.scroll_into_view_if_needed()  # the menu is longer than a phone
    expect(link).to_be_in_viewport()
    link.tap()
    page.wait_for_url(base + Place(language, "status").address)
    expect(link).not_to_be_in_viewport()
    assert support.sideways(page) == []


@every_chapter
def test_without_javascript(new_context: NewContext, base: str, tree: Tree, place: Place) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto(base + place.address)
    expect(page.locator("h1")).to_contain_text(place.titles(tree)[1])
    code = page.locator(".rp-code").first
    expect(code).to_be_visible()
    assert code.inner_text().strip() == place.blocks(tree)[0].code.strip()
    expect(page.locator(".rp-out").first).to_be_visible()
    expect(page.locator(".rp-figure[src$='only-light']").first).to_be_visible()
    page.locator(".md-nav--primary a[href$='status/']").click()
    page.wait_for_url(base + Place(place.language, "status").address)
    page.locator(".rp-language").click()
    page.wait_for_url(base + Place(place.language, "status").other().address)


@every_chapter
def test_keyboard(tab: Page, base: str, place: Place) -> None:
    tab.goto(base + place.address, wait_until="networkidle")
    tab.keyboard.press("Tab")
    skip = tab.locator(".md-skip")
    expect(skip).to_be_focused()
    expect(skip).to_have_css("opacity", "1")
    expect(skip).to_be_in_viewport()
    assert support.focus_shown(tab, 12) == []
    skip.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_function("document.activeElement === document.body")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('article') !== null"), "the skip link does not lead to the text"
    assert support.focus_shown(tab, 4) == []
