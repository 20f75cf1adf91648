"""book.source.words: both languages say the same things, in words that can be filled in."""

from __future__ import annotations

import os
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from book.ground.errors import BookError
from book.ground.tree import LANGUAGES, Tree
from book.source import words


def entries(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from entries(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def fields(text: object) -> set[str]:
    """The words in braces, which the engine fills in."""
    return {name for _, name, _, _ in string.Formatter().parse(str(text)) if name is not None}


def gaps(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Keys that only one of two languages has, and texts in which they are filled in with different things."""
    first, second = dict(entries(one)), dict(entries(other))
    only = [f"{key}: only in one language" for key in sorted(first.keys() ^ second.keys())]
    both = sorted(first.keys() & second.keys())
    return only + [f"{key}: other words in braces" for key in both if fields(first[key]) != fields(second[key])]


ALL = {language: tomllib.loads(words.file(language).read_text(encoding="utf-8")) for language in LANGUAGES}


def test_both_languages_have_the_same_words() -> None:
    assert len(dict(entries(ALL["en"]))) > 100
    assert gaps(ALL["en"], ALL["zh"]) == gaps(ALL["zh"], ALL["en"]) == []


def test_a_missing_word_is_noticed() -> None:
    assert gaps({"a": {"b": "x"}}, {"a": {}}) == ["a.b: only in one language"]
    assert gaps({"a": {"b": "{x} of {y}"}}, {"a": {"b": "{x}"}}) == ["a.b: other words in braces"]


def test_a_change_is_seen_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "HERE", Tree(tmp_path))
    path = words.file("en")
    path.parent.mkdir(parents=True)
    path.write_text('[chapter]\ncopy = "one"\n', encoding="utf-8")
    assert words.words("chapter", "en") == {"copy": "one"}
    path.write_text('[chapter]\ncopy = "two"\n', encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert words.words("chapter", "en") == {"copy": "two"}


@pytest.mark.parametrize(
    ("text", "says"), [(None, "No such file"), ("[chapter\n", "line 1"), ("", r"lacks the table \[chapter\]")]
)
def test_words_that_are_not_whole_name_their_file(
    text: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "HERE", Tree(tmp_path))
    if text is not None:
        words.file("en").parent.mkdir(parents=True)
        words.file("en").write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=rf"docs/words/en\.toml.*{says}"):
        words.words("chapter", "en")
