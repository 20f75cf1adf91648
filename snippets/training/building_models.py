# --8<-- [start:digits_data]
import torch
from sklearn.datasets import load_digits

bunch = load_digits()
X = torch.from_numpy(bunch.data / 16)  # (1797, 64), float64, between 0 and 1
y = torch.from_numpy(bunch.target)  # (1797,), 0 to 9
X_train, y_train, X_test, y_test = X[:1400], y[:1400], X[1400:], y[1400:]
print(tuple(X.shape), X.dtype, tuple(y.shape), y.dtype)
# --8<-- [end:digits_data]

# --8<-- [start:module_class]
from torch import nn


class Perceptron(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.activation = nn.ReLU()
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x):  # (N, n_in) -> (N, n_out)
        return self.out(self.activation(self.hidden(x)))


torch.manual_seed(0)
model = Perceptron(64, 32, 10)
print(model)
print(model(torch.rand(5, 64)).shape)
# --8<-- [end:module_class]

# --8<-- [start:named_parameters]
for name, p in model.named_parameters():
    print(f"{name:14} {tuple(p.shape)!s:10} {p.numel():5}")
total = sum(p.numel() for p in model.parameters())
print("together", total)
assert total == 64 * 32 + 32 + 32 * 10 + 10
# --8<-- [end:named_parameters]


# --8<-- [start:order_of_assignment]
class Backwards(nn.Module):
    def __init__(self):
        super().__init__()
        self.second = nn.Linear(3, 2)
        self.first = nn.Linear(4, 3)

    def forward(self, x):
        return self.second(self.first(x))


torch.manual_seed(0)
print(Backwards())
print(Backwards()(torch.zeros(1, 4)).shape)
# --8<-- [end:order_of_assignment]

# --8<-- [start:call_not_forward]
seen = []
hook = model.register_forward_hook(lambda module, args, out: seen.append(out))
x = X_train[:2].float()
model(x)
print("after model(x):        ", len(seen), "hook call")
model.forward(x)
print("after model.forward(x):", len(seen), "hook call")
hook.remove()
assert torch.equal(model(x), model.forward(x))
# --8<-- [end:call_not_forward]

# --8<-- [start:sequential_positional]
torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 10),
)
print(net)
print(list(net.state_dict()))
# --8<-- [end:sequential_positional]

# --8<-- [start:sequential_ordered_dict]
from collections import OrderedDict

torch.manual_seed(0)
layers = OrderedDict(
    hidden=nn.Linear(64, 32),
    activation=nn.ReLU(),
    out=nn.Linear(32, 10),
)
named = nn.Sequential(layers)
print(list(named.state_dict()))
print(named.hidden, "is number 0:", named.hidden is named[0])
# --8<-- [end:sequential_ordered_dict]

# --8<-- [start:add_module]
from itertools import pairwise

torch.manual_seed(0)
grown = nn.Sequential()
sizes = [64, 48, 32, 10]
for i, (n_in, n_out) in enumerate(pairwise(sizes)):
    grown.add_module(f"linear{i}", nn.Linear(n_in, n_out))
    if n_out != sizes[-1]:
        grown.add_module(f"relu{i}", nn.ReLU())
print(grown)
# --8<-- [end:add_module]

# --8<-- [start:sequential_append]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32))
net.append(nn.ReLU()).append(nn.Linear(32, 10))
[type(layer).__name__ for layer in net]
# --8<-- [end:sequential_append]

# --8<-- [start:sequential_insert]
net.insert(1, nn.LayerNorm(32))
print([type(layer).__name__ for layer in net])
print(tuple(net(torch.zeros(5, 64)).shape))
# --8<-- [end:sequential_insert]

# --8<-- [start:sequential_extend]
net.extend([nn.ReLU(), nn.Dropout(0.1)])
print([type(layer).__name__ for layer in net])
dropout = net.pop(-1)
print("removed:", dropout, " left:", len(net))
assert net(torch.zeros(5, 64)).shape == (5, 10)
# --8<-- [end:sequential_extend]

# --8<-- [start:sequential_index_and_slice]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
features = net[:2]  # a new Sequential of the same modules
print(type(features).__name__, len(features), features(torch.rand(1, 64)).shape)
print("same layer, not a copy:", features[0] is net[0])

