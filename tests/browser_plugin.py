"""A pytest plugin that test files with browser tests load: without a Chromium they are left out, loudly, or fail in CI.

A hook, not a fixture: pytest counts the tests skipped at one line in one line of its summary, but takes a fixture's skip
for one of each test.
"""

from __future__ import annotations

import pytest
from browser_support import need_chromium


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser"):
        need_chromium()
