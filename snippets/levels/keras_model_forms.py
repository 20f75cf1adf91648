# --8<-- [start:rings_again]
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.toolkit.keras_model import KerasModel
from snippets.toolkit.metrics import accuracy


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
valid = [(X[valid_rows], Y[valid_rows])]  # one batch of 500


def in_batches(*columns):
    order = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(*columns), 40, shuffle=True, generator=order)


def rings():
    return in_batches(X[train_rows], Y[train_rows])


def new_model(kind=KerasModel, reduction="mean", **options):
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    loss = nn.BCEWithLogitsLoss(reduction=reduction)
    return kind(net, loss, optimizer, {"accuracy": accuracy}, **options)


torch.manual_seed(0)
model = new_model()
model.fit(rings(), valid, epochs=5)
right = model.evaluate(valid)["accuracy"]
print(f"accuracy {right:.2f}")
assert right > 0.95
# --8<-- [end:rings_again]


# --8<-- [start:two_outputs]
class TwoOutputs(nn.Module):
    """A dict in; out come logits, and a number: how large the weights are."""

    def __init__(self):
        super().__init__()
        self.hidden, self.head = nn.Linear(2, 16), nn.Linear(16, 1)

    def forward(self, batch):  # {"x": (N, 2)}
        logits = self.head(torch.relu(self.hidden(batch["x"])))  # (N, 1)
        return logits, self.hidden.weight.square().mean()


def two_parts(outputs, targets):
    logits, size = outputs
    fit = F.binary_cross_entropy_with_logits(logits, targets)
    return {"fit": fit, "size": 0.1 * size}


torch.manual_seed(0)
rows = [{"x": X[i], "label": Y[i]} for i in train_rows.tolist()]
dicts = DataLoader(rows, 40)  # batches {"x": (40, 2), "label": (40, 1)}
net = TwoOutputs()
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
metrics = {"accuracy": accuracy}
model = KerasModel(net, two_parts, optimizer, metrics, target="label")
row = model.fit(dicts, epochs=5)[-1]
print({name: round(value, 2) for name, value in row.items()})
assert math.isclose(row["loss"], row["fit"] + row["size"], rel_tol=1e-6)

logits, size = model.predict({"x": X[:3]})
print(logits.shape, size.shape)
# --8<-- [end:two_outputs]

# --8<-- [start:sample_weights]
torch.manual_seed(0)
lost = torch.rand(1500, 1) < 0.6
noted = torch.where(lost, 1.0, Y[train_rows])  # a lost label was noted as 1
weights = {"alike": torch.ones(1500, 1), "lost ones 0": (~lost).float()}

reached = {}
for name, weight in weights.items():
    torch.manual_seed(0)
    model = new_model(reduction="none")
    model.fit(in_batches(X[train_rows], noted, weight), epochs=8)
    reached[name] = accuracy(model.predict(X[valid_rows]), Y[valid_rows])
    print(f"weights {name}: accuracy {reached[name]:.2f}")
assert reached["alike"] < 0.8 and reached["lost ones 0"] > 0.95
# --8<-- [end:sample_weights]


# --8<-- [start:own_forward]
class Mixed(KerasModel):
    """Trains on mixtures of two samples (mixup), evaluates on samples as they are."""

    def forward(self, batch):
        x, y = batch
        if self.net.training:
            other = torch.randperm(len(x))
            x, y = 0.8 * x + 0.2 * x[other], 0.8 * y + 0.2 * y[other]
        outputs = self(x)
        return outputs, y, self.loss(outputs, y)


torch.manual_seed(0)
mixed = new_model(Mixed)
row = mixed.fit(rings(), valid, epochs=10, monitor="val_loss")[-1]
print(f"accuracy of validation: {mixed.evaluate(valid)['accuracy']:.2f}")
assert row["loss"] > row["val_loss"]  # mixed labels can't be predicted exactly
# --8<-- [end:own_forward]

