# --8<-- [start:function_and_class]
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
layer = nn.Linear(3, 2)  # the class makes weight and bias, and keeps them
x = torch.randn(4, 3)
by_class = layer(x)  # (4, 2)
by_function = F.linear(x, layer.weight, layer.bias)  # the function keeps nothing
by_hand = x @ layer.weight.T + layer.bias
assert torch.equal(by_class, by_function)
torch.testing.assert_close(by_hand, by_function)
print("weight", tuple(layer.weight.shape), " bias", tuple(layer.bias.shape))
by_function
# --8<-- [end:function_and_class]

# --8<-- [start:dropout_function_and_class]
torch.manual_seed(0)
ones = torch.ones(8)
dropout = nn.Dropout(p=0.5).eval()
print("class, eval mode: ", dropout(ones))
print("function, default:", F.dropout(ones, p=0.5))
print("function, told:   ", F.dropout(ones, p=0.5, training=dropout.training))
assert torch.equal(dropout(ones), ones)
# --8<-- [end:dropout_function_and_class]


# --8<-- [start:own_module]
class Affine(nn.Module):
    """scale * x + shift, with one scale and one shift per feature."""

    def __init__(self, features):
        super().__init__()
        self.features = features
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):  # (N, features) -> (N, features)
        return self.scale * x + self.shift

    def extra_repr(self):  # what print shows between the brackets
        return f"features={self.features}"


affine = Affine(3)
print(affine)
affine(torch.tensor([[1.0, 2.0, 3.0]]))  # the call runs hooks, then forward
# --8<-- [end:own_module]


