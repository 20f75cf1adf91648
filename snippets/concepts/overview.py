# --8<-- [start:twelve_lines]
import torch

x = torch.tensor([1.0, 2.0, 3.0])  # (3,), data
y = torch.tensor([2.0, 4.0, 6.0])  # (3,), what w * x should be
w = torch.tensor(0.5, requires_grad=True)  # what has to be learned
h = w * x
error = h - y
squares = error**2
loss = squares.mean()

print("tensor:  ", squares.tolist(), squares.dtype, tuple(squares.shape))
print("graph:   ", squares.grad_fn.name(), "comes after", error.grad_fn.name())
loss.backward()
print("gradient:", w.grad)
# --8<-- [end:twelve_lines]

# --8<-- [start:slope_checked]
slope = (2 * error * x).mean()
with torch.no_grad():  # the loss a little to the left and to the right of w
    left, right = (((w + step) * x - y).square().mean() for step in (-0.01, 0.01))
quotient = (right - left) / 0.02
print(f"by formula {slope:.2f}, by two losses {quotient:.2f}")
assert torch.allclose(slope, w.grad) and abs(quotient - w.grad) < 0.01
# --8<-- [end:slope_checked]

# --8<-- [start:one_picture]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREY = "#2f6fdb", "#e4572e", "#7a8599"
w.grad, h = None, w * x  # the same steps once more, with all gradients kept
error = h - y
squares = error**2
loss = squares.mean()
rows = {"w": w, "h = w · x": h, "error = h − y": error, "squares = error²": squares}
rows["loss = mean"] = loss
for t in rows.values():
    t.retain_grad()
loss.backward()

fig, ax = plt.subplots(figsize=(4.7, 3.9), layout="constrained")
node = loss.grad_fn
for depth, (name, t) in enumerate(reversed(rows.items())):
    row = 2 * (len(rows) - 1 - depth)
    assert node is t.grad_fn or (t.is_leaf and node.variable is t)
    label = node.name().split("::")[-1]
    node = node.next_functions[0][0] if node.next_functions else None
    values, slopes = ([round(v, 2) for v in u.flatten().tolist()] for u in (t, t.grad))
    cells = [(0, f"{name}\n{values}", BLUE), (1, label, GREY), (2, f"{slopes}", ORANGE)]
    for column, text, color in cells:
        box = {"boxstyle": "round,pad=0.4", "fc": color + "22", "ec": color}
        ax.text(column, row, text, ha="center", va="center", size=8.5, bbox=box)
    if row:
        for column, color in enumerate((BLUE, GREY, ORANGE)):
            ends = [(column, row - 1.45), (column, row - 0.55)]
            start, end = ends if color == BLUE else reversed(ends)
            style = {"arrowstyle": "->", "color": color}
            ax.annotate("", end, start, arrowprops=style)
for column, title in enumerate(("tensors", "graph", "gradients")):
    ax.text(column, -1.3, title, ha="center", weight="bold")
ax.set(xlim=(-0.6, 2.6), ylim=(8.8, -1.6))
ax.axis("off")
plt.show()
# --8<-- [end:one_picture]

# --8<-- [start:taste_tensors]
table = torch.arange(12).view(3, 4)  # (3, 4)
turned = table.T  # (4, 3), a view: the same twelve numbers in memory
print(table.stride(), turned.stride(), turned.is_contiguous())
turned[0, 2] = 100
print(table)
assert table.data_ptr() == turned.data_ptr() and table[2, 0] == 100
assert (table + 0.5).dtype == torch.float32  # an integer and a float
# --8<-- [end:taste_tensors]

# --8<-- [start:taste_autograd]
w = torch.tensor(3.0, requires_grad=True)
(first,) = torch.autograd.grad(w**3, w, create_graph=True)  # 3 w²
(second,) = torch.autograd.grad(first, w)  # 6 w
print("slope", first.item(), "and curvature", second.item())
for _ in range(2):  # gradients add up until something clears them
    (w**2).backward()
    print("w.grad", w.grad.item())
w.grad = None
assert torch.allclose(first, 3 * w**2) and torch.allclose(second, 6 * w)
# --8<-- [end:taste_autograd]


# --8<-- [start:taste_dynamic_graph]
def bent(x):
    return x**2 if x > 0 else torch.exp(x)


for value in (0.75, 0.0):
    x = torch.tensor(value, requires_grad=True)
    y = bent(x)
    y.backward()
    print(f"at {value}: {y.grad_fn.name()}, slope {x.grad.item()}")
# --8<-- [end:taste_dynamic_graph]

# --8<-- [start:three_meet]
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
h = 2 * w
y = (h**2).sum()  # the graph keeps h, because the slope is 2 h
part = h[:1]  # a view of h
part.zero_()  # ... writes into the memory of h
print(h.tolist())
try:
    y.backward()
except RuntimeError as error:
    print(str(error).split(":")[0])
# --8<-- [end:three_meet]
