// What became of one image, epoch by epoch.

const outcomes = { kept: "kept", discarded: "discarded", outlier: "waiting" };

function whyPage() {
  page.append(h("header", {}, h("p", { class: "kind" }, "An image in a run"), h("h1", {}, data.title),
    h("p", { class: "lede" }, data.totals, "."),
    h("dl", { class: "about" }, [["Run", data.run], ["Row", data.row], ["Camera", data.camera],
      ["Identity", known(data.identity) ? data.identity : "unknown"]].map(([name, value]) =>
      [h("dt", {}, name), h("dd", {}, String(value))])), commandLine(data.command)));
  whyRows();
  whyEpochs();
}

function whyRows() {
  const node = section("then", `Epoch ${data.at}`);
  node.append(h("p", { class: "meta" }, "Green: kept; red and dashed: discarded; grey: in no cluster; blue: the pivot.",
    known(data.identity) && " A dot marks another identity."));
  for (const row of data.rows) {
    node.append(h("figure", { class: "cluster" }, h("figcaption", {}, h("b", {}, row.title), ". ", row.note),
      imageRow(data, row.images)));
  }
}

function whyEpochs() {
  const node = section("epochs", "By epoch"), all = data.epochs;
  figure(node, { caption: "What became of the image in each epoch, and how large its cluster was.",
    height: w => w < 560 ? 150 : 170, margin: { left: 46, right: 12, top: 26, bottom: 40 },
    draw: f => {
      const x = ordinal(all.map(e => e.epoch), [f.left, f.right]);
      const y = linear([0, Math.max(4, ...all.map(e => e.size))], [f.bottom, f.top]);
      f.back.append(label(f.left - 40, 14, "images in its cluster", { class: "strong" }));
      yAxis(f, y, "", { ticks: 3 });
      const every = Math.max(1, Math.ceil(all.length / Math.max(2, Math.floor((f.right - f.left) / 40))));
      all.forEach((e, i) => {
        const color = `var(--${outcomes[e.state]})`, wide = Math.max(2, Math.min(26, x.step * 0.7));
        const top = y(Math.max(e.size, 0)), high = Math.max(3, f.bottom - top);
        f.pen().rect(x(e.epoch) - wide / 2, f.bottom - high, wide, high,
          { color, fill: e.state !== "discarded", stroke: color });
        if (i % every === 0) f.back.append(label(x(e.epoch), f.bottom + 16, String(e.epoch),
          { "text-anchor": "middle" }));
      });
      f.back.append(label((f.left + f.right) / 2, f.height - 4, "epoch", { class: "title", "text-anchor": "middle" }));
      pointing(f, () => all.map(e => [x(e.epoch), Math.min(f.bottom - 3, y(e.size)), e]), e =>
        [h("div", { class: "tip-title" }, `epoch ${e.epoch}`), e.why]);
    },
    summary: () => all.map(e => `epoch ${e.epoch}: ${e.why}`).join("; ") });
  const found = Object.keys(outcomes).filter(o => all.some(e => e.state === o));
  const fig = node.querySelector("figure");
  fig.insertBefore(legend(found.map(o => legendItem(o === "outlier" ? "in no cluster" : o,
    `var(--${outcomes[o]})`, "", "square", o === "discarded"))), fig.firstChild);
  const identities = all.some(e => known(e.same)), pivots = all.some(e => e.pivot);
  const number = value => ({ text: value, class: "n" });
  node.append(simpleTable([number("epoch"), number("cluster"), number("images"), number("cameras"),
    identities && number("of its identity"), pivots && "pivot", "what became of it"].filter(Boolean),
  all.map(e => [String(e.epoch), e.cluster >= 0 ? String(e.cluster) : NONE, e.size || NONE, e.size ? e.cameras : NONE,
    ...identities ? [known(e.same) ? e.same : NONE] : [],
    ...pivots ? [e.pivot && e.pivot.image >= 0 ? h("img", { class: "thumb", src: data.images[e.pivot.image],
      alt: `pivot ${data.paths[e.pivot.image]}`, title: `${data.paths[e.pivot.image]}, ${e.pivot.caption}`,
      loading: "lazy" }) : NONE] : [],
    h("span", { class: "outcome " + e.state }, e.why)].map(c => typeof c === "number" ? String(c) : c)),
  { label: "epochs", class: "results stacked" }));
}
