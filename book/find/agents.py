"""``python -m book mcp``: the book for agents, over the Model Context Protocol on stdin and stdout. Reads only; no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

from book.find import ask, passages, reference
from book.ground.errors import BookError
from book.ground.tree import Tree

Language = Literal["en", "zh"]
INSTRUCTIONS = (
    "Runnable PyTorch is a book of PyTorch in English and Chinese in which every block of code has been run. Ask `find` for a "
    "name, a task, a term or a whole error message; `read` an answer's section; `program` gives a script that runs one block "
    "alone, proven by running it; `api` tells what is known of a public name of torch."
)


def serve(tree: Tree) -> int:
    """Serve until stdin ends.

    Raises:
        BookError: the package ``mcp`` is not installed.
    """
    server(tree).run()
    return 0


def server(tree: Tree) -> Any:
    """The server with its four tools."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as error:
        raise BookError(
            f"the package mcp is not installed ({error}): python -m pip install -r requirements.txt, or pip install mcp"
        ) from error

    made = MCPServer("runnable-pytorch", instructions=INSTRUCTIONS)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @lru_cache(maxsize=1)
    def index() -> reference.Index:
        return reference.build(tree)

    @contextmanager
    def told() -> Iterator[None]:
        """What the book says is wrong reaches the agent as it is."""
        try:
            yield
        except BookError as error:
            raise ToolError(str(error)) from error

    def find(query: str, language: Language = "en", most: int = 10) -> dict[str, Any]:
        """Where the book has a name, a task in words, a term of English or Chinese, or an error message (a whole traceback is
        fine): answers best first, those that are sections with code and output. `nothing` is true where the book has none."""
        with told():
            data, _, _ = ask.answer(tree, query, language)
        return {**data, "answers": data["answers"][: max(1, most)]}

    def read(place: str, language: Language = "en") -> str:
        """A section as Markdown, with code and what it printed: `page#section`, `page:block`, a whole `page`, or the
        address of an answer of find."""
        with told():
            return passages.section(tree, place, language)

    def program(block: str) -> str:
        """The Python program that runs one block (`page:block`) alone: copy it to a file and run it."""
        with told():
            return passages.program(tree, block)

    def api(name: str, language: Language = "en") -> dict[str, Any]:
        """A public name of torch: signature, official page, other spellings, and the blocks that show it, best first."""
        with told():
            return passages.api(index(), name, language)

    for tool in (find, read, program, api):
        made.add_tool(tool, annotations=reads)
    return made
