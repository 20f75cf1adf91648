"""Digit reader: upload or draw a digit, see what the network makes of it.

Needs digits.pt in the current folder. Start: streamlit run digit_reader.py
"""

import base64
import io

import numpy as np
import pandas as pd
import streamlit as st
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

MOST_BYTES, MOST_PIXELS = 5_000_000, 4_000_000
PAD = """
export default function ({ parentElement, setStateValue }) {
  const canvas = parentElement.querySelector("canvas")
  const pen = canvas.getContext("2d")
  const wipe = () => { pen.fillStyle = "white"; pen.fillRect(0, 0, 280, 280) }
  if (!canvas.dataset.ready) wipe()
  canvas.dataset.ready = "yes"
  pen.lineWidth = 24
  pen.lineCap = "round"
  canvas.onpointerdown = (e) => {
    canvas.setPointerCapture(e.pointerId)
    pen.beginPath()
    pen.moveTo(e.offsetX, e.offsetY)
  }
  canvas.onpointermove = (e) => {
    if (!e.buttons) return
    pen.lineTo(e.offsetX, e.offsetY)
    pen.stroke()
  }
  canvas.onpointerup = () => setStateValue("png", canvas.toDataURL("image/png"))
  parentElement.querySelector("button").onclick = () => {
    wipe()
    setStateValue("png", "")
  }
}
"""


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


def read_picture(data: bytes) -> torch.Tensor:
    """Ink of a picture file, (H, W) from 0 to 1, or a ValueError for the user."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:  # nothing is decoded yet
                raise ValueError("The picture has more than 4 million pixels.")
            colours = picture.convert("RGBA")
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("This is not a PNG or JPEG picture.") from None
    paper = Image.new("RGBA", colours.size, "white")  # below what is transparent
    grey = np.asarray(Image.alpha_composite(paper, colours).convert("L"))
    ink = 1 - torch.tensor(grey) / 255
    edge = torch.cat([ink[0], ink[-1], ink[:, 0], ink[:, -1]]).median()
    ink = (1 - ink if edge > 0.5 else ink) - min(edge, 1 - edge)
    if ink.max() < 0.2:
        raise ValueError("Nothing is written here.")
    return (ink / ink.max()).clamp(min=0)


def centred(ink: torch.Tensor) -> torch.Tensor:
    """What is written, 20 pixels large in the middle of 28 x 28: (1, 1, 28, 28)."""
    rows, columns = torch.nonzero(ink > 0.3, as_tuple=True)
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = (max(1, round(20 * side / max(box.shape))) for side in box.shape)
    small = F.interpolate(box[None, None], (height, width), mode="area")
    top, left = (28 - height) // 2, (28 - width) // 2
    return F.pad(small, (left, 28 - width - left, top, 28 - height - top))


st.title("Digit reader")
how = st.radio("Take the digit from", ["a file", "a drawing"], horizontal=True)
data, drawn = b"", ""
if how == "a file":
    kinds = ["png", "jpg", "jpeg"]
    upload = st.file_uploader("A picture of one digit", kinds, max_upload_size=5)
    data = upload.getvalue() if upload else data
else:
    pad = st.components.v2.component(
        "pad",
        html='<canvas width="280" height="280"></canvas><br><button>Clear</button>',
        css="canvas { border: 1px solid gray; touch-action: none }",
        js=PAD,
    )
    drawn = str(pad(key="pad", on_png_change=lambda: None).png or "")

if how == "a drawing" and not drawn:
    st.info("Draw a digit with the mouse or a finger.")
    st.stop()
if how == "a file" and upload is None:
    st.info("Choose a PNG or JPEG file.")
    st.stop()

try:
    if drawn:  # what a browser sends can be anything: this may raise, too
        data = base64.b64decode(drawn.partition(",")[2])
    x = centred(read_picture(data))
except ValueError as problem:
    st.error(str(problem))
    st.stop()

probabilities = load_net()(x)[0].softmax(dim=0)
digit = int(probabilities.argmax())
table = pd.DataFrame({"digit": range(10), "probability": probabilities.numpy()})
left, right = st.columns([1, 3])
left.metric("digit", digit)
left.image(x[0, 0].numpy(), caption="what the network sees", width=112)
right.bar_chart(table, x="digit", y="probability")
csv = table.round(4).to_csv(index=False)
st.download_button("Download the probabilities", csv, "digit.csv", "text/csv")
