"""book.ground.tree"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from books import write_small

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import HERE, Tree


def test_one_page_has_one_path_everywhere() -> None:
    tree = Tree(Path("/book"))
    assert tree.page("zh", "part/small") == Path("/book/docs/zh/part/small.md")
    assert tree.record("part/small") == Path("/book/docs/records/part/small.ipynb")
    assert tree.snippets == Path("/book/snippets")
    assert tree.ledger == Path("/book/tests/ledger.toml")
    assert tree.requirements == Path("/book/requirements.txt")
    assert tree.build == Path("/book/build")


def test_pages_and_snippet_files_are_found_and_sorted(tmp_path: Path) -> None:
    tree = write_small(tmp_path)
    tree.page("en", "index").write_text("# Home {#home}\n", encoding="utf-8")
    (tree.docs("en") / "note.txt").write_text("no page", encoding="utf-8")
    assert tree.pages() == ["index", "part/small"]
    assert tree.pages("zh") == ["part/small"]
    assert tree.snippet_files() == ["part/small.py"]


def test_relative_shows_paths_below_the_root_without_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    assert tree.relative(tree.page("en", "a")) == "docs/en/a.md"
    assert tree.relative(Path("/elsewhere/a")) == "/elsewhere/a"


def test_here_is_the_checkout_of_the_engine() -> None:
    assert (HERE.root / "book" / "ground" / "tree.py").is_file()


def test_write_atomically_leaves_equal_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    assert write_atomically(path, "张量")
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    assert not write_atomically(path, "张量".encode())
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp
    assert write_atomically(path, b"other")
    assert path.read_bytes() == b"other"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_write_atomically_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(
        BookError, match=r"file\.txt: can't be written \(No space left on device\): nothing was changed"
    ):
        write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="needs a umask")
def test_write_atomically_heeds_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "new" / "file.txt", "mine")
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "new", tmp_path / "new" / "file.txt")]
    assert modes == [0o700, 0o600]
