"""The text chapter's training, repeated with any seed: run(seed) returns its figures."""

import ast
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from book.source.sections import parse

SNIPPET = Path(__file__).parents[2] / "snippets" / "workflow" / "text.py"
NEEDED = (
    "read_reviews", "drop_duplicates", "split", "split_on_spaces", "tokenize", "own_sentences", "count_words", "vocabulary",
    "tokenize_training_reviews", "default_collate", "pad_sequence", "padding_mask", "review_dataset", "collate", "similar_lengths",
    "embedding", "embedding_is_a_matrix_product", "pool", "text_cnn", "trainer", "prepare_all", "new_trainer", "tfidf_baseline",
)  # fmt: skip


def definitions(code: str, name: str) -> CodeType:
    """A section without what it only shows: its imports, functions, classes and assignments, compiled."""
    tree = ast.parse(code)
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign
    tree.body = [node for node in tree.body if isinstance(node, kept)]
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
    for name in NEEDED:
        exec(definitions(sections[name].code, f"workflow/text.py:{name}"), space)
    torch.manual_seed(seed)
    trainer, train_loader = space["new_trainer"](epochs=3)
    history = trainer.fit(train_loader, space["valid_loader"], epochs=3).table()
    _, accuracy = trainer.evaluate(space["test_loader"])
    return {
        "accuracy": float(accuracy),
        "valid_accuracy": float(history["valid accuracy"].iloc[-1]),
        "tfidf_accuracy": float(space["baseline"]),
    }