net[-1] = nn.Linear(32, 3)  # another head
print(net(torch.rand(1, 64)).shape)
longer = features + nn.Sequential(nn.Linear(32, 2))
print([type(layer).__name__ for layer in longer])
# --8<-- [end:sequential_index_and_slice]

# --8<-- [start:look_inside]
torch.manual_seed(0)
layers = [nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(dim=1)]
net = nn.Sequential(*layers)
x = torch.rand(5, 64)
for layer in net:
    x = layer(x)
    low, high = x.min().item(), x.max().item()
    print(f"{type(layer).__name__:8} {tuple(x.shape)!s:8} {low:6.2f} to {high:.2f}")
# --8<-- [end:look_inside]

# --8<-- [start:same_net_three_ways]
torch.manual_seed(0)
by_class = Perceptron(64, 32, 10)
by_position = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
names = OrderedDict(
    hidden=nn.Linear(64, 32),
    activation=nn.ReLU(),
    out=nn.Linear(32, 10),
)
by_name = nn.Sequential(names)
by_name.load_state_dict(by_class.state_dict())  # the names are the same
values = by_class.state_dict().values()
renamed = dict(zip(by_position.state_dict(), values, strict=True))
by_position.load_state_dict(renamed)
x = X_test.float()
assert torch.equal(by_class(x), by_name(x))
assert torch.equal(by_class(x), by_position(x))
print(list(by_position.state_dict())[:2], "and", list(by_name.state_dict())[:2])
# --8<-- [end:same_net_three_ways]

# --8<-- [start:numbers_shift]
torch.manual_seed(0)
saved = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).state_dict()
layers = [nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 10)]
newer = nn.Sequential(*layers)
newer.load_state_dict(saved)
# --8<-- [end:numbers_shift]

# --8<-- [start:two_inputs_to_sequential]
torch.manual_seed(0)
nn.Sequential(nn.Bilinear(4, 4, 2), nn.ReLU())(torch.rand(1, 4), torch.rand(1, 4))
# --8<-- [end:two_inputs_to_sequential]


