# --8<-- [start:count_by_part]
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential()
net.add_module("embed", nn.Embedding(100, 16))
net.add_module("hidden", nn.Linear(16, 32))
net.add_module("norm", nn.BatchNorm1d(32))
for name, part in net.named_children():
    trained = sum(p.numel() for p in part.parameters())
    stored = sum(b.numel() for b in part.buffers())
    print(f"{name:7} {trained:5} parameters {stored:3} in buffers")
assert sum(p.numel() for p in net.parameters()) == 100 * 16 + 16 * 32 + 32 + 2 * 32
# --8<-- [end:count_by_part]


# --8<-- [start:start_again]
@torch.no_grad()
def start_again(module):
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()


torch.manual_seed(0)
classifier = nn.Sequential(nn.Conv1d(3, 8, 5), nn.PReLU(), nn.Flatten(), nn.Linear(48, 2))
fresh = {key: value.clone() for key, value in classifier.state_dict().items()}
with torch.no_grad():
    for p in classifier.parameters():
        p.mul_(7)
torch.manual_seed(0)
classifier.apply(start_again)
same = {key: torch.equal(value, fresh[key]) for key, value in classifier.state_dict().items()}
print(same)
assert all(same.values())
# --8<-- [end:start_again]

# --8<-- [start:padding_stays_zero]
torch.manual_seed(0)
words = nn.Embedding(5, 4, padding_idx=0)
nn.init.normal_(words.weight, mean=3)
print("overwritten:", words.weight.detach()[0].mean().item() > 1)
words.reset_parameters()
bag = nn.EmbeddingBag(5, 4, padding_idx=0)
nn.init.normal_(bag.weight, mean=3)
bag.reset_parameters()
print("after:", [bool(row.any()) for row in words.weight], [bool(row.any()) for row in bag.weight])
assert (words.weight[0] == 0).all() and (bag.weight[0] == 0).all()
assert words.weight[1:].mean().abs() < 1 and bag.weight[1:].mean().abs() < 1
# --8<-- [end:padding_stays_zero]

# --8<-- [start:bounds_of_a_fresh_layer]
torch.manual_seed(0)
layers = {
    "Conv3d": (nn.Conv3d(2, 4, 5), 2 * 5**3),
    "ConvTranspose2d": (nn.ConvTranspose2d(16, 8, 4), 8 * 4**2),
    "Bilinear": (nn.Bilinear(25, 30, 40), 25),
}
for name, (layer, fan_in) in layers.items():
    nn.init.zeros_(layer.weight)
    layer.reset_parameters()
    largest, bound = layer.weight.abs().max(), fan_in**-0.5
    print(f"{name:16} largest weight {largest:.3f}, 1/sqrt(fan_in) = {bound:.3f}")
    assert 0.98 * bound < largest <= bound + 1e-6
# --8<-- [end:bounds_of_a_fresh_layer]

# --8<-- [start:neutral_norms]
torch.manual_seed(0)
for norm in (nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.RMSNorm(6)):
    nn.init.normal_(norm.weight)
    x = 5 + 2 * torch.randn(4, 6)
    other = norm(x)
    norm.reset_parameters()
    y = norm(x)
    print(f"{type(norm).__name__:9} mean square {y.square().mean():.3f}")
    assert not torch.allclose(y, other)
    assert torch.allclose(y.square().mean(), torch.tensor(1.0), atol=1e-3)
# --8<-- [end:neutral_norms]

# --8<-- [start:forget_the_statistics]
g = torch.Generator().manual_seed(0)
old_data = 10 + 3 * torch.randn(64, 2, 9, generator=g, dtype=torch.float64)
new_data = -1 + 0.5 * torch.randn(64, 2, 9, generator=g, dtype=torch.float64)
norm = nn.BatchNorm1d(2, momentum=None, dtype=torch.float64)
nn.init.constant_(norm.weight, 4.0)
norm(old_data)
norm.reset_running_stats()
print("empty: ", norm.running_mean.tolist(), norm.running_var.tolist())
norm(new_data)
print("new:   ", [f"{m:.2f}" for m in norm.running_mean], "weight", norm.weight.tolist())
assert torch.allclose(norm.running_mean, new_data.mean(dim=(0, 2)))
norm.reset_parameters()
print("weight after reset_parameters:", norm.weight.tolist(), norm.num_batches_tracked.item())
# --8<-- [end:forget_the_statistics]

