# --8<-- [start:learning_rates_to_try]
import math

import torch

g = torch.Generator().manual_seed(0)
exponent = torch.empty(1000, dtype=torch.float64).uniform_(-4, -1, generator=g)
rates = 10**exponent
print("first three:", [f"{r:.4g}" for r in rates[:3].tolist()])
shares = torch.histc(exponent.float(), bins=3, min=-4, max=-1) / 1000
print("a decade each:", [f"{s:.3f}" for s in shares.tolist()])
assert rates.min() > 1e-4 and rates.max() < 1e-1
assert (shares - 1 / 3).abs().max() < 0.05
# --8<-- [end:learning_rates_to_try]

# --8<-- [start:weighted_without_replacement]
weight = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
g = torch.Generator().manual_seed(0)
wait = torch.empty(20_000, 4, dtype=torch.float64).exponential_(generator=g) / weight
pair = wait.argsort(dim=1)[:, :2]  # the two that come first
first = torch.bincount(pair[:, 0], minlength=4) / 20_000
both = (pair.sort(dim=1).values == torch.tensor([2, 3])).all(dim=1).double().mean()
print("first:", [f"{p:.2f}" for p in first.tolist()], f"the pair 2, 3: {both:.2f}")
assert torch.allclose(first.double(), weight / 10, atol=0.015)
assert abs(both - (0.3 * 4 / 7 + 0.4 * 3 / 6)) < 0.015
# --8<-- [end:weighted_without_replacement]

# --8<-- [start:throws_until_a_six]
g = torch.Generator().manual_seed(0)
throws = torch.empty(20_000, dtype=torch.int64).geometric_(1 / 6, generator=g)
print("first games:", throws[:8].tolist(), f"mean {throws.double().mean():.1f}")
for n in (1, 8):
    share = (throws <= n).double().mean()
    print(f"within {n}: {share:.2f}, formula {1 - (5 / 6) ** n:.2f}")
    assert abs(share - (1 - (5 / 6) ** n)) < 0.015
assert throws.min() == 1 and abs(throws.double().mean() - 6) < 0.15
# --8<-- [end:throws_until_a_six]

# --8<-- [start:response_times]
g = torch.Generator().manual_seed(0)
seconds = torch.empty(50_000, dtype=torch.float64)
seconds.log_normal_(mean=math.log(0.2), std=1.0, generator=g)
p50, p99 = seconds.quantile(torch.tensor([0.5, 0.99], dtype=torch.float64))
print(f"median {p50:.2f} s, mean {seconds.mean():.2f} s, 99 % below {p99:.1f} s")
assert abs(p50 - 0.2) < 0.01 and abs(seconds.mean() - 0.2 * math.exp(0.5)) < 0.02
assert torch.allclose(seconds.log().std(), torch.tensor(1.0).double(), atol=0.02)
# --8<-- [end:response_times]

# --8<-- [start:no_mean_to_find]
g = torch.Generator().manual_seed(0)
x = torch.empty(100_000, dtype=torch.float64).cauchy_(median=5, sigma=2, generator=g)
for n in (100, 1_000, 10_000, 100_000):
    print(f"{n:7,} numbers: mean {x[:n].mean():8.2f}, median {x[:n].median():.2f}")
q1, q3 = x.quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
assert abs(x.median() - 5) < 0.05 and abs((q3 - q1) / 2 - 2) < 0.05
assert x.abs().max() > 10_000
# --8<-- [end:no_mean_to_find]

