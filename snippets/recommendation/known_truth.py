# --8<-- [start:same_everywhere]
import torch

from snippets.toolkit.clicks import rate

logits = torch.randn(100_000, generator=torch.Generator().manual_seed(0)).double()
other = logits.nextafter(torch.tensor(9.0).double())  # another last bit
for function in (torch.sigmoid, rate):
    changed = (function(logits) != function(other)).any().item()
    print(f"{function.__name__}: some of 100,000 differ: {changed}")
# --8<-- [end:same_everywhere]

# --8<-- [start:impressions]
import pandas as pd

from snippets.toolkit.clicks import FIELDS, ad_impressions

table, truth = ad_impressions(seed=0)
print(table[["day", *FIELDS[:4], "visits", "age", "click"]].head(3))
truth.head(3).round(3)
# --8<-- [end:impressions]

# --8<-- [start:oracle]
from snippets.toolkit.metrics import auc
from snippets.toolkit.ranking_metrics import calibration, log_loss

p = torch.tensor(truth.click.to_numpy())
clicks = torch.tensor(table.click.to_numpy())
found = calibration(p, clicks, bins=5)
assert (found.predicted - found.observed).abs().max() < 0.01
print(f"AUC {auc(p, clicks):.4f}, log loss {log_loss(p, clicks):.4f}")
bins = {"thousand rows": (found.count / 1000).round()}
bins |= {"predicted": found.predicted, "clicked": found.observed}
pd.DataFrame({name: values.numpy() for name, values in bins.items()}).round(3)
# --8<-- [end:oracle]

# --8<-- [start:positions]
seen_at = ad_impressions(100_000, examination=(1.0, 0.6, 0.3)).table
funnel = seen_at.groupby("position")[["click", "cart", "order"]].mean()
assert funnel.click.is_monotonic_decreasing
ratio = (funnel / funnel.loc[1]).round(1)
ratio
# --8<-- [end:positions]

# --8<-- [start:histories_made]
from snippets.toolkit.histories import histories

made = histories(20_000, interests=2, seed=0)
print(made.items[0])
category = (made.items[0] - 1) % 60
print("categories:", category[: made.lengths[0]].unique().numel())
print(f"oracle AUC {auc(made.probability, made.click):.3f}")
{name: tuple(values.shape) for name, values in made._asdict().items()}
# --8<-- [end:histories_made]

# --8<-- [start:auc_of_user_means]
from snippets.toolkit.ranking_metrics import gauc

user = torch.tensor(table.user.to_numpy())
for name in ("user", "ad"):
    mean = table.groupby(name).click.transform("mean")  # the same in all rows of it
    scores = torch.tensor(mean.to_numpy())
    area = gauc(scores, clicks, user).auc
    print(f"mean of the {name}: AUC {auc(scores, clicks):.3f}, GAUC by user {area:.3f}")
# --8<-- [end:auc_of_user_means]

# --8<-- [start:probabilities]
from snippets.toolkit.ranking_metrics import normalised_entropy

share = clicks.double().mean().expand(len(clicks))
too_sure = torch.sigmoid(2 * torch.logit(p))  # the same order, other probabilities
models = {"oracle": p, "its logits doubled": too_sure, "the share": share}
for name, q in models.items():
    entropy, made_of = normalised_entropy(q, clicks), calibration(q, clicks)
    area = auc(q, clicks)
    print(f"{name:19} AUC {area:.3f}  entropy {entropy:.3f}  ECE {made_of.ece:.3f}")
# --8<-- [end:probabilities]

# --8<-- [start:list_metrics]
from snippets.toolkit.ranking_metrics import hit_rate, mrr, ndcg_at_k, recall_at_k

scores = torch.tensor([[0.9, 0.7, 0.4, 0.1], [0.9, 0.7, 0.4, 0.1]])
relevant = torch.tensor([[1, 0, 1, 0], [0, 0, 1, 0]])
for k in (1, 2, 3):
    values = [f(scores, relevant, k) for f in (ndcg_at_k, recall_at_k, hit_rate)]
    print(k, "NDCG {:.3f}  recall {:.3f}  hit rate {:.3f}".format(*values))
print(f"MRR {mrr(scores, relevant):.3f}")
same = torch.zeros(2, 4)
print(f"all scores equal: MRR {mrr(same, relevant):.3f}")
# --8<-- [end:list_metrics]

# --8<-- [start:lists_too_short]
ndcg_at_k(scores, relevant, k=5)
# --8<-- [end:lists_too_short]

# --8<-- [start:cross]
from torch import nn

from snippets.toolkit.cross_layers import CrossMatrix, CrossMixture, CrossVector

