# --8<-- [start:positive_parameter]
import torch
from torch.distributions import Exponential, constraints, transform_to

waits = torch.tensor([2.0, 7.0, 1.0, 10.0], dtype=torch.float64)
to_positive = transform_to(constraints.positive)
raw = torch.zeros((), dtype=torch.float64, requires_grad=True)  # any number is allowed
optimizer = torch.optim.Adam([raw], lr=0.1)
for _ in range(200):
    optimizer.zero_grad()
    loss = -Exponential(to_positive(raw)).log_prob(waits).mean()
    loss.backward()
    optimizer.step()
print([type(part).__name__ for part in to_positive.parts], f"raw {raw:.3f}, rate {to_positive(raw):.3f}")
assert torch.isclose(to_positive(raw), 1 / waits.mean(), rtol=1e-3)
# --8<-- [end:positive_parameter]

# --8<-- [start:interval_parameter]
phi = transform_to(constraints.interval(-1.0, 1.0))  # an autoregression must not explode
start = phi.inv(torch.tensor(0.9, dtype=torch.float64))
print(f"start at raw {start:.3f}, back {phi(start):.3f}")
raw = torch.tensor([-10.0, -1.0, 0.0, 1.0, 10.0], dtype=torch.float64)
print([f"{v:.4f}" for v in phi(raw).tolist()])
assert torch.allclose(phi(raw), torch.tanh(raw / 2))
# --8<-- [end:interval_parameter]

# --8<-- [start:one_sided]
raw = torch.tensor([-5.0, 0.0, 2.0], dtype=torch.float64)
limits = {
    "degrees of freedom": constraints.greater_than(2.0),
    "a price": constraints.greater_than_eq(0.99),
    "a temperature": constraints.less_than(100.0),
    "an hour": constraints.half_open_interval(0.0, 24.0),
}
for name, limit in limits.items():
    value = transform_to(limit)(raw)
    print(f"{name:18}", [f"{v:.2f}" for v in value.tolist()])
    assert limit.check(value).all()
    assert torch.allclose(transform_to(limit).inv(value), raw)
# --8<-- [end:one_sided]

# --8<-- [start:shares]
from torch.distributions import SoftmaxTransform, biject_to

raw = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
softmax, sticks = transform_to(constraints.simplex), biject_to(constraints.simplex)
for name, t in (("transform_to", softmax), ("biject_to", sticks)):
    share = t(raw)
    print(f"{name:12} {type(t).__name__:22}", [f"{v:.3f}" for v in share.tolist()])
    assert torch.isclose(share.sum(), torch.ones_like(raw[0]))
print("shapes:", softmax.forward_shape((3,)), sticks.forward_shape((3,)), sticks.inverse_shape((4,)))
assert torch.allclose(SoftmaxTransform()(raw + 5), softmax(raw))  # not one to one
assert torch.allclose(sticks.inv(sticks(raw)), raw)
# --8<-- [end:shares]

# --8<-- [start:fit_covariance]
from torch.distributions import LowerCholeskyTransform, MultivariateNormal

torch.manual_seed(0)
mix = torch.tensor([[1.0, 0.0], [0.8, 0.5]], dtype=torch.float64)
x = torch.randn(200, 2, dtype=torch.float64) @ mix.T
to_factor = LowerCholeskyTransform()  # transform_to(constraints.lower_cholesky) is the same
raw = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([raw], max_iter=100, line_search_fn="strong_wolfe")


def loss_of_factor():
    optimizer.zero_grad()
    loss = -MultivariateNormal(x.mean(dim=0), scale_tril=to_factor(raw)).log_prob(x).mean()
    loss.backward()
    return loss


optimizer.step(loss_of_factor)
factor = to_factor(raw.detach())
print(factor)
assert torch.allclose(factor @ factor.T, torch.cov(x.T, correction=0), atol=1e-4)
# --8<-- [end:fit_covariance]

# --8<-- [start:positive_definite]
from torch.distributions import PositiveDefiniteTransform

to_matrix = PositiveDefiniteTransform()  # of constraints.positive_definite
raw = torch.tensor([[0.3, 9.0], [-2.0, -1.0]], dtype=torch.float64)
matrix = to_matrix(raw)
print(matrix)
print("eigenvalues:", [f"{v:.3f}" for v in torch.linalg.eigvalsh(matrix).tolist()])
factor = raw.tril(-1) + raw.diagonal().exp().diag()  # what stands above the diagonal isn't used
assert torch.allclose(matrix, factor @ factor.T)
assert torch.allclose(to_matrix.inv(matrix), raw.tril())
# --8<-- [end:positive_definite]

