# --8<-- [start:sir_model]
import torch


def sir(beta, gamma=0.12, people=100_000.0, first=20.0, days=160):
    """Mean course of an outbreak: susceptible, infected, recovered, each day."""
    s, i, r = people - first, first, 0.0
    course = []
    for _ in range(days):
        course.append((s, i, r))
        new, healed = beta * s * i / people, gamma * i
        s, i, r = s - new, i + new - healed, r + healed
    return torch.tensor(course).T  # (3, days)


s, i, r = sir(beta=0.3)
print(f"largest share infected: {i.max() / 100_000:.2f}, on day {i.argmax()}")
print(f"never infected: {s[-1] / 100_000:.2f}")
assert torch.allclose(s + i + r, torch.tensor(100_000.0))
# --8<-- [end:sir_model]

# --8<-- [start:sir_figure]
import matplotlib.pyplot as plt

blue, orange, green = "#2f6fdb", "#e4572e", "#2a9d8f"
violet, grey = "#9b5de5", "#7a8599"
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
names = ["susceptible", "infected", "recovered"]
colors = (blue, orange, green)
assert (s.diff() < 0).all() and (r.diff() > 0).all() and i.argmax() == 53
assert (i[:54].diff() > 0).all() and (i[53:].diff() < 0).all()
assert s[80] < 0.2 * s[30] and 23_000 < i.max() < 25_000 and r[-1] > 88_000
for people, name, color in zip((s, i, r), names, colors, strict=True):
    ax.plot(people / 1000, color=color, label=name)
ax.set(xlabel="day", ylabel="thousand people")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:sir_figure]

# --8<-- [start:binomial_chance]
g = torch.Generator().manual_seed(0)
ill = torch.full((5,), 100.0)
risk = torch.full((5,), 0.12)
print("five days with 100 ill:", torch.binomial(ill, risk, generator=g))
print("and with 10,000 ill:   ", torch.binomial(100 * ill, risk, generator=g))
# --8<-- [end:binomial_chance]


# --8<-- [start:twelve_towns]
def outbreak(seed, towns=12, days=200):
    """Reported cases in all, per town and day, shape (towns, days)."""
    g = torch.Generator().manual_seed(seed)
    people = (1e5 + 3e5 * torch.rand(towns, generator=g)).round()
    beta = 0.26 + 0.1 * torch.rand(towns, generator=g)
    start = torch.linspace(0, 70, towns).round()
    heal, report = torch.full((towns,), 0.113), torch.full((towns,), 0.3)
    s, i, total = people.clone(), torch.zeros(towns), torch.zeros(towns)
    totals = []
    for day in range(days):
        arrived = torch.where(start == day, 20.0, 0.0)
        s, i = s - arrived, i + arrived
        safe = torch.exp(-(beta * i / people).double()).float()  # rounded: see below
        new = torch.binomial(s, 1 - safe, generator=g)
        healed = torch.binomial(i, heal, generator=g)
        s, i = s - new, i + new - healed
        total = total + torch.binomial(new, report, generator=g)
        totals.append(total)
    return torch.stack(totals, dim=1).double()


totals = outbreak(seed=3)
assert totals.sum() == 80_069_387  # the same draws on every machine
print(totals.shape)
print("town 8, days 100 to 104:", totals[8, 100:105])
# --8<-- [end:twelve_towns]

# --8<-- [start:differences]
new = torch.diff(totals, dim=1, prepend=torch.zeros(12, 1))
print("without prepend:", torch.diff(totals, dim=1).shape)
print("with prepend:   ", new.shape)
print("town 8, new cases on days 100 to 104:", new[8, 100:105])
assert torch.equal(new.cumsum(dim=1), totals)
assert (new >= 0).all()
# --8<-- [end:differences]

# --8<-- [start:trailing_mean]
level = new.unfold(dimension=1, size=7, step=1).mean(dim=2)  # (12, 194)
print(new.unfold(1, 7, 1).shape, "->", level.shape)
changed = new.clone()
changed[:, 120:] = 0  # another future
again = changed.unfold(1, 7, 1).mean(dim=2)
assert torch.equal(again[:, : 120 - 6], level[:, : 120 - 6])
reached = (again != level).any(dim=0).nonzero()[0, 0].item()
print("first column that the change reaches:", reached)
# --8<-- [end:trailing_mean]

