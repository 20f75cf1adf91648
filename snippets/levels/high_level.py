# --8<-- [start:plane_data]
import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(400, 2) * 3  # (400, 2)
w0 = torch.tensor([[2.0], [-3.0]])  # (2, 1)
b0 = 10.0
Y = X @ w0 + b0 + 2 * torch.randn(400, 1)  # (400, 1)


def in_batches(X, Y, size):
    order = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(X, Y), size, shuffle=True, generator=order)


sizes = [len(y) for _, y in in_batches(X, Y, 30)]
print(len(sizes), "batches with", sizes[0], "samples, the last with", sizes[-1])
# --8<-- [end:plane_data]

# --8<-- [start:fit_plane]
import pandas as pd
import torch.nn.functional as F
from torch import nn

from snippets.toolkit.keras_model import KerasModel

torch.manual_seed(0)
line = nn.Linear(2, 1)
optimizer = torch.optim.SGD(line.parameters(), lr=0.05)
decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
model = KerasModel(line, nn.MSELoss(), optimizer, {"mae": F.l1_loss}, decay)
history = model.fit(in_batches(X, Y, 30), epochs=20)
pd.DataFrame(history).iloc[[0, 1, 2, 4, 19]].round(3)
# --8<-- [end:fit_plane]

# --8<-- [start:least_squares]
design = torch.cat([X, torch.ones(400, 1)], dim=1)  # (400, 3), with ones
best = torch.linalg.lstsq(design, Y).solution.flatten()

found = torch.cat([line.weight.flatten(), line.bias]).detach().cpu()
table = {"truth": [2.0, -3.0, 10.0], "least squares": best, "KerasModel": found}
assert (found - best).abs().max() < 0.02
pd.DataFrame(table, index=["w[0]", "w[1]", "b"]).astype(float).round(2)
# --8<-- [end:least_squares]

# --8<-- [start:rings_data]
import math


def ring(radius, n):
    """Points around the origin, about radius away from it, shape (n, 2)."""
    distance = radius + torch.randn(n, 1)
    angle = 2 * math.pi * torch.rand(n, 1)
    return distance * torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)


torch.manual_seed(0)
X = torch.cat([ring(3, 1000), ring(8, 1000)])  # (2000, 2)
Y = torch.cat([torch.ones(1000, 1), torch.zeros(1000, 1)])  # (2000, 1)

order = torch.randperm(2000, generator=torch.Generator().manual_seed(0))
train_rows, valid_rows = order[:1500], order[1500:]
valid = [(X[valid_rows], Y[valid_rows])]  # one batch of 500 will do


def rings():
    return in_batches(X[train_rows], Y[train_rows], 40)


print(len(rings()), "batches to train on,", len(valid), "to validate on")
shares = [f"{Y[rows].mean():.3f}" for rows in (train_rows, valid_rows)]
print("share of label 1:", " and ".join(shares))
# --8<-- [end:rings_data]

# --8<-- [start:rings_model]
from snippets.toolkit.metrics import accuracy, auc


