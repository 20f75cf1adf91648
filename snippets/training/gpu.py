# --8<-- [start:current_accelerator]
import torch

accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
assert torch.accelerator.is_available() == (accelerator is not None)
assert torch.accelerator.is_available() == (torch.accelerator.device_count() > 0)
print("this page ran on:", device.type)
# --8<-- [end:current_accelerator]

# --8<-- [start:device_objects]
first, second = torch.device("cuda", 0), torch.device("cuda:1")
print(first.type, first.index, "|", second.type, second.index)
print(torch.device("cuda").index, torch.device("cuda") == first)
# --8<-- [end:device_objects]


# --8<-- [start:choose_device]
def choose_device(name=None):
    """The named device if it works; without a name the accelerator, or the CPU."""
    if name is None:
        found = torch.accelerator.current_accelerator(check_available=True)
        return found or torch.device("cpu")
    torch.zeros(1, device=name)  # a wrong name fails here, not after an hour
    return torch.device(name)


assert choose_device() == device
print(choose_device("cpu"))
choose_device("gpu")
# --8<-- [end:choose_device]

# --8<-- [start:name_the_gpu]
index = torch.accelerator.current_device_index()
free, total = torch.accelerator.get_memory_info(index)
print(torch.accelerator.device_count(), "device(s), in use: number", index)
print(torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index))
print(f"{total / 2**30:.0f} GiB of memory, {free / total:.0%} free")
assert 0 < free <= total
# --8<-- [end:name_the_gpu]

# --8<-- [start:move_tensor]
x = torch.arange(6.0).view(2, 3)
moved = x.to(device)
print("on", moved.device.type)
print("moved again, the same object:", moved.to(device) is moved)
small = x.to(device, torch.float16)  # device and dtype in one call
print(small.cpu())
assert torch.equal(moved.cpu(), x)
# --8<-- [end:move_tensor]

# --8<-- [start:create_on_device]
made = [
    torch.zeros(3, device=device),
    torch.zeros_like(moved),
    moved.new_ones(2),
]
with torch.device(device):  # the default inside this block
    made.append(torch.eye(2))
print([tuple(t.shape) for t in made])
assert all(t.device.type == device.type for t in made)
# --8<-- [end:create_on_device]

# --8<-- [start:move_module]
from torch import nn


class Standardise(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("mean", torch.zeros(2))
        self.std = torch.ones(2)  # neither a parameter nor a buffer


torch.manual_seed(0)
net = Standardise()
print("to() returns the module itself:", net.to("meta") is net)
print({name: t.device.type for name, t in net.state_dict().items()})
print("std moved along:", net.std.device.type == "meta")
# --8<-- [end:move_module]

# --8<-- [start:device_mismatch]
there, here = torch.ones(3, 3, device=device), torch.ones(3, 3)
two = torch.tensor(2.0)
print("a number may come from the CPU:", (there * two).sum())
try:
    there + here
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).splitlines()[0])
# --8<-- [end:device_mismatch]


# --8<-- [start:move_batch]
from collections import namedtuple


def to_device(batch, device):
    """The batch with all its tensors on the device, also inside lists and dicts."""
    if hasattr(batch, "to"):  # tensors, packed sequences, your own classes
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if hasattr(batch, "_fields"):  # a namedtuple takes its fields one by one
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


Pair = namedtuple("Pair", "x y")
a, b = torch.zeros(2), torch.ones(1)
batch = to_device({"pair": Pair(a, [b]), "id": "a7"}, "meta")
print(batch["pair"].x.device, batch["pair"].y[0].device, batch["id"])
# --8<-- [end:move_batch]

# --8<-- [start:back_to_numpy]
y = torch.tensor([1.0, 2.5], device=device, requires_grad=True) * 2
array = y.detach().cpu().numpy()
print(array, y.sum().item(), y.tolist())
# --8<-- [end:back_to_numpy]

