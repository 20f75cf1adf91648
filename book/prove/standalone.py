"""The smallest program that runs one block alone, proven by running it.

A program is the block plus those earlier statements of its page that it stands on. Which ones those are cannot be
known from the text alone (any call may change what it is given), so there are several guesses, from lean to generous,
and the first whose run prints what the record shows is taken. The last guess is everything above the block.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import check, compare
from book.prove.bindings import stored
from book.prove.check import Say, silent
from book.prove.distinct import distinct
from book.record.outputs import printed
from book.record.records import DATA_PACKAGES, Cell
from book.run.child import OPEN_FIGURE, SEEDERS, silenced
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import Sessions
from book.source.ledger import Ledger
from book.source.pages import Block, Page
from book.source.shown import HTML, PLAIN, form

# Methods that change their object although their name does not end in an underscore.
MUTATORS = {
    "add", "add_module", "add_param_group", "append", "backward", "clear", "cuda", "double", "eval", "extend", "float",
    "half", "insert", "load_state_dict", "pop", "register_buffer", "register_parameter", "remove", "retain_grad", "reverse", "seed",
    "manual_seed", "set", "sort", "step", "to", "train", "update", "zero_grad", "register_hook", "register_forward_hook",
    "register_post_accumulate_grad_hook", "add_trial", "enqueue_trial", "optimize", "tell",
}  # fmt: skip
FILE = re.compile(r"[\w./-]*\w\.(?=\w*[a-z])\w{1,8}")  # a text that is the name of a file, and not a number
PROVER = 1  # raise it when programs change: they are then proven anew
LEAN, CALLS, ALL = "lean", "calls", "all"
GUESSES = (LEAN, CALLS, ALL)
DISPLAY = "from IPython.display import display\n\ndisplay({})"  # of a value that is no text: a picture, a formula


@dataclass(frozen=True)
class Program:
    """A program for one block.

    Attributes:
        text: the whole program.
        guess: which guess was proven: ``lean``, ``calls`` or ``all`` (the fallback).
        lines: lines of code in it, blank ones not counted.
        full: lines of code of the full prefix with the block, for comparison.
    """

    block: str
    text: str
    guess: str
    lines: int
    full: int


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a page, with what it takes and gives."""

    block: str
    source: str
    node: ast.stmt
    source_start: int = 0  # lines of comments above the statement's first line

    @cached_property
    def defines(self) -> frozenset[str]:
        """Names it binds, perhaps."""
        return frozenset(stored(self.node))

    @cached_property
    def surely_defines(self) -> frozenset[str]:
        """Names it binds whatever happens."""
        if isinstance(self.node, ast.If | ast.For | ast.While | ast.Try | ast.AugAssign | ast.Delete):
            return frozenset()
        return self.defines

    @cached_property
    def uses(self) -> frozenset[str]:
        """Names it reads that it has not bound itself before."""
        reader = _Reader(set())
        reader.visit(self.node)
        return frozenset(reader.free) | self.files

    @cached_property
    def changes(self) -> frozenset[str]:
        """Names whose objects it plainly changes."""
        return frozenset(_changed(self.node)) | self.files

    @cached_property
    def files(self) -> frozenset[str]:
        """Files that it names as it writes or reads them, such as ``digits.pt``: who reads one needs who wrote it."""
        if not any(isinstance(node, ast.Call) for node in ast.walk(self.node)):
            return frozenset()
        texts = (n.value for n in ast.walk(self.node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        return frozenset(text for text in texts if FILE.fullmatch(text))

    @cached_property
    def touches(self) -> frozenset[str]:
        """Names whose objects it hands to a call or calls a method of: they may be changed."""
        return frozenset(_touched(self.node))

    @cached_property
    def quiet(self) -> str:
        """Its source without the ``print(...)`` lines inside: in another block's program they would only add noise."""
        lines = self.source.splitlines()
        first = self.node.lineno - min(
            [self.node.lineno, *(d.lineno for d in getattr(self.node, "decorator_list", []))]
        )
        shift = self.source_start - first
        for body in _bodies(self.node):
            silent_ones = [n for n in body if isinstance(n, ast.Expr) and _prints(n.value)]
            for node in silent_ones:
                assert node.end_lineno is not None
                begin, end = node.lineno - self.node.lineno, node.end_lineno - self.node.lineno
                indent = " " * node.col_offset
                for index in range(begin + shift + first, end + shift + first + 1):
                    lines[index] = "\0"
                if len(silent_ones) == len(body) and node is body[-1]:
                    lines[begin + shift + first] = f"{indent}pass"
        return "\n".join(line for line in lines if line != "\0")

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def seeds(self) -> bool:
        """``torch.manual_seed(0)``: later statements of its block may draw."""
        if not isinstance(self.node, ast.Expr) or not isinstance(self.node.value, ast.Call):
            return False
        called = self.node.value.func
        return (
            isinstance(called, ast.Attribute)
            and called.attr in SEEDERS
            and _root(called) in ("torch", "np", "numpy", "random")
        )

    def sets_global_state(self, modules: Set[str]) -> bool:
        """``torch.set_printoptions(...)`` and the like, of one of ``modules``: it changes what every later block sees."""
        if not isinstance(self.node, ast.Expr) or not isinstance(self.node.value, ast.Call):
            return False
        called = self.node.value.func
        return (
            isinstance(called, ast.Attribute) and called.attr.startswith(("set_", "use_")) and _root(called) in modules
        )


def statements(block: Block | BlockCode) -> list[Statement]:
    """A block's top-level statements with their own source text, comments above them included."""
    lines = block.code.splitlines()
    found: list[Statement] = []
    at = 0
    for node in ast.parse(block.code).body:
        own = first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        while first > at and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        assert node.end_lineno is not None
        if found and first < at:  # a second statement on one line: keep them together
            own = first = at
        found.append(Statement(block.name, "\n".join(lines[first : node.end_lineno]), node, own - first))
        at = node.end_lineno
    return found


class _Reader(ast.NodeVisitor):
    """Names that code reads before it binds them, followed in the order in which Python runs it."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.free: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bound.add(node.id)
        elif node.id not in self.bound:
            self.free.add(node.id)

    def _ordered(self, *parts: ast.AST | Sequence[ast.AST] | None) -> None:
        for part in parts:
            for node in [part] if isinstance(part, ast.AST) else part or ():
                self.visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._ordered(node.value, node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._ordered(node.annotation, node.value, node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id not in self.bound:
            self.free.add(node.target.id)
        self._ordered(node.value, node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._ordered(node.value, node.target)

    def visit_For(self, node: ast.For) -> None:
        self._ordered(node.iter, node.target, node.body, node.orelse)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bound.update(stored(node))

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._ordered(node.type)
        if node.name:
            self.bound.add(node.name)
        self._ordered(node.body)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        inner = _Reader(set(self.bound))
        for clause in node.generators:
            inner._ordered(clause.iter, clause.target, clause.ifs)
        inner._ordered(*([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]))
        self.free |= inner.free

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        self._ordered(
            getattr(node, "decorator_list", None), arguments.defaults, [d for d in arguments.kw_defaults if d]
        )
        self._ordered([a.annotation for a in ast.walk(arguments) if isinstance(a, ast.arg) and a.annotation])
        self._ordered(getattr(node, "returns", None))
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        local = {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)} | {
            name for n in body for name in stored(n)
        }
        if not isinstance(node, ast.Lambda):
            self.bound.add(node.name)
        inner = _Reader(local | self.bound)
        inner._ordered(body)
        self.free |= inner.free

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._ordered(node.decorator_list, node.bases, [k.value for k in node.keywords])
        inner = _Reader({*self.bound, node.name})
        inner._ordered(node.body)
        self.free |= inner.free
        self.bound.add(node.name)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements that runs when a statement runs: not those inside functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body:
            yield body
    for inner in ast.iter_child_nodes(node):
        yield from _bodies(inner)


def _root(node: ast.AST) -> str | None:
    """``x`` for ``x``, ``x.grad``, ``x[0].data`` and ``x.view(3)``."""
    while True:
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node.id if isinstance(node, ast.Name) else None


def _changed(statement: ast.AST) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            yield from filter(None, [_root(node)])
        elif isinstance(node, ast.AugAssign):
            yield from filter(None, [_root(node.target)])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in MUTATORS or (name.endswith("_") and not name.endswith("__")):
                yield from filter(None, [_root(node.func)])
                if name.endswith("_"):  # nn.init.zeros_(w), torch.relu_(x)
                    yield from filter(None, [_root(a) for a in node.args])
            yield from filter(None, [_root(k.value) for k in node.keywords if k.arg == "out"])


def _called_for_effect(statement: ast.AST, changers: set[str]) -> Iterator[str]:
    """What ``train(model, loader)``, a call for its effect, changes: its arguments, if the function changes a parameter."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if isinstance(call.func, ast.Name) and call.func.id in changers:
            yield from filter(None, [_root(a) for a in [*call.args, *(k.value for k in call.keywords)]])


def _changers(earlier: Sequence[Statement]) -> set[str]:
    """Functions of the page that plainly change one of their parameters."""
    found = set()
    for statement in earlier:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.FunctionDef):
                parameters = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
                if parameters & {name for body in node.body for name in _changed(body)}:
                    found.add(node.name)
    return found


def _touched(statement: ast.AST) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            yield from filter(
                None, [_root(node.func), *(_root(a) for a in node.args), *(_root(k.value) for k in node.keywords)]
            )


def slice_for(earlier: Sequence[Statement], block: Sequence[Statement], guess: str) -> list[Statement]:
    """The earlier statements that a block stands on, in order, after one of ``GUESSES``."""
    if guess == ALL:
        return list(earlier)
    defined = {name for s in earlier for name in s.defines}
    functions = {name for s in earlier if isinstance(s.node, ast.FunctionDef | ast.ClassDef) for name in s.defines}
    modules = {name for s in [*earlier, *block] if s.is_import for name in s.defines} | (set(dir(builtins)) - defined)
    reader = _Reader(set())
    for statement in block:
        reader.visit(statement.node)
    sources = _sources(earlier, modules)
    changers = _changers(earlier)
    needed = set(reader.free).union(*(statement.files for statement in block))
    while True:
        taken = _taken(earlier, needed, guess, modules, functions, sources, changers)
        # A function may use what is defined below it: look for that from the end too.
        late = {
            name
            for index in taken
            if isinstance(earlier[index].node, ast.FunctionDef | ast.ClassDef)
            for name in earlier[index].uses
            if any(name in earlier[later].defines for later in range(index + 1, len(earlier)))
        }
        if late <= needed:
            break
        needed |= late
    drawing = {earlier[i].block: max(j for j in taken if earlier[j].block == earlier[i].block) for i in taken}
    seeds = [i for i, s in enumerate(earlier) if s.seeds and i < drawing.get(s.block, -1)]
    named = [j for i in seeds for j in range(i) if earlier[j].is_import and earlier[j].defines & earlier[i].uses]
    return [earlier[i] for i in sorted({*taken, *seeds, *named})]


def _taken(
    earlier: Sequence[Statement],
    names: Set[str],
    guess: str,
    modules: Set[str],
    functions: Set[str],
    sources: Sequence[dict[str, set[str]]],
    changers: set[str],
) -> list[int]:
    """Places of the statements that give ``names`` their values, the last ones first."""
    needed = set(names)
    taken: list[int] = []
    for index in range(len(earlier) - 1, -1, -1):
        statement = earlier[index]
        effects = (
            statement.changes
            | set(_called_for_effect(statement.node, changers))
            | (statement.touches if guess != LEAN else frozenset())
        )
        reached = {name for effect in effects for name in sources[index].get(effect, {effect})} - modules - functions
        if statement.defines & needed or reached & needed or statement.sets_global_state(modules):
            taken.append(index)
            needed = (needed - statement.surely_defines) | statement.uses
    return taken


def _sources(earlier: Sequence[Statement], modules: set[str]) -> list[dict[str, set[str]]]:
    """Before each statement: name -> the names whose objects it was made from, itself included.

    ``loss = f(model(x))``, then ``loss.backward()`` changes what ``model`` holds.
    """
    known: dict[str, set[str]] = {}
    result = []
    for statement in earlier:
        result.append(dict(known))
        made_from = {source for name in statement.uses - modules for source in known.get(name, {name})}
        if isinstance(statement.node, ast.FunctionDef | ast.ClassDef) or statement.is_import:
            made_from = set()
        for name in statement.defines:
            known[name] = {name} | made_from
    return result


def _is_bare_tuple(expression: str) -> bool:
    """``a, b``, which ``print(a, b)`` would take for two things to print."""
    call = ast.parse(f"f({expression})", mode="eval").body
    return isinstance(call, ast.Call) and len(call.args) > 1


def program_text(
    page: str,
    block: Block,
    taken: Sequence[Statement],
    show: str = "print({})",
    inline: Callable[[str], str] | None = None,
) -> str:
    """The program: imports, the statements taken, the block, its last expression printed.

    Args:
        page: for the first line, which says where the program is from.
        block: the block.
        taken: earlier statements, in order.
        show: how the last expression is printed.
        inline: gives the source of a toolkit import (module and names) in place of the import itself.
    """
    own = statements(block)
    imports: dict[str, None] = {}
    body: list[str] = []
    for statement in taken:
        if statement.is_import:
            imports[statement.source.strip()] = None
        else:
            body.append(statement.quiet)
    code = block.code.rstrip("\n")
    code_lines = code.splitlines()
    last = own[-1].node if own else None
    if isinstance(last, ast.Expr) and not _prints(last.value) and not silenced(code):
        assert last.end_lineno is not None
        expression = ast.get_source_segment(block.code, last.value)
        if isinstance(last.value, ast.Tuple) and _is_bare_tuple(expression or ""):
            expression = f"({expression})"
        tail = "\n".join(code_lines[last.end_lineno - 1 :])[_end_column(code_lines, last) :].strip()
        code_lines[last.lineno - 1 :] = [*show.format(expression).splitlines()]
        if tail:
            code_lines[-1] += f"  {tail}"
    leading = [s.source.strip() for s in own if s.is_import]
    text = "\n".join(code_lines) + "\n"  # the last line may be an import
    for source in leading:
        text = text.replace(source + "\n", "", 1)
        imports[source] = None
    needed_names = {n for s in [*taken, *own] if not s.is_import for n in s.uses}
    lines = [line for line in imports if _import_needed(line, needed_names)]
    if inline is not None:
        whole = "\n".join(inline(line) if "snippets.toolkit" in line else line for line in lines)
        lines = distinct(whole).split("\n")
    head = f"# {page}: {block.name} (Runnable PyTorch)"
    parts = [head, "\n".join(lines), "\n".join(body), text.strip("\n")]
    return re.sub(r"\n{4,}", "\n\n\n", "\n\n".join(part for part in parts if part)) + "\n"


def _end_column(lines: list[str], node: ast.stmt) -> int:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode())


