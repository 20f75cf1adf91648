// The search of the book: cuts text into tokens, indexes the list of documents, ranks. No DOM here: the page's box
// (finder.js) and the terminal (book/find/engine.py) run this same file, so both give the same answers. MiniSearch counts
// and scores the words (vendor/minisearch.js); what is known beyond words stands here: names, messages, aliases.
;(root => {
  "use strict"

  // ---- Tokens -------------------------------------------------------------------------------------------------------

  const LONGEST = 600 // characters of a query that are read
  const MOST = 40 // words of a query
  const RUN = /[A-Za-z_][A-Za-z0-9_]*|\d+|[\u3400-\u9fff]+/g
  const HAN = /[\u3400-\u9fff]/
  const STOP = new Set((
    "a an and are as at be by can could do does for from get give given has have how i if in into is it its me my of on or should " +
    "that the then there these this to use used using want was what when where which while why will with would you your we they " +
    "so than but some any between about all make vs torch please example examples tutorial usage").split(" "))
  const CHINESE_STOP = new RegExp("如何|怎么样|怎么办|怎么|怎样|为什么|为何|什么是|是什么|什么|哪个|哪些|哪里|请问|可以|能不能|是否|有没有|应该|需要|" +
    "使用方法|用法|教程|示例|例子|例程|实现|一下|一个|之间|的|了|吗|呢|和|与|把|在|是|用|对|给|让|里|有|我|想|要|会|能", "g")

  // American spelling and one root, cut lightly: "initialising", "initialization" -> "initializ".
  function stem(word) {
    if (word.length < 4 || /\d/.test(word)) return word
    let w = word
    if (w.endsWith("ies") && w.length > 4) w = `${w.slice(0, -3)}y`
    else if (/(?:ss|sh|ch|x|z)es$/.test(w)) w = w.slice(0, -2)
    else if (w.endsWith("s") && !/(?:ss|us|is)$/.test(w)) w = w.slice(0, -1)
    w = w.replace(/i[sz]ation(?:al)?$/, "iz").replace(/is(e|er|ed|ing)$/, (all, end) => (w.length > 6 ? `iz${end}` : all))
    for (const end of ["ing", "ed", "er", "ly"])
      if (w.length > end.length + 3 && w.endsWith(end) && /[aeiouy]/.test(w.slice(0, -end.length))) {
        w = w.slice(0, -end.length)
        if (/([b-df-hj-np-tv-z])\1$/.test(w) && !/(?:ll|ss|zz)$/.test(w)) w = w.slice(0, -1)
        break
      }
    if (w.length > 4 && w.endsWith("our")) w = `${w.slice(0, -3)}or`
    return w.length > 4 && w.endsWith("e") ? w.slice(0, -1) : w
  }

  // DataLoader -> data, loader; conv2d -> conv, 2d; save_for_backward -> save, for, backward.
  const partsOf = name => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]?(?![a-z])|\d+/g) ?? []
  const squash = name => name.replace(/[_.\s-]/g, "").toLowerCase()
  const lastPart = name => name.slice(name.lastIndexOf(".") + 1)

  class Tokens {
    constructor(data) {
      this.simplified = new Map()
      const pairs = data.traditional ?? ""
      for (let n = 0; n + 1 < pairs.length; n += 2) this.simplified.set(pairs[n], pairs[n + 1])
      this.older = this.simplified.size ? new RegExp(`[${[...this.simplified.keys()].join("")}]`, "g") : null
      this.known = new Set()
      for (const [, chinese] of data.terms ?? []) if (/^[\u3400-\u9fff]{2,}$/.test(chinese)) this.known.add(chinese)
      this.longest = Math.max(2, ...[...this.known].map(word => word.length))
    }

    // Full-width letters, compatibility forms and traditional characters become plain ones.
    fold(text) {
      let folded = text.normalize ? text.normalize("NFKC") : text
      if (this.older) folded = folded.replace(this.older, one => this.simplified.get(one))
      return folded
    }

    // [token, how much it says] of folded text. A name counts whole and in parts.
    weighed(text) {
      const found = []
      for (const [run] of text.matchAll(RUN)) {
        if (HAN.test(run)) this.chinese(run, found)
        else if (/^\d/.test(run)) found.push([run, 0.5])
        else {
          const parts = partsOf(run).map(part => part.toLowerCase())
          const whole = squash(run)
          if (!whole) continue
          if (parts.length < 2) found.push([stem(whole), 1])
          else {
            found.push([whole, 1.5])
            for (const part of parts) if (part.length > 1) found.push([stem(part), 0.7])
          }
        }
      }
      return found
    }

    chinese(run, found) {
      if (run.length === 1) found.push([run, 0.5])
      for (let n = 0; n + 2 <= run.length; n++) {
        found.push([run.slice(n, n + 2), 1])
        for (let size = 3; size <= this.longest && n + size <= run.length; size++)
          if (this.known.has(run.slice(n, n + size))) found.push([run.slice(n, n + size), 1.5])
      }
    }

    of(text) {
      return this.weighed(this.fold(text)).map(([token]) => token)
    }
  }

  // ---- The index ----------------------------------------------------------------------------------------------------

  const FIELDS = ["head", "other", "told", "up", "apis", "blocks", "msg"]
  const BOOST = { head: 5, other: 3, told: 2, up: 1.2, apis: 0.8, blocks: 1.5, msg: 1 }
  const BM25 = { k: 1.2, b: 0.5, d: 0.4 }
  const SHARDS = 512
  const KINDS = { s: "section", n: "api", t: "toolkit", m: "message" }
  const METHOD = 2 // kinds of names from this one on are members of a class
  const OPTIONS = {
    fields: FIELDS, idField: "id", tokenize: text => text.split(" "), processTerm: term => term || null,
    searchOptions: { boost: BOOST, bm25: BM25, combineWith: "OR", weights: { fuzzy: 0.3, prefix: 0.35 } },
  }
  const PROSE = { ...OPTIONS, fields: ["prose"], searchOptions: { bm25: { k: 1.2, b: 0.6, d: 0.3 }, combineWith: "OR" } }

  const shardOf = term => {
    let sum = 7
    for (let n = 0; n < term.length; n++) sum = (sum * 31 + term.charCodeAt(n)) % 100003
    return sum % SHARDS
  }

  // Tokens of every document of the packed data, field by field.
  function documentsOf(data, tokens) {
    const cut = (...texts) => texts.flatMap(text => tokens.of(text)).join(" ")
    const apis = data.sections.map(() => [])
    data.names.forEach(name => name.sections.forEach(number => apis[number].push(lastPart(name.name))))
    const made = data.sections.map((section, number) => ({
      id: `s${number}`, head: cut(section.heading), other: cut(section.other), told: cut(section.told),
      up: cut(...section.above.flatMap(n => [data.sections[n].heading, data.sections[n].other])),
      apis: cut(apis[number].join(" ")), blocks: cut(section.blocks.replace(/_/g, " ")),
    }))
    data.names.forEach(({ name, aliases }, number) => {
      const parts = name.split(".")
      made.push({ id: `n${number}`, head: cut(parts.at(-1)), up: cut(parts.slice(1, -1).join(" ")), other: cut(aliases) })
    })
    data.tools.forEach(([name, page, line], number) => made.push({ id: `t${number}`, head: cut(name), told: cut(line), up: cut(page.slice(8)) }))
    data.messages.forEach(([, , text], number) => made.push({ id: `m${number}`, msg: messageTokens(text, tokens).join(" ") }))
    return made
  }

  // Texts of prose as their tokens, and how often each is there: [token, count, token, count ...].
  function countsOf(data) {
    const tokens = new Tokens(data)
    return data.texts.map(text => {
      const counts = new Map()
      for (const token of tokens.of(text)) if (!STOP.has(token)) counts.set(token, (counts.get(token) ?? 0) + 1)
      return [...counts].flat()
    })
  }

  // Sections' prose as postings: what a page fetches in pieces, by the words of a query. ``counted``: see countsOf.
  function proseOf(counted) {
    const shards = Array.from({ length: SHARDS }, () => Object.create(null)) // a token may be "constructor"
    const lengths = counted.map((row, number) => {
      for (let n = 0; n < row.length; n += 2) (shards[shardOf(row[n])][row[n]] ??= []).push(number, row[n + 1])
      return row.length / 2
    })
    // [number of the section, how often] in pairs: as steps from the one before, and nothing where it is once
    const packed = shards.map(shard => Object.fromEntries(Object.entries(shard).map(([token, row]) => {
      const out = []
      for (let n = 0, last = 0; n < row.length; last = row[n], n += 2) {
        const step = row[n] - last
        if (row[n + 1] > 1) out.push(-step - 1, row[n + 1])
        else out.push(step)
      }
      return [token, out]
    })))
    return { lengths, shards: packed }
  }

  function unpackPostings(row) {
    const found = {}
    let last = 0, count = 0
    for (let n = 0; n < row.length; n++) {
      const once = row[n] >= 0
      last += once ? row[n] : -row[n] - 1
      found[last] = once ? 1 : row[++n]
      count++
    }
    return [found, count]
  }

  // The packed data (book/find/store.py: one list for each thing that names and sections have) with both as objects.
  function unpack(data) {
    if (data.names?.[0]?.name !== undefined || data.v !== 3) return data
    const { text, place, kind, where, aliases, sections, count, kin } = data.names
    let before = ""
    const names = text.split("\n").map((row, n) => {
      const same = row.charCodeAt(0) - 32
      before = before.slice(0, same) + row.slice(1)
      return {
        name: before, place: place[n], kind: +kind[n], where: +where[n], aliases: aliases[n] ?? "", sections: sections[n] || [],
        count: count[n] || 0, kin: kin[n] ?? null,
      }
    })
    const [anchors, headings, others, blocks, tolds] =
      ["anchor", "heading", "other", "blocks", "told"].map(key => data.sections[key].split("\n"))
    const rows = data.sections.page.map((page, n) => ({
      page, anchor: anchors[n] || blocks[n].split(" ")[0].replaceAll("_", "-"), heading: headings[n], other: others[n],
      above: data.sections.above[n] || [], blocks: blocks[n], told: tolds[n],
    }))
    return { ...data, names, sections: rows }
  }

  // ---- Messages -----------------------------------------------------------------------------------------------------

  const ANSI = /\x1b\[[0-9;?]*[A-Za-z]/g
  const THROWN = /^\s*(?:E\s+)?((?:\w+\.)*\w*(?:Error|Warning|Exception|Interrupt|Iteration))\b\s*[:：]?\s*(.*)$/
  const FRAME = /^\s*(?:File ".*", line \d+|Traceback|During handling|The above exception|\^+|~+|-->|>\s|raise |at )/

  // A pasted traceback without its frames: the last exception and its message. "" where the text holds none.
  function thrown(text) {
    const lines = text.replace(ANSI, "").split(/\r?\n/)
    let at = -1
    lines.forEach((line, n) => { if (THROWN.test(line) && !FRAME.test(line)) at = n })
    if (at < 0) {
      const inner = text.replace(ANSI, "").match(/\b((?:\w+\.)*[A-Z]\w*(?:Error|Warning|Exception))\s*[:：]\s*([\s\S]+)$/)
      return inner ? `${inner[1]}: ${inner[2]}` : ""
    }
    const [, type, message] = lines[at].match(THROWN)
    const more = []
    for (const line of lines.slice(at + 1, at + 4)) {
      if (!line.trim() || FRAME.test(line)) break
      more.push(line.trim())
    }
    return `${type}: ${[message, ...more].join(" ")}`
  }

  // Words of a message without what changes from one to the next: numbers, paths, addresses, shapes.
  function messageTokens(text, tokens) {
    const plain = tokens.fold(text)
      .replace(/(?:[A-Za-z]:)?(?:[\\/][\w.\-~]+){2,}/g, " ")
      .replace(/\b0x[0-9a-f]+\b/gi, " ")
      .replace(/\bcuda:\d+/g, "cuda")
      .replace(/[-+]?\d[\d.,e]*/gi, " ")
    return (plain.match(/[A-Za-z_]+|[\u3400-\u9fff]/g) ?? []).map(word => stem(squash(word))).filter(Boolean)
  }

  // How much of two messages is the same, in the same order: pairs of neighbours in common, 0 to 1.
  function alike(one, other) {
    const pairs = words => words.map((word, n) => `${word} ${words[n + 1] ?? ""}`)
    const count = new Map()
    for (const pair of [...other, ...pairs(other)]) count.set(pair, (count.get(pair) ?? 0) + 1)
    let same = 0
    const mine = [...one, ...pairs(one)]
    for (const pair of mine) {
      const left = count.get(pair) ?? 0
      if (left) same++, count.set(pair, left - 1)
    }
    return { mine: same / Math.max(1, mine.length), theirs: same / Math.max(1, 2 * other.length) }
  }

  // ---- Names --------------------------------------------------------------------------------------------------------

  const EXPAND = { F: "torch.nn.functional", nn: "torch.nn", optim: "torch.optim", dist: "torch.distributed", th: "torch" }
  const CALL = /^(?:[A-Za-z_]\w*\s*=\s*)?@?([A-Za-z_][\w.]*)\s*\(.*\)$/
  const NAME = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/g

  function distance(one, other, most) {
    if (Math.abs(one.length - other.length) > most) return most + 1
    let before2 = [], before = [], row = Array.from({ length: other.length + 1 }, (_, n) => n)
    for (let i = 1; i <= one.length; i++) {
      before2 = before
      before = row
      row = [i]
      let least = i
      for (let j = 1; j <= other.length; j++) {
        let cost = Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one[i - 1] !== other[j - 1]))
        if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) cost = Math.min(cost, before2[j - 2] + 1)
        row.push(cost)
        if (cost < least) least = cost
      }
      if (least > most) return most + 1
    }
    return Math.min(row[other.length], most + 1)
  }

  // 1: the name itself; 2: in other capitals; 3: its last parts; 4: these in other capitals; 5, 6: its last part behind
  // another object (x.view); 7: without dots and lines; 8: begins so; 0: not at all.
  function tierOf(one, spelled, last, dotted) {
    for (const name of spelled) {
      const low = name.toLowerCase()
      for (const own of one.spellings) {
        if (own === name) return 1
        if (own.endsWith(`.${name}`)) return 3
        const ownLow = own.toLowerCase()
        if (ownLow === low) return 2
        if (ownLow.endsWith(`.${low}`)) return 4
      }
    }
    if (dotted && lastPart(spelled.at(-1)) === one.last) return one.kind >= METHOD ? 5 : 6
    if (last && last === one.squashed) return 7
    return last.length >= 3 && one.squashed.startsWith(last) ? 8 : 0
  }

  // ---- The search ---------------------------------------------------------------------------------------------------

  const ANSWERS = 10
  const NOTHING = 0.3 // coverage below which nothing was found
  const SAME = 0.5 // of a message's words and their order, from which it is the same message
  // What one thing is worth beside another; bench/search.py measures what they give.
  const WORTH = {
    prose: 3, none: 0.3, power: 1, // a section's prose beside its headings; the least and the weight of coverage
    afterthought: 0.5, taste: 0.45, page: 1, // exercises and summaries; overviews; the top of a page
    nearly: 1.3, missing: 3, ofQuery: 0.7, least: 0.15, // an alias in other words: a word of it that the query lacks; words that it lacks
    shown: 0.4, bare: 0.25, member: 0.8, tool: 0.7, // names with an example and without one; methods; the toolkit
  }
  const AFTERTHOUGHT = /^(?:summary|exercises?|next|solution|check-yourself|what-next|more)\b|^exercise-/

  // Of a word that the book has not: how many letters may be wrong, and whether others may begin with it.
  const slipsOf = word => (/^[a-z]{4,}$/.test(word) ? (word.length > 7 ? 2 : 1) : 0)
  const begins = word => word.length > 2 && /^[a-z]/.test(word)

  // Which letters a word has, a bit each: one wrong letter changes two bits at most.
  function letters(word) {
    let bits = 0
    for (let n = 0; n < word.length; n++) bits |= 1 << (word.charCodeAt(n) & 31)
    return bits
  }
  function ones(bits) {
    let count = 0
    for (let left = bits; left; left &= left - 1) count++
    return count
  }

  class Search {
    // ``stored``: MiniSearch's own serialised index of the core, from which only what the query can meet is taken.
    constructor(data, stored) {
      this.data = unpack(data)
      this.tokens = new Tokens(this.data)
      this.stored = stored ?? null
      this.shards = new Map()
      this.lengths = this.data.proseLengths ?? []
      this.average = this.lengths.reduce((sum, one) => sum + one, 0) / Math.max(1, this.lengths.length)
      this.data.names.forEach(one => {
        one.last = lastPart(one.name)
        one.squashed = squash(one.last)
        one.spellings = one.aliases ? [one.name, ...one.aliases.split(" ")] : [one.name]
      })
      this.aliases = this.data.aliases.flatMap(([said, to, as, since]) => said.split("\n").map(say =>
        ({ say, to, as: as ?? "", since: since ?? "", plain: this.plain(say), han: HAN.test(say) })))
      this.aliases.forEach((row, number) => { row.number = number })
      const longer = this.aliases.map(row => row.say).filter(say => /^[\u3400-\u9fff]{4,}$/.test(say))
      this.dictionary = new Set([...this.tokens.known, ...longer])
      this.byPlace = null
      if (!stored) this.core = this.build()
    }

    build() {
      const core = new root.MiniSearch(OPTIONS)
      const documents = documentsOf(this.data, this.tokens)
      core.addAll(documents)
      this.count = documents.length
      this.df = new Map()
      for (const made of documents) {
        const seen = new Set()
        for (const field of FIELDS) if (made[field]) for (const token of made[field].split(" ")) seen.add(token)
        for (const token of seen) this.df.set(token, (this.df.get(token) ?? 0) + 1)
      }
      return core
    }

    // MiniSearch with the terms that these words can meet: the same scores as with all of them.
    part(words) {
      const { stored } = this
      this.count = stored.documentCount
      this.df = new Map()
      const wanted = new Set(words)
      const there = new Set(stored.index.map(([term]) => term).filter(term => wanted.has(term)))
      const slips = words.filter(word => !there.has(word) && slipsOf(word)).map(word => [word, slipsOf(word), letters(word)])
      const last = words.at(-1)
      const begun = last && !there.has(last) && begins(last) ? last : ""
      const met = new Set()
      const index = stored.index.filter(([term, row]) => {
        const slipped = () => slips.some(([word, most, own]) =>
          Math.abs(term.length - word.length) <= most && ones(own ^ letters(term)) <= 2 * most && distance(term, word, most) <= most)
        const near = wanted.has(term) || (begun && term.startsWith(begun)) || slipped()
        if (near) {
          const documents = new Set(Object.values(row).flatMap(Object.keys))
          this.df.set(term, documents.size)
          for (const id of documents) met.add(id)
        }
        return near
      })
      const documentIds = {}, fieldLength = {}
      for (const id of met) documentIds[id] = stored.documentIds[id], fieldLength[id] = stored.fieldLength[id]
      return root.MiniSearch.loadJS({ ...stored, index, documentIds, fieldLength }, OPTIONS)
    }

    plain(text) {
      return ` ${this.tokens.fold(text).toLowerCase().replace(/[^a-z0-9\u3400-\u9fff]+/g, " ").trim()} `
    }

    // ---- What a query says

    read(text) {
      const error = thrown(text.slice(0, 100_000))
      const pasted = /Traceback|^\s*File "/m.test(text)
      let query = (error && (pasted || error.length > 20) ? error : text.replace(ANSI, "")).replace(/\s+/g, " ").trim().slice(0, LONGEST)
      query = this.tokens.fold(query)
      return { query, error: !!error }
    }

    // Aliases in the query, longest first; what they cover is not covered again.
    spoken(query, without) {
      let plain = this.plain(query)
      const found = []
      const order = this.order ??= [...this.aliases].sort((a, b) => b.plain.length - a.plain.length)
      for (const row of order) {
        if (row.number === without) continue
        const say = row.han ? row.plain.trim() : row.plain
        if (say.trim() && plain.includes(say)) {
          found.push(row)
          plain = plain.replace(say, row.han ? "\u0001" : " \u0001 ")
        }
      }
      return { found, rest: plain }
    }

    // Aliases whose words the query has, apart or in another order: [row, how much of the row and of the query that is].
    nearly(query, spoken, weights, without) {
      const own = this.units(query)
      const worth = token => weights.get(token) ?? 0.5
      let asked = 0
      for (const [token] of own) asked += worth(token)
      const begun = [...own.keys()].map(token => (HAN.test(token) ? token : token.slice(0, Math.max(3, token.length - 1)))) // stems end otherwise
      const found = []
      for (const row of this.aliases) {
        if (row.number === without || !begun.some(token => row.plain.includes(token)) || spoken.includes(row)) continue
        let met = 0, missing = 0
        for (const [token, weight] of row.tokens ??= [...this.units(row.say)]) {
          if (own.has(token)) met += worth(token)
          else missing += weight * WORTH.missing
        }
        const ofRow = met / (met + missing)
        const share = ofRow * (met / (asked || 1)) ** WORTH.ofQuery
        if (ofRow >= 0.5 && share >= WORTH.least) found.push([row, share])
      }
      return found.sort((a, b) => b[1] - a[1] || a[0].number - b[0].number).slice(0, 4)
    }

    units(query) {
      const cut = query.replace(CHINESE_STOP, " ")
      let words = this.tokens.weighed(cut).filter(([token]) => !STOP.has(token))
      if (!words.length) words = this.tokens.weighed(query)
      const units = new Map()
      for (const [token, weight] of words) if (!units.has(token) && units.size < MOST) units.set(token, weight)
      return units
    }

    // A word of the glossary or a longer alias with one character wrong: 损失涵数. Not one that headings have: 累加 beside 累积.
    mended(query) {
      const found = []
      const written = pair => {
        this.said ??= new Set(this.stored ? this.stored.index.map(([term]) => term) : this.df.keys())
        return this.said.has(pair) || this.aliases.some(row => row.plain.includes(pair))
      }
      for (const [run] of query.matchAll(/[\u3400-\u9fff]{3,}/g))
        for (const word of this.dictionary) {
          if (word.length < 3 || run.length < word.length || run.includes(word)) continue
          for (let n = 0; n + word.length <= run.length; n++) {
            let wrong = 0, at = 0
            for (let m = 0; m < word.length && wrong < 2; m++) if (run[n + m] !== word[m]) wrong++, at = n + m
            if (wrong !== 1 || (word.length <= 3 && run.length > word.length + 2)) continue
            const pairs = [at - 1, at].filter(from => from >= n && from + 2 <= n + word.length)
            if (!pairs.some(from => written(run.slice(from, from + 2)))) found.push([word, run.slice(n, n + word.length)])
          }
        }
      return found
    }

    // Which pieces of prose a query needs; those that are here already are left out.
    needs(text) {
      const { query } = this.read(text)
      const { found } = this.spoken(query)
      const words = [...this.units([query, ...found.map(row => row.as)].join(" ")).keys(), ...this.mended(query).flatMap(([word]) => this.tokens.of(word))]
      return [...new Set(words.map(shardOf))].filter(number => !this.shards.has(number)).sort((a, b) => a - b)
    }

    add(number, shard) {
      this.shards.set(number, shard)
    }

    prose(words) {
      const index = [], df = new Map()
      for (const word of words) {
        const shard = this.shards.get(shardOf(word))
        if (!shard || !Object.hasOwn(shard, word)) continue
        const row = shard[word]
        const [postings, count] = unpackPostings(row)
        df.set(word, count)
        index.push([word, { 0: postings }])
      }
      if (!index.length) return { hits: [], df }
      const ids = {}, lengths = {}
      for (const [, row] of index) for (const n of Object.keys(row[0])) ids[n] = `s${n}`, lengths[n] = [this.lengths[n]]
      const mini = root.MiniSearch.loadJS({
        documentCount: this.lengths.length, nextId: this.lengths.length, documentIds: ids, fieldIds: { prose: 0 }, fieldLength: lengths,
        averageFieldLength: [this.average], storedFields: {}, dirtCount: 0, index, serializationVersion: 2,
      }, PROSE)
      return { hits: mini.search(words.join(" ")), df }
    }

    // ---- Answers

    find(text, { without = -1 } = {}) {
      const { query, error } = this.read(String(text))
      const none = { query, answers: [], nothing: true, near: [], error, mended: "" }
      if (!/[A-Za-z0-9_\u3400-\u9fff]/.test(query)) return none
      const { found: rows, rest } = this.spoken(query, without)
      let said = query
      for (const row of rows) if (row.as) said += ` ${row.as}`
      const mended = this.mended(query)
      const units = this.units(said)
      for (const [word, wrong] of mended) {
        for (const token of this.tokens.of(wrong)) units.delete(token)
        for (const [token, weight] of this.tokens.weighed(word)) units.set(token, weight)
      }
      const words = [...units.keys()]
      const names = this.names(query, words)
      if (this.stored) this.core = this.part(words)
      const text_ = this.texts(units, words)
      const latin = query.replace(/[\u3400-\u9fff]+/g, " ").trim() // a message, and beside it a question about it
      const near = this.nearly(query, rows, text_.weights, without)
      const message = error || latin.split(/\s+/).length >= 4 ? this.messages(latin, text_.hits, error) : null
      return this.merged(query, error, rows, rest, near, names, text_, message, mended, none)
    }

    // Sections, names and tools by their words.
    texts(units, words) {
      const { core } = this
      const known = word => this.df.has(word)
      const last = words.at(-1)
      const hits = core.search(words.join(" "), {
        prefix: term => term === last && !known(term) && begins(term), // still being typed
        fuzzy: term => !known(term) && slipsOf(term),
        boostTerm: term => units.get(term) ?? 1,
      })
      const prose = this.prose(words)
      const seen = word => (this.df.get(word) ?? 0) + (prose.df.get(word) ?? 0)
      const weights = new Map(words.map(word => {
        const count = seen(word)
        const worth = (units.get(word) ?? 1) * Math.log(1 + this.count / (count + 1))
        return [word, count ? worth : worth * (HAN.test(word) ? 0.08 : 0.5)]
      }))
      const total = [...weights.values()].reduce((sum, one) => sum + one, 0) || 1
      const rated = new Map()
      const note = (id, score, terms, part) => {
        const one = rated.get(id) ?? { id, core: 0, prose: 0, terms: new Set() }
        one[part] += score
        for (const term of terms) one.terms.add(term)
        rated.set(id, one)
      }
      for (const hit of hits) if (hit.id[0] !== "m") note(hit.id, hit.score / Math.max(1, hit.queryTerms.length), hit.queryTerms, "core")
      for (const hit of prose.hits) note(hit.id, hit.score / Math.max(1, hit.queryTerms.length), hit.queryTerms, "prose")
      const list = []
      for (const one of rated.values()) {
        let covered = 0
        for (const term of one.terms) covered += weights.get(term) ?? 0
        one.cover = covered / total
        one.score = (one.core + WORTH.prose * one.prose) * (WORTH.none + one.cover ** WORTH.power) * this.prior(one.id)
        list.push(one)
      }
      list.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      return { list, hits, total, weights }
    }

    prior(id) {
      const number = +id.slice(1)
      if (id[0] === "s") {
        const { anchor, above, page } = this.data.sections[number]
        if ([anchor, ...above.map(n => this.data.sections[n].anchor)].some(one => AFTERTHOUGHT.test(one))) return WORTH.afterthought
        return this.data.pages[page][0].endsWith("/overview") ? WORTH.taste : above.length ? 1 : WORTH.page
      }
      if (id[0] === "n") {
        const one = this.data.names[number]
        return (one.sections.length ? WORTH.shown : WORTH.bare) * (one.where ? 0.7 : 1) * (one.kind >= METHOD ? WORTH.member : 1)
      }
      return WORTH.tool
    }

    // Names that the query writes, best first: [number, tier].
    names(query, words) {
      const bare = query.replace(/^@/, "").replace(/\(.*$/s, "").trim()
      const call = query.match(CALL)
      const idents = (call ? [call[1]] : [...query.matchAll(NAME)].map(([one]) => one)).filter(one => !/^(?:self|torch|import|from|as|pytorch|PyTorch)$/.test(one))
      const single = idents.filter(one => !STOP.has(one.toLowerCase()))
      const looks = one => /[_.]|[a-z][A-Z]|^[A-Z]{2,}$|[A-Z][a-z]+\d|\d/.test(one) || new RegExp(`\\b${one}\\(`).test(query)
      const wanted = single.filter(one => looks(one) || single.length === 1 || one === bare).slice(0, 4)
      const rest = query.replace(CHINESE_STOP, " ")
      const only = wanted.length === 1 && !HAN.test(rest) && single.length === 1
      const found = new Map()
      const note = (number, tier) => { if (!found.has(number) || found.get(number) > tier) found.set(number, tier) }
      for (const ident of wanted) {
        const dot = ident.indexOf(".")
        const spelled = [ident]
        if (dot > 0 && Object.hasOwn(EXPAND, ident.slice(0, dot))) spelled.unshift(EXPAND[ident.slice(0, dot)] + ident.slice(dot))
        if (dot > 0 && ident.startsWith("torch.")) spelled.push(ident.slice(6))
        const last = squash(lastPart(ident))
        this.data.names.forEach((one, number) => {
          const tier = tierOf(one, spelled, last, dot > 0)
          if (tier && (tier < 8 || only)) note(number, tier)
        })
      }
      // "cross entropy loss", "batch norm 1d": the words of a name, apart
      const apart = squash(query.replace(CHINESE_STOP, " ").replace(/[\u3400-\u9fff]/g, ""))
      if (!found.size && apart.length > 4)
        this.data.names.forEach((one, number) => { if (one.squashed === apart) note(number, 7) })
      let list = [...found].map(([number, tier]) => [number, tier])
      const order = ([number, tier]) => {
        const one = this.data.names[number]
        const shown = one.sections.length ? 0 : one.kin !== null ? 1 : 2
        return [tier, shown, one.where, +(one.kind >= METHOD && !idents.some(ident => ident.includes("."))), -one.count, one.name.length]
      }
      list = list.map(hit => [order(hit), hit]).sort(([a, [one]], [b, [other]]) => {
        for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return a[n] - b[n]
        return this.data.names[one].name < this.data.names[other].name ? -1 : 1
      }).map(([, hit]) => hit)
      const tools = []
      this.data.tools.forEach(([name], number) => {
        const low = name.toLowerCase()
        for (const ident of wanted) {
          const own = ident.toLowerCase()
          if (low === own || low.endsWith(`.${own}`) || low.includes(".") && own.includes(".") && lastPart(low) === lastPart(own)) tools.push([number, low === own ? 1 : name.includes(".") ? 3 : 2])
        }
      })
      tools.sort((a, b) => a[1] - b[1] || a[0] - b[0])
      return { list, tools, only, wanted, looks: wanted.some(looks) }
    }

    similar(word) {
      const last = squash(lastPart(word))
      if (last.length < 4) return []
      const most = last.length < 8 ? 1 : 2
      const close = []
      this.data.names.forEach((one, number) => {
        const away = distance(last, one.squashed, most)
        if (away <= most) close.push([away, one.sections.length ? 0 : 1, one.name.length, number])
      })
      close.sort((a, b) => { for (let n = 0; n < 4; n++) if (a[n] !== b[n]) return a[n] - b[n]; return 0 })
      return close.slice(0, 6).map(row => row[3])
    }

    // The block of a section that is named for an API; "" where none is.
    blockOf(number, last) {
      const wanted = this.tokens.of(last)
      const rated = this.data.sections[number].blocks.split(" ").filter(Boolean).map(block => {
        const words = this.tokens.of(block.replace(/_/g, " "))
        return [wanted.filter(token => words.includes(token)).length / (words.length + 1), block]
      })
      const [best, block] = rated.reduce((one, other) => (other[0] > one[0] ? other : one), [0, ""])
      return best ? block : ""
    }

    // Messages of blocks that say what the query says, best first.
    messages(query, hits, error) {
      const type = query.match(/^((?:\w+\.)*\w+)\s*:/)
      const said = messageTokens(query, this.tokens)
      const list = []
      for (const hit of hits) {
        if (hit.id[0] !== "m") continue
        const number = +hit.id.slice(1)
        const [section, block, text] = this.data.messages[number]
        const theirs = messageTokens(text, this.tokens)
        const { mine, theirs: other } = alike(said, theirs)
        // a pasted message may be longer than the record, or only its beginning
        const same = Math.max(Math.min(mine, other), 0.9 * Math.max(mine * Math.min(1, said.length / 8), other * Math.min(1, theirs.length / 8)))
        const exact = type && text.startsWith(type[1]) ? 0.02 : 0
        list.push({ number, section, block, same: same + exact })
        if (list.length >= 40) break
      }
      list.sort((a, b) => b.same - a.same || a.number - b.number)
      return list
    }

    placeOf(to) {
      if (!this.byPlace) {
        this.byPlace = new Map()
        const { data } = this
        data.sections.forEach((one, n) => {
          const page = data.pages[one.page][0]
          this.byPlace.set(`${page}#${one.anchor}`, `s${n}`)
          if (!this.byPlace.has(page)) this.byPlace.set(page, `s${n}`)
          for (const block of one.blocks.split(" ")) if (block) this.byPlace.set(`${page}#code-${block}`, `s${n}`)
        })
        data.names.forEach((one, n) => { for (const name of one.spellings) this.byPlace.set(`api:${name}`, `n${n}`) })
        data.tools.forEach(([name], n) => this.byPlace.set(`toolkit:${name}`, `t${n}`))
      }
      return this.byPlace.get(to)
    }

    merged(query, error, rows, rest, nearly, names, texts, message, mended, none) {
      const { data } = this
      const rated = new Map()
      // The second reason for an answer adds a little to the first; a name that the query writes has its place by that alone.
      const put = (id, score, extra = {}) => {
        const one = rated.get(id)
        if (!one || extra.exact) return void rated.set(id, { id, score, ...extra })
        one.score = Math.max(one.score, score) + (one.exact ? 0 : 0.25 * Math.min(one.score, score))
        // a block with a message stays, the best message's above all
        const kept = one.block && (one.message !== undefined || extra.message === undefined) ? { block: one.block, message: one.message } : {}
        Object.assign(one, extra, kept)
      }
      const top = texts.list[0]
      const best = top ? top.score : 1
      const covered = Math.max(0, ...texts.list.slice(0, 10).map(one => one.cover))
      texts.list.slice(0, 40).forEach(one => put(one.id, one.score / best * Math.min(1, 0.3 + covered), { cover: one.cover }))
      // names
      const exact = names.list.filter(([, tier]) => tier <= 7)
      if (exact.length) {
        const only = names.only
        exact.slice(0, 6).forEach(([number, tier], place) => {
          const shown = data.names[number].sections.length ? 0 : 0.15
          const sure = tier <= 2 ? 0.4 : tier <= 4 ? 0.25 : tier <= 6 ? 0.15 : 0.05
          put(`n${number}`, (only ? 1.5 : names.looks ? 0.85 : 0.35) + sure - 0.12 * place - shown, { exact: true })
        })
        const [first] = exact[0]
        const own = data.names[first].sections.length ? data.names[first] : data.names[first].kin !== null ? data.names[data.names[first].kin] : null
        own?.sections.slice(0, 4).forEach((number, place) =>
          put(`s${number}`, (only ? 1.15 : 0.55) - 0.12 * place, { block: this.blockOf(number, own.last) }))
        if (own && own !== data.names[first]) put(`n${data.names[first].kin}`, only ? 1.2 : 0.8)
      }
      names.tools.slice(0, 3).forEach(([number, tier], place) => put(`t${number}`, (names.only ? 1.7 : names.looks ? 1.0 : 0.6) - 0.1 * place - 0.1 * (tier - 1)))
      if (names.only && !exact.length)
        names.list.slice(0, 6).forEach(([number], place) => put(`n${number}`, 0.9 - 0.08 * place - (data.names[number].sections.length ? 0 : 0.1)))
      // aliases; a name that is there by itself comes first, if no alias is all of it
      if (names.only && exact.length) rows = rows.filter(row => row.plain === this.plain(query)), nearly = []
      if (rows.length) {
        const left = this.units(rest.replace(/\u0001/g, " "))
        const all = this.units(query)
        let open = 0, whole = 0
        for (const [token] of all) whole += texts.weights.get(token) ?? 0.5
        for (const [token] of left) if (all.has(token) && !/^(?:tf|keras|np|numpy|jax|tensorflow)$/.test(token)) open += texts.weights.get(token) ?? 0.5
        const share = 1 - open / (whole || 1)
        rows.slice(0, 3).forEach((row, order) => row.to.forEach((to, place) => {
          const id = this.placeOf(to)
          if (id) put(id, (share > 0.8 ? (exact.length ? 1.7 : 1.45) : 0.6 + 0.5 * share) - 0.06 * place - 0.05 * order, { alias: row.number })
        }))
      }
      for (const [row, share] of nearly) row.to.forEach((to, place) => {
        const id = this.placeOf(to)
        if (id) put(id, WORTH.nearly * share - 0.06 * place)
      })
      // messages
      let matched = false
      if (message) {
        const like = message.filter(one => one.same >= SAME)
        matched = like.length > 0
        like.slice(0, 6).forEach((one, place) => put(`s${one.section}`, (error ? 1.3 : 1.1) * one.same + (place ? 0 : 0.15), { block: one.block, message: one.number }))
        // a heading may be a message: No module named 'torch'
        const said = messageTokens(query.replace(/^(?:\w+\.)*\w*(?:Error|Warning|Exception)\s*:/, ""), this.tokens)
        for (const one of texts.list.slice(0, 20)) {
          if (one.id[0] !== "s") continue
          const heading = messageTokens(data.sections[+one.id.slice(1)].heading, this.tokens)
          if (heading.length < 3) continue
          const { mine, theirs } = alike(said, heading)
          if (Math.min(mine, theirs) >= SAME) matched = true, put(one.id, 1.45 * Math.min(mine, theirs))
        }
      }
      if (matched) for (const one of rated.values()) if (one.id[0] === "n") one.score *= 0.6
      let list = [...rated.values()].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      // ---- is it in the book at all?
      const named = exact.length || names.tools.length || names.list.length
      const sure = named || rows.length || matched || nearly.some(([, share]) => share > 0.5)
      const nothing = !list.length || (error ? !matched && !rows.length && !(names.only && exact.length) : !sure && covered < NOTHING)
      const near = nothing && names.wanted.length && !error ? this.similar(names.wanted[0]) : []
      if (near.length && !exact.length) {
        const answers = near.map(number => this.answer({ id: `n${number}`, score: 0 }))
        return { ...none, answers: [], near: answers, nothing: true }
      }
      // a name spelled nearly so, beside words that say little
      const similar = !named && !rows.length && names.only && names.wanted.length ? this.similar(names.wanted[0]) : []
      similar.slice(0, 3).forEach((number, place) => list.push({ id: `n${number}`, score: 1.1 - 0.1 * place }))
      if (similar.length) list.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      const answers = list.slice(0, ANSWERS).map(one => this.answer(one))
      if (nothing) return { ...none, near: answers.slice(0, 3) }
      return { query, answers, nothing: false, near: [], error, mended: mended.map(([word]) => word).join(" ") }
    }

    answer({ id, block, message, alias, score }) {
      const number = +id.slice(1)
      const { data } = this
      const kind = KINDS[id[0]]
      const made = { kind, number, score: Math.round(score * 1000) / 1000 }
      if (kind === "section") {
        const one = data.sections[number]
        Object.assign(made, { page: data.pages[one.page][0], title: data.pages[one.page][1], heading: one.heading, anchor: one.anchor })
        const own = block || ""
        if (own) made.block = own
        made.code = own || one.blocks.split(" ")[0] // the block to show of it
        if (message !== undefined) made.message = data.messages[message][2]
        made.address = `${folder(made.page)}#${own ? `code-${own}` : one.anchor}`
      } else if (kind === "api") {
        const one = data.names[number]
        Object.assign(made, { name: one.name, kindOf: one.kind, count: one.count })
        if (!one.sections.length && one.kin !== null) made.kin = data.names[one.kin].name
        made.address = `reference/${data.places[one.place]}/#${one.name}`
      } else {
        const [name, page, line] = data.tools[number]
        Object.assign(made, { name, page, line, address: `${page}/#${name}` })
      }
      if (alias !== undefined) Object.assign(made, { alias: this.aliases[alias].say, since: this.aliases[alias].since })
      return made
    }
  }

  const folder = page => (page === "index" ? "" : `${page.replace(/\/index$/, "")}/`)

  root.rpSearch = { WORTH, BOOST, Search, Tokens, alike, countsOf, proseOf, thrown, stem, shardOf, distance, SHARDS }
})(globalThis)
