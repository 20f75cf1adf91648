# --8<-- [start:add_sub_mul_div]
import torch

a = torch.tensor([1.0, 2.0, 3.0])
b = torch.tensor([10.0, 20.0, 40.0])
print("a + b:", torch.add(a, b))
print("a - b:", torch.sub(a, b))
print("a * b:", torch.mul(a, b))
print("a / b:", torch.div(a, b))
assert torch.equal(a + b, torch.add(a, b))
assert torch.equal(a - b, torch.subtract(a, b))
assert torch.equal(a * b, torch.multiply(a, b))
assert torch.equal(a / b, torch.divide(a, b))
assert torch.equal(a / b, torch.true_divide(a, b))
# --8<-- [end:add_sub_mul_div]

# --8<-- [start:add_alpha]
weight, gradient = torch.tensor([0.5, -2.0]), torch.tensor([10.0, 30.0])
step = torch.sub(weight, gradient, alpha=0.01)
torch.testing.assert_close(step, weight - 0.01 * gradient)
torch.testing.assert_close(step, torch.add(weight, gradient, alpha=-0.01))
step
# --8<-- [end:add_alpha]

# --8<-- [start:div_rounding_mode]
import pandas as pd

top, bottom = torch.tensor([7, 7, -7, -7]), torch.tensor([2, -2, 2, -2])
true = torch.div(top, bottom)
floored = torch.div(top, bottom, rounding_mode="floor")
cut = torch.div(top, bottom, rounding_mode="trunc")
assert torch.equal(floored, top // bottom)
assert torch.equal(floored, torch.floor_divide(top, bottom))
print(true.dtype, floored.dtype, cut.dtype)
columns = {"a": top, "b": bottom, "div": true}
pd.DataFrame(columns | {"div floor": floored, "div trunc": cut})
# --8<-- [end:div_rounding_mode]

# --8<-- [start:zero_division]
print(torch.tensor([1.0, -1.0, 0.0]) / 0)
print(torch.tensor([1, -1, 0]) / 0)  # "/" gives floats
torch.tensor([1, -1, 0]) // 0
# --8<-- [end:zero_division]

# --8<-- [start:remainder]
top, bottom = torch.tensor([7, 7, -7, -7]), torch.tensor([3, -3, 3, -3])
rest = torch.remainder(top, bottom)
assert torch.equal(rest, top % bottom)
assert torch.equal(rest, top - bottom * torch.floor_divide(top, bottom))
pairs = list(zip(top.tolist(), bottom.tolist(), strict=True))
assert rest.tolist() == [p % q for p, q in pairs]  # Python's own %
pd.DataFrame({"a": top, "b": bottom, "remainder": rest})
# --8<-- [end:remainder]

# --8<-- [start:fmod]
import math

rest = torch.fmod(top, bottom)
cut = torch.div(top, bottom, rounding_mode="trunc")
assert torch.equal(rest, top - bottom * cut)
assert rest.tolist() == [math.fmod(p, q) for p, q in pairs]
pd.DataFrame({"a": top, "b": bottom, "fmod": rest})
# --8<-- [end:fmod]

# --8<-- [start:remainder_and_fmod_drawn]
import matplotlib.pyplot as plt

x = torch.linspace(-7, 7, 1400)  # no point lies on a jump
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True, layout="tight")
for ax, function in zip(axes, (torch.remainder, torch.fmod), strict=True):
    y = function(x, 3)
    print(f"{function.__name__}: from {y.min():.2f} to {y.max():.2f}")
    assert (y >= 0).all() if function is torch.remainder else (y * x >= 0).all()
    y[1:][(y[1:] - y[:-1]).abs() > 1] = torch.nan  # don't join the jumps
    ax.plot(x, y, color="#2f6fdb")
    ax.axhline(0, color="#7a8599", lw=0.8)
    ax.set_title(f"torch.{function.__name__}(x, 3)")
    ax.set(xlabel="x", xticks=range(-6, 7, 3))
plt.show()
# --8<-- [end:remainder_and_fmod_drawn]

