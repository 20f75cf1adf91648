# --8<-- [start:clicks]
from snippets.toolkit.click_tables import prepared_clicks

clicks = prepared_clicks(seed=0)
for name, rows in clicks.data.items():
    print(f"{name}: {len(rows):,} rows, {rows.labels.mean():.2f} clicked")
print(dict(zip(clicks.vocabulary, clicks.sizes, strict=True)))
print("columns of numbers:", clicks.numbers)
# --8<-- [end:clicks]

# --8<-- [start:count_crosses]
import math

import pandas as pd

fields = {"this chapter": 9, "Criteo": 39}
ways = {
    name: {f"{size} at a time": math.comb(n, size) for size in (2, 3, 4)}
    for name, n in fields.items()
}
pd.DataFrame(ways).map("{:,}".format)
# --8<-- [end:count_crosses]

# --8<-- [start:wide_part]
import torch
from torch import nn

from snippets.toolkit.click_models import LinearModel
from snippets.toolkit.ranking_layers import FieldLinear


class Wide(LinearModel):
    """A weight for each category, and for each combination of the chosen fields."""

    def __init__(self, sizes, numbers, crosses, buckets=2**15):
        super().__init__(sizes, numbers)
        self.crosses, self.buckets = crosses, buckets
        self.crossed = FieldLinear([buckets] * len(crosses))

    def hashed(self, fields, cross):
        """One row number for the combination: (N,)."""
        number = 0
        for column in cross:
            number = number * 1009 + fields[:, column]  # no field has 1009 categories
        return (number * 2_654_435_761 >> 16) % self.buckets

    def forward(self, x):
        places = [self.hashed(x["fields"], cross) for cross in self.crosses]
        return super().forward(x) + self.crossed(torch.stack(places, 1))


names = list(clicks.vocabulary)
chosen = [("user", "ad"), ("city", "advertiser"), ("hour", "site")]
chosen = [tuple(names.index(name) for name in cross) for cross in chosen]
torch.manual_seed(0)
wide = Wide(clicks.sizes, clicks.numbers, chosen)
rows = clicks.data["train"].inputs["fields"][:3]
for cross in chosen:
    print(cross, wide.hashed(rows, cross).tolist())
# --8<-- [end:wide_part]

# --8<-- [start:one_layer]
from snippets.toolkit.cross_layers import CrossMatrix, CrossVector

torch.manual_seed(0)
x0 = torch.tensor([[1.0, 2.0, 3.0]])
vector, matrix = CrossVector(3), CrossMatrix(3)
with torch.no_grad():
    vector.weight.copy_(torch.tensor([1.0, 0.0, -1.0]))
    matrix.linear.weight.copy_(torch.tensor([[1.0, 0, -1], [0, 1, 0], [0, 0, 0]]))
    print("v1 multiplies by", (x0 @ vector.weight).tolist())
    print("v2 multiplies by", matrix.linear(x0).tolist())
    print("v1:", vector(x0, x0).tolist())
    print("v2:", matrix(x0, x0).tolist())
# --8<-- [end:one_layer]

# --8<-- [start:expand]
from collections import Counter
from itertools import product


def times(p, q):
    """Multiply polynomials: powers of the inputs -> coefficient."""
    found = Counter()
    for (one, a), (other, b) in product(p.items(), q.items()):
        found[tuple(i + j for i, j in zip(one, other, strict=True))] += a * b
    return found


def weighted(weights, polynomials):
    """The sum of weight times polynomial."""
    found = Counter()
    for weight, p in zip(weights, polynomials, strict=True):
        for powers, coefficient in p.items():
            found[powers] += weight * coefficient
    return found


def cross(x0, x, rows):
    """x0 * (W x) + x for polynomials; ``rows`` are those of W."""
    pairs = zip(x0, x, rows, strict=True)
    return [times(start, weighted(row, x)) + now for start, now, row in pairs]


