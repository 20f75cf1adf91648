"""The engine's types, the linter, the requirements, the commands' help, and what no file of the repository may contain."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from book import cli
from book.ground.tree import HERE

ROOT = HERE.root
COMMANDS = ("audit", "bench", "build", "check", "gpu", "mutate", "record", "serve", "shake", "stage")

# Folders of the machines on which this book was written: nobody else has them. (Built here of parts, to pass the test itself.)
FORBIDDEN = ["/" + name + "/" for name in ("work", "root", "tmp/bash_jobs", "tmp/brief")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_types() -> None:
    """mypy, strict, on book/ (pyproject.toml says both)."""
    done = run("mypy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"no issues found in \d\d+ source files", done.stdout)


def test_mypy_is_strict_and_reads_the_engine() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.mypy]")[2]
    assert re.search(r"^strict = true$", settings, re.MULTILINE)
    assert re.search(r'^files = \[.*"book"', settings, re.MULTILINE)


def test_lint() -> None:
    done = run("ruff", "check", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_reads_the_whole_engine() -> None:
    """Also the room that has the name of a folder that is built, site."""
    read = {Path(line) for line in run("ruff", "check", "--show-files", ".").stdout.splitlines()}
    assert not [path for path in (ROOT / "book").rglob("*.py") if path not in read]


# ---- Imports ---------------------------------------------------------------------------------------------------------


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Hold the imports of the engine below ``root`` against the contracts of its pyproject.toml."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    done.stdout = re.sub(r"\x1b\[\d+m", "", done.stdout)  # it colours a pipe too
    return done


def test_imports_go_one_way() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


def test_every_room_says_its_job() -> None:
    rooms = [path for path in sorted((ROOT / "book").iterdir()) if (path / "__init__.py").is_file()]
    assert len(rooms) > 5
    for room in rooms:
        module = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
        text = ast.get_docstring(module) or ""
        assert len(module.body) == 1, f"{room.name}: a room's __init__ holds its docstring only"
        assert "mports" in text and text.count("\n") < 10, (
            f"{room.name}: say its job and what it may import, in ten lines"
        )


@pytest.mark.parametrize(
    ("file", "line", "contract", "says"),
    [
        ("book/run/child.py", "from book.site import stage", "one way", r"book\.run\.child ?-> ?book\.site\.stage"),
        ("book/prove/check.py", "from book.find import ask", "one way", r"book\.prove\.check ?-> ?book\.find\.ask"),
        (
            "book/ground/errors.py",
            "def f(): from book.source import pages",
            "one way",
            r"book\.ground\.errors ?-> ?book\.source\.pages",
        ),
        (
            "book/site/status.py",
            "def f(): import torch",
            "reading the book needs no torch",
            r"book\.site\.status ?-> ?torch",
        ),
        (
            "book/site/status.py",
            "from book.prove import results",
            "a page shows data, and asks nobody who runs blocks",
            r"book\.site\.status ?-> ?book\.prove\.results",
        ),
        (
            "book/source/sections.py",
            "from book.source import pages",
            "no circles inside a room either",
            r"book\.source",
        ),
        (
            "book/prove/check.py",
            "from bench import measure",
            "only the command line measures",
            r"book\.prove\.check ?-> ?bench\.measure",
        ),
        ("book/attic.py", "", "one way", r"book\.attic"),
    ],
    ids=["up", "aside", "hidden in a function", "torch", "pages run blocks", "circle in a room", "bench", "no room"],
)
def test_an_import_the_wrong_way_is_named(tmp_path: Path, file: str, line: str, contract: str, says: str) -> None:
    for folder in ("book", "bench"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as opened:
        opened.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout and re.search(says, done.stdout), done.stdout


# ---- Requirements ----------------------------------------------------------------------------------------------------


def unexplained(text: str) -> list[str]:
    """The requirements that are not pinned with ``==``, or have no comment beside them that says what they are for."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "-r "))]
    return [line for line in lines if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.+]+\s+# \S.*", line)]


