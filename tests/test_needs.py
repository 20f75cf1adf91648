"""Packages beyond requirements.txt: tools.txt, the pages that name its packages, and what happens without them."""

from __future__ import annotations

from pathlib import Path

import pytest
import resolutions
from books import write_page

from book.ground.tree import HERE, Tree
from book.prove import check
from book.record import records
from book.run.job import BlockCode, Job
from book.run.session import Sessions
from book.source import ledger, needs, pages
from book.source.pages import Page

PINS = "-r requirements.txt\n\noptuna==5.0.0\noptuna-dashboard==0.21.0\nno-such-tool==1.0\n"
NEEDING = sorted(name for name, page in check.load_pages(HERE).items() if page.needs)


@pytest.mark.parametrize("file", ["requirements.txt", "tools.txt"])
def test_what_is_installed_satisfies_both_files(file: str) -> None:
    """No pin of one was put down for the other (tests/resolutions.py compares what they bring)."""
    if file == "tools.txt" and not needs.wanted() and any(map(needs.missing, check.load_pages(HERE).values())):
        pytest.skip("tools.txt is not installed here")
    assert resolutions.resolution(file, "--no-index") == {}


def test_a_changed_package_is_told() -> None:
    core, every = {"pillow": "13.0.0", "numpy": "2.4.6", "tqdm": "4.70.1"}, {"pillow": "12.3.0", "numpy": "2.4.6"}
    assert resolutions.changed(core, every) == ["pillow: 13.0.0 -> 12.3.0", "tqdm: 4.70.1 -> None"]


def planted(tmp_path: Path, code: str, front: str) -> tuple[Tree, Page]:
    tree = write_page(tmp_path, {"one": code})
    tree.tools.write_text(PINS, encoding="utf-8")
    for language in ("en", "zh"):
        path = tree.page(language, "part/page")
        path.write_text(f"---\n{front}\n---\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    return tree, pages.load(tree, "part/page")


@pytest.mark.parametrize(
    ("code", "front", "told"),
    [
        ("import optuna\n\noptuna.__name__", "title: T", "a block uses optuna"),
        ("from optuna import samplers\n\nsamplers.__name__", "needs: [optuna-dashboard]", "a block uses optuna"),
        (
            'import subprocess\n\nsubprocess.run(["optuna-dashboard", "-h"])',
            "title: T",
            "a block uses optuna-dashboard",
        ),
        ("1 + 1", "needs: [optuna]", "no block of the page imports or runs it"),
        ("import torch\n\ntorch.compile(len)", "title: T", 'a block uses g++: write "needs: [g++]"'),
        ('import torch\n\ntorch.compile(len, backend="eager")', "needs: [g++]", "no block of the page imports or runs it"),
        ("import optuna\n\noptuna.__name__", "needs: [optunas]", 'tools.txt does not pin it (did you mean "optuna"?)'),
    ],
)
def test_what_a_page_names_is_what_it_uses(tmp_path: Path, code: str, front: str, told: str) -> None:
    tree, page = planted(tmp_path, code, front)
    assert told in "\n".join(needs.problems(tree, page))


def test_a_page_that_names_what_it_uses_has_no_problem(tmp_path: Path) -> None:
    tree, page = planted(tmp_path, "import optuna\n\noptuna.__name__", "needs: [optuna]")
    assert list(needs.problems(tree, page)) == []
    assert page.needs == ("optuna",)


@pytest.mark.parametrize(("parts", "status"), [("", "skipped"), ("core", "skipped"), ("all", "failed")])
def test_a_missing_package_is_told_and_fails_where_all_parts_were_asked_for(
    tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, parts: str, status: str
) -> None:
    tree, page = planted(tmp_path, "import no_such_tool\n\n1 + 1", "needs: [no-such-tool]")
    monkeypatch.setenv("BOOK_PARTS", parts)
    job = check.job_of(tree, page, ledger.load(tree))
    assert job.blocks == ()
    (run,) = sessions.run([job])
    (verdict,) = check.judge(tree, page, run, ledger.load(tree), None)
    assert verdict.status == status
    assert verdict.message == "needs no-such-tool, not installed here: pip install -r tools.txt"


def test_a_missing_program_is_told_with_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = planted(tmp_path, "import torch\n\ntorch.compile(len)", "needs: [g++, no-such-tool]")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert needs.missing(page) == ["g++", "no-such-tool"]
    assert needs.told(page) == (
        "needs g++, no-such-tool, not installed here: pip install -r tools.txt; "
        "a C++ compiler, on Linux: `apt-get install g++`"
    )


def test_parts_that_do_not_exist_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_PARTS", "some")
    with pytest.raises(ValueError, match="PARTS=some: write all, or core"):
        needs.wanted()


@pytest.mark.parametrize("name", NEEDING)
def test_a_page_does_not_run_without_a_package_that_it_names(name: str, sessions: Sessions) -> None:
    """Each package, hidden from a program and its children: of the blocks whose program names it, one fails."""
    page = pages.load(HERE, name)
    if needs.missing(page) and not needs.wanted():
        pytest.skip(needs.told(page))
    record = records.read(HERE, name)
    cells = [record.cell(block.name) for block in page.blocks if not block.is_app]
    for package in page.needs:
        texts = [cell.program["text"] for cell in cells if cell is not None]
        naming = [text for text in texts if package in needs.named(HERE, [text])]
        hide = HIDE.format(module=needs.module(package))
        assert any(_fails(sessions, name, hide, text) for text in naming), f"{page.path}: all runs without {package}"


def _fails(sessions: Sessions, name: str, hide: str, text: str) -> bool:
    blocks = (BlockCode("hide", hide), BlockCode("program", text))
    (run,) = sessions.run([Job(name, blocks, str(HERE.root), check.LIMIT)])
    hidden, program = run.results
    assert hidden.failure is None, hidden.failure
    return program.failure is not None


# A module that can't be imported, here and in what is started from here; a command of its name that fails.
HIDE = """
import os, sys
from pathlib import Path

folder = Path("hidden").resolve()
folder.mkdir()
(folder / "{module}.py").write_text("raise ModuleNotFoundError('{module} is hidden')")
for name in ("{module}", "{module}".replace("_", "-")):
    (folder / name).write_text("#!/bin/sh\\nexit 127\\n")
    (folder / name).chmod(0o755)
for name in [name for name in sys.modules if name.partition(".")[0] == "{module}"]:
    del sys.modules[name]
sys.modules["{module}"] = None
os.environ["PYTHONPATH"] = str(folder)
os.environ["PATH"] = str(folder) + os.pathsep + os.environ["PATH"]
"""