# --8<-- [start:function_makes_a_block]
def mlp(*sizes, dropout=0.0):
    """Linear layers of these sizes, with ReLU and dropout between them."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])  # nothing after the last layer


torch.manual_seed(0)
print(mlp(64, 32, 10))
print(len(mlp(64, 48, 32, 16, 10, dropout=0.2)), "layers")
# --8<-- [end:function_makes_a_block]


# --8<-- [start:nested_blocks]
class ConvBlock(nn.Sequential):
    """A Sequential with a constructor of its own: no forward to write."""

    def __init__(self, n_in, n_out):
        conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        super().__init__(conv, nn.BatchNorm2d(n_out), nn.ReLU())


torch.manual_seed(0)
stage = nn.Sequential(ConvBlock(1, 8), ConvBlock(8, 8), nn.MaxPool2d(2))
body = nn.Sequential(OrderedDict(stage1=stage, stage2=ConvBlock(8, 16)))
for name, p in body.named_parameters():
    print(f"{name:18} {tuple(p.shape)}")
print(tuple(body(X[:5].float().view(5, 1, 8, 8)).shape))
# --8<-- [end:nested_blocks]

# --8<-- [start:walk_the_tree]
print("children:", [name for name, _ in body.named_children()])
for name, module in body.named_modules():
    depth = name.count(".") + 1 if name else 0
    label = name.rpartition(".")[2] or "body"
    print("  " * depth + label, type(module).__name__)
conv = body.get_submodule("stage1.1.0")
print(conv)
print(tuple(conv(torch.zeros(1, 8, 4, 4)).shape))
# --8<-- [end:walk_the_tree]


# --8<-- [start:module_list]
class Tower(nn.Module):
    """As many hidden layers as you like; forward may do anything with them."""

    def __init__(self, n_in, n_hidden, depth, n_out):
        super().__init__()
        widths = [n_in] + [n_hidden] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(n_hidden * depth, n_out)

    def forward(self, x):
        kept = []
        for layer in self.layers:
            x = torch.relu(layer(x))
            kept.append(x)
        return self.out(torch.cat(kept, dim=1))  # sees every layer


torch.manual_seed(0)
tower = Tower(64, 16, depth=3, n_out=10)
for name, p in tower.named_parameters():
    print(f"{name:15} {tuple(p.shape)}")
print("output:", tuple(tower(torch.rand(5, 64)).shape))
# --8<-- [end:module_list]

# --8<-- [start:module_list_methods]
torch.manual_seed(0)
layers = nn.ModuleList([nn.Linear(4, 4)])
layers.append(nn.Linear(4, 3))
layers.insert(0, nn.Linear(5, 4))
layers.extend([nn.Linear(3, 2), nn.Linear(2, 1)])
print([(layer.in_features, layer.out_features) for layer in layers])
print(len(layers), type(layers[1:3]).__name__, list(layers.state_dict())[:2])
last = layers.pop(-1)
print("taken off:", last)
# --8<-- [end:module_list_methods]


# --8<-- [start:plain_list_hides]
class Hiding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(64, 64) for _ in range(3)]  # a plain Python list
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.out(x)


torch.manual_seed(0)
hiding = Hiding()
print("it runs:", tuple(hiding(torch.rand(5, 64)).shape))
print("parameters:", [name for name, _ in hiding.named_parameters()])
hiding.double()
print("after double():", hiding.out.weight.dtype, hiding.layers[0].weight.dtype)
# --8<-- [end:plain_list_hides]

# --8<-- [start:hidden_layers_stay]
torch.manual_seed(0)
hiding = Hiding()
before = hiding.layers[0].weight.detach().clone()
optimizer = torch.optim.SGD(hiding.parameters(), lr=0.1)
loss = nn.CrossEntropyLoss()(hiding(X_train.float()), y_train)
loss.backward()
optimizer.step()
first = hiding.layers[0].weight
print("has a gradient:", first.grad is not None)
print("was trained:   ", not torch.equal(first, before))
# --8<-- [end:hidden_layers_stay]


# --8<-- [start:empty_parameter_list]
class AllHidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(64, 10)]


torch.manual_seed(0)
torch.optim.AdamW(AllHidden().parameters())
# --8<-- [end:empty_parameter_list]

# --8<-- [start:module_list_is_not_callable]
torch.manual_seed(0)
nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])(torch.rand(1, 4))
# --8<-- [end:module_list_is_not_callable]


# --8<-- [start:module_dict]
class TwoTasks(nn.Module):
    """One body, a head for each task."""

    def __init__(self, tasks):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 48), nn.ReLU())
        heads = {name: nn.Linear(48, n) for name, n in tasks.items()}
        self.heads = nn.ModuleDict(heads)

    def forward(self, x, task):
        return self.heads[task](self.body(x))


torch.manual_seed(0)
tasks = TwoTasks({"digit": 10, "parity": 2})
print(tasks.heads)
for task in tasks.heads:
    print(task, tuple(tasks(torch.rand(5, 64), task).shape))
# --8<-- [end:module_dict]

# --8<-- [start:module_dict_methods]
torch.manual_seed(0)
activations = nn.ModuleDict({"relu": nn.ReLU(), "gelu": nn.GELU()})
activations["tanh"] = nn.Tanh()
activations.update({"prelu": nn.PReLU(), "gelu": nn.GELU(approximate="tanh")})
print(list(activations.keys()), "silu" in activations, len(activations))
print(activations["gelu"], "|", activations.pop("relu"))
x = torch.tensor([-2.0, 0.0, 2.0])
for name, activation in activations.items():
    print(f"{name:5}", activation(x).detach())
# --8<-- [end:module_dict_methods]

# --8<-- [start:names_that_are_refused]
for name in ("layer.1", "keys", ""):
    try:
        nn.ModuleDict({name: nn.ReLU()})
    except KeyError as error:
        print(f"{name!r:10}", error)
# --8<-- [end:names_that_are_refused]


# --8<-- [start:own_parameter]
class LayerScale(nn.Module):
    """One factor for each feature, learned, small at the start."""

    def __init__(self, n_features, start=0.1):
        super().__init__()
        self.factor = nn.Parameter(torch.full((n_features,), start))

    def forward(self, x):  # (..., n_features)
        return x * self.factor


scale = LayerScale(3)
print(dict(scale.named_parameters()))
print(scale(torch.ones(2, 3)))
# --8<-- [end:own_parameter]


# --8<-- [start:buffer_or_plain_tensor]
class Standardise(nn.Module):
    def __init__(self, x):
        super().__init__()
        self.register_buffer("mean", x.mean(dim=0))
        self.std = x.std(dim=0) + 0.1  # a plain tensor

    def forward(self, x):
        return (x - self.mean) / self.std


standardise = Standardise(X_train)
print("saved:", list(standardise.state_dict()))
standardise.half()
print("after half():", standardise.mean.dtype, standardise.std.dtype)
# --8<-- [end:buffer_or_plain_tensor]


# --8<-- [start:parameter_list]
class Polynomial(nn.Module):
    """Sum of coefficient k times x to the power k."""

    def __init__(self, degree):
        super().__init__()
        zeros = [torch.zeros(1) for _ in range(degree + 1)]
        self.coefficients = nn.ParameterList(zeros)

    def forward(self, x):
        return sum(c * x**k for k, c in enumerate(self.coefficients))


polynomial = Polynomial(3)
with torch.no_grad():
    polynomial.coefficients[0] += 1  # in place: still the same parameters
    polynomial.coefficients[2] += 2
print(polynomial(torch.tensor([0.0, 1.0, 3.0])).detach())  # 1 + 2 x^2
print([name for name, _ in polynomial.named_parameters()])
polynomial.coefficients.append(torch.ones(1))  # a tensor becomes a parameter
print(type(polynomial.coefficients[4]).__name__, len(polynomial.coefficients))
# --8<-- [end:parameter_list]

# --8<-- [start:parameter_dict]
biases = nn.ParameterDict({"monday": torch.zeros(3), "sunday": torch.ones(3)})
biases["holiday"] = torch.full((3,), 2.0)
print(list(biases.keys()), len(list(biases.parameters())))
print(biases["sunday"].requires_grad, "sunday" in biases)
# --8<-- [end:parameter_dict]


# --8<-- [start:residual_block]
class ResidualBlock(nn.Module):
    """x + f(x): the block learns what to change."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.change = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
        )

    def forward(self, x):  # (N, width) -> (N, width)
        return x + self.change(self.norm(x))


