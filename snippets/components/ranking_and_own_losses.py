# --8<-- [start:margin_ranking_loss]
import torch
import torch.nn.functional as F
from torch import nn

first = torch.tensor([2.0, 1.0, 0.3])
second = torch.tensor([1.0, 2.0, 0.0])
above = torch.ones(3)  # 1: first should rank above second; -1: below
loss = nn.MarginRankingLoss(margin=0.5, reduction="none")(first, second, above)
print(loss)
torch.testing.assert_close(loss, (0.5 - above * (first - second)).clamp(min=0))
below = F.margin_ranking_loss(first, second, -above, margin=0.5, reduction="none")
print("the other way round:", below)
# --8<-- [end:margin_ranking_loss]

# --8<-- [start:triplet_margin_loss]
anchor = torch.tensor([[0.0, 0.0]]).expand(3, 2)
positive = torch.tensor([[1.0, 0.0]]).expand(3, 2)
negative = torch.tensor([[3.0, 0.0], [0.0, 1.5], [0.5, 0.0]])  # (3, 2)
loss_fn = nn.TripletMarginLoss(margin=1.0, reduction="none")
loss = loss_fn(anchor, positive, negative)
near = torch.linalg.vector_norm(anchor - positive, dim=1)
far = torch.linalg.vector_norm(anchor - negative, dim=1)
print("to the positive:", near)
print("to the negative:", far)
print("loss:           ", loss)
by_hand = (near - far + 1).clamp(min=0)
torch.testing.assert_close(loss, by_hand, rtol=1e-4, atol=1e-4)
# --8<-- [end:triplet_margin_loss]

# --8<-- [start:triplet_swap]
negative = torch.tensor([[2.0, 0.0], [0.0, 1.5], [-2.0, 0.0]])  # (3, 2)
triplet = anchor, positive, negative
plain = F.triplet_margin_loss(*triplet, reduction="none")
swap = F.triplet_margin_loss(*triplet, swap=True, reduction="none")
from_anchor = torch.linalg.vector_norm(anchor - negative, dim=1)
from_positive = torch.linalg.vector_norm(positive - negative, dim=1)
print("negative from the anchor:  ", from_anchor)
print("negative from the positive:", from_positive)
print("plain:", plain, " swap:", swap)
nearer = torch.minimum(from_anchor, from_positive)
by_hand = (near - nearer + 1).clamp(min=0)
torch.testing.assert_close(swap, by_hand, rtol=1e-4, atol=1e-4)
# --8<-- [end:triplet_swap]

# --8<-- [start:triplet_zones]
import matplotlib.pyplot as plt

torch.manual_seed(0)
points = 5 * torch.rand(700, 2) - 2.5  # candidates for the negative
centre, mate = torch.zeros(700, 2), torch.tensor([[1.0, 0.0]]).expand(700, 2)
loss = F.triplet_margin_loss(centre, mate, points, margin=1.0, reduction="none")
zones = {
    "hard: loss above the margin": (loss > 1, "#e4572e"),
    "semi-hard": ((loss > 0) & (loss <= 1), "#2f6fdb"),
    "easy: loss 0": (loss == 0, "#7a8599"),
}
fig, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")
for name, (chosen, color) in zones.items():
    ax.scatter(*points[chosen].T, s=8, color=color, label=name)
    print(f"{name}: {chosen.float().mean():.2f} of the points")
ax.scatter([0], [0], s=90, marker="*", color="#2a9d8f", label="anchor")
ax.scatter([1], [0], s=60, marker="s", color="#9b5de5", label="positive")
ax.set(xlabel="feature 0", ylabel="feature 1", aspect="equal")
fig.legend(loc="outside right center", frameon=False)
plt.show()
# --8<-- [end:triplet_zones]

# --8<-- [start:triplet_margin_with_distance_loss]
torch.manual_seed(0)
a, p, n = torch.randn(3, 5, 8)  # anchors, positives, negatives, (5, 8) each


def cosine_distance(x, y):
    return 1 - F.cosine_similarity(x, y)


loss_fn = nn.TripletMarginWithDistanceLoss(
    distance_function=cosine_distance, margin=0.5
)
by_hand = (cosine_distance(a, p) - cosine_distance(a, n) + 0.5).clamp(min=0).mean()
print("cosine distance:   ", loss_fn(a, p, n))
torch.testing.assert_close(loss_fn(a, p, n), by_hand)
default = F.triplet_margin_with_distance_loss(a, p, n)
print("Euclidean, default:", default)
torch.testing.assert_close(default, nn.TripletMarginLoss()(a, p, n))
# --8<-- [end:triplet_margin_with_distance_loss]

# --8<-- [start:cosine_embedding_loss]
x = torch.tensor([[1.0, 0.0]]).expand(3, 2)
y = torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])  # same, 45°, opposite
for label in (1.0, -1.0):
    labels = torch.full((3,), label)
    loss = nn.CosineEmbeddingLoss(margin=0.2, reduction="none")(x, y, labels)
    print(f"label {label:+.0f}:", loss)
cosine = F.cosine_similarity(x, y)
torch.testing.assert_close(loss, (cosine - 0.2).clamp(min=0))
similar = F.cosine_embedding_loss(x, y, torch.ones(3), reduction="none")
torch.testing.assert_close(similar, 1 - cosine)
# --8<-- [end:cosine_embedding_loss]

# --8<-- [start:hinge_embedding_loss]
distance = torch.tensor([0.0, 0.4, 1.0, 3.0])  # of four pairs
for label in (1.0, -1.0):
    labels = torch.full((4,), label)
    loss = nn.HingeEmbeddingLoss(margin=1.0, reduction="none")(distance, labels)
    print(f"label {label:+.0f}:", loss)
