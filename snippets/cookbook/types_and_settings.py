# --8<-- [start:dtype_in_a_file]
import json

import torch

settings = {"dtype": torch.bfloat16, "layout": torch.strided, "lr": 0.1}
types = (torch.dtype, torch.layout, torch.memory_format)
text = json.dumps({k: str(v) if isinstance(v, types) else v for k, v in settings.items()})
print(text)


def parsed(value: object) -> object:
    """Turns a text such as torch.float32 into what it names."""
    known = isinstance(value, str) and value.startswith("torch.")
    found = getattr(torch, value.removeprefix("torch.")) if known else value
    assert not known or isinstance(found, types)
    return found


assert {k: parsed(v) for k, v in json.loads(text).items()} == settings
# --8<-- [end:dtype_in_a_file]


# --8<-- [start:complex_partner]
def spectra(x: torch.Tensor) -> torch.Tensor:
    """Returns the spectrum of each row in a table made beforehand."""
    size = x.shape[1] if torch.is_complex(x) else x.shape[1] // 2 + 1
    table = torch.empty(len(x), size, dtype=x.dtype.to_complex())
    for row, place in zip(x, table, strict=True):
        place.copy_(torch.fft.fft(row)[:size])
    return table


for dtype in (torch.float32, torch.float64, torch.complex128):
    x = torch.tensor([[1.0, 0.0, -1.0, 0.0]], dtype=dtype)
    power = spectra(x).abs().square() / 4
    print(dtype, "->", spectra(x).dtype, power.dtype, [f"{v:.1f}" for v in power[0].tolist()])
    assert power.dtype == x.dtype.to_real()
assert torch.bfloat16.to_complex() == torch.complex64
# --8<-- [end:complex_partner]


# --8<-- [start:lowest_value]
def lowest(dtype: torch.dtype) -> float:
    """Returns a value that no maximum chooses."""
    if dtype.is_floating_point:
        return -torch.inf
    return -(2 ** (torch.iinfo(dtype).bits - 1)) if dtype.is_signed else 0


keep = torch.tensor([True, False, True])
for dtype in (torch.float16, torch.int8, torch.int64, torch.uint8):
    x = torch.tensor([3, 100, 7], dtype=dtype)
    largest = x.masked_fill(~keep, lowest(dtype)).max()
    print(f"{dtype!s:14} lowest {lowest(dtype)}, largest kept {largest.item():g}")
    assert largest == 7
    assert dtype.is_floating_point or lowest(dtype) == torch.iinfo(dtype).min
# --8<-- [end:lowest_value]

# --8<-- [start:digits_to_print]
import math

third = {}
for dtype in (torch.float64, torch.float32, torch.bfloat16):
    info = torch.finfo(dtype)
    digits = round(-math.log10(info.resolution))
    third[dtype] = f"{torch.tensor(1 / 3, dtype=dtype).item():.{digits}f}"
    print(f"{info.dtype:9} {digits:2} digits: {third[dtype]}")
    assert third[dtype] == f"{1 / 3:.{digits}f}"
assert len(third[torch.float32]) == 2 + 6
# --8<-- [end:digits_to_print]

# --8<-- [start:denormal_numbers]
tiny = torch.finfo(torch.float32).smallest_normal
x = torch.tensor([tiny, tiny / 1024], device="cpu")
halves = [(x * 0.5 > 0).tolist()]
supported = torch.set_flush_denormal(True)
halves.append((x * 0.5 > 0).tolist())
torch.set_flush_denormal(False)
print(f"smallest normal {tiny:.3g}")
print("half of it and of 1/1024 of it is above 0:", halves[0], "flushed:", halves[1])
assert supported and halves == [[True, True], [False, False]] and tiny == 2.0**-126
# --8<-- [end:denormal_numbers]

# --8<-- [start:dtype_of_a_result]
count, scale = torch.tensor([1, 2, 3], dtype=torch.int16), 0.5
print(torch.result_type(count, 2), torch.result_type(count, scale))
out = torch.empty(3, dtype=torch.result_type(count, scale))
torch.mul(count, scale, out=out)
assert out.tolist() == [0.5, 1.0, 1.5] and out.dtype == (count * scale).dtype
print("float to int16:", torch.can_cast(out.dtype, count.dtype))
try:
    torch.mul(count, scale, out=count)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
