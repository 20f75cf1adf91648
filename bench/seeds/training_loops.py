"""The runs of the chapter on training loops, repeated with any seed: run(seed) returns their figures."""

import ast
import contextlib
import io
import re
from pathlib import Path
from types import CodeType
from typing import Any

from book.source.sections import parse

SNIPPET = Path(__file__).parents[2] / "snippets" / "training" / "training_loops.py"
NEEDED = (
    "digits", "loaders", "new_net", "one_step", "script_style", "train_step", "evaluate", "function_style",
    "class_style", "same_parameters", "lightning_module", "lightning_trainer", "accelerate_style", "all_five",
    "reduce_on_plateau", "warmup_cosine", "schedule_helps", "test_once",
)  # fmt: skip
WEIGHTS = re.compile(r"torch\.manual_seed\(0\)")


def without_asserts(code: str, name: str) -> CodeType:
    """A section compiled without its asserts: they hold for the chapter's seed, and here the figures are the result."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.For):
            node.body = [part for part in node.body if not isinstance(part, ast.Assert)]
    return compile(tree, name, "exec")


def run(seed: int) -> dict[str, float]:
    """Train the digits in all five ways, and once more with a schedule.

    Args:
        seed: for the weights and the dropout. The split and the order of the batches are always the chapter's.

    Returns:
        equal_runs: how many of the five ways gave exactly the losses of the script (the chapter demands 5).
        valid_accuracy: on the 1,000 validation images after five epochs, the same for all five ways.
        valid_loss_constant: with a constant learning rate of 0.02.
        valid_loss_schedule: with warm-up and a cosine.
        test_accuracy: of the run with the schedule, on the 1,000 test images.
    """
    sections = parse(SNIPPET.read_text(encoding="utf-8"), "training/training_loops.py")
    space: dict[str, Any] = {"__name__": "training_loops_of_the_book"}
    with contextlib.redirect_stdout(io.StringIO()):
        for name in NEEDED:
            code = WEIGHTS.sub(f"torch.manual_seed({seed})", sections[name].code)
            exec(without_asserts(code, f"training/training_loops.py:{name}"), space)
    return {
        "equal_runs": float(sum(losses == space["script_losses"] for losses in space["runs"].values())),
        "valid_accuracy": float(space["history"][-1][1]),
        "valid_loss_constant": float(space["valid_losses"][0]),
        "valid_loss_schedule": float(space["valid_losses"][1]),
        "test_accuracy": float(space["accuracy"]),
    }
