"""book.site.build (the served site is tried in test_serve.py)"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from books import HERE
from faults import append, write

from book.ground.errors import BookError
from book.ground.tree import Tree
from book.site import build as building
from book.site.build import LiveSite

CONFIG = """\
site_name: Small
site_url: !ENV [BOOK_SITE_URL, "https://example.org/"]
docs_dir: build/{language}
hooks: ["{hook}"]
strict: true
theme: mkdocs
plugins: []
markdown_extensions: [attr_list, md_in_html, pymdownx.details, pymdownx.superfences, tables]
"""


@pytest.fixture
def book(small: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The small book with MkDocs' own theme, which builds quickly."""
    monkeypatch.setenv("PYTHONPATH", str(HERE.root))  # the hook imports the engine, which the small book does not hold
    for language, name in building.CONFIGS.items():
        write(name, CONFIG.format(language=language, hook=HERE.root / "book" / "site" / "hook.py"))(small)
    for language in ("en", "zh"):
        write(f"docs/{language}/index.md", "# Home {#home}\n")(small)
    return small


def test_both_languages_are_built_side_by_side(book: Tree) -> None:
    assert building.build(book, site_url="http://127.0.0.1:1/") == book.root / "site"
    english = (book.root / "site" / "part" / "small" / "index.html").read_text(encoding="utf-8")
    chinese = (book.root / "site" / "zh" / "part" / "small" / "index.html").read_text(encoding="utf-8")
    assert "A parabola" in english and "一条抛物线" in chinese
    assert "http://127.0.0.1:1/part/small/" in english
    assert (book.root / "site" / "part" / "small" / "curve-1.svg").is_file()


def test_a_site_that_does_not_build_leaves_the_old_one(book: Tree) -> None:
    write("site/index.html", "the old one")(book)
    append("docs/en/index.md", "\n[nowhere](part/nowhere.md)\n")(book)
    with pytest.raises(
        BookError, match=r"mkdocs\.yml:\nWARNING.*'index\.md' contains a link 'part/nowhere\.md'"
    ) as caught:
        building.build(book)
    assert "INFO" not in str(caught.value) and "mkdocs.zh.yml" not in str(caught.value)
    assert (book.root / "site" / "index.html").read_text(encoding="utf-8") == "the old one"


def test_a_new_site_replaces_the_old_one_whole(book: Tree, tmp_path: Path) -> None:
    target = tmp_path / "public"
    (target / "gone").mkdir(parents=True)
    building.build(book, target)
    assert (target / "index.html").is_file() and (target / "zh" / "index.html").is_file()
    assert not (target / "gone").exists() and not (tmp_path / "public.old").exists()


ADDRESS = "http://127.0.0.1:1/"


@pytest.fixture
def served(book: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The small book, for a ``LiveSite``, which changes folder and environment."""
    monkeypatch.chdir(book.root)
    for name in ("BOOK_SITE_URL", "BOOK_SITE_URL_ZH"):
        monkeypatch.setenv(name, ADDRESS)
    return book


def test_english_is_there_before_chinese(served: Tree) -> None:
    target = served.build / "site"
    write("build/site/index.html", "the old one")(served)
    live = LiveSite(served, target, ADDRESS)
    assert "A parabola" in (target / "part" / "small" / "index.html").read_text(encoding="utf-8")
    assert (target / "part" / "small.md").is_file()
    assert "Home" in (target / "index.html").read_text(encoding="utf-8")
    assert not (target / "zh").exists() and live.waiting == building.BEING_BUILT
    live.finish()
    assert "一条抛物线" in (target / "zh" / "part" / "small" / "index.html").read_text(encoding="utf-8")
    assert f"]({ADDRESS}zh/part/small.md)" in (target / "llms.txt").read_text(encoding="utf-8")
    assert live.waiting == ""
    append("docs/zh/part/small.md", "\n新的一行。\n")(served)
    assert served.build / "zh" / "part" / "small.md" in live.update()
    assert "新的一行" in (target / "zh" / "part" / "small" / "index.html").read_text(encoding="utf-8")


def test_english_that_does_not_build_leaves_the_old_site(served: Tree) -> None:
    write("build/site/index.html", "the old one")(served)
    write("build/site/zh/index.html", "the old one")(served)
    append("docs/en/index.md", "\n[nowhere](part/nowhere.md)\n")(served)
    with pytest.raises(BookError, match=r"mkdocs\.yml:\nWARNING.*'index\.md' contains a link 'part/nowhere\.md'"):
        LiveSite(served, served.build / "site", ADDRESS)
    for page in ("index.html", "zh/index.html"):
        assert (served.build / "site" / page).read_text(encoding="utf-8") == "the old one"


def test_chinese_that_does_not_build_is_told_and_built_after_the_next_edit(served: Tree) -> None:
    target = served.build / "site"
    good = served.page("zh", "index").read_text(encoding="utf-8")
    append("docs/zh/index.md", "\n[nowhere](part/nowhere.md)\n")(served)
    live = LiveSite(served, target, ADDRESS)
    with pytest.raises(BookError, match=r"mkdocs\.zh\.yml:\nWARNING.*'index\.md' contains a link 'part/nowhere\.md'"):
        live.finish()
    assert live.waiting == building.NOT_BUILT and (target / "index.html").is_file()
    served.page("zh", "index").write_text(good, encoding="utf-8")
    live.update()
    assert live.waiting == "" and (target / "zh" / "index.html").is_file() and (target / "index.html").is_file()


def test_a_stopped_build_changes_nothing(served: Tree) -> None:
    live = LiveSite(served, served.build / "site", ADDRESS)
    live.stop()
    live.finish()
    assert not (served.build / "site" / "zh").exists() and live.waiting == building.BEING_BUILT


@pytest.mark.parametrize(
    ("waiting", "path", "status"),
    [
        (building.BEING_BUILT, "/zh/", "503 Service Unavailable"),
        (building.BEING_BUILT, "/zh", "503 Service Unavailable"),
        (building.NOT_BUILT, "/zh/part/small/", "503 Service Unavailable"),
        (building.BEING_BUILT, "/", "200 OK"),
        (building.BEING_BUILT, "/zhang/", "404 Not Found"),
        ("", "/zh/", "200 OK"),
    ],
)
def test_chinese_addresses_wait(tmp_path: Path, waiting: str, path: str, status: str) -> None:
    for page in ("index.html", "zh/index.html"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text("<p>a page</p>", encoding="utf-8")
    server = building._Server(builder=lambda: None, host="127.0.0.1", port=0, root=str(tmp_path))
    server.live = SimpleNamespace(waiting=waiting)  # type: ignore[assignment]
    answered: list[tuple[str, dict[str, str]]] = []
    try:
        told = server.serve_request({"PATH_INFO": path}, lambda s, h: answered.append((s, dict(h))))  # type: ignore[arg-type]
        body = b"".join(told)
        if hasattr(told, "close"):
            told.close()
    finally:
        server.server_close()
    assert [said for said, _ in answered] == [status]
    if status.startswith("503"):
        assert answered[0][1]["Retry-After"] == "2"
        assert body.decode() == waiting and '<meta http-equiv="refresh" content="2">' in waiting
