# --8<-- [start:count_words]
import torch

document = torch.tensor([0, 0, 1, 1, 1, 2, 2])
word = torch.tensor([3, 3, 0, 4, 0, 2, 3])
ones = torch.ones(7)
place = torch.stack([document, word])
raw = torch.sparse_coo_tensor(place, ones, (3, 5), check_invariants=True)
counts = raw.coalesce()
print(raw.is_coalesced(), counts.is_coalesced())
print(counts.indices())
print(counts.values())
by_hand = torch.bincount(document * 5 + word, minlength=15).reshape(3, 5)
assert torch.equal(counts.to_dense(), by_hand.float())
# --8<-- [end:count_words]

# --8<-- [start:uncoalesced_message]
twice = torch.tensor([[0, 0, 2]])
pulse = torch.sparse_coo_tensor(twice, torch.ones(3), (3,), check_invariants=True)
try:
    pulse.indices()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
print(pulse.coalesce().indices(), pulse.coalesce().values())
assert torch.equal(pulse.to_dense(), torch.tensor([2.0, 0.0, 1.0]))
# --8<-- [end:uncoalesced_message]

# --8<-- [start:read_a_row]
import warnings

dense = torch.zeros(4, 6)
dense[0, 1], dense[0, 4], dense[2, 0], dense[2, 3], dense[2, 5] = 1, 2, 3, 4, 5
with warnings.catch_warnings(action="ignore"):
    csr = dense.to_sparse_csr()
ends = csr.crow_indices()
print("ends ", ends, " rows hold", ends.diff())
for row in range(4):
    part = slice(ends[row], ends[row + 1])
    columns, values = csr.col_indices()[part], csr.values()[part]
    assert torch.equal(dense[row][columns], values)
    print(row, columns.tolist(), values.tolist())
# --8<-- [end:read_a_row]

# --8<-- [start:read_a_column]
csc = dense.to_sparse_csc()
starts = csc.ccol_indices()
print("starts", starts)
rows = csc.row_indices()[starts[3] : starts[4]]
print("column 3: rows", rows, "values", csc.values()[starts[3] : starts[4]])
assert torch.equal(starts.diff(), (dense != 0).sum(dim=0))
assert torch.equal(dense[csc.row_indices(), dense.T.nonzero()[:, 0]], csc.values())
# --8<-- [end:read_a_column]

# --8<-- [start:store_blocks]
weight = torch.arange(1.0, 33.0).reshape(4, 8)
weight[:2, 2:6] = 0
weight[2:, :4] = 0
with warnings.catch_warnings(action="ignore"):
    blocks = weight.to_sparse_bsr((2, 2))
print(blocks.values().shape, blocks.crow_indices(), blocks.col_indices())
x = torch.arange(8.0)
assert torch.equal(blocks @ x[:, None], weight @ x[:, None])
last = blocks.values()[-1]
assert torch.equal(last, weight[2:, 6:])
last
# --8<-- [end:store_blocks]

# --8<-- [start:blocks_by_column]
tall = torch.block_diag(torch.full((3, 2), 5.0), torch.full((3, 2), 7.0))
with warnings.catch_warnings(action="ignore"):
    by_column = tall.to_sparse_bsc((3, 2))
print(by_column.ccol_indices(), by_column.row_indices())
print(by_column.values().mean(dim=(1, 2)))
assert torch.equal(by_column.to_dense(), tall)
try:
    tall.to_sparse_bsc((4, 2))
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
# --8<-- [end:blocks_by_column]

# --8<-- [start:whole_rows]
user = torch.zeros(5, 3)
user[1], user[4] = torch.tensor([0.1, 0.0, 0.3]), torch.tensor([0.4, 0.5, 0.6])
rows = user.to_sparse(1)
cells = user.to_sparse()
print(rows.sparse_dim(), rows.dense_dim(), rows.values().shape)
print(cells.sparse_dim(), cells.dense_dim(), cells.values().shape)
assert torch.equal(rows.indices()[0], torch.tensor([1, 4]))
assert torch.equal(rows.values(), user[[1, 4]])
rows
# --8<-- [end:whole_rows]

