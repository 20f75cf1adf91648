"""Compare two SVG pictures by their own numbers: the same elements in the same order, the same words, colours and places.

Ids are hashes of content, so a reference counts as what it refers to. Places are compared where they are seen: in
points, after all transforms. A PNG inside a picture has no numbers of its own and is compared by its pixels.
"""

from __future__ import annotations

import base64
import io
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from book.source.shown import SIMPLIFIED

SameWords = Callable[[str, str], str | None]  # why two texts are not the same, or None
Matrix = tuple[float, float, float, float, float, float]  # as in SVG's matrix(a b c d e f)
Point = tuple[float, float]

MOVED = 0.5  # points that a coordinate may be off
SHADE = 4  # of 255 that a channel of a colour, or an opacity, may be off
WIDTH = 0.05  # points that the width of a line, a dash or a font may be off
PIXEL_STEP = 40  # of 255: a smaller change of a PNG's pixel is not seen
PIXEL_SHARE = 2e-4  # of all pixels: a larger share that changed is another PNG

LABEL = re.compile(r"<!-- (?P<text>.*?) -->(?P<rest>(?:(?!<!--).)*)", re.DOTALL)  # matplotlib names each text it draws
GLYPH = re.compile(r'<use xlink:href="#([\w-]+-[0-9a-f]+)"')
TEXT = re.compile(r"<(?:text|tspan|title)\b[^>]*>([^<]+)<")
FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
NUMBER = re.compile(FLOAT)
COMMAND = re.compile(rf"([A-Za-z])|({FLOAT})")
TRANSFORM = re.compile(r"(\w+)\s*\(([^)]*)\)")
REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
COLOURS = {"fill", "stroke", "color", "stop-color", "flood-color", "lighting-color"}
OPACITIES = {"opacity", "fill-opacity", "stroke-opacity", "stop-opacity", "flood-opacity"}
WIDTHS = {"stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-miterlimit", "font-size"}
PLACES = {  # the attributes that say where an element is drawn
    "svg": {"width", "height", "viewBox"},
    "path": {"d"},
    "rect": {"x", "y", "width", "height"},
    "image": {"x", "y", "width", "height"},
    "use": {"x", "y"},
    "circle": {"cx", "cy", "r"},
    "ellipse": {"cx", "cy", "rx", "ry"},
    "line": {"x1", "y1", "x2", "y2"},
    "polyline": {"points"},
    "polygon": {"points"},
    "text": {"x", "y"},
    "tspan": {"x", "y"},
}
HERE: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class _Differs(Exception):
    """Two pictures are not the same; the message says why."""


def difference(expected: str, got: str, same_words: SameWords) -> str | None:
    """Why two SVG pictures are not the same, in words, or None if they are.

    Args:
        expected: the recorded picture.
        got: the picture to judge.
        same_words: compares the words that both draw.
    """
    if expected == got:
        return None
    label = _labels(expected, got, same_words)
    if label:
        return label
    try:
        _Pair(_parse(expected), _parse(got), same_words).compare()
    except ET.ParseError as error:
        return f"not a picture: {error}"
    except _Differs as reason:
        return str(reason)
    return None


def _labels(expected: str, got: str, same_words: SameWords) -> str | None:
    """Why the words and numbers in two pictures are not the same."""
    reason = same_words(_words(expected), _words(got))
    if reason:
        return f"a label of the picture: {reason}"
    for (label, drawn), (other, redrawn) in zip(LABEL.findall(expected), LABEL.findall(got), strict=False):
        if label == other and GLYPH.findall(drawn) != GLYPH.findall(redrawn):
            return f"the label {label!r} of the picture is drawn with other letters"
    return None


def _words(svg: str) -> str:
    return "\n".join([*(label for label, _ in LABEL.findall(svg)), *TEXT.findall(svg)])


