"""The built site in a Chromium: each page opened once, and looked at in both sizes and both colours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import browser_support as support
import pytest
from browser_support import CHAPTER, CHAPTERS, PLACES, Links, NewContext, Place, Visit
from playwright.sync_api import Browser

from book.ground.tree import HERE, LANGUAGES, Tree
from book.record import records, shapes

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

every_place = pytest.mark.parametrize("place", PLACES, ids=lambda p: f"{p.language}-{p.name}")
every_chapter = pytest.mark.parametrize("place", CHAPTERS, ids=lambda p: p.language)
every_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def below(site: Path) -> Iterator[str]:
    """The site below another base path than the one at which the other tests read it."""
    with support.served(site, "/book/") as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser: Browser, below: str) -> Iterator[Callable[[Place], Visit]]:
    """Each page once, in a light window of a desk whose clipboard may be read; a test that changes it puts it back."""
    context = support.window(browser, permissions=["clipboard-read", "clipboard-write"])
    visits: dict[Place, Visit] = {}

    def look(place: Place) -> Visit:
        if place not in visits:
            visits[place] = support.visit(context, below, place)
        return visits[place]

    yield look
    context.close()


@pytest.fixture(scope="module")
def known(below: str) -> Links:
    return Links(below)


# ---- Looking ---------------------------------------------------------------------------------------------------------


@every_place
def test_opens_quietly(opened: Callable[[Place], Visit], place: Place) -> None:
    assert support.quiet(opened(place)) == []


@every_place
def test_title_and_heading(opened: Callable[[Place], Visit], tree: Tree, place: Place) -> None:
    site_name = support.setting(tree, place.language, "site_name")
    page = opened(place).page
    assert support.titles(page, *place.titles(tree), site_name) == []
    assert page.locator("html").get_attribute("lang") == support.LANG[place.language]


@every_place
def test_card_for_other_sites(opened: Callable[[Place], Visit], tree: Tree, place: Place, site: Path) -> None:
    assert support.SITE_URL.startswith("https://")
    assert support.cards(opened(place).page, place.language, place.address, place.description(tree)) == []
    assert (site / ("" if place.language == "en" else place.language) / "images" / "card.png").is_file()


@every_place
def test_figures(opened: Callable[[Place], Visit], place: Place) -> None:
    page = support.with_blocks_open(opened(place).page)
    if place.name != "status":
        assert page.locator(".rp-figure").count() >= 2
    assert support.figures(page) == []
    assert support.figures_of_scheme(page) == []


@every_place
def test_formulas(opened: Callable[[Place], Visit], place: Place) -> None:
    page = opened(place).page
    if place.name == CHAPTER:
        assert page.locator("article math").count() > 10
    assert support.formulas(page) == []


@every_place
def test_every_block_can_be_reported(opened: Callable[[Place], Visit], tree: Tree, place: Place) -> None:
    blocks = place.blocks(tree)
    torch = support.torch_of(tree, place.name) if blocks else ""
    assert support.report_links(opened(place).page, blocks, support.repo_url(tree), torch) == []


@every_place
def test_contrast(opened: Callable[[Place], Visit], place: Place) -> None:
    assert support.contrast(opened(place).page) == []  # in the dark: test_browser_kinds


@every_place
def test_phone(opened: Callable[[Place], Visit], place: Place) -> None:
    page = support.with_blocks_open(opened(place).page)
    with support.phone(page):
        assert support.sideways(page) == []
        assert support.broken_words(page) == []
        if place.name == CHAPTER:
            assert support.inner_scroll(page) == []
            assert support.sideways(page) == []


@every_place
def test_links(opened: Callable[[Place], Visit], known: Links, place: Place) -> None:
    """Here every page is below /book/, so that a link to / leaves the site."""
    assert support.links(opened(place).page, known) == []


@every_chapter
def test_copy_button_copies_the_block(opened: Callable[[Place], Visit], tree: Tree, place: Place) -> None:
    page = support.with_blocks_open(opened(place).page)
    page.bring_to_front()  # only the tab that one looks at may use the clipboard
    blocks = place.blocks(tree)
    assert support.copies(page, blocks[:8] + blocks[-2:]) == []  # the last are in folded solutions


@every_language
def test_every_page_fits_a_phone(new_context: NewContext, base: str, tree: Tree, site: Path, language: str) -> None:
    """Every page but those of single APIs: nothing sticks out, no word is broken. Without scripts, which is twice as fast."""
    toolkit = [f"toolkit/{path.name}" for path in (site / "toolkit").iterdir() if path.is_dir()]
    known, wrong = Links(base), {}
    seen = Visit(new_context(viewport=support.PHONE, java_script_enabled=False).new_page(), base)
    for name in [*tree.pages(), *toolkit, "status", "errors", "finder", "reference"]:
        place = Place(language, name)
        seen.forget()
        page = support.with_blocks_open(seen.open(place.address).page)
        checks = (support.formulas, support.sideways, support.broken_words)
        problems = [*seen.failed, *seen.said, *(problem for check in checks for problem in check(page))]
        if place in PLACES:
            problems += support.links(page, known)
        if problems:
            wrong[name] = problems
    assert wrong == {}


# ---- Other pages and files -------------------------------------------------------------------------------------------


@every_language
def test_sitemap(site: Path, tree: Tree, language: str) -> None:
    root = ElementTree.parse(site / ("" if language == "en" else language) / "sitemap.xml").getroot()
    folder = tree.build / language  # generated pages too
    names = [
        path.relative_to(folder).with_suffix("").as_posix().removesuffix("/index") for path in folder.rglob("*.md")
    ]
    assert sorted(el.text or "" for el in root.findall(".//{*}loc")) == sorted(
        support.SITE_URL + Place(language, name).address for name in names
    )


@every_chapter
def test_the_notebook_view_shows_the_record(new_context: NewContext, base: str, tree: Tree, place: Place) -> None:
    seen = support.visit(new_context(), base, f"{place.address.rstrip('/')}_notebook/")
    page = seen.page
    assert support.quiet(seen) == []
    record = records.read(tree, place.name)
    assert page.locator(".rp-prompt").all_text_contents() == [f"In [{n}]:" for n in range(1, len(record.cells) + 1)]
    shown = [code.rstrip("\n") for code in page.locator(".rp-shown code").all_text_contents()]
    assert shown == [shapes.annotated(cell.source, cell.shapes) for cell in record.cells]
    assert page.locator(".rp-code, .rp-run, .rp-apis").count() == 0  # its blocks are not counted as blocks that ran
    assert support.accessible(page) == [] and support.figures(page) == [] and support.formulas(page) == []
    page.locator(".rp-take a").first.click()
    page.wait_for_url(f"**/{place.address}")


@pytest.mark.parametrize("ci", [False, True], ids=["at home", "in CI"])
def test_without_a_chromium_the_run_says_so(ci: bool) -> None:
    """At home the tests are left out, with one line that counts them; in CI they fail."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"CHROMIUM": "there-is-no-such-browser", "CI": "true" if ci else ""}
    tests = "test_opens_quietly or test_keyboard or test_the_404_pages_are_whole"
    names = (Path(__file__).name, "test_browser_reading.py", "test_serve.py")
    files = [str(Path(__file__).with_name(name)) for name in names]
    command = [sys.executable, "-m", "pytest", *files, "-k", tests, "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=HERE.root, env=environment, capture_output=True, text=True, timeout=600)
    count = len(PLACES) + len(CHAPTERS) + 1
    if ci:
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"{count} errors" in run.stdout
    else:
        assert run.returncode == 0, run.stdout + run.stderr
        assert re.search(
            rf"^SKIPPED \[{count}\] .*LEFT OUT: .*install chromium, or set CHROMIUM", run.stdout, re.MULTILINE
        )
