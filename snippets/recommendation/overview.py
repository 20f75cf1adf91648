# --8<-- [start:one_row]
import pandas as pd
import torch
from torch import nn

from snippets.toolkit.cross_layers import BilinearInteraction, CrossMatrix
from snippets.toolkit.cross_layers import SqueezeExcitation
from snippets.toolkit.interest_layers import AttentionGRU, InterestAttention
from snippets.toolkit.ranking_layers import FactorizationMachine, FieldEmbedding
from snippets.toolkit.ranking_layers import FieldLinear

torch.manual_seed(0)
sizes = [800, 160, 3]  # users, ads, devices
row = torch.tensor([[7, 3, 1]])  # one impression: row numbers of three tables
v = FieldEmbedding(sizes, 8)(row)  # (1, 3, 8): three vectors
flat = v.flatten(1)  # (1, 24)
history = torch.randn(1, 5, 8)  # vectors of what the user clicked before
mask = torch.tensor([[True, True, True, False, False]])  # three clicks, two paddings
target = v[:, 1]  # (1, 8): the ad
attention = InterestAttention(8)
weights = attention.weights(target, history, mask)  # (1, 5)
built = {
    "LR: a number per value": FieldLinear(sizes)(row),
    "FM: products of all pairs": FactorizationMachine()(v),
    "DeepFM: and an MLP": nn.Sequential(nn.Linear(24, 8), nn.ReLU())(flat),
    "FiBiNET: gates for fields": SqueezeExcitation(3)(v),
    "FiBiNET: pairs by a matrix": BilinearInteraction(3, 8)(v),
    "DCN v2: the whole row, squared": CrossMatrix(24)(flat, flat),
    "DIN: the history, weighed": attention(target, history, mask),
    "DIEN: the history, in order": AttentionGRU(8, 8)(history, weights, mask),
}
for name, output in built.items():
    print(f"{name:31}{tuple(output.shape)}")
assert (weights[~mask] == 0).all()
# --8<-- [end:one_row]

# --8<-- [start:family]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
kinds = {"pairs of fields": BLUE, "and a network": GREEN, "a history": ORANGE}
models = {  # in the order of their papers
    "FM": (2010, "pairs of fields"),
    "Wide & Deep": (2016, "and a network"),
    "DeepFM": (2017, "and a network"),
    "DIN": (2018, "a history"),
    "DIEN": (2019, "a history"),
    "FiBiNET": (2019, "and a network"),
    "DCN v2": (2021, "and a network"),
}
fig, ax = plt.subplots(figsize=(6.2, 2.6), layout="constrained")
for y, (kind, color) in zip((3, 2, 1), kinds.items(), strict=True):
    ax.axhline(y, 0.2, 1, color=GREY, alpha=0.4, zorder=0)
    ax.text(-1.75, y, kind, va="center", color=color)
    for x, (name, (year, of)) in enumerate(models.items()):
        if of == kind:
            box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": color}
            text = f"{name}\n{year}".replace(" & ", "\n& ")
            ax.text(x, y, text, ha="center", va="center", size=8, bbox=box)
ax.set(xlim=(-1.8, 6.6), ylim=(0.5, 3.5))
ax.axis("off")
plt.show()
# --8<-- [end:family]

# --8<-- [start:predict]
from snippets.toolkit.click_models import FM
from snippets.toolkit.click_tables import batches, fit, prepared_clicks
from snippets.toolkit.metrics import auc

prepared = prepared_clicks(seed=0, n=60_000, users=200, ads=40)
test = prepared.data["test"]
torch.manual_seed(0)
net = FM(prepared.sizes, prepared.numbers)
model = fit(net, prepared.data, rate=0.01, decay=0.1, epochs=4)
p = torch.sigmoid(model.predict(batches(test)).double())  # (N,)
reached, known = auc(p, test.labels), auc(prepared.truth, test.labels)
print(f"AUC of FM {reached:.2f}, of the true probabilities {known:.2f}")
assert reached > 0.65 and known - reached > 0.02
# --8<-- [end:predict]

# --8<-- [start:sell]
from snippets.toolkit.auctions import auction, ecpm