# --8<-- [start:towns_figure]
today = 110
day = torch.arange(6, 200)  # column k of level is day k + 6
fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
for town in range(12):
    ax.plot(day, level[town], color=orange if town == 8 else grey, linewidth=1)
ax.axvline(today, color=blue, linestyle=":")
ax.text(today + 2, ax.get_ylim()[1] * 0.92, "today", color=blue)
ax.set(xlabel="day", ylabel="new cases, mean of 7 days")
peaks = day[level.argmax(dim=1)]
print("peaks:", peaks.tolist())
assert (peaks.min(), peaks.max(), peaks[8]) == (56, 138, 100)
plt.show()
# --8<-- [end:towns_figure]

# --8<-- [start:windows]
size = 15  # days that the model sees
windows = level.unfold(1, size + 1, 1)  # (12, 179, 16): 15 days and the next
target_day = day[size:].expand(12, -1)  # (12, 179)
print(windows.shape, target_day.shape)
assert torch.equal(windows[8, 90, :size], level[8, 90 : 90 + size])
assert windows[8, 90, size] == level[8, 90 + size]
print("the next day of window 90 is day", target_day[8, 90].item())
# --8<-- [end:windows]


# --8<-- [start:growth]
def growth(window):
    """Daily growth as a logarithm: one number less than days."""
    return torch.diff(torch.log(window), dim=-1)


for name, k in {"rising": 60, "at the peak": 81, "falling": 120}.items():
    window = windows[8, k]
    g = growth(window).mean()
    print(f"{name:12} level {window[-1]:6.0f}  growth {g:+.2f}  factor {g.exp():.2f}")
# --8<-- [end:growth]

# --8<-- [start:split_by_time]
seen = windows[:, :, :size]  # without the target, which nobody knows yet
usable = (seen >= 5).all(dim=2)  # (12, 179): enough cases each day
train = windows[usable & (target_day < today - 12)]
valid = windows[usable & (target_day >= today - 12) & (target_day < today)]
test = windows[usable & (target_day >= today)]
for name, part in {"train": train, "valid": valid, "test": test}.items():
    print(f"{name}: {tuple(part.shape)}")
# --8<-- [end:split_by_time]


# --8<-- [start:random_split_leaks]
def seen_share(train_keys, valid_keys):
    """Share of validation targets that lie inside some training window."""
    inside = {(town, k + j) for town, k in train_keys for j in range(size + 1)}
    found = [(town, k + size) in inside for town, k in valid_keys]
    return sum(found) / len(found)


keys = (usable & (target_day < today)).nonzero().tolist()  # (town, window)
g = torch.Generator().manual_seed(0)
order = torch.randperm(len(keys), generator=g).tolist()
cut = len(train)
at_random = [keys[i] for i in order]
by_time = sorted(keys, key=lambda key: key[1])
print(f"random split:  {seen_share(at_random[:cut], at_random[cut:]):.2f}")
print(f"split by time: {seen_share(by_time[:cut], by_time[cut:]):.2f}")
# --8<-- [end:random_split_leaks]


# --8<-- [start:validation_is_training]
def nearest(known, asked):
    """Growth of the next day, copied from the most similar known window."""
    distance = torch.cdist(growth(asked[:, :size]), growth(known[:, :size]))
    return growth(known[:, -2:])[distance.argmin(dim=1), 0]


both = torch.cat([train, valid])[order]  # shuffled
trials = {
    "validation = training": (train, train),
    "random split": (both[:cut], both[cut:]),
    "split by time": (train, valid),
    "what counts: later": (torch.cat([train, valid]), test),
}
for name, (memory, asked) in trials.items():
    error = nearest(memory, asked) - growth(asked[:, -2:])[:, 0]
    print(f"{name:22} error {error.square().mean().sqrt():.3f}")
# --8<-- [end:validation_is_training]

# --8<-- [start:lstm]
from torch import nn

