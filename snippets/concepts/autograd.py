# --8<-- [start:backward_scalar]
import torch

x = torch.tensor(3.0, requires_grad=True)
y = x**2 + 2 * x - 5  # dy/dx = 2x + 2
print(y)

y.backward()
print(x.grad)
# --8<-- [end:backward_scalar]

# --8<-- [start:recorded_tensors]
import pandas as pd

a = torch.tensor(2.0)
w = torch.tensor(3.0, requires_grad=True)
h = a * w
loss = (h - 1) ** 2

rows = {}
for name, t in {"a": a, "w": w, "h": h, "loss": loss}.items():
    grad_fn = t.grad_fn.name() if t.grad_fn else "-"
    rows[name] = [t.item(), t.requires_grad, t.is_leaf, grad_fn]
columns = ["value", "requires_grad", "is_leaf", "grad_fn"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)
# --8<-- [end:recorded_tensors]

# --8<-- [start:non_leaf_grad]
import warnings

w = torch.tensor(3.0, requires_grad=True)
h = 2 * w
k = h - 1
h.retain_grad()
(k**2).backward()
print("w.grad:", w.grad)
print("h.grad:", h.grad)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print("k.grad:", k.grad)
print(caught[0].category.__name__, "-", str(caught[0].message).split(". ")[0])
# --8<-- [end:non_leaf_grad]

# --8<-- [start:integer_requires_grad]
counts = [1, 2, 3]
print(torch.tensor(counts), torch.tensor(counts).dtype)
torch.tensor(counts, requires_grad=True)
# --8<-- [end:integer_requires_grad]

# --8<-- [start:backward_non_scalar]
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2
print(y)
y.backward()
# --8<-- [end:backward_non_scalar]

# --8<-- [start:backward_gradient]
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
v = torch.tensor([1.0, 10.0, 100.0])
y = x**2
y.backward(gradient=v)
print(x.grad)

by_gradient = x.grad
x.grad = None
weighted_sum = (x**2 * v).sum()  # the scalar that does the same
weighted_sum.backward()
print(x.grad, "from the scalar", weighted_sum.item())
assert torch.equal(x.grad, by_gradient)
# --8<-- [end:backward_gradient]

# --8<-- [start:vector_jacobian]
J = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # (3, 2)
x = torch.tensor([1.0, 1.0], requires_grad=True)  # (2,)
v = torch.tensor([1.0, 0.0, 10.0])  # (3,)

y = J @ x  # (3,): its Jacobian is J itself
y.backward(gradient=v)
print(y.detach(), x.grad)
assert torch.equal(x.grad, v @ J)
# --8<-- [end:vector_jacobian]

# --8<-- [start:grad_returns]
x = torch.tensor(3.0, requires_grad=True)
y = x**2 + 2 * x - 5

(slope,) = torch.autograd.grad(y, x)
print("y:       ", y.item())
print("returned:", slope)
print("x.grad:  ", x.grad)
# --8<-- [end:grad_returns]

# --8<-- [start:several_inputs]
a = torch.tensor(3.0, requires_grad=True)
b = torch.tensor(5.0, requires_grad=True)
c = torch.tensor(7.0, requires_grad=True)  # forgotten in the formula
x = torch.tensor(2.0, requires_grad=True)


def formula():
    return a * x**2 + b * x


try:
    torch.autograd.grad(formula(), (x, a, b, c))
except RuntimeError as error:
    print(type(error).__name__, "-", error)
print(torch.autograd.grad(formula(), (x, a, b, c), allow_unused=True))
print(torch.autograd.grad(formula(), (x, a, b, c), materialize_grads=True))
# --8<-- [end:several_inputs]

# --8<-- [start:several_outputs]
def square(side):
    return side**2, 4 * side  # area, perimeter


side = torch.tensor(3.0, requires_grad=True)
print(torch.autograd.grad(square(side), side))

