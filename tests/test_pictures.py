"""book.prove.pictures (what a command says of a changed figure stands in faults.py)"""

from __future__ import annotations

import base64
import io
import json
import random
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image

from book.ground.tree import HERE
from book.prove.compare import picture

DRAWN = 25  # recorded figures that each experiment draws
COLOUR = r'#[0-9a-f]{6}(?=[;"])'
XLINK = "http://www.w3.org/1999/xlink"


def svg(body: str, width: int = 100) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="{XLINK}" viewBox="0 0 {width} 50">{body}</svg>'


def png(pixels: np.ndarray) -> str:
    """An <image> of these pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<image x="0" y="0" width="50" height="50" xlink:href="data:image/png;base64,{data}"/>'


PATH = '<path d="M 1 2 L 3 40 Q 5 6 70 8 z" style="fill: none; stroke: #2f6fdb; stroke-width: 1.5"/>'
MARKS = '<defs><path id="m1" d="M 0 3 L 3 0"/></defs><g id="line"><use xlink:href="#m1" x="5" y="6"/><use xlink:href="#m1" x="8" y="9"/></g>'
CLIPPED = (
    '<g clip-path="url(#p1)"><rect width="9" height="9"/></g><clipPath id="p1"><rect width="5" height="5"/></clipPath>'
)
LABEL = '<defs><path id="D-a" d="M 0 0 L 9 9"/><path id="D-b" d="M 0 9 L 9 0"/></defs><g id="text_1"><!-- 0.953 --><g transform="translate(9 9) scale(0.1 -0.1)"><use xlink:href="#D-a"/></g></g>'
SHAPES = '<circle cx="5" cy="5" r="2"/><ellipse cx="5" cy="5" rx="2" ry="3"/><line x1="0" y1="0" x2="9" y2="9"/><polygon points="0,0 5,5 9,0"/><text x="3" y="4">word</text>'
SHORT_LINE = '<g id="axes_1"><g id="line2d_1"><path d="M 0 0 L 5 5 L 9 9 L 9 0 L 9 -2 z"/></g></g>'
LONG_LINE = SHORT_LINE.replace("line2d_1", "simplified_1")
GREY = png(np.full((50, 50, 3), 128))

SAME = {
    "coordinates": (PATH, PATH.replace("70 8", "70.4 7.6")),
    "colours": (PATH, PATH.replace("#2f6fdb", "#336bdb")),
    "colours in other words": (PATH, PATH.replace("#2f6fdb", "rgb(47, 111, 219)")),
    "a name of a colour": (PATH.replace("#2f6fdb", "red"), PATH.replace("#2f6fdb", "#ff0000")),
    "widths": (PATH, PATH.replace("1.5", "1.52")),
    "opacity": (PATH.replace("fill: none", "opacity: 0.5"), PATH.replace("fill: none", "opacity: 0.51")),
    "another way to the same place": (f'<g transform="translate(1 2)">{PATH}</g>', f'<g transform="matrix(1 0 0 1 1 2)">{PATH}</g>'),
    "scaled down": (f'<g transform="scale(0.1)">{PATH}</g>', f'<g transform="scale(0.1)">{PATH.replace("70 8", "72 8")}</g>'),
    "turned": (f'<g transform="rotate(90)">{PATH}</g>', f'<g transform="matrix(0 1 -1 0 0 0)">{PATH}</g>'),
    "turned about a point": (f'<g transform="rotate(90 3 4)">{PATH}</g>', f'<g transform="translate(3 4) rotate(90) translate(-3 -4)">{PATH}</g>'),
    "ids": (MARKS, MARKS.replace("m1", "m2")),
    "ids of clips": (CLIPPED, CLIPPED.replace("p1", "p2")),
    "where a definition stands": (MARKS, re.sub(r"(<defs>.*</defs>)(.*)", r"\2\1", MARKS)),
    "marks moved": (MARKS, MARKS.replace('x="8"', 'x="8.3"')),
    "a number that rounds": (LABEL, LABEL.replace("0.953", "0.954").replace("#D-a", "#D-b")),
    "shapes": (SHAPES, SHAPES.replace('r="2"', 'r="2.3"').replace("5,5", "5.4,5").replace('x2="9"', 'x2="9.2"').replace('x="3"', 'x="3.3"')),
    "an image": (GREY, png(np.full((50, 50, 3), 130))),
    "white space": (PATH, f"\n  {PATH}\n"),
    "white space in a group": (f"<g>{PATH}</g>", f"<g>\n {PATH}\n </g>"),
    "a long line with a point fewer": (LONG_LINE, LONG_LINE.replace("L 5 5 ", "")),
    "unknown commands": ('<path d="m 1 2 a 3 3 0 1 1 4 4"/>', '<path d="m 1 2\na 3 3 0 1 1 4 4"/>'),
}  # fmt: skip
OTHER = {
    "coordinates": (PATH, PATH.replace("70 8", "70.6 8"), "the picture: a path moved by 0.60 pt (at most 0.5)"),
    "colours": (PATH, PATH.replace("#2f6fdb", "#346fdb"), "stroke #2f6fdb is now #346fdb"),
    "no colour": (PATH, PATH.replace("fill: none", "fill: #000000"), "fill none is now #000000"),
    "widths": (PATH, PATH.replace("1.5", "1.6"), "stroke-width 1.5 is now 1.6"),
    "opacity": (PATH.replace("fill: none", "opacity: 0.5"), PATH.replace("fill: none", "opacity: 0.52"), "opacity 0.5 is now 0.52"),
    "a style more": (PATH, PATH.replace("fill: none", "fill: none; opacity: 1"), "one has a style for opacity"),
    "another way of drawing": (PATH, PATH.replace("Q", "L"), "drawn by Qz, now by Lz"),
    "a vertex fewer": (PATH, PATH.replace("L 3 40 ", ""), "a path of 4 points now has 3"),
    "scaled up": (f'<g transform="scale(10)">{PATH}</g>', f'<g transform="scale(10)">{PATH.replace("70 8", "70.1 8")}</g>', "moved by 1.00 pt"),
    "mirrored": (f'<g transform="scale(1 -1)">{PATH}</g>', f'<g transform="scale(1 1)">{PATH}</g>', "moved by 80.00 pt"),
    "a mark fewer": (MARKS, MARKS.replace('<use xlink:href="#m1" x="8" y="9"/>', ""), "line: 2 <use> are now 1"),
    "a mark moved": (MARKS, MARKS.replace('x="8"', 'x="8.6"'), "line: a mark moved by 0.60 pt"),
    "a mark of another shape": (MARKS, MARKS.replace("M 0 3 L 3 0", "M 0 0 L 3 3"), "line: a path moved by 3.00 pt"),
    "a definition used for another": (LABEL, LABEL.replace("#D-a", "#D-b"), "the label '0.953' of the picture is drawn with other letters"),
    "a clip": (CLIPPED, CLIPPED.replace('width="5"', 'width="4"'), "a <rect> moved by 1.00 pt"),
    "no clip": (CLIPPED, CLIPPED.replace(' clip-path="url(#p1)"', ""), "one <g> has clip-path"),
    "a broken reference": (MARKS, MARKS.replace('id="m1"', 'id="m2"'), "refers to #m1, which it does not hold"),
    "a label elsewhere": (LABEL, LABEL.replace("0.953", "0.954").replace("9 9", "9 11"), "text_1: its text moved by 2.00 pt"),
    "a larger label": (LABEL, LABEL.replace("scale(0.1 -0.1)", "scale(0.2 -0.2)"), "text_1: a mark moved by 0.90 pt"),
    "a circle": (SHAPES, SHAPES.replace('r="2"', 'r="3"'), "a <circle> moved by 1.00 pt"),
    "an ellipse": (SHAPES, SHAPES.replace('ry="3"', 'ry="4"'), "a <ellipse> moved by 1.00 pt"),
    "a line": (SHAPES, SHAPES.replace('x2="9"', 'x2="8"'), "a <line> moved by 1.00 pt"),
    "a polygon": (SHAPES, SHAPES.replace("5,5", "5,6"), "a <polygon> moved by 1.00 pt"),
    "a word elsewhere": (SHAPES, SHAPES.replace('x="3"', 'x="4"'), "a <text> moved by 1.00 pt"),
    "a word": (SHAPES, SHAPES.replace("word", "work"), "a label of the picture: text differs"),
    "the order": (PATH + '<rect width="9" height="9"/>', '<rect width="9" height="9"/>' + PATH, "<path> is now <rect>"),
    "pixels": (GREY, png(np.pad(np.full((49, 50, 3), 128), ((0, 1), (0, 0), (0, 0)))), "2.00% of the image's pixels changed"),
    "size of an image": (GREY, png(np.full((50, 40, 3), 128)), "the image was 50 x 50 pixels, is 40 x 50"),
    "no image": (GREY, GREY.replace("iVBOR", "iVBOS"), "not a picture"),
    "an image from elsewhere": (GREY, re.sub('href="[^"]*"', 'href="https://example.org/a.png"', GREY), "not a picture"),
    "a long line with a corner fewer": (LONG_LINE, LONG_LINE.replace("L 9 9 ", ""), "a line moved by"),
    "a long line left open": (LONG_LINE, LONG_LINE.replace("z", ""), "a line moved by"),
    "a long line with a gap": (LONG_LINE, LONG_LINE.replace("L 9 0", "M 9 0"), "a line moved by"),
    "a short line with a point fewer": (SHORT_LINE, SHORT_LINE.replace("L 5 5 ", ""), "a path of 5 points now has 4"),
    "unknown commands": ('<path d="m 1 2 a 3 3 0 1 1 4 4"/>', '<path d="m 1 2 a 3 3 0 1 0 4 4"/>', "the path m 1 2 a 3 3"),
    "an unknown transform": (f'<g transform="scale(1)">{PATH}</g>', f'<g transform="twist(1)">{PATH}</g>', "not a picture: the transform 'twist(1)'"),
    "a style sheet": ("<style>*{stroke: red}</style>", "<style>*{stroke: blue}</style>", "style sheet"),
    "a script": (PATH, PATH + "<script>alert(1)</script>", "0 <script> are now 1"),
    "a handler": (PATH, PATH.replace("<path", '<path onload="a()"'), "one <path> has onload"),
    "an attribute": ('<g class="a"/>', '<g class="b"/>', "class a is now b"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_same(name: str) -> None:
    one, other = SAME[name]
    assert one != other
    assert picture(svg(one), svg(other)) is None
    assert picture(svg(other), svg(one)) is None


@pytest.mark.parametrize("name", OTHER)
def test_other(name: str) -> None:
    one, other, why = OTHER[name]
    assert why in (picture(svg(one), svg(other)) or "equal")
    assert picture(svg(other), svg(one))


@pytest.mark.parametrize("broken", ["<svg", "words", "", "<html></html>", "<svg></gvs>"])
def test_what_is_no_picture_is_told(broken: str) -> None:
    assert "not a picture" in (picture(svg(PATH), broken) or "equal")
    assert "not a picture" in (picture(broken, svg(PATH)) or "equal")


# ---- Recorded figures ------------------------------------------------------------------------------------------------


@cache
def figures() -> list[tuple[str, str]]:
    """Every recorded figure with its name."""
    found = []
    for path in sorted(HERE.records.rglob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            svgs = [o.get("data", {}).get("image/svg+xml") for o in cell.get("outputs", [])]
            found += [(f"{path.stem}:{cell['metadata']['book']['section']}", "".join(s)) for s in svgs if s]
    return found


def drawn(seed: int, holding: str = "") -> list[tuple[str, str]]:
    """Recorded figures by chance, of those that hold such a text."""
    chosen = [(name, figure) for name, figure in figures() if re.search(holding, figure)]
    assert len(chosen) > 100
    return random.Random(seed).sample(chosen, DRAWN)


def marks(figure: str) -> list[str]:
    """The marks of a figure, as they are written: markers, lines, patches and images, of the ticks too."""
    body = re.sub(r"<defs>.*?</defs>", lambda found: " " * len(found[0]), figure, flags=re.DOTALL)
    body = re.sub(r"<clipPath.*?</clipPath>", "", body, flags=re.DOTALL)
    return re.findall(r"<(?:use|path|image)\b[^>]*/>", body)


def each_coordinate(figure: str, change: Callable[[float], float]) -> str:
    """The figure with every coordinate of its paths and markers changed."""

    def attribute(found: re.Match[str]) -> str:
        return found[1] + re.sub(r"-?\d+\.?\d*", lambda number: f"{change(float(number[0])):.6f}", found[2])

    return re.sub(r'( (?:d|x|y)=")([^"]*)', attribute, figure)


def test_a_removed_mark_is_noticed() -> None:
    rng = random.Random(12)
    missed = []
    for name, figure in drawn(1):
        mark = rng.choice(marks(figure))
        assert figure.count(mark) >= 1
        if picture(figure, figure.replace(mark, "", 1)) is None:
            missed.append(f"{name}: {mark[:100]}")
    assert missed == []


def test_moved_points_are_no_other_picture() -> None:
    rng = random.Random(12)
    refused = {}
    for name, figure in drawn(2):
        reason = picture(figure, each_coordinate(figure, lambda x: x + rng.uniform(-0.2, 0.2)))
        if reason:
            refused[name] = reason
    assert refused == {}


def test_one_vertex_that_moved_further_is_noticed() -> None:
    rng = random.Random(12)
    missed = []
    for name, figure in drawn(3):
        path = rng.choice([m for m in marks(figure) if m.startswith("<path") and " L " in m.replace("\n", " ")])
        vertex = rng.choice(re.findall(r"L (-?[\d.]+) ", path))
        moved = path.replace(f"L {vertex} ", f"L {float(vertex) + 0.6:.6f} ", 1)
        if "moved by 0.60 pt" not in (picture(figure, figure.replace(path, moved, 1)) or ""):
            missed.append(f"{name}: {path[:100]}")
    assert missed == []


def test_a_shifted_colour_is_noticed() -> None:
    rng = random.Random(12)
    missed = []
    for name, figure in drawn(4, COLOUR):
        place = rng.choice([m.span() for m in re.finditer(COLOUR, figure)])
        colour, channel = figure[place[0] : place[1]], rng.randrange(3)
        value = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        value[channel] += 30 if value[channel] <= 225 else -30
        shifted = "#" + "".join(f"{v:02x}" for v in value)
        reason = picture(figure, figure[: place[0]] + shifted + figure[place[1] :])
        if f"{colour} is now {shifted}" not in (reason or ""):
            missed.append(f"{name}: {colour}: {reason}")
    assert missed == []
