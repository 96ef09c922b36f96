// Keys: one table of what they do. Single ones work everywhere but in fields and can be switched off (WCAG 2.1.4); which
// key does what may be changed, and stands on the buttons.
import { $, $$, fill, listen, state } from './review-base.js'

const press = selector => () => $(selector)?.click()
const view = (name, key) => ['look', name, key, ({ viewer }) => viewer.do(name), '[data-viewer]']
const point = number => ['fill', `point-${number}`, String(number), ({ form }) => form.point(number), '[name=checklist], .tick input']
const outcome = (name, key) => ['decide', name, key, ({ form }) => form.choose(name), `[data-choose=${name}]`]

/**
 * The table: group, name, first key, what is done, and what has to be in the page for it. To add a key, add a row and its
 * words, `key_<name>` in words.py (with `_` for `-`); whatever has `data-key="<name>"` shows it. With `held` the act is
 * told twice: true when the key goes down, false when it comes up.
 */
const ROWS = [
  outcome('approve', 'a'),
  outcome('some', 'p'),
  outcome('ask', 'q'),
  outcome('reject', 'n'),
  ['decide', 'submit', 'Ctrl+Enter', ({ form }) => form.send(), '[data-submit]'],
  ['decide', 'undo', 'u', press('[data-undo] button'), '[data-undo]'],
  ['decide', 'skip', 'Alt+s', press('[data-leave]'), '[data-leave]'],
  ...[1, 2, 3, 4, 5].map(point),
  ['fill', 'date', 'd', ({ form }) => form.go('date'), '#prescribed_on, #confirmed_date'],
  ['fill', 'prescriber', 'b', ({ form }) => form.go('prescriber'), '#prescriber'],
  ['fill', 'lines', 'l', ({ form }) => form.acceptRest(), '[data-act="accept-rest"], [data-line]'],
  view('zoom-in', '+'), view('zoom-out', '-'), view('fit', '0'), view('width', 'w'), view('right', 'r'), view('left', 'R'),
  view('enhanced', 'e'), view('invert', 'i'), view('straighten', 's'), view('previous', '['), view('next', ']'),
  ['look', 'original', 'o', ({ viewer }) => viewer.do('original'), '[data-do=original]:not([hidden])'],
  ['look', 'accept', 'y', ({ viewer }) => viewer.do('accept'), '[data-sheet]:not([hidden]) [data-do=accept]:not([hidden])'],
  ['look', 'corners', 'c', ({ viewer }) => viewer.do('corners'), '[data-sheet-tool][data-do=corners]:not([hidden])'],
  ['look', 'over', 'v', ({ viewer }) => viewer.do('over'), '[data-sheet-tool][data-do=over]:not([hidden])'],
  ['look', 'uncover', 'h', ({ pages }, on) => pages.uncover(on), '[data-covered]:not([hidden])', true],
  ['go', 'previous-item', ',', press('[data-go=previous]'), '[data-go=previous]'],
  ['go', 'next-item', '.', press('[data-go=next]'), '[data-go=next]'],
  ['go', 'palette', 'Ctrl+k', ({ palette }) => palette.show(), '#palette'],
  ['go', 'help', '?', ({ keys }) => keys.show(), '#keys'],
].map(([group, name, first, act, needs, held = false]) => ({ group, name, first, act, needs, held }))

const STORE = 'rx-review-keys' // of this person's hands, nothing of a patient
const ARROWS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }
const TYPING = 'input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable]'
// They belong to the browser and to whatever has the focus.
const OURS = /^(?:[^\s]|F\d+|(?:Ctrl|Alt)\+.+)$/u, NEVER = /(?:^|\+)(?:Tab|Escape|Control|Shift|Alt|Meta|AltGraph|Dead|Process)$/

// One that writes something. Chords and F1 to F12 write nothing: they work in fields, too, and are never switched off.
const single = key => [...key].length == 1

/** The key of an event as it is written down: `a`, `R`, `Ctrl+Enter`, `Alt+s`. */
function chord(e) {
  const { code, ctrlKey, metaKey, altKey, shiftKey } = e
  const capital = e.key.length == 1 && e.getModifierState('CapsLock') // `r` and `R` are two keys, with and without Shift
  const key = !capital ? e.key : shiftKey ? e.key.toUpperCase() : e.key.toLowerCase()
  const held = [(ctrlKey || metaKey) && 'Ctrl', altKey && 'Alt'].filter(Boolean), letter = code.match(/^(?:Key|Digit)(.)$/)?.[1]
  // Alt makes other letters, and so do Indian layouts: then the place of the key counts.
  const foreign = letter && (altKey || (key.length == 1 && key > '~'))
  const name = foreign ? (shiftKey && !altKey ? letter : letter.toLowerCase()) : held.length && key.length == 1 ? key.toLowerCase() : key
  if (shiftKey && (held.length || key.length > 1)) held.push('Shift')
  return [...held, name].join('+')
}

export class Keys {
  #listening = null
  #down = null // the key that is held: its place on the board, and what happens when it comes up

