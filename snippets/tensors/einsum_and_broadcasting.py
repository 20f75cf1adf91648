# --8<-- [start:broadcasting]
import torch

prices = torch.tensor([[10.0], [20.0], [30.0]])  # (3, 1)
factors = torch.tensor([1.0, 1.5, 2.0, 3.0])  # (4,)
table = prices * factors  # (3, 4)
by_loop = [[p * f for f in factors.tolist()] for p in prices[:, 0].tolist()]
assert torch.equal(table, torch.tensor(by_loop))
table
# --8<-- [end:broadcasting]

# --8<-- [start:broadcasting_drawn]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, GREEN, ORANGE, draw_cells, frame

FAINT_BLUE, FAINT_ORANGE = BLUE + "33", ORANGE + "33"
column, row = torch.tensor([[10], [20], [30]]), torch.tensor([1, 2, 3, 4])
fig, ax = plt.subplots()
hues = [[BLUE] + [FAINT_BLUE] * 3] * 3
draw_cells(ax, column.expand(3, 4), hues, title="column (3, 1)")
hues = [[ORANGE] * 4] + [[FAINT_ORANGE] * 4] * 2
draw_cells(ax, row.expand(3, 4), hues, at=(5.5, 0), title="row (4,)")
draw_cells(ax, column + row, GREEN, at=(11, 0), title="sum (3, 4)")
ax.text(4.75, 1.5, "+", ha="center", va="center", size=14)
ax.text(10.25, 1.5, "=", ha="center", va="center", size=14)
frame(ax)
plt.show()
# --8<-- [end:broadcasting_drawn]

# --8<-- [start:broadcast_shapes]
import pandas as pd

pairs = [((3, 1), (4,)), ((5, 3, 4), (3, 1)), ((2, 1, 4), (3, 1))]
pairs += [((3, 4), ()), ((0, 3), (1, 3)), ((3, 4), (3,)), ((2, 3), (3, 2))]
rows = []
for a, b in pairs:
    try:
        rows.append((a, b, tuple(torch.broadcast_shapes(a, b))))
    except RuntimeError:
        rows.append((a, b, "error"))
pd.DataFrame(rows, columns=["a", "b", "result"])
# --8<-- [end:broadcast_shapes]

# --8<-- [start:rule_by_hand]
import random
from itertools import zip_longest


def common_shape(a, b):
    sizes = []
    for m, n in zip_longest(reversed(a), reversed(b), fillvalue=1):  # from right
        if m != n and 1 not in (m, n):
            return None
        sizes.append(n if m == 1 else m)
    return tuple(reversed(sizes))


rng, fitting = random.Random(0), 0
for _ in range(1000):
    a, b = (tuple(rng.choices([1, 1, 2, 3], k=rng.randrange(4))) for _ in range(2))
    try:
        expected = tuple(torch.broadcast_shapes(a, b))
    except RuntimeError:
        expected = None
    assert common_shape(a, b) == expected
    fitting += expected is not None
print("shapes that fit:", fitting, "of 1000")
# --8<-- [end:rule_by_hand]

# --8<-- [start:does_not_fit]
table = torch.zeros(3, 4)
print((table + torch.ones(4)).shape, (table + torch.ones(3, 1)).shape)
table + torch.ones(3)  # one number for each row?
# --8<-- [end:does_not_fit]

# --8<-- [start:insert_a_dimension]
per_row, per_column = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([1.0, 2.0])
print(per_row[:, None].shape, per_column[None, :].shape, per_row.unsqueeze(1).shape)
print(per_row[:, None] + per_column)
m = torch.tensor([[1.0, 3.0], [2.0, 8.0], [5.0, 5.0]])  # (3, 2)
print("sums", m.sum(dim=1).shape, m.sum(dim=1, keepdim=True).shape)
m / m.sum(dim=1, keepdim=True)  # shares in each row
# --8<-- [end:insert_a_dimension]

# --8<-- [start:square_trap]
square = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0.0, 0.0, 3.0]])
wrong = square - square.mean(dim=1)  # (3, 3) - (3,)
right = square - square.mean(dim=1, keepdim=True)  # (3, 3) - (3, 1)
print("means of the rows, wrong:", wrong.mean(dim=1))
print("means of the rows, right:", right.mean(dim=1))
# --8<-- [end:square_trap]

