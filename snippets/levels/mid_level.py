# --8<-- [start:regression_data]
import torch

w0 = torch.tensor([[2.0], [-3.0]])  # (2, 1)
b0 = 10.0
n_samples = 400


def plane():
    torch.manual_seed(0)
    X = torch.randn(n_samples, 2) * 3  # (400, 2)
    Y = X @ w0 + b0 + 2 * torch.randn(n_samples, 1)  # (400, 1)
    return X, Y


X, Y = plane()
print(X.shape, Y.shape)
print(X[0], Y[0])
# --8<-- [end:regression_data]

# --8<-- [start:tensor_dataset]
from torch.utils.data import DataLoader, TensorDataset

dataset = TensorDataset(X, Y)
print("samples:", len(dataset))
x, y = dataset[0]
print(x, y)
x, y = dataset[:3]
print(x.shape, y.shape)
assert torch.equal(y, Y[:3])
# --8<-- [end:tensor_dataset]

# --8<-- [start:dataset_sizes]
TensorDataset(X, Y[:399])
# --8<-- [end:dataset_sizes]

# --8<-- [start:data_loader]
generator = torch.Generator().manual_seed(0)
loader = DataLoader(dataset, batch_size=30, shuffle=True, generator=generator)

for epoch in range(2):
    xs, ys = zip(*loader, strict=True)  # all batches of one epoch
    print(f"epoch {epoch}: {len(xs)} batches of", [len(x) for x in xs])
    print("  first label of each:", [round(y[0].item()) for y in ys[:6]])
    assert torch.equal(torch.cat(ys).sort(0).values, Y.sort(0).values)
print("len(loader):", len(loader), " len(loader.dataset):", len(loader.dataset))
# --8<-- [end:data_loader]

# --8<-- [start:linear_layer]
from torch import nn

torch.manual_seed(0)
layer = nn.Linear(2, 1)
print("weight", tuple(layer.weight.shape), " bias", tuple(layer.bias.shape))
print(type(layer.weight).__name__, layer.weight.requires_grad, layer.weight.is_leaf)
torch.testing.assert_close(layer(X), X @ layer.weight.T + layer.bias)

wide = nn.Linear(100, 1000)
print(f"largest initial weight {wide.weight.abs().max():.4f}, 1/sqrt(100) = 0.1")
# --8<-- [end:linear_layer]


# --8<-- [start:module_class]
class Plane(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):  # (N, 2) -> (N, 1)
        return self.linear(x)


torch.manual_seed(0)  # nn.Linear draws its weights before they are set to zero
model = Plane()
print(model)
print({name: p.tolist() for name, p in model.named_parameters()})
print(model(X[:2]))
# --8<-- [end:module_class]


