"""book.find.ask: what a query finds, in which order, and what the terminal says."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from book import cli
from book.find import ask, reference
from book.find.ask import Finder, Found, distance, stem, words_of
from book.find.reference import KINDS
from book.ground.tree import HERE, Tree
from book.names import apis
from book.prove import coverage

FUNCTION, CLASS, METHOD, PROPERTY = (KINDS.index(kind) for kind in ("function", "class", "method", "property"))
DATA: dict[str, Any] = {
    "v": 1,
    "torch": "0",
    "pages": [["part/one", "Gradients", "梯度"], ["part/two", "Tensors", "张量"]],
    "places": ["torch"],
    "examples": [
        [0, "second_derivative", "Second derivatives", "二阶导数"],
        [0, "backward_twice", "A graph is used once", "一张图只用一次", "", "RuntimeError: Trying to backward through the graph a second time"],
        [1, "curve", "Curves", "曲线", "A red parabola 一条红色的抛物线"],
        [1, "views", "Views and copies", "视图与副本"],
    ],
    "names": [
        ["torch.autograd.grad", 0, FUNCTION, 0, "", [0, 1]],
        ["torch.func.grad", 0, FUNCTION, 0, "torch.vfunc.grad"],
        ["torch.Tensor.grad", 0, PROPERTY, 0, "", [0]],
        ["torch.gradient", 0, FUNCTION, 0],
        ["torch.gather", 0, FUNCTION, 0],
        ["torch.distributed.gather", 0, FUNCTION, 2],
        ["torch.Tensor.view", 0, METHOD, 0, "", [3], "x.view(-1)"],
        ["torch.nn.functional.cross_entropy", 0, FUNCTION, 0, "", [2]],
        ["torch.nn.CrossEntropyLoss", 0, CLASS, 0, "", 7],
        ["torch.autograd.function.FunctionCtx.save_for_backward", 0, METHOD, 0, "", [1]],
        ["torch.Tensor.scatter_", 0, METHOD, 0],
        ["torch.scatter", 0, FUNCTION, 0],
        ["torch.nn.Linear", 0, CLASS, 0, "", [2]],
        ["torch.nn.functional.linear", 0, FUNCTION, 0, "", [3]],
    ],
}  # fmt: skip

NAMES = [
    ("gather", "torch.gather", 3),
    ("torch.gather", "torch.gather", 1),
    ("TORCH.GATHER", "torch.gather", 2),
    ("torch.vfunc.grad", "torch.func.grad", 1),
    ("F.cross_entropy", "torch.nn.functional.cross_entropy", 1),
    ("functional.cross_entropy", "torch.nn.functional.cross_entropy", 3),
    ("crossentropy", "torch.nn.functional.cross_entropy", 7),
    ("cross entropy", "torch.nn.functional.cross_entropy", 7),
    ("cross entropy loss", "torch.nn.CrossEntropyLoss", 7),
    ("nn.CrossEntropyLoss", "torch.nn.CrossEntropyLoss", 1),
    ("CrossEntropy", "torch.nn.functional.cross_entropy", 7),
    ("crossentropyl", "torch.nn.CrossEntropyLoss", 8),
    ("x.view", "torch.Tensor.view", 5),
    ("x.view(2, -1)", "torch.Tensor.view", 5),
    ("y = x.view(2, -1)", "torch.Tensor.view", 5),
    ("torch.view", "torch.Tensor.view", 5),
    ("x.grad", "torch.Tensor.grad", 5),
    ("grad", "torch.autograd.grad", 3),
    ("scatter_", "torch.Tensor.scatter_", 3),
    ("scatter", "torch.scatter", 3),
    ("linear", "torch.nn.functional.linear", 3),
    ("Linear", "torch.nn.Linear", 3),
    ("@torch.gather", "torch.gather", 1),
    ("save_for_bakward", "torch.autograd.function.FunctionCtx.save_for_backward", 12),
    ("gathre", "torch.gather", 12),
    ("ctx save backward", "torch.autograd.function.FunctionCtx.save_for_backward", 11),
]
BLOCKS = [
    ("second derivative", "second_derivative"),
    ("second derivatives", "second_derivative"),
    ("how to compute the second derivative", "second_derivative"),
    ("二阶导数", "second_derivative"),
    ("怎么求二阶导数", "second_derivative"),
    ("Trying to backward through the graph a second time (or directly access saved tensors", "backward_twice"),
    ("red parabola", "curve"),
    ("抛物线", "curve"),
    ("副本", "views"),
    ("张量 视图", "views"),
]


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(DATA)


@pytest.mark.parametrize(("query", "name", "tier"), NAMES)
def test_names(finder: Finder, query: str, name: str, tier: int) -> None:
    found = finder.find(query)
    assert found.names_first
    assert (finder.names[found.names[0][0]].name, found.names[0][1]) == (name, tier)


def test_names_drawn_from_the_goals_find_their_entry_first() -> None:
    """30 names at random, of those that chapters cover."""
    goals = json.loads(coverage.GOALS.read_text(encoding="utf-8")).values()
    index = reference.build(HERE)
    known, entries = apis.load(), index.entries
    whole = Finder(json.loads(reference.finder_json(index, "en")))
    covered = sorted({name for goal in goals for name in goal["names"] if known.canonical[name] in entries})
    drawn = random.Random(2026).sample(covered, 30)
    wrong = []
    for name in drawn:
        hits = whole.find(name).names
        first = whole.names[hits[0][0]].name if hits else "nothing"
        if first != known.canonical[name]:
            wrong.append((name, first))
    assert len(covered) > 600 and wrong == []


@pytest.mark.parametrize(("query", "block"), BLOCKS)
def test_blocks(finder: Finder, query: str, block: str) -> None:
    found = finder.find(query)
    assert not found.names_first
    assert DATA["examples"][found.examples[0]][1] == block


def test_the_examples_of_the_best_name_come_with_it(finder: Finder) -> None:
    assert finder.find("autograd.grad").examples == [0, 1]
    assert finder.find("x.view").examples == [3]


def test_what_only_begins_alike_is_listed_if_it_has_examples(finder: Finder) -> None:
    names = [finder.names[number].name for number, _ in finder.find("grad").names]
    assert names == ["torch.autograd.grad", "torch.Tensor.grad", "torch.func.grad"]  # not torch.gradient


@pytest.mark.parametrize("query", ["", "  ", "()", "qqzzxx", "?", "..."])
def test_nothing(finder: Finder, query: str) -> None:
    assert finder.find(query) == Found([], [], False)


@pytest.mark.parametrize(
    "query", ["(", "a(", "\\", "[", "*", "x" * 2000, "的", "__", "__getitem__", "🙂", "a" * 40 + "("]
)
def test_odd_queries_do_no_harm(finder: Finder, query: str) -> None:
    finder.find(query)


@pytest.mark.parametrize(
    ("one", "other", "most", "away"),
    [("abc", "abc", 2, 0), ("abc", "acb", 2, 1), ("abc", "abd", 2, 1), ("abc", "ab", 2, 1), ("abc", "xyz", 2, 3), ("a", "abcd", 2, 3)],
)  # fmt: skip
def test_distance(one: str, other: str, most: int, away: int) -> None:
    assert distance(one, other, most) == distance(other, one, most) == away


def test_words() -> None:
    assert words_of("save_for_backward") == ["save", "for", "backward"]
    assert words_of("DataLoader 的用法2") == ["data", "loader", "的用法", "2"]
    assert [stem(word) for word in ("views", "pass", "entropies", "is")] == ["view", "pass", "entrop", "is"]


# ---- The terminal ----------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str, tree: Tree = HERE) -> tuple[int, str]:
    status = cli.main(["--root", str(tree.root), "find", *arguments])
    out, err = capsys.readouterr()
    return status, out + err


def test_terminal_lists_examples_with_code(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "torch.autograd.grad")
    assert status == 0
    assert told.startswith("torch.autograd.grad  (function, ")
    assert "  https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html\n" in told
    assert "concepts/autograd:grad_returns · Automatic differentiation › Gradients as return values\n" in told
    assert "    (slope,) = torch.autograd.grad(y, x)\n" in told
    assert "    | returned: tensor(8.)\n" in told
    assert "\nmore: concepts/" in told


def test_terminal_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "二阶导数", "--language", "zh", "--most", "1")
    assert status == 0
    assert told.startswith("concepts/autograd:second_derivative · 自动微分 › 二阶导数\n")


def test_terminal_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "torch.autograd.grad", "--json")
    data = json.loads(told)
    assert status == 0
    assert data["names"][0]["name"] == "torch.autograd.grad"
    first = data["examples"][0]
    assert (first["page"], first["block"]) == ("concepts/autograd", "grad_returns")
    assert "torch.autograd.grad(y, x)" in first["code"] and "returned: tensor(8.)" in first["output"]
    assert "torch.autograd.grad" in first["apis"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("save_for_bakward", "near: torch.autograd.function.FunctionCtx.save_for_backward"),
        ("torch.autograd.gard", "near: torch.autograd.grad"),
        ("qqzzxx", "no name, heading or error matches 'qqzzxx'"),
    ],
)
def test_terminal_names_what_is_near(capsys: pytest.CaptureFixture[str], query: str, says: str) -> None:
    status, told = run(capsys, query)
    assert status == 1
    assert says in told
    status, told = run(capsys, query, "--json")
    assert status == 1
    assert json.loads(told)["names"] == []


def test_terminal_says_that_a_name_has_no_example(capsys: pytest.CaptureFixture[str]) -> None:
    index = reference.build(HERE)
    name = next(n for n, api in index.known.by_name.items() if n not in index.entries and api.kind == "function")
    status, told = run(capsys, name)
    assert status == 1
    assert told.startswith(f"{name}  (function, 0 examples)\n") and "no example yet" in told


def test_terminal_says_where_a_record_is_wrong(small: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    path = small.record("part/small")
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["cells"][0]["metadata"]["book"]["apis"] = ["torch.tensr"]
    path.write_text(json.dumps(raw), encoding="utf-8")
    status, told = run(capsys, "tensor", tree=small)
    assert status == 1
    assert "names torch.tensr, which is not in book/names/apis.json" in told


def test_terminal_in_an_empty_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "grad", tree=Tree(tmp_path))
    assert status == 1 and "matches 'grad'" in told


def test_answer_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys; sys.modules['torch'] = None; from book import cli; sys.exit(cli.main(['find', 'x.view']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("torch.Tensor.view  (method, ")
    assert ask.EXPAND["F"] == "torch.nn.functional"
