// Keys: single ones only where the page has the focus, decisions only with a modifier. Which key is which may be changed.
import { $, $$, listen, state } from './review-base.js'

const STORE = 'rx-review-keys' // of this person's hands, nothing of a patient
const FIRST = { 'zoom-in': '+', 'zoom-out': '-', fit: '0', width: 'w', right: 'r', left: 'R', invert: 'i', enhanced: 'e',
  straighten: 's', previous: '[', next: ']', original: 'o', accept: 'y', corners: 'c', over: 'v' }
const ARROWS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }
const TYPING = 'input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable]'

export class Keys {
  #listening = null

  constructor({ viewer, form, skip }) {
    Object.assign(this, { viewer, form, skip, dialog: $('#keys'), on: true, map: { ...FIRST } })
    try {
      const kept = JSON.parse(localStorage.getItem(STORE)) || {}
      this.on = kept.on !== false
      for (const name of Object.keys(FIRST)) if (typeof kept.map?.[name] == 'string') this.map[name] = kept.map[name]
    } catch { /* nothing kept, or no storage */ }
    listen(document, 'keydown', e => this.#key(e))
    $('[data-keys-on]').addEventListener('change', e => { this.on = e.target.checked; this.#keep() })
    $('[data-keys-reset]').addEventListener('click', () => { this.map = { ...FIRST }; this.on = true; this.#keep(); this.#list() })
    $('[data-keys]').addEventListener('click', e => this.#listen(e.target.closest('.key')))
  }

  show() { this.#list(); this.dialog.showModal() }

  #key(e) {
    if (e.defaultPrevented || e.isComposing || e.getModifierState('AltGraph')) return
    if (this.dialog.open) return this.#listening && this.#choose(e)
    if (document.querySelector('dialog[open]')) return
    const { ctrlKey: ctrl, altKey: alt, metaKey: meta, shiftKey: shift, code, key } = e
    const digit = code.match(/^(?:Digit|Numpad)([1-4])$/)?.[1]
    if (ctrl && !alt && !meta && !shift && key == 'Enter') this.form.send()
    else if (alt && !ctrl && !meta && !shift && digit) this.form.choose(digit)
    else if (alt && !ctrl && !meta && !shift && code == 'KeyS') this.skip()
    else if (ctrl || alt || meta || e.target.matches(TYPING)) return
    else if (key == '?' && this.on) this.show()
    else if (!this.on || !this.viewer || !e.target.closest('[data-stage]') || !this.#view(key)) return
    e.preventDefault()
  }

  #view(key) {
    const name = Object.keys(this.map).find(name => this.map[name] == key) || (key == '=' && 'zoom-in')
    if (ARROWS[key]) this.viewer.pan(...ARROWS[key])
    else if (name) this.viewer.do(name)
    else return false
    return true
  }

  #list() {
    $('[data-keys-on]').checked = this.on
    $('[data-keys]').replaceChildren(...Object.entries(this.map).flatMap(([name, key]) => {
      const term = document.createElement('dt'), what = document.createElement('dd'), button = document.createElement('button')
      Object.assign(button, { type: 'button', className: 'key', textContent: key })
      button.dataset.name = name
      what.textContent = state.say[`key_${name.replace('-', '_')}`]
      button.setAttribute('aria-label', `${what.textContent}: ${key}`)
      term.append(button)
      return [term, what]
    }))
  }

  #listen(button) {
    for (const other of $$('.key.listening')) other.classList.remove('listening')
    this.#listening = button
    button?.classList.add('listening')
  }

  #choose(e) {
    if (e.key.length > 1 || e.ctrlKey || e.altKey || e.metaKey) return e.key == 'Escape' && this.#listen(null)
    if (e.key == ' ' || e.key == '?') return
    e.preventDefault()
    const name = this.#listening.dataset.name, other = Object.keys(this.map).find(other => this.map[other] == e.key)
    if (other) this.map[other] = this.map[name] // they change places: no key does two things
    this.map[name] = e.key
    this.#listen(null)
    this.#keep()
    this.#list()
    $(`.key[data-name="${name}"]`).focus()
  }

  #keep() { try { localStorage.setItem(STORE, JSON.stringify({ on: this.on, map: this.map })) } catch { /* full */ } }
}