torch.testing.assert_close(loss, (1 - distance).clamp(min=0))
assert F.hinge_embedding_loss(distance, torch.ones(4)) == distance.mean()
# --8<-- [end:hinge_embedding_loss]


# --8<-- [start:embedding_losses_drawn]
def loss_and_gradient(loss_fn, x):
    """Loss of each x and its derivative, both of the shape of x."""
    x = x.clone().requires_grad_()
    loss = loss_fn(x)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), gradient


x = torch.linspace(0.005, 1.995, 200)  # no point lies on a corner
one = torch.ones(200)
ranking = nn.MarginRankingLoss(margin=0.5, reduction="none")
hinge = nn.HingeEmbeddingLoss(reduction="none")
curves = {
    "ranking": lambda d: ranking(d, one, one),
    "hinge embedding, similar": lambda d: hinge(d, one),
    "hinge embedding, different": lambda d: hinge(d, -one),
}
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
colors = ("#2f6fdb", "#2a9d8f", "#e4572e")
for (name, curve), color in zip(curves.items(), colors, strict=True):
    loss, gradient = loss_and_gradient(curve, x)
    axes[0].plot(x, loss, color=color, label=name)
    axes[1].plot(x, gradient, color=color)
    print(f"{name}: loss 0 on {(loss == 0).float().mean():.2f} of the axis")
    pull = gradient.abs()  # constant where there is a loss
    assert torch.equal(pull, torch.where(loss > 0, 1.0, 0.0))
axes[0].set(xlabel="score, or distance", ylabel="loss")
axes[1].set(xlabel="score, or distance", ylabel="gradient", ylim=(-1.3, 1.3))
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:embedding_losses_drawn]

# --8<-- [start:digits_0_to_4]
from sklearn.datasets import load_digits

images, digits = load_digits(n_class=5, return_X_y=True)
images, digits = torch.tensor(images) / 16, torch.tensor(digits)  # float64
shuffled = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
train, test = shuffled[:600], shuffled[600:]
print(images.shape, images.dtype)
print("images of each digit:", digits.bincount().tolist())
# --8<-- [end:digits_0_to_4]

# --8<-- [start:sample_triplets]
rows_of = [train[digits[train] == d] for d in range(5)]


def draw(digit, n=40):
    return rows_of[digit][torch.randint(len(rows_of[digit]), (n,))]


def sample_triplets():
    """Rows of 200 anchors, positives of the same digit, negatives of another."""
    anchors = torch.cat([draw(d) for d in range(5)])
    positives = torch.cat([draw(d) for d in range(5)])
    others = [draw((d + k) % 5, 10) for d in range(5) for k in range(1, 5)]
    return anchors, positives, torch.cat(others)


torch.manual_seed(0)
anchors, positives, negatives = triplets = sample_triplets()
for name, rows in zip(("anchors", "positives", "negatives"), triplets, strict=True):
    print(f"{name:9}", digits[rows][::40])
assert torch.equal(digits[anchors], digits[positives])
assert (digits[anchors] != digits[negatives]).all()
# --8<-- [end:sample_triplets]


# --8<-- [start:learn_embedding]
def neighbours_agree(z):
    """How often the nearest training point of a test point has its digit."""
    nearest = torch.cdist(z[test], z[train]).argmin(dim=1)
    return (digits[train][nearest] == digits[test]).double().mean().item()


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)).double()
before = net(images).detach()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
loss_fn = nn.TripletMarginLoss(margin=1.0)
for _ in range(150):
    z = net(images[torch.cat(sample_triplets())])  # (600, 2)
    optimizer.zero_grad()
    loss_fn(*z.split(200)).backward()
    optimizer.step()
after = net(images).detach()

colors = ["#2f6fdb", "#e4572e", "#2a9d8f", "#9b5de5", "#7a8599"]
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
maps = {"untrained": before, "trained": after}
for ax, (name, z) in zip(axes, maps.items(), strict=True):
    for d, color in enumerate(colors):
        ax.scatter(*z[test][digits[test] == d].T, s=8, color=color, label=str(d))
    ax.set(title=name)
    print(f"{name}: nearest neighbour agrees in {neighbours_agree(z):.2f}")
assert neighbours_agree(after) > 0.95
handles, names = ax.get_legend_handles_labels()
fig.legend(handles, names, loc="outside right center", frameon=False)
plt.show()
# --8<-- [end:learn_embedding]

# --8<-- [start:ctc_loss]
torch.manual_seed(0)
T, N, C = 12, 2, 5  # time steps, samples, symbols; symbol 0 is the blank
log_p = torch.randn(T, N, C).log_softmax(dim=2)
targets = torch.tensor([[1, 2, 2, 4], [3, 1, 0, 0]])  # (N, S), padded
input_lengths = torch.tensor([12, 10])
target_lengths = torch.tensor([4, 2])
loss_fn = nn.CTCLoss(blank=0, reduction="none")
loss = loss_fn(log_p, targets, input_lengths, target_lengths)
print(loss)
mean = F.ctc_loss(log_p, targets, input_lengths, target_lengths)
torch.testing.assert_close(mean, (loss / target_lengths).mean())
print("mean, per symbol of the target:", mean)
# --8<-- [end:ctc_loss]

# --8<-- [start:ctc_collapse]
from itertools import groupby, product


def collapse(path):
    """The text that a path stands for: repeats joined, then blanks (0) removed."""
    return tuple(symbol for symbol, _ in groupby(path) if symbol != 0)


