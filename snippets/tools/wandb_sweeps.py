# --8<-- [start:sweep_config]
import yaml

sweep = {
    "method": "random",
    "metric": {"name": "val_loss", "goal": "minimize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 3.0},
        "momentum": {"distribution": "uniform", "min": 0.0, "max": 0.95},
        "width": {"values": [8, 16, 32]},
        "epochs": {"value": 8},
    },
}
print(yaml.safe_dump(sweep, sort_keys=False))
# --8<-- [end:sweep_config]

# --8<-- [start:yaml_file]
from pathlib import Path

text = """\
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 3.0}
  momentum: {distribution: uniform, min: 0.0, max: 0.95}
  width: {values: [8, 16, 32]}
  epochs: {value: 8}
"""
Path("sweep.yaml").write_text(text, encoding="utf-8")
read = yaml.safe_load(Path("sweep.yaml").read_text(encoding="utf-8"))
assert read == sweep
print("1e-3 is read as", repr(yaml.safe_load("1e-3")))
print("1.0e-3 is read as", repr(yaml.safe_load("1.0e-3")))
# --8<-- [end:yaml_file]

# --8<-- [start:config_errors]
from importlib.metadata import version

from snippets.toolkit.search import check_config

parameters = sweep["parameters"]
wrong = [
    {**sweep, "method": "bayesian"},
    {**sweep, "metric": {"name": "val_loss", "goal": "min"}},
    {**sweep, "parameters": {"lr": {"min": 3.0, "max": 0.001}}},
    {"method": "bayes", "parameters": parameters},
]
print("sweeps", version("sweeps"))
for config in wrong:
    try:
        check_config(config)
    except ValueError as error:
        print(error)
check_config(sweep)
# --8<-- [end:config_errors]

# --8<-- [start:distributions]
import numpy as np
import pandas as pd

from snippets.toolkit.search import suggest

between = {"min": 0.001, "max": 3.0}
distributions = {
    "uniform": {"distribution": "uniform", **between},
    "log_uniform_values": {"distribution": "log_uniform_values", **between},
    "q_uniform": {"distribution": "q_uniform", **between, "q": 0.5},
    "normal": {"distribution": "normal", "mu": 0.5, "sigma": 0.2},
}
rows = {}
for name, distribution in distributions.items():
    config = {"method": "random", "parameters": {"lr": distribution}}
    drawn = [suggest(config, [], seed).config["lr"]["value"] for seed in range(100)]
    below = np.mean(np.array(drawn) < 0.1)
    rows[name] = {"smallest": min(drawn), "largest": max(drawn), "below 0.1": below}
table = pd.DataFrame(rows).T.round(3)
assert table.loc["uniform", "below 0.1"] < 0.08 and table.loc["q_uniform"].min() == 0
assert 0.5 < table.loc["log_uniform_values", "below 0.1"] < 0.75
table
# --8<-- [end:distributions]

# --8<-- [start:next_run]
import random

import numpy as np

from snippets.toolkit.search import engine, suggest

grid = {
    "method": "grid",
    "parameters": {"lr": {"values": [0.1, 1.0]}, "width": {"values": [8, 32]}},
}
runs = []
while (run := engine().next_run(grid, runs)) is not None:
    run.state = "finished"
    runs.append(run)
    print({name: said["value"] for name, said in run.config.items()})
assert len(runs) == 4


drawn = []
for other in (1, 2):
    np.random.seed(0)
    random.seed(other)  # random search draws from this generator
    drawn.append(engine().next_run(sweep, []).config["lr"]["value"])
print("NumPy's seed alone: equal:", drawn[0] == drawn[1])
drawn = [suggest(sweep, [], seed=0).config["lr"]["value"] for _ in range(2)]
print("both seeded: equal:", drawn[0] == drawn[1])
# --8<-- [end:next_run]

# --8<-- [start:fit]
import functools

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


