// The claim: counts down, is renewed while the page is looked at, and brings fresh links to the pages with it.
import { $, calm, every, fill, listen, notice, post, say, state, trouble } from './review-base.js'

const BEAT = 60_000, WARN = 60

export class Lease {
  #end = 0
  #warned = false
  #active = false // keys or pointer were used since the last beat: somebody is at work, and their session goes on

  constructor({ draft, renew, changed }) {
    Object.assign(this, { draft, renew, changed })
    every(() => this.#tick(), 1000)
    every(() => this.#look(), BEAT)
    listen(document, 'visibilitychange', () => this.#look())
    for (const type of ['pointerdown', 'keydown', 'wheel']) listen(window, type, () => { this.#active = true }, { passive: true, capture: true })
    listen(document, 'click', e => {
      if (!e.target.closest('[data-act="extend"]')) return
      e.preventDefault()
      this.beat().then(kept => kept && say(state.say.extended))
    })
  }

  /** From what the page was sent with. */
  start() {
    this.#end = state.decide ? Date.now() + state.left * 1000 : 0
    this.#tick()
  }

  #look() { if (state.decide && !document.hidden) this.beat() }

  /** True if the item is still this person's. */
  async beat() {
    let answer
    const others = [...new Set(Object.keys(state.compare).map(key => key.split('_')[0]))].join()
    const active = this.#active
    this.#active = false
    try { answer = await post(state.urls.heartbeat, active ? { others, active: 1 } : { others }) } catch (error) { trouble(error); return false }
    calm()
    if (!answer.ok) {
      if (answer.status == 409 || answer.status == 410) this.#lost(answer.data)
      return false
    }
    const fresh = answer.data
    this.#end = Date.now() + fresh.left * 1000
    state.today = fresh.today
    this.#warned = false
    notice('lease')
    this.#tick()
    this.renew(fresh)
    if (fresh.version != state.version) await this.changed()
    return true
  }

  /** What was typed goes along with the new claim. */
  #lost(problem) {
    this.#end = 0
    this.draft.save()
    const button = document.createElement('button')
    Object.assign(button, { className: 'rx-button rx-button-small', textContent: state.say.claim_again })
    button.setAttribute('form', 'decide')
    button.setAttribute('formaction', state.urls.claim)
    notice('lease', problem.title, problem.detail, button)
    state.decide = false
    const left = $('[data-left]')
    if (left) left.hidden = true
  }

  #tick() {
    const left = $('[data-left]')
    if (!left || !this.#end) return
    const seconds = Math.max(0, Math.round((this.#end - Date.now()) / 1000)), ending = seconds <= WARN
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    $('span', left).textContent = fill(state.say.yours, { time })
    left.classList.toggle('ending', ending)
    if (ending && !this.#warned) {
      this.#warned = true
      notice('lease', fill(state.say.ending, { seconds }))
    }
    if (!seconds && !document.hidden) {
      this.#end = 0
      notice('lease', state.say.ended)
      this.beat()
    }
  }
}
