# --8<-- [start:optimizer_object]
import torch

w = torch.tensor([4.0, -2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.25)
for _ in range(3):
    optimizer.zero_grad()
    loss = (w**2).sum()
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():6.3f}  gradient {w.grad.tolist()}  w {w.tolist()}")
optimizer
# --8<-- [end:optimizer_object]

# --8<-- [start:valley]
import math

c, s = math.cos(math.radians(25)), math.sin(math.radians(25))
along, across = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
H = 1.0 * torch.outer(along, along) + 50.0 * torch.outer(across, across)  # (2, 2)
start = torch.tensor([-4.0, -1.0], dtype=torch.float64)


def valley(w):  # (2,) -> ()
    return 0.5 * w @ H @ w


def text(values):
    return " ".join(f"{x:.4f}" for x in values.flatten().tolist())


w = start.clone().requires_grad_()
valley(w).backward()
print(f"loss {valley(w).item():.4f}  gradient", text(w.grad))
print("curvatures", text(torch.linalg.eigvalsh(H)))
torch.testing.assert_close(w.grad, H @ start)
# --8<-- [end:valley]


# --8<-- [start:descend]
def descend(make, steps=100, loss_fn=valley, sparse=False):
    """The path of an optimizer, (steps + 1, 2), and the loss at each point."""
    w = start.clone().requires_grad_()
    optimizer = make([w])

    def closure():
        optimizer.zero_grad()
        loss = loss_fn(w)
        loss.backward()
        if sparse:
            w.grad = w.grad.to_sparse(1)
        return loss

    path = [w.detach().clone()]
    for _ in range(steps):
        optimizer.step(closure)
        path.append(w.detach().clone())
    return torch.stack(path), torch.stack([loss_fn(p) for p in path])


path, losses = descend(lambda p: torch.optim.SGD(p, lr=0.03))
print(path.shape, "losses", text(losses[::25]))
# --8<-- [end:descend]

# --8<-- [start:learning_rate_drawn]
import matplotlib.pyplot as plt

first, second = torch.meshgrid(
    torch.linspace(-5, 2, 71, dtype=torch.float64),
    torch.linspace(-2.8, 1.6, 45, dtype=torch.float64),
    indexing="xy",
)
points = torch.stack([first, second], dim=-1)  # (45, 71, 2)
heights = 0.5 * (points @ H * points).sum(dim=-1)
levels = torch.arange(2.5, 20, 2.5)  # not 0: at a point, 0 or 1e-8

fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.2), layout="constrained")
for ax, lr in zip(axes, (0.003, 0.036, 0.041), strict=True):
    path, losses = descend(lambda p, lr=lr: torch.optim.SGD(p, lr=lr), steps=40)
    ax.contour(first, second, heights.sqrt(), levels, colors="#7a8599", linewidths=0.7)
    ax.plot(*path.T, ".-", color="#2f6fdb", ms=4, lw=1)
    ax.plot(0, 0, "*", color="#e4572e", ms=10)
    ax.set(title=f"lr {lr}: loss {losses[-1]:.2f}", aspect="equal")
    ax.set(xlim=(-5, 2), ylim=(-2.8, 1.6))
plt.show()
# --8<-- [end:learning_rate_drawn]

# --8<-- [start:sgd]
w = start.clone()
for _ in range(20):
    w -= 0.03 * (H @ w)

path, _ = descend(lambda p: torch.optim.SGD(p, lr=0.03), steps=20)
torch.testing.assert_close(path[-1], w)
print("20 steps:", text(w))
factors = 1 - 0.03 * torch.linalg.eigvalsh(H)
print("each step multiplies, along and across:", text(factors))
# --8<-- [end:sgd]

# --8<-- [start:sgd_momentum_nesterov]
for nesterov in (False, True):
    w, v = start.clone(), torch.zeros(2, dtype=torch.float64)
    for _ in range(20):
        g = H @ w
        v = 0.9 * v + g
        w -= 0.01 * (g + 0.9 * v if nesterov else v)

    options = {"lr": 0.01, "momentum": 0.9, "nesterov": nesterov}
    path, losses = descend(lambda p, o=options: torch.optim.SGD(p, **o))
    torch.testing.assert_close(path[20], w)
    print(f"nesterov {nesterov!s:5}  losses", text(losses[::25]))
_, plain = descend(lambda p: torch.optim.SGD(p, lr=0.03))
print("plain SGD       losses", text(plain[::25]))
assert losses[-1] < 0.01 < plain[-1]
# --8<-- [end:sgd_momentum_nesterov]

# --8<-- [start:adagrad]
w, total = start.clone(), torch.zeros(2, dtype=torch.float64)
for step in range(1, 101):
    g = H @ w
    total += g**2
    w -= 0.5 * g / (total.sqrt() + 1e-10)
    if step in (1, 10, 100):
        factors = text(0.5 / total.sqrt())
        print(f"step {step:3}: each gradient is multiplied by", factors)

path, _ = descend(lambda p: torch.optim.Adagrad(p, lr=0.5))
torch.testing.assert_close(path[-1], w)
# --8<-- [end:adagrad]

