# --8<-- [start:first_profile]
import os

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function


def profiled(function, **options):
    """What a call of the function did, seen on its second call."""
    os.environ["KINETO_LOG_LEVEL"] = "99"  # no log lines about the profiler itself
    function()  # the first call loads libraries and asks for memory
    with profile(activities=[ProfilerActivity.CPU], **options) as seen:
        function()
    return seen


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10))
inputs, targets = torch.randn(128, 256), torch.randint(10, (128,))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def step():
    with record_function("forward"):
        loss = nn.functional.cross_entropy(net(inputs), targets)
    optimizer.zero_grad()
    with record_function("backward"):
        loss.backward()
    optimizer.step()


rows = {row.key: row for row in profiled(step).key_averages()}
for name in ("forward", "aten::linear", "aten::addmm", "backward", "aten::mm"):
    print(f"{name:13}{rows[name].count}")
# --8<-- [end:first_profile]


# --8<-- [start:shares]
def shares(seen):
    """Each operator's share of the time that was spent in operators, largest first."""
    spent = {row.key: row.self_cpu_time_total for row in seen.key_averages()}
    whole = sum(spent.values())
    ordered = sorted(spent, key=spent.get, reverse=True)
    return {name: spent[name] / whole for name in ordered}


wide = torch.ones(600, 600)
found = shares(profiled(lambda: [wide @ wide, wide + wide, wide.sum()]))
print(list(found)[:1], found["aten::mm"] > 0.5)
# --8<-- [end:shares]

# --8<-- [start:input_shapes]
seen = profiled(lambda: net(inputs), record_shapes=True, with_flops=True)
for row in seen.key_averages(group_by_input_shape=True):
    if row.key == "aten::addmm":
        print(row.input_shapes[:3], f"{row.flops:,}")
# --8<-- [end:input_shapes]

# --8<-- [start:memory]
million = (1000, 1000)
seen = profiled(lambda: torch.ones(million) @ torch.ones(million), profile_memory=True)
for row in seen.key_averages():
    if row.self_cpu_memory_usage:
        print(f"{row.key:12} {row.self_cpu_memory_usage:>11,}")
# --8<-- [end:memory]

# --8<-- [start:schedule]
import json

from torch.profiler import schedule

os.environ["KINETO_LOG_LEVEL"] = "99"
ready = []


def keep(seen):
    backwards = [row.count for row in seen.key_averages() if row.key == "backward"]
    ready.append((seen.step_num, *backwards))
    seen.export_chrome_trace("trace.json")


plan = schedule(skip_first=5, wait=1, warmup=1, active=3, repeat=1)
cpu = [ProfilerActivity.CPU]
with profile(activities=cpu, schedule=plan, on_trace_ready=keep) as seen:
    for _ in range(20):
        step()
        seen.step()
print(ready)
with open("trace.json") as file:
    events = json.load(file)["traceEvents"]
steps = sorted(e["name"] for e in events if e["name"].startswith("ProfilerStep"))
print(steps, sum(e["name"] == "backward" for e in events))
# --8<-- [end:schedule]

# --8<-- [start:operations]
from torch.utils.flop_counter import FlopCounterMode

with FlopCounterMode(display=False) as counter:
    nn.functional.cross_entropy(net(inputs), targets).backward()
counts = counter.get_flop_counts()
for part in ("Sequential.0", "Sequential.2", "Global"):
    print(f"{part:13}", {str(name): f"{n:,}" for name, n in counts[part].items()})
forward = 2 * 128 * (256 * 512 + 512 * 10)
assert counter.get_total_flops() == 3 * forward - 2 * 128 * 256 * 512
# --8<-- [end:operations]

# --8<-- [start:utilisation]
from torch.utils.benchmark import Timer


def seconds(statement, **names):
    """Median seconds of a statement, over runs of a tenth of a second together."""
    return Timer(statement, globals=names).blocked_autorange(min_run_time=0.1).median


side = 512
square = torch.randn(side, side, generator=torch.Generator().manual_seed(0))
peak = 2 * side**3 / seconds("square @ square", square=square)  # FLOP/s
reached = counter.get_total_flops() / seconds("step()", step=step)
print(0.001 < reached / peak < 2)
# --8<-- [end:utilisation]


# --8<-- [start:pairs]
import statistics
import time


def speedup(slow, fast, rounds=7):
    """How many times as long ``slow`` takes: the median over pairs of calls."""
    slow(), fast()
    ratios = []
    for _ in range(rounds):
        start = time.perf_counter()
        slow()
        middle = time.perf_counter()
        fast()
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


assert speedup(lambda: wide @ wide, lambda: wide + wide) > 2
# --8<-- [end:pairs]

# --8<-- [start:slow_loop]
torch.manual_seed(0)
values = torch.randn(3000)


def sum_of_positive():
    total = 0.0
    for value in values:
        if value.item() > 0:
            total += value.item()
    return total


rows = {row.key: row.count for row in profiled(sum_of_positive).key_averages()}
print({name: rows[name] for name in ("aten::item", "aten::_local_scalar_dense")})
assert rows["aten::item"] == 3000 + (values > 0).sum().item()
# --8<-- [end:slow_loop]


# --8<-- [start:fast_loop]
def sum_of_positive_at_once():
    return values[values > 0].sum().item()


assert abs(sum_of_positive() - sum_of_positive_at_once()) < 0.01
assert speedup(sum_of_positive, sum_of_positive_at_once, rounds=3) > 2
print(sum(row.count for row in profiled(sum_of_positive_at_once).key_averages()) < 20)
# --8<-- [end:fast_loop]

