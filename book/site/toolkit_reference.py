"""The toolkit's reference: a page for each module of snippets/toolkit, from its source. Nothing is imported or run.

Staged Markdown in both languages. What a page says, and the line about its module, is in the page's language; other
docstrings stay in English, as code does.
"""

from __future__ import annotations

import html
import logging
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import griffe

from book.ground.errors import BookError, at
from book.ground.tree import Tree
from book.source import code_zh, pages
from book.source.code_zh import Translations
from book.source.links import relative
from book.source.markdown import as_entities, cell, fence, front_matter, literal
from book.source.pages import Block, Page
from book.source.words import words as words_of

FOLDER = "toolkit"
WIDTH = 88  # of a signature on one line
Piece = griffe.Class | griffe.Function | griffe.Attribute
MARKER = re.compile(r"^\s*# --8<-- \[(?:start|end):.*\]\s*$")


def sources(tree: Tree) -> list[str]:
    """The modules' files relative to snippets/, such as ``toolkit/metrics.py``."""
    return [file for file in tree.snippet_files() if file.startswith(f"{FOLDER}/") and not file.endswith("__init__.py")]


def generate(tree: Tree, language: str) -> dict[str, str]:
    """Staged files relative to build/<language>; none if there is no toolkit.

    Raises:
        BookError: a module does not parse.
    """
    files = sources(tree)
    if not files:
        return {}
    package = _load(tree)
    shown = _shown(tree, language, files)
    modules: dict[str, griffe.Module] = {}
    for file in files:
        name = file.removeprefix(f"{FOLDER}/").removesuffix(".py").replace("/", ".")
        try:
            modules[file] = package[name]
        except KeyError:  # griffe leaves out what does not parse
            raise _unreadable(tree, file) from None
    table = code_zh.load(tree) if language == "zh" else Translations()
    made = {f"{FOLDER}/index.md": _index(modules, language, table)}
    for file, module in modules.items():
        made[f"{file.removesuffix('.py')}.md"] = _Module(file, module, shown.get(file, []), language, table).page()
    return made


def pointer(language: str) -> str:
    """A line for the API index, which leads to the toolkit's pages."""
    return f"\n{words_of('toolkit', language)['pointer'].format(link=f'../{FOLDER}/index.md')}\n"


def link(page: str, block: Block) -> str | None:
    """The address, from a page, of the entry of the first function or class that a block of the toolkit defines.

    Constants have no entry: their block links to the module's page.
    """
    names = re.search(r" import (\w+)", block.run_code) if block.from_toolkit else None
    if not names or names[1].startswith("_"):
        return None
    target = relative(f"{block.file.removesuffix('.py')}.md", page)
    piece = re.search(r"^(?:def|class) ([A-Za-z]\w*)", block.code, re.MULTILINE)
    return f"{target}#{piece[1]}" if piece else target


def _load(tree: Tree) -> griffe.Module:
    logging.getLogger("griffe").setLevel(logging.CRITICAL)  # a test reads the docstrings strictly
    loader = griffe.GriffeLoader(
        search_paths=[tree.snippets], allow_inspection=False, docstring_parser=griffe.Parser.google
    )
    try:
        package = loader.load(FOLDER)
    except griffe.GriffeError as error:
        raise BookError(f"snippets/{FOLDER}: {error}") from error
    assert isinstance(package, griffe.Module)
    return package


