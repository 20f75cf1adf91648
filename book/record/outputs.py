"""Outputs as a notebook holds them, and the text in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text_of(value: str | list[str]) -> str:
    """Text of a notebook, which keeps it as one string or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def printed(output: Mapping[str, Any], *, pictures: bool = True) -> str:
    """One output as a terminal shows it; a picture as its repr, or as nothing without ``pictures``."""
    if output["output_type"] == "stream":
        return text_of(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    data: Mapping[str, Any] = output["data"]
    if not pictures and any(mime.startswith("image/") for mime in data):
        return ""
    return text_of(data.get("text/plain", ""))
