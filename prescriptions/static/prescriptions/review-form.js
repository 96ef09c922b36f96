// The decision: what is missing for the chosen outcome, what follows from what was typed, and sending it.
import { $, $$, calm, fill, post, read, say, state, trouble } from './review-base.js'

const SUPPLIED = ['accepted', 'reduced', 'owing']
const LANGUAGE = document.documentElement.lang.replace(/^en$/, 'en-GB') // 3 May, as the rest of the page has it
const SWAPS = ['alerts', 'details', 'bar', 'lease', 'chip']

export class DecisionForm {
  #sending = false

  constructor({ draft, pages, swapped }) {
    Object.assign(this, { draft, pages, swapped, form: $('#decide') })
    for (const type of ['input', 'change']) document.addEventListener(type, e => {
      if (e.target.form != this.form) return
      if (e.target.name == 'outcome') this.#chosen()
      this.check()
    })
    this.form.addEventListener('submit', e => this.#submit(e))
    document.addEventListener('click', e => e.target.closest('[data-act="accept-rest"]') && this.#acceptRest())
    this.#chosen(false)
  }

  get outcome() { return this.form.elements.outcome?.value || '' }

  /** By key: the outcome with that number. */
  choose(number) {
    const radio = $(`.bar [data-alt="${number}"]`)
    if (!radio) return
    radio.checked = true
    radio.focus()
    radio.dispatchEvent(new Event('change', { bubbles: true }))
  }

  send() { const button = $('[data-submit]'); if (button) this.form.requestSubmit(button) }

  /** Says what is missing, with links; and what follows from the date and the reason. */
  check() {
    const seen = this.form.elements.pages_seen
    if (seen && this.pages) seen.value = [...this.pages.seen].sort((a, b) => a - b).join()
    this.#preview()
    this.#valid()
    const submit = $('[data-submit]'), box = $('[data-missing]')
    if (!submit || !box) return true
    const missing = this.outcome ? this.#missing() : []
    submit.setAttribute('aria-disabled', !this.outcome || missing.length > 0 || this.#sending)
    if ($('#outcome-error', box) && !this.outcome) return false
    box.replaceChildren()
    if (missing.length) {
      const list = document.createElement('ul')
      for (const [id, text] of missing) {
        const item = document.createElement('li'), link = document.createElement('a')
        link.href = '#' + id
        link.textContent = text
        item.append(link)
        list.append(item)
      }
      box.append(state.say.missing + ' ', list)
    }
    return this.outcome && !missing.length
  }

  #value(name) { return this.form.elements[name]?.value.trim() || '' }

  #lines() {
    return $$('[data-line]', this.form).map(row => ({
      id: `line-${row.dataset.line}-decision`,
      schedule: row.dataset.schedule,
      strict: 'strict' in row.dataset,
      decision: $('input:checked', row)?.value || '',
      quantity: +$('[data-for="reduced"] input', row).value,
      most: +row.dataset.ordered,
      reason: $('[data-for="refused"] select', row).value,
    }))
  }

  #missing() {
    const words = state.say, found = [], need = (ok, id, text) => ok || found.push([id, text])
    const notes = this.#value('internal_note') || this.#value('customer_text')
    const needsNote = code => state.reasons[code]?.[2] && !notes
    const checks = {
      approved: () => this.#proof(need),
      partially_approved: () => this.#proof(need),
      clarification: () => need(this.#value('question'), 'question', words.missing_question),
      rejected: () => {
        need(this.#value('reason'), 'reason', words.missing_reason)
        need(!needsNote(this.#value('reason')), 'internal_note', words.missing_note)
      },
      returned: () => need(this.#value('note'), 'note', words.missing_note),
    }
    checks[this.outcome]?.()
    return found
  }

  #proof(need) {
    const words = state.say, lines = this.#lines(), all = this.outcome == 'approved'
    const supplies = line => SUPPLIED.includes(line.decision) || (all && !line.decision)
    const undecided = lines.find(line => !line.decision)
    const other = lines.find(line => line.decision && line.decision != 'accepted')
    if (all) need(!other, other?.id, words.full_lines)
    else if (undecided) need(false, undecided.id, words.missing_lines)
    else if (!lines.some(supplies)) need(false, lines[0]?.id || 'lines', words.none_lines)
    else need(other, lines[0]?.id, words.some_lines)
    for (const line of all ? [] : lines) {
      const less = line.quantity > 0 && line.quantity < line.most
      need(line.decision != 'reduced' || less, line.id.replace('decision', 'quantity'), words.missing_quantity)
      need(line.decision != 'refused' || line.reason, line.id.replace('decision', 'reason'), words.missing_line_reason)
    }
    need(this.#value('prescribed_on'), 'prescribed_on', words.missing_date)
    need(this.#value('prescriber'), 'prescriber', words.missing_prescriber)
    const strict = lines.some(line => line.strict && supplies(line))
    need(!strict || this.#value('registration_number'), 'registration_number', words.missing_registration)
    if (this.#value('override_reason')) return
    const points = $$('[name=checklist]', this.form), done = points.filter(point => point.checked).length
    need(done == points.length, 'checklist', fill(words.missing_checklist, { done, points: points.length }))
    const unseen = state.pages.map(page => page.number).filter(number => !this.pages.seen.has(number))
    need(!unseen.length, 'strip', fill(words.missing_pages, { pages: unseen.join(', ') }))
  }

  /** Only what belongs to the outcome is there, and only that is sent. */
  #chosen(scroll = true) {
    if (!state.decide) return
    const outcome = this.outcome || 'approved'
    this.form.dataset.outcome = outcome
    for (const part of $$('[data-outcomes]', this.form)) {
      const on = part.dataset.outcomes.split(' ').includes(outcome)
      part.hidden = !on
      for (const field of $$('input, select, textarea', part)) field.disabled = !on
    }
    const rest = $('[data-act="accept-rest"]')
    if (rest) rest.hidden = this.outcome != 'partially_approved'
    const own = { clarification: '#question', rejected: '#reason' }[this.outcome]
    if (scroll && own) $(own).closest('.block').scrollIntoView({ block: 'nearest' })
  }

  #acceptRest() {
    for (const row of $$('[data-line]')) if (!$('input:checked', row)) $('input', row).checked = true
    this.draft.save()
    this.check()
  }

  #preview() {
    const box = $('[data-preview]')
    if (box) box.textContent = state.reasons[this.#value('reason')]?.[1] || ''
  }

  /** The shortest validity of what is supplied decides, as on the server. */
  #valid() {
    const box = $('[data-valid]'), day = Date.parse(this.#value('prescribed_on'))
    if (!box) return
    const days = this.#lines().filter(line => line.decision != 'refused')
      .map(line => state.validity[line.schedule] ?? state.validity['*'])
    const until = day + 864e5 * (days.length ? Math.min(...days) : state.validity['*'])
    const over = until < Date.now() - 864e5
    const text = day && new Date(until).toLocaleDateString(LANGUAGE, { dateStyle: 'medium', timeZone: 'UTC' })
    box.textContent = text ? fill(over ? state.say.too_old : state.say.valid, { day: text }) : ''
    box.classList.toggle('over', !!day && over)
  }

  async #submit(e) {
    if (e.submitter?.hasAttribute('formaction') || !e.submitter?.matches('[data-submit]')) return
    e.preventDefault()
    if (this.#sending) return
    if (!this.check()) {
      const first = $('[data-missing] a') || $('.bar [name=outcome]')
      first?.focus()
      return say(this.outcome ? $('[data-missing]').textContent : state.say.missing_outcome)
    }
    const button = e.submitter
    this.#sending = true
    button.textContent = state.say.sending
    this.draft.save()
    try {
      const answer = await post(this.form.getAttribute('action'), new FormData(this.form, button))
      calm()
      if (answer.headers.get('Content-Type')?.includes('json')) {
        const { location: next } = await answer.json()
        if (answer.ok) {
          this.draft.clear()
          return location.assign(next)
        }
      } else this.#swap(await answer.text())
    } catch (error) { trouble(error) }
    this.#sending = false
    if (button.isConnected) button.textContent = state.say.submit
    this.check()
  }

  /** The server's page with what was typed and what is wrong; the viewer stays as it is. */
  #swap(html) {
    const fresh = new DOMParser().parseFromString(html, 'text/html')
    if (!$('#review-data', fresh)) return trouble(new Error('not the review page'))
    for (const key of SWAPS) {
      const from = $(`[data-swap=${key}]`, fresh), to = $(`[data-swap=${key}]`)
      if (from && to) to.replaceChildren(...from.childNodes)
    }
    const { pages, ...rest } = read(fresh) // the viewer has its own addresses
    Object.assign(state, rest)
    if (!state.editable) this.form.scrollTop = 0 // what was typed is listed there
    this.#chosen(false)
    this.check()
    this.swapped()
  }
}
