# --8<-- [start:forward_at_once]
import torch

x = torch.tensor(2.0, requires_grad=True)
h = 3 * x
print("after line 1:", h)
y = h**2
print("after line 2:", y)
assert y.grad_fn.next_functions[0][0] is h.grad_fn
# --8<-- [end:forward_at_once]

# --8<-- [start:error_at_once]
inputs = torch.ones(4, 3)
weight = torch.ones(4, 2)

print("before the product")
outputs = inputs @ weight
print("after the product")
# --8<-- [end:error_at_once]

# --8<-- [start:saved_freed]
x = torch.tensor(3.0, requires_grad=True)
y = x**2
node = y.grad_fn
print(node.name(), "saved", node._saved_self.item(), "and", node._saved_exponent)

y.backward()
print(node.name(), "still leads to", node.next_functions[0][0].name())
node._saved_self
# --8<-- [end:saved_freed]

# --8<-- [start:count_saved]
import weakref

from torch.autograd.graph import saved_tensors_hooks


in_graph = weakref.WeakSet()  # forgets a parcel as soon as nobody holds it


class Parcel:
    def __init__(self, tensor):
        self.tensor = tensor
        in_graph.add(self)


x = torch.tensor(3.0, requires_grad=True)
with saved_tensors_hooks(Parcel, lambda parcel: parcel.tensor):
    y = torch.sin(x) * x**2
    z = torch.sin(x) * x**3
print(f"forward to {y.item():.3f} and {z.item():.3f}:", len(in_graph))
y.backward(retain_graph=True)
print("backward, retained:", len(in_graph))
y.backward()
print("backward:", len(in_graph))
del z
print("without z:", len(in_graph))
# --8<-- [end:count_saved]

# --8<-- [start:branch]
def bent(x):
    if x > 0:
        return x**2
    return torch.exp(x)


for value in (0.75, 0.0):
    x = torch.tensor(value, requires_grad=True)
    y = bent(x)
    y.backward()
    node = y.grad_fn.name()
    print(f"bent({value}) = {y.item()}, slope {x.grad.item()}: {node}")
# --8<-- [end:branch]

# --8<-- [start:loop]
def double_until(x, limit):
    steps = 0
    while x < limit:
        x = 2 * x
        steps += 1
    return x, steps


for value in (3.0, 25.0, 300.0):
    x = torch.tensor(value, requires_grad=True)
    y, steps = double_until(x, limit=100)
    y.backward()
    print(f"from {value}: {steps} steps to {y.item()}, slope {x.grad.item()}")
    assert x.grad == 2**steps
# --8<-- [end:loop]

# --8<-- [start:hard_and_soft_gate]
def hard_gate(x, threshold):
    return x if x > threshold else 0 * x


def soft_gate(x, threshold):
    return x * torch.sigmoid((x - threshold) / 0.5)


for gate in (hard_gate, soft_gate):
    for value in (2.0, 0.5):
        x = torch.tensor(value, requires_grad=True)
        threshold = torch.tensor(1.0, requires_grad=True)
        y = gate(x, threshold)
        (slope,) = torch.autograd.grad(y, threshold, allow_unused=True)
        print(f"{gate.__name__}({value}) = {y.item():.3f}, slope: {slope!s}")
# --8<-- [end:hard_and_soft_gate]

# --8<-- [start:leaf_table]
import pandas as pd

data = torch.tensor([1.0, 2.0])
weight = torch.tensor([3.0, 4.0], requires_grad=True)
with torch.no_grad():
    unrecorded = weight * data

tensors = {"data": data, "data / 2": data / 2, "weight": weight}
tensors |= {"weight * data": weight * data, "unrecorded": unrecorded}
tensors |= {"detached": weight.detach(), "weight.double()": weight.double()}
rows = {}
for name, t in tensors.items():
    grad_fn = t.grad_fn.name() if t.grad_fn else "-"
    rows[name] = [t.tolist(), t.is_leaf, t.requires_grad, grad_fn]
    assert t.is_leaf == (t.grad_fn is None)
