# --8<-- [start:three_ways_to_build]
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x = 3 * torch.randn(600, 2, dtype=torch.float64)
y = (x.norm(dim=1) / 2).long().clamp(max=2)  # (600,): 0 inside, 1, 2 outside
X, Y, X_valid, Y_valid = x[:400], y[:400], x[400:], y[400:]


def linear(n_in, n_out):
    return nn.Linear(n_in, n_out, dtype=torch.float64)


def as_sequential():  # a list of layers
    parts = [("hidden", linear(2, 32)), ("act", nn.ReLU()), ("out", linear(32, 3))]
    return nn.Sequential(OrderedDict(parts))


class Net(nn.Module):  # a class with a forward of its own
    def __init__(self):
        super().__init__()
        self.hidden, self.out = linear(2, 32), linear(32, 3)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


class Blocks(nn.Module):  # a class with containers in it
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([nn.Sequential(linear(2, 32), nn.ReLU())])
        self.head = linear(32, 3)

    def forward(self, x):
        for block in self.body:
            x = block(x)
        return self.head(x)


for build in (as_sequential, Net, Blocks):
    torch.manual_seed(0)
    net = build()
    names = [name for name, _ in net.named_parameters()]
    loss = F.cross_entropy(net(X), Y).item()
    print(f"{build.__name__:13} loss {loss:.3f} ", *names[::2])
# --8<-- [end:three_ways_to_build]


# --8<-- [start:three_ways_to_train]
def by_script(net, epochs=20):
    optimizer, losses = torch.optim.AdamW(net.parameters(), lr=0.02), []
    for _ in range(epochs):
        for rows in torch.randperm(400).split(50):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def train_step(net, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def by_functions(net, epochs=20):
    optimizer, losses = torch.optim.AdamW(net.parameters(), lr=0.02), []
    for _ in range(epochs):
        batches = torch.randperm(400).split(50)
        losses += [train_step(net, optimizer, X[rows], Y[rows]) for rows in batches]
    return losses


class Trainer:
    def __init__(self, net):
        self.net, self.losses = net, []
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)

    def fit(self, epochs=20):
        for _ in range(epochs):
            for rows in torch.randperm(400).split(50):
                loss = train_step(self.net, self.optimizer, X[rows], Y[rows])
                self.losses.append(loss)
        return self


def by_class(net):
    return Trainer(net).fit().losses


last = {}
for build in (as_sequential, Net, Blocks):
    for train in (by_script, by_functions, by_class):
        torch.manual_seed(0)
        losses = train(build())
        last[build.__name__, train.__name__] = sum(losses[-8:]) / 8
mean = sum(last.values()) / len(last)
print(f"{len(last)} trainings, loss in the last epoch {mean:.3f}")
assert max(last.values()) - min(last.values()) < 1e-6
# --8<-- [end:three_ways_to_train]

# --8<-- [start:nine_trainings]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
builds = [build.__name__ for build in (as_sequential, Net, Blocks)]
trains = [train.__name__ for train in (by_script, by_functions, by_class)]
fig, ax = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
for row, build in enumerate(builds):
    ax.text(-0.65, row, build, ha="right", va="center", size=9, color=BLUE)
    for column, train in enumerate(trains):
        corner, style = (column - 0.45, row - 0.4), {"fc": GREEN + "22", "ec": GREEN}
        ax.add_patch(plt.Rectangle(corner, 0.9, 0.8, **style))
        text = f"{last[build, train]:.3f}"
        ax.text(column, row, text, ha="center", va="center", size=9)
for column, train in enumerate(trains):
    ax.text(column, -0.65, train, ha="center", size=9, color=ORANGE)
ax.add_patch(plt.Rectangle((-0.45, 2.75), 2.9, 0.5, fc=GREY + "22", ec=GREY))
ax.text(1, 3, "CPU, GPU or several processes", ha="center", va="center", size=9)
ax.text(-0.65, 3, "device", ha="right", va="center", size=9, color=GREY)
ax.set(xlim=(-1.85, 2.5), ylim=(3.4, -1))
ax.axis("off")
plt.show()
# --8<-- [end:nine_trainings]

# --8<-- [start:prediction_loop]
from torch.utils.data import DataLoader


@torch.inference_mode()
def predict(net, batches):
    """Probabilities (N, 3), in the order of the batches; needs no labels."""
    was_training = net.training
    net.eval()
    parts = [net(inputs).softmax(dim=1) for inputs in batches]
    net.train(was_training)
    return torch.cat(parts)


torch.manual_seed(0)
net = Net()
by_script(net)
new = DataLoader(X_valid, batch_size=64)  # unshuffled; the last batch has 8 samples
chances = predict(net, new)  # (200, 3)
accuracy = (chances.argmax(dim=1) == Y_valid).double().mean()
print(tuple(chances.shape), f"accuracy {accuracy:.1f}")
assert torch.allclose(chances, predict(net, [X_valid])) and accuracy > 0.85
assert torch.allclose(chances.sum(dim=1), torch.ones(200, dtype=torch.float64))
assert not chances.requires_grad and net.training
# --8<-- [end:prediction_loop]


# --8<-- [start:taste_building]
class Hiding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [linear(2, 2) for _ in range(3)]  # a plain list
        self.kept = nn.ModuleList([linear(2, 2) for _ in range(3)])


torch.manual_seed(0)
names = [name for name, _ in Hiding().named_parameters()]
print(len(names), "parameters:", *names[::2])
assert len(names) == 6 and not any("layers" in name for name in names)
# --8<-- [end:taste_building]

# --8<-- [start:taste_loops]
torch.manual_seed(0)
net = Net()
F.cross_entropy(net(X), Y).backward()
whole = [p.grad.clone() for p in net.parameters()]
net.zero_grad()
for rows in torch.arange(400).split(100):  # four small batches, one step
    loss = F.cross_entropy(net(X[rows]), Y[rows]) / 4
    loss.backward()  # the gradients add up
for p, grad in zip(net.parameters(), whole, strict=True):
    torch.testing.assert_close(p.grad, grad)
print("gradient of 4 x 100 samples = gradient of 400")
# --8<-- [end:taste_loops]

# --8<-- [start:taste_gpu]
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
torch.manual_seed(0)
net, inputs = Net().float().to(device), X[:4].float().to(device)
with torch.autocast(device.type, dtype=torch.bfloat16):
    half = net(inputs)
full = net(inputs)
print("weights", net.out.weight.dtype, "outputs", half.dtype)
assert net.hidden.weight.device == inputs.device
assert 0 < (half - full).abs().max() < 0.05
# --8<-- [end:taste_gpu]