# --8<-- [start:add_up]
seen = torch.zeros(100, 100, layout=torch.sparse_coo)
for basket in ([3, 7, 50], [7, 50], [3, 50]):
    a, b = torch.combinations(torch.tensor(basket)).T
    pairs = torch.stack([a, b])
    hits = torch.ones(len(a))
    seen += torch.sparse_coo_tensor(pairs, hits, (100, 100), check_invariants=True)
seen = seen.coalesce()
for (a, b), n in zip(seen.indices().T.tolist(), seen.values().tolist(), strict=True):
    print(f"{a} and {b}: {n:.0f}")
assert seen.values().tolist() == [1, 2, 2]
# --8<-- [end:add_up]

# --8<-- [start:second_derivative]
n = 6
bands = torch.tensor([-1.0, 2.0, -1.0], dtype=torch.float64)[:, None].repeat(1, n)
offsets = torch.tensor([-1, 0, 1])
laplace = torch.sparse.spdiags(bands, offsets, (n, n))
print(laplace.to_dense()[:3])
k = torch.arange(1, n + 1, dtype=torch.float64)
exact = 2 - 2 * torch.cos(k * torch.pi / (n + 1))
found = torch.linalg.eigvalsh(laplace.to_dense())
torch.testing.assert_close(found, exact)
print(found)
# --8<-- [end:second_derivative]


# --8<-- [start:which_layout]
def stored(t):
    if t.layout == torch.strided:
        return t[t != 0]
    return t.coalesce().values() if t.is_sparse else t.values().flatten()


forms = [dense, dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc()]
for form in forms:
    print(f"{form.layout!s:17}", form.is_sparse, form.is_sparse_csr, stored(form))
    assert stored(form).sum() == 15
# --8<-- [end:which_layout]

# --8<-- [start:change_format]
table = torch.tensor([[0.0, 2.0], [0.0, 0.0], [1.0, 3.0]])
with warnings.catch_warnings(action="ignore"):
    coo = table.to_sparse_csr().to_sparse_coo()
    columns_first = coo.to_sparse_csc()
print(coo.indices().tolist(), columns_first.values())
same = table.to_sparse(layout=torch.sparse_csc)
assert torch.equal(same.row_indices(), columns_first.row_indices())
assert torch.equal(columns_first.to_dense(), table)
# --8<-- [end:change_format]

# --8<-- [start:from_scipy]
import scipy.sparse

theirs = scipy.sparse.csr_array([[0.0, 1.5, 0.0], [2.5, 0.0, 3.5]])
parts = [torch.from_numpy(p) for p in (theirs.indptr, theirs.indices, theirs.data)]
with warnings.catch_warnings(action="ignore"):
    ours = torch.sparse_csr_tensor(*parts, theirs.shape, check_invariants=True)
print(ours)
triple = (ours.values(), ours.col_indices(), ours.crow_indices())
back = scipy.sparse.csr_array(tuple(p.numpy() for p in triple), shape=ours.shape)
assert abs(back - theirs).sum() == 0 and back.nnz == 3
# --8<-- [end:from_scipy]

# --8<-- [start:to_numpy]
mine = torch.tensor([[0.0, 4.0], [6.0, 0.0]]).to_sparse()
try:
    mine.numpy()
except TypeError as error:
    print(f"{type(error).__name__}: {error}")
entries = (mine.values().cpu().numpy(), tuple(mine.indices().cpu().numpy()))
theirs = scipy.sparse.coo_array(entries, shape=tuple(mine.shape))
print(theirs.toarray())
assert (theirs.toarray() == mine.to_dense().cpu().numpy()).all()
# --8<-- [end:to_numpy]


# --8<-- [start:bytes_compared]
g = torch.Generator().manual_seed(0)
for share in (0.01, 0.1, 0.5):
    order = torch.randperm(1_000_000, generator=g)
    m = (order < share * 1_000_000).float().reshape(1000, 1000)
    with warnings.catch_warnings(action="ignore"):
        a, b = m.to_sparse(), m.to_sparse_csr()
    coo_parts = [a.indices(), a.values()]
    csr_parts = [b.crow_indices(), b.col_indices(), b.values()]
    sizes = [sum(p.nbytes for p in parts) for parts in ([m], coo_parts, csr_parts)]
    print(share, [f"{s / 1e6:.2f} MB" for s in sizes])
