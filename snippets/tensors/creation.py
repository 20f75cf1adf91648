# --8<-- [start:tensor]
import torch

prices = torch.tensor([[1.5, 2.0, 3.5], [4.0, 5.0, 6.5]])
counts = torch.tensor([[1, 0, 2], [3, 1, 0]])
print(prices.shape, prices.dtype, counts.dtype)
print(torch.tensor([1, 2], dtype=torch.float32), torch.tensor([True, False]))
prices
# --8<-- [end:tensor]

# --8<-- [start:tensor_of_tensors]
rows = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])]
print(torch.stack(rows))
torch.tensor(rows)
# --8<-- [end:tensor_of_tensors]

# --8<-- [start:constructor_options]
weight = torch.zeros(2, dtype=torch.float64, requires_grad=True)
plan = torch.zeros(50_000, 50_000, device="meta")  # no numbers, so no memory
print(weight)
print(plan.shape, plan.device)
with torch.device("meta"):
    inside = torch.ones(3)
print(inside.device, torch.ones(3).device)
assert torch.zeros(2, 3).equal(torch.zeros((2, 3)))  # sizes or one tuple
# --8<-- [end:constructor_options]

# --8<-- [start:as_tensor]
import numpy as np

array = np.array([1.0, 2.0, 3.0])
copied, shared = torch.tensor(array), torch.as_tensor(array)
converted = torch.as_tensor(array, dtype=torch.float32)
array[0] = 100
print(copied)
print(shared)
print(converted)
assert torch.as_tensor(copied) is copied
# --8<-- [end:as_tensor]

# --8<-- [start:asarray]
array = np.array([1.0, 2.0, 3.0])
for copy in (None, True, False):
    t = torch.asarray(array, copy=copy)
    print(f"{copy=!s:5}  shares memory: {np.shares_memory(t.numpy(), array)}")
print(torch.asarray([1, 2, 3], dtype=torch.float16))
torch.asarray(array, dtype=torch.float32, copy=False)
# --8<-- [end:asarray]

# --8<-- [start:from_numpy]
table = np.arange(6.0).reshape(2, 3)
t = torch.from_numpy(table)
t *= 10
print(table)
print(t.dtype, t.to(torch.float32).dtype)
assert np.shares_memory(t.numpy(), table)
# --8<-- [end:from_numpy]

# --8<-- [start:from_dlpack]
array = np.arange(4)
t = torch.from_dlpack(array)  # any library that speaks DLPack
back = np.from_dlpack(t)
t[0] = 99
print(t, array, back)
assert array[0] == back[0] == 99
# --8<-- [end:from_dlpack]

# --8<-- [start:frombuffer]
message = bytearray(b"Torch")
codes = torch.frombuffer(message, dtype=torch.uint8)
print(codes)
codes[0] += 32  # from T to t
print(message.decode())

header = bytearray(4) + bytearray(np.array([1.5, 2.5], dtype=np.float32))
torch.frombuffer(header, dtype=torch.float32, offset=4, count=2)
# --8<-- [end:frombuffer]

# --8<-- [start:from_file]
np.arange(6, dtype=np.float32).tofile("numbers.bin")

mapped = torch.from_file("numbers.bin", shared=True, size=6)  # float32
mapped[0] = -1
print(mapped.view(2, 3))
print(np.fromfile("numbers.bin", dtype=np.float32))
# --8<-- [end:from_file]

# --8<-- [start:clone]
original = torch.tensor([1.0, 2.0], requires_grad=True)
twin = torch.clone(original)  # or original.clone()
plain = original.detach().clone()
print(twin)
print(plain)
plain[0] = 100
original
# --8<-- [end:clone]

# --8<-- [start:zeros]
print(torch.zeros(3))
print(torch.zeros(3, dtype=torch.bool), torch.zeros(()), torch.zeros(0))
torch.zeros(2, 3, dtype=torch.int64)
# --8<-- [end:zeros]

# --8<-- [start:ones]
scale = 0.5 * torch.ones(2, 3)
weights = torch.ones(4) / 4
print(weights, weights.sum())
scale
# --8<-- [end:ones]

# --8<-- [start:full]
board = torch.full((2, 3), 7)
print(board.dtype, torch.full((2,), 7.0).dtype, torch.full((2,), True).dtype)
print(torch.full((2,), float("-inf")))
print(torch.full((2,), 3.9, dtype=torch.int64))
print(board)
torch.full(3, 7)
# --8<-- [end:full]

