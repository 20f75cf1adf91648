"""book.ground.errors"""

from __future__ import annotations

from book.ground.errors import BookError, at, nearest


def test_at_puts_the_place_first() -> None:
    error = at("docs/en/a.md", 41, "is wrong")
    assert isinstance(error, BookError)
    assert str(error) == "docs/en/a.md:41: is wrong"
    assert str(at("docs/en/a.md", None, "is wrong")) == "docs/en/a.md: is wrong"


def test_nearest_offers_what_is_close_and_nothing_else() -> None:
    assert nearest("backward_scalr", ["forward", "backward_scalar"]) == ' (did you mean "backward_scalar"?)'
    assert nearest("backward", ["pivot"]) == ""
    assert nearest("backward", []) == ""
