"""What a page can show of an output: which form of it, and what is refused, by name."""

from __future__ import annotations

import base64
import binascii
import html
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from book.source.markdown import as_entities

PLAIN, HTML, SVG, MARKDOWN, LATEX = "text/plain", "text/html", "image/svg+xml", "text/markdown", "text/latex"
RASTER = {"image/png": "png", "image/jpeg": "jpg"}  # MIME type -> the file's suffix
FORMS = (SVG, *RASTER, HTML, MARKDOWN, LATEX)  # the first one that an object has is shown
MAX_TEXT = 100_000  # characters that one value, table or message may have: a page is for reading
MAX_PICTURE = 1_000_000  # characters of SVG or base64
BARE = re.compile(r"<[^\n]*>")  # a repr that tells nothing but a type: <IPython.core.display.HTML object>
SIMPLIFIED = "simplified"  # the group of a figure in which lines stand of which matplotlib drops points by their value

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Text as a page can hold it: escape codes gone, backspaces obeyed, what has no sign of its own as an escape."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if not CONTROL.search(text) and "\f" not in text and "\v" not in text:
        return text
    text = ESCAPE.sub("", text).replace("\a", "").replace("\f", "\n").replace("\v", "\n")
    lines = [_overtyped(line) if "\b" in line else line for line in text.split("\n")]
    return CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", "\n".join(lines))


def _overtyped(line: str) -> str:
    """A line in which each backspace took the letter before it."""
    kept: list[str] = []
    for letter in line:
        if letter != "\b":
            kept.append(letter)
        elif kept:
            kept.pop()
    return "".join(kept)


def form(data: Mapping[str, Any]) -> str:
    """The MIME type under which a page shows an output."""
    return next((mime for mime in FORMS if mime in data and (mime != HTML or pipe_table(_text(data[mime])))), PLAIN)


def bundle(made: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """What a record keeps of the forms that an object has, and why a page can't show it (or an empty string)."""
    plain = clean(_text(made.get(PLAIN, "")))
    data = {PLAIN: plain[:MAX_TEXT]}
    bare = not plain or BARE.fullmatch(plain.strip()) is not None
    others = sorted(mime for mime in made if mime != PLAIN)
    if not made:
        return {}, ""
    for mime in FORMS:
        if mime not in made:
            continue
        try:
            value = _checked(mime, made[mime])
        except ValueError as error:
            return data, f"shows {mime} that a page can't show: {error}"
        most = MAX_PICTURE if mime.startswith("image/") else MAX_TEXT
        if len(value) > most:
            return data, f"shows {len(value):,} characters of {mime}; a page shows at most {most:,}"
        if mime != HTML or not bare or pipe_table(value):
            return ({mime: value, **data} if value else data), _too_long(plain)
    if others and bare:
        why = "HTML that is no plain table" if others == [HTML] else ", ".join(others)
        return data, f"shows an object whose only form is {why}: the page can't show it; print what it says"
    return data, _too_long(plain)


def _too_long(plain: str) -> str:
    if len(plain) <= MAX_TEXT:
        return ""
    return f"shows a value of {len(plain):,} characters; a page shows at most {MAX_TEXT:,}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if isinstance(value, str) else "".join(map(str, value)) if isinstance(value, list) else str(value)


def _checked(mime: str, value: Any) -> str:
    """The value as text, if a page can show it.

    Raises:
        ValueError: it can't; says why.
    """
    if mime in RASTER:
        return _base64(value)
    text = clean(_text(value))
    if mime == SVG:
        fault = svg_fault(text)
        if fault:
            raise ValueError(fault)
    elif mime == MARKDOWN:
        markdown(text)
    elif mime == LATEX:
        latex(text)
    return text


def _base64(value: Any) -> str:
    raw = value
    if not isinstance(value, bytes):
        try:
            raw = base64.b64decode(_text(value), validate=False)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"it is not base64 ({error})") from error
    if not raw.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise ValueError("it does not begin as a PNG or JPEG file does")
    return base64.b64encode(raw).decode("ascii")


# ---- SVG -------------------------------------------------------------------------------------------------------------

ACTIVE = {"script", "foreignobject", "iframe", "object", "embed", "audio", "video", "handler", "listener"}
OWN = re.compile(r"#|data:image/(?:png|jpeg|gif);", re.IGNORECASE)


def svg_fault(text: str) -> str:
    """Why a picture is not safe to show, or an empty string: it holds code, or refers to what is outside of it."""
    if "<!ENTITY" in text or "<?xml-stylesheet" in text:
        return "it declares entities or a style sheet"
    try:
        root = ElementTree.fromstring(text.encode("utf-8"))
    except ElementTree.ParseError as error:
        return f"it is not well-formed ({error})"
    if _local(root.tag) != "svg":
        return f"it is <{_local(root.tag)}>, not <svg>"
    for element in root.iter():
        tag = _local(element.tag)
        if tag in ACTIVE:
            return f"it has <{tag}>"
        for key, value in element.attrib.items():
            name = _local(key)
            if name.startswith("on") or (
                name == "attributename" and re.match(r"\s*(?:on|.*href)", value, re.IGNORECASE)
            ):
                return f'<{tag}> has {name}="{value[:40]}"'
            if name in ("href", "src") and not OWN.match(value.strip()):
                return f'<{tag}> refers to "{value[:60]}"'
            if _foreign(value):
                return f'<{tag}> refers to "{_foreign(value)}"'
        if tag == "style" and ("@import" in (element.text or "") or _foreign(element.text or "")):
            return f'<style> refers to "{_foreign(element.text or "") or "@import"}"'
    return ""


