"""Components in rows, columns and tabs, and what a function gets from each."""

from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd


def describe(
    text: str,
    number: float,
    choice: str,
    many: list[str],
    sure: bool,
    share: float,
    table: pd.DataFrame,
    picture: np.ndarray | None,
    files: list[str] | None,
) -> tuple[str, dict[str, float], pd.DataFrame]:
    """Type and value of each input, as Markdown; and two more kinds of output."""
    got = {"Textbox": text, "Number": number, "Dropdown": choice}
    got |= {"CheckboxGroup": many, "Checkbox": sure, "Slider": share}
    got |= {"Dataframe": table.shape, "Image": getattr(picture, "shape", None)}
    got["File"] = [Path(file).name for file in files or []]
    lines = [f"- {name}: `{value!r}`" for name, value in got.items()]
    return "\n".join(lines), {"yes": share, "no": 1 - share}, table.describe()


with gr.Blocks(title="Components") as demo:
    gr.Markdown("# Components\nFill in what you like, then press the button.")
    with gr.Row():
        with gr.Column(scale=2):
            text = gr.Textbox("hello", label="Textbox", lines=2)
            number = gr.Number(64, label="Number", precision=0, minimum=1)
        with gr.Column(scale=1):
            choice = gr.Dropdown(["cpu", "cuda", "mps"], label="Dropdown")
            many = gr.CheckboxGroup(["accuracy", "F1"], label="CheckboxGroup")
            sure = gr.Checkbox(label="Checkbox")
    share = gr.Slider(0, 1, 0.7, label="Slider")
    with gr.Tab("Table"):
        rows = pd.DataFrame({"epoch": [1, 2], "loss": [0.9, 0.4]})
        table = gr.Dataframe(rows, label="Dataframe", interactive=True)
    with gr.Tab("Picture"):
        picture = gr.Image(label="Image", sources=["upload", "clipboard"])
    with gr.Tab("Files"):
        files = gr.File(label="File", file_count="multiple")
    button = gr.Button("Describe", variant="primary")
    told = gr.Markdown()
    label = gr.Label(label="Label")
    summary = gr.Dataframe(label="Summary")
    inputs = [text, number, choice, many, sure, share, table, picture, files]
    button.click(describe, inputs, [told, label, summary], api_name="describe")

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1")
