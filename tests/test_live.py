"""snippets/toolkit/live.py and the TensorBoard callback: any loop, as many points as were logged, little cost."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from book.ground.tree import HERE
from snippets.toolkit import live
from snippets.toolkit.callbacks import live_curve, tensorboard
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.live import LivePlot, read_history

NAN = float("nan")
BATCHES = [(torch.ones(4, 2), torch.ones(4, 1))] * 3


def model(**options: object) -> KerasModel:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    return KerasModel(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.01), **options)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[plt.Figure]:
    """The figures that a script shows; they are closed here."""
    found: list[plt.Figure] = []
    monkeypatch.setattr(plt, "show", lambda: found.extend(plt.figure(n) for n in plt.get_fignums()))
    yield found
    plt.close("all")


def lines(figure: plt.Figure) -> dict[str, list[list[float]]]:
    return {str(line.get_label()): line.get_xydata().tolist() for axes in figure.axes for line in axes.lines}


# ---- What it holds ---------------------------------------------------------------------------------------------------


def test_the_png_has_as_many_points_as_were_logged(tmp_path: Path, shown: list[plt.Figure]) -> None:
    losses, scores = [3.0, 1.0, NAN, 2.0], [0.2, 0.5, 0.9, 0.7]
    with LivePlot("val_loss", path=tmp_path / "run.png") as plot:
        for step in range(12):
            plot.log(step, loss=1 / (step + 1))
        for epoch, (loss, score) in enumerate(zip(losses, scores, strict=True), 1):
            plot.log_epoch(epoch, val_loss=torch.tensor(loss), score=np.float32(score))
    read = read_history(tmp_path / "run.png")
    assert [len(points) for points in read["step"].values()] == [12]
    assert {name: len(points) for name, points in read["epoch"].items()} == {"val_loss": 4, "score": 4}
    assert read["epoch"]["score"] == [[i + 1, pytest.approx(s)] for i, s in enumerate(scores)]
    assert read["epoch"]["val_loss"][:2] == [[1, 3.0], [2, 1.0]] and math.isnan(read["epoch"]["val_loss"][2][1])
    (figure,) = shown
    drawn = lines(figure)
    assert {name: len(points) for name, points in drawn.items()} == {"loss": 12, "val_loss": 4, "score": 4, "best": 1}
    assert drawn["best"] == [[2.0, 1.0]]
    assert [axes.get_xlabel() for axes in figure.axes] == ["step", "epoch"]
    assert list(tmp_path.iterdir()) == [tmp_path / "run.png"]
    assert plot.draws == 2  # the file's and the figure at the end: a script shows nothing before


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("min", [2.0, 1.0, 1.0, NAN], (1, 1.0)),
        ("max", [2.0, 3.0, NAN, 3.0], (1, 3.0)),
        ("max", [NAN, NAN], None),
        (None, [2.0, 1.0], (1, 1.0)),
    ],
)
@pytest.mark.parametrize("kind", ["log", "log_epoch"])
def test_the_best_point_is_the_first_of_the_best(
    mode: str | None, values: list[float], best: tuple[int, float] | None, kind: str
) -> None:
    plot = LivePlot("val_loss", mode)
    for at, value in enumerate(values):
        getattr(plot, kind)(at, val_loss=value)
    assert plot.best() == best
    assert LivePlot().best() is None and LivePlot("loss").best() is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LivePlot(3), TypeError, "monitor must be str or None, got 3"),
        (lambda: LivePlot("auc"), ValueError, "mode=None: choose from min, max"),
        (lambda: LivePlot("auc", "highest"), ValueError, "mode='highest': choose from min, max"),
        (lambda: LivePlot(mode="max"), ValueError, "mode needs monitor"),
        (lambda: LivePlot(path=3), TypeError, "path must be str or PathLike or None, got 3"),
        (lambda: LivePlot().log("one", loss=1.0), TypeError, "step must be int or float, got 'one'"),
        (lambda: LivePlot().log(True, loss=1.0), TypeError, "step must be int or float, got True"),
        (lambda: LivePlot().log(NAN, loss=1.0), ValueError, "step must be above -inf, got nan"),
        (lambda: LivePlot().log_epoch(None, loss=1.0), TypeError, "epoch must be int or float, got NoneType"),
        (lambda: LivePlot().log(1), ValueError, "step 1 has no number: write name=number behind it"),
        (lambda: LivePlot().log(1, loss="low"), TypeError, "loss must be one number, got str 'low'"),
        (lambda: LivePlot().log(1, loss=None), TypeError, "loss must be one number, got NoneType None"),
        (lambda: LivePlot().log(1, loss=torch.ones(2)), TypeError, "loss must be one number, got Tensor"),
        (lambda: LivePlot().log(1, loss=np.ones(2)), TypeError, "loss must be one number, got ndarray"),
    ],
)
def test_wrong_arguments(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_a_wrong_number_leaves_the_history_whole() -> None:
    plot = LivePlot()
    with pytest.raises(TypeError, match="other must be one number"):
        plot.log(1, loss=1.0, other="x")
    assert plot.history == {"step": {}, "epoch": {}}


def test_nothing_logged_shows_nothing(tmp_path: Path, shown: list[plt.Figure]) -> None:
    with LivePlot(path=tmp_path / "run.png"):
        pass
    assert shown == [] and list(tmp_path.iterdir()) == []


# ---- Where it shows --------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_at_most_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, clock = Terminal(), [0.0]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    with LivePlot("loss") as plot:
        for step in range(80):  # ten seconds
            plot.log(step, loss=abs(step - 50) + 1)
            clock[0] += 0.125
    text = terminal.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    written = text.strip("\n").split("\r\x1b[K")[1:]
    assert len(written) == 21  # 20 in ten seconds, and the last
    assert written[0] == "step 0: loss 51 (best loss 51 at 0)"
    assert written[-1] == "step 79: loss 30 (best loss 1 at 50)"
    assert plot.draws == 0


def kernel(code: str) -> list[dict[str, object]]:
    """The outputs of one cell in a real kernel."""
    from nbclient import NotebookClient

    start = f"import sys\nsys.path.insert(0, {str(HERE.root)!r})\n"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(start + textwrap.dedent(code))])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return book.cells[0].outputs


def test_a_notebook_has_one_figure_that_is_drawn_at_most_twice_a_second() -> None:
    outputs = kernel("""
        import base64, io, json, time
        from PIL import Image
        from snippets.toolkit.live import LivePlot
        began = time.monotonic()
        with LivePlot("loss") as plot:
            step = 0
            while plot.draws < 4 and time.monotonic() - began < 60:  # a busy machine draws more slowly
                plot.log(step, loss=1 / (1 + step))
                step += 1
                time.sleep(0.01)
        seconds = time.monotonic() - began
        print(json.dumps([step, plot.draws, seconds]))
    """)
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 1
    (text,) = [o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout"]
    steps, draws, seconds = json.loads(text)
    assert 5 <= draws <= 2 * seconds + 2, "at most two a second, the first and the last"
    import base64

    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(pictures[0]["data"]["image/png"]))) as image:
        read = json.loads(image.text["Description"])
    assert len(read["step"]["loss"]) == steps  # the figure that stays shows all


def test_a_script_shows_the_figure_at_the_end(tmp_path: Path) -> None:
    program = """
        import matplotlib.pyplot as plt
        from snippets.toolkit.live import LivePlot
        plt.show = lambda: print("figures:", len(plt.get_fignums()), "lines:", len(plt.gca().lines))
        with LivePlot("loss", path="run.png") as plot:
            for epoch in range(3):
                plot.log_epoch(epoch, loss=3.0 - epoch)
                print("epoch", epoch)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(HERE.root), "MPLBACKEND": "agg", "HOME": str(tmp_path)}, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["epoch 0", "epoch 1", "epoch 2", "figures: 1 lines: 2"]
    assert len(read_history(tmp_path / "run.png")["epoch"]["loss"]) == 3