# --8<-- [start:load_anywhere]
torch.manual_seed(0)
net = nn.Linear(2, 1).to(device)
torch.save(net.state_dict(), "net.pt")
state = torch.load("net.pt", map_location="cpu", weights_only=True)
print({name: (tuple(t.shape), t.device) for name, t in state.items()})
fresh = nn.Linear(2, 1).to(device)
fresh.load_state_dict(state)  # copies into the parameters, wherever they are
assert torch.equal(fresh.weight, net.weight)
# --8<-- [end:load_anywhere]

# --8<-- [start:queue_on_cpu]
import threading
from concurrent.futures import ThreadPoolExecutor

gate = threading.Event()


def kernel():
    gate.wait()  # the work takes until the gate opens
    return 42


with ThreadPoolExecutor(1) as queue:
    promise = queue.submit(kernel)  # returns at once
    print("ordered, done:", promise.done())
    gate.set()
    print("result:", promise.result(), " done:", promise.done())  # result waits
# --8<-- [end:queue_on_cpu]

# --8<-- [start:timeline]
import matplotlib.pyplot as plt

order, run = 1.0, 4.0  # milliseconds to order a kernel, and to run it
asked = [k * order for k in range(4)]
runs, done = [], 0.0
for moment in asked:
    begin = max(moment + order, done)
    done = begin + run
    runs.append((begin, 0.94 * run))
fig, ax = plt.subplots(figsize=(6.4, 2.5), layout="constrained")
orders = [(moment, 0.8 * order) for moment in asked]
ax.broken_barh(orders, (1.1, 0.6), color="#2f6fdb")
ax.broken_barh(runs, (0.1, 0.6), color="#2a9d8f")
red = "#e4572e"
for moment, side, label in [(4 * order, "left", "without"), (done, "right", "with")]:
    ax.axvline(moment, color=red, linestyle="--")
    ax.text(moment, 2.1, f"  {label} synchronize  ", color=red, ha=side, va="center")
ax.set(xlabel="milliseconds", ylim=(0, 2.4), xlim=(-0.5, done + 0.5))
ax.set_xticks([0, 4, 8, 12, 17])
ax.set_yticks([0.4, 1.4], ["GPU works", "CPU orders"])
plt.show()
print(f"ordered after {4 * order:.0f} ms, done after {done:.0f} ms")
# --8<-- [end:timeline]


# --8<-- [start:synchronize]
import time