columns = ["value", "is_leaf", "requires_grad", "grad_fn"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:leaf_table]

# --8<-- [start:optimizer_non_leaf]
weight = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
weight.sum().backward()
optimizer.step()
print(weight)

weight = torch.tensor([3.0, 4.0], requires_grad=True).double()
optimizer = torch.optim.SGD([weight])
# --8<-- [end:optimizer_non_leaf]

# --8<-- [start:next_functions]
pair = torch.tensor([2.0, 3.0], requires_grad=True)
first, second = pair.unbind()
y = 5 * first + second
print(y)

add = y.grad_fn
for node, number in add.next_functions:
    print(add.name(), "->", node.name(), "result", number)
mul = add.next_functions[0][0]
print([node and (node.name(), number) for node, number in mul.next_functions])

unbind = mul.next_functions[0][0]
assert unbind is add.next_functions[1][0]
leaf = unbind.next_functions[0][0]
print(leaf.name(), leaf.variable)
assert leaf.variable is pair
# --8<-- [end:next_functions]

# --8<-- [start:walk]
def walk(root):
    """Every node behind root, with its depth: the longest way from root."""
    depth, waiting = {}, [(root, 0)]
    while waiting:
        node, level = waiting.pop(0)
        if level > depth.get(node, -1):
            depth[node] = level
            inputs = [n for n, _ in node.next_functions if n is not None]
            waiting += [(n, level + 1) for n in inputs]
    return depth


x, target = torch.tensor(2.0), torch.tensor(9.0)
w = torch.tensor(3.0, requires_grad=True)
b = torch.tensor(1.0, requires_grad=True)
loss = (w * x + b - target) ** 2 + 0.1 * w**2
print(loss)

for node, level in walk(loss.grad_fn).items():
    print(level, node.name())
# --8<-- [end:walk]

# --8<-- [start:tensors_and_nodes]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREY = "#2f6fdb", "#e4572e", "#7a8599"


def draw(ax, spots, labels, colors, arrows):
    boxes = {}
    for key, spot in spots.items():
        style = {"ha": "center", "va": "center"}
        style["bbox"] = {"boxstyle": "round", "fc": "none", "ec": colors[key]}
        boxes[key] = ax.text(*spot, labels[key], **style)
    for start, end in arrows:
        style = {"arrowstyle": "->", "color": GREY}
        style["patchA"] = boxes[start].get_bbox_patch()
        style["patchB"] = boxes[end].get_bbox_patch()
        ax.annotate("", spots[end], spots[start], arrowprops=style)
    ax.plot(*zip(*spots.values(), strict=True), " ")  # only sets the limits
    ax.margins(0.25)
    ax.axis("off")
    return boxes


x = torch.tensor(2.0, requires_grad=True)
h = 3 * x
y = h**2
nodes = [h.grad_fn.next_functions[0][0], h.grad_fn, y.grad_fn]
spots, labels, colors = {}, {}, {}
for column, (name, t) in enumerate({"x": x, "h": h, "y": y}.items()):
    node = nodes[column]
    spots |= {t: (column, 1), node: (column, 0)}
    labels |= {t: f"{name} = {t.item():g}", node: node.name().split("::")[-1]}
    colors |= {t: GREY, node: ORANGE if t.is_leaf else BLUE}
arrows = [(h, h.grad_fn), (y, y.grad_fn), (nodes[2], nodes[1])]
arrows += [(nodes[1], nodes[0]), (nodes[0], nodes[0].variable)]

fig, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
boxes = draw(ax, spots, labels, colors, arrows)
print(len(boxes), "boxes")
for start, end in arrows:
    print(labels[start], spots[start], "->", labels[end], spots[end])
plt.show()
# --8<-- [end:tensors_and_nodes]

