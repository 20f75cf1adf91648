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
    requestAnimationFrame(focusScrollable)
  })
  addEventListener("resize", focusScrollable)
})()

// The study plan: a check box for each page, remembered by this browser, in one store for both languages.
;(() => {
  const KEY = "runnable-pytorch.read"
  const chinese = document.documentElement.lang.startsWith("zh")
  const words = chinese ? { head: "已读", page: "已读：", count: (n, all) => `已读 ${n} 页，共 ${all} 页` }
    : { head: "Read", page: "read: ", count: (n, all) => `${n} of ${all} pages read` }

  function stored() {
    try {
      const pages = JSON.parse(localStorage.getItem(KEY))
      return new Set(Array.isArray(pages) ? pages : [])
    } catch {
      return new Set() // nobody may read the store, or something else wrote there
    }
  }

  function mark(page, read) {
    const pages = stored()
    if (read) pages.add(page)
    else pages.delete(page)
    try {
      localStorage.setItem(KEY, JSON.stringify([...pages].sort()))
    } catch {} // a private window: the mark lasts as long as the page
  }

  // "../../workflow/tabular/" and, in the copy that works from disk, "../../workflow/tabular/index.html"
  const nameOf = link => new URL(link.href).pathname.replace(/index\.html$/, "").split("/").filter(Boolean).slice(-2).join("/")

  function addMarks(plan) {
    const rows = [...plan.querySelectorAll("tbody tr")].filter(row => row.querySelector("a"))
    const told = document.createElement("p")
    told.className = "rp-plan__count"
    told.setAttribute("aria-live", "polite")
    const count = () => {
      told.textContent = words.count(rows.filter(row => row.querySelector("input").checked).length, rows.length)
    }
    for (const row of plan.querySelectorAll("tr")) {
      const head = row.querySelector("th")
      const cell = row.insertCell(0)
      if (head) cell.outerHTML = `<th scope="col" class="rp-plan__mark">${words.head}</th>`
      const link = row.querySelector("td a")
      if (!link) continue
      const box = document.createElement("input")
      box.type = "checkbox"
      box.checked = stored().has(nameOf(link))
      box.setAttribute("aria-label", words.page + link.textContent)
      box.addEventListener("change", () => {
        mark(nameOf(link), box.checked)
        count()
      })
      cell.className = "rp-plan__mark"
      cell.append(box)
    }
    count()
    plan.prepend(told)
  }

  window.document$.subscribe(() => {
    for (const plan of document.querySelectorAll(".rp-plan:not(:has(input))")) addMarks(plan)
  })
})()
