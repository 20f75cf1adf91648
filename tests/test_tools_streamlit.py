"""The apps of tools/streamlit_apps, run by Streamlit's own AppTest: each input changes an output, bad input gets a message."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="pip install -r tools.txt")

import app_support as support
import numpy as np
import torch
from streamlit.components.v2 import component_manager
from streamlit.testing.v1 import AppTest

from book.ground.tree import HERE
from book.source import pages
from snippets.toolkit import app_models

NAMES = sorted(
    block.name
    for block in pages.load(HERE, "tools/streamlit_apps").blocks
    if block.is_app
)  # fmt: skip
READERS = ("digit_reader", "find_digits")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The apps with the files that they read."""
    return support.prepared(tmp_path_factory.mktemp("apps"))


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the folder of the apps. No look through all installed packages for components, half a second for each app."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        component_manager.BidiComponentManager, "discover_and_register_components", lambda *_, **__: None
    )
    monkeypatch.setattr(logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context"), "disabled", True)
    yield


def opened(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(Path(f"{name}.py").resolve()), default_timeout=60)
    app.query_params.update(query)
    return fine(app.run())


def fine(app: AppTest) -> AppTest:
    assert [error.message for error in app.exception] == []
    return app


def said(app: AppTest) -> list[str]:
    """All messages of the app."""
    return [one.value for kind in (app.error, app.warning, app.info, app.success) for one in kind]


def uploaded(app: AppTest, data: bytes, name: str = "picture.png") -> AppTest:
    return fine(app.file_uploader[0].set_value((name, data, "image/png")).run())


# ---- Every app --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_app_opens_and_runs_again(name: str) -> None:
    app = opened(name)
    assert len(list(app.main)) > 1
    fine(app.run())


def test_no_app_is_forgotten() -> None:
    shown = {*NAMES} | {b.name for b in pages.load(HERE, "tools/gradio_demos").blocks if b.is_app}
    shown |= {b.name for page in HERE.pages() if page.startswith("tools/") for b in pages.load(HERE, page).blocks}
    assert {path.stem for path in support.APPS.glob("*.py")} <= shown


# ---- Small apps -------------------------------------------------------------------------------------------------------


def test_hello_needs_a_name() -> None:
    app = opened("hello_streamlit")
    for nothing in ("", "   "):
        app.text_input[0].input(nothing).run()
        assert said(app) == ["Type a name."] and not app.markdown
    app.text_input[0].input(" Ada ").run()
    app.slider[0].set_value(3).run()
    assert app.markdown[0].value == " ".join(["Hello, Ada!"] * 3) and not said(app)


WIDGETS: dict[str, tuple[Callable[[AppTest], Any], str]] = {
    "checkbox": (lambda a: a.checkbox[0].check(), "True"),
    "toggle": (lambda a: a.toggle[0].set_value(True), "True"),
    "radio": (lambda a: a.radio[0].set_value("AdamW"), "'AdamW'"),
    "selectbox": (lambda a: a.selectbox[0].select("cuda"), "'cuda'"),
    "multiselect": (lambda a: a.multiselect[0].select("AUC"), "['AUC']"),
    "slider": (lambda a: a.slider[0].set_value(0.9), "0.9"),
    "range": (lambda a: a.slider[1].set_range(1, 20), "(1, 20)"),
    "select_slider": (lambda a: a.select_slider[0].set_value(0.01), "0.01"),
    "color_picker": (lambda a: a.color_picker[0].pick("#000000"), "'#000000'"),
    "text_input": (lambda a: a.text_input[0].input("x"), "'x'"),
    "text_area": (lambda a: a.text_area[0].input("a\nb"), r"'a\nb'"),
    "number_input": (lambda a: a.number_input[0].set_value(1024), "1024"),
    "date_input": (lambda a: a.date_input[0].set_value(datetime.date(2027, 1, 1)), "datetime.date(2027, 1, 1)"),
    "time_input": (lambda a: a.time_input[0].set_value(datetime.time(0, 0)), "datetime.time(0, 0)"),
    "file_uploader": (lambda a: a.file_uploader[0].set_value(("n.txt", b"abc", "text/plain")), "('n.txt', 3)"),
    "button": (lambda a: a.button[0].click(), "True"),
    "download_button": (lambda a: a.download_button[0].click(), "True"),
}


@pytest.fixture(scope="module")
def widgets(folder: Path) -> AppTest:
    return AppTest.from_file(str(folder / "all_widgets.py"), default_timeout=60).run()


@pytest.mark.parametrize("name", WIDGETS)
def test_each_widget_changes_its_own_line_only(widgets: AppTest, name: str) -> None:
    change, value = WIDGETS[name]
    before = dict(text.value.split(": ", 1) for text in fine(widgets.run()).text)
    change(widgets)
    after = dict(text.value.split(": ", 1) for text in fine(widgets.run()).text)
    assert before[name] != after[name] == value
    once = {"button", "download_button"}
    assert {key for key in before if before[key] != after[key]} - once == {name} - once


def test_the_camera_is_asked_for_only_when_wanted() -> None:
    app = opened("all_widgets")
    assert not app.camera_input
    app.checkbox[1].check().run()
    photo = support.png(support.digit(support.SEVEN))
    fine(app.camera_input[0].set_value(("photo.jpg", photo, "image/jpeg")).run())
    assert any(text.value.startswith("camera_input: ") and text.value[14:].isdigit() for text in app.text)


def test_layout_and_status() -> None:
    app = opened("page_layout")
    app.sidebar.number_input[0].set_value(5).run()
    assert len(app.tabs[0].markdown) == 5
    app = opened("status_messages")
    app.button[2].click().run()
    assert [element.type for element in app.main].count("balloons") <= 1
    fine(app)
    app.number_input[0].set_value(0).run()
    app.button[0].click().run()
    assert "No steps: there is nothing to do." in said(app) and len(app.button) == 1


def test_state_is_of_one_session() -> None:
    app, other = opened("keep_state"), opened("keep_state")
    for name in ("a", "a", " "):
        app.text_input[0].input(name).run()
        app.button[0].click().run()
    assert app.session_state["runs"] == ["a"] and said(app) == ["A run needs a name."]
    assert fine(other.run()).metric[0].value == "0"


def test_form_sends_all_at_once() -> None:
    app = opened("form_and_fragment")
    app.slider[0].set_value(50)
    app.number_input[0].set_value(0.5)
    app.button[0].click().run()
    assert app.markdown[0].value == "rate 0.5, epochs 50, sent: True"
    app.slider[1].set_value(8).run()
    assert app.metric[0].value == "8 x"


def test_two_sessions_share_the_model_and_not_the_table() -> None:
    one, other = opened("caches"), opened("caches")
    assert one.session_state["model"] is other.session_state["model"]
    one.slider[0].set_value(9).run()
    assert len(one.dataframe[0].value) == 9 and len(fine(other.run()).dataframe[0].value) == 5
    assert one.markdown[0].value == "Columns in the cache: 2"
    fine(one.button[0].click().run())


@pytest.mark.parametrize("colour", ["<script>alert(1)</script>", "x" * 10_000, "", "\0"])
def test_an_odd_address_is_a_message(colour: str) -> None:
    app = opened("address_and_secrets", colour=colour)
    assert app.selectbox[0].value == "blue" and len(said(app)) == 2
    assert all(len(text) < 100 for text in said(app))


# ---- Readers of pictures ----------------------------------------------------------------------------------------------


def test_digit_reader_reads_however_it_is_sent() -> None:
    app = opened("digit_reader")
    for row, number in ((support.SEVEN, "7"), (support.THREE, "3")):
        array = support.digit(row)
        colour = np.stack([255 - np.pad(array, 50)] * 3, axis=2)
        clear = np.dstack([np.zeros((28, 28, 3), np.uint8), array])  # black ink on nothing
        for picture in (array, 255 - array, colour, array.repeat(7, 0).repeat(7, 1), clear):
            assert uploaded(app, support.png(picture)).metric[0].value == number
        assert app.get("arrow_vega_lite_chart") or app.get("vega_lite_chart") or len(list(app.main)) > 4
    app.radio[0].set_value("a drawing").run()
    assert said(fine(app)) == ["Draw a digit with the mouse or a finger."]
    app.radio[0].set_value("a file").run()
    assert not app.exception


@pytest.mark.parametrize("kind", support.bad_files())
@pytest.mark.parametrize("name", READERS)
def test_a_bad_upload_is_a_message(name: str, kind: str) -> None:
    app = uploaded(opened(name), support.bad_files()[kind])
    assert len(app.error) == 1 and not app.metric and not app.download_button
    assert app.error[0].value in (
        "This is not a PNG or JPEG picture.",
        "The picture has more than 4 million pixels.",
        "The file is larger than 5 MB.",
    )
    assert uploaded(app, support.row_of_digits()).metric and not app.error  # and the app goes on


@pytest.mark.parametrize("name", READERS)
def test_a_white_sheet_is_a_message(name: str) -> None:
    app = uploaded(opened(name), support.png(np.full((60, 60), 255, np.uint8)))
    assert len(said(app)) == 1 and not app.metric


@pytest.mark.parametrize("name", READERS)
def test_the_name_of_an_upload_writes_nothing(name: str, folder: Path) -> None:
    around = [*folder.iterdir(), *folder.parent.iterdir()]
    for path in ("../x.png", "/tmp/x.png", "..\\x.png", "a/../../x.png"):
        uploaded(opened(name), support.row_of_digits(), path)
    assert [*folder.iterdir(), *folder.parent.iterdir()] == around


def test_finding_digits_by_sliders() -> None:
    app = uploaded(opened("find_digits"), support.row_of_digits())
    table = app.dataframe[0].value
    assert table["digit"].tolist() == [7, 3, 7] and app.metric[0].value == "3"
    assert table["left"].is_monotonic_increasing
    app.slider[0].set_value(60).run()
    assert said(fine(app)) == ["0 pieces of ink were found; 1 to 100 can be read."]
    app.slider[0].set_value(12).run()
    app.slider[2].set_value(1.0).run()
    assert (fine(app).dataframe[0].value["probability"] == 1).all() and int(app.metric[0].value) < 3
    app.slider[2].set_value(0.0).run()
    for join in (0, 8):
        app.slider[1].set_value(join).run()
        assert int(fine(app).metric[0].value) >= 1


def test_dots_on_a_page_are_too_many() -> None:
    page = np.full((400, 400), 255, np.uint8)
    page[::20, ::20] = 0
    app = opened("find_digits")
    app.slider[0].set_value(4)
    dots = page.copy()
    for top in range(0, 400, 20):
        for left in range(0, 400, 20):
            dots[top : top + 6, left : left + 6] = 0
    assert "1 to 100 can be read." in said(uploaded(app, support.png(dots)))[0]


# ---- Reviews and auctions ---------------------------------------------------------------------------------------------


def test_sentiment() -> None:
    app = opened("review_sentiment")
    for text, message in {
        "": "Write something, or take a sample.",
        " \n ": "Write something, or take a sample.",
        "电影很好看": "No word of this is known to the network.",
        "x" * 5000: "No word of this is known to the network.",
    }.items():
        assert said(fine(app.text_area[0].input(text).run())) == [message]
    app.button[0].click().run()
    assert said(app) == ["good"]
    app.button[1].click().run()
    assert said(app) == ["bad"]
    app.text_area[0].input("<b>great</b> [great](http://example.invalid) great").run()
    assert said(fine(app))[0] in ("good", "bad")
    assert all("example" not in element.value for element in app.markdown)
    fine(app.slider[0].set_value(2).run())


def test_each_control_of_the_auction_changes_a_number() -> None:
    app = opened("ad_auction")
    before = [metric.value for metric in app.metric]
    for change in (
        lambda: app.sidebar.slider[0].set_value(200),
        lambda: app.sidebar.slider[1].set_value(2.0),
        lambda: app.sidebar.radio[0].set_value("first"),
        lambda: app.sidebar.multiselect[0].set_value(["CPM"]),
    ):
        change()
        now = [metric.value for metric in fine(app.run()).metric]
        assert now != before
        before = now
    app.sidebar.multiselect[0].set_value([]).run()
    assert said(fine(app)) == ["No bids are left: choose a kind."]


def test_an_auction_without_rows_is_a_message(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = (folder / "ad_auction.py").read_text(encoding="utf-8")
    (tmp_path / "ad_auction.py").write_text(app, encoding="utf-8")
    (tmp_path / "auctions.csv").write_text("auction,ad,kind,bid,ctr\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    import streamlit as st

    st.cache_data.clear()
    try:
        assert said(opened("ad_auction")) == ["No bids are left: choose a kind."]
    finally:
        st.cache_data.clear()


# ---- The networks that they read --------------------------------------------------------------------------------------


def test_networks_depend_on_their_seed_alone(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(number)
        assert 0.5 < app_models.save_digits(tmp_path / f"{number}.pt", epochs=1, seed=seed) < 1
    drawn = torch.rand(1)
    assert torch.equal(drawn, torch.rand(1, generator=torch.Generator().manual_seed(2)))  # nothing was drawn from it
    one, same, other = (torch.load(tmp_path / f"{n}.pt", weights_only=True)["5.weight"] for n in range(3))
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda path: app_models.save_digits(path, epochs=0), "epochs must be at least 1, got 0"),
        (lambda path: app_models.save_reviews(path, reviews=0), "reviews and words must be positive, got 0, 5000"),
        (lambda path: app_models.save_reviews(path, words=-1), "reviews and words must be positive, got 6000, -1"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        call(tmp_path / "x.pt")
    assert not list(tmp_path.iterdir())
