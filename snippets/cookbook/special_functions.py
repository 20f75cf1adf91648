# --8<-- [start:binomial_of_large_numbers]
import math

import torch

n, k = torch.tensor(1000.0).double(), torch.tensor([2.0, 500.0]).double()
ways = torch.special.gammaln(n + 1)
ways = ways - torch.special.gammaln(k + 1) - torch.special.gammaln(n - k + 1)
print("log of the number of ways:", [f"{v:.4f}" for v in ways.tolist()])
assert math.isclose(ways[0].exp().item(), math.comb(1000, 2), rel_tol=1e-9)
assert math.isclose(ways[1].item(), math.log(math.comb(1000, 500)), rel_tol=1e-12)
# --8<-- [end:binomial_of_large_numbers]

# --8<-- [start:poisson_probability]
count = torch.tensor([0.0, 0.0, 3.0, 120.0], dtype=torch.float64)
rate = torch.tensor([0.0, 2.0, 2.0, 100.0], dtype=torch.float64)
plain = count * torch.log(rate) - rate - torch.lgamma(count + 1)
log_p = torch.special.xlogy(count, rate) - rate - torch.special.gammaln(count + 1)
print("plain:", [f"{v:.3f}" for v in plain.exp().tolist()])
print("xlogy:", [f"{v:.3f}" for v in log_p.exp().tolist()])
known = torch.distributions.Poisson(rate[1:]).log_prob(count[1:])
assert torch.allclose(log_p[1:], known) and log_p[0] == 0
# --8<-- [end:poisson_probability]

# --8<-- [start:at_most_so_many]
calls = torch.tensor(4.5, dtype=torch.float64)  # in progress on average
lines = torch.arange(9, dtype=torch.float64)
enough = torch.special.gammaincc(lines + 1, calls)
print({int(n): f"{p:.3f}" for n, p in zip(lines[4:], enough[4:], strict=True)})
one_by_one = torch.distributions.Poisson(calls).log_prob(lines).exp()
assert torch.allclose(enough, one_by_one.cumsum(0))
# --8<-- [end:at_most_so_many]

# --8<-- [start:is_the_die_fair]
thrown = torch.tensor([12.0, 25.0, 19.0, 14.0, 20.0, 30.0], dtype=torch.float64)
expected = thrown.sum() / 6
chi2 = ((thrown - expected) ** 2 / expected).sum()
below = torch.special.gammainc(torch.tensor(5 / 2).double(), chi2 / 2)  # 5 = 6 - 1
print(f"chi-square {chi2:.2f}, a fair die exceeds it with probability {1 - below:.3f}")
g = torch.Generator().manual_seed(0)
dice = torch.randint(6, (8_000, 120), generator=g)
sums = torch.stack([(dice == face).sum(1) for face in range(6)])
simulated = ((sums - 20.0) ** 2 / 20).sum(0)
assert abs((simulated > chi2).double().mean() - (1 - below)) < 0.01
# --8<-- [end:is_the_die_fair]

# --8<-- [start:fit_a_gamma_distribution]
g = torch.Generator().manual_seed(1)
x = -torch.rand(4000, 3, generator=g, dtype=torch.float64).log().sum(1)  # shape 3
target = x.log().mean() - x.mean().log()
shape = torch.tensor(1.0, dtype=torch.float64)
for _ in range(8):  # Newton's method on digamma(a) - log(a) = target
    error = torch.special.digamma(shape) - shape.log() - target
    shape = shape - error / (torch.special.polygamma(1, shape) - 1 / shape)
print(f"shape {shape:.2f}, rate {shape / x.mean():.2f}")
assert abs(shape - 3) < 0.2 and abs(error) < 1e-9
# --8<-- [end:fit_a_gamma_distribution]

# --8<-- [start:mean_of_a_logarithm]
a, b = torch.tensor(3.0).double(), torch.tensor(5.0).double()  # of a Beta distribution
mean = torch.special.psi(a) - torch.special.psi(a + b)
x = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
density = torch.distributions.Beta(a, b).log_prob(x).exp()
print(f"log of the mean {(a / (a + b)).log():.4f}, mean of the log {mean:.4f}")
assert torch.isclose((density * x.log()).mean(), mean, rtol=1e-6)
# --8<-- [end:mean_of_a_logarithm]

