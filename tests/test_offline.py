"""book.site.offline: the zip, unpacked, in a Chromium that opens its pages as files."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser_support as support
import pytest
from browser_support import Visit
from playwright.sync_api import Browser, expect

from book import cli
from book.ground.tree import LANGUAGES, Tree
from book.site import offline

QUERY = {"en": "second derivative", "zh": "二阶导数"}
CHAPTER = "concepts/autograd/index.html"
FOLDERS = {"en": "", "zh": "zh/"}
every_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def zipped(built_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The offline copy of the real book."""
    folder = tmp_path_factory.mktemp("offline")
    pages = Path(shutil.copytree(built_site, folder / "site"))
    return offline.pack_site(pages, folder / "book.zip")


@pytest.fixture(scope="module")
def unpacked(zipped: Path) -> Path:
    """Its pages, in a folder with a name that an address must escape."""
    folder = zipped.parent / "my books 我的书 #1"
    with zipfile.ZipFile(zipped) as file:
        file.extractall(folder)
    return folder / offline.NAME


# ---- Without a browser -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("../tensors/", "../tensors/index.html"),
        ("../tensors/?h=x#view", "../tensors/index.html?h=x#view"),
        ("..", "../index.html"),
        (".", "./index.html"),
        ("#view", "#view"),
        ("../lost/", "../lost/"),
        ("../tensors.md", "../tensors.md"),
        ("https://example.org/tensors/", "https://example.org/tensors/"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("/tensors/", "/tensors/"),
    ],
)
def test_a_link_to_a_folder_becomes_one_to_its_page(tmp_path: Path, before: str, after: str) -> None:
    for page in ("index.html", "autograd/index.html", "tensors/index.html", "tensors.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).touch()
    text = '<a class="x" href="{}">t</a> <code>href="../tensors/"</code> <img src="../tensors/">'
    assert offline.links_to_files(text.format(before), tmp_path, "autograd") == text.format(after)


def test_links_lead_to_files_that_are_there(unpacked: Path) -> None:
    wrong, seen = [], 0
    for page in unpacked.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'<(?:a|link|img|script)\b[^>]*?\s(?:href|src)="([^"]*)"', text):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            seen += 1
            if not (page.parent / unquote(parts.path)).is_file():
                wrong.append(f"{page.relative_to(unpacked)}: {link}")
    assert seen > 1000
    assert wrong == []


def test_the_zip_holds_one_folder(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as file:
        names = file.namelist()
    assert {name.partition("/")[0] for name in names} == {offline.NAME}
    for name in ("index.html", "zh/index.html", CHAPTER, "concepts/concepts_autograd.ipynb", "zh/search/index.js"):
        assert f"{offline.NAME}/{name}" in names
    assert not [name for name in names if name.endswith(("404.html", ".map"))]


def test_the_zip_of_the_same_pages_is_the_same(zipped: Path, tmp_path: Path) -> None:
    """A part of the site, copied twice, the second time in another order and with other times."""
    part = zipped.parent / "site" / "concepts"
    shutil.copytree(part, tmp_path / "one")
    for path in sorted(part.rglob("*"), reverse=True):
        if path.is_file():
            copy = tmp_path / "two" / path.relative_to(part)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            os.utime(copy, (1_000_000_000, 1_000_000_000))
    for name in ("one", "two"):
        offline._zip(tmp_path / name, tmp_path / f"{name}.zip")
    made = (tmp_path / "one.zip").read_bytes()
    assert len(made) > 10_000 and made == (tmp_path / "two.zip").read_bytes()


def test_the_command_builds_and_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Path] = []

    def build(tree: Tree, target: Path) -> Path:
        made.append(target)
        return target

    def pack_site(pages: Path, target: Path) -> Path:
        target.write_bytes(b"x" * 1_500_000)
        return target

    monkeypatch.setattr(offline.building, "build", build)
    monkeypatch.setattr(offline, "pack_site", pack_site)
    assert cli.main(["--root", str(tmp_path), "offline"]) == 0
    assert made == [tmp_path / "build" / "offline" / "site"]
    assert capsys.readouterr().out == "wrote build/offline/runnable-pytorch.zip (1.5 MB): unpack it, open index.html\n"


