# --8<-- [start:linear_and_fm]
"""Models of clicks from {"fields": (N, F), "numbers": (N, M)} to logits (N,)."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from snippets.toolkit.ranking_layers import (
    FactorizationMachine,
    FieldEmbedding,
    FieldLinear,
    NumericEmbedding,
)


class LinearModel(nn.Module):
    """A weight for each category and each number."""

    def __init__(self, sizes: "Sequence[int]", numbers: int) -> None:
        super().__init__()
        self.categories = FieldLinear(sizes)
        self.numbers = nn.Linear(numbers, 1, bias=False)
        nn.init.zeros_(self.numbers.weight)

    def forward(self, x: "Mapping[str, torch.Tensor]") -> torch.Tensor:
        """Fields (N, F) and numbers (N, M) to logits (N,)."""
        return self.categories(x["fields"]) + self.numbers(x["numbers"])[:, 0]


class FM(LinearModel):
    """A weight for each, and the product of two vectors for each pair."""

    def __init__(self, sizes: "Sequence[int]", numbers: int, dim: int = 8) -> None:
        super().__init__(sizes, numbers)
        self.vectors = FieldEmbedding(sizes, dim)
        self.number_vectors = NumericEmbedding(numbers, dim)
        self.pairs = FactorizationMachine()

    def embed(self, x: "Mapping[str, torch.Tensor]") -> torch.Tensor:
        """A vector for each category and each number."""
        both = self.vectors(x["fields"]), self.number_vectors(x["numbers"])
        return torch.cat(both, dim=1)  # (N, F + M, dim)

    def forward(self, x: "Mapping[str, torch.Tensor]") -> torch.Tensor:
        """Fields (N, F) and numbers (N, M) to logits (N,)."""
        return super().forward(x) + self.pairs(self.embed(x))
# --8<-- [end:linear_and_fm]


# --8<-- [start:mlp]
class MLP(FM):
    """Vectors as in FM, side by side, through a small network."""

    def __init__(self, sizes: "Sequence[int]", numbers: int, dim: int = 8) -> None:
        super().__init__(sizes, numbers, dim)
        width = (len(sizes) + numbers) * dim
        layers = [nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(32, 1))

    def forward(self, x: "Mapping[str, torch.Tensor]") -> torch.Tensor:
        """Fields (N, F) and numbers (N, M) to logits (N,)."""
        linear = LinearModel.forward(self, x)
        return linear + self.net(self.embed(x).flatten(1))[:, 0]
# --8<-- [end:mlp]
