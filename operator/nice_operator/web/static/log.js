// The live log. Lines come as pieces of text with names of styles; all of it becomes text nodes.
import { refresh, showConnection } from "./regions.js";

const MOST_LINES = 5000;
const MARKS = { stderr: ["err", "standard error"], system: ["sys", "from Nice Commander"] };

export function followLog() {
  const box = document.querySelector("[data-log]");
  if (!box) return;
  const log = new Log(box);
  log.watchTools();
  if ("done" in box.dataset) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? log.disconnect() : log.connect()));
  log.connect();
}

class Log {
  constructor(box) {
    this.box = box;
    this.after = box.dataset.after;
    this.paused = false;
    this.follows = true;
    this.waiting = [];
    this.ended = false;
    this.top = 0;
    this.scrollToEnd();
  }

  connect() {
    if (this.source || this.ended || document.hidden) return;
    this.source = new EventSource(`${this.box.dataset.log}after=${this.after}`);
    this.source.addEventListener("open", () => showConnection(true));
    this.source.addEventListener("error", () => showConnection(false));
    this.source.addEventListener("change", () => refresh());
    this.source.addEventListener("lines", (event) => this.receive(JSON.parse(event.data), event.lastEventId));
    this.source.addEventListener("unavailable", (event) => this.say(JSON.parse(event.data).message));
    this.source.addEventListener("end", (event) => this.end(JSON.parse(event.data)));
  }

  disconnect() {
    this.source?.close();
    this.source = null;
  }

  receive(lines, id) {
    this.after = id;
    this.waiting.push(...lines);
    if (this.waiting.length > MOST_LINES) this.waiting.splice(0, this.waiting.length - MOST_LINES);
    this.paused ? this.sayPaused() : this.show();
  }

  end(summary) {
    this.ended = true;
    this.disconnect();
    this.summary = summary.words;
    if (!this.paused) this.say(this.summary);
    refresh();
  }

  show() {
    this.box.querySelector("[data-log-empty]")?.remove();
    this.box.append(...this.waiting.splice(0).map(element));
    const lines = this.box.querySelectorAll(".l");
    for (let i = 0; i < lines.length - MOST_LINES; i++) lines[i].remove();
    if (this.follows) this.scrollToEnd();
  }

  watchTools() {
    const tools = document.querySelector("[data-log-tools]");
    tools.hidden = false;
    const [pause, follow, wrap] = ["pause", "follow", "wrap"].map((n) => tools.querySelector(`[data-log-${n}]`));
    pause.addEventListener("click", () => this.pause(pause));
    follow.addEventListener("click", () => this.setFollow(!this.follows));
    wrap.addEventListener("click", () => wrap.setAttribute("aria-pressed", this.box.classList.toggle("wrap")));
    this.followButton = follow;
    // Whoever scrolls up wants to read; whoever scrolls to the end wants to follow.
    this.box.addEventListener("scroll", () => this.scrolled());
    if ("done" in this.box.dataset) pause.hidden = follow.hidden = true;
  }

  pause(button) {
    this.paused = !this.paused;
    button.setAttribute("aria-pressed", this.paused);
    button.textContent = this.paused ? "Go on" : "Pause";
    if (this.paused) return this.sayPaused();
    this.show();
    this.say(this.summary ?? "");
  }

  setFollow(follows) {
    if (this.follows === follows) return;
    this.follows = follows;
    this.followButton.setAttribute("aria-pressed", follows);
    if (follows) this.scrollToEnd();
  }

  scrolled() {
    const up = this.box.scrollTop < this.top;
    this.top = this.box.scrollTop;
    if (this.atEnd()) this.setFollow(true);
    else if (up) this.setFollow(false);
  }

  sayPaused() {
    const count = this.waiting.length;
    this.say(`paused, ${count} new ${count === 1 ? "line" : "lines"}`);
  }

  say(text) { document.querySelector("[data-log-state]").textContent = text; }
  atEnd() { return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 24; }
  scrollToEnd() { this.box.scrollTop = this.box.scrollHeight; }
}

function element([number, stream, segments]) {
  if (stream === "gap") return textElement("p", "log-note gap", segments);
  const [word, title] = MARKS[stream] ?? ["", ""];
  const line = textElement("div", `l ${stream}`, "");
  line.id = `L${number}`;
  const link = textElement("a", "n", "");
  link.href = `#L${number}`;
  link.dataset.n = number;
  link.ariaLabel = `Line ${number}`;
  const mark = textElement("span", "mark", word);
  if (title) mark.title = title;
  const text = textElement("span", "t", "");
  text.append(...segments.map(([piece, classes]) => (classes ? textElement("span", classes, piece) : piece)));
  line.append(link, mark, text);
  return line;
}

function textElement(tag, classes, text) {
  const made = document.createElement(tag);
  made.className = classes;
  made.textContent = text;
  return made;
}
