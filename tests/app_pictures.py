"""The worked apps and demos of part "Tools" in a real Chromium, as pictures: ``python tests/app_pictures.py``.

A picture of each is kept in docs/theme/images/streamlit/ and gradio/; what stood on it, as roles, names and places of
its elements, in docs/images/apps.json. A test opens them anew and compares both.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import app_support as apps
import browser_support as support
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from book.ground.files import write_atomically
from book.ground.tree import HERE

SIZE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PICTURES = HERE.root / "docs/theme/images"
TEXTS = HERE.root / "docs/images/apps.json"
CELL = 80  # pixels: a place whose ink is compared
NEAR = 12  # pixels that an element may stand elsewhere
PLACED = "h1, button, input:not([type=file]), textarea, canvas, img, table"
PLACES = f"""() => [...document.querySelectorAll({PLACED!r})]
    .filter(el => el.checkVisibility() && el.getBoundingClientRect().width > 4)
    .map(el => {{
        const box = el.getBoundingClientRect()
        const name = (el.getAttribute("aria-label") || el.innerText || "").trim().split("\\n")[0].slice(0, 40)
        return [el.localName, name, ...[box.x, box.y, box.width, box.height].map(Math.round)]
    }})"""


def file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def seven() -> FilePayload:
    return file("seven.png", apps.png(apps.digit(apps.SEVEN)))


# ---- What a reader does -----------------------------------------------------------------------------------------------


def read_a_digit(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(seven())
    expect(page.get_by_test_id("stMetricValue")).to_have_text("7")
    expect(page.get_by_role("button", name="Download the probabilities")).to_be_visible()
    expect(page.locator("canvas, .vega-embed svg").first).to_be_visible()


def judge_a_review(page: Page) -> None:
    page.get_by_role("button", name="Some praise").click()
    expect(page.get_by_role("status").get_by_text("good", exact=True)).to_be_visible()
    expect(page.locator("canvas, .vega-embed svg").first).to_be_visible()


def hold_an_auction(page: Page) -> None:
    expect(page.get_by_test_id("stMetricValue")).to_have_count(3)
    expect(page.locator("canvas, .vega-embed svg").first).to_be_visible()


def find_three_digits(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(file("row.png", apps.row_of_digits()))
    expect(page.get_by_test_id("stMetricValue")).to_have_text("3")
    expect(page.get_by_text("Read from left to right: 737")).to_be_visible()
    expect(page.get_by_role("button", name="Download the picture")).to_be_visible()


def classify_a_text(page: Page) -> None:
    expect(page.get_by_label("A review, in English")).to_have_value(re.compile("wonderful"))  # the first example
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_test_id("label-output-value")).to_have_text(re.compile("good"))
    expect(page.get_by_role("button", name="unsure")).to_be_visible()


def classify_a_picture(page: Page) -> None:
    page.locator("input[type=file]").first.set_input_files(seven())
    expect(page.get_by_text("seven", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_test_id("label-output-value")).to_have_text(re.compile("7"))
    expect(page.locator("img").first).to_be_visible()


def find_objects(page: Page) -> None:
    page.locator("input[type=file]").first.set_input_files(file("row.png", apps.row_of_digits()))
    expect(page.get_by_text("row", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_label("From left to right")).to_have_value("737")
    expect(page.locator("img").first).to_be_visible()


def sort_pictures(page: Page) -> None:
    three = file("three.png", apps.png(apps.digit(apps.THREE)))
    page.locator("input[type=file]").first.set_input_files([seven(), three])
    expect(page.get_by_text("three", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Sort", exact=True).click()
    expect(page.get_by_text("sorted", exact=False).last).to_be_visible()
    expect(page.locator("a[download='sorted.zip']")).to_be_visible()


@dataclass(frozen=True)
class App:
    """A worked app: its tool, and what a reader does until everything is on the page."""

    tool: str
    use: Callable[[Page], None]


WORKED: Mapping[str, App] = {
    "digit_reader": App("streamlit", read_a_digit),
    "review_sentiment": App("streamlit", judge_a_review),
    "ad_auction": App("streamlit", hold_an_auction),
    "find_digits": App("streamlit", find_three_digits),
    "text_classes": App("gradio", classify_a_text),
    "picture_classes": App("gradio", classify_a_picture),
    "object_boxes": App("gradio", find_objects),
    "picture_sorter": App("gradio", sort_pictures),
}


def of(tool: str) -> list[str]:
    return [name for name, app in WORKED.items() if app.tool == tool]


# ---- A picture --------------------------------------------------------------------------------------------------------


def texts(page: Page) -> list[str]:
    """Roles and names of what stands on the page, a line each, without fractions, sizes and the server's address."""
    lines = page.locator("body").aria_snapshot().splitlines()
    lines = [re.sub(r"http://127\.0\.0\.1:\d+\S*", "(here)", line) for line in lines]
    return [re.sub(r"\d+\.\d+( ?[KM]?B)?|\d+ ?[KM]?B\b", "#", line) for line in lines if "/url:" not in line]


