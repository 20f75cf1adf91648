"""Tracking and sweeps without a server: snippets/toolkit/run_files.py, tracking.py and search.py, and what wandb says without a key."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from book.ground.tree import HERE
from book.source import sections
from snippets.toolkit.run_files import HEAD, payloads, read_run

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("WANDB_")},
    "PYTHONPATH": str(HERE.root),
    "OMP_NUM_THREADS": "1",
    **{f"WANDB_{name}": "true" for name in ("SILENT", "DISABLE_CODE", "DISABLE_GIT")},
    "WANDB_MODE": "offline",
    "WANDB_CONSOLE": "off",
}


def program(code: str, folder: Path, *, fails: bool = False) -> str:
    """Run a program in a folder, all of W&B's own folders there; give what it printed."""
    places = {f"WANDB_{kind}_DIR": str(folder) for kind in ("CACHE", "CONFIG", "DATA", "ARTIFACT")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder, env={**ENVIRONMENT, **places, "WANDB_DIR": str(folder)}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done.stderr[-3000:]
    return done.stdout


def run_folder(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"wandb/offline-run-*-{name}")
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three real runs: one of all kinds, one longer than two blocks, one that crashed."""
    folder = tmp_path_factory.mktemp("runs")
    program(
        """
        import numpy as np
        import wandb

        with wandb.init(project="p", id="kinds", name="n", group="g", tags=["a", "b"], notes="no", config={"lr": 0.1}) as run:
            run.define_metric("valid/*", step_metric="epoch")
            run.log({"loss": 1.5, "deep": {"er": {"x": 1}}, "word": "yes", "none": float("nan")})
            run.log({"a": 1}, commit=False)
            run.log({"b": 2})
            picture = lambda: wandb.Image(np.eye(4))
            run.log({"table": wandb.Table(columns=["n", "p"], data=[[1, picture()], [2, picture()]])})
            run.config.update({"lr": 0.2, "net": {"width": 3}}, allow_val_change=True)
            run.summary["best"] = 0.75
            run.alert("high", "too high")
            with open("data.txt", "w") as file:
                file.write("rows")
            data = wandb.Artifact("rows", "dataset", metadata={"rows": 1})
            data.add_file("data.txt")
            run.log_artifact(data)
        with wandb.init(project="p", id="long") as run:
            for step in range(400):
                run.log({"step": step, "text": "x" * (step % 7) * 60})
        """,
        folder,
    )
    program(
        """
        import wandb

        with wandb.init(project="p", id="crashed") as run:
            run.log({"loss": 1.0})
            raise ZeroDivisionError
        """,
        folder,
        fails=True,
    )
    return folder


def test_all_that_a_run_keeps(written: Path) -> None:
    run = read_run(run_folder(written, "kinds"))
    said = {name: run.about[name] for name in ("run_id", "project", "display_name", "run_group", "tags", "notes")}
    assert said == {
        "run_id": "kinds",
        "project": "p",
        "display_name": "n",
        "run_group": "g",
        "tags": ["a", "b"],
        "notes": "no",
    }
    assert run.config == {"lr": 0.2, "net": {"width": 3}}
    first, second, third = run.history
    assert (first["_step"], first["loss"], first["deep"], first["word"]) == (0, 1.5, {"er": {"x": 1}}, "yes")
    assert first["none"] != first["none"]
    assert second == {"_step": 1, "a": 1, "b": 2}
    assert third["table"]["_type"] == "table-file"
    assert (run.summary["best"], run.summary["loss"], run.summary["deep"]) == (0.75, 1.5, {"er": {"x": 1}})
    assert run.metrics["valid/*"] == "epoch"
    assert run.alerts == [{"title": "high", "text": "too high"}]
    assert [(one["name"], one["type"]) for one in run.artifacts if one["type"] == "dataset"] == [("rows", "dataset")]
    assert run.file("data.txt").read_text() == "rows"
    assert run.exit_code == 0


def test_a_table_and_its_pictures(written: Path) -> None:
    run = read_run(run_folder(written, "kinds"))
    columns, rows = run.table("table")
    assert columns == ["n", "p"]
    assert [row[0] for row in rows] == [1, 2]
    assert all(run.file(row[1]["path"]).read_bytes().startswith(b"\x89PNG") for row in rows)
    with pytest.raises(KeyError, match="no table was logged as 'tabel'"):
        run.table("tabel")
    with pytest.raises(FileNotFoundError, match=r"'media/none.png' is in no file or artifact"):
        run.file("media/none.png")


def test_records_that_cross_blocks(written: Path) -> None:
    (file,) = run_folder(written, "long").glob("*.wandb")
    assert file.stat().st_size > 2 * (1 << 15)
    rows = read_run(file).history
    assert [row["step"] for row in rows] == list(range(400))
    assert [len(row["text"]) for row in rows] == [60 * (step % 7) for step in range(400)]


def test_a_crashed_run_is_marked(written: Path) -> None:
    run = read_run(run_folder(written, "crashed"))
    assert run.exit_code == 1
    assert [row["loss"] for row in run.history] == [1.0]


@pytest.mark.parametrize("seed", range(20))
def test_a_file_cut_anywhere_gives_its_whole_records(written: Path, tmp_path: Path, seed: int) -> None:
    (file,) = run_folder(written, "long").glob("*.wandb")
    data = file.read_bytes()
    whole = list(payloads(data))
    place = random.Random(seed).randrange(len(HEAD), len(data))
    cut = list(payloads(data[:place]))
    assert cut == whole[: len(cut)]
    assert len(cut) < len(whole)
    path = tmp_path / "run-cut.wandb"
    path.write_bytes(data[:place])
    run = read_run(path)
    assert run.exit_code is None
    assert [row["step"] for row in run.history] == list(range(len(run.history)))


@pytest.mark.parametrize("seed", range(10))
def test_a_changed_byte_is_told(written: Path, tmp_path: Path, seed: int) -> None:
    (file,) = run_folder(written, "kinds").glob("*.wandb")
    data = bytearray(file.read_bytes())
    place = random.Random(seed).randrange(len(HEAD), len(data))
    data[place] ^= 0x55
    path = tmp_path / "run-changed.wandb"
    path.write_bytes(data)
    whole = list(payloads(file.read_bytes()))
    try:
        found = list(payloads(bytes(data)))
    except ValueError as error:
        assert "doesn't fit its checksum" in str(error)
        with pytest.raises(ValueError, match=r"run-changed.wandb: the record at byte \d+"):
            read_run(path)
    else:  # a length that now leads beyond the end reads as cut off
        assert len(found) < len(whole)


@pytest.mark.parametrize(
    "data",
    [b"", b":W&B", b"PK\x03\x04 and more", b'{"loss": 1}\n', bytes(1000)],
    ids=["empty", "begun", "zip", "json", "zeros"],
)
def test_foreign_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "run-foreign.wandb"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"run-foreign.wandb: no run of W&B"):
        read_run(path)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="0 files"):
        read_run(tmp_path)
    with pytest.raises(FileNotFoundError, match="0 files"):
        read_run(tmp_path / "nowhere")


def test_a_killed_run_can_be_read(tmp_path: Path) -> None:
    """The program and the service are killed in the middle: rows up to some step are there, in order, and no end."""
    code = """
        import time

        import psutil
        import wandb

        run = wandb.init(project="p", id="killed")
        for step in range(300):
            run.log({"step": step, "text": "x" * 500})
        time.sleep(1)
        print([child.pid for child in psutil.Process().children(recursive=True)], flush=True)
        time.sleep(100)
    """
    place = {f"WANDB_{kind}": str(tmp_path) for kind in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "ARTIFACT_DIR")}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env={**ENVIRONMENT, **place},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        children = json.loads(running.stdout.readline())
        for process in (*children, running.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    run = read_run(run_folder(tmp_path, "killed"))
    assert run.exit_code is None
    assert [row["step"] for row in run.history] == list(range(len(run.history)))
    assert run.history


def test_wait_returns_when_the_end_is_there(written: Path) -> None:
    started = time.monotonic()
    read_run(run_folder(written, "kinds"), wait=30)
    assert time.monotonic() - started < 10


# ---- The callback ----------------------------------------------------------------------------------------------------


TRAIN = """
    import sys

    import torch
    from torch import nn
    from snippets.toolkit.keras_model import KerasModel
    from snippets.toolkit.metrics import accuracy
    from snippets.toolkit.tracking import tracked

    torch.manual_seed(0)
    x = torch.randn(60, 4)
    y = (x.sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(4, 2))
    model = KerasModel(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.5), {"accuracy": accuracy})
