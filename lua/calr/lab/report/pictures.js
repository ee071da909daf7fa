// What a run has learned: its features in the plane, its clusters, its ranked lists, its cameras.

const frames = { kept: "kept", discarded: "discarded", outlier: "in no cluster", query: "the one compared with" };

// A row of images from the page's album: list of {image, frame, cross, pivot, caption}.
function imageRow(album, list) {
  return h("div", { class: "images" }, list.filter(item => item.image >= 0).map(item => {
    const path = album.paths[item.image];
    const about = [frames[item.frame], item.cross && "another identity", item.pivot && "the pivot"].filter(Boolean);
    return h("div", { class: `image tagged ${item.frame || ""} ${item.cross ? "cross" : ""}` },
      h("div", { class: "framed" }, h("img", { src: album.images[item.image], loading: "lazy", title: path,
        alt: `image ${path}${about.length ? ": " + about.join(", ") : ""}` })),
      item.caption && h("span", {}, item.pivot ? "pivot, " : "", item.caption));
  }));
}

// ---- the plane ----

const darkPaper = () => parseInt(css("--paper").slice(1, 3), 16) < 128;

// One of `n` colours; up to eight are the page's series, more lie around the circle.
function hue(i, n) {
  if (n <= 8) return series(i);
  const light = (i % 2 ? 60 : 42) + (darkPaper() ? 14 : 0);
  return `hsl(${Math.round(i * 360 / n)}, 72%, ${light}%)`;
}

// The numbers with colours, the most frequent first where not all have one: Map number -> place.
function coloured(numbers, most) {
  const counts2 = new Map();
  for (const x of numbers) if (x >= 0) counts2.set(x, (counts2.get(x) || 0) + 1);
  const order = [...counts2.keys()].sort((a, b) => most && counts2.get(b) - counts2.get(a) || a - b);
  return { places: new Map(order.slice(0, most || order.length).map((x, i) => [x, i])), of: order.length };
}

function planeFigure(node, t) {
  const kinds2 = [["camera", t.cameras, 0], ["identity", t.identities, 12], ["cluster", t.clusters, 12]]
    .filter(k => k[1]).map(([name, values, most]) => ({ name, values, ...coloured(values, most) }));
  if (!kinds2.length) kinds2.push({ name: "", values: range(t.count).map(() => 0), ...coloured([0]) });
  const times = [[t.before, t.beforeTitle], [t.after, t.afterTitle]].filter(p => p[0]);
  const across = w => w < 560 ? times.length : kinds2.length;
  const size = w => Math.floor(w / Math.max(2, across(w)));
  const down = w => w < 560 ? kinds2.length : times.length;
  figure(node, {
    id: "tsne", height: w => down(w) * (size(w) + 20), margin: { left: 0, right: 0, top: 0, bottom: 0 },
    caption: [`t-SNE of the features of ${count(t.count)}${t.count < t.total ? ` of ${count(t.total)}` : ""} training images, `,
      `coloured by ${kinds2.map(k => k.name).filter(Boolean).join(", by ")}. `,
      kinds2.some(k => k.of > k.places.size) && `The ${Math.max(...kinds2.filter(k => k.of > k.places.size).map(k =>
        k.places.size))} largest have colours of their own, the others are grey. `,
      known(t.epoch) && `Clusters are those of epoch ${t.epoch}. `,
      "Neighbours lie together; distances between far groups mean little."],
    draw: f => {
      const side = size(f.w), narrow = f.w < 560, dots = [], pen = f.pen(Infinity);
      kinds2.forEach((kind, k) => times.forEach(([points, title], m) => {
        const left = (narrow ? m : k) * side, top = (narrow ? k : m) * (side + 20);
        const inner = side - 18, at = (x, edge) => edge + 6 + x * inner / 1000;
        f.back.append(label(left + 3, top + 13, narrow ? `${title.replace(" training", "")}: ${kind.name}`
          : `${title}${kind.name ? ", by " + kind.name : ""}`, { class: narrow ? "" : "strong" }));
        f.back.append(s("rect", { x: left + 1, y: top + 19, width: side - 8, height: side - 8, fill: "none",
          stroke: "var(--rule)" }));
        const r = side < 220 ? 1.3 : t.count > 2000 ? 1.7 : 2.4;
        for (const lit of [false, true]) {
          kind.values.forEach((value, i) => {
            const place = kind.places.get(value);
            if (known(place) !== lit) return;
            pen.mark(at(points.x[i], left), at(points.y[i], top + 17),
              { color: lit ? hue(place, kind.places.size) : "var(--rule)", r, alpha: lit ? 0.85 : 0.9 });
          });
        }
        points.x.forEach((x, i) => dots.push([at(x, left), at(points.y[i], top + 17), i]));
      }));
      pointing(f, () => dots, i => [h("table", {}, kinds2.filter(k => k.name).map(k =>
        h("tr", {}, h("td", {}, k.name), h("td", {}, k.values[i] < 0 ? NONE : String(k.values[i])))))]);
    },
    summary: () => `${t.count} images in the plane, ${times.map(p => p[1]).join(" and ")}, coloured by ${kinds2.map(k =>
      `${k.name} (${k.of})`).join(", ")}`,
  });
}

// ---- clusters ----

