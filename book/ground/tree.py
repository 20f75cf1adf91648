"""Where things are: one place that knows the folders of the house."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    def tools(self) -> Path:
        """What the chapters of part "Tools" need beyond ``requirements``."""
        return self.root / "tools.txt"

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


HERE = Tree(Path(__file__).resolve().parents[2])