# --8<-- [start:rmsprop]
w, mean_square = start.clone(), torch.zeros(2, dtype=torch.float64)
for _ in range(20):
    g = H @ w
    mean_square = 0.99 * mean_square + 0.01 * g**2
    w -= 0.05 * g / (mean_square.sqrt() + 1e-8)

path, _ = descend(lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.99), steps=20)
torch.testing.assert_close(path[-1], w)
print("first step: ", text(path[1] - path[0]))
print("second step:", text(path[2] - path[1]))
# --8<-- [end:rmsprop]

# --8<-- [start:adadelta]
w = start.clone()
squares, moves = torch.zeros(2, 2, dtype=torch.float64)
for _ in range(100):
    g = H @ w
    squares = 0.9 * squares + 0.1 * g**2
    move = (moves + 1e-6).sqrt() / (squares + 1e-6).sqrt() * g
    moves = 0.9 * moves + 0.1 * move**2
    w -= 1.0 * move

path, losses = descend(lambda p: torch.optim.Adadelta(p))
torch.testing.assert_close(path[-1], w)
print("first step:", text(path[1] - path[0]))
print("last step: ", text(path[-1] - path[-2]))
print("losses", text(losses[::25]))
# --8<-- [end:adadelta]

# --8<-- [start:adam]
w = start.clone()
m, v = torch.zeros(2, 2, dtype=torch.float64)
for t in range(1, 21):
    g = H @ w
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    v_hat = v / (1 - 0.999**t)
    w -= 0.2 * m_hat / (v_hat.sqrt() + 1e-8)

path, losses = descend(lambda p: torch.optim.Adam(p, lr=0.2))
torch.testing.assert_close(path[20], w)
print("first step:", text(path[1] - path[0]))
print("losses", text(losses[::25]))
# --8<-- [end:adam]

# --8<-- [start:bias_correction]
import pandas as pd

rows = []
m = v = 0.0
for t in range(1, 1001):
    g = 3.0  # the same gradient in every step
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    corrected = (m / (1 - 0.9**t)) / math.sqrt(v / (1 - 0.999**t))
    if t in (1, 2, 5, 10, 100, 1000):
        rows.append((t, m, v, m / math.sqrt(v), corrected))
    assert abs(corrected - 1) < 1e-9
columns = ["step", "m", "v", "m / sqrt(v)", "corrected"]
pd.DataFrame(rows, columns=columns).round(3)
# --8<-- [end:bias_correction]


# --8<-- [start:scale_of_the_loss]
from functools import partial


def thousandfold(w):
    return 1000 * valley(w)


for name, lr in {"Adam": 0.2, "RMSprop": 0.05, "Rprop": 0.05, "SGD": 0.03}.items():
    make = partial(getattr(torch.optim, name), lr=lr)
    once, _ = descend(make, steps=5)
    larger, _ = descend(make, steps=5, loss_fn=thousandfold)
    same = torch.allclose(once, larger, rtol=1e-4)
    print(f"{name:8} after 5 steps", text(once[-1]), " same path:", same)
    assert same == (name != "SGD")
# --8<-- [end:scale_of_the_loss]

# --8<-- [start:adamw]
lr, decay = 0.2, 0.1
w = start.clone()
m, v = torch.zeros(2, 2, dtype=torch.float64)
for t in range(1, 21):
    g = H @ w  # the gradient of the loss alone
    w *= 1 - lr * decay  # the weights shrink, whatever the gradient is
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    w -= lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)

path, _ = descend(partial(torch.optim.AdamW, lr=lr, weight_decay=decay), steps=20)
torch.testing.assert_close(path[-1], w)
print("20 steps:", text(w))
# --8<-- [end:adamw]


# --8<-- [start:l2_or_decay]
def with_l2(w):
    return valley(w) + 0.5 * 0.1 * (w**2).sum()


penalty, option = {}, {}
for name, lr in {"SGD": 0.01, "Adam": 0.2, "AdamW": 0.2}.items():
    make = partial(getattr(torch.optim, name), lr=lr)
    penalty[name], _ = descend(partial(make, weight_decay=0.0), 20, loss_fn=with_l2)
    option[name], _ = descend(partial(make, weight_decay=0.1), 20)
    same = torch.allclose(penalty[name], option[name])
    ends = text(penalty[name][-1]), text(option[name][-1])
    print(f"{name:5}  penalty {ends[0]}  option {ends[1]}  same: {same}")
    assert same == (name != "AdamW")

decoupled = partial(torch.optim.Adam, lr=0.2, decoupled_weight_decay=True)
path, _ = descend(partial(decoupled, weight_decay=0.1), 20)
torch.testing.assert_close(path, option["AdamW"])
# --8<-- [end:l2_or_decay]

# --8<-- [start:decay_alone]
for name in ("Adam", "AdamW"):
    for decay in (0.01, 1.0):
        w = torch.tensor([2.0, 1.0], requires_grad=True)
        make = getattr(torch.optim, name)
        optimizer = make([w], lr=0.01, weight_decay=decay)
        for _ in range(50):
            w.grad = torch.zeros(2)  # the data say nothing about these weights
            optimizer.step()
        print(f"{name:5} weight_decay {decay:4}:", text(w))
torch.testing.assert_close(w.detach(), torch.tensor([2.0, 1.0]) * (1 - 0.01) ** 50)
# --8<-- [end:decay_alone]

