"""Faults to inject: what is broken, the command that must notice, and what it must say, its place included.

``SOURCE`` breaks the small book (``part/small``) or the real autograd chapter; ``BLOCK`` is code that a page must not
hold; ``ACCEPTED`` looks odd and is none of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book.tree import Tree

Breaks = Callable[[Tree], object]

SNIPPET = "snippets/part/small.py"
EN = "docs/en/part/small.md"
ZH = "docs/zh/part/small.md"
RECORD = "docs/records/part/small.ipynb"
LEDGER = "tests/ledger.toml"

# Where the blocks of the small book stand, as regular expressions.
SCALE = r"docs/en/part/small\.md:10 \(snippets/part/small\.py:2\):"
TABLE = r"docs/en/part/small\.md:16 \(snippets/part/small\.py:9\):"
CURVE = r"docs/en/part/small\.md:22 \(snippets/part/small\.py:15\):"
SHAPE = r"docs/en/part/small\.md:34 \(snippets/part/small\.py:24\):"
PROBE = r"docs/en/part/one\.md:7 \(snippets/part/one\.py:6\):"
MEND = r"make record PAGE=part/small"


@dataclass(frozen=True)
class Fault:
    """``breaks`` is done to a copy of the book; ``command`` must then fail with a message in which ``says`` is found."""

    name: str
    breaks: Breaks
    command: str
    says: str
    device: str | None = None
    book: str = "small"


@dataclass(frozen=True)
class BlockFault:
    """A block, between two good ones, that ``record`` must refuse. ``ledger`` stands in its ledger."""

    name: str
    code: str
    says: str
    ledger: str = ""
    limit: float | None = None


def edit(file: str, old: str, new: str) -> Breaks:
    """Put ``new`` for the only ``old`` in a file."""

    def breaks(tree: Tree) -> None:
        path = tree.root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return breaks


def append(file: str, text: str) -> Breaks:
    def breaks(tree: Tree) -> None:
        with (tree.root / file).open("a", encoding="utf-8") as opened:
            opened.write(text)

    return breaks


def write(file: str, data: str | bytes) -> Breaks:
    def breaks(tree: Tree) -> None:
        path = tree.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    return breaks


def delete(file: str) -> Breaks:
    return lambda tree: (tree.root / file).unlink()


def rename(old: str, new: str) -> Breaks:
    return lambda tree: (tree.root / old).rename(tree.root / new)


def cut(file: str, size: int) -> Breaks:
    """Keep the first ``size`` bytes, as a write that was interrupted does."""
    return lambda tree: (tree.root / file).write_bytes((tree.root / file).read_bytes()[:size])


def both(*steps: Breaks) -> Breaks:
    return lambda tree: [step(tree) for step in steps]


def in_both(old: str, new: str) -> Breaks:
    """The same edit in both languages."""
    return both(edit(EN, old, new), edit(ZH, old, new))


def record(change: Callable[[list[Any]], object], file: str = RECORD) -> Breaks:
    """Edit a record by hand: ``change`` gets its cells."""

    def breaks(tree: Tree) -> None:
        path = tree.root / file
        notebook = json.loads(path.read_text(encoding="utf-8"))
        change(notebook["cells"])
        path.write_text(json.dumps(notebook), encoding="utf-8")

    return breaks


def output(section: str, key: str, old: str, new: str, file: str = RECORD) -> Breaks:
    """Edit one recorded output by hand: ``key`` is ``text``, ``evalue``, ``ename``, ``source`` or a MIME type."""

    def change(cells: list[Any]) -> None:
        cell = next(c for c in cells if c["metadata"]["book"]["section"] == section)
        holders = [cell] if key == "source" else [h for o in cell["outputs"] for h in (o, o.get("data", {}))]
        holder = next(h for h in holders if key in h)
        assert re.search(old, holder[key]), f"{old!r} is not in {section}'s {key}"
        holder[key] = re.sub(old, new, holder[key], count=1)

    return record(change, file)


def block_fences(path: Path) -> list[str]:
    return re.findall(r"^```python.*?^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def swap_blocks(file: str) -> Breaks:
    """The first two blocks of a page change places."""

    def breaks(tree: Tree) -> None:
        path = tree.root / file
        first, second = block_fences(path)[:2]
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(first, "@").replace(second, first).replace("@", second), encoding="utf-8")

    return breaks


def drop_block(file: str, number: int) -> Breaks:
    def breaks(tree: Tree) -> None:
        path = tree.root / file
        path.write_text(path.read_text(encoding="utf-8").replace(block_fences(path)[number], ""), encoding="utf-8")

    return breaks


def entry(kind: str, **keys: object) -> str:
    """A ledger entry; ``page``, ``section`` and ``reason`` need naming only where they matter."""
    keys = {"page": "part/small", "section": "scale", "reason": "a test", **keys}
    return f"\n[[{kind}]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items() if v is not None)


def ledger(kind: str, **keys: object) -> Breaks:
    return append(LEDGER, entry(kind, **keys))


COMPARE = "check --ignore-hashes"
AUTOGRAD = "docs/records/concepts/autograd.ipynb"
FIRST_INCLUDE = '```python\n--8<-- "part/small.py:scale"\n```'
END_SCALE = "# --8<-- [end:scale]"
START_TABLE = "# --8<-- [start:table]"

TRUTH = [
    # The code says something else than the record: noticed by the output alone ...
    Fault("operator changed", edit(SNIPPET, "2 * x", "2 + x"), COMPARE, SCALE + r"\n.*number 1 differs: 2\. is now 3\."),
    Fault("literal changed", edit(SNIPPET, "0.25", "0.35"), COMPARE, TABLE + r"\n.*number \d+ differs: 0\.25 is now 0\.35"),
    Fault("integer changed", edit(SNIPPET, "40]", "41]"), COMPARE, TABLE + r"\n.*number \d+ differs: 40\S* is now 41"),
    Fault("word changed", edit(SNIPPET, '"second"]', '"third"]'), COMPARE, TABLE + r"\n.*text differs: .*second.*third"),
    Fault("shape changed", edit(SNIPPET, "torch.ones(2)", "torch.ones(3)"), COMPARE, SHAPE + r"\n.*ends without an exception"),
    Fault("curve changed", edit(SNIPPET, "x, x**2", "x, [1, 5, 9]"), COMPARE, CURVE + r"\n.*of the picture's pixels changed"),
    Fault("colour changed", edit(SNIPPET, "#2f6fdb", "#e4572e"), COMPARE, CURVE + r"\n.*of the picture's pixels changed"),
    Fault("label changed", edit(SNIPPET, '"square"', '"squire"'), COMPARE, CURVE + r"\n.*a label of the picture: text differs: .*square.*squire"),
    Fault("figure size changed", edit(SNIPPET, "(3, 2)", "(3, 3)"), COMPARE, CURVE + r"\n.*the picture was \d+ x \d+ pixels"),
    Fault("output removed", edit(SNIPPET, "print(2 * x)", "2 * x == 0;"), COMPARE, SCALE + r"\n.*the record has this output, the run does not"),
    Fault("output added", edit(SNIPPET, "plt.show()", 'plt.show()\nprint("more")'), COMPARE, CURVE + r"\n.*the run has this output, the record does not"),
    # ... and as stale, without running, by all who would show or judge it.
    Fault("stale for stage", edit(SNIPPET, "2 * x", "2 + x"), "stage", rf'{EN}:10: block "scale" changed since it was recorded[^§]*run {MEND}'),
    Fault("stale for check", edit(SNIPPET, "0.25", "0.35"), "check", TABLE + rf"\n.*changed since it was recorded: run {MEND}"),
    Fault("stands on changed code", edit(SNIPPET, "2 * x", "2 + x"), "stage", rf'{EN}:22: block "curve" stands on earlier code'),
    Fault("comment changed", edit(SNIPPET, "print(2 * x)", "print(2 * x)  # three times"), "stage", rf'{EN}:10: block "scale" changed since'),
    # The record says something else than the code.
    Fault("record: number", output("scale", "text", r"4\.", "5."), "check", SCALE + r"\n.*number 2 differs: 5\. is now 4\."),
    Fault("record: word", output("scale", "text", "tensor", "vector"), "check", SCALE + r"\n.*text differs: 'vector.*' is now 'tensor"),
    Fault("record: word in a table's HTML", output("table", "text/html", "first", "worst"), "check", TABLE + r"\n.*text differs: .*worst.*first"),
    Fault("record: number in a table's HTML", output("table", "text/html", r"0\.25", "0.26"), "check", TABLE + r"\n.*0\.26 is now 0\.25"),
    Fault("record: number in a table's text", output("table", "text/plain", r"0\.25", "0.26"), "check", TABLE + r"\n.*0\.26 is now 0\.25"),
    Fault("record: figure, moved path", output("curve", "image/svg+xml", r"L 100\.66\d* 71\.64", "L 100.66 61.64"), "check", CURVE + r"\n.*of the picture's pixels changed"),
    Fault("record: figure, other colour", output("curve", "image/svg+xml", r"stroke: #2f6fdb", "stroke: #e4572e"), "check", CURVE + r"\n.*of the picture's pixels changed"),
    Fault("record: figure, other label", output("curve", "image/svg+xml", r"<!-- square -->", "<!-- circle -->"), "check", CURVE + r"\n.*a label of the picture: text differs: .*circle' is now .*square'"),
    Fault("record: figure, one other letter", output("curve", "image/svg+xml", '#DejaVuSans-44"', '#DejaVuSans-58"'), "check", CURVE + r"\n.*the label 'square' of the picture is drawn with other letters"),
    Fault("record: not a figure", output("curve", "image/svg+xml", r"<svg", "<gvs"), "check", CURVE + r"\n.*not a picture"),
    Fault("record: exception's message", output("wrong_shape", "evalue", r"\(3\)", "(4)"), "check", SHAPE + r"\n.*number \d+ differs: 4 is now 3"),
    Fault("record: exception's type", output("wrong_shape", "ename", "RuntimeError", "ValueError"), "check", SHAPE + r"\n.*text differs: .*ValueError.*RuntimeError"),
    Fault("record: output removed", record(lambda cells: cells[0]["outputs"].clear()), "check", SCALE + r"\n.*the run has this output, the record does not"),
    Fault("record: output repeated", record(lambda cells: cells[1]["outputs"].append(cells[1]["outputs"][0])), "check", TABLE + r"\n.*the record has this output, the run does not"),
    Fault("record: stream renamed", record(lambda cells: cells[0]["outputs"][0].update(name="stderr")), "check", SCALE + r"\n.*stderr is now stdout"),
    Fault("record: code edited", output("scale", "source", "2", "3"), "stage", rf'{EN}:10: block "scale": the code kept in the record was edited'),
    Fault("record: code edited, seen by check", output("scale", "source", "2", "3"), "check", SCALE + r"\n.*changed since it was recorded"),
    Fault("record: hash edited", record(lambda cells: cells[0]["metadata"]["book"].update(code="0" * 16)), "stage", rf'{RECORD}: not a whole record \(the facts kept for block "scale" were edited since it was recorded\): run {MEND}'),
    Fault("record: program edited", record(lambda cells: cells[1]["metadata"]["book"]["program"].update(text="print(1)")), "stage", rf'{RECORD}: .*the facts kept for block "table" were edited'),
    Fault("record: seconds edited", record(lambda cells: cells[2]["metadata"]["book"].update(seconds=0.001)), "check", rf'{RECORD}: .*the facts kept for block "curve" were edited'),
    Fault("record: API invented", record(lambda cells: cells[0]["metadata"]["book"]["apis"].append("torch.eye")), "check", rf'{RECORD}: .*the facts kept for block "scale" were edited'),
    Fault("record: blocks reordered", record(lambda cells: cells.reverse()), "stage", rf"{EN}: the record has the blocks in another order"),
    Fault("record: block missing", record(lambda cells: cells.pop(1)), "stage", rf'{EN}:16: block "table" is not in the record'),
    Fault("record: block missing, seen by check", record(lambda cells: cells.pop(1)), "check", TABLE + rf"\n.*not in the record: run {MEND}"),
    Fault("record: block twice", record(lambda cells: cells.append({**cells[0], "id": "again"})), "stage", rf"{EN}: the record has the blocks in another order"),
    Fault("record: block of no page", record(lambda cells: cells[0]["metadata"]["book"].update(section="scales")), "stage", rf'{RECORD}: .*the facts kept for block "scales" were edited'),
    # The real chapter.
    Fault("autograd: operator changed", edit("snippets/concepts/autograd.py", "y = x**2 + 2 * x - 5  #", "y = x**2 - 2 * x - 5  #"), COMPARE, r"docs/en/concepts/autograd\.md:\d+ \(snippets/concepts/autograd\.py:2\):\n.*number 1 differs: 10\. is now -2\.", book="autograd"),
    Fault("autograd: record, number", output("descent_path", "text", r"0\.05", "0.06", AUTOGRAD), "check", r"docs/en/concepts/autograd\.md:\d+ \(snippets/concepts/autograd\.py:\d+\):\n.*0\.06 is now 0\.05", book="autograd"),
    Fault("autograd: record, exception", output("backward_twice", "evalue", "second time", "third time", AUTOGRAD), "check", r"docs/en/concepts/autograd\.md:\d+ \(snippets/concepts/autograd\.py:\d+\):\n.*second time", book="autograd"),
    Fault("autograd: record, figure", output("tanh_curves", "image/svg+xml", r"stroke: #2a9d8f", "stroke: #9b5de5", AUTOGRAD), "check", r"docs/en/concepts/autograd\.md:\d+ \(snippets/concepts/autograd\.py:\d+\):\n.*pixels changed", book="autograd"),
    Fault("autograd: stale", edit("snippets/concepts/autograd.py", "y = x**2 + 2 * x - 5  #", "y = x**2 + 2 * x - 6  #"), "stage", r'docs/en/concepts/autograd\.md:\d+: block "backward_scalar" changed since it was recorded', book="autograd"),
]  # fmt: skip

SECTIONS = [
    Fault("section renamed", both(edit(SNIPPET, "start:scale]", "start:scala]"), edit(SNIPPET, "end:scale]", "end:scala]")), "audit", rf'{EN}:11: section "scale" is not in {SNIPPET} \(did you mean "scala"\?\)'),
    Fault("section duplicated", edit(SNIPPET, START_TABLE, "# --8<-- [start:scale]\ny = 1\n# --8<-- [end:scale]\n" + START_TABLE), "audit", rf'{SNIPPET}:8: section "scale" is there twice \(first at line 1\)'),
    Fault("section unclosed at the end", edit(SNIPPET, "# --8<-- [end:wrong_shape]\n", ""), "audit", rf'{SNIPPET}:23: section "wrong_shape" is never closed'),
    Fault("section unclosed", edit(SNIPPET, END_SCALE, ""), "audit", rf'{SNIPPET}:8: section "table" starts inside "scale" \(line 1\)'),
    Fault("sections overlap", edit(SNIPPET, END_SCALE + "\n\n" + START_TABLE, START_TABLE + "\n" + END_SCALE), "audit", rf'{SNIPPET}:6: section "table" starts inside "scale"'),
    Fault("section ends unopened", edit(SNIPPET, "# --8<-- [start:scale]\n", ""), "audit", rf"{SNIPPET}:1: this line is in no section"),
    Fault("section ends twice", edit(SNIPPET, END_SCALE, END_SCALE + "\n" + END_SCALE), "audit", rf'{SNIPPET}:7: section "scale" ends but was never started'),
    Fault("section ends by another name", edit(SNIPPET, "end:scale]", "end:scales]"), "audit", rf'{SNIPPET}:6: "scales" ends here, but the open section is "scale"'),
    Fault("section orphaned", edit(SNIPPET, START_TABLE, "# --8<-- [start:lost]\ny = 1\n# --8<-- [end:lost]\n" + START_TABLE), "audit", rf'{SNIPPET}:9: section "lost" is shown on no page'),
    Fault("section empty", edit(SNIPPET, "x + torch.ones(2)\n", ""), "audit", rf'{SNIPPET}:23: section "wrong_shape" is empty'),
    Fault("section with a bad name", edit(SNIPPET, "start:scale]", "start:1st scale]"), "audit", rf'{SNIPPET}:1: "1st scale" is no section name'),
    Fault("line outside sections", edit(SNIPPET, END_SCALE, END_SCALE + "\nhidden = 1"), "audit", rf"{SNIPPET}:7: this line is in no section"),
    Fault("marker misspelt", edit(SNIPPET, "# --8<-- [start:table]", "# --8<-- start:table"), "audit", rf"{SNIPPET}:8: .* is not a marker"),
    Fault("file that no page shows", write("snippets/part/lost.py", "# --8<-- [start:alone]\n1 + 1\n# --8<-- [end:alone]\n"), "audit", r'snippets/part/lost\.py:2: section "alone" is shown on no page'),
    Fault("snippet not UTF-8", write(SNIPPET, b"# --8<-- [start:scale]\nprint('\xe9')\n# --8<-- [end:scale]\n"), "audit", rf"{SNIPPET}: not UTF-8"),
    Fault("snippet does not parse", edit(SNIPPET, "print(2 * x)", "print(2 * x"), "record", SCALE + r"\n.*SyntaxError"),
    Fault("toolkit piece does not parse", both(write("snippets/toolkit/bad.py", "# --8<-- [start:bad]\nx = 1\ndef f(:\n# --8<-- [end:bad]\n"), append(EN, '\n```python\n--8<-- "toolkit/bad.py:bad"\n```\n')), "check", r"snippets/toolkit/bad\.py:3: .*(syntax|parse)"),
]  # fmt: skip

FENCES = [
    Fault("include misspelt", edit(EN, ":scale", ":scael"), "audit", rf'{EN}:11: section "scael" is not in {SNIPPET} \(did you mean "scale"\?\)'),
    Fault("include of a misspelt file", edit(EN, "small.py:scale", "smal.py:scale"), "audit", rf'{EN}:11: "part/smal\.py" is not this page\'s snippet file'),
    Fault("include of a missing file", edit(EN, "part/small.py:scale", "toolkit/smal.py:scale"), "audit", rf"{EN}:11: snippets/toolkit/smal\.py does not exist"),
    Fault("snippet file missing", delete(SNIPPET), "audit", rf"{EN}:11: {SNIPPET} does not exist"),
    Fault("include without a section", edit(EN, "small.py:scale", "small.py"), "audit", rf'{EN}:11: "part/small\.py" names no section'),
    Fault("include of another page's file", edit(EN, "part/small.py:scale", "part/other.py:scale"), "audit", rf"{EN}:11: .* so include from \"part/small\.py\""),
    Fault("include of lines", edit(EN, "small.py:scale", "small.py:1:3"), "audit", rf"{EN}:11: section \"1:3\" is not in"),
    Fault("include without quotes", edit(EN, '"part/small.py:scale"', "part/small.py:scale"), "audit", rf"{EN}:11: .* is no include"),
    Fault("two includes in a fence", edit(EN, FIRST_INCLUDE, FIRST_INCLUDE.replace("\n```", '\n--8<-- "part/small.py:table"\n```')), "audit", rf"{EN}:12: a second include in one fence"),
    Fault("code beside an include", edit(EN, FIRST_INCLUDE, FIRST_INCLUDE.replace("\n```", "\nprint(3)\n```")), "audit", rf"{EN}:10: a python fence holds one include line and nothing else"),
    Fault("section shown twice", append(EN, "\n" + FIRST_INCLUDE + "\n"), "audit", rf'{EN}:\d+: section "scale" is shown twice'),
    Fault("include in a text fence", edit(EN, FIRST_INCLUDE, FIRST_INCLUDE.replace("python", "text")), "audit", rf'{EN}:10: an include in a "text" fence would not run'),
    Fault("include in a py fence", edit(EN, FIRST_INCLUDE, FIRST_INCLUDE.replace("python", "py")), "audit", rf'{EN}:10: an include in a "py" fence would not run'),
    Fault("include outside a fence", edit(EN, FIRST_INCLUDE, '--8<-- "part/small.py:scale"'), "audit", rf"{EN}:10: an include outside a fence"),
    Fault("include in an indented block", edit(EN, FIRST_INCLUDE, '    --8<-- "part/small.py:scale"'), "audit", rf"{EN}:10: an include outside a fence"),
    *[
        Fault(f"fence that nothing runs: {info or 'no language'}", append(EN, f"\n```{info}\nx = 1\n```\n"), "audit", rf'{EN}:38: nothing runs a "{re.escape(info)}" fence')
        for info in ("py", "pycon", "bash", "console", "Python", "ipython", "")
    ],
    Fault("inline python", append(EN, "\n```python\nx = 1\n```\n"), "audit", rf"{EN}:38: a python fence without an include"),
    Fault("inline python, indented", append(EN, "\n    ```python\n    x = 1\n    ```\n"), "audit", rf"{EN}:38: a python fence without an include"),
    Fault("fence with braces", append(EN, "\n``` { .python }\nx = 1\n```\n"), "audit", rf"{EN}:38: nothing runs a"),
    Fault("fence in a quotation", append(EN, "\n> ```python\n> x = 1\n> ```\n"), "audit", rf"{EN}:38: .*fence"),
    Fault("fence in a list's first line", append(EN, "\n- ```python\n  x = 1\n  ```\n"), "audit", rf"{EN}:38: .*fence"),
    Fault("tilde fence", append(EN, "\n~~~python\nx = 1\n~~~\n"), "audit", rf"{EN}:38: ~~~ fences are not read"),
    Fault("unclosed fence", append(EN, "\n```text\nx = 1\n"), "audit", rf"{EN}:38: this fence is never closed"),
    Fault("steering comment", append(EN, "\n<!--pytest-codeblocks:skip-->\n"), "audit", rf"{EN}:38: comments that steer"),
    Fault("fence closed by a tick in the code", edit(SNIPPET, "print(2 * x)", 'print(2 * x)\ny = """\n```\n"""'), "audit", rf"{EN}:11: the section holds a line ```: put the fence in ````"),
    Fault("front matter unclosed", edit(EN, "tests.\n---", "tests."), "audit", rf"{EN}:1: front matter is never closed"),
    Fault("page not UTF-8", write(EN, b"# Caf\xe9 {#cafe}\n"), "audit", rf"{EN}: not UTF-8"),
    Fault("figure without a description", both(edit(EN, ' alt="A parabola"', ""), edit(ZH, ' alt="一条抛物线"', "")), "stage", rf'{EN}:22: block "curve" draws a figure: describe it'),
]  # fmt: skip