"""


def test_the_callback_keeps_config_best_weights_and_answers(tmp_path: Path) -> None:
    code = (
        TRAIN
        + """
    net.eval()
    run = tracked(project="p", id="t", config={"batch": 60}, examples=(x, y), picture=lambda row: row.view(2, 2).numpy(), most=3)
    history = model.fit([(x, y)], [(x, y)], epochs=4, callbacks=[run])
    import json
    print(json.dumps(history))
    """
    )
    history = json.loads(program(code, tmp_path).splitlines()[-1])
    run = read_run(run_folder(tmp_path, "t"))
    rows = [row for row in run.history if "loss" in row]
    assert [{k: v for k, v in row.items() if k not in ("_step", "answers")} for row in rows] == history
    assert [row["_step"] for row in rows] == [1, 2, 3, 4]
    assert run.config["batch"] == 60
    assert (run.config["net"], run.config["parameters"]) == ("Sequential", 10)
    assert (run.config["optimizer"]["name"], run.config["optimizer"]["lr"]) == ("SGD", 0.5)
    best = min(history, key=lambda row: row["val_loss"])
    (model,) = [one for one in run.artifacts if one["type"] == "model"]
    assert model["metadata"] == best
    assert run.summary["val_loss"] == {"min": best["val_loss"]}
    import torch

    state = torch.load(run.file("best.pt"), weights_only=True)
    assert sorted(state) == ["0.bias", "0.weight"]
    columns, answers = run.table("answers")
    assert columns == ["number", "label", "answer", "probability", "right", "picture"]
    right = [row for row in answers if row[4]]
    wrong = [row for row in answers if not row[4]]
    assert len(right) == 3
    assert all(row[1] == row[2] for row in right)
    assert all(row[1] != row[2] for row in wrong)
    assert [row[3] for row in right] == sorted(row[3] for row in right)
    assert [row[3] for row in wrong] == sorted((row[3] for row in wrong), reverse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('"val_los"', "mode"),
        ('"accuracy", "biggest"', "mode='biggest'"),
        ("3", "monitor must be str, got 3"),
        ("most=0", "most must be at least 1, got 0"),
        ('"val_los", "min"', "monitor='val_los': a row has epoch, lr, loss, accuracy"),
    ],
)
def test_wrong_arguments_of_the_callback(tmp_path: Path, arguments: str, message: str) -> None:
    code = (
        TRAIN
        + f"""
    try:
        model.fit([(x, y)], epochs=1, callbacks=[tracked({arguments}, project="p", id="w")])
    except (TypeError, ValueError, KeyError) as error:
        print(type(error).__name__, error)
    else:
        print("none")
    """
    )
    assert message in program(code, tmp_path).replace('"', "")


def test_a_training_that_fails_marks_its_run(tmp_path: Path) -> None:
    code = (
        TRAIN
        + """
    def stop(model, row):
        raise RuntimeError("no more")

    model.fit([(x, y)], epochs=3, callbacks=[tracked("loss", project="p", id="f"), stop])
    """
    )
    program(code, tmp_path, fails=True)
    run = read_run(run_folder(tmp_path, "f"))
    assert run.exit_code == 1
    assert len(run.history) == 1


# ---- What needs a key ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", ["wandb.Api()", 'wandb.sweep({"parameters": {}}, project="p")', 'wandb.agent("p/s", lambda: None)']
)
def test_without_a_key_there_is_a_message(tmp_path: Path, call: str) -> None:
    code = f"""
        import wandb

        try:
            {call}
        except wandb.errors.UsageError as error:
            print(error)
    """
    assert "No API key configured" in program(code, tmp_path)


# ---- The local agent -------------------------------------------------------------------------------------------------

SWEEP: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
        "width": {"values": [4, 8]},
        "epochs": {"value": 3},
    },
}


@pytest.fixture
def search() -> ModuleType:
    """The toolkit's module, which imports the engine when it is used."""
    pytest.importorskip("sweeps")
    from snippets.toolkit import search

    return search