# --8<-- [start:float_remainder]
one = torch.tensor(1.0)
print("1 // 0.1:", one // 0.1, " 1 % 0.1:", one % 0.1)
print(f"0.1 is stored as {torch.tensor(0.1).item():.12f}")
assert torch.round(one / 0.1) == 10  # what was meant
# --8<-- [end:float_remainder]

# --8<-- [start:abs_neg_sign]
x = torch.tensor([-2.5, -0.0, 0.0, 3.0])
print("abs     ", torch.abs(x))
print("neg     ", torch.neg(x))
print("positive", torch.positive(x))
print("sign    ", torch.sign(x))
assert torch.equal(torch.absolute(x), x.abs())
assert torch.equal(torch.negative(x), -x)
assert torch.equal(torch.sign(x) * torch.abs(x), x)
# --8<-- [end:abs_neg_sign]

# --8<-- [start:signbit_copysign]
print("signbit ", torch.signbit(x))
print("copysign", torch.copysign(torch.tensor([1.0, 1.0, 1.0, 1.0]), x))
print("1 / x   ", 1 / x)
assert torch.equal(torch.tensor(-0.0), torch.tensor(0.0))
# --8<-- [end:signbit_copysign]

# --8<-- [start:pow_square]
x = torch.tensor([1, 2, 3])
print(torch.pow(x, 2), torch.pow(2, x), torch.pow(x, x))
print(torch.square(x), torch.pow(x, 0.5))
print(torch.float_power(x, -2))
assert torch.equal(x**2, torch.square(x))
# --8<-- [end:pow_square]

# --8<-- [start:negative_integer_power]
print(torch.pow(2.0, torch.tensor([-1, 0, 1])))
print(torch.pow(2, torch.tensor([-1, 0, 1])))
torch.tensor([1, 2, 4]) ** -1
# --8<-- [end:negative_integer_power]

# --8<-- [start:sqrt_rsqrt_reciprocal_hypot]
x = torch.tensor([4.0, 0.25, 0.0, -1.0])
print("sqrt      ", torch.sqrt(x))
print("rsqrt     ", torch.rsqrt(x))
print("reciprocal", torch.reciprocal(x))
big = torch.tensor(3e30)
print("hypot     ", torch.hypot(big, big))
print("by hand   ", torch.sqrt(big**2 + big**2))
# --8<-- [end:sqrt_rsqrt_reciprocal_hypot]

# --8<-- [start:lerp]
start, end = torch.tensor([0.0, 100.0]), torch.tensor([10.0, 0.0])
for weight in (0.0, 0.25, 1.0, 1.5):
    print(weight, torch.lerp(start, end, weight))

mean, history = torch.tensor(0.0), []
for loss in (8.0, 8.0, 8.0, 0.0, 0.0):
    mean = torch.lerp(mean, torch.tensor(loss), 0.5)
    history.append(mean.item())
history
# --8<-- [end:lerp]

# --8<-- [start:addcmul_addcdiv]
weight = torch.tensor([1.0, -2.0], requires_grad=True)
weight.grad = torch.tensor([0.3, -40.0])
optimizer = torch.optim.Adam([weight], lr=0.1)

mean = torch.lerp(torch.zeros(2), weight.grad, 0.1)
square = torch.addcmul(torch.zeros(2), weight.grad, weight.grad, value=0.001)
root = torch.sqrt(square / (1 - 0.999)) + 1e-8
by_hand = torch.addcdiv(weight.detach(), mean / (1 - 0.9), root, value=-0.1)
optimizer.step()
print("by hand:", by_hand)
print("Adam:   ", weight.detach())
torch.testing.assert_close(by_hand, weight.detach())
# --8<-- [end:addcmul_addcdiv]

# --8<-- [start:gcd_lcm]
p, q = torch.tensor([12, 18, 7, 0]), torch.tensor([18, 12, 5, 5])
print("gcd", torch.gcd(p, q))
print("lcm", torch.lcm(p, q))
assert torch.equal(torch.gcd(p, q) * torch.lcm(p, q), p * q)
# --8<-- [end:gcd_lcm]

# --8<-- [start:floor_ceil_trunc_round]
x = torch.tensor([-1.7, -1.5, -0.5, 0.5, 1.5, 1.7, 2.5])
functions = (torch.floor, torch.ceil, torch.trunc, torch.round, torch.frac)
assert torch.equal(torch.fix(x), torch.trunc(x))
assert torch.equal(torch.trunc(x) + torch.frac(x), x)
pd.DataFrame({"x": x} | {f.__name__: f(x) for f in functions}).round(1)
# --8<-- [end:floor_ceil_trunc_round]

# --8<-- [start:rounding_drawn]
x = torch.linspace(-2.6, 2.6, 520)  # no point lies on a step
fig, axes = plt.subplots(2, 2, figsize=(5.2, 5), layout="constrained")
for ax, function in zip(axes.flat, functions[:4], strict=True):
    name, y = function.__name__, function(x)
    error = y - x
    print(f"{name:5} error from {error.min():.3f} to {error.max():.3f}")
    sides = {"floor": error <= 0, "ceil": error >= 0, "trunc": error * x <= 0}
    assert sides.get(name, error.abs() <= 0.5).all()
    for level in y.unique():
        run = x[y == level]
        ax.plot(run[[0, -1]], [level, level], color="#2f6fdb", lw=2.5)
    ax.plot(x, x, color="#7a8599", lw=0.8)
    ax.set(title=name, xlabel="x", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
    ax.set(xticks=range(-3, 4), yticks=range(-3, 4), aspect="equal")
plt.show()
# --8<-- [end:rounding_drawn]

# --8<-- [start:round_half_to_even]
halves = torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5])
rounded = torch.round(halves)
half_up = torch.floor(halves + 0.5)
print("round:  ", rounded, " sum", rounded.sum())
print("half up:", half_up, " sum", half_up.sum())
print("exact sum", halves.sum())
assert rounded.tolist() == [round(h) for h in halves.tolist()]
# --8<-- [end:round_half_to_even]

