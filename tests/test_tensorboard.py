"""The real TensorBoard server on the runs that the chapter writes, seen in a Chromium and asked over HTTP."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import browser_support as support
import nbclient
import nbformat
import pytest
import tensorboard_tabs as tabs
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, expect

from book.ground.tree import HERE

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

BLOCKS = (
    "first_run",
    "read_back",
    "tags_group",
    "step_missing",
    "same_tag_twice",
    "runs_in_folders",
    "purge_step",
    "digits",
    "log_epoch",
    "train_and_log",
)
RUNS = {
    "first": {"parabola"},
    "second": {"parabola"},
    "tags": {"loss/train", "loss/valid", "accuracy/train", "accuracy/valid", "rate"},
    "no_step": {"loss"},
    "same": {"loss"},
    "resumed": {"loss"},
    "decay/rate_0.1": {"loss"},
    "decay/rate_0.3": {"loss"},
    "one_epoch": {"loss/train", "loss/valid", "accuracy/valid"},
    "digits/lr_0.5": {"loss/train", "loss/valid", "accuracy/valid"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server on the runs of the chapter, which ends with the tests."""
    runs = tabs.written(tmp_path_factory.mktemp("chapter"), BLOCKS)
    with tabs.serving(runs, RUNS) as base:
        yield base


def api(base: str, path: str) -> object:
    """The answer of one route of the scalars plugin."""
    with urllib.request.urlopen(f"{base}data/plugin/scalars/{path}", timeout=60) as answer:
        return json.load(answer)


def test_server_lists_the_scalars_of_the_chapter(server: str) -> None:
    assert tabs.listed(server) == RUNS


@pytest.mark.parametrize(
    ("run", "tag", "expected"),
    [
        ("first", "parabola", [(step, (step - 10) ** 2) for step in range(20)]),
        ("no_step", "loss", [(0, 1)]),
        ("same", "loss", [(0, 20), (1, 19), (2, 18)]),
        ("resumed", "loss", [(step, 1 if step < 4 else 0.5) for step in range(8)]),
    ],
)
def test_server_gives_what_the_chapter_says(server: str, run: str, tag: str, expected: list[tuple[int, float]]) -> None:
    query = urllib.parse.urlencode({"run": run, "tag": tag})
    end = time.monotonic() + tabs.LIMIT  # a second file of a run is read a little later than the first
    found: list[tuple[int, float]] = []
    while found != expected and time.monotonic() < end:
        time.sleep(0.2)
        events = api(server, f"scalars?{query}")  # wall time, step, value
        assert isinstance(events, list)
        found = [(step, value) for _, step, value in events]
    assert found == expected


def test_browser_shows_the_scalars_without_another_host(server: str) -> None:
    with support.launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 2400})
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server}?darkMode=false#scalars")
        for folded in ("parabola", "rate"):  # only the first two groups are open
            page.get_by_role("button", name=folded, exact=True).click(timeout=support.PATIENCE)
        for tag in sorted(set.union(*RUNS.values())):
            card = page.get_by_text(re.compile(rf"^\s*tag:\s*{tag}\s*$"))
            expect(card.first).to_be_visible()
        for run in RUNS:
            expect(page.get_by_text(run, exact=True).first).to_be_attached()
        other = [url for url in asked if not url.startswith((server, "data:", "blob:"))]
        assert other == []
        assert errors == []


ASK = """
import json, os, signal, urllib.request
from tensorboard import manager
(server,) = manager.get_all()
with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/") as answer:
    print(json.dumps({"port": server.port, "page": answer.read().decode()}))
os.kill(server.pid, signal.SIGTERM)
"""


