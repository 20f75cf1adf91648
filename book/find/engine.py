"""docs/theme/javascripts/search.js in an embedded JavaScript engine: the terminal ranks with the file that browsers load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import quickjs

from book.ground.tree import HERE

SCRIPTS = HERE.root / "docs" / "theme" / "javascripts"
INDEX, CORE = "index.json", "core.json"  # what book.find.making makes and book.find.store keeps
FILES = (SCRIPTS / "vendor" / "minisearch.js", SCRIPTS / "search.js")


class Engine:
    """A JavaScript context with ``rpSearch`` in it."""

    def __init__(self) -> None:
        self._context = quickjs.Context()
        for path in FILES:
            self._context.eval(path.read_text(encoding="utf-8"))

    def call(self, expression: str, **values: Any) -> Any:
        """The value of a JavaScript expression, through JSON. ``values`` are names that it may use, as JSON text if they
        are text already."""
        for name, value in values.items():
            self._context.set(f"json_{name}", value if isinstance(value, str) else json.dumps(value))
        return json.loads(str(self._context.eval(f"JSON.stringify({expression})")))


class Searcher:
    """One language's index, ready for queries.

    Args:
        index: the packed data that a browser loads, as JSON.
        core: MiniSearch's serialised index of it, as JSON; without it the index is made here, which takes seconds.
        shards: number of a piece of prose -> its JSON; asked for when a query needs it.
    """

    def __init__(self, index: str, shards: Mapping[int, str], core: str = "") -> None:
        self.engine, self._shards = Engine(), shards
        stored = ", JSON.parse(json_core)" if core else ""
        self.engine.call(
            f"(globalThis.search = new rpSearch.Search(JSON.parse(json_index){stored}), 1)", index=index, core=core
        )

    def find(self, query: str, **options: Any) -> dict[str, Any]:
        """What the query finds: see ``Search.find`` in search.js."""
        for number in self.engine.call("search.needs(JSON.parse(json_query))", query=json.dumps(query)):
            self.engine.call(f"(search.add({number}, JSON.parse(json_shard)), 1)", shard=self._shards[number])
        found = self.engine.call(
            "search.find(JSON.parse(json_query), JSON.parse(json_options))",
            query=json.dumps(query),
            options=json.dumps(options),
        )
        return dict(found)
