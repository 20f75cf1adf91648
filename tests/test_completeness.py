"""The built site against its sources: every block, every output, every link, in both languages, and nothing besides."""

from __future__ import annotations

import html
import re
import shutil
import urllib.parse
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.utils.yaml import yaml_load

from book import code_zh, pages, records
from book.audit import GENERATED
from book.code_zh import Translations, translated
from book.compare import text_of
from book.gpu import GpuRecord, read_gpu
from book.records import Record
from book.stage import pipe_table, shown_outputs
from book.tree import HERE, LANGUAGES, Tree

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
Event = tuple[str, str]
NO_GPU = GpuRecord()
NO_TABLE = Translations()

pytestmark = pytest.mark.xdist_group("completeness")  # the site is read once


class Rendered(HTMLParser):
    """What a page of the site holds.

    Attributes:
        groups: for each code block, its id and what stands between it and its line "run on ...": the code, outputs,
            figures and tables.
        strays: code that stands outside these groups.
        ids: all ids.
        references: (tag, attribute, target) of everything that names an address.
        words: the text of the article.
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.groups: list[tuple[str, list[Event]]] = []
        self.strays: list[str] = []
        self.ids: set[str] = set()
        self.references: list[tuple[str, str, str]] = []
        self.words = ""
        self._stack: list[tuple[str, str]] = []
        self._open: list[Event] | None = None
        self._text = ""
        self._cells: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attributes}
        classes = named.get("class", "")
        if "id" in named:
            self.ids.add(named["id"])
        for key in ("href", "src"):
            if key in named:
                self.references.append(
                    (f"{tag} rel={named.get('rel', '').strip()}".removesuffix(" rel="), key, named[key])
                )
        if tag == "div" and "rp-code" in classes.split():
            self._open = []
            self.groups.append((named.get("id", ""), self._open))
        elif "rp-run" in classes.split():
            self._open = None
        elif tag == "img" and "rp-figure" in classes.split():
            self._add("figure", named.get("src", ""))
        elif tag in ("pre", "td", "th"):
            self._text = ""
        elif tag == "table":
            self._cells = []
        if tag not in VOID:
            self._stack.append((tag, classes))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or tag not in [name for name, _ in self._stack]:
            return
        while self._stack.pop()[0] != tag:
            pass
        if tag == "pre":
            around = " ".join(classes for _, classes in self._stack[-1:]).split()
            kind = next((kind for name, kind in (("rp-code", "code"), ("rp-out", "text")) if name in around), "")
            self._add(kind or "unmarked", self._text.rstrip("\n"))
        elif tag in ("td", "th"):
            self._cells.append(" ".join(self._text.split()))
        elif tag == "table" and self._open is not None:
            self._open.append(("table", " | ".join(filter(None, self._cells))))

    def handle_data(self, data: str) -> None:
        self._text += data
        if any(tag == "article" for tag, _ in self._stack) and not any(
            t in ("script", "style") for t, _ in self._stack
        ):
            self.words += data

    def _add(self, kind: str, value: str) -> None:
        if self._open is None or kind == "unmarked":
            self.strays.append(value)
        else:
            self._open.append((kind, value))


def expected(
    page: pages.Page, record: Record | None, gpu: GpuRecord, table: Translations
) -> list[tuple[str, list[Event]]]:
    """What ``Rendered.groups`` must be, by the page's source and its record."""
    groups = []
    for block in page.blocks:
        assert record is not None
        cell = record.cell(block.name)
        assert cell is not None, f"{page.path}: no record of {block.name}"
        code = translated(block.code, table) if page.language == "zh" else block.code
        events: list[Event] = [("code", code.rstrip("\n"))]
        outputs = shown_outputs(cell, gpu.find(page.name, block.name, cell.hashes.code))
        for number, output in enumerate(outputs, start=1):
            data = output.get("data", {})
            if "image/svg+xml" in data:
                for suffix, only in (("", "light"), ("-dark", "dark")):
                    events.append(("figure", f"{block.name}-{number}{suffix}.svg#only-{only}"))
            elif "text/html" in data and pipe_table(text_of(data["text/html"])):  # others are shown as text
                table = text_of(data["text/html"])
                head = re.findall(r"<tr.*?</tr>", table.partition("</thead>")[0], re.DOTALL)
                if len(head) == 2:  # pandas writes the index's name in a row of its own; the page shows it in the first
                    table = table.replace(head[0], "").replace(head[1], head[1] + head[0], 1)
                cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table, re.DOTALL)
                words = [" ".join(html.unescape(re.sub(r"<[^>]+>", "", cell)).split()) for cell in cells]
                events.append(("table", " | ".join(filter(None, words))))
            elif output["output_type"] == "error":
                events.append(("text", _lines(f"{output['ename']}: {output['evalue']}")))
            else:
                events.append(("text", _lines(text_of(output.get("text", data.get("text/plain", ""))))))
        groups.append((f"code-{block.name}", events))
    return groups


