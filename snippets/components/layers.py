# --8<-- [start:linear]
import torch
from torch import nn

torch.manual_seed(0)
linear = nn.Linear(4, 3)  # 4 features in, 3 out
x = torch.randn(2, 4)
y = linear(x)  # (2, 3)
assert torch.allclose(y, x @ linear.weight.T + linear.bias)
print(linear.weight.shape, linear.bias.shape)
print(linear(torch.zeros(2, 7, 4)).shape)
y
# --8<-- [end:linear]

# --8<-- [start:linear_parameters]
torch.manual_seed(0)
for _ in range(100):
    n_in, n_out = torch.randint(1, 200, (2,)).tolist()
    both, weight = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out, bias=False)
    assert sum(p.numel() for p in both.parameters()) == (n_in + 1) * n_out
    assert sum(p.numel() for p in weight.parameters()) == n_in * n_out
print(f"{n_in} to {n_out}: {(n_in + 1) * n_out:,} parameters")
# --8<-- [end:linear_parameters]

# --8<-- [start:linear_wrong_size]
torch.manual_seed(0)
images = torch.zeros(2, 1, 28, 28)
classify = nn.Linear(28 * 28, 10)
print(classify(images.flatten(1)).shape)
classify(images)
# --8<-- [end:linear_wrong_size]

# --8<-- [start:linear_wrong_dtype]
import numpy as np

table = np.array([[1.0, 2.0, 3.0, 4.0]])
linear(torch.from_numpy(table))
# --8<-- [end:linear_wrong_dtype]

# --8<-- [start:bilinear]
import torch.nn.functional as F

torch.manual_seed(0)
bilinear = nn.Bilinear(3, 4, 2)
user, item = torch.randn(5, 3), torch.randn(5, 4)
y = bilinear(user, item)  # (5, 2)
by_hand = torch.einsum("ni,oij,nj->no", user, bilinear.weight, item) + bilinear.bias
assert torch.allclose(y, by_hand, atol=1e-6)
assert torch.equal(y, F.bilinear(user, item, bilinear.weight, bilinear.bias))
bilinear.weight.shape
# --8<-- [end:bilinear]

# --8<-- [start:identity]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
x = torch.randn(2, 4)
print(net(x).shape)
net[2] = nn.Identity()  # takes the place of the head
print(net(x).shape)
assert torch.equal(nn.Identity("any", option=1)(x), x)
net
# --8<-- [end:identity]

# --8<-- [start:lazy_linear]
torch.manual_seed(0)
lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
print(lazy[1])
lazy(torch.zeros(1, 3, 8, 8))  # the first batch tells the size
print(lazy[1], type(lazy[1]).__name__)
assert lazy[1].weight.shape == (10, 3 * 8 * 8)
# --8<-- [end:lazy_linear]

# --8<-- [start:lazy_uninitialized]
unborn = nn.LazyLinear(10)
print(unborn.weight)
sum(p.numel() for p in unborn.parameters())
# --8<-- [end:lazy_uninitialized]

# --8<-- [start:flatten]
images = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4)  # (N, C, H, W)
flatten = nn.Flatten()
print(flatten(images).shape, torch.flatten(images).shape)
print(nn.Flatten(start_dim=2)(images).shape)
assert torch.equal(flatten(images), torch.flatten(images, 1))
flatten
# --8<-- [end:flatten]

# --8<-- [start:unflatten]
unflatten = nn.Unflatten(1, (3, 4, 4))
assert torch.equal(unflatten(flatten(images)), images)
torch.manual_seed(0)
decoder = nn.Sequential(nn.Linear(10, 48), nn.Unflatten(1, (3, -1, 4)))
decoder(torch.zeros(2, 10)).shape
# --8<-- [end:unflatten]

# --8<-- [start:embedding]
torch.manual_seed(0)
embedding = nn.Embedding(num_embeddings=5, embedding_dim=3)
words = torch.tensor([[1, 4, 1], [0, 2, 3]])  # (N, L), dtype int64
vectors = embedding(words)  # (N, L, 3)
one_hot = F.one_hot(words, 5).float()  # (N, L, 5)
assert torch.allclose(vectors, one_hot @ embedding.weight)
print(vectors.shape)
vectors[0]
# --8<-- [end:embedding]

# --8<-- [start:embedding_index]
print(embedding(torch.tensor(4)).shape)
embedding(torch.tensor([3, 5]))
# --8<-- [end:embedding_index]

