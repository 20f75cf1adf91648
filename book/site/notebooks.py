"""A chapter to take away: one script, and one notebook with prose and recorded outputs in the page's language."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from book.record.records import Record, cell_id
from book.source.pages import Page

ADMONITION = re.compile(r'^(?P<indent> *)(?:!!!|\?\?\?\+?) +\w+(?: +"(?P<title>[^"]*)")? *$')
ATTRIBUTES = re.compile(r"\s*\{[:\s]?[^{}]*[#.][^{}]*\}\s*$")


def download_name(page: str) -> str:
    """``concepts/autograd`` -> ``concepts_autograd``: a stem that hides no module when the file lies beside a script."""
    return page.replace("/", "_").replace("-", "_")


IS_THERE = {"cuda": "torch.cuda.is_available()", "accelerator": "torch.accelerator.is_available()"}


def is_there(need: str) -> str:
    """The condition under which a block runs: on its device, or on its torch (``torch>=2.15``)."""
    return IS_THERE.get(need) or f'torch.__version__ >= "{need.removeprefix("torch>=")}"'


def program_name(page: str, block: str) -> str:
    """``tensors/indexing``, ``select`` -> ``indexing_select.py``: a program named ``select.py`` would hide the module."""
    return f"{page.rpartition('/')[2]}_{block}.py"


def script(page: Page, raising: dict[str, str], needing: Mapping[str, str] = MappingProxyType({})) -> str:
    """All blocks of the page as one script, in order, in cells that editors know (``# %%``).

    Args:
        page: the page.
        raising: block name -> the exception it raises on purpose; a script catches and prints it, and goes on.
        needing: block name -> the device it needs; a script leaves the block out where that is not there.
    """
    parts = [f'"""{page.meta.get("title", page.name)} ({page.name}, Runnable PyTorch)"""']
    for block in page.blocks:
        code = block.run_code.rstrip()
        if block.name in raising:
            caught = f'except {raising[block.name]} as error:\n    print(f"{{type(error).__name__}}: {{error}}")'
            code = f"try:\n{textwrap.indent(code, '    ')}\n{caught}"
        if block.name in needing:
            code = f"import torch\n\nif {is_there(needing[block.name])}:\n{textwrap.indent(code, '    ')}"
        parts.append(f"# %% {block.name}\n{code}")
    return "\n\n".join(parts) + "\n"


def notebook(page: Page, record: Record, site_url: str, raising: dict[str, str]) -> str:
    """The page as a Jupyter notebook (nbformat 4.5): prose as Markdown cells, blocks with their recorded outputs.

    Args:
        page: the page, in the language of the prose.
        record: its record.
        site_url: where the site is published; relative links are made absolute with it.
        raising: blocks that raise on purpose; their cells are tagged so that a run of the notebook goes on. So are
            those that need a GPU.
    """
    cells: list[dict[str, Any]] = []
    prose: list[str] = []
    starts = {block.line: block for block in page.blocks}
    number = page.body + 1

    def flush() -> None:
        text = _prose("\n".join(prose), page.name, site_url).strip()
        if text:
            cells.append({"cell_type": "markdown", "id": f"prose-{len(cells)}", "metadata": {}, "source": text})
        prose.clear()

    while number <= len(page.lines):
        block = starts.get(number)
        if block is None:
            prose.append(page.lines[number - 1])
            number += 1
            continue
        flush()
        cell = record.cell(block.name)
        assert cell is not None
        cells.append(
            {
                "cell_type": "code",
                "id": cell_id(block.name),
                "execution_count": None,
                "metadata": {"tags": ["raises-exception"]} if block.name in raising or cell.needs else {},
                "source": block.run_code.rstrip("\n"),
                "outputs": cell.outputs,
            }
        )
        number = block.end + 1
    flush()
    made = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _prose(text: str, page: str, site_url: str) -> str:
    """Markdown as Jupyter shows it: no attribute lists, admonitions as quotes, links to the published site."""
    lines: list[str] = []
    quote: int | None = None
    for line in text.split("\n"):
        admonition = ADMONITION.match(line)
        if admonition:
            quote = len(admonition["indent"])
            lines += ["", f"> **{admonition['title'] or ''}**", ">"]
            continue
        if quote is not None and line.strip():
            indent = len(line) - len(line.lstrip())
            if indent <= quote:
                quote = None
                lines.append("")
        if quote is not None:
            lines.append(f"> {line[quote + 4 :]}".rstrip())
        else:
            lines.append(ATTRIBUTES.sub("", line))
    folder = page.rpartition("/")[0]

    def absolute(match: re.Match[str]) -> str:
        target = match[1]
        path, _, anchor = target.partition("#")
        if not site_url or re.match(r"[a-z]+:", target):
            return match[0]
        address = f"{folder}/{path}" if path and folder else path or f"{page}.md"
        address = re.sub(r"[^/]+/\.\./", "", address).removesuffix(".md")
        address = re.sub(r"(^|/)index$", r"\1", address)
        return f"]({site_url.rstrip('/')}/{address}{'/' if address and not address.endswith('/') else ''}{'#' + anchor if anchor else ''})"

    return re.sub(r"\]\(([^()\s]+)\)", absolute, "\n".join(lines))
