"""book.find.related: blocks that use the same rare names, and the helpers that an example needs."""

from __future__ import annotations

from collections import Counter

import pytest

from book.find import reference, related
from book.find.reference import Example, Index, Place
from book.ground.tree import HERE
from book.names import apis


def example(page: str, block: str, *names: str, code: str = "x") -> Example:
    return Example(page, block, code, [], names, {"en": Place(page, block, block, "")})


def index(*examples: Example) -> Index:
    return Index(apis.load(), examples)


def near(found: Index, page: str, block: str) -> list[str]:
    return [other.name for other in related.related(found).get((page, block), [])]


FFT, SVD, ADD = "torch.fft.rfft", "torch.linalg.svd", "torch.add"


def test_the_rarer_the_shared_names_the_nearer() -> None:
    others = [example(f"c/{n}", "plain", ADD) for n in range(30)]
    found = index(
        example("a/a", "one", FFT, SVD, ADD),
        example("b/b", "two", SVD, ADD),
        example("b/c", "three", FFT, SVD),
        *[example("d/d", f"more_{n}", SVD) for n in range(3)],
        *others,
    )
    assert near(found, "a/a", "one") == ["b/c:three", "d/d:more_0", "b/b:two"]
    assert near(found, "c/1", "plain") == [], "a name that every second block uses relates nothing"


def test_of_a_page_one_block_never_the_own_page_and_no_solution() -> None:
    found = index(
        example("a/a", "one", FFT),
        example("a/a", "two", FFT),
        example("b/b", "three", FFT),
        example("b/b", "four", FFT),
        example("c/c", "solution_x", FFT),
    )
    assert near(found, "a/a", "one") == ["b/b:four"]


@pytest.fixture(scope="module")
def book() -> Index:
    return reference.build(HERE)


def test_in_the_book_links_lead_to_what_shares_a_rare_name(book: Index) -> None:
    found = related.related(book)
    count = Counter(name for e in book.examples for name in {book.known.canonical.get(n, n) for n in e.apis})
    by_name = {(e.page, e.block): e for e in book.examples}
    assert len(found) > len(book.examples) / 4
    for (page, block), others in found.items():
        own = {book.known.canonical.get(n, n) for n in by_name[page, block].apis}
        assert 1 <= len(others) <= related.MOST and len({other.page for other in others}) == len(others)
        for other in others:
            assert other.page != page
            shared = own & {book.known.canonical.get(n, n) for n in other.apis}
            assert any(count[name] <= related.RARE for name in shared), (page, block, other.name)


def test_helpers_are_those_that_the_code_needs() -> None:
    found = index(
        example(
            "a/a",
            "one",
            code="def slope(f):\n    return grad(f)\n\ndef grad(f):\n    return f\n\ndef unused():\n    pass\n",
        ),
        example("a/a", "two", code="class Curve:\n    '''A curve.'''\n"),
        example("a/a", "three", code="print(slope(Curve))\n"),
        example("b/b", "four", code="print(slope(1))\n"),
        example("a/a", "five", code="def slope(x):\n    return x\nslope(1)\n"),
        example("a/a", "broken", code="def ("),
    )
    three, four, five = found.examples[2], found.examples[3], found.examples[4]
    assert [name for name, _ in related.helpers(found, three)] == ["slope", "grad", "Curve"]
    assert related.helpers(found, three)[0][1] == "def slope(f):\n    return grad(f)"
    assert related.helpers(found, four) == [], "another page's"
    assert related.helpers(found, five) == [], "its own"


def test_a_long_helper_is_left_to_its_page() -> None:
    long = "def draw():\n" + "    pass\n" * related.LONGEST
    found = index(example("a/a", "one", code=long), example("a/a", "two", code="draw()"))
    assert related.helpers(found, found.examples[1]) == []


def test_helpers_are_folded_above_the_examples_that_need_them(book: Index) -> None:
    from book.site import reference_pages

    files = reference_pages.generate(HERE, "en", book)
    text = "".join(text for name, text in files.items() if name.startswith("reference/"))
    shown = [e for e in book.examples if related.helpers(book, e)]
    assert shown and text.count('<details class="rp-helpers"') > 20
