"""The real optuna-dashboard in a Chromium: what it shows, and that it asks nobody else"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("optuna_dashboard", reason="of tools.txt")
import optuna_dashboard_look as look
from PIL import Image
from playwright.sync_api import Browser

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser


def test_the_page_of_a_study_asks_this_machine_only(browser: Browser, tmp_path: Path) -> None:
    with look.serving(tmp_path) as base:
        asked, png = look.seen(browser, base)
    assert asked == {base.removeprefix("http://")}
    assert Image.open(io.BytesIO(png)).size == (look.SIZE["width"], look.SIZE["height"])


def test_its_picture_is_kept() -> None:
    with Image.open(look.PICTURE) as picture:
        assert picture.size == (look.SIZE["width"], look.SIZE["height"])
    assert look.PICTURE.stat().st_size < 150_000
