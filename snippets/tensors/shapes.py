# --8<-- [start:reshape]
import torch

x = torch.arange(12)
print(torch.reshape(x, (3, 4)))
print(x.reshape(2, -1).shape, x.reshape(2, 3, 2).shape, x.reshape(-1, 1).shape)
x.reshape(4, 3)
# --8<-- [end:reshape]

# --8<-- [start:reshape_picture]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import HUES, draw_arrow, draw_cells, frame


def by_four(value):
    return HUES[value // 4]


fig, ax = plt.subplots()
line = draw_cells(ax, x, by_four, at=(2, 0), title="x")
left = 0
for rows in (3, 2, 4):
    grid = x.reshape(rows, -1)
    cells = draw_cells(ax, grid, by_four, at=(left, 3))
    middle = (cells.left + cells.right) / 2
    draw_arrow(ax, (8, line.bottom), (middle, cells.top))
    label = f"reshape{tuple(grid.shape)}"
    ax.text(middle, cells.bottom + 0.2, label, ha="center", va="top")
    left = cells.right + 1.5
frame(ax)
plt.show()
# --8<-- [end:reshape_picture]

# --8<-- [start:view]
m = x.view(3, 4)
m[0, 0] = 100
print(x)
x[0] = 0
pixels = torch.tensor([[0, 0, 128, 63], [0, 0, 0, 64]], dtype=torch.uint8)
pixels.view(torch.float32)  # the same bytes under another dtype
# --8<-- [end:view]

# --8<-- [start:view_fails]
print(m.T.reshape(12))
m.T.view(12)
# --8<-- [end:view_fails]

# --8<-- [start:flatten]
images = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # (N, C, H, W)
print(torch.flatten(images).shape)
print(torch.flatten(images, start_dim=1).shape)  # keeps the batch
print(torch.flatten(images, 2, 3).shape)
assert torch.equal(torch.ravel(images), torch.flatten(images))
# --8<-- [end:flatten]

# --8<-- [start:unflatten]
tokens = torch.zeros(2, 7, 512)  # (N, L, features)
heads = torch.unflatten(tokens, -1, (8, 64))
print(heads.shape, torch.unflatten(tokens, 2, (-1, 128)).shape)
assert heads.flatten(-2).shape == tokens.shape
# --8<-- [end:unflatten]

# --8<-- [start:unsqueeze]
row = torch.tensor([1, 2, 3])
print(torch.unsqueeze(row, 0), torch.unsqueeze(row, 1).shape)
picture = torch.zeros(3, 4, 5)
batch = torch.unsqueeze(picture, 0)  # a batch of one
print(batch.shape, row.unsqueeze(-1).shape)
assert torch.equal(row.unsqueeze(1), row[:, None])
# --8<-- [end:unsqueeze]

# --8<-- [start:squeeze]
scores = torch.zeros(1, 5, 1)
print(torch.squeeze(scores).shape, torch.squeeze(scores, -1).shape)
print(torch.squeeze(scores, (0, 2)).shape, torch.squeeze(scores, 1).shape)
last_batch = torch.zeros(1, 1)  # one sample was left
print(last_batch.squeeze().shape, last_batch.squeeze(1).shape)
# --8<-- [end:squeeze]

# --8<-- [start:atleast]
number, vector = torch.tensor(7), torch.tensor([1, 2])
print(torch.atleast_1d(number), torch.atleast_2d(number))
print(torch.atleast_2d(vector))
print(torch.atleast_3d(vector).shape, torch.atleast_3d(torch.zeros(4, 5)).shape)
# --8<-- [end:atleast]

# --8<-- [start:transpose]
m = torch.arange(6).reshape(2, 3)
print(torch.transpose(m, 0, 1))
assert torch.equal(torch.swapaxes(m, 0, 1), torch.swapdims(m, 0, 1))
assert torch.equal(torch.swapdims(m, 0, 1), torch.transpose(m, 0, 1))
torch.transpose(images, -1, -2).shape
# --8<-- [end:transpose]

# --8<-- [start:transpose_picture]
from snippets.toolkit.plots import BLUE, GREEN, ORANGE

fig, ax = plt.subplots()
left = draw_cells(ax, m, [[BLUE] * 3, [ORANGE] * 3], at=(0, 0.5), title="m")
right = draw_cells(ax, m.T, [[BLUE, ORANGE]] * 3, at=(8.5, 0), title="m.T")
start, end = (left.right + 0.3, 1.5), (right.left - 0.3, 1.5)
draw_arrow(ax, start, end, text="transpose(0, 1)")
frame(ax)
plt.show()
# --8<-- [end:transpose_picture]

# --8<-- [start:matrix_transposes]
batch = torch.zeros(5, 2, 3)
print(torch.t(m).shape, m.T.shape, batch.mT.shape)
z = torch.tensor([[1 + 2j, 3 + 0j]])
assert torch.equal(torch.adjoint(z), torch.conj(z).T)
assert torch.equal(z.mH, z.adjoint())
torch.adjoint(z)
# --8<-- [end:matrix_transposes]

# --8<-- [start:permute]
photo = torch.arange(24).reshape(2, 4, 3)  # (H, W, C), as files store it
channels_first = torch.permute(photo, (2, 0, 1))  # (C, H, W)
print(channels_first.shape)
print(channels_first[0])  # the red channel
assert torch.equal(channels_first[0], photo[:, :, 0])
assert torch.equal(channels_first.permute(1, 2, 0), photo)
# --8<-- [end:permute]

# --8<-- [start:permute_picture]
from snippets.toolkit.plots import draw_box

channels = [ORANGE, GREEN, BLUE]


def color_of(t):
    """The colour of each element: the channel that it had in the photo."""
    return [[[channels[v % 3] for v in row] for row in s] for s in t.tolist()]


fig, ax = plt.subplots()
colors = color_of(photo)
front = draw_box(ax, colors, photo[0], at=(0, 1.5), title="photo", axes="HWC")
results = {
    "permute(2, 0, 1)": channels_first,
    "reshape(3, 2, 4)": photo.reshape(3, 2, 4),
}
for row, (title, t) in enumerate(results.items()):
    at = (8, 0.5 + 5 * row)
    box = draw_box(ax, color_of(t), t[0], at=at, title=title, axes="CHW")
    draw_arrow(ax, (front.right + 1.2, 3), (box.left - 1, box.top + 1))
frame(ax, cell=0.32)
plt.show()
# --8<-- [end:permute_picture]

# --8<-- [start:movedim]
clip = torch.zeros(10, 32, 48, 3)  # (T, H, W, C)
print(torch.movedim(clip, -1, 0).shape)
print(torch.movedim(clip, -1, 1).shape)
assert torch.equal(torch.movedim(clip, 3, 0), clip.permute(3, 0, 1, 2))
assert torch.equal(torch.moveaxis(clip, 3, 0), torch.movedim(clip, 3, 0))
# --8<-- [end:movedim]

# --8<-- [start:expand]
column = torch.tensor([[1], [2]])  # (2, 1)
wide = column.expand(2, 3)
print(wide)
print(wide.stride(), column.expand(4, -1, 3).shape)
assert torch.equal(torch.broadcast_to(column, (2, 3)), wide)
assert wide.untyped_storage().nbytes() == column.untyped_storage().nbytes()
# --8<-- [end:expand]

# --8<-- [start:expand_fails]
torch.zeros(2, 3).expand(2, 6)
# --8<-- [end:expand_fails]

# --8<-- [start:broadcast_tensors]
print(torch.broadcast_shapes((2, 1), (3,), (5, 1, 1)))
a, b = torch.broadcast_tensors(column, torch.tensor([10, 20, 30]))
print(a)
b
# --8<-- [end:broadcast_tensors]

# --8<-- [start:repeat]
brick = torch.tensor([[1, 2], [3, 4]])
print(brick.repeat(2, 3))
print(torch.tensor([1, 2]).repeat(3, 1).shape)
assert brick.repeat(2, 3).data_ptr() != brick.data_ptr()  # repeat copies
# --8<-- [end:repeat]

# --8<-- [start:tile]
assert torch.equal(torch.tile(brick, (2, 3)), brick.repeat(2, 3))
print(torch.tile(brick, (2,)))  # missing dimensions are added in front
brick.repeat(2)
# --8<-- [end:tile]

# --8<-- [start:repeat_interleave]
print(torch.repeat_interleave(torch.tensor([1, 2, 3]), 2))
print(torch.tensor([1, 2, 3]).repeat(2))
torch.repeat_interleave(brick, torch.tensor([1, 3]), dim=0)
# --8<-- [end:repeat_interleave]

# --8<-- [start:repeat_picture]
v = torch.tensor([0, 1, 2])
results = {
    "v": (v, (1.5, 0)),
    "v.repeat(2)": (v.repeat(2), (8, 0)),
    "v.repeat_interleave(2)": (v.repeat_interleave(2), (8, 2.5)),
    "v.expand(2, 3)": (v.expand(2, 3), (1.5, 5)),
    "v[:, None].expand(3, 2)": (v[:, None].expand(3, 2), (10, 5)),
}
fig, ax = plt.subplots()
for title, (t, at) in results.items():
    draw_cells(ax, t, lambda value: HUES[value], at=at, title=title)
frame(ax, cell=0.34)
plt.show()
# --8<-- [end:repeat_picture]

# --8<-- [start:roll]
days = torch.tensor([1, 2, 3, 4, 5])
print(torch.roll(days, 1), torch.roll(days, -2))
print(torch.roll(torch.arange(6).reshape(2, 3), shifts=1, dims=1))
assert torch.equal(torch.roll(torch.roll(days, 3), -3), days)
# --8<-- [end:roll]

# --8<-- [start:flip]
m = torch.arange(6).reshape(2, 3)
print(torch.flip(m, dims=[1]))
assert torch.equal(torch.fliplr(m), torch.flip(m, dims=[1]))
assert torch.equal(torch.flipud(m), torch.flip(m, dims=[0]))
torch.flip(m, dims=[0, 1])
# --8<-- [end:flip]

# --8<-- [start:rot90]
print(torch.rot90(m))
assert torch.equal(torch.rot90(m, k=2), torch.flip(m, dims=[0, 1]))
assert torch.equal(torch.rot90(m, k=4), m)
torch.rot90(m, k=-1)
# --8<-- [end:rot90]

# --8<-- [start:moves_picture]
def by_column(value):
    return HUES[value % 4]


m = torch.arange(12).reshape(3, 4)
moves = {
    "m": (m, (0, 0)),
    "roll(1, dims=1)": (m.roll(1, dims=1), (5.5, 0)),
    "flip(1)": (m.flip(1), (11, 0)),
    "rot90()": (m.rot90(), (3, 5)),
    "T": (m.T, (9, 5)),
}
fig, ax = plt.subplots()
for title, (t, at) in moves.items():
    draw_cells(ax, t, by_column, at=at, title=title)
frame(ax, cell=0.32)
plt.show()
# --8<-- [end:moves_picture]

# --8<-- [start:cat]
a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[7, 8, 9]])
print(torch.cat([a, b]))
assert torch.equal(torch.concat([a, b]), torch.concatenate([a, b]))
assert torch.equal(torch.concat([a, b]), torch.cat([a, b]))
torch.cat([a, a], dim=1)
# --8<-- [end:cat]

