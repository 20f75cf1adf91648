# --8<-- [start:recompute_instead_of_store]
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
block = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8)).double()
calls = []
block.register_forward_pre_hook(lambda module, args: calls.append(1))
x = torch.randn(4, 8, dtype=torch.float64, requires_grad=True)
(plain,) = torch.autograd.grad(block(x).square().sum(), x)
print("calls without:", len(calls))
calls.clear()
(lean,) = torch.autograd.grad(checkpoint(block, x, use_reentrant=False).square().sum(), x)
print("calls with checkpoint:", len(calls))
torch.testing.assert_close(plain, lean)
# --8<-- [end:recompute_instead_of_store]

# --8<-- [start:count_what_is_kept]
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint_sequential

torch.manual_seed(0)
tower = nn.Sequential(*[nn.Sequential(nn.Linear(16, 16), nn.Tanh()) for _ in range(12)])
batch = torch.randn(32, 16, requires_grad=True)


def kept(function):
    numbers = {}

    def pack(tensor):
        if tensor.shape != (16, 16):
            numbers[tensor.data_ptr()] = tensor.numel()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = function(batch).sum()
    return sum(numbers.values()), torch.autograd.grad(loss, batch)[0]


whole, plain = kept(tower)
thirds, lean = kept(lambda x: checkpoint_sequential(tower, 3, x, use_reentrant=False))
print("numbers kept:", whole, "and with three segments:", thirds)
assert torch.allclose(plain, lean, atol=1e-6)
assert whole == 13 * 32 * 16 and thirds == (2 + 5) * 32 * 16
# --8<-- [end:count_what_is_kept]

# --8<-- [start:same_dropout_twice]
torch.manual_seed(0)
noisy = nn.Dropout(0.5)
for preserve in (True, False):
    x = torch.ones(1000, requires_grad=True)
    y = checkpoint(lambda v: noisy(v) ** 2, x, use_reentrant=False, preserve_rng_state=preserve)
    (grad,) = torch.autograd.grad(y.sum(), x)
    same = torch.equal(grad == 0, y == 0)
    print(f"state kept: {preserve}, gradient values {grad.unique().tolist()}, same mask: {same}")
    assert same == preserve
# --8<-- [end:same_dropout_twice]

# --8<-- [start:keep_the_products]
from functools import partial

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts


class Log(TorchDispatchMode):
    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        ops.append(op.name().removeprefix("aten::"))
        return op(*args, **(kwargs or {}))


def policy(ctx, op, *args, **kwargs):
    keep = op == torch.ops.aten.mm.default
    return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE


torch.manual_seed(0)
w = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
x = torch.randn(2, 4, dtype=torch.float64)
selective = partial(create_selective_checkpoint_contexts, policy)
grads = {}
for name, options in {"all again": {}, "products kept": {"context_fn": selective}}.items():
    ops = []
    out = checkpoint(lambda v: torch.mm(v, w).sin().exp(), x, use_reentrant=False, **options)
    with Log():
        (grads[name],) = torch.autograd.grad(out.sum(), w)
    print(f"{name}: in the backward pass mm runs {ops.count('mm')}x, sin {ops.count('sin')}x")
torch.testing.assert_close(*grads.values())
# --8<-- [end:keep_the_products]

# --8<-- [start:stop_early]
from torch.utils.checkpoint import set_checkpoint_early_stop

torch.manual_seed(0)
names = []
steps = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Flatten())
for part in steps:
    part.register_forward_hook(lambda module, args, out: names.append(type(module).__name__))
for early in (True, False):
    with set_checkpoint_early_stop(early):
        out = checkpoint(steps, torch.ones(2, 4, requires_grad=True), use_reentrant=False)
    names.clear()
    out.sum().backward()
    print("early stop", early, "- modules that finish again:", names)
assert names == ["Linear", "Sigmoid", "Flatten"]
# --8<-- [end:stop_early]

# --8<-- [start:not_the_same_again]
from torch.utils.checkpoint import CheckpointError

visits = []


def changing(v):
    visits.append(1)
    return v.sin() if len(visits) == 1 else v.reshape(3, 1).sin()


x = torch.ones(3, requires_grad=True)
y = checkpoint(changing, x, use_reentrant=False)
try:
    y.sum().backward()
