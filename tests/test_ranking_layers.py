"""snippets/toolkit/ranking_layers.py, cross_layers.py and interest_layers.py: identities, masks, gradients, bad input."""

from __future__ import annotations

import doctest
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from snippets.toolkit import cross_layers, interest_layers, ranking_layers
from snippets.toolkit.cross_layers import (
    BilinearInteraction,
    CrossMatrix,
    CrossMixture,
    CrossVector,
    SqueezeExcitation,
)
from snippets.toolkit.interest_layers import AttentionGRU, AuxiliaryLoss, Dice, InterestAttention
from snippets.toolkit.ranking_layers import FactorizationMachine, FieldEmbedding, FieldLinear, NumericEmbedding

DOUBLE = torch.float64


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(sum(shape)))


def mask_of(*lengths: int, places: int = 5) -> torch.Tensor:
    return torch.arange(places) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("module", [ranking_layers, cross_layers, interest_layers])
def test_examples_in_docstrings(module: Any) -> None:
    torch.manual_seed(0)
    assert doctest.testmod(module).failed == 0


# ---- Fields


def test_each_field_has_its_rows_and_unknown_numbers_get_row_0() -> None:
    torch.manual_seed(0)
    layer = FieldEmbedding([3, 4], dim=2)
    table = layer.table.weight
    x = torch.tensor([[1, 3], [0, 0], [99, -1], [2, 4]])
    expected = torch.stack([table[[1, 6]], table[[0, 3]], table[[0, 3]], table[[2, 3]]])
    assert torch.equal(layer(x), expected)
    assert torch.equal(table[[0, 3]], torch.zeros(2, 2)) and (table[[1, 2, 4, 5, 6]] != 0).all()
    assert layer(x[:1]).shape == (1, 2, 2) and layer(x[:0]).shape == (0, 2, 2)


def test_offsets_are_no_parameters_and_move_with_the_layer() -> None:
    layer = FieldEmbedding([3, 4], dim=2)
    assert [name for name, _ in layer.named_parameters()] == ["table.weight"]
    assert {name for name, _ in layer.named_buffers()} == {"sizes", "offsets"}
    assert layer.to("meta").offsets.device.type == "meta"
    other = FieldEmbedding([3, 4], dim=2)
    other.load_state_dict(FieldEmbedding([3, 4], dim=2).state_dict())


def test_a_linear_model_starts_at_zero() -> None:
    layer = FieldLinear([3, 4])
    assert torch.equal(layer(torch.tensor([[1, 2]])), torch.zeros(1))
    with torch.no_grad():
        layer.table.weight.copy_(torch.arange(7.0)[:, None])
        layer.bias.fill_(100)
    assert layer(torch.tensor([[2, 1], [0, 5]])).tolist() == [106, 103]


def test_numbers_scale_their_vectors() -> None:
    layer = NumericEmbedding(2, 3).double()
    x = normal(4, 2)
    assert torch.equal(layer(x)[1, 1], x[1, 1] * layer.weight[1])


# ---- Pairs


