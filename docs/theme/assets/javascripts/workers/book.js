// Material's search worker (named after the "?" of this file's address) with four repairs for a book of code.
// It lies in Material's folder so that "../lunr" resolves. Messages: 0 set-up, 2 query, 3 result.

const texts = new Map() // where a section is -> its text in lower case
const entries = new Map() // last part of an API's name, in lower case -> its entries on the reference pages
let names = [] // API names in the current query
let only = "" // the query, where it is one name and nothing else

// 1. The separator cuts DataLoader into two words. Index the whole name too, for those who type "dataloader".
function setUp({ config, docs }) {
  for (const doc of docs) {
    texts.set(doc.location, `${doc.title} ${doc.text}`.replace(/<[^>]*>/g, "").toLowerCase())
    const whole = doc.text.match(/[A-Za-z]\w*(?=[A-Z][a-z])\w+/g)
    if (whole) doc.names = [...new Set(whole.map(name => name.toLowerCase()))].join(" ")
    const [place, name] = doc.location.split("#")
    if (!place.startsWith("reference/") || !name?.includes(".")) continue
    const last = name.slice(name.lastIndexOf(".") + 1).toLowerCase()
    entries.set(last, [...(entries.get(last) ?? []), { ...doc, name }])
  }
  config.fields.names = { boost: 1 }
}

// 2. save_for_backward is searched as "save", "for" or "backward". Put first the sections that have the name itself.
function rank(groups) {
  const patterns = names.map(name => new RegExp(`(?<!\\w)${name.replaceAll(".", "\\.")}(\\w*)`, "g"))
  const found = ({ location }) => Math.max(0, ...patterns.map(pattern =>
    Math.max(0, ...Array.from((texts.get(location) ?? "").matchAll(pattern), ([, rest]) => rest ? 1 : 2))))
  for (const group of groups) {
    for (const item of group) {
      const quality = found(item)
      if (quality) item.score = quality * (item.location.startsWith("reference/") ? 1e8 : 1e9)
    }
    group.sort((a, b) => b.score - a.score)
  }
  groups.sort((a, b) => b[0].score - a[0].score)
}

// 3. The entry of an API comes first, by its whole name or the end of it (grad, autograd.grad), as a result of its own.
function entriesFirst(groups) {
  const last = only.slice(only.lastIndexOf(".") + 1).toLowerCase()
  const exact = ({ name }) => (name === only ? 0 : name.endsWith(`.${only}`) ? 1 : 2)
  const found = (entries.get(last) ?? [])
    .filter(({ name }) => `.${name.toLowerCase()}`.endsWith(`.${only.toLowerCase()}`))
    .sort((a, b) => exact(a) - exact(b) || a.name.length - b.name.length)
    .slice(0, 5)
  if (!found.length) return
  const own = found.map(({ location, title, text }) =>
    groups.flat().find(item => item.location === location) ?? { location, title, text, score: 1, terms: {} })
  const others = groups.map(group => group.filter(item => !own.includes(item))).filter(group => group.some(item => item.score > 0))
  groups.splice(0, groups.length, ...own.map(item => [{ ...item, score: 1e12 }]), ...others)
}

addEventListener("message", ({ data: { type, data } }) => {
  if (type === 0 && data.docs) setUp(data)
  if (type !== 2 || typeof data !== "string") return
  const query = data.replace(/[+*"]/g, " ").trim().replace(/\(\)$/, "")
  only = /^[A-Za-z_][\w.]*$/.test(query) ? query : ""
  names = (data.match(/[A-Za-z_][\w.]*\w/g) ?? []).filter(word => /[_.]|[a-z][A-Z]/.test(word)).map(word => word.toLowerCase())
})

const post = self.postMessage.bind(self)
self.postMessage = message => {
  if (message.type === 3 && Array.isArray(message.data?.items)) {
    if (names.length) rank(message.data.items)
    if (only) entriesFirst(message.data.items)
  }
  post(message)
}

importScripts(location.search.slice(1))

// 4. lunr keys a node of its token tree by labels and numbers without a separator, so that words with digits (avx512, conv2d)
//    collide, wrong nodes are merged, and a query that meets one fails. A comma makes the keys unique.
if (self.lunr?.TokenSet)
  lunr.TokenSet.prototype.toString = function () {
    if (this._str) return this._str
    const edges = Object.keys(this.edges).sort().map(label => label + this.edges[label].id)
    return (this.final ? "1" : "0") + edges.join(",")
  }
