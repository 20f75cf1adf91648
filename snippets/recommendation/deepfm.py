# --8<-- [start:prepare]
import torch

from snippets.toolkit.click_tables import Rows, prepared_clicks


def in_double(make, *args, **options):
    """A net with weights in double precision, so that all machines print the same."""
    torch.set_default_dtype(torch.float64)
    net = make(*args, **options)
    torch.set_default_dtype(torch.float32)
    return net


def rows_in_double(data):
    """The same rows, with numbers and labels in double precision."""
    return {
        name: Rows(
            rows.inputs | {"numbers": rows.inputs["numbers"].double()},
            rows.labels.double(),
        )
        for name, rows in data.items()
    }


prepared = prepared_clicks(seed=0)
data = rows_in_double(prepared.data)
sizes, numbers = prepared.sizes, prepared.numbers
for name, rows in data.items():
    print(f"{name}: {len(rows):,} rows, {rows.labels.mean():.3f} clicked")
print(dict(zip(prepared.vocabulary, sizes, strict=True)), "and", numbers, "numbers")
# --8<-- [end:prepare]

# --8<-- [start:model]
import torch
from torch import nn

from snippets.toolkit.click_models import FM, LinearModel


def deep_part(width, hidden, dropout=0.0, batch_norm=False):
    """From (N, width) to (N, 1); each hidden layer: linear, norm, ReLU, dropout."""
    layers = []
    for size in hidden:
        layers.append(nn.Linear(width, size))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers += [nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 1))


class DeepFM(FM):
    """A linear model, products of pairs and a network, on the same vectors."""

    def __init__(self, sizes, numbers, dim=8, hidden=(64, 32), **options):
        super().__init__(sizes, numbers, dim)
        self.deep = deep_part((len(sizes) + numbers) * dim, hidden, **options)

    def forward(self, x):
        v = self.embed(x)  # (N, F + M, dim)
        linear = LinearModel.forward(self, x)
        return linear + self.pairs(v) + self.deep(v.flatten(1))[:, 0]


torch.set_printoptions(precision=3, sci_mode=False)
torch.manual_seed(0)
small = DeepFM([10, 6], numbers=1, dim=2, hidden=(4,))
small({"fields": torch.tensor([[3, 1], [9, 5]]), "numbers": torch.ones(2, 1)}).shape
# --8<-- [end:model]

# --8<-- [start:two_teachers]
import pandas as pd

from snippets.toolkit.click_models import MLP

cells = torch.cartesian_prod(*[torch.arange(12)] * 3)  # (1728, 3)
x = {"fields": cells, "numbers": torch.zeros(len(cells), 1).double()}
g = torch.Generator().manual_seed(0)
hidden = torch.randn(3, 12, 2, generator=g, dtype=torch.float64)
one, two, three = hidden[range(3), cells].unbind(1)
products = (one * two + one * three + two * three).sum(1)  # (1728,)
signs = torch.randn(3, 12, generator=g).sign().double()[range(3), cells].prod(1)
lot = torch.rand(len(cells), generator=g)


def left_over(kind, target, rows):
    """Share of the variance that is left on the rows that weren't trained on."""
    torch.manual_seed(0)
    net = in_double(kind, [12, 12, 12], 1, dim=4)
    nn.init.normal_(net.vectors.table.weight, std=0.3)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)
    seen = {name: values[rows] for name, values in x.items()}
    for _ in range(200):
        optimizer.zero_grad()
        (net(seen) - target[rows]).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        wrong = (net(x) - target)[~rows].square().mean() / target[~rows].var()
    return min(wrong.item(), 1.0)


