# --8<-- [start:cells]
CELLS = {}
CELLS["data"] = """\
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

on_kaggle = Path("/kaggle/input").is_dir()
inputs = Path("/kaggle/input") if on_kaggle else Path("../input")
(file,) = inputs.rglob("digits.npz")  # however deep the dataset lies
data = np.load(file)
x = torch.from_numpy(data["pictures"]).float().unsqueeze(1) / 16  # (N, 1, 8, 8)
y = torch.from_numpy(data["labels"])
train, valid = slice(0, 1400), slice(1400, None)"""

CELLS["model"] = """\
torch.manual_seed(0)
accelerator = torch.accelerator.current_accelerator(check_available=True)
device = accelerator or torch.device("cpu")
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(8 * 4 * 4, 10),
).to(device)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)"""

CELLS["train"] = """\
for epoch in range(10):
    for rows in torch.randperm(1400).split(50):
        optimizer.zero_grad()
        logits = net(x[rows].to(device))
        F.cross_entropy(logits, y[rows].to(device)).backward()
        optimizer.step()
with torch.no_grad():
    answers = net(x[valid].to(device)).argmax(dim=1).cpu()
accuracy = (answers == y[valid]).double().mean().item()
torch.save(net.state_dict(), "digits.pt")  # the current folder is kept
print(f"accuracy {accuracy:.3f}")"""
print(len(CELLS), "cells,", sum(len(c.splitlines()) for c in CELLS.values()), "lines")
# --8<-- [end:cells]

# --8<-- [start:notebook]
from pathlib import Path

import nbformat


def write_notebook(path, cells):
    """Write cells of code as a notebook for Python."""
    v4 = nbformat.v4
    book = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"  # else they are random
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["kernelspec"] = spec
    nbformat.validate(book)
    nbformat.write(book, path)
    return path


folder = Path("digits-cnn")
folder.mkdir()
notebook = write_notebook(folder / "digits-cnn.ipynb", CELLS.values())
print(notebook.name, [path.name for path in folder.iterdir()])
# --8<-- [end:notebook]

# --8<-- [start:layout]
import numpy as np
from sklearn.datasets import load_digits

root = Path("as-on-kaggle")
working = root / "working"
dataset = root / "input" / "small-digits"
for path in (working, dataset):
    path.mkdir(parents=True)
digits = load_digits()
np.savez(dataset / "digits.npz", pictures=digits.images, labels=digits.target)
print(sorted(path.as_posix() for path in root.rglob("*")))
# --8<-- [end:layout]

# --8<-- [start:execute]
import json
import os
import subprocess
import sys

RUN = """\
import sys

import nbclient
import nbformat

source, target, folder = sys.argv[1:]
book = nbformat.read(source, as_version=4)
nbclient.execute(book, cwd=folder, timeout=120, kernel_name="python3")
nbformat.write(book, target)
"""