# --8<-- [start:graph_of_formula]
def draw_graph(ax, root, **leaves):
    depth = walk(root)
    spots, labels, colors, arrows = {}, {}, {}, []
    for node, level in depth.items():
        row = [n for n in depth if depth[n] == level]
        spots[node] = (row.index(node) - (len(row) - 1) / 2, -level)
        labels[node] = node.name().split("::")[-1]
        colors[node] = BLUE
        for name, leaf in leaves.items():
            if getattr(node, "variable", None) is leaf:
                labels[node] += f": {name}"
                colors[node] = ORANGE
        arrows += [(node, n) for n, _ in node.next_functions if n is not None]
    draw(ax, spots, labels, colors, arrows)
    for start, end in arrows:
        print(f"{labels[start]} {spots[start]} -> {labels[end]} {spots[end]}")


fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
draw_graph(ax, loss.grad_fn, w=w, b=b)
plt.show()
# --8<-- [end:graph_of_formula]

# --8<-- [start:loop_graphs]
size = {"figsize": (6, 3.2), "layout": "constrained"}
fig, axes = plt.subplots(1, 3, sharey=True, **size)
for ax, value in zip(axes, (60.0, 30.0, 15.0), strict=True):
    x = torch.tensor(value, requires_grad=True)
    y, steps = double_until(x, limit=100)
    ax.set_title(f"x = {value:g}, {steps=}")
    print(ax.get_title())
    draw_graph(ax, y.grad_fn, x=x)
plt.show()
# --8<-- [end:loop_graphs]

# --8<-- [start:tensor_hook]
w = torch.tensor(3.0, requires_grad=True)
for attempt in ("with hook", "without"):
    h = 2 * w
    handle = h.register_hook(lambda grad: print("gradient at h:", grad))
    if attempt == "without":
        handle.remove()
    w.grad = None
    (h**2).backward()
    print(f"{attempt}: w.grad = {w.grad}")
# --8<-- [end:tensor_hook]

# --8<-- [start:hook_replaces]
w = torch.tensor(3.0, requires_grad=True)
h = 2 * w
h.retain_grad()
h.register_hook(lambda grad: print("the first hook gets", grad))
h.register_hook(lambda grad: grad.clamp(max=5.0))
h.register_hook(lambda grad: print("the third hook gets", grad))
print(f"{h.retains_grad=}, {w.retains_grad=}")

(h**2).backward()
print("h.grad:", h.grad)
print("w.grad:", w.grad)
# --8<-- [end:hook_replaces]

# --8<-- [start:hook_in_place]
def double_in_place(grad):
    grad.mul_(2)


def double(grad):
    return 2 * grad


for hook in (double_in_place, double):
    a = torch.tensor(1.0, requires_grad=True)
    b = torch.tensor(1.0, requires_grad=True)
    a.register_hook(hook)
    (a + b).backward()
    print(f"{hook.__name__}: a.grad = {a.grad}, b.grad = {b.grad}")
# --8<-- [end:hook_in_place]

# --8<-- [start:leaf_hooks]
w = torch.tensor(2.0, requires_grad=True)
w.register_hook(lambda grad: print("arrives:", grad, " w.grad:", w.grad))
w.register_post_accumulate_grad_hook(lambda w: print("stored:  w.grad:", w.grad))

for _ in range(2):
    (3 * w + w**2).backward()
# --8<-- [end:leaf_hooks]

# --8<-- [start:step_in_backward]
def chain_loss(weights):
    h = torch.tensor(1.0)
    for w in weights.values():
        h = torch.tanh(w * h)
    return (h - 1) ** 2


def new_weights():
    start = {"first": 0.5, "middle": -1.0, "last": 1.5}
    return {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}


fused = new_weights()


def step_now(w):
    alive = [name for name, other in fused.items() if other.grad is not None]
    print("gradients alive:", alive, " recording:", torch.is_grad_enabled())
    w -= 0.1 * w.grad
    w.grad = None


handles = [w.register_post_accumulate_grad_hook(step_now) for w in fused.values()]
chain_loss(fused).backward()