def settle(page: Page) -> None:
    """Return when nothing on the page moves for a second, or after ten."""
    before: object = None
    for _ in range(10):
        now = page.evaluate(PLACES)
        if now == before:
            return
        before = now
        page.wait_for_timeout(1000)


def opened(browser: Browser, base: str, name: str, size: Mapping[str, int] = SIZE) -> Page:
    """The app as it stands after it was used."""
    page = browser.new_page(viewport=size, reduced_motion="reduce", color_scheme="light")  # type: ignore[arg-type]
    page.set_default_timeout(support.PATIENCE)
    page.goto(f"{base}{name}/" if WORKED[name].tool == "gradio" else f"{base}{name}")
    WORKED[name].use(page)
    page.mouse.move(size["width"] - 2, size["height"] - 2)
    settle(page)
    return page


def seen(page: Page) -> dict[str, list[object]]:
    """What stands on the page: its texts, and the places of its elements."""
    return {"texts": list(texts(page)), "places": page.evaluate(PLACES)}


def small(png: bytes) -> bytes:
    """The picture with 64 colours."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def picture(name: str) -> Path:
    """Where the picture of an app is kept."""
    return PICTURES / WORKED[name].tool / f"{name}.png"


# ---- Two of them, compared --------------------------------------------------------------------------------------------


def ink(png: bytes) -> list[float]:
    """The share of each place that has another colour than most of it, whatever the font."""
    shares = []
    with Image.open(io.BytesIO(png)) as opened_png:
        grey = opened_png.convert("L")
    for top in range(0, grey.height, CELL):
        for left in range(0, grey.width, CELL):
            part = grey.crop((left, top, min(left + CELL, grey.width), min(top + CELL, grey.height)))
            counts = part.histogram()
            most = counts.index(max(counts))
            shares.append(1 - sum(counts[max(0, most - 12) : most + 13]) / (part.width * part.height))
    return shares


def unlike(found: bytes, kept: bytes) -> str:
    """In how many places one picture is empty and the other is not, if in more than three; else nothing."""
    pairs = list(zip(ink(found), ink(kept), strict=True))
    empty = sum(min(pair) < 0.001 and max(pair) > 0.01 for pair in pairs)
    return f"{empty} of {len(pairs)} places are empty in one of the two" if empty > 3 else ""


def moved(found: list[list[object]], kept: list[list[object]]) -> list[str]:
    """Elements that one of two pages lacks, or that stand elsewhere."""
    names = [[entry[:2] for entry in places] for places in (found, kept)]
    if names[0] != names[1]:
        return [f"the elements are {names[0]}, not {names[1]}"]
    return [
        f"{one[0]} {one[1]!r} at {one[2:]}, not {other[2:]}"
        for one, other in zip(found, kept, strict=True)
        if any(abs(int(str(a)) - int(str(b))) > NEAR for a, b in zip(one[2:4], other[2:4], strict=True))
    ]


def main() -> int:
    found = {}
    with TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = apps.prepared(Path(temporary))
        bases = {
            "streamlit": stack.enter_context(apps.streamlit_server(folder, of("streamlit"))),
            "gradio": stack.enter_context(apps.gradio_server(folder, of("gradio"))),
        }
        browser = stack.enter_context(support.launched())
        for name, app in WORKED.items():
            page = opened(browser, bases[app.tool], name)
            found[name] = seen(page)
            picture(name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(picture(name), small(page.screenshot()))
            print(f"{picture(name).relative_to(HERE.root)}: {picture(name).stat().st_size / 1000:.0f} kB")
            page.close()
            if len(sys.argv) > 1:  # a folder for pictures of a phone, to be looked at
                page = opened(browser, bases[app.tool], name, PHONE)
                page.screenshot(path=Path(sys.argv[1]) / f"{name}.png")
                page.close()
    write_atomically(TEXTS, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
