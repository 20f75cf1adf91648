# --8<-- [start:which_kind]
import torch

accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
works = {
    "cuda": torch.cuda.is_available(),
    "mps": torch.backends.mps.is_available(),
    "xpu": torch.xpu.is_available(),
}
assert torch.accelerator.is_available() == (accelerator is not None)
if accelerator is not None and accelerator.type in works:
    assert works[accelerator.type]
assert torch.backends.mps.is_built() or not works["mps"]
print("one question for all kinds:", "torch.accelerator.current_accelerator(check_available=True)")
print("a question for each kind:  ", *works)
# --8<-- [end:which_kind]

# --8<-- [start:name_is_cuda]
names = ("cuda", "mps", "xpu", "cpu", "rocm", "gpu")
types = {}
for name in names:
    try:
        types[name] = torch.device(name).type
    except RuntimeError:
        types[name] = None
print({name: kind for name, kind in types.items() if kind})
print("no devices:", [name for name, kind in types.items() if kind is None])
assert types["rocm"] is None and types["gpu"] is None
assert torch.version.hip is None or torch.version.cuda is None  # a build has one
# --8<-- [end:name_is_cuda]

# --8<-- [start:not_in_this_build]
for name in ("maia", "ve"):
    try:
        torch.ones(2, device=name)
    except NotImplementedError as error:  # a kind of RuntimeError
        print(f"{type(error).__name__}: {str(error).split('.')[0]}")
# --8<-- [end:not_in_this_build]

# --8<-- [start:one_training]
from torch import nn