LANGUAGES = [
    Fault("zh page missing", delete(ZH), "audit", rf"{ZH}: missing"),
    Fault("en page missing", write("docs/zh/part/only.md", "# 只有 {#only}\n"), "audit", r"docs/en/part/only\.md: missing"),
    Fault("zh lacks a block", drop_block(ZH, 2), "audit", rf'{EN}:22: block "curve" is missing|{ZH}:\d+: block "wrong_shape" stands where {EN}:22 has "curve"'),
    Fault("zh lacks the last block", edit(ZH, '    ```python\n    --8<-- "part/small.py:wrong_shape"\n    ```\n', ""), "audit", rf'{EN}:34: block "wrong_shape" is missing on {ZH}'),
    Fault("zh swaps two blocks", swap_blocks(ZH), "audit", rf'{ZH}:10: block "table" stands where {EN}:10 has "scale"'),
    Fault("zh has a block more", both(append(SNIPPET, "\n# --8<-- [start:more]\n1\n# --8<-- [end:more]\n"), append(ZH, '\n```python\n--8<-- "part/small.py:more"\n```\n')), "audit", rf'{ZH}:38: block "more" is not on {EN} at this place'),
    Fault("zh heading id changed", edit(ZH, "{#curve}", "{#kurve}"), "audit", rf'{ZH}:20: heading id "## kurve" stands where {EN}:20 has "## curve"'),
    Fault("zh heading level changed", edit(ZH, "## 曲线", "### 曲线"), "audit", rf'{ZH}:20: heading id "### curve" stands where'),
    Fault("zh link changed", edit(ZH, "https://pytorch.org/", "https://pytorch.org/cn"), "audit", rf'{ZH}:8: link "https://pytorch\.org/cn" stands where {EN}:8'),
    Fault("zh link missing", edit(ZH, "[PyTorch](https://pytorch.org/)", "PyTorch"), "audit", rf'{EN}:8: link "https://pytorch\.org/" is missing on {ZH}'),
    Fault("zh exercise missing", edit(ZH, "### 形状 {#exercise-shapes}\n", ""), "audit", rf'{EN}:28: heading id "### exercise-shapes" is missing on {ZH}'),
    Fault("zh figure not described", edit(ZH, ' alt="一条抛物线"', ""), "audit", rf'{ZH}:22: block "curve" is described \(alt=\) in one language only'),
    Fault("link to a missing page", in_both("(#table)", "(smal.md#table)"), "audit", rf'{EN}:8: link "smal\.md#table": there is no page part/smal\.md'),
    Fault("link to a missing anchor", in_both("(#table)", "(#tabel)"), "audit", rf'{EN}:8: link "#tabel": part/small\.md has no heading with id "tabel" \(did you mean "table"\?\)'),
    Fault("link to a missing block", in_both("(#code-curve)", "(#code-kurve)"), "audit", rf'{ZH}:8: link "#code-kurve"'),
    Fault("heading without id", in_both(" {#curve}", ""), "audit", rf'{EN}:20: heading "Curve" has no id'),
    Fault("id twice", in_both("{#curve}", "{#table}"), "audit", rf'{EN}:20: id "table" is used at line 14 already'),
    Fault("stem that shadows a module", rename(SNIPPET, "snippets/part/random.py"), "audit", r"snippets/part/random\.py: .*shadows the module random"),
    Fault("page stem that shadows torch", write("snippets/part/torch.py", "# --8<-- [start:a]\n1\n# --8<-- [end:a]\n"), "audit", r"snippets/part/torch\.py: .*shadows the module torch"),
]  # fmt: skip

