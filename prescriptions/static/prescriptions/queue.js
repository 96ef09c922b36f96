// The list keeps itself up to date, and is calm about it: nothing moves under a pointer, a focus or a selection.
const EVERY = 15_000, STILL = 4000 // ms: between two looks; since somebody last did something in the list
const $ = (selector, root = document) => root.querySelector(selector)
const list = $('[data-live=list]'), button = $('[data-news] button'), ended = $('[data-ended]')
let etag = `"${list.dataset.state}"`, waiting = null, touched = 0, looking = false

/** The server's list, if it says something new. */
async function look() {
  if (document.hidden || looking) return
  looking = true
  try {
    const headers = { 'X-Requested-With': 'fetch', 'If-None-Match': etag }
    const answer = await fetch(list.dataset.from + location.search, { headers, cache: 'no-store', redirect: 'manual' })
    ended.hidden = answer.type != 'opaqueredirect' // it leads to signing in
    if (!answer.ok) return // the same still, or signed out: what is there stays
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
    if (!$('[data-live=list]', fresh)) return
    etag = answer.headers.get('ETag')
    offer(fresh)
  } catch { /* no answer: the next look */ } finally { looking = false }
}

/** At once where nobody is at it; or else it is said that there is something. */
function offer(fresh) {
  waiting = fresh
  for (const name of ['parts', 'tools']) {
    const part = $(`[data-live=${name}]`)
    if (!part.contains(document.activeElement)) put(name, fresh)
  }
  const busy = list.contains(document.activeElement) || list.matches(':hover') || Date.now() - touched < STILL
    || $('input.action-select:checked', list)
  const moved = rows(fresh) != rows(document)
  if (busy && moved) button.hidden = false
  else if (!busy) show()
}

const rows = root => [...root.querySelectorAll('[data-live=list] .rx-ref')].map(row => row.textContent).join()

function put(name, fresh) {
  const from = $(`[data-live=${name}]`, fresh), to = $(`[data-live=${name}]`)
  to.replaceChildren(...document.importNode(from, true).childNodes)
}

function show() {
  if (waiting) put('list', waiting)
  waiting = null
  button.hidden = true
  const boxes = [...list.querySelectorAll('tr input.action-select')]
  if (boxes.length) window.Actions?.(boxes) // the admin's script for what is selected
}

button.addEventListener('click', () => { show(); ($('.rx-ref', list) || $('h1'))?.focus() })
for (const type of ['pointermove', 'keydown', 'focusin', 'change']) list.addEventListener(type, () => { touched = Date.now() }, { passive: true })
document.addEventListener('visibilitychange', look)
setInterval(look, EVERY)
