"""The text chapter's training, repeated with any seed: run(seed) returns its figures."""

import ast
import contextlib
import io
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from book.sections import parse

SNIPPET = Path(__file__).parents[2] / "snippets" / "workflow" / "text.py"
NEEDED = (
    "read_reviews", "drop_duplicates", "split", "split_on_spaces", "tokenize", "own_sentences", "count_words", "vocabulary",
    "tokenize_training_reviews", "pad_sequence", "padding_mask", "review_dataset", "collate", "similar_lengths",
    "embedding", "pool", "text_cnn", "trainer", "prepare_all", "new_trainer", "tfidf_baseline",
)  # fmt: skip


def without_asserts(code: str, name: str) -> CodeType:
    """A section compiled without its asserts: they hold for the chapter's seed, and here the figures are the result."""
    tree = ast.parse(code)
    tree.body = [node for node in tree.body if not isinstance(node, ast.Assert)]
    return compile(tree, name, "exec")


def run(seed: int) -> dict[str, float]:
    """Train the TextCNN of the chapter once.

    Args:
        seed: for the weights, the dropout and the order of the reviews. The split is always the chapter's.

    Returns:
        accuracy: of the network on the 5,000 test reviews.
        valid_accuracy: of the network on the 2,000 validation reviews, after the last epoch.
        tfidf_accuracy: of TF-IDF and logistic regression on the test reviews; it has no randomness.
    """
    sections = parse(SNIPPET.read_text(encoding="utf-8"), "workflow/text.py")
    space: dict[str, Any] = {"__name__": "text_of_the_book"}
    with contextlib.redirect_stdout(io.StringIO()):
        for name in NEEDED:
            exec(without_asserts(sections[name].code, f"workflow/text.py:{name}"), space)
        torch.manual_seed(seed)
        trainer, train_loader = space["new_trainer"](epochs=3)
        history = trainer.fit(train_loader, space["valid_loader"], epochs=3).table()
        _, accuracy = trainer.evaluate(space["test_loader"])
    return {
        "accuracy": float(accuracy),
        "valid_accuracy": float(history["valid accuracy"].iloc[-1]),
        "tfidf_accuracy": float(space["baseline"]),
    }
