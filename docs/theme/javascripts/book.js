// Small additions to the theme. The pages read well without them.
// Material emits every page on document$, the first and those loaded by instant navigation.
(() => {
  const base = new URL(JSON.parse(document.getElementById("__config").textContent).base, location)
  const home = base.pathname.replace(/\/*$/, "/")

  // The header stays when a page is swapped in, so the switch must be pointed at the new page.
  function pointLanguageSwitch() {
    const link = document.querySelector(".rp-language")
    if (!link || "fixed" in link.dataset) return
    if (!location.pathname.startsWith(home)) return
    const page = location.pathname.slice(home.length)
    link.href = new URL(link.dataset.root + page, new URL(home, location)) + location.hash
  }

  // What scrolls sideways must be reachable from the keyboard.
  function focusScrollable() {
    const boxes = "pre > code, .md-typeset__scrollwrap, math[display=block]"
    for (const el of document.querySelectorAll(boxes))
      if (el.scrollWidth > el.clientWidth) el.tabIndex = 0
      else el.removeAttribute("tabindex")
  }

  // Material's search dialog has no name, and it hears keys only: a word picked with the mouse
  // from an input method, or pasted, would not be searched.
  function mendSearch() {
    const dialog = document.querySelector(".md-search[role=dialog]:not([aria-label])")
    const input = dialog?.querySelector("input")
    if (!input) return
    dialog.setAttribute("aria-label", input.placeholder)
    input.addEventListener("input", () => input.dispatchEvent(new KeyboardEvent("keyup")))
  }

  // "copy runnable" is a link to a program of its own; with a clipboard it is copied instead of opened.
  async function copyProgram(link) {
    const words = document.documentElement.lang.startsWith("zh") ? ["已复制", "复制失败，请打开链接"] : ["copied", "not copied: open the link"]
    const label = link.dataset.label ??= link.textContent
    let told = words[0]
    try {
      const answer = await fetch(link.href)
      if (!answer.ok) throw new Error(answer.statusText)
      await navigator.clipboard.writeText(await answer.text())
    } catch {
      told = words[1]
    }
    link.textContent = told
    link.setAttribute("aria-live", "polite")
    setTimeout(() => { link.textContent = label }, 2000)
  }
  document.addEventListener("click", event => {
    const link = event.target instanceof Element && event.target.closest(".rp-program")
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !navigator.clipboard || location.protocol === "file:") return
    event.preventDefault()
    event.stopPropagation()
    copyProgram(link)
  }, true)

  // The anchor moves while reading: take the one of the moment of the click (or Enter, or a new tab).
  for (const event of ["pointerdown", "focusin", "click"])
    document.addEventListener(event, ({ target }) => {
      if (target instanceof Element && target.closest(".rp-language")) pointLanguageSwitch()
    }, true)

  window.document$.subscribe(() => {
    pointLanguageSwitch()
    mendSearch()
    requestAnimationFrame(focusScrollable)
  })
  addEventListener("resize", focusScrollable)
})()