for path in ((0, 1, 1, 2), (1, 0, 1, 2), (1, 2, 2, 2)):
    print(path, "->", collapse(path))
paths = [p for p in product(range(3), repeat=4) if collapse(p) == (1, 2)]
print(len(paths), "of", 3**4, "paths stand for (1, 2)")
# --8<-- [end:ctc_collapse]

# --8<-- [start:ctc_by_hand]
torch.manual_seed(0)
log_p = torch.randn(4, 1, 3).log_softmax(dim=2)  # (T, N, C)
steps = torch.arange(4)
total = sum(log_p[steps, 0, torch.tensor(path)].sum().exp() for path in paths)
target, lengths = torch.tensor([[1, 2]]), (torch.tensor([4]), torch.tensor([2]))
loss = nn.CTCLoss(reduction="sum")(log_p, target, *lengths)
print(f"sum over {len(paths)} paths: {total:.4f}")
print(f"exp(-loss):        {torch.exp(-loss):.4f}")
torch.testing.assert_close(-total.log(), loss)
# --8<-- [end:ctc_by_hand]

# --8<-- [start:ctc_targets_in_one_row]
torch.manual_seed(0)
log_p = torch.randn(12, 2, 5).log_softmax(dim=2)
padded = torch.tensor([[1, 2, 2, 4], [3, 1, 0, 0]])
one_row = torch.tensor([1, 2, 2, 4, 3, 1])  # both targets, one after the other
lengths = (torch.tensor([12, 10]), torch.tensor([4, 2]))
both = [F.ctc_loss(log_p, targets, *lengths) for targets in (padded, one_row)]
print(both)
torch.testing.assert_close(*both)
# --8<-- [end:ctc_targets_in_one_row]

# --8<-- [start:ctc_too_short]
log_p = torch.zeros(2, 1, 3).log_softmax(dim=2).requires_grad_()
repeated = torch.tensor([[1, 1]])  # needs a blank in between: three steps
lengths = (torch.tensor([2]), torch.tensor([2]))
print("two steps:", F.ctc_loss(log_p, repeated, *lengths).item())
loss = nn.CTCLoss(zero_infinity=True)(log_p, repeated, *lengths)
loss.backward()
largest = log_p.grad.abs().max().item()
print("zero_infinity:", loss.item(), " largest gradient:", largest)
different = F.ctc_loss(log_p, torch.tensor([[1, 2]]), *lengths)
assert different.isfinite()
# --8<-- [end:ctc_too_short]

# --8<-- [start:ctc_finds_the_alignment]
torch.manual_seed(0)
logits = (0.1 * torch.randn(24, 1, 4)).double().requires_grad_()  # (T, N, C)
target, lengths = torch.tensor([[1, 2, 3]]), (torch.tensor([24]), torch.tensor([3]))
optimizer = torch.optim.Adam([logits], lr=0.3)
shown = []
for step in range(61):
    optimizer.zero_grad()
    loss = F.ctc_loss(logits.log_softmax(dim=2), target, *lengths, reduction="sum")
    loss.backward()
    if step in (0, 60):
        belief = (logits.softmax(dim=2) - logits.grad).detach()[:, 0]  # (T, C)
        shown.append((step, loss.item(), belief))
    optimizer.step()

fig, axes = plt.subplots(1, 2, figsize=(6.8, 3), layout="constrained", sharey=True)
colors = ["#7a8599", "#2f6fdb", "#e4572e", "#2a9d8f"]
for ax, (step, loss, belief) in zip(axes, shown, strict=True):
    for symbol, color in enumerate(colors):
        name = f"symbol {symbol}" if symbol else "blank"
        ax.plot(belief[:, symbol], color=color, label=name)
    ax.set(xlabel="time step", title=f"after {step} updates")
    print(f"after {step:2} updates: loss {loss:.2f}")
    assert torch.allclose(belief.sum(dim=1), torch.ones(24).double())
axes[0].set(ylabel="share of the paths")
handles, names = ax.get_legend_handles_labels()
fig.legend(handles, names, loc="outside upper center", ncols=4, frameon=False)
plt.show()
# --8<-- [end:ctc_finds_the_alignment]

# --8<-- [start:adaptive_log_softmax_with_loss]
torch.manual_seed(0)
cutoffs = [100, 1000]
adaptive = nn.AdaptiveLogSoftmaxWithLoss(64, 10_000, cutoffs, div_value=4.0)
hidden = torch.randn(8, 64)
words = torch.tensor([0, 3, 42, 99, 100, 900, 1000, 9999])  # numbered by frequency
output, loss = adaptive(hidden, words)
print("log-probability of each word:")
print(output.detach())
torch.testing.assert_close(loss, -output.mean())
n_adaptive = sum(p.numel() for p in adaptive.parameters())
n_linear = sum(p.numel() for p in nn.Linear(64, 10_000).parameters())
print(f"parameters: {n_adaptive:,} in place of {n_linear:,}")
print([tuple(p.shape) for p in adaptive.parameters()])
# --8<-- [end:adaptive_log_softmax_with_loss]

# --8<-- [start:adaptive_log_prob]
log_p = adaptive.log_prob(hidden)  # (8, 10000)
print(tuple(log_p.shape), "sums:", log_p.exp().sum(dim=1)[:3].detach())
picked = log_p.gather(1, words[:, None]).squeeze(1)
torch.testing.assert_close(picked, output)
best = adaptive.predict(hidden)
print("most probable:", best)
assert torch.equal(best, log_p.argmax(dim=1))
# --8<-- [end:adaptive_log_prob]

