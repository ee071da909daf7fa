// Rows with mean, deviation and difference; grids of two parameters as shaded tables.

// Mean and values of one row on an axis that all rows share.
function strip(stats, domain, metric, width) {
  const svg = s("svg", { width, height: 22, class: "strip", role: "img",
    "aria-label": `values ${stats.values.map(v => formatOf(metric).text(v)).join(", ")}` });
  const x = linear(domain, [6, width - 6]);
  svg.append(s("line", { class: "grid", x1: 4, x2: width - 4, y1: 11, y2: 11 }));
  if (known(stats.sd)) {
    svg.append(s("line", { x1: x(stats.mean - stats.sd), x2: x(stats.mean + stats.sd), y1: 11, y2: 11,
      stroke: "var(--accent)", "stroke-width": 4, opacity: 0.25, "stroke-linecap": "round" }));
  }
  const pen = svgPen(svg);
  stats.values.forEach(v => pen.mark(x(v), 11, { color: "var(--accent)", r: 2.6, alpha: stats.n > 1 ? 0.55 : 1 }));
  if (stats.n > 1) svg.append(s("line", { x1: x(stats.mean), x2: x(stats.mean), y1: 3, y2: 19, stroke: "var(--ink)",
    "stroke-width": 1.6 }));
  return svg;
}

// The axis that the strips of a column share, in its head.
function stripAxis(domain, metric, width, title) {
  const f = formatOf(metric), svg = s("svg", { width, height: 30, class: "strip head", "aria-hidden": "true" });
  const x = linear(domain.map(v => v * f.scale), [6, width - 6]);
  svg.append(s("text", { x: 6, y: 10 }, title));
  const ticks = x.ticks(3);
  for (const t of ticks) svg.append(s("line", { class: "axis", x1: x(t.value), x2: x(t.value), y1: 27, y2: 30 }),
    s("text", { x: x(t.value), y: 24, "text-anchor": "middle" }, t.label));
  return svg;
}

// A difference with its interval around zero.
function interval(d, domain, metric, width) {
  const svg = s("svg", { width, height: 22, class: "strip", "aria-hidden": "true" }),
    x = linear(domain, [6, width - 6]);
  svg.append(s("line", { x1: x(0), x2: x(0), y1: 1, y2: 21, stroke: "var(--muted)", "stroke-dasharray": "2 2" }));
  const clear = d.low > 0 || d.high < 0, color = clear ? "var(--accent)" : "var(--muted)";
  if (known(d.low)) svg.append(s("line", { x1: x(d.low), x2: x(d.high), y1: 11, y2: 11, stroke: color,
    "stroke-width": 2 }));
  svgPen(svg).mark(x(d.mean), 11, { color, r: 3.2, hollow: !clear });
  return svg;
}

// The commands of the trials behind a mean: one a seed.
const rowCommand = row => row.trials.filter(counts).map(t => t.command).filter(known).join("\n");

const byValue = (get, up) => (a, b) => {
  const x = get(a), y = get(b);
  if (!known(x) || !known(y)) return known(x) ? -1 : known(y) ? 1 : 0;
  const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
  return up ? order : -order;
};

