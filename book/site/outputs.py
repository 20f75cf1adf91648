"""What a page shows of a block's outputs: lines of Markdown, and pictures as files beside them."""

from __future__ import annotations

import base64
import re
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
        return [f"![{alt}]({stem}{suffix}.svg#only-{only}){{ .rp-figure loading=lazy }}" for suffix, only in sides]
    if shows in RASTER:
        return [f"![{alt}]({stem}.{RASTER[shows]}){{ .rp-figure loading=lazy }}"]
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


def _shows(output: Mapping[str, Any]) -> tuple[str, str]:
    """The form of a value that a page shows, and the value in it."""
    shows = form(output["data"])
    return shows, text_of(output["data"][shows])


def darken(svg: str) -> str:
    """The same figure for a dark page: ink and paper swap, mid-tones stay. Glyphs have no colour of their own: they get one."""
    swapped = re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: DARK.get(m[0].lower(), m[0]), svg)
    return swapped.replace("<defs>", f'<defs>\n  <style type="text/css">svg{{fill:{DARK["#000000"]}}}</style>', 1)