plain = new_weights()
optimizer = torch.optim.SGD(plain.values(), lr=0.1)
chain_loss(plain).backward()
alive = [name for name, w in plain.items() if w.grad is not None]
print("without hooks:  ", alive)
optimizer.step()
print("after the step: ", [round(w.item(), 4) for w in fused.values()])
assert all(torch.allclose(fused[name], plain[name]) for name in plain)
# --8<-- [end:step_in_backward]

# --8<-- [start:relu_by_hand]
from torch.autograd import Function


class ReluByHand(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_y):
        (x,) = ctx.saved_tensors
        return grad_y * (x > 0)


x = torch.tensor([-1.0, 0.5, 3.0], requires_grad=True)
y = ReluByHand.apply(x)
print(y)
y.backward(gradient=torch.tensor([1.0, 10.0, 100.0]))
print(x.grad)
# --8<-- [end:relu_by_hand]

# --8<-- [start:function_diagram]
y = ReluByHand.apply(x)
grad_y = torch.tensor([1.0, 10.0, 100.0])
(grad_x,) = torch.autograd.grad(y, x, grad_y, retain_graph=True)
(saved,) = y.grad_fn.saved_tensors

spots = {"x": (0, 2), "forward": (1, 2), "y": (2, 2), "ctx": (1, 1)}
spots |= {"grad_x": (0, 0), "backward": (1, 0), "grad_y": (2, 0)}
values = {"x": x, "y": y, "ctx": saved, "grad_x": grad_x, "grad_y": grad_y}
labels = {"forward": "forward()", "backward": "backward()"}
labels |= {name: f"{name}\n{value.tolist()}" for name, value in values.items()}
colors = {name: BLUE if up == 2 else ORANGE for name, (_, up) in spots.items()}
colors["ctx"] = GREY
arrows = ["x forward", "forward y", "forward ctx", "ctx backward"]
arrows += ["grad_y backward", "backward grad_x"]

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
boxes = draw(ax, spots, labels, colors, [arrow.split() for arrow in arrows])
print(len(boxes), "boxes")
for start, end in [arrow.split() for arrow in arrows]:
    print(labels[start].replace("\n", " "), "->", labels[end].replace("\n", " "))
plt.show()
# --8<-- [end:function_diagram]

# --8<-- [start:kink]
from torch.autograd import gradcheck, gradgradcheck

x = torch.tensor([-1.0, 2.0], dtype=torch.float64, requires_grad=True)
print("away from the kink:", gradcheck(ReluByHand.apply, x))

x = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
try:
    gradcheck(ReluByHand.apply, x)
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).strip())
# --8<-- [end:kink]

# --8<-- [start:wrong_number_of_gradients]
class ScaleOneGradient(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, grad_y):
        return ctx.factor * grad_y


x = torch.tensor(2.0, requires_grad=True)
y = ScaleOneGradient.apply(x, 3)
print(y)
y.backward()
# --8<-- [end:wrong_number_of_gradients]

# --8<-- [start:term]
class Term(Function):
    """weight * x**power, element by element."""

    @staticmethod
    def forward(ctx, x, weight, power):
        ctx.save_for_backward(x, weight)
        ctx.power = power
        return weight * x**power

    @staticmethod
    def backward(ctx, grad_y):
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_y * weight * ctx.power * x ** (ctx.power - 1)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_y * x**ctx.power
        return grad_x, grad_weight, None


x = torch.tensor(2.0, requires_grad=True)
weight = torch.tensor(5.0, requires_grad=True)
print(torch.autograd.grad(Term.apply(x, weight, 3), (x, weight)))

y = Term.apply(x, weight.detach(), 3)
print(y.grad_fn.name(), y.grad_fn.power, y.grad_fn.needs_input_grad)
# --8<-- [end:term]

