"""What belongs to a block: other blocks that use the same rare names, and the helpers of its page that its code calls."""

from __future__ import annotations

import ast
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from book.find.reference import Example, Index

MOST = 3  # related blocks under one
RARE = 8  # blocks at most that use a name which relates two of them
LONGEST = 40  # lines of a helper that is worth showing above an example


def related(index: Index) -> dict[tuple[str, str], list[Example]]:
    """(page, block) -> at most three blocks of other pages, of each page one: the more and the rarer the shared names, the nearer.

    A name's weight is its inverse frequency, ln(N / n) of N blocks of which n use it (Sparck Jones, 1972, Journal of Documentation
    28, "A statistical interpretation of term specificity"). Solutions of exercises are no examples of what comes before them.
    """
    users: dict[str, list[Example]] = defaultdict(list)
    for example in index.examples:
        for name in index.known.named(example.apis):
            users[name].append(example)
    weights = {n: math.log(len(index.examples) / len(some)) for n, some in users.items() if 2 <= len(some) <= RARE}
    found: dict[tuple[str, str], list[Example]] = {}
    for example in index.examples:
        shared: dict[Example, float] = defaultdict(float)
        for name in index.known.named(example.apis):
            for other in users[name] if name in weights else ():
                if other.page != example.page and not other.block.startswith("solution"):
                    shared[other] += weights[name]
        best: dict[str, Example] = {}
        for other in sorted(shared, key=lambda e: (-shared[e], len(e.apis), e.page, e.block)):
            best.setdefault(other.page, other)
        if best:
            found[example.page, example.block] = list(best.values())[:MOST]
    return found


def helpers(index: Index, example: Example) -> list[tuple[str, str]]:
    """(name, source) of the functions and classes of earlier blocks that the block's code needs, in their order."""
    above = _defined(index, example)
    wanted: set[str] = set()
    asked = [example.code]
    while asked:
        new = {name for name in _loaded(asked.pop()) if name in above} - wanted
        wanted |= new
        asked += [above[name] for name in new]
    found = [(name, source) for name, source in above.items() if name in wanted]
    return found if sum(source.count("\n") + 1 for _, source in found) <= LONGEST else []


def _defined(index: Index, example: Example) -> Mapping[str, str]:
    """Name -> source of each function or class that blocks of the page above this one define at their top."""
    found: dict[str, str] = {}
    for one in index.examples:
        if one.page == example.page:
            if one.block == example.block:
                break
            found |= _top(one.code)
    return {name: source for name, source in found.items() if name not in _top(example.code)}


@cache
def _top(code: str) -> Mapping[str, str]:
    """Name -> source of each function or class that the code defines at its top."""
    found, lines = {}, code.splitlines()
    for node in _parsed(code).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name] = "\n".join(lines[start - 1 : node.end_lineno])
    return found


@cache
def _loaded(code: str) -> frozenset[str]:
    names = (node for node in ast.walk(_parsed(code)) if isinstance(node, ast.Name))
    return frozenset(node.id for node in names if isinstance(node.ctx, ast.Load))


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])