def _lines(text: str) -> str:
    """As Markdown leaves it: tabs are four columns wide, and blanks at the end of a line are not seen."""
    return "\n".join(line.rstrip() for line in text.expandtabs(4).rstrip("\n").split("\n"))


def gaps(
    markup: str, page: pages.Page, record: Record | None, gpu: GpuRecord = NO_GPU, table: Translations = NO_TABLE
) -> list[str]:
    """Where the HTML of a page differs from its blocks and their recorded outputs."""
    shown = Rendered(markup)
    wanted = expected(page, record, gpu, table)
    found = []
    if [name for name, _ in shown.groups] != [name for name, _ in wanted]:
        found.append(f"{page.path}: the site has blocks {[n for n, _ in shown.groups]}, not {[n for n, _ in wanted]}")
    if record is not None and [c.name for c in record.cells] != [b.name for b in page.blocks]:
        found.append(f"{page.path}: the record has other blocks than the page")
    for (name, want), (_, have) in zip(wanted, shown.groups, strict=False):
        have = [(kind, Path(value).name if kind == "figure" else value) for kind, value in have]
        if want != have:
            found.append(f"{page.path}: {name}: the record says\n  {want}\nand the site\n  {have}")
    texts = sum(bool(re.match(r"\s*`{3,}\s*text\b", line)) for line in page.lines)
    if len(shown.strays) != texts:
        found.append(f"{page.path}: code that nothing runs: {shown.strays}")
    return found


def html_of(site: Path, page: str, language: str) -> Path:
    name = page.removesuffix("index").rstrip("/")
    return (site if language == "en" else site / "zh") / name / "index.html"


def sources(tree: Tree) -> list[tuple[pages.Page, Record | None]]:
    loaded = [pages.load(tree, name, language) for language in LANGUAGES for name in tree.pages(language)]
    return [(page, records.read(tree, page.name) if page.blocks else None) for page in loaded]


@pytest.fixture(scope="session")
def built_tree(built_site: Path) -> Tree:
    """The sources that the site was built from."""
    return Tree(built_site.parent)


@pytest.fixture(scope="session")
def rendered(built_site: Path) -> dict[Path, Rendered]:
    """Every page of the site."""
    return {path: Rendered(path.read_text(encoding="utf-8")) for path in sorted(built_site.rglob("*.html"))}


def test_every_block_and_output_is_on_the_site(built_tree: Tree, built_site: Path) -> None:
    found = []
    count = 0
    for page, record in sources(built_tree):
        markup = html_of(built_site, page.name, page.language).read_text(encoding="utf-8")
        found += gaps(markup, page, record, read_gpu(built_tree), code_zh.load(built_tree))
        count += len(page.blocks)
    assert not found, "\n".join(found)
    assert count >= 2 * 40, "this test looks at the real book"


def test_figures_are_the_recorded_ones(built_tree: Tree, built_site: Path) -> None:
    seen = 0
    for page, record in sources(built_tree):
        folder = (built_site if page.language == "en" else built_site / "zh") / page.name
        for cell in record.cells if record else ():
            for number, output in enumerate(cell.outputs, start=1):
                svg = output.get("data", {}).get("image/svg+xml")
                if svg is not None:
                    assert (folder / f"{cell.name}-{number}.svg").read_text(encoding="utf-8") == text_of(svg)
                    assert (folder / f"{cell.name}-{number}-dark.svg").is_file()
                    seen += 1
    assert seen


