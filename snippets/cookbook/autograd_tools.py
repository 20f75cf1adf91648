# --8<-- [start:numpy_inside]
import numpy as np
import torch
from torch.autograd import Function, gradcheck
from torch.autograd.function import once_differentiable


class CubeRoot(Function):
    @staticmethod
    def forward(x):
        return torch.from_numpy(np.cbrt(x.detach().cpu().numpy())).to(x.device)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    @once_differentiable  # NumPy again: nothing to differentiate a second time
    def backward(ctx, grad_y):
        (y,) = ctx.saved_tensors
        slope = 1 / (3 * np.square(y.detach().cpu().numpy()))
        return grad_y * torch.from_numpy(slope).to(grad_y.device)


x = torch.tensor([-8.0, 1.0, 27.0], dtype=torch.float64, requires_grad=True)
y = CubeRoot.apply(x)
(slope,) = torch.autograd.grad(y.sum(), x)
print(y.detach(), "one over the slope:", 1 / slope)
assert gradcheck(CubeRoot.apply, x)
try:
    (slope,) = torch.autograd.grad((CubeRoot.apply(x) ** 2).sum(), x, create_graph=True)
    slope.sum().backward()
except RuntimeError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:numpy_inside]


# --8<-- [start:derivative_and_batch_rules]
class CubeRootWithRules(CubeRoot):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def jvp(ctx, tangent):
        (y,) = ctx.saved_tensors
        return tangent / (3 * y * y)

    @staticmethod
    def vmap(info, in_dims, x):
        print("one call for", info.batch_size, "columns, batch dimension", in_dims[0])
        return CubeRootWithRules.apply(x), in_dims[0]


root = CubeRootWithRules.apply
rows = torch.tensor([[1.0, 8.0, 27.0], [64.0, 125.0, 216.0]], dtype=torch.float64)
print(torch.func.vmap(root, in_dims=1, out_dims=1)(rows))
value, slope = torch.func.jvp(root, (rows[0],), (torch.ones_like(rows[0]),))
print([f"{v:.4f}" for v in slope.tolist()])
assert torch.allclose(slope, rows[0] ** (-2 / 3) / 3)
assert gradcheck(root, rows.clone().requires_grad_(), check_forward_ad=True)
# --8<-- [end:derivative_and_batch_rules]

# --8<-- [start:check_a_layer]
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
layer = nn.Bilinear(3, 2, 4).double()
names = [name for name, _ in layer.named_parameters()]
a, b = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)


def run(*parameters):
    return functional_call(layer, dict(zip(names, parameters, strict=True)), (a, b))


def broken(weight, bias):
    return run(weight.detach() + 0 * weight, bias)  # the weight's gradient is lost


print(names, gradcheck(run, tuple(layer.parameters()), fast_mode=True))
print("broken:", gradcheck(broken, tuple(layer.parameters()), raise_exception=False))
# --8<-- [end:check_a_layer]


# --8<-- [start:which_node_made_nan]
def watch_for_nan(root):
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        node.register_hook(lambda grad_in, grad_out, node=node: note(node, grad_in))
        waiting += [n for n, _ in node.next_functions if n is not None]


def note(node, grad_in):
    if any(g is not None and g.isnan().any() for g in grad_in):
        found.append(node.name())


found = []
x = torch.tensor([3.0, 4.0, 0.0], requires_grad=True)
mask = torch.tensor([1.0, 1.0, 0.0])
loss = ((x**2).sqrt() * mask).sum()
watch_for_nan(loss.grad_fn)
loss.backward()
print(found, x.grad)

safe = torch.where(mask > 0, x, 1.0)  # no zero reaches the root
x.grad = None
((safe**2).sqrt() * mask).sum().backward()
print("with safe inputs:", x.grad)
assert found[0] == "SqrtBackward0" and torch.allclose(x.grad, mask)
# --8<-- [end:which_node_made_nan]

# --8<-- [start:line_of_a_node]
x = torch.tensor([1.0, 4.0], requires_grad=True)
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    print("looks for NaN:", torch.is_anomaly_check_nan_enabled())
    y = x.sqrt().sum()
root = y.grad_fn.next_functions[0][0]
print(root.name(), "was made by:", root.metadata["traceback_"][-1].splitlines()[1].strip())
print("afterwards:", torch.is_anomaly_enabled())
# --8<-- [end:line_of_a_node]


