# --8<-- [start:one_vector]
import torch
from torch import nn

torch.set_printoptions(precision=2, sci_mode=False)
kinds = {"book": (1.0, 0.0), "tool": (0.0, 1.0), "toy": (0.7, 0.7)}
vector = {name: torch.tensor(v) for name, v in kinds.items()}
clicked = torch.stack([vector["book"]] * 3 + [vector["tool"]] * 3)  # (6, 2)
mean = clicked.mean(0)
for name, target in vector.items():
    weights = (clicked @ target > 0.9).float()  # what resembles the target
    print(f"{name}: mean {mean @ target:.2f}, chosen {weights @ clicked @ target:.2f}")
assert mean @ vector["toy"] > mean @ vector["book"]
# --8<-- [end:one_vector]

# --8<-- [start:three_forms]
import pandas as pd

g = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(shape, generator=g).double() / 2


q = torch.tensor([1.0, 0.5, -0.5, 0.0]).double()
keys = torch.stack([q, q / 2, -q, draw(4)])  # (4, 4): four places
matrix, first, second = draw(4, 4), draw(16, 16), draw(16)
both = torch.cat([q.expand(4, 4), keys, q - keys, q * keys], dim=1)  # (4, 16)
scores = {
    "scaled dot": keys @ q / len(q) ** 0.5,
    "bilinear": keys @ matrix @ q,
    "net": torch.relu(both @ first) @ second,
}
by_torch = nn.functional.scaled_dot_product_attention(q[None], keys, keys)
assert torch.allclose(torch.softmax(scores["scaled dot"], 0) @ keys, by_torch[0])
print("weights to learn: 0,", matrix.numel(), "and", first.numel() + second.numel())
forms = {name: torch.softmax(score, 0).tolist() for name, score in scores.items()}
pd.DataFrame(forms, index=["q", "q / 2", "-q", "another"]).round(2)
# --8<-- [end:three_forms]

# --8<-- [start:intensity]
from snippets.toolkit.interest_layers import InterestAttention
from snippets.toolkit.history_tables import filled

torch.manual_seed(0)
query = torch.randn(1, 8).expand(3, 8)
keys = query[:, None].expand(3, 5, 8)  # each place holds the item that is asked about
mask = filled(torch.tensor([1, 3, 5]), 5)
for normalise in (False, True):
    torch.manual_seed(0)
    layer = InterestAttention(8, normalise=normalise)
    weights = layer.weights(query, keys, mask).detach()  # (3, 5)
    print("softmax:" if normalise else "sigmoid:", weights.sum(1) / weights[0, 0])
# --8<-- [end:intensity]

# --8<-- [start:mask_first]
scores = torch.tensor([[2.0, -1.0, 0.5, 0.5]])
mask = filled(torch.tensor([2]), 4)
ways = {
    "score times mask, then softmax": torch.softmax(scores * mask, 1),
    "softmax, then mask": torch.softmax(scores, 1) * mask,
    "-inf, then softmax": torch.softmax(scores.masked_fill(~mask, -torch.inf), 1),
    "score times mask, then sigmoid": torch.sigmoid(scores * mask),
    "-inf, then sigmoid": torch.sigmoid(scores.masked_fill(~mask, -torch.inf)),
}
table = pd.DataFrame({name: w[0].tolist() for name, w in ways.items()}).T
table["sum"] = table.sum(axis=1)
table.round(2)
# --8<-- [end:mask_first]

# --8<-- [start:empty_history]
empty = filled(torch.tensor([0]), 4)
scores = torch.zeros(1, 4).masked_fill(~empty, -torch.inf)
print("softmax of nothing:", torch.softmax(scores, 1))
for normalise in (False, True):
    torch.manual_seed(0)
    layer = InterestAttention(8, normalise=normalise)
    interest = layer(torch.ones(1, 8), torch.ones(1, 4, 8), empty)
    assert torch.equal(interest, torch.zeros(1, 8))
