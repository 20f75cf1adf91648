"""What code imports, and the files of the toolkit that it stands on."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from book.ground.tree import Tree

TOOLKIT = "snippets.toolkit"


@cache
def imported(code: str) -> tuple[str, ...]:
    """Dotted names of the modules that the code imports, anywhere in it; none where it doesn't parse."""
    try:
        module = ast.parse(code)
    except SyntaxError:
        return ()  # running it tells where
    names: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return tuple(names)


def toolkit_file(tree: Tree, name: str) -> Path | None:
    """The file of a module, or of what stands in it, such as ``snippets.toolkit.losses``; None where there is none."""
    path = tree.root.joinpath(*name.split(".")[:3]).with_suffix(".py")
    return path if name.startswith(f"{TOOLKIT}.") and path.is_file() else None


def toolkit(tree: Tree, codes: Iterable[str], names: Iterable[str] = ()) -> dict[str, str]:
    """Files of the toolkit that the codes import or that are named, and those that these import: name -> text."""
    found: dict[str, str] = {}
    wanted = [f"{TOOLKIT}.{name}" for name in names]
    wanted += [module for code in codes if TOOLKIT in code for module in imported(code)]
    while wanted:
        path = toolkit_file(tree, wanted.pop())
        if path and path.stem not in found:
            found[path.stem] = path.read_text(encoding="utf-8")
            wanted += imported(found[path.stem])
    return found
