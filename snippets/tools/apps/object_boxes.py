"""Finding objects: boxes around the digits of a picture, and what each says.

No trained detector: a box is a connected piece of ink, and the digits' network reads
it. Needs digits.pt in the current folder. Start: python object_boxes.py
"""

import io
from functools import cache

import gradio as gr
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from torch import nn

MOST_BYTES, MOST_PIXELS, MOST_BOXES = 5_000_000, 4_000_000, 100
COLUMNS = ["digit", "probability", "left", "top", "right", "bottom"]
Boxes = list[tuple[tuple[int, int, int, int], str]]
Found = tuple[tuple[np.ndarray, Boxes], str, pd.DataFrame]


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


def decode(data: bytes) -> np.ndarray:
    """Grey values (H, W), black on white, or an error for the user."""
    if len(data) > MOST_BYTES:
        raise gr.Error("The file is larger than 5 MB.", print_exception=False)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            small = picture.width * picture.height <= MOST_PIXELS  # not decoded yet
            grey = np.asarray(picture.convert("L")) if small else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        text = "This is not a PNG or JPEG picture."
        raise gr.Error(text, print_exception=False) from None
    if grey is None:
        text = "The picture has more than 4 million pixels."
        raise gr.Error(text, print_exception=False)
    return 255 - grey if np.median(grey) < 128 else grey


def pieces(grey: np.ndarray, smallest: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of connected ink, from left to right."""
    ink, near = grey < 160, np.ones((3, 3))
    joined = ndimage.binary_dilation(ink, near)  # closes gaps of two pixels
    boxes = []
    for rows, columns in ndimage.find_objects(ndimage.label(joined, near)[0]):
        down, across = np.nonzero(ink[rows, columns])
        top, left = int(rows.start + down.min()), int(columns.start + across.min())
        bottom = int(rows.start + down.max() + 1)
        right = int(columns.start + across.max() + 1)
        if max(bottom - top, right - left) >= smallest:
            boxes.append((left, top, right, bottom))
    return sorted(boxes)


def centred(piece: np.ndarray) -> torch.Tensor:
    """A piece as the network knows digits: 20 pixels large within 28 x 28."""
    ink = 1 - torch.tensor(piece) / 255
    ink = ink / ink.max()
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    small = F.interpolate(ink[None, None], (height, width), mode="area")
    top, left = (28 - height) // 2, (28 - width) // 2
    return F.pad(small, (left, 28 - width - left, top, 28 - height - top))[0]


def find(data: bytes | None, smallest: int, sure: float) -> Found:
    """The picture with its boxes, the number from left to right, and a table."""
    if data is None:
        raise gr.Error("Choose a file.", print_exception=False)
    grey = decode(data)
    boxes = pieces(grey, int(smallest))
    if not 1 <= len(boxes) <= MOST_BOXES:
        text = f"{len(boxes)} pieces of ink; 1 to {MOST_BOXES} can be read."
        raise gr.Error(text, print_exception=False)
    x = torch.stack([centred(grey[b[1] : b[3], b[0] : b[2]]) for b in boxes])
    probability, digit = load_net()(x).softmax(dim=1).max(dim=1)
    rows = [
        (d, round(p, 3), *box)
        for d, p, box in zip(digit.tolist(), probability.tolist(), boxes, strict=True)
        if p >= sure
    ]
    if not rows:
        gr.Warning("No digit is sure enough.")
    marked: Boxes = [((row[2], row[3], row[4], row[5]), str(row[0])) for row in rows]
    shown = np.repeat(grey[..., None], 3, axis=2)
    number = "".join(name for _, name in marked)
    return (shown, marked), number, pd.DataFrame(rows, columns=COLUMNS)


with gr.Blocks(title="Finding objects") as demo:
    gr.Markdown("# Finding objects")
    with gr.Row():
        with gr.Column(scale=1):
            kinds = [".png", ".jpg", ".jpeg"]
            file = gr.File(label="A picture", file_types=kinds, type="binary")
            smallest = gr.Slider(4, 60, 12, step=1, label="Smallest digit, pixels")
            sure = gr.Slider(0, 1, 0.5, label="Least probability")
            button = gr.Button("Find", variant="primary")
        with gr.Column(scale=2):
            boxes = gr.AnnotatedImage(label="Found")
            number = gr.Textbox(label="From left to right")
    table = gr.Dataframe(label="Boxes", headers=COLUMNS)
    button.click(find, [file, smallest, sure], [boxes, number, table], api_name="find")

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1", max_file_size="5mb")
