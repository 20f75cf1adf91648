"""The built site in a Chromium, as a reader meets it: both languages, large and small windows, light and dark, no JavaScript."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import browser_support as support
import pytest
from browser_support import Links, Place, Visit
from mkdocs.utils.yaml import yaml_load
from playwright.sync_api import Browser, BrowserContext, Page, expect

from book import records, weight
from book.tree import HERE, LANGUAGES, Tree

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

CHAPTER = "concepts/autograd"
NAMES = ("index", CHAPTER, "status")
PLACES = [Place(language, name) for name in NAMES for language in LANGUAGES]
CHAPTERS = [Place(language, CHAPTER) for language in LANGUAGES]
ANCHOR = "#accumulation"  # a heading in the middle of the chapter

every_place = pytest.mark.parametrize("place", PLACES, ids=lambda p: f"{p.language}-{p.name}")
every_chapter = pytest.mark.parametrize("place", CHAPTERS, ids=lambda p: p.language)
every_language = pytest.mark.parametrize("language", LANGUAGES)

NewContext = Callable[..., BrowserContext]


# ---- Fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends before other files' tests begin: playwright's event loop would forbid them one of their own."""
    with support.launched() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def site(built_site: Path) -> Path:
    return built_site


@pytest.fixture(scope="module")
def tree(site: Path) -> Tree:
    """The sources that the site was built from."""
    return Tree(site.parent)


@pytest.fixture(scope="module")
def base(site: Path) -> Iterator[str]:
    with support.served(site) as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser: Browser, base: str) -> Callable[[Place], Visit]:
    """Each page once, in a light window of a desk, for tests that only look at it."""
    context = browser.new_context(viewport=support.DESKTOP, color_scheme="light")
    visits: dict[Place, Visit] = {}

    def look(place: Place) -> Visit:
        if place not in visits:
            visits[place] = support.visit(context, base, place)
        return visits[place]

    return look


