"""Build and serve both languages as one site: English at /, Chinese at /zh/."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.livereload import LiveReloadServer

from book.errors import BookError
from book.stage import config, stage
from book.tree import CONFIGS, LANGUAGES, Tree, write_atomically


def build(tree: Tree, target: Path | None = None, *, site_url: str | None = None) -> Path:
    """Build both languages, side by side, and put the result in place in one move; each build's hook stages its language.

    Args:
        tree: the checkout.
        target: where the site goes (default: site/). What was there before is replaced only by a whole new site.
        site_url: the address it will be served at (default: what mkdocs.yml says).

    Returns:
        ``target``.

    Raises:
        BookError: a page, a link or an anchor is wrong; carries what MkDocs said.
    """
    target = target or tree.root / "site"
    fresh = {language: tree.build / f"site-{language}" for language in LANGUAGES}
    for language in LANGUAGES:  # MkDocs looks for the folder before its hook stages into it
        (tree.build / language).mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", **_addresses(site_url)}
    running = {
        language: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "mkdocs",
                "build",
                "--strict",  # without --quiet, which would keep MkDocs from counting its warnings
                "-f",
                CONFIGS[language],
                "-d",
                str(fresh[language]),
            ],
            cwd=tree.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for language in LANGUAGES
    }
    said = {language: process.communicate()[0] for language, process in running.items()}
    failed = [
        f"{CONFIGS[language]}:\n{_problems(said[language])}" for language in LANGUAGES if running[language].returncode
    ]
    if failed:
        stage(tree)  # each build stages its own language; what is wrong there is told once, and without MkDocs's words
        raise BookError("the site does not build\n" + "\n".join(failed))
    shutil.move(fresh["zh"], fresh["en"] / "zh")
    publish_markdown(
        tree, fresh["en"], environment.get("BOOK_SITE_URL") or str(config(tree, "en").get("site_url") or "")
    )
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh["en"].rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _problems(said: str) -> str:
    """What MkDocs said, without what is no problem."""
    return "\n".join(line for line in said.splitlines() if line.strip() and not line.startswith("INFO "))


def publish_markdown(tree: Tree, site: Path, site_url: str = "") -> None:
    """Put each page's staged Markdown beside its HTML, and llms.txt, which lists them, at the top.

    ``concepts/autograd/`` is the page, ``concepts/autograd.md`` its Markdown.
    """
    lines = [
        "# Runnable PyTorch",
        "",
        "> A bilingual book of PyTorch: every block was run, every output is what the run printed.",
        "",
    ]
    for language, folder in (("en", ""), ("zh", "zh/")):
        lines += [f"## {'English' if language == 'en' else '中文'}", ""]
        staged = tree.build / language
        for path in sorted(staged.rglob("*.md")):
            name = path.relative_to(staged).as_posix()
            text = path.read_text(encoding="utf-8")
            write_atomically(site / folder / name, text)
            title = re.search(r"^title: *(.+)$", text, re.MULTILINE)
            lines.append(f"- [{title[1] if title else name}]({site_url}{folder}{name})")
        lines.append("")
    write_atomically(site / "llms.txt", "\n".join(lines))


def _addresses(site_url: str | None) -> dict[str, str]:
    if site_url is None:
        return {}
    return {"BOOK_SITE_URL": site_url, "BOOK_SITE_URL_ZH": site_url.rstrip("/") + "/zh/"}


class _Server(LiveReloadServer):
    """MkDocs' live-reload server with a 404 page for each language."""

    _request = threading.local()

    def serve_request(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._request.path = environ["PATH_INFO"]
        return super().serve_request(environ, start_response)

    def error_page(self, code: int) -> bytes | None:
        """The error page of the language that the request was for."""
        folder = "zh/" if str(self._request.path).startswith("/zh/") else ""
        page = Path(self.root) / f"{folder}{code}.html"
        return page.read_bytes() if page.is_file() else None


class LiveSite:
    """A built site that is kept up to date: only pages whose staged text changed are rendered again."""

    def __init__(self, tree: Tree, target: Path, site_url: str) -> None:
        self.tree, self.target, self.site_url = tree, target, site_url
        os.environ.update(_addresses(site_url))
        os.chdir(tree.root)
        build(tree, target, site_url=site_url)
        self._settings = self._read_settings()

    def update(self) -> list[Path]:
        """Bring the site up to date with the sources. Returns the staged files that changed."""
        settings = self._read_settings()
        if settings != self._settings:
            build(self.tree, self.target, site_url=self.site_url)
            self._settings = settings
            return []
        changed = stage(self.tree)
        for language in LANGUAGES:
            if any(path.is_relative_to(self.tree.build / language) for path in changed):
                self._render(language)
        publish_markdown(self.tree, self.target, self.site_url)
        return changed

    def _render(self, language: str) -> None:
        site = self.target if language == "en" else self.target / "zh"
        index = site / "search" / "search_index.json"
        before = json.loads(index.read_text(encoding="utf-8"))
        settings = load_config(config_file=CONFIGS[language], site_dir=str(site), strict=False, hooks=[])
        mkdocs_build(settings, dirty=True)
        after = json.loads(index.read_text(encoding="utf-8"))
        write_atomically(index, json.dumps(_merge_index(before, after), ensure_ascii=False, separators=(",", ":")))

    def _read_settings(self) -> list[tuple[str, int]]:
        """What makes a whole new build necessary: the configurations, the theme, and which pages there are."""
        theme = [p for p in (self.tree.root / "docs" / "theme").rglob("*") if p.is_file()]
        configs = [self.tree.root / name for name in CONFIGS.values()]
        stamps = [(str(p), p.stat().st_mtime_ns) for p in sorted([*theme, *configs])]
        return stamps + [(f"{language}/{name}", 0) for language in LANGUAGES for name in self.tree.pages(language)]


def _merge_index(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A search index of all pages: the new entries of pages just rendered, the old ones of all others."""

    def page(entry: dict[str, Any]) -> str:
        return str(entry["location"]).partition("#")[0]

    fresh: dict[str, list[dict[str, Any]]] = {}
    for entry in after["docs"]:
        fresh.setdefault(page(entry), []).append(entry)
    merged: list[dict[str, Any]] = []
    for entry in before["docs"]:
        if page(entry) not in fresh:
            merged.append(entry)
        elif fresh[page(entry)]:
            merged += fresh[page(entry)]
            fresh[page(entry)] = []
    return {**before, "docs": merged + [entry for entries in fresh.values() for entry in entries]}


def serve(tree: Tree, host: str = "127.0.0.1", port: int = 8000) -> int:
    """Build both languages, serve them from one address, rebuild and reload on every change. Ends with Ctrl-C."""
    address = f"http://{host}:{port}/"
    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    logging.basicConfig(format="%(message)s")
    with socket.socket() as probe:  # before the build, so that nobody waits for nothing
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            other = f"name another port: make serve PORT={port + 1}" if taken else "name another host"
            raise BookError(f"cannot serve at {address}: {error.strerror}; {other}") from error
    target = tree.build / "site"
    live = LiveSite(tree, target, address)

    def rebuild() -> None:
        try:
            changed = live.update()
        except BookError as error:  # said here: an error that leaves this function ends the server
            print(f"error: {error}", file=sys.stderr, flush=True)
            return
        for path in changed:
            print(f"  changed: {tree.relative(path)}", flush=True)

    server = _Server(builder=rebuild, host=host, port=port, root=str(target))
    server.error_handler = server.error_page
    for folder in ("docs", "snippets", *CONFIGS.values()):
        server.watch(str(tree.root / folder))
    print(f"Serving English at {address} and 中文 at {address}zh/ (Ctrl-C ends)", flush=True)
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.shutdown()
    return 0
