// A run: what it was told, how it ended, its losses and its evaluation.

const lineSets = data.kind === "run" ? data.lines : []; // {stage, x: [], values: {name: []}}

const stageLines = (stage, name) => lineSets.filter(l => (!stage || l.stage === stage) && l.values[name]);

function runHeader() {
  const fact = (name, ...value) => value.some(v => v) && [h("dt", {}, name), h("dd", {}, value)];
  const mono = text => text && h("code", {}, text), m = data.machine || {};
  const state = { finished: "finished", failed: "failed", interrupted: "interrupted", running: "running",
    dead: "dead" }[data.status] || "waiting";
  page.append(h("header", {},
    h("p", { class: "kind" }, "Run"), h("h1", {}, data.title), runLede(),
    h("p", { class: "meta" }, symbol(state), " ", data.status,
      known(data.seconds) && ` \u00b7 ${duration(data.seconds)}`, ` \u00b7 started ${data.started}`,
      data.ended && `, ended ${data.ended}`, data.sessions > 0 && ` \u00b7 resumed ${plural(data.sessions, "time")}`),
    data.error && h("pre", { class: "error" }, data.error),
    h("dl", { class: "about" }, fact("Script", mono(data.script)), fact("Seed", known(data.seed) && String(data.seed)),
      fact("Data", data.dataName && `${data.dataName} `, mono(data.data)),
      fact("Program", data.program), fact("Library", mono(data.library)), fact("Network", data.network),
      fact("Machine", [m.host, m.processor, m.processors && `${m.processors} processors`,
        data.threads && plural(data.threads, "thread")].filter(Boolean).join(", ")),
      fact("Kernels", [m.conv && `convolution ${m.conv}`, m.onednn_isa,
        m.blas_core && `OpenBLAS ${m.blas_core}`].filter(Boolean).join(", "))),
    data.command && commandLine(data.command),
    changedOptions()));
}

// What differs from the script's defaults, in the open; all options on request.
function changedOptions() {
  const changed = data.options.filter(o => o.changed), cell = o =>
    [h("td", {}, o.name), h("td", {}, h("code", {}, short(o.value, 12)))];
  return [
    h("h3", { id: "options" }, changed.length ? "Options that differ from the defaults"
      : "All options have their defaults"),
    changed.length > 0 && h("table", { class: "facts columns" }, changed.map(o => h("tr", {}, cell(o)))),
    data.options.length > 0 && details(`All ${count(data.options.length)} options`,
      h("table", { class: "facts columns" }, data.options.map(o =>
      h("tr", { class: o.changed ? "changed" : null }, cell(o))))),
  ];
}

const fraction = (name, x) => percentNames.test(name) ? [fixed(100 * x, 1), "%"] : [short(x, 4), ""];

function runLede() {
  const last = data.evaluations[data.evaluations.length - 1];
  if (!last) return h("p", { class: "lede" }, data.status === "finished" ? "The run wrote no evaluation."
    : "The run has not been evaluated.");
  const parts = ["mAP", "rank1"].filter(n => known(last.values[n])).map(n =>
    [h("b", {}, `${fixed(100 * last.values[n], 1)}\u2009%`), ` ${n}`]);
  if (!parts.length) return h("p", { class: "lede" }, Object.entries(last.values).slice(0,
    3).map(([n, v], i) => [i ? ", " : "", h("b", {}, short(v)), " ", n]));
  const before = data.evaluations[0];
  return h("p", { class: "lede" }, parts.flatMap((p, i) => [i ? " and " : "", p]),
    known(last.epoch) ? ` after ${plural(last.epoch + 1, "epoch")}` : "",
    before !== last && known(before.values.mAP)
      ? `; the untrained network had ${fixed(100 * before.values.mAP, 1)}\u2009% mAP` : "", ".");
}