# --8<-- [start:adamax]
w = start.clone()
m, largest = torch.zeros(2, 2, dtype=torch.float64)
for t in range(1, 21):
    g = H @ w
    m = 0.9 * m + 0.1 * g
    largest = torch.maximum(0.999 * largest, g.abs() + 1e-8)
    w -= 0.2 * (m / (1 - 0.9**t)) / largest

path, losses = descend(lambda p: torch.optim.Adamax(p, lr=0.2))
torch.testing.assert_close(path[20], w)
print("largest gradients", text(largest), " losses", text(losses[::25]))
# --8<-- [end:adamax]

# --8<-- [start:nadam]
w = start.clone()
m, v = torch.zeros(2, 2, dtype=torch.float64)
product = 1.0
for t in range(1, 21):
    mu, mu_next = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1))
    product *= mu
    g = H @ w
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    now = (1 - mu) * g / (1 - product)
    ahead = mu_next * m / (1 - product * mu_next)
    w -= 0.2 * (now + ahead) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)

path, losses = descend(lambda p: torch.optim.NAdam(p, lr=0.2))
torch.testing.assert_close(path[20], w)
print("losses", text(losses[::25]))
# --8<-- [end:nadam]

# --8<-- [start:radam]
adam, _ = descend(lambda p: torch.optim.Adam(p, lr=0.01), steps=10)
radam, _ = descend(lambda p: torch.optim.RAdam(p, lr=0.01), steps=10)
for name, path in {"Adam": adam, "RAdam": radam}.items():
    lengths = torch.linalg.vector_norm(path.diff(dim=0), dim=1)
    print(f"{name:5}", text(lengths))
print("plain gradient step:", f"{0.01 * torch.linalg.vector_norm(H @ start):.4f}")
torch.testing.assert_close(radam[1], start - 0.01 * (H @ start))
# --8<-- [end:radam]

# --8<-- [start:rprop]
w = start.clone()
size, before = torch.full((2,), 0.1, dtype=torch.float64), torch.zeros(2)
for step in range(1, 21):
    g = H @ w
    agree = torch.sign(g * before)
    size[agree > 0] *= 1.2
    size[agree < 0] *= 0.5
    g = torch.where(agree < 0, 0.0, g)  # after a change of sign: wait for one step
    w -= size * torch.sign(g)
    before = g
    if step in (1, 6, 20):
        print(f"step {step:2}: sizes", text(size), " w", text(w))

path, _ = descend(lambda p: torch.optim.Rprop(p, lr=0.1), steps=20)
torch.testing.assert_close(path[-1], w)
# --8<-- [end:rprop]

# --8<-- [start:asgd]
torch.manual_seed(0)
w = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.ASGD([w], lr=0.1, lambd=0.0, t0=100)
seen = []
for _ in range(2000):
    w.grad = (w.detach() - 5.0) + torch.randn(1)  # the minimum is at 5
    optimizer.step()
    seen.append(w.item())
average = optimizer.state[w]["ax"].item()
tail = torch.tensor(seen[-1000:])
print(f"w wanders between {tail.min():.1f} and {tail.max():.1f}")
print(f"average {average:.1f}")
assert abs(average - 5) < 0.1 and tail.std() > 0.1
# --8<-- [end:asgd]

# --8<-- [start:adafactor]
from torch import nn


def state_size(make, shape=(1000, 500)):
    """How many numbers an optimizer keeps for one weight matrix."""
    w = nn.Parameter(torch.ones(shape))
    optimizer = make([w])
    w.grad = torch.ones(shape)
    optimizer.step()
    return sum(s.numel() for s in optimizer.state[w].values() if s.ndim)


for name in ("SGD", "Muon", "Adam", "Adafactor"):
    numbers = state_size(getattr(torch.optim, name))
    print(f"{name:9} {numbers:9,} for 500,000 weights")
assert state_size(torch.optim.Adafactor) == 1000 + 500
# --8<-- [end:adafactor]

# --8<-- [start:sparse_adam]
torch.manual_seed(0)
words = torch.tensor([7, 7, 3])
for make, sparse in ((torch.optim.Adam, False), (torch.optim.SparseAdam, True)):
    table = nn.Embedding(10_000, 4, sparse=sparse)
    optimizer = make(table.parameters(), lr=0.1)
    for batch in (torch.tensor([1, 2]), words):  # the words 1 and 2 come only once
        before = table.weight.detach().clone()
        optimizer.zero_grad()
        table(batch).sum().backward()
        optimizer.step()
    moves = (table.weight.detach() - before).abs().amax(dim=1)  # (10000,)
    rows = (moves > 0.01).nonzero().flatten()
    print(f"{make.__name__:10} second step moves rows", rows.tolist())
try:
    torch.optim.Adam(table.parameters()).step()
except RuntimeError as error:
    print(error)
# --8<-- [end:sparse_adam]

# --8<-- [start:muon]
torch.manual_seed(0)
w = nn.Parameter(torch.zeros(64, 32))
w.grad = torch.randn(64, 4) @ torch.randn(4, 32) + 0.1 * torch.randn(64, 32)
directions = {"gradient": w.grad / torch.linalg.matrix_norm(w.grad)}
for make in (torch.optim.Adam, torch.optim.Muon):
    nn.init.zeros_(w)
    make([w], lr=1.0, weight_decay=0.0).step()
    directions[make.__name__] = -w.detach().clone()
