"""Expand every page into plain Markdown under build/<language>: code, recorded outputs, figures, formulas, generated pages.

MkDocs (or Zensical) then renders plain files. Nothing is run, and only what changed is written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mkdocs.utils.yaml import yaml_load

from book.find import reference, related
from book.find.documents import TRADITIONAL
from book.find.engine import FILES
from book.find.reference import Example
from book.ground.errors import BookError, at
from book.ground.files import write_atomically
from book.ground.tree import CONFIGS, LANGUAGES, Tree
from book.record import ladder, records
from book.record.gpu import MOVED, YES, GpuBlock, GpuRecord, read_gpu
from book.record.ladder import Rung
from book.record.records import Cell, Record
from book.record.shapes import annotated
from book.site import (
    error_index,
    matrix,
    notebooks,
    original_pages,
    outputs,
    plan_pages,
    reference_pages,
    status,
    toolkit_reference,
)
from book.site.matrix import Proven
from book.source import code_zh, ledger, mathml, pages
from book.source.code_zh import Translations, translated
from book.source.ledger import Ledger
from book.source.markdown import fence, front_matter
from book.source.pages import Block, Page
from book.source.words import file as words_file
from book.source.words import words as words_of

STATE = ".staged.json"
SHAPES = "shapes.json"  # beside a page: block -> line -> what the line binds or returns, for book.js
NOTEBOOK_VIEWS = ("concepts/autograd",)  # pages that are also shown as a notebook
VIEW = "_notebook"  # beside the page, so that relative links are the same


@dataclass(frozen=True)
class Context:
    """What every page's staging needs."""

    tree: Tree
    ledger: Ledger
    gpu: GpuRecord
    repo_url: str
    site_urls: dict[str, str]
    translations: Translations
    ladder: tuple[Rung, ...] = ()
    indexed: str = ""
    related: Mapping[tuple[str, str], Sequence[Example]] = field(default_factory=dict)

    def shown(self, page: Page, block: Block) -> str:
        """A block's code as its page shows it: on a Chinese page its comments are Chinese."""
        return translated(block.code, self.translations) if page.language == "zh" else block.code


def stage(tree: Tree, languages: Iterable[str] = LANGUAGES) -> list[Path]:
    """Bring build/<language> up to date with sources and records.

    Returns:
        The files that were written or deleted.

    Raises:
        BookError: listing every page whose source or record is wrong, with the command that mends it.
    """
    settings = {language: config(tree, language) for language in LANGUAGES}
    urls = {language: str(found.get("site_url") or "") for language, found in settings.items()}
    repo = str(settings["en"].get("repo_url") or "").rstrip("/")
    rungs = tuple(ladder.read(tree))
    indexed = _index_key(tree)
    near = _related(tree, indexed)
    context = Context(tree, ledger.load(tree), read_gpu(tree), repo, urls, code_zh.load(tree), rungs, indexed, near)
    changed: list[Path] = []
    problems: list[str] = []
    for language in languages:
        changed += _stage_language(context, language, problems)
    if problems:
        raise BookError("\n".join(problems))
    return changed


def config(tree: Tree, language: str) -> dict[str, Any]:
    """The language's MkDocs configuration as it stands in its file; empty if there is none."""
    path = tree.root / CONFIGS[language]
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return dict(yaml_load(file))