# --8<-- [start:statistics_of_each_picture]
g = torch.Generator().manual_seed(1)
pictures = torch.randn(8, 3, 5, 5, generator=g, dtype=torch.float64)
per_picture = nn.InstanceNorm2d(3, track_running_stats=True, momentum=1.0, dtype=torch.float64)
per_picture(pictures)
seen = per_picture.running_var.clone()
per_picture.reset_running_stats()
print("seen ", [f"{v:.3f}" for v in seen], " reset", per_picture.running_var.tolist())
assert torch.allclose(seen, pictures.var(dim=(2, 3)).mean(dim=0))
# --8<-- [end:statistics_of_each_picture]

# --8<-- [start:convert_everything]
mixed = nn.BatchNorm1d(2)
mixed.register_buffer("ids", torch.tensor([4, 7]))
mixed.double()
print("double:", mixed.weight.dtype, mixed.ids.dtype, mixed.num_batches_tracked.dtype)
mixed.type(torch.float16)
print("type:  ", mixed.weight.dtype, mixed.ids.dtype, mixed.num_batches_tracked.dtype)
# --8<-- [end:convert_everything]

# --8<-- [start:share_between_processes]
torch.manual_seed(0)
worker_model = nn.Linear(3, 2, device="cpu")
before = [p.is_shared() for p in worker_model.parameters()]
print(before, [p.is_shared() for p in worker_model.share_memory().parameters()])
assert all(p.is_shared() for p in worker_model.parameters())
# --8<-- [end:share_between_processes]


# --8<-- [start:own_arguments_in_print]
class Scale(nn.Module):
    def __init__(self, factor, **kwargs):
        super().__init__()
        options = nn.factory_kwargs(kwargs)
        self.factor = nn.Parameter(torch.tensor(factor, **options))

    def forward(self, x):
        return self.factor * x

    def extra_repr(self):
        return f"factor={self.factor.item():.2f}, dtype={self.factor.dtype}"


print(nn.Sequential(Scale(2.0), Scale(0.5, dtype=torch.float64)))
try:
    Scale(1.0, dtyp=torch.float64)
except TypeError as error:
    print("TypeError:", error)
# --8<-- [end:own_arguments_in_print]


# --8<-- [start:state_that_is_no_tensor]
class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = []

    def get_extra_state(self):
        return {"words": self.words, "version": 2}

    def set_extra_state(self, state):
        assert state["version"] == 2
        self.words = list(state["words"])


source, target = nn.ModuleList([Tokens()]), nn.ModuleList([Tokens()])
source[0].words = ["sun", "moon"]
print(source.state_dict())
target.load_state_dict(source.state_dict())
print(target[0].words)
assert target[0].words == source[0].words and target[0].words is not source[0].words
# --8<-- [end:state_that_is_no_tensor]


# --8<-- [start:rename_keys]
def rename(module, state, prefix, *rest):
    for end in ("weight", "bias"):
        if prefix + "fc." + end in state:
            state[prefix + "head." + end] = state.pop(prefix + "fc." + end)


torch.manual_seed(0)
model = nn.ModuleDict({"head": nn.Linear(2, 1)})
old = {"fc.weight": torch.tensor([[1.0, 2.0]]), "fc.bias": torch.tensor([3.0])}
print(model.load_state_dict(old, strict=False))
handle = model.register_load_state_dict_pre_hook(rename)
print(model.load_state_dict(old), model["head"].weight.tolist())
handle.remove()
assert torch.equal(model["head"].bias, old["fc.bias"]) and "fc.bias" in old
# --8<-- [end:rename_keys]


# --8<-- [start:allow_missing]
def allow_missing(module, keys):
    keys.missing_keys[:] = [k for k in keys.missing_keys if "lora" not in k]


torch.manual_seed(0)
adapted = nn.ModuleDict({"base": nn.Linear(2, 2), "lora": nn.Linear(2, 2, bias=False)})
base_only = {k: torch.ones_like(v) for k, v in adapted.state_dict().items() if "base" in k}
try:
    adapted.load_state_dict(base_only)
except RuntimeError as error:
    print("\n".join(str(error).splitlines()[:2]))
adapted.register_load_state_dict_post_hook(allow_missing)
print(adapted.load_state_dict(base_only), adapted["base"].bias.tolist())
# --8<-- [end:allow_missing]