# --8<-- [start:empty]
buffer = torch.empty(2, 3)  # whatever was in memory
for row in range(2):
    buffer[row] = row
print(torch.empty(3).fill_(0.1))
buffer
# --8<-- [end:empty]

# --8<-- [start:zeros_like]
mask = torch.zeros_like(counts)
total = torch.zeros_like(counts, dtype=torch.float32)
print(mask)
print(total.dtype, total.shape)
# --8<-- [end:zeros_like]

# --8<-- [start:ones_like]
square = torch.tensor([1.0, 2.0, 3.0], requires_grad=True) ** 2
square.backward(torch.ones_like(square))
print(torch.ones_like(square))
torch.ones_like(counts, dtype=torch.bool)
# --8<-- [end:ones_like]

# --8<-- [start:full_like]
print(torch.full_like(prices, 0.5))
print(torch.full_like(counts, 0.5))  # counts holds integers: 0.5 becomes 0
# --8<-- [end:full_like]

# --8<-- [start:empty_like]
result = torch.empty_like(prices)
torch.mul(prices, 2, out=result)
turned = torch.empty_like(prices.T)
print(prices.T.stride(), turned.stride())  # the layout is kept too
result
# --8<-- [end:empty_like]

# --8<-- [start:empty_strided]
columns_first = torch.empty_strided((2, 3), stride=(1, 2))
channels_last = torch.empty_permuted((8, 3, 4, 5), (0, 2, 3, 1))
print(columns_first.shape, columns_first.stride())
print(channels_last.shape, channels_last.stride())
assert channels_last.is_contiguous(memory_format=torch.channels_last)
# --8<-- [end:empty_strided]

# --8<-- [start:arange]
print(torch.arange(5))
print(torch.arange(2, 8), torch.arange(8, 2, -2))
print(torch.arange(5.0), torch.arange(5, dtype=torch.float32))
torch.arange(6).reshape(2, 3)
# --8<-- [end:arange]

# --8<-- [start:arange_fraction]
print(torch.arange(1, 1.3, 0.1))
print(torch.arange(10, 13) / 10)
assert len(torch.arange(1, 1.3, 0.1)) == 4
# --8<-- [end:arange_fraction]

# --8<-- [start:linspace]
print(torch.linspace(0, 1, steps=5))
print(torch.linspace(0, 10, steps=5, dtype=torch.int64))  # 2.5 becomes 2
t = torch.linspace(1, 1.3, steps=4)
assert len(t) == 4 and torch.allclose(t, torch.tensor([1.0, 1.1, 1.2, 1.3]))
t
# --8<-- [end:linspace]

# --8<-- [start:logspace]
rates = torch.logspace(-4, -1, steps=4)  # the ends are exponents
print(rates)
print(torch.logspace(0, 5, steps=6, base=2))
torch.testing.assert_close(rates, 10 ** torch.linspace(-4, -1, steps=4))
# --8<-- [end:logspace]

# --8<-- [start:spaces_picture]
import matplotlib.pyplot as plt

rulers = {
    "arange(1, 10, 2)": torch.arange(1, 10, 2),
    "linspace(1, 10, 5)": torch.linspace(1, 10, 5),
    "logspace(0, 1, 5)": torch.logspace(0, 1, 5),
}
fig, ax = plt.subplots(figsize=(6, 1.6))
for row, (name, points) in enumerate(rulers.items()):
    ax.plot([1, 10], [-row, -row], color="#7a8599", lw=1)
    ax.plot(points, [-row] * len(points), "o", color="#2f6fdb")
    print(f"{name:20}", points)
ax.set_yticks([0, -1, -2], rulers)
ax.set(ylim=(-2.5, 0.5), xticks=range(1, 11))
ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()
# --8<-- [end:spaces_picture]

# --8<-- [start:meshgrid]
y, x = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
print(y)
print(x)
assert torch.equal(y * 10 + x, torch.arange(3)[:, None] * 10 + torch.arange(4))
# --8<-- [end:meshgrid]

# --8<-- [start:cartesian_prod]
depths, widths = torch.tensor([2, 4]), torch.tensor([16, 32, 64])
pairs = torch.cartesian_prod(depths, widths)  # (6, 2)
for depth, width in pairs[:4].tolist():
    print(f"{depth=} {width=}")
pairs.shape
# --8<-- [end:cartesian_prod]

# --8<-- [start:combinations]
teams = torch.tensor([10, 20, 30])
print(torch.combinations(teams))
print(torch.combinations(teams, with_replacement=True).shape)
torch.combinations(torch.arange(4), r=3)
# --8<-- [end:combinations]

