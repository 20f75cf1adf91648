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

from book.ground.tree import Tree

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
AWAY = r"prints another thing in another world"


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


def drop_fact(name: str) -> Breaks:
    """Take a fact about the machine out of the record."""

    def breaks(tree: Tree) -> None:
        path = tree.root / RECORD
        notebook = json.loads(path.read_text(encoding="utf-8"))
        del notebook["metadata"]["book"][name]
        path.write_text(json.dumps(notebook), encoding="utf-8")

    return breaks


def pin(package: str, version: str) -> Breaks:
    """Pin a package at another version than before, or for the first time."""

    def breaks(tree: Tree) -> None:
        lines = tree.requirements.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith(f"{package}==")]
        tree.requirements.write_text("\n".join([*kept, f"{package}=={version}"]) + "\n", encoding="utf-8")

    return breaks


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
    """A ledger entry; ``page``, ``section`` and the reasons need naming only where they matter."""
    keys = {"page": "part/small", "section": "scale", "reason": "a test", "reason_zh": "测试", **keys}
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
    Fault("curve changed", edit(SNIPPET, "x, x**2", "x, [1, 5, 9]"), COMPARE, CURVE + r"\n.*a (path|mark) moved by"),
    Fault("colour changed", edit(SNIPPET, "#2f6fdb", "#e4572e"), COMPARE, CURVE + r"\n.*stroke #2f6fdb is now #e4572e"),
    Fault("label changed", edit(SNIPPET, '"square"', '"squire"'), COMPARE, CURVE + r"\n.*a label of the picture: text differs: .*square.*squire"),
    Fault("figure size changed", edit(SNIPPET, "(3, 2)", "(3, 3)"), COMPARE, CURVE + r"\n.*the picture was [\d.]+ x [\d.]+ pt, is"),
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
    Fault("record: figure, moved path", output("curve", "image/svg+xml", r"L 100\.66\d* 71\.64", "L 100.66 61.64"), "check", CURVE + r"\n.*a path moved by"),
    Fault("record: figure, moved by 0.6 pt", output("curve", "image/svg+xml", r"L 100\.66(\d*) ", r"L 101.26\1 "), "check", CURVE + r"\n.*a path moved by 0\.60 pt"),
    Fault("record: figure, a shade darker", output("curve", "image/svg+xml", "stroke: #2f6fdb", "stroke: #2f6fbd"), "check", CURVE + r"\n.*stroke #2f6fbd is now #2f6fdb"),
    Fault("record: figure, mark removed", output("curve", "image/svg+xml", r'<use [^>]*style="stroke: #000000[^>]*/>', ""), "check", CURVE + r"\n.*0 <use> are now 1"),
    Fault("record: figure, mark added", output("curve", "image/svg+xml", "</svg>", '<rect width="1" height="1"/></svg>'), "check", CURVE + r"\n.*1 <rect> are now 0"),
    Fault("record: figure, script", output("curve", "image/svg+xml", '<g id="figure_1">', '<g id="figure_1" onload="alert(1)">'), "check", CURVE + r"\n.*one <g> has onload, the other has not"),
    Fault("record: figure, other colour", output("curve", "image/svg+xml", r"stroke: #2f6fdb", "stroke: #e4572e"), "check", CURVE + r"\n.*stroke #e4572e is now #2f6fdb"),
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
    Fault("autograd: record, figure", output("tanh_curves", "image/svg+xml", r"stroke: #2a9d8f", "stroke: #9b5de5", AUTOGRAD), "check", r"docs/en/concepts/autograd\.md:\d+ \(snippets/concepts/autograd\.py:\d+\):\n.*stroke #9b5de5 is now #2a9d8f", book="autograd"),
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
    Fault("ledger: no reason in Chinese", ledger("volatile", reason_zh=None), "audit", rf'{LEDGER}: \[\[volatile\]\] part/small "scale" lacks "reason_zh"'),
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
    Fault("record of another format", edit(RECORD, '"format": 2', '"format": 3'), "stage", rf"{RECORD}: not a whole record \(format 3 is not 2\)"),
    Fault("record: facts of the machine edited", edit(RECORD, '"python": "3', '"python": "4'), "stage", rf'{RECORD}: not a whole record \(the facts kept for block "scale" were edited'),
    Fault("record without a version", drop_fact("numpy"), "stage", rf"{RECORD}: not a whole record \('numpy'\)"),
    Fault("another torch is pinned", pin("torch", "9.9.9"), "stage", rf"{RECORD}: recorded with torch [\d.]+ \(9\.9\.9 is pinned\)\n  run {MEND}"),
    Fault("another torch is pinned, seen by check", pin("torch", "9.9.9"), "check", SCALE + rf"\n.*recorded with torch [\d.]+ \(9\.9\.9 is pinned\): run {MEND}"),
    Fault("another matplotlib is pinned", pin("matplotlib", "9.9"), "stage", rf"{RECORD}: recorded with matplotlib [\d.]+ \(9\.9 is pinned\)"),
    Fault("record with an odd output", record(lambda cells: cells[0]["outputs"].append({"output_type": "poem"})), "stage", rf"{RECORD}: not a whole record"),
    Fault("record without its section", record(lambda cells: cells[0]["metadata"]["book"].pop("section")), "stage", rf"{RECORD}: not a whole record"),
    Fault("gpu.json broken", write("docs/records/gpu.json", '{"gpu": "H200", "blo'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("gpu.json lacks a key", write("docs/records/gpu.json", '{"gpu": "H200", "torch": "2.13.0", "blocks": []}'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("gpu.json with an odd block", write("docs/records/gpu.json", '{"gpu": "", "torch": "", "date": "", "blocks": [{"page": "x"}]}'), "stage", r"docs/records/gpu\.json: not a whole GPU record"),
    Fault("machines.json broken", write("docs/records/machines.json", '{"machines": [{'), "stage", r"docs/records/machines\.json: not whole \(.*\): delete it and run python -m book check --prove"),
    Fault("machines.json lacks a key", write("docs/records/machines.json", '{"machines": [{"cpu": "AVX2", "seal": ""}]}'), "stage", r"docs/records/machines\.json: not whole"),
    Fault("ladder.json broken", write("docs/records/ladder.json", '{"runs": [{'), "stage", r"docs/records/ladder\.json: not whole \(.*\): delete it and run make ladder TORCH="),
    Fault("ladder.json lacks a key", write("docs/records/ladder.json", '{"runs": [{"torch": "2.15.0", "seal": ""}]}'), "stage", r"docs/records/ladder\.json: not whole"),
    Fault("since a torch that is pinned", ledger("since", torch="2.1"), "check", r'tests/ledger\.toml: \[\[since\]\] part/small "scale": torch [\d.]+ is pinned, which is not older than 2\.1: delete'),
    Fault("until a torch older than the pinned one", ledger("until", torch="2.1"), "check", r'tests/ledger\.toml: \[\[until\]\] part/small "scale": torch [\d.]+ is pinned, which is newer than 2\.1: mend'),
    Fault("until without its torch", ledger("until"), "check", r'tests/ledger\.toml: \[\[until\]\] part/small "scale" lacks "torch"'),
    Fault("until with a patch release", ledger("until", torch="2.99.1"), "check", r"tests/ledger\.toml: .*\"torch\" is '2\.99\.1': write major and minor"),
    Fault("then is no table", ledger("until", torch="2.99", then=["a"]), "check", r"tests/ledger\.toml: .*\"then\" is \['a'\]: write then = "),
    Fault("the ladder on no release", append(EN, ""), "ladder 2.15", r'TORCH="2\.15" names no release of torch: write all three numbers'),
    Fault("prove of one page", append(EN, ""), "check --prove part/small", "--prove is for all pages and their records"),
    Fault("prove without hashes", append(EN, ""), "check --prove --ignore-hashes", "--prove is for all pages and their records"),
    Fault("prove without a record", delete(RECORD), "check --prove", rf"docs/records/machines\.json: not written, this was no run of the whole book: {RECORD}: no record"),
    Fault("prove with a block that ends its process", edit(SNIPPET, "x + torch.ones(2)", "import os\nos._exit(1)"), "check --prove", r"machines\.json: not written, this was no run of the whole book: the process of part/small ended early"),
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
    # BOOK_DEVICE names a device; what fails only beside an accelerator is planted in tests/test_simulated.py.
    Fault("no such device", both(), "gpu", r"error: BOOK_DEVICE=nonsense does not work here, so nothing was run and nothing was recorded", device="nonsense"),
    Fault("no accelerator", both(), "gpu", r"error: BOOK_DEVICE=meta is none of cuda, mps, xpu, so nothing was run", device="meta"),
    Fault("sim without a record", delete(RECORD), "gpu --device sim", rf"{RECORD}: no record of this page: run {MEND}"),
    Fault("proof of some pages", both(), "gpu --device sim --prove part/small", r"--prove is for --device sim and all pages"),
    Fault("proof of a real device", both(), "gpu --prove", r"--prove is for --device sim and all pages"),
    Fault("gpu without a record", delete(RECORD), "gpu", rf"{RECORD}: no record of this page: run {MEND}", device="cpu"),
    Fault("dtype string differs", output("scale", "text", r"\)\n", ", dtype=torch.float64)\n"), "check", SCALE + r"\n.*text differs"),
]  # fmt: skip

NO_BLOCK = r'docs/en/part/small\.md:10: block "scale" is no block for Markdown: indent its fence by 0'
FENCE = '```python\n--8<-- "part/small.py:scale"\n```'
LAST = "It raises."


def rewrapped(before: str, indent: int, after: str = "") -> Breaks:
    """The first block of both languages, indented, behind other lines."""
    shifted = "\n".join(" " * indent + line for line in FENCE.split("\n"))
    return in_both(FENCE, before + shifted + after)


MARKUP = [
    Fault("a fence indented by 4 below nothing", rewrapped("", 4), "audit", NO_BLOCK),
    Fault("a fence indented by 8 below nothing", rewrapped("", 8), "audit", NO_BLOCK),
    Fault("a fence indented by 4 right behind a paragraph", rewrapped("A sentence.\n", 4), "audit", r'small\.md:11: block "scale" is no block for Markdown'),
    Fault("a fence indented by 3 in a list", rewrapped("1. one\n\n", 3, "\n\n2. two"), "audit", r'small\.md:12: block "scale" is indented by 3, so it ends up outside the list or box'),
    Fault("a fence indented by 2 in a box", rewrapped('!!! note "Note"\n\n    Text.\n\n', 2), "audit", r'small\.md:14: block "scale" is indented by 2, so it ends up outside'),
    Fault("a fence inside plain HTML", rewrapped("<div>\n", 0, "\n</div>"), "audit", r'small\.md:11: block "scale" is no block for Markdown.*<div markdown="1">'),
    Fault("a fence inside <details> without markdown", rewrapped("<details>\n<summary>more</summary>\n", 0, "\n</details>"), "audit", r'small\.md:12: block "scale" is no block for Markdown'),
    Fault("a reference to a page that is not there", edit(EN, LAST, "It [raises][far].\n\n    [far]: ../nowhere/page.md"), "audit", r'<a> "\.\./nowhere/page\.md": there is no page nowhere/page\.md'),
    Fault("a link in angle brackets", edit(EN, LAST, "It [raises](<../nowhere/page.md>)."), "audit", r'small\.md:32: <a> "\.\./nowhere/page\.md": there is no page'),
    Fault("a link in HTML", edit(EN, LAST, 'It <a href="small.md#nowhere">raises</a>.'), "audit", r'small\.md:32: <a> "small\.md#nowhere": part/small\.md has no id "nowhere"'),
    Fault("a picture that is not there", edit(EN, LAST, "It ![raises](missing.png)."), "audit", r'small\.md:32: <img> "missing\.png": there is no such file'),
    Fault("a link from the root", edit(EN, LAST, 'It <a href="/part/small/">raises</a>.'), "audit", "write it relative to this page"),
    Fault("a reference that is defined nowhere", edit(EN, LAST, "It [raises][far]."), "audit", r"small\.md:32: \[raises\]\[far\]: this reference is defined nowhere"),
    Fault("a heading with the id of a block", in_both("{#table}", "{#code-scale}"), "audit", r'small\.md:14: id "code-scale" is the id of block "scale"'),
]  # fmt: skip

SOURCE = [*TRUTH, *SECTIONS, *FENCES, *LANGUAGES, *LEDGERS, *FILES, *FORMULAS, *DEVICES, *MARKUP]


def svg(inner: str) -> str:
    """A block that shows an SVG picture."""
    picture = f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{inner}</svg>"
    return f"from IPython.display import SVG\nSVG({picture!r})"


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
    BlockFault("a figure without marks", 'import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.set_title("nothing")\nplt.show()', "a figure has no marks: draw a line"),
    BlockFault("a figure of an empty line", "import matplotlib.pyplot as plt\nplt.plot([], [])\nplt.show()", "a figure has no marks"),
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
    BlockFault("does not parse, with its place", "x = 1\ny = (1,,)", r"SyntaxError: invalid syntax\n\s+at snippets/part/one\.py:7\n"),
    BlockFault("a notebook's magic", "x = 1\n%timeit x", r"SyntaxError: invalid syntax \(%timeit x is for notebooks: a page holds plain Python\)\n\s+at snippets/part/one\.py:7\n"),
    BlockFault("a notebook's shell", "!pip list", r"\(!pip list is for notebooks: a page holds plain Python\)\n\s+at snippets/part/one\.py:6\n"),
    BlockFault("awaits at the top", "import asyncio\nawait asyncio.sleep(0)", r"'await' outside function \(.*call asyncio\.run\)\n\s+at snippets/part/one\.py:7\n"),
    BlockFault("a forked child goes on", "import os\nif os.fork() == 0:\n    before = 2\nprint(before)", r"forks a child that goes on below os\.fork\(\)"),
    BlockFault("letters that the font has not", "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.set_title(\"损失 loss\")\nplt.show()", 'draws a figure whose font has no letter for "损失"'),
    BlockFault("letters that a formula has not", "import matplotlib.pyplot as plt\nplt.title(\"损失 $x^2$\")\nplt.show()", 'draws a figure whose font has no letter for "损失"'),
    BlockFault("letters that are missing in silence", "import matplotlib.pyplot as plt, warnings\nwarnings.simplefilter('ignore')\nplt.xlabel('步')\nplt.show()", 'draws a figure whose font has no letter for "步"'),
    BlockFault("an SVG with a script", svg("<script>alert(1)</script>"), r"shows image/svg\+xml that a page can't show: it has <script>"),
    BlockFault("an SVG with a handler", svg('<rect onclick="go()"/>'), r"it|<rect> has onclick=\"go\(\)\""),
    BlockFault("an SVG with a foreign object", svg("<foreignObject/>"), "it has <foreignobject>"),
    BlockFault("an SVG that loads from elsewhere", svg('<image href="https://example.org/a.png"/>'), '<image> refers to "https://example.org/a.png"'),
    BlockFault("an SVG with a style from elsewhere", svg("<style>@import 'a.css'</style>"), '<style> refers to "@import"'),
    BlockFault("an SVG that is none", "from IPython.display import display\ndisplay({'image/svg+xml': '<svg'}, raw=True)", "it is not well-formed"),
    BlockFault("HTML that is no table", "from IPython.display import HTML\nHTML('<b>bold</b>')", "shows an object whose only form is HTML that is no plain table: the page can't show it"),
    BlockFault("JSON", "from IPython.display import JSON\nJSON({'a': 1})", "shows an object whose only form is application/json: the page can't show it"),
    BlockFault("sound", "from IPython.display import Audio\nAudio([0.0, 0.1], rate=8000)", "shows an object whose only form is HTML that is no plain table"),
    BlockFault("a picture that is none", "from IPython.display import display\ndisplay({'image/png': b'GIF89a'}, raw=True)", "shows image/png that a page can't show: it does not begin as a PNG or JPEG file does"),
    BlockFault("Markdown with HTML", "from IPython.display import Markdown\nMarkdown('<script>x</script>')", "shows text/markdown that a page can't show: it holds HTML"),
    BlockFault("Markdown with a picture", "from IPython.display import Markdown\nMarkdown('![a](https://example.org/a.png)')", "it holds a picture"),
    BlockFault("Markdown with a script's address", "from IPython.display import Markdown\nMarkdown('[a](javascript:go)')", 'it links to "javascript:go"'),
    BlockFault("LaTeX that does not parse", "from IPython.display import Math\nMath(r'\\frac{1}{2')", "shows text/latex that a page can't show: "),
    BlockFault("a value too long", "'x' * 200_000", r"shows a value of 200,002 characters; a page shows at most 100,000"),
    BlockFault("a table too long", "import pandas as pd\npd.set_option('display.max_rows', None)\npd.DataFrame({'a': range(9000)})", r"shows [\d,]+ characters of text/html; a page shows at most 100,000"),
    BlockFault("a picture too large", "import os\nfrom PIL import Image\nImage.frombytes('RGB', (700, 700), os.urandom(700 * 700 * 3))", r"shows [\d,]+ characters of image/png; a page shows at most 1,000,000"),
    BlockFault("a message too long", "raise ValueError('x' * 200_000)", r"raises ValueError with [\d,]+ characters; a page shows at most 100,000"),
    BlockFault("an expected message too long", "raise ValueError('x' * 200_000)", r"raises ValueError with [\d,]+ characters", entry("raises", page="part/one", section="probe", error="ValueError", message="x")),
    BlockFault("floods before an expected exception", "print('x' * 200_000)\nraise ValueError('x')", r"prints 200,001 bytes; a page shows at most", entry("raises", page="part/one", section="probe", error="ValueError", message="x")),
    BlockFault("a syntax warning", 'print("\\d")', r"its own line causes \w+Warning"),
    # What another machine, user or day would print otherwise.
    BlockFault("set order", 'print({"alpha", "beta", "gamma", "delta"})', AWAY + r"[^§]*text differs"),
    BlockFault("the home folder", "from pathlib import Path\nprint(Path.home())", AWAY),
    BlockFault("the home folder of a variable", 'import os\nprint(os.path.expanduser("~"))', AWAY),
    BlockFault("the user's name", "import getpass\nprint(getpass.getuser())", AWAY),
    BlockFault("the host name", "import platform\nprint(platform.node())", AWAY),
    BlockFault("the host name by its socket", "import socket\nprint(socket.gethostname())", AWAY),
    BlockFault("the system's release", "import platform\nprint(platform.platform())", AWAY),
    BlockFault("the core count", "import os\nprint(os.cpu_count())", AWAY),
    BlockFault("the cores it may use", "import os\nprint(len(os.sched_getaffinity(0)))", AWAY),
    BlockFault("the core count of multiprocessing", "import multiprocessing\nprint(multiprocessing.cpu_count())", AWAY),
    BlockFault("the core count of psutil", "import psutil\nprint(psutil.cpu_count())", AWAY),
    BlockFault("PATH", 'import os\nprint(os.environ["PATH"].count(":"))', AWAY),
    BlockFault("the time zone", "import datetime\nprint(datetime.datetime.fromtimestamp(0))", AWAY),
    BlockFault("the time zone's name", "import time\nprint(time.tzname)", AWAY),
    BlockFault("the date", "import datetime\nprint(datetime.date.today())", AWAY),
    BlockFault("the date by time", 'import time\nprint(time.strftime("%Y-%m-%d"))', AWAY),
    BlockFault("the year", "from datetime import datetime\nprint(datetime.now().year)", AWAY),
    BlockFault("sys.version", "import sys\nprint(sys.version)", AWAY),
    BlockFault("the version of Python", "import platform\nprint(platform.python_version())", AWAY),
    BlockFault("the path of Python", "import sys\nprint(sys.executable)", AWAY),
    BlockFault("the processor's capability", "import torch\nprint(torch.backends.cpu.get_cpu_capability())", AWAY),
    BlockFault("the width of the terminal", "import argparse\nparser = argparse.ArgumentParser(prog='demo')\nparser.add_argument('--rate', help='how far each step goes along the gradient, and a few words more to fill the line')\nprint(parser.format_help())", AWAY),
    BlockFault("the depth of its folder", "from pathlib import Path\nprint(len(Path.cwd().parts))", AWAY),
    BlockFault("a duration", "import time\nbegan = time.perf_counter()\nsum(range(1000))\nprint(f'{time.perf_counter() - began:.0f} s')", AWAY),
    BlockFault("a duration of timeit", "import timeit\nprint(f'{timeit.timeit(\"sum(range(1000))\", number=10):.0f} s')", AWAY),
    BlockFault("a bound on seconds", "import time\nbegan = time.perf_counter()\nsum(range(1000))\nelapsed = time.perf_counter() - began\nassert elapsed < 0.5", r"fails in another world [^§]*AssertionError"),
    BlockFault("seeded with the time, unseen", "import time, torch\ntorch.manual_seed(time.time_ns())\nweights = torch.rand(2)", "leaves the random generators in another state each time"),
    # What others would notice: a later block, another page, the reader's machine.
    BlockFault("asks the network", "import urllib.request\ntry:\n    urllib.request.urlopen('http://example.com', timeout=3)\nexcept OSError:\n    print('are you offline?')", r"asks the network \(example\.com\)"),
    BlockFault("writes into the home folder", "from pathlib import Path\nfile = Path.home() / 'left-by-a-block.txt'\nfile.write_text('x')\nfile.unlink();", r"writes \S*left-by-a-block\.txt, outside its own folder"),
    BlockFault("makes a folder elsewhere", "import os\nfolder = os.path.join('..', '..', 'made-by-a-block')\nos.mkdir(folder)\nos.rmdir(folder)", r"writes \S*made-by-a-block, outside its own folder"),
    BlockFault("saves a tensor elsewhere", "import os, torch\nfile = os.path.join('..', '..', 'left-by-a-block.pt')\ntorch.save(torch.ones(1), file)\nos.remove(file)", r"writes \S*left-by-a-block\.pt, outside its own folder"),
    BlockFault("a thread goes on", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()", r"a thread that this block started \(.*\) runs on after the page"),
    BlockFault("a process goes on", "import subprocess\nchild = subprocess.Popen(['sleep', '60'])", "a process that this block started runs on after the page"),
    BlockFault("hides its own warning", "import warnings\nwarnings.filterwarnings('ignore')\nwarnings.warn('old ways')", "changes the warning filters for all later blocks"),
    BlockFault("turns warnings into errors", "import warnings\nwarnings.simplefilter('error')", "changes the warning filters for all later blocks"),
    BlockFault("replaces a function of torch", "import torch\ntorch.sigmoid = torch.tanh", r"replaces torch\.sigmoid for all later blocks"),
    BlockFault("replaces a layer's method", "from torch import nn\nnn.Linear.forward = lambda self, x: x", r"replaces torch\.nn\.Linear\.forward for all later blocks"),
    BlockFault("gives tensors a method", "import torch\ndef double(self):\n    return 2 * self\n\n\ntorch.Tensor.twice = double", r"replaces torch\.Tensor\.twice for all later blocks"),
    BlockFault("replaces print", "import builtins\nbuiltins.print = lambda *_, **__: None", r"replaces builtins\.print for all later blocks"),
    BlockFault("unseeded in fork_rng", "import torch\nwith torch.random.fork_rng():\n    layer = torch.nn.Linear(1, 1)", "draws random numbers before it seeds"),
    BlockFault("draws before it seeds", "import torch\nx = torch.rand(2)\ntorch.manual_seed(0)\nprint(torch.rand(2))", "draws random numbers before it seeds"),
    BlockFault("draws by numpy before it seeds", "import numpy as np\nx = np.random.rand(2)\nnp.random.seed(0)", "draws random numbers before it seeds"),
    BlockFault("seeds another generator", "import torch\ng = torch.Generator().manual_seed(0)\nlayer = torch.nn.Linear(1, 1)", "draws random numbers but never seeds"),
    BlockFault("seeds another generator than it draws from", "import random, torch\ntorch.manual_seed(0)\nprint(random.random())", "draws random numbers but never seeds"),
    BlockFault("seeds in a function that nobody calls", "import torch\ndef f():\n    torch.manual_seed(0)\n\n\ntorch.rand(2)", "draws random numbers but never seeds"),
    BlockFault("swallows its assert", "try:\n    assert before == 2\nexcept AssertionError:\n    pass", "line 2: this assert is inside a try"),
    BlockFault("suppresses its assert", "import contextlib\nwith contextlib.suppress(AssertionError):\n    assert before == 2", "line 3: this assert is inside a try"),
]  # fmt: skip


@dataclass(frozen=True)
class Varies:
    """A block that gives something else each time: ``record`` must refuse it, and ``check`` must say what differs."""

    name: str
    code: str
    says: str


VARIES = [
    Varies("the time", "import time\nprint(time.time_ns())", "number 1 differs"),
    Varies("a duration with a unit", 'import os\nprint([f"{n / 7:.3f}ms" for n in os.urandom(6)])', r"number \d+ differs"),
    Varies("os.urandom", "import os\nprint(sorted(os.urandom(16)))", r"number \d+ differs"),
    Varies("a fresh generator", "import numpy as np\nprint(np.random.default_rng().random())", "number 1 differs"),
    Varies("the process id", "import os\nprint(os.getpid())", "number 1 differs"),
    Varies("a figure", "import os, matplotlib.pyplot as plt\nplt.plot([0, 255, *os.urandom(50)])\nplt.show()", r"moved by [\d.]+ pt"),
    Varies("seeded with the time", "import time, torch\ntorch.manual_seed(time.time_ns())\nprint(torch.rand(2))", "number 1 differs"),
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

angle = torch.rand(12)
left_over = torch.sin(angle) ** 2 + torch.cos(angle) ** 2 - 1
plt.bar(range(12), torch.ones(12), color=["tab:blue" if gap > 0 else "tab:red" for gap in left_over])
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
data = 3000 + torch.rand(8, 1000)
print([f"{row.square().mean() - row.mean().square():.3f}" for row in data])
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
    BlockFault("a difference that cancels", DRAW + CANCELS, NOISE + r"output 1: number \d+ differs"),
]  # fmt: skip


@dataclass(frozen=True)
class Accepted:
    """A block that looks odd and must be recorded, with these words in its output, and pass its check."""

    name: str
    code: str
    shows: str
    ledger: str = ""


RICH = """\
from IPython.display import HTML, SVG, Latex, Markdown, Math, display
from PIL import Image

display(SVG("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"))
display(Image.new("RGB", (4, 3), "red"))
display(HTML("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"))
display(Markdown("## Result\\n\\nThe *loss* is $x^2$, `a < b`."))
display(Latex(r"$$\\frac{1}{2}$$"))
Math("x_1")
"""

ACCEPTED = [
    Accepted("prints to fd 1", 'import os\nprint("one")\nos.write(1, b"two\\n")\nprint("three")', "one\ntwo\nthree\n"),
    Accepted("prints by a subprocess", 'import subprocess\nsubprocess.run(["echo", "from a child"]);', "from a child\n"),
    Accepted("prints by C code", 'import ctypes\nctypes.CDLL(None).puts(b"from C");', "from C\n"),
    Accepted("prints from a joined thread", 'import threading\nt = threading.Thread(target=print, args=("in time",))\nt.start()\nt.join()', "in time\n"),
    Accepted("prints odd characters", 'print("张量 \\ud800 ∂ \\x00")', "张量"),
    Accepted("a lone surrogate in a message", "raise ValueError('\\ud800 \\x00')", "", entry("raises", page="part/one", section="probe", error="ValueError", message="ud800")),
    Accepted("a message that fails itself", "class E(Exception):\n    def __str__(self):\n        raise KeyError\n\n\nraise E", "", entry("raises", page="part/one", section="probe", error="E", message="can't be told")),
    Accepted("a picture of PIL", "from PIL import Image\nImage.new('L', (4, 4))", ""),
    Accepted("several forms", RICH, ""),
    Accepted("escape codes", "print('\\x1b[31mred\\x1b[0m ab\\bc\\fend')", "red ac\nend\n"),
    Accepted("output that is cleared", "from IPython.display import clear_output\nfor i in range(3):\n    clear_output(wait=True)\n    print(i)", "2\n"),
    Accepted("a place that is filled later", "from IPython.display import display\nplace = display('…', display_id=True)\nprint('done')\nplace.update(3)", "done\n"),
    Accepted("a forked child that ends", "import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nos.waitpid(pid, 0)\nprint('one')", "one\n"),
    Accepted("a semicolon in a comment", "print('shown')\n1 + 1  # two;", "shown\n"),
    Accepted("an expected exception with a note", "error = ValueError('bad')\nerror.add_note('look there')\nraise error", "", entry("raises", page="part/one", section="probe", error="ValueError", message="^bad$")),
    Accepted("a progress bar", 'import time\nfor i in range(3):\n    print(f"\\r{i}/2", end="")\nprint()', "2/2\n"),
    Accepted("a bar of tqdm", 'import time\nfrom tqdm import tqdm\nfor i in tqdm(range(3), "epochs"):\n    time.sleep(0.02)', "epochs: 100%|██████████| 3/3\n"),
    Accepted("a volatile number with a unit", "import time\nprint(f'{time.time_ns()}ns {time.time() % 10:.1f}s')", "ns ", entry("volatile", page="part/one", section="probe")),
    Accepted("seeds itself", "import torch\ntorch.manual_seed(0)\nprint(torch.rand(1))", "tensor([0.4963])"),
    Accepted("a seeded generator", "import torch\ng = torch.Generator().manual_seed(0)\nprint(torch.rand(1, generator=g))", "tensor([0.4963])"),
    Accepted("an address", "print(object())", "<object object at 0x…>"),
    Accepted("a package that derives from a date by a metaclass of its own", "import pydantic.v1.types\nprint('imported')", "imported\n"),
    Accepted("a volatile number", "import time\nprint(time.time_ns(), 'ns')", " ns\n", entry("volatile", page="part/one", section="probe")),
    Accepted("a loose float", "import os\nprint(1 + os.urandom(1)[0] / 1e5)", "1.0", entry("tolerance", page="part/one", section="probe", rtol=0.01, atol=0)),
    Accepted("an expected exception", "print('first')\n1 / 0", "first\n", entry("raises", page="part/one", section="probe", error="ZeroDivisionError", message="by zero")),
    Accepted("an expected warning", WARNS, "UserWarning: old ways", entry("warns", page="part/one", section="probe", message="old")),
    Accepted("a warning that is caught", "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n    warnings.warn('x')\nprint('quiet')", "quiet\n"),
    Accepted("needs a GPU", "import torch\nprint(torch.cuda.get_device_name())", "", entry("needs", page="part/one", section="probe", what="cuda")),
    Accepted("leaves its folder", "import os, tempfile\nos.chdir(tempfile.mkdtemp())\nprint('gone')", "gone\n"),
    Accepted("a ratio of times", "import time\ndef seconds(n):\n    began = time.perf_counter()\n    sum(range(n))\n    return time.perf_counter() - began\n\n\nshort, long = ([seconds(n) for _ in range(5)] for n in (10_000, 1_000_000))\nassert min(long) > 4 * min(short)\nprint('longer')", "longer\n"),
    Accepted("waits", "import time\nbegan = time.monotonic()\ntime.sleep(0.05)\nassert time.monotonic() - began >= 0.05\nprint('waited')", "waited\n"),
    Accepted("a server on loopback", "import http.server, threading, urllib.request\nwith http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler) as server:\n    server.RequestHandlerClass.log_message = lambda *_: None\n    thread = threading.Thread(target=server.serve_forever)\n    thread.start()\n    print(urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/').status)\n    server.shutdown()\n    thread.join()", "200\n"),
    Accepted("a date of its own", "import datetime\nprint(repr(datetime.datetime(2020, 1, 2)), datetime.date(2020, 1, 2), isinstance(datetime.datetime(2020, 1, 2), datetime.date))", "datetime.datetime(2020, 1, 2, 0, 0) 2020-01-02 True\n"),
    Accepted("workers", "import torch\nfrom torch.utils.data import DataLoader\ntorch.manual_seed(0)\nprint(sum(DataLoader(torch.arange(6), batch_size=None, num_workers=2)))", "tensor(15)\n"),
    Accepted("a spawned process", "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(2)'], capture_output=True, text=True).stdout)", "2\n"),
    Accepted("a progress bar of tqdm", "from tqdm import tqdm\nfor _ in tqdm(range(3), disable=False, bar_format='{l_bar}'): pass\nprint('done')", "done\n"),
    Accepted("a name that is put back", "import torch\nold, torch.sigmoid = torch.sigmoid, torch.tanh\ntorch.sigmoid = old\nprint('whole')", "whole\n"),
    Accepted("seeds in fork_rng", "import torch\nwith torch.random.fork_rng():\n    torch.manual_seed(0)\n    print(torch.rand(1))", "tensor([0.4963])"),
    Accepted("seeds past the functions", "import torch\ntorch.default_generator.manual_seed(0)\nprint(torch.rand(1))", "tensor([0.4963])"),
    Accepted("an assert that is raised on", "try:\n    assert before == 1\nexcept AssertionError as error:\n    raise ValueError('before') from error\nprint('held')", "held\n"),
    Accepted("loads a package that has filters", "import sklearn.linear_model\nprint('loaded')", "loaded\n"),
    Accepted("the version of torch", "import torch\nprint(torch.__version__.split('.')[0])", "2\n"),
    Accepted("replaces sys.stdout for a while", "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as text:\n    print('hidden')\nprint(len(text.getvalue()))", "7\n"),
    Accepted("floats of two kernels, compared as floats", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\ntorch.testing.assert_close((x @ w)[:4], x[:4] @ w)\nprint(f'{(x @ w).std():.4f}')", "4.9013"),
    Accepted("one kernel twice", DRAW + "x, w = torch.randn(20, 30), torch.randn(30, 4)\nassert torch.equal(x @ w, F.linear(x, w.T)) and torch.equal(x.exp(), x.clone().exp_())\nprint((x @ w).sort().values.gather(1, torch.tensor([[3]])))", "tensor([["),
    Accepted("sums of whole numbers", DRAW + "n = torch.arange(1000.0)\nassert n.sum() == n.cumsum(0)[-1] == 499500 and n.mean() == 499.5\nn = n[:100]\nprint((n[:, None] * n).trace() == n @ n)", "tensor(True)"),
]  # fmt: skip
