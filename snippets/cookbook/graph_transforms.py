# --8<-- [start:see_the_program]
import torch
from torch import fx, nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.gate = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.up(x) * self.gate(x).sigmoid()


torch.manual_seed(0)
net = Gated()
traced = fx.symbolic_trace(net)
print(traced.code.strip())
x = torch.ones(2, 4)
assert torch.equal(traced(x), net(x)) and traced.up.weight is net.up.weight
# --8<-- [end:see_the_program]

# --8<-- [start:list_nodes]
for node in traced.graph.nodes:
    target = node.target if isinstance(node.target, str) else node.target.__name__
    print(f"{node.name:8} {node.op:13} {target:8} from {node.all_input_nodes} for {list(node.users)}")
# --8<-- [end:list_nodes]


# --8<-- [start:branch_on_values]
def scale(x, double=False):
    if double:
        return 2 * x
    return x if x.sum() > 0 else -x


try:
    fx.symbolic_trace(scale)
except fx.proxy.TraceError as error:
    print(type(error).__name__, "-", error)
doubled = fx.symbolic_trace(scale, concrete_args={"double": True})
print([node.name for node in doubled.graph.nodes], doubled(torch.tensor([3.0]), True))
# --8<-- [end:branch_on_values]


# --8<-- [start:keep_a_function_whole]
def smallest_positive(x):
    return min((v for v in x.tolist() if v > 0), default=0.0)


fx.wrap("smallest_positive")  # at the top level of a file, before tracing


def shifted(x):
    return x - smallest_positive(x)


traced = fx.symbolic_trace(shifted)
print([(node.op, node.name) for node in traced.graph.nodes])
print(traced(torch.tensor([-1.0, 5.0, 2.0])), traced(torch.tensor([-1.0, -2.0])))
# --8<-- [end:keep_a_function_whole]


# --8<-- [start:keep_a_module_whole]
class KeepGated(fx.Tracer):
    def is_leaf_module(self, m, qualified_name):
        return isinstance(m, Gated) or super().is_leaf_module(m, qualified_name)


torch.manual_seed(0)
net = nn.Sequential(Gated(), nn.ReLU(), nn.Linear(3, 1))
for tracer in (fx.Tracer(), KeepGated()):
    graph = tracer.trace(net)
    print(type(tracer).__name__, [node.name for node in graph.nodes])
print(tracer.path_of_module(net[0].gate))
x = torch.ones(2, 4)
assert torch.equal(fx.GraphModule(net, graph)(x), net(x))
# --8<-- [end:keep_a_module_whole]


# --8<-- [start:loop_over_rows]
class ThreeRows(fx.Tracer):
    def iter(self, obj):  # what a loop over a traced value takes
        return iter([obj[row] for row in range(3)])


def fold(x):
    total = 0.0
    for row in x:
        total = row + 0.5 * total
    return total


try:
    fx.symbolic_trace(fold)
except fx.proxy.TraceError as error:
    print(str(error).split(". ")[0])
unrolled = fx.GraphModule({}, ThreeRows().trace(fold))
x = torch.tensor([[1.0, 8.0], [2.0, 4.0], [3.0, 0.0]])
print(len(unrolled.graph.nodes), "nodes:", unrolled(x))
assert torch.equal(unrolled(x), fold(x))
# --8<-- [end:loop_over_rows]


# --8<-- [start:record_one_branch]
class TakeBranches(fx.Tracer):
    def to_bool(self, obj):
        seen.append(obj.node.format_node())
        return True


seen = []
graph = TakeBranches().trace(scale, concrete_args={"double": False})
positive = fx.GraphModule({}, graph)
print(seen)
print(positive(torch.tensor([3.0])), positive(torch.tensor([-3.0])), "but", scale(torch.tensor([-3.0])))
# --8<-- [end:record_one_branch]


# --8<-- [start:own_class_as_argument]
class Window:
    def __init__(self, start, length):
        self.start, self.length = start, length


