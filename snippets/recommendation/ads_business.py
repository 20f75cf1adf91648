# --8<-- [start:open_bandit]
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

files = Path(find_spec("obp").origin).parent / "dataset" / "obd"  # obp isn't imported
names = ["item_id", "position", "click", "propensity_score"]


def open_bandit(policy, campaign):
    """10,000 impressions that "random" or "bts" (Thompson sampling) chose."""
    path = files / policy / campaign / f"{campaign}.csv"
    return pd.read_csv(path, usecols=names)[names]


def wilson(events, trials, z=1.96):
    """Both ends of a 95 % interval for a share."""
    middle = (events + z**2 / 2) / (trials + z**2)
    half = (events * (trials - events) / trials + z**2 / 4) ** 0.5 * z / (trials + z**2)
    return middle - half, middle + half


def shares(counts):
    """A row for each (events, trials): the share in per cent, and its interval."""
    table = pd.DataFrame(counts, index=["events", "trials"]).T
    table["percent"] = 100 * table.events / table.trials
    low, high = wilson(table.events, table.trials)
    return table.assign(low=100 * low, high=100 * high)


logs = {
    (campaign, policy): open_bandit(policy, campaign)
    for campaign in ("all", "men", "women")
    for policy in ("random", "bts")
}
clicked = shares({name: (log.click.sum(), len(log)) for name, log in logs.items()})
won = clicked.events.unstack()
ahead = (won.bts - won.random) / (won.bts + won.random) ** 0.5
print("bts ahead, in standard errors:", ahead.round(1).to_dict())
clicked.round(2)
# --8<-- [end:open_bandit]

# --8<-- [start:by_position]
log = logs["all", "random"]
of_place = log.groupby("position").click
counts = pd.DataFrame({"events": of_place.sum(), "trials": of_place.size()})
at_places = shares(dict(counts.T.items()))
mean = 100 * log.click.mean()
assert ((at_places.low < mean) & (mean < at_places.high)).all()
at_places.round(2)
# --8<-- [end:by_position]

# --8<-- [start:funnel]
from snippets.toolkit.clicks import ad_impressions

made = ad_impressions(200_000, seed=0)
shown, clicks, carts, orders = 200_000, *made.table[["click", "cart", "order"]].sum()
funnel = {
    "CTR: clicks of impressions": (clicks, shown),
    "CVR: carts of clicks": (carts, clicks),
    "CTCVR: carts of impressions": (carts, shown),
    "orders of carts": (orders, carts),
}
shares(funnel).round(1)
# --8<-- [end:funnel]

# --8<-- [start:one_auction]
from snippets.toolkit.auctions import ecpm, unit_price

ads = {
    "A": ("CPM", 42, 0.010, 0.02),  # kind, bid, CTR, CVR
    "B": ("CPA", 40, 0.012, 0.10),
    "C": ("CPC", 5, 0.010, 0.05),
    "D": ("CPC", 3, 0.020, 0.04),
}
columns = ["kind", "bid", "ctr", "cvr"]
table = pd.DataFrame(ads, index=columns).T
table["eCPM"] = [round(ecpm(*ad), 2) for ad in ads.values()]
winner, second = table.sort_values("eCPM", ascending=False).index[:2]
price = unit_price("CPC", table.eCPM[second], ctr=table.ctr[winner])
print(f"{winner} wins before {second} and pays {price:.2f} for a click")
assert (winner, second, round(price, 2)) == ("D", "C", 2.5)
table
# --8<-- [end:one_auction]

# --8<-- [start:mixed_step]
right = unit_price("CPC", 50, ctr=0.02, step=0.01)  # 0.01 for a click
mixed = unit_price("CPC", 50 + 0.01, ctr=0.02)  # 0.01 for 1,000 impressions
print(f"{right:.4f} and {mixed:.4f} for a click")
# --8<-- [end:mixed_step]

# --8<-- [start:thirty_days]
VALUE, SOLD = 50, 100_000  # of an order to the advertiser; impressions a day
KINDS = ["CPM", "oCPM", "CPC", "oCPC", "CPA", "oCPA"]


def truth(day):
    """CTR and CVR: the shop gets slow on day 11, readers get tired on day 21."""
    return (0.014 if day > 20 else 0.020), (0.025 if day > 10 else 0.050)