assert sizes == [4_000_000, 500_000 * 20, 500_000 * 12 + 8 * 1001]
# --8<-- [end:bytes_compared]

# --8<-- [start:save]
import io

big = torch.eye(1000).to_sparse()
small_file, big_file = io.BytesIO(), io.BytesIO()
torch.save(big, small_file)
torch.save(big.to_dense(), big_file)
small_file.seek(0)
loaded = torch.load(small_file, weights_only=True)
print(loaded.layout, loaded.shape, loaded.values().sum())
assert torch.equal(loaded.to_dense(), big.to_dense())
assert len(big_file.getvalue()) > 100 * len(small_file.getvalue())
# --8<-- [end:save]

# --8<-- [start:check_places]
check = torch.sparse.check_sparse_tensor_invariants
bad = torch.tensor([[0, 5]])
before = check.is_enabled()
with check():
    try:
        torch.sparse_coo_tensor(bad, torch.ones(2), (3,))
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")
    print("inside:", check.is_enabled())
assert check.is_enabled() == before
# --8<-- [end:check_places]

# --8<-- [start:check_on_and_off]
before = check.is_enabled()
check.enable()
assert check.is_enabled()
ends, columns = torch.tensor([0, 2, 1]), torch.tensor([0, 1])
with warnings.catch_warnings(action="ignore"):
    try:
        torch.sparse_csr_tensor(ends, columns, torch.ones(2), (2, 2))
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")
if not before:
    check.disable()
assert check.is_enabled() == before
# --8<-- [end:check_on_and_off]

# --8<-- [start:take_rows]
people = torch.tensor([[0.0, 7.0, 0.0], [5.0, 0.0, 6.0], [0.0, 0.0, 9.0]]).to_sparse()
print("row 1:   ", people[1].to_dense())
print("column 2:", people.select(1, 2).to_dense())
picked = people.index_select(0, torch.tensor([2, 0]))
print("rows 2, 0:", picked.to_dense().tolist())
assert torch.equal(picked.to_dense(), people.to_dense()[[2, 0]])
print("from 1 on:", people.narrow_copy(0, 1, 2).to_dense().tolist())
# --8<-- [end:take_rows]

# --8<-- [start:slice_message]
cpu_table = torch.eye(3, device="cpu").to_sparse()
try:
    cpu_table[0:2]
except NotImplementedError as error:
    print(f"{type(error).__name__}: {str(error).split(' from ')[0]}")
kept = cpu_table.narrow_copy(0, 0, 2)
assert torch.equal(kept.to_dense(), torch.eye(3, device="cpu")[0:2])
kept.shape
# --8<-- [end:slice_message]

# --8<-- [start:join]
monday = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).to_sparse()
tuesday = torch.tensor([[0.0, 3.0]]).to_sparse()
week = torch.cat([monday, tuesday])
print(week.shape, week.is_coalesced())
print(week.coalesce().values())
cube = torch.stack([monday, 10 * monday]).coalesce()
assert cube.indices().shape == (3, 4) and cube.sum() == 33
assert torch.equal(week.to_dense()[2:], tuesday.to_dense())
# --8<-- [end:join]

# --8<-- [start:transpose]
wide = torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0]])
with warnings.catch_warnings(action="ignore"):
    wide_csr = wide.to_sparse_csr()
turned = wide_csr.t()
print(wide_csr.layout, "->", turned.layout)
assert turned.values().data_ptr() == wide_csr.values().data_ptr()
assert torch.equal(turned.ccol_indices(), wide_csr.crow_indices())
assert torch.equal(turned.to_dense(), wide.T)
turned.to_sparse_csr()
# --8<-- [end:transpose]

# --8<-- [start:drop_small]
scores = torch.tensor([[0.9, 0.0, 0.05], [0.0, 0.02, 0.7]]).to_sparse()
keep = scores.values() > 0.1
trimmed = torch.sparse_coo_tensor(
    scores.indices()[:, keep],
    scores.values()[keep],
    scores.shape,
    is_coalesced=True,
    check_invariants=True,
)
print(trimmed)
d = scores.to_dense()
assert torch.equal(trimmed.to_dense(), torch.where(d > 0.1, d, 0.0))
# --8<-- [end:drop_small]

