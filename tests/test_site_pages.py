"""site_pages: its quick reader against html.parser, and that a site is read once."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
import site_pages
from site_pages import Quick, file_of, look


class Told(HTMLParser):
    """All that a parser tells, with the text between two tags in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, object]] = []

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.events.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("/", tag))

    def handle_data(self, data: str) -> None:
        if self.events and self.events[-1][0] == "text":
            data = f"{self.events.pop()[1]}{data}"
        self.events.append(("text", data))


class QuickTold(Quick, Told):
    pass


def told(parser: Told, markup: str) -> list[tuple[str, object]]:
    parser.feed(markup)
    parser.close()
    return parser.events


@pytest.mark.parametrize(
    "markup",
    [
        "<p class='a b' hidden data-x=1>one &amp; two &lt; three</p>",
        '<img alt="a > b &quot;c&quot;" src="x.png"/>and <br> <BR/>text',
        "<!doctype html><!-- <p>no</p> --><P>yes</P >",
        "<script>if (a < b && c) d('</p>')</script><style>a > b {}</style>",
        "<p>1 < 2 and <em>3</em></p>",
        '<pre><code><span class="n">x</span>\n<span></span></code></pre>',
    ],
)
def test_the_quick_reader_tells_the_same(markup: str) -> None:
    assert told(QuickTold(), markup) == told(Told(), markup)


@pytest.mark.parametrize("page", ["concepts/autograd", "finder", "reference/torch", "index"])
def test_the_quick_reader_tells_the_same_of_the_book(built_site: Path, page: str) -> None:
    markup = (built_site / file_of(page, "zh")).read_text(encoding="utf-8")
    assert told(QuickTold(), markup) == told(Told(), markup)


def test_file_of() -> None:
    assert file_of("index", "en") == "index.html" and file_of("index", "zh") == "zh/index.html"
    assert file_of("concepts/autograd", "zh") == "zh/concepts/autograd/index.html"
    assert file_of("reference/torch/", "en") == file_of("reference/torch", "en") == "reference/torch/index.html"


def test_a_page_is_read() -> None:
    page = look('<nav>no</nav><article><h1 id="top" class="a b">Title</h1><script>no</script> &amp; text</article>')
    assert (page.words, page.ids, page.classes, page.groups) == ("Title & text", {"top"}, {"a", "b"}, [])
    assert 50 < page.gzipped < 150


def test_a_site_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "part").mkdir(parents=True)
    (site / "index.html").write_text("<article>one</article>", encoding="utf-8")
    (site / "part" / "index.html").write_text("<article>two</article>", encoding="utf-8")
    first = site_pages.read(site)
    assert {path: page.words for path, page in first.items()} == {"index.html": "one", "part/index.html": "two"}
    monkeypatch.setattr(site_pages, "look", lambda markup: pytest.fail("read again"))
    assert site_pages.read(site) == first