# --8<-- [start:correlation_parameter]
from torch.distributions import CorrCholeskyTransform

to_factor = CorrCholeskyTransform()  # of constraints.corr_cholesky
raw = torch.tensor([0.5, -1.0, 0.3], dtype=torch.float64)  # 3 numbers for 3 variables
factor = to_factor(raw)
correlation = factor @ factor.T
print(correlation)
print("shapes:", to_factor.forward_shape((6,)), "and back:", to_factor.inverse_shape((4, 4)))
assert torch.allclose(correlation.diagonal(), torch.ones(3, dtype=torch.float64))
assert torch.isclose(correlation[1, 0], torch.tanh(raw[0]))
assert torch.allclose(to_factor.inv(factor), raw)
# --8<-- [end:correlation_parameter]

# --8<-- [start:fit_any]
from torch.distributions import Gumbel, Laplace, Normal


def fit(family, data, steps=250):
    limits = family.arg_constraints  # parameter -> constraint
    raw = {name: torch.zeros((), dtype=data.dtype, requires_grad=True) for name in limits}
    optimizer = torch.optim.Adam(raw.values(), lr=0.2)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / steps)
        optimizer.zero_grad()
        model = family(**{name: transform_to(limits[name])(r) for name, r in raw.items()})
        loss = -model.log_prob(data).mean()
        loss.backward()
        optimizer.step()
    return {name: f"{getattr(model, name):.2f}" for name in limits}, loss.item()


data = torch.tensor([1.0, 2.0, 2.5, 3.0, 9.0], dtype=torch.float64)
for family in (Normal, Laplace, Gumbel):
    found, loss = fit(family, data)
    print(f"{family.__name__:8} {found} loss {loss:.3f}")
    if family is Laplace:  # the median, and the mean distance from it
        assert found == {"loc": "2.50", "scale": "1.80"}
# --8<-- [end:fit_any]

# --8<-- [start:parts_of_a_vector]
from torch.distributions import CatTransform, ExpTransform, identity_transform

parts = constraints.cat([constraints.real, constraints.positive, constraints.simplex], dim=-1, lengths=[1, 2, 3])
unpack = transform_to(parts)
raw = torch.zeros(6, dtype=torch.float64)
theta = unpack(raw)
print(type(unpack).__name__, unpack.length, [f"{v:.3f}" for v in theta.tolist()])
mean, scales, shares = theta.split([1, 2, 3])
assert torch.allclose(scales, torch.ones_like(scales)) and torch.allclose(shares, torch.full_like(shares, 1 / 3))
moved = raw + torch.tensor([1.0, 0, 0, 0, 0, 2.0])
print([f"{v:.3f}" for v in unpack(moved).tolist()])
by_name = CatTransform([identity_transform, ExpTransform(), SoftmaxTransform()], dim=-1, lengths=[1, 2, 3])
assert torch.allclose(by_name(moved), unpack(moved))
# --8<-- [end:parts_of_a_vector]

# --8<-- [start:columns_of_a_table]
from torch.distributions import SigmoidTransform, StackTransform

columns = constraints.stack([constraints.unit_interval, constraints.positive, constraints.real], dim=1)
raw = torch.tensor([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]], dtype=torch.float64)
to_columns = biject_to(columns)
table = to_columns(raw)  # (2, 3): a share, a scale, a place
print(type(to_columns).__name__, table)
print(columns.check(torch.tensor([[0.5, -1.0, 3.0], [1.5, 1.0, 0.0]])))
by_name = StackTransform([SigmoidTransform(), ExpTransform(), identity_transform], dim=1)
assert torch.allclose(by_name(raw), table)
assert by_name.domain.check(raw).all() and by_name.codomain.check(table).all()
assert torch.allclose(to_columns.inv(table), raw)
# --8<-- [end:columns_of_a_table]

# --8<-- [start:own_constraint]
from torch.distributions import Transform


class Increasing(constraints.Constraint):
    event_dim = 1

    def check(self, value):
        return (value.diff(dim=-1) > 0).all(dim=-1)


class Steps(Transform):
    domain, codomain, bijective = constraints.real_vector, Increasing(), True

    def _call(self, x):
        return torch.cat([x[..., :1], x[..., 1:].exp()], dim=-1).cumsum(dim=-1)

    def _inverse(self, y):
        return torch.cat([y[..., :1], y.diff(dim=-1).log()], dim=-1)

    def log_abs_det_jacobian(self, x, y):
        return x[..., 1:].sum(dim=-1)


