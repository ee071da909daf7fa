// What the study is, how far it is, and its result in a sentence.

function stateBar(counts) {
  const order = ["finished", "running", "pruned", "interrupted", "failed", "dead", "waiting", "stale"];
  const present = order.filter(state => counts[state] > 0);
  const total = present.reduce((sum, state) => sum + counts[state], 0);
  if (!total) return h("p", { class: "meta" }, "No trials are planned.");
  return h("div", { class: "states" },
    h("div", { class: "bar", "aria-hidden": "true" }, present.map(state => h("span", {
      style: `flex:${counts[state]} 1 0;background:${states[state].color}` }))),
    h("ul", {}, present.map(state => h("li", {}, symbol(state), h("b", {}, count(counts[state])), " ", state))));
}

// Rows of ablations, grids and confirmations whose trials have a value, best first.
function rankedRows(metric) {
  const is = better(metric), list = [];
  for (const row of study.rows) {
    const values = row.trials.filter(counts).map(t => valueOf(t, metric)).filter(known);
    if (values.length) list.push({ row, values, mean: mean(values), sd: deviation(values), n: values.length });
  }
  return list.sort((a, b) => a.mean === b.mean ? 0 : is(a.mean, b.mean) ? -1 : 1);
}

// Those with the most seeds of their part, one of which calr table marks as the best.
function completeRows(list) {
  const most = new Map();
  for (const r of list) most.set(r.row.part, Math.max(r.n, most.get(r.row.part) || 0));
  return list.filter(r => r.n === most.get(r.row.part));
}

const meanText = (metric, r) => {
  const f = formatOf(metric);
  return f.text(r.mean) + (known(r.sd) ? ` \u00b1 ${f.text(r.sd)}` : "") + (f.percent ? "\u2009%" : "");
};

const pText = p => p < 0.001 ? "p < .001" : `p = ${p.toFixed(3).replace(/^0/, "")}`;

const comparisonOf = (part, metric) => (data.comparisons || []).find(c => c.part === part && c.metric === metric)
  || null;

// The difference of a row to the reference, where there is one.
function differenceOf(row, metric) {
  const c = comparisonOf(row.part, metric);
  return c && c.rows[row.row - 1] || null;
}

function referenceOf(part, metric) {
  const c = comparisonOf(part, metric);
  return c && c.versus ? data.parts[part - 1].labels[c.versus - 1] : null;
}

function lede() {
  const finished = study.trials.filter(counts);
  if (!finished.length) return h("p", { class: "lede" }, "Nothing has finished yet.");
  const m = goal.metric;
  const ranked = rankedRows(m), rows = completeRows(ranked), several = rows.filter(r => r.n > 1);
  const isConfirmed = r => data.parts[r.row.part - 1].kind === "confirm", confirmed = rows.filter(isConfirmed);
  if (several.length > 1 || confirmed.length || rows.length > 0 && !data.parts.some(p => p.kind === "search")) {
    const top = (several.length ? several : confirmed.length ? confirmed : rows)[0];
    const d = differenceOf(top.row, m), f = formatOf(m);
    const reference = referenceOf(top.row.part, m), fresh = isConfirmed(top) ? " that had no part in its choice" : "";
    return h("p", { class: "lede" }, ranked.length > 1 ? "Best: " : "", h("b", {}, top.row.label), " with ",
      h("b", {}, meanText(m, top)), ` ${m} `,
      top.n > 1 ? `(mean \u00b1 standard deviation over ${top.n} seeds${fresh})` : `(one seed${fresh})`,
      d && known(d.mean) ? [", ", h("b", {}, f.signed(d.mean)), ` against ${reference}`,
        known(d.low) ? ` [${f.text(d.low)}, ${f.text(d.high)}]` : "",
          known(d.p) ? [", ", h("span", { class: "whole" }, pText(d.p))] : ""] : "", ".");
  }
  const is = better(m), scored = finished.filter(t => known(valueOf(t, m)));
  if (!scored.length) return h("p", { class: "lede" }, `${plural(finished.length, "trial")} finished; none has ${m}.`);
  const best = scored.reduce((a, b) => is(valueOf(b, m), valueOf(a, m)) ? b : a);
  const changes = changesOf(best).filter(c => parameters.some(p => p.name === c[0])).slice(0, 6);
  return h("p", { class: "lede" }, `Best of ${plural(scored.length, "finished trial")}: `,
    h("b", {}, valueText(m, valueOf(best, m))),
    ` ${m}`, data.goals.slice(1).map(g => [" and ", h("b", {}, valueText(g.metric, valueOf(best, g.metric))),
      g.metric === "hours" ? "" : ` ${g.metric}`]),
    " at ", h("button", { type: "button", class: "link", onclick: () => openTrial(best) }, trialName(best)),
    changes.length ? " with " + changes.map(c => `${c[0]} = ${short(c[1], 3)}`).join(", ") : "",
    scored.length > 1 && best.seed !== null && several.length === 0 ? "; one seed, not confirmed." : ".");
}

function header() {
  const fact = (name, ...value) => value.some(v => v) && [h("dt", {}, name), h("dd", {}, value)];
  const mono = text => text && h("code", {}, text);
  const goals = data.goals.map(g => `${g.direction === "max" ? "highest" : "lowest"} ${g.metric}`).join(", ");
  const codeParts = data.code && data.code.parts ? Object.entries(data.code.parts) : [];
  page.append(h("header", {},
    h("p", { class: "kind" }, data.kind === "runs" ? "Runs" : "Study"),
    h("h1", {}, data.title), lede(), stateBar(data.counts),
    h("dl", { class: "about" },
      fact("Goal", goals), data.select && fact("Epoch chosen by",
        `${data.select.direction === "max" ? "highest" : "lowest"} ${data.select.metric}`),
      fact("Seeds", data.seeds.join(", ")),
      fact("Period", `${date(data.origin)} to ${date(data.last)} (${duration(data.last - data.origin)})`),
      fact("Script", mono(data.script)), fact("Data", mono(data.data)),
      fact("Code", mono(data.code && data.code.hash), codeParts.length > 0 && details(plural(codeParts.length, "file"),
        h("table", { class: "facts" }, codeParts.map(([name, hash]) =>
          h("tr", {}, h("td", {}, name), h("td", {}, mono(hash))))))),
      fact("Report by", `calr ${data.calr.version}${data.calr.revision ? ` (${data.calr.revision})` : ""}`)),
    data.command && commandLine(data.command),
    Object.keys(data.common).length > 0 && details("What all trials share", h("table", { class: "facts columns" },
      Object.entries(data.common).sort().map(([name, value]) =>
        h("tr", {}, h("td", {}, name), h("td", {}, mono(short(value, 12)))))))));
}

function contents() {
  const nav = h("nav", { class: "contents", "aria-label": "Contents" },
    sections.map(item => h("a", { href: "#" + item.id }, item.title)));
  const first = page.querySelector("section");
  if (first && sections.length > 1) page.insertBefore(nav, first);
}
