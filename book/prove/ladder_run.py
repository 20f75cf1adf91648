"""Check the book on another torch than the pinned one: a virtual environment of its own, below .ladder/, and a run in it.

pip installs what requirements.txt names, with the other torch in place of the pinned one. On Linux its default wheel
brings CUDA libraries, several GB: no test and no other command of the book does this.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from book.ground.errors import BookError, at
from book.ground.files import write_atomically
from book.ground.tree import HERE, Tree

FOLDER = ".ladder"
NEWEST = "newest"
VERSION = re.compile(r"\d+\.\d+\.\d+")
PIN = re.compile(r"^torch==[^\s;#]+", re.MULTILINE)
INCLUDE = re.compile(r"^-r +(\S+)", re.MULTILINE)
OLDEST_PYTHON = (3, 11)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where the environment of one torch and one Python stands."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def wanted(self) -> Path:
        """The requirements that are to be installed."""
        return self.folder.with_name(f"{self.folder.name}.txt")

    @property
    def done(self) -> Path:
        """The requirements that were installed to the end."""
        return self.folder / "installed.txt"

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")


def version(named: str) -> str:
    """A torch release as pip takes it.

    Raises:
        BookError: it is none; says how one is written.
    """
    if VERSION.fullmatch(named):
        return named
    raise BookError(
        f'TORCH="{named}" names no release of torch: write all three numbers, as in {_example()}, or {NEWEST}'
    )


def _example() -> str:
    return "make ladder TORCH=2.15.0"


def requirements(tree: Tree, torch: str) -> str:
    """The text of requirements.txt with ``torch`` in place of the pinned one, as it can stand in another folder.

    Raises:
        BookError: requirements.txt pins no torch, or more than one.
    """
    text = tree.requirements.read_text(encoding="utf-8")
    pins = PIN.findall(text)
    if len(pins) != 1:
        raise at(
            tree.relative(tree.requirements),
            None,
            f"has {len(pins)} lines that pin torch, must have one, torch==2.13.0",
        )
    text = PIN.sub(f"torch=={torch}", text)
    return INCLUDE.sub(lambda found: f"-r {(tree.requirements.parent / found[1]).as_posix()}", text)


def newest_release() -> str:
    """The newest torch that pip finds.

    Raises:
        BookError: pip finds none, with its last words.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "torch", "--disable-pip-version-check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.match(rf"torch \(({VERSION.pattern})", ran.stdout)
    if ran.returncode or found is None:
        raise BookError(f"pip finds no release of torch ({_last(ran.stderr)}): name one, as in {_example()}")
    return found[1]


def place(tree: Tree, torch: str, python: str) -> Place:
    """The environment's place for this torch and the ``python`` that it is made with.

    Raises:
        BookError: the command is not there, or too old.
    """
    question = "import sys; print(*sys.version_info[:2])"
    command = shutil.which(python)
    ran = subprocess.run([command, "-c", question], capture_output=True, text=True, check=False) if command else None
    if ran is None or ran.returncode:
        raise BookError(
            f"PYTHON={python}: no Python that runs by this name: name one, as in {_example()} PYTHON=python3.13"
        )
    major, minor = map(int, ran.stdout.split())
    if (major, minor) < OLDEST_PYTHON:
        raise BookError(f"PYTHON={python} is Python {major}.{minor}: the book needs 3.11 or newer")
    return Place(tree.root / FOLDER / f"torch-{torch}-python-{major}.{minor}")


def install(tree: Tree, torch: str, python: str, say: Say) -> Place:
    """Make the environment, or bring it up to date; does nothing where the same requirements were installed before.

    Raises:
        BookError: pip could not install them, with its error and the place of all its words.
    """
    here, wanted = place(tree, torch, python), requirements(tree, torch)
    if here.done.is_file() and here.done.read_text(encoding="utf-8") == wanted:
        return here
    if not here.python.exists():
        say(f"making {tree.relative(here.folder)}")
        subprocess.run([python, "-m", "venv", str(here.folder)], check=True)
    write_atomically(here.wanted, wanted)
    say(f"installing torch {torch} and the book's packages; pip's words stand in {tree.relative(here.log)}")
    with here.log.open("w", encoding="utf-8") as log:
        pip = [str(here.python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
        ran = subprocess.run([*pip, "-r", str(here.wanted)], stdout=log, stderr=subprocess.STDOUT, check=False)
    if ran.returncode:
        why = reason(here.log.read_text(encoding="utf-8", errors="replace"))
        raise BookError(
            f"torch {torch} could not be installed ({why}): see {tree.relative(here.log)}; `pip config debug` shows"
            " whether this machine limits the releases that pip may install"
        )
    write_atomically(here.done, wanted)
    return here


def reason(said: str) -> str:
    """Of pip's words, its first error, and the limit on torch that it met, if any."""
    lines = [line.strip() for line in said.splitlines()]
    found = [line for line in lines if line.startswith("ERROR:")][:1]
    found += [line for line in lines if re.search(r"\(constraint\) torch\b", line)][:1]
    return "; ".join(found) or _last(said)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def climb(tree: Tree, named: str, pages: Sequence[str], python: str, say: Say) -> int:
    """Check the pages (all, if none is named) on the torch that is named, without and with a simulated accelerator.

    Runs over all pages are noted in the records.

    Returns:
        The exit status of the checks: 0 if every block passed, or says on its page why not.
    """
    torch = newest_release() if named == NEWEST else version(named)
    here = install(tree, torch, python, say)
    say(f"checking {', '.join(pages) or 'all pages'} on torch {torch}")
    noted = list(pages) or ["--prove"]
    states = []
    for check in (["check"], ["gpu", "--device", "sim"]):
        command = [str(here.python), "-m", "book", "--root", str(tree.root), *check, *noted]
        states.append(subprocess.run(command, cwd=HERE.root, check=False).returncode)
    return max(states, key=abs)