torch.manual_seed(0)
lstm = nn.LSTM(input_size=1, hidden_size=16, batch_first=True)
x = growth(train[:4, :size])[:, :, None].float()  # (4, 14, 1)
states, (h, c) = lstm(x)
print("states:", tuple(states.shape), " h:", tuple(h.shape), " c:", tuple(c.shape))
torch.testing.assert_close(states[:, -1], h[0])
# --8<-- [end:lstm]

# --8<-- [start:gru]
torch.manual_seed(0)
gru = nn.GRU(input_size=1, hidden_size=16, batch_first=True)
states, h = gru(x)
print("states:", tuple(states.shape), " h:", tuple(h.shape))
for rnn in (lstm, gru):
    shapes = [tuple(p.shape) for p in rnn.parameters()]
    print(type(rnn).__name__, sum(p.numel() for p in rnn.parameters()), shapes)
# --8<-- [end:gru]


# --8<-- [start:multiply_block]
class Multiply(nn.Module):
    """Last level times a learnt factor between exp(-0.5) and exp(0.5)."""

    def __init__(self, hidden):
        super().__init__()
        self.linear = nn.Linear(hidden, 1)

    def forward(self, state, last):
        change = 0.5 * torch.tanh(self.linear(state)[:, 0])  # (N,)
        return last * torch.exp(change)


torch.manual_seed(0)
block = Multiply(16)
nn.init.zeros_(block.linear.weight)
nn.init.zeros_(block.linear.bias)
last = torch.tensor([10.0, 500.0, 3000.0])
print("no change:   ", block(torch.randn(3, 16), last))
nn.init.constant_(block.linear.bias, 0.2)
print("10 % more:   ", block(torch.randn(3, 16), last).detach())
# --8<-- [end:multiply_block]


# --8<-- [start:forecaster]
class Forecaster(nn.Module):
    """From the levels of 15 days, the level of the next."""

    def __init__(self, rnn, hidden=16):
        super().__init__()
        self.rnn = rnn(1, hidden, batch_first=True)
        self.multiply = Multiply(hidden)

    def forward(self, window):
        x = 10 * growth(window)[:, :, None]  # (N, 14, 1)
        states, _ = self.rnn(x)
        return self.multiply(states[:, -1], window[:, -1])  # (N,)


torch.manual_seed(0)
net = Forecaster(nn.LSTM).double()
w = train[:3, :size]
with torch.inference_mode():
    print("last level:", w[:, -1])
    print("untrained: ", net(w))
    assert torch.allclose(net(100 * w), 100 * net(w), rtol=1e-3)
# --8<-- [end:forecaster]


# --8<-- [start:relative_squared_error]
class RelativeSquaredError(nn.Module):
    """Mean of ((prediction - target) / target) ** 2; targets of at least 1."""

    def forward(self, prediction, target):
        error = (prediction - target) / target.clamp_min(1.0)
        return error.square().mean()


loss_fn = RelativeSquaredError()
target = torch.tensor([10.0, 1000.0])
print("10 % wrong, twice:", loss_fn(1.1 * target, target))
print("nothing reported: ", loss_fn(torch.tensor([2.0]), torch.tensor([0.0])))
# --8<-- [end:relative_squared_error]

# --8<-- [start:who_counts]
guess, truth = 1.05 * train[:, -1], train[:, -1]  # all 5 % too high
big = truth > truth.quantile(0.9)
for name, loss in {
    "squared error": nn.MSELoss(reduction="none")(guess, truth),
    "relative": ((guess - truth) / truth) ** 2,
}.items():
    share = loss[big].sum() / loss.sum()
    print(f"{name:14} the largest tenth has {share:.2f} of the loss")
# --8<-- [end:who_counts]

# --8<-- [start:rates]
from torch.optim import lr_scheduler

