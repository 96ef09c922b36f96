// Dates as they are typed: `d`, `d-1`, `12`, `12/11`, `12.11.25`, `12 nov`, `2026-11-12`. Day first, as everybody who
// works here writes it.
const LANGUAGE = document.documentElement.lang.replace(/^en$/, 'en-GB') // 3 May, as the rest of the page has it
const DAY = 864e5
const iso = time => new Date(time).toISOString().slice(0, 10)

export const later = (day, days) => iso(Date.parse(day) + days * DAY)
/** With the month as a word: nobody can take it for the day. */
export const inWords = (day, more = { dateStyle: 'medium' }) => new Date(day).toLocaleDateString(LANGUAGE, { ...more, timeZone: 'UTC' })
export const inFull = day => inWords(day, { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' })

const letters = text => text.toLowerCase().normalize('NFC').replace(/[.\s\u0970]/g, '')
const MONTHS = [...Array(12).keys()].map(month => ['en', LANGUAGE].flatMap(language => ['short', 'long']
  .map(long => letters(new Date(Date.UTC(2024, month, 1)).toLocaleDateString(language, { month: long, timeZone: 'UTC' })))))

function there(year, month, day) {
  const time = Date.UTC(year, month - 1, day), date = new Date(time)
  return year > 999 && date.getUTCMonth() == month - 1 && date.getUTCDate() == day ? iso(time) : ''
}

/** The last such day that is not in the future: this year's, or else last year's. */
function lately(month, day, today) {
  const year = +today.slice(0, 4), now = there(year, month, day)
  return now && now <= today ? now : there(year - 1, month, day) || now
}

function lastOn(day, today) {
  const [year, month] = today.split('-').map(Number)
  for (let back = 0; back < 3; back++) { // of two months in a row one has 31 days, or of three, around February
    const first = new Date(Date.UTC(year, month - 1 - back, 1)), date = there(first.getUTCFullYear(), first.getUTCMonth() + 1, day)
    if (date && date <= today) return date
  }
  return ''
}

/**
 * What was typed, as a day: {day, sure}; day is empty where it is none. `sure`: nobody can have meant day and month the
 * other way round.
 */
export function parse(typed, today) {
  const text = typed.trim().toLowerCase(), year = digits => digits.length == 2 ? 2000 + +digits : +digits
  let found
  if (text == 'd') return { day: today, sure: true }
  if ((found = text.match(/^d? ?- ?(\d{1,3})$/))) return { day: later(today, -found[1]), sure: true }
  if ((found = text.match(/^(\d{4})-(\d\d)-(\d\d)$/))) return { day: there(+found[1], +found[2], +found[3]), sure: true }
  if ((found = text.match(/^\d{1,2}$/))) return { day: lastOn(+text, today), sure: true }
  if ((found = text.match(/^(\d{1,2})[/., -]+(\d{1,2})(?:[/., -]+(\d{2}|\d{4}))?$/) || text.match(/^(\d\d)(\d\d)(\d{2}|\d{4})?$/))) {
    const [, day, month, years] = found
    return { day: years ? there(year(years), +month, +day) : lately(+month, +day, today), sure: false }
  }
  if ((found = text.match(/^(\d{1,2})[/., -]*([^\d/., -][^\d/,-]*?)\.?(?:[/., -]*(\d{2}|\d{4}))?$/u))) {
    const [, day, name, years] = found, begins = letters(name)
    const months = [...MONTHS.keys()].filter(month => MONTHS[month].some(words => words.startsWith(begins)))
    if (begins.length < 2 || months.length != 1) return { day: '', sure: false }
    return { day: years ? there(year(years), months[0] + 1, +day) : lately(months[0] + 1, +day, today), sure: true }
  }
  return { day: '', sure: false }
}
