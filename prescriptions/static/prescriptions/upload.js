// The upload form: files go one by one, with progress, preview and advice. The plain form does the same.
// Refuses nothing for good: "Try again" sends any file.
const $ = (selector, root = document) => root.querySelector(selector)
const rules = JSON.parse($('#rules').textContent), say = rules.say
const form = $('#upload'), list = $('#files'), choose = $('#choose'), camera = $('#camera')
const jobs = new Map(), queue = []
let active = 0, sendLater = false

const fill = (text, file, more) => text.replace(/%\((\w+)\)s/g, (_, name) => ({ file, ...more })[name])
const tell = text => { $('#say').textContent = text }
const warn = text => { $('#wait').textContent = text; $('#wait').hidden = !text }
const page = document.documentElement
page.classList.add('rx-js')
const size = (bytes, kilo = bytes < 2 ** 20) => Math.max(bytes / 2 ** (kilo ? 10 : 20), 0.1).toLocaleString(
  page.lang + '-u-nu-latn', { maximumFractionDigits: 1 }) + (kilo ? '\xa0KB' : '\xa0MB')
const mark = file => [file.name, file.size, file.lastModified].join()
const open = () => [...jobs.values()].filter(job => !job.kept)
function post(...fields) {
  const body = new FormData($('#arrange'))
  for (const [name, value] of fields) body.append(name, value)
  fetch(location.pathname, { method: 'POST', body, redirect: 'manual', keepalive: true }).catch(() => {})
}
const kept = () => [...list.querySelectorAll('.kept')]
const save = () => post(['action', 'order'], ...kept().map(row => ['order', row.dataset.id]))

function add(files) {
  warn('')
  for (const file of files) {
    const row = $('#row').content.firstElementChild.cloneNode(true)
    const job = { file, row, key: Date.now() + '-' + Math.random(), tries: 0 }
    const objection = objectTo(file)
    $('bdi', row).textContent = file.name
    $('.meta', row).textContent = file.size ? size(file.size) : ''
    $('.tools .rx-hidden', row).textContent = fill(say.cancel, file.name)
    list.append(row)
    jobs.set(row, job)
    if (objection) fail(job, objection)
    else { look(job); queue.push(job) }
  }
  next()
}

function objectTo(file) {
  const ending = '.' + file.name.split('.').pop().toLowerCase()
  const known = !file.type || rules.accept.includes(file.type) || rules.accept.includes(ending)
  const most = file.type == 'application/pdf' ? rules.pdf : rules.image
  const text = !known ? say.type : !file.size ? say.empty : file.size > most ? say.size
    : [...jobs.values()].some(job => mark(job.file) == mark(file)) ? say.twice
    : list.children.length >= rules.most ? say.many : ''
  return fill(text, file.name, { size: size(file.size) })
}

function show(job, error) {
  job.failed = !!error
  $('.rx-error span', job.row).textContent = error
  $('.rx-error', job.row).hidden = !error
  $('progress', job.row).hidden = !!error
}
const fail = (job, text) => { show(job, text); tell(text) }

function next() {
  for (let job; active < 2 && (job = queue.shift());) if (jobs.has(job.row)) send(job)
  if (active || !sendLater) return
  sendLater = false
  warn('')
  form.requestSubmit($('#send'))
}

function send(job) {
  const xhr = job.xhr = new XMLHttpRequest(), bar = $('progress', job.row), body = new FormData()
  active++
  body.append('file', job.file)
  xhr.open('POST', rules.files)
  xhr.setRequestHeader('X-CSRFToken', form.csrfmiddlewaretoken.value)
  xhr.setRequestHeader('Idempotency-Key', job.key)
  xhr.upload.onprogress = e => { bar.value = e.loaded / e.total }
  xhr.upload.onload = () => bar.removeAttribute('value')
  xhr.onerror = () => again(job)
  xhr.onload = () => {
    if (xhr.status == 201) return finish(job, xhr.response)
    if (xhr.status > 499 || xhr.status == 429) return again(job, xhr)
    try { fail(job, JSON.parse(xhr.response).detail) } catch { fail(job, fill(say.lost, job.file.name)) }
  }
  xhr.onloadend = () => { active--; next() }
  xhr.send(body)
}

// The same key: nothing arrives twice. A busy server says when to come back.
function again(job, xhr) {
  const wait = 1000 * xhr?.getResponseHeader('Retry-After')
  if (job.tries++ > (wait ? 5 : 2)) return fail(job, fill(say.lost, job.file.name))
  active++
  setTimeout(() => { active--; queue.unshift(job); next() }, wait || 500 * 2 ** job.tries)
}