weights = (torch.tensor(1.0), torch.tensor(0.5))
print(torch.autograd.grad(square(side), side, grad_outputs=weights))
# --8<-- [end:several_outputs]

# --8<-- [start:second_derivative]
x = torch.tensor(4.0, requires_grad=True)
y = x**3

(first,) = torch.autograd.grad(y, x, create_graph=True)  # 3x²
(second,) = torch.autograd.grad(first, x)  # 6x
print(first)
print(second)
# --8<-- [end:second_derivative]

# --8<-- [start:forgot_create_graph]
y = x**3
(first,) = torch.autograd.grad(y, x)
print(first, first.requires_grad)
torch.autograd.grad(first, x)
# --8<-- [end:forgot_create_graph]

# --8<-- [start:tanh_curves]
import matplotlib.pyplot as plt

x = torch.linspace(-3, 3, 121, requires_grad=True)
y = torch.tanh(x)
(first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
(second,) = torch.autograd.grad(first.sum(), x)

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
curves = {"tanh": y, "first derivative": first, "second derivative": second}
colors = ["#2f6fdb", "#e4572e", "#2a9d8f"]
for (name, curve), color in zip(curves.items(), colors, strict=True):
    curve = curve.detach()
    ax.plot(x.detach(), curve, color=color, label=name)
    print(f"{name}: from {curve.min():.2f} to {curve.max():.2f}")
assert first.argmax() == 60 and abs(first[60] - 1) < 1e-6  # the top, at x = 0
assert (first[:61].diff() > 0).all() and (first[60:].diff() < 0).all()
assert (second[:60] > 0).all() and (second[61:] < 0).all()
ax.set(xlabel="x", ylabel="value")
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:tanh_curves]

# --8<-- [start:backward_twice]
x = torch.tensor(3.0, requires_grad=True)
y = x**2
y.backward()
print(x.grad)
y.backward()
# --8<-- [end:backward_twice]

# --8<-- [start:retain_graph]
x = torch.tensor(3.0, requires_grad=True)
shared = x**2
left = 2 * shared
right = (shared - 1) ** 2
left.backward(retain_graph=True)
print("after left: ", x.grad)
right.backward()
print("after right:", x.grad)

x = torch.tensor(3.0, requires_grad=True)
shared = x**2
(2 * shared + (shared - 1) ** 2).backward()
print("one pass:   ", x.grad)
# --8<-- [end:retain_graph]

# --8<-- [start:gradients_accumulate]
x = torch.tensor(3.0, requires_grad=True)
for call in range(3):
    (x**2).backward()
    print(call, x.grad)
x.grad = None
(x**2).backward()
print("cleared first:", x.grad)
# --8<-- [end:gradients_accumulate]

# --8<-- [start:zero_grad]
for set_to_none in (True, False):
    w = torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5, weight_decay=0.5)
    (3 * w).backward()
    before = w.grad.item()
    optimizer.zero_grad(set_to_none=set_to_none)
    print(f"{set_to_none=!s:5}  grad: {before} -> {w.grad}", end="  ")
    optimizer.step()
    print("w after the step:", w.item())
# --8<-- [end:zero_grad]

# --8<-- [start:quadratic]
A = torch.tensor([[2.0, 2.0], [2.0, 5.0]])
c = torch.tensor([6.0, 9.0])


def quadratic(w):  # (..., 2) -> (...)
    return 0.5 * (w @ A * w).sum(-1) - w @ c


minimum = torch.linalg.solve(A, c)
print(minimum, quadratic(minimum))
# --8<-- [end:quadratic]

