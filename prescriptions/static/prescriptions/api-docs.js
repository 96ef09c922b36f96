/* Swagger UI knows a dark page by a class; whether it is one, the reader's own setting says. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const wear = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", wear);
wear();
