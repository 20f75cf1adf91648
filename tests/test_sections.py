"""book.source.sections (what it refuses stands in faults.py)"""

from __future__ import annotations

from book.source.sections import Section, parse


def test_sections_come_in_order_with_the_line_of_their_first_code() -> None:
    text = "# --8<-- [start:one]\n\nx = 1\n\n# --8<-- [end:one]\n\n# --8<-- [start:two]\ny = 2\nz = 3\n# --8<-- [end:two]\n"
    assert list(parse(text, "part/a.py").values()) == [
        Section("part/a.py", "one", 3, "x = 1\n"),
        Section("part/a.py", "two", 8, "y = 2\nz = 3\n"),
    ]


def test_inner_blank_lines_and_indents_are_kept() -> None:
    text = "# --8<-- [start:one]\ndef f():\n    return 1\n\n\nf()\n# --8<-- [end:one]\n"
    assert parse(text, "a.py")["one"].code == "def f():\n    return 1\n\n\nf()\n"


def test_markers_may_be_spaced_as_pymdownx_reads_them() -> None:
    assert parse("#  -8<-  [ start : one ]\n1\n  # --8<-- [end:one]\n", "a.py")["one"].code == "1\n"


def test_only_line_ends_end_lines() -> None:
    code = "s = 'a\u2028b\x0cc\x85'\nt = 1\n"
    section = parse(
        f"# --8<-- [start:one]\n{code}# --8<-- [end:one]\n# --8<-- [start:two]\n2\n# --8<-- [end:two]", "a.py"
    )
    assert section["one"].code == code
    assert section["two"].line == 6


def test_an_empty_file_has_no_sections() -> None:
    assert parse("", "a.py") == {}
    assert parse("\n\n", "a.py") == {}