except CheckpointError as error:
    print("CheckpointError:", *str(error).splitlines()[:4], sep="\n")
assert x.grad is None

factors = iter([1.0, 2.0])
y = checkpoint(lambda v: (v * next(factors)).sin(), x, use_reentrant=False)
(grad,) = torch.autograd.grad(y.sum(), x)
print("another factor, no error:", grad)
assert torch.allclose(grad, torch.tensor(2.0).cos())
# --8<-- [end:not_the_same_again]

# --8<-- [start:what_is_in_the_file]
import io
import pickle

from torch.serialization import get_safe_globals, get_unsafe_globals_in_checkpoint, safe_globals


class Settings:
    def __init__(self, width):
        self.width = width


file = io.BytesIO()
torch.save({"settings": Settings(64), "w": torch.ones(2)}, file)
file.seek(0)
print("not allowed:", [name.split(".")[-1] for name in get_unsafe_globals_in_checkpoint(file)])
file.seek(0)
try:
    torch.load(file)
except pickle.UnpicklingError as error:
    print(type(error).__name__, "-", str(error).split(". ")[0])
file.seek(0)
with safe_globals([Settings]):
    inside = Settings in get_safe_globals()
    print("width", torch.load(file)["settings"].width)
assert inside and Settings not in get_safe_globals()
# --8<-- [end:what_is_in_the_file]


# --8<-- [start:what_allowing_means]
class Trap:
    def __reduce__(self):
        return print, ("the file has called print",)


file = io.BytesIO()
torch.save(Trap(), file)
file.seek(0)
names = get_unsafe_globals_in_checkpoint(file)
print(names)
file.seek(0)
with safe_globals([print]):
    loaded = torch.load(file)
print("loaded:", loaded)
assert names == ["builtins.print"] and loaded is None
# --8<-- [end:what_allowing_means]

# --8<-- [start:allow_for_the_program]
from collections import namedtuple

from torch.serialization import add_safe_globals, clear_safe_globals

Point = namedtuple("Point", "x y")
file = io.BytesIO()
torch.save(Point(torch.tensor(1.0), torch.tensor(2.0)), file)
allowed = get_safe_globals()
add_safe_globals([Point])
file.seek(0)
print(torch.load(file).y.item(), "allowed:", Point in get_safe_globals())
clear_safe_globals()
print("after clear:", len(get_safe_globals()))
add_safe_globals(allowed)
assert Point not in get_safe_globals() and len(get_safe_globals()) == len(allowed)
# --8<-- [end:allow_for_the_program]

# --8<-- [start:map_a_file]
torch.save({"table": torch.arange(6.0, device="cpu")}, "table.pt")
mapped = torch.load("table.pt", mmap=True, map_location="cpu")["table"]
mapped[0] = 99
print(mapped[:3].tolist(), "in the file:", torch.load("table.pt")["table"][:3].tolist())
try:
    with open("table.pt", "rb") as opened:
        torch.load(opened, mmap=True)
except ValueError as error:
    print("ValueError:", error)
assert torch.load("table.pt")["table"][0] == 0
# --8<-- [end:map_a_file]

# --8<-- [start:reserve_space]
import os
import zipfile

from torch.serialization import skip_data

state = {"w": torch.full((1000,), 7.0, device="cpu")}
torch.save(state, "full.pt")
with skip_data():
    torch.save(state, "bare.pt")
print(os.path.getsize("full.pt") == os.path.getsize("bare.pt"), torch.load("bare.pt")["w"].unique())
shell = torch.load("bare.pt")["w"]
assert shell.shape == (1000,) and (shell == 0).all()
print("damaged entry:", zipfile.ZipFile("bare.pt").testzip())
# --8<-- [end:reserve_space]

# --8<-- [start:fill_in_place]
import mmap

from torch.serialization import set_default_mmap_options

with set_default_mmap_options(mmap.MAP_SHARED):
    opened = torch.load("bare.pt", mmap=True)
opened["w"][:500] = 7
print(torch.load("bare.pt")["w"].unique())
opened["w"][500:] = 7
assert torch.equal(torch.load("bare.pt")["w"], state["w"])
# --8<-- [end:fill_in_place]

# --8<-- [start:checksums]
from torch.serialization import get_crc32_options, set_crc32_options