for name, update in directions.items():
    values = torch.linalg.svdvals(update)
    values = values / values[0]
    print(f"{name:8}", " ".join(f"{x:.1f}" for x in values[[0, 1, 2, 15, 31]]))
assert values.min() > 0.3
# --8<-- [end:muon]

# --8<-- [start:muon_refuses_vectors]
torch.manual_seed(0)
layer = nn.Linear(64, 32)
torch.optim.Muon(layer.parameters())
# --8<-- [end:muon_refuses_vectors]


# --8<-- [start:lbfgs]
def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


w = torch.tensor([-1.5, 2.0], dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    loss = rosenbrock(w)
    loss.backward()
    return loss


for step in range(1, 4):
    optimizer.step(closure)
    loss = rosenbrock(w).item()
    print(f"step {step}: closure called {calls} times, loss {loss:.1e}")
assert (w - 1).abs().max() < 1e-4
# --8<-- [end:lbfgs]


# --8<-- [start:own_optimizer]
class Lion(torch.optim.Optimizer):
    """The sign of a blend of momentum and gradient (Chen et al., 2023)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
        if lr < 0:
            raise ValueError(f"lr must not be negative, got {lr}")
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                p.mul_(1 - lr * group["weight_decay"])
                p.sub_(lr * torch.sign(b1 * state["m"] + (1 - b1) * p.grad))
                state["m"].lerp_(p.grad, 1 - b2)
        return loss


path, losses = descend(partial(Lion, lr=0.05))
print("first step:", text(path[1] - path[0]))
print("losses", text(losses[::25]))
assert losses.min() < 0.1
# --8<-- [end:own_optimizer]

# --8<-- [start:valley_table]
optimizers = {
    "SGD": torch.optim.SGD,
    "SGD, momentum": partial(torch.optim.SGD, momentum=0.9),
    "SGD, Nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "LBFGS": partial(torch.optim.LBFGS, max_iter=1),  # one iteration per step
    "Lion (ours)": Lion,
}
names = "Adagrad RMSprop Adadelta Adam AdamW Adamax NAdam RAdam".split()
names += "Adafactor Rprop ASGD SparseAdam".split()
optimizers |= {name: getattr(torch.optim, name) for name in names}

best, rows = {}, []
for name, make in optimizers.items():
    runs = []
    for lr in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0):
        _, losses = descend(partial(make, lr=lr), 80, sparse=name == "SparseAdam")
        below = (losses < 0.01).nonzero().flatten().tolist()
        runs.append((below[0] if below else 81, losses[-1].item(), lr))
    steps, loss, best[name] = min(runs)
    rows.append((name, best[name], steps, f"{loss:.2f}"))
columns = ["optimizer", "best lr", "steps to loss < 0.01", "loss after 80 steps"]
table = pd.DataFrame(rows, columns=columns).set_index("optimizer")
table.sort_values("steps to loss < 0.01", kind="stable").replace({81: "> 80"})
# --8<-- [end:valley_table]

# --8<-- [start:valley_drawn]
paths = {}
for name, make in optimizers.items():
    make = partial(make, lr=best[name])
    paths[name], _ = descend(make, 80, sparse=name == "SparseAdam")
for name, twin in (("ASGD", "SGD"), ("SparseAdam", "Adam")):
    assert (paths.pop(name) - paths[twin]).abs().max() < 1e-3  # one picture for both

fig, axes = plt.subplots(5, 3, figsize=(7.5, 8.8), layout="constrained")
for ax, (name, path) in zip(axes.flat, paths.items(), strict=True):
    ax.contour(first, second, heights.sqrt(), levels, colors="#7a8599", linewidths=0.5)
    ax.plot(*path.T, ".-", color="#2f6fdb", ms=3, lw=0.9)
    ax.plot(0, 0, "*", color="#e4572e", ms=9)
    ax.set(title=f"{name}, lr {best[name]:g}", aspect="equal")
    ax.set(xlim=(-5, 2), ylim=(-2.8, 1.6), xticks=[], yticks=[])
plt.show()
# --8<-- [end:valley_drawn]

# --8<-- [start:digits]
import torch.nn.functional as F
from sklearn.datasets import load_digits

pixels, labels = load_digits(return_X_y=True)
X = torch.tensor(pixels / 16, dtype=torch.float32)  # (1797, 64)
y = torch.tensor(labels)  # (1797,)
X64 = X.double()  # less rounding: all machines draw the same curves
torch.manual_seed(0)
train, held_out = torch.randperm(len(X)).split([1437, 360])


def train_digits(make, seed=0):
    """Train a small classifier for one epoch; returns the loss on held-out images."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).double()
    optimizers = make(net)
    for rows in train[torch.randperm(len(train))].split(32):
        net.zero_grad()
        F.cross_entropy(net(X64[rows]), y[rows]).backward()
        for optimizer in optimizers:
            optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(net(X64[held_out]), y[held_out]).item()


loss = train_digits(lambda net: [torch.optim.Adam(net.parameters(), lr=1e-3)])
print(f"Adam, lr 0.001: loss {loss:.2f}, guessing would be {math.log(10):.2f}")
# --8<-- [end:digits]


# --8<-- [start:digits_drawn]
contestants = {
    "SGD": torch.optim.SGD,
    "SGD, momentum 0.9": partial(torch.optim.SGD, momentum=0.9),
    "RMSprop": torch.optim.RMSprop,
    "AdamW": torch.optim.AdamW,
}
rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
torch.manual_seed(0)
colors = ("#7a8599", "#2f6fdb", "#e4572e", "#2a9d8f")
curves = {}
fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
for (name, make), color in zip(contestants.items(), colors, strict=True):
    curve = []
    for lr in rates:

        def build(net, make=make, lr=lr):
            return [make(net.parameters(), lr=lr)]

        curve.append(sum(train_digits(build, seed) for seed in range(5)) / 5)
    ax.plot(rates, curve, "o-", ms=4, color=color, label=name)
    low = curve.index(min(curve))
    print(f"{name:17} lowest mean loss {curve[low]:.2f} at lr {rates[low]}")
    assert sorted(curve[: low + 1], reverse=True) + sorted(curve[low + 1 :]) == curve
    curves[name] = curve
ax.set(xscale="log", ylim=(0, 2.5), xlabel="lr", ylabel="mean loss of five seeds")
fig.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
good = [sum(loss < 0.5 for loss in curve) for curve in curves.values()]
assert good == [0, 2, 2, 3]  # rates that bring the loss below 0.5
assert min(curves["SGD"][:5]) > 1.9 and max(curves["SGD"][5:]) < 0.95
# --8<-- [end:digits_drawn]


# --8<-- [start:muon_and_adamw]
def muon_and_adamw(net, lr=0.1):
    matrices = [p for p in net.parameters() if p.ndim == 2]
    vectors = [p for p in net.parameters() if p.ndim != 2]
    return [torch.optim.Muon(matrices, lr=lr), torch.optim.AdamW(vectors, lr=lr)]


def adamw_alone(net):
    return [torch.optim.AdamW(net.parameters(), lr=0.03)]


torch.manual_seed(0)
pair = [train_digits(muon_and_adamw, seed) for seed in range(5)]
alone = [train_digits(adamw_alone, seed) for seed in range(5)]
better = sum(p < a for p, a in zip(pair, alone, strict=True))
print(f"AdamW alone, lr 0.03: mean loss {sum(alone) / 5:.2f}")
print(f"Muon and AdamW, lr 0.1, lower mean: {sum(pair) < sum(alone)}")
print(f"lower with most of the five seeds: {better >= 3}")
assert sum(pair) < sum(alone) and better >= 3
# --8<-- [end:muon_and_adamw]

# --8<-- [start:zero_grad_set_to_none]
for set_to_none in (True, False):
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    w.grad = torch.tensor([1.0, -1.0])
    optimizer.step()
    optimizer.zero_grad(set_to_none=set_to_none)
    print(f"set_to_none={set_to_none!s:5}: grad {w.grad}", end="")
    optimizer.step()  # no backward before this step
    print("  w", text(w))
# --8<-- [end:zero_grad_set_to_none]

# --8<-- [start:maximize]
w = torch.tensor([0.0, 0.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1, maximize=True)
for _ in range(50):
    optimizer.zero_grad()
    score = 5 - ((w - torch.tensor([1.0, 2.0])) ** 2).sum()
    score.backward()
    optimizer.step()
print(f"score {score.item():.4f} at", text(w))
assert abs(score.item() - 5) < 1e-4
# --8<-- [end:maximize]


# --8<-- [start:foreach_fused]
def after_steps(**options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, **options)
    for _ in range(20):
        optimizer.zero_grad()
        net(torch.ones(4, 8)).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


loop = after_steps(foreach=False)
for option in ("foreach", "fused"):
    result = after_steps(**{option: True})
    torch.testing.assert_close(result, loop, rtol=1e-4, atol=1e-5)
    print(f"{option}=True gives the same {len(loop)} parameters")
# --8<-- [end:foreach_fused]

# --8<-- [start:differentiable]
lr = torch.tensor(0.001, dtype=torch.float64, requires_grad=True)
for _ in range(3):
    w = start.clone().requires_grad_()
    moved = w.clone()  # not a leaf: the step becomes a part of the graph
    optimizer = torch.optim.SGD([moved], lr=lr, differentiable=True)
    moved.grad = torch.autograd.grad(valley(w), w)[0]
    optimizer.step()
    (slope,) = torch.autograd.grad(valley(moved), lr)
    after = valley(moved).item()
    print(f"lr {lr.item():.4f}  loss after the step {after:7.4f}", end="")
    print(f"  slope {slope.item():9.3f}")
    with torch.no_grad():
        lr -= 1e-5 * slope
g = H @ start
torch.testing.assert_close(slope, -g @ H @ moved.detach())
# --8<-- [end:differentiable]

# --8<-- [start:param_groups]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.AdamW(
    [
        {"params": net[0].parameters(), "lr": 1e-4},
        {"params": net[2].parameters(), "weight_decay": 0.0},
    ],
    lr=1e-3,
)
for group in optimizer.param_groups:
    shapes = [tuple(p.shape) for p in group["params"]]
    print(shapes, {key: group[key] for key in ("lr", "weight_decay")})

for group in optimizer.param_groups:
    group["lr"] *= 0.1
rates = [f"{group['lr']:.0e}" for group in optimizer.param_groups]
print("after a change by hand:", rates)
# --8<-- [end:param_groups]

# --8<-- [start:add_param_group]
torch.manual_seed(0)
body, head = nn.Linear(64, 32), nn.Linear(32, 10)
body.requires_grad_(False)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
for epoch in range(3):
    if epoch == 2:  # unfreeze, with a small rate
        body.requires_grad_(True)
        optimizer.add_param_group({"params": body.parameters(), "lr": 0.001})
    before = body.weight.detach().clone()
    optimizer.zero_grad()
    F.cross_entropy(head(body(X[:100]).relu()), y[:100]).backward()
    optimizer.step()
    moved = not torch.equal(before, body.weight)
    count = len(optimizer.param_groups)
    print(f"epoch {epoch}: groups {count}, body moves: {moved}")
# --8<-- [end:add_param_group]

# --8<-- [start:parameter_twice]
optimizer.add_param_group({"params": [head.bias], "lr": 1.0})
# --8<-- [end:parameter_twice]


# --8<-- [start:no_decay_groups]
def decay_groups(model, weight_decay):
    """Decay for matrices and kernels; none for biases and the gains of norms."""
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim >= 2]
    vectors = [p for p in trained if p.ndim < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


gains = {}
for name in ("all", "matrices only"):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU())
    net.append(nn.Linear(32, 10))
    groups = decay_groups(net, 5.0) if name == "matrices only" else net.parameters()
    optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=5.0)
    for rows in torch.randperm(len(X)).split(32):
        optimizer.zero_grad()
        F.cross_entropy(net(X[rows]), y[rows]).backward()
        optimizer.step()
    gains[name] = net[1].weight.mean().item()
    print(f"decay on {name:13}: mean gain of the norm {gains[name]:.1f}")
