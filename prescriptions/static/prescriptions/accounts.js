// Passkeys need a script and a browser that has them; without either their buttons are not there.
if (window.PublicKeyCredential) for (const button of document.querySelectorAll('[data-passkey]')) button.hidden = false

// Cancelled, or no passkey of this site on any device at hand: the browser has said so, and nothing is lost.
document.addEventListener('allauth.error', event => event.preventDefault())