def new_model(lr=0.02, **options):
    hidden = [nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 8), nn.ReLU()]
    net = nn.Sequential(*hidden, nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    metrics = {"accuracy": accuracy, "auc": auc}
    return KerasModel(net, nn.BCEWithLogitsLoss(), optimizer, metrics, **options)


torch.manual_seed(0)
model = new_model()
print(model.summary(X[:5]))
# --8<-- [end:rings_model]

# --8<-- [start:misspelt_monitor]
model.fit(rings(), valid, monitor="val_los")
# --8<-- [end:misspelt_monitor]

# --8<-- [start:fit_rings]
from snippets.toolkit.callbacks import live_curve

draw = live_curve("loss", "val_loss")
history = model.fit(rings(), valid, epochs=12, monitor="val_loss", callbacks=[draw])
columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_auc"]
assert all(row["loss"] < 0.1 and row["val_loss"] < 0.1 for row in history[2:])
pd.DataFrame(history)[columns].head(3).round(3)
# --8<-- [end:fit_rings]

# --8<-- [start:evaluate_predict]
numbers = model.evaluate(valid)
best_row = min(history, key=lambda row: row["val_loss"])
print({name: round(value, 2) for name, value in numbers.items()})
assert math.isclose(numbers["loss"], best_row["val_loss"])
assert abs(numbers["accuracy"] - 0.985) < 0.02

points = torch.tensor([[0.0, 0.0], [0.0, 3.0], [0.0, -8.0], [9.0, 9.0]])
logits = model.predict(points)  # (4, 1)
print(torch.sigmoid(logits).flatten().round(decimals=2))
assert model.predict(valid).shape == (500, 1)
# --8<-- [end:evaluate_predict]

# --8<-- [start:second_fit]
model.fit(rings(), valid, epochs=60, monitor="val_loss", patience=5)

second = model.history[12:]
best_row = min(second, key=lambda row: row["val_loss"])
print("the second fit begins with epoch", second[0]["epoch"])
waited = second[-1]["epoch"] - best_row["epoch"]
print("and stops", waited, "epochs after its best one")
assert len(second) < 60
assert math.isclose(model.evaluate(valid)["loss"], best_row["val_loss"])
# --8<-- [end:second_fit]

# --8<-- [start:save_load]
model.save("rings.pt")

torch.manual_seed(1)  # other weights, before load
other = new_model()
other.load("rings.pt")
same = torch.equal(other.predict(points), model.predict(points))
print("same predictions:", same)
print("history of the copy:", other.history)
# --8<-- [end:save_load]

# --8<-- [start:resume]
torch.manual_seed(0)
unbroken = new_model()
unbroken.fit(rings(), valid, epochs=6)

torch.manual_seed(0)
first = new_model()
first.fit(rings(), valid, epochs=2)
first.save("half.pt")

second = new_model()  # another day: new weights, a new optimizer
second.resume("half.pt")
second.fit(rings(), valid, epochs=4)

pairs = zip(unbroken.net.parameters(), second.net.parameters(), strict=True)
print("epochs:", [row["epoch"] for row in second.history])
print("bit by bit the same weights:", all(torch.equal(a, b) for a, b in pairs))
assert second.history == unbroken.history
# --8<-- [end:resume]

# --8<-- [start:interrupted]
torch.manual_seed(0)
model = new_model()


def ctrl_c(model, row):
    if row["epoch"] == 3:
        raise KeyboardInterrupt


try:
    model.fit(rings(), valid, epochs=50, monitor="val_loss", callbacks=[ctrl_c])
except KeyboardInterrupt:
    print("stopped after epoch", len(model.history))
print(f"accuracy {model.evaluate(valid)['accuracy']:.2f}")
# --8<-- [end:interrupted]

# --8<-- [start:read_events]
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from snippets.toolkit.callbacks import tensorboard

torch.manual_seed(0)
model = new_model()
model.fit(rings(), valid, epochs=3, callbacks=[tensorboard("runs/rings")])

events = EventAccumulator("runs/rings")
events.Reload()
print(sorted(events.Tags()["scalars"]))
written = [(event.step, event.value) for event in events.Scalars("val_loss")]
print([(step, round(value, 3)) for step, value in written])
# --8<-- [end:read_events]

# --8<-- [start:auc_by_batch]
torch.manual_seed(0)
small = new_model()
small.fit(rings(), epochs=1)
scores, labels = small.predict(valid), valid[0][1]
whole = auc(scores, labels)

for size in (5, 20, 100):
    pieces = zip(scores.split(size), labels.split(size), strict=True)
    kept = [auc(s, y) for s, y in pieces if 0 < y.sum() < size]
    mean, n = sum(kept) / len(kept), 500 // size
    print(f"batches of {size:3}: {len(kept):3} of {n:3} count: {mean:.4f}")
    assert abs(mean - whole) > 0.001
print(f"all at once: {whole:.4f}")
# --8<-- [end:auc_by_batch]


# --8<-- [start:accumulated_steps]
def trained(size, **options):
    torch.manual_seed(0)
    model = new_model(**options)
    rows = X[train_rows][:110], Y[train_rows][:110]
    batches = list(zip(rows[0].split(size), rows[1].split(size), strict=True))
    model.fit(batches, epochs=3)
    return torch.cat([p.detach().flatten() for p in model.net.parameters()])


big = trained(size=40)
for name, options in {"4 x 10": {"accumulate": 4}, "10": {}}.items():
    gap = (trained(size=10, **options) - big).abs().max().item()
    print(f"batches of {name}: same weights as with batches of 40: {gap < 1e-5}")
# --8<-- [end:accumulated_steps]


# --8<-- [start:low_level_run]
def low_level(epochs):
    sizes = [(2, 4), (4, 8), (8, 1)]
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(n, m, generator=generator) for n, m in sizes]
    weights = [(w * math.sqrt(2 / len(w))).requires_grad_() for w in weights]
    biases = [torch.zeros(m, requires_grad=True) for _, m in sizes]

    def logits(x):
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = torch.relu(x @ weight + bias)
        return x @ weights[-1] + biases[-1]

    for _ in range(epochs):
        for rows in train_rows[torch.randperm(1500, generator=generator)].split(40):
            z, y = logits(X[rows]), Y[rows]
            loss = z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))
            loss.mean().backward()
            with torch.no_grad():
                for p in weights + biases:
                    p -= 0.1 * p.grad
                    p.grad = None
    with torch.no_grad():
        return accuracy(logits(X[valid_rows]), Y[valid_rows])


