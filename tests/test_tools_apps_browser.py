"""The apps and demos of part "Tools" by real servers in a real Chromium: clicked through, two tabs, no other host, their pictures."""

from __future__ import annotations

import io
import json
import re
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="pip install -r tools.txt")
pytest.importorskip("gradio_client", reason="pip install -r tools.txt")

import app_pictures as pictures
import app_support as apps
import browser_support as support
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, expect

from book.ground.tree import HERE

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

SMALL = ["keep_state", "form_and_fragment", "all_widgets", "status_messages"]
DEMOS = ["hello_gradio", "events_and_state", "stream_and_queue"]
KEPT = "python tests/app_pictures.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return apps.prepared(tmp_path_factory.mktemp("apps"))


@pytest.fixture(scope="module")
def streamlit(folder: Path) -> Iterator[str]:
    with apps.streamlit_server(folder, [*pictures.of("streamlit"), *SMALL]) as base:
        yield base


@pytest.fixture(scope="module")
def gradio(folder: Path) -> Iterator[str]:
    with apps.gradio_server(folder, [*pictures.of("gradio"), *DEMOS]) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with support.launched() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with support.window(browser, accept_downloads=True) as opened:
        yield opened


def base_of(request: pytest.FixtureRequest, name: str) -> str:
    return str(request.getfixturevalue(pictures.WORKED[name].tool))


def strangers(asked: list[str], base: str) -> list[str]:
    """Requests to another host than the server's."""
    home = urllib.parse.urlsplit(base).netloc
    return [
        url for url in asked if urllib.parse.urlsplit(url).netloc != home and not url.startswith(("data:", "blob:"))
    ]


# ---- Worked apps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pictures.WORKED)
def test_a_worked_app_shows_what_its_picture_shows_and_asks_nobody_else(
    request: pytest.FixtureRequest, browser: Browser, name: str
) -> None:
    base = base_of(request, name)
    page = browser.new_page(viewport=pictures.SIZE, reduced_motion="reduce", color_scheme="light")
    visit = support.Visit(page, base)
    try:
        page.goto(f"{base}{name}/" if pictures.WORKED[name].tool == "gradio" else f"{base}{name}")
        pictures.WORKED[name].use(page)
        page.mouse.move(pictures.SIZE["width"] - 2, pictures.SIZE["height"] - 2)
        pictures.settle(page)
        found, png = pictures.seen(page), page.screenshot()
        assert strangers(visit.asked, base) == []
        assert [text for text in visit.said if "uncaught" in text] == []
    finally:
        page.close()
    kept = json.loads(pictures.TEXTS.read_text(encoding="utf-8"))[name]
    assert found["texts"] == kept["texts"], KEPT
    assert pictures.moved(found["places"], kept["places"]) == [], KEPT
    assert pictures.unlike(png, pictures.picture(name).read_bytes()) == "", KEPT


@pytest.mark.parametrize("name", pictures.WORKED)
def test_a_picture_without_its_middle_is_noticed(name: str) -> None:
    kept = pictures.picture(name).read_bytes()
    with Image.open(io.BytesIO(kept)) as opened:
        empty = opened.convert("RGB")
    assert empty.size == (pictures.SIZE["width"], pictures.SIZE["height"])
    ImageDraw.Draw(empty).rectangle((0, 100, empty.width, empty.height), fill="white")
    out = io.BytesIO()
    empty.save(out, "PNG")
    assert pictures.unlike(out.getvalue(), kept)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", ["streamlit_apps", "gradio_demos"])
def test_the_chapters_show_the_pictures_with_alt_texts(language: str, page: str) -> None:
    tool = page.partition("_")[0]
    text = (HERE.root / "docs" / language / "tools" / f"{page}.md").read_text(encoding="utf-8")
    alts = dict(re.findall(rf"!\[(.{{30,}})\]\(\.\./images/{tool}/(\w+)\.png\)", text))
    assert sorted(alts.values()) == sorted(pictures.of(tool))


def test_a_request_to_another_host_is_noticed(context: BrowserContext, streamlit: str) -> None:
    visit = support.visit(context, streamlit, "ad_auction")
    expect(visit.page.get_by_test_id("stMetricValue")).to_have_count(3)
    assert strangers(visit.asked, streamlit) == []
    visit.page.evaluate("fetch('https://planted.invalid/').catch(() => {})")
    visit.page.wait_for_timeout(300)
    assert strangers(visit.asked, streamlit) == ["https://planted.invalid/"]


# ---- Streamlit --------------------------------------------------------------------------------------------------------


def test_a_drawn_digit_is_read(context: BrowserContext, streamlit: str) -> None:
    page = support.visit(context, streamlit, "digit_reader").page
    page.get_by_text("a drawing").click()
    box = page.locator("canvas[width='280']").bounding_box()
    assert box
    stroke(page, box["x"], box["y"], [(140, 40), (140, 240)])
    expect(page.get_by_test_id("stMetricValue")).to_have_text("1")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Draw a digit with the mouse or a finger.")).to_be_visible()


def stroke(page: Page, x: float, y: float, points: list[tuple[int, int]]) -> None:
    """Draw along these points."""
    page.mouse.move(x + points[0][0], y + points[0][1])
    page.mouse.down()
    for right, down in points[1:]:
        page.mouse.move(x + right, y + down, steps=8)
    page.mouse.up()


