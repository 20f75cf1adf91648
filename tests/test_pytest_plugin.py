"""book.prove.pytest_plugin: each block as a test"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from books import one_block
from faults import output

from book.ground.tree import HERE, Tree
from book.record import records


def pytest_in(tree: Tree, *arguments: str) -> str:
    """What pytest says in a checkout that has this plugin."""
    (tree.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "book.prove.pytest_plugin",
        "-p",
        "no:codeblocks",
        "-p",
        "no:cacheprovider",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(HERE.root)
    done = subprocess.run(
        [*command, *arguments], cwd=tree.root, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_blocks_are_tests_and_failures_name_their_place(small: Tree) -> None:
    one_block(small.root, "1 / 0", small.ledger.read_text(encoding="utf-8"))
    records.write(small, replace(records.read(small, "part/small"), page="part/one"))
    output("table", "text/plain", r"0\.25", "0.26")(small)
    said = pytest_in(small, "-v", "docs/en")
    results = dict(re.findall(r"^(\S+::\S+) (\w+)", said, re.MULTILINE))
    assert results == {
        "part/small.md::scale": "PASSED",
        "part/small.md::table": "FAILED",
        "part/small.md::curve": "PASSED",
        "part/small.md::wrong_shape": "PASSED",
        "part/one.md::before": "FAILED",
        "part/one.md::probe": "FAILED",
        "part/one.md::after": "FAILED",
    }, said
    assert "docs/en/part/small.md:16 (snippets/part/small.py:9):" in said and "0.26 is now 0.25" in said
    assert "ZeroDivisionError: division by zero" in said and "not in the record" in said
    assert "book/prove/pytest_plugin.py" not in said, "a reader sees no engine"


def test_one_block_can_be_selected_and_runs_with_those_above(small: Tree) -> None:
    said = pytest_in(small, "-v", "docs/en/part/small.md::wrong_shape")
    assert "part/small.md::wrong_shape PASSED" in said and "1 passed" in said, said


def test_a_page_that_does_not_parse_is_an_error(tmp_path: Path) -> None:
    tree = one_block(tmp_path / "book", "1")
    tree.page("en", "part/one").write_text("```python\nx\n```\n", encoding="utf-8")
    said = pytest_in(tree, "docs/en", "--collect-only")
    assert "docs/en/part/one.md:1: a python fence without an include" in said and "1 error" in said
