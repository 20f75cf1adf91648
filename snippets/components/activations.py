# --8<-- [start:why_nonlinear]
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
first, second = nn.Linear(4, 8), nn.Linear(8, 3)
one = nn.Linear(4, 3)
with torch.no_grad():
    one.weight.copy_(second.weight @ first.weight)  # (3, 8) @ (8, 4)
    one.bias.copy_(second.weight @ first.bias + second.bias)
x = torch.randn(5, 4)
assert torch.allclose(second(first(x)), one(x), atol=1e-6)
assert not torch.allclose(second(F.relu(first(x))), one(x), atol=1e-2)
for net in (nn.Sequential(first, second), one):
    print(sum(p.numel() for p in net.parameters()), "parameters")
# --8<-- [end:why_nonlinear]

# --8<-- [start:draw_family]
import matplotlib.pyplot as plt

from snippets.toolkit.plots import BLUE, GREY, ORANGE


def slope(layer, x):
    """The derivative of an activation at each x."""
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x).sum(), x)
    return gradient


def draw_family(layers, end=4.0):
    """Each activation as a line, its derivative dashed."""
    rows = -(-len(layers) // 3)
    options = {"figsize": (7.2, 2.1 * rows), "layout": "constrained"}
    _, axes = plt.subplots(rows, 3, squeeze=False, **options)
    x = torch.linspace(-end, end, 240)  # no point lies on a corner
    for ax, layer in zip(axes.flat, layers, strict=False):
        ax.axhline(0, color=GREY, lw=0.6)
        ax.plot(x, layer(x).detach(), color=BLUE)
        ax.plot(x, slope(layer, x), color=ORANGE, ls="--")
        ax.set(title=type(layer).__name__)
    for ax in axes.flat[len(layers) :]:
        ax.axis("off")


draw_family([nn.ReLU(), nn.Sigmoid(), nn.SiLU()])
plt.show()
# --8<-- [end:draw_family]

# --8<-- [start:relu]
relu = nn.ReLU()
x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
assert torch.equal(relu(x), x.clamp(min=0))
assert torch.equal(relu(x), F.relu(x)) and torch.equal(relu(x), torch.relu(x))
print(relu(x))
slope(relu, x)
# --8<-- [end:relu]

# --8<-- [start:relu6]
relu6 = nn.ReLU6()
x = torch.tensor([-1.0, 3.0, 6.0, 9.0])
assert torch.equal(relu6(x), x.clamp(0, 6)) and torch.equal(relu6(x), F.relu6(x))
print(relu6(x))
slope(relu6, x)
# --8<-- [end:relu6]

# --8<-- [start:leaky_relu]
leaky = nn.LeakyReLU(negative_slope=0.01)
x = torch.tensor([-100.0, -1.0, 0.0, 2.0])
assert torch.equal(leaky(x), torch.where(x > 0, x, 0.01 * x))
assert torch.equal(leaky(x), F.leaky_relu(x, 0.01))
print(leaky(x))
slope(leaky, x)
# --8<-- [end:leaky_relu]

# --8<-- [start:prelu]
prelu = nn.PReLU(num_parameters=3)  # one slope for each of 3 channels
x = torch.tensor([[-1.0, -1.0, 2.0], [-4.0, 1.0, -2.0]])  # (N, C)
print(prelu(x))
assert torch.equal(prelu(x), F.prelu(x, prelu.weight))
prelu(x).sum().backward()
print(prelu.weight.detach(), prelu.weight.grad)
# --8<-- [end:prelu]

# --8<-- [start:rrelu]
torch.manual_seed(0)
rrelu = nn.RReLU(lower=0.1, upper=0.5)
x = torch.full((4,), -1.0)
print("train", rrelu(x))
print("eval ", rrelu.eval()(x))
assert torch.allclose(rrelu(x), F.leaky_relu(x, (0.1 + 0.5) / 2))
assert torch.equal(rrelu(x), F.rrelu(x, 0.1, 0.5, training=False))
# --8<-- [end:rrelu]

# --8<-- [start:threshold]
threshold = nn.Threshold(threshold=0.5, value=-1.0)
x = torch.tensor([-2.0, 0.5, 0.6, 3.0])
assert torch.equal(threshold(x), torch.where(x > 0.5, x, -1.0))
assert torch.equal(threshold(x), F.threshold(x, 0.5, -1.0))
assert torch.equal(nn.Threshold(0.0, 0.0)(x), F.relu(x))
print(threshold(x))
slope(threshold, x)
# --8<-- [end:threshold]

# --8<-- [start:family_straight]
family = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.LeakyReLU(0.1),
    nn.PReLU(),
    nn.RReLU(0.1, 0.5).eval(),
    nn.Threshold(1.0, 0.5),
]
draw_family(family, end=8.0)
plt.show()
# --8<-- [end:family_straight]

