--- @module calr.program.command.evaluate
--- calr evaluate --model M --data D: how well a trained network, or features made elsewhere, find people again.

local arguments = require "calr.program.arguments"
local context = require "calr.context"
local errors = require "calr.errors"
local merged = require "calr.tables".merged
local model = require "calr.program.model"
local suggest = require("calr.options").suggest

local command = {
  summary = "mAP, CMC and mINP of a trained network or of feature files",
  usage = "calr evaluate --model RUN|FILE --data DATA [--rerank] [--shots 1] [--by camera] [-o FILE] [NAME=VALUE ...]\n"
    .. "       calr evaluate --features QUERY.npy GALLERY.npy [--csv QUERY.csv GALLERY.csv] [--rerank] [...]",
  own_help = true,
}

local function help()
  print("usage: " .. command.usage .. "\n")
  print [[
Ranks the gallery for every query, as Market-1501's protocol has it: entries of the query's
own identity and camera are left out, and so is junk (identity -1).
]]
  print(model.help "the\n                     model's own")
  print [[
  --data DATA        a data set of calr (.lmdb) with queries and a gallery
  --features Q G     features made elsewhere, of the queries and of the gallery (.npy); one
                     file if its table has a column split that says query or gallery
  --csv Q G          their tables, with a line of names: identity (or pid), camera (or
                     camid), name; default: beside the features, Q.csv
  --raw              do not scale the rows to length 1: euclidean distances
  --rerank           rank by the k-reciprocal distance (Zhong et al., CVPR 2017)
  --shots 1          draw one gallery image of each identity; --draws N times (10)
  --ignore RULE      what a query must not find: own (its identity by its camera; the
                     default), camera (all of its camera), junk (nothing else)
  --ap KIND          step (the default) or trapezoid (Market-1501's own script)
  --by camera        also mAP by pair of cameras
  --worst N          queries listed (10)
  -o FILE            write everything to FILE.json, or a table of the queries to FILE.csv
  --json             print everything as JSON
  --threads N        number of threads
  --quiet            no progress

Further options of an evaluation (expand=alpha, multi_query=mean, eval_gallery=0.5) can be
given as NAME=VALUE, too.]]
  return 0
end

local values = merged(model.values, {
  ["--data"] = "data", ["--shots"] = "shots", ["--draws"] = "draws", ["--ignore"] = "ignore", ["--ap"] = "ap",
  ["--by"] = "by", ["--worst"] = "worst", ["-o"] = "to", ["--out"] = "to", ["--threads"] = "threads"
})
local flags = merged(model.flags, {
  ["--rerank"] = "rerank", ["--raw"] = "raw", ["--json"] = "json", ["--help"] = "help", ["-h"] = "help"
})
local lists = { ["--features"] = "features", ["--csv"] = "csv" }

local function parse(args)
  return arguments.parse(args, { usage = command.usage, values = values, flags = flags, lists = lists })
end

-- Options that make sense with a model, or with features, only.
local function check_kind(fields)
  local with_model = fields.model or fields.data
  if fields.features and with_model then errors.usage "--features and --model are two ways: give one of them" end
  if not fields.features and not with_model then
    errors.usage("what is to be evaluated? --model and --data, or --features; usage: %s", command.usage)
  end
  if not fields.features then
    if not fields.model then errors.usage("which model? --model says so; usage: %s", command.usage) end
    if not fields.data then errors.usage("on which data? --data says so; usage: %s", command.usage) end
    arguments.check_source(fields.data, "data set")
    for _, name in ipairs { "csv", "raw" } do
      if fields[name] then errors.usage("--%s belongs to --features", name) end
    end
    return
  end
  for _, name in ipairs { "trust", "precision" } do
    if fields[name] then errors.usage("--%s belongs to --model", name) end
  end
  for _, path in ipairs(fields.features) do arguments.check_source(path, "file of features") end
  for _, path in ipairs(fields.csv or {}) do arguments.check_source(path, "table") end
  if #fields.features > 2 then errors.usage("--features takes the queries and the gallery, not %d files",
    #fields.features) end
  if fields.csv and #fields.csv ~= #fields.features then
    errors.usage("--csv takes a table for each file of --features: %d, not %d", #fields.features, #fields.csv)
  end
end

local function one_of(fields, name, choices) return arguments.choose(fields[name], "--" .. name, choices) end

-- The options of evaluation that words of the command line stand for.
local function into_overrides(fields, overrides)
  local shots = one_of(fields, "shots", { "1", "all" })
  local given = { rerank = fields.rerank, shots = shots and (shots == "1" and "single" or "multi"),
    eval_draws = arguments.integer(fields, "draws", "--draws", 1, 10000),
    ignore = one_of(fields, "ignore", { "own", "camera", "junk" }), ap = one_of(fields, "ap", { "step", "trapezoid" }) }
  if given.eval_draws and shots ~= "1" then errors.usage "--draws is an option of --shots 1" end
  for name, value in pairs(given) do
    if overrides[name] ~= nil then errors.usage("--%s and %s= say the same: give one of them", name, name) end
    overrides[name] = value
  end
  return overrides
end

local function of_model(fields, overrides, more)
  local dataset = model.try(require("calr.data").open, fields.data) -- first: its errors come at once
  return model.try(require("calr.lab.retrieval").evaluate, { model = model.open(fields, overrides), data = dataset,
    by_camera = more.by_camera, worst = more.worst })
end

-- Features have no network: of NAME=VALUE only the options of evaluation count.
local function of_features(fields, overrides, more)
  local pipeline = require "calr.pipeline.config"
  local defaults, cfg, names = pipeline.defaults(), {}, { "rerank", "shots", "eval_draws", "ignore", "ap", "expand",
    "expand_k", "expand_alpha" }
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  for name in pairs(overrides) do
    if not known[name] then
      errors.usage("features have no option \"%s\"%s; there are: %s", name, suggest(name, names),
        table.concat(names, ", "))
    end
  end
  local all = require("calr.config").apply(defaults, overrides)
  for _, name in ipairs(names) do cfg[name] = all[name] end
  if fields.raw and cfg.rerank then
    errors.usage("--raw keeps rows of any length, and re-ranking needs rows of length 1: leave one of them out")
  end
  return model.try(require("calr.lab.retrieval").evaluate, { features = fields.features, csv = fields.csv,
    cfg = cfg, raw = fields.raw, by_camera = more.by_camera, worst = more.worst })
end

--- calr.program.command.evaluate.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = parse(args)
  if fields.help then return help() end
  check_kind(fields)
  local more = { by_camera = one_of(fields, "by", { "camera" }) ~= nil,
    worst = arguments.integer(fields, "worst", "--worst", 0, 1000000) }
  local overrides = into_overrides(fields, model.options(fields, words, command.usage))
  arguments.check_target(fields.to)
  if fields.to and not fields.to:match "%.json$" and not fields.to:match "%.csv$" then
    errors.usage("-o takes FILE.json or FILE.csv, not %s", fields.to)
  end
  local inputs = table.move(fields.csv or {}, 1, #(fields.csv or {}), 1, {})
  arguments.spare(fields.to, table.move(fields.features or {}, 1, #(fields.features or {}), #inputs + 1, inputs))
  arguments.choose_threads(fields)
  context.current().quiet = fields.quiet
  local found = (fields.features and of_features or of_model)(fields, overrides, more)
  local evaluate = require "calr.lab.retrieval.evaluate"
  if fields.to then model.try(evaluate.save, found, fields.to) end
  if fields.json then
    print(require("calr.json").encode(found, { indent = 2 }))
  else
    io.write(evaluate.text(found))
    if fields.to then print("\n" .. fields.to) end
  end
  return 0
end

return command
