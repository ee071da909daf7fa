// Parallel coordinates: a line a trial, an axis a parameter; ranges drawn on axes select trials everywhere on the page.

const brushes = new Map(); // axis name -> [low, high] in shares of the axis, from its beginning

function parallelAxes() {
  const axes = parameters.slice(0, 10).map(p => ({ ...p, metric: false }));
  for (const g of data.goals) {
    const values = study.trials.map(t => t.stale ? null : valueOf(t, g.metric)), present = values.filter(known);
    if (present.length > 1) {
      const e = extent(present);
      axes.push({ name: g.metric, metric: true, numeric: true, values, low: e[0], high: e[1], categories: null,
        log: logMetric(g.metric, present) });
    }
  }
  return axes;
}

// Position of a value along an axis, 0 .. 1; null for a parameter that the trial does not have.
function axisShare(axis) {
  if (axis.categories) {
    const at = new Map(axis.categories.map((v, i) => [v, (i + 0.5) / axis.categories.length]));
    const width = 0.5 / axis.categories.length;
    return i => {
      const v = axis.values[i];
      return known(v) && at.has(v) ? at.get(v) + (((i * 7919) % 97) / 97 - 0.5) * width : null;
    };
  }
  const scale = (axis.log ? logarithmic : linear)([axis.low, axis.high], [0, 1]);
  return i => known(axis.values[i]) ? Math.max(0, Math.min(1, scale(axis.values[i]))) : null;
}

const axisTicks = (axis, n) => axis.categories
  ? axis.categories.map((v, i) => ({ share: (i + 0.5) / axis.categories.length,
    label: typeof v === "number" ? short(v, 3) : String(v) }))
  : (() => {
    const format = axis.metric ? formatOf(axis.name) : { scale: 1 },
      k = axis.name === "hours" ? 3600 : format.scale || 1;
    const scale = (axis.name === "hours" && axis.metric ? elapsed : axis.log ? logarithmic
      : linear)([axis.low * k, axis.high * k], [0, 1]);
    return scale.ticks(n).map(t => ({ share: scale(t.value), label: t.label }));
  })();

// What a brushed range says, in the axis' own values.
function brushText(axis, b) {
  if (axis.categories) return axis.categories.filter((v, i) =>
    inBrush(b, (i + 0.5) / axis.categories.length)).join(", ") || "nothing";
  const scale = (axis.log ? logarithmic : linear)([axis.low, axis.high], [0, 1]);
  const text = v => axis.metric ? valueText(axis.name, v) : short(v, 3);
  return `${text(scale.invert(b[0]))} to ${text(scale.invert(b[1]))}`;
}

const inBrush = (b, share) => share >= b[0] && share <= b[1];

function setBrush(axis, b) {
  if (!b || b[1] - b[0] < 1e-4) {
    brushes.delete(axis.name);
    setFilter(axis.name, null);
    return;
  }
  brushes.set(axis.name, b);
  const share = axisShare(axis);
  const centre = axis.categories && new Map(axis.categories.map((v, i) => [v, (i + 0.5) / axis.categories.length]));
  setFilter(axis.name, {
    text: `${axis.name}: ${brushText(axis, b)}`,
    test: t => {
      const at = centre ? centre.get(axis.values[t.i]) : share(t.i);
      return known(at) && inBrush(b, at);
    },
  });
}

function clearBrushes() {
  for (const name of [...brushes.keys()]) {
    brushes.delete(name);
    setFilter(name, null);
  }
}

// "infomap.min_similarity" in two lines where it is long.
function nameLines(name, width) {
  const most = Math.max(6, Math.floor(width / 6.4));
  if (name.length <= most) return [name];
  const at = [...name].map((c, i) => c === "." || c === "_" ? i + 1 : -1).filter(i => i > 0 && i <= most).pop();
  return at ? [name.slice(0, at), cut(name.slice(at), most)] : [cut(name, most)];
}