@functools.cache
def digits():
    """Training, validation and test pictures (N, 64) and labels (N,)."""
    data = load_digits()
    x = torch.from_numpy(data.data) / 16
    y = torch.from_numpy(data.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [(x[rows], y[rows]) for rows in order.split([800, 500, 497])]


def fit(settings, report, seed=0):
    """Train a net; report the validation loss after each epoch."""
    (x, y), (valid_x, valid_y), _ = digits()
    torch.manual_seed(seed)
    width = settings["width"]
    net = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10)).double()
    optimizer = torch.optim.SGD(net.parameters(), settings["lr"], settings["momentum"])
    for _ in range(settings["epochs"]):
        for rows in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            report(val_loss=F.cross_entropy(net(valid_x), valid_y).item())
    return net


losses = []
settings = {"lr": 0.5, "momentum": 0.5, "width": 16, "epochs": 8}
net = fit(settings, lambda val_loss: losses.append(val_loss))
print([round(loss, 2) for loss in losses])
# --8<-- [end:fit]

# --8<-- [start:search_offline]
import contextlib
import io
import os

import wandb

from snippets.toolkit.run_files import read_run
from snippets.toolkit.search import Queue, agent


def offline(name):
    """Let W&B write into a new folder, and send nothing; give its path."""
    folder = Path(name).resolve()
    folder.mkdir()
    os.environ["WANDB_MODE"] = "offline"
    for kind in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "ARTIFACT_DIR"):
        os.environ[f"WANDB_{kind}"] = str(folder)
    for kind in ("SILENT", "DISABLE_CODE", "DISABLE_GIT"):
        os.environ[f"WANDB_{kind}"] = "true"
    os.environ["WANDB_CONSOLE"] = "off"
    return folder


def tracked_fit(settings, report):
    """Train in a run of W&B that gets the settings and every row."""
    with (
        contextlib.redirect_stderr(io.StringIO()),
        wandb.init(project="digits", group="random", config=settings) as run,
    ):

        def both(**row):
            run.log(row)
            report(**row)

        return fit(settings, both)


def search(queue, folder):
    """Work on a search alone; read the runs that it wrote, by learning rate."""
    agent(queue, tracked_fit)
    wandb.teardown()
    runs = [read_run(p, wait=10) for p in folder.glob("wandb/offline-run-*")]
    return sorted(runs, key=lambda run: run.config["lr"])


folder = offline("sweep")
queue = Queue(folder / "trials.db", sweep, count=10, seed=0)
runs = search(queue, folder)
print(len(runs), "runs,", {run.about["run_group"] for run in runs})
print("states:", {trial["state"] for trial in queue.trials()})
# --8<-- [end:search_offline]

# --8<-- [start:results]
import pandas as pd

rows = [{**run.config, "best": min(row["val_loss"] for row in run.history)} for run in runs]
table = pd.DataFrame(rows).drop(columns="epochs").round(3)
table = table.sort_values("best", ignore_index=True)
assert table["lr"].nunique() == table["best"].nunique() == 10
table.head(4)
# --8<-- [end:results]

# --8<-- [start:parallel]
import matplotlib.pyplot as plt

scales = {
    "log10 of lr": lambda run: np.log10(run.config["lr"]),
    "momentum": lambda run: run.config["momentum"],
    "width": lambda run: run.config["width"],
    "best loss": lambda run: min(row["val_loss"] for row in run.history),
}
columns = np.array([[scale(run) for run in runs] for scale in scales.values()])
low, high = columns.min(1, keepdims=True), columns.max(1, keepdims=True)
heights = (columns - low) / (high - low)  # (4, 10), each between 0 and 1
ranks = columns[-1].argsort().argsort()
fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
for height, rank in sorted(zip(heights.T, ranks, strict=True), key=lambda p: -p[1]):
    ax.plot(height, color="#2f6fdb" if rank < 4 else "#7a8599", lw=2 if rank < 4 else 1)
for place, (a, b) in enumerate(zip(low, high, strict=True)):
    ax.axvline(place, color="#7a8599", lw=0.8)
    ax.text(place, -0.08, f"{a.item():.2f}", ha="center", va="top", fontsize=9)
    ax.text(place, 1.04, f"{b.item():.2f}", ha="center", fontsize=9)