# --8<-- [start:save_in_half]
def to_half(module, state, prefix, metadata):
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = value.half()


torch.manual_seed(0)
model = nn.Linear(300, 100)
full = sum(v.nbytes for v in model.state_dict().values())
handle = model.register_state_dict_post_hook(to_half)
state = model.state_dict()
small = sum(v.nbytes for v in state.values())
print(full, "->", small, "bytes; the model itself:", model.weight.dtype)
handle.remove()
copy = nn.Linear(300, 100)
copy.load_state_dict(state)
print(f"largest change {(copy.weight - model.weight).abs().max():.1e}")
assert full == 4 * 30_100 and small * 2 == full and copy.weight.dtype == torch.float32
# --8<-- [end:save_in_half]


# --8<-- [start:scratch_buffer]
class Causal(nn.Module):
    def __init__(self, size):
        super().__init__()
        mask = torch.ones(size, size, dtype=torch.bool).tril()
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, scores):
        self.steps += 1
        return scores.masked_fill(~self.mask, -torch.inf).softmax(dim=-1)


causal = Causal(3)
print(causal(torch.zeros(3, 3)))
print("saved:", dict(causal.state_dict()))
assert [name for name, _ in causal.named_buffers()] == ["mask", "steps"]
# --8<-- [end:scratch_buffer]

# --8<-- [start:empty_then_filled]
with torch.device("meta"):
    giant = nn.Sequential(nn.Linear(50_000, 50_000), nn.Linear(50_000, 2))
print(f"{sum(p.nbytes for p in giant.parameters()) / 1e9:.1f} GB without memory")
with torch.device("meta"):
    small = nn.Linear(3, 2)
small.to_empty(device="cpu")
torch.manual_seed(0)
small.reset_parameters()
torch.manual_seed(0)
same = torch.equal(small.weight, nn.Linear(3, 2, device="cpu").weight)
print(small.weight.device, "same as a new layer:", same)
assert same and giant[0].weight.is_meta and not small.weight.is_meta
# --8<-- [end:empty_then_filled]

# --8<-- [start:load_without_copy]
saved = {"weight": torch.full((2, 3), 0.5, dtype=torch.bfloat16), "bias": torch.ones(2, dtype=torch.bfloat16)}
with torch.device("meta"):
    shell = nn.Linear(3, 2)
shell.load_state_dict(saved, assign=True)
print(shell.weight.dtype, shell(torch.ones(3, dtype=torch.bfloat16)).tolist())
saved["bias"].fill_(10)
print("shared with the file's tensors:", shell.bias.tolist())
# --8<-- [end:load_without_copy]

# --8<-- [start:parts_by_path]
torch.manual_seed(0)
relu = nn.ReLU()
block = nn.ModuleDict({"act": relu, "fc": nn.Linear(3, 3)})
tree = nn.ModuleDict({"body": nn.ModuleList([block]), "norm": nn.BatchNorm1d(3), "last": relu})
print(tree.get_submodule("body.0.act"))
assert tree.get_parameter("body.0.fc.bias") is block["fc"].bias
everywhere = tree.named_modules(remove_duplicate=False)
paths = [path for path, part in everywhere if isinstance(part, nn.ReLU)]
for path in paths:
    tree.set_submodule(path, nn.GELU())
print(paths, tree.get_submodule("body.0.act"), tree.get_buffer("norm.running_var"))
assert not any(isinstance(part, nn.ReLU) for part in tree.modules())
try:
    tree.get_submodule("body.1")
except AttributeError as error:
    print("AttributeError:", error)
# --8<-- [end:parts_by_path]


# --8<-- [start:convert_inputs]
def celsius(module, args, kwargs):
    degrees = kwargs.pop("fahrenheit")
    return ((degrees - 32) / 1.8,), kwargs


torch.manual_seed(0)
thermometer = nn.Linear(1, 1, bias=False)
nn.init.constant_(thermometer.weight, 2.0)
handle = thermometer.register_forward_pre_hook(celsius, with_kwargs=True)
out = thermometer(fahrenheit=torch.tensor([[212.0], [32.0]]))
print([round(v) for v in out.flatten().tolist()])
handle.remove()
print(thermometer(torch.tensor([[100.0]])).item())
# --8<-- [end:convert_inputs]


