// The upload form with JavaScript: files go one by one, with progress, preview and advice. Without it the plain form
// does the same job. Never refuses what the server might take: "Try again" sends any file.
const $ = (selector, root = document) => root.querySelector(selector)
const rules = JSON.parse($('#rules').textContent), words = rules.say
const form = $('#upload'), list = $('#files'), choose = $('#choose'), camera = $('#camera'), drop = $('#drop')
const jobs = new Map() // row -> what is on its way
const queue = []
let active = 0, sendLater = false
document.documentElement.classList.add('rx-js')

const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name])
const tell = text => { $('#say').textContent = text }
const warn = text => { $('#wait').textContent = text; $('#wait').hidden = !text }
const megabytes = bytes => new Intl.NumberFormat(document.documentElement.lang, {
  style: 'unit', unit: 'megabyte', maximumFractionDigits: 1 }).format(bytes / 2 ** 20)
const post = fields => {
  const body = new FormData(form.ownerDocument.forms.arrange)
  for (const [name, value] of fields) body.append(name, value)
  return fetch(form.action, { method: 'POST', body, redirect: 'manual', keepalive: true }).catch(() => {})
}
const kept = () => [...list.querySelectorAll('.kept')]
const save = () => post([['action', 'order'], ...kept().map(row => ['order', row.dataset.id])])

// --- Rows ---
function add(files, again) {
  warn('')
  for (const file of files) {
    const row = $('#row').content.firstElementChild.cloneNode(true)
    const key = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, 0)).join('')
    const job = { file, row, key, tries: 0 }
    const trouble = again || objection(file)
    $('bdi', row).textContent = file.name
    $('.meta', row).textContent = file.size ? megabytes(file.size) : ''
    $('.tools .rx-hidden', row).textContent = fill(words.cancel, { file: file.name })
    $('[data-do=retry]', row).hidden = !!again
    list.append(row)
    jobs.set(row, job)
    if (trouble) fail(job, trouble)
    else { look(job); wait(job) }
  }
  next()
}

function objection(file) {
  const values = { file: file.name, size: megabytes(file.size) }
  const ending = '.' + file.name.split('.').pop().toLowerCase()
  const pdf = file.type == 'application/pdf'
  const known = rules.accept.includes(file.type) || rules.accept.includes(ending) || !file.type
  const same = job => job.file.name == file.name && job.file.size == file.size && job.file.lastModified == file.lastModified
  const text = !known ? words.type : !file.size ? words.empty : file.size > (pdf ? rules.pdf : rules.image) ? words.size :
    [...jobs.values()].some(same) ? words.twice : list.children.length >= rules.most ? words.many : ''
  return fill(text, values)
}

function fail(job, text) {
  const error = $('.rx-error', job.row)
  job.failed = true
  $('span', error).textContent = text
  error.hidden = false
  $('progress', job.row).hidden = true
  tell(text)
  remember()
}

// --- Sending: two at a time; trouble is tried again with the same key, so nothing arrives twice ---
function wait(job) {
  job.failed = false
  $('.rx-error', job.row).hidden = true
  $('progress', job.row).hidden = false
  queue.push(job)
  remember()
}

function next() {
  while (active < 2 && queue.length) send(queue.shift())
  if (active || queue.length || !sendLater) return
  sendLater = false
  warn('')
  form.requestSubmit($('#send'))
}

function send(job) {
  const request = job.request = new XMLHttpRequest(), bar = $('progress', job.row), body = new FormData()
  active++
  request.open('POST', rules.files)
  request.setRequestHeader('X-CSRFToken', form.csrfmiddlewaretoken.value)
  request.setRequestHeader('Idempotency-Key', job.key)
  request.upload.onprogress = event => { bar.value = event.loaded / event.total }
  request.upload.onload = () => { bar.removeAttribute('value') } // the server looks into it
  request.onload = () => {
    if (request.status == 201) return finish(job, request.response)
    if (request.status >= 500 || request.status == 429) return retry(job)
    let text
    try { text = JSON.parse(request.response).detail } catch { /* a page, not an answer of ours */ }
    fail(job, text || fill(words.lost, { file: job.file.name }))
  }
  request.onerror = () => retry(job)
  request.onloadend = () => { active--; next() }
  body.append('file', job.file)
  request.send(body)
}

function retry(job) {
  if (job.tries++ > 2) return fail(job, fill(words.lost, { file: job.file.name }))
  active++ // its place is held while it pauses
  job.timer = setTimeout(() => { active--; if (jobs.has(job.row)) queue.unshift(job); next() }, 500 * 2 ** job.tries)
}

function finish(job, html) {
  const row = document.createRange().createContextualFragment(html).firstElementChild
  const advice = $('.advice', job.row)
  if (job.preview) $('img', row).src = job.preview
  $('.about', row).append(advice)
  jobs.delete(job.row)
  job.row.replaceWith(row)
  jobs.set(job.row = row, job)
  job.kept = true
  tell(fill(words.added, { file: job.file.name }))
  remember()
  save()
}