def quick(settings: dict[str, Any], report: Callable[..., None]) -> None:
    for epoch in range(settings["epochs"]):
        report(loss=settings["lr"] / (epoch + 1))


def test_an_agent_works_through_the_queue(search: ModuleType, tmp_path: Path) -> None:
    queue = search.Queue(tmp_path / "q.db", SWEEP, count=5)
    search.agent(queue, quick)
    trials = queue.trials()
    assert [t["number"] for t in trials] == [0, 1, 2, 3, 4]
    assert {t["state"] for t in trials} == {"finished"}
    for t in trials:
        assert t["rows"] == [{"loss": t["settings"]["lr"] / epoch} for epoch in (1, 2, 3)]
        assert 0.001 <= t["settings"]["lr"] <= 1
        assert t["settings"]["width"] in (4, 8)
    assert len({t["settings"]["lr"] for t in trials}) == 5
    assert queue.take() is None


def test_the_seed_decides_and_global_generators_stay(search: ModuleType, tmp_path: Path) -> None:
    import numpy as np

    search.engine()  # its first import draws
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 50)):
        random.seed(3)
        np.random.seed(3)
        queue = search.Queue(tmp_path / f"{name}.db", SWEEP, count=3, seed=seed)
        search.agent(queue, quick)
        found.append([t["settings"] for t in queue.trials()])
        states = random.random(), np.random.rand()
        random.seed(3)
        np.random.seed(3)
        assert states == (random.random(), np.random.rand())
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_grid_ends_by_itself(search: ModuleType, tmp_path: Path) -> None:
    grid = {
        "method": "grid",
        "parameters": {"lr": {"values": [0.1, 0.2]}, "width": {"values": [4, 8]}, "epochs": {"value": 1}},
    }
    queue = search.Queue(tmp_path / "q.db", grid, count=100)
    search.agent(queue, quick)
    assert [(t["settings"]["lr"], t["settings"]["width"]) for t in queue.trials()] == [
        (0.1, 4),
        (0.1, 8),
        (0.2, 4),
        (0.2, 8),
    ]


