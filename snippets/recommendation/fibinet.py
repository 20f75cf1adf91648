# --8<-- [start:weight_or_gate]
import torch
from torch import nn

torch.set_printoptions(precision=2, sci_mode=False)
torch.manual_seed(0)
x = torch.randn(2, 4)  # 2 rows
layer = nn.Linear(4, 4)
weighted = torch.sigmoid(layer.bias) * x  # the same four weights for every row
gated = torch.sigmoid(layer(x)) * x  # each row has gates of its own
joined = x + gated  # the simple way beside the other
print("weights:", (weighted / x).detach(), "gates:", (gated / x).detach(), sep="\n")
# --8<-- [end:weight_or_gate]

# --8<-- [start:three_steps]
from snippets.toolkit.cross_layers import SqueezeExcitation

torch.manual_seed(0)
v = torch.randn(2, 4, 3)  # 2 rows, 4 fields, vectors of length 3
layer = SqueezeExcitation(fields=4, reduction=2)
squeezed = v.mean(2)  # (2, 4): one number for each field
down, _, up = layer.net  # from 4 numbers to 2 and back to 4
gates = 2 * torch.sigmoid(up(torch.relu(down(squeezed))))  # (2, 4)
weighted = gates[:, :, None] * v  # (2, 4, 3)
assert torch.allclose(weighted, layer(v))
print("squeezed:", squeezed, "gates:", gates.detach(), sep="\n")
# --8<-- [end:three_steps]


# --8<-- [start:mean_or_max]
class MaxGates(SqueezeExcitation):
    """Squeezes a vector to its largest element."""

    def gates(self, v):
        return 2 * torch.sigmoid(self.net(v.amax(2)))


torch.manual_seed(0)
short, long = torch.tensor([[[0.1, -0.1, 0.1, -0.1]], [[3.0, -3.0, 3.0, -3.0]]])
for name, v in {"short": short, "long": long}.items():
    print(f"{name}: mean {v.mean():.1f}, max {v.max():.1f}")
changed = MaxGates(4)(torch.ones(2, 4, 3)).shape  # used like the layer above
assert changed == (2, 4, 3)
# --8<-- [end:mean_or_max]

# --8<-- [start:identity_is_fm]
from snippets.toolkit.cross_layers import BilinearInteraction
from snippets.toolkit.ranking_layers import FactorizationMachine

torch.manual_seed(0)
v = torch.randn(5, 10, 8, dtype=torch.float64)  # 10 fields
layer = BilinearInteraction(10, 8, kind="all").double()
with torch.no_grad():
    layer.weight[:] = torch.eye(8)
    products = layer(v)  # (5, 45, 8): a vector for each pair
assert torch.allclose(products.sum((1, 2)), FactorizationMachine()(v))
products.shape
# --8<-- [end:identity_is_fm]

# --8<-- [start:repelling]
torch.manual_seed(0)
one = torch.randn(3, 1)  # k = 1: three fields, a number each
products = one[[0, 0, 1]] * one[[1, 2, 2]]  # FM's weights of the three pairs
W = torch.tensor([[-1.0], [1.0], [1.0]])  # and a number for each pair of fields
print(f"FM: the three multiply to {products.prod():.3f}, a square")
print(f"with W: {(W * products).prod():.3f}")
assert products.prod() >= 0 > (W * products).prod()
# --8<-- [end:repelling]

# --8<-- [start:count_weights]
import pandas as pd

torch.manual_seed(0)
rows = []
for fields, k in [(10, 8), (39, 10)]:  # this chapter, and Criteo's file
    pairs = fields * (fields - 1) // 2  # each pair once: 45 and 741
    for kind, matrices in {"all": 1, "each": fields - 1, "pairs": pairs}.items():
        layer = BilinearInteraction(fields, k, kind)
        assert layer.weight.numel() == matrices * k**2
        assert layer(torch.zeros(1, fields, k)).shape == (1, pairs, k)
        row = {"fields": fields, "pairs": pairs, "kind": kind}
        row |= {"matrices": matrices, "weights in them": matrices * k**2}
        rows.append(row | {"first deep layer": 2 * pairs * k * 64})
