// What differs between two trials; failures; results of other code or data.

const compared = [null, null];
let showComparison = () => {};

function compare(side, trial) {
  compared[side] = trial;
  showComparison();
  document.getElementById("compare").scrollIntoView({ block: "start" });
}

// A trial by "#12", a label, a key or the beginning of one.
function findTrial(text) {
  const word = text.trim().toLowerCase();
  if (!word) return null;
  const fits = [t => trialName(t).toLowerCase() === word, t => t.label.toLowerCase() === word,
    t => "#" + t.number === word || String(t.number) === word,
    t => t.key === word, t => t.key.startsWith(word), t => trialName(t).toLowerCase().includes(word)];
  for (const fit of fits) {
    const found = study.trials.find(fit);
    if (found) return found;
  }
  return null;
}

function comparison() {
  if (study.trials.length < 2) return;
  const body = h("div"), ranked = rankedRows(goal.metric), is = better(goal.metric);
  const first = study.trials.find(t => counts(t)) || study.trials[0];
  const scored = study.trials.filter(t => counts(t) && known(valueOf(t, goal.metric)));
  const best = ranked.length ? ranked[0].row.trials.find(counts)
    : scored.length ? scored.reduce((a, b) => is(valueOf(b, goal.metric), valueOf(a, goal.metric)) ? b : a)
      : study.trials[1];
  compared[0] = first;
  compared[1] = best === first ? study.trials.find(t => t !== first && t.seed === first.seed) || study.trials[1] : best;
  const few = study.trials.length <= 500, inputs = [0, 1].map(side =>
    h("input", { type: "text", list: few ? "trial-names" : null, "aria-label": `trial ${"AB"[side]}`,
    onchange: event => {
      const found = findTrial(event.target.value);
      if (found) compared[side] = found;
      showComparison();
    } }));
  section("compare", "Two trials side by side", h("div", { class: "controls" },
    inputs.map((input, i) => h("label", { class: "control" }, h("span", {}, "AB"[i]), input)),
    h("button", { type: "button", onclick: () => {
      compared.reverse();
      showComparison();
    } }, "swap")), few && h("datalist", { id: "trial-names" },
      study.trials.map(t => h("option", { value: trialName(t) }))), body);
  showComparison = () => {
    const [a, b] = compared;
    inputs.forEach((input, side) => { input.value = trialName(compared[side]); });
    const differing = study.names.filter(name => configOf(a, name) !== configOf(b, name));
    const same = study.names.length - differing.length + Object.keys(data.common).length;
    const metrics = [...data.metrics, ...(data.variants || []).map(v => v.name)].filter(m =>
      known(valueOf(a, m)) || known(valueOf(b, m)));
    const rest = [["seed", a.seed, b.seed], ["state", a.shown, b.shown], ["data", a.data, b.data],
      ["code", a.code, b.code], ["host", a.host, b.host], ["threads", a.threads, b.threads],
      ["stale", a.why || a.stale, b.why || b.stale]]
      .filter(r => (r[1] ?? null) !== (r[2] ?? null));
    const line = (name, x, y, z) => ({ cells: [name, x, y, z || ""] });
    body.replaceChildren(simpleTable(["", h2(a), h2(b), { text: "B \u2212 A", class: "n" }], [
      ...differing.map(name => line(name, h("code", {}, short(configOf(a, name), 12)),
        h("code", {}, short(configOf(b, name), 12)),
        typeof configOf(a, name) === "number" && typeof configOf(b, name) === "number"
          ? ratio(configOf(a, name), configOf(b, name)) : "")),
      ...rest.map(r => line(r[0], short(r[1]), short(r[2]))),
      ...metrics.map(m => ({ class: "metric", cells: [headOf(m), reproducible(valueText(m, valueOf(a, m)), a.command),
        reproducible(valueText(m, valueOf(b, m)), b.command),
        known(valueOf(a, m)) && known(valueOf(b, m)) ? formatOf(m).signed(valueOf(b, m) - valueOf(a, m)) : ""] })),
    ], { label: "differences of two trials", class: "versus" }),
    h("p", { class: "caption" }, differing.length === 0 ? "The configurations are the same"
      : `${plural(differing.length, "option")} differ${differing.length === 1 ? "s" : ""}`,
      `; ${plural(same, "other")} ${same === 1 ? "is" : "are"} the same.`));
  };
  const h2 = t => ({ text: trialName(t) });
  showComparison();
}

const ratio = (x, y) => x > 0 && y > 0 ? `\u00d7 ${short(y / x, 3)}` : (y - x > 0 ? "+" : "") + short(y - x, 3);

// ---- failures ----

function failures() {
  const failed = study.trials.filter(t => !t.stale && (t.state === "failed" || t.state === "dead"
    || t.state === "interrupted"));
  if (!failed.length) return;
  const groups = new Map();
  for (const t of failed) {
    const text = t.error || (t.state === "interrupted" ? "interrupted; the next worker goes on from its checkpoint"
      : t.state === "dead" ? "its worker died without a word" : "no message");
    if (!groups.has(text)) groups.set(text, []);
    groups.get(text).push(t);
  }
  const sorted = [...groups.entries()].sort((a, b) => b[1].length - a[1].length).slice(0, 50);
  const others = list => list.length > 40 && ` and ${list.length - 40} more`;
  const link = (t, i) => [
    i ? ", " : "",
    h("button", { type: "button", class: "link", onclick: () => openTrial(t) }, trialName(t)),
  ];
  // a failed trial is tried again by itself, an interrupted one goes on with the study
  const command = t => t.state === "failed" ? t.command : data.command;
  section("failures", failed.some(t => t.state !== "interrupted") ? "Failures" : "Interrupted trials",
    sorted.map(([text, list]) => h("div", { class: "failure" },
      h("pre", { class: "error" }, text),
      h("p", { class: "meta" }, symbol(list[0].shown), ` ${plural(list.length, "trial")}: `,
        list.slice(0, 40).map(link), others(list)),
      command(list[0]) && commandLine(command(list[0])))));
}

// ---- results that do not count ----

function staleResults() {
  const stale = study.trials.filter(t => t.stale);
  if (!stale.length) return;
  const groups = new Map();
  for (const t of stale) {
    const why = t.why || `${t.stale} changed`;
    if (!groups.has(why)) groups.set(why, []);
    groups.get(why).push(t);
  }
  section("stale", "Stale results",
    h("p", {}, "Computed with other code or data than the study has now; no mean, difference or best of this page contains them."),
    [...groups.entries()].map(([why, list]) => h("div", {}, h("h3", {}, why),
      simpleTable(["trial", { text: withUnit(goal.metric), class: "n" }, "key"],
      list.slice(0, 60).map(t => [trialName(t), reproducible(known(valueOf(t, goal.metric))
        ? formatOf(goal.metric).text(valueOf(t, goal.metric)) : NONE, t.command), h("code", {}, t.key)]),
        { label: why }))));
}

// Sentences about the record itself, such as lines of journals that could not be read.
function remarks() {
  if (data.notes && data.notes.length) section("notes", "Notes",
    h("ul", {}, data.notes.slice(0, 100).map(note => h("li", {}, note))));
}
