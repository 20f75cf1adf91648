"""The staged pages build with Zensical, the successor of Material for MkDocs, which reads mkdocs.yml but runs no hook."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from books import BOOK_PARTS, copy_book
from browser_support import LANG
from rotation import week

from book.ground.tree import LANGUAGES, Tree
from book.source import pages

CHAPTER = "concepts/autograd"
CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}


@pytest.fixture(scope="module")
def staged(built_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the book, as it was staged for the site of this run.

    Its configuration is not strict, since the test judges the warnings itself.
    """
    tree = copy_book(tmp_path_factory.mktemp("zensical"), *BOOK_PARTS)
    for language in LANGUAGES:
        shutil.copytree(built_site.parent / "build" / language, tree.build / language)
    config = tree.root / CONFIGS["en"]
    text = config.read_text(encoding="utf-8")
    assert "\nstrict: true\n" in text
    config.write_text(text.replace("\nstrict: true\n", "\n"), encoding="utf-8")
    return tree


@pytest.mark.parametrize("language", [LANGUAGES[week() % len(LANGUAGES)]])  # one a week: a build takes over a minute
def test_zensical_builds_the_staged_pages(staged: Tree, language: str) -> None:
    command = [sys.executable, "-m", "zensical", "build", "--clean", "-f", CONFIGS[language]]
    run = subprocess.run(command, cwd=staged.root, capture_output=True, text=True, timeout=600)
    said = re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr)
    assert run.returncode == 0, said

    # A chapter's Markdown is no page, and Zensical would have one behind every link to a .md file, in HTML too.
    warnings = re.findall(r"\[ (\S+):(\d+):\d+ \]", said)
    assert len(warnings) == said.count("Warning:"), said
    for file, line in warnings:
        text = (staged.build / language / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert ">Markdown</a>" in text, said

    site = staged.root / "site" / ("" if language == "en" else language)
    html = (site / CHAPTER / "index.html").read_text(encoding="utf-8")
    blocks = [block.name for block in pages.load(staged, CHAPTER, language).blocks]
    assert blocks
    assert re.findall(r'id="code-(\w+)"', html) == blocks
    assert html.count("rp-out") >= len(blocks) // 2
    assert (site / "status" / "index.html").is_file()
    assert f'<html lang="{LANG[language]}"' in html
