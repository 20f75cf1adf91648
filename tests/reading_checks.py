"""Checks of a page as hands and eyes meet it: room to tap, code that isn't covered, things that show that they go on.

Each returns its problems, as those of ``browser_support`` do.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

SMALLEST = 44  # CSS pixels of a target, WCAG 2.2, 2.5.5 "Target size (enhanced)"
MOVED = 0.004  # rows of a table that come late on a machine twenty times as slow; web.dev calls 0.1 good
LETTERS = 0.6  # the smallest scale of a figure: letters of 10 points become 8 pixels


def _found(page: Page, script: str) -> list[Any]:
    return list(page.evaluate(script))


def small_targets(page: Page) -> list[str]:
    """What can be tapped is large enough; links inside a sentence are excepted, as WCAG excepts them."""
    return [
        f"{what} is {width:.0f} x {height:.0f} pixels"
        for what, width, height in _found(
            page,
            """() => [...document.querySelectorAll("a[href], button, input:not(.md-toggle), summary, label[for], select")]
            .filter(el => el.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !el.matches(".md-skip, .md-overlay, .headerlink"))
            .filter(el => !el.closest(".md-sidebar, code, h1, h2, h3, h4, [hidden]"))
            .filter(el => {
                const box = el.closest("p, li, td, th, dd, dt, figcaption, .md-copyright, .rp-finder__status")
                if (!box || box.matches(".rp-run, .rp-take, .rp-buttons, .rp-filter")) return true
                return box.textContent.trim() === el.textContent.trim() && !box.matches("li, td, .md-copyright")
            })
            .map(el => {
                let { width, height } = el.getBoundingClientRect()
                const own = el.matches("input") && el.closest("label")
                if (own) ({ width, height } = own.getBoundingClientRect())
                const name = `${el.tagName.toLowerCase()}.${el.className} ${(el.textContent || el.title || el.ariaLabel || "").trim().slice(0, 40)}`
                return [name, Math.max(width, 0), height]
            })
            .filter(([, width, height]) => width > 0)""",
        )
        if min(width, height) < SMALLEST - 0.5
    ]


def covered_code(page: Page) -> list[str]:
    """No copy button lies over code."""
    return [
        f"the button lies over the code of {name}"
        for name in _found(
            page,
            """() => [...document.querySelectorAll(".rp-code")].filter(block => {
                const button = block.querySelector(".md-code__nav")?.getBoundingClientRect()
                const code = block.querySelector("code")
                if (!button || !code.checkVisibility()) return false
                const box = code.getBoundingClientRect()
                const range = document.createRange()
                range.selectNodeContents(code)
                return [...range.getClientRects()].some(text =>
                    text.top < button.bottom - 1 && text.bottom > button.top + 1 &&
                    Math.min(text.right, box.right) > button.left + 1 && text.left < button.right - 1)
            }).map(block => block.id)""",
        )
    ]


def unmarked_scroll(page: Page) -> list[str]:
    """What is wider than its box shows so: its background casts a shadow where it goes on."""
    return [
        f"{what} goes on without a sign"
        for what in _found(
            page,
            """() => [...document.querySelectorAll("article pre > code, article .md-typeset__scrollwrap, article math[display=block], article p:has(> .rp-figure)")]
            .filter(el => el.checkVisibility() && el.scrollWidth > el.clientWidth + 1)
            .filter(el => !getComputedStyle(el).backgroundAttachment.includes("local") && getComputedStyle(el, "::after").position !== "sticky")
            .map(el => `${el.tagName.toLowerCase()} ${el.closest("[id]")?.id}`)""",
        )
    ]


def cut_titles(page: Page) -> list[str]:
    """Headings are whole, and no title of a list lies over its entries."""
    return [
        f"{what} is not whole"
        for what in _found(
            page,
            """() => {
                for (const link of document.querySelectorAll(".headerlink")) link.style.display = "none"
                const cut = [...document.querySelectorAll("article :is(h1, h2, h3), .md-header__topic .md-ellipsis")]
                    .filter(el => el.checkVisibility({ opacityProperty: true }) && el.scrollWidth > el.clientWidth + 1 && getComputedStyle(el).display !== "inline")
                    .map(el => el.textContent.trim().slice(0, 50))
                for (const title of document.querySelectorAll(".md-sidebar .md-nav__title")) {
                    if (!title.checkVisibility()) continue
                    const box = title.getBoundingClientRect()
                    const first = title.parentElement.querySelector(".md-nav__list > .md-nav__item > .md-nav__link")
                    const next = first?.getBoundingClientRect()
                    const scrolled = title.closest(".md-sidebar__scrollwrap").scrollTop > 0
                    if (next && box.height && next.height && !scrolled && next.top < box.bottom - 1) cut.push(`${title.textContent.trim()} over ${first.textContent.trim()}`)
                }
                return cut
            }""",
        )
    ]


def small_figures(page: Page) -> list[str]:
    """Figures are shown large enough to read their letters."""
    return [
        f"{name} is shown at {scale:.2f} of its size"
        for name, scale in _found(
            page,
            """() => [...document.querySelectorAll(".rp-figure[src*='.svg']")].filter(img => img.checkVisibility())
            .map(img => [img.getAttribute("src"), img.getBoundingClientRect().width / img.getAttribute("width")])""",
        )
        if scale < LETTERS
    ]


def two_lines(page: Page) -> list[str]:
    """On a desk each entry of the left list stands in one line."""
    return [
        f"{text!r} takes {lines} lines"
        for text, lines in _found(
            page,
            """() => [...document.querySelectorAll(".md-sidebar--primary .md-nav__link .md-ellipsis")]
            .filter(el => el.checkVisibility())
            .map(el => [el.textContent.trim(), Math.round(el.getBoundingClientRect().height / (parseFloat(getComputedStyle(el).fontSize) * 1.3))])
            .filter(([, lines]) => lines > 1)""",
        )
    ]


def moved(page: Page) -> list[str]:
    """Nothing moves while a page loads: the sum of its layout shifts (web.dev, "Cumulative Layout Shift").

    Header and navigation are painted whole. A machine under load may paint the first rows of a table before the others,
    which then widen it, or a footer that goes down.
    """
    score = page.evaluate(
        """() => new Promise(done => {
            let sum = 0
            new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value })
                .observe({ type: "layout-shift", buffered: true })
            setTimeout(() => done(sum), 300)
        })"""
    )
    return [f"what is on the page moved by {score:.4f}"] if score > MOVED else []