before = get_crc32_options()
set_crc32_options(False)
inside = get_crc32_options()
torch.save(state, "fast.pt")
set_crc32_options(before)
for name in ("full.pt", "fast.pt"):
    with zipfile.ZipFile(name) as archive:
        print(name, "first entry that fails the check:", archive.testzip())
assert before and not inside and torch.equal(torch.load("fast.pt")["w"], state["w"])
# --8<-- [end:checksums]

# --8<-- [start:where_tensors_land]
places = []


def choose(storage, location):
    places.append((location, storage.nbytes()))
    return storage


weights = torch.arange(4.0, device="cpu")
file = io.BytesIO()
torch.save({"a": weights, "b": weights[2:], "c": torch.zeros(3, device="cpu")}, file)
file.seek(0)
loaded = torch.load(file, map_location=choose)
print(places)
loaded["a"][3] = 50
assert len(places) == 2 and loaded["b"].tolist() == [2, 50]
# --8<-- [end:where_tensors_land]

# --8<-- [start:only_the_slice]
big = torch.arange(100_000.0, device="cpu")
sizes = {}
for name, tensor in {"view": big[:10], "clone": big[:10].clone()}.items():
    file = io.BytesIO()
    torch.save(tensor, file)
    sizes[name] = len(file.getvalue())
    file.seek(0)
    assert torch.equal(torch.load(file), big[:10])
print({name: f"{size // 1000} kB" for name, size in sizes.items()})
assert sizes["view"] > 400_000 and sizes["clone"] < 4_000
# --8<-- [end:only_the_slice]

# --8<-- [start:code_with_the_data]
from torch.package import PackageExporter, PackageImporter, is_from_package

source = "from numpy import pi\n\n\ndef turn(x):\n    return 2 * pi * x\n"
file = io.BytesIO()
with PackageExporter(file) as exporter:
    exporter.extern("numpy")
    exporter.save_source_string("geometry.angles", source)
    exporter.save_pickle("model", "sizes.pkl", {"layers": [8, 4]})
    print("from outside:", exporter.externed_modules(), " users:", exporter.get_rdeps("numpy"))
file.seek(0)
importer = PackageImporter(file)
angles = importer.import_module("geometry.angles")
print(f"{angles.turn(0.5):.4f}", importer.load_pickle("model", "sizes.pkl"))
assert is_from_package(angles) and not is_from_package(torch)
assert importer.get_source("geometry.angles") == source and abs(angles.turn(0.5) - torch.pi) < 1e-12
# --8<-- [end:code_with_the_data]

# --8<-- [start:notes_in_a_package]
file = io.BytesIO()
with PackageExporter(file) as exporter:
    exporter.save_text("notes", "licence.txt", "free to use")
    exporter.save_binary("notes", "icon.bin", bytes([137, 80]))
file.seek(0)
importer = PackageImporter(file)
tree = importer.file_structure(include=["notes/**"])
print(tree)
print(importer.load_text("notes", "licence.txt"), list(importer.load_binary("notes", "icon.bin")))
assert tree.has_file("notes/icon.bin") and not tree.has_file("notes/sound.bin")
# --8<-- [end:notes_in_a_package]

# --8<-- [start:what_a_package_may_import]
from torch.package import PackagingError

script = "import numpy\n\n\ndef double(x):\n    return 2 * x\n\n\ndef zeros():\n    return numpy.zeros(3)\n"
for rule in (None, "deny", "mock"):
    file, outcome = io.BytesIO(), "written"
    try:
        with PackageExporter(file) as exporter:
            if rule:
                getattr(exporter, rule)("numpy")
            exporter.save_source_string("tool", script)
    except PackagingError as error:
        outcome = str(error).strip().splitlines()[0].removeprefix("* ")
    print(f"{rule or 'no rule'}: {outcome} (mocked {exporter.mocked_modules()}, denied {exporter.denied_modules()})")
file.seek(0)
tool = PackageImporter(file).import_module("tool")
try:
    print(tool.double(21))
    tool.zeros()
except NotImplementedError as error:
    print("NotImplementedError:", str(error).split(">.")[-1].replace("'", ""))
# --8<-- [end:what_a_package_may_import]

# --8<-- [start:patterns_of_modules]
from torch.package import EmptyMatchError, GlobGroup

