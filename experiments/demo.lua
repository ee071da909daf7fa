-- The demonstration: generated data, the baseline and CALR, one table.
--
-- Everything goes into one folder: the data, and a run folder for each experiment. Existing parts are kept, and an
-- interrupted run is resumed.
local calr = require "calr"
local sys, text = calr.sys, calr.text

local option = calr.config.option
local cfg = calr.config {
  dir = option("demo", "folder for the data and the runs"),
  seed = option(1, "of the data, the weights and the training"),
}

-- The settings of both experiments, and those of stage 1.
local street = dofile(sys.paths.experiments .. "/common/street.lua")
local runs = dofile(sys.paths.experiments .. "/common/runs.lua")
local schedule, stage_1 = street.words(street.schedule), street.words(street.stage_1)

-- Runs an experiment into its folder.
local function experiment(name, store, options)
  local words = { "data=" .. store, "seed=" .. cfg.seed }
  table.move(schedule, 1, #schedule, #words + 1, words)
  return runs.experiment(name, ("%s/%s-%d"):format(cfg.dir, name, cfg.seed),
    table.move(options, 1, #options, #words + 1, words))
end

local function percent(value)
  return value and 100 * value or false
end

local function score_row(label, e)
  return { label, percent(e.mAP), percent(e.rank1), percent(e.rank5), percent(e.rank10) }
end

local function print_scores(baseline, calr_epochs)
  local number = { format = "%.1f", align = "right" }
  local function column(head) return { head, format = number.format, align = number.align } end
  print("\n" .. text.table {
    title = "Re-identification of the query images in the gallery, %",
    columns = { "", column "mAP", column "rank-1", column "rank-5", column "rank-10" },
    rows = {
      score_row("untrained network", baseline[1].untrained),
      score_row("baseline: global clusters only", baseline[#baseline].evaluation),
      score_row("CALR: local clusters refine global ones", calr_epochs[#calr_epochs].evaluation),
    },
  })
end

local function print_clusters(title, epochs, sets)
  local columns = { "epoch" }
  for _, set in ipairs(sets) do
    columns[#columns + 1] = { set .. ": P", format = "%.3f", align = "right" }
    columns[#columns + 1] = { "R", format = "%.3f", align = "right" }
    columns[#columns + 1] = { "F", format = "%.3f", align = "right" }
    columns[#columns + 1] = { "exp.", format = "%.2f", align = "right" }
  end
  local rows = {}
  for _, record in ipairs(epochs) do
    local row = { record.epoch }
    for _, set in ipairs(sets) do
      local q = record[set] or {}
      for _, name in ipairs { "precision", "recall", "f", "expansion" } do row[#row + 1] = q[name] or false end
    end
    rows[#rows + 1] = row
  end
  print("\n" .. text.table { title = title, columns = columns, rows = rows })
end

local started = sys.clock()
sys.make_folder(cfg.dir)
local store = ("%s/street-%d.lmdb"):format(cfg.dir, cfg.seed)
if not sys.exists(store) then
  runs.command { "data", "make", "street", "-o", store, "--seed", tostring(cfg.seed), "--gap", tostring(street.gap) }
end
runs.command { "data", "info", store }
local baseline_dir = experiment("baseline", store, { "untrained=true" })
local calr_dir = experiment("calr", store, stage_1)

local baseline, refined = runs.epochs(baseline_dir), runs.epochs(calr_dir)
print_clusters("Baseline: its clusters by epoch", baseline, { "global" })
print_clusters("CALR: its clusters by epoch", refined,
  { "global", "locals", "refined" })
print("P, R, F: B-cubed precision, recall and F against the true identities.\n"
  .. "exp. (expansion): the mean number of clusters over which an identity is spread.")
print_scores(baseline, refined)
local seconds = sys.clock() - started
print(("\nRandom weights, generated data, seed %d%s. The runs, with all figures as JSON:"):format(cfg.seed,
  seconds > 1 and ", " .. text.duration(seconds) or ""))
print("  " .. baseline_dir .. "\n  " .. calr_dir)
