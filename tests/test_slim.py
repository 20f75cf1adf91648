"""book.slim"""

from __future__ import annotations

import pytest

from book.site.slim import slimmed


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<ul>\n\n    <li>a</li>\n  \n</ul>", "<ul>\n<li>a</li>\n</ul>"),
        ("<p>one\n  two\N{NO-BREAK SPACE}\n three</p>", "<p>one\ntwo\N{NO-BREAK SPACE}\nthree</p>"),
        ("<pre>\n  a\n\n    b\n</pre>\n\n<p>", "<pre>\n  a\n\n    b\n</pre>\n<p>"),
        ('<pre><span></span>x<span class="w">  </span><span class="o">=</span></pre>', '<pre>x  <span class="o">=</span></pre>'),
        ("<script>a\n\n  b</script>\n <textarea>\n\n c</textarea>", "<script>a\n\n  b</script>\n<textarea>\n\n c</textarea>"),
        ("<p>a  b</p>", "<p>a  b</p>"),
    ],
)  # fmt: skip
def test_only_unseen_white_space_goes(html: str, expected: str) -> None:
    assert slimmed(html) == expected
    assert slimmed(expected) == expected