# --8<-- [start:vector_minus_column]
prediction = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # (4, 1), from nn.Linear
target = torch.tensor([1.0, 2.0, 3.0, 4.0])  # (4,): the predictions are perfect
error = prediction - target
print(error.shape, "mean squared error", error.square().mean())
correct = (prediction == target).float().mean()
print("accuracy", correct)
assert (prediction[:, 0] - target).square().mean() == 0
# --8<-- [end:vector_minus_column]

# --8<-- [start:vector_minus_column_drawn]
fig, ax = plt.subplots()
draw_cells(ax, prediction, BLUE, at=(0, 0), title="(4, 1)")
draw_cells(ax, target, ORANGE, at=(3, -2.7), title="(4,)")
hues = [[GREEN if i == j else None for j in range(4)] for i in range(4)]
draw_cells(ax, error, hues, at=(3, 0))
ax.text(5, 4.2, "(4, 4)", ha="center", va="top")
ax.text(2, 2, "−", ha="center", va="center", size=14)
frame(ax)
plt.show()
# --8<-- [end:vector_minus_column_drawn]

# --8<-- [start:broadcast_tensors]
a, b = torch.broadcast_tensors(prices, factors)
print(a.shape, b.shape)
print("strides", a.stride(), b.stride())
print("elements in memory:", a.untyped_storage().nbytes() // 4, "of", a.numel())
assert torch.equal(a * b, prices * factors)
assert torch.equal(torch.broadcast_to(factors, (3, 4)), b)
# --8<-- [end:broadcast_tensors]

# --8<-- [start:channels_drawn]
from snippets.toolkit.plots import GREY, draw_box

image = torch.arange(24).reshape(3, 2, 4)  # (C, H, W)
scale = torch.tensor([1, 10, 100])[:, None, None]  # (C, 1, 1)
scaled = image * scale
assert torch.equal(scaled[2], 100 * image[2])
sheets = [BLUE, ORANGE, GREEN]
fig, ax = plt.subplots()
draw_box(ax, [[[GREY] * 4] * 2] * 3, image[0], at=(0, 0), title="image", axes="CHW")
hues = [[[hue]] for hue in sheets]
draw_box(ax, hues, scale[0], at=(8.8, 0.5), title="scale", axes="C11")
hues = [[[hue] * 4] * 2 for hue in sheets]
draw_box(ax, hues, scaled[0], at=(4, 5.4), title="product", axes="CHW")
for x, y, sign in ((6.9, 1, "×"), (2, 6.4, "=")):
    ax.text(x, y, sign, ha="center", va="center", size=14)
frame(ax)
plt.show()
# --8<-- [end:channels_drawn]

# --8<-- [start:in_place]
total = torch.zeros(3, 4)
total += torch.arange(4)  # (4,) is stretched: fine
print(total[0])
row = torch.arange(4.0)
row += torch.ones(3, 4)  # row can't become (3, 4)
# --8<-- [end:in_place]

# --8<-- [start:gradient_of_a_broadcast]
x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # (3, 2)
bias = torch.zeros(2, requires_grad=True)  # (2,), used in three rows
weights = torch.tensor([[1.0], [10.0], [100.0]])
((x + bias) * weights).sum().backward()
assert torch.equal(bias.grad, weights.expand(3, 2).sum_to_size(2))
bias.grad
# --8<-- [end:gradient_of_a_broadcast]

# --8<-- [start:masks_from_positions]
position = torch.arange(4)
causal = position[:, None] >= position  # (4, 4): may i look at j?
print(causal.int())
lengths = torch.tensor([4, 2, 3])  # real tokens in each of three sentences
real = position < lengths[:, None]  # (3, 4)
both = causal & real[:, None, :]  # (4, 4) and (3, 1, 4)
print(real.int(), both.shape)
# --8<-- [end:masks_from_positions]

# --8<-- [start:cdist]
g = torch.Generator().manual_seed(0)
points, centres = torch.randn(6, 2, generator=g), torch.randn(3, 2, generator=g)
steps = points[:, None, :] - centres[None, :, :]  # (6, 1, 2) - (1, 3, 2)
distances = torch.linalg.vector_norm(steps, dim=-1)  # (6, 3)
torch.testing.assert_close(torch.cdist(points, centres), distances)
by_blocks = torch.cdist(points, centres, p=1)  # the sum of both steps
torch.testing.assert_close(by_blocks, steps.abs().sum(dim=-1))
print("nearest centre:", distances.argmin(dim=1))
distances
# --8<-- [end:cdist]

# --8<-- [start:cdist_far_from_zero]
x, y = torch.full((30,), 1000.0), 1000 + torch.arange(30) / 100
line = torch.stack([x, y], dim=1)  # (30, 2)
fast = torch.cdist(line, line)  # more than 25 points: by a matrix product
careful = torch.cdist(line, line, compute_mode="donot_use_mm_for_euclid_dist")
print("careful", careful[0, :5])
seen = (fast[0, 1:5] - careful[0, 1:5]).abs().max() < 0.005
print("steps of 0.01 seen by the fast way:", bool(seen))
centred = line - line.mean(dim=0)
near_zero = torch.cdist(centred, centred)
torch.testing.assert_close(near_zero, careful, atol=1e-3, rtol=0)
# --8<-- [end:cdist_far_from_zero]

# --8<-- [start:einsum]
A = torch.tensor([[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]])  # (i, k)
B = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 4.0]])  # (k, j)
C = torch.einsum("ik,kj->ij", A, B)

