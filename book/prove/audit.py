"""What must hold across files: both languages equal, every snippet line shown, no stem that shadows a module, links that resolve."""

from __future__ import annotations

import importlib.util
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from book.ground.errors import BookError, nearest
from book.ground.tree import LANGUAGES, Tree
from book.prove import markup
from book.source import ledger, needs, pages, plan
from book.source.ledger import Ledger
from book.source.pages import Page

GENERATED = frozenset(
    {"errors", "status", "finder", "reference/index", "toolkit/index"}
)  # pages that staging makes and the navigation lists


def audit(tree: Tree) -> list[str]:
    """Every problem found, each with its place; empty when all is well."""
    problems: list[str] = []
    loaded: dict[str, dict[str, Page]] = {language: {} for language in LANGUAGES}
    for language in LANGUAGES:
        for name in tree.pages(language):
            try:
                loaded[language][name] = pages.load(tree, name, language)
            except BookError as error:
                problems.append(str(error))
    problems += missing_pages(tree)
    for name, english in loaded["en"].items():
        if name in loaded["zh"]:
            problems += parity(english, loaded["zh"][name])
            problems += plan.other_marks(english, loaded["zh"][name])
    every = [page for language in LANGUAGES for page in loaded[language].values()]
    for page in every:
        problems += headings(page)
        problems += plan.problems(page)
        problems += needs.problems(tree, page)
        problems += links(page, loaded[page.language])
        problems += markup.problems(tree, page, loaded[page.language], GENERATED)
    problems += orphans(tree, every)
    problems += shadows(tree.snippet_files())
    try:
        book_ledger = ledger.load(tree)
        problems += mends(book_ledger, tree.relative(tree.ledger))
        ledger.check_targets(book_ledger, loaded["en"], tree.relative(tree.ledger))
    except BookError as error:
        problems.append(str(error))
    return problems


def mends(book_ledger: Ledger, where: str) -> Iterator[str]:
    """Entries that do not tell readers of Chinese why, and expected exceptions that do not tell what to do about them."""
    for entry in book_ledger.entries:
        if not entry.reason_zh:
            yield f'{where}: [[{entry.kind}]] {entry.page} "{entry.section}" lacks "reason_zh": the reason for readers of the Chinese status page'
        for key, value in (("mend", entry.mend), ("mend_zh", entry.mend_zh)):
            if entry.kind == "raises" and not value:
                yield f'{where}: [[raises]] {entry.page} "{entry.section}" lacks "{key}": what should a reader who meets this error do?'


def missing_pages(tree: Tree) -> Iterator[str]:
    """Pages that exist in one language only."""
    english, chinese = set(tree.pages("en")), set(tree.pages("zh"))
    for name in sorted(english - chinese):
        yield f"docs/zh/{name}.md: missing; docs/en/{name}.md has no Chinese twin"
    for name in sorted(chinese - english):
        yield f"docs/en/{name}.md: missing; docs/zh/{name}.md has no English twin"


def parity(english: Page, chinese: Page) -> Iterator[str]:
    """Where the two languages of a page differ in blocks, heading ids, links or exercises."""
    yield from _first_gap(
        "block",
        english,
        chinese,
        [(b.name, b.line) for b in english.blocks],
        [(b.name, b.line) for b in chinese.blocks],
    )
    yield from _first_gap(
        "heading id",
        english,
        chinese,
        [(f"{'#' * h.level} {h.id}", h.line) for h in english.headings],
        [(f"{'#' * h.level} {h.id}", h.line) for h in chinese.headings],
    )
    yield from _first_gap("link", english, chinese, english.links, chinese.links)
    for one, other in zip(english.blocks, chinese.blocks, strict=False):
        if one.name == other.name and bool(one.attributes.get("alt")) != bool(other.attributes.get("alt")):
            yield f'{chinese.path}:{other.line}: block "{one.name}" is described (alt=) in one language only'


def _first_gap(
    kind: str, english: Page, chinese: Page, left: Sequence[tuple[str, int]], right: Sequence[tuple[str, int]]
) -> Iterator[str]:
    for one, other in zip_longest(left, right):
        if one is None:
            yield f'{chinese.path}:{other[1]}: {kind} "{other[0]}" is not on {english.path} at this place'
            return
        if other is None:
            yield f'{english.path}:{one[1]}: {kind} "{one[0]}" is missing on {chinese.path}'
            return
        if one[0] != other[0]:
            yield f'{chinese.path}:{other[1]}: {kind} "{other[0]}" stands where {english.path}:{one[1]} has "{one[0]}"'
            return


def headings(page: Page) -> Iterator[str]:
    """Headings without an id, and ids used twice."""
    seen: dict[str, int] = {}
    for heading in page.headings:
        if heading.id is None:
            yield f'{page.path}:{heading.line}: heading "{heading.title}" has no id: add {{#some-id}}, the same in both languages'
        elif heading.id in seen:
            yield f'{page.path}:{heading.line}: id "{heading.id}" is used at line {seen[heading.id]} already'
        else:
            seen[heading.id] = heading.line


def links(page: Page, known: dict[str, Page]) -> Iterator[str]:
    """Internal links whose page or anchor does not exist."""
    for target, line in page.links:
        if re.match(r"[a-z]+:", target) or not target:
            continue
        path, _, anchor = target.partition("#")
        if path and not path.endswith(".md"):
            continue
        name = (
            posixpath.normpath(posixpath.join(posixpath.dirname(page.name), path)).removesuffix(".md")
            if path
            else page.name
        )
        if name in GENERATED or name.startswith(("reference/", "toolkit/")):
            continue
        if name not in known:
            yield f'{page.path}:{line}: link "{target}": there is no page {name}.md{nearest(name, known)}'
        elif anchor:
            anchors = [h.id for h in known[name].headings if h.id] + [f"code-{b.name}" for b in known[name].blocks]
            if anchor not in anchors:
                yield f'{page.path}:{line}: link "{target}": {name}.md has no heading with id "{anchor}"{nearest(anchor, anchors)}'


def orphans(tree: Tree, every: Sequence[Page]) -> Iterator[str]:
    """Sections that no page shows. (Lines outside every section do not parse.)"""
    shown = {(block.file, block.name) for page in every for block in page.blocks}
    for file in tree.snippet_files():
        if Path(file).name == "__init__.py":
            continue
        try:
            found = pages.file_sections(tree, file)
        except BookError as error:
            yield str(error)
            continue
        for section in found.values():
            if (file, section.name) not in shown:
                yield f'snippets/{file}:{section.line}: section "{section.name}" is shown on no page: show it or delete it'


def shadows(files: Sequence[str], importable: Callable[[str], bool] | None = None) -> Iterator[str]:
    """Snippet files that would hide a module from a script that lies beside them and imports it."""
    can_import = importable or _importable
    for file in files:
        stem = Path(file).stem
        if stem != "__init__" and can_import(stem):
            yield f"snippets/{file}: shadows the module {stem}: a script beside it would import the wrong one; choose another name"


def _importable(stem: str) -> bool:
    if stem in sys.stdlib_module_names or stem in sys.builtin_module_names:
        return True
    try:
        found = importlib.util.find_spec(stem)
    except (ImportError, ValueError):
        return False
    if found is None or found.origin is not None:
        return found is not None
    # A folder on the path: a package without __init__.py, if there is code in it (tests/data is none).
    return any(path for place in found.submodule_search_locations or () for path in Path(place).rglob("*.py"))