# --8<-- [start:round_decimals]
x = torch.tensor([3.14159, 2.71828, 1234.5])
print(torch.round(x, decimals=2))
print(torch.round(x, decimals=-2))
cents = torch.tensor([1.005, 2.675], dtype=torch.float64)
print("torch:", torch.round(cents, decimals=2).tolist())
print("Python:", [round(c, 2) for c in cents.tolist()])
print("stored:", [f"{c:.17f}" for c in cents.tolist()])
print("times 100:", (cents * 100).tolist())
# --8<-- [end:round_decimals]

# --8<-- [start:flat_gradients]
for name, function in {
    "round": torch.round,
    "clamp": lambda x: torch.clamp(x, 0, 2),
    "straight-through": lambda x: x + (torch.round(x) - x).detach(),
}.items():
    x = torch.tensor([-0.6, 0.4, 1.3, 2.6], requires_grad=True)
    y = function(x)
    y.sum().backward()
    print(f"{name}: {y.detach().numpy().round(1)}, gradient {x.grad.numpy()}")
# --8<-- [end:flat_gradients]

# --8<-- [start:fake_quantize]
x = torch.tensor([[0.12, -0.33, 0.5, 3.0], [12.0, -33.0, 50.0, 300.0]])
one_scale = torch.fake_quantize_per_tensor_affine(x, 1.0, 0, -8, 7)
scales, zeros = torch.tensor([0.1, 10.0]), torch.zeros(2, dtype=torch.int32)
own_scale = torch.fake_quantize_per_channel_affine(x, scales, zeros, 0, -8, 7)
by_hand = torch.clamp(torch.round(x / scales[:, None]), -8, 7) * scales[:, None]
torch.testing.assert_close(own_scale, by_hand)
print(one_scale)
print(own_scale)
leaf = x.clone().requires_grad_()
torch.fake_quantize_per_tensor_affine(leaf, 1.0, 0, -8, 7).sum().backward()
print("gradient", leaf.grad)
# --8<-- [end:fake_quantize]

# --8<-- [start:clamp]
x = torch.tensor([-3.0, -0.5, 0.5, 2.0, 7.0])
print(torch.clamp(x, min=-1, max=1))
print(torch.clamp(x, min=0))
print(torch.clamp(x, max=1))
assert torch.equal(torch.clip(x, -1, 1), torch.clamp(x, -1, 1))
assert torch.equal(torch.relu(x), torch.clamp(x, min=0))
# --8<-- [end:clamp]