@pytest.fixture
def new_context(browser: Browser) -> Iterator[NewContext]:
    """A window without a past, closed afterwards."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        contexts.append(browser.new_context(**{"viewport": support.DESKTOP, "color_scheme": "light", **options}))  # type: ignore[arg-type]
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def tab(new_context: NewContext) -> Page:
    return new_context().new_page()


def repo_url(tree: Tree) -> str:
    return support.setting(tree, "en", "repo_url").rstrip("/")


def torch_of(tree: Tree, name: str) -> str:
    return records.read(tree, name).machine.torch.partition("+")[0]


# ---- Looking ---------------------------------------------------------------------------------------------------------


@every_place
def test_opens_quietly(opened: Callable[[Place], Visit], place: Place) -> None:
    assert support.quiet(opened(place)) == []


@every_place
def test_title_and_heading(opened: Callable[[Place], Visit], tree: Tree, place: Place) -> None:
    site_name = support.setting(tree, place.language, "site_name")
    page = opened(place).page
    assert support.titles(page, *place.titles(tree), site_name) == []
    assert page.locator("html").get_attribute("lang") == place.language


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
    torch = torch_of(tree, place.name) if blocks else ""
    assert support.report_links(opened(place).page, blocks, repo_url(tree), torch) == []


@every_place
def test_accessible(opened: Callable[[Place], Visit], place: Place) -> None:
    assert support.accessible(opened(place).page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@every_place
def test_contrast(opened: Callable[[Place], Visit], place: Place, scheme: str) -> None:
    page = opened(place).page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    try:
        wanted = {"light": "default", "dark": "slate"}[scheme]
        expect(page.locator("body")).to_have_attribute("data-md-color-scheme", wanted)
        assert support.contrast(page) == []
    finally:
        page.emulate_media(color_scheme="light")


# ---- Links -----------------------------------------------------------------------------------------------------------


def test_links(opened: Callable[[Place], Visit], base: str) -> None:
    known = Links(base)
    assert [problem for place in PLACES for problem in support.links(opened(place).page, known)] == []


def test_links_below_another_base_path(new_context: NewContext, site: Path) -> None:
    context = new_context()
    with support.served(site, "/book/") as base:
        known = Links(base)
        for place in PLACES:
            there = support.visit(context, base, place)
            assert support.quiet(there) == []
            assert support.links(there.page, known) == []


@every_language
def test_sitemap(browser: Browser, site: Path, tree: Tree, language: str) -> None:
    root = ElementTree.parse(site / ("" if language == "en" else language) / "sitemap.xml").getroot()
    folder = tree.build / language  # generated pages too
    names = [
        path.relative_to(folder).with_suffix("").as_posix().removesuffix("/index") for path in folder.rglob("*.md")
    ]
    assert sorted(el.text or "" for el in root.findall(".//{*}loc")) == sorted(
        support.SITE_URL + Place(language, name).address for name in names
    )


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


@every_chapter
def test_the_notebook_view_shows_the_record(new_context: NewContext, base: str, tree: Tree, place: Place) -> None:
    seen = support.visit(new_context(), base, f"{place.address.rstrip('/')}_notebook/")
    page = seen.page
    assert support.quiet(seen) == []
    record = records.read(tree, place.name)
    assert page.locator(".rp-prompt").all_text_contents() == [f"In [{n}]:" for n in range(1, len(record.cells) + 1)]
    shown = [code.rstrip("\n") for code in page.locator(".rp-shown code").all_text_contents()]
    assert shown == [cell.source.rstrip("\n") for cell in record.cells]
    assert page.locator(".rp-code, .rp-run, .rp-apis").count() == 0  # its blocks are not counted as blocks that ran
    assert support.accessible(page) == [] and support.figures(page) == [] and support.formulas(page) == []
    page.locator(".rp-take a").first.click()
    page.wait_for_url(f"**/{place.address}")


# ---- Search ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words", "anchor"),
    [
        ("en", "backward", "#backward-scalar"),
        ("zh", "自动微分", ""),
        ("zh", "计算图", ""),
        ("zh", "反向传播", "#backward-scalar"),
    ],
)
def test_search_finds_and_leads_there(tab: Page, base: str, language: str, words: str, anchor: str) -> None:
    tab.goto(base + Place(language, "index").address)
    results = support.search(tab, words)
    expect(tab.locator(".md-search-result__item mark").first).to_be_visible()
    wanted = f"/{Place(language, CHAPTER).address}?h="
    targets = [result.get_attribute("href") or "" for result in results.all()]
    hits = [number for number, target in enumerate(targets) if wanted in target and target.endswith(anchor)]
    assert hits, targets
    if not results.nth(hits[0]).is_visible():
        results.nth(hits[0]).locator("xpath=ancestor::details").locator("summary").click()
    results.nth(hits[0]).click()
    tab.wait_for_url(f"**/{Place(language, CHAPTER).address}?h=**")
    expect(tab.locator("article mark").first).to_contain_text(re.compile(words[:2], re.IGNORECASE))
    if anchor:
        expect(tab.locator(anchor)).to_be_in_viewport()


@every_language
def test_search_finds_nothing_where_nothing_is(tab: Page, base: str, language: str) -> None:
    tab.goto(base + Place(language, "index").address)
    tab.locator(".md-search__input").click()
    tab.keyboard.type("qqzzxxvv")
    expect(tab.locator(".md-search-result__meta")).to_have_text(
        re.compile("No matching documents|没有找到符合条件的结果")
    )
    assert tab.locator(".md-search-result__link").count() == 0


@every_language
def test_the_index_waits_for_somebody_who_searches(new_context: NewContext, base: str, language: str) -> None:
    seen = support.visit(new_context(), base, Place(language, CHAPTER))
    seen.page.wait_for_load_state("networkidle")
    assert not [address for address in seen.asked if "search_index" in address]
    assert support.search(seen.page, "backward").count()
    assert len([address for address in seen.asked if "search_index" in address]) == 1


@every_language
def test_a_shared_search_opens_by_itself(tab: Page, base: str, language: str) -> None:
    tab.goto(base + Place(language, "index").address + "?q=backward")
    tab.locator(".md-search-result__link").first.wait_for(state="attached")


@every_chapter
def test_the_weight_counts_all_that_a_page_loads(new_context: NewContext, base: str, site: Path, place: Place) -> None:
    seen = support.visit(new_context(), base, place)
    page = support.with_blocks_open(seen.page)
    for figure in page.locator("article img[src$='#only-light']").all():  # pictures load when they come into view
        figure.scroll_into_view_if_needed()
    weighed = weight.weigh(site, place.name, place.language)
    wanted = set(weighed.files) | {place.address}
    for _ in range(100):  # the search worker asks late
        asked = [address.removeprefix(base) for address in seen.asked]
        asked += [posixpath.join(posixpath.dirname(a), a.partition("?")[2]) for a in asked if "?" in a]
        loaded = {address.partition("?")[0] for address in asked if not address.endswith("/")} | {place.address}
        if loaded == wanted:
            break
        page.wait_for_timeout(100)
    assert loaded == wanted


# ---- Language switch -------------------------------------------------------------------------------------------------


def switch(page: Page, base: str, there: Place) -> None:
    page.locator(".rp-language").click()
    page.wait_for_url(base + there.address + ANCHOR)
    expect(page.locator(ANCHOR)).to_be_in_viewport()
    assert page.locator("html").get_attribute("lang") == there.language


@every_chapter
def test_language_switch_keeps_the_place(tab: Page, base: str, place: Place) -> None:
    tab.goto(base + place.address + ANCHOR)
    switch(tab, base, place.other())
    switch(tab, base, place)


@every_chapter
def test_language_switch_after_instant_navigation(tab: Page, base: str, place: Place) -> None:
    tab.goto(base + Place(place.language, "status").address, wait_until="networkidle")
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


@every_chapter
def test_copy_button_copies_the_block(new_context: NewContext, base: str, tree: Tree, place: Place) -> None:
    context = new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = support.with_blocks_open(support.visit(context, base, place).page)
    blocks = place.blocks(tree)
    assert support.copies(page, blocks[:8] + blocks[-2:]) == []  # the last are in folded solutions


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@every_language
def test_colours_of_the_system(new_context: NewContext, base: str, language: str, scheme: str) -> None:
    page = new_context(color_scheme=scheme).new_page()
    page.goto(base + Place(language, "index").address)
    wanted = {"light": "default", "dark": "slate"}[scheme]
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", wanted)
    assert support.figures_of_scheme(page) == []


@every_place
def test_phone(new_context: NewContext, base: str, place: Place) -> None:
    page = support.with_blocks_open(support.visit(new_context(viewport=support.PHONE), base, place).page)
    assert support.sideways(page) == []
    assert support.broken_words(page) == []
    if place.name == CHAPTER:
        assert support.inner_scroll(page) == []
        assert support.sideways(page) == []


@every_language
def test_every_page_fits_a_phone(new_context: NewContext, base: str, tree: Tree, site: Path, language: str) -> None:
    """Every page but those of single APIs: nothing sticks out, no word is broken. Without scripts, which is twice as fast."""
    context = new_context(viewport=support.PHONE, java_script_enabled=False)
    toolkit = [f"toolkit/{path.name}" for path in (site / "toolkit").iterdir() if path.is_dir()]
    wrong = {}
    for name in [*tree.pages(), *toolkit, "status", "errors", "finder", "reference"]:
        opened = support.visit(context, base, Place(language, name))
        page = support.with_blocks_open(opened.page)
        checks = (support.formulas, support.sideways, support.broken_words)
        problems = [*opened.failed, *opened.said, *(problem for check in checks for problem in check(page))]
        if problems:
            wrong[name] = problems
        page.close()
    assert wrong == {}


@every_language
def test_phone_menu(new_context: NewContext, base: str, tree: Tree, language: str) -> None:
    page = new_context(viewport=support.PHONE, has_touch=True).new_page()
    page.goto(base + Place(language, "index").address)
    link = page.locator(".md-nav--primary a[href$='status/']")
    expect(link).not_to_be_in_viewport()
    page.locator(".md-header label[for=__drawer]").tap()
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


# ---- Every check can fail --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What is planted in a copy of a page, and the check that must report it with ``says``."""

    pattern: str
    planted: str
    check: Callable[[Visit, Tree], list[str]]
    says: str
    page: str = CHAPTER
    window: str = "desktop"