low_result = low_level(epochs=20)
print(f"accuracy {low_result:.2f}")
assert abs(low_result - 0.985) < 0.02
# --8<-- [end:low_level_run]


# --8<-- [start:mid_level_run]
def mid_level(epochs):
    torch.manual_seed(0)
    hidden = [nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 8), nn.ReLU()]
    net = nn.Sequential(*hidden, nn.Linear(8, 1))
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    data = rings()
    for _ in range(epochs):
        net.train()
        for x, y in data:
            optimizer.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            optimizer.step()
    net.eval()
    with torch.inference_mode():
        return accuracy(net(X[valid_rows]), Y[valid_rows])


mid_result = mid_level(epochs=20)
print(f"accuracy {mid_result:.2f}")
assert abs(mid_result - 0.985) < 0.02
# --8<-- [end:mid_level_run]


# --8<-- [start:high_level_run]
def high_level(epochs):
    torch.manual_seed(0)
    hidden = [nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 8), nn.ReLU()]
    net = nn.Sequential(*hidden, nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    metrics = {"accuracy": accuracy}
    model = KerasModel(net, nn.BCEWithLogitsLoss(), optimizer, metrics)
    model.fit(rings(), epochs=epochs)
    return model.evaluate(valid)["accuracy"]


high_result = high_level(epochs=20)
print(f"accuracy {high_result:.2f}")
assert abs(high_result - 0.985) < 0.02
# --8<-- [end:high_level_run]

# --8<-- [start:three_levels]
import inspect
import time


def seconds(run):
    torch.manual_seed(0)
    began = time.perf_counter()
    run(epochs=2)
    return time.perf_counter() - began


runs = (low_level, mid_level, high_level)
cost = dict.fromkeys((run.__name__ for run in runs), math.inf)
for _ in range(5):  # in turn, so that other work on the machine meets all three
    for run in runs:
        cost[run.__name__] = min(cost[run.__name__], seconds(run))
if model.on_cpu:  # with an accelerator, only the third would run there
    assert cost["low_level"] < 0.9 * cost["mid_level"]
    assert cost["high_level"] < 2.5 * cost["mid_level"]

table = pd.DataFrame(index=cost)
table["lines"] = [len(inspect.getsource(run).strip().splitlines()) for run in runs]
results = [low_result, mid_result, high_result]
assert max(results) - min(results) < 0.02
table
# --8<-- [end:three_levels]


# --8<-- [start:solution_r2]
def r2(outputs, targets):
    missed = (outputs - targets).square().sum()
    return 1 - missed / (targets - targets.mean()).square().sum()


torch.manual_seed(0)
X_plane = torch.randn(400, 2) * 3
Y_plane = X_plane @ w0 + b0 + 2 * torch.randn(400, 1)
line = nn.Linear(2, 1)
optimizer = torch.optim.SGD(line.parameters(), lr=0.02)
model = KerasModel(line, nn.MSELoss(), optimizer, {"r2": r2})
model.fit(in_batches(X_plane, Y_plane, 30), epochs=10)

(row,) = [row for row in model.history if row["epoch"] == 10]
spread = Y_plane.var(correction=0)
print(f"r2 {row['r2']:.3f}, from the loss {1 - row['loss'] / spread:.3f}")
assert math.isclose(row["r2"], 1 - row["loss"] / spread, rel_tol=1e-4)
# --8<-- [end:solution_r2]


# --8<-- [start:solution_crash]
def save_each_epoch(model, row):
    model.save("last.pt")
    if row["epoch"] == 4 and not resumed:
        raise RuntimeError("power cut")


resumed = False
torch.manual_seed(0)
model = new_model()
try:
    model.fit(rings(), valid, epochs=8, callbacks=[save_each_epoch])
except RuntimeError as e:
    print(e, "after epoch", len(model.history))

resumed = True
again = new_model()
again.resume("last.pt")
left = 8 - len(again.history)
again.fit(rings(), valid, epochs=left, callbacks=[save_each_epoch])

torch.manual_seed(0)
whole = new_model()
whole.fit(rings(), valid, epochs=8)
print("epochs:", len(again.history))
print("same history:", again.history == whole.history)
# --8<-- [end:solution_crash]


# --8<-- [start:solution_one_cycle]
def one_cycle(every):
    torch.manual_seed(0)
    net = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5 * 38)
    loss = nn.BCEWithLogitsLoss()
    model = KerasModel(net, loss, optimizer, {}, cycle, scheduler_every=every)
    return [row["lr"] for row in model.fit(rings(), epochs=5)]


