"""A Chromium, a server for a built site, and checks of a page as a reader meets it.

A check takes what was opened and returns a list of problems, so that one function serves the tests of the real site and
the tests that plant a fault.
"""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from mkdocs.utils.yaml import yaml_load
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect, sync_playwright
from site_pages import Quick

from book.ground.tree import HERE, LANGUAGES, Tree
from book.record import records
from book.source import code_zh, pages
from book.source.pages import Block
from book.source.words import words

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # a page that asks another host gets no answer
]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
LANG = {"en": "en", "zh": "zh-CN"}  # what pages say of themselves to voices, fonts and search engines
SCHEMES = {"light": "default", "dark": "slate"}  # what the system says -> what the page's body says
PATIENCE = 120_000  # ms until something must have happened; a machine that does other things too is slow
CHAPTER = "concepts/autograd"
NewContext = Callable[..., BrowserContext]


# ---- Chromium --------------------------------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """The browser named by CHROMIUM, or else one on PATH; a wrong CHROMIUM finds nothing."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else CANDIDATES:
        found = shutil.which(name)
        if found:
            return found
    return None


def need_chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where CI is set.

    Every test skips at one line of this function, so that pytest's summary counts them in one line of its own.
    """
    found = find_chromium()
    if found:
        return found
    why = "BROWSER TESTS LEFT OUT: there is no Chromium; install chromium, or set CHROMIUM to its path"
    if os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@contextmanager
def launched() -> Iterator[Browser]:
    """A running Chromium."""
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE)
        expect.set_options(timeout=PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


def window(browser: Browser, **options: Any) -> BrowserContext:
    """A window without a past: of a desk and light, if ``options`` say nothing else."""
    context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **options})
    context.set_default_timeout(PATIENCE)
    return context


# ---- Settings ---------------------------------------------------------------------------------------------------------


def setting(tree: Tree, language: str, name: str) -> str:
    """A setting of mkdocs.yml or mkdocs.zh.yml, as it is without environment variables."""
    for file in (CONFIGS[language], CONFIGS["en"]):
        with (tree.root / file).open("rb") as config:
            found = yaml_load(config).get(name)
        if found:
            return str(found)
    raise KeyError(name)


SITE_URL = setting(HERE, "en", "site_url")


# ---- Server ----------------------------------------------------------------------------------------------------------


class _Handler(http.server.SimpleHTTPRequestHandler):
    """A folder under a prefix, as a host of static pages serves it.

    The sitemap names the address of this server, as if the site had been built for it: instant navigation needs that.
    ``planted`` holds pages that are served instead of those in the folder: address below the prefix -> HTML.
    """

    prefix = "/"
    planted: Mapping[str, str] = MappingProxyType({})

    def send_head(self) -> Any:
        if not self.path.startswith(self.prefix):
            self.send_error(404)
            return None
        self.path = "/" + self.path[len(self.prefix) :]
        text = self.planted.get(self.path.partition("?")[0].removeprefix("/"))
        if text is not None:
            return self._answer(text, "text/html; charset=utf-8")
        if not self.path.endswith("/sitemap.xml"):
            return super().send_head()
        text = Path(self.translate_path(self.path)).read_text(encoding="utf-8")
        host, port = self.server.server_address[:2]
        return self._answer(text.replace(SITE_URL, f"http://{host!s}:{port}{self.prefix}"), "application/xml")

    def _answer(self, text: str, kind: str) -> io.BytesIO:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        return io.BytesIO(text.encode())

    def log_message(self, *arguments: object) -> None: ...


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments: object) -> None:
        """A browser that closes a connection early is no problem."""


@contextmanager
def served(folder: Path, prefix: str = "/", planted: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve ``folder`` on a free port of 127.0.0.1 under ``prefix``. Yields the address, with a slash at its end.

    Pages in ``planted`` (address below the prefix -> HTML) are served instead of those in the folder.
    """
    handler = type("Handler", (_Handler,), {"prefix": prefix, "planted": {} if planted is None else planted})
    with _Server(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
            thread.join()


# ---- What a page should be -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A page of the site: ``index``, ``status`` or a chapter, in one language."""

    language: str
    name: str

    @property
    def address(self) -> str:
        """Relative to the site's root."""
        folder = "" if self.language == "en" else f"{self.language}/"
        return folder if self.name == "index" else f"{folder}{self.name}/"

    def other(self) -> Place:
        return Place("zh" if self.language == "en" else "en", self.name)

    def blocks(self, tree: Tree) -> list[Block]:
        """The page's blocks with their code as it is shown: on a Chinese page its comments are Chinese."""
        if self.name == "status":
            return []
        blocks = pages.load(tree, self.name, self.language).blocks
        table = code_zh.load(tree) if self.language == "zh" else code_zh.Translations()
        return [replace(block, code=code_zh.translated(block.code, table)) for block in blocks]

    def titles(self, tree: Tree) -> tuple[str, str]:
        """What the window's title begins with, and the first heading."""
        if self.name == "status":
            title = words("status", self.language)["title"]
            return title, title
        page = pages.load(tree, self.name, self.language)
        return page.meta["title"], page.headings[0].title

    def description(self, tree: Tree) -> str:
        """What search engines are told."""
        if self.name == "status":
            return words("status", self.language)["description"]
        return pages.load(tree, self.name, self.language).meta["description"]


PLACES = [Place(language, name) for name in ("index", CHAPTER, "status") for language in LANGUAGES]
CHAPTERS = [place for place in PLACES if place.name == CHAPTER]


def repo_url(tree: Tree) -> str:
    return setting(tree, "en", "repo_url").rstrip("/")


def torch_of(tree: Tree, name: str) -> str:
    """The torch that the page's record was made with."""
    return records.read(tree, name).machine.torch.partition("+")[0]


# ---- A visit ---------------------------------------------------------------------------------------------------------


@dataclass
class Visit:
    """An open page, and everything that it said and asked for since it was opened."""

    page: Page
    base: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(f"uncaught {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._miss)
        self.page.on(
            "response", lambda r: self.failed.append(f"{r.url}: status {r.status}") if r.status >= 400 else None
        )

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def _miss(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the browser's own word for what it left off as the page was left
            self.failed.append(f"{request.url}: {request.failure}")

    def open(self, address: str) -> Visit:
        self.page.goto(self.base + address)
        return self

    def forget(self) -> None:
        """What was heard until now belongs to another page."""
        for heard in (self.said, self.asked, self.failed):
            heard.clear()


def visit(context: BrowserContext, base: str, place: Place | str) -> Visit:
    """Open a page in a tab of its own."""
    return Visit(context.new_page(), base).open(place if isinstance(place, str) else place.address)


@contextmanager
def scheme(page: Page, name: str) -> Iterator[None]:
    """The open page in the other colours, as if the system had changed them; light again afterwards."""
    page.emulate_media(color_scheme=name)  # type: ignore[arg-type]
    try:
        expect(page.locator("body")).to_have_attribute("data-md-color-scheme", SCHEMES[name])
        yield
    finally:
        page.emulate_media(color_scheme="light")


@contextmanager
def phone(page: Page) -> Iterator[None]:
    """The open page in a window of a phone's size; in that of a desk again afterwards."""
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    try:
        page.wait_for_function("width => innerWidth === width", arg=PHONE["width"])
        yield
    finally:
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def until(page: Page, found: Callable[[], bool]) -> None:
    """Return as soon as ``found``, and at last when patience is over."""
    end = time.monotonic() + PATIENCE / 1000
    while not found() and time.monotonic() < end:
        page.wait_for_timeout(100)


def with_blocks_open(page: Page) -> Page:
    page.evaluate("for (const el of document.querySelectorAll('details')) el.open = true")
    return page


# ---- Checks: each returns its problems -------------------------------------------------------------------------------


def quiet(opened: Visit) -> list[str]:
    """No error or warning in the console, no failed request, no request to another host."""
    opened.page.wait_for_load_state("networkidle")
    home = urllib.parse.urlsplit(opened.base).netloc
    others = [
        u for u in opened.asked if urllib.parse.urlsplit(u).netloc != home and not u.startswith(("data:", "blob:"))
    ]
    return [
        *(f"console {text}" for text in opened.said),
        *(f"failed {text}" for text in opened.failed),
        *(f"another host is asked: {url}" for url in others),
    ]


def titles(page: Page, title: str, heading: str, site_name: str) -> list[str]:
    """The window's title names page and site; there is one first-level heading, it is the page's, and the text begins with it."""
    problems = []
    if not page.locator("article").inner_text().lstrip().startswith(heading):
        problems.append(f"the text begins with {page.locator('article').inner_text().lstrip()[:40]!r}, not {heading!r}")
    if not page.title().startswith(title) or not page.title().endswith(site_name):
        problems.append(f"title is {page.title()!r}, not {title!r} of {site_name!r}")
    found = [text.strip().removesuffix("¶").strip() for text in page.locator("h1:visible").all_inner_texts()]
    if found != [heading]:
        problems.append(f"h1 is {found}, not {heading!r}")
    return problems


def cards(page: Page, language: str, address: str, description: str) -> list[str]:
    """What other sites show of a link to this page: title, description, an absolute picture, the language."""
    found = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('meta[property^=\"og:\"], meta[name]')]"
        ".map(el => [el.getAttribute('property') || el.name, el.content]))"
    )
    locales = {"en": "en_US", "zh": "zh_CN"}
    problems = [] if found.get("og:title") else ["og:title is missing"]
    for name, wanted in {
        "description": description,
        "og:description": description,
        "og:image": f"{SITE_URL}{'' if language == 'en' else 'zh/'}images/card.png",
        "og:url": SITE_URL + address,
        "og:locale": locales[language],
        "twitter:card": "summary_large_image",
    }.items():
        if found.get(name) != wanted:
            problems.append(f"{name} is {found.get(name)}, not {wanted}")
    return problems


def figures(page: Page) -> list[str]:
    """Every picture of the text has words for those who can't see it, and loads."""
    found = page.evaluate("""() => Promise.all([...document.querySelectorAll("article img")].map(async img => {
        img.loading = "eager"
        await img.decode().catch(() => {})
        return [img.getAttribute("src"), img.alt.trim(), img.naturalWidth]
    }))""")
    return [f"{src} has no alt text" for src, alt, _ in found if not alt] + [
        f"{src} does not load" for src, _, width in found if not width
    ]


def figures_of_scheme(page: Page) -> list[str]:
    """Of each figure's two pictures the one for the page's colours is shown, and only that one."""
    scheme = page.evaluate("document.body.dataset.mdColorScheme")
    only = {"default": "light", "slate": "dark"}[scheme]
    found = page.evaluate("""[...document.querySelectorAll(".rp-figure")]
        .map(img => [img.getAttribute("src"), img.checkVisibility()])""")
    return [
        f"{src} is {'shown' if shown else 'hidden'} on a {only} page"
        for src, shown in found
        if shown != src.endswith(f"#only-{only}")
    ]


def formulas(page: Page) -> list[str]:
    """A formula in a sentence stays in its paragraph, list item or cell; none has an error in it."""
    found = page.evaluate("""[...document.querySelectorAll("article math")]
        .filter(el => el.display !== "block" && el.getAttribute("display") !== "block")
        .filter(el => !el.closest("p, li, td, th, h1, h2, h3, h4, dt, dd, summary"))
        .map(el => el.textContent)""")
    errors = page.locator("article merror").all_inner_texts()
    return [f"formula outside a paragraph: {text}" for text in found] + [f"formula with an error: {t}" for t in errors]


def form_fields(template: str) -> set[str]:
    """What an issue's address may fill in: the fields of its form."""
    form = yaml_load((HERE.root / ".github" / "ISSUE_TEMPLATE" / template).read_bytes())
    return {"template", "title"} | {field["id"] for field in form["body"] if "id" in field}


def report_links(page: Page, blocks: Sequence[Block], repo_url: str, torch: str) -> list[str]:
    """Each block has a link to an issue whose form already names page, section and torch version."""
    found: dict[str, str] = page.evaluate("""() => {
        let block = ""
        const links = {}
        for (const el of document.querySelectorAll("article .rp-code, article .rp-report"))
            if (el.matches(".rp-code")) links[block = el.id.replace("code-", "")] = ""
            else links[block] = el.href
        return links
    }""")
    if list(found) != [block.name for block in blocks]:
        return [f"the page shows the blocks {list(found)}, not {[block.name for block in blocks]}"]
    problems = []
    for name, url in found.items():
        address, _, query = url.partition("?")
        fields = dict(urllib.parse.parse_qsl(query))
        values = " ".join(fields.values())
        if fields and not set(fields) <= form_fields(fields.get("template", "")):
            problems.append(f"{name}: the issue's form has not all of the fields {sorted(fields)}")
        if address != f"{repo_url}/issues/new":
            problems.append(f"{name}: no report link, or a wrong one: {url!r}")
        problems += [f"{name}: the issue does not name {word}" for word in (name, torch) if word not in values]
    return problems


def copies(page: Page, blocks: Sequence[Block]) -> list[str]:
    """The copy button of each block puts exactly its code on the clipboard. Needs the clipboard's permissions."""
    problems = []
    for block in blocks:
        page.evaluate("navigator.clipboard.writeText('nothing was copied')")
        page.locator(f"#code-{block.name} .md-code__button[data-md-type=copy]").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        if copied.rstrip("\n") != block.code.rstrip("\n"):
            problems.append(f"{block.name}: copied {copied!r}, the snippet file says {block.code!r}")
    return problems


def sideways(page: Page) -> list[str]:
    """The page as a whole never scrolls sideways."""
    wide, window = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    if wide <= window:
        return []
    culprits = page.evaluate("""[...document.querySelectorAll("main *")]
        .filter(el => el.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(el => el.outerHTML.slice(0, 120))""")
    return [f"the page is {wide} px wide in a window of {window} px: {culprits}"]


def broken_words(page: Page) -> list[str]:
    """No inline code in a table is cut into a column of a few letters a line."""
    found = page.evaluate("""[...document.querySelectorAll("article td code")].filter(el => el.checkVisibility())
        .map(el => [el.textContent, el.textContent.length / el.getClientRects().length, el.getClientRects().length])
        .filter(([, letters, lines]) => lines > 3 && letters < 8).map(([text]) => text)""")
    return [f"cut into a few letters a line: {text}" for text in found]


def inner_scroll(page: Page) -> list[str]:
    """Code that is wider than its box scrolls inside it. At 390 px a chapter has such code."""
    moved = page.evaluate("""() => {
        const wide = [...document.querySelectorAll(".rp-code code")].filter(el => el.scrollWidth > el.clientWidth)
        return wide.map(el => {
            el.scrollLeft = 40
            return /auto|scroll/.test(getComputedStyle(el).overflowX) ? el.scrollLeft : 0
        })
    }""")
    if not moved:
        return ["no code here is wider than its box: nothing was checked"]
    return [f"{moved.count(0)} of {len(moved)} wide blocks do not scroll"] if 0 in moved else []


COLOURS = ("color-contrast", "link-in-text-block")  # axe's rules that look at colours


def accessible(page: Page) -> list[str]:
    """axe finds nothing that it calls serious or critical, colours aside."""
    return _axe(page, {"rules": {rule: {"enabled": False} for rule in COLOURS}})


def contrast(page: Page) -> list[str]:
    """Every kind of text stands out from its ground, and a link from the text around it.

    axe looks at each word alone, which takes long: of the words that are drawn alike, and whose parents are, only the
    first are looked at.
    """
    page.evaluate("""() => {
        document.getAnimations().forEach(animation => animation.finish()) // a colour in transition has no contrast yet
        const kinds = new Map([[document.body, ""]]), seen = new Set()
        for (const el of document.body.querySelectorAll("*")) {
            const { color, backgroundColor, backgroundImage, opacity, fontSize, fontWeight, textDecorationLine } = getComputedStyle(el)
            const drawn = [el.localName === "a", color, backgroundColor, backgroundImage, opacity, fontSize, fontWeight, textDecorationLine]
            const kind = `${kinds.get(el.parentElement)}>${drawn}`
            const shown = el.checkVisibility() && [...el.childNodes].some(node => node.nodeType === 3 && node.data.trim())
            kinds.set(el, kind)
            el.toggleAttribute("data-new-kind", shown && !seen.has(kind))
            if (shown) seen.add(kind)
        }
    }""")
    return _axe(page, {"runOnly": COLOURS}, {"include": [["[data-new-kind]"]]})


def _axe(page: Page, options: dict[str, Any], context: dict[str, Any] | None = None) -> list[str]:
    found = Axe().run(page, context, {"resultTypes": ["violations"], **options}).response
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"][:3]
    ]