# --8<-- [start:forgot_super]
class Hasty(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(2, 1)


torch.manual_seed(0)
Hasty()
# --8<-- [end:forgot_super]

# --8<-- [start:loss_module]
import torch.nn.functional as F

prediction = torch.tensor([[1.0], [2.0], [6.0]])
target = torch.tensor([[1.0], [0.0], [3.0]])
for reduction in ("none", "sum", "mean"):
    loss_fn = nn.MSELoss(reduction=reduction)
    print(f"{reduction:5}", loss_fn(prediction, target).flatten())
by_hand = ((prediction - target) ** 2).mean()
torch.testing.assert_close(F.mse_loss(prediction, target), by_hand)
# --8<-- [end:loss_module]

# --8<-- [start:loss_broadcast]
import warnings

exact = X @ w0 + b0
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for labels in (Y, Y.flatten()):
        print(tuple(labels.shape), f"{F.mse_loss(exact, labels):.2f}")
print(f"{len(caught)} {caught[0].category.__name__}:")
print(str(caught[0].message)[:70])
# --8<-- [end:loss_broadcast]

# --8<-- [start:same_step]
w = torch.zeros(2, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
loss = ((X @ w + b - Y) ** 2).mean()
loss.backward()
with torch.no_grad():  # the step by hand
    w -= 0.05 * w.grad
    b -= 0.05 * b.grad

torch.manual_seed(0)
model = Plane()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
optimizer.zero_grad()
loss = nn.MSELoss()(model(X), Y)
loss.backward()
optimizer.step()
print(f"loss {loss:.3f}", model.linear.weight.detach(), model.linear.bias.detach())
torch.testing.assert_close(model.linear.weight, w.T)
torch.testing.assert_close(model.linear.bias, b)
# --8<-- [end:same_step]


# --8<-- [start:train_epoch]
def train_epoch(model, loader, loss_fn, optimizer):
    """One pass over the loader; returns the loss averaged over samples."""
    model.train()
    total, seen = 0.0, 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
        seen += len(x)
    return total / seen


@torch.inference_mode()
def predict(model, loader):
    """All outputs and all labels, to be judged together."""
    model.eval()
    pairs = [(model(x), y) for x, y in loader]
    outputs, labels = zip(*pairs, strict=True)
    return torch.cat(outputs), torch.cat(labels)


torch.manual_seed(0)
model = Plane()
still = torch.optim.SGD(model.parameters(), lr=0.0)
loss = train_epoch(model, DataLoader(dataset, 30), nn.MSELoss(), still)
outputs, labels = predict(model, DataLoader(dataset, 150))
print(f"{loss:.3f} {nn.MSELoss()(outputs, labels):.3f} {(Y**2).mean():.3f}")
print(outputs.shape, outputs.requires_grad, model.training)
assert abs(loss - (Y**2).mean().item()) < 1e-3
# --8<-- [end:train_epoch]


# --8<-- [start:train_regression]
def train_plane(decay, epochs=20):
    model = Plane()
    loader = DataLoader(dataset, batch_size=30, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=decay)
    losses, rates = [], []
    for _ in range(epochs):
        rates.append(scheduler.get_last_lr()[0])
        losses.append(train_epoch(model, loader, nn.MSELoss(), optimizer))
        scheduler.step()
    return model, losses, rates


torch.manual_seed(0)
model, losses, rates = train_plane(decay=0.85)
for epoch in (0, 1, 2, 5, 19):
    print(f"epoch {epoch:2d}  lr {rates[epoch]:.5f}  loss {losses[epoch]:6.3f}")
assert 4 < losses[-1] < 4.1
# --8<-- [end:train_regression]

# --8<-- [start:closed_form]
import pandas as pd

design = torch.cat([X, torch.ones(n_samples, 1)], dim=1)  # (400, 3)
best = torch.linalg.lstsq(design, Y).solution.flatten()  # (3,)

columns = {"truth": torch.tensor([2.0, -3.0, 10.0]), "least squares": best}
for decay in (1.0, 0.85):
    torch.manual_seed(0)
    model, _, _ = train_plane(decay)
    found = torch.cat([p.detach().flatten() for p in model.parameters()])
    columns[f"decay {decay}"] = found
    print(f"decay {decay}: distance {(found - best).abs().max():.3f}")
assert (found - best).abs().max() < 0.02
table = {name: t.tolist() for name, t in columns.items()}
pd.DataFrame(table, index=["w[0]", "w[1]", "b"]).round(3)
# --8<-- [end:closed_form]

# --8<-- [start:ragged_mean]
whole = nn.MSELoss()(X @ best[:2, None] + best[2], Y).item()
for size in (100, 150, 133):
    sizes, losses, total = [], [], 0.0
    for x, y in zip(X.split(size), Y.split(size), strict=True):
        loss = nn.MSELoss()(x @ best[:2, None] + best[2], y).item()
        sizes.append(len(x))
        losses.append(loss)
        total += loss * len(x)
    over_batches = sum(losses) / len(losses)
    over_samples = total / n_samples
    print(f"{sizes}  batches {over_batches:.3f}  samples {over_samples:.3f}")
    assert abs(over_samples - whole) < 1e-4
# --8<-- [end:ragged_mean]

# --8<-- [start:optimizer_state]
w = torch.tensor([1.0, -2.0], requires_grad=True)
momentum = torch.optim.SGD([w], lr=0.1, momentum=0.9)
adam = torch.optim.Adam([w], lr=0.1)
for optimizer in (momentum, adam):
    print(type(optimizer).__name__, "before:", len(optimizer.state))
    for _ in range(3):
        w.grad = torch.tensor([1.0, 10.0])
        optimizer.step()
    for key, value in optimizer.state[w].items():
        print(f"  {key}: {value}")
# --8<-- [end:optimizer_state]


# --8<-- [start:momentum_rebuilt]
def descend(new_optimizer, rebuild, steps=40):
    """Losses of full-batch descent; with rebuild, a new optimizer at every step."""
    p = torch.zeros(3, requires_grad=True)
    optimizer = new_optimizer(p)
    losses, moves = [], []
    for _ in range(steps):
        if rebuild:
            optimizer = new_optimizer(p)
        before = p.detach().clone()
        optimizer.zero_grad()
        loss = F.mse_loss(design @ p, Y[:, 0])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        moves.append((p.detach() - before).abs())
    return losses, torch.stack(moves), p.detach()


def momentum_sgd(p):
    return torch.optim.SGD([p], lr=0.01, momentum=0.9)


kept, _, _ = descend(momentum_sgd, rebuild=False)
rebuilt, _, _ = descend(momentum_sgd, rebuild=True)
plain, _, _ = descend(lambda p: torch.optim.SGD([p], lr=0.01), rebuild=False)
for name, losses in {"kept": kept, "rebuilt": rebuilt, "plain": plain}.items():
    print(f"{name:8}", [f"{loss:.1f}" for loss in losses[::13]])
assert rebuilt == plain
# --8<-- [end:momentum_rebuilt]


# --8<-- [start:adam_rebuilt]
def adam(p):
    return torch.optim.Adam([p], lr=0.3)


for rebuild in (False, True):
    losses, moves, p = descend(adam, rebuild, steps=200)
    gap = (p - best).abs().max()
    print(f"{rebuild=!s:5}  distance {gap:.3f}  loss {losses[-1]:.3f}")
    shown = moves[[0, 1, 49, 199], 2].round(decimals=3)
    print("  moves of b at steps 1, 2, 50, 200:", shown)
# --8<-- [end:adam_rebuilt]

# --8<-- [start:schedules]
import matplotlib.pyplot as plt
from torch.optim import lr_scheduler

recipes = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=10, gamma=0.5),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.85),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=40),
}
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
colors = ["#2f6fdb", "#e4572e", "#2a9d8f", "#9b5de5"]
for (name, recipe), color in zip(recipes.items(), colors, strict=True):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = recipe(optimizer)
    rates = []
    for epoch in range(40):
        if epoch > 0:
            optimizer.step()
            scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    ax.plot(rates, color=color, label=name)
    text = "  ".join(f"{rates[epoch]:.5f}" for epoch in (0, 9, 10, 20, 39))
    print(f"{name:18}", text)
    change = torch.tensor(rates).diff()
    steps = (change != 0).nonzero().flatten().tolist()
    assert name != "StepLR" or steps == [9, 19, 29]
    assert name == "StepLR" or (change != 0).all()
    up = (change > 0).sum().item()
    assert up == (11 if name == "OneCycleLR" else 0) and (change[:up] > 0).all()
