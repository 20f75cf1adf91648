// Material's search worker (named after the "?" of this file's address) with three repairs for a book of code.
// It lies in Material's folder so that "../lunr" resolves. Messages: 0 set-up, 2 query, 3 result.

const texts = new Map() // where a section is -> its text in lower case
let names = [] // API names in the current query

// 1. The separator cuts DataLoader into two words. Index the whole name too, for those who type "dataloader".
function setUp({ config, docs }) {
  for (const doc of docs) {
    texts.set(doc.location, `${doc.title} ${doc.text}`.replace(/<[^>]*>/g, "").toLowerCase())
    const whole = doc.text.match(/[A-Za-z]\w*(?=[A-Z][a-z])\w+/g)
    if (whole) doc.names = [...new Set(whole.map(name => name.toLowerCase()))].join(" ")
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
      if (quality) item.score = quality * 1e9
    }
    group.sort((a, b) => b.score - a.score)
  }
  groups.sort((a, b) => b[0].score - a[0].score)
}

addEventListener("message", ({ data: { type, data } }) => {
  if (type === 0 && data.docs) setUp(data)
  if (type === 2 && typeof data === "string")
    names = (data.match(/[A-Za-z_][\w.]*\w/g) ?? []).filter(word => /[_.]|[a-z][A-Z]/.test(word)).map(word => word.toLowerCase())
})

const post = self.postMessage.bind(self)
self.postMessage = message => {
  if (message.type === 3 && names.length && Array.isArray(message.data?.items)) rank(message.data.items)
  post(message)
}

importScripts(location.search.slice(1))

// 3. lunr keys a node of its token tree by labels and numbers without a separator, so that words with digits (avx512, conv2d)
//    collide, wrong nodes are merged, and a query that meets one fails. A comma makes the keys unique.
if (self.lunr?.TokenSet)
  lunr.TokenSet.prototype.toString = function () {
    if (this._str) return this._str
    const edges = Object.keys(this.edges).sort().map(label => label + this.edges[label].id)
    return (this.final ? "1" : "0") + edges.join(",")
  }