# --8<-- [start:beta_density_with_its_ends]
x = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
a, b = torch.tensor(1.0).double(), torch.tensor(3.0).double()
log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
plain = (a - 1) * x.log() + (b - 1) * (-x).log1p() - log_beta
safe = torch.special.xlogy(a - 1, x) + torch.special.xlog1py(b - 1, -x) - log_beta
print("plain:", [f"{v:.4f}" for v in plain.exp().tolist()])
print("xlogy and xlog1py:", [f"{v:.4f}" for v in safe.exp().tolist()])
assert torch.allclose(safe.exp(), 3 * (1 - x) ** 2)
# --8<-- [end:beta_density_with_its_ends]

# --8<-- [start:zipf_law]
s = torch.tensor(1.5, dtype=torch.float64)  # the word of rank k has weight k^-s
all_words = torch.special.zeta(s, torch.tensor(1.0).double())
for top in (1, 10, 100):
    rest = torch.special.zeta(s, torch.tensor(top + 1.0).double())
    print(f"the first {top:3} words: {1 - rest / all_words:.3f} of a text")
first = torch.arange(1, 101, dtype=torch.float64).pow(-s).sum()
assert torch.isclose(first + rest, all_words)
two = torch.tensor(2.0, dtype=torch.float64)
assert math.isclose(torch.special.zeta(two, two - 1).item(), math.pi**2 / 6)
# --8<-- [end:zipf_law]

# --8<-- [start:percentiles]
height = torch.tensor([160.0, 175.0, 190.0], dtype=torch.float64)
share = torch.special.ndtr((height - 175) / 7)  # mean 175 cm, deviation 7 cm
print("shorter are:", [f"{p:.3f}" for p in share.tolist()])
wanted = torch.tensor([0.95, 0.975, 0.999], dtype=torch.float64)
door = 175 + 7 * torch.special.ndtri(wanted)
print("enough for 95 %, 97.5 %, 99.9 %:", [f"{v:.1f}" for v in door.tolist()])
assert torch.allclose(torch.special.ndtri(share), (height - 175) / 7)
assert abs((door[1] - 175) / 7 - 1.959964) < 1e-6
# --8<-- [end:percentiles]

# --8<-- [start:far_in_the_tail]
z = torch.tensor([-1.0, -5.0, -9.0, -40.0], dtype=torch.float64, requires_grad=True)
plain = torch.log(torch.special.ndtr(z))
safe = torch.special.log_ndtr(z)
safe.sum().backward()
print("log(ndtr):", [f"{v:.3f}" for v in plain.tolist()])
print("log_ndtr: ", [f"{v:.3f}" for v in safe.tolist()])
print("gradient: ", [f"{v:.3f}" for v in z.grad.tolist()])
assert torch.allclose(plain[:2], safe[:2]) and torch.isinf(plain[2:]).all()
by_erfc = torch.special.erfc(-z / math.sqrt(2)) / 2
assert torch.allclose(by_erfc.log()[:3], safe[:3])
# --8<-- [end:far_in_the_tail]

# --8<-- [start:mean_above_a_limit]
limit = torch.tensor([0.0, 3.0, 40.0], dtype=torch.float64)
bell = torch.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi)
plain = bell / torch.special.ndtr(-limit)
mean = math.sqrt(2 / math.pi) / torch.special.erfcx(limit / math.sqrt(2))
print("quotient:", [f"{v:.4f}" for v in plain.tolist()])
print("erfcx:   ", [f"{v:.4f}" for v in mean.tolist()])
assert torch.allclose(plain[:2], mean[:2]) and mean[2] > 40
# --8<-- [end:mean_above_a_limit]

# --8<-- [start:frost_in_the_ground]
days = torch.tensor([1.0, 10.0, 40.0], dtype=torch.float64)
reach = 2 * torch.sqrt(0.04 * days)  # 0.04 square metres a day
depth = torch.tensor(0.5, dtype=torch.float64)
soil = -10 + (8 - -10) * torch.special.erf(depth / reach)  # surface -10, deep 8
frost = reach * torch.special.erfinv(torch.tensor(10 / 18, dtype=torch.float64))
print("at 0.5 m:", [f"{v:.2f}" for v in soil.tolist()])
print("0 degrees at", [f"{v:.2f}" for v in frost.tolist()], "m")
zero = -10 * torch.special.erfc(frost / reach) + 8 * torch.special.erf(frost / reach)
assert torch.allclose(zero, torch.zeros(3, dtype=torch.float64), atol=1e-9)
# --8<-- [end:frost_in_the_ground]

