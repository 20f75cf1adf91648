"""tests/rotation.py: what changed always runs, and everything has its turn."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import rotation

from book.ground.tree import Tree


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Reader", "-c", "user.email=reader@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, timeout=60)


def test_every_name_has_its_turn_once() -> None:
    names = [f"part/page:block_{n}" for n in range(200)]
    turns = [name for seed in range(202648, 202648 + 16) for name in rotation.share(names, 16, seed)]
    assert sorted(turns) == sorted(names)


def test_all_names_are_the_share_of_one() -> None:
    assert rotation.share(["a", "b"], 1, 7) == ["a", "b"]


def test_a_budget_stops_the_sample_but_never_empties_it() -> None:
    assert rotation.within([3.0, 4.0, 5.0], lambda s: s, 7.5) == [3.0, 4.0]
    assert rotation.within([300.0, 1.0], lambda s: s, 240) == [300.0]


def test_the_seed_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_SEED", "5")
    assert rotation.week() == 5
    monkeypatch.delenv("BOOK_SEED")
    assert 202600 < rotation.week() < 210000 and 1 <= rotation.week() % 100 <= 53


def test_a_changed_program_is_seen(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_BASE", raising=False)
    assert rotation.base(small.root) is None and rotation.changed_programs(small, None) == set()
    git(small.root, "init", "-q")
    git(small.root, "add", ".")
    git(small.root, "commit", "-qm", "one")
    assert rotation.base(small.root) is None, "there is no commit before the first"
    path = small.record("part/small")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][1]["metadata"]["book"]["program"]["text"] += "# changed\n"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert rotation.changed_programs(small, "HEAD") == {"part/small:table"}
    git(small.root, "commit", "-qam", "two")
    since = rotation.base(small.root)
    assert since and rotation.changed_programs(small, since) == {"part/small:table"}