def _parse(svg: str) -> ET.Element:
    root = ET.fromstring(svg, parser=ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
    if _name(root.tag) != "svg":
        raise _Differs(f"not a picture: it starts with <{_name(root.tag)}>")
    return root


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


class _Pair:
    """Two pictures, and what was found about their definitions."""

    def __init__(self, expected: ET.Element, got: ET.Element, same_words: SameWords) -> None:
        self.roots = expected, got
        self.same_words = same_words
        self.ids = _ids(expected), _ids(got)
        self.seen: set[tuple[str, str, Matrix, Matrix]] = set()  # pairs of definitions that are the same
        self.boxes: dict[tuple[int, str], list[Point]] = {}

    def compare(self) -> None:
        """Raises _Differs at the first difference."""
        sizes = [_size(root) for root in self.roots]
        if any(abs(a - b) > MOVED for a, b in zip(*sizes, strict=True)):
            (width, height), (new_width, new_height) = sizes
            raise _Differs(f"the picture was {width:g} x {height:g} pt, is {new_width:g} x {new_height:g}")
        styles = [["".join(e.itertext()) for e in root.iter() if _is(e, "style")] for root in self.roots]
        if styles[0] != styles[1]:
            raise _Differs("the picture's style sheet is another")
        self._elements(*self.roots, HERE, HERE, "the picture")

    def _elements(self, a: ET.Element, b: ET.Element, at: Matrix, to: Matrix, where: str) -> None:
        """Two elements and all below them; ``at`` and ``to`` map their coordinates to the picture's."""
        tag, other = _name(a.tag), _name(b.tag)
        if tag != other:
            raise _Differs(f"{where}: <{tag}> is now <{other}>")
        if "id" in a.attrib and tag == "g":
            where = a.attrib["id"] if where == "the picture" else f"{where}/{a.attrib['id']}"
        at, to = _placed(a, at), _placed(b, to)
        if a.attrib != b.attrib:
            self._attributes(a, b, at, to, where)
        else:  # equal names may stand for different definitions
            self._references(a.attrib, at, to, where)
        self._place(tag, a, b, at, to, where)
        for text, other_text in ((a.text, b.text), (a.tail, b.tail)):
            reason = self.same_words((text or "").strip(), (other_text or "").strip())
            if reason:
                raise _Differs(f"{where}: <{tag}>: {reason}")
        below, other_below = _children(a), _children(b)
        if len(below) != len(other_below):
            raise _Differs(f"{where}: {_counts(below, other_below)}")
        renamed = _comments(a) != _comments(b)  # a number within its tolerance: other letters at the same place
        for one, two in zip(below, other_below, strict=True):
            if renamed and any(_is(child, "use") for child in one):
                _near([(0, 0)], [(0, 0)], _placed(one, at), _placed(two, to), f"{where}: its text")
            else:
                self._elements(one, two, at, to, where)

    # ---- Attributes --------------------------------------------------------------------------------------------------

    def _attributes(self, a: ET.Element, b: ET.Element, at: Matrix, to: Matrix, where: str) -> None:
        tag = _name(a.tag)
        skipped = PLACES.get(tag, set()) | {"id", "transform"}
        want, have = ({_name(k): v for k, v in e.attrib.items()} for e in (a, b))
        if (want.keys() ^ have.keys()) - {"transform"}:  # none is the transform that changes nothing
            names = ", ".join(sorted(want.keys() ^ have.keys()))
            raise _Differs(f"{where}: one <{tag}> has {names}, the other has not")
        for name in sorted(want.keys() & have.keys() - skipped):
            if name == "style":
                self._style(_declarations(want[name]), _declarations(have[name]), at, to, where)
            else:
                self._value(name, want[name], have[name], at, to, where)

    def _style(self, want: dict[str, str], have: dict[str, str], at: Matrix, to: Matrix, where: str) -> None:
        if want.keys() != have.keys():
            raise _Differs(
                f"{where}: one has a style for {', '.join(sorted(want.keys() ^ have.keys()))}, the other not"
            )
        for name in want:
            self._value(name, want[name], have[name], at, to, where)

    def _references(self, attributes: dict[str, str], at: Matrix, to: Matrix, where: str) -> None:
        """What the attributes that both elements have refer to."""
        for name, value in attributes.items():
            if "url(" in value:
                for one in REFERENCE.findall(value):
                    self._definitions(one, one, at, to, where)
            elif value.startswith("#") and _name(name) == "href":
                self._definitions(value[1:], value[1:], HERE, HERE, where)

    def _value(self, name: str, want: str, have: str, at: Matrix, to: Matrix, where: str) -> None:
        if name == "href" and want.startswith("#") and have.startswith("#"):
            self._definitions(want[1:], have[1:], HERE, HERE, where)
            return
        references = REFERENCE.findall(want), REFERENCE.findall(have)
        if references[0] and len(references[0]) == len(references[1]):
            for one, two in zip(*references, strict=True):
                self._definitions(one, two, at, to, where)
            return
        if want == have:
            return
        if name in COLOURS:
            same = _same_colour(want, have)
        elif name in OPACITIES:
            same = _same_numbers(want, have, SHADE / 255)
        elif name in WIDTHS:
            same = _same_numbers(want, have, WIDTH)
        elif name == "href":
            reason = _png_differs(want, have)
            if reason:
                raise _Differs(f"{where}: {reason}")
            same = True
        else:
            same = want.split() == have.split()
        if not same:
            raise _Differs(f"{where}: {name} {_short(want)} is now {_short(have)}")

    def _definitions(self, one: str, two: str, at: Matrix, to: Matrix, where: str) -> None:
        """What two references stand for."""
        if (one, two, at, to) in self.seen:
            return
        for name, known in ((one, self.ids[0]), (two, self.ids[1])):
            if name not in known:
                raise _Differs(f"not a picture: {where} refers to #{name}, which it does not hold")
        self.seen.add((one, two, at, to))  # before looking: a definition may use itself
        self._elements(self.ids[0][one], self.ids[1][two], at, to, where)

    # ---- Places ------------------------------------------------------------------------------------------------------

    def _place(self, tag: str, a: ET.Element, b: ET.Element, at: Matrix, to: Matrix, where: str) -> None:
        """Where two elements are drawn, themselves, without what is below them."""
        names = PLACES.get(tag)
        if not names or tag == "svg":
            return
        if at == to and all(a.get(name) == b.get(name) for name in names):
            return
        if tag == "path":
            _paths(a.get("d", ""), b.get("d", ""), at, to, where)
        elif tag == "use":
            corners = self._box(0, a), self._box(1, b)
            _near(*corners, at, to, f"{where}: a mark")
        else:
            _near(_points(tag, a), _points(tag, b), at, to, f"{where}: a <{tag}>")

    def _box(self, side: int, use: ET.Element) -> list[Point]:
        """Corners of what a <use> draws."""
        name = next((v[1:] for k, v in use.attrib.items() if _name(k) == "href"), "")
        if (side, name) not in self.boxes:
            every: list[Point] = []
            target = self.ids[side].get(name)
            for element, matrix in _drawn(target, HERE) if target is not None else ():
                tag = _name(element.tag)
                points = _vertices(element.get("d", ""))[1] if tag == "path" else _points(tag, element)
                every += [_mapped(matrix, p) for p in points]
            xs, ys = [x for x, _ in every] or [0.0], [y for _, y in every] or [0.0]
            self.boxes[side, name] = [(x, y) for x in (min(xs), max(xs)) for y in (min(ys), max(ys))]
        x, y = _number(use.get("x")), _number(use.get("y"))
        return [(x + px, y + py) for px, py in self.boxes[side, name]]


def _ids(root: ET.Element) -> dict[str, ET.Element]:
    known: dict[str, ET.Element] = {}
    for element in root.iter():
        if "id" in element.attrib:
            known.setdefault(element.attrib["id"], element)
    return known


def _is(element: ET.Element, name: str) -> bool:
    return isinstance(element.tag, str) and _name(element.tag) == name


def _children(element: ET.Element) -> list[ET.Element]:
    """What is drawn below an element: definitions are looked at where they are used."""
    return [e for e in element if isinstance(e.tag, str) and _name(e.tag) != "defs"]


def _comments(element: ET.Element) -> list[str]:
    return [e.text or "" for e in element if not isinstance(e.tag, str)]


def _counts(want: list[ET.Element], have: list[ET.Element]) -> str:
    """Of which kind of element there are more or fewer."""
    before, now = (Counter(_name(e.tag) for e in side) for side in (want, have))
    return ", ".join(f"{before[t]} <{t}> are now {now[t]}" for t in sorted(before | now) if before[t] != now[t])


def _size(root: ET.Element) -> Point:
    box = NUMBER.findall(root.get("viewBox", ""))
    if len(box) == 4:
        return float(box[2]), float(box[3])
    return _number(root.get("width")), _number(root.get("height"))


def _number(value: str | None) -> float:
    """A length without its unit; 0 where there is none."""
    found = NUMBER.match((value or "").strip())
    return float(found[0]) if found else 0.0


@lru_cache(maxsize=10_000)
def _declarations(style: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in style.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _same_numbers(want: str, have: str, off: float) -> bool:
    one, two = NUMBER.findall(want), NUMBER.findall(have)
    same = len(one) == len(two) and NUMBER.sub("", want).split() == NUMBER.sub("", have).split()
    return same and all(abs(float(a) - float(b)) <= off for a, b in zip(one, two, strict=True))


def _same_colour(want: str, have: str) -> bool:
    one, two = _colour(want), _colour(have)
    return one is not None and two is not None and all(abs(a - b) <= SHADE for a, b in zip(one, two, strict=True))


@lru_cache(maxsize=10_000)
def _colour(value: str) -> tuple[int, ...] | None:
    """Red, green, blue and alpha of 255, or None for what is no colour, such as ``none``."""
    from PIL import ImageColor

    try:
        return (*ImageColor.getrgb(value), 255)[:4]
    except ValueError:
        return None


def _png_differs(want: str, have: str) -> str | None:
    """Why two embedded PNGs do not look the same, or None."""
    import numpy as np

    try:
        a, b = _pixels(want), _pixels(have)
    except (ValueError, OSError) as error:
        return f"not a picture: {error}"
    if a.shape != b.shape:
        return f"the image was {a.shape[1]} x {a.shape[0]} pixels, is {b.shape[1]} x {b.shape[0]}"
    changed = float((np.abs(a.astype(int) - b.astype(int)).max(axis=2) > PIXEL_STEP).mean())
    if changed > PIXEL_SHARE:
        return f"{changed:.2%} of the image's pixels changed (at most {PIXEL_SHARE:.2%})"
    return None


def _pixels(href: str) -> Any:
    """``data:image/png;base64,...`` -> array (height, width, 4)."""
    import numpy as np
    from PIL import Image

    kind, comma, data = href.partition(",")
    if not comma or "image/png" not in kind:
        raise ValueError(f"{_short(href)} is no PNG")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:60] + " …"


# ---- Geometry --------------------------------------------------------------------------------------------------------


def _placed(element: ET.Element, at: Matrix) -> Matrix:
    value = element.get("transform")
    return _joined(at, _matrix(value)) if value else at


def _joined(m: Matrix, n: Matrix) -> Matrix:
    """First ``n``, then ``m``."""
    if m is HERE:
        return n
    a, b, c, d, e, f = m
    p, q, r, s, t, u = n
    return (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f)


def _mapped(m: Matrix, point: Point) -> Point:
    x, y = point
    return m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]