class WindowTracer(fx.Tracer):
    def create_arg(self, a):
        if isinstance(a, Window):
            return self.create_node("call_function", Window, (a.start, a.length), {})
        return super().create_arg(a)


@fx.wrap
def cut(x, window):
    return x[window.start : window.start + window.length]


def middle(x):
    return cut(x, Window(2, 3))


try:
    fx.symbolic_trace(middle)
except NotImplementedError as error:
    print(type(error).__name__, "-", str(error).split(":")[0])
traced = fx.GraphModule({}, WindowTracer().trace(middle))
print([node.name for node in traced.graph.nodes], traced(torch.arange(10)))
# --8<-- [end:own_class_as_argument]


# --8<-- [start:line_of_a_node]
class WithLines(fx.Tracer):
    record_stack_traces = True


class Centre(nn.Module):
    def forward(self, x):
        middle = x.median()
        return x - middle


graph = WithLines().trace(Centre())
for node in graph.nodes:
    if node.stack_trace:
        print(f"{node.name:7} {node.stack_trace.splitlines()[1].strip()}")
# --8<-- [end:line_of_a_node]

# --8<-- [start:swap_an_activation]
import torch.nn.functional as F


def two_layers(x):
    return torch.relu(torch.relu(x - 1) * 2 - x)


traced = fx.symbolic_trace(two_layers)
for node in traced.graph.find_nodes(op="call_function", target=torch.relu):
    node.target = F.gelu
    node.kwargs = {"approximate": "tanh"}
traced.graph.lint()
traced.recompile()  # otherwise the old code still runs
x = torch.tensor([-1.0, 0.5, 3.0], dtype=torch.float64)
y = traced(x)
print([f"{v:.3f}" for v in y.tolist()])
by_hand = F.gelu(F.gelu(x - 1, approximate="tanh") * 2 - x, approximate="tanh")
assert torch.allclose(y, by_hand)
# --8<-- [end:swap_an_activation]

# --8<-- [start:add_after_a_node]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
traced = fx.symbolic_trace(net)
for node in traced.graph.find_nodes(op="call_module"):
    with traced.graph.inserting_after(node):
        bounded = traced.graph.call_function(torch.clamp, (node,), {"min": -0.2, "max": 0.2})
    node.replace_all_uses_with(bounded, delete_user_cb=lambda user, own=bounded: user is not own)
traced.recompile()
x = 10 * torch.ones(1, 2)
print([node.name for node in traced.graph.nodes])
print(traced(x).detach())
assert torch.equal(traced(x), net[1](net[0](x).clamp(-0.2, 0.2)).clamp(-0.2, 0.2))
# --8<-- [end:add_after_a_node]


# --8<-- [start:watch_before_a_node]
class Range(nn.Module):
    def forward(self, x):
        self.low, self.high = x.min().item(), x.max().item()
        return x


torch.manual_seed(0)
traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()))
for node in traced.graph.find_nodes(op="call_module"):
    if isinstance(traced.get_submodule(node.target), nn.Tanh):
        traced.add_submodule(f"watch.at_{node.name}", Range())
        with traced.graph.inserting_before(node):
            node.replace_input_with(node.args[0], traced.graph.call_module(f"watch.at_{node.name}", node.args))
traced.recompile()
traced(torch.tensor([[3.0, 0.0], [0.0, -3.0]]))
for name, watch in traced.watch.named_children():
    print(f"{name}: {watch.low:.2f} to {watch.high:.2f}")
assert watch.high < traced.watch.at__1.high
# --8<-- [end:watch_before_a_node]

