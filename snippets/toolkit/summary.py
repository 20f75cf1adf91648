# --8<-- [start:layer_table]
"""What a net is made of."""

from collections.abc import Callable

from torch import nn


def layer_table(net: nn.Module, run: "Callable[[], object]") -> str:
    """A table of the layers that a forward pass goes through.

    Args:
        net: any module.
        run: does the forward pass, such as ``lambda: net(inputs)``.

    Returns:
        A line for each layer, as it is called: name, type, shape of its output, number
        of parameters; then the number of all parameters of the net.
    """
    lines = [f"{'layer':<16}{'type':<18}{'output':<20}{'parameters':>12}"]

    def note(name: str, layer: nn.Module, output: object) -> None:
        shape = str(tuple(getattr(output, "shape", ())))
        count = sum(p.numel() for p in layer.parameters())
        lines.append(f"{name:<16}{type(layer).__name__:<18}{shape:<20}{count:>12,}")

    layers = [(name, m) for name, m in net.named_modules() if not list(m.children())]
    hooks = [
        layer.register_forward_hook(lambda m, _, out, name=name: note(name, m, out))
        for name, layer in layers
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    total = sum(p.numel() for p in net.parameters())
    return "\n".join([*lines, f"{'':<16}{'all':<38}{total:>12,}"])
# --8<-- [end:layer_table]