# --8<-- [start:linear_cross_entropy_loss]
torch.manual_seed(0)
hidden, words = torch.randn(6, 16), torch.randint(1000, (6,))
head = nn.LinearCrossEntropyLoss(16, 1000)  # the last layer and its loss in one
print(head)
loss = head(hidden, words)
logits = hidden @ head.linear.weight.T  # (6, 1000)
print(f"loss: {loss.item():.4f}")
torch.testing.assert_close(loss, F.cross_entropy(logits, words))
# --8<-- [end:linear_cross_entropy_loss]

# --8<-- [start:linear_cross_entropy]
torch.manual_seed(0)
hidden, words = torch.randn(512, 16), torch.randint(1000, (512,))
weight = torch.randn(1000, 16, requires_grad=True)
gradients = []
for options in (None, nn.LinearCrossEntropyOptions(batch_chunk_size=64)):
    loss = F.linear_cross_entropy(hidden, weight, words, options=options)
    gradients += torch.autograd.grad(loss, weight)
    print("in chunks:" if options else "at once:  ", f"{loss.item():.4f}")
torch.testing.assert_close(*gradients)
print(f"logits at once: {512 * 1000:,} numbers; in chunks of 64: {64 * 1000:,}")
# --8<-- [end:linear_cross_entropy]

# --8<-- [start:backward_twice_in_chunks]
options = nn.LinearCrossEntropyOptions(batch_chunk_size=64)
loss = F.linear_cross_entropy(hidden, weight, words, options=options)
loss.backward(retain_graph=True)
loss.backward()
# --8<-- [end:backward_twice_in_chunks]

# --8<-- [start:use_focal_loss]
from snippets.toolkit.losses import FocalLoss, focal_loss

z = torch.tensor([-2.0, 0.0, 1.0, 2.0])  # all labels are 1
bce = F.binary_cross_entropy_with_logits(z, torch.ones(4), reduction="none")
focal = FocalLoss(gamma=2.0, reduction="none")(z, torch.ones(4))
print("probability:", torch.sigmoid(z))
print("BCE:        ", bce)
print("focal:      ", focal)
print("ratio:      ", focal / bce)
torch.testing.assert_close(focal / bce, (1 - torch.sigmoid(z)) ** 2)
# --8<-- [end:use_focal_loss]

# --8<-- [start:focal_limits]
torch.manual_seed(0)
z, y = torch.randn(50), torch.randint(2, (50,)).float()
bce = F.binary_cross_entropy_with_logits(z, y)
torch.testing.assert_close(FocalLoss(gamma=0.0)(z, y), bce)
logits, classes, weight = torch.randn(50, 4), torch.randint(4, (50,)), torch.rand(4)
torch.testing.assert_close(
    FocalLoss(0.0, weight, "sum")(logits, classes),
    F.cross_entropy(logits, classes, weight, reduction="sum"),
)
two = torch.stack([torch.zeros(50), z], dim=1)
torch.testing.assert_close(focal_loss(z, y), focal_loss(two, y.long()))
extreme = torch.tensor([-1000.0, -100.0])
loss = focal_loss(extreme, torch.ones(2), gamma=0.5, reduction="none")
print("extreme logits:", loss)
# --8<-- [end:focal_limits]

# --8<-- [start:focal_gradcheck]
from torch.autograd import gradcheck

torch.manual_seed(0)
z = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
classes = torch.randint(3, (6,))
for gamma in (0.0, 0.5, 2.0):
    print(gamma, gradcheck(lambda z, g=gamma: focal_loss(z, classes, g), z))
# --8<-- [end:focal_gradcheck]

# --8<-- [start:focal_drawn]
z = torch.linspace(-5, 5, 201)
one = torch.ones(201)
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
colors = ("#7a8599", "#2f6fdb", "#2a9d8f", "#e4572e")
for gamma, color in zip((0.0, 0.5, 2.0, 5.0), colors, strict=True):
    loss_fn = FocalLoss(gamma, reduction="none")
    loss, gradient = loss_and_gradient(lambda z, f=loss_fn: f(z, one), z)
    axes[0].plot(z, loss, color=color, label=f"gamma {gamma}")
    axes[1].plot(z, gradient, color=color)
    print(f"gamma {gamma}: gradient at logit 2: {gradient[140]:.1e}")
axes[0].set(xlabel="logit of the right class", ylabel="loss")
axes[1].set(xlabel="logit of the right class", ylabel="gradient")
fig.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
# --8<-- [end:focal_drawn]

# --8<-- [start:use_symmetric_cross_entropy]
from snippets.toolkit.losses import SymmetricCrossEntropy

logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 30.0, 0.0]])
label = torch.zeros(3, dtype=torch.long)  # right, wrong, wrong and very sure
cross = F.cross_entropy(logits, label, reduction="none")
reverse = SymmetricCrossEntropy(0.0, 1.0, reduction="none")(logits, label)
both = SymmetricCrossEntropy(0.1, 1.0, reduction="none")(logits, label)
print("cross-entropy:", cross)
print("reverse:      ", reverse)
print("symmetric:    ", both)
torch.testing.assert_close(both, 0.1 * cross + reverse)
assert reverse.max() <= 4  # -log_zero
# --8<-- [end:use_symmetric_cross_entropy]

# --8<-- [start:reverse_is_absolute_error]
torch.manual_seed(0)
logits, classes = torch.randn(20, 5), torch.randint(5, (20,))
reverse = SymmetricCrossEntropy(alpha=0.0, log_zero=-2.0)(logits, classes)
one_hot = F.one_hot(classes, 5).float()
absolute = F.l1_loss(logits.softmax(dim=1), one_hot, reduction="sum")
print(reverse, absolute / 20)
torch.testing.assert_close(reverse, absolute / 20)

