"""Which second proofs run today: what changed, always, and a share that rotates with the ISO week, so that all come round."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from book.ground.tree import Tree

Item = TypeVar("Item")


def week() -> int:
    """The seed of this run: BOOK_SEED, or the number of the ISO week, such as 202648."""
    chosen = os.environ.get("BOOK_SEED")
    year, number, _ = datetime.datetime.now(datetime.UTC).isocalendar()
    return int(chosen) if chosen else year * 100 + number


def share(names: Iterable[str], every: int, seed: int) -> list[str]:
    """Those whose turn it is: each name once in ``every`` seeds that follow each other."""
    return [name for name in names if (zlib.crc32(name.encode()) + seed) % every == 0]


def within(items: Sequence[Item], seconds: Callable[[Item], float], budget: float) -> list[Item]:
    """The first items whose seconds add up to no more than the budget, the first one always."""
    spent, taken = 0.0, []
    for item in items:
        spent += seconds(item)
        if taken and spent > budget:
            break
        taken.append(item)
    return taken


def base(root: Path) -> str | None:
    """The commit that this checkout is compared with: BOOK_BASE, where the branch left origin/main, or the commit before."""
    named = os.environ.get("BOOK_BASE", "")
    head = _git(root, "rev-parse", "HEAD")
    for name in (named, _git(root, "merge-base", "HEAD", "origin/main"), "HEAD~1"):
        commit = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") if name else ""
        if commit and commit != head:
            return commit
    return None


def changed_programs(tree: Tree, since: str | None) -> set[str]:
    """``page:block`` of each recorded program that is not what it was at the commit ``since``."""
    if since is None:
        return set()
    changed = set()
    for file in _git(tree.root, "diff", "--name-only", "--diff-filter=AM", since, "--", "docs/records").splitlines():
        path = tree.root / file
        if path.suffix == ".ipynb" and path.is_file():
            page = Path(file).relative_to("docs/records").with_suffix("").as_posix()
            before = _programs(_git(tree.root, "show", f"{since}:{file}"))
            now = _programs(path.read_text(encoding="utf-8"))
            changed |= {f"{page}:{name}" for name, text in now.items() if before.get(name) != text}
    return changed


def _programs(notebook: str) -> dict[str, str]:
    cells = json.loads(notebook)["cells"] if notebook else []
    facts = [cell["metadata"]["book"] for cell in cells]
    return {fact["section"]: fact["program"]["text"] for fact in facts if fact["program"]}


def _git(root: Path, *arguments: str) -> str:
    """What git says, or nothing where there is no git, no repository or no such commit."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", timeout=60
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
