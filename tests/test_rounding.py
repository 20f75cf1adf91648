"""book.run.rounding: what is shaken, by how much, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from book.run.job import BlockResult
from book.run.rounding import BITS, DIGITS, Rounding, exact, layout, operator, shakable, shake, short, steps, tensors

Call = Callable[[], Any]

G = torch.Generator().manual_seed(0)
X = torch.randn(40, 50, generator=G)
W = torch.randn(50, 30, generator=G)
P = torch.rand(40, 50, generator=G)
Q = torch.randn(2, 3, 20, 8, generator=G)
IMAGE = torch.randn(2, 3, 9, 9, generator=G)
KERNEL = torch.randn(4, 3, 3, 3, generator=G)
CLASSES = torch.randint(50, (40,), generator=G)
WHOLE = torch.randint(-50, 50, (40, 50), generator=G).float()
SPD = X.T @ X + torch.eye(50)
Z = torch.randn(40, 50, dtype=torch.complex64, generator=G)

# Results that processors may round differently.
SHAKEN: dict[str, Call] = {
    "matmul": lambda: X @ W,
    "linear": lambda: F.linear(X, W.T, torch.ones(30) / 3),
    "einsum": lambda: torch.einsum("ij,jk->ik", X, W),
    "bmm": lambda: torch.bmm(Q[0], Q[0].mT),
    "convolution": lambda: F.conv2d(IMAGE, KERNEL),
    "exp": lambda: X.exp(),
    "exp in place": lambda: X.clone().exp_(),
    "exp into out": lambda: torch.exp(X, out=torch.empty_like(X)),
    "list of exp": lambda: torch._foreach_exp([X]),
    "list of exp in place": lambda: list_in_place(torch._foreach_exp_),
    "square root": lambda: P.sqrt(),
    "power": lambda: P**1.5,
    "power of a tensor": lambda: P**P,
    "sum": lambda: X.sum(dim=1),
    "mean": lambda: X.mean(dim=0),
    "std": lambda: X.std(dim=0),
    "norm": lambda: X.norm(dim=1),
    "cumsum": lambda: X.cumsum(dim=1),
    "softmax": lambda: X.softmax(dim=1),
    "log_softmax": lambda: X.log_softmax(dim=1),
    "logsumexp": lambda: X.logsumexp(dim=1),
    "cross entropy": lambda: F.cross_entropy(X, CLASSES, reduction="none"),
    "layer norm": lambda: F.layer_norm(X, (50,)),
    "batch norm": lambda: F.batch_norm(X, None, None, training=True),
    "attention": lambda: F.scaled_dot_product_attention(Q, Q, Q),
    "gelu": lambda: F.gelu(X),
    "addcmul": lambda: torch.addcmul(X, X, P, value=0.1),
    "addcdiv in place": lambda: X.clone().addcdiv_(X, P + 1, value=0.1),
    "lerp": lambda: torch.lerp(X, P, 0.3),
    "add with alpha": lambda: torch.add(X, P, alpha=0.1),
    "list of add with alpha": lambda: torch._foreach_add([X], [P], alpha=0.1),
    "index_put that adds up": lambda: X.clone().index_put_((CLASSES % 40,), X, accumulate=True),
    "index_add": lambda: torch.zeros(50, 50).index_add(0, CLASSES, X),
    "scatter that adds up": lambda: torch.zeros(40, 50).scatter_reduce(1, CLASSES[:, None].expand(40, 50), X, "sum"),
    "linspace": lambda: torch.linspace(0, 1, 11),
    "solve": lambda: torch.linalg.solve(SPD, X.T),
    "float64": lambda: X.double().exp(),
    "float16": lambda: X.half().exp(),
    "bfloat16": lambda: X.bfloat16().exp(),
    "complex product": lambda: Z * Z,
    "absolute value of a complex number": lambda: Z.abs(),
    "fft": lambda: torch.fft.fft(X),
    "mse": lambda: torch.stack([F.mse_loss(x, p) for x, p in zip(X, P, strict=True)]),
    "normal draws": lambda: torch.randn(40, generator=torch.Generator().manual_seed(0)),
    "normal draws in place": lambda: torch.empty(40).normal_(generator=torch.Generator().manual_seed(0)),
    "weights of a layer": lambda: torch.empty(40).uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(0)),
    "exponential draws": lambda: torch.empty(40).exponential_(generator=torch.Generator().manual_seed(0)),
    "strided result": lambda: torch.exp(X.T),
}  # fmt: skip

# Results that are the same on every processor.
KEPT: dict[str, Call] = {
    "sum of whole numbers": lambda: WHOLE.sum(),
    "product of whole matrices": lambda: WHOLE @ WHOLE.T,
    "mean of halves": lambda: torch.tensor([0.5, 1.5]).mean(),
    "exp(0)": lambda: torch.zeros(3).exp(),
    "integers": lambda: WHOLE.long().sum(dim=1),
    "booleans": lambda: (X > 0).any(dim=1),
    "infinity and nan": lambda: torch.tensor([-1.0, 0.0]).log().nan_to_num(7.0, neginf=-7.0),
    "+": lambda: X + P,
    "- in place": lambda: X.clone().sub_(P),
    "*": lambda: X * 0.1,
    "/": lambda: X / 3,
    "list of *": lambda: torch._foreach_mul([X], 0.1),
    "add with alpha -1": lambda: torch.add(X, P, alpha=-1),
    "square": lambda: X**2,
    "square()": lambda: X.square(),
    "round": lambda: (X * 100).round() / 100,
    "relu": lambda: X.relu(),
    "indexing": lambda: X[3:, 1::2],
    "index of tensors": lambda: X[CLASSES % 40],
    "index_put": lambda: X.clone().index_put_((CLASSES % 40,), X),
    "gather": lambda: X.gather(1, CLASSES[:, None]),
    "sort": lambda: X.sort(dim=1).values,
    "topk": lambda: X.topk(3).values,
    "max": lambda: X.max(dim=1).values,
    "max pool": lambda: F.max_pool2d(IMAGE, 3),
    "median": lambda: X.median(),
    "where": lambda: torch.where(X > 0, X, P),
    "cat": lambda: torch.cat([X, P]),
    "stack, tile, flip and roll": lambda: torch.stack([X, P]).tile(2, 1, 1).flip(0).roll(1, 2),
    "pad": lambda: F.pad(IMAGE, (1, 1, 1, 1), mode="reflect"),
    "reshape of a transpose": lambda: X.T.reshape(-1),
    "transpose in place": lambda: X.clone().transpose_(0, 1),
    "unsqueeze in place": lambda: X.clone().unsqueeze_(0),
    "conversions": lambda: X.half().double(),
    "embedding": lambda: F.embedding(CLASSES % 40, X),
    "full": lambda: torch.full((3,), 0.1) + torch.full_like(X[0, :3], 0.3),
    "random draws": lambda: torch.rand(9, generator=torch.Generator().manual_seed(0)),
    "random integers": lambda: torch.randint(9, (9,), generator=torch.Generator().manual_seed(0)),
    "random draws in place": lambda: torch.empty(9).uniform_(generator=torch.Generator().manual_seed(0)),
    "nll per example": lambda: F.nll_loss(X, CLASSES, reduction="none"),
    "mse per example": lambda: F.mse_loss(X, P, reduction="none"),
    "sum of complex numbers": lambda: Z + Z,
    "half": lambda: X.half() * X.half(),
}  # fmt: skip


def list_in_place(function: Callable[[Sequence[Tensor]], object]) -> list[Tensor]:
    made = [X.clone()]
    function(made)
    return made


def results(call: Call) -> list[Tensor]:
    made = call()
    return [x.clone() for x in tensors(made if isinstance(made, (list, tuple)) else [made])]


@pytest.mark.parametrize("inference", [False, True], ids=["grad", "inference"])
@pytest.mark.parametrize("name", SHAKEN)
def test_what_processors_round_differently_is_shaken(name: str, inference: bool) -> None:
    with torch.inference_mode() if inference else nullcontext():
        plain = results(SHAKEN[name])
        with Rounding(1):
            one, two = results(SHAKEN[name]), results(SHAKEN[name])
        with Rounding(2):
            other = results(SHAKEN[name])
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True)), "the same call gives the same result"
    assert any(not torch.equal(a, b) for a, b in zip(one, plain, strict=True)), "it is shaken"
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True)), "each seed in its own way"
    for a, b in zip(one, plain, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("inference", [False, True], ids=["grad", "inference"])
@pytest.mark.parametrize("name", KEPT)
def test_what_every_processor_rounds_alike_is_kept(name: str, inference: bool) -> None:
    with torch.inference_mode() if inference else nullcontext():
        plain = results(KEPT[name])
        with Rounding(1):
            noisy = results(KEPT[name])
    assert [x.tolist() for x in noisy] == [x.tolist() for x in plain]


@pytest.mark.parametrize("inference", [False, True], ids=["grad", "inference"])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_networks_are_shaken_as_one(kind: str, inference: bool) -> None:
    torch.manual_seed(0)
    net = getattr(torch.nn, kind)(50, 30, batch_first=True)
    with torch.inference_mode() if inference else nullcontext():
        plain, _ = net(X[None])
        with Rounding(1):
            output, state = net(X[None])
    last = state[0] if kind == "LSTM" else state
    assert not torch.equal(output, plain)
    assert torch.equal(output[:, -1], last[0]), "the last output is the last state: the same numbers"


def test_two_kernels_round_apart() -> None:
    with Rounding(1):
        assert torch.equal(X @ W, F.linear(X, W.T)), "both are one call of mm"
        assert not torch.equal(X @ W, torch.einsum("ij,jk->ik", X, W))
        assert not torch.equal((X @ W)[:1], X[:1] @ W), "another shape, another order of the sums"
        assert not torch.equal(X.exp(), X.expm1() + 1)
        assert torch.equal(X.exp(), X.clone().exp_()), "one kernel, in place or not"
        assert torch.equal(X.exp()[:, :7], X[:, :7].exp()), "each element by itself"


def test_backward_is_shaken_in_the_same_thread() -> None:
    def gradient() -> Tensor:
        x = X.clone().requires_grad_()
        (x @ W).mul(W.sum(dim=0)).sum().backward()
        assert x.grad is not None
        return x.grad

    plain = gradient()
    x = X.clone().requires_grad_()
    y = (x @ W).mul(W.sum(dim=0)).sum()
    with Rounding(1):
        y.backward()
    assert x.grad is not None and not torch.equal(x.grad, plain)
    torch.testing.assert_close(x.grad, plain)


def test_autograd_does_not_see_the_noise() -> None:
    x = X.clone().requires_grad_()
    with Rounding(1):
        y = x.exp()  # its result is saved for backward
        assert y._version == 0
        y.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, y.detach()), "backward uses what forward gave"


def trained(foreach: bool) -> Tensor:
    torch.manual_seed(0)
    net = torch.nn.Linear(50, 30)
    optimizer = torch.optim.Adam(net.parameters(), foreach=foreach)
    for _ in range(3):
        optimizer.zero_grad()
        net(X).square().mean().backward()
        optimizer.step()
    return net.weight.detach()


def test_optimizers_are_shaken() -> None:
    plain = trained(foreach=True)
    with Rounding(1):
        assert torch.equal(trained(foreach=True), trained(foreach=True))
        assert not torch.equal(trained(foreach=True), trained(foreach=False))
        assert not torch.equal(trained(foreach=True), plain)


def test_fused_optimizers_are_shaken() -> None:
    weight = [W.clone()]
    state = [[torch.zeros_like(W)], [torch.zeros_like(W)], [], [torch.tensor(1.0)]]
    options = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0, "eps": 1e-8}
    with Rounding(1):
        torch._fused_adam_(weight, [W], *state, **options, amsgrad=False, maximize=False)
    noisy, (weight, state[0], state[1]) = weight, ([W.clone()], [torch.zeros_like(W)], [torch.zeros_like(W)])
    torch._fused_adam_(weight, [W], *state, **options, amsgrad=False, maximize=False)
    assert not torch.equal(noisy[0], weight[0])


def test_compiled_functions_run_compiled_and_are_told() -> None:
    torch._dynamo.reset()
    double = torch.compile(lambda x: x * 2, backend="eager")
    noise, one, two = Rounding(1), BlockResult("one"), BlockResult("two")
    with noise.around(one):
        X.exp()
        F.linear(X, W.T)
    with noise.around(two):
        assert torch.equal(double(WHOLE), WHOLE * 2)
    assert (one.compiled, two.compiled) == (False, True)


def test_a_failing_block_leaves_the_noise() -> None:
    with pytest.raises(ZeroDivisionError), Rounding(1).around(BlockResult("one")):
        _ = 1 / 0
    assert torch.equal(X.exp(), X.exp()) and torch._C._len_torch_dispatch_stack() == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_noise_is_one_unit_in_the_last_place(dtype: torch.dtype) -> None:
    x = torch.randn(3000, generator=torch.Generator().manual_seed(0)).to(dtype)
    y = x.clone()
    shake(y, key=5)
    up, down = (torch.nextafter(x, torch.full_like(x, end)) for end in (float("inf"), -float("inf")))
    assert bool(((y == x) | (y == up) | (y == down)).all())
    share = (y != x).double().mean().item()
    assert 0.45 < share < 0.55 if dtype.itemsize > 2 else 0.03 < share < 0.1
    assert abs((y > x).sum() - (y < x).sum()) < 200


def test_noise_of_a_single_number_and_of_complex_ones() -> None:
    moved = 0
    for key in range(30):
        x, z = torch.tensor(0.1), torch.tensor([0.1 + 0.3j])
        shake(x, key)
        shake(z, key)
        moved += int(x.item() != torch.tensor(0.1).item()) + int(z[0].real != torch.tensor(0.1))
    assert 15 < moved < 45


@pytest.mark.parametrize(
    ("value", "digits", "kept"),
    [
        (3.0, 24, True),
        (0.625, 24, True),
        (-1023 / 1024, 24, True),
        (4_000_000.0, 24, True),
        (0.1, 24, False),
        (5_000_001.0, 24, False),
        (4095 / 4, 24, True),
        (8193 / 2, 24, False),
        (5_000_001.0, 53, True),
        (1 / 4096, 53, False),
        (100.0, 11, True),
        (600.0, 11, False),
        (50.0, 8, True),
        (200.0, 8, False),
        (0.0, 8, True),
    ],
)
def test_short_numbers(value: float, digits: int, kept: bool) -> None:
    dtype = next(dtype for dtype, binary in DIGITS.items() if binary == digits)
    bits = torch.tensor([value, -value], dtype=dtype).view(BITS[dtype]).numpy()
    assert short(bits, dtype).tolist() == [kept, kept]


@pytest.mark.parametrize("dtype", DIGITS)
def test_short_numbers_by_their_values(dtype: torch.dtype) -> None:
    digits = DIGITS[dtype]
    behind = min(10, digits // 2 - 2)
    x = torch.randn(5000, generator=torch.Generator().manual_seed(0)).mul(10).exp().to(dtype)
    x = torch.cat(
        [x, (x * 16).round() / 16, x.round(), torch.tensor([0.0, 1e-40, float("inf"), float("nan")]).to(dtype)]
    )
    scaled, size = x.double() * 2**behind, x.double().abs()
    fraction = (scaled == scaled.round()) & (size < 2 ** (digits - 2 - behind))
    whole = (x.double() == x.double().round()) & (size < 2 ** (digits - 2))
    wanted = fraction | whole | ~x.isfinite()
    assert short(x.view(BITS[dtype]).numpy(), dtype).tolist() == wanted.tolist()
    assert 100 < int(wanted.sum()) < 14_000


def test_steps_depend_on_bits_and_key_alone() -> None:
    bits = np.arange(3000, dtype=np.int32)
    one = steps(bits, 1)
    assert np.array_equal(one[::-1], steps(bits[::-1], 1))
    assert not np.array_equal(one, steps(bits, 2))
    assert {*one.tolist()} == {-1, 0, 1} and abs(one.sum()) < 200
    assert np.mean(one != 0) == pytest.approx(0.5, abs=0.05) and np.mean(steps(bits, 1, 32) != 0) < 0.1
    assert np.array_equal(steps(bits.astype(np.int64), 1), one)


def test_operators_are_read_from_their_schema() -> None:
    aten = torch.ops.aten
    assert operator(aten.exp_.default).kind == operator(aten.exp.default).kind == "exp"
    assert operator(aten._foreach_exp_.default).name == "_foreach_exp"
    assert operator(aten.exp.out).written == ("out",)
    assert operator(aten.matmul.default).composite and not operator(aten.mm.default).composite
    assert operator(aten.t.default).quiet and operator(aten.t_.default).quiet and operator(aten.rand.default).quiet
    assert operator(aten.mm.default).ordered and not operator(aten.exp.default).ordered
    add = operator(aten.add.Tensor)
    assert exact(add, (X, X), {}, [X]) and not exact(add, (X, X), {"alpha": 2.5}, [X])
    power = operator(aten.pow.Tensor_Scalar)
    assert exact(power, (X, 2), {}, [X]) and not exact(power, (X, 3), {}, [X]) and not exact(power, (Z, 2), {}, [Z])


def test_an_operator_that_the_dispatcher_has_not_is_no_composite() -> None:
    """torch.export meets prim::device under the noise."""
    assert not operator(torch.ops.prim.device.default).composite


def test_only_ordinary_tensors_of_floats_are_shakable() -> None:
    assert shakable(X) and shakable(torch.nn.Parameter(X)) and shakable(Z)
    for other in (CLASSES, X > 0, X.to("meta"), X.to_sparse(), Z.conj(), torch._efficientzerotensor(3)):
        assert not shakable(other)


def test_a_layout_is_lengths_and_strides() -> None:
    assert layout(X) == [(40, 50), (50, 1)] and layout(X.T) == [(50, 1), (40, 50)]
    assert layout(torch.empty(0)) == [(0, 0)]
    assert layout(torch.as_strided(X, (1, 50), (7, 1))) == layout(X[:1]) == [(1, 0), (50, 1)]


def test_a_profiler_notes_each_operator_once_and_the_noise_goes_on_after_it() -> None:
    with Rounding(1).around(BlockResult("one")):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            X @ W
        after = X @ W
    assert [row.count for row in seen.key_averages() if row.key == "aten::mm"] == [1]
    assert not torch.equal(after, X @ W)
    assert torch.equal(X @ W, X @ W) and torch.autograd.profiler.profile.__exit__.__qualname__ == "profile.__exit__"