loss_fn = SymmetricCrossEntropy(alpha=0.0, reduction="none")
over_labels = sum(loss_fn(logits, torch.full((20,), k)) for k in range(5))
print("summed over all labels:", over_labels[:3])
torch.testing.assert_close(over_labels, torch.full((20,), 4.0 * (5 - 1)))
# --8<-- [end:reverse_is_absolute_error]

# --8<-- [start:wrong_labels]
images, digits = load_digits(return_X_y=True)
images, digits = torch.tensor(images) / 16, torch.tensor(digits)
generator = torch.Generator().manual_seed(0)
shuffled = torch.randperm(len(digits), generator=generator)
train, test = shuffled[:1000], shuffled[1000:]
guess = torch.randint(10, (1000,), generator=generator)
replaced = torch.rand(1000, generator=generator) < 0.4
labels = torch.where(replaced, guess, digits[train])  # a guess may be right
wrong = labels != digits[train]
print(f"wrong labels: {wrong.double().mean():.2f}")
print("true: ", digits[train][:12].tolist())
print("given:", labels[:12].tolist())
# --8<-- [end:wrong_labels]


# --8<-- [start:noisy_labels]
def train_on_noise(loss_fn, seed):
    torch.manual_seed(seed)
    first = nn.Linear(64, 128, dtype=torch.float64)
    net = nn.Sequential(first, nn.ReLU(), nn.Linear(128, 10, dtype=torch.float64))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    for _ in range(40):
        for rows in torch.randperm(1000).split(100):
            optimizer.zero_grad()
            loss_fn(net(images[train[rows]]), labels[rows]).backward()
            optimizer.step()
    with torch.inference_mode():
        answers = net(images).argmax(dim=1)
    learnt = (answers[train] == labels)[wrong].double().mean().item()
    return (answers[test] == digits[test]).double().mean().item(), learnt


import pandas as pd

noise_losses = {
    "CrossEntropyLoss": nn.CrossEntropyLoss(),
    "label_smoothing=0.2": nn.CrossEntropyLoss(label_smoothing=0.2),
    "FocalLoss": FocalLoss(),
    "SymmetricCrossEntropy": SymmetricCrossEntropy(0.1, 1.0),
}
rows = {}
for name, loss_fn in noise_losses.items():
    runs = [train_on_noise(loss_fn, seed) for seed in range(5)]
    rows[name] = torch.tensor(runs, dtype=torch.float64).mean(dim=0).tolist()
columns = ["test accuracy", "wrong labels learnt"]
table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
plain, smooth, focal, symmetric = table["test accuracy"]
assert focal < plain < smooth < symmetric and symmetric > 0.93
assert table["wrong labels learnt"].idxmin() == "SymmetricCrossEntropy"
table.round(2)
# --8<-- [end:noisy_labels]

# --8<-- [start:l2_penalty_is_weight_decay]
torch.manual_seed(0)
x, y = torch.randn(20, 3), torch.randn(20, 1)
start = torch.randn(3, 1)
results = []
for decay, penalty in ((0.1, 0.0), (0.0, 0.1)):
    w = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=0.5, weight_decay=decay)
    for _ in range(5):
        optimizer.zero_grad()
        loss = F.mse_loss(x @ w, y) + penalty / 2 * (w**2).sum()
        loss.backward()
        optimizer.step()
    results.append(w.detach())
    print(f"weight_decay {decay}, penalty {penalty}:", w.detach().flatten())
torch.testing.assert_close(*results)
# --8<-- [end:l2_penalty_is_weight_decay]

# --8<-- [start:l1_l2_contours]
best = torch.tensor([1.6, 0.8])  # the minimum without a penalty
shape = torch.tensor([[1.0, 0.3], [0.3, 0.7]])


def bowl(w):  # (..., 2) -> (...)
    return ((w - best) @ shape * (w - best)).sum(dim=-1)


angle = torch.linspace(0, 2 * torch.pi, 4001)
circle = torch.stack([angle.cos(), angle.sin()], dim=1)  # (4001, 2)
balls = {"L1": circle / circle.abs().sum(dim=1, keepdim=True), "L2": circle}
side = torch.linspace(-1.4, 2.6, 103)  # no point lies on a contour
mesh = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.6), layout="constrained")
colors = ("#e4572e", "#2a9d8f")
for ax, (name, ball), color in zip(axes, balls.items(), colors, strict=True):
    touch = ball[bowl(ball).argmin()]
    levels = [0.1, 0.5, bowl(touch).item(), 2.5, 4.5]
    options = {"colors": "#7a8599", "linewidths": 0.8, "algorithm": "serial"}
    ax.contour(side, side, bowl(mesh), levels, **options)
    ax.fill(*ball.T, color=color, alpha=0.3)
    ax.scatter(*touch, s=50, color=color, zorder=3)
    ax.scatter(*best, s=50, marker="x", color="#2f6fdb")
    ax.set(title=name, xlabel="weight 0", ylabel="weight 1", aspect="equal")
    print(name, "touches at", touch.round(decimals=2) + 0.0)
plt.show()
# --8<-- [end:l1_l2_contours]