# --8<-- [start:super_init_forgotten]
class Forgetful(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(torch.ones(3))


Forgetful()
# --8<-- [end:super_init_forgotten]


# --8<-- [start:parameter]
class Three(nn.Module):
    def __init__(self):
        super().__init__()
        self.known = nn.Parameter(torch.zeros(2))
        self.plain = torch.zeros(2, requires_grad=True)  # just a tensor
        self.hidden = [nn.Parameter(torch.zeros(2))]  # just a list


three = Three()
print([name for name, _ in three.named_parameters()])
assert isinstance(three.known, torch.Tensor)
assert three.known.requires_grad and three.known.is_leaf
three.known
# --8<-- [end:parameter]


# --8<-- [start:register_buffer]
class RunningMean(nn.Module):
    """Subtracts the mean of all batches seen in training mode."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("seen", torch.tensor(0))
        self.register_buffer("last", torch.zeros(features), persistent=False)

    def forward(self, x):  # (N, features)
        if self.training:
            self.seen += len(x)
            self.last = x.mean(dim=0)
            self.mean += (self.last - self.mean) * len(x) / self.seen
        return x - self.mean


running = RunningMean(2)
running(torch.tensor([[0.0, 10.0], [2.0, 30.0]]))
running(torch.tensor([[4.0, 80.0]]))
print("mean:", running.mean, " seen:", running.seen)
print("parameters:", list(running.parameters()))
print("buffers:   ", [name for name, _ in running.named_buffers()])
print("state_dict:", list(running.state_dict()))
assert running.mean.tolist() == [2.0, 40.0]
# --8<-- [end:register_buffer]


# --8<-- [start:parameter_list]
class Polynomial(nn.Module):
    def __init__(self, *coefficients):
        super().__init__()
        self.c = nn.ParameterList([torch.tensor(v) for v in coefficients])

    def forward(self, x):
        return sum(c * x**k for k, c in enumerate(self.c))


polynomial = Polynomial(1.0, 2.0)
polynomial.c.append(torch.tensor(3.0))  # becomes a Parameter
polynomial.c.extend([torch.tensor(0.0)])
assert all(isinstance(c, nn.Parameter) for c in polynomial.c)
value = polynomial(torch.tensor(2.0))  # 1 + 2 * 2 + 3 * 4 + 0 * 8
assert value == 17
value.backward()
{name: (c.item(), c.grad.item()) for name, c in polynomial.named_parameters()}
# --8<-- [end:parameter_list]

# --8<-- [start:parameter_dict]
start = {"english": torch.ones(2), "chinese": torch.full((2,), 2.0)}
scales = nn.ParameterDict(start)
scales["french"] = torch.zeros(2)  # becomes a Parameter
scales.update({"german": torch.zeros(2)})
removed = scales.pop("german")
print(list(scales.keys()), "without", removed.tolist())
for name, scale in scales.items():
    print(f"{name:8}", scale * torch.tensor([10.0, 20.0]))
assert len(list(scales.parameters())) == 3
# --8<-- [end:parameter_dict]


# --8<-- [start:register_parameter]
class Scale(nn.Module):
    def __init__(self, features, bias):
        super().__init__()
        self.register_parameter("weight", nn.Parameter(torch.ones(features)))
        shift = nn.Parameter(torch.zeros(features)) if bias else None
        self.register_parameter("bias", shift)
        self.origin = nn.Buffer(torch.zeros(features))  # instead of register_buffer


for bias in (True, False):
    scale = Scale(2, bias)
    print([name for name, _ in scale.named_parameters()], "bias:", scale.bias)
try:
    scale.weight = torch.zeros(2)
except TypeError as error:
    print(error)
assert list(scale.state_dict()) == ["weight", "origin"]
# --8<-- [end:register_parameter]

# --8<-- [start:register_module]
torch.manual_seed(0)
made = nn.Module()
made.register_module("stem", nn.Linear(4, 4))
made.add_module("act", nn.ReLU())  # the same function under its older name
made.steps = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
made.heads = nn.ModuleDict({"age": nn.Linear(4, 1), "sex": nn.Linear(4, 2)})
made.tail = nn.Sequential(nn.Tanh(), nn.Linear(4, 1))
print([name for name, _ in made.named_modules() if name])
assert made.steps[1] is made.get_submodule("steps.1")
assert not isinstance(made.steps, nn.Sequential)  # a ModuleList has no forward
# --8<-- [end:register_module]


# --8<-- [start:named_children]
class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.linear = nn.Linear(width, width)

    def forward(self, x):  # (N, width) -> (N, width)
        return x + F.relu(self.linear(self.norm(x)))


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Linear(2, width)
        self.body = nn.Sequential(Residual(width), Residual(width))
        self.head = nn.Linear(width, 1)

    def forward(self, x):  # (N, 2) -> (N, 1)
        return self.head(self.body(self.stem(x)))


torch.manual_seed(0)
net = Net()
for name, child in net.named_children():
    print(f"{name}: {type(child).__name__}")
assert list(net.children()) == [net.stem, net.body, net.head]
net
# --8<-- [end:named_children]

# --8<-- [start:named_parameters]
for name, parameter in net.named_parameters():
    print(f"{name:22}{tuple(parameter.shape)!s:8}{parameter.numel():3}")
here = [name for name, _ in net.head.named_parameters(prefix="head")]
print("one level only:", list(net.parameters(recurse=False)), here)
# --8<-- [end:named_parameters]

# --8<-- [start:named_buffers]
for name, buffer in net.named_buffers():
    print(f"{name:34}{tuple(buffer.shape)!s:6}{buffer.dtype}")
assert len(list(net.buffers())) == 6
# --8<-- [end:named_buffers]

# --8<-- [start:modules_and_named_modules]
for name, module in net.named_modules():
    print(f"{name or '(itself)':16}{type(module).__name__}")
linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
print(len(linears), "linear layers")

relu = nn.ReLU()
twice = nn.Sequential(relu, nn.Tanh(), relu)
print([name for name, _ in twice.named_modules()])
print([name for name, _ in twice.named_modules(remove_duplicate=False)])
# --8<-- [end:modules_and_named_modules]

# --8<-- [start:get_submodule_get_parameter_set_submodule]
torch.manual_seed(0)
other = Net()
print(other.get_submodule("body.1.linear"))
print(other.get_parameter("body.1.norm.weight").tolist())
print(other.get_buffer("body.1.norm.running_var").tolist())
other.set_submodule("head", nn.Linear(4, 10))
print(other.head)
assert other(torch.zeros(5, 2)).shape == (5, 10)
# --8<-- [end:get_submodule_get_parameter_set_submodule]

# --8<-- [start:apply]
order = []


def small_weights(module):
    order.append(type(module).__name__)
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
fresh = Net().apply(small_weights)
print(order)
assert fresh.head.bias.item() == 0 and fresh.head.weight.abs().max() < 0.05
# --8<-- [end:apply]


# --8<-- [start:count_parameters]
def count(module):
    """Numbers that training can change."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


torch.manual_seed(0)
embed, out = nn.Embedding(1000, 64), nn.Linear(64, 1000, bias=False)
tied = nn.ModuleDict({"embed": embed, "out": out})
print("separate:", f"{count(tied):,}")
tied["out"].weight = tied["embed"].weight  # one tensor under two names
print("tied:    ", f"{count(tied):,}")
print("names in state_dict:", list(tied.state_dict()))
assert count(net) == 12 + 2 * (8 + 20) + 5
# --8<-- [end:count_parameters]

# --8<-- [start:freeze]
torch.manual_seed(0)
frozen = Net()
frozen.requires_grad_(False)
frozen.head.requires_grad_(True)
learning = [p for p in frozen.parameters() if p.requires_grad]
optimizer = torch.optim.SGD(learning, lr=0.1)
before = {name: value.clone() for name, value in frozen.state_dict().items()}
frozen(torch.randn(8, 2)).square().mean().backward()
optimizer.step()
after = frozen.state_dict()
changed = [name for name in after if not torch.equal(after[name], before[name])]
print(f"{count(frozen)} numbers can learn. Changed:", *changed, sep="\n  ")
frozen.zero_grad()
assert all(p.grad is None for p in frozen.parameters())
# --8<-- [end:freeze]

# --8<-- [start:layer_table]
from snippets.toolkit.summary import layer_table

torch.manual_seed(0)
print(layer_table(net, lambda: net(torch.randn(8, 2))))
# --8<-- [end:layer_table]

# --8<-- [start:state_dict]
torch.manual_seed(0)
small = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
state = small.state_dict()
for name, value in state.items():
    print(f"{name:22}{tuple(value.shape)!s:8}{value.dtype}")
with torch.no_grad():
    small[0].bias.fill_(7)
assert state["0.bias"].tolist() == [7, 7, 7]  # the same memory, not a copy
assert not state["0.bias"].requires_grad
# --8<-- [end:state_dict]

# --8<-- [start:load_state_dict]
torch.manual_seed(0)
source, target = nn.Linear(2, 3), nn.Linear(2, 3)
weight = target.weight
print(target.load_state_dict(source.state_dict()))
assert target.weight is weight  # the values were copied into the same tensor
assert torch.equal(target.weight, source.weight)
assert target.weight is not source.weight
# --8<-- [end:load_state_dict]

# --8<-- [start:missing_and_unexpected_keys]
torch.manual_seed(0)
pair = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
state = pair.state_dict()
state["2.weight"] = state.pop("1.weight")  # wrong name
try:
    pair.load_state_dict(state)
except RuntimeError as error:
    print(error)
result = pair.load_state_dict(state, strict=False)
print("missing:   ", result.missing_keys)
print("unexpected:", result.unexpected_keys)
# --8<-- [end:missing_and_unexpected_keys]

# --8<-- [start:size_mismatch]
torch.manual_seed(0)
nn.Linear(2, 3).load_state_dict(nn.Linear(2, 4).state_dict(), strict=False)
# --8<-- [end:size_mismatch]

# --8<-- [start:load_with_assign]
torch.manual_seed(0)
state = nn.Linear(2, 3).double().state_dict()
copied, assigned = nn.Linear(2, 3), nn.Linear(2, 3)
optimizer = torch.optim.SGD(assigned.parameters(), lr=0.1)
copied.load_state_dict(state)
assigned.load_state_dict(state, assign=True)
print("copied:  ", copied.weight.dtype)
print("assigned:", assigned.weight.dtype)
known = optimizer.param_groups[0]["params"][0] is assigned.weight
print("does the older optimizer know the new weight?", known)
# --8<-- [end:load_with_assign]


# --8<-- [start:load_state_dict_pre_hook]
class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 1)  # was called fc in old checkpoints
        self.new = nn.Parameter(torch.zeros(1))  # old checkpoints have none
        self.register_load_state_dict_pre_hook(self.rename)
        self.register_load_state_dict_post_hook(self.forgive)

    @staticmethod
    def rename(module, state, prefix, *_):
        for key in [k for k in state if k.startswith(prefix + "fc.")]:
            name = key.removeprefix(prefix + "fc.")
            state[prefix + "head." + name] = state.pop(key)

    @staticmethod
    def forgive(module, keys):
        if "new" in keys.missing_keys:  # new checkpoints have it
            keys.missing_keys.remove("new")


