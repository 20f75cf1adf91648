# --8<-- [start:gradient]
import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x**2).sum()
y.backward()
x.grad  # dy/dx = 2x
# --8<-- [end:gradient]


# --8<-- [start:slope]
import matplotlib.pyplot as plt

x = torch.linspace(-1.0, 2.5, 200, requires_grad=True)
y = x**3 - 2 * x**2
(slope,) = torch.autograd.grad(y.sum(), x)
assert torch.allclose(slope, 3 * x**2 - 4 * x, atol=1e-5)

fig, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(x.detach(), y.detach(), color="#2f6fdb", label="y = x³ − 2x²")
ax.plot(x.detach(), slope, color="#e4572e", label="slope, by autograd")
ax.axhline(0, color="#7a8599", linewidth=0.8)
ax.set_xlabel("x")
ax.legend()
plt.show()
# --8<-- [end:slope]
