# --8<-- [start:first_tensor]
import torch

temperature = torch.tensor([[21.5, 23.0, 19.0], [22.0, 24.5, 18.0]])  # (2, 3)
print(temperature)
print(temperature.shape, temperature.dtype, temperature.device)
print(temperature.mean(dim=0))
# --8<-- [end:first_tensor]

# --8<-- [start:inferred_dtypes]
import pandas as pd

rows = {}
for values in ([1, 2], [1, 2.5], [True, False], [True, 2], [1.0, 2j], []):
    t = torch.tensor(values)
    rows[str(values)] = [str(t.tolist()), str(t.dtype)]
pd.DataFrame.from_dict(rows, orient="index", columns=["values inside", "dtype"])
# --8<-- [end:inferred_dtypes]

# --8<-- [start:convert_dtype]
x = torch.tensor([2.7, -2.7, 0.3], dtype=torch.float64)
print(x.to(torch.float32))
print(x.to(torch.int64))
print(x.round().to(torch.int64))
print(x.to(torch.bool))
print(x.to(torch.float64) is x, x.double() is x, x.float() is x)
# --8<-- [end:convert_dtype]

# --8<-- [start:dtype_limits]
rows = {}
for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    info = torch.iinfo(dtype)
    name = str(dtype).removeprefix("torch.")
    rows[name] = [dtype.itemsize, f"{info.min:,}", f"{info.max:,}", "1"]
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    info = torch.finfo(dtype)
    limits = [f"{info.min:.1e}", f"{info.max:.1e}", f"{info.eps:.1e}"]
    name = str(dtype).removeprefix("torch.")
    rows[name] = [dtype.itemsize, *limits]
columns = ["bytes", "smallest", "largest", "step after 1"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:dtype_limits]

# --8<-- [start:integer_wraps]
pixels = torch.tensor([250, 100], dtype=torch.uint8)
print(pixels + 10)
print(pixels.to(torch.int16) + 10)
total = pixels.sum()
print(total, total.dtype)
print(torch.tensor([300]).to(torch.uint8))
try:
    torch.tensor(300, dtype=torch.uint8)
except RuntimeError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:integer_wraps]

# --8<-- [start:float_precision]
rows = {}
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    tenth = torch.tensor(0.1, dtype=dtype).item()
    big = torch.tensor(70_000.0, dtype=dtype).item()
    n = torch.tensor(2 / torch.finfo(dtype).eps, dtype=dtype)
    rows[str(dtype)] = [f"{tenth:.12f}", str(big), f"{n.item():.0f}"]
    assert n + 1 == n and n - 1 != n
columns = ["0.1 is stored as", "70000 is stored as", "first n with n + 1 == n"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:float_precision]

# --8<-- [start:float_bits]
import math

import matplotlib.pyplot as plt


def draw_cell(ax, column, row, text, color):
    style = {"fc": color, "ec": "#7a8599", "alpha": 0.6}
    ax.add_patch(plt.Rectangle((column, row), 1, 1, **style))
    ax.text(column + 0.5, row + 0.5, text, ha="center", va="center")


fig, ax = plt.subplots(figsize=(8, 2))
whole_numbers = {2: torch.uint16, 4: torch.uint32}  # by bytes
for row, dtype in enumerate([torch.float16, torch.bfloat16, torch.float32]):
    pi = torch.tensor(math.pi, dtype=dtype)
    whole = pi.view(whole_numbers[dtype.itemsize]).item()
    bits = f"{whole:0{8 * dtype.itemsize}b}"
    fraction = -round(math.log2(torch.finfo(dtype).eps))
    exponent = len(bits) - 1 - fraction
    colors = ["#7a8599"] + ["#e4572e"] * exponent + ["#2f6fdb"] * fraction
    for column, (bit, color) in enumerate(zip(bits, colors, strict=True)):
        draw_cell(ax, column, 1.5 * row, bit, color)
    ax.text(-0.5, 1.5 * row + 0.5, str(dtype), ha="right", va="center")
    print(f"{dtype!s:15} 1 + {exponent} + {fraction} bits: {pi.item()}")
ax.set(aspect="equal", xlim=(0, 32), ylim=(0, 4))
ax.axis("off")
plt.show()
# --8<-- [end:float_bits]