torch.manual_seed(0)
old = {"fc.weight": torch.tensor([[1.0, 2.0]]), "fc.bias": torch.tensor([3.0])}
renamed = Renamed()
print(renamed.load_state_dict(old))
Renamed().load_state_dict(renamed.state_dict())  # a new checkpoint loads too
renamed.head.weight
# --8<-- [end:load_state_dict_pre_hook]


# --8<-- [start:state_dict_hooks]
def announce(module, prefix, keep_vars):
    print(f"about to save {type(module).__name__} at {prefix!r}")


def drop_head(module, state, prefix, metadata):
    for key in [key for key in state if key.startswith(prefix + "head.")]:
        del state[key]


torch.manual_seed(0)
saved = Net()
pre = saved.register_state_dict_pre_hook(announce)
post = saved.register_state_dict_post_hook(drop_head)
without = saved.state_dict()
pre.remove()
post.remove()
print(len(without), "entries without the head,", len(saved.state_dict()), "with it")
# --8<-- [end:state_dict_hooks]

# --8<-- [start:train_and_eval]
torch.manual_seed(0)
mixed = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
x = torch.randn(6, 2)
mixed.eval()
print("training:", [m.training for m in mixed.modules()])
print("same output twice:", torch.equal(mixed(x), mixed(x)))
print("records gradients:", mixed(x).requires_grad)
mixed.train()
print("training:", [m.training for m in mixed.modules()])
print("same output twice:", torch.equal(mixed(x), mixed(x)))
mixed[2].eval()  # one layer alone
assert mixed.training and not mixed[2].training
# --8<-- [end:train_and_eval]

# --8<-- [start:to_dtype]
torch.manual_seed(0)
norm = nn.BatchNorm1d(2)
casts = [norm.double, norm.half, norm.bfloat16, norm.float]
casts.append(lambda: norm.to(torch.float64))
for cast in casts:
    assert cast() is norm  # a module is changed in place
    counter = norm.num_batches_tracked
    print(norm.weight.dtype, norm.running_mean.dtype, counter.dtype)