def test_bayes_searches_too(search: ModuleType, tmp_path: Path) -> None:
    queue = search.Queue(tmp_path / "q.db", {**SWEEP, "method": "bayes"}, count=4)
    search.agent(queue, quick)
    assert [t["state"] for t in queue.trials()] == ["finished"] * 4


def test_an_error_marks_its_trial_and_the_search_goes_on(search: ModuleType, tmp_path: Path) -> None:
    def fails(settings: dict[str, Any], report: Callable[..., None]) -> None:
        report(loss=1.0)
        if settings["width"] == 8:
            raise RuntimeError("too wide")

    queue = search.Queue(tmp_path / "q.db", SWEEP, count=8)
    search.agent(queue, fails)
    states = {t["settings"]["width"]: (t["state"], t["note"]) for t in queue.trials()}
    assert states == {4: ("finished", ""), 8: ("crashed", "RuntimeError: too wide")}
    assert all(t["rows"] == [{"loss": 1.0}] for t in queue.trials())


def test_a_killed_worker_is_marked_by_the_next(search: ModuleType, tmp_path: Path) -> None:
    code = f"""
        import os, signal
        from snippets.toolkit.search import Queue, agent

        def dies(settings, report):
            report(loss=1.0)
            os.kill(os.getpid(), signal.SIGKILL)

        agent(Queue("q.db", {SWEEP!r}, count=3), dies)
    """
    program(code, tmp_path, fails=True)
    queue = search.Queue(tmp_path / "q.db", SWEEP, count=3)
    assert [t["state"] for t in queue.trials()] == ["running"]
    search.agent(queue, quick)
    assert [t["state"] for t in queue.trials()] == ["crashed", "finished", "finished"]
    assert queue.trials()[0]["note"] == "its process ended"


