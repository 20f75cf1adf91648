"""The tabs of a real TensorBoard server on the runs that the chapter writes, as pictures: ``python tests/tensorboard_tabs.py``.

A picture of each is kept in docs/theme/images/tensorboard/; what stood on it, as roles and names of its
elements, in docs/images/tensorboard.json. A test opens the tabs anew and compares both.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import browser_support as support
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from servers import free_port, started

from book.ground.files import write_atomically
from book.ground.tree import HERE
from book.source import sections

PAGE = "components/tensorboard_logging.py"
IMPORTS = "import torch\nfrom torch import nn\n"  # stand in blocks that write no run of these
LIMIT = 180.0  # seconds until a server must know all runs
QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
SIZE = {"width": 1440, "height": 800}
PICTURES = HERE.root / "docs/theme/images/tensorboard"
TEXTS = HERE.root / "docs/images/tensorboard.json"
BLOCKS = (
    "first_run",
    "read_back",
    "add_graph",
    "graph_figure",
    "add_embedding",
    "digits",
    "log_epoch",
    "train_and_log",
    "compare_runs",
)
SHOWN = ("compared", "skip", "words")  # the runs of the chapter that the pictures show
TOPS = "import matplotlib.pyplot as plt\nimport pandas as pd\n"  # what blocks between these import


def opened_graph(page: Page) -> None:
    """Open the box of the network and the box in it, as a reader does: by double clicks."""
    for name in ("Sequential", "Sequential/Skip[0]"):
        page.locator(f'g.node[data-name="{name}"]').first.dblclick()
        page.wait_for_timeout(2000)  # the graph moves
    page.get_by_text("Fit to screen").click()
    page.wait_for_timeout(2000)
    page.mouse.click(SIZE["width"] - 40, SIZE["height"] - 40)  # beside the graph: nothing is selected any more
    page.evaluate("getSelection().removeAllRanges()")


@dataclass(frozen=True)
class Tab:
    """A tab: a pattern of the text that shows that its data are there, and what to click."""

    shows: str
    prepare: Callable[[Page], None] = lambda page: None


TABS: Mapping[str, Tab] = {
    "scalars": Tab(r"^\s*tag:\s*accuracy/valid\s*$"),
    "histograms": Tab(r"^\s*tag:\s*weights/first\s*$"),
    "graphs": Tab("^Sequential$", opened_graph),
    "projector": Tab("Points: 5"),
}


# ---- Runs and server --------------------------------------------------------------------------------------------------


def written(folder: Path, blocks: Sequence[str], imports: str = IMPORTS) -> Path:
    """The folder of runs that blocks of the chapter write, in a process of their own."""
    parsed = sections.parse((HERE.root / "snippets" / PAGE).read_text(encoding="utf-8"), PAGE)
    script = folder / "blocks.py"
    script.write_text(imports + "\n".join(parsed[name].code for name in blocks), encoding="utf-8")
    subprocess.run([sys.executable, str(script)], cwd=folder, env=QUIET, check=True, timeout=600, capture_output=True)
    return folder / "runs"


def listed(base: str) -> dict[str, set[str]]:
    """Run -> tags of its scalars, as the server knows them now."""
    with urllib.request.urlopen(f"{base}data/plugin/scalars/tags", timeout=60) as answer:
        return {run: set(tags) for run, tags in json.load(answer).items()}


def wait_for_runs(base: str, server: subprocess.Popen[bytes], runs: Mapping[str, set[str]]) -> None:
    """Return when the server lists just these runs; fail when it ends before, or takes too long."""
    end = time.monotonic() + LIMIT
    said = "nothing"
    while time.monotonic() < end:
        assert server.poll() is None, f"TensorBoard ended with status {server.returncode}"
        try:
            found = listed(base)
        except (urllib.error.URLError, OSError) as error:
            said = str(error)
        else:
            if found == runs:
                return
            said = str(found)
        time.sleep(0.2)
    raise AssertionError(f"after {LIMIT:.0f} s the server does not list the runs; it said: {said}")


@contextmanager
def serving(runs: Path, expected: Mapping[str, set[str]]) -> Iterator[str]:
    """The address of a real server on these runs, which ends with the block."""
    port = free_port()
    base = f"http://127.0.0.1:{port}/"
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        runs.name,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with started(command, runs.parent, QUIET) as process:
        wait_for_runs(base, process, expected)
        yield base


@contextmanager
def serving_shown(folder: Path) -> Iterator[str]:
    """A server on the runs of the pictures, below a folder of the name that a reader's terminal has."""
    written_runs = written(folder, BLOCKS, IMPORTS + TOPS)
    runs = folder / "shown" / "runs"
    for name in SHOWN:
        shutil.copytree(written_runs / name, runs / name)
    losses = {"loss/train", "loss/valid", "accuracy/valid", "best/accuracy"}
    expected = {f"compared/lr_{lr}": losses for lr in (0.005, 0.05, 0.5)}
    with serving(runs, expected) as base:  # runs without scalars are not in this list
        yield base


# ---- A tab ------------------------------------------------------------------------------------------------------------


def texts(page: Page) -> list[str]:
    """Roles and names of what stands on the page, a line each, without the time of the last reload."""
    lines = [line for frame in page.frames for line in frame.locator("body").aria_snapshot().splitlines()]
    return [re.sub(r"Last Updated: [^\"]*", "Last Updated: (a time)", line) for line in lines]


def settle(page: Page) -> None:
    """Return when nothing on the page changes for two seconds, or after twenty."""
    before: list[str] = []
    for _ in range(10):
        now = texts(page)
        if now == before:
            return
        before = now
        page.wait_for_timeout(2000)


def seen(browser: Browser, base: str, name: str) -> tuple[list[str], bytes]:
    """What stands on a tab, and its picture as PNG."""
    page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
    try:
        page.goto(f"{base}?darkMode=false#{name}")
        place = page.frame_locator("iframe").frame_locator("iframe") if name == "projector" else page
        expect(place.get_by_text(re.compile(TABS[name].shows)).first).to_be_attached()
        page.wait_for_timeout(3000)  # curves are drawn after their cards, the graph and the points move into place
        settle(page)
        TABS[name].prepare(page)
        page.mouse.move(SIZE["width"] - 2, SIZE["height"] - 2)
        page.wait_for_timeout(500)
        return texts(page), page.screenshot()
    finally:
        page.close()


def small(png: bytes) -> bytes:
    """The picture with 64 colours: a third of the bytes, and the eye sees no difference."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def picture(name: str) -> Path:
    """Where the picture of a tab is kept."""
    return PICTURES / f"{name}.png"


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = {}
    with TemporaryDirectory() as folder, serving_shown(Path(folder)) as base, support.launched() as browser:
        for name in TABS:
            found[name], png = seen(browser, base, name)
            write_atomically(picture(name), small(png))
            print(f"{picture(name).relative_to(HERE.root)}: {picture(name).stat().st_size / 1000:.0f} kB")
    write_atomically(TEXTS, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