torch.manual_seed(0)
block = ResidualBlock(16)
nn.init.zeros_(block.change[-1].weight)
nn.init.zeros_(block.change[-1].bias)
x = torch.rand(4, 16)
print("with a zero last layer the block does nothing:", torch.equal(block(x), x))
# --8<-- [end:residual_block]

# --8<-- [start:gradients_through_depth]
import matplotlib.pyplot as plt


class PlainBlock(ResidualBlock):
    def forward(self, x):
        return self.change(self.norm(x))


def gradient_sizes(block, depth, seed):
    torch.manual_seed(seed)
    blocks = [block(32) for _ in range(depth)]
    net = nn.Sequential(nn.Linear(64, 32), *blocks, nn.Linear(32, 10)).double()
    nn.CrossEntropyLoss()(net(X_train), y_train).backward()
    return [b.change[0].weight.grad.norm().item() for b in net[1:-1]]


fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for block, color in {PlainBlock: "#e4572e", ResidualBlock: "#2f6fdb"}.items():
    runs = torch.tensor([gradient_sizes(block, 30, seed) for seed in range(5)])
    sizes = runs.mean(dim=0)  # of five networks
    ax.semilogy(sizes, color=color, label=block.__name__)
    print(f"{block.__name__:13} last {sizes[-1]:.1e}, first {sizes[0]:.1e}")
    if block is PlainBlock:
        assert sizes[-1] > 20 * sizes[0] and (runs[:, -1] > 10 * runs[:, 0]).all()
    else:
        assert sizes.min() > 0.2 and sizes.max() < 1
ax.set(xlabel="block", ylabel="norm of the gradient")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:gradients_through_depth]


# --8<-- [start:train_deep_nets]
X_fit, y_fit, X_valid, y_valid = X[:1100], y[:1100], X[1100:1400], y[1100:1400]