def execute(notebook, working):
    """Run a notebook in a kernel of its own; give what its cells printed."""
    target = working / notebook.name
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(working.resolve())}
    command = [sys.executable, "-c", RUN, str(notebook), str(target), str(working)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
    outputs = [out for cell in cells for out in cell["outputs"]]
    return "".join("".join(out.get("text", "")) for out in outputs)


printed = execute(notebook, working)
accuracy = float(printed.split()[-1])
assert accuracy > 0.9
print("accuracy above 0.9:", accuracy > 0.9)
print("kept:", sorted(path.name for path in working.glob("digits*")))
# --8<-- [end:execute]

# --8<-- [start:same_here]
import contextlib
import io

seen = {}
with contextlib.chdir(working), contextlib.redirect_stdout(io.StringIO()):
    for cell in CELLS.values():
        exec(cell, seen)  # the same code in this process
assert abs(seen["accuracy"] - accuracy) < 0.02
print("the same to 0.02:", abs(seen["accuracy"] - accuracy) < 0.02)
# --8<-- [end:same_here]

# --8<-- [start:metadata]
import re


def slug(title):
    """A title as it stands in the address: lower case, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def metadata(user, title, code_file, **chosen):
    """What kernel-metadata.json says; all that is left out is closed and private."""
    return {
        "id": f"{user}/{slug(title)}",
        "title": title,
        "code_file": code_file,
        "language": "python",
        "kernel_type": "notebook" if code_file.endswith(".ipynb") else "script",
        "is_private": True,
        "enable_gpu": False,
        "enable_tpu": False,
        "enable_internet": False,
        "machine_shape": "",
        "dataset_sources": [],
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
        **chosen,
    }


about = metadata(
    "somebody",
    "Digits CNN",
    "digits-cnn.ipynb",
    enable_gpu=True,
    machine_shape="NvidiaTeslaT4",
    dataset_sources=["somebody/small-digits"],
)
(folder / "kernel-metadata.json").write_text(json.dumps(about, indent=2))
print(json.dumps(about, indent=2))
# --8<-- [end:metadata]

# --8<-- [start:check]
KEYS = set(metadata("user", "title", "code.py"))
PARTS = {"dataset": 2, "kernel": 2, "competition": 1, "model": 5}  # parts of a name
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check(about, folder):
    """All errors of a kernel-metadata.json, each in a sentence."""
    wrong = [f"{key}: missing" for key in sorted(KEYS - about.keys())]
    wrong += [f"{key}: no such key" for key in sorted(about.keys() - KEYS)]
    about = {**metadata("user", "title", "code.py"), **about}
    user, _, name = about["id"].partition("/")
    if not NAME.fullmatch(user) or not NAME.fullmatch(name):
        wrong.append(f"id: {about['id']!r} is not user/slug")
    elif name != slug(about["title"]):
        wrong.append(f"id: ends in {name}, the title gives {slug(about['title'])}")
    if len(about["title"]) < 5:
        wrong.append("title: fewer than five characters")
    if not (Path(folder) / about["code_file"]).is_file():
        wrong.append(f"code_file: there is no {about['code_file']}")
    for key, allowed in {
        "language": ("python", "r", "rmarkdown"),
        "kernel_type": ("script", "notebook"),
    }.items():
        if about[key] not in allowed:
            wrong.append(f"{key}: {about[key]!r} is none of {', '.join(allowed)}")
    for key in ("is_private", "enable_gpu", "enable_tpu", "enable_internet"):
        if str(about[key]).lower() not in ("true", "false"):
            wrong.append(f"{key}: {about[key]!r} is neither true nor false")
    for kind, parts in PARTS.items():
        for source in about[f"{kind}_sources"]:
            if len(source.split("/")) != parts:
                wrong.append(f"{kind}_sources: {source!r} needs {parts} parts")
    return wrong


assert check(about, folder) == []
bad = {
    **about,
    "id": "somebody/digits",
    "code_file": "digits.ipynb",
    "kernel_type": "jupyter",
    "enable_gpu": "yes",
    "dataset_sources": ["small-digits"],
    "gpu": True,
}
del bad["language"]
for sentence in check(bad, folder):
    print(sentence)
# --8<-- [end:check]


# --8<-- [start:template]
def kaggle_command(*arguments, **names):
    """Run Kaggle's command without any credentials but those that are given."""
    home = Path("no-home").resolve()
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KAGGLE_")}
    places = {"HOME": str(home), "USERPROFILE": str(home), "KAGGLE_CONFIG_DIR": str(home)}
    command = [sys.executable, "-m", "kaggle", *arguments]
    environment = {**kept, **places, **names}
    options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    return subprocess.run(command, env=environment, **options)


template_folder = Path("template")
template_folder.mkdir()
done = kaggle_command(
    "kernels",
    "init",
    "-p",
    "template",
    KAGGLE_USERNAME="somebody",
    KAGGLE_KEY="no-key",
)
print(done.stdout.strip())
template = json.loads((template_folder / "kernel-metadata.json").read_text())
assert list(template) == list(about)
print(len(template), "keys, the same in the same order")
print("enable_internet:", repr(template["enable_internet"]), "here", about["enable_internet"])
# --8<-- [end:template]

# --8<-- [start:push]
done = kaggle_command("kernels", "push", "-p", str(folder))
assert done.returncode == 1
print("exit code", done.returncode)
print(done.stdout.splitlines()[0])
# --8<-- [end:push]

# --8<-- [start:which_gpu]
import torch


def runs_on(architectures, capability):
    """Whether a build of torch has code for a GPU of this compute capability."""
    major, minor = capability
    for name in architectures:
        kind, _, number = name.partition("_")
        number = int(re.match(r"\d+", number)[0])
        built = divmod(number, 10)
        if kind == "sm" and built[0] == major and built[1] <= minor:
            return True  # machine code of the same generation, not newer
        if kind == "compute" and built <= (major, minor):
            return True  # PTX is compiled when it is loaded
    return False


reported = "sm_70 sm_75 sm_80 sm_86 sm_90 sm_100 sm_120".split()  # of Kaggle's image
gpus = {"P100": (6, 0), "T4": (7, 5), "L4": (8, 9), "A100": (8, 0), "H100": (9, 0)}
for name, capability in gpus.items():
    print(f"{name:5} {capability}", runs_on(reported, capability))
assert not runs_on(reported, (6, 0))
# --8<-- [end:which_gpu]


# --8<-- [start:this_machine]
def trouble():
    """What is wrong with this machine's GPU; empty if it can be used or there is none."""
    if not torch.cuda.is_available():
        return ""
    capability = torch.cuda.get_device_capability()
    built = torch.cuda.get_arch_list()
    if torch.version.hip is None and not runs_on(built, capability):
        name = torch.cuda.get_device_name()
        return f"{name} has capability {capability}, torch is built for {built}"
    return ""


assert torch.cuda.is_available() or torch.cuda.get_arch_list() == []
print("trouble:", repr(trouble()))
# --8<-- [end:this_machine]

# --8<-- [start:epoch_seconds]
import statistics
import time

import torch.nn.functional as F
from torch import nn


def epoch_seconds(device, epochs=3):
    """Median seconds of an epoch of a CNN on noise, after one to warm up."""
    torch.manual_seed(0)
    x, y = torch.randn(256, 1, 28, 28), torch.randint(10, (256,))
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(7),
        nn.Flatten(),
        nn.Linear(8 * 49, 10),
    ).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    seconds = []
    for _ in range(1 + epochs):
        begun = time.perf_counter()
        for rows in torch.arange(256).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows].to(device)), y[rows].to(device)).backward()
            optimizer.step()
        if device.type != "cpu":
            torch.accelerator.synchronize()  # wait until the GPU is done
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])  # the first one loads kernels


