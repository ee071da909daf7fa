--- @module calr.program.command.cluster
--- calr cluster FEATURES.npy: clusters your own features.

local arguments = require "calr.program.arguments"
local clusterers = require "calr.lab.cluster"
local config = require "calr.config"
local errors = require "calr.errors"
local input = require "calr.lab.cluster.input"
local json = require "calr.json"
local npy = require "calr.npy"
local summary = require "calr.lab.cluster.summary"
local sys = require "calr.sys"

local command = {
  summary = "cluster features of your own (.npy): Infomap, Leiden, DBSCAN, HDBSCAN, agglomerative, k-means",
  usage = "calr cluster FEATURES.npy [--method infomap] [--OPTION VALUE ...] [-o LABELS.npy] [--truth IDS.npy] "
    .. "[--cameras CAMERAS.npy] [--json]",
  own_help = true,
}

local function option_word(name)
  return "--" .. name:gsub("_", "-")
end

local function default_of(option)
  return option.default == false and "" or tostring(option.default)
end

local function print_method(method)
  print(("\n%s: %s"):format(method.name, method.summary))
  for _, name in ipairs((config.names(method.options))) do
    local option = method.options[name]
    local words = option.choices and (" (" .. table.concat(option.choices, ", ") .. ")") or ""
    print(("  %-20s %-10s %s%s"):format(option_word(name), default_of(option), option.text, words))
  end
end

local function help()
  print("usage: " .. command.usage .. "\n")
  print [[
Clusters the rows of an array saved by NumPy and reports the result. Labels are numbered
from 0 in order of first appearance; -1 is an outlier. The same input gives the same
labels, whatever the number of threads.

  FEATURES.npy    [images x numbers], f16, f32 or f64; rows need not have length 1
  --method NAME   one of the methods below (infomap)
  -o LABELS.npy   write the labels: int32, one per row
  --int64         write them as int64
  --truth FILE    true identities (.npy of integers; below 0: unknown): measures the clusters
  --cameras FILE  cameras (.npy of integers): measures by camera, and counts how many
                  cameras see each cluster
  --json          print JSON
  --threads N     number of threads

options of the methods, with their defaults:]]
  for _, method in ipairs(clusterers.methods()) do print_method(method) end
  return 0
end

-- Option word -> option name, over all methods.
local function all_options()
  local words = {}
  for _, method in ipairs(clusterers.methods()) do
    for _, name in ipairs((config.names(method.options))) do words[option_word(name)] = name end
  end
  return words
end

-- The method's options; an option of another method is an error.
local function method_options(method, given, words)
  local chosen, list = {}, {}
  for word, name in pairs(words) do
    if given[name] ~= nil then list[#list + 1] = word end
  end
  table.sort(list)
  for _, word in ipairs(list) do
    local name = words[word]
    if not method.options[name] then
      local others, own = {}, {}
      for _, other in ipairs(clusterers.methods()) do
        if other.options[name] then others[#others + 1] = other.name end
      end
      for i, each in ipairs((config.names(method.options))) do own[i] = option_word(each) end
      errors.usage("%s is an option of %s; %s has %s", word, table.concat(others, ", "), method.name,
        table.concat(own, ", "))
    end
    chosen[name] = given[name]
  end
  return chosen
end

local function options_text(options, names)
  local parts = {}
  for _, name in ipairs(names) do
    if options[name] ~= nil then parts[#parts + 1] = ("%s=%s"):format(name, tostring(options[name])) end
  end
  return table.concat(parts, " ")
end

local function advise(method, result)
  local advice = result.clusters == 0 and method.none or result.clusters == 1 and method.one
  if not advice then return end
  advice = advice:gsub("%f[%w_]([%a][%w_]*)%f[^%w_](=?)", function(word, equals) -- options as they are written here
    return method.options[word] and "--" .. word:gsub("_", "-") .. (equals ~= "" and " " or "") or nil
  end)
  io.stderr:write(("calr: note: %s; %s\n"):format(result.clusters == 0 and "there are no clusters"
    or "there is only one cluster", advice))
end

-- Options that default to false take no value.
local function is_flag(name)
  for _, method in ipairs(clusterers.methods()) do
    if method.options[name] then return method.options[name].default == false end
  end
end

local function parse(args)
  local words = all_options()
  local values = { ["--method"] = "=method", ["-o"] = "=output", ["--truth"] = "=truth", ["--cameras"] = "=cameras",
    ["--threads"] = "=threads" }
  local flags = { ["--json"] = "=json", ["--int64"] = "=int64", ["--help"] = "=help", ["-h"] = "=help" }
  for word, name in pairs(words) do (is_flag(name) and flags or values)[word] = name end
  local fields, rest = arguments.parse(args, { usage = command.usage, at_most = 1, values = values, flags = flags })
  return fields, rest[1], words
end

-- Runs the method; its errors are reported as the user's.
local function cluster(method, x, options)
  local started = sys.clock()
  local labels, info, all = arguments.judge(clusterers.run, method.name, x, options)
  return { labels = labels, info = info, options = all, seconds = sys.clock() - started }
end

--- calr.program.command.cluster.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, file, words = parse(args)
  if fields["=help"] then return help() end
  if not file then errors.usage("which features? usage: %s", command.usage) end
  local known, method = pcall(clusterers.method, fields["=method"] or "infomap")
  if not known then errors.usage("%s", method) end
  local options = method_options(method, fields, words)
  local threads = arguments.integer(fields, "=threads", "--threads", 1, 1024)
  if threads then sys.threads(threads) end
  arguments.check_target(fields["=output"])
  local x = input.features(file)
  local truth = fields["=truth"] and input.identities(fields["=truth"], x:size(1))
  local cameras, names
  if fields["=cameras"] then cameras, names = input.cameras(fields["=cameras"], x:size(1)) end
  options.cameras = cameras
  local done = cluster(method, x, options)
  local result = summary.of { features = x, labels = done.labels, truth = truth, cameras = cameras,
    camera_names = names }
  result.file, result.method, result.seconds, result.info = file, method.name, done.seconds, done.info
  result.output = fields["=output"]
  if result.output then
    result.type = fields["=int64"] and "int64" or "int32"
    npy.save(result.output, fields["=int64"] and done.labels:to "i64" or done.labels)
  end
  if fields["=json"] then
    result.options = done.options
    print(json.encode(result, { indent = 2 }))
  else
    result.options_text = options_text(done.options, (config.names(method.options)))
    io.write(summary.text(result))
  end
  advise(method, result)
  return 0
end

return command
