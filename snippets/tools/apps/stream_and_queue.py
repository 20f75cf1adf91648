"""Work that takes a while: a queue, a bar, and results that come bit by bit."""

import time
from collections.abc import Iterator

import gradio as gr
import pandas as pd

PROGRESS = gr.Progress()


def train(steps: int, progress: gr.Progress = PROGRESS) -> str:
    """Works for a while, and moves a bar as it does."""
    for _ in progress.tqdm(range(int(steps)), desc="training"):
        time.sleep(0.02)
    return f"{int(steps)} steps done"


def losses(steps: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """A curve that grows: each yield goes to the page."""
    rows = []
    for step in range(1, int(steps) + 1):
        time.sleep(0.02)
        rows.append((step, 1 / step))
        table = pd.DataFrame(rows, columns=["step", "loss"])
        yield f"step {step} of {int(steps)}", table


with gr.Blocks(title="Queue") as demo:
    steps = gr.Slider(1, 50, 10, step=1, label="Steps")
    said = gr.Textbox(label="Status")
    curve = gr.LinePlot(x="step", y="loss", label="Loss")
    with gr.Row():
        bar = gr.Button("With a bar")
        stream = gr.Button("Bit by bit")
        stop = gr.Button("Stop")
    bar.click(train, steps, said, concurrency_limit=1, api_name="train")
    running = stream.click(losses, steps, [said, curve], api_name="losses")
    stop.click(None, cancels=[running], api_name=False)

demo.queue(max_size=20)  # who comes when 20 wait is told so

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1")
