"""book.run.child, through sessions (what makes a block fail stands in faults.py)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pytest

from book.run.child import machine, script_of, silenced
from book.run.job import BlockCode, BlockResult, Job
from book.run.processor import processor
from book.run.session import Sessions

Run = Callable[..., list[BlockResult]]


@pytest.fixture
def run(sessions: Sessions) -> Run:
    def run(*codes: str, **keys: Any) -> list[BlockResult]:
        blocks = tuple(BlockCode(f"block{number}", code) for number, code in enumerate(codes, start=1))
        return sessions.run([Job("part/demo-page", blocks, "/nowhere", **keys)])[0].results

    return run


def shown(result: BlockResult) -> list[str]:
    assert result.failure is None, result.failure
    return [o.get("text") or o["data"]["text/plain"] for o in result.outputs]


def test_script_of_keeps_the_lines_of_the_blocks() -> None:
    blocks = (BlockCode("one", "x = 1\n"), BlockCode("two", "y = 2\nz = 3"))
    text, offsets = script_of("part/demo", blocks)
    lines = text.splitlines()
    assert [lines[o] for o in offsets] == ["x = 1", "y = 2"]
    assert lines[offsets[1] + 1] == "z = 3"
    compile(text, "demo.py", "exec")


def test_blocks_share_one_main_module(run: Run) -> None:
    results = run(
        "x = 1\nclass A: pass",
        "import pickle, sys\nx += 1\nprint(__name__, x)\npickle.loads(pickle.dumps(A())).__class__ is A",
    )
    assert shown(results[1]) == ["__main__ 2\n", "True"]


def test_the_script_is_real(run: Run) -> None:
    code = "import inspect\n\n\ndef f():\n    return 1\n\n\nprint(inspect.getsource(f))\nprint(__file__)"
    assert shown(run("", code)[1]) == ["def f():\n    return 1\n\ndemo_page.py\n"]


def test_the_last_expression_is_shown_as_in_a_notebook(run: Run) -> None:
    assert shown(run("1 + 1")[0]) == ["2"]
    assert shown(run("1 + 1;")[0]) == []
    assert shown(run("None")[0]) == []
    assert shown(run("x = 3")[0]) == []
    assert shown(run("# only a comment")[0]) == []
    assert shown(run("if True:\n    5")[0]) == []


def test_only_a_semicolon_behind_the_code_silences_a_value(run: Run) -> None:
    assert shown(run("1 + 1  # two;")[0]) == ["2"]
    assert shown(run("1 + 1;  # quiet")[0]) == []
    assert shown(run("'a;'")[0]) == ["'a;'"]
    assert shown(run("1 + 1 ;\n\n# below\n")[0]) == []
    assert silenced("f(';');") and not silenced("x = (") and not silenced("")


def test_what_was_cleared_is_not_shown(run: Run) -> None:
    head = "from IPython.display import clear_output, display\n"
    assert shown(run(head + "print('a')\n1\ndisplay(2)\nclear_output()\nprint('b')")[0]) == ["b\n"]
    assert shown(run(head + "print('a')\nclear_output()")[0]) == []
    assert shown(run(head + "print('a')\nclear_output(wait=True)")[0]) == ["a\n"], "nothing came to take its place"
    assert shown(run(head + "display(1)\nclear_output(wait=True)\ndisplay(2)")[0]) == ["2"]
    assert shown(run(head + "display(1)\ndisplay(2, clear=True)")[0]) == ["2"]
    assert [shown(r) for r in run("print('above')", head + "print('a')\nclear_output()")] == [["above\n"], []]


def test_a_handle_changes_what_its_block_showed(run: Run) -> None:
    head = "from IPython.display import display, update_display\n"
    first, second = run(head + "h = display(1, display_id=True)\nprint('x')\nh.update([2])", "h.update(3)")
    assert shown(first) == ["[2]", "x\n"] and first.refused == []
    assert "updates what a block above showed" in second.refused[0]
    assert shown(run(head + "display(1, display_id='a')\nupdate_display(4, display_id='a');")[0])[0] == "4"
    assert shown(run(head + "h = display(display_id='later')\nh.update('it')")[0]) == ["'it'"]
    assert shown(run(head + "h = display(display_id='never')")[0]) == []
    assert shown(run(head + "display({'text/plain': 'raw'}, raw=True)")[0]) == ["raw"]


def test_an_object_that_shows_itself_is_shown_once(run: Run) -> None:
    code = "class A:\n    def _ipython_display_(self):\n        print('mine')\n\n\nA()"
    assert shown(run(code)[0]) == ["mine\n"]


def test_notes_stand_below_the_message(run: Run) -> None:
    (result,) = run("e = ValueError('bad')\ne.add_note('look there')\nraise e")
    assert result.error == ("ValueError", "bad") and result.outputs[0]["evalue"] == "bad\nlook there"
    assert result.outputs[0]["traceback"][-1].endswith("look there")


def test_a_failure_has_its_line(run: Run) -> None:
    results = run("def f():\n    1 / 0", "x = 1\nf()", "x = 1\n\nx = = 2", "a: int = 1\nreturn 2", "eval('1+')", "1")
    assert [r.line for r in results] == [0, 2, 3, 2, 1, 0]


def test_a_child_that_ends_or_is_of_multiprocessing_is_no_fault(run: Run) -> None:
    ends = "import os, sys\npid = os.fork()\nif pid == 0:\n    sys.exit()\nos.waitpid(pid, 0);"
    workers = "import multiprocessing as m\nm.get_context('fork').Pool(1).map(len, ['ab'])"
    assert [r.refused for r in run(ends, workers)] == [[], []]


def test_printed_lines_tables_and_figures_keep_their_order(run: Run) -> None:
    code = (
        "import sys, pandas as pd, matplotlib.pyplot as plt\nfrom IPython.display import display\n"
        "print('one')\nplt.plot([1, 2])\nplt.show()\nprint('two', file=sys.stderr)\n"
        "display(pd.DataFrame({'a': [1]}))\nprint('three')\n'four'"
    )
    outputs = run(code)[0].outputs
    kinds = [o.get("name") or sorted(o["data"])[0] for o in outputs]
    assert kinds == ["stdout", "image/svg+xml", "stderr", "text/html", "stdout", "text/plain"]
    assert outputs[-1]["output_type"] == "execute_result" and outputs[1]["output_type"] == "display_data"


def test_progress_bars_show_their_last_state(run: Run) -> None:
    assert shown(run("print('a')\nprint('\\r10%', end='')\nprint('\\r100%', end='')\nprint('\\nb')")[0]) == [
        "a\n100%\nb\n"
    ]


TQDM = """\
import sys, time
from tqdm import tqdm
with tqdm(range(3), desc="train", unit=" batch") as bar:
    for i in bar:
        time.sleep(0.02)
        bar.set_postfix(loss=i / 2)