# --8<-- [start:clip_before_a_node]
def steep(clip):
    x = torch.tensor([0.1, 1.0], dtype=torch.float64, requires_grad=True)
    h = x.log()
    y = (100 * h).sum()
    if clip:
        h.grad_fn.register_prehook(lambda grads: (grads[0].clamp(max=5.0),))
    y.backward()
    return x.grad


print("as it is:", steep(clip=False), " clipped:", steep(clip=True))
assert torch.allclose(steep(clip=True) * 20, steep(clip=False))
# --8<-- [end:clip_before_a_node]

# --8<-- [start:which_layer_made_a_node]
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
for name, child in net.named_children():
    child.register_forward_hook(lambda m, args, out, name=name: out.grad_fn.metadata.update(layer=name))
node = net(torch.ones(1, 2)).grad_fn
chain = []
while node is not None:
    chain.append((node.name(), node.metadata.get("layer", "-")))
    inputs = [n for n, _ in node.next_functions if n is not None and n.next_functions]
    node = inputs[0] if inputs else None
print(chain)
# --8<-- [end:which_layer_made_a_node]

# --8<-- [start:gradient_without_the_tensor]
from torch.autograd.graph import GradientEdge, get_gradient_edge

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
h = x.exp()
edge = get_gradient_edge(h)
loss = (h * torch.tensor([1.0, 10.0, 100.0])).sum()
del h  # the edge holds the place in the graph, not the values
(grad_h,) = torch.autograd.grad(loss, edge)
print(type(edge).__name__, edge.node.name(), edge.output_nr, grad_h)

low, high = torch.tensor([4.0, 9.0], requires_grad=True).unbind()
edge = GradientEdge(low.grad_fn, 1)  # the second output of the node of the first
print(torch.autograd.grad(low * high, edge), get_gradient_edge(high).output_nr)
# --8<-- [end:gradient_without_the_tensor]

# --8<-- [start:several_losses]
trunk = torch.tensor([1.0, 2.0], requires_grad=True)
heads = [torch.tensor(3.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)]
shared, passes = (trunk**2).sum(), []
shared.register_hook(lambda g: passes.append(g.item()))
losses = [head * shared for head in heads]
weights = [torch.tensor(1.0), torch.tensor(0.1)]
torch.autograd.backward(losses, weights, retain_graph=True)
print("gradients at the shared part:", passes)
print("all:       ", trunk.grad, [head.grad.item() for head in heads])
assert torch.allclose(trunk.grad, (1.0 * 3 + 0.1 * 5) * 2 * trunk)

for t in (trunk, *heads):
    t.grad = None
torch.autograd.backward(losses, weights, inputs=heads)
print("heads only:", trunk.grad, [head.grad.item() for head in heads])
# --8<-- [end:several_losses]

# --8<-- [start:rows_in_one_call]
A = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=torch.float64)
x = torch.tensor([0.5, -0.5], dtype=torch.float64, requires_grad=True)
y = torch.tanh(A @ x)
basis = torch.eye(3, dtype=torch.float64)
(rows,) = torch.autograd.grad(y, x, grad_outputs=basis, is_grads_batched=True)
print(rows)
assert torch.allclose(rows, (1 - y**2).diag() @ A)
# --8<-- [end:rows_in_one_call]

# --8<-- [start:all_gradients_arrived]
from torch.autograd.graph import register_multi_grad_hook

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
weights = list(net.parameters())
norms, first = [], []
whole = register_multi_grad_hook(weights, lambda g: norms.append(torch.stack([p.norm() for p in g]).norm()))
anyone = register_multi_grad_hook(weights, lambda g: first.append(tuple(g.shape)), mode="any")
net(torch.ones(2, 4)).sum().backward()
print(f"norm of all {len(weights)} gradients: {norms[0]:.3f}, the first to come has shape {first}")
assert torch.isclose(norms[0], nn.utils.get_total_norm([p.grad for p in weights]))
whole.remove()
net(torch.ones(2, 4)).sum().backward()
print("calls:", len(norms), len(first))
# --8<-- [end:all_gradients_arrived]

# --8<-- [start:save_in_half]
from torch.autograd.graph import saved_tensors_hooks


def pack(t):
    half = t.bfloat16()
    stored.append((t.nbytes, half.nbytes))
    return t.dtype, half


torch.manual_seed(0)
x = torch.randn(1000, requires_grad=True)
stored = []
exact = torch.autograd.grad(x.sin().sum(), x)[0]
with saved_tensors_hooks(pack, lambda packed: packed[1].to(packed[0])):
    y = x.sin().sum()