# --8<-- [start:grow]
likes = torch.eye(3).to_sparse()
likes.sparse_resize_((3, 5), 2, 0)
print(likes.shape, likes.to_dense().sum())
assert torch.equal(likes.to_dense(), torch.eye(3, 5))
try:
    likes.sparse_resize_((2, 2), 2, 0)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
likes.sparse_resize_and_clear_((2, 2), 2, 0)
print(likes.shape, likes.to_dense().sum())
# --8<-- [end:grow]

# --8<-- [start:write_a_cell]
grid = torch.tensor([[0.0, 1.0], [0.0, 0.0]]).to_sparse()
try:
    grid[1, 0] = 5.0
except TypeError as error:
    print(f"{type(error).__name__}: {error}")
cell = torch.tensor([[1], [0]])
grid = grid + torch.sparse_coo_tensor(
    cell, torch.tensor([5.0]), grid.shape, check_invariants=True
)
print(grid.to_dense())
assert grid.coalesce().values().sum() == 6
# --8<-- [end:write_a_cell]

# --8<-- [start:neighbours]
roads = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]])
with warnings.catch_warnings(action="ignore"):
    near = roads.double().to("cpu").to_sparse_csr()
height = torch.tensor([[10.0], [20.0], [90.0], [40.0]], device="cpu").double()
mean = torch.sparse.mm(near, height, "mean")
highest = torch.sparse.mm(near, height, "amax")
print("mean   ", mean.flatten())
print("highest", highest.flatten())
lists = [[20, 90], [10, 40], [0], [10, 20, 90]]
assert mean.flatten().tolist() == [sum(v) / len(v) for v in lists]
assert highest.flatten().tolist() == [max(v) for v in lists]
# --8<-- [end:neighbours]

# --8<-- [start:jacobi]
b = torch.arange(1.0, 7.0, dtype=torch.float64)[:, None]
x = torch.zeros_like(b)
for _ in range(300):
    x = x + torch.sparse.addmm(b, laplace, x, beta=0.5, alpha=-0.5)
print(x.flatten().round(decimals=3))
torch.testing.assert_close(x, torch.linalg.solve(laplace.to_dense(), b))
# --8<-- [end:jacobi]

# --8<-- [start:known_cells_only]
where = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
with warnings.catch_warnings(action="ignore"):
    where = where.to_sparse_csr()
left = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
right = torch.tensor([[10.0, 20.0, 30.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
products = torch.sparse.sampled_addmm(where, left, right, beta=0.0)
print(products.values())
full = left @ right
assert torch.equal(products.values(), torch.stack([full[0, 0], full[1, 2]]))
plus = torch.sparse.sampled_addmm(where, left, right, beta=100.0, alpha=2.0)
assert torch.equal(plus.values(), 100 + 2 * products.values())
# --8<-- [end:known_cells_only]

# --8<-- [start:sparse_products]
few = torch.tensor([[0.0, 2.0], [0.0, 0.0], [3.0, 0.0]]).to_sparse()
factor = torch.tensor([[1.0, 0.0, 5.0], [0.0, 4.0, 6.0]])
hybrid = torch.hspmm(few, factor)
print(hybrid)
product = torch.smm(few, factor)
print(product.layout, product.sparse_dim(), hybrid.sparse_dim())
corner = torch.sparse_coo_tensor(
    torch.tensor([[0], [0]]), torch.tensor([100.0]), (3, 3), check_invariants=True
)
total = torch.sspaddmm(corner, few, factor, beta=1, alpha=-1)
print(total.to_dense())
want = few.to_dense() @ factor
assert torch.equal(product.to_dense(), want) and torch.equal(hybrid.to_dense(), want)
assert torch.equal(total.to_dense(), corner.to_dense() - want)
# --8<-- [end:sparse_products]

# --8<-- [start:batch_of_products]
g = torch.Generator().manual_seed(2)
pair = torch.stack([torch.eye(3), torch.tril(torch.ones(3, 3))])
x = torch.randn(2, 3, 2, generator=g)
y = torch.bmm(pair.to_sparse(), x)
torch.testing.assert_close(y[1], x[1].cumsum(dim=0))
torch.testing.assert_close(y[0], x[0])
with warnings.catch_warnings(action="ignore"):
    try:
        pair.to_sparse_csr()
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")
# --8<-- [end:batch_of_products]

# --8<-- [start:solve]
with warnings.catch_warnings(action="ignore"):
    system = laplace.cpu().to_sparse_csr()
target = torch.ones(6, dtype=torch.float64, device="cpu")
try:
    torch.sparse.spsolve(system, target)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {str(error).split(' from ')[0]}")
# --8<-- [end:solve]


# --8<-- [start:conjugate_gradients]
def solve(matrix, b, steps):
    x, r = torch.zeros_like(b), b
    p = r
    for _ in range(steps):
        q = matrix @ p
        alpha = (r @ r) / (p @ q)
        x, new = x + alpha * p, r - alpha * q
        p = new + (new @ new) / (r @ r) * p
        r = new
    return x


right = torch.arange(1.0, 7.0, dtype=torch.float64)
x = solve(laplace, right, steps=5)
print(f"error after 5 steps: {(laplace @ x - right).norm():.3f}")
x = solve(laplace, right, steps=6)
print("after 6:", x.round(decimals=3))
torch.testing.assert_close(laplace @ x, right)
# --8<-- [end:conjugate_gradients]

# --8<-- [start:sums]
sales = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]).to_sparse()
per_day = torch.sparse.sum(sales, dim=1)
print(per_day)
print(per_day.to_dense(), torch.sparse.sum(sales))
count = torch.sparse.sum(sales.sgn(), dim=1).to_dense()
print("mean of what is stored:", per_day.to_dense() / count)
assert torch.equal(per_day.to_dense(), sales.to_dense().sum(dim=1))
# --8<-- [end:sums]

# --8<-- [start:softmax_of_neighbours]
place = torch.tensor([[0, 0, 1, 2, 2], [0, 2, 1, 0, 2]])
score = torch.tensor([1.0, 3.0, 5.0, 0.0, 0.0], dtype=torch.float64)
edges = torch.sparse_coo_tensor(place, score, (3, 3), check_invariants=True)
share = torch.sparse.softmax(edges, dim=1)
log_share = torch.sparse.log_softmax(edges, dim=1)
print(share.to_dense())
filled = torch.full((3, 3), -torch.inf, dtype=torch.float64)
filled[place[0], place[1]] = score
torch.testing.assert_close(share.to_dense(), filled.softmax(dim=1))
torch.testing.assert_close(log_share.values().exp(), share.values())
# --8<-- [end:softmax_of_neighbours]

# --8<-- [start:tf_idf]
document_frequency = torch.sparse.sum(counts.sgn(), dim=0).to_dense()
weight = torch.log(3 / document_frequency.clamp(min=1))  # one for each word
weighted = counts * weight
print(weight)
print(weighted.layout, weighted.values())
assert weighted.values().shape == counts.values().shape
rarity = (3 / (counts.to_dense() > 0).sum(dim=0).clamp(min=1)).log()
torch.testing.assert_close(weighted.to_dense(), counts.to_dense() * rarity)
# --8<-- [end:tf_idf]

# --8<-- [start:keep_where_known]
g = torch.Generator().manual_seed(1)
u, v = (torch.randn(n, 2, generator=g, dtype=torch.float64) for n in (4, 5))
known = torch.zeros(4, 5, dtype=torch.float64)
known[0, 1], known[1, 4], known[3, 0] = 3, 5, 1
known = known.to_sparse()
guess = (u @ v.T).sparse_mask(known)
error = (guess - known).coalesce().values()
print(f"{len(error)} cells, root mean square error {error.square().mean().sqrt():.3f}")
by_hand = torch.stack([u[0] @ v[1] - 3, u[1] @ v[4] - 5, u[3] @ v[0] - 1])
torch.testing.assert_close(error, by_hand)
# --8<-- [end:keep_where_known]

# --8<-- [start:add_message]
spots = torch.eye(2).to_sparse()
ground = torch.full((2, 2), 10.0)
try:
    spots + ground
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
print(ground + spots)
assert (ground + spots).layout == torch.strided
assert torch.equal((spots + spots).to_dense(), 2 * torch.eye(2))
# --8<-- [end:add_message]

# --8<-- [start:functions_of_values]
thin = torch.tensor([[0.0, 1.0], [-2.0, 0.0]], device="cpu").to_sparse()
print(torch.square(thin).values(), torch.relu(thin).values(), torch.sin(thin).layout)
try:
    torch.exp(thin)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {str(error).split(' from ')[0]}")
hot = torch.sparse_coo_tensor(
    thin.indices(), thin.values().exp(), thin.shape, check_invariants=True
)
print(hot.to_dense())
assert torch.isclose(torch.expm1(thin).to_dense(), thin.to_dense().expm1()).all()
# --8<-- [end:functions_of_values]

# --8<-- [start:largest_element]
cold = torch.tensor([[0.0, -1.0], [-2.0, 0.0]]).to_sparse()
stored_max = cold.values().max()
full = cold.values().numel() == cold.numel()
true_max = stored_max if full else stored_max.clamp(min=0)
print("stored:", stored_max, " of the matrix:", true_max)
assert true_max == cold.to_dense().max()
# --8<-- [end:largest_element]

# --8<-- [start:compare]
one = torch.tensor([[0.0, 1.0], [2.0, 0.0]], device="cpu").to_sparse()
other = one * 1.5
try:
    torch.equal(one, other)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {str(error).split(' from ')[0]}")
torch.testing.assert_close(one + one, 2 * one)
difference = (other - one).coalesce().values().abs().max()
print("largest difference:", difference)
assert difference == 1
# --8<-- [end:compare]

# --8<-- [start:adjacency]
edge = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 2, 3, 4]])
both = torch.cat([edge, edge.flip(0)], dim=1)
adjacency = torch.sparse_coo_tensor(
    both, torch.ones(10, dtype=torch.float64), (5, 5), check_invariants=True
).coalesce()
degree = torch.sparse.sum(adjacency, dim=1).to_dense()
print(adjacency.to_dense().int())
print("degrees", degree)
assert torch.equal(degree, torch.bincount(edge.flatten()).double())
assert torch.equal(adjacency.to_dense(), adjacency.t().to_dense())
# --8<-- [end:adjacency]

