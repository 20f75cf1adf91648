"""book.source.ledger (what it refuses stands in faults.py)"""

from __future__ import annotations

from pathlib import Path

import pytest
from books import write_small
from faults import entry

from book.ground.errors import BookError
from book.ground.tree import HERE, Tree
from book.source import ledger, pages
from book.source.ledger import Entry, Ledger


def test_every_kind_is_read(tmp_path: Path) -> None:
    tree = write_small(tmp_path)
    text = entry("raises", error="E", message="m") + entry("tolerance", rtol=0.1, atol=0)
    text += entry("volatile") + entry("warns", message="w") + entry("needs", what="cuda") + entry("since", torch="9.1")
    text += entry("until", torch="9.2") + 'then = { "a" = "b" }\n'
    tree.ledger.write_text(text, encoding="utf-8")
    where = {"page": "part/small", "section": "scale", "reason": "a test", "reason_zh": "测试"}
    assert ledger.load(tree).entries == (
        Entry("raises", error="E", message="m", **where),
        Entry("tolerance", rtol=0.1, atol=0, **where),
        Entry("volatile", **where),
        Entry("warns", message="w", **where),
        Entry("needs", what="cuda", **where),
        Entry("since", torch="9.1", what="torch>=9.1", **where),
        Entry("until", torch="9.2", then=(("a", "b"),), **where),
    )


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    assert ledger.load(Tree(tmp_path)) == Ledger()


def test_get_and_of_page() -> None:
    one, two = Entry("volatile", "a", "x", "r"), Entry("warns", "b", "x", "r")
    book = Ledger((one, two))
    assert book.get("volatile", "a", "x") is one
    assert book.get("warns", "a", "x") is None
    assert book.get("volatile", "a", "y") is None
    assert book.of_page("b") == [two]


def test_device_is_what_a_gpu_block_needs() -> None:
    kinds = {"a": "cuda", "b": "accelerator", "c": "torch>=2.12", "d": "torchvision"}
    book = Ledger(tuple(Entry("needs", "p", section, "r", what=what) for section, what in kinds.items()))
    assert [book.device("p", section) for section in "abcde"] == ["cuda", "accelerator", "", "", ""]
    assert book.device("q", "a") == ""
    newer = Entry("since", "p", "e", "r", torch="2.15", what="torch>=2.15")
    assert Ledger((newer,)).device("p", "e") == "torch>=2.15" and Ledger((newer,)).need("p", "e") is newer


def test_check_targets_passes_and_fails(tmp_path: Path) -> None:
    tree = write_small(tmp_path)
    known = {"part/small": pages.load(tree, "part/small")}
    ledger.check_targets(ledger.load(tree), known)
    for bad in (Entry("volatile", "part/other", "scale", "r"), Entry("volatile", "part/small", "other", "r")):
        with pytest.raises(BookError, match=r"^here: \[\[volatile\]\] names .*other"):
            ledger.check_targets(Ledger((bad,)), known, "here")


def test_the_real_ledger_is_whole() -> None:
    assert ledger.load(HERE).entries


def test_the_reason_in_the_language_of_the_reader() -> None:
    told = Entry("volatile", "part/small", "scale", "a test", reason_zh="测试")
    assert (told.told("en"), told.told("zh")) == ("a test", "测试")