def _unreadable(tree: Tree, file: str) -> BookError:
    try:
        compile((tree.snippets / file).read_bytes(), file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return at(f"snippets/{file}", line, f"does not parse: {getattr(error, 'msg', error)}")
    return BookError(f"snippets/{file}: griffe can't read it")


def _shown(tree: Tree, language: str, files: Iterable[str]) -> dict[str, list[tuple[Page, Block]]]:
    """File of the toolkit -> the blocks that show a part of it, in the order of pages."""
    found: dict[str, list[tuple[Page, Block]]] = {file: [] for file in files}
    for name in tree.pages(language):
        if f'"{FOLDER}/' not in tree.page(language, name).read_text(encoding="utf-8", errors="replace"):
            continue
        page = pages.load(tree, name, language)
        for block in page.blocks:
            if block.file in found:
                found[block.file].append((page, block))
    return found


def _index(modules: dict[str, griffe.Module], language: str, table: Translations) -> str:
    words = words_of("toolkit", language)
    lines = [
        *front_matter(words["title"], words["description"]),
        "",
        f"# {words['title']} {{#toolkit}}",
        "",
        words["intro"],
        "",
    ]
    lines += [words["table"], "| --- | --- | --- |"]
    for file, module in modules.items():
        own = file.removeprefix(f"{FOLDER}/").removesuffix(".py")
        pieces = words["comma"].join(f"[`{piece.name}`]({own}.md#{piece.name})" for piece in _public(module))
        lines.append(f"| [`{own.replace('/', '.')}`]({own}.md) | {cell(_summary(module, table))} | {pieces} |")
    return "\n".join(lines) + "\n"


def _summary(piece: griffe.Object, table: Translations) -> str:
    """The first paragraph of its docstring, on one line, in Chinese if the table has it."""
    text = piece.docstring.value.strip() if piece.docstring else ""
    line = " ".join(text.partition("\n\n")[0].split())
    return table.docstrings.get(line, line)


def _public(scope: griffe.Object) -> Iterator[Piece]:
    """The functions, classes and properties that ``scope`` itself defines, in the order of its source."""
    for name, member in scope.members.items():
        shown = isinstance(member, griffe.Class | griffe.Function)
        if not name.startswith("_") and (
            shown or (isinstance(member, griffe.Attribute) and "property" in member.labels)
        ):
            assert isinstance(member, Piece)
            yield member


def _code(value: object) -> str:
    """Code in a cell of a table: Markdown reads nothing in it."""
    return f"<code>{as_entities(html.escape(str(value), quote=False))}</code>"


class _Module:
    """The page of one module."""

    def __init__(
        self, file: str, module: griffe.Module, shown: list[tuple[Page, Block]], language: str, table: Translations
    ) -> None:
        self.file, self.module, self.shown, self.table = file, module, shown, table
        self.words = words_of("toolkit", language)

    def page(self) -> str:
        path = f"snippets.{self.file.removesuffix('.py').replace('/', '.')}"
        name = self.file.removeprefix(f"{FOLDER}/").removesuffix(".py").replace("/", ".")
        description = self.words["page_description"].format(name=path, summary=_summary(self.module, self.table))
        lines = front_matter(self.words["page_title"].format(name=name), description.strip())
        lines += ["", f"# `{name}` {{#module}}", "", *self._about()]
        for piece in _public(self.module):
            lines += self._piece(piece, path)
        return "\n".join(lines) + "\n"

    def _about(self) -> list[str]:
        """What the module holds: a docstring of one line may have its Chinese in the table."""
        text = self.module.docstring.value.strip() if self.module.docstring else ""
        said = self.table.docstrings.get(text)
        return [said, ""] if said else self._docstring(self.module)

    def _piece(self, piece: Piece, path: str) -> list[str]:
        lines = [f"## `{piece.name}` {{#{piece.name}}}", ""]
        lines += _fence([self.words["import"].format(module=path, name=piece.name), "", *_signature(piece)])
        lines += self._docstring(piece)
        if isinstance(piece, griffe.Class):
            lines += self._bases(piece)
            for method in _public(piece):
                lines += [f"### `{piece.name}.{method.name}` {{#{piece.name}.{method.name}}}", ""]
                lines += [*_fence(_signature(method)), *self._docstring(method)]
        places = [self._place(page, block) for page, block in self.shown if _overlap(piece, block)]
        if places:
            lines += [
                self.words["shown"] + self.words["colon"] + " · ".join(places),
                "{ .rp-more }",
                "",
            ]
        source = textwrap.dedent(piece.source).splitlines()
        folded = _fence([line for line in source if not MARKER.match(line)])
        lines += [f'??? quote "{self.words["source"].format(name=f"`{piece.name}`")}"', ""]
        return [*lines, *(f"    {line}".rstrip() for line in folded)]

    def _place(self, page: Page, block: Block) -> str:
        target = relative(f"{page.name}.md", self.file)
        title = literal(page.meta.get("title", page.name))
        return f"[{title} · `{block.name}`]({target}#code-{block.name})"

    def _bases(self, piece: griffe.Class) -> list[str]:
        bases = [base for base in piece.resolved_bases if isinstance(base, griffe.Class)]
        if not bases:
            return []
        methods = [
            member.final_target if isinstance(member, griffe.Alias) else member
            for name, member in piece.inherited_members.items()
            if not name.startswith("_") and member.is_function
        ]
        parts = [self.words["bases"] + self.words["colon"] + self.words["comma"].join(map(self._link, bases))]
        if methods:
            inherited = self.words["comma"].join(f"{self._link(m)}{{ #{piece.name}.{m.name} }}" for m in methods)
            parts.append(self.words["inherited"] + self.words["colon"] + inherited)
        return [" · ".join(parts), "{ .rp-about }", ""]

    def _link(self, piece: griffe.Object) -> str:
        """A link to an entry, on this page or on another one of the toolkit."""
        module = piece.module.path.removeprefix(f"{FOLDER}.").replace(".", "/")
        anchor = piece.path.removeprefix(f"{piece.module.path}.")
        own = self.file.removesuffix(".py")
        target = "" if f"{FOLDER}/{module}" == own else relative(f"{FOLDER}/{module}.md", own)
        return f"[`{anchor}`]({target}#{anchor})"

    def _docstring(self, piece: griffe.Object) -> list[str]:
        if not piece.docstring:
            return []
        lines: list[str] = []
        for section in piece.docstring.parse(griffe.Parser.google, warnings=False):
            lines += self._section(section, piece)
        return lines

    def _section(self, section: griffe.DocstringSection, piece: griffe.Object) -> list[str]:
        kind = section.kind.value
        if kind == "text":
            return [*str(section.value).splitlines(), ""]
        if kind == "admonition":
            return self._admonition(section, piece)
        if kind == "examples":
            text = "\n".join(str(part) for _, part in section.value)
            return [self._label(self._known("examples")), "", *_fence(text.splitlines(), "pycon"), ""]
        rows = [
            (getattr(item, "name", ""), item.annotation, item.description)
            for item in section.value
            if hasattr(item, "description")
        ]
        return [self._label(self._known(kind)), "", *self._table(rows), ""]

    def _admonition(self, section: griffe.DocstringSection, piece: griffe.Object) -> list[str]:
        """A section with a title that Google's style leaves free: Shape, Example, Args of a method."""
        title, text = section.title or "", str(section.value.contents)
        named = re.fullmatch(r"Args of (\w+)", title)
        if named:
            method = piece.all_members.get(named[1])
            parent = method.final_target if isinstance(method, griffe.Alias) else method  # has the types
            text = f".\n\nArgs:\n{textwrap.indent(text, '    ')}"  # a section that begins a docstring is not seen
            parsed = griffe.Docstring(text, parent=parent).parse(griffe.Parser.google, warnings=False)
            label = self._label(self.words["args_of"].format(name=f"`{named[1]}`"))
            return [label, "", *self._table([(i.name, i.annotation, i.description) for i in parsed[-1].value]), ""]
        label = self._label(self._known(title.lower()) if title.lower() in self.words["sections"] else title)
        if ">>> " in text:
            return [label, "", *_fence(text.splitlines(), "pycon"), ""]
        return [label, "", *text.splitlines(), ""]

    def _known(self, kind: str) -> str:
        return str(self.words["sections"].get(kind, kind.capitalize()))

    def _label(self, words: str) -> str:
        return f"**{words}**"

    def _table(self, rows: list[tuple[str, Any, str]]) -> list[str]:
        """What is named on the left, or only typed: a return value, an exception."""
        if any(name for name, _, _ in rows):
            head = [self.words["columns"], "| --- | --- | --- |"]
            return head + [
                f"| {_code(name)} | {_code(kind) if kind else ''} | {cell(told)} |" for name, kind, told in rows
            ]
        head = [self.words["result"], "| --- | --- |"]
        return head + [f"| {_code(kind) if kind else ''} | {cell(told)} |" for _, kind, told in rows]


def _fence(lines: list[str], language: str = "python") -> list[str]:
    """A fence that shows code and is no block that runs."""
    return [*fence("\n".join(lines), f"{{ .{language} .rp-shown }}"), ""]


def _signature(piece: Piece) -> list[str]:
    """What a reader calls: one line, or a line for each parameter."""
    bound = isinstance(piece, griffe.Class) or (
        isinstance(piece.parent, griffe.Class) and "staticmethod" not in piece.labels
    )
    if isinstance(piece, griffe.Attribute):
        return [f"{piece.name}: {_unquoted(piece.annotation)}" if piece.annotation else piece.name]
    parameters = list(piece.parameters)[1:] if bound else list(piece.parameters)
    parts: list[str] = []
    before = None
    for parameter in parameters:
        kind = parameter.kind
        if before is griffe.ParameterKind.positional_only and kind is not before:
            parts.append("/")
        if kind is griffe.ParameterKind.keyword_only and before not in (kind, griffe.ParameterKind.var_positional):
            parts.append("*")
        before = kind
        text = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(kind, "")
        text += parameter.name
        if parameter.annotation is not None:
            text += f": {_unquoted(parameter.annotation)}"
        variadic = kind in (griffe.ParameterKind.var_positional, griffe.ParameterKind.var_keyword)
        if parameter.default is not None and not variadic:
            text += f" = {parameter.default}" if parameter.annotation is not None else f"={parameter.default}"
        parts.append(text)
    returns = piece.returns if isinstance(piece, griffe.Function) else None
    end = f") -> {_unquoted(returns)}" if returns is not None else ")"
    above = [f"@{d.value}" for d in piece.decorators] if isinstance(piece, griffe.Function) else []
    line = f"{piece.name}({', '.join(parts)}{end}"
    if len(line) <= WIDTH:
        return [*above, line]
    return [*above, f"{piece.name}(", *(f"    {part}," for part in parts), end]


def _unquoted(annotation: object) -> str:
    text = str(annotation)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _overlap(piece: griffe.Object, block: Block) -> bool:
    """Whether the block shows lines of the piece."""
    first, last = block.file_line, block.file_line + block.code.rstrip("\n").count("\n")
    return (piece.lineno or 0) <= last and first <= (piece.endlineno or 0)
