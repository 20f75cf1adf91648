"""Runs before an assert, in its block's session (see perturb.py): changes one value under it and evaluates it again."""

from __future__ import annotations

import ast
import builtins
import json
import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

DRAWS = 3
MARK = "perturbed: "


def values(thing: Any) -> list[Any] | None:
    """Paths to the numbers in a value: lists of keys; None if it holds no numbers."""
    if isinstance(thing, bool | int | float | np.number):
        return [()]
    if isinstance(thing, torch.Tensor | np.ndarray):
        return [(i,) for i in np.ndindex(tuple(thing.shape))] or None
    if isinstance(thing, pd.Series):
        return [(i,) for i in range(len(thing))] if pd.api.types.is_numeric_dtype(thing) else None
    if isinstance(thing, pd.DataFrame):
        numeric = [c for c in thing.columns if pd.api.types.is_numeric_dtype(thing[c])]
        return [(c, i) for c in numeric for i in range(len(thing))] or None
    if isinstance(thing, dict | list | tuple):
        pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
        return [(key, *path) for key, part in pairs for path in values(part) or []] or None
    return None


def changed(thing: Any, path: tuple[Any, ...], up: bool, spread: float) -> Any:
    """A copy of the value in which the number at ``path`` lies a whole range above the largest, or below the smallest."""
    if not path:
        if isinstance(thing, bool):
            return not thing
        moved = thing + spread if up else thing - spread
        return type(thing)(moved) if isinstance(thing, int | float) else moved
    if isinstance(thing, dict | list | tuple):
        key, *rest = path
        made = dict(thing) if isinstance(thing, dict) else list(thing)
        made[key] = changed(thing[key], tuple(rest), up, spread)
        return tuple(made) if isinstance(thing, tuple) else made
    if isinstance(thing, pd.DataFrame):
        column, i = path
        made = thing.astype({column: float})
        made.iloc[i, list(made.columns).index(column)] += spread if up else -spread
        return made
    if isinstance(thing, pd.Series):
        made = thing.astype(float)
        made.iloc[path[0]] += spread if up else -spread
        return made
    made = thing.detach().clone() if isinstance(thing, torch.Tensor) else thing.copy()
    one = made[path[0]]
    is_bool = made.dtype in (torch.bool, np.bool_)
    made[path[0]] = ~one if is_bool else one + (spread if up else -spread)
    return made


def spread_of(thing: Any) -> float:
    """Twice the range of the numbers, plus the largest size: moves any of them out of it."""
    flat = [float(x) for x in numbers(thing) if np.isfinite(float(x))] or [0.0]
    return 2 * (max(flat) - min(flat)) + max(map(abs, flat)) + 1


def numbers(thing: Any) -> list[Any]:
    if isinstance(thing, torch.Tensor):
        return thing.detach().double().flatten().tolist() if not thing.is_complex() else [0.0]
    if isinstance(thing, np.ndarray):
        return np.asarray(thing, dtype=float).ravel().tolist()
    if isinstance(thing, pd.Series):
        return thing.astype(float).tolist()
    if isinstance(thing, pd.DataFrame):
        return [x for c in thing if pd.api.types.is_numeric_dtype(thing[c]) for x in numbers(thing[c])]
    if isinstance(thing, dict | list | tuple):
        return [x for part in (thing.values() if isinstance(thing, dict) else thing) for x in numbers(part)]
    return [thing] if isinstance(thing, bool | int | float | np.number) else []


