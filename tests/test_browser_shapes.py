"""The switch "shapes": what it shows is the record's, is never copied, is remembered, and costs nothing before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser_support as support
import pytest
from browser_support import NewContext, Place, Visit
from playwright.sync_api import Page

from book.ground.tree import LANGUAGES, Tree
from book.record import records, shapes

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

NAME = "concepts/dynamic_graph"
every_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def below(site: Path) -> Iterator[str]:
    with support.served(site, "/book/") as address:
        yield address


def address(language: str, name: str = NAME) -> str:
    return Place(language, name).address


def lines_shown(page: Page) -> dict[str, dict[str, str]]:
    """Block -> line -> the words at its end, as the style sheet draws them."""
    page.locator(".rp-shape").first.wait_for(state="attached")
    return dict(
        page.evaluate("""Object.fromEntries([...document.querySelectorAll(".rp-code[id]")].map(block => {
            const lines = {}
            for (const shape of block.querySelectorAll(".rp-shape")) {
                const range = document.createRange()
                range.setStart(block.querySelector("code"), 0)
                range.setEndBefore(shape)
                const content = getComputedStyle(shape, "::after").content
                if (content !== "none") lines[range.toString().split("\\n").length] = shape.dataset.shape
            }
            return [block.id.replace("code-", ""), lines]
        }).filter(([, lines]) => Object.keys(lines).length))""")
    )


@every_language
def test_the_switch_shows_what_the_record_has(new_context: NewContext, below: str, tree: Tree, language: str) -> None:
    seen = Visit(new_context().new_page(), below).open(address(language))
    page = seen.page
    page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if url.endswith("shapes.json")], "nothing before it is used"
    assert page.locator(".rp-shape").count() == 0
    page.get_by_role("button", name=page.locator(".rp-shapes").inner_text(), exact=True).click()
    wanted = {
        cell.name: {line: shapes.told(notes) for line, notes in cell.shapes.items()}
        for cell in records.read(tree, NAME).cells
        if cell.shapes
    }
    assert lines_shown(page) == wanted
    assert page.locator(".rp-shapes").get_attribute("aria-pressed") == "true"
    page.keyboard.press("s")
    assert lines_shown(page) == {} and page.locator(".rp-shapes").get_attribute("aria-pressed") == "false"
    assert support.quiet(seen) == []


@every_language
def test_shapes_are_not_copied(new_context: NewContext, below: str, tree: Tree, language: str) -> None:
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    place = Place(language, NAME)
    page = support.visit(context, below, place).page
    page.keyboard.press("s")
    assert lines_shown(page)
    page.bring_to_front()
    assert support.copies(page, place.blocks(tree)[:4]) == []
    block = page.locator(".rp-code code").first
    assert "float32" not in block.inner_text()


@every_language
def test_the_switch_is_remembered_on_other_pages_in_the_other_language_and_after_instant_navigation(
    new_context: NewContext, below: str, language: str
) -> None:
    context = new_context()
    page = Visit(context.new_page(), below).open(address(language)).page
    page.keyboard.press("s")
    assert lines_shown(page)
    other = "zh" if language == "en" else "en"
    again = Visit(context.new_page(), below).open(address(other, "concepts/tensors")).page
    assert lines_shown(again)
    again.locator(".md-footer__link--next").click()
    again.wait_for_url("**/concepts/autograd/")
    again.locator("h1#autograd").wait_for()  # the address comes first, and the old page's shapes go only then
    assert lines_shown(again)


def test_a_name_tells_its_shape_to_who_points_at_it(new_context: NewContext, below: str) -> None:
    page = Visit(new_context().new_page(), below).open(address("en")).page
    page.keyboard.press("s")
    assert lines_shown(page)
    name = page.locator("#code-two_ones code span[title], .rp-code code span[title]").first
    assert "float" in (name.get_attribute("title") or "")
    name.focus()
    assert name.evaluate("el => el === document.activeElement")


def test_keys_that_are_typed_switch_nothing(new_context: NewContext, below: str) -> None:
    page = Visit(new_context().new_page(), below).open(address("en")).page
    page.keyboard.press("/")
    page.keyboard.type("softmax shapes")
    page.keyboard.press("Escape")
    assert page.locator(".rp-shapes").get_attribute("aria-pressed") == "false"
    page.keyboard.press("Control+s")
    assert page.locator(".rp-shapes").get_attribute("aria-pressed") == "false"


def test_without_scripts_or_a_store_nothing_is_lost(new_context: NewContext, below: str) -> None:
    plain = Visit(new_context(java_script_enabled=False).new_page(), below).open(address("en")).page
    assert not plain.locator(".rp-shapes").is_visible() and plain.locator(".rp-code").count() > 5
    context = new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })")
    page = Visit(context.new_page(), below).open(address("en")).page
    page.keyboard.press("s")
    assert lines_shown(page)