for _ in tqdm(iter("ab")):
    time.sleep(0.01)
for _ in tqdm(range(1), total=3600 * 30):
    time.sleep(0.12)
with tqdm(total=2048, unit="B", unit_scale=True) as bar:
    bar.update(2048)
print("[12:30, left]", file=sys.stderr)
"""


def test_bars_of_tqdm_keep_no_rate_and_no_times(run: Run) -> None:
    assert "".join(shown(run(TQDM)[0])).splitlines() == [
        "train: 100%|██████████| 3/3 [loss=1]",
        "2it",
        "  0%|          | 1/108000",
        "100%|██████████| 2.05k/2.05k",
        "[12:30, left]",
    ]


def test_the_output_of_a_block_is_its_own(run: Run) -> None:
    assert [shown(r) for r in run("print(1)", "print(2)", "3")] == [["1\n"], ["2\n"], ["3"]]


def test_exceptions_are_told_as_python_tells_them(run: Run) -> None:
    result = run("def f():\n    raise ValueError('bad\\nvalue')", "f()")[1]
    assert result.error == ("ValueError", "bad\nvalue")
    assert result.failure == "ValueError: bad\nvalue"
    (output,) = result.outputs
    assert (output["output_type"], output["ename"], output["evalue"]) == ("error", "ValueError", "bad\nvalue")
    trace = "\n".join(output["traceback"])
    assert "raise ValueError('bad\\nvalue')" in trace and "demo_page.py" in trace
    assert "kernel.py" not in trace and "/tmp" not in trace


def test_warnings_are_told_with_their_owner(run: Run) -> None:
    own = "import warnings\nwarnings.warn('mine', UserWarning)"
    other = "import warnings\nwarnings.warn_explicit('theirs', UserWarning, 'elsewhere.py', 1)"
    results = run(own, other, "1")
    assert [r.warnings for r in results] == [[("UserWarning", "mine", True)], [("UserWarning", "theirs", False)], []]
    assert "UserWarning: mine" in results[0].outputs[0]["text"]
    assert results[1].outputs == []


def test_each_block_starts_from_another_random_state(run: Run) -> None:
    code = "import random, numpy, torch\n(random.random(), numpy.random.rand(), torch.rand(1).item())"
    first, second = run(code, code)
    assert first.unseeded and second.unseeded
    assert all(a != b for a, b in zip(eval(shown(first)[0]), eval(shown(second)[0]), strict=True))


@pytest.mark.parametrize(
    ("code", "unseeded"),
    [
        ("torch.manual_seed(0); torch.rand(1)", False),
        ("torch.rand(1)", True),
        ("torch.zeros(1)", False),
        ("with torch.random.fork_rng():\n    torch.manual_seed(0)\n    torch.rand(1)", False),
        ("torch.rand(1, generator=torch.Generator().manual_seed(0))", False),
        ("import random; random.seed(0); random.random()", False),
        ("import numpy; numpy.random.shuffle([1, 2])", True),
    ],
)
def test_unseeded(code: str, unseeded: bool, run: Run) -> None:
    assert run("import torch", code)[1].unseeded is unseeded


def test_addresses_and_folders_are_not_shown(run: Run) -> None:
    (text,) = shown(
        run("import tempfile, os\nprint(object(), os.path.join(os.getcwd(), 'data.csv'), '/nowhere/snippets')")[0]
    )
    assert text == "<object object at 0x…> work/data.csv snippets\n"


def test_a_page_works_in_an_empty_folder_with_one_thread(run: Run) -> None:
    assert shown(run("import os, sys, torch\nprint(os.listdir(), torch.get_num_threads(), len(sys.argv))")[0]) == [
        "[] 1 1\n"
    ]


def test_standard_streams_work_as_files(run: Run) -> None:
    code = "import sys\nsys.stdout.buffer.write(b'raw\\n')\nprint(sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable())"
    assert shown(run(code)[0]) == ["raw\n1 False utf-8 True\n"]


@pytest.mark.parametrize(("moved", "told"), [(False, "'cpu'"), (True, "'sim'")])
def test_a_device_is_the_default_only_of_a_page_that_is_moved(run: Run, moved: bool, told: str) -> None:
    assert shown(run("import torch\ntorch.ones(1).device.type", device="sim", moved=moved)[0]) == [told]


def test_multiprocessing_workers_run(run: Run) -> None:
    code = "import torch\nfrom torch.utils.data import DataLoader\ntorch.manual_seed(0)\n[b.tolist() for b in DataLoader([1, 2, 3], batch_size=2, num_workers=1)]"
    assert shown(run(code)[0]) == ["[[1, 2], [3]]"]


def test_machine_is_this_one() -> None:
    import platform

    import torch

    assert machine().torch == torch.__version__
    assert machine("cuda").device == "cuda"
    assert machine().python == platform.python_version()
    for name in ("numpy", "pandas", "matplotlib"):
        assert getattr(machine(), name) == version(name)
    assert (machine().vendor, machine().model) == processor()
    assert platform.node() not in asdict(machine()).values()