ax.set(xlabel="epoch", ylabel="learning rate")
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()
# --8<-- [end:schedules]

# --8<-- [start:scheduler_every_batch]
for place in ("after each epoch", "after each batch"):
    torch.manual_seed(0)
    model = Plane()
    loader = DataLoader(dataset, batch_size=30, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
    for _ in range(20):
        for x, y in loader:
            optimizer.zero_grad()
            nn.MSELoss()(model(x), y).backward()
            optimizer.step()
            if place == "after each batch":
                scheduler.step()
        if place == "after each epoch":
            scheduler.step()
    rate, bias = scheduler.get_last_lr()[0], model.linear.bias.item()
    print(f"{place}: lr {rate:.1e}  b {bias:.3f}")
# --8<-- [end:scheduler_every_batch]

# --8<-- [start:rings_data]
import math

from torch.utils.data import Subset


def ring(radius, n):
    """Points around the origin, about radius away from it, shape (n, 2)."""
    distance = radius + torch.randn(n, 1)
    angle = 2 * math.pi * torch.rand(n, 1)
    return distance * torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)


def rings():
    torch.manual_seed(0)
    X = torch.cat([ring(3, 1000), ring(8, 1000)])  # (2000, 2)
    Y = torch.cat([torch.ones(1000, 1), torch.zeros(1000, 1)])  # (2000, 1)
    return TensorDataset(X, Y)