# --8<-- [start:promotion_pairs]
short = {torch.bool: "bool", torch.uint8: "u8", torch.int8: "i8"}
short |= {torch.int16: "i16", torch.int64: "i64", torch.float16: "f16"}
short |= {torch.bfloat16: "bf16", torch.float32: "f32", torch.complex64: "c64"}
dtypes = [dtype for dtype in short if dtype != torch.int16]  # only a result
names = [short[dtype] for dtype in dtypes]
table = pd.DataFrame(index=names, columns=names)
for a in dtypes:
    for b in dtypes:
        result = torch.ones(2, dtype=a) + torch.ones(2, dtype=b)
        assert result.dtype == torch.promote_types(a, b)
        table.loc[short[a], short[b]] = short[result.dtype]
table
# --8<-- [end:promotion_pairs]

# --8<-- [start:promotion_scalars]
half = torch.ones(2, dtype=torch.float16)
whole = torch.ones(2, dtype=torch.int64)
double = torch.tensor(2.5, dtype=torch.float64)  # zero dimensions
for expression, result in {
    "half * 2.5": half * 2.5,
    "half * double": half * double,
    "half * double[None]": half * double[None],  # one dimension
    "whole * 2.5": whole * 2.5,
    "whole * double": whole * double,
}.items():
    print(f"{expression:20} {result.tolist()!s:11} {result.dtype}")
# --8<-- [end:promotion_scalars]