assert gains["all"] < 0.5 < 0.9 < gains["matrices only"]
# --8<-- [end:no_decay_groups]

# --8<-- [start:state_dict]
torch.manual_seed(0)
layer = nn.Linear(3, 2)
optimizer = torch.optim.Adam(layer.named_parameters(), lr=0.01)
layer(torch.ones(1, 3)).sum().backward()
optimizer.step()
saved = optimizer.state_dict()
for number, state in saved["state"].items():
    print(number, {key: tuple(value.shape) for key, value in state.items()})
group = saved["param_groups"][0]
print({key: group[key] for key in ("params", "param_names", "lr")})
# --8<-- [end:state_dict]


# --8<-- [start:resume]
def run(steps, checkpoint=None, with_optimizer=True, lr=0.05):
    w = (checkpoint["w"] if checkpoint else start).clone().requires_grad_()
    optimizer = torch.optim.Adam([w], lr=lr)
    if checkpoint and with_optimizer:
        optimizer.load_state_dict(checkpoint["optimizer"])
    for _ in range(steps):
        optimizer.zero_grad()
        valley(w).backward()
        optimizer.step()
    return {"w": w.detach(), "optimizer": optimizer.state_dict()}


unbroken = run(20)
torch.save(run(10), "half.pt")
half = torch.load("half.pt", weights_only=True)
resumed = run(10, half, lr=100.0)
half = torch.load("half.pt", weights_only=True)
forgetful = run(10, half, with_optimizer=False)
print("unbroken:    ", text(unbroken["w"]))
print("resumed:     ", text(resumed["w"]))
print("weights only:", text(forgetful["w"]))
print("lr of the resumed run:", resumed["optimizer"]["param_groups"][0]["lr"])
assert torch.equal(resumed["w"], unbroken["w"])
# --8<-- [end:resume]