# --8<-- [start:minimise]
def descend(lr, steps):
    w = torch.tensor([4.0, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr)
    path = [w.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = quadratic(w)
        loss.backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)  # (steps + 1, 2)


path = descend(lr=0.25, steps=60)
print(path.shape)
for step in (0, 1, 2, 5, 10, 60):
    w1, w2 = path[step].tolist()
    loss = quadratic(path[step])
    print(f"step {step:2d}   w = ({w1:6.3f}, {w2:6.3f})   loss = {loss:7.3f}")
torch.testing.assert_close(path[-1], minimum)
# --8<-- [end:minimise]

# --8<-- [start:descent_path]
across = torch.linspace(0, 6, 59)
up = torch.linspace(-2.5, 2, 48)
w1, w2 = torch.meshgrid(across, up, indexing="ij")
grid = torch.stack([w1, w2], dim=-1)  # (59, 48, 2)
height = quadratic(grid) - quadratic(minimum)  # (59, 48)

fig, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
levels = [0.5, 2, 5, 10, 20]
ax.contour(w1, w2, height, levels=levels, colors="#7a8599")
for level in levels:  # its name below its line, straight below the minimum
    bottom = 1 - (0.4 * level) ** 0.5
    ax.text(2, bottom, f"{level:g}", color="#7a8599", size=8, ha="center", va="top")
for lr, color in {0.05: "#2f6fdb", 0.3: "#e4572e"}.items():
    path = descend(lr, steps=12)
    ax.plot(path[:, 0], path[:, 1], "o-", ms=3, color=color, label=f"lr = {lr}")
    gap = torch.linalg.vector_norm(path - minimum, dim=1)
    turns = (path.diff(dim=0)[1:] * path.diff(dim=0)[:-1]).sum(dim=1)
    assert (turns > 0).all() if lr == 0.05 else (turns < 0).all()  # a zigzag
    print(f"lr = {lr}: distance to the minimum {gap[0]:.2f} -> {gap[-1]:.2f}")
ax.plot(*minimum, "*", ms=12, color="#2a9d8f", label="minimum")
ax.set(xlabel="first weight", ylabel="second weight", aspect="equal")
fig.legend(loc="outside upper center", ncols=3, frameon=False)
plt.show()
# --8<-- [end:descent_path]

# --8<-- [start:leaf_in_place]
w = torch.tensor(1.0, requires_grad=True)
(3 * w).backward()
print(w, w.grad)
w -= 0.5 * w.grad
# --8<-- [end:leaf_in_place]

# --8<-- [start:update_by_hand]
w = torch.tensor([4.0, -2.0], requires_grad=True)
for _ in range(12):
    w.grad = None
    loss = quadratic(w)
    loss.backward()
    with torch.no_grad():
        w -= 0.05 * w.grad
print(w)
torch.testing.assert_close(w.detach(), descend(lr=0.05, steps=12)[-1])
# --8<-- [end:update_by_hand]

# --8<-- [start:no_grad]
from torch import nn

x = torch.tensor(3.0, requires_grad=True)


@torch.no_grad()
def predict(x):
    return x**2


with torch.no_grad():
    print("in the block:   ", x**2)
print("in the function:", predict(x))
for training in (True, False):
    with torch.set_grad_enabled(training):
        print(f"set_grad_enabled({training}):", x**2)
print("after eval():", nn.Tanh().eval()(x).requires_grad)
# --8<-- [end:no_grad]

# --8<-- [start:inference_saved]
with torch.inference_mode():
    features = 2 * torch.tensor(3.0)
print(features, features.requires_grad, features.is_inference())

w = torch.tensor(5.0, requires_grad=True)
product = w * features.clone()
product.backward()
print(product, w.grad)
w * features
# --8<-- [end:inference_saved]

# --8<-- [start:detach]
x = torch.tensor(3.0, requires_grad=True)
constant = x.detach()
(x**2 * constant).backward()
print(x.grad)
print(constant, constant.data_ptr() == x.data_ptr())

try:
    x.numpy()
except RuntimeError as error:
    print(type(error).__name__, "-", error)
print(x.detach().numpy())
# --8<-- [end:detach]

# --8<-- [start:saved_tensor_modified]
x = torch.tensor(0.0, requires_grad=True)
y = torch.exp(x)  # exp keeps its own output for the backward pass
y.data.mul_(10)
y.backward()
print(".data:", x.grad, "but the derivative is", torch.exp(x).item())

y = torch.exp(x)
y.detach().mul_(10)
print("detach():", y.item())
y.backward()
# --8<-- [end:saved_tensor_modified]

# --8<-- [start:freeze]
trunk = torch.tensor([1.0, 2.0])
head = torch.tensor(3.0, requires_grad=True)

for trainable in (True, False):
    trunk.requires_grad_(trainable)
    trunk.grad = head.grad = None
    loss = head * (trunk**2).sum()
    loss.backward()
    print(f"{trainable=!s:5}  trunk: {trunk.grad}  head: {head.grad}")
# --8<-- [end:freeze]

# --8<-- [start:finite_difference]
def cube(x):
    return x * x * x


errors = {}
for dtype in (torch.float32, torch.float64):
    x = torch.tensor(2.0, dtype=dtype, requires_grad=True)
    (exact,) = torch.autograd.grad(cube(x), x)
    errors[str(dtype)] = {}
    for h in (1e-1, 1e-3, 1e-5, 1e-7):
        slope = (cube(x.detach() + h) - cube(x.detach() - h)) / (2 * h)
        errors[str(dtype)][f"h = {h:.0e}"] = f"{abs(slope - exact):.0e}"
print("autograd:", exact.item())
pd.DataFrame(errors)
# --8<-- [end:finite_difference]

# --8<-- [start:gradcheck]
from torch.autograd import gradcheck, gradgradcheck

torch.manual_seed(0)  # gradgradcheck draws a random direction
x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
print(gradcheck(cube, x), gradgradcheck(cube, x))


def wrong_square(x):
    return x * x.detach()


try:
    gradcheck(wrong_square, x)
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).strip())
# --8<-- [end:gradcheck]

