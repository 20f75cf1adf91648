"""The demos of tools/gradio_demos below one real server, asked by gradio_client: each input changes an answer, bad input gets a message."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio_client", reason="pip install -r tools.txt")

import app_support as support
import numpy as np

from book.ground.tree import HERE
from book.source import pages

BLOCKS = pages.load(HERE, "tools/gradio_demos").blocks
NAMES = sorted(block.name for block in BLOCKS if block.is_app and block.name != "mounted_demo")
CHECKED = ("This is not a PNG or JPEG picture.", "The picture has more than 4 million pixels.", "The file is larger")
ASK = """
import json, sys, threading
import huggingface_hub
from gradio_client import Client, handle_file
huggingface_hub.constants.HF_HUB_OFFLINE = True
clients = {}
def files(value):
    if isinstance(value, dict) and set(value) == {"file"}:
        return handle_file(value["file"])
    return [files(one) for one in value] if isinstance(value, list) else value
for line in sys.stdin:
    who, name, endpoint, arguments, whole = json.loads(line)
    client = clients.get((who, name))
    try:
        if client is None:
            client = Client(f"{sys.argv[1]}{name}/", verbose=False, analytics_enabled=False, download_files="downloads")
            clients[who, name] = client
        if endpoint == "api":
            answer = sorted(client.view_api(return_format="dict", print_info=False)["named_endpoints"])
        else:
            job = client.submit(*files(arguments), api_name=endpoint)
            answer = job.result(timeout=120)
            answer = job.outputs() if whole else answer
        print(json.dumps(["ok", answer]), flush=True)
    except Exception as error:
        print(json.dumps([type(error).__name__, str(error)]), flush=True)
"""
Ask = Callable[..., Any]


class Refused(Exception):
    """What the demo said instead of an answer."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demos with the files that they read."""
    return support.prepared(tmp_path_factory.mktemp("demos"))


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    """The address of the server."""
    with support.gradio_server(folder, NAMES) as address:
        yield address