points = rings()
order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
train_set, valid_set = Subset(points, order[:1500]), Subset(points, order[1500:])
for name, part in {"train": train_set, "valid": valid_set}.items():
    share = sum(y.item() for _, y in part) / len(part)
    print(f"{name}: {len(part)} points, share of label 1: {share:.3f}")
# --8<-- [end:rings_data]


# --8<-- [start:sequential]
def new_net():
    hidden = [nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 8), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(8, 1))


torch.manual_seed(0)
untrained = new_net()
print(untrained)
print("parameters:", sum(p.numel() for p in untrained.parameters()))
h = points.tensors[0]
for layer in untrained:
    h = layer(h)
    print(f"{type(layer).__name__:7}", tuple(h.shape))
# --8<-- [end:sequential]

# --8<-- [start:cross_entropy_losses]
z = torch.tensor([-200.0, -2.0, 0.0, 3.0, 200.0])
y = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0])
zero = torch.zeros(5)
by_hand = torch.maximum(z, zero) - z * y + torch.log1p(torch.exp(-z.abs()))
on_logits = nn.BCEWithLogitsLoss(reduction="none")(z, y)
on_probabilities = nn.BCELoss(reduction="none")(torch.sigmoid(z), y)
print("by hand      ", by_hand)
print("logits       ", on_logits)
print("probabilities", on_probabilities)
torch.testing.assert_close(on_logits, by_hand)
# --8<-- [end:cross_entropy_losses]

# --8<-- [start:loss_on_wrong_input]
for z in (5.0, 20.0, 80.0):
    p = torch.sigmoid(torch.tensor([z]))
    twice = nn.BCEWithLogitsLoss()(p, torch.ones(1))
    print(f"logit {z}, label 1: loss of the probability {twice:.4f}")
nn.BCELoss()(torch.tensor([5.0]), torch.ones(1))
# --8<-- [end:loss_on_wrong_input]


# --8<-- [start:train_rings]
def accuracy(z, y):
    return ((z > 0) == (y > 0.5)).float().mean().item()


def train_rings(new_optimizer, epochs):
    torch.manual_seed(0)
    net = new_net()
    train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
    valid_loader = DataLoader(valid_set, batch_size=500)
    optimizer = new_optimizer(net.parameters())
    loss_fn = nn.BCEWithLogitsLoss()
    history = []
    for _ in range(epochs):
        train_loss = train_epoch(net, train_loader, loss_fn, optimizer)
        z, y = predict(net, valid_loader)
        history.append((train_loss, loss_fn(z, y).item(), accuracy(z, y)))
    return net, history


net, history = train_rings(lambda p: torch.optim.Adam(p, lr=0.02), epochs=20)
for epoch in (0, 1, 2, 4, 19):
    train_loss, valid_loss, share = history[epoch]
    losses = f"train {train_loss:.3f}  validation {valid_loss:.3f}"
    print(f"epoch {epoch:2d}  loss: {losses}  accuracy {share:.3f}")
assert abs(share - 0.985) < 0.01
# --8<-- [end:train_rings]

# --8<-- [start:learning_curves]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), layout="constrained")
train_losses, valid_losses, shares = zip(*history, strict=True)
axes[0].plot(train_losses, color="#2f6fdb", label="training")
axes[0].plot(valid_losses, color="#e4572e", label="validation")
axes[0].set(xlabel="epoch", ylabel="loss")
axes[0].legend(frameon=False)
axes[1].plot(shares, color="#e4572e")
axes[1].set(xlabel="epoch", ylabel="validation accuracy")
curves = torch.tensor(history)  # (20, 3): two losses and an accuracy
assert (curves[:3, :2].diff(dim=0) < -0.05).all() and curves[3:, :2].max() < 0.1
assert (curves[4:, 1] > curves[4:, 0]).all()  # validation above training
assert curves[0, 2] < 0.8 and curves[1:, 2].min() > 0.95
print("best epoch by validation loss:", valid_losses.index(min(valid_losses)))
plt.show()
# --8<-- [end:learning_curves]