# --8<-- [start:soft_threshold]
a = torch.tensor([-2.0, -0.3, 0.1, 0.6, 1.5])
grid = torch.linspace(-3, 3, 6001)[:, None]  # (6001, 1)
penalties = {"L1": 0.5 * grid.abs(), "L2": 0.25 * grid**2}
for name, penalty in penalties.items():
    objective = 0.5 * (grid - a) ** 2 + penalty  # (6001, 5)
    found = grid[objective.argmin(dim=0), 0]
    print(f"{name} by search: ", found.round(decimals=3) + 0.0)
print("F.softshrink:  ", F.softshrink(a, lambd=0.5) + 0.0)
print("divided by 1.5:", a / 1.5)
lowest = (0.5 * (grid - a) ** 2 + penalties["L1"]).argmin(dim=0)
torch.testing.assert_close(grid[lowest, 0], F.softshrink(a, 0.5), atol=1e-3, rtol=0)
# --8<-- [end:soft_threshold]

# --8<-- [start:l1_penalty_by_autograd]
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True)
X, y = torch.tensor(X), torch.tensor(y)  # (442, 10), (442,)
X, y = (X - X.mean(dim=0)) / X.std(dim=0), (y - y.mean()) / y.std()
strength = 0.1

w = torch.zeros(10, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(500):
    optimizer.zero_grad()
    fit = 0.5 * F.mse_loss(X @ w, y)
    (fit + strength * w.abs().sum()).backward()
    optimizer.step()
print("weights:", (w.detach().round(decimals=2) + 0.0).tolist())
print("exact zeros:", (w == 0).sum().item())
print("below 0.01: ", (w.abs() < 0.01).sum().item())
# --8<-- [end:l1_penalty_by_autograd]

# --8<-- [start:l1_penalty_by_shrinking]
from sklearn.linear_model import Lasso

w = torch.zeros(10, dtype=torch.float64)
for _ in range(500):
    gradient = X.T @ (X @ w - y) / len(y)  # of the fit alone
    w = F.softshrink(w - 0.1 * gradient, 0.1 * strength)
print("weights:", (w.round(decimals=2) + 0.0).tolist())
print("exact zeros:", (w == 0).sum().item())
lasso = Lasso(alpha=strength, fit_intercept=False, tol=1e-8, random_state=0)
coefficients = torch.tensor(lasso.fit(X, y).coef_)
torch.testing.assert_close(w, coefficients, rtol=0, atol=1e-4)
# --8<-- [end:l1_penalty_by_shrinking]

# --8<-- [start:l1_l2_paths]
strengths = torch.logspace(-2.5, 0.5, 40, dtype=torch.float64)[:, None]  # (40, 1)
l1 = torch.zeros(40, 10, dtype=torch.float64)  # one row for each strength
squares, products = X.T @ X / len(y), X.T @ y / len(y)  # (10, 10), (10,)
for _ in range(3000):
    moved = l1 - 0.2 * (l1 @ squares - products)
    l1 = moved.sign() * (moved.abs() - 0.2 * strengths).clamp(min=0)
ridge = squares + strengths[:, :, None] * torch.eye(10)  # (40, 10, 10)
l2 = torch.linalg.solve(ridge, products)  # (40, 10)

fig, axes = plt.subplots(1, 2, figsize=(6.8, 3), layout="constrained", sharey=True)
curves = {"L1": (l1, "#e4572e"), "L2": (l2, "#2a9d8f")}
for ax, (name, (paths, color)) in zip(axes, curves.items(), strict=True):
    ax.semilogx(strengths, paths, color=color, lw=1)
    ax.set(title=name, xlabel="strength of the penalty")
    zeros = (paths == 0).sum(dim=1)
    print(f"{name}: exact zeros among 10 weights:", zeros[::6].tolist())
axes[0].set(ylabel="weight")
plt.show()
lengths = torch.linalg.vector_norm(l2, dim=1)  # (40,): all weights of a strength
crossings = (l2[1:] * l2[:-1] < 0).any(dim=0).sum()
print("L2: the vector always shrinks:", (lengths.diff() < 0).all().item(), end="")
print(f"; {crossings} of 10 weights change sign on the way")
gone = l1 == 0
assert (gone[1:] >= gone[:-1]).all()  # who has left stays away
assert gone[strengths[:, 0] > 1].all() and not (l2 == 0).any()
assert (l2.norm(dim=1).diff() < 0).all()
# --8<-- [end:l1_l2_paths]


# --8<-- [start:adam_and_adamw]
def decay_curve(optimizer_class, size, steps=400):
    """A weight under gradients of +size and -size in turn, with a decay of 1."""
    w = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([w], lr=0.003, weight_decay=1.0)
    curve = []
    for step in range(steps):
        curve.append(w.item())
        w.grad = torch.full_like(w, size if step % 2 else -size)
        optimizer.step()
    return curve


fig, axes = plt.subplots(1, 2, figsize=(6.8, 3), layout="constrained", sharey=True)
for ax, kind in zip(axes, (torch.optim.Adam, torch.optim.AdamW), strict=True):
    for size, color in ((0.1, "#2f6fdb"), (1.0, "#2a9d8f"), (10.0, "#e4572e")):
        curve = decay_curve(kind, size)
        ax.plot(curve, color=color, label=f"gradients of ±{size}")
        print(f"{kind.__name__:5} gradients of ±{size:4}: {curve[-1]:.2f}")
        assert kind is torch.optim.Adam or abs(curve[-1] - 0.997**399) < 0.01
    ax.set(title=kind.__name__, xlabel="step")
axes[0].set(ylabel="weight")
handles, names = ax.get_legend_handles_labels()
fig.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:adam_and_adamw]

