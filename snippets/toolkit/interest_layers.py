# --8<-- [start:interest_attention]
"""Layers of models that read a history: attention to it, and how interest evolves."""

import torch
from torch import nn


def checked(name: str, mask: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """A mask (bool) over the first dimensions of values, or a ValueError."""
    if mask.dtype != torch.bool or mask.shape != values.shape[: mask.ndim]:
        wanted = tuple(values.shape[:-1])
        got = f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"{name} must be bool, of shape {wanted}, got {got}")
    return mask


class InterestAttention(nn.Module):
    """Sums a history with weights that depend on the item in question.

    The weight of a place comes from a small net on [q, k, q - k, q * k]. Each weight is
    a sigmoid of its own, so three places that fit weigh more than one.

    Args:
        dim: length of query and keys.
        hidden: width of the net.
        normalise: use a softmax over the places instead of sigmoids.

    Shape:
        query (N, dim), keys (N, T, dim), mask (N, T), True where a place is filled.
        Output (N, dim); ``weights`` gives (N, T), exactly 0 where mask is False. A
        history without any place gives zeros.

    Raises:
        ValueError: in forward, mask doesn't fit keys, or query doesn't.

    Example:
        >>> layer = InterestAttention(8)
        >>> mask = torch.tensor([[True, False], [False, False]])
        >>> layer.weights(torch.zeros(2, 8), torch.zeros(2, 2, 8), mask)[:, 1].tolist()
        [0.0, 0.0]

    Reference:
        Guorui Zhou et al., "Deep Interest Network", KDD 2018.
    """

    def __init__(self, dim: int, hidden: int = 32, normalise: bool = False) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4 * dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.normalise = normalise

    def weights(
        self, query: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """(N, dim), (N, T, dim), (N, T) to (N, T)."""
        checked("mask", mask, keys)
        if query.shape != keys[:, 0].shape:
            shapes = f"{tuple(query.shape)} and {tuple(keys.shape)}"
            raise ValueError(f"query and keys must be (N, dim) and (N, T, dim), got {shapes}")
        q = query[:, None].expand_as(keys)
        score = self.net(torch.cat([q, keys, q - keys, q * keys], 2))[:, :, 0]  # (N, T)
        if not self.normalise:
            return torch.sigmoid(score).masked_fill(~mask, 0)
        score = score.masked_fill(~mask, torch.finfo(score.dtype).min)
        return torch.softmax(score, 1).masked_fill(~mask, 0)

    def forward(
        self, query: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """(N, dim), (N, T, dim), (N, T) to (N, dim)."""
        return torch.einsum("nt,ntd->nd", self.weights(query, keys, mask), keys)
# --8<-- [end:interest_attention]


# --8<-- [start:attention_gru]
class AttentionGRU(nn.Module):
    """A GRU whose steps a weight of attention makes larger or smaller.

    With u the share of the new state, h = (1 - u) h + u n: ``"AUGRU"`` multiplies u by the
    weight; ``"AGRU"`` puts the weight in its place; ``"AIGRU"`` multiplies the input.
    Weights of 1 make AUGRU and AIGRU nn.GRU; weights of 0 leave the state of AUGRU and
    AGRU as it was.

    Args:
        dim: length of the inputs.
        hidden: length of the state.
        kind: one of the three.

    Shape:
        x (N, T, dim), weights (N, T), mask (N, T), True where filled: other places
        change nothing. Output (N, hidden): the last state, zeros for an empty history.

    Raises:
        ValueError: kind is none of the three; in forward, mask or weights don't fit x.

    Example:
        >>> mask = torch.ones(2, 5, dtype=torch.bool)
        >>> AttentionGRU(8, 4)(torch.zeros(2, 5, 8), torch.ones(2, 5), mask).shape
        torch.Size([2, 4])

    Reference:
        Guorui Zhou et al., "Deep Interest Evolution Network", AAAI 2019.
    """

    def __init__(self, dim: int, hidden: int, kind: str = "AUGRU") -> None:
        super().__init__()
        if kind not in ("AUGRU", "AGRU", "AIGRU"):
            raise ValueError(f"kind must be AUGRU, AGRU or AIGRU, got {kind!r}")
        self.kind = kind
        self.cell = nn.GRUCell(dim, hidden)  # for its parameters: those of nn.GRU

    def forward(
        self, x: torch.Tensor, weights: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """(N, T, dim), (N, T), (N, T) to (N, hidden)."""
        checked("mask", mask, x)
        if weights.shape != mask.shape:
            shapes = f"{tuple(mask.shape)}, got {tuple(weights.shape)}"
            raise ValueError(f"weights must have the shape of mask, {shapes}")
        cell, scale = self.cell, weights[:, :, None]
        inputs = nn.functional.linear(
            x * scale if self.kind == "AIGRU" else x, cell.weight_ih, cell.bias_ih
        )  # (N, T, 3 hidden), for all steps at once
        h = x.new_zeros(len(x), cell.hidden_size)
        for step in range(x.shape[1]):
            r, keep, n = inputs[:, step].chunk(3, 1)
            from_h = nn.functional.linear(h, cell.weight_hh, cell.bias_hh).chunk(3, 1)
            n = torch.tanh(n + torch.sigmoid(r + from_h[0]) * from_h[2])
            u = 1 - torch.sigmoid(keep + from_h[1])  # nn.GRU's z is what is kept
            if self.kind != "AIGRU":
                u = scale[:, step] * (u if self.kind == "AUGRU" else 1)
            h = torch.where(mask[:, step, None], h + u * (n - h), h)
        return h
# --8<-- [end:attention_gru]


# --8<-- [start:dice]
class Dice(nn.Module):
    """p * x + (1 - p) * alpha * x, with p = sigmoid of the standardised x.

    In training, mean and variance are those of the batch, and running ones are kept for
    evaluation. A batch of one has variance 0: p is 1/2.

    Args:
        features: size of the last dimension.
        eps: added to the variance.
        momentum: share of the new batch in the running numbers.

    Shape:
        x (*, features), mask (*) or None: which rows count for mean and variance;
        output (*, features).

    Raises:
        ValueError: in forward, mask doesn't fit x.

    Example:
        >>> Dice(4)(torch.zeros(3, 4)).shape
        torch.Size([3, 4])

    Reference:
        Guorui Zhou et al., "Deep Interest Network", KDD 2018.
    """

    def __init__(self, features: int, eps: float = 1e-8, momentum: float = 0.1) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.eps, self.momentum = eps, momentum

    def forward(self, x: torch.Tensor, mask: "torch.Tensor | None" = None) -> torch.Tensor:
        """(*, features) to (*, features)."""
        rows = x.flatten(0, -2) if mask is None else x[checked("mask", mask, x)]
        mean, var = self.mean, self.var
        if self.training and len(rows):
            mean, var = rows.mean(0), rows.var(0, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean.detach(), self.momentum)
                self.var.lerp_(var.detach(), self.momentum)
        p = torch.sigmoid((x - mean) / (var + self.eps).sqrt())
        return p * x + (1 - p) * self.alpha * x
# --8<-- [end:dice]


# --8<-- [start:auxiliary_loss]
class AuxiliaryLoss(nn.Module):
    """Does the state after a place tell the next clicked item from one not clicked?

    Binary cross-entropy of both, averaged over the places that have a next one. Clicked
    and other items must come from one table: two tables can be told apart without
    learning anything.

    Args:
        dim: length of states and items.
        hidden: width of the net that compares them.

    Shape:
        states, clicked and others (N, T, dim), mask (N, T), True where filled; the state
        of place t is held against the items of place t + 1. Output: one number, 0 if no
        history has two places.

    Raises:
        ValueError: in forward, mask or a shape doesn't fit.

    Example:
        >>> zeros, mask = torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.bool)
        >>> AuxiliaryLoss(8)(zeros, zeros, zeros, mask) > 0
        tensor(True)

    Reference:
        Guorui Zhou et al., "Deep Interest Evolution Network", AAAI 2019.
    """

    def __init__(self, dim: int, hidden: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 * dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(
        self,
        states: torch.Tensor,
        clicked: torch.Tensor,
        others: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Three of (N, T, dim) and (N, T) to one number."""
        checked("mask", mask, states)
        if not states.shape == clicked.shape == others.shape:
            raise ValueError("states, clicked and others must have one shape")
        there = mask[:, 1:]
        right, wrong = (
            self.net(torch.cat([states[:, :-1], items[:, 1:]], 2))[:, :, 0]
            for items in (clicked, others)
        )
        losses = nn.functional.softplus(-right) + nn.functional.softplus(wrong)
        return losses.masked_fill(~there, 0).sum() / (2 * there.sum()).clamp(min=1)
# --8<-- [end:auxiliary_loss]
