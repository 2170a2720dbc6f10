// Forms: JSON is checked while it is typed, and a button is pressed once.
export function watchForms() {
  for (const area of document.querySelectorAll("textarea[data-json]")) {
    area.addEventListener("input", () => check(area));
  }
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button")) {
      setTimeout(() => (button.disabled = true));
    }
  });
  // A page that comes back from the browser's memory must be usable again.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function check(area) {
  const note = area.form.querySelector("[data-json-note]");
  const problem = problemOf(area.value);
  area.setAttribute("aria-invalid", problem ? "true" : "false");
  note.className = `note ${problem ? "wrong" : "ok"}`;
  note.textContent = problem ?? "This is valid JSON.";
}

// Only whether it can be read: the text itself is sent, so that no number changes.
function problemOf(text) {
  if (!text.trim()) return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `This is not JSON yet: ${error.message}`;
  }
}
