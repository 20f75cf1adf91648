# --8<-- [start:correlation_by_hand]
import numpy as np
import torch
import torch.nn.functional as F

x = torch.tensor([0.0, 0, 0, 1, 1, 1, 0, 0])  # (8,)
kernel = torch.tensor([-1.0, 0, 1])  # (3,)

windows = [x[i : i + 3] for i in range(8 - 3 + 1)]
by_hand = torch.stack([(window * kernel).sum() for window in windows])  # (6,)
by_torch = F.conv1d(x[None, None], kernel[None, None])  # (1, 1, 6)
assert torch.equal(by_torch[0, 0], by_hand)
print("x     ", x.tolist())
print("result", by_hand.tolist())

convolved = np.convolve(x.numpy(), kernel.numpy(), mode="valid")
by_flip = F.conv1d(x[None, None], kernel.flip(0)[None, None])[0, 0]
assert convolved.tolist() == by_flip.tolist() != by_hand.tolist()
print("np.convolve", convolved.tolist())
# --8<-- [end:correlation_by_hand]

# --8<-- [start:conv2d_by_hand]
from torch import nn


def conv2d_by_hand(x, weight, bias):
    """x (N, C, H, W), weight (M, C, KH, KW), bias (M,).

    Returns (N, M, H - KH + 1, W - KW + 1).
    """
    M, _, KH, KW = weight.shape
    N, _, H, W = x.shape
    out = torch.empty(N, M, H - KH + 1, W - KW + 1)
    for row in range(out.shape[2]):
        for column in range(out.shape[3]):
            window = x[:, :, row : row + KH, column : column + KW]  # (N, C, KH, KW)
            product = torch.einsum("nchw,mchw->nm", window, weight)
            out[:, :, row, column] = product + bias
    return out


torch.manual_seed(0)
x, weight, bias = torch.randn(2, 3, 6, 7), torch.randn(4, 3, 3, 3), torch.randn(4)
out = F.conv2d(x, weight, bias)
torch.testing.assert_close(out, conv2d_by_hand(x, weight, bias))
print(tuple(x.shape), "*", tuple(weight.shape), "->", tuple(out.shape))
# --8<-- [end:conv2d_by_hand]

# --8<-- [start:draw_convolution]
import matplotlib.pyplot as plt


def draw_grid(ax, left, size, title, padding=0):
    for row in range(-padding, size + padding):
        for column in range(-padding, size + padding):
            line = "-" if 0 <= min(row, column) <= max(row, column) < size else ":"
            look = {"fc": "none", "ec": "#7a8599", "ls": line}
            ax.add_patch(plt.Rectangle((left + column, row), 1, 1, **look))
    ax.text(left + size / 2, -padding - 0.4, title, ha="center")


def draw_convolution(
    ax, titles, size=5, kernel=3, stride=1, padding=0, dilation=1, arrow="->"
):
    """Two cells of the small grid, and the window of each in the large grid."""
    small = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    left = size + padding + 2.5  # where the small grid begins
    draw_grid(ax, 0, size, titles[0], padding)
    draw_grid(ax, left, small, titles[1])
    steps = range(-padding, kernel * dilation - padding, dilation)
    blue = [(left, 0)] + [(column, row) for row in steps for column in steps]
    orange = [(left + 1, 0)] + [(column + stride, row) for column, row in blue[1:]]
    for corner in blue:
        ax.add_patch(plt.Rectangle(corner, 1, 1, fc="#2f6fdb", alpha=0.5))
    for column, row in orange:
        ax.add_patch(plt.Circle((column + 0.5, row + 0.5), 0.22, fc="#e4572e"))
    look = {"arrowstyle": arrow, "color": "#7a8599"}
    ax.annotate("", (left - 0.4, 1.5), (left - 2.1, 1.5), arrowprops=look)
    ax.set_xlim(-padding - 0.2, left + small + 0.2)
    ax.set_ylim(size + padding + 0.2, -padding - 1.2)
    ax.set_aspect("equal")
    ax.axis("off")
    return small


fig, ax = plt.subplots(figsize=(6, 3))
small = draw_convolution(ax, ("input 5 x 5", "output 3 x 3"))
print("output:", small, "x", small)
plt.show()
# --8<-- [end:draw_convolution]

# --8<-- [start:edge_filters]
from sklearn.datasets import load_sample_image

photo = torch.tensor(load_sample_image("china.jpg")) / 255  # (427, 640, 3)
photo = photo.permute(2, 0, 1)[None, :, 20:340, 50:370]  # (1, 3, 320, 320)
photo = F.avg_pool2d(photo, 2)  # (1, 3, 160, 160)
grey = photo.mean(dim=1, keepdim=True)  # (1, 1, 160, 160)

sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
filters = torch.stack([sobel, sobel.T, torch.full((3, 3), 1 / 9)])  # (3, 3, 3)
edges = F.conv2d(grey, filters[:, None], padding=1)  # (1, 3, 160, 160)
print(tuple(grey.shape), "->", tuple(edges.shape))

fig, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
names = ["photo", "left-right", "top-bottom", "mean of 9"]
for ax, picture, name in zip(axes, [grey[0, 0], *edges[0]], names, strict=True):
    ax.imshow(picture[::2, ::2].numpy(), cmap="gray")  # drawn at half its size
    ax.set_title(name)
    ax.axis("off")
plt.show()
# --8<-- [end:edge_filters]

# --8<-- [start:conv1d]
torch.manual_seed(0)
conv = nn.Conv1d(in_channels=2, out_channels=5, kernel_size=3)
x = torch.randn(8, 2, 20)  # (N, C, L): 8 sequences, 2 values at each of 20 times
out = conv(x)
print(conv)
print("weight", tuple(conv.weight.shape), " bias", tuple(conv.bias.shape))
print(tuple(x.shape), "->", tuple(out.shape))
torch.testing.assert_close(out, F.conv1d(x, conv.weight, conv.bias))
# --8<-- [end:conv1d]