def synchronize():
    """Wait until the accelerator has done all its work; a CPU is never behind."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def seconds(work, repeats=5):
    """Median seconds of work(), measured when the work is done."""
    work()  # warm up: memory, kernels, caches
    times = []
    for _ in range(repeats):
        synchronize()
        began = time.perf_counter()
        work()
        synchronize()
        times.append(time.perf_counter() - began)
    return sorted(times)[repeats // 2]


a = torch.ones(256, 256, device=device)
one = seconds(lambda: a @ a)
many = seconds(lambda: [a @ a for _ in range(100)])
print("100 products take more than twice as long as one:", many > 2 * one)
assert many > 2 * one
# --8<-- [end:synchronize]

# --8<-- [start:forgot_synchronize]
torch.manual_seed(0)
a = torch.randn(8192, 8192, device=device)
right = seconds(lambda: a @ a)
synchronize()
began = time.perf_counter()
a @ a
wrong = time.perf_counter() - began  # the product has only been ordered
print(f"without synchronize, the clock sees {wrong / right:.1%} of the time")
assert wrong < right / 5
# --8<-- [end:forgot_synchronize]

# --8<-- [start:event_timing]
start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
start.record()
a @ a
end.record()
end.synchronize()  # waits for this event only
on_device = start.elapsed_time(end) / 1000  # elapsed_time gives milliseconds
print(f"by events {on_device:.4f} s, by the clock {right:.4f} s")
assert 0.5 < on_device / right < 2
# --8<-- [end:event_timing]

# --8<-- [start:benchmark_timer]
from torch.utils.benchmark import Timer

found = {}
for n in (16, 1024):
    square = torch.ones(n, n)
    timer = Timer("square @ square", globals={"square": square})
    found[n] = timer.timeit(5)
print("threads:", found[16].num_threads, " runs:", found[16].number_per_run)
assert found[1024].median > 10 * found[16].median
# --8<-- [end:benchmark_timer]

# --8<-- [start:hidden_wait]
torch.manual_seed(0)
losses = torch.rand(1000).to(device)

total = 0.0
for loss in losses:
    total += loss.item()  # waits for the device, 1000 times

kept = torch.zeros((), device=device)
for loss in losses:
    kept += loss.detach()  # only orders one more addition
print(f"{total:.2f} {kept.item():.2f}")  # waits once
assert abs(total - kept.item()) < 1e-2
# --8<-- [end:hidden_wait]

# --8<-- [start:matmul_by_size]
sizes = [2**n for n in range(5, 13)]
fig, ax = plt.subplots(figsize=(5.4, 3.2), layout="constrained")
product = {}
for place, color in {"cpu": "#7a8599", device.type: "#2f6fdb"}.items():
    squares = [torch.ones(n, n, device=place) for n in sizes]
    product[place] = [seconds(lambda a=a: a @ a, repeats=3) for a in squares]
    ax.loglog(sizes, product[place], "o-", color=color, label=f"on {place}")
ax.set(xlabel="rows and columns", ylabel="seconds for a product")
ax.legend(frameon=False)
plt.show()
gains = [a / b for a, b in zip(*product.values(), strict=True)]
for n, gain in zip(sizes[::2], gains[::2], strict=True):
    print(f"{n:5} rows: {gain:.1f} times as fast as the CPU")
assert gains[-1] > 10 * gains[0]
# --8<-- [end:matmul_by_size]

# --8<-- [start:epoch_by_batch]
torch.manual_seed(0)
pictures, classes = torch.rand(4096, 1, 28, 28), torch.randint(10, (4096,))


def small_cnn():
    layers = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(3872, 10))


def epoch(net, place, size):
    """One pass over the pictures, in batches, with a step after each."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for x, target in zip(pictures.split(size), classes.split(size), strict=True):
        loss = nn.functional.cross_entropy(net(x.to(place)), target.to(place))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


rows = {}
for size in (16, 64, 256, 1024):
    for place in ("cpu", device.type):
        net = small_cnn().to(place)
        once = seconds(lambda: epoch(net, place, size), repeats=3)
        rows.setdefault(size, {})[place] = once
for size, row in rows.items():
    told = ", ".join(f"{place} {once:.3f} s" for place, once in row.items())
    print(f"batches of {size:4}: {told}")
assert rows[1024][device.type] < rows[16][device.type]
# --8<-- [end:epoch_by_batch]

# --8<-- [start:digits_data]
from sklearn.datasets import load_digits


def digits():
    """1,797 handwritten digits: pixels (N, 64) from 0 to 1, and labels (N,)."""
    data, target = load_digits(return_X_y=True)
    return torch.from_numpy(data).float() / 16, torch.from_numpy(target)


X, y = digits()
print(X.shape, X.dtype, y[:10])
# --8<-- [end:digits_data]

# --8<-- [start:pin_memory]
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
pin = torch.accelerator.is_available()
order = torch.Generator().manual_seed(0)
options = {"shuffle": True, "generator": order, "pin_memory": pin}
train_loader = DataLoader(TensorDataset(X[:1280], y[:1280]), 64, **options)
test_loader = DataLoader(TensorDataset(X[1280:], y[1280:]), 256, pin_memory=pin)
x, target = next(iter(train_loader))
assert x.is_pinned() == pin and not X.is_pinned()
x = x.to(device, non_blocking=True)
print(tuple(x.shape), tuple(target.shape))
# --8<-- [end:pin_memory]

# --8<-- [start:pin_memory_warning]
import warnings