assert torch.can_cast(torch.int64, torch.float16)
# --8<-- [end:dtype_of_a_result]


# --8<-- [start:any_input]
def total(values: object) -> float:
    """Adds up numbers in tensors, lists and dicts."""
    if torch.is_tensor(values):
        return values.sum().item()
    if isinstance(values, dict | list | tuple):
        parts = values.values() if isinstance(values, dict) else values
        return sum(total(v) for v in parts)
    if isinstance(values, int | float):
        return values
    raise TypeError(f"expected tensors and numbers, got {torch.typename(values)}")


print(total({"loss": torch.tensor([1.0, 2.0]), "steps": [3, (4, torch.ones(2, 2))]}))
assert total([torch.arange(4), 1]) == 7
for wrong in (torch.ones(1).untyped_storage(), torch.nn.ReLU()):
    try:
        total([wrong])
    except TypeError as error:
        print(error, "- a storage:", torch.is_storage(wrong))
# --8<-- [end:any_input]

# --8<-- [start:shape_arithmetic]
batch, image = torch.Size([8, 2]), torch.Size([3, 4, 5])
shape = batch + image
print(shape, shape.numel(), type(shape[:2]).__name__)
x = torch.zeros(batch.numel(), *image).view(shape)
assert x.shape == (8, 2, 3, 4, 5) and isinstance(x.shape, tuple)
flat = x.reshape(*shape[:2], shape[2:].numel())
print(flat.shape, {batch: "batch"}[flat.shape[:2]])
# --8<-- [end:shape_arithmetic]

# --8<-- [start:seed_you_did_not_choose]
g = torch.Generator(device="cpu")
chosen = g.seed()  # from the system
lucky = torch.rand(3, generator=g, device="cpu")
again = torch.Generator(device="cpu").manual_seed(g.initial_seed())
same = torch.equal(torch.rand(3, generator=again, device="cpu"), lucky)
unseeded = {torch.Generator(device="cpu").initial_seed() for _ in range(3)}
assert len(unseeded) == 1  # the same number each time
print("repeated from initial_seed:", same, "seed returned it:", chosen == g.initial_seed())
assert same and chosen == g.initial_seed() and g.seed() != chosen

torch.manual_seed(0)
fixed = torch.initial_seed()
fresh = torch.seed()  # the same for the global generator
a = torch.rand(3, device="cpu")
torch.manual_seed(torch.initial_seed())
print("before:", fixed, "repeated:", torch.equal(torch.rand(3, device="cpu"), a))
assert fresh == torch.initial_seed() != fixed
torch.manual_seed(fixed)
assert torch.initial_seed() == fixed
# --8<-- [end:seed_you_did_not_choose]

# --8<-- [start:look_ahead]
g = torch.Generator(device="cpu").manual_seed(0)
torch.rand(5, generator=g, device="cpu")
preview = torch.randint(10, (6,), generator=g.clone_state(), device="cpu")
actual = torch.randint(10, (6,), generator=g, device="cpu")
print(preview.tolist(), actual.tolist())
assert torch.equal(preview, actual)
assert not torch.equal(torch.randint(10, (6,), generator=g, device="cpu"), actual)
# --8<-- [end:look_ahead]


