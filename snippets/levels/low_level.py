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
print("first sample:", X[0], Y[0])
print(f"labels from {Y.min():.2f} to {Y.max():.2f}, mean {Y.mean():.2f}")
# --8<-- [end:regression_data]

# --8<-- [start:regression_scatter]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharey=True, layout="constrained")
for column, color in enumerate(["#2f6fdb", "#e4572e"]):
    axes[column].scatter(X[:, column], Y, s=8, alpha=0.7, color=color)
    axes[column].set(xlabel=f"feature {column}")
axes[0].set(ylabel="label")
rise, fall = (torch.corrcoef(torch.cat([x[:, None], Y], 1).T)[0, 1] for x in X.T)
assert rise > 0.3 and fall < -0.6  # how much of the band is slope
plt.show()
# --8<-- [end:regression_scatter]

# --8<-- [start:index_select]
rows = torch.tensor([7, 0, 7])
picked = X.index_select(0, rows)  # (3, 2)
print(picked)
assert torch.equal(picked, X[rows])

picked[1] = 0.0
print("row 0 of X is still", X[0])
# --8<-- [end:index_select]


# --8<-- [start:data_iterator]
def batches(X, Y, batch_size, shuffle=True, generator=None):
    """Yield (features, labels) until every sample was used exactly once."""
    n = len(X)
    order = torch.randperm(n, generator=generator) if shuffle else torch.arange(n)
    for start in range(0, n, batch_size):
        rows = order[start : start + batch_size]  # the last slice may be shorter
        yield X.index_select(0, rows), Y.index_select(0, rows)


torch.manual_seed(0)
letters = torch.arange(10)
for _ in range(2):
    print([x.tolist() for x, _ in batches(letters, letters, batch_size=4)])
in_order = batches(letters, letters, batch_size=4, shuffle=False)
print([x.tolist() for x, _ in in_order])
# --8<-- [end:data_iterator]

# --8<-- [start:true_epoch]
torch.manual_seed(0)
numbers = torch.arange(n_samples)
one_epoch = list(batches(numbers, 10 * numbers, batch_size=64))
print("batch sizes:", [len(x) for x, _ in one_epoch])

seen = torch.cat([x for x, _ in one_epoch])
print("different samples:", len(seen.unique()), "of", n_samples)
assert torch.equal(seen.sort().values, numbers)
assert not torch.equal(seen, numbers)
assert all(torch.equal(y, 10 * x) for x, y in one_epoch)
# --8<-- [end:true_epoch]

# --8<-- [start:draws_with_replacement]
torch.manual_seed(0)
drawn = torch.randint(n_samples, (n_samples,))
seen = len(drawn.unique())
most = drawn.bincount().max().item()
print(f"{seen} of {n_samples} seen, {n_samples - seen} never, one {most} times")
expected = 1 - (1 - 1 / n_samples) ** n_samples
print(f"share {seen / n_samples:.3f}, expected {expected:.3f}")
# --8<-- [end:draws_with_replacement]


# --8<-- [start:linear_model]
def linear(X, w, b):  # (N, 2), (2, 1), (1,) -> (N, 1)
    return X @ w + b


w = torch.ones(2, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)

prediction = linear(X[:3], w, b)
print(prediction)
print(Y[:3])
one_by_one = [row[0] * w[0] + row[1] * w[1] + b for row in X[:3]]
torch.testing.assert_close(prediction, torch.stack(one_by_one))
# --8<-- [end:linear_model]

# --8<-- [start:squared_error]
import torch.nn.functional as F


def squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()


loss = squared_error(linear(X, w, b), Y)
print(loss)
torch.testing.assert_close(loss, F.mse_loss(linear(X, w, b), Y))
# --8<-- [end:squared_error]

# --8<-- [start:squared_error_broadcast]
flat = Y[:, 0]  # (400,), the column is gone
difference = linear(X, w, b) - flat
print("shape of the difference:", tuple(difference.shape))

exact = linear(X, w0, b0)  # the best prediction there is
print(f"labels (400, 1): loss {squared_error(exact, Y):.2f}")
print(f"labels (400,):   loss {squared_error(exact, flat):.2f}")
# --8<-- [end:squared_error_broadcast]

# --8<-- [start:gradient_by_formula]
loss = squared_error(linear(X, w, b), Y)
loss.backward()