LEDGERS = [
    Fault("ledger: unknown page", ledger("volatile", page="part/smal"), "audit", rf'{LEDGER}: \[\[volatile\]\] names page "part/smal", which does not exist \(did you mean "part/small"\?\)'),
    Fault("ledger: unknown page, seen by check", ledger("volatile", page="part/smal"), "check", rf'{LEDGER}: \[\[volatile\]\] names page "part/smal"'),
    Fault("ledger: unknown section", ledger("volatile", section="scal"), "audit", rf'{LEDGER}: \[\[volatile\]\] names section "scal", which part/small does not show'),
    Fault("ledger: unknown kind", ledger("volatil"), "audit", rf'{LEDGER}: unknown kind "volatil" \(did you mean "volatile"\?\)'),
    Fault("ledger: missing key", ledger("raises", error="ValueError"), "audit", rf'{LEDGER}: \[\[raises\]\] part/small "scale" lacks "message"'),
    Fault("ledger: missing reason", ledger("volatile", reason=None), "audit", rf'{LEDGER}: \[\[volatile\]\] part/small "scale" lacks "reason"'),
    Fault("ledger: exception without advice", edit(LEDGER, 'mend = "Make the shapes equal."\n', ""), "audit", rf'{LEDGER}: \[\[raises\]\] part/small "wrong_shape" lacks "mend"'),
    Fault("ledger: exception without advice in Chinese", edit(LEDGER, 'mend_zh = "让形状一致。"\n', ""), "audit", rf'{LEDGER}: \[\[raises\]\] part/small "wrong_shape" lacks "mend_zh"'),
    Fault("ledger: empty reason", ledger("volatile", reason=""), "audit", rf'{LEDGER}: .*"reason" is \'\''),
    Fault("ledger: ill-typed key", ledger("tolerance", rtol="1", atol=0), "audit", rf'{LEDGER}: .*"rtol" is \'1\''),
    Fault("ledger: unknown key", ledger("volatile", why="x"), "audit", rf"{LEDGER}: .*unknown key 'why'"),
    Fault("ledger: bad regular expression", ledger("raises", error="E", message="("), "audit", rf'{LEDGER}: .*"message" is no regular expression'),
    Fault("ledger: duplicate", both(ledger("volatile"), ledger("volatile")), "audit", rf'{LEDGER}: \[\[volatile\]\] for part/small "scale" is there twice'),
    Fault("ledger: not TOML", append(LEDGER, "\n[[raises]\n"), "audit", rf"{LEDGER}: not valid TOML"),
    Fault("ledger: not UTF-8", write(LEDGER, b"# caf\xe9\n"), "audit", rf"{LEDGER}: not UTF-8"),
    Fault("ledger: not a list", append(LEDGER, "\n[volatile]\npage = 1\n"), "audit", rf"{LEDGER}: write each entry as \[\[volatile\]\]"),
    Fault("ledger: raises what does not come", ledger("raises", error="ValueError", message="x"), "check", SCALE + r"\n.*the ledger says that it raises ValueError, but it ends without an exception"),
    Fault("ledger: other exception", edit(LEDGER, '"RuntimeError"', '"ValueError"'), "check", SHAPE + r"\n.*expected ValueError matching .*, got RuntimeError"),
    Fault("ledger: other message", edit(LEDGER, "must match", "must differ from"), "check", SHAPE + r"\n.*expected RuntimeError matching .*, got RuntimeError: The size"),
    Fault("ledger: exception not listed", write(LEDGER, ""), "check", SHAPE + r"\n.*RuntimeError: The size of tensor"),
    Fault("ledger: warning that does not come", ledger("warns", message="x"), "check", SCALE + r"\n.*the ledger says that it warns, and it does not"),
    Fault("ledger: tolerance without floats", ledger("tolerance", section="wrong_shape", rtol=0.1, atol=0.1), "check", SHAPE + r"\n.*gives it a tolerance, but it prints no float"),
    Fault("ledger: tolerance for a figure", ledger("tolerance", section="curve", rtol=0.1, atol=0.1), "check", CURVE + r"\n.*gives it a tolerance, but it prints no float"),
    Fault("ledger: volatile for a figure", ledger("volatile", section="curve"), "check", CURVE + r"\n.*calls its numbers volatile, but it prints none"),
    Fault("ledger: needs a GPU, but ran without", ledger("needs", what="cuda"), "stage", rf'{EN}:10: block "scale" ran when it was recorded, and the ledger says that it needs cuda\n  run {MEND}'),
    Fault("ledger: needs a GPU, but ran without, seen by check", ledger("needs", what="accelerator"), "check", SCALE + rf"\n.*ran when it was recorded, and the ledger says that it needs accelerator: run {MEND}"),
    Fault("ledger: needs what is not here", ledger("needs", what="not_a_package"), "record", rf'{EN}: block "scale" needs not_a_package'),
]  # fmt: skip