pd.DataFrame(rows).set_index(["fields", "pairs", "kind"]).map("{:,}".format)
# --8<-- [end:count_weights]

# --8<-- [start:one_einsum]
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


class Calls(TorchDispatchMode):
    """Counts the operators that multiply."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func).split(".")[1]  # aten.mul.Tensor
        self.count += name in ("mul", "mm", "bmm", "addmm", "baddbmm")
        return func(*args, **(kwargs or {}))


def pair_by_pair(layer, v):
    """The output of BilinearInteraction from a Python list over its pairs."""
    found = []
    for place, (i, j) in enumerate(layer.pairs.T.tolist()):
        W = layer.weight[layer.which[place]]
        found.append((v[:, i] @ W.T) * v[:, j])
    return torch.stack(found, 1)


torch.manual_seed(0)
layer, v = BilinearInteraction(10, 8).double(), torch.randn(32, 10, 8).double()
rows = {}
functions = {"list": pair_by_pair, "einsum": BilinearInteraction.forward}
for name, function in functions.items():
    with Calls() as calls, FlopCounterMode(display=False) as flops:
        found = function(layer, v)
    rows[name] = {"calls": calls.count, "flops": flops.get_total_flops()}
assert torch.allclose(found, pair_by_pair(layer, v))
assert rows["list"]["calls"] > 20 * rows["einsum"]["calls"]
pd.DataFrame(rows)
# --8<-- [end:one_einsum]

# --8<-- [start:data]
from snippets.toolkit.click_tables import prepared_clicks
from snippets.toolkit.clicks import FIELDS

clicks = prepared_clicks(seed=0, n=120_000)
test = clicks.data["test"]
print({name: f"{len(rows):,}" for name, rows in clicks.data.items()})
print("tables:", dict(zip(FIELDS, clicks.sizes, strict=True)))
print("columns of numbers:", clicks.numbers)
# --8<-- [end:data]

# --8<-- [start:fibinet]
from snippets.toolkit.click_models import LinearModel
from snippets.toolkit.ranking_layers import FieldEmbedding, NumericEmbedding


class FiBiNET(LinearModel):
    """Pairs of vectors, plain and weighted by gates, through a small network."""

    def __init__(self, sizes, numbers, dim=8, kind="pairs", gates=SqueezeExcitation):
        super().__init__(sizes, numbers)
        self.vectors = FieldEmbedding(sizes, dim)
        self.number_vectors = NumericEmbedding(numbers, dim)
        fields = len(sizes) + 1  # all numbers of a row together are one field
        self.excite = gates(fields) if gates else None
        self.pairs = BilinearInteraction(fields, dim, kind)
        width = fields * (fields - 1) // 2 * dim * (2 if gates else 1)
        layers = [nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(32, 1))

    def embed(self, x):
        numbers = self.number_vectors(x["numbers"]).sum(1, keepdim=True)
        return torch.cat([self.vectors(x["fields"]), numbers], 1)  # (N, F + 1, dim)

    def forward(self, x):
        v = self.embed(x)
        ways = [v] if self.excite is None else [v, self.excite(v)]
        joined = torch.cat([self.pairs(way).flatten(1) for way in ways], 1)
        return super().forward(x) + self.net(joined)[:, 0]


torch.manual_seed(0)
net = FiBiNET(clicks.sizes, clicks.numbers)
weights = {name: 0 for name, _ in net.named_children()}
for name, parameter in net.named_parameters():
    weights[name.split(".")[0]] += parameter.numel()
pd.Series(weights, name="weights")
# --8<-- [end:fibinet]


# --8<-- [start:relu_gates]
class ReLUGates(SqueezeExcitation):
    """Gates as many programs have them: no bias, and a ReLU behind both layers."""

    def __init__(self, fields, reduction=3):
        super().__init__(fields, reduction)
        for layer in (self.net[0], self.net[2]):
            layer.register_parameter("bias", None)

    def gates(self, v):
        return torch.relu(self.net(v.mean(2)))


def look_at_gates(net, data, rows=5000):
    """Share of gates at 0, fields without any other, size of the weighted pairs."""
    device = next(net.parameters()).device
    inputs = {name: x.to(device) for name, x in data[:rows][0].items()}
    with torch.no_grad():
        v = net.embed(inputs)
        closed = net.excite.gates(v) == 0  # (rows, fields)
        plain, weighted = net.pairs(v).norm(), net.pairs(net.excite(v)).norm()
    found = {"closed": closed.float().mean(), "dead fields": closed.all(0).sum()}
    found["size"] = weighted / plain
    return {name: value.item() for name, value in found.items()}


rows = []
for name, gates in {"2 sigmoid": SqueezeExcitation, "ReLU": ReLUGates}.items():
    for seed in range(5):
        torch.manual_seed(seed)
        net = FiBiNET(clicks.sizes, clicks.numbers, gates=gates)
        rows.append({"gates": name} | look_at_gates(net, test))
start = pd.DataFrame(rows).groupby("gates").mean()
assert 0.3 < start.closed["ReLU"] < 0.8 and start.closed["2 sigmoid"] == 0
assert start["size"]["ReLU"] < 1e-3 and start["size"]["2 sigmoid"] > 0.5
start[["closed", "size"]].round(2)
# --8<-- [end:relu_gates]

# --8<-- [start:train]
from snippets.toolkit.click_models import FM, MLP
from snippets.toolkit.click_tables import fit


def train(make, data, epochs=4, **options):
    torch.manual_seed(0)
    return fit(make(data.sizes, data.numbers), data.data, epochs=epochs, **options)


kinds = {"FM": FM, "MLP": MLP, "FiBiNET": FiBiNET}
trained = {name: train(make, clicks) for name, make in kinds.items()}
history = pd.DataFrame(trained["FiBiNET"].history)[["epoch", "loss", "val_loss"]]
history.round(2)
# --8<-- [end:train]

# --8<-- [start:ladder]
from snippets.toolkit.click_tables import batches
from snippets.toolkit.metrics import auc
from snippets.toolkit.ranking_metrics import gauc, log_loss


def judge(chance, data):
    """AUC, GAUC by user and log loss of probabilities, on the test rows."""
    liked = data.data["test"].labels
    found = {"AUC": auc(chance, liked), "GAUC": gauc(chance, liked, data.groups).auc}
    return found | {"log loss": log_loss(chance, liked)}


def chances(model, data):
    logits = model.predict(batches(data.data["test"]))
    return torch.sigmoid(logits.double())


torch.manual_seed(0)
rows = {name: judge(chances(model, clicks), clicks) for name, model in trained.items()}
ladder = pd.DataFrame(rows | {"oracle": judge(clicks.truth, clicks)}).T
reached = ladder["AUC"]
assert reached["FiBiNET"] > reached["FM"] + 0.02
assert reached["oracle"] - reached.drop("oracle").max() > 0.02
ladder.round(2)
# --8<-- [end:ladder]

# --8<-- [start:gates_after]
def with_relu(*sizes):
    return FiBiNET(*sizes, gates=ReLUGates)


nets = {"2 sigmoid": trained["FiBiNET"], "ReLU": train(with_relu, clicks)}
after = {name: look_at_gates(model.net, test) for name, model in nets.items()}
after = pd.DataFrame(after).T
relu_auc = auc(nets["ReLU"].predict(batches(test)), test.labels)
after["AUC"] = [reached["FiBiNET"], relu_auc]
assert after.closed["2 sigmoid"] == 0 and after.closed["ReLU"] > 0.3
assert after["size"]["ReLU"] < 0.05
after[["closed", "size", "AUC"]].round({"closed": 1, "size": 1, "AUC": 2})
# --8<-- [end:gates_after]

# --8<-- [start:importances]
from snippets.toolkit.click_tables import Rows


def lost_by_shuffling(model, data):
    """AUC that is lost when one field's values go to other rows; the numbers last."""
    everything, lost = auc(model.predict(batches(data)), data.labels), []
    for field in range(data.inputs["fields"].shape[1] + 1):
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
        inputs = {name: x.clone() for name, x in data.inputs.items()}
        if field < inputs["fields"].shape[1]:
            inputs["fields"][:, field] = inputs["fields"][order, field]
        else:
            inputs["numbers"] = inputs["numbers"][order]
        logits = model.predict(batches(Rows(inputs, data.labels)))
        lost.append(everything - auc(logits, data.labels))
    return lost