torch.manual_seed(0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    batches = list(DataLoader(X, 599, pin_memory=True))
print([len(batch) for batch in batches])
told = " ".join(str(warning.message) for warning in caught)
assert ("no accelerator is found" in told) == (not torch.accelerator.is_available())
try:
    possible = X.pin_memory().is_pinned()
except RuntimeError:
    possible = False
assert possible == torch.accelerator.is_available()
# --8<-- [end:pin_memory_warning]

# --8<-- [start:pinned_copy]
pageable = torch.ones(64 * 2**20)  # 256 MiB
pinned = pageable.pin_memory()
slow = seconds(lambda: pageable.to(device))
fast = seconds(lambda: pinned.to(device))
synchronize()
began = time.perf_counter()
copy = pinned.to(device, non_blocking=True)
ordered = time.perf_counter() - began
synchronize()  # before anyone writes to pinned
print(f"pinned is {slow / fast:.1f} times as fast")
print(f"ordering the copy took {ordered / fast:.1%} of its time")
assert fast < slow and ordered < fast / 2
# --8<-- [end:pinned_copy]


# --8<-- [start:new_net]
def new_net():
    """64-64-10, always with the same weights, drawn on the CPU with a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


print(new_net())
# --8<-- [end:new_net]

# --8<-- [start:train_on_device]
import torch.nn.functional as F


def train(device, epochs=8):
    """Train a new net on the device; the net, and the mean loss of each epoch."""
    net = new_net().to(device)  # first move, then make the optimizer
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    history = []
    for _ in range(epochs):
        total = torch.zeros((), device=device)
        for x, y in train_loader:
            x, y = to_device((x, y), device)
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
        samples = len(train_loader.dataset)
        history.append(total.item() / samples)  # one wait an epoch
    return net, history


torch.manual_seed(0)
net, history = train(device)
print("loss:", [f"{loss:.2f}" for loss in history])
assert history[-1] < 0.2
# --8<-- [end:train_on_device]


# --8<-- [start:evaluate]
@torch.inference_mode()
def accuracy(net, device):
    """Share of right answers on the test digits."""
    net.eval()
    right = torch.zeros((), dtype=torch.int64, device=device)
    for x, y in test_loader:
        x, y = to_device((x, y), device)
        right += (net(x).argmax(1) == y).sum()
    return right.item() / len(test_loader.dataset)


torch.manual_seed(0)
untrained = accuracy(new_net().to(device), device)
trained = accuracy(net, device)
print(f"untrained {untrained:.1f}  trained {trained:.1f}")
assert trained > 0.88
# --8<-- [end:evaluate]

# --8<-- [start:float_formats]
import pandas as pd

rows = {}
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    info = torch.finfo(dtype)
    rows[str(dtype)] = {
        "bits": info.bits,
        "largest": info.max,
        "smallest normal": info.tiny,
        "step at 1": info.eps,
    }
pd.DataFrame(rows).T
# --8<-- [end:float_formats]

# --8<-- [start:autocast]
layer = new_net()[0].to(device)
x = X[:4].to(device)
with torch.amp.autocast(device.type, dtype=torch.bfloat16):
    hidden = layer(x)
    relu = hidden.relu()
    loss = F.mse_loss(relu, torch.zeros_like(relu))
print("weight", layer.weight.dtype, " layer", hidden.dtype)
print("relu  ", relu.dtype, " loss ", loss.dtype)
loss.backward()  # outside of autocast
print("gradient", layer.weight.grad.dtype)
exact = layer(x)
assert 0 < (hidden - exact).abs().max() < 0.02
# --8<-- [end:autocast]


# --8<-- [start:train_amp]
def train_amp(device, dtype, epochs=8):
    """As train, with automatic casts to dtype; None: without."""
    net = new_net().to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    for _ in range(epochs):
        for x, y in train_loader:
            x, y = to_device((x, y), device)
            optimizer.zero_grad()
            cast = dtype is not None
            with torch.amp.autocast(device.type, dtype, enabled=cast):
                loss = F.cross_entropy(net(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    return net


torch.manual_seed(0)
shares = {}
for dtype in (None, torch.bfloat16, torch.float16):
    shares[dtype] = accuracy(train_amp(device, dtype), device)
print({str(dtype): round(share, 1) for dtype, share in shares.items()})
lowest, highest = min(shares.values()), max(shares.values())
assert lowest > 0.88 and highest - lowest < 0.02
# --8<-- [end:train_amp]

# --8<-- [start:bf16_speed]
torch.manual_seed(0)
wide = torch.randn(8192, 8192, device=device)
narrow = wide.bfloat16()
ratio = seconds(lambda: wide @ wide) / seconds(lambda: narrow @ narrow)
print(f"bfloat16 is {ratio:.1f} times as fast")
print(f"in {narrow.nbytes / wide.nbytes:.0%} of the memory")
assert ratio > 2
# --8<-- [end:bf16_speed]

# --8<-- [start:float16_underflow]
gradient = torch.tensor([1e-3, 1e-6, 1e-8], device=device)
scale = 2.0**16
print("float16:       ", gradient.half().cpu())
print("scaled float16:", (gradient * scale).half().cpu())
print("unscaled again:", ((gradient * scale).half().float() / scale).cpu())
print("bfloat16:      ", gradient.bfloat16().cpu())
# --8<-- [end:float16_underflow]

# --8<-- [start:grad_scaler]
net = new_net().to(device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scaler = torch.amp.GradScaler(device.type)
x, target = X[:64].to(device), y[:64].to(device)
with torch.amp.autocast(device.type, dtype=torch.float16):
    loss = F.cross_entropy(net(x), target)
scaler.scale(loss).backward()
norms = [net[2].weight.grad.norm().item()]
scaler.unscale_(optimizer)  # before anything that looks at gradients
norms.append(net[2].weight.grad.norm().item())
nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
scaler.step(optimizer)
scaler.update()
ratio = norms[0] / norms[1]
print("scale:", scaler.get_scale(), " ratio of the norms:", round(ratio))
# --8<-- [end:grad_scaler]

# --8<-- [start:grad_scaler_skips]
net = new_net().to(device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scaler = torch.amp.GradScaler(device.type)
before = net[2].bias.clone()
for factor in (1e30, 1.0):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(X[:64].to(device)), y[:64].to(device)) * factor
    scaler.scale(loss * 1e5).backward()
    scaler.step(optimizer)  # does nothing if a gradient is inf or NaN
    scaler.update()
    changed = not torch.equal(net[2].bias, before)
    print("scale:", scaler.get_scale(), " weights changed:", changed)
print(scaler.state_dict()["scale"])
# --8<-- [end:grad_scaler_skips]


# --8<-- [start:memory_by_hand]
def megabytes(tensors):
    return sum(t.numel() * t.element_size() for t in tensors) / 2**20


torch.manual_seed(0)
big = nn.Sequential(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024))
big = big.to(device)
optimizer = torch.optim.AdamW(big.parameters())
big(torch.ones(1, 1024, device=device)).sum().backward()
optimizer.step()
weights = megabytes(big.parameters())
gradients = megabytes(p.grad for p in big.parameters())
states = optimizer.state.values()  # for each parameter: step and two moments
moments = megabytes(t for s in states for t in s.values() if t.ndim)
print(f"weights {weights:.1f} MiB, gradients {gradients:.1f}, AdamW {moments:.1f}")
assert gradients == weights and moments == 2 * weights
# --8<-- [end:memory_by_hand]

# --8<-- [start:saved_for_backward]
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint


def saved(forward, x):
    """MiB that the forward pass keeps for the backward pass, without parameters."""
    parameters = {p.data_ptr() for p in big.parameters()}
    kept = {}

    def note(t):
        if t.data_ptr() not in parameters:
            kept[t.data_ptr()] = t
        return t

    with saved_tensors_hooks(note, lambda t: t):
        forward(x).sum().backward()
    return megabytes(kept.values())


for rows in (1024, 2048):
    x = torch.ones(rows, 1024, device=device)
    plain = saved(big, x)
    less = saved(lambda x: checkpoint(big, x, use_reentrant=False), x)
    print(f"batch of {rows}: keeps {plain:.0f} MiB, with checkpoint {less:.0f} MiB")
# --8<-- [end:saved_for_backward]

# --8<-- [start:accumulate_gradients]
x, target = X[:256].to(device), y[:256].to(device)
whole = new_net().to(device)
F.cross_entropy(whole(x), target).backward()

parts = new_net().to(device)
for x_part, y_part in zip(x.split(64), target.split(64), strict=True):
    loss = F.cross_entropy(parts(x_part), y_part) * len(x_part) / len(x)
    loss.backward()  # adds to what is there
gap = (whole[0].weight.grad - parts[0].weight.grad).abs().max()
print("4 batches of 64 give the gradient of 256:", bool(gap < 1e-6))
assert gap < 1e-6
# --8<-- [end:accumulate_gradients]

# --8<-- [start:memory_summary]
import gc

gc.collect()  # tensors that refer to each other are freed now, and not in between
torch.cuda.empty_cache()
torch.cuda.reset_peak_memory_stats()
before = torch.cuda.memory_allocated()
block = torch.empty(256 * 2**20, dtype=torch.uint8, device=device)
grown = torch.cuda.memory_allocated() - before
assert 0 <= grown - 256 * 2**20 < 2**20  # a piece of the cache may be larger
del block
now, peak = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
print(f"now {(now - before) / 2**20:.0f} MiB more than before")
print(f"peak {(peak - before) / 2**20:.0f} MiB more")
assert torch.cuda.memory_reserved() >= now + 256 * 2**20
print(torch.cuda.memory_summary(abbreviated=True))
# --8<-- [end:memory_summary]

# --8<-- [start:out_of_memory]
try:
    torch.empty(2**50, dtype=torch.uint8, device=device)
except torch.OutOfMemoryError as error:
    print(type(error).__name__, "-", str(error).split(".")[0])
free, total = torch.accelerator.get_memory_info()
held = torch.accelerator.memory_allocated()
print(f"free {free / 2**30:.0f} of {total / 2**30:.0f} GiB")
print(f"our tensors {held / 2**20:.0f} MiB")
# --8<-- [end:out_of_memory]

# --8<-- [start:data_parallel]
net = new_net().to(device)
parallel = nn.DataParallel(net)
x = X[:8].to(device)
assert torch.allclose(parallel(x), net(x), atol=1e-6)
print(list(parallel.state_dict()))
print(list(parallel.module.state_dict()))
# --8<-- [end:data_parallel]

# --8<-- [start:split_gradient]
x, target = X[:64], y[:64]
gradients = []
for part in (slice(0, 64), slice(0, 64, 2), slice(1, 64, 2)):
    net = new_net()
    F.cross_entropy(net(x[part]), target[part]).backward()
    gradients.append(net[2].bias.grad)
whole, even, odd = gradients
difference = (even - odd).abs().max().item()
print("largest difference of the halves:", round(difference, 2))
assert torch.allclose((even + odd) / 2, whole, atol=1e-6)
# --8<-- [end:split_gradient]

# --8<-- [start:process_group]
import torch.distributed as dist
import torch.distributed.nn.functional  # before there is a group: see below

dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
print("rank", dist.get_rank(), "of", dist.get_world_size(), "-", dist.get_backend())
numbers = torch.tensor([1.0, 2.0])
dist.all_reduce(numbers, op=dist.ReduceOp.SUM)  # the sum over all processes
dist.broadcast(numbers, src=0)  # everyone gets what rank 0 has
dist.barrier()  # everyone waits for everyone
print(numbers)
dist.destroy_process_group()
# --8<-- [end:process_group]

# --8<-- [start:distributed_sampler]
from torch.utils.data import DistributedSampler

ten = range(10)
for epoch in range(2):
    for rank in range(2):
        sampler = DistributedSampler(ten, num_replicas=2, rank=rank, seed=0)
        sampler.set_epoch(epoch)
        print(f"epoch {epoch}, rank {rank}:", list(sampler))
for rank in range(3):
    sampler = DistributedSampler(ten, num_replicas=3, rank=rank, shuffle=False)
    print(f"three processes, rank {rank}:", list(sampler))
# --8<-- [end:distributed_sampler]

# --8<-- [start:script_start]
import os


def start():
    """Join the other processes. Returns the device of this one."""
    local, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device("cpu")
    if torch.accelerator.device_count() >= here:  # one for each process
        torch.accelerator.set_device_index(local)
        kind = torch.accelerator.current_accelerator(check_available=True).type
        device = torch.device(kind, local)
    dist.init_process_group(dist.get_default_backend_for_device(device))
    return device


for name in ("cpu", "cuda"):
    print(name, dist.get_default_backend_for_device(name))
# --8<-- [end:script_start]

# --8<-- [start:script_train]
from torch.nn.parallel import DistributedDataParallel


def train_replica(device, batch_size, epochs=3):
    """Train a copy in each process. Returns the net and each epoch's loss."""
    X, y = digits()
    dataset = TensorDataset(X[:1280], y[:1280])
    sampler = DistributedSampler(dataset, seed=0)
    loader = DataLoader(dataset, batch_size, sampler=sampler)
    net = DistributedDataParallel(new_net().to(device))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    losses = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)  # another order in each epoch
        total = torch.zeros(2, device=device)  # loss, samples
        for x, target in loader:
            x, target = x.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), target)
            loss.backward()  # and the mean over the processes
            optimizer.step()
            total[0] += loss.detach() * len(x)
            total[1] += len(x)
        dist.all_reduce(total)
        losses.append((total[0] / total[1]).item())
    return net.module, losses