print("InterestAttention:", interest.detach())
# --8<-- [end:empty_history]

# --8<-- [start:one_table]
torch.manual_seed(0)
of_targets, of_histories = nn.Embedding(600, 8), nn.Embedding(600, 8)
rows = {}
with torch.no_grad():
    q = of_targets.weight
    for name, k in {"one table": q, "two tables": of_histories.weight}.items():
        products = {"same item": q * k, "another": q * k.roll(1, 0)}  # (600, 8) each
        rows[name] = {kind: p.sum(1).mean().item() for kind, p in products.items()}
table = pd.DataFrame(rows).T
assert table["same item"]["one table"] > 7 and abs(table["same item"]["two tables"]) < 1
table.round(1)
# --8<-- [end:one_table]

# --8<-- [start:dice_modes]
from snippets.toolkit.interest_layers import Dice

x = torch.tensor([[8.0], [9.0], [10.0], [11.0], [12.0]]).double()
dice = Dice(1, momentum=1.0).double()  # the running numbers are those of the last batch
prelu = nn.PReLU(init=0.0).double()
first = dice(x)[:, 0]
dice.eval()
later = dice(x)[:, 0]
assert torch.allclose(first, later)
shown = {"x": x[:, 0], "PReLU": prelu(x)[:, 0], "training": first, "evaluation": later}
print("running mean and variance:", dice.mean.item(), dice.var.item())
print("a single row, evaluated:", f"{dice(x[:1]).item():.2f}")
dice.train()
print("a single row, training: ", f"{dice(x[:1]).item():.2f}")
pd.DataFrame({name: v.tolist() for name, v in shown.items()}).round(2)
# --8<-- [end:dice_modes]

# --8<-- [start:dice_curve]
import matplotlib.pyplot as plt

x = torch.linspace(-4, 4, 81)[:, None].double()
dice = Dice(1).double().eval()
nn.init.constant_(dice.alpha, 0.2)
prelu = nn.PReLU(init=0.2).double()
fig, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
with torch.no_grad():
    ax.plot(x, prelu(x), color="#7a8599", linestyle=":", label="PReLU")
    for mean, color in {0.0: "#2f6fdb", 2.0: "#e4572e"}.items():
        dice.mean.fill_(mean)
        ax.plot(x, dice(x), color=color, label=f"Dice, mean {mean:.0f}")
ax.set(xlabel="x", ylabel="output")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:dice_curve]

# --8<-- [start:padding_in_statistics]
torch.manual_seed(0)
values = 5 + torch.randn(100, 20, 4).double()  # scores of places, mean 5, spread 1
for length in (20, 5):
    mask = filled(torch.full((100,), length), 20)
    x = values.masked_fill(~mask[:, :, None], 0)
    norm = nn.BatchNorm1d(4, momentum=1.0).double()
    dice = Dice(4, momentum=1.0).double()
    norm(x.flatten(0, 1)), dice(x, mask)
    means = [part.mean().item() for part in (norm.running_mean, dice.mean)]
    told = "BatchNorm {:.1f}, Dice with a mask {:.1f}".format(*means)
    print(f"{length} of 20 filled: {told}")
    assert abs(means[1] - 5) < 0.1
# --8<-- [end:padding_in_statistics]

# --8<-- [start:make_histories]
from snippets.toolkit.history_tables import prepared_histories

prepared = prepared_histories(n=160_000, interests=6, seed=0)
print({name: len(rows) for name, rows in prepared.data.items()})
inputs, clicks = prepared.data["train"][:3]
print("lengths:", inputs["lengths"].tolist(), "targets:", inputs["target"].tolist())
print(f"clicked: {prepared.data['train'].labels.mean():.2f}")
inputs["items"][:, 8:]
# --8<-- [end:make_histories]

# --8<-- [start:collate]
from torch.utils.data import DataLoader

from snippets.toolkit.history_tables import pad_latest

