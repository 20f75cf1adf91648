"""Build and serve both languages as one site: English at /, Chinese at /zh/."""

from __future__ import annotations

import errno
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
from wsgiref.types import StartResponse, WSGIEnvironment

from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.livereload import LiveReloadServer

from book.ground.errors import BookError
from book.ground.files import write_atomically
from book.ground.tree import CONFIGS, LANGUAGES, Tree
from book.site import skill
from book.site.stage import config, stage
from book.source import plan


class _Build:
    """One language's MkDocs in a process of its own, whose hook stages the language first."""

    def __init__(self, tree: Tree, language: str, site_url: str | None, *, yields: bool = False) -> None:
        self.tree, self.language = tree, language
        self.site = tree.build / f"site-{language}"
        (tree.build / language).mkdir(parents=True, exist_ok=True)  # MkDocs looks for the folder before its hook runs
        command = ["-f", CONFIGS[language], "-d", str(self.site)]
        self._process = subprocess.Popen(
            # strict without --quiet, which would keep MkDocs from counting its warnings
            [sys.executable, "-m", "mkdocs", "build", "--strict", *command],
            cwd=tree.root,
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **_addresses(site_url)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if yields and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, 10)

    def wait(self) -> str:
        """Return when the language is built: nothing, or what MkDocs found wrong."""
        said = self._process.communicate()[0]
        return f"{CONFIGS[self.language]}:\n{_problems(said)}" if self._process.returncode else ""

    def stop(self) -> None:
        """End it; ``wait`` still has to be called."""
        self._process.kill()


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
    english, chinese = (_Build(tree, language, site_url) for language in LANGUAGES)
    _check(tree, [english.wait(), chinese.wait()])
    shutil.move(chinese.site, english.site / "zh")
    publish_markdown(tree, english.site, _base_url(tree, site_url))
    _replace(target, english.site)
    return target


def _check(tree: Tree, problems: list[str]) -> None:
    """Raise if there is a problem."""
    if any(problems):
        stage(tree)  # each build stages its own language; what is wrong there is told once, and without MkDocs's words
        raise BookError("\n".join(["the site does not build", *filter(None, problems)]))


def _replace(target: Path, fresh: Path) -> None:
    """Put a whole new site where the old one was."""
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _problems(said: str) -> str:
    """What MkDocs said, without what is no problem."""
    return "\n".join(line for line in said.splitlines() if line.strip() and not line.startswith("INFO "))


def publish_markdown(tree: Tree, site: Path, site_url: str = "", languages: Iterable[str] = LANGUAGES) -> None:
    """Put each page's staged Markdown beside its HTML, and llms.txt, which lists them, at the top.

    ``concepts/autograd/`` is the page, ``concepts/autograd.md`` its Markdown.
    """
    lines = [
        "# Runnable PyTorch",
        "",
        "> A bilingual book of PyTorch: every block was run, apart from those for a GPU, which say so; "
        "every output is what the run printed.",
        "",
    ]
    for language in languages:
        folder = "" if language == "en" else f"{language}/"
        lines += [f"## {'English' if language == 'en' else '中文'}", ""]
        staged = tree.build / language
        for path in sorted(staged.rglob("*.md")):
            name = path.relative_to(staged).as_posix()
            text = path.read_text(encoding="utf-8")
            write_atomically(site / folder / name, text)
            title = re.search(r"^title: *(.+)$", text, re.MULTILINE)
            lines.append(f"- [{title[1] if title else name}]({site_url}{folder}{name})")
        lines.append("")
    lines.append(
        f"Programs find all of it by [the skill for agents]({site_url}{skill.FOLDER}/{skill.NAME}/SKILL.md).\n"
    )
    write_atomically(site / "llms.txt", "\n".join(lines))
    for name, text in skill.files(site_url).items():
        write_atomically(site / name, text)


def _base_url(tree: Tree, site_url: str | None) -> str:
    """The address that links of the site begin with."""
    return site_url or os.environ.get("BOOK_SITE_URL") or str(config(tree, "en").get("site_url") or "")


def _addresses(site_url: str | None) -> dict[str, str]:
    if site_url is None:
        return {}
    return {"BOOK_SITE_URL": site_url, "BOOK_SITE_URL_ZH": site_url.rstrip("/") + "/zh/"}