# --8<-- [start:average_of_odds]
opinions = torch.tensor([0.6, 0.9, 0.99], dtype=torch.float64)
pooled = torch.special.expit(torch.special.logit(opinions).mean())
print(f"mean {opinions.mean():.3f}, by log-odds {pooled:.3f}")
odds = (opinions / (1 - opinions)).prod() ** (1 / 3)
assert torch.isclose(pooled, odds / (1 + odds))
certain = torch.tensor([0.6, 1.0], dtype=torch.float64)
print("logit:", [f"{v:.3f}" for v in torch.special.logit(certain).tolist()])
clamped = torch.special.logit(certain, eps=1e-6)
print("with eps:", [f"{v:.3f}" for v in clamped.tolist()])
# --8<-- [end:average_of_odds]

# --8<-- [start:entropy_with_zeros]
p = torch.tensor([[0.5, 0.5, 0.0], [0.98, 0.01, 0.01]], dtype=torch.float64)
plain = -(p * p.log()).sum(dim=1)
bits = torch.special.entr(p).sum(dim=1) / math.log(2)
print("plain:", plain[0].item(), " bits:", [f"{v:.3f}" for v in bits.tolist()])
assert torch.isclose(bits[0], torch.tensor(1.0).double())
known = torch.distributions.Categorical(p[1]).entropy()
assert torch.isclose(bits[1] * math.log(2), known)
# --8<-- [end:entropy_with_zeros]

# --8<-- [start:which_cluster]
weight = torch.tensor([0.7, 0.3], dtype=torch.float64)
centre = torch.tensor([0.0, 6.0], dtype=torch.float64)
x = torch.tensor([[2.0], [3.5], [90.0]], dtype=torch.float64)
score = weight.log() - (x - centre) ** 2 / 2 - math.log(2 * math.pi) / 2  # (3, 2)
belongs = torch.special.softmax(score, dim=1)
evidence = torch.special.logsumexp(score, dim=1)
print("share of cluster 1:", [f"{v:.4f}" for v in belongs[:, 1].tolist()])
print("log density:", [f"{v:.3f}" for v in evidence.tolist()])
joint = score.exp()
assert torch.allclose(joint[:2] / joint[:2].sum(1, keepdim=True), belongs[:2])
assert torch.allclose(joint[:2].sum(1).log(), evidence[:2]) and joint[2].sum() == 0
# --8<-- [end:which_cluster]

# --8<-- [start:log_probabilities]
logits = torch.tensor([[2.0, 1.0, -1.0], [0.0, 200.0, 1.0]], dtype=torch.float64)
label = torch.tensor([0, 2])
log_p = torch.special.log_softmax(logits, dim=1)
of_label = log_p[torch.arange(2), label]
print("log p of the label:", [f"{v:.4f}" for v in of_label.tolist()])
assert torch.isclose(-of_label.mean(), torch.nn.functional.cross_entropy(logits, label))
print(f"log of softmax in float32: {logits.float().softmax(1).log()[1, 2]:.4f}")
# --8<-- [end:log_probabilities]

# --8<-- [start:small_rates]
daily = torch.tensor(1e-9, dtype=torch.float32)  # interest of one day
days = 3650
plain = (1 + daily) ** days - 1
safe = torch.special.expm1(days * torch.special.log1p(daily))
print(f"plain {plain:.4g}, log1p and expm1 {safe:.4g}")
exact = math.expm1(3650 * math.log1p(1e-9))
assert plain == 0 and math.isclose(safe.item(), exact, rel_tol=1e-5)
# --8<-- [end:small_rates]

# --8<-- [start:notes_of_a_scale]
semitones = torch.tensor([-12.0, 0.0, 3.0, 7.0], dtype=torch.float64)
pitch = 440 * torch.special.exp2(semitones / 12)
print([f"{v:.1f}" for v in pitch.tolist()], "Hz")
assert torch.isclose(pitch[0], torch.tensor(220.0).double())
print(f"fifth {pitch[3] / pitch[1]:.4f}, pure fifth {3 / 2:.4f}")
# --8<-- [end:notes_of_a_scale]

