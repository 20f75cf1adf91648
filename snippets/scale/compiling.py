# --8<-- [start:compiled_function]
import torch


def gelu(x):
    """GELU by its formula with tanh: eight operators, one after the other."""
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))


fast_gelu = torch.compile(gelu)

torch.manual_seed(0)
x = torch.randn(1000, 1000)
assert torch.allclose(fast_gelu(x), gelu(x), atol=1e-6)  # the first call compiles
fast_gelu(torch.tensor([-1.0, 0.0, 1.0]))
# --8<-- [end:compiled_function]

# --8<-- [start:faster]
import statistics
import time


def speedup(slow, fast, *inputs, rounds=9):
    """How many times as long ``slow`` takes: the median over pairs of calls."""
    slow(*inputs), fast(*inputs)  # compiled, and in the caches
    ratios = []
    for _ in range(rounds):
        start = time.perf_counter()
        slow(*inputs)
        middle = time.perf_counter()
        fast(*inputs)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


assert speedup(gelu, fast_gelu, x) > 1.5
# --8<-- [end:faster]


# --8<-- [start:one_product]
def square(x):
    return x @ x


assert speedup(square, torch.compile(square), x[:, :1000]) < speedup(gelu, fast_gelu, x)
# --8<-- [end:one_product]

# --8<-- [start:own_backend]
graphs = []


def looking(graph_module, example_inputs):
    """A backend that keeps the graph and runs it as it is."""
    graphs.append(graph_module)
    return graph_module.forward


@torch.compile(backend=looking)
def layer(x, weight):
    hidden = torch.relu(x @ weight)
    return {"sum": hidden.sum(), "rows": len(x)}


print(layer(torch.ones(2, 3), torch.ones(3, 4)))
for node in graphs[0].graph.nodes:
    print(f"{node.op:13} {node.name:8} {[str(a) for a in node.all_input_nodes]}")
# --8<-- [end:own_backend]


# --8<-- [start:guards]
import logging


def start_counting():
    """Forget all graphs; the compiler's hints on stderr are turned off."""
    torch.compiler.reset()
    graphs.clear()
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)


def graphs_after(function, calls, **options):
    """How many graphs there are after each of the calls."""
    start_counting()
    compiled = torch.compile(function, backend=looking, **options)
    counts = []
    for arguments in calls:
        compiled(*arguments)
        counts.append(len(graphs))
    return counts


def scaled(x, factor):
    return x * factor


def reduced(x, how):
    return x.sum() if how == "sum" else x.mean()


ones = torch.ones(3)
weights = ones.clone().requires_grad_()
words = ("sum", "mean", "max", "sum")
print("the same    ", graphs_after(scaled, [(ones, 2), (ones + 1, 2), (ones, 2)]))
print("dtypes      ", graphs_after(scaled, [(ones, 2), (ones.double(), 2), (ones, 2)]))
print("needs grad  ", graphs_after(scaled, [(ones, 2), (weights, 2)]))
print("integers    ", graphs_after(scaled, [(ones, n) for n in (2, 3, 4, 5)]))
print("words       ", graphs_after(reduced, [(ones, how) for how in words]))
# --8<-- [end:guards]


# --8<-- [start:lengths]
def doubled(x):
    return x * 2


calls = [(torch.ones(n),) for n in (3, 4, 5, 6, 1)]
print("default      ", graphs_after(doubled, calls))
print("dynamic=True ", graphs_after(doubled, calls, dynamic=True))
print("dynamic=False", graphs_after(doubled, calls, dynamic=False))
# --8<-- [end:lengths]

# --8<-- [start:mark_dynamic]
batches = [torch.ones(n, 4) for n in (32, 32, 7)]  # the last batch is smaller
for batch in batches:
    torch._dynamo.mark_dynamic(batch, 0)
print(graphs_after(doubled, [(batch,) for batch in batches]))
product = list(graphs[0].graph.nodes)[-2]
print(product.name, product.meta["example_value"].shape)
# --8<-- [end:mark_dynamic]

# --8<-- [start:recompile_limit]
names = [(ones, "a" * n) for n in range(12)]
counts = graphs_after(lambda x, name: x + len(name), names)
print(counts, torch._dynamo.config.recompile_limit)
# --8<-- [end:recompile_limit]

# --8<-- [start:limit_with_fullgraph]
graphs_after(lambda x, name: x + len(name), names, fullgraph=True)
# --8<-- [end:limit_with_fullgraph]


# --8<-- [start:stance]
start_counting()
eager_first = torch.compile(doubled, backend=looking)
with torch.compiler.set_stance("force_eager"):
    eager_first(ones)