steps = 160
recipes = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=steps),
    "too fast": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
}
lines = {}
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
colors = (grey, blue, orange)
for (name, recipe), color in zip(recipes.items(), colors, strict=True):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    scheduler = recipe(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    ax.plot(rates, color=color, label=name)
    lines[name] = torch.tensor(rates)
    total, rest = sum(rates), sum(rates[40:])
    print(f"{name:9} all rates together: {total:.2f}, after step 40: {rest:.4f}")
ax.set(xlabel="step", ylabel="learning rate")
ax.legend(frameon=False)
assert (lines["constant"] == 0.01).all() and (lines["cosine"].diff() < 0).all()
assert lines["cosine"][-1] < 1e-5 and lines["too fast"][50] < 1e-4
assert (lines["too fast"].diff() < 0).all()
plt.show()
# --8<-- [end:rates]


# --8<-- [start:fit]
def fit(rnn, recipe, epochs=20):
    """A trained forecaster, and its loss on train and valid after each epoch."""
    net = Forecaster(rnn).double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = recipe(optimizer)
    history = []
    for _ in range(epochs):
        for rows in torch.randperm(len(train)).split(64):
            optimizer.zero_grad()
            loss = loss_fn(net(train[rows, :size]), train[rows, size])
            loss.backward()
            optimizer.step()
            scheduler.step()  # after each batch: 160 steps in all
        with torch.inference_mode():
            parts = (train, valid)
            losses = [loss_fn(net(p[:, :size]), p[:, size]) for p in parts]
        history.append([loss.item() for loss in losses])
    return net, history


torch.manual_seed(0)
net, history = fit(nn.GRU, recipes["cosine"], epochs=2)
after_1, after_2 = (losses[0] for losses in history)
print(f"training loss after 1 and 2 epochs: {after_1:.4f}, {after_2:.4f}")
# --8<-- [end:fit]

# --8<-- [start:by_keras_model]
from accelerate import Accelerator

from snippets.toolkit.keras_model import KerasModel


class Shuffled:
    """The batches of ``fit``, in a new order each epoch: (inputs, targets)."""

    def __iter__(self):
        for rows in torch.randperm(len(train)).split(64):
            yield train[rows, :size], train[rows, size]


torch.manual_seed(0)
gru = Forecaster(nn.GRU).double()
optimizer = torch.optim.Adam(gru.parameters(), lr=0.01)
options = {"scheduler": recipes["cosine"](optimizer), "scheduler_every": "step"}
here = Accelerator(cpu=train.device.type == "cpu")  # where the loop above computes
options |= {"accelerator": here}
model = KerasModel(gru, loss_fn, optimizer, **options)
model.fit(Shuffled(), [(valid[:, :size], valid[:, size])], epochs=2)
loss_now = model.evaluate([(train[:, :size], train[:, size])])["loss"]
val_loss = torch.tensor([row["val_loss"] for row in model.history])
by_loop = torch.tensor([valid_loss for _, valid_loss in history])
torch.testing.assert_close(val_loss, by_loop)
assert abs(loss_now / after_2 - 1) < 1e-5
print(f"training loss after 2 epochs: {loss_now:.4f}")
print("validation, KerasModel:", val_loss)
print("validation, own loop:  ", by_loop)
# --8<-- [end:by_keras_model]

# --8<-- [start:schedules_compared]
means = {}
for name, recipe in recipes.items():
    last_losses = []
    for seed in range(3):
        torch.manual_seed(seed)
        _, history = fit(nn.GRU, recipe)
        last_losses.append(history[-1][0])
    means[name] = sum(last_losses) / 3
    print(f"{name:9} training loss {1e4 * means[name]:.2f}e-4, mean of three")
assert means["cosine"] < means["too fast"] / 1.5
# --8<-- [end:schedules_compared]

# --8<-- [start:train_four]
import pandas as pd

nets, histories, names = [], [], ["LSTM 0", "LSTM 1", "GRU 0", "GRU 1"]
torch.manual_seed(0)
for rnn in (nn.LSTM, nn.LSTM, nn.GRU, nn.GRU):
    net, history = fit(rnn, recipes["cosine"])
    nets.append(net.eval())
    histories.append(history)

percent = 100 * torch.tensor([history[-1] for history in histories]).sqrt()
table = pd.DataFrame(percent.numpy(), names, ["train", "valid"])
naive = torch.stack([loss_fn(p[:, -2], p[:, -1]) for p in (train, valid)])
table.loc["tomorrow as today"] = 100 * naive.sqrt().numpy()
assert table["valid"].iloc[:4].max() < table["valid"].iloc[4]
table.round(1)
# --8<-- [end:train_four]

# --8<-- [start:curves]
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(6.6, 2.8), layout="constrained")
titles, colors = ("training", "validation"), (blue, green, orange, violet)
for column, (ax, title) in enumerate(zip(axes, titles, strict=True)):
    for name, history, color in zip(names, histories, colors, strict=True):
        ax.plot([row[column] for row in history], color=color, label=name)
    ax.set(xlabel="epoch", title=title, yscale="log")