# --8<-- [start:value_between_samples]
n = torch.arange(-200, 201, dtype=torch.float64)
samples = torch.exp(-(n**2) / 18)
t = torch.tensor([0.5, 1.25, 4.75], dtype=torch.float64)
between = torch.special.sinc(t[:, None] - n) @ samples
print([f"{v:.4f}" for v in between.tolist()])
assert torch.allclose(between, torch.exp(-(t**2) / 18))
# --8<-- [end:value_between_samples]

# --8<-- [start:tones_of_a_drum]
k = torch.tensor([2.0, 5.0, 9.0], dtype=torch.float64)
for _ in range(6):  # Newton's method: the derivative of J0 is -J1
    k = k + torch.special.bessel_j0(k) / torch.special.bessel_j1(k)
print("zeros of J0:", [f"{v:.4f}" for v in k.tolist()])
print("tones:", [f"{v:.3f}" for v in (k / k[0]).tolist()])
theta = (torch.arange(400, dtype=torch.float64) + 0.5) * math.pi / 400
integral = torch.cos(k[:, None] * torch.sin(theta)).mean(dim=1)
assert torch.allclose(integral, torch.zeros(3, dtype=torch.float64), atol=1e-6)
# --8<-- [end:tones_of_a_drum]

# --8<-- [start:spot_of_a_telescope]
x = torch.tensor([1e-6, 1.0, 3.8317, 5.1356], dtype=torch.float64)
bright = (2 * torch.special.bessel_j1(x) / x) ** 2
print("brightness:", [f"{v:.4f}" for v in bright.tolist()])
print(f"first dark ring at {x[2] / math.pi:.3f} wavelengths / diameter")
inside = 1 - torch.special.bessel_j0(x[2]) ** 2 - torch.special.bessel_j1(x[2]) ** 2
print(f"light inside it {inside:.3f}")
r = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000 * x[2]
area = (2 * torch.special.bessel_j1(r) ** 2 / r).mean() * x[2]
assert torch.isclose(area, inside, rtol=1e-5)
# --8<-- [end:spot_of_a_telescope]