# --8<-- [start:one_time_pad]
message = torch.frombuffer(bytearray(b"meet me at noon"), dtype=torch.uint8)
key = torch.empty_like(message).random_(generator=torch.Generator().manual_seed(7))
secret = message ^ key
print(secret.tolist()[:6], bytes((secret ^ key).tolist()))
g = torch.Generator().manual_seed(0)
many = torch.empty(100_000, dtype=torch.uint8).random_(generator=g)
counts = torch.bincount(many, minlength=256)
assert counts.min() > 300 and counts.max() < 480  # 390 on average
signed = torch.empty(100_000, dtype=torch.int8).random_(generator=g)
assert signed.min() == 0 and signed.max() == 127  # none below 0
die = torch.empty(10_000, dtype=torch.int8).random_(1, 7, generator=g)
assert die.unique().tolist() == [1, 2, 3, 4, 5, 6]
# --8<-- [end:one_time_pad]


# --8<-- [start:python_function_on_each]
def steps(n: float) -> int:
    """Counts the steps of the Collatz sequence from n to 1."""
    n, count = int(n), 0
    while n > 1:
        n, count = (3 * n + 1 if n % 2 else n // 2), count + 1
    return count


lengths = torch.arange(1, 28, device="cpu").apply_(steps)
print(lengths[-3:].tolist(), "longest from", lengths.argmax().item() + 1)
assert lengths.tolist() == [steps(n) for n in range(1, 28)]
try:
    torch.ones(2, device="cpu", requires_grad=True).apply_(steps)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
# --8<-- [end:python_function_on_each]

# --8<-- [start:python_function_on_pairs]
n = torch.tensor([[5.0], [10.0]], dtype=torch.float64, device="cpu").repeat(1, 3)
k = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64, device="cpu")
ways = n.clone().map_(k, lambda a, b: math.comb(int(a), int(b)))
print(ways.tolist())
by_gamma = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
assert torch.allclose(ways, by_gamma.exp())
# --8<-- [end:python_function_on_pairs]

# --8<-- [start:sound_for_a_file]
t = torch.arange(8, dtype=torch.float64) / 8
wave = 1.2 * torch.sin(2 * math.pi * t)  # louder than 1
pcm = (wave.clamp(-1, 1) * 32767).round().short()
print(pcm.tolist(), f"{pcm.nbytes} bytes instead of {wave.nbytes}")
assert pcm.dtype == torch.int16 and pcm.max() == 32767
small = (pcm / 256).floor().char()  # 8 bits
print(small.tolist())
assert (small.double() * 256 - pcm).abs().max() < 256 and small.element_size() == 1
# --8<-- [end:sound_for_a_file]

# --8<-- [start:turn_by_complex_numbers]
points = torch.tensor([1.0, 2.0], dtype=torch.float64)
angle = torch.tensor(2 * math.pi / 1000, dtype=torch.float64)
for z in (points.cfloat(), points.cdouble()):
    step = torch.polar(torch.ones_like(angle), angle).to(z.dtype)
    turned = z
    for _ in range(1000):  # once around
        turned = turned * step
    error = (turned - points).abs().max()
    print(z.dtype, z.element_size(), "bytes, error below 1e-10:", (error < 1e-10).item())
    assert error < (1e-10 if z.dtype == torch.complex128 else 1e-2)
assert points.cfloat().element_size() == 8 and points.cdouble().element_size() == 16
# --8<-- [end:turn_by_complex_numbers]


# --8<-- [start:like_another]
def hinge(margin: torch.Tensor) -> torch.Tensor:
    """Returns the hinge loss in the dtype and on the device of the margin."""
    inside = (margin < 1).type_as(margin)
    return (inside * (1 - margin)).sum()


for dtype in (torch.float64, torch.bfloat16):
    margin = torch.tensor([0.5, 2.0, -1.0], dtype=dtype)
    print(hinge(margin))
    assert hinge(margin).dtype == dtype and hinge(margin) == 2.5
# --8<-- [end:like_another]


