# --8<-- [start:k_means]
import torch

truth = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]], dtype=torch.float64)
torch.manual_seed(0)
noise = 0.8 * torch.randn(3, 50, 2, dtype=torch.float64)
points = (truth[:, None] + noise).flatten(0, 1)  # (150, 2), without labels


def k_means(points, k, rounds=10):
    centres = points[torch.randperm(len(points))[:k]]  # begin at k of the points
    for _ in range(rounds):
        group = torch.cdist(points, centres).argmin(1)  # (150,), the nearest centre
        centres = torch.stack([points[group == j].mean(0) for j in range(k)])
    return centres, group


for seed in range(5):
    torch.manual_seed(seed)
    centres, group = k_means(points, k=3)
    assert torch.cdist(truth, centres).amin(1).max() < 0.5
print(centres[centres[:, 0].argsort()].round(decimals=2))
# --8<-- [end:k_means]

# --8<-- [start:three_labels]
known = torch.tensor([0, 50, 100])  # one point of each class has a label
of_group = torch.zeros(3, dtype=torch.long)
of_group[group[known]] = torch.tensor([0, 1, 2])
predicted = of_group[group]  # (150,)

labels = torch.arange(3).repeat_interleave(50)
correct = (predicted == labels).sum().item()
print(f"{correct} of {len(labels)} correct, with {len(known)} labels")
# --8<-- [end:three_labels]

# --8<-- [start:bandit]
chance = torch.tensor([0.4, 0.6])  # that an arm pays 1: unknown to the agents


def play(explore, agents=400, pulls=300):
    row = torch.arange(agents)
    reward = (torch.rand(agents, 2) < chance).double()  # each arm is pulled once
    count = torch.ones(agents, 2)
    for _ in range(pulls):
        tries = torch.rand(agents) < explore
        best = (reward / count).argmax(1)
        arm = torch.where(tries, torch.randint(2, (agents,)), best)
        reward[row, arm] += (torch.rand(agents) < chance[arm]).double()
        count[row, arm] += 1
    return count[:, 1] / count.sum(1)  # share of the better arm


for seed in range(5):
    torch.manual_seed(seed)
    shares = torch.stack([play(explore) for explore in (0.0, 0.1)])  # (2, 400)
    means, failed = shares.mean(1), (shares < 0.5).sum(1).tolist()
    assert means[1] > 0.75 and means[1] > means[0] + 0.1
    assert failed[0] > 2 * failed[1]
for kind, mean, n in zip(("never", "1 in 10"), means, failed, strict=True):
    print(f"explores {kind}: mean share {mean:.2f}, {n} agents prefer the worse arm")
# --8<-- [end:bandit]

# --8<-- [start:frozen_trunk]
import torch.nn.functional as F
from torch import nn


def samples(n):
    """20 numbers; the signs of the first two decide both labels."""
    x = torch.randn(n, 20, dtype=torch.float64)
    first, second = (x[:, :2] > 0).long().unbind(1)
    return x, 2 * first + second, (first == second).long()  # 4 classes, 2 classes


def train(net, x, y, steps):
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def new_trunk():
    return nn.Sequential(nn.Linear(20, 8), nn.ReLU()).double()


def pretrained_trunk():
    x, quarter, _ = samples(3000)
    trunk = new_trunk()
    train(nn.Sequential(trunk, nn.Linear(8, 4).double()), x, quarter, steps=100)
    return trunk.requires_grad_(False)  # frozen


def copy(module):
    return [p.detach().clone() for p in module.parameters()]


torch.manual_seed(0)
trunk, head = pretrained_trunk(), nn.Linear(8, 2).double()
trunk_before, head_before = copy(trunk), copy(head)
x, _, same_sign = samples(80)
train(nn.Sequential(trunk, head), x, same_sign, steps=100)

for name, part in (("trunk", trunk), ("head", head)):
    print(name, sum(p.numel() for p in part.parameters()), "parameters")
assert all(map(torch.equal, copy(trunk), trunk_before))  # bit by bit
assert not any(map(torch.equal, copy(head), head_before))
# --8<-- [end:frozen_trunk]

# --8<-- [start:frozen_or_new]
accuracies = []
for seed in range(3):
    torch.manual_seed(seed)
    trunks = pretrained_trunk(), new_trunk()
    nets = [nn.Sequential(trunk, nn.Linear(8, 2).double()) for trunk in trunks]
    x, _, same_sign = samples(80)
    x_test, _, same_sign_test = samples(1000)
    for net in nets:
        train(net, x, same_sign, steps=100)
        hits = net(x_test).argmax(1) == same_sign_test
        accuracies.append(hits.double().mean())
