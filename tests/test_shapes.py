"""Shapes of tensors, line by line: what a run notes, what a record keeps, what check compares."""

from __future__ import annotations

import ast
import gzip
import json
import random
from dataclasses import replace
from typing import Any

import pytest
import rotation

from book.ground.tree import HERE, Tree
from book.prove import check
from book.prove import shapes as proving
from book.record import records, shapes
from book.run.child import script_of
from book.run.job import BlockCode, BlockResult, Job
from book.run.session import Sessions
from book.source import ledger, pages

CODE = '''\
import torch
from dataclasses import dataclass

x = torch.zeros(2, 3)
a, (b, *c) = x.mean(), (x.T, x[0], x[1])
d = {"left": x, "right": [x, x], "text": "no tensor"}
e = f = x.to(torch.int64)
for row in x:
    row += 1
for n in range(1, 4):
    grown = torch.ones(n)
    n = n + 1
squares = [
    row**2
    for row in x
]
if (walrus := x.double()).numel() > 1:
    pass
with torch.no_grad() as nothing:
    g: torch.Tensor = x @ x.T


def pair(left, right=None):
    """Twice."""
    return left, left.bool()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4))


@dataclass
class Batch:
    inputs: torch.Tensor
    size: int


batch = Batch(x, 2)
net = Net()
pair(x); pair(x[0])
_ = x
text = "nothing"
x.meta = x.to("meta")
torch.cat([
    x,
    x,
])
'''
FOUND = {
    4: ["x float32 (2, 3)"],
    5: ["a float32 ()", "b float32 (3, 2)", "c [2 × float32 (3,)]"],
    6: ["d {left: float32 (2, 3), right: [2 × float32 (2, 3)]}"],
    7: ["e int64 (2, 3)", "f int64 (2, 3)"],
    8: ["row float32 (3,)"],
    9: ["row float32 (3,)"],
    11: ["grown float32 (1,) … float32 (3,)"],
    14: [" float32 (3,)"],
    15: ["row float32 (3,)"],
    16: ["squares [2 × float32 (3,)]"],
    17: ["walrus float64 (2, 3)"],
    20: ["g float32 (2, 2)"],
    23: ["left float32 (2, 3) … float32 (3,)"],
    25: [" (float32 (2, 3), bool (2, 3)) … (float32 (3,), bool (3,))"],
    31: [" float32 (4,)"],
    40: ["batch {inputs: float32 (2, 3)}"],
    42: [" (float32 (2, 3), bool (2, 3)) … (float32 (3,), bool (3,))"],
    43: [" float32 (2, 3)"],
    45: [" float32 (2, 3) meta"],
    49: [" float32 (4, 3)"],
}


def run(sessions: Sessions, *codes: str, **options: Any) -> list[BlockResult]:
    blocks = tuple(BlockCode(f"block{number}", code) for number, code in enumerate(codes, start=1))
    (found,) = sessions.run([Job("part/demo", blocks, "/nowhere", shapes=True, **options)])
    return found.results


def test_every_way_to_bind_or_return_a_tensor_is_noted(sessions: Sessions) -> None:
    (result,) = run(sessions, CODE)
    assert result.failure is None, result.failure
    assert result.shapes == FOUND


def test_lines_of_a_function_are_told_where_they_stand(sessions: Sessions) -> None:
    one, two = run(sessions, "import torch\ndef f(x):\n    y = x + 1\n    return y\n", "\nf(torch.ones(2))\n")
    assert one.shapes == {2: ["x float32 (2,)"], 3: ["y float32 (2,)"], 4: [" float32 (2,)"]}
    assert two.shapes == {2: [" float32 (2,)"]}


SEEN = """\
import inspect, sys, torch
def f(x):
    y = x * 2
    return y
print(inspect.getsource(f), sorted(name for name in dir() if "book" in name), "__book" in str(globals()))
try:
    f(None)
except TypeError as error:
    print(error, error.__traceback__.tb_next.tb_lineno)
print(torch.compile(f, backend="eager", fullgraph=True)(torch.ones(2)))
print(torch.vmap(f)(torch.ones(2, 3)).shape, torch.fx.symbolic_trace(f).code)
def grow():
    yield torch.ones(1)
[t.shape for t in grow()]
"""