# --8<-- [start:fold_batch_norm]
from torch.nn.utils import fuse_conv_bn_eval

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
net(torch.randn(16, 1, 8, 8) * 3 + 1)  # fills the running statistics
net.eval()
traced = fx.symbolic_trace(net)
for bn in traced.graph.find_nodes(op="call_module"):
    conv = bn.args[0]
    if isinstance(traced.get_submodule(bn.target), nn.BatchNorm2d) and len(conv.users) == 1:
        fused = fuse_conv_bn_eval(traced.get_submodule(conv.target), traced.get_submodule(bn.target))
        traced.add_submodule(conv.target, fused)
        bn.replace_all_uses_with(conv)
        traced.graph.erase_node(bn)
traced.delete_all_unused_submodules()
traced.recompile()
print([type(m).__name__ for m in traced.children()])
x = torch.randn(2, 1, 8, 8)
assert torch.allclose(traced(x), net(x), atol=1e-5)
# --8<-- [end:fold_batch_norm]

# --8<-- [start:remove_a_layer]
torch.manual_seed(0)
traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1)))
(drop,) = (n for n in traced.graph.nodes if n.op == "call_module" and n.target == "1")
try:
    traced.graph.erase_node(drop)
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).split(":")[0])
for user in list(drop.users):
    user.replace_input_with(drop, drop.args[0])
traced.graph.erase_node(drop)
traced.delete_submodule("1")
traced.recompile()
print([name for name, _ in traced.named_children()])
x = torch.ones(1, 2)
assert torch.equal(traced(x), traced(x))  # nothing is drawn any more
# --8<-- [end:remove_a_layer]

# --8<-- [start:dead_code]
log = []


@fx.has_side_effect
def note(value):
    log.append(value)


fx.wrap("note")


def wasteful(x):
    _unused = x.exp() + 1
    note(x.shape[0])
    return x * 2


traced = fx.symbolic_trace(wasteful)
before = [node.name for node in traced.graph.nodes]
print("changed:", traced.graph.eliminate_dead_code())
traced.recompile()
left = [node.name for node in traced.graph.nodes]
print("removed:", [name for name in before if name not in left], " kept:", left)
print(traced(torch.ones(3)), log, [n.name for n in traced.graph.nodes if n.is_impure()])
# --8<-- [end:dead_code]


# --8<-- [start:change_arguments]
def pool(x):
    return torch.sum(x, 1, keepdim=False)


traced = fx.symbolic_trace(pool)
(node,) = traced.graph.find_nodes(op="call_function", target=torch.sum)
node.update_arg(1, 0)  # another dimension
node.update_kwarg("keepdim", True)
traced.recompile()
x = torch.arange(6.0).view(2, 3)
print(node.args, node.kwargs, traced(x))
node.target, node.kwargs = torch.transpose, {}
node.insert_arg(1, 1)  # before the dimension 0
traced.recompile()
print(node.args, tuple(traced(x).shape))
# --8<-- [end:change_arguments]


# --8<-- [start:arguments_by_name]
def three_ways(x):
    return torch.flatten(x) + torch.flatten(x, 0, -1) + torch.flatten(x, end_dim=1)


traced = fx.symbolic_trace(three_ways)
for node in traced.graph.find_nodes(op="call_function", target=torch.flatten):
    full = node.normalized_arguments(traced, normalize_to_only_use_kwargs=True)
    print(f"{node.args!s:10} {node.kwargs!s:14} ->", {k: v for k, v in full.kwargs.items() if k != "input"})
# --8<-- [end:arguments_by_name]

# --8<-- [start:return_more]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
traced = fx.symbolic_trace(net)
out = traced.graph.output_node()
hidden = out.prev.prev  # the node before the one before the output
out.args = ((out.args[0], hidden),)
traced.recompile()
score, features = traced(torch.ones(2, 4))
print(hidden.name, tuple(score.shape), tuple(features.shape))
assert torch.equal(features, net[:2](torch.ones(2, 4)))
# --8<-- [end:return_more]

# --8<-- [start:move_a_node]
import operator


def early(x):
    mask = x > 0  # needed last
    y = (x * 3).tanh()
    return y * mask