by_loops = torch.zeros(2, 2)
for i in range(2):
    for j in range(2):
        for k in range(3):  # k isn't in the output: it is summed
            by_loops[i, j] += A[i, k] * B[k, j]
assert torch.equal(C, by_loops) and torch.equal(C, A @ B)
C
# --8<-- [end:einsum]

# --8<-- [start:slow_einsum]
from itertools import product


def slow_einsum(equation, *tensors):
    left, output = equation.split("->")
    inputs = left.split(",")
    size = {}  # of each letter
    for letters, t in zip(inputs, tensors, strict=True):
        size |= dict(zip(letters, t.shape, strict=True))
    result = torch.zeros([size[letter] for letter in output])
    for numbers in product(*(range(n) for n in size.values())):
        at = dict(zip(size, numbers, strict=True))  # a number for each letter
        term = 1.0
        for letters, t in zip(inputs, tensors, strict=True):
            term = term * t[tuple(at[letter] for letter in letters)]
        result[tuple(at[letter] for letter in output)] += term
    return result


torch.testing.assert_close(slow_einsum("ik,kj->ij", A, B), C)
print(slow_einsum("ik,kj->", A, B))
# --8<-- [end:slow_einsum]

# --8<-- [start:einsum_drawn]
cube = A[:, :, None] * B  # (i, k, 1) * (k, j) = (i, k, j)
assert torch.equal(cube.sum(dim=1), C)
tints = [[[hue + "99"] * 2 for hue in (BLUE, ORANGE, GREEN)] for _ in range(2)]
fig, ax = plt.subplots()
draw_cells(ax, A, [[BLUE, ORANGE, GREEN]] * 2, at=(0, 0.5), title="A (i, k)")
hues = [[BLUE] * 2, [ORANGE] * 2, [GREEN] * 2]
draw_cells(ax, B, hues, at=(5, 0), title="B (k, j)")
draw_box(ax, tints, cube[0], at=(2.2, 5.4), title="all products", axes="ikj")
draw_cells(ax, C, None, at=(8.7, 5.9), title="C (i, j)")
for x, y, sign in ((4, 1.5, "×"), (0.6, 6.9, "="), (6.9, 6.9, "→")):
    ax.text(x, y, sign, ha="center", va="center", size=14)
ax.text(6.9, 7.6, "sum over k", ha="center", va="top", size=10)
frame(ax)
plt.show()
# --8<-- [end:einsum_drawn]

# --8<-- [start:einsum_one_tensor]
m = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
calls = {
    "ij->": torch.sum(m),
    "ij->i": m.sum(dim=1),
    "ij->j": m.sum(dim=0),
    "ij->ji": m.T,
    "ii->i": torch.diagonal(m),
    "ii->": torch.trace(m),
}
for equation, expected in calls.items():
    assert torch.equal(torch.einsum(equation, m), expected)
    torch.testing.assert_close(slow_einsum(equation, m), expected)
    print(f"{equation:7}", torch.einsum(equation, m).tolist())
# --8<-- [end:einsum_one_tensor]