@pytest.mark.parametrize(("rows", "fields"), [(1, 9), (5, 4), (3, 1), (2, 2)])
def test_fm_is_the_double_loop(rows: int, fields: int) -> None:
    v = normal(rows, fields, 6)
    pairs = itertools.combinations(range(fields), 2)
    slow = sum(((v[:, i] * v[:, j]).sum(1) for i, j in pairs), torch.zeros(rows, dtype=DOUBLE))
    torch.testing.assert_close(FactorizationMachine()(v), slow, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_fm_is_that_of_the_formula() -> None:
    v, x = normal(7, 3).requires_grad_(), normal(1, 7)
    FactorizationMachine()(x[:, :, None] * v).sum().backward()
    weighted = x[0] @ v.detach()
    expected = x[0][:, None] * (weighted - v.detach() * x[0][:, None])
    torch.testing.assert_close(v.grad, expected)


@pytest.mark.parametrize("kind", ["all", "each", "pairs"])
def test_bilinear_is_the_list_of_pairs(kind: str) -> None:
    torch.manual_seed(0)
    layer, v = BilinearInteraction(5, 4, kind).double(), normal(3, 5, 4)
    assert len(layer.weight) == {"all": 1, "each": 4, "pairs": 10}[kind]
    rows = []
    for number, (i, j) in enumerate(itertools.combinations(range(5), 2)):
        matrix = layer.weight[{"all": 0, "each": i, "pairs": number}[kind]]
        rows.append((v[:, i] @ matrix.T) * v[:, j])
    torch.testing.assert_close(layer(v), torch.stack(rows, 1))
    square = layer.weight[0] @ layer.weight[0].T  # drawn in float32
    torch.testing.assert_close(square, torch.eye(4, dtype=DOUBLE), rtol=0, atol=1e-6)


# ---- Crosses and gates


def test_crosses_are_their_formulas() -> None:
    torch.manual_seed(0)
    x0, x = normal(3, 4), normal(4, 3).T
    one, two = CrossVector(4).double(), CrossMatrix(4).double()
    for row in range(3):
        torch.testing.assert_close(one(x0, x)[row], x0[row] * (one.weight @ x[row]) + one.bias + x[row])
        wx = two.linear.weight @ x[row] + two.linear.bias
        torch.testing.assert_close(two(x0, x)[row], x0[row] * wx + x[row])


def test_a_mixture_is_its_experts_weighted() -> None:
    torch.manual_seed(0)
    layer, x0, x = CrossMixture(4, rank=2, experts=3).double(), normal(3, 4), normal(4, 3).T
    share = torch.softmax(layer.gate(x), 1)
    total = layer.bias.expand(3, 4)
    for e in range(3):
        low = torch.tanh(torch.tanh(x @ layer.down[e].T) @ layer.core[e].T)
        total = total + share[:, e, None] * (low @ layer.up[e].T)
    torch.testing.assert_close(layer(x0, x), x0 * total + x)
    assert layer(x0[:1], x[:1]).shape == (1, 4)


def test_a_stack_of_cross_matrices_starts_near_the_identity() -> None:
    torch.manual_seed(0)
    x0 = x = torch.randn(50, 32)
    for layer in [CrossMatrix(32) for _ in range(6)]:
        x = layer(x0, x)
    assert 0.9 < (x.norm() / x0.norm()).item() < 1.3


def test_gates_start_near_one() -> None:
    torch.manual_seed(0)
    layer, v = SqueezeExcitation(9), 0.05 * torch.randn(100, 9, 8)
    gates = layer.gates(v)
    assert gates.shape == (100, 9) and (gates > 0.5).all() and (gates < 1.5).all()
    torch.testing.assert_close(layer(v), v * gates[:, :, None])


# ---- Histories


def test_padding_weighs_exactly_nothing() -> None:
    torch.manual_seed(0)
    query, keys, mask = normal(3, 4), normal(3, 5, 4), mask_of(5, 2, 0)
    for normalise in (False, True):
        layer = InterestAttention(4, normalise=normalise).double()
        weights = layer.weights(query, keys, mask)
        assert (weights[~mask] == 0).all() and (weights[mask] > 0).all()
        other = keys.masked_fill(~mask[:, :, None], 1e6)
        assert torch.equal(layer(query, keys, mask), layer(query, other, mask))
        assert torch.equal(layer(query, keys, mask)[2], torch.zeros(4, dtype=DOUBLE)), "an empty history"
        total = weights.sum(1)
        assert torch.allclose(total[:2], torch.ones(2, dtype=DOUBLE)) == normalise
        alone = layer(query[1:2], keys[1:2, :2], mask[1:2, :2])
        torch.testing.assert_close(alone[0], layer(query, keys, mask)[1])


def test_gradients_of_an_empty_history_are_numbers() -> None:
    for normalise in (False, True):
        keys = normal(1, 5, 4).requires_grad_()
        InterestAttention(4, normalise=normalise).double()(normal(1, 4), keys, mask_of(0)).sum().backward()
        assert torch.equal(keys.grad, torch.zeros(1, 5, 4, dtype=DOUBLE))  # type: ignore[arg-type]


def gru_of(layer: AttentionGRU) -> nn.GRU:
    """nn.GRU with the same weights."""
    gru = nn.GRU(layer.cell.input_size, layer.cell.hidden_size, batch_first=True).double()
    gru.load_state_dict({f"{name}_l0": weight for name, weight in layer.cell.state_dict().items()})
    return gru


@pytest.mark.parametrize("kind", ["AUGRU", "AIGRU"])
def test_attention_of_one_is_a_gru(kind: str) -> None:
    torch.manual_seed(0)
    layer, x, lengths = AttentionGRU(4, 3, kind).double(), normal(3, 5, 4), (5, 2, 1)
    mask = mask_of(*lengths)
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True)
    expected = gru_of(layer)(packed)[1][0]
    torch.testing.assert_close(layer(x, torch.ones(3, 5, dtype=DOUBLE), mask), expected)
    assert not torch.allclose(layer(x, torch.full((3, 5), 0.5, dtype=DOUBLE), mask), expected)