traced = fx.symbolic_trace(early)
print([node.name for node in traced.graph.nodes])
(mask,) = traced.graph.find_nodes(op="call_function", target=operator.gt)
(user,) = mask.users
user.append(mask)  # one place too far
try:
    traced.graph.lint()
except RuntimeError as error:
    print(str(error).split("!")[0])
user.prepend(mask)  # to the place just before its user
traced.graph.lint()
traced.recompile()
print([node.name for node in traced.graph.nodes], "before the mask:", mask.prev.name)
x = torch.tensor([-1.0, 2.0])
assert torch.equal(traced(x), early(x))
# --8<-- [end:move_a_node]


# --8<-- [start:build_from_nothing]
def polynomial(coefficients):
    graph = fx.Graph()
    x = graph.placeholder("x")
    value = coefficients[-1]
    for c in reversed(coefficients[:-1]):  # Horner's rule
        value = graph.call_function(operator.add, (graph.call_function(operator.mul, (value, x)), c))
    graph.output(value)
    return fx.GraphModule({}, graph)


p = polynomial([5.0, 0.0, -2.0, 1.0])
x = torch.tensor([0.0, 1.0, 2.0, 3.0])
print(p(x))
print(p.graph.output_node().args[0].format_node())
assert torch.equal(p(x), 5 - 2 * x**2 + x**3)
# --8<-- [end:build_from_nothing]

# --8<-- [start:module_from_weights]
root = nn.Module()
root.weight = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
root.act = nn.ReLU()
graph = fx.Graph()
x = graph.placeholder("x")
product = graph.call_function(torch.matmul, (x, graph.get_attr("weight")))
graph.output(graph.call_module("act", (graph.call_method("sub", (product, 4.0)),)))
net = fx.GraphModule(root, graph)
out = net(torch.ones(1, 2))
out.sum().backward()
print(out, net.weight.grad)
# --8<-- [end:module_from_weights]


# --8<-- [start:join_two_graphs]
def standardise(x):
    return (x - 10) / 2


def model(x):
    return x**2 + 1


graph = fx.Graph()
x = graph.placeholder("x")
result = x
for part in (standardise, model):
    traced = fx.symbolic_trace(part)
    (entry,) = traced.graph.find_nodes(op="placeholder")
    result = graph.graph_copy(traced.graph, val_map={entry: result})
graph.output(result)
both = fx.GraphModule({}, graph)
print([node.name for node in graph.nodes], both(torch.tensor([10.0, 14.0])))
# --8<-- [end:join_two_graphs]


# --8<-- [start:first_half]
def until(traced, name):
    graph, new = fx.Graph(), {}
    for node in traced.graph.nodes:
        new[node] = graph.node_copy(node, lambda old: new[old])
        if node.name == name:
            graph.output(new[node])
            return fx.GraphModule(traced, graph)


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
features = until(fx.symbolic_trace(net), "_1")
x = torch.ones(2, 4)
print([name for name, _ in features.named_modules() if name], tuple(features(x).shape))
assert torch.equal(features(x), net[:2](x))
# --8<-- [end:first_half]


# --8<-- [start:replace_a_pattern]
class Old(nn.Module):
    def forward(self, x, y):
        a = x * torch.sigmoid(x)
        return a + y * torch.sigmoid(y) + torch.sigmoid(a)


traced = fx.symbolic_trace(Old())
matches = fx.replace_pattern(traced, lambda v: v * torch.sigmoid(v), lambda v: F.silu(v))
print(len(matches), "matches")
print([node.name for node in traced.graph.nodes])
x, y = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
assert torch.allclose(traced(x, y), Old()(x, y))
# --8<-- [end:replace_a_pattern]


# --8<-- [start:replace_by_plain_code]
def relu_by_comparison(x):
    return x * (x > 0)