# --8<-- [start:einsum_dot_outer]
u, v = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 0.0, -1.0])
print("i,i->  ", torch.einsum("i,i->", u, v))
print("i,i->i ", torch.einsum("i,i->i", u, v))
print("i,j->ij", torch.einsum("i,j->ij", u, v))
assert torch.equal(torch.einsum("i,i->", u, v), torch.dot(u, v))
assert torch.equal(torch.einsum("i,i->i", u, v), u * v)
assert torch.equal(torch.einsum("i,j->ij", u, v), torch.outer(u, v))
# --8<-- [end:einsum_dot_outer]

# --8<-- [start:einsum_matmul]
W = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])  # (o, k), as in nn.Linear
x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (n, k)
assert torch.equal(torch.einsum("ok,k->o", W, x[0]), torch.mv(W, x[0]))
layer = torch.einsum("nk,ok->no", x, W)
assert torch.equal(layer, torch.nn.functional.linear(x, W))
assert torch.equal(torch.einsum("nk,nl->kl", x, x), x.T @ x)
layer
# --8<-- [end:einsum_matmul]

# --8<-- [start:einsum_batch]
g = torch.Generator().manual_seed(0)
P, Q = torch.randn(5, 2, 3, generator=g), torch.randn(5, 3, 4, generator=g)
batched = torch.einsum("bik,bkj->bij", P, Q)
torch.testing.assert_close(batched, torch.bmm(P, Q))
summed = torch.einsum("bik,bkj->ij", P, Q)
torch.testing.assert_close(summed, batched.sum(dim=0))
squares = torch.einsum("bik,bik->b", P, P)
torch.testing.assert_close(squares, P.square().sum(dim=(1, 2)))
print(batched.shape, torch.einsum("bik,bkj->ibj", P, Q).shape)
# --8<-- [end:einsum_batch]

# --8<-- [start:einsum_ellipsis]
photos = torch.ones(2, 3, 4, 5)  # (N, C, H, W)
mix = torch.tensor([[0.3, 0.6, 0.1]])  # (D, C): to grey
print(torch.einsum("dc,nchw->ndhw", mix, photos).shape)
print(torch.einsum("dc,...chw->...dhw", mix, photos[0]).shape, "one picture")
video = photos.expand(7, 2, 3, 4, 5)
print(torch.einsum("dc,...chw->...dhw", mix, video).shape, "a batch of videos")
# --8<-- [end:einsum_ellipsis]

# --8<-- [start:einsum_bilinear]
g = torch.Generator().manual_seed(0)
left, right = torch.randn(4, 3, generator=g), torch.randn(4, 5, generator=g)
W = torch.randn(2, 3, 5, generator=g)
y = torch.einsum("ni,oij,nj->no", left, W, right)  # (4, 2)
torch.testing.assert_close(y, torch.nn.functional.bilinear(left, right, W))
torch.testing.assert_close(y[0, 1], left[0] @ W[1] @ right[0])
y
# --8<-- [end:einsum_bilinear]

# --8<-- [start:einsum_without_arrow]
m = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
print(torch.einsum("ij", m).shape, torch.einsum("ba", m).shape)
print(torch.einsum("ik,kj", A, B).shape, torch.einsum("zk,kj", A, B).shape)
assert torch.equal(torch.einsum("zk,kj", A, B), (A @ B).T)
# --8<-- [end:einsum_without_arrow]

# --8<-- [start:einsum_stretches_ones]
features = torch.tensor([[1.0], [2.0]])  # (2, 1): one feature by mistake
weight = torch.ones(3, 4)
print(torch.einsum("nk,ko->no", features, weight))
try:
    features @ weight
except RuntimeError as error:
    print("matmul:", error)
# --8<-- [end:einsum_stretches_ones]

# --8<-- [start:einsum_errors]
wrong_calls = {
    "ij,jk->il": (A, B),
    "ijk->ij": (A,),
    "ij,jk->ik": (A,),
    "ij->iij": (A,),
}
for equation, tensors in wrong_calls.items():
    try:
        torch.einsum(equation, *tensors)
    except RuntimeError as error:
        print(f"{equation}: {error}")
torch.einsum("ik,kj->ij", A, A)
# --8<-- [end:einsum_errors]

