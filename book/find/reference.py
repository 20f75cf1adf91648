"""Which block shows which API, best first.

``api_json`` is for machines, ``book.find.documents`` lists what is searched, and ``book.site.reference_pages`` makes pages
of it. Nothing is run and torch is not needed: names come from the records,
everything known about a name from book/names/apis.json.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from book.ground.errors import nearest
from book.ground.tree import LANGUAGES, Tree
from book.names import apis
from book.names.apis import Api, Apis
from book.record.outputs import text_of
from book.record.records import mend
from book.source.pages import ATTRIBUTE, FENCE, HEADING, INCLUDE, block_name

FORMAT = 1
ON_ONE_PAGE = 64  # names; a larger namespace is cut by first letters
SHOWN = 2  # examples with their code; the others are links
ABOUT = 3.5  # a score from which a block is about an API, and not one that happens to use it
KINDS = ("function", "class", "method", "property")
WHERES = ("cpu", "gpu", "other")

# ---- Blocks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a page shows a block, in one language: the page's title, the heading above it, the pictures' description."""

    title: str
    heading: str
    anchor: str
    alt: str


@dataclass(frozen=True, eq=False)
class Example:
    """A recorded block, as an example of the APIs that it uses."""

    page: str
    block: str
    code: str
    outputs: list[dict[str, Any]] = field(repr=False)
    apis: tuple[str, ...]
    places: Mapping[str, Place]
    imports: Mapping[str, str] = field(default_factory=dict, repr=False)
    has_program: bool = False

    @property
    def name(self) -> str:
        """As the terminal names a block."""
        return f"{self.page}:{self.block}"

    @property
    def error(self) -> str:
        """The exception that the block ends in on purpose: ``RuntimeError: Trying to backward ...``; or nothing."""
        return next((f"{o['ename']}: {o['evalue']}" for o in self.outputs if o["output_type"] == "error"), "")

    @cached_property
    def spots(self) -> dict[str, list[int]]:
        """API -> where its last part is written in the code."""
        return find_spots(self.code, self.apis, self.imports)


