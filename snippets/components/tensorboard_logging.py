# --8<-- [start:first_run]
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

writer = SummaryWriter("runs/first")
for step in range(20):
    writer.add_scalar("parabola", (step - 10) ** 2, global_step=step)
writer.close()

print("event files:", len(list(Path("runs/first").glob("events.out.tfevents.*"))))
# --8<-- [end:first_run]

# --8<-- [start:read_back]
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)


def read(folder):
    """All events of one run; a size of 0 keeps every event of that kind."""
    keep = dict.fromkeys(["scalars", "histograms", "images", "tensors"], 0)
    return EventAccumulator(str(folder), size_guidance=keep).Reload()


with SummaryWriter("runs/second") as writer:  # closes itself
    for step in range(20):
        writer.add_scalar("parabola", (step - 10) ** 2, step)

events = read("runs/second").Scalars("parabola")
print(len(events), "events:", [(e.step, e.value) for e in events[:4]], "...")
assert [e.value for e in events] == [(step - 10) ** 2 for step in range(20)]
# --8<-- [end:read_back]

# --8<-- [start:close_and_flush]
writer = SummaryWriter("runs/flushed", max_queue=10, flush_secs=120)
for step in range(100):
    writer.add_scalar("x", step, step)
writer.flush()
print("after flush:", len(read("runs/flushed").Scalars("x")), "events")
writer.close()

writer.add_scalar("x", 100.0, 100)  # a closed writer opens another file
writer.close()
print("after more: ", len(read("runs/flushed").Scalars("x")), "events")
print("event files:", len(list(Path("runs/flushed").iterdir())))
# --8<-- [end:close_and_flush]

# --8<-- [start:tags_group]
with SummaryWriter("runs/tags") as writer:
    for quantity in ("loss", "accuracy"):
        writer.add_scalar(f"{quantity}/train", 0.5, 0)
        writer.add_scalar(f"{quantity}/valid", 0.5, 0)
    writer.add_scalar("rate", 0.5, 0)

groups = {}
for tag in read("runs/tags").Tags()["scalars"]:
    groups.setdefault(tag.split("/")[0], []).append(tag)
groups
# --8<-- [end:tags_group]

# --8<-- [start:step_missing]
with SummaryWriter("runs/no_step") as writer:
    for value in (3.0, 2.0, 1.0):
        writer.add_scalar("loss", value)  # no global_step

[(e.step, e.value) for e in read("runs/no_step").Scalars("loss")]
# --8<-- [end:step_missing]

# --8<-- [start:same_tag_twice]
for attempt in range(2):
    with SummaryWriter("runs/same") as writer:  # twice the same folder
        for step in range(3):
            writer.add_scalar("loss", 10 * (attempt + 1) - step, step)

[(e.step, e.value) for e in read("runs/same").Scalars("loss")]
# --8<-- [end:same_tag_twice]

# --8<-- [start:runs_in_folders]
for rate in (0.1, 0.3):
    with SummaryWriter(f"runs/decay/rate_{rate}") as writer:
        for step in range(5):
            writer.add_scalar("loss", (1 - rate) ** step, step)

for folder in sorted(Path("runs/decay").iterdir()):
    print(folder.name, [round(e.value, 3) for e in read(folder).Scalars("loss")])
# --8<-- [end:runs_in_folders]

# --8<-- [start:purge_step]
import logging

logging.getLogger("tensorboard").setLevel("ERROR")  # the reader reports each purge
with SummaryWriter("runs/resumed") as writer:
    for step in range(6):  # crashed in step 6; the checkpoint is from step 3
        writer.add_scalar("loss", 1.0, step)
with SummaryWriter("runs/resumed", purge_step=4) as writer:
    for step in range(4, 8):
        writer.add_scalar("loss", 0.5, step)

[(e.step, e.value) for e in read("runs/resumed").Scalars("loss")]
# --8<-- [end:purge_step]

# --8<-- [start:add_scalars]
with SummaryWriter("runs/both") as writer:
    for step in range(3):
        losses = {"train": 1 / (step + 1), "valid": 1.2 / (step + 1)}
        writer.add_scalars("loss", losses, step)

