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
    const boxes = "pre > code, .md-typeset__scrollwrap, math[display=block], p:has(> .rp-figure)"
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

  // While a page is fetched, the theme may write the place in the old one behind the new address: a reload would jump there.
  let asked = null
  document.addEventListener("click", ({ target }) => {
    const link = target instanceof Element && target.closest("a[href]")
    if (link) asked = new URL(link.href)
  }, true)
  function keepAddress() {
    if (asked?.pathname === location.pathname && asked.hash !== location.hash) history.replaceState(history.state, "", asked)
    asked = null
  }

  window.document$.subscribe(() => {
    keepAddress()
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

// Long pages: a box that keeps what holds its words, and folds that open for an address that leads into them.
;(() => {
  const chinese = document.documentElement.lang.startsWith("zh")
  const words = chinese ? { label: "筛选本页", count: (n, all) => `${all} 条中有 ${n} 条` }
    : { label: "Filter this page", count: (n, all) => `${n} of ${all}` }

  function openTarget() {
    let target
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    } catch {
      return // an address that is no text
    }
    const folds = []
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold)
    if (!folds.length) return
    for (const fold of folds) fold.open = true
    setTimeout(() => target.scrollIntoView({ behavior: "instant" }), 100) // after the browser, which knows nothing of the header
  }

  function addFilter(content, box, folds) {
    const rowsOf = new Map(folds.map(fold => [fold, [...fold.querySelectorAll("tbody tr")]]))
    const all = folds.reduce((n, fold) => n + (rowsOf.get(fold).length || 1), 0)
    box.innerHTML = `<label>${words.label} <input type="search" class="rp-finder__input" autocomplete="off"></label> <span aria-live="polite"></span>`
    const [input, told] = [box.querySelector("input"), box.querySelector("span")]
    const opened = new Set(folds.filter(fold => fold.open))
    function filter() {
      const asked = input.value.toLowerCase().split(/\s+/).filter(Boolean)
      const has = (...texts) => asked.every(word => texts.some(text => text.toLowerCase().includes(word)))
      let left = 0
      for (const fold of folds) {
        const title = fold.querySelector("summary").textContent
        const rows = rowsOf.get(fold)
        const kept = rows.filter(row => has(title, row.textContent))
        for (const row of rows) row.hidden = asked.length > 0 && !kept.includes(row)
        const found = rows.length ? kept.length > 0 : has(fold.textContent)
        fold.hidden = !found
        fold.open = asked.length ? found : opened.has(fold)
        left += rows.length ? kept.length : Number(found)
      }
      for (const heading of content.querySelectorAll("h2")) { // one above folds that are all gone goes with them
        const below = []
        for (let next = heading.nextElementSibling; next && next.tagName !== "H2"; next = next.nextElementSibling) below.push(next)
        const own = below.filter(one => one.matches(".rp-fold"))
        if (own.length) heading.hidden = own.every(one => one.hidden)
      }
      told.textContent = asked.length ? words.count(left, all) : ""
    }
    input.addEventListener("input", filter)
  }

  window.document$.subscribe(() => {
    const content = document.querySelector(".md-content__inner")
    const box = content?.querySelector(".rp-filter:empty")
    if (box) addFilter(content, box, [...content.querySelectorAll(".rp-fold")])
    openTarget()
  })
  addEventListener("hashchange", openTarget)
})()

