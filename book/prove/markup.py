"""What Markdown makes of a page: each block once, in the box it was written in, every link and picture known.

The reader in ``pages`` knows fences; this module asks the Markdown processor of the site, so that a page on which the two
disagree is told before it is built.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import markdown

from book.ground.tree import Tree
from book.source.pages import Page

# Those of mkdocs.yml that decide what is a block, a list, a box or a link; a test compares the names.
EXTENSIONS = [
    "admonition",
    "attr_list",
    "def_list",
    "footnotes",
    "md_in_html",
    "tables",
    "pymdownx.details",
    "pymdownx.superfences",
    "pymdownx.tabbed",
]
BOXES = {"li", "dd", "details", "blockquote"}
BOX_CLASSES = {"admonition", "tabbed-block"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
TOKEN = re.compile(r"bookblock(\d+)q")
BELOW = re.compile(r"bookline(\d+)q")  # what staging puts below a block: a line of links


@dataclass
class _Seen(HTMLParser):
    """Blocks, links, pictures and text of a rendered page."""

    blocks: list[tuple[int, bool, bool]] = field(default_factory=list)  # number, shown as code, inside a box
    lines: set[int] = field(default_factory=set)  # numbers of blocks below which Markdown is read
    targets: list[tuple[str, str]] = field(default_factory=list)  # tag, address
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {key: value or "" for key, value in attrs}
        for key in ("href", "src"):
            if key in known:
                self.targets.append((tag, known[key]))
        if tag not in VOID:
            self._open.append((tag, tag in BOXES or bool(BOX_CLASSES & set(known.get("class", "").split()))))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        for match in TOKEN.finditer(data):
            alone = "pre" in tags and data.strip() == match[0]  # not with the ticks around it
            self.blocks.append((int(match[1]), alone, any(box for _, box in self._open)))
        self.lines |= {int(match[1]) for match in BELOW.finditer(data) if "a" in tags}
        if "code" not in tags and "pre" not in tags:
            self.text.append(data)


def _render(page: Page) -> _Seen:
    """The page as the site shows it, with a token in place of each block's code."""
    lines = list(page.lines)
    for number, block in enumerate(page.blocks):
        inside = range(block.line, block.end - 1)  # lines between the ticks, from 0
        for at in inside:
            lines[at] = ""
        lines[inside[0]] = f"{block.indent}bookblock{number}q"
        opening = lines[block.line - 1]  # staging writes the attributes otherwise
        lines[block.line - 1] = opening[: len(opening) - len(opening.lstrip(" `"))]
        lines[block.end - 1] += f"\n\n{block.indent}[bookline{number}q](https://pytorch.org)\n"
    seen = _Seen()
    options = {"pymdownx.tabbed": {"alternate_style": True}}
    seen.feed(markdown.markdown("\n".join(lines[page.body :]), extensions=EXTENSIONS, extension_configs=options))
    return seen


def problems(tree: Tree, page: Page, known: Mapping[str, Page], generated: frozenset[str]) -> Iterator[str]:
    """Blocks that Markdown shows otherwise than they were written, links and pictures that lead nowhere, ids used twice."""
    seen = _render(page)
    for number, block in enumerate(page.blocks):
        place = f'{page.path}:{block.line}: block "{block.name}"'
        shown = [(code, box) for n, code, box in seen.blocks if n == number]
        if len(shown) != 1 or not shown[0][0] or number not in seen.lines:
            yield (
                f"{place} is no block for Markdown: indent its fence by 0, or by 4 for each list or box that it stands in, "
                'with an empty line above; inside HTML, write <div markdown="1">'
            )
        elif shown[0][1] != bool(block.indent):
            box = "outside the list or box" if block.indent else "inside a list or box"
            yield f"{place} is indented by {len(block.indent)}, so it ends up {box}: indent by 4 what belongs to it"
    ids = {heading.id: heading.line for heading in page.headings if heading.id}
    for block in page.blocks:
        if f"code-{block.name}" in ids:
            yield f'{page.path}:{ids[f"code-{block.name}"]}: id "code-{block.name}" is the id of block "{block.name}"'
    inline = {target for target, _ in page.links}  # audit.links knows their lines
    for tag, target in dict.fromkeys(seen.targets):
        if target in inline and tag != "img":
            continue
        problem = _leads_nowhere(tree, page, target, known, generated)
        if problem:
            yield f'{page.path}:{_line(page, target)}: <{tag}> "{target}": {problem}'
    for match in re.finditer(r"\[[^\[\]]+\]\[([^\[\]]*)\]", " ".join(seen.text)):
        yield f"{page.path}:{_line(page, match[0])}: {match[0]}: this reference is defined nowhere"


def _leads_nowhere(
    tree: Tree, page: Page, target: str, known: Mapping[str, Page], generated: frozenset[str]
) -> str | None:
    """Why an address leads nowhere, or None."""
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    if path.startswith("/"):
        return "write it relative to this page"
    name = posixpath.normpath(posixpath.join(posixpath.dirname(page.name), path)) if path else f"{page.name}.md"
    if not name.endswith(".md"):
        places = (tree.docs(page.language) / name, tree.root / "docs" / name, tree.root / "docs" / "theme" / name)
        return None if any(place.is_file() for place in places) else "there is no such file"
    name = name.removesuffix(".md")
    if name in generated or name.startswith(("reference/", "toolkit/")):
        return None
    if name not in known:
        return f"there is no page {name}.md"
    anchors = {h.id for h in known[name].headings} | {f"code-{b.name}" for b in known[name].blocks}
    notes = anchor.startswith(("fn:", "fnref"))
    return None if not anchor or notes or anchor in anchors else f'{name}.md has no id "{anchor}"'


def _line(page: Page, wanted: str) -> int:
    """The first line that holds the text, from 1."""
    return next((n for n, line in enumerate(page.lines, 1) if wanted in line), 1)