torch.manual_seed(0)
dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
alone, losses_alone = train_replica(torch.device("cpu"), batch_size=64)
dist.destroy_process_group()
print("one process:", [f"{loss:.2f}" for loss in losses_alone])
# --8<-- [end:script_train]


# --8<-- [start:script_main]
def main():
    device = start()
    net, losses = train_replica(device, batch_size=32)
    if dist.get_rank() == 0:  # one file, not one for each process
        about = {"processes": dist.get_world_size(), "backend": dist.get_backend()}
        torch.save({"net": net.state_dict(), "losses": losses, **about}, "ddp.pt")
    dist.barrier()  # nobody leaves before the file is there
    dist.destroy_process_group()


os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", LOCAL_WORLD_SIZE="1")
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0")  # torchrun sets all six
torch.manual_seed(0)
main()
saved_run = torch.load("ddp.pt", weights_only=True)
print(saved_run["processes"], "process,", len(saved_run["losses"]), "epochs")
# --8<-- [end:script_main]

# --8<-- [start:whole_script]
import inspect
from pathlib import Path

imports = """\
import os

import torch
import torch.distributed as dist
import torch.distributed.nn.functional  # before there is a group
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset"""
functions = (digits, new_net, start, train_replica, main)
parts = [inspect.getsource(function).rstrip() for function in functions]
call = 'if __name__ == "__main__":\n    main()'
script = "\n\n\n".join([imports, *parts, call]) + "\n"
file = Path("train_ddp.py")
file.write_text(script)
print(script)
# --8<-- [end:whole_script]