kinds = {"FM": FM, "MLP": MLP, "DeepFM": DeepFM}
error = pd.DataFrame(
    {
        "products, 20 % seen": {
            name: left_over(kind, products, lot < 0.2) for name, kind in kinds.items()
        },
        "three signs, 40 % seen": {
            name: left_over(kind, signs, lot < 0.4) for name, kind in kinds.items()
        },
    }
)
assert error.iloc[0, 0] < 0.01 < error.iloc[1:, 0].min() and error.iloc[0, 1] > 0.9
assert error.iloc[1:].max().max() < 0.2
error.round(2)
# --8<-- [end:two_teachers]

# --8<-- [start:own_vectors]
class TwoTables(DeepFM):
    """The network has vectors of its own, as in Wide & Deep."""

    def __init__(self, sizes, numbers, dim=8, **options):
        super().__init__(sizes, numbers, dim, **options)
        self.own = FM(sizes, numbers, dim)  # of which only the vectors are used
        del self.own.categories, self.own.numbers

    def forward(self, x):
        return FM.forward(self, x) + self.deep(self.own.embed(x).flatten(1))[:, 0]


def weights_of(net):
    return sum(p.numel() for p in net.parameters())


torch.manual_seed(0)
rows = {}
cases = {"here": (sizes, numbers), "Criteo": ([50_000] * 26, 26)}
for name, (rows_of_fields, count) in cases.items():
    one, two = DeepFM(rows_of_fields, count), TwoTables(rows_of_fields, count)
    assert weights_of(two) - weights_of(one) == 8 * (sum(rows_of_fields) + count)
    rows[name] = {
        "first order": weights_of(one.categories) + count,
        "vectors": weights_of(one.vectors) + weights_of(one.number_vectors),
        "network": weights_of(one.deep),
        "all, one table": weights_of(one),
        "all, two tables": weights_of(two),
    }
pd.DataFrame(rows).map("{:,}".format)
# --8<-- [end:own_vectors]

# --8<-- [start:norm_of_one]
torch.manual_seed(0)
normed = DeepFM([10, 6], numbers=1, dim=2, hidden=(4,), batch_norm=True)
one_row = {"fields": torch.tensor([[3, 1]]), "numbers": torch.ones(1, 1)}
normed(one_row)
# --8<-- [end:norm_of_one]

# --8<-- [start:company]
ids = torch.tensor([[3, 1], [9, 5]])
company = {"fields": ids, "numbers": torch.tensor([[1.0], [9.0]])}
other = {"fields": ids, "numbers": torch.tensor([[1.0], [-9.0]])}  # another second row
for mode in (True, False):
    normed.train(mode)
    with torch.no_grad():
        equal = torch.equal(normed(company)[0], normed(other)[0])
    print(f"training={mode!s:5} the first row's score is the same: {equal}")
# --8<-- [end:company]

# --8<-- [start:search]
from snippets.toolkit.click_tables import fit


def best_of(make, settings, data, epochs=4):
    """Train with each setting; the model of the lowest validation loss, and all."""
    tried = []
    for options in settings:
        torch.manual_seed(0)
        net = in_double(make, dropout=options["dropout"])
        model = fit(net, data, options["rate"], options["decay"], epochs)
        best = min(model.history, key=lambda row: row["val_loss"])
        tried.append((model, options | {"val_loss": best["val_loss"]}))
    chosen = min(tried, key=lambda one: one[1]["val_loss"])[0]
    return chosen, pd.DataFrame([row for _, row in tried])


settings = [
    {"rate": 0.003, "decay": 0.3, "dropout": 0.0},
    {"rate": 0.003, "decay": 0.3, "dropout": 0.2},
]
searched, tried = best_of(lambda **more: DeepFM(sizes, numbers, **more), settings, data)
assert tried["val_loss"][0] < tried["val_loss"][1] - 0.001
tried.round({"val_loss": 3})
# --8<-- [end:search]

# --8<-- [start:learning_curves]
def train(make, **options):
    torch.manual_seed(0)
    net = in_double(make, sizes, numbers, **options)
    return fit(net, data, decay=0.3, epochs=4)