def test_the_magic_of_a_notebook_shows_the_server_in_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where a server notes its number and port
    monkeypatch.setenv(
        "PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )  # the magic starts ``tensorboard``
    (tmp_path / "runs").mkdir()
    cells = ["%load_ext tensorboard", f"%tensorboard --logdir runs --port {tabs.free_port()}", ASK]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(str(out.get("data", {}).get("text/html", "")) for out in notebook.cells[1].outputs)
    said = json.loads(notebook.cells[2].outputs[0].text)
    assert "<iframe" in shown
    assert str(said["port"]) in shown
    assert "<title>TensorBoard</title>" in said["page"]


# ---- The pictures of the tabs -----------------------------------------------------------------------------------------

TURNS = "projector"  # its points turn slowly, until a reader touches them
MIDDLE = (320, 160, 1120, 800)  # there
CELL = 80  # pixels: a place that is compared


def ink(png: bytes, box: tuple[int, int, int, int] | None = None) -> list[float]:
    """The share of each place that has another colour than most of it, whatever the font."""
    picture = Image.open(io.BytesIO(png)).convert("L").crop(box)
    shares = []
    for top in range(0, picture.height, CELL):
        for left in range(0, picture.width, CELL):
            counts = picture.crop((left, top, left + CELL, top + CELL)).histogram()
            most = counts.index(max(counts))
            shares.append(1 - sum(counts[max(0, most - 12) : most + 13]) / CELL**2)
    return shares


def unlike(found: bytes, kept: bytes, *, turns: bool = False) -> str:
    """In how many places one picture is empty and the other is not, if in more than two; else nothing.

    Where what is shown turns, no place keeps its ink: then the picture has at least two thirds of the kept one's inked places.
    """
    if turns:
        inked = [sum(share > 0.005 for share in ink(png, MIDDLE)) for png in (found, kept)]
        return f"{inked[0]} places have something, {inked[1]} are kept" if inked[0] < inked[1] * 2 / 3 else ""
    pairs = list(zip(ink(found), ink(kept), strict=True))
    empty = sum(min(pair) < 0.001 and max(pair) > 0.01 for pair in pairs)
    return f"{empty} of {len(pairs)} places are empty in one of the two" if empty > 2 else ""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A Chromium, and the address of a server on the runs that the pictures show."""
    with tabs.serving_shown(tmp_path_factory.mktemp("pictures")) as base, support.launched() as browser:
        yield browser, base


@pytest.mark.parametrize("name", tabs.TABS)
def test_a_tab_shows_what_its_picture_shows(shown: tuple[Browser, str], name: str) -> None:
    found, png = tabs.seen(*shown, name)
    assert found == json.loads(tabs.TEXTS.read_text(encoding="utf-8"))[name], "python tests/tensorboard_tabs.py"
    assert unlike(png, tabs.picture(name).read_bytes(), turns=name == TURNS) == "", "python tests/tensorboard_tabs.py"


@pytest.mark.parametrize("name", tabs.TABS)
def test_a_picture_without_its_middle_is_noticed(name: str) -> None:
    kept = tabs.picture(name).read_bytes()
    picture = Image.open(io.BytesIO(kept)).convert("RGB")
    assert picture.size == (tabs.SIZE["width"], tabs.SIZE["height"])
    ImageDraw.Draw(picture).rectangle((330, 140, picture.width, picture.height), fill=picture.getpixel((1430, 780)))
    out = io.BytesIO()
    picture.save(out, "PNG")
    assert unlike(out.getvalue(), kept, turns=name == TURNS)


def test_a_tab_without_its_run_is_noticed(shown: tuple[Browser, str], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with tabs.serving(runs, {}) as base:
        page = shown[0].new_page(viewport=tabs.SIZE)
        page.goto(f"{base}?darkMode=false#scalars")
        expect(page.get_by_role("link", name="Help")).to_be_visible()
        page.wait_for_timeout(2000)
        assert tabs.texts(page) != json.loads(tabs.TEXTS.read_text(encoding="utf-8"))["scalars"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_chapter_shows_the_pictures_with_alt_texts(language: str) -> None:
    text = (HERE.root / "docs" / language / tabs.PAGE).with_suffix(".md").read_text(encoding="utf-8")
    alts = dict(re.findall(r"!\[(.{30,})\]\(\.\./images/tensorboard/(\w+)\.png\)", text))
    assert sorted(alts.values()) == sorted(tabs.TABS)