@pytest.mark.parametrize("file", ["docs/requirements.txt", "requirements.txt"])
def test_requirements_are_pinned_and_explained(file: str) -> None:
    assert unexplained((ROOT / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line", ["numpy", "numpy>=2  # arrays", "numpy==2.4.6", "numpy==2.4.6 #"])
def test_a_loose_requirement_is_noticed(line: str) -> None:
    assert unexplained(f"# tools\ntorch==2.13.0  # the book\n{line}\n") == [line]


def test_reading_needs_no_torch() -> None:
    needed = re.findall(r"^[\w.-]+", (ROOT / "docs" / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert "mkdocs-material" in needed
    assert not [name for name in needed if "torch" in name]


def test_everything_includes_what_reading_needs() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "-r docs/requirements.txt" in lines
    first = next(line for line in lines if line and not line.startswith("#"))
    assert first.startswith("torch==")


# ---- Commands --------------------------------------------------------------------------------------------------------


def commands(said: str) -> list[str]:
    """The commands that ``python -m book --help`` lists."""
    return sorted(re.findall(r"^    (\w+)\b", said, re.MULTILINE))


def test_help_lists_every_command() -> None:
    done = run("book", "--help")
    assert done.returncode == 0, done.stderr
    found = commands(done.stdout)
    assert set(COMMANDS) <= set(found), "a command is gone, or has no help"


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    for command in commands(capsys.readouterr().out):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0
        assert f"python -m book {command}" in capsys.readouterr().out


def test_an_unknown_command_says_which_there_are() -> None:
    done = run("book", "recrod")
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
    assert "record" in done.stderr


# ---- Words -----------------------------------------------------------------------------------------------------------


def repository_files() -> list[Path]:
    """Tracked files, and new ones that git does not ignore; outside a git checkout, all but what is built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        made = {
            ".venv",
            ".ladder",
            "__pycache__",
            ".pytest_cache",
            ".mypy_cache",
            ".ruff_cache",
            ".import_linter_cache",
            ".git",
        }
        inside = {path: path.relative_to(ROOT).parts for path in ROOT.rglob("*")}
        found = [path for path, parts in inside.items() if parts[0] not in ("build", "site") and not made & set(parts)]
    return [path for path in found if path.is_file()]


def machine_paths(text: str) -> list[str]:
    """The forbidden folders that ``text`` names, each with its line number; addresses of web pages don't count."""
    return [
        f"{number}: {line.strip()[:120]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for folder in FORBIDDEN
        if re.search(rf"(?<![\w.~-]){re.escape(folder)}", line)
    ]


def test_no_file_names_a_folder_of_the_authors_machines() -> None:
    files = repository_files()
    assert len(files) > 50
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{path.relative_to(ROOT)}:{problem}" for problem in machine_paths(text)]
    assert found == []


def test_a_machine_path_is_noticed() -> None:
    folder = FORBIDDEN[0]
    assert machine_paths(f"fine\nopen('{folder}main/x.py')") == [f"2: open('{folder}main/x.py')"]
    assert machine_paths(f"https://example.org{folder}x and at{folder}home") == []


def short_accelerator_calls(text: str) -> list[int]:
    """Line numbers of ``current_accelerator`` without ``check_available``: built for CUDA, PyTorch then answers ``cuda`` on any machine."""
    return [text.count("\n", 0, call.start()) + 1 for call in re.finditer(r"current_accelerator\(\s*\)", text)]


def test_no_page_takes_an_accelerator_that_may_not_be_there() -> None:
    shown = [
        path
        for path in repository_files()
        if path.suffix in (".py", ".md") and path.relative_to(ROOT).parts[0] not in ("tests", "bench")
    ]
    assert len(shown) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: write current_accelerator(check_available=True)"
        for path in shown
        for line in short_accelerator_calls(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_short_accelerator_call_is_noticed() -> None:
    code = "import torch\nd = torch.accelerator.current_accelerator() or 'cpu'\ne = current_accelerator(\n)\n"
    assert short_accelerator_calls(code) == [2, 3]
    assert short_accelerator_calls("torch.accelerator.current_accelerator(check_available=True)") == []