# --8<-- [start:clamp_tensor_bounds]
points = torch.tensor([[-5.0, 30.0], [50.0, 70.0], [700.0, 500.0]])
size = torch.tensor([640.0, 480.0])
print(torch.clamp(points, min=torch.zeros(2), max=size))
print("min > max:", torch.clamp(points[0], min=100, max=50))
# --8<-- [end:clamp_tensor_bounds]

# --8<-- [start:maximum_minimum]
p = torch.tensor([1.0, 5.0, torch.nan, torch.nan])
q = torch.tensor([4.0, 2.0, 3.0, torch.nan])
for function in (torch.maximum, torch.minimum, torch.fmax, torch.fmin):
    print(f"{function.__name__:7}", function(p, q))
assert torch.equal(torch.maximum(p[:2], q[:2]), torch.max(p[:2], q[:2]))
# --8<-- [end:maximum_minimum]

# --8<-- [start:exp_log]
x = torch.tensor([0.5, 1.0, 2.0, 8.0, 100.0])
functions = (torch.exp, torch.exp2, torch.log, torch.log2, torch.log10)
print("log:", torch.log(torch.tensor([0.0, -1.0])))
print("exp:", torch.exp(torch.tensor([-200.0, 200.0])))
assert torch.exp(torch.tensor([88.7, 88.8])).isinf().tolist() == [False, True]
torch.testing.assert_close(torch.log(torch.exp(x[:4])), x[:4])
pd.DataFrame({"x": x} | {f.__name__: f(x) for f in functions})
# --8<-- [end:exp_log]

# --8<-- [start:expm1_log1p]
small = torch.tensor([1e-3, 1e-6, 1e-9])
columns = {
    "x": small,
    "exp(x) - 1": torch.exp(small) - 1,
    "expm1(x)": torch.expm1(small),
    "log(1 + x)": torch.log(1 + small),
    "log1p(x)": torch.log1p(small),
}
pd.DataFrame({k: [f"{v:.5g}" for v in c.tolist()] for k, c in columns.items()})
# --8<-- [end:expm1_log1p]

# --8<-- [start:logaddexp]
p, q = torch.tensor([0.0, -1000.0]), torch.tensor([0.0, -1001.0])
print("by hand:  ", torch.log(torch.exp(p) + torch.exp(q)))
print("logaddexp:", torch.logaddexp(p, q))
print("base 2:   ", torch.logaddexp2(p, q))
# --8<-- [end:logaddexp]

# --8<-- [start:xlogy]
p = torch.tensor([0.5, 0.5, 0.0])
print("p * log(p):", p * torch.log(p))
print("xlogy:     ", torch.xlogy(p, p))
print("entropy in bits:", -torch.xlogy(p, p).sum() / math.log(2))
# --8<-- [end:xlogy]

# --8<-- [start:sigmoid_logit]
p = torch.sigmoid(torch.tensor([-20.0, -2.0, 0.0, 2.0, 20.0]))
print("sigmoid:", [f"{v:.4g}" for v in p.tolist()])
print("logit:  ", torch.logit(p))
print("cut off:", torch.logit(p, eps=1e-6))
# --8<-- [end:sigmoid_logit]

# --8<-- [start:softmax_log_softmax]
scores = torch.tensor([[1.0, 2.0, 3.0], [1000.0, 1001.0, 1002.0]])
naive = torch.exp(scores) / torch.exp(scores).sum(dim=1, keepdim=True)
print("naive:\n", naive)
print("softmax:\n", torch.softmax(scores, dim=1))
wide = torch.tensor([0.0, 200.0])
print("log of softmax:", torch.log(torch.softmax(wide, dim=0)))
print("log_softmax:   ", torch.log_softmax(wide, dim=0))
# --8<-- [end:softmax_log_softmax]

# --8<-- [start:sin_cos_tan]
degrees = torch.tensor([0.0, 30.0, 45.0, 60.0])
angle = torch.deg2rad(degrees)
sine, cosine, tangent = torch.sin(angle), torch.cos(angle), torch.tan(angle)
for inverse, value in [
    (torch.asin, sine),
    (torch.acos, cosine),
    (torch.atan, tangent),
    (torch.arcsin, sine),
    (torch.arccos, cosine),
    (torch.arctan, tangent),
]:
    torch.testing.assert_close(torch.rad2deg(inverse(value)), degrees)