function clusterGalleries(node, p) {
  const c = p.clusters;
  node.append(h("p", { class: "meta" }, `${c.list.length} of the ${plural(c.total, "global cluster")} of epoch ${c.epoch}. `,
    c.refined && "Green: kept; red and dashed: discarded by the refinement. ",
    c.list.some(x => known(x.purity)) && "A dot marks an image that is not of the cluster's most frequent identity."));
  const part = (title, list) => list && list.length > 0 && [title && h("p", { class: "row-title" }, title),
    imageRow(p, list)];
  for (const x of c.list) {
    node.append(h("figure", { class: "cluster" },
      h("figcaption", {}, h("b", {}, `Cluster ${x.number}`), `: ${plural(x.size, "image")} of ${plural(x.cameras, "camera")}`,
        x.discarded > 0 && `, ${x.discarded} discarded`,
        known(x.purity) && `; ${Math.round(100 * x.purity)} % of one identity`, "."),
      part(x.global.length < x.size ? `global, ${x.global.length} of ${x.size} shown` : x.locals ? "global" : "", x.global),
      part(`local, ${x.pivot ? "of the pivot" : "of most members"}: ${plural(x.localSize, "image")} of camera ${x.localCamera}`,
        x.locals),
      x.discarded > 0 && (x.discarded < x.size ? part("refined", x.refined)
        : h("p", { class: "row-title" }, "refined: nothing is left"))));
  }
}

// ---- ranked lists ----

function rankedLists(node, p) {
  node.append(h("p", { class: "meta" }, "The query in blue, then the gallery from the nearest on: green is the same person, red and dashed another one."));
  for (const [title, list] of [["Best queries", p.ranked.best], ["Worst queries", p.ranked.worst]]) {
    if (!list.length) continue;
    node.append(h("h3", {}, title));
    for (const q of list) {
      node.append(h("figure", { class: "cluster" },
        imageRow(p, [{ image: q.image, frame: "query", caption: q.caption }, ...q.hits]),
        h("figcaption", {}, h("b", {}, `AP ${fixed(100 * q.ap, 1)}\u2009%`), `, first match at rank ${q.first}: `,
          h("code", {}, q.path))));
    }
  }
}

// Of a data set without identities: what the network takes for alike.
function nearestImages(node, p) {
  node.append(h("p", { class: "meta" }, "A few training images in blue, and those that the network finds nearest",
    p.nearest.several ? ", from other cameras." : "."));
  for (const item of p.nearest.list) {
    node.append(h("figure", { class: "cluster" },
      imageRow(p, [{ image: item.image, frame: "query", caption: item.caption }, ...item.hits])));
  }
}

// ---- cameras ----

function cameraTable(node, p) {
  const values = p.cameras.values, e = extent(values.flat()), shade = ramp(), n = values.length;
  if (!e) return;
  const cell = (value, q, g) => {
    if (!known(value)) return h("td", { class: "empty" }, NONE);
    const color = shade(e[0] === e[1] ? 0.5 : (value - e[0]) / (e[1] - e[0]));
    return h("td", { style: `background:${color};color:${inkOn(color)}`,
      title: `queries of camera ${q} in the gallery of camera ${g}: ${fixed(100 * value, 1)} %, ${plural(p.cameras.queries[q][g], "query", "queries")}` },
    fixed(100 * value, 1));
  };
  node.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "mAP by pair of cameras" },
    h("table", { class: "heat cameras" },
      h("caption", {}, "mAP, %, by camera of the query and of the gallery"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "corner" }, "query"),
        range(n).map(g => h("th", { scope: "col" }, String(g))))),
      h("tbody", {}, values.map((row, q) => h("tr", {}, h("th", { scope: "row" }, String(q)),
        row.map((value, g) => cell(value, q, g))))))),
  h("p", { class: "caption" }, "Each query is ranked against the gallery of one camera alone; a dash stands where no query has a match. Columns are the cameras of the gallery."));
}

function pictures() {
  const p = data.pictures;
  if (!p) return;
  if (p.tsne) planeFigure(section("features", "Features"), p.tsne);
  if (p.clusters && p.clusters.list.length) clusterGalleries(section("refinement", "What the clusters held"), p);
  if (p.ranked) rankedLists(section("ranked", "Ranked lists"), p);
  if (p.nearest) nearestImages(section("nearest", "Nearest images"), p);
  if (p.cameras) cameraTable(section("cameras", "Cameras"), p);
  if (p.notes && p.notes.length) {
    const node = p.tsne || p.clusters || p.ranked || p.nearest ? page.lastElementChild : section("pictures", "Pictures");
    for (const note of p.notes) node.append(h("p", { class: "note" }, note[0].toUpperCase() + note.slice(1) + "."));
  }
}

function picturesHeader() {
  const f = data.pictures.figures;
  page.append(h("header", {}, h("p", { class: "kind" }, "Pictures of a run"), h("h1", {}, data.title),
    f && h("p", { class: "lede" }, h("b", {}, `${fixed(100 * f.mAP, 1)}\u2009%`), " mAP and ",
      h("b", {}, `${fixed(100 * f.rank1, 1)}\u2009%`), ` rank-1 over ${plural(f.queries, "query", "queries")}.`),
    h("dl", { class: "about" }, [["Script", data.script], ["Data", data.data], ["Status", data.status]].filter(x =>
      known(x[1])).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    commandLine(data.command)));
}