(rough,) = torch.autograd.grad(y, x)
error = (rough - exact).abs().max()
print(f"bytes before and after: {stored}, largest error of the gradient: {error:.3f}")
assert 1e-4 < error < 0.02
# --8<-- [end:save_in_half]

# --8<-- [start:offload]
from torch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu

x = torch.tensor([0.0, 1.0], requires_grad=True)
with save_on_cpu():
    y = x.exp().sum()
print("gradient:", torch.autograd.grad(y, x)[0])
home, copy = save_on_cpu().pack_hook(x.detach())  # what it keeps of one tensor
print("kept on:", copy.device.type)
assert home == x.device and copy.device.type == "cpu"
try:
    with disable_saved_tensors_hooks("no offloading in this part"), save_on_cpu():
        x.exp()
except RuntimeError as error:
    print(type(error).__name__, "-", error)
# --8<-- [end:offload]

# --8<-- [start:change_after_saving]
from torch.autograd.graph import allow_mutation_on_saved_tensors


def square_then_reset(x):
    h = x + 0
    y = (h**2).sum()
    h.zero_()  # h was saved for the derivative of h**2
    return torch.autograd.grad(y, x)[0]


x = torch.tensor([1.0, 2.0], requires_grad=True)
try:
    square_then_reset(x)
except RuntimeError as error:
    print(str(error).split(":")[0])
with allow_mutation_on_saved_tensors():
    print(square_then_reset(x))
# --8<-- [end:change_after_saving]

# --8<-- [start:tell_of_a_change]
from torch.autograd.graph import increment_version

x = torch.tensor([1.0, 2.0], requires_grad=True, device="cpu")
h = x + 0
y = (h**2).sum()
h.detach().numpy()[:] = 50  # NumPy writes into the same memory
(wrong,) = torch.autograd.grad(y, x, retain_graph=True)
print("version", h._version, "gradient", wrong)
increment_version(h)
try:
    torch.autograd.grad(y, x)
except RuntimeError as error:
    print("version", h._version, str(error).split(":")[0])
# --8<-- [end:tell_of_a_change]

# --8<-- [start:gradient_in_float32]
for grad_dtype in (torch.bfloat16, torch.float32):
    w = torch.tensor(1.0, dtype=torch.bfloat16, requires_grad=True)
    w.grad_dtype = grad_dtype
    for _ in range(400):
        (w * 1.0).backward()  # a slope of 1 each time
    print(f"weight {w.dtype}, gradient {w.grad.dtype}: {w.grad.item()}")
# --8<-- [end:gradient_in_float32]

# --8<-- [start:layout_of_a_gradient]
for enable in (True, False):
    w = torch.zeros(2, 3).T.requires_grad_()
    with torch.autograd.enforce_grad_layout_policy(enable):
        (w * torch.ones(3, 2)).sum().backward()
    print(f"{enable=!s:5} w: {w.stride()}, w.grad: {w.grad.stride()}")
# --8<-- [end:layout_of_a_gradient]


# --8<-- [start:gradient_where_it_is_off]
@torch.enable_grad()
def uphill(f, x, size):
    x = x.detach().requires_grad_()
    return (x + size * torch.autograd.grad(f(x).sum(), x)[0].sign()).detach()


with torch.no_grad():
    x = torch.tensor([1.0, -2.0])
    moved = uphill(lambda x: x**2, x, size=0.5)
    print("recording:", torch.is_grad_enabled(), " moved:", moved)
assert (moved**2 > x**2).all()
# --8<-- [end:gradient_where_it_is_off]


# --8<-- [start:which_mode_am_i_in]
def cached_table():
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):  # a table that training can use later
            return torch.arange(3.0)
    return torch.arange(3.0)


w = torch.tensor(2.0, requires_grad=True)
with torch.inference_mode():
    table, plain = cached_table(), torch.arange(3.0)
print("inference tensors:", table.is_inference(), plain.is_inference())
(w * table).sum().backward()
print(w.grad)
# --8<-- [end:which_mode_am_i_in]

# --8<-- [start:through_training]
import torch.autograd.forward_ad as fwAD

data = torch.tensor([1.0, 3.0], dtype=torch.float64)


def train(lr, steps=50):
    w = torch.zeros((), dtype=torch.float64)
    for _ in range(steps):
        w = w - lr * 2 * (w - data).mean()  # the gradient of the mean of (w - data)²
    return ((w - data) ** 2).mean()