# --8<-- [start:elu]
elu = nn.ELU(alpha=2.0)
x = torch.tensor([-10.0, -1.0, 0.0, 1.0])
assert torch.allclose(elu(x), torch.where(x > 0, x, 2.0 * torch.expm1(x)))
print(elu(x))
slope(elu, torch.tensor([-1e-6, 1e-6])).round(decimals=3)
# --8<-- [end:elu]

# --8<-- [start:celu]
celu = nn.CELU(alpha=2.0)
assert torch.allclose(celu(x), torch.where(x > 0, x, 2.0 * torch.expm1(x / 2.0)))
assert torch.equal(celu(x), F.celu(x, alpha=2.0))
assert torch.allclose(nn.CELU(alpha=1.0)(x), nn.ELU(alpha=1.0)(x))
print(celu(x))
slope(celu, torch.tensor([-1e-6, 1e-6])).round(decimals=3)
# --8<-- [end:celu]

# --8<-- [start:selu]
selu = nn.SELU()
alpha, scale = 1.6732632423543772, 1.0507009873554805
assert torch.allclose(selu(x), scale * F.elu(x, alpha))
selu(x)
# --8<-- [end:selu]

# --8<-- [start:family_exponential]
draw_family([nn.ELU(alpha=2.0), nn.CELU(alpha=2.0), nn.SELU()])
plt.show()
# --8<-- [end:family_exponential]

# --8<-- [start:self_normalising]
for act in (nn.SELU(), nn.ELU(), nn.ReLU()):
    torch.manual_seed(0)
    h = torch.randn(512, 256)
    for _ in range(30):
        weight = torch.randn(256, 256) / 256**0.5  # variance 1 / inputs
        h = act(h @ weight.T)
    print(f"{type(act).__name__:<6}{h.mean().item():6.2f}{h.std().item():6.2f}")
    if type(act) is nn.SELU:
        assert abs(h.mean()) < 0.1 and abs(h.std() - 1) < 0.1
# --8<-- [end:self_normalising]

# --8<-- [start:gelu]
exact, fast = nn.GELU(), nn.GELU(approximate="tanh")
x = torch.linspace(-5, 5, 1001)
normal = torch.special.ndtr(x)  # the share of a normal distribution below x
inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)
assert torch.allclose(exact(x), x * normal, atol=1e-6)
assert torch.allclose(fast(x), 0.5 * x * (1 + torch.tanh(inner)), atol=1e-6)
assert torch.equal(exact(x), F.gelu(x))
assert torch.equal(fast(x), F.gelu(x, approximate="tanh"))
print(f"differ by {(exact(x) - fast(x)).abs().max():.1e} at most")
exact(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))
# --8<-- [end:gelu]

# --8<-- [start:silu]
silu = nn.SiLU()
assert torch.allclose(silu(x), x * torch.sigmoid(x), atol=1e-6)
assert torch.equal(silu(x), F.silu(x))
silu(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))
# --8<-- [end:silu]

# --8<-- [start:mish]
mish = nn.Mish()
assert torch.allclose(mish(x), x * torch.tanh(F.softplus(x)), atol=1e-6)
assert torch.equal(mish(x), F.mish(x))
mish(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))
# --8<-- [end:mish]

# --8<-- [start:hardswish]
hardswish = nn.Hardswish()
assert torch.allclose(hardswish(x), x * F.relu6(x + 3) / 6, atol=1e-6)
assert torch.equal(hardswish(x), F.hardswish(x))
print(f"off SiLU by {(hardswish(x) - silu(x)).abs().max():.2f} at most")
hardswish(torch.tensor([-4.0, -3.0, -1.0, 1.0, 3.0, 4.0]))
# --8<-- [end:hardswish]