# --8<-- [start:attention_scores]
g = torch.Generator().manual_seed(0)
q, k, v = torch.randn(3, 4, 8, generator=g)  # three times (tokens, d)
scores = torch.einsum("id,jd->ij", q, k) / 8**0.5  # every query with every key
weights = torch.softmax(scores, dim=-1)  # each row sums to 1
out = torch.einsum("ij,jd->id", weights, v)  # a mixture of the values
torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4))
print(scores.shape, out.shape)
weights
# --8<-- [end:attention_scores]

# --8<-- [start:attention]
import torch.nn.functional as F


def attention(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return torch.einsum("...ij,...jd->...id", torch.softmax(scores, dim=-1), v)


full = attention(q, k, v)
torch.testing.assert_close(full, F.scaled_dot_product_attention(q, k, v))
mask = position[:, None] >= position  # (4, 4)
causal = attention(q, k, v, mask)
expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
torch.testing.assert_close(causal, expected)
torch.testing.assert_close(causal[0], v[0])  # the first token sees only itself
changed = (causal - full).abs().amax(dim=-1) > 1e-6
print("changed by the mask:", changed)
# --8<-- [end:attention]

# --8<-- [start:attention_drawn]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3))
labels = {
    "row_labels": [f"q{i}" for i in range(4)],
    "column_labels": [f"k{j}" for j in range(4)],
}
allowed_pairs = {"all": torch.ones_like(mask), "causal": mask}
for ax, (title, allowed) in zip(axes, allowed_pairs.items(), strict=True):
    w = torch.softmax(scores.masked_fill(~allowed, -torch.inf), dim=-1)
    hues = [[f"#2f6fdb{int(255 * x):02x}" for x in row] for row in w.tolist()]
    numbers = [[f"{x:.2f}" if x else None for x in row] for row in w.tolist()]
    draw_cells(ax, numbers, hues, title=title, size=9, **labels)
    frame(ax)
plt.show()
# --8<-- [end:attention_drawn]

# --8<-- [start:divide_by_sqrt_d]
g = torch.Generator().manual_seed(0)
rows = []
for d in (4, 64, 1024):
    q, k = torch.randn(2, 1000, 16, d, generator=g)  # 1000 sequences of 16 tokens
    raw = torch.einsum("bid,bjd->bij", q, k)
    for divided, s in (("no", raw), ("yes", raw / d**0.5)):
        w = torch.softmax(s, dim=-1)
        largest = w.amax(dim=-1).mean().item()
        slope = (w * (1 - w)).mean().item()  # of a weight, by its own score
        rows.append((d, divided, s.std().item(), largest, slope))
assert rows[4][3] > 0.95 and rows[5][3] < 0.3 and rows[5][4] > 10 * rows[4][4]
columns = ["d", "divided", "spread", "largest weight", "slope"]
pd.DataFrame(rows, columns=columns).round(3)
# --8<-- [end:divide_by_sqrt_d]

# --8<-- [start:divide_by_sqrt_d_drawn]
g = torch.Generator().manual_seed(1)
query, keys = torch.randn(1024, generator=g), torch.randn(16, 1024, generator=g)
raw = torch.einsum("d,jd->j", query, keys)
fig, axes = plt.subplots(1, 2, figsize=(7, 2.4), sharey=True, layout="constrained")
both = {"softmax(q · k)": raw, "softmax(q · k / √d)": raw / 1024**0.5}
for ax, (title, s) in zip(axes, both.items(), strict=True):
    ax.bar(range(16), torch.softmax(s, dim=0), color="#2f6fdb")
    ax.set(title=title, xlabel="key", xticks=range(0, 16, 5))
axes[0].set(ylabel="weight, d = 1024")
plt.show()
# --8<-- [end:divide_by_sqrt_d_drawn]

# --8<-- [start:multi_head_attention]
g = torch.Generator().manual_seed(0)
batch, tokens, heads, d = 2, 5, 4, 8
q, k, v = torch.randn(3, batch, tokens, heads, d, generator=g)  # heads beside d
scores = torch.einsum("bihd,bjhd->bhij", q, k) / d**0.5
out = torch.einsum("bhij,bjhd->bihd", scores.softmax(dim=-1), v)
joined = out.flatten(-2)  # (batch, tokens, heads * d)
q, k, v = (t.transpose(1, 2) for t in (q, k, v))  # (batch, heads, tokens, d)
expected = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
torch.testing.assert_close(out, expected)
print(scores.shape, joined.shape)
# --8<-- [end:multi_head_attention]

# --8<-- [start:same_product_nine_ways]
g = torch.Generator().manual_seed(0)
a, b = torch.randn(6, 5, generator=g), torch.randn(5, 4, generator=g)
ways = {
    "a @ b": a @ b,
    "matmul": torch.matmul(a, b),
    "mm": torch.mm(a, b),
    "einsum": torch.einsum("ik,kj->ij", a, b),
    "tensordot": torch.tensordot(a, b, dims=1),
    "inner": torch.inner(a, b.T),
    "linear": F.linear(a, b.T),
    "broadcast": (a[:, :, None] * b).sum(dim=1),
    "sum of outers": sum(torch.outer(a[:, k], b[k]) for k in range(5)),
}
for name, result in ways.items():
    torch.testing.assert_close(result, a @ b, msg=name)
print(len(ways), "ways, one result of shape", tuple(ways["einsum"].shape))
# --8<-- [end:same_product_nine_ways]

# --8<-- [start:tensordot]
g = torch.Generator().manual_seed(0)
a, b = torch.randn(2, 3, 4, generator=g), torch.randn(3, 4, 5, generator=g)
print(torch.tensordot(a, b, dims=2).shape)  # the last two with the first two
by_einsum = torch.einsum("ijk,jkl->il", a, b)
torch.testing.assert_close(torch.tensordot(a, b, dims=2), by_einsum)
c = torch.randn(4, 2, 6, generator=g)
pairs = ([0, 2], [1, 0])  # dimension 0 of a with 1 of c, 2 with 0
print(torch.tensordot(a, c, dims=pairs).shape)
by_einsum = torch.einsum("ijk,kil->jl", a, c)
torch.testing.assert_close(torch.tensordot(a, c, dims=pairs), by_einsum)
# --8<-- [end:tensordot]

# --8<-- [start:tensorsolve_tensorinv]
g = torch.Generator().manual_seed(0)
A = torch.randn(2, 3, 6, generator=g, dtype=torch.float64)  # maps (6,) to (2, 3)
B = torch.ones(2, 3, dtype=torch.float64)
x = torch.linalg.tensorsolve(A, B)  # (6,)
torch.testing.assert_close(torch.tensordot(A, x, dims=1), B)
torch.testing.assert_close(torch.linalg.solve(A.reshape(6, 6), B.flatten()), x)
inverse = torch.linalg.tensorinv(A, ind=2)  # maps (2, 3) to (6,)
torch.testing.assert_close(torch.tensordot(inverse, B, dims=2), x)
torch.testing.assert_close(torch.linalg.inv(A.reshape(6, 6)), inverse.flatten(1))
print(x.shape, inverse.shape)
# --8<-- [end:tensorsolve_tensorinv]

# --8<-- [start:kron]
small = torch.tensor([[1, 2], [3, 0]])
pattern = torch.tensor([[1, 1, 1], [0, 1, 0]])
large = torch.kron(small, pattern)  # (4, 6)
blocks = torch.einsum("ij,kl->ikjl", small, pattern).reshape(4, 6)
assert torch.equal(large, blocks)
fig, ax = plt.subplots()
draw_cells(ax, small, [[BLUE, ORANGE], [GREEN, None]], at=(0, 1), title="small")
draw_cells(ax, pattern, at=(3.5, 1), title="pattern")
hues = [[BLUE] * 3 + [ORANGE] * 3] * 2 + [[GREEN] * 3 + [None] * 3] * 2
draw_cells(ax, large, hues, at=(8, 0), title="kron(small, pattern)")
frame(ax)
plt.show()
# --8<-- [end:kron]


# --8<-- [start:contraction_order]
def multiplications(equation, *shapes):
    """The product of the sizes of all letters: what the loops would do."""
    size = {}
    inputs = equation.split("->")[0].split(",")
    for letters, shape in zip(inputs, shapes, strict=True):
        size |= dict(zip(letters, shape, strict=True))
    return torch.tensor(list(size.values())).prod().item()


n, m = (1000, 1000), (1000, 1)
left_first = multiplications("ij,jk->ik", n, n)
left_first += multiplications("ik,kl->il", n, m)
right_first = multiplications("jk,kl->jl", n, m)
right_first += multiplications("ij,jl->il", n, m)
print(f"(A @ B) @ v: {left_first:,}")
print(f"A @ (B @ v): {right_first:,}")
print(f"one loop over all letters: {multiplications('ij,jk,kl->il', n, n, m):,}")
# --8<-- [end:contraction_order]

# --8<-- [start:flop_counter]
from torch.utils.flop_counter import FlopCounterMode

A, B, v = torch.ones(300, 300), torch.ones(300, 300), torch.ones(300, 1)
for name, call in {
    "(A @ B) @ v": lambda: (A @ B) @ v,
    "A @ (B @ v)": lambda: A @ (B @ v),
    "einsum of three": lambda: torch.einsum("ij,jk,kl->il", A, B, v),
    "einsum twice": lambda: torch.einsum(
        "ij,jl->il",
        A,
        torch.einsum("jk,kl->jl", B, v),
    ),
    "multi_dot": lambda: torch.linalg.multi_dot([A, B, v]),
}.items():
    as_written = torch.backends.opt_einsum.flags(enabled=False)
    with as_written, FlopCounterMode(display=False) as counter:
        call()
    print(f"{name:16} {counter.get_total_flops():>12,}")
# --8<-- [end:flop_counter]

# --8<-- [start:multi_dot]
shapes = [(10, 1000), (1000, 5), (5, 500), (500, 20)]
g = torch.Generator().manual_seed(0)
chain = [torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes]
A, B, C, D = chain
torch.testing.assert_close(torch.linalg.multi_dot(chain), A @ B @ C @ D)
for name, call in {
    "((AB)C)D": lambda: ((A @ B) @ C) @ D,
    "A(B(CD))": lambda: A @ (B @ (C @ D)),
    "multi_dot": lambda: torch.linalg.multi_dot(chain),
}.items():
    with FlopCounterMode(display=False) as counter:
        call()
    print(f"{name:10} {counter.get_total_flops():>10,}")
# --8<-- [end:multi_dot]

# --8<-- [start:memory_of_the_middle]
g = torch.Generator().manual_seed(0)
a, b = torch.randn(400, 64, generator=g), torch.randn(300, 64, generator=g)
middle = a[:, None, :] * b  # (400, 300, 64)
result = torch.einsum("id,jd->ij", a, b)  # (400, 300), without the middle
torch.testing.assert_close(middle.sum(dim=-1), result, atol=1e-4, rtol=1e-4)
print(f"inputs {a.nbytes + b.nbytes:>10,} bytes")
print(f"middle {middle.nbytes:>10,} bytes")
print(f"result {result.nbytes:>10,} bytes")
assert middle.nbytes == 64 * result.nbytes
assert 10_000 * 10_000 * 64 * 4 > 25e9  # bytes, for 10,000 points on both sides
# --8<-- [end:memory_of_the_middle]

# --8<-- [start:distances_without_the_middle]
squares = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1)  # (400, 300)
distances = (squares - 2 * a @ b.T).clamp(min=0).sqrt()  # |a|² + |b|² - 2 a·b
torch.testing.assert_close(distances, torch.cdist(a, b), atol=1e-3, rtol=1e-3)
slow = torch.linalg.vector_norm(a[:, None] - b, dim=-1)  # with the middle
torch.testing.assert_close(distances, slow, atol=1e-3, rtol=1e-3)
print(distances.shape)
# --8<-- [end:distances_without_the_middle]

