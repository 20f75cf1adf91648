"""Which public PyTorch names a block uses, seen while it runs.

The observing run executes each block after a change to its syntax tree: where the code reads an attribute, a name or an
index, calls something or applies an operator, the operand goes through a recorder that looks at its type, notes the
public name and hands the operand on. The operation itself stays where it was written, in its own frame, so that
tracebacks, warnings, ``super()`` and ``inspect`` find what they would find without it. The recorder keeps names only, no
objects, calls no operation of torch, and knows a place by the block that wrote the line, whoever runs it.

What counts:

- ``module.name`` is the name as written where it is public, else the public name of the same object (``torch.no_grad``).
- ``object.name`` is that of the most basic public class that has it: ``torch.optim.Optimizer.step``.
- Operators on tensors are functions: ``x @ y`` is torch.matmul, ``-x`` torch.neg, ``x > 0`` torch.gt; in place they are
  methods: ``x += y`` is torch.Tensor.add_. ``x[i]`` is torch.Tensor.__getitem__, ``x[i] = y`` torch.Tensor.__setitem__.
- ``abs(x)`` is torch.abs, ``len(x)`` torch.Tensor.size, ``float(x)`` torch.Tensor.item.
- Annotations and ``import`` statements use nothing; constants, dtypes, modules and other special methods are no APIs.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import importlib.abc
import importlib.machinery
import os
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from book.names import apis

if TYPE_CHECKING:
    from book.run.job import Job

TENSOR = "torch.Tensor"
NODE = "torch.autograd.graph.Node"
CONTEXT = "torch.autograd.function.FunctionCtx"
PROXY = "torch.fx.Proxy"  # stands for a tensor while torch.fx traces

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.LShift: "bitwise_left_shift",
    ast.RShift: "bitwise_right_shift",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.BitXor: "bitwise_xor",
}
UNARY: dict[type[ast.unaryop], str] = {
    ast.USub: "torch.neg",
    ast.UAdd: "torch.positive",
    ast.Invert: "torch.bitwise_not",
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "torch.eq",
    ast.NotEq: "torch.ne",
    ast.Lt: "torch.lt",
    ast.LtE: "torch.le",
    ast.Gt: "torch.gt",
    ast.GtE: "torch.ge",
}
BUILTINS: dict[str, tuple[str, ...]] = {
    "abs": ("torch.abs",),
    "pow": ("torch.pow",),
    "sum": ("torch.add",),
    "len": ("torch.Tensor.size",),
    "reversed": ("torch.flip",),
    "float": ("torch.Tensor.item",),
    "int": ("torch.Tensor.item",),
    "bool": ("torch.Tensor.item",),
    "complex": ("torch.Tensor.item",),
}
SCRIPT = "torch.jit.script"  # compiles the text of a function, whose lines then never run
GET, SET = (f"{TENSOR}.{name}" for name in ("__getitem__", "__setitem__"))
HOOK = "__book_{}__"  # ends in underscores, so that class bodies do not mangle it
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type, functools._lru_cache_wrapper)


def in_place(operator: ast.operator) -> str:
    """The name of ``x += y`` and its like. There is no matmul_: ``x @= y`` makes a new tensor."""
    name = BINARY[type(operator)]
    return "torch.matmul" if name == "matmul" else f"{TENSOR}.{name}_"


# ---- what a type is


@dataclass
class Kind:
    """What the recorder knows of a type: whether it is a tensor, its public classes (most basic first), its names."""

    tensor: bool
    classes: tuple[str, ...]
    members: dict[str, str | None] = field(default_factory=dict)


class Names:
    """Live objects, types and attributes -> public names."""

    def __init__(self, known: apis.Apis) -> None:
        self.known = known
        self._modules = 0
        self._by_id: dict[int, str] = {}
        self._kinds: weakref.WeakKeyDictionary[type, Kind] = weakref.WeakKeyDictionary()

    def of_object(self, value: object) -> str | None:
        """The public name of a function or class."""
        if self._modules != len(sys.modules):
            self._look_up()
        return self._by_id.get(id(value))

    def _look_up(self) -> None:
        """Find the listed functions and classes among the modules that are loaded by now, loading none."""
        self._modules = len(sys.modules)
        for spelling, name in self.known.canonical.items():
            if self.known.by_name[name].kind not in apis.MEMBER_KINDS:
                parent, _, last = spelling.rpartition(".")
                module = sys.modules.get(parent)
                value = None if module is None else vars(module).get(last)
                if value is not None:
                    self._by_id[id(value)] = name

    def of_module(self, module: types.ModuleType, attribute: str) -> str | None:
        """What ``module.attribute`` is called."""
        parent = module.__name__
        if parent.split(".")[0] != "torch":
            return None
        value = vars(module).get(attribute)
        if isinstance(value, types.ModuleType):
            return None
        return self.known.canonical.get(f"{parent}.{attribute}") or self.of_object(value)

    def kind(self, cls: type) -> Kind:
        try:
            kind = self._kinds.get(cls)
            if kind is None:
                kind = self._kinds[cls] = self._kind_of(_line(cls))
            return kind
        except TypeError:  # a metaclass without a hash
            return self._kind_of(_line(cls))

    def _kind_of(self, line: Sequence[type]) -> Kind:
        classes = [name for base in reversed(line) if (name := self.of_object(base)) is not None]
        if CONTEXT in classes or self._is_node(line[0]):
            classes = [NODE, CONTEXT, *(name for name in classes if name not in (NODE, CONTEXT))]
        return Kind(TENSOR in classes or PROXY in classes, tuple(classes))

    @staticmethod
    def _is_node(cls: type) -> bool:
        import torch

        return cls is getattr(torch._C._functions, cls.__name__, None)

    def member(self, kind: Kind, attribute: str) -> str | None:
        """What ``object.attribute`` is called, for an object of that kind."""
        if attribute in kind.members:
            return kind.members[attribute]
        owners = (TENSOR, *kind.classes) if kind.tensor else kind.classes
        found = next((name for owner in owners if (name := f"{owner}.{attribute}") in self.known.by_name), None)
        kind.members[attribute] = found
        return found

    def attribute(self, value: object, attribute: str) -> str | None:
        """What ``value.attribute`` is called, whatever value is."""
        cls = type(value)
        if issubclass(cls, types.ModuleType):
            return self.of_module(value, attribute)  # type: ignore[arg-type]  # just seen to be one
        if cls is super:
            line = _line(object.__getattribute__(value, "__self_class__"))
            after = line[line.index(object.__getattribute__(value, "__thisclass__")) + 1 :]
            return self.member(self._kind_of(after), attribute)
        if issubclass(cls, type):
            return self.member(self.kind(value), attribute)  # type: ignore[arg-type]  # just seen to be a class
        return self.member(self.kind(cls), attribute)

    def bound(self, value: object) -> str | None:
        """The name of a bound method such as ``x.sum``."""
        owner = getattr(value, "__self__", None)
        name = getattr(value, "__name__", None)
        if owner is None or isinstance(owner, types.ModuleType) or not isinstance(name, str):
            return None
        return self.attribute(owner, name)


def _line(cls: type) -> tuple[type, ...]:
    """The class and its bases, in the order in which attributes are looked up."""
    line: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return line


# ---- the recorder


@dataclass
class Site:
    """A place in the code: what it may use, and where that is noted.

    Attributes:
        found: the names of the block that wrote the line.
        block: its name; empty for a line that no block shows.
        attribute: the attribute that is read, set or deleted here.
        names: the operations that a tensor here takes part in.
        base: for a call, the place of the attribute that is called; for a right side, the place of its left side.
        resolved: the attribute here has a public name.
        settled: what is on the left says what the operator does: a tensor, or a list or text that grows.
    """

    found: set[str]
    block: str
    attribute: str = ""
    names: tuple[str, ...] = ()
    base: int = -1
    resolved: bool = False
    settled: bool = False


class Recorder:
    """Notes names; every method hands on its last argument untouched."""

    def __init__(self, names: Names, notes: Path) -> None:
        self.names = names
        self.sites: list[Site] = []
        self.found: dict[str, set[str]] = {}
        self._process = os.getpid()
        self._notes = notes
        self._file = os.open(notes, os.O_CREAT | os.O_RDWR | os.O_APPEND)

    def site(self, block: str, **facts: Any) -> int:
        self.sites.append(Site(self.found.setdefault(block, set()), block, **facts))
        return len(self.sites) - 1

    def read(self) -> dict[str, list[str]]:
        """Block -> its names so far, those that worker processes noted included."""
        for line in self._notes.read_text(encoding="utf-8").splitlines():
            block, name = line.split("\t")
            self.found.setdefault(block, set()).add(name)
        return {block: sorted(names) for block, names in self.found.items()}

    def note(self, site: Site, name: str | None) -> None:
        if name is not None and name not in site.found:
            site.found.add(name)
            if os.getpid() != self._process:  # a DataLoader's worker: its memory is not ours
                os.write(self._file, f"{site.block}\t{name}\n".encode())

    def is_tensor(self, value: object) -> bool:
        return self.names.kind(type(value)).tensor

    # the hooks that the changed code calls

    def base(self, number: int, value: object) -> object:
        """``value.attribute`` is about to be read, set or deleted."""
        site = self.sites[number]
        name = self.names.attribute(value, site.attribute)
        if name is not None:
            site.resolved = True
            self.note(site, name)
        if issubclass(type(value), type):
            self.note(site, self.names.of_object(value))
        return value

    def name(self, number: int, value: object) -> object:
        """A name, or what an expression gave: a public function or class?"""
        if issubclass(type(value), FUNCTIONS):
            self.note(self.sites[number], self.names.of_object(value))
        return value

    def call(self, number: int, value: object) -> object:
        """``value`` is about to be called."""
        site = self.sites[number]
        if site.base < 0 or not self.sites[site.base].resolved:
            name = self.names.of_object(value)
            if name is None and issubclass(type(value), types.MethodType | types.BuiltinMethodType):
                name = self.names.bound(value)
            self.note(site, name)
        return value

    def operand(self, number: int, value: object) -> object:
        """``value`` is an operand, or is indexed."""
        site = self.sites[number]
        if self.is_tensor(value):
            for name in site.names:
                self.note(site, name)
        return value

    def builtin(self, number: int, function: object, value: object) -> object:
        """``value`` is an argument of ``abs``, ``len`` or another builtin (unless that name means something else here)."""
        site = self.sites[number]
        if function is getattr(builtins, site.attribute):
            first = value[0] if site.attribute == "sum" and isinstance(value, list | tuple) and value else value
            if self.is_tensor(first):
                for name in site.names:
                    self.note(site, name)
        return value

    def left(self, number: int, value: object) -> object:
        """``value`` is about to be changed by an operator such as ``+=``."""
        site = self.sites[number]
        is_tensor = self.is_tensor(value)
        site.settled = is_tensor or isinstance(value, list | str)
        if is_tensor:
            self.note(site, site.names[0])
        return value

    def field(self, number: int, operation: int, value: object) -> object:
        """``value.attribute += ...``"""
        self.base(number, value)
        attribute = self.sites[number].attribute
        self.left(operation, _stored(value, attribute))
        return value

    def indexed(self, number: int, value: object) -> object:
        """``value[i] += ...``"""
        site = self.sites[number]
        site.settled = self.is_tensor(value)
        if site.settled:
            for name in (site.names[0], GET, SET):
                self.note(site, name)
        return value

    def item(self, number: int, value: object, key: object) -> None:
        """``value[key] += ...`` of a list or dict."""
        if isinstance(value, list | dict):
            container: Any = value
            with contextlib.suppress(LookupError, TypeError):  # a key that does not fit: the code itself will raise
                self.left(number, container[key])

    def right(self, number: int, value: object) -> object:
        """The right side of an operator such as ``+=``."""
        site = self.sites[number]
        if not self.sites[site.base].settled and self.is_tensor(value):
            self.note(site, site.names[0])
        return value

    HOOKS = ("base", "name", "call", "operand", "builtin", "left", "field", "indexed", "item", "right")

    def install(self, *, compiled: bool) -> None:
        """Put the hooks where changed code finds them, out of sight of ``dir()`` and ``globals()``."""
        for name in self.HOOKS:
            hook = getattr(self, name)
            setattr(builtins, HOOK.format(name), _outside_compiled_code(hook) if compiled else hook)


def _outside_compiled_code(hook: Callable[..., object]) -> Callable[..., object]:
    """The hook, invisible to torch.compile: it traces nothing but the operand being handed on."""
    import torch

    def hook_or_nothing(*arguments: object) -> object:
        if torch.compiler.is_compiling():
            return arguments[-1]
        return hook(*arguments)

    return hook_or_nothing


def _stored(value: object, attribute: str) -> object:
    """What ``value.attribute`` holds, found without running a property: reading ``.grad`` of a non-leaf would warn."""
    import torch

    if isinstance(value, torch.Tensor):
        return value if attribute in ("data", "grad", "T", "mT", "real", "imag") else None
    own: Mapping[str, object] = getattr(value, "__dict__", {})
    for place in (own, own.get("_parameters"), own.get("_buffers")):
        if isinstance(place, dict) and attribute in place:
            return place[attribute]
    return None


# ---- the change to the syntax tree


class Instrument(ast.NodeTransformer):
    """Sends operands through the recorder. ``block_of`` names the block of a line, or None: that line stays as it is."""

    def __init__(self, recorder: Recorder, block_of: Callable[[int], str | None]) -> None:
        self.recorder = recorder
        self.block_of = block_of

    def visit(self, node: ast.AST) -> Any:
        line = getattr(node, "lineno", None)
        if line is not None and not isinstance(node, ast.stmt) and self.block_of(line) is None:
            return node
        return super().visit(node)

    def _site(self, node: ast.AST, **facts: Any) -> int:
        return self.recorder.site(self.block_of(node.lineno) or "", **facts)  # type: ignore[attr-defined]  # has a line

    def _hook(self, name: str, node: ast.expr, *arguments: int | ast.expr) -> ast.expr:
        """``hook(*arguments, node)`` in the place of node."""
        given = [ast.Constant(a) if isinstance(a, int) else a for a in arguments]
        call = ast.Call(ast.Name(HOOK.format(name), ast.Load()), [*given, node], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))

    def _plain(self, node: ast.expr) -> ast.expr:
        """The changed expression; a bare name stays bare, since its reader is about to look at it."""
        return node if isinstance(node, ast.Name) else self.visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or hasattr(builtins, node.id):
            return node
        return self._hook("name", node, self._site(node))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self._read(node)
        return node

    def _read(self, node: ast.Attribute) -> int:
        """Change what stands before the dot; returns the place."""
        value = self._plain(node.value)
        if node.attr.startswith("_"):
            node.value = self.visit(value) if isinstance(value, ast.Name) else value
            return -1
        site = self._site(node, attribute=node.attr)
        node.value = self._hook("base", value, site)
        return site

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = node.func
        if isinstance(function, ast.Name) and function.id in BUILTINS:
            site = self._site(node, attribute=function.id, names=BUILTINS[function.id])
            count = 2 if function.id == "pow" else 1
            node.args = [
                self._hook("builtin", self._plain(a), site, ast.copy_location(ast.Name(function.id, ast.Load()), a))
                if i < count and not isinstance(a, ast.Starred | ast.Constant)
                else self.visit(a)
                for i, a in enumerate(node.args)
            ]
        else:
            if isinstance(function, ast.Attribute):
                base = self._read(function)
                node.func = self._hook("call", function, self._site(node, base=base))
            elif not (isinstance(function, ast.Name) and hasattr(builtins, function.id)):
                node.func = self._hook("call", self._plain(function), self._site(node))
            node.args = [self.visit(a) for a in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def _operand(self, node: ast.expr, names: Iterable[str]) -> ast.expr:
        wanted = tuple(names)
        if isinstance(node, ast.Constant) or not wanted:
            return self.visit(node)  # type: ignore[no-any-return]
        return self._hook("operand", self._plain(node), self._site(node, names=wanted))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        formats = isinstance(node.op, ast.Mod) and isinstance(node.left, ast.JoinedStr | ast.Constant)
        names = () if formats and not _is_number(node.left) else (f"torch.{BINARY[type(node.op)]}",)
        node.left, node.right = self._operand(node.left, names), self._operand(node.right, names)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        name = UNARY.get(type(node.op))
        node.operand = self._operand(node.operand, (name,) if name else ())
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        names = [COMPARED.get(type(op)) for op in node.ops]
        beside = zip([None, *names], [*names, None], strict=True)
        operands = [
            self._operand(operand, dict.fromkeys(name for name in pair if name))
            for operand, pair in zip([node.left, *node.comparators], beside, strict=True)
        ]
        node.left, node.comparators = operands[0], operands[1:]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        names = {ast.Load: (GET,), ast.Store: (SET,)}.get(type(node.ctx), ())
        node.value = self._operand(node.value, names)
        node.slice = self.visit(node.slice)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        if self.block_of(node.lineno) is None:
            return node
        target, before = node.target, None
        site = self._site(node, names=(in_place(node.op),))
        if isinstance(target, ast.Name):
            before = self._hook("left", ast.copy_location(ast.Name(target.id, ast.Load()), target), site)
        elif isinstance(target, ast.Attribute):
            read = self._site(target, attribute=target.attr)
            target.value = self._hook("field", self._plain(target.value), read, site)
        else:
            if isinstance(target.value, ast.Name) and isinstance(target.slice, ast.Name | ast.Constant):
                container = ast.copy_location(ast.Name(target.value.id, ast.Load()), target)
                before = self._hook("item", target.slice, site, container)
            else:
                target.slice = self.visit(target.slice)
            target.value = self._hook("indexed", self._plain(target.value), site)
        if isinstance(node.value, ast.Constant):
            value: ast.expr = node.value
        else:
            right = self._site(node, names=(f"torch.{BINARY[type(node.op)]}",), base=site)
            value = self._hook("right", self._plain(node.value), right)
        node.value = value
        return [node] if before is None else [ast.copy_location(ast.Expr(before), node), node]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        node.target = self.visit(node.target)
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        returns, node.returns = node.returns, None
        node = self.generic_visit(node)  # type: ignore[assignment]  # generic_visit returns the node that it is given
        node.returns = returns
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        node.guard = None if node.guard is None else self.visit(node.guard)
        module = ast.Module(node.body, [])
        node.body = self.generic_visit(module).body  # type: ignore[attr-defined]
        return node

    def visit_TypeAlias(self, node: ast.AST) -> ast.AST:
        return node


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex)


# ---- names read from the code, where running it with hooks changes what it prints


class Reader(ast.NodeVisitor):
    """Names that the code of a block spells, its expressions resolved against the live objects after the block."""

    def __init__(self, names: Names, namespace: Mapping[str, Any]) -> None:
        self.names = names
        self.namespace = namespace
        self.tensor = names.kind(_torch().Tensor)
        self.found: set[str] = set()
        self.local: set[str] = set()

    def value(self, node: ast.expr) -> object:
        """The live module, class or function that an expression names, or None."""
        if isinstance(node, ast.Name):
            return None if node.id in self.local else self.namespace.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.value(node.value)
            if isinstance(base, types.ModuleType | type):
                return vars(base).get(node.attr)
        return None

    def kind(self, node: ast.expr) -> Kind | None:
        """What an expression gives, as far as its code tells."""
        if isinstance(node, ast.Name):
            value = self.value(node)
            return None if value is None else self.names.kind(type(value))
        if isinstance(node, ast.Call):
            made = self.value(node.func)
            if isinstance(made, type):
                return self.names.kind(made)
            if made is not None:
                return self.tensor if self.names.of_object(made) else None
            inner = self.kind(node.func.value) if isinstance(node.func, ast.Attribute) else None
            return self.tensor if inner is not None and inner.tensor else None
        if isinstance(node, ast.BinOp | ast.Compare):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.left, *node.comparators)
            return next((k for side in sides if (k := self.kind(side)) is not None and k.tensor), None)
        if isinstance(node, ast.UnaryOp):
            return self.kind(node.operand)
        if isinstance(node, ast.Subscript):
            inner = self.kind(node.value)
            return inner if inner is not None and inner.tensor else None
        return None

    def note(self, name: str | None) -> None:
        if name is not None:
            self.found.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            value = self.value(node)
            self.note(self.names.of_object(value) if isinstance(value, FUNCTIONS) else None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = self.value(node.value)
        if isinstance(base, types.ModuleType | type):
            self.note(self.names.attribute(base, node.attr))
        else:
            kind = self.kind(node.value)
            if kind is not None:
                self.note(self.names.member(kind, node.attr))
            elif not any(hasattr(common, node.attr) for common in (str, list, dict, set)):
                self.note(self.names.member(self.tensor, node.attr))  # most likely: the code is about tensors
        self.visit(node.value)

    def _operation(self, name: str | None, *operands: ast.expr) -> None:
        if any((kind := self.kind(operand)) is not None and kind.tensor for operand in operands):
            self.note(name)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._operation(f"torch.{BINARY[type(node.op)]}", node.left, node.right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self._operation(UNARY.get(type(node.op)), node.operand)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for op in node.ops:
            self._operation(COMPARED.get(type(op)), node.left, *node.comparators)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._operation({ast.Load: GET, ast.Store: SET}.get(type(node.ctx)), node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._operation(in_place(node.op), node.target)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        for part in (node.target, node.value):
            if part is not None:
                self.visit(part)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        every = node.args
        arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
        stored = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        before, self.local = self.local, self.local | {a.arg for a in arguments if a is not None} | set(stored)
        if not isinstance(node, ast.Lambda):
            node.returns = None
        self.generic_visit(node)
        self.local = before

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function


def _torch() -> Any:
    import torch

    return torch


# ---- the child's side


class Observer:
    """What the kernel needs: change a block's tree before it runs, read a block's names after it ran."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.names = Names(apis.load())
        self.recorder = Recorder(self.names, folder / "names")
        self.plain = job.plain
        self.compiled = job.compiled
        self.recorder.install(compiled=job.compiled)
        if not job.compiled:
            _run_eagerly()
        shown: dict[Path, list[tuple[range, str]]] = {}
        for block in job.blocks:
            if block.shows is not None:
                file, first, last = block.shows
                shown.setdefault(Path(job.root, file), []).append((range(first, last + 1), block.name))
        if shown:
            sys.meta_path.insert(0, _ShownFiles(self.recorder, shown))

    def change(self, tree: ast.Module, block: str) -> ast.Module:
        """The block's tree as it is to run."""
        self.recorder.found.setdefault(block, set())
        if block in self.plain:
            return tree
        changed: ast.Module = Instrument(self.recorder, lambda _: block).visit(tree)
        return ast.fix_missing_locations(changed)

    def after(self, code: str, block: str, namespace: Mapping[str, Any]) -> None:
        """Read the names from the code where hooks saw nothing, or not all (compiled functions)."""
        if block in self.plain or self.compiled or SCRIPT in self.recorder.found[block]:
            reader = Reader(self.names, namespace)
            reader.visit(ast.parse(code))
            self.recorder.found[block] |= reader.found

    def read(self) -> dict[str, list[str]]:
        return self.recorder.read()


