"""Change single values below figures and see the asserts fail that hold the sentences about them: ``python tests/perturb.py``.

For each row of tests/claims.toml with ``held``: where the assert stands, three numbers that it looks at (drawn by the
sentence itself, so that all runs draw alike) are each moved out of the range of all, once up and once down. An assert that
then still holds would let a false sentence stand.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import claims
import perturb_probe

from book.ground.tree import HERE, Tree
from book.prove import check
from book.run.job import BlockCode
from book.run.session import Sessions
from book.source import ledger
from book.source.pages import Page

PROBE = Path(__file__).with_name("perturb_probe.py")


@dataclass(frozen=True)
class Poked:
    """A sentence after its draws: what its asserts did not notice, or why nothing could be drawn."""

    row: claims.Row
    survived: tuple[str, ...] = field(default=())
    unknown: str = ""


def homes(row: claims.Row, page: Page) -> dict[str, str]:
    """Quotation -> the block, the row's own or the nearest above it, that has its assert."""
    names = [block.name for block in page.blocks]
    above = page.blocks[: names.index(row.block) + 1]
    return {
        held: next(b.name for b in reversed(above) if any(claims.wanted(held) <= a for a in claims.asserts(b.code)))
        for held in row.held
    }


def probed(code: str, quoted: Mapping[str, Sequence[str]]) -> str:
    """The code with a call before the last of the asserts that check a sentence's quotations: sentence -> quotations."""
    tree = ast.parse(code)
    calls: dict[int, list[dict[str, object]]] = defaultdict(list)
    for key, helds in quoted.items():
        wanted = [claims.wanted(held) for held in helds]
        places = [s for s in ast.walk(tree) if (checked := claims.checked(s)) and any(one <= checked for one in wanted)]
        last = max(places, key=lambda statement: statement.lineno)
        calls[id(last)].append({"key": key, "parts": sorted(frozenset().union(*wanted))})

    class Before(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            for body in ("body", "orelse", "finalbody"):
                if isinstance(statements := getattr(node, body, None), list):
                    setattr(node, body, [one for s in statements for one in (*call(s), s)])
            return node

    def call(statement: ast.AST) -> list[ast.stmt]:
        meant = calls.get(id(statement))
        at = f"__import__('runpy').run_path({str(PROBE)!r})['at_assert']({{**globals(), **locals()}}, {meant!r})"
        return list(ast.parse(at).body) if meant else []

    return ast.unparse(ast.fix_missing_locations(Before().visit(tree)))


def perturb(
    tree: Tree, pages: Mapping[str, Page], rows: Sequence[claims.Row], sessions: Sessions | None = None
) -> list[Poked]:
    """Run the pages of the rows as far as needed, and change values where their asserts stand."""
    book_ledger = ledger.load(tree)
    by_page: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in rows:
        for held, block in homes(row, pages[row.page]).items():
            by_page[row.page][block][_key(row)].append(held)
    jobs = []
    for name, blocks in sorted(by_page.items()):
        order = [block.name for block in pages[name].blocks]
        job = check.job_of(tree, pages[name], book_ledger, until=max(blocks, key=order.index))
        made = [BlockCode(b.name, probed(b.code, blocks[b.name])) if b.name in blocks else b for b in job.blocks]
        jobs.append(replace(job, blocks=tuple(made)))
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in check.run_jobs(jobs, None, check.silent, sessions):
        for one in (json.loads(line) for result in run.results for line in _printed(result.outputs)):
            told[one["key"]].append(one)
    return [_judged(row, told[_key(row)]) for row in rows if row.held]


def _judged(row: claims.Row, passes: Sequence[Mapping[str, Any]]) -> Poked:
    """A sentence is proven if all draws are noticed in one of the passes over its assert."""
    if not passes:
        return Poked(row, unknown="its assert was not reached")
    best = min(passes, key=lambda one: ("unknown" in one, len(one["survived"])))
    return Poked(row, tuple(best["survived"]), best.get("unknown", ""))


def _key(row: claims.Row) -> str:
    return f"{row.page} {row.block} {row.says}"


def _printed(outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    text = "".join(str(o.get("text", "")) for o in outputs if o.get("output_type") == "stream")
    mark = perturb_probe.MARK
    return [line.removeprefix(mark) for line in text.splitlines() if line.startswith(mark)]


if __name__ == "__main__":
    pages_ = check.load_pages(HERE)
    rows_ = claims.rows((HERE.root / claims.LIST).read_text(encoding="utf-8"))
    wanted_ = [r for r in rows_ if len(sys.argv) == 1 or r.page in sys.argv[1:]]
    made = perturb(HERE, pages_, wanted_)
    for one_ in made:
        if one_.survived or one_.unknown:
            print(
                f'{claims.LIST}:{one_.row.line}: {one_.row.page} {one_.row.block} "{one_.row.says}" {list(one_.row.held)}'
            )
            print("    ", one_.unknown or f"not noticed: {', '.join(one_.survived)}")
    bad = sum(bool(o.survived or o.unknown) for o in made)
    print(f"{len(made)} sentences held by asserts, {bad} not proven by three changed values each")
    sys.exit(bad > 0)