group = GlobGroup(["models.**"], exclude=["models.test_*"])
names = ["models", "models.resnet.block", "models.test_all", "models.test_all.deep", "data"]
print({name: group.matches(name) for name in names})
try:
    with PackageExporter(io.BytesIO()) as exporter:
        exporter.intern("modles.**", allow_empty=False)
        exporter.save_source_string("models.tiny", "width = 3")
except EmptyMatchError as error:
    print("EmptyMatchError:", str(error).split(",")[0])
assert [group.matches(name) for name in names] == [True, True, False, True, False]
# --8<-- [end:patterns_of_modules]

# --8<-- [start:a_local_hub]
from pathlib import Path

hubconf = """dependencies = ["torch"]
from torch import nn


def tiny(width=2, scale=1.0):
    layer = nn.Linear(width, 1)
    nn.init.constant_(layer.weight, scale)
    return layer
"""
Path("zoo").mkdir(exist_ok=True)
Path("zoo/hubconf.py").write_text(hubconf)
torch.manual_seed(0)
model = torch.hub.load("zoo", "tiny", width=3, scale=0.5, source="local")
print(model, model.weight.tolist())
try:
    torch.hub.load("zoo", "huge", source="local")
except RuntimeError as error:
    print("RuntimeError:", error)
# --8<-- [end:a_local_hub]

# --8<-- [start:weights_with_a_hash]
import contextlib
import hashlib

torch.save({"w": torch.full((2,), 3.0, device="cpu")}, "weights.pt")
digest = hashlib.sha256(Path("weights.pt").read_bytes()).hexdigest()
url = Path("weights.pt").resolve().as_uri()
with contextlib.redirect_stdout(io.StringIO()) as said:
    for _ in range(2):
        loaded = torch.hub.load_state_dict_from_url(url, model_dir="cache", progress=False, weights_only=True)
print(loaded["w"].tolist(), os.listdir("cache"), "downloads:", said.getvalue().count("Downloading"))
torch.hub.download_url_to_file(url, "copy.pt", hash_prefix=digest[:8], progress=False)
try:
    torch.hub.download_url_to_file(url, "other.pt", hash_prefix="00000000", progress=False)
except RuntimeError as error:
    print("RuntimeError:", str(error).split(" (")[0], "- file left:", Path("other.pt").exists())
assert Path("copy.pt").read_bytes() == Path("weights.pt").read_bytes()
# --8<-- [end:weights_with_a_hash]

# --8<-- [start:exchange_two_tensors]
from torch.utils import swap_tensors