def train_deep(block, seed, steps=30):
    torch.manual_seed(seed)
    blocks = [block(32) for _ in range(30)]
    net = nn.Sequential(nn.Linear(64, 32), *blocks, nn.Linear(32, 10)).double()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(net(X_fit), y_fit)
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        return (net(X_valid).argmax(dim=1) == y_valid).double().mean().item()


for block in (PlainBlock, ResidualBlock):
    shares = torch.tensor([train_deep(block, seed) for seed in range(3)])
    print(f"30 x {block.__name__:13}: accuracy {shares.mean():.3f}")
    assert shares.max() < 0.3 if block is PlainBlock else shares.min() > 0.85
# --8<-- [end:train_deep_nets]


# --8<-- [start:projection_shortcut]
class Downsample(nn.Module):
    """A residual block that may change the channels and the size."""

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
        )
        same = n_in == n_out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(n_in, n_out, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.change(x))


torch.manual_seed(0)
x = torch.rand(2, 8, 8, 8)
for arguments in [(8, 8), (8, 16), (8, 16, 2)]:
    block = Downsample(*arguments)
    shortcut = type(block.shortcut).__name__
    print(f"{arguments!s:10} {shortcut:8} -> {tuple(block(x).shape)}")
# --8<-- [end:projection_shortcut]


# --8<-- [start:several_inputs]
class Fusion(nn.Module):
    """A picture and a table row in, logits out."""

    def __init__(self, n_numbers, n_out):
        super().__init__()
        self.picture = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
        self.numbers = nn.Sequential(nn.Linear(n_numbers, 8), nn.ReLU())
        self.out = nn.Linear(4 * 6 * 6 + 8, n_out)

    def forward(self, picture, numbers):  # (N, 1, 8, 8), (N, n_numbers)
        parts = [self.picture(picture), self.numbers(numbers)]  # (N, 144), (N, 8)
        return self.out(torch.cat(parts, dim=1))


torch.manual_seed(0)
fusion = Fusion(n_numbers=2, n_out=10).double()
picture = X[:5].view(5, 1, 8, 8)
ink, contrast = X[:5].mean(dim=1), X[:5].std(dim=1)
numbers = torch.stack([ink, contrast], dim=1)
logits = fusion(picture, numbers)
print(tuple(picture.shape), tuple(numbers.shape), "->", tuple(logits.shape))
# --8<-- [end:several_inputs]


# --8<-- [start:several_outputs]
class Reader(nn.Module):
    """Digit, parity and a short code, from one body."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 48), nn.ReLU())
        self.digit = nn.Linear(48, 10)
        self.odd = nn.Linear(48, 1)

    def forward(self, x):
        code = self.body(x)
        return {
            "digit": self.digit(code),
            "odd": self.odd(code).squeeze(1),
            "code": code,
        }


torch.manual_seed(0)
reader = Reader().double()
{name: tuple(out.shape) for name, out in reader(X[:5]).items()}
# --8<-- [end:several_outputs]

# --8<-- [start:loss_of_several_outputs]
import torch.nn.functional as F

torch.manual_seed(0)
reader = Reader().double()
optimizer = torch.optim.AdamW(reader.parameters(), lr=0.01)
is_odd = (y_train % 2).double()
for _ in range(150):
    optimizer.zero_grad()
    out = reader(X_train)
    digit_loss = F.cross_entropy(out["digit"], y_train)
    odd_loss = F.binary_cross_entropy_with_logits(out["odd"], is_odd)
    loss = digit_loss + 0.5 * odd_loss  # one number, so one backward
    loss.backward()
    optimizer.step()
with torch.inference_mode():
    out = reader(X_test)
digit = (out["digit"].argmax(dim=1) == y_test).double().mean().item()
odd = ((out["odd"] > 0) == (y_test % 2 == 1)).double().mean().item()
print("more than 85 % right:", digit > 0.85, "(digit)", odd > 0.85, "(odd or even)")
assert digit > 0.88 and odd > 0.9
# --8<-- [end:loss_of_several_outputs]


# --8<-- [start:siamese]
class Siamese(nn.Module):
    """Distance of two pictures, both seen by the same encoder."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, a, b):
        return torch.linalg.vector_norm(self.encoder(a) - self.encoder(b), dim=1)