  /** @param {object} parts what acts in the table are told: form, pages, viewer, palette */
  constructor(parts) {
    Object.assign(this, { parts: { ...parts, keys: this }, dialog: $('#keys'), on: true, map: {} })
    let kept = {}
    try { kept = JSON.parse(localStorage.getItem(STORE)) || {} } catch { /* nothing kept, or no storage */ }
    this.on = kept.on !== false
    const known = ROWS.filter(({ name }) => typeof kept.map?.[name] == 'string')
    for (const { name } of known) this.map[name] = kept.map[name]
    for (const { name, first } of ROWS) this.map[name] ??= Object.values(this.map).includes(first) ? '' : first
    listen(document, 'keydown', e => this.#key(e))
    listen(document, 'keyup', e => e.code == this.#down?.code && this.#up())
    listen(window, 'blur', () => this.#up())
    $('[data-keys-on]').addEventListener('change', e => { this.on = e.target.checked; this.#keep() })
    $('[data-keys-reset]').addEventListener('click', () => {
      for (const { name, first } of ROWS) this.map[name] = first
      this.on = true
      this.#keep()
      this.#list()
    })
    this.dialog.addEventListener('click', e => this.#listen(e.target.closest('.key')))
    this.hints()
  }

  show() { this.#list(); this.dialog.showModal() }

  /** What can be done now, for the palette: {text, key, act}. */
  get doable() {
    return ROWS.filter(({ needs, held, name }) => !held && name != 'palette' && $(needs))
      .map(({ name, act }) => ({ text: this.#words(name), key: this.map[name], act: () => act(this.parts) }))
  }

  /** Keys on the buttons, as they are now. */
  hints() {
    for (const hint of $$('[data-key]')) {
      const key = this.map[hint.dataset.key], works = !!key && (this.on || !single(key))
      hint.textContent = works ? key : ''
      hint.hidden = !works
      const control = hint.closest('button, a') || hint.closest('label')?.control
      if (works) control?.setAttribute('aria-keyshortcuts', key.replace(/^Ctrl/, 'Control'))
      else control?.removeAttribute('aria-keyshortcuts')
    }
  }

  #words(name) {
    const number = name.match(/^point-(\d)/)?.[1]
    return number ? fill(state.say.key_point, { number }) : state.say[`key_${name.replaceAll('-', '_')}`]
  }

  #key(e) {
    if (e.defaultPrevented || e.isComposing || e.getModifierState('AltGraph')) return
    if (this.dialog.open) return this.#listening && this.#choose(e)
    if ($('dialog[open]')) return
    const key = chord(e), { viewer } = this.parts
    if (e.target.matches(TYPING) && !/^(?:F\d+|(?:Ctrl|Alt)\+.+)$/.test(key)) return
    if (ARROWS[key]) {
      if (!viewer || !e.target.closest('[data-stage]')) return
      viewer.pan(...ARROWS[key])
    } else {
      const row = ROWS.find(({ name }) => this.map[name] == key) || (key == '=' && ROWS.find(({ name }) => this.map[name] == '+')) // without Shift
      if (!row || (single(key) && !this.on)) return
      // A key that stays down would tick, untick, choose again.
      if ($(row.needs) && (!e.repeat || row.group == 'look') && !(e.repeat && row.held)) this.#do(row, e.code)
    }
    e.preventDefault()
  }

  #do({ act, held }, code) {
    act(this.parts, true)
    if (held) this.#down = { code, act }
  }

  #up() {
    this.#down?.act(this.parts, false)
    this.#down = null
  }

  #list() {
    $('[data-keys-on]').checked = this.on
    for (const list of $$('[data-keys]')) {
      list.replaceChildren(...ROWS.filter(({ group }) => group == list.dataset.keys).flatMap(({ name }) => {
        const term = document.createElement('dt'), what = document.createElement('dd'), button = document.createElement('button')
        Object.assign(button, { type: 'button', className: 'key', textContent: this.map[name] || '–' })
        button.dataset.name = name
        what.textContent = this.#words(name)
        button.setAttribute('aria-label', `${what.textContent}: ${this.map[name] || '–'}`)
        term.append(button)
        return [term, what]
      }))
    }
  }

  #listen(button) {
    for (const other of $$('.key.listening')) other.classList.remove('listening')
    this.#listening = button
    button?.classList.add('listening')
  }

  #choose(e) {
    const key = chord(e), { name } = this.#listening.dataset
    if (key == 'Escape') { e.preventDefault(); return this.#listen(null) }
    if (key != 'Backspace' && (!OURS.test(key) || NEVER.test(key))) return
    e.preventDefault()
    if (key == 'Backspace') this.map[name] = '' // none
    else {
      const other = Object.keys(this.map).find(other => this.map[other] == key)
      if (other) this.map[other] = this.map[name] // they change places: no key does two things
      this.map[name] = key
    }
    this.#listen(null)
    this.#keep()
    this.#list()
    $(`.key[data-name="${name}"]`).focus()
  }

  #keep() {
    this.hints()
    try { localStorage.setItem(STORE, JSON.stringify({ on: this.on, map: this.map })) } catch { /* full */ }
  }
}