# --8<-- [start:change_an_output]
def clamp_output(module, args, output):
    return output.clamp(min=0, max=1)


identity = nn.Identity()
with identity.register_forward_hook(clamp_output):
    inside = identity(torch.tensor([-2.0, 0.25, 3.0]))
outside = identity(torch.tensor([-2.0, 0.25, 3.0]))
print(inside.tolist(), outside.tolist())
assert inside.tolist() == [0, 0.25, 1] and outside.tolist() == [-2, 0.25, 3]
# --8<-- [end:change_an_output]

# --8<-- [start:order_of_calls]
from torch.nn.modules.module import register_module_forward_hook

torch.manual_seed(0)
branch = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Tanh(), nn.Linear(8, 2)), nn.Softmax(-1))
calls = []
watch = register_module_forward_hook(
    lambda module, args, out: calls.append(f"{type(module).__name__} {tuple(out.shape)}")
)
branch(torch.ones(5, 4))
watch.remove()
branch(torch.ones(5, 4))
print(calls)
assert len(calls) == len(list(branch.modules()))
# --8<-- [end:order_of_calls]

# --8<-- [start:gradients_of_outputs]
torch.manual_seed(0)
deep = nn.Sequential(*[nn.Sequential(nn.Linear(16, 16), nn.Sigmoid()) for _ in range(6)])
sizes = {}
for name, part in deep.named_children():
    part.register_full_backward_hook(
        lambda module, grad_in, grad_out, name=name: sizes.update({name: grad_out[0].norm().item()})
    )
deep(torch.randn(8, 16, requires_grad=True)).sum().backward()
print({name: f"{size:.1e}" for name, size in sizes.items()})
assert list(sizes) == list("543210") and sizes["0"] < sizes["5"] / 100
# --8<-- [end:gradients_of_outputs]

# --8<-- [start:reverse_a_gradient]
torch.manual_seed(0)
feature, adversary = nn.Linear(2, 2), nn.Linear(2, 1)
gate = nn.Identity()
gate.register_full_backward_pre_hook(lambda module, grad_out: (-0.5 * grad_out[0],))
x = torch.tensor([[1.0, -1.0]])
adversary(feature(x)).sum().backward()
plain = feature.weight.grad.clone(), adversary.weight.grad.clone()
feature.zero_grad()
adversary.zero_grad()
adversary(gate(feature(x))).sum().backward()
print("adversary", (adversary.weight.grad / plain[1]).tolist())
print("features ", (feature.weight.grad / plain[0]).tolist())
assert torch.allclose(feature.weight.grad, -0.5 * plain[0])
# --8<-- [end:reverse_a_gradient]

# --8<-- [start:sizes_from_data]
torch.manual_seed(0)
lazy = nn.Sequential(nn.LazyConv1d(8, 5), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))


def undecided():
    parts = [m for m in lazy if isinstance(m, nn.modules.lazy.LazyModuleMixin)]
    return [type(m).__name__ for m in parts if m.has_uninitialized_params()]


print(undecided())
try:
    sum(p.numel() for p in lazy.parameters())
except ValueError as error:
    print("ValueError:", str(error).split(". ")[0])
lazy.eval()(torch.zeros(2, 4, 20))
lazy.train()
print(undecided(), lazy[0], lazy[4])
assert lazy[0].weight.shape == (8, 4, 5) and lazy[4].in_features == 8 * 16
assert (lazy[1].running_var == 1).all()
# --8<-- [end:sizes_from_data]

# --8<-- [start:size_without_a_run]
torch.manual_seed(0)
lazy_layers = {
    nn.LazyConv2d(6, 3): torch.empty(1, 5, 8, 8, device="meta"),
    nn.LazyConv3d(6, 3): torch.empty(1, 2, 8, 8, 8, device="meta"),
    nn.LazyConvTranspose2d(6, 3): torch.empty(1, 7, 8, 8, device="meta"),
    nn.LazyInstanceNorm2d(affine=True): torch.empty(1, 9, 8, 8, device="meta"),
}
for layer, like in lazy_layers.items():
    name = type(layer).__name__
    layer.initialize_parameters(like)
    print(f"{name:19} {tuple(layer.weight.shape)}")
    assert like.shape[1] in layer.weight.shape and not layer.weight.is_meta
# --8<-- [end:size_without_a_run]

