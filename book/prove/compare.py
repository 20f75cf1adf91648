"""Compare what a block printed with what its record says.

Text must be equal, integers must be equal, floats may differ within a tolerance (processors round differently), figures
are compared by the numbers of their SVG, exceptions by type and message. White space may vary where numbers change width.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from book.prove import pictures
from book.record.outputs import text_of

Output = Mapping[str, Any]

RTOL, ATOL = 1e-3, 1e-5
DIGITS = r"\d+(?:_\d+)*"
NUMBER = re.compile(  # ends where its digits end, a unit may follow; never begins inside a name such as float32
    rf"""(?<![\w.])(?P<number>
        [-+]? (?: 0x[0-9a-f]+ (?!\w)
                | (?:{DIGITS}\.(?:{DIGITS})? | \.{DIGITS} | {DIGITS}) (?: e (?:[-+]\d+ | \d+(?!\w)) )? (?:j(?!\w))?
                | (?:nan|inf) (?!\w) )
    )""",
    re.IGNORECASE | re.VERBOSE,
)
ACCELERATORS = "cuda|mps|xpu|sim"
DEVICE = re.compile(rf"(?<!torch\.)\b(?:{ACCELERATORS})(?::\d+)?\b")
DEVICE_REPR = re.compile(rf"device\(type='(?:{ACCELERATORS})'(?:, index=\d+)?\)")
TENSOR_SUFFIX = re.compile(rf",\s*device='(?:{ACCELERATORS})(?::\d+)?'")
TYPE_NAME = re.compile(rf"\btorch\.(?:{ACCELERATORS})\.(?=\w+Tensor\b)")
DIGITS_THAT_MAY_ROUND = 3  # a number of at least as many digits may differ by one unit of the last
RASTER_STEP = 4  # of 255: how far a pixel of a picture that is made of pixels may be from its record


@dataclass(frozen=True)
class Tolerance:
    """How far floats may be apart; ``volatile`` lets every number differ.

    ``last_digit``: decimals of three digits or more may also differ by one unit of the last that is printed.
    """

    rtol: float = RTOL
    atol: float = ATOL
    volatile: bool = False
    last_digit: bool = True


EXACT = Tolerance(0.0, 0.0, last_digit=False)


@dataclass(frozen=True)
class Difference:
    """One difference: which output of the block (from 1), what differs, and both sides."""

    output: int
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"output {self.output}: {self.what}\n      expected: {self.expected}\n      got:      {self.got}"


def text(expected: str, got: str, tolerance: Tolerance = Tolerance()) -> str | None:
    """Why two texts are not the same, in words, or None if they are."""
    want, have = _tokens(expected), _tokens(got)
    count = 0
    for (want_text, want_number), (have_text, have_number) in zip(want, have, strict=False):
        if _squeeze(want_text) != _squeeze(have_text):
            return f"text differs: {_excerpt(want_text, have_text)}"
        if want_number is None or have_number is None:
            if want_number != have_number:
                return f"one text ends where the other has the number {want_number or have_number}"
            continue
        count += 1
        reason = _number(want_number, have_number, tolerance)
        if reason:
            return f"number {count} differs: {reason}"
    if len(want) != len(have):
        return f"the record has {len(want) - 1} numbers, the run {len(have) - 1}"
    return None


def _tokens(value: str) -> list[tuple[str, str | None]]:
    """Text pieces, each with the number behind it (None behind the last)."""
    tokens: list[tuple[str, str | None]] = []
    at = 0
    for match in NUMBER.finditer(value):
        tokens.append((value[at : match.start()], match["number"]))
        at = match.end()
    tokens.append((value[at:], None))
    return tokens


def _squeeze(piece: str) -> str:
    return re.sub(r"[ \t]+", " ", piece).strip(" ").rstrip("\n")


def _excerpt(want: str, have: str) -> str:
    want, have = _squeeze(want), _squeeze(have)
    start = next((i for i, (a, b) in enumerate(zip(want, have, strict=False)) if a != b), min(len(want), len(have)))
    low = max(0, start - 20)
    return f"{want[low : start + 40]!r} is now {have[low : start + 40]!r}"


def _number(want: str, have: str, tolerance: Tolerance) -> str | None:
    if tolerance.volatile:
        return None
    floats = is_float(want), is_float(have)
    if floats[0] != floats[1]:
        return f"{want} is now {have} (one is an integer)"
    if not floats[0]:
        return None if _integer(want) == _integer(have) else f"{want} is now {have}"
    a, b = (complex(n) if n[-1] in "jJ" else float(n) for n in (want, have))
    if a == b or (a != a and b != b):
        return None
    gap = abs(a - b)
    if gap <= tolerance.atol + tolerance.rtol * abs(a) and math.isfinite(gap):
        return None
    if tolerance.last_digit and _one_unit_apart(want, have):
        return None
    return f"{want} is now {have}, {gap:.3g} apart (rtol {tolerance.rtol:g}, atol {tolerance.atol:g})"


def is_float(number: str) -> bool:
    """Whether what ``NUMBER`` found may be loose: it has a dot, an exponent or a j, or is nan or inf."""
    return not _is_hex(number) and re.search(r"[.enj]", number, re.IGNORECASE) is not None


def _is_hex(number: str) -> bool:
    return number.lstrip("+-")[:2].lower() == "0x"


def _integer(number: str) -> int:
    return int(number, 16) if _is_hex(number) else int(number)


def _one_unit_apart(want: str, have: str) -> bool:
    """Whether two decimals differ by one unit of the last printed digit, and have digits enough for that to be rounding.

    Never ``1.``, which is how torch prints a whole float, nor ``0.5`` or ``0.95``: one unit of these is no rounding.
    """
    if want[-1] in "jJ" and have[-1] in "jJ":
        want, have = want[:-1], have[:-1]
    sides = []
    for number in (want, have):
        mantissa, _, exponent = number.lower().partition("e")
        decimals = len(mantissa.partition(".")[2].replace("_", ""))
        digits = re.sub(r"\D", "", mantissa).lstrip("0")
        if not decimals or len(digits) < DIGITS_THAT_MAY_ROUND:
            return False
        sides.append((Decimal(number), Decimal(1).scaleb(int(exponent or 0) - decimals)))
    (a, unit), (b, other_unit) = sides
    return unit == other_unit and abs(a - b) <= unit


def picture(expected: str, got: str) -> str | None:
    """Why two SVG pictures are not the same, in words, or None if they are."""
    return pictures.difference(expected, got, text)


def raster(expected: str, got: str) -> str | None:
    """Why two pictures of pixels (base64) do not look the same, in words, or None if they do."""
    if expected == got:
        return None
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        a, b = (np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")) for data in (expected, got))
    except (UnidentifiedImageError, OSError, ValueError) as error:
        return f"not a picture: {error}"
    if a.shape != b.shape:
        return f"the picture was {a.shape[1]} x {a.shape[0]} pixels, is {b.shape[1]} x {b.shape[0]}"
    changed = (np.abs(a.astype(int) - b.astype(int)).max(axis=2) > RASTER_STEP).mean()
    return f"{changed:.2%} of the picture's pixels changed" if changed else None


def outputs(
    expected: Sequence[Output],
    got: Sequence[Output],
    tolerance: Tolerance = Tolerance(),
    any_device: bool = False,
    type_names: bool = False,
) -> list[Difference]:
    """All differences between a block's recorded and new outputs.

    Args:
        expected: outputs of the record (nbformat).
        got: outputs of the run (nbformat).
        tolerance: for floats.
        any_device: device names such as ``cuda:0`` count as ``cpu`` on both sides.
        type_names: ``torch.cuda.FloatTensor`` and its like count as ``torch.FloatTensor``, too.
    """
    want, have = _merge(expected), _merge(got)
    differences = []
    for number, (one, other) in enumerate(zip(want, have, strict=False), start=1):
        kinds = _kind(one), _kind(other)
        if kinds[0] != kinds[1]:
            differences.append(Difference(number, f"{kinds[0]} is now {kinds[1]}", _show(one), _show(other)))
            continue
        for mime, a, b in _pairs(one, other):
            if mime.startswith("image/"):
                reason = picture(a, b) if mime == "image/svg+xml" else raster(a, b)
                shown = ("the recorded figure", "another figure")
            else:
                if any_device:
                    a, b = _alike(a, b, type_names)
                reason = text(a, b, tolerance)
                shown = (_short(a), _short(b))
            if reason:
                differences.append(Difference(number, reason, *shown))
                break
    for index in range(len(have), len(want)):
        differences.append(
            Difference(index + 1, "the record has this output, the run does not", _show(want[index]), "nothing")
        )
    for index in range(len(want), len(have)):
        differences.append(
            Difference(index + 1, "the run has this output, the record does not", "nothing", _show(have[index]))
        )
    return differences


def _alike(recorded: str, got: str, type_names: bool) -> tuple[str, str]:
    """Both as a run on the CPU prints them; lines that a tensor's ``device='cuda:0'`` made too long may break elsewhere."""
    pair = [recorded, got]
    if TENSOR_SUFFIX.search(got):
        pair = [re.sub(r",\s+", ", ", TENSOR_SUFFIX.sub("", text)) for text in pair]
    pair = [DEVICE.sub("cpu", DEVICE_REPR.sub("device(type='cpu')", text)) for text in pair]
    if type_names:
        pair = [TYPE_NAME.sub("torch.", text) for text in pair]
    return pair[0], pair[1]