def test_every_internal_link_resolves(built_site: Path, rendered: dict[Path, Rendered], built_tree: Tree) -> None:
    base = urllib.parse.urlsplit(_setting(built_tree, "site_url")).path
    broken = []
    checked = 0
    for path, page in rendered.items():
        for tag, _, target in page.references:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            place = urllib.parse.unquote(parts.path)
            if place.startswith("/"):
                file = built_site / place.removeprefix(base).lstrip("/")
            else:
                file = (path.parent / place).resolve() if place else path
            file = file / "index.html" if file.is_dir() else file
            if not file.is_file():
                broken.append(f"{path.relative_to(built_site)}: <{tag}> {target}: no such file")
            elif parts.fragment and file.suffix == ".html":
                anchor = urllib.parse.unquote(parts.fragment)
                if anchor not in rendered[file].ids and anchor != "__skip":
                    broken.append(f"{path.relative_to(built_site)}: <{tag}> {target}: no such id")
    assert not broken, "\n".join(broken)
    assert checked > 100


def test_no_page_asks_another_host(built_site: Path, rendered: dict[Path, Rendered], built_tree: Tree) -> None:
    own = _setting(built_tree, "site_url")
    asked = []
    for path, page in rendered.items():
        for tag, key, target in page.references:
            address_only = tag in ("link rel=canonical", "link rel=alternate") and target.startswith(own)
            if not tag.startswith("a") and re.match(r"(?:https?:)?//", target) and not address_only:
                asked.append(f"{path.relative_to(built_site)}: <{tag} {key}={target}>")
    for path in built_site.rglob("*.css"):
        for target in re.findall(
            r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)", path.read_text(encoding="utf-8")
        ):
            asked.append(f"{path.relative_to(built_site)}: {target}")
    for path in built_site.rglob("*.svg"):
        for target in re.findall(r"(?:href|src)=\"((?:https?:)?//[^\"]+)", path.read_text(encoding="utf-8")):
            asked.append(f"{path.relative_to(built_site)}: {target}")
    assert not asked, "\n".join(asked)


def test_nothing_is_left_unexpanded(built_site: Path, rendered: dict[Path, Rendered]) -> None:
    for path, page in rendered.items():
        for left in ("--8<--", "$$", "{#", "{ .", "```"):
            assert left not in page.words, f"{path.relative_to(built_site)}: {left!r} is on the page"


def _setting(tree: Tree, key: str) -> str:
    with (tree.root / "mkdocs.yml").open("rb") as file:
        return str(yaml_load(file)[key])


def _nav(config: str) -> list[str]:
    def files(entries: list[object]) -> list[str]:
        found: list[str] = []
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                found += files(value) if isinstance(value, list) else [str(value)]
        return found

    with (HERE.root / config).open("rb") as file:
        return files(yaml_load(file)["nav"])


def test_both_navigations_list_every_page_in_the_same_order() -> None:
    assert _nav("mkdocs.yml") == _nav("mkdocs.zh.yml")
    assert sorted(_nav("mkdocs.yml")) == sorted(f"{name}.md" for name in {*HERE.pages("en"), *GENERATED})


# The checks above must be able to fail.

BLOCK = """<article><div id="code-one" class="rp-code highlight"><pre><span></span><code>1 <span>+</span> 1
</code></pre></div><div class="rp-out highlight"><pre><code>2
</code></pre></div><p class="rp-run">run on CPU</p></article>"""


def drop_id(markup: str) -> str:
    return re.sub(r' id="code-scale"', "", markup, count=1)


def drop_block(markup: str) -> str:
    return re.sub(r'<div id="code-scale".*?rp-run', '<p class="rp-run', markup, count=1, flags=re.DOTALL)


def swap(old: str, new: str) -> Callable[[str], str]:
    def change(markup: str) -> str:
        assert old in markup, f"{old!r} is not in the page"
        return markup.replace(old, new, 1)

    return change