def _stage_language(context: Context, language: str, problems: list[str]) -> list[Path]:
    tree = context.tree
    target = tree.build / language
    old = _read_state(target)
    state: dict[str, dict[str, Any]] = {}
    changed: list[Path] = []
    said = [words_file(each).read_text(encoding="utf-8") for each in LANGUAGES]
    facts = (context.ledger, context.gpu, context.ladder, context.repo_url, context.site_urls)
    common = _digest(_engine(), *said, *map(repr, facts))
    if language == "zh":
        common = _digest(common, repr(context.translations))
    for name in tree.pages(language):
        try:
            key = _digest(common, *_inputs(tree, name, language), *_near(context, name, language))
            before = old.get(name)
            if before and before["key"] == key and all((target / f).is_file() for f in before["files"]):
                state[name] = before
                continue
            page = pages.load(tree, name, language)
            files = render(context, page)
        except BookError as error:
            if str(error) not in problems:  # a page that breaks the plan breaks each page that shows it
                problems.append(str(error))
            continue
        changed += [target / file for file, data in files.items() if write_atomically(target / file, data)]
        state[name] = {"key": key, "files": sorted(files)}
    for path in _assets(tree.docs(language)):
        file = path.relative_to(tree.docs(language)).as_posix()
        if write_atomically(target / file, path.read_bytes()):
            changed.append(target / file)
        state[file] = {"key": "", "files": [file]}
    if not problems:
        generated = {
            "errors.md": error_index.page(tree, language, context.ledger),
            "status.md": status.page(tree, language, context.ledger, context.gpu),
        }
        changed += [target / file for file, text in generated.items() if write_atomically(target / file, text)]
        state["generated"] = {"key": "", "files": sorted(generated)}
        changed += _stage_reference(tree, language, common, context.indexed, old.get("reference"), state, problems)
    if not problems:
        changed += _sweep(target, {file for entry in state.values() for file in entry["files"]})
        write_atomically(target.parent / f"{language}{STATE}", json.dumps(state, sort_keys=True))
    return changed


def _stage_reference(
    tree: Tree,
    language: str,
    common: str,
    indexed: str,
    before: dict[str, Any] | None,
    state: dict[str, dict[str, Any]],
    problems: list[str],
) -> list[Path]:
    """Bring what finds blocks by API up to date; it is made from all pages and records together."""
    target = tree.build / language
    paths = sorted((tree.snippets / "toolkit").rglob("*.py"))
    paths += [*sorted(tree.words.glob("*.toml")), *FILES, TRADITIONAL]
    key = _digest(common, indexed, *map(_text, paths))
    if before and before["key"] == key and all((target / file).is_file() for file in before["files"]):
        state["reference"] = before
        return []
    try:
        files = reference_pages.generate(tree, language, _index(tree, indexed))
        toolkit = toolkit_reference.generate(tree, language)
        if toolkit:
            files["reference/index.md"] += toolkit_reference.pointer(language)
    except BookError as error:
        problems.append(str(error))
        return []
    files |= toolkit
    state["reference"] = {"key": key, "files": sorted(files)}
    return [target / file for file, data in files.items() if write_atomically(target / file, data)]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="backslashreplace") if path.is_file() else ""


def _index_key(tree: Tree) -> str:
    """A digest of what the index is made from: all pages of both languages, and their records."""
    names = sorted({name for language in LANGUAGES for name in tree.pages(language)})
    return _digest(
        *names, *(_text(p) for n in names for p in (*(tree.page(each, n) for each in LANGUAGES), tree.record(n)))
    )


@lru_cache(maxsize=1)
def _related(tree: Tree, key: str) -> dict[tuple[str, str], list[Example]]:
    return related.related(_index(tree, key))


@lru_cache(maxsize=1)
def _index(tree: Tree, key: str) -> reference.Index:
    """The index of all records, made once for both languages. ``key`` is a digest of what it is made from."""
    return reference.build(tree)


def _near(context: Context, name: str, language: str) -> Iterator[str]:
    """What the page says of blocks of other pages."""
    for (page, block), others in context.related.items():
        if page == name:
            yield from (f"{block} {other.name} {other.places.get(language)}" for other in others)


def _inputs(tree: Tree, name: str, language: str) -> list[str]:
    """Everything that a staged page is made from."""
    files = [tree.page(language, name), tree.snippets / f"{name}.py", tree.record(name), tree.requirements]
    files += plan_pages.inputs(tree, name, language)
    files += [*pages.apps(tree, name), *sorted((tree.snippets / "toolkit").rglob("*.py"))]
    texts = [_text(p) for p in files]
    return texts + original_pages.inputs(tree, texts[0])


@lru_cache(maxsize=1)
def _engine() -> str:
    """The staging code itself and its data: a new engine stages everything anew."""
    here = Path(__file__).parents[1]
    return _digest(*(p.read_text(encoding="utf-8") for p in sorted([*here.rglob("*.py"), *here.rglob("*.json")])))


def _digest(*parts: str) -> str:
    state = hashlib.sha256()
    for part in parts:
        state.update(f"{len(part)}:".encode() + part.encode())
    return state.hexdigest()


def _read_state(target: Path) -> dict[str, dict[str, Any]]:
    path = target.parent / f"{target.name}{STATE}"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _assets(docs: Path) -> list[Path]:
    return sorted(p for p in docs.rglob("*") if p.is_file() and p.suffix != ".md" and not p.name.startswith("."))


