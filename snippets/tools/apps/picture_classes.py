"""Picture classes: a digit from a file or a drawing, and its probabilities.

Needs digits.pt in the current folder. Start: python picture_classes.py
"""

import io
from functools import cache
from typing import Any

import gradio as gr
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

MOST_BYTES, MOST_PIXELS = 5_000_000, 4_000_000
Answer = tuple[dict[str, float], np.ndarray]


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
    """A picture file as grey values (H, W), or an error for the user."""
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
    return grey


def classify(grey: np.ndarray) -> Answer:
    """Probabilities, and what the network sees: (28, 28)."""
    ink = 1 - torch.tensor(grey) / 255
    edge = torch.cat([ink[0], ink[-1], ink[:, 0], ink[:, -1]]).median()
    ink = (1 - ink if edge > 0.5 else ink) - min(edge, 1 - edge)
    if ink.max() < 0.2:
        raise gr.Error("Nothing is written here.", print_exception=False)
    ink = (ink / ink.max()).clamp(min=0)
    rows, columns = torch.nonzero(ink > 0.3, as_tuple=True)
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = (max(1, round(20 * side / max(box.shape))) for side in box.shape)
    small = F.interpolate(box[None, None], (height, width), mode="area")
    top, left = (28 - height) // 2, (28 - width) // 2
    x = F.pad(small, (left, 28 - width - left, top, 28 - height - top))
    probabilities = load_net()(x)[0].softmax(dim=0).tolist()
    seen = (255 * x[0, 0]).to(torch.uint8).numpy()
    return {str(digit): p for digit, p in enumerate(probabilities)}, seen


def from_file(data: bytes | None) -> Answer:
    """The digit in an uploaded file."""
    if data is None:
        raise gr.Error("Choose a file.", print_exception=False)
    return classify(decode(data))


def from_drawing(drawing: dict[str, Any] | None) -> Answer:
    """The digit on the pad: an editor's value is a dict of layers."""
    if not drawing or drawing["composite"] is None:
        raise gr.Error("Draw a digit.", print_exception=False)
    return classify(drawing["composite"])


with gr.Blocks(title="Picture classes") as demo:
    gr.Markdown("# Picture classes")
    with gr.Row():
        with gr.Column():
            with gr.Tab("A file"):
                kinds = [".png", ".jpg", ".jpeg"]
                file = gr.File(label="A picture", file_types=kinds, type="binary")
                send = gr.Button("Read the file", variant="primary")
            with gr.Tab("A drawing"):
                brush = gr.Brush(default_size=16, colors=["#000000"])
                pad = gr.Sketchpad(brush=brush, image_mode="L", canvas_size=(280, 280))
                read = gr.Button("Read the drawing", variant="primary")
        with gr.Column():
            label = gr.Label(label="It is", num_top_classes=3)
            seen = gr.Image(label="What the network sees", image_mode="L", height=140)
    send.click(from_file, file, [label, seen], api_name="from_file")
    read.click(from_drawing, pad, [label, seen], api_name=False)

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1", max_file_size="5mb")
