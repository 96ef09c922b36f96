// One page on a stage: an <img> that can be moved, zoomed, turned and filtered. Without OpenSeadragon this is the
// viewer; with it (viewer-deep.js) the same <img> lies beneath and gives the first pixels.
const MARGIN = 8, MOST = 4 // CSS pixels around a page that fits; 400 %

/** Loads and decodes an image. Tries three times, each time with the address as it is then (tokens are renewed). */
export async function load(address, signal) {
  for (let tries = 1; ; tries++) {
    const image = new Image(), stop = () => { image.src = '' }
    signal.addEventListener('abort', stop)
    image.src = address()
    try {
      await image.decode()
      return image
    } catch (error) {
      if (signal.aborted || tries == 3) throw error
      await new Promise(done => setTimeout(done, 125 * 4 ** tries)) // 0.5 s, 2 s
    } finally { signal.removeEventListener('abort', stop) }
    if (signal.aborted) throw signal.reason
  }
}

export class Pane {
  mode = 'fit' // what a new size of the stage keeps: 'fit', 'width', or '' once somebody moved or zoomed
  aim = { x: 0, y: 0, scale: 1, degrees: 0 } // page point in the middle, CSS pixels per page pixel: where it is going
  view = this.aim // where it is now
  #pointers = new Map()

  /** @param {object} on callbacks: view() after each move, busy(boolean), failed(page), painted(page) */
  constructor(stage, on) {
    Object.assign(this, { stage, on })
    this.left = new AbortController()
    this.image = stage.querySelector('img')
    this.sized = new ResizeObserver(() => this.resized())
    this.sized.observe(stage)
    this.listen()
  }

  listen() {
    this.stage.classList.add('plain')
    const { signal } = this.left, touching = this.#pointers
    const point = e => { const box = this.stage.getBoundingClientRect(); return [e.clientX - box.x, e.clientY - box.y] }
    const on = (type, act) => this.stage.addEventListener(type, act, { signal })
    on('pointerdown', e => {
      if (this.still && e.pointerType != 'touch') return
      touching.set(e.pointerId, point(e))
      this.stage.setPointerCapture(e.pointerId)
    })
    on('pointermove', e => {
      const from = touching.get(e.pointerId), to = point(e)
      if (!from) return
      touching.set(e.pointerId, to)
      const other = [...touching].find(([id]) => id != e.pointerId)?.[1]
      const between = other && [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]
      if (other) this.zoomBy(distance(to, other) / distance(from, other), between)
      else if (!this.still) this.pan(to[0] - from[0], to[1] - from[1])
    })
    for (const type of ['pointerup', 'pointercancel']) on(type, e => touching.delete(e.pointerId))
    on('wheel', e => { e.preventDefault(); this.zoomBy(1.2 ** -Math.sign(e.deltaY), point(e)) })
    on('dragstart', e => e.preventDefault())
  }

  /** Shows a page. `image`: the element that shows it already. Resolves when there is something to see. */
  async open(page, quality, degrees, image) {
    const other = page != this.page
    this.opening?.abort()
    const { signal } = this.opening = new AbortController()
    Object.assign(this, { page, quality, failed: false })
    const [wide, high] = page.firstRotation % 180 ? [page.height, page.width] : [page.width, page.height]
    this.imageToPage = new DOMMatrix().translate(page.width / 2, page.height / 2).rotate(-page.firstRotation)
      .translate(-wide / 2, -high / 2)
    const put = next => {
      if (next != this.image) this.image.replaceWith(next)
      this.image = Object.assign(next, { alt: '', draggable: false })
      Object.assign(next.style, { width: wide + 'px', height: high + 'px', filter: this.filters || '' })
      this.paint()
    }
    // Never one page's picture under another page's number.
    if (image) put(image)
    else if (other) put(new Image())
    this.turn(degrees, other)
    this.on.busy(true)
    try {
      if (!image?.complete || !image.naturalWidth) put(await load(() => this.first(), signal))
      if (!signal.aborted) { this.opened(); this.#look() }
    } catch {
      if (!signal.aborted) this.fail()
    } finally { if (!signal.aborted) this.on.busy(false) }
  }

  first() { return this.page.first.replace(/\/\w+(\.\w+)$/, `/${this.quality}$1`) }
  opened() {}
  /** Tells once the picture is on the screen: not of a tab behind, and not where the stage has no size. */
  #look() {
    const { page, image } = this, there = () => page == this.page && image == this.image && image.naturalWidth
    if (!there() || !this.stage.getClientRects().length) return
    requestAnimationFrame(() => requestAnimationFrame(() => there() && this.on.painted(page)))
  }

