-- The paper's ablation table: the baseline, each part of the method alone, all three, and CALR without each of them.
--
--     calr experiments/paper/components.lua                                          generated pedestrians, an hour
--     calr experiments/paper/components.lua scale=small data=market.lmdb weights=mobilenet_v2.pt
--     calr experiments/paper/components.lua scale=published data=market.lmdb weights=resnet50_ibn_a.pth
--
-- The study keeps a record (dir). Start the command again to go on; finished trials are kept.
local calr = require "calr"
local text = calr.text
local scale = dofile(calr.sys.paths.experiments .. "/common/scale.lua")

local cfg = calr.config(scale.options {
  seeds = calr.config.option({ 1, 2, 3 }, "of every row"),
  dir = calr.config.option("studies/paper-components", "folder of the study's record"),
  workers = calr.config.option(1, "processes that share the trials", { 1 }),
})
local runs = dofile(calr.sys.paths.experiments .. "/common/runs.lua")

runs.study("ablations/components", cfg, scale.words(cfg))

local published, rows = scale.published(cfg), {}
for _, name in ipairs { "Baseline", "CALR", "CALR (IBN)", "CALR (IBN + GeM)" } do
  if published[name] then rows[#rows + 1] = { name, published[name][1], published[name][2] } end
end
print("\n" .. text.table {
  title = ("Published figures, %%: %s"):format(cfg.published),
  columns = { "", { "mAP", align = "right", format = "%.1f" }, { "rank-1", align = "right", format = "%.1f" } },
  rows = rows,
})
scale.remark(cfg)
