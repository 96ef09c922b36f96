// The prescriber's field: whoever this pharmacy has met is suggested while somebody types, with the number.
import { $, fill, state } from './review-base.js'
import { Suggest } from './review-suggest.js'

export class Prescribers {
  #latest = null
  #typedFor = null // the name for which somebody typed the number; any other number goes with its name

  /** @param {(number: string) => void} picked after a name is in its field, and its number in the other */
  constructor(picked) { this.picked = picked }

  /** The answer that is on its way, if one is: whoever types fast presses Enter before it is there. */
  get coming() { return this.#latest }

  /** For the fields that are in the document now. */
  dress() {
    const field = $('#prescriber')
    if (!field) return
    for (const [name, value] of Object.entries({ role: 'combobox', 'aria-controls': 'prescribers', 'aria-expanded': 'false',
      'aria-autocomplete': 'list' })) field.setAttribute(name, value)
    this.choices = new Suggest(field, $('#prescribers'), choice => this.#fill(choice))
    this.#typedFor = null
    $('#registration_number').addEventListener('input', () => { this.#typedFor = field.value })
    field.addEventListener('input', () => {
      if (this.#typedFor === null) $('#registration_number').value = ''
      this.#met('')
      this.#find(field.value)
    })
    field.addEventListener('focus', () => field.value || this.#find(''))
    field.addEventListener('blur', () => { this.#latest = null; this.choices.hide() })
  }

  #find(typed) {
    const answer = fetch(`${state.urls.prescribers}?${new URLSearchParams({ q: typed })}`, { redirect: 'manual' })
      .then(answer => answer.ok ? answer.json() : { prescribers: [] }).catch(() => ({ prescribers: [] }))
      .then(({ prescribers }) => {
        if (answer != this.#latest) return
        this.#latest = null
        const options = prescribers.map(each => ({ ...each, text: each.name, note: each.number }))
        this.choices.show(options, typed.trim() ? 0 : -1)
      })
    this.#latest = answer
  }

  #fill({ name, number, met }) {
    const field = $('#prescriber')
    field.value = name
    if (number || this.#typedFor != name) {
      $('#registration_number').value = number
      this.#typedFor = null
    }
    this.#met(met)
    field.dispatchEvent(new Event('change', { bubbles: true }))
    this.picked(number)
  }

  #met(met) {
    const note = $('[data-met]')
    note.textContent = met && fill(state.say.met, { day: met })
    note.hidden = !met
  }
}
