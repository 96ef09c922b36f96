// How a file gets there. Small ones at once, under a key that makes a second try harmless; others in pieces (tus 1.0),
// each as large as the line carries in some seconds. docs/reference/uploads.md
import { drop, fingerprint, hold, list } from './upload-held.js'
import { lessened } from './upload-picture.js'

const AT_ONCE = 512 * 1024, LEAST = 64 * 1024, MOST = 1024 * 1024, SECONDS = 4, PATIENCE = 120e3, SLOW = 64 * 1024
const net = navigator.connection || {}
let rate = 0 // bytes a second, of the last piece
let piece = 2 * LEAST, whole = false // whole: something on the way does not let pieces through

/** Would a photo take a minute? */
export const slow = () => rate ? rate < SLOW : !!net.saveData || /2g|^3g/.test(net.effectiveType)

/** The last answer on its way; `retry`: it can go on from there. `told(share)` is called while it goes. */
export async function deliver(job, rules, token, told) {
  const ask = (method, path, headers, body, sent) => new Promise(resolve => {
    const xhr = job.xhr = new XMLHttpRequest()
    xhr.open(method, path)
    xhr.timeout = PATIENCE
    xhr.setRequestHeader('X-CSRFToken', token)
    for (const name in headers) xhr.setRequestHeader(name, headers[name])
    if (sent) xhr.upload.onprogress = e => sent(e.loaded)
    xhr.onloadend = () => resolve(xhr)
    xhr.send(body)
  })
  const speak = (method, path, headers, body, sent) =>
    ask(method, path, Object.assign({ 'Tus-Resumable': '1.0.0' }, headers), body, sent)

  if (slow()) await lessen(job)
  const file = job.made || job.file
  return whole || (file.size <= AT_ONCE && !job.at) ? atOnce() : inPieces()

  function atOnce() {
    const body = new FormData()
    body.append('file', file, job.file.name)
    return ask('POST', rules.files, { 'Idempotency-Key': job.key }, body, sent => told(sent / file.size))
  }

  async function inPieces() {
    const print = await fingerprint(file)
    const begun = list().find(one => one.print == print && one.at.startsWith(rules.uploads + '/'))
    if (begun) job.at = begun.at
    let offset = 0, xhr
    if (job.at) {
      xhr = await speak('HEAD', job.at)
      if (xhr.status == 404 || xhr.status == 410) forget(job)
      else if (xhr.status == 200) offset = +xhr.getResponseHeader('Upload-Offset')
      else if (!xhr.status || xhr.status > 499 || xhr.status == 429) return xhr
      else offset = file.size // refused, as is said below
    }
    if (!job.at) {
      const name = btoa(unescape(encodeURIComponent(job.file.name)))
      xhr = await speak('POST', rules.uploads, { 'Upload-Length': file.size, 'Upload-Metadata': 'filename ' + name })
      if (xhr.status != 201) {
        if (!xhr.status || xhr.status > 499 || job.gone) return xhr
        return atOnce()
      }
      job.at = new URL(xhr.getResponseHeader('Location')).pathname
      hold({ at: job.at, print, name: job.file.name, size: file.size }, file)
    }
    while (offset < file.size && !job.gone) {
      told(offset / file.size)
      const began = Date.now(), part = file.slice(offset, offset + piece)
      xhr = await speak('PATCH', job.at, { 'Upload-Offset': offset, 'Content-Type': 'application/offset+octet-stream' },
        part, sent => told((offset + sent) / file.size))
      if (xhr.status == 405 || xhr.status == 501) {
        whole = true
        forget(job)
        return atOnce()
      }
      if (xhr.status == 404 || xhr.status == 410) forget(job)
      if (xhr.status != 204) {
        if ([413, 415, 422].includes(xhr.status)) forget(job)
        xhr.retry = [404, 409, 410, 423, 460].includes(xhr.status)
        return xhr
      }
      offset += part.size
      job.tries = 0
      if (offset == file.size) break // it was looked at, too, which took its time
      rate = part.size / Math.max(Date.now() - began, 1) * 1e3
      piece = Math.max(LEAST, Math.min(MOST, rate * SECONDS)) | 0
      if (slow() && !job.made && offset < file.size / 4 && await lessen(job)) {
        speak('DELETE', job.at)
        forget(job)
        return deliver(job, rules, token, told)
      }
    }
    if (job.gone) return xhr
    const body = new FormData()
    body.append('upload', job.at.split('/').pop())
    return ask('POST', rules.files, {}, body)
  }
}

/** Whatever there is of it is over. */
export function forget(job) {
  if (job.at) drop(job.at)
  job.at = ''
}

/** `job.made`: a smaller copy, if there is any use in it, unless the customer has asked for all of it. */
async function lessen(job) {
  if (!job.made && !job.all) {
    job.made = await lessened(job.file)
    job.all = !job.made
    if (job.made) job.onless()
  }
  return job.made
}
