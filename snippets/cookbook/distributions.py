# --8<-- [start:policy_action]
import torch
from torch.distributions import Categorical

torch.manual_seed(0)
logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]], requires_grad=True)
policy = Categorical(logits=logits)  # 2 states, 3 actions
action = policy.sample()  # (2,)
log_prob = policy.log_prob(action)
reward = torch.tensor([1.0, -0.5])
(-log_prob * reward).sum().backward()
print("actions", action.tolist())
print(logits.grad)
by_hand = reward[:, None] * (policy.probs - torch.eye(3)[action])
assert torch.allclose(logits.grad, by_hand, atol=1e-6)
# --8<-- [end:policy_action]

# --8<-- [start:temperature]
scores = torch.tensor([3.0, 2.0, 1.0, -1.0], dtype=torch.float64)
for temperature in (0.25, 1.0, 4.0, 100.0):
    choice = Categorical(logits=scores / temperature)
    shares = [f"{p:.3f}" for p in choice.probs.tolist()]
    print(f"{temperature:6}", shares, f"perplexity {choice.perplexity():.2f}")
    assert torch.isclose(choice.perplexity(), choice.entropy().exp())
    assert torch.allclose(choice.logits, choice.probs.log())
# --8<-- [end:temperature]

# --8<-- [start:continuous_action]
from torch.distributions import Independent, Normal

mean = torch.tensor([[0.0, 0.0, 1.0], [2.0, -1.0, 0.5]])  # 2 states, 3 joints
each = Normal(mean, torch.tensor([0.1, 0.5, 1.0]))
joint = Independent(each, 1)
action = mean + 0.1
for policy in (each, joint):
    shapes = tuple(policy.batch_shape), tuple(policy.event_shape)
    print(shapes, "log_prob:", tuple(policy.log_prob(action).shape))
print(joint.log_prob(action), joint.entropy())
assert torch.allclose(joint.log_prob(action), each.log_prob(action).sum(dim=1))
# --8<-- [end:continuous_action]

# --8<-- [start:one_hot]
from torch.distributions import OneHotCategorical

torch.manual_seed(0)
vectors = torch.tensor([[10.0, 0.0], [0.0, 20.0], [30.0, 30.0]])  # one per class
pick = OneHotCategorical(probs=torch.tensor([0.2, 0.5, 0.3]))
draw = pick.sample((4,))  # (4, 3)
print(draw)
print("rows picked:", (draw @ vectors).tolist())
print("expected row:", (pick.mean @ vectors).tolist())
assert torch.allclose(pick.log_prob(draw), (draw @ pick.probs).log())
# --8<-- [end:one_hot]

# --8<-- [start:straight_through]
from torch.distributions import OneHotCategoricalStraightThrough

torch.manual_seed(0)
logits = torch.tensor([0.5, 1.0, -0.5], requires_grad=True)
value = torch.tensor([1.0, 5.0, 2.0])  # what each choice is worth
hard = OneHotCategoricalStraightThrough(logits=logits).rsample()
(hard * value).sum().backward()
print("forward: ", hard.tolist())
print("gradient:", logits.grad)
p = logits.softmax(0).detach()
assert torch.allclose(logits.grad, p * (value - p @ value), atol=1e-6)
# --8<-- [end:straight_through]

# --8<-- [start:relaxed_one_hot]
from torch.distributions import RelaxedOneHotCategorical

torch.manual_seed(0)
probs = torch.tensor([0.2, 0.5, 0.3])
for temperature in (10.0, 1.0, 0.1):
    soft = RelaxedOneHotCategorical(torch.tensor(temperature), probs=probs)
    x = soft.rsample((20_000,))  # (20000, 3), each row adds up to 1
    wins = torch.bincount(x.argmax(dim=1), minlength=3) / len(x)
    print(f"{soft.temperature:4.1f} largest share {x.amax(dim=1).mean():.2f}")
    assert torch.allclose(wins, soft.probs, atol=0.02)
assert torch.allclose(x.sum(dim=1), torch.ones(20_000))
# --8<-- [end:relaxed_one_hot]

# --8<-- [start:relaxed_bernoulli]
from torch.distributions import RelaxedBernoulli