with torch.no_grad():
    error = linear(X, w, b) - Y  # (400, 1)
    w_slope = 2 / n_samples * X.T @ error  # (2, 400) @ (400, 1) -> (2, 1)
    b_slope = 2 / n_samples * error.sum(0)  # (1,)
print("w:", w.grad.flatten(), " b:", b.grad)
torch.testing.assert_close(w.grad, w_slope)
torch.testing.assert_close(b.grad, b_slope)
# --8<-- [end:gradient_by_formula]

# --8<-- [start:rebound_parameter]
w = torch.zeros(2, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(2):
    loss = squared_error(linear(X, w, b), Y)
    print("step", step, " w requires a gradient:", w.requires_grad)
    loss.backward()
    with torch.no_grad():
        w = w - 0.01 * w.grad
        b -= 0.01 * b.grad
# --8<-- [end:rebound_parameter]


# --8<-- [start:gradient_step]
def gradient_step(params, lr):
    """Move every parameter against its gradient, then forget the gradient."""
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad = None


w = torch.zeros(2, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(4):
    loss = squared_error(linear(X, w, b), Y)
    loss.backward()
    print(f"step {step}  loss {loss:7.3f}  gradient of b {b.grad.item():7.3f}")
    gradient_step([w, b], lr=0.05)
print(w.detach().flatten(), b.detach(), w.is_leaf, w.grad)
# --8<-- [end:gradient_step]


# --8<-- [start:train_regression]
def train_regression(generator, lr, decay=1.0, epochs=20):
    """Descend on batches of 30; after each epoch, multiply lr by decay."""
    w = torch.zeros(2, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    losses, path = [], []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches(X, Y, 30, generator=generator):
            loss = squared_error(linear(x, w, b), y)
            loss.backward()
            gradient_step([w, b], lr)
            total += loss.item() * len(x)
        lr *= decay
        losses.append(total / n_samples)
        path.append(torch.cat([w, b[None]]).detach().flatten())
    return losses, torch.stack(path)  # (epochs, 3)


losses, path = train_regression(torch.Generator().manual_seed(0), lr=0.05)
for epoch in (0, 1, 2, 5, 19):
    print(f"epoch {epoch:2d}  loss {losses[epoch]:6.3f} ", path[epoch])
assert 4 < losses[-1] < 4.5

still, _ = train_regression(torch.Generator().manual_seed(0), lr=0.0, epochs=1)
all_at_once = squared_error(torch.zeros_like(Y), Y)
torch.testing.assert_close(torch.tensor(still[0]), all_at_once)
# --8<-- [end:train_regression]

# --8<-- [start:closed_form]
import pandas as pd

design = torch.cat([X, torch.ones(n_samples, 1)], dim=1)  # (400, 3), with ones
solution = torch.linalg.lstsq(design, Y).solution  # (3, 1)
best = solution.flatten()

truth = torch.tensor([*w0.flatten(), b0])
columns = {"truth": truth, "least squares": best, "trained": path[-1]}
table = {name: values.tolist() for name, values in columns.items()}
table = pd.DataFrame(table, index=["w[0]", "w[1]", "b"])
losses = [squared_error(design @ p, Y[:, 0]).item() for p in columns.values()]
table.loc["loss"] = losses
assert table.loc["loss"].idxmin() == "least squares"
table.round(3)
# --8<-- [end:closed_form]

# --8<-- [start:constant_and_decayed]
for decay in (1.0, 0.85):
    generator = torch.Generator().manual_seed(0)
    losses, path = train_regression(generator, lr=0.05, decay=decay)
    gap = (path - best).abs().amax(dim=1)  # the worst of the three parameters
    text = "  ".join(f"{g:.3f}" for g in gap[[4, 9, 14, 19]])
    print(f"decay {decay}  distance after 5, 10, 15, 20 epochs: {text}")
assert gap[-1] < 0.02
w, b = path[-1, :2, None], path[-1, 2]
print("w", w.flatten().round(decimals=2), " b", b.round(decimals=2))
# --8<-- [end:constant_and_decayed]

# --8<-- [start:forgotten_zeroing]
for forget in (False, True):
    p = torch.zeros(3, 1, requires_grad=True)
    losses = []
    for _ in range(12):
        loss = squared_error(design @ p, Y)
        loss.backward()
        with torch.no_grad():
            p -= 0.05 * p.grad
            if not forget:
                p.grad.zero_()
        losses.append(loss.item())
    print(f"{forget=!s:5}", [f"{loss:.1f}" for loss in losses[::2]])
# --8<-- [end:forgotten_zeroing]

# --8<-- [start:rings_data]
import math


def ring(radius, n):
    """Points around the origin, about radius away from it, shape (n, 2)."""
    distance = radius + torch.randn(n, 1)
    angle = 2 * math.pi * torch.rand(n, 1)
    return distance * torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)


def rings():
    torch.manual_seed(0)
    X = torch.cat([ring(3, 1000), ring(8, 1000)])  # (2000, 2)
    Y = torch.cat([torch.ones(1000, 1), torch.zeros(1000, 1)])  # (2000, 1)
    return X, Y


X, Y = rings()
for label, name in ((1, "inner"), (0, "outer")):
    away = torch.linalg.vector_norm(X[Y[:, 0] == label], dim=1)
    distance = f"{away.mean():.3f} ± {away.std():.3f}"
    print(f"{name}: {len(away)} points, distance {distance}")
# --8<-- [end:rings_data]

# --8<-- [start:rings_split]
order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
train_rows, valid_rows = order[:1500], order[1500:]
X_train, Y_train = X.index_select(0, train_rows), Y.index_select(0, train_rows)
X_valid, Y_valid = X.index_select(0, valid_rows), Y.index_select(0, valid_rows)

print(X_train.shape, X_valid.shape)
print(f"share of label 1: {Y_train.mean():.3f} and {Y_valid.mean():.3f}")
assert not set(train_rows.tolist()) & set(valid_rows.tolist())
# --8<-- [end:rings_split]

# --8<-- [start:rings_scatter]
fig, ax = plt.subplots(figsize=(4.2, 4), layout="constrained")
for label, color, name in ((0, "#e4572e", "outer, 0"), (1, "#2f6fdb", "inner, 1")):
    points = X_train[Y_train[:, 0] == label]
    ax.scatter(points[:, 0], points[:, 1], s=5, color=color, label=name)
    distance = points.norm(dim=1)
    low, high = distance.quantile(0.02), distance.quantile(0.98)
    assert (low > 5 and high < 10.5) if label == 0 else high < 5.5
    print(name, len(points))
ax.set(xlabel="feature 0", ylabel="feature 1", aspect="equal")
fig.legend(loc="outside upper center", ncols=2, frameon=False, markerscale=3)
plt.show()
# --8<-- [end:rings_scatter]


# --8<-- [start:sigmoid_by_hand]
def sigmoid(z):
    return 1 / (1 + torch.exp(-z))


z = torch.tensor([-200.0, -2.0, 0.0, 2.0, 20.0])
print(sigmoid(z))
torch.testing.assert_close(sigmoid(z), torch.sigmoid(z))
print("exp(200):", torch.exp(-z[0]))
print("sigmoid(20) == 1:", sigmoid(z[-1]) == 1)
# --8<-- [end:sigmoid_by_hand]


# --8<-- [start:naive_cross_entropy]
def naive_cross_entropy(z, y):  # one loss per sample
    p = sigmoid(z)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p))


