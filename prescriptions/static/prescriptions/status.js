// Keeps the status cards up to date: asks every few seconds while the page is seen and an answer can still come.
const live = document.querySelector('#live')
document.documentElement.classList.add('rx-js')
let tag = '', pause = 5000

function said() {
  const card = live.querySelector('[data-say]')
  return card && card.dataset.say
}

async function ask() {
  const typing = [...live.querySelectorAll('textarea, input[type=file]')].some(field => field.value)
  if (!document.hidden && !typing) {
    try {
      const answer = await fetch(live.dataset.poll, { credentials: 'same-origin', headers: tag ? { 'If-None-Match': tag } : {} })
      pause = answer.status < 400 ? 5000 : Math.min(pause * 2, 60000)
      if (answer.status == 200) show(answer.headers.get('ETag'), await answer.text())
    } catch (_) { pause = Math.min(pause * 2, 60000) }
  }
  if (live.querySelector('[data-waiting]')) setTimeout(ask, pause)
}

function show(fresh, html) {
  const before = said(), first = !tag
  tag = fresh
  if (first && html.trim() == live.innerHTML.trim()) return
  const inside = live.contains(document.activeElement)
  live.textContent = ''
  live.append(document.createRange().createContextualFragment(html))
  const now = said()
  if (now != before) document.querySelector('#say').textContent = now
  if (inside) document.querySelector('#main').focus()
}
setTimeout(ask, pause)
