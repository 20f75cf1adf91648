# --8<-- [start:log_calls]
import torch
from torch.overrides import TorchFunctionMode, resolve_name


class Log(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(resolve_name(func))
        return func(*args, **(kwargs or {}))


x = torch.tensor([1.0, 2.0, 3.0])
with Log() as log:
    y = torch.softmax(x - x.mean(), dim=0)
print(log.names)
assert torch.isclose(y.sum(), torch.ones(()))
# --8<-- [end:log_calls]


# --8<-- [start:forbid_calls]
class NoCopiesToPython(TorchFunctionMode):
    forbidden = (torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.__bool__)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in self.forbidden:
            raise RuntimeError(f"{func.__name__} waits for the device")
        return func(*args, **(kwargs or {}))


def clip_if_large(g):
    return g / g.norm() if g.norm() > 1 else g


g = torch.tensor([3.0, 4.0])
try:
    with NoCopiesToPython():
        clip_if_large(g)
except RuntimeError as error:
    print(type(error).__name__, "-", error)
with NoCopiesToPython():
    print(g / g.norm().clamp(min=1))
# --8<-- [end:forbid_calls]


# --8<-- [start:replace_calls]
class Rounded(TorchFunctionMode):
    """Matrix products as if they were done in bfloat16."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.matmul, torch.Tensor.matmul, torch.nn.functional.linear):
            args = tuple(a.bfloat16() if isinstance(a, torch.Tensor) else a for a in args)
            return func(*args, **(kwargs or {})).float()
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
layer = torch.nn.Linear(64, 1)
x = torch.randn(100, 64)
with Rounded():
    rough = layer(x)
error = (rough - layer(x)).abs().max()
by_hand = torch.nn.functional.linear(x.bfloat16(), layer.weight.bfloat16(), layer.bias.bfloat16())
assert torch.allclose(rough, by_hand.float(), atol=0.05)
print(f"{rough.dtype}, largest difference between 0.001 and 0.1: {0.001 < error < 0.1}")
# --8<-- [end:replace_calls]

# --8<-- [start:module_of_a_call]
from torch import nn
from torch.utils.module_tracker import ModuleTracker


class WithModule(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.nn.functional.linear, torch.tanh):
            calls.append((func.__name__, sorted(tracker.parents)[-1]))
        return func(*args, **(kwargs or {}))


calls = []
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 1)))
with ModuleTracker() as tracker, WithModule():
    net(torch.ones(1, 2))
print(calls)
# --8<-- [end:module_of_a_call]

# --8<-- [start:count_flops]
from torch.utils.flop_counter import FlopCounterMode

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
x = torch.ones(8, 100)
with FlopCounterMode(display=False) as forward:
    out = net(x)
with FlopCounterMode(display=False) as backward:
    out.sum().backward()
print(forward.get_total_flops(), backward.get_total_flops())
assert forward.get_total_flops() == 2 * 8 * (100 * 50 + 50 * 10)
assert backward.get_total_flops() == 2 * 8 * (100 * 50 + 2 * 50 * 10)  # the input needs no gradient
# --8<-- [end:count_flops]

# --8<-- [start:class_like_a_tensor]
from torch.overrides import is_tensor_like


rules = {}


class Diagonal:
    """A diagonal matrix that keeps its diagonal only."""

    def __init__(self, values):
        self.values = values

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in rules:
            return NotImplemented
        return rules[func](*args, **(kwargs or {}))


rules[torch.trace] = lambda d: d.values.sum()
rules[torch.matmul] = lambda d, x: d.values[:, None] * x
d = Diagonal(torch.tensor([2.0, 3.0]))
print(is_tensor_like(d), torch.trace(d), torch.matmul(d, torch.ones(2, 2)))
try:
    torch.det(d)
except TypeError as error:
    print(str(error).split(";")[0])
# --8<-- [end:class_like_a_tensor]

# --8<-- [start:own_function_open_to_classes]
from torch.overrides import handle_torch_function, has_torch_function, wrap_torch_function


def row_sums(matrix):
    if has_torch_function((matrix,)):
        return handle_torch_function(row_sums, (matrix,), matrix)
    return matrix.sum(dim=1)


@wrap_torch_function(lambda matrix: (matrix,))  # the same in one line
def column_sums(matrix):
    return matrix.sum(dim=0)


rules[row_sums] = rules[column_sums] = lambda d: d.values
full = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
for function in (row_sums, column_sums):
    print(function.__name__, function(full), function(d))
    assert torch.equal(function(full), function(d))
# --8<-- [end:own_function_open_to_classes]


# --8<-- [start:subclass_with_a_unit]
class Quantity(torch.Tensor):
    unit = ""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        units = {a.unit for a in args if isinstance(a, cls)}
        if func in (torch.add, torch.Tensor.add, torch.Tensor.sub) and len(units) > 1:
            raise ValueError(f"{func.__name__} of {' and '.join(sorted(units))}")
        result = super().__torch_function__(func, types, args, kwargs)
        if isinstance(result, cls) and len(units) == 1:
            result.unit = units.pop()
        return result


def quantity(values, unit):
    result = torch.tensor(values).as_subclass(Quantity)
    result.unit = unit
    return result


way, time = quantity([1.0, 2.5], "m"), quantity([3.0, 4.0], "s")
print(type(way * 2).__name__, (way * 2).unit, (way * 2).tolist(), way[1].unit)
try:
    way + time
except ValueError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:subclass_with_a_unit]

# --8<-- [start:can_it_be_overridden]
import inspect

from torch.overrides import get_ignored_functions, get_overridable_functions, get_testing_overrides
from torch.overrides import is_tensor_method_or_property

overridable = {f for functions in get_overridable_functions().values() for f in functions}
for f in (torch.add, torch.Tensor.add, torch.nn.functional.gelu, torch.zeros):
    print(
        f"{resolve_name(f):27} {f in overridable!s:5} {is_tensor_method_or_property(f)!s:5} {f in get_ignored_functions()}"
    )
print(inspect.signature(get_testing_overrides()[torch.cumsum]))
# --8<-- [end:can_it_be_overridden]

# --8<-- [start:hook_for_one_block]
seen = []
layer = nn.Tanh()
with layer.register_forward_hook(lambda module, args, output: seen.append(output.shape)) as handle:
    layer(torch.ones(2, 3))
layer(torch.ones(4, 5))  # the hook is gone
print([tuple(shape) for shape in seen], type(handle).__name__, len(layer._forward_hooks))
# --8<-- [end:hook_for_one_block]

# --8<-- [start:swap_two_tensors]
torch.manual_seed(0)
layer = nn.Linear(2, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
new = nn.Parameter(torch.tensor([[7.0, 8.0]]))
held = layer.weight
torch.utils.swap_tensors(layer.weight, new)  # every reference sees the new content
print(held.tolist(), optimizer.param_groups[0]["params"][0] is held, held is layer.weight)
assert torch.isclose(layer(torch.ones(1, 2)) - layer.bias, torch.tensor(15.0))
# --8<-- [end:swap_two_tensors]

# --8<-- [start:default_device]
with torch.device("meta"):
    print(torch.get_default_device(), torch.ones(2).device, nn.Linear(10_000, 10_000).weight.device)
    print("given:", torch.ones(2, device="cpu").device)
assert torch.get_default_device().type != "meta"
# --8<-- [end:default_device]


# --8<-- [start:uninitialised_memory]
def sums_by_group(values, groups, n):
    sums = torch.empty(n)  # should have been zeros
    return sums.index_add(0, groups, values)


before = torch.get_deterministic_debug_mode()
torch.set_deterministic_debug_mode("error")
try:
    print(sums_by_group(torch.tensor([1.0, 2.0]), torch.tensor([0, 2]), 3))
    print(torch.empty(2, dtype=torch.int8), "mode", torch.get_deterministic_debug_mode())
finally:
    torch.set_deterministic_debug_mode(before)
print("afterwards: mode", torch.get_deterministic_debug_mode())
# --8<-- [end:uninitialised_memory]

# --8<-- [start:operators_without_a_fixed_order]
import warnings

x, where = torch.zeros(3), torch.tensor([1, 1])  # two values for one place
for mode in ("error", "warn"):
    torch.set_deterministic_debug_mode(mode)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            x.put_(where, torch.tensor([5.0, 6.0]))
            told = [str(w.message) for w in caught]
        except RuntimeError as error:
            told = [str(error)]
    print(f"{mode:5} warn only: {torch.is_deterministic_algorithms_warn_only_enabled()!s:5}", told[0][:49])
torch.set_deterministic_debug_mode("default")
# --8<-- [end:operators_without_a_fixed_order]


# --8<-- [start:see_each_warning]
def how_often(always):
    torch.set_warn_always(always)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            float(torch.tensor(1.0, requires_grad=True))
    torch.set_warn_always(False)
    return len(caught)


assert how_often(always=False) <= 1  # none if it was given before
print("always:", how_often(always=True), torch.is_warn_always_enabled())
# --8<-- [end:see_each_warning]

# --8<-- [start:tiny_numbers]
tiny = torch.tensor([1e-310, 1e-300], dtype=torch.float64, device="cpu")
print("below:", (tiny < torch.finfo(torch.float64).smallest_normal).tolist())
if torch.set_flush_denormal(True):  # False where the processor can't
    print("flushed:", (tiny * 1.5 > 0).tolist())
    torch.set_flush_denormal(False)
print("kept:", (tiny * 1.5 > 0).tolist())
# --8<-- [end:tiny_numbers]

# --8<-- [start:threads_here]
before = torch.get_num_threads()
torch.set_num_threads(2)
report = torch.__config__.parallel_info()
print(torch.get_num_threads(), next(line for line in report.splitlines() if "get_num_threads" in line).strip())
torch.set_num_threads(before)
assert torch.get_num_threads() == before
# --8<-- [end:threads_here]

# --8<-- [start:is_a_library_to_blame]
torch.manual_seed(0)
conv = nn.Conv2d(3, 8, 3)
images = torch.randn(2, 3, 16, 16)
usual = conv(images)
before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
try:
    print("oneDNN:", torch.backends.mkldnn.enabled)
    other = conv(images)
finally:
    torch.backends.mkldnn.enabled = before
print("close:", torch.allclose(usual, other, atol=1e-4))
# --8<-- [end:is_a_library_to_blame]

# --8<-- [start:dtype_of_a_result]
small, weights = torch.ones(2, dtype=torch.int8), torch.ones(2, dtype=torch.float16)
for a, b in ((small, weights), (weights, 2.5), (small, 2.5), (weights, torch.tensor(1.0, dtype=torch.float64))):
    expected = torch.result_type(a, b)
    print(f"{a.dtype} and {b.dtype if isinstance(b, torch.Tensor) else 'a Python number'}: {expected}")
    assert (a + b).dtype == expected
for target in (torch.int32, torch.float32, torch.complex64):
    print(
        target, "into float64:", torch.can_cast(target, torch.float64), " back:", torch.can_cast(torch.float64, target)
    )
# --8<-- [end:dtype_of_a_result]


# --8<-- [start:real_and_complex]
def phases(n, dtype):
    angle = torch.linspace(0, torch.pi / 2, n, dtype=dtype.to_real())
    return torch.polar(torch.ones_like(angle), angle).to(dtype.to_complex())


for dtype in (torch.float32, torch.complex128):
    turn = phases(3, dtype)
    print(dtype, "->", turn.dtype, torch.is_complex(turn), [f"{v:.3f}" for v in turn.angle().tolist()])
# --8<-- [end:real_and_complex]

# --8<-- [start:tests_with_a_message]
from torch.testing import assert_close

expected = torch.tensor([1.0, 2.0, float("nan")])
actual = torch.tensor([1.0, 2.001, float("nan")])
try:
    assert_close(actual, expected, equal_nan=True)
except AssertionError as error:
    print("\n".join(str(error).splitlines()[2:5]))
assert_close(actual, expected, equal_nan=True, rtol=1e-2, atol=0)
assert_close(torch.ones(2), torch.ones(2, dtype=torch.float64), check_dtype=False)
# --8<-- [end:tests_with_a_message]

# --8<-- [start:tests_of_a_whole_state]
torch.manual_seed(0)
state = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).state_dict()
changed = {name: value.clone() for name, value in state.items()}
changed["1.bias"] += 1
try:
    assert_close(changed, dict(state), msg=lambda text: f"after loading: {text.splitlines()[-1]}")
except AssertionError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:tests_of_a_whole_state]

# --8<-- [start:inputs_for_tests]
from torch.testing import make_tensor


def mean_square(x):
    return x.square().mean(dim=-1)


torch.manual_seed(0)
for dtype in (torch.float32, torch.float64, torch.complex64):
    for noncontiguous in (False, True):
        x = make_tensor((4, 6), dtype=dtype, device="cpu", low=-2, high=3, noncontiguous=noncontiguous)
        assert x.real.min() >= -2 and x.real.max() < 3 and x.is_contiguous() != noncontiguous
        assert_close(mean_square(x), (x * x).sum(dim=-1) / 6)
divisor = make_tensor((1000,), dtype=torch.int8, device="cpu", low=-1, high=2, exclude_zero=True)
print(divisor.unique().tolist(), make_tensor((2,), dtype=torch.float32, device="cpu", requires_grad=True).requires_grad)
# --8<-- [end:inputs_for_tests]
