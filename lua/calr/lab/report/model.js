// A study as objects: trials, rows, metrics, and which trials are selected.

const states = {
  finished: { text: "finished", color: "var(--finished)", shape: "circle" },
  running: { text: "running", color: "var(--running)", shape: "diamond" },
  waiting: { text: "waiting", color: "var(--waiting)", shape: "circle", hollow: true },
  pruned: { text: "pruned", color: "var(--pruned)", shape: "triangle" },
  interrupted: { text: "interrupted", color: "var(--interrupted)", shape: "square" },
  failed: { text: "failed", color: "var(--failed)", shape: "cross" },
  dead: { text: "dead", color: "var(--dead)", shape: "square" },
  fenced: { text: "overtaken by a later attempt", color: "var(--stale)", shape: "square", hollow: true },
  stale: { text: "stale", color: "var(--stale)", shape: "diamond", hollow: true },
};

const unpack = column => column.numbers || column.index.map(i => i < 0 ? null : column.values[i]);

// The part of the plan that a trial belongs to; results from before the plan changed may belong to none.
const partOf = trial => data.parts[trial.part - 1] || { kind: "none", labels: [] };

function readTrials() {
  const t = data.trials, columns = {};
  for (const [name, column] of Object.entries(t)) {
    if (column && column.index) columns[name] = unpack(column);
    else if (Array.isArray(column) && name !== "notes") columns[name] = column;
  }
  const trials = range(t.count).map(i => {
    const trial = { i };
    for (const name in columns) trial[name] = columns[name][i];
    if (trial.command) trial.command = trial.command.replace("\u0001", trial.key);
    if (trial.folder) trial.folder = trial.folder.replace("\u0001", trial.key);
    trial.shown = trial.stale ? "stale" : trial.state;
    trial.notes = [];
    return trial;
  });
  for (const [i, notes] of t.notes) trials[i].notes = notes;
  return trials;
}

function readStudy() {
  const study = { trials: readTrials(), values: {}, config: {}, parts: data.parts, goals: data.goals };
  for (const [name, column] of Object.entries(data.values)) study.values[name] = unpack(column);
  for (const [name, column] of Object.entries(data.config)) study.config[name] = unpack(column);
  study.names = Object.keys(study.config).sort();
  for (const trial of study.trials) {
    trial.label = trial.label || known(trial.row) && partOf(trial).labels[trial.row - 1] || trial.key;
  }
  // rows of ablations, grids and confirmations; one trial may belong to several
  study.rows = data.parts.flatMap((part, p) => data.members[p].map((members, r) => ({ part: p + 1, row: r + 1,
    label: part.labels[r], trials: members.map(i => study.trials[i]) })));
  return study;
}

const study = data.trials ? readStudy() : null;
const goal = data.goals && data.goals[0];

const directionOf = metric => {
  const found = (data.goals || []).find(g => metric === g.metric || metric.startsWith(g.metric + "@"));
  if (found) return found.direction;
  return /loss|error|hours|seconds/i.test(metric) ? "min" : "max";
};
const better = metric => directionOf(metric) === "max" ? (a, b) => a > b : (a, b) => a < b;

const headOf = metric => {
  const variant = (data.variants || []).find(v => v.name === metric);
  return variant ? variant.head : metric;
};

const valueOf = (trial, metric) => study.values[metric] ? study.values[metric][trial.i] : null;
const configOf = (trial, name) => study.config[name] ? study.config[name][trial.i]
  : name in data.common ? data.common[name] : null;
// whether a trial's figures count: not those of older code, of no plan, or of a run that repeats another
const counts = trial => trial.state === "finished" && !trial.stale && trial.planned !== false;

// ---- how a metric is written ----

// The names that calr.study.table takes for ranking scores.
const percentNames = /(^|\.)(mAP|mINP|rank[-_@]?\d+|cmc[-_@]?\d+|top[-_@]?\d+|accuracy|acc)(@(select|best))?$/i;
const formats = new Map();

// How far the better tenth of the values lies apart: what a reader wants to tell from another.
function spreadOf(metric, list, e) {
  const sorted = list.filter(known).sort((a, b) => a - b), n = sorted.length;
  const at = Math.max(1, Math.ceil(n / 10)), up = directionOf(metric) === "max";
  const part = n > 20 ? Math.abs(up ? sorted[n - 1] - sorted[n - 1 - at] : sorted[at] - sorted[0]) : 0;
  return part || e[1] - e[0] || Math.abs(e[1]) || 1;
}

// Whether a metric's axis is logarithmic: positive values over two orders of magnitude and more.
const logMetric = (metric, values) => {
  const e = extent(values);
  return !!e && !percentNames.test(metric) && metric !== "hours" && e[0] > 0 && e[1] / e[0] >= 100;
};