# --8<-- [start:conv2d]
torch.manual_seed(0)
conv = nn.Conv2d(in_channels=3, out_channels=8, kernel_size=(3, 5))
out = conv(photo)  # (1, 3, 160, 160) -> (1, 8, 158, 156)
print("weight", tuple(conv.weight.shape), " bias", tuple(conv.bias.shape))
print(tuple(photo.shape), "->", tuple(out.shape))
print("unbatched:", tuple(photo[0].shape), "->", tuple(conv(photo[0]).shape))
torch.testing.assert_close(out, F.conv2d(photo, conv.weight, conv.bias))
bound = 1 / (3 * 3 * 5) ** 0.5
print(f"initial weights within {bound:.4f}: largest {conv.weight.abs().max():.4f}")
# --8<-- [end:conv2d]

# --8<-- [start:conv3d]
torch.manual_seed(0)
conv = nn.Conv3d(in_channels=1, out_channels=4, kernel_size=(3, 5, 5))
scan = torch.randn(2, 1, 10, 32, 32)  # (N, C, D, H, W)
out = conv(scan)
print("weight", tuple(conv.weight.shape))
print(tuple(scan.shape), "->", tuple(out.shape))
torch.testing.assert_close(out, F.conv3d(scan, conv.weight, conv.bias))
# --8<-- [end:conv3d]

# --8<-- [start:channels_last_error]
torch.manual_seed(0)
conv = nn.Conv2d(3, 8, kernel_size=3)
image = torch.rand(1, 28, 28, 3)  # (N, H, W, C), as image files are read
print(tuple(conv(image.permute(0, 3, 1, 2)).shape))
conv(image)
# --8<-- [end:channels_last_error]

# --8<-- [start:conv_parameters]
import math

import pandas as pd


def count(layer):
    return sum(p.numel() for p in layer.parameters())