torch.manual_seed(0)
lost = lost_by_shuffling(trained["FiBiNET"], test)
fibinet = trained["FiBiNET"].net.cpu()
with torch.no_grad():
    gates = fibinet.excite.gates(fibinet.embed(test.inputs))  # (17142, 10)
columns = {"mean gate": gates.mean(0).tolist(), "AUC lost": lost}
importance = pd.DataFrame(columns, [*FIELDS, "numbers"])
order = importance.rank().corr().iloc[0, 1]  # Spearman's rank correlation
print(f"rank correlation {order:.1f}")
assert importance["AUC lost"].filter(like="noise").abs().max() < 0.005
assert importance["AUC lost"]["city"] > 0.02
assert importance["mean gate"]["city"] < importance["mean gate"]["noise_1"] - 0.05
importance.round({"mean gate": 1, "AUC lost": 2}) + 0  # no -0
# --8<-- [end:importances]

# --8<-- [start:fixed_gates]
class FixedGates(nn.Module):
    """The same gates for every row."""

    def __init__(self, values):
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, v):
        return v * self.values[:, None]


def with_fixed_gates(net, prepared):
    """AUC on the test rows with the mean gates of training rows; spread of the own."""
    test, adapting = prepared.data["test"], net.excite
    with torch.no_grad():
        gates = adapting.gates(net.embed(prepared.data["train"][:20_000][0]))
        net.excite = FixedGates(gates.mean(0))
        found = auc(net(test.inputs), test.labels)
    net.excite = adapting
    return found, gates.std(0).mean().item()


