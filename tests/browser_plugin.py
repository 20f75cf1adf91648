"""A pytest plugin that test files with browser tests load: a Chromium, the site behind a server, windows.

Without a Chromium the tests are left out, loudly, or fail in CI. A hook does that, not a fixture: pytest counts the tests
skipped at one line in one line of its summary, but takes a fixture's skip for one of each test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser_support as support
import pytest
from browser_support import NewContext
from playwright.sync_api import Browser, BrowserContext, Page

from book.find import reference
from book.ground.tree import Tree


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser"):
        support.need_chromium()


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
def index(tree: Tree) -> reference.Index:
    """The index of the site's records."""
    return reference.build(tree)


@pytest.fixture(scope="module")
def base(site: Path) -> Iterator[str]:
    with support.served(site) as address:
        yield address


@pytest.fixture
def new_context(browser: Browser) -> Iterator[NewContext]:
    """A window without a past, closed afterwards."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        contexts.append(support.window(browser, **options))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def tab(new_context: NewContext) -> Page:
    return new_context().new_page()
