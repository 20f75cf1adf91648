"""The real TensorBoard server on the runs that the chapter writes, seen in a Chromium and asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import browser_support as support
import pytest
from playwright.sync_api import expect

from book.ground.tree import HERE
from book.source import sections

pytest_plugins = ["browser_plugin"]
pytestmark = pytest.mark.browser

PAGE = "components/tensorboard_logging.py"
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
IMPORTS = "import torch\nfrom torch import nn\n"  # stand in blocks that write no run of these
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
LIMIT = 180.0  # seconds until the server must know all runs
QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def api(base: str, path: str) -> object:
    """The answer of one route of the scalars plugin."""
    with urllib.request.urlopen(f"{base}data/plugin/scalars/{path}", timeout=60) as answer:
        return json.load(answer)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for_runs(base: str, server: subprocess.Popen[str]) -> None:
    """Return when the server lists every run; fail when it ends before, or takes too long."""
    end = time.monotonic() + LIMIT
    said = "nothing"
    while time.monotonic() < end:
        assert server.poll() is None, f"TensorBoard ended with status {server.returncode}"
        try:
            listed = api(base, "tags")
        except (urllib.error.URLError, OSError) as error:
            said = str(error)
        else:
            assert isinstance(listed, dict)
            if {run: set(tags) for run, tags in listed.items()} == RUNS:
                return
            said = str(listed)
        time.sleep(0.2)
    pytest.fail(f"after {LIMIT:.0f} s the server does not list the runs; it said: {said}")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the chapter's blocks write, in a process of their own."""
    folder = tmp_path_factory.mktemp("chapter")
    parsed = sections.parse((HERE.root / "snippets" / PAGE).read_text(encoding="utf-8"), PAGE)
    script = folder / "blocks.py"
    script.write_text(IMPORTS + "\n".join(parsed[name].code for name in BLOCKS), encoding="utf-8")
    subprocess.run([sys.executable, str(script)], cwd=folder, env=QUIET, check=True, timeout=600, capture_output=True)
    return folder / "runs"


@pytest.fixture(scope="module")
def server(runs: Path) -> Iterator[str]:
    """The address of a real server on these runs, which ends with the tests."""
    port = free_port()
    base = f"http://127.0.0.1:{port}/"
    log = runs.parent / "server.txt"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(runs), "--host", "127.0.0.1"]
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=out, stderr=out, env=QUIET, text=True)
        try:
            wait_for_runs(base, process)
            yield base
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_server_lists_the_scalars_of_the_chapter(server: str) -> None:
    listed = api(server, "tags")
    assert isinstance(listed, dict)
    assert {run: set(tags) for run, tags in listed.items()} == RUNS


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
    end = time.monotonic() + LIMIT  # a second file of a run is read a little later than the first
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
