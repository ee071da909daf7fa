// What a search did: history, importance of parameters, trade-off of two goals.

const searchTrials = () => study.trials.filter(t => partOf(t).kind === "search" && known(t.number) && !t.stale)
  .sort((a, b) => a.number - b.number);

// The best value so far, by number: [number, value, trial] at every improvement.
function bestSoFar(trials, metric) {
  const is = better(metric), list = [];
  let best = null;
  for (const t of trials) {
    const v = valueOf(t, metric);
    if (t.state !== "finished" || !known(v) || best !== null && !is(v, best)) continue;
    best = v;
    list.push([t.number, v, t]);
  }
  return list;
}

function history() {
  const trials = searchTrials();
  if (trials.length < 2) return;
  const node = section("search", "Search");
  const metrics = data.goals.map(g => g.metric);
  let metric = metrics[0];
  const shownStates = ["finished", "pruned", "failed", "running", "interrupted",
    "dead"].filter(st => trials.some(t => t.state === st));
  const part = partOf(trials[0]);
  const fig = figure(node, {
    caption: [`Each point is a trial${part.sampler ? ` suggested by ${part.sampler}` : ""}, the line the best so far.`,
      part.prune ? ` Pruned by ${part.prune.name}: shown at their last report.` : "",
        " Trials without a value stand at the foot."],
    controls: [metricControl(metrics, metric, m => { metric = m; fig.draw(); })],
    height: w => w < 560 ? 280 : 340, margin: w => ({ top: 26, bottom: 46, left: 52, right: w < 560 ? 14 : 80 }),
    draw: f => {
      const valued = trials.filter(t => known(valueOf(t, metric))),
        without = trials.filter(t => !known(valueOf(t, metric)) && t.state !== "waiting");
      const format = formatOf(metric), best = bestSoFar(trials, metric), last = trials[trials.length - 1].number;
      const x = linear([Math.min(1, trials[0].number), Math.max(2, last)], [f.left + 4, f.right - 2]);
      const y = metricScale(metric, valued.map(t => valueOf(t, metric)), [f.bottom - 14, f.top]);
      const at = v => Math.max(f.top - 4, Math.min(f.bottom - 9, y(v * format.scale)));
      yAxis(f, y, withUnit(metric));
      xAxis(f, x, "trial", { whole: true });
      const pen = f.pen(trials.length), r = trials.length > 2000 ? 1.6 : trials.length > 300 ? 2.4 : 3.4;
      for (const pass of [false, true]) {
        for (const t of valued) {
          if (selected(t) !== pass) continue;
          const o = states[t.state];
          pen.mark(x(t.number), at(valueOf(t, metric)), { color: o.color, shape: o.shape,
            r: t.state === "finished" ? r : r * 0.9,
            alpha: selected(t) ? t.state === "finished" ? 0.8 : 0.6 : 0.1 });
        }
      }
      for (const t of without) pen.mark(x(t.number), f.bottom - 4,
        { color: states[t.state].color, shape: states[t.state].shape, r: Math.min(r, 2.6), alpha: 0.8 });
      if (best.length) {
        const line = best.flatMap((b, i) => i ? [[x(b[0]), at(best[i - 1][1])], [x(b[0]), at(b[1])]]
          : [[x(b[0]), at(b[1])]]);
        f.pen().line([...line, [x(last), at(best[best.length - 1][1])]], { color: "var(--ink)", width: 1.6 });
        if (f.w >= 560) endLabels(f, f.right + 6, [{ y: at(best[best.length - 1][1]),
          text: valueText(metric, best[best.length - 1][1]), color: "var(--ink)" }]);
      }
      pointing(f, () => [...valued.filter(selected).map(t => [x(t.number), at(valueOf(t, metric)), t]),
        ...without.map(t => [x(t.number), f.bottom - 4, t])],
        t => trialTip(t, metrics), openTrial);
    },
    summary: () => {
      const best = bestSoFar(trials, metric);
      return `History of ${trials.length} trials. ` + (best.length
        ? `The best ${metric} went from ${valueText(metric, best[0][1])} at trial ${best[0][0]} to ${valueText(metric, best[best.length - 1][1])} at trial ${best[best.length - 1][0]}.` : "None has finished.");
    },
    table: () => ({ heads: [{ text: "trial", class: "n" }, { text: `best ${withUnit(metric)} so far`, class: "n" },
      "trial"],
      rows: bestSoFar(trials, metric).map(b => [String(b[0]), formatOf(metric).text(b[1], 1), b[2].label]) }),
  });
  fig.node.insertBefore(legend([...shownStates.map(st => legendItem(states[st].text, states[st].color, "",
    states[st].shape)),
    legendItem("best so far", "var(--ink)")]), fig.box);
  selection.listeners.push(() => fig.refresh());
}

// ---- importance ----