tensor = torch.zeros(2)
assert tensor.to(torch.float64) is not tensor  # a tensor is not
# --8<-- [end:to_dtype]

# --8<-- [start:to_device]
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
torch.manual_seed(0)
moved = Net()
optimizer = torch.optim.SGD(moved.parameters(), lr=0.1)
moved.to(device)  # no assignment needed
x = torch.randn(4, 2).to(device)  # here it is
assert {t.device.type for t in moved.state_dict().values()} == {device.type}
assert optimizer.param_groups[0]["params"][0] is moved.stem.weight
moved(x).shape
# --8<-- [end:to_device]

# --8<-- [start:meta_device]
with torch.device("meta"):
    huge = nn.Linear(1_000_000, 1_000_000, bias=False)  # 4 TB, were it real
print(f"{huge.weight.numel():,} numbers on", huge.weight.device)
print("output:", huge(torch.empty(3, 1_000_000, device="meta")).shape)

with torch.device("meta"):
    ghost = nn.Linear(2, 2)
torch.manual_seed(0)
state = nn.Linear(2, 2).state_dict()
ghost.load_state_dict(state, assign=True)  # filled from a checkpoint
empty = nn.Linear(2, 2, device="meta")
empty.to_empty(device="cpu")  # memory as it is found
empty.reset_parameters()
assert torch.equal(ghost.weight, state["weight"]) and not empty.weight.is_meta
# --8<-- [end:meta_device]

# --8<-- [start:forward_hook]
torch.manual_seed(0)
watched = Net()
seen = {}


def remember(module, args, output):
    seen[module] = output.detach()


linears = [m for m in watched.modules() if isinstance(m, nn.Linear)]
handles = [linear.register_forward_hook(remember) for linear in linears]
watched(torch.randn(8, 2))
for name, module in watched.named_modules():
    if module in seen:
        output = seen[module]
        print(f"{name:15}{tuple(output.shape)}  mean {output.mean():+.3f}")
for handle in handles:
    handle.remove()
# --8<-- [end:forward_hook]


# --8<-- [start:forward_pre_hook]
def as_floats(module, args):
    """What it returns replaces the arguments; None leaves them."""
    return tuple(a.float() / 255 for a in args)


torch.manual_seed(0)
pixels = torch.randint(0, 256, (2, 4), dtype=torch.uint8)
linear = nn.Linear(4, 1)
with linear.register_forward_pre_hook(as_floats):
    inside = linear(pixels)
print(inside)
torch.testing.assert_close(inside, linear(pixels.float() / 255))
# --8<-- [end:forward_pre_hook]


# --8<-- [start:hook_changes_output]
def clamp(module, args, kwargs, output):
    """What it returns replaces the output."""
    return output.clamp(-1, kwargs["limit"])


class Shift(nn.Module):
    def forward(self, x, *, limit):
        return x + limit


shift = Shift()
x = torch.tensor([-9.0, 0.0, 9.0])
handle = shift.register_forward_hook(clamp, with_kwargs=True)
print("with hook:   ", shift(x, limit=2.0))
print("forward only:", shift.forward(x, limit=2.0))
handle.remove()
print("removed:     ", shift(x, limit=2.0))
# --8<-- [end:hook_changes_output]


# --8<-- [start:full_backward_hook]
def scale_down(module, grad_output):
    return tuple(g / 10 for g in grad_output)


def show(module, grad_input, grad_output):
    print("from above:", grad_output[0], " to below:", grad_input[0])


torch.manual_seed(0)
double = nn.Linear(1, 1, bias=False)
nn.init.constant_(double.weight, 2.0)
x = torch.tensor([[3.0]], requires_grad=True)
double.register_full_backward_hook(show)
double(x).backward()
double.register_full_backward_pre_hook(scale_down)
double(x).backward()
torch.testing.assert_close(double.weight.grad, torch.tensor([[3 + 0.1 * 3]]))
# --8<-- [end:full_backward_hook]

# --8<-- [start:functional_call]
from torch.func import functional_call, grad

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
x, y = torch.randn(5, 2), torch.randn(5, 1)
parameters = {name: p.detach() for name, p in model.named_parameters()}


def loss_of(parameters):
    return F.mse_loss(functional_call(model, parameters, (x,)), y)


gradients = grad(loss_of)(parameters)
F.mse_loss(model(x), y).backward()
for name, p in model.named_parameters():
    torch.testing.assert_close(gradients[name], p.grad)
zeros = {name: torch.zeros_like(p) for name, p in parameters.items()}
print("with zeros:", functional_call(model, zeros, (x[:2],)).flatten())
{name: tuple(g.shape) for name, g in gradients.items()}
# --8<-- [end:functional_call]

# --8<-- [start:stack_module_state]
from torch.func import stack_module_state, vmap

torch.manual_seed(0)
members = [nn.Linear(2, 1) for _ in range(5)]
stacked, buffers = stack_module_state(members)
x = torch.randn(3, 2)


