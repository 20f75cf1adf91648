// Find by API: the search itself, the finder (on its page, and as a dialog that Ctrl+K opens anywhere), and links in code.
// The search has the rules of book/find/ask.py, on the same data (finder.json); a test asks both the same questions.
(() => {
  const config = JSON.parse(document.getElementById("__config").textContent)
  const home = new URL(config.base.replace(/\/*$/, "/"), location)
  const chinese = document.documentElement.lang.startsWith("zh")
  const WORDS = chinese
    ? {
        find: "按 API 查找", hint: "名称、任务或报错信息", names: "API", examples: "示例", none: "没有找到。",
        near: "没有完全匹配的结果，拼写相近的有：", count: n => `${n} 个示例`, empty: "还没有示例", see: "还没有示例，参见",
        results: n => `${n} 条结果`, loading: "正在载入……", failed: "数据没有载入。请重新打开本页再试。", close: "关闭", link: "本次结果的链接",
        keys: "↑ ↓ 选择 · Enter 打开 · Esc 关闭", kinds: ["函数", "类", "方法", "属性"], code: "API：",
      }
    : {
        find: "Find by API", hint: "A name, a task or an error message", names: "APIs", examples: "Examples", none: "Nothing found.",
        near: "No exact match. Spelled alike:", count: n => (n === 1 ? "1 example" : `${n} examples`), empty: "no example yet",
        see: "no example yet, see", results: n => (n === 1 ? "1 result" : `${n} results`), loading: "Loading …",
        failed: "The data did not load. Open this page again to retry.", close: "Close", link: "Link to these results",
        keys: "↑ ↓ to choose · Enter to open · Esc to close", kinds: ["function", "class", "method", "property"], code: "API: ",
      }

  // ---- The search ---------------------------------------------------------------------------------------------------

  const EXPAND = { F: "torch.nn.functional", nn: "torch.nn", optim: "torch.optim", dist: "torch.distributed" }
  const NAMES = 6, EXAMPLES = 12, OF_THE_BEST = 6, SIMILAR = 12, SOME = 0.4
  const METHOD = 2 // kinds from this one on are members of a class
  const STOP = new Set((
    "a an and are as at be by can do does for from get give given has have how i if in into is it its me my of on or " +
    "that the this to use using was what when where which why with you your").split(" "))
  const CHINESE_STOP = /如何|怎么样|怎么|怎样|为什么|什么|请问|可以|的|了|吗|呢|用|对/g
  const CALL = /^(?:[A-Za-z_][A-Za-z0-9_]*\s*=\s*)?@?([A-Za-z_][A-Za-z0-9_.]*)\(/
  const NAME = /^[A-Za-z_][A-Za-z0-9_.]*$/
  const ASCII = /^[\x00-\x7f]*$/

  const squash = name => name.replace(/[_.]/g, "").toLowerCase()
  const lastPart = name => name.slice(name.lastIndexOf(".") + 1)
  const wordsOf = text =>
    text.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().match(/[a-z0-9]+|[\u3400-\u9fff]+/g) ?? []
  const hay = text => ` ${wordsOf(text).join(" ")} `
  function stem(word) {
    if (word.length > 4 && word.endsWith("ies")) return word.slice(0, -3)
    return word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word
  }
  function queryWords(query) {
    const words = [...new Set(wordsOf(query.replace(CHINESE_STOP, " ")).filter(word => !STOP.has(word)))]
    return words.length ? words : [...new Set(wordsOf(query))]
  }

  function distance(one, other, most) {
    if (Math.abs(one.length - other.length) > most) return most + 1
    let before2 = [], before = [], row = Array.from({ length: other.length + 1 }, (_, n) => n)
    for (let i = 1; i <= one.length; i++) {
      before2 = before
      before = row
      row = [i]
      for (let j = 1; j <= other.length; j++) {
        let cost = Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one[i - 1] !== other[j - 1]))
        if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) cost = Math.min(cost, before2[j - 2] + 1)
        row.push(cost)
      }
      if (Math.min(...row) > most) return most + 1
    }
    return Math.min(row[other.length], most + 1)
  }

  function prepare(data) {
    const names = data.names.map(([name, place, kind, where, aliases = "", more = null, line = ""]) => {
      const spellings = aliases ? [name, ...aliases.split(" ")] : [name]
      const last = lastPart(name)
      return {
        name, place, kind, where, line, spellings, last, lower: spellings.map(one => one.toLowerCase()), squashed: squash(last),
        whole: squash(name), words: wordsOf(name), examples: Array.isArray(more) ? more : [], kin: typeof more === "number" ? more : null,
      }
    })
    const texts = data.examples.map(([page, block, heading, other = "", alt = "", error = ""]) => ({
      head: hay(`${heading} ${other} ${block}`), rest: hay(`${data.pages[page].slice(1).join(" ")} ${alt}`), error: hay(error), uses: "",
    }))
    for (const one of names) for (const number of one.examples) texts[number].uses += ` ${wordsOf(one.last).join(" ")}`
    for (const text of texts) text.uses += " "
    return { data, names, texts }
  }

  function tier(one, { spelled, lower, last, whole, words, end }) {
    for (const name of spelled) if (one.spellings.includes(name)) return 1
    for (const name of lower) if (one.lower.includes(name)) return 2
    for (const name of spelled) for (const own of one.spellings) if (own.endsWith(`.${name}`)) return 3
    for (const name of lower) for (const own of one.lower) if (own.endsWith(`.${name}`)) return 4
    if (end && end === one.last) return one.kind >= METHOD ? 5 : 6
    if (last && last === one.squashed) return 7
    if (spelled.length && last.length >= 2 && one.squashed.startsWith(last)) return 8
    if (last.length >= 3 && one.squashed.includes(last)) return 9
    if (whole.length >= 3 && one.whole.includes(whole)) return 10
    if (words.length && words.every(word => one.words.some(own => own.startsWith(word)))) return 11
    return 0
  }

  function sortNames(index, found, dotted) {
    const order = ([number, level, away = 0]) => {
      const one = index.names[number]
      const shown = one.examples.length ? 0 : one.kin !== null ? 1 : 2
      return [level, away, shown, one.where, dotted ? 0 : +(one.kind >= METHOD), -one.examples.length, one.name.length]
    }
    return found
      .map(hit => [order(hit), hit])
      .sort(([a, [one]], [b, [other]]) => {
        for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return a[n] - b[n]
        return index.names[one].name < index.names[other].name ? -1 : 1
      })
      .map(([, [number, level]]) => [number, level])
  }

  function findNames(index, name, words) {
    if (!name && !words.length) return []
    const dot = name.indexOf(".")
    const spelled = name ? [name] : []
    if (dot > 0 && dot < name.length - 1 && Object.hasOwn(EXPAND, name.slice(0, dot)))
      spelled.unshift(EXPAND[name.slice(0, dot)] + name.slice(dot))
    const question = {
      spelled, lower: spelled.map(one => one.toLowerCase()), last: name ? squash(lastPart(name)) : words.join(""),
      whole: name.includes(".") ? squash(name) : "",
      words: !name && words.every(word => ASCII.test(word)) ? words : [], end: name.includes(".") ? lastPart(name) : "",
    }
    const found = []
    index.names.forEach((one, number) => {
      const level = tier(one, question)
      if (level) found.push([number, level])
    })
    return sortNames(index, found, name.includes("."))
  }

  function findSimilar(index, name) {
    const last = squash(lastPart(name))
    if (last.length < 4) return []
    const most = last.length < 8 ? 1 : 2
    const found = []
    index.names.forEach((one, number) => {
      const away = distance(last, one.squashed, most)
      if (away <= most) found.push([number, SIMILAR, away])
    })
    return sortNames(index, found, false)
  }

  function valueOf(text, word, start, ascii, pairs) {
    if (ascii) {
      for (const [own, worth] of [[text.head, 3], [text.error, 2], [text.uses, 1], [text.rest, 1]])
        if (own.includes(start)) return [worth + (own.includes(` ${word} `) ? 0.5 : 0), 1]
      return null
    }
    for (const [own, worth] of [[text.head, 3], [text.rest, 1]]) if (own.includes(word)) return [worth + 0.5, 1]
    for (const [own, worth] of [[text.head, 3], [text.rest, 1]]) {
      const part = pairs.filter(pair => own.includes(pair)).length / Math.max(pairs.length, 1)
      if (part >= 0.6) return [worth, part]
    }
    return null
  }

  function findExamples(index, words, isName, hasNames) {
    if (!words.length) return [[], false]
    const { texts } = index
    const seen = new Set()
    const values = words.map(word => {
      const found = new Map()
      const ascii = ASCII.test(word), start = ` ${stem(word)}`
      const pairs = Array.from({ length: word.length - 1 }, (_, n) => word.slice(n, n + 2))
      texts.forEach((text, number) => {
        const value = valueOf(text, word, start, ascii, pairs)
        if (value) found.set(number, value), seen.add(number)
      })
      return found
    })
    const weights = values.map(found => Math.log(1 + texts.length / (found.size || 0.5)))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const long = words.some(word => !ASCII.test(word) && word.length >= 4)
    const need = !isName && (words.length > 2 || long) ? 0.6 : 0.99
    const phrase = ` ${words.join(" ")}`
    const rated = []
    for (const number of [...seen].sort((a, b) => a - b)) {
      let covered = 0, points = 0
      values.forEach((found, n) => {
        const [value, part] = found.get(number) ?? [0, 0]
        covered += weights[n] * part
        points += weights[n] * value * part
      })
      covered /= total
      if (covered < SOME) continue
      points = points / total + (texts[number].head.includes(phrase) ? 2 : 0)
      if (words.length > 2 && texts[number].error.includes(phrase)) points += 3
      rated.push({ poor: covered < need, points, number, full: covered >= 0.99 && points >= 2 })
    }
    rated.sort((a, b) => a.poor - b.poor || b.points - a.points || a.number - b.number)
    let good = rated.filter(row => !row.poor)
    if (!good.length && !hasNames && !isName) good = rated
    return [good.map(row => row.number), good.some(row => row.full)]
  }

  function find(index, query) {
    query = query.replace(/\s+/g, " ").trim()
    const ident = query.match(CALL)?.[1] ?? query.replace(/^@+/, "").replace(/[(). ]+$/, "")
    const name = NAME.test(ident) ? ident : ""
    const words = queryWords(query)
    let names = findNames(index, name, words)
    let [examples, full] = findExamples(index, words, !!name, !!names.length)
    if (!names.length && !full && (name || words.length === 1)) names = findSimilar(index, name || words[0])
    const best = names.length ? names[0][1] : 99
    const namesFirst = best <= 8 || (best < SIMILAR && !full) || !examples.length
    if (best <= 7) names = names.filter(([number, level]) => level <= 7 || index.names[number].examples.length)
    names = names.slice(0, NAMES)
    if (namesFirst && names.length) {
      const own = index.names[names[0][0]].examples.slice(0, OF_THE_BEST)
      for (const [number, level] of names.slice(1)) if (level <= 7) own.push(...index.names[number].examples.slice(0, 1))
      examples = [...own, ...(best < SIMILAR ? examples : [])]
    }
    return { names, examples: [...new Set(examples)].slice(0, EXAMPLES), namesFirst: namesFirst && !!names.length }
  }

  let loading = null
  function load() {
    const fetched = () => fetch(new URL("finder.json", home))
      .then(answer => (answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText))))
    loading ??= (window.rpOffline?.finder ?? fetched)() // the offline copy can fetch nothing
      .then(prepare)
      .catch(error => { loading = null; throw error })
    return loading
  }

  // ---- The finder: a combobox with a list --------------------------------------------------------------------------

  const make = (tag, options = {}, ...children) => {
    const el = document.createElement(tag)
    for (const [key, value] of Object.entries(options))
      if (key in el && !key.startsWith("aria")) el[key] = value
      else el.setAttribute(key, value)
    el.append(...children)
    return el
  }
  let made = 0

  function mount(box, { changed = () => {}, opened = () => {} } = {}) {
    const id = `rp-finder-${++made}`
    const list = make("div", { id: `${id}-list`, role: "listbox", className: "rp-finder__list", "aria-label": WORDS.find, hidden: true })
    const input = make("input", {
      type: "text", className: "rp-finder__input", placeholder: WORDS.hint, autocomplete: "off", spellcheck: false, role: "combobox",
      "aria-label": WORDS.find, "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list", autocapitalize: "off",
      enterKeyHint: "go",
    })
    const status = make("p", { className: "rp-finder__status", role: "status" })
    box.prepend(input, status, list)
    let options = [], active = -1, asked = null

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
      el.append(make("span", { className: "rp-finder__head" }, ...head), make("span", { className: "rp-finder__note" }, note))
      if (detail) el.append(make("code", { className: "rp-finder__code" }, detail))
      options.push(el)
      return el
    }

    function ofName(index, number) {
      const { name, last, place, kind, examples, kin, line } = index.names[number]
      const address = new URL(`reference/${index.data.places[place]}/#${name}`, home)
      const told = examples.length ? WORDS.count(examples.length) : kin !== null ? `${WORDS.see} ${index.names[kin].name}` : WORDS.empty
      const parent = name.slice(0, name.length - last.length)
      const el = option(address, [make("small", {}, parent), make("b", {}, last)], `${WORDS.kinds[kind]} · ${told}`, line)
      if (!examples.length) el.classList.add("rp-finder__option--empty")
      return el
    }

    function ofExample(index, number) {
      const [page, block, heading, , , error = ""] = index.data.examples[number]
      const [path, title] = index.data.pages[page]
      const folder = path === "index" ? "" : `${path.replace(/\/index$/, "")}/`
      return option(new URL(`${folder}#code-${block}`, home), [make("b", {}, heading)], `${title} · ${block}`, error)
    }

    function group(label, children) {
      const head = make("div", { id: `${id}-${label}`, className: "rp-finder__group", role: "presentation" }, label)
      return make("div", { role: "group", "aria-labelledby": head.id }, head, ...children)
    }

    function show(index, query) {
      options = []
      const words = query.trim()
      const found = words ? find(index, words) : { names: [], examples: [] }
      const near = found.names.length && found.names[0][1] === SIMILAR
      const parts = []
      const names = () => found.names.length && parts.push(group(WORDS.names, found.names.map(([number]) => ofName(index, number))))
      const examples = () =>
        found.examples.length && parts.push(group(WORDS.examples, found.examples.map(number => ofExample(index, number))))
      for (const part of found.namesFirst ? [names, examples] : [examples, names]) part()
      list.replaceChildren(...parts)
      list.hidden = !options.length
      list.scrollTop = 0
      input.setAttribute("aria-expanded", String(!!options.length))
      status.textContent = !words ? "" : !options.length ? WORDS.none : near ? WORDS.near : WORDS.results(options.length)
      box.classList.toggle("rp-finder--asked", !!words)
      choose(options.length ? 0 : -1)
    }

    async function ask() {
      const query = input.value
      asked = query
      changed(query)
      if (!loading) status.textContent = WORDS.loading
      try {
        const index = await load()
        if (asked === query) show(index, query)
      } catch {
        status.textContent = WORDS.failed
      }
    }

    input.addEventListener("input", ask)
    input.addEventListener("keydown", event => {
      if (event.isComposing) return
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      if (step && options.length) choose((active + step + options.length) % options.length)
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
      if (number >= 0 && number !== active) choose(number)
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
      inDialog = mount(box, { changed, opened: () => dialog.close() })
      close.addEventListener("click", () => dialog.close())
      link.addEventListener("click", () => dialog.close())
      dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close() })
    }
    dialog.showModal()
    inDialog.input.select()
    load().catch(() => {})
  }

  addEventListener("keydown", event => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return
    event.preventDefault()
    if (dialog?.open) dialog.close()
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
    // Material would take ?q= for its own search: main.html puts it aside on a first load.
    const query = window.rpQuery ?? new URLSearchParams(location.search).get("q")
    delete window.rpQuery
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
    if (link) link.href = new URL("finder/", home)
    mountPage()
    for (const line of document.querySelectorAll(".rp-apis")) linkCode(line)
  })

  window.rpFinder = { prepare, find, load }
})()
