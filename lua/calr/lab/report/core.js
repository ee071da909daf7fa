// Elements, numbers as text, tooltips, the clipboard.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false && child !== "") node.append(child);
  }
  return node;
}

// h("p", {class: "x"}, "text", node, ...): an HTML element; s: an SVG element. Text is never taken for markup.
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// ---- numbers ----

const MINUS = "\u2212", NONE = "\u2013";
const superscripts = { "-": "\u207b", 0: "\u2070", 1: "\u00b9", 2: "\u00b2", 3: "\u00b3", 4: "\u2074", 5: "\u2075",
  6: "\u2076", 7: "\u2077", 8: "\u2078", 9: "\u2079" };
const superscript = n => String(n).replace(/./g, c => superscripts[c]);

// So many digits after the point, with a real minus sign.
function fixed(x, digits) {
  if (x === null || x === undefined || !isFinite(x)) return NONE;
  const text = Math.abs(x).toFixed(Math.max(0, Math.min(12, digits)));
  return (x < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

// As one would write it in a script: so many significant digits, no more than needed.
function short(x, digits = 4) {
  if (x === null || x === undefined) return NONE;
  if (typeof x !== "number") return String(x);
  if (Number.isInteger(x) && Math.abs(x) < 1e7) return String(x).replace("-", MINUS);
  const a = Math.abs(x);
  const text = a >= 1e-3 && a < 1e7 ? String(Number(x.toPrecision(digits)))
    : x.toExponential(Math.max(0, digits - 1)).replace(/\.?0+e/, "e").replace("e+", "e");
  return text.replace(/^-/, MINUS);
}

function duration(seconds) {
  if (seconds === null || seconds === undefined || !isFinite(seconds)) return NONE;
  if (seconds < 0.0995) return short(seconds * 1000, 2) + " ms";
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  const n = Math.round(seconds), two = x => String(x).padStart(2, "0");
  if (n < 120) return n + " s";
  if (n < 3600) return `${Math.floor(n / 60)} min ${two(n % 60)} s`;
  if (n < 86400) return `${Math.floor(n / 3600)} h ${two(Math.floor(n % 3600 / 60))} min`;
  return `${Math.floor(n / 86400)} d ${two(Math.floor(n % 86400 / 3600))} h`;
}

const count = n => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;

function date(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

const mean = list => list.reduce((sum, x) => sum + x, 0) / list.length;

// Of a sample: divided by n - 1; nothing for one value.
function deviation(list) {
  if (list.length < 2) return null;
  const m = mean(list);
  return Math.sqrt(list.reduce((sum, x) => sum + (x - m) * (x - m), 0) / (list.length - 1));
}

const range = n => Array.from({ length: n }, (_, i) => i);
const known = x => x !== null && x !== undefined;

function extent(list) {
  let low = Infinity, high = -Infinity;
  for (const x of list) {
    if (!known(x)) continue;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return low <= high ? [low, high] : null;
}

// A function that calls fn once, with the next picture, however often it is called before; in a hidden window, which
// shows no pictures, soon.
function together(fn) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    const go = () => {
      if (!waiting) return;
      waiting = false;
      fn();
    };
    requestAnimationFrame(go);
    setTimeout(go, 60);
  };
}

// ---- the tooltip ----

const tip = h("div", { class: "tip", role: "status", "aria-live": "polite", hidden: true });
document.body.append(tip);

function showTip(content, x, y) {
  tip.replaceChildren();
  fill(tip, {}, [content]);
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), width = document.documentElement.clientWidth, gap = 14;
  let left = x + gap, top = y + gap;
  if (left + box.width > width - 8) left = Math.max(8, x - gap - box.width);
  if (left + box.width > width - 8) left = Math.max(8, width - 8 - box.width);
  if (top + box.height > window.innerHeight - 8) top = Math.max(8, y - gap - box.height);
  tip.style.left = left + "px";
  tip.style.top = top + "px";
}

function hideTip() {
  tip.hidden = true;
}

window.addEventListener("scroll", hideTip, { passive: true });

// ---- commands under numbers ----

function copyText(text) {
  const area = h("textarea", { class: "hidden-text", readonly: true });
  area.value = text;
  (document.querySelector("dialog[open]") || document.body).append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch { /* refused: below */ }
  area.remove();
  if (done || !navigator.clipboard) return Promise.resolve(done);
  return navigator.clipboard.writeText(text).then(() => true, () => false);
}

// A number that knows how it is computed again: the command shows on hover and focus, a click copies it.
function reproducible(text, command, extra) {
  if (!command) return h("span", { class: "number", ...extra }, text);
  return h("button", { type: "button", class: "number", "data-command": command,
    "aria-description": "copies the command that computes it: " + command, ...extra }, text);
}

// The same with the command in sight.
const commandLine = command => h("button", { type: "button", class: "command", "data-command": command,
  title: "Copy" }, h("span", { class: "prompt", "aria-hidden": "true" }, "$ "), command);

function commandTip(button, message) {
  const box = button.getBoundingClientRect();
  showTip([h("code", {}, button.dataset.command), h("div", { class: "hint" }, message)], box.left, box.bottom - 8);
}

const commandOf = event => event.target instanceof Element ? event.target.closest("[data-command]") : null;

document.addEventListener("pointerover", event => {
  const button = commandOf(event);
  if (button && button.classList.contains("number")) commandTip(button, "click to copy");
});
document.addEventListener("pointerout", event => { if (commandOf(event)) hideTip(); });
document.addEventListener("focusin", event => {
  const button = commandOf(event);
  if (button && button.classList.contains("number") && button.matches(":focus-visible")) {
    commandTip(button, "Enter to copy");
  }
});
document.addEventListener("focusout", event => { if (commandOf(event)) hideTip(); });
document.addEventListener("click", async event => {
  const button = commandOf(event);
  if (!button) return;
  event.stopPropagation();
  const done = await copyText(button.dataset.command);
  if (done) button.focus();
  commandTip(button, done ? "copied" : "could not copy: select the text instead");
});

// ---- small parts of the page ----

function select(label, options, value, change) {
  const box = h("select", { onchange: () => change(box.value) },
    options.map(o => h("option", { value: o[0], selected: o[0] === value }, o[1])));
  return h("label", { class: "control" }, h("span", {}, label), box);
}

function toggle(label, on, change) {
  const box = h("input", { type: "checkbox", onchange: () => change(box.checked) });
  box.checked = on;
  return h("label", { class: "control" }, box, h("span", {}, label));
}

const sections = [];

// A section with a heading and a place in the table of contents.
function section(id, title, ...content) {
  const node = h("section", { id, "aria-labelledby": id + "-title" }, h("h2", { id: id + "-title" }, title), content);
  sections.push({ id, title });
  page.append(node);
  return node;
}

// rows: lists of cells (text, nodes, or {sort=, node=}); heads: text or {text=, class=, title=}.
function simpleTable(heads, rows, attributes) {
  const classes = heads.map(head => head.class);
  const names = heads.map(head => typeof head === "string" ? head : head.text).map(name => name || null);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": (attributes || {}).label || "table" },
    h("table", { class: (attributes || {}).class },
      h("thead", {}, h("tr", {}, heads.map(head =>
        h("th", { scope: "col", class: head.class, title: head.title }, typeof head === "string" ? head : head.text)))),
      h("tbody", {}, rows.map(row => h("tr", { class: row.class }, (row.cells || row).map((cell, i) =>
        i === 0 && typeof cell === "string" ? h("th", { scope: "row", class: classes[i], "data-label": names[i] }, cell)
          : h("td", { class: classes[i], "data-label": names[i] }, cell)))))));
}

const details = (summary, ...content) => h("details", {}, h("summary", {}, summary), content);

// Content that is made when it is opened.
function lazyDetails(summary, make) {
  const node = h("details", {}, h("summary", {}, summary));
  node.addEventListener("toggle", () => {
    if (node.open && node.children.length === 1) node.append(make());
  });
  return node;
}
