"""What programs read of the site: titles without quotes, the text by part, an inventory for intersphinx, addresses in both languages."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest
from browser_support import SITE_URL

from book.ground.tree import HERE, LANGUAGES, Tree
from book.site import publish
from book.source import pages

# as sphinx.util.inventory reads a row: name, domain and role, priority, address, shown
ROW = re.compile(
    r"(?P<name>.+?)\s+(?P<domain>\S+):(?P<role>\S+)\s+(?P<priority>-?\d+)\s+(?P<address>\S*)\s+(?P<shown>.*)"
)


@pytest.fixture(scope="module")
def tree(built_site: Path) -> Tree:
    return Tree(built_site.parent)


def folder(language: str) -> str:
    return "" if language == "en" else f"{language}/"


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ('title: "API: torch"', "API: torch"),
        ("title: A parabola", "A parabola"),
        ("title: 'so'", "so"),
        ("x: y", "a/b.md"),
        ('title: "a \\"b\\""', 'a "b"'),
    ],
)
def test_a_title_has_no_quotes_of_its_own(front: str, title: str) -> None:
    assert publish.title(f"---\n{front}\n---\n", "a/b.md") == title


def test_llms_txt_lists_each_page_by_its_title(built_site: Path, tree: Tree) -> None:
    text = (built_site / "llms.txt").read_text(encoding="utf-8")
    rows = re.findall(r"^- \[(.*)\]\((\S+)\)$", text, re.MULTILINE)
    assert not [title for title, _ in rows if title.startswith(('"', "'"))]
    for language in LANGUAGES:
        listed = {address: title for title, address in rows}
        for name in tree.pages(language):
            address = f"{SITE_URL}{folder(language)}{name}.md"
            assert listed[address] == pages.load(tree, name, language).meta["title"]
            assert (built_site / folder(language) / f"{name}.md").is_file()


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_part_is_one_text(built_site: Path, tree: Tree, language: str) -> None:
    listed = (built_site / "llms-full.txt").read_text(encoding="utf-8")
    parts: dict[str, list[str]] = {}
    for name in tree.pages(language):
        if "/" in name:
            parts.setdefault(name.partition("/")[0], []).append(name)
    for part, names in parts.items():
        assert f"{SITE_URL}{folder(language)}llms-full/{part}.txt" in listed
        text = (built_site / folder(language) / "llms-full" / f"{part}.txt").read_text(encoding="utf-8")
        assert [name for name in re.findall(r"^<!-- (\S+) -->$", text, re.MULTILINE) if "/" in name] == names
        for name in names:
            assert (tree.build / language / f"{name}.md").read_text(encoding="utf-8").rstrip() in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_intersphinx_finds_blocks_and_the_toolkit(built_site: Path, tree: Tree, language: str) -> None:
    data = (built_site / folder(language) / "objects.inv").read_bytes()
    head = data.split(b"\n", 4)
    assert head[0] == b"# Sphinx inventory version 2" and b"zlib" in head[3]
    rows = [ROW.fullmatch(line) for line in zlib.decompress(head[4]).decode().splitlines()]
    assert all(rows)
    found = {(row["domain"], row["role"], row["name"]): row["address"] for row in rows if row}
    blocks = {(name, block.name) for name in tree.pages(language) for block in pages.load(tree, name, language).blocks}
    assert {key[2] for key in found if key[0] == "std"} == {f"{name}:{block}" for name, block in blocks}
    assert ("py", "class", "snippets.toolkit.keras_model.KerasModel") in found
    assert ("py", "method", "snippets.toolkit.keras_model.KerasModel.fit") in found
    anchors: dict[str, str] = {}
    for address in found.values():
        page, _, anchor = address.partition("#")
        if page not in anchors:
            anchors[page] = (built_site / folder(language) / page / "index.html").read_text(encoding="utf-8")
        assert re.search(rf'id="?{re.escape(anchor)}["\s>]', anchors[page]), address


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sitemap_has_each_address_in_both_languages(built_site: Path, language: str) -> None:
    root = ElementTree.parse(built_site / folder(language) / "sitemap.xml").getroot()
    for url in root.findall("{*}url"):
        address = (url.findtext("{*}loc") or "").removeprefix(SITE_URL + folder(language))
        links = {link.get("hreflang"): link.get("href") for link in url.findall("{*}link")}
        assert links == {"en": SITE_URL + address, "zh-CN": f"{SITE_URL}zh/{address}"}
    assert len(root) > len(HERE.pages())