# --8<-- [start:state_dict_is_live]
half = torch.load("half.pt", weights_only=True)
momentum = half["optimizer"]["state"][0]["exp_avg"]
for _ in range(2):
    print(f"momentum in the dictionary {text(momentum)}", end="")
    print("  10 more steps lead to", text(run(10, half)["w"]))
# --8<-- [end:state_dict_is_live]

# --8<-- [start:swap_in_optimizer_params_and_state]
import copy

w = start.clone().requires_grad_()
optimizer = torch.optim.Adam([w], lr=0.05)
for _ in range(10):
    optimizer.zero_grad()
    valley(w).backward()
    optimizer.step()

swap_in = torch.optim.swap_in_optimizer_params_and_state
for lr in (0.05, 0.1, 0.2, 0.4):
    trial = w.detach().clone()
    trial.grad = w.grad.clone()
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = lr
    with swap_in(optimizer, {"w": trial}, state):
        optimizer.step()
    print(f"lr {lr:4}: the loss would be {valley(trial).item():8.4f}")
lr = optimizer.param_groups[0]["lr"]
print(f"untouched: loss {valley(w).item():.4f}, lr {lr}")
assert optimizer.state[w]["step"] == 10
# --8<-- [end:swap_in_optimizer_params_and_state]

# --8<-- [start:step_hooks]
lengths = []


def remember(optimizer, args, kwargs):
    parameters = optimizer.param_groups[0]["params"]
    optimizer.before = [p.detach().clone() for p in parameters]


