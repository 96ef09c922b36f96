// The sheet in a page, as somebody sets it in the viewer: told to the server, which keeps it for everyone.
import { calm, fill, listen, post, say, state, trouble } from './review-base.js'

/** @param {Viewer} viewer @param {HTMLElement} section the viewer's */
export function keepSheets(viewer, section) {
  const error = section.querySelector('[data-sheet-error]')
  listen(section, 'viewer:shown', () => { error.hidden = true })
  listen(section, 'viewer:corners', async ({ detail: { number, corners } }) => {
    if (!state.turn) return
    try {
      const answer = await post(state.urls.sheet, { page: number, corners: corners ? JSON.stringify(corners) : '' })
      calm()
      if (!answer.ok) {
        error.textContent = answer.data.detail
        error.hidden = false
        return say(answer.data.detail)
      }
      viewer.setSheet(number, answer.data.sheet)
      say(fill(corners ? state.say.sheet_set : state.say.sheet_none, { page: number }))
    } catch (lost) { trouble(lost) }
  })
}

/** What others have said meanwhile. */
export function renewSheets(viewer, sheets) {
  for (const page of viewer.pages) {
    const sheet = sheets[page.number]
    if (sheet !== undefined && sheet?.digest != page.sheet?.digest && !viewer.cornering) viewer.setSheet(page.number, sheet)
  }
}