ax.set(xticks=range(4), xticklabels=list(scales), yticks=[], ylim=(-0.2, 1.15))
ax.tick_params(axis="x", length=0)
for side in ax.spines.values():
    side.set_visible(False)
rates = 10 ** columns[0]
assert rates[ranks < 4].min() > 0.3 and rates[ranks < 4].max() < 1
assert not ((rates > 0.3) & (rates < 1) & (ranks >= 4)).any()
plt.show()
# --8<-- [end:parallel]

# --8<-- [start:importances]
from sklearn.ensemble import RandomForestRegressor

forest = RandomForestRegressor(200, random_state=0).fit(columns[:3].T, ranks)
share = dict(zip(scales, forest.feature_importances_, strict=False))
assert max(share, key=share.get) == "log10 of lr"
for name in sorted(share, key=share.get, reverse=True):
    print(f"{name:12} {share[name]:.1f}")
# --8<-- [end:importances]

# --8<-- [start:hyperband]
hyperband = {"type": "hyperband", "min_iter": 2, "eta": 2}
config = {**sweep, "early_terminate": hyperband}
curves = {"a": [9, 8, 7], "b": [9, 4, 3], "c": [9, 9, 9], "d": [9, 7, 6], "e": [9, 2, 1]}
running = []
for name, losses in curves.items():
    run = engine().SweepRun(name=name, state="running")
    run.history = [{"val_loss": loss} for loss in losses]
    running.append(run)

worst = engine().stop_runs(config, running)
bands, thresholds = (running[0].early_terminate_info[k] for k in ("bands", "thresholds"))
print("bands:", bands[:3], "thresholds:", thresholds[:1])
print("stop:", [run.name for run in worst])
# --8<-- [end:hyperband]

# --8<-- [start:s_is_ignored]
found = {}
for extra in ({}, {"s": 1}, {"s": 5}):
    config = {**sweep, "early_terminate": {**hyperband, **extra}}
    engine().stop_runs(config, running)
    found[str(extra)] = running[0].early_terminate_info["bands"][:4]
assert len({str(bands) for bands in found.values()}) == 1
found
# --8<-- [end:s_is_ignored]

# --8<-- [start:stopped_early]
early = Queue("early.db", {**sweep, "early_terminate": hyperband}, count=12, seed=0)
agent(early, fit)
whole = Queue("whole.db", sweep, count=12, seed=0)
agent(whole, fit)


def best_and_epochs(queue):
    """The lowest loss of all trials, and how many epochs they trained."""
    losses = [row["val_loss"] for trial in queue.trials() for row in trial["rows"]]
    return np.nanmin(losses), len(losses)


best, epochs = best_and_epochs(early)
best_whole, epochs_whole = best_and_epochs(whole)
assert best == best_whole and epochs < 0.8 * epochs_whole
states = [trial["state"] for trial in early.trials()]
print("epochs:", epochs, "instead of", epochs_whole)
print("same best:", best == best_whole, "- killed:", states.count("killed"))
# --8<-- [end:stopped_early]


# --8<-- [start:crashed]
def careless(settings, report):
    """Fails for one of the widths."""
    if settings["width"] == 16:
        raise RuntimeError("no memory for 16")
    fit(settings, report)


fragile = Queue("fragile.db", sweep, count=6, seed=0)
agent(fragile, careless)
for trial in fragile.trials():
    print(trial["number"], trial["settings"]["width"], trial["state"], trial["note"])
# --8<-- [end:crashed]

# --8<-- [start:worker]
import inspect
import json

from snippets.toolkit.search import Stopped, as_run, end_trial, plain, read_trials

IMPORTS = """\
import functools
import json
import os
import random
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

"""
MAIN = """\
torch.set_num_threads(1)
config = json.loads(Path("config.json").read_text())
agent(Queue("shared.db", config, count=12, seed=0), fit)
"""
toolkit = (Stopped, Queue, agent, engine, suggest, as_run)
toolkit += (read_trials, end_trial, plain, check_config)
parts = [inspect.getsource(part).rstrip() for part in (*toolkit, digits, fit)]
script = "\n\n\n".join([IMPORTS, *parts, MAIN])
Path("worker.py").write_text(script, encoding="utf-8")
Path("config.json").write_text(json.dumps(sweep), encoding="utf-8")
print(len(parts), "pieces, more than 150 lines:", len(script.splitlines()) > 150)
# --8<-- [end:worker]

