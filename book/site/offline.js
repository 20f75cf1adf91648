// Only in the offline copy, which book/site/offline.py makes. A browser lets a page that was opened as a file load scripts,
// but neither fetch a file nor start a worker from one, and it shows a folder instead of the page in it.
(() => {
  if (location.protocol !== "file:") return // the same folder behind a server needs none of this
  const settings = document.getElementById("__config")
  const config = JSON.parse(settings.textContent)
  const base = new URL(config.base.replace(/\/*$/, "/"), location)
  const sources = {} // SOURCES: file name -> text, of all that the search worker loads

  // With instant navigation, which fetches pages, Material's script would tell nobody that the page is there.
  config.features = config.features.filter(name => !name.startsWith("navigation.instant"))
  settings.textContent = JSON.stringify(config)

  // Search: the worker starts from text that is here already. The one that book.js imports first goes by no name.
  const start = `
    const sources = ${JSON.stringify(sources)}
    self.importScripts = (...names) => names.forEach(name => (0, eval)(sources[name.replace(/.*\\//, "")]))
    importScripts("book.js")`
  window.Worker = class extends Worker {
    constructor() {
      super(URL.createObjectURL(new Blob([start], { type: "text/javascript" })))
    }
  }

  // Finder: its data is a script that sets a global.
  window.rpOffline = {
    finder: () => new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = new URL("finder.js", base)
      script.onload = () => resolve(window.rpFinderData)
      script.onerror = () => reject(new Error("finder.js"))
      document.head.append(script)
    }),
  }

  // Links that scripts make (results of the search and of the finder) lead to folders, as on a server.
  for (const event of ["pointerdown", "focusin", "click"])
    addEventListener(event, ({ target }) => {
      const link = target instanceof Element && target.closest("a[href]")
      if (!link || link.protocol !== "file:" || !link.pathname.endsWith("/")) return
      link.pathname += "index.html"
    }, true)
})()