z = torch.tensor([-2.0, 0.0, 2.0, 4.0])


def reference(z, y):
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


for y in (torch.ones(4), torch.zeros(4)):
    print(f"label {y[0]:.0f}:", naive_cross_entropy(z, y))
    torch.testing.assert_close(naive_cross_entropy(z, y), reference(z, y))
# --8<-- [end:naive_cross_entropy]

# --8<-- [start:naive_overflow]
z = torch.tensor([10.0, 20.0, 20.0, -200.0, -200.0], requires_grad=True)
y = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0])
loss = naive_cross_entropy(z, y)
(slope,) = torch.autograd.grad(loss.sum(), z)
columns = {"logit": z, "label": y, "naive loss": loss, "its gradient": slope}
columns["true loss"] = reference(z, y)
columns["true gradient"] = torch.sigmoid(z) - y
pd.DataFrame({name: t.tolist() for name, t in columns.items()}).round(2)
# --8<-- [end:naive_overflow]


# --8<-- [start:stable_cross_entropy]
def clamped_cross_entropy(z, y):
    return z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))


grid = torch.linspace(-1000, 1000, 4001)
for y in (torch.ones(4001), torch.zeros(4001)):
    loss = clamped_cross_entropy(grid, y)
    torch.testing.assert_close(loss, reference(grid, y))
    print(f"label {y[0]:.0f}: from {loss.min():.1f} to {loss.max():.1f}")
    assert loss.isfinite().all()

