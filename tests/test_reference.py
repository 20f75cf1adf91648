"""book.find.reference and book.site.reference_pages: the index equals the records, the best example comes first, pages and links hold."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rotation
from books import write_small
from site_pages import SitePage, file_of

from book.find import making, reference, store
from book.find.reference import Example, Index, Place, find_spots, imported
from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.names import apis
from book.prove.audit import GENERATED, audit
from book.record import records
from book.site import reference_pages, stage
from book.source import pages


def gaps(index: Index, text: str, language: str) -> list[str]:
    """Where an api.json differs from the records; empty when it is theirs."""
    try:
        have = dict(json.loads(text)["apis"])
    except (ValueError, KeyError, TypeError):
        return ["api.json: not whole: run python -m book stage"]
    want = json.loads(reference.api_json(index, language))["apis"]
    return (
        [
            f"api.json: lacks {name}, which a record names: run python -m book stage"
            for name in want.keys() - have.keys()
        ]
        + [
            f"api.json: has {name}, which no record names: run python -m book stage"
            for name in have.keys() - want.keys()
        ]
        + [
            f"api.json: {name} is not as the records have it: run python -m book stage"
            for name in want.keys() & have.keys()
            if want[name] != have[name]
        ]
    )


HEAVIEST = 60_000  # bytes of a page's HTML, gzipped


def name_apis(tree: Tree, page: str, names: dict[str, list[str]]) -> None:
    """Write into a record which names its blocks use."""
    record = records.read(tree, page)
    cells = tuple(replace(cell, apis=names.get(cell.name, [])) for cell in record.cells)
    records.write(tree, replace(record, cells=cells))


@pytest.fixture
def named(small: Tree) -> Tree:
    """The small book, with what its blocks use."""
    used = {"scale": ["torch.mul", "torch.tensor"], "curve": ["torch.pow"], "wrong_shape": ["torch.add", "torch.ones"]}
    name_apis(small, "part/small", used)
    return small


@pytest.fixture(scope="module")
def real_index() -> Index:
    return reference.build(HERE)


def example(block: str, code: str, names: list[str], heading: str = "", **more: Any) -> Example:
    places = {"en": Place("Page", heading or block, "here", "")}
    return Example(more.pop("page", "part/one"), block, code, more.pop("outputs", []), tuple(names), places, **more)


# ---- Where a block writes an API -------------------------------------------------------------------------------------

SPOTS = [
    ("torch.autograd.grad(y, x)", "torch.autograd.grad", "grad(y"),
    ("F.relu(x)", "torch.nn.functional.relu", "relu"),
    ("y = nn.Linear(2, 1)", "torch.nn.Linear", "Linear"),
    ("DataLoader(data)", "torch.utils.data.DataLoader", "DataLoader"),
    ("x.view(-1)", "torch.Tensor.view", "view"),
    ("(x * 2).sum().backward()", "torch.Tensor.backward", "backward"),
    ("optimizer.zero_grad()", "torch.optim.Optimizer.zero_grad", "zero_grad"),
    ("张量 = 1; x.view(-1)", "torch.Tensor.view", "view"),
    ("@torch.no_grad()\ndef f(x):\n    return x", "torch.no_grad", "no_grad"),
    ("class A(torch.autograd.Function):\n    pass", "torch.autograd.Function", "Function"),
    ("from torch.func import vmap", "torch.func.vmap", "vmap"),
    ("print(x.grad)", "torch.Tensor.grad", "grad"),
]
IMPORTS = {
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "DataLoader": "torch.utils.data.DataLoader",
    "vmap": "torch.func.vmap",
}


@pytest.mark.parametrize(("code", "name", "at"), SPOTS)
def test_spots(code: str, name: str, at: str) -> None:
    assert find_spots(code, [name], IMPORTS) == {name: [code.index(at)]}


def test_spots_are_only_those_that_are_sure() -> None:
    assert find_spots("x @ y", ["torch.matmul"], IMPORTS) == {}
    assert find_spots("x.step()", ["torch.optim.Optimizer.step", "torch.optim.lr_scheduler.LRScheduler.step"], {}) == {}
    assert find_spots("def (", ["torch.matmul"], IMPORTS) == {}
    code = "print(torch.grad)  # not x.grad\nx.grad"
    assert find_spots(code, ["torch.Tensor.grad"], IMPORTS)["torch.Tensor.grad"][-1] == len(code) - 4
    both = find_spots("torch.autograd.grad(y, x); x.grad", ["torch.autograd.grad", "torch.Tensor.grad"], IMPORTS)
    assert both == {"torch.autograd.grad": [15], "torch.Tensor.grad": [29]}


def test_spots_in_an_f_string_are_right_or_absent() -> None:
    code = 'print(f"{w} and {w.grad} {x}")'
    for at in find_spots(code, ["torch.Tensor.grad"], IMPORTS).get("torch.Tensor.grad", []):
        assert code[at:].startswith("grad")


def test_imported() -> None:
    code = "import torch.nn.functional as F\nimport torch.nn\nfrom torch.func import grad as g, vmap\nimport pandas as pd\nfrom . import torch"
    assert imported(code) == {
        "F": "torch.nn.functional",
        "torch": "torch",
        "g": "torch.func.grad",
        "vmap": "torch.func.vmap",
    }
    assert imported("def (") == {}


def test_every_spot_of_the_book_is_the_name(real_index: Index) -> None:
    wrong, seen = [], 0
    for one in real_index.examples:
        for name, spots in one.spots.items():
            last = name.rpartition(".")[2]
            for at in spots:
                word = re.compile(r"\w+").match(one.code, at)
                seen += 1
                if word is None or (word[0] != last and one.imports.get(word[0]) != name):
                    wrong.append(f"{one.name}: {name} at {at}")
    assert wrong == []
    assert seen > 100


# ---- Blocks and their places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_are_those_of_the_page(language: str) -> None:
    for name in HERE.pages(language):
        page = pages.load(HERE, name, language)
        places = reference.read_places(HERE, name, language)
        assert list(places) == [block.name for block in page.blocks], page.path
        for block in page.blocks:
            above = [h for h in page.headings if h.line < block.line]
            place = places[block.name]
            assert place.title == page.meta.get("title", name)
            assert place.alt == block.attributes.get("alt", "")
            if above:
                assert (place.heading, place.anchor) == (reference.plain(above[-1].title), above[-1].id or "")


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("`no_grad` and *others*", "no_grad and others"),
        ("A [link](a.md#b) here", "A link here"),
        (r"Cost \$5 \_x\_", "Cost $5 _x_"),
    ],
)
def test_plain(markdown: str, words: str) -> None:
    assert reference.plain(markdown) == words


# ---- Best first ------------------------------------------------------------------------------------------------------


def best(name: str, *examples: Example) -> str:
    return Index(apis.load(), examples).entries[name].examples[0].block


def test_the_block_that_is_named_for_it_comes_first() -> None:
    one = example("train", "y.backward()\nprint(1)", ["torch.Tensor.backward", "torch.tensor"])
    two = example("backward_scalar", "y.backward()\nprint(1)", ["torch.Tensor.backward", "torch.tensor"])
    assert best("torch.Tensor.backward", one, two) == "backward_scalar"


def test_the_block_under_its_heading_comes_first() -> None:
    one = example("a", "torch.where(x)", ["torch.where"], imports={"torch": "torch"})
    two = example(
        "b", "torch.where(x)", ["torch.where"], "Choosing with where", imports={"torch": "torch"}, page="p/two"
    )
    assert best("torch.where", one, two) == "b"


def test_the_block_with_little_else_comes_first() -> None:
    one = example("a", "x.view(1)\nx.t()\nx.sum()", ["torch.Tensor.view", "torch.Tensor.t", "torch.Tensor.sum"])
    two = example("b", "x.view(1)\nx.t()\nx.sum()", ["torch.Tensor.view"], page="part/two")
    assert best("torch.Tensor.view", one, two) == "b"


def test_the_block_that_ends_in_it_comes_first() -> None:
    code = "{}\n" + "print(1)\n" * 5 + "{}"
    one = example("a", code.format("x.view(1)", "0"), ["torch.Tensor.view"])
    two = example("b", code.format("0", "x.view(1)"), ["torch.Tensor.view"], page="part/two")
    assert best("torch.Tensor.view", one, two) == "b"


def test_errors_solutions_and_namesakes_come_later() -> None:
    failed = [{"output_type": "error", "ename": "RuntimeError", "evalue": "no", "traceback": []}]
    one = example("view_refused", "x.view(1)", ["torch.Tensor.view"], outputs=failed)
    two = example("shapes", "x.view(1)", ["torch.Tensor.view"], page="part/two")
    assert best("torch.Tensor.view", one, two) == "shapes"
    one = example("solution_shapes", "x.view(1)", ["torch.Tensor.view"])
    assert best("torch.Tensor.view", one, two) == "shapes"
    one = example("zero_grad", "x.grad\no.zero_grad()", ["torch.Tensor.grad", "torch.optim.Optimizer.zero_grad"])
    two = example("look", "x.grad\nx.sum()", ["torch.Tensor.grad", "torch.Tensor.sum"], page="part/two")
    assert best("torch.Tensor.grad", one, two) == "look"


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("torch.autograd.grad", "grad_returns"),
        ("torch.Tensor.backward", "backward_scalar"),
        ("torch.no_grad", "no_grad"),
        ("torch.autograd.functional.hessian", "hessian"),
        ("torch.Tensor.detach", "detach"),
    ],
)
def test_best_example_in_the_book(real_index: Index, name: str, block: str) -> None:
    if name not in real_index.entries:
        pytest.skip(f"no record names {name} yet")
    assert real_index.entries[name].examples[0].block == block


# ---- The index equals the records ------------------------------------------------------------------------------------


def recorded(tree: Tree) -> dict[str, set[tuple[str, str]]]:
    """Name -> blocks, straight from the notebooks."""
    found: dict[str, set[tuple[str, str]]] = {}
    for page in tree.pages():
        if not tree.record(page).is_file():
            continue
        for cell in records.read(tree, page).cells:
            for name in cell.apis:
                found.setdefault(apis.load().by_name[apis.load().canonical[name]].name, set()).add((page, cell.name))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_api_json_is_what_the_records_say(real_index: Index, language: str) -> None:
    want = recorded(HERE)
    rows = json.loads(reference.api_json(real_index, language))["apis"]
    have = {name: {(e["page"], e["block"]) for e in row["examples"]} for name, row in rows.items()}
    assert have == want
    assert len(want) > 50
    assert all(len(row["examples"]) == len(want[name]) for name, row in rows.items()), "an example is listed twice"
    assert gaps(real_index, reference.api_json(real_index, language), language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recorded_name_is_found(real_index: Index, language: str) -> None:
    """Each name first, by itself; one in eight each week, all of them in eight weeks."""
    searcher = store.searcher(HERE, language, whole=True)
    names = sorted(recorded(HERE))
    wrong = {}
    for name in names[rotation.week() % 8 :: 8]:
        first = searcher.find(name)["answers"][0]
        if first.get("name") != name or first["address"] != real_index.address(name):
            wrong[name] = first["address"]
    assert wrong == {}


def test_a_wrong_name_in_a_record_stops_staging(named: Tree) -> None:
    name_apis(named, "part/small", {"scale": ["torch.tensr"]})
    with pytest.raises(BookError) as error:
        stage.stage(named)
    says = 'docs/records/part/small.ipynb: block "scale" names torch.tensr, which is not in book/names/apis.json'
    assert f'{says} (did you mean "torch.tensor"?): run make record PAGE=part/small' in str(error.value)


FAULTS = {
    "a name more": (lambda rows: rows.update({"torch.nothing": {}}), "has torch.nothing, which no record names"),
    "a name less": (lambda rows: rows.pop("torch.mul"), "lacks torch.mul, which a record names"),
    "an example less": (lambda rows: rows["torch.mul"]["examples"].clear(), "torch.mul is not as the records have it"),
    "another kind": (lambda rows: rows["torch.mul"].update(kind="class"), "torch.mul is not as the records have it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stale_api_json_is_noticed(named: Tree, fault: str) -> None:
    stage.stage(named)
    index = reference.build(named)
    path = named.build / "en" / "api.json"
    text = path.read_text(encoding="utf-8")
    assert gaps(index, text, "en") == []
    data = json.loads(text)
    breaks, says = FAULTS[fault]
    breaks(data["apis"])
    found = gaps(index, json.dumps(data), "en")
    assert len(found) == 1 and says in found[0] and "run python -m book stage" in found[0]
    assert gaps(index, text[:500], "en") == ["api.json: not whole: run python -m book stage"]


def test_api_json_follows_the_records(named: Tree) -> None:
    stage.stage(named)
    old = (named.build / "en" / "api.json").read_text(encoding="utf-8")
    name_apis(named, "part/small", {"scale": ["torch.tensor"]})
    assert "api.json: has torch.mul" in "\n".join(gaps(reference.build(named), old, "en"))
    changed = {path.name for path in stage.stage(named)}
    assert {"api.json", "index.json"} <= changed
    new = (named.build / "en" / "api.json").read_text(encoding="utf-8")
    assert gaps(reference.build(named), new, "en") == []


def test_staging_again_writes_nothing(named: Tree) -> None:
    assert stage.stage(named)
    assert stage.stage(named) == []


# ---- Pages -----------------------------------------------------------------------------------------------------------


def test_staged_pages(named: Tree) -> None:
    stage.stage(named)
    for language, words in (("en", "APIs in this block: "), ("zh", "此代码块用到的 API：")):
        folder = named.build / language
        chapter = (folder / "part" / "small.md").read_text(encoding="utf-8")
        assert f"{words}[`torch.tensor`](../reference/torch/" in chapter
        assert '#torch.tensor){ data-at="' in chapter
        assert "[`torch.mul`](" not in chapter  # an operator: its name is not written there
        hub = (folder / "reference" / "torch.md").read_text(encoding="utf-8")
        assert '<a id="torch.mul"></a>[`mul`](torch/' in hub
        assert '<li><a id="torch.gather" href="https://docs.pytorch.org/' in hub
        place = reference.place(apis.load().by_name["torch.pow"])
        part = (folder / "reference" / f"{place}.md").read_text(encoding="utf-8")
        assert '<h3 id="torch.pow" class="rp-api" markdown="span">`torch.pow`</h3>' in part
        assert "../../part/small.md#code-curve" in part
        assert ".rp-shown" in part and "#code-curve }" not in part and ".rp-code" not in part
        assert "../../part/small/curve-1.svg#only-light" in part


def test_an_error_stays_an_error_on_the_reference_page(named: Tree) -> None:
    stage.stage(named)
    place = reference.place(apis.load().by_name["torch.ones"])
    part = (named.build / "en" / "reference" / f"{place}.md").read_text(encoding="utf-8")
    assert ".rp-error" in part and "RuntimeError: The size of tensor a" in part


def test_both_languages_have_the_same_files(real_index: Index) -> None:
    english, chinese = (reference_pages.generate(HERE, language, real_index) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for file, text in english.items():
        ids = [re.findall(r'(?:id="|\{#)([^"}]+)', files) for files in (text, chinese[file])]
        assert ids[0] == ids[1], file


def test_every_name_has_one_place(real_index: Index) -> None:
    files = reference_pages.generate(HERE, "en", real_index)
    for name in real_index.known.by_name:
        path, _, anchor = real_index.address(name).partition("#")
        text = files[f"{path.removesuffix('/')}.md"]
        assert anchor == name
        assert text.count(f'id="{name}"') == 1, name


def test_large_namespaces_are_cut_by_letters() -> None:
    assert reference.parts({"a": 40, "b": 20, "c": 10, "s": 90, "t": 1}) == {
        "a": "a-b",
        "b": "a-b",
        "c": "c",
        "s": "s",
        "t": "t",
    }


def test_the_audit_knows_the_generated_pages(named: Tree) -> None:
    assert {"finder", "reference/index"} <= GENERATED
    for language in LANGUAGES:
        page = named.page(language, "part/small")
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("(#table)", "(../reference/torch.md#torch.mul)", 1), encoding="utf-8")
    assert audit(named) == []


def test_a_book_without_a_recorded_name_still_stages(tmp_path: Path) -> None:
    tree = write_small(tmp_path)
    shutil.rmtree(tree.snippets)
    for language in LANGUAGES:
        tree.page(language, "part/small").write_text("# Small {#small}\n", encoding="utf-8")
    tree.ledger.write_text("", encoding="utf-8")
    stage.stage(tree)
    assert json.loads((tree.build / "en" / "api.json").read_text(encoding="utf-8"))["apis"] == {}


# ---- The built site --------------------------------------------------------------------------------------------------


def test_pages_are_light(built_site: Path, site_pages: dict[str, SitePage], capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {
        path.removesuffix("/index.html"): page.gzipped
        for path, page in site_pages.items()
        if path.removeprefix("zh/").startswith("reference/")
    }
    assert len(sizes) > 80
    heavy = sorted(sizes, key=lambda name: -sizes[name])
    with capsys.disabled():
        files = (
            "search/index.json",
            "zh/search/index.json",
            "api.json",
            "javascripts/finder.js",
            "javascripts/search.js",
        )
        told = [f"{name} {len(gzip.compress((built_site / name).read_bytes())) / 1000:.1f} kB" for name in files]
        told += [f"{name} {sizes[name] / 1000:.1f} kB" for name in heavy[:3]]
        print("\n  gzipped: " + " · ".join(told))
    assert sizes[heavy[0]] <= HEAVIEST, heavy[0]


@pytest.fixture(scope="module")
def built_index(built_site: Path) -> Index:
    """The index of the records that the site was built from."""
    return reference.build(Tree(built_site.parent))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_site_carries_the_records_index(built_site: Path, built_index: Index, language: str) -> None:
    folder = built_site if language == "en" else built_site / language
    assert gaps(built_index, (folder / "api.json").read_text(encoding="utf-8"), language) == []
    staged = making.made(Tree(built_site.parent), built_index, language)
    assert {name: (folder / "search" / name).read_text(encoding="utf-8") for name in staged} == staged


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_address_leads_to_its_entry(site_pages: dict[str, SitePage], built_index: Index, language: str) -> None:
    led_to = {}
    for name in built_index.known.by_name:
        path, _, anchor = built_index.address(name).partition("#")
        led_to[path] = site_pages[file_of(path, language)]
        assert anchor in led_to[path].ids, name
    for path, page in led_to.items():
        assert not page.groups and "rp-code" not in page.classes, f"{path}: a copy counts as a block"
        assert not [one for one in page.ids if one.startswith("code-")], path