# --8<-- [start:vander]
x = torch.tensor([1.0, 2.0, 3.0])
powers = torch.vander(x, N=3, increasing=True)  # 1, x, x²
print(powers)
powers @ torch.tensor([5.0, 0.0, 1.0])  # 5 + x²
# --8<-- [end:vander]

# --8<-- [start:heaviside]
x = torch.tensor([-2.0, 0.0, 3.0])
print(torch.heaviside(x, torch.tensor(0.5)))
assert torch.equal(torch.heaviside(x, torch.tensor(0.0)), (x > 0).float())
# --8<-- [end:heaviside]

# --8<-- [start:eye]
print(torch.eye(3))
print(torch.eye(2, 4, dtype=torch.int64))
labels = torch.tensor([2, 0, 2])
one_hot = torch.eye(3)[labels]
one_hot
# --8<-- [end:eye]

# --8<-- [start:diag]
matrix = torch.diag(torch.tensor([1, 2, 3]))
print(matrix)
print(torch.diag(matrix), torch.diag(torch.arange(9).reshape(3, 3), 1))
torch.diag(torch.tensor([7, 8]), diagonal=-1)
# --8<-- [end:diag]

# --8<-- [start:diag_embed]
batch = torch.tensor([[1, 2], [3, 4]])
print(torch.diag_embed(batch))  # a matrix for each row
torch.diagflat(batch)  # one matrix for all
# --8<-- [end:diag_embed]

# --8<-- [start:block_diag]
square, line = torch.full((2, 2), 1), torch.tensor([[2, 2, 2]])
torch.block_diag(square, line, torch.tensor(3))
# --8<-- [end:block_diag]

# --8<-- [start:tril]
causal = torch.ones(4, 4, dtype=torch.bool).tril()
print(causal)
print(torch.tril(torch.arange(1, 10).reshape(3, 3), diagonal=-1))
# --8<-- [end:tril]

# --8<-- [start:triu]
scores = torch.zeros(4, 4)
print(scores + torch.triu(torch.full((4, 4), float("-inf")), diagonal=1))
matrix = torch.arange(1, 10).reshape(3, 3)
assert torch.equal(matrix, torch.tril(matrix) + torch.triu(matrix, diagonal=1))
torch.triu(matrix)
# --8<-- [end:triu]

# --8<-- [start:triangles_picture]
from snippets.toolkit.plots import BLUE, draw_cells, frame

numbers = torch.arange(1, 21).reshape(4, 5)
fig, ax = plt.subplots()
for row, name in enumerate(("tril", "triu")):
    for column, diagonal in enumerate((-1, 0, 1)):
        kept = getattr(torch, name)(numbers, diagonal=diagonal)
        draw_cells(
            ax,
            kept,
            lambda value: BLUE if value else None,
            at=(6.5 * column, 6 * row),
            title=f"{name}, diagonal={diagonal}",
        )
frame(ax, cell=0.32)
plt.show()
# --8<-- [end:triangles_picture]

# --8<-- [start:tril_indices]
row, column = torch.tril_indices(3, 3, offset=-1)
print(row, column)
distances = torch.tensor([[0, 5, 9], [5, 0, 4], [9, 4, 0]])
print(distances[row, column])  # each pair once
torch.triu_indices(3, 3, offset=1)
# --8<-- [end:tril_indices]

# --8<-- [start:complex]
z = torch.complex(torch.tensor([3.0, 0.0]), torch.tensor([4.0, -1.0]))
print(z, z.dtype)
print(z.real, z.imag, z.abs())
z * 1j
# --8<-- [end:complex]

# --8<-- [start:polar]
import math

angle = torch.tensor([0.0, math.pi / 2, math.pi])
z = torch.polar(torch.tensor([1.0, 2.0, 1.0]), angle)
torch.testing.assert_close(z, z.abs() * torch.exp(1j * z.angle()))
print(z.real.round(decimals=4), z.imag.round(decimals=4))
z.angle() / math.pi
# --8<-- [end:polar]

# --8<-- [start:manual_seed]
torch.manual_seed(0)
first = torch.rand(3)
second = torch.rand(3)
torch.manual_seed(0)
again = torch.rand(3)

g = torch.Generator().manual_seed(0)
own = torch.rand(3, generator=g)  # leaves the global generator alone
print(first, second)
assert torch.equal(first, again) and torch.equal(first, own)
# --8<-- [end:manual_seed]