def _merge(items: Sequence[Output]) -> list[dict[str, Any]]:
    """Neighbouring pieces of the same stream as one."""
    merged: list[dict[str, Any]] = []
    for item in items:
        last = merged[-1] if merged else None
        if (
            last
            and item["output_type"] == "stream"
            and last["output_type"] == "stream"
            and last["name"] == item["name"]
        ):
            last["text"] = text_of(last["text"]) + text_of(item["text"])
        else:
            merged.append(dict(item))
    return merged


def _kind(output: Output) -> str:
    kind = str(output["output_type"])
    if kind == "stream":
        return str(output["name"])
    if kind == "error":
        return "an exception"
    return " + ".join(sorted(output["data"]))


def _pairs(one: Output, other: Output) -> list[tuple[str, str, str]]:
    kind = one["output_type"]
    if kind == "stream":
        return [("text/plain", text_of(one["text"]), text_of(other["text"]))]
    if kind == "error":
        return [("text/plain", f"{one['ename']}: {one['evalue']}", f"{other['ename']}: {other['evalue']}")]
    return [(mime, text_of(one["data"][mime]), text_of(other["data"][mime])) for mime in sorted(one["data"])]


def _show(output: Output) -> str:
    pairs = _pairs(output, output)
    return _short(next((a for mime, a, _ in pairs if mime == "text/plain"), pairs[0][1]))


def _short(value: str) -> str:
    value = value.strip("\n")
    shown = value if len(value) <= 400 else value[:400] + " …"
    return shown.replace("\n", "\n                ")
