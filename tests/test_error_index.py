"""The page "Errors and what they mean" holds every expected exception, as recorded, with its mend."""

from __future__ import annotations

import pytest

from book.ground.tree import HERE, LANGUAGES
from book.prove.audit import mends
from book.record import records
from book.site import error_index
from book.site.error_index import short
from book.source import ledger
from book.source.ledger import Entry, Ledger
from book.source.markdown import plain


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_expected_exception_is_listed_once_with_its_recorded_message(language: str) -> None:
    book_ledger = ledger.load(HERE)
    wanted = sorted((e.page, e.section) for e in book_ledger.entries if e.kind == "raises")
    raised = error_index.collect(HERE, language, book_ledger)
    assert sorted((r.entry.page, r.entry.section) for r in raised) == wanted
    text = error_index.page(HERE, language, book_ledger)
    for one in raised:
        cell = records.read(HERE, one.entry.page).cell(one.entry.section)
        assert cell is not None
        error = next(o for o in cell.outputs if o["output_type"] == "error")
        assert f"{error['ename']}: {error['evalue']}".rstrip("\n") in text
        assert (one.entry.mend_zh if language == "zh" else one.entry.mend) in text
        assert f"]({one.entry.page}.md#code-{one.entry.section})" in text
    anchors = [one.anchor for one in raised]
    assert len(set(anchors)) == len(anchors)
    headings = [line.partition(" {#")[0] for line in text.splitlines() if line.startswith("#")]
    assert len(set(headings)) == len(headings) == len(raised) + len({one.name for one in raised}) + 1


def test_an_exception_without_a_mend_is_reported() -> None:
    entry = Entry(
        "raises",
        "concepts/autograd",
        "backward_twice",
        "why",
        "RuntimeError",
        "second time",
        mend="Do this.",
        reason_zh="说明",
    )
    (problem,) = mends(Ledger((entry,)), "tests/ledger.toml")
    assert problem.startswith('tests/ledger.toml: [[raises]] concepts/autograd "backward_twice" lacks "mend_zh"')


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("Short one.", "Short one"),
        ("\"param 'lr' is missing\\\\n\"", "param 'lr' is missing\\\\n\""),
        ("First sentence. Second sentence.", "First sentence"),
        ("has been modified: [torch.FloatTensor []], which", "has been modified"),
        ("a\nb", "a"),
        ("word " * 40, "word " * 16 + "word …"),
    ],
)
def test_short(message: str, wanted: str) -> None:
    assert short(message) == wanted
    assert len(short(message)) <= 90


def test_plain_text_has_no_markup() -> None:
    assert plain("a_b [1] <c>") == "a\\_b \\[1\\] &lt;c&gt;"