def advertiser(kind, log):
    """Bids what the unit is worth, by the reports of the last three days."""
    shown, clicks, orders = (sum(day[n] for day in log[-3:]) for n in range(3))
    worth = {"CPM": 1000 * orders / shown, "CPC": orders / clicks}
    return VALUE * worth.get(kind, 1.0)


def platform(kind, bid, log):
    """Ranks by its own rates of yesterday; the other ads' bids lie from 5 to 65."""
    shown, clicks, orders = log[-1]
    rates = clicks / shown, orders / clicks
    value = min(max(ecpm(kind, bid, *rates), 5), 65)
    won, price = SOLD * (value - 5) / 60, (5 + value) / 2  # second prices, their mean
    return won, price, unit_price(kind, price, *rates)


def conversation(kind, informed=False):
    """30 days: what each of both gains a day."""
    log, rows = [(1000, 20, 1)] * 3, []
    for day in range(1, 31):
        ctr, cvr = truth(day)
        if informed:  # both know the rates
            log = [(1, ctr, ctr * cvr)] * 3
        bid = advertiser(kind, log)
        won, price, unit = platform(kind, bid, log)
        clicks, orders = won * ctr, won * ctr * cvr
        billed = {"M": won / 1000, "C": clicks, "A": orders}[kind[-1]]
        cost = unit * billed
        log.append((won, clicks, orders))
        rows.append((day, bid, unit, cost, orders))
        rows[-1] += VALUE * orders - cost, cost - price * won / 1000
    columns = ["day", "bid", "price", "cost", "orders", "advertiser", "platform"]
    return pd.DataFrame(rows, columns=columns).set_index("day")


said = conversation("CPC").loc[[10, 11, 12, 13, 14, 20, 21, 22]]
money = ["cost", "orders", "advertiser", "platform"]
said[money] = said[money].round() + 0.0
said.round(2)
# --8<-- [end:thirty_days]

# --8<-- [start:who_carries]
def lost(kind):
    """What each loses against knowing the rates, in the ten days after each change."""
    gap = conversation(kind, informed=True) - conversation(kind)
    days = {"shop slow": range(11, 21), "readers tired": range(21, 31)}
    return {
        (event, who): round(gap.loc[list(span), who].sum()) + 0
        for event, span in days.items()
        for who in ("advertiser", "platform")
    }


risk = pd.DataFrame({kind: lost(kind) for kind in KINDS}).T
risk
# --8<-- [end:who_carries]

# --8<-- [start:three_rules]
from snippets.toolkit.auctions import auction

bids, weights = [60, 50, 40, 8], (1.0, 0.6, 0.3)  # how likely a place is looked at
rows = {}
for rule in ("first", "gsp", "vcg"):
    sales = auction(bids, rule, reserve=10, weights=weights)
    revenue = sum(w * sale.price for w, sale in zip(weights, sales, strict=True))
    rows[rule] = [*(sale.price for sale in sales), revenue]
print(auction([8, 5], reserve=10))  # nobody reaches the reserve
table = pd.DataFrame(rows, index=["place 1", "place 2", "place 3", "revenue"]).T
assert table.revenue["vcg"] < table.revenue["gsp"] < table.revenue["first"]
table.round(1)
# --8<-- [end:three_rules]

# --8<-- [start:bad_bid]
auction([60, -50], "gsp")
# --8<-- [end:bad_bid]

# --8<-- [start:truth_pays]
def gain(rule, bid, value=10, others=(8.5, 4.25), weights=(1.0, 0.6)):
    """What the first bidder gets: value minus price, where it wins."""
    sales = auction([bid, *others], rule, weights=weights)
    pairs = zip(weights, sales, strict=True)
    return sum(w * (value - sale.price) for w, sale in pairs if sale.bidder == 0)


rows = {}
for rule in ("first", "gsp", "vcg"):
    gains = {bid: round(gain(rule, bid), 2) for bid in range(13)}
    best = max(gains, key=lambda bid: (gains[bid], -abs(bid - 10)))
    rows[rule] = {"gain by the truth": gains[10], "best gain": gains[best], "bid": best}
table = pd.DataFrame(rows).T
assert table.bid["vcg"] == 10 > table.bid["gsp"] > table.bid["first"]
table
# --8<-- [end:truth_pays]

