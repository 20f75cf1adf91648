# --8<-- [start:ten_lines]
import torch
import torch.nn.functional as F
from torch import nn

x = torch.linspace(-1.0, 1.0, 21).view(-1, 1)  # (21, 1)
y = 3 * x - 0.5

torch.manual_seed(0)
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for _ in range(100):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(f"y = {model.weight.item():.2f} x {model.bias.item():+.2f}")
# --8<-- [end:ten_lines]


# --8<-- [start:print_in_forward]
class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 3)
        self.out = nn.Linear(3, 1)

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        print("h has shape", tuple(h.shape), "and smallest value", h.min().item())
        return self.out(h)


torch.manual_seed(0)
net = TwoLayers()
net(torch.randn(4, 2)).shape
# --8<-- [end:print_in_forward]

# --8<-- [start:wrong_shape]
net(torch.ones(4, 3))  # the first layer expects 2 features
# --8<-- [end:wrong_shape]

# --8<-- [start:three_layers]
x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 6.0])

w = torch.tensor(0.5)  # tensors: the formulas are yours
error = w * x - y
loss, slope = (error**2).mean(), (2 * error * x).mean()
print(f"tensors   loss {loss:.1f}, slope {slope:.1f}")

w = torch.tensor(0.5, requires_grad=True)  # autograd: the loss is yours
loss = ((w * x - y) ** 2).mean()
loss.backward()
print(f"autograd  loss {loss:.1f}, slope {w.grad:.1f}")
assert torch.allclose(w.grad, slope)

torch.manual_seed(0)
line = nn.Linear(1, 1, bias=False)  # nn: parts with their parameters
nn.init.constant_(line.weight, 0.5)
loss = F.mse_loss(line(x.view(3, 1)), y.view(3, 1))
loss.backward()
print(f"nn        loss {loss:.1f}, slope {line.weight.grad.item():.1f}")
assert torch.allclose(line.weight.grad, slope)
# --8<-- [end:three_layers]

# --8<-- [start:reference_example]
import doctest

parser = doctest.DocTestParser()
doc = nn.Linear.__doc__
lines = parser.get_examples(doc)
code = [e.source for e in lines]
print("".join(code))

torch.manual_seed(0)
names = {"torch": torch, "nn": nn}
exec("".join(code), names)
# --8<-- [end:reference_example]

# --8<-- [start:book_example]
torch.manual_seed(0)
price = nn.Linear(2, 1)
per_unit = torch.tensor([[3.0, 20.0]])
with torch.no_grad():
    price.weight.copy_(per_unit)
    price.bias.fill_(50.0)

small, big = [40.0, 1.0], [80.0, 3.0]
flats = torch.tensor([small, big])
result = price(flats).detach()
formula = flats @ per_unit.T + 50
assert torch.allclose(result, formula)
result
# --8<-- [end:book_example]

# --8<-- [start:numpy_to_torch]
import numpy as np
import pandas as pd

a = np.array([[3.0, 1.0], [2.0, 4.0]])
x = torch.from_numpy(a)
pairs = {
    "np.zeros((2, 3))": "torch.zeros(2, 3)",
    "np.arange(6)": "torch.arange(6)",
    "np.linspace(0, 1, 5)": "torch.linspace(0, 1, 5)",
    "np.eye(3)": "torch.eye(3)",
    "a.astype(np.float32)": "x.to(torch.float32)",
    "a.copy()": "x.clone()",
    "a.reshape(-1)": "x.reshape(-1)",
    "np.transpose(a, (1, 0))": "x.permute(1, 0)",
    "np.expand_dims(a, 0)": "x.unsqueeze(0)",
    "np.concatenate([a, a], axis=1)": "torch.cat([x, x], dim=1)",
    "np.stack([a, a])": "torch.stack([x, x])",
    "np.tile(a, (2, 1))": "x.repeat(2, 1)",
    "np.repeat(a, 2, axis=0)": "x.repeat_interleave(2, dim=0)",
    "np.where(a > 2, a, 0)": "torch.where(x > 2, x, 0)",
    "np.clip(a, 1.5, 3)": "x.clamp(1.5, 3)",
    "a.sum(axis=0)": "x.sum(dim=0)",
    "a.max(axis=1)": "x.amax(dim=1)",
    "np.sort(a, axis=1)": "x.sort(dim=1).values",
    "a.std()": "x.std(correction=0)",
    "a @ a": "x @ x",
}
for in_numpy, in_torch in pairs.items():
    np.testing.assert_allclose(eval(in_torch), eval(in_numpy), rtol=1e-6)
assert len(pairs) == 20
pd.DataFrame(pairs.items(), columns=["NumPy", "PyTorch"])
# --8<-- [end:numpy_to_torch]

# --8<-- [start:numpy_differences]
values = [1.0, 3.0]
a, x = np.array(values), torch.tensor(values)
print("type:  ", a.dtype, "|", x.dtype)
print("std:   ", f"{a.std():.3f}", "|", f"{x.std():.3f}")
print("repeat:", a.repeat(2).tolist(), "|", x.repeat(2).tolist())
print("max:   ", a.max(axis=0), "|", tuple(x.max(dim=0)))
# --8<-- [end:numpy_differences]

# --8<-- [start:once_missing]
t = torch.arange(64) / 64
wave = torch.sin(2 * torch.pi * 3 * t)  # three periods
print("periods:", torch.fft.rfft(wave).abs().argmax().item())
print("flip:", torch.tensor([1, 2, 3]).flip(0).tolist())
values = torch.tensor([1.0, float("inf"), float("nan")])
print("isfinite:", values.isfinite().tolist())
# --8<-- [end:once_missing]