HTML_FAULTS = {
    "a block without its id": (drop_id, "the site has blocks"),
    "a block missing": (drop_block, "the site has blocks"),
    "a block twice": (lambda m: m.replace('<div id="code-scale"', BLOCK.replace("one", "scale") + '<div id="code-scale"'), "the site has blocks"),
    "another operator": (swap('<span class="o">*</span>', '<span class="o">+</span>'), "code-scale: the record says"),
    "another number": (swap("tensor([2., 4., 6.])", "tensor([2., 4., 7.])"), "code-scale: the record says"),
    "an output missing": (swap("rp-out", "rp-in"), "code-scale: the record says"),
    "another table cell": (swap("first", "worst"), "code-table: the record says"),
    "another figure": (swap("curve-1.svg", "curve-2.svg"), "code-curve: the record says"),
    "another exception": (swap("must match", "must differ from"), "code-wrong_shape: the record says"),
    "an indented block": (swap("</article>", "<div class='highlight'><pre><code>x = 1</code></pre></div></article>"), "code that nothing runs"),
    "an output of nothing": (swap("</article>", "<div class='rp-out'><pre><code>2</code></pre></div></article>"), "code that nothing runs"),
}  # fmt: skip


@pytest.fixture(scope="module")
def small_html(recorded_small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, pages.Page, Record]:
    """The small book's page as HTML, rendered with the extensions of the real site."""
    import markdown

    from book.stage import stage

    with (HERE.root / "mkdocs.yml").open("rb") as file:
        extensions = yaml_load(file)["markdown_extensions"]
    tree = Tree(
        Path(shutil.copytree(recorded_small, tmp_path_factory.mktemp("staged") / "book"))
    )  # others copy the original
    stage(tree)
    text = (tree.build / "en" / "part" / "small.md").read_text(encoding="utf-8").split("---", 2)[2]
    markup = markdown.markdown(text, extensions=list(extensions), extension_configs=extensions)
    return f"<article>{markup}</article>", pages.load(tree, "part/small"), records.read(tree, "part/small")


def test_the_unbroken_page_has_no_gaps(small_html: tuple[str, pages.Page, Record]) -> None:
    assert gaps(*small_html) == []


@pytest.mark.parametrize("name", HTML_FAULTS)
def test_fault_in_the_html_is_noticed(name: str, small_html: tuple[str, pages.Page, Record]) -> None:
    markup, page, record = small_html
    breaks, says = HTML_FAULTS[name]
    found = gaps(breaks(markup), page, record)
    assert any(says in gap and gap.startswith("docs/en/part/small.md: ") for gap in found), found


def test_rendered_reads_a_block() -> None:
    assert Rendered(BLOCK).groups == [("code-one", [("code", "1 + 1"), ("text", "2")])]


def test_rendered_reads_addresses() -> None:
    page = Rendered('<h2 id="here">x</h2><a href="#here">y</a><link rel="stylesheet" href="a.css"><img src="b.png">')
    assert page.ids == {"here"}
    assert page.references == [
        ("a", "href", "#here"), ("link rel=stylesheet", "href", "a.css"), ("img", "src", "b.png")
    ]  # fmt: skip


def _days(nav: object) -> dict[str, int]:
    """File -> day, of the entries whose title names one: "Day 5 · Tensors", "第 5 天 · 张量"."""
    found: dict[str, int] = {}
    for entry in nav if isinstance(nav, list) else []:
        for title, inside in entry.items():
            day = re.match(r"Day (\d+) · |第 (\d+) 天 · ", title)
            if day:
                found[inside] = int(day[1] or day[2])
            found |= _days(inside)
    return found


@pytest.mark.parametrize(("language", "config"), [("en", "mkdocs.yml"), ("zh", "mkdocs.zh.yml")])
def test_navigation_front_matter_and_home_page_agree_about_days(language: str, config: str) -> None:
    with open(HERE.root / config, encoding="utf-8") as file:
        nav = _days(yaml_load(file)["nav"])
    metas = {name: pages.load(HERE, name, language).meta.get("day") for name in HERE.pages(language)}
    assert nav == {f"{name}.md": int(day) for name, day in metas.items() if day}
    home = HERE.page(language, "index").read_text(encoding="utf-8")
    rows = {int(day): row for day, row in re.findall(r"^\| (\d+) \| (.*)$", home, re.MULTILINE)}
    linked = {link: day for day, row in rows.items() for link in re.findall(r"\]\(([\w/]+\.md)\)", row)}
    assert linked == nav
