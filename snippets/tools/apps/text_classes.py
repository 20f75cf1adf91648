"""Text classes: is a review of a film good or bad?

Needs reviews.pt in the current folder. Start: python text_classes.py
"""

import re
from functools import cache

import gradio as gr
import torch

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")
EXAMPLES = [
    "A wonderful film. I loved every minute of it, and the acting is great!",
    "What a waste of time: a boring story, bad acting, and far too long.",
]


@cache
def load_words() -> dict[str, float]:
    """A score for each word that the network knows, and under "" its bias."""
    saved = torch.load("reviews.pt", weights_only=True)
    table, head = saved["state"]["0.weight"], saved["state"]["1.weight"][0]
    scores = dict(zip(saved["words"], (table @ head).tolist(), strict=True))
    return {**scores, "": float(saved["state"]["1.bias"])}


def classify(text: str) -> dict[str, float]:
    """Probabilities of both classes."""
    if not text.strip():
        raise gr.Error("Write a review.", print_exception=False)
    scores = load_words()
    found = WORD.findall(text.lower())
    known = [scores[word] for word in found if word in scores]
    if not known:
        raise gr.Error("No word of this is known.", print_exception=False)
    if len(known) < 5:
        gr.Warning("Only a few words are known: don't rely on it.")
    mean = sum(known) / len(known) + scores[""]
    good = torch.tensor(mean).sigmoid().item()
    return {"good": good, "bad": 1 - good}


demo = gr.Interface(
    classify,
    inputs=gr.Textbox(label="A review, in English", lines=4, max_length=5000),
    outputs=gr.Label(label="It is"),
    title="Text classes",
    examples=EXAMPLES,
    cache_examples=True,  # answered now, and read from a file later
    flagging_mode="manual",
    flagging_options=["wrong", "unsure"],
    flagging_dir="flagged",
    api_name="classify",
)

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1")
