# --8<-- [start:first_schedule]
import torch
from torch import nn

w = nn.Parameter(torch.tensor([3.0]))
optimizer = torch.optim.SGD([w], lr=0.4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
for epoch in range(6):
    rate = optimizer.param_groups[0]["lr"]
    optimizer.zero_grad()
    loss = (w**2).sum()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch}: lr {rate:.2f}, loss {loss.item():.4f}")
    scheduler.step()
print("next rate:", scheduler.get_last_lr())
# --8<-- [end:first_schedule]

# --8<-- [start:rates]
from functools import partial

from torch.optim import lr_scheduler


def rates(make, steps=20, lr=1.0):
    """The learning rates that an optimizer uses in its steps, (steps,)."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return torch.tensor(used)


def text(values):
    return " ".join(f"{x:.3f}" for x in values.tolist())


t = torch.arange(20)
halved = rates(partial(lr_scheduler.StepLR, step_size=2, gamma=0.5))
print(text(halved[:8]))
# --8<-- [end:rates]

# --8<-- [start:step_lr]
measured = rates(partial(lr_scheduler.StepLR, step_size=5, gamma=0.1))
torch.testing.assert_close(measured, 0.1 ** (t // 5))
for ten in measured.split(10):
    print(text(ten))
# --8<-- [end:step_lr]

# --8<-- [start:multi_step_lr]
measured = rates(partial(lr_scheduler.MultiStepLR, milestones=[8, 15], gamma=0.1))
drops = torch.bucketize(t, torch.tensor([8, 15]), right=True)
torch.testing.assert_close(measured, 0.1**drops)
for ten in measured.split(10):
    print(text(ten))
# --8<-- [end:multi_step_lr]

# --8<-- [start:exponential_lr]
measured = rates(partial(lr_scheduler.ExponentialLR, gamma=0.8))
torch.testing.assert_close(measured, 0.8**t)
print(text(measured[::3]))
# --8<-- [end:exponential_lr]


# --8<-- [start:lambda_lr]
def warm_then_fall(step):
    return min((step + 1) / 5, (5 / (step + 1)) ** 0.5)


measured = rates(partial(lr_scheduler.LambdaLR, lr_lambda=warm_then_fall), lr=0.01)
factors = torch.tensor([warm_then_fall(k) for k in range(20)])
torch.testing.assert_close(measured, 0.01 * factors)
for ten in (measured / 0.01).split(10):
    print("factors", text(ten))
# --8<-- [end:lambda_lr]


# --8<-- [start:multiplicative_lr]
def factor(step):
    return 0.5 if step % 6 == 0 else 1.0


measured = rates(partial(lr_scheduler.MultiplicativeLR, lr_lambda=factor))
torch.testing.assert_close(measured, 0.5 ** (t // 6))
for ten in measured.split(10):
    print(text(ten))
# --8<-- [end:multiplicative_lr]

# --8<-- [start:constant_lr]
measured = rates(partial(lr_scheduler.ConstantLR, factor=0.25, total_iters=4))
torch.testing.assert_close(measured, torch.where(t < 4, 0.25, 1.0))
print(text(measured[:8]))
# --8<-- [end:constant_lr]

# --8<-- [start:linear_lr]
options = {"start_factor": 0.1, "end_factor": 1.0, "total_iters": 6}
measured = rates(partial(lr_scheduler.LinearLR, **options))
torch.testing.assert_close(measured, 0.1 + 0.9 * (t / 6).clamp(max=1))
print(text(measured[:9]))
# --8<-- [end:linear_lr]

# --8<-- [start:polynomial_lr]
for power in (1.0, 2.0):
    make = partial(lr_scheduler.PolynomialLR, total_iters=10, power=power)
    measured = rates(make)
    torch.testing.assert_close(measured, (1 - t / 10).clamp(min=0) ** power)
    print(f"power {power}:", text(measured[:11]))
# --8<-- [end:polynomial_lr]

# --8<-- [start:cosine_annealing_lr]
make = partial(lr_scheduler.CosineAnnealingLR, T_max=20, eta_min=0.1)
measured = rates(make)
formula = 0.1 + 0.9 * (1 + torch.cos(torch.pi * t / 20)) / 2
torch.testing.assert_close(measured, formula)
print("T_max=20:", text(measured[::4]), " last", text(measured[-1:]))
short = rates(partial(lr_scheduler.CosineAnnealingLR, T_max=10))
print("T_max=10:", text(short[::4]), " last", text(short[-1:]))
# --8<-- [end:cosine_annealing_lr]

# --8<-- [start:cosine_annealing_warm_restarts]
make = partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=4, T_mult=2)
measured = rates(make, steps=28)
cycles = [(1 + torch.cos(torch.pi * torch.arange(n) / n)) / 2 for n in (4, 8, 16)]
torch.testing.assert_close(measured, torch.cat(cycles))
print("starts at", (measured == 1).nonzero().flatten().tolist())
print(text(measured[:13]))
# --8<-- [end:cosine_annealing_warm_restarts]

# --8<-- [start:cyclic_lr]
import matplotlib.pyplot as plt

options = {"triangular": {}, "triangular2": {}, "exp_range": {"gamma": 0.97}}
_, axes = plt.subplots(1, 3, figsize=(7.5, 2.2), sharey=True, layout="constrained")
for ax, (mode, more) in zip(axes, options.items(), strict=True):
    make = partial(lr_scheduler.CyclicLR, base_lr=0.1, max_lr=1.0, step_size_up=10)
    measured = rates(partial(make, mode=mode, **more), steps=61)
    ax.plot(measured, ".-", ms=4, lw=1, color="#2f6fdb")
    ax.set(title=mode, xlabel="step")
    print(f"{mode:11} peaks", text(measured[[10, 30, 50]]))
axes[0].set(ylabel="lr")
plt.show()
steps = torch.arange(61)
triangle = 1 - (steps % 20 / 10 - 1).abs()
torch.testing.assert_close(measured, 0.1 + 0.9 * triangle * 0.97**steps)
# --8<-- [end:cyclic_lr]

# --8<-- [start:one_cycle_lr]
optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=100)
used, momenta = [], []
for _ in range(100):
    group = optimizer.param_groups[0]
    used.append(group["lr"])
    momenta.append(group["betas"][0])
    optimizer.step()
    scheduler.step()

fig, axes = plt.subplots(2, 1, figsize=(6, 3.4), sharex=True, layout="constrained")
axes[0].plot(used, color="#2f6fdb")
axes[0].set(ylabel="lr")
axes[1].plot(momenta, color="#e4572e")
axes[1].set(ylabel="beta 1", xlabel="step")
plt.show()
peak = used.index(max(used))
print(f"largest {used[peak]:.3f} at step {peak}")
print(f"first {used[0]:.3f}, last {used[-1]:.6f}")
print(f"beta 1: first {momenta[0]:.2f}, at the peak {momenta[peak]:.2f}")
s = torch.arange(100)
up = 0.04 + 0.96 * (1 - torch.cos(torch.pi * s / 29)) / 2
down = (1 + torch.cos(torch.pi * (s - 29) / 70)) / 2
formula = torch.where(s < 29, up, down)
torch.testing.assert_close(torch.tensor(used), formula, rtol=0, atol=1e-5)
# --8<-- [end:one_cycle_lr]

# --8<-- [start:one_cycle_too_many_steps]
print("steps so far:", scheduler.last_epoch, "of", scheduler.total_steps)
scheduler.step()
# --8<-- [end:one_cycle_too_many_steps]

# --8<-- [start:reduce_lr_on_plateau]
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=2)
losses = [0.9, 0.7, 0.6, 0.61, 0.6, 0.65, 0.4, 0.41, 0.42, 0.43]
for epoch, loss in enumerate(losses):
    optimizer.step()
    used = optimizer.param_groups[0]["lr"]
    scheduler.step(loss)
    count = scheduler.num_bad_epochs
    print(f"epoch {epoch}: lr {used:g}, loss {loss}, without progress {count}")
print(f"next rate {scheduler.get_last_lr()[0]:g}")
assert abs(scheduler.get_last_lr()[0] - 0.01) < 1e-9
# --8<-- [end:reduce_lr_on_plateau]


# --8<-- [start:sequential_lr]
def warmup_cosine(optimizer, warmup=5, total=20):
    warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=warmup)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - warmup)
    return lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[warmup])


measured = rates(warmup_cosine)
rising = 0.1 + 0.9 * t / 5
falling = (1 + torch.cos(torch.pi * (t - 5) / 15)) / 2
torch.testing.assert_close(measured, torch.where(t < 5, rising, falling))
for ten in measured.split(10):
    print(text(ten))
# --8<-- [end:sequential_lr]


# --8<-- [start:chained_scheduler]
def warm_and_decay(optimizer):
    warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
    decay = lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    return lr_scheduler.ChainedScheduler([warm, decay])


measured = rates(warm_and_decay)
torch.testing.assert_close(measured, (0.1 + 0.9 * (t / 5).clamp(max=1)) * 0.9**t)
print(text(measured[:9]))
# --8<-- [end:chained_scheduler]


# --8<-- [start:own_scheduler]
class InverseSqrt(lr_scheduler.LRScheduler):
    """Warm-up, then falling with the root of the step (Vaswani et al., 2017)."""

    def __init__(self, optimizer, warmup, last_epoch=-1):
        self.warmup = warmup
        super().__init__(optimizer, last_epoch)  # calls get_lr, so it comes last

    def get_lr(self):
        step = self.last_epoch + 1
        factor = min(step / self.warmup, (self.warmup / step) ** 0.5)
        return [base * factor for base in self.base_lrs]


measured = rates(partial(InverseSqrt, warmup=5))
by_function = rates(partial(lr_scheduler.LambdaLR, lr_lambda=warm_then_fall))
torch.testing.assert_close(measured, by_function)
print(text(measured[:10]))
# --8<-- [end:own_scheduler]


# --8<-- [start:all_drawn]
def stuck(optimizer):
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=10)
    scheduler.step = partial(scheduler.step, 1.0)  # a loss that never improves
    return scheduler


def slower(step):
    return 1 - step / 1000


S = lr_scheduler
panels = {
    "StepLR": partial(S.StepLR, step_size=15, gamma=0.5),
    "MultiStepLR": partial(S.MultiStepLR, milestones=[25, 45], gamma=0.3),
    "ExponentialLR": partial(S.ExponentialLR, gamma=0.95),
    "PolynomialLR": partial(S.PolynomialLR, total_iters=50, power=2.0),
    "ConstantLR": partial(S.ConstantLR, factor=0.3, total_iters=20),
    "LinearLR": partial(S.LinearLR, start_factor=0.1, total_iters=20),
    "LambdaLR": partial(S.LambdaLR, lr_lambda=lambda k: 1 / (1 + 0.1 * k)),
    "MultiplicativeLR": partial(S.MultiplicativeLR, lr_lambda=slower),
    "CosineAnnealingLR": partial(S.CosineAnnealingLR, T_max=60),
    "…WarmRestarts": partial(S.CosineAnnealingWarmRestarts, T_0=9, T_mult=2),
    "CyclicLR": partial(S.CyclicLR, base_lr=0.1, max_lr=1.0, step_size_up=10),
    "OneCycleLR": partial(S.OneCycleLR, max_lr=1.0, total_steps=60),
    "ReduceLROnPlateau": stuck,
    "SequentialLR": partial(warmup_cosine, warmup=10, total=60),
    "ChainedScheduler": warm_and_decay,
    "InverseSqrt (ours)": partial(InverseSqrt, warmup=10),
}
options = {"sharex": True, "sharey": True, "layout": "constrained"}
fig, axes = plt.subplots(4, 4, figsize=(6.6, 6.2), **options)
for ax, (name, make) in zip(axes.flat, panels.items(), strict=True):
    ax.plot(rates(make, steps=60), color="#2f6fdb")
    ax.set(title=name, ylim=(-0.05, 1.1))
    ax.title.set_size(9)
fig.supxlabel("step")
fig.supylabel("lr")
plt.show()
# --8<-- [end:all_drawn]

# --8<-- [start:per_batch]
epochs, batches = 5, 20
plans = {"per epoch": epochs, "per batch": epochs * batches}
fig, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for (name, T_max), color in zip(plans.items(), ("#e4572e", "#2f6fdb"), strict=True):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max)
    used = []
    for _ in range(epochs):
        for _ in range(batches):
            used.append(scheduler.get_last_lr()[0])
            optimizer.step()
            if name == "per batch":
                scheduler.step()
        if name == "per epoch":
            scheduler.step()
    ax.plot(used, color=color, label=f"{name}, T_max={T_max}")
    print(f"{name}: first {used[0]:.2f}, last {used[-1]:.4f}")
ax.set(xlabel="batch", ylabel="lr")
ax.legend()
plt.show()
# --8<-- [end:per_batch]

# --8<-- [start:wrong_order]
import warnings

optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
used = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(4):
        scheduler.step()
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
print("rates used:", used)
print(caught[0].category.__name__, "-", str(caught[0].message)[:65])
assert len(caught) == 1
# --8<-- [end:wrong_order]

# --8<-- [start:groups]
body, head = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
groups = [{"params": [body], "lr": 0.01}, {"params": [head]}]
optimizer = torch.optim.SGD(groups, lr=0.1)
scheduler = lr_scheduler.LambdaLR(optimizer, [lambda k: 0.9**k, lambda k: 0.5**k])
for step in range(3):
    print(f"step {step}:", [f"{lr:.4f}" for lr in scheduler.get_last_lr()])
    optimizer.step()
    scheduler.step()
print("base rates", scheduler.base_lrs)
# --8<-- [end:groups]

# --8<-- [start:group_added_later]
optimizer = torch.optim.SGD([head], lr=0.1)
scheduler = lr_scheduler.LambdaLR(optimizer, lambda k: 0.5**k)
optimizer.add_param_group({"params": [body], "lr": 0.01})
optimizer.step()
scheduler.step()
# --8<-- [end:group_added_later]

# --8<-- [start:rate_set_by_hand]
halving = {
    "StepLR": partial(lr_scheduler.StepLR, step_size=3, gamma=0.5),
    "LambdaLR": partial(lr_scheduler.LambdaLR, lr_lambda=lambda k: 0.5 ** (k // 3)),
}
for name, make in halving.items():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    used = []
    for step in range(9):
        if step == 4:
            optimizer.param_groups[0]["lr"] = 0.01
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    print(f"{name:8}", used)
# --8<-- [end:rate_set_by_hand]

# --8<-- [start:state_dict]
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
for _ in range(3):
    optimizer.step()
    scheduler.step()
state = scheduler.state_dict()
print({key: value for key, value in state.items() if not key.startswith("_")})
group = optimizer.param_groups[0]
print(f"in the optimizer: lr {group['lr']:.4f}, initial_lr {group['initial_lr']}")
# --8<-- [end:state_dict]


# --8<-- [start:resume]
def run(steps, checkpoint=None):
    w = nn.Parameter(checkpoint["w"] if checkpoint else torch.tensor([3.0]))
    optimizer = torch.optim.SGD([w], lr=0.3, momentum=0.5)
    scheduler = warmup_cosine(optimizer)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
        scheduler.step()
    return used, {
        "w": w.detach(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }


whole, end = run(20)
first, half = run(10)
torch.save(half, "half.pt")
second, resumed = run(10, torch.load("half.pt", weights_only=True))
print("second half:", text(torch.tensor(second)))
assert first + second == whole and torch.equal(resumed["w"], end["w"])
# --8<-- [end:resume]

# --8<-- [start:built_after_loading]
half = torch.load("half.pt", weights_only=True)
for order in ("build, then load", "load, then build"):
    w = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([w], lr=0.3, momentum=0.5)
    if order == "build, then load":
        scheduler = warmup_cosine(optimizer)
        optimizer.load_state_dict(half["optimizer"])
    else:
        optimizer.load_state_dict(half["optimizer"])
        scheduler = warmup_cosine(optimizer)
    scheduler.load_state_dict(half["scheduler"])
    used = []
    for _ in range(4):
        used.append(f"{optimizer.param_groups[0]['lr']:.3f}")
        optimizer.step()
        scheduler.step()
    print(f"{order}: {used}")
# --8<-- [end:built_after_loading]

# --8<-- [start:last_epoch_without_state]
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, last_epoch=9)
# --8<-- [end:last_epoch_without_state]


# --8<-- [start:functions_are_not_saved]
class Decay:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, step):
        return self.gamma**step


optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
for function in (lambda step: 0.9**step, Decay(0.9)):
    scheduler = lr_scheduler.LambdaLR(optimizer, function)
    saved = scheduler.state_dict()["lr_lambdas"]
    print(type(function).__name__, "is saved as", saved)
# --8<-- [end:functions_are_not_saved]

# --8<-- [start:digits]
import torch.nn.functional as F
from sklearn.datasets import load_digits

pixels, labels = load_digits(return_X_y=True)
torch.manual_seed(0)
order = torch.randperm(len(labels))
# float64: the same on every machine
X = torch.tensor(pixels / 16)[order]  # (1797, 64)
y = torch.tensor(labels)[order]  # (1797,)
X_train, y_train, X_valid, y_valid = X[:1000], y[:1000], X[1000:], y[1000:]


def network():
    f64 = {"dtype": torch.float64}
    return nn.Sequential(nn.Linear(64, 64, **f64), nn.ReLU(), nn.Linear(64, 10, **f64))


def batches_of(size):
    for rows in torch.randperm(len(X_train)).split(size):
        yield X_train[rows], y_train[rows]


print([(len(x), len(target)) for x, target in batches_of(300)])
# --8<-- [end:digits]

# --8<-- [start:range_test]
def range_test(seed):
    torch.manual_seed(seed)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
    growth = 10_000 ** (1 / 124)  # from 0.001 to 10 in 125 steps
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=growth)
    tried, losses = [], []
    for _ in range(2):
        for x, target in batches_of(16):
            if len(tried) == 125:
                break
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), target)
            loss.backward()
            tried.append(scheduler.get_last_lr()[0])
            losses.append(loss.item())
            optimizer.step()
            scheduler.step()
    smooth = torch.tensor(losses).unfold(0, 9, 1).mean(dim=1)  # (117,), moving mean
    return tried, losses, smooth


runs = [range_test(seed) for seed in range(5)]
lows = [tried[4:-4][smooth.argmin()] for tried, _, smooth in runs]
print("lowest loss of five runs at", " ".join(f"{rate:.2f}" for rate in lows))

tried, losses, smooth = runs[0]
low = smooth.argmin()
fig, ax = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
ax.plot(tried, losses, ".", color="#7a8599", label="loss of a batch")
ax.plot(tried[4:-4], smooth, color="#2f6fdb", label="mean of 9 batches")
ax.axvline(lows[0] / 2, color="#e4572e", ls="--", label="half of the lowest")
ax.set(xscale="log", ylim=(0, 4), xlabel="lr", ylabel="loss")
ax.legend(loc="lower left")
plt.show()
assert 0.25 < lows[0] < 0.3 and smooth[low] < 1 < 2 < smooth[0]
assert smooth[: low + 1].diff().max() < 0.08 and smooth[low + 6 :].min() > 0.9
assert min(lows) > 0.2 and max(lows) < 0.45
# --8<-- [end:range_test]


# --8<-- [start:what_a_schedule_buys]
def valid_loss(make_scheduler, lr, seed, epochs=5):
    torch.manual_seed(seed)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    scheduler = make_scheduler(optimizer, epochs * 63)  # 63 batches of 16
    for _ in range(epochs):
        for x, target in batches_of(16):
            optimizer.zero_grad()
            F.cross_entropy(net(x), target).backward()
            optimizer.step()
            scheduler.step()
    with torch.no_grad():
        return F.cross_entropy(net(X_valid), y_valid).item()


def constant(optimizer, total):
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def warmup_and_cosine(optimizer, total):
    return warmup_cosine(optimizer, warmup=total // 10, total=total)


torch.manual_seed(0)
kinds = {"constant": constant, "warm-up and cosine": warmup_and_cosine}
peaks = (0.02, 0.05, 0.1, 0.15, 0.2)
fig, ax = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
means = {}
for (name, make), color in zip(kinds.items(), ("#7a8599", "#2f6fdb"), strict=True):
    runs = [[valid_loss(make, lr, seed) for seed in range(5)] for lr in peaks]
    means[name] = torch.tensor(runs).mean(dim=1)
    ax.plot(peaks, means[name], "o-", color=color, label=name)
    print(f"{name:18}", " ".join(f"{mean:.2f}" for mean in means[name].tolist()))
ax.set(ylim=(0, 0.5), xlabel="largest lr", ylabel="validation loss, mean of 5")
ax.legend()
plt.show()
a, b = means.values()
assert a[0] < b[0] and a[2] < a[3] < a[4] and b[2:].max() < 0.9 * a.min()
assert b[0] > b[1] > b[2] and b[2:].max() < 1.2 * b.min()  # from 0.1 on, all are good
# --8<-- [end:what_a_schedule_buys]

# --8<-- [start:solution_warmup_cosine]
import math


def warmup_cosine_factor(step, warmup, total):
    if step < warmup:
        return 0.1 + 0.9 * step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


function = partial(warmup_cosine_factor, warmup=5, total=20)
ours = rates(partial(lr_scheduler.LambdaLR, lr_lambda=function))
torch.testing.assert_close(ours, rates(warmup_cosine))
print(text(ours[:8]))
# --8<-- [end:solution_warmup_cosine]


# --8<-- [start:solution_trapezoid]
class Trapezoid(lr_scheduler.LRScheduler):
    def __init__(self, optimizer, warmup, decay, total, last_epoch=-1):
        self.warmup, self.decay, self.total = warmup, decay, total
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        up = (self.last_epoch + 1) / self.warmup
        down = (self.total - self.last_epoch) / self.decay
        return [base * max(0.0, min(up, 1.0, down)) for base in self.base_lrs]


measured = rates(partial(Trapezoid, warmup=4, decay=5, total=20))
for ten in measured.split(10):
    print(text(ten))
assert measured[3:16].eq(1).all() and abs(measured[-1] - 0.2) < 1e-6
# --8<-- [end:solution_trapezoid]

# --8<-- [start:solution_gamma]
gamma = 0.5 ** (1 / 10)
smooth = rates(partial(lr_scheduler.ExponentialLR, gamma=gamma), steps=31)
stairs = rates(partial(lr_scheduler.StepLR, step_size=10, gamma=0.5), steps=31)
torch.testing.assert_close(smooth[::10], stairs[::10])
print(f"gamma {gamma:.4f}:", text(smooth[::10]))
# --8<-- [end:solution_gamma]


# --8<-- [start:solution_total_steps]
def optimizer_steps(samples, batch_size, accumulate, epochs):
    batches = math.ceil(samples / batch_size)
    return epochs * math.ceil(batches / accumulate)


total = optimizer_steps(samples=1000, batch_size=16, accumulate=4, epochs=3)
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=total)
torch.manual_seed(0)
for _ in range(3):
    for number, _batch in enumerate(batches_of(16), start=1):
        if number % 4 == 0 or number == 63:  # the last group may be smaller
            last = scheduler.get_last_lr()[0]
            optimizer.step()
            scheduler.step()
assert scheduler.last_epoch == total and last < 1e-6
print(total, "steps, the last with a rate below a millionth")
# --8<-- [end:solution_total_steps]

# --8<-- [start:solution_plateau_max]
accuracies = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9]
for mode in ("min", "max"):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, patience=1)
    for accuracy in accuracies:
        optimizer.step()
        scheduler.step(accuracy)
    print(f"mode {mode}: lr {scheduler.get_last_lr()[0]:g}")
assert scheduler.get_last_lr() == [1.0]
# --8<-- [end:solution_plateau_max]
