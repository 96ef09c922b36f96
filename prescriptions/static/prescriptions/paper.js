// Prints the paper once all of its pictures are there.
const button = document.querySelector('[data-print]')
button.hidden = false
button.addEventListener('click', async () => {
  await Promise.allSettled([...document.images].map(image => image.decode()))
  print()
})