# --8<-- [start:reserve_price]
import torch
import matplotlib.pyplot as plt

g = torch.Generator().manual_seed(0)
reserves = torch.arange(0, 100, 5)
fig, ax = plt.subplots(figsize=(5.2, 2.8), layout="constrained")
for bidders, color in ((2, "#2f6fdb"), (5, "#e4572e")):
    worth = torch.randint(101, (40_000, bidders), generator=g)  # and they bid it
    high, second = worth.topk(2).values.T.unsqueeze(-1)  # (40000, 1) each
    price = torch.maximum(second, reserves) * (high >= reserves)
    revenue = price.double().mean(0)  # one for each reserve
    ax.plot(reserves, revenue, color=color, label=f"{bidders} bidders")
    best = reserves[revenue.argmax()].item()
    none, most = revenue[0].item(), revenue.max().item()
    print(f"{bidders} bidders: {none:.0f} without, {most:.0f} with {best}")
    assert best in (45, 50, 55)
ax.set(xlabel="reserve price", ylabel="revenue", ylim=(0, None))
ax.legend(frameon=False)
plt.show()
# --8<-- [end:reserve_price]

# --8<-- [start:pacing]
from snippets.toolkit.auctions import Pacer

HOURS = [2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 8, 7, 4, 3]
BUDGET, WORTH = 900, 50  # for the day; what 1,000 impressions are worth


def bought(thousands, bid):
    """Impressions won of so many thousands, and the mean price of 1,000: as above."""
    return 1000 * thousands * max(bid - 5, 0) / 60, (5 + max(bid, 5)) / 2


def day_of(way):
    """Cost and impressions of each hour."""
    pacer, rows = Pacer(BUDGET, [hour / sum(HOURS) for hour in HOURS]), []
    for hour in HOURS:
        factor = 1 if way == "at once" else pacer.factor
        lower = factor if way == "lower bids" else 1
        won, price = bought(hour, WORTH * lower)
        won *= factor if way == "skip auctions" else 1
        cost = min(won * price / 1000, pacer.left)
        pacer.spend(cost)
        rows.append((cost, 1000 * cost / price))
    return pd.DataFrame(rows, columns=["cost", "impressions"], index=range(1, 25))


fig, ax = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
colors = {"at once": "#7a8599", "skip auctions": "#e4572e", "lower bids": "#2f6fdb"}
days = {way: day_of(way) for way in colors}
for way, day in days.items():
    ax.plot(day.cost.cumsum(), color=colors[way], label=way)
ax.set(xlabel="hour", ylabel="spent")
ax.legend(frameon=False)
plt.show()
table = pd.DataFrame({way: day.sum() for way, day in days.items()}).T
table["last hour"] = [day.index[day.cost > 0].max() for day in days.values()]
table["price of 1,000"] = 1000 * table.cost / table.impressions
assert table.impressions["lower bids"] > 4 / 3 * table.impressions["at once"]
assert table["last hour"].tolist() == [14, 24, 24]
table.round({"cost": 0, "impressions": -2, "price of 1,000": 1})
# --8<-- [end:pacing]

# --8<-- [start:two_stages]
from snippets.toolkit.auctions import TwoStageBidder

TARGET, RATE = 40, 0.02  # what an order may cost; how many clicks lead to one


def costs(predicted, limits):
    """30 days: the cost of an order in each stage, and the factor at the end."""
    bidder, log = TwoStageBidder(TARGET, click_bid=1.2, learn=40, limits=limits), []
    for _ in range(30):
        bid = bidder.bid(predicted)
        clicks = 2000 * min(bid / 2, 1)  # others bid from 0 to 2; winners pay their bid
        log.append((bidder.stage, bid * clicks, RATE * clicks))
        bidder.record(actions=RATE * clicks, cost=bid * clicks)
    log = pd.DataFrame(log, columns=["stage", "cost", "orders"]).groupby("stage").sum()
    return *(log.cost / log.orders), bidder.factor


rows = {}
for predicted in (0.01, 0.02, 0.03):
    learning, alone, _ = costs(predicted, limits=(1, 1))
    _, steered, factor = costs(predicted, limits=(0.5, 2))
    assert abs(steered / TARGET - 1) < 0.05
    rows[predicted] = learning, alone, steered, factor