def train(device, steps=60):
    """Fit a line on any device; the numbers are drawn on the CPU and moved."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(256, 2, generator=g)
    y = x @ torch.tensor([2.0, -3.0]) + 10
    x, y = x.to(device), y.to(device)
    torch.manual_seed(0)
    net = nn.Linear(2, 1).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((net(x)[:, 0] - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    return net.cpu(), loss.item()


net, loss = train(device)
print("weights", net.weight.detach().numpy().round(2))
print("bias", round(net.bias.item(), 2))
assert loss < 1e-4
reference, _ = train("cpu")
assert torch.allclose(net.weight, reference.weight, atol=1e-3)
# --8<-- [end:one_training]

# --8<-- [start:probe_dtypes]
import pandas as pd

DTYPES = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
    torch.int64, torch.complex64, torch.bool,
)  # fmt: skip


def can(device, dtype):
    """What a device can do with a dtype: make a tensor, add, multiply matrices."""
    found = {"make": False, "add": False, "matmul": False}
    try:
        ones = torch.ones(8, 8).to(dtype).to(device)
        found["make"] = True
        found["add"] = bool((ones + ones).sum().item())
        found["matmul"] = bool((ones @ ones).sum().item())
    except (RuntimeError, TypeError):  # MPS says TypeError for float64
        pass
    return found


table = pd.DataFrame({str(d).removeprefix("torch."): can("cpu", d) for d in DTYPES}).T
here = pd.DataFrame({str(d).removeprefix("torch."): can(device, d) for d in DTYPES}).T
assert here.loc["float32"].all() and here.loc["float16"].all()
assert here.loc["float64", "make"] == (device.type != "mps")
table.map({True: "yes", False: "-"}.get)
# --8<-- [end:probe_dtypes]

# --8<-- [start:default_dtypes]
from contextlib import suppress

half = torch.float32 if device.type == "mps" else torch.float64
numbers = torch.tensor([0.5, 1.5], dtype=torch.float64)  # as NumPy and pandas give them
moved = numbers.to(half).to(device)  # first the dtype, then the device
assert moved.cpu().double().equal(numbers)
with suppress(TypeError):  # on an Apple GPU: it has no float64
    numbers.to(device)
print("the same numbers, after both moves:", moved.cpu().tolist())
# --8<-- [end:default_dtypes]


# --8<-- [start:memory]
def allocated(device):
    """Bytes that tensors hold on a device; None where PyTorch keeps no count."""
    if device.type == "mps":
        return torch.mps.current_allocated_memory()
    if device.type in ("cuda", "xpu"):
        return torch.accelerator.memory_allocated()
    return None


before = allocated(device)
block = torch.zeros(1024, 1024, device=device)
after = allocated(device)
if before is not None:
    assert after - before >= block.nbytes
    del block
    assert allocated(device) == before
    torch.accelerator.empty_cache()
print(f"1024 x 1024 numbers of 4 bytes: {1024 * 1024 * 4:,} bytes")
assert allocated(torch.device("cpu")) is None
# --8<-- [end:memory]

# --8<-- [start:mps_elsewhere]
calls = {
    "synchronize": torch.mps.synchronize,
    "current_allocated_memory": torch.mps.current_allocated_memory,
    "recommended_max_memory": torch.mps.recommended_max_memory,
    "empty_cache": torch.mps.empty_cache,
}
for call in calls.values():
    if torch.backends.mps.is_available():
        call()
    else:
        try:
            call()
        except RuntimeError as error:
            assert "without MPS backend" in str(error)
print("tried:", *calls)
# --8<-- [end:mps_elsewhere]

# --8<-- [start:mps_memory]
limit = torch.mps.recommended_max_memory()
x = torch.zeros(1024, 1024, device="mps")
held, driver = torch.mps.current_allocated_memory(), torch.mps.driver_allocated_memory()
assert x.nbytes <= held <= driver
begin, end = torch.mps.Event(enable_timing=True), torch.mps.Event(enable_timing=True)
begin.record()
y = x @ x
end.record()
torch.mps.synchronize()
assert begin.elapsed_time(end) > 0 and limit > 0
with torch.mps.profiler.profile():  # signposts for Instruments
    (x @ x).sum().item()
# --8<-- [end:mps_memory]

# --8<-- [start:compile_shader]
source = """
kernel void square(device float* out, constant float* x,
                   uint i [[thread_position_in_grid]]) {
    out[i] = x[i] * x[i];
}
"""
library = torch.mps.compile_shader(source)
x = torch.arange(4.0, device="mps")
out = torch.empty_like(x)
library.square(out, x)
assert out.tolist() == [0.0, 1.0, 4.0, 9.0]
# --8<-- [end:compile_shader]

# --8<-- [start:channels_last]
torch.manual_seed(0)
conv = nn.Conv2d(8, 16, 3, padding=1)
pictures = torch.randn(4, 8, 16, 16)
with torch.inference_mode():
    expected = conv(pictures)
conv = conv.to(device, memory_format=torch.channels_last)
last = pictures.to(device, memory_format=torch.channels_last)
with torch.inference_mode():
    got = conv(last)
print("shape", tuple(got.shape), "stride of the input", last.stride())
assert got.is_contiguous(memory_format=torch.channels_last)
assert torch.allclose(got.cpu(), expected, atol=1e-2)
# --8<-- [end:channels_last]

# --8<-- [start:amp]
torch.manual_seed(0)
layer, rows = nn.Linear(64, 8).to(device), torch.randn(32, 64).to(device)
for dtype in (torch.bfloat16, torch.float16):
    with torch.autocast(device.type, dtype=dtype):
        low = layer(rows)
    difference = (low.float() - layer(rows)).abs().max().item()
    print(low.dtype, "differs by less than 0.03:", difference < 0.03)
    assert low.dtype == dtype and difference < 0.03
# --8<-- [end:amp]

# --8<-- [start:keras_model]
from torch.utils.data import DataLoader, TensorDataset

from snippets.toolkit.keras_model import KerasModel

g = torch.Generator().manual_seed(0)
x = torch.randn(256, 2, generator=g)
data = TensorDataset(x, (x @ torch.tensor([2.0, -3.0]) + 10)[:, None])
torch.manual_seed(0)
net = nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
model = KerasModel(net, nn.MSELoss(), optimizer)
model.fit(DataLoader(data, 32, generator=g), epochs=10, progress=False)
print("bias", round(net.bias.item(), 2), "after", len(model.history), "epochs")
assert model.device.type == device.type == net.weight.device.type
# --8<-- [end:keras_model]

# --8<-- [start:run_device_speed]
import json
import subprocess
import sys
from pathlib import Path

kind = device.type if works.get(device.type) else "cpu"
options = ["--device", kind, "--quick", "--out"]
subprocess.run([sys.executable, "device_speed.py", *options, "speed.json"], check=True)
report = json.loads(Path("speed.json").read_text(encoding="utf-8"))
print("keys:   ", *report)
print("seconds:", *report["seconds"])
assert report["device"] == kind
assert all(seconds > 0 for seconds in report["seconds"].values())
# --8<-- [end:run_device_speed]

# --8<-- [start:wrong_device]
command = [sys.executable, str(Path("device_speed.py")), "--device", "gpu"]
done = subprocess.run(command, capture_output=True, text=True)
print("exit status", done.returncode)
print(done.stderr.split(":")[0])
assert done.returncode == 2 and "Traceback" not in done.stderr
# --8<-- [end:wrong_device]

# --8<-- [start:check_report]
KINDS = {
    "schema": int, "device": str, "name": str, "torch": str, "threads": int,
    "date": str, "quick": bool, "seconds": dict,
}  # fmt: skip


def faults(report):
    """What is wrong with a report of device_speed, a sentence each."""
    found = [f"{key} is missing" for key in KINDS if key not in report]
    found += [f"{key} is unknown" for key in report if key not in KINDS]
    for key, kind in KINDS.items():
        if key in report and type(report[key]) is not kind:
            found.append(f"{key} must be {kind.__name__}")
    if report.get("schema") != 1:
        found.append("schema must be 1")
    for name in ("matmul", "attention", "cnn epoch"):
        seconds = dict(report.get("seconds") or {}).get(name)
        if not isinstance(seconds, float) or not 0 < seconds < 3600:
            found.append(f"seconds of {name} must be a number between 0 and 3,600")
    return found


assert faults(report) == []
broken = {
    **report,
    "threads": "4",
    "host": "x",
    "seconds": {"matmul": 0.1, "attention": 0.0},
}
for fault in faults(broken):
    print(fault)
# --8<-- [end:check_report]

# --8<-- [start:compare_devices]
import matplotlib.pyplot as plt

from snippets.toolkit.measured import measured

rows = measured()
assert all(faults(row) == [] and not row["quick"] for row in rows)
tasks = ["matmul", "attention", "cnn epoch"]
size = (6.6, 1.2 + 0.5 * len(rows))
fig, axes = plt.subplots(1, 3, figsize=size, layout="constrained")
names = [f"{row['name']}, {row['device']}" for row in rows]
for ax, task in zip(axes, tasks, strict=True):
    seconds = [row["seconds"][task] for row in rows]
    ax.barh(range(len(rows)), [1000 * s for s in seconds], color="#2f6fdb", height=0.5)
    ax.set(title=task, xlabel="milliseconds", ylim=(-0.6, len(rows) - 0.4))
    ax.set_yticks(range(len(rows)), names if ax is axes[0] else [""] * len(rows))
print(len(rows), "report(s); the newest of", max(row["date"] for row in rows))
plt.show()
# --8<-- [end:compare_devices]


# --8<-- [start:solution_free_device]
def place(batch, device):
    """Every tensor of a nest on a device, with float64 as float32 where it must be."""
    if isinstance(batch, dict):
        return {key: place(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(place(value, device) for value in batch)
    if torch.device(device).type == "mps" and batch.dtype == torch.float64:
        batch = batch.float()
    return batch.to(device)


batch = {"x": torch.ones(2, 3), "rest": [torch.zeros(2), (torch.ones(1),)]}
moved = place(batch, device)
assert moved["rest"][1][0].device.type == device.type
print(type(moved["rest"]).__name__, type(moved["rest"][1]).__name__)
# --8<-- [end:solution_free_device]

# --8<-- [start:solution_warm_up]
import time


def first_and_median(work, device, times=7):
    """Seconds of the first run, and the median of those that follow."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return seconds[0], sorted(seconds[1:])[(times - 1) // 2]


waits = iter([0.05] + [0.001] * 6)  # stands for kernels that are loaded at first use
first, later = first_and_median(lambda: time.sleep(next(waits)), torch.device("cpu"))
print("the first run counts", "more" if first > 5 * later else "as much")
assert first > 5 * later
# --8<-- [end:solution_warm_up]