function parallel() {
  const axes = parallelAxes(), lines = study.trials.filter(t =>
    !t.stale && (counts(t) || t.state === "pruned" || t.state === "running"));
  if (axes.filter(a => !a.metric).length < 1 || axes.length < 2 || lines.length < 2) return;
  const node = section("parameters", "Parameters");
  const bar = h("div", { class: "filter-bar", role: "status", "aria-live": "polite" });
  const shares = axes.map(axisShare);
  const metric = goal.metric, e = extent(lines.filter(counts).map(t => valueOf(t, metric))) || [0, 1],
    up = directionOf(metric) === "max";
  const quality = t => {
    const v = valueOf(t, metric);
    if (!known(v) || e[0] === e[1]) return 0.5;
    const share = (v - e[0]) / (e[1] - e[0]);
    return Math.max(0, Math.min(1, up ? share : 1 - share));
  };
  const sorted = [...lines].sort((a, b) => quality(a) - quality(b)), most = 3000;
  // of very many, the best and every so manieth of the others
  const every = Math.ceil((sorted.length - most / 3) / (most * 2 / 3));
  const ordered = sorted.length <= most ? sorted : sorted.filter((t, i) =>
    i >= sorted.length - most / 3 || i % every === 0);
  const fig = figure(node, {
    id: "parallel",
    caption: [`A line is a trial; the stronger its colour, the better its ${metric}; dashed ones were pruned.${ordered.length < sorted.length ? ` Of ${count(sorted.length)} trials ${count(ordered.length)} are drawn, the best among them.` : ""} Draw along an axis to keep only the trials that pass there: every figure and the table follow. With the keyboard: Tab to an axis, arrow keys move its lower end, with Shift its upper end, Escape clears it.`],
    height: w => w < 640 ? 70 + axes.length * 86 : 400, margin: w =>
      w < 640 ? { left: 16, right: 16, top: 34, bottom: 30 } : { left: 44, right: 64, top: 52, bottom: 34 },
    draw: (f, self) => drawParallel(f, self, { axes, shares, ordered, quality }),
    summary: () => `Parallel coordinates of ${lines.length} trials over ${axes.map(a => a.name).join(", ")}. ${selection.mask ? `${selection.count} trials are selected.` : ""}`,
  });
  fig.node.insertBefore(bar, fig.box);
  const show = () => {
    const filters = [...selection.filters.entries()];
    bar.replaceChildren(...(filters.length ? [h("b", { id: "selected-count" },
      `${count(selection.count)} of ${count(study.trials.length)} trials`),
      ...filters.map(([name, filter]) => h("button", { type: "button", class: "filter", title: "remove",
        onclick: () => {
        brushes.delete(name);
        setFilter(name, null);
      } }, filter.text, h("span", { "aria-label": "remove" }, " \u00d7"))),
      filters.length > 1 && h("button", { type: "button", class: "link", onclick: clearBrushes },
        "clear all")].filter(Boolean)
      : [h("span", { class: "muted" }, "All trials; draw along an axis to select.")]));
    fig.paintLines();
    for (const showBrush of fig.showBrushes) showBrush();
  };
  selection.listeners.push(show);
  show();
  slices(node);
}