def _prints(node: ast.expr) -> bool:
    """Whether the value of a last expression is nothing to show: a call of print, display or plt.show."""
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    return name in ("print", "display") or name.startswith("plt.")


def _import_needed(line: str, names: set[str]) -> bool:
    node = ast.parse(line).body[0]
    return (isinstance(node, ast.ImportFrom) and node.module == "__future__") or bool(set(stored(node)) & names)


def prove(
    tree: Tree,
    page: Page,
    outputs: Mapping[str, Sequence[dict[str, Any]]],
    book_ledger: Ledger,
    names: Sequence[str] | None = None,
    *,
    workers: int | None = None,
    say: Say = silent,
    sessions: Sessions | None = None,
) -> dict[str, Program]:
    """Find and prove the program of every block of a page.

    Args:
        tree: the checkout.
        page: the page.
        outputs: block name -> recorded outputs, which each program must reproduce.
        book_ledger: for tolerances and expected exceptions.
        names: the blocks to prove (default: all).
        sessions: a warm parent to use instead of a new one.

    Raises:
        BookError: not even everything above a block reproduces its record (the block is not deterministic).
    """
    proven: dict[str, Program] = {}
    showing = {name for name, made in outputs.items() if _shows(made)}
    waiting = {
        b.name: list(_candidates(tree, page, b, book_ledger, showing))
        for b in page.blocks
        if names is None or b.name in names
    }
    while waiting:
        tries = {name: options[0] for name, options in waiting.items()}
        jobs = [_job(tree, page.name, name, text, book_ledger, name) for name, (_, text) in tries.items()]
        for run in check.run_jobs(jobs, workers, say, sessions):
            name = run.page
            guess, text = tries[name]
            result = run.results[0] if run.results else None
            if differs(page.name, name, guess, outputs[name], result, book_ledger) is None:
                proven[name] = _program(page, page.block(name), guess, text, book_ledger, showing)
                del waiting[name]
                continue
            waiting[name].pop(0)
            if not waiting[name]:
                raise BookError(
                    f'{page.path}:{page.block(name).line}: block "{name}" cannot be reproduced by a program of its own'
                )
    return proven


