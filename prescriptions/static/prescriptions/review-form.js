// The decision: what is missing for the chosen outcome, what follows from what was typed, and sending it.
import { $, $$, calm, fill, listen, nameOf, post, read, say, state, trouble } from './review-base.js'
import { inFull, inWords, later, parse } from './review-date.js'
import { Prescribers } from './review-prescribers.js'

const SUPPLIED = ['accepted', 'reduced', 'owing']
const AMBIGUOUS = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|1[0-2])$/
// The next item's page is welcome as the answer, to be spared asking for it.
const PAGE = { Prefer: 'return=representation' }
const SWAPS = ['alerts', 'details', 'bar', 'lease', 'chip']

// Enter leads from one to the next that is still empty, and then back to the picture.
const WAY = ['prescribed_on', 'prescriber', 'registration_number']

export class DecisionForm {
  #sending = false

  /** @param {object} on goTo(id) to a field, toPicture(), swapped() and sending() when that happens, next(answer) */
  constructor({ draft, pages, ...on }) {
    Object.assign(this, { draft, pages, ...on, form: $('#decide') })
    for (const type of ['input', 'change']) listen(document, type, e => {
      if (e.target.form != this.form) return
      if (e.target.name == 'outcome') this.#chosen()
      if (e.target.name == 'confirmed_date' && e.target.type == 'radio') this.form.elements.prescribed_on.value = e.target.value
      if (e.target.name == 'prescribed_on') {
        if (type == 'change') this.#settle()
        else {
          delete e.target.dataset.unread // half of a date is no wrong date
          this.#ask(parse(e.target.value, state.today).sure)
        }
      }
      this.check()
    })
    this.form.addEventListener('keydown', e => this.#key(e))
    this.form.addEventListener('formdata', ({ formData }) => {
      if (this.#day && formData.has('prescribed_on')) formData.set('prescribed_on', this.#day)
    })
    this.form.addEventListener('submit', e => this.#submit(e))
    listen(document, 'click', e => {
      const day = e.target.closest('[data-ago]')
      if (day) this.#date(later(state.today, -day.dataset.ago))
      if (e.target.closest('[data-calendar]')) $('#calendar').showPicker()
      if (e.target.closest('[data-act="accept-rest"]')) this.acceptRest()
    })
    this.prescribers = new Prescribers(number => {
      const needed = $$('[data-line][data-strict]', this.form).length > 0
      number || !needed ? this.toPicture() : this.goTo('registration_number')
    })
    this.#dress()
    this.#chosen(false)
  }

  /** What scripts make of the server's fields: a date that is typed as people write it, with a calendar beside it. */
  #dress() {
    const date = $('#prescribed_on'), calendar = $('#calendar')
    if (!date) return
    date.type = 'text'
    date.placeholder = date.dataset.hint
    for (const part of $$('[data-days]')) part.hidden = false
    $('[data-calendar]').hidden = !calendar.showPicker
    this.prescribers.dress()
    calendar.addEventListener('change', e => { e.stopPropagation(); if (calendar.value) this.#date(calendar.value) })
  }

  get outcome() { return this.form.elements.outcome?.value || '' }

  /** By key: an outcome, and on to what it asks for. */
  choose(name) {
    const radio = $(`.bar [data-choose="${name}"]`), asks = { ask: 'question', reject: 'reason' }[name]
    if (!radio) return
    radio.checked = true
    radio.dispatchEvent(new Event('change', { bubbles: true }))
    say(nameOf(radio.parentElement))
    const field = asks == 'reason' && !$('#reason') ? 'note' : asks
    if (field) this.goTo(field)
  }

  /** By key: one of the five points, or of what a second person ticks, and no other. */
  point(number) {
    const box = $$('[name=checklist], .tick input', this.form)[number - 1]
    if (!box || box.disabled) return
    box.click()
    box.scrollIntoView({ block: 'nearest' })
    say(fill(box.checked ? state.say.ticked : state.say.unticked, { what: nameOf(box.labels[0]) }))
  }

  /** By key: a field that is there for the outcome. */
  go(name) {
    const field = name == 'date' ? $('#prescribed_on') || $('#confirmed_date') : $('#' + name)
    if (!field || field.disabled) return
    this.goTo(field.id)
    field.select?.()
  }

  acceptRest() {
    const rows = $$('[data-line]').filter(row => !$('input:checked', row) && !$('input', row).disabled)
    for (const row of rows) $('input', row).checked = true
    if (rows.length) say(fill(state.say.accepted_rest, { count: rows.length }))
    this.draft.save()
    this.check()
  }

  /** In a field Enter goes on, and Escape back to the picture. Neither sends anything. */
  #key(e) {
    if (e.defaultPrevented || e.isComposing || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return
    const { target, key } = e
    if (key == 'Escape' && target.matches('input, select, textarea')) this.toPicture()
    else if (key == 'Enter' && target.name == 'prescriber' && this.prescribers.coming) {
      this.prescribers.coming.then(() => this.prescribers.choices.take() || this.#onward(target))
    } else if (key == 'Enter' && target.matches('input')) this.#onward(target)
    else return
    e.preventDefault()
  }

  #onward(from) {
    if (from.name == 'confirmed_date' && from.type == 'radio' && !from.checked) from.click()
    if (from.name == 'prescribed_on') {
      this.#settle()
      this.check()
      if (!this.#day) return from.select()
      if (!$('.ask').hidden) return $('.ask input').focus()
    }
    const at = WAY.indexOf(from.name == 'confirmed_date' ? 'prescribed_on' : from.name)
    const next = at < 0 ? null : WAY.slice(at + 1).map(id => $('#' + id)).find(field => field && !field.disabled && !field.value)
    next ? this.goTo(next.id) : this.toPicture()
  }

  /** A date that was pressed, not typed: it is never in doubt. */
  #date(day) {
    const field = $('#prescribed_on')
    field.value = day
    this.#ask(true)
    field.dispatchEvent(new Event('change', { bubbles: true }))
  }

  /** What was typed stands there as the date that it is. */
  #settle() {
    const field = $('#prescribed_on'), { day, sure } = parse(field.value, state.today)
    if (!day && field.value.trim()) field.dataset.unread = ''
    if (!day || field.value == day) return
    field.value = day
    this.#ask(sure)
  }

  get #day() { return parse(this.#value('prescribed_on'), state.today).day }

  send() { $('[data-submit]')?.click() }

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
    this.#when(need)
    need(this.#value('prescriber'), 'prescriber', words.missing_prescriber)
    const strict = lines.some(line => line.strict && supplies(line))
    need(!strict || this.#value('registration_number'), 'registration_number', words.missing_registration)
    const points = $$('[name=checklist]', this.form), done = points.filter(point => point.checked).length
    need(done == points.length || this.#value('override_reason'), 'checklist',
      fill(words.missing_checklist, { done, points: points.length }))
    this.#looked(need)
  }

  #when(need) {
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

  #preview() {
    const box = $('[data-preview]')
    const [title, text] = state.reasons[this.#value('reason')] || []
    if (box) box.textContent = title ? fill(state.say.customer_reads, { text: `${title}. ${text}` }) : ''
  }

  /** What follows from the date, as on the server: the shortest validity of what is supplied decides. */
  #dates() {
    const day = this.#day, rest = state.validity['*']
    const days = this.#lines().filter(line => line.decision != 'refused').map(line => state.validity[line.schedule] ?? rest)
    const future = day > state.today, old = !!day && day < state.earliest
    const until = day && !future && !old ? later(day, days.length ? Math.min(...days) : rest) : ''
    return { day, until, future, old, over: !!until && until < state.today }
  }

  #valid() {
    const box = $('[data-valid]')
    if (!box || !this.form.elements.prescribed_on) return
    const words = state.say, { day, until, future, old, over } = this.#dates(), field = $('#prescribed_on')
    const unread = !day && 'unread' in field.dataset
    $('[data-echo]').textContent = day && inFull(day)
    field.dataset.meant = day // for the draft: tomorrow `d` is another day
    box.textContent = unread ? words.unread : future ? words.future : old ? fill(words.too_old, { day: inWords(state.earliest) })
      : until && fill(over ? words.ran_out : words.valid, { day: inWords(until) })
    box.classList.toggle('over', unread || future || old || over)
  }

  /** Which date is meant, where day and month could be swapped and somebody typed it. */
  #ask(sure = false) {
    const box = $('.ask'), day = this.#day, [, year, month, date] = day.match(AMBIGUOUS) || []
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
    $('[data-label]', button).textContent = state.say.sending
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
    if (button.isConnected) $('[data-label]', button).textContent = state.say.submit
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
    this.#dress()
    this.pages?.refresh()
    this.#chosen(false)
    this.check()
    this.swapped()
  }
}
