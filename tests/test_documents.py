"""README and CONTRIBUTING keep their word: fences run, templates make a chapter, named commands, files and links exist."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pytest_codeblocks import CodeBlock, extract_from_file

from book import cli
from book.ground.tree import Tree
from book.prove import check, compare, recording
from book.prove.audit import audit
from book.site import stage
from book.source import ledger

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "README.zh.md", "CONTRIBUTING.md", "CONTRIBUTING.zh.md"]
SCRIPTS = [".ci/run", ".github/workflows/ci.yml", ".github/workflows/pages.yml"]
PAIRS = [("README.md", "README.zh.md"), ("CONTRIBUTING.md", "CONTRIBUTING.zh.md")]
RUN = {"python", "bash"}
TEMPLATES = {"markdown", "py", "toml", "yaml"}  # tried by the tests of this file
SHOWN_ONLY = {"console", "text"}  # too long to run here, or output
MADE = {
    ".ladder/",
    "site/",
    "build/",
    ".venv/",
    "docs/records/gpu.json",
    "bench/bench.json",
    "docs/records/machines.json",
    "docs/originals.json",
    ".well-known/agent-skills/",
    "search/index.json",
}
EXAMPLE = "broadcasting"  # the templates' chapter, which is not in the book
FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def prose(document: str) -> str:
    return FENCE.sub("", read(document))


def fences(document: str) -> list[tuple[str, str]]:
    return [(m["language"].strip(), m["code"]) for m in FENCE.finditer(read(document))]


def runnable() -> list[object]:
    """Each block to run once: those of a translation are the same (``test_both_languages_say_the_same``)."""
    return [
        pytest.param(block, id=f"{english}:{block.lineno}")
        for english, _ in PAIRS
        for block in extract_from_file(ROOT / english)
        if block.syntax in RUN
    ]


def kept_files() -> dict[str, bytes]:
    """Every file of the working tree that is not made anew, and the content of those that a command could rewrite."""
    skip = {".git", ".venv", ".ladder", "node_modules"}
    built = {ROOT / "build", ROOT / "site"}
    found = {}
    for folder, folders, files in os.walk(ROOT):
        kept = (f for f in folders if f not in skip and not f.endswith("_cache") and f != "__pycache__")
        folders[:] = [f for f in kept if Path(folder, f) not in built]
        for path in (Path(folder, file) for file in files):
            name = path.relative_to(ROOT).as_posix()
            found[name] = path.read_bytes() if name.startswith("docs/records/") else b""
    return found


@pytest.mark.parametrize("block", runnable())
def test_a_fence_runs_in_the_root_and_leaves_no_trace(block: CodeBlock) -> None:
    if block.syntax == "python":
        command = [sys.executable, "-W", "error", "-c", block.code]
    else:
        command = ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", block.code]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    before = kept_files()
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    after = kept_files()
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()
    if block.expected_output is not None:
        numbers_vary = compare.Tolerance(volatile=block.syntax == "bash")
        assert compare.text(block.expected_output, run.stdout, numbers_vary) is None, run.stdout


def test_some_fences_run() -> None:
    assert len(runnable()) >= 5


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_fence_is_run_or_says_that_it_is_not(document: str) -> None:
    seen = extract_from_file(ROOT / document)
    assert {block.syntax for block in seen} <= RUN | TEMPLATES | SHOWN_ONLY
    assert not [block for block in seen if block.marks or block.importorskip], "no fence may be skipped"
    outputs = sum(block.expected_output is not None for block in seen)
    assert len(seen) + outputs == len(fences(document)), "pytest-codeblocks and this file see different fences"


# ---- the commands, files and links that they name -----------------------------------------------------------------


def code_of(document: str) -> Iterator[str]:
    """What a document presents as code, line by line."""
    if document == ".ci/run":
        yield from (line.partition(" #")[0] for line in read(document).splitlines() if not line.startswith("#"))
    elif document in SCRIPTS:
        for job in yaml.safe_load(read(document))["jobs"].values():
            for step in job["steps"]:
                yield from step.get("run", "").splitlines()
    else:
        yield from SPAN.findall(prose(document))
        for language, code in fences(document):
            if language not in TEMPLATES:
                yield from code.splitlines()


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w./-]+):(?!=)", read("Makefile"), re.MULTILINE)) - {".PHONY"}


def make_calls(document: str) -> set[str]:
    pattern = re.compile(r"(?:^|[\s;&|(])make(?:\s+[A-Z_]+=\S+)*\s+([a-z.][\w./-]*)")
    return {m[1] for line in code_of(document) for m in pattern.finditer(line)}


def book_calls(document: str) -> list[list[str]]:
    """The arguments of every ``python -m book ...``."""
    calls = []
    for line in code_of(document):
        for m in re.finditer(r"python3? -m book\b(?!\.)(.*)", line):
            words = shlex.split(m[1], comments=True)
            end = next((i for i, word in enumerate(words) if re.match(r"[|;&>]|\d>", word)), len(words))
            calls.append(words[:end])
    return calls


def book_commands() -> set[str]:
    parser = cli._parser()
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return set(commands.choices)


@pytest.mark.parametrize("document", [*DOCUMENTS, *SCRIPTS])
def test_named_make_targets_exist(document: str) -> None:
    assert make_calls(document) - make_targets() == set()


@pytest.mark.parametrize("document", [*DOCUMENTS, *SCRIPTS])
def test_named_book_commands_parse(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in book_calls(document):
        try:
            cli._parser().parse_args(arguments)
        except SystemExit as stop:
            if stop.code:
                pytest.fail(f"{document}: python -m book {shlex.join(arguments)}: {capsys.readouterr().err}")


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "CONTRIBUTING.zh.md"])
def test_every_target_and_command_is_documented(document: str) -> None:
    phony = re.search(r"^\.PHONY:(.*)$", read("Makefile"), re.MULTILINE)
    assert phony
    targets = make_calls(document)
    assert set(phony[1].split()) - targets == set()
    assert book_commands() - {arguments[0] for arguments in book_calls(document)} - targets == set()


def test_a_wrong_name_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("Run `make tset` or\n\n```bash\nx=1 python -m book chekc a > b\n```\n")
    assert make_calls("README.md") == {"tset"}
    assert book_calls("README.md") == [["chekc", "a"]]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    missing = []
    for span in SPAN.findall(prose(document)):
        looks_like_path = re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span) and (
            "/" in span or span.endswith((".md", ".yml"))
        )
        if not looks_like_path or EXAMPLE in span or span in MADE or span.startswith(("build/", "site/")):
            continue
        places = [ROOT, ROOT / "docs" / "en", ROOT / "docs" / "theme"]  # a page's name, a file of the theme
        if not any((place / name).exists() for place in places for name in (span, f"{span}.md")):
            missing.append(span)
    assert not missing


def slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_exist(document: str) -> None:
    text = SPAN.sub("", prose(document))
    broken = []
    for label, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text):
        assert label.strip(), f"{document}: a link or picture without words: {target}"
        path, _, anchor = target.partition("#")
        file = ROOT / path if path else ROOT / document
        if "://" in target:
            continue
        if not file.is_file() or (
            anchor and anchor not in [slug(t) for t in re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)]
        ):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_say_the_same(english: str, chinese: str) -> None:
    def shape(document: str) -> dict[str, object]:
        text = prose(document)
        code = [(language, code) for language, code in fences(document) if language not in ("console", "toml")]
        return {
            "headings": [len(level) for level in re.findall(r"^(#+) ", text, re.MULTILINE)],
            "fences": [language for language, _ in fences(document)],
            "code": code,
            "ledger": [re.sub(r"\s+#.*", "", code) for language, code in fences(document) if language == "toml"],
            "commands": [(make_calls(document), sorted(book_calls(document)))],
            "table rows": len(re.findall(r"^\|", text, re.MULTILINE)),
            "numbered steps": len(re.findall(r"^\d+\. ", text, re.MULTILINE)),
            "list items": len(re.findall(r"^- ", text, re.MULTILINE)),
            "links": [t for t in re.findall(r"\]\(([^)]+)\)", text) if not re.match(r"(README|CONTRIBUTING)", t)],
        }

    left, right = shape(english), shape(chinese)
    for what in left:
        assert left[what] == right[what], what


# ---- the templates -------------------------------------------------------------------------------------------------


def templates() -> dict[str, str]:
    """Path -> text, of the templates in CONTRIBUTING.md: each stands under the path that it is for."""
    text = read("CONTRIBUTING.md")
    found: dict[str, str] = {}
    for match in FENCE.finditer(text):
        if match["language"] in ("py", "markdown", "toml"):
            path = SPAN.findall(FENCE.sub("", text[: match.start()]).rstrip().rsplit("\n\n", 1)[-1])
            if path and "/" in path[0]:
                found.setdefault(path[0], match["code"])
    return found


def test_the_templates_make_a_chapter(tmp_path: Path) -> None:
    found = templates()
    page = f"concepts/{EXAMPLE}"
    wanted = [f"snippets/{page}.py", f"docs/en/{page}.md", f"docs/zh/{page}.md", "tests/ledger.toml"]
    assert sorted(found) == sorted(wanted)
    for path, text in found.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    tree = Tree(tmp_path)
    recorded, _ = recording.record(tree)
    assert recorded.ok, [recorded.problems, recorded.failed]
    checked = check.check(tree)
    assert checked.ok, [checked.problems, checked.failed]
    assert audit(tree) == []
    stage.stage(tree)
    staged = (tree.build / "zh" / f"{page}.md").read_text(encoding="utf-8")
    for made in (".rp-code", ".rp-out", ".rp-error", ".rp-figure", ".rp-run", "<math>"):
        assert made in staged


def test_the_ledger_examples_cover_every_kind(tmp_path: Path) -> None:
    (text,) = [code for language, code in fences("CONTRIBUTING.md") if language == "toml" and "[[needs]]" in code]
    tree = Tree(tmp_path)
    tree.ledger.parent.mkdir()
    tree.ledger.write_text(text, encoding="utf-8")
    assert [entry.kind for entry in ledger.load(tree).entries] == list(
        dict.fromkeys(re.findall(r"^\[\[(\w+)", text, re.M))
    )
    assert set(re.findall(r"^\[\[(\w+)", text, re.MULTILINE)) == set(ledger.KINDS)


def test_the_nav_example_names_the_chapter() -> None:
    (text,) = [code for language, code in fences("CONTRIBUTING.md") if language == "yaml"]
    ((part,),) = [entry.values() for entry in yaml.safe_load(text)]
    assert [path for entry in part for path in entry.values()] == [f"concepts/{EXAMPLE}.md"]


# ---- licences ------------------------------------------------------------------------------------------------------


def test_licences() -> None:
    assert read("LICENSE").startswith("MIT License\n")
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in read("LICENSE-PROSE")
    for document in ("README.md", "README.zh.md"):
        assert "[MIT](LICENSE)" in read(document)
        assert "[CC BY 4.0](LICENSE-PROSE)" in read(document)