tiny = torch.exp(torch.tensor(-20.0))
print(f"log(1 + u): {torch.log(1 + tiny):.3e}   log1p(u): {torch.log1p(tiny):.3e}")
# --8<-- [end:stable_cross_entropy]


# --8<-- [start:gradient_at_zero]
def cross_entropy(z, y):
    positive = torch.maximum(z, torch.zeros_like(z))
    return positive - z * y + torch.log1p(torch.exp(-z.abs()))


z = torch.tensor([-3.0, 0.0, 3.0], requires_grad=True)
y = torch.tensor([1.0, 0.0, 1.0])
print("sigmoid(z) - y:         ", (torch.sigmoid(z) - y).detach())
for loss_fn in (clamped_cross_entropy, cross_entropy, reference):
    (slope,) = torch.autograd.grad(loss_fn(z, y).sum(), z)
    print(f"{loss_fn.__name__ + ':':24}", slope)

saturated = torch.tensor([-200.0, 20.0, 200.0], requires_grad=True)
(slope,) = torch.autograd.grad(cross_entropy(saturated, y).sum(), saturated)
torch.testing.assert_close(slope, (torch.sigmoid(saturated) - y).detach())
# --8<-- [end:gradient_at_zero]

# --8<-- [start:clamped_log]
z = torch.tensor([200.0], requires_grad=True)
y = torch.zeros(1)
on_probabilities = F.binary_cross_entropy(torch.sigmoid(z), y)
on_logits = F.binary_cross_entropy_with_logits(z, y)
for name, loss in {"probabilities": on_probabilities, "logits": on_logits}.items():
    (slope,) = torch.autograd.grad(loss, z)
    print(f"{name:13} loss {loss.item()}  gradient {slope.item()}")
# --8<-- [end:clamped_log]

# --8<-- [start:label_shape]
z = torch.zeros(4, 1)
y = torch.ones(4)
print("by hand:", cross_entropy(z, y).shape)
F.binary_cross_entropy_with_logits(z, y)
# --8<-- [end:label_shape]

# --8<-- [start:network_parameters]
from itertools import pairwise


def new_parameters(sizes, generator):
    layers = []
    for n_in, n_out in pairwise(sizes):
        weight = torch.randn(n_in, n_out, generator=generator) * math.sqrt(2 / n_in)
        bias = torch.zeros(n_out, requires_grad=True)
        layers.append((weight.requires_grad_(), bias))
    return layers


untrained = new_parameters([2, 4, 8, 1], torch.Generator().manual_seed(0))
for weight, bias in untrained:
    print(tuple(weight.shape), tuple(bias.shape), weight.is_leaf)
params = [p for layer in untrained for p in layer]
print("parameters:", sum(p.numel() for p in params))
# --8<-- [end:network_parameters]


# --8<-- [start:network_forward]
def network(X, layers):  # (N, 2) -> (N, 1), logits
    h = X
    for weight, bias in layers[:-1]:
        h = torch.relu(h @ weight + bias)
    weight, bias = layers[-1]
    return h @ weight + bias


z = network(X_train, untrained)
loss = cross_entropy(z, Y_train).mean()
loss.backward()
print(z.shape, f"loss {loss:.3f}, of a coin {math.log(2):.3f}")
print("gradients:", [f"{p.grad.abs().max():.3f}" for p in params])
# --8<-- [end:network_forward]

# --8<-- [start:nan_spreads]
X_large = 100 * X_train  # the same points, in another unit
for loss_fn in (naive_cross_entropy, cross_entropy):
    copies = [(w.detach().clone(), b.detach().clone()) for w, b in untrained]
    tensors = [t.requires_grad_() for pair in copies for t in pair]
    loss = loss_fn(network(X_large, copies), Y_train).mean()
    loss.backward()
    gradient_step(tensors, lr=0.001)
    broken = sum(t.isnan().sum().item() for t in tensors)
    print(f"{loss_fn.__name__}: loss {loss:.1f}, {broken} of 61 parameters are NaN")