print("in the run itself:", read("runs/both").Tags()["scalars"])
for folder in sorted(f for f in Path("runs/both").iterdir() if f.is_dir()):
    events = read(folder).Scalars("loss")
    print(folder.name, [(e.step, round(e.value, 2)) for e in events])
# --8<-- [end:add_scalars]

# --8<-- [start:add_histogram]
import torch

values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
with SummaryWriter("runs/histogram") as writer:
    writer.add_histogram("weights", values, 0)  # bins="tensorflow"
    writer.add_histogram("weights", 2 * values, 1, bins="auto")

for event in read("runs/histogram").Histograms("weights"):
    h = event.histogram_value
    text = f"{h.num:.0f} values from {h.min:.2f} to {h.max:.2f}"
    print(f"step {event.step}: {text}, {len(h.bucket)} buckets")
    assert sum(h.bucket) == 1000
# --8<-- [end:add_histogram]

# --8<-- [start:add_image]
import io

import matplotlib.pyplot as plt

picture = torch.zeros(3, 5, 6)  # (C, H, W), values from 0 to 1
picture[0, :, :2] = 1.0  # red on the left
picture[2, :, 4:] = 1.0  # blue on the right
with SummaryWriter("runs/image") as writer:
    writer.add_image("flag", picture, 0)

event = read("runs/image").Images("flag")[0]
back = torch.tensor(plt.imread(io.BytesIO(event.encoded_image_string)))  # (H, W, C)
print("height", event.height, "width", event.width, tuple(back.shape))
assert torch.equal(back.permute(2, 0, 1), picture)
# --8<-- [end:add_image]

# --8<-- [start:image_channels_last]
channels_last = picture.permute(1, 2, 0)  # (H, W, C), as matplotlib has it
with SummaryWriter("runs/image_hwc") as writer:
    writer.add_image("right", channels_last, 0, dataformats="HWC")
    writer.add_image("wrong", channels_last, 0)
# --8<-- [end:image_channels_last]

# --8<-- [start:add_images]
greys = torch.linspace(0, 1, 10)
batch = greys.view(10, 1, 1, 1).expand(10, 1, 8, 8)  # (N, C, H, W)
with SummaryWriter("runs/images") as writer:
    writer.add_images("greys", batch, 0)

event = read("runs/images").Images("greys")[0]
print("one picture of", event.height, "x", event.width, "pixels")
# --8<-- [end:add_images]

# --8<-- [start:add_figure]
fig, ax = plt.subplots(figsize=(3, 2), dpi=100)
ax.plot([0, 1, 2], [4, 2, 1])
ax.set(xlabel="epoch", ylabel="loss")
with SummaryWriter("runs/figure") as writer:
    writer.add_figure("curve", fig, 0)

event = read("runs/figure").Images("curve")[0]
print("logged as a picture of", event.width, "x", event.height, "pixels")
print("figures still open:", len(plt.get_fignums()))
# --8<-- [end:add_figure]

# --8<-- [start:add_text]
settings = {"optimizer": "SGD", "lr": 0.1, "seed": 0}
lines = [f"| {name} | {value} |" for name, value in settings.items()]
table = "\n".join(["| setting | value |", "|---|---|", *lines])
with SummaryWriter("runs/text") as writer:
    writer.add_text("settings", table, 0)

run = read("runs/text")
tag = run.Tags()["tensors"][0]
print(tag)
print(run.Tensors(tag)[0].tensor_proto.string_val[0].decode())
# --8<-- [end:add_text]

# --8<-- [start:add_graph]
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
with SummaryWriter("runs/graph") as writer:
    writer.add_graph(net, torch.zeros(1, 64))

for node in read("runs/graph").Graph().node:
    if node.op.startswith("aten::"):
        print(f"{node.op:13} in {node.name.rpartition('/')[0]}")
# --8<-- [end:add_graph]

# --8<-- [start:graph_figure]
from matplotlib.patches import FancyBboxPatch