@pytest.mark.parametrize("kind", ["AUGRU", "AGRU"])
def test_attention_of_zero_leaves_the_state(kind: str) -> None:
    torch.manual_seed(0)
    layer, x, mask = AttentionGRU(4, 3, kind).double(), normal(3, 5, 4), mask_of(5, 5, 0)
    weights = torch.ones(3, 5, dtype=DOUBLE)
    weights[:, 3:] = 0
    assert torch.equal(layer(x, weights, mask), layer(x[:, :3], weights[:, :3], mask[:, :3]))
    assert torch.equal(layer(x, weights, mask)[2], torch.zeros(3, dtype=DOUBLE)), "an empty history"
    assert torch.equal(layer(x, 0 * weights, mask), torch.zeros(3, 3, dtype=DOUBLE))


def test_agru_puts_the_weight_in_place_of_the_gate() -> None:
    torch.manual_seed(0)
    layer, x = AttentionGRU(4, 3, "AGRU").double(), normal(1, 1, 4)
    r, _, n = (x[:, 0] @ layer.cell.weight_ih.T + layer.cell.bias_ih).chunk(3, 1)
    from_h = layer.cell.bias_hh.chunk(3)
    new = torch.tanh(n + torch.sigmoid(r + from_h[0]) * from_h[2])
    found = layer(x, torch.full((1, 1), 0.25, dtype=DOUBLE), mask_of(1, places=1))
    torch.testing.assert_close(found, 0.25 * new)


def test_the_auxiliary_loss_is_the_mean_over_next_places() -> None:
    torch.manual_seed(0)
    layer, states, clicked, others = AuxiliaryLoss(4).double(), normal(2, 3, 4), normal(3, 2, 4), normal(4, 3, 2)
    clicked, others, mask = clicked.reshape(2, 3, 4), others.reshape(2, 3, 4), mask_of(3, 2, places=3)
    bce, parts = nn.functional.binary_cross_entropy_with_logits, []
    for row, place in ((0, 0), (0, 1), (1, 0)):
        for items, label in ((clicked, 1.0), (others, 0.0)):
            logit = layer.net(torch.cat([states[row, place], items[row, place + 1]]))[0]
            parts.append(bce(logit, torch.tensor(label, dtype=DOUBLE)))
    torch.testing.assert_close(layer(states, clicked, others, mask), torch.stack(parts).mean())
    short = layer(states, clicked, others, mask_of(1, 0, places=3))
    assert short == 0 and short.requires_grad


def test_dice_standardises_in_training_and_keeps_running_numbers() -> None:
    layer, x = Dice(3, momentum=0.5).double(), 2 + 3 * normal(50, 3)
    with torch.no_grad():
        layer.alpha.fill_(0.25)
    p = torch.sigmoid((x - x.mean(0)) / x.std(0, correction=0))
    torch.testing.assert_close(layer(x), p * x + (1 - p) * 0.25 * x)
    torch.testing.assert_close(layer.mean, x.mean(0) / 2)
    before = layer.mean.clone()
    layer.eval()
    p = torch.sigmoid((x - layer.mean) / layer.var.sqrt())
    torch.testing.assert_close(layer(x[:1]), (p * x + (1 - p) * 0.25 * x)[:1])
    assert torch.equal(layer.mean, before)


def test_dice_with_one_row_and_with_padding() -> None:
    layer = Dice(3).double()
    x = normal(1, 3)
    torch.testing.assert_close(layer(x), x / 2)
    padded, mask = normal(2, 5, 3), mask_of(3, 1)
    fresh, other = Dice(3).double(), Dice(3).double()
    masked = fresh(padded, mask)[mask]
    torch.testing.assert_close(masked, other(padded[mask]))
    assert torch.equal(fresh.mean, other.mean) and not torch.allclose(fresh(padded)[mask], masked)
    assert fresh(padded, mask_of(0, 0)).isfinite().all()