// --- Advice: a look at the picture while it is on its way. HEIC and PDF are shown by the server afterwards ---
async function look(job) {
  let bitmap
  try { bitmap = await createImageBitmap(job.file) } catch { return }
  const long = Math.max(bitmap.width, bitmap.height), scale = Math.min(1, 1024 / long)
  const canvas = document.createElement('canvas')
  const width = canvas.width = Math.round(bitmap.width * scale), height = canvas.height = Math.round(bitmap.height * scale)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.drawImage(bitmap, 0, 0, width, height)
  bitmap.close()
  canvas.toBlob(blob => {
    const image = $('img', job.row)
    image.src = job.preview = URL.createObjectURL(blob)
    image.hidden = false
  }, 'image/jpeg', 0.7)
  const { data } = context.getImageData(0, 0, width, height)
  let sum = 0, squares = 0, edges = 0, count = 0
  for (let y = 1; y < height - 1; y += 2) {
    for (let x = 1; x < width - 1; x += 2) {
      const i = (y * width + x) * 4 + 1, line = width * 4, light = data[i] // green: nearly all of the brightness
      const edge = 4 * light - data[i - 4] - data[i + 4] - data[i - line] - data[i + line]
      sum += light; squares += light * light; edges += edge * edge; count++
    }
  }
  const mean = sum / count, contrast = squares / count - mean * mean
  // Sharp print has 0.2 and more of its contrast in single pixels; where letters run together it is below 0.01.
  const text = long < 1200 ? words.small : mean < 70 ? words.dark : edges / count < 0.012 * contrast ? words.blurry : ''
  const advice = $('.advice', job.row)
  $('span', advice).textContent = text
  advice.hidden = !text
}

// --- What the buttons of a row do ---
const actions = {
  up: (row, button) => step(row, row.previousElementSibling, 'before', button),
  down: (row, button) => step(row, row.nextElementSibling, 'after', button),
  remove(row) {
    post([['action', 'remove:' + row.dataset.id]])
    leave(row, row.dataset.name)
  },
  cancel(row) {
    const job = jobs.get(row)
    queue.splice(0, queue.length, ...queue.filter(other => other != job))
    leave(row, job.file.name)
    job.request?.abort()
    next()
  },
  retry(row) { jobs.get(row).tries = 0; wait(jobs.get(row)); next() },
  keep(row) { $('.advice', row).remove(); ($('.tools button:last-child', row)).focus() },
  retake(row) {
    actions[row.dataset.id ? 'remove' : 'cancel'](row)
    ;(matchMedia('(any-pointer: coarse)').matches ? camera : choose).click()
  },
}

function step(row, other, side, button) {
  if (!other?.matches('.kept')) return
  other[side](row)
  button.focus()
  if (getComputedStyle(button).visibility == 'hidden') $(`[data-do=${side == 'before' ? 'down' : 'up'}]`, row).focus()
  tell(fill(words.moved, { file: row.dataset.name, place: kept().indexOf(row) + 1 }))
  save()
}

function leave(row, name) {
  const beside = row.nextElementSibling || row.previousElementSibling
  jobs.delete(row)
  row.remove()
  ;(beside ? $('.tools button:last-child', beside) : choose).focus()
  tell(fill(words.removed, { file: name }))
  warn('')
  remember()
}

// --- Ways in ---
for (const input of [choose, camera]) input.onchange = () => { add([...input.files]); input.value = '' }
list.onclick = event => {
  const button = event.target.closest('[data-do]')
  if (!button) return
  event.preventDefault()
  actions[button.dataset.do](button.closest('.file'), button)
}
addEventListener('paste', event => { if (event.clipboardData.files.length) add(event.clipboardData.files) })
for (const kind of ['dragover', 'dragleave', 'drop']) {
  addEventListener(kind, event => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    drop.classList.toggle('over', kind == 'dragover')
    if (kind == 'drop') add([...event.dataTransfer.files])
  })
}

// --- Ways out ---
const open = () => [...jobs.values()].filter(job => !job.kept)
const remember = () => { sessionStorage.rxOpen = JSON.stringify(open().filter(job => !job.failed).map(job => job.file.name)) }
form.onsubmit = event => {
  const failed = open().find(job => job.failed)
  if (!open().length) return
  event.preventDefault()
  sendLater = !failed
  warn(failed ? words.problem : words.later)
  if (failed) $('.tools button', failed.row).focus()
}
addEventListener('beforeunload', event => { if (active || queue.length) event.preventDefault() })
for (const name of JSON.parse(sessionStorage.rxOpen || '[]')) add([{ name }], fill(words.cut, { file: name }))
$('#summary')?.focus()
