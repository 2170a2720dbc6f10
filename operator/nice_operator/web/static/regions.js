// Live pages: when the server says that something changed, fetch the same page and take over the regions that differ.
import { enhanceTimes } from "./times.js";

let running = false;
let again = false;
let source = null;

export function rememberRegions() {
  for (const region of document.querySelectorAll("[data-region]")) region.source = region.innerHTML;
}

export function watchChanges() {
  const address = document.body.dataset.changes;
  if (!address) return;
  const connect = () => {
    if (document.hidden || source) return;
    source = new EventSource(address);
    source.addEventListener("ready", () => refresh());
    source.addEventListener("change", () => refresh());
    source.addEventListener("open", () => showConnection(true));
    source.addEventListener("error", () => showConnection(false));
  };
  // A browser keeps few connections to one server; a page nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return connect();
    source?.close();
    source = null;
  });
  connect();
}

export function showConnection(connected) {
  const mark = document.querySelector("[data-link-state]");
  mark.hidden = connected;
  mark.textContent = connected ? "" : "connection lost, trying again…";
}

export async function refresh() {
  if (running) { again = true; return; }
  running = true;
  do {
    again = false;
    await replaceRegions().catch(() => {});
  } while (again);
  running = false;
}

async function replaceRegions() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  for (const region of document.querySelectorAll("[data-region]:not([data-grown])")) {
    const fresh = page.getElementById(region.id);
    if (fresh && fresh.innerHTML !== region.source) take(region, fresh);
  }
}

function take(region, fresh) {
  const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
  region.source = fresh.innerHTML;
  region.replaceChildren(...document.importNode(fresh, true).childNodes);
  enhanceTimes(region);
  if (focused) document.getElementById(focused)?.focus();
}

export function loadMore() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-more]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) { location.assign(link.href); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    grow(document.getElementById(link.dataset.more), page.getElementById(link.dataset.more));
    const next = page.getElementById(link.id);
    if (next) link.href = next.getAttribute("href");
    else link.remove();
  });
}

function grow(region, more) {
  // What was loaded by hand stays: the region is no longer replaced by its first page.
  region.dataset.grown = "";
  const rows = [...document.importNode(more, true).querySelectorAll("tbody tr")];
  region.querySelector("tbody").append(...rows.filter((row) => !document.getElementById(row.id)));
  enhanceTimes(region);
}
