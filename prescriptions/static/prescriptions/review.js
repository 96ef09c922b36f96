// The review page: wires its parts together. What is allowed is decided by the server; this only makes it quick.
import { $, $$, refreshTokens, say, state } from './review-base.js'
import { Draft } from './review-draft.js'
import { DecisionForm } from './review-form.js'
import { Keys } from './review-keys.js'
import { Lease } from './review-lease.js'
import { Pages } from './review-pages.js'
import './review-undo.js'

document.documentElement.classList.add('js')
const root = $('#review'), narrow = matchMedia('(max-width: 820px)')

function view(name) {
  root.dataset.view = name
  for (const tab of $$('[data-tab]')) tab.setAttribute('aria-pressed', tab.dataset.tab == name)
}

/** To a field that an error or the list of what is missing names, whatever is on the screen now. */
function goTo(id) {
  const target = document.getElementById(id)
  if (!target) return
  if (target.dataset.page) pages?.show(+target.dataset.page)
  if (narrow.matches) view(target.closest('.details') ? 'details' : target.closest('.strip, .centre') ? 'image' : root.dataset.view)
  target.focus({ preventScroll: true })
  ;(target.closest('.line, .rx-field') || target).scrollIntoView({ block: 'nearest' })
}

const pages = state.pages.length ? new Pages(() => form.check()) : null
const draft = new Draft()
const form = new DecisionForm({ draft, pages, swapped: () => { lease.start(); goTo('summary'); reveal() } })
const lease = new Lease({ draft, renew: answer => pages?.renew(answer) })
const keys = new Keys({ viewer: pages?.viewer, form, skip: () => $('[data-leave]')?.click() })

// What needs scripts is hidden without them.
function reveal() { for (const part of $$('[data-act="help"], [data-tabs], [data-compare]')) part.hidden = false }
reveal()
if (draft.restore()) say(state.say.restored)
form.check()
lease.start()
if ($('#summary')) goTo('summary')

root.addEventListener('click', e => {
  const link = e.target.closest('a[href^="#"]'), tab = e.target.closest('[data-tab]'), act = e.target.closest('[data-act]')
  const compare = e.target.closest('[data-compare]')
  if (link) { e.preventDefault(); goTo(link.hash.slice(1)) }
  if (tab) view(tab.dataset.tab)
  if (act?.dataset.act == 'help') keys.show()
  if (compare && pages) {
    view('image')
    pages.compare(compare.dataset.compare, +compare.dataset.with)
  }
})
// Browsers bring only the caret of a text area into view; the rest may stay below the bar.
root.addEventListener('focusin', e => e.target.matches('.details :is(input, select, textarea, button)')
  && e.target.scrollIntoView({ block: 'nearest' }))
root.addEventListener('viewer:help', e => { e.preventDefault(); keys.show() })

// After signing in again in another tab the old token is of no use; the cookie has the new one.
document.addEventListener('submit', e => {
  refreshTokens()
  const leaves = e.submitter?.matches('[data-leave]')
  if (leaves && draft.dirty && !confirm(state.say.leave)) return e.preventDefault()
  if (leaves) draft.clear()
}, true)

if (state.next) (window.requestIdleCallback || setTimeout)(() => { new Image().src = state.next })
