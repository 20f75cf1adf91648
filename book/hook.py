"""MkDocs hook: stage the language that is being built, before MkDocs looks for its files."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

from book.errors import BookError
from book.stage import stage
from book.tree import Tree


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    docs = Path(config.docs_dir)
    try:
        stage(Tree(docs.parent.parent), [docs.name])
    except BookError as error:
        raise PluginError(str(error)) from error
    return config