function drawParallel(f, self, model) {
  const { axes, shares } = model, stacked = f.w < 640;
  const n = axes.length, across = stacked ? [f.top + 8, f.bottom - 26] : [f.left, f.right];
  const at = k => across[0] + (n > 1 ? k / (n - 1) : 0.5) * (across[1] - across[0]);
  const along = stacked ? [f.left, f.right] : [f.bottom, f.top];
  const gap = 18, away = stacked ? f.left : f.bottom; // where a trial without the parameter passes
  const pos = axes.map(a => {
    const from = a.conditional ? along[0] + Math.sign(along[1] - along[0]) * gap : along[0];
    return share => share === null ? away : from + share * (along[1] - from);
  });
  const inverse = axes.map(a => {
    const from = a.conditional ? along[0] + Math.sign(along[1] - along[0]) * gap : along[0];
    return p => Math.max(0, Math.min(1, (p - from) / (along[1] - from)));
  });
  const point = (p, k) => stacked ? [p, at(k)] : [at(k), p];
  const route = t => axes.map((a, k) => point(pos[k](shares[k](t.i)), k));
  const many = model.ordered.length > 250;
  const back = f.pen(many ? markLimit + 1 : 0), group = f.svg.querySelector(".marks");
  for (const t of model.ordered) back.line(route(t), { color: "var(--rule)", width: 1,
    alpha: Math.max(0.05, Math.min(0.7, 60 / model.ordered.length)) });
  const backCount = group.childNodes.length;
  const context = many ? makeCanvas(f.box, f.w, f.height) : null;
  if (context) f.box.insertBefore(context.canvas, f.svg);
  const paint = () => {
    while (group.childNodes.length > backCount) group.lastChild.remove();
    if (context) context.clearRect(0, 0, f.w, f.height);
    const pen = context ? canvasPen(context) : svgPen(group), shade = ramp(), chosen = model.ordered.filter(selected);
    const alpha = Math.max(0.04, Math.min(0.85, 40 / Math.pow(chosen.length + 1, 0.75)));
    chosen.forEach((t, i) => {
      const pruned = t.state === "pruned";
      pen.line(route(t), { color: pruned ? "var(--pruned)" : shade(model.quality(t)), width: pruned ? 0.8 : 1.3,
        dash: pruned && !many ? "3 3" : "", alpha: pruned ? alpha * 0.5 : i > chosen.length - 12 ? 0.95 : alpha });
    });
  };
  self.paintLines = paint;
  self.showBrushes = [];
  paint();
  axes.forEach((axis, k) => drawAxis(f, self, axis, { k, stacked, at: at(k), pos: pos[k], inverse: inverse[k], along,
    away, point, n, step: n > 1 ? (across[1] - across[0]) / (n - 1) : 100 }));
  pointing(f, () => model.ordered.filter(selected).slice(-600).flatMap(t => route(t).map(p => [p[0], p[1], t])),
    t => trialTip(t), openTrial);
}

function drawAxis(f, self, axis, o) {
  const { stacked, at, pos, along } = o, g = s("g", { class: "parallel-axis" });
  const ends = [pos(0), pos(1)], line = (p, q, cls) => stacked
    ? s("line", { class: cls, x1: p, x2: q, y1: at, y2: at }) : s("line", { class: cls, x1: at, x2: at, y1: p, y2: q });
  g.append(line(ends[0], ends[1], "axis strong"));
  const ticks = axisTicks(axis, stacked ? Math.max(2, Math.floor((along[1] - along[0]) / 70)) : 6);
  let last = -Infinity;
  for (const t of ticks) {
    const p = pos(t.share), text = cut(t.label, stacked ? Math.max(4,
      Math.floor((along[1] - along[0]) / ticks.length / 6.4)) : 9);
    if (stacked) {
      g.append(s("line", { class: "axis", x1: p, x2: p, y1: at, y2: at + (text ? 4 : 2.5) }));
      if (text && p - text.length * 3.4 > last) {
        g.append(label(p, at + 16, text, { "text-anchor": p < f.left + 14 ? "start" : p > f.right - 14 ? "end"
          : "middle", class: "halo-text" }));
        last = p + text.length * 3.4 + 6;
      }
    } else {
      g.append(s("line", { class: "axis", x1: at - (text ? 4 : 2.5), x2: at, y1: p, y2: p }),
        label(at - 7, p + 4, text, { "text-anchor": "end", class: "halo-text" }));
    }
  }
  if (axis.conditional) g.append(stacked ? label(o.away, at + 16, NONE, { class: "halo-text" })
    : label(at, o.away + 16, "not set", { "text-anchor": "middle", class: "halo-text muted" }));
  const title = axis.metric ? withUnit(axis.name) : axis.name;
  if (stacked) g.append(label(f.left, at - 9, title, { class: "strong halo-text" }));
  else {
    const lines = nameLines(title, o.step - 6);
    lines.forEach((text, i) => g.append(label(at, f.top - 14 - (lines.length - 1 - i) * 14, text,
      { "text-anchor": o.k === 0 ? "start" : o.k === o.n - 1 ? "end" : "middle",
      class: "strong", dx: o.k === 0 ? -o.at + 4 : o.k === o.n - 1 ? f.w - at - 4 : 0 })));
  }
  f.front.append(g);
  self.showBrushes.push(addBrush(g, axis, o));
}