# --8<-- [start:sums_are_not_associative]
big, one = torch.tensor(1e8), torch.tensor(1.0)
print("(big + one) - big:", (big + one) - big)
print("(big - big) + one:", (big - big) + one)
print("2**24 + 1:", (torch.tensor(2.0**24) + 1).item())
print("in float64:", (big.double() + one) - big)
# --8<-- [end:sums_are_not_associative]

# --8<-- [start:accumulate]
tenths = torch.full((4096,), 0.1, dtype=torch.bfloat16)  # the sum should be 410
total = torch.tensor(0.0, dtype=torch.bfloat16)
for x in tenths:
    total = total + x
print("loop", total)
print("sum ", tenths.sum())
print("stored:", tenths[0].item(), " times 4096:", tenths[0].item() * 4096)
torch.sum(tenths, dtype=torch.float32)
# --8<-- [end:accumulate]

# --8<-- [start:float32_or_float64]
g = torch.Generator().manual_seed(0)
a, b = torch.randn(2, 1000, 1000, generator=g, dtype=torch.float64)
exact = a @ b
limits = {torch.bfloat16: 1e-2, torch.float16: 1e-3, torch.float32: 1e-6}
for dtype, limit in limits.items():
    error = (a.to(dtype) @ b.to(dtype)).double() - exact
    relative = error.norm() / exact.norm()
    assert limit / 30 < relative < limit
    eps = torch.finfo(dtype).eps
    print(f"{dtype}: relative error below {limit:g}, eps {eps:.0e}")