torch.manual_seed(0)
logit = torch.tensor([-2.0, 0.0, 2.0], requires_grad=True)
gate = RelaxedBernoulli(torch.tensor(0.5), logits=logit)
x = gate.rsample((50_000,))  # (50000, 3)
x.mean(dim=0).sum().backward()
print("open:    ", [f"{s:.2f}" for s in (x > 0.5).float().mean(dim=0).tolist()])
print("gradient:", [f"{g:.2f}" for g in logit.grad.tolist()])
assert torch.allclose((x > 0.5).float().mean(dim=0), gate.probs, atol=0.01)
assert torch.allclose(gate.logits, logit)
# --8<-- [end:relaxed_bernoulli]

# --8<-- [start:bernoulli_loss]
import torch.nn.functional as F
from torch.distributions import Bernoulli

logits = torch.tensor([2.0, -1.0, 40.0], dtype=torch.float64)
clicked = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
loss = -Bernoulli(logits=logits).log_prob(clicked)
print("from logits:", [f"{v:.4f}" for v in loss.tolist()])
rounded = Bernoulli(probs=torch.sigmoid(logits.float()))
print("from probs: ", [f"{v:.4f}" for v in -rounded.log_prob(clicked.float())])
exact = F.binary_cross_entropy_with_logits(logits, clicked, reduction="none")
assert torch.allclose(loss, exact)
assert torch.allclose(Bernoulli(probs=torch.tensor(0.9)).logits, torch.tensor(9.0).log())
# --8<-- [end:bernoulli_loss]

# --8<-- [start:negative_binomial]
from torch.distributions import NegativeBinomial, Poisson

orders = torch.tensor([0.0, 0, 1, 2, 2, 3, 5, 8, 14, 25], dtype=torch.float64)
mean, shape = orders.mean(), torch.tensor(1.0, dtype=torch.float64)
wide = NegativeBinomial(shape, logits=(mean / shape).log())
print(f"mean {wide.mean:.1f}, variance {wide.variance:.1f}, of the data {orders.var():.1f}")
for model in (Poisson(mean), wide):
    print(f"{type(model).__name__:16} loss {-model.log_prob(orders).mean():.3f}")
p = mean / (mean + shape)
assert torch.allclose(wide.log_prob(orders).exp(), (1 - p) * p**orders)  # for shape 1
assert torch.isclose(wide.probs, p)
# --8<-- [end:negative_binomial]

# --8<-- [start:binomial_tail]
import math

from torch.distributions import Binomial

visits = Binomial(100, probs=torch.tensor(0.05, dtype=torch.float64))
k = visits.enumerate_support()  # 0., 1., ..., 100.
p = visits.log_prob(k).exp()
print(f"10 or more of 100: {p[k >= 10].sum():.4f}, most likely {visits.mode:.0f}")
by_hand = [math.comb(100, n) * 0.05**n * 0.95 ** (100 - n) for n in range(101)]
assert torch.allclose(p, torch.tensor(by_hand, dtype=torch.float64))
assert torch.isclose((p * k).sum(), visits.mean)
# --8<-- [end:binomial_tail]

# --8<-- [start:geometric]
from torch.distributions import Geometric

call = Geometric(probs=torch.tensor(0.2, dtype=torch.float64))
n = torch.arange(5, dtype=torch.float64)
print("failures before the first success:", [f"{q:.3f}" for q in call.log_prob(n).exp()])
print(f"on average {call.mean:.1f}, as many calls: {call.mean + 1:.1f}")
assert torch.allclose(call.log_prob(n).exp(), 0.2 * 0.8**n)
torch.manual_seed(0)
assert abs(call.sample((50_000,)).mean() - call.mean) < 0.1
# --8<-- [end:geometric]

# --8<-- [start:multinomial]
from torch.distributions import Multinomial

torch.manual_seed(0)
bag = Multinomial(20, probs=torch.tensor([0.5, 0.3, 0.2]))
counts = bag.sample((3,))  # (3, 3): three documents of 20 words
print(counts, bag.mean)
one = torch.tensor([10.0, 6.0, 4.0])
ways = math.factorial(20) // math.prod(map(math.factorial, (10, 6, 4)))
p = bag.log_prob(one).exp()
print(f"{ways:,} orders, probability {p:.4f}")
assert torch.isclose(p, ways * bag.probs.pow(one).prod())
assert (counts.sum(dim=1) == 20).all()
# --8<-- [end:multinomial]

# --8<-- [start:poisson_tail]
calls = Poisson(torch.tensor(30.0, dtype=torch.float64))  # an hour
try:
    calls.cdf(torch.tensor(40.0))
except NotImplementedError as error:
    print("cdf:", type(error).__name__)