def still_first(
    tree: Tree,
    page: Page,
    outputs: Mapping[str, Sequence[dict[str, Any]]],
    book_ledger: Ledger,
    known: Mapping[str, Mapping[str, Any]],
) -> dict[str, Program]:
    """Of programs that were proven before, those that ``prove`` would try first: running them again would tell nothing new.

    A program that imports a data package is none of these, since its text does not tell that package's version.

    Args:
        outputs: block name -> recorded outputs, which each program printed when it was proven.
        known: block name -> its record's program.
    """
    found = {}
    showing = {name for name, made in outputs.items() if _shows(made)}
    for block in page.blocks:
        program = known.get(block.name)
        if program and not any(package in program["text"] for package in DATA_PACKAGES):
            guess, text = next(_candidates(tree, page, block, book_ledger, showing))
            if (guess, text) == (program["guess"], program["text"]):
                found[block.name] = _program(page, block, guess, text, book_ledger, showing)
    return found


def _program(page: Page, block: Block, guess: str, text: str, book_ledger: Ledger, showing: set[str]) -> Program:
    """A proven program, with its length and that of everything above its block."""
    full = program_text(page.name, _as_run(block), _above(page, block, book_ledger, showing))
    return Program(block.name, text, guess, _count(text), _count(full))


def differs(
    page: str,
    name: str,
    guess: str,
    outputs: Sequence[dict[str, Any]],
    result: BlockResult | None,
    book_ledger: Ledger,
) -> str | None:
    """Why a program's run is not what its block's record shows, or None if it is.

    Args:
        guess: which guess the program is; for ``all`` only the end of what it prints counts.
        outputs: the block's recorded outputs.
        result: the program's run, as the only block of a page; None when its process died.
    """
    expects = book_ledger.get("raises", page, name) is not None
    if result is None:
        return "its process ended early"
    if result.failure and not expects and result.failure != OPEN_FIGURE:
        return result.failure
    if (result.error is not None) != expects:
        return "it ends without the expected exception" if expects else f"it raises {result.error}"
    printed, wanted = as_printed(result.outputs), as_printed(outputs)
    if guess == ALL:  # what the blocks above print stands before what this block prints
        printed = printed[-len(wanted) :] if wanted else []
        printed[:1] = [_tail(printed[0], wanted[0])] if printed else []
    differences = compare.outputs(wanted, printed, check.tolerance_of(book_ledger, page, name))
    return str(differences[0]) if differences else None


