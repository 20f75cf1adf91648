"""The built site against its sources: every block, every output, every link, in both languages, and nothing besides."""

from __future__ import annotations

import html
import posixpath
import re
import shutil
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from mkdocs.utils.yaml import yaml_load
from site_pages import Event, SitePage, file_of, look

from book.ground.tree import HERE, LANGUAGES, Tree
from book.prove.audit import GENERATED
from book.record import records
from book.record.gpu import GpuRecord, read_gpu
from book.record.outputs import text_of
from book.record.records import Record
from book.site.stage import shown_outputs
from book.source import code_zh, pages, plan
from book.source.code_zh import Translations, translated
from book.source.shown import pipe_table

NO_GPU = GpuRecord()
NO_TABLE = Translations()


def expected(
    page: pages.Page, record: Record | None, gpu: GpuRecord, table: Translations
) -> list[tuple[str, list[Event]]]:
    """What ``SitePage.groups`` must be, by the page's source and its record."""
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
                frame = text_of(data["text/html"])
                head = re.findall(r"<tr.*?</tr>", frame.partition("</thead>")[0], re.DOTALL)
                if len(head) == 2:  # pandas writes the index's name in a row of its own; the page shows it in the first
                    frame = frame.replace(head[0], "").replace(head[1], head[1] + head[0], 1)
                cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", frame, re.DOTALL)
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
    shown: SitePage, page: pages.Page, record: Record | None, gpu: GpuRecord = NO_GPU, table: Translations = NO_TABLE
) -> list[str]:
    """Where the HTML of a page differs from its blocks and their recorded outputs."""
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


def sources(tree: Tree) -> list[tuple[pages.Page, Record | None]]:
    loaded = [pages.load(tree, name, language) for language in LANGUAGES for name in tree.pages(language)]
    return [(page, records.read(tree, page.name) if page.blocks else None) for page in loaded]


@pytest.fixture(scope="session")
def built_tree(built_site: Path) -> Tree:
    """The sources that the site was built from."""
    return Tree(built_site.parent)


def test_every_block_and_output_is_on_the_site(built_tree: Tree, site_pages: dict[str, SitePage]) -> None:
    found = []
    count = 0
    gpu, table = read_gpu(built_tree), code_zh.load(built_tree)
    for page, record in sources(built_tree):
        found += gaps(site_pages[file_of(page.name, page.language)], page, record, gpu, table)
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


def broken_links(site: dict[str, SitePage], files: set[str], base: str) -> tuple[list[str], int]:
    """Which links, pictures, scripts and style sheets of the pages lead nowhere, and how many were followed.

    ``files``: every file of the site, as paths below it. ``base``: the path at which it is served.
    """
    broken, checked = [], 0
    for path, page in site.items():
        folder = posixpath.dirname(path)
        for tag, _, target in page.references:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            place = urllib.parse.unquote(parts.path)
            if place.startswith("/"):
                file = posixpath.normpath(place.removeprefix(base).lstrip("/"))
            else:
                file = posixpath.normpath(posixpath.join(folder, place)) if place else path
            if file not in files:
                file = posixpath.normpath(posixpath.join(file, "index.html"))
            if file not in files:
                broken.append(f"{path}: <{tag}> {target}: no such file")
            elif parts.fragment and file in site:
                anchor = urllib.parse.unquote(parts.fragment)
                if anchor not in site[file].ids and anchor != "__skip":
                    broken.append(f"{path}: <{tag}> {target}: no such id")
    return broken, checked


def test_every_internal_link_resolves(built_site: Path, site_pages: dict[str, SitePage], built_tree: Tree) -> None:
    files = {path.relative_to(built_site).as_posix() for path in built_site.rglob("*") if path.is_file()}
    base = urllib.parse.urlsplit(_setting(built_tree, "site_url")).path
    broken, checked = broken_links(site_pages, files, base)
    assert not broken, "\n".join(broken)
    assert checked > 100


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("../b/#there", ""),
        ("../b/index.html", ""),
        ("../b/x.svg#only-light", ""),
        ("#here", ""),
        ("/book/b/", ""),
        ("https://example.org/nowhere/", ""),
        ("../c/", "a/index.html: <a> ../c/: no such file"),
        ("/b/x.png", "a/index.html: <a> /b/x.png: no such file"),
        ("../../b/", "a/index.html: <a> ../../b/: no such file"),
        ("../b/#here", "a/index.html: <a> ../b/#here: no such id"),
    ],
)
def test_a_broken_link_is_found(target: str, says: str) -> None:
    site = {
        "a/index.html": look(f'<h2 id="here">x</h2><a href="{target}">y</a>'),
        "b/index.html": look('<h2 id="there">x</h2>'),
    }
    checked = not target.startswith("https:")
    assert broken_links(site, {*site, "b/x.svg"}, "/book/") == ([says] if says else [], checked)


def test_no_page_asks_another_host(built_site: Path, site_pages: dict[str, SitePage], built_tree: Tree) -> None:
    own = _setting(built_tree, "site_url")
    asked = []
    for path, page in site_pages.items():
        for tag, key, target in page.references:
            address_only = tag in ("link rel=canonical", "link rel=alternate") and target.startswith(own)
            if not tag.startswith("a") and re.match(r"(?:https?:)?//", target) and not address_only:
                asked.append(f"{path}: <{tag} {key}={target}>")
    named = {
        ".css": re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)"),
        ".svg": re.compile(r"(?:href|src)=\"((?:https?:)?//[^\"]+)"),
    }
    for file in built_site.rglob("*.*"):
        if file.suffix in named:
            found = named[file.suffix].findall(file.read_text(encoding="utf-8"))
            asked += [f"{file.relative_to(built_site)}: {target}" for target in found]
    assert not asked, "\n".join(asked)


def test_nothing_is_left_unexpanded(site_pages: dict[str, SitePage]) -> None:
    for path, page in site_pages.items():
        for left in ("--8<--", "$$", "{#", "{ .", "```"):
            assert left not in page.words, f"{path}: {left!r} is on the page"


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
    listed = [name for name in HERE.pages("en") if not plan.is_looked_up(name) or plan.is_overview(name)]
    assert sorted(_nav("mkdocs.yml")) == sorted(f"{name}.md" for name in {*listed, *GENERATED})


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

    from book.site.stage import stage

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
    markup, page, record = small_html
    assert gaps(look(markup), page, record) == []


@pytest.mark.parametrize("name", HTML_FAULTS)
def test_fault_in_the_html_is_noticed(name: str, small_html: tuple[str, pages.Page, Record]) -> None:
    markup, page, record = small_html
    breaks, says = HTML_FAULTS[name]
    found = gaps(look(breaks(markup)), page, record)
    assert any(says in gap and gap.startswith("docs/en/part/small.md: ") for gap in found), found


def test_a_block_is_read() -> None:
    assert look(BLOCK).groups == [("code-one", [("code", "1 + 1"), ("text", "2")])]


def test_addresses_are_read() -> None:
    page = look('<h2 id="here">x</h2><a href="#here">y</a><link rel="stylesheet" href="a.css"><img src="b.png">')
    assert page.ids == {"here"}
    assert page.references == [
        ("a", "href", "#here"), ("link rel=stylesheet", "href", "a.css"), ("img", "src", "b.png")
    ]  # fmt: skip