# --8<-- [start:term_checked]
torch.manual_seed(0)  # gradgradcheck draws a random direction
x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
weight = torch.tensor([3.0, -1.0], dtype=torch.float64, requires_grad=True)
for needed in ((x, weight, 3), (x, weight.detach(), 3), (x.detach(), weight, 3)):
    needs = [isinstance(t, torch.Tensor) and t.requires_grad for t in needed]
    print(needs, gradcheck(Term.apply, needed), gradgradcheck(Term.apply, needed))
# --8<-- [end:term_checked]

# --8<-- [start:softplus]
import torch.nn.functional as F


class Softplus(Function):
    @staticmethod
    def forward(x):
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def setup_context(ctx, inputs, output):
        (x,) = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad_y):
        (x,) = ctx.saved_tensors
        return grad_y * torch.sigmoid(x)


def naive_softplus(x):
    return torch.log(1 + torch.exp(x))


x = torch.tensor([-20.0, 0.0, 100.0], requires_grad=True)
for softplus in (naive_softplus, Softplus.apply):
    y = softplus(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    print([f"{v:.3g}" for v in y.tolist()], [f"{v:.3g}" for v in slope.tolist()])
torch.testing.assert_close(y, F.softplus(x))
# --8<-- [end:softplus]

# --8<-- [start:softplus_checked]
torch.manual_seed(0)
x = torch.tensor([-3.0, 0.5, 4.0], dtype=torch.float64, requires_grad=True)
print(gradcheck(Softplus.apply, x), gradgradcheck(Softplus.apply, x))

(slope,) = torch.autograd.grad(Softplus.apply(x).sum(), x, create_graph=True)
(curvature,) = torch.autograd.grad(slope.sum(), x)
for derivative in (slope, curvature):
    print([round(value, 4) for value in derivative.tolist()])
torch.testing.assert_close(curvature, slope * (1 - slope))
# --8<-- [end:softplus_checked]

# --8<-- [start:on_ctx]
class ExpOnCtx(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.y = torch.exp(x)
        return ctx.y

    @staticmethod
    def backward(ctx, grad_y):
        return grad_y * ctx.y


class ExpSaved(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad_y):
        (y,) = ctx.saved_tensors
        return grad_y * y


for exp in (ExpOnCtx, ExpSaved):
    x = torch.tensor(0.0, requires_grad=True)
    y = exp.apply(x)
    y.mul_(10)
    try:
        y.backward()
        print(f"{exp.__name__}: x.grad = {x.grad}, the slope is {y.item()}")
    except RuntimeError as error:
        message = str(error).split(":")[0]
        print(f"{exp.__name__}: {type(error).__name__} - {message}")
# --8<-- [end:on_ctx]

# --8<-- [start:on_ctx_memory]
import gc

gc.disable()  # Python's search for cycles would come at an unknown moment
rows, nodes = {}, []
for exp in (ExpOnCtx, ExpSaved):
    in_graph.clear()
    x = torch.tensor(0.0, requires_grad=True)
    with saved_tensors_hooks(Parcel, lambda parcel: parcel.tensor):
        z = exp.apply(x)
    y = exp.apply(x)
    y.backward()
    try:
        y.backward()
        second = "accepted"
    except RuntimeError as error:
        second = type(error).__name__
    nodes.append(weakref.ref(y.grad_fn))
    del y
    alive = nodes[-1]() is not None
    rows[exp.__name__] = [len(in_graph), second, x.grad.item(), alive]
gc.enable()
gc.collect()
print("after gc.collect():", [node() for node in nodes])
columns = ["seen by hooks", "second backward", "x.grad", "node alive after del y"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:on_ctx_memory]

# --8<-- [start:frozen_slope]
class CubeFrozenSlope(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(3 * x**2)  # nothing is recorded here
        return x**3

    @staticmethod
    def backward(ctx, grad_y):
        (slope,) = ctx.saved_tensors
        return grad_y * slope


x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
print("gradcheck:", gradcheck(CubeFrozenSlope.apply, x))
for cube in (CubeFrozenSlope.apply, lambda x: x**3):
    (first,) = torch.autograd.grad(cube(x) ** 2, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    print("derivatives:", first.item(), second.item())
torch.manual_seed(0)
try:
    gradgradcheck(CubeFrozenSlope.apply, x)
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).splitlines()[0])
# --8<-- [end:frozen_slope]

# --8<-- [start:once_differentiable]
from torch.autograd.function import once_differentiable


class CubeOnce(CubeFrozenSlope):
    @staticmethod
    @once_differentiable
    def backward(ctx, grad_y):
        (slope,) = ctx.saved_tensors
        return grad_y * slope


x = torch.tensor(0.5, requires_grad=True)
(first,) = torch.autograd.grad(CubeOnce.apply(x) ** 2, x, create_graph=True)
print(first)
first.backward()
# --8<-- [end:once_differentiable]

# --8<-- [start:vmap_unsupported]
from torch.func import vmap

rows = torch.tensor([[-1.0, 2.0], [3.0, -4.0]])
print(vmap(torch.relu)(rows))
vmap(ReluByHand.apply)(rows)
# --8<-- [end:vmap_unsupported]

# --8<-- [start:generated_rule]
from torch.func import grad


class MappedSoftplus(Softplus):
    generate_vmap_rule = True


x = torch.tensor([-3.0, 0.0, 3.0])
slopes = vmap(grad(MappedSoftplus.apply))(x)
curvatures = vmap(grad(grad(MappedSoftplus.apply)))(x)
print([round(value, 4) for value in slopes.tolist()])
print([round(value, 4) for value in curvatures.tolist()])
torch.testing.assert_close(slopes, torch.sigmoid(x))
torch.testing.assert_close(curvatures, slopes * (1 - slopes))
# --8<-- [end:generated_rule]

# --8<-- [start:vmap_staticmethod]
class NumpyCumsum(Function):
    """Running totals along the last dimension, computed by NumPy."""

    @staticmethod
    def forward(x):
        return torch.from_numpy(x.numpy().cumsum(axis=-1))

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass  # the backward pass needs no values

    @staticmethod
    def backward(ctx, grad_y):
        return NumpyCumsum.apply(grad_y.flip(-1)).flip(-1)

    @staticmethod
    def vmap(info, in_dims, x):
        print(f"rule: {info.batch_size} samples, dimension {in_dims[0]}")
        return NumpyCumsum.apply(x.movedim(in_dims[0], 0)), 0


x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])  # (3, 2)
print(vmap(NumpyCumsum.apply, in_dims=1)(x))  # (2, 3)
print(vmap(grad(lambda x: NumpyCumsum.apply(x).sum()), in_dims=1)(x))  # (2, 3)
assert gradcheck(NumpyCumsum.apply, x.double().requires_grad_())
# --8<-- [end:vmap_staticmethod]