k = torch.arange(41, dtype=torch.float64)
too_many = 1 - calls.log_prob(k).exp().sum()
print(f"more than 40 calls: {too_many:.4f}")
exact = torch.special.gammainc(torch.tensor(41.0, dtype=torch.float64), calls.rate)
assert torch.isclose(too_many, exact)
# --8<-- [end:poisson_tail]

# --8<-- [start:beta_ab_test]
from torch.distributions import Beta

torch.manual_seed(0)
clicks, views = torch.tensor([30.0, 45.0]), torch.tensor([1000.0, 1000.0])
rate = Beta(1 + clicks, 1 + views - clicks)  # what is known of the two rates
a, b = rate.sample((100_000,)).unbind(dim=1)
print("means", rate.mean, "spread", rate.stddev)
print(f"b is better with probability {(b > a).float().mean():.2f}")
low, high = b.quantile(torch.tensor([0.025, 0.975])).tolist()
print(f"95 % of b's rate: {low:.3f} to {high:.3f}")
assert torch.allclose(rate.mean, (1 + clicks) / (2 + views))
gap = (rate.mean[1] - rate.mean[0]) / rate.variance.sum().sqrt()
assert torch.isclose((b > a).float().mean(), Normal(0.0, 1.0).cdf(gap), atol=0.01)
# --8<-- [end:beta_ab_test]

# --8<-- [start:dirichlet]
from torch.distributions import Dirichlet

prior = torch.ones(3)
for votes in ([3.0, 1.0, 0.0], [300.0, 100.0, 0.0]):
    share = Dirichlet(prior + torch.tensor(votes))
    print(share.mean, "±", share.stddev)
torch.manual_seed(0)
drawn = share.sample((20_000,))  # (20000, 3)
assert torch.allclose(drawn.sum(dim=1), torch.ones(20_000))
assert torch.allclose(drawn.std(dim=0), share.stddev, atol=1e-3)
a = Dirichlet(torch.tensor([2.0, 3.0])).log_prob(torch.tensor([0.3, 0.7]))
assert torch.isclose(a.exp(), torch.tensor(12 * 0.3 * 0.7**2))  # 12 = 4! / (1! 2!)
assert torch.isclose(a, Beta(2.0, 3.0).log_prob(torch.tensor(0.3)))
# --8<-- [end:dirichlet]

# --8<-- [start:exponential_wait]
from torch.distributions import Exponential

wait = Exponential(torch.tensor(1 / 8, dtype=torch.float64))  # 8 minutes on average
print(f"median {wait.icdf(torch.tensor(0.5)):.2f}, 95 % within {wait.icdf(torch.tensor(0.95)):.2f}")


def over(t):
    return 1 - wait.cdf(torch.tensor(t, dtype=torch.float64))


print(f"longer than 10: {over(10.0):.3f}; after 20 in vain, 10 more: {over(30.0) / over(20.0):.3f}")
assert torch.isclose(over(30.0) / over(20.0), over(10.0))
assert abs(wait.icdf(torch.tensor(0.5)) - 8 * math.log(2)) < 1e-5
# --8<-- [end:exponential_wait]

# --8<-- [start:gamma_third_event]
from torch.distributions import Gamma

t = torch.tensor([5.0, 20.0, 60.0], dtype=torch.float64)
third = Gamma(torch.tensor(3.0, dtype=torch.float64), 1 / 8)  # three waits of 8 minutes
print("third by then:", [f"{p:.3f}" for p in third.cdf(t).tolist()])
k = torch.arange(3, dtype=torch.float64)
fewer = Poisson(t[:, None] / 8).log_prob(k).exp().sum(dim=1)  # 0, 1 or 2 events
assert torch.allclose(third.cdf(t), 1 - fewer)
print(f"mean {third.mean:.0f}, most likely {third.mode:.0f}, spread {third.stddev:.2f}")
# --8<-- [end:gamma_third_event]

# --8<-- [start:weibull_survival]
from torch.distributions import Weibull