# --8<-- [start:cat_sizes]
torch.cat([a, b], dim=1)
# --8<-- [end:cat_sizes]

# --8<-- [start:stack]
c = torch.tensor([[10, 20, 30], [40, 50, 60]])
for dim in (0, 1, 2):
    print(dim, torch.stack([a, c], dim=dim).shape)
stacked = torch.stack([a, c])
assert torch.equal(stacked, torch.cat([a[None], c[None]]))
assert torch.equal(stacked[0], a) and torch.equal(stacked[1], c)
stacked
# --8<-- [end:stack]

# --8<-- [start:stack_sizes]
torch.stack([a, b])
# --8<-- [end:stack_sizes]

# --8<-- [start:cat_stack_picture]
fig, ax = plt.subplots()
draw_cells(ax, a, BLUE, title="a")
draw_cells(ax, c, ORANGE, at=(4.5, 0), title="c")
blue, orange = [[BLUE] * 3] * 2, [[ORANGE] * 3] * 2
draw_cells(ax, torch.cat([a, c]), blue + orange, at=(10, 0), title="cat")
sides = [left + right for left, right in zip(blue, orange, strict=True)]
draw_cells(ax, torch.cat([a, c], dim=1), sides, at=(0, 6.5), title="cat, dim=1")
draw_box(ax, [blue, orange], a, at=(10, 6.5), title="stack")
frame(ax, cell=0.34)
plt.show()
# --8<-- [end:cat_stack_picture]