print("forced eager:", len(graphs))

eager_first(ones)
with torch.compiler.set_stance("fail_on_recompile"):
    eager_first(ones + 1)
    try:
        eager_first(ones.long())
    except RuntimeError as error:
        told = str(error).splitlines()
        print(told[0].partition(". ")[0])
        print(told[-1].strip())
# --8<-- [end:stance]


# --8<-- [start:graph_break]
def limited(x):
    if x.abs().max() > 1:
        x = x / x.abs().max()
    return 2 * x


found = torch._dynamo.explain(limited)(ones)
print(found.graph_count, "graphs,", found.graph_break_count, "break")
print(found.break_reasons[0].user_stack[-1].line)
# --8<-- [end:graph_break]

# --8<-- [start:fullgraph]
try:
    torch.compile(limited, backend=looking, fullgraph=True)(ones)
except torch._dynamo.exc.Unsupported as error:
    told = str(error).splitlines()
    print(*told[:2], *[line for line in told if "torch.cond" in line], sep="\n")
# --8<-- [end:fullgraph]


# --8<-- [start:without_a_break]
def limited_by_where(x):
    largest = x.abs().max()
    return 2 * torch.where(largest > 1, x / largest, x)


def limited_by_cond(x):
    largest = x.abs().max()
    large = largest > 1
    return 2 * torch.cond(large, lambda x, m: x / m, lambda x, m: x.clone(), (x, largest))


for function in (limited_by_where, limited_by_cond):
    for value in (ones, 3 * ones, torch.zeros(3)):
        whole = torch.compile(function, backend=looking, fullgraph=True)
        assert torch.equal(whole(value), limited(value))
    counts = graphs_after(function, [(ones,), (3 * ones,)], fullgraph=True)
    print(function.__name__, counts)
# --8<-- [end:without_a_break]


# --8<-- [start:python_inside]
def printed(x):
    x = x * 2
    print("max:", float(x.max()))
    return x + 1


seen = []


@torch.compiler.disable
def log(x):
    seen.append(float(x.max()))


def logged(x):
    x = x * 2
    log(x)
    return x + 1


print("print  ", graphs_after(printed, [(ones,)] * 2))
print("disable", graphs_after(logged, [(ones,)] * 2), seen)
# --8<-- [end:python_inside]


# --8<-- [start:is_compiling]
def checked(x):
    if not torch.compiler.is_compiling() and x.isnan().any():
        raise ValueError("not a number")
    return x * 2


nan = torch.tensor([torch.nan])
print(graphs_after(checked, [(ones,)]), torch.compile(checked, backend=looking)(nan))
# --8<-- [end:is_compiling]

# --8<-- [start:training]
import copy

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


torch.manual_seed(0)
net = Net()
twin = copy.deepcopy(net)
net.compile()  # in place: it stays a Net
inputs, targets = torch.randn(256, 20), torch.randn(256, 1)
for model in (net, twin):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{type(model).__name__} {loss.item():.4f}")
for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
    assert torch.allclose(ours, theirs, atol=1e-5)
# --8<-- [end:training]

# --8<-- [start:names_of_weights]
torch.manual_seed(0)
wrapped = torch.compile(nn.Linear(2, 1))
print(type(wrapped).__name__, list(wrapped.state_dict()))
print(type(net).__name__, list(net.state_dict()))
nn.Linear(2, 1).load_state_dict(wrapped.state_dict())
# --8<-- [end:names_of_weights]


# --8<-- [start:compiled_optimizer]
def graphs_of_steps(make, change):
    """How many graphs there are after each of five steps with another rate."""
    weights = [torch.ones(3, requires_grad=True) for _ in range(10)]
    for weight in weights:
        weight.grad = torch.ones(3)
    optimizer = make(weights)
    start_counting()
    step = torch.compile(optimizer.step, backend=looking)
    counts = []
    for k in range(1, 6):
        step()
        counts.append(len(graphs))
        change(optimizer.param_groups[0], 0.1 / k)
    return counts


number = graphs_of_steps(
    lambda weights: torch.optim.Adam(weights, lr=0.1),
    lambda group, lr: group.update(lr=lr),
)
tensor = graphs_of_steps(
    lambda weights: torch.optim.Adam(weights, lr=torch.tensor(0.1), capturable=True),
    lambda group, lr: group["lr"].fill_(lr),
)
for kind, counts in (("number", number), ("tensor", tensor)):
    again, once_more = counts[2] > counts[0], counts[-1] > counts[2]
    print(f"lr as a {kind}: compiled again {again}, and once more {once_more}")
# --8<-- [end:compiled_optimizer]


# --8<-- [start:regional]
class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.relu(self.linear(x))


