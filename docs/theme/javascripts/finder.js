// The box of the search: on its page, and as a dialog that Ctrl+K, "/" or a tap opens anywhere; and links in code.
// search.js finds and ranks; it, MiniSearch and the index are fetched when somebody is about to search.
(() => {
  const config = JSON.parse(document.getElementById("__config").textContent)
  const home = new URL(config.base.replace(/\/*$/, "/"), location)
  const chinese = document.documentElement.lang.startsWith("zh")
  const WORDS = chinese
    ? {
        find: "搜索", hint: "名称、任务、术语或报错信息", none: "书里没有找到。", near: "书里没有这个。最接近的有：",
        alike: "没有这个名称，拼写相近的有：", count: n => `${n} 个示例`, empty: "还没有示例", see: "还没有示例，参见",
        results: n => `${n} 条结果`, loading: "正在载入……", failed: "索引没有载入，无法搜索。请检查网络后再试。",
        partly: "只搜索了标题和名称：其余部分没有载入。", close: "关闭", link: "本次结果的链接", read: word => `按“${word}”搜索。`,
        keys: "↑ ↓ 选择 · Enter 打开 · Esc 关闭", kinds: ["函数", "类", "方法", "属性"], toolkit: "工具包", code: "API：",
        means: (say, since) => `${say}${since ? `（自 torch ${since}）` : ""} →`,
      }
    : {
        find: "Search", hint: "A name, a task, a word or an error message", none: "Nothing in the book.", near: "Nothing in the book has this. Nearest:",
        alike: "No such name. Spelled alike:", count: n => (n === 1 ? "1 example" : `${n} examples`), empty: "no example yet",
        see: "no example yet, see", results: n => (n === 1 ? "1 result" : `${n} results`), loading: "Loading …",
        failed: "The index did not load, so nothing can be searched. Check the connection and try again.",
        partly: "Only headings and names were searched: the rest did not load.", close: "Close", link: "Link to these results",
        read: word => `Searched as “${word}”.`, keys: "↑ ↓ to choose · Enter to open · Esc to close",
        kinds: ["function", "class", "method", "property"], toolkit: "toolkit", code: "API: ",
        means: (say, since) => `${say}${since ? ` (since torch ${since})` : ""} →`,
      }

  const make = (tag, options = {}, ...children) => {
    const el = document.createElement(tag)
    for (const [key, value] of Object.entries(options))
      if (key in el && !key.startsWith("aria")) el[key] = value
      else el.setAttribute(key, value)
    el.append(...children)
    return el
  }

  // ---- What is fetched ----------------------------------------------------------------------------------------------

  const script = path => new Promise((resolve, reject) => {
    const el = make("script", { src: new URL(path, home).href })
    el.addEventListener("load", resolve)
    el.addEventListener("error", () => { el.remove(); reject(new Error(path)) })
    document.head.append(el)
  })
  const fetched = new Map()
  // A file of the index; the offline copy can fetch nothing, and has each as a script.
  function file(name) {
    if (!fetched.has(name)) {
      const wanted = window.rpOffline
        ? window.rpOffline.file(name)
        : fetch(new URL(`search/${name}`, home)).then(answer => (answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText))))
      fetched.set(name, wanted.catch(error => { fetched.delete(name); throw error }))
    }
    return fetched.get(name)
  }
  let loading = null
  function load() {
    loading ??= Promise.all([script("javascripts/vendor/minisearch.js").then(() => script("javascripts/search.js")), file("index.json")])
      .then(([, data]) => new rpSearch.Search(data))
      .catch(error => { loading = null; throw error })
    return loading
  }
  const digits = (number, count) => String(number).padStart(count, "0")
  // The pieces of prose that a query needs. Returns whether there were any.
  async function pieces(search, query) {
    const numbers = search.needs(query)
    await Promise.all(numbers.map(async number => search.add(number, await file(`${digits(number, 3)}.json`))))
    return numbers.length > 0
  }
  async function found(query) {
    const search = await load()
    await pieces(search, query)
    return search.find(query)
  }

  // ---- The finder: a combobox with a list --------------------------------------------------------------------------

  let made = 0

  function mount(box, { changed = () => {}, opened = () => {} } = {}) {
    const id = `rp-finder-${++made}`
    const list = make("div", { id: `${id}-list`, role: "listbox", className: "rp-finder__list", "aria-label": WORDS.find, hidden: true })
    const input = make("input", {
      type: "text", className: "rp-finder__input", placeholder: WORDS.hint, autocomplete: "off", spellcheck: false, role: "combobox",
      "aria-label": WORDS.find, "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list", autocapitalize: "off",
      enterKeyHint: "search",
    })
    const status = make("p", { className: "rp-finder__status", role: "status" })
    box.prepend(input, status, list)
    let options = [], active = -1, asked = null, moved = false // moved: the reader chose, not we

    function choose(number) {
      options[active]?.setAttribute("aria-selected", "false")
      active = number
      const el = options[active]
      if (el) {
        el.setAttribute("aria-selected", "true")
        el.scrollIntoView({ block: "nearest" })
        input.setAttribute("aria-activedescendant", el.id)
      } else input.removeAttribute("aria-activedescendant")
    }

    function option(href, head, note, detail) {
      const el = make("a", { href, role: "option", tabIndex: -1, className: "rp-finder__option", "aria-selected": "false" })
      el.id = `${id}-${options.length}`
      el.append(make("span", { className: "rp-finder__head" }, ...head), make("span", { className: "rp-finder__note" }, note ?? ""))
      if (detail) el.append(make("code", { className: "rp-finder__code" }, detail))
      options.push(el)
      return el
    }

    function ofName(answer) {
      const { name, kindOf, count, kin } = answer
      const last = name.slice(name.lastIndexOf(".") + 1)
      const told = count ? WORDS.count(count) : kin ? `${WORDS.see} ${kin}` : WORDS.empty
      const head = [make("small", {}, name.slice(0, name.length - last.length)), make("b", {}, last)]
      const el = option(new URL(answer.address, home), head, `${WORDS.kinds[kindOf]} · ${told}`, " ")
      if (!count) el.classList.add("rp-finder__option--empty")
      const code = el.querySelector("code")
      file(`lines-${digits(answer.number % 16, 2)}.json`).then(lines => { code.textContent = lines[answer.number] ?? "" }, () => {})
      return el
    }

    function of(answer) {
      let el
      if (answer.kind === "api") el = ofName(answer)
      else if (answer.kind === "toolkit") el = option(new URL(answer.address, home), [make("b", {}, answer.name)], WORDS.toolkit, answer.line)
      else {
        const note = answer.heading === answer.title ? "" : answer.title
        el = option(new URL(answer.address, home), [make("b", {}, answer.heading)], note, answer.message)
      }
      if (answer.alias) el.querySelector(".rp-finder__head").prepend(make("small", {}, WORDS.means(answer.alias, answer.since), " "))
      return el
    }

    function show(result, query, partly) {
      const chosen = moved ? options[active]?.href : ""
      options = []
      const words = query.trim()
      const rows = result.answers.length ? result.answers : result.near
      list.replaceChildren(...(words ? rows : []).map(of))
      list.hidden = !options.length
      list.scrollTop = 0
      input.setAttribute("aria-expanded", String(!!options.length))
      const alike = result.near.some(one => one.kind === "api")
      const told = !words ? "" : !options.length ? WORDS.none : !result.answers.length ? (alike ? WORDS.alike : WORDS.near) : WORDS.results(options.length)
      status.textContent = [told, result.mended && WORDS.read(result.mended), partly && WORDS.partly].filter(Boolean).join(" ")
      box.classList.toggle("rp-finder--asked", !!words)
      const again = chosen ? options.findIndex(el => el.href === chosen) : -1
      choose(options.length ? Math.max(0, again) : -1)
    }

    const NONE = { answers: [], near: [] }
    async function ask() {
      const query = input.value
      asked = query
      moved = false
      changed(query)
      if (!query.trim()) return show(NONE, query)
      if (!loading) status.textContent = WORDS.loading
      let search
      try {
        search = await load()
      } catch {
        if (asked === query) show(NONE, ""), status.textContent = WORDS.failed
        return
      }
      if (asked !== query) return
      try {
        const wanted = search.needs(query).length > 0
        list.setAttribute("aria-busy", String(wanted))
        if (wanted) {
          show(search.find(query), query)
          await pieces(search, query)
        }
        if (asked === query) show(search.find(query), query)
      } catch {
        if (asked === query) show(search.find(query), query, true)
      }
      if (asked === query) list.setAttribute("aria-busy", "false")
    }

    input.addEventListener("input", ask)
    input.addEventListener("keydown", event => {
      if (event.isComposing) return
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      if (step && options.length) moved = true, choose((active + step + options.length) % options.length)
      else if (event.key === "Enter" && options[active]) {
        const { ctrlKey, metaKey, shiftKey } = event
        options[active].dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }))
      } else if (event.key === "Escape" && input.value && !box.closest("dialog")) {
        input.value = ""
        ask()
      } else return
      event.preventDefault()
      event.stopPropagation()
    })
    // Material hears single keys (n, p, s, /) on the window, except in its own fields.
    for (const name of ["keydown", "keyup", "keypress"])
      input.addEventListener(name, event => { if (event.key !== "Escape" && !event.ctrlKey && !event.metaKey) event.stopPropagation() })
    list.addEventListener("mousemove", event => {
      const number = options.indexOf(event.target.closest?.("[role=option]"))
      if (number >= 0 && number !== active) moved = true, choose(number)
    })
    list.addEventListener("click", event => {
      if (event.target.closest("[role=option]") && !event.ctrlKey && !event.metaKey && !event.shiftKey) opened()
    })
    return {
      input,
      ask(query) {
        input.value = query
        return ask()
      },
    }
  }

  // ---- The dialog, anywhere ----------------------------------------------------------------------------------------

  let dialog = null, inDialog = null
  // A field in a dialog that has closed keeps the focus until the next frame, and would swallow the next key.
  function closeDialog() {
    dialog.close()
    inDialog.input.blur()
  }
  function openDialog() {
    const page = document.querySelector("[data-finder] .rp-finder__input")
    if (page) return page.focus()
    if (!dialog) {
      const box = make("div", { className: "rp-finder" })
      const close = make("button", { type: "button", className: "rp-finder__close", ariaLabel: WORDS.close, title: `${WORDS.close} (Esc)` }, "×")
      const link = make("a", { className: "rp-finder__link", href: new URL("finder/", home) }, WORDS.link)
      const foot = make("p", { className: "rp-finder__foot" }, make("span", {}, WORDS.keys), link)
      dialog = make("dialog", { className: "rp-finder-dialog md-typeset" }, close, box, foot)
      dialog.setAttribute("aria-label", WORDS.find)
      document.body.append(dialog)
      const changed = query => { link.href = new URL(`finder/${query ? `?q=${encodeURIComponent(query)}` : ""}`, home) }
      inDialog = mount(box, { changed, opened: closeDialog })
      close.addEventListener("click", closeDialog)
      link.addEventListener("click", closeDialog)
      dialog.addEventListener("close", () => inDialog.input.blur())
      dialog.addEventListener("click", event => { if (event.target === dialog) closeDialog() })
    }
    dialog.showModal()
    inDialog.input.select()
    load().catch(() => {})
  }

  const types = el => el instanceof Element && (el.isContentEditable || el.matches("input, textarea, select"))
  addEventListener("keydown", event => {
    const { key, ctrlKey, metaKey, shiftKey, altKey, target } = event
    const slash = key === "/" && !ctrlKey && !metaKey && !altKey && !types(target) && !dialog?.open
    if (!slash && (key.toLowerCase() !== "k" || !(ctrlKey || metaKey) || shiftKey || altKey)) return
    event.preventDefault()
    if (dialog?.open) closeDialog()
    else openDialog()
  })
  document.addEventListener("click", event => {
    const button = event.target instanceof Element && event.target.closest(".rp-find")
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    event.stopPropagation()
    openDialog()
  }, true)

  // ---- The page ----------------------------------------------------------------------------------------------------

  function mountPage() {
    const box = document.querySelector("[data-finder]")
    if (!box || box.querySelector(".rp-finder__input")) return
    let later = 0
    const changed = query => {
      clearTimeout(later) // browsers refuse an address that changes with every key
      later = setTimeout(() => {
        if (!box.isConnected) return
        const url = new URL(location)
        if (query) url.searchParams.set("q", query)
        else url.searchParams.delete("q")
        history.replaceState(history.state, "", url)
      }, 200)
    }
    const finder = mount(box, { changed })
    const query = new URLSearchParams(location.search).get("q")
    if (query) finder.ask(query)
    finder.input.focus({ preventScroll: true })
    box.querySelector(".rp-finder__try")?.addEventListener("click", event => {
      const link = event.target.closest("a")
      if (!link) return
      event.preventDefault()
      event.stopPropagation()
      finder.ask(new URL(link.href).searchParams.get("q"))
      finder.input.focus()
    })
  }

  // ---- Links in code -----------------------------------------------------------------------------------------------

  // The line under a block names its APIs and says where the code writes them: make links of these words.
  function linkCode(line) {
    let el = line.previousElementSibling
    while (el && !el.matches(".rp-code")) el = el.previousElementSibling
    const code = el?.querySelector("pre > code")
    if (!code) return
    const spots = []
    for (const link of line.querySelectorAll("a[data-at]"))
      link.dataset.at.split(" ").forEach((at, n) => spots.push({ at: +at, link, first: n === 0 }))
    spots.sort((a, b) => a.at - b.at)
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
    let node = walker.nextNode(), start = 0
    for (const { at, link, first } of spots) {
      while (node && start + node.length <= at) {
        start += node.length
        node = walker.nextNode()
      }
      const word = node?.data.slice(at - start).match(/^\w+/)?.[0]
      if (!word || node.parentElement.closest("a")) continue
      const rest = node.splitText(at - start)
      const next = rest.splitText(word.length)
      const api = link.textContent
      const a = make("a", { className: "rp-api-link", href: link.href, title: WORDS.code + api })
      if (!first) a.tabIndex = -1 // one stop for each API of a block is enough for the keyboard
      rest.replaceWith(a)
      a.append(rest)
      start += node.length + word.length
      node = walker.currentNode = next
    }
  }

  window.document$.subscribe(() => {
    const link = document.querySelector(".rp-find")
    if (link) {
      link.href = new URL("finder/", home)
      if (matchMedia("(hover: hover)").matches) { // who has no keys is told of none
        link.title = `${WORDS.find} (Ctrl+K, /)`
        link.setAttribute("aria-keyshortcuts", "Control+K Meta+K /")
      }
    }
    mountPage()
    for (const line of document.querySelectorAll(".rp-apis")) linkCode(line)
  })

  window.rpFinder = { load, found }
})()
