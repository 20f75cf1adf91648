"""A program without statements that say again what stands above them."""

from __future__ import annotations

import ast

from book.prove.bindings import stored

_AGAIN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def distinct(text: str) -> str:
    """The text without imports and definitions that are, word for word, what their names are bound to already.

    Files of the toolkit import each other: put in place of each import, a definition would come once for each file that
    needs it. A second one goes, unless something between has bound one of its names to something else.
    """
    lines = text.split("\n")
    bound: dict[str, str] = {}
    kept: list[str] = []
    done = 0
    for node in ast.parse(text).body:
        assert node.end_lineno is not None
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        source, names = "\n".join(lines[first - 1 : node.end_lineno]), set(stored(node))
        if not (isinstance(node, _AGAIN) and all(bound.get(name) == source for name in names)):
            kept += lines[done : node.end_lineno]
        bound |= dict.fromkeys(names, source)
        done = node.end_lineno
    return "\n".join([*kept, *lines[done:]])