# --8<-- [start:softplus]
softplus = nn.Softplus()
assert torch.allclose(softplus(x), torch.log1p(torch.exp(x)))
assert torch.allclose(slope(softplus, x), torch.sigmoid(x))  # its derivative
assert torch.equal(softplus(x), F.softplus(x))
far = torch.tensor([-200.0, 0.0, 200.0])
print(softplus(far))
print(torch.log(1 + torch.exp(far)))
nn.Softplus(beta=5.0)(torch.tensor(0.0))
# --8<-- [end:softplus]

# --8<-- [start:family_smooth]
family = [
    nn.ReLU(),
    nn.GELU(),
    nn.SiLU(),
    nn.Mish(),
    nn.Hardswish(),
    nn.Softplus(),
]
draw_family(family)
plt.show()
# --8<-- [end:family_smooth]

# --8<-- [start:sigmoid]
sigmoid = nn.Sigmoid()
x = torch.tensor([-20.0, -2.0, 0.0, 2.0, 20.0])
y = sigmoid(x)
assert torch.allclose(y, 1 / (1 + torch.exp(-x)))
assert torch.allclose(slope(sigmoid, x), y * (1 - y))
print(y)
slope(sigmoid, x)
# --8<-- [end:sigmoid]

# --8<-- [start:tanh]
tanh = nn.Tanh()
y = tanh(x)
assert torch.equal(y, F.tanh(x)) and torch.equal(y, torch.tanh(x))
assert torch.allclose(y, 2 * torch.sigmoid(2 * x) - 1, atol=1e-6)
assert torch.allclose(slope(tanh, x), 1 - y**2)
print(y)
slope(tanh, x)
# --8<-- [end:tanh]

# --8<-- [start:softsign]
softsign = nn.Softsign()
assert torch.equal(softsign(x), x / (1 + x.abs()))
assert torch.equal(softsign(x), F.softsign(x))
print(softsign(x))
slope(softsign, x)
# --8<-- [end:softsign]

# --8<-- [start:hardsigmoid]
hardsigmoid = nn.Hardsigmoid()
assert torch.allclose(hardsigmoid(x), (x / 6 + 0.5).clamp(0, 1))
assert torch.equal(hardsigmoid(x), F.hardsigmoid(x))
print(hardsigmoid(x))
slope(hardsigmoid, x)
# --8<-- [end:hardsigmoid]

# --8<-- [start:hardtanh]
hardtanh = nn.Hardtanh(min_val=-1.0, max_val=1.0)
x = torch.tensor([-3.0, -0.5, 0.5, 3.0])
assert torch.equal(hardtanh(x), x.clamp(-1, 1))
assert torch.equal(hardtanh(x), F.hardtanh(x))
print(hardtanh(x))
slope(hardtanh, x)
# --8<-- [end:hardtanh]

# --8<-- [start:log_sigmoid]
log_sigmoid = nn.LogSigmoid()
x = torch.tensor([-200.0, -1.0, 0.0, 5.0])
assert torch.equal(log_sigmoid(x), F.logsigmoid(x))
assert torch.allclose(log_sigmoid(x), -F.softplus(-x))
print(log_sigmoid(x))
torch.log(torch.sigmoid(x))
# --8<-- [end:log_sigmoid]

# --8<-- [start:family_s_shaped]
family = [
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softsign(),
    nn.Hardsigmoid(),
    nn.Hardtanh(),
    nn.LogSigmoid(),
]
draw_family(family)
plt.show()
# --8<-- [end:family_s_shaped]

# --8<-- [start:hardshrink]
hardshrink = nn.Hardshrink(lambd=0.5)
x = torch.tensor([-2.0, -0.5, -0.3, 0.4, 0.6, 2.0])
assert torch.equal(hardshrink(x), torch.where(x.abs() > 0.5, x, 0.0))
assert torch.equal(hardshrink(x), F.hardshrink(x, 0.5))
hardshrink(x)
# --8<-- [end:hardshrink]

