"""Sentences about a figure that claim something of all it shows, and the list that says what holds each of them.

A claim is a sentence with one of ``WORDS`` in the alt text of a block whose record holds a figure, or in the prose between
that block and the next block or heading. ``tests/claims.toml`` has one row for each: ``held`` quotes the assert that would
fail if it were false; ``why`` says that it is no claim about plotted numbers. ``python tests/claims.py`` prints rows to fill
in for the sentences that have none.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from book.ground.tree import HERE, Tree
from book.prove import check
from book.record import records
from book.source.pages import Block, Page

LIST = "tests/claims.toml"
WORDS = re.compile(
    r"\b(?:every|all|none|never|always|lowest|highest|largest|smallest|best|worst|falls?|rises?|grows?)\b",
    re.IGNORECASE,
)
REASONS = {
    "definition": "a formula, or what the API is said to do, makes it true",
    "advice": "tells the reader what to do",
    "no figure": "is about something else than what the figure shows",
    "input": "the code sets these numbers itself",
}
CODE_OR_FORMULA = re.compile(r"`[^`]+`|\$[^$]+\$|\]\([^)]*\)")
NEW_ITEM = re.compile(r"\s*(?:[-*] |\d+\. |\||#)")
BOX = re.compile(r'\s*(?:!!!|\?\?\?\+?|===) *\w*[ \t]*"?([^"]*)"?$')
KEY, LEAST = 60, 12  # characters of a sentence that a row quotes


@dataclass(frozen=True)
class Claim:
    page: str
    block: str
    text: str
    path: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        return self.page, self.block


@dataclass(frozen=True)
class Row:
    page: str
    block: str
    says: str
    held: tuple[str, ...]
    why: str
    line: int

    def matches(self, claim: Claim) -> bool:
        """Whether ``says`` is the beginning of the claim, and not too little of it."""
        enough = len(self.says) >= min(LEAST, len(claim.text))
        return enough and claim.key == (self.page, self.block) and claim.text.startswith(self.says)


def plain(text: str) -> str:
    """Text with single spaces."""
    return " ".join(text.split())


def claims_of(page: Page, figures: frozenset[str]) -> list[Claim]:
    """The claims about the blocks named in ``figures``: first those of the alt text, then those below the block."""
    found = []
    for block in page.blocks:
        if block.name not in figures:
            continue
        told = [(block.line, plain(block.attributes.get("alt", ""))), *_below(page, block)]
        for line, paragraph in told:
            for text in sentences(paragraph):
                if WORDS.search(CODE_OR_FORMULA.sub("code", text)):
                    found.append(Claim(page.name, block.name, text, page.path, line))
    return found


def sentences(paragraph: str) -> list[str]:
    """A paragraph's sentences, split where a capital, a digit, code or emphasis follows the end of one."""
    ends = r"(?<=[.!?])\s+(?=[A-Z0-9*`$\[\"“])|(?<=[.!?]\*\*)\s+|(?<=[.!?][)\"”])\s+(?=[A-Z])"
    return [part.strip() for part in re.split(ends, paragraph) if part.strip()]


def _below(page: Page, block: Block) -> list[tuple[int, str]]:
    """Line and text of each paragraph, list item and box title between a block and the next block or heading."""
    stops = [b.line for b in page.blocks] + [h.line for h in page.headings] + [len(page.lines) + 1]
    end = min(stop for stop in stops if stop > block.end)
    found: list[tuple[int, list[str]]] = []
    fresh = True
    for number in range(block.end + 1, end):
        line = page.lines[number - 1]
        title = BOX.match(line)
        if number in page.fenced or not line.strip():
            fresh = True
            continue
        if fresh or title or NEW_ITEM.match(line):
            found.append((number, []))
        found[-1][1].append(title[1] if title else re.sub(r"^\s*(?:[-*]|\d+\.) ", "", line))
        fresh = bool(title)
    return [(number, plain(" ".join(lines))) for number, lines in found]


def find(tree: Tree, pages: Mapping[str, Page]) -> list[Claim]:
    """The claims of all pages."""
    found = []
    for name, page in sorted(pages.items()):
        found += claims_of(page, figures(records.read(tree, name).cells))
    return found


