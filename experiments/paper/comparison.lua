-- The paper's comparison of methods: CALR, its baseline and its rivals on one engine, beside the published figures.
--
--     calr experiments/paper/comparison.lua                                          generated pedestrians, an hour
--     calr experiments/paper/comparison.lua scale=small data=market.lmdb weights=mobilenet_v2.pt
--     calr experiments/paper/comparison.lua scale=published data=market.lmdb weights=resnet50_ibn_a.pth
--
-- Every run has a folder of its own. Start the command again to go on; finished runs are kept.
local calr = require "calr"
local sys, text = calr.sys, calr.text
local choice, option = calr.config.choice, calr.config.option

local cfg = calr.config {
  scale = choice({ "street", "small", "published" }, "generated pedestrians, random weights; real images and a small "
    .. "pretrained network; or the authors' settings"),
  published = choice({ "market1501", "dukemtmc", "msmt17", "veri776" }, "the data set whose published figures to show"),
  data = option("street.lmdb", "a data-set store"),
  weights = option("", "initial weights; empty: random ones"),
  seeds = option({ 1, 2, 3 }, "of the methods in `repeated`; the others have the first one only"),
  repeated = option({ "Baseline", "CALR", "ClusterContrast" }, "methods with all seeds"),
  only = option({}, "methods to run, by name; empty: all"),
  dir = option("comparison", "folder of the runs"),
  more = option({}, "further words for every run that all methods have, such as epochs=2"),
}
local runs = dofile(sys.paths.experiments .. "/common/runs.lua")
local published = dofile(sys.paths.experiments .. "/common/published.lua")[cfg.published]
local preset = cfg.scale == "published" and cfg.published or cfg.scale

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

-- What all runs of a scale share.
local function words_of(method, seed)
  local words = { "preset=" .. preset, "data=" .. cfg.data, ("seed=%d"):format(seed) }
  if cfg.weights ~= "" then words[#words + 1] = "weights=" .. cfg.weights end
  for _, word in ipairs(cfg.more) do words[#words + 1] = word end
  table.move(method, 3, #method, #words + 1, words)
  return words
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

if cfg.data == "street.lmdb" then dofile(sys.paths.experiments .. "/common/street.lua").prepare(cfg) end
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
if cfg.scale ~= "published" then
  local p, mark = calr.pipeline.preset(preset), {}
  for _, name in ipairs { "network", "height", "width", "epochs", "iterations" } do
    mark[#mark + 1] = ("%s=%s"):format(name, tostring(p[name] or "the default"))
  end
  print("Published figures have other settings: a ResNet-50 at 256 x 128 and 50 to 70 epochs; here "
    .. table.concat(mark, ", ") .. ".")
end
