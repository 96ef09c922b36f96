/* Swagger UI knows a dark page by a class; whether it is one, the reader's own setting says. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const wear = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", wear);
wear();

/* Its fields stand beside their names, and do not have them: screen readers are told. */
const name = () => {
  for (const field of document.querySelectorAll("#swagger-ui :is(input, select, textarea):not([aria-label])")) {
    const row = field.closest("tr[data-param-name], tr.parameters");
    const body = field.closest(".opblock-section-request-body") ? "Request body" : "Response";
    if (!field.labels?.length) {
      field.setAttribute("aria-label", row?.dataset.paramName ?? row?.querySelector(".parameter__name")?.firstChild?.textContent ?? body);
    }
  }
};
document.addEventListener("DOMContentLoaded", () => {
  new MutationObserver(name).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
});
