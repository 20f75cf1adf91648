# --8<-- [start:low_rank_linear]
"""Layers that PyTorch doesn't have, built from those it has."""

import torch
from torch import nn


class LowRankLinear(nn.Module):
    """A linear layer whose weight is the product of two thin matrices.

    It computes x @ down.T @ up.T + bias and has rank * (in_features + out_features)
    weights, fewer than nn.Linear as long as rank < in * out / (in + out).

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        rank: inner size; at most the smaller of the two.
        bias: learn an additive bias.

    Shape:
        Input (*, in_features), output (*, out_features). Parameters: down
        (rank, in_features), up (out_features, rank), bias (out_features,) or None.

    Raises:
        ValueError: rank is below 1 or above the smaller of the two sizes.

    Example:
        >>> layer = LowRankLinear(100, 50, rank=4)
        >>> layer(torch.zeros(7, 100)).shape
        torch.Size([7, 50])

    Reference:
        Tara Sainath et al., "Low-rank matrix factorization for deep neural network
        training with high-dimensional output targets", ICASSP 2013.
    """

    def __init__(
        self, in_features: int, out_features: int, rank: int, bias: bool = True
    ) -> None:
        super().__init__()
        most = min(in_features, out_features)
        if not 1 <= rank <= most:
            raise ValueError(f"rank must be between 1 and {most}, got {rank}")
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.down = nn.Parameter(torch.empty(rank, in_features))
        self.up = nn.Parameter(torch.empty(out_features, rank))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights; their product has the spread that nn.Linear starts with."""
        nn.init.normal_(self.down, std=self.in_features**-0.5)
        nn.init.uniform_(self.up, -(self.rank**-0.5), self.rank**-0.5)
        if self.bias is not None:
            nn.init.uniform_(
                self.bias, -(self.in_features**-0.5), self.in_features**-0.5
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(*, in_features) to (*, out_features)."""
        hidden = nn.functional.linear(x, self.down)
        return nn.functional.linear(hidden, self.up, self.bias)

    def extra_repr(self) -> str:
        """What print shows in the brackets."""
        sizes = f"{self.in_features}, {self.out_features}, rank={self.rank}"
        return f"{sizes}, bias={self.bias is not None}"

    @classmethod
    def from_linear(cls, linear: nn.Linear, rank: int) -> "LowRankLinear":
        """The nearest layer of that rank to a trained linear layer.

        Args:
            linear: the layer to compress; it is not changed.
            rank: of the new layer.

        Returns:
            A layer on the same device, of the same dtype (computed in float32 if that is
            a half precision), in the same mode, frozen where linear is. The error of its
            weight is made of the singular values that were left out.

        Raises:
            ValueError: rank is below 1 or above the smaller of the two sizes.

        Example:
            >>> linear = nn.Linear(6, 4)
            >>> layer = LowRankLinear.from_linear(linear, rank=4)
            >>> torch.allclose(layer.up @ layer.down, linear.weight, atol=1e-6)
            True
        """
        weight, bias = linear.weight, linear.bias is not None
        layer = cls(linear.in_features, linear.out_features, rank, bias).to(weight)
        half = weight.dtype in (torch.bfloat16, torch.float16)  # svd has no kernels there
        with torch.no_grad():
            u, s, vh = torch.linalg.svd(weight.float() if half else weight, full_matrices=False)
            layer.up.copy_(u[:, :rank] * s[:rank].sqrt())
            layer.down.copy_(s[:rank, None].sqrt() * vh[:rank])
            if layer.bias is not None:
                layer.bias.copy_(linear.bias)
                layer.bias.requires_grad_(linear.bias.requires_grad)
        for part in (layer.up, layer.down):
            part.requires_grad_(weight.requires_grad)
        return layer.train(linear.training)


# --8<-- [end:low_rank_linear]


# --8<-- [start:gated_residual]
class GatedResidual(nn.Module):
    """A layer around another that learns, per feature, how much of it to let through.

    It computes g * body(x) + (1 - g) * x with the gate g = sigmoid(gate(x)). The gate
    starts almost closed, so the layer starts near the identity.

    Args:
        body: any module that keeps the shape of its input.
        features: size of the last dimension.
        openness: what every gate is at the start, between 0 and 1.

    Shape:
        Input and output (*, features).

    Raises:
        ValueError: openness is not between 0 and 1; in forward, body changed the shape.

    Example:
        >>> layer = GatedResidual(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), 8)
        >>> layer(torch.zeros(3, 8)).shape
        torch.Size([3, 8])

    Reference:
        Rupesh Srivastava, Klaus Greff, Jürgen Schmidhuber, "Highway Networks", 2015.
    """

    def __init__(self, body: nn.Module, features: int, openness: float = 0.1) -> None:
        super().__init__()
        if not 0 < openness < 1:
            raise ValueError(f"openness must be between 0 and 1, got {openness}")
        self.body = body
        self.gate = nn.Linear(features, features)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, torch.logit(torch.tensor(openness)).item())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(*, features) to (*, features)."""
        y = self.body(x)
        if y.shape != x.shape:
            shapes = f"{tuple(x.shape)} became {tuple(y.shape)}"
            raise ValueError(f"body must keep the shape of its input, but {shapes}")
        return torch.lerp(x, y, torch.sigmoid(self.gate(x)))


# --8<-- [end:gated_residual]