# --8<-- [start:detect_anomaly]
def root_or_zero(x):
    return torch.where(x > 0, torch.sqrt(x), 0.0)


x = torch.tensor([0.0, 0.25], requires_grad=True)
root_or_zero(x).sum().backward()
print(root_or_zero(x).tolist(), x.grad)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        with torch.autograd.detect_anomaly():
            root_or_zero(x).sum().backward()
    except RuntimeError as error:
        print(type(error).__name__, "-", error)
report = str(caught[-1].message).splitlines()
print(report[0])
print(report[-2])
# --8<-- [end:detect_anomaly]

# --8<-- [start:jacobian]
from torch.autograd.functional import jacobian


def nodes(a, b):
    h = a * b
    return {"a": a, "b": b, "h": h, "y0": h**2, "y1": h + a, "y2": 7 * b}


def three_outputs(x):  # (2,) -> (3,)
    y = nodes(x[0], x[1])
    return torch.stack([y["y0"], y["y1"], y["y2"]])


point = torch.tensor([5.0, 3.0])
print(three_outputs(point))
jacobian(three_outputs, point)  # (3, 2)
# --8<-- [end:jacobian]

# --8<-- [start:hessian]
from torch.autograd.functional import hessian

H = hessian(quadratic, torch.tensor([4.0, -2.0]))
steepest = torch.linalg.eigvalsh(H).max()
print(H)
print(f"largest curvature {steepest:.2f}, lr below {2 / steepest:.3f}")
assert torch.equal(H, A)

for lr in (0.33, 0.34):
    gap = torch.linalg.vector_norm(descend(lr, steps=50) - minimum, dim=1)
    print(f"lr = {lr}: distance to the minimum {gap[0]:.2f} -> {gap[-1]:.2f}")
# --8<-- [end:hessian]

# --8<-- [start:func_grad]
from torch.func import grad, grad_and_value

x = torch.tensor(4.0)
print(cube(x), grad(cube)(x), grad(grad(cube))(x))

slope, value = grad_and_value(cube)(x)
print(slope, value)
print(x.requires_grad, x.grad)
# --8<-- [end:func_grad]