# --8<-- [start:softshrink]
softshrink = nn.Softshrink(lambd=0.5)
assert torch.allclose(softshrink(x), x.sign() * (x.abs() - 0.5).clamp(min=0))
assert torch.equal(softshrink(x), F.softshrink(x, 0.5))
grid = torch.linspace(-3, 3, 6001)
cost = 0.5 * (grid - x[:, None]) ** 2 + 0.5 * grid.abs()  # (6, 6001)
assert torch.allclose(grid[cost.argmin(dim=1)], softshrink(x), atol=1e-3)
softshrink(x)
# --8<-- [end:softshrink]

# --8<-- [start:tanhshrink]
tanhshrink = nn.Tanhshrink()
assert torch.equal(tanhshrink(x), x - torch.tanh(x))
assert torch.equal(tanhshrink(x), F.tanhshrink(x))
tanhshrink(x)
# --8<-- [end:tanhshrink]

# --8<-- [start:family_shrinking]
draw_family([nn.Hardshrink(1.0), nn.Softshrink(1.0), nn.Tanhshrink()])
plt.show()
# --8<-- [end:family_shrinking]

# --8<-- [start:glu]
torch.manual_seed(0)
x = torch.randn(2, 6)
a, b = x.chunk(2, dim=-1)  # (2, 3) each
y = nn.GLU(dim=-1)(x)
assert torch.equal(y, F.glu(x)) and torch.allclose(y, a * torch.sigmoid(b))
y.shape
# --8<-- [end:glu]


# --8<-- [start:swiglu]
class SwiGLU(nn.Module):
    """A feed-forward layer whose hidden features are gated with SiLU."""

    def __init__(self, features, hidden):
        super().__init__()
        self.gate = nn.Linear(features, hidden, bias=False)
        self.up = nn.Linear(features, hidden, bias=False)
        self.down = nn.Linear(hidden, features, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


torch.manual_seed(0)
plain = nn.Sequential(
    nn.Linear(48, 192, bias=False), nn.GELU(), nn.Linear(192, 48, bias=False)
)
gated = SwiGLU(48, 128)  # 2/3 of 192
print([sum(p.numel() for p in net.parameters()) for net in (plain, gated)])
gated(torch.randn(2, 7, 48)).shape
# --8<-- [end:swiglu]

# --8<-- [start:softmax]
softmax = nn.Softmax(dim=1)
logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 200.0]])
p = softmax(logits)
shares = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
assert torch.allclose(p[0], shares[0]) and torch.equal(p, F.softmax(logits, dim=1))
assert torch.allclose(p, softmax(logits + 5))  # a constant changes nothing
print(p)
print(shares)
# --8<-- [end:softmax]

# --8<-- [start:softmax_dim]
p = F.softmax(torch.zeros(2, 3, 4), dim=1)  # (N, C, L)
assert torch.allclose(p.sum(dim=1), torch.ones(2, 4))
scores = torch.tensor([[3.0, 1.0], [3.0, 1.0]])
print(F.softmax(scores, dim=1))
F.softmax(scores, dim=0)  # over the batch: wrong
# --8<-- [end:softmax_dim]

# --8<-- [start:log_softmax]
log_softmax = nn.LogSoftmax(dim=0)
logits = torch.tensor([0.0, 50.0, 200.0])
log_p = log_softmax(logits)
assert torch.allclose(log_p, logits - torch.logsumexp(logits, dim=0))
assert torch.equal(log_p, F.log_softmax(logits, dim=0))
print(log_p)
torch.log(F.softmax(logits, dim=0))
# --8<-- [end:log_softmax]

# --8<-- [start:softmin]
softmin = nn.Softmin(dim=0)
distances = torch.tensor([0.0, 1.0, 3.0])
assert torch.equal(softmin(distances), F.softmin(distances, dim=0))
assert torch.allclose(softmin(distances), F.softmax(-distances, dim=0))
softmin(distances)
# --8<-- [end:softmin]

# --8<-- [start:softmax2d]
torch.manual_seed(0)
scores = torch.randn(1, 3, 2, 2)  # (N, C, H, W): three classes for each pixel
p = nn.Softmax2d()(scores)
assert torch.equal(p, F.softmax(scores, dim=1))
assert torch.allclose(p.sum(dim=1), torch.ones(1, 2, 2))
p[0, :, 0, 0]
# --8<-- [end:softmax2d]

