# --8<-- [start:layer_rows]
"""What a net is made of: its layers, their outputs, parameters and memory."""

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from snippets.toolkit.nests import (
    convert_nest, describe_nest, nested_parts, nested_tensors,
)  # fmt: skip
from snippets.toolkit.random_states import undrawn
from snippets.toolkit.states import inner


@dataclass
class LayerRow:
    """What a module itself owns, and what its first call took and gave."""

    name: str
    kind: str = ""
    calls: int = 0
    input: str = "-"
    output: str = "-"
    input_bytes: int = 0
    output_bytes: int = 0
    parameters: int = 0
    trainable: int = 0
    parameter_bytes: int = 0
    flops: int = 0


def traced(
    net: nn.Module, run: "Callable[[], object]", flops: bool
) -> "dict[nn.Module, LayerRow]":
    """A row for each module of the net, with what passed through it in ``run``."""
    rows = {module: LayerRow(name) for name, module in net.named_modules()}
    counter = FlopCounterMode(display=False) if flops else None
    going = []  # for each call inside another: operations before it, and inside it

    def total() -> int:
        return counter.get_total_flops() if counter else 0

    def enter(module: nn.Module, args: tuple) -> None:
        going.append([total(), 0])

    def leave(module: nn.Module, args: tuple, named: dict, output: object) -> None:
        before, inside = going.pop()
        row, done = rows[module], total() - before
        row.flops += done - inside
        if going:
            going[-1][1] += done
        if not row.calls:
            named = {k: v for k, v in named.items() if [*nested_tensors(v)]}
            taken = (*args, *([named] if named else []))
            row.input, row.output = shapes(taken), shapes(output)
            row.input_bytes = sum(t.nbytes for t in nested_tensors(taken))
        row.calls += 1
        row.output_bytes += sum(t.nbytes for t in nested_tensors(output))

    with as_before(net, flops), ExitStack() as stack:
        for module in rows:
            hook = module.register_forward_hook(leave, with_kwargs=True)
            stack.callback(hook.remove)
            stack.callback(module.register_forward_pre_hook(enter).remove)
        stack.enter_context(counter or torch.no_grad())
        with torch.no_grad():
            run()
    return rows


@contextmanager
def as_before(net: nn.Module, flops: bool) -> "Iterator[None]":
    """Evaluate layer by layer; then leave modes and random states as they were."""
    modes = [(module, module.training) for module in net.modules()]
    tensors = itertools.chain(net.parameters(), net.buffers())
    device = next((t.device for t in tensors), torch.device("cpu"))
    fast, kernels = torch.backends.mha, (torch.backends.mkldnn, torch.backends.cudnn)
    before = fast.get_fastpath_enabled(), [kernel.enabled for kernel in kernels]
    with ExitStack() as stack:
        stack.enter_context(undrawn(device))
        if flops:  # fused attention on a CPU would count as nothing
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if "torch._dynamo" in sys.modules:  # or else nothing is compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            fast.set_fastpath_enabled(False)  # or attention would be one operation
            for kernel in kernels if flops else ():
                kernel.enabled = False  # the same for recurrent nets
            net.eval()
            yield
        finally:
            fast.set_fastpath_enabled(before[0])
            for kernel, enabled in zip(kernels, before[1], strict=True):
                kernel.enabled = enabled
            for module, mode in modes:
                module.training = mode


def layer_rows(
    net: nn.Module, run: "Callable[[], object]", flops: bool = False
) -> "list[LayerRow]":
    """The rows of ``layer_table``, after a first one with the net's own input and sums.

    Their parameters add up to those of the net: one that two modules have counts once.
    """
    rows, counted, kept = traced(net, run, flops), set(), []
    for module, row in rows.items():
        own = {id(p): p for p in module.parameters(recurse=False)}
        new = [p for key, p in own.items() if key not in counted and not is_lazy(p)]
        row.kind = type(module).__name__ + (" (shared)" if own.keys() & counted else "")
        row.kind += f" ({row.calls}x)" if row.calls > 1 else ""
        row.parameters = sum(p.numel() for p in new)
        row.trainable = sum(p.numel() for p in new if p.requires_grad)
        row.parameter_bytes = sum(p.nbytes for p in new)
        counted |= own.keys()
        if own or not any(True for _ in module.children()) or row.flops:
            kept.append(row)
    names = ("output_bytes", "parameters", "trainable", "parameter_bytes", "flops")
    sums = {name: sum(getattr(row, name) for row in kept) for name in names}
    return [LayerRow("all", input_bytes=rows[net].input_bytes, **sums), *kept]
# --8<-- [end:layer_rows]