# --8<-- [start:forward_mode]
from torch.func import jvp


class ForwardSoftplus(Softplus):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return tangent * torch.sigmoid(x)


x, tangent = torch.tensor(0.0), torch.tensor(8.0)
for f in (Softplus.apply, ForwardSoftplus.apply):
    try:
        print(jvp(f, (x,), (tangent,)))
    except NotImplementedError as error:
        print(type(error).__name__, "-", error)
x = torch.tensor([-3.0, 4.0], dtype=torch.float64, requires_grad=True)
assert gradcheck(ForwardSoftplus.apply, x, check_forward_ad=True)
# --8<-- [end:forward_mode]

# --8<-- [start:mark_dirty]
class TimesFive(Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(5)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad_y):
        return 5 * grad_y


class TimesFiveUnmarked(TimesFive):
    @staticmethod
    def forward(ctx, x):
        return x.mul_(5)


for times_five in (TimesFive, TimesFiveUnmarked):
    w = torch.tensor(2.0, requires_grad=True)
    h = w + 1
    returned = times_five.apply(h)
    h.backward()
    print(f"h = {h.item()}, {returned is h=}, {h.grad_fn.name()}, {w.grad=!s}")
x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
assert gradcheck(lambda x: TimesFive.apply(x + 1), x)
# --8<-- [end:mark_dirty]

