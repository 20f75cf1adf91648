# --8<-- [start:crosses]
"""Layers that cross features: DCN's cross layers, gates of fields, bilinear pairs."""

import torch
from torch import nn


class CrossVector(nn.Module):
    """Cross layer of DCN: x0 * (w . x) + b + x, one number a row times x0.

    Args:
        dim: length of a row.

    Shape:
        x0 and x (N, dim), output (N, dim). Starts near the identity.

    Example:
        >>> CrossVector(4)(torch.zeros(2, 4), torch.zeros(2, 4)).shape
        torch.Size([2, 4])

    Reference:
        Ruoxi Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.normal_(self.weight, std=dim**-0.5)

    def forward(self, x0: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Two of (N, dim) to (N, dim)."""
        return x0 * (x @ self.weight)[:, None] + self.bias + x


class CrossMatrix(nn.Module):
    """Cross layer of DCN v2: x0 * (W x + b) + x.

    Args:
        dim: length of a row.

    Shape:
        x0 and x (N, dim), output (N, dim). W starts with a tenth of nn.Linear's spread,
        so that a stack of layers starts near the identity.

    Example:
        >>> CrossMatrix(4)(torch.zeros(2, 4), torch.zeros(2, 4)).shape
        torch.Size([2, 4])

    Reference:
        Ruoxi Wang et al., "DCN V2: Improved Deep & Cross Network", WWW 2021.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        nn.init.uniform_(self.linear.weight, -0.1 * dim**-0.5, 0.1 * dim**-0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x0: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Two of (N, dim) to (N, dim)."""
        return x0 * self.linear(x) + x


class CrossMixture(nn.Module):
    """Cross layer of DCN v2 with several matrices of low rank, mixed by a gate.

    x0 * (sum over e of g_e(x) U_e tanh(C_e tanh(V_e x)) + b) + x, g a softmax.

    Args:
        dim: length of a row.
        rank: of each matrix.
        experts: how many matrices.

    Shape:
        x0 and x (N, dim), output (N, dim).

    Raises:
        ValueError: rank is not between 1 and dim, or experts is below 1.

    Example:
        >>> CrossMixture(8, rank=2)(torch.zeros(1, 8), torch.zeros(1, 8)).shape
        torch.Size([1, 8])

    Reference:
        Ruoxi Wang et al., "DCN V2: Improved Deep & Cross Network", WWW 2021.
    """

    def __init__(self, dim: int, rank: int, experts: int = 4) -> None:
        super().__init__()
        if not 1 <= rank <= dim or experts < 1:
            told = f"got {rank} and {experts}"
            raise ValueError(f"rank must be from 1 to {dim}, experts from 1 on, {told}")
        self.down = nn.Parameter(torch.empty(experts, rank, dim))
        self.core = nn.Parameter(torch.empty(experts, rank, rank))
        self.up = nn.Parameter(torch.empty(experts, dim, rank))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.gate = nn.Linear(dim, experts)  # one a layer
        for weight in (self.down, self.core, self.up):
            nn.init.normal_(weight, std=weight.shape[2] ** -0.5)

    def forward(self, x0: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Two of (N, dim) to (N, dim)."""
        low = torch.tanh(torch.einsum("erd,nd->ner", self.down, x))
        low = torch.tanh(torch.einsum("esr,ner->nes", self.core, low))
        share = torch.softmax(self.gate(x), dim=1)  # (N, experts)
        return x0 * (torch.einsum("ne,edr,ner->nd", share, self.up, low) + self.bias) + x
# --8<-- [end:crosses]


# --8<-- [start:squeeze_excitation]
class SqueezeExcitation(nn.Module):
    """Multiplies the vectors of each field by a weight that depends on all fields.

    Args:
        fields: how many.
        reduction: by what the number of fields is divided in between.

    Shape:
        Input and output (N, F, dim); ``gates`` gives the weights, (N, F). They are
        2 * sigmoid, so they start near 1; ReLU, as in the paper, starts with half at 0.

    Raises:
        ValueError: fields or reduction is below 1.

    Example:
        >>> SqueezeExcitation(6)(torch.zeros(2, 6, 8)).shape
        torch.Size([2, 6, 8])

    Reference:
        Tongwen Huang et al., "FiBiNET", RecSys 2019; Jie Hu et al., "Squeeze-and-
        Excitation Networks", CVPR 2018.
    """

    def __init__(self, fields: int, reduction: int = 3) -> None:
        super().__init__()
        if fields < 1 or reduction < 1:
            raise ValueError(f"both must be at least 1, got {fields=} and {reduction=}")
        inner = max(1, fields // reduction)
        self.net = nn.Sequential(
            nn.Linear(fields, inner), nn.ReLU(), nn.Linear(inner, fields)
        )

    def gates(self, v: torch.Tensor) -> torch.Tensor:
        """(N, F, dim) to (N, F), between 0 and 2."""
        return 2 * torch.sigmoid(self.net(v.mean(2)))

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """(N, F, dim) to (N, F, dim)."""
        return v * self.gates(v)[:, :, None]
# --8<-- [end:squeeze_excitation]


# --8<-- [start:bilinear_interaction]
class BilinearInteraction(nn.Module):
    """(W v_i) * v_j for each pair of fields i < j, in one einsum.

    Args:
        fields: how many.
        dim: length of a vector.
        kind: ``"all"``, one W; ``"each"``, one for each i; ``"pairs"``, one for each
            pair.

    Shape:
        Input (N, F, dim), output (N, F (F - 1) / 2, dim). W starts orthogonal.

    Raises:
        ValueError: kind is none of these, or fields is below 2.

    Example:
        >>> BilinearInteraction(4, 8)(torch.zeros(2, 4, 8)).shape
        torch.Size([2, 6, 8])

    Reference:
        Tongwen Huang et al., "FiBiNET", RecSys 2019.
    """

    def __init__(self, fields: int, dim: int, kind: str = "pairs") -> None:
        super().__init__()
        pairs = torch.combinations(torch.arange(fields))  # (P, 2)
        which = {"all": 0 * pairs[:, 0], "each": pairs[:, 0]}
        which["pairs"] = torch.arange(len(pairs))
        if kind not in which or fields < 2:
            told = f"got {kind!r} and {fields}"
            raise ValueError(f"kind must be all, each or pairs, fields at least 2; {told}")
        self.register_buffer("pairs", pairs.T.clone())
        self.register_buffer("which", which[kind])
        self.weight = nn.Parameter(torch.empty(int(which[kind].max()) + 1, dim, dim))
        for matrix in self.weight:
            nn.init.orthogonal_(matrix.data)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """(N, F, dim) to (N, P, dim)."""
        one, other = v[:, self.pairs[0]], v[:, self.pairs[1]]
        return torch.einsum("npd,pcd->npc", one, self.weight[self.which]) * other
# --8<-- [end:bilinear_interaction]