# --8<-- [start:hstack]
u, v = torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])
print(torch.hstack([u, v]))
assert torch.equal(torch.hstack([a, c]), torch.cat([a, c], dim=1))
torch.hstack([a, c])
# --8<-- [end:hstack]

# --8<-- [start:vstack]
print(torch.vstack([u, v]))
assert torch.equal(torch.vstack([a, c]), torch.cat([a, c], dim=0))
assert torch.equal(torch.row_stack([u, v]), torch.vstack([u, v]))  # old name
torch.vstack([u, a])
# --8<-- [end:vstack]

# --8<-- [start:column_stack]
print(torch.column_stack([u, v]))
print(torch.dstack([u, v]).shape, torch.dstack([a, c]).shape)
assert torch.equal(torch.column_stack([u, v]), torch.stack([u, v], dim=1))
assert torch.equal(torch.dstack([a, c]), torch.stack([a, c], dim=2))
# --8<-- [end:column_stack]

# --8<-- [start:split]
week = torch.arange(1, 8)
for part in torch.split(week, 3):
    print(part)
train, validation, test = torch.split(week, [4, 2, 1])
print(train, validation, test)
assert torch.equal(torch.cat(torch.split(week, 3)), week)
# --8<-- [end:split]

# --8<-- [start:chunk]
print([len(part) for part in torch.chunk(week, 3)])
print([len(part) for part in torch.chunk(torch.arange(6), 4)])  # only three
q, k, v = torch.chunk(torch.zeros(2, 7, 3 * 64), 3, dim=-1)
q.shape
# --8<-- [end:chunk]