def _in_text(markup: str, check: Callable[[Visit, Tree], list[str]], says: str, **options: str) -> Fault:
    return Fault("</article>", f"{markup}</article>", check, says, **options)


def _quiet(opened: Visit, tree: Tree) -> list[str]:
    return support.quiet(opened)


def _on_page(check: Callable[[Page], list[str]]) -> Callable[[Visit, Tree], list[str]]:
    return lambda opened, tree: check(opened.page)


def _titles(opened: Visit, tree: Tree) -> list[str]:
    place = Place("en", CHAPTER)
    return support.titles(opened.page, *place.titles(tree), support.setting(tree, "en", "site_name"))


def _cards(opened: Visit, tree: Tree) -> list[str]:
    place = Place("en", CHAPTER)
    return support.cards(opened.page, place.language, place.address, place.description(tree))


def _report_links(opened: Visit, tree: Tree) -> list[str]:
    blocks = Place("en", CHAPTER).blocks(tree)
    return support.report_links(opened.page, blocks, repo_url(tree), torch_of(tree, CHAPTER))


def _copies(opened: Visit, tree: Tree) -> list[str]:
    return support.copies(opened.page, Place("en", CHAPTER).blocks(tree)[:1])


def _links(opened: Visit, tree: Tree) -> list[str]:
    return support.links(opened.page, Links(opened.base))