# --8<-- [start:own_lazy_layer]
from torch.nn.modules.lazy import LazyModuleMixin


class LazyScale(LazyModuleMixin, nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.UninitializedParameter()
        self.count = nn.UninitializedBuffer()

    def initialize_parameters(self, x):
        if self.has_uninitialized_params():
            self.gain.materialize((x.shape[-1],))
            self.count.materialize((), dtype=torch.int64)
            nn.init.ones_(self.gain)
            self.count.zero_()

    def forward(self, x):
        self.count += len(x)
        return x * self.gain


scale = LazyScale()
print(scale.has_uninitialized_params(), scale(torch.full((4, 3), 2.0)).sum().item())
print(scale.has_uninitialized_params(), tuple(scale.gain.shape), scale.count.item())
assert isinstance(scale.gain, nn.Parameter) and "count" in scale.state_dict()
# --8<-- [end:own_lazy_layer]

# --8<-- [start:heads_by_name]
torch.manual_seed(0)
heads = nn.ModuleDict({"age": nn.Linear(4, 1), "city": nn.Linear(4, 10)})
heads.update({"plan": nn.Linear(4, 3)})
x = torch.ones(2, 4)
print({name: tuple(head(x).shape) for name, head in heads.items()})
removed = heads.pop("age")
print(list(heads.keys()), [head.out_features for head in heads.values()], removed)
print("a module's method as a key:", end=" ")
try:
    heads["type"] = nn.Identity()
except KeyError as error:
    print("KeyError", error)
heads.clear()
assert len(heads) == 0 and not list(heads.parameters())
# --8<-- [end:heads_by_name]

# --8<-- [start:parameters_by_name]
start = nn.ParameterDict().fromkeys(["mean", "slope"], 0.0)
weights = nn.ParameterDict({name: torch.full((2,), value) for name, value in start.items()})
weights.setdefault("shift", nn.Parameter(torch.ones(2)))
weights.setdefault("mean", nn.Parameter(torch.full((2,), 99.0)))
print({name: p.tolist() for name, p in weights.items()}, weights.get("scale"))
assert weights.get("shift") is weights["shift"]
short = weights.copy()
name, last = short.popitem()
print(name, last.tolist(), list(short), list(weights))
total = sum(p.sum() for p in weights.values())
total.backward()
assert total == 2 and short["mean"] is weights["mean"] and short["mean"].grad.tolist() == [1, 1]
weights.clear()
print(len(weights), list(weights.parameters()))
# --8<-- [end:parameters_by_name]

# --8<-- [start:shapes_of_states]
torch.manual_seed(0)
options = {"num_layers": 2, "bidirectional": True, "batch_first": True}
x = torch.randn(3, 7, 8)
for lstm in (nn.LSTM(8, 16, **options), nn.LSTM(8, 16, proj_size=5, **options)):
    hidden, cell = lstm.get_expected_hidden_size(x, None), lstm.get_expected_cell_size(x, None)
    print("h0", hidden, " c0", cell)
    assert hidden == (2 * 2, 3, lstm.proj_size or 16) and cell == (2 * 2, 3, 16)
try:
    lstm(x, (torch.zeros(cell), torch.zeros(cell)))
except RuntimeError as error:
    print(error)
# --8<-- [end:shapes_of_states]

# --8<-- [start:cells_step_by_step]
torch.manual_seed(0)
whole, step = nn.GRU(3, 4, dtype=torch.float64), nn.GRUCell(3, 4, dtype=torch.float64)
step.load_state_dict({k.removesuffix("_l0"): v for k, v in whole.state_dict().items()})
x = torch.randn(5, 2, 3, dtype=torch.float64)
state, states = torch.zeros(2, 4, dtype=torch.float64), []
for x_t in x:
    state = step(x_t, state)
    states.append(state)
print([round(v, 3) for v in state[0].tolist()])
torch.testing.assert_close(torch.stack(states), whole(x)[0])
whole.reset_parameters()
step.reset_parameters()
assert not torch.allclose(whole(x)[1][0], state) and whole.weight_hh_l0.abs().max() <= 0.5
assert not torch.allclose(step(x[-1], states[-2]), state) and step.weight_hh.abs().max() <= 0.5
# --8<-- [end:cells_step_by_step]

# --8<-- [start:merge_two_masks]
torch.manual_seed(0)
attention = nn.MultiheadAttention(4, 2, batch_first=True)
x = torch.randn(2, 3, 4)
future = torch.ones(3, 3, dtype=torch.bool).triu(1)
padding = torch.tensor([[False, False, False], [False, False, True]])
merged, kind = attention.merge_masks(future, padding, x)
print(kind, tuple(merged.shape))
print(merged[1, 0].int())
_, weights = attention(x, x, x, key_padding_mask=padding, attn_mask=future)
assert torch.equal(weights == 0, merged[:, 0])
# --8<-- [end:merge_two_masks]

# --8<-- [start:rare_and_frequent_words]
torch.manual_seed(0)
head = nn.AdaptiveLogSoftmaxWithLoss(8, 100, cutoffs=[10, 40], div_value=2.0)
full = nn.Linear(8, 100)
x, word = torch.randn(5, 8), torch.tensor([3, 12, 99, 40, 0])
log_prob = head.log_prob(x)
output, loss = head(x, word)
print(sum(p.numel() for p in head.parameters()), "parameters instead of", sum(p.numel() for p in full.parameters()))
print("most probable:", head.predict(x).tolist())
assert torch.allclose(log_prob.exp().sum(dim=1), torch.ones(5))
assert torch.allclose(output, log_prob[range(5), word]) and torch.isclose(loss, -output.mean())
assert torch.equal(head.predict(x), log_prob.argmax(dim=1))
head.reset_parameters()
assert not torch.allclose(head.log_prob(x), log_prob)
# --8<-- [end:rare_and_frequent_words]

# --8<-- [start:back_from_the_maximum]
torch.manual_seed(0)
picture = torch.randperm(16).reshape(1, 1, 4, 4).float()
pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
peaks, where = pool(picture)
sparse = unpool(peaks, where)
print(picture[0, 0].int(), sparse[0, 0].int(), sep="\n")
assert torch.equal(pool(sparse)[0], peaks)
assert torch.equal(sparse[sparse > 0], picture[sparse > 0]) and (sparse > 0).sum() == 4
# --8<-- [end:back_from_the_maximum]

# --8<-- [start:periodic_edge]
angle = torch.arange(12, dtype=torch.float64) * torch.pi / 6
wave = angle.sin().reshape(1, 1, 12)
difference = torch.tensor([[[-0.5, 0.0, 0.5]]], dtype=torch.float64)
for pad in (nn.CircularPad1d(1), nn.ReplicationPad1d(1), nn.ZeroPad1d(1)):
    slope = nn.functional.conv1d(pad(wave), difference) / torch.sin(angle[1])
    error = (slope - angle.cos()).abs()
    print(f"{type(pad).__name__:16} error at the ends {error[0, 0, 0]:.3f} {error[0, 0, -1]:.3f}")
assert torch.allclose(nn.functional.conv1d(nn.CircularPad1d(1)(wave), difference), 0.5 * angle.cos())
# --8<-- [end:periodic_edge]

# --8<-- [start:pixels_from_channels]
x = torch.arange(16).reshape(1, 4, 2, 2)
picture = nn.PixelShuffle(2)(x)
print(picture[0, 0])
print(nn.ChannelShuffle(2)(x)[0, :, 0, 0])
assert torch.equal(nn.PixelUnshuffle(2)(picture), x)
assert torch.equal(picture[0, 0, ::2, ::2], x[0, 0])
# --8<-- [end:pixels_from_channels]


# --8<-- [start:loss_with_own_distance]
def on_the_circle(a, b):
    return 1 - torch.cos(a - b).mean(dim=-1)


anchor = torch.tensor([[0.0], [0.0]])
positive = torch.tensor([[6.2], [3.0]])
negative = torch.tensor([[3.0], [6.2]])
criterion = nn.TripletMarginWithDistanceLoss(distance_function=on_the_circle, margin=0.5, reduction="none")
print([round(v, 2) for v in criterion(anchor, positive, negative).tolist()])
plain = nn.TripletMarginLoss(margin=0.5, reduction="none")
print([round(v, 2) for v in plain(anchor, positive, negative).tolist()])
expected = 0.5 + torch.cos(torch.tensor(6.2)) - torch.cos(torch.tensor(3.0))
assert torch.isclose(criterion(anchor, positive, negative)[1], expected)
# --8<-- [end:loss_with_own_distance]