# --8<-- [start:decision_boundary]
line = torch.linspace(-11, 11, 111)
grid_y, grid_x = torch.meshgrid(line, line, indexing="ij")
grid = torch.stack([grid_x, grid_y], dim=-1)  # (111, 111, 2)
with torch.inference_mode():
    probability = torch.sigmoid(net(grid)).squeeze(-1)  # (111, 111)
print(f"share of the square called inner: {(probability > 0.5).float().mean():.3f}")

fig, ax = plt.subplots(figsize=(4.4, 4.2), layout="constrained")
for p, color in {0.1: "#e4572e", 0.5: "#2a9d8f", 0.9: "#2f6fdb"}.items():
    ax.contour(line, line, probability, levels=[p], colors=[color])
    ax.plot([], [], color=color, label=f"{p}")  # for the legend
x, y = valid_set[:]
wrong = ((net(x) > 0) != (y > 0.5)).flatten()
ax.scatter(*x.T, s=4, color="#7a8599")
ax.scatter(*x[wrong].T, s=30, marker="x", color="#9b5de5", label="wrong")
ax.set(xlabel="feature 0", ylabel="feature 1", aspect="equal")
fig.legend(loc="outside upper center", ncols=4, frameon=False)
away = torch.linalg.vector_norm(x[wrong], dim=1)
print(f"{len(away)} wrong, at distances {away.min():.1f} to {away.max():.1f}")
assert away.min() > 5 and away.max() < 7
areas = [(probability > p).sum() for p in (0.1, 0.5, 0.9)]  # one inside the other
assert areas[0] > areas[1] > areas[2] > 0.5 * areas[0]
plt.show()
# --8<-- [end:decision_boundary]

# --8<-- [start:compare_optimizers]
optimizers = {
    "SGD, lr 0.02": lambda p: torch.optim.SGD(p, lr=0.02),
    "SGD, lr 0.1": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, momentum 0.9": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
}
loss_fn = nn.BCEWithLogitsLoss()
rows = {}
for name, new_optimizer in optimizers.items():
    torch.manual_seed(0)  # the same start and the same batches for all
    fresh = new_net()
    loader = DataLoader(train_set, batch_size=50, shuffle=True)
    optimizer = new_optimizer(fresh.parameters())
    rows[name] = [train_epoch(fresh, loader, loss_fn, optimizer) for _ in range(4)]
columns = [f"epoch {epoch}" for epoch in range(4)]
pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(3)
# --8<-- [end:compare_optimizers]

# --8<-- [start:train_and_eval]
torch.manual_seed(0)
drop = nn.Dropout(0.5)
norm = nn.BatchNorm1d(2)
for training in (True, False):
    drop.train(training)
    norm.train(training)
    print(f"{training=!s:5}  dropout:", drop(torch.ones(6)))
    out = norm(points.tensors[0] + 5)
    means = [f"{m:.3f}" for m in out.mean(0).abs()]
    print("  batch norm: mean", means, " stored", norm.running_mean)
# --8<-- [end:train_and_eval]

# --8<-- [start:forgot_eval]
torch.manual_seed(0)
leaky = nn.Sequential(net[:4], nn.Dropout(0.5), net[4])
x, y = valid_set[:]
for training in (True, False):
    leaky.train(training)
    with torch.inference_mode():
        shares = [accuracy(leaky(x), y) for _ in range(50)]
    print(f"{training=!s:5}  {len(set(shares))} different accuracies in 50 runs")
    print(f"  from {min(shares):.3f} to {max(shares):.3f}")
# --8<-- [end:forgot_eval]

# --8<-- [start:solution_own_dataset]
from torch.utils.data import Dataset