fixed, spread = with_fixed_gates(fibinet, clicks)
print(f"spread of a gate over the rows {spread:.2f}")
print(f"AUC lost with fixed gates {abs(reached['FiBiNET'] - fixed):.2f}")
assert spread < 0.05 and abs(fixed - reached["FiBiNET"]) < 0.002
# --8<-- [end:fixed_gates]


# --8<-- [start:score_request]
from snippets.toolkit.click_tables import encode, scale_numbers
from snippets.toolkit.clicks import ad_impressions


def score(net, requests, vocabulary, fitted):
    """Probability of a click for each request, a dict, and the gates of its fields."""
    rows = pd.DataFrame(requests, columns=[*vocabulary, *fitted])
    x = {"fields": encode(rows, vocabulary), "numbers": scale_numbers(rows, fitted)}
    net.eval()
    with torch.inference_mode():
        return torch.sigmoid(net(x)), net.excite.gates(net.embed(x))


table = ad_impressions(120_000, seed=0).table
requests = table[table.day > 12].head(300).to_dict("records")
known = clicks.vocabulary, clicks.fitted
together, gates = score(fibinet, requests, *known)  # (300,), (300, 10)
alone = [score(fibinet, [request], *known)[0] for request in requests[:20]]
assert torch.allclose(torch.cat(alone), together[:20], atol=1e-5)
odd, _ = score(fibinet, [{"user": -7, "hour": 12}], *known)  # the rest is missing
assert 0 < odd.item() < 1
print(len(requests), "requests,", tuple(gates.shape), "gates")
# --8<-- [end:score_request]

