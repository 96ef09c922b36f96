// Pages: the strip, what was seen, turning, redacting, comparing. The viewer shows; this tells the server.
import { $, $$, after, calm, fill, listen, post, say, state, trouble } from './review-base.js'
import { keepSheets, renewSheets } from './review-sheet.js'
import { Viewer } from './viewer.js'

const SETTLE = 700 // ms: three quarter turns in a row are saved once
const AGAIN = [1000, 30_000] // ms: until what was not stored is reported again, at first and at most

export class Pages {
  #told = new Set([state.opened])
  #painted = new Set()
  #reporting = false
  #wait = AGAIN[0]
  #turning = {}
  #live = false
  #uncovering = false

  /** @param {() => void} changed after the server knows of another page that was seen; `seen` are those it knows of */
  constructor(changed) {
    Object.assign(this, { changed, seen: new Set(state.seen), section: $('[data-viewer]'), strip: $('.strip') })
    this.pages = new Map(state.pages.map(page => [page.number, page]))
    const on = (type, act) => listen(this.section, 'viewer:' + type, e => act(e.detail))
    on('shown', ({ number }) => this.#live && this.#shown(number))
    on('painted', ({ number }) => this.#looked(number))
    on('failed', ({ number }) => say(fill(state.say.failed, { page: number })))
    on('rotated', ({ number, rotation }) => this.#rotated(number, rotation))
    on('boxes', ({ number, boxes }) => { this.pages.get(number).drawn = boxes; this.#redaction() })
    this.viewer = new Viewer(this.section, { pages: state.pages })
    keepSheets(this.viewer, this.section)
    this.#live = true
    queueMicrotask(() => this.#shown(state.shown))
    this.strip.addEventListener('click', e => {
      const link = e.target.closest('[data-page]')
      if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return
      e.preventDefault()
      this.viewer.show(+link.dataset.page)
    })
    listen(document, 'click', e => {
      if (e.target.closest('[data-act="redact"]')) this.#redact()
      if (e.target.closest('[data-viewer] [data-do="redact"]')) this.#redaction()
    })
    const under = $('[data-hold="uncover"]'), space = e => e.key == ' ' || e.key == 'Enter'
    const hold = (type, on, only = () => true) => under.addEventListener(type, e => only(e) && (e.preventDefault(), this.uncover(on)))
    hold('pointerdown', true)
    hold('keydown', true, e => space(e) && !e.repeat && !e.ctrlKey)
    hold('keyup', false, space)
    for (const type of ['pointerup', 'pointercancel', 'pointerleave', 'blur']) hold(type, false)
    if (!state.redact) $('[data-do="redact"]', this.section)?.remove()
  }

  compare(key, number) {
    const other = state.compare[key]
    if (!other) return
    if (number) this.viewer.show(number)
    this.viewer.compare(other)
    this.section.querySelector('[data-stage]').focus({ preventScroll: true })
  }

  /** Fresh links: nothing that is on the screen is loaded again. */
  renew({ services, thumbs, others, sheets }) {
    for (const [key, page] of Object.entries(state.compare)) {
      const service = others[key]
      if (!service) continue
      page.first = page.first.replace(page.service, service)
      page.service = service
    }
    this.viewer.renew(services)
    renewSheets(this.viewer, sheets)
    for (const [number, src] of Object.entries(thumbs)) {
      const image = $(`[data-page="${number}"] img`, this.strip)
      if (image && (!image.complete || !image.naturalWidth) && image.getAttribute('src') != src) image.src = src
    }
  }

  /** Numbers of the pages that this person has still to look at. */
  get unseen() { return state.pages.map(page => page.number).filter(number => !this.seen.has(number)) }

  show(number) { this.viewer.show(number) }

  /** Shows what is under the confirmed boxes for as long as something is held, and not before that is written down. */
  async uncover(on) {
    const { number } = this.viewer
    this.#uncovering = on && !!this.pages.get(number).boxes?.length && !this.viewer.redacting
    this.viewer.uncover(false)
    if (!this.#uncovering) return
    try {
      const answer = await post(state.urls.uncover, { page: number })
      calm()
      if (!answer.ok) return say(answer.data.detail)
      if (!this.#uncovering || number != this.viewer.number) return
      this.viewer.uncover(true)
      say(state.say.uncovered)
    } catch (error) { trouble(error) }
  }

  /** The server's page was put in place of ours. */
  refresh() {
    this.seen = new Set(state.seen)
    this.#marks()
    this.#report()
  }

  #link(number) { return $(`[data-page="${number}"]`, this.strip) }

  #shown(number) {
    this.uncover(false)
    for (const link of $$('[data-page]', this.strip)) link.removeAttribute('aria-current')
    const link = this.#link(number)
    link.setAttribute('aria-current', 'page')
    link.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    this.#redaction()
    if (state.looks || this.#told.has(number)) return
    this.#told.add(number)
    post(state.urls.opened, { page: number }).then(calm, trouble)
  }

  #looked(number) {
    if (!state.looks || this.seen.has(number)) return
    this.#painted.add(number)
    this.#report()
  }

  /** What the server does not know of was not seen: reported until it is stored, and all at once what came meanwhile. */
  async #report() {
    const pages = [...this.#painted].filter(number => !this.seen.has(number))
    if (this.#reporting || !state.looks || !pages.length) return
    this.#reporting = true
    let again = false
    try {
      const answer = await post(state.urls.seen, { pages: pages.join(), version: state.version })
      calm()
      if (answer.ok) {
        for (const number of pages) this.seen.add(number)
        this.#wait = AGAIN[0]
        this.#marks()
        this.changed()
      } else if (answer.status >= 500 || answer.status == 429) again = true
      else this.#painted.clear() // the review is not ours any more
    } catch (error) {
      trouble(error)
      again = true
    }
    this.#reporting = false
    if (!again) return this.#report()
    after(() => this.#report(), this.#wait)
    this.#wait = Math.min(this.#wait * 2, AGAIN[1])
  }

  #marks() {
    for (const { number } of state.pages) this.#link(number).toggleAttribute('data-seen', this.seen.has(number))
    const box = $('[data-unseen]')
    if (!box) return
    box.hidden = !state.looks // after a refusal, say, only to look
    $('[data-count]', box).textContent = this.unseen.length
    box.toggleAttribute('data-none', !this.unseen.length)
  }

  #rotated(number, rotation) {
    if (!state.turn) return
    clearTimeout(this.#turning[number])
    this.#turning[number] = after(async () => {
      try {
        const answer = await post(state.urls.rotate, { page: number, rotation })
        calm()
        if (!answer.ok) return say(state.say.not_rotated)
        const { thumb, width, height } = answer.data
        Object.assign($('img', this.#link(number)), { src: thumb, width, height })
        say(fill(state.say.rotated, { page: number }))
      } catch (error) { trouble(error) }
    }, SETTLE)
  }

  /** Says that something is blacked out for others, and lets one look under it. */
  #covered(count) {
    const box = $('[data-covered]')
    box.hidden = !count
    $('[data-covered-count]', box).textContent = fill(state.say.covered, { count })
  }

  #redaction() {
    const box = $('[data-redact]')
    if (!box) return this.#covered(this.pages.get(this.viewer?.number ?? state.shown)?.boxes?.length || 0)
    const number = this.viewer?.number, page = this.pages.get(number), confirmed = page?.boxes?.length || 0
    box.hidden = !this.viewer?.redacting
    this.#covered(box.hidden ? confirmed : 0)
    $('[data-redact-now]', box).textContent = fill(confirmed ? state.say.redaction_now : state.say.redaction_none,
      { page: number, count: confirmed })
    $('[data-redact-count]', box).textContent = fill(state.say.boxes_drawn, { count: this.viewer?.boxes.length || 0 })
    $('[data-redact-error]', box).hidden = true
  }

  async #redact() {
    const number = this.viewer.number, error = $('[data-redact-error]')
    try {
      const answer = await post(state.urls.redact, { page: number, boxes: JSON.stringify(this.viewer.boxes) })
      calm()
      const body = answer.data
      if (!answer.ok) {
        error.textContent = body.detail
        error.hidden = false
        return say(body.detail)
      }
      this.pages.get(number).boxes = body.boxes
      this.viewer.redact(false)
      this.#redaction()
      say(fill(state.say.redacted, { page: number }))
    } catch (lost) { trouble(lost) }
  }
}