def read_page(tree: Tree, page: str) -> list[Example]:
    """The blocks of a page, in order, from its record and its headings. No record, or half of one: no blocks, for
    staging the page itself says what is wrong with it."""
    try:
        raw = json.loads(tree.record(page).read_text(encoding="utf-8"))
        cells = [(c["metadata"]["book"], text_of(c["source"]) + "\n", c["outputs"]) for c in raw["cells"]]
        found = [
            (str(book["section"]), source, list(outputs), tuple(map(str, book["apis"])), bool(book.get("program")))
            for book, source, outputs in cells
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    places = {language: read_places(tree, page, language) for language in LANGUAGES}
    imports: dict[str, str] = {}
    examples = []
    for block, code, outputs, names, has_program in found:
        imports = imports | imported(code)
        where = {language: places[language][block] for language in LANGUAGES if block in places[language]}
        if where:
            examples.append(Example(page, block, code, outputs, names, where, imports, has_program))
    return examples


def read_places(tree: Tree, page: str, language: str) -> dict[str, Place]:
    """Block -> where the page shows it. Reads the source alone, because this is done for every page on every staging."""
    path = tree.page(language, page)
    if not path.is_file():
        return {}
    title, heading, anchor = page, "", ""
    found: dict[str, Place] = {}
    ticks = info = ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        fence = FENCE.match(line)
        if ticks:
            include = INCLUDE.match(line)
            if include and info.startswith("python"):
                alt = next(
                    (m["double"] or m["single"] or "" for m in ATTRIBUTE.finditer(info) if m["key"] == "alt"), ""
                )
                found[block_name(include["target"])] = Place(title, heading or title, anchor, alt)
            elif fence and not fence["info"].strip() and len(fence["ticks"]) >= len(ticks):
                ticks = ""
        elif fence:
            ticks, info = fence["ticks"], fence["info"].strip()
        elif number < 20 and line.startswith("title:"):
            title = line.removeprefix("title:").strip().strip("\"'")
        elif match := HEADING.match(line):
            heading = plain(match["title"])
            anchor = next(iter(re.findall(r"#([\w-]+)", match["attributes"] or "")), "")
    return found


def plain(markdown: str) -> str:
    """A heading without its marks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return re.sub(r"\\([\\`*_{}\[\]()#+.!$-])", r"\1", re.sub(r"(?<!\\)[`*$]", "", text)).strip()


# ---- Where a block writes an API -------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _nodes(code: str) -> tuple[ast.AST, ...]:
    """All nodes of the code, none if it is no Python. Two questions are asked about a block, one after the other."""
    try:
        return tuple(ast.walk(ast.parse(code)))
    except SyntaxError:
        return ()


@lru_cache(maxsize=1 << 14)
def imported(code: str) -> dict[str, str]:
    """Name -> what of torch it stands for, of the block's import statements: ``{"F": "torch.nn.functional"}``."""
    found: dict[str, str] = {}
    if "import" not in code:
        return found
    for node in _nodes(code):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "torch":
                    found[alias.asname or "torch"] = alias.name if alias.asname else "torch"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch" and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def find_spots(code: str, names: Collection[str], imports: Mapping[str, str]) -> dict[str, list[int]]:
    """API -> offsets in the code at which its last part is written: ``grad`` of ``torch.autograd.grad(y, x)``.

    A name that starts at an import is resolved through it; any other attribute belongs to the method or property of that
    name, if the block uses one such only. Operators (``x @ y``) have no spot.
    """
    return _spots(code, tuple(names), tuple(imports.items()))


@lru_cache(maxsize=1 << 14)  # asked for the links under a block, and for the index of all blocks
def _spots(code: str, names: tuple[str, ...], torch_names: tuple[tuple[str, str], ...]) -> dict[str, list[int]]:
    imports = dict(torch_names)
    known = apis.load()
    used = {known.canonical[name]: name for name in names if name in known.canonical}
    members: dict[str, list[str]] = defaultdict(list)
    for canonical, name in used.items():
        if known.by_name[canonical].kind in apis.MEMBER_KINDS:
            members[canonical.rpartition(".")[2]].append(name)
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = code.splitlines()

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    spots: dict[str, list[int]] = defaultdict(list)
    words = {name.rpartition(".")[2] for name in names} | set(imports)

    def note(path: str | None, last: str, where: int) -> None:
        canonical = known.canonical.get(path) if path else None
        if canonical in used:
            spots[used[canonical]].append(where)
        elif (path is None or canonical is None) and len(members[last]) == 1:
            spots[members[last][0]].append(where)

    for node in _nodes(code):
        if isinstance(node, ast.Attribute):
            assert node.end_lineno is not None and node.end_col_offset is not None
            note(_path(node, imports), node.attr, offset(node.end_lineno, node.end_col_offset) - len(node.attr))
        elif isinstance(node, ast.Name) and node.id in imports:
            note(imports[node.id], node.id, offset(node.lineno, node.col_offset))
        elif isinstance(node, ast.alias) and imports.get(node.asname or node.name, "").endswith(f".{node.name}"):
            note(imports[node.asname or node.name], node.name, offset(node.lineno, node.col_offset))
    # Python 3.11 gives wrong columns inside an f-string: such a place is left out.
    sure = {name: sorted(at for at in found if _word_at(code, at) in words) for name, found in spots.items()}
    return {name: found for name, found in sure.items() if found}


def _word_at(code: str, offset: int) -> str:
    match = re.compile(r"(?<!\w)\w+").match(code, offset)
    return match[0] if match else ""


def _path(node: ast.expr, imports: Mapping[str, str]) -> str | None:
    """The full name that an attribute chain spells, if it starts at an import: ``F.relu`` -> torch.nn.functional.relu."""
    if isinstance(node, ast.Name):
        return imports.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _path(node.value, imports)
        return f"{base}.{node.attr}" if base else None
    return None


# ---- The index -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """An API and its examples, best first, with their scores."""

    api: Api
    examples: tuple[Example, ...]
    scores: tuple[float, ...]

    def best(self, most: int = SHOWN) -> tuple[Example, ...]:
        """The examples to show with their code: the first, and one more if it is about the API too."""
        return tuple(e for n, e in enumerate(self.examples[:most]) if n == 0 or self.scores[n] >= ABOUT)


@dataclass(frozen=True, eq=False)
class Index:
    """Every block, every API that has one, and the list of all names."""

    known: Apis
    examples: tuple[Example, ...]
    problems: tuple[str, ...] = ()

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Name -> its entry, for every API that some block uses."""
        users: dict[str, list[Example]] = defaultdict(list)
        for example in self.examples:
            for name in self.known.named(example.apis):
                users[name].append(example)
        rarity = {name: math.log((len(self.examples) + 1) / len(blocks)) for name, blocks in users.items()}
        entries = {}
        for name in sorted(users):
            api = self.known.by_name[name]
            first = {e.page: e for e in reversed(users[name])}
            rated = [(score(api, e, rarity, e is first[e.page]), e) for e in users[name]]
            rated.sort(key=lambda pair: -pair[0])
            entries[name] = Entry(api, tuple(e for _, e in rated), tuple(s for s, _ in rated))
        return entries

    @cached_property
    def groups(self) -> dict[str, list[Api]]:
        """Namespace -> its names, sorted."""
        found: dict[str, list[Api]] = defaultdict(list)
        for name in sorted(self.known.by_name, key=lambda n: (short(self.known.by_name[n]).lower(), n)):
            found[self.known.by_name[name].group].append(self.known.by_name[name])
        return dict(sorted(found.items()))

    def place(self, api: Api) -> str:
        """The page of an API below reference/: that of its namespace, or a part of it; without an example always the
        namespace's own, which lists all its names."""
        return place(api) if api.name in self.entries else slug(api.group)

    def address(self, name: str) -> str:
        """The address of an API's entry below the site's root."""
        return f"reference/{self.place(self.known.by_name[name])}/#{name}"


def build(tree: Tree) -> Index:
    """The index of the records as they are now."""
    pages = sorted({page for language in LANGUAGES for page in tree.pages(language)})
    examples = [example for page in pages for example in read_page(tree, page)]
    known = apis.load() if examples else Apis("none", {})
    problems = []
    for example in examples:
        for name in example.apis:
            if name not in known.canonical:
                where = f'{tree.relative(tree.record(example.page))}: block "{example.block}"'
                guess = nearest(name, known.by_name)
                problems.append(
                    f"{where} names {name}, which is not in book/names/apis.json{guess}: run {mend(example.page)}"
                )
    return Index(known, tuple(examples), tuple(problems))


def score(api: Api, example: Example, rarity: Mapping[str, float], first_on_page: bool) -> float:
    """How much a block is about an API: named for it, under a heading that names it, with little else in it."""
    last = api.name.rpartition(".")[2]
    place = example.places.get("en") or next(iter(example.places.values()))
    words, wanted = _words(example.block), _words(last)
    points = 4.0 if words == wanted else 2 + 2 * len(wanted) / len(words) if wanted and wanted <= words else 0.0
    rivals = [(len(w), rarity[n]) for n in example.apis if n in rarity and (w := _words(n.rpartition(".")[2])) <= words]
    if any(rival > (len(wanted), rarity[api.name]) for rival in rivals):
        points = 0.0  # zero_grad is named for Optimizer.zero_grad, grad_returns for autograd.grad; not for Tensor.grad
    if re.search(rf"(?<!\w){re.escape(last.strip('_').lower())}(?!\w)", place.heading.lower()):
        points += 2.5 if last in place.heading.split() else 2
    known = [rarity[n] for n in example.apis if n in rarity]
    points += 3 * rarity[api.name] / (sum(known) or 1)
    spots = example.spots.get(api.name)
    if spots:
        code = example.code.rstrip()
        points += 1.5 + spots[-1] / len(code) + (0.5 if "\n" not in code[spots[-1] :] else 0)
    points += max(0.0, 1 - example.code.count("\n") / 20) + (0.5 if first_on_page else 0)
    if example.error:
        points -= 5
    if example.block.startswith("solution"):
        points -= 1.5
    return points


@lru_cache(maxsize=1 << 14)
def _words(name: str) -> frozenset[str]:
    """``DataLoader`` -> data, loader; ``save_for_backward`` -> save, for, backward."""
    return frozenset(w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def short(api: Api) -> str:
    """The name without its namespace."""
    return api.name.removeprefix(f"{api.group}.").removeprefix("torch.")


def slug(group: str) -> str:
    """``torch.nn.functional`` -> ``torch-nn-functional``."""
    return group.replace(".", "-").lower()


def place(api: Api) -> str:
    """The page of an API that has an example. It depends on the list of names alone, so that links last."""
    return _places()[api.name]


def in_parts(group: str) -> bool:
    """Whether a namespace is too large for a page."""
    return sum(_letters()[group].values()) > ON_ONE_PAGE


def parts(letters: Mapping[str, int]) -> dict[str, str]:
    """First letter -> the part of a namespace that has it, such as ``a-c``, for the number of names with each letter."""
    runs: list[list[str]] = []
    for letter in sorted(letters):
        if runs and sum(letters[c] for c in runs[-1]) + letters[letter] <= ON_ONE_PAGE:
            runs[-1].append(letter)
        else:
            runs.append([letter])
    return {letter: "-".join(dict.fromkeys([run[0], run[-1]])) for run in runs for letter in run}


def _letter(api: Api) -> str:
    return short(api).lstrip("_")[0].lower()


@lru_cache(maxsize=1)
def _letters() -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for api in apis.load().by_name.values():
        counts[api.group][_letter(api)] += 1
    return counts


@lru_cache(maxsize=1)
def _places() -> dict[str, str]:
    cut = {group: parts(letters) for group, letters in _letters().items() if in_parts(group)}
    return {
        api.name: f"{slug(api.group)}/{cut[api.group][_letter(api)]}" if api.group in cut else slug(api.group)
        for api in apis.load().by_name.values()
    }


# ---- For machines ----------------------------------------------------------------------------------------------------


def api_json(index: Index, language: str) -> str:
    """Every API with an example, with all its examples, best first."""
    rows = {}
    for name, entry in index.entries.items():
        api = entry.api
        rows[name] = {
            "kind": api.kind,
            "namespace": api.group,
            "runs_on": api.where,
            "signature": api.signature,
            "other_spellings": spellings(index, api),
            "official": api.address,
            "entry": index.address(name),
            "examples": [_example_row(e, language) for e in entry.examples],
        }
    made = {"format": FORMAT, "language": language, "torch": index.known.torch, "apis": rows}
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _example_row(example: Example, language: str) -> dict[str, str]:
    place = place_of(example, language)
    return {
        "page": example.page,
        "block": example.block,
        "heading": place.heading,
        "address": f"{_folder(example.page)}#code-{example.block}",
    }


def spellings(index: Index, api: Api) -> list[str]:
    """Aliases of the same object, then the other names of the operation."""
    return [*api.aliases, *(n for n in index.known.families.get(api.family, ()) if n != api.name)]


def place_of(example: Example, language: str) -> Place:
    return example.places.get(language) or next(iter(example.places.values()))


def _folder(page: str) -> str:
    """The address of a page below the site's root."""
    return "" if page == "index" else f"{page.removesuffix('/index')}/"


def line_of(entry: Entry) -> str:
    """The shortest line of the best example that writes the API, without its comment; empty for an operator."""
    code = entry.examples[0].code
    lines = []
    for spot in entry.examples[0].spots.get(entry.api.name, ()):
        line = code[code.rfind("\n", 0, spot) + 1 :].split("\n", 1)[0].strip()
        lines.append(re.sub(r"\s+#\s.*$", "", line) if "'" not in line and '"' not in line else line)
    lines.sort(key=lambda line: (line.startswith(("from ", "import ", "def ", "class ")), len(line)))
    return (lines[0] if len(lines[0]) <= 90 else lines[0][:88] + " …") if lines else ""