trained = {"FM": train(FM), "MLP": train(MLP), "DeepFM": searched}
curves = pd.concat(
    {
        name: pd.DataFrame(model.history).set_index("epoch")[["loss", "val_loss"]]
        for name, model in trained.items()
    },
    axis=1,
)
last = curves.iloc[-1].unstack()  # a row for each model
assert (last.loc["DeepFM"] < last.drop("DeepFM").min() - 0.008).all()
assert (curves.diff()[1:] < 0).all().all()  # each loss falls in each epoch
curves.round(2)
# --8<-- [end:learning_curves]

# --8<-- [start:ladder]
from snippets.toolkit.click_tables import batches
from snippets.toolkit.metrics import auc
from snippets.toolkit.ranking_metrics import calibration, gauc, log_loss

clicks, users = data["test"].labels, prepared.groups


def judge(p):
    """AUC, GAUC by user, log loss and the ratio predicted / observed."""
    ratio = calibration(p, clicks).ratio
    row = {"AUC": auc(p, clicks), "GAUC": gauc(p, clicks, users).auc}
    return row | {"log loss": log_loss(p, clicks), "ratio": ratio}


def chances(model):
    return torch.sigmoid(model.predict(batches(data["test"])).double())


torch.manual_seed(0)
ladder = {name: judge(chances(model)) for name, model in trained.items()}
ladder = pd.DataFrame(ladder | {"oracle": judge(prepared.truth)}).T
reached = ladder["AUC"]
assert reached["DeepFM"] > max(reached["FM"] + 0.018, reached["MLP"] + 0.009)
assert reached["oracle"] - reached.drop("oracle").max() > 0.02
ladder.round({"AUC": 2, "GAUC": 2, "log loss": 2, "ratio": 1})
# --8<-- [end:ladder]

# --8<-- [start:without_a_part]
net = searched.net.cpu().eval()
test = data["test"][:]
with torch.inference_mode():
    v = net.embed(test[0])
    logits = {
        "linear": LinearModel.forward(net, test[0]),
        "pairs": net.pairs(v),
        "network": net.deep(v.flatten(1))[:, 0],
    }
whole = sum(logits.values())
rows = {
    name: {
        "spread": part.std().item(),
        "AUC lost without it": auc(whole, clicks) - auc(whole - part, clicks),
    }
    for name, part in logits.items()
}
parts = pd.DataFrame(rows).T
lost = parts["AUC lost without it"]
assert 0.001 < lost["linear"] == lost.min() and lost["network"] > 0.05
parts.round({"spread": 1, "AUC lost without it": 2})
# --8<-- [end:without_a_part]

