"""book.site.stage, book.site.hook (records that are stale or broken stand in faults.py)"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from books import one_block
from faults import RICH, append, edit, ledger, write
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from PIL import Image

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.prove import recording
from book.record import gpu, records
from book.record.gpu import MOVED, SHOWN, GpuBlock, GpuRecord
from book.run.session import Sessions
from book.site import hook
from book.site.outputs import darken
from book.site.stage import config, join_chinese_lines, stage
from book.source import pages
from book.source.markdown import fence
from book.source.shown import pipe_table


def staged(tree: Tree, language: str = "en") -> str:
    return (tree.build / language / "part" / "small.md").read_text(encoding="utf-8")


def test_code_and_outputs_stand_where_the_include_was(small: Tree) -> None:
    stage(small)
    text = staged(small)
    code = (
        "``` { .python #code-scale .rp-code }\nimport torch\n\nx = torch.tensor([1.0, 2.0, 3.0])\nprint(2 * x)\n```\n"
    )
    output = '``` { .text .rp-out }\ntensor([2., 4., 6.])\n```\n'
    assert code + "\n" + output + "\nrun on CPU · torch 2." in text
    assert "--8<--" not in text and "$" not in text and "<math" in text
    assert "| name | value |" in text and "| 0 | first | 0.25 |" in text
    assert re.search(r"!\[A parabola\]\(small/curve-1\.svg#only-light\)\{ \.rp-figure loading=lazy width=\d+ height=\d+ \}", text)
    assert (
        '    ``` { .text .rp-out .rp-error }\n    RuntimeError: The size of tensor a (3)' in text
    )
    assert text.startswith("---\ntitle: Small\n")


def test_a_number_keeps_its_percent_sign(small: Tree) -> None:
    path = small.page("en", "part/small")
    path.write_text(
        path.read_text(encoding="utf-8") + "\nIt is 5 % of all, `7 % n` is code.\n\n```text\n5 % of 3\n```\n",
        encoding="utf-8",
    )
    stage(small)
    assert "It is 5\N{NO-BREAK SPACE}% of all, `7 % n` is code." in staged(small) and "\n5 % of 3\n" in staged(small)


def test_figures_are_files_for_light_and_dark(small: Tree) -> None:
    stage(small)
    light = (small.build / "en" / "part" / "small" / "curve-1.svg").read_text(encoding="utf-8")
    dark = (small.build / "en" / "part" / "small" / "curve-1-dark.svg").read_text(encoding="utf-8")
    cell = records.read(small, "part/small").cell("curve")
    assert cell is not None and light == cell.outputs[0]["data"]["image/svg+xml"]
    assert dark == darken(light) != light


def test_both_languages_show_the_same_code_in_their_own_words(small: Tree) -> None:
    stage(small)
    chinese = staged(small, "zh")
    assert "已在 CPU 上运行 · torch 2." in chinese and "![一条抛物线](" in chinese
    assert chinese.count(".rp-code }") == staged(small).count(".rp-code }") == 4


def test_only_what_changed_is_written(small: Tree) -> None:
    first = stage(small)
    assert small.build / "en" / "part" / "small.md" in first and small.build / "zh" / "status.md" in first
    assert stage(small) == []
    append("docs/zh/part/small.md", "\n更多。\n")(small)
    changed = stage(small)
    assert small.build / "zh" / "part" / "small.md" in changed
    assert not [path for path in changed if path.is_relative_to(small.build / "en") or path.suffix == ".svg"]
    assert "更多。" in staged(small, "zh")


def test_what_was_deleted_by_hand_comes_back(small: Tree) -> None:
    stage(small)
    figure = small.build / "en" / "part" / "small" / "curve-1.svg"
    figure.unlink()
    assert stage(small, ["en"]) == [figure]


def test_what_no_page_makes_any_more_is_deleted(small: Tree) -> None:
    write("docs/en/extra.md", "# Extra {#extra}\n")(small)
    write("docs/en/images/a.png", b"\x89PNG")(small)
    stage(small)
    extra, image = small.build / "en" / "extra.md", small.build / "en" / "images" / "a.png"
    assert extra.is_file() and image.read_bytes() == b"\x89PNG"
    (small.docs("en") / "extra.md").unlink()
    shutil.rmtree(small.docs("en") / "images")
    assert set(stage(small)) >= {extra, image}
    assert not extra.exists() and not image.parent.exists()


def test_a_page_that_is_wrong_keeps_what_was_staged(small: Tree, run_book: object) -> None:
    stage(small)
    before = staged(small)
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    assert run_book(small, "stage")[0] == 1  # type: ignore[operator]
    assert staged(small) == before


def test_the_ledger_and_the_gpu_record_are_shown(small: Tree) -> None:
    stage(small)
    assert "GPU" not in staged(small)
    hashes = {c.name: c.hashes.code for c in records.read(small, "part/small").cells}
    blocks = (
        GpuBlock("part/small", "scale", hashes["scale"], SHOWN, True, 0.1, on_device=True),
        GpuBlock("part/small", "table", hashes["table"], SHOWN, True, 0.1),
        GpuBlock("part/small", "table", hashes["table"], MOVED, False, 0.1, how="numpy"),
        GpuBlock("part/small", "curve", "of another code", SHOWN, True, 0.1),
        GpuBlock("part/small", "wrong_shape", hashes["wrong_shape"], SHOWN, False, 0.1),
    )
    gpu.write_gpu(small, GpuRecord("H200", "2.12.0", "2026-01-01", blocks))
    stage(small)
    english, chinese = staged(small), staged(small, "zh")
    assert english.count(">CPU · GPU</span> · torch") == chinese.count(">CPU · GPU</span> 上运行") == 1
    assert 'run on <span title="It makes tensors on the GPU by itself, and' in english
    assert english.count(">CPU · GPU machine</span> · torch") == chinese.count(">CPU · 带 GPU 的机器</span>") == 1
    assert "because it shares memory with NumPy" in english and "因为此代码块里的张量与 NumPy 共享内存" in chinese
    assert english.count("run on CPU · torch") == 2, "what failed there, and what changed since"
    ledger("volatile", section="scale")(small)
    assert small.build / "en" / "status.md" in stage(small)


def test_what_needs_a_gpu_says_so_until_it_has_run(small: Tree, sessions: Sessions) -> None:
    ledger("needs", section="table", what="cuda")(small)
    recording.record(small, sessions=sessions)
    stage(small)
    assert staged(small).count("not yet run on GPU") == 1 and staged(small, "zh").count("尚未在 GPU 上运行") == 1
    assert "| 0 | first |" not in staged(small) and "small/table.py" not in staged(small)
    script = (small.build / "en" / "part" / "part_small.py").read_text(encoding="utf-8")
    assert "import torch\n\nif torch.cuda.is_available():\n    import pandas as pd\n" in script
    notebook = json.loads((small.build / "en" / "part" / "part_small.ipynb").read_text(encoding="utf-8"))
    tags = {cell["id"]: cell["metadata"].get("tags") for cell in notebook["cells"] if cell["cell_type"] == "code"}
    assert tags == {"scale": None, "table": ["raises-exception"], "curve": None, "wrong_shape": ["raises-exception"]}

    hashes = {cell.name: cell.hashes.code for cell in records.read(small, "part/small").cells}
    output = {"output_type": "stream", "name": "stdout", "text": "from a GPU\n"}
    for passed, told in ((True, "run on H200 · torch 2.12.0 · 0.50 s"), (False, "failed on H200")):
        block = GpuBlock("part/small", "table", hashes["table"], SHOWN, passed, 0.5, outputs=[output])
        gpu.write_gpu(small, GpuRecord("H200", "2.12.0+cu130", "2026-01-01", (block,)))
        stage(small)
        text = staged(small)
        assert told in text and "not yet run on GPU" not in text and ("from a GPU" in text) == passed


def test_report_links_name_page_and_block(small: Tree) -> None:
    stage(small)
    assert "report this block" not in staged(small), "no repository, no link"
    assert config(small, "en") == {}
    write("mkdocs.yml", "repo_url: https://example.org/book/\n")(small)
    assert config(small, "en") == {"repo_url": "https://example.org/book/"}
    stage(small)
    assert staged(small).count("[report this block](https://example.org/book/issues/new?") == 4
    assert "small%3A+scale" in staged(small)
    assert "[报告此代码块的问题](" in staged(small, "zh")


def test_only_what_changed_is_parsed_again(small: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """By all that staging makes, whoever asks for a page; a record is validated once."""
    parse, validate = pages.parse, records.nbformat.validate
    parsed: list[str] = []
    validated: list[object] = []
    monkeypatch.setattr(
        pages, "parse", lambda tree, page, lang, text: parsed.append(lang) or parse(tree, page, lang, text)
    )
    monkeypatch.setattr(records.nbformat, "validate", lambda notebook: validated.append(notebook) or validate(notebook))
    append("docs/en/part/small.md", "\nOne more.\n")(small)
    append("docs/records/part/small.ipynb", "\n")(small)
    stage(small)
    assert "en" in parsed and len(parsed) <= 2 and len(validated) == 1
    parsed.clear()
    append("docs/zh/part/small.md", "\n又一句。\n")(small)
    stage(small)
    assert parsed == ["zh"] and len(validated) == 1
    edit("snippets/part/small.py", "2 * x", "3 * x")(small)
    assert "3 * x" in pages.load(small, "part/small").block("scale").code, "a page hangs on the files that it includes"
    with pytest.raises(BookError, match="make record"):
        stage(small)


def test_a_notebook_view_holds_inputs_and_outputs(
    small: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(small)
    assert not (small.build / "en" / "part" / "small_notebook.md").exists()
    monkeypatch.setattr("book.site.stage.NOTEBOOK_VIEWS", ("part/small",))
    shutil.rmtree(small.build)
    stage(small)
    for language in ("en", "zh"):
        folder = small.build / language / "part"
        view = (folder / "small_notebook.md").read_text(encoding="utf-8")
        chapter = (folder / "small.md").read_text(encoding="utf-8")
        assert view.count(".rp-prompt") == chapter.count(".rp-code") >= 2
        assert "`In [1]:`{ .rp-prompt }" in view
        assert view.count(".rp-out") == chapter.count(".rp-out") and view.count(".rp-figure") == chapter.count(
            ".rp-figure"
        )
        assert "(small_notebook.md)" in chapter and "(small.md)" in view and ".rp-run" not in view


def test_fence_is_longer_than_any_in_its_text() -> None:
    assert fence("x\n", "text") == ["``` text", "x", "```"]
    assert fence("a\n  ````\nb", "text")[0] == "````` text"


def test_pipe_table() -> None:
    markup = "<table><tr><th></th><th>a|b</th></tr><tr><th>0</th><td>x_y*z\n  $1</td></tr></table>"
    assert pipe_table(markup) == ["|   | a&#124;b |", "| ---: | ---: |", "| 0 | x&#95;y&#42;z &#36;1 |"]
    rows = "<tr><th></th><th>a</th></tr><tr><th>name</th><th></th></tr>{}<tr><th>0</th><td>1</td></tr>"
    named = f"<table><thead>{rows.format('</thead><tbody>')}</tbody></table>"
    assert pipe_table(named) == ["| name | a |", "| ---: | ---: |", "| 0 | 1 |"]
    empty_cell = f"<table>{rows.format('')}</table>"
    assert pipe_table(empty_cell) == ["|   | a |", "| ---: | ---: |", "| name |   |", "| 0 | 1 |"]
    styled = "<style>td { x }</style><table><tr><th>a</th></tr><tr><td>1 &lt; 2</td></tr></table>"
    assert pipe_table(styled) == ["| a |", "| ---: |", "| 1 &lt; 2 |"]
    long = f"<table><tr><th>{'a ' * 30}</th><th>b</th></tr><tr><td>1</td><td>{'words ' * 9}</td></tr></table>"
    assert (pipe_table(long) or [])[1] == "| ---: | --- |"  # text to the left, whatever the heading


@pytest.mark.parametrize(
    "markup",
    [
        "<b>no table</b>",
        "<table><tr><th>only a head</th></tr></table>",
        '<table><tr><th colspan="2">a</th></tr><tr><td>1</td></tr></table>',
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td></tr></table>",
        "<table><thead><tr><th>a</th></tr><tr><th>b</th></tr></thead><tr><td>1</td></tr></table>",
    ],
)
def test_what_is_no_plain_table_is_none(markup: str) -> None:
    assert pipe_table(markup) is None


def test_darken_swaps_ink_and_paper_and_keeps_colours() -> None:
    dark = darken('<svg><defs></defs><path style="fill: #000000; stroke: #2f6fdb"/><path fill="#ffffff"/></svg>')
    assert "#e6e8ee" in dark and "#2f6fdb" in dark and "#ffffff" not in dark and "#000000" not in dark
    assert "svg{fill:#e6e8ee}" in dark


def test_join_chinese_lines() -> None:
    assert join_chinese_lines("张量\n的和，\n即 sum\n的结果") == "张量的和，即 sum\n的结果"
    assert join_chinese_lines("一段\n\n另一段") == "一段\n\n另一段"


@pytest.mark.parametrize("indent", ["", "    "])
def test_lines_of_code_are_not_joined(indent: str) -> None:
    code = f"{indent}```python\n{indent}说明\n{indent}第二行\n{indent}```"
    assert join_chinese_lines(f"上文\n接着\n\n{code}\n\n下文\n接着") == f"上文接着\n\n{code}\n\n下文接着"


def hook_config(tree: Tree) -> MkDocsConfig:
    config = MkDocsConfig()
    config.load_dict({"docs_dir": str(tree.build / "zh")})
    return config


def test_the_hook_stages_the_language_that_is_built(small: Tree) -> None:
    config = hook_config(small)
    assert hook.on_config(config) is config
    assert staged(small, "zh") and not (small.build / "en").exists()


def test_the_hook_stops_mkdocs_with_the_place(small: Tree) -> None:
    Path(small.record("part/small")).unlink()
    with pytest.raises(PluginError, match=r"docs/records/part/small\.ipynb: no record .* make record PAGE=part/small"):
        hook.on_config(hook_config(small))


def test_each_form_of_an_output_is_shown(tmp_path: Path, sessions: Sessions) -> None:
    tree = one_block(tmp_path, RICH)
    report, _ = recording.record(tree, sessions=sessions)
    assert report.ok, report
    cell = records.read(tree, "part/one").cells[1]
    assert "display(Math(" in cell.program["text"] and "import pandas" not in cell.program["text"]
    stage(tree)
    folder = tree.build / "en" / "part"
    text = (folder / "one.md").read_text(encoding="utf-8")
    for place in ("one/probe-1.svg#only-light", "one/probe-1-dark.svg#only-dark", "one/probe-2.png"):
        assert f"![a figure]({place}){{ .rp-figure loading=lazy width=" in text
        assert (folder / place.partition("#")[0]).is_file()
    assert Image.open(folder / "one" / "probe-2.png").getpixel((0, 0)) == (255, 0, 0)
    assert "| a |\n| ---: |\n| 1 |" in text and "rp-rich" in text
    assert (
        '<div class="rp-out rp-rich"><p><strong>Result</strong></p> <p>The <em>loss</em> is <math>'
        in text
    )
    assert "<code>a &lt; b</code>" in text and "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in text and "<msub>" in text
    assert "object at" not in text and "IPython.core" not in text


def test_a_picture_of_pixels_is_described_too(tmp_path: Path, sessions: Sessions) -> None:
    tree = one_block(tmp_path, "from PIL import Image\nImage.new('L', (4, 4))", alt="")
    assert recording.record(tree, sessions=sessions)[0].ok
    with pytest.raises(BookError, match=r'docs/en/part/one\.md:7: block "probe" draws a figure: describe it'):
        stage(tree)
