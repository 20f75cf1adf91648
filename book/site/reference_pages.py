"""The pages of the reference and the search: the search's own, an index of namespaces, one for each namespace, and the line under each block.

Generated Markdown, in both languages, from the index that ``book.find.reference`` makes of the records.
"""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from book.find import making, reference
from book.find.reference import (
    ON_ONE_PAGE,
    SHOWN,
    WHERES,
    Entry,
    Example,
    Index,
    find_spots,
    place,
    place_of,
    short,
    slug,
    spellings,
)
from book.ground.errors import BookError
from book.ground.tree import Tree
from book.names import apis
from book.names.apis import Api
from book.site import outputs
from book.site.notebooks import program_name
from book.source.links import relative
from book.source.markdown import fence, front_matter, literal
from book.source.words import words as words_of

LINKED = 6  # further examples, as links


# ---- Links under a block of a chapter --------------------------------------------------------------------------------


def api_links(page: str, language: str, code: str, names: Collection[str], imports: Mapping[str, str]) -> list[str]:
    """The line under a block that names the APIs written in it, each with a link to its entry, in the order of the code.
    Operators (``x @ y``) have no name there; the index knows them.

    ``data-at`` says where: finder.js makes links of these words in the code, and hides the line.
    """
    known = apis.load()
    spots = find_spots(code, names, imports)
    listed = [known.by_name[known.canonical[n]] for n in names if n in known.canonical and n in spots]
    listed.sort(key=lambda api: (spots[api.name][0], api.name))
    links = []
    for api in listed:
        target = relative(f"reference/{place(api)}.md", page)
        where = " ".join(str(spot) for spot in spots[api.name])
        links.append(f'[`{api.name}`]({target}#{api.name}){{ data-at="{where}" }}')
    if not links:
        return []
    words = words_of("reference", language)
    return ["", words["line"] + words["colon"] + " · ".join(links), "{ .rp-apis }"]


# ---- Pages -----------------------------------------------------------------------------------------------------------


def generate(tree: Tree, language: str, index: Index | None = None) -> dict[str, str]:
    """Staged files relative to build/<language>.

    Raises:
        BookError: a record names what is not in the list of names.
    """
    index = index or reference.build(tree)
    if index.problems:
        raise BookError("\n".join(index.problems))
    files = {
        "api.json": reference.api_json(index, language),
        "finder.md": _finder_page(language),
        "reference/index.md": _index_page(index, language),
    }
    files |= {f"search/{name}": text for name, text in making.made(tree, index, language).items()}
    for group, listed in index.groups.items():
        files |= _namespace(index, group, listed, language)
    return files


def _namespace(index: Index, group: str, listed: list[Api], language: str) -> dict[str, str]:
    """The page of a namespace; of a large one also its parts, and then it only lists what they hold."""
    words = words_of("reference", language)
    entries = [index.entries[api.name] for api in listed if api.name in index.entries]
    missing = [api for api in listed if api.name not in index.entries]
    own = f"reference/{slug(group)}"
    counts = {"shown": len(entries), "count": len(listed)}
    lines = front_matter(words["title"].format(name=group), words["description"].format(name=group, **counts))
    lines += ["", f"# {group} {{#{slug(group)}}}", ""]
    lines += [words["entries_intro" if entries else "no_entries"].format(**counts), ""]
    files = {}
    if not reference.in_parts(group):
        for entry in entries:
            lines += _entry(index, entry, own, language)
    else:
        by_part: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_part[place(entry.api)].append(entry)
        for name, some in by_part.items():
            files[f"reference/{name}.md"] = _part(index, group, name, some, language)
        if entries:
            lines += [f"## {words['entries']} {{#with-example}}", ""]
            links = [
                f'<a id="{e.api.name}"></a>[`{short(e.api)}`]({_relative(index, e.api.name, own)})' for e in entries
            ]
            lines += [" · ".join(links), "{ .rp-names }", ""]
    if missing:
        lines += _missing(missing, language)
    files[f"{own}.md"] = "\n".join(lines) + "\n"
    return files


def _part(index: Index, group: str, name: str, entries: list[Entry], language: str) -> str:
    words = words_of("reference", language)
    letters = name.rpartition("/")[2].upper().replace("-", "–")
    title = words["part"].format(group=group, letters=letters)
    counts = {"shown": len(entries), "count": sum(place(api) == name for api in index.groups[group])}
    lines = front_matter(words["title"].format(name=title), words["description"].format(name=title, **counts))
    lines += ["", f"# {title} {{#{name.replace('/', '-')}}}", ""]
    lines += [words["namespace"].format(group=group, link=f"../{slug(group)}.md"), ""]
    for entry in entries:
        most = SHOWN if len(entries) <= ON_ONE_PAGE else 1  # a letter with many names is not cut further
        lines += _entry(index, entry, f"reference/{name}", language, most)
    return "\n".join(lines) + "\n"


def _relative(index: Index, name: str, own: str) -> str:
    """A link from the page ``own`` to an API's entry."""
    target = f"reference/{index.place(index.known.by_name[name])}"
    return ("" if target == own else relative(f"{target}.md", own)) + f"#{name}"


