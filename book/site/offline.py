"""The built site, both languages, as a zip whose pages work when they are opened as files, without a server or a network."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.site import build as building
from book.site.stage import SHAPES

NAME = "runnable-pytorch"
LOST = "404.html"  # of a server
SCRIPT = Path(__file__).parent / "offline.js"
ASSETS = "assets/javascripts"
LINK = re.compile(r'(<(?:a|link)\b[^>]*?\shref=")([^"]*)(")')
BUNDLE = re.compile(rf'<script src="((?:\.\./)*|\./){ASSETS}/bundle\.')
WHEN = (1980, 1, 1, 0, 0, 0)  # the same pages make the same zip


def pack(tree: Tree) -> Path:
    """Build the site, and put it into build/offline/runnable-pytorch.zip in one move.

    Returns:
        The zip.

    Raises:
        BookError: the site does not build, or Material for MkDocs changed what this relies on.
    """
    folder = tree.build / "offline"
    folder.mkdir(parents=True, exist_ok=True)
    return pack_site(building.build(tree, folder / "site"), folder / f"{NAME}.zip")


def pack_site(pages: Path, target: Path) -> Path:
    """Change the built site ``pages`` so that it works as files, and write it to the zip ``target``. Returns ``target``."""
    for root in (pages, pages / "zh"):
        _prepare(root)
    for path in sorted(p for p in pages.rglob("*.html") if p.name != LOST):
        text, count = BUNDLE.subn(
            lambda m: f'<script src="{m[1]}{ASSETS}/offline.js"></script>\n{m[0]}', path.read_text(encoding="utf-8")
        )
        if count != 1:
            raise BookError(
                f"{path}: the theme's script stands there {count} times; book/site/offline.py needs it once"
            )
        path.write_text(links_to_files(text, pages, path.parent.relative_to(pages).as_posix()), encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".zip.") as folder:
        fresh = Path(folder) / target.name
        _zip(pages, fresh)
        fresh.replace(target)
    return target


def links_to_files(text: str, pages: Path, folder: str) -> str:
    """HTML that lies in ``folder`` of ``pages``, with ``../autograd/index.html#chain`` instead of ``../autograd/#chain``.

    Only links to folders with a page in them are changed.
    """

    def to_file(match: re.Match[str]) -> str:
        path = re.split(r"[?#]", match[2], maxsplit=1)[0]
        if not path or path.startswith("/") or re.match(r"[A-Za-z][\w+.-]*:", path):
            return match[0]
        if not (pages / posixpath.normpath(posixpath.join(folder, path)) / "index.html").is_file():
            return match[0]
        return f"{match[1]}{path.rstrip('/')}/index.html{match[2][len(path) :]}{match[3]}"

    return LINK.sub(to_file, text)


def _prepare(root: Path) -> None:
    """Beside what pages of one language fetch on a server, the same as scripts."""
    pieces = sorted((root / "search").glob("*.json"))
    if not pieces:
        raise BookError(f"{root}: there is no search/index.json; book/site/offline.py needs it")
    for path in pieces:
        _script(path.with_suffix(".js"), path.name, path.read_text(encoding="utf-8"))
    for path in sorted(root.rglob(SHAPES)):
        _script(path.with_suffix(".js"), path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    scripts = root / ASSETS
    for folder in ("lunr", "workers"):  # of Material's own search, which this site has not
        shutil.rmtree(scripts / folder, ignore_errors=True)
    (scripts / "offline.js").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")


def _script(path: Path, name: str, data: str) -> None:
    """JSON as a script that hands it to offline.js. As text: a browser reads that faster than a literal."""
    told = f"rpOffline.took({json.dumps(name)}, JSON.parse({json.dumps(data, ensure_ascii=False)}))\n"
    path.write_text(told, encoding="utf-8")


def _zip(pages: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(p for p in pages.rglob("*") if p.is_file()):
            if path.name == LOST or path.suffix == ".map":
                continue
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(pages).as_posix()}", WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            made.writestr(entry, path.read_bytes())
