# --8<-- [start:house]
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from snippets.toolkit.keras_model import KerasModel

BLUE, ORANGE, GREEN = "#2f6fdb", "#e4572e", "#2a9d8f"
VIOLET, GREY = "#9b5de5", "#7a8599"
low = {"Tensor": torch.Tensor, "@": torch.Tensor.__matmul__, "no_grad": torch.no_grad}
low |= {"backward": torch.Tensor.backward, "exp": torch.exp, "F.linear": F.linear}
mid = {"nn.Linear": nn.Linear, "BCELoss": nn.BCELoss}
mid |= {"DataLoader": DataLoader, "Adam": torch.optim.Adam}
assert all(map(callable, [*low.values(), *mid.values(), KerasModel.fit]))

fig, ax = plt.subplots(figsize=(4.7, 3.7), layout="constrained")


def brick(x, y, width, height, text, color):
    """A rectangle with a text in it."""
    corner, style = (x, y), {"fc": color + "33", "ec": color}
    ax.add_patch(plt.Rectangle(corner, width, height, **style))
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", size=8)


brick(-0.4, 0, 8.8, 0.8, "CPU, GPU", GREY)
brick(0, 1, 8, 0.8, "aten::addmm, aten::mul, ...", VIOLET)
for k, name in enumerate(low):  # two rows of three, the upper one moved
    brick(k % 3 * 2.6 + 0.2 * (k > 2), 2 + k // 3 * 0.7, 2.6, 0.7, name, ORANGE)
for k, name in enumerate(mid):
    brick(2 * k, 3.6, 2, 1.3, name, GREEN)
ax.fill([-0.3, 8.3, 4], [5.1, 5.1, 7], fc=BLUE + "33", ec=BLUE)
ax.text(4, 5.6, "KerasModel.fit", ha="center", va="center", size=9)
names = {"high: the house": 5.6, "mid: walls": 4.25, "low: bricks": 2.7}
names |= {"C++ kernels: clay": 1.4, "hardware: ground": 0.4}
for name, y in names.items():
    ax.text(8.8, y, name.replace(": ", ":\n"), va="center", size=9)
ax.set(xlim=(-0.5, 11.4), ylim=(-0.1, 7.1))
ax.axis("off")
plt.show()
# --8<-- [end:house]

# --8<-- [start:plane]
torch.manual_seed(0)
X = torch.randn(400, 2) * 3  # (400, 2)
w0, b0 = torch.tensor([[2.0], [-3.0]]), 10.0
Y = X @ w0 + b0 + 2 * torch.randn(400, 1)  # (400, 1)

design = torch.cat([X, torch.ones(400, 1)], dim=1)  # (400, 3), with ones
best = torch.linalg.lstsq(design, Y).solution.flatten()  # (3,)
print("the best plane:", [round(v, 2) for v in best.tolist()])
# --8<-- [end:plane]


# --8<-- [start:taste_low]
def low_level(steps):
    w = torch.zeros(2, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(steps):
        loss = ((X @ w + b - Y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.05 * p.grad
                p.grad = None
    return torch.cat([w.flatten(), b]).detach()


by_low = low_level(steps=100)
assert torch.allclose(by_low, best, atol=1e-2)
print([round(v, 2) for v in by_low.tolist()])
# --8<-- [end:taste_low]


# --8<-- [start:taste_mid]
def mid_level(steps):
    line, loss_fn = nn.Linear(2, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(line.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_fn(line(X), Y)
        loss.backward()
        optimizer.step()
    return torch.cat([line.weight.flatten(), line.bias]).detach()


torch.manual_seed(0)
by_mid = mid_level(steps=100)
assert torch.allclose(by_mid, best, atol=1e-2)
print([round(v, 2) for v in by_mid.tolist()])
# --8<-- [end:taste_mid]


# --8<-- [start:taste_high]
def high_level(steps):
    line = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(line.parameters(), lr=0.05)
    model = KerasModel(line, nn.MSELoss(), optimizer=optimizer)
    model.fit([(X, Y)], epochs=steps)
    return torch.cat([line.weight.flatten(), line.bias]).detach().cpu()


torch.manual_seed(0)
by_high = high_level(steps=100)
assert torch.allclose(by_high, best, atol=1e-2)
print([round(v, 2) for v in by_high.tolist()])
# --8<-- [end:taste_high]

# --8<-- [start:lines]
import inspect

import pandas as pd

lines = {}
for function in (low_level, mid_level, high_level):
    lines[function.__name__] = len(inspect.getsource(function).strip().splitlines())
assert lines["low_level"] > lines["mid_level"] > lines["high_level"]
assert not hasattr(nn, "BCE") and hasattr(nn, "BCELoss")
pd.Series(lines, name="lines").to_frame()
# --8<-- [end:lines]

# --8<-- [start:fit_to_linear]
torch.manual_seed(0)
line = nn.Linear(2, 1)
optimizer = torch.optim.SGD(line.parameters(), lr=0.05)
model = KerasModel(line, nn.MSELoss(), optimizer=optimizer)
batches = [(X[rows], Y[rows]) for rows in torch.arange(400).split(100)]  # four

called = []
handle = line.register_forward_hook(lambda module, *_: called.append(type(module)))
model.fit(batches, epochs=1)
handle.remove()
print(len(called), "calls of", called[0].__name__)
assert called == [nn.Linear] * len(batches)
# --8<-- [end:fit_to_linear]

# --8<-- [start:linear_to_functional]
from torch.overrides import TorchFunctionMode


class Watch(TorchFunctionMode):
    """Notes every function of PyTorch that Python calls."""

    def __init__(self):
        super().__init__()
        self.called = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.called.append(function)
        return function(*args, **(kwargs or {}))


x = X[:5].to(line.weight.device)
with Watch() as watch:
    line(x)
print([function.__name__ for function in watch.called])
assert watch.called == [F.linear]
with Watch() as watch:
    model.fit(batches, epochs=1)
assert watch.called.count(F.linear) == len(batches)
# --8<-- [end:linear_to_functional]

# --8<-- [start:functional_to_aten]
import os

from torch.profiler import ProfilerActivity, profile

os.environ["KINETO_LOG_LEVEL"] = "99"  # no log lines about the profiler itself
weight, bias = line.weight, line.bias  # (1, 2), (1,)
with profile(activities=[ProfilerActivity.CPU]) as seen:
    by_function = F.linear(x, weight, bias)
tree = {event.name: [c.name for c in event.cpu_children] for event in seen.events()}
print("aten::linear calls", tree["aten::linear"])
assert "aten::addmm" in tree["aten::linear"]

by_operator = torch.ops.aten.addmm(bias, x, weight.t())  # bias + x @ weight.t()
for result in (line(x), by_function, by_operator):
    assert result.shape == (5, 1)
    torch.testing.assert_close(result.detach().cpu(), model.predict(X[:5]))
# --8<-- [end:functional_to_aten]

# --8<-- [start:aten_to_kernel]
with profile(activities=[ProfilerActivity.CPU]) as seen:
    model.fit(batches, epochs=1)
linears = [event for event in seen.events() if event.name == "aten::linear"]
for event in linears:
    assert "aten::addmm" in [child.name for child in event.cpu_children]
table = [row.key for row in seen.key_averages()]
print(len(linears), "calls; in the table:", [n for n in table if "addmm" in n])
assert len(linears) == len(batches) and "aten::addmm" in table
# --8<-- [end:aten_to_kernel]