# --8<-- [start:layer_table]
def layer_table(
    net: nn.Module, run: "Callable[[], object] | None" = None, *,
    inputs: object = None, input_shape: "tuple[int, ...] | None" = None,
    flops: bool = False,
) -> str:  # fmt: skip
    """A table of the layers of a net and of what a forward pass makes of them.

    The pass evaluates; modes and random states are afterwards what they were.

    Args:
        net: any module, on any device, meta included.
        run: does the forward pass, such as ``lambda: net(a, b)``.
        inputs: or else what the net gets: a tensor, or a tuple or dict of tensors...
        input_shape: or else the shape of one sample, of zeros.
        flops: count operations, two for a product that is added to a sum.

    Returns:
        A line for each module that owns parameters or has no others inside, deeper ones
        to the right: name, type, shapes of input and output ("-": not called), its own
        parameters and their megabytes. (2x): called twice; the shapes are those of the
        first call. (shared): with parameters that count above. Then the sums; twice the
        outputs is about what training keeps.

    Raises:
        TypeError: there is none or more than one of run, inputs and input_shape; or run
            is no function.

    Example:
        >>> print(layer_table(nn.Linear(3, 2), input_shape=(3,)))
        layer  type    input   output  parameters  trainable     MB
        (net)  Linear  (1, 3)  (1, 2)           8          8  0.000
        all                                     8          8  0.000
        buffers 0, 0.000 MB; input 0.000 MB; forward and backward about 0.000 MB
    """
    if sum(given is not None for given in (run, inputs, input_shape)) != 1:
        raise TypeError("layer_table takes one of run, inputs and input_shape")
    if run is not None and not callable(run):
        raise TypeError(f"run must be a function, got {describe_nest(run)}: inputs=...")
    tensors = list(itertools.chain(net.parameters(), net.buffers()))
    device = tensors[0].device if tensors else torch.device("cpu")
    if input_shape is not None:
        kinds = [t.dtype for t in tensors if t.is_floating_point()]
        inputs = torch.zeros((1, *input_shape), dtype=kinds[0] if kinds else None)
    placed, plain = convert_nest(lambda t: t.to(device), inputs), inner(net)
    whole, *rows = layer_rows(plain, run or (lambda: plain(placed)), flops)

    numbers = ["parameters", "trainable", "MB", "FLOPs"]
    head = ["layer", "type", "input", "output", *numbers]
    lines = [head, *map(cells, [*rows, whole])]
    lines = [line if flops else line[:-1] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        "  ".join(c.rjust(w) if k > 3 else c.ljust(w) for k, (c, w) in enumerate(pairs))
        for pairs in (zip(line, widths, strict=True) for line in lines)
    ]
    buffers = list(net.buffers())
    sizes = [sum(b.nbytes for b in buffers), whole.input_bytes, 2 * whole.output_bytes]
    held, taken, passed = (f"{size / 1e6:.3f} MB" for size in sizes)
    end = f"buffers {sum(b.numel() for b in buffers):,}, {held}; input {taken}; "
    return "\n".join([*padded, f"{end}forward and backward about {passed}"])


def cells(row: LayerRow) -> list[str]:
    """A line of the table."""
    name = row.name.replace("._orig_mod", "") or "(net)"
    words = ["  " * name.count(".") + name, row.kind]
    words += [shortened(row.input), shortened(row.output)] if row.kind else ["", ""]
    numbers = [f"{row.parameters:,}", f"{row.trainable:,}"]
    return [*words, *numbers, f"{row.parameter_bytes / 1e6:.3f}", f"{row.flops:,}"]


def shortened(text: str, width: int = 44) -> str:
    """The text, cut where it is longer than a column."""
    return text if len(text) <= width else text[: width - 3] + "..."


def shapes(nest: object) -> str:
    """The shapes in a nest, as in ``(2, 5, 4), ((2, 2, 4), (2, 2, 4))``.

    Example:
        >>> shapes((torch.zeros(2, 5), {"last": [torch.zeros(3), None]}))
        '(2, 5), {last: ((3,), None)}'
    """
    if isinstance(nest, torch.Tensor):
        return str(tuple(nest.shape))
    parts = nested_parts(nest)
    if parts is None:
        return "None" if nest is None else type(nest).__name__
    several = (tuple, list)
    inside = {
        key: f"({shapes(part)})" if isinstance(part, several) else shapes(part)
        for key, part in parts.items()
    }
    if isinstance(nest, several):
        return ", ".join(inside.values())
    return "{" + ", ".join(f"{key}: {text}" for key, text in inside.items()) + "}"
# --8<-- [end:layer_table]
