# --8<-- [start:factorization_machine]
"""Layers of models that rank by categories: tables of fields, products of pairs."""

from collections.abc import Sequence

import torch
from torch import nn


class FactorizationMachine(nn.Module):
    """The sum of the products of all pairs of vectors, without a loop over pairs.

    Half of (the square of the sum minus the sum of the squares), summed over the vectors'
    elements: F * dim operations where the pairs would take F * F * dim / 2.

    Shape:
        Input (N, F, dim): vectors, each multiplied by its number if it has one.
        Output (N,). One vector has no pair: 0.

    Raises:
        ValueError: the input has not three dimensions.

    Example:
        >>> v = torch.tensor([[[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]]])
        >>> FactorizationMachine()(v).tolist()  # 2 + 0 + 3
        [5.0]

    Reference:
        Steffen Rendle, "Factorization Machines", ICDM 2010.
    """

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """(N, F, dim) to (N,)."""
        if v.ndim != 3:
            raise ValueError(f"v must be (N, F, dim), got {tuple(v.shape)}")
        return (v.sum(1).square() - v.square().sum(1)).sum(1) / 2
# --8<-- [end:factorization_machine]


# --8<-- [start:fields]
class Fields(nn.Module):
    """Several tables in one: row 0 of each field is for what is unknown.

    Args:
        sizes: rows of each field, row 0 included.

    Raises:
        ValueError: a size is below 1, or in forward the columns are not those of sizes.
    """

    def __init__(self, sizes: "Sequence[int]") -> None:
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes must hold numbers from 1 on, got {list(sizes)}")
        ends = torch.tensor(sizes).cumsum(0)
        self.register_buffer("sizes", torch.tensor(sizes))  # (F,), on the layer's device
        self.register_buffer("offsets", ends - torch.tensor(sizes))  # (F,)
        self.rows = int(ends[-1])

    def places(self, x: torch.Tensor) -> torch.Tensor:
        """Rows of the joint table; a number outside its field counts as unknown."""
        if x.ndim != 2 or x.shape[1] != len(self.sizes):
            shape = f"(N, {len(self.sizes)})"
            raise ValueError(f"x must be {shape}, a column a field, got {tuple(x.shape)}")
        return torch.where((x >= 0) & (x < self.sizes), x, 0) + self.offsets


class FieldEmbedding(Fields):
    """A vector for each category of each field.

    Args:
        sizes: categories of each field, the unknown one (0) included.
        dim: length of the vectors.
        std: of the normal numbers that the vectors start with; those of 0 start at 0.

    Shape:
        Input (N, F), whole numbers; output (N, F, dim). Numbers outside a field count
        as unknown.

    Raises:
        ValueError: a size or dim is below 1; in forward, x has other columns.

    Example:
        >>> FieldEmbedding([10, 4], dim=8)(torch.tensor([[3, 1], [0, 99]])).shape
        torch.Size([2, 2, 8])
    """

    def __init__(self, sizes: "Sequence[int]", dim: int, std: float = 0.05) -> None:
        super().__init__(sizes)
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.table = nn.Embedding(self.rows, dim)
        nn.init.normal_(self.table.weight, std=std)
        with torch.no_grad():
            self.table.weight[self.offsets] = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, F) to (N, F, dim)."""
        return self.table(self.places(x))


class FieldLinear(Fields):
    """A number for each category of each field, and a bias: a linear model. Starts at 0.

    Args:
        sizes: categories of each field, the unknown one (0) included.

    Shape:
        Input (N, F), whole numbers; output (N,).

    Raises:
        ValueError: a size is below 1; in forward, x has other columns.

    Example:
        >>> FieldLinear([10, 4])(torch.tensor([[3, 1], [0, 99]])).tolist()
        [0.0, 0.0]
    """

    def __init__(self, sizes: "Sequence[int]") -> None:
        super().__init__(sizes)
        self.table = nn.Embedding(self.rows, 1)
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, F) to (N,)."""
        return self.bias + self.table(self.places(x)).sum((1, 2))


class NumericEmbedding(nn.Module):
    """A vector for each numeric field, multiplied by the number.

    Args:
        fields: how many numbers a row has.
        dim: length of the vectors.
        std: of the normal numbers that the vectors start with.

    Shape:
        Input (N, M), output (N, M, dim).

    Raises:
        ValueError: fields or dim is below 1; in forward, x has other columns.

    Example:
        >>> NumericEmbedding(3, dim=8)(torch.zeros(5, 3)).shape
        torch.Size([5, 3, 8])
    """

    def __init__(self, fields: int, dim: int, std: float = 0.05) -> None:
        super().__init__()
        if fields < 1 or dim < 1:
            raise ValueError(f"fields and dim must be at least 1, got {fields} and {dim}")
        self.weight = nn.Parameter(torch.empty(fields, dim))
        nn.init.normal_(self.weight, std=std)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, M) to (N, M, dim)."""
        if x.ndim != 2 or x.shape[1] != len(self.weight):
            raise ValueError(f"x must be (N, {len(self.weight)}), got {tuple(x.shape)}")
        return x[:, :, None] * self.weight
# --8<-- [end:fields]
