// Pictures in the browser: previews, advice, and smaller copies for slow lines. One is decoded at a time, and let go at
// once: eight photos of 12 megapixels are 384 MB.
const LOOKED_AT = 1024, ENOUGH = 5e6, HEAD = 256 * 1024
const QUALITY = 0.85

let last = Promise.resolve()
const oneByOne = work => (last = last.then(work, work))

/** `use(picture, width, height)` with the picture decoded; null where this browser cannot. */
const decoded = (file, use) => oneByOne(async () => {
  let picture, address
  try {
    try { picture = await createImageBitmap(file) } catch (_) { picture = await loaded(address = URL.createObjectURL(file)) }
    return await use(picture, picture.naturalWidth || picture.width, picture.naturalHeight || picture.height)
  } catch (_) { return null } finally {
    if (picture && picture.close) picture.close()
    if (address) URL.revokeObjectURL(address)
  }
})

const loaded = address => new Promise((resolve, reject) => {
  const image = new Image()
  image.onload = () => resolve(image)
  image.onerror = reject
  image.src = address
})

function drawn(picture, width, height) {
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(width)
  canvas.height = Math.round(height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.imageSmoothingQuality = 'high'
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  return [canvas, context]
}
// Safari keeps the pixels of a canvas for as long as it has a size.
const free = canvas => { canvas.width = canvas.height = 0 }

/** Preview (an address) and advice ("small", "dark", "blurry" or ""); null for what browsers cannot read (HEIC, PDF). */
export const look = (file, rules) => file.size && decoded(file, (picture, width, height) => {
  const long = Math.max(width, height), scale = Math.min(1, LOOKED_AT / long)
  const [canvas, context] = drawn(picture, width * scale, height * scale)
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height), line = canvas.width * 4
  let sum = 0, squares = 0, edges = 0, count = 0
  for (let i = line + 1; i < data.length - line; i += 12) { // green: nearly all of the brightness
    const edge = 4 * data[i] - data[i - 4] - data[i + 4] - data[i - line] - data[i + line]
    if (i % line < 8 || i % line > line - 8) continue
    sum += data[i]; squares += data[i] ** 2; edges += edge ** 2; count++
  }
  const mean = sum / count, blurred = edges < rules.blurred * (squares - count * mean ** 2)
  const small = drawn(canvas, canvas.width / 4, canvas.height / 4)[0], preview = small.toDataURL('image/jpeg', 0.7)
  free(canvas)
  free(small)
  return { preview, advice: long < rules.small ? 'small' : mean < rules.dark ? 'dark' : blurred ? 'blurry' : '' }
})

/** The photo with about 5 megapixels, which leaves a page 220 dots per inch; null where that is not much less to send,
 * or where it may come out lying on its side. */
export async function lessened(file) {
  if (file.type != 'image/jpeg' || file.size < 2 ** 20) return null
  const { width, height, turn } = header(new DataView(await bytes(file.slice(0, HEAD))))
  if (width * height < ENOUGH * 1.2 || (turn > 1 && !(window.CSS && CSS.supports('image-orientation', 'from-image')))) return null
  const made = await decoded(file, async (picture, wide, high) => {
    if ((wide > high != width > height) != turn > 4) return null // it was not turned as it says
    const scale = Math.sqrt(ENOUGH / wide / high), canvas = drawn(picture, wide * scale, high * scale)[0]
    const blob = await new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', QUALITY))
    free(canvas)
    return blob
  })
  return made && made.size < file.size * 0.7 ? made : null
}

/** Pixels and Exif orientation (1 to 8) as a JPEG's header says; zeros where it does not. */
function header(data) {
  const found = { width: 0, height: 0, turn: 0 }
  try {
    for (let at = 2; data.getUint8(at) == 255; at += 2 + data.getUint16(at + 2)) {
      const kind = data.getUint8(at + 1)
      if (kind == 0xe1 && data.getUint32(at + 4) == 0x45786966) found.turn = orientation(data, at + 10)
      if (kind == 0xc0 || (kind > 0xc0 && kind < 0xd0 && kind % 4)) { // a frame; 0xc4, 0xc8 and 0xcc are none
        found.height = data.getUint16(at + 5)
        found.width = data.getUint16(at + 7)
        break
      }
    }
  } catch (_) { /* it ends in the middle */ }
  return found
}

function orientation(data, tiff) {
  const little = data.getUint16(tiff) == 0x4949, fields = tiff + data.getUint32(tiff + 4, little)
  for (let at = fields + 2, left = data.getUint16(fields, little); left--; at += 12) {
    if (data.getUint16(at, little) == 0x112) return data.getUint16(at + 8, little)
  }
  return 0
}

/** Of a blob, as browsers without Blob.arrayBuffer give them. */
export const bytes = blob => new Promise((resolve, reject) => {
  const reader = new FileReader()
  reader.onload = () => resolve(reader.result)
  reader.onerror = reject
  reader.readAsArrayBuffer(blob)
})