columns = {"degrees": degrees, "sin": sine, "cos": cosine, "tan": tangent}
pd.DataFrame(columns).round(4)
# --8<-- [end:sin_cos_tan]

# --8<-- [start:atan2]
x = torch.tensor([1.0, -1.0, -1.0, 1.0])
y = torch.tensor([1.0, 1.0, -1.0, -1.0])
print("atan(y / x): ", torch.rad2deg(torch.atan(y / x)))
print("atan2(y, x): ", torch.rad2deg(torch.atan2(y, x)))
assert torch.equal(torch.arctan2(y, x), torch.atan2(y, x))
up = torch.atan2(torch.tensor(2.0), torch.tensor(0.0))
print("x = 0, y = 2:", torch.rad2deg(up))
# --8<-- [end:atan2]

# --8<-- [start:hyperbolic]
x = torch.tensor([0.0, 0.5, 1.0, 3.0])
values = {f.__name__: f(x) for f in (torch.sinh, torch.cosh, torch.tanh)}
for inverse, name in [
    (torch.asinh, "sinh"),
    (torch.acosh, "cosh"),
    (torch.atanh, "tanh"),
    (torch.arcsinh, "sinh"),
    (torch.arccosh, "cosh"),
    (torch.arctanh, "tanh"),
]:
    torch.testing.assert_close(inverse(values[name]), x, rtol=1e-4, atol=1e-4)
torch.testing.assert_close(values["tanh"], 2 * torch.sigmoid(2 * x) - 1)
pd.DataFrame({"x": x} | values).round(4)
# --8<-- [end:hyperbolic]

# --8<-- [start:erf_erfc_erfinv]
z = torch.tensor([1.0, 2.0, 3.0, 6.0])
within = torch.erf(z / math.sqrt(2))
outside = torch.erfc(z / math.sqrt(2))
print("within z sigma: ", within)
print(f"outside 6 sigma: 1 - erf {1 - within[-1]:.3g}, erfc {outside[-1]:.3g}")
print("sigmas for 95 %:", torch.erfinv(torch.tensor(0.95)) * math.sqrt(2))
torch.testing.assert_close(torch.special.ndtr(z), (1 + within) / 2)
# --8<-- [end:erf_erfc_erfinv]

# --8<-- [start:lgamma_digamma_polygamma]
n = torch.tensor([1.0, 2.0, 5.0, 60.0], requires_grad=True)
logs = torch.lgamma(n)
logs.sum().backward()
print("lgamma:   ", logs.detach())
print("log(4!):  ", round(math.log(math.factorial(4)), 4))
print("digamma:  ", torch.digamma(n).detach())
print("trigamma: ", torch.polygamma(1, n).detach())
print("mvlgamma: ", torch.mvlgamma(n.detach(), p=1))
torch.testing.assert_close(n.grad, torch.digamma(n).detach())
# --8<-- [end:lgamma_digamma_polygamma]

# --8<-- [start:igamma_igammac]
a, x = torch.tensor([1.0, 1.0, 5.0, 5.0]), torch.tensor([0.5, 2.0, 2.0, 9.0])
below, above = torch.igamma(a, x), torch.igammac(a, x)
print("igamma: ", below)
print("igammac:", above)
torch.testing.assert_close(below + above, torch.ones(4))
torch.testing.assert_close(below[:2], 1 - torch.exp(-x[:2]))  # a = 1
# --8<-- [end:igamma_igammac]

# --8<-- [start:i0_sinc]
n, beta = 31, 6.0
t = torch.linspace(-1, 1, n)
window = torch.i0(beta * torch.sqrt(1 - t**2)) / torch.i0(torch.tensor(beta))
ready = torch.kaiser_window(n, periodic=False, beta=beta)
torch.testing.assert_close(window, ready, rtol=1e-4, atol=1e-5)
position = torch.arange(n) - n // 2
kernel = 0.25 * torch.sinc(0.25 * position) * window
print("window:", window[[0, 5, 10, 15]])
print("kernel:", kernel[[15, 16, 18, 20]], f" sum {kernel.sum():.3f}")
# --8<-- [end:i0_sinc]

