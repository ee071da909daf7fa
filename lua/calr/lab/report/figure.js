// A figure: a drawing that fits its width, with a caption, controls, a text alternative and its numbers as a table.

const figures = [];
let figureCount = 0;

const markLimit = 1500; // up to so many marks are drawn as SVG, more on a canvas

// What draws marks, on SVG or on a canvas, in the same calls. Points are [x, y] in pixels; null breaks a line.
function svgPen(group) {
  const style = o => ({ fill: "none", stroke: o.color, "stroke-width": o.width || 1.5,
    "stroke-dasharray": o.dash || null,
    "stroke-linejoin": "round", "stroke-linecap": "round", opacity: o.alpha });
  const d = points => {
    let text = "", open = false;
    for (const p of points) {
      if (p) text += (open ? "L" : "M") + p[0].toFixed(1) + " " + p[1].toFixed(1);
      open = !!p;
    }
    return text;
  };
  return {
    line: (points, o) => group.append(s("path", { d: d(points), ...style(o) })),
    area: (points, o) => group.append(s("path", { d: d(points) + "Z", fill: o.color, opacity: o.alpha })),
    rect: (x, y, w, height, o) => group.append(s("rect", { x: x.toFixed(2), y: y.toFixed(2),
      width: Math.max(0, w).toFixed(2),
      height: Math.max(0, height).toFixed(2), rx: o.round || 0, fill: o.fill === false ? "none" : o.color,
      stroke: o.stroke, opacity: o.alpha })),
    mark: (x, y, o) => group.append(s("path", { d: markPath(o.shape, x, y, o.r || 3), opacity: o.alpha,
      fill: o.hollow ? "var(--paper)" : o.shape === "cross" ? "none" : o.color,
        stroke: o.hollow || o.shape === "cross" ? o.color : o.edge || "none",
      "stroke-width": o.hollow || o.shape === "cross" ? 1.4 : 0.8 })),
  };
}

function markPath(shape, x, y, r) {
  const f = v => v.toFixed(2);
  if (shape === "square") return `M${f(x - r)} ${f(y - r)}h${f(2 * r)}v${f(2 * r)}h${f(-2 * r)}Z`;
  if (shape === "diamond") return `M${f(x)} ${f(y - 1.3 * r)}L${f(x + 1.3 * r)} ${f(y)}L${f(x)} ${f(y + 1.3 * r)}L${f(x - 1.3 * r)} ${f(y)}Z`;
  if (shape === "triangle") return `M${f(x)} ${f(y + 1.2 * r)}L${f(x + 1.15 * r)} ${f(y - 0.8 * r)}H${f(x - 1.15 * r)}Z`;
  if (shape === "cross") return `M${f(x - r)} ${f(y - r)}L${f(x + r)} ${f(y + r)}M${f(x - r)} ${f(y + r)}L${f(x + r)} ${f(y - r)}`;
  return `M${f(x - r)} ${f(y)}a${f(r)} ${f(r)} 0 1 0 ${f(2 * r)} 0a${f(r)} ${f(r)} 0 1 0 ${f(-2 * r)} 0Z`;
}

function canvasPen(context) {
  const stroke = o => {
    context.strokeStyle = resolve(o.color);
    context.lineWidth = o.width || 1.5;
    context.globalAlpha = known(o.alpha) ? o.alpha : 1;
    context.setLineDash(o.dash ? o.dash.split(" ").map(Number) : []);
    context.lineJoin = "round";
  };
  const trace = points => {
    context.beginPath();
    let open = false;
    for (const p of points) {
      if (p && open) context.lineTo(p[0], p[1]);
      else if (p) context.moveTo(p[0], p[1]);
      open = !!p;
    }
  };
  return {
    line: (points, o) => { stroke(o); trace(points); context.stroke(); },
    area: (points, o) => {
      context.fillStyle = resolve(o.color);
      context.globalAlpha = known(o.alpha) ? o.alpha : 1;
      trace(points);
      context.fill();
    },
    rect: (x, y, w, height, o) => {
      context.fillStyle = resolve(o.color);
      context.globalAlpha = known(o.alpha) ? o.alpha : 1;
      context.fillRect(x, y, Math.max(w, 0.7), height);
    },
    mark: (x, y, o) => {
      context.globalAlpha = known(o.alpha) ? o.alpha : 1;
      if (!o.hollow && (!o.shape || o.shape === "circle")) {
        context.fillStyle = resolve(o.color);
        context.beginPath();
        context.arc(x, y, o.r || 3, 0, 7);
        context.fill();
        return;
      }
      const path = new Path2D(markPath(o.shape, x, y, o.r || 3));
      context.setLineDash([]);
      if (o.hollow || o.shape === "cross") {
        context.strokeStyle = resolve(o.color);
        context.lineWidth = 1.2;
        context.stroke(path);
      } else {
        context.fillStyle = resolve(o.color);
        context.fill(path);
      }
    },
  };
}

