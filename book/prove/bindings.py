"""Names that Python statements bind."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def stored(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds at the top level."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    if isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        for child in ast.walk(node):
            if isinstance(child, ast.NamedExpr):
                yield child.target.id
        return
    for inner in ast.iter_child_nodes(node):
        yield from stored(inner)


def defined(code: str) -> frozenset[str]:
    """Names that code binds, perhaps; none if it does not parse."""
    try:
        return frozenset(name for node in ast.parse(code).body for name in stored(node))
    except SyntaxError:
        return frozenset()