transform_to.register(Increasing, lambda constraint: Steps())
to_thresholds = transform_to(Increasing())
raw = torch.tensor([-1.0, 0.5, -3.0], dtype=torch.float64)
thresholds = to_thresholds(raw)
print([f"{v:.3f}" for v in thresholds.tolist()], Increasing().check(thresholds))
slope = torch.func.jacrev(to_thresholds)(raw)
assert torch.isclose(to_thresholds.log_abs_det_jacobian(raw, thresholds), slope.logdet())
assert torch.allclose(to_thresholds.inv(thresholds), raw)
# --8<-- [end:own_constraint]

# --8<-- [start:own_registry]
from torch.distributions import Gamma, StudentT
from torch.distributions.constraint_registry import ConstraintRegistry

start = ConstraintRegistry()  # constraint -> a sensible first value
start.register(constraints.real, lambda c: 0.0)
start.register(constraints.greater_than, lambda c: c.lower_bound + 1.0)
for family in (Gamma, StudentT):
    print(family.__name__, {name: start(c) for name, c in family.arg_constraints.items()})
print("above 5:", start(constraints.greater_than(5.0)))
try:
    start(constraints.simplex)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")
# --8<-- [end:own_registry]

# --8<-- [start:table_of_transforms]
print(f"{'constraint':18}{'transform_to':28}biject_to")
for name in ("real", "positive", "unit_interval", "simplex", "corr_cholesky", "lower_cholesky"):
    constraint, row = getattr(constraints, name), []
    for registry in (transform_to, biject_to):
        try:
            row.append(type(registry(constraint)).__name__)
        except NotImplementedError:
            row.append("-")
    print(f"{name:18}{row[0]:28}{row[1]}")
assert transform_to(constraints.real) is identity_transform
assert identity_transform(3.5) == 3.5
# --8<-- [end:table_of_transforms]

# --8<-- [start:check_labels]
label = torch.tensor([0, 2, 3, -1])
print("classes 0 to 2:", constraints.integer_interval(0, 2).check(label).tolist())
count = torch.tensor([0.0, 1.0, 2.5, torch.nan])
for name in ("nonnegative_integer", "positive_integer", "boolean", "real"):
    print(f"{name:19}", getattr(constraints, name).check(count).tolist())
