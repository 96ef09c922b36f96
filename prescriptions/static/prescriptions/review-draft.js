// What somebody typed, kept in this tab until it is decided. Never in localStorage: it is about a patient.
import { $, listen, state } from './review-base.js'

const SKIP = ['csrfmiddlewaretoken', 'version', 'confirmed_date', 'confirmed_lines', 'next', 'outcome'] // chosen and confirmed anew each time
const PREFIX = 'rx-review:'

export class Draft {
  #timer
  #over = false // decided or given back: nothing more is kept

  constructor() {
    this.form = $('#decide')
    for (const type of ['input', 'change']) listen(document, type, e => e.target.form == this.form && this.#later())
    listen(window, 'pagehide', () => this.dirty && this.save())
    for (const key of Object.keys(sessionStorage)) { // of older versions of this one
      if (key.startsWith(`${PREFIX}${state.rx}:`) && key != this.#key) sessionStorage.removeItem(key)
    }
  }

  get #key() { return `${PREFIX}${state.rx}:${state.version}` }
  get #fields() { return [...this.form.elements].filter(field => field.name && !SKIP.includes(field.name)) }
  get #ticks() { return field => field.type == 'checkbox' || field.type == 'radio' }

  /** Is there anything that would be lost? */
  get dirty() {
    return this.#fields.some(field => this.#ticks(field) ? field.checked != field.defaultChecked
      : field.tagName == 'SELECT' ? field.value : field.value != field.defaultValue)
  }

  #later() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.save(), 250)
  }

  save() {
    clearTimeout(this.#timer)
    if (!state.editable || this.#over) return
    const kept = this.#fields.filter(field => this.#ticks(field) ? field.checked : field.value)
    try { sessionStorage.setItem(this.#key, JSON.stringify(kept.map(field => [field.name, field.dataset.meant || field.value]))) } catch { /* full */ }
  }

  /** Puts back what was kept, unless the server has sent what was typed; true if there was something. */
  restore() {
    const kept = JSON.parse(sessionStorage.getItem(this.#key) || '[]')
    if (!state.editable || state.posted || !kept.length) return false
    for (const field of this.#fields) {
      if (this.#ticks(field)) field.checked = kept.some(([name, value]) => name == field.name && value == field.value)
      else field.value = kept.find(([name]) => name == field.name)?.[1] ?? field.value
    }
    return true
  }

  clear() {
    clearTimeout(this.#timer)
    this.#over = true
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(`${PREFIX}${state.rx}:`)) sessionStorage.removeItem(key)
  }
}