def decompose(traced):
    graph, env = fx.Graph(), {}
    tracer = fx.proxy.GraphAppendingTracer(graph)
    for node in traced.graph.nodes:
        if node.op == "call_function" and node.target is torch.relu:
            proxies = fx.map_arg(node.args, lambda n: fx.Proxy(env[n], tracer))
            env[node] = relu_by_comparison(*proxies).node
        else:
            env[node] = graph.node_copy(node, lambda n: env[n])
    return fx.GraphModule(traced, graph)


plain = decompose(fx.symbolic_trace(two_layers))
print([node.name for node in plain.graph.nodes])
x = torch.tensor([-1.0, 0.5, 3.0])
assert torch.equal(plain(x), two_layers(x))
# --8<-- [end:replace_by_plain_code]


# --8<-- [start:transformer]
class Quieter(fx.Transformer):
    def call_function(self, target, args, kwargs):
        if target is torch.relu:
            return super().call_function(F.hardtanh, args, {"min_val": 0.0, "max_val": 1.0})
        return super().call_function(target, args, kwargs)


traced = fx.symbolic_trace(two_layers)
bounded = Quieter(traced).transform()
x = torch.tensor([-1.0, 0.5, 3.0])
print("before:", traced(x), " after:", bounded(x))
assert torch.equal(bounded(x), ((x - 1).clamp(0, 1) * 2 - x).clamp(0, 1))
# --8<-- [end:transformer]


# --8<-- [start:lines_in_the_code]
def with_report(current):
    def change(lines):
        return ["print('called with', tuple(x.shape))\n", *lines]  # the body of forward

    return change


traced = fx.symbolic_trace(two_layers)
with traced.graph.on_generate_code(with_report):
    traced.recompile()
    loud = traced.graph.python_code("self").src
    traced(torch.ones(2, 5))
traced.recompile()
quiet = traced.graph.python_code("self").src
traced(torch.ones(2, 5))
print("lines:", len(loud.splitlines()), len(quiet.splitlines()))
# --8<-- [end:lines_in_the_code]

# --8<-- [start:write_as_a_package]
import importlib
import sys
from pathlib import Path


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, x):
        return self.layer(x).tanh()


torch.manual_seed(0)
net = Small()
fx.symbolic_trace(net).to_folder("small_net", "SmallNet")
print(sorted(path.name for path in Path("small_net").iterdir() if path.is_file()))
sys.path.insert(0, ".")
again = importlib.import_module("small_net").SmallNet()
x = torch.ones(1, 2)
print(again(x).detach())
assert torch.equal(again(x), net(x))
# --8<-- [end:write_as_a_package]


# --8<-- [start:watch_every_node]
class FindInfinity(fx.Interpreter):
    def run_node(self, node):
        result = super().run_node(node)
        if not torch.isfinite(result).all():
            bad.append(node.name)
        return result


def entropy(p):
    logs = p.log()
    return -(p * logs).sum()


bad = []
traced = fx.symbolic_trace(entropy)
p = torch.tensor([0.5, 0.5, 0.0])
print("result:", FindInfinity(traced).run(p), " from:", bad)
print("with xlogy:", -torch.xlogy(p, p).sum())
assert bad[0] == "log"
# --8<-- [end:watch_every_node]


# --8<-- [start:run_in_low_precision]
class Rounded(fx.Interpreter):
    def round(self, result):
        return result.bfloat16().float()

    def call_function(self, target, args, kwargs):
        return self.round(super().call_function(target, args, kwargs))

    def call_module(self, target, args, kwargs):
        return self.round(super().call_module(target, args, kwargs))

    def call_method(self, target, args, kwargs):
        return self.round(super().call_method(target, args, kwargs))


def sums(x):
    return torch.add(x, 256.0).sub(256.0)


x = torch.tensor([0.25, 1.0, 3.0])
print("float32:", sums(x), " rounded:", Rounded(fx.symbolic_trace(sums)).run(x))
assert torch.equal(Rounded(fx.symbolic_trace(sums)).run(x), sums(x.bfloat16()).float())
# --8<-- [end:run_in_low_precision]