// The part of an axis that takes pointers and keys, and the range drawn on it.
function addBrush(g, axis, o) {
  const { stacked, at, pos, inverse } = o, half = stacked ? 16 : Math.min(22, o.step / 2.2);
  const low = Math.min(pos(0), pos(1)), size = Math.abs(pos(1) - pos(0));
  const box = (from, length, attributes) => stacked ? s("rect",
    { x: from, y: at - attributes.half, width: length, height: 2 * attributes.half, ...attributes })
    : s("rect", { x: at - attributes.half, y: from, width: 2 * attributes.half, height: length, ...attributes });
  const range2 = s("g", { class: "brush", "pointer-events": "none" });
  const area = box(low - 6, size + 12, { half, class: "brush-area", tabindex: "0", role: "slider",
    "data-axis": axis.name,
    style: `touch-action:${stacked ? "pan-y" : "pan-x"};cursor:${stacked ? "ew-resize" : "ns-resize"}` });
  const show = () => {
    const b = brushes.get(axis.name);
    range2.replaceChildren();
    area.setAttribute("aria-label", `range of ${axis.name}`);
    area.setAttribute("aria-valuemin", "0");
    area.setAttribute("aria-valuemax", "100");
    area.setAttribute("aria-valuenow", String(Math.round(100 * (b ? b[0] : 0))));
    area.setAttribute("aria-valuetext", b ? brushText(axis, b) : "all");
    if (!b) return;
    const p = [pos(b[0]), pos(b[1])].sort((x, y) => x - y);
    range2.append(box(p[0], Math.max(2, p[1] - p[0]), { half: 7, class: "brush-range" }));
  };
  const place = event => {
    const r = g.ownerSVGElement.getBoundingClientRect();
    return inverse(stacked ? event.clientX - r.left : event.clientY - r.top);
  };
  let drag = null;
  area.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    const p = place(event), b = brushes.get(axis.name), near = 8 / size;
    if (b && Math.abs(p - b[0]) < near) drag = { fixed: b[1] };
    else if (b && Math.abs(p - b[1]) < near) drag = { fixed: b[0] };
    else if (b && inBrush(b, p)) drag = { move: b, from: p };
    else drag = { fixed: p };
    drag.moved = false;
    try {
      area.setPointerCapture(event.pointerId);
    } catch { /* a pointer that is gone already */ }
    hideTip();
  });
  area.addEventListener("pointermove", event => {
    if (!drag) return;
    event.stopPropagation();
    const p = place(event);
    drag.moved = drag.moved || Math.abs(p - (known(drag.fixed) ? drag.fixed : drag.from)) * size > 3;
    if (!drag.moved) return;
    if (drag.move) {
      const d = Math.max(-drag.move[0], Math.min(1 - drag.move[1], p - drag.from));
      setBrush(axis, [drag.move[0] + d, drag.move[1] + d]);
    } else {
      setBrush(axis, [Math.min(p, drag.fixed), Math.max(p, drag.fixed)]);
    }
    show();
  });
  const end = () => {
    if (drag && !drag.moved && brushes.has(axis.name)) setBrush(axis, null);
    drag = null;
    show();
  };
  area.addEventListener("pointerup", end);
  area.addEventListener("pointercancel", end);
  area.addEventListener("click", event => event.stopPropagation());
  area.addEventListener("keydown", event => {
    const b = brushes.get(axis.name) || [0, 1];
    const by = axis.categories ? 1 / axis.categories.length : 0.05;
    const move = ["ArrowUp", "ArrowRight"].includes(event.key) ? by : ["ArrowDown", "ArrowLeft"].includes(event.key)
      ? -by : 0;
    if (event.key === "Escape" || event.key === "Delete") setBrush(axis, null);
    else if (move) {
      const next = event.shiftKey ? [b[0], Math.max(b[0] + by, Math.min(1, b[1] + move))]
        : [Math.max(0, Math.min(b[1] - by, b[0] + move)), b[1]];
      setBrush(axis, next[0] <= 1e-9 && next[1] >= 1 - 1e-9 ? null : next);
    } else return;
    event.preventDefault();
    show();
  });
  g.append(area, range2);
  show();
  return show;
}