torch.manual_seed(0)
x = torch.randn(3, 72)  # nine fields of eight numbers
for layer in (CrossVector(72), CrossMatrix(72), CrossMixture(72, rank=8)):
    weights = nn.utils.parameters_to_vector(layer.parameters()).numel()
    print(f"{type(layer).__name__:12} {weights:6,} weights", tuple(layer(x, x).shape))
# --8<-- [end:cross]

# --8<-- [start:gates]
from snippets.toolkit.cross_layers import BilinearInteraction, SqueezeExcitation

v = 0.05 * torch.randn(3, 9, 8, generator=torch.Generator().manual_seed(0))
torch.manual_seed(0)
gates = SqueezeExcitation(9).gates(v)
print(f"gates from {gates.min():.2f} to {gates.max():.2f}")
for kind in ("all", "each", "pairs"):
    layer = BilinearInteraction(9, 8, kind)
    print(f"{kind:5} {layer.weight.numel():5,} weights", tuple(layer(v).shape))
# --8<-- [end:gates]

# --8<-- [start:attention]
from snippets.toolkit.interest_layers import InterestAttention

torch.manual_seed(0)
query, keys = torch.randn(3, 8), torch.randn(3, 4, 8)
mask = torch.arange(4) < torch.tensor([4, 2, 0])[:, None]  # the third history is empty
attention = InterestAttention(8)
weights = attention.weights(query, keys, mask)
assert (weights[~mask] == 0).all()
print((weights > 0).int())
attention(query, keys, mask)[2]
# --8<-- [end:attention]

# --8<-- [start:gru]
from snippets.toolkit.interest_layers import AttentionGRU

torch.manual_seed(0)
layer, ones, full = AttentionGRU(8, 5), torch.ones(3, 4), torch.ones(3, 4).bool()
gru = nn.GRU(8, 5, batch_first=True)
gru.load_state_dict({f"{name}_l0": w for name, w in layer.cell.state_dict().items()})
print(torch.allclose(layer(keys, ones, full), gru(keys)[1][0], atol=1e-6))
print(layer(keys, 0 * ones, full).abs().max().item())
# --8<-- [end:gru]

# --8<-- [start:dice_and_loss]
from snippets.toolkit.interest_layers import AuxiliaryLoss, Dice

x = torch.linspace(-2, 2, 5)[:, None]
print(Dice(1)(x).T)
torch.manual_seed(0)
states, items = torch.zeros(3, 4, 8), torch.zeros(3, 4, 8)
loss = AuxiliaryLoss(8)(states, items, items, mask)  # clicked and others are equal
print(f"loss {loss:.2f}, log 2 = {torch.tensor(2.0).log():.2f}")
# --8<-- [end:dice_and_loss]

# --8<-- [start:movielens_small]
from pathlib import Path

from snippets.toolkit.interactions import movielens

folder = Path("ml-1m")
folder.mkdir()
(folder / "ratings.dat").write_text("1::2::4::978300760\n2::1::5::978302109\n")
(folder / "movies.dat").write_text("1::One (1999)::Comedy|War\n2::Two (2000)::Drama\n")
(folder / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::02460\n")
ratings, items, users = movielens(folder)
joined = ratings.merge(items, on="item").merge(users, on="user")
joined[["user", "title", "genres", "rating", "sex"]]
# --8<-- [end:movielens_small]

# --8<-- [start:movielens_broken]
broken = Path("ml-broken")
broken.mkdir()
(broken / "ratings.dat").write_text("1::2::4::978300760\n2::1::5\n")
movielens(broken)
# --8<-- [end:movielens_broken]

# --8<-- [start:amazon_small]
from snippets.toolkit.interactions import amazon_reviews

rows = [
    '{"reviewerID": "A1", "asin": "B0", "overall": 4.0, "unixReviewTime": 1363392000}',
    '{"user_id": "A2", "parent_asin": "B1", "rating": 5.0, "timestamp": 1588687728923}',
]
Path("reviews.json").write_text("\n".join(rows) + "\n")
amazon_reviews("reviews.json")
# --8<-- [end:amazon_small]

# --8<-- [start:solution_left_out]
few = torch.arange(len(clicks)) < 2000  # the first 2,000 rows: few rows a user
area, left_out = gauc(p[few], clicks[few], user[few])
shown = torch.bincount(user[few], minlength=800)
clicked = torch.bincount(user[few][clicks[few] == 1], minlength=800)
alone = (clicked == 0) | (clicked == shown)  # one class, or no row
counted = alone[user[few]].double().mean().item()
assert abs(left_out - counted) < 1e-9
print(f"GAUC {area:.3f}, left out {left_out:.3f} of the rows")
# --8<-- [end:solution_left_out]
