// A page on a stage with OpenSeadragon above the <img>: tiles are asked for only where the <img> has too few pixels.
import { Pane, load } from './viewer-pane.js'

/** The stored form of the tiles that info.json advertises; nothing else may be asked for. */
export function tilePath(page, factor, x, y, quality) {
  const step = page.tile * factor, left = x * step, top = y * step
  const width = Math.min(step, page.width - left), height = Math.min(step, page.height - top)
  const region = width == page.width && height == page.height ? 'full' : [left, top, width, height].join()
  return `${region}/${Math.ceil(width / factor)},${Math.ceil(height / factor)}/0/${quality}.webp`
}

function tileSource(page, quality) {
  const least = Math.max(page.width, page.height) / page.tile
  const maxLevel = Math.max(1, Math.ceil(Math.log2(least)))
  const factor = level => 2 ** (maxLevel - level)
  // The <img> has page.tile pixels at most: levels that have no more are never needed.
  const minLevel = Math.min(maxLevel, Math.floor(maxLevel - Math.log2(Math.max(1, least))) + 1)
  const path = ({ level, x, y }) => tilePath(page, factor(level), x, y, quality)
  return new OpenSeadragon.TileSource({
    width: page.width,
    height: page.height,
    tileSize: page.tile,
    minLevel,
    maxLevel,
    getTileUrl: (level, x, y) => () => `${page.service}/${path({ level, x, y })}`,
    // Without the token: a new one must not load again what is here.
    getTileHashKey: (level, x, y) => `${page.service.split('/').pop()}/${path({ level, x, y })}`,
    async downloadTileStart(job) {
      job.userData.stop = new AbortController()
      try {
        job.finish(await load(() => `${page.service}/${path(job.tile)}`, job.userData.stop.signal), null, 'image')
      } catch (error) { if (!job.userData.stop.signal.aborted) job.fail(String(error), null) }
    },
    downloadTileAbort: job => job.userData.stop?.abort(),
  })
}

export class DeepPane extends Pane {
  listen() {
    // OpenSeadragon adds a <style> unless its mark is there; ours is no HTML element and does nothing.
    const mark = document.head.appendChild(document.createElementNS(null, 'style'))
    mark.setAttribute('data-openseadragon-mobile-css', '')
    this.calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    const gestures = { clickToZoom: false, dblClickToZoom: true, flickEnabled: !this.calm }
    this.osd = OpenSeadragon({
      element: this.stage,
      drawer: 'canvas',
      tabIndex: '',
      showNavigationControl: false,
      keyboardNavEnabled: false,
      preserveViewport: true,
      autoResize: false, // we keep what was in the middle, or that the page fits
      animationTime: this.calm ? 0 : 0.3,
      visibilityRatio: 0.2,
      maxZoomPixelRatio: 4,
      imageLoaderLimit: 4,
      maxImageCacheCount: 24, // of 16 MB each
      timeout: 90_000, // all tries of one tile
      gestureSettingsMouse: gestures,
      gestureSettingsTouch: gestures,
      gestureSettingsPen: gestures,
    })
    mark.remove()
    for (const name of ['canvas-drag', 'canvas-scroll', 'canvas-pinch', 'canvas-double-click']) {
      this.osd.addHandler(name, () => { this.mode = '' })
    }
    this.osd.addHandler('update-viewport', () => this.#moved())
    this.osd.addHandler('tile-load-failed', e => e.tiledImage == this.tiles && !this.failed && this.fail())
  }

  set dragging(allowed) {
    for (const kind of ['Mouse', 'Touch', 'Pen']) this.osd['gestureSettings' + kind].dragToPan = allowed
  }

  open(page, quality, degrees, image) {
    if (page != this.page) this.#clear()
    return super.open(page, quality, degrees, image)
  }

  opened() {
    this.#clear()
    const source = tileSource(this.page, this.quality)
    this.osd.addTiledImage({ tileSource: source, opacity: 0, success: ({ item }) => {
      if (item.source != source || this.tiles) return
      this.tiles = item
      this.go({}, true)
    } })
  }

  #clear() { this.tiles = null; this.osd.world.removeAll() }

  filter(filters) { super.filter(filters); this.osd.drawer.canvas.style.filter = filters }

  go(aim, now = this.calm) {
    super.go(aim)
    if (!this.tiles) return
    const { viewport } = this.osd, { x, y, scale, degrees } = this.aim, { width } = this.page
    const size = new OpenSeadragon.Point(...this.size)
    if (!size.equals(viewport.getContainerSize())) { viewport.resize(size, true); this.osd.forceRedraw() }
    viewport.minZoomLevel = Math.min(this.least, 1) * 0.8 * width / this.size[0]
    viewport.setRotation(degrees, true)
    viewport.zoomTo(scale * width / this.size[0], null, now)
    viewport.panTo(new OpenSeadragon.Point(x / width, y / width), now)
    this.#moved()
  }

  #moved() {
    if (!this.tiles) return
    const { viewport } = this.osd, { width } = this.page, side = this.osd.viewport.getContainerSize().x
    const read = now => {
      const middle = viewport.getCenter(now)
      const scale = viewport.getZoom(now) * side / width
      return { x: middle.x * width, y: middle.y * width, scale, degrees: viewport.getRotation(now) }
    }
    this.view = read(true)
    this.aim = read(false)
    const enough = this.view.scale * devicePixelRatio <= this.image.naturalWidth / this.image.width * 1.05
    this.tiles.setOpacity(enough ? 0 : 1)
    this.paint()
  }

  destroy() {
    super.destroy()
    this.osd.destroy()
  }
}
