// Only in the offline copy, which book/site/offline.py makes. A browser lets a page that was opened as a file load scripts,
// but fetch none, and it shows a folder instead of the page in it.
(() => {
  if (location.protocol !== "file:") return // the same folder behind a server needs none of this
  const settings = document.getElementById("__config")
  const config = JSON.parse(settings.textContent)
  const base = new URL(config.base.replace(/\/*$/, "/"), location)

  // With instant navigation, which fetches pages, Material's script would tell nobody that the page is there.
  config.features = config.features.filter(name => !name.startsWith("navigation.instant"))
  settings.textContent = JSON.stringify(config)

  // Each file of the search, and of the shapes of a page, is a script that hands over its data.
  const taken = new Map()
  window.rpOffline = {
    took: (name, data) => taken.set(name, data),
    file: name => new Promise((resolve, reject) => {
      if (taken.has(name)) return resolve(taken.get(name))
      const script = document.createElement("script")
      script.src = new URL(`${name.includes("/") ? "" : "search/"}${name.replace(/json$/, "js")}`, base) // of a page, or of the index
      script.onload = () => (taken.has(name) ? resolve(taken.get(name)) : reject(new Error(name)))
      script.onerror = () => reject(new Error(name))
      document.head.append(script)
    }),
  }

  // Links that scripts make (results of the search) lead to folders, as on a server.
  for (const event of ["pointerdown", "focusin", "click"])
    addEventListener(event, ({ target }) => {
      const link = target instanceof Element && target.closest("a[href]")
      if (!link || link.protocol !== "file:" || !link.pathname.endsWith("/")) return
      link.pathname += "index.html"
    }, true)
})()
