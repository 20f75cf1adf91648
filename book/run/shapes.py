"""Which tensors each line of a block binds or returns: shape, dtype and, off the CPU, the device.

The block's syntax tree gets a call behind each statement; the call notes and gives back what it was given, and keeps no
tensor. A line that runs more than once, in a loop or in a function, keeps what its first and its last pass had.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

NOTE = "__book_shape__"  # the name of the call; among the builtins, so that no namespace of a page shows it
DEEP = 3  # levels of tuples, lists, dicts and dataclasses that are looked into
WIDE = 4  # entries of one that are told
OFTEN = 500  # passes of a line after which only tensors themselves are noted, not what lies in lists

Note = Any  # of a tensor (shape, dtype, device); of a nest (kind, length, ((key, note), ...)); None for anything else


class Shapes:
    """Notes of one page, block by block."""

    def __init__(self) -> None:
        import torch

        self._tensor, self._plain = torch.Tensor, (torch.Tensor, torch.nn.Parameter)
        self._modes, self._unseen = torch._C._len_torch_function_stack, torch._C.DisableTorchFunction
        self._compiling = torch.compiler.is_compiling
        self._passes: dict[tuple[int, str], int] = {}
        self._first: dict[tuple[int, str], Note] = {}
        self._last: dict[tuple[int, str], Note] = {}
        setattr(builtins, NOTE, self._note)

    def change(self, tree: ast.Module) -> ast.Module:
        """The block with calls that note."""
        changed: ast.Module = ast.fix_missing_locations(_Noting().visit(tree))
        return changed

    def read(self, offset: int, count: int) -> dict[int, list[str]]:
        """Line of the block, from 1 -> name, a space and what it is (no name: the space first).

        Args:
            offset: lines of the page's script above the block.
            count: lines of the block.
        """
        lines: dict[int, list[str]] = {}
        for (line, name), first in self._first.items():
            text = _told(first, self._last[line, name]) if offset < line <= offset + count else ""
            if text and f"{name} {text}" not in lines.get(line - offset, []):
                lines.setdefault(line - offset, []).append(f"{name} {text}")
        return dict(sorted(lines.items()))

    def _note(self, line: int, name: str, value: Any) -> Any:
        if self._compiling():  # a function that is being compiled is no pass of its lines
            return value
        key = line, name
        passes = self._passes[key] = self._passes.get(key, 0) + 1
        note = self._look(value, 0 if passes <= OFTEN else DEEP)
        if note is not None or passes == 1:
            self._first.setdefault(key, note)
            self._last[key] = note
            if self._first[key] is None:
                self._first[key] = note
        return value

    def _look(self, value: Any, depth: int) -> Note:
        if isinstance(value, self._tensor):
            try:
                if type(value) in self._plain and not self._modes():
                    return _facts(value)
                with self._unseen():  # a mode or a subclass that counts calls doesn't count ours
                    return _facts(value)
            except Exception:  # a subclass that has no shape of its own, or one that is not ready
                return None
        if depth >= DEEP:
            return None
        entries = _entries(value)
        if entries is None:
            return None
        kind, length, some = entries
        notes = tuple((key, self._look(one, depth + 1)) for key, one in some)
        return (kind, length, notes) if any(note is not None for _, note in notes) else None


def _facts(tensor: Any) -> Note:
    return tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), tensor.device.type


def _entries(value: Any) -> tuple[str, int, list[tuple[str, Any]]] | None:
    """Kind, length and the first entries of a nest, with their names; None if it is none."""
    if type(value) in (tuple, list):
        return type(value).__name__, len(value), [("", one) for one in value[:WIDE]]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "names", len(value), list(zip(value._fields, value, strict=False))[:WIDE]
    if isinstance(value, Mapping):
        try:
            pairs = list(value.items())
        except Exception:  # one that counts as a mapping and can't be walked
            return None
        return "names", len(pairs), [(str(key), one) for key, one in pairs[:WIDE]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = [(f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value)]
        return "names", len(named), named[:WIDE]
    return None


def _told(first: Note, last: Note) -> str:
    one, two = _text(first), _text(last)
    return one if one == two or not two else f"{one} … {two}" if one else two


def _text(note: Note) -> str:
    if note is None:
        return ""
    if isinstance(note[0], tuple):
        shape, dtype, device = note
        size = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
        return f"{dtype} {size}" + ("" if device == "cpu" else f" {device}")
    kind, length, notes = note
    texts = [(key, _text(one)) for key, one in notes]
    if kind != "names" and length > 1 and len({text for _, text in texts}) == 1:
        inside = f"{length} × {texts[0][1]}"
    else:
        told = [f"{key}: {text or '·'}" if key else text or "·" for key, text in texts if text or kind != "names"]
        inside = ", ".join(told) + (", …" if length > len(notes) else "")
    return f"[{inside}]" if kind == "list" else f"{{{inside}}}" if kind == "names" else f"({inside})"


class _Noting(ast.NodeTransformer):
    """Puts a call that notes behind what binds a name, and around what is returned or stands alone."""

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        names = [name for target in node.targets for name in _bound(target)]
        if not names:
            node.value = _call(_end(node), "", node.value)
            return node
        return [node, *(_after(_end(node), name, node) for name in names)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if node.value is None or not isinstance(node.target, ast.Name):
            return node
        return [node, _after(_end(node), node.target.id, node)]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        return [node, _after(_end(node), node.target.id, node)] if isinstance(node.target, ast.Name) else node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        self.generic_visit(node)
        node.value = _call(_end(node), node.target.id, node.value)
        return node

    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        line = _end(node.iter)
        node.body[:0] = [_after(line, name, node.body[0]) for name in _bound(node.target)]
        return node

    def visit_With(self, node: ast.With) -> Any:
        self.generic_visit(node)
        for item in reversed(node.items):
            if item.optional_vars is not None:
                line = _end(item.optional_vars)
                node.body[:0] = [_after(line, name, node.body[0]) for name in _bound(item.optional_vars)]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.generic_visit(node)
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        notes: list[ast.stmt] = [
            _after(_end(arg), arg.arg, node.body[-1]) for arg in every if arg.arg not in ("self", "cls")
        ]
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        if len(node.body) > at:
            for note in notes:
                ast.copy_location(note, node.body[at])
            node.body[at:at] = notes
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        self.generic_visit(node)
        if node.value is not None:
            node.value = _call(_end(node), "", node.value)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        self.generic_visit(node)
        if not isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom | ast.Await):
            node.value = _call(_end(node), "", node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        noted = [
            _call(_end(node.iter), name, ast.copy_location(ast.Name(name, ast.Load()), node.iter))
            for name in _bound(node.target)
        ]
        if noted and not node.is_async:  # a tuple that isn't empty is true
            node.ifs.insert(0, ast.copy_location(ast.Tuple([*noted], ast.Load()), node.iter))
        return node

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> Any:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        return self._comprehension(node)

    def _comprehension(self, node: Any) -> Any:
        self.generic_visit(node)
        if node.generators[0].iter.lineno != node.lineno or isinstance(node, ast.GeneratorExp):
            node.elt = _call(_end(node.elt), "", node.elt)  # of one on a single line the list tells the same
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node

    def visit_Await(self, node: ast.Await) -> Any:
        return node


def _bound(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        if target.id != "_":
            yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _bound(one)
    elif isinstance(target, ast.Starred):
        yield from _bound(target.value)


def _end(node: Any) -> int:
    return int(node.end_lineno)


def _call(line: int, name: str, value: ast.expr) -> ast.Call:
    call = ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(line), ast.Constant(name), value], [])
    return ast.copy_location(call, value)


def _after(line: int, name: str, place: ast.stmt) -> ast.Expr:
    value = ast.copy_location(ast.Name(name, ast.Load()), place)
    return ast.copy_location(ast.Expr(ast.copy_location(_call(line, name, value), place)), place)