# --8<-- [start:softmax_temperature]
logits = torch.tensor([2.0, 1.0, 0.5, -1.0])
_, axes = plt.subplots(1, 3, figsize=(7.2, 2.2), sharey=True, layout="constrained")
for ax, temperature in zip(axes, (0.25, 1.0, 4.0), strict=True):
    p = F.softmax(logits / temperature, dim=0)
    ax.bar(range(4), p.tolist(), color=BLUE)
    ax.set(title=f"temperature {temperature}", xticks=range(4), xlabel="class")
    print(temperature, p)
plt.show()
# --8<-- [end:softmax_temperature]

# --8<-- [start:gumbel_softmax]
torch.manual_seed(0)
logits = torch.tensor([2.0, 1.0, 0.5, -1.0], requires_grad=True)
draws = F.gumbel_softmax(logits.expand(20_000, 4), tau=0.5, hard=True)
print(draws[:2].detach())
shares = draws.detach().mean(dim=0)
assert (shares - F.softmax(logits, dim=0)).abs().max() < 0.02
draws.square().sum().backward()  # hard choices, and still a gradient
assert logits.grad.abs().max() > 1
F.gumbel_softmax(logits.detach(), tau=0.5)  # soft: no zeros
# --8<-- [end:gumbel_softmax]

# --8<-- [start:functional_twins]
twins = {
    F.relu: nn.ReLU(), F.relu6: nn.ReLU6(), F.leaky_relu: nn.LeakyReLU(),
    F.elu: nn.ELU(), F.celu: nn.CELU(), F.selu: nn.SELU(),
    F.gelu: nn.GELU(), F.silu: nn.SiLU(), F.mish: nn.Mish(),
    F.hardswish: nn.Hardswish(), F.softplus: nn.Softplus(),
    F.softsign: nn.Softsign(), F.hardsigmoid: nn.Hardsigmoid(),
    F.hardtanh: nn.Hardtanh(), F.logsigmoid: nn.LogSigmoid(),
    F.hardshrink: nn.Hardshrink(), F.softshrink: nn.Softshrink(),
    F.tanhshrink: nn.Tanhshrink(), torch.sigmoid: nn.Sigmoid(),
    torch.tanh: nn.Tanh(), F.rrelu: nn.RReLU().eval(),
}  # fmt: skip
x = torch.linspace(-4, 4, 99)
assert all(torch.equal(function(x), layer(x)) for function, layer in twins.items())
assert not any(list(layer.parameters()) for layer in twins.values())
print(len(twins), "pairs agree, none has parameters")
# --8<-- [end:functional_twins]

# --8<-- [start:inplace]
torch.manual_seed(0)
linear, x = nn.Linear(4, 3), torch.randn(2, 4)
h = linear(x)
y = nn.ReLU(inplace=True)(h)
assert y.data_ptr() == h.data_ptr()  # no new memory: h is overwritten
y.sum().backward()
inplace = linear.weight.grad.clone()
linear.zero_grad()
F.relu(linear(x)).sum().backward()
assert torch.equal(inplace, linear.weight.grad)
(h < 0).any()
# --8<-- [end:inplace]

# --8<-- [start:inplace_leaf]
w = torch.tensor([-1.0, 2.0], requires_grad=True)
F.relu_(w)
# --8<-- [end:inplace_leaf]

# --8<-- [start:inplace_saved]
w = torch.tensor([-1.0, 2.0], requires_grad=True)
F.relu_(3 * w).sum().backward()  # a product doesn't need its result again
print(w.grad)
F.relu_(torch.sigmoid(w)).sum().backward()  # the sigmoid does
# --8<-- [end:inplace_saved]

# --8<-- [start:inplace_residual]
h = torch.tensor([-1.0, 2.0], requires_grad=True) * 1
right = F.relu(h) + h
wrong = F.relu(h, inplace=True) + h  # h is already changed when it is added
print(right.detach(), wrong.detach())
# --8<-- [end:inplace_residual]