function makeCanvas(box, w, height) {
  const canvas = h("canvas", { "aria-hidden": "true" }), ratio = Math.max(window.devicePixelRatio || 1, 1.5);
  canvas.width = Math.round(w * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = w + "px";
  canvas.style.height = height + "px";
  box.prepend(canvas);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

// What a drawing function gets: w, height, margin and the inner box left..right, top..bottom; svg (over all), pen(count).
function frameOf(box, w, height, margin) {
  const svg = s("svg", { width: w, height, viewBox: `0 0 ${w} ${height}`, "aria-hidden": "true" });
  box.replaceChildren(svg);
  const f = { w, height, box, svg, narrow: w < 560, left: margin.left, right: w - margin.right, top: margin.top,
    bottom: height - margin.bottom };
  const back = s("g", { class: "axes" }), marks = s("g", { class: "marks" }), front = s("g", { class: "labels" });
  svg.append(back, marks, front);
  f.back = back;
  f.front = front;
  f.pen = (n = 0) => n <= markLimit ? svgPen(marks) : canvasPen(makeCanvas(box, w, height));
  return f;
}

const sight = "IntersectionObserver" in window ? new IntersectionObserver(entries => {
  for (const entry of entries) {
    const f = figures.find(item => item.box === entry.target);
    f.seen = entry.isIntersecting;
    if (f.seen && f.stale) f.refresh();
  }
}, { rootMargin: "400px" }) : null;

// options: title, caption, controls, height (number or function of the width), margin, draw(frame), summary() -> text,
// table() -> {heads, rows}, id.
function figure(parent, options) {
  figureCount += 1;
  const box = h("div", { class: "plot", role: "img" });
  const node = h("figure", { id: options.id },
    options.controls && h("div", { class: "controls" }, options.controls), box,
    h("figcaption", {}, h("b", {}, `Figure ${figureCount}. `), options.caption),
    options.table && lazyDetails("Numbers of this figure", () => {
      const t = options.table();
      return simpleTable(t.heads, t.rows, { label: "numbers of this figure", class: "numbers" });
    }));
  parent.append(node);
  const self = { node, box, options, width: 0, seen: true, stale: false };
  self.draw = () => {
    const w = Math.floor(box.clientWidth);
    if (w < 50) return;
    self.width = w;
    const margin = { left: 52, right: 14, top: 12, bottom: 36,
      ...(typeof options.margin === "function" ? options.margin(w) : options.margin) };
    const height = typeof options.height === "function" ? options.height(w) : options.height || 300;
    box.style.height = height + "px";
    options.draw(frameOf(box, w, height, margin), self);
    box.setAttribute("aria-label", options.summary ? options.summary() : "");
    const open = node.querySelector("details[open]");
    if (open) {
      open.lastChild.remove();
      open.open = false;
    }
  };
  // After a selection: at once what is in sight, the rest when it comes there.
  self.refresh = () => {
    self.stale = !self.seen;
    if (self.seen) self.draw();
  };
  figures.push(self);
  self.draw();
  if (sight) sight.observe(box);
  return self;
}

// Draws all figures again: another width, another colour scheme, paper.
function drawAll(changedWidthOnly) {
  if (!changedWidthOnly) cssValues.clear();
  for (const f of figures) {
    if (!changedWidthOnly || Math.floor(f.box.clientWidth) !== f.width) f.draw();
  }
}

function watchFigures() {
  window.addEventListener("resize", together(() => drawAll(true)));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    drawAll();
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    drawAll();
  });
}

// ---- axes ----

const label = (x, y, text, attributes) => s("text", { x, y, ...attributes }, text);