def _focus(opened: Visit, tree: Tree) -> list[str]:
    return support.focus_shown(opened.page, 3)


_figures = _on_page(support.figures)
_schemes = _on_page(support.figures_of_scheme)
_sideways = _on_page(support.sideways)

FAULTS = {
    "console error": _in_text("<script>console.error('planted')</script>", _quiet, "console error: planted"),
    "console warning": _in_text("<script>console.warn('planted')</script>", _quiet, "console warning: planted"),
    "uncaught error": _in_text("<script>throw new Error('planted')</script>", _quiet, "uncaught planted"),
    "other host": _in_text('<img alt="x" src="https://cdn.invalid/x.png">', _quiet, "another host is asked"),
    "missing file": _in_text('<script src="../../nothing.js"></script>', _quiet, "status 404"),
    "text before the heading": Fault(
        r"(<article[^>]*>)", r"\1<p>title: x</p>", _titles, "the text begins with 'title: x"
    ),
    "second heading": _in_text("<h1>Another</h1>", _titles, "h1 is"),
    "description": Fault(r'(name="description" content=")[^"]*', r"\1", _cards, "description is"),
    "card's picture": Fault(r'(property="og:image" content=")https://[^"]*', r"\1/card.png", _cards, "og:image"),
    "no words": Fault(r'(<img alt=")[^"]+', r"\1", _figures, "no alt text"),
    "no picture": Fault(r'(<img [^>]*src=")[^"#]+(#only-light)', r"\1nothing.svg\2", _figures, "does not load"),
    "both pictures": _in_text("<style>.rp-figure{display:inline!important}</style>", _schemes, "only-dark is shown"),
    "formula alone": _in_text("<div><math><mi>x</mi></math></div>", _on_page(support.formulas), "outside a paragraph"),
    "report link": Fault(r'(class="rp-report" href="[^"]*?)\d+\.\d+\.\d+', r"\1", _report_links, "does not name"),
    "field of no form": Fault(r'(class="rp-report" href="[^"]*&amp;)block=', r"\1section=", _report_links, "'section'"),
    "no report link": Fault(r'<a class="rp-report" href="[^"]*"', "<a", _report_links, "no report link"),
    "no block": Fault(r'id="code-\w+"', "", _report_links, "the page shows the blocks"),
    "changed code": Fault(r"(rp-code.*?>)torch<", r"\1torchvision<", _copies, "copied 'import torchvision"),
    "lost anchor": _in_text('<a href="#nowhere">x</a>', _links, "no such anchor"),
    "lost page": _in_text('<a href="../nowhere/">x</a>', _links, "status 404"),
    "absolute link": _in_text('<a href="/">x</a>', _links, "leaves the site"),
    "pale text": _in_text(
        "<p style='color:#ccc;background:#fff'>pale</p>", _on_page(support.contrast), "color-contrast", page="status"
    ),
    "nameless button": _in_text("<button></button>", _on_page(support.accessible), "button-name", page="status"),
    "wide box": _in_text("<div style='width:999px;height:1px'></div>", _sideways, "the page is", window="phone"),
    "stiff code": _in_text(
        "<style>.rp-code code{overflow:hidden!important}</style>",
        _on_page(support.inner_scroll),
        "do not scroll",
        window="phone",
    ),
    "letters": _in_text(
        "<table><td style='width:2em'><code style='overflow-wrap:anywhere'>a_name_of_letters</code></table>"
        "<style>td code{white-space:normal!important} td:has(code){display:block}</style>",
        _on_page(support.broken_words),
        "a_name_of_letters",
        window="phone",
    ),
    "no focus": _in_text("<style>:focus{outline:none!important}</style>", _focus, "no sign of the focus"),
}


