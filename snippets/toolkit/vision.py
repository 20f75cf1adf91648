# --8<-- [start:load_torchvision]
"""torchvision, an optional package, beside a torch of another build."""

import importlib
import sys
from importlib import metadata
from types import ModuleType

import torch

OPERATORS = (  # what torchvision's Python code expects its library to define
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
KEPT: list[torch.library.Library] = []  # what is defined lasts as long as its library


def load_torchvision() -> ModuleType:
    """Import torchvision, and go on without its compiled operators if they can't load.

    PyPI's wheel of torchvision is built for CUDA. Beside a torch for CPUs its compiled
    library misses CUDA's, so the operators stay unknown, and ``import torchvision`` ends
    in "operator torchvision::nms does not exist". All but detection is Python, though:
    datasets, transforms and models work once the operators have names. Where the import
    succeeds nothing is changed.

    Returns:
        The module. ``torchvision.ops.nms`` and what needs it raise a RuntimeError if the
        operators are missing.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: it is made for another release of torch, or can't be imported for
            another reason.

    Example:
        >>> load_torchvision().models.resnet18(weights=None)  # doctest: +SKIP
    """
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise ImportError(
            "torchvision is not installed: python -m pip install torchvision"
        ) from error
    except RuntimeError as error:
        forget()
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        if other := other_torch():
            raise RuntimeError(
                f"torchvision {metadata.version('torchvision')} is made for torch {other}, "
                f"and this is {torch.__version__}: install both in one command"
            ) from error
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        library.define(operator)
    KEPT.append(library)
    return importlib.import_module("torchvision")


def forget() -> None:
    """Drop the modules that a failed import of torchvision leaves behind."""
    for name in list(sys.modules):
        if name.split(".")[0] == "torchvision":
            del sys.modules[name]


def other_torch() -> str:
    """The release of torch that torchvision asks for, or "" if it is the one here."""
    for line in metadata.requires("torchvision") or []:
        name, _, release = line.partition("==")
        if name.strip() == "torch" and release:
            same = release.strip() == torch.__version__.split("+")[0]
            return "" if same else release.strip()
    return ""
# --8<-- [end:load_torchvision]
