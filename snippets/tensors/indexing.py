# --8<-- [start:integer_index]
import torch

x = torch.arange(20).reshape(4, 5)
print(x)
print(x[1], x[-1, 0], x[2][3])
print(type(x[2, 3]).__name__, x[2, 3].shape, x[2, 3].item())
# --8<-- [end:integer_index]

# --8<-- [start:index_out_of_range]
x[4]
# --8<-- [end:index_out_of_range]

# --8<-- [start:slice_steps]
print(x[1:3])
print(x[:, ::2])
print(x[-2:, 1:-1])
assert x[2:2].shape == (0, 5) and x[3:100].shape == (1, 5)
# --8<-- [end:slice_steps]

# --8<-- [start:negative_step]
print(torch.flip(x[0], dims=[0]))
x[0, ::-1]
# --8<-- [end:negative_step]

# --8<-- [start:ellipsis]
images = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # (N, C, H, W)
print(images[..., 0].shape, images[0, ...].shape, images[:, 1, ..., -1].shape)
assert torch.equal(images[..., 0], images[:, :, :, 0])
images[..., -1, -1]
# --8<-- [end:ellipsis]

# --8<-- [start:none_axis]
row = torch.tensor([1, 2, 3])
print(row[None, :].shape, row[:, None].shape, images[:, None].shape)
row[:, None] * row
# --8<-- [end:none_axis]

# --8<-- [start:integer_lists]
print(x[[0, 2]])
print(x[[0, 2], [1, 3]])  # the cells (0, 1) and (2, 3)
print(x[[[0], [2]], [1, 3]])  # rows 0 and 2, columns 1 and 3
assert torch.equal(x[[[0], [2]], [1, 3]], x[[0, 2]][:, [1, 3]])
# --8<-- [end:integer_lists]

# --8<-- [start:index_tensor]
# black, red, blue
palette = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 0, 255]])
drawing = torch.tensor([[0, 1, 0], [1, 2, 1]])  # (H, W) of colour numbers
pixels = palette[drawing]
print(pixels.shape)
pixels[1]
# --8<-- [end:index_tensor]

# --8<-- [start:boolean_mask]
mask = x % 4 == 0
print(mask)
print(x[mask])
print(x[x.sum(dim=1) > 30])  # a mask of rows
# --8<-- [end:boolean_mask]

# --8<-- [start:mask_shape]
print(x[:, torch.tensor([True, False, True, False, True])])
x[torch.tensor([True, False, True, False, True])]
# --8<-- [end:mask_shape]

# --8<-- [start:mixed_index]
print(images[:, [0, 2]].shape, images[:, :, 1, [3, 4]].shape)
print(images[[0, 1], :, :, [3, 4]].shape)  # the new dimension comes first
print(images[0, :, :, [3, 4]].shape, images.numpy()[0, :, :, [3, 4]].shape)
pairs = images[[0, 1], :, :, [3, 4]]
assert torch.equal(pairs[1], images[1, :, :, 4])
# --8<-- [end:mixed_index]

# --8<-- [start:index_picture]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, draw_cells, frame

