// The decision: what is missing for the chosen outcome, what follows from what was typed, and sending it.
import { $, $$, calm, fill, listen, post, read, say, state, trouble } from './review-base.js'

const SUPPLIED = ['accepted', 'reduced', 'owing']
const LANGUAGE = document.documentElement.lang.replace(/^en$/, 'en-GB') // 3 May, as the rest of the page has it
const inWords = day => new Date(day).toLocaleDateString(LANGUAGE, { dateStyle: 'medium', timeZone: 'UTC' })
const later = (day, days) => new Date(Date.parse(day) + days * 864e5).toISOString().slice(0, 10)
const AMBIGUOUS = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|1[0-2])$/
// The next item's page is welcome as the answer, to be spared asking for it.
const PAGE = { Prefer: 'return=representation' }
const SWAPS = ['alerts', 'details', 'bar', 'lease', 'chip']

export class DecisionForm {
  #sending = false
  #keyed = false // a key was pressed in the date's field: what a calendar gives is never in doubt

  constructor({ draft, pages, swapped, sending, next }) {
    Object.assign(this, { draft, pages, swapped, sending, next, form: $('#decide') })
    for (const type of ['input', 'change']) listen(document, type, e => {
      if (e.target.form != this.form) return
      if (e.target.name == 'outcome') this.#chosen()
      if (e.target.name == 'confirmed_date' && e.target.type == 'radio') this.form.elements.prescribed_on.value = e.target.value
      if (e.target.name == 'prescribed_on' && type == 'input') this.#ask(!this.#keyed)
      this.check()
    })
    listen(document, 'focusin', e => { if (e.target.name == 'prescribed_on') this.#keyed = false })
    listen(document, 'keydown', e => { if (e.target.name == 'prescribed_on' && e.key != 'Tab') this.#keyed = true })
    this.form.addEventListener('submit', e => this.#submit(e))
    listen(document, 'click', e => e.target.closest('[data-act="accept-rest"]') && this.#acceptRest())
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
    this.#preview()
    this.#ask()
    this.#valid()
    const submit = $('[data-submit]'), box = $('[data-missing]')
    if (!submit || !box) return true
    const found = this.outcome ? this.#missing() : []
    submit.setAttribute('aria-disabled', !this.outcome || found.length > 0 || this.#sending)
    if ($('#outcome-error', box) && !this.outcome) return false
    const never = found.filter(each => each.never), missing = found.filter(each => !each.never)
    box.replaceChildren(...this.#listed(state.say.never, never, 'never'), ...this.#listed(state.say.missing, missing))
    return this.outcome && !found.length
  }

  #listed(title, found, name = '') {
    if (!found.length) return []
    const part = document.createElement('div'), list = document.createElement('ul')
    part.className = name
    for (const { id, text } of found) {
      const item = document.createElement('li'), link = document.createElement('a')
      link.href = '#' + id
      link.textContent = text
      item.append(link)
      list.append(item)
    }
    part.append(title + ' ', list)
    return [part]
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
    const words = state.say, found = [], need = (ok, id, text, never) => ok || found.push({ id, text, never })
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
      confirmed: () => this.#agreement(need),
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
    this.#date(need)
    need(this.#value('prescriber'), 'prescriber', words.missing_prescriber)
    const strict = lines.some(line => line.strict && supplies(line))
    need(!strict || this.#value('registration_number'), 'registration_number', words.missing_registration)
    const points = $$('[name=checklist]', this.form), done = points.filter(point => point.checked).length
    need(done == points.length || this.#value('override_reason'), 'checklist',
      fill(words.missing_checklist, { done, points: points.length }))
    this.#looked(need)
  }

  #date(need) {
    const words = state.say, { day, until, future, old, over } = this.#dates()
    if (!day) return need(false, 'prescribed_on', words.missing_date)
    if (this.#value('confirmed_date') != day) return need(false, 'confirmed_date', words.missing_which)
    need(!future, 'prescribed_on', words.never_future, true)
    need(!old, 'prescribed_on', fill(words.never_old, { day: inWords(state.earliest) }), true)
    if (over && state.override) {
      need(this.#value('override_reason'), 'override_reason', fill(words.missing_override, { day: inWords(until) }))
    } else need(!over, 'prescribed_on', fill(words.never_expired, { day: inWords(until) }), true)
  }

  #looked(need) {
    const unseen = this.pages?.unseen || [], [first] = unseen, all = state.pages.length
    const values = { count: unseen.length, all, pages: unseen.join(', ') }
    need(!unseen.length, 'page-' + first, fill(state.say.missing_pages, values))
  }

  /** Of a second person: every page, the date, and each line that is supplied. */
  #agreement(need) {
    need(!state.over, 'confirmed_date', state.say.never_confirmed, true)
    this.#looked(need)
    const open = $$('.tick input', this.form).filter(box => !box.checked)
    need(!open.length, open[0]?.id, fill(state.say.missing_ticks, { count: open.length }))
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
    const [title, text] = state.reasons[this.#value('reason')] || []
    if (box) box.textContent = title ? fill(state.say.customer_reads, { text: `${title}. ${text}` }) : ''
  }

  /** What follows from the date, as on the server: the shortest validity of what is supplied decides. */
  #dates() {
    const day = this.#value('prescribed_on'), rest = state.validity['*']
    const days = this.#lines().filter(line => line.decision != 'refused').map(line => state.validity[line.schedule] ?? rest)
    const future = day.length > 10 || day > state.today, old = !!day && day < state.earliest
    const until = day && !future && !old ? later(day, days.length ? Math.min(...days) : rest) : ''
    return { day, until, future: !!day && future, old, over: !!until && until < state.today }
  }

  #valid() {
    const box = $('[data-valid]')
    if (!box || !this.form.elements.prescribed_on) return
    const words = state.say, { until, future, old, over } = this.#dates()
    box.textContent = future ? words.future : old ? fill(words.too_old, { day: inWords(state.earliest) })
      : until && fill(over ? words.ran_out : words.valid, { day: inWords(until) })
    box.classList.toggle('over', future || old || over)
  }

  /** Which date is meant, where day and month could be swapped and somebody typed it. */
  #ask(sure = false) {
    const box = $('.ask'), day = this.#value('prescribed_on'), [, year, month, date] = day.match(AMBIGUOUS) || []
    if (!box) return
    const swapped = `${year}-${date}-${month}`, both = $$('input', box), values = both.map(radio => radio.value)
    const doubt = year && month != date && swapped <= state.today && swapped >= state.earliest
    if (!doubt) both.forEach((radio, n) => Object.assign(radio, { value: n ? '' : day, checked: !n && !!day }))
    else if (!values.includes(day) || !values.includes(swapped)) {
      both.forEach((radio, n) => {
        radio.value = [day, swapped][n]
        radio.checked = false
        radio.nextElementSibling.textContent = inWords(radio.value)
      })
    }
    if (doubt && sure) both.find(radio => radio.value == day).checked = true
    box.hidden = !doubt || sure || (box.hidden && this.#value('confirmed_date') == day)
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
    this.sending()
    try {
      const answer = await post(this.form.getAttribute('action'), new FormData(this.form, button), PAGE)
      calm()
      if (answer.ok) {
        this.draft.clear()
        return this.next(answer)
      }
      if (!answer.data) this.#swap(answer.text)
    } catch (error) { trouble(error) }
    this.#sending = false
    if (button.isConnected) button.textContent = state.say.submit
    this.check()
  }

  /** The order was changed: what is on the screen cannot be decided any more, and comes anew with what was typed. */
  async refresh() {
    if (this.#sending || !state.editable) return
    this.draft.save()
    for (const field of this.form.elements) field.disabled = false // what belongs to another outcome is kept as well
    try {
      const answer = await post(this.form.getAttribute('action'), new FormData(this.form)) // refused: an older version
      calm()
      if (!answer.ok && !answer.data) this.#swap(answer.text)
    } catch (error) { trouble(error) }
    this.#chosen(false)
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
    this.pages?.refresh()
    this.#chosen(false)
    this.check()
    this.swapped()
  }
}
