// The review page: wires its parts together. What is allowed is decided by the server; this only makes it quick.
import { $, $$, begin, fill, listen, nameOf, refreshTokens, say, state } from './review-base.js'
import { Draft } from './review-draft.js'
import { DecisionForm } from './review-form.js'
import { Keys } from './review-keys.js'
import { Lease } from './review-lease.js'
import { Pages } from './review-pages.js'
import { Palette } from './review-palette.js'
import { countDown } from './review-undo.js'

const narrow = matchMedia('(max-width: 820px)')
let pages, ahead, here = location.href

document.documentElement.classList.add('js')
start()

/** Everything, for the item whose markup is in the document. `news`: what to say of it to who does not see it. */
function start(news = '') {
  const root = $('#review')
  pages = state.pages.length ? new Pages(() => form.check()) : null
  const draft = new Draft()
  const goTo = id => bring(root, id), toPicture = () => $('[data-main] [data-stage]')?.focus({ preventScroll: true })
  const swapped = () => { lease.start(); goTo('summary'); reveal(); keys.hints() }
  const form = new DecisionForm({ draft, pages, goTo, toPicture, swapped, sending, next })
  const lease = new Lease({ draft, renew: answer => pages?.renew(answer), changed: () => form.refresh() })
  const palette = new Palette(() => [...keys.doable, ...places(goTo)])
  const keys = new Keys({ pages, viewer: pages?.viewer, form, palette })

  reveal()
  const restored = draft.restore()
  say([news, restored && state.say.restored].filter(Boolean).join(' '))
  form.check()
  lease.start()
  $('#summary') ? goTo('summary') : toPicture()

  root.addEventListener('click', e => {
    const link = e.target.closest('a[href^="#"]'), tab = e.target.closest('[data-tab]'), act = e.target.closest('[data-act]')
    const compare = e.target.closest('[data-compare]')
    if (link) { e.preventDefault(); goTo(link.hash.slice(1)) }
    if (tab) view(root, tab.dataset.tab)
    if (act?.dataset.act == 'help') keys.show()
    if (compare && pages) {
      view(root, 'image')
      pages.compare(compare.dataset.compare, +compare.dataset.with)
    }
  })
  // Browsers bring only the caret of a text area into view; the rest may stay below the bar.
  root.addEventListener('focusin', e => e.target.matches('.details :is(input, select, textarea, button)')
    && e.target.scrollIntoView({ block: 'nearest' }))
  root.addEventListener('viewer:help', e => { e.preventDefault(); keys.show() })

  // After signing in again in another tab the old token is of no use; the cookie has the new one.
  listen(document, 'submit', e => {
    refreshTokens()
    const leaves = e.submitter?.matches('[data-leave]')
    if (leaves && draft.dirty && !confirm(state.say.leave)) return e.preventDefault()
    if (leaves) draft.clear()
  }, { capture: true })
  ;(window.requestIdleCallback || setTimeout)(fetchAhead)
}

/** Where else one can go on this page, and from it. */
function places(goTo) {
  const fields = $$('.details :is(textarea, select, .rx-input)[id]:not(:disabled)').filter(field => field.offsetParent && field.labels[0])
  const numbers = state.pages.length > 1 ? state.pages.map(({ number }) => number) : []
  return [
    ...fields.map(({ id, labels }) => ({ text: nameOf(labels[0]), act: () => goTo(id) })),
    ...numbers.map(page => ({ text: fill(state.say.page, { page }), act: () => pages.show(page) })),
    { text: state.say.to_paper, act: () => location.assign(state.urls.paper) },
    { text: state.say.to_queue, act: () => location.assign(state.queue) },
  ]
}

// What needs scripts is hidden without them.
function reveal() { for (const part of $$('[data-act="help"], [data-tabs], [data-compare]')) part.hidden = false }

function view(root, name) {
  root.dataset.view = name
  for (const tab of $$('[data-tab]')) tab.setAttribute('aria-pressed', tab.dataset.tab == name)
}

/** To a field that an error or the list of what is missing names, whatever is on the screen now. */
function bring(root, id) {
  const target = document.getElementById(id)
  if (!target) return
  if (target.dataset.page) pages?.show(+target.dataset.page)
  if (narrow.matches) view(root, target.closest('.details') ? 'details' : target.closest('.strip, .centre') ? 'image' : root.dataset.view)
  target.focus({ preventScroll: true })
  ;(target.closest('.line, .rx-field') || target).scrollIntoView({ block: 'nearest' })
}

// --- The next item ---------------------------------------------------------------------------------------------------
/** The picture that most likely comes next. Held, so that the browser keeps it. */
function fetchAhead() {
  ahead = state.next ? Object.assign(new Image(), { src: state.next }) : null
}

/** While the server decides, the browser decodes. */
function sending() { ahead?.decode().catch(() => {}) }

/** Where the answer to a decision leads: to an address, or to the page that came as the answer itself. */
function next({ data, text, headers }) {
  if (data) return location.assign(data.location)
  const address = headers.get('Content-Location'), fresh = new DOMParser().parseFromString(text, 'text/html')
  const zooms = $('script[src*=openseadragon]', fresh)
  if (!$('#review-data', fresh) || (zooms && !window.OpenSeadragon)) return location.assign(address)
  const old = pages?.viewer
  history.pushState(null, '', address)
  here = location.href
  document.title = fresh.title
  document.body.replaceChildren(...fresh.body.childNodes)
  scrollTo(0, 0)
  begin()
  const go = () => { start(fresh.title); countDown(); old?.destroy() }
  // The picture first, then the scripts. A tab behind draws nothing, and need not be waited for.
  document.hidden ? go() : requestAnimationFrame(() => setTimeout(go))
}
addEventListener('popstate', () => location.href.split('#')[0] != here.split('#')[0] && location.reload())
