"""book.prove.bindings"""

from __future__ import annotations

import ast

import pytest

from book.prove.bindings import defined, stored


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a = b = c", {"a", "b"}),
        ("x.y = z[0] = 1", set()),
        ("def f(a):\n    b = a", {"f"}),
        ("class C:\n    d = 1", {"C"}),
        ("import os.path, json as j\nfrom re import match as m", {"os", "j", "m"}),
        ("for i, (j, *k) in []:\n    l = 1", {"i", "j", "k", "l"}),
        ("with a as b:\n    pass", {"b"}),
        ("try:\n    pass\nexcept ValueError as e:\n    pass", {"e"}),
        ("[x for x in (y := [1])]", {"y"}),
        ("x += 1", {"x"}),
        ("x = (", set()),
    ],
)
def test_defined(code: str, names: set[str]) -> None:
    assert defined(code) == names


def test_stored_is_of_one_statement() -> None:
    assert list(stored(ast.parse("a = 1\nb = 2").body[1])) == ["b"]
