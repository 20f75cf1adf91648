"""snippets/toolkit/vision.py: on small packages of the name torchvision, and on the real one where it is installed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from book.ground.tree import HERE
from snippets.toolkit import vision
from snippets.toolkit.vision import load_torchvision

NO_OPERATOR = 'import torch\ntorch.library.register_fake("torchvision::nms")(lambda dets, scores, limit: scores)\n'
HERE_RELEASE = torch.__version__.split("+")[0]


def fake(folder: Path, code: str, requires: str) -> None:
    """A package torchvision 0.0.1 with this code."""
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "part.py").write_text("", encoding="utf-8")
    (folder / "torchvision" / "__init__.py").write_text("import torchvision.part\n" + code, encoding="utf-8")
    info = folder / "torchvision-0.0.1.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: torchvision\nVersion: 0.0.1\nRequires-Dist: numpy\nRequires-Dist: {requires}\n",
        encoding="utf-8",
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def left() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "torchvision"]


def test_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError, match="torchvision is not installed: python -m pip install torchvision"):
        load_torchvision()


def test_what_it_needs_is_not_installed(folder: Path) -> None:
    fake(folder, "import no_such_package\n", f"torch=={HERE_RELEASE}")
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_package'"):
        load_torchvision()


def test_another_error_is_told_as_it_is(folder: Path) -> None:
    fake(folder, "raise RuntimeError('the disk is on fire')\n", f"torch=={HERE_RELEASE}")
    with pytest.raises(RuntimeError, match=r"^the disk is on fire$"):
        load_torchvision()
    assert not left(), "no half of it stays"


def test_it_belongs_to_another_torch(folder: Path) -> None:
    fake(folder, "raise RuntimeError('operator torchvision::nms does not exist')\n", "torch==1.2.3")
    told = f"torchvision 0.0.1 is made for torch 1.2.3, and this is {torch.__version__}: install both in one command"
    with pytest.raises(RuntimeError) as caught:
        load_torchvision()
    assert str(caught.value) == told and not left() and not vision.KEPT


def test_a_package_that_fits_is_left_alone(folder: Path) -> None:
    fake(folder, "x = 1\n", f"torch=={HERE_RELEASE}")
    try:
        module = load_torchvision()
        assert module.x == 1 and module is load_torchvision() is sys.modules["torchvision"] and not vision.KEPT
    finally:
        vision.forget()


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from snippets.toolkit import vision
module = vision.load_torchvision()
import torch
assert len(vision.KEPT) == 1 and vision.load_torchvision() is module and len(vision.KEPT) == 1
print(torch.ops.torchvision.nms.default._schema)
"""


def run(program: str) -> str:
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=HERE.root, check=True, capture_output=True, text=True).stdout


def test_the_operators_get_names(folder: Path) -> None:
    fake(folder, NO_OPERATOR, f"torch=={HERE_RELEASE}")
    told = run(PROGRAM.format(folder=str(folder)))
    assert told == "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor\n"


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_real_one() -> None:
    told = run(
        "from snippets.toolkit.vision import load_torchvision\n"
        "print(sum(p.numel() for p in load_torchvision().models.resnet18(weights=None).parameters()))\n"
    )
    assert told == "11689512\n"


SECTIONS = "load_digits one_digit_as_text write_folder open_png width_or_height_first to_tensor image_folder random_shift compose"


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_chapter_on_images_agrees_with_the_real_one(tmp_path: Path) -> None:
    code = (HERE.snippets / "workflow" / "images.py").read_text(encoding="utf-8")
    sections = dict(re.findall(r"# --8<-- \[start:(\w+)\]\n(.*?)# --8<-- \[end:", code, re.DOTALL))
    parts = [sections[name] for name in (*SECTIONS.split(), "torchvision_folder")]
    parts[0] += "import os\nimport torch.nn.functional as F\n" + f"os.chdir({str(tmp_path)!r})\n"
    assert run("\n".join(parts)).splitlines()[-1] == "the same classes, files and labels, and three equal pictures"