def _local(name: Any) -> str:
    return str(name).rpartition("}")[2].lower()


def _foreign(style: str) -> str:
    """The first address outside of the picture in ``url(...)``, or an empty string."""
    targets = re.findall(r"url\(\s*['\"]?([^'\")]*)", style, re.IGNORECASE)
    return next((target[:60] for target in targets if not OWN.match(target.strip())), "")


# ---- Markdown and LaTeX ----------------------------------------------------------------------------------------------

TAGS = set("p br hr ul ol li strong em code pre blockquote table thead tbody tr th td a h1 h2 h3 h4 h5 h6".split())
FENCED = re.compile(r"^(?P<ticks>```+|~~~+).*?^(?P=ticks)[ \t]*$", re.MULTILINE | re.DOTALL)
RAW = re.compile(r"<(?!https?:)[A-Za-z/!?]")


def markdown(text: str) -> str:
    """Markdown as HTML on one line: headings as bold lines, so that a page's own outline stays as it is.

    Raises:
        ValueError: it holds HTML, a picture, an address that is no web page's, or a formula that does not parse.
    """
    from markdown import Markdown

    from book.source.mathml import PIECES, convert

    formulas: list[str] = []

    def formula(match: re.Match[str]) -> str:
        latex_text = match["display"] or match["inline"]
        if not latex_text:
            return match[0]
        formulas.append(convert(latex_text, display=match["display"] is not None))
        return f"RPFORMULA{len(formulas) - 1}X"

    pieces = FENCED.split(text)[::2] if FENCED.search(text) else [text]
    fences = [match[0] for match in FENCED.finditer(text)]
    prose = [PIECES.sub(formula, piece) for piece in pieces]
    if any(RAW.search(re.sub(r"(`+).*?\1", "", piece, flags=re.DOTALL)) for piece in prose):
        raise ValueError("it holds HTML")
    processor = Markdown(extensions=["tables", "fenced_code"])
    made = processor.convert("".join(a + b for a, b in zip(prose, [*fences, ""], strict=True)))
    checker = _Allowed()
    checker.feed(made)
    if checker.fault:
        raise ValueError(checker.fault)
    made = re.sub(r"<h[1-6]>(.*?)</h[1-6]>", r"<p><strong>\1</strong></p>", made, flags=re.DOTALL)
    made = re.sub(r"RPFORMULA(\d+)X", lambda m: formulas[int(m[1])], made)
    return made.replace("\n", "&#10;") if "<pre>" in made else made.replace("\n", " ")


class _Allowed(HTMLParser):
    """Notes the first tag or address that an output's Markdown may not have."""

    fault = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.fault = self.fault or ("it holds a picture" if tag == "img" else f"it holds <{tag}>")
        for key, value in attributes:
            if key == "href" and not re.match(r"https?://|#", value or ""):
                self.fault = self.fault or f'it links to "{value}"'


def latex(text: str) -> str:
    """LaTeX as MathML on one line; text around formulas is Markdown.

    Raises:
        ValueError: a formula does not parse.
    """
    from book.source.mathml import convert

    text = text.strip()
    whole = re.fullmatch(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\$([^$]+)\$|\\\((.+?)\\\)", text, re.DOTALL)
    if whole:
        display = whole[1] or whole[2]
        return convert(display or whole[3] or whole[4], display=bool(display))
    return markdown(text) if "$" in text else convert(text, display=True)


# ---- Tables ----------------------------------------------------------------------------------------------------------

SHORT_CELL = 24  # characters; longer cells are text, which is aligned to the left, and wraps


class _Table(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.head_rows = 0
        self.spans = False
        self._in_head = False
        self._cell: list[str] | None = None
        self._skip = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "style":
            self._skip += 1
        elif tag == "thead":
            self._in_head = True
        elif tag == "tr":
            self.rows.append([])
            self.head_rows += self._in_head
        elif tag in ("td", "th"):
            self._cell = []
            self.spans = self.spans or any(k in ("colspan", "rowspan") and v != "1" for k, v in attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._skip -= 1
        elif tag == "thead":
            self._in_head = False
        elif tag in ("td", "th") and self._cell is not None:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._skip:
            self._cell.append(data)


def pipe_table(markup: str) -> list[str] | None:
    """A plain HTML table as a Markdown table, or None when it has merged cells, ragged rows or no rows."""
    parser = _Table()
    parser.feed(markup)
    rows = parser.rows
    if not rows or parser.spans or len({len(row) for row in rows}) != 1 or len(rows) < 2:
        return None
    if parser.head_rows > 1:
        if parser.head_rows > 2 or rows[0][0] or any(rows[1][1:]):
            return None
        rows[0][0] = rows.pop(1)[0]  # pandas prints the index's name on a row of its own

    def line(cells: list[str]) -> str:
        return (
            "| "
            + " | ".join(re.sub(r"\s+", " ", as_entities(html.escape(c, quote=False))) or " " for c in cells)
            + " |"
        )

    short = [max(map(len, column)) <= SHORT_CELL for column in zip(*rows[1:], strict=True)]
    aligned = "".join(" ---: |" if each else " --- |" for each in short)
    return [line(rows[0]), f"|{aligned}", *map(line, rows[1:])]
