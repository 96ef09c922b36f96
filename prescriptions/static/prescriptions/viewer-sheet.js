// The sheet of paper in a page: an image of its own, and the four corners by which it lies in the page, which can be
// moved with mouse, touch and keyboard. Corners are upright page pixels, clockwise from the paper's own top left.
const STEP = 8 // CSS pixels of an arrow key; with Shift a tenth

/** What a viewer shows of a page instead of it: `page.sheet` is {digest, width, height, first, corners}. */
export function sheetOf(page) {
  const { sheet } = page, { width, height } = sheet
  const shown = Object.assign(Object.create(page), { photo: page, width, height, rotation: 0, firstRotation: 0, skew: null })
  shown.toImage = flattening(sheet)
  // A new token of the page is the sheet's, too.
  Object.defineProperty(shown, 'service', { get: () => page.service + 's' + sheet.digest })
  Object.defineProperty(shown, 'first', { get: () => sheet.first.replace(/^.*?(?=\/full\/)/, shown.service) })
  return shown
}

/** From page pixels to pixels of the sheet: a perspective, as browsers draw it (x, y and distance; z stays). */
export function flattening({ corners, width, height }) {
  const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners
  const across = x0 - x1 + x2 - x3, down = y0 - y1 + y2 - y3
  const right = x1 - x2, left = x3 - x2, lower = y3 - y2, upper = y1 - y2, whole = right * lower - left * upper
  const g = (across * lower - left * down) / whole, h = (right * down - across * upper) / whole
  return plane(x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1)
    .multiply(new DOMMatrix().scale(1 / width, 1 / height)).inverse()
}

const plane = (a, b, c, d, e, f, g, h, i) => new DOMMatrix([a, d, 0, g, b, e, 0, h, 0, 0, 1, 0, c, f, 0, i])

/** Where a matrix takes a point. */
export function project(matrix, x, y) {
  const to = matrix.transformPoint(new DOMPoint(x, y))
  return { x: to.x / to.w, y: to.y / to.w }
}

/** The paper in a page of that size, where nobody knows of one: most of the page. */
export function guess({ width, height }) {
  const x = width / 10, y = height / 10
  return [[x, y], [width - x, y], [width - x, height - y], [x, height - y]].map(point => point.map(Math.round))
}

/** Turned by a quarter clockwise (1), to the left (3), or over (2). */
export const turned = (corners, quarters) => corners.map((_, at) => corners[(at - quarters + 4) % 4])

export class Corners {
  #on = false

  /**
   * @param {Pane} pane
   * @param {(text: string, values: object) => string} fill
   * @param {() => void} changed by the user
   */
  constructor(pane, fill, changed) {
    Object.assign(this, { pane, fill, changed, corners: null, left: new AbortController() })
    this.layer = Object.assign(document.createElement('div'), { className: 'viewer-corners', hidden: true })
    this.outline = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    this.outline.append(document.createElementNS('http://www.w3.org/2000/svg', 'polygon'))
    this.layer.append(this.outline)
    this.handles = [0, 1, 2, 3].map(() => this.layer.appendChild(Object.assign(document.createElement('button'), { type: 'button' })))
    pane.stage.after(this.layer)
    const { signal } = this.left
    this.layer.addEventListener('pointerdown', e => this.#grab(e), { signal })
    this.layer.addEventListener('keydown', e => this.#key(e), { signal })
    this.layer.addEventListener('wheel', e => pane.zoomBy(1.2 ** -Math.sign(e.deltaY)), { signal })
  }

  /** Shows them; `edit`: they can be moved. Null takes them away. */
  set(corners, edit = false) {
    this.corners = corners && corners.map(point => [...point])
    this.#on = edit
    if (!edit && this.layer.contains(document.activeElement)) this.pane.stage.focus()
    this.layer.hidden = !corners
    this.layer.classList.toggle('editing', edit)
    for (const handle of this.handles) handle.hidden = !edit
    this.#draw()
  }

  focus() { this.handles[0].focus({ preventScroll: true }) }

  place() {
    if (!this.corners) return
    const points = this.corners.map(([x, y]) => project(this.pane.pageMatrix, x, y))
    this.outline.firstChild.setAttribute('points', points.map(({ x, y }) => `${x},${y}`).join(' '))
    this.handles.forEach((handle, at) => Object.assign(handle.style, { left: points[at].x + 'px', top: points[at].y + 'px' }))
  }

  destroy() {
    this.left.abort()
    this.layer.remove()
  }

  #draw() {
    this.corners?.forEach(([x, y], at) => {
      this.handles[at].setAttribute('aria-label', this.fill('corner' + (at + 1), { x: Math.round(x), y: Math.round(y) }))
    })
    this.place()
  }

  #move(at, x, y) {
    const { width, height } = this.pane.whole, room = Math.max(width, height) / 10
    const inside = (value, most) => Math.round(Math.min(Math.max(value, -room), most + room) * 10) / 10
    this.corners[at] = [inside(x, width), inside(y, height)]
    this.#draw()
  }

  #grab(e) {
    const at = this.handles.indexOf(e.target)
    if (!this.#on || at < 0 || e.button) return
    e.preventDefault()
    this.handles[at].focus({ preventScroll: true })
    const was = [...this.corners[at]], from = this.pane.toPage(e.clientX, e.clientY), end = new AbortController()
    const finish = keep => {
      end.abort()
      if (keep) this.changed()
      else this.#move(at, ...was)
    }
    const mine = act => other => other.pointerId == e.pointerId && act(other)
    const on = (type, act) => addEventListener(type, act, { signal: end.signal })
    on('pointermove', mine(({ clientX, clientY }) => {
      const to = this.pane.toPage(clientX, clientY)
      this.#move(at, was[0] + to.x - from.x, was[1] + to.y - from.y)
    }))
    on('pointerup', mine(() => finish(true)))
    on('pointercancel', mine(() => finish(false)))
    on('keydown', ({ key }) => key == 'Escape' && finish(false))
  }

  // Arrows follow the screen, however the page is turned.
  #key(e) {
    const at = this.handles.indexOf(e.target)
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key]
    if (at < 0 || e.ctrlKey || e.metaKey || e.altKey) return
    if (e.key == 'Escape') this.pane.stage.focus()
    else if (way) {
      const { scale, degrees } = this.pane.view, step = (e.shiftKey ? STEP / 10 : STEP) / scale
      const { x, y } = new DOMMatrix().rotate(-degrees).scale(Math.max(step, 0.1)).transformPoint(new DOMPoint(...way))
      this.#move(at, this.corners[at][0] + x, this.corners[at][1] + y)
      this.changed()
    } else return
    e.preventDefault()
    e.stopPropagation()
  }
}
