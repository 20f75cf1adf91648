"""Books for the tests to break: a small one of one page, one for a single block, and copies of the real one."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

from book.ground.tree import HERE, Tree

SNIPPET = """\
# --8<-- [start:scale]
import torch

x = torch.tensor([1.0, 2.0, 3.0])
print(2 * x)
# --8<-- [end:scale]

# --8<-- [start:table]
import pandas as pd

pd.DataFrame({"name": ["first", "second"], "value": [0.25, 40]})
# --8<-- [end:table]

# --8<-- [start:curve]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(3, 2))
ax.plot(x, x**2, color="#2f6fdb", label="square")
ax.legend()
plt.show()
# --8<-- [end:curve]

# --8<-- [start:wrong_shape]
x + torch.ones(2)
# --8<-- [end:wrong_shape]
"""

EN = """\
---
title: Small
description: A page for the tests.
---

# Small {#small}

The formula is $y = 2x$; see [the table](#table), [below](#code-curve) and [PyTorch](https://pytorch.org/).

```python
--8<-- "part/small.py:scale"
```

## Table {#table}

```python
--8<-- "part/small.py:table"
```

## Curve {#curve}

```python alt="A parabola"
--8<-- "part/small.py:curve"
```

## Exercises {#exercises}

### Shapes {#exercise-shapes}

??? success "Solution"

    It raises.

    ```python
    --8<-- "part/small.py:wrong_shape"
    ```
"""

ZH = """\
---
title: 小页
description: 供测试用的一页。
---

# 小页 {#small}

公式是 $y = 2x$；参见[表格](#table)、[下文](#code-curve)和 [PyTorch](https://pytorch.org/)。

```python
--8<-- "part/small.py:scale"
```

## 表格 {#table}

```python
--8<-- "part/small.py:table"
```

## 曲线 {#curve}

```python alt="一条抛物线"
--8<-- "part/small.py:curve"
```

## 习题 {#exercises}

### 形状 {#exercise-shapes}

??? success "答案"

    它会抛出异常。

    ```python
    --8<-- "part/small.py:wrong_shape"
    ```
"""

LEDGER = """\
[[raises]]
page = "part/small"
section = "wrong_shape"
error = "RuntimeError"
message = "must match the size"
reason = "teaches what mismatched shapes look like"
reason_zh = "形状不一致时的报错"
mend = "Make the shapes equal."
mend_zh = "让形状一致。"
"""


def write_small(root: Path) -> Tree:
    """A whole book of one page, without its record."""
    tree = Tree(root)
    for path, text in {
        tree.page("en", "part/small"): EN,
        tree.page("zh", "part/small"): ZH,
        tree.snippets / "part" / "small.py": SNIPPET,
        tree.ledger: LEDGER,
        tree.requirements: f"torch=={version('torch').partition('+')[0]}\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def one_block(root: Path, code: str, ledger: str = "", alt: str = "a figure") -> Tree:
    """A book of one page, ``part/one``, with three blocks: ``before``, ``probe`` (the given code) and ``after``."""
    tree = Tree(root)
    blocks = {"before": "before = 1", "probe": code.strip("\n"), "after": "print(before + 1)"}
    snippet = "\n".join(f"# --8<-- [start:{n}]\n{c}\n# --8<-- [end:{n}]\n" for n, c in blocks.items())
    fences = "\n".join(f'```python alt="{alt}"\n--8<-- "part/one.py:{n}"\n```\n' for n in blocks)
    for path, text in {
        tree.page("en", "part/one"): f"# One {{#one}}\n\n{fences}",
        tree.page("zh", "part/one"): f"# 一 {{#one}}\n\n{fences}",
        tree.snippets / "part" / "one.py": snippet,
        tree.ledger: ledger,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def copy_book(root: Path, *parts: str) -> Tree:
    """A copy of the named files and folders of the real book."""
    for part in parts:
        source, target = HERE.root / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    return Tree(root)


BOOK_PARTS = ("docs", "snippets", "tests/ledger.toml", "mkdocs.yml", "mkdocs.zh.yml", "requirements.txt", "tools.txt")


def write_page(root: Path, blocks: dict[str, str], ledger: str = "") -> Tree:
    """A book of one English and Chinese page ``part/page`` with these blocks (name -> code), without its record."""
    tree = Tree(root)
    snippet = "\n\n".join(f"# --8<-- [start:{name}]\n{code}\n# --8<-- [end:{name}]" for name, code in blocks.items())
    text = "# Page {#page}\n\n" + "\n\n".join(f'```python\n--8<-- "part/page.py:{name}"\n```' for name in blocks) + "\n"
    for path, content in {
        tree.page("en", "part/page"): text,
        tree.page("zh", "part/page"): text,
        tree.snippets / "part" / "page.py": snippet + "\n",
        tree.ledger: ledger,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tree
