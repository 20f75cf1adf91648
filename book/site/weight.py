"""What a chapter weighs on a first visit: its HTML and all that it loads, as sent with gzip."""

from __future__ import annotations

import gzip
import json
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from book.ground.errors import BookError
from book.ground.tree import LANGUAGES, Tree
from book.source.links import relative

HTML_GOAL = 60_000  # bytes
VISIT_GOAL = 350_000


@dataclass(frozen=True)
class Weight:
    """Bytes, gzipped, of a page in one language. ``files``: what it loads, as paths below the site, and their bytes."""

    page: str
    language: str
    html: int
    files: dict[str, int]

    @property
    def visit(self) -> int:
        return self.html + sum(self.files.values())

    @property
    def figures(self) -> int:
        return sum(size for path, size in self.files.items() if path.endswith(".svg"))

    @property
    def good(self) -> bool:
        return self.html <= HTML_GOAL and self.visit <= VISIT_GOAL


class _References(HTMLParser):
    """What a light page on a desk fetches by itself: style sheets, scripts, icons, pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = dict(attributes)
        if tag == "link" and (a.get("rel") or "") in ("stylesheet", "icon") and a.get("href"):
            self.found.append(a["href"] or "")
        elif tag in ("script", "img") and a.get("src") and not (a["src"] or "").endswith("#only-dark"):
            self.found.append(a["src"] or "")


_LOADS = re.compile(r"""<(?:link|script|img)\b(?:[^>"']|"[^"]*"|'[^']*')*>""")


def weigh(site: Path, page: str, language: str) -> Weight:
    """Weigh a page of a built site.

    Raises:
        BookError: the site has no such page, or the page loads a file that is not there.
    """
    path = site / ("" if language == "en" else language) / page / "index.html"
    if not path.is_file():
        raise BookError(f"{path}: there is no such page: run make build")
    text = path.read_text(encoding="utf-8")
    parser = _References()
    for tag in _LOADS.findall(text):  # one by one: a script's tag would make text of what follows
        parser.reset()
        parser.feed(tag)
    base = path.parent
    loaded = [urldefrag(found).url for found in parser.found]
    loaded += _fetched(text, site if language == "en" else site / language, base)
    files = {}
    for address in dict.fromkeys(loaded):
        if urlsplit(address).scheme or address.startswith("//"):
            raise BookError(f"{path}: loads {address} from another host")
        file = Path(posixpath.normpath(base / address.partition("?")[0]))
        if not file.is_file():
            raise BookError(f"{path}: loads {address}, which is not there")
        files[file.relative_to(site).as_posix()] = _gzipped(file)
    return Weight(page, language, _gzipped(path), files)


def _fetched(text: str, home: Path, base: Path) -> list[str]:
    """The sitemap that instant navigation reads. Search, its index and its word lists come when somebody searches."""
    config = re.search(r'<script id="?__config"?[^>]*>(.*?)</script>', text, re.DOTALL)
    if not config:
        return []
    sitemap = relative((home / "sitemap.xml").as_posix(), f"{base.as_posix()}/")
    return [sitemap] if "navigation.instant" in json.loads(config[1])["features"] else []


@lru_cache(maxsize=4096)
def _gzipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


def weights(tree: Tree, site: Path) -> list[Weight]:
    """Every chapter in both languages."""
    return [weigh(site, page, language) for page in tree.pages("en") if "/" in page for language in LANGUAGES]


def table(found: list[Weight]) -> str:
    """The weights as a terminal shows them, in kB."""
    width = max(len(weight.page) for weight in found)
    lines = [f"{'kB, gzipped':{width}}      HTML  figures  first visit"]
    lines += [
        f"{w.page:{width}}  {w.language}  {w.html / 1000:6.1f}  {w.figures / 1000:7.1f}  {w.visit / 1000:11.1f}"
        + ("" if w.good else "  MISSED")
        for w in found
    ]
    return "\n".join([*lines, f"goals: HTML {HTML_GOAL / 1000:g} kB, first visit {VISIT_GOAL / 1000:g} kB"])
