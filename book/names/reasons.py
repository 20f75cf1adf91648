"""Why a public name need not be shown, as far as the installed torch itself says so; kept in the list of names."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
import types
from collections.abc import Sequence
from typing import Any

DEPRECATED, HARDWARE, ACCESSOR, UNDOCUMENTED = "deprecated", "hardware", "accessor", "undocumented"

DEVICE = re.compile(r"cuda|cudnn|gpu|hpu|ipu|itt|maia|miopen|mps|mtia|npu|nvprof|nvtx|tf32|vulkan|xla|xpu")
"""Words in names of what no CPU has."""
SUBJECT = r"(?:[Tt]his (?:function|method|API|class|module)|[`\w.]*\b{last}(?:\([^)]*\))?`*)"
SAYS_SO = r"{subject} (?:is|are|was|has been|will be)(?: now)? deprecated"
INSTEAD = re.compile(
    r"(?:(?:in favou?r of|renamed to|replaced (?:by|with)|[Uu]se|[Ss]witch to|superseded by)\s+)(?::\w+:)?`+[~@]?(?P<name>[\w.]+)"
)
SIGNATURE = re.compile(r"\w+\(.*\)(?: *-> *[\w.\[\], |]+)?")
"""All that pybind11 and dataclasses write where nobody wrote a docstring."""
OUTDATED = re.compile(r"deprecated|not supported in Python")
WARNINGS = {"DeprecationWarning", "FutureWarning"}


def reason(name: str, kind: str, obj: Any, doc: str) -> tuple[str, str]:
    """The reason (empty: none that a rule can tell), and what replaces a deprecated name (empty: torch names nothing).

    Args:
        obj: the function, class or member; None for a name that was read from source and not imported.
        doc: its docstring, if it has one of its own.
    """
    function = _function(obj)
    said = _deprecation(name, kind, function, doc)
    if said:
        found = INSTEAD.search(said)
        return DEPRECATED, found["name"].strip(".") if found else ""
    if kind == "property" or (kind == "method" and _returns_what_is_there(function)):
        return ACCESSOR, ""
    if any(DEVICE.fullmatch(word) for word in _words(name)):
        return HARDWARE, ""
    return ("" if _written(doc) else UNDOCUMENTED), ""


def _function(obj: Any) -> Any:
    obj = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    return getattr(obj, "__func__", obj)


def _words(name: str) -> list[str]:
    """The words of a name's last part, in small letters: both of ``is_cuda`` and of ``CudaDevice``."""
    return [word.lower() for word in re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z0-9]+", name.rpartition(".")[2])]


def _written(doc: str) -> bool:
    """Whether somebody wrote the docstring."""
    return bool(doc.strip()) and not SIGNATURE.fullmatch(doc.strip())


def _deprecation(name: str, kind: str, obj: Any, doc: str) -> str:
    """What torch says of a deprecated name: in its decorator, in its docstring, or in a warning whenever it is called."""
    marked = vars(obj).get("__deprecated__") if hasattr(obj, "__dict__") else None
    return str(marked) if marked else _said_in(doc, name) or ("" if kind == "property" else _warned_in(obj))


def _said_in(doc: str, name: str) -> str:
    text = inspect.cleandoc(doc)
    directive = re.search(r"^\.\. deprecated::.*", text, re.MULTILINE | re.DOTALL)
    if directive:
        return " ".join(directive[0].split())[:400]
    head = " ".join(re.split(r"\n *(?:Args|Arguments|Parameters|Keyword \w+|Examples?):+", text)[0].split())
    says = SAYS_SO.format(subject=SUBJECT.format(last=re.escape(name.rpartition(".")[2])))
    found = re.search(rf"{says}.*", head)
    return found[0] if found else ""


def _warned_in(obj: Any) -> str:
    """The text of a warning that its body gives on every call."""
    if isinstance(obj, type):
        obj = vars(obj).get("__init__")
    return _warning(_body(obj))


def _warning(statements: Sequence[ast.stmt]) -> str:
    for statement in statements:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(statement, ast.If) and _warning(statement.body):
            said = _warning(statement.orelse)
            if said:
                return said
        elif isinstance(call, ast.Call) and ast.unparse(call.func) in ("warnings.warn", "warn"):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            if WARNINGS & {ast.unparse(value) for value in values} and OUTDATED.search(ast.unparse(call.args[0])):
                return ast.unparse(call.args[0])
    return ""


def _returns_what_is_there(obj: Any) -> bool:
    """Whether a body is one line that returns an attribute or a constant."""
    body = [s for s in _body(obj) if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name | ast.Constant)


def _body(obj: Any) -> list[ast.stmt]:
    """The statements of a function of Python; none for one of C++."""
    return _parsed(obj) if isinstance(obj, types.FunctionType) else []


@functools.cache
def _parsed(function: types.FunctionType) -> list[ast.stmt]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return []
    return tree.body if isinstance(tree, ast.FunctionDef) else []