keys = {
    "x[1]": 1,
    "x[:, 2]": (slice(None), 2),
    "x[1:3, ::2]": (slice(1, 3), slice(None, None, 2)),
    "x[[0, 2]]": [0, 2],
    "x[[0, 2], [1, 3]]": ([0, 2], [1, 3]),
    "x[x % 4 == 0]": x % 4 == 0,
}
fig, ax = plt.subplots()
for place, (name, key) in enumerate(keys.items()):
    picked = torch.zeros(4, 5, dtype=torch.bool)
    picked[key] = True
    colors = [[BLUE if c else None for c in row] for row in picked.tolist()]
    corner = (6.5 * (place % 3), 6 * (place // 3))
    draw_cells(ax, x, colors, at=corner, title=name)
frame(ax, cell=0.32)
plt.show()
# --8<-- [end:index_picture]

# --8<-- [start:select]
print(torch.select(x, dim=1, index=2))
assert torch.equal(torch.select(x, 1, 2), x[:, 2])
last = images.select(-1, -1)  # for code that gets dim as an argument
last.shape
# --8<-- [end:select]

# --8<-- [start:narrow]
part = torch.narrow(x, dim=1, start=1, length=2)  # a view
own = torch.narrow_copy(x, dim=1, start=1, length=2)  # a copy
assert torch.equal(part, x[:, 1:3]) and torch.equal(part, own)
print(part.data_ptr() == x[:, 1:].data_ptr(), own.data_ptr() == part.data_ptr())
part
# --8<-- [end:narrow]

# --8<-- [start:diagonal]
print(torch.diagonal(x), torch.diagonal(x, offset=1))
batch = torch.arange(18).reshape(2, 3, 3)
print(torch.diagonal(batch, dim1=1, dim2=2))  # one for each matrix

corrected = torch.eye(3)
corrected.diagonal()[:] = torch.tensor([7.0, 8.0, 9.0])  # writes through
corrected
# --8<-- [end:diagonal]

# --8<-- [start:index_select]
rows = torch.index_select(x, 0, torch.tensor([3, 3, 0]))
columns = torch.index_select(x, 1, torch.tensor([4, 0]))
print(rows)
assert torch.equal(rows, x[[3, 3, 0]]) and torch.equal(columns, x[:, [4, 0]])
columns
# --8<-- [end:index_select]

# --8<-- [start:take]
positions = torch.tensor([[0, 6], [12, -1]])
print(torch.take(x, positions))
assert torch.equal(torch.take(x, positions), x.flatten()[positions])
# --8<-- [end:take]

# --8<-- [start:unravel_index]
losses = torch.tensor([[0.3, 0.9, 0.2], [0.5, 0.1, 0.8]])
flat = losses.argmin()
row, column = torch.unravel_index(flat, losses.shape)
print(flat, row, column)
assert losses[row, column] == losses.min()
torch.unravel_index(torch.tensor([0, 3, 5]), (2, 3))
# --8<-- [end:unravel_index]

# --8<-- [start:gather]
scores = torch.tensor([[10, 11, 12, 13], [20, 21, 22, 23]])
index = torch.tensor([[3, 0, 0], [1, 2, 3]])
result = torch.gather(scores, 1, index)
for i in range(2):
    for j in range(3):
        assert result[i, j] == scores[i, index[i, j]]
result
# --8<-- [end:gather]

# --8<-- [start:gather_picture]
from snippets.toolkit.plots import GREY, HUES, draw_arrow


def draw_moves(ax, above, below, moves, fills, left, names):
    """Two rows of cells, and an arrow for each pair (above, below) of moves."""
    upper = draw_cells(ax, above, fills[0], at=(left, 0), title=names[0])
    shift = (upper.columns - len(below)) / 2
    lower = draw_cells(ax, below, fills[1], at=(left + shift, 3))
    ax.text(left + upper.columns / 2, 4.25, names[1], ha="center", va="top")
    for source, target in moves:
        start = upper.point(0, source, "bottom")
        end = lower.point(0, target, "top")
        draw_arrow(ax, start, end, fills[0][source] or GREY)


fig, ax = plt.subplots()
for i in range(2):
    chosen = index[i].tolist()
    fills = HUES[:4], [HUES[k] for k in chosen]
    moves = [(k, j) for j, k in enumerate(chosen)]
    names = f"scores[{i}]", f"result[{i}], index[{i}] = {chosen}"
    draw_moves(ax, scores[i], result[i], moves, fills, 8 * i, names)
frame(ax)
plt.show()
# --8<-- [end:gather_picture]

# --8<-- [start:gather_dim_0]
choice = torch.tensor([[1, 0, 0, 1]])  # for each column: which row?
print(torch.gather(scores, 0, choice))

logits = torch.tensor([[2.0, 0.5, 0.1], [0.2, 0.3, 3.0]])
labels = torch.tensor([0, 2])
log_p = torch.log_softmax(logits, dim=1)
picked = torch.gather(log_p, 1, labels[:, None]).squeeze(1)
torch.testing.assert_close(
    -picked.mean(), torch.nn.functional.cross_entropy(logits, labels)
)
picked
# --8<-- [end:gather_dim_0]

# --8<-- [start:gather_int64]
torch.gather(scores, 1, torch.tensor([[3.0], [1.0]]))
# --8<-- [end:gather_int64]

# --8<-- [start:gather_broadcast]
first = torch.tensor([[2]])  # one index for both rows?
print(torch.gather(scores, 1, first))  # no: only row 0
print(torch.gather(scores, 1, first.expand(2, 1)))
assert torch.gather(scores, 1, first).shape == first.shape
# --8<-- [end:gather_broadcast]

# --8<-- [start:take_along_dim]
prices = torch.tensor([[30, 10, 20], [5, 9, 7]])
order = torch.argsort(prices, dim=1)
print(order)
print(torch.take_along_dim(prices, order, dim=1))
print(torch.take_along_dim(prices, torch.tensor([[2]]), dim=1))  # it broadcasts
assert torch.equal(
    torch.take_along_dim(prices, order, dim=1), torch.gather(prices, 1, order)
)
# --8<-- [end:take_along_dim]

# --8<-- [start:masked_select]
temperatures = torch.tensor([[12.0, 31.0, 18.0], [35.0, 20.0, 40.0]])
hot = temperatures > 30
print(torch.masked_select(temperatures, hot))
first = torch.tensor([True, False, False])
print(torch.masked_select(temperatures, first))  # broadcasts
assert torch.equal(torch.masked_select(temperatures, hot), temperatures[hot])
# --8<-- [end:masked_select]

# --8<-- [start:nonzero]
print(torch.nonzero(hot))  # a row for each hit
rows, columns = torch.nonzero(hot, as_tuple=True)
print(rows, columns, temperatures[rows, columns])
assert torch.equal(torch.argwhere(hot), torch.nonzero(hot))
torch.argwhere(temperatures == temperatures.max())
# --8<-- [end:nonzero]

# --8<-- [start:nonzero_static]
torch.nonzero_static(hot, size=4, fill_value=-1)
# --8<-- [end:nonzero_static]

# --8<-- [start:where]
print(torch.where(temperatures > 30, 30.0, temperatures))
print(torch.where(hot, torch.tensor([[1], [2]]), torch.tensor([-1, -2, -3])))
torch.where(hot)  # without values: the same as nonzero(as_tuple=True)
# --8<-- [end:where]

# --8<-- [start:where_gradient]
v = torch.tensor([0.0, 4.0], requires_grad=True)
torch.where(v > 0, v.sqrt(), 0.0).sum().backward()
print(v.grad)

v.grad = None
safe = torch.where(v > 0, v, 1.0)  # first make the input harmless
torch.where(v > 0, safe.sqrt(), 0.0).sum().backward()
print(v.grad)
# --8<-- [end:where_gradient]

# --8<-- [start:assignment]
board = torch.zeros(3, 4, dtype=torch.int64)
board[0] = 1
board[:, -1] = torch.tensor([7, 8, 9])
board[1:, :2] += 5
board[[1, 2], [2, 2]] = torch.tensor([3, 4])
board[board == 5] = -5
board
# --8<-- [end:assignment]

# --8<-- [start:assignment_shape]
board[:, 0] = torch.tensor([1, 2])
# --8<-- [end:assignment_shape]

# --8<-- [start:write_to_copy]
grid = torch.zeros(3, 3)
grid[[0, 2]][:, 1] = 1.0  # writes into a copy
print(grid.sum())
grid[[0, 2], 1] = 1.0
grid
# --8<-- [end:write_to_copy]

# --8<-- [start:repeated_index]
visits = torch.tensor([0, 2, 2, 2])
count = torch.zeros(3)
count[visits] += 1
print(count)
count = torch.zeros(3).index_put((visits,), torch.tensor(1.0), accumulate=True)
print(count)
assert torch.equal(count, visits.bincount().float())
# --8<-- [end:repeated_index]

# --8<-- [start:index_add]
count = torch.index_add(torch.zeros(3), 0, visits, torch.ones(4))
print(count)
words = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
sentence = torch.tensor([0, 1, 1, 0])  # which sentence a word belongs to
torch.index_add(torch.zeros(2, 2), 0, sentence, words)
# --8<-- [end:index_add]

# --8<-- [start:index_copy]
memory = torch.zeros(4, 2)
fresh = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
torch.index_copy(memory, 0, torch.tensor([3, 1]), fresh)
# --8<-- [end:index_copy]

# --8<-- [start:index_fill]
print(torch.index_fill(x, 1, torch.tensor([0, 4]), -1))
x[0, 0]  # x itself is as it was; index_fill_ would write into it
# --8<-- [end:index_fill]

# --8<-- [start:index_reduce]
import warnings

best = torch.full((3,), float("-inf"))
player, points = torch.tensor([0, 2, 0, 2]), torch.tensor([5.0, 9.0, 7.0, 1.0])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # "index_reduce() is in beta"
    print(torch.index_reduce(best, 0, player, points, "amax"))
    mean = torch.index_reduce(
        torch.zeros(3), 0, player, points, "mean", include_self=False
    )
mean
# --8<-- [end:index_reduce]

# --8<-- [start:masked_fill]
attention = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
padding = torch.tensor([[False, False, True], [False, False, False]])
masked = torch.masked_fill(attention, padding, float("-inf"))
print(masked)
masked.softmax(dim=1)
# --8<-- [end:masked_fill]

# --8<-- [start:masked_scatter]
missing = torch.tensor([[True, False, True], [False, True, False]])
guesses = torch.tensor([10.0, 20.0, 30.0, 40.0])
torch.masked_scatter(attention, missing, guesses)
# --8<-- [end:masked_scatter]

# --8<-- [start:scatter]
source = torch.tensor([[1, 2, 3], [4, 5, 6]])
index = torch.tensor([[3, 0, 1], [0, 2, 3]])
result = torch.scatter(torch.zeros(2, 4, dtype=torch.int64), 1, index, source)
for i in range(2):
    for j in range(3):
        assert result[i, index[i, j]] == source[i, j]
assert torch.equal(torch.gather(result, 1, index), source)
result
# --8<-- [end:scatter]

# --8<-- [start:scatter_picture]
fig, ax = plt.subplots()
for i in range(2):
    places = index[i].tolist()
    hues = {place: HUES[j] for j, place in enumerate(places)}
    fills = HUES[:3], [hues.get(place) for place in range(4)]
    moves = list(enumerate(places))
    names = f"source[{i}], index[{i}] = {places}", f"result[{i}]"
    draw_moves(ax, source[i], result[i].tolist(), moves, fills, 8 * i, names)
frame(ax)
plt.show()
# --8<-- [end:scatter_picture]

# --8<-- [start:scatter_one_hot]
labels = torch.tensor([2, 0, 1, 2])
one_hot = torch.zeros(4, 3).scatter(1, labels[:, None], 1.0)
assert torch.equal(one_hot, torch.nn.functional.one_hot(labels, 3).float())
one_hot
# --8<-- [end:scatter_one_hot]

# --8<-- [start:scatter_add]
word = torch.tensor([[0, 2, 2, 1], [1, 1, 1, 0]])  # word numbers of two texts
counts = torch.scatter_add(torch.zeros(2, 3), 1, word, torch.ones(2, 4))
assert torch.equal(counts[0], word[0].bincount(minlength=3).float())
counts
# --8<-- [end:scatter_add]

# --8<-- [start:scatter_reduce]
start = torch.zeros(3)
group = torch.tensor([0, 2, 0, 2])
points = torch.tensor([5.0, 9.0, 7.0, 1.0])
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    result = torch.scatter_reduce(
        start, 0, group, points, reduce, include_self=False
    )
    print(f"{reduce:5}", result)
print("with the zeros:", torch.scatter_reduce(start, 0, group, points, "mean"))
# --8<-- [end:scatter_reduce]

# --8<-- [start:collisions_picture]
values = torch.tensor([1, 2, 3, 4])
places = torch.tensor([0, 2, 2, 2])
zeros = torch.zeros(3, dtype=torch.int64)
sums = torch.scatter_add(zeros, 0, places, values)
largest = torch.scatter_reduce(zeros, 0, places, values, "amax")
results = {"scatter_add": sums, "amax": largest}
fig, ax = plt.subplots()
for left, (name, target) in enumerate(results.items()):
    fills = HUES[:4], [HUES[0], None, GREY]
    names = f"values, places = {places.tolist()}", name
    moves = list(enumerate(places.tolist()))
    draw_moves(ax, values, target.tolist(), moves, fills, 8 * left, names)
frame(ax)
plt.show()
# --8<-- [end:collisions_picture]

# --8<-- [start:segment_reduce]
lengths = torch.tensor([2, 1, 3])  # three sentences, one after another
tokens = torch.tensor([1.0, 3.0, 10.0, 2.0, 4.0, 6.0])
for reduce in ("sum", "mean", "max"):
    print(f"{reduce:5}", torch.segment_reduce(tokens, reduce, lengths=lengths))
# --8<-- [end:segment_reduce]

# --8<-- [start:select_scatter]
w = torch.zeros(3, 4)
print(torch.select_scatter(w, torch.ones(4), dim=0, index=1))
print(torch.slice_scatter(w, torch.full((3, 2), 2.0), dim=1, start=2, end=4))
torch.diagonal_scatter(w, torch.tensor([7.0, 8.0, 9.0]))
# --8<-- [end:select_scatter]

# --8<-- [start:as_strided_scatter]
flat = torch.zeros(9)
every_fourth = torch.as_strided(flat, size=(3,), stride=(4,))
result = torch.as_strided_scatter(flat, torch.arange(1.0, 4.0), (3,), (4,))
assert every_fourth.tolist() == [0, 0, 0]  # flat is as it was
result.reshape(3, 3)
# --8<-- [end:as_strided_scatter]

# --8<-- [start:solution_last_token]
torch.manual_seed(0)
states = torch.randn(3, 5, 2)  # (N, L, features)
lengths = torch.tensor([2, 5, 3])
last = states[torch.arange(3), lengths - 1]  # (N, features)

index = (lengths - 1)[:, None, None].expand(3, 1, 2)
assert torch.equal(last, torch.gather(states, 1, index).squeeze(1))
assert torch.equal(last[0], states[0, 1])
last
# --8<-- [end:solution_last_token]

# --8<-- [start:solution_keep_top]
logits = torch.tensor([[2.0, 5.0, 1.0, 4.0], [7.0, 0.0, 8.0, 9.0]])
top = torch.topk(logits, 2, dim=1).indices
keep = torch.zeros_like(logits, dtype=torch.bool).scatter(1, top, True)
kept = torch.where(keep, logits, float("-inf"))
assert kept.isfinite().sum(dim=1).tolist() == [2, 2]
kept.softmax(dim=1)
# --8<-- [end:solution_keep_top]

# --8<-- [start:solution_group_means]
species = torch.tensor([0, 1, 0, 1, 1])
sizes = torch.tensor([[1, 2], [4, 4], [3, 6], [5, 7], [6, 1]]).float()
total = torch.zeros(2, 2).index_add(0, species, sizes)
means = total / species.bincount()[:, None]
for k in range(2):
    assert torch.equal(means[k], sizes[species == k].mean(dim=0))
means
# --8<-- [end:solution_group_means]

# --8<-- [start:solution_border]
field = torch.zeros(4, 6, dtype=torch.int64)
field[[0, -1]] = 1
field[:, [0, -1]] = 1
assert field.sum() == 2 * 6 + 2 * 2
field
# --8<-- [end:solution_border]

# --8<-- [start:solution_invert_permutation]
torch.manual_seed(0)
order = torch.randperm(6)
back = torch.empty_like(order)
back[order] = torch.arange(6)
letters = torch.tensor([10, 11, 12, 13, 14, 15])
assert torch.equal(letters[order][back], letters)
assert torch.equal(back, order.argsort())
print(order, back)
# --8<-- [end:solution_invert_permutation]
