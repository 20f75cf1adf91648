"""What a page shows of a block's outputs: lines of Markdown, and pictures as files beside them."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Mapping
from typing import Any

from book.record.outputs import printed, text_of
from book.source.markdown import fence
from book.source.shown import HTML, LATEX, MARKDOWN, RASTER, SVG, form, latex, markdown, pipe_table

DARK = {"#000000": "#e6e8ee", "#262626": "#e6e8ee", "#ffffff": "#1b1f2a", "#cccccc": "#4a5164", "#b0b0b0": "#4a5164"}


def shown(output: Mapping[str, Any], stem: str, alt: str) -> list[str]:
    """One output as lines of Markdown: a fence, a table, text with formulas, or a link to a picture.

    Args:
        output: as the record holds it.
        stem: where the output's ``pictures`` lie, seen from the page, without their suffixes.
        alt: what a picture shows, in words.
    """
    kind = output["output_type"]
    if kind == "stream":
        extra = " .rp-stderr" if output["name"] == "stderr" else ""
        return fence(printed(output), f"{{ .text .rp-out{extra} }}")
    if kind == "error":
        return fence(printed(output), "{ .text .rp-out .rp-error }")
    shows, value = _shows(output)
    if shows == SVG:
        sides = (("", "light"), ("-dark", "dark"))
        room = _room(_svg_size(value))
        return [
            f"![{alt}]({stem}{suffix}.svg#only-{only}){{ .rp-figure loading=lazy{room} }}" for suffix, only in sides
        ]
    if shows in RASTER:
        room = _room(_raster_size(base64.b64decode(value)))
        return [f"![{alt}]({stem}.{RASTER[shows]}){{ .rp-figure loading=lazy{room} }}"]
    if shows == HTML:
        return pipe_table(value) or []
    if shows in (MARKDOWN, LATEX):
        made = markdown(value) if shows == MARKDOWN else latex(value)
        return [f'<div class="rp-out rp-rich">{made}</div>']
    return fence(value, "{ .text .rp-out }")


def pictures(output: Mapping[str, Any], stem: str) -> dict[str, str | bytes]:
    """The files of an output that is a picture: a figure for light and for dark pages, pixels once; others have none."""
    if "data" not in output:
        return {}
    shows, value = _shows(output)
    if shows == SVG:
        return {f"{stem}.svg": value, f"{stem}-dark.svg": darken(value)}
    return {f"{stem}.{RASTER[shows]}": base64.b64decode(value)} if shows in RASTER else {}


def _room(size: tuple[float, float] | None) -> str:
    """Attributes that keep a picture's room until it is loaded, so that nothing moves; a wide one has a class by its inches.

    ``size``: width and height in CSS pixels, of which an inch has 96.
    """
    if size is None:
        return ""
    inches = math.ceil(size[0] / 96 - 0.1)
    return f" width={size[0]:.0f} height={size[1]:.0f}" + (f" .rp-inches-{inches}" if inches > 6 else "")


def _svg_size(svg: str) -> tuple[float, float] | None:
    root = re.search(r"<svg\b[^>]*>", svg)
    sides = [re.search(rf'\s{side}="([\d.]+)(pt|px)?"', root[0]) for side in ("width", "height")] if root else []
    found = [float(m[1]) * (96 / 72 if m[2] == "pt" else 1) for m in sides if m]
    return (found[0], found[1]) if len(found) == 2 else None


def _raster_size(data: bytes) -> tuple[float, float] | None:
    """Of a PNG: its header says it (PNG specification, 11.2.2)."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None
    wide, high = struct.unpack(">II", data[16:24])
    return float(wide), float(high)


def _shows(output: Mapping[str, Any]) -> tuple[str, str]:
    """The form of a value that a page shows, and the value in it."""
    shows = form(output["data"])
    return shows, text_of(output["data"][shows])


def darken(svg: str) -> str:
    """The same figure for a dark page: ink and paper swap, mid-tones stay. Glyphs have no colour of their own: they get one."""
    swapped = re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: DARK.get(m[0].lower(), m[0]), svg)
    return swapped.replace("<defs>", f'<defs>\n  <style type="text/css">svg{{fill:{DARK["#000000"]}}}</style>', 1)