torch.manual_seed(0)
rows = {}
for c_in, c_out, kernel, groups, bias in [
    (3, 16, (3,), 1, True),
    (3, 16, (3, 3), 1, True),
    (3, 16, (3, 3), 1, False),
    (64, 128, (3, 3), 1, True),
    (64, 128, (3, 3), 4, True),
    (64, 128, (3, 3, 3), 1, True),
]:
    layer = [nn.Conv1d, nn.Conv2d, nn.Conv3d][len(kernel) - 1]
    formula = c_out * (c_in // groups) * math.prod(kernel) + bias * c_out
    counted = count(layer(c_in, c_out, kernel, groups=groups, bias=bias))
    assert counted == formula
    settings = f"{c_in}, {c_out}, {kernel}, groups={groups}, bias={bias}"
    rows[f"{layer.__name__}({settings})"] = [counted]
pd.DataFrame.from_dict(rows, orient="index", columns=["parameters"])
# --8<-- [end:conv_parameters]

# --8<-- [start:stride]
torch.manual_seed(0)
out = nn.Conv2d(1, 1, kernel_size=3, stride=2)(torch.rand(1, 1, 5, 5))
fig, ax = plt.subplots(figsize=(6, 3))
small = draw_convolution(ax, ("input 5 x 5", "output 2 x 2"), stride=2)
assert out.shape == (1, 1, small, small)
print("stride 2:", tuple(out.shape))
plt.show()
# --8<-- [end:stride]

# --8<-- [start:padding]
torch.manual_seed(0)
out = nn.Conv2d(1, 1, kernel_size=3, padding=1)(torch.rand(1, 1, 5, 5))
fig, ax = plt.subplots(figsize=(6.6, 3.4))
small = draw_convolution(ax, ("input 5 x 5, padding 1", "output 5 x 5"), padding=1)
assert out.shape == (1, 1, small, small)
print("padding 1:", tuple(out.shape))
plt.show()
# --8<-- [end:padding]

# --8<-- [start:dilation]
torch.manual_seed(0)
out = nn.Conv2d(1, 1, kernel_size=3, dilation=2)(torch.rand(1, 1, 7, 7))
fig, ax = plt.subplots(figsize=(6, 3.6))
small = draw_convolution(ax, ("input 7 x 7", "output 3 x 3"), size=7, dilation=2)
assert out.shape == (1, 1, small, small)
print("dilation 2:", tuple(out.shape))
plt.show()
# --8<-- [end:dilation]

# --8<-- [start:padding_same]
torch.manual_seed(0)
x = torch.rand(1, 1, 28, 28)
for kernel, dilation in [(3, 1), (5, 1), (3, 3)]:
    for padding in ("valid", "same", dilation * (kernel - 1) // 2):
        out = nn.Conv2d(1, 1, kernel, padding=padding, dilation=dilation)(x)
        print(f"{kernel=} {dilation=} padding={padding!r:8} {tuple(out.shape[2:])}")
# --8<-- [end:padding_same]

# --8<-- [start:same_with_stride]
nn.Conv2d(3, 8, kernel_size=3, stride=2, padding="same")
# --8<-- [end:same_with_stride]


# --8<-- [start:output_size]
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


g = torch.Generator().manual_seed(0)


def draw(low, high, dims):
    """dims random whole numbers from low to high."""
    return torch.randint(low, high + 1, (dims,), generator=g).tolist()


torch.manual_seed(0)  # the layers draw their weights
checked = 0
while checked < 300:
    dims = draw(1, 3, 1)[0]
    size, kernel = draw(1, 12, dims), draw(1, 4, dims)
    stride, padding, dilation = draw(1, 3, dims), draw(0, 3, dims), draw(1, 3, dims)
    expected = tuple(map(output_size, size, kernel, stride, padding, dilation))
    if min(expected) < 1:
        continue  # the kernel does not fit
    layer = [nn.Conv1d, nn.Conv2d, nn.Conv3d][dims - 1]
    conv = layer(1, 1, kernel, stride, padding, dilation)
    assert conv(torch.zeros(1, 1, *size)).shape[2:] == expected
    checked += 1
print(f"{checked} layers agree with the formula; last: {size} -> {list(expected)}")
# --8<-- [end:output_size]

# --8<-- [start:kernel_too_large]
torch.manual_seed(0)
print("formula:", output_size(3, kernel=5))
nn.Conv2d(1, 1, kernel_size=5)(torch.zeros(1, 1, 3, 3))
# --8<-- [end:kernel_too_large]


# --8<-- [start:receptive_field]
def receptive_field(dilations):
    """How many inputs one output depends on: the non-zero gradients."""
    layers = [nn.Conv1d(1, 1, 3, padding=d, dilation=d) for d in dilations]
    x = torch.zeros(1, 1, 101, requires_grad=True)
    nn.Sequential(*layers)(x)[0, 0, 50].backward()
    return int((x.grad != 0).sum())


torch.manual_seed(0)
for dilations in ([1], [1, 1, 1, 1], [1, 2, 4, 8]):
    field = receptive_field(dilations)
    print(f"dilations {dilations}: one output sees {field} inputs")
    assert field == 1 + 2 * sum(dilations)
# --8<-- [end:receptive_field]

# --8<-- [start:padding_mode]
torch.manual_seed(0)
x = torch.arange(1.0, 6)[None, None]  # (1, 1, 5)
for mode in ("zeros", "reflect", "replicate", "circular"):
    conv = nn.Conv1d(1, 1, kernel_size=3, padding=1, padding_mode=mode, bias=False)
    nn.init.ones_(conv.weight)
    print(f"{mode:9}", conv(x).flatten().tolist())
# --8<-- [end:padding_mode]

# --8<-- [start:groups]
torch.manual_seed(0)
conv = nn.Conv2d(4, 6, kernel_size=3, groups=2)
x = torch.randn(1, 4, 8, 8)
left = F.conv2d(x[:, :2], conv.weight[:3], conv.bias[:3])  # channels 0 and 1
right = F.conv2d(x[:, 2:], conv.weight[3:], conv.bias[3:])  # channels 2 and 3
torch.testing.assert_close(conv(x), torch.cat([left, right], dim=1))
print("weight", tuple(conv.weight.shape), " parameters", count(conv))
print("without groups:", count(nn.Conv2d(4, 6, kernel_size=3)))
# --8<-- [end:groups]

# --8<-- [start:depthwise_separable]
torch.manual_seed(0)
full = nn.Conv2d(32, 64, kernel_size=3, padding=1)
depthwise = nn.Conv2d(32, 32, kernel_size=3, padding=1, groups=32)  # looks around
pointwise = nn.Conv2d(32, 64, kernel_size=1)  # mixes the channels
separable = nn.Sequential(depthwise, pointwise)

x = torch.randn(1, 32, 16, 16)
assert full(x).shape == separable(x).shape == (1, 64, 16, 16)
assert count(full) == 64 * 32 * 9 + 64
assert count(separable) == (32 * 9 + 32) + (64 * 32 + 64)
parts = f"{count(depthwise)} + {count(pointwise)}"
print(f"full {count(full)}, separable {parts}", end=", ")
print(f"{count(full) / count(separable):.1f} times fewer")
# --8<-- [end:depthwise_separable]

# --8<-- [start:pointwise_is_linear]
torch.manual_seed(0)
linear = nn.Linear(32, 64)
weight = pointwise.weight.flatten(1)  # (64, 32)
linear.load_state_dict({"weight": weight, "bias": pointwise.bias})
x = torch.randn(1, 32, 16, 16)
by_linear = linear(x.movedim(1, -1)).movedim(-1, 1)  # channels last, and back
torch.testing.assert_close(pointwise(x), by_linear)
print(tuple(x.shape), "->", tuple(by_linear.shape))
# --8<-- [end:pointwise_is_linear]

# --8<-- [start:transposed]
x = torch.tensor([[1.0, 2], [3, 4]])[None, None]  # (1, 1, 2, 2)
out = F.conv_transpose2d(x, torch.ones(1, 1, 3, 3), stride=2)
print(out[0, 0])

fig, ax = plt.subplots(figsize=(6, 3))
draw_convolution(ax, ("output 5 x 5", "input 2 x 2"), stride=2, arrow="<-")
plt.show()
# --8<-- [end:transposed]


# --8<-- [start:conv_transpose_by_hand]
def conv_transpose_by_hand(x, weight, stride):
    """x (N, C, H, W), weight (C, M, K, K): each value of x stamps a kernel."""
    N, _, H, W = x.shape
    _, M, K, _ = weight.shape
    out = torch.zeros(N, M, (H - 1) * stride + K, (W - 1) * stride + K)
    for row in range(H):
        for column in range(W):
            stamp = torch.einsum("nc,cmkl->nmkl", x[:, :, row, column], weight)
            top, left = row * stride, column * stride
            out[:, :, top : top + K, left : left + K] += stamp
    return out


torch.manual_seed(0)
x, weight = torch.randn(2, 3, 4, 5), torch.randn(3, 6, 3, 3)
for stride in (1, 2, 3):
    out = F.conv_transpose2d(x, weight, stride=stride)
    torch.testing.assert_close(out, conv_transpose_by_hand(x, weight, stride))
    print("stride", stride, tuple(x.shape), "->", tuple(out.shape))
# --8<-- [end:conv_transpose_by_hand]

# --8<-- [start:transpose_is_the_gradient]
torch.manual_seed(0)
weight = torch.randn(4, 3, 3, 3)
x = torch.randn(1, 3, 9, 9, requires_grad=True)
y = F.conv2d(x, weight, stride=2)  # (1, 4, 4, 4)
v = torch.randn_like(y)
(backward,) = torch.autograd.grad(y, x, v)
transposed = F.conv_transpose2d(v, weight, stride=2)
torch.testing.assert_close(transposed, backward)
print("forward ", tuple(x.shape), "->", tuple(y.shape))
print("backward", tuple(v.shape), "->", tuple(transposed.shape))
# --8<-- [end:transpose_is_the_gradient]

# --8<-- [start:conv_transpose1d]
torch.manual_seed(0)
up = nn.ConvTranspose1d(2, 5, kernel_size=4, stride=2, padding=1)
x = torch.randn(8, 2, 20)
print("weight", tuple(up.weight.shape))
print(tuple(x.shape), "->", tuple(up(x).shape))
by_function = F.conv_transpose1d(x, up.weight, up.bias, stride=2, padding=1)
torch.testing.assert_close(up(x), by_function)
# --8<-- [end:conv_transpose1d]

# --8<-- [start:conv_transpose2d]
torch.manual_seed(0)
down = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1)
up = nn.ConvTranspose2d(16, 3, kernel_size=3, stride=2, padding=1)
for size in (7, 8):
    x = torch.randn(1, 3, size, size)
    h = down(x)
    tensors = (x, h, up(h), up(h, output_size=x.shape[2:]))
    shapes = [tuple(t.shape[2:]) for t in tensors]
    print("input {}, down {}, up {}, up with output_size {}".format(*shapes))
print("parameters", count(down), count(up))
# --8<-- [end:conv_transpose2d]

# --8<-- [start:conv_transpose3d]
torch.manual_seed(0)
up = nn.ConvTranspose3d(4, 2, kernel_size=2, stride=2)
x = torch.randn(1, 4, 5, 8, 8)
print(tuple(x.shape), "->", tuple(up(x).shape))
by_function = F.conv_transpose3d(x, up.weight, up.bias, stride=2)
torch.testing.assert_close(up(x), by_function)
# --8<-- [end:conv_transpose3d]

# --8<-- [start:transposed_output_size]
torch.manual_seed(0)
g = torch.Generator().manual_seed(1)
checked = 0
while checked < 300:
    dims = draw(1, 3, 1)[0]
    size, kernel = draw(1, 6, dims), draw(1, 4, dims)
    stride, padding = draw(1, 3, dims), draw(0, 2, dims)
    dilation, extra = draw(1, 3, dims), draw(0, 2, dims)
    each = list(zip(size, kernel, stride, padding, dilation, extra, strict=True))
    expected = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in each
    )
    fits = all(e < max(s, d) for _, _, s, _, d, e in each)
    if not fits or min(expected) < 1:
        continue
    layer = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d][dims - 1]
    up = layer(1, 1, kernel, stride, padding, extra, dilation=dilation)
    assert up(torch.zeros(1, 1, *size)).shape[2:] == expected
    checked += 1
