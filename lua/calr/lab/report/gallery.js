// Images of a run: some of its clusters, and what it saved itself.

function gallery() {
  const g = data.gallery;
  if (!g || !g.clusters.length && !g.files.length) return;
  const node = section("images", "Images");
  if (g.clusters.length) {
    node.append(h("p", { class: "meta" },
      `Local clusters of stage 1, ${g.clusters.length} of ${count(g.total)}: images that one camera saw and that the run took for one identity.`,
      g.truth ? " A red frame and a cross mark those that are not of the cluster's most frequent identity." : ""));
    for (const c of g.clusters) {
      node.append(h("figure", { class: "cluster" }, h("div", { class: "images" },
        c.images.map(image => h("div", { class: image.wrong ? "image wrong" : "image" },
        h("img", { src: image.source, alt: `image ${image.path}${image.wrong ? ", another identity" : ""}`,
          loading: "lazy", title: image.path })))),
      h("figcaption", {}, h("b", {}, `Cluster ${c.label}`),
        `, camera ${c.camera}, ${plural(c.size, "image")}${c.size > c.images.length ? `, ${c.images.length} shown` : ""}`,
        known(c.purity) ? `; ${Math.round(100 * c.purity)} % of one identity` : "", ".")));
    }
  }
  for (const file of g.files) {
    node.append(h("figure", { class: "saved" }, h("img", { src: file.source, alt: file.name, loading: "lazy" }),
      h("figcaption", {}, h("code", {}, file.name))));
  }
  if (g.left_out > 0) node.append(h("p", { class: "meta" },
    `${plural(g.left_out, "image file")} more in the run's folder.`));
}
