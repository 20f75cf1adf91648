"""The counts of tests/tics.py on planted text, and its report over the pages."""

from __future__ import annotations

from pathlib import Path

import tics

PAGE = """---
title: The trap
---

# The last line {#trap}

Three names, one memory. So it is. The assert holds that both are equal, as you want.

```python alt="Two curves that hardly differ."
--8<-- "concepts/tensors.py:views"
```

Two columns in place of one:

| by hand | refuses |
|---|---|

!!! warning "Pitfall: mend it"

    The loss falls without a word, so `want` is code, and $trap$ is a formula.

    ```python
    --8<-- "concepts/tensors.py:trap"
    ```

This paragraph has a verb. The same in short.
"""


def test_each_habit_is_counted_where_it_stands() -> None:
    found = {name: number for name, number in tics.count(PAGE).items() if number}
    assert found == {
        "the assert holds": 1,
        "want": 1,  # not the one in a code span
        "in place of": 1,
        "without a word": 1,
        "hardly": 1,  # in an alt text
        "So opens a sentence": 1,
        tics.OPENERS: 2,  # "Three names, one memory." and "Two columns in place of one:"
        tics.SHORT: 3,  # "Three names, one memory.", "So it is." and "The same in short."
    }


def test_code_tables_headings_and_front_matter_are_no_prose() -> None:
    assert tics.paragraphs("---\ntitle: a\n---\n\n# b {#b}\n\n| c |\n|---|\n\n```python\nd\n```\n\nThe end.\n") == [
        "The end."
    ]


def test_a_verb_is_looked_for_before_the_colon() -> None:
    assert tics.has_verb("This works: nothing else.")
    assert not tics.has_verb("The same once more: it works.")


def test_sentences_end_before_a_capital_or_code() -> None:
    assert tics.sentences("One is 0.5. Two is code. code is three.") == [
        "One is 0.5.",
        "Two is code.",
        "code is three.",
    ]


def test_the_report_has_a_line_for_each_page_and_adds_them(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.md").write_text("You want it.\n", encoding="utf-8")
    (tmp_path / "part" / "two.md").write_text("They want it. They want more.\n", encoding="utf-8")
    (tmp_path / "other.md").write_text("They want it.\n", encoding="utf-8")
    *_, one, two, both = tics.report(tmp_path, ["part"]).splitlines()
    column = list(tics.TICS).index("want") + 1
    assert one.startswith("part/one ") and two.startswith("part/two ") and both.startswith("in sum ")
    assert [line[len("part/one") + 4 * (column - 1) :][:4].strip() for line in (one, two, both)] == ["1", "2", "3"]


def test_all_pages_are_counted() -> None:
    lines = tics.report(tics.PAGES, []).splitlines()
    assert sum(line.startswith("components/") for line in lines) >= 10