def test_processes_share_a_queue_without_taking_a_trial_twice(search: ModuleType, tmp_path: Path) -> None:
    code = f"""
        import time
        from snippets.toolkit.search import Queue, agent

        def slow(settings, report):
            for epoch in range(3):
                report(loss=settings["lr"] / (epoch + 1))
                time.sleep(0.05)

        agent(Queue("q.db", {SWEEP!r}, count=12), slow)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    workers = [subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    alone = search.Queue(tmp_path / "alone.db", SWEEP, count=12)
    search.agent(alone, quick)
    shared = search.Queue(tmp_path / "q.db", SWEEP, count=12).trials()
    assert [(t["number"], t["settings"], t["rows"]) for t in shared] == [
        (t["number"], t["settings"], t["rows"]) for t in alone.trials()
    ]


def test_bad_trials_are_stopped_early(search: ModuleType, tmp_path: Path) -> None:
    config = {**SWEEP, "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2}}
    queue = search.Queue(tmp_path / "q.db", config, count=10)
    search.agent(queue, quick)
    trials = queue.trials()
    killed = [t for t in trials if t["state"] == "killed"]
    assert killed
    assert all(len(t["rows"]) < 3 for t in killed)
    best = min(trials, key=lambda t: t["settings"]["lr"])
    assert best["state"] == "finished"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "bayesian"}, "'bayesian' is not one of"),
        ({"method": None}, "None is not one of"),
        ({"parameters": {}}, "no parameters"),
        ({"parameters": {"lr": {"min": 1.0, "max": 0.1}}}, "min 1.0 is not less than max 0.1"),
        ({"parameters": {"lr": {"distribution": "uniform", "min": 1.0}}}, "not valid under any of the given schemas"),
        ({"metric": {"name": "loss", "goal": "min"}}, "'min' is not one of"),
        ({"method": "bayes", "metric": ...}, "method bayes needs a metric"),
        ({"metric": ..., "early_terminate": {"type": "hyperband", "min_iter": 1}}, "early_terminate needs a metric"),
    ],
)
def test_bad_configs_are_refused(search: ModuleType, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    config = {key: value for key, value in {**SWEEP, **change}.items() if value is not ...}
    with pytest.raises(ValueError, match="sweep config: ") as refused:
        search.Queue(tmp_path / "q.db", config, count=1)
    assert message in str(refused.value)


def test_two_trials_with_different_values_give_different_weights(search: ModuleType, tmp_path: Path) -> None:
    import torch
    from torch import nn

    weights = {}

    def train(settings: dict[str, Any], report: Callable[..., None]) -> None:
        torch.manual_seed(0)
        net = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=settings["lr"])
        x, y = torch.randn(20, 3), torch.randn(20, 1)
        for _ in range(settings["epochs"]):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            report(loss=loss.item())
        weights[settings["lr"]] = net.weight.detach().clone()

    search.agent(search.Queue(tmp_path / "q.db", SWEEP, count=2), train)
    first, second = weights.values()
    assert not torch.allclose(first, second)


def test_yaml_equals_the_dict_of_the_page() -> None:
    import yaml

    file = HERE.snippets / "tools" / "wandb_sweeps.py"
    found = {
        name: section.code for name, section in sections.parse(file.read_text(encoding="utf-8"), file.name).items()
    }
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(found["sweep_config"], names)
    text = found["yaml_file"].split('"""\\\n')[1].split('"""')[0]
    assert yaml.safe_load(text) == names["sweep"]