torch.manual_seed(0)
layer = nn.Linear(2, 2, bias=False)
nn.init.ones_(layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
held, grown = layer.weight, nn.Parameter(torch.full((4, 2), 5.0))
swap_tensors(layer.weight, grown)
print(tuple(held.shape), tuple(optimizer.param_groups[0]["params"][0].shape), grown.tolist())
print(layer(torch.ones(1, 2)).tolist(), layer.out_features)
assert layer.weight is held and held.shape == (4, 2) and grown.tolist() == [[1, 1], [1, 1]]
# --8<-- [end:exchange_two_tensors]

# --8<-- [start:in_which_module]
from torch.utils.module_tracker import ModuleTracker


class Where(TorchDispatchMode):
    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        name = op.name().removeprefix("aten::")
        if name in ("addmm", "tanh", "tanh_backward", "mm"):
            seen.append((name, max(tracker.parents, key=len), tracker.is_bw))
        return op(*args, **(kwargs or {}))


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
tracker, seen = ModuleTracker(), []
with tracker, Where():
    net(torch.ones(1, 2, requires_grad=True)).sum().backward()
for name, module, backward in seen:
    print(f"{name:13} {module}", "backward" if backward else "forward")
assert [backward for *_, backward in seen] == [False, False, True, True, True]
assert seen[1][1] == seen[2][1] == "Sequential.1"
# --8<-- [end:in_which_module]

# --8<-- [start:read_a_measurement]
from torch.utils.benchmark import Compare, Measurement, TaskSpec, select_unit

old_task = TaskSpec("f(x)", "", label="sum", sub_label="n=8", description="old", num_threads=1)
new_task = TaskSpec("g(x)", "", label="sum", sub_label="n=8", description="new", num_threads=1)
old = Measurement(10, [1.0e-5, 1.1e-5, 1.2e-5, 9.0e-5, 1.05e-5], old_task)
new = Measurement(10, [4.0e-6, 4.1e-6, 4.2e-6, 4.3e-6, 4.1e-6], new_task)
name, unit = select_unit(old.median)
print(f"median {old.median / unit:.2f} {name}, mean {old.mean / unit:.2f} {name}, IQR {old.iqr / unit:.2f} {name}")
print("noisy:", old.has_warnings, new.has_warnings)
Compare([old, new]).print()
assert abs(old.median - 1.1e-6) < 1e-12 and abs(old.mean - 2.67e-6) < 1e-12
# --8<-- [end:read_a_measurement]

# --8<-- [start:join_measurements]
runs = [Measurement(10, [t], new_task) for t in (4.0e-6, 4.4e-6, 4.2e-6)]
(joined,) = Measurement.merge(runs)
print([f"{t * 1e9:.0f} ns" for t in joined.times], f"median {joined.median * 1e9:.0f} ns")
print(joined.title, "|", joined.as_row_name, "| digits that count:", joined.significant_figures)
assert len(Measurement.merge([*runs, old])) == 2
# --8<-- [end:join_measurements]

# --8<-- [start:counts_of_instructions]
from torch.utils.benchmark import FunctionCount, FunctionCounts

before = FunctionCounts(
    (FunctionCount(900, "add.cpp:add"), FunctionCount(300, "dictobject.c:lookdict_unicode")), inclusive=False
)
after = FunctionCounts((FunctionCount(650, "add.cpp:add"), FunctionCount(40, "new.cpp:check")), inclusive=False)
change = after - before
print({entry.function: entry.count for entry in change})
print("in all", change.sum(), " without the interpreter", change.denoise().sum())
by_file = change.transform(lambda name: name.split(":")[0])
print([entry.function for entry in by_file.filter(lambda name: name.endswith(".cpp"))])
assert change.sum() == 650 + 40 - 900 - 300 and change.denoise().sum() == -210
# --8<-- [end:counts_of_instructions]

# --8<-- [start:inputs_of_many_shapes]
from torch.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer

fuzzer = Fuzzer(
    [
        FuzzedParameter("rows", 4, 64, distribution="loguniform"),
        FuzzedParameter("columns", 2, 8, distribution="uniform"),
    ],
    [FuzzedTensor("x", size=("rows", "columns"), min_elements=32, max_elements=256, probability_contiguous=0.5)],
    seed=0,
)
shapes = []
for tensors, _, sizes in fuzzer.take(6):
    x = tensors["x"]
    assert x.shape == (sizes["rows"], sizes["columns"]) and 32 <= x.numel() <= 256
    assert torch.allclose(x.T.contiguous().sum(dim=0), x.sum(dim=1), atol=1e-5)
    shapes.append((*x.shape, x.is_contiguous()))
print(shapes)
print("rejected:", fuzzer.rejection_rate > 0)
# --8<-- [end:inputs_of_many_shapes]

# --8<-- [start:parts_of_a_joined_set]
from torch.utils.data import ConcatDataset, Subset, TensorDataset

city = TensorDataset(torch.arange(0, 3))
field = TensorDataset(torch.arange(10, 15))
joined = ConcatDataset([city, field])
print(len(joined), joined.cumulative_sizes, joined[3], joined[-1])
evens = Subset(joined, range(0, len(joined), 2))
print([evens[i][0].item() for i in range(len(evens))])
assert joined.cumulative_sizes == [3, 8] and joined[3][0] == 10
# --8<-- [end:parts_of_a_joined_set]

# --8<-- [start:draw_more_than_there_is]
from torch.utils.data import BatchSampler, RandomSampler

g = torch.Generator().manual_seed(0)
sampler = RandomSampler(range(4), replacement=False, num_samples=10, generator=g)
draws = list(sampler)
print(sampler.num_samples, [draws[:4], draws[4:8], draws[8:]])
print([len(batch) for batch in BatchSampler(sampler, batch_size=4, drop_last=False)])
assert sorted(draws[:4]) == sorted(draws[4:8]) == [0, 1, 2, 3] and len(draws) == 10
# --8<-- [end:draw_more_than_there_is]
