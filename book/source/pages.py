"""Markdown page -> front matter, headings, links, blocks.

A page shows code with ordinary fences that hold one ordinary include line::

    ```python
    --8<-- "concepts/autograd.py:backward_scalar"
    ```

Includes are expanded first; the blocks then come from ``pytest_codeblocks.extract_from_buffer``.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from pytest_codeblocks import extract_from_buffer

from book.ground.errors import BookError, at, nearest
from book.ground.tree import Tree
from book.source import sections

FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
INCLUDE = re.compile(r'^\s*--8<--\s+"(?P<target>[^"]+)"\s*$')
HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.*?)\s*(?:\{(?P<attributes>[^}]*)\})?\s*$")
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)")
ATTRIBUTE = re.compile(r"(?P<key>[\w-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>\S+))")
BEHIND_MARKER = re.compile(r"^\s*(?:(?:>|[-*+]|\d+[.)])\s*)+(?:`{3,}|~{3,})[^`]*$")
CODE_SPAN = re.compile(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)")

RUN = "python"
APPS = "/apps/"  # below a part's snippets: files that a page shows and its session writes whole
SHOWN_ONLY = {"text"}


@dataclass(frozen=True)
class Block:
    """One code block of a page.

    Attributes:
        name: the section's name.
        file: snippet file relative to snippets/.
        file_line: first line of the code in that file.
        code: what the page shows.
        line: line of the opening fence in the page.
        end: line of the closing fence in the page.
        indent: white space before the fence (blocks in admonitions, tabs and lists).
        attributes: what stands behind the language, such as ``alt`` or ``title``.
    """

    name: str
    file: str
    file_line: int
    code: str
    line: int
    end: int
    indent: str
    attributes: dict[str, str]

    @property
    def from_toolkit(self) -> bool:
        return self.file.startswith("toolkit/")

    @property
    def is_app(self) -> bool:
        """Whether it is a whole file that something else runs (``streamlit run``), not a piece of the page's session."""
        return _is_app(self.file)

    @property
    def run_code(self) -> str:
        """What a session runs: the block itself; for a piece of the toolkit, the import of what it defines; for an app,
        what writes it into the current folder."""
        if self.is_app:
            return _writes(self.name, self.code)
        if not self.from_toolkit:
            return self.code
        module = "snippets." + self.file.removesuffix(".py").replace("/", ".")
        try:
            names = _defined(ast.parse(self.code))
        except SyntaxError as error:
            line = self.file_line + (error.lineno or 1) - 1
            raise at(f"snippets/{self.file}", line, f"does not parse: {error.msg}") from error
        return f"from {module} import {', '.join(names)}\n" if names else f"import {module}\n"


@dataclass(frozen=True)
class Heading:
    level: int
    title: str
    id: str | None
    line: int


@dataclass(frozen=True)
class Page:
    """A page in one language. ``lines`` are the source lines without their ends; the first ``body`` are front matter."""

    name: str
    language: str
    path: str
    lines: list[str]
    meta: dict[str, str]
    headings: list[Heading]
    links: list[tuple[str, int]]
    blocks: list[Block]
    fenced: frozenset[int] = field(repr=False, default=frozenset())
    body: int = 0

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The packages of tools.txt that the page names in its front matter, ``needs: [optuna, optuna-dashboard]``."""
        return tuple(filter(None, (name.strip() for name in self.meta.get("needs", "").strip("[]").split(","))))

    @cached_property
    def _by_name(self) -> dict[str, Block]:
        return {block.name: block for block in self.blocks}

    def block(self, name: str) -> Block:
        if name not in self._by_name:
            raise BookError(f'{self.path}: no block "{name}"{nearest(name, self._by_name)}')
        return self._by_name[name]


def _writes(name: str, code: str) -> str:
    """Code that writes an app into the current folder."""
    quoted = f"r'''{code}'''" if "'''" not in code and not code.endswith("\\") else repr(code)
    return f'from pathlib import Path\n\nPath("{name}.py").write_text({quoted}, encoding="utf-8");\n'


def _defined(module: ast.Module) -> list[str]:
    names: list[str] = []
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [t.id for t in node.targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


@lru_cache(maxsize=256)
def _sections_of(text: str, file: str) -> dict[str, sections.Section]:
    return sections.parse(text, file)


def file_sections(tree: Tree, file: str) -> dict[str, sections.Section]:
    """The sections of snippets/``file`` as it is now."""
    try:
        text = (tree.snippets / file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise at(
            f"snippets/{file}", None, f"not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
    if _is_app(file):
        return {section.name: section for section in [sections.whole(text, file)]}
    return _sections_of(text, file)


def apps(tree: Tree, page: str) -> list[Path]:
    """The files of the part's apps, whichever of its pages show them."""
    return sorted(tree.snippets.joinpath(page.rpartition("/")[0], "apps").glob("*.py"))