function evaluationTable() {
  if (!data.evaluations.length) return;
  const names = [...new Set(data.evaluations.flatMap(e => Object.keys(e.values)))];
  const order = ["mAP", "rank1", "rank5", "rank10", "mINP"];
  names.sort((a, b) => (order.indexOf(a) + 1 || 99) - (order.indexOf(b) + 1 || 99) || (a < b ? -1 : 1));
  // The ends of an interval, spread.mAP_low and spread.mAP_high, are one column beside their figure.
  const ends = (e, n) => ["low", "high"].map(end => e.values[`spread.${n}_${end}`]);
  const columns = names.filter(n => !/^spread\..*_(low|high)$/.test(n)).flatMap(n =>
    [{ text: percentNames.test(n) ? `${n}, %` : n, of: e => known(e.values[n]) && fraction(n, e.values[n])[0] },
      data.evaluations.some(e => ends(e, n).every(known)) && { text: "95 % of queries",
        of: e => ends(e, n).every(known) && ends(e, n).map(x => fraction(n, x)[0]).join(" to ") }]).filter(Boolean);
  section("evaluation", "Evaluation", simpleTable(["", ...columns.map(c => ({ text: c.text, class: "n" }))],
    data.evaluations.map(e => [e.name, ...columns.map(c => {
      const text = c.of(e);
      return text ? reproducible(text, data.command) : NONE;
    })]), { label: "evaluation", class: "results stacked" }));
  if (data.evaluations.filter(e => known(e.epoch)).length > 2) {
    panels(page.lastElementChild, { caption: "Evaluation by epoch.",
      list: [{ title: "%", lines: ["mAP", "rank1"].map((n, i) => ({ name: n, color: series(i), dash: dashes[i],
      x: data.evaluations.filter(e => known(e.epoch)).map(e => e.epoch),
        y: data.evaluations.filter(e => known(e.epoch)).map(e =>
        known(e.values[n]) ? 100 * e.values[n] : null) })) }] });
  }
}

// Small plots side by side that share their horizontal axis: list of {title, lines: [{name, color, dash, x, y}], log, zero, unit}.
function panels(parent, options) {
  const list = options.list.filter(p => p.lines.some(l => l.y.some(known)));
  if (!list.length) return null;
  const per = w => Math.max(1, Math.min(list.length, Math.floor(w / (options.width || 330)))),
    high = options.high || 210;
  const xs = options.ownX ? null : padded(list.flatMap(p => p.lines.flatMap(l => l.x)), 0);
  const fig = figure(parent, {
    caption: options.caption, height: w => Math.ceil(list.length / per(w)) * high,
      margin: { left: 0, right: 0, top: 0, bottom: 0 },
    draw: f => {
      const n = per(f.w), width = f.w / n, dots = [];
      list.forEach((panel, k) => {
        const left = (k % n) * width, top = Math.floor(k / n) * high;
        const g = { ...f, left: left + 46, right: left + width - 12, top: top + 28,
          bottom: top + high - (options.xTitle === false ? 28 : 42) };
        const ys = panel.lines.flatMap(l => l.y), log = panel.log && wantsLog(ys.filter(known));
        const y = (log ? logarithmic : linear)(log ? extent(ys) : padded(ys, 0.06, panel.zero ? 0 : undefined),
          [g.bottom, g.top]);
        const x = linear(xs || padded(panel.lines.flatMap(l => l.x), 0), [g.left, g.right]);
        f.back.append(label(left + 4, top + 14, panel.title, { class: "strong" }));
        yAxis(g, y, "", { ticks: 4 });
        xAxis(g, x, options.xTitle === false ? "" : options.xTitle || "epoch",
          { ticks: Math.max(2, Math.floor(width / 80)), whole: true });
        const pen = f.pen(panel.lines.reduce((sum, l) => sum + l.y.length, 0) / 20);
        for (const l of panel.lines) {
          const points = l.x.map((v, i) => known(l.y[i]) ? [x(v), y(l.y[i])] : null);
          pen.line(points, { color: l.color, dash: l.dash, width: 1.9 });
          if (points.length < 40) points.forEach(p => p && pen.mark(p[0], p[1], { color: l.color, r: 2 }));
          points.forEach((p, i) => p && dots.push([p[0], p[1], { panel, l, i }]));
        }
      });
      pointing(f, () => dots, ({ panel, l, i }) => [h("div", { class: "tip-title" }, l.name || panel.title),
        h("table", {}, h("tr", {}, h("td", {}, options.xTitle || "epoch"), h("td", {}, short(l.x[i]))),
        h("tr", { class: "strong" }, h("td", {}, panel.title), h("td", {}, short(l.y[i], 4))))]);
    },
    summary: () => list.map(p => `${p.title}: ` + p.lines.map(l => {
      const ys = l.y.filter(known);
      return ys.length ? `${l.name || ""} from ${short(ys[0], 3)} to ${short(ys[ys.length - 1], 3)}`.trim() : "";
    }).filter(Boolean).join(", ")).join("; "),
    table: () => ({ heads: ["curve", { text: options.xTitle || "epoch", class: "n" }, { text: "value", class: "n" }],
      rows: list.flatMap(p => p.lines.flatMap(l =>
      l.x.map((v, i) => known(l.y[i]) && [`${p.title}${l.name ? " " + l.name : ""}`, short(v),
        short(l.y[i], 6)]).filter(Boolean))) }),
  });
  const names = new Map(list.flatMap(p => p.lines).filter(l => l.name).map(l => [l.name, l]));
  if (names.size > 1) fig.node.insertBefore(legend([...names.values()].map(l => legendItem(l.name, l.color, l.dash))),
    fig.box);
  return fig;
}