torch.manual_seed(0)
siamese = Siamese().double()
a, b = X[:3], X[3:6]
assert torch.equal(siamese(a, b), siamese(b, a))
distance = siamese(a, b)
distance.sum().backward()
print(tuple(distance.shape), "parameters:", len(list(siamese.parameters())))
# --8<-- [end:siamese]


# --8<-- [start:tied_weights]
class TinyLanguageModel(nn.Module):
    def __init__(self, n_words=50, width=8):
        super().__init__()
        self.embed = nn.Embedding(n_words, width)  # weight (n_words, width)
        self.out = nn.Linear(width, n_words, bias=False)  # weight (n_words, width)
        self.out.weight = self.embed.weight  # one parameter, two names

    def forward(self, words):
        return self.out(self.embed(words))


torch.manual_seed(0)
language = TinyLanguageModel()
print("parameters:", {n: p.numel() for n, p in language.named_parameters()})
print("state_dict:", list(language.state_dict()))
language(torch.tensor([[1, 2, 3]])).sum().backward()
rows = language.embed.weight.grad.abs().sum(dim=1) > 0
print("rows with a gradient:", rows.sum().item(), "of 50")
# --8<-- [end:tied_weights]

# --8<-- [start:same_object_three_times]
import copy

torch.manual_seed(0)
layer = nn.Linear(8, 8)
shared = nn.Sequential(*[layer] * 3)
copied = nn.Sequential(*[copy.deepcopy(layer) for _ in range(3)])
fresh = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])
for name, net in {"shared": shared, "copied": copied, "fresh": fresh}.items():
    n = sum(p.numel() for p in net.parameters())
    alike = torch.equal(net[0].weight, net[1].weight)
    print(f"{name}: {n} numbers to train, layers start alike: {alike}")
# --8<-- [end:same_object_three_times]


