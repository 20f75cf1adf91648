# --8<-- [start:one_step]
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Waves(Dataset):
    """Noisy waves of 32 numbers, with 1, 2 or 3 periods; labels 0, 1, 2."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(n) % 3
        turns = (self.labels[:, None] + 1) * torch.arange(32) / 32
        turns = turns + torch.rand(n, 1, dtype=torch.float64, generator=g)
        noise = torch.randn(n, 32, dtype=torch.float64, generator=g)
        self.waves = torch.sin(2 * math.pi * turns) + 0.5 * noise  # (n, 32)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.waves[i, None], self.labels[i]  # (1, 32), ()


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        options = {"dtype": torch.float64}
        self.conv = nn.Conv1d(1, 8, kernel_size=5, padding=2, **options)
        self.act = nn.GELU()
        self.pool = nn.MaxPool1d(4)
        self.gru = nn.GRU(8, 16, batch_first=True, **options)
        self.head = nn.Linear(16, 3, **options)

    def forward(self, x):  # (N, 1, 32)
        x = self.pool(self.act(self.conv(x)))  # (N, 8, 8)
        states, _ = self.gru(x.transpose(1, 2))  # (N, 8 steps, 16)
        return self.head(states[:, -1])  # (N, 3)


train = Waves(300, seed=0)
order = torch.Generator().manual_seed(0)
loader = DataLoader(train, batch_size=30, shuffle=True, generator=order)
torch.manual_seed(0)
net, loss_fn = WaveNet(), nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)

shapes = {}


def note(part, inputs, output):
    first = output[0] if isinstance(output, tuple) else output
    shapes[type(part).__name__] = tuple(first.shape)


for part in net.children():
    part.register_forward_hook(note)
inputs, labels = next(iter(loader))
optimizer.zero_grad()
loss = loss_fn(net(inputs), labels)
loss.backward()
optimizer.step()
print(tuple(inputs.shape), "->", *shapes.values())
print(f"loss {loss.item():.1f}, ln 3 = {math.log(3):.1f}")
# --8<-- [end:one_step]

# --8<-- [start:pipeline]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
parts = {"Dataset": ("(1, 32)", "data pipeline", GREEN)}
parts["DataLoader"] = (f"{tuple(inputs.shape)}", "data pipeline", GREEN)
pages = ["convolution", "activations", "convolution", "recurrence", "layers"]
for (name, shape), page in zip(shapes.items(), pages, strict=True):
    parts[name] = (f"{shape}", page, BLUE)
parts["CrossEntropyLoss"] = (f"{tuple(loss.shape)}", "losses", ORANGE)
parts["AdamW"] = ("new weights", "optimizers", ORANGE)
parts["OneCycleLR"] = ("the next rate", "schedules", ORANGE)
assert [type(part).__name__ for part in net.children()] == list(parts)[2:7]

fig, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
for row, (name, (shape, page, color)) in enumerate(parts.items()):
    box = {"boxstyle": "round,pad=0.35", "fc": color + "22", "ec": color}
    ax.text(0, row, name, ha="center", va="center", size=9, bbox=box)
    ax.text(1.05, row, shape, ha="center", va="center", size=9)
    ax.text(1.75, row, page, va="center", size=9, color=color)
    if row:
        style = {"arrowstyle": "->", "color": GREY}
        ax.annotate("", (0, row - 0.3), (0, row - 0.7), arrowprops=style)
for x, title, side in [(0, "part", "center"), (1.05, "gives", "center")]:
    ax.text(x, -0.9, title, ha=side, weight="bold")
ax.text(1.75, -0.9, "page", weight="bold")
ax.set(xlim=(-0.55, 2.6), ylim=(9.5, -1.3))
ax.axis("off")
plt.show()
# --8<-- [end:pipeline]


# --8<-- [start:taste_data_pipeline]
def first_labels(seed):
    order = torch.Generator().manual_seed(seed)
    batches = DataLoader(train, batch_size=8, shuffle=True, generator=order)
    return next(iter(batches))[1].tolist()


print(first_labels(seed=1), "of", len(train), "samples")
assert first_labels(seed=1) == first_labels(seed=1) != first_labels(seed=2)
torch.manual_seed(0)  # a loader draws a number whenever it is iterated
sizes = [len(y) for _, y in DataLoader(train, batch_size=64)]
print("batch sizes:", sizes)
# --8<-- [end:taste_data_pipeline]

# --8<-- [start:taste_layers]
torch.manual_seed(0)
x = 5 + 2 * torch.randn(1000, 3)
norm, drop = nn.BatchNorm1d(3), nn.Dropout(0.5)
dropped = (drop(torch.ones(1000)) == 0).double().mean().item()
print(f"mean before {x.mean():.1f}, share dropped {dropped:.1f}")
assert norm(x).mean().abs() < 1e-4
nn.Sequential(norm, drop).eval()  # another mode for both
assert norm(x).mean() > 1  # the averages have seen one batch only
assert torch.equal(drop(x), x) and torch.equal(nn.Identity()(x), x)
assert sum(p.numel() for p in nn.Linear(16, 3).parameters()) == 16 * 3 + 3
# --8<-- [end:taste_layers]

# --8<-- [start:taste_convolution]
x = torch.tensor([[[0.0, 0.0, 1.0, 1.0, 0.0]]])  # (1, 1, 5)
edge = torch.tensor([[[-1.0, 1.0]]])  # (1 out, 1 in, 2)
print(F.conv1d(x, edge))  # where the numbers rise and fall
print(F.max_pool1d(x, 2))
size, kernel, padding = 32, 5, 2
assert size + 2 * padding - kernel + 1 == shapes["Conv1d"][-1] == 32
# --8<-- [end:taste_convolution]

# --8<-- [start:taste_sequences]
torch.manual_seed(0)
q, k, v = torch.randn(3, 1, 8, 16).unbind(0)  # (1, 8 steps, 16) each
scores = q @ k.mT / math.sqrt(16)  # (1, 8, 8): each step with each
by_hand = scores.softmax(dim=-1) @ v  # (1, 8, 16)
torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v), by_hand)

states, last = nn.GRU(16, 16, batch_first=True)(v)
print("GRU:", tuple(states.shape), " attention:", tuple(by_hand.shape))
assert torch.allclose(states[:, -1], last[0])
# --8<-- [end:taste_sequences]

# --8<-- [start:taste_activations]
x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
for act in (nn.ReLU(), nn.GELU(), nn.Sigmoid()):
    values = [round(v, 2) for v in act(x).tolist()]
    print(f"{type(act).__name__:8}", values)
W, V = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]])
pair = torch.tensor([[1.0, 1.0], [-1.0, 0.5]])  # (2, 2)
one_layer = pair @ (W.T @ V.T)  # without an activation, two layers are one
assert torch.allclose(pair @ W.T @ V.T, one_layer)
assert not torch.allclose(torch.relu(pair @ W.T - 1) @ V.T, one_layer)
# --8<-- [end:taste_activations]

# --8<-- [start:taste_losses]
logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0]])
target = torch.tensor([0, 2])
each = F.cross_entropy(logits, target, reduction="none")
print([round(v, 2) for v in each.tolist()])
assert torch.allclose(each, F.nll_loss(logits.log_softmax(1), target, reduction="none"))
assert math.isclose(each[1].item(), math.log(3), rel_tol=1e-4)  # no idea: ln 3
# --8<-- [end:taste_losses]

# --8<-- [start:taste_ranking]
from snippets.toolkit.losses import focal_loss

for gamma in (0.0, 2.0):
    focal = focal_loss(logits, target, gamma=gamma, reduction="none")
    print(f"gamma {gamma}:", [round(v, 2) for v in focal.tolist()])
assert torch.allclose(focal_loss(logits, target, gamma=0.0), each.mean())
liked, other = torch.tensor([2.0]), torch.tensor([1.5])  # 0.5 apart
hinge = F.margin_ranking_loss(liked, other, torch.ones(1), margin=1.0)
assert hinge == 0.5
# --8<-- [end:taste_ranking]

# --8<-- [start:taste_optimizers]
for rule in (torch.optim.SGD, torch.optim.Adam):
    for scale in (1.0, 100.0):
        w = nn.Parameter(torch.tensor(1.0))
        opt = rule([w], lr=0.1)
        (scale * w**2).backward()  # the slope is 2 * scale
        opt.step()
        print(f"{rule.__name__:4} loss times {scale:3.0f}: step {1 - w.item():.1f}")
# --8<-- [end:taste_optimizers]

# --8<-- [start:taste_schedules]
from torch.optim.lr_scheduler import OneCycleLR

opt = torch.optim.SGD([nn.Parameter(torch.ones(()))], lr=0.1)
schedule, rates = OneCycleLR(opt, max_lr=0.1, total_steps=10), []
for _ in range(10):
    rates.append(opt.param_groups[0]["lr"])
    opt.step()  # first the optimizer, then the schedule
    schedule.step() if len(rates) < 10 else None
print([round(rate, 3) for rate in rates])
assert max(rates) == rates[2] and rates[-1] < rates[0]
# --8<-- [end:taste_schedules]

# --8<-- [start:taste_tensorboard]
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

torch.manual_seed(0)
net, test = WaveNet(), Waves(300, seed=1)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
schedule = OneCycleLR(optimizer, max_lr=0.01, total_steps=100)
with SummaryWriter("runs/waves") as writer:
    for epoch in range(10):
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = loss_fn(net(inputs), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(labels)
        writer.add_scalar("loss/train", total / len(train), epoch)

events = EventAccumulator("runs/waves").Reload().Scalars("loss/train")
print(f"{len(events)} events, loss {events[0].value:.1f} -> {events[-1].value:.1f}")
with torch.inference_mode():
    right = net(test.waves[:, None]).argmax(1) == test.labels
print(f"accuracy on new waves {right.double().mean():.2f}")
assert right.double().mean() > 0.9
# --8<-- [end:taste_tensorboard]