# --8<-- [start:adamw_by_hand]
w = torch.tensor([1.0, -2.0])
g = torch.tensor([0.5, 30.0])
lr, decay = 0.1, 0.2
steps = {}
for kind in (torch.optim.Adam, torch.optim.AdamW):
    p = w.clone().requires_grad_()
    p.grad = g.clone()
    kind([p], lr=lr, weight_decay=decay).step()
    steps[kind.__name__] = p.detach()
    print(f"{kind.__name__:5}", p.detach())
torch.testing.assert_close(steps["Adam"], w - lr * torch.sign(g + decay * w))
shrunk = w * (1 - lr * decay)
torch.testing.assert_close(steps["AdamW"], shrunk - lr * torch.sign(g))
# --8<-- [end:adamw_by_hand]

# --8<-- [start:unbalanced_rings]
import math

from snippets.toolkit.metrics import auc


def ring(radius, n, generator):
    """Points around the origin, about radius away from it, shape (n, 2)."""
    distance = radius + torch.randn(n, 1, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * torch.rand(n, 1, generator=generator, dtype=torch.float64)
    return torch.cat([distance * angle.cos(), distance * angle.sin()], dim=1)


def unbalanced(n_positive, n_negative, seed):
    g = torch.Generator().manual_seed(seed)
    points = torch.cat([ring(5, n_positive, g), ring(7, n_negative, g)])
    labels = torch.cat([torch.ones(n_positive), torch.zeros(n_negative)]).double()
    return points, labels


x, y = unbalanced(60, 1940, seed=0)
x_test, y_test = unbalanced(300, 9_700, seed=1)
print(f"positives: {y.mean():.3f} of {len(y)}")
print(f"accuracy of always saying no: {(y_test == 0).double().mean():.3f}")
limit = auc(-torch.linalg.vector_norm(x_test, dim=1), y_test)
print(f"AUC of the distance itself, the best possible score: {limit:.3f}")
# --8<-- [end:unbalanced_rings]


# --8<-- [start:train_unbalanced]
def train_rings(loss_fn, seed, prior):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
    net.append(nn.Linear(16, 1)).append(nn.Flatten(0)).double()
    if prior is not None:
        nn.init.constant_(net[4].bias, math.log(prior / (1 - prior)))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss_fn(net(x / 5), y).backward()
        optimizer.step()
    return net


def judge(z, threshold=0.5):
    """AUC, recall, precision and mean probability on the test points."""
    p = torch.sigmoid(z)
    said, true = p > threshold, y_test == 1
    recall = (said & true).sum() / true.sum()
    precision = (said & true).sum() / said.sum().clamp(min=1)
    return [auc(z, y_test), recall.item(), precision.item(), p.mean().item()]


losses = {
    "BCE": nn.BCEWithLogitsLoss(),
    "pos_weight": nn.BCEWithLogitsLoss(pos_weight=torch.tensor(1940 / 60)),
    "focal": FocalLoss(gamma=2.0),
    "focal, alpha 0.9": FocalLoss(gamma=2.0, alpha=0.9),
}


def compare(prior=None):
    """Logits of the test points, for five seeds, and a table of means."""
    logits, rows = {}, {}
    for name, loss_fn in losses.items():
        nets = [train_rings(loss_fn, seed, prior) for seed in range(5)]
        with torch.inference_mode():
            logits[name] = [net(x_test / 5) for net in nets]
        each = [judge(z) for z in logits[name]]  # 5 rows of 4
        rows[name] = torch.tensor(each, dtype=torch.float64).mean(dim=0).tolist()
    columns = ["AUC", "recall", "precision", "mean probability"]
    return logits, pd.DataFrame.from_dict(rows, orient="index", columns=columns)


_, table = compare()
assert table["AUC"]["BCE"] < 0.6 and (table["AUC"].drop("BCE") > 0.85).all()
table.round(2)
# --8<-- [end:train_unbalanced]

# --8<-- [start:start_at_the_prior]
torch.manual_seed(0)
logits, table = compare(prior=0.03)
assert table["AUC"].max() - table["AUC"].min() < 0.03
table.round(2)
# --8<-- [end:start_at_the_prior]

# --8<-- [start:move_the_threshold]
rows = {}
for name, threshold in (("pos_weight", 0.5), ("BCE", 0.5), ("BCE", 0.03)):
    each = [judge(z, threshold) for z in logits[name]]  # 5 rows of 4
    mean = torch.tensor(each, dtype=torch.float64).mean(dim=0)
    rows[f"{name}, threshold {threshold}"] = mean[1:3].tolist()
columns = ["recall", "precision"]
table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
moved = table.loc["BCE, threshold 0.03"]
weighted = table.loc["pos_weight, threshold 0.5"]
assert (moved - weighted).abs().max() < 0.05
table.round(2)
# --8<-- [end:move_the_threshold]

# --8<-- [start:what_the_outputs_mean]
radius = torch.linalg.vector_norm(x_test, dim=1)
edges = torch.linspace(2.5, 9, 27, dtype=torch.float64)
middle = (edges[1:] + edges[:-1]) / 2
bins = torch.bucketize(radius, edges)

fig, ax = plt.subplots(figsize=(5.8, 3.4), layout="constrained")
near, far = (torch.exp(-((middle - r) ** 2) / 2) for r in (5, 7))  # two bells
truth = 0.03 * near / (0.03 * near + 0.97 * far)
ax.plot(middle, truth, color="#7a8599", lw=5, alpha=0.5, label="truth")
curves = {}
colors = ("#2f6fdb", "#e4572e", "#2a9d8f", "#9b5de5")
for (name, runs), color in zip(logits.items(), colors, strict=True):
    p = torch.sigmoid(torch.stack(runs)).mean(dim=0)  # of the five nets
    curve = torch.stack([p[bins == k].mean() for k in range(1, 27)])
    ax.plot(middle, curve, color=color, label=name)
    curves[name] = curve
    away = (curve - truth).abs().mean()
    print(f"{name:17} mean distance to the truth {away:.2f}")
ax.set(xlabel="distance from the origin", ylabel="sigmoid of the output")
ax.legend(frameon=False)
plt.show()
focal, higher = curves["focal"], curves["focal, alpha 0.9"]
assert (curves["BCE"] - truth).abs().max() < 0.1
assert truth[curves["pos_weight"] < 0.5].max() < 0.1
assert (curves["pos_weight"].diff() < 0.02).all()
assert focal.min() > 0.05 and focal.max() < 0.9 and (higher > focal).all()
# --8<-- [end:what_the_outputs_mean]

# --8<-- [start:solution_rank_from_games]
torch.manual_seed(0)
strength = torch.linspace(-2, 2, 8, dtype=torch.float64)  # player 7 is the best
pairs = torch.combinations(torch.arange(8)).repeat(30, 1)  # 30 games a pair
a, b = pairs.T
chance = torch.sigmoid(strength[a] - strength[b])
won = torch.where(torch.rand(len(a)) < chance, 1, -1)
for name in ("margin", "logistic"):
    score = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([score], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        if name == "margin":
            loss = F.margin_ranking_loss(score[a], score[b], won, margin=1.0)
        else:
            loss = F.soft_margin_loss(score[a] - score[b], won)
        loss.backward()
        optimizer.step()
    fitted = score.detach() - score.detach().mean()
    print(f"{name:8}", fitted.round(decimals=1).tolist())
    order = fitted.argsort()
    assert (order - torch.arange(8)).abs().max() <= 1
# --8<-- [end:solution_rank_from_games]


# --8<-- [start:solution_contrastive]
def contrastive(u, v, temperature=0.1):
    """Each row of u should find its own row of v, and the other way round."""
    u, v = F.normalize(u, dim=1), F.normalize(v, dim=1)
    similarity = u @ v.T / temperature  # (N, N)
    own = torch.arange(len(u))
    there = F.cross_entropy(similarity, own)
    back = F.cross_entropy(similarity.T, own)
    return (there + back) / 2


torch.manual_seed(0)
u = torch.randn(64, 16)
for noise in (100.0, 1.0, 0.1):
    v = u + noise * torch.randn(64, 16)
    print(f"noise {noise:5}: {contrastive(u, v):.3f}")
same = torch.ones(64, 16)
torch.testing.assert_close(contrastive(same, same), torch.tensor(64.0).log())
# --8<-- [end:solution_contrastive]

# --8<-- [start:solution_ctc_greedy]
log_p = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()[:, None, :]  # (2, 1, 2)
best_path = tuple(log_p.argmax(dim=2).flatten().tolist())
print("greedy:", best_path, "->", collapse(best_path))
for text in ([], [1]):
    lengths = torch.tensor([2]), torch.tensor([len(text)])
    loss = F.ctc_loss(log_p, torch.tensor([text]), *lengths, reduction="sum")
    print(text, f"probability {torch.exp(-loss):.2f}")
assert abs(torch.exp(-loss) - (1 - 0.6**2)) < 1e-6
# --8<-- [end:solution_ctc_greedy]


# --8<-- [start:solution_dice_loss]
def dice_loss(logits, targets):
    p = torch.sigmoid(logits)
    return 1 - 2 * (p * targets).sum() / (p.sum() + targets.sum())


torch.manual_seed(0)
targets = (torch.rand(10_000) < 0.02).float()  # pixels of a small object
right = torch.rand(10_000) < 0.9  # a tenth is wrong
said = torch.where(right, targets, 1 - targets)
hits = (said * targets).sum()
precision, recall = hits / said.sum(), hits / targets.sum()
f1 = 2 * precision * recall / (precision + recall)
sure = dice_loss(1000 * (2 * said - 1), targets)
print(f"1 - F1: {1 - f1:.4f}  Dice loss of sure answers: {sure:.4f}")
torch.testing.assert_close(sure, 1 - f1)
nothing = torch.full((10_000,), -10.0)
bce = F.binary_cross_entropy_with_logits(nothing, targets)
print(f"never the object: BCE {bce:.2f}  Dice {dice_loss(nothing, targets):.2f}")
# --8<-- [end:solution_dice_loss]

# --8<-- [start:solution_elastic_net]
from sklearn.linear_model import ElasticNet

X, y = load_diabetes(return_X_y=True)
X, y = torch.tensor(X), torch.tensor(y)
X, y = (X - X.mean(dim=0)) / X.std(dim=0), (y - y.mean()) / y.std()
l1, l2, lr = 0.1, 0.3, 0.1
w = torch.zeros(10, dtype=torch.float64)
for _ in range(500):
    gradient = X.T @ (X @ w - y) / len(y)
    w = F.softshrink(w - lr * gradient, lr * l1) / (1 + lr * l2)
ratio = l1 / (l1 + l2)
model = ElasticNet(l1 + l2, l1_ratio=ratio, fit_intercept=False, random_state=0)
coefficients = torch.tensor(model.fit(X, y).coef_)
torch.testing.assert_close(w, coefficients, rtol=0, atol=1e-3)
print((w.round(decimals=2) + 0.0).tolist(), "exact zeros:", (w == 0).sum().item())
# --8<-- [end:solution_elastic_net]
