// Learning curves: one line a row with a band over its seeds, or every trial of a search.

// {x, y} of a trial's reports, or null.
function curveOf(trial, metric) {
  const c = data.curves;
  if (!c || !c.values[metric] || c.index[trial.i] < 0) return null;
  const y = c.values[metric][trial.i];
  return y ? { x: c.steps[c.index[trial.i]], y } : null;
}

// Mean and band of several trials, at the steps that all of them reached.
function bandOf(trials, metric, kind) {
  const at = new Map();
  const lines = trials.map(t => curveOf(t, metric)).filter(Boolean);
  for (const line of lines) {
    line.x.forEach((x, i) => {
      if (!known(line.y[i])) return;
      if (!at.has(x)) at.set(x, []);
      at.get(x).push(line.y[i]);
    });
  }
  const most = Math.max(0, ...[...at.values()].map(v => v.length));
  return [...at.entries()].filter(e => e[1].length === most).sort((a, b) => a[0] - b[0]).map(([x, v]) => {
    const m = mean(v), sd = deviation(v) || 0, e = extent(v);
    return { x, mean: m, low: kind === "range" ? e[0] : m - sd, high: kind === "range" ? e[1] : m + sd, n: v.length };
  });
}

const curveRows = () => study.rows.filter(row => row.trials.some(t => !t.stale && curveOf(t, data.curves.metrics[0])));

function curves() {
  if (!data.curves || !study.trials.some(t => data.curves.index[t.i] >= 0)) return;
  const rows = curveRows(), all = study.trials.filter(t => !t.stale && data.curves.index[t.i] >= 0);
  const searchTrials = all.filter(t => partOf(t).kind === "search");
  const node = section("curves", "Learning curves");
  if (rows.length > 0 && rows.length <= 40) rowCurves(node, rows);
  const many = rows.length > 40 ? all : searchTrials;
  if (many.length > 0) trialCurves(node, many);
}

// The goal, where it was measured more than once; otherwise a metric that was.
function firstMetric(trials) {
  const often = m => trials.some(t => {
    const line = curveOf(t, m);
    return line && line.y.filter(known).length > 1;
  });
  return [goal.metric, "mAP", "refined.f", "f", "loss", ...data.curves.metrics].find(m =>
    data.curves.metrics.includes(m) && often(m)) || data.curves.metrics[0];
}

const metricControl = (metrics, metric, change) => metrics.length > 1
  && select("Metric", metrics.map(m => [m, headOf(m)]), metric, change);

function rowCurves(node, rows) {
  const metrics = data.curves.metrics;
  let metric = firstMetric(rows.flatMap(r => r.trials)), kind = "sd";
  const limit = 8;
  const ranked = [...rows].sort((a, b) => rows.length <= limit ? 0 : rankOf(a) - rankOf(b));
  const shownRows = new Set(ranked.slice(0, limit));
  function rankOf(row) {
    const v = row.trials.map(t => valueOf(t, goal.metric)).filter(known);
    return v.length ? (directionOf(goal.metric) === "max" ? -mean(v) : mean(v)) : Infinity;
  }
  const index = new Map(ranked.map((row, i) => [row, i]));
  const chips = h("div", { class: "chips", role: "group", "aria-label": "rows shown" }, ranked.map((row, i) => {
    const chip = h("button", { type: "button", "aria-pressed": String(shownRows.has(row)), onclick: () => {
      if (!shownRows.delete(row)) shownRows.add(row);
      chip.setAttribute("aria-pressed", String(shownRows.has(row)));
      fig.draw();
    } }, s("svg", { width: 22, height: 10, "aria-hidden": "true" },
      s("line", { x1: 1, x2: 21, y1: 5, y2: 5, stroke: series(i),
      "stroke-width": 2.4, "stroke-dasharray": dashes[i % 8] || null })), row.label);
    return chip;
  }));
  const bands = () => ranked.filter(r => shownRows.has(r)).map(row => ({ row, i: index.get(row),
    band: bandOf(row.trials.filter(t => !t.stale), metric, kind) })).filter(b => b.band.length);
  const fig = figure(node, {
    caption: [`Mean over seeds by row; the band is `, h("span", { class: "band-name" }, "one standard deviation"), "."],
    controls: [metricControl(metrics, metric, m => { metric = m; fig.draw(); }),
      select("Band", [["sd", "standard deviation"], ["range", "min to max"]], kind, k => {
        kind = k;
        fig.node.querySelector(".band-name").textContent = k === "sd" ? "one standard deviation"
          : "from the lowest to the highest seed";
        fig.draw();
      })],
    height: w => w < 560 ? 280 : 380, margin: w => ({ top: 26, right: w < 560 ? 14 : 150, left: 48 }),
    draw: f => {
      const list = bands(), format = formatOf(metric);
      const xs = list.flatMap(b => b.band.map(p => p.x)), ys = list.flatMap(b => b.band.flatMap(p => [p.low, p.high]));
      const x = linear(extent(xs) || [0, 1], [f.left, f.right]),
        y = linear(padded(ys).map(v => v * format.scale), [f.bottom, f.top]);
      const at = v => y(v * format.scale);
      yAxis(f, y, withUnit(metric));
      xAxis(f, x, "step", { whole: true });
      const pen = f.pen();
      for (const b of list) {
        if (b.band.some(p => p.n > 1)) {
          pen.area([...b.band.map(p => [x(p.x), at(p.high)]), ...[...b.band].reverse().map(p => [x(p.x), at(p.low)])],
            { color: series(b.i), alpha: 0.16 });
        }
      }
      for (const b of list) {
        pen.line(b.band.map(p => [x(p.x), at(p.mean)]), { color: series(b.i), width: 2.1, dash: dashes[b.i % 8] });
        if (b.band.length < 5) b.band.forEach(p => pen.mark(x(p.x), at(p.mean), { color: series(b.i), r: 3.2 }));
      }
      if (f.w >= 560) endLabels(f, f.right + 8, list.map(b =>
        ({ y: at(b.band[b.band.length - 1].mean), text: cut(b.row.label, 22), color: series(b.i) })));
      pointing(f, () => list.flatMap(b => b.band.map(p => [x(p.x), at(p.mean), { b, p }])), ({ b, p }) => [
        h("div", { class: "tip-title" }, b.row.label), h("table", {},
          h("tr", {}, h("td", {}, "step"), h("td", {}, short(p.x))),
          h("tr", { class: "strong" }, h("td", {}, headOf(metric)), h("td", {}, format.text(p.mean))),
          p.n > 1 && h("tr", {}, h("td", {}, "band"), h("td", {}, `${format.text(p.low)} to ${format.text(p.high)}`)),
          h("tr", {}, h("td", {}, "seeds"), h("td", {}, String(p.n))))]);
    },
    summary: () => `Learning curves of ${metric}: ` + bands().map(b =>
      `${b.row.label} ends at ${formatOf(metric).text(b.band[b.band.length - 1].mean)}`).join("; "),
    table: () => ({ heads: ["row", ...["step", "mean", "low", "high", "seeds"].map(text => ({ text, class: "n" }))],
      rows: bands().flatMap(b => b.band.map(p => [b.row.label, short(p.x), formatOf(metric).text(p.mean, 1),
        formatOf(metric).text(p.low, 1), formatOf(metric).text(p.high, 1), String(p.n)])) }),
  });
  fig.node.insertBefore(chips, fig.box);
}