function importance() {
  const all = data.importance || [];
  if (!all.length) return;
  const name = item => headOf(item.metric) + (new Set(all.map(x => x.part)).size > 1
    ? `, ${partTitle(data.parts[item.part - 1], item.part).toLowerCase()}` : "");
  let chosen = 0;
  const node = section("importance", "Importance of parameters"),
    most = Math.max(...all.map(item => item.parameters.length));
  const about = h("span");
  const describe = () => {
    const item = all[chosen];
    about.textContent = `How much each parameter decides whether a configuration is among the best ${count(item.best)} of ${count(item.trials)} (PED-ANOVA, shares of the sum). It says which parameters matter, not which values are good. ${item.notes.join(" ")}`;
  };
  const fig = figure(node, {
    caption: about,
    controls: all.length > 1 && [select("Metric", all.map((item, i) => [String(i), name(item)]), "0", i => {
      chosen = Number(i);
      describe();
      fig.draw();
    })],
    height: () => 20 + 28 * most, margin: w => ({ left: Math.min(200, w * 0.42), right: 48, top: 8, bottom: 8 }),
    draw: f => {
      const list = all[chosen].parameters, x = linear([0, Math.max(1e-9, ...list.map(p => p.value))],
        [f.left, f.right]), pen = f.pen();
      list.forEach((p, i) => {
        const y = f.top + 28 * i;
        f.back.append(label(f.left - 8, y + 16, cut(p.name, Math.floor(f.left / 6.6)),
          { "text-anchor": "end", class: "strong" }));
        pen.rect(f.left, y + 4, Math.max(1, x(p.value) - f.left), 16,
          { color: "var(--accent)", round: 2, alpha: 0.85 });
        f.front.append(label(x(p.value) + 6, y + 16, `${(100 * p.value).toFixed(p.value < 0.1 ? 1 : 0)}\u2009%`));
      });
    },
    summary: () => `Importance for ${all[chosen].metric}: `
      + all[chosen].parameters.map(p => `${p.name} ${(100 * p.value).toFixed(1)} %`).join(", "),
    table: () => ({ heads: ["parameter", { text: "share", class: "n" }],
      rows: all[chosen].parameters.map(p => [p.name, `${(100 * p.value).toFixed(1)} %`]) }),
  });
  describe();
}

// ---- two goals ----

// Trials that no other beats in both metrics, by rising first metric.
function front(trials, a, b) {
  const isA = better(a), isB = better(b);
  const sorted = [...trials].sort((p, q) => valueOf(p, a) === valueOf(q, a)
    ? (isB(valueOf(p, b), valueOf(q, b)) ? -1 : 1)
    : isA(valueOf(p, a), valueOf(q, a)) ? -1 : 1);
  const list = [];
  for (const t of sorted) if (!list.length || isB(valueOf(t, b), valueOf(list[list.length - 1], b))) list.push(t);
  return list;
}

function tradeoff() {
  const two = data.goals.length > 1, y0 = data.goals[0].metric, x0 = two ? data.goals[1].metric : "hours";
  if (x0 === y0) return;
  const trials = study.trials.filter(t => counts(t) && known(valueOf(t, y0)) && known(valueOf(t, x0)));
  const e = extent(trials.map(t => valueOf(t, x0))) || [0, 0];
  if (trials.length < 5 || !two && e[1] < 1.5 * e[0] || !two && new Set(trials.map(t => t.label)).size < 8) return;
  const node = section("tradeoff", two ? "Pareto front" : "Result against cost");
  const ends = front(trials, y0, x0), inFront = new Set(ends);
  const hours = x0 === "hours", fx = formatOf(x0), fy = formatOf(y0), unit = hours ? 3600 : fx.scale;
  const log = !hours && wantsLog(trials.map(t => valueOf(t, x0)));
  const fig = figure(node, {
    caption: [`The line is the Pareto front: ${plural(ends.length, "trial")} that no other beats in both ${y0} and ${x0}.`],
    height: w => w < 560 ? 300 : 380, margin: { top: 26, bottom: 44 },
    draw: f => {
      const X = t => valueOf(t, x0) * unit, Y = t => valueOf(t, y0) * fy.scale;
      const x = (hours ? elapsed : log ? logarithmic : linear)(log ? extent(trials.map(X))
        : padded(trials.map(X), 0.04), [f.left, f.right]);
      const y = logMetric(y0, trials.map(t => valueOf(t, y0))) ? logarithmic(extent(trials.map(Y)), [f.bottom, f.top])
        : linear(padded(trials.map(Y)), [f.bottom, f.top]);
      yAxis(f, y, withUnit(y0));
      xAxis(f, x, hours ? "time of the trial" : withUnit(x0));
      const pen = f.pen(trials.length), r = trials.length > 2000 ? 1.8 : 3.4;
      for (const t of trials) {
        if (!inFront.has(t)) pen.mark(x(X(t)), y(Y(t)), { color: "var(--muted)", r, alpha: selected(t) ? 0.45 : 0.08 });
      }
      const over = f.pen(), sorted = [...ends].sort((a, b) => X(a) - X(b));
      over.line(sorted.flatMap((t, i) =>
        i ? [[x(X(t)), y(Y(sorted[directionOf(y0) === "max" === (directionOf(x0) === "min") ? i - 1 : i]))],
        [x(X(t)), y(Y(t))]]
        : [[x(X(t)), y(Y(t))]]), { color: "var(--s0)", width: 1.8 });
      for (const t of sorted) over.mark(x(X(t)), y(Y(t)), { color: "var(--s0)", r: 4.4, alpha: selected(t) ? 1 : 0.2,
        edge: "var(--paper)" });
      pointing(f, () => trials.filter(selected).map(t => [x(X(t)), y(Y(t)), t]), t => trialTip(t, [y0, x0]), openTrial);
    },
    summary: () => `${y0} against ${x0}; the front: ` + ends.map(t =>
      `${t.label} ${valueText(y0, valueOf(t, y0))} at ${valueText(x0, valueOf(t, x0))}`).join("; "),
    table: () => ({ heads: ["trial", { text: withUnit(y0), class: "n" }, { text: withUnit(x0), class: "n" }],
      rows: ends.map(t => [trialName(t), reproducible(fy.text(valueOf(t, y0), 1), t.command),
        reproducible(fx.text(valueOf(t, x0)), t.command)]) }),
  });
  selection.listeners.push(() => fig.refresh());
}

