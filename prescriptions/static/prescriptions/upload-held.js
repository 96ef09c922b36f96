// What outlives the page: which files are under way, where they go, and, where the browser can hold them, the files
// themselves (a phone's camera leaves the photo nowhere else). Gone as soon as a file has arrived or was taken back.
import { bytes } from './upload-picture.js'

const KEY = 'rx-unfinished', DAY = 864e5, ENDS = 32 * 1024

/** Addresses with name, size, fingerprint and when they were begun; of this day. */
export function list() {
  try { return JSON.parse(localStorage.getItem(KEY) || '[]').filter(one => one.began > Date.now() - DAY) } catch (_) { return [] }
}

function save(entries) {
  try { localStorage.setItem(KEY, JSON.stringify(entries)) } catch (_) { /* full, or forbidden: then this page is all there is */ }
}

export function hold(entry, file) {
  save(list().filter(one => one.at != entry.at).concat(Object.assign({ began: Date.now() }, entry)))
  store('readwrite', files => files.put(file, entry.at))
}

export function drop(at) {
  save(list().filter(one => one.at != at))
  store('readwrite', files => files.delete(at))
}

/** The file that goes there, if it is held. */
export const held = at => store('readonly', files => files.get(at))

/** Forget what is over. */
export async function tidy() {
  const known = list().map(one => one.at)
  save(list())
  for (const at of await store('readonly', files => files.getAllKeys()) || []) {
    if (!known.includes(at)) store('readwrite', files => files.delete(at))
  }
}

/** The same for the same file: its size, and a hash (FNV-1a) of how it begins and ends. */
export async function fingerprint(file) {
  let hash = 0x811c9dc5
  for (const part of [file.slice(0, ENDS), file.slice(-ENDS)]) {
    for (const byte of new Uint8Array(await bytes(part))) hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return file.size + '.' + (hash >>> 0)
}

/** What `use` has found; null where there is no such store: a private window, or no room. */
function store(mode, use) {
  return new Promise(resolve => {
    const nothing = () => resolve(null)
    let opening
    try { opening = indexedDB.open(KEY, 1) } catch (_) { return nothing() }
    opening.onupgradeneeded = () => opening.result.createObjectStore('files')
    opening.onerror = opening.onblocked = nothing
    opening.onsuccess = () => {
      const base = opening.result
      try {
        const doing = base.transaction('files', mode), request = use(doing.objectStore('files'))
        doing.oncomplete = () => { base.close(); resolve(request.result) }
        doing.onerror = doing.onabort = () => { base.close(); nothing() }
      } catch (_) { base.close(); nothing() }
    }
  })
}
