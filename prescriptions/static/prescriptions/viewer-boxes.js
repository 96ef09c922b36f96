// Boxes on a page (what a redaction burns out), drawn and changed with mouse, touch and keyboard. They are kept in
// whole upright page pixels; a layer that is moved with the page puts them on the screen.
const STEP = 8, LEAST = 6 // CSS pixels: of an arrow key; what is smaller was a click

export class Boxes {
  #on = false
  #drawing = null

  /**
   * @param {Pane} pane
   * @param {HTMLElement} list gets one item per box, made from the template in it
   * @param {(text: string, values: object) => string} fill
   * @param {() => void} changed by the user
   */
  constructor(pane, list, fill, changed) {
    Object.assign(this, { pane, list, fill, changed, boxes: [], left: new AbortController() })
    this.item = list.querySelector('template')
    this.layer = Object.assign(document.createElement('div'), { className: 'viewer-boxes', hidden: true })
    pane.stage.after(this.layer)
    const { signal } = this.left
    const listen = (target, type, act, capture) => target.addEventListener(type, act, { signal, capture })
    listen(pane.stage, 'pointerdown', e => this.#down(e), true)
    listen(this.layer, 'pointerdown', e => this.#grab(e))
    listen(this.layer, 'wheel', e => pane.zoomBy(1.2 ** -Math.sign(e.deltaY)))
    listen(this.layer, 'keydown', e => this.#key(e))
    listen(list, 'click', e => {
      const item = e.target.closest('li'), at = [...this.list.querySelectorAll('li')].indexOf(item)
      if (item) e.target.closest('[data-drop]') ? this.drop(at) : this.layer.children[at].focus()
    })
  }

  set(boxes) { this.boxes = boxes.map(box => this.#inside(box)); this.#draw() }

  edit(on) {
    this.#on = on
    this.pane.dragging = !on
    if (!on && this.layer.contains(document.activeElement)) this.pane.stage.focus()
    this.#draw()
  }

  /** Out of the way, to see what is under them; they stay what they are. */
  lift(on) { this.layer.classList.toggle('lifted', on) }

  /** A new box in the middle of what can be seen, with the focus. */
  add() {
    const { scale } = this.pane.view, width = 160 / scale, height = 60 / scale, box = this.pane.stage.getBoundingClientRect()
    const { x, y } = this.pane.toPage(box.x + box.width / 2, box.y + box.height / 2)
    this.boxes.push(this.#inside([x - width / 2, y - height / 2, width, height]))
    this.#done(this.boxes.length - 1)
  }

  drop(at) {
    this.boxes.splice(at, 1)
    this.#done(Math.min(at, this.boxes.length - 1))
  }

  place() {
    this.layer.style.transform = this.pane.pageMatrix
    this.layer.style.setProperty('--unit', 1 / this.pane.view.scale + 'px')
  }

  destroy() {
    this.left.abort()
    this.layer.remove()
    for (const item of this.list.querySelectorAll('li')) item.remove()
  }

  #inside([x, y, width, height]) {
    const page = this.pane.whole, between = (value, most) => Math.round(Math.min(Math.max(value, 0), most))
    const left = between(x, page.width - 1), top = between(y, page.height - 1)
    const right = between(x + width, page.width), bottom = between(y + height, page.height)
    return [left, top, Math.max(1, right - left), Math.max(1, bottom - top)]
  }

  #moved([x, y, width, height], dx, dy) { // as a whole: it stops at the edges
    const { whole: page } = this.pane, stop = (value, most) => Math.min(Math.max(value, 0), most)
    return this.#inside([stop(x + dx, page.width - width), stop(y + dy, page.height - height), width, height])
  }

  #done(focus) {
    this.#draw()
    if (focus >= 0) this.layer.children[focus]?.focus()
    else this.pane.stage.focus()
    this.changed()
  }

  #draw() {
    const { layer, list } = this, count = this.boxes.length
    layer.hidden = !count
    layer.classList.toggle('editing', this.#on)
    while (layer.children.length > count) layer.lastChild.remove()
    for (const item of list.querySelectorAll('li')) item.remove()
    this.boxes.forEach((box, at) => {
      const [x, y, width, height] = box, values = { number: at + 1, x, y, width, height }
      const element = layer.children[at] || layer.appendChild(document.createElement('div'))
      if (!element.children.length) for (const corner of ['00', '10', '01', '11']) {
        element.appendChild(document.createElement('span')).dataset.corner = corner
      }
      Object.assign(element.style, { left: x + 'px', top: y + 'px', width: width + 'px', height: height + 'px' })
      element.tabIndex = this.#on ? 0 : -1
      element.setAttribute('role', this.#on ? 'application' : 'img') // arrow keys belong to it
      element.setAttribute('aria-label', this.fill('box', values))
      const item = this.item.content.firstElementChild.cloneNode(true)
      item.querySelector('[data-name]').textContent = this.fill('boxShort', values)
      item.querySelector('[data-name]').setAttribute('aria-label', this.fill('box', values))
      item.querySelector('[data-drop]').setAttribute('aria-label', this.fill('boxDrop', values))
      list.append(item)
    })
    this.place()
  }

  // Drawing: two corners, wherever the viewport is turned to.
  #down(e) {
    if (!this.#on || e.button) return
    if (this.#drawing) return this.#drawing(false) // a second finger wants to zoom
    const from = this.pane.toPage(e.clientX, e.clientY), at = this.boxes.length
    this.#follow(e, (to, scale, end) => {
      // On a sheet that lies askew in its photo, what was drawn is a box there all the same: one that covers it.
      const others = this.pane.page.photo ? [[e.clientX, end.clientY], [end.clientX, e.clientY]] : []
      const around = [from, to, ...others.map(point => this.pane.toPage(...point))]
      const xs = around.map(({ x }) => x), ys = around.map(({ y }) => y), left = Math.min(...xs), top = Math.min(...ys)
      const width = Math.max(...xs) - left, height = Math.max(...ys) - top
      this.boxes.length = at
      if (Math.min(width, height) * scale >= LEAST) this.boxes.push(this.#inside([left, top, width, height]))
    }, () => this.boxes.length > at && at, () => { this.boxes.length = at })
  }

  // A corner resizes, the rest of the box moves it.
  #grab(e) {
    const element = e.target.closest('.viewer-boxes > *'), corner = e.target.dataset.corner
    if (!this.#on || !element || e.button) return
    e.preventDefault()
    element.focus()
    const at = [...this.layer.children].indexOf(element), was = this.boxes[at], [x, y, width, height] = was
    const from = this.pane.toPage(e.clientX, e.clientY)
    this.#follow(e, to => {
      const dx = to.x - from.x, dy = to.y - from.y
      if (!corner) { this.boxes[at] = this.#moved(was, dx, dy); return }
      const xs = [x, x + width], ys = [y, y + height]
      xs[corner[0]] += dx
      ys[corner[1]] += dy
      xs.sort((a, b) => a - b)
      ys.sort((a, b) => a - b)
      this.boxes[at] = this.#inside([xs[0], ys[0], xs[1] - xs[0], ys[1] - ys[0]])
    }, () => at, () => { this.boxes[at] = was })
  }

  #follow(start, move, focus, undo) {
    const end = new AbortController(), { signal } = end
    const finish = keep => {
      end.abort()
      this.#drawing = null
      if (!keep) { undo(); this.#draw(); return }
      const at = focus()
      if (at !== false) this.#done(at)
    }
    const mine = act => e => e.pointerId == start.pointerId && act(e)
    addEventListener('pointermove', mine(e => {
      move(this.pane.toPage(e.clientX, e.clientY), this.pane.view.scale, e)
      this.#draw()
    }), { signal })
    addEventListener('pointerup', mine(() => finish(true)), { signal })
    addEventListener('pointercancel', mine(() => finish(false)), { signal })
    addEventListener('keydown', e => e.key == 'Escape' && finish(false), { signal })
    this.#drawing = finish
  }

  // Arrows follow the screen; with Shift they change the size.
  #key(e) {
    const at = [...this.layer.children].indexOf(e.target), was = this.boxes[at]
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key]
    if (!was || e.ctrlKey || e.metaKey || e.altKey) return
    if (e.key == 'Delete' || e.key == 'Backspace') this.drop(at)
    else if (e.key == 'Escape') this.pane.stage.focus()
    else if (way) {
      const { scale, degrees } = this.pane.view, step = Math.max(1, STEP / scale), turn = Math.round(degrees / 90)
      const { x, y } = new DOMMatrix().rotate(-90 * turn).scale(step).transformPoint(new DOMPoint(...way))
      const [gx, gy] = (turn % 2 ? [way[1], way[0]] : way).map(side => side * step)
      this.boxes[at] = e.shiftKey
        ? this.#inside([was[0], was[1], Math.max(1, was[2] + gx), Math.max(1, was[3] + gy)]) : this.#moved(was, x, y)
      this.#done(at)
    } else return
    e.preventDefault()
    e.stopPropagation()
  }
}