def earned(believed, price=35):
    """What 1,000 requests bring, in the advertisers' money.

    Two ads ask for each place: one pays ``price`` per 1,000 impressions, the other 0.1
    per click. The second is shown where its eCPM is higher, and pays if it is clicked.
    """
    total = 0.0
    for belief, true in zip(believed.tolist(), prepared.truth.tolist(), strict=True):
        sale = auction([price, ecpm("CPC", 0.1, belief)], rule="first")[0]
        total += price if sale.bidder == 0 else ecpm("CPC", 0.1, true)
    return total / len(believed)


mean = torch.full_like(p, test.labels.mean().item())
beliefs = {
    "one rate for all": mean,
    "FM": p,
    "FM, odds doubled": torch.sigmoid(torch.logit(p) + torch.tensor(2.0).log()),
    "the truth": prepared.truth,
}
income = {name: earned(belief) for name, belief in beliefs.items()}
for name, money in income.items():
    print(f"{name:17}{money:3.0f}")
assert income["the truth"] == max(income.values())
assert income["FM"] > income["FM, odds doubled"] + 0.5
# --8<-- [end:sell]

# --8<-- [start:recommend]
from snippets.toolkit.ranking_metrics import gauc, ndcg_at_k

users = prepared.groups  # (N,): whose impression each row is
by_user = gauc(p, test.labels, users)
print(f"GAUC {by_user.auc:.2f}, rows that have no say {by_user.left_out:.0%}")
chosen = [rows for rows in (users == user for user in range(200)) if rows.sum() >= 20]
scores = torch.stack([p[rows][:20] for rows in chosen])  # (U, 20)
clicked = torch.stack([test.labels[rows][:20] for rows in chosen])
print("users with 20 impressions or more:", len(chosen))
lists = {"by FM": scores, "in the order of the log": -torch.arange(20.0).expand_as(scores)}
for name, order in lists.items():
    print(f"NDCG@5 {name}: {ndcg_at_k(order, clicked, 5):.2f}")
# --8<-- [end:recommend]

# --8<-- [start:read_history]
from snippets.toolkit.histories import CATEGORIES, histories


def hits(made, places):
    """How many of the latest clicks share the target's category; (N,)."""
    category = torch.where(made.items > 0, (made.items - 1) % CATEGORIES, -1)
    same = category == ((made.target - 1) % CATEGORIES)[:, None]  # (N, T)
    ago = made.lengths[:, None] - torch.arange(made.items.shape[1])  # 1: the latest
    return (same & (ago <= places)).sum(1).double()


table = {}
for name, drift in {"interests stay": False, "interests drift": True}.items():
    made = histories(40_000, interests=4, drift=drift, seed=0)
    scores = {"the latest 3": hits(made, 3), "all": hits(made, 20)}
    scores["the truth"] = made.probability
    table[name] = {rule: auc(score, made.click) for rule, score in scores.items()}
assert table["interests stay"]["all"] > table["interests stay"]["the latest 3"] + 0.03
assert table["interests drift"]["the latest 3"] > table["interests drift"]["all"] + 0.03
pd.DataFrame(table).round(2)
# --8<-- [end:read_history]

# --8<-- [start:solution_constant]
torch.manual_seed(0)
generous = torch.randn(users.max() + 1, dtype=torch.float64)[users]  # one per user
shifted = torch.logit(p) + 2 * generous
before, after = auc(p, test.labels), auc(shifted, test.labels)
by_user = [gauc(score, test.labels, users).auc for score in (p, shifted)]
print(f"AUC {before:.2f}, then {after:.2f}; GAUC {by_user[0]:.2f}, then {by_user[1]:.2f}")
assert before - after > 0.05 and abs(by_user[0] - by_user[1]) < 1e-9
# --8<-- [end:solution_constant]

# --8<-- [start:solution_halved]
halved = torch.sigmoid(torch.logit(p) - torch.tensor(2.0).log())
beliefs = {"FM": p, "halved": halved, "the truth": prepared.truth}
shown = {name: (100 * b > 35).double().mean() for name, b in beliefs.items()}
for name, share in shown.items():
    print(f"{name:10} sells {share:.0%} of the places by click")
print(f"income {earned(halved):.0f} instead of {earned(p):.0f}")
assert shown["halved"] < shown["FM"] and earned(halved) < earned(p) - 0.5
# --8<-- [end:solution_halved]