@pytest.fixture(scope="module")
def broken(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A copy of the site under /book/, to plant faults in, and its address."""
    copy = Path(shutil.copytree(site, tmp_path_factory.mktemp("broken") / "site"))
    with support.served(copy, "/book/") as address:
        yield copy, address


@pytest.fixture(scope="module")
def windows(browser: Browser) -> dict[str, BrowserContext]:
    """A large and a small window whose clipboard the tests may read."""
    sizes = {"desktop": support.DESKTOP, "phone": support.PHONE}
    allowed = ["clipboard-read", "clipboard-write"]
    return {name: browser.new_context(viewport=size, permissions=allowed) for name, size in sizes.items()}  # type: ignore[arg-type]


def plant(site: Path, fault: Fault, name: str) -> str:
    """A copy of the fault's page beside it, with the fault in it. Returns its address."""
    folder = re.sub(r"\W+", "-", name)
    address = f"{Path(fault.page).parent.as_posix()}/{folder}/".removeprefix("./")
    shutil.copytree(site / fault.page, site / address)
    file = site / address / "index.html"
    text = file.read_text(encoding="utf-8")
    changed = re.sub(fault.pattern, fault.planted, text, count=1, flags=re.DOTALL)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    return address


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_reported(
    windows: dict[str, BrowserContext], broken: tuple[Path, str], tree: Tree, name: str
) -> None:
    fault = FAULTS[name]
    site, base = broken
    opened = support.visit(windows[fault.window], base, plant(site, fault, name))
    problems = fault.check(opened, tree)
    opened.page.close()
    assert fault.says in "\n".join(problems), problems


@pytest.mark.parametrize("ci", [False, True], ids=["at home", "in CI"])
def test_without_a_chromium_the_run_says_so(ci: bool) -> None:
    """At home the tests are left out, with one line that counts them; in CI they fail."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"CHROMIUM": "there-is-no-such-browser", "CI": "true" if ci else ""}
    tests = "test_opens_quietly or test_keyboard or test_the_404_pages_are_whole"
    files = [__file__, str(Path(__file__).with_name("test_serve.py"))]
    command = [sys.executable, "-m", "pytest", *files, "-k", tests, "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=HERE.root, env=environment, capture_output=True, text=True, timeout=120)
    count = len(PLACES) + len(CHAPTERS) + 1
    if ci:
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"{count} errors" in run.stdout
    else:
        assert run.returncode == 0, run.stdout + run.stderr
        assert re.search(
            rf"^SKIPPED \[{count}\] .*LEFT OUT: .*install chromium, or set CHROMIUM", run.stdout, re.MULTILINE
        )