with fwAD.dual_level():
    lr = fwAD.make_dual(torch.tensor(0.01, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    loss = fwAD.unpack_dual(train(lr))
print(f"loss {loss.primal:.4f}, its derivative by lr {loss.tangent:.3f}")
h = 1e-6
assert torch.isclose(loss.tangent, (train(0.01 + h) - train(0.01 - h)) / (2 * h))
assert torch.isclose(loss.primal, 1 + 4 * torch.tensor(0.98, dtype=torch.float64) ** 100)
# --8<-- [end:through_training]

# --8<-- [start:does_it_depend]
fwAD.enter_dual_level()  # in a notebook: on in one cell, off in another
x = fwAD.make_dual(torch.tensor([2.0, 5.0]), torch.ones(2))
results = {"x.prod()": x.prod(), "x.detach().prod()": x.detach().prod(), "x.sign()": x.sign()}
for name, result in results.items():
    value, tangent = fwAD.unpack_dual(result)
    print(f"{name:18} {value.tolist()}", "no tangent" if tangent is None else tangent)
fwAD.exit_dual_level()
print("after the level:", fwAD.unpack_dual(results["x.prod()"]).tangent)
# --8<-- [end:does_it_depend]

# --8<-- [start:sensitivity]
from torch.autograd.functional import jvp, vjp


def orders(price, wage):  # of two shops
    return torch.stack([100 * wage / price, 50 * wage**2 / price**2])


at = (torch.tensor(2.0, dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64))
one_percent = (at[0] / 100, torch.zeros_like(at[1]))
now, change = jvp(orders, at, one_percent)
print("price up by 1 %:", [f"{100 * c:.1f} %" for c in (change / now).tolist()])
_, of_sum = vjp(lambda p, w: orders(p, w).sum(), at)
print("sum, by price and wage:", [f"{v:.2f}" for v in of_sum])
assert torch.isclose((change * 100 / at[0]).sum(), of_sum[0])
# --8<-- [end:sensitivity]


# --8<-- [start:forgotten_input]
def area(width, height):
    return (width * height.item()).sum()  # item() leaves the graph


sides = (torch.tensor(2.0), torch.tensor(3.0))
print(vjp(area, sides)[1])
try:
    vjp(area, sides, strict=True)
except RuntimeError as error:
    print(type(error).__name__, "-", str(error).split(".")[0])
# --8<-- [end:forgotten_input]

# --8<-- [start:largest_curvature]
from torch.autograd.functional import hessian, hvp, vhp


def bowl(x):
    return (x[0] - 2 * x[1]) ** 2 + torch.cosh(x[1] * x[2]) + x[2] ** 4


torch.manual_seed(0)
at = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64)
v = torch.randn(3, dtype=torch.float64)
for _ in range(60):  # power iteration: never the whole matrix
    v = vhp(bowl, at, v)[1]
    size = torch.linalg.vector_norm(v)
    v = v / size
print(f"largest curvature {size:.3f} along", [f"{abs(c):.3f}" for c in v.tolist()])
H = hessian(bowl, at)
assert torch.isclose(size, torch.linalg.eigvalsh(H)[-1])
assert torch.allclose(hvp(bowl, at, v)[1], H @ v)
# --8<-- [end:largest_curvature]

# --8<-- [start:many_directions]
from torch.func import linearize, vmap


def orbit(x):
    orbit.calls += 1
    return torch.stack([x[0] * x[1], x[0].sin()])


orbit.calls = 0
at = torch.tensor([0.0, 3.0], dtype=torch.float64)
value, slope_along = linearize(orbit, at)
after = orbit.calls
directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
print(vmap(slope_along)(directions))
print("calls for three directions:", orbit.calls - after)
assert torch.allclose(slope_along(directions[0]), torch.tensor([3.0, 1.0], dtype=torch.float64))
# --8<-- [end:many_directions]

# --8<-- [start:laplacian]
from torch.func import grad, hessian, jvp


def laplacian(f):
    def along(x, v):
        return jvp(grad(f), (x,), (v,))[1] @ v

    return lambda x: vmap(along, in_dims=(None, 0))(x, torch.eye(len(x), dtype=x.dtype)).sum()


def heat(x):  # solves Laplace's equation in the plane
    return x[0].exp() * x[1].sin()


def bowl(x):
    return 3 * x[0] ** 2 + x[1] ** 2 + x[0] * x[1]


points = torch.tensor([[0.1, 0.2], [1.0, -0.5]], dtype=torch.float64)
print("heat is harmonic:", vmap(laplacian(heat))(points).abs().max().item() < 1e-12)
print("3x² + y² + xy:", vmap(laplacian(bowl))(points))
assert torch.isclose(hessian(bowl)(points[0]).trace(), laplacian(bowl)(points[0]))
# --8<-- [end:laplacian]

# --8<-- [start:loss_with_extras]
from torch.func import grad_and_value


def loss_and_logits(w, b, x, t):
    logits = x @ w + b
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, t), logits