# --8<-- [start:dead_relu]
def train(act):
    """Loss after 100 steps of a net whose units all start dead."""
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    hidden = nn.Linear(8, 32)
    nn.init.constant_(hidden.bias, -4.0)  # every unit is negative for every sample
    assert (hidden(x) < 0).all()
    net = nn.Sequential(hidden, act, nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), x[:, :1])
        loss.backward()
        optimizer.step()
    return loss.item(), hidden.weight.grad.abs().max().item()


for act in (nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.GELU()):
    loss, gradient = train(act)
    print(f"{type(act).__name__:<10}loss {loss:.1f}  learns: {gradient > 0}")
    assert (loss > 0.8 and gradient == 0) if type(act) is nn.ReLU else loss < 0.1
# --8<-- [end:dead_relu]

# --8<-- [start:saturation]
import pandas as pd

x = torch.tensor([0.0, 1.0, 2.0, 5.0, 10.0, 20.0])
layers = [nn.Sigmoid(), nn.Tanh(), nn.Softsign(), nn.Hardtanh(), nn.ReLU()]
slopes = {type(layer).__name__: slope(layer, x).tolist() for layer in layers}
table = pd.DataFrame(slopes, index=[f"x={v:g}" for v in x.tolist()])
assert slopes["Sigmoid"][0] == 0.25 and slopes["Tanh"][-1] == 0
table.map("{:.1e}".format)
# --8<-- [end:saturation]

# --8<-- [start:vanishing_gradients]
from snippets.toolkit.plots import HUES


def gradients(act, init, depth=30):
    """The size of the gradient at the output of each layer."""
    torch.manual_seed(0)
    h, outputs = torch.randn(256, 128), []
    for _ in range(depth):
        layer = nn.Linear(128, 128, bias=False)
        init(layer.weight)
        h = act(layer(h))
        h.retain_grad()
        outputs.append(h)
    h.square().sum().backward()
    return [h.grad.norm().item() for h in outputs]


he = nn.init.kaiming_normal_
glorot = nn.init.xavier_normal_
settings = {torch.sigmoid: glorot, torch.tanh: glorot, F.relu: he}
fig, ax = plt.subplots(figsize=(6, 3))
for (act, init), hue in zip(settings.items(), HUES, strict=False):
    norms = torch.tensor(gradients(act, init))  # (30,)
    ax.semilogy(range(1, 31), norms, color=hue, label=act.__name__)
    print(f"{act.__name__:<8}layer 1 / layer 30: {norms[0] / norms[-1]:.0e}")
    if act is torch.sigmoid:
        assert (norms[1:] > 3 * norms[:-1]).all()
    else:
        assert norms.max() < 10 * norms.min()
ax.set(xlabel="layer", ylabel="gradient", title="The loss is at layer 30")
ax.legend()
plt.show()
# --8<-- [end:vanishing_gradients]

# --8<-- [start:properties]
layers = [
    nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.GELU(), nn.SiLU(), nn.Mish(),
    nn.Hardswish(), nn.Softplus(), nn.Sigmoid(), nn.Tanh(), nn.Softsign(),
]  # fmt: skip
x = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
far = torch.tensor([-1e6, 1e6], dtype=torch.float64)
rows = {}
for layer in layers:
    y, steep, ends = layer(x), slope(layer, x), layer(far)
    lower = "none" if ends[0] < -1000 else f"{min(y.min(), ends[0]):.2f}"
    upper = "none" if ends[1] > 1000 else f"{ends[1]:.2f}"
    falls = "yes" if steep.min() < 0 else "no"
    rows[type(layer).__name__] = [lower, upper, f"{steep.max():.2f}", falls]
columns = ["lower bound", "upper bound", "steepest slope", "falls somewhere"]
pd.DataFrame(rows, index=columns).T
# --8<-- [end:properties]

# --8<-- [start:multihead_attention]
torch.manual_seed(0)
attention = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
tokens = torch.randn(1, 5, 8)  # (N, L, E)
out, weights = attention(tokens, tokens, tokens)  # query, key, value
assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 5))
print(out.shape)
assert sum(p.numel() for p in attention.parameters()) == 4 * (8 * 8 + 8)
weights.shape
# --8<-- [end:multihead_attention]