// A table whose heads sort it: columns {text, get(item) -> value, cell(item) -> node, class, title, first: "down"}.
function sortable(columns, items, options = {}) {
  let by = options.by === undefined ? -1 : options.by, up = options.up !== false, pageNumber = 0;
  const size = options.size || Infinity, body = h("tbody"), foot = h("div", { class: "pages" });
  let list = items;
  const heads = columns.map((column, c) => {
    const cell = h("th", { scope: "col", class: column.class, title: column.title });
    if (!column.get) {
      cell.append(column.text);
      return cell;
    }
    cell.append(h("button", { type: "button", onclick: () => {
      if (by === c) up = !up;
      else [by, up] = [c, column.first !== "down"];
      pageNumber = 0;
      show();
    } }, column.text));
    return cell;
  });
  function show() {
    const sorted = by < 0 ? list : [...list].sort(byValue(columns[by].get, up));
    heads.forEach((cell, c) => {
      if (c === by) cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    const pages = Math.max(1, Math.ceil(sorted.length / size));
    pageNumber = Math.min(pageNumber, pages - 1);
    const part = size === Infinity ? sorted : sorted.slice(pageNumber * size, (pageNumber + 1) * size);
    body.replaceChildren(...part.map(item => {
      const row = h("tr", { class: options.rowClass && options.rowClass(item) },
        columns.map((column, c) => h(c === 0 ? "th" : "td",
        { class: column.class, scope: c === 0 ? "row" : null,
          "data-label": c > 0 && typeof column.text === "string" ? column.text : null },
          column.cell ? column.cell(item) : short(column.get(item)))));
      if (options.open) {
        row.classList.add("opens");
        row.addEventListener("click", event => {
          if (!event.target.closest("button,a,input")) options.open(item);
        });
      }
      return row;
    }));
    const go = (to, text, name) => h("button", { type: "button", "aria-label": name, disabled: to < 0 || to >= pages,
      onclick: () => {
        pageNumber = to;
        show();
      } }, text);
    foot.replaceChildren(...(pages < 2 ? [] : [go(0, "\u21e4", "first page"),
      go(pageNumber - 1, "\u2190", "page before"),
      h("span", {}, `${count(pageNumber * size + 1)}\u2013${count(Math.min(sorted.length, (pageNumber + 1) * size))} of ${count(sorted.length)}`),
      go(pageNumber + 1, "\u2192", "next page"), go(pages - 1, "\u21e5", "last page")]));
  }
  const node = h("div", {}, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": options.label },
    h("table", { class: "results " + (options.class || ""), id: options.id }, h("thead", {}, h("tr", {}, heads)),
      body)), foot);
  show();
  return { node, update: items2 => {
    list = items2;
    pageNumber = 0;
    show();
  } };
}

// ---- a part's table ----

function partRows(p, metric) {
  const list = [];
  for (const row of study.rows) {
    if (row.part !== p) continue;
    const values = row.trials.filter(counts).map(t => valueOf(t, metric)).filter(known);
    list.push({ row, label: row.label, values, n: values.length, mean: values.length ? mean(values) : null,
      sd: deviation(values), planned: row.trials.filter(t => t.planned !== false && !t.stale).length,
      difference: differenceOf(row, metric) });
  }
  return list;
}

// What else a table shows: ranking scores first.
const others = metric => [...data.metrics].filter(m => m !== metric && m !== "hours"
  && !/loss|alignment|clusters|outliers|^lr$/i.test(m))
  .sort((a, b) => percentNames.test(b) - percentNames.test(a)).slice(0, 2);

function resultColumns(p, metric, list) {
  const f = formatOf(metric), values = list.flatMap(r => r.values);
  const digits = list.some(r => known(r.sd) && r.sd * f.scale < 0.095) ? 1 : 0;
  const domain = padded(values, 0.04), reference = referenceOf(p, metric), found = standingOf(p, metric);
  const differences = list.map(r => r.difference).filter(d => d && known(d.mean));
  const around = padded(differences.flatMap(d => [known(d.low) ? d.low : d.mean, known(d.high) ? d.high : d.mean]),
    0.06, 0);
  const finest = Math.min(...differences.filter(d => known(d.low) && d.high > d.low).map(d =>
    (d.high - d.low) * f.scale));
  const fine = Math.max(digits, isFinite(finest) ? Math.min(3, Math.ceil(-Math.log10(finest / 2)) - f.digits)
    : 0); // digits that an interval needs
  const number = (r, text) => reproducible(text, rowCommand(r.row));
  const columns = [{ text: "", get: r => r.label, cell: r => r.label, class: "name" },
    { text: values.length ? stripAxis(domain, metric, 150, list.some(r => r.n > 1) ? "each seed" : "") : "",
      class: "figure wide", cell: r => r.n > 0 && strip(r, domain, metric, 150) },
    { text: withUnit(metric), get: r => r.mean, first: directionOf(metric) === "max" ? "down" : "up", class: "n",
      title: "mean and standard deviation over seeds", cell: r =>
        r.n > 0 ? number(r, [isBest(found, r) ? h("b", {}, f.text(r.mean, digits)) : f.text(r.mean, digits),
        isAsGood(found, r) && h("span", { class: "as-good", title: "statistically as good as the best" },
          "\u00a0\u2248"), known(r.sd) && h("span", { class: "sd" }, ` \u00b1 ${f.text(r.sd, digits)}`)]) : NONE },
    { text: "n", get: r => r.n, class: "n", title: "finished seeds",
      cell: r => r.n < r.planned ? `${r.n}/${r.planned}` : String(r.n) }];
  if (differences.length) {
    columns.push(
      { text: "difference", get: r => r.difference && r.difference.mean, first: "down", class: "n",
        title: `to ${reference}, with its 95 % interval`,
        cell: r => !r.difference || !known(r.difference.mean)
          ? h("span", { class: "muted" }, r.label === reference ? "reference" : NONE)
          : [number(r, f.signed(r.difference.mean, fine)), known(r.difference.low) && h("span", { class: "sd" },
            ` [${f.text(r.difference.low, fine)}, ${f.text(r.difference.high, fine)}]`)] },
      { text: stripAxis(around, metric, 120, ""), class: "figure wide",
        cell: r => r.difference && known(r.difference.mean) && interval(r.difference, around, metric, 120) },
      { text: "p", get: r => r.difference && r.difference.p, class: "n",
        title: "exact sign-flip test of paired seeds, corrected for several comparisons",
        cell: r => r.difference && known(r.difference.p) ? pCell(r.difference) : "" });
  }
  for (const m of others(metric)) {
    const g = formatOf(m);
    const value = r => {
      const list2 = r.row.trials.filter(counts).map(t => valueOf(t, m)).filter(known);
      return list2.length ? mean(list2) : null;
    };
    columns.push({ text: withUnit(m), get: value, first: directionOf(m) === "max" ? "down" : "up", class: "n",
      cell: r => known(value(r)) ? number(r, g.text(value(r))) : NONE });
  }
  return columns;
}

const standingOf = (p, metric) => (comparisonOf(p, metric) || {}).standing || null;
const isBest = (found, r) => !!found && found.best === r.row.row;
const isAsGood = (found, r) => !!found && found.decided && found.as_good.includes(r.row.row);

// What the marks, intervals and probabilities of a table mean.
function resultNotes(p, metric, list) {
  const c = comparisonOf(p, metric), reference = referenceOf(p, metric), found = standingOf(p, metric), text = [];
  if (list.some(r => r.n > 1)) text.push("Points are seeds, the line is their mean, the band one standard deviation.");
  if (reference && c.comparisons > 0) {
    text.push(`Differences are to ${reference}, seed by seed, with 95 % bootstrap intervals; p is exact (sign flips)${c.comparisons > 1 ? ` and corrected for ${plural(c.comparisons, "comparison")} (Holm)` : ""}.`);
    if (known(c.smallest_p)
      && c.smallest_p * c.comparisons > 0.05) text.push(`So few seeds allow no corrected p below ${pCell({ p: Math.min(1, c.smallest_p * c.comparisons) })}.`);
  }
  if (found && list.length > 1) {
    const bold = `Bold: the best mean${found.surpassed ? " of the rows with the most seeds" : ""}`;
    if (found.decided && found.as_good.length) text.push(`${bold}; \u2248: statistically as good.`);
    else if (found.decided) text.push(`${bold}, significantly better than all ${found.undecided
      ? "that share enough seeds with it" : "others"}.`);
    else text.push(`${bold}; so few seeds exclude none of the others.`);
  }
  if (metric.endsWith("@best")) text.push("This column chose its epoch on the test set: it flatters every row.");
  if (metric.endsWith("@select")) text.push(`This column takes the epoch with the ${data.select.direction === "max" ? "highest" : "lowest"} ${data.select.metric}, which needs no labels.`);
  return [...text, ...(c ? c.notes : [])].join(" ");
}

const pCell = d => d.p < 0.001 ? "< .001" : d.p.toFixed(3).replace(/^0/, "");

// ---- a grid of two parameters ----

function gridTable(p, metric) {
  const part = data.parts[p - 1];
  const rows = partRows(p, metric).filter(r => r.n > 0);
  const names = study.names.filter(name => new Set(rows.map(r =>
    configOf(r.row.trials[0], name)).filter(known)).size > 1);
  if (part.kind !== "grid" || names.length !== 2 || rows.length < 4) return null;
  const values = names.map(name => [...new Set(rows.map(r => configOf(r.row.trials[0], name)))].sort((a, b) =>
    a > b ? 1 : -1));
  const [down, across] = values[0].length >= values[1].length ? [0, 1] : [1, 0];
  const e = extent(rows.map(r => r.mean)), shade = ramp(), f = formatOf(metric), up = directionOf(metric) === "max";
  const best = rows.reduce((a, b) => better(metric)(b.mean, a.mean) ? b : a);
  const cell = (x, y) => {
    const r = rows.find(item => configOf(item.row.trials[0], names[across]) === x
      && configOf(item.row.trials[0], names[down]) === y);
    if (!r) return h("td", { class: "empty" }, NONE);
    const t = e[0] === e[1] ? 0.5 : (r.mean - e[0]) / (e[1] - e[0]), color = shade(up ? t : 1 - t);
    return h("td", { class: r === best ? "best" : null, style: `background:${color};color:${inkOn(color)}`,
      title: `${r.label}: ${meanText(metric, r)}, n = ${r.n}` },
    reproducible(f.text(r.mean), rowCommand(r.row)), known(r.sd) && h("small", {}, `\u00b1 ${f.text(r.sd)}`));
  };
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "grid of means" },
    h("table", { class: "heat" },
      h("caption", {}, `${withUnit(metric)}, mean over seeds; the best is framed`),
      h("thead", {}, h("tr", {}, h("td", {}), h("th", { colspan: values[across].length, scope: "colgroup" },
        names[across])),
        h("tr", {}, h("th", { scope: "col", class: "corner" }, names[down]),
          values[across].map(x => h("th", { scope: "col" }, short(x))))),
      h("tbody", {}, values[down].map(y => h("tr", {}, h("th", { scope: "row" }, short(y)),
        values[across].map(x => cell(x, y)))))));
}