# --8<-- [start:dynamic_depth]
class Settle(nn.Module):
    """Apply one layer until the state hardly changes: depth depends on the data."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x, tolerance=1e-3):
        state, change, depth = torch.zeros_like(x), 1.0, 0
        while change > tolerance:
            new = torch.tanh(0.5 * self.layer(state) + x)
            change = (new - state).abs().max()
            state, depth = new, depth + 1
        return state, depth


torch.manual_seed(0)
settle = Settle(8)
for size in (0.0, 0.1, 1.0, 10.0):
    state, depth = settle(size * torch.ones(1, 8))
    print(f"input of size {size:4}: {depth:2} passes")
state.sum().backward()
print("one layer, one gradient:", tuple(settle.layer.weight.grad.shape))
# --8<-- [end:dynamic_depth]


# --8<-- [start:early_exit]
class EarlyExit(nn.Module):
    """A head after every block."""

    def __init__(self, width=32, depth=4):
        super().__init__()
        self.enter = nn.Linear(64, width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(depth))
        self.heads = nn.ModuleList(nn.Linear(width, 10) for _ in range(depth))

    def forward(self, x):
        """Yields the logits of one head after the other."""
        x = self.enter(x)
        for block, head in zip(self.blocks, self.heads, strict=True):
            x = block(x)
            yield head(x)


torch.manual_seed(0)
exits = EarlyExit().double()
print([tuple(logits.shape) for logits in exits(X[:5])])
# --8<-- [end:early_exit]

# --8<-- [start:train_all_heads]
torch.manual_seed(0)
exits = EarlyExit().double()
optimizer = torch.optim.AdamW(exits.parameters(), lr=2e-3)
for _ in range(80):
    optimizer.zero_grad()
    loss = sum(F.cross_entropy(logits, y_fit) for logits in exits(X_fit))
    loss.backward()
    optimizer.step()
shares = [(out.argmax(dim=1) == y_valid).double().mean() for out in exits(X_valid)]
print("accuracy of each head:", [f"{share:.2f}" for share in shares])
assert min(shares) > 0.8
# --8<-- [end:train_all_heads]

# --8<-- [start:stop_when_sure]
import pandas as pd


@torch.inference_mode()
def answer(x, sure):
    """One picture (64,) -> its digit, and how many blocks it took."""
    used = 0
    for logits in exits(x):
        used += 1
        probability = logits.softmax(dim=-1)
        if probability.max() >= sure:
            break
    return probability.argmax().item(), used


rows = []
for sure in (0.5, 0.9, 0.99, 1.1):  # no probability is above 1: all blocks
    found, used = zip(*(answer(x, sure) for x in X_valid[:200]), strict=True)
    right = (torch.tensor(found) == y_valid[:200]).double().mean().item()
    rows.append({"sure": sure, "blocks": sum(used) / 200, "accuracy": right})
table = pd.DataFrame(rows)
away = table["accuracy"] - table["accuracy"].iloc[3]  # from that of all blocks
assert rows[1]["blocks"] < 2 and away.abs().max() < 0.03
table[["sure", "blocks"]].round(2)
# --8<-- [end:stop_when_sure]

# --8<-- [start:lazy_modules]
torch.manual_seed(0)
lazy = nn.Sequential(
    nn.LazyConv2d(8, kernel_size=3),  # only what comes out is given
    nn.LazyBatchNorm2d(),
    nn.ReLU(),
    nn.Flatten(),
    nn.LazyLinear(10),
)
print(lazy)
lazy(torch.zeros(2, 1, 8, 8))  # a dry run sets the sizes
print(lazy)
# --8<-- [end:lazy_modules]

# --8<-- [start:lazy_is_not_ready]
torch.manual_seed(0)
sum(p.numel() for p in nn.LazyLinear(10).parameters())
# --8<-- [end:lazy_is_not_ready]

# --8<-- [start:meta_device]
with torch.device("meta"):
    huge = mlp(4096, 16384, 16384, 4096)
n = sum(p.numel() for p in huge.parameters())
print(f"{n:,} parameters, {n * 4 / 2**30:.1f} GiB in float32")
print("on the device", huge[0].weight.device)

with torch.device("meta"):
    small = mlp(64, 32, 10)
small.to_empty(device="cpu")  # memory, but no values yet
torch.manual_seed(0)
for layer in small:
    if isinstance(layer, nn.Linear):
        layer.reset_parameters()
print(tuple(small(torch.rand(1, 64)).shape), small[0].weight.device)
# --8<-- [end:meta_device]

# --8<-- [start:build_from_config]
KINDS = {"linear": nn.Linear, "relu": nn.ReLU, "dropout": nn.Dropout}


def build(config):
    """[["linear", 64, 32], ["relu"], ...] -> Sequential."""
    return nn.Sequential(*(KINDS[kind](*arguments) for kind, *arguments in config))


config = [["linear", 64, 32], ["relu"], ["dropout", 0.1], ["linear", 32, 10]]
torch.manual_seed(0)
built = build(config)
torch.save({"config": config, "state": built.state_dict()}, "built.pt")

loaded = torch.load("built.pt", weights_only=True)
again = build(loaded["config"])  # no need to remember the sizes
print(again.load_state_dict(loaded["state"]))
assert torch.equal(again.eval()(X.float()), built.eval()(X.float()))
# --8<-- [end:build_from_config]

# --8<-- [start:replace_layers]
torch.manual_seed(0)
net = nn.Sequential(mlp(64, 32, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 10)))
for name, module in list(net.named_modules()):
    if isinstance(module, nn.ReLU):
        net.set_submodule(name, nn.GELU())
print([type(m).__name__ for m in net.modules() if not list(m.children())])
# --8<-- [end:replace_layers]


# --8<-- [start:apply_init]
def init(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
net = mlp(64, 256, 256, 10).apply(init)
wanted = (2 / 256) ** 0.5
print(f"std of the second weight {net[3].weight.std():.4f}, wanted {wanted:.4f}")
biases = [p for p in net.parameters() if p.ndim == 1]
print("biases are zero:", all((b == 0).all().item() for b in biases))
# --8<-- [end:apply_init]


# --8<-- [start:solution_feature_taps]
class Taps(nn.Module):
    """Runs a Sequential and returns the outputs of some of its layers."""

    def __init__(self, net, names):
        super().__init__()
        self.net = net
        self.names = names

    def forward(self, x):
        found = {}
        for name, layer in self.net.named_children():
            x = layer(x)
            if name in self.names:
                found[name] = x
        return found


torch.manual_seed(0)
taps = Taps(mlp(64, 32, 16, 10), {"1", "4"})
print({name: tuple(out.shape) for name, out in taps(torch.rand(5, 64)).items()})
assert all((out >= 0).all() for out in taps(torch.rand(5, 64)).values())
# --8<-- [end:solution_feature_taps]


# --8<-- [start:solution_parallel]
class Parallel(nn.ModuleList):
    """Every branch gets the input; the outputs are joined along the channels."""

    def forward(self, x):
        return torch.cat([branch(x) for branch in self], dim=1)


torch.manual_seed(0)
branches = [nn.Conv2d(1, 4, k, padding=k // 2) for k in (1, 3, 5)]
inception = nn.Sequential(Parallel(branches), nn.ReLU())
out = inception(torch.rand(2, 1, 8, 8))
print(tuple(out.shape), [name for name, _ in inception.named_parameters()][:2])
assert out.shape == (2, 12, 8, 8)
# --8<-- [end:solution_parallel]


# --8<-- [start:solution_find_hidden]
def hidden(model):
    """Names of attributes whose modules or parameters PyTorch can't see."""
    found = []
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if isinstance(value, dict):
                value = list(value.values())
            if attribute.startswith("_") or not isinstance(value, (list, tuple)):
                continue  # names with _ are the registries of PyTorch
            if any(isinstance(item, (nn.Module, nn.Parameter)) for item in value):
                found.append(f"{name}.{attribute}".lstrip("."))
    return found


