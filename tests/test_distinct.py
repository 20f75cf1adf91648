"""book.prove.distinct: programs say each thing once, unless it meant something else in between."""

from __future__ import annotations

import pytest

from book.prove.distinct import distinct

F = "def f():\n    return 1\n"
G = "def f():\n    return 2\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("import torch\nimport torch\n", "import torch\n"),
        (f"{F}\n\nx = f()\n\n\n{F}", f"{F}\n\nx = f()\n"),
        (f"{F}\n\n# as above\n{F}y = 1\n", f"{F}y = 1\n"),  # what is said about it goes with it
        (f"@cache\n{F}\n\n@cache\n{F}", f"@cache\n{F}"),
        ("from a import b, c\nfrom a import b\n", "from a import b, c\nfrom a import b\n"),  # other words
    ],
)
def test_a_second_one_goes(text: str, left: str) -> None:
    assert distinct(text).rstrip("\n") == left.rstrip("\n")


@pytest.mark.parametrize(
    "text",
    [
        f"{F}\n\n{G}\n\n{F}",
        f"{F}\n\nf = None\n\n\n{F}",
        "import numpy as np\nnp = 1\nimport numpy as np\n",
        f"{F}\n\nfor f in range(3):\n    pass\n\n\n{F}",
        f"{F}\n\n@cache\n{F}",
        "x = []\nx = []\n",  # another list
        "print(1)\nprint(1)\n",
    ],
)
def test_what_means_something_else_stays(text: str) -> None:
    assert distinct(text) == text