# --8<-- [start:together]
class Together:
    """Several optimizers that KerasModel can use as one."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for one in self.optimizers for group in one.param_groups]

    def zero_grad(self):
        for one in self.optimizers:
            one.zero_grad()

    def step(self):
        for one in self.optimizers:
            one.step()

    def state_dict(self):
        return [one.state_dict() for one in self.optimizers]

    def load_state_dict(self, states):
        for one, state in zip(self.optimizers, states, strict=True):
            one.load_state_dict(state)


def sparse_optimizer(net, rate, decay):
    """Rows of tables move only when a batch uses them; the rest as before."""
    tables = [net.categories.table, net.vectors.table]
    for table in tables:
        table.sparse = True  # its gradient holds the rows of the batch
    rows = [table.weight for table in tables]
    rest = [p for p in net.parameters() if all(p is not row for row in rows)]
    dense = torch.optim.AdamW(rest, lr=rate, weight_decay=decay)
    return Together(torch.optim.SparseAdam(rows, lr=rate), dense)
# --8<-- [end:together]

# --8<-- [start:sparse_training]
from snippets.toolkit.keras_model import KerasModel

torch.manual_seed(0)
net = in_double(DeepFM, sizes, numbers)
optimizer = sparse_optimizer(net, rate=0.003, decay=0.3)
sparse = KerasModel(net, nn.BCEWithLogitsLoss(), optimizer=optimizer)
sparse.fit(
    batches(data["train"], shuffle=True),
    batches(data["valid"]),
    epochs=4,
    monitor="val_loss",
    patience=2,
)
rows = {"AdamW": searched, "SparseAdam for the tables": sparse}
assert abs(sparse.history[-1]["val_loss"] - searched.history[-1]["val_loss"]) < 0.01
curves = {
    name: pd.DataFrame(model.history).set_index("epoch").val_loss
    for name, model in rows.items()
}
pd.DataFrame(curves).T.round(2)
# --8<-- [end:sparse_training]

# --8<-- [start:rows_touched]
import time


def cost_of_a_step(rows, sparse):
    """Seconds for the optimizer's step on a table (rows, 8), and rows that moved."""
    torch.manual_seed(0)
    table = nn.Embedding(rows, 8, sparse=sparse)
    kind = torch.optim.SparseAdam if sparse else torch.optim.AdamW
    optimizer, before = kind(table.parameters(), lr=0.003), table.weight.clone()
    best = float("inf")
    for _ in range(4):
        optimizer.zero_grad()
        table(torch.randint(rows, (1024, 26))).sum().backward()
        start = time.perf_counter()
        optimizer.step()
        best = min(best, time.perf_counter() - start)
    moved = (table.weight.detach() != before).any(1).sum().item()
    return best, moved


dense, sparse_step = (cost_of_a_step(1_300_000, kind) for kind in (False, True))
print(f"rows moved in 4 steps: AdamW {dense[1]:,}, SparseAdam {sparse_step[1]:,}")
assert dense[0] > 2 * sparse_step[0]  # seconds of a step
# --8<-- [end:rows_touched]

# --8<-- [start:table_bytes]
def megabytes(rows, dim=8, states=0):
    """Memory of a float32 table, and of as many copies for an optimizer."""
    return rows * dim * 4 * (1 + states) / 1e6


cases = {
    "all 1.3 million rows": 1_300_000,
    "hashed into 130,000": 130_000,
    "quotient and remainder": 1141 + 1140,
}
rows = {
    name: {"vectors": megabytes(n), "with AdamW's state": megabytes(n, states=2)}
    for name, n in cases.items()
}
assert 1141 * 1140 >= 1_300_000
pd.DataFrame(rows).T.round(1)
# --8<-- [end:table_bytes]

# --8<-- [start:small_tables]
import math

from snippets.toolkit.ranking_layers import FieldEmbedding


