"""``make serve`` as an author uses it: both languages at one address, pages that follow the sources, errors that say where."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import browser_support as support
import pytest
from books import BOOK_PARTS, copy_book
from servers import free_port

from book.ground.tree import Tree

pytest_plugins = ["browser_plugin"]

PATIENCE = 120.0  # seconds from an edit to the changed page; usually one or two
BUILD = 600.0  # seconds until the site is built; usually twenty
CHAPTER = "concepts/autograd"


def start(tree: Tree, port: int, log: Path) -> subprocess.Popen[bytes]:
    """``python -m book serve`` in the copy ``tree``, with what it says in ``log``."""
    command = [sys.executable, "-m", "book", "serve", "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BOOK_")}
    with log.open("wb") as said:
        return subprocess.Popen(command, cwd=tree.root, env=environment, stdout=said, stderr=subprocess.STDOUT)


def until(found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true value of ``found()``, or its last one when the time is over."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return value


def get(url: str, seconds: float = PATIENCE) -> tuple[int, str]:
    """Status and text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@dataclass
class Serving:
    tree: Tree
    base: str
    log: Path
    at_first: dict[str, tuple[int, str]]  # what the first pages answered as soon as the address was told

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def epoch(self) -> int:
        """The version of the site that browsers should have; they ask for it in a loop."""
        return int(get(f"{self.base}livereload/0/1")[1])

    def edit(self, page: Path, old: str, new: str) -> None:
        text = page.read_text(encoding="utf-8")
        assert old in text
        page.write_text(text.replace(old, new, 1), encoding="utf-8")

    def shows(self, address: str, words: str) -> bool:
        """Whether the page shows ``words``, now or soon."""
        return until(lambda: words in get(self.base + address)[1])


@pytest.fixture(scope="module")
def serving(built_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    tree = copy_book(tmp_path_factory.mktemp("serve") / "book", *BOOK_PARTS, "book")
    shutil.copytree(built_site.parent / "build", tree.build)  # staged once a run
    log = tree.root / "serve.log"
    process = start(tree, free_port(), log)
    try:
        address = until(lambda: re.search(r"English at (\S+) ", log.read_text("utf-8")) or process.poll(), BUILD)
        assert isinstance(address, re.Match), log.read_text("utf-8")
        at_first = {folder: get(address[1] + folder) for folder in ("", "zh/")}
        whole = until(lambda: "Serving 中文 at " in log.read_text("utf-8") or process.poll(), BUILD)
        assert whole is True, log.read_text("utf-8")
        yield Serving(tree, address[1], log, at_first)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0, log.read_text("utf-8")
        assert log.read_text("utf-8").endswith("stopped\n")
    finally:
        process.kill()
        process.wait()


def test_english_is_served_first(serving: Serving) -> None:
    status, text = serving.at_first[""]
    assert status == 200 and '<html lang="en"' in text
    status, text = serving.at_first["zh/"]
    assert (status, "http-equiv" in text) in ((503, True), (200, False))  # 200 if it was built in the meantime
    assert '<html lang="zh-CN"' in text
    assert serving.said.index("Serving English at") < serving.said.index("Serving 中文 at")


def test_both_languages_answer(serving: Serving) -> None:
    assert f"中文 at {serving.base}zh/" in serving.said
    for language, folder in (("en", ""), ("zh", "zh/")):
        for address in (folder, f"{folder}{CHAPTER}/", f"{folder}status/"):
            status, text = get(serving.base + address)
            assert status == 200
            assert f'<html lang="{support.LANG[language]}"' in text
            assert f"{serving.base}{address}" in text  # the canonical address is the one it is served at


@pytest.mark.parametrize(("folder", "language"), [("", "en"), ("zh/", "zh")])
@pytest.mark.parametrize("address", ["nowhere/", "concepts/nowhere/", "nowhere.html"])
def test_an_unknown_address_gets_the_page_of_its_language(
    serving: Serving, folder: str, language: str, address: str
) -> None:
    status, text = get(f"{serving.base}{folder}{address}")
    assert status == 404
    assert f'<html lang="{support.LANG[language]}"' in text
    assert "rp-lost" in text


@pytest.mark.browser
def test_the_404_pages_are_whole(serving: Serving) -> None:
    """With style, pictures and links that lead somewhere, from any depth."""
    with support.launched() as browser:
        context = browser.new_context(viewport=support.PHONE)
        for address in ("nowhere/", "zh/concepts/nowhere/"):
            lost = support.visit(context, serving.base, address)
            own = serving.base + address
            lost.failed = [text for text in lost.failed if not text.startswith(own)]
            lost.said = [text for text in lost.said if "404" not in text]
            assert support.quiet(lost) == []
            assert lost.page.locator("h1").inner_text() == "404"
            assert support.links(lost.page, support.Links(serving.base)) == []
            assert support.sideways(lost.page) == []
            assert support.accessible(lost.page) == []
            assert support.contrast(lost.page) == []


@pytest.mark.parametrize(("language", "folder"), [("en", ""), ("zh", "zh/")])
def test_an_edit_shows_and_browsers_are_told(serving: Serving, language: str, folder: str) -> None:
    before = serving.epoch()
    page = serving.tree.page(language, "index")
    page.write_text(page.read_text("utf-8") + f"\nA line of this test in {language}.\n", encoding="utf-8")
    started = time.monotonic()
    status, after = get(f"{serving.base}livereload/{before}/2", PATIENCE)  # answers when there is something new
    assert status == 200
    assert int(after) > before
    assert f"A line of this test in {language}." in get(serving.base + folder)[1]
    assert time.monotonic() - started < PATIENCE
    assert f"changed: build/{language}/index.md" in serving.said


def test_a_broken_include_is_told_and_the_old_page_stays(serving: Serving) -> None:
    page = serving.tree.page("en", CHAPTER)
    good = '"concepts/autograd.py:backward_scalar"'
    line = next(n for n, text in enumerate(page.read_text("utf-8").splitlines(), start=1) if good in text)
    already = len(serving.said)
    serving.edit(page, good, '"concepts/autograd.py:backward_scalr"')
    told = f'docs/en/{CHAPTER}.md:{line}: section "backward_scalr" is not in snippets/concepts/autograd.py'
    assert until(lambda: told in serving.said[already:]), serving.said[already:]
    assert "Traceback" not in serving.said[already:]
    for address in (f"{CHAPTER}/", "status/", ""):
        assert get(serving.base + address)[0] == 200
    assert "code-backward_scalar" in get(f"{serving.base}{CHAPTER}/")[1]
    serving.edit(page, '"concepts/autograd.py:backward_scalr"', good)
    serving.edit(page, "# Automatic differentiation", "# Mended differentiation")
    assert serving.shows(f"{CHAPTER}/", "Mended differentiation"), serving.said[already:]


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    tree = copy_book(tmp_path / "book", *BOOK_PARTS, "book")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        log = tmp_path / "serve.log"
        process = start(tree, port, log)
        try:
            assert process.wait(timeout=BUILD) == 1, log.read_text("utf-8")
        finally:
            process.kill()
            process.wait()
    said = log.read_text("utf-8")
    assert f"error: cannot serve at http://127.0.0.1:{port}/: " in said
    assert f"make serve PORT={port + 1}" in said
    assert "Traceback" not in said