# --8<-- [start:two_processes]
import subprocess
import sys

command = [sys.executable, "worker.py"]
workers = [subprocess.Popen(command) for _ in range(2)]
assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
shared = Queue("shared.db", sweep, count=12, seed=0).trials()
print(len(shared), "trials by", len({t["process"] for t in shared}), "processes")
alone = whole.trials()
assert [t["settings"] for t in shared] == [t["settings"] for t in alone]
# --8<-- [end:two_processes]

# --8<-- [start:default_config]
DEFAULTS = {"lr": 0.01, "momentum": 0.0, "width": 8, "epochs": 2}
chosen = [{**DEFAULTS, "lr": 0.1}, {**DEFAULTS, "lr": 1.0}]


def ignores(settings=DEFAULTS):
    """An agent calls this without arguments, so it trains the defaults."""
    return fit(settings, lambda **row: None)


def weights(net):
    """All parameters in one vector."""
    return nn.utils.parameters_to_vector(net.parameters())


wrong = [weights(ignores()) for settings in chosen]  # as wandb.agent calls it
right = [weights(fit(settings, lambda **row: None)) for settings in chosen]
print("defaults: equal weights:", torch.equal(*wrong))
print("settings passed on: equal weights:", torch.equal(*right))
assert torch.equal(*wrong) and not torch.allclose(*right)
# --8<-- [end:default_config]

# --8<-- [start:no_server]
calls = {
    "wandb.sweep": lambda: wandb.sweep(sweep, project="digits"),
    "wandb.agent": lambda: wandb.agent("abc", fit, project="digits", count=1),
    "wandb.controller": lambda: wandb.controller(sweep),
}
for name, call in calls.items():
    try:
        call()
    except wandb.errors.UsageError as error:
        print(f"{name:17}{type(error).__name__}: {error}")
wandb.teardown()
# --8<-- [end:no_server]


# --8<-- [start:seed_spread]
def last_loss(settings, seed=0):
    """The validation loss after the last epoch; a large one if it diverged."""
    losses = []
    fit(settings, lambda val_loss: losses.append(val_loss), seed)
    return losses[-1] if np.isfinite(losses[-1]) else 10.0


trials = sorted(whole.trials(), key=lambda t: t["rows"][-1]["val_loss"])
spread = {}
for trial in trials[:3]:
    last = []
    for seed in range(1, 6):
        last.append(last_loss(trial["settings"], seed))
    spread[trial["number"]] = {
        "search": trial["rows"][-1]["val_loss"],
        "mean": np.mean(last),
        "sd": np.std(last, ddof=1),
    }
table = pd.DataFrame(spread).T.rename_axis("trial").round(2)
first, second = spread[trials[0]["number"]], spread[trials[1]["number"]]
assert second["mean"] - first["mean"] > first["sd"] + second["sd"]
table
# --8<-- [end:seed_spread]

# --8<-- [start:test_once]
net = fit(trials[0]["settings"], lambda **row: None)
test_x, test_y = digits()[2]
right = (net(test_x).argmax(dim=1) == test_y).double().mean().item()
assert right > 0.9
print(f"on test: {right:.2f}")
# --8<-- [end:test_once]

# --8<-- [start:optuna_band]
import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)
short = {**parameters, "epochs": {"value": 2}}
goal = sweep["metric"]


def by_sweeps(method, seed, trials):
    """Losses of a search by W&B's engine."""
    config = {"method": method, "metric": goal, "parameters": short}
    found = []
    for number in range(trials):
        run = suggest(config, found, 100 * seed + number)
        settings = {k: said["value"] for k, said in run.config.items()}
        rows = [{"val_loss": last_loss(settings)}]
        found.append({"number": number, "settings": settings, "state": "finished", "rows": rows})
    return [trial["rows"][0]["val_loss"] for trial in found]