CHECKED: dict[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]]] = {
    "FactorizationMachine": lambda: (FactorizationMachine(), (normal(2, 4, 3),)),
    "NumericEmbedding": lambda: (NumericEmbedding(3, 2), (normal(2, 3),)),
    "CrossVector": lambda: (CrossVector(4), (normal(2, 4), normal(4, 2).T)),
    "CrossMatrix": lambda: (CrossMatrix(4), (normal(2, 4), normal(4, 2).T)),
    "CrossMixture": lambda: (CrossMixture(4, 2, 2), (normal(2, 4), normal(4, 2).T)),
    "SqueezeExcitation": lambda: (SqueezeExcitation(6), (normal(2, 6, 3),)),
    "BilinearInteraction": lambda: (BilinearInteraction(4, 3), (normal(2, 4, 3),)),
    "Dice": lambda: (Dice(3).eval(), (normal(4, 3),)),
    "InterestAttention": lambda: (InterestAttention(3, 8), (normal(2, 3), normal(2, 5, 3), mask_of(5, 2))),
    "softmax": lambda: (InterestAttention(3, 8, True), (normal(2, 3), normal(2, 5, 3), mask_of(5, 2))),
    "AuxiliaryLoss": lambda: (AuxiliaryLoss(3, 8), (*(normal(2, 5, 3),) * 3, mask_of(5, 2))),
    "AUGRU": lambda: (AttentionGRU(3, 2), (normal(2, 5, 3), normal(2, 5), mask_of(5, 2))),
    "AGRU": lambda: (AttentionGRU(3, 2, "AGRU"), (normal(2, 5, 3), normal(2, 5), mask_of(5, 2))),
    "AIGRU": lambda: (AttentionGRU(3, 2, "AIGRU"), (normal(2, 5, 3), normal(2, 5), mask_of(5, 2))),
}


@pytest.mark.parametrize("name", CHECKED)
def test_gradients_are_right_and_all_parameters_get_one(name: str) -> None:
    torch.manual_seed(0)
    layer, inputs = CHECKED[name]()
    layer.double()
    inputs = tuple(t.clone().requires_grad_() if t.is_floating_point() else t for t in inputs)
    assert torch.autograd.gradcheck(layer, inputs)
    layer(*inputs).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    one = layer(*(t.detach()[:1] for t in inputs))
    if one.ndim:
        torch.testing.assert_close(one, layer(*inputs)[:1])


X = torch.zeros(2, 5, 4)
BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: FieldEmbedding([3, 0], 2), r"sizes must hold numbers from 1 on, got \[3, 0\]"),
    (lambda: FieldLinear([]), "sizes must hold numbers"),
    (lambda: FieldEmbedding([3], 0), "dim must be at least 1, got 0"),
    (lambda: FieldEmbedding([3, 2], 2)(torch.zeros(4, 3, dtype=torch.int64)), r"x must be \(N, 2\), a column a field"),
    (lambda: FieldLinear([3, 2])(torch.zeros(2, dtype=torch.int64)), r"x must be \(N, 2\)"),
    (lambda: NumericEmbedding(0, 2), "fields and dim must be at least 1"),
    (lambda: NumericEmbedding(2, 2)(torch.zeros(3, 4)), r"x must be \(N, 2\), got \(3, 4\)"),
    (lambda: FactorizationMachine()(torch.zeros(3, 4)), r"v must be \(N, F, dim\), got \(3, 4\)"),
    (lambda: CrossMixture(4, rank=5), "rank must be from 1 to 4, experts from 1 on, got 5 and 4"),
    (lambda: SqueezeExcitation(4, 0), "both must be at least 1, got fields=4 and reduction=0"),
    (lambda: BilinearInteraction(4, 3, "every"), "kind must be all, each or pairs, .*got 'every'"),
    (lambda: BilinearInteraction(1, 3), "fields at least 2; got 'pairs' and 1"),
    (lambda: InterestAttention(4)(X[:, 0], X, torch.ones(2, 5)), r"mask must be bool, of shape \(2, 5\)"),
    (lambda: InterestAttention(4)(X[:, 0], X, mask_of(1, 2, places=4)), "mask must be bool, of shape"),
    (lambda: InterestAttention(4)(X[0], X, mask_of(1, 2)), r"query and keys must be \(N, dim\) and \(N, T, dim\)"),
    (lambda: AuxiliaryLoss(4)(X, X, X[:1], mask_of(1, 2)), "states, clicked and others must have one shape"),
    (lambda: AttentionGRU(4, 3, "GRU"), "kind must be AUGRU, AGRU or AIGRU, got 'GRU'"),
    (lambda: AttentionGRU(4, 3)(X, X[:, :4, 0], mask_of(1, 2)), "weights must have the shape of mask"),
    (lambda: Dice(4)(X, mask_of(1, 2, 3)), "mask must be bool, of shape"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number: int) -> None:
    make, told = BAD[number]
    with pytest.raises(ValueError, match=told):
        make()
