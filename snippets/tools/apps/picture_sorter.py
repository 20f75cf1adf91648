"""A picture sorter: files in, a folder for each digit out, as one archive.

Needs digits.pt in the current folder. Start: python picture_sorter.py
"""

import tempfile
import zipfile
from functools import cache
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

MOST_BYTES, MOST_PIXELS, MOST_FILES = 5_000_000, 4_000_000, 200
COLUMNS = ["file", "sorted into"]
Sorted = tuple[pd.DataFrame, str]
PROGRESS = gr.Progress()


@cache
def load_net() -> nn.Module:
    """The network, once for all visitors."""
    with torch.device("meta"):  # the weights come from the file
        net = nn.Sequential(
            *(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
        )
    net.load_state_dict(torch.load("digits.pt", weights_only=True), assign=True)
    return net.eval().requires_grad_(False)


def folder_for(path: Path) -> str:
    """The folder that a picture belongs to: its digit, or "unreadable"."""
    if path.stat().st_size > MOST_BYTES:
        return "unreadable"
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:  # not decoded yet
                return "unreadable"
            grey = np.asarray(picture.convert("L").resize((28, 28)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "unreadable"
    ink = torch.tensor(grey) / 255
    ink = 1 - ink if ink.median() > 0.5 else ink  # white on black, as it was trained
    return str(int(load_net()(ink[None, None]).argmax()))


def sort(files: list[str] | None, progress: gr.Progress = PROGRESS) -> Sorted:
    """A table of what went where, and the archive."""
    if not files:
        raise gr.Error("Choose some pictures.", print_exception=False)
    if len(files) > MOST_FILES:
        text = f"At most {MOST_FILES} files at a time."
        raise gr.Error(text, print_exception=False)
    archive = Path(tempfile.mkdtemp()) / "sorted.zip"
    rows = []
    with zipfile.ZipFile(archive, "w") as out:
        for number, file in enumerate(progress.tqdm(files)):
            path = Path(file)
            folder = folder_for(path)
            if folder != "unreadable":  # a name of our own, never the sender's
                name = f"{folder}/{number:04d}{path.suffix.lower()[:5]}"
                out.write(path, name)
            rows.append((path.name, folder))
    return pd.DataFrame(rows, columns=COLUMNS), str(archive)


with gr.Blocks(title="Picture sorter", delete_cache=(3600, 3600)) as demo:
    gr.Markdown("# Picture sorter\nPictures of one digit each, 28 x 28 is best.")
    files = gr.File(label="Pictures", file_count="multiple")
    button = gr.Button("Sort", variant="primary")
    with gr.Row():
        table = gr.Dataframe(label="Sorted", headers=COLUMNS)
        archive = gr.File(label="Archive")
    button.click(sort, files, [table, archive], concurrency_limit=2, api_name="sort")

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1", max_file_size="5mb")