print(f"{checked} layers agree with the formula; last: {size} -> {list(expected)}")
# --8<-- [end:transposed_output_size]

# --8<-- [start:max_pool]
x = torch.tensor([[1.0, 5, 2, 0], [3, 4, 1, 7], [8, 0, 6, 2], [1, 2, 9, 3]])
largest = F.max_pool2d(x[None, None], kernel_size=2)[0, 0]  # (2, 2)
mean = F.avg_pool2d(x[None, None], kernel_size=2)[0, 0]

fig, axes = plt.subplots(
    1, 3, figsize=(7, 2.4), width_ratios=[2, 1, 1], layout="constrained"
)
colors = ["#2f6fdb", "#e4572e", "#2a9d8f", "#9b5de5"]
grids = {"input": x, "max": largest, "mean": mean}
for ax, (title, grid) in zip(axes, grids.items(), strict=True):
    cells = len(grid)
    for row in range(cells):
        for column in range(cells):
            color = colors[row * 2 // cells * 2 + column * 2 // cells]
            look = {"fc": color, "ec": "#7a8599", "alpha": 0.5}
            ax.add_patch(plt.Rectangle((column, row), 1, 1, **look))
            value = f"{grid[row, column]:g}"
            ax.text(column + 0.5, row + 0.5, value, ha="center", va="center")
    ax.set(xlim=(0, cells), ylim=(cells, 0), aspect="equal", title=title)
    ax.axis("off")
print("max", largest.tolist(), " mean", mean.tolist())
plt.show()
# --8<-- [end:max_pool]

# --8<-- [start:max_pool_layers]
for layer, function, dims in [
    (nn.MaxPool1d(2), F.max_pool1d, 1),
    (nn.MaxPool2d(3, stride=2, padding=1), F.max_pool2d, 2),
    (nn.MaxPool3d((1, 2, 2)), F.max_pool3d, 3),
]:
    x = torch.randn(2, 3, *[8] * dims, generator=torch.Generator().manual_seed(0))
    out = layer(x)
    same = function(x, layer.kernel_size, layer.stride, layer.padding)
    assert torch.equal(out, same)
    shapes = f"{tuple(x.shape)} -> {tuple(out.shape)}"
    print(f"{type(layer).__name__}: {shapes}, {count(layer)} parameters")
# --8<-- [end:max_pool_layers]

# --8<-- [start:max_pool_padding]
negative = torch.full((1, 1, 4), -5.0)
print("MaxPool1d", nn.MaxPool1d(3, stride=1, padding=1)(negative).tolist())
zeros = F.pad(negative, (1, 1))
print("zeros, then max", F.max_pool1d(zeros, 3, stride=1).tolist())
nn.MaxPool1d(3, stride=1, padding=2)(negative)
# --8<-- [end:max_pool_padding]

# --8<-- [start:avg_pool_layers]
x = torch.ones(1, 1, 4)
for counted in (True, False):
    pool = nn.AvgPool1d(3, stride=1, padding=1, count_include_pad=counted)
    print(f"count_include_pad={counted!s:5}", pool(x).flatten())
summed = F.avg_pool2d(torch.ones(1, 1, 4, 4), 2, divisor_override=1)
print("divisor_override=1:", summed.tolist())
for layer, function, shape in [
    (nn.AvgPool1d(2), F.avg_pool1d, (2, 3, 8)),
    (nn.AvgPool2d(2), F.avg_pool2d, (2, 3, 8, 8)),
    (nn.AvgPool3d(2), F.avg_pool3d, (2, 3, 8, 8, 8)),
]:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(x), function(x, 2))
    print(f"{type(layer).__name__}: {shape} -> {tuple(layer(x).shape)}")