def load(tree: Tree, page: str, language: str = "en") -> Page:
    """Read docs/``language``/``page``.md.

    Raises:
        BookError: the page is missing or one of its fences or includes is wrong; names file and line.
    """
    path = tree.page(language, page)
    if not path.is_file():
        raise BookError(f"{tree.relative(path)}: no such page{nearest(page, tree.pages(language))}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise at(
            tree.relative(path), None, f"not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
    return _parsed(tree, page, language, text, _included(tree, text))


@lru_cache(maxsize=1024)
def _parsed(tree: Tree, page: str, language: str, text: str, included: tuple[str, ...]) -> Page:
    """The page, parsed once as long as neither it nor a file that it includes changes."""
    return parse(tree, page, language, text)


def _included(tree: Tree, text: str) -> tuple[str, ...]:
    """A hash of each file that a page includes from, in the order of their names; empty where there is none."""
    targets = {match["target"].partition(":")[0] for line in text.splitlines() if (match := INCLUDE.match(line))}
    paths = [tree.snippets / file for file in sorted(targets)]
    return tuple(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in paths)


def parse(tree: Tree, page: str, language: str, text: str) -> Page:
    """Page text -> Page. See ``load``."""
    path = tree.relative(tree.page(language, page))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    meta, body = front_matter(lines, path)
    expanded: list[str] = []
    source_line: list[int] = []
    fences: dict[int, _Fence] = {}
    fenced: set[int] = set()
    open_fence: _Fence | None = None

    def emit(line: str, number: int) -> None:
        expanded.append(line + "\n")
        source_line.append(number)

    for number, line in enumerate(lines, start=1):
        if number <= body:
            emit("", number)
            continue
        if open_fence is not None:
            fenced.add(number)
            stripped = line.strip()
            if stripped.startswith(open_fence.ticks) and not stripped.strip("`"):
                open_fence.end = number
                open_fence.check(path)
                open_fence = None
                emit(line, number)
                continue
            if INCLUDE.match(line):
                for code_line in _include(tree, page, path, open_fence, number, line):
                    if code_line.lstrip().startswith(open_fence.ticks):
                        raise at(
                            path,
                            number,
                            f"the section holds a line {open_fence.ticks}: put the fence in {open_fence.ticks}`",
                        )
                    emit(open_fence.indent + code_line, number)
            else:
                if "-8<-" in line:
                    raise at(
                        path,
                        number,
                        f'{line.strip()!r} is no include: write --8<-- "{page}.py:section" on a line of its own',
                    )
                open_fence.own_lines += 1 if line.strip() else 0
                emit(line, number)
            continue
        if line.lstrip().startswith("~~~"):
            raise at(path, number, "~~~ fences are not read by the tests: use ```")
        if BEHIND_MARKER.match(line):
            raise at(path, number, "a fence behind > or a list marker is not read by the tests: give it its own line")
        if "pytest-codeblocks:" in line or "<!--pytest.mark" in line.replace(" ", ""):
            raise at(path, number, "comments that steer pytest-codeblocks are not used here: a page is one session")
        if "-8<-" in CODE_SPAN.sub("", line):
            raise at(path, number, "an include outside a fence: nothing would run it; put it in a ```python fence")
        match = FENCE.match(line)
        if match:
            open_fence = _Fence(number, match["indent"], match["ticks"], match["info"].strip(), len(expanded) + 1)
            fences[open_fence.expanded_line] = open_fence
            fenced.add(number)
        emit(line, number)
    if open_fence is not None:
        raise at(path, open_fence.line, f"this fence is never closed: add {open_fence.ticks}")

    blocks: list[Block] = []
    for found in extract_from_buffer(io.StringIO("".join(expanded)), max_num_lines=len(expanded) + 2):
        fence = fences.get(found.lineno)
        if fence is None:
            raise at(
                path,
                source_line[found.lineno - 1],
                "pytest-codeblocks sees a fence here that this page's reader does not: check the ticks",
            )
        if fence.section is None:
            continue
        if found.code.strip() != fence.section.code.strip():
            raise at(
                path,
                fence.line,
                f'section "{fence.section.name}" reads differently inside this fence: use ```` if it holds ```',
            )
        if any(b.name == fence.section.name for b in blocks):
            raise at(
                path,
                fence.line,
                f'section "{fence.section.name}" is shown twice on this page: a page is a session, each block runs once',
            )
        blocks.append(
            Block(
                name=fence.section.name,
                file=fence.section.file,
                file_line=fence.section.line,
                code=fence.section.code,
                line=fence.line,
                end=fence.end,
                indent=fence.indent,
                attributes=fence.attributes,
            )
        )
    prose = [
        (n, CODE_SPAN.sub("", text_line)) for n, text_line in enumerate(lines, start=1) if n > body and n not in fenced
    ]
    return Page(
        name=page,
        language=language,
        path=path,
        lines=lines,
        meta=meta,
        headings=[h for n, _ in prose if (h := _heading(lines[n - 1], n))],
        links=[(m["target"], n) for n, text_line in prose for m in LINK.finditer(text_line)],
        blocks=blocks,
        fenced=frozenset(fenced),
        body=body,
    )


@dataclass
class _Fence:
    line: int
    indent: str
    ticks: str
    info: str
    expanded_line: int
    end: int = 0
    own_lines: int = 0
    section: sections.Section | None = None

    @property
    def language(self) -> str:
        return re.split(r"[\s{]", self.info, maxsplit=1)[0]

    @property
    def attributes(self) -> dict[str, str]:
        rest = self.info[len(self.language) :]
        return {m["key"]: m["double"] or m["single"] or m["bare"] or "" for m in ATTRIBUTE.finditer(rest)}

    def check(self, path: str) -> None:
        if self.language == RUN:
            if self.section is None:
                raise at(
                    path,
                    self.line,
                    "a python fence without an include: put the code in the page's snippet file and include its section",
                )
            if self.own_lines:
                raise at(path, self.line, "a python fence holds one include line and nothing else")
        elif self.section is not None:
            raise at(path, self.line, f'an include in a "{self.language}" fence would not run: write ```python')
        elif self.language not in SHOWN_ONLY:
            raise at(path, self.line, f'nothing runs a "{self.language}" fence: use python with an include, or text')


def _is_app(file: str) -> bool:
    return APPS in f"/{file}"


def block_name(target: str) -> str:
    """The block that an include line shows: its section, or the file's own name for an app, which is shown whole."""
    file, _, section = target.partition(":")
    return section or (PurePosixPath(file).stem if _is_app(file) else "")


def _include(tree: Tree, page: str, path: str, fence: _Fence, number: int, line: str) -> list[str]:
    match = INCLUDE.match(line)
    assert match is not None
    target = match["target"]
    file, colon, _ = target.partition(":")
    if fence.section is not None:
        raise at(path, number, "a second include in one fence: one block shows one section")
    app = file.startswith(f"{page.rpartition('/')[0]}{APPS}")
    if app and colon:
        raise at(path, number, f'"{target}": an app is shown whole: write --8<-- "{file}"')
    name = block_name(target)
    if not name:
        raise at(path, number, f'"{target}" names no section: write --8<-- "{file}:section"')
    if file != f"{page}.py" and not file.startswith("toolkit/") and not app:
        raise at(
            path,
            number,
            f'"{file}" is not this page\'s snippet file: page path = snippet path, so include from "{page}.py"',
        )
    if not (tree.snippets / file).is_file():
        raise at(path, number, f"snippets/{file} does not exist{nearest(file, tree.snippet_files())}")
    available = file_sections(tree, file)
    if name not in available:
        raise at(path, number, f'section "{name}" is not in snippets/{file}{nearest(name, available)}')
    fence.section = available[name]
    return fence.section.code.rstrip("\n").split("\n")


def _heading(line: str, number: int) -> Heading | None:
    match = HEADING.match(line)
    if match is None:
        return None
    ids = re.findall(r"#([\w-]+)", match["attributes"] or "")
    return Heading(len(match["level"]), match["title"], ids[0] if ids else None, number)


def front_matter(lines: list[str], path: str) -> tuple[dict[str, str], int]:
    """The flat ``key: value`` pairs between the first two ``---`` lines, and the line number of the second (0: none)."""
    if not lines or lines[0].strip() != "---":
        return {}, 0
    meta: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return meta, number
        key, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "-")):
            meta[key.strip()] = value.strip().strip("\"'")
    raise at(path, 1, "front matter is never closed: add a line ---")