WAITING = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>{title}</title><p>{chinese}</p><p lang="en">{english} <a href="/">English</a></p></html>"""
BEING_BUILT = WAITING.format(
    title="正在构建",
    chinese="中文页面正在构建，本页会自动刷新。",
    english="The Chinese pages are being built; this page reloads by itself.",
)
NOT_BUILT = WAITING.format(
    title="没有建成",
    chinese="中文页面没有建成，原因见终端。改正之后本页会自动刷新。",
    english="The Chinese pages could not be built, the terminal says why; once that is mended, this page reloads by itself.",
)


class _Server(LiveReloadServer):
    """MkDocs' live-reload server with a 404 page for each language, and a 503 page until the Chinese pages are there."""

    live: LiveSite
    _request = threading.local()

    def serve_request(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._request.path = path = environ["PATH_INFO"]
        if self.live.waiting and f"{path}/".startswith("/zh/"):
            start_response(
                "503 Service Unavailable", [("Content-Type", "text/html; charset=utf-8"), ("Retry-After", "2")]
            )
            return [self.live.waiting.encode()]
        return super().serve_request(environ, start_response)

    def error_page(self, code: int) -> bytes | None:
        """The error page of the language that the request was for."""
        folder = "zh/" if str(self._request.path).startswith("/zh/") else ""
        page = Path(self.root) / f"{folder}{code}.html"
        return page.read_bytes() if page.is_file() else None


class LiveSite:
    """A built site that is kept up to date: only pages whose staged text changed are rendered again.

    Both languages are built side by side. The site is there as soon as the English one is; ``finish`` adds the Chinese one.
    Until then ``waiting`` holds a page that says so.
    """

    def __init__(self, tree: Tree, target: Path, site_url: str) -> None:
        self.tree, self.target, self.site_url = tree, target, site_url
        os.environ.update(_addresses(site_url))
        os.chdir(tree.root)
        self.waiting = BEING_BUILT
        self._settings: list[tuple[str, int]] | None = self._read_settings()
        self._finished = threading.Event()
        self._stopped = False
        english = _Build(tree, "en", site_url)
        self._chinese = _Build(tree, "zh", site_url, yields=True)
        try:
            problem = english.wait()
        except BaseException:  # Ctrl-C
            english.stop()
            self._chinese.stop()
            raise
        if problem:
            self._chinese.stop()
            self._chinese.wait()
            _check(tree, [problem])
        publish_markdown(tree, english.site, site_url, ["en"])
        _replace(target, english.site)

    def finish(self) -> None:
        """Put the Chinese pages in place, as soon as they are built; after ``stop``, do nothing.

        Raises:
            BookError: they don't build; the next ``update`` builds everything.
        """
        try:
            problem = self._chinese.wait()
            if self._stopped:
                return
            _check(self.tree, [problem])
            shutil.move(self._chinese.site, self.target / "zh")
            publish_markdown(self.tree, self.target, self.site_url)
            self.waiting = ""
        except BookError:
            self.waiting, self._settings = NOT_BUILT, None
            raise
        finally:
            self._finished.set()

    def stop(self) -> None:
        """End a build that still runs."""
        self._stopped = True
        self._chinese.stop()

    def update(self) -> list[Path]:
        """Bring the site up to date with the sources, once it is whole. Returns the staged files that changed."""
        self._finished.wait()
        settings = self._read_settings()
        if settings != self._settings:
            build(self.tree, self.target, site_url=self.site_url)
            self.waiting, self._settings = "", settings
            return []
        changed = stage(self.tree)
        for language in LANGUAGES:
            if any(path.is_relative_to(self.tree.build / language) for path in changed):
                self._render(language)
        publish_markdown(self.tree, self.target, self.site_url)
        return changed

    def _render(self, language: str) -> None:
        site = self.target if language == "en" else self.target / "zh"
        settings = load_config(config_file=CONFIGS[language], site_dir=str(site), strict=False, hooks=[])
        settings.nav = plan.with_days(self.tree, language, settings.nav or []) or None
        mkdocs_build(settings, dirty=True)

    def _read_settings(self) -> list[tuple[str, int]]:
        """What makes a whole new build necessary: the configurations, the theme, and which pages there are."""
        theme = [p for p in (self.tree.root / "docs" / "theme").rglob("*") if p.is_file()]
        configs = [self.tree.root / name for name in CONFIGS.values()]
        stamps = [(str(p), p.stat().st_mtime_ns) for p in sorted([*theme, *configs])]
        return stamps + [(f"{language}/{name}", 0) for language in LANGUAGES for name in self.tree.pages(language)]


def serve(tree: Tree, host: str = "127.0.0.1", port: int = 8000) -> int:
    """Build both languages, serve them from one address, rebuild and reload on every change. Ends with Ctrl-C.

    English is served as soon as it is built.
    """
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
    stopped = threading.Event()

    def told(error: BookError) -> None:
        """Said at once: an error that leaves a thread of the server ends it."""
        if not stopped.is_set():
            print(f"error: {error}", file=sys.stderr, flush=True)

    def finish() -> None:
        try:
            live.finish()
        except BookError as error:
            told(error)
        else:
            if not stopped.is_set():
                print(f"Serving 中文 at {address}zh/", flush=True)

    def rebuild() -> None:
        try:
            changed = live.update()
        except BookError as error:
            told(error)
            return
        for path in changed:
            print(f"  changed: {tree.relative(path)}", flush=True)

    server = _Server(builder=rebuild, host=host, port=port, root=str(target))
    server.error_handler = server.error_page
    server.live = live
    for folder in ("docs", "snippets", *CONFIGS.values()):
        server.watch(str(tree.root / folder))
    print(f"Serving English at {address} (Ctrl-C ends); 中文 follows", flush=True)
    second = threading.Thread(target=finish)
    second.start()
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:
        print("stopped")
    finally:
        stopped.set()
        live.stop()
        second.join()
        server.shutdown()
    return 0