print("products of float32 may use less:", torch.get_float32_matmul_precision())
# --8<-- [end:float32_or_float64]

# --8<-- [start:solution_relative_positions]
tokens, slopes = 5, torch.tensor([0.5, 0.25])  # one slope for each head
position = torch.arange(tokens)
distance = (position[:, None] - position).abs()  # (5, 5)
bias = slopes[:, None, None] * -distance  # (2, 1, 1) * (5, 5) = (2, 5, 5)
assert bias.shape == (2, 5, 5)
assert bias[1, 0, 4] == -0.25 * 4
assert torch.equal(bias, bias.mT)
bias[0]
# --8<-- [end:solution_relative_positions]


# --8<-- [start:solution_unbroadcast]
def unbroadcast(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(dim=0)
    ones = [i for i, n in enumerate(shape) if n == 1]
    stretched = tuple(i for i in ones if gradient.shape[i] > 1)
    return gradient.sum(dim=stretched, keepdim=True) if stretched else gradient


for shape in ((4,), (3, 1), (1, 4), (2, 3, 4), (1, 1, 1), (2, 1, 4)):
    small = torch.zeros(shape, requires_grad=True)
    weights = torch.arange(24.0).reshape(2, 3, 4)
    ((small + torch.zeros(2, 3, 4)) * weights).sum().backward()
    assert torch.equal(unbroadcast(weights, shape), small.grad), shape
    assert torch.equal(weights.sum_to_size(shape), small.grad)
print("all equal")
# --8<-- [end:solution_unbroadcast]

# --8<-- [start:solution_five_equations]
g = torch.Generator().manual_seed(0)
x = torch.randn(6, 4, 3, generator=g)  # (n, t, d)
y = torch.randn(6, 3, generator=g)  # (n, d)
tokens = x.flatten(0, 1)  # (n * t, d)
dots = (x * y[:, None]).sum(dim=-1)
answers = {
    "mean over t": (torch.einsum("ntd->nd", x) / 4, x.mean(dim=1)),
    "y with each token": (torch.einsum("ntd,nd->nt", x, y), dots),
    "squared length": (torch.einsum("nd,nd->n", y, y), y.square().sum(dim=1)),
    "Gram matrices": (torch.einsum("ntd,nsd->nts", x, x), x @ x.mT),
    "scatter matrix": (torch.einsum("ntd,nte->de", x, x), tokens.T @ tokens),
}
for name, (by_einsum, expected) in answers.items():
    torch.testing.assert_close(by_einsum, expected)
    print(f"{name:18} {tuple(by_einsum.shape)}")
# --8<-- [end:solution_five_equations]

# --8<-- [start:solution_linear_attention]
g = torch.Generator().manual_seed(0)
q, k, v = torch.randn(3, 1000, 16, generator=g, dtype=torch.float64)
q, k = F.elu(q) + 1, F.elu(k) + 1  # positive, in place of the softmax
weights = torch.einsum("id,jd->ij", q, k)  # (1000, 1000)
slow = torch.einsum("ij,je->ie", weights, v) / weights.sum(dim=1, keepdim=True)

memory = torch.einsum("jd,je->de", k, v)  # (16, 16), whatever the length
row_sums = torch.einsum("id,d->i", q, k.sum(dim=0))  # (1000,)
fast = torch.einsum("id,de->ie", q, memory) / row_sums[:, None]
torch.testing.assert_close(fast, slow)
print(weights.numel(), "numbers in the middle, or", memory.numel())
# --8<-- [end:solution_linear_attention]