row = torch.tensor([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
print("one_hot:", constraints.one_hot.check(row).tolist())
# --8<-- [end:check_labels]

# --8<-- [start:check_rows]
row = torch.tensor([[0.2, 0.8], [0.5, 0.6], [-0.1, 1.1]], dtype=torch.float64)
print("shares:", constraints.simplex.check(row).tolist())
print("each number:", constraints.unit_interval.check(row).tolist())
whole = constraints.independent(constraints.unit_interval, 1)  # a row counts as one
print("each row:", whole.check(row).tolist(), "event_dim", whole.event_dim)
counts = torch.tensor([[3.0, 2.0], [3.0, 3.0], [6.0, -1.0]])
print("at most 5 in all:", constraints.multinomial(5).check(counts).tolist())
assert torch.equal(whole.check(row), ((row >= 0) & (row <= 1)).all(dim=1))
# --8<-- [end:check_rows]

# --8<-- [start:check_matrices]
import textwrap

matrices = {
    "covariance": [[2.0, 0.5], [0.5, 1.0]],
    "no covariance": [[1.0, 2.0], [2.0, 1.0]],
    "singular": [[1.0, 0.0], [0.0, 0.0]],
    "factor": [[1.0, 0.0], [0.6, 0.8]],
}
names = ("symmetric", "positive_semidefinite", "positive_definite", "lower_cholesky", "corr_cholesky")
for title, rows in matrices.items():
    matrix = torch.tensor(rows, dtype=torch.float64)
    print(f"{title:14}", [name for name in names if getattr(constraints, name).check(matrix)])
try:
    MultivariateNormal(torch.zeros(2), torch.tensor(matrices["no covariance"]))
except ValueError as error:
    print(textwrap.fill(str(error).splitlines()[0], 88))
# --8<-- [end:check_matrices]

# --8<-- [start:dependent_support]
from typing import ClassVar

from torch.distributions import Distribution, Uniform

print("of the class:", constraints.is_dependent(Uniform.support), " of one:", Uniform(2.0, 5.0).support)


class Triangle(Distribution):
    arg_constraints: ClassVar = {"width": constraints.positive}

    def __init__(self, width):
        self.width = width
        super().__init__(width.shape)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.interval(-self.width, self.width)

    def log_prob(self, value):
        self._validate_sample(value)
        return torch.log((self.width - value.abs()) / self.width**2)


hat = Triangle(torch.tensor(2.0, dtype=torch.float64))
x = torch.linspace(-2, 2, 4001, dtype=torch.float64)
print(f"area {torch.trapezoid(hat.log_prob(x).exp(), x):.3f}, is_discrete {Triangle.support.is_discrete}")
try:
    hat.log_prob(torch.tensor(3.0, dtype=torch.float64))
except ValueError as error:
    print(textwrap.fill(str(error).splitlines()[0], 88))
assert constraints.is_dependent(constraints.dependent) and not constraints.is_dependent(hat.support)
# --8<-- [end:dependent_support]

# --8<-- [start:mixture_support]
from torch.distributions import Categorical, MixtureSameFamily

low, high = torch.tensor([0.0, 4.0]), torch.tensor([1.0, 6.0])
shift = Categorical(torch.tensor([0.5, 0.5]))  # two shifts: 0 to 1 and 4 to 6 o'clock
strict = MixtureSameFamily(shift, Uniform(low, high))
x = torch.tensor([0.5, 2.0, 5.0])
print(type(strict.support).__name__, strict.support.check(x).tolist())
loose = MixtureSameFamily(shift, Uniform(low, high, validate_args=False), validate_args=False)
print("density:", loose.log_prob(x).exp().tolist(), "cdf:", loose.cdf(x).tolist())
assert isinstance(strict.support, constraints.MixtureSameFamilyConstraint)
assert not strict.support.check(x).any()  # a value must suit every part
# --8<-- [end:mixture_support]

# --8<-- [start:log_normal]
from torch.distributions import LogNormal, TransformedDistribution

base = Normal(torch.tensor(3.0, dtype=torch.float64), torch.tensor(0.8, dtype=torch.float64))
made, ready = TransformedDistribution(base, ExpTransform()), LogNormal(base.loc, base.scale)
price = torch.tensor([5.0, 20.0, 100.0], dtype=torch.float64)
by_hand = base.log_prob(price.log()) - price.log()  # density of the log, times |d log x / dx|
assert torch.allclose(made.log_prob(price), by_hand)
assert torch.allclose(ready.log_prob(price), by_hand)
half = torch.tensor(0.5, dtype=torch.float64)
print(f"median {ready.icdf(half):.2f}, mean {ready.mean:.2f}, mode {ready.mode:.2f}")
assert torch.isclose(ready.mean, (ready.loc + ready.scale**2 / 2).exp())
print("mean of the built one:", end=" ")
try:
    print(made.mean)
except NotImplementedError as error:
    print(type(error).__name__)
# --8<-- [end:log_normal]

# --8<-- [start:logistic]
from torch.distributions import AffineTransform

loc, scale = torch.tensor(1.0, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64)
unit = Uniform(torch.zeros_like(loc), torch.ones_like(loc))
logistic = TransformedDistribution(unit, [SigmoidTransform().inv, AffineTransform(loc, scale)])
x = torch.tensor([-3.0, 1.0, 4.0], dtype=torch.float64)
print("cdf:    ", [f"{v:.3f}" for v in logistic.cdf(x).tolist()])
print("density:", [f"{v:.3f}" for v in logistic.log_prob(x).exp().tolist()])
p = torch.sigmoid((x - loc) / scale)
assert torch.allclose(logistic.cdf(x), p)
assert torch.allclose(logistic.log_prob(x).exp(), p * (1 - p) / scale)
# --8<-- [end:logistic]

# --8<-- [start:tanh_policy]
import math

from torch.distributions import Independent, TanhTransform

torch.manual_seed(0)
mean, spread = torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.5])
inner = Independent(Normal(mean, spread), 1)
policy = TransformedDistribution(inner, TanhTransform(cache_size=1))
action = policy.rsample()  # between -1 and 1
log_prob = policy.log_prob(action)
print(action, f"log probability {log_prob:.3f}, without the correction {inner.log_prob(action.atanh()):.3f}")
u = action.atanh()
assert torch.isclose(log_prob, inner.log_prob(u) - torch.log(1 - action**2).sum(), atol=1e-4)
far = torch.tensor([20.0, 0.0])
plain = TanhTransform()
slope = plain.log_abs_det_jacobian(far, plain(far))
print("back from tanh(20):", plain.inv(plain(far))[0], " log of its slope:", slope[0])
assert torch.isclose(slope[0], torch.tensor(2 * math.log(2) - 40))
# --8<-- [end:tanh_policy]