const cut = (text, n) => text.length > n ? text.slice(0, n - 1) + "\u2026" : text;

// Every trial a thin line, the best ones in front.
function trialCurves(node, trials) {
  const metrics = data.curves.metrics;
  let metric = firstMetric(trials);
  const every = Math.max(1, Math.ceil(trials.length / 3000));
  const is = better(goal.metric);
  const best = trials.filter(t => counts(t) && known(valueOf(t, goal.metric)))
    .sort((a, b) => is(valueOf(a, goal.metric), valueOf(b, goal.metric)) ? -1 : 1).slice(0, 5);
  const inFront = new Set(best);
  const fig = figure(node, {
    caption: ["Every trial of the search; the best five in colour. A line that ends early was pruned, failed or is running.",
      every > 1 ? ` One in ${every} of the others is drawn.` : ""],
    controls: [metricControl(metrics, metric, m => { metric = m; fig.draw(); })],
    height: w => w < 560 ? 280 : 340, margin: w => ({ top: 26, right: w < 560 ? 14 : 90, left: 48 }),
    draw: f => {
      const lines = trials.filter((t, i) => i % every === 0 && !inFront.has(t)).map(t =>
        ({ t, line: curveOf(t, metric) })).filter(l => l.line);
      const front = best.map(t => ({ t, line: curveOf(t, metric) })).filter(l => l.line);
      const format = formatOf(metric), every2 = [...lines, ...front];
      const x = linear(extent(every2.flatMap(l => [l.line.x[0], l.line.x[l.line.x.length - 1]])) || [0, 1],
        [f.left, f.right]);
      const y = metricScale(metric, every2.flatMap(l => l.line.y), [f.bottom, f.top]);
      const points = l => l.line.x.map((v, i) => known(l.line.y[i])
        ? [x(v), Math.max(f.top - 4, Math.min(f.bottom + 1, y(l.line.y[i] * format.scale)))] : null);
      yAxis(f, y, withUnit(metric));
      xAxis(f, x, "step", { whole: true });
      const pen = f.pen(lines.length > 150 ? markLimit + 1 : 0);
      const alpha = Math.max(0.06, Math.min(0.5, 12 / Math.sqrt(lines.length + 1) / 3));
      for (const l of lines) {
        pen.line(points(l), { color: selected(l.t) ? "var(--muted)" : "var(--rule)", width: 1,
          alpha: selection.mask && selected(l.t) ? Math.min(1, alpha * 2) : alpha });
      }
      const over = f.pen();
      front.forEach((l, i) => over.line(points(l), { color: series(i), width: 2, dash: dashes[i],
        alpha: selected(l.t) ? 1 : 0.15 }));
      if (f.w >= 560) endLabels(f, f.right + 8, front.map((l, i) =>
        ({ y: points(l).filter(Boolean).pop()[1], text: cut(l.t.label, 12), color: series(i) })));
      pointing(f, () => every2.filter(l => selected(l.t)).slice(-400).flatMap(l =>
        points(l).map(p => p && [p[0], p[1], l.t])).filter(Boolean), t => trialTip(t), openTrial);
    },
    summary: () => `Learning curves of ${metric} for ${trials.length} trials; the best: ${best.map(t => `${t.label} ${valueText(goal.metric, valueOf(t, goal.metric))}`).join(", ")}`,
  });
  selection.listeners.push(() => fig.refresh());
}

// The range of values without the one percent at either end that would squeeze the rest, when it is far away.
function robust(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (sorted.length < 20) return padded(sorted);
  const low = sorted[Math.floor(sorted.length * 0.01)], high = sorted[Math.ceil(sorted.length * 0.99) - 1],
    more = (high - low) * 0.5;
  return padded([Math.max(sorted[0], low - more), Math.min(sorted[sorted.length - 1], high + more)]);
}
