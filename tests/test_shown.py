"""book.source.shown"""

from __future__ import annotations

import base64

import pytest

from book.source.shown import MAX_PICTURE, bundle, clean, form, latex, markdown, svg_fault

TABLE = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
PNG = b"\x89PNG\r\n\x1a\n..."
SVG = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>{}</svg>"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain 张量\ttab\n", "plain 张量\ttab\n"),
        ("\x1b[1;31mred\x1b[0m\x1b[2K", "red"),
        ("\x1b]8;;https://a.b\x1b\\link\x1b]0;title\x07", "link"),
        ("abc\b\bX\n\b\bd", "aX\nd"),
        ("one\ftwo\vthree\a", "one\ntwo\nthree"),
        ("a\x00b\x1bc\x7f\x85", "a\\x00b\\x1bc\\x7f\\x85"),
        ("\ud800 \udfff", "\\ud800 \\udfff"),
    ],
)
def test_clean(text: str, seen: str) -> None:
    assert clean(text) == seen
    clean(text).encode("utf-8")


def test_the_richest_form_that_a_page_can_show_is_kept_beside_the_text() -> None:
    assert bundle({"text/plain": "1"}) == ({"text/plain": "1"}, "")
    assert bundle({}) == ({}, "")
    both = {"text/plain": "   a\n0  1", "text/html": TABLE, "text/latex": "x"}
    assert bundle(both) == ({"text/plain": "   a\n0  1", "text/html": TABLE}, "")
    picture = bundle({"text/plain": "<I>", "image/png": PNG, "image/jpeg": b"\xff\xd8\xff"})
    assert picture == ({"text/plain": "<I>", "image/png": base64.b64encode(PNG).decode()}, "")
    assert bundle({"text/plain": "<I>", "image/png": base64.encodebytes(PNG).decode()}) == picture
    assert bundle({"text/plain": "a: 1", "application/json": {"a": 1}}) == ({"text/plain": "a: 1"}, "")
    merged = {"text/plain": "a 1\nb 2", "text/html": '<table><tr><td rowspan="2">a</td></tr></table>'}
    assert bundle(merged) == (merged, ""), "its text tells as much"
    assert form(merged) == "text/plain" and form(both) == "text/html" and form(picture[0]) == "image/png"
    bold = bundle({"text/plain": "<A>", "text/html": "<b>x</b>", "text/latex": "$x$"})
    assert bold == ({"text/plain": "<A>", "text/latex": "$x$"}, ""), "another form is shown in its place"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"text/plain": "<A object>", "application/json": {}}, "whose only form is application/json: the page can't"),
        ({"text/plain": "<A object>", "text/html": "<b>x</b>"}, "HTML that is no plain table"),
        ({"application/x": 1, "video/mp4": b"1"}, "application/x, video/mp4"),
        ({"image/png": b"GIF89a"}, "image/png that a page can't show: it does not begin as a PNG"),
        ({"image/png": "x" * 5}, "image/png that a page can't show"),
        ({"image/png": PNG + b"1" * MAX_PICTURE}, "characters of image/png; a page shows at most 1,000,000"),
        ({"text/plain": "x" * 100_001}, "shows a value of 100,001 characters"),
        ({"text/plain": "x", "text/markdown": "x" * 100_001}, "100,001 characters of text/markdown"),
        ({"text/latex": "\\nocommand"}, "text/latex that a page can't show"),
    ],
)
def test_what_a_page_cannot_show_is_refused_by_name(made: dict[str, object], why: str) -> None:
    data, told = bundle(made)
    assert why in told
    assert all(isinstance(value, str) and len(value) <= 100_000 for value in data.values())


@pytest.mark.parametrize(
    "inner",
    [
        "<rect width='1' style='fill: url(#a)'/>",
        "<use xlink:href='#a'/>",
        "<image href='data:image/png;base64,AAAA'/>",
        "<style>rect {fill: red}</style><title>on the road</title>",
    ],
)
def test_a_picture_that_needs_nothing_else_is_fine(inner: str) -> None:
    assert svg_fault(SVG.format(inner)) == ""


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ("<script/>", "<script>"),
        ("<g><foreignObject/></g>", "<foreignobject>"),
        ("<iframe xmlns='http://www.w3.org/1999/xhtml'/>", "<iframe>"),
        ("<rect onload='x()'/>", 'onload="x()"'),
        ("<rect ONLOAD='x()'/>", 'onload="x()"'),
        ("<a href='javascript:x()'/>", '"javascript:x()"'),
        ("<a xlink:href='https://a.b'/>", '"https://a.b"'),
        ("<image href='data:image/svg+xml,x'/>", "data:image/svg"),
        ("<rect style='fill: url(http://a.b/c)'/>", "http://a.b/c"),
        ("<rect fill='url( &quot;//a.b&quot; )'/>", "//a.b"),
        ("<style>@import url(a.css)</style>", "a.css"),
        ("<style>@import 'a.css'</style>", "@import"),
        ("<set attributeName='xlink:href' to='javascript:x()'/>", "attributename"),
        ("<rect>", "not well-formed"),
    ],
)
def test_a_picture_with_code_or_references_is_refused(inner: str, why: str) -> None:
    assert why in svg_fault(SVG.format(inner))


def test_entities_and_other_roots_are_refused() -> None:
    assert "entities" in svg_fault("<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("&a;"))
    assert "style sheet" in svg_fault("<?xml-stylesheet href='a.css'?>" + SVG.format(""))
    assert "<html>, not <svg>" in svg_fault("<html/>")


def test_markdown_is_one_line_of_html() -> None:
    assert markdown("# A\n\n*b* `<c>` [d](https://e.f)") == (
        '<p><strong>A</strong></p> <p><em>b</em> <code>&lt;c&gt;</code> <a href="https://e.f">d</a></p>'
    )
    assert "<math>" in markdown("is $x_1 * y_1$.") and "<em>" not in markdown("is $x_1 * y_1$.")
    assert "<td>1</td>" in markdown("| a |\n| --- |\n| 1 |")
    fenced = markdown("```\n<b>\n$x$\n```")
    assert "&lt;b&gt;&#10;$x$" in fenced and "\n" not in fenced
    assert markdown("1 < 2") == "<p>1 &lt; 2</p>"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<b>x</b>", "holds HTML"),
        ("a <!-- b -->", "holds HTML"),
        ("![a](b.png)", "holds a picture"),
        ("[a](javascript:b)", 'links to "javascript:b"'),
        ("[a][b]\n\n[b]: data:text/html,c", "links to"),
        (r"$\frac{1}$", "."),
    ],
)
def test_markdown_that_is_not_safe_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        markdown(text)


@pytest.mark.parametrize("text", ["$x^2$", "$$x^2$$", r"\(x^2\)", r"\[x^2\]", "x^2", "so $x^2$ holds"])
def test_latex_in_each_dress(text: str) -> None:
    made = latex(text)
    assert "<msup>" in made and "$" not in made and "\n" not in made
    assert ("display" in made) == (text in ("$$x^2$$", r"\[x^2\]", "x^2"))