axes[0].set(ylabel="relative squared error")
axes[1].legend(frameon=False)
lost = torch.tensor(histories, dtype=torch.float64)  # (nets, epochs, train and valid)
assert (lost[:, 5, 0] < lost[:, 0, 0] / 1.8).all()
assert (lost[:, 10:].amax(dim=1) < 1.5 * lost[:, 10:].amin(dim=1)).all()
ratio = lost[:, -1, 1] / lost[:, -1, 0]
assert ((ratio > 2) & (ratio < 3)).all()
assert (lost[:, -1, 1] < 1.2 * lost[:, 3:, 1].amin(dim=1)).all()  # no rise
plt.show()
# --8<-- [end:curves]

# --8<-- [start:one_day_ahead]
rows = {}
with torch.inference_mode():
    for name, net in zip(names, nets, strict=True):
        rows[name] = loss_fn(net(test[:, :size]), test[:, size]).sqrt().item()
last, target = test[:, size - 1], test[:, size]
mean_growth = growth(test[:, size - 8 : size]).mean(dim=1)
going_on = last * torch.exp(mean_growth)
rows["tomorrow as today"] = loss_fn(last, target).sqrt().item()
rows["growth of last week"] = loss_fn(going_on, target).sqrt().item()
assert max(rows[name] for name in names) < rows["tomorrow as today"] / 2
pd.Series(rows, name="error in %").mul(100).round(1).to_frame()
# --8<-- [end:one_day_ahead]


# --8<-- [start:roll_out]
def roll_out(net, past, days=90, noise=None):
    """Forecast day by day; each forecast becomes input. past: (paths, days)."""
    window = past[:, -size:]
    levels = []
    with torch.inference_mode():
        for step in range(days):
            level = net(window)
            if noise is not None:
                level = level * torch.exp(noise[:, step])
            level = level.clamp_min(0.1)
            levels.append(level)
            window = torch.cat([window[:, 1:], level[:, None]], dim=1)
    return torch.stack(levels, dim=1)  # (paths, days)


known = level[:, : today - 6]  # (12, 104): days 6 to 109
future = level[:, today - 6 :]  # (12, 90): days 110 to 199
town, later = 8, (10, 20, 40)
print(f"town {town} yesterday: {known[town, -1]:.0f} cases a day")
for name, net in zip(names, nets, strict=True):
    path = roll_out(net, known[town : town + 1])[0]
    print(f"{name}: in 10, 20, 40 days", [f"{path[d]:.0f}" for d in later])
print("what really came:         ", [f"{future[town, d]:.0f}" for d in later])
# --8<-- [end:roll_out]

# --8<-- [start:naive_baselines]
past, truth = known[town], future[town]
end = int((truth < 10).nonzero()[0])  # days from today to the end
ahead = torch.arange(1, 91)
paths = torch.cat([roll_out(net, past[None]) for net in nets])
rate = growth(past[-8:]).mean()
forecasts = {
    "four nets, median": paths.median(dim=0).values,
    "as today": past[-1].expand(90),
    "growth of last week": past[-1] * torch.exp(ahead * rate),
}
error = {}
for name, forecast in forecasts.items():
    error[name] = loss_fn(forecast[:end], truth[:end]).sqrt().item()
assert error["four nets, median"] < error["as today"] / 10
assert error["four nets, median"] < error["growth of last week"]
print(f"the outbreak of town {town} ends on day {today + end}")
pd.Series(error, name="relative error until then").round(1).to_frame()
# --8<-- [end:naive_baselines]

