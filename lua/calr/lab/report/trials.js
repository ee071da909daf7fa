// The table of all trials; it shows those that the brushes leave.

function trialTable() {
  if (!study.trials.length) return;
  const node = section("trials", "Trials");
  const goals = data.goals.map(g => g.metric), rest = data.metrics.filter(m =>
    !goals.includes(m) && m !== "hours").sort((a, b) => percentNames.test(b) - percentNames.test(a)).slice(0, 3);
  const value = m => ({ text: withUnit(m), get: t => valueOf(t, m), first: directionOf(m) === "max" ? "down" : "up",
    class: "n",
    cell: t => known(valueOf(t, m)) ? reproducible(formatOf(m).text(valueOf(t, m)), t.command) : NONE });
  const names = parameters.slice(0, 8), several = new Set(study.trials.map(t => t.seed)).size > 1;
  const columns = [
    { text: "trial", get: t => t.i, cell: t => h("button", { type: "button", class: "link",
      onclick: () => openTrial(t) }, t.label), class: "name" },
    several && { text: "seed", get: t => t.seed, class: "n" },
    { text: "state", get: t => t.shown, cell: t => [symbol(t.shown), " ", t.shown], class: "state" },
    ...goals.map(value), ...rest.map(value),
    !goals.includes("hours") && { text: "time", get: t => t.seconds, cell: t => duration(t.seconds), class: "n",
      first: "down" },
    ...names.map(p => ({ text: p.name, get: t => configOf(t, p.name), class: p.numeric ? "n" : "",
      cell: t => short(configOf(t, p.name), 3) })),
  ].filter(Boolean);
  let words = "", state = "";
  const matching = () => study.trials.filter(t => selected(t) && (!state || t.shown === state)
    && (!words || `${t.label} ${t.key} ${t.shown} ${t.error || ""}`.toLowerCase().includes(words)));
  const by = columns.findIndex(c => c.class === "n" && c.text === withUnit(goal.metric));
  const number = h("b", { id: "trial-count" });
  const table = sortable(columns, [], { by, up: directionOf(goal.metric) === "min", size: 20, label: "trials",
    id: "trial-table", open: openTrial,
    rowClass: t => t.stale ? "stale" : null });
  const show = () => {
    const list = matching();
    number.textContent = `${count(list.length)} of ${plural(study.trials.length, "trial")}`;
    table.update(list);
  };
  const present = [...new Set(study.trials.map(t => t.shown))].sort();
  node.append(h("div", { class: "controls" }, number, h("label", { class: "control" }, h("span", {}, "Find"),
    h("input", { type: "search", placeholder: "label, key, error", oninput: event => {
    words = event.target.value.trim().toLowerCase();
    show();
  } })), present.length > 1 && select("State", [["", "all"], ...present.map(p => [p, p])], "", value2 => {
    state = value2;
    show();
  })), table.node, h("p", { class: "caption" },
    "A click on a number copies the command that computes it; a click on a row opens the trial."));
  selection.listeners.push(show);
  show();
}