# --8<-- [start:per_sample_gradients]
from torch.func import vmap


def sample_loss(w, x, t):  # (2,), (2,), () -> ()
    return (w @ x - t) ** 2


w = torch.tensor([1.0, 2.0])
inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
targets = torch.tensor([0.0, 0.0, 1.0, 1.0])

sample_grad = grad(sample_loss)
per_sample = vmap(sample_grad, in_dims=(None, 0, 0))(w, inputs, targets)
print(per_sample)  # (4, 2)
print(per_sample.mean(0))
loop = [sample_grad(w, x, t) for x, t in zip(inputs, targets, strict=True)]
assert torch.equal(per_sample, torch.stack(loop))
# --8<-- [end:per_sample_gradients]

# --8<-- [start:vjp_and_jvp]
from torch.func import jvp, vjp

outputs, pull_back = vjp(three_outputs, point)
(row,) = pull_back(torch.tensor([1.0, 0.0, 0.0]))
print("row 0:   ", row)

outputs, column = jvp(three_outputs, (point,), (torch.tensor([1.0, 0.0]),))
print("column 0:", column)
# --8<-- [end:vjp_and_jvp]

# --8<-- [start:dual_numbers]
import torch.autograd.forward_ad as fwAD

with fwAD.dual_level():
    x = fwAD.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    y = x**2 + 2 * x - 5
    value, tangent = fwAD.unpack_dual(y)
print(value, tangent)
# --8<-- [end:dual_numbers]

# --8<-- [start:rows_and_columns]
from torch.func import jacfwd, jacrev

rows = [pull_back(v)[0] for v in torch.eye(3)]  # one backward pass each
columns = [jvp(three_outputs, (point,), (v,))[1] for v in torch.eye(2)]
print(len(rows), "reverse passes,", len(columns), "forward passes")

print(torch.stack(rows))
assert torch.equal(torch.stack(rows), torch.stack(columns, dim=1))
assert torch.equal(torch.stack(rows), jacrev(three_outputs)(point))
assert torch.equal(torch.stack(columns, dim=1), jacfwd(three_outputs)(point))
# --8<-- [end:rows_and_columns]

# --8<-- [start:one_pass_each]
with fwAD.dual_level():
    a = fwAD.make_dual(torch.tensor(5.0), torch.tensor(1.0))  # the seed: da = 1
    b = fwAD.make_dual(torch.tensor(3.0), torch.tensor(0.0))
    tangents = {}
    for name, node in nodes(a, b).items():
        tangents[name] = fwAD.unpack_dual(node).tangent.item()

a = torch.tensor(5.0, requires_grad=True)
b = torch.tensor(3.0, requires_grad=True)
graph = nodes(a, b)
every_node = list(graph.values())
found = torch.autograd.grad(graph["y0"], every_node, materialize_grads=True)
gradients = {name: g.item() for name, g in zip(graph, found, strict=True)}
print("d(node)/da: ", tangents)
print("dy0/d(node):", gradients)
# --8<-- [end:one_pass_each]

# --8<-- [start:flow_diagram]
spots = {"a": (0, 2), "b": (0, 0), "h": (1, 1)}
spots |= {"y0": (2, 2), "y1": (2, 1), "y2": (2, 0)}
edges = ["a h", "b h", "h y0", "h y1", "a y1", "b y2"]
grey = "#7a8599"


def draw(ax, title, numbers, arrow, bright):
    for name, (column, row) in spots.items():
        color = bright if numbers[name] else grey
        box = {"boxstyle": "round", "fc": "none", "ec": color}
        label = f"{name}: {numbers[name]:g}"
        ax.text(column, row, label, ha="center", va="center", bbox=box)
    for edge in edges:
        start, end = edge.split()
        color = bright if numbers[start] and numbers[end] else grey
        style = {"arrowstyle": arrow, "color": color}
        style |= {"shrinkA": 24, "shrinkB": 24}
        ax.annotate("", spots[end], spots[start], arrowprops=style)
    ax.set(title=title, xlim=(-0.4, 2.4), ylim=(-0.4, 2.4))
    ax.axis("off")


fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
draw(left, f"forward: pass 1 of {len(columns)}", tangents, "->", "#2f6fdb")
draw(right, f"reverse: pass 1 of {len(rows)}", gradients, "<-", "#e4572e")
plt.show()
# --8<-- [end:flow_diagram]

# --8<-- [start:solution_sigmoid_slope]
x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], requires_grad=True)
s = torch.sigmoid(x)
(slope,) = torch.autograd.grad(s.sum(), x)
print([round(value, 3) for value in slope.tolist()])
torch.testing.assert_close(slope, s * (1 - s))
# --8<-- [end:solution_sigmoid_slope]

# --8<-- [start:solution_micro_batches]
import torch.nn.functional as F

inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])
targets = torch.tensor([1.0, 2.0, 3.0, 4.0])

w = torch.zeros(2, requires_grad=True)
F.mse_loss(inputs @ w, targets).backward()
whole = w.grad

w = torch.zeros(2, requires_grad=True)
for x, t in zip(inputs.split(3), targets.split(3), strict=True):
    share = len(x) / len(inputs)  # 3/4, then 1/4
    (F.mse_loss(x @ w, t) * share).backward()
print(whole, w.grad)
torch.testing.assert_close(whole, w.grad)
# --8<-- [end:solution_micro_batches]

# --8<-- [start:solution_straight_through]
def round_straight_through(x):
    return x + (torch.round(x) - x).detach()


x = torch.tensor([0.25, 1.75, -0.75], requires_grad=True)
v = torch.tensor([1.0, 10.0, 100.0])
for rounding in (torch.round, round_straight_through):
    y = rounding(x)
    (slope,) = torch.autograd.grad(y, x, grad_outputs=v)
    print(y.detach(), slope)
# --8<-- [end:solution_straight_through]

# --8<-- [start:solution_safe_length]
def safe_length(x):
    squared = (x**2).sum()
    is_zero = squared == 0
    return torch.where(is_zero, 0.0, torch.where(is_zero, 1.0, squared).sqrt())


for values in ([0.0, 0.0], [3.0, 4.0]):
    x = torch.tensor(values, requires_grad=True)
    length = safe_length(x)
    (slope,) = torch.autograd.grad(length, x)
    expected = grad(torch.linalg.vector_norm)(x.detach())
    print(length.item(), slope, expected)
    torch.testing.assert_close(slope, expected)
# --8<-- [end:solution_safe_length]

# --8<-- [start:solution_newton]
def newton_step(f, w):
    return w - torch.linalg.solve(hessian(f, w), grad(f)(w))


def valley(w):
    return torch.exp(w[0]) - 2 * w[0] + (w[1] - w[0]) ** 2


print(newton_step(quadratic, torch.tensor([4.0, -2.0])))
w = torch.zeros(2)
for _ in range(4):
    w = newton_step(valley, w)
    print([round(value, 4) for value in w.tolist()])
torch.testing.assert_close(w, torch.tensor([2.0, 2.0]).log())
# --8<-- [end:solution_newton]

# --8<-- [start:solution_hessian_vector]
v = torch.tensor([1.0, -1.0])

w = torch.tensor([4.0, -2.0])
_, forward_over_reverse = jvp(grad(quadratic), (w,), (v,))

w.requires_grad_()
(slope,) = torch.autograd.grad(quadratic(w), w, create_graph=True)
(reverse_over_reverse,) = torch.autograd.grad(slope @ v, w)
print(forward_over_reverse, reverse_over_reverse, A @ v)
assert torch.equal(forward_over_reverse, A @ v)
assert torch.equal(reverse_over_reverse, A @ v)
# --8<-- [end:solution_hessian_vector]