def run(parameters, buffers):
    return functional_call(members[0], (parameters, buffers), (x,))


together = vmap(run)(stacked, buffers)  # (5, 3, 1): all five at once
one_by_one = torch.stack([member(x) for member in members])
torch.testing.assert_close(together, one_by_one)
print({name: tuple(p.shape) for name, p in stacked.items()})
print("spread of the five:", together.std(dim=0).flatten().detach())
# --8<-- [end:stack_module_state]

# --8<-- [start:register_parametrization]
from torch.nn.utils import parametrize


class Symmetric(nn.Module):
    def forward(self, free):  # (n, n), any numbers
        return free.triu() + free.triu(1).T  # (n, n), symmetric


torch.manual_seed(0)
square = nn.Linear(3, 3, bias=False)
parametrize.register_parametrization(square, "weight", Symmetric())
optimizer = torch.optim.SGD(square.parameters(), lr=0.1)
square(torch.randn(4, 3)).square().sum().backward()
optimizer.step()
print([name for name, _ in square.named_parameters()])
assert torch.equal(square.weight, square.weight.T)
square.weight
# --8<-- [end:register_parametrization]

# --8<-- [start:remove_parametrizations]
torch.manual_seed(0)
square = nn.Linear(3, 3, bias=False)
parametrize.register_parametrization(square, "weight", Symmetric())
print(parametrize.is_parametrized(square, "weight"), type(square).__name__)
with parametrize.cached():  # computed once, though it is used twice
    assert square.weight is square.weight
weight = square.weight.clone()
parametrize.remove_parametrizations(square, "weight")  # keeps the computed value
print(parametrize.is_parametrized(square), type(square).__name__)
assert torch.equal(square.weight, weight)
print([name for name, _ in square.named_parameters()])
# --8<-- [end:remove_parametrizations]

# --8<-- [start:weight_norm]
from torch.nn.utils import parametrizations

torch.manual_seed(0)
normed = parametrizations.weight_norm(nn.Linear(4, 2, bias=False))
lengths = normed.parametrizations.weight.original0  # (2, 1), one per output
directions = normed.parametrizations.weight.original1  # (2, 4)
by_hand = lengths * directions / directions.norm(dim=1, keepdim=True)
torch.testing.assert_close(normed.weight, by_hand)
with torch.no_grad():
    lengths.fill_(3.0)
normed.weight.norm(dim=1)
# --8<-- [end:weight_norm]

# --8<-- [start:orthogonal_parametrization]
torch.manual_seed(0)
rotation = parametrizations.orthogonal(nn.Linear(3, 3, bias=False))
optimizer = torch.optim.SGD(rotation.parameters(), lr=0.1)
x = torch.randn(5, 3)
for _ in range(20):
    optimizer.zero_grad()
    rotation(x).sum().backward()
    optimizer.step()
product = rotation.weight @ rotation.weight.T
torch.testing.assert_close(product, torch.eye(3), atol=1e-5, rtol=0)
torch.testing.assert_close(rotation(x).norm(dim=1), x.norm(dim=1))
print("lengths before:", x.norm(dim=1))
print("lengths after: ", rotation(x).norm(dim=1).detach())
# --8<-- [end:orthogonal_parametrization]

# --8<-- [start:spectral_norm]
torch.manual_seed(0)
linear = nn.Linear(6, 4, bias=False)
nn.init.normal_(linear.weight)
largest = torch.linalg.matrix_norm(linear.weight, 2)
print(f"largest singular value before: {largest:.2f}")
bounded = parametrizations.spectral_norm(linear, n_power_iterations=5)
for _ in range(10):
    bounded(torch.randn(2, 6))  # in training mode, each call improves the estimate
largest = torch.linalg.matrix_norm(bounded.weight, 2)
print(f"after: {largest:.2f}")
assert abs(largest - 1) < 1e-3
# --8<-- [end:spectral_norm]

# --8<-- [start:prune]
from torch.nn.utils import prune

torch.manual_seed(0)
linear = nn.Linear(4, 3, bias=False)
prune.l1_unstructured(linear, "weight", amount=0.5)  # the 6 smallest of 12
print([name for name, _ in linear.named_parameters()])
print([name for name, _ in linear.named_buffers()])
assert prune.is_pruned(linear) and (linear.weight_mask == 0).sum() == 6
kept = linear.weight_orig.abs()[linear.weight_mask == 1].min()
assert kept > linear.weight_orig.abs()[linear.weight_mask == 0].max()
prune.remove(linear, "weight")  # makes the zeros permanent
linear.weight
# --8<-- [end:prune]

# --8<-- [start:default_initialisation]
torch.manual_seed(0)
linear = nn.Linear(100, 300)
bound = 1 / 100**0.5  # 1 / sqrt(fan_in), for the weight and the bias
torch.manual_seed(0)
weight = nn.init.kaiming_uniform_(torch.empty(300, 100), a=5**0.5)
bias = nn.init.uniform_(torch.empty(300), -bound, bound)
assert torch.equal(linear.weight, weight) and torch.equal(linear.bias, bias)
print(f"largest {linear.weight.abs().max():.4f}  bound {bound}")
print(f"variance {linear.weight.var():.6f}  1 / (3 fan_in) {1 / 300:.6f}")
# --8<-- [end:default_initialisation]


