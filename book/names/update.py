"""Make the list of public names anew from the installed torch."""

from __future__ import annotations

from book.ground.files import write_atomically
from book.names import apilist, apis
from book.names.apis import Apis


def update() -> tuple[Apis, list[str], list[str]]:
    """Rewrite the list from the installed torch. Returns it, the names that are new and those that are gone."""
    old = set(apis.load().by_name) if apis.FILE.is_file() else set()
    made = apilist.collect()
    write_atomically(apis.FILE, apis.dump(made))
    apis.load.cache_clear()
    return made, sorted(set(made.by_name) - old), sorted(old - set(made.by_name))