def _entry(index: Index, entry: Entry, own: str, language: str, most: int = SHOWN) -> list[str]:
    words = words_of("reference", language)
    shown = entry.best(most)
    api = entry.api
    # HTML, because the id of a method such as __getitem__ would be read as emphasis.
    lines = [f'<h3 id="{api.name}" class="rp-api" markdown="span">`{api.name}`</h3>', ""]
    if api.signature:
        lines += [f"`{api.signature}`", "{ .rp-signature }", ""]
    facts = [words["kinds"][api.kind], *filter(None, [words["where"][api.where]])]
    if api.address:
        facts.append(f"[{words['official']}]({api.address})")
    others = spellings(index, api)
    if others:
        told = ", ".join(
            f"[`{n}`]({_relative(index, n, own)})" if n in index.known.by_name else f"`{n}`" for n in others
        )
        facts.append(words["spellings"] + words["colon"] + told)
    lines += [" · ".join(facts), "{ .rp-about }", ""]
    for example in shown:
        lines += _shown(example, own, language)
    rest = entry.examples[len(shown) :]
    if rest:
        seen = {(e.page, place_of(e, language).heading) for e in shown}
        more: list[str] = []
        for example in rest:
            heading = (example.page, place_of(example, language).heading)
            if heading not in seen and len(more) < LINKED:
                seen.add(heading)
                more.append(_link(example, own, language))
        chapters = Counter(e.page for e in entry.examples)
        sentences = []
        if more:
            sentences.append(words["more"] + words["colon"] + " · ".join(more))
        titles = {e.page: e for e in reversed(entry.examples)}
        named = (
            words["count"].format(title=_link(titles[page], own, language, whole_page=True), count=count)
            for page, count in chapters.items()
        )
        sentences.append(words["chapters"] + words["colon"] + " · ".join(named))
        for sentence in sentences:
            lines += [sentence, "{ .rp-more }", ""]
    return lines


def _link(example: Example, own: str, language: str, *, whole_page: bool = False) -> str:
    here = place_of(example, language)
    target = relative(f"{example.page}.md", own)
    text = literal(here.title if whole_page else here.heading)
    return f"[{text}]({target})" if whole_page else f"[{text}]({target}#code-{example.block})"


def _shown(example: Example, own: str, language: str) -> list[str]:
    """A copy of a block and its outputs, under a link to its place. Not a block that runs here: no id, another class."""
    here = place_of(example, language)
    lines = [" · ".join(example_links(example, own, language)), "{ .rp-from }", ""]
    lines += fence(example.code, "{ .python .rp-shown }")
    folder = relative(example.page, own)
    for number, output in enumerate(example.outputs, start=1):
        lines += ["", *outputs.shown(output, f"{folder}/{example.block}-{number}", here.alt)]
    return [*lines, ""]


def example_links(example: Example, own: str, language: str) -> list[str]:
    """What stands above a shown copy: its place in the book. Links to what can be done with it come behind."""
    links = [_link(example, own, language), _link(example, own, language, whole_page=True)]
    if example.has_program:
        target = relative(f"{example.page}/{program_name(example.page, example.block)}", own)
        links.append(f"[{words_of('chapter', language)['copy']}]({target}){{ .rp-program }}")
    return links


def _missing(missing: list[Api], language: str) -> list[str]:
    """The folded list of names without an example. Plain HTML: Markdown would take seconds for thousands of links."""
    words = words_of("reference", language)
    items = []
    for api in missing:
        name, text = html.escape(api.name), html.escape(short(api))
        address = f' href="{html.escape(api.address)}"' if api.address else ""
        items.append(f'<li><a id="{name}"{address}>{text}</a></li>')
    return [
        f'<details class="rp-missing" id="without-example"><summary>{words["none"].format(count=len(missing))}</summary>',
        f"<p>{words['none_intro']}</p><ul>{''.join(items)}</ul></details>",
        "",
    ]


def _index_page(index: Index, language: str) -> str:
    words = words_of("reference", language)
    shown, count = len(index.entries), len(index.known.by_name)
    lines = front_matter(words["index_title"], words["index_description"])
    lines += [
        "",
        f"# {words['index_title']} {{#api-index}}",
        "",
        words["index_intro"].format(finder="../finder.md"),
        "",
    ]
    torch = index.known.torch.partition("+")[0]
    lines += [words["index_total"].format(shown=shown, count=count, share=_share(shown, count), torch=torch), ""]
    for where in WHERES:
        rows = []
        sums = [0, 0]
        for group, listed in index.groups.items():
            here = [api for api in listed if api.where == where]
            used = sum(api.name in index.entries for api in here)
            if here:
                rows.append(f"| [{group}]({slug(group)}.md) | {len(here):,} | {used:,} | {_share(used, len(here))} |")
                sums = [sums[0] + len(here), sums[1] + used]
        lines += [f"## {words['groups'][where]} {{#{where}}}", "", words["groups_intro"][where], ""]
        lines += [words["table"], "| --- | ---: | ---: | ---: |", *rows]
        lines += [f"| | **{sums[0]:,}** | **{sums[1]:,}** | **{_share(sums[1], sums[0])}** |", ""]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", "\N{NO-BREAK SPACE}%") if whole else "–"


def _finder_page(language: str) -> str:
    words = words_of("reference", language)
    tries = " ".join(f'<a href="?q={html.escape(q.replace(" ", "+"))}">{html.escape(q)}</a>' for q in words["try"])
    return "\n".join(
        [
            *front_matter(words["finder_title"], words["finder_description"]),
            "",
            f"# {words['finder_title']} {{#finder}}",
            "",
            words["finder_intro"],
            "",
            f'<div class="rp-finder" data-finder><p class="rp-finder__try">{words["finder_try"]}{words["colon"]}{tries}</p></div>',
            "",
            '<noscript markdown="1">',
            "",
            words["finder_noscript"].format(index="reference/index.md"),
            "",
            "</noscript>",
            "",
            words["finder_machine"].format(api="api.json"),
            "{ .rp-about }",
            "",
        ]
    )