# --8<-- [start:roll_out_figure]
fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.plot(day[: len(past)], past, color=grey)
ax.plot(day[len(past) :], truth, color=grey, linestyle=":", label="what came")
colors = (blue, orange, violet)
for (name, forecast), color in zip(forecasts.items(), colors, strict=True):
    ax.plot(today + ahead - 1, forecast, color=color, label=name)
ax.axhline(10, color=green, linewidth=0.8)
ax.set(xlabel="day", ylabel="cases a day", yscale="log")
ax.set(xlim=(60, 200), ylim=(1, 20_000))
fig.legend(loc="outside upper center", ncols=2, frameon=False)
median = forecasts["four nets, median"]
assert abs((median < 10).nonzero()[0].item() - end) < 6
assert (forecasts["growth of last week"] > truth)[:end].all()
plt.show()
# --8<-- [end:roll_out_figure]

# --8<-- [start:residuals]
before, came = valid[:, :size], valid[:, size]
with torch.inference_mode():
    residuals = torch.stack([torch.log(came / net(before)) for net in nets])
print("residuals:", tuple(residuals.shape))  # nets, windows
for name, r in zip(names, residuals, strict=True):
    print(f"{name}: mean {100 * r.mean():+.1f} %, spread {100 * r.std():.1f} %")
# --8<-- [end:residuals]


# --8<-- [start:sample_paths]
def sample(past, nets, residuals, paths=100, days=90):
    """Possible futures: paths for each net, with residuals drawn at random."""
    g = torch.Generator().manual_seed(0)
    found = []
    for net, known_errors in zip(nets, residuals, strict=True):
        chosen = torch.randint(len(known_errors), (paths, days), generator=g)
        start = past.expand(paths, -1)
        found.append(roll_out(net, start, days, noise=known_errors[chosen]))
    return torch.cat(found)  # (nets * paths, days)


futures = sample(past, nets, residuals)
print(tuple(futures.shape))
for d in (0, 10, 30):
    low, middle, high = (futures[:, d].quantile(q) for q in (0.05, 0.5, 0.95))
    print(f"day {today + d}: {low:.0f} to {high:.0f}", end=", ")
    print(f"median {middle:.0f}; came {truth[d]:.0f}")
# --8<-- [end:sample_paths]


# --8<-- [start:fan_figure]
def fan(ax, past, truth, futures):
    shares = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    levels = futures.quantile(shares.double(), dim=0)
    days = torch.arange(today, today + futures.shape[1])
    ax.fill_between(days, levels[0], levels[4], color=blue, alpha=0.2, label="90 %")
    ax.fill_between(days, levels[1], levels[3], color=blue, alpha=0.4, label="50 %")
    ax.plot(days, levels[2], color=blue, label="median")
    ax.plot(day[: len(past)], past, color=grey)
    ax.plot(days, truth, color=orange, linestyle=":", label="what came")
    ax.set(xlabel="day", ylabel="cases a day", xlim=(60, 200))
    return ax


fig, axes = plt.subplots(1, 2, figsize=(6.6, 3), layout="constrained")
for ax in axes:
    fan(ax, past, truth, futures)
axes[1].set(yscale="log", ylim=(1, 20_000), ylabel="")
axes[0].legend(frameon=False)
low, high = futures.quantile(0.05, dim=0), futures.quantile(0.95, dim=0)
assert ((low <= truth) & (truth <= high))[:88].all()
assert ((high[:31:10] / low[:31:10]).diff() > 0).all()
plt.show()
# --8<-- [end:fan_figure]


# --8<-- [start:end_days]
def end_days(futures, limit=10):
    """First day below the limit, counted from today; without one, all days."""
    below = futures < limit
    first = below.float().argmax(dim=1)
    return torch.where(below.any(dim=1), first, futures.shape[1])


steps_down = torch.tensor([[20.0, 12.0, 9.0, 11.0], [20.0, 15.0, 12.0, 11.0]])
print("two paths end after", end_days(steps_down).tolist(), "days")
# --8<-- [end:end_days]

# --8<-- [start:end_of_outbreak]
ends = today + end_days(futures).float()
low, middle, high = ends.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
print(f"it ends on day {low:.0f} to {high:.0f} (90 %), median {middle:.0f}")
print(f"it ended on day {today + end}")
assert low <= today + end <= high
# --8<-- [end:end_of_outbreak]