FILES = [
    Fault("record missing", delete(RECORD), "stage", rf"{RECORD}: no record of this page: run {MEND}"),
    Fault("record missing, seen by check", delete(RECORD), "check", rf"{RECORD}: no record of this page: run {MEND}"),
    Fault("record half-written", cut(RECORD, 3000), "stage", rf"{RECORD}: not a whole record .*run {MEND}"),
    Fault("record half-written, seen by check", cut(RECORD, 3000), "check", rf"{RECORD}: not a whole record .*run {MEND}"),
    Fault("record empty", cut(RECORD, 0), "stage", rf"{RECORD}: not a whole record"),
    Fault("record of another page", edit(RECORD, '"page": "part/small"', '"page": "part/other"'), "stage", rf"{RECORD}: this is the record of part/other: run {MEND}"),
    Fault("record not JSON", write(RECORD, "outputs:\n- 1\n"), "stage", rf"{RECORD}: not a whole record"),
    Fault("record a list", write(RECORD, "[]"), "stage", rf"{RECORD}: not a whole record"),
    Fault("record a number", write(RECORD, "3"), "stage", rf"{RECORD}: not a whole record"),
    Fault("record an empty object", write(RECORD, "{}"), "stage", rf"{RECORD}: not a whole record"),
    Fault("record not a notebook", write(RECORD, '{"metadata": {"book": {"format": 1}}, "cells": []}'), "stage", rf"{RECORD}: not a whole record"),
    Fault("record not UTF-8", write(RECORD, b'{"caf\xe9": 1}'), "stage", rf"{RECORD}: not a whole record"),
    Fault("record of another format", edit(RECORD, '"format": 1', '"format": 2'), "stage", rf"{RECORD}: not a whole record \(format 2 is not 1\)"),
    Fault("record with an odd output", record(lambda cells: cells[0]["outputs"].append({"output_type": "poem"})), "stage", rf"{RECORD}: not a whole record"),
    Fault("record without its section", record(lambda cells: cells[0]["metadata"]["book"].pop("section")), "stage", rf"{RECORD}: not a whole record"),
    Fault("gpu.json broken", write("docs/records/gpu.json", '{"gpu": "H200", "blo'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("gpu.json lacks a key", write("docs/records/gpu.json", '{"gpu": "H200", "torch": "2.13.0", "blocks": []}'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("gpu.json with an odd block", write("docs/records/gpu.json", '{"gpu": "", "torch": "", "date": "", "blocks": [{"page": "x"}]}'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("gpu.json a list", write("docs/records/gpu.json", "[]"), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
]  # fmt: skip

FORMULAS = [
    Fault("math that does not parse", edit(EN, "$y = 2x$", r"$\frac{1}{2$"), "stage", rf"{EN}:8: the formula \$.*\$ does not parse"),
    Fault("unknown command", edit(EN, "$y = 2x$", r"$\notacommand x$"), "stage", rf"{EN}:8: the formula .* does not parse: .*notacommand"),
    Fault("lone dollar", edit(EN, "$y = 2x$", "$y = 2x"), "stage", rf"{EN}:8: a dollar sign without its partner"),
    Fault("lone double dollar", append(EN, "\n$$\nx = 1\n"), "stage", rf"{EN}:38: a dollar sign without its partner"),
    Fault("bad math in Chinese", edit(ZH, "$y = 2x$", r"$\left( x$"), "stage", rf"{ZH}:8: the formula .* does not parse"),
]  # fmt: skip

DEVICES = [
    # The block passes on the CPU; BOOK_DEVICE is another device ("meta" is one that every torch has).
    Fault("another device: block fails there", both(), "gpu", SCALE, device="meta"),
    Fault("no such device", both(), "gpu", r"error: BOOK_DEVICE=nonsense does not work here, so nothing was run and nothing was recorded", device="nonsense"),
    Fault("gpu without a record", delete(RECORD), "gpu", rf"{RECORD}: no record of this page: run {MEND}", device="cpu"),
    Fault("dtype string differs", output("scale", "text", r"\)\n", ", dtype=torch.float64)\n"), "check", SCALE + r"\n.*text differs"),
]  # fmt: skip

SOURCE = [*TRUTH, *SECTIONS, *FENCES, *LANGUAGES, *LEDGERS, *FILES, *FORMULAS, *DEVICES]

WARNS = 'import warnings\nwarnings.warn("old ways", UserWarning)'

BLOCK = [
    BlockFault("hangs", "import time\ntime.sleep(60)", r"did not end within 1 s at line 2 of the block: time\.sleep\(60\)", limit=1),
    BlockFault("hangs in a loop", "while True:\n    pass", r"did not end within 1 s at line \d of the block", limit=1),
    BlockFault("hangs and catches all", "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass", "did not end within 1 s", limit=1),
    BlockFault("hangs in a child process", 'import subprocess\nsubprocess.run(["sleep", "60"])', "did not end within 1 s", limit=1),
    BlockFault("os._exit", "import os\nos._exit(0)", r"the block ended its process \(exit status 0\)"),
    BlockFault("os._exit with a status", "import os\nos._exit(3)", r"the block ended its process \(exit status 3\)"),
    BlockFault("sys.exit", "import sys\nsys.exit()", r"the block calls sys\.exit\(None\)"),
    BlockFault("exit()", "raise SystemExit(2)", r"the block calls sys\.exit\(2\)"),
    BlockFault("KeyboardInterrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    BlockFault("segfaults", "import ctypes\nctypes.string_at(0)", r"crashed its process \(SIGSEGV\) at line 2 of the block: ctypes\.string_at\(0\)"),
    BlockFault("aborts", "import os\nos.abort()", r"crashed its process \(SIGABRT\)"),
    BlockFault("kills itself", "import os\nos.kill(os.getpid(), 9)", r"crashed its process \(SIGKILL\)"),
    BlockFault("floods", 'while True:\n    print("x" * 1000)', "the block printed more than 10 MB"),
    BlockFault("prints 10 MB", 'print("x" * 10_000_000)', r"prints 10,000,001 bytes|printed more than 10 MB"),
    BlockFault("prints 200 kB", 'print("x" * 200_000)', r"prints 200,001 bytes; a page shows at most 100,000"),
    BlockFault("floods by a subprocess", 'import subprocess\nsubprocess.run(["head", "-c", "200000", "/dev/zero"])', r"prints 200,000 bytes"),
    BlockFault("a thread prints late", 'import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.3), print("late"))).start()', "printed after the block had ended: join it"),
    BlockFault("leaves a figure open", "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()", r"leaves a figure open: end it with plt\.show\(\)"),
    BlockFault("unseeded torch", "import torch\ntorch.rand(2)", r"draws random numbers but never seeds"),
    BlockFault("unseeded weights", "import torch\nlayer = torch.nn.Linear(1, 1)", "draws random numbers but never seeds"),
    BlockFault("unseeded DataLoader", "import torch\nfrom torch.utils.data import DataLoader\nfor batch in DataLoader(torch.ones(4)): pass", "draws random numbers but never seeds"),
    BlockFault("unseeded random", "import random\nrandom.random()", "draws random numbers but never seeds"),
    BlockFault("unseeded numpy", "import numpy as np\nnp.random.rand()", "draws random numbers but never seeds"),
    BlockFault("stands on a block that needs a GPU", "print(before)", "NameError: name 'before' is not defined", entry("needs", page="part/one", section="before", what="cuda")),
    BlockFault("raises", "1 / 0", r"ZeroDivisionError: division by zero\n[^§]*1 / 0"),
    BlockFault("raises in a function of its own", "def f():\n    return {}['k']\n\n\nf()", r"KeyError: 'k'\n[^§]*one\.py"),
    BlockFault("does not parse", "x = (", "SyntaxError"),
    BlockFault("fails an assert", "assert before == 2", "AssertionError"),
    BlockFault("imports what is not here", "import not_a_package", "ModuleNotFoundError: No module named 'not_a_package'"),
    BlockFault("expected exception does not come", "1 / 1", "the ledger says that it raises ZeroDivisionError, but it ends without an exception", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="zero")),
    BlockFault("expected exception of another type", "{}['k']", "expected ZeroDivisionError matching 'zero', got KeyError", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="zero")),
    BlockFault("expected exception of a subclass", "{}['k']", "expected LookupError matching 'k', got KeyError", entry("raises", page="part/one", section="probe", error="LookupError", message="k")),
    BlockFault("expected exception with another message", "1 / 0", "expected ZeroDivisionError matching 'nought', got ZeroDivisionError: division by zero", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="nought")),
    BlockFault("exits instead of raising", "import os\nos._exit(1)", "the ledger says that it raises ZeroDivisionError, but the block ended its process", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="zero")),
    BlockFault("warns", WARNS, "its own line causes UserWarning: old ways"),
    BlockFault("warns otherwise than expected", WARNS, "its own line causes UserWarning: old ways", entry("warns", page="part/one", section="probe", message="new ways")),
    BlockFault("expected warning does not come", "1 + 1", "the ledger says that it warns, and it does not", entry("warns", page="part/one", section="probe", message="old")),
    BlockFault("a syntax warning", 'print("\\d")', r"its own line causes \w+Warning"),
]  # fmt: skip


@dataclass(frozen=True)
class Varies:
    """A block that gives something else each time: ``record`` must refuse it, and ``check`` must say what differs."""

    name: str
    code: str
    says: str


VARIES = [
    Varies("the time", "import time\nprint(time.time_ns())", "number 1 differs"),
    Varies("os.urandom", "import os\nprint(sorted(os.urandom(16)))", r"number \d+ differs"),
    Varies("a fresh generator", "import numpy as np\nprint(np.random.default_rng().random())", "number 1 differs"),
    Varies("the process id", "import os\nprint(os.getpid())", "number 1 differs"),
    Varies("a figure", "import os, matplotlib.pyplot as plt\nplt.plot([0, 255, *os.urandom(50)])\nplt.show()", "pixels changed"),
    Varies("seeded with the time", "import time, torch\ntorch.manual_seed(time.time_ns())\nprint(torch.rand(2))", "number 1 differs"),
    Varies("seeds another generator than it draws from", "import random, torch\ntorch.manual_seed(0)\nprint(random.random())", "number 1 differs"),
]  # fmt: skip


# Blocks that hold here, and would not on a processor that rounds otherwise. One on which they already differ without
# noise refuses them too, with the same words.
DRAW = "import torch\nfrom torch.nn import functional as F\n\ntorch.manual_seed(0)\n"
DIFFERS = "AssertionError"
NOISE = r"under rounding noise of one unit in the last place \(seed 1\):\s+"
ADAM = """\
def trained(foreach):
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 50))
    adam = torch.optim.Adam([weight], foreach=foreach)
    for _ in range(3):
        adam.zero_grad()
        (weight * weight).sum().backward()
        adam.step()
    return weight.detach()


assert torch.equal(trained(True), trained(False))
"""
SIGNS = """\
import matplotlib.pyplot as plt

x, true = torch.randn(50, 12), torch.zeros(12, 1)
true[0] = 0.1
fitted = torch.linalg.lstsq(x, x @ true).solution
plt.bar(range(12), torch.ones(12), color=["tab:blue" if w > 0 else "tab:red" for w in fitted])
plt.show()
"""
CHAOS = """\
import matplotlib.pyplot as plt

x = [torch.tensor(0.1)]
for _ in range(100):
    x.append(torch.sin(3 * x[-1]))
plt.plot(x)
plt.show()
"""
EDGE = """\
z = torch.randn(1000, 2)
p = z.softmax(dim=1)[:, 0]
print((p >= torch.sigmoid(z[:, 0] - z[:, 1])).sum())
"""
CANCELS = """\
data = 3000 + torch.rand(1000)
print(f"{data.square().mean() - data.mean().square():.3f}")
"""
BLOCK += [
    BlockFault("rows of a product", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\nassert torch.equal((x @ w)[:4], x[:4] @ w)", DIFFERS),
    BlockFault("two products", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\nassert torch.equal(x @ w, torch.bmm(x[None], w[None])[0])", DIFFERS),
    BlockFault("linear in inference mode", DRAW + "layer, x = torch.nn.Linear(30, 4), torch.randn(20, 30)\nwith torch.inference_mode():\n    assert torch.equal(layer(x), x @ layer.weight.T + layer.bias)", DIFFERS),
    BlockFault("LSTM in inference mode", DRAW + "net, x = torch.nn.LSTM(3, 4, batch_first=True), torch.randn(5, 7, 3)\nwith torch.inference_mode():\n    assert torch.equal(net(x)[0][:1], net(x[:1])[0])", DIFFERS),
    BlockFault("attention", DRAW + "q = torch.randn(2, 3, 8, 4)\none = q[:1]\nboth = F.scaled_dot_product_attention(q, q, q)\nassert torch.equal(both[:1], F.scaled_dot_product_attention(one, one, one))", DIFFERS),
    BlockFault("exp in place and otherwise", DRAW + "x = torch.randn(50)\nassert torch.equal(x.clone().exp_(), torch._foreach_exp([x])[0])", NOISE + DIFFERS),
    BlockFault("Adam at once and one by one", DRAW + ADAM, NOISE + DIFFERS),
    BlockFault("std and the root of var", DRAW + "x = torch.rand(20, 30)\nassert torch.equal(x.std(dim=1), torch.sqrt(x.var(dim=1)))", DIFFERS),
    BlockFault("colours by the sign of what is near 0", DRAW + SIGNS, NOISE + "output 1:"),
    BlockFault("a figure of what rounding decides", DRAW + CHAOS, NOISE + "output 1:"),
    BlockFault("a count at an edge", DRAW + EDGE, NOISE + "output 1: number 1 differs"),
    BlockFault("a difference that cancels", DRAW + CANCELS, NOISE + "output 1: number 1 differs"),
]  # fmt: skip


@dataclass(frozen=True)
class Accepted:
    """A block that looks odd and must be recorded, with these words in its output, and pass its check."""

    name: str
    code: str
    shows: str
    ledger: str = ""


ACCEPTED = [
    Accepted("prints to fd 1", 'import os\nprint("one")\nos.write(1, b"two\\n")\nprint("three")', "one\ntwo\nthree\n"),
    Accepted("prints by a subprocess", 'import subprocess\nsubprocess.run(["echo", "from a child"]);', "from a child\n"),
    Accepted("prints by C code", 'import ctypes\nctypes.CDLL(None).puts(b"from C");', "from C\n"),
    Accepted("prints from a joined thread", 'import threading\nt = threading.Thread(target=print, args=("in time",))\nt.start()\nt.join()', "in time\n"),
    Accepted("prints odd characters", 'print("张量 \\ud800 ∂ \\x00")', "张量"),
    Accepted("a progress bar", 'import time\nfor i in range(3):\n    print(f"\\r{i}/2", end="")\nprint()', "2/2\n"),
    Accepted("seeds itself", "import torch\ntorch.manual_seed(0)\nprint(torch.rand(1))", "tensor([0.4963])"),
    Accepted("a seeded generator", "import torch\ng = torch.Generator().manual_seed(0)\nprint(torch.rand(1, generator=g))", "tensor([0.4963])"),
    Accepted("an address", "print(object())", "<object object at 0x…>"),
    Accepted("a volatile number", "import time\nprint(time.time_ns(), 'ns')", " ns\n", entry("volatile", page="part/one", section="probe")),
    Accepted("a loose float", "import os\nprint(1 + os.urandom(1)[0] / 1e5)", "1.0", entry("tolerance", page="part/one", section="probe", rtol=0.01, atol=0)),
    Accepted("an expected exception", "print('first')\n1 / 0", "first\n", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="by zero")),
    Accepted("an expected warning", WARNS, "UserWarning: old ways", entry("warns", page="part/one", section="probe", message="old")),
    Accepted("a warning that is caught", "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n    warnings.warn('x')\nprint('quiet')", "quiet\n"),
    Accepted("needs a GPU", "import torch\nprint(torch.cuda.get_device_name())", "", entry("needs", page="part/one", section="probe", what="cuda")),
    Accepted("leaves its folder", "import os, tempfile\nos.chdir(tempfile.mkdtemp())\nprint('gone')", "gone\n"),
    Accepted("replaces sys.stdout for a while", "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as text:\n    print('hidden')\nprint(len(text.getvalue()))", "7\n"),
    Accepted("floats of two kernels, compared as floats", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\ntorch.testing.assert_close((x @ w)[:4], x[:4] @ w)\nprint(f'{(x @ w).std():.4f}')", "4.9013"),
    Accepted("one kernel twice", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\nassert torch.equal(x @ w, F.linear(x, w.T)) and torch.equal(x.exp(), x.clone().exp_())\nprint((x @ w).sort().values.gather(1, torch.tensor([[3]])))", "tensor([["),
    Accepted("sums of whole numbers", DRAW + "n = torch.arange(1000.0)\nassert n.sum() == n.cumsum(0)[-1] == 499500 and n.mean() == 499.5\nn = n[:100]\nprint((n[:, None] * n).trace() == n @ n)", "tensor(True)"),
]  # fmt: skip