# --8<-- [start:cache]
far = torch.tensor([20.0, 30.0])
plain, kept = TanhTransform(), TanhTransform().with_cache()
print("without:", plain.inv(plain(far)), " with:", kept.inv(kept(far)))
y = kept(far)
assert kept.inv(y) is far  # the very same tensor, not a computation
print("a copy isn't known:", kept.inv(y.clone()))
# --8<-- [end:cache]

# --8<-- [start:weibull_by_power]
from torch.distributions import PowerTransform, Weibull

shape = torch.tensor(1.5, dtype=torch.float64)
unit = Exponential(torch.ones_like(shape))
lifetime = TransformedDistribution(unit, [PowerTransform(1 / shape), AffineTransform(0.0, 10.0)])
t = torch.tensor([2.0, 10.0, 25.0], dtype=torch.float64)
ready = Weibull(torch.tensor(10.0, dtype=torch.float64), shape)
hazard = lifetime.log_prob(t).exp() / (1 - lifetime.cdf(t))
print("failures per year among those left:", [f"{v:.3f}" for v in hazard.tolist()])
assert torch.allclose(lifetime.log_prob(t), ready.log_prob(t))
assert torch.allclose(hazard, shape / 10 * (t / 10) ** (shape - 1))
# --8<-- [end:weibull_by_power]

# --8<-- [start:not_one_to_one]
from torch.distributions import AbsTransform, HalfNormal

torch.manual_seed(0)
folded = TransformedDistribution(Normal(0.0, 1.0), AbsTransform())
print(f"mean of draws {folded.sample((100_000,)).mean():.2f}, of HalfNormal {HalfNormal(1.0).mean:.2f}")
try:
    folded.log_prob(torch.tensor(1.0))
except NotImplementedError as error:
    print("log_prob:", type(error).__name__)
twice = HalfNormal(1.0).log_prob(torch.tensor(1.0)) - Normal(0.0, 1.0).log_prob(torch.tensor(1.0))
print("HalfNormal is", f"{twice.exp():.1f} times the density; AbsTransform.bijective:", AbsTransform.bijective)
# --8<-- [end:not_one_to_one]

# --8<-- [start:softplus]
from torch.distributions import SoftplusTransform

raw = torch.tensor([-5.0, 0.0, 5.0, 100.0])
soft, sharp = SoftplusTransform(), ExpTransform()
print("softplus:", [f"{v:.4g}" for v in soft(raw).tolist()])
print("exp:     ", [f"{v:.4g}" for v in sharp(raw).tolist()])
slope = soft.log_abs_det_jacobian(raw, soft(raw)).exp()
print("slope:   ", [f"{v:.4g}" for v in slope.tolist()])
assert torch.allclose(slope, torch.sigmoid(raw))
assert torch.allclose(soft.inv(soft(raw)), raw, atol=1e-4)
# --8<-- [end:softplus]

# --8<-- [start:kumaraswamy]
from torch.distributions import Kumaraswamy

a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
share = Kumaraswamy(a, torch.tensor(5.0, dtype=torch.float64))
q = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
x = share.icdf(q)
print("quantiles:", [f"{v:.3f}" for v in x.tolist()], f"mean {share.mean:.3f}")
assert torch.allclose(share.cdf(x), q)
assert torch.allclose(x, (1 - (1 - q) ** (1 / 5)) ** (1 / a))
(slope,) = torch.autograd.grad(share.mean, a)
print(f"the mean changes by {slope:.3f} per unit of a")
grid = torch.linspace(0, 1, 20_001, dtype=torch.float64)[1:-1]
assert torch.isclose(torch.trapezoid(grid * share.log_prob(grid).exp(), grid), share.mean, atol=1e-4)
# --8<-- [end:kumaraswamy]

# --8<-- [start:pareto]
from torch.distributions import Pareto

alpha = math.log(5) / math.log(4)  # the one for which 20 % own 80 %
wealth = Pareto(torch.tensor(1.0, dtype=torch.float64), torch.tensor(alpha, dtype=torch.float64))
q = torch.linspace(0.0, 0.8, 10_001, dtype=torch.float64)
poorer = torch.trapezoid(wealth.icdf(q), q)  # what the other 80 % own
print(f"alpha {alpha:.3f}: the richest 20 % own {1 - poorer / wealth.mean:.3f} of all")
print(f"mean {wealth.mean:.2f}, median {wealth.icdf(torch.tensor(0.5)):.2f}, variance {wealth.variance}")
x = torch.tensor([2.0, 10.0], dtype=torch.float64)
assert torch.allclose(1 - wealth.cdf(x), x**-alpha)
# --8<-- [end:pareto]

# --8<-- [start:logistic_normal]
from torch.distributions import LogisticNormal

