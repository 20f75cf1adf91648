"""What programs read of the site: each page's Markdown, llms.txt and the whole text by part, an inventory for intersphinx.

Made from the staged pages, after MkDocs is done.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from book.ground.files import write_atomically
from book.ground.tree import LANGUAGES, Tree
from book.site import skill

BLOCK = re.compile(r"^\s*`{3,} \{ [^}]*#code-(?P<name>[\w-]+)", re.MULTILINE)
PIECE = re.compile(r"^#{2,3} `[^`]+` \{#(?P<name>[A-Za-z_][\w.]*)\}", re.MULTILINE)
FULL = "llms-full"
PROJECT = "Runnable PyTorch"
HEAD = [
    f"# {PROJECT}",
    "",
    "> A bilingual book of PyTorch: every block was run, apart from those for a GPU, which say so; "
    "every output is what the run printed.",
    "",
]


def publish(tree: Tree, site: Path, site_url: str = "", languages: Iterable[str] = LANGUAGES) -> None:
    """Put beside the HTML what programs read.

    ``concepts/autograd/`` is a page, ``concepts/autograd.md`` its Markdown; ``llms.txt`` lists them, ``llms-full/concepts.txt``
    holds the chapters of a part as one text, ``llms-full.txt`` lists those; ``objects.inv`` is what Sphinx's intersphinx reads.
    Chinese files lie below zh/.
    """
    lines, parts = list(HEAD), list(HEAD)
    for language in languages:
        folder = "" if language == "en" else f"{language}/"
        head = ["## English" if language == "en" else "## 中文", ""]
        staged = tree.build / language
        texts = {path.relative_to(staged).as_posix(): path.read_text("utf-8") for path in sorted(staged.rglob("*.md"))}
        for name, text in texts.items():
            write_atomically(site / folder / name, text)
        lines += [*head, *(f"- [{title(text, name)}]({site_url}{folder}{name})" for name, text in texts.items()), ""]
        parts += head
        for part, text in _by_part(tree, language, texts).items():
            write_atomically(site / folder / FULL / f"{part}.txt", text)
            parts.append(f"- [{part}]({site_url}{folder}{FULL}/{part}.txt): {len(text) / 1000:,.0f} kB")
        parts.append("")
        write_atomically(site / folder / "objects.inv", inventory(texts))
    lines.append(f"The chapters as one text, part by part: {site_url}{FULL}.txt\n")
    agents = f"{site_url}{skill.FOLDER}/{skill.NAME}/SKILL.md"
    lines.append(f"Programs find all of it by [the skill for agents]({agents}).\n")
    write_atomically(site / "llms.txt", "\n".join(lines))
    write_atomically(site / f"{FULL}.txt", "\n".join(parts))
    for name, text in skill.files(site_url).items():
        write_atomically(site / name, text)


def title(text: str, name: str) -> str:
    """The title that a page's front matter gives it, without its quotes; or its name."""
    found = re.search(r"^title: *(.+)$", text, re.MULTILINE)
    if not found:
        return name
    value = found[1].strip()
    if value.startswith('"'):
        return str(json.loads(value))
    return value[1:-1] if re.fullmatch(r"'.*'", value) else value


def _by_part(tree: Tree, language: str, texts: dict[str, str]) -> dict[str, str]:
    """Part -> its chapters as one text, in the order of the folder; generated pages and other views are left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in tree.pages(language):
        part, slash, _ = name.partition("/")
        if slash and f"{name}.md" in texts:
            found[part].append(f"<!-- {name} -->\n{texts[f'{name}.md'].rstrip()}\n")
    return {part: "\n".join(some) for part, some in found.items()}


def inventory(texts: dict[str, str]) -> bytes:
    """An inventory of Sphinx, version 2 (sphinx.util.inventory): blocks as labels, the toolkit's names as Python's.

    A block is ``concepts/autograd:slope``, a name of the toolkit ``snippets.toolkit.losses.FocalLoss``.
    """
    head = f"# Sphinx inventory version 2\n# Project: {PROJECT}\n# Version: \n# The remainder of this file is compressed using zlib.\n"
    rows = sorted(row for name, text in texts.items() for row in _objects(name.removesuffix(".md"), text))
    return head.encode() + zlib.compress("".join(f"{row}\n" for row in rows).encode(), 9)


def _objects(name: str, text: str) -> Iterator[str]:
    """The rows of a page: name, role, priority, address, and how it is shown (a dash: as its name)."""
    if name.startswith("toolkit/") and name != "toolkit/index":
        module = f"snippets.{name.replace('/', '.')}"
        yield f"{module} py:module 0 {name}/#module -"
        for match in PIECE.finditer(text):
            piece = match["name"]
            role = "method" if "." in piece else "class" if piece[0].isupper() else "function"
            yield f"{module}.{piece} py:{role} 1 {name}/#{piece} -"
    elif "/" in name or name == "index":
        address = "" if name == "index" else f"{name}/"
        for block in dict.fromkeys(match["name"] for match in BLOCK.finditer(text)):
            yield f"{name}:{block} std:label -1 {address}#code-{block} {title(text, name)}: {block}"