# --8<-- [start:fan_in_fan_out]
def fans(weight):
    """Inputs that meet in one output, outputs that one input reaches."""
    taps = weight[0, 0].numel()  # 1 for a linear layer, kernel size otherwise
    return weight.shape[1] * taps, weight.shape[0] * taps


torch.manual_seed(0)
layers = [nn.Linear(6, 4), nn.Conv2d(3, 8, 5)]
layers += [nn.Conv2d(8, 16, 3, groups=4), nn.ConvTranspose2d(3, 8, 5)]
kaiming = nn.init.kaiming_uniform_
for layer in layers:
    weight = layer.weight.detach()
    fan_in, fan_out = fans(weight)
    for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
        torch.manual_seed(1)
        drawn = kaiming(torch.empty_like(weight), mode=mode, nonlinearity="linear")
        torch.manual_seed(1)
        bound = (3 / fan) ** 0.5
        by_hand = nn.init.uniform_(torch.empty_like(weight), -bound, bound)
        torch.testing.assert_close(drawn, by_hand)
    print(f"{type(layer).__name__:16}{tuple(weight.shape)!s:15}", end="")
    print(f" fan_in {fan_in:3}  fan_out {fan_out:3}")
# --8<-- [end:fan_in_fan_out]

# --8<-- [start:zeros_ones_constant]
linear = nn.utils.skip_init(nn.Linear, 2, 3)  # memory as it is found: no draw
nn.init.ones_(linear.weight)
nn.init.zeros_(linear.bias)
print(linear(torch.tensor([[1.0, 10.0]])))
nn.init.constant_(linear.bias, 0.5)
assert linear.weight.requires_grad  # still a Parameter, and no graph was recorded
print(linear(torch.tensor([[1.0, 10.0]])))
# --8<-- [end:zeros_ones_constant]

# --8<-- [start:eye_and_dirac]
x = torch.arange(6.0).reshape(2, 3)
matrix = nn.init.eye_(torch.empty(3, 3))
assert torch.equal(F.linear(x, matrix), x)
image = torch.arange(32.0).reshape(1, 2, 4, 4)
kernel = nn.init.dirac_(torch.empty(2, 2, 3, 3))
assert torch.equal(F.conv2d(image, kernel, padding=1), image)
print(kernel[0])  # channel 0 out: the middle of channel 0 in
# --8<-- [end:eye_and_dirac]

# --8<-- [start:uniform_normal_trunc_normal]
import matplotlib.pyplot as plt

torch.manual_seed(0)
empty = torch.empty(50_000)
cut = nn.init.trunc_normal_(empty.clone(), std=0.5, a=-1, b=1)
draws = {
    "uniform_(-1, 1)": nn.init.uniform_(empty.clone(), -1, 1),
    "normal_(std=0.5)": nn.init.normal_(empty.clone(), std=0.5),
    "trunc_normal_(std=0.5, a=-1, b=1)": cut,
}
fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.4), sharey=True, layout="constrained")
colors = ("#2f6fdb", "#e4572e", "#2a9d8f")
for ax, (name, draw), color in zip(axes, draws.items(), colors, strict=True):
    ax.hist(draw.numpy(), bins=40, range=(-2, 2), density=True, color=color)
    ax.set(title=name.replace("(", "\n("), xlabel="weight")
    print(f"{name:34} std {draw.std():.3f}  largest {draw.abs().max():.2f}")
axes[0].set(ylabel="density")
assert cut.abs().max() <= 1
plt.show()
# --8<-- [end:uniform_normal_trunc_normal]

# --8<-- [start:xavier_uniform_and_normal]
fan_in, fan_out, gain = 30, 50, nn.init.calculate_gain("tanh")
empty = torch.empty(fan_out, fan_in)
std = gain * (2 / (fan_in + fan_out)) ** 0.5
bound = 3**0.5 * std
ways = [
    (nn.init.xavier_normal_, lambda w: nn.init.normal_(w, std=std)),
    (nn.init.xavier_uniform_, lambda w: nn.init.uniform_(w, -bound, bound)),
]
for xavier, by_hand in ways:
    torch.manual_seed(0)
    one = xavier(empty.clone(), gain=gain)
    torch.manual_seed(0)
    torch.testing.assert_close(one, by_hand(empty.clone()))
    print(f"{xavier.__name__:16} std {one.std():.3f}  wanted {std:.3f}")
# --8<-- [end:xavier_uniform_and_normal]