# --8<-- [start:torchrun]
import subprocess
import sys


def torchrun(file, processes):
    """Run a script in several processes here. Returns what rank 0 saved."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return torch.load("ddp.pt", map_location="cpu", weights_only=True)


result = torchrun(file, processes=2)
losses_two = result["losses"]
print(result["processes"], "processes:", [f"{loss:.2f}" for loss in losses_two])
# --8<-- [end:torchrun]

# --8<-- [start:two_equal_one]
for name, parameter in alone.state_dict().items():
    gap = (parameter - result["net"][name]).abs().max().item()
    print(f"{name}: differs by less than 0.001: {gap < 1e-3}")
    assert gap < 1e-3
for a, b in zip(losses_alone, losses_two, strict=True):
    assert abs(a - b) < 1e-3
# --8<-- [end:two_equal_one]


# --8<-- [start:solution_device_of]
def device_of(module):
    """The device of a module's parameters and buffers, which must be on one."""
    found = {t.device for t in module.state_dict().values()}
    if len(found) != 1:
        names = sorted(map(str, found))
        raise ValueError(f"module is on {names}, not on one device")
    return found.pop()


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
print(device_of(net))
net[1].to("meta")
try:
    device_of(net)
except ValueError as error:
    print(error)
# --8<-- [end:solution_device_of]