torch.manual_seed(0)
share = LogisticNormal(torch.tensor([0.5, -0.5], dtype=torch.float64), torch.tensor([0.3, 0.3], dtype=torch.float64))
x = share.sample((20_000,))  # (20000, 3): three shares from two normals
print("loc", share.loc.tolist(), "scale", share.scale.tolist())
print("correlations:", [f"{v:.1f}" for v in torch.corrcoef(x.T)[[0, 0, 1], [1, 2, 2]].tolist()])
assert torch.allclose(x.sum(dim=1), torch.ones(20_000, dtype=x.dtype))
z = biject_to(constraints.simplex).inv(x)  # back to the normals
assert torch.allclose(z.mean(dim=0), share.loc, atol=0.01)
assert torch.allclose(z.std(dim=0), share.scale, atol=0.01)
# --8<-- [end:logistic_normal]


# --8<-- [start:own_family]
from torch.distributions import ExponentialFamily, kl_divergence


class Rayleigh(ExponentialFamily):  # speeds of wind: the length of two equal normals
    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.positive

    def __init__(self, scale):
        self.scale = scale
        super().__init__(scale.shape)

    @property
    def _natural_params(self):
        return (-0.5 / self.scale**2,)  # belongs to x²

    def _log_normalizer(self, eta):
        return -torch.log(-2 * eta)

    @property
    def _mean_carrier_measure(self):  # the mean of log x
        return self.scale.log() + 0.5 * (math.log(2) - 0.5772156649)

    def log_prob(self, x):
        return x.log() - 2 * self.scale.log() - 0.5 * (x / self.scale) ** 2


calm, windy = Rayleigh(torch.tensor(2.0, dtype=torch.float64)), Rayleigh(torch.tensor(5.0, dtype=torch.float64))
print(f"entropy {calm.entropy():.4f}, divergence {kl_divergence(calm, windy):.4f}")
x = torch.linspace(1e-6, 40, 200_001, dtype=torch.float64)
p, log_p, log_q = calm.log_prob(x).exp(), calm.log_prob(x), windy.log_prob(x)
assert torch.isclose(calm.entropy(), -torch.trapezoid(p * log_p, x), rtol=1e-4)
assert torch.isclose(kl_divergence(calm, windy), torch.trapezoid(p * (log_p - log_q), x), rtol=1e-4)
# --8<-- [end:own_family]

# --8<-- [start:decreasing]
from torch.distributions import ComposeTransform

speed = Uniform(torch.tensor(50.0, dtype=torch.float64), torch.tensor(100.0, dtype=torch.float64))
hours = ComposeTransform([PowerTransform(torch.tensor(-1.0, dtype=torch.float64)), AffineTransform(0.0, 300.0)])
trip = TransformedDistribution(speed, hours)  # 300 km
t = torch.tensor([3.2, 4.0, 5.5], dtype=torch.float64)
print("sign:", int(hours.sign), "cdf:", [f"{p:.3f}" for p in trip.cdf(t).tolist()])
print("median:", f"{trip.icdf(torch.tensor(0.5, dtype=torch.float64)):.2f} hours at 75 km/h")
assert torch.allclose(trip.cdf(t), 1 - speed.cdf(300 / t))
assert torch.allclose(hours.inv(t), 300 / t)
# --8<-- [end:decreasing]

# --8<-- [start:undo_scaling]
price = torch.tensor([120.0, 80.0, 300.0, 150.0, 95.0], dtype=torch.float64)
log = price.log()
to_price = ComposeTransform([AffineTransform(log.mean(), log.std()), ExpTransform()])
target = to_price.inv(price)  # what a network is trained on: mean 0, spread 1
print(f"targets: mean {abs(target.mean()):.3f}, spread {target.std():.3f}")
predicted = TransformedDistribution(
    Normal(torch.tensor(0.4, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)), to_price
)
low, high = predicted.icdf(torch.tensor([0.05, 0.95], dtype=torch.float64)).tolist()
print(f"90 % of prices between {low:.0f} and {high:.0f};", to_price.domain, "->", to_price.codomain)
assert torch.allclose(to_price(target), price)
gain = predicted.log_prob(price) - predicted.base_dist.log_prob(target)
assert torch.allclose(gain, -(log.std().log() + log))
# --8<-- [end:undo_scaling]

# --8<-- [start:reshape]
from torch.distributions import ReshapeTransform

