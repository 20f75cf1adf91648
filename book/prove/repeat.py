"""Does a page do the same in another world? Its blocks, run there a second time, against the first run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from book.prove import check, compare
from book.prove.check import Verdict
from book.run import elsewhere
from book.run.job import BlockResult
from book.run.session import PageRun
from book.source.ledger import Ledger
from book.source.pages import Page

OTHER = f"in another world (other {elsewhere.SAYS})"


def refuse(page: Page, verdicts: list[Verdict], plain: PageRun, other: PageRun, book_ledger: Ledger) -> list[Verdict]:
    """The verdicts of the plain run, those of blocks that do something else in the ``other`` run as failed."""
    again = {result.name: result for result in other.results}
    faults = {
        result.name: difference(result, again[result.name], check.tolerance_of(book_ledger, page.name, result.name))
        for result in plain.results
        if result.name in again
    }
    return [_with(page, verdict, faults.get(verdict.block)) for verdict in verdicts]


def difference(plain: BlockResult, other: BlockResult, tolerance: compare.Tolerance) -> str | None:
    """What a block does otherwise in the other world, or None."""
    if other.failure and not plain.failure:
        return f"fails {OTHER}: {other.failure.splitlines()[0]}"
    if plain.failure and not other.failure:
        return f"fails here and not {OTHER}"
    told = [str(found) for found in compare.outputs(shown(plain), shown(other), tolerance)]
    if told:
        return "\n    ".join([f"prints another thing {OTHER}:", *told])
    if plain.generators != other.generators:
        return "leaves the random generators in another state each time: seed with a number that never changes"
    return None


def shown(result: BlockResult) -> list[dict[str, Any]]:
    """What a page shows of a block's outputs: the words of a table, folded to a terminal's width, stand behind its HTML."""
    return [
        {**output, "data": {k: v for k, v in output["data"].items() if k != "text/plain" or len(output["data"]) == 1}}
        if "data" in output
        else output
        for output in result.outputs
    ]


def _with(page: Page, verdict: Verdict, fault: str | None) -> Verdict:
    if fault is None or verdict.status != "passed":
        return verdict
    place = check.where(page, page.block(verdict.block))
    return replace(verdict, status="failed", message=f"{place}:\n    {fault}")