# ---- In a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with support.launched() as chromium:
        yield chromium


def asks_no_host(opened: Visit) -> list[str]:
    """Nothing failed, nothing was said, and every request was for a file or for what the page holds."""
    others = [url for url in opened.asked if not url.startswith(("file:///", "data:", "blob:null/"))]
    return [*opened.said, *opened.failed, *others]


@pytest.mark.browser
@every_language
def test_a_reader_without_a_network(browser: Browser, unpacked: Path, language: str) -> None:
    query, other = QUERY[language], {"en": "zh", "zh": "en"}[language]
    root = f"{unpacked.as_uri()}/"
    home, there = root + FOLDERS[language], root + FOLDERS[other]
    context = support.window(browser)
    opened = Visit(context.new_page(), home).open("index.html")
    page = opened.page

    # from the first page to a chapter, its pictures, the other language and back
    page.locator(f"article a[href='{CHAPTER}']:visible").first.click()
    page.wait_for_url(home + CHAPTER)
    expect(page.locator(".rp-code").first).to_be_visible()
    support.with_blocks_open(page)
    assert support.figures(page) == []
    page.keyboard.press("s")
    expect(page.locator(".rp-shape").first).to_be_attached()
    page.keyboard.press("s")
    page.locator(".rp-language").click()
    page.wait_for_url(re.compile(re.escape(there + CHAPTER)))
    page.locator(".rp-language").click()
    page.wait_for_url(re.compile(re.escape(home + CHAPTER)))

    # search, from a chapter
    results = support.search(page, "torch.autograd.grad")
    expect(results.first).to_have_attribute("href", re.compile(r"/reference/torch-autograd/.*#torch\.autograd\.grad$"))
    support.search(page, query)
    expect(results.first).to_have_attribute("href", re.compile("/concepts/autograd/"))
    results.first.click()
    page.wait_for_url(re.compile(re.escape(home + CHAPTER) + "#"))

    # with the keyboard
    page.keyboard.press("Control+k")
    page.keyboard.type("x.view")
    option = page.get_by_role("option")
    expect(option.first).to_contain_text("torch.Tensor.view")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(f"{home}reference/") + r".*/index\.html#torch\.Tensor\.view$"))
    expect(page.locator("[id='torch.Tensor.view']")).to_be_in_viewport()

    # its page, and an address that was kept
    page.goto(f"{home}finder/index.html?q=autograd.grad")
    expect(option.first).to_contain_text("torch.autograd.grad")
    page.get_by_role("combobox").fill(query)
    expect(option.first).to_have_attribute("href", re.compile("/concepts/autograd/.*#second-derivatives$"))
    option.first.click()
    page.wait_for_url(re.compile(re.escape(home + CHAPTER) + "#second-derivatives"))

    # a download: there is no server that would name its type, so the browser shows the file
    page.locator(".rp-take a[href$='concepts_autograd.ipynb']").click()
    page.wait_for_url(home + "concepts/concepts_autograd.ipynb")
    assert json.loads(page.locator("pre").inner_text())["nbformat"] == 4
    assert asks_no_host(opened) == []
    context.close()


@pytest.mark.browser
def test_the_unpacked_folder_works_behind_a_server_too(browser: Browser, unpacked: Path) -> None:
    with support.served(unpacked) as base:
        opened = Visit(support.window(browser).new_page(), base)
        opened.open("zh/concepts/autograd/")
        support.search(opened.page, "二阶导数")
        opened.page.keyboard.press("Escape")
        opened.page.keyboard.press("Control+k")
        opened.page.keyboard.type("x.view")
        expect(opened.page.get_by_role("option").first).to_contain_text("torch.Tensor.view")
        assert support.quiet(opened) == []
