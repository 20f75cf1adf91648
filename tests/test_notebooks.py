"""A chapter as a script and as a notebook: both whole, both run."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from book.ground.tree import HERE, LANGUAGES, Tree
from book.record import records
from book.site import notebooks
from book.source import ledger, pages

SITE = "https://example.org/book/"


def raising(page: str) -> dict[str, str]:
    return {e.section: e.error for e in ledger.load(HERE).of_page(page) if e.kind == "raises"}


def made(page: str, language: str) -> dict:
    source = pages.load(HERE, page, language)
    return json.loads(notebooks.notebook(source, records.read(HERE, page), SITE, raising(page)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", ["concepts/autograd", "concepts/dynamic_graph", "concepts/tensors"])
def test_notebook_is_valid_and_holds_the_whole_page(page: str, language: str) -> None:
    notebook = made(page, language)
    nbformat.validate(nbformat.from_dict(notebook))
    source = pages.load(HERE, page, language)
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert [c["source"] + "\n" for c in code] == [b.run_code for b in source.blocks]
    assert [c["outputs"] for c in code] == [c.outputs for c in records.read(HERE, page).cells]
    prose = "\n".join(c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown")
    assert "{#" not in prose
    assert "!!!" not in prose
    assert ".md)" not in prose, "links must lead to the published site"
    for heading in source.headings:
        assert heading.title in prose


def test_a_broken_recorded_output_shows_in_the_notebook() -> None:
    """The notebook carries the record's outputs, not outputs of its own."""
    source = pages.load(HERE, "index")
    record = copy.deepcopy(records.read(HERE, "index"))
    record.cells[0].outputs[0]["data"]["text/plain"] = "changed by hand"
    assert "changed by hand" in notebooks.notebook(source, record, SITE, {})


def test_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = nbformat.from_dict(made("concepts/autograd", "zh"))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    cells = {c.id: c for c in notebook.cells}
    assert "tensor(8.)" in str(cells["backward_scalar"].outputs)
    assert cells["backward_twice"].outputs[-1].ename == "RuntimeError"


@pytest.mark.parametrize("page", ["concepts/autograd", "concepts/dynamic_graph"])
def test_script_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    text = notebooks.script(pages.load(HERE, page), raising(page))
    file = tmp_path / f"{notebooks.download_name(page)}.py"
    file.write_text(text, encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(HERE.root)}
    done = subprocess.run(
        [sys.executable, file.name], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    for error in raising(page).values():
        assert f"{error}:" in done.stdout


def test_admonitions_and_links(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    text = (
        '# T {#t}\n\n!!! warning "Mind"\n\n    Inside [there](../other/page.md#x).\n\nAfter [index](../index.md) '
        "and [here](#t) and [out](https://pytorch.org/).\n"
    )
    page = pages.parse(tree, "part/one", "en", text)
    cells = json.loads(
        notebooks.notebook(page, records.Record("part/one", records.Machine("", "", "", "", ""), ()), SITE, {})
    )
    prose = cells["cells"][0]["source"]
    assert prose == (
        "# T\n\n\n> **Mind**\n>\n>\n> Inside [there](https://example.org/book/other/page/#x).\n>\n\nAfter "
        "[index](https://example.org/book/) and [here](https://example.org/book/part/one/#t) and [out](https://pytorch.org/)."
    )


def test_download_names_hide_no_module() -> None:
    from book.prove.audit import shadows

    names = [notebooks.download_name(page) for page in HERE.pages()]
    assert list(shadows([name for name in names if name != "index"])) == []
    assert list(shadows(["math"])) != []