class Rings(Dataset):
    """Point i, drawn when it is asked for; nothing is stored."""

    def __len__(self):
        return 2000

    def __getitem__(self, index):
        if not 0 <= index < 2000:
            raise IndexError(index)
        generator = torch.Generator().manual_seed(index)
        radius = 3 if index < 1000 else 8
        distance = radius + torch.randn(1, generator=generator)
        angle = 2 * math.pi * torch.rand(1, generator=generator)
        point = distance * torch.cat([torch.cos(angle), torch.sin(angle)])
        return point, torch.tensor([1.0 if radius == 3 else 0.0])


torch.manual_seed(0)  # a DataLoader draws a seed for its workers
x, y = next(iter(DataLoader(Rings(), batch_size=2000)))
away = torch.linalg.vector_norm(x, dim=1)
print(x.shape, y.shape, y.mean())
print(f"inner {away[:1000].mean():.2f}, outer {away[1000:].mean():.2f}")
assert len(list(Rings())) == 2000
assert torch.equal(Rings()[7][0], x[7])
# --8<-- [end:solution_own_dataset]

# --8<-- [start:solution_parameter_groups]
torch.manual_seed(0)
fresh = new_net()
weights = [p for p in fresh.parameters() if p.ndim == 2]
biases = [p for p in fresh.parameters() if p.ndim == 1]
groups = [
    {"params": weights, "weight_decay": 0.5},
    {"params": biases, "weight_decay": 0.0, "lr": 0.2},
]
optimizer = torch.optim.SGD(groups, lr=0.1)
before = [p.detach().clone() for p in fresh.parameters()]
for p in fresh.parameters():
    p.grad = torch.zeros_like(p)
optimizer.step()
for p, old in zip(fresh.parameters(), before, strict=True):
    print(tuple(p.shape), "shrunk by", f"{1 - (p.norm() / old.norm()).item():.3f}")
for group in optimizer.param_groups:
    print(len(group["params"]), "tensors, lr", group["lr"], end=", ")
    print("weight decay", group["weight_decay"])
# --8<-- [end:solution_parameter_groups]


# --8<-- [start:solution_resume]
def run(steps, model_state=None, optimizer_state=None):
    torch.manual_seed(0)
    model = Plane()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    if model_state:
        model.load_state_dict(model_state)
    if optimizer_state:
        optimizer.load_state_dict(optimizer_state)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.MSELoss()(model(X), Y).backward()
        optimizer.step()
    return model.state_dict(), optimizer.state_dict()


unbroken, _ = run(60)
torch.save(run(30), "checkpoint.pt")
model_state, optimizer_state = torch.load("checkpoint.pt", weights_only=True)
resumed, _ = run(30, model_state, optimizer_state)
forgetful, _ = run(30, model_state)
for name, state in {"whole": resumed, "model only": forgetful}.items():
    gap = (state["linear.bias"] - unbroken["linear.bias"]).abs().item()
    print(f"{name}: bias off by {gap:.3f}")
assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)
# --8<-- [end:solution_resume]

# --8<-- [start:solution_lbfgs]
torch.manual_seed(0)
model = Plane()
optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    loss = nn.MSELoss()(model(X), Y)
    loss.backward()
    return loss


first = optimizer.step(closure)
found = torch.cat([p.detach().flatten() for p in model.parameters()])
print(f"loss {first:.3f} -> {closure():.3f}")
print("distance below 0.001:", (found - best).abs().max().item() < 1e-3)
assert calls < 20
# --8<-- [end:solution_lbfgs]


# --8<-- [start:solution_square_layer]
class Square(nn.Module):
    def forward(self, x):
        return x**2 / 50


torch.manual_seed(0)
small = nn.Sequential(Square(), nn.Linear(2, 1))
optimizer = torch.optim.Adam(small.parameters(), lr=0.2)
loader = DataLoader(train_set, batch_size=50, shuffle=True)
for _ in range(10):
    train_epoch(small, loader, nn.BCEWithLogitsLoss(), optimizer)
z, y = predict(small, DataLoader(valid_set, batch_size=500))
n_parameters = sum(p.numel() for p in small.parameters())
print(f"{n_parameters} parameters, accuracy {accuracy(z, y):.3f}")
assert abs(accuracy(z, y) - 0.985) < 0.01
# --8<-- [end:solution_square_layer]