def measure(optimizer, args, kwargs):
    after = optimizer.param_groups[0]["params"]
    moves = [(a - b).norm() for a, b in zip(after, optimizer.before, strict=True)]
    lengths.append(torch.stack(moves).norm().item())


w = start.clone().requires_grad_()
optimizer = torch.optim.Adam([w], lr=0.1)
first_hook = optimizer.register_step_pre_hook(remember)
second_hook = optimizer.register_step_post_hook(measure)
for step in range(4):
    if step == 3:
        first_hook.remove()
        second_hook.remove()
    optimizer.zero_grad()
    valley(w).backward()
    optimizer.step()
print("lengths of the steps", [f"{x:.4f}" for x in lengths])
# --8<-- [end:step_hooks]

# --8<-- [start:clip_grad_norm]
w = nn.Parameter(torch.zeros(2))
b = nn.Parameter(torch.zeros(1))
for size in (1.0, 100.0):
    w.grad, b.grad = size * torch.tensor([0.3, 0.4]), size * torch.tensor([1.2])
    norm = nn.utils.clip_grad_norm_([w, b], max_norm=2.0)
    clipped = torch.cat([w.grad, b.grad])
    print(f"norm {norm.item():6.1f} ->", clipped, f"norm {clipped.norm():.1f}")
# --8<-- [end:clip_grad_norm]

# --8<-- [start:clip_grad_value]
for clip in (None, nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
    w = nn.Parameter(torch.zeros(2))
    w.grad = torch.tensor([0.6, 2.4])
    if clip is not None:
        clip([w], 1.0)
    name = "gradient" if clip is None else clip.__name__
    angle = math.degrees(math.atan2(w.grad[1], w.grad[0]))
    print(f"{name:16} {text(w.grad)}, direction {angle:.0f}°")
# --8<-- [end:clip_grad_value]

# --8<-- [start:averaged_model]
from torch.optim import swa_utils

layer = nn.utils.skip_init(nn.Linear, 1, 1, bias=False)
options = {
    "default": {},
    "get_swa_multi_avg_fn": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    "get_swa_avg_fn": {"avg_fn": swa_utils.get_swa_avg_fn()},
    "get_ema_multi_avg_fn": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.5)},
    "get_ema_avg_fn": {"avg_fn": swa_utils.get_ema_avg_fn(decay=0.5)},
}
averages = {
    name: swa_utils.AveragedModel(layer, **rule) for name, rule in options.items()
}
rows = {}
for value in (8.0, 4.0, 0.0):
    nn.init.constant_(layer.weight, value)
    for average in averages.values():
        average.update_parameters(layer)
    rows[f"weight {value:g}"] = [a.module.weight.item() for a in averages.values()]
assert rows["weight 0"] == [4.0, 4.0, 4.0, 3.0, 3.0]
pd.DataFrame(rows, index=list(averages))
# --8<-- [end:averaged_model]


# --8<-- [start:averages_drawn]
class Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(start.clone())


def wander(seed):
    """Loss of the weights, of their EMA and of their SWA after each of 1,000 steps."""
    torch.manual_seed(seed)
    point = Point()
    optimizer = torch.optim.SGD(point.parameters(), lr=0.02)
    multi_avg_fn = swa_utils.get_ema_multi_avg_fn(0.98)
    ema = swa_utils.AveragedModel(point, multi_avg_fn=multi_avg_fn)
    swa = swa_utils.AveragedModel(point)
    losses = []
    for step in range(1000):
        noise = 3 * torch.randn(2, dtype=torch.float64)
        point.w.grad = H @ point.w.detach() + noise
        optimizer.step()
        ema.update_parameters(point)
        if step >= 250:
            swa.update_parameters(point)
        places = (point.w, ema.module.w, swa.module.w)
        losses.append([valley(w).item() for w in places])
    return torch.tensor(losses)  # (1000, 3)


curves = torch.stack([wander(seed) for seed in range(5)])  # (5, 1000, 3)
names = ("weights", "EMA, decay 0.98", "SWA, from step 250")
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
colors = ("#7a8599", "#2f6fdb", "#e4572e")
for k, (name, color) in enumerate(zip(names, colors, strict=True)):
    since = 250 if k == 2 else 0
    ax.plot(range(since, 1000), curves[0, since:, k], color=color, lw=1.2, label=name)
ax.set(yscale="log", ylim=(1e-5, 1e3), xlabel="step", ylabel="loss")
ax.legend(loc="upper right")
plt.show()
tails = curves[:, 500:].mean(dim=1)  # (5, 3)
print("last 500 steps, mean of five seeds:", tails.mean(dim=0))
assert (tails[:, 0] > 2 * tails[:, 1]).all() and (tails[:, 1] > tails[:, 2]).all()
# --8<-- [end:averages_drawn]

# --8<-- [start:swalr_update_bn]
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
net.append(nn.Linear(32, 10))
loader = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
swa_net = swa_utils.AveragedModel(net)
swa_scheduler = swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
for epoch in range(6):
    print(f"epoch {epoch}: lr {optimizer.param_groups[0]['lr']:.3f}")
    for x, target in loader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), target).backward()
        optimizer.step()
    if epoch >= 2:
        swa_net.update_parameters(net)
    swa_scheduler.step()

