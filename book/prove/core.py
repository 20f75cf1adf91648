"""The core path of a page: does it run without the sections that it leaves out?"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Report, Say, silent
from book.prove.standalone import statements
from book.run.session import Sessions
from book.source import plan
from book.source.pages import Block, Page


def cut(page: Page) -> Page:
    """The page with the blocks of its core path only."""
    return replace(page, blocks=[b for s in plan.sections(page) if s.kind == "core" for b in s.blocks])


def problems(page: Page) -> list[str]:
    """Names that the core path reads, and that come from a section which it leaves out."""
    kept = {block.name for block in cut(page).blocks}
    found = []
    makers: dict[str, tuple[Block, bool]] = {}  # name -> the last block that binds it, and whether by an import
    for block in page.blocks:
        uses, makes = _names(block)
        if block.name in kept:
            missing = {name: makers[name][0] for name in sorted(uses) if name in makers}
            found += [
                f'{page.path}:{block.line}: block "{block.name}" of the core path reads {name}, which block '
                f'"{maker.name}" (line {maker.line}) makes: that one stands beyond the core path'
                for name, maker in missing.items()
                if maker.name not in kept
            ]
        for name, imported in makes.items():
            last = makers.get(name)
            if not (imported and last and last[1] and last[0].name in kept):  # an import is as good as the one before
                makers[name] = block, imported
    return found


def _names(block: Block) -> tuple[frozenset[str], dict[str, bool]]:
    """The names that a block reads from blocks above it, and those that it binds; True for those that it imports."""
    code = replace(block, code=block.run_code)
    uses: set[str] = set()
    makes: dict[str, bool] = {}
    for statement in statements(code):
        uses |= statement.uses - makes.keys()
        makes |= dict.fromkeys(statement.defines, isinstance(statement.node, ast.Import | ast.ImportFrom))
    return frozenset(uses), makes


def run(
    tree: Tree,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> Report:
    """Run the core path of each page, without the other sections, and compare with what the whole page printed."""
    report = Report()
    chosen, book_ledger = check.load_checked(tree, names, report.problems)
    chosen = {name: page for name, page in ((name, cut(page)) for name, page in chosen.items()) if page.blocks}
    return check.against_records(
        tree, report, chosen, book_ledger, ignore_hashes=True, workers=workers, say=say, sessions=sessions
    )