def figures(cells: Sequence[records.Cell]) -> frozenset[str]:
    """Names of the blocks whose record holds a figure."""
    return frozenset(
        cell.name for cell in cells if any("image/svg+xml" in output.get("data", {}) for output in cell.outputs)
    )


@lru_cache(maxsize=1024)
def asserts(code: str) -> tuple[frozenset[str], ...]:
    """What each assert of a block checks, ``torch.testing.assert_close`` too: the parts that ``and`` joins."""
    return tuple(found for node in ast.walk(ast.parse(code)) if (found := checked(node)))


def checked(statement: ast.AST) -> frozenset[str]:
    """What a statement asserts; nothing if it is no assert."""
    if isinstance(statement, ast.Assert):
        return parts(statement.test)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "torch.testing.assert_close":
        return parts(call)
    return frozenset()


def parts(test: ast.expr) -> frozenset[str]:
    """The parts of a condition that ``and`` joins, each written in one way."""
    joined = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return frozenset(map(ast.unparse, joined))


def holds(quoted: str, page: Page, block: str) -> bool:
    """Whether an assert of the block, or of one above it on the page, checks all of ``quoted``."""
    try:
        all_of_it = wanted(quoted)
    except SyntaxError:
        return False
    names = [one.name for one in page.blocks]
    return any(all_of_it <= one for above in page.blocks[: names.index(block) + 1] for one in asserts(above.code))


def wanted(quoted: str) -> frozenset[str]:
    """The parts of a quotation."""
    return parts(ast.parse(quoted, mode="eval").body)


def rows(text: str) -> list[Row]:
    """The rows of the list. ``held`` may be one quotation or several."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[claim]]"]
    found = []
    for row, line in zip(tomllib.loads(text).get("claim", []), lines, strict=True):
        held = row.get("held", [])
        quoted = tuple(plain(one) for one in ([held] if isinstance(held, str) else held))
        found.append(Row(row["page"], row["block"], plain(row["says"]), quoted, row.get("why", ""), line))
    return found


def problems(claims: Sequence[Claim], listed: Sequence[Row], pages: Mapping[str, Page]) -> Iterator[str]:
    """A message for each claim without a row or with several, and for each row that is stale or holds nothing."""
    for claim in claims:
        found = [row for row in listed if row.matches(claim)]
        place = f'{claim.path}:{claim.line}: block "{claim.block}"'
        if not found:
            yield (
                f'{place}: nothing is said to hold "{claim.text}": quote its assert in {LIST}, '
                "or say only what an assert holds"
            )
        elif len(found) > 1:
            where = ", ".join(str(row.line) for row in found)
            yield f'{place}: "{claim.text}" has {len(found)} rows ({LIST}, lines {where}): leave one'
    for row in listed:
        place = f'{LIST}:{row.line}: "{row.says}"'
        found_claims = sum(row.matches(claim) for claim in claims)
        if found_claims != 1:
            yield (
                f'{place}: {found_claims} sentences of {row.page}, block "{row.block}", begin so, not 1: '
                + ("write more of the sentence" if found_claims else "take the row out, or correct it")
            )
        elif bool(row.held) == bool(row.why):
            yield f"{place}: give either held or why"
        elif row.why and row.why not in REASONS:
            yield f'{place}: why = "{row.why}" is none of {", ".join(REASONS)}'
        for held in row.held if found_claims == 1 else ():
            if not holds(held, pages[row.page], row.block):
                yield (
                    f'{place}: no assert of block "{row.block}" or above checks "{held}": quote one that does, '
                    "or say less in the sentence"
                )


def blank(claim: Claim) -> str:
    """A row to fill in for a claim."""
    says = claim.text if len(claim.text) <= KEY else claim.text[:KEY].rsplit(" ", 1)[0]
    quoted = says.replace("\\", "\\\\").replace('"', '\\"')
    return f'[[claim]]\npage = "{claim.page}"\nblock = "{claim.block}"\nsays = "{quoted}"\nheld = ""\n'


def main() -> None:
    pages = check.load_pages(HERE)
    listed = rows((HERE.root / LIST).read_text(encoding="utf-8"))
    for claim in find(HERE, pages):
        if not any(row.matches(claim) for row in listed):
            print(blank(claim))


if __name__ == "__main__":
    main()