def by_optuna(seed, trials):
    """Losses of a search by Optuna's TPE over the same space."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=5, seed=seed))

    def objective(trial):
        return last_loss(
            {
                "lr": trial.suggest_float("lr", 0.001, 3.0, log=True),
                "momentum": trial.suggest_float("momentum", 0.0, 0.95),
                "width": trial.suggest_categorical("width", [8, 16, 32]),
                "epochs": 2,
            }
        )

    study.optimize(objective, n_trials=trials)
    return [trial.value for trial in study.trials]


TRIALS = 10
searches = {
    "W&B random": lambda seed: by_sweeps("random", seed, TRIALS),
    "Optuna TPE": lambda seed: by_optuna(seed, TRIALS),
}
best = {name: np.minimum.accumulate([run(seed) for seed in range(10)], axis=1) for name, run in searches.items()}
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for (name, curves), color in zip(best.items(), ("#7a8599", "#2f6fdb"), strict=True):
    low, middle, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
    ax.plot(range(1, TRIALS + 1), middle, color=color, label=name)
    ax.fill_between(range(1, TRIALS + 1), low, high, color=color, alpha=0.25)
ax.set(xlabel="trials", ylabel="best loss so far", ylim=(0, 2.5))
ax.legend(frameon=False)
quarter = {name: np.quantile(curves[:, -1], [0.25, 0.75]) for name, curves in best.items()}
assert quarter["Optuna TPE"][1] > quarter["W&B random"][0]  # the bands overlap
assert all((np.diff(curves) <= 0).all() for curves in best.values())
plt.show()
# --8<-- [end:optuna_band]

# --8<-- [start:bayes]
config = {"method": "bayes", "metric": goal, "parameters": short}
results = {0.002: 2.4, 0.02: 2.3, 0.2: 1.0, 0.5: 0.9, 2.5: 2.4}  # lr: loss
found = []
for number, (lr, loss) in enumerate(results.items()):
    settings = {"lr": lr, "momentum": 0.5, "width": 32, "epochs": 2}
    rows = [{"val_loss": loss}]
    found.append({"number": number, "settings": settings, "state": "finished", "rows": rows})
rates = [suggest(config, found, seed).config["lr"]["value"] for seed in range(6)]
assert all(0.1 < rate < 1 for rate in rates)
print("between 0.1 and 1:", sum(0.1 < rate < 1 for rate in rates), "of", len(rates))
# --8<-- [end:bayes]


# --8<-- [start:solution_resume]
def quick(settings, report):
    """No training, only a number."""
    report(val_loss=settings["lr"])


agent(Queue("resumed.db", sweep, count=4), quick)
before = Queue("resumed.db", sweep, count=4).trials()
again = Queue("resumed.db", sweep, count=6)
agent(again, quick)
assert again.trials()[:4] == before
print(len(before), "trials, then", len(again.trials()))
# --8<-- [end:solution_resume]

# --8<-- [start:solution_maximize]
scores = {"a": [0.2, 0.5, 0.6], "b": [0.2, 0.7, 0.9], "c": [0.1, 0.1, 0.1]}
goal = {"name": "accuracy", "goal": "maximize"}
config = {**sweep, "metric": goal, "early_terminate": hyperband}
running = []
for name, values in scores.items():
    run = engine().SweepRun(name=name, state="running")
    run.history = [{"accuracy": value} for value in values]
    running.append(run)
stopped = [run.name for run in engine().stop_runs(config, running)]
assert stopped == ["c"]
stopped
# --8<-- [end:solution_maximize]

# --8<-- [start:solution_killed_worker]
dead = subprocess.Popen([sys.executable, "-c", ""])
dead.wait()
left = Queue("left.db", sweep, count=3)
left.take()
with left.opened() as db:  # as if that process had taken it, and was killed
    db.execute("update trials set process = ?", (dead.pid,))
agent(left, quick)
states = [trial["state"] for trial in left.trials()]
assert states == ["crashed", "finished", "finished"]
print(states, left.trials()[0]["note"])
# --8<-- [end:solution_killed_worker]
