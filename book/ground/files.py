"""Write files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from book.ground.errors import BookError


def write_atomically(path: Path, data: str | bytes) -> bool:
    """Write ``data`` through a temporary file and a rename. Returns False, and touches nothing, if it is there already.

    Raises:
        BookError: the disk is full or may not be written; the old file is as it was.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    if path.is_file() and path.read_bytes() == raw:
        return False
    name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException as error:
        if name:
            os.unlink(name)
        if isinstance(error, OSError):
            raise BookError(f"{path}: can't be written ({error.strerror or error}): nothing was changed") from error
        raise
    return True


def _umask() -> int:
    """The bits that new files of this process lack."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
