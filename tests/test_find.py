"""book.find: what is searched, what the search makes of a query, and what the terminal says."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rotation
from books import write_small

from bench import search as bench
from book import cli
from book.find import aliases, documents, engine, making, reference, store
from book.find.engine import Engine, Searcher
from book.find.reference import Example
from book.ground.errors import BookError
from book.ground.tree import HERE, LANGUAGES, Tree
from book.names import apis, coverage

VENDORED = engine.FILES[0]
SHA256 = "87411011b1d408f3c9838855956cbd98c9031d1e441c3f09f78b05683c4861bf"  # of MiniSearch 7.2.0, minified


@pytest.fixture(scope="module")
def searchers() -> dict[str, Searcher]:
    """The search of both languages, with the whole index in memory."""
    return {language: store.searcher(HERE, language, whole=True) for language in LANGUAGES}


@pytest.fixture(scope="module")
def js() -> Engine:
    return Engine()


def first(searcher: Searcher, query: str, most: int = 1) -> list[str]:
    return [answer["address"] for answer in searcher.find(query)["answers"][:most]]


# ---- Tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "has", "lacks"),
    [
        ("save_for_backward", {"saveforbackward", "save", "backward"}, set()),
        ("DataLoader 的用法", {"dataloader", "data", "load"}, set()),
        ("二阶导数", {"二阶", "阶导", "导数"}, {"二阶导数"}),
        ("學習率", {"学习", "习率", "学习率"}, {"學習"}),
        ("ｔｅｎｓｏｒ", {"tensor"}, set()),
        ("initialising initialization initialise", {"initializ"}, set()),
        ("batches losses classes", {"batch", "loss", "clas"} - {"clas"}, set()),
        ("🙂 !?", set(), {"🙂"}),
    ],
)
def test_tokens(js: Engine, text: str, has: set[str], lacks: set[str]) -> None:
    data = {"traditional": "學学習习", "terms": [["learning rate", "学习率"]]}
    tokens = set(
        js.call(
            "new rpSearch.Tokens(JSON.parse(json_data)).of(JSON.parse(json_text))", data=data, text=json.dumps(text)
        )
    )
    assert has <= tokens and not lacks & tokens, tokens


@pytest.mark.parametrize(
    ("one", "other", "most", "away"),
    [("abc", "abc", 2, 0), ("abc", "acb", 2, 1), ("abc", "ab", 2, 1), ("abc", "xyz", 2, 3), ("a", "abcd", 2, 3)],
)
def test_distance(js: Engine, one: str, other: str, most: int, away: int) -> None:
    assert js.call(f"rpSearch.distance({one!r}, {other!r}, {most})") == away


TRACEBACK = """Traceback (most recent call last):
  File "/home/me/train.py", line 12, in <module>
    loss.backward()
  File "/usr/lib/python3/site-packages/torch/_tensor.py", line 581, in backward
    torch.autograd.backward(
\x1b[31mRuntimeError\x1b[0m: Trying to backward through the graph a second time (or directly access saved tensors
after they have already been freed)."""


def test_a_traceback_is_cut_to_its_message(js: Engine) -> None:
    cut = js.call("rpSearch.thrown(JSON.parse(json_text))", text=json.dumps(TRACEBACK))
    assert cut.startswith("RuntimeError: Trying to backward through the graph a second time")
    assert "site-packages" not in cut and "\x1b" not in cut and cut.endswith("freed).")
    assert js.call("rpSearch.thrown('how to catch an error')") == ""


def test_the_vendored_file_is_what_it_says() -> None:
    text = VENDORED.read_bytes()
    head, _, body = text.partition(b"*/\n")
    assert hashlib.sha256(body).hexdigest() == SHA256
    assert b"MiniSearch 7.2.0" in head and SHA256.encode() in head and b"MIT" in head


# ---- What is searched ------------------------------------------------------------------------------------------------


PAGE = """---
title: Small
description: about scaling
---

# Small {#small}

Opening words.

## A [linked](x.md) `name` {#linked}

!!! warning "Pitfall: shapes that differ"

    Prose in a box with $x$.

```python alt="A blue line"
--8<-- "part/small.py:scale"
```

### Deeper {#deeper}

    ## no heading {#code}
"""


def test_sections(tmp_path: Path) -> None:
    tree = write_small(tmp_path)
    tree.page("en", "part/small").write_text(PAGE, encoding="utf-8")
    small, linked, deeper = documents.read_sections(tree, "part/small", "en")
    assert (small.heading, small.above, "about scaling" in small.prose) == ("Small", [], True)
    assert (linked.heading, linked.blocks, linked.alts) == ("A linked name", ["scale"], ["A blue line"])
    assert linked.told == ["Pitfall: shapes that differ"] and linked.prose == "Prose in a box with x ."
    assert deeper.above == [("small", "Small"), ("linked", "A linked name")]


def block(code: str, *outputs: Mapping[str, Any]) -> Example:
    return Example("part/page", "name", code, list(outputs), (), {})


def test_messages_raised_printed_and_warned() -> None:
    raised = {"output_type": "error", "ename": "ValueError", "evalue": "too\nmany values"}
    said = {"output_type": "stream", "text": "3 rows\nCan't call numpy() on Tensor that requires grad\nok"}
    warned = {"output_type": "stream", "text": ["UserWarning - Detected call of step\n", "done\n"]}
    assert documents.messages_of(block("f()", raised)) == ["ValueError: too many values"]
    assert documents.messages_of(block("try:\n    f()\nexcept TypeError as e:\n    print(e)", said)) == [
        "Can't call numpy() on Tensor that requires grad"
    ]
    assert documents.messages_of(block("print(1)", said)) == []
    assert documents.messages_of(block("print(1)", warned)) == ["UserWarning - Detected call of step"]


def test_methods_have_the_name_that_readers_use() -> None:
    names = {tool.name: tool for tool in documents.tools(HERE)}
    assert names["KerasModel.fit"].page == "toolkit/keras_model" and names["KerasModel.fit"].line
    assert "FocalLoss" in names and "KerasModel._step" not in names


def test_every_answer_has_a_place_on_the_site(searchers: dict[str, Searcher]) -> None:
    """What names, sections and aliases lead to is in the list."""
    for language, searcher in searchers.items():
        known = bench.chains(HERE, language)
        for row in aliases.load(HERE):
            if language == "zh" or row.say.isascii():
                for place in row.to:
                    assert searcher.engine.call(f"search.placeOf({place!r}) ?? ''"), (
                        f"{row.say}: {place} is not in the book"
                    )
        assert all("#" not in page for page in known)


# ---- What is found ---------------------------------------------------------------------------------------------------

NAMES = [
    ("gather", "torch.gather"),
    ("torch.gather", "torch.gather"),
    ("TORCH.GATHER", "torch.gather"),
    ("F.cross_entropy", "torch.nn.functional.cross_entropy"),
    ("nn.CrossEntropyLoss", "torch.nn.CrossEntropyLoss"),
    ("x.view(2, -1)", "torch.Tensor.view"),
    ("y = x.view(2, -1)", "torch.Tensor.view"),
    ("scatter_", "torch.Tensor.scatter_"),
    ("loss.backward()", "torch.Tensor.backward"),
    ("@torch.no_grad()", "torch.no_grad"),
    ("optimizer.zero_grad", "torch.optim.Optimizer.zero_grad"),
    ("save_for_bakward", "torch.autograd.function.FunctionCtx.save_for_backward"),
    ("DataLoader", "torch.utils.data.DataLoader"),
]  # fmt: skip
PLACES = [
    ("second derivative", "concepts/autograd/#second-derivatives"),
    ("how to compute the second derivative", "concepts/autograd/#second-derivatives"),
    ("怎么求二阶导数", "concepts/autograd/#second-derivatives"),
    ("損失函數", "components/losses/#losses"),
    (TRACEBACK, "concepts/autograd/#code-backward_twice"),
    ("KerasModel.fit", "toolkit/keras_model/#KerasModel.fit"),
]


@pytest.mark.parametrize(("query", "name"), NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_names(searchers: dict[str, Searcher], language: str, query: str, name: str) -> None:
    assert first(searchers[language], query) == [reference.build(HERE).address(name)]


@pytest.mark.parametrize(("query", "place"), PLACES)
def test_places(searchers: dict[str, Searcher], query: str, place: str) -> None:
    assert place in first(searchers["zh"], query, 3)


def test_a_name_without_an_example_names_one_with(searchers: dict[str, Searcher]) -> None:
    index = reference.build(HERE)
    listed = documents.documents(HERE, index, "en")["names"]
    bare = [one for one in listed if "count" not in one]
    with_kin = [one for one in bare if one.get("kin") is not None]
    assert len(with_kin) > 0.3 * len(bare)
    for one in random.Random(rotation.week()).sample(with_kin, 5):
        found = searchers["en"].find(one["name"])["answers"][0]
        assert (found["name"], found["count"], found["kin"]) == (one["name"], 0, listed[one["kin"]]["name"])
        assert found["kin"] in index.entries


def test_names_drawn_from_the_goals_find_their_entry_first(searchers: dict[str, Searcher]) -> None:
    goals = json.loads(coverage.GOALS.read_text(encoding="utf-8")).values()
    known, entries = apis.load(), reference.build(HERE).entries
    covered = sorted({name for goal in goals for name in goal["names"] if known.canonical[name] in entries})
    wrong = {}
    for name in random.Random(rotation.week()).sample(covered, 30):
        hit = searchers["en"].find(name)["answers"][0].get("name")
        if hit != known.canonical[name]:
            wrong[name] = hit
    assert len(covered) > 600 and wrong == {}


@pytest.mark.parametrize("query", ["", "  ", "()", "?", "...", "🙂", "qqzzxx", "qqzzxx wwvvkk"])
def test_nothing(searchers: dict[str, Searcher], query: str) -> None:
    found = searchers["en"].find(query)
    assert found["nothing"] and found["answers"] == []


@pytest.mark.parametrize(
    "query",
    [
        "RuntimeError: the flux capacitor is out of plutonium",
        "KeyError: 'my_own_column'",
        "ValueError: Zeppelin refused to land",
    ],
)
def test_a_message_that_the_book_has_not(searchers: dict[str, Searcher], query: str) -> None:
    found = searchers["en"].find(query)
    assert found["nothing"] and found["answers"] == [], first(searchers["en"], query, 3)


@pytest.mark.parametrize(
    "query",
    ["(", "a(", "\\", "[", "*", "x" * 2000, "的", "__", "__getitem__", "a" * 40 + "(", "constructor", "__proto__", "<b>", "tensor " * 15000],
)  # fmt: skip
def test_odd_queries_do_no_harm(searchers: dict[str, Searcher], query: str) -> None:
    begun = time.perf_counter()
    assert len(searchers["zh"].find(query)["answers"]) <= 10
    assert time.perf_counter() - begun < 5


def varied(message: str, draw: random.Random) -> str:
    """A message as another program would raise it: other numbers, other paths, below a traceback."""
    text = re.sub(r"\d+", lambda _: str(draw.randint(2, 900)), message)
    text = re.sub(r"(?:/[\w.\-]+){2,}", "/srv/data/other/file.bin", text)
    frame = f'Traceback (most recent call last):\n  File "/srv/app/run_{draw.randint(1, 99)}.py", line {draw.randint(1, 400)}, in main\n    main()\n'
    return frame + text


def test_every_recorded_message_finds_its_block(searchers: dict[str, Searcher]) -> None:
    """Messages that are the same but for numbers and paths, or for what follows, may lead to either block. A fifth each week."""
    draw = random.Random(rotation.week())
    data = [
        (example, message) for example in reference.build(HERE).examples for message in documents.messages_of(example)
        if re.match(r"(?:\w+\.)*\w*(?:Error|Warning|Exception)\b", message)
    ]  # fmt: skip

    def bare(message: str) -> str:
        return re.sub(r"[\W\d_]+", " ", message)

    places = [(bare(message), f"{example.page}/#code-{example.block}") for example, message in data]
    wrong = []
    for example, message in data[rotation.week() % 5 :: 5]:
        found = first(searchers["en"], varied(message, draw), 3)
        same = {place for other, place in places if other.startswith(bare(message))}
        if not same & set(found):
            wrong.append((example.name, message[:90], found))
    assert len(data) > 100 and wrong == []


def test_the_order_of_a_message_counts(searchers: dict[str, Searcher]) -> None:
    alike = "rpSearch.alike(JSON.parse(json_one), JSON.parse(json_other))"
    said = "expected scalar type float but found double".split()
    turned = "expected scalar type double but found float".split()
    js = searchers["en"].engine
    same, other = (js.call(alike, one=said, other=words)["mine"] for words in (said, turned))
    assert same == 1 and other < 0.8


# ---- Aliases ---------------------------------------------------------------------------------------------------------


SHARES = 16  # weeks until all rows of the aliases have been asked


def stands(searcher: Searcher, row: aliases.Alias, known: Any, without: int = -1) -> int:
    """Where the first of a row's places stands among the answers to its words; 99: it doesn't."""
    found = enumerate(searcher.find(row.say, without=without)["answers"], 1)
    return next((n for n, answer in found if bench.right(answer["address"], row.to, known)), 99)


def test_every_alias_leads_to_its_place_and_is_needed(searchers: dict[str, Searcher]) -> None:
    """A share of the rows each week: the place is among the first three, and in one language it stands lower without."""
    rows = aliases.load(HERE)
    counts = {table: sum(row.table == table for row in rows) for table in aliases.TABLES}
    assert counts["old"] + counts["framework"] >= 150 and counts["word"] >= 150
    assert 0.25 < sum(row.held for row in rows) / len(rows) < 0.42
    known = {language: bench.chains(HERE, language) for language in LANGUAGES}
    lost, idle = [], []
    for row in rows[rotation.week() % SHARES :: SHARES]:
        needed = False
        for language in (one for one in LANGUAGES if row.asked_in(one)):
            searcher = searchers[language]
            number = searcher.engine.call(f"search.aliases.findIndex(one => one.say === {json.dumps(row.say)})")
            assert number >= 0, row.say
            place = stands(searcher, row, known[language])
            if place > 3:
                lost.append(f"{language} {row.say}")
            needed = needed or stands(searcher, row, known[language], without=number) > place
        if not needed:
            idle.append(row.say)
    assert (lost, idle) == ([], []), (
        "an alias does not lead to its place, or its place stands as high without it: delete the row"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[word]\n", None),
        ("[words]\na = 'b'\n", '"words" is no table of aliases'),
        ("[word]\na = 3\n", '[word] "a": write a place'),
        ("[word]\na = {to = 'b', from = 'c'}\n", '[word] "a": write a place'),
        ("[word]\na = []\n", '"to" must name a place'),
        ("[place]\n'a b' = 'c'\n", '[place] "a b": write a list of words'),
        ("[place]\n'a b' = []\n", '[place] "a b": write a list of words'),
        ("[word]\nc = 'a'\n[place]\n'a b' = ['C']\n", '"C" is there twice'),
        ("[word\n", "not valid TOML"),
    ],
)
def test_a_wrong_alias_is_told(tmp_path: Path, text: str, says: str | None) -> None:
    tree = Tree(tmp_path)
    tree.words.mkdir(parents=True)
    (tree.words / "aliases.toml").write_text(text, encoding="utf-8")
    if says is None:
        assert aliases.load(tree) == []
    else:
        with pytest.raises(BookError, match=re.escape(says)):
            aliases.load(tree)


# ---- Questions -------------------------------------------------------------------------------------------------------


def test_the_questions_are_answered(searchers: dict[str, Searcher]) -> None:
    """The tuned half of the set; docs/records/search.json has both halves, as bench.search measured them."""
    questions = json.loads(bench.QUESTIONS.read_text(encoding="utf-8"))
    assert sum(one["lang"] == "en" for one in questions) >= 150 and sum(one["lang"] != "en" for one in questions) >= 150
    assert len({one["id"] for one in questions}) == len({one["q"] for one in questions}) == len(questions)
    some = [one for one in questions if not bench.held(one)][rotation.week() % 3 :: 3]
    rows = bench.ask(HERE, some)
    at_one, at_three, _ = bench.recall(rows)
    assert at_one >= 0.7 and at_three >= 0.9, [row.question["q"] for row in rows if not 0 < row.rank <= 3]


def test_right_judges_places_as_the_measuring_tool_does() -> None:
    known = {"a/b": {"top": ("top",), "in": ("top", "in"), "code-x": ("top", "in", "code-x")}}
    assert bench.right("a/b/#code-x", ["a/b#in"], known) and bench.right("a/b/#in", ["a/b"], known)
    assert not bench.right("a/b/#top", ["a/b#in"], known) and not bench.right("a/b/#in", ["a/b#"], known)
    assert bench.right("reference/torch/#torch.cat", ["api:torch.cat"], known)
    assert bench.right("toolkit/losses/#FocalLoss", ["toolkit:FocalLoss"], known)


# ---- The files -------------------------------------------------------------------------------------------------------


def test_the_terminal_ranks_with_a_part_of_the_index_as_with_all_of_it(searchers: dict[str, Searcher]) -> None:
    part = store.searcher(HERE, "en")
    for query in (
        "torch.autograd.grad",
        "how to freeze layers",
        "broadcsting",
        "conv",
        "RuntimeError: mat1 and mat2 shapes",
    ):
        assert part.find(query) == searchers["en"].find(query), query


def test_the_index_is_light() -> None:
    for language in LANGUAGES:
        store.searcher(HERE, language)
        text = (store.folder(HERE, language) / store.INDEX).read_bytes()
        sections = len(json.loads(text)["sections"]["page"])
        size = len(gzip.compress(text, 6))
        assert size <= 100_000 + 350 * max(0, sections - 1700) + 45_000, (
            f"{language}: {size} bytes for {sections} sections"
        )


def test_a_first_query_is_light() -> None:
    """What a browser fetches until the first answers stand there: scripts, the index, and the pieces that the words need."""
    questions = json.loads(bench.QUESTIONS.read_text(encoding="utf-8"))
    for language in LANGUAGES:
        searcher, folder = store.searcher(HERE, language), store.folder(HERE, language)

        def sent(path: Path) -> int:
            return len(gzip.compress(path.read_bytes(), 6))

        before = sent(folder / store.INDEX) + sum(sent(path) for path in engine.FILES)
        pieces = {path.name: sent(path) for path in folder.glob("[0-9][0-9][0-9].json")}
        for question in questions:
            if (question["lang"] == "en") == (language == "en"):
                needed = searcher.engine.call("search.needs(JSON.parse(json_query))", query=json.dumps(question["q"]))
                size = before + sum(pieces[f"{number:03}.json"] for number in needed)
                assert size <= 250_000, f"{question['q']}: {size} bytes"


def test_the_copy_follows_its_sources(small: Tree) -> None:
    store.searcher(small, "en")
    before = (store.folder(small, "en") / store.STAMP).read_text(encoding="utf-8")
    page = small.page("en", "part/small")
    page.write_text(page.read_text(encoding="utf-8") + "\n## Zeppelins {#zeppelins}\n", encoding="utf-8")
    assert [one["address"] for one in store.searcher(small, "en").find("zeppelins")["answers"]] == [
        "part/small/#zeppelins"
    ]
    assert (store.folder(small, "en") / store.STAMP).read_text(encoding="utf-8") != before


def test_packing_loses_nothing(js: Engine) -> None:
    index = reference.build(HERE)
    listed = documents.documents(HERE, index, "zh")
    packed = making.pack(listed, [0] * len(listed["sections"]))
    data = js.call(
        "new rpSearch.Search(JSON.parse(json_index), {documentCount: 0, index: []}).data",
        index=json.dumps(packed),
    )
    assert [name["name"] for name in data["names"]] == [name["name"] for name in listed["names"]]
    for ours, theirs in zip(listed["names"], data["names"], strict=True):
        assert theirs["sections"] == ours.get("sections", [])[: making.USES] and theirs["kin"] == ours.get("kin")
    for ours, theirs in zip(listed["sections"], data["sections"], strict=True):
        assert theirs.pop("blocks") == " ".join(ours["blocks"])
        assert set(theirs) == {"page", "anchor", "heading", "other", "above", "told"}
        assert theirs == {key: ours[key] for key in theirs}


def test_tokens_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not change is not cut again, and what is made is the same; a file cut short is of no use, and no harm."""
    section = {"page": 0, "anchor": "a", "heading": "A", "other": "", "above": [], "told": "", "blocks": [], "alts": ""}
    texts = ["a learning rate", "two learning rates", "a learning rate"]
    listed = {"language": "en", "names": [], "sections": [section | {"prose": text} for text in texts]}
    kept, cut = tmp_path / "tokens.json", []
    plain = Engine.call

    def call(self: Engine, expression: str, **values: Any) -> Any:
        if "countsOf" in expression:
            cut.append(json.loads(values["data"])["texts"])
        return plain(self, expression, **values)

    monkeypatch.setattr(Engine, "call", call)
    fresh = making.packed(listed)
    assert making.packed(listed, kept) == fresh and making.packed(listed, kept) == fresh
    assert [len(one) for one in cut] == [2, 2]
    listed["sections"][0]["prose"] = "a zeppelin"
    assert making.packed(listed, kept) == making.packed(listed) != fresh
    assert cut[2] == ["a zeppelin  "] and len(kept.read_text(encoding="utf-8").splitlines()) == 3
    kept.write_text(kept.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert making.packed(listed, kept) == making.packed(listed)
    listed["traditional"] = "學学"
    assert making.packed(listed, kept) == making.packed(listed) and len(cut[-2]) == 3


# ---- The terminal ----------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str, tree: Tree = HERE) -> tuple[int, str]:
    status = cli.main(["--root", str(tree.root), "find", *arguments])
    out, err = capsys.readouterr()
    return status, out + err


def test_terminal_lists_answers_with_code(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "torch.autograd.grad")
    assert status == 0
    assert told.startswith("torch.autograd.grad  (function, ")
    assert "  https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html\n" in told
    assert "concepts/autograd:grad_returns · Automatic differentiation › Gradients as return values\n" in told
    assert "    (slope,) = torch.autograd.grad(y, x)\n" in told
    assert "    | returned: tensor(8.)\n" in told


def test_terminal_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "二阶导数", "--language", "zh", "--most", "1")
    assert status == 0
    assert told.startswith("concepts/autograd:second_derivative · 自动微分 › 二阶导数\n")


def test_terminal_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "torch.autograd.grad", "--json")
    data = json.loads(told)
    assert status == 0 and not data["nothing"]
    assert data["answers"][0]["name"] == "torch.autograd.grad" and data["answers"][0]["kind"] == "api"
    section = next(one for one in data["answers"] if one["kind"] == "section")
    assert (section["page"], section["block"]) == ("concepts/autograd", "grad_returns")
    assert "torch.autograd.grad(y, x)" in section["code"] and "returned: tensor(8.)" in section["output"]
    assert "torch.autograd.grad" in section["apis"] and section["has_program"]


@pytest.mark.parametrize(
    ("query", "says"),
    [("torch.autograd.gard", "torch.autograd.grad"), ("qqzzxx", "nothing in the book matches 'qqzzxx'")],
)
def test_terminal_names_what_is_near(capsys: pytest.CaptureFixture[str], query: str, says: str) -> None:
    status, told = run(capsys, query)
    assert says in told and (status == 1 or not told.startswith("nothing"))
    status, told = run(capsys, query, "--json")
    assert json.loads(told)["nothing"] == bool(status)


def test_terminal_says_where_a_record_is_wrong(small: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    path = small.record("part/small")
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["cells"][0]["metadata"]["book"]["apis"] = ["torch.tensr"]
    path.write_text(json.dumps(raw), encoding="utf-8")
    status, told = run(capsys, "tensor", tree=small)
    assert status == 1
    assert "names torch.tensr, which is not in book/names/apis.json" in told


def test_terminal_in_an_empty_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "grad", tree=Tree(tmp_path))
    assert status == 1 and "matches 'grad'" in told


def test_an_answer_needs_no_torch_and_takes_no_time() -> None:
    store.searcher(HERE, "en")  # the copy is there
    code = "import sys; sys.modules['torch'] = None; from book import cli; sys.exit(cli.main(['find', 'x.view']))"
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], cwd=HERE.root, capture_output=True, text=True, timeout=60)
        times.append(time.perf_counter() - begun)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("torch.Tensor.view  (method, ")
    assert min(times) < 1.6, times  # 0.4 s on a quiet machine; four times that for one that does other things too


def test_a_terminal_without_chinese_letters_and_a_pipe_that_closes() -> None:
    command = [sys.executable, "-m", "book", "find", "梯度裁剪", "--language", "zh"]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, cwd=HERE.root, capture_output=True, timeout=60, env=environment)
    assert done.returncode == 0 and b"components/optimizers" in done.stdout and not done.stderr
    with subprocess.Popen(command, cwd=HERE.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout and piped.stderr
        piped.stdout.close()
        assert piped.wait(60) == 0 and piped.stderr.read() == b""