# --8<-- [end:avg_pool_layers]

# --8<-- [start:ceil_mode]
x = torch.arange(1.0, 8)[None, None]  # (1, 1, 7)
for ceil_mode in (False, True):
    out = nn.MaxPool1d(3, stride=2, ceil_mode=ceil_mode)(x[:, :, :6])
    print(f"6 values, {ceil_mode=!s:5}", out.flatten().tolist())
for size in range(3, 40):
    out = nn.MaxPool1d(3, stride=2)(torch.zeros(1, 1, size))
    assert out.shape[2] == output_size(size, kernel=3, stride=2)
# --8<-- [end:ceil_mode]

# --8<-- [start:lp_pool]
x = torch.tensor([3.0, 4, 0, 1])[None, None]  # (1, 1, 4)
for p in (1, 2, 20):
    pool = nn.LPPool1d(norm_type=p, kernel_size=2)
    print(f"p = {p:2}", [f"{v:.3f}" for v in pool(x).flatten().tolist()])
g = torch.Generator().manual_seed(0)
image = torch.rand(1, 2, 8, 8, generator=g)
scan = torch.rand(1, 2, 4, 4, 4, generator=g)
torch.testing.assert_close(nn.LPPool2d(1, 2)(image), 4 * nn.AvgPool2d(2)(image))
torch.testing.assert_close(nn.LPPool3d(1, 2)(scan), 8 * nn.AvgPool3d(2)(scan))
assert torch.equal(F.lp_pool1d(x, 2.0, 2), nn.LPPool1d(2, 2)(x))
assert torch.equal(F.lp_pool2d(image, 2.0, 2), nn.LPPool2d(2, 2)(image))
assert torch.equal(F.lp_pool3d(scan, 2.0, 2), nn.LPPool3d(2, 2)(scan))
# --8<-- [end:lp_pool]


