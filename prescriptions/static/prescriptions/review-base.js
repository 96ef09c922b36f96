// What all parts of the review page share: its data, its words, and how it talks to the server.
export const $ = (selector, root = document) => root.querySelector(selector)
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]
export const read = root => JSON.parse($('#review-data', root).textContent)
/** The data of the page as it is now; replaced in place when the server sends the page again. */
export const state = read(document)

export const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name])
export const say = text => { const line = $('#say'); line.textContent = ''; setTimeout(() => { line.textContent = text }, 50) }

const cookie = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1]
/** Hidden tokens of forms, as the cookie has them now: who signed in again has a new one. */
export function refreshTokens() {
  const token = cookie()
  if (token) for (const input of $$('input[name=csrfmiddlewaretoken]')) input.value = token
}

/** Thrown by post: `session` (signed out), or `lost` (no answer). */
export class Trouble extends Error {}

/** Sends fields or a FormData; the answer, whatever its status, unless nobody is signed in any more. */
export async function post(url, fields) {
  const body = fields instanceof FormData ? fields : new FormData()
  if (body != fields) for (const [name, value] of Object.entries(fields || {})) body.set(name, value)
  if (cookie()) body.set('csrfmiddlewaretoken', cookie())
  let answer
  try {
    const headers = { 'X-Requested-With': 'fetch' }
    answer = await fetch(url, { method: 'POST', body, headers, redirect: 'manual' })
  } catch { throw new Trouble('lost') }
  const html = answer.headers.get('Content-Type')?.includes('html')
  if (answer.type == 'opaqueredirect') throw new Trouble('session')
  if (answer.status == 403 && html && !(await answer.clone().text()).includes('review-data')) throw new Trouble('session')
  return answer
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
