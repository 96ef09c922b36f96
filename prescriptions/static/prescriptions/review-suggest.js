// Choices under a field: a combobox with a listbox (ARIA 1.2). Arrows move, Enter or a press picks, Escape closes.
export class Suggest {
  #active = -1
  #options = []

  /**
   * @param {HTMLInputElement} input with role=combobox
   * @param {HTMLElement} list with role=listbox and an id
   * @param {(option: object) => void} pick told what was picked
   */
  constructor(input, list, pick) {
    Object.assign(this, { input, list, pick })
    input.addEventListener('keydown', e => this.#key(e))
    // The field keeps the focus while something is pressed.
    list.addEventListener('pointerdown', e => e.preventDefault())
    list.addEventListener('click', e => {
      const at = [...list.children].indexOf(e.target.closest('[role=option]'))
      if (at >= 0) this.#pick(at)
    })
  }

  get open() { return !this.list.hidden }

  /** @param {{text: string, note?: string}[]} options @param {number} active which Enter picks; -1 for none yet */
  show(options, active) {
    this.#options = options
    this.list.replaceChildren(...options.map(({ text, note }, at) => {
      const item = document.createElement('li'), words = document.createElement('span'), more = document.createElement('span')
      item.id = `${this.list.id}-${at}`
      item.setAttribute('role', 'option')
      words.textContent = text
      more.textContent = note || ''
      more.className = 'note'
      item.append(words, more)
      return item
    }))
    this.list.hidden = !options.length
    this.input.setAttribute('aria-expanded', this.open)
    if (this.open) this.list.scrollIntoView({ block: 'nearest' })
    this.#mark(options.length ? active : -1)
  }

  hide() { this.show([], -1) }

  /** Picks what is marked; false if nothing is. */
  take() {
    if (!this.open || this.#active < 0) return false
    this.#pick(this.#active)
    return true
  }

  #pick(at) {
    const option = this.#options[at]
    this.hide()
    this.pick(option)
  }

  #mark(at) {
    this.#active = at
    for (const [n, item] of [...this.list.children].entries()) item.setAttribute('aria-selected', n == at)
    if (at < 0) return this.input.removeAttribute('aria-activedescendant')
    this.input.setAttribute('aria-activedescendant', this.list.children[at].id)
    this.list.children[at].scrollIntoView({ block: 'nearest' })
  }

  #key(e) {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing) return
    const last = this.#options.length - 1
    if (e.key == 'ArrowDown' && this.open) this.#mark(this.#active >= last ? 0 : this.#active + 1)
    else if (e.key == 'ArrowUp' && this.open) this.#mark(this.#active <= 0 ? last : this.#active - 1)
    else if (e.key == 'Enter') { if (!this.take()) return }
    else if (e.key == 'Escape' && this.open && !this.input.closest('dialog')) this.hide()
    else return
    e.preventDefault()
  }
}