flat = Independent(Normal(torch.zeros(6), torch.arange(1.0, 7.0)), 1)
grid = TransformedDistribution(flat, ReshapeTransform((6,), (2, 3)))
print(
    "event",
    grid.event_shape,
    "domain",
    grid.transforms[0].domain.event_dim,
    "codomain",
    grid.transforms[0].codomain.event_dim,
)
torch.manual_seed(0)
x = grid.sample((50_000,))  # (50000, 2, 3)
print("spread:", [[f"{v:.1f}" for v in row] for row in x.std(dim=0).tolist()])
assert torch.allclose(grid.log_prob(x), flat.log_prob(x.reshape(50_000, 6)))
assert torch.allclose(x.std(dim=0), torch.arange(1.0, 7.0).reshape(2, 3), rtol=0.02)
# --8<-- [end:reshape]

# --8<-- [start:independent_transform]
from torch.distributions import IndependentTransform

x = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
each, rows = ExpTransform(), IndependentTransform(ExpTransform(), 1)
for t in (each, rows):
    slope = t.log_abs_det_jacobian(x, t(x))
    print(type(t).__name__, "event_dim", t.event_dim, "log slope", slope.tolist())
assert torch.allclose(slope, x.sum(dim=1)) and torch.allclose(rows(x), x.exp())
print(rows.domain, "->", rows.codomain)
stretch = AffineTransform(0.0, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), event_dim=1)
grown = stretch.log_abs_det_jacobian(x, stretch(x)).exp()
print("volume of a stretched row:", [f"{v:.1f}" for v in grown.tolist()], stretch.domain, stretch.codomain)
joint = TransformedDistribution(Normal(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)), rows)
print("batch", joint.batch_shape, "event", joint.event_shape)
# --8<-- [end:independent_transform]

# --8<-- [start:calibrated_forecast]
from torch.distributions import CumulativeDistributionTransform

torch.manual_seed(0)
truth = 2 * torch.randn(5000, dtype=torch.float64)
for scale in (1.0, 2.0, 4.0):
    forecast = Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64))
    rank = CumulativeDistributionTransform(forecast)(truth)  # uniform, if the forecast is right
    share = torch.histc(rank.cpu(), bins=4, min=0, max=1) / 5000
    print(f"scale {scale:.0f}:", [f"{s:.2f}" for s in share.tolist()])
    if scale == 2:
        assert torch.allclose(share, torch.full_like(share, 0.25), atol=0.02)
# --8<-- [end:calibrated_forecast]

# --8<-- [start:copula]
torch.manual_seed(0)
tie = MultivariateNormal(
    torch.zeros(2, dtype=torch.float64), torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
)
z = tie.sample((20_000,))  # (20000, 2)
unit = Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
u = CumulativeDistributionTransform(unit)(z)  # each column is uniform, the two belong together
wait, cost = (
    Exponential(torch.tensor(0.1, dtype=torch.float64)),
    LogNormal(torch.tensor(3.0, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)),
)
x = torch.stack([wait.icdf(u[:, 0]), cost.icdf(u[:, 1])], dim=1)
rank = x.argsort(dim=0).argsort(dim=0).double()
print("means:", [f"{v:.0f}" for v in x.mean(dim=0).tolist()], f"rank correlation {torch.corrcoef(rank.T)[0, 1]:.2f}")
exact = 6 / math.pi * math.asin(0.8 / 2)
assert abs(torch.corrcoef(rank.T)[0, 1] - exact) < 0.02
assert torch.allclose(x.mean(dim=0), torch.stack([wait.mean, cost.mean]), rtol=0.03)
# --8<-- [end:copula]

# --8<-- [start:check_jacobian]
from torch.distributions import StickBreakingTransform

x = torch.tensor([0.3, -1.2, 0.8], dtype=torch.float64)
t = StickBreakingTransform()
given = t.log_abs_det_jacobian(x, t(x))
slope = torch.func.jacrev(t)(x)  # (4, 3): the last share follows from the others
measured = torch.linalg.slogdet(slope[:3]).logabsdet
print(f"log_abs_det_jacobian {given:.4f}, from autograd {measured:.4f}")
assert torch.isclose(given, measured)
# --8<-- [end:check_jacobian]

# --8<-- [start:posterior_raw]
rate = Gamma(torch.tensor(4.0, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64))
to_rate = biject_to(rate.support)
raw = torch.linspace(-12, 5, 20_001, dtype=torch.float64)
log_density = rate.log_prob(to_rate(raw)) + to_rate.log_abs_det_jacobian(raw, to_rate(raw))
forgot = torch.trapezoid(rate.log_prob(to_rate(raw)).exp(), raw)
print(f"area {torch.trapezoid(log_density.exp(), raw):.3f}, without the Jacobian {forgot:.3f}")
peak = to_rate(raw[log_density.argmax()])
print(f"most likely rate {rate.mode:.2f}, on the raw scale {peak:.2f}")
assert torch.isclose(torch.trapezoid(log_density.exp(), raw), torch.tensor(1.0, dtype=torch.float64))
# --8<-- [end:posterior_raw]