class Skip(nn.Module):
    """A layer and a ReLU, whose result is added to what came in."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        return x + self.layer(x).relu()  # (N, 8)


torch.manual_seed(0)
net = nn.Sequential(Skip(), nn.Linear(8, 2))
with SummaryWriter("runs/skip") as writer:
    writer.add_graph(net, torch.zeros(1, 8))

nodes = {node.name: node for node in read("runs/skip").Graph().node}
ops = [name for name, n in nodes.items() if n.op.startswith(("IO", "aten::"))]
edges = [(start, end) for end in ops for start in nodes[end].input if start in ops]
row = dict.fromkeys(ops, 0)
for _ in ops:  # a node stands below all nodes that it takes in
    row |= {end: max(row[start] + 1, row[end]) for start, end in edges}
modules = {}  # the rows of the nodes in each module
for name in ops:
    folders = name.split("/")[:-1]
    for depth in range(1, len(folders) + 1):
        modules.setdefault("/".join(folders[:depth]), []).append(row[name])

fig, ax = plt.subplots(figsize=(4.6, 5.2), layout="constrained")
for name, rows in modules.items():
    depth = name.count("/")
    if name not in ("input", "output"):
        corner = -1.5 + 0.2 * depth, min(rows) - 0.8 + 0.22 * depth
        width, end = 3 - 0.4 * depth, max(rows) + 0.5 - 0.1 * depth
        look = {"boxstyle": "round,pad=0,rounding_size=0.08", "alpha": 0.15, "lw": 0}
        box = FancyBboxPatch(corner, width, end - corner[1], color="#2f6fdb", **look)
        ax.add_patch(box)
        label = name.split("/")[-1]
        ax.text(corner[0] + 0.06, corner[1] + 0.05, label, fontsize=8, va="top")
for name in ops:
    label = name.split("/")[0] if nodes[name].op == "IO Node" else nodes[name].op
    ax.text(0, row[name], label, ha="center", va="center")
for start, end in edges:
    aside = 0.4 if row[end] > row[start] + 1 else 0  # beside the nodes between
    look = {"arrowstyle": "->", "color": "#7a8599", "shrinkA": 10, "shrinkB": 10}
    look["connectionstyle"] = f"arc3,rad={-aside}"
    ax.annotate("", (aside, row[end]), (aside, row[start]), arrowprops=look)
assert [sum(end == name for _, end in edges) for name in ops].count(2) == 1
ax.set(xlim=(-1.6, 1.6), ylim=(max(row.values()) + 0.3, -0.3))
ax.axis("off")
plt.show()
# --8<-- [end:graph_figure]

# --8<-- [start:graph_without_input]
with SummaryWriter("runs/no_input") as writer:
    torch.manual_seed(0)
    writer.add_graph(nn.Linear(64, 10))
# --8<-- [end:graph_without_input]

# --8<-- [start:add_pr_curve]
import pandas as pd
from tensorboard.util.tensor_util import make_ndarray

labels = torch.tensor([0, 0, 1, 1, 1])
chances = torch.tensor([0.1, 0.6, 0.5, 0.8, 0.9])
with SummaryWriter("runs/pr_curve") as writer:
    writer.add_pr_curve("spam", labels, chances, 0, num_thresholds=11)

event = read("runs/pr_curve").Tensors("spam")[0]
table = make_ndarray(event.tensor_proto)  # (6, 11)
columns = ["true +", "false +", "true -", "false -", "precision", "recall"]
frame = pd.DataFrame(table.T, columns=columns)
frame.index = pd.Index([f"{i / 10}" for i in range(11)], name="threshold")
frame.iloc[[0, 5, 7, 9]].round(2)
# --8<-- [end:add_pr_curve]

# --8<-- [start:add_embedding]
g = torch.Generator().manual_seed(0)
vectors = torch.randn(5, 3, generator=g)  # five words, three numbers each
words = ["cat", "dog", "cow", "car", "bus"]
with SummaryWriter("runs/words") as writer:
    writer.add_embedding(vectors, metadata=words, tag="words", global_step=0)

files = {f.name: f for f in Path("runs/words").rglob("*.tsv")}
print("files:", sorted(files))
table = pd.read_csv(files["tensors.tsv"], sep="\t", header=None)
table.index = files["metadata.tsv"].read_text().split()
table.round(2)
# --8<-- [end:add_embedding]

# --8<-- [start:add_hparams]
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

with SummaryWriter("runs/hparams/a") as writer:
    chosen, results = {"lr": 0.1, "opt": "SGD"}, {"best/accuracy": 0.93}
    writer.add_hparams(chosen, results, run_name=".")

run = read("runs/hparams/a")
content = run.PluginTagToContent("hparams")["_hparams_/session_start_info"]
start = HParamsPluginData.FromString(content).session_start_info
print("lr: ", start.hparams["lr"].number_value)
print("opt:", start.hparams["opt"].string_value)
for tag in run.Tags()["scalars"]:
    print("metric:", tag, round(run.Scalars(tag)[0].value, 2))
# --8<-- [end:add_hparams]

# --8<-- [start:add_custom_scalars]
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

layout = {
    "Fit": {"losses": ["Multiline", ["loss/train", "loss/valid"]]},
    "Spread": {"with band": ["Margin", ["mean", "low", "high"]]},
}
with SummaryWriter("runs/layout") as writer:
    writer.add_custom_scalars(layout)

event = read("runs/layout").Tensors("custom_scalars__config__")[0]
for category in Layout.FromString(event.tensor_proto.string_val[0]).category:
    for chart in category.chart:
        print(f"{category.title} > {chart.title}:", chart.WhichOneof("content"))
# --8<-- [end:add_custom_scalars]

# --8<-- [start:digits]
import torch.nn.functional as F
from sklearn.datasets import load_digits

digits = load_digits()
x = torch.tensor(digits.data) / 16  # (1797, 64), float64, from 0 to 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
train_x, valid_x = x[order[:1400]], x[order[1400:]]
train_y, valid_y = y[order[:1400]], y[order[1400:]]
print(tuple(train_x.shape), tuple(valid_x.shape), x.dtype)
# --8<-- [end:digits]


# --8<-- [start:log_epoch]
@torch.inference_mode()
def log_epoch(writer, net, epoch, train_loss):
    """Write three scalars, a histogram, a PR curve; every fifth time, pictures."""
    logits = net(valid_x)
    right = (logits.argmax(dim=1) == valid_y).float()
    writer.add_scalar("loss/train", train_loss, epoch)
    writer.add_scalar("loss/valid", F.cross_entropy(logits, valid_y), epoch)
    writer.add_scalar("accuracy/valid", right.mean(), epoch)
    writer.add_histogram("weights/first", net[0].weight, epoch)
    writer.add_pr_curve("eight", valid_y == 8, logits.softmax(dim=1)[:, 8], epoch)
    if epoch % 5 == 0:
        pictures = net[0].weight.view(-1, 1, 8, 8)  # one for each hidden unit
        writer.add_images("first layer", (pictures + 1) / 2, epoch)


with SummaryWriter("runs/one_epoch") as writer:
    torch.manual_seed(0)
    untrained = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    log_epoch(writer, untrained.double(), epoch=0, train_loss=2.3)
tags = read("runs/one_epoch").Tags()
{kind: tags[kind] for kind in ("scalars", "histograms", "images", "tensors")}
# --8<-- [end:log_epoch]


# --8<-- [start:train_and_log]
def train(folder, lr=0.5, epochs=21):
    """Train on the digits, write a run, return its folder."""
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    with SummaryWriter(folder) as writer:
        for epoch in range(epochs):
            total = 0.0
            for rows in torch.randperm(len(train_x)).split(50):
                optimizer.zero_grad()
                loss = F.cross_entropy(net(train_x[rows]), train_y[rows])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
            log_epoch(writer, net, epoch, total / len(train_x))
    return folder


torch.manual_seed(0)
folder = train("runs/digits/lr_0.5")
accuracy = [e.value for e in read(folder).Scalars("accuracy/valid")]
assert len(accuracy) == 21
assert accuracy[-1] > 0.95
print(f"accuracy: first epoch {accuracy[0]:.1f}, last {accuracy[-1]:.2f}")
# --8<-- [end:train_and_log]

# --8<-- [start:scalars_figure]
blue, orange, green = "#2f6fdb", "#e4572e", "#2a9d8f"
run = read(folder)
fig, axes = plt.subplots(1, 2, figsize=(6.6, 2.8), layout="constrained")
for tag, color in {"loss/train": blue, "loss/valid": orange}.items():
    axes[0].plot([e.value for e in run.Scalars(tag)], color=color, label=tag)
axes[1].plot([e.value for e in run.Scalars("accuracy/valid")], color=green)
axes[0].set(title="loss", xlabel="epoch", ylabel="cross-entropy")
axes[1].set(title="accuracy/valid", xlabel="epoch", ylabel="share right")
axes[0].legend(frameon=False)
plt.show()
# --8<-- [end:scalars_figure]

# --8<-- [start:histograms_figure]
events = read(folder).Histograms("weights/first")[::4]  # epochs 0, 4, ... 20
edges = torch.linspace(-1, 1, 41)
middle = (edges[1:] + edges[:-1]) / 2
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for place, event in enumerate(events):
    h = event.histogram_value
    limits = torch.tensor(h.bucket_limit)
    bins = torch.bucketize(limits, edges.double()).clamp(1, 40) - 1
    heights = torch.zeros(40).index_add(0, bins, torch.tensor(h.bucket).float())
    top = place + heights / 420  # so that a row just reaches the next
    ax.fill_between(middle, place, top, color="#2f6fdb", alpha=0.5)
ax.set(yticks=range(6), yticklabels=[e.step for e in events])
ax.set(xlabel="weight", ylabel="epoch")
values = [e.histogram_value for e in events]
widths = [(h.sum_squares / h.num) ** 0.5 for h in values]
assert widths[-1] > 2 * widths[0]
print("root mean square:", [round(w, 2) for w in widths])
plt.show()
# --8<-- [end:histograms_figure]

# --8<-- [start:images_figure]
events = read(folder).Images("first layer")
fig, axes = plt.subplots(2, 1, figsize=(5, 5.4), layout="constrained")
for ax, event in zip(axes, (events[0], events[-1]), strict=True):
    pixels = plt.imread(io.BytesIO(event.encoded_image_string))
    ax.imshow(pixels)
    for edge in range(8, 64, 8):  # a line between two tiles
        ax.axvline(edge - 0.5, color=blue, lw=0.8)
    for edge in range(8, 32, 8):
        ax.axhline(edge - 0.5, color=blue, lw=0.8)
    ax.set(title=f"epoch {event.step}", xticks=[], yticks=[])
print("logged in epochs", [e.step for e in events])
plt.show()
# --8<-- [end:images_figure]

# --8<-- [start:pr_curve_figure]
events = read(folder).Tensors("eight")
fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
for epoch, color in {0: "#7a8599", 2: orange, 20: blue}.items():
    precision, recall = make_ndarray(events[epoch].tensor_proto)[4:]
    found = recall > 0  # without any find the file says 0 and 0
    ax.plot(recall[found], precision[found], color=color, label=f"epoch {epoch}")
ax.set(xlabel="recall", ylabel="precision", title="Is it an 8?")
ax.legend(frameon=False)
plt.show()
# --8<-- [end:pr_curve_figure]

# --8<-- [start:compare_runs]
rows = {}
for lr in (0.005, 0.05, 0.5):
    torch.manual_seed(0)  # the same first weights for each
    folder = train(f"runs/compared/lr_{lr}", lr, epochs=6)
    best = max(e.value for e in read(folder).Scalars("accuracy/valid"))
    with SummaryWriter(folder) as writer:
        writer.add_hparams({"lr": lr}, {"best/accuracy": best}, run_name=".")
    rows[Path(folder).name] = {"lr": lr, "best/accuracy": round(best, 2)}

table = pd.DataFrame(rows).T
assert table["best/accuracy"].idxmax() == "lr_0.5"
table
# --8<-- [end:compare_runs]

# --8<-- [start:too_much]
g = torch.Generator().manual_seed(0)
weight, noise = torch.randn(1000, generator=g), torch.rand(3, 64, 64, generator=g)
sizes = {}
for kind, value in {"scalar": 0.5, "histogram": weight, "image": noise}.items():
    folder = Path(f"runs/sizes/{kind}")
    with SummaryWriter(folder) as writer:
        log = getattr(writer, f"add_{kind}")
        for step in range(100):
            log("value", value, step)
    sizes[kind] = sum(f.stat().st_size for f in folder.iterdir()) / 100

assert sizes["histogram"] > 100 * sizes["scalar"]
assert sizes["image"] > 200 * sizes["scalar"]
for kind, size in sizes.items():
    print(f"{kind:9} {size:5.0f} bytes an event, a million: {size / 1000:5.2f} GB")
# --8<-- [end:too_much]

# --8<-- [start:solution_image_range]
ramp = torch.tensor([[0.0, 4.0, 8.0, 12.0, 16.0]])  # (H, W), from 0 to 16
with SummaryWriter("runs/range") as writer:
    writer.add_image("as it is", ramp, 0, dataformats="HW")
    writer.add_image("scaled", ramp / 16, 0, dataformats="HW")
    in_bytes = (ramp * 255 / 16).to(torch.uint8)
    writer.add_image("bytes", in_bytes, 0, dataformats="HW")

run = read("runs/range")
for tag in run.Tags()["images"]:
    pixels = plt.imread(io.BytesIO(run.Images(tag)[0].encoded_image_string))
    print(f"{tag:8}", (255 * pixels[0, :, 0]).round().astype(int))
assert (255 * pixels[0, :, 0]).round().tolist() == [0, 63, 127, 191, 255]
# --8<-- [end:solution_image_range]

# --8<-- [start:solution_to_frame]
with SummaryWriter("runs/frame") as writer:
    for step in range(4):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
        if step % 2 == 1:
            writer.add_scalar("loss/valid", 1.5 / (step + 1), step)

run = read("runs/frame")
columns = {}
for tag in run.Tags()["scalars"]:
    columns[tag] = {e.step: e.value for e in run.Scalars(tag)}
frame = pd.DataFrame(columns).rename_axis("step").round(2)
assert frame["loss/valid"].isna().tolist() == [True, False, True, False]
frame
# --8<-- [end:solution_to_frame]

# --8<-- [start:solution_gradient_norm]
torch.manual_seed(0)
layer = nn.Linear(2, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
inputs = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
with SummaryWriter("runs/gradients") as writer:
    for step in range(5):
        optimizer.zero_grad()
        F.mse_loss(layer(inputs)[:, 0], torch.tensor([1.0, -1.0])).backward()
        norm = nn.utils.get_total_norm([p.grad for p in layer.parameters()])
        writer.add_scalar("gradient norm", norm, step)
        optimizer.step()

norms = [e.value for e in read("runs/gradients").Scalars("gradient norm")]
assert norms[-1] < norms[0] / 2
print(f"first {norms[0]:.2f}, last {norms[-1]:.3f}")
# --8<-- [end:solution_gradient_norm]

# --8<-- [start:solution_logits]
labels = torch.tensor([0, 0, 1, 1, 1])
logits = torch.tensor([-3.0, -1.0, 1.5, 3.0, 4.0])  # a perfect order
with SummaryWriter("runs/logits") as writer:
    for tag, z in {"logits": logits, "probabilities": logits.sigmoid()}.items():
        writer.add_pr_curve(tag, labels, z, 0, num_thresholds=5)

run = read("runs/logits")
for tag in run.Tags()["tensors"]:
    precision, recall = make_ndarray(run.Tensors(tag)[0].tensor_proto)[4:]
    print(f"{tag:13} precision {precision.round(2)} recall {recall.round(2)}")
assert precision[2] == recall[2] == 1
# --8<-- [end:solution_logits]

# --8<-- [start:solution_activations]
torch.manual_seed(0)
probed = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
nn.init.constant_(probed[0].bias, -1.0)  # too low: most units are silent
with SummaryWriter("runs/activations") as writer:

    def log_output(layer, args, out):
        writer.add_histogram("relu", out, 0)

    hook = probed[1].register_forward_hook(log_output)
    probed(torch.randn(100, 10))
    hook.remove()

h = read("runs/activations").Histograms("relu")[0].histogram_value
buckets = zip(h.bucket_limit, h.bucket, strict=True)
zeros = sum(count for limit, count in buckets if limit < 1e-6)
assert zeros / h.num > 0.9
print(f"{h.num:.0f} values, share of zeros {zeros / h.num:.2f}")
# --8<-- [end:solution_activations]

# --8<-- [start:solution_size_guidance]
with SummaryWriter("runs/guided") as writer:
    for step in range(5):
        writer.add_histogram("h", torch.arange(step + 1.0), step)

for guidance in (None, {"histograms": 3}, {"histograms": 0}):
    run = EventAccumulator("runs/guided", size_guidance=guidance).Reload()
    kept = run.Histograms("h")
    print(guidance, "->", len(kept), "of 5 histograms, last step", kept[-1].step)
assert len(kept) == 5
# --8<-- [end:solution_size_guidance]