# ---- Any loop --------------------------------------------------------------------------------------------------------


def test_with_scikit_learn(shown: list[plt.Figure]) -> None:
    from sklearn.linear_model import SGDClassifier

    rows = np.random.default_rng(0).normal(size=(60, 2))
    labels = (rows[:, 0] > 0).astype(int)
    learner = SGDClassifier(random_state=0)
    with LivePlot("score", "max") as plot:
        for step in range(5):
            learner.partial_fit(rows, labels, classes=[0, 1])
            plot.log(step, score=learner.score(rows, labels))
    assert len(lines(shown[0])["score"]) == 5 and plot.best()[1] > 0.9


def test_live_curve_of_a_model(shown: list[plt.Figure]) -> None:
    fitted = model()
    fitted.fit(BATCHES, epochs=2)
    fitted.fit(BATCHES, BATCHES, epochs=3, callbacks=[live_curve("loss", "val_loss", monitor="val_loss")])
    drawn = lines(shown[0])
    assert [x for x, _ in drawn["loss"]] == [1, 2, 3, 4, 5]  # the whole history
    assert [x for x, _ in drawn["val_loss"]] == [3, 4, 5]
    assert [y for _, y in drawn["loss"]] == [row["loss"] for row in fitted.history]
    best = min(fitted.history[2:], key=lambda row: row["val_loss"])
    assert drawn["best"] == [[best["epoch"], best["val_loss"]]]


