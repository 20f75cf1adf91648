"""Where things are: one place that knows the folders of the house."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from book.errors import BookError

LANGUAGES = ("en", "zh")
CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}


@dataclass(frozen=True)
class Tree:
    """The book's folders below ``root`` (a checkout, or a copy of one in the tests)."""

    root: Path

    @property
    def snippets(self) -> Path:
        return self.root / "snippets"

    @property
    def records(self) -> Path:
        return self.root / "docs" / "records"

    @property
    def ledger(self) -> Path:
        return self.root / "tests" / "ledger.toml"

    @property
    def words(self) -> Path:
        return self.root / "docs" / "words"

    @property
    def glossary(self) -> Path:
        return self.words / "glossary.toml"

    @property
    def requirements(self) -> Path:
        return self.root / "requirements.txt"

    @property
    def build(self) -> Path:
        return self.root / "build"

    def docs(self, language: str) -> Path:
        return self.root / "docs" / language

    def page(self, language: str, page: str) -> Path:
        return self.docs(language) / f"{page}.md"

    def record(self, page: str) -> Path:
        return self.records / f"{page}.ipynb"

    def pages(self, language: str = "en") -> list[str]:
        """Page names such as ``concepts/autograd``, sorted; every Markdown file of the language."""
        base = self.docs(language)
        return sorted(p.relative_to(base).with_suffix("").as_posix() for p in base.rglob("*.md"))

    def snippet_files(self) -> list[str]:
        """Snippet files relative to snippets/, sorted, such as ``concepts/autograd.py``."""
        return sorted(p.relative_to(self.snippets).as_posix() for p in self.snippets.rglob("*.py"))

    def relative(self, path: Path) -> str:
        """``path`` as messages show it: relative to the root where it is below it."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()


HERE = Tree(Path(__file__).resolve().parent.parent)


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