# --8<-- [start:own_flow]
class SinhArcsinh(Transform):
    domain = codomain = constraints.real
    bijective, sign = True, 1

    def __init__(self, skew, tail):
        super().__init__()
        self.skew, self.tail = skew, tail

    def _call(self, x):
        return torch.sinh((torch.asinh(x) + self.skew) * self.tail)

    def _inverse(self, y):
        return torch.sinh(torch.asinh(y) / self.tail - self.skew)

    def log_abs_det_jacobian(self, x, y):
        inside = (torch.asinh(x) + self.skew) * self.tail
        return torch.cosh(inside).log() + self.tail.log() - 0.5 * torch.log1p(x**2)


bend = SinhArcsinh(torch.tensor(0.5, dtype=torch.float64), torch.tensor(1.2, dtype=torch.float64))
skewed = TransformedDistribution(
    Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)), bend
)
y = torch.linspace(-60, 400, 400_001, dtype=torch.float64)
area = torch.trapezoid(skewed.log_prob(y).exp(), y)
quantiles = skewed.icdf(torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64))
print(f"area {area:.4f}, quantiles", [f"{v:.2f}" for v in quantiles.tolist()])
assert abs(area - 1) < 1e-4 and torch.allclose(bend.inv(bend(y)), y)
# --8<-- [end:own_flow]

# --8<-- [start:lkj]
from torch.distributions import LKJCholesky

torch.manual_seed(0)
for concentration in (0.5, 1.0, 20.0):
    factor = LKJCholesky(3, concentration).sample((20_000,))  # (20000, 3, 3)
    correlation = factor @ factor.mT
    spread = correlation[:, 1, 0].std()
    print(f"concentration {concentration:4}: spread of a correlation {spread:.2f}")
    beta = concentration + 1 / 2  # (r + 1) / 2 is Beta(beta, beta)
    assert abs(spread - 1 / math.sqrt(2 * beta + 1)) < 0.01
assert torch.allclose(correlation.diagonal(dim1=1, dim2=2), torch.ones(20_000, 3), atol=1e-5)
assert constraints.corr_cholesky.check(factor).all()
# --8<-- [end:lkj]

# --8<-- [start:wishart]
from torch.distributions import Wishart

torch.manual_seed(0)
spread = torch.tensor([[2.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
model = Wishart(torch.tensor(9.0, dtype=torch.float64), covariance_matrix=spread / 9)
print("mean", model.mean)
print("spread of each entry", model.variance.sqrt())
points = MultivariateNormal(torch.zeros(2, dtype=torch.float64), spread).sample((5000, 9))
estimated = points.mT @ points / 9  # (5000, 2, 2): covariances from 9 points each
assert torch.allclose(estimated.mean(dim=0), model.mean, atol=0.05)
assert torch.allclose(estimated.std(dim=0), model.variance.sqrt(), rtol=0.05)
assert torch.allclose(model.precision_matrix @ model.covariance_matrix, torch.eye(2, dtype=torch.float64))
assert torch.allclose(model.scale_tril @ model.scale_tril.T, spread / 9)
# --8<-- [end:wishart]

# --8<-- [start:low_rank]
from torch.distributions import LowRankMultivariateNormal

torch.manual_seed(0)
n, k = 200, 3
factor = torch.randn(n, k, dtype=torch.float64)
own = torch.full((n,), 0.5, dtype=torch.float64)
thin = LowRankMultivariateNormal(torch.zeros(n, dtype=torch.float64), factor, own)
full = MultivariateNormal(torch.zeros(n, dtype=torch.float64), factor @ factor.T + own.diag())
x = thin.sample()
distance = x @ thin.precision_matrix @ x / n  # near 1 for a draw
print(f"{n * k + n:,} numbers instead of {n * n:,}; squared distance {distance:.1f}")
assert 0.7 < distance < 1.3
assert torch.isclose(thin.log_prob(x), full.log_prob(x))
assert torch.allclose(thin.covariance_matrix, full.covariance_matrix)
assert torch.allclose(thin.scale_tril @ thin.scale_tril.T, full.covariance_matrix)
eye = thin.precision_matrix @ full.covariance_matrix
assert torch.allclose(eye, torch.eye(n, dtype=torch.float64), atol=1e-8)
# --8<-- [end:low_rank]