log = [([7, 3, 9], 4, 1.0), ([], 2, 0.0), (list(range(1, 31)), 5, 1.0)]


def collate(rows):
    """A list of (history, target, click) as inputs by name, and the clicks."""
    history, target, click = zip(*rows, strict=True)
    items, lengths = pad_latest(history, places=20)
    x = {"items": items, "lengths": lengths, "target": torch.tensor(target)}
    return x, torch.tensor(click)


torch.manual_seed(0)
x, clicks = next(iter(DataLoader(log, batch_size=3, collate_fn=collate)))
assert x["items"][2].tolist() == list(range(11, 31))  # the latest 20 of 30
print("lengths:", x["lengths"].tolist())
x["items"][:, :6]
# --8<-- [end:collate]

# --8<-- [start:oldest]
made = torch.arange(1, 61)  # 60 clicks, the latest is number 60
print("words[0:max_len]: clicks", made[0:20][[0, -1]].tolist())
print("words[-max_len:]: clicks", made[-20:][[0, -1]].tolist())
# --8<-- [end:oldest]

# --8<-- [start:unknown_or_padding]
vocabulary = {"tea": 1, "cup": 2}  # 0 is unknown, and padding as well
history = ["cup", "kettle", "pot", "tea"]
items = torch.tensor([[vocabulary.get(item, 0) for item in history] + [0, 0]])
print("items > 0:   ", (items > 0).int().tolist()[0])
print("from lengths:", filled(torch.tensor([4]), 6).int().tolist()[0])
# --8<-- [end:unknown_or_padding]


# --8<-- [start:models]
class MeanPooling(nn.Module):
    """The mean of the history, beside the target."""

    def __init__(self, items, dim=8):
        super().__init__()
        self.table = nn.Embedding(items, dim, padding_idx=0)
        nn.init.normal_(self.table.weight[1:], std=0.05)
        layers = [nn.Linear(3 * dim, 64), Dice(64), nn.Linear(64, 1)]
        self.head = nn.Sequential(*layers)

    def interest(self, query, keys, mask):
        total = (keys * mask[:, :, None]).sum(1)
        return total / mask.sum(1, keepdim=True).clamp(min=1)

    def score(self, query, keys, mask):
        found = self.interest(query, keys, mask)  # (N, dim)
        return self.head(torch.cat([query, found, query * found], dim=1))[:, 0]

    def forward(self, x):
        mask = filled(x["lengths"], x["items"].shape[1])  # (N, T)
        return self.score(self.table(x["target"]), self.table(x["items"]), mask)


class DIN(MeanPooling):
    """A sum of the history, weighted by attention to the target."""

    def __init__(self, items, dim=8, hidden=16):
        super().__init__(items, dim)
        self.attention = InterestAttention(dim, hidden)

    def interest(self, query, keys, mask):
        return self.attention(query, keys, mask)


torch.manual_seed(0)
counts = {kind.__name__: kind(prepared.items) for kind in (MeanPooling, DIN)}
{name: sum(p.numel() for p in net.parameters()) for name, net in counts.items()}
# --8<-- [end:models]

# --8<-- [start:wide_biases]
x, labels = prepared.data["train"][:1000]
loss_fn = nn.BCEWithLogitsLoss()
means = {}
for start in ("default", "N(0, 1)"):
    losses = []
    for seed in range(20):
        torch.manual_seed(seed)
        net = DIN(prepared.items).double()
        for layer in net.modules():
            if start != "default" and isinstance(layer, nn.Linear):
                nn.init.normal_(layer.bias)
        losses.append(loss_fn(net(x), labels.double()).item())
    means[start] = sum(losses) / len(losses)
    print(f"{start}: first loss {means[start]:.2f}, at worst {max(losses):.2f}")
share = labels.double().mean().expand(1000)
print(f"always the share: {nn.functional.binary_cross_entropy(share, labels.double()):.2f}")
assert means["N(0, 1)"] > means["default"] + 0.1
# --8<-- [end:wide_biases]