# --8<-- [start:solution_stopwatch]
from contextlib import contextmanager


@contextmanager
def stopwatch(times):
    """Append the seconds that the block inside takes, with the device's work."""
    synchronize()
    began = time.perf_counter()
    try:
        yield
    finally:
        synchronize()
        times.append(time.perf_counter() - began)


times = []
with stopwatch(times):
    time.sleep(0.05)
try:
    with stopwatch(times):
        raise ValueError("in the block")
except ValueError as error:
    print(f"{len(times)} times, also of the block that raised: {error}")
assert times[0] >= 0.05 and len(times) == 2
# --8<-- [end:solution_stopwatch]

# --8<-- [start:solution_bf16_sum]
ones = torch.ones(1000, device=device)
total = torch.zeros((), dtype=torch.bfloat16, device=device)
for one in ones:
    total += one
at_once, wide = ones.bfloat16().sum(), ones.bfloat16().sum(dtype=torch.float32)
print(f"one by one in bfloat16: {total / 1000:.2f} of the true sum")
print(f"sum() of bfloat16:      {at_once / 1000:.2f}")
print(f"summed in float32:      {wide / 1000:.2f}")
assert total == 256
# --8<-- [end:solution_bf16_sum]

# --8<-- [start:solution_scaler_grows]
scaler = torch.amp.GradScaler(device.type, init_scale=4.0, growth_interval=2)
w = torch.ones(1, device=device, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.0)
scales = []
for factor in (1.0, 1.0, 1.0, float("inf"), 1.0, 1.0):
    optimizer.zero_grad()
    scaler.scale((w * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    scales.append(scaler.get_scale())
print(scales)
assert scales == [4, 8, 8, 4, 4, 8]
# --8<-- [end:solution_scaler_grows]

# --8<-- [start:solution_batch_norm_halves]
torch.manual_seed(0)
shift = torch.tensor([[0.0], [10.0]]).repeat(4, 1)  # (8, 1)
x = (torch.randn(8, 1) + shift).to(device)
norm = nn.BatchNorm1d(1).to(device)
whole = norm(x)
halves = torch.empty_like(x)
halves[::2], halves[1::2] = norm(x[::2]), norm(x[1::2])  # as two processes would
for name, t in {"whole batch:": whole, "two halves: ": halves}.items():
    print(name, [round(value, 1) for value in t.flatten().tolist()])
assert whole[0] < -0.5 and (whole - halves).abs().max() > 1
# --8<-- [end:solution_batch_norm_halves]

# --8<-- [start:solution_set_epoch]
sampler = DistributedSampler(range(6), num_replicas=2, rank=0, seed=0)
forgotten = [list(sampler) for epoch in range(3)]
orders = []
for epoch in range(3):
    sampler.set_epoch(epoch)
    orders.append(list(sampler))
print(forgotten)
print(orders)
assert forgotten[0] == forgotten[1] == forgotten[2] and orders[0] != orders[1]
# --8<-- [end:solution_set_epoch]