torch.manual_seed(0)
print(hidden(nn.Sequential(nn.ReLU(), Hiding())), hidden(tower))
assert hidden(Hiding()) == ["layers"] and hidden(tasks) == []
# --8<-- [end:solution_find_hidden]


# --8<-- [start:solution_tied_autoencoder]
class TiedAutoencoder(nn.Module):
    """Encode with W, decode with its transpose."""

    def __init__(self, n_in, n_code):
        super().__init__()
        self.encode = nn.Linear(n_in, n_code)
        self.bias = nn.Parameter(torch.zeros(n_in))

    def forward(self, x):
        code = torch.tanh(self.encode(x))
        return F.linear(code, self.encode.weight.T, self.bias)


torch.manual_seed(0)
auto = TiedAutoencoder(64, 10).double()
optimizer = torch.optim.AdamW(auto.parameters(), lr=0.01)
losses = []
for _ in range(150):
    optimizer.zero_grad()
    loss = F.mse_loss(auto(X_train), X_train)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
variance = X_train.var(dim=0).mean().item()
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, variance {variance:.3f}")
assert sum(p.numel() for p in auto.parameters()) == 64 * 10 + 10 + 64
assert losses[-1] < 0.5 * variance
# --8<-- [end:solution_tied_autoencoder]


# --8<-- [start:solution_stochastic_depth]
class Skipping(nn.Module):
    """A residual block that training leaves out at random."""

    def __init__(self, block, skip):
        super().__init__()
        self.block = block
        self.skip = skip

    def forward(self, x):
        if self.training and torch.rand(()) < self.skip:
            return x
        return self.block(x)


torch.manual_seed(0)
net = nn.Sequential(*(Skipping(ResidualBlock(8), skip=0.5) for _ in range(6)))
x = torch.rand(1, 8)
for training in (True, False):
    net.train(training)
    results = {tuple(net(x).flatten().tolist()) for _ in range(20)}
    print(f"{training=!s:5}  different results in 20 runs: {len(results)}")
assert len(results) == 1
# --8<-- [end:solution_stochastic_depth]

# --8<-- [start:solution_rename_keys]
places = {"0": "0", "2": "3"}  # old number -> new number
moved = {}
for key, value in saved.items():
    number, _, rest = key.partition(".")
    moved[f"{places[number]}.{rest}"] = value
answer = newer.load_state_dict(moved, strict=False)
print("missing:", answer.missing_keys, " unexpected:", answer.unexpected_keys)
assert torch.equal(newer[3].weight, saved["2.weight"])
# --8<-- [end:solution_rename_keys]
