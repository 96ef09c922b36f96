// The upload form: files go by themselves, with progress, preview and advice, over lines that break and with browsers
// from 2018 on. The plain form does the same. Refuses nothing for good: "Try again" sends any file.
import { held, list as begun, tidy } from './upload-held.js'
import { look } from './upload-picture.js'
import { deliver, forget, slow } from './upload-send.js'

const $ = (selector, root = document) => root.querySelector(selector)
const rules = JSON.parse($('#rules').textContent), say = rules.say
const form = $('#upload'), list = $('#files'), choose = $('#choose'), camera = $('#camera'), consent = $('#consent')
const token = form.csrfmiddlewaretoken.value
const jobs = new Map(), queue = []
let active = 0, sendLater = false

const fill = (text, file, more) => text.replace(/%\((\w+)\)s/g, (_, name) => Object.assign({ file }, more)[name])
const tell = text => { $('#say').textContent = text }
const warn = text => { $('#wait').textContent = text; $('#wait').hidden = !text }
const page = document.documentElement
page.classList.add('rx-js')
const size = (bytes, kilo = bytes < 2 ** 20) => Math.max(bytes / 2 ** (kilo ? 10 : 20), 0.1).toLocaleString(
  page.lang + '-u-nu-latn', { maximumFractionDigits: 1 }) + (kilo ? '\xa0KB' : '\xa0MB')
const mark = file => [file.name, file.size, file.lastModified].join()
const open = () => [...jobs.values()].filter(job => !job.kept)
const failed = () => open().filter(job => job.failed)
function post(...fields) {
  const body = new FormData($('#arrange'))
  for (const [name, value] of fields) body.append(name, value)
  fetch(location.pathname, { method: 'POST', body, redirect: 'manual', keepalive: true, credentials: 'same-origin' }).catch(() => {})
}
const kept = () => [...list.querySelectorAll('.kept')]
const save = () => post(['action', 'order'], ...kept().map(row => ['order', row.dataset.id]))

function add(files, more) {
  warn('')
  for (const file of files) {
    const job = begin(file, more), objection = objectTo(job)
    if (objection) fail(job, objection)
    else start(job)
  }
  next()
}

function begin(file, more) {
  const row = $('#row').content.firstElementChild.cloneNode(true)
  const job = Object.assign({ file, row, key: Date.now() + '-' + Math.random(), tries: 0 }, more)
  job.onless = () => {
    $('.lessened span', job.row).textContent = fill(say.lessened, file.name, { size: size(job.made.size), full: size(file.size) })
    $('.lessened', job.row).hidden = false
  }
  $('bdi', row).textContent = file.name
  $('.meta', row).textContent = file.size ? size(file.size) : ''
  $('.tools .rx-hidden', row).textContent = fill(say.cancel, file.name)
  list.insertBefore(row, (more && more.before) || null)
  jobs.set(row, job)
  return job
}

function start(job) {
  for (const other of jobs.values()) if (other.asks && other.file.size == job.file.size) leave(other)
  look(job.file, rules).then(found => {
    if (!found || job.gone) return
    const image = $('img', job.row)
    image.src = job.preview = found.preview
    image.hidden = false
    const advice = $('.advice', job.row)
    $('span', advice).textContent = found.advice ? say[found.advice] : ''
    advice.hidden = !found.advice
  })
  queue.push(job)
}

function objectTo({ file, row }) {
  const ending = '.' + file.name.split('.').pop().toLowerCase()
  const known = !file.type || rules.accept.includes(file.type) || rules.accept.includes(ending)
  const most = file.type == 'application/pdf' ? rules.pdf : rules.image
  const text = !known ? say.type : !file.size ? say.empty : file.size > most ? say.size
    : [...jobs.values()].some(job => job.row != row && mark(job.file) == mark(file)) ? say.twice
    : list.children.length > rules.most ? say.many : ''
  return fill(text, file.name, { size: size(file.size) })
}

function show(job, text) {
  $('.rx-error span', job.row).textContent = text
  $('.rx-error', job.row).hidden = !text
  $('progress', job.row).hidden = !!text
}
function fail(job, text) {
  job.failed = true
  show(job, text)
  tell(text)
}

// On a slow line one after the other: what has arrived stays. On a phone, too, for the other screen numbers them so.
function next() {
  for (let job; active < (slow() || rules.phone ? 1 : 2) && (job = queue.shift());) if (!job.gone) send(job)
  if (!sendLater || open().some(job => !job.failed)) return
  sendLater = false
  if (failed().length) return warn(say.problem)
  warn('')
  $('#send').click()
}