# --8<-- [start:difference_of_pictures]
def difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Subtracts pictures; those without a sign become int16 first."""
    return a - b if a.is_signed() else a.short() - b.short()


before = torch.tensor([10, 200, 30], dtype=torch.uint8)
after = torch.tensor([20, 190, 30], dtype=torch.uint8)
print("plain:", (before - after).tolist(), "widened:", difference(before, after).tolist())
assert difference(before, after).tolist() == [-10, 10, 0]
assert difference(before.double(), after.double()).dtype == torch.float64
# --8<-- [end:difference_of_pictures]


# --8<-- [start:power_of_any_signal]
def power(x: torch.Tensor) -> float:
    """Returns the mean power of a real or complex signal."""
    return ((x * x.conj()).real if x.is_complex() else x * x).mean().item()


time = torch.arange(100, dtype=torch.float64) / 100
real = torch.cos(2 * math.pi * 5 * time)
turning = torch.polar(torch.ones_like(time), 2 * math.pi * 5 * time)
print(f"cosine {power(real):.3f}, complex wave {power(turning):.3f}")
assert math.isclose(power(real), 0.5) and math.isclose(power(turning), 1)
# --8<-- [end:power_of_any_signal]

# --8<-- [start:is_a_matrix_unitary]
k = torch.arange(4, dtype=torch.float64)
dft = torch.polar(torch.full((4, 4), 0.5).double(), -math.pi / 2 * torch.outer(k, k))
eye = torch.eye(4, dtype=torch.complex128)
print("H:", torch.allclose(dft.H @ dft, eye), "T:", torch.allclose(dft.T @ dft, eye))
x = torch.tensor([1.0, 5.0, 2.0, 0.0]).cdouble()
assert torch.allclose(dft @ x, torch.fft.fft(x, norm="ortho"))
assert torch.allclose(dft.H @ (dft @ x), x)
try:
    torch.ones(2, 3, 3).H
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")
# --8<-- [end:is_a_matrix_unitary]

# --8<-- [start:lazy_conjugate]
z = torch.tensor([1 + 2j, 3 - 4j], device="cpu")
lazy = z.conj()
try:
    lazy.numpy()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
solid = torch.resolve_conj(lazy)
print(lazy.is_conj(), solid.is_conj(), solid.numpy())
assert lazy.data_ptr() == z.data_ptr() and solid.data_ptr() != z.data_ptr()
assert (solid.numpy() == z.numpy().conj()).all()
# --8<-- [end:lazy_conjugate]

# --8<-- [start:lazy_minus]
z = torch.tensor([1 + 2j, 3 - 4j], device="cpu")
imaginary = z.conj().imag
print("is_neg:", imaginary.is_neg(), z.imag.is_neg())
try:
    imaginary.numpy()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
solid = torch.resolve_neg(imaginary)
print(solid.numpy(), "is_neg:", solid.is_neg())
assert solid.tolist() == [-2.0, 4.0]
# --8<-- [end:lazy_minus]

# --8<-- [start:truth_of_a_tensor]
counts = torch.tensor([[0, 3], [0, 0]])
print([row.sum().is_nonzero() for row in counts])
assert counts[0, 1].is_nonzero() and not torch.is_nonzero(counts[1, 1])
try:
    counts.is_nonzero()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
assert [bool(row.any()) for row in counts] == [True, False]
# --8<-- [end:truth_of_a_tensor]

# --8<-- [start:pad_rows_in_place]
rows = [torch.tensor([5, 6]), torch.tensor([7, 8, 9]), torch.tensor([4])]
padded = rows[0].new_full((3, 3), -100)
for i, row in enumerate(rows):
    padded[i, : len(row)] = row
print(padded)
assert padded.dtype == torch.int64
by_nn = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
assert torch.equal(padded, by_nn)
# --8<-- [end:pad_rows_in_place]

# --8<-- [start:table_of_results]
x = torch.tensor([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]], dtype=torch.float64)
table = x.new_empty(2, 2)  # same dtype and device, values still to come
torch.mean(x, dim=1, out=table[:, 0])
torch.amax(x, dim=1, out=table[:, 1])
print(table)
assert table.dtype == torch.float64 and table.device == x.device
assert torch.equal(table, torch.tensor([[3.0, 6.0], [4.0, 4.0]]).double())
# --8<-- [end:table_of_results]

# --8<-- [start:column_by_column]
x = torch.arange(6.0, dtype=torch.float64, device="cpu").reshape(2, 3)
columns = x.new_empty_strided((2, 3), (1, 2)).copy_(x)
print(columns.dim_order(), x.dim_order(), columns.untyped_storage().nbytes())
array = columns.numpy()
assert array.flags.f_contiguous and not x.numpy().flags.f_contiguous
assert torch.equal(columns, x) and columns.stride() == (1, 2)
# --8<-- [end:column_by_column]

# --8<-- [start:order_in_memory]
image = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
order = image.dim_order()
names = "NCHW"
print("in memory:", "".join(names[d] for d in order), "strides", image.stride())
assert order == tuple(sorted(range(4), key=lambda d: -image.stride(d)))
one = torch.zeros(2, 1, 4, 5)
try:
    one.dim_order(ambiguity_check=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
# --8<-- [end:order_in_memory]

# --8<-- [start:model_from_one_vector]
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)).double()
sizes = [p.numel() for p in model.parameters()]
flat = torch.arange(sum(sizes), dtype=torch.float64)
with torch.no_grad():
    for p, piece in zip(model.parameters(), flat.split_with_sizes(sizes), strict=True):
        p.copy_(piece.reshape_as(p))
print(sizes, model[1].weight.tolist(), model[1].bias.tolist())
assert torch.equal(torch.nn.utils.parameters_to_vector(model.parameters()), flat)
# --8<-- [end:model_from_one_vector]

# --8<-- [start:write_into_pieces]
x = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64, requires_grad=True)
try:
    (x * 1).split(2)[0].exp_()
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")
left, right = torch.unsafe_split(x * 1, 2)
(left.exp_().sum() + right.sum()).backward()
print([f"{v:.3f}" for v in x.grad.tolist()])
assert torch.allclose(x.grad[:2], x[:2].exp()) and (x.grad[2:] == 1).all()
left, right = torch.unsafe_split(x.exp(), 2)  # exp needs its result once more
(wrong,) = torch.autograd.grad(left.mul_(3).sum(), x)
right = torch.allclose(wrong[:2], 3 * x[:2].exp())
print("gradient of 3 * exp(x) is right:", right)
assert not right and torch.allclose(wrong[:2], 9 * x[:2].exp())
# --8<-- [end:write_into_pieces]

# --8<-- [start:gates_of_an_lstm]
torch.manual_seed(0)
cell = torch.nn.LSTMCell(3, 2, dtype=torch.float64)
x, h, c = (torch.randn(1, n, dtype=torch.float64) for n in (3, 2, 2))
gates = x @ cell.weight_ih.mT + h @ cell.weight_hh.mT + cell.bias_ih + cell.bias_hh
i, f, new, o = gates.unsafe_chunk(4, dim=1)
c1 = f.sigmoid_() * c + i.sigmoid_() * new.tanh_()
h1 = o.sigmoid_() * c1.tanh()
known = cell(x, (h, c))
print([f"{v:.3f}" for v in h1[0].tolist()], [f"{v:.3f}" for v in c1[0].tolist()])
assert torch.allclose(h1, known[0]) and torch.allclose(c1, known[1])
# --8<-- [end:gates_of_an_lstm]

# --8<-- [start:one_buffer_for_all_sizes]
buffer = torch.empty(100, dtype=torch.float64)
place = buffer.data_ptr()
for n in (100, 7, 60):
    x = torch.arange(n, dtype=torch.float64)
    torch.add(x, x, out=buffer.resize_(0))
    same = buffer.data_ptr() == place
    print(tuple(buffer.shape), f"sum {buffer.sum():.0f}", "same memory:", same)
    assert torch.equal(buffer, 2 * x) and same
assert buffer.untyped_storage().nbytes() == 800
# --8<-- [end:one_buffer_for_all_sizes]

# --8<-- [start:buffer_of_the_last_batch]
last = torch.empty(0, dtype=torch.float64)
for batch in (torch.ones(4, 2), torch.full((3, 2), 2.0), torch.full((1, 2), 3.0)):
    last.resize_as_(batch).copy_(batch)
print(last, last.untyped_storage().nbytes(), "bytes kept")
assert last.shape == (1, 2) and last.dtype == torch.float64
assert last.untyped_storage().nbytes() == 4 * 2 * 8
# --8<-- [end:buffer_of_the_last_batch]

# --8<-- [start:windows_over_a_storage]
signal = torch.arange(10.0, 17.0)
windows = torch.empty(0).set_(signal.untyped_storage(), 1, (3, 2), (2, 1))
print(windows)
assert torch.equal(windows, signal[1:7].unfold(0, 2, 2))
signal[3] = 0
assert windows[1, 0] == 0 and windows.storage_offset() == 1
bits = torch.empty(0, dtype=torch.int32).set_(torch.tensor([1.0]).untyped_storage())
print(f"1.0 is {bits.item():032b}")
# --8<-- [end:windows_over_a_storage]

# --8<-- [start:same_view]
weight = torch.zeros(4, 3)
tied = weight.view(4, 3)
row, turned = weight[0], weight.T
for name, other in {"tied": tied, "row": row, "turned": turned}.items():
    print(f"{name:7} same start {other.data_ptr() == weight.data_ptr()},", end=" ")
    print("is_set_to", other.is_set_to(weight))
assert tied.is_set_to(weight) and not weight.clone().is_set_to(weight)
assert weight.view(torch.int32).is_set_to(weight)  # it doesn't look at the dtype
assert not row.is_set_to(weight) and not turned.is_set_to(weight)
# --8<-- [end:same_view]

# --8<-- [start:free_but_keep_the_shape]
shard = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
storage, saved = shard.untyped_storage(), shard.clone()
size = storage.size()
storage.resize_(0)
print(tuple(shard.shape), "with", shard.untyped_storage().nbytes(), "bytes")
storage.resize_(size)
shard.copy_(saved)
print(tuple(shard.shape), "with", shard.untyped_storage().nbytes(), "bytes")
assert torch.equal(shard, saved) and storage.nbytes() == 24
# --8<-- [end:free_but_keep_the_shape]

# --8<-- [start:big_endian]
import struct

packet = struct.pack(">3f", 1.0, -2.5, 1e-3)  # as a network sends it
storage = torch.UntypedStorage.from_buffer(packet, byte_order="big", dtype=torch.float32)
values = torch.empty(0, device="cpu").set_(storage)
print([f"{v:.4g}" for v in values.tolist()])
storage.byteswap(torch.float32)
assert bytes(storage.tolist()) == packet
assert values.view(torch.uint8)[:4].tolist() == [0x3F, 0x80, 0, 0]
# --8<-- [end:big_endian]

# --8<-- [start:file_as_memory]
from pathlib import Path

path = Path("table.bin")
path.write_bytes(struct.pack("<4f", 1, 2, 3, 4))
storage = torch.UntypedStorage.from_file(str(path), shared=True, nbytes=16)
table = torch.empty(0, device="cpu").set_(storage)
table[2] = 30
print(struct.unpack("<4f", path.read_bytes()), Path(storage.filename).name)
assert struct.unpack("<4f", path.read_bytes()) == (1, 2, 30, 4)
assert storage.is_shared() and not storage.resizable()
# --8<-- [end:file_as_memory]

# --8<-- [start:snapshot_of_all_views]
table = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8, device="cpu")
right, storage = table[:, 1], table.untyped_storage()
saved = storage.clone()
storage.fill_(9)
print("filled:", table.tolist(), right.tolist())
storage.copy_(saved)
print("restored:", table.tolist(), right.tolist(), saved.tolist())
assert right.tolist() == [2, 4] and saved.data_ptr() != storage.data_ptr()
# --8<-- [end:snapshot_of_all_views]

# --8<-- [start:share_with_processes]
torch.manual_seed(0)
model = torch.nn.Linear(2, 2, device="cpu")
print("before:", [p.is_shared() for p in model.parameters()])
place = model.weight.data_ptr()
model.share_memory()
print("after:", [p.is_shared() for p in model.parameters()])
counter = torch.zeros(1, device="cpu").share_memory_()
assert counter.is_shared() and counter.untyped_storage().is_shared()
assert model.weight.data_ptr() != place
# --8<-- [end:share_with_processes]

# --8<-- [start:capsule_once]
x = torch.tensor([1.0, 2.0], device="cpu")
capsule = torch.utils.dlpack.to_dlpack(x)
y = torch.from_dlpack(capsule)
y[0] = 10
print(x)
try:
    torch.from_dlpack(capsule)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")
assert x[0] == 10 and torch.from_dlpack(x).data_ptr() == x.data_ptr()
# --8<-- [end:capsule_once]


# --8<-- [start:tensor_with_a_unit]
class Metres(torch.Tensor):
    """A length in metres."""

    def feet(self) -> torch.Tensor:
        """Returns the length in feet, without the class."""
        return self.as_subclass(torch.Tensor) / 0.3048


height = torch.tensor([1.0, 30.48]).as_subclass(Metres)
print(type(height * 2).__name__, (height * 2).feet())
assert isinstance(height[1:], Metres) and type(height.feet()) is torch.Tensor
assert isinstance(height * height, Metres)  # a label, no check of units
assert torch.allclose(height.feet()[1], torch.tensor(100.0))
# --8<-- [end:tensor_with_a_unit]

# --8<-- [start:gradients_in_float32]
grads = {}
for kept in (torch.bfloat16, torch.float32):
    w = torch.tensor(1.0, dtype=torch.bfloat16, requires_grad=True)
    w.grad_dtype = kept
    for _ in range(1000):  # as in gradient accumulation
        (w.float() * 0.001).backward()
    grads[kept] = w.grad
    print(kept, "sum is right to 5 %:", bool(abs(w.grad - 1) < 0.05))
    assert w.grad.dtype == kept
assert abs(grads[torch.float32] - 1) < 1e-2 and grads[torch.bfloat16] < 0.9
# --8<-- [end:gradients_in_float32]


# --8<-- [start:convert_what_is_loaded]
class Grid(torch.Tensor):
    """A weight that lies on multiples of 1/4."""

    def module_load(self, other: torch.Tensor, assign: bool = False) -> torch.Tensor:
        """Rounds what a checkpoint holds."""
        rounded = ((other * 4).round() / 4).as_subclass(Grid)
        return torch.Tensor.module_load(self, rounded, assign)


torch.manual_seed(0)
model = torch.nn.Linear(3, 1, bias=False)
model.weight = torch.nn.Parameter(torch.zeros(1, 3).as_subclass(Grid))
torch.__future__.set_swap_module_params_on_conversion(True)
model.load_state_dict({"weight": torch.tensor([[0.3, -0.9, 1.6]])})
torch.__future__.set_swap_module_params_on_conversion(False)
print(type(model.weight).__name__, model.weight.tolist())
assert model.weight.tolist() == [[0.25, -1.0, 1.5]]
# --8<-- [end:convert_what_is_loaded]

# --8<-- [start:where_is_it]
for x in (torch.zeros(2, device="cpu"), torch.zeros(2, device="meta")):
    number = x.get_device()  # of the accelerator, -1 without one
    print(f"{x.device}: is_cpu {x.is_cpu}, get_device {number}")
    assert x.is_cpu == (x.device.type == "cpu") and number == -1
# --8<-- [end:where_is_it]