borrowed = swa_net.module[1].running_mean.clone()
swa_utils.update_bn(DataLoader(TensorDataset(X), batch_size=599), swa_net)
hidden = swa_net.module[0](X).mean(dim=0).detach()  # what the norm should subtract
own = swa_net.module[1].running_mean
errors = (borrowed - hidden).abs().max(), (own - hidden).abs().max()
print(f"error of running_mean: before update_bn {errors[0]:.2f}", end="")
print(f", after {errors[1]:.2f}")
assert errors[0] > 100 * errors[1]
# --8<-- [end:swalr_update_bn]

# --8<-- [start:layer_replaced]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 100))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
net[2] = nn.Linear(32, 10)  # a new head, after the optimizer was built
before = {name: p.detach().clone() for name, p in net.named_parameters()}
F.cross_entropy(net(X[:100]), y[:100]).backward()
optimizer.step()
for name, p in net.named_parameters():
    print(f"{name:8} moved: {not torch.equal(p, before[name])}")
# --8<-- [end:layer_replaced]


# --8<-- [start:forgotten_parameters]
def forgotten(model, *optimizers):
    """Names of trainable parameters that no optimizer holds."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    held = {id(p) for group in groups for p in group["params"]}
    named = model.named_parameters()
    return [name for name, p in named if p.requires_grad and id(p) not in held]


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        # a list registers nothing
        self.branches = [nn.Linear(4, 4), nn.Linear(4, 4)]
        self.head = nn.Linear(4, 1)


print("replaced head:", forgotten(net, optimizer))
torch.manual_seed(0)
branches = Branches()
print("plain list:   ", [name for name, _ in branches.named_parameters()])
# --8<-- [end:forgotten_parameters]

# --8<-- [start:same_parameter_objects]
torch.manual_seed(0)
net = nn.Linear(64, 10)
optimizer = torch.optim.Adam(net.parameters())
weights = nn.Linear(64, 10).state_dict()
changes = {
    "load_state_dict": lambda: net.load_state_dict(weights),
    "to(torch.bfloat16)": lambda: net.to(torch.bfloat16),
    "assign=True": lambda: net.load_state_dict(weights, assign=True),
}
for name, change in changes.items():
    change()
    print(f"{name:18} forgotten: {forgotten(net, optimizer)}")
# --8<-- [end:same_parameter_objects]

# --8<-- [start:state_stays_behind]
torch.manual_seed(0)
net = nn.Linear(64, 10)
optimizer = torch.optim.Adam(net.parameters())
F.cross_entropy(net(X), y).backward()
optimizer.step()
net.to(torch.float64)
optimizer.zero_grad()
F.cross_entropy(net(X.double()), y).backward()
momentum = optimizer.state[net.weight]["exp_avg"]
print("weight", net.weight.dtype, " state", momentum.dtype)
optimizer.step()
# --8<-- [end:state_stays_behind]

# --8<-- [start:empty_parameter_list]
parameters = net.parameters()
print("parameters:", sum(p.numel() for p in parameters))
torch.optim.AdamW(parameters, lr=1e-3)
# --8<-- [end:empty_parameter_list]


# --8<-- [start:solution_momentum_limit]
def stable(lr, momentum):
    _, losses = descend(partial(torch.optim.SGD, lr=lr, momentum=momentum), 500)
    return losses[-1].item() < losses[0].item()


for momentum in (0.0, 0.5, 0.9):
    limit = 2 * (1 + momentum) / 50
    assert stable(0.99 * limit, momentum) and not stable(1.01 * limit, momentum)
    print(f"momentum {momentum}: stable below lr {limit:.3f}")
# --8<-- [end:solution_momentum_limit]


# --8<-- [start:solution_layer_rates]
def layer_groups(net, lr, factor):
    """One group per layer; each layer is slower than the one after it."""
    layers = [layer for layer in net if list(layer.parameters())]
    last = len(layers) - 1
    return [
        {"params": layer.parameters(), "lr": lr * factor ** (last - k)}
        for k, layer in enumerate(layers)
    ]


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
net.append(nn.Linear(16, 10))
optimizer = torch.optim.AdamW(layer_groups(net, lr=1e-3, factor=0.5))
rates = [group["lr"] for group in optimizer.param_groups]
assert rates == [0.00025, 0.0005, 0.001] and not forgotten(net, optimizer)
rates
# --8<-- [end:solution_layer_rates]


# --8<-- [start:solution_half_life]
def decay_for(half_life):
    return 0.5 ** (1 / half_life)


layer = nn.utils.skip_init(nn.Linear, 1, 1, bias=False)
nn.init.ones_(layer.weight)
rule = swa_utils.get_ema_multi_avg_fn(decay_for(100))
ema = swa_utils.AveragedModel(layer, multi_avg_fn=rule)
ema.update_parameters(layer)  # the first update copies
nn.init.zeros_(layer.weight)
for _ in range(100):
    ema.update_parameters(layer)
left = ema.module.weight.item()
assert abs(left - 0.5) < 1e-4
print(f"decay {decay_for(100):.4f}: after 100 steps {left:.3f} is left")
# --8<-- [end:solution_half_life]