# --8<-- [start:rand]
torch.manual_seed(0)
x = torch.rand(10_000)
print(x[:4], x.mean().round(decimals=2))
assert x.min() >= 0 and x.max() < 1
low, high = -3, 5
stretched = low + (high - low) * torch.rand(2, 3)
stretched
# --8<-- [end:rand]

# --8<-- [start:randn]
torch.manual_seed(0)
x = torch.randn(10_000)
print(x[:4])
print(f"mean {x.mean():.2f}, std {x.std():.2f}")
print(f"within 2 standard deviations: {(x.abs() < 2).float().mean():.3f}")
# --8<-- [end:randn]

# --8<-- [start:randint]
torch.manual_seed(0)
dice = torch.randint(1, 7, (12,))  # 7 is left out
print(dice, dice.dtype)
assert torch.randint(1, 7, (1000,)).unique().tolist() == [1, 2, 3, 4, 5, 6]
torch.randint(10, (2, 3))
# --8<-- [end:randint]

# --8<-- [start:normal]
torch.manual_seed(0)
heights = torch.normal(170.0, 8.0, (2, 3))
print(heights)
means = torch.tensor([0.0, 100.0, 1000.0])
stds = torch.tensor([1.0, 0.1, 0.0])
torch.normal(means, stds)
# --8<-- [end:normal]

# --8<-- [start:randperm]
torch.manual_seed(0)
order = torch.randperm(6)
x = torch.arange(6) * 10
y = torch.arange(6) * 100
print(order)
print(x[order])
print(y[order])
train, validation = order[:4], order[4:]
assert order.sort().values.tolist() == [0, 1, 2, 3, 4, 5]
# --8<-- [end:randperm]

# --8<-- [start:rand_like]
torch.manual_seed(0)
noisy = prices + 0.1 * torch.rand_like(prices)
print(noisy)
print(torch.rand_like(counts, dtype=torch.float32).shape)  # not int64
torch.rand_like(counts)
# --8<-- [end:rand_like]

# --8<-- [start:randn_like]
torch.manual_seed(0)
mean, log_var = torch.tensor([0.0, 10.0]), torch.tensor([0.0, -4.0])
std = torch.exp(0.5 * log_var)
mean + std * torch.randn_like(std)
# --8<-- [end:randn_like]

# --8<-- [start:randint_like]
torch.manual_seed(0)
print(torch.randint_like(prices, 10))  # whole numbers in the dtype of prices
torch.randint_like(counts, -5, 5)
# --8<-- [end:randint_like]

# --8<-- [start:bernoulli]
torch.manual_seed(0)
p = torch.tensor([0.0, 0.2, 0.8, 1.0])
flips = torch.bernoulli(p.expand(5000, 4))
print(flips[:3])
flips.mean(dim=0).round(decimals=1)
# --8<-- [end:bernoulli]

# --8<-- [start:multinomial]
torch.manual_seed(0)
weights = torch.tensor([1.0, 0.0, 3.0])  # need not add up to 1
draws = torch.multinomial(weights, 2000, replacement=True)
print(draws[:12])
print((draws.bincount(minlength=3) / 2000).round(decimals=2))
print(torch.multinomial(weights, 2))  # without replacement: two different ones
print(torch.multinomial(weights, 3))  # all three, weight 0 last
torch.multinomial(weights, 4)
# --8<-- [end:multinomial]

# --8<-- [start:poisson]
torch.manual_seed(0)
rate = torch.tensor([0.5, 4.0, 100.0])
visits = torch.poisson(rate.expand(2000, 3))
print(visits[:3])
print("mean", visits.mean(dim=0).round(decimals=1))
print("variance", visits.var(dim=0).round(decimals=1))
# --8<-- [end:poisson]

# --8<-- [start:distributions_picture]
torch.manual_seed(0)
n = 5000
samples = {
    "rand": torch.rand(n),
    "randn": torch.randn(n),
    "randint(0, 6)": torch.randint(0, 6, (n,)).float(),
    "normal(2, 0.5)": torch.normal(2.0, 0.5, (n,)),
    "bernoulli(0.3)": torch.bernoulli(torch.full((n,), 0.3)),
    "poisson(3)": torch.poisson(torch.full((n,), 3.0)),
}
fig, axes = plt.subplots(
    2, 3, figsize=(7, 3.2), sharex=True, layout="constrained"
)
for ax, (name, sample) in zip(axes.flat, samples.items(), strict=True):
    ax.hist(sample, bins=torch.arange(-4, 9.5, 0.25), color="#2f6fdb")
    ax.set(title=name, xlim=(-4, 9), yticks=[])
    ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()