@pytest.fixture(scope="module")
def ask(folder: Path, base: str) -> Iterator[Ask]:
    """Ask an endpoint of a demo, in a process of its own: the client's threads and warnings are not the tests'."""
    command = [sys.executable, "-c", ASK, base]
    asking = subprocess.Popen(
        command, cwd=folder, env=support.QUIET, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asking.stdin and asking.stdout
    said = asking.stdout

    def answer(name: str, endpoint: str, *arguments: Any, who: str = "a", whole: bool = False) -> Any:
        assert asking.stdin
        asking.stdin.write(json.dumps([who, name, endpoint, arguments, whole]) + "\n")
        asking.stdin.flush()
        kind, value = json.loads(said.readline())
        if kind != "ok":
            raise Refused(f"{kind}: {value}")
        return value

    try:
        yield answer
    finally:
        asking.stdin.close()
        asking.terminate()
        asking.wait(timeout=60)
        said.close()


@pytest.fixture(autouse=True)
def no_traceback(folder: Path) -> Iterator[None]:
    """No test leaves a traceback in the server's log."""
    log = folder / "server.txt"
    before = len(log.read_bytes()) if log.exists() else 0
    yield
    new = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
    assert "Traceback" not in new, new[-3000:]


def stored(folder: Path, name: str, data: bytes) -> dict[str, str]:
    """A file to send."""
    (folder / "sent").mkdir(exist_ok=True)
    (folder / "sent" / name).write_bytes(data)
    return {"file": f"sent/{name}"}


ENDPOINTS = {
    "hello_gradio": ["/greet"],
    "every_component": ["/describe"],
    "events_and_state": ["/add", "/clear", "/count", "/show"],
    "stream_and_queue": ["/losses", "/train"],
    "text_classes": ["/classify"],
    "picture_classes": ["/from_file"],
    "object_boxes": ["/find"],
    "picture_sorter": ["/sort"],
}


def test_every_demo_is_tested() -> None:
    assert sorted(ENDPOINTS) == NAMES


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_demo_has_its_endpoints(ask: Ask, name: str) -> None:
    assert [one for one in ask(name, "api") if one in ENDPOINTS[name]] == ENDPOINTS[name]


# ---- Small demos ------------------------------------------------------------------------------------------------------


def test_hello(ask: Ask) -> None:
    assert ask("hello_gradio", "/greet", " Ada ", 3) == "Hello, Ada! Hello, Ada! Hello, Ada!"
    for nothing in ("", "  \n"):
        with pytest.raises(Refused, match=r"Type a name\."):
            ask("hello_gradio", "/greet", nothing, 1)


TABLE = {"headers": ["epoch", "loss"], "data": [[1, 0.9], [2, 0.4]]}
INPUTS = ["hello", 64, "cpu", [], False, 0.7, TABLE, None, None]
CHANGES: dict[int, tuple[Any, str]] = {
    0: ("other", "- Textbox: `'other'`"),
    1: (1, "- Number: `1`"),
    2: ("mps", "- Dropdown: `'mps'`"),
    3: (["F1"], "- CheckboxGroup: `['F1']`"),
    4: (True, "- Checkbox: `True`"),
    5: (0.5, "- Slider: `0.5`"),
    6: ({"headers": ["a"], "data": [[1]]}, "- Dataframe: `(1, 1)`"),
    7: ("picture", "- Image: `(28, 28, 3)`"),
    8: ("files", "- File: `['a.txt', 'b.txt']`"),
}


@pytest.mark.parametrize("place", CHANGES)
def test_each_component_changes_its_own_line(ask: Ask, folder: Path, place: int) -> None:
    value, line = CHANGES[place]
    if value == "picture":
        value = stored(folder, "seven.png", support.png(support.digit(support.SEVEN)))
    if value == "files":
        value = [stored(folder, "a.txt", b"a"), stored(folder, "b.txt", b"b")]
    before = ask("every_component", "/describe", *INPUTS)[0].splitlines()
    changed = [*INPUTS[:place], value, *INPUTS[place + 1 :]]
    after = ask("every_component", "/describe", *changed)[0].splitlines()
    assert after[place] == line
    assert [n for n in range(9) if before[n] != after[n]] == [place]


def test_state_is_of_one_visitor(ask: Ask) -> None:
    name = "events_and_state"
    for run in ("a", "b", "b"):
        ask(name, "/add", run)
    assert ask(name, "/show") == "1. a\n2. b"
    assert ask(name, "/show", who="b") == "none"
    with pytest.raises(Refused, match=r"A run needs a name\."):
        ask(name, "/add", "  ")
    ask(name, "/clear")
    assert ask(name, "/show") == "none"
    assert ask(name, "/count", "abc") == "3 of 30 letters"


def test_a_generator_sends_each_step(ask: Ask) -> None:
    parts = ask("stream_and_queue", "/losses", 3, whole=True)
    assert [said for said, _ in parts] == [f"step {n} of 3" for n in (1, 2, 3)]
    assert [len(curve["data"]) for _, curve in parts] == [1, 2, 3]
    assert ask("stream_and_queue", "/train", 2) == "2 steps done"


# ---- Worked demos -----------------------------------------------------------------------------------------------------


def test_text_classes(ask: Ask) -> None:
    assert ask("text_classes", "/classify", "A wonderful film, I loved it!")["label"] == "good"
    assert ask("text_classes", "/classify", "Boring, bad, a waste of time.")["label"] == "bad"
    for text, message in {"": "Write a review", "\n ": "Write a review", "电影": "No word of this is known"}.items():
        with pytest.raises(Refused, match=message):
            ask("text_classes", "/classify", text)


def test_picture_classes(ask: Ask, folder: Path) -> None:
    for row, number in ((support.SEVEN, "7"), (support.THREE, "3")):
        array = support.digit(row)
        for picture in (array, 255 - np.pad(array, 40)):
            label, _ = ask("picture_classes", "/from_file", stored(folder, "one.png", support.png(picture)))
            assert label["label"] == number
    with pytest.raises(Refused, match="Nothing is written here"):
        white = support.png(np.full((40, 40), 255, np.uint8))
        ask("picture_classes", "/from_file", stored(folder, "white.png", white))
    with pytest.raises(Refused, match="Choose a file"):
        ask("picture_classes", "/from_file", None)


@pytest.mark.parametrize("kind", support.bad_files())
@pytest.mark.parametrize(
    ("name", "more"), [("picture_classes", []), ("object_boxes", [12, 0.5])], ids=["classes", "boxes"]
)
def test_a_bad_upload_is_a_message(ask: Ask, folder: Path, name: str, more: list[float], kind: str) -> None:
    file = stored(folder, f"{kind.replace(' ', '_')}.png", support.bad_files()[kind])
    endpoint = ENDPOINTS[name][0]
    with pytest.raises(Refused) as refused:
        ask(name, endpoint, file, *more)
    told = ("Maximum file size", "exceeds", "too large") if kind == "50 MB" else ()
    assert any(text in str(refused.value) for text in (*CHECKED, *told)), refused.value
    ask(name, endpoint, stored(folder, "row.png", support.row_of_digits()), *more)  # and the demo goes on


def test_finding_objects(ask: Ask, folder: Path) -> None:
    file = stored(folder, "row.png", support.row_of_digits())
    found, number, table = ask("object_boxes", "/find", file, 12, 0.0)
    assert number == "737" and len(found["annotations"]) == len(table["data"]) == 3
    assert ask("object_boxes", "/find", file, 12, 1.0)[1] != "737"
    with pytest.raises(Refused, match="0 pieces of ink"):
        ask("object_boxes", "/find", file, 60, 0.0)
    with pytest.raises(Refused, match="Choose a file"):
        ask("object_boxes", "/find", None, 12, 0.5)


def test_the_sorter_packs_what_was_sent(ask: Ask, folder: Path) -> None:
    rows = (support.SEVEN, support.THREE)
    sent = [stored(folder, f"{row}.png", support.png(support.digit(row))) for row in rows]
    bad = [stored(folder, f"{kind}.png", data) for kind, data in support.bad_files().items() if len(data) < 10**6]
    table, archive = ask("picture_sorter", "/sort", [*sent, *bad])
    assert [into for _, into in table["data"]] == ["7", "3", *["unreadable"] * len(bad)]
    with zipfile.ZipFile(folder / archive) as packed:
        assert packed.namelist() == ["7/0000.png", "3/0001.png"]
        for name, row in zip(packed.namelist(), rows, strict=True):
            assert packed.read(name) == support.png(support.digit(row))
    for nothing in (None, []):
        with pytest.raises(Refused, match="Choose some pictures"):
            ask("picture_sorter", "/sort", nothing)


@pytest.mark.parametrize("name", ["../../outside.png", "/tmp/outside.png", "..\\outside.png", "%2e%2e/outside.png"])
def test_the_name_of_an_upload_stays_in_its_folder(ask: Ask, base: str, folder: Path, name: str) -> None:
    data = support.png(support.digit(support.SEVEN))
    border = "b0undary"
    body = f'--{border}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'.encode()
    body += b"Content-Type: image/png\r\n\r\n" + data + f"\r\n--{border}--\r\n".encode()
    request = urllib.request.Request(
        f"{base}picture_sorter/gradio_api/upload",
        body,
        {"Content-Type": f"multipart/form-data; boundary={border}"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        (path,) = json.load(answer)
    assert Path(path).resolve().read_bytes() == data
    assert Path(path).resolve().is_relative_to(Path(tempfile.gettempdir()).resolve() / "gradio")
    assert not list(folder.glob("outside*")) and not list(folder.parent.glob("outside*"))
    assert not Path("/tmp/outside.png").exists()
    sent = {"path": path, "meta": {"_type": "gradio.FileData"}}
    _, archive = ask("picture_sorter", "/sort", [sent])
    with zipfile.ZipFile(folder / archive) as packed:
        assert packed.namelist() == ["7/0000.png"]
