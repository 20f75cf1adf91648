"""Mutation testing of a chapter: change one literal, operator or name of a snippet, run the page, and see whether check notices.

A mutant that survives is either equivalent (listed with its reason in tests/equivalent.toml) or a sentence of the book
that no output and no assert holds.
"""

from __future__ import annotations

import ast
import random
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check
from book.prove.check import Say, silent
from book.record import records
from book.run.job import BlockCode, Job
from book.source import ledger
from book.source.pages import Block, Page

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Lt: ("<", ">="),
    ast.LtE: ("<=", ">"),
    ast.Gt: (">", "<="),
    ast.GtE: (">=", "<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}


@dataclass(frozen=True)
class Mutant:
    """One change: ``before`` at ``line`` (of the block, from 1) and ``column`` becomes ``after``."""

    block: str
    line: int
    column: int
    before: str
    after: str
    code: str

    @property
    def source_line(self) -> str:
        return self.code.splitlines()[self.line - 1].strip()


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: ``killed`` with the first message that noticed it, or a survivor."""

    mutant: Mutant
    killed: bool
    message: str = ""
    equivalent: str = ""


def mutants_of(block: Block, names: Sequence[str]) -> Iterator[Mutant]:
    """Every mutant of a block. ``names``: names assigned so far on the page, to swap with."""
    code = block.code
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = code.encode()

    def mutant(line: int, column: int, length: int, after: str) -> Mutant:
        begin = starts[line - 1] + column
        changed = (raw[:begin] + after.encode() + raw[begin + length :]).decode()
        return Mutant(block.name, line, column, raw[begin : begin + length].decode(), after, changed)

    tree = ast.parse(code)
    skip = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    in_f_string = {id(inner) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for inner in ast.walk(n)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in skip | in_f_string:
            assert node.end_col_offset is not None
            if node.lineno == node.end_lineno:
                for after in _other_literals(node.value, raw[starts[node.lineno - 1] + node.col_offset :].decode()):
                    yield mutant(node.lineno, node.col_offset, node.end_col_offset - node.col_offset, after)
        elif isinstance(node, ast.BinOp | ast.Compare | ast.BoolOp):
            yield from _operator(node, raw, starts, mutant)
        elif (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id in names
            and id(node) not in in_f_string
        ):
            others = [n for n in names if n != node.id]
            if others:
                choice = others[random.Random(f"{block.name}:{node.lineno}:{node.col_offset}").randrange(len(others))]
                yield mutant(node.lineno, node.col_offset, len(node.id.encode()), choice)


def _other_literals(value: object, source: str) -> list[str]:
    if value is None or value is Ellipsis:
        return []
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1)]
    if isinstance(value, float):
        return [repr(value * 1.5 + 0.25)]
    if isinstance(value, str) and source[0] in "\"'" and "\n" not in value and value:
        quote = source[0]
        return (
            [f"{quote}{quote}"]
            if len(value) == 1
            else [quote + value[::-1].replace("\\", "").replace(quote, "") + quote]
        )
    return []


def _operator(
    node: ast.BinOp | ast.Compare | ast.BoolOp, raw: bytes, starts: list[int], mutant: object
) -> Iterator[Mutant]:
    pairs: list[tuple[ast.expr, ast.AST, ast.expr]]
    if isinstance(node, ast.BinOp):
        pairs = [(node.left, node.op, node.right)]
    elif isinstance(node, ast.Compare):
        if len(node.ops) != 1:
            return
        pairs = [(node.left, node.ops[0], node.comparators[0])]
    else:
        pairs = [(node.values[0], node.op, node.values[1])]
    for left, op, right in pairs:
        if type(op) not in OPERATORS or left.end_lineno is None or left.end_col_offset is None:
            continue
        before, after = OPERATORS[type(op)]
        begin = starts[left.end_lineno - 1] + left.end_col_offset
        end = starts[right.lineno - 1] + right.col_offset
        found = raw.find(before.encode(), begin, end)
        if found < 0:
            continue
        line = max(i for i, s in enumerate(starts) if s <= found) + 1
        yield mutant(line, found - starts[line - 1], len(before), after)  # type: ignore[operator]  # the closure above


def _assigned(module: ast.Module) -> Iterator[str]:
    """Names that the statements of a block bind at the top level: what a swapped name can really stand for."""
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement.name
        else:
            yield from (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def choose(page: Page, count: int, seed: int, without: Collection[str] = ()) -> list[Mutant]:
    """``count`` mutants of the page, drawn without replacement; those that do not parse are left out.

    Args:
        without: blocks to leave alone.
    """
    names: set[str] = set()
    pool = []
    for block in page.blocks:
        if block.name in without:
            continue
        if block.from_toolkit:  # a session imports the toolkit's file, not the text that the page shows
            continue
        names |= set(_assigned(ast.parse(block.code)))
        for mutant in mutants_of(block, sorted(names)):
            try:
                ast.parse(mutant.code)
            except SyntaxError:
                continue
            if mutant.code != block.code:
                pool.append(mutant)
    return random.Random(seed).sample(pool, min(count, len(pool)))


def mutate(
    tree: Tree, name: str, count: int, seed: int = 0, workers: int | None = None, say: Say = silent
) -> list[Outcome]:
    """Run ``count`` mutants of a page against its record, hashes ignored.

    Raises:
        BookError: the page has no blocks or no record, or does not pass unchanged.
    """
    page = check.load_pages(tree, [name]).get(name)
    if page is None:
        raise BookError(f"{name} has no blocks to mutate")
    book_ledger, record = ledger.load(tree), records.read(tree, name)
    base = replace(check.job_of(tree, page, book_ledger), stops=True)
    chosen = choose(page, count, seed, {b.name for b in page.blocks} - {b.name for b in base.blocks})
    equivalent = _equivalent(tree)
    jobs = [replace(base, label="unchanged", limit=30.0)]
    jobs += [_with(base, mutant, str(number)) for number, mutant in enumerate(chosen)]
    outcomes: dict[str, Outcome] = {}
    for run in check.run_jobs(jobs, workers, say):
        verdicts = check.judge(tree, page, run, book_ledger, record, ignore_hashes=True)
        failed = [v for v in verdicts if v.status == "failed"]
        if run.page == "unchanged":
            if failed:
                raise BookError(f"{name} fails unchanged: {failed[0].message}")
            continue
        mutant = chosen[int(run.page)]
        reason = equivalent.get((name, mutant.block, mutant.source_line), "")
        outcomes[run.page] = Outcome(
            mutant, bool(failed), failed[0].message if failed else "", "" if failed else reason
        )
    return [outcomes[str(number)] for number in range(len(chosen))]


def _with(job: Job, mutant: Mutant, label: str) -> Job:
    blocks = tuple(BlockCode(b.name, mutant.code) if b.name == mutant.block else b for b in job.blocks)
    return replace(job, blocks=blocks, label=label, limit=30.0)


def _equivalent(tree: Tree) -> dict[tuple[str, str, str], str]:
    """tests/equivalent.toml: mutants that mean the same as the original, by page, block and mutated line."""
    path = tree.root / "tests" / "equivalent.toml"
    if not path.is_file():
        return {}
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    return {(row["page"], row["block"], row["line"]): row["reason"] for row in rows}


def report(outcomes: Sequence[Outcome]) -> tuple[str, float]:
    """What a reader of a terminal sees, and the share of non-equivalent mutants that were killed."""
    killed = [o for o in outcomes if o.killed]
    equal = [o for o in outcomes if o.equivalent]
    counted = len(outcomes) - len(equal)
    score = len(killed) / counted if counted else 1.0
    lines = []
    for outcome in outcomes:
        if not outcome.killed:
            m = outcome.mutant
            why = f"equivalent: {outcome.equivalent}" if outcome.equivalent else "NOT NOTICED by any output or assert"
            lines.append(f"survived  {m.block}:{m.line}: {m.before!r} -> {m.after!r} in `{m.source_line}`  ({why})")
    lines.append(
        f"{len(outcomes)} mutants, {len(killed)} killed, {len(outcomes) - len(killed)} survived, of these {len(equal)} equivalent: "
        f"score {score:.1%} of the non-equivalent"
    )
    return "\n".join(lines), score