# --8<-- [start:save_all]
settings = {"sizes": clicks.sizes, "numbers": clicks.numbers, "kind": "pairs"}
saved = {"net": fibinet.state_dict(), "settings": settings}
saved |= {"vocabulary": clicks.vocabulary, "fitted": clicks.fitted}
torch.save(saved, "fibinet.pt")

read = torch.load("fibinet.pt", weights_only=True)
torch.manual_seed(1)  # other weights, to be replaced
other = FiBiNET(**read["settings"])
other.load_state_dict(read["net"])
again, _ = score(other, requests, read["vocabulary"], read["fitted"])
assert torch.allclose(again, together)
sorted(read)
# --8<-- [end:save_all]

# --8<-- [start:movielens]
from snippets.toolkit.click_tables import prepared_films

films = prepared_films()
print("tables:", films.sizes, "genres:", films.numbers)
torch.manual_seed(0)
rows = {}
for name, kind in {"linear": LinearModel, "FiBiNET": FiBiNET}.items():
    model = train(kind, films, epochs=8, rate=0.01, decay=0.3)
    rows[name] = judge(chances(model, films), films)
ml_ladder = pd.DataFrame(rows).T
assert abs(ml_ladder["AUC"]["FiBiNET"] - ml_ladder["AUC"]["linear"]) < 0.015
ml_ladder.round(2)
# --8<-- [end:movielens]


# --8<-- [start:solution_both]
class BothGates(SqueezeExcitation):
    """Gates from the mean and the largest element of each vector."""

    def __init__(self, fields, reduction=3):
        super().__init__(2 * fields, reduction)
        self.net[2] = nn.Linear(self.net[2].in_features, fields)  # F gates, not 2 F

    def gates(self, v):
        squeezed = torch.cat([v.mean(2), v.amax(2)], 1)  # (N, 2 F)
        return 2 * torch.sigmoid(self.net(squeezed))


torch.manual_seed(0)
both = FiBiNET(clicks.sizes, clicks.numbers, gates=BothGates)
assert both(test[:3][0]).shape == (3,)
both.excite.gates(both.embed(test[:3][0])).shape
# --8<-- [end:solution_both]


# --8<-- [start:solution_once]
def multiplied_once(layer, v):
    """The output for kind "each", with one product W_i v_i for each field i."""
    turned = torch.einsum("nfd,fcd->nfc", v[:, :-1], layer.weight)  # (N, F - 1, dim)
    return turned[:, layer.pairs[0]] * v[:, layer.pairs[1]]


torch.manual_seed(0)
each = BilinearInteraction(10, 8, "each").double()
v = torch.randn(32, 10, 8, dtype=torch.float64)
counts = []
for function in (BilinearInteraction.forward, multiplied_once):
    with FlopCounterMode(display=False) as flops:
        found = function(each, v)
    counts.append(flops.get_total_flops())
assert torch.allclose(found, each(v))
print(f"{counts[0]:,} and {counts[1]:,} operations, {counts[0] / counts[1]:.0f} to 1")
# --8<-- [end:solution_once]



# --8<-- [start:solution_scaled]
class ScaledGates(SqueezeExcitation):
    """Brings the squeezed numbers of a row to mean 0 and spread 1 first."""

    def gates(self, v):
        squeezed = nn.functional.layer_norm(v.mean(2), v.shape[1:2])  # (N, F)
        return 2 * torch.sigmoid(self.net(squeezed))


for name, gates in {"plain": SqueezeExcitation, "scaled": ScaledGates}.items():
    torch.manual_seed(0)
    net = FiBiNET(clicks.sizes, clicks.numbers, gates=gates)
    with torch.no_grad():
        spread = net.excite.gates(net.embed(test[:5000][0])).std(0).mean()
    print(f"{name}: spread of a gate over the rows {spread:.3f}")
assert spread > 0.05
# --8<-- [end:solution_scaled]
