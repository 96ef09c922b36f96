// What all parts of the review page share: its data, its words, and how it talks to the server.
export const $ = (selector, root = document) => root.querySelector(selector)
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]
export const read = root => JSON.parse($('#review-data', root).textContent)
/** The data of the item on the screen; changed in place when the server sends its page again. */
export let state = read(document)

// Another item may take this one's place without a new document. What was begun for this one then ends, as it would
// with its document: listeners, timers, and whatever waits for an answer.
let shown = new AbortController()
export const listen = (target, type, act, options) => target.addEventListener(type, act, { ...options, signal: shown.signal })
export const every = (act, ms) => {
  const timer = setInterval(act, ms)
  shown.signal.addEventListener('abort', () => clearInterval(timer))
}
export const after = (act, ms) => {
  const { signal } = shown
  return setTimeout(() => signal.aborted || act(), ms)
}
/** The data of the item whose markup is in the document now. */
export function begin() {
  shown.abort()
  shown = new AbortController()
  state = read(document)
}

/** What an element says, without the key that stands on it. */
export function nameOf(element) {
  const copy = element.cloneNode(true)
  for (const key of $$('kbd', copy)) key.remove()
  return copy.textContent.trim()
}

export const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name])
export const say = text => { const line = $('#say'); line.textContent = ''; after(() => { line.textContent = text }, 50) }

const cookie = () => document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/)?.[1]
/** Hidden tokens of forms, as the cookie has them now: who signed in again has a new one. */
export function refreshTokens() {
  const token = cookie()
  if (token) for (const input of $$('input[name=csrfmiddlewaretoken]')) input.value = token
}

/** Thrown by post: `session` (signed out), or `lost` (no answer). */
export class Trouble extends Error {}

/**
 * Sends fields or a FormData; the answer with its text, whatever its status, unless nobody is signed in any more.
 * Never comes back to an item that is not on the screen any more.
 */
export async function post(url, fields, headers) {
  const { signal } = shown
  const body = fields instanceof FormData ? fields : new FormData()
  if (body != fields) for (const [name, value] of Object.entries(fields || {})) body.set(name, value)
  if (cookie()) body.set('csrfmiddlewaretoken', cookie())
  let answer, text
  try {
    answer = await fetch(url, { method: 'POST', body, headers: { 'X-Requested-With': 'fetch', ...headers }, redirect: 'manual' })
    text = await answer.text()
  } catch { answer = null }
  if (signal.aborted) await new Promise(() => {})
  if (!answer) throw new Trouble('lost')
  const type = answer.headers.get('Content-Type') || ''
  if (answer.type == 'opaqueredirect') throw new Trouble('session')
  if (answer.status == 403 && type.includes('html') && !text.includes('review-data')) throw new Trouble('session')
  return { ok: answer.ok, status: answer.status, headers: answer.headers, text, data: type.includes('json') ? JSON.parse(text) : null }
}

/** A notice at the top, one per key; without a title it goes away. */
export function notice(key, title, text = '', link) {
  $(`[data-notice="${key}"]`)?.remove()
  if (!title) return
  const box = document.createElement('div'), line = document.createElement('p'), strong = document.createElement('b')
  box.className = 'rx-notice rx-notice-warn'
  box.dataset.notice = key
  box.setAttribute('role', 'alert')
  strong.textContent = title
  line.append(strong, ' ', text)
  if (link) line.append(' ', link)
  box.append(line)
  $('.alerts').prepend(box)
}

/** What to say where the server could not be asked. */
export function trouble(error) {
  if (!(error instanceof Trouble)) throw error
  if (error.message == 'lost') return notice('lost', state.say.lost)
  const link = document.createElement('a')
  link.href = state.queue
  link.target = '_blank'
  link.textContent = state.say.session_link
  notice('session', state.say.session, state.say.session_text, link)
}
/** The server answers again. */
export const calm = () => { notice('lost'); notice('session') }