@lru_cache(maxsize=100_000)
def _matrix(value: str) -> Matrix:
    """The value of a ``transform``."""
    made = HERE
    for name, numbers in TRANSFORM.findall(value):
        n = [float(x) for x in NUMBER.findall(numbers)]
        try:
            made = _joined(made, _step(name, n))
        except (IndexError, ValueError, TypeError) as error:
            raise _Differs(f"not a picture: the transform {value!r}") from error
    return made


def _step(name: str, n: list[float]) -> Matrix:
    if name == "matrix":
        a, b, c, d, e, f = n
        return a, b, c, d, e, f
    if name == "translate":
        return 1, 0, 0, 1, n[0], n[1] if len(n) > 1 else 0
    if name == "scale":
        return n[0], 0, 0, n[1] if len(n) > 1 else n[0], 0, 0
    if name == "rotate":
        cos, sin = math.cos(math.radians(n[0])), math.sin(math.radians(n[0]))
        x, y = n[1:3] if len(n) > 1 else (0.0, 0.0)
        return cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y
    if name == "skewX":
        return 1, 0, math.tan(math.radians(n[0])), 1, 0, 0
    if name == "skewY":
        return 1, math.tan(math.radians(n[0])), 0, 1, 0, 0
    raise ValueError(name)


def _points(tag: str, element: ET.Element) -> list[Point]:
    """The points that say where a shape other than a path is drawn."""
    if tag in ("polyline", "polygon"):
        numbers = [float(n) for n in NUMBER.findall(element.get("points", ""))]
        return list(zip(numbers[::2], numbers[1::2], strict=False))
    n = {name: _number(element.get(name)) for name in PLACES.get(tag, ())}
    if tag in ("rect", "image"):
        return [(n["x"] + i * n["width"], n["y"] + j * n["height"]) for i in (0, 1) for j in (0, 1)]
    if tag in ("circle", "ellipse"):
        rx, ry = (n["r"], n["r"]) if tag == "circle" else (n["rx"], n["ry"])
        return [(n["cx"] + i * rx, n["cy"] + j * ry) for i in (-1, 1) for j in (-1, 1)]
    if tag == "line":
        return [(n["x1"], n["y1"]), (n["x2"], n["y2"])]
    if tag in ("text", "tspan"):
        return [(n["x"], n["y"])]
    return []