years = torch.tensor([1.2, 2.0, 2.9, 3.5, 4.1, 5.0, 5.0, 5.0], dtype=torch.float64)
failed = torch.tensor([1, 1, 1, 1, 1, 0, 0, 0], dtype=torch.bool)  # 0: still runs
raw = torch.zeros(2, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([raw], max_iter=100, line_search_fn="strong_wolfe")


def loss_of_survival():
    optimizer.zero_grad()
    life = Weibull(*raw.exp())  # scale, shape
    alive = torch.log1p(-life.cdf(years))
    loss = -torch.where(failed, life.log_prob(years), alive).mean()
    loss.backward()
    return loss


optimizer.step(loss_of_survival)
life = Weibull(*raw.detach().exp())
print(f"scale {life.scale:.2f}, shape {life.concentration:.2f}, mean {life.mean:.2f} years")
print(f"mean of what failed: {years[failed].mean():.2f}")
power = years**life.concentration  # at the optimum the scale has a closed form
exact = (power.sum() / failed.sum()) ** (1 / life.concentration)
assert torch.isclose(life.scale, exact, rtol=1e-3)
# --8<-- [end:weibull_survival]

# --8<-- [start:generalized_pareto]
from torch.distributions import GeneralizedPareto

excess = GeneralizedPareto(torch.tensor(0.0), torch.tensor(2.0), torch.tensor(0.0))
x = torch.tensor([1.0, 20.0, 50.0])
log_tail = excess.log_survival_function(x)
print("log of 1 - cdf:       ", (1 - excess.cdf(x)).log())
print("log_survival_function:", log_tail)
assert torch.allclose(log_tail, -x / 2)  # concentration 0: an exponential
print("log_cdf:", [f"{v:.2e}" for v in excess.log_cdf(x[:2]).tolist()])
assert torch.allclose(excess.log_cdf(x), torch.log1p(-torch.exp(-x / 2)))
heavy = GeneralizedPareto(torch.tensor(0.0), torch.tensor(2.0), torch.tensor(0.5))
print(f"beyond 20: {math.exp(log_tail[1]):.5f}, heavy tail {1 - heavy.cdf(x[1]):.5f}")
# --8<-- [end:generalized_pareto]

# --8<-- [start:gumbel_maximum]
from torch.distributions import Gumbel

torch.manual_seed(0)
days = Exponential(torch.tensor(1.0)).sample((5000, 365))
highest = days.amax(dim=1)  # (5000,): the largest of each year
model = Gumbel(math.log(365), 1.0)
print(f"mean of the maxima {highest.mean():.1f}, Gumbel {model.mean:.1f}")
level = model.icdf(torch.tensor(0.99))
print(f"100-year level {level:.1f}, passed in {(highest > level).float().mean():.3f} of the years")
assert abs((highest > level).float().mean() - 0.01) < 0.005
assert abs(model.mean - highest.mean()) < 0.05
# --8<-- [end:gumbel_maximum]

# --8<-- [start:gumbel_top_k]
torch.manual_seed(0)
weight = torch.tensor([0.5, 0.3, 0.1, 0.1])
noise = Gumbel(0.0, 1.0).sample((50_000, 4))
two = (weight.log() + noise).topk(2, dim=1).indices  # without replacement
first = torch.bincount(two[:, 0], minlength=4) / len(two)
pair = ((two[:, 0] == 0) & (two[:, 1] == 1)).float().mean()
print("first pick:", [f"{s:.2f}" for s in first.tolist()])
print(f"0 and then 1: {pair:.2f}")
assert torch.allclose(first, weight, atol=0.01)
assert abs(pair - 0.5 * 0.3 / 0.5) < 0.01
# --8<-- [end:gumbel_top_k]

# --8<-- [start:student_t]
from torch.distributions import StudentT

data = torch.tensor([9.8, 10.1, 10.0, 9.9, 10.2, 60.0], dtype=torch.float64)
centre = torch.tensor(10.0, dtype=torch.float64, requires_grad=True)
for model in (Normal(centre, 1.0), StudentT(2.0, centre, 1.0)):
    (pull,) = torch.autograd.grad(model.log_prob(data)[-1], centre)
    print(f"{type(model).__name__:8} pull of the outlier {pull:.3f}")
df, z = 2.0, data[-1] - 10
assert torch.isclose(pull, (df + 1) * z / (df + z**2))
assert StudentT(2.0).variance.isinf() and torch.isclose(StudentT(3.0).variance, torch.tensor(3.0))
# --8<-- [end:student_t]

# --8<-- [start:cauchy]
from torch.distributions import Cauchy

torch.manual_seed(0)
beam = Cauchy(torch.tensor(5.0), torch.tensor(1.0))
x = beam.sample((100, 10_001))  # 100 experiments
for name, guess in (("mean", x.mean(dim=1)), ("median", x.median(dim=1).values)):
    off = (guess - 5).abs() > 0.1
    print(f"{name:6} off by more than 0.1 in {off.sum()} of 100")
print("mean:", beam.mean, " mode:", beam.mode, " quartiles:", beam.icdf(torch.tensor([0.25, 0.75])))
assert not off.any()
# --8<-- [end:cauchy]

# --8<-- [start:laplace_l1]
from torch.distributions import Laplace

target = torch.tensor([1.0, 2.0, 3.0, 50.0], dtype=torch.float64)
spread = torch.tensor(2.0, dtype=torch.float64)
grid = torch.arange(0.0, 50.0, 0.25, dtype=torch.float64)
loss = -Laplace(grid[:, None], spread).log_prob(target).mean(dim=1)
best = grid[loss < loss.min() + 1e-9]
print(f"smallest loss from {best[0]:.2f} to {best[-1]:.2f}; mean {target.mean():.2f}")
by_hand = (target - grid[:, None]).abs().mean(dim=1) / spread + math.log(4)
assert torch.allclose(loss, by_hand)
# --8<-- [end:laplace_l1]

# --8<-- [start:half_cauchy_prior]
from torch.distributions import HalfCauchy, HalfNormal

tau = torch.tensor([1.0, 3.0, 10.0], dtype=torch.float64)
for prior in (HalfNormal(torch.ones_like(tau[0])), HalfCauchy(torch.ones_like(tau[0]))):
    tail = 1 - prior.cdf(tau)
    name = type(prior).__name__
    print(f"{name:10} beyond 1, 3, 10:", [f"{p:.4f}" for p in tail.tolist()])
    assert torch.isclose(
        prior.cdf(prior.icdf(torch.tensor(0.9, dtype=torch.float64))), torch.tensor(0.9, dtype=torch.float64)
    )
assert torch.allclose(tail, 1 - 2 / math.pi * torch.atan(tau / prior.scale))
assert torch.isclose(HalfNormal(3.0).mean, torch.tensor(3 * math.sqrt(2 / math.pi)))
# --8<-- [end:half_cauchy_prior]

# --8<-- [start:inverse_gamma]
from torch.distributions import InverseGamma

x = torch.tensor([1.1, -0.4, 0.6, -1.9, 0.3], dtype=torch.float64)  # the mean is known: 0
variance = InverseGamma(2 + len(x) / 2, 1 + (x**2).sum() / 2)
print(f"shape {variance.concentration:.1f}, rate {variance.rate:.3f}")
print(f"variance: mean {variance.mean:.3f}, most likely {variance.mode:.3f}")
s = torch.linspace(0.01, 60, 60_000, dtype=torch.float64)
prior = InverseGamma(torch.tensor(2.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
likelihood = Normal(0.0, s.sqrt()[:, None]).log_prob(x).sum(dim=1)
weight = (prior.log_prob(s) + likelihood).softmax(dim=0)  # Bayes on a grid
assert torch.isclose((weight * s).sum(), variance.mean, rtol=1e-3)
# --8<-- [end:inverse_gamma]

# --8<-- [start:chi2_test]
from torch.distributions import Chi2

rolls = torch.tensor([8.0, 9.0, 19.0, 5.0, 8.0, 11.0], dtype=torch.float64)
expected = rolls.sum() / 6
statistic = ((rolls - expected) ** 2 / expected).sum()
fair = Chi2(torch.tensor(5.0, dtype=torch.float64))  # 6 faces less 1
p_value = 1 - fair.cdf(statistic)
print(f"statistic {statistic:.2f}, p-value {p_value:.3f}")
print(f"as unusual or more, at 5 %: {1 - fair.cdf(torch.tensor(11.0705)):.3f}")
tail = torch.special.gammaincc(fair.df / 2, statistic / 2)
assert torch.isclose(p_value, tail)
# --8<-- [end:chi2_test]

# --8<-- [start:f_test]
from torch.distributions import FisherSnedecor

ratio = FisherSnedecor(torch.tensor(9.0, dtype=torch.float64), torch.tensor(9.0, dtype=torch.float64))
x = torch.linspace(3.18, 2000, 400_000, dtype=torch.float64)
tail = torch.trapezoid(ratio.log_prob(x).exp(), x)
print(f"first variance of two samples of 10 at least 3.18 times the second: {tail:.3f}")
torch.manual_seed(0)
a, b = torch.randn(2, 20_000, 10).var(dim=2)
assert abs((a / b > 3.18).float().mean().item() - tail.item()) < 0.006
assert abs((b / a > 3.18).float().mean().item() - tail.item()) < 0.006
assert torch.isclose(ratio.mean, torch.tensor(9 / 7, dtype=torch.float64))
# --8<-- [end:f_test]

# --8<-- [start:von_mises]
from torch.distributions import VonMises

degrees = torch.tensor([350.0, 355.0, 2.0, 8.0, 10.0], dtype=torch.float64)
angle = degrees.deg2rad()
centre = torch.atan2(angle.sin().mean(), angle.cos().mean())
print(f"mean of the numbers {degrees.mean():.0f}, of the directions {centre.rad2deg():.0f}")
wind = VonMises(centre, torch.tensor(50.0, dtype=torch.float64))
print(
    "log density at 359, 1, 181:",
    [f"{v:.2f}" for v in wind.log_prob(torch.tensor([359.0, 1, 181], dtype=torch.float64).deg2rad())],
)
turn = torch.tensor(2 * math.pi, dtype=torch.float64)
assert torch.allclose(wind.log_prob(angle), wind.log_prob(angle - turn))
around = torch.linspace(-math.pi, math.pi, 5000, dtype=torch.float64)
assert abs(torch.trapezoid(wind.log_prob(around).exp(), around) - 1) < 1e-3
# --8<-- [end:von_mises]

# --8<-- [start:continuous_bernoulli]
from torch.distributions import ContinuousBernoulli

x = torch.linspace(0, 1, 20_001, dtype=torch.float64)
for p in (0.1, 0.4, 0.9):
    pixel = ContinuousBernoulli(probs=torch.tensor(p, dtype=torch.float64))
    plain = (-F.binary_cross_entropy(pixel.probs.expand(20_001), x, reduction="none")).exp()
    whole = torch.trapezoid(pixel.log_prob(x).exp(), x)
    print(f"p {p}: area {torch.trapezoid(plain, x):.3f} and {whole:.3f}, mean {pixel.mean:.3f}")
    assert torch.isclose(torch.trapezoid(x * pixel.log_prob(x).exp(), x), pixel.mean)
# --8<-- [end:continuous_bernoulli]

# --8<-- [start:multivariate_outlier]
from torch.distributions import MultivariateNormal

covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
size = MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance)
x = torch.tensor([[1.5, 1.5], [1.5, -1.5]], dtype=torch.float64)
print("log density:", [f"{v:.2f}" for v in size.log_prob(x).tolist()])
distance = torch.einsum("ni,ij,nj->n", x, size.precision_matrix, x)
print("squared distance:", [f"{v:.2f}" for v in distance.tolist()])
by_hand = -0.5 * (distance + covariance.logdet() + 2 * math.log(2 * math.pi))
assert torch.allclose(size.log_prob(x), by_hand)
assert torch.allclose(size.scale_tril @ size.scale_tril.T, size.covariance_matrix)
# --8<-- [end:multivariate_outlier]

# --8<-- [start:mixture]
from torch.distributions import MixtureSameFamily

parts = Normal(torch.tensor([0.0, 6.0], dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64))
mixture = MixtureSameFamily(Categorical(torch.tensor([0.7, 0.3], dtype=torch.float64)), parts)
x = torch.tensor([[0.0], [2.5], [6.0]], dtype=torch.float64)
log_prob = mixture.log_prob(x[:, 0])
print("loss:", [f"{v:.3f}" for v in (-log_prob).tolist()])
each = mixture.mixture_distribution.probs.log() + mixture.component_distribution.log_prob(x)
print("whose:", [[f"{v:.2f}" for v in row] for row in each.softmax(dim=1).tolist()])
assert torch.allclose(log_prob, each.logsumexp(dim=1))
assert torch.isclose(mixture.mean, torch.tensor(0.3 * 6, dtype=torch.float64))
print(f"mean {mixture.mean:.1f}, variance {mixture.variance:.2f}")
# --8<-- [end:mixture]

# --8<-- [start:kl_gaussians]
from torch.distributions import kl_divergence

torch.manual_seed(0)
p, q = Normal(0.0, 1.0), Normal(1.0, 2.0)
print(f"p to q {kl_divergence(p, q):.4f}, q to p {kl_divergence(q, p):.4f}")
x = p.sample((200_000,))
estimate = (p.log_prob(x) - q.log_prob(x)).mean()
assert abs(estimate - kl_divergence(p, q)) < 0.01
by_hand = math.log(2) + (1 + 1) / (2 * 4) - 0.5
assert abs(kl_divergence(p, q) - by_hand) < 1e-6
# --8<-- [end:kl_gaussians]

# --8<-- [start:kl_vae]
mu = torch.tensor([[0.5, -1.0, 0.0], [0.0, 0.0, 0.0]])  # (batch, latent)
log_var = torch.tensor([[0.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
code = Independent(Normal(mu, (0.5 * log_var).exp()), 1)
prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
kl = kl_divergence(code, prior)  # (batch,)
print(kl)
assert torch.allclose(kl, -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(dim=1))
# --8<-- [end:kl_vae]

# --8<-- [start:kl_register]
from torch.distributions import register_kl

p, q = HalfNormal(torch.tensor(2.0, dtype=torch.float64)), Exponential(torch.tensor(0.5, dtype=torch.float64))
try:
    kl_divergence(p, q)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")


@register_kl(HalfNormal, Exponential)
def kl_half_normal_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


print(f"registered: {kl_divergence(p, q):.4f}")
x = torch.linspace(0, 30, 30_001, dtype=torch.float64)
area = torch.trapezoid(p.log_prob(x).exp() * (p.log_prob(x) - q.log_prob(x)), x)
assert torch.isclose(kl_divergence(p, q), area, atol=1e-5)
# --8<-- [end:kl_register]

# --8<-- [start:entropies]
from torch.distributions import Uniform

one = torch.tensor(1.0, dtype=torch.float64)
same = {  # three with the same spread, 1
    "uniform": Uniform(-math.sqrt(3) * one, math.sqrt(3) * one),
    "normal": Normal(0 * one, one),
    "laplace": Laplace(0 * one, one / math.sqrt(2)),
}
for name, d in same.items():
    assert torch.isclose(d.stddev, one)
    print(f"{name:8} {d.entropy():.4f} nats")
print(f"normal with spread 0.1: {Normal(0 * one, 0.1 * one).entropy():.4f}")
assert torch.isclose(same["normal"].entropy(), 0.5 * torch.log(2 * math.pi * math.e * one))
# --8<-- [end:entropies]

# --8<-- [start:rsample_gradient]
torch.manual_seed(0)
mean = torch.tensor(1.0, requires_grad=True)
d = Normal(mean, 1.0)
print("sample:", d.sample().requires_grad, " rsample:", d.rsample().requires_grad)
path = d.rsample((10_000,)) ** 2  # the gradient of E[x²] with respect to the mean is 2
(by_path,) = torch.autograd.grad(path.mean(), mean)
x = d.sample((10_000,))
score = (d.log_prob(x) * x**2).mean()
(by_score,) = torch.autograd.grad(score, mean)
print(f"by path {by_path:.1f}, by score {by_score:.1f}")
assert abs(by_path - 2) < 0.1 and abs(by_score - 2) < 0.3
print("Normal", Normal.has_rsample, " Gamma", Gamma.has_rsample, " Poisson", Poisson.has_rsample)
# --8<-- [end:rsample_gradient]

# --8<-- [start:gamma_gradient]
torch.manual_seed(0)
shape = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64, requires_grad=True)
draws = Gamma(shape, torch.ones_like(shape)).rsample((100_000,))  # (100000, 3)
(slope,) = torch.autograd.grad(draws.log().mean(dim=0).sum(), shape)
exact = torch.special.polygamma(1, shape.detach())  # of E[log x]
print("estimated:", [f"{v:.1f}" for v in slope.tolist()])
print("exact:    ", [f"{v:.3f}" for v in exact.tolist()])
assert torch.allclose(slope, exact, rtol=0.05)
# --8<-- [end:gamma_gradient]

# --8<-- [start:enumerate_exact]
torch.manual_seed(0)
logits = torch.tensor([0.2, -0.3, 1.0], requires_grad=True)
cost = torch.tensor([4.0, 1.0, 2.0])
choice = Categorical(logits=logits)
every = choice.enumerate_support()  # tensor([0, 1, 2])
exact = (choice.log_prob(every).exp() * cost[every]).sum()
(gradient,) = torch.autograd.grad(exact, logits, retain_graph=True)
x = choice.sample((20_000,))
(noisy,) = torch.autograd.grad((choice.log_prob(x) * cost[x]).mean(), logits)
print(f"expected cost {exact:.3f}, gradient", gradient)
assert torch.allclose(gradient, noisy, atol=0.05)
assert torch.isclose(exact, logits.softmax(0) @ cost)
# --8<-- [end:enumerate_exact]

# --8<-- [start:moments_and_quantiles]
income = Gamma(torch.tensor(2.0, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64))
print(f"mean {income.mean:.2f}, mode {income.mode:.2f}, variance {income.variance:.2f}")
try:
    income.icdf(torch.tensor(0.5, dtype=torch.float64))
except NotImplementedError as error:
    print("icdf:", type(error).__name__)
low, high = torch.tensor(0.0, dtype=torch.float64), torch.tensor(100.0, dtype=torch.float64)
for _ in range(60):  # bisection on the cdf
    middle = (low + high) / 2
    low, high = (middle, high) if income.cdf(middle) < 0.5 else (low, middle)
print(f"median {middle:.4f}")
assert torch.isclose((1 + middle / 2) * torch.exp(-middle / 2), torch.tensor(0.5, dtype=torch.float64))
# --8<-- [end:moments_and_quantiles]

# --8<-- [start:shapes]
d = Normal(torch.zeros(4, 1), torch.ones(3))  # parameters broadcast
print("batch", tuple(d.batch_shape), "event", tuple(d.event_shape))
torch.manual_seed(0)
for sample_shape in ((), (5,), (5, 2)):
    print(sample_shape, "->", tuple(d.sample(sample_shape).shape))
image = Independent(d, 2)
print("as one event:", tuple(image.batch_shape), tuple(image.event_shape))
assert image.log_prob(torch.zeros(5, 4, 3)).shape == (5,)
assert torch.isclose(image.entropy(), 12 * Normal(0.0, 1.0).entropy())
# --8<-- [end:shapes]

# --8<-- [start:expand]
one = Dirichlet(torch.tensor([1.0, 2.0, 5.0]))
many = one.expand((4, 2))
print(one.batch_shape, "->", many.batch_shape, many.event_shape)
torch.manual_seed(0)
x = many.sample()  # (4, 2, 3): eight different draws
assert torch.allclose(many.log_prob(x), one.log_prob(x))
assert len(x.reshape(8, 3).unique(dim=0)) == 8
print("numbers stored:", many.concentration.untyped_storage().nbytes() // 4)
# --8<-- [end:expand]

# --8<-- [start:validate_args]
import textwrap


def message(make):
    try:
        return make()
    except ValueError as error:
        return textwrap.fill(str(error), 88)


print(message(lambda: Normal(torch.tensor(0.0), torch.tensor(-1.0))))
print(message(lambda: Uniform(0.0, 1.0).log_prob(torch.tensor(1.5))))
print(message(lambda: Categorical(torch.ones(2)).log_prob(torch.tensor(2))))
loose = Uniform(0.0, 1.0, validate_args=False)
print("unchecked:", loose.log_prob(torch.tensor([0.5, 1.5])))
print("negative scale:", Normal(0.0, -1.0, validate_args=False).log_prob(torch.tensor(0.0)))
# --8<-- [end:validate_args]

# --8<-- [start:default_validation]
from torch.distributions import Distribution

outside, made_before = torch.tensor(1.5), Uniform(0.0, 1.0)
strict = Uniform(0.0, 1.0, validate_args=True)
Distribution.set_default_validate_args(False)
print("off:", made_before.log_prob(outside), " mean:", Poisson(torch.tensor(-3.0)).mean)
noticed = []
for name, checks, d in (("strict", False, strict), ("made_before", True, made_before)):
    Distribution.set_default_validate_args(checks)
    try:
        d.log_prob(outside)
    except ValueError:
        noticed.append(f"{name}, checks {'on' if checks else 'off'}")
print("noticed:", noticed)
assert len(noticed) == 2
# --8<-- [end:default_validation]


# --8<-- [start:own_distribution]
class ZeroInflatedPoisson(Distribution):
    def __init__(self, gate, rate):
        self.gate, self.rate = torch.broadcast_tensors(gate, rate)
        super().__init__(self.rate.shape, validate_args=False)

    @property
    def mean(self):
        return (1 - self.gate) * self.rate

    def log_prob(self, value):
        counted = torch.log1p(-self.gate) + Poisson(self.rate).log_prob(value)
        return torch.where(value == 0, torch.logaddexp(self.gate.log(), counted), counted)

    def sample(self, sample_shape=()):
        open_gate = Bernoulli(1 - self.gate).sample(sample_shape)
        return open_gate * Poisson(self.rate).sample(sample_shape)


torch.manual_seed(0)
goals = ZeroInflatedPoisson(torch.tensor(0.3), torch.tensor(2.0))
k = torch.arange(30.0)
p = goals.log_prob(k).exp()
print(f"zeros {p[0]:.3f}, a plain Poisson {math.exp(-2):.3f}, mean {goals.mean:.1f}")
assert torch.isclose(p.sum(), torch.tensor(1.0)) and torch.isclose((p * k).sum(), goals.mean)
assert abs((goals.sample((50_000,)) == 0).float().mean() - p[0]) < 0.01
# --8<-- [end:own_distribution]