devices = [torch.device("cpu")]
if (found := torch.accelerator.current_accelerator(check_available=True)) is not None:
    devices.append(found)
times = {str(device): epoch_seconds(device) for device in devices}
assert all(seconds > 0 for seconds in times.values())
print("measured:", "cpu" in times)
# --8<-- [end:epoch_seconds]


# --8<-- [start:secret]
def secret(name):
    """A secret of Kaggle, or a variable of the environment; never print it."""
    try:
        from kaggle_secrets import UserSecretsClient
    except ImportError:  # not on Kaggle
        value = os.environ.get(name)
    else:
        value = UserSecretsClient().get_secret(name)
    if not value:
        raise KeyError(f"no secret {name}: Add-ons > Secrets, or export {name}=...")
    return value


os.environ["MY_KEY"] = "not a real one"
key = secret("MY_KEY")
print("found:", bool(key))
try:
    secret("MY_OTHER_KEY")
except KeyError as error:
    print(error)
# --8<-- [end:secret]

# --8<-- [start:accuracy_task]
from torchmetrics import Accuracy

try:
    Accuracy()
except TypeError as error:
    print(str(error)[-46:])
metric = Accuracy(task="multiclass", num_classes=3)
print(metric(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 1])))
# --8<-- [end:accuracy_task]

# --8<-- [start:solution_script]
script = Path("script")
script.mkdir()
(script / "train.py").write_text("\n\n".join(CELLS.values()) + "\n")
about = metadata("somebody", "Digits script", "train.py")
assert about["kernel_type"] == "script" and check(about, script) == []
compile((script / "train.py").read_text(), "train.py", "exec")
print(about["id"], about["kernel_type"])
# --8<-- [end:solution_script]


# --8<-- [start:solution_outputs]
def stripped(path):
    """A notebook without outputs, numbers of runs, and what it says of machines."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    book.metadata = {"kernelspec": book.metadata["kernelspec"]}
    return book


first = stripped(notebook)
again = stripped(write_notebook(folder / "again.ipynb", CELLS.values()))
assert first == again
print("cells:", len(first.cells), "outputs:", sum(len(c.outputs) for c in first.cells))
# --8<-- [end:solution_outputs]

# --8<-- [start:solution_slug]
titles = ["Digits CNN", "  Digits -- CNN! ", "ResNet-18 (v2)", "数字识别"]
for title in titles:
    print(repr(title), "->", repr(slug(title)))
assert slug(titles[0]) == slug(titles[1]) == "digits-cnn"
assert slug(titles[3]) == ""
# --8<-- [end:solution_slug]