def test_code_does_the_same_as_without(sessions: Sessions) -> None:
    plain = sessions.run([Job("part/demo", (BlockCode("block1", SEEN),), "/nowhere")])[0].results[0]
    (noted,) = run(sessions, SEEN)
    assert plain.failure is None and noted.failure is None
    assert noted.outputs == plain.outputs and plain.shapes is None


MODE = """\
import torch
from torch.overrides import TorchFunctionMode
class Counts(TorchFunctionMode):
    calls = []
    def __torch_function__(self, function, types, args=(), kwargs=None):
        Counts.calls.append(function.__name__)
        return function(*args, **(kwargs or {}))
class Counted(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        Counts.calls.append(function.__name__)
        return super().__torch_function__(function, types, args, kwargs or {})
with Counts():
    x = torch.ones(2)
    y = x + x
z = torch.ones(3).as_subclass(Counted)
print(Counts.calls)
last = z
"""


def test_what_counts_calls_does_not_count_ours_and_a_last_assignment_shows_nothing(sessions: Sessions) -> None:
    plain = sessions.run([Job("part/demo", (BlockCode("block1", MODE),), "/nowhere")])[0].results[0]
    (noted,) = run(sessions, MODE)
    assert noted.failure is None and noted.outputs == plain.outputs
    assert noted.shapes and noted.shapes[16] == ["z float32 (3,)"] and noted.shapes[14] == ["x float32 (2,)"]


def test_no_tensor_is_kept_alive(sessions: Sessions) -> None:
    code = "import gc, weakref, torch\nx = torch.ones(3)\nlist_of = [x]\nleft = weakref.ref(x)\ndel x, list_of\nprint(left())\n"
    (result,) = run(sessions, code)
    assert result.outputs[0]["text"] == "None\n"


def test_many_passes_cost_little(sessions: Sessions) -> None:
    code = "import torch\nx = torch.ones(8)\nfor n in range(20_000):\n    y = x + n\n    z = [y, y]\n"
    plain = sessions.run([Job("part/demo", (BlockCode("block1", code),), "/nowhere")])[0].results[0]
    (noted,) = run(sessions, code)
    assert noted.shapes == {2: ["x float32 (8,)"], 4: ["y float32 (8,)"], 5: ["z [2 × float32 (8,)]"]}
    assert noted.seconds < 0.3 + 4 * plain.seconds, "seconds; a loop of single operations is the worst case"


# ---- Records -----------------------------------------------------------------------------------------------------------


def test_a_changed_shape_fails_and_is_named(small: Tree, sessions: Sessions) -> None:
    tree = small
    name = next(name for name in tree.pages() if tree.record(name).is_file())
    report, changes = proving.record_shapes(tree, [name], sessions=sessions)
    assert report.ok and not changes, "the record had them"
    record = records.read(tree, name)
    cell = next(cell for cell in record.cells if cell.shapes)
    line, notes = next(iter((cell.shapes or {}).items()))
    assert check.check(tree, [name], sessions=sessions).ok
    wrong = replace(cell, shapes={**(cell.shapes or {}), line: [notes[0].partition(" ")[0] + " float32 (77,)"]})
    records.write(tree, replace(record, cells=tuple(wrong if one is cell else one for one in record.cells)))
    failed = check.check(tree, [name], sessions=sessions).failed
    assert [verdict.block for verdict in failed] == [cell.name]
    assert f"line {line} of the block has {shapes.told(notes)}, recorded float32 (77,)" in failed[0].message


def test_lines_that_differ_in_another_world_are_not_kept() -> None:
    one = BlockResult("a", shapes={1: ["x float32 (2,)"], 2: ["y float32 (3,)"]})
    two = BlockResult("a", shapes={1: ["x float32 (2,)"], 2: ["y float32 (4,)"]})
    assert shapes.stable(one, two) == {"1": ["x float32 (2,)"]}
    assert shapes.stable(BlockResult("a"), two) is None