# --8<-- [start:kaiming_uniform_and_normal]
fan_in, fan_out = 30, 50
empty = torch.empty(fan_out, fan_in)
for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
    std = (2 / fan) ** 0.5  # gain of relu: sqrt(2)
    bound = 3**0.5 * std
    torch.manual_seed(0)
    normal = nn.init.kaiming_normal_(empty.clone(), mode=mode, nonlinearity="relu")
    torch.manual_seed(0)
    torch.testing.assert_close(normal, nn.init.normal_(empty.clone(), std=std))
    torch.manual_seed(0)
    uniform = nn.init.kaiming_uniform_(empty.clone(), mode=mode, nonlinearity="relu")
    torch.manual_seed(0)
    by_hand = nn.init.uniform_(empty.clone(), -bound, bound)
    torch.testing.assert_close(uniform, by_hand)
    print(f"{mode:7} std wanted {std:.3f}", end="")
    print(f"  normal {normal.std():.3f}  uniform {uniform.std():.3f}")
# --8<-- [end:kaiming_uniform_and_normal]

# --8<-- [start:calculate_gain]
import pandas as pd

torch.manual_seed(0)
z = torch.randn(1_000_000, dtype=torch.float64)
functions = {
    "linear": lambda z: z,
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "selu": F.selu,
}
rows = []
for name, function in functions.items():
    measured = function(z).square().mean().rsqrt().item()
    rows.append((name, nn.init.calculate_gain(name), measured))
leaky = F.leaky_relu(z, 0.2).square().mean().rsqrt().item()
rows.append(("leaky_relu, 0.2", nn.init.calculate_gain("leaky_relu", 0.2), leaky))
columns = ["function", "calculate_gain", "1 / rms of output"]
table = pd.DataFrame(rows, columns=columns)
table.set_index("function").round(2)
# --8<-- [end:calculate_gain]

# --8<-- [start:orthogonal_and_sparse]
torch.manual_seed(0)
wide = nn.init.orthogonal_(torch.empty(3, 5), gain=2.0)
torch.testing.assert_close(wide @ wide.T, 4 * torch.eye(3), atol=1e-5, rtol=0)
print("singular values:", torch.linalg.svdvals(wide))
sparse = nn.init.sparse_(torch.empty(10, 4), sparsity=0.7)
print("zeros in each column:", (sparse == 0).sum(dim=0))
# --8<-- [end:orthogonal_and_sparse]

# --8<-- [start:equal_weights_stay_equal]
torch.manual_seed(0)
x = torch.randn(64, 2)
y = (x[:, :1] * x[:, 1:] > 0).float()  # (64, 1)
for start in ("equal", "random"):
    torch.manual_seed(1)
    twins = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    if start == "equal":
        for p in twins.parameters():
            nn.init.constant_(p, 0.1)
    optimizer = torch.optim.Adam(twins.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(twins(x), y)
        loss.backward()
        optimizer.step()
    rows = torch.unique(twins[0].weight.detach().round(decimals=3), dim=0)
    print(f"{start:6}: {len(rows)} different hidden units, loss {loss:.1f}")
    if start == "equal":
        assert len(rows) == 1 and loss > 0.5
    else:
        assert len(rows) == 8 and loss < 0.3
# --8<-- [end:equal_weights_stay_equal]

# --8<-- [start:variance_through_depth]
starts = {
    "normal_, std=0.01": lambda w: nn.init.normal_(w, std=0.01),
    "normal_, std=0.2": lambda w: nn.init.normal_(w, std=0.2),
    "default": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
    "xavier_normal_": nn.init.xavier_normal_,
    "kaiming_normal_": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
}
colors = ["#7a8599", "#e4572e", "#9b5de5", "#2a9d8f", "#2f6fdb"]
fig, axes = plt.subplots(1, 2, figsize=(7.0, 3.4), layout="constrained")
for (name, start), color in zip(starts.items(), colors, strict=True):
    torch.manual_seed(0)
    outputs = [torch.randn(128, 256, requires_grad=True)]
    for _ in range(30):
        weight = start(torch.empty(256, 256))
        outputs.append(F.relu(F.linear(outputs[-1], weight)))
    direction = torch.randn(128, 256)
    gradients = torch.autograd.grad((outputs[-1] * direction).sum(), outputs)
    forward = [h.detach().double().square().mean().sqrt().item() for h in outputs]
    backward = [g.double().square().mean().sqrt().item() for g in gradients]
    axes[0].semilogy(forward, color=color, label=name)
    axes[1].semilogy(backward, color=color)
    print(f"{name:18} output 30: {forward[-1]:.0e}", end="")
    print(f"  gradient at the input: {backward[0]:.0e}")
    if name == "kaiming_normal_":
        assert 0.1 < forward[-1] < 10 and 0.1 < backward[0] < 10
axes[0].set(title="forward", ylabel="rms of the outputs")
axes[1].set(title="backward", ylabel="rms of the gradient")
for ax in axes:
    ax.set(xlabel="layer", ylim=(1e-12, 1e12))
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:variance_through_depth]

# --8<-- [start:old_names]
import warnings

