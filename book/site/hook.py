"""MkDocs hook: stage the language that is being built, colour each code once, and slim what is rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.site import highlighting
from book.site.slim import slimmed
from book.site.stage import stage
from book.source import plan

highlighting.remember()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    docs = Path(config.docs_dir)
    tree = Tree(docs.parent.parent)
    try:
        stage(tree, [docs.name])
        config.nav = plan.with_days(tree, docs.name, config.nav or []) or None
    except BookError as error:
        raise PluginError(str(error)) from error
    return config


def on_post_page(output: str, /, **_: Any) -> str:
    return slimmed(output)
