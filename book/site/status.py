"""The generated status page: every page and block, whether it passed, how long it took, on what, and the ledger."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from book.ground.tree import Tree
from book.names import apis, leftout
from book.names.coverage import Coverage, coverage
from book.names.leftout import LIMITS, Operation
from book.record import machines, noticed, records
from book.record.gpu import MOVED, NONE, VERSIONS, YES, GpuBlock, GpuRecord
from book.record.machines import Proof
from book.record.records import Record
from book.site import matrix
from book.source import pages
from book.source.ledger import Entry, Ledger
from book.source.markdown import FILTER, folded, front_matter
from book.source.words import words as words_of


def page(tree: Tree, language: str, ledger: Ledger, gpu: GpuRecord) -> str:
    """The status page as Markdown. Every block that ran passed, or ``record`` would not have written it."""
    words = words_of("status", language)
    rows, details, exceptions = [], [], []
    blocks = seconds = 0.0
    moved: list[GpuBlock | None] = []
    shown: list[GpuBlock | None] = []
    versions: set[str] = set()
    names = 0
    programs: list[dict[str, Any]] = []
    known: list[Record] = []
    for name in tree.pages(language):
        source = pages.load(tree, name, language)
        if not source.blocks:
            continue
        record = records.read(tree, name)
        known.append(record)
        names += 1
        version = record.machine.torch.partition("+")[0]
        versions.add(version)
        programs += [c.program for c in record.cells if c.program]
        passes = [gpu.find(name, c.name, c.hashes.code) for c in record.cells]
        good = sum(p is not None and p.passed for p in passes)
        ran = sum(not c.needs or (p is not None and p.passed) for c, p in zip(record.cells, passes, strict=True))
        spent = sum(c.seconds for c in record.cells)
        blocks, seconds = blocks + ran, seconds + spent
        shown += passes
        moved += [gpu.find(name, c.name, c.hashes.code, MOVED) for c in record.cells]
        title = source.meta.get("title", name)
        entries = ledger.of_page(name)
        rows.append(
            f"| [{title}]({name}.md) | {len(record.cells)} | {ran} | {spent:.2f} | {version} "
            f"| {record.machine.cpu} | {good} | {len(entries)} |"
        )
        slug = name.replace("/", "-")
        if entries:
            listed = [
                f"| [`{e.section}`]({name}.md#code-{e.section}) | {_kind(language, e)} | {e.told(language)} |"
                for e in entries
            ]
            head = [words["ledger_head"], "| --- | --- | --- |"]
            exceptions += folded(f"### {title} {{#ledger-{slug}}}", [*head, *listed])
        table = [words["blocks"], "| --- | --- | ---: | --- | --- |"]
        for cell, on in zip(record.cells, passes, strict=True):
            told = _on_gpu(words, on)
            passed = told if cell.needs else words["yes"]
            kinds = "; ".join(_kind(language, e) for e in entries if e.section == cell.name)
            link = f"[`{cell.name}`]({name}.md#code-{cell.name})"
            table.append(f"| {link} | {passed} | {cell.seconds:.3f} | {told} | {kinds} |")
        details += folded(f"### {title} {{#status-{slug}}}", table)
    raises = sum(e.kind == "raises" for e in ledger.entries)
    total = words["total"].format(
        blocks=int(blocks),
        pages=names,
        torch=", ".join(sorted(versions)) or "-",
        seconds=seconds,
        raises=raises,
        loose=len(ledger.entries) - raises,
    )
    proofs, digest = machines.read(tree), machines.digest(known)
    simulated = next((proof for proof in proofs if proof.world == machines.SIMULATED), None)
    asked = _moves(words["moves"], [cell.moves for record in known for cell in record.cells if not cell.needs])
    return "\n".join(
        [
            *front_matter(words["title"], words["description"]),
            "",
            f"# {words['title']} {{#status}}",
            "",
            words["intro"],
            "",
            total,
            "",
            words["gpu_intro"],
            "",
            f"- {words['gpu_shown'].format(told=_counted(words, gpu, shown))}",
            f"- {words['gpu_moved'].format(told=_counted(words, gpu, moved))} {asked}".rstrip(),
            f"- {words['gpu_sim'].format(told=_simulated(words, simulated, digest))}",
            "",
            _programs(words["programs"], programs),
            "",
            words["summary"],
            "| --- | ---: | ---: | ---: | --- | --- | ---: | ---: |",
            *rows,
            "",
            *matrix.section(tree, language, known),
            *_names(words, tree, known),
            *_reach(words, language, known),
            *_search(words, tree),
            f"## {words['machines']} {{#machines}}",
            "",
            words["machines_intro"],
            "",
            *_machines(words, [p for p in proofs if p is not simulated], digest),
            "",
            f"## {words['ledger']} {{#ledger}}",
            "",
            words["ledger_intro"],
            "",
            FILTER,
            *exceptions,
            "",
            f"## {words['pages']} {{#pages}}",
            *details,
            "",
        ]
    )


def _names(words: dict[str, Any], tree: Tree, known: Sequence[Record]) -> list[str]:
    """How many operations of each group some block shows, and how many a block would miss (``python -m book notice``)."""
    tried = noticed.read(tree)
    if not tried:
        return []
    listed = apis.load()
    keys = {(r.page, cell.name): noticed.key([cell]) for r in known for cell in r.cells if cell.program}
    used = [name for record in known for cell in record.cells for name in cell.apis]
    missed = [name for name, row in tried.items() if row.page and keys.get((row.page, row.block)) == row.key]
    on_cpu = replace(listed, by_name={name: api for name, api in listed.by_name.items() if api.where == "cpu"})
    shown, noted = (coverage(on_cpu, names) for names in (used, missed))
    head = [words["names_head"], "| --- | ---: | ---: | ---: |"]
    total = _share(f"**{words['all_names']}**", shown["cpu"], noted["cpu"])
    shown, noted = (coverage(on_cpu, names, "group") for names in (used, missed))
    rows = [_share(f"`{group}`", shown[group], noted[group]) for group in sorted(shown)]
    groups = folded(f"### {words['groups']} {{#names-by-group}}", [*head, *rows])
    intro = words["names_intro"].format(torch=listed.torch)
    return [f"## {words['names']} {{#names}}", "", intro, "", *head, total, *groups, ""]


def _share(group: str, *found: Coverage) -> str:
    """A row: how many operations there are, and how many of them each of the coverages has."""
    cells = (f"{one.used_families:,} ({one.used_families / one.families:.0%})" for one in found)
    return f"| {group} | {found[0].families:,} | {' | '.join(cells)} |"


def _reach(words: dict[str, Any], language: str, known: Sequence[Record]) -> list[str]:
    """How far the goals of showing operations are reached, which are left out by reason, and which wait (``leftout``)."""
    listed = apis.load()
    shown = leftout.operations(listed, [name for record in known for cell in record.cells for name in cell.apis])
    full = words["comma"].join(f"`{group}`" for group in sorted(leftout.FULL))
    rows = [
        f"| {words['reach_groups'][one.group].format(full=full)} | {one.operations:,} "
        f"| {one.shown:,} ({one.share:.1%}) | {one.goal:.0%} |"
        for one in shown.reach
    ]
    folds = []
    for reason, some in {**shown.left_out, "left": shown.left}.items():
        if some:
            told = words["reason_head"].format(reason=words["reasons"][reason], count=len(some))
            limit = LIMITS.get(reason)
            told += words["reason_limit"].format(limit=limit) if limit else ""
            folds += folded(f"### {told} {{#shown-{reason}}}", _by_group(words, some, language))
    intro = words["reach_intro"].format(
        left_out=sum(map(len, shown.left_out.values())), all=len(shown.operations), most=shown.most,
        left=len(shown.left), torch=listed.torch,
    )  # fmt: skip
    head = [words["reach_head"], "| --- | ---: | ---: | ---: |"]
    return [f"## {words['reach']} {{#reach}}", "", intro, "", *head, *rows, *folds, ""]


def _by_group(words: dict[str, Any], some: Sequence[Operation], language: str) -> list[str]:
    """A line per group of names, and one for each row of leftout.toml, with its sentence."""

    comma: str = words["comma"]

    def listed(names: Sequence[str]) -> str:
        return comma.join(f"`{name}`" for name in names)

    told = [(f"`{group}`", listed(names)) for group, names in leftout.by_group([o for o in some if not o.row]).items()]
    for row in dict.fromkeys(one.row for one in some if one.row):
        names = [one.api.name for one in some if one.row == row]
        told.append((listed(names), row.why_zh if language == "zh" else row.why))
    return [words["reason_row"].format(names=names, said=said) for names, said in told]


def _search(words: dict[str, Any], tree: Tree) -> list[str]:
    """How well our own questions are answered, as ``python -m bench.search --write`` measured it."""
    path = tree.records / "search.json"
    if not path.is_file():
        return []
    data = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        f"| {words['search_languages'][row['language']]} | {words['search_half'][str(row['held']).lower()]} | {row['questions']} | "
        + " | ".join(f"{part:.1%}".replace("%", "\N{NO-BREAK SPACE}%") for part in row["recall"])
        + " |"
        for row in data["rows"]
    ]
    head = [words["search_head"], "| --- | --- | ---: | ---: | ---: | ---: |"]
    intro = words["search_intro"].format(date=data["date"])
    return [f"## {words['search']} {{#search}}", "", intro, "", *head, *rows, ""]


def _counted(words: dict[str, str], gpu: GpuRecord, blocks: Sequence[GpuBlock | None]) -> str:
    """How many of the blocks that ran on the GPU in one way printed their record."""
    ran = [block for block in blocks if block is not None and block.how != NONE]
    if not ran:
        return words["gpu_none"]
    passed, alike = sum(block.passed for block in ran), sum(block.how == VERSIONS for block in ran)
    told = words["gpu_passed"].format(passed=passed, all=len(ran), gpu=gpu.gpu, torch=gpu.torch, date=gpu.date)
    return told + (words["gpu_alike"].format(alike=alike, torch=gpu.torch.partition("+")[0]) if alike else "")


def _on_gpu(words: dict[str, str], block: GpuBlock | None) -> str:
    """What became of a block as shown on the GPU's machine, in a word."""
    if block is None:
        return words["not_yet"]
    return words["yes" if block.passed else "versions" if block.how == VERSIONS else "differs"]