# --8<-- [start:integer_division]
counts = torch.tensor([7, -7])
print(counts / 2, counts // 2)
print(counts.float().mean())
try:
    counts.mean()
except RuntimeError as error:
    print(error)
# --8<-- [end:integer_division]

# --8<-- [start:in_place_cast]
counts = torch.tensor([1, 2, 3])
counts *= 2
print(counts)
counts *= 0.5
# --8<-- [end:in_place_cast]

# --8<-- [start:matmul_dtypes]
weight = torch.ones(3, 2)
batch = torch.ones(4, 3, dtype=torch.float64)
print((batch.to(weight.dtype) @ weight).dtype)
batch @ weight
# --8<-- [end:matmul_dtypes]

# --8<-- [start:dimensions]
images = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # (N, C, H, W)
parts = {
    "images": images,
    "images[1]": images[1],
    "images[1, 0]": images[1, 0],
    "images[1, 0, 2]": images[1, 0, 2],
    "images[1, 0, 2, 3]": images[1, 0, 2, 3],
}
meaning = ["a batch", "one image", "one channel", "one row", "one number"]
rows = {}
for (name, t), what in zip(parts.items(), meaning, strict=True):
    first = t.flatten()[0].item()
    rows[name] = [what, t.ndim, str(tuple(t.shape)), t.numel(), first]
    assert t.numel() == math.prod(t.shape)
columns = ["what it is", "ndim", "shape", "elements", "first"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:dimensions]

# --8<-- [start:nesting]
for values in (7, [7], [[7]]):
    t = torch.tensor(values)
    print(f"{t.ndim}-D {t.shape} {t}")
    assert t.numel() == 1

torch.tensor([[1, 2, 3], [4, 5]])
# --8<-- [end:nesting]

# --8<-- [start:item_tolist]
loss = torch.tensor(0.1)
print(loss, loss.item())
print(torch.tensor([[7]]).item(), torch.tensor(True).item())

errors = torch.tensor([[0.5, 0.25], [0.75, 1.0]])
print(errors.tolist(), errors.mean().item())
errors.item()
# --8<-- [end:item_tolist]

# --8<-- [start:ask_shape]
images = torch.zeros(32, 3, 28, 20)
print(images.shape, images.size())
print(images.shape[0], images.size(-1), len(images), images.numel())
n, c, h, w = images.shape
print(f"{n} images of {h} x {w} pixels")
assert images.shape == (32, 3, 28, 20) and isinstance(images.shape, tuple)
# --8<-- [end:ask_shape]

# --8<-- [start:size_arithmetic]
shape = images.shape
print(shape[2:], shape[2:].numel())
print(shape[:1] + shape[2:])
print(shape[2:] * 2)
print((*shape[:1], 10))
print(torch.zeros(*shape[:1], 10).shape, torch.zeros(shape[2:]).shape)
# --8<-- [end:size_arithmetic]

# --8<-- [start:reshape_infer]
x = torch.arange(12)
print(x.reshape(3, 4))
print(x.reshape(3, -1).shape, x.reshape(2, -1, 3).shape)
x.reshape(5, -1)
# --8<-- [end:reshape_infer]

# --8<-- [start:shape_mismatch]
rows = torch.ones(2, 3) + torch.tensor([10.0, 20.0, 30.0])
print(rows)
torch.ones(2, 3) + torch.tensor([10.0, 20.0])
# --8<-- [end:shape_mismatch]

# --8<-- [start:strides]
m = torch.arange(12).reshape(3, 4)  # element and cell number are the same
print(m)
print("stride:", m.stride(), "offset:", m.storage_offset())
size = m.untyped_storage().nbytes()
print("bytes: ", size, "=", m.numel(), "*", m.element_size())

row, column = 2, 1
number = m.storage_offset() + row * m.stride(0) + column * m.stride(1)
print(f"m[{row}, {column}] is in cell {number}")
assert m[row, column] == number
# --8<-- [end:strides]

# --8<-- [start:cells_of]
def cells_of(t):  # the storage cell of each element, in the shape of t
    cells = torch.tensor(t.storage_offset())
    for size, stride in zip(t.shape, t.stride(), strict=True):
        cells = cells[..., None] + stride * torch.arange(size)
    return cells


def same_storage(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


views = {"m": m, "m.T": m.T, "m[:, ::2]": m[:, ::2]}
for name, t in views.items():
    print(f"{name:9} {t.stride()} {same_storage(t, m)} {cells_of(t).tolist()}")
    assert torch.equal(cells_of(t), t)  # m holds its own cell numbers
# --8<-- [end:cells_of]

# --8<-- [start:memory_picture]
def draw_memory(views):  # {title: 1-D or 2-D tensor}, all of one storage
    first = next(iter(views.values()))
    length = first.untyped_storage().nbytes() // first.element_size()
    storage = first.as_strided((length,), (1,), 0)
    colors = plt.get_cmap("rainbow", length)
    grids = {title: torch.atleast_2d(t) for title, t in views.items()}
    tallest = max(len(grid) for grid in grids.values())
    _, ax = plt.subplots(figsize=(8, 3.6))

    left = 0
    for title, grid in grids.items():
        for row, numbers in enumerate(cells_of(grid).tolist()):
            for column, number in enumerate(numbers):
                value = grid[row, column].item()
                draw_cell(ax, left + column, tallest - row, value, colors(number))
        t = views[title]
        label = f"{title}\nshape {tuple(t.shape)}\nstride {t.stride()}"
        ax.text(left, tallest + 1.2, label, va="bottom")
        left += max(grid.shape[1] + 1, 4.5)

    for number, value in enumerate(storage.tolist()):
        draw_cell(ax, number, -1, value, colors(number))
    ax.text(-0.2, -0.5, "storage", ha="right", va="center")
    ax.set(aspect="equal", xlim=(0, max(left, length)), ylim=(-1.1, tallest + 4))
    ax.axis("off")
    plt.show()


draw_memory(views)
# --8<-- [end:memory_picture]

# --8<-- [start:offset_and_stride_zero]
views = {
    "m[1:, 1:3]": m[1:, 1:3],
    "m[1].expand(3, 4)": m[1].expand(3, 4),
    "m.diagonal()": m.diagonal(),
}
for name, t in views.items():
    print(f"{name:18} stride {t.stride()!s:7} offset {t.storage_offset()}")
draw_memory(views)
# --8<-- [end:offset_and_stride_zero]

# --8<-- [start:view_writes]
m = torch.arange(12).reshape(3, 4)
second = m[1]
second += 100
m.T[0] = -1
print(m)
print(second)
# --8<-- [end:view_writes]

# --8<-- [start:view_or_copy]
m = torch.arange(12).reshape(3, 4)
results = {
    "m[1]": m[1],
    "m[:, 1:3]": m[:, 1:3],
    "m.T": m.T,
    "m.reshape(4, 3)": m.reshape(4, 3),
    "m.flatten()": m.flatten(),
    "m[[0, 2]]": m[[0, 2]],
    "m[m > 5]": m[m > 5],
    "m.T.flatten()": m.T.flatten(),
    "m.flip(0)": m.flip(0),
    "m.clone()": m.clone(),
}
rows = {}
for name, t in results.items():
    kind = "view" if same_storage(t, m) else "copy"
    rows[name] = [kind, t.is_contiguous(), str(t.flatten().tolist())]
columns = ["result", "contiguous", "elements in order"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:view_or_copy]

# --8<-- [start:view_non_contiguous]
three = [m.view(2, 6), m[1:].view(8), m[:, ::2].view(6)]
print([t.stride() for t in three])
print(m.T.is_contiguous(), m.T.stride())
m.T.view(12)
# --8<-- [end:view_non_contiguous]

# --8<-- [start:contiguous]
packed = m.T.contiguous()
print(packed.stride(), same_storage(packed, m))
print(packed.view(12))
print(torch.equal(packed, m.T), m.contiguous() is m)
assert torch.equal(m.T.reshape(12), packed.view(12))
# --8<-- [end:contiguous]

# --8<-- [start:reshape_or_transpose]
draw_memory({"m": m, "m.T": m.T, "m.reshape(4, 3)": m.reshape(4, 3)})
print(m.T[1].tolist(), m.reshape(4, 3)[1].tolist())
# --8<-- [end:reshape_or_transpose]

# --8<-- [start:expanded_in_place]
bias = torch.tensor([1.0, 2.0])
wide = bias.expand(3, 2)
print(wide.stride(), wide.numel(), "elements in", bias.nbytes, "bytes")
print(wide + 1)
wide += 1
# --8<-- [end:expanded_in_place]

# --8<-- [start:as_strided_windows]
prices = torch.tensor([3, 5, 4, 8, 9, 7, 6])
windows = prices.as_strided(size=(5, 3), stride=(1, 1))
pairs = prices.as_strided(size=(3, 2), stride=(2, 1), storage_offset=1)
print(windows.float().mean(dim=1))
print(pairs)
assert torch.equal(windows, prices.unfold(0, size=3, step=1))
draw_memory({"prices": prices, "windows": windows, "pairs": pairs})

try:
    prices.as_strided(size=(6, 3), stride=(1, 1))
except RuntimeError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:as_strided_windows]

# --8<-- [start:small_view_large_storage]
import io


def saved_kilobytes(t):
    file = io.BytesIO()
    torch.save(t, file)
    return file.tell() // 1000


log = torch.zeros(1_000_000)
last = log[-10:]
print(last.nbytes, last.untyped_storage().nbytes())
print(saved_kilobytes(last), saved_kilobytes(last.clone()))
# --8<-- [end:small_view_large_storage]

# --8<-- [start:channels_last]
images = torch.zeros(8, 3, 4, 5)  # (N, C, H, W)
last = images.to(memory_format=torch.channels_last)
print(images.shape, images.stride())
print(last.shape, last.stride())
print(last.is_contiguous(), last.is_contiguous(memory_format=torch.channels_last))
assert last.permute(0, 2, 3, 1).is_contiguous()
# --8<-- [end:channels_last]

# --8<-- [start:in_place]
x = torch.tensor([1.0, -2.0, 3.0])
address = x.data_ptr()
print(x.add(10), x)
print(x.add_(10), x.data_ptr() == address)

x.clamp_(max=12)
x[0] = 0
print(x, x.data_ptr() == address)
# --8<-- [end:in_place]

# --8<-- [start:two_names]
a = torch.zeros(3)
b = a
b += 1
print(a, b is a)

b = b + 1
print(a, b, b is a)

b[:] = 7
b.copy_(b + a)
print(a, b)
# --8<-- [end:two_names]

# --8<-- [start:out_argument]
import warnings

a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
result = torch.empty(2, 2)
address = result.data_ptr()
for power in (1, 2):
    returned = torch.mul(a, 10**power, out=result)
    print(result.tolist(), returned is result, result.data_ptr() == address)

wrong = torch.zeros(3, 2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.add(a, 1, out=wrong)
print(wrong.tolist(), "-", str(caught[0].message).split(". ")[0])
# --8<-- [end:out_argument]

# --8<-- [start:from_numpy]
import numpy as np

array = np.array([1.0, 2.0, 3.0])
t = torch.from_numpy(array)
print(t)
array[0] = 10
t[1] = 20
print(array, t)
# --8<-- [end:from_numpy]

# --8<-- [start:to_numpy]
t = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
shared = t.T.numpy()
separate = t.clone().numpy()
t.zero_()
print(shared.tolist(), shared.dtype)
print(separate.tolist())
print("bytes:", shared.strides, "elements:", t.T.stride())
# --8<-- [end:to_numpy]

# --8<-- [start:share_or_copy]
makers = {
    "torch.from_numpy(a)": torch.from_numpy,
    "torch.as_tensor(a)": torch.as_tensor,
    "torch.as_tensor(a, dtype=torch.float32)": lambda a: torch.as_tensor(
        a, dtype=torch.float32
    ),
    "torch.asarray(a, copy=True)": lambda a: torch.asarray(a, copy=True),
    "torch.tensor(a)": torch.tensor,
}
rows = {}
for name, make in makers.items():
    array = np.zeros(2)
    t = make(array)
    array[:] = 1
    memory = "shares" if t[0] == 1 else "copies"
    rows[name] = [memory, str(t.tolist()), str(t.dtype)]
columns = ["memory", "tensor", "dtype"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:share_or_copy]

# --8<-- [start:read_only_array]
frame = pd.DataFrame({"height": [1.6, 1.8], "weight": [60.0, 75.0]})
values = frame.to_numpy()
print("writeable:", values.flags.writeable)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.from_numpy(values)
print(caught[0].category.__name__, "-", str(caught[0].message).split(",")[0])

print(torch.tensor(values, dtype=torch.float32))
# --8<-- [end:read_only_array]

# --8<-- [start:numpy_refuses]
attempts = {
    "requires_grad": lambda: torch.zeros(2, requires_grad=True).numpy(),
    "bfloat16": lambda: torch.zeros(2, dtype=torch.bfloat16).numpy(),
    "reversed": lambda: torch.from_numpy(np.arange(3)[::-1]),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (RuntimeError, TypeError, ValueError) as error:
        print(f"{name}: {type(error).__name__} - {str(error).split(', and')[0]}")
print(torch.ones(2, requires_grad=True).detach().numpy().tolist())
print(torch.full((2,), 1.5, dtype=torch.bfloat16).float().numpy().tolist())
print(torch.from_numpy(np.arange(3)[::-1].copy()).tolist())
# --8<-- [end:numpy_refuses]

# --8<-- [start:constructors]
like = torch.tensor([[1.5, 2.5]], dtype=torch.float64)
for t in (
    like,
    torch.tensor([3, 4]),
    torch.zeros(2),
    torch.full((2,), 7),
    torch.arange(2, 8, 3),
    torch.ones_like(like),
    torch.full_like(like, 7),
    like.new_tensor([3, 4]),
    like.new_zeros(2),
    torch.tensor([3, 4], dtype=like.dtype, device=like.device),
):
    print(t)
# --8<-- [end:constructors]

# --8<-- [start:legacy_trap]
print(torch.tensor(3), torch.tensor([2, 3]))
print(torch.Tensor(3).shape, torch.Tensor([2, 3]))
print(torch.Tensor(2, 3).shape, torch.Tensor((2, 3)))
try:
    torch.Tensor(3.0)
except TypeError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:legacy_trap]

# --8<-- [start:legacy_names]
x = torch.tensor([1.5, 2.5], dtype=torch.float64)
pairs = {
    "torch.FloatTensor([1, 2])": (
        torch.FloatTensor([1, 2]),
        torch.tensor([1, 2], dtype=torch.float32),
    ),
    "torch.LongTensor([1, 2])": (
        torch.LongTensor([1, 2]),
        torch.tensor([1, 2], dtype=torch.int64),
    ),
    "torch.ByteTensor([1, 2])": (
        torch.ByteTensor([1, 2]),
        torch.tensor([1, 2], dtype=torch.uint8),
    ),
    "x.type(torch.LongTensor)": (x.type(torch.LongTensor), x.to(torch.int64)),
    "x.type('torch.HalfTensor')": (
        x.type("torch.HalfTensor"),
        x.to(torch.float16),
    ),
    "x.new([1, 2])": (x.new([1, 2]), x.new_tensor([1, 2])),
}
for name, (old, new) in pairs.items():
    print(f"{name:27} {old.tolist()!s:10} {old.dtype}")
    assert old.dtype == new.dtype and torch.equal(old, new)
# --8<-- [end:legacy_names]

# --8<-- [start:device]
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")

x = torch.tensor([1.0, 2.0, 3.0])
moved = x.to(device)
scale = torch.full((3,), 10.0, device=device)
print(device.type, x.device, moved.device.type == device.type)
print((moved * scale).cpu().numpy())
# --8<-- [end:device]

# --8<-- [start:meta_device]
with torch.device("meta"):
    batch = torch.empty(64, 30_000)
    weight = torch.empty(30_000, 5_000)
logits = batch @ weight
print(logits)
print(f"{weight.nbytes:,} bytes")
logits + torch.ones(5_000)
# --8<-- [end:meta_device]

# --8<-- [start:solution_predict_dtypes]
small = torch.tensor([1, 2], dtype=torch.uint8)
single = torch.tensor([0.5, 1.5])
answers = {
    "small + 1": small + 1,
    "small + 1.0": small + 1.0,
    "small / 2": small / 2,
    "small > 1": small > 1,
    "small.sum()": small.sum(),
    "single * small": single * small,
    "single * single.double().sum()": single * single.double().sum(),
}
for expression, result in answers.items():
    print(f"{expression:32} {result.tolist()!s:14} {result.dtype}")
# --8<-- [end:solution_predict_dtypes]

# --8<-- [start:solution_flatten_images]
def flatten_images(images):  # (..., C, H, W) -> (..., C * H * W)
    return images.reshape(*images.shape[:-3], images.shape[-3:].numel())


for shape in ((3, 4, 5), (8, 3, 4, 5), (0, 3, 4, 5)):
    flat = flatten_images(torch.zeros(shape))
    print(flat.shape)
    assert flat.shape == torch.zeros(shape).flatten(start_dim=-3).shape
# --8<-- [end:solution_flatten_images]

# --8<-- [start:solution_predict_strides]
t = torch.arange(24).reshape(2, 3, 4)
for name, view in {
    "t": t,
    "t.permute(2, 0, 1)": t.permute(2, 0, 1),
    "t[1, :, 1::2]": t[1, :, 1::2],
    "t[:, :1].expand(2, 5, 4)": t[:, :1].expand(2, 5, 4),
    "t[:, None]": t[:, None],
}.items():
    print(f"{name:25} {view.stride()!s:13} {view.storage_offset()}")
    assert torch.equal(cells_of(view), view)
# --8<-- [end:solution_predict_strides]

# --8<-- [start:solution_picture_to_batch]
picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::-1]  # (H, W, C)

x = torch.from_numpy(picture.copy())  # a copy has no negative stride
x = x.permute(2, 0, 1)[None]  # (1, C, H, W)
x = x.to(torch.float32).contiguous() / 255
print(x.shape, x.dtype, x.is_contiguous())
print(x[0, 0] * 255)
assert np.array_equal((x[0, 0] * 255).round().numpy(), picture[:, :, 0])
# --8<-- [end:solution_picture_to_batch]

# --8<-- [start:solution_diagonal_above]
def diagonal_above(square, offset):  # (n, n) -> (n - offset,), a view
    row_step, column_step = square.stride()
    size = (len(square) - offset,)
    start = square.storage_offset() + offset * column_step
    return square.as_strided(size, (row_step + column_step,), start)


sheet = torch.arange(20).reshape(4, 5)
square = sheet[:, 1:]  # (4, 4), offset 1
band = diagonal_above(square, offset=1)
assert torch.equal(diagonal_above(square.T, offset=2), square.diagonal(-2))
draw_memory({"square": square, "band": band})
band[:] = 0
print(sheet)
# --8<-- [end:solution_diagonal_above]

# --8<-- [start:solution_shared_cells]
def shared_cells(a, b):
    if not same_storage(a, b):
        return []
    cells = cells_of(a).flatten()
    return cells[torch.isin(cells, cells_of(b))].unique().tolist()


m = torch.arange(12).reshape(3, 4)
print("rows 0 and 1:      ", shared_cells(m[0], m[1]))
print("row 1 and column 2:", shared_cells(m[1], m[:, 2]))
print("every 2nd, 3rd:    ", shared_cells(m.view(12)[::2], m.view(12)[::3]))
print("m and its clone:   ", shared_cells(m, m.clone()))

x = torch.tensor([1, 2, 3, 4])
print("x[1:] and x[:-1]:  ", shared_cells(x[1:], x[:-1]))
try:
    x[1:] += x[:-1]
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).split(". ")[0])
x[1:] += x[:-1].clone()
print(x)
# --8<-- [end:solution_shared_cells]

# --8<-- [start:solution_bfloat16_by_hand]
def to_bfloat16(x):  # float32 -> bfloat16, rounded to nearest, ties to even
    bits = x.view(torch.int32)
    last_kept = (bits >> 16) & 1
    rounded = (bits + 0x7FFF + last_kept) >> 16
    return rounded.to(torch.int16).view(torch.bfloat16)


x = torch.tensor([math.pi, -0.1, 1 + 2**-8, 1 + 3 * 2**-8, 70_000.0])
print(to_bfloat16(x).tolist())
assert torch.equal(to_bfloat16(x), x.bfloat16())

cut = (x.view(torch.int32) >> 16).to(torch.int16).view(torch.bfloat16)
print((cut != x.bfloat16()).tolist())
# --8<-- [end:solution_bfloat16_by_hand]