def _drawn(element: ET.Element, at: Matrix) -> Iterator[tuple[ET.Element, Matrix]]:
    """An element and all that is drawn below it, with where."""
    at = _placed(element, at)
    yield element, at
    for child in _children(element):
        yield from _drawn(child, at)


def _near(want: list[Point], have: list[Point], at: Matrix, to: Matrix, what: str) -> None:
    """Raises _Differs unless each point is where it was."""
    if len(want) != len(have):
        raise _Differs(f"{what} of {len(want)} points now has {len(have)}")
    off = 0.0
    for p, q in zip(want, have, strict=True):
        (x, y), (u, v) = _mapped(at, p), _mapped(to, q)
        off = max(off, abs(x - u), abs(y - v))
    if off > MOVED:
        raise _Differs(f"{what} moved by {off:.2f} pt (at most {MOVED:g})")


@lru_cache(maxsize=1000)
def _vertices(d: str) -> tuple[str, list[Point]]:
    """The commands of a path, and its points."""
    commands, numbers = [], []
    for command, number in COMMAND.findall(d):
        if command:
            commands.append(command)
        else:
            numbers.append(float(number))
    return "".join(commands), list(zip(numbers[::2], numbers[1::2], strict=False))


def _paths(want: str, have: str, at: Matrix, to: Matrix, where: str) -> None:
    (commands, one), (other_commands, two) = _vertices(want), _vertices(have)
    if not set(commands + other_commands) <= set("MLQCSTZz"):  # of other commands not every number is a coordinate
        if want.split() != have.split():
            raise _Differs(f"{where}: the path {_short(want)} is now {_short(have)}")
        _near(one, two, at, to, f"{where}: a path")
        return
    if f"/{SIMPLIFIED}_" in where and set(commands + other_commands) <= set("MLZz"):
        off = max(
            _apart(commands, one, at, other_commands, two, to), _apart(other_commands, two, to, commands, one, at)
        )
        if off > MOVED:
            raise _Differs(f"{where}: a line moved by {off:.2f} pt (at most {MOVED:g})")
        return
    _near(one, two, at, to, f"{where}: a path")
    if commands.upper() != other_commands.upper():
        first = next((i for i, (a, b) in enumerate(zip(commands, other_commands, strict=False)) if a != b), 0)
        shown = (_short(side[first:]) for side in (commands, other_commands))
        raise _Differs("{}: a path is drawn by {}, now by {}".format(where, *shown))