# --8<-- [start:tensor_split]
print([len(part) for part in torch.tensor_split(week, 3)])
print([len(part) for part in torch.tensor_split(torch.arange(6), 4)])
torch.tensor_split(week, (2, 5))  # cut before 2 and before 5
# --8<-- [end:tensor_split]

# --8<-- [start:split_picture]
cuts = {
    "split(week, 3)": torch.split(week, 3),
    "chunk(week, 3)": torch.chunk(week, 3),
    "chunk(week, 5)": torch.chunk(week, 5),
    "tensor_split(week, 3)": torch.tensor_split(week, 3),
    "tensor_split(week, 5)": torch.tensor_split(week, 5),
}
fig, ax = plt.subplots()
for row, (name, parts) in enumerate(cuts.items()):
    ax.text(-0.5, 1.5 * row + 0.5, name, ha="right", va="center")
    left = 0
    for part, hue in zip(parts, HUES, strict=False):
        cells = draw_cells(ax, part, hue, at=(left, 1.5 * row))
        left = cells.right + 0.5
frame(ax, cell=0.32)
plt.show()
# --8<-- [end:split_picture]

# --8<-- [start:hsplit]
cube = torch.arange(24).reshape(2, 4, 3)
print([t.shape[0] for t in torch.vsplit(cube, 2)])  # dimension 0
print([t.shape[1] for t in torch.hsplit(cube, 2)])  # dimension 1
print([t.shape[2] for t in torch.dsplit(cube, (1,))])  # dimension 2
assert torch.equal(torch.hstack(torch.hsplit(cube, 2)), cube)
# --8<-- [end:hsplit]

# --8<-- [start:hsplit_uneven]
torch.hsplit(cube, 3)
# --8<-- [end:hsplit_uneven]

# --8<-- [start:unbind]
points = torch.tensor([[0, 5], [1, 6], [2, 7]])
x, y = torch.unbind(points, dim=1)
print(x, y)
assert torch.equal(torch.stack((x, y), dim=1), points)
x[0] = 100  # views: points changes too
points
# --8<-- [end:unbind]

# --8<-- [start:view_as_real]
z = torch.tensor([1 + 2j, 3 - 4j])
pairs = torch.view_as_real(z)
print(pairs)
assert torch.equal(torch.view_as_complex(pairs), z)
pairs[0, 1] = 0  # the imaginary part of the first
print(z)
print(torch.conj(z), torch.conj(z).is_conj())
# --8<-- [end:view_as_real]

# --8<-- [start:solution_patches]
image = torch.arange(36).reshape(6, 6)
grid = image.reshape(3, 2, 3, 2)  # (patch row, row, patch column, column)
patches = grid.permute(0, 2, 1, 3).reshape(9, 2, 2)
assert patches[0].tolist() == [[0, 1], [6, 7]]
assert torch.equal(patches[4], image[2:4, 2:4])
patches[4]
# --8<-- [end:solution_patches]

# --8<-- [start:solution_heads]
x = torch.arange(2 * 5 * 12).reshape(2, 5, 12)  # (N, L, features)
heads = x.unflatten(-1, (3, 4)).transpose(1, 2)  # (N, heads, L, features)
assert heads.shape == (2, 3, 5, 4)
assert torch.equal(heads[0, 1], x[0, :, 4:8])
back = heads.transpose(1, 2).flatten(-2)
assert torch.equal(back, x)
heads.shape
# --8<-- [end:solution_heads]

# --8<-- [start:solution_grid_of_images]
tiles = torch.arange(6)[:, None, None].expand(6, 2, 3)  # six pictures
rows = [torch.hstack(row.unbind()) for row in tiles.split(3)]
sheet = torch.vstack(rows)
assert sheet.shape == (4, 9)
again = tiles.reshape(2, 3, 2, 3).transpose(1, 2).reshape(4, 9)
assert torch.equal(sheet, again)
sheet
# --8<-- [end:solution_grid_of_images]

# --8<-- [start:solution_lags]
series = torch.tensor([1, 2, 4, 8, 16, 32])
table = torch.stack([series.roll(k) for k in range(3)], dim=1)[2:]
assert table[0].tolist() == [4, 2, 1]
assert torch.equal(table.flip(1), series.unfold(0, 3, 1))
table
# --8<-- [end:solution_lags]
