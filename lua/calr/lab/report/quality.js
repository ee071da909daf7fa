// How good a run's clusters are, epoch by epoch.

const kinds = [["global", "global clusters", 0], ["refined", "refined labels", 1], ["locals", "local clusters", 2]];

function clusterQuality() {
  const main = lineSets.filter(l => !known(l.camera));
  const has = name => main.some(l => l.values[name]);
  const measure = (name, title) => ({ title, lines: kinds.flatMap(([kind, text, i]) =>
    main.filter(l => l.values[`${kind}.${name}`])
    .map(l => ({ name: text, color: series(i), dash: dashes[i], x: l.x, y: l.values[`${kind}.${name}`] }))) });
  const measures = [["precision", "precision"], ["recall", "recall"], ["f", "F"], ["expansion", "expansion"],
    ["nmi", "NMI"], ["pairwise_f", "pairwise F"]];
  const named = new Set(measures.map(m => m[0]));
  for (const line of main) {
    for (const name of Object.keys(line.values).sort()) {
      const [kind, rest] = [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
      if (!kinds.some(k => k[0] === kind) || named.has(rest)) continue;
      named.add(rest);
      measures.push([rest, rest]);
    }
  }
  const measured = measures.filter(m => kinds.some(k => has(`${k[0]}.${m[0]}`)));
  const single = (name, title, zero) => ({ title: title || name, zero,
    lines: main.filter(l => l.values[name]).map(l => ({ name: "", color: series(0), dash: "", x: l.x,
    y: l.values[name] })) });
  const reasons = [...new Set(main.flatMap(l => Object.keys(l.values)).filter(n => n.startsWith("discarded.")))].sort();
  const counts2 = [...["clusters", "outliers"].filter(has).map(n => single(n, n, true)),
    ...reasons.length === 1 ? [single(reasons[0], "discarded labels", true)] : [],
    ...["silhouette"].filter(has).map(n => single(n))];
  if (!measured.length && !counts2.length && !reasons.length) return;
  const node = section("clusters", "Clusters");
  if (measured.length) {
    panels(node, { caption: "B-cubed precision, recall and F of the labels against the true identities, which training does not see; expansion: over how many clusters an identity is spread, 1 is best.",
      list: measured.map(m => measure(...m)) });
  }
  if (counts2.length) {
    panels(node, { caption: ["Clusters to learn from, and images that belong to none",
      reasons.length === 1 ? `; labels that the refinement discarded (${reasons[0].slice(10)})` : "",
      has("silhouette") ? "; the silhouette of the clusters, which needs no labels" : "", "."], list: counts2 });
  }
  if (reasons.length > 1) {
    panels(node, { caption: "Labels that the refinement discarded, by reason.",
      list: [{ title: "images", zero: true, lines: reasons.map((r, i) =>
      ({ name: r.slice(10), color: series(i), dash: dashes[i % 8], x: main[0].x,
      y: (main.find(l => l.values[r]) || { values: {} }).values[r] || [] })) }], width: 800 });
  }
}