// How far one is on this page, and a way back to where one was the last time. One store for both languages.
;(() => {
  const KEY = "runnable-pytorch.place"
  const KEPT = 40 // pages
  const chinese = document.documentElement.lang.startsWith("zh")
  const words = chinese ? { on: "上次读到：", far: n => `已读到 ${n} %` } : { on: "You were at: ", far: n => `${n} %` }
  const base = new URL(JSON.parse(document.getElementById("__config").textContent).base, location)
  const home = base.pathname.replace(/\/*$/, "/")
  let page = ""
  let headings = []
  let waits = false
  const header = document.querySelector(".md-header") // a property of the whole document would style every element anew, at each step of a scroll

  const nameOf = () => location.pathname.startsWith(home) ? location.pathname.slice(home.length).replace(/index\.html$/, "") : ""

  function stored() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY))
      return Array.isArray(kept) ? kept.filter(row => Array.isArray(row) && row.length === 2) : []
    } catch {
      return []
    }
  }

  function keep(name, anchor) {
    const rest = stored().filter(row => row[0] !== name)
    try {
      localStorage.setItem(KEY, JSON.stringify(anchor ? [[name, anchor], ...rest].slice(0, KEPT) : rest))
    } catch {} // a private window: no way back, then
  }

  function look() {
    waits = false
    if (!headings.length || page !== nameOf()) return
    const room = document.documentElement.scrollHeight - innerHeight
    const far = room > 0 ? Math.min(100, Math.round(100 * scrollY / room)) : 100
    header.style.setProperty("--rp-far", far / 100)
    for (const told of document.querySelectorAll(".rp-far")) told.textContent = words.far(far)
    const above = headings.filter(heading => heading.getBoundingClientRect().top < 120)
    if (scrollY > innerHeight) keep(page, far > 97 ? "" : above.at(-1)?.id)
  }

  function offer(content) {
    const anchor = stored().find(row => row[0] === page)?.[1]
    const heading = anchor && headings.find(one => one.id === anchor)
    if (!heading || location.hash || scrollY > 0 || headings.indexOf(heading) < 1) return
    const line = document.createElement("a")
    line.className = "rp-resume"
    line.href = `#${anchor}`
    line.textContent = words.on + heading.firstChild.textContent
    line.addEventListener("click", () => line.remove())
    content.append(line)
  }

  window.document$.subscribe(() => {
    const content = document.querySelector(".md-content__inner")
    page = nameOf()
    headings = content && content.querySelector(".rp-code") ? [...content.querySelectorAll("h2[id], h3[id]")] : []
    header.style.setProperty("--rp-far", 0)
    header.classList.toggle("rp-header--far", headings.length > 0)
    if (!headings.length) return
    const title = document.querySelector(".md-sidebar--secondary .md-nav__title")
    if (title && !title.querySelector(".rp-far")) title.insertAdjacentHTML("beforeend", `<span class="rp-far" aria-hidden="true"></span>`)
    offer(content)
    look()
  })
  addEventListener("scroll", () => {
    if (waits) return
    waits = true
    requestAnimationFrame(look)
  }, { passive: true })
})()

// Shapes of the tensors at the end of each line: one switch for the site, remembered, key s. Nothing is fetched before it is used.
;(() => {
  const KEY = "runnable-pytorch.shapes"
  const base = new URL(JSON.parse(document.getElementById("__config").textContent).base, location)
  const home = new URL(base.pathname.replace(/\/*$/, "/"), base)
  let on = false
  try {
    on = localStorage.getItem(KEY) === "on"
  } catch {} // a private window: off, until it is switched on

  // Lines of a block -> where each ends: the text node and the offset of its line break.
  function endsOf(code) {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
    const ends = []
    let last = null
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (let at = node.data.indexOf("\n"); at >= 0; at = node.data.indexOf("\n", at + 1)) ends.push([node, at])
      last = node
    }
    if (last && !last.data.endsWith("\n")) ends.push([last, last.data.length])
    return ends
  }

  function told(notes) {
    const texts = new Set(notes.map(note => note.slice(note.indexOf(" ") + 1)))
    return texts.size === 1 ? [...texts][0] : notes.map(note => note.trim()).join("; ")
  }

  function annotate(code, lines) {
    const ends = endsOf(code)
    for (const line of Object.keys(lines).map(Number).sort((a, b) => b - a)) {
      const [node, at] = ends[line - 1] ?? []
      if (!node) continue
      const shape = document.createElement("span")
      shape.className = "rp-shape"
      shape.dataset.shape = told(lines[line]) // shown by the style sheet, so that nobody copies it
      node.splitText(at)
      node.after(shape)
      for (let el = shape.previousSibling; el && !(el.textContent.includes("\n")); el = el.previousSibling)
        for (const note of lines[line]) {
          const [name] = note.split(" ", 1)
          if (name && el.textContent === name && el.nodeType === Node.ELEMENT_NODE) {
            el.title = note.slice(name.length + 1)
            el.tabIndex = -1 // a tap shows it too
          }
        }
    }
  }

  async function fill() {
    const blocks = [...document.querySelectorAll(".rp-code[id]")]
    if (!document.querySelector(".rp-shapes") || document.querySelector(".rp-shape")) return
    const page = location.pathname.slice(home.pathname.length).replace(/index\.html$/, "")
    let found
    try {
      if (window.rpOffline) found = await window.rpOffline.file(`${page}shapes.json`)
      else {
        const answer = await fetch(new URL(`${page}shapes.json`, home))
        if (!answer.ok) throw new Error(answer.statusText)
        found = await answer.json()
      }
    } catch {
      return // the page stays as it is
    }
    if (document.querySelector(".rp-shape")) return // asked twice
    for (const block of blocks) {
      const lines = found[block.id.replace("code-", "")]
      if (lines) annotate(block.querySelector("code"), lines)
    }
  }

  function show() {
    document.documentElement.classList.toggle("rp-shapes--on", on)
    for (const button of document.querySelectorAll(".rp-shapes")) button.setAttribute("aria-pressed", String(on))
    if (on) fill()
  }

  function change() {
    on = !on
    try {
      localStorage.setItem(KEY, on ? "on" : "off")
    } catch {}
    show()
  }

  document.addEventListener("click", event => {
    if (event.target instanceof Element && event.target.closest(".rp-shapes")) change()
  })
  addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey, target }) => {
    const types = target instanceof Element && (target.isContentEditable || target.matches("input, textarea, select"))
    if (key === "s" && !ctrlKey && !metaKey && !altKey && !types && document.querySelector(".rp-shapes") && !document.querySelector("dialog[open]")) change()
  })
  window.document$.subscribe(show)
})()