// A vertical axis for values of a metric.
const metricScale = (metric, values, pixels) => {
  const k = formatOf(metric).scale;
  return logMetric(metric, values) ? logarithmic(extent(values).map(v => v * k), pixels)
    : linear(robust(values).map(v => v * k), pixels);
};

// {scale, unit, digits, text(x), difference(x)}
function formatOf(metric, values) {
  if (!values && formats.has(metric)) return formats.get(metric);
  const list = values || (study && study.values[metric] || []), e = extent(list) || [0, 1];
  const percent = percentNames.test(metric) && e[0] >= 0 && e[1] <= 1;
  const scale = percent ? 100 : 1, spread = spreadOf(metric, list, e) * scale;
  let digits = Math.max(0, Math.min(8, 2 - Math.floor(Math.log10(spread))));
  if (percent) digits = Math.max(1, Math.min(2, digits));
  if (!percent && list.every(x => !known(x) || Number.isInteger(x))) digits = 0;
  const huge = Math.max(Math.abs(e[0]), Math.abs(e[1])) >= 1e7;
  const write = (x, more) => {
    if (!known(x)) return NONE;
    const before = Math.floor(Math.log10(Math.abs(x * scale) || 1)); // no more than seven digits in all
    return huge ? short(x) : fixed(x * scale, Math.min(digits + more, 6 - Math.max(0, before)));
  };
  const format = {
    scale, digits, unit: percent ? "%" : metric === "hours" ? "h" : "", percent,
    text: (x, more = 0) => metric === "hours" && known(x) ? duration(x * 3600) : write(x, more),
    signed: (x, more = 0) => metric === "hours" && known(x) ? (x < 0 ? MINUS : "+") + duration(Math.abs(x) * 3600)
      : known(x) ? (x > 0 ? "+" : "") + write(x, more) : NONE,
  };
  if (!values) formats.set(metric, format);
  return format;
}

const withUnit = metric => {
  const unit = formatOf(metric).unit;
  return headOf(metric) + (unit && metric !== "hours" ? `, ${unit}` : "");
};

const valueText = (metric, x) => {
  const f = formatOf(metric);
  return f.text(x) + (f.percent && known(x) ? "\u2009%" : "");
};

// ---- parameters ----

const log10 = Math.log10;

// Whether numbers spread over so many orders that a logarithmic axis shows them better.
const wantsLog = values => {
  const e = extent(values);
  return !!e && e[0] > 0 && e[1] / e[0] >= 50;
};

// The axes of a study: parameters of its searches, or what differs between its rows.
function readParameters() {
  const declared = new Map();
  for (const part of data.parts) {
    for (const p of part.parameters || []) if (!declared.has(p.name)) declared.set(p.name, p);
  }
  const list = [];
  const names = declared.size ? [...declared.keys()] : study.names;
  for (const name of names) {
    const p = declared.get(name) || {}, values = study.trials.map(t => configOf(t, name));
    const present = values.filter(known);
    if (!present.length || new Set(values.map(v => known(v) ? v : null)).size < 2) continue;
    const numeric = present.every(v => typeof v === "number");
    const few = !p.kind && new Set(present).size <= 6; // of a grid or an ablation
    const categories = numeric && p.kind !== "choice" && !few ? null
      : [...new Set([...(p.choices || []).filter(c => present.includes(c)),
        ...[...new Set(present)].sort(numeric ? (a, b) => a - b : undefined)])];
    const e = numeric && !categories ? extent([...present, p.low, p.high])
      : [0, 0]; // an ablation may leave a search's range
    list.push({ name, kind: p.kind || (numeric ? "float" : "choice"), numeric, values, categories,
      log: numeric && !categories && (p.log || !p.kind && wantsLog(present)),
      low: e[0], high: e[1],
      conditional: values.some((v, i) => !known(v)), parent: p.parent });
  }
  return list;
}

const parameters = study ? readParameters() : [];

// ---- the selection ----

const selection = { filters: new Map(), mask: null, count: 0, listeners: [] };

const selected = trial => !selection.mask || selection.mask[trial.i] === 1;

// filters: axis name -> function(trial) -> boolean, with .text for people.
function applyFilters() {
  const filters = [...selection.filters.values()];
  selection.mask = filters.length ? new Uint8Array(study.trials.length) : null;
  selection.count = 0;
  for (const trial of study.trials) {
    const inside = filters.every(f => f.test(trial));
    if (inside) selection.count += 1;
    if (selection.mask) selection.mask[trial.i] = inside ? 1 : 0;
  }
  for (const listener of selection.listeners) listener();
}

const filterSoon = together(applyFilters);

function setFilter(name, filter) {
  if (filter) selection.filters.set(name, filter);
  else selection.filters.delete(name);
  filterSoon();
}