# --8<-- [start:train]
from snippets.toolkit.click_tables import batches, fit


def in_double(make, *args):
    """A net with weights in double precision, so that all machines print the same."""
    torch.set_default_dtype(torch.float64)
    try:
        return make(*args)
    finally:
        torch.set_default_dtype(torch.float32)


models = {}
for kind in (MeanPooling, DIN):
    torch.manual_seed(0)
    net = in_double(kind, prepared.items)
    models[kind.__name__] = fit(net, prepared.data, rate=0.01, decay=0.1, epochs=3)
losses = {name: [row["val_loss"] for row in m.history] for name, m in models.items()}
pd.DataFrame(losses, index=[1, 2, 3]).rename_axis("epoch").round(3)
# --8<-- [end:train]

# --8<-- [start:aware_decay]
def batch_aware_l2(table, ids, uses):
    """Half the squares of the rows that a batch uses, each divided by its uses."""
    rows = ids.unique()
    rows = rows[rows > 0]  # 0 is padding
    return (table.weight[rows].square().sum(1) / uses[rows]).sum() / 2


torch.manual_seed(0)
table = nn.Embedding(1000, 1)
nn.init.ones_(table.weight)
chance = 1 / torch.arange(1, 1001).double()  # a few items are used most of the time
ids = torch.multinomial(chance, 20_000, replacement=True)
uses = torch.bincount(ids, minlength=1000)
aware, plain = torch.zeros(2, 1000)  # pull on each row, summed over an epoch
for batch in ids.split(200):
    for pull, on_all in ((aware, False), (plain, True)):
        table.zero_grad()
        squares = table.weight.square().sum() / 2
        loss = squares if on_all else batch_aware_l2(table, batch, uses)
        loss.backward()
        pull += table.weight.grad[:, 0]
groups = {"1 to 5 uses": (1, 5), "100 to 500": (100, 500), "1,000 up": (1000, 9999)}
for name, (low, high) in groups.items():
    rows = (uses >= low) & (uses <= high) & (torch.arange(1000) > 0)
    print(f"{name}: {aware[rows].mean():.1f}, plain L2 {plain[rows].mean():.0f}")
assert (aware[uses == 0] == 0).all()
# --8<-- [end:aware_decay]

# --8<-- [start:ladder]
from snippets.toolkit.metrics import auc
from snippets.toolkit.ranking_metrics import gauc, log_loss


def rela_impr(reached, base):
    """How much more above chance, an AUC of 0.5, one AUC is than another."""
    return (reached - 0.5) / (base - 0.5) - 1


torch.manual_seed(0)
test = prepared.data["test"]
chance = {
    name: torch.sigmoid(model.predict(batches(test)).double())
    for name, model in models.items()
}
chance["oracle"] = prepared.truth
rows = {
    name: {"AUC": auc(p, test.labels), "log loss": log_loss(p, test.labels)}
    for name, p in chance.items()
}
ladder = pd.DataFrame(rows).T
ladder["RelaImpr"] = rela_impr(ladder["AUC"], ladder["AUC"]["MeanPooling"])
reached = ladder["AUC"]
assert reached["DIN"] - reached["MeanPooling"] > 0.04
assert reached["oracle"] - reached["DIN"] > 0.02
by_user = gauc(chance["DIN"], test.labels, prepared.groups)
print(f"GAUC leaves out {by_user.left_out:.1f} of the rows")
ladder.round(2)
# --8<-- [end:ladder]

# --8<-- [start:who_gets_weight]
net = models["DIN"].net.cpu().eval()
inputs, _ = test[:]
mask = filled(inputs["lengths"], 20)
with torch.inference_mode():
    query, keys = net.table(inputs["target"]), net.table(inputs["items"])
    weights = net.attention.weights(query, keys, mask)  # (N, 20)
