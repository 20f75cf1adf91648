"""tests/tiers.py: files in order, seconds by tier, and a run that fails when something costly ran twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiers

from book.ground.tree import HERE, Tree

CONFTEST = """\
import sys

sys.path.insert(0, {tests!r})
import tiers


def pytest_configure(config):
    config.pluginmanager.register(tiers, "tiers")
"""


def pytest_in(tree: Tree, *arguments: str) -> tuple[int, str]:
    """Exit status and words of pytest, two workers, in a small checkout with both plugins."""
    (tree.root / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["blocks", "engine"]\n')
    (tree.root / "conftest.py").write_text(CONFTEST.format(tests=str(HERE.root / "tests")))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(HERE.root)
    command = [sys.executable, "-m", "pytest", "-p", "book.prove.pytest_plugin", "-p", "no:codeblocks", "-n", "2"]
    done = subprocess.run(
        [*command, *arguments, "docs/en"], cwd=tree.root, env=environment, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def test_a_page_runs_once(small: Tree) -> None:
    status, said = pytest_in(small, "--dist", "loadfile")
    assert status == 0 and "4 passed" in said, said
    assert "times in this run" not in said


def test_a_page_that_runs_twice_fails_the_run(small: Tree) -> None:
    """Planted: blocks are dealt to both workers, so that each has to run the page."""
    status, said = pytest_in(small, "--dist", "each")
    assert status == 1, said
    assert "FAILED: the session of part/small ran 2 times in this run, not once" in said


def test_a_tier_far_above_its_budget_is_told_loudly() -> None:
    made = tiers.Tiers(dict.fromkeys(tiers.NAMES, 100.0), {}, {})
    table = "\n".join(made.table({"blocks": 149.0, "site": 160.0}))
    assert "blocks          149      100\n" in table
    assert "site            160      100  OVER ITS BUDGET, 1.6 times" in table


def test_every_pattern_names_a_file() -> None:
    made = tiers.load()
    missing = [p for patterns in made.files.values() for p in patterns if not list(HERE.root.glob(p))]
    assert not missing and not [name for name in made.seconds if not (HERE.root / name).is_file()]


@pytest.mark.parametrize(
    ("file", "tier"),
    [
        ("docs/en/concepts/autograd.md", "blocks"),
        ("tests/test_browser.py", "browser"),
        ("tests/test_faults.py", "faults"),
        ("tests/test_compare.py", "engine"),
    ],
)
def test_tier_of_a_file(file: str, tier: str) -> None:
    assert tiers.load().of(file) == tier


def test_make_test_keeps_files_together_and_in_order() -> None:
    """xdist 3.8.0 ignores ``--dist loadgroup`` under pytest 9.2: pages would run on both workers."""
    line = next(x for x in (HERE.root / "Makefile").read_text(encoding="utf-8").splitlines() if "-m pytest -n" in x)
    assert "--dist loadfile --no-loadscope-reorder" in line
    marks = [path for path in Path(__file__).parent.glob("*.py") if ".xdist_group" in path.read_text(encoding="utf-8")]
    assert marks == [Path(__file__)]


def test_long_files_start_first(request: pytest.FixtureRequest) -> None:
    order = list(dict.fromkeys(item.path for item in request.session.items))
    seconds = {item.path: tiers.expected(item) for item in request.session.items}
    assert [seconds[path] for path in order] == sorted(seconds.values(), reverse=True)


def test_the_last_lines_name_what_failed(small: Tree) -> None:
    """Below pytest's summary, whose messages can fill a terminal."""
    snippet = small.snippets / "part/small.py"
    snippet.write_text(
        snippet.read_text(encoding="utf-8").replace("print(", 'assert 0, "long" * 9999\nprint(', 1), encoding="utf-8"
    )
    status, said = pytest_in(small)
    assert status == 1, said
    assert said.strip().splitlines()[-1].startswith("FAILED: "), said[-500:]
