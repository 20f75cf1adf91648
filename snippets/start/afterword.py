# --8<-- [start:say_it_first]
import torch

halves = torch.tensor([0.5, 1.5, 2.5, 3.5])
print(halves.round())
# --8<-- [end:say_it_first]

# --8<-- [start:shrink_a_program]
def error_of(lines: list[str]) -> str | None:
    """The error that a program ends in, or None."""
    try:
        exec("\n".join(lines), {})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


program = """\
import torch
import torch.nn.functional as F
from torch import nn
weight = torch.ones(8, 4)
bias = torch.zeros(8)
x = torch.ones(5, 3)
y = torch.zeros(5, 8)
dropout = nn.Dropout(p=0.0)
hidden = F.linear(dropout(x), weight)
loss = F.mse_loss(torch.relu(hidden + bias), y)
loss.backward()""".splitlines()
told = error_of(program)
shorter = program
for line in program:
    without = [kept for kept in shorter if kept is not line]
    if error_of(without) == told:
        shorter = without
assert error_of(shorter) == told and len(shorter) < len(program)
print(told, *shorter, sep="\n")
# --8<-- [end:shrink_a_program]