same = (inputs["items"] - 1) % 60 == (inputs["target"] - 1)[:, None] % 60
groups = {"same category": same & mask, "another": ~same & mask, "padding": ~mask}
mean_weight = {name: weights[rows].mean().item() for name, rows in groups.items()}
assert mean_weight["same category"] > 3 * mean_weight["another"]
assert (weights[~mask] == 0).all()
pd.Series(mean_weight, name="mean weight").round(2)
# --8<-- [end:who_gets_weight]

# --8<-- [start:heat_map]
shown = torch.arange(12)  # categories; item i, counted from 0, is of category i % 60
items = 1 + shown[:, None] + 60 * torch.arange(10)  # (12, 10)
with torch.inference_mode():
    v = net.table(items.flatten())  # (120, 8)
    every = torch.ones(120, 120, dtype=torch.bool)
    pairs = net.attention.weights(v, v.expand(120, 120, 8), every)  # target x place
    mean = pairs.reshape(12, 10, 12, 10).mean((1, 3))  # (12, 12)
fig, ax = plt.subplots(figsize=(4.2, 3.4), layout="constrained")
image = ax.imshow(mean, cmap="Blues", vmin=0, vmax=0.6)
ax.set(xlabel="category in the history", ylabel="category of the target")
fig.colorbar(image, label="mean weight")
plt.show()
own, others = mean.diagonal(), mean - mean.diag().diag()
assert (own > others.amax(1)).all()
# --8<-- [end:heat_map]

# --8<-- [start:best_epoch]
torch.manual_seed(0)
labels = torch.randint(2, (2, 500))  # 500 rows to choose by, 500 to report
best, fresh = [], []
for _ in range(100):
    epochs = torch.rand(20, 2, 500)  # 20 epochs of a model that knows nothing
    found = [auc(epoch[0], labels[0]) for epoch in epochs]
    best.append(max(found))
    fresh.append(auc(epochs[found.index(max(found)), 1], labels[1]))
print(f"rows that chose the epoch: {sum(best) / 100:.2f}")
print(f"rows not used to choose:   {sum(fresh) / 100:.2f}")
# --8<-- [end:best_epoch]

# --8<-- [start:score_candidates]
def score_candidates(net, history, candidates):
    """Probability of a click on each candidate, for the history of one user."""
    items, lengths = pad_latest([history], places=20)
    net.eval()
    with torch.inference_mode():
        mask = filled(lengths, 20).expand(len(candidates), 20)
        keys = net.table(items).expand(len(candidates), 20, -1)  # looked up once
        return torch.sigmoid(net.score(net.table(candidates), keys, mask))


history = inputs["items"][0, : inputs["lengths"][0]].tolist()
candidates = torch.arange(1, 501)
together = score_candidates(net, history, candidates)  # (500,)
alone = [score_candidates(net, history, one) for one in candidates.split(1)]
assert torch.allclose(torch.cat(alone), together)
stranger = score_candidates(net, [], candidates)
assert stranger.isfinite().all()
backwards = score_candidates(net, history[::-1], candidates)
assert torch.allclose(backwards, together)  # order doesn't count
kinds = {(item - 1) % 60 for item in history}  # item i, counted from 0, is of i % 60
best = (together.topk(20).indices % 60).tolist()
like = sum(kind in kinds for kind in best)
print(f"{len(kinds)} of 60 categories in the history,")
print(f"{like} of the best 20 candidates are of these")
assert like >= 14
# --8<-- [end:score_candidates]

# --8<-- [start:save]
saved = {"net": net.state_dict(), "items": prepared.items, "places": 20}
torch.save(saved, "din.pt")

read = torch.load("din.pt", weights_only=True)
torch.manual_seed(1)  # other weights, to be replaced
again = in_double(DIN, read["items"])
again.load_state_dict(read["net"])
assert torch.allclose(score_candidates(again, history, candidates), together)
[name for name in read["net"] if name.startswith("head.1")]
# --8<-- [end:save]

