"""The skill for agents, at a well-known path of the site: how to use llms.txt, the index and the programs."""

from __future__ import annotations

import hashlib
import json

NAME = "runnable-pytorch"
FOLDER = ".well-known/agent-skills"
DESCRIPTION = (
    "Find and run verified PyTorch code. Use when writing PyTorch, looking up a torch API, or explaining a PyTorch error: every "
    "block of this book was run, and each has a program of its own."
)
TEXT = """---
name: {name}
description: {description}
license: Code MIT, prose CC BY 4.0
---

# Runnable PyTorch

A book of PyTorch in English (`{url}`) and Chinese (`{url}zh/`). Every block of code has been run, and the text below it is
what the run printed; what has not run says so.

## Find

- `{url}llms.txt` lists all pages as Markdown. The page `concepts/autograd/` is `{url}concepts/autograd.md`.
- `{url}api.json` (Chinese: `{url}zh/api.json`) maps each public name of torch that the book shows to its blocks, best first:
  `apis["torch.autograd.grad"].examples[0].address` is a page and an anchor.
- `{url}errors.md` has every message that a block raises on purpose, with what to do.
- With a checkout: `python -m book find "second derivative" --json` ranks names, tasks, terms and whole tracebacks;
  exit status 1 means that the book has nothing. `python -m book mcp` serves the same as tools (`find`, `read`, `program`,
  `api`) on stdin and stdout.

## Use

- An anchor `#code-NAME` on a page is a block. Its program, a script that runs that block alone, lies beside the page: under
  the block "copy runnable" links to it. With a checkout: `python -m book copy concepts/autograd:backward_scalar`.
- Run the program before you adapt it, and compare with the output that the page shows.
- Outputs are of the torch version that stands under each block. Numbers of other versions may differ in the last digits.
"""


def files(site_url: str) -> dict[str, str]:
    """Files below the site's root: the skill, and the index by which agents discover it."""
    text = TEXT.format(name=NAME, description=DESCRIPTION, url=site_url)
    listed = {
        "$schema": "https://schemas.agentskills.io/discovery/0.2.0/schema.json",
        "skills": [
            {
                "name": NAME,
                "type": "skill-md",
                "description": DESCRIPTION,
                "url": f"{site_url}{FOLDER}/{NAME}/SKILL.md",
                "digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
            }
        ],
    }
    return {f"{FOLDER}/{NAME}/SKILL.md": text, f"{FOLDER}/index.json": json.dumps(listed, indent=1) + "\n"}