# --8<-- [start:triangles]
two_steps = torch.sparse.mm(adjacency, adjacency)
print("paths of two steps:\n", two_steps.to_dense().int())
closed = (two_steps * adjacency).sum() / 6
print("triangles:", closed)
assert closed == torch.trace(torch.linalg.matrix_power(adjacency.to_dense(), 3)) / 6
# --8<-- [end:triangles]

# --8<-- [start:gcn]
n = 5
eye = torch.sparse.spdiags(torch.ones(1, n).double(), torch.tensor([0]), (n, n))
looped = (adjacency + eye).coalesce()
scale = torch.sparse.sum(looped, dim=1).to_dense().rsqrt()
half = torch.sparse.spdiags(scale[None], torch.tensor([0]), (n, n))
normal = half @ looped @ half
row, column = looped.indices()
torch.testing.assert_close(normal.coalesce().values(), scale[row] * scale[column])
features = torch.arange(10.0, dtype=torch.float64).reshape(5, 2)
w = torch.tensor([[1.0], [-0.5]], dtype=torch.float64, requires_grad=True)
out = torch.sparse.mm(normal, features @ w).relu()
out.sum().backward()
print(out.detach().flatten(), w.grad.flatten())
expected = (normal.to_dense() @ features).sum(dim=0)
torch.testing.assert_close(w.grad.flatten(), expected)
# --8<-- [end:gcn]

# --8<-- [start:pagerank]
links = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 2, 0, 2]])
outgoing = torch.bincount(links[0], minlength=4).double()
flow = torch.sparse_coo_tensor(
    links.flip(0), 1 / outgoing[links[0]], (4, 4), check_invariants=True
)
rank = torch.full((4, 1), 0.25, dtype=torch.float64)
start = rank.clone()
for _ in range(100):
    rank = torch.sparse.addmm(start, flow, rank, beta=0.15, alpha=0.85)
print(rank.flatten(), f"sum {rank.sum():.4f}")
system = torch.eye(4, dtype=torch.float64) - 0.85 * flow.to_dense()
torch.testing.assert_close(rank, torch.linalg.solve(system, 0.15 * start))
# --8<-- [end:pagerank]