function xAxis(f, scale, title, options = {}) {
  const y = f.bottom, ticks = scale.ticks(options.ticks || Math.max(2, Math.floor((f.right - f.left) / 85)),
    options.whole);
  f.back.append(s("line", { class: "axis", x1: f.left, x2: f.right, y1: y + 0.5, y2: y + 0.5 }));
  let last = -Infinity;
  for (const t of ticks) {
    const x = scale(t.value), half = t.label.length * 3.3;
    f.back.append(s("line", { class: "axis", x1: x, x2: x, y1: y, y2: y + (t.label ? 4 : 2.5) }));
    if (!t.label || x - half < last + 6) continue;
    last = x + half;
    f.back.append(label(x, y + 17, t.label, { "text-anchor": "middle" }));
  }
  if (title) {
    f.back.append(label((f.left + f.right) / 2, y + 33, title, { class: "title", "text-anchor": "middle" }));
  }
}

function yAxis(f, scale, title, options = {}) {
  const ticks = scale.ticks(options.ticks || Math.max(2, Math.floor((f.bottom - f.top) / 48)));
  for (const t of ticks) {
    const y = scale(t.value);
    if (!t.label) continue;
    if (options.grid !== false) f.back.append(s("line", { class: "grid", x1: f.left, x2: f.right, y1: y, y2: y }));
    f.back.append(label(f.left - 7, y + 4, options.format ? options.format(t.value) : t.label,
      { "text-anchor": "end" }));
  }
  if (title) f.back.append(label(2, f.top - 10, title, { class: "title" }));
}

// Names at the ends of lines, pushed apart: list of {y, text, color}.
function endLabels(f, x, list, gap = 15) {
  const items = list.map(item => ({ ...item, at: item.y })).sort((a, b) => a.y - b.y);
  for (let round = 0; round < 60; round++) {
    for (let i = 1; i < items.length; i++) {
      const overlap = gap - (items[i].at - items[i - 1].at);
      if (overlap > 0) {
        items[i].at += overlap / 2;
        items[i - 1].at -= overlap / 2;
      }
    }
    for (const item of items) item.at = Math.max(f.top + 4, Math.min(f.bottom - 2, item.at));
  }
  for (const item of items) {
    f.front.append(label(x, item.at + 4, item.text, { class: "end", style: `fill:${item.color}` }));
  }
}

const legendItem = (name, color, dash, shape, hollow) => h("span", { class: "key" },
  s("svg", { width: 26, height: 12, "aria-hidden": "true" }, shape
    ? s("path", { d: markPath(shape, 13, 6, 4), fill: hollow || shape === "cross" ? "none" : color, stroke: color,
      "stroke-width": 1.4 })
    : s("line", { x1: 1, x2: 25, y1: 6, y2: 6, stroke: color, "stroke-width": 2.2,
      "stroke-dasharray": dash || null })), name);

const legend = items => h("div", { class: "legend" }, items);

// ---- pointing ----

// Calls over(item, event) for the nearest point of points() -> [[x, y, item]] within reach, and pick(item) on a click.
function pointing(f, points, content, pick) {
  const halo = s("circle", { class: "halo", r: 7, visibility: "hidden" });
  f.front.append(halo);
  const nearest = event => {
    const box = f.svg.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, distance = 26 * 26;
    for (const p of points()) {
      const d = (p[0] - x) * (p[0] - x) + (p[1] - y) * (p[1] - y);
      if (d < distance) [best, distance] = [p, d];
    }
    return best;
  };
  const leave = () => {
    halo.setAttribute("visibility", "hidden");
    hideTip();
  };
  f.svg.addEventListener("pointermove", event => {
    const p = nearest(event);
    f.svg.style.cursor = p && pick ? "pointer" : "";
    if (!p) return leave();
    halo.setAttribute("cx", p[0]);
    halo.setAttribute("cy", p[1]);
    halo.setAttribute("visibility", "visible");
    showTip(content(p[2]), event.clientX, event.clientY);
  });
  f.svg.addEventListener("pointerleave", leave);
  if (pick) {
    f.svg.addEventListener("click", event => {
      const p = nearest(event);
      if (p) {
        leave();
        pick(p[2]);
      }
    });
  }
}
