"""What a page needs beyond requirements.txt: packages of tools.txt and programs, named in its front matter, ``needs: [optuna]``."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence

from book.ground.errors import nearest
from book.ground.tree import Tree
from book.source import imports
from book.source.pages import Page

PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)", re.MULTILINE)
ALL, CORE = "all", "core"
PROGRAMS = {"g++": "a C++ compiler, on Linux: `apt-get install g++`"}
"""Programs that no pip installs: name -> what it is and how to get it. Elsewhere than on Linux the pages are left out."""


def offered(tree: Tree) -> dict[str, str]:
    """What tools.txt pins: package -> version."""
    if not tree.tools.is_file():
        return {}
    return {m["name"]: m["version"] for m in PIN.finditer(tree.tools.read_text(encoding="utf-8"))}


def module(package: str) -> str:
    """The name under which a package is imported."""
    return package.replace("-", "_")


def missing(page: Page) -> list[str]:
    """The packages and programs that a page names and that this machine has not."""
    return [name for name in page.needs if not _is_here(name)]


def _is_here(name: str) -> bool:
    if name in PROGRAMS:
        return sys.platform == "linux" and shutil.which(name) is not None
    return importlib.util.find_spec(module(name)) is not None


def wanted() -> bool:
    """Whether all parts were asked for (``make test``), so that a missing package is a failure and not a page left out.

    Raises:
        ValueError: BOOK_PARTS is neither ``all`` nor ``core``.
    """
    parts = os.environ.get("BOOK_PARTS", "")
    if parts not in ("", ALL, CORE):
        raise ValueError(f"PARTS={parts}: write {ALL}, or {CORE} for what requirements.txt installs")
    return parts == ALL


def told(page: Page) -> str:
    """What to tell of a page that lacks a package or a program here, and what to do; empty where nothing is missing."""
    gone = missing(page)
    ways = ["pip install -r tools.txt"] if {*gone} - {*PROGRAMS} else []
    ways += [PROGRAMS[name] for name in gone if name in PROGRAMS]
    return f"needs {', '.join(gone)}, not installed here: {'; '.join(ways)}" if gone else ""


def used(tree: Tree, page: Page) -> set[str]:
    """The packages of tools.txt that a page's code imports, or names as a command or a module to run; the programs that it needs."""
    codes = [block.code for block in page.blocks]
    return named(tree, [*codes, *imports.toolkit(tree, codes).values()])


def named(tree: Tree, codes: Sequence[str]) -> set[str]:
    """The packages of tools.txt that these pieces of code import or name, and the programs that torch runs for them."""
    tops = {name.partition(".")[0] for code in codes for name in imports.imported(code)}
    texts = {text for code in codes for text in _texts(code)}
    packages = {name for name in offered(tree) if module(name) in tops or texts & {name, module(name)}}
    return packages | ({"g++"} if any(map(_compiles, codes)) else set())


def _compiles(code: str) -> bool:
    """Whether torch.compile is left to its own backend, which writes C++ for a CPU."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return any(
        ast.unparse(call.func) == "torch.compile"
        and call.args
        and not any(keyword.arg in ("backend", None) for keyword in call.keywords)
        for call in calls
    )


def _texts(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def problems(tree: Tree, page: Page) -> Iterator[str]:
    """Packages that a page names and doesn't use, uses and doesn't name, or names and can't have."""
    have = offered(tree) | PROGRAMS
    strangers = [name for name in page.needs if name not in have]
    for name in strangers:
        yield f'{page.path}:1: "needs: {name}": tools.txt does not pin it{nearest(name, have)}'
    try:
        found = used(tree, page)
    except SyntaxError:
        return  # running the block tells where
    for name in sorted(found - {*page.needs}):
        yield f'{page.path}:1: a block uses {name}{"" if name in PROGRAMS else ", of tools.txt"}: write "needs: [{", ".join(sorted(found))}]" in the front matter'
    for name in sorted({*page.needs} - found - {*strangers}):
        yield f'{page.path}:1: "needs: {name}": no block of the page imports or runs it: take it out'