# --8<-- [end:nan_spreads]

# --8<-- [start:zero_weights]
zeros = [torch.zeros_like(p).requires_grad_() for p in params]
pairs = list(zip(zeros[::2], zeros[1::2], strict=True))
loss = cross_entropy(network(X_train, pairs), Y_train).mean()
loss.backward()
print(f"loss {loss:.3f}", [p.grad.abs().max().item() for p in zeros[:-1]])
print(f"bias of the last layer: {zeros[-1].grad.item():.4f}")
assert torch.isclose(zeros[-1].grad, 0.5 - Y_train.mean())
# --8<-- [end:zero_weights]


# --8<-- [start:accuracy]
def accuracy(z, y):
    return ((z > 0) == (y > 0.5)).float().mean().item()


z = torch.tensor([[3.0], [-0.1], [0.2], [-4.0]])
y = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
print(accuracy(z, y))
assert torch.equal(z > 0, torch.sigmoid(z) > 0.5)

distance = torch.linalg.vector_norm(X_valid, dim=1, keepdim=True)
print("always 1:         ", f"{accuracy(torch.ones_like(Y_valid), Y_valid):.3f}")
print("closer than 5.5:  ", f"{accuracy(5.5 - distance, Y_valid):.3f}")
print("before training:  ", f"{accuracy(network(X_valid, untrained), Y_valid):.3f}")
# --8<-- [end:accuracy]


# --8<-- [start:train_rings]
def train_rings(generator, epochs, lr):
    layers = new_parameters([2, 4, 8, 1], generator)
    params = [p for layer in layers for p in layer]
    history = []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches(X_train, Y_train, 40, generator=generator):
            loss = cross_entropy(network(x, layers), y).mean()
            loss.backward()
            gradient_step(params, lr)
            total += loss.item() * len(x)
        with torch.no_grad():
            z = network(X_valid, layers)
            valid_loss = cross_entropy(z, Y_valid).mean().item()
        history.append((total / len(X_train), valid_loss, accuracy(z, Y_valid)))
    return layers, history


layers, history = train_rings(torch.Generator().manual_seed(0), epochs=25, lr=0.1)
for epoch in (0, 1, 2, 4, 24):
    train_loss, valid_loss, share = history[epoch]
    losses = f"train {train_loss:.3f}  validation {valid_loss:.3f}"
    print(f"epoch {epoch:2d}  loss: {losses}  accuracy {share:.3f}")
assert abs(share - 0.985) < 0.01
# --8<-- [end:train_rings]

# --8<-- [start:decision_boundary]
line = torch.linspace(-11, 11, 111)
grid_y, grid_x = torch.meshgrid(line, line, indexing="ij")
grid = torch.stack([grid_x, grid_y], dim=-1).reshape(-1, 2)  # (12321, 2)
with torch.no_grad():
    probability = torch.sigmoid(network(grid, layers)).reshape(111, 111)
print(f"share of the square called inner: {(probability > 0.5).float().mean():.3f}")

fig, ax = plt.subplots(figsize=(4.2, 4), layout="constrained")
for label, color in ((0, "#e4572e"), (1, "#2f6fdb")):
    points = X_valid[Y_valid[:, 0] == label]
    ax.scatter(points[:, 0], points[:, 1], s=5, color=color)
ax.contour(line, line, probability, levels=[0.5], colors="#2a9d8f", linewidths=2.5)
inner = grid[probability.flatten() > 0.5].norm(dim=1)  # how far the line is out
outer = grid[probability.flatten() < 0.5].norm(dim=1)
assert inner.max() < 8 and outer.min() > 3  # closed, between the rings
ax.set(xlabel="feature 0", ylabel="feature 1", aspect="equal")
plt.show()
# --8<-- [end:decision_boundary]

# --8<-- [start:predict]
points = torch.tensor([[0.0, 0.0], [0.0, 3.0], [0.0, -8.0], [9.0, 9.0]])
with torch.no_grad():
    probability = torch.sigmoid(network(points, layers))[:, 0]