async function send(job) {
  const bar = $('progress', job.row)
  active++
  const xhr = await deliver(job, rules, token, share => {
    if (share && job.stalled) show(job, job.stalled = '')
    if (share < 1) bar.value = share
    else bar.removeAttribute('value')
  }).catch(() => null) // the file cannot be read any more
  active--
  if (!job.gone) {
    if (xhr && rules.phone && xhr.status == 404) return over()
    if (!xhr) fail(job, fill(say.lost, job.file.name))
    else if (xhr.status == 201) finish(job, xhr.response)
    else if (!xhr.status || xhr.status > 499 || xhr.status == 429 || xhr.retry) again(job, xhr)
    else fail(job, detail(xhr) || fill(say.lost, job.file.name))
  }
  next()
}

// The other screen has sent everything, or this phone was away for too long: the page says so.
function over() {
  onbeforeunload = null
  location.reload()
}

function detail(xhr) {
  try { return JSON.parse(xhr.response).detail } catch (_) { return '' }
}

// A line that is away may come back: nobody has to press anything. A busy server says when to come back.
function again(job, xhr) {
  const wait = 1000 * xhr.getResponseHeader('Retry-After')
  if (wait > 6e4 || (xhr.status && job.tries > 6)) return fail(job, detail(xhr) || fill(say.lost, job.file.name))
  if (job.tries++ > 1) show(job, job.stalled = fill(xhr.status ? say.lost : say.offline, job.file.name))
  job.timer = setTimeout(wake, wait || Math.min(3e4, 500 * 2 ** job.tries), job)
}

function wake(job) {
  clearTimeout(job.timer)
  job.timer = 0
  queue.unshift(job)
  next()
}
addEventListener('online', () => {
  for (const job of jobs.values()) if (job.timer) wake(job)
})

function finish(job, html) {
  const row = document.createRange().createContextualFragment(html).firstElementChild
  if (job.preview) ($('img', row) || $('.thumb', row).appendChild(Object.assign(new Image(), { alt: '' }))).src = job.preview
  $('.about', row).append($('.lessened', job.row), $('.advice', job.row))
  forget(job)
  jobs.delete(job.row)
  job.row.replaceWith(row)
  jobs.set(job.row = row, job)
  job.kept = true
  tell([fill(say.added, job.file.name), ...[...row.querySelectorAll('.noticed')].map(p => p.innerText)].join(' '))
  save()
}