columns = ["stage 1", "stage 2, no feedback", "stage 2", "factor"]
pd.DataFrame(rows, index=columns).T.round(2)
# --8<-- [end:two_stages]

# --8<-- [start:scores_times]
from snippets.toolkit.metrics import auc

chance = torch.tensor(made.truth.click.to_numpy())  # the oracle's scores
label = torch.tensor(made.table.click.to_numpy())
g = torch.Generator().manual_seed(0)
offers = torch.randint(1000, chance.shape, generator=g) / 1000  # CPM ads, an impression
rows = {}
for times in (0.5, 0.77, 1.0, 1.3, 2.0):
    scores = times * chance
    # the winner brings its true worth: a click pays 1
    brought = torch.where(scores > offers, chance, offers).sum().item()
    rows[times] = {"AUC": auc(scores, label), "revenue": brought}
table = pd.DataFrame(rows).T
table["lost, %"] = 100 * (1 - table.revenue / table.revenue[1.0])
assert table["lost, %"].drop(1.0).min() > 0.5
table[["AUC", "lost, %"]].round(2)
# --8<-- [end:scores_times]

# --8<-- [start:downsampled]
from snippets.toolkit.click_models import FM
from snippets.toolkit.click_tables import Rows, batches, fit, prepared_clicks

ready = prepared_clicks(seed=0)
W = 0.1  # the share of rows without a click that is kept


def thinned(rows, g):
    """All clicks, and the share W of the others."""
    kept = (rows.labels == 1) | (torch.rand(len(rows), generator=g) < W)
    return Rows({name: x[kept] for name, x in rows.inputs.items()}, rows.labels[kept])


g = torch.Generator().manual_seed(0)
few = {name: thinned(ready.data[name], g) for name in ("train", "valid")}
torch.manual_seed(0)
model = fit(FM(ready.sizes, ready.numbers), few, decay=0.3)
logits = {}
for name in ("valid", "test"):
    logits[name] = model.predict(batches(ready.data[name])).double()
print(f"{len(ready.data['train']):,} rows, thinned to {len(few['train']):,}")
# --8<-- [end:downsampled]

# --8<-- [start:corrected]
from snippets.toolkit.ranking_metrics import calibration

happened = ready.data["test"].labels
q = torch.sigmoid(logits["test"])
p = q / (q + (1 - q) / W)
for name, chance in {"q": q, "p": p, "oracle": ready.truth}.items():
    ratio = calibration(chance, happened).ratio
    print(f"{name:6} AUC {auc(chance, happened):.2f}, predicted / observed {ratio:.2f}")
assert calibration(q, happened).ratio > 2
assert abs(calibration(p, happened).ratio - 1) < 0.03
# --8<-- [end:corrected]

# --8<-- [start:recalibrated]
from sklearn.isotonic import IsotonicRegression
from torch.nn.functional import binary_cross_entropy_with_logits


