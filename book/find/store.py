"""The index as files: what a browser fetches, and what the terminal keeps beside it so that an answer takes no time.

``index.json`` is the list of documents, packed; ``000.json`` to ``143.json`` are pieces of prose as postings, fetched by the
words of a query; ``lines-00.json`` to ``lines-15.json`` are the lines of code that names are shown with; ``core.json`` is
MiniSearch's own index, which the terminal reads and a browser makes itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from book.find.engine import CORE, FILES, INDEX, Searcher
from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import Tree

STAMP = "stamp"


class _Shards(Mapping[int, str]):
    """Pieces of prose, read when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, number: int) -> str:
        return (self._folder / f"{number:03}.json").read_text(encoding="utf-8")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("[0-9][0-9][0-9].json"))


def folder(tree: Tree, language: str) -> Path:
    return tree.build / "find" / language


def stamp(tree: Tree) -> str:
    """A digest of names, sizes and times of all that the index is made from."""
    roots = [tree.root / "docs" / "en", tree.root / "docs" / "zh", tree.records, tree.snippets / "toolkit", tree.words]
    paths = [
        p for root in roots if root.is_dir() for p in root.rglob("*") if p.suffix in (".md", ".ipynb", ".py", ".toml")
    ]
    paths += [*Path(__file__).parent.glob("*"), *FILES, Path(__file__).parents[1] / "names" / "apis.json"]
    state = hashlib.sha256()
    for path in sorted(p for p in paths if p.is_file()):
        found = path.stat()
        state.update(f"{path}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    return state.hexdigest()


def keep(tree: Tree, language: str, files: Mapping[str, str], stamped: str) -> None:
    """Write the terminal's copy; the stamp last, so that half of a copy is none."""
    target = folder(tree, language)
    (target / STAMP).unlink(missing_ok=True)
    for name, text in files.items():
        write_atomically(target / name, text)
    write_atomically(target / STAMP, stamped)


def searcher(tree: Tree, language: str, *, whole: bool = False) -> Searcher:
    """The search of a language, from the terminal's copy if that is fresh; else the copy is made.

    Args:
        tree: the checkout.
        language: of the site.
        whole: make MiniSearch's index as a browser does: seconds once, and then many questions are answered sooner.

    Raises:
        BookError: a record names what is not in the list of names.
    """
    target, now = folder(tree, language), stamp(tree)
    if _read(target / STAMP) != now:
        from book.find import making, reference  # seconds, with all that reads pages

        index = reference.build(tree)
        if index.problems:
            raise BookError("\n".join(index.problems))
        keep(tree, language, making.with_core(making.made(tree, index, language)), now)
    return Searcher(_read(target / INDEX), _Shards(target), "" if whole else _read(target / CORE))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