def test_a_bad_file_is_a_message_and_a_download_is_what_the_app_made(context: BrowserContext, streamlit: str) -> None:
    page = support.visit(context, streamlit, "digit_reader").page
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"<svg/>"})
    expect(page.get_by_text("This is not a PNG or JPEG picture.")).to_be_visible()
    upload.set_input_files({"name": "x.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"})
    expect(page.get_by_text(re.compile("not allowed"))).to_be_visible()
    page = support.visit(context, streamlit, "digit_reader").page
    pictures.read_a_digit(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the probabilities").click()
    lines = waiting.value.path().read_text(encoding="utf-8").split()
    shares = [float(line.split(",")[1]) for line in lines[1:]]
    assert waiting.value.suggested_filename == "digit.csv" and lines[0] == "digit,probability"
    assert len(shares) == 10 and shares.index(max(shares)) == 7 and sum(shares) == pytest.approx(1, abs=0.001)


def test_the_downloaded_picture_has_boxes(context: BrowserContext, streamlit: str) -> None:
    page = support.visit(context, streamlit, "find_digits").page
    pictures.find_three_digits(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the picture").click()
    with Image.open(waiting.value.path()) as picture, Image.open(io.BytesIO(apps.row_of_digits())) as sent:
        assert picture.size == sent.size
        orange = sum(
            count for count, colour in picture.convert("RGB").getcolors(10**6) or [] if colour == (228, 87, 46)
        )
    assert orange > 100


def test_two_tabs_are_two_sessions(context: BrowserContext, streamlit: str) -> None:
    one, other = (support.visit(context, streamlit, "keep_state").page for _ in range(2))
    one.get_by_label("Name of a run").fill("first")
    one.get_by_label("Name of a run").press("Enter")
    one.get_by_role("button", name="Add").click()
    expect(one.get_by_test_id("stMetricValue")).to_have_text("1")
    other.get_by_role("button", name="Add").click()
    expect(other.get_by_text("A run needs a name.")).to_be_visible()
    expect(other.get_by_test_id("stMetricValue")).to_have_text("0")


def test_a_fragment_runs_alone(context: BrowserContext, streamlit: str) -> None:
    page = support.visit(context, streamlit, "form_and_fragment").page
    expect(page.get_by_text("script 1, fragment 1")).to_be_visible()
    page.get_by_role("slider", name="Zoom").press("ArrowRight")
    expect(page.get_by_text("script 1, fragment 2")).to_be_visible()
    expect(page.get_by_text("rate 0.1, epochs 10, sent: False")).to_be_visible()
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_text("script 2, fragment 3")).to_be_visible()


def test_a_choice_is_known_on_the_next_page(context: BrowserContext, folder: Path) -> None:
    with apps.streamlit_server(folder, ["many_pages"]) as base:
        page = support.visit(context, base, "").page
        page.get_by_role("combobox").click()
        page.get_by_role("option", name="AdamW").click()
        page.get_by_role("link", name="look").click()
        expect(page.get_by_test_id("stMetricValue")).to_have_text("AdamW")


# ---- Gradio -----------------------------------------------------------------------------------------------------------


def test_a_demo_refuses_on_the_page_and_then_answers(context: BrowserContext, gradio: str) -> None:
    page = support.visit(context, gradio, "hello_gradio/").page
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Type a name.")).to_be_visible()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_label("Greeting")).to_have_value("Hello, Ada!")


def test_a_bad_file_is_a_message_on_the_demos_page(context: BrowserContext, gradio: str) -> None:
    page = support.visit(context, gradio, "picture_classes/").page
    page.locator("input[type=file]").first.set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"<svg/>"}
    )
    expect(page.get_by_text("x.png").or_(page.get_by_text("x", exact=True)).first).to_be_visible()
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_text("This is not a PNG or JPEG picture.")).to_be_visible()


def test_two_tabs_have_two_lists(context: BrowserContext, gradio: str) -> None:
    one, other = (support.visit(context, gradio, "events_and_state/").page for _ in range(2))
    one.get_by_label("Name of a run").fill("first")
    expect(one.get_by_text("5 of 30 letters")).to_be_visible()
    one.get_by_label("Name of a run").press("Enter")
    expect(one.get_by_role("listitem")).to_have_text("first")
    other.get_by_role("button", name="Clear").click()
    expect(other.get_by_text("none", exact=True)).to_be_visible()
    expect(one.get_by_role("listitem")).to_have_count(1)


def test_results_come_bit_by_bit(context: BrowserContext, gradio: str) -> None:
    page = support.visit(context, gradio, "stream_and_queue/").page
    page.get_by_role("button", name="Bit by bit").click()
    expect(page.get_by_label("Status")).to_have_value("step 10 of 10")


def test_the_archive_holds_what_was_sent(context: BrowserContext, gradio: str) -> None:
    page = support.visit(context, gradio, "picture_sorter/").page
    pictures.sort_pictures(page)
    with page.expect_download() as waiting:
        page.locator("a[download='sorted.zip']").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert packed.namelist() == ["7/0000.png", "3/0001.png"]
        assert packed.read("7/0000.png") == apps.png(apps.digit(apps.SEVEN))