def focus_shown(page: Page, steps: int) -> list[str]:
    """Going on with the Tab key, every stop is in the window and marked as the place where one is."""
    problems = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        stop = page.evaluate("""() => {
            const el = document.activeElement
            // A hidden radio button shows its focus on its label; a text box has its caret.
            const shown = el.matches("input.md-option, input.md-toggle") ? el.nextElementSibling : el
            const style = getComputedStyle(shown), box = shown.getBoundingClientRect()
            return {
                name: el.outerHTML.slice(0, 120),
                marked: el.matches("input[type=text]")
                    || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none",
                inside: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight
                    && box.right > 0 && box.left < innerWidth,
            }
        }""")
        if not stop["marked"]:
            problems.append(f"no sign of the focus on {stop['name']}")
        if not stop["inside"]:
            problems.append(f"the focus is outside the window: {stop['name']}")
    return problems


# ---- Links -----------------------------------------------------------------------------------------------------------


class _Anchors(Quick):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ids.update(value for key, value in attributes if value and (key == "id" or (key == "name" and tag == "a")))


class Links:
    """Asks for every address once, and remembers which anchors a page has."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._known: dict[str, str | set[str]] = {}

    def problem(self, url: str) -> str | None:
        """What is wrong with a link to this site; links to other hosts are not followed."""
        address, _, anchor = url.partition("#")
        parts = urllib.parse.urlsplit(address)
        if parts.netloc != urllib.parse.urlsplit(self.base).netloc:
            return None
        if not address.startswith(self.base):
            return f"{url} leaves the site at {self.base}"
        address = urllib.parse.urlunsplit(parts._replace(query=""))
        if address not in self._known:
            self._known[address] = self._ask(address)
        found = self._known[address]
        if isinstance(found, str):
            return f"{url}: {found}"
        if anchor and not anchor.startswith(("__", ":~:", "only-")) and urllib.parse.unquote(anchor) not in found:
            return f"{url}: no such anchor"
        return None

    @staticmethod
    def _ask(address: str) -> str | set[str]:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE / 1000) as answer:
                parser = _Anchors()
                if answer.headers.get_content_type() == "text/html":
                    parser.feed(answer.read().decode())
                return parser.ids
        except urllib.error.HTTPError as error:
            with error:
                return f"status {error.code}"


def links(page: Page, known: Links) -> list[str]:
    """Every link, picture, script and style sheet of the page leads somewhere inside the site, anchors included."""
    found = page.evaluate("""() => {
        const here = `${location.href.split("#")[0]}#`
        const elements = document.querySelectorAll("[href]:not(link[rel^=alternate], link[rel=canonical]), [src]")
        const urls = new Set([...elements].map(el => el.href?.baseVal ?? el.href ?? el.src))
        const isThere = url => url.startsWith(here) && document.getElementById(decodeURIComponent(url.slice(here.length)))
        return [...urls].filter(url => /^https?:/.test(url) && !isThere(url))
    }""")
    return [problem for url in found if (problem := known.problem(url))]


# ---- Search ----------------------------------------------------------------------------------------------------------


def search(page: Page, words: str) -> Locator:
    """Type into the search box as a reader does. Returns the answers, once there is one."""
    box = page.get_by_role("combobox")
    if not box.is_visible():
        page.locator(".rp-find").click()
    box.click()
    box.fill("")
    page.keyboard.type(words)
    results = page.get_by_role("option")
    results.first.wait_for()
    return results