function finish(job, html) {
  const row = document.createRange().createContextualFragment(html).firstElementChild
  if (job.preview) $('img', row).src = job.preview
  $('.about', row).append($('.advice', job.row))
  jobs.delete(job.row)
  job.row.replaceWith(row)
  jobs.set(job.row = row, job)
  job.kept = true
  tell([fill(say.added, job.file.name), ...[...row.querySelectorAll('.noticed')].map(p => p.innerText)].join(' '))
  save()
}

// Advice and preview. What browsers cannot read (HEIC, PDF), the server shows later.
async function look(job) {
  let bitmap
  try { bitmap = await createImageBitmap(job.file) } catch { return }
  const long = Math.max(bitmap.width, bitmap.height), scale = Math.min(1, 1024 / long)
  const canvas = document.createElement('canvas'), context = canvas.getContext('2d', { willReadFrequently: true })
  const width = canvas.width = bitmap.width * scale, height = canvas.height = bitmap.height * scale
  context.drawImage(bitmap, 0, 0, width, height)
  const image = $('img', job.row)
  image.src = job.preview = canvas.toDataURL('image/jpeg', 0.7)
  image.hidden = false
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height), line = canvas.width * 4
  let sum = 0, squares = 0, edges = 0, count = 0
  for (let i = line + 1; i < data.length - line; i += 12) { // green: nearly all of the brightness
    const edge = 4 * data[i] - data[i - 4] - data[i + 4] - data[i - line] - data[i + line]
    if (i % line < 8 || i % line > line - 8) continue
    sum += data[i]; squares += data[i] ** 2; edges += edge ** 2; count++
  }
  const mean = sum / count, blurred = edges < rules.blurred * (squares - count * mean ** 2)
  const text = long < rules.small ? say.small : mean < rules.dark ? say.dark : blurred ? say.blurry : ''
  $('.advice span', job.row).textContent = text
  $('.advice', job.row).hidden = !text
}

const actions = {
  up: (row, button) => step(row, row.previousElementSibling, 'before', button, 'down'),
  down: (row, button) => step(row, row.nextElementSibling, 'after', button, 'up'),
  remove: row => { post(['action', 'remove:' + row.dataset.id]); leave(row) },
  cancel(row) {
    const { xhr } = jobs.get(row)
    leave(row)
    xhr?.abort()
  },
  retry(row) { const job = jobs.get(row); job.tries = 0; show(job, ''); queue.push(job); next() },
  keep(row) { $('.advice', row).remove(); $('.tools>:last-child', row).focus() },
  retake(row) {
    actions[row.dataset.id ? 'remove' : 'cancel'](row)
    ;(camera.offsetParent ? camera : choose).click()
  },
}

function step(row, other, side, button, back) {
  if (!other?.matches('.kept')) return
  other[side](row)
  button.focus()
  if (document.activeElement != button) $(`[data-do=${back}]`, row).focus()
  tell(fill(say.moved, $('bdi', row).textContent, { place: kept().indexOf(row) + 1 }))
  save()
}

function leave(row) {
  const beside = row.nextElementSibling || row.previousElementSibling
  jobs.delete(row)
  row.remove()
  ;(beside ? $('.tools>:last-child', beside) : choose).focus()
  tell(fill(say.removed, $('bdi', row).textContent))
  warn('')
}

for (const input of [choose, camera]) input.onchange = () => { add([...input.files]); input.value = '' }
list.onclick = e => {
  const button = e.target.closest('[data-do]')
  if (!button) return
  e.preventDefault()
  actions[button.dataset.do](button.closest('.file'), button)
}
document.onpaste = e => add(e.clipboardData.files)
ondragover = ondragleave = ondrop = e => {
  if (!e.dataTransfer.types.includes('Files')) return
  e.preventDefault()
  $('#drop').classList.toggle('over', e.type == 'dragover')
  if (e.type == 'drop') add([...e.dataTransfer.files])
}
form.onsubmit = e => {
  const failed = open().find(job => job.failed)
  if (!open().length) return
  e.preventDefault()
  sendLater = !failed
  warn(failed ? say.problem : say.later)
  if (failed) $('.tools button', failed.row).focus()
}
onbeforeunload = e => { if (active) e.preventDefault() }
$('#summary')?.focus()