x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
t = torch.tensor([1.0, 0.0], dtype=torch.float64)
w, b = torch.tensor([0.5, -0.5], dtype=torch.float64), torch.tensor(0.1, dtype=torch.float64)
(grad_w, grad_b), (loss, logits) = grad_and_value(loss_and_logits, argnums=(0, 1), has_aux=True)(w, b, x, t)
print(f"loss {loss:.4f}", logits, f"grad_b {grad_b:.4f}")
assert torch.allclose(grad_w, (torch.sigmoid(logits) - t) @ x / 2)
# --8<-- [end:loss_with_extras]

# --8<-- [start:random_under_vmap]
x = torch.ones(3, 32)
for randomness in ("error", "same", "different"):
    torch.manual_seed(0)
    try:
        y = vmap(lambda row: torch.nn.functional.dropout(row, 0.5), randomness=randomness)(x)
        kinds = len({tuple(row) for row in y.tolist()})
        print(f"{randomness}: {kinds} different rows of {len(y)}")
    except RuntimeError as error:
        print(f"{randomness}: {str(error).split('.')[0]}")
# --8<-- [end:random_under_vmap]

# --8<-- [start:vmap_in_chunks]
from torch.func import debug_unwrap

chunks = []


def distances(a, points):
    chunks.append(debug_unwrap(a))  # looks below vmap: all rows that come at once
    return torch.linalg.vector_norm(a - points, dim=1)


torch.manual_seed(0)
points = torch.randn(10, 3, dtype=torch.float64)
d = vmap(distances, in_dims=(0, None), chunk_size=4)(points, points)
print("rows at once:", [len(chunk) for chunk in chunks], " result:", tuple(d.shape))
assert torch.equal(torch.cat(chunks), points)
assert torch.allclose(d, torch.cdist(points, points))
# --8<-- [end:vmap_in_chunks]

# --8<-- [start:per_sample_with_batch_norm]
from torch.func import replace_all_batch_norm_modules_

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1))
weights = {name: p.detach() for name, p in net.named_parameters()}
images = torch.randn(5, 1, 4, 4)
per_sample = vmap(grad(lambda w, x: functional_call(net, w, (x[None],)).square().sum()), (None, 0))
try:
    per_sample(weights, images)
except RuntimeError as error:
    print(str(error).split(";")[0])
replace_all_batch_norm_modules_(net)
found = per_sample(weights, images)["3.weight"]
print(tuple(found.shape))
single = grad(lambda w: functional_call(net, w, (images[2:3],)).square().sum())(weights)
assert torch.allclose(found[2], single["3.weight"], atol=1e-5)
# --8<-- [end:per_sample_with_batch_norm]

# --8<-- [start:without_in_place]
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx


def doubled_tail(x):
    y = x.clone()
    y[1:].mul_(2)
    return y


for name, f in {"as written": doubled_tail, "functionalize": functionalize(doubled_tail)}.items():
    graph = make_fx(f)(torch.arange(3.0))
    print(f"{name:14}", [n.target._schema.name[6:] for n in graph.graph.nodes if n.op == "call_function"])
    assert torch.equal(graph(torch.tensor([1.0, 5.0, 7.0])), torch.tensor([1.0, 10.0, 14.0]))
# --8<-- [end:without_in_place]

# --8<-- [start:patches]
from torch.func import rearrange

images = torch.arange(2 * 3 * 4 * 6, dtype=torch.float64).view(2, 3, 4, 6)  # (b, c, h, w)
patches = rearrange(images, "b c (h p) (w q) -> b (h w) (c p q)", p=2, q=3)
print(tuple(patches.shape), patches[0, 1, :6])
by_unfold = torch.nn.functional.unfold(images, (2, 3), stride=(2, 3)).transpose(1, 2)
assert torch.equal(patches, by_unfold)
back = rearrange(patches, "b (h w) (c p q) -> b c (h p) (w q)", h=2, c=3, p=2)
assert torch.equal(back, images)
# --8<-- [end:patches]