# --8<-- [start:adaptive_avg_pool]
def adaptive_by_hand(x, size):
    """Mean of x[floor(i n / size) : ceil((i + 1) n / size)] for each output i."""
    n = len(x)
    starts = [i * n // size for i in range(size)]
    ends = [-(-(i + 1) * n // size) for i in range(size)]
    return torch.stack([x[a:b].mean() for a, b in zip(starts, ends, strict=True)])


x = torch.arange(1.0, 8)  # (7,)
for size in (1, 3, 4, 7):
    out = nn.AdaptiveAvgPool1d(size)(x[None, None])[0, 0]
    torch.testing.assert_close(out, adaptive_by_hand(x, size))
    print(size, [f"{v:.2f}" for v in out.tolist()])
g = torch.Generator().manual_seed(0)
for size in (9, 14, 32):  # always 1 x 1 values a channel
    images = torch.rand(2, 64, size, size, generator=g)
    out = nn.AdaptiveAvgPool2d(1)(images)
    torch.testing.assert_close(out, images.mean(dim=(2, 3), keepdim=True))
    print(tuple(images.shape), "->", tuple(out.shape))
# --8<-- [end:adaptive_avg_pool]

# --8<-- [start:adaptive_pools]
g = torch.Generator().manual_seed(0)
line, image = torch.rand(1, 2, 9, generator=g), torch.rand(1, 2, 9, 9, generator=g)
scan = torch.rand(1, 2, 9, 9, 9, generator=g)
for layer, function, x, size in [
    (nn.AdaptiveAvgPool1d(4), F.adaptive_avg_pool1d, line, 4),
    (nn.AdaptiveAvgPool2d((4, None)), F.adaptive_avg_pool2d, image, (4, None)),
    (nn.AdaptiveAvgPool3d(4), F.adaptive_avg_pool3d, scan, 4),
    (nn.AdaptiveMaxPool1d(4), F.adaptive_max_pool1d, line, 4),
    (nn.AdaptiveMaxPool2d((4, 3)), F.adaptive_max_pool2d, image, (4, 3)),
    (nn.AdaptiveMaxPool3d(4), F.adaptive_max_pool3d, scan, 4),
]:
    out = layer(x)
    assert torch.equal(out, function(x, size))
    print(f"{type(layer).__name__:18} {tuple(x.shape)} -> {tuple(out.shape)}")
# --8<-- [end:adaptive_pools]

# --8<-- [start:fractional_max_pool]
torch.manual_seed(0)
image, scan = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 16, 16, 16)
pool = nn.FractionalMaxPool2d(kernel_size=2, output_ratio=0.7).eval()
print("FractionalMaxPool2d", tuple(image.shape), "->", tuple(pool(image).shape))
print("the same twice:", torch.equal(pool(image), pool(image)))
exact = nn.FractionalMaxPool3d(kernel_size=2, output_size=(11, 11, 11))
print("FractionalMaxPool3d", tuple(scan.shape), "->", tuple(exact(scan).shape))
assert F.fractional_max_pool2d(image, 2, output_size=20).shape[2:] == (20, 20)
assert F.fractional_max_pool3d(scan, 2, output_ratio=0.5).shape[2:] == (8, 8, 8)
# --8<-- [end:fractional_max_pool]

# --8<-- [start:max_unpool]
x = torch.tensor([[1.0, 5, 2, 0], [3, 4, 1, 7], [8, 0, 6, 2], [1, 2, 9, 3]])
largest, places = nn.MaxPool2d(2, return_indices=True)(x[None, None])
back = nn.MaxUnpool2d(2)(largest, places)
print("places", places[0, 0].tolist())
print(back[0, 0])
assert torch.equal(nn.MaxPool2d(2)(back), largest)
assert torch.equal(F.max_unpool2d(largest, places, 2), back)

g = torch.Generator().manual_seed(0)
line = torch.rand(1, 2, 7, generator=g)
scan = torch.rand(1, 2, 4, 4, 4, generator=g)
values, where = nn.MaxPool1d(2, return_indices=True)(line)
six = nn.MaxUnpool1d(2)(values, where)
seven = F.max_unpool1d(values, where, 2, output_size=line.shape)
print("7 ->", values.shape[2], "->", six.shape[2], "or", seven.shape[2])
values, where = nn.MaxPool3d(2, return_indices=True)(scan)
back = nn.MaxUnpool3d(2)(values, where)
assert torch.equal(back, F.max_unpool3d(values, where, 2))
# --8<-- [end:max_unpool]

# --8<-- [start:pad_1d]
x = torch.arange(1.0, 6)[None, None]  # (1, 1, 5)
layers = [
    nn.ZeroPad1d((2, 3)),
    nn.ConstantPad1d((2, 3), 9.0),
    nn.ReflectionPad1d((2, 3)),
    nn.ReplicationPad1d((2, 3)),
    nn.CircularPad1d((2, 3)),
]
rows = {type(layer).__name__: layer(x).flatten().int().tolist() for layer in layers}
places = range(-2, 8)  # the input is at 0 to 4
pd.DataFrame.from_dict(rows, orient="index", columns=places)
# --8<-- [end:pad_1d]

# --8<-- [start:pad_2d]
x = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
layers = [
    nn.ZeroPad2d(2),
    nn.ConstantPad2d(2, 9.0),
    nn.ReflectionPad2d(2),
    nn.ReplicationPad2d(2),
    nn.CircularPad2d(2),
]
fig, axes = plt.subplots(2, 3, figsize=(6, 4.2), layout="constrained")
axes[1, 2].axis("off")  # five layers, six places
for ax, layer in zip(axes.flat, layers, strict=False):
    padded = layer(x)[0, 0]  # (7, 7)
    assert torch.equal(padded[2:5, 2:5], x[0, 0])
    for row in range(7):
        for column in range(7):
            inside = 2 <= row < 5 and 2 <= column < 5
            color = "#2f6fdb" if inside else "none"
            look = {"fc": color, "ec": "#7a8599", "alpha": 0.5}
            ax.add_patch(plt.Rectangle((column, row), 1, 1, **look))
            value = f"{padded[row, column]:.0f}"
            ax.text(column + 0.5, row + 0.53, value, ha="center", va="center")
    ax.set(xlim=(0, 7), ylim=(7, 0), aspect="equal")
    ax.set_title(type(layer).__name__, fontsize=10)
    ax.axis("off")
print("3 x 3 ->", tuple(padded.shape))
plt.show()
# --8<-- [end:pad_2d]

# --8<-- [start:pad_3d]
scan = torch.arange(1.0, 28).reshape(1, 1, 3, 3, 3)
for layer in [
    nn.ZeroPad3d(1),
    nn.ConstantPad3d(1, 9.0),
    nn.ReflectionPad3d(1),
    nn.ReplicationPad3d(1),
    nn.CircularPad3d((1, 1, 1, 1, 2, 0)),
]:
    out = layer(scan)[0, 0]  # (5, 5, 5)
    name = f"{type(layer).__name__:17} {tuple(out.shape)}"
    print(f"{name}  corner {out[0, 0, 0]:g}, middle of a side {out[0, 2, 2]:g}")
# --8<-- [end:pad_3d]

# --8<-- [start:functional_pad]
x = torch.arange(1.0, 7).reshape(1, 1, 2, 3)
for pairs in ((1, 2), (1, 2, 0, 5)):
    print(f"{pairs}:", tuple(F.pad(x, pairs).shape))
print("negative:", F.pad(x, (-1, 0)).tolist())
for layer, mode in [
    (nn.ReflectionPad2d(1), "reflect"),
    (nn.ReplicationPad2d(1), "replicate"),
    (nn.CircularPad2d(1), "circular"),
]:
    assert torch.equal(layer(x), F.pad(x, (1, 1, 1, 1), mode=mode))
assert torch.equal(nn.ConstantPad2d(1, 9.0)(x), F.pad(x, (1, 1, 1, 1), value=9.0))
# --8<-- [end:functional_pad]

# --8<-- [start:reflection_too_wide]
x = torch.arange(1.0, 4)[None, None]  # three values: at most two can be mirrored
print(nn.ReflectionPad1d(2)(x).flatten().tolist())
nn.ReflectionPad1d(3)(x)
# --8<-- [end:reflection_too_wide]

# --8<-- [start:upsample]
x = torch.tensor([[1.0, 2], [3, 4]])[None, None]  # (1, 1, 2, 2)
for mode in ("nearest", "bilinear", "bicubic"):
    up = nn.Upsample(scale_factor=2, mode=mode)
    print(f"{mode:9}", [f"{v:.3f}" for v in up(x)[0, 0, 0].tolist()])
    assert count(up) == 0
    assert (up(x).min() < x.min()) == (mode == "bicubic")
line, scan = torch.zeros(1, 3, 8), torch.zeros(1, 3, 4, 4, 4)
print("linear   ", tuple(nn.Upsample(size=20, mode="linear")(line).shape))
print("trilinear", tuple(nn.Upsample(scale_factor=2, mode="trilinear")(scan).shape))
# --8<-- [end:upsample]

# --8<-- [start:align_corners]
values = torch.tensor([0.0, 2, 1, 3])
place = torch.arange(4) + 0.5  # a pixel is 1 wide, its middle at 0.5, 1.5, ...
wide = (torch.arange(12) + 0.5) / 3
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(place, values, "s", ms=9, color="#7a8599", label="4 inputs")
for mode, align, color, marker in [
    ("nearest", None, "#2a9d8f", "."),
    ("linear", False, "#2f6fdb", "o"),
    ("linear", True, "#e4572e", "^"),
]:
    out = F.interpolate(values[None, None], size=12, mode=mode, align_corners=align)
    label = mode if align is None else f"{mode}, align_corners={align}"
    ax.plot(wide, out[0, 0], marker=marker, ms=5, color=color, label=label)
    print(f"{label:28}", [f"{v:.2f}" for v in out[0, 0, :5].tolist()])
ax.set(xlabel="place in the image, in input pixels", ylabel="value")
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()
# --8<-- [end:align_corners]

# --8<-- [start:upsampling_2d]
x = torch.tensor([[1.0, 2], [3, 4]])[None, None]
nearest = nn.UpsamplingNearest2d(scale_factor=2)
bilinear = nn.UpsamplingBilinear2d(size=(3, 3))
print("UpsamplingNearest2d ", nearest(x)[0, 0, 0].tolist())
print("UpsamplingBilinear2d", bilinear(x)[0, 0].tolist())
aligned = nn.Upsample(size=(3, 3), mode="bilinear", align_corners=True)
assert torch.equal(bilinear(x), aligned(x))
# --8<-- [end:upsampling_2d]

# --8<-- [start:interpolate]
small = F.interpolate(photo, size=(20, 20), mode="area")  # shrink: mean of 8 x 8
torch.testing.assert_close(small, F.avg_pool2d(photo, 8))
sharp = F.interpolate(photo, size=(20, 20), mode="bilinear")
smooth = F.interpolate(photo, size=(20, 20), mode="bilinear", antialias=True)
pictures = {"photo 160 x 160": photo, "area 20 x 20": small}
pictures |= {"bilinear": sharp, "bilinear, antialias": smooth}
again = F.interpolate(small, scale_factor=8, mode="bicubic").clamp(0, 1)
pictures["area, then bicubic"] = again

errors = {}
fig, axes = plt.subplots(2, 3, figsize=(6, 4.3), layout="constrained")
axes[1, 2].axis("off")  # five pictures, six places
for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
    step = max(1, picture.shape[-1] // 80)  # large ones are drawn smaller
    ax.imshow(picture[0, :, ::step, ::step].permute(1, 2, 0).numpy())
    ax.set_title(name, fontsize=10)
    ax.axis("off")
    error = (F.interpolate(picture, size=160) - photo).abs().mean().item()
    errors[name] = error
    print(f"{name:20} {tuple(picture.shape)} differs from the photo by {error:.3f}")
assert max(errors, key=errors.get) == "bilinear"
plt.show()
# --8<-- [end:interpolate]

# --8<-- [start:grid_sample]
angle = math.radians(30)
cos, sin = math.cos(angle), math.sin(angle)
turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0]])  # (2, 3)
grid = F.affine_grid(turn[None], size=[1, 3, 160, 160], align_corners=False)
turned = F.grid_sample(photo, grid, align_corners=False)
print("grid", tuple(grid.shape), f" from {grid.min():.3f} to {grid.max():.3f}")
assert grid.max() > 1
fig, axes = plt.subplots(1, 2, figsize=(4.4, 2.2), layout="constrained")
for ax, picture in zip(axes, (photo, turned), strict=True):
    ax.imshow(picture[0, :, ::2, ::2].permute(1, 2, 0).numpy())
    ax.axis("off")