def selected(name: str, tree: ast.AST, space: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Paths to those numbers of a variable that the expression looks at: its subscripts, columns by name, or all."""
    thing, every = space[name], values(space[name]) or []
    if isinstance(thing, pd.DataFrame) and (columns := by_attribute(name, tree, thing, space)) is not None:
        return [path for path in every if path in columns]
    bare, found = False, set()
    inside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and id(node) not in inside:
            bare = True
        if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name):
            continue
        index = index_of(node, space)
        if isinstance(thing, torch.Tensor | np.ndarray):
            places = np.arange(max(1, int(np.prod(thing.shape)))).reshape(tuple(thing.shape))
            index = tuple(np.asarray(i) if isinstance(i, torch.Tensor) else i for i in index) if isinstance(
                index, tuple
            ) else (np.asarray(index) if isinstance(index, torch.Tensor) else index)  # fmt: skip
            flat = set(np.asarray(places[index]).ravel().tolist())
            found |= {path for k, path in enumerate(every) if k in flat}
        elif isinstance(thing, pd.Series | pd.DataFrame) and not isinstance(index, slice):
            found |= {path for path in every if path[0] == index} or set(every)
        elif isinstance(thing, dict | list | tuple):
            keys = range(len(thing))[index] if isinstance(index, slice) else [index]
            keys = [k + len(thing) if isinstance(k, int) and k < 0 and not isinstance(thing, dict) else k for k in keys]
            found |= {path for path in every if path[0] in keys}
        else:
            found |= set(every)
    return every if bare else [path for path in every if path in found]


def index_of(node: ast.Subscript, space: dict[str, Any]) -> Any:
    """What stands between the brackets."""
    return eval(compile(ast.Expression(node.slice), "", "eval"), space)


def by_attribute(name: str, tree: ast.AST, table: pd.DataFrame, space: dict[str, Any]) -> set[tuple[Any, ...]] | None:
    """Paths of a table's columns that the expression names as attributes, a slice of rows included; None if it uses more."""
    slices = {id(n.value): n for n in ast.walk(tree) if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Slice)}
    found, read = set(), 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            if node.attr not in table.columns:
                return None
            rows = slice(None) if id(node) not in slices else index_of(slices[id(node)], space)
            found |= {(node.attr, i) for i in range(len(table))[rows]}
            read += 1
    return found if read == sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)) else None


def own(space: dict[str, Any], node: ast.AST) -> bool:
    """Whether a node calls a function of the page."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    made = space.get(node.func.id)
    return isinstance(made, types.FunctionType)


def changes(part: str, space: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """What can be changed under a condition: (variable, path), or the result of one of the page's functions, ("name()", path)."""
    tree = ast.parse(part, mode="eval")
    arguments = {n.id for call in ast.walk(tree) if own(space, call) for n in ast.walk(call) if isinstance(n, ast.Name)}
    found: list[tuple[str, tuple[Any, ...]]] = []
    for node in ast.walk(tree):
        if own(space, node):
            result = eval(compile(ast.Expression(node), "", "eval"), space)
            found += [(f"{node.func.id}()", path) for path in values(result) or []]
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - bound - arguments
    for name in sorted(names):
        if name not in space and not hasattr(builtins, name):
            raise NameError(f"{name} is no variable where the assert stands")
        if values(space.get(name)):
            found += [(name, path) for path in selected(name, tree, space)]
    return found


def holds(part: str, space: dict[str, Any]) -> bool:
    try:
        result = eval(compile(part, "", "eval"), space)
        return result is None or bool(result)  # None: assert_close
    except Exception:
        return False


def without(part: str, space: dict[str, Any], where: str, path: tuple[Any, ...]) -> bool:
    """Whether the condition still holds with one value moved up, and with it moved down."""
    for up in (True, False):
        if where.endswith("()"):
            real = space[where[:-2]]

            def moved(*a: Any, _real: Callable[..., Any] = real, _up: bool = up, **k: Any) -> Any:
                result = _real(*a, **k)
                return changed(result, path, _up, spread_of(result))

            other = {where[:-2]: moved}
        else:
            other = {where: changed(space[where], path, up, spread_of(space[where]))}
        if not holds(part, {**space, **other}):
            return False
    return True


def probe(space: dict[str, Any], key: str, parts: list[str]) -> dict[str, Any]:
    """One assert, where it stands, of which a sentence quotes ``parts``: which of the drawn changes they don't notice."""
    told: dict[str, Any] = {"key": key, "survived": []}
    whole = " and ".join(f"({part})" if not part.startswith("torch.testing") else f"{part} is None" for part in parts)
    try:
        choices = [one for part in parts for one in changes(part, space)]
    except Exception as error:
        return {**told, "unknown": f"{type(error).__name__}: {error}"}
    if not choices:
        return {**told, "unknown": "no number to change"}
    for where, path in random.Random(key).sample(choices, min(DRAWS, len(choices))):
        if without(whole, space, where, path):
            told["survived"].append(f"{where}{list(path)}")
    return told


def at_assert(space: dict[str, Any], claims: list[dict[str, Any]]) -> None:
    """Called before an assert: prints what became of each claim, and leaves the random numbers as they were."""
    state = torch.random.get_rng_state()
    for claim in claims:
        print(MARK + json.dumps(probe(space, **claim)))
    torch.random.set_rng_state(state)