for point, p in zip(points.tolist(), probability, strict=True):
    print(point, f"probability of inner {p:.3f}")
reach = torch.linalg.vector_norm(X_train, dim=1).max()
assert torch.linalg.vector_norm(points[-1]) > reach
# --8<-- [end:predict]


# --8<-- [start:solution_momentum]
def momentum_step(params, velocities, lr, momentum):
    with torch.no_grad():
        for p, v in zip(params, velocities, strict=True):
            v.mul_(momentum).add_(p.grad)
            p -= lr * v
            p.grad = None


ours = torch.zeros(3, 1, requires_grad=True)
theirs = torch.zeros(3, 1, requires_grad=True)
velocity = torch.zeros(3, 1)
optimizer = torch.optim.SGD([theirs], lr=0.01, momentum=0.9)
labels = design @ solution
for _ in range(10):
    squared_error(design @ ours, labels).backward()
    momentum_step([ours], [velocity], lr=0.01, momentum=0.9)
    optimizer.zero_grad()
    squared_error(design @ theirs, labels).backward()
    optimizer.step()
print(ours.flatten())
torch.testing.assert_close(ours, theirs)
# --8<-- [end:solution_momentum]


# --8<-- [start:solution_log_add_exp]
def short_cross_entropy(z, y):
    return torch.logaddexp(z, torch.zeros_like(z)) - z * y


z = torch.tensor([-1000.0, -2.0, 0.0, 2.0, 1000.0], requires_grad=True)
for y in (torch.zeros(5), torch.ones(5)):
    loss = short_cross_entropy(z, y)
    (slope,) = torch.autograd.grad(loss.sum(), z)
    print("losses:", loss.detach())
    print("slopes:", slope)
    torch.testing.assert_close(loss, cross_entropy(z, y))
    torch.testing.assert_close(slope, (torch.sigmoid(z) - y).detach())
# --8<-- [end:solution_log_add_exp]

# --8<-- [start:solution_positive_weight]
from torch import nn


def weighted_cross_entropy(z, y, weight):
    softplus = torch.logaddexp(-z, torch.zeros_like(z))  # -log p
    return (1 - y) * z + (1 + (weight - 1) * y) * softplus


z = torch.tensor([-300.0, -1.0, 2.0, 300.0])
for y in (torch.zeros(4), torch.ones(4)):
    loss = weighted_cross_entropy(z, y, weight=3.0)
    print(loss)
    pytorch = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0), reduction="none")
    torch.testing.assert_close(loss, pytorch(z, y))
# --8<-- [end:solution_positive_weight]

# --8<-- [start:solution_backward_by_hand]
with torch.no_grad():
    (W1, b1), (W2, b2), (W3, b3) = layers
    h1 = torch.relu(X_train @ W1 + b1)  # (1500, 4)
    h2 = torch.relu(h1 @ W2 + b2)  # (1500, 8)
    z = h2 @ W3 + b3  # (1500, 1)
    dz = (torch.sigmoid(z) - Y_train) / len(z)  # (1500, 1)
    d2 = dz @ W3.T * (h2 > 0)  # (1500, 8)
    d1 = d2 @ W2.T * (h1 > 0)  # (1500, 4)
    slopes = [X_train.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ dz, dz.sum(0)]

loss = cross_entropy(network(X_train, layers), Y_train).mean()
expected = torch.autograd.grad(loss, [p for layer in layers for p in layer])
for ours, theirs in zip(slopes, expected, strict=True):
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
print([tuple(slope.shape) for slope in slopes])
# --8<-- [end:solution_backward_by_hand]


# --8<-- [start:solution_better_feature]
def squares(X):
    return torch.cat([X**2 / 50, torch.ones(len(X), 1)], dim=1)  # (N, 3)


w = torch.zeros(3, 1, requires_grad=True)
for _ in range(300):
    loss = cross_entropy(squares(X_train) @ w, Y_train).mean()
    loss.backward()
    gradient_step([w], lr=5.0)
with torch.no_grad():
    share = accuracy(squares(X_valid) @ w, Y_valid)
    radius = (50 * -w[2] / w[:2, 0].mean()).sqrt().item()
print(w.detach().flatten())
print(f"loss {loss:.3f}  accuracy {share:.3f}  boundary at radius {radius:.2f}")
# --8<-- [end:solution_better_feature]
