# --8<-- [start:one_experiment]
import json
from pathlib import Path

import optuna
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

optuna.logging.set_verbosity(optuna.logging.WARNING)
device = torch.accelerator.current_accelerator(check_available=True)
device = device or torch.device("cpu")  # accelerators: one program for all kinds
digits = load_digits()
x, y = torch.tensor(digits.data).float() / 16, torch.tensor(digits.target)
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
train, valid, test = order.split([1000, 400, 397])


def build():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def fit(lr, rows=train, epochs=8):
    """A net trained on some rows, on whatever device there is; it comes back."""
    torch.manual_seed(0)
    net = build()
    optimizer = torch.optim.Adam(net.to(device).parameters(), lr=lr)
    for _ in range(epochs):
        for batch in rows[torch.randperm(len(rows))].split(100):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch].to(device)), y[batch].to(device)).backward()
            optimizer.step()
    return net.cpu()


@torch.inference_mode()
def accuracy(net, rows):
    return (net(x[rows]).argmax(1) == y[rows]).double().mean().item()


first = accuracy(fit(0.001), valid)
print(f"with the usual learning rate: {first:.1f}")
assert 0.4 < first < 0.9
# --8<-- [end:one_experiment]

# --8<-- [start:search_and_track]
log = Path("runs.jsonl")


def objective(trial):
    """Optuna asks; a line of the log keeps what was tried."""
    lr = trial.suggest_float("lr", 1e-4, 0.1, log=True)
    value = accuracy(fit(lr), valid)
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"run": trial.number, "lr": lr, "accuracy": value}) + "\n")
    return value


sampler = optuna.samplers.TPESampler(seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler)
study.optimize(objective, n_trials=12)
kept = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
assert [row["accuracy"] for row in kept] == [t.value for t in study.trials]
assert max(kept, key=lambda row: row["accuracy"])["lr"] == study.best_params["lr"]
assert study.best_value > first + 0.05
print(f"{len(kept)} runs kept, the best with accuracy {study.best_value:.1f}")
# --8<-- [end:search_and_track]

# --8<-- [start:app]
import logging

from streamlit.testing.v1 import AppTest

context = "streamlit.runtime.scriptrunner_utils.script_run_context"
logging.getLogger(context).disabled = True  # it would say: there is no browser
final = fit(study.best_params["lr"], torch.cat([train, valid]))
torch.save(final.state_dict(), "digits.pt")
program = """
import streamlit as st
import torch
from sklearn.datasets import load_digits
from torch import nn

net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
net.load_state_dict(torch.load("digits.pt", weights_only=True))
row = st.number_input("row", 0, 1796, value=0)
picture = torch.tensor(load_digits().data[row]).float() / 16
st.metric("this is a", int(net(picture).argmax()))
"""
app = AppTest.from_string(program, default_timeout=30).run()
assert not app.exception
shown = []
for row in test[:5].tolist():
    app.number_input[0].set_value(row).run()
    shown.append(int(app.metric[0].value))
with torch.inference_mode():
    assert shown == final(x[test[:5]]).argmax(1).tolist()
print("the app shows:", shown, " labels:", y[test[:5]].tolist())
print(f"test accuracy, asked once: {accuracy(final, test):.1f}")
assert accuracy(final, test) > 0.9
# --8<-- [end:app]

# --8<-- [start:part_as_picture]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
steps = {
    "where it runs": (BLUE, ["Accelerators", "Kaggle"]),
    "what to try": (ORANGE, ["Optuna", "Sweeps"]),
    "what happened": (GREEN, ["W&B", "TensorBoard"]),
    "who tries it": (GREY, ["Streamlit", "Gradio"]),
}
fig, ax = plt.subplots(figsize=(6.4, 2.2), layout="constrained")
for column, (title, (color, tools)) in enumerate(steps.items()):
    ax.text(column, 2.6, title, ha="center", color=color)
    for place, tool in enumerate(tools):
        box = {"boxstyle": "round,pad=0.4", "fc": "none", "ec": color}
        ax.text(column, 1.8 - place, tool, ha="center", va="center", size=9, bbox=box)
    if column:
        arrow = {"arrowstyle": "->", "color": GREY}
        ax.annotate("", (column - 0.42, 2.68), (column - 0.58, 2.68), arrowprops=arrow)
ax.set(xlim=(-0.6, 3.6), ylim=(0.3, 3))
ax.axis("off")
plt.show()
# --8<-- [end:part_as_picture]

# --8<-- [start:solution_same_log]
best = max(kept, key=lambda row: row["accuracy"])
again = accuracy(fit(best["lr"]), valid)
print("from the log alone:", again == best["accuracy"])
assert again == best["accuracy"]
# --8<-- [end:solution_same_log]
