"""Pictures of ten kinds of page, to be looked at: both languages, light and dark, desk and phone.

    python tests/contact_sheet.py            # of site/, into build/contact: a sheet for each kind
    python tests/contact_sheet.py --scroll 3 --kinds chapter status

A sheet has a row for each language, and in it light and dark, each on a desk and on a phone.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser_support import DESKTOP, PHONE, launched, served, window

from book.ground.tree import HERE, LANGUAGES

KINDS = {
    "home": "",
    "chapter": "concepts/autograd/",
    "long-chapter": "recommendation/dien/",
    "notebook": "concepts/autograd_notebook/",
    "overview": "components/overview/",
    "plan": "start/study_plan/",
    "namespace": "reference/torch-autograd/",
    "toolkit": "toolkit/keras_model/",
    "errors": "errors/",
    "status": "status/",
    "search": "finder/",
    "lost": "404.html",
}
WINDOWS = {"desk": DESKTOP, "phone": PHONE}
SCHEMES = ("light", "dark")
GAP = 16  # pixels between two pictures
HIGH = DESKTOP["height"]  # of a picture on a sheet


def sheet(browser: Browser, base: str, address: str, scroll: float) -> Image.Image:
    """All pictures of one page; ``scroll``: how many windows down."""
    pictures = []
    for language in LANGUAGES:
        for scheme in SCHEMES:
            for name, size in WINDOWS.items():
                context = window(browser, viewport=size, color_scheme=scheme, has_touch=name == "phone")
                page = context.new_page()
                page.goto(f"{base}{'' if language == 'en' else 'zh/'}{address}", wait_until="networkidle")
                page.evaluate(f"scrollTo({{top: innerHeight * {scroll}, behavior: 'instant'}})")
                page.wait_for_timeout(300)  # of what fades in
                picture = Image.open(io.BytesIO(page.screenshot()))
                pictures.append(picture.resize((round(picture.width * HIGH / picture.height), HIGH)))
                context.close()
    half = len(pictures) // len(LANGUAGES)
    wide = sum(picture.width + GAP for picture in pictures[:half])
    made = Image.new("RGB", (wide, (HIGH + GAP) * len(LANGUAGES)), "#888888")
    for row in range(len(LANGUAGES)):
        left = 0
        for picture in pictures[row * half : (row + 1) * half]:
            made.paste(picture, (left, row * (HIGH + GAP)))
            left += picture.width + GAP
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=HERE.root / "site", help="a built site (default: site/)")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument("--page", help="the address of another page, such as tools/overview/")
    parser.add_argument("--scroll", type=float, default=0, help="how many windows down the page")
    arguments = parser.parse_args()
    if not (arguments.site / "index.html").is_file():
        parser.error(f"{arguments.site} is no built site: run make build")
    target = HERE.build / "contact"
    target.mkdir(parents=True, exist_ok=True)
    pages = {"page": arguments.page} if arguments.page else {kind: KINDS[kind] for kind in arguments.kinds}
    with launched() as browser, served(arguments.site, "/book/") as base:
        for kind, address in pages.items():
            path = target / (f"{kind}-{arguments.scroll:g}.png" if arguments.scroll else f"{kind}.png")
            sheet(browser, base, address, arguments.scroll).save(path)
            print(HERE.relative(path), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