square = torch.empty(4, 4)
calls = [
    (nn.init.uniform, nn.init.uniform_, ()),
    (nn.init.normal, nn.init.normal_, ()),
    (nn.init.constant, nn.init.constant_, (3.0,)),
    (nn.init.eye, nn.init.eye_, ()),
    (nn.init.xavier_uniform, nn.init.xavier_uniform_, ()),
    (nn.init.xavier_normal, nn.init.xavier_normal_, ()),
    (nn.init.kaiming_uniform, nn.init.kaiming_uniform_, ()),
    (nn.init.kaiming_normal, nn.init.kaiming_normal_, ()),
    (nn.init.orthogonal, nn.init.orthogonal_, ()),
    (nn.init.sparse, nn.init.sparse_, (0.5,)),
    (nn.init.dirac, nn.init.dirac_, ()),
]
for old, new, options in calls:
    weight = torch.empty(2, 2, 3) if new is nn.init.dirac_ else square
    torch.manual_seed(0)
    wanted = new(weight.clone(), *options)
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert torch.equal(old(weight.clone(), *options), wanted)
    assert caught[0].category is FutureWarning
    assert f"{new.__name__}`" in str(caught[0].message)
print(len(calls), "old names. The last one says:", caught[0].message)
# --8<-- [end:old_names]

# --8<-- [start:solution_average_two_nets]
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.manual_seed(0)
one, two, middle = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)
vectors = [parameters_to_vector(layer.parameters()) for layer in (one, two)]
average = (vectors[0] + vectors[1]) / 2
vector_to_parameters(average.detach(), middle.parameters())
x = torch.randn(5, 3)
torch.testing.assert_close(middle(x), (one(x) + two(x)) / 2)  # one linear layer
average.shape
# --8<-- [end:solution_average_two_nets]


# --8<-- [start:solution_extra_state]
class Tagger(nn.Module):
    def __init__(self, words=()):
        super().__init__()
        self.words = list(words)

    def get_extra_state(self):
        return {"words": self.words}

    def set_extra_state(self, state):
        self.words = state["words"]


tagger = Tagger(["red", "blue"])
other = Tagger()
other.load_state_dict(tagger.state_dict())
assert other.words == ["red", "blue"]
tagger.state_dict()
# --8<-- [end:solution_extra_state]


# --8<-- [start:solution_frozen_norms]
class FrozenNorms(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.net.eval()  # whatever was asked for
        return self

    def forward(self, x):
        return self.net(x)


torch.manual_seed(0)
base = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
backbone = FrozenNorms(base).train()
before = base[1].running_mean.clone()
backbone(torch.randn(8, 2))
assert backbone.training and torch.equal(base[1].running_mean, before)
[m.training for m in backbone.modules()]
# --8<-- [end:solution_frozen_norms]


# --8<-- [start:solution_positive_weights]
class Positive(nn.Module):
    def forward(self, free):
        return F.softplus(free)

    def right_inverse(self, weight):  # so that a weight can be assigned
        return weight + torch.log(-torch.expm1(-weight))


torch.manual_seed(0)
layer = nn.Linear(2, 2, bias=False)
nn.init.constant_(layer.weight, 0.5)
parametrize.register_parametrization(layer, "weight", Positive())
torch.testing.assert_close(layer.weight, torch.full((2, 2), 0.5))
layer.weight = torch.tensor([[0.1, 1.0], [2.0, 3.0]])
optimizer = torch.optim.SGD(layer.parameters(), lr=10.0)
layer(torch.ones(1, 2)).sum().backward()
optimizer.step()
assert (layer.weight > 0).all()
layer.weight
# --8<-- [end:solution_positive_weights]


# --8<-- [start:solution_find_the_nan]
class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def find_nan(net, x):
    """The name of the first layer whose output is not finite, or None."""
    found = []
    handles = []
    for name, module in net.named_modules():
        if not list(module.children()):

            def check(module, args, output, name=name):
                if not output.isfinite().all():
                    found.append(name)

            handles.append(module.register_forward_hook(check))
    net(x)
    for handle in handles:
        handle.remove()
    return found[0] if found else None


torch.manual_seed(0)
suspect = nn.Sequential(nn.Linear(2, 4), Root(), nn.Linear(4, 4), nn.Tanh())
assert find_nan(net, torch.ones(4, 2)) is None
find_nan(suspect, torch.randn(8, 2))
# --8<-- [end:solution_find_the_nan]


# --8<-- [start:solution_unit_variance]
@torch.no_grad()
def unit_variance(net, x):
    """Divide each linear layer's weight by the standard deviation of its output."""
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.weight /= layer(x).std()
            assert abs(layer(x).std() - 1) < 1e-3
        x = layer(x)
    return x.std()


torch.manual_seed(0)
layers = [layer for _ in range(20) for layer in (nn.Linear(64, 64), nn.GELU())]
deep = nn.Sequential(*layers)
x = torch.randn(256, 64)
print(f"default: {deep(x).std():.3f}")
after = unit_variance(deep, x)
print(f"measured start: {after:.2f}")
assert after > 0.3
# --8<-- [end:solution_unit_variance]
