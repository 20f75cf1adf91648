"""Blocks that hold for some versions of torch only: the ledger's ``until``, and what newer ones print instead."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from book.record.outputs import text_of
from book.record.records import Cell
from book.source.ledger import Entry, Ledger

TEXTS = ("text/plain", "text/html", "text/markdown")


def fault(until: Entry, cell: Cell) -> str:
    """What is wrong with the ``then`` of an entry beside the record, or an empty string: each old text must stand there once."""
    for old, new in until.then:
        times = sum(text.count(old) for text in _texts(cell))
        if times != 1 or old == new:
            return f"the ledger says that after torch {until.torch} it prints {new!r} for {old!r}, which is {times} times in its record"
    return ""


def later(until: Entry, cell: Cell) -> Cell:
    """The record as a newer torch than ``until`` makes it: every old text of ``then`` is the new one."""
    outputs = copy.deepcopy(cell.outputs)
    for output in outputs:
        if output["output_type"] == "error":
            name, _, message = _changed(until, f"{output['ename']}: {output['evalue']}").partition(": ")
            output |= {"ename": name, "evalue": message}
        elif output["output_type"] == "stream":
            output["text"] = _changed(until, text_of(output["text"]))
        else:
            data = output["data"]
            data |= {mime: _changed(until, text_of(data[mime])) for mime in TEXTS if mime in data}
    return replace(cell, outputs=outputs)


def ledger_of(book_ledger: Ledger, until: Entry, cell: Cell) -> Ledger:
    """The ledger as a newer torch needs it: the exception that the block must end in is the one of ``later``."""
    error = next((output["ename"] for output in cell.outputs if output["output_type"] == "error"), "")

    def changed(entry: Entry) -> Entry:
        here = (entry.kind, entry.page, entry.section) == ("raises", until.page, until.section)
        return replace(entry, error=error) if here and error else entry

    return Ledger(tuple(map(changed, book_ledger.entries)))


def _changed(until: Entry, text: str) -> str:
    for old, new in until.then:
        text = text.replace(old, new)
    return text


def _texts(cell: Cell) -> list[str]:
    found: list[str] = []
    for output in cell.outputs:
        kind: str = output["output_type"]
        data: dict[str, Any] = output.get("data", {})
        if kind == "error":
            found.append(f"{output['ename']}: {output['evalue']}")
        elif kind == "stream":
            found.append(text_of(output["text"]))
        else:
            found += [text_of(data[mime]) for mime in TEXTS if mime in data][:1]
    return found