def fit_line(logits, labels, shift):
    """a and b for which sigmoid(a z + b) fits best; b is 0 without shift."""
    ab = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([ab], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        z = ab[0] * logits + (ab[1] if shift else 0)
        loss = binary_cross_entropy_with_logits(z, labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return ab.tolist()


def recalibrate(z_valid, y_valid, z):
    """Fitted on one day, used on others: probabilities by way."""
    a, _ = fit_line(z_valid, y_valid, shift=False)
    slope, shift = fit_line(z_valid, y_valid, shift=True)
    steps = IsotonicRegression(out_of_bounds="clip")
    steps.fit(z_valid.numpy(), y_valid.numpy())
    return {
        "as it is": torch.sigmoid(z),
        "temperature": torch.sigmoid(a * z),
        "Platt": torch.sigmoid(slope * z + shift),
        "isotonic": torch.tensor(steps.predict(z.numpy())),
    }


day = torch.tensor(made.table.day.to_numpy())
sure = 2 * torch.logit(torch.tensor(made.truth.click.to_numpy()))  # the oracle's, twice
bent = {
    "thinned log": (logits["valid"], logits["test"]),
    "too sure": (sure[day == 12], sure[day > 12]),
}
ways = {
    name: recalibrate(z_valid, ready.data["valid"].labels.double(), z)
    for name, (z_valid, z) in bent.items()
}
table = {
    (name, figure): [f(chance) for chance in found.values()]
    for name, found in ways.items()
    for figure, f in {
        "ratio": lambda chance: calibration(chance, happened).ratio,
        "ECE": lambda chance: calibration(chance, happened).ece,
        "AUC": lambda chance: auc(chance, happened),
    }.items()
}
pd.DataFrame(table, index=list(ways["too sure"])).round(2)
# --8<-- [end:recalibrated]

# --8<-- [start:reliability]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), layout="constrained", sharey=True)
colors = {"as it is": "#7a8599", "temperature": "#e4572e", "Platt": "#2f6fdb"}
for ax, (title, found) in zip(axes, ways.items(), strict=True):
    ax.plot([0, 1], [0, 1], color="#7a8599", linestyle=":")
    for name, color in colors.items():
        bins = calibration(found[name], happened)
        x, y = (v[bins.count > 300] for v in (bins.predicted, bins.observed))
        ax.plot(x, y, "o-", color=color, label=name)
        assert name != "Platt" or (x - y).abs().max() < 0.1
    ax.set(title=title, xlabel="predicted", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel("clicked")
axes[1].legend(frameon=False)
plt.show()
# --8<-- [end:reliability]

# --8<-- [start:delayed]
g = torch.Generator().manual_seed(0)
clicked = made.table[made.table.click == 1]
of_day = torch.tensor(clicked.day.to_numpy())
cart = torch.tensor(clicked.cart.to_numpy()) == 1
u = torch.randint(1, 10_001, cart.shape, generator=g).double() / 10_000
delay = -3 * u.log()  # days from the click: exponential, with mean 3
age = 14.5 - of_day  # days that have passed since the click, when day 14 ends
logged = cart & (delay <= age)  # what the log says by then

ab = torch.zeros(2, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([ab], max_iter=50, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    share, speed = torch.sigmoid(ab[0]), ab[1].exp()
    came = share.log() + speed.log() - speed * delay[logged]
    not_yet = torch.log1p(share * torch.expm1(-speed * age[~logged]))
    loss = -(came.sum() + not_yet.sum()) / len(logged)
    loss.backward()
    return loss


optimizer.step(closure)
cvr, mean_delay = torch.sigmoid(ab[0]).item(), (-ab[1]).exp().item()
so_far, in_the_end = logged.double().mean().item(), cart.double().mean().item()
print(f"share so far {so_far:.2f}, in the end {in_the_end:.2f}")
print(f"fitted: rate {cvr:.2f}, mean delay {mean_delay:.1f} days")
assert abs(cvr - in_the_end) < 0.01
rows = {}
for one in (1, 8, 11, 12, 13, 14):
    use = of_day == one
    so_far = logged[use].double().mean().item()
    arrived = -torch.expm1(-age[use][0] / mean_delay).item()  # of those to come
    rows[one] = [so_far, so_far / arrived, cart[use].double().mean().item()]
pd.DataFrame(rows, index=["so far", "so far / arrived", "in the end"]).T.round(2)
# --8<-- [end:delayed]

# --8<-- [start:hidden_intent]
g = torch.Generator().manual_seed(0)
means_it = torch.randint(2, (100_000,), generator=g) == 1  # no log holds the intent
clicks = torch.randint(10, (100_000,), generator=g) < torch.where(means_it, 4, 1)
would_buy = torch.randint(10, (100_000,), generator=g) < torch.where(means_it, 5, 1)
print(f"buy after a click: {would_buy[clicks].double().mean():.2f}")
print(f"would buy if everyone clicked: {would_buy.double().mean():.2f}")
# --8<-- [end:hidden_intent]

# --8<-- [start:esmm]
from torch import nn
from torch.nn.functional import logsigmoid

from snippets.toolkit.keras_model import KerasModel


class Levels(nn.Module):
    """Logits of levels that follow each other: shared vectors, a tower for each."""

    def __init__(self, sizes, numbers, levels):
        super().__init__()
        self.vectors = FM(sizes, numbers)  # its embed is used, not its sum
        width = (len(sizes) + numbers) * 8
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1))
            for _ in range(levels)
        )

    def forward(self, x):
        v = self.vectors.embed(x).flatten(1)
        return torch.cat([tower(v) for tower in self.towers], 1)  # (N, levels)


def entire_space(logits, happened):
    """Log losses of click, of click and cart, of all three, on all impressions."""
    log_p = logsigmoid(logits).cumsum(1)  # logs of products of rates
    log_not = torch.log(-torch.expm1(log_p.clamp(max=-1e-6)))
    return -(happened * log_p + (1 - happened) * log_not).mean(0).sum()


def fit_levels(data, rate=0.003, decay=0.3, epochs=4, seed=0):
    """The rates of all levels at once."""
    torch.manual_seed(seed)
    net = Levels(ready.sizes, ready.numbers, data["train"].labels.shape[1])
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    trained = KerasModel(net, entire_space, optimizer=optimizer)
    train, valid = batches(data["train"], shuffle=True), batches(data["valid"])
    trained.fit(train, valid, epochs=epochs, monitor="val_loss", patience=2)
    return trained


LEVELS = ["click", "cart", "order"]
levels = torch.tensor(made.table[LEVELS].to_numpy("float32"))  # (200000, 3)
day = torch.tensor(made.table.day.to_numpy())
parts = {"train": day < 12, "valid": day == 12, "test": day > 12}
joint = {
    name: Rows(ready.data[name].inputs, levels[rows]) for name, rows in parts.items()
}
esmm = fit_levels(joint)
rates = torch.sigmoid(esmm.predict(batches(joint["test"])).double())
rates.shape
# --8<-- [end:esmm]

# --8<-- [start:cvr_on_clicks]
def after(level, rows):
    """The rows in which the level before happened; the label is this level."""
    use = rows.labels[:, level - 1] == 1
    inputs = {name: x[use] for name, x in rows.inputs.items()}
    return Rows(inputs, rows.labels[use, level : level + 1])


def above_oracle(p, t):
    """Expected log loss of p on all rows, minus that of the true rates t."""
    return (-(t * (p / t).log() + (1 - t) * ((1 - p) / (1 - t)).log())).mean().item()


true = torch.tensor(made.truth[LEVELS].to_numpy())[parts["test"]]  # (N, 3)
rows = {}
for level in (1, 2):  # carts after clicks, orders after carts
    own = {name: after(level, joint[name]) for name in ("train", "valid")}
    single = fit_levels(own).predict(batches(joint["test"]))[:, 0].double()
    share = own["train"].labels.double().mean().expand(len(true))
    ways = {"the share": share, "its own rows": torch.sigmoid(single)}
    for way, p in (ways | {"entire space": rates[:, level]}).items():
        t, name = true[:, level], f"{LEVELS[level]} after {LEVELS[level - 1]}"
        rows[name, way] = [above_oracle(p, t), (p.mean() / t.mean()).item()]
found = pd.DataFrame(rows, index=["above oracle", "ratio"]).T
assert (found["above oracle"].drop("the share", level=1) < 0.05).all()
found.round({"above oracle": 3, "ratio": 1})
# --8<-- [end:cvr_on_clicks]

# --8<-- [start:position_bias]
examined = (1.0, 0.6, 0.3)
seen_at, hidden = ad_impressions(200_000, seed=0, examination=examined)
quality = hidden.attractive.groupby(seen_at.ad).mean()  # of an ad, if it is looked at
g = torch.Generator().manual_seed(0)
guess = quality + torch.randint(-150, 151, (161,), generator=g).numpy() / 1000
third = (3 - 3 * guess.rank(pct=True)).clip(upper=2.99).astype(int) + 1  # 1: the best
placed = seen_at.position == seen_at.ad.map(third)  # by a ranker that guessed
by_chance = torch.randint(10, (len(seen_at),), generator=g).numpy() == 0
log = seen_at[placed | by_chance]

looked = seen_at[by_chance].groupby("position").click.mean()
looked = looked / looked[1]
print("examined:", looked.round(1).to_dict())
propensity, ads = log.position.map(looked), log.groupby("ad")
weighted = (log.click / propensity).groupby(log.ad)
scores = {
    "clicks / impressions": ads.click.mean(),
    "inverse propensity": weighted.mean(),
    "clicks / looks": ads.click.sum() / propensity.groupby(log.ad).sum(),
}
rows, often = {}, ads.size() > 100
for name, score in scores.items():
    gap = (score - quality)[often].abs().mean()
    rows[name] = [gap, score[often].corr(quality[often], method="spearman")]
table = pd.DataFrame(rows, index=["gap", "order"]).T
assert table.gap.iloc[1:].max() < table.gap.iloc[0] / 2
assert table.order.iloc[1:].min() > table.order.iloc[0]
table.round(2)
# --8<-- [end:position_bias]

# --8<-- [start:off_policy]
def target_of(log):
    """How often a policy shows each item at each place, from its log: (3, items)."""
    shares = log.groupby("position").item_id.value_counts(normalize=True)
    target = torch.zeros(3, log.item_id.max() + 1, dtype=torch.float64)
    for (position, item), share in shares.items():
        target[position - 1, item] = share
    return target


def values(log, target):
    """CTR of the target policy by another's log, and half its interval."""
    names = ("position", "item_id", "click", "propensity_score")
    place, item, y, chance = (torch.tensor(log[name].to_numpy()) for name in names)
    y, items = y.double(), target.shape[1]
    w = target[place - 1, item] / chance
    snips = (w * y).sum() / w.sum()
    model, expected = torch.zeros(2, len(y), dtype=torch.float64)
    fold = torch.arange(len(y)) % 2  # the model of a row hasn't seen its click
    for part in (0, 1):
        use, here = fold != part, fold == part
        shown = torch.bincount(item[use], minlength=items)
        clicks = torch.bincount(item[use], weights=y[use], minlength=items)
        rates = (clicks + 50 * y[use].mean()) / (shown + 50)  # of an item, smoothed
        model[here] = rates[item[here]]
        expected[here] = (target @ rates)[place[here] - 1]
    terms = {
        "IPS": w * y,
        "SNIPS": snips + w * (y - snips) / w.mean(),
        "DR": expected + w * (y - model),
    }
    return {n: (t.mean().item(), 1.96 * t.std().item() / 100) for n, t in terms.items()}


rows = {}
for campaign in ("all", "men", "women"):
    bts = logs[campaign, "bts"]
    own, chance = bts.click.mean(), logs[campaign, "random"].click.mean()
    for way, (value, half) in values(logs[campaign, "random"], target_of(bts)).items():
        rows[campaign, way] = [own, value, value - half, value + half]
        assert value - half < min(own, chance)
        assert max(own, chance) < value + half
columns = ["in its own log", "from the random log", "low", "high"]
(100 * pd.DataFrame(rows, index=columns)).T.round(2)
# --8<-- [end:off_policy]

# --8<-- [start:solution_revenue]
g = torch.Generator().manual_seed(0)
worth = torch.randint(101, (200_000, 2), generator=g).double()
rows = {
    "second price, the truth": worth.min(1).values.mean().item(),
    "first price, the truth": worth.max(1).values.mean().item(),
    "first price, half of it": (worth / 2).max(1).values.mean().item(),
}
assert abs(rows["first price, half of it"] - rows["second price, the truth"]) < 0.5
pd.Series(rows).round(0)
# --8<-- [end:solution_revenue]

# --8<-- [start:solution_one_factor]
low, high = 0.0, 1.0
for _ in range(40):
    factor = (low + high) / 2
    won, price = bought(sum(HOURS), WORTH * factor)
    low, high = (factor, high) if won * price / 1000 < BUDGET else (low, factor)
paced = days["lower bids"].sum()
assert won > paced.impressions
print(f"bids of {WORTH * factor:.0f} all day buy {won:,.0f} impressions")
print(f"the pacer bought {paced.impressions:,.0f} with {paced.cost:.0f} of {BUDGET}")
# --8<-- [end:solution_one_factor]

# --8<-- [start:solution_coverage]
target = target_of(logs["all", "bts"]).mean(0)  # (80,)
g = torch.Generator().manual_seed(0)
ctr = torch.randint(2000, 6000, (80,), generator=g) / 1_000_000  # 0.2 to 0.6 %
true_value = (target * ctr).sum() / target.sum()
item = torch.randint(80, (400, 10_000), generator=g)  # 400 random logs
clicks = torch.randint(1_000_000, item.shape, generator=g) < 1_000_000 * ctr[item]
terms = 80 * target[item] * clicks  # (400, 10000)
half = 1.96 * terms.std(1) / 10_000**0.5
covers = ((terms.mean(1) - true_value).abs() < half).double().mean().item()
assert 0.85 < covers < 0.98
print(f"intervals that hold the true value: {covers:.2f}")
# --8<-- [end:solution_coverage]
