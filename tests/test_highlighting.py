"""book.site.highlighting: code that stands on many pages is coloured once, and comes out as without."""

from __future__ import annotations

from typing import Any

import markdown
import pytest
from pygments.formatters.html import HtmlFormatter
from pymdownx.highlight import Highlight

from book.site import highlighting

PLAIN = """\
```python
x = 1
```

- in a list

    ```python
    x = 1
    ```

```{options}
x = 1
```

A word in `#!python x = 1` and `plain`.
"""
OPTIONS = {
    "same": "python",
    "other language": "text",
    "title": 'python title="A & B"',
    "numbers": 'python linenums="1"',
    "marked lines": 'python hl_lines="1"',
    "class and id": "{.python .mine #here data-x=1}",
}


def html(text: str, **settings: Any) -> str:
    extensions = ["attr_list", "pymdownx.superfences", "pymdownx.highlight", "pymdownx.inlinehilite"]
    return markdown.markdown(text, extensions=extensions, extension_configs={"pymdownx.highlight": settings})


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Remembers from now on; lists the code that was really coloured."""
    seen: list[str] = []

    def colour(self: Any, src: str, *args: Any, **named: Any) -> Any:
        seen.append(src)
        return plain(self, src, *args, **named)

    plain = highlighting._PLAIN
    for owner, name in ((Highlight, "highlight"), (HtmlFormatter, "_create_stylesheet")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back afterwards
    monkeypatch.setattr(highlighting, "_coloured", {})
    monkeypatch.setattr(highlighting, "_PLAIN", colour)
    highlighting.remember()
    return seen


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("settings", [{}, {"line_spans": "s"}, {"pygments_lang_class": True}], ids=str)
def test_it_comes_out_as_without(
    options: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    text = PLAIN.replace("{options}", options)
    monkeypatch.setattr(Highlight, "highlight", highlighting._PLAIN)
    monkeypatch.setattr(HtmlFormatter, "_create_stylesheet", highlighting._SHEET)
    without = html(text, **settings)
    request.getfixturevalue("coloured")
    assert html(text, **settings) == without and html(text, **settings) == without
    assert "x</span>" in without or options == "text"


def test_the_same_code_is_coloured_once(coloured: list[str]) -> None:
    text = PLAIN.replace("{options}", "python") + PLAIN.replace("{options}", "text")
    first = html(text)
    assert coloured.count("x = 1") == 4, "python once, text once, and each inline code"
    assert html(text) == first and coloured.count("x = 1") == 6, "inline code belongs to its page"
    html(text, line_spans="s")
    assert coloured.count("x = 1") == 14, "a block with its number in it is another one each time"