# --8<-- [start:start_in_the_middle]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
traced = fx.symbolic_trace(net)
keep = fx.Interpreter(traced, garbage_collect_values=False)
x = torch.tensor([[-1.0, 2.0, -3.0, 1.0]])
keep.run(x)
hidden = next(node for node in keep.env if node.name == "_1")
print("kept:", [node.name for node in keep.env])
unit = keep.env[hidden].argmax()
silent = keep.env[hidden].clone()
silent[:, unit] = 0.0  # what if the strongest hidden unit were silent?
changed = fx.Interpreter(traced).run(x, initial_env={hidden: silent})
effect = (net(x) - changed).squeeze()
print(f"unit {unit}: {keep.env[hidden][0, unit]:.3f} times {net[2].weight[0, unit]:.3f} is {effect:.3f}")
assert torch.allclose(effect, keep.env[hidden][0, unit] * net[2].weight[0, unit])
# --8<-- [end:start_in_the_middle]

# --8<-- [start:shapes_of_all_nodes]
from torch.fx.passes.shape_prop import ShapeProp

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 10))
traced = fx.symbolic_trace(net)
ShapeProp(traced).propagate(torch.randn(2, 1, 8, 8))
total = 0
for node in traced.graph.nodes:
    found = node.meta["tensor_meta"]
    total += found.shape.numel() * found.dtype.itemsize
    print(f"{node.name:8} {tuple(found.shape)!s:15} {found.dtype}")
print("bytes:", total)
assert total == 4 * 2 * (64 + 3 * 144 + 2 * 10)
# --8<-- [end:shapes_of_all_nodes]


# --8<-- [start:count_multiplications]
def multiplications(net, *inputs):
    traced = fx.symbolic_trace(net)
    ShapeProp(traced).propagate(*inputs)
    counts = {}
    for node in traced.graph.find_nodes(op="call_module"):
        layer = traced.get_submodule(node.target)
        weight = getattr(layer, "weight", None)
        if weight is not None:  # each output number is a sum over one row or one filter
            counts[node.target] = node.meta["tensor_meta"].shape.numel() * weight[0].numel()
    return counts


with torch.device("meta"):  # shapes only: nothing is computed
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 224 * 224, 10))
    counts = multiplications(net, torch.empty(1, 3, 224, 224))
print(counts)
assert counts == {"0": 64 * 224 * 224 * 27, "3": 10 * 64 * 224 * 224}
# --8<-- [end:count_multiplications]

# --8<-- [start:split_in_two]
from torch.fx.passes.split_module import split_module

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
traced = fx.symbolic_trace(net)
parts = split_module(traced, net, lambda node: 0 if node.name in ("_0", "_1") else 1)
print([name for name, _ in parts.named_children()])
x = torch.ones(2, 4)
middle = parts.submod_0(x)
print(tuple(middle.shape), [name for name, _ in parts.submod_1.named_children()])
assert torch.equal(parts(x), net(x)) and torch.equal(parts.submod_1(middle), net(x))
# --8<-- [end:split_in_two]

# --8<-- [start:operators_of_a_gradient]
from torch.fx.experimental.proxy_tensor import make_fx


def loss(w, x):
    total = 0.0
    for row in x:  # runs with real tensors, so a loop is no problem here
        total = total + (w * row).tanh().sum()
    return total


w, x = torch.tensor([0.5, -1.0]), torch.tensor([[2.0, 3.0]])
graph = make_fx(torch.func.grad(loss))(w, x)
called = [node.name for node in graph.graph.nodes if node.op == "call_function"]
print([name for name in called if "tanh" in name])
print(graph(w, x))
assert torch.allclose(graph(w, x), x[0] / torch.cosh(w * x[0]) ** 2)
# --8<-- [end:operators_of_a_gradient]