# --8<-- [start:clip_share]
class Clip(Function):
    """Values clipped to [-1, 1], and the share that was outside."""

    @staticmethod
    def forward(ctx, x):
        outside = x.abs() > 1
        share = outside.float().mean()
        ctx.save_for_backward(outside)
        ctx.mark_non_differentiable(share)
        ctx.set_materialize_grads(False)
        return x.clamp(-1, 1), share

    @staticmethod
    def backward(ctx, grad_clipped, grad_share):
        received.append(grad_share)
        (outside,) = ctx.saved_tensors
        return None if grad_clipped is None else grad_clipped * ~outside


received = []
x = torch.tensor([-3.0, 0.5, 1.0, 2.0], requires_grad=True)
clipped, share = Clip.apply(x)
print(clipped.detach(), share)
clipped.sum().backward()
print(x.grad, " received for share:", received)

x = torch.tensor([-3.0, 0.5], dtype=torch.float64, requires_grad=True)
assert gradcheck(Clip.apply, x)
# --8<-- [end:clip_share]

# --8<-- [start:straight_through]
class Quantise(Function):
    """The nearest multiple of step, at most limit; straight-through."""

    @staticmethod
    def forward(ctx, x, step, limit):
        ctx.save_for_backward(x.abs() <= limit)
        return (torch.round(x / step) * step).clamp(-limit, limit)

    @staticmethod
    def backward(ctx, grad_y):
        (inside,) = ctx.saved_tensors
        return grad_y * inside, None, None


x = torch.tensor([0.2, 1.4, 2.0, -7.0], requires_grad=True)
y = Quantise.apply(x, 0.5, 2.0)
(slope,) = torch.autograd.grad(y.sum(), x)
print(y.tolist(), slope.tolist())

x = torch.tensor([1.4, -7.0], dtype=torch.float64, requires_grad=True)
torch.manual_seed(0)
print("gradgradcheck:", gradgradcheck(Quantise.apply, (x, 0.5, 2.0)))
try:
    gradcheck(Quantise.apply, (x, 0.5, 2.0))
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).strip())
# --8<-- [end:straight_through]

# --8<-- [start:quantised_training]
inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
targets = inputs @ torch.tensor([1.5, -1.0])


def rounded(w, step, limit):
    return (torch.round(w / step) * step).clamp(-limit, limit)