# --8<-- [start:embedding_padding_idx]
torch.manual_seed(0)
padded = nn.Embedding(5, 3, padding_idx=0)
sentences = torch.tensor([[4, 2, 1], [3, 0, 0]])  # 0 fills the short one up
padded(sentences).sum().backward()
print(padded(sentences)[1])
print(padded.weight.grad)
assert padded.weight[0].count_nonzero() == 0
# --8<-- [end:embedding_padding_idx]

# --8<-- [start:embedding_from_pretrained]
table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
frozen = nn.Embedding.from_pretrained(table)
tuned = nn.Embedding.from_pretrained(table.clone(), freeze=False)
print(frozen(torch.tensor([2, 0])))
print(frozen.weight.requires_grad, tuned.weight.requires_grad)
# --8<-- [end:embedding_from_pretrained]

# --8<-- [start:embedding_sparse]
torch.manual_seed(0)
big = nn.Embedding(100_000, 8, sparse=True)
big(torch.tensor([7, 42, 7])).sum().backward()
grad = big.weight.grad.coalesce()
print(grad.layout, tuple(grad.shape))
print(grad.indices(), grad.values().shape)
assert grad.values()[0].tolist() == [2.0] * 8  # row 7 was used twice
# --8<-- [end:embedding_sparse]

# --8<-- [start:embedding_bag]
torch.manual_seed(0)
bag = nn.EmbeddingBag(6, 2, mode="mean")
ids = torch.tensor([1, 2, 4, 5, 5, 0])
offsets = torch.tensor([0, 2, 3])  # bags start here: [1, 2], [4], [5, 5, 0]
y = bag(ids, offsets)  # (3, 2)
for row, part in zip(y, torch.tensor_split(ids, (2, 3)), strict=True):
    assert torch.allclose(row, bag.weight[part].mean(dim=0))
y
# --8<-- [end:embedding_bag]

# --8<-- [start:embedding_bag_modes]
table = torch.tensor([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0], [3.0, -5.0]])
ids = torch.tensor([[1, 2, 2], [3, 3, 1]])  # (N, L): no offsets needed
for mode in ("sum", "mean", "max"):
    print(mode, nn.EmbeddingBag.from_pretrained(table, mode=mode)(ids).tolist())
weights = torch.tensor([[1.0, 0.5, 0.5], [0.0, 0.0, 2.0]])
summing = nn.EmbeddingBag.from_pretrained(table, mode="sum")
summing(ids, per_sample_weights=weights)
# --8<-- [end:embedding_bag_modes]