# --8<-- [start:live_plain_loop]
from snippets.toolkit.live import LivePlot, read_history

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
batches = rings()
with LivePlot("val_loss", path="curves.png") as plot:
    for step in range(5 * len(batches)):
        if step % len(batches) == 0:
            data = iter(batches)
        x, y = next(data)
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(x), y)
        loss.backward()
        optimizer.step()
        plot.log(step, loss=loss)
        if (step + 1) % len(batches) == 0:
            with torch.no_grad():
                x, y = valid[0]
                after = F.binary_cross_entropy_with_logits(net(x), y)
            plot.log_epoch((step + 1) // len(batches), val_loss=after)

for kind, curves in read_history("curves.png").items():
    print(kind, {name: len(points) for name, points in curves.items()})
first = plot.history["epoch"]["val_loss"][0][1]
assert plot.best()[1] < first / 3
# --8<-- [end:live_plain_loop]

# --8<-- [start:live_scikit_learn]
from sklearn.linear_model import SGDClassifier

radius = X.double().norm(dim=1, keepdim=True).numpy() / 8  # (2000, 1)
labels = Y.flatten().numpy()
learner = SGDClassifier(loss="log_loss", random_state=0)
with LivePlot("accuracy", "max") as plot:
    for step, rows in enumerate(train_rows.split(100)):
        learner.partial_fit(radius[rows], labels[rows], classes=[0, 1])
        right = learner.score(radius[valid_rows], labels[valid_rows])
        plot.log(step, accuracy=right)
print(f"best accuracy {plot.best()[1]:.2f}")
assert plot.best()[1] > 0.95
# --8<-- [end:live_scikit_learn]

# --8<-- [start:rows_of_attention]
from snippets.toolkit.summary import layer_table

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
print(layer_table(layer, input_shape=(10, 16), flops=True))
attention = layer.self_attn
parts = [attention.in_proj_weight, attention.in_proj_bias]  # (48, 16), (48,)
assert sum(p.numel() for p in parts) == 816
# --8<-- [end:rows_of_attention]

# --8<-- [start:rows_of_lstm]
lstm = nn.LSTM(16, 8, 2, batch_first=True, device="meta")  # shapes, no numbers
print(layer_table(lstm, input_shape=(10, 16)))
# --8<-- [end:rows_of_lstm]

# --8<-- [start:parts_alone]
from snippets.toolkit.best_and_checkpoint import Best
from snippets.toolkit.place_and_update import Place, Update

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
place = Place()
wrapped = place.prepare(net)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
update = Update(optimizer, place.scaler, accumulate=2, clip_norm=1.0)
losses = []
with Best(net).watch("val_loss", "min", 0) as best:
    for epoch in range(1, 6):
        for x, y in place.batches(rings()):
            update.begin()
            with place.cast:
                loss = F.binary_cross_entropy_with_logits(wrapped(x), y)
            update(loss, len(y))
        update.flush()
        with torch.no_grad():
            x, y = place.move(valid[0])
            after = F.binary_cross_entropy_with_logits(net(x), y).item()
        losses.append(after)
        best.see({"epoch": epoch, "val_loss": after})
with torch.no_grad():
    again = F.binary_cross_entropy_with_logits(net(x), y).item()
print("the weights of the best epoch:", math.isclose(again, min(losses)))
# --8<-- [end:parts_alone]

# --8<-- [start:refusals]
torch.manual_seed(0)
one, other = new_model(), new_model()
wrong = {
    "foreign optimizer": lambda: KerasModel(one.net, one.loss, other.optimizer),
    "misspelt option": lambda: new_model(precision="bf61"),
    "tensor in place of batches": lambda: new_model().fit(X),
    "a list of inputs": lambda: new_model().fit([X]),
    "no direction": lambda: new_model().fit(rings(), monitor="accuracy"),
    "nothing to wait for": lambda: new_model().fit(rings(), patience=3),
}
for name, call in wrong.items():
    try:
        call()
    except (TypeError, ValueError) as e:
        print(f"{name}:\n    {type(e).__name__}: {e}")
# --8<-- [end:refusals]

# --8<-- [start:ragged_epoch]
from snippets.toolkit.metrics import Epoch

errors = torch.tensor([1.0, 1.0, 1.0, 1.0, 5.0])  # in batches of 4 and 1
seen = Epoch({})
for batch in errors.split(4):
    seen.add(batch.mean(), batch, batch)
by_batch = torch.stack([batch.mean() for batch in errors.split(4)]).mean()
by_sample = seen.result()["loss"]
print(f"mean over batches {by_batch:.2f}, over samples {by_sample:.2f}")
assert math.isclose(by_sample, 1.8, rel_tol=1e-6)
# --8<-- [end:ragged_epoch]

# --8<-- [start:solution_watch_part]
torch.manual_seed(0)
net = TwoOutputs()
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
model = KerasModel(net, two_parts, optimizer, metrics, target="label")
held_out = [{"x": X[valid_rows], "label": Y[valid_rows]}]
rows = model.fit(dicts, held_out, epochs=8, monitor="val_fit", mode="min")

lowest = min(row["val_fit"] for row in rows)
assert math.isclose(model.evaluate(held_out)["fit"], lowest, rel_tol=1e-6)
print("columns of val_:", [name for name in rows[0] if name.startswith("val_")])
# --8<-- [end:solution_watch_part]


# --8<-- [start:solution_autoencoder]
class Autoencoder(KerasModel):
    """Learns to give back its inputs: the batches have no targets."""

    def forward(self, batch):
        (x,) = batch
        outputs = self(x)
        return outputs, x, self.loss(outputs, x)


torch.manual_seed(0)
codes = torch.randn(1000, 2)
data = codes @ torch.randn(2, 6)  # (1000, 6), on a plane in six dimensions
net = nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 6))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
model = Autoencoder(net, nn.MSELoss(), optimizer)
model.fit(in_batches(data), epochs=30)
lost = model.evaluate(in_batches(data))["loss"] / data.var().item()
print(f"less than a thousandth of the variance is lost: {lost < 1e-3}")
assert lost < 1e-3
# --8<-- [end:solution_autoencoder]

# --8<-- [start:solution_count_lstm]
from snippets.toolkit.summary import layer_rows

h = 8
by_hand = sum(4 * (h * size + h * h + 2 * h) for size in (16, 8))  # two layers
_, row = layer_rows(lstm, lambda: lstm(torch.zeros(1, 10, 16, device="meta")))
print(row.kind, row.parameters)
assert row.parameters == by_hand
# --8<-- [end:solution_count_lstm]