function lossCurves() {
  const line = (set, name, i) => ({ name: "", color: series(i), dash: "", x: set.x, y: set.values[name] });
  const main = lineSets.filter(l => !known(l.camera));
  const names = ["loss", "alignment", "lr"].filter(n => main.some(l => l.values[n]));
  const cameras = lineSets.filter(l => known(l.camera));
  if (!names.length && !cameras.length) return;
  const node = section("training", "Training");
  panels(node, { caption: main.length
    ? `${cameras.length ? "Stage 2, by epoch" : "By epoch"}${main[0].values.alignment ? ": the contrastive loss, the camera loss of the alignment and the learning rate" : ""}.` : "", list: main.flatMap((set, i) =>
    names.filter(n => set.values[n]).map(n => ({ title: ({ loss: "loss", alignment: "camera loss",
      lr: "learning rate" })[n], log: n === "lr", lines: [line(set, n, i)] }))) });
  if (cameras.length) {
    const by = name => cameras.filter(c => c.values[name]).map((c, i) =>
      ({ name: `camera ${c.camera}`, color: series(i), dash: dashes[i % 8], x: c.x, y: c.values[name] }));
    panels(node, { caption: "Stage 1, a network a camera: its loss, and the silhouette of the local clusters; the labels of the epoch with the highest silhouette are kept.",
      list: [{ title: "loss", lines: by("loss") }, { title: "silhouette", lines: by("silhouette") }] });
  }
}

// Numbers that a script wrote and that no other figure shows.
function otherCurves() {
  const shown = /^(loss|alignment|lr|clusters|outliers|silhouette|epoch|(global|locals|refined|discarded|evaluation|untrained)\..*)$/;
  const main = lineSets.filter(l => !known(l.camera)), list = [];
  for (const set of main) {
    for (const name of Object.keys(set.values).sort()) {
      if (!shown.test(name) && set.values[name].filter(known).length > 1) list.push({ title: (main.length > 1
        && set.stage ? set.stage + " " : "") + name, lines: [{ name: "", color: series(0), dash: "", x: set.x,
        y: set.values[name] }] });
    }
  }
  if (!list.length) return;
  panels(section("metrics", "Other metrics"), { caption: "What else the run wrote to its metrics.",
    list: list.slice(0, 60), xTitle: main[0].axis || "epoch", width: 260, high: 180 });
}

function runEnd() {
  if (data.summary && data.summary.length) section("summary", "Summary",
    h("table", { class: "facts" }, data.summary.map(([name, value]) =>
    h("tr", {}, h("td", {}, name), h("td", {}, h("code", {}, short(value, 8)))))));
  if (data.log.length) {
    section("log", "Log", data.cut > 0 && h("p", { class: "meta" },
      `The last ${count(data.log.length)} of ${count(data.log.length + data.cut)} lines.`),
      h("pre", { class: "log", tabindex: "0" }, data.log.join("\n")));
  }
}