frozen, new = torch.stack(accuracies).view(3, 2).mean(0)
print(f"accuracy with the frozen trunk {frozen:.2f}, from nothing {new:.2f}")
assert frozen > 0.7 and new < 0.6
# --8<-- [end:frozen_or_new]

# --8<-- [start:three_polynomials]
import matplotlib.pyplot as plt

x = torch.linspace(-1, 1, 12, dtype=torch.float64)
x_test = torch.linspace(-1, 1, 200, dtype=torch.float64)
degrees = (1, 3, 9)


def noisy(x):
    return torch.sin(3 * x) + 0.2 * torch.randn(len(x), dtype=torch.float64)


def fitted(x, y, degree):
    """The polynomial with the least squared error on (x, y), as a function."""
    powers = torch.linalg.vander(x, N=degree + 1)  # (12, degree + 1)
    w = torch.linalg.lstsq(powers, y[:, None]).solution  # (degree + 1, 1)
    return lambda x: (torch.linalg.vander(x, N=degree + 1) @ w).squeeze(1)


torch.manual_seed(0)
y, y_test = noisy(x), noisy(x_test)
fig, axes = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True, layout="constrained")
errors = []  # (3, 2)
for ax, degree in zip(axes, degrees, strict=True):
    f = fitted(x, y, degree)
    errors.append([F.mse_loss(f(x), y), F.mse_loss(f(x_test), y_test)])
    print(f"degree {degree}: training {errors[-1][0]:.3f}, test {errors[-1][1]:.3f}")
    ax.plot(x_test, torch.sin(3 * x_test), "--", color="#7a8599", label="truth")
    ax.plot(x_test, f(x_test), color="#2f6fdb", label="model")
    ax.plot(x, y, "o", color="#e4572e", markersize=4, label="training data")
    ax.set(title=f"degree {degree}", xlabel="x", ylim=(-2, 2))
axes[0].legend(frameon=False, fontsize=8, loc="lower right")
plt.show()
training, test = torch.tensor(errors).T
assert training[0] > training[1] > training[2]
assert test[0] > test[1] and test[2] > test[1]
# --8<-- [end:three_polynomials]

# --8<-- [start:fifty_sample_sets]
import pandas as pd

rows = []
for degree in degrees:
    torch.manual_seed(0)
    models, errors = [], []
    for _ in range(50):
        y, y_test = noisy(x), noisy(x_test)
        f = fitted(x, y, degree)
        models.append(f(x_test))
        errors.append([F.mse_loss(f(x), y), F.mse_loss(f(x_test), y_test)])
    training, test = torch.tensor(errors).mean(0).tolist()
    mean = torch.stack(models).mean(0)  # (200,)
    bias2 = F.mse_loss(mean, torch.sin(3 * x_test)).item()
    variance = torch.stack(models).var(0, correction=0).mean().item()
    assert abs(test - (bias2 + variance + 0.2**2)) < 0.005
    rows.append([training, test, bias2, variance])
columns = ["training error", "test error", "bias squared", "variance"]
table = pd.DataFrame(rows, index=pd.Index(degrees, name="degree"), columns=columns)
assert table["training error"].is_monotonic_decreasing
assert table["test error"].idxmin() == 3
assert table["bias squared"].idxmax() == 1 and table["variance"].idxmax() == 9
table.round(3)
# --8<-- [end:fifty_sample_sets]


# --8<-- [start:gan]
def train_gan(seed, steps=400, n=64):
    torch.manual_seed(seed)
    generator = nn.Linear(1, 1).double()
    discriminator = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    discriminator.double()
    g_optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    d_optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.6)
    ones = torch.ones(n, 1, dtype=torch.float64)
    is_real = torch.cat([ones, 0 * ones])  # (2 * n, 1)
    for _ in range(steps):
        real = 4 + 0.5 * torch.randn(n, 1, dtype=torch.float64)
        fake = generator(torch.randn(n, 1, dtype=torch.float64))

        d_optimizer.zero_grad()  # the discriminator: 1 for real samples, 0 for fakes
        logits = discriminator(torch.cat([real, fake.detach()]))
        F.binary_cross_entropy_with_logits(logits, is_real).backward()
        d_optimizer.step()

        g_optimizer.zero_grad()  # the generator: its fakes should pass for real
        F.binary_cross_entropy_with_logits(discriminator(fake), ones).backward()
        g_optimizer.step()
    with torch.no_grad():
        return generator(torch.randn(1000, 1, dtype=torch.float64))


for seed in range(4):
    made = train_gan(seed)
    print(f"seed {seed}: mean {made.mean():.2f}, standard deviation {made.std():.2f}")
    assert abs(made.mean() - 4) < 0.5 and made.std() < 0.45
# --8<-- [end:gan]
