"""snippets/toolkit/layers.py: shapes, gradients, sizes, starting values, and which mistakes it names."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch import nn

from snippets.toolkit import layers
from snippets.toolkit.layers import GatedResidual, LowRankLinear


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(layers).failed == 0


def test_each_layer_is_documented() -> None:
    for piece in (LowRankLinear, GatedResidual):
        for part in ("Args:", "Shape:", "Raises:", "Example:", "Reference:"):
            assert part in (piece.__doc__ or ""), (piece, part)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_low_rank_is_a_linear_layer_with_the_product(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = LowRankLinear(5, 4, rank=2, bias=bias)
    x = torch.randn(shape)
    expected = nn.functional.linear(x, layer.up @ layer.down, layer.bias)
    assert layer(x).shape == (*shape[:-1], 4)
    torch.testing.assert_close(layer(x), expected)
    assert torch.linalg.matrix_rank(layer.up @ layer.down) == 2


def test_low_rank_counts_and_names() -> None:
    layer = LowRankLinear(100, 50, rank=4)
    assert sum(p.numel() for p in layer.parameters()) == 4 * (100 + 50) + 50
    assert list(layer.state_dict()) == ["down", "up", "bias"]
    assert repr(layer) == "LowRankLinear(100, 50, rank=4, bias=True)"
    assert list(LowRankLinear(100, 50, rank=4, bias=False).state_dict()) == ["down", "up"]


def test_low_rank_starts_like_linear() -> None:
    torch.manual_seed(0)
    layer, linear = LowRankLinear(400, 300, rank=20), nn.Linear(400, 300)
    ratio = ((layer.up @ layer.down).std() / linear.weight.std()).item()
    assert 0.9 < ratio < 1.1
    before = layer.up.detach().clone()
    layer.reset_parameters()
    assert not torch.equal(layer.up, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
def test_from_linear_leaves_out_the_smallest_singular_values(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(8, 6, bias=bias, dtype=dtype)
    before = linear.weight.detach().clone()
    layer = LowRankLinear.from_linear(linear, rank=2)
    assert layer.up.dtype == layer.down.dtype == dtype
    assert (layer.bias is not None) == bias
    if layer.bias is not None:
        assert torch.equal(layer.bias, linear.bias)
    assert torch.equal(linear.weight, before)
    error = torch.linalg.matrix_norm(layer.up @ layer.down - linear.weight)
    left_out = torch.linalg.svdvals(linear.weight)[2:]
    torch.testing.assert_close(error, left_out.norm())


@pytest.mark.parametrize("rank", [0, -1, 5])
def test_low_rank_names_a_wrong_rank(rank: int) -> None:
    with pytest.raises(ValueError, match=rf"rank must be between 1 and 4, got {rank}"):
        LowRankLinear(6, 4, rank=rank)


def test_gradients() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    body = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    for layer in (LowRankLinear(4, 3, rank=2), GatedResidual(body, 4)):
        layer = layer.double()
        assert torch.autograd.gradcheck(layer, (x,))
        layer(x).sum().backward()
        assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize("openness", [0.1, 0.5, 0.9])
def test_gate_starts_at_openness(openness: float) -> None:
    torch.manual_seed(0)
    body = nn.Linear(4, 4)
    layer, x = GatedResidual(body, 4, openness), torch.randn(2, 3, 4)
    torch.testing.assert_close(layer(x), openness * body(x) + (1 - openness) * x)


def test_gate_closed_and_open() -> None:
    torch.manual_seed(0)
    body, x = nn.Linear(4, 4), torch.randn(3, 4)
    layer = GatedResidual(body, 4)
    nn.init.constant_(layer.gate.bias, -200.0)
    assert torch.equal(layer(x), x)
    nn.init.constant_(layer.gate.bias, 200.0)
    assert torch.equal(layer(x), body(x))


@pytest.mark.parametrize("openness", [0.0, 1.0, -0.1, 2.0])
def test_gate_names_a_wrong_openness(openness: float) -> None:
    with pytest.raises(ValueError, match=rf"openness must be between 0 and 1, got {openness}"):
        GatedResidual(nn.Identity(), 4, openness)


def test_gate_names_a_body_that_changes_the_shape() -> None:
    layer = GatedResidual(nn.Linear(4, 1), 4)
    with pytest.raises(ValueError, match=r"body must keep the shape of its input, but \(2, 4\) became \(2, 1\)"):
        layer(torch.zeros(2, 4))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_low_rank_keeps_dtype_mode_and_frozen_parameters(dtype: torch.dtype) -> None:
    linear = nn.Linear(6, 4).to(dtype).eval()
    linear.weight.requires_grad_(False)
    layer = LowRankLinear.from_linear(linear, 4)
    assert {p.dtype for p in layer.parameters()} == {dtype} and not layer.training
    assert [layer.up.requires_grad, layer.down.requires_grad] == [False, False]
    assert layer.bias is not None and layer.bias.requires_grad
    exact = 1e-9 if dtype == torch.float64 else 0.02
    torch.testing.assert_close(layer.up @ layer.down, linear.weight, atol=exact, rtol=exact)