def rerun(
    tree: Tree,
    chosen: Sequence[tuple[str, Cell]],
    book_ledger: Ledger,
    sessions: Sessions | None = None,
    workers: int | None = None,
) -> Iterator[tuple[str, str, str | None]]:
    """Run recorded programs anew, each in a fork of the warm parent.

    Args:
        chosen: (page, recorded block) of each program to run.

    Yields:
        Page, block, and why the program no longer prints what the record shows, or None.
    """
    cells = {f"{page}:{cell.name}": (page, cell) for page, cell in chosen}
    jobs = [job(tree, page, cell, book_ledger, label) for label, (page, cell) in cells.items()]
    for run in check.run_jobs(jobs, workers, sessions=sessions):
        page, cell = cells[run.page]
        result = run.results[0] if run.results else None
        yield page, cell.name, differs(page, cell.name, cell.program["guess"], cell.outputs, result, book_ledger)


def job(tree: Tree, page: str, cell: Cell, book_ledger: Ledger, label: str) -> Job:
    """A recorded program, to be run as the only block of a page."""
    return _job(tree, page, cell.name, cell.program["text"], book_ledger, label)


def _candidates(
    tree: Tree, page: Page, block: Block, book_ledger: Ledger, showing: set[str]
) -> Iterator[tuple[str, str]]:
    """Programs to try for a block, leanest first, each text once. ``showing``: blocks whose last expression has a value."""
    above = _above(page, block, book_ledger, showing)
    block = _as_run(block)
    own = statements(block)
    seen = set()
    for guess in GUESSES:
        taken = slice_for(above, own, guess)
        for show in ("print({})", "print(repr({}))", DISPLAY) if block.name in showing else ("{}",):
            text = program_text(page.name, block, taken, show, lambda line: inline_toolkit(tree, line))
            if text not in seen:
                seen.add(text)
                yield guess, text