const actions = {
  up: (row, button) => step(row, row.previousElementSibling, 'before', button, 'down'),
  down: (row, button) => step(row, row.nextElementSibling, 'after', button, 'up'),
  remove(row) {
    post(['action', 'remove:' + row.dataset.id])
    focusBeside(row)
    leave({ row })
  },
  cancel(row) {
    const job = jobs.get(row)
    focusBeside(row)
    leave(job)
    if (job.xhr) job.xhr.abort()
    if (job.at) fetch(job.at, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0', 'X-CSRFToken': token }, credentials: 'same-origin' }).catch(() => {})
    forget(job)
    next()
  },
  retry(row) {
    const job = jobs.get(row)
    if (job.asks) return choose.click()
    if (!job.failed && !job.timer) return // it is being tried
    job.tries = 0
    job.failed = false
    show(job, job.stalled = '')
    wake(job)
  },
  keep(row) { $('.advice', row).remove(); $('.tools>:last-child', row).focus() },
  retake(row) {
    actions[row.dataset.id ? 'remove' : 'cancel'](row)
    ;(camera.offsetParent ? camera : choose).click()
  },
  original(row) {
    const { file } = jobs.get(row), before = row.nextElementSibling
    actions[row.dataset.id ? 'remove' : 'cancel'](row)
    add([file], { all: true, before })
  },
}

function step(row, other, side, button, back) {
  if (!other || !other.matches('.kept')) return
  other[side](row)
  button.focus()
  if (document.activeElement != button) $(`[data-do=${back}]`, row).focus()
  tell(fill(say.moved, $('bdi', row).textContent, { place: kept().indexOf(row) + 1 }))
  save()
}

function focusBeside(row) {
  const beside = row.nextElementSibling || row.previousElementSibling
  ;(beside ? $('.tools>:last-child', beside) : choose).focus()
  tell(fill(say.removed, $('bdi', row).textContent))
  warn('')
}

function leave(job) {
  job.gone = true
  clearTimeout(job.timer)
  jobs.delete(job.row)
  job.row.remove()
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
  if (![...e.dataTransfer.types].includes('Files')) return
  e.preventDefault()
  $('#drop').classList.toggle('over', e.type == 'dragover')
  if (e.type == 'drop') add([...e.dataTransfer.files])
}
form.onsubmit = e => {
  if (consent && !consent.checked) { // asked here, for what is on the page would be gone with it: advice, and files on their way
    e.preventDefault()
    warn(say.consent)
    return consent.focus()
  }
  if (!open().length) return
  e.preventDefault()
  const [first] = failed()
  sendLater = !first
  warn(first ? say.problem : say.later)
  if (first) $('.tools button', first.row).focus()
}
if (consent) consent.onchange = () => warn('')
onbeforeunload = e => {
  if (!open().some(job => !job.failed)) return
  e.preventDefault()
  e.returnValue = '' // what older browsers ask by
}

// Handing over to a phone: its photos are in the list as soon as they have come.
document.addEventListener('click', e => {
  const button = e.target.closest('[value=phone]')
  if (!button) return
  e.preventDefault()
  const body = new FormData($('#arrange'))
  body.append('action', 'phone')
  fetch(location.pathname, { method: 'POST', body, credentials: 'same-origin' }).then(answer => answer.text()).then(html => {
    const shown = new DOMParser().parseFromString(html, 'text/html').querySelector('.qr')
    if (!shown) throw 0
    $('#handover').replaceWith(shown.closest('#handover'))
    watch()
  }).catch(() => {
    $('#arrange').append(Object.assign(document.createElement('input'), { name: 'action', value: 'phone', type: 'hidden' }))
    $('#arrange').submit() // as without scripts
  })
})

let tag = '', watching, pause = 2000
async function watch() {
  clearTimeout(watching)
  let standing = ''
  if (!document.hidden) {
    const headers = tag ? { 'If-None-Match': tag } : {}
    const answer = await fetch(rules.files, { headers, credentials: 'same-origin' }).catch(() => null)
    if (answer && [404, 410].includes(answer.status)) return // the link is good for nothing any more
    pause = answer && answer.status < 400 ? 2000 : Math.min(6e4, pause * 2)
    if (answer && answer.status == 200) {
      tag = answer.headers.get('ETag')
      standing = merge(document.createRange().createContextualFragment(await answer.text()).firstElementChild)
    }
  }
  if (standing != 'over') watching = setTimeout(watch, pause)
}

/** What is there now, of the phone's; the rest is this page's own doing. */
function merge(there) {
  const ids = [...there.children].map(row => row.id)
  for (const row of list.querySelectorAll('[data-phone]')) if (!ids.includes(row.id)) row.remove()
  for (const row of [...there.children]) {
    if (!row.matches('[data-phone]') || $('#' + row.id)) continue
    list.append(row)
    tell(fill(say.added, $('bdi', row).textContent))
  }
  const { phone, say: words } = there.dataset
  $('#phone').textContent = words
  $('#phone').hidden = false
  return phone
}
if ($('.qr')) watch()

// What an earlier visit has begun goes on, or asks for the same file.
async function resume() {
  await tidy()
  for (const one of begun().filter(one => one.at.startsWith(rules.uploads + '/'))) {
    const headers = { 'Tus-Resumable': '1.0.0' }
    const answer = await fetch(one.at, { method: 'HEAD', headers, credentials: 'same-origin' }).catch(() => null)
    const became = answer && answer.headers.get('Location')
    if (became || (answer && [404, 410].includes(answer.status))) {
      forget({ at: one.at })
      if (became && !$('#file-' + became.split('/').pop())) location.reload() // it has become one just now
      continue
    }
    const blob = await held(one.at)
    if (blob) start(begin(new File([blob], one.name, { type: blob.type }), { at: one.at, all: true }))
    else {
      const there = size(answer ? +answer.headers.get('Upload-Offset') : 0)
      const job = begin({ name: one.name, size: one.size }, { at: one.at, asks: true })
      fail(job, fill(say.unfinished, one.name, { there, size: size(one.size) }))
    }
  }
  next()
}
resume()
const summary = $('#summary')
if (summary) summary.focus()