torch.manual_seed(0)
x0 = [Counter({powers: 1}) for powers in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
x, layers = x0, []
for depth in (1, 2, 3):
    layers.append(torch.randint(1, 4, (3, 3)))
    x = cross(x0, x, layers[-1].tolist())
    out = weighted((1, 1, 1), x)  # the read-out: add the three elements
    degree = max(sum(powers) for powers in out)
    print(f"{depth} layers: degree {degree}, {len(out)} products")
    assert degree == depth + 1 and len(out) == math.comb(degree + 3, 3) - 1
# --8<-- [end:expand]

# --8<-- [start:expand_checked]
torch.manual_seed(0)
at = torch.tensor([[2, -1, 3]])
h = at.double()
for weights in layers:
    layer = CrossMatrix(3).double()
    layer.linear.weight.data.copy_(weights)
    h = layer(at.double(), h)
powers = torch.tensor(list(out))  # (34, 3)
coefficients = torch.tensor(list(out.values()))
by_hand = (at.pow(powers).prod(1) * coefficients).sum()
print("expanded:", by_hand.item(), "  layers:", round(h.sum().item()))
assert round(h.sum().item()) == by_hand
# --8<-- [end:expand_checked]

# --8<-- [start:product_of_linear]
torch.manual_seed(0)
x0 = torch.randn(1000, 20, dtype=torch.float64)
vectors = [CrossVector(20).double() for _ in range(3)]
read_out = torch.randn(20, dtype=torch.float64)
h = x0
for layer in vectors:
    h = layer(x0, h)
factors = [1 + x0 @ layer.weight for layer in vectors]  # three linear models
assert torch.allclose(h @ read_out, (x0 @ read_out) * math.prod(factors))
multiple = (h / x0).detach()
assert torch.allclose(multiple, multiple[:, :1])
multiple[:3, :4]
# --8<-- [end:product_of_linear]

# --8<-- [start:hessian]
from torch.func import hessian


def pairs_of(layers, read_out):
    """Coefficients of all pairs: second derivatives of the output at 0."""

    def output(x):
        h = x[None]
        for layer in layers:
            h = layer(x[None], h)
        return (h @ read_out)[0]

    return hessian(output)(torch.zeros_like(read_out)).detach()


torch.manual_seed(0)
u = torch.randn(8, dtype=torch.float64)
for depth in (1, 2, 4):
    layers = [CrossVector(8).double() for _ in range(depth)]
    found = pairs_of(layers, u)
    w = sum(layer.weight.detach() for layer in layers)
    assert torch.allclose(found, u[:, None] * w + w[:, None] * u)
    print(f"v1, {depth} layers: rank {torch.linalg.matrix_rank(found)}")
layer = CrossMatrix(8).double()
found, W = pairs_of([layer], u), layer.linear.weight.detach()
assert torch.allclose(found, u[:, None] * W + (u[:, None] * W).T)
print(f"v2, 1 layer:  rank {torch.linalg.matrix_rank(found)}")
# --8<-- [end:hessian]

# --8<-- [start:out_of_reach]
torch.manual_seed(0)
target = torch.zeros(6, 4, 6, 4, dtype=torch.float64)  # fields x vector, twice
for one, other in ((0, 1), (2, 3), (4, 5)):  # three pairs, each <v, v'>
    target[one, :, other] = target[other, :, one] = torch.eye(4)
target = target.view(24, 24)
strength = torch.linalg.eigvalsh(target)
kept = strength.max() ** 2 + strength.min() ** 2  # what u w' + w u' can be at best
print(f"v1 misses {1 - kept / strength.square().sum():.0%}")

u = torch.ones(24, dtype=torch.float64)
layer = CrossMatrix(24).double()
layer.linear.weight.data.copy_(target / 2)
missed = (pairs_of([layer], u) - target).square().sum() / target.square().sum()
print(f"v2 misses {missed:.0%}")
assert missed < 1e-12
# --8<-- [end:out_of_reach]

# --8<-- [start:growth]
def default(dim):
    """A cross layer that keeps the start of nn.Linear."""
    layer = CrossMatrix(dim)
    layer.linear.reset_parameters()
    return layer


torch.manual_seed(0)
x0 = torch.randn(2000, 80, dtype=torch.float64)
rows = {}
for name, kind in {"nn.Linear's": default, "a tenth of it": CrossMatrix}.items():
    h, grown = x0, {}
    for depth in range(1, 9):
        h = kind(80).double()(x0, h).detach()
        grown[f"{depth} layers"] = (h.norm(dim=1) / x0.norm(dim=1)).max().item()
    rows[name] = grown
growth = pd.DataFrame(rows)
assert growth["nn.Linear's"].is_monotonic_increasing
assert growth["a tenth of it"].max() < 1.3
growth.iloc[[0, 1, 3, 7]].round(1)
# --8<-- [end:growth]

# --8<-- [start:low_rank]
from torch.utils._python_dispatch import TorchDispatchMode

from snippets.toolkit.cross_layers import CrossMixture


class LowRank(CrossMixture):
    """The same layer; gates and low numbers are multiplied first."""

    def forward(self, x0, x):
        low = torch.tanh(torch.einsum("erd,nd->ner", self.down, x))
        low = torch.tanh(torch.einsum("esr,ner->nes", self.core, low))
        share = torch.softmax(self.gate(x), dim=1)
        mixed = torch.einsum("ne,ner,edr->nd", share, low, self.up)
        return x0 * (mixed + self.bias) + x


class Largest(TorchDispatchMode):
    """Remembers the size of the largest result of an operator."""

    def __init__(self):
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.untyped_storage().nbytes() // 4)
        return result


torch.manual_seed(0)
rows, before = torch.randn(1024, 78), CrossMixture(78, rank=8)
after = LowRank(78, rank=8)
after.load_state_dict(before.state_dict())
found = []
for layer in (before, after):
    as_written = torch.backends.opt_einsum.flags(enabled=False)
    with Largest() as largest, as_written:
        found.append(layer(rows, rows))
    print(f"{type(layer).__name__:12} largest result {largest.size:9,} numbers")
assert torch.allclose(*found, atol=1e-4)
# --8<-- [end:low_rank]

# --8<-- [start:gate_shared]
torch.manual_seed(0)
own = nn.ModuleList([LowRank(78, rank=8) for _ in range(3)])
shared = nn.ModuleList([LowRank(78, rank=8) for _ in range(3)])
for layer in shared:
    layer.gate = shared[0].gate
for name, layers in {"own": own, "shared": shared}.items():
    gates = [key for key, _ in layers.named_parameters() if "gate.weight" in key]
    saved = [key for key in layers.state_dict() if "gate.weight" in key]
    weights = sum(p.numel() for p in layers.parameters())
    print(f"{name}: {weights:,} weights, {len(gates)} gates, {len(saved)} in the file")
# --8<-- [end:gate_shared]

# --8<-- [start:squeezed]
def mixed(experts, share):
    """(N, dim, E) and (N, E, 1) to (N, dim), as it should be."""
    return (experts @ share).squeeze()


for rows in (2, 1):
    crossed = mixed(torch.ones(rows, 5, 4), torch.ones(rows, 4, 1))
    deep = torch.ones(rows, 3)
    print(f"{rows} in a batch:", tuple(crossed.shape), "beside", tuple(deep.shape))
    torch.cat([crossed, deep], dim=-1)
# --8<-- [end:squeezed]

# --8<-- [start:costs]
from torch.utils.flop_counter import FlopCounterMode

kinds = {
    "v1": CrossVector,
    "v2": CrossMatrix,
    "mixture, 4 of rank 8": lambda dim: LowRank(dim, rank=8),
}
rows = []
for name, kind in kinds.items():
    for dim in (78, 39 * 16, 39 * 100):
        with torch.device("meta"):  # shapes without numbers
            layer, x = kind(dim), torch.empty(1, dim)
            with FlopCounterMode(display=False) as counter:
                layer(x, x)
        weights = sum(p.numel() for p in layer.parameters())
        flops = counter.get_total_flops()
        rows.append({"layer": name, "d": dim, "weights": weights, "FLOPs": flops})
costs = pd.DataFrame(rows).set_index(["layer", "d"])
for dim in (78, 39 * 16, 39 * 100):
    assert costs.weights["v2", dim] == dim**2 + dim
    assert costs.FLOPs["v2", dim] == 2 * dim**2
costs.map("{:,}".format)
# --8<-- [end:costs]

# --8<-- [start:model]
from itertools import pairwise

from snippets.toolkit.ranking_layers import FieldEmbedding


class DeepCross(nn.Module):
    """Cross layers beside a deep part (widths), or before it if ``stacked``."""

    def __init__(
        self, sizes, numbers, layer, depth=2, widths=(64, 32), stacked=False, dim=8
    ):
        super().__init__()
        self.vectors = FieldEmbedding(sizes, dim)
        ends = [len(sizes) * dim + numbers, *widths]
        self.crosses = nn.ModuleList([layer(ends[0]) for _ in range(depth)])
        steps = [(nn.Linear(*step), nn.ReLU()) for step in pairwise(ends)]
        self.deep = nn.Sequential(*[part for step in steps for part in step])
        self.stacked = stacked
        self.out = nn.Linear(ends[-1] if stacked else ends[0] + ends[-1], 1)

    def inputs(self, x):
        """Vectors and numbers side by side: (N, d)."""
        return torch.cat([self.vectors(x["fields"]).flatten(1), x["numbers"]], 1)

    def forward(self, x):
        x0 = h = self.inputs(x)
        for layer in self.crosses:
            h = layer(x0, h)
        h = self.deep(h) if self.stacked else torch.cat([h, self.deep(x0)], 1)
        return self.out(h)[:, 0]


class WideAndDeep(nn.Module):
    """The sum of the wide part and of a network without cross layers."""

    def __init__(self, sizes, numbers, crosses):
        super().__init__()
        self.wide = Wide(sizes, numbers, crosses)
        self.deep = DeepCross(sizes, numbers, None, depth=0, stacked=True)

    def forward(self, x):
        return self.wide(x) + self.deep(x)


def low_rank(dim):
    return LowRank(dim, rank=8)


shape = clicks.sizes, clicks.numbers
alone = {"widths": (), "stacked": True}  # no deep part
models = {
    "wide & deep": lambda: WideAndDeep(*shape, chosen),
    "deep alone": lambda: DeepCross(*shape, None, depth=0, stacked=True),
    "cross v1 alone": lambda: DeepCross(*shape, CrossVector, **alone),
    "cross v2 alone": lambda: DeepCross(*shape, CrossMatrix, **alone),
    "DCN v1": lambda: DeepCross(*shape, CrossVector),
    "DCN v2": lambda: DeepCross(*shape, CrossMatrix),
    "DCN mixture": lambda: DeepCross(*shape, low_rank),
}
torch.manual_seed(0)
weights = {
    name: sum(p.numel() for p in make().parameters()) for name, make in models.items()
}
pd.Series(weights, name="weights").map("{:,}".format)
# --8<-- [end:model]

# --8<-- [start:train]
from snippets.toolkit.click_tables import Rows, fit

exact = {}  # float64: rounding doesn't reach the digits that are printed
for name, rows in clicks.data.items():
    inputs = rows.inputs | {"numbers": rows.inputs["numbers"].double()}
    exact[name] = Rows(inputs, rows.labels.double())


def train(make):
    torch.manual_seed(0)
    return fit(make().double(), exact, rate=0.01, epochs=3)


trained = {"DCN v2": train(models["DCN v2"])}
history = pd.DataFrame(trained["DCN v2"].history)
history[["epoch", "loss", "val_loss"]].round(2)
# --8<-- [end:train]

# --8<-- [start:train_alone]
for name in ("cross v1 alone", "cross v2 alone", "deep alone"):
    trained[name] = train(models[name])
    print(f"{name}: validation loss {trained[name].history[-1]['val_loss']:.2f}")
# --8<-- [end:train_alone]

# --8<-- [start:train_others]
for name in ("wide & deep", "DCN v1"):
    trained[name] = train(models[name])
    print(f"{name}: validation loss {trained[name].history[-1]['val_loss']:.2f}")
# --8<-- [end:train_others]

# --8<-- [start:train_mixture]
trained["DCN mixture"] = train(models["DCN mixture"])
print(f"validation loss {trained['DCN mixture'].history[-1]['val_loss']:.2f}")
# --8<-- [end:train_mixture]

# --8<-- [start:ladder]
from snippets.toolkit.click_tables import batches
from snippets.toolkit.metrics import auc
from snippets.toolkit.ranking_metrics import gauc, log_loss

torch.manual_seed(0)
test = exact["test"]
chance = {
    name: torch.sigmoid(trained[name].predict(batches(test)).double())
    for name in models
}
chance["oracle"] = clicks.truth
ladder = pd.DataFrame(
    {
        "AUC": {name: auc(p, test.labels) for name, p in chance.items()},
        "GAUC": {
            name: gauc(p, test.labels, clicks.groups).auc for name, p in chance.items()
        },
        "log loss": {name: log_loss(p, test.labels) for name, p in chance.items()},
    }
)
reached = ladder["AUC"]
assert reached["cross v2 alone"] - reached["cross v1 alone"] > 0.025
assert reached["oracle"] - reached.drop("oracle").max() > 0.02
print("lowest log loss:", ladder["log loss"].idxmin())
ladder[["AUC", "GAUC"]].round(2)
# --8<-- [end:ladder]


# --8<-- [start:strength]
def strength(net, fields, dim=8):
    """Spread of what a pair of categories says, for each two fields: (F, F)."""
    read_out = net.out.weight[0].detach()
    H = pairs_of(net.crosses, read_out)  # (d, d)
    width = fields.shape[1] * dim
    H = H[:width, :width].view(-1, dim, fields.shape[1], dim)
    v = net.vectors(fields).detach()  # (N, F, dim)
    said = torch.einsum("nfd,fdge,nge->nfg", v, H, v)
    return said.std(0)


net = trained["cross v2 alone"].net.cpu()
seen = clicks.data["valid"].inputs["fields"][:5000]
found = strength(net, seen)
one, other = torch.triu_indices(9, 9, 1)
pairs = [f"{names[i]} x {names[j]}" for i, j in zip(one, other, strict=True)]
spread = pd.Series(found[one, other], pairs).sort_values(ascending=False)
recipe = {"user x ad", "advertiser x city", "hour x site"}
triple = {"advertiser x hour", "advertiser x device", "hour x device"}
assert set(spread.index[:6]) == recipe | triple
print("of the recipe:", sorted(recipe & set(spread.index[:6])))
print("in the triple:", sorted(triple & set(spread.index[:6])))
places = {"strongest": 0, "sixth": 5, "seventh": 6, "weakest": 35}
pd.Series({name: spread.iloc[k] for name, k in places.items()}).round(1)
# --8<-- [end:strength]

# --8<-- [start:heat_map]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(4.8, 3.8), layout="constrained")
shown = found.masked_fill(torch.ones(9, 9).triu() > 0, torch.nan)[1:, :8]
picture = ax.imshow(shown, cmap="Blues", vmin=0)
ax.set_xticks(range(8), names[:8], rotation=60, ha="right")
ax.set_yticks(range(8), names[1:])
fig.colorbar(picture, label="spread of a pair's logit")
plt.show()
# --8<-- [end:heat_map]

# --8<-- [start:first_matrix]
W = net.crosses[0].linear.weight.detach()[:72, :72].view(9, 8, 9, 8)
v = net.vectors(seen).detach()
said = torch.einsum("nfd,fdge,nge->nfg", v, W + W.permute(2, 3, 0, 1), v)
of_matrix = pd.Series(said.std(0)[one, other], pairs).sort_values(ascending=False)
for name, of_pairs in {"second derivatives": spread, "first matrix": of_matrix}.items():
    others = sorted(set(of_pairs.index[:6]) - recipe - triple)
    print(f"{name}: strongest {of_pairs.index[0]}; in the six, but not true: {others}")
# --8<-- [end:first_matrix]


# --8<-- [start:score_request]
from snippets.toolkit.click_tables import encode, scale_numbers


def score(net, requests, vocabulary, fitted):
    """Probability of a click for each request: a list of dicts."""
    rows = pd.DataFrame(requests, columns=[*vocabulary, *fitted])
    x = {"fields": encode(rows, vocabulary), "numbers": scale_numbers(rows, fitted)}
    net.eval()
    with torch.inference_mode():
        return torch.sigmoid(net(x))


dcn = trained["DCN v2"].net.cpu().float()  # float32 is enough from here on
request = {"user": 5, "ad": 12, "advertiser": 3, "city": 0, "hour": 20, "site": 1}
request |= {"device": 2, "noise_1": 0, "noise_2": 0, "visits": 9, "age": 31}
requests = [request | {"hour": hour} for hour in range(24)]
together = score(dcn, requests, clicks.vocabulary, clicks.fitted)
singly = [score(dcn, [one], clicks.vocabulary, clicks.fitted) for one in requests]
assert torch.allclose(torch.cat(singly), together, atol=1e-6)
odd = {"user": -7, "ad": "?", "hour": 12, "visits": None}  # other fields are missing
for name, rows in {"24 hours": requests, "odd request": [odd]}.items():
    p = score(dcn, rows, clicks.vocabulary, clicks.fitted)
    print(f"{name}: {tuple(p.shape)}, from {p.min():.1f} to {p.max():.1f}")
# --8<-- [end:score_request]

# --8<-- [start:one_request_many_ads]
train_fields = clicks.data["train"].inputs["fields"]
owner = torch.zeros(161, dtype=torch.int64)
owner[train_fields[:, 1]] = train_fields[:, 2]  # the advertiser of each ad
first = clicks.data["test"].inputs
crowd = {name: x[:1].repeat(161, 1) for name, x in first.items()}
crowd["fields"][:, 1], crowd["fields"][:, 2] = torch.arange(161), owner
changing = slice(8, 24)  # the vectors of ad and advertiser in the row
with torch.inference_mode():
    x0 = dcn.inputs(crowd)  # (161, 78)
    rest = x0[:1].clone()
    rest[:, changing] = 0
    counts = {"each row": 0, "request once": 0}
    for linear in (dcn.crosses[0].linear, dcn.deep[0]):
        with FlopCounterMode(display=False) as counter:
            slow = linear(x0)
        counts["each row"] += counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            quick = linear(rest) + x0[:, changing] @ linear.weight[:, changing].T
        counts["request once"] += counter.get_total_flops()
        assert torch.allclose(quick, slow, atol=1e-5)
print({name: f"{count:,}" for name, count in counts.items()})
assert counts["each row"] > 4 * counts["request once"]
# --8<-- [end:one_request_many_ads]

# --8<-- [start:save_all]
saved = {"net": dcn.state_dict(), "vocabulary": clicks.vocabulary}
torch.save(saved | {"fitted": clicks.fitted}, "deepcross.pt")

read = torch.load("deepcross.pt", weights_only=True)
sizes = [len(known) + 1 for known in read["vocabulary"].values()]
torch.manual_seed(1)  # other weights, to be replaced
other_net = DeepCross(sizes, 2 * len(read["fitted"]), CrossMatrix)
other_net.load_state_dict(read["net"])
again = score(other_net, requests, read["vocabulary"], read["fitted"])
assert torch.allclose(again, together)
{name: len(part) for name, part in read.items()}
# --8<-- [end:save_all]

# --8<-- [start:movielens]
from snippets.toolkit.click_tables import prepared_films

films = prepared_films()
ml_shape = films.sizes, films.numbers
ml_test = films.data["test"]
kinds = {  # and its rate
    "linear": (lambda: LinearModel(*ml_shape), 0.01),
    "DCN v2": (lambda: DeepCross(*ml_shape, CrossMatrix), 0.003),
}
rows = {}
for name, (make, rate) in kinds.items():
    torch.manual_seed(0)
    model = fit(make(), films.data, rate=rate, decay=0.3, epochs=6)
    p = torch.sigmoid(model.predict(batches(ml_test)).double())
    found_auc = auc(p, ml_test.labels), gauc(p, ml_test.labels, films.groups).auc
    rows[name] = [*found_auc, log_loss(p, ml_test.labels)]
pd.DataFrame(rows, ["AUC", "GAUC", "log loss"]).T.round(2)
# --8<-- [end:movielens]

# --8<-- [start:solution_fm]
from snippets.toolkit.ranking_layers import FactorizationMachine

torch.manual_seed(0)
v = torch.randn(5, 6, 4)  # 6 fields, vectors of 4
layer = CrossMatrix(24)
blocks = (1 - torch.eye(6))[:, None, :, None] * torch.eye(4)[None, :, None]
with torch.no_grad():
    layer.linear.weight.copy_(blocks.reshape(24, 24) / 2)
    flat = v.flatten(1)
    crossed = (layer(flat, flat) - flat).sum(1)
assert torch.allclose(crossed, FactorizationMachine()(v), atol=1e-4)
print(crossed)
# --8<-- [end:solution_fm]


# --8<-- [start:solution_gated]
class GatedCross(CrossMatrix):
    """x0 * (W x + b) * sigmoid(G x) + x."""

    def __init__(self, dim):
        super().__init__(dim)
        self.gate = nn.Linear(dim, dim, bias=False)

    def forward(self, x0, x):
        return x0 * self.linear(x) * torch.sigmoid(self.gate(x)) + x


torch.manual_seed(0)
gated, plain = GatedCross(78), CrossMatrix(78)
plain.load_state_dict({k: v for k, v in gated.state_dict().items() if "gate" not in k})
nn.init.zeros_(gated.gate.weight)  # each gate is 0.5
x = torch.randn(4, 78)
assert torch.allclose(2 * (gated(x, x) - x), plain(x, x) - x, atol=1e-6)
{type(one).__name__: sum(p.numel() for p in one.parameters()) for one in (plain, gated)}
# --8<-- [end:solution_gated]

# --8<-- [start:solution_thin]
from copy import deepcopy

torch.manual_seed(0)
kept = {}
for rank in (2, 8, 24, 78):
    thin = deepcopy(trained["cross v2 alone"].net)
    for layer in thin.crosses:
        U, S, V = torch.linalg.svd(layer.linear.weight.detach())
        layer.linear.weight.data = (U[:, :rank] * S[:rank]) @ V[:rank]
    thin.eval()
    with torch.inference_mode():
        scores = torch.cat([thin(x) for x, _ in batches(test)])
    kept[rank] = auc(scores, test.labels)
    print(f"rank {rank:2}: {2 * 78 * rank:6,} weights a layer, AUC {kept[rank]:.2f}")
print(f"the whole matrix: {78 * 78:,} weights")
assert kept[78] - kept[24] < 0.01 < kept[78] - kept[8]
# --8<-- [end:solution_thin]
