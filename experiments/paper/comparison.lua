-- The paper's comparison of methods: CALR, its baseline and its rivals on one engine, beside the published figures.
--
--     calr experiments/paper/comparison.lua                                          generated pedestrians, an hour
--     calr experiments/paper/comparison.lua scale=small data=market.lmdb weights=mobilenet_v2.pt
--     calr experiments/paper/comparison.lua scale=published data=market.lmdb weights=resnet50_ibn_a.pth
--
-- Every run has a folder of its own. Start the command again to go on; finished runs are kept.
local calr = require "calr"
local sys, text = calr.sys, calr.text
local option = calr.config.option
local scale = dofile(sys.paths.experiments .. "/common/scale.lua")

local cfg = calr.config(scale.options {
  seeds = option({ 1, 2, 3 }, "of the methods in `repeated`; the others have the first one only"),
  repeated = option({ "Baseline", "CALR", "ClusterContrast" }, "methods with all seeds"),
  only = option({}, "methods to run, by name; empty: all"),
  dir = option("comparison", "folder of the runs"),
})
local runs = dofile(sys.paths.experiments .. "/common/runs.lua")
local published = scale.published(cfg)

-- The presets weigh clusters by their cameras, which is a part of CALR: the others go without.
local methods = {
  { "Baseline", "baseline", "camera_weights_from=-1" },
  { "CALR", "calr" },
  { "ClusterContrast", "rivals/cluster_contrast", "camera_weights_from=-1" },
  { "CA-Jaccard", "rivals/cluster_contrast", "camera_weights_from=-1", "distance=camera_jaccard" },
  { "SpCL", "rivals/spcl" },
  { "CAP", "rivals/cap" },
  { "O2CAP", "rivals/cap", "online=1.0" },
  { "PPLR", "rivals/pplr" },
  { "Supervised", "supervised" },
}

local function has(list, name)
  for _, item in ipairs(list) do
    if item == name then return true end
  end
  return false
end

local function wanted(name) return #cfg.only == 0 or has(cfg.only, name) end

local shared = scale.words(cfg)

-- The words of one run.
local function words_of(method, seed)
  local words = table.move(shared, 1, #shared, 1, {})
  words[#words + 1] = ("seed=%d"):format(seed)
  return table.move(method, 3, #method, #words + 1, words)
end

local function scores(method)
  local list = { mAP = {}, rank1 = {} }
  for i, seed in ipairs(cfg.seeds) do
    if i == 1 or has(cfg.repeated, method[1]) then
      local dir = ("%s/%s-%d"):format(cfg.dir, method[1]:lower(), seed)
      runs.experiment(method[2], dir, words_of(method, seed))
      local found = runs.last_evaluation(dir)
      if found then
        list.mAP[#list.mAP + 1], list.rank1[#list.rank1 + 1] = 100 * found.mAP, 100 * found.rank1
      end
    end
  end
  return list
end

local function spread(values)
  if #values == 0 then return false end
  local mean = calr.statistics.mean(values)
  return #values > 1 and ("%.1f ± %.1f"):format(mean, calr.statistics.sd(values)) or ("%.1f"):format(mean)
end

sys.make_folder(cfg.dir)
local rows = {}
for _, method in ipairs(methods) do
  if wanted(method[1]) then
    local ours, theirs = scores(method), published[method[1]] or {}
    rows[#rows + 1] = { method[1], #ours.mAP, spread(ours.mAP), spread(ours.rank1), theirs[1] or false,
      theirs[2] or false }
  end
end
if #rows == 0 then error("there is no such method in `only`", 0) end

local function column(head, format) return { head, align = "right", format = format } end
print("\n" .. text.table {
  title = ("Methods at scale=%s, %%; published: %s"):format(cfg.scale, cfg.published),
  columns = { "", column "seeds", column "mAP", column "rank-1", column("published mAP", "%.1f"),
    column("rank-1", "%.1f") },
  rows = rows,
})
scale.remark(cfg)