def _moves(sentence: str, found: Sequence[str]) -> str:
    """What became of the blocks that were moved to the simulated accelerator, by the words in their records."""
    yes, none, unknown = (found.count(word) for word in (YES, NONE, ""))
    if unknown == len(found):
        return ""
    return sentence.format(yes=yes, none=none, unknown=unknown, stay=len(found) - yes - none - unknown)


def _simulated(words: dict[str, str], proof: Proof | None, digest: str) -> str:
    if proof is None:
        return words["gpu_none"]
    return words["sim_passed"].format(**vars(proof), older="" if proof.records == digest else words["sim_older"])


def _machines(words: dict[str, str], proofs: Sequence[Proof], digest: str) -> list[str]:
    """A row per kind of machine: proven with the records as they are, or else when, and what differed."""
    if not proofs:
        return [words["machines_none"]]
    rows = [words["machines_head"], "| --- | --- | --- | --- | --- | --- | ---: | ---: | ---: | --- |"]
    for one in proofs:
        state = "older" if one.records != digest else "failing" if one.failed else "proven"
        cells = (
            f"{one.vendor} {one.model}".strip() or "-", one.cpu, one.system, one.python, one.torch, one.world or "-",
            one.pages, one.passed + one.failed + one.skipped, one.passed, words[state].format(**vars(one)),
        )  # fmt: skip
        rows.append(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |")
    return rows


def _programs(sentence: str, programs: list[dict[str, Any]]) -> str:
    """How small the standalone programs are."""
    if not programs:
        return ""
    return sentence.format(
        median=int(statistics.median(p["lines"] for p in programs)),
        worst=max(p["lines"] for p in programs),
        full=int(statistics.median(p["full"] for p in programs)),
        fallback=sum(p["guess"] == "all" for p in programs),
    )


def _kind(language: str, entry: Entry) -> str:
    words = words_of("status", language)
    return str(words["needs"].get(entry.what) or words["kinds"][entry.kind].format(**vars(entry)))