def test_of_one_thing_the_name_is_left_out() -> None:
    assert shapes.told(["x float32 (2,)"]) == "float32 (2,)"
    assert shapes.told(["x float32 (2,)", "y float32 (3,)"]) == "x float32 (2,); y float32 (3,)"
    assert shapes.told([" float32 (2,)"]) == "float32 (2,)"
    assert shapes.annotated("x = 1\n", {"1": ["x float32 (2,)"]}) == "x = 1  # float32 (2,)"


@pytest.mark.parametrize("name", [n for n in HERE.pages() if HERE.record(n).is_file()])
def test_every_record_has_its_shapes_and_the_file_of_a_page_is_small(name: str) -> None:
    cells = records.read(HERE, name).cells
    missing = [cell.name for cell in cells if cell.shapes is None and not cell.needs and cell.seconds]
    assert missing == [], f"run python -m book shapes --record {name}"
    data = json.dumps({cell.name: cell.shapes for cell in cells if cell.shapes}, ensure_ascii=False)
    assert len(gzip.compress(data.encode(), 9)) <= 6_000, "bytes"


# ---- Against a tracer of lines -----------------------------------------------------------------------------------------

TRACER = """
import sys as _sys, torch as _torch
_seen = set()
def _tensors(frame):
    return {k: id(v) for k, v in frame.f_locals.items() if k[:1] != "_" and isinstance(v, _torch.Tensor)}
def _trace(frame, event, arg):
    if frame.f_code.co_filename != __file__ or frame.f_code.co_name in ("_tensors", "_trace", "_local"):
        return None
    before = [frame.f_lineno, _tensors(frame)]
    def _local(frame, event, arg):
        if event in ("line", "return"):
            now = _tensors(frame)
            if any(before[1].get(name) != found for name, found in now.items()):
                _seen.add(before[0])
            before[:] = frame.f_lineno, now
        return _local
    return _local
_sys.settrace(_trace)
"""
TOLD = "_sys.settrace(None)\nprint('SEEN', *sorted(_seen))\n"


def ends(code: str) -> dict[int, int]:
    """Line -> the last line of the innermost simple statement, or of the head of the compound one, that it belongs to."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = (body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno) or node.lineno
            if isinstance(node, ast.For):
                last = node.iter.end_lineno or last
            for line in range(node.lineno, max(last, node.lineno) + 1):
                found[line] = last
    return found


def traced(page: pages.Page, sessions: Sessions) -> dict[str, set[int]]:
    """Block -> the ends of its statements after which a name stands for another tensor, as a tracer of lines sees it."""
    job = check.job_of(HERE, page, ledger.load(HERE))
    blocks = (BlockCode("tracer", TRACER), *job.blocks, BlockCode("told", TOLD))
    (found,) = sessions.run([replace(job, blocks=blocks, shapes=False)])
    text = "".join(output.get("text", "") for output in found.results[-1].outputs)
    lines = {int(word) for word in text.partition("SEEN")[2].split()}
    _, offsets = script_of(job.page, blocks)
    places = {}
    for block, offset in zip(blocks, offsets, strict=True):
        last = ends(block.code)
        places[block.name] = {last[line - offset] for line in lines if line - offset in last}
    return places


def drawn() -> list[str]:
    """Five pages of the week, of those that have five blocks or more and take less than five seconds."""
    cells = {name: records.read(HERE, name).cells for name in HERE.pages() if HERE.record(name).is_file()}
    quick = [name for name, some in cells.items() if len(some) >= 5 and sum(cell.seconds for cell in some) < 5]
    return random.Random(rotation.week()).sample(quick, 5)


@pytest.mark.parametrize("name", drawn())
def test_lines_that_a_tracer_sees_bind_a_tensor_carry_their_shape(name: str, sessions: Sessions) -> None:
    page, record = pages.load(HERE, name), records.read(HERE, name)
    seen = traced(page, sessions)
    wanted = {(b.name, line) for b in page.blocks if b.run_code == b.code for line in seen.get(b.name, ())}
    kept = {(cell.name, int(line)) for cell in record.cells for line in cell.shapes or {}}
    assert len(wanted) >= 5, "the tracer sees something"
    assert len(wanted & kept) >= 0.95 * len(wanted), sorted(wanted - kept)