# --8<-- [start:movielens]
from snippets.toolkit.history_tables import film_ratings, prepared_ratings

ratings = film_ratings()
together = ratings.duplicated(["user", "time"], keep=False).mean()
print(f"share their second with another rating of the user: {together:.2f}")
films, _ = prepared_ratings(ratings, min_count=2)
train, test_films = films.data["train"], films.data["test"]
for name, rows in films.data.items():
    empty = (rows.inputs["lengths"] == 0).double().mean()
    print(f"{name}: {len(rows):,} rows, {empty:.2f} without history")
rated = torch.bincount(train.inputs["target"], minlength=films.items)
liked = torch.bincount(train.inputs["target"], train.labels.double(), films.items)
mean = (liked + 5 * train.labels.mean()) / (rated + 5)
target = test_films.inputs["target"]
scores = {"popularity": rated[target].double(), "film mean": mean[target]}
# --8<-- [end:movielens]

# --8<-- [start:movielens_models]
for kind in (MeanPooling, DIN):
    torch.manual_seed(0)
    net_of_films = in_double(kind, films.items)
    model = fit(net_of_films, films.data, rate=0.01, decay=1.0, epochs=2)
    scores[kind.__name__] = model.predict(batches(test_films)).double()
rows = {
    name: {
        "AUC": auc(s, test_films.labels),
        "GAUC": gauc(s, test_films.labels, films.groups).auc,
    }
    for name, s in scores.items()
}
of_films = pd.DataFrame(rows).T
assert of_films["GAUC"]["film mean"] > of_films["GAUC"]["DIN"] + 0.01
of_films.round(2)
# --8<-- [end:movielens_models]

# --8<-- [start:amazon]
from pathlib import Path

from snippets.toolkit.click_tables import Rows, count_categories
from snippets.toolkit.history_tables import liked_before
from snippets.toolkit.interactions import amazon_reviews


def next_reviews(reviews, min_count=5):
    """Each review with those before it, and once more with another one's item."""
    table = reviews.sort_values(["user", "time", "item"], ignore_index=True)
    left = table.groupby("user").cumcount(ascending=False)  # 0: a user's latest
    parts = {"train": left > 1, "valid": left == 1, "test": left == 0}
    known = count_categories(table[parts["train"]], ["item"], min_count)["item"]
    number = {item: row + 1 for item, row in known.items()}  # 1 is unknown
    item = torch.tensor(table.item.map(number).fillna(1).to_numpy("int64"))
    codes = table.user.astype("category").cat.codes.astype("int64")
    rows, lengths = liked_before(table.assign(user=codes, liked=1))
    history, data = torch.where(filled(lengths, 20), item[rows], 0), {}
    for name, chosen in parts.items():
        use = torch.tensor(chosen.to_numpy()) & (lengths > 0)
        mine = item[use]
        others = mine[torch.randperm(len(mine))]  # as popular as what was bought
        target = torch.cat([mine, others])
        use = use.nonzero()[:, 0].repeat(2)
        label = torch.arange(2).flip(0).repeat_interleave(len(mine)).float()
        keep = (label == 1) | (target != item[use])
        x = {"items": history[use], "lengths": lengths[use], "target": target}
        data[name] = Rows({key: value[keep] for key, value in x.items()}, label[keep])
    return data, len(number) + 2


def train_on_amazon(path, rows=None, min_count=5, epochs=2, rate=0.003):
    """DIN on Amazon's reviews: AUC of a user's latest review."""
    data, items = next_reviews(amazon_reviews(path, rows), min_count)
    model = fit(DIN(items), data, rate=rate, epochs=epochs)
    return items, auc(model.predict(batches(data["test"])), data["test"].labels)
# --8<-- [end:amazon]

# --8<-- [start:amazon_rows]
import json