plt.show()
# --8<-- [end:grid_sample]

# --8<-- [start:pixel_shuffle]
x = torch.arange(16).reshape(1, 4, 2, 2)  # 4 channels of 2 x 2
out = nn.PixelShuffle(upscale_factor=2)(x)  # 1 channel of 4 x 4
by_hand = x.reshape(1, 1, 2, 2, 2, 2).permute(0, 1, 4, 2, 5, 3).reshape(1, 1, 4, 4)
assert torch.equal(out, by_hand) and torch.equal(out, F.pixel_shuffle(x, 2))
print(tuple(x.shape), "->", tuple(out.shape))

colors = ["#2f6fdb", "#e4572e", "#2a9d8f", "#9b5de5"]
fig, axes = plt.subplots(
    1, 5, figsize=(8, 2), width_ratios=[1, 1, 1, 1, 2], layout="constrained"
)
names = [*(f"channel {c}" for c in range(4)), "result"]
for ax, picture, name in zip(axes, [*x[0], out[0, 0]], names, strict=True):
    for row in range(len(picture)):
        for column in range(len(picture)):
            value = int(picture[row, column])
            look = {"fc": colors[value // 4], "ec": "#7a8599", "alpha": 0.5}
            ax.add_patch(plt.Rectangle((column, row), 1, 1, **look))
            ax.text(column + 0.5, row + 0.55, value, ha="center", va="center")
    side = len(picture)
    ax.set(xlim=(0, side), ylim=(side, 0), aspect="equal", title=name)
    ax.axis("off")
plt.show()
# --8<-- [end:pixel_shuffle]

# --8<-- [start:pixel_unshuffle]
torch.manual_seed(0)
image = torch.rand(1, 3, 160, 160)
down = nn.PixelUnshuffle(downscale_factor=2)
halved = down(image)
print(tuple(image.shape), "->", tuple(halved.shape))
assert torch.equal(nn.PixelShuffle(2)(halved), image)
assert torch.equal(halved[:, 0], image[:, 0, ::2, ::2])
assert torch.equal(halved, F.pixel_unshuffle(image, 2))
# --8<-- [end:pixel_unshuffle]

# --8<-- [start:channel_shuffle]
x = torch.arange(6)[None, :, None, None]  # six channels of one pixel
out = nn.ChannelShuffle(groups=2)(x)
print(x.flatten().tolist(), "->", out.flatten().tolist())
assert out.flatten().tolist() == torch.arange(6).reshape(2, 3).T.flatten().tolist()
assert torch.equal(out, F.channel_shuffle(x, 2))
# --8<-- [end:channel_shuffle]

# --8<-- [start:unfold]
torch.manual_seed(0)
x, conv = torch.randn(2, 3, 8, 8), nn.Conv2d(3, 5, kernel_size=3, padding=1)
columns = nn.Unfold(kernel_size=3, padding=1)(x)  # (2, 27, 64): 64 windows
product = conv.weight.flatten(1) @ columns + conv.bias[:, None]  # (2, 5, 64)
torch.testing.assert_close(product.unflatten(2, (8, 8)), conv(x))
assert torch.equal(columns, F.unfold(x, 3, padding=1))
print("windows", tuple(columns.shape), " product", tuple(product.shape))
# --8<-- [end:unfold]

# --8<-- [start:fold]
ones = torch.ones(1, 1, 5, 5)
windows = nn.Unfold(kernel_size=3)(ones)  # (1, 9, 9)
times = nn.Fold(output_size=(5, 5), kernel_size=3)(windows)  # sums the overlaps
print(times[0, 0].int())
image = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0))
folded = F.fold(F.unfold(image, 3), output_size=(5, 5), kernel_size=3)
torch.testing.assert_close(folded / times, image)
# --8<-- [end:fold]

