"""Outputs as a notebook holds them."""

from __future__ import annotations


def text_of(value: str | list[str]) -> str:
    """Text of a notebook, which keeps it as one string or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)
