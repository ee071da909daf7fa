// A trial in detail, in a dialog that every figure and table opens.

const symbol = state => {
  const o = states[state] || states.waiting;
  return s("svg", { class: "symbol", width: 12, height: 12, "aria-hidden": "true" }, s("path", {
    d: markPath(o.shape, 6, 6, 4), fill: o.hollow || o.shape === "cross" ? "none" : o.color, stroke: o.color,
    "stroke-width": 1.6 }));
};

const stateText = trial => trial.shown === "stale" ? `stale (${trial.stale})` : trial.shown;

const trialName = trial => {
  const several = data.seeds.length > 1 && known(trial.seed);
  return trial.label + (several ? `, seed ${trial.seed}` : "");
};

// What a trial's configuration has that others do not.
const changesOf = trial => study.names.map(name => [name, configOf(trial, name)]).filter(c => known(c[1]));

function trialTip(trial, metrics) {
  return [
    h("div", { class: "tip-title" }, symbol(trial.shown), trialName(trial)),
    h("table", {}, (metrics || [goal.metric]).filter(m => known(valueOf(trial, m))).map(m =>
      h("tr", { class: "strong" }, h("td", {}, headOf(m)), h("td", {}, valueText(m, valueOf(trial, m))))),
    changesOf(trial).slice(0, 10).map(([name, value]) => h("tr", {}, h("td", {}, name), h("td", {}, short(value, 3))))),
  ];
}

const drawer = h("dialog", { class: "drawer", "aria-label": "Trial" });
drawer.addEventListener("click", event => { if (event.target === drawer) drawer.close(); });
document.body.append(drawer);

// The curve of one trial, small.
function sparkline(trial, metric) {
  const line = curveOf(trial, metric);
  if (!line || line.y.filter(known).length < 2) return null;
  const x = linear(extent(line.x), [3, 137]), y = linear(extent(line.y), [31, 4]);
  const points = line.x.map((v, i) => known(line.y[i]) ? [x(v), y(line.y[i])] : null), last = points[points.length - 1];
  const svg = s("svg", { width: 140, height: 34, class: "spark", role: "img",
    "aria-label": `${headOf(metric)} over steps, last ${valueText(metric, line.y[line.y.length - 1])}` });
  const pen = svgPen(svg);
  pen.line(points, { color: "var(--accent)", width: 1.5 });
  if (last) pen.mark(last[0], last[1], { color: "var(--accent)", r: 2.5 });
  return svg;
}

function trialMetrics(trial) {
  const names = [...data.metrics, ...(data.variants || []).map(v => v.name)].filter(m => known(valueOf(trial, m)));
  return h("table", { class: "facts" }, names.map(m => h("tr", {}, h("th", { scope: "row" }, headOf(m)),
    h("td", {}, reproducible(valueText(m, valueOf(trial, m)), trial.command)), h("td", {}, sparkline(trial, m)))));
}

function openTrial(trial) {
  hideTip();
  const fact = (name, value) => known(value) && value !== ""
    && h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
  const choose = (side, name) => h("button", { type: "button", onclick: () => {
    drawer.close();
    compare(side, trial);
  } }, name);
  drawer.replaceChildren();
  fill(drawer, {}, [
    h("form", { method: "dialog" }, h("button", { class: "close", "aria-label": "Close" }, "\u00d7")),
    h("h3", {}, trialName(trial)),
    h("p", { class: "meta" }, symbol(trial.shown), " ", stateText(trial),
      known(trial.seconds) && ` \u00b7 ${duration(trial.seconds)}`, trial.worker && ` \u00b7 ${trial.worker}`,
      trial.attempt > 1 && ` \u00b7 attempt ${trial.attempt}`,
        trial.deaths > 0 && ` \u00b7 ${plural(trial.deaths, "death")}`),
    trial.why && h("p", { class: "note" }, trial.why),
    trial.error && h("pre", { class: "error" }, trial.error),
    trial.notes.map(note => h("p", { class: "note" }, note)),
    trialMetrics(trial),
    h("h4", {}, "Configuration"),
    h("table", { class: "facts" }, changesOf(trial).map(([name, value]) => fact(name, h("code", {}, short(value, 12)))),
      fact("seed", trial.seed), fact("key", h("code", {}, trial.key)),
      fact("folder", trial.folder && h("code", {}, trial.folder)), fact("threads", trial.threads)),
    trial.command && commandLine(trial.command),
    trial.run && [h("p", { class: "meta" }, "It is a run with a report of its own:"),
      commandLine(`calr report ${data.folder}/${trial.folder}/run`)],
    study.trials.length > 1 && h("p", { class: "buttons" }, choose(0, "Compare as A"), choose(1, "Compare as B"))]);
  drawer.showModal();
}