# --8<-- [start:distances]
steps = torch.full((5,), -1)
front = torch.zeros(5, dtype=torch.float64)
front[0] = 1
distance = 0
while front.any():
    steps[(front > 0) & (steps < 0)] = distance
    front = (adjacency @ front) * (steps < 0)
    distance += 1
print(steps)
assert steps.tolist() == [0, 1, 1, 2, 3]
# --8<-- [end:distances]

# --8<-- [start:batch_of_graphs]
graphs = [torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 1, 2], [1, 2, 0]])]
nodes = torch.tensor([2, 3])
first = nodes.cumsum(0) - nodes
place = torch.cat([g + f for g, f in zip(graphs, first, strict=True)], dim=1)
joined = torch.sparse_coo_tensor(place, torch.ones(5), (5, 5), check_invariants=True)
print(joined.to_dense().int())
parts = [
    torch.sparse_coo_tensor(g, torch.ones(g.shape[1]), (k, k), check_invariants=True)
    for g, k in zip(graphs, nodes.tolist(), strict=True)
]
assert torch.equal(joined.to_dense(), torch.block_diag(*(p.to_dense() for p in parts)))
# --8<-- [end:batch_of_graphs]

# --8<-- [start:learn_edge_weights]
place = torch.tensor([[0, 1, 1], [2, 0, 1]])
strength = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
net = torch.sparse_coo_tensor(place, strength, (2, 3), check_invariants=True)
signal = torch.tensor([[1.0], [10.0], [100.0]])
torch.sparse.mm(net, signal).square().sum().backward()
y = torch.tensor([100.0, 2 + 30.0])
by_hand = 2 * y[place[0]] * signal[place[1], 0]
print(strength.grad, by_hand)
assert torch.equal(strength.grad, by_hand)
# --8<-- [end:learn_edge_weights]

# --8<-- [start:gradient_of_a_sparse_leaf]
leaf = torch.tensor([[0.0, 2.0], [3.0, 0.0]]).double().to_sparse().requires_grad_()
x = torch.tensor([[1.0], [10.0]], dtype=torch.float64)
torch.sparse.mm(leaf, x).sum().backward()
print(leaf.grad)
(everywhere,) = torch.autograd.grad((leaf @ x).sum(), leaf)
assert everywhere.layout == torch.strided and everywhere.count_nonzero() == 4
gradcheck = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
with torch.sparse.check_sparse_tensor_invariants():
    assert gradcheck(lambda s: torch.sparse.mm(s, x), (leaf,), masked=True)
try:
    torch.autograd.gradcheck(lambda s: torch.sparse.mm(s, x), (leaf,))
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
# --8<-- [end:gradient_of_a_sparse_leaf]

# --8<-- [start:embedding_gradient]
torch.manual_seed(0)
words = torch.tensor([7, 2, 7])
grads = []
for sparse in (True, False):
    embedding = torch.nn.Embedding(10_000, 8, sparse=sparse)
    embedding(words).sum().backward()
    grads.append(embedding.weight.grad)
row_grads = grads[0].coalesce()
print(row_grads.indices(), row_grads.values()[:, 0])
print("numbers stored:", row_grads.values().numel(), "and", grads[1].numel())
assert torch.equal(row_grads.to_dense(), grads[1])
# --8<-- [end:embedding_gradient]

# --8<-- [start:clip_sparse_gradient]
torch.manual_seed(0)
rows = torch.nn.Embedding(50, 4, sparse=True, device="cpu")
rows(torch.tensor([3, 3, 9], device="cpu")).sum().backward()
try:
    torch.nn.utils.clip_grad_norm_(rows.parameters(), 1.0)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {str(error).split(' from ')[0]}")
gradient = rows.weight.grad.coalesce()
length = gradient.values().norm()
rows.weight.grad = gradient * (1.0 / length).clamp(max=1)
print(f"{length:.4f} -> {rows.weight.grad.coalesce().values().norm():.4f}")
assert torch.isclose(length, torch.tensor(20.0, device="cpu").sqrt())
# --8<-- [end:clip_sparse_gradient]