def _run_eagerly() -> None:
    """Let torch.compile hand back what it is given, so that its lines run and are seen."""
    os.environ["TORCH_COMPILE_DISABLE"] = "1"
    config = sys.modules.get("torch._dynamo.config")
    if config is not None:
        config.disable = True  # type: ignore[attr-defined]  # a module that makes its settings at run time


class _ShownFiles(importlib.abc.MetaPathFinder):
    """Imports the toolkit files that the page shows with hooks in the lines shown."""

    def __init__(self, recorder: Recorder, shown: Mapping[Path, list[tuple[range, str]]]) -> None:
        self.recorder = recorder
        self.shown = shown

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith("snippets."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or Path(spec.origin) not in self.shown:
            return None
        spec.loader = _ShownLoader(fullname, spec.origin, self.recorder, self.shown[Path(spec.origin)])
        return spec


class _ShownLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, recorder: Recorder, lines: list[tuple[range, str]]) -> None:
        super().__init__(name, path)
        self._recorder = recorder
        self._lines = lines

    def get_code(self, fullname: str) -> types.CodeType:
        """From the source, never from a cache of another run."""
        tree = ast.parse(self.get_data(self.path), self.path)
        changed = Instrument(self._recorder, self._block_of).visit(tree)
        return compile(ast.fix_missing_locations(changed), self.path, "exec", dont_inherit=True)

    def _block_of(self, line: int) -> str | None:
        return next((block for lines, block in self._lines if line in lines), None)