const partTitle = (part, p) => ({ ablate: "Ablation", grid: "Grid", search: "Search",
  confirm: "Confirmed configurations",
  runs: "Runs" })[part.kind] + (data.parts.filter(q => q.kind === part.kind).length > 1 ? ` ${p}` : "");

function results() {
  const shown = data.parts.map((part, i) => i + 1).filter(p => data.parts[p - 1].kind !== "search");
  if (!shown.length) return;
  const body = h("div");
  let metric = goal.metric;
  const choices = [...data.metrics, ...(data.variants || []).map(v => v.name)];
  const node = section("results", "Results", choices.length > 2 && h("div", { class: "controls" },
    select("Metric", choices.map(m => [m, headOf(m)]), metric, m => {
      metric = m;
      show();
    })), body);
  function show() {
    body.replaceChildren(...shown.flatMap(p => {
      const list = partRows(p, metric), part = data.parts[p - 1], many = list.length > 30;
      if (!list.length) return [];
      const columns = resultColumns(p, metric, list);
      const sortBy = part.kind === "ablate" ? -1 : columns.findIndex(c => c.get && c.first && c.class === "n");
      const table = sortable(columns, list, { by: sortBy, up: directionOf(metric) === "min", size: many ? 25 : null,
        label: partTitle(part, p), id: `table-${p}`, class: "strips stacked" });
      const reference = referenceOf(p, metric);
      return [shown.length > 1 && h("h3", {}, partTitle(part, p)), gridTable(p, metric), table.node,
        h("p", { class: "caption" }, resultNotes(p, metric, list))].filter(Boolean);
    }));
  }
  show();
  return node;
}