# --8<-- [start:lazy_conv]
torch.manual_seed(0)
net = nn.Sequential(
    nn.LazyConv2d(8, kernel_size=3), nn.ReLU(), nn.LazyConv2d(4, kernel_size=3)
)
print("before:", net[2])
net(torch.rand(1, 3, 32, 32))
print("after: ", net[2])
for lazy, x in [
    (nn.LazyConv1d(5, 3), torch.rand(2, 7, 10)),
    (nn.LazyConv3d(5, 3), torch.rand(2, 7, 10, 10, 10)),
    (nn.LazyConvTranspose1d(5, 3), torch.rand(2, 7, 10)),
    (nn.LazyConvTranspose2d(5, 3), torch.rand(2, 7, 10, 10)),
    (nn.LazyConvTranspose3d(5, 3), torch.rand(2, 7, 10, 10, 10)),
]:
    name = type(lazy).__name__
    lazy(x)
    print(f"{name:19} -> {type(lazy).__name__}, in_channels {lazy.in_channels}")
# --8<-- [end:lazy_conv]

# --8<-- [start:lazy_before_first_batch]
torch.manual_seed(0)
count(nn.LazyConv2d(8, kernel_size=3))
# --8<-- [end:lazy_before_first_batch]


# --8<-- [start:solution_plan_shapes]
def flat_features(size):
    """Values a sample after two rounds of convolution and pooling."""
    for _ in range(2):
        size = output_size(size, kernel=5, padding=1)
        size = output_size(size, kernel=2, stride=2)
    return 16 * size * size


torch.manual_seed(0)
for size in (28, 32, 61):
    features = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    out = features(torch.rand(1, 1, size, size))
    print(f"{size} x {size}: nn.Linear({flat_features(size)}, 10)")
    assert out.shape == (1, flat_features(size))
# --8<-- [end:solution_plan_shapes]

# --8<-- [start:solution_convolution_as_matrix]
torch.manual_seed(0)
kernel = torch.randn(3)
matrix = torch.zeros(4, 6)  # 6 inputs -> 4 outputs
for row in range(4):
    matrix[row, row : row + 3] = kernel
x, v = torch.randn(6), torch.randn(4)
forward = F.conv1d(x[None, None], kernel[None, None])[0, 0]
backward = F.conv_transpose1d(v[None, None], kernel[None, None])[0, 0]
torch.testing.assert_close(matrix @ x, forward)
torch.testing.assert_close(matrix.T @ v, backward)
(matrix != 0).int()
# --8<-- [end:solution_convolution_as_matrix]


# --8<-- [start:solution_causal_convolution]
class CausalConv1d(nn.Conv1d):
    """A convolution whose output at time t sees the inputs up to t only."""

    def forward(self, x):  # (N, C, L) -> (N, M, L)
        past = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(F.pad(x, (past, 0)))


torch.manual_seed(0)
net = nn.Sequential(*(CausalConv1d(1, 1, 3, dilation=d) for d in (1, 2, 4)))
x = torch.zeros(1, 1, 30, requires_grad=True)
out = net(x)
out[0, 0, 20].backward()
seen = x.grad[0, 0].nonzero().flatten()
first, last = seen.min().item(), seen.max().item()
print(tuple(out.shape), f"- output 20 sees inputs {first} to {last}")
assert seen.tolist() == list(range(6, 21))
# --8<-- [end:solution_causal_convolution]

# --8<-- [start:solution_checkerboard]
torch.manual_seed(0)
x = torch.ones(1, 1, 5, 5)
uneven = nn.ConvTranspose2d(1, 1, kernel_size=3, stride=2, padding=1, bias=False)
even = nn.ConvTranspose2d(1, 1, kernel_size=4, stride=2, padding=1, bias=False)
resize = nn.Sequential(
    nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3, padding=1, bias=False)
)
for name, layer in {"kernel 3": uneven, "kernel 4": even, "resize": resize}.items():
    for p in layer.parameters():
        nn.init.ones_(p)
    inner = layer(x)[0, 0, 2:7, 2:7]
    print(f"{name}: rows {inner[0].int().tolist()} and {inner[1].int().tolist()}")
# --8<-- [end:solution_checkerboard]

# --8<-- [start:solution_shift]
torch.manual_seed(0)
image = torch.rand(1, 3, 160, 160)
shifted = torch.roll(image, shifts=8, dims=3)
conv = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")
pool = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(8))
mean = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1))
with torch.inference_mode():
    torch.testing.assert_close(conv(shifted), torch.roll(conv(image), 8, dims=3))
    torch.testing.assert_close(pool(shifted), torch.roll(pool(image), 1, dims=3))
    torch.testing.assert_close(mean(shifted), mean(image))
    by_one = pool(torch.roll(image, 1, dims=3)) - pool(image)
print(f"one pixel: the pooled values differ by up to {by_one.abs().max():.2f}")
# --8<-- [end:solution_shift]