# --8<-- [start:adaptive_log_softmax]
torch.manual_seed(0)
head = nn.AdaptiveLogSoftmaxWithLoss(64, 10_000, cutoffs=[500, 2000])
h, words = torch.randn(32, 64), torch.randint(10_000, (32,))
out = head(h, words)
log_p = head.log_prob(h)  # (32, 10000)
assert torch.allclose(log_p.exp().sum(dim=1), torch.ones(32), atol=1e-4)
assert torch.allclose(out.output, log_p[torch.arange(32), words], atol=1e-4)
assert torch.allclose(out.loss, -out.output.mean())
assert torch.equal(head.predict(h), log_p.argmax(dim=1))
for layer in (nn.Linear(64, 10_000), head):
    print(f"{sum(p.numel() for p in layer.parameters()):,}", type(layer).__name__)
# --8<-- [end:adaptive_log_softmax]

# --8<-- [start:linear_cross_entropy]
torch.manual_seed(0)
h, weight = torch.randn(256, 64), torch.randn(10_000, 64) / 8
words = torch.randint(10_000, (256,))
options = nn.LinearCrossEntropyOptions(batch_chunk_size=64)
loss = F.linear_cross_entropy(h, weight, words, options=options)
assert torch.allclose(loss, F.cross_entropy(h @ weight.T, words), rtol=1e-4)
print(f"{loss.item():.2f}")
# --8<-- [end:linear_cross_entropy]

# --8<-- [start:solution_from_clamp]
hand = {
    nn.ReLU(): lambda x: x.clamp(min=0),
    nn.ReLU6(): lambda x: x.clamp(0, 6),
    nn.Hardtanh(): lambda x: x.clamp(-1, 1),
    nn.Hardsigmoid(): lambda x: ((x + 3) / 6).clamp(0, 1),
    nn.Hardswish(): lambda x: x * ((x + 3) / 6).clamp(0, 1),
    nn.Softshrink(): lambda x: x - x.clamp(-0.5, 0.5),
    nn.LeakyReLU(0.1): lambda x: x.clamp(min=0) + 0.1 * x.clamp(max=0),
}
x = torch.linspace(-8, 8, 161)
assert all(torch.allclose(layer(x), f(x), atol=1e-6) for layer, f in hand.items())
len(hand)
# --8<-- [end:solution_from_clamp]


# --8<-- [start:solution_squared_relu]
class SquaredReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive.square()

    @staticmethod
    def backward(ctx, grad):
        (positive,) = ctx.saved_tensors
        return grad * 2 * positive


x = torch.tensor([-1.5, -0.2, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(SquaredReLU.apply, (x,))
assert torch.equal(SquaredReLU.apply(x), F.relu(x).square())
slope(SquaredReLU.apply, x)
# --8<-- [end:solution_squared_relu]

# --8<-- [start:solution_lowest_silu]
lowest = {}
for act in (F.silu, F.gelu, F.mish):
    x = torch.tensor(-1.0, dtype=torch.float64)
    for _ in range(200):
        x = x - slope(act, x)  # gradient descent with a learning rate of 1
    assert slope(act, x).abs() < 1e-6
    lowest[act.__name__] = (round(x.item(), 3), round(act(x).item(), 3))
lowest
# --8<-- [end:solution_lowest_silu]


# --8<-- [start:solution_straight_through]
def gumbel_hard(logits, tau):
    uniform = torch.rand_like(logits)
    noise = -torch.log(-torch.log(uniform))
    soft = F.softmax((logits + noise) / tau, dim=-1)
    hard = F.one_hot(soft.argmax(dim=-1), logits.shape[-1]).to(soft)
    return hard + soft - soft.detach()  # forward: hard; backward: soft


torch.manual_seed(0)
logits = torch.tensor([1.0, 0.0, -1.0], requires_grad=True)
draws = gumbel_hard(logits.expand(20_000, 3), tau=1.0)
shares = draws.detach().mean(dim=0)
assert torch.allclose(shares, F.softmax(logits, dim=0), atol=0.02)
(gradient,) = torch.autograd.grad(draws[:, 0].mean(), logits)
assert gradient[0] > 0 > gradient[1]
draws[:3].detach().round()
# --8<-- [end:solution_straight_through]