class SmallVectors(nn.Module):
    """About 2 sqrt(n) rows for a field of n categories, if n is above ``most``."""

    def __init__(self, sizes, dim, most=100):
        super().__init__()
        self.sides = [math.isqrt(n - 1) + 1 if n > most else n for n in sizes]
        self.pieces = [-(-n // side) for n, side in zip(sizes, self.sides, strict=True)]
        self.register_buffer("side", torch.tensor(self.sides))


class QuotientRemainder(SmallVectors):
    """Two rows for a category, multiplied; no other category has the same two."""

    def __init__(self, sizes, dim, most=100):
        super().__init__(sizes, dim, most)
        self.quotients = FieldEmbedding(self.pieces, dim)
        self.remainders = FieldEmbedding(self.sides, dim)
        nn.init.normal_(self.quotients.table.weight, mean=1, std=0.1)
        nn.init.normal_(self.remainders.table.weight, std=0.05)

    def forward(self, x):
        return self.quotients(x // self.side) * self.remainders(x % self.side)


class Hashed(SmallVectors):
    """One row for a category, which others share; as many rows as the above."""

    def __init__(self, sizes, dim, most=100):
        super().__init__(sizes, dim, most)
        both = zip(sizes, self.sides, self.pieces, strict=True)
        rows = [side if side == n else side + piece for n, side, piece in both]
        self.table = FieldEmbedding(rows, dim)

    def forward(self, x):
        return self.table(x % self.table.sizes)


everyone = torch.arange(sizes[0])[:, None]
for kind in (Hashed, QuotientRemainder):
    torch.manual_seed(0)
    layer = kind(sizes[:1], dim=8)
    found = len(layer(everyone)[:, 0].unique(dim=0))
    assert found == (57 if kind is Hashed else sizes[0])
    print(f"{kind.__name__}: {weights_of(layer) // 8} rows, {found} different vectors")
# --8<-- [end:small_tables]

# --8<-- [start:export]
import json


def save_program(net, example, about, path):
    """Export for any number of rows; graph, weights and ``about`` go into a file."""
    rows = torch.export.Dim("rows", min=1, max=1000)
    shapes = ({"fields": {0: rows}, "numbers": {0: rows}},)
    program = torch.export.export(net, (example,), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files={"about.json": json.dumps(about)})
    return program, path


net = searched.net.cpu().float().eval()  # in use, single precision is enough
test_rows = prepared.data["test"]
example = test_rows[:100][0]
known = {name: list(values) for name, values in prepared.vocabulary.items()}
about = {"vocabulary": known, "fitted": prepared.fitted}
program, path = save_program(net, example, about, "deepfm.pt2")
calls = {str(node.target) for node in program.graph.nodes}
[name for name in ("aten.embedding.default", "aten.linear.default") if name in calls]
# --8<-- [end:export]

# --8<-- [start:load]
extra = {"about.json": ""}
served = torch.export.load(path, extra_files=extra).module()
about = json.loads(extra["about.json"])
vocabulary = {
    name: {value: number for number, value in enumerate(values, 1)}
    for name, values in about["vocabulary"].items()
}
assert vocabulary == prepared.vocabulary and about["fitted"] == prepared.fitted
for n in (1, 7, 500, 1000):
    x = test_rows[:n][0]
    with torch.inference_mode():
        assert torch.allclose(served(x), net(x), rtol=0, atol=1e-5)
print("equal scores for batches of 1 to 1000 rows")
# --8<-- [end:load]

# --8<-- [start:fixed_rows]
fixed = torch.export.export(net, (example,)).module()  # no word about other batches
try:
    fixed(test_rows[:7][0])
except AssertionError as error:
    print(f"{type(error).__name__}: {error}".splitlines()[0])
# --8<-- [end:fixed_rows]

# --8<-- [start:user_once]
from torch.utils.flop_counter import FlopCounterMode


def split_scores(net, request, ads):
    """Logits of a request (1 row) with each of the ads: what they share, once."""
    shared = [0, *range(3, 9)]  # the ad's fields are 1 and 2
    first, rest = net.deep[0], net.deep[1:]
    both = net.embed(request), net.embed(ads)[:, 1:3]
    v, item = torch.cat([both[0][:, :1], both[0][:, 3:]], 1), both[1]
    weight = first.weight.unflatten(1, (-1, v.shape[2]))  # (64, F + M, dim)
    theirs = torch.cat([weight[:, :1], weight[:, 3:]], 1).flatten(1)
    hidden = v.flatten(1) @ theirs.T + first.bias  # (1, 64)
    hidden = hidden + item.flatten(1) @ weight[:, 1:3].flatten(1).T  # (A, 64)
    total, square = v.sum(1) + item.sum(1), v.square().sum(1) + item.square().sum(1)
    pairs = (total.square() - square).sum(1) / 2
    numbers = net.categories.table(net.categories.places(request["fields"]))[0, :, 0]
    own = net.categories.table(net.categories.places(ads["fields"]))[:, 1:3, 0]
    linear = net.categories.bias + numbers[shared].sum() + own.sum(1)
    linear = linear + net.numbers(request["numbers"])[0, 0]
    return linear + pairs + rest(hidden)[:, 0]


request = test_rows[:1][0]
ads = {name: x.expand(160, -1).clone() for name, x in request.items()}
ads["fields"][:, 1] = torch.arange(1, 161)
ads["fields"][:, 2] = torch.arange(160) % 20 + 1
flops = {}
with torch.inference_mode():
    for name, call in {
        "a row for each ad": lambda: net(ads),
        "the request once": lambda: split_scores(net, request, ads),
    }.items():
        with FlopCounterMode(display=False) as counter:
            scores = call()
        flops[name] = counter.get_total_flops()
        assert torch.allclose(scores, net(ads), atol=1e-5)
pd.Series(flops, name="operations of linear layers").map("{:,}".format)
# --8<-- [end:user_once]

# --8<-- [start:score_request]
from snippets.toolkit.click_tables import encode, scale_numbers
from snippets.toolkit.scoring import Checks, ScoringServer

whole, number = (int,), (int, float, type(None))
candidate = {"ad": whole, "advertiser": whole}
context = {name: whole for name in vocabulary if name not in candidate}
context |= dict.fromkeys(about["fitted"], number)


def score(context, candidates):
    """Probability of a click on each candidate, for a request that was checked."""
    rows = pd.DataFrame(candidates).assign(**context)
    x = {"fields": encode(rows, vocabulary)}
    x["numbers"] = scale_numbers(rows, about["fitted"])
    with torch.inference_mode():
        return torch.sigmoid(served(x)).tolist()


def seconds(call, times):
    start = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - start


someone = dict.fromkeys(context, 1) | {"age": None}
pair = [{"ad": 3, "advertiser": 4}, {"ad": -1, "advertiser": 4}]  # no ad has number -1
together = seconds(lambda: score(someone, pair * 250), times=1)  # 500 candidates
alone = seconds(lambda: score(someone, pair[:1]), times=20)
assert together < alone  # 500 in one call take less time than 20 calls with one
found = score(someone, pair)
assert all(0 < chance < 1 for chance in found)
print(len(found), "probabilities, also for the ad that nobody knows")
# --8<-- [end:score_request]

# --8<-- [start:ask_service]
import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def ask(url, body):
    """Status and answer for a body that is sent as it is."""
    request = urllib.request.Request(url, data=body)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def as_json(context, candidates):
    return json.dumps({"context": context, "candidates": candidates}).encode()


os.environ["no_proxy"] = "127.0.0.1"
contexts = [someone | {"user": user % 50, "hour": user % 24} for user in range(200)]
pairs = [{"ad": ad, "advertiser": ad % 20} for ad in range(20)]
checks = Checks(context, candidate, limit=500)
with ScoringServer(score, checks) as server, ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda c: ask(server.url, as_json(c, pairs)), contexts))
scores = torch.tensor([answer["scores"] for status, answer in answers])  # (200, 20)
rows = pd.DataFrame(contexts).merge(pd.DataFrame(pairs), how="cross")  # 4,000 rows
x = {"fields": encode(rows, vocabulary)}
x["numbers"] = scale_numbers(rows, about["fitted"])
with torch.inference_mode():
    batch = torch.sigmoid(net(x)).view(200, 20)
assert torch.allclose(scores, batch, atol=1e-5)
print(f"{len(answers)} requests from 8 threads, {scores.numel():,} scores")
# --8<-- [end:ask_service]

# --8<-- [start:bad_requests]
good = as_json(someone, pairs)
half = {name: value for name, value in someone.items() if name != "hour"}
with ScoringServer(score, checks) as server:
    cases = {
        "good": (server.url, good),
        "not JSON": (server.url, b"user=3"),
        "field missing": (server.url, as_json(half, pairs)),
        "wrong type": (server.url, as_json(someone | {"hour": "5"}, pairs)),
        "too many": (server.url, as_json(someone, pairs * 26)),
        "too long": (server.url, b" " * 300_000),
        "other path": (server.url + "s", good),
    }
    for name, (url, body) in cases.items():
        status, answer = ask(url, body)
        print(f"{name:13} {status} {answer.get('error', '')}")
# --8<-- [end:bad_requests]

# --8<-- [start:films]
from snippets.toolkit.click_tables import prepared_films

films = prepared_films()
ratings = rows_in_double(films.data)
liked, rows = ratings["test"].labels, {}
kinds = {"linear": (LinearModel, 0.01), "FM": (FM, 0.003), "DeepFM": (DeepFM, 0.003)}
for name, (kind, rate) in kinds.items():  # and the rate that the search found
    torch.manual_seed(0)
    net_of_films = in_double(kind, films.sizes, films.numbers)
    model = fit(net_of_films, ratings, rate, decay=0.3, epochs=4)
    p = torch.sigmoid(model.predict(batches(ratings["test"])).double())
    rows[name] = {"AUC": auc(p, liked), "GAUC": gauc(p, liked, films.groups).auc}
    rows[name]["log loss"] = log_loss(p, liked)
of_films = pd.DataFrame(rows).T
assert of_films["AUC"]["DeepFM"] < of_films["AUC"]["linear"] + 0.005
of_films.round(2)
# --8<-- [end:films]

# --8<-- [start:solution_pooling]
class PooledFM(FM):
    """The products of pairs before they are summed, (N, dim), go through a network."""

    def __init__(self, sizes, numbers, dim=8, hidden=(32,)):
        super().__init__(sizes, numbers, dim)
        self.deep = deep_part(dim, hidden)

    def forward(self, x):
        v = self.embed(x)
        pooled = (v.sum(1).square() - v.square().sum(1)) / 2  # (N, dim)
        return LinearModel.forward(self, x) + self.deep(pooled)[:, 0]


torch.manual_seed(0)
fields = [50] * 9  # nine fields and six numbers, as above
pooled = PooledFM(fields, numbers=6, hidden=())  # one linear layer
nn.init.ones_(pooled.deep[0].weight), nn.init.zeros_(pooled.deep[0].bias)
some = {"fields": torch.randint(50, (5, 9)), "numbers": torch.rand(5, 6)}
assert torch.allclose(pooled(some), FM.forward(pooled, some), atol=1e-6)
print(f"network: {weights_of(PooledFM(fields, 6).deep):,} weights")
print(f"DeepFM's: {weights_of(DeepFM(fields, 6).deep):,}")
# --8<-- [end:solution_pooling]

# --8<-- [start:solution_added]
class Added(QuotientRemainder):
    """Two rows for a category, added."""

    def forward(self, x):
        return self.quotients(x // self.side) + self.remainders(x % self.side)


torch.manual_seed(0)
square = Added([16], dim=3, most=10).double()  # 4 x 4 categories
v = square(torch.arange(16)[:, None])[:, 0].view(4, 4, 3)  # by quotient, remainder
step = v[1:] - v[:-1]  # from one quotient to the next
assert torch.allclose(step, step[:, :1].expand_as(step))
print("from one quotient to the next, each remainder moves alike")
# --8<-- [end:solution_added]

# --8<-- [start:solution_best]
def best_ads(context, candidates, k=3):
    """The numbers of the best ads, from the service's scores."""
    with ScoringServer(score, checks) as server:
        status, answer = ask(server.url, as_json(context, candidates))
    if status != 200:
        raise ValueError(answer["error"])
    found = torch.tensor(answer["scores"]).topk(min(k, len(candidates)))
    return [candidates[place]["ad"] for place in found.indices.tolist()]


try:
    best_ads(someone, [])
except ValueError as error:
    print(error)
chosen = best_ads(someone, pairs)
direct = torch.tensor(score(someone, pairs))
assert direct[chosen].min() >= direct.sort(descending=True).values[2]
len(chosen)
# --8<-- [end:solution_best]