# --8<-- [start:generator_device]
def noisy(x: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Adds noise that is drawn where the generator lives."""
    return x + torch.randn(x.shape, generator=g, device=g.device).to(x.device)


g = torch.Generator(device="cpu").manual_seed(0)
print(g.device, noisy(torch.zeros(3), g))
g.manual_seed(0)
alone = torch.randn(3, generator=g, device="cpu")
assert torch.equal(noisy(torch.zeros(3), g.manual_seed(0)).cpu(), alone)
# --8<-- [end:generator_device]

# --8<-- [start:lend_threads]
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Lets operators use so many threads inside a with."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


start = torch.get_num_threads()
with threads(3):
    inside = torch.get_num_threads()
    total_of_many = torch.ones(100_000, dtype=torch.float64).sum().item()
print("inside:", inside, "as before:", torch.get_num_threads() == start)
assert inside == 3 and total_of_many == 100_000
# --8<-- [end:lend_threads]


# --8<-- [start:function_in_double]
@contextmanager
def computing_in(dtype: torch.dtype) -> Iterator[None]:
    """Makes dtype the default inside a with."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def hilbert_error(n: int) -> float:
    """Solves a system with an almost singular matrix; the answer is ones."""
    i = torch.arange(1, n + 1)
    matrix = 1 / torch.tensor([[float(a + b - 1) for a in i] for b in i])
    return (torch.linalg.solve(matrix, matrix.sum(1)) - 1).abs().max().item()


single = hilbert_error(6)
with computing_in(torch.float64):
    double = hilbert_error(6)
    assert torch.tensor(1.0).dtype == torch.get_default_dtype() == torch.float64
print(f"float32 off by more than 1e-5: {single > 1e-5}, float64: {double > 1e-5}")
assert single > 1e-5 > 1e-8 > double and torch.get_default_dtype() == torch.float32
# --8<-- [end:function_in_double]

# --8<-- [start:size_of_a_model]
device = torch.get_default_device()
torch.set_default_device("meta")
torch.manual_seed(0)
model = torch.nn.TransformerEncoderLayer(8192, 64, 32_768)
print(torch.get_default_device(), model.linear1.weight.device)
torch.set_default_device(None)
size = sum(p.nbytes for p in model.parameters())
allocated = sum(p.nbytes for p in model.parameters() if not p.is_meta)
print(f"{size / 2**30:.2f} GiB, of which allocated: {allocated}")
assert size == 4 * (4 * 8192**2 + 2 * 8192 * 32_768 + 9 * 8192 + 32_768) and allocated == 0
assert torch.get_default_device() == device
# --8<-- [end:size_of_a_model]


# --8<-- [start:module_of_a_device]
def wait_for(x: torch.Tensor) -> str:
    """Waits until the tensor's device has computed it; returns the module's name."""
    module = torch.get_device_module(x.device)
    module.synchronize()
    return module.__name__


print(wait_for(torch.ones(2, device="cpu")), torch.get_device_module("cpu").device_count())
assert torch.get_device_module("cpu") is torch.cpu
try:
    torch.get_device_module("cup")
except RuntimeError as error:
    print(f"{type(error).__name__}: Expected one of ...{str(error).rsplit('device type')[1]}")
# --8<-- [end:module_of_a_device]


# --8<-- [start:never_written]
def pairs(n: int) -> torch.Tensor:
    """Fills the upper triangle and forgets the diagonal."""
    table = torch.empty(n, n)
    for i in range(n):
        for j in range(i + 1, n):
            table[i, j] = table[j, i] = i + j
    return table


torch.set_deterministic_debug_mode("error")
table, whole = pairs(3), torch.empty(2, dtype=torch.int16)
mode = torch.get_deterministic_debug_mode()
torch.set_deterministic_debug_mode("default")
print(table)
assert mode == 2 and table.isnan().nonzero().tolist() == [[0, 0], [1, 1], [2, 2]]
assert whole.tolist() == [32_767, 32_767]
# --8<-- [end:never_written]

# --8<-- [start:operator_without_order]
import warnings


def count_twice() -> torch.Tensor:
    """Writes two values to one place."""
    return torch.zeros(3).put_(torch.tensor([1, 1]), torch.tensor([5.0, 6.0]))


for mode in ("warn", "error"):
    torch.set_deterministic_debug_mode(mode)
    only_warn = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            count_twice()
        told = [str(w.message) for w in caught]
    except RuntimeError as error:
        told = [str(error)]
    finally:
        torch.set_deterministic_debug_mode("default")
    print(f"{mode}, warns only: {only_warn}: {told[0].split(', but')[0]}")
    assert only_warn == (mode == "warn") and len(told) == 1
assert torch.get_deterministic_debug_mode() == 0
# --8<-- [end:operator_without_order]

# --8<-- [start:warning_only_once]
shown = {}
for always in (False, True):
    torch.set_warn_always(always)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            torch.zeros(2, dtype=torch.complex32, device="cpu")
    shown[torch.is_warn_always_enabled()] = len(caught)
torch.set_warn_always(False)
print(str(caught[0].message).split(" and ")[0], shown)
assert shown[False] <= 1 and shown[True] == 3
# --8<-- [end:warning_only_once]

# --8<-- [start:precision_of_products]
g = torch.Generator().manual_seed(0)
a = torch.rand(64, 64, generator=g)
exact = a.double() @ a.double()
before = torch.get_float32_matmul_precision()
for precision in ("highest", "high"):
    torch.set_float32_matmul_precision(precision)
    error = ((a @ a - exact).abs().max() / exact.max()).item()
    print(f"{torch.get_float32_matmul_precision()}: off by less than 1 %: {error < 0.01}")
    assert error < (1e-5 if precision == "highest" else 1e-2)
torch.set_float32_matmul_precision(before)
# --8<-- [end:precision_of_products]


# --8<-- [start:follow_autocast]
def gate(x: torch.Tensor) -> torch.Tensor:
    """Multiplies in the dtype that a matrix product would use."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    return x * torch.sigmoid(x)


x = torch.ones(2, 2, device="cpu")
plain = gate(x).dtype
with torch.autocast("cpu"):
    mixed, product = gate(x).dtype, (x @ x).dtype
with torch.autocast("cpu", dtype=torch.float16):
    half = gate(x).dtype
print(plain, mixed, half)
assert mixed == product == torch.bfloat16 and half == torch.float16
# --8<-- [end:follow_autocast]


# --8<-- [start:scale_after_overflow]
def scales(scaler: torch.GradScaler, overflows: list[bool]) -> list[float]:
    """Trains a weight; an overflow makes the gradient infinite."""
    weight = torch.ones(1, requires_grad=True, device="cpu")
    optimizer = torch.optim.SGD([weight], lr=0.1)
    seen = []
    for overflow in overflows:
        optimizer.zero_grad()
        scaler.scale(weight.sum() * (torch.inf if overflow else 1)).backward()
        scaler.step(optimizer)  # not after an overflow
        scaler.update()
        seen.append(scaler.get_scale())
    return [*seen, round(weight.item(), 1)]


scaler = torch.GradScaler("cpu", init_scale=1024.0)
scaler.set_backoff_factor(0.25)
scaler.set_growth_factor(4.0)
scaler.set_growth_interval(2)
print(scales(scaler, [False, True, False, False]))
assert scaler.get_backoff_factor() * scaler.get_growth_factor() == 1
assert scales(scaler, [True, False, False]) == [256.0, 256.0, 1024.0, 0.8]
# --8<-- [end:scale_after_overflow]

# --8<-- [start:resume_the_scale]
scaler = torch.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
scales(scaler, [True, False, False])
saved = scaler.state_dict()
print({k: v for k, v in saved.items() if "factor" not in k})
resumed = torch.GradScaler("cpu")
resumed.load_state_dict(saved)
assert scales(resumed, [False]) == scales(scaler, [False]) == [1024.0, 0.9]
off = torch.GradScaler("cpu", enabled=False)
print("interval", resumed.get_growth_interval(), "enabled", off.is_enabled(), off.state_dict())
assert resumed.is_enabled() and resumed.get_growth_interval() == 3
# --8<-- [end:resume_the_scale]


# --8<-- [start:no_gradient_here]
def sensitivity(x: torch.Tensor) -> torch.Tensor:
    """Returns the gradient of sin(x); says why if it can't."""
    if torch.is_inference_mode_enabled():
        raise RuntimeError("sensitivity needs gradients: call it outside inference_mode")
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(x.sin().sum(), x)[0]


x = torch.tensor([0.0, 1.0])
with torch.no_grad():
    print(sensitivity(x))
    assert torch.allclose(sensitivity(x), x.cos())
try:
    with torch.inference_mode():
        sensitivity(x)
except RuntimeError as error:
    print(error)
# --8<-- [end:no_gradient_here]


# --8<-- [start:out_of_memory]
def step(batch: torch.Tensor) -> float:
    """Stands for a training step on a device with little room."""
    if len(batch) > room:
        raise torch.OutOfMemoryError(f"no room for {len(batch)} rows")
    return batch.sum().item()


def train(batch: torch.Tensor) -> float:
    """Halves the batch until its pieces fit."""
    try:
        return step(batch)
    except torch.OutOfMemoryError as error:
        print(error)
        if len(batch) == 1:
            raise
    return sum(train(half) for half in batch.tensor_split(2))


room = 5
assert train(torch.arange(16.0)) == 120 and issubclass(torch.OutOfMemoryError, RuntimeError)
room = 0
try:
    train(torch.ones(2))
except torch.OutOfMemoryError:
    print("given up")
# --8<-- [end:out_of_memory]

# --8<-- [start:operators_that_draw]
aten = torch.ops.aten
operators = [aten.rand.default, aten.add.Tensor, aten.dropout.default, aten.nonzero.default, aten.relu.default]
for tag in (torch.Tag.nondeterministic_seeded, torch.Tag.dynamic_output_shape, torch.Tag.pointwise):
    having = [op.name() for op in operators if tag in op.tags]
    print(f"{tag.name}: {having}")
assert torch.Tag.nondeterministic_seeded in aten.multinomial.default.tags
assert torch.Tag.pointwise not in aten.matmul.default.tags
# --8<-- [end:operators_that_draw]

# --8<-- [start:dropout_for_selu]
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(200_000, dtype=torch.float64)
for name, y in {
    "dropout": F.dropout(x, 0.2),
    "alpha_dropout": F.alpha_dropout(x, 0.2, training=True),
}.items():
    print(f"{name:13} deviation {y.std():.2f}, zeros {(y == 0).double().mean():.2f}")
assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02 and not (y == 0).any()
assert torch.equal(F.alpha_dropout(x, 0.2), x)  # training=False is the default
# --8<-- [end:dropout_for_selu]

# --8<-- [start:drop_whole_channels]
torch.manual_seed(0)
images = torch.randn(2000, 4, 3, 3, dtype=torch.float64)
y = F.feature_alpha_dropout(images, 0.3, training=True)
gone = y.flatten(2).std(dim=2) < 1e-9  # (2000, 4): all nine pixels are equal
print(f"channels dropped {gone.double().mean():.2f}, their value {y[gone].mean():.2f}")
assert abs(gone.double().mean() - 0.3) < 0.03 and y[gone].std() < 1e-9
assert abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05
# --8<-- [end:drop_whole_channels]

# --8<-- [start:split_into_buffers]
flat = torch.arange(5.0)
weight, bias = torch.zeros(3), torch.zeros(2)
torch.split_with_sizes_copy(flat, [3, 2], out=[weight, bias])
flat.zero_()
print(weight, bias)
assert weight.tolist() == [0, 1, 2] and bias.tolist() == [3, 4]
pieces = torch.split_with_sizes_copy(weight, [1, 2])
assert pieces[1].tolist() == [1, 2] and pieces[1].data_ptr() != weight[1:].data_ptr()
# --8<-- [end:split_into_buffers]

# --8<-- [start:windows_of_their_own]
x = torch.tensor([1.0, 3.0, 8.0, 4.0, 4.0, 7.0], dtype=torch.float64)
windows = torch.unfold_copy(x, 0, 3, 1)
windows -= windows.mean(dim=1, keepdim=True)  # each window by itself
print([[f"{v:.2f}" for v in row] for row in windows.tolist()])
assert torch.allclose(windows.sum(1), torch.zeros(4, dtype=torch.float64)) and x[0] == 1
view = x.clone().unfold(0, 3, 1)
view[0] -= 1
print("window 1 of the view:", view[1].tolist())
assert view[1].tolist() == [2, 7, 4] and x[1:4].tolist() == [3, 8, 4]
bad = x.to("cpu", copy=True)
bad.unfold(0, 3, 1).sub_(1)
assert not torch.equal(bad, x.cpu() - 1)
# --8<-- [end:windows_of_their_own]

# --8<-- [start:copy_instead_of_view]
log = torch.tensor([5.0, 4.0, 3.0, 2.0], device="cpu")
recent = torch.slice_copy(log, 0, 2, 4)
bits = torch.view_copy(log[:1], torch.int32)
log.zero_()
print(recent, f"{bits.item():032b}")
assert recent.tolist() == [3, 2] and bits.item() == 0x40A00000
assert recent.untyped_storage().nbytes() == 8
# --8<-- [end:copy_instead_of_view]

# --8<-- [start:three_largest_of_any_length]
from torch.fx.experimental.proxy_tensor import make_fx


def best(x: torch.Tensor) -> torch.Tensor:
    """Returns up to three of the largest, divided by the length."""
    return x.topk(torch.sym_min(x.shape[0], 3)).values / torch.sym_float(x.shape[0])


def best_of_python(x: torch.Tensor) -> torch.Tensor:
    """Does the same with min, which decides while it is traced."""
    return x.topk(min(x.shape[0], 3)).values / x.shape[0]


example = torch.arange(5.0)
graph = make_fx(best, tracing_mode="symbolic")(example)
print("sym_min:", graph(torch.arange(2.0)), graph(torch.arange(10.0)))
assert torch.equal(graph(torch.arange(2.0)), best_of_python(torch.arange(2.0)))
try:
    make_fx(best_of_python, tracing_mode="symbolic")(example)(torch.arange(2.0))
except RuntimeError as error:
    print(f"min: {type(error).__name__}: {str(error).splitlines()[0]}")
# --8<-- [end:three_largest_of_any_length]


# --8<-- [start:join_of_any_lengths]
def joined(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Stacks two rows with padding; returns their common mean as well."""
    lengths = [a.shape[0], b.shape[0]]
    symbolic.append(isinstance(lengths[0], torch.SymInt))
    longest = torch.sym_max(*lengths)
    rows = torch.stack([F.pad(v, (0, longest - v.shape[0])) for v in (a, b)])
    return rows, rows.sum() / torch.sym_float(torch.sym_sum(lengths))


symbolic: list[bool] = []
graph = make_fx(joined, tracing_mode="symbolic")(torch.ones(3), torch.ones(5))
rows, mean = graph(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([6.0]))
print(rows, f"mean {mean:.1f}, lengths were symbols: {symbolic}")
assert rows.shape == (2, 4) and torch.isclose(mean, torch.tensor(16 / 5))
# --8<-- [end:join_of_any_lengths]


# --8<-- [start:decide_by_length]
def summary(x: torch.Tensor) -> torch.Tensor:
    """Averages the two largest of the first half, in short rows the largest only."""
    half = torch.sym_int(x.shape[0] / 2)
    count = torch.sym_ite(torch.sym_not(half > 2), 1, 2)
    return x[:half].topk(count).values.mean()


graph = make_fx(summary, tracing_mode="symbolic")(torch.arange(8.0))
means = {n: graph(torch.arange(1.0, n + 1)).item() for n in (2, 4, 9, 10)}
print(means)
assert means == {2: 1.0, 4: 2.0, 9: 3.5, 10: 4.5}
# --8<-- [end:decide_by_length]


# --8<-- [start:branch_in_a_graph]
def plain(x: torch.Tensor) -> torch.Tensor:
    """Chooses by the values, in Python."""
    return x.log1p() if x.sum() > 0 else -x


def kept(x: torch.Tensor) -> torch.Tensor:
    """Chooses by the values, in the graph."""
    return torch.cond(x.sum() > 0, lambda x: x.log1p(), lambda x: -x, (x,))


x = torch.tensor([1.0, 3.0])
graph = make_fx(kept)(x)
print(graph(x), graph(-x))
assert torch.allclose(graph(x), plain(x)) and torch.equal(graph(-x), plain(-x))
try:
    make_fx(plain)(x)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' with ')[0]}")
# --8<-- [end:branch_in_a_graph]


# --8<-- [start:loop_in_a_graph]
def steps_to_root(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the square root by Newton's method, and how many steps it took."""
    return torch.while_loop(
        lambda root, n: (root * root - x).abs() > 1e-9 * x,
        lambda root, n: ((root + x / root) / 2, n + 1),
        (torch.ones_like(x), torch.tensor(0)),
    )


for value in (2.0, 1e6):
    root, n = steps_to_root(torch.tensor(value, dtype=torch.float64))
    print(f"{root:.4f} after {n} steps")
    assert abs(root - math.sqrt(value)) < 1e-6 and n > 3
# --8<-- [end:loop_in_a_graph]