def _sweep(target: Path, wanted: set[str]) -> list[Path]:
    """Delete what nothing produces any more."""
    gone = [p for p in target.rglob("*") if p.is_file() and p.relative_to(target).as_posix() not in wanted]
    for path in gone:
        path.unlink()
    for folder in sorted((p for p in target.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return gone


def render(context: Context, page: Page) -> dict[str, str | bytes]:
    """A page -> staged files relative to build/<language>: the Markdown, and its figures."""
    record: Record | None = None
    if page.blocks:
        record = records.read(context.tree, page.name)
        reasons = records.stale(context.tree, page, record) or _needs_differ(context, page, record)
        if reasons:
            raise BookError("\n".join([*reasons, f"  run {records.mend(page.name)}"]))
    page = plan_pages.filled(context.tree, page)
    files: dict[str, str | bytes] = {}

    def is_prose(number: int) -> bool:
        return number not in page.fenced and number > page.body

    lines = mathml.convert_lines(page.lines, is_prose, page.path)
    lines = [with_percents(line) if is_prose(number) else line for number, line in enumerate(lines, start=1)]
    lines = plan_pages.extended(context.tree, page, lines)
    lines = original_pages.told(context.tree, page.language, lines)
    imports: dict[str, str] = {}
    proven = matrix.proven(page.language, record, context.ladder) if record else {}

    def shown(block: Block, cell: Cell, number: int) -> list[str]:
        assert record is not None
        imports.update(reference.imported(block.code))
        code = context.shown(page, block)
        links = reference_pages.api_links(page.name, page.language, code, cell.apis, imports)
        more = reference_pages.related_links(page.name, page.language, context.related.get((page.name, block.name), ()))
        return _block(context, page, block, cell, record, files, proven[cell.name]) + more + links

    out = _expand(page, record, lines, shown)
    if record is not None:
        title = next((h.line for h in page.headings if h.level == 1), 0)
        if title and page.name != "index":
            place = out.index(lines[title - 1]) + 1
            out[place:place] = ["", _downloads(context, page, record, files), "{ .rp-take }"]
        lines_of = {cell.name: cell.shapes for cell in record.cells if cell.shapes}
        if lines_of:
            files[f"{page.name}/{SHAPES}"] = json.dumps(lines_of, ensure_ascii=False, separators=(",", ":"))
        if page.name in NOTEBOOK_VIEWS:
            files[f"{page.name}{VIEW}.md"] = _ended(page, _notebook_view(page, record, lines))
    files[f"{page.name}.md"] = _ended(page, out)
    return files


def _expand(
    page: Page, record: Record | None, lines: list[str], shown: Callable[[Block, Cell, int], list[str]]
) -> list[str]:
    """The page's lines with each block replaced by what ``shown`` makes of it, its recorded cell and its number."""
    out: list[str] = []
    number, count = 1, 0
    starts = {block.line: block for block in page.blocks}
    while number <= len(lines):
        block = starts.get(number)
        if block is None:
            out.append(lines[number - 1])
            number += 1
            continue
        assert record is not None
        cell = record.cell(block.name)
        assert cell is not None
        count += 1
        out += [(block.indent + line).rstrip() for line in shown(block, cell, count)]
        number = block.end + 1
    return out


def _ended(page: Page, lines: list[str]) -> str:
    text = "\n".join(lines)
    return join_chinese_lines(text) if page.language == "zh" else text


def _notebook_view(page: Page, record: Record, lines: list[str]) -> list[str]:
    """The chapter as a notebook shows it, from the record: numbered inputs, and outputs under them."""
    words = words_of("chapter", page.language)

    def shown(block: Block, cell: Cell, number: int) -> list[str]:
        code = fence(annotated(block.code, cell.shapes), "{ .python .rp-shown }")
        made = [f"`In [{number}]:`{{ .rp-prompt }}", "", *code]
        for order, output in enumerate(cell.outputs, start=1):
            made += ["", *_output(page, block, order, output, {})]
        return made

    body = _expand(page, record, lines, shown)[page.body :]
    title = f"{page.meta.get('title', page.name)} ({words['view']})"
    name = page.name.rpartition("/")[2]
    head = front_matter(title, page.meta.get("description", ""))
    at = next(n for n, line in enumerate(body) if line.startswith("# ")) + 1
    return [*head, *body[:at], "", f"[{words['chapter']}]({name}.md)", "{ .rp-take }", *body[at:]]


def _needs_differ(context: Context, page: Page, record: Record) -> list[str]:
    """Blocks that the ledger and the record disagree on: whether they ran, or wait for a GPU."""
    gaps = {cell.name: records.need_differs(cell, context.ledger.device(page.name, cell.name)) for cell in record.cells}
    return [f'{page.path}:{b.line}: block "{b.name}" {gaps[b.name]}' for b in page.blocks if gaps[b.name]]


FENCED = re.compile(r"(^ *(`{3,})[^`\n]*\n.*?^ *\2`* *$)", re.MULTILINE | re.DOTALL)
HAN = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef\u2014\u2018-\u201d]"


def join_chinese_lines(text: str) -> str:
    """Join lines of prose that break between two Chinese characters: HTML would show the break as a space.

    Code keeps its lines: a docstring may break there.
    """
    pieces = FENCED.split(text)  # prose, then a fenced block and its ticks, in turn
    for prose in range(0, len(pieces), 3):
        pieces[prose] = re.sub(rf"(?<={HAN})\n[ ]*(?={HAN})", "", pieces[prose])
    del pieces[2::3]
    return "".join(pieces)


def _downloads(context: Context, page: Page, record: Record, files: dict[str, str | bytes]) -> str:
    """Stage the chapter as a script and as a notebook, and link to them, to the Markdown and to Colab and Kaggle."""
    words = words_of("chapter", page.language)
    raising = {e.section: e.error for e in context.ledger.of_page(page.name) if e.kind == "raises"}
    needing = {cell.name: cell.needs for cell in record.cells if cell.needs}
    stem, folder = notebooks.download_name(page.name), page.name.rpartition("/")[0]
    base = f"{folder}/{stem}" if folder else stem
    files[f"{base}.py"] = notebooks.script(page, raising, needing)
    files[f"{base}.ipynb"] = notebooks.notebook(page, record, context.site_urls[page.language], raising)
    name = page.name.rpartition("/")[2]
    links = [f"[{words['script']}]({stem}.py)", f"[{words['notebook']}]({stem}.ipynb)"]
    if page.name in NOTEBOOK_VIEWS:
        links.append(f"[{words['view']}]({name}{VIEW}.md)")
    links.append(f'<a href="../{name}.md">Markdown</a>')
    github = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", context.repo_url)
    if github:
        place = f"docs/records/{page.name}.ipynb"
        raw = f"https://raw.githubusercontent.com/{github[1]}/main/{place}"
        links.append(f"[Colab](https://colab.research.google.com/github/{github[1]}/blob/main/{place})")
        links.append(f"[Kaggle](https://www.kaggle.com/kernels/welcome?src={raw})")
    if any(cell.shapes for cell in record.cells):
        told = f'title="{words["shapes_title"]}" aria-pressed="false"'
        links.append(f'<button type="button" class="rp-shapes" {told}>{words["shapes"]}</button>')
    return str(words["take"]) + " · ".join(links)


def _duration(words: dict[str, str], seconds: float) -> str:
    return words["seconds"].format(seconds) if seconds >= 0.1 else words["milliseconds"].format(seconds * 1000)


def _block(
    context: Context,
    page: Page,
    block: Block,
    cell: Cell,
    record: Record,
    files: dict[str, str | bytes],
    proven: Proven,
) -> list[str]:
    extras = "".join(f' {key}="{value}"' for key, value in block.attributes.items() if key != "alt")
    lines = fence(context.shown(page, block), f"{{ .python #code-{block.name} .rp-code{extras} }}")
    on_gpu = context.gpu.find(page.name, block.name, cell.hashes.code)
    newer = matrix.own(context.ladder, record, cell)
    outputs = newer[1]["outputs"] if newer else shown_outputs(cell, on_gpu)
    for number, output in enumerate(outputs, start=1):
        lines += ["", *_output(page, block, number, output, files)]
    words = words_of("chapter", page.language)
    missing = context.ledger.get("needs", page.name, block.name)
    since = context.ledger.get("since", page.name, block.name)
    torch = record.machine.torch.partition("+")[0]
    if newer:
        told = words["ran"].format(devices="CPU", torch=newer[0].torch, seconds=_duration(words, newer[1]["seconds"]))
    elif since:
        told = words["waits"].format(torch=since.torch)
    elif cell.needs and on_gpu is None:
        told = words["not_yet"]
    elif cell.needs and on_gpu and on_gpu.passed:
        version, spent = context.gpu.torch.partition("+")[0], _duration(words, on_gpu.seconds)
        told = words["ran"].format(devices=context.gpu.gpu, torch=version, seconds=spent)
    elif cell.needs:
        told = words["failed"].format(gpu=context.gpu.gpu)
    elif missing and not cell.outputs and not cell.seconds:
        told = words["not_run"].format(why=missing.what)
    else:
        devices = _devices(words, on_gpu, context.gpu.find(page.name, block.name, cell.hashes.code, MOVED))
        told = words["ran"].format(devices=devices, torch=proven.torches, seconds=_duration(words, cell.seconds))
    bound = matrix.bound(page.language, since or context.ledger.get("until", page.name, block.name))
    stem = page.name.rpartition("/")[2]
    links = [bound] if bound else []
    if cell.program:
        program = notebooks.program_name(page.name, block.name)
        files[f"{page.name}/{program}"] = cell.program["text"]
        links.append(f"[{words['copy']}]({stem}/{program}){{ .rp-program }}")
    entry = toolkit_reference.link(page.name, block)
    if entry:
        links.append(f"[{words['toolkit']}]({entry})")
    if context.repo_url:
        links.append(f"[{words['report']}]({_issue(context.repo_url, page, block, torch)}){{ .rp-report }}")
    told = "\N{NO-BREAK SPACE}· ".join([told, *links])  # no line of a narrow page starts with a dot
    title = f' title="{proven.where}"' if proven.where and not cell.needs else ""
    return [*lines, "", told, f"{{ .rp-run{title} }}"]


def _devices(words: dict[str, str], shown: GpuBlock | None, moved: GpuBlock | None) -> str:
    """Where a block that runs on any machine printed its record, and in a title what that means."""
    if shown is None or not shown.passed:
        return "CPU"
    if shown.on_device or (moved is not None and moved.how == YES):
        label, title = "CPU · GPU", words["itself" if shown.on_device else "moved"]
    else:
        why = words.get(moved.how, "") if moved else ""
        label, title = words["machine"], words["beside"].format(why=why)
    return f'<span title="{title}">{label}</span>'


def shown_outputs(cell: Cell, on_gpu: GpuBlock | None) -> list[dict[str, Any]]:
    """What a page shows under a block: the record, or what a GPU gave where only a GPU could run it."""
    return on_gpu.outputs if cell.needs and on_gpu and on_gpu.passed else cell.outputs


def _issue(repo: str, page: Page, block: Block, torch: str) -> str:
    """The address of a new issue whose form (.github/ISSUE_TEMPLATE/block.yml) is filled in for this block."""
    fields = {
        "template": "block.yml",
        "title": f"{page.name}: {block.name}",
        "page": f"docs/{page.language}/{page.name}.md",
        "block": block.name,
        "torch": torch,
    }
    return f"{repo}/issues/new?{urlencode(fields)}"


def _output(page: Page, block: Block, number: int, output: dict[str, Any], files: dict[str, str | bytes]) -> list[str]:
    """An output as lines of the page; its pictures become files beside the page."""
    stem = f"{block.name}-{number}"
    made = outputs.pictures(output, stem)
    files |= {f"{page.name}/{name}": data for name, data in made.items()}
    return outputs.shown(output, f"{page.name.rpartition('/')[2]}/{stem}", _alt(page, block) if made else "")


def _alt(page: Page, block: Block) -> str:
    alt = block.attributes.get("alt")
    if not alt:
        raise at(page.path, block.line, f'block "{block.name}" draws a figure: describe it, ```python alt="..."')
    return alt


def with_percents(line: str) -> str:
    """A line in which a number and its percent sign stay together; inline code and the operator, 7 % 3, stay as they are."""
    return re.sub(r"(`+)[^`]*\1|(?<=\d) %(?!\s*\d)", lambda m: m[0] if m[1] else "\N{NO-BREAK SPACE}%", line)