def _parts(commands: str, points: list[Point]) -> Iterator[tuple[Point, Point]]:
    """The straight parts of a path, and each point where one starts."""
    left = iter(points)
    start = here = (0.0, 0.0)
    for command in commands:
        there = start if command in "Zz" else next(left, here)
        if command == "M":
            start = here = there
        yield here, there
        here = there


def _apart(commands: str, points: list[Point], at: Matrix, others: str, line: list[Point], to: Matrix) -> float:
    """The largest distance of a line's points, and of the middles between them, to another line.

    Infinity where there is nothing of the other line in a point's column.
    """
    import numpy as np

    parts = [(*p, *q) for p, q in _parts(others, [_mapped(to, p) for p in line])]
    ends = _parts(commands, [_mapped(at, p) for p in points])
    looked_at = [p for (x, y), (u, v) in ends for p in ((u, v), ((x + u) / 2, (y + v) / 2))]
    nearby: dict[int, list[tuple[float, float, float, float]]] = {}  # by columns, a point wide
    for part in parts:
        low, high = sorted((part[0], part[2]))
        for column in range(math.floor(low - MOVED), math.floor(high + MOVED) + 1):
            nearby.setdefault(column, []).append(part)
    columns: dict[int, list[Point]] = {}
    for point in looked_at:
        columns.setdefault(math.floor(point[0]), []).append(point)
    off = 0.0
    for column, found in columns.items():
        if column not in nearby:
            return math.inf
        p = np.array(found)[:, None, :]
        part_ends = np.array(nearby[column])
        start, along = part_ends[:, :2], part_ends[:, 2:] - part_ends[:, :2]
        length = (along**2).sum(-1)
        share = (((p - start) * along).sum(-1) / np.where(length > 0, length, 1)).clip(0, 1)
        off = max(off, float(np.hypot(*np.moveaxis(p - start - share[..., None] * along, -1, 0)).min(axis=1).max()))
    return off
