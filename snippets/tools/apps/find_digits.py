"""Finding digits: boxes around what is written on a picture, and what each says.

No trained detector: a box is a connected piece of ink, and the digits' network reads
it. Two digits that touch are one box. Needs digits.pt in the current folder.
Start: streamlit run find_digits.py
"""

import io

import numpy as np
import pandas as pd
import streamlit as st
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from scipy import ndimage
from torch import nn

MOST_BYTES, MOST_PIXELS, MOST_BOXES = 5_000_000, 4_000_000, 100


@st.cache_resource
def load_net() -> nn.Module:
    """The network, once for all sessions."""
    with torch.device("meta"):  # the weights come from the file
        net = nn.Sequential(
            *(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
        )
    net.load_state_dict(torch.load("digits.pt", weights_only=True), assign=True)
    return net.eval().requires_grad_(False)


def read_picture(data: bytes) -> Image.Image:
    """A grey picture, black on white, or a ValueError for the user."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:  # nothing is decoded yet
                raise ValueError("The picture has more than 4 million pixels.")
            grey = picture.convert("L")
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("This is not a PNG or JPEG picture.") from None
    dark = np.median(np.asarray(grey)) < 128
    return grey.point(lambda value: 255 - value) if dark else grey


def find(grey: Image.Image, smallest: int, join: int) -> list[tuple[int, ...]]:
    """Boxes (left, top, right, bottom) of connected ink, as read from left to right.

    Args:
        grey: black on white.
        smallest: the least height or width of a box.
        join: gaps of up to so many pixels are closed first.
    """
    ink = np.asarray(grey) < 160
    near = np.ones((3, 3))
    closed = ndimage.binary_dilation(ink, near, join // 2) if join > 1 else ink
    places = ndimage.find_objects(ndimage.label(closed, near)[0])
    boxes = []
    for rows, columns in places:
        down, across = np.nonzero(ink[rows, columns])
        top, left = rows.start + down.min(), columns.start + across.min()
        bottom, right = rows.start + down.max() + 1, columns.start + across.max() + 1
        if max(bottom - top, right - left) >= smallest:
            boxes.append((int(left), int(top), int(right), int(bottom)))
    return sorted(boxes)


def centred(piece: Image.Image) -> torch.Tensor:
    """A piece as the network knows digits: 20 pixels large within 28 x 28."""
    ink = 1 - torch.tensor(np.asarray(piece)) / 255
    ink = ink / ink.max()
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    small = F.interpolate(ink[None, None], (height, width), mode="area")
    top, left = (28 - height) // 2, (28 - width) // 2
    return F.pad(small, (left, 28 - width - left, top, 28 - height - top))[0]


st.title("Finding digits")
kinds = ["png", "jpg", "jpeg"]
upload = st.file_uploader("A picture with digits", kinds, max_upload_size=5)
smallest = st.slider("Smallest digit, pixels", 4, 60, 12)
join = st.slider("Join gaps, pixels", 0, 8, 2, 2)
sure = st.slider("Least probability", 0.0, 1.0, 0.5)
if upload is None:
    st.info("Choose a PNG or JPEG file.")
    st.stop()
try:
    grey = read_picture(upload.getvalue())
except ValueError as problem:
    st.error(str(problem))
    st.stop()

boxes = find(grey, smallest, join)
if not 1 <= len(boxes) <= MOST_BOXES:
    st.warning(f"{len(boxes)} pieces of ink were found; 1 to {MOST_BOXES} can be read.")
    st.stop()
pieces = torch.stack([centred(grey.crop(box)) for box in boxes])  # (boxes, 1, 28, 28)
probability, digit = load_net()(pieces).softmax(dim=1).max(dim=1)
table = pd.DataFrame(boxes, columns=["left", "top", "right", "bottom"])
table.insert(0, "digit", digit.numpy())
table.insert(1, "probability", probability.numpy().round(3))
table = table[table["probability"] >= sure]

shown = grey.convert("RGB")
pen = ImageDraw.Draw(shown)
for row in table.itertuples():
    box = (row.left - 2, row.top - 2, row.right + 1, row.bottom + 1)
    pen.rectangle(box, outline="#e4572e")
    pen.text((row.left, max(0, row.top - 13)), str(row.digit), fill="#2f6fdb")
st.image(shown)
st.metric("digits", len(table))
st.write("Read from left to right:", "".join(map(str, table["digit"])) or "nothing")
st.dataframe(table, hide_index=True)
out = io.BytesIO()
shown.save(out, "PNG")
st.download_button("Download the picture", out.getvalue(), "found.png", "image/png")
