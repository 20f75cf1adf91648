"""Every check of a page in a Chromium can fail: a fault is planted in a page, and its check must report it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import browser_support as support
import pytest
import reading_checks as reading
from browser_support import CHAPTER, Links, Place, Visit
from playwright.sync_api import Browser, BrowserContext, Page

from book.ground.tree import Tree

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser


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
    return support.report_links(opened.page, blocks, support.repo_url(tree), support.torch_of(tree, CHAPTER))


def _copies(opened: Visit, tree: Tree) -> list[str]:
    return support.copies(opened.page, Place("en", CHAPTER).blocks(tree)[:1])


_known = lru_cache(Links)


def _links(opened: Visit, tree: Tree) -> list[str]:
    return support.links(opened.page, _known(opened.base))


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
    "pale text after good text": _in_text(
        "<style>.x:nth-of-type(3){color:#ccc}</style><div><p class='x'>good</p><p class='x'>good</p><p class='x'>pale</p></div>",
        _on_page(support.contrast),
        "color-contrast",
        page="status",
    ),
    "link without a line": _in_text(
        "<style>article p a{text-decoration:none!important;color:#444!important}</style><p>See <a href='../'>it</a></p>",
        _on_page(support.contrast),
        "link-in-text-block",
        page="status",
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
    "small target": _in_text(
        "<div><button style='width:20px;height:20px'>x</button></div>",
        _on_page(reading.small_targets),
        "is 20 x 20",
        window="phone",
    ),
    "covered code": _in_text(
        "<style>.md-typeset pre>.md-code__nav{position:absolute!important;top:0;right:0;left:0}</style>",
        _on_page(reading.covered_code),
        "over the code",
        window="phone",
    ),
    "cut without a sign": _in_text(
        "<style>.md-typeset pre>code{background:none!important}</style>",
        _on_page(reading.unmarked_scroll),
        "goes on without a sign",
        window="phone",
    ),
    "cut title": _in_text(
        "<style>article h1{width:4em;overflow:hidden;white-space:nowrap!important}</style>",
        _on_page(reading.cut_titles),
        "is not whole",
    ),
    "title over a list": _in_text(
        "<style>.md-nav--primary>.md-nav__title{display:block!important;position:absolute!important;height:9rem!important}</style>",
        _on_page(reading.cut_titles),
        "Runnable PyTorch over",
    ),
    "small figure": _in_text(
        "<style>.rp-figure{width:200px!important}</style>", _on_page(reading.small_figures), "of its size"
    ),
    "two lines": _in_text(
        "<style>.md-sidebar--primary{width:6rem!important}</style>", _on_page(reading.two_lines), "takes 2"
    ),
    "what moves": Fault(
        "</h1>",
        "</h1><script>setTimeout(() => document.querySelector('h1').insertAdjacentHTML('afterend', '<p>late</p>'), 300)</script>",
        _on_page(reading.moved),
        "moved by",
    ),
    "no focus": _in_text("<style>:focus{outline:none!important}</style>", _focus, "no sign of the focus"),
}


@pytest.fixture(scope="module")
def broken(site: Path) -> Iterator[tuple[dict[str, str], str]]:
    """The site under /book/, with pages to plant that are served instead of its own, and its address."""
    planted: dict[str, str] = {}
    with support.served(site, "/book/", planted) as address:
        yield planted, address


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A large and a small window whose clipboard the tests may read."""
    sizes = {"desktop": support.DESKTOP, "phone": support.PHONE}
    allowed = ["clipboard-read", "clipboard-write"]
    made = {name: support.window(browser, viewport=size, permissions=allowed) for name, size in sizes.items()}
    yield made
    for context in made.values():
        context.close()


def with_fault(site: Path, fault: Fault) -> str:
    """The HTML of the fault's page, with the fault in it."""
    text = (site / fault.page / "index.html").read_text(encoding="utf-8")
    changed = re.sub(fault.pattern, fault.planted, text, count=1, flags=re.DOTALL)
    assert changed != text
    return changed


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_reported(
    windows: dict[str, BrowserContext], site: Path, broken: tuple[dict[str, str], str], tree: Tree, name: str
) -> None:
    fault = FAULTS[name]
    planted, base = broken
    planted.clear()
    planted[f"{fault.page}/"] = with_fault(site, fault)
    opened = support.visit(windows[fault.window], base, f"{fault.page}/")
    problems = fault.check(opened, tree)
    opened.page.close()
    assert fault.says in "\n".join(problems), problems