# --8<-- [start:gradient_of_a_bessel_function]
class BesselJ0(torch.autograd.Function):
    """bessel_j0 with its derivative, -bessel_j1."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.special.bessel_j0(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return -grad * torch.special.bessel_j1(x)


x = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
print("a gradient by itself:", torch.special.bessel_j0(x).requires_grad)
BesselJ0.apply(x).sum().backward()
print([f"{v:.4f}" for v in x.grad.tolist()])
x = x.detach()
rise = torch.special.bessel_j0(x + 1e-4) - torch.special.bessel_j0(x - 1e-4)
assert torch.allclose(-torch.special.bessel_j1(x), rise / 2e-4, atol=1e-5)
# --8<-- [end:gradient_of_a_bessel_function]

# --8<-- [start:ring_shaped_membrane]
k = torch.linspace(0.5, 2.5, 41, dtype=torch.float64)
for _ in range(3):  # outer rim, at 2, fixed; inner rim, at 1, free
    slope_in = torch.special.bessel_j1(k) * torch.special.bessel_y0(2 * k)
    value_out = torch.special.bessel_y1(k) * torch.special.bessel_j0(2 * k)
    change = (slope_in - value_out).sign().diff().nonzero()[0, 0]
    k = torch.linspace(k[change].item(), k[change + 1].item(), 41, dtype=k.dtype)
print(f"lowest tone at k = {k[20]:.3f}")
cross = torch.special.bessel_j1(k) * torch.special.bessel_y0(k)
cross = cross - torch.special.bessel_j0(k) * torch.special.bessel_y1(k)
assert torch.allclose(cross, 2 / (math.pi * k))  # the Wronskian
# --8<-- [end:ring_shaped_membrane]

# --8<-- [start:powder_diffraction]
q = torch.tensor([0.5, 2.0, 4.0], dtype=torch.float64)
bond = 1.2  # between two equal atoms
debye = 2 + 2 * torch.special.spherical_bessel_j0(q * bond)
print([f"{v:.4f}" for v in debye.tolist()])
cosine = (torch.arange(2000, dtype=torch.float64) + 0.5) / 1000 - 1  # all directions
waves = 1 + torch.exp(1j * q[:, None] * bond * cosine)
assert torch.allclose(waves.abs().square().mean(dim=1), debye, rtol=1e-5)
# --8<-- [end:powder_diffraction]

# --8<-- [start:direction_with_little_spread]
kappa = torch.tensor([2.0, 1000.0], dtype=torch.float64)
angle = torch.tensor(0.05, dtype=torch.float64)
plain = torch.exp(kappa * angle.cos()) / (2 * math.pi * torch.special.i0(kappa))
safe = torch.exp(kappa * (angle.cos() - 1)) / (2 * math.pi * torch.special.i0e(kappa))
print("i0: ", [f"{v:.4f}" for v in plain.tolist()])
print("i0e:", [f"{v:.4f}" for v in safe.tolist()])
spread = 1 / kappa[1].sqrt()  # with a large kappa it is nearly a normal distribution
nearly = torch.distributions.Normal(0, spread).log_prob(angle).exp()
assert torch.isclose(plain[0], safe[0]) and torch.isclose(safe[1], nearly, rtol=1e-2)
# --8<-- [end:direction_with_little_spread]

# --8<-- [start:concentration_of_directions]
wind = torch.tensor([0.2, -0.4, 0.1, 0.5, -0.1, 0.9, -0.7, 0.0], dtype=torch.float64)
length = torch.hypot(wind.cos().mean(), wind.sin().mean())
low, high = torch.tensor(0.0).double(), torch.tensor(1e6).double()
for _ in range(60):  # i1e / i0e rises from 0 to 1
    kappa = (low + high) / 2
    below = torch.special.i1e(kappa) / torch.special.i0e(kappa) < length
    low, high = (kappa, high) if below else (low, kappa)
print(f"mean length {length:.4f}, kappa {kappa:.3f}")
t = torch.arange(1000, dtype=torch.float64) / 1000 * 2 * math.pi
density = torch.softmax(kappa * t.cos(), dim=0)
assert torch.isclose((density * t.cos()).sum(), length)
# --8<-- [end:concentration_of_directions]

# --8<-- [start:magnitude_with_noise]
true = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
h = true**2 / 4
mean = (1 + 2 * h) * torch.special.i0(h) + 2 * h * torch.special.i1(h)
mean = mean * math.sqrt(math.pi / 2) * torch.exp(-h)
print("mean magnitude:", [f"{v:.3f}" for v in mean.tolist()])
g = torch.Generator().manual_seed(2)
noise = torch.randn(2, 100_000, 1, generator=g, dtype=torch.float64)
measured = torch.hypot(true + noise[0], noise[1]).mean(dim=0)
assert torch.allclose(measured, mean, atol=0.02)
# --8<-- [end:magnitude_with_noise]

# --8<-- [start:cooling_fin]
i0, i1 = torch.special.modified_bessel_i0, torch.special.modified_bessel_i1
k0, k1 = torch.special.modified_bessel_k0, torch.special.modified_bessel_k1
m, tip = 1.5, torch.tensor(3.0, dtype=torch.float64)
r = torch.linspace(1, 3, 2001, dtype=torch.float64)  # from the pipe to the tip
excess = i0(m * r) * k1(m * tip) + k0(m * r) * i1(m * tip)
excess = excess / excess[0]
print("excess at 1, 2, 3:", [f"{v:.4f}" for v in excess[::1000].tolist()])
slope = torch.gradient(excess, spacing=(r,))[0]
left = torch.gradient(r * slope, spacing=(r,))[0] / r  # of r^2 u'' + r u' = m^2 r^2 u
assert torch.allclose(left[2:-2], m**2 * excess[2:-2], rtol=1e-4)
assert slope[-1].abs() < 1e-2
# --8<-- [end:cooling_fin]

# --8<-- [start:screened_field_far_away]
r = torch.tensor([1.0, 800.0], dtype=torch.float64)
plain = torch.special.modified_bessel_k0(r)
far = torch.special.scaled_modified_bessel_k0(r)  # times e^r
print("K0:     ", [f"{v:.4f}" for v in plain.tolist()])
print("log K0: ", [f"{v:.4f}" for v in (far.log() - r).tolist()])
rate = torch.special.scaled_modified_bessel_k1(r) / far  # -K0' / K0
print("decay:  ", [f"{v:.4f}" for v in rate.tolist()])
assert torch.isclose(plain[0], far[0] / math.e)
assert torch.isclose(rate[1], 1 + 0.5 / r[1])
# --8<-- [end:screened_field_far_away]

# --8<-- [start:bouncing_neutron]
heights = torch.linspace(-8, 0, 801, dtype=torch.float64)
values = torch.special.airy_ai(heights)
left = (values[:-1] * values[1:] < 0).nonzero().flatten()
share = values[left] / (values[left] - values[left + 1])
energy = -(heights[left] + 0.01 * share).flip(0)
print("levels:", [f"{v:.3f}" for v in energy[:4].tolist()])
x = torch.arange(1, 300, dtype=torch.float64) * 0.05  # -u'' + x u = E u on a grid
near = torch.full((298,), -1 / 0.05**2, dtype=torch.float64)
grid = torch.diag(2 / 0.05**2 + x) + torch.diag(near, 1) + torch.diag(near, -1)
assert torch.allclose(torch.linalg.eigvalsh(grid)[:4], energy[:4], rtol=1e-3)
# --8<-- [end:bouncing_neutron]

# --8<-- [start:potential_of_a_charge]
angle = torch.tensor([0.3, 1.5, 3.0], dtype=torch.float64)
r = 0.5  # of the charge; the observer is at 1
degree = torch.arange(30)[:, None]
terms = r**degree * torch.special.legendre_polynomial_p(angle.cos(), degree)  # (30, 3)
for n in (2, 6, 30):
    print(f"{n:2} terms:", [f"{v:.5f}" for v in terms[:n].sum(dim=0).tolist()])
exact = 1 / torch.sqrt(1 - 2 * r * angle.cos() + r**2)
assert torch.allclose(terms.sum(dim=0), exact)
# --8<-- [end:potential_of_a_charge]

# --8<-- [start:approximate_by_chebyshev]
degree = torch.arange(21)
nodes = torch.cos((degree + 0.5).double() * math.pi / 21)
basis = torch.special.chebyshev_polynomial_t(nodes[:, None], degree)  # (21, 21)
coefficient = torch.linalg.solve(basis, 1 / (1 + 25 * nodes**2))
x = torch.linspace(-1, 1, 1001, dtype=torch.float64)
fit = torch.special.chebyshev_polynomial_t(x[:, None], degree) @ coefficient
print("coefficients:", [f"{v:.4f}" for v in coefficient[:5:2].tolist()])
print(f"error {(fit - 1 / (1 + 25 * x**2)).abs().max():.4f}")
assert torch.allclose(basis, torch.cos(degree * nodes.arccos()[:, None]))
# --8<-- [end:approximate_by_chebyshev]

# --8<-- [start:diffraction_grating]
phase = torch.tensor([0.0, 0.1, math.pi / 8, math.pi / 2], dtype=torch.float64)
plain = (torch.sin(8 * phase) / torch.sin(phase)) ** 2
bright = torch.special.chebyshev_polynomial_u(phase.cos(), 7) ** 2
print("quotient:", [f"{abs(v):.3f}" for v in plain.tolist()])
print("U7:      ", [f"{abs(v):.3f}" for v in bright.tolist()])
slits = torch.exp(2j * phase[:, None] * torch.arange(8, dtype=torch.float64))
assert torch.allclose(bright, slits.sum(dim=1).abs().square(), atol=1e-9)
# --8<-- [end:diffraction_grating]

# --8<-- [start:row_of_antennas]
theta = torch.tensor([0.0, 0.4, 1.0, 3.0], dtype=torch.float64)
in_phase = torch.special.chebyshev_polynomial_w(theta.cos(), 4)
alternating = torch.special.chebyshev_polynomial_v(theta.cos(), 4)
print("in phase:   ", [f"{v:.3f}" for v in in_phase.tolist()])
print("alternating:", [f"{v:.3f}" for v in alternating.tolist()])
n = torch.arange(-4, 5, dtype=torch.float64)  # nine antennas
waves = torch.cos(theta[:, None] * n)
assert torch.allclose(in_phase, waves.sum(dim=1))
assert torch.allclose(alternating, (waves * (-1) ** n).sum(dim=1))
# --8<-- [end:row_of_antennas]

# --8<-- [start:fit_on_zero_to_one]
n = torch.arange(9)
x = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
basis = torch.special.shifted_chebyshev_polynomial_t(x, n)  # (201, 9)
c = torch.linalg.lstsq(basis, torch.exp(-3 * x)).solution
slopes = 2 * n[1:] * torch.special.shifted_chebyshev_polynomial_u(x, n[1:] - 1)
print("coefficients:", [f"{v:.4f}" for v in c[:4, 0].tolist()])
print(f"slope at 0.5: {(slopes @ c[1:])[100, 0]:.5f}, exact {-3 * math.exp(-1.5):.5f}")
assert torch.allclose(basis @ c, torch.exp(-3 * x), atol=1e-5)
assert torch.allclose(slopes @ c[1:], -3 * torch.exp(-3 * x), atol=1e-3)
# --8<-- [end:fit_on_zero_to_one]

# --8<-- [start:odd_function_by_four_terms]
s = torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
n = torch.arange(4)
odd = s * torch.special.shifted_chebyshev_polynomial_v(s**2, n)  # T1, T3, T5, T7
c = torch.linalg.lstsq(odd, torch.sin(s)).solution
w = torch.special.shifted_chebyshev_polynomial_w(s**2, n)
even = (2 * n + 1) * w  # the slopes of T1, T3, T5, T7
print("coefficients:", [f"{v:.6f}" for v in c[:3, 0].tolist()])
print(f"sine at 1: {(odd @ c)[-1, 0]:.6f}, cosine at 0: {(even @ c)[200, 0]:.5f}")
assert torch.allclose(odd @ c, torch.sin(s), atol=1e-6)
assert torch.allclose(even @ c, torch.cos(s), atol=1e-4)
# --8<-- [end:odd_function_by_four_terms]

# --8<-- [start:quantum_oscillator]
x = torch.linspace(-9, 9, 1801, dtype=torch.float64)
n = torch.arange(6)[:, None]
log_size = torch.lgamma((n + 1).double()) + n * math.log(2) + math.log(math.pi) / 2
state = torch.special.hermite_polynomial_h(x, n) * torch.exp(-(x**2) / 2 - log_size / 2)
overlap = state @ state.T * 0.01  # (6, 6)
print(f"state 2 at 0 and 1: {state[2, 900]:.4f}, {state[2, 1000]:.4f}")
print("mean x^2:", [f"{v:.2f}" for v in ((state * x) ** 2).sum(1).mul(0.01).tolist()])
assert torch.allclose(overlap, torch.eye(6, dtype=torch.float64), atol=1e-6)
# --8<-- [end:quantum_oscillator]

# --8<-- [start:correct_for_skewness]
n = 10  # a mean of ten waiting times, standardised
z = torch.linspace(-2, 3, 501, dtype=torch.float64)
bell = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
he3 = torch.special.hermite_polynomial_he(z, 3)
edgeworth = bell * (1 + 2 / math.sqrt(n) / 6 * he3)  # 2 / sqrt(n): its skewness
total = n + math.sqrt(n) * z
exact = torch.exp((n - 1) * total.log() - total) / math.factorial(n - 1) * math.sqrt(n)
print(f"error of the bell {(bell - exact).abs().max():.3f}")
print(f"with He3          {(edgeworth - exact).abs().max():.3f}")
assert (edgeworth - exact).abs().max() < (bell - exact).abs().max() / 2
# --8<-- [end:correct_for_skewness]

# --8<-- [start:expectation_of_a_waiting_time]
import numpy as np

x, w = (torch.tensor(v) for v in np.polynomial.laguerre.laggauss(8))
l9 = torch.special.laguerre_polynomial_l(x, 9)
weights = x / (9 * l9) ** 2
print("points: ", [f"{v:.4f}" for v in x[:4].tolist()])
print("weights:", [f"{v:.4f}" for v in weights[:4].tolist()])
mean = (weights * torch.sin(x)).sum()
print(f"mean of sin: {mean:.4f}")
assert torch.allclose(weights, w) and abs(mean - 0.5) < 1e-3
# --8<-- [end:expectation_of_a_waiting_time]
