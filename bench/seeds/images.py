"""The training of the page workflow/images, repeated with any seed.

The code is the page's own: its sections are executed, and only the seed differs.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from book.source import sections

SNIPPET = Path(__file__).resolve().parents[2] / "snippets" / "workflow" / "images.py"
DEFINITIONS = (
    "load_digits",
    "write_folder",
    "count_files",
    "open_png",
    "width_or_height_first",
    "to_tensor",
    "image_folder",
    "batches_from_folder",
    "decode_once",
    "normalise",
    "resize_crop_pad",
    "shift_batch",
    "output_size",
    "conv_block",
    "digit_net",
    "float64",
    "train_step",
    "evaluate_step",
    "epochs",
    "fit",
)


def run(seed: int) -> dict[str, float]:
    """Train the chapter's network from a seed and judge it on the held-out digits.

    Args:
        seed: sets the initial weights, the order of the batches and the shifts. 0 gives the page's numbers.

    Returns:
        ``accuracy``, the share of the 1,000 test digits that is right, and ``valid_accuracy`` of the last epoch.

    Example:
        >>> run(0)["accuracy"] >= 0.965
        True
    """
    found = sections.parse(SNIPPET.read_text(encoding="utf-8"), "workflow/images.py")
    names: dict[str, Any] = {"__name__": "__main__"}
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        try:
            for name in DEFINITIONS:
                exec(compile(found[name].code, f"<workflow/images:{name}>", "exec"), names)
        finally:
            os.chdir(home)
    torch.manual_seed(seed)
    net, history = names["fit"](names["double"])
    x, y = names["double"]["test"].tensors
    with torch.inference_mode():
        right = net.eval()(x).argmax(dim=1) == y
    return {
        "accuracy": right.double().mean().item(),
        "valid_accuracy": float(history["valid accuracy"].iloc[-1]),
    }