# --8<-- [start:special_functions_drawn]
x, positive = torch.linspace(-3, 3, 301), torch.linspace(0.1, 6, 296)
curves = [
    ("erf", x, torch.erf(x)),
    ("erfc", x, torch.erfc(x)),
    ("lgamma", positive, torch.lgamma(positive)),
    ("digamma", positive, torch.digamma(positive)),
    ("sinc", 2 * x, torch.sinc(2 * x)),
    ("Kaiser window", position / 4, window),
]
fig, axes = plt.subplots(3, 1, figsize=(5.5, 6), layout="constrained")
for ax in axes:
    ax.axhline(0, color="#7a8599", lw=0.8)
for place, (name, across, up) in enumerate(curves):
    color = ("#2f6fdb", "#e4572e")[place % 2]
    axes[place // 2].plot(across, up, color=color, label=name)
axes[1].set(ylim=(-4, 5))
for ax in axes:
    ax.set(xlabel="x")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
low = torch.lgamma(positive)
print(f"lgamma is lowest at {positive[low.argmin()]:.2f}, where digamma is 0")
assert torch.equal(low.diff() > 0, positive[1:] > 1.47)  # falls, then rises
assert torch.equal(torch.digamma(positive) > 0, positive > 1.47)
assert (torch.erf(x).diff() >= 0).all() and (torch.erfc(x).diff() <= 0).all()
plt.show()
# --8<-- [end:special_functions_drawn]

# --8<-- [start:compare]
a, b = torch.tensor([1, 2, 3]), torch.tensor([1.0, 5.0, 2.0])
results = {
    "==": (a == b, torch.eq(a, b), torch.eq(a, b)),
    "!=": (a != b, torch.ne(a, b), torch.not_equal(a, b)),
    "<": (a < b, torch.lt(a, b), torch.less(a, b)),
    "<=": (a <= b, torch.le(a, b), torch.less_equal(a, b)),
    ">": (a > b, torch.gt(a, b), torch.greater(a, b)),
    ">=": (a >= b, torch.ge(a, b), torch.greater_equal(a, b)),
}
for sign, (by_operator, by_name, by_long_name) in results.items():
    print(f"a {sign:2} b", by_operator)
    assert torch.equal(by_operator, by_name)
    assert torch.equal(by_operator, by_long_name)
# --8<-- [end:compare]

# --8<-- [start:equal]
x = torch.tensor([1.0, 2.0])
print(torch.equal(x, torch.tensor([1, 2])))  # the dtype doesn't count
print(torch.equal(x, torch.tensor([[1.0, 2.0]])))  # the shape does
print(x == torch.tensor([[1.0, 2.0]]))
print(torch.equal(torch.tensor(torch.nan), torch.tensor(torch.nan)))
# --8<-- [end:equal]

# --8<-- [start:chained_comparison]
x = torch.tensor([1, 5, 9])
print((x > 2) & (x < 8))
between = 2 < x < 8
# --8<-- [end:chained_comparison]

# --8<-- [start:isclose]
tenth = torch.tensor(0.1, dtype=torch.float64)
print("0.1 + 0.2 == 0.3:", tenth + 2 * tenth == 3 * tenth, tenth + 0.2 == 0.3)
exact = torch.full_like(tenth, 0.3)
print("isclose:         ", torch.isclose(tenth + 0.2, exact))
p, q = torch.tensor([1.0, 1000.0, 1e-9]), torch.tensor([1.00002, 1000.02, 5e-9])
allowed = 1e-8 + 1e-5 * q.abs()  # atol + rtol * |q|
print("difference:", (p - q).abs())
print("allowed:   ", allowed)
print(torch.isclose(p, q), torch.isclose(p, q, rtol=1e-4, atol=0.0))
assert torch.equal(torch.isclose(p, q), (p - q).abs() <= allowed)
# --8<-- [end:isclose]

# --8<-- [start:allclose]
p = torch.tensor([1.0, torch.nan])
print(torch.allclose(p, p), torch.allclose(p, p, equal_nan=True))
try:
    expected = torch.tensor([1.0, 2.1, 3.0])
    torch.testing.assert_close(torch.tensor([1.0, 2.0, 3.0]), expected)
except AssertionError as error:
    print(error)
torch.allclose(torch.ones(2), torch.ones(2, dtype=torch.float64))
# --8<-- [end:allclose]

# --8<-- [start:logical]
p = torch.tensor([True, True, False, False])
q = torch.tensor([True, False, True, False])
columns = {"p": p, "q": q}
for function in (torch.logical_and, torch.logical_or, torch.logical_xor):
    columns[function.__name__] = function(p, q)
print(torch.logical_not(torch.tensor([0.0, 0.5, torch.nan])))
pd.DataFrame(columns)
# --8<-- [end:logical]

# --8<-- [start:mask_precedence]
age = torch.tensor([3, 17, 25, 40, 70])
adult = (age >= 18) & (age < 65)
print(adult, age[adult])
print(age >= 18 & age)  # means age >= (18 & age)
print(~adult, "but ~1 is", ~torch.tensor(1))
try:
    adult - adult
except RuntimeError as error:
    print(str(error).replace(". ", ".\n"))
# --8<-- [end:mask_precedence]

# --8<-- [start:bitwise]
p, q = torch.tensor([0b1100, 0b1010], dtype=torch.uint8)
for function in (torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor):
    print(f"{function.__name__:11} {function(p, q).item():08b}")
print(f"bitwise_not {torch.bitwise_not(p).item():08b}")
left, right = torch.bitwise_left_shift(p, 2), torch.bitwise_right_shift(p, 2)
print(f"shifted by 2: left {left.item():08b}, right {right.item():08b}")
assert torch.equal(p & q, torch.bitwise_and(p, q)) and torch.equal(p << 2, left)
# --8<-- [end:bitwise]

# --8<-- [start:isnan_isinf_isfinite]
x = torch.tensor([1.0, torch.nan, torch.inf, -torch.inf])
tests = torch.isnan, torch.isinf, torch.isposinf, torch.isneginf, torch.isfinite
print("nan_to_num:", torch.nan_to_num(x))
print("with numbers:", torch.nan_to_num(x, nan=0.0, posinf=9.0, neginf=-9.0))
pd.DataFrame({"x": x} | {test.__name__: test(x) for test in tests})
# --8<-- [end:isnan_isinf_isfinite]

# --8<-- [start:nan_comes_and_spreads]
zero, inf = torch.tensor(0.0), torch.tensor(torch.inf)
print(zero / zero, inf - inf, inf * zero, torch.sqrt(-torch.ones(1)))
x = torch.tensor([1.0, torch.nan])
print("nan == nan:", x == x)
print("nan < 1, nan >= 1:", x < 1, x >= 1)
print("nan * 0:", x * 0, " nan ** 0:", x**0)
# --8<-- [end:nan_comes_and_spreads]

# --8<-- [start:nan_through_where]
x = torch.tensor([0.0, 4.0], requires_grad=True)
y = torch.where(x > 0, torch.sqrt(x), 0.0)
y.sum().backward()
print("value", y.detach(), " gradient", x.grad)

x.grad = None
safe = torch.where(x > 0, x, 1.0)  # first a harmless input
y = torch.where(x > 0, torch.sqrt(safe), 0.0)
y.sum().backward()
print("value", y.detach(), " gradient", x.grad)
# --8<-- [end:nan_through_where]

# --8<-- [start:finfo_nextafter]
rows = {}
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    info = torch.finfo(dtype)
    rows[str(dtype)] = [f"{v:.2e}" for v in (info.eps, info.max, info.tiny)]
one, two = torch.tensor(1.0), torch.tensor(2.0)
assert torch.nextafter(one, two) - one == torch.finfo(torch.float32).eps
million = torch.tensor(1e6)
print("step after 1e6:", torch.nextafter(million, 2 * million) - million)
pd.DataFrame.from_dict(rows, orient="index", columns=["eps", "max", "tiny"])
# --8<-- [end:finfo_nextafter]

# --8<-- [start:overflow]
print("60000 * 2:", torch.tensor(60_000.0, dtype=torch.float16) * 2)
print("largest + 1:", torch.tensor(torch.iinfo(torch.int64).max) + 1)
print("abs(-128):", torch.abs(torch.tensor(-128, dtype=torch.int8)))
print("50000 ** 2:", torch.square(torch.tensor(50_000, dtype=torch.int32)))
tiny = torch.tensor(torch.finfo(torch.float32).tiny)
print("tiny / 2**23 > 0:", tiny / 2**23 > 0)
print("tiny / 2**24 > 0:", tiny / 2**24 > 0)
# --8<-- [end:overflow]

# --8<-- [start:frexp_ldexp]
x = torch.tensor([1.0, 10.0, 0.1, -48.0])
mantissa, exponent = torch.frexp(x)
print("mantissa", mantissa)
print("exponent", exponent)
assert torch.equal(torch.ldexp(mantissa, exponent), x)
assert torch.equal(mantissa * torch.exp2(exponent), x)
# --8<-- [end:frexp_ldexp]

# --8<-- [start:real_imag_angle]
z = torch.tensor([3 + 4j, -2 + 0j, 1j])
print("real, imag: ", torch.real(z), torch.imag(z))
print("abs, angle: ", torch.abs(z), torch.angle(z))
print("conjugate:  ", torch.conj_physical(z))
print("sgn:        ", torch.sgn(z))
print("isreal:     ", torch.isreal(z))
torch.testing.assert_close(torch.polar(torch.abs(z), torch.angle(z)), z)
# --8<-- [end:real_imag_angle]

# --8<-- [start:gradient]
x = torch.tensor([0.0, 1.0, 2.0, 4.0, 8.0])
(slope,) = torch.gradient(x**2, spacing=(x,))
print("numbers:", slope)
print("exact:  ", 2 * x)
(unit,) = torch.gradient(x**2)
print("spacing forgotten:", unit)
# --8<-- [end:gradient]


# --8<-- [start:solution_shortest_turn]
def shortest_turn(start, end):
    """Degrees from one heading to another, at least -180 and below 180."""
    return torch.remainder(end - start + 180, 360) - 180


start, end = torch.tensor([350, 10, 90, 0]), torch.tensor([10, 350, 270, 725])
print(shortest_turn(start, end))
print(torch.fmod(end - start + 180, 360) - 180)
assert shortest_turn(start, end).tolist() == [20, -20, -180, 5]
# --8<-- [end:solution_shortest_turn]


# --8<-- [start:solution_half_away]
def round_half_away(x):
    return torch.copysign(torch.floor(torch.abs(x) + 0.5), x)


x = torch.tensor([-2.5, -0.5, -0.2, 0.5, 1.5, 2.5])
print(round_half_away(x))
assert round_half_away(x).tolist() == [-3, -1, 0, 1, 2, 3]
# --8<-- [end:solution_half_away]

# --8<-- [start:solution_softplus]
import torch.nn.functional as F

x = torch.tensor([-200.0, -1.0, 0.0, 1.0, 200.0])
print("naive:    ", torch.log(1 + torch.exp(x)))
print("logaddexp:", torch.logaddexp(x, torch.zeros(5)))
torch.testing.assert_close(torch.logaddexp(x, torch.zeros(5)), F.softplus(x))
# --8<-- [end:solution_softplus]

# --8<-- [start:solution_cancellation]
x = torch.tensor([1e-1, 1e-3, 1e-4])
naive = 1 - torch.cos(x)
better = 2 * torch.square(torch.sin(x / 2))
exact = 2 * torch.square(torch.sin(x.double() / 2))
for name, value in {"naive": naive, "better": better}.items():
    error = torch.abs(value / exact - 1)
    values = [f"{v:.4g}" for v in value.tolist()]
    print(f"{name}:", values, f"worst error {error.max():.0e}")
assert naive[-1] == 0
assert torch.allclose(better.double(), exact, rtol=1e-6, atol=0.0)
# --8<-- [end:solution_cancellation]

# --8<-- [start:solution_bits]
numbers = torch.tensor([0, 1, 77, 255])
places = torch.arange(8)
shifted = torch.bitwise_right_shift(numbers[:, None], places)  # (4, 8)
bits = torch.bitwise_and(shifted, 1)
print(bits.flip(1))
packed = torch.bitwise_left_shift(bits, places).sum(dim=1)
assert torch.equal(packed, numbers)
# --8<-- [end:solution_bits]
