"""Addresses in links between files of the book."""

from __future__ import annotations

import posixpath
from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def relative(target: str, page: str) -> str:
    """The file ``target`` as a link on ``page`` names it, both relative to the site's root: ``../concepts/autograd.md``."""
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