print(rounded(torch.tensor([1.4, -7.0]), 0.5, 2.0))
fig, axes = plt.subplots(1, 2, figsize=(6, 3), sharey=True, layout="constrained")
for ax, quantise in zip(axes, (rounded, Quantise.apply), strict=True):
    w = torch.tensor([0.1, 0.2], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    path, used, losses = [], [], []
    for _ in range(20):
        optimizer.zero_grad()
        q = quantise(w, 0.5, 2.0)
        loss = F.mse_loss(inputs @ q, targets)
        loss.backward()
        path.append(w.tolist())
        used.append(q.tolist())
        losses.append(loss.item())
        optimizer.step()
    title = "plain rounding" if quantise is rounded else "straight-through"
    change = f"{losses[0]:.3f} -> {losses[-1]:.3f}"
    print(f"{title}: {used[0]} -> {used[-1]}, loss {change}")
    ax.plot(path, "--", color=GREY, label=["weight", "_"])
    ax.plot(used, drawstyle="steps-mid", color=BLUE, label=["rounded", "_"])
    ax.set(title=title, xlabel="step", ylabel="value")
axes[0].legend(frameon=False)
plt.show()
# --8<-- [end:quantised_training]

# --8<-- [start:solution_reached_parameters]
from torch import nn


def reached(loss, module):
    leaves = [getattr(node, "variable", None) for node in walk(loss.grad_fn)]
    named = module.named_parameters()
    return {name: any(p is leaf for leaf in leaves) for name, p in named}


torch.manual_seed(0)
model = nn.ModuleDict({"used": nn.Linear(3, 1), "forgotten": nn.Linear(3, 1)})
model["used"].bias.requires_grad_(False)
loss = model["used"](torch.ones(2, 3)).mean()
for name, is_reached in reached(loss, model).items():
    print(f"{name:17} {is_reached}")
# --8<-- [end:solution_reached_parameters]

# --8<-- [start:solution_derivative_graphs]
x = torch.tensor(1.0, requires_grad=True)
y = torch.tanh(x)
for order in range(5):
    nodes = len(walk(y.grad_fn))
    print(f"derivative {order}: {y.item():7.4f}, {nodes:3d} nodes")
    (y,) = torch.autograd.grad(y, x, create_graph=True)
# --8<-- [end:solution_derivative_graphs]

# --8<-- [start:solution_vanishing]
def layer_gradients(activation, layers):
    sizes = {}
    h = torch.tensor(0.5, requires_grad=True)
    for layer in range(layers):
        h = activation(h)

        def note(grad, layer=layer):
            sizes[layer] = grad.item()

        h.register_hook(note)
    h.backward()
    return sizes


for activation in (torch.sigmoid, torch.relu):
    sizes = layer_gradients(activation, layers=10)
    shown = [f"{layer}: {sizes[layer]:.1e}" for layer in (9, 5, 0)]
    print(activation.__name__, shown)
    assert list(sizes) == list(range(9, -1, -1))  # the last layer comes first
# --8<-- [end:solution_vanishing]

# --8<-- [start:solution_reverse_gradient]
class ReverseGradient(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_y):
        return -ctx.scale * grad_y, None


def reverse_by_hook(x, scale):
    y = x.view_as(x)
    y.register_hook(lambda grad: -scale * grad)
    return y


for reverse in (ReverseGradient.apply, reverse_by_hook):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = reverse(x, 0.5)
    (y**2).sum().backward()
    print(y.tolist(), x.grad)
# --8<-- [end:solution_reverse_gradient]

# --8<-- [start:solution_log_sum_exp]
class LogSumExp(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):  # (..., n) -> (...)
        top = x.amax(-1, keepdim=True)
        return (top + (x - top).exp().sum(-1, keepdim=True).log()).squeeze(-1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, grad_y):
        x, y = ctx.saved_tensors
        return grad_y.unsqueeze(-1) * torch.exp(x - y.unsqueeze(-1))


x = torch.tensor([1000.0, 1001.0, 1002.0])
print(x.exp().sum().log(), LogSumExp.apply(x), grad(LogSumExp.apply)(x))
torch.testing.assert_close(grad(LogSumExp.apply)(x), torch.softmax(x, -1))

torch.manual_seed(0)
x = torch.tensor([[0.0, 1.0], [5.0, -2.0]], dtype=torch.float64)
x.requires_grad_()
assert gradcheck(LogSumExp.apply, x) and gradgradcheck(LogSumExp.apply, x)
torch.testing.assert_close(vmap(LogSumExp.apply)(x), torch.logsumexp(x, -1))
# --8<-- [end:solution_log_sum_exp]

# --8<-- [start:solution_implicit]
def solve(x):
    """The y with y + exp(y) = x, by Newton's method."""
    y = torch.zeros_like(x)
    while (y + y.exp() - x).abs().max() > 1e-12:
        y = y - (y + y.exp() - x) / (1 + y.exp())
    return y


class Solve(Function):
    @staticmethod
    def forward(x):
        return solve(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_y):
        (y,) = ctx.saved_tensors
        return grad_y / (1 + y.exp())


x = torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True)
for f in (solve, Solve.apply):
    y = f(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    shown = [round(value, 4) for value in y.tolist() + slope.tolist()]
    print(shown, len(walk(y.grad_fn)), "nodes")
torch.manual_seed(0)
assert gradcheck(Solve.apply, x) and gradgradcheck(Solve.apply, x)
# --8<-- [end:solution_implicit]