# --8<-- [start:end_figure]
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
bins = range(130, 200, 3)
heights = ax.hist(ends, bins, color=blue, alpha=0.6)[0]
assert 150 < bins[heights.argmax()] < 158 and ends.median() < today + end
assert heights[5:12].sum() > 0.9 * heights.sum()  # days 145 to 165
assert heights[19:].any() and heights[17:].sum() < 10  # from 187 on; after 180
ax.axvline(today + end, color=orange, linestyle=":")
ax.text(today + end + 1, ax.get_ylim()[1] * 0.9, "true end", color=orange)
ax.set(xlabel="day on which the outbreak ends", ylabel="paths")
plt.show()
# --8<-- [end:end_figure]

# --8<-- [start:where_width_comes_from]
quiet = torch.zeros_like(residuals)
choices = {
    "one net, noise": ([nets[0]], residuals[:1]),
    "four nets, no noise": (nets, quiet),
    "four nets, noise": (nets, residuals),
}
for name, (some, noise) in choices.items():
    e = end_days(sample(past, some, noise)).float()
    width = e.quantile(0.95) - e.quantile(0.05)
    print(f"{name:20} 90 % interval: {width:.0f} days")
# --8<-- [end:where_width_comes_from]

# --8<-- [start:all_open_towns]
rows = []
for town in range(12):
    if known[town, -1] < 40 or not (future[town] < 10).any():
        continue  # over already, or not over by day 199
    e = today + end_days(sample(known[town], nets, residuals)).float()
    low, high = e.quantile(0.05).item(), e.quantile(0.95).item()
    true_end = today + int((future[town] < 10).nonzero()[0])
    rows.append([town, int(day[known[town].argmax()]), low, high, true_end])
table = pd.DataFrame(rows, columns=["town", "peak", "low", "high", "end"])
table["inside"] = table["end"].between(table["low"], table["high"])
middle = (table["low"] + table["high"]) / 2
assert table["inside"].all() and (table["end"] > middle).sum() == 6
table.set_index("town").astype({"low": int, "high": int})
# --8<-- [end:all_open_towns]

# --8<-- [start:before_the_peak]
early = int(known.argmax(dim=1).argmax())  # the town that rises to this day
wide = sample(known[early], nets, residuals)
print("high / low end of the 90 % band, in 20 days:")
bands = {}
for name, paths in {early: wide, 8: futures}.items():
    low, high = paths[:, 20].quantile(0.05), paths[:, 20].quantile(0.95)
    bands[name] = high / low
    print(f"town {name}: {bands[name]:.1f}")
assert bands[early] > 9 * bands[8]
low, high = wide.quantile(0.05, dim=0), wide.quantile(0.95, dim=0)
assert low[20] < 1000 and high[20] > 10_000
assert ((low <= future[early]) & (future[early] <= high)).all()
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
fan(ax, known[early], future[early], wide).set(yscale="log", ylim=(1, 200_000))
ax.legend(frameon=False, loc="upper left")
plt.show()
# --8<-- [end:before_the_peak]

# --8<-- [start:ten_days_later]
widths = []
for wait in (0, 5, 10, 20):
    later = level[8, : today + wait - 6]
    e = today + wait + end_days(sample(later, nets, residuals)).float()
    low, high = e.quantile(0.05), e.quantile(0.95)
    widths.append(high - low)
    print(f"asked on day {today + wait}: between day {low:.0f} and day {high:.0f}")
assert widths == sorted(widths, reverse=True) and widths[-1] < widths[0]
# --8<-- [end:ten_days_later]

# --8<-- [start:save_ensemble]
torch.manual_seed(0)
pair = [Forecaster(nn.LSTM), Forecaster(nn.GRU)]
states = [net.state_dict() for net in pair]
content = {"size": size, "nets": states, "kinds": ["LSTM", "GRU"]}
torch.save(content, "forecasters.pt")

read = torch.load("forecasters.pt", weights_only=True)
loaded = [Forecaster(getattr(nn, kind)) for kind in read["kinds"]]
for net, weights in zip(loaded, read["nets"], strict=True):
    net.load_state_dict(weights)