def test_live_curve_is_short() -> None:
    import inspect

    body = inspect.getsource(live_curve.__wrapped__).partition('"""\n')[2].strip().rpartition('"""')[2].strip()
    assert len([line for line in body.splitlines() if line.strip()]) <= 10


# ---- TensorBoard -----------------------------------------------------------------------------------------------------


def events(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), size_guidance={"histograms": 0, "tensors": 0})
    read.Reload()
    return read


def test_by_default_tensorboard_has_scalars_alone(tmp_path: Path) -> None:
    model().fit(BATCHES, BATCHES, epochs=2, callbacks=[tensorboard(tmp_path)])
    tags = events(tmp_path).Tags()
    assert sorted(tags["scalars"]) == ["loss", "lr", "val_loss"]
    assert (tags["histograms"], tags["images"], tags["graph"]) == ([], [], False)


def test_histograms_graph_rates_figures_and_hparams(tmp_path: Path) -> None:
    fitted = model()
    fitted.optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "lr": 0.5})

    def figure(model: KerasModel) -> plt.Figure:
        made = plt.figure()
        made.add_subplot().plot([len(model.history)] * 2)
        return made

    writing = tensorboard(
        tmp_path, histograms=2, graph=torch.ones(1, 2), figures={"curve": figure}, hparams={"width": 3, "kind": "mlp"}
    )
    plain = model()
    plain.optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "lr": 0.5})
    torch.manual_seed(1)
    plain.fit(BATCHES, BATCHES, epochs=4)
    torch.manual_seed(1)
    fitted.fit(BATCHES, BATCHES, epochs=4, callbacks=[writing])
    assert fitted.history == plain.history  # what is written changes no training, dropout's numbers included
    read = events(tmp_path)
    tags = read.Tags()
    names = [f"{kind}/{k}/{part}" for kind in ("gradients", "weights") for k in (0, 2) for part in ("bias", "weight")]
    assert sorted(tags["histograms"]) == sorted(names)
    assert [h.step for h in read.Histograms("weights/0/weight")] == [2, 4]
    newest = read.Histograms("weights/0/weight")[-1].histogram_value
    assert (newest.num, newest.max) == (6, pytest.approx(fitted.net[0].weight.max().item()))
    gradients = read.Histograms("gradients/2/weight")[-1].histogram_value
    assert gradients.min == pytest.approx(fitted.net[2].weight.grad.min().item())
    assert [s.value for s in read.Scalars("lr_of_group/1")] == [0.5] * 4
    assert tags["graph"]
    assert any("Linear" in node.name for node in read.Graph().node)
    assert [i.step for i in read.Images("curve")] == [1, 2, 3, 4]
    assert read.Scalars("last/val_loss")[0].value == pytest.approx(fitted.history[-1]["val_loss"])
    assert any("hparams" in str(path) or b"hparams" in path.read_bytes() for path in tmp_path.iterdir())


def test_wrong_options_of_tensorboard(tmp_path: Path) -> None:
    fitted = model()
    for value, message in (("all", "histograms must be int, got 'all'"), (True, "got True"), (-1, "at least 0")):
        with pytest.raises((TypeError, ValueError), match=message):
            fitted.fit(BATCHES, callbacks=[tensorboard(tmp_path, histograms=value)])
    assert fitted.history == []