# --8<-- [start:slow_loader]
from torch.utils.data import DataLoader, Dataset, TensorDataset

pixels = torch.randint(256, (600, 28, 28), generator=torch.Generator().manual_seed(0))
images = [image.tolist() for image in pixels]  # lists of lists, as JSON gives them
labels = torch.arange(600) % 10


class Parsed(Dataset):
    """Makes its tensor anew each time an image is asked for."""

    def __len__(self):
        return len(images)

    def __getitem__(self, i):
        return torch.tensor(images[i]).float().flatten() / 255, labels[i]


torch.manual_seed(0)
linear = nn.Linear(784, 10)


def epoch(dataset):
    for batch, wanted in DataLoader(dataset, batch_size=50):
        nn.functional.cross_entropy(linear(batch), wanted).backward()


def waiting(dataset):
    """The share of an epoch that passes before a batch is there."""
    seen = profiled(lambda: epoch(dataset))
    loading = [row for row in seen.key_averages() if "DataLoader" in row.key]
    whole = sum(row.self_cpu_time_total for row in seen.key_averages())
    print(loading[0].key, loading[0].count)
    return loading[0].cpu_time_total / whole


assert waiting(Parsed()) > 0.8
# --8<-- [end:slow_loader]

# --8<-- [start:fast_loader]
torch.manual_seed(0)
parsed = TensorDataset(pixels.flatten(1).float() / 255, labels)  # once, before training
assert speedup(lambda: epoch(Parsed()), lambda: epoch(parsed), rounds=3) > 2
# --8<-- [end:fast_loader]

# --8<-- [start:slow_copies]
torch.manual_seed(0)
table = 5 + 3 * torch.randn(4000, 500, dtype=torch.float64)  # as NumPy gives it
mean, std = table.float().mean(dim=0), table.float().std(dim=0)
score = nn.Linear(500, 1)


@torch.no_grad()
def ten_epochs():
    for _ in range(10):
        score((table.float() - mean) / std)


def copies_of_table(function):
    """How often a call copies all of the table."""
    seen = profiled(function, record_shapes=True)
    rows = seen.key_averages(group_by_input_shape=True)
    copies = [row for row in rows if row.key == "aten::_to_copy"]
    return sum(row.count for row in copies if row.input_shapes[0] == [4000, 500])


found = shares(profiled(ten_epochs))
print("copies:", copies_of_table(ten_epochs))
assert found["aten::copy_"] + found["aten::sub"] + found["aten::div"] > 0.5
# --8<-- [end:slow_copies]


# --8<-- [start:fast_copies]
@torch.no_grad()
def prepared_once():
    small = (table.float() - mean) / std
    for _ in range(10):
        score(small)


print("copies:", copies_of_table(prepared_once))
assert speedup(ten_epochs, prepared_once) > 2
# --8<-- [end:fast_copies]

# --8<-- [start:many_kernels]
torch.manual_seed(0)
all_weights = torch.randn(6000)
all_averages = all_weights.clone()
weights, averages = all_weights.split(20), all_averages.split(20)  # 300 views of each


def one_by_one():
    for average, weight in zip(averages, weights, strict=True):
        average.mul_(0.99).add_(0.01 * weight)


def all_at_once():
    all_averages.mul_(0.99).add_(0.01 * all_weights)


for update in (one_by_one, all_at_once):
    rows = profiled(update).key_averages()
    print(update.__name__, sum(row.count for row in rows))
assert speedup(one_by_one, all_at_once) > 2
# --8<-- [end:many_kernels]


# --8<-- [start:compare]
from torch.utils.benchmark import Compare

numbers = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
measured = [
    Timer(
        statement,
        globals={"numbers": numbers},
        label="reductions",
        sub_label=statement,
        description="10,000",
    ).blocked_autorange(min_run_time=0.05)
    for statement in ("numbers.sum()", "numbers.sort()", "sum(numbers.tolist())")
]
lines = str(Compare(measured)).splitlines()
print([line.split("|")[0].strip() for line in lines if "numbers" in line])
assert measured[0].median < min(measured[1].median, measured[2].median)
# --8<-- [end:compare]


# --8<-- [start:solution_left_on]
def deep_step():
    deep(noise).sum().backward()


def checked_step():
    with torch.autograd.set_detect_anomaly(True, check_nan=True):
        deep_step()


torch.manual_seed(0)
deep = nn.Sequential(*[nn.Sequential(nn.Linear(16, 16), nn.Tanh()) for _ in range(20)])
noise = torch.randn(8, 16)
plain = {row.key for row in profiled(deep_step).key_averages()}
checked = {row.key: row.count for row in profiled(checked_step).key_averages()}
print({name: n for name, n in checked.items() if name not in plain})
assert speedup(checked_step, deep_step) > 2
# --8<-- [end:solution_left_on]


# --8<-- [start:solution_workers]
def share_of_waiting(dataset):
    """The share of an epoch's seconds that pass before a batch is there."""
    waited = 0.0
    start = last = time.perf_counter()
    for batch, wanted in DataLoader(dataset, batch_size=50):
        waited += time.perf_counter() - last
        nn.functional.cross_entropy(linear(batch), wanted).backward()
        last = time.perf_counter()
    return waited / (last - start)


torch.manual_seed(0)
waited = statistics.median(share_of_waiting(Parsed()) for _ in range(3))
print("waits most of the time:", waited > 0.5)
# --8<-- [end:solution_workers]
