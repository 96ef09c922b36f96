// The viewer of prescription pages: pages on a stage, tools, adjustments that change only the view, boxes to redact. It
// never saves anything: it tells by events, and the page around it decides.
import { Pane } from './viewer-pane.js'
import { DeepPane } from './viewer-deep.js'
import { Boxes } from './viewer-boxes.js'
import { Corners, guess, sheetOf, turned } from './viewer-sheet.js'

const FILTERS = ['brightness', 'contrast'], SWITCHES = ['invert', 'sharpen', 'enhanced', 'straighten']

/**
 * One viewer in the markup of templates/prescriptions/review/viewer.html. Keys are the page's business: see `do`.
 *
 * A page is {number, width, height, rotation, skew, service, first, boxes, label?}: `rotation` the saved default in
 * degrees clockwise, `skew` how far the lines of the upright page slope clockwise or null, `service` the path of its
 * IIIF service, `first` the address of its review preset turned by `rotation`, `boxes` confirmed [x, y, width, height]
 * in upright page pixels or null, `label` what to call it instead of "Page 1 of 2". Where `sheet` is the sheet of paper
 * in it (see `sheetOf`), that is shown until the photo is asked for; `proposal` are the corners of one that is likely.
 *
 * Events on the section, all bubbling: viewer:shown {number}, viewer:rotated {number, rotation}, viewer:zoom {percent},
 * viewer:boxes {number, boxes} after each change by the user, viewer:corners {number, corners} as the user wants them, viewer:failed {number}, viewer:painted {number} when the
 * picture is on the screen (perhaps more than once), and viewer:help, whose default (the viewer's own help) can be
 * prevented.
 */
export class Viewer {
  #left = new AbortController()
  #filters = { brightness: 1, contrast: 1 }
  #on = { invert: false, sharpen: false, enhanced: false, straighten: false }
  #panes = []
  #original = false