torch.manual_seed(0)
deep = nn.Sequential(*[Residual(16) for _ in range(12)])
rows = torch.randn(2, 16, requires_grad=True)
whole = graphs_after(deep, [(rows,)])
print("whole:", whole, "graph,", len(graphs[0].graph.nodes), "nodes")

start_counting()
for block in deep:
    block.compile(backend=looking)
deep(rows)
print("by block:", [len(graph.graph.nodes) for graph in graphs], "nodes")
# --8<-- [end:regional]

# --8<-- [start:nested_region]
torch.manual_seed(0)
blocks = [Residual(16) for _ in range(12)]
once = torch.compiler.nested_compile_region(lambda block, x: block(x))


def forward(x):
    for block in blocks:
        x = once(block, x)
    return x


print(graphs_after(forward, [(rows,)], fullgraph=True))
print([(name, len(part.graph.nodes)) for name, part in graphs[0].named_children()])
body = torch.ops.higher_order.invoke_subgraph
print(len(graphs[0].graph.find_nodes(op="call_function", target=body)), "calls")
# --8<-- [end:nested_region]

# --8<-- [start:caches]
from torch._dynamo.utils import counters

torch.compiler.reset()  # forgets what this process has compiled
counters.clear()
start = time.perf_counter()
fast_gelu(x)
first = time.perf_counter() - start
start = time.perf_counter()
fast_gelu(x)
assert first > 3 * (time.perf_counter() - start)
print(counters["aot_autograd"]["autograd_cache_hit"], "hit: the code was on the disk")
kept, told = torch.compiler.save_cache_artifacts()
loaded = torch.compiler.load_cache_artifacts(kept)
assert loaded.artifacts.keys() == told.artifacts.keys()
print(sorted(told.artifacts), type(kept).__name__)
# --8<-- [end:caches]


# --8<-- [start:random_numbers]
def dropped(seed, function):
    torch.manual_seed(seed)
    return function(torch.ones(100))


def dropout(x):
    return nn.functional.dropout(x, 0.5)


fast = torch.compile(dropout)
print("again:", torch.equal(dropped(0, fast), dropped(0, fast)))
print("as eager:", torch.equal(dropped(0, fast), dropped(0, dropout)))
same = torch.compile(dropout, options={"fallback_random": True})
print("fallback_random:", torch.equal(dropped(0, same), dropped(0, dropout)))
# --8<-- [end:random_numbers]

# --8<-- [start:modes]
for mode, options in torch._inductor.list_mode_options().items():
    on = sorted(name for name, value in options.items() if value is True)
    print(f"{mode:27}", ", ".join(on))
print(torch.compiler.list_backends(), torch.compiler.get_default_backend())
# --8<-- [end:modes]

# --8<-- [start:no_compiler]
with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
    torch.compile(lambda x: x.cos() * 5)(ones)
# --8<-- [end:no_compiler]


# --8<-- [start:solution_one_graph]
def clipped(x, limit):
    norm = x.norm()
    return x * torch.clamp(limit / norm, max=1)


def clipped_with_if(x, limit):
    norm = x.norm()
    return x * (limit / norm) if norm > limit else x


for value in (ones, 10 * ones):
    assert torch.allclose(clipped(value, 3.0), clipped_with_if(value, 3.0))
graphs_after(clipped, [(ones, 3.0), (10 * ones, 3.0)], fullgraph=True)
# --8<-- [end:solution_one_graph]

# --8<-- [start:solution_padded]

torch.manual_seed(0)
sequences = [torch.randn(n) for n in (3, 5, 6, 9, 11, 14, 17, 30)]


def padded(sequence):
    """Filled with zeros to the next power of two."""
    length = 1 << (len(sequence) - 1).bit_length()
    return nn.functional.pad(sequence, (0, length - len(sequence)))


lengths = [len(padded(s)) for s in sequences]
print(lengths)
print(graphs_after(lambda x: x.sum(), [(padded(s),) for s in sequences], dynamic=False))
for s in sequences:
    assert torch.allclose(padded(s).sum(), s.sum(), atol=1e-5)
# --8<-- [end:solution_padded]


# --8<-- [start:solution_counting]
from collections import Counter


def operators(function, *inputs):
    """The operators of a function's graph, with how often each stands in it."""
    graphs_after(function, [inputs], fullgraph=True)
    calls = [n for n in graphs[0].graph.nodes if n.op.startswith("call")]
    return Counter(getattr(n.target, "__name__", n.target) for n in calls)


assert operators(gelu, ones)["mul"] == 4
operators(gelu, ones)
# --8<-- [end:solution_counting]
