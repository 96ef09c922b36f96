// The toast that takes the last decision back: counts down and goes when it is too late. For the queue as well.
export function countDown() {
  const toast = document.querySelector('[data-undo]')
  if (!toast) return
  const end = Date.now() + +toast.dataset.undo, seconds = toast.querySelector('[data-seconds]')
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000)
    if (left <= 0) return toast.remove()
    seconds.textContent = left
    setTimeout(tick, 250)
  }
  tick()
}
countDown()