# --8<-- [start:dropout]
torch.manual_seed(0)
dropout = nn.Dropout(p=0.25)
x = torch.ones(2, 6)
y = dropout(x)
print(y)
assert set(y.flatten().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
mean = dropout(torch.ones(100_000)).mean().item()
assert abs(mean - 1) < 0.01
print(f"{mean:.2f}")
# --8<-- [end:dropout]

# --8<-- [start:dropout_eval]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5))
x = torch.randn(3, 4)
net.train()
print("train, two passes equal:", torch.equal(net(x), net(x)))
net.eval()
print("eval, two passes equal:", torch.equal(net(x), net(x)))
assert torch.equal(net(x), net[0](x))
# --8<-- [end:dropout_eval]


# --8<-- [start:functional_dropout]
class Forgetful(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)  # training=True is the default


class Careful(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, training=self.training)


torch.manual_seed(0)
print(Forgetful().eval()(torch.ones(8)))
print(Careful().eval()(torch.ones(8)))
# --8<-- [end:functional_dropout]

# --8<-- [start:dropout1d]
torch.manual_seed(0)
x = torch.ones(2, 3, 4)  # (N, C, L)
y = nn.Dropout1d(0.5)(x)
print(y)
assert torch.equal(y.amin(dim=2), y.amax(dim=2))  # a channel goes as a whole
# --8<-- [end:dropout1d]

# --8<-- [start:dropout2d]
torch.manual_seed(0)
images = torch.ones(2, 4, 8, 8)  # (N, C, H, W)
y = nn.Dropout2d(0.5)(images)
assert torch.equal(y.amin(dim=(2, 3)), y.amax(dim=(2, 3)))
y.mean(dim=(2, 3))  # one number for each sample and channel
# --8<-- [end:dropout2d]

# --8<-- [start:dropout3d]
torch.manual_seed(0)
clips = torch.ones(2, 4, 5, 8, 8)  # (N, C, D, H, W)
y = nn.Dropout3d(0.5)(clips)
assert torch.equal(y.amin(dim=(2, 3, 4)), y.amax(dim=(2, 3, 4)))
assert torch.equal(nn.Dropout3d(0.5).eval()(clips), clips)
y.mean(dim=(2, 3, 4))
# --8<-- [end:dropout3d]

# --8<-- [start:alpha_dropout]
torch.manual_seed(0)
x = torch.randn(100_000)  # mean 0, standard deviation 1
for layer in (nn.Dropout(0.2), nn.AlphaDropout(0.2)):
    y = layer(x)
    dropped = y == y.mode().values  # the one value that occurs again and again
    print(f"{type(layer).__name__:<13}{y.std():.2f} {y[dropped].mean().item():.2f}")
assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
assert abs(dropped.float().mean() - 0.2) < 0.01
assert torch.equal(layer.eval()(x), x)
# --8<-- [end:alpha_dropout]

# --8<-- [start:feature_alpha_dropout]
torch.manual_seed(0)
y = nn.FeatureAlphaDropout(0.5)(torch.zeros(2, 3, 4))  # (N, C, L)
print(y[0])
assert torch.equal(y.amin(dim=2), y.amax(dim=2))
assert nn.FeatureAlphaDropout(0.5).eval()(torch.ones(2, 3, 4)).eq(1).all()
# --8<-- [end:feature_alpha_dropout]

# --8<-- [start:dropout_picture]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, ORANGE, draw_cells, frame

torch.manual_seed(46)
x = torch.ones(1, 4, 5)  # one sample, four channels
layers = [nn.Dropout(), nn.Dropout1d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()]
fig, ax = plt.subplots()
for place, layer in enumerate(layers):
    y = layer(x)[0]
    colors = [[BLUE if v > 0 else ORANGE for v in row] for row in y.tolist()]
    texts = [[f"{v:.1f}" for v in row] for row in y.tolist()]
    at = (7 * (place % 2), 6.2 * (place // 2))
    draw_cells(ax, texts, colors, at=at, title=type(layer).__name__, size=9)
frame(ax, cell=0.4)
plt.show()
# --8<-- [end:dropout_picture]


# --8<-- [start:why_normalise]
from snippets.toolkit.plots import HUES


def spreads(norm, depth=30):
    """How much the samples of a batch differ after each layer."""
    torch.manual_seed(0)
    h, result = torch.randn(256, 64), []
    for _ in range(depth):
        h = F.relu(norm(nn.Linear(64, 64, bias=False)(h)))
        result.append(h.std(dim=0).mean().item())
    return result


norms = [nn.Identity(), nn.BatchNorm1d(64), nn.LayerNorm(64), nn.RMSNorm(64)]
curves = [torch.tensor(spreads(norm)) for norm in norms]
fig, ax = plt.subplots(figsize=(6, 3))
for norm, curve, hue in zip(norms, curves, HUES, strict=False):
    ax.semilogy(curve, color=hue, label=type(norm).__name__)
ax.set(xlabel="layer", ylabel="spread over the batch", title="30 layers")
ax.legend()
plain, batch, layer, rms = curves
assert (plain[1:] < 0.6 * plain[:-1]).all() and plain[-1] < 1e-12
assert ((batch > 0.5) & (batch < 0.7)).all() and 0.03 < layer[-1] < 0.1
torch.testing.assert_close(layer, rms, rtol=0.4, atol=0.0)
plt.show()
# --8<-- [end:why_normalise]

# --8<-- [start:norm_axes]
from snippets.toolkit.plots import draw_box


def share(norm, x):
    """Which elements of x decide what becomes of x[0, 0, 0]."""
    x = x.clone().requires_grad_()
    norm(x)[0, 0, 0].backward()
    return x.grad != 0


torch.manual_seed(0)
x = torch.randn(4, 6, 3)
channels = {
    "BatchNorm1d(6)": nn.BatchNorm1d(6),
    "InstanceNorm1d(6)": nn.InstanceNorm1d(6),
    "GroupNorm(2, 6)": nn.GroupNorm(2, 6),
    "LayerNorm([6, 3])": nn.LayerNorm([6, 3]),
    "LayerNorm(3)": nn.LayerNorm(3),
    "RMSNorm(3)": nn.RMSNorm(3),
}
fig, ax = plt.subplots()
for place, (title, norm) in enumerate(channels.items()):
    mask = share(norm, x)
    print(f"{title:<18}{mask.sum().item():>3} elements")
    hue = ORANGE if isinstance(norm, nn.RMSNorm) else BLUE
    colors = [[[hue if v else None for v in r] for r in s] for s in mask.tolist()]
    at = (9 * (place % 3), 11 * (place // 3))
    axes = "NCL" if place < 4 else ("N", "L", "C")
    draw_box(ax, colors, at=at, title=title, axes=axes)
frame(ax, cell=0.24)
plt.show()
# --8<-- [end:norm_axes]

# --8<-- [start:batch_norm_1d_train]
torch.manual_seed(0)
norm = nn.BatchNorm1d(3)
x = 5 + 2 * torch.randn(8, 3)  # (N, C)
y = norm(x)
mean, var = x.mean(dim=0), x.var(dim=0, correction=0)  # over the batch
by_hand = (x - mean) / torch.sqrt(var + norm.eps) * norm.weight + norm.bias
assert torch.allclose(y, by_hand, atol=1e-5)
assert torch.allclose(norm.running_mean, 0.9 * torch.zeros(3) + 0.1 * mean)
assert torch.allclose(norm.running_var, 0.9 * torch.ones(3) + 0.1 * x.var(dim=0))
print(y.mean(dim=0).abs() < 1e-6, y.std(dim=0, correction=0).round(decimals=3))
{name: tuple(t.shape) for name, t in norm.state_dict().items()}
# --8<-- [end:batch_norm_1d_train]

# --8<-- [start:batch_norm_1d_eval]
norm.eval()
before = norm.running_mean.clone()
y = norm(x)
scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
assert torch.allclose(y, (x - norm.running_mean) * scale + norm.bias)
assert torch.equal(norm.running_mean, before)  # nothing is updated
same = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
assert torch.equal(y, same)
y.mean(dim=0)
# --8<-- [end:batch_norm_1d_eval]

# --8<-- [start:running_statistics]
jitter = []  # the mean step from one batch to the next
fig, ax = plt.subplots(figsize=(6, 3))
for momentum, hue in zip((0.5, 0.1, 0.01, None), HUES, strict=False):
    torch.manual_seed(0)
    tracker, path = nn.BatchNorm1d(1, momentum=momentum), []
    for _ in range(100):
        tracker(5 + 2 * torch.randn(16, 1))
        path.append(tracker.running_mean.item())
    ax.plot(path, color=hue, label=f"momentum={momentum}")
    print(momentum, round(path[9], 2), round(path[-1], 2))
    jitter.append(torch.tensor(path).diff().abs().mean().item())
assert jitter == sorted(jitter, reverse=True)  # None is the calmest
ax.set(xlabel="batch", ylabel="running mean", title="The true mean is 5")
ax.legend()
plt.show()
# --8<-- [end:running_statistics]

# --8<-- [start:batch_mates]
torch.manual_seed(0)
norm = nn.BatchNorm1d(3)
sample, mates, others = torch.randn(1, 3), torch.randn(3, 3), 4 + torch.randn(3, 3)
print(norm(torch.cat([sample, mates]))[0])
print(norm(torch.cat([sample, others]))[0])
norm.eval()
first = norm(torch.cat([sample, mates]))[0]
torch.testing.assert_close(first, norm(torch.cat([sample, others]))[0])
first
# --8<-- [end:batch_mates]

# --8<-- [start:batch_norm_one_sample]
norm.train()
norm(sample)
# --8<-- [end:batch_norm_one_sample]

# --8<-- [start:bias_before_norm]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
x = torch.randn(8, 4)
before = net(x)
nn.init.constant_(net[0].bias, 10.0)
print((net(x) - before).abs().max() < 1e-3)
net(x).sin().sum().backward()
assert net[0].weight.grad.abs().max() > 1
assert net[0].bias.grad.abs().max() < 1e-2  # it can't learn either
# --8<-- [end:bias_before_norm]

# --8<-- [start:batch_norm_2d]
torch.manual_seed(0)
images = torch.randn(4, 3, 5, 5)  # (N, C, H, W)
norm = nn.BatchNorm2d(3)
mean = images.mean(dim=(0, 2, 3), keepdim=True)  # (1, 3, 1, 1)
var = images.var(dim=(0, 2, 3), correction=0, keepdim=True)
assert torch.allclose(
    norm(images), (images - mean) / torch.sqrt(var + norm.eps), atol=1e-5
)
print(mean.shape, norm.weight.shape)
# --8<-- [end:batch_norm_2d]

# --8<-- [start:batch_norm_3d]
torch.manual_seed(0)
clips = torch.randn(2, 3, 4, 5, 5)  # (N, C, D, H, W)
norm = nn.BatchNorm3d(3)
mean = clips.mean(dim=(0, 2, 3, 4), keepdim=True)
var = clips.var(dim=(0, 2, 3, 4), correction=0, keepdim=True)
assert torch.allclose(
    norm(clips), (clips - mean) / torch.sqrt(var + norm.eps), atol=1e-5
)
print(norm)
print(sum(p.numel() for p in norm.parameters()), len(list(norm.buffers())))
# --8<-- [end:batch_norm_3d]

# --8<-- [start:sync_batch_norm]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
x = torch.randn(5, 4)
before, names = net.eval()(x), list(net.state_dict())
net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
assert isinstance(net[1], nn.SyncBatchNorm)
assert torch.equal(net(x), before) and list(net.state_dict()) == names
net
# --8<-- [end:sync_batch_norm]

# --8<-- [start:layer_norm]
torch.manual_seed(0)
tokens = 5 + 2 * torch.randn(2, 7, 6)  # (N, L, features)
norm = nn.LayerNorm(6)
mean = tokens.mean(dim=-1, keepdim=True)  # (2, 7, 1): one for each token
var = tokens.var(dim=-1, correction=0, keepdim=True)
by_hand = (tokens - mean) / torch.sqrt(var + norm.eps) * norm.weight + norm.bias
assert torch.allclose(norm(tokens), by_hand, atol=1e-5)
assert torch.equal(norm(tokens), norm.eval()(tokens))  # no matter the mode
one_token = norm(tokens[:1, :1])
torch.testing.assert_close(one_token, norm(tokens)[:1, :1])  # one is enough
norm
# --8<-- [end:layer_norm]

# --8<-- [start:layer_norm_axes]
images = torch.zeros(4, 3, 8, 8)  # (N, C, H, W)
print(nn.LayerNorm(3)(images.permute(0, 2, 3, 1)).shape)  # channels last
print(nn.LayerNorm([3, 8, 8])(images).shape)
nn.LayerNorm(3)(images)
# --8<-- [end:layer_norm_axes]

# --8<-- [start:group_norm]
torch.manual_seed(0)
images = torch.randn(2, 6, 4, 4)  # (N, C, H, W)
norm = nn.GroupNorm(num_groups=3, num_channels=6)
groups = images.reshape(2, 3, -1)  # (N, groups, the rest)
mean = groups.mean(-1, keepdim=True)  # (2, 3, 1)
var = groups.var(-1, correction=0, keepdim=True)
by_hand = ((groups - mean) / torch.sqrt(var + norm.eps)).reshape(images.shape)
assert torch.allclose(norm(images), by_hand, atol=1e-5)
assert torch.equal(norm(images), F.group_norm(images, 3, norm.weight, norm.bias))
layer, instance = nn.LayerNorm([6, 4, 4]), nn.InstanceNorm2d(6)
assert torch.allclose(nn.GroupNorm(1, 6)(images), layer(images), atol=1e-5)
assert torch.allclose(nn.GroupNorm(6, 6)(images), instance(images), atol=1e-5)
mean.shape
# --8<-- [end:group_norm]

# --8<-- [start:instance_norm]
torch.manual_seed(0)
images = torch.rand(2, 3, 8, 8)
norm = nn.InstanceNorm2d(3)
mean = images.mean(dim=(2, 3), keepdim=True)  # (2, 3, 1, 1)
var = images.var(dim=(2, 3), correction=0, keepdim=True)
assert torch.allclose(
    norm(images), (images - mean) / torch.sqrt(var + norm.eps), atol=1e-5
)
assert torch.equal(norm(images), F.instance_norm(images))
brighter = 0.5 + 3 * images
print((norm(images) - norm(brighter)).abs().max() < 1e-2)
print(len(list(norm.parameters())), len(list(norm.buffers())))
# --8<-- [end:instance_norm]

# --8<-- [start:instance_norm_1d_3d]
torch.manual_seed(0)
for layer, x in (
    (nn.InstanceNorm1d(4, affine=True), torch.randn(2, 4, 9)),
    (nn.InstanceNorm3d(4, affine=True), torch.randn(2, 4, 3, 5, 5)),
):
    inner = tuple(range(2, x.dim()))  # everything after (N, C)
    mean, std = layer(x).mean(dim=inner), layer(x).std(dim=inner, correction=0)
    assert mean.abs().max() < 1e-5 and (std - 1).abs().max() < 1e-3
    print(type(layer).__name__, inner, sum(p.numel() for p in layer.parameters()))
# --8<-- [end:instance_norm_1d_3d]

# --8<-- [start:rms_norm]
torch.manual_seed(0)
tokens = 5 + 2 * torch.randn(2, 7, 6)  # (N, L, features)
norm = nn.RMSNorm(6)
eps = torch.finfo(torch.float32).eps  # what eps=None means
rms = torch.sqrt(tokens.square().mean(dim=-1, keepdim=True) + eps)  # (2, 7, 1)
assert torch.allclose(norm(tokens), tokens / rms * norm.weight)
assert torch.equal(norm(tokens), F.rms_norm(tokens, (6,), norm.weight))
print(norm(tokens).mean().round(decimals=2))
print(nn.LayerNorm(6)(tokens).mean().abs() < 1e-6)
centred = tokens - tokens.mean(dim=-1, keepdim=True)
assert torch.allclose(norm(centred), nn.LayerNorm(6)(tokens), atol=1e-4)
norm
# --8<-- [end:rms_norm]

# --8<-- [start:local_response_norm]
torch.manual_seed(0)
images = torch.rand(1, 5, 2, 2)  # (N, C, H, W)
norm = nn.LocalResponseNorm(size=3, alpha=1.0, beta=0.75, k=2.0)
y = norm(images)
squares = F.pad(images.square(), (0, 0, 0, 0, 1, 1))  # a zero channel at both ends
neighbours = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
assert torch.allclose(y, images / (2 + 1.0 / 3 * neighbours) ** 0.75)
assert torch.equal(y, F.local_response_norm(images, 3, alpha=1.0, beta=0.75, k=2.0))
(y / images)[0, :, 0, 0]
# --8<-- [end:local_response_norm]

# --8<-- [start:lazy_norms]
images, signals = torch.zeros(4, 6, 5, 5), torch.zeros(4, 6, 9)
clips = torch.zeros(4, 6, 3, 5, 5)
pairs = {
    nn.LazyBatchNorm1d(): signals,
    nn.LazyBatchNorm2d(): images,
    nn.LazyBatchNorm3d(): clips,
    nn.LazyInstanceNorm1d(affine=True): signals,
    nn.LazyInstanceNorm2d(affine=True): images,
    nn.LazyInstanceNorm3d(affine=True): clips,
}
for norm, x in pairs.items():
    before = type(norm).__name__
    norm(x)
    assert norm.weight.shape == (6,)
    print(f"{before} became {type(norm).__name__}({norm.num_features})")
# --8<-- [end:lazy_norms]

# --8<-- [start:which_norm]
import pandas as pd

torch.manual_seed(0)
x = torch.randn(8, 6, 10)  # (N, C, L)
first = torch.zeros(8, 1, 1)
first[0] = 1  # picks sample 0
changes = {
    "other samples": x + (1 - first),
    "sample 0 times 3": x * (1 + 2 * first),
    "sample 0 plus 5": x + 5 * first,
    "channel 0 times 3": torch.cat([3 * x[:, :1], x[:, 1:]], dim=1),
}
norms = {
    "BatchNorm, train": nn.BatchNorm1d(6),
    "BatchNorm, eval": nn.BatchNorm1d(6).eval(),
    "InstanceNorm": nn.InstanceNorm1d(6),
    "GroupNorm": nn.GroupNorm(2, 6),
    "LayerNorm": nn.LayerNorm([6, 10]),
    "RMSNorm": nn.RMSNorm([6, 10]),
}
rows = {
    name: {
        change: torch.allclose(norm(x)[0], norm(changed)[0], atol=1e-3)
        for change, changed in changes.items()
    }
    for name, norm in norms.items()
}
pd.DataFrame(rows).T.replace({True: "same", False: "changes"})
# --8<-- [end:which_norm]

# --8<-- [start:cosine_similarity]
a = torch.tensor([[1.0, 0.0], [1.0, 1.0], [2.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
b = torch.tensor([[0.0, 3.0], [1.0, 0.0], [5.0, 5.0], [-2.0, 0.0], [1.0, 0.0]])
cosine = nn.CosineSimilarity(dim=1)
y = cosine(a, b)
norms = a.norm(dim=1) * b.norm(dim=1)
assert torch.allclose(y, (a * b).sum(dim=1) / norms.clamp(min=1e-8))
assert torch.equal(y, F.cosine_similarity(a, b, dim=1))
y
# --8<-- [end:cosine_similarity]

# --8<-- [start:cosine_matrix]
torch.manual_seed(0)
queries, keys = torch.randn(2, 8), torch.randn(4, 8)
all_pairs = F.cosine_similarity(queries[:, None], keys[None], dim=-1)  # (2, 4)
unit = F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).T
assert torch.allclose(all_pairs, unit, atol=1e-6)
print(all_pairs.shape, all_pairs.argmax(dim=1))
# --8<-- [end:cosine_matrix]

# --8<-- [start:pairwise_distance]
a = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
b = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
for p in (1.0, 2.0, float("inf")):
    print(p, nn.PairwiseDistance(p)(a, b))
distance = nn.PairwiseDistance()
torch.testing.assert_close(distance(a, b), (a - b + 1e-6).norm(dim=1))
assert torch.equal(distance(a, b), F.pairwise_distance(a, b))
print(distance(a, b)[1].item() > 0, nn.PairwiseDistance(eps=0.0)(a, b)[1])
# --8<-- [end:pairwise_distance]

# --8<-- [start:functional_layers]
torch.manual_seed(0)
x, ids = torch.randn(2, 6), torch.tensor([[1, 2], [0, 4]])
linear, norm = nn.Linear(6, 3), nn.LayerNorm(6)
table, bag = nn.Embedding(5, 6), nn.EmbeddingBag(5, 6, mode="mean")
pairs = [
    (linear(x), F.linear(x, linear.weight, linear.bias)),
    (norm(x), F.layer_norm(x, (6,), norm.weight, norm.bias)),
    (table(ids), F.embedding(ids, table.weight)),
    (bag(ids), F.embedding_bag(ids, bag.weight, mode="mean")),
]
assert all(torch.equal(layer, function) for layer, function in pairs)
F.layer_norm(torch.tensor([1.0, 2.0, 3.0]), (3,))
# --8<-- [end:functional_layers]

# --8<-- [start:parameter_counts]
torch.manual_seed(0)
layers = [
    (nn.Linear(20, 30), (20 + 1) * 30),
    (nn.Bilinear(20, 30, 10), (20 * 30 + 1) * 10),
    (nn.Embedding(1000, 16), 1000 * 16),
    (nn.EmbeddingBag(1000, 16), 1000 * 16),
    (nn.BatchNorm2d(20), 2 * 20),
    (nn.LayerNorm([20, 8, 8]), 2 * 20 * 8 * 8),
    (nn.GroupNorm(4, 20), 2 * 20),
    (nn.RMSNorm(20), 20),
    (nn.InstanceNorm2d(20), 0),
    (nn.Dropout(), 0),
]
rows = []
for layer, expected in layers:
    counted = sum(p.numel() for p in layer.parameters())
    assert counted == expected
    buffers = sum(b.numel() for b in layer.buffers())
    rows.append([type(layer).__name__, counted, buffers])
pd.DataFrame(rows, columns=["layer", "parameters", "numbers in buffers"])
# --8<-- [end:parameter_counts]

# --8<-- [start:use_low_rank]
from snippets.toolkit.layers import LowRankLinear

torch.manual_seed(0)
layer, x = LowRankLinear(512, 256, rank=16), torch.randn(4, 512)
assert torch.allclose(
    layer(x), F.linear(x, layer.up @ layer.down, layer.bias), atol=1e-5
)
models = (layer, nn.Linear(512, 256))
counts = [sum(p.numel() for p in m.parameters()) for m in models]
assert counts == [16 * (512 + 256) + 256, 512 * 256 + 256]
print(layer, counts)
small = LowRankLinear(4, 3, rank=2).double()
torch.autograd.gradcheck(
    small, (torch.randn(2, 4, dtype=torch.float64, requires_grad=True),)
)
# --8<-- [end:use_low_rank]

# --8<-- [start:compress_linear]
torch.manual_seed(0)
smooth = torch.exp(-(torch.cdist(torch.rand(64, 1), torch.rand(48, 1)) ** 2) / 0.1)
linear = nn.Linear(48, 64)
with torch.no_grad():
    linear.weight.copy_(smooth + 0.01 * torch.randn(64, 48))
sigma = torch.linalg.svdvals(linear.weight)
for rank in (1, 2, 4, 8):
    layer = LowRankLinear.from_linear(linear, rank)
    error = torch.linalg.matrix_norm(layer.up @ layer.down - linear.weight)
    assert torch.allclose(error, sigma[rank:].norm(), rtol=1e-3)
    weights = layer.down.numel() + layer.up.numel()
    print(rank, weights, f"{error / sigma.norm():.1%}")
# --8<-- [end:compress_linear]

# --8<-- [start:use_gated_residual]
from snippets.toolkit.layers import GatedResidual

torch.manual_seed(0)
x = torch.randn(256, 64)
plain = [nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(30)]
gated = [GatedResidual(body, 64) for body in plain]
sizes = []
for layers in (plain, gated):
    out = nn.Sequential(*layers)(x)  # (256, 64)
    (gradient,) = torch.autograd.grad(out.square().sum(), plain[0][0].weight)
    sizes.append(gradient.norm().item())
    spread = out.std(dim=0).mean().item()
    print(f"{type(layers[0]).__name__:<14}{spread:.0e}{sizes[-1]:9.0e}")
assert sizes[1] > 1e6 * sizes[0]
# --8<-- [end:use_gated_residual]

# --8<-- [start:solution_fold_batch_norm]
torch.manual_seed(0)
linear, norm = nn.Linear(4, 3), nn.BatchNorm1d(3)
for _ in range(20):
    norm(linear(1 + torch.randn(16, 4)))  # collects statistics
with torch.no_grad():
    nn.init.uniform_(norm.weight, 0.5, 2.0)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # (3,)
    folded = nn.Linear(4, 3)
    folded.weight.copy_(scale[:, None] * linear.weight)
    folded.bias.copy_(scale * (linear.bias - norm.running_mean) + norm.bias)
x = torch.randn(5, 4)
assert torch.allclose(folded(x), norm.eval()(linear(x)), atol=1e-5)
sum(p.numel() for p in folded.parameters())
# --8<-- [end:solution_fold_batch_norm]

# --8<-- [start:solution_bag_by_hand]
torch.manual_seed(0)
weight = torch.randn(6, 2)
ids, offsets = torch.tensor([1, 2, 4, 5, 5, 0]), torch.tensor([0, 2, 2, 3])
lengths = torch.diff(offsets, append=torch.tensor([len(ids)]))
bag_of = torch.repeat_interleave(torch.arange(len(offsets)), lengths)
by_hand = torch.zeros(len(offsets), 2).index_add(0, bag_of, weight[ids])
assert torch.allclose(by_hand, F.embedding_bag(ids, weight, offsets, mode="sum"))
print(bag_of)
by_hand[1]  # the empty bag
# --8<-- [end:solution_bag_by_hand]


# --8<-- [start:solution_tied_weights]
class Tied(nn.Module):
    def __init__(self, words, features):
        super().__init__()
        self.embedding = nn.Embedding(words, features)
        self.head = nn.Linear(features, words, bias=False)
        self.head.weight = self.embedding.weight  # one parameter, two names

    def forward(self, ids):
        return self.head(self.embedding(ids))


torch.manual_seed(0)
model = Tied(words=100, features=8)
assert model(torch.tensor([[1, 2, 3]])).shape == (1, 3, 100)
assert sum(p.numel() for p in model.parameters()) == 100 * 8
print(list(model.state_dict()))
[name for name, _ in model.named_parameters()]
# --8<-- [end:solution_tied_weights]


# --8<-- [start:solution_frozen_norm]
def freeze_norms(model):
    """Back to training, except for the layers that keep running statistics."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
before = model[1].running_mean.clone()
freeze_norms(model)
model(torch.randn(8, 4))
assert torch.equal(model[1].running_mean, before)
[layer.training for layer in model]
# --8<-- [end:solution_frozen_norm]