with torch.inference_mode():
    for a, b in zip(pair, loaded, strict=True):
        past = train[:5, :size].float()
        assert torch.equal(a(past), b(past))
print(read["kinds"], "window of", read["size"], "days")
# --8<-- [end:save_ensemble]

# --8<-- [start:solution_early_growth]
s, i, r = sir(beta=0.3)
rate = growth(i[:20]).mean().item()
print(f"growth per day, days 0 to 19: {rate:.3f}")
print(f"log(1 + beta - gamma):        {torch.tensor(1 + 0.3 - 0.12).log():.3f}")
turning = int((0.3 * s / 100_000 < 0.12).nonzero()[0])
peak = i.argmax().item()
print("day of beta * s / people < gamma:", turning, " day of the peak:", peak)
assert abs(turning - peak) <= 1
# --8<-- [end:solution_early_growth]

# --8<-- [start:solution_centred_mean]
import torch.nn.functional as F

centred = F.avg_pool1d(new[:, None], kernel_size=7, stride=1)[:, 0]
torch.testing.assert_close(centred, level)  # the same numbers, but for which day?
changed = new.clone()
changed[:, today:] = 0
other = F.avg_pool1d(changed[:, None], 7, stride=1)[:, 0]
differs = ((centred - other).abs() > 0.01).any(dim=0).nonzero()[0, 0].item()
print("trailing: column", differs, "is day", differs + 6)
print("centred:  column", differs, "is day", differs + 3)
assert differs + 3 < today <= differs + 6
# --8<-- [end:solution_centred_mean]

# --8<-- [start:solution_day_by_day]
torch.manual_seed(0)
rnn = nn.GRU(1, 16, batch_first=True)
x = growth(train[:4, :size])[:, :, None].float()  # (4, 14, 1)
with torch.inference_mode():
    whole, _ = rnn(x)
    h, parts = None, []
    for d in range(x.shape[1]):
        state, h = rnn(x[:, d : d + 1], h)
        parts.append(state)
pieces = torch.cat(parts, dim=1)
print(tuple(pieces.shape), "same:", torch.allclose(whole, pieces, atol=1e-6))
assert torch.allclose(whole, pieces, atol=1e-6)
# --8<-- [end:solution_day_by_day]

# --8<-- [start:solution_two_layers]
torch.manual_seed(0)
deep = nn.LSTM(1, 16, num_layers=2, batch_first=True)
states, (h, c) = deep(x)
print("states:", tuple(states.shape), " h:", tuple(h.shape))
torch.testing.assert_close(h[-1], states[:, -1])
second = sum(p.numel() for n, p in deep.named_parameters() if n.endswith("l1"))
print("parameters of the second layer:", second)
assert second == 4 * 16 * (16 + 16 + 2)
# --8<-- [end:solution_two_layers]

# --8<-- [start:solution_warm_up]
optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.01)
warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=20)
cool = lr_scheduler.CosineAnnealingLR(optimizer, T_max=220)
scheduler = lr_scheduler.SequentialLR(optimizer, [warm, cool], milestones=[20])
rates = []
for _ in range(240):
    rates.append(scheduler.get_last_lr()[0])
    optimizer.step()
    scheduler.step()
print([f"{rates[step]:.5f}" for step in (0, 10, 20, 130, 239)])
assert max(rates) == rates[20] and rates[239] < 1e-5
# --8<-- [end:solution_warm_up]


# --8<-- [start:solution_pinball]
def pinball(quantile, truth, q):
    """The loss that is smallest, on average, at the true quantile q."""
    miss = truth - quantile
    return torch.maximum(q * miss, (q - 1) * miss).mean()


torch.manual_seed(0)
values = torch.randn(10_000)
guesses = torch.linspace(0, 3, 301)
losses = torch.stack([pinball(guess, values, 0.95) for guess in guesses])
best = guesses[losses.argmin()]
print(f"smallest at {best:.2f}; the quantile is {values.quantile(0.95):.2f}")
assert abs(best - values.quantile(0.95)) < 0.02
# --8<-- [end:solution_pinball]
