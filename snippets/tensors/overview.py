# --8<-- [start:one_tensor]
import torch
import torch.nn.functional as F

temps = torch.tensor([[20.0, 22.0, 27.0], [15.0, 14.0, 19.0]])  # (2 towns, 3 days)
results = {
    "torch.zeros(2, 3)": torch.zeros(2, 3),
    "temps[1]": temps[1],
    "temps.T": temps.T,
    "temps > 19": temps > 19,
    "temps.mean(dim=1)": temps.mean(dim=1),
    "temps @ temps.T": temps @ temps.T,
    "temps + column": temps + torch.tensor([[10.0], [20.0]]),
    "F.linear(ones, temps)": F.linear(torch.ones(1, 3), temps),
}
for call, result in results.items():
    print(f"{call:21} {tuple(result.shape)!s:6} {result.dtype}")
# --8<-- [end:one_tensor]

# --8<-- [start:eight_pages]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, GREEN, ORANGE, draw_cells, frame

numbers = set(temps.flatten().tolist())
fig, ax = plt.subplots(layout="constrained")
for k, (call, result) in enumerate({"temps": temps, **results}.items()):
    same = set(result.flatten().tolist()) <= numbers  # no number that temps lacks
    assert same == (call in ("temps", "temps[1]", "temps.T"))
    middle, top = 5.1 * (k % 3), 4.4 * (k // 3)
    color = GREEN if k == 0 else BLUE if same else ORANGE
    left = middle - result.shape[-1] / 2
    draw_cells(ax, result, color, at=(left, top), size=7)
    ax.text(middle, top - 0.3, call, ha="center", va="bottom", size=8)
frame(ax, cell=0.32)
ax.set(xlim=(-2.4, 12.6), ylim=(11, -1.3))
plt.show()
# --8<-- [end:eight_pages]

# --8<-- [start:taste_creation]
days = torch.arange(3)  # (3,), integers
grid = torch.linspace(0.0, 1.0, steps=5)
torch.manual_seed(0)
noise = torch.randn_like(temps)  # shape and dtype of temps
print(days, days.dtype)
print(grid)
assert noise.shape == temps.shape and noise.dtype == temps.dtype
# --8<-- [end:taste_creation]

# --8<-- [start:taste_indexing]
print("the last day:", temps[:, -1])
print("above 19:    ", temps[temps > 19])
warmest = temps.argmax(dim=1, keepdim=True)  # (2, 1)
peak = temps.gather(1, warmest)  # (2, 1): from each row, the number at its place
assert torch.equal(peak, temps.amax(dim=1, keepdim=True))
print("gathered:    ", peak.flatten())
# --8<-- [end:taste_indexing]

# --8<-- [start:taste_shapes]
both = torch.stack([temps, temps + 1])  # (2 weeks, 2 towns, 3 days)
long = torch.cat([temps, temps + 1], dim=1)  # (2 towns, 6 days)
print(tuple(both.shape), tuple(long.shape), tuple(both.permute(1, 0, 2).shape))
assert torch.equal(both.permute(1, 0, 2).reshape(2, 6), long)
assert not torch.equal(both.reshape(2, 6), long)  # same shape, other order
# --8<-- [end:taste_shapes]

# --8<-- [start:taste_elementwise]
fahrenheit = temps * 1.8 + 32
print(fahrenheit)
print(temps.clamp(min=15, max=25))
assert not torch.equal(fahrenheit, temps)
assert torch.allclose((fahrenheit - 32) / 1.8, temps)  # not ==, for floats
# --8<-- [end:taste_elementwise]

# --8<-- [start:taste_reductions]
print("mean of each town:", temps.mean(dim=1))
print("mean of each day: ", temps.mean(dim=0))
hottest = temps.max(dim=1)
print("hottest:", hottest.values, "on day", hottest.indices)
centred = temps - temps.mean(dim=1, keepdim=True)  # (2, 3) - (2, 1)
assert torch.allclose(centred.sum(dim=1), torch.zeros(2), atol=1e-5)
# --8<-- [end:taste_reductions]

# --8<-- [start:taste_linear_algebra]
design = torch.stack([torch.ones(3), days.float()], dim=1)  # (3, 2): 1 and the day
line = torch.linalg.lstsq(design, temps.T).solution  # (2, 2), a column for each town
print("degrees more a day:", [round(v, 2) for v in line[1].tolist()])
residual = temps.T - design @ line  # (3, 2)
assert torch.allclose(design.T @ residual, torch.zeros(2, 2), atol=1e-4)
# --8<-- [end:taste_linear_algebra]

# --8<-- [start:taste_einsum]
weights = torch.tensor([0.5, 0.25, 0.25])  # of the days
by_einsum = torch.einsum("td,d->t", temps, weights)
print(by_einsum)
assert torch.allclose(by_einsum, temps @ weights)
assert torch.allclose(by_einsum, (temps * weights).sum(dim=1))  # (2, 3) * (3,)
# --8<-- [end:taste_einsum]

# --8<-- [start:taste_module]
from torch import nn


class Standardise(nn.Module):
    def __init__(self, data):
        super().__init__()
        self.register_buffer("mean", data.mean())
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * (x - self.mean)


module = Standardise(temps)
print({name: round(t.item(), 2) for name, t in module.state_dict().items()})
print("learned:", [name for name, _ in module.named_parameters()])
assert torch.allclose(module(temps).mean(), torch.zeros(()), atol=1e-5)
# --8<-- [end:taste_module]