def _as_run(block: Block) -> Block:
    """The block; an app as what writes its file, for its program does not run it."""
    return replace(block, code=block.run_code) if block.is_app else block


def _above(page: Page, block: Block, book_ledger: Ledger, showing: set[str]) -> list[Statement]:
    """All statements above a block, but for those that raised an expected exception, only showed something or need a GPU."""
    found: list[Statement] = []
    for other in page.blocks:
        if other.name == block.name:
            break
        if book_ledger.device(page.name, other.name):
            continue
        own = statements(BlockCode(other.name, other.run_code))
        if book_ledger.get("raises", page.name, other.name) or other.name in showing:
            own = own[:-1]
        found += [s for s in own if not (isinstance(s.node, ast.Expr) and _only_shows(s.node.value))]
    return found


def _only_shows(node: ast.expr) -> bool:
    return not isinstance(node, ast.Call | ast.Await | ast.Yield) or _prints(node)


def _count(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _job(tree: Tree, page: str, name: str, text: str, book_ledger: Ledger, label: str) -> Job:
    raising = frozenset([name]) if book_ledger.get("raises", page, name) else frozenset[str]()
    return Job(page, (BlockCode(name, text),), str(tree.root), check.LIMIT, None, raising, label=label)


def _tail(printed: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The end of a printed text, as long as what is wanted."""
    if printed["output_type"] != "stream" or wanted["output_type"] != "stream":
        return printed
    return {**printed, "text": ending(printed["text"], wanted["text"])}


def ending(printed: str, wanted: str) -> str:
    """The end of ``printed``, as long as ``wanted``: what the blocks above print stands before it."""
    return printed[-len(wanted) :]


def _shows(outputs: Sequence[dict[str, Any]]) -> bool:
    return any(output["output_type"] == "execute_result" for output in outputs)


def as_printed(outputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs as a program's terminal shows them: values as printed text, places in warnings without line numbers."""
    shown: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "error":
            shown.append(dict(output))
        elif output["output_type"] == "stream":
            shown.append({**output, "text": one_line(re.sub(r"\.py:\d+:", ".py:", printed(output)))})
        elif form(output["data"]) not in (PLAIN, HTML):
            shown.append({**output, "output_type": "display_data"})
        else:
            shown.append({"output_type": "stream", "name": "stdout", "text": one_line(printed(output))})
    return shown


def one_line(text: str) -> str:
    """White space folded: IPython breaks long lists over lines, print does not."""
    return re.sub(r"([\[({]) ", r"\1", re.sub(r"\s+", " ", text)).strip() + " "


def inline_toolkit(tree: Tree, line: str) -> str:
    """``from snippets.toolkit.losses import FocalLoss`` -> the source of what it names and of what that stands on."""
    node = ast.parse(line).body[0]
    if not isinstance(node, ast.ImportFrom) or not node.module:
        return line
    path = tree.root.joinpath(*node.module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise BookError(f"{line}: there is no {tree.relative(path)}")
    code = "\n".join(text for text in path.read_text(encoding="utf-8").splitlines() if "--8<--" not in text) + "\n"
    pieces = statements(BlockCode(node.module, code))
    needed = {alias.name for alias in node.names}
    while True:  # a function may use what is defined below it
        taken = [piece for piece in pieces if piece.defines & needed]
        more = {name for piece in taken for name in piece.uses} - needed
        if not more:
            break
        needed |= more
    sources = [inline_toolkit(tree, p.source) if "snippets.toolkit" in p.source else p.source for p in taken]
    renamed = [f"{alias.asname} = {alias.name}" for alias in node.names if alias.asname]
    return "\n\n".join([*sources, *renamed])