g = torch.Generator().manual_seed(0)
turns = torch.randint(2, (400, 12), generator=g).tolist()
items = torch.randint(5, (400, 12), generator=g).tolist()
lines = []
for user in range(400):
    interests = torch.randperm(20, generator=g)[:2].tolist()
    for day, (turn, item) in enumerate(zip(turns[user], items[user], strict=True)):
        row = {"reviewerID": f"A{user}", "asin": f"B{interests[turn]:03}{item}"}
        row |= {"overall": 5.0, "unixReviewTime": 1_400_000_000 + 86_400 * day}
        lines.append(json.dumps(row))
Path("made.json").write_text("\n".join(lines))

torch.manual_seed(0)
items, reached = train_on_amazon("made.json", epochs=8, rate=0.01)
print(f"made rows: {items} rows in the table, AUC {reached:.1f}")
if Path("Electronics_5.json.gz").is_file():  # Amazon's own
    items, reached = train_on_amazon("Electronics_5.json.gz")
    print(f"Electronics: {items} rows in the table, AUC {reached:.3f}")
# --8<-- [end:amazon_rows]


# --8<-- [start:solution_bilinear]
class BilinearAttention(nn.Module):
    """Sigmoid weights from k W q; the rest is as in InterestAttention."""

    def __init__(self, dim):
        super().__init__()
        self.matrix = nn.Linear(dim, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(()))

    def weights(self, query, keys, mask):
        score = torch.einsum("nd,ntd->nt", self.matrix(query), keys) + self.bias
        return torch.sigmoid(score.masked_fill(~mask, -torch.inf))

    def forward(self, query, keys, mask):
        return torch.einsum("nt,ntd->nd", self.weights(query, keys, mask), keys)


torch.manual_seed(0)
layer = BilinearAttention(8)
query, keys = torch.randn(2, 8), torch.randn(2, 5, 8)
mask = filled(torch.tensor([3, 0]), 5)
by_hand = torch.sigmoid(keys[0, 1] @ layer.matrix.weight @ query[0])
assert torch.allclose(layer.weights(query, keys, mask)[0, 1], by_hand)
assert torch.equal(layer(query, keys, mask)[1], torch.zeros(8))
print(sum(p.numel() for p in layer.parameters()), "weights")
# --8<-- [end:solution_bilinear]


# --8<-- [start:solution_flat]
def latest_of_flat(clicks, ends, places):
    """All histories one after another in clicks (M,), each up to ends (N,)."""
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
    lengths = (ends - starts).clamp(max=places)
    place = (ends - lengths)[:, None] + torch.arange(places)  # (N, places)
    mask = filled(lengths, places)
    items = clicks[place.clamp(max=len(clicks) - 1)]
    return torch.where(mask, items, 0), lengths


many = [list(range(1, 31)), [], [7, 8, 9]]
ends = torch.tensor([len(one) for one in many]).cumsum(0)
flat = torch.tensor([item for one in many for item in one])
items, lengths = latest_of_flat(flat, ends, places=20)
slow, slow_lengths = pad_latest(many, places=20)
assert torch.equal(items, slow) and torch.equal(lengths, slow_lengths)
print(items[:, :4].tolist(), lengths.tolist())
# --8<-- [end:solution_flat]

# --8<-- [start:solution_leave_out]
x, _ = test[:1000]
mask = filled(x["lengths"], 20)
with torch.inference_mode():
    query, keys = net.table(x["target"]), net.table(x["items"])
    weights = net.attention.weights(query, keys, mask)
    whole = net.score(query, keys, mask)
    without = [mask & (torch.arange(20) != place) for place in range(20)]
    left = torch.stack([net.score(query, keys, m) for m in without], 1)
    change = (left - whole[:, None]).abs()
agree = (weights.argmax(1) == change.argmax(1)).double().mean()
print(f"the heaviest place changes the score most: {agree:.1f} of the rows")
# --8<-- [end:solution_leave_out]
