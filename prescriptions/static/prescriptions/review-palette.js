// Ctrl+K: everything that can be done here, found by its words.
import { $, fill, state } from './review-base.js'
import { Suggest } from './review-suggest.js'

export class Palette {
  /** @param {() => {text: string, key?: string, act: () => void}[]} entries what can be done now */
  constructor(entries) {
    Object.assign(this, { entries, dialog: $('#palette'), input: $('#palette-query') })
    this.choices = new Suggest(this.input, $('#palette-list'), ({ act }) => {
      this.dialog.close() // the focus is back where it was
      act()
    })
    this.input.addEventListener('input', () => this.#find())
  }

  show() {
    this.input.value = ''
    this.all = this.entries()
    this.dialog.showModal()
    this.#find()
  }

  #find() {
    const query = this.input.value.trim(), words = query.toLowerCase().split(/\s+/)
    const found = this.all.filter(({ text }) => words.every(word => text.toLowerCase().includes(word)))
    const search = () => location.assign(`${state.queue}?${new URLSearchParams({ q: query })}`)
    if (query) found.push({ text: fill(state.say.search_queue, { text: query }), act: search })
    this.choices.show(found.map(entry => ({ ...entry, note: entry.key })), 0)
  }
}