for every in ("step", "epoch"):
    print(f"{every:5}", [f"{lr:.4f}" for lr in one_cycle(every)])
# --8<-- [end:solution_one_cycle]

# --8<-- [start:solution_bf16]
dtypes = set()
torch.manual_seed(0)
model = new_model(precision="bf16")


def note(layer, inputs, output):
    dtypes.add(output.dtype)


hook = model.net[2].register_forward_hook(note)
model.fit(rings(), epochs=20)
hook.remove()

print("inside:", dtypes, " weights:", model.net[2].weight.dtype)
print("predictions:", model.predict(points).dtype)
print("accuracy above 0.95:", model.evaluate(valid)["accuracy"] > 0.95)
# --8<-- [end:solution_bf16]

# --8<-- [start:solution_three_rings]
torch.manual_seed(0)
X3 = torch.cat([ring(radius, 500) for radius in (3, 8, 13)])  # (1500, 2)
Y3 = torch.arange(3).repeat_interleave(500)  # (1500,), class indices
net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
net.append(nn.Linear(16, 3))  # a logit for each class
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
model = KerasModel(net, nn.CrossEntropyLoss(), optimizer, {"accuracy": accuracy})
model.fit(in_batches(X3, Y3, 40), epochs=20)
print(f"accuracy {model.evaluate([(X3, Y3)])['accuracy']:.2f}")
print(model.predict(points).shape, model.predict(points).argmax(1))
# --8<-- [end:solution_three_rings]
