// Times: how long from now, and what the clock of the person who looks will show.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const local = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function enhanceTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([data-clock])")) enhance(element);
}

function enhance(element) {
  const at = new Date(element.dateTime);
  const stated = (element.dataset.stated ??= element.textContent);
  const mine = sameClock(at, element.dataset.zone) ? "" : `${local.format(at)} here`;
  if (!("relative" in element.dataset)) return write(element, stated, [mine]);
  const ahead = at > Date.now();
  element.title = [stated, mine].filter(Boolean).join(", ");
  write(element, fromNow(at), ahead ? [stated, mine] : []);
}

function sameClock(at, other) {
  const [one, two] = [zone, other].map((timeZone) => at.toLocaleString("en", { timeZone }));
  return one === two;
}

function fromNow(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  if (Math.abs(seconds) < 2) return "now";
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  return relative.format(Math.trunc(seconds / size), unit);
}

function write(element, text, details) {
  const parts = [text, ...details.filter(Boolean)];
  const wanted = parts.join(" ");
  if (element.textContent === wanted) return;
  element.replaceChildren(text, ...parts.slice(1).map(small));
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = ` ${text}`;
  return element;
}