  /** Shows the page whose picture is in the markup already, or else the first. */
  constructor(section, { pages }) {
    const { signal } = this.#left, on = (target, type, act) => target.addEventListener(type, act, { signal })
    this.section = section
    this.pages = pages.map(own)
    this.redacting = false
    this.bar = this.#find('[data-tools]')
    this.menu = this.#find('[data-menu]')
    this.more = this.menu.closest('details')
    section.classList.add('ready')
    on(section, 'click', e => {
      const button = e.target.closest('[data-do]'), name = button?.dataset.do
      if (button && this.menu.contains(button) && !SWITCHES.includes(name)) this.#close()
      this.do(name)
    })
    on(section, 'input', e => e.target.dataset.filter && this.setFilter(e.target.dataset.filter, e.target.value / 100))
    on(section, 'keydown', e => e.key == 'Escape' && this.#close() && e.preventDefault())
    on(document, 'click', e => this.more.contains(e.target) || (this.more.open = false))
    this.sized = new ResizeObserver(() => this.#arrange())
    this.sized.observe(this.bar)
    const stage = this.#find('[data-stage]')
    on(stage, 'pointerdown', () => stage.focus({ preventScroll: true }))
    this.#panes.push(this.#pane(stage))
    this.boxLayer = new Boxes(this.#main, this.#find('[data-boxes]'), (...text) => this.#fill(...text), () => {
      this.page.boxes = this.boxes
      this.#tell('boxes', { number: this.number, boxes: this.boxes })
    })
    this.cornerLayer = new Corners(this.#main, (...text) => this.#fill(...text), () => this.#say(this.section.dataset.sayMoved))
    const image = stage.querySelector('img'), src = image.getAttribute('src')
    const there = this.pages.find(page => (page.sheet || page).first == src)
    this.#show(there || this.pages[0], there && image)
  }

  get #main() { return this.#panes[0] }
  get number() { return this.page.number }

  /** Shows the page of that number; false if there is none. */
  show(number) {
    const page = this.pages.find(page => page.number == number)
    if (page && page != this.page) { this.#show(page); this.#say(this.#name(page)) }
    return !!page
  }

  zoomBy(factor) { for (const pane of this.#panes) pane.zoomBy(factor) }
  fit() { for (const pane of this.#panes) pane.fit() }
  fitWidth() { for (const pane of this.#panes) pane.width() }
  /** Moves the page by CSS pixels. */
  pan(dx, dy) { for (const pane of this.#panes) pane.pan(dx, dy) }

  rotate(degrees) {
    // A sheet is turned by naming its corners anew.
    if (this.shown.photo) return this.#tellCorners(turned(this.page.sheet.corners, degrees / 90))
    this.page.rotation = (this.page.rotation + degrees + 360) % 360
    this.#turn()
    this.#say(this.#fill('turned', { degrees: this.page.rotation }))
    this.#tell('rotated', { number: this.number, rotation: this.page.rotation })
  }

  /** @param {"brightness"|"contrast"} name @param {number} value 0.5 to 2 */
  setFilter(name, value) { this.#filters[name] = Math.min(Math.max(value, 0.5), 2); this.#adjust() }

  /** @param {"invert"|"sharpen"|"enhanced"|"straighten"} name */
  toggle(name, on = !this.#on[name]) {
    const changed = this.#on[name] != on
    this.#on[name] = on
    this.#adjust()
    if (name == 'straighten') this.#turn()
    if (name == 'enhanced' && changed) for (const pane of this.#panes) this.#open(pane, pane.page)
  }

  resetFilters() {
    for (const name of FILTERS) this.#filters[name] = 1
    for (const name of SWITCHES) this.toggle(name, false)
  }

  /** Whether the photo is shown although there is a sheet. */
  original(on = !this.#original) {
    this.#original = on
    this.#show(this.page)
    this.#say(this.#name(this.shown))
  }

  /** What is shown of the page: itself, or the sheet in it. */
  get shown() { return this.#image(this.page) }

  /** The sheet in a page is another now, or none (null); nothing is proposed any more. */
  setSheet(number, sheet) {
    const page = this.pages.find(page => page.number == number)
    Object.assign(page, { sheet, flat: null, proposal: null })
    if (page != this.page) return
    this.#original = this.cornering = false
    this.section.classList.remove('cornering')
    this.#show(page)
  }

  /** Whether the corners of the sheet can be moved, in the photo. */
  corners(on) {
    this.cornering = on
    if (on) this.redact(false)
    this.section.classList.toggle('cornering', on)
    this.#show(this.page)
    if (on) this.cornerLayer.focus()
  }

  /** Another page beside this one, of this or another prescription; null takes it away. */
  compare(page) {
    const second = this.#find('[data-second]'), stage = second.querySelector('[data-stage]')
    this.#panes.splice(1).forEach(pane => pane.destroy())
    second.hidden = !page
    this.section.classList.toggle('comparing', !!page)
    if (page) {
      this.#panes.push(this.#pane(stage))
      this.#open(this.#panes[1], page.photo || page == this.page ? page : own(page))
      this.#adjust()
    } else stage.querySelector('img').replaceWith(new Image())
    this.#main.fit()
    this.#marks()
  }

  /** Whether boxes can be drawn and changed. */
  redact(on) {
    this.redacting = on
    this.boxLayer.edit(on)
    this.#find('[data-redaction]').hidden = !on
    this.section.classList.toggle('redacting', on)
    this.#marks()
  }

  /** Whether one sees what is under the boxes. */
  uncover(on) { this.boxLayer.lift(on) }

  get boxes() { return this.boxLayer.boxes.map(box => [...box]) }
  setBoxes(boxes) { this.boxLayer.set(boxes); this.page.boxes = this.boxes }

  /** Fresh tokens, as {number: service}: for later requests only; what failed is asked for again. */
  renew(services) {
    for (const page of this.pages) {
      const service = services[page.number]
      if (!service) continue
      page.first = page.first.replace(page.service, service)
      page.service = service
    }
    this.#retry()
  }

  /** What the button of that name does: zoom-in, zoom-out, fit, width, left, right, compare, redact, reset, help … */
  do(name) {
    if (SWITCHES.includes(name)) return this.#button(name)?.disabled || this.toggle(name)
    const others = this.pages.filter(page => page != this.page), at = this.pages.indexOf(this.page)
    ;({
      'zoom-in': () => this.zoomBy(1.25),
      'zoom-out': () => this.zoomBy(0.8),
      fit: () => this.fit(),
      width: () => this.fitWidth(),
      left: () => this.rotate(-90),
      right: () => this.rotate(90),
      previous: () => this.show(this.pages[at - 1]?.number),
      next: () => this.show(this.pages[at + 1]?.number),
      compare: () => this.compare(this.#panes[1] ? null : this.page.sheet ? this.#other() : others[0]),
      original: () => this.page.sheet && !this.cornering && this.original(),
      accept: () => this.page.proposal && this.#tellCorners(this.page.proposal),
      corners: () => this.corners(!this.cornering),
      over: () => this.cornering ? this.cornerLayer.set(turned(this.cornerLayer.corners, 2), true)
        : this.page.sheet && this.#tellCorners(turned(this.page.sheet.corners, 2)),
      keep: () => this.cornering && this.#tellCorners(this.cornerLayer.corners),
      none: () => this.#tellCorners(null),
      redact: () => this.redact(!this.redacting),
      reset: () => { this.resetFilters(); this.fit() },
      add: () => this.boxLayer.add(),
      retry: () => this.#retry(),
      help: () => this.#tell('help', {}, true) && this.#find('dialog').showModal(),
    })[name]?.()
  }

  destroy() {
    this.redact(false)
    this.compare(null)
    this.#left.abort()
    this.sized.disconnect()
    this.boxLayer.destroy()
    this.cornerLayer.destroy()
    this.#main.destroy()
    clearTimeout(this.saying)
    this.section.classList.remove('ready')
  }

  #find(selector) { return this.section.querySelector(selector) }
  #button(name) { return this.#find(`[data-do="${name}"]`) }
  #tell(name, detail, cancelable = false) {
    return this.section.dispatchEvent(new CustomEvent('viewer:' + name, { bubbles: true, cancelable, detail }))
  }
  #fill(name, values) {
    const key = 'say' + name[0].toUpperCase() + name.slice(1)
    return this.section.dataset[key].replace(/%\((\w+)\)s/g, (_, value) => values[value])
  }
  #say(text) {
    clearTimeout(this.saying)
    this.saying = setTimeout(() => { this.#find('[data-say]').textContent = text }, 400) // not each step of a zoom
  }
  #name(page) {
    const name = page.label || this.#fill('page', { number: page.number, count: this.pages.length })
    return page.sheet ? this.#fill(page.photo ? 'paper' : 'photo', { name }) : name
  }
  #image(page) {
    if (!page.sheet || this.#original || this.cornering) return page
    return page.flat ||= sheetOf(page)
  }
  /** Of the page that is shown: the photo beside its sheet, or the other way round. */
  #other() { return this.shown.photo ? this.page : sheetOf(this.page) }
  #tellCorners(corners) { this.#tell('corners', { number: this.number, corners }) }

  #pane(stage) {
    const box = stage.parentElement, main = !this.#panes.length
    return new (window.OpenSeadragon ? DeepPane : Pane)(stage, {
      view: () => main && this.#moved(),
      busy: busy => {
        box.classList.toggle('busy', busy)
        if (busy) box.querySelector('[data-failed]').hidden = true
      },
      failed: page => {
        box.querySelector('[data-failed]').hidden = false
        if (main) this.#tell('failed', { number: page.number })
      },
      painted: page => main && this.#tell('painted', { number: page.number }),
    })
  }

  #degrees(page) { return page.rotation - (this.#on.straighten && page.skew || 0) }
  #open(pane, page, image) {
    pane.stage.setAttribute('aria-label', this.#name(page))
    pane.stage.parentElement.querySelector('[data-caption]').textContent = this.#name(page)
    return pane.open(page, this.#on.enhanced ? 'enhanced' : 'default', this.#degrees(page), image)
  }
  #turn() { for (const pane of this.#panes) pane.turn(this.#degrees(pane.page)) }
  #retry() { for (const pane of this.#panes) if (pane.failed) this.#open(pane, pane.page) }

  #show(page, image) {
    if (page != this.page) this.cornering = false
    this.page = page
    this.#open(this.#main, this.shown, image)
    this.boxLayer.set(page.boxes || [])
    this.cornerLayer.set(this.cornering ? page.sheet?.corners || page.proposal || guess(page) : page.proposal, this.cornering)
    this.#adjust()
    this.#tell('shown', { number: page.number })
  }

  #moved() {
    const percent = Math.round(this.#main.view.scale * 100)
    this.boxLayer?.place()
    this.cornerLayer?.place()
    if (percent == this.percent) return
    if (this.percent && !this.#main.mode) this.#say(this.#fill('zoom', { percent }))
    this.percent = percent
    this.#find('[data-percent]').textContent = percent + '\u202f%'
    this.#tell('zoom', { percent })
  }

  #adjust() {
    const { brightness, contrast } = this.#filters, { invert, sharpen } = this.#on
    const filters = [brightness != 1 && `brightness(${brightness})`, contrast != 1 && `contrast(${contrast})`,
      invert && 'invert(1)', sharpen && 'url(#viewer-sharpen)'].filter(Boolean).join(' ')
    for (const pane of this.#panes) pane.filter(filters)
    for (const name of FILTERS) this.#find(`[data-filter=${name}]`).value = this.#filters[name] * 100
    this.#marks()
  }

  #marks() {
    const skew = this.page && this.shown.skew, original = this.#original, states = { ...this.#on, redact: this.redacting, compare: !!this.#panes[1], original }
    for (const [name, on] of Object.entries(states)) this.#button(name)?.setAttribute('aria-pressed', on)
    const straighten = this.#button('straighten')
    straighten.disabled = !skew
    straighten.querySelector('span').textContent = skew ? this.#fill('straighten', { degrees: Math.abs(skew) })
      : this.section.dataset.sayStraight
    this.#button('compare').disabled = this.pages.length < 2 && !this.#panes[1] && !this.page?.sheet
    this.#sheetTools()
  }

  #sheetTools() {
    const { page, cornering = false } = this, may = !!this.section.dataset.mayTurn
    this.#button('original').hidden = !page?.sheet || cornering
    for (const tool of this.section.querySelectorAll('[data-sheet-tool]')) tool.hidden = !may || (tool.dataset.do == 'over' && !page?.sheet)
    this.#button('corners').setAttribute('aria-pressed', cornering)
    this.#find('[data-sheet]').hidden = !may || this.redacting || !(cornering || page?.proposal)
    for (const part of this.section.querySelectorAll('[data-sheet-likely]')) part.hidden = cornering
    for (const part of this.section.querySelectorAll('[data-sheet-corners]')) part.hidden = !cornering
  }

  // What has no room in the bar goes into the menu.
  #arrange() {
    const groups = [...this.section.querySelectorAll('[data-spare]')].sort((a, b) => a.dataset.spare - b.dataset.spare)
    this.more.before(...[...groups].reverse())
    for (const group of groups) if (this.bar.scrollWidth > this.bar.clientWidth) this.menu.prepend(group)
  }

  #close() {
    if (!this.more.open) return false
    this.more.open = false
    this.more.querySelector('summary').focus()
    return true
  }

}

// What we change is ours; a new token in theirs is seen.
const own = page => Object.assign(Object.create(page), { rotation: page.rotation, firstRotation: page.rotation })