  fail() { this.failed = true; this.on.failed(this.page) }
  set dragging(allowed) { this.still = !allowed }

  /** CSS filters, for what is drawn now and later. */
  filter(filters) { this.filters = filters; this.image.style.filter = filters }

  get size() { return [this.stage.clientWidth || 1, this.stage.clientHeight || 1] }

  /** From upright page pixels to CSS pixels of the stage. */
  get matrix() {
    const [width, height] = this.size, { x, y, scale, degrees } = this.view
    return new DOMMatrix().translate(width / 2, height / 2).rotate(degrees).scale(scale).translate(-x, -y)
  }

  /** The page itself, whichever image of it is shown. */
  get whole() { return this.page.photo || this.page }
  /** From pixels of the page itself to CSS pixels of the stage. */
  get pageMatrix() { return this.page.toImage ? this.matrix.multiply(this.page.toImage) : this.matrix }

  /** Pixels of the page itself under a point of the window. */
  toPage(x, y) {
    const box = this.stage.getBoundingClientRect()
    const { x: across, y: down, w } = this.pageMatrix.inverse().transformPoint(new DOMPoint(x - box.x, y - box.y))
    return { x: across / w, y: down / w }
  }

  paint() {
    if (!this.page) return
    this.image.style.transform = this.matrix.multiply(this.imageToPage)
    this.on.view()
  }

  go(aim) { this.aim = this.view = { ...this.aim, ...aim }; this.paint() }

  #span() { // of the turned page, in page pixels
    const turn = this.aim.degrees * Math.PI / 180, cos = Math.abs(Math.cos(turn)), sin = Math.abs(Math.sin(turn))
    const { width, height } = this.page
    return [width * cos + height * sin, width * sin + height * cos]
  }
  get least() { // the scale at which the page fits
    const [width, height] = this.size, [wide, high] = this.#span()
    return Math.min((width - 2 * MARGIN) / wide, (height - 2 * MARGIN) / high)
  }

  resized() {
    if (!this.page) return
    this.mode ? this[this.mode](true) : this.go({}, true)
    this.#look()
  }

  fit(now) {
    this.mode = 'fit'
    this.go({ x: this.page.width / 2, y: this.page.height / 2, scale: Math.min(Math.max(this.least, 0.01), MOST) }, now)
  }

  width(now) {
    const [width, height] = this.size, [wide, high] = this.#span()
    const scale = Math.min((width - 2 * MARGIN) / wide, MOST)
    this.go({ x: this.page.width / 2, y: this.page.height / 2, scale }, now)
    this.pan(0, Math.max(0, high * scale / 2 - height / 2 + MARGIN), now) // its top first
    this.mode = 'width'
  }

  zoomBy(factor, [px, py] = this.size.map(side => side / 2), now) {
    const { scale } = this.aim, next = Math.min(Math.max(scale * factor, Math.min(this.least, 1) * 0.8), MOST)
    const [width, height] = this.size, keep = 1 - scale / next
    this.pan((width / 2 - px) * keep, (height / 2 - py) * keep, now, next)
  }

  /** Moves the page by CSS pixels of the stage. */
  pan(dx, dy, now, next = this.aim.scale) {
    const { x, y, scale, degrees } = this.aim, turn = degrees * Math.PI / 180
    const cos = Math.cos(turn) / scale, sin = Math.sin(turn) / scale, by = [dx * cos + dy * sin, dy * cos - dx * sin]
    const inside = (value, most) => Math.min(Math.max(value, 0), most)
    this.mode = ''
    this.go({ x: inside(x - by[0], this.page.width), y: inside(y - by[1], this.page.height), scale: next }, now)
  }

  turn(degrees, fresh) {
    if (fresh && !this.mode) this.mode = 'fit'
    this.aim = { ...this.aim, degrees }
    this.resized()
  }

  destroy() {
    this.left.abort()
    this.opening?.abort()
    this.sized.disconnect()
    this.stage.classList.remove('plain')
    this.on.busy(false)
    this.image.removeAttribute('style')
  }
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1