// ---- slices ----

// A small plot for each parameter: its values against the goal.
function slices(parent) {
  const trials = study.trials.filter(t => !t.stale && (t.state === "finished" || t.state === "pruned"));
  const list = parameters.slice(0, 12);
  if (!list.length || trials.length < 3) return;
  let metric = goal.metric;
  const cell = 195;
  const columns = w => {
    const most = Math.max(1, Math.floor(w / (w < 560 ? 170 : cell)));
    return Math.ceil(list.length / Math.ceil(list.length / most));
  };
  const fig = figure(parent, {
    id: "slices",
    caption: ["One parameter at a time against the metric; the marks are the trials that the brushes leave, others are faint. Triangles were pruned."],
    controls: [metricControl(data.goals.map(g => g.metric), metric, m => { metric = m; fig.draw(); })],
    height: w => 24 + Math.ceil(list.length / columns(w)) * 190, margin: { left: 46, top: 24, bottom: 0, right: 8 },
    draw: f => {
      const n = columns(f.w), width = (f.right - f.left + 8) / n, format = formatOf(metric);
      const valued = trials.filter(t => known(valueOf(t, metric)));
      const pen = f.pen(valued.length * list.length), dots = [],
        r = valued.length > 1500 ? 1.4 : valued.length > 200 ? 2 : 2.8;
      f.back.append(label(2, 12, withUnit(metric), { class: "title" }));
      list.forEach((p, k) => {
        const left = f.left + (k % n) * width, top = f.top + Math.floor(k / n) * 190,
          g = { ...f, left: left + 4, right: left + width - 14, top, bottom: top + 134 };
        const y = metricScale(metric, valued.map(t => valueOf(t, metric)), [g.bottom, g.top]);
        const x = p.categories ? ordinal(p.categories, [g.left, g.right])
          : (p.log ? logarithmic : linear)(p.log ? [p.low, p.high] : [p.low, p.high], [g.left + 4, g.right - 4]);
        if (k % n === 0) yAxis(g, y, "", { ticks: 4 });
        else for (const t of y.ticks(4)) if (t.label) g.back.append(s("line",
          { class: "grid", x1: g.left, x2: g.right, y1: y(t.value), y2: y(t.value) }));
        xAxis(g, x, "", { ticks: 3 });
        f.back.append(label((g.left + g.right) / 2, g.bottom + 33, cut(p.name, Math.floor(width / 6.4)),
          { class: "strong", "text-anchor": "middle" }));
        for (const pass of [false, true]) {
          for (const t of valued) {
            const v = p.values[t.i];
            if (!known(v) || selected(t) !== pass) continue;
            const jitter = p.categories ? (((t.i * 7919) % 101) / 101 - 0.5) * Math.min(36, x.step * 0.55) : 0;
            const at = [x(v) + jitter, Math.max(g.top - 3, Math.min(g.bottom - 1,
              y(valueOf(t, metric) * format.scale)))];
            const pruned = t.state === "pruned";
            pen.mark(at[0], at[1], { color: pruned ? "var(--pruned)" : "var(--finished)",
              shape: pruned ? "triangle" : "circle", r: pruned ? r * 0.9 : r, alpha: pass ? 0.65 : 0.1 });
            if (pass) dots.push([at[0], at[1], t]);
          }
        }
      });
      pointing(f, () => dots, t => trialTip(t), openTrial);
    },
    summary: () => `Slices of ${metric} over ${list.map(p => p.name).join(", ")}.`,
  });
  selection.listeners.push(() => fig.refresh());
}
