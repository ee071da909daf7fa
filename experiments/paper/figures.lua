-- The paper's figures of one run of CALR: features in the plane (t-SNE) by camera, identity and cluster, before and
-- after; global, local and refined clusters with discarded members framed red; ranked lists; and the quality of the
-- clusters by epoch (Figure 5), as a table.
--
--     calr experiments/paper/figures.lua                                             generated pedestrians, minutes
--     calr experiments/paper/figures.lua scale=small data=market.lmdb weights=mobilenet_v2.pt
--
-- The run is kept (dir/calr), the pictures are dir/figures.html.
local calr = require "calr"
local sys, text = calr.sys, calr.text
local scale = dofile(sys.paths.experiments .. "/common/scale.lua")

local cfg = calr.config(scale.options {
  seed = calr.config.option(1, "of the run"),
  dir = calr.config.option("figures", "folder of the run and the pictures"),
})
local runs = dofile(sys.paths.experiments .. "/common/runs.lua")

sys.make_folder(cfg.dir)
local words = scale.words(cfg)
words[#words + 1] = ("seed=%d"):format(cfg.seed)
local dir = runs.experiment("calr", cfg.dir .. "/calr", words)

-- Precision, recall and F are B-cubed; expansion is the mean number of clusters that a person is spread over.
local rows = {}
for _, record in ipairs(runs.epochs(dir)) do
  for _, kind in ipairs { "global", "locals", "refined" } do
    local q = record[kind]
    if type(q) == "table" and q.f then
      rows[#rows + 1] = { ("%d"):format(record.epoch), kind, 100 * q.precision, 100 * q.recall, 100 * q.f, q.expansion }
    end
  end
end
local function column(name) return { name, align = "right", format = "%.1f" } end
print("\n" .. text.table {
  title = "Quality of the clusters (B-cubed, %)",
  columns = { { "epoch", align = "right" }, "clusters", column "precision", column "recall", column "F",
    column "expansion" },
  rows = rows,
})
runs.command { "draw", dir, "-o", cfg.dir .. "/figures.html" }
scale.remark(cfg)