# --8<-- [end:distributions_picture]

# --8<-- [start:sparse_coo_tensor]
place = torch.tensor([[0, 1, 1], [2, 0, 0]])  # rows, then columns
value = torch.tensor([3.0, 4.0, 5.0])
s = torch.sparse_coo_tensor(place, value, (2, 3), check_invariants=True)
print(s.coalesce().values())
s.to_dense()
# --8<-- [end:sparse_coo_tensor]

# --8<-- [start:sparse_csr_tensor]
import warnings

dense = torch.tensor([[0.0, 0.0, 3.0], [9.0, 0.0, 0.0]])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    row_ends, columns = torch.tensor([0, 1, 2]), torch.tensor([2, 0])
    value = torch.tensor([3.0, 9.0])  # row by row
    csr = torch.sparse_csr_tensor(
        row_ends, columns, value, (2, 3), check_invariants=True
    )
    column_ends, rows = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0])
    value = torch.tensor([9.0, 3.0])  # column by column
    csc = torch.sparse_csc_tensor(
        column_ends, rows, value, (2, 3), check_invariants=True
    )
print(str(caught[0].message).split(". ")[0])
assert torch.equal(csr.to_dense(), dense) and torch.equal(csc.to_dense(), dense)
csr @ torch.tensor([[1.0], [10.0], [100.0]])
# --8<-- [end:sparse_csr_tensor]

# --8<-- [start:sparse_bsr_tensor]
blocks = torch.arange(1.0, 9.0).reshape(2, 2, 2)  # two blocks of 2 x 2
ends, places = torch.tensor([0, 1, 2]), torch.tensor([1, 0])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the beta warning, if it was not given yet
    bsr = torch.sparse_bsr_tensor(ends, places, blocks, (4, 4))
    bsc = torch.sparse_bsc_tensor(ends, places, blocks, (4, 4))
    same = torch.sparse_compressed_tensor(
        ends, places, blocks, (4, 4), layout=torch.sparse_bsr
    )
assert torch.equal(same.to_dense(), bsr.to_dense())
print(bsr.to_dense())
bsc.to_dense()
# --8<-- [end:sparse_bsr_tensor]

# --8<-- [start:deprecated_constructors]
real = torch.tensor([[-1.0, 0.0], [0.52, 2.0]])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert torch.equal(torch.range(0, 3), torch.arange(4.0))  # 3 is included
    q = torch.quantize_per_tensor(real, 0.1, 10, torch.quint8)
    scales, zeros = torch.tensor([0.1, 0.02]), torch.tensor([10, 0])
    per_row = torch.quantize_per_channel(real, scales, zeros, 0, torch.quint8)
for warning in caught:
    print(str(warning.message)[:73], "...")

levels = (real / 0.1 + 10).round().clamp(0, 255)
assert torch.equal(q.int_repr(), levels.to(torch.uint8))
torch.testing.assert_close(torch.dequantize(q), (levels - 10) * 0.1)
print(q.int_repr())
torch.dequantize(per_row)
# --8<-- [end:deprecated_constructors]

# --8<-- [start:solution_checkerboard]
y, x = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
board = (y + x) % 2
assert board.sum() == 8 and torch.equal(board[0], board[2])
board
# --8<-- [end:solution_checkerboard]

# --8<-- [start:solution_tridiagonal]
n = 5
second = torch.diag(torch.full((n,), -2.0))
second += torch.diag(torch.ones(n - 1), 1) + torch.diag(torch.ones(n - 1), -1)
x = torch.arange(n) ** 2.0
assert (second @ x)[1:-1].tolist() == [2, 2, 2]
second
# --8<-- [end:solution_tridiagonal]

# --8<-- [start:solution_random_rates]
g = torch.Generator().manual_seed(0)
rates = 10 ** (-5 + 4 * torch.rand(1000, generator=g))
assert rates.min() >= 1e-5 and rates.max() < 1e-1
share = (rates < 1e-3).float().mean()
assert 0.45 < share < 0.55
print(f"below 0.001: {share:.2f}")
# --8<-- [end:solution_random_rates]

# --8<-- [start:solution_band_mask]
def band_mask(length, width):
    """True where i may look at j: at itself and the width - 1 before it."""
    ones = torch.ones(length, length, dtype=torch.bool)
    return ones.tril() & ones.triu(diagonal=1 - width)


mask = band_mask(6, 3)
assert mask.sum(dim=1).tolist() == [1, 2, 3, 3, 3, 3]
mask.int()
# --8<-- [end:solution_band_mask]
