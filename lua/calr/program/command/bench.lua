--- @module calr.program.command.bench
--- calr bench NAME: measures this machine against its limits and other programs.

local arguments = require "calr.program.arguments"
local bench = require "calr.lab.bench"
local config = require "calr.config"
local errors = require "calr.errors"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

local command = {
  summary = "measure the engine on this machine, against the machine's limits and other programs",
  usage = "calr bench NAME [--peer PYTHON ...] [--repeat N] [--threads N] [--json] [--OPTION VALUE ...]",
  own_help = true,
}

local function option_word(name)
  return "--" .. name:gsub("_", "-")
end

-- Name -> {default=, text=, choices=} of a benchmark's options, and the sorted names.
local function options_of(benchmark)
  local options, names = {}, (config.names(benchmark.options or {}))
  for _, name in ipairs(names) do
    local given = benchmark.options[name]
    options[name] = type(given) == "table" and given.default ~= nil and given or { default = given }
  end
  return options, names
end

local function print_options(benchmark)
  local options, names = options_of(benchmark)
  for _, name in ipairs(names) do
    local o = options[name]
    local default = o.default == false and "" or config.format(o.default)
    local words = o.choices and (" (" .. table.concat(o.choices, ", ") .. ")") or ""
    print(("  %-20s %-12s %s%s"):format(option_word(name), default, o.text or "", words))
  end
end

local function print_names()
  for _, name in ipairs(bench.names()) do
    print(("  %-12s %s"):format(name, bench.load(name).summary))
  end
end

local function help(benchmark, name)
  if benchmark then
    print(("usage: %s\n\n%s\n\nits options, with their defaults:"):format(
      command.usage:gsub("NAME", name, 1), benchmark.summary))
    print_options(benchmark)
  else
    print(("usage: %s\n\n%s\n\nbenchmarks:"):format(command.usage, command.summary))
    print_names()
  end
  print [[

options of all benchmarks:
  --peer PYTHON        alternate with another program that does the same work: a Python with
                       PyTorch, faiss, ...; may be given several times
  --peers FOLDER       folder of the peers' scripts (tests/bench/peers in the sources)
  --repeat N           how often to measure each row; the median is reported
  --threads N          number of threads, for the peers too
  --cpu                measure processor time, of the peers too: for a busy machine, best with
                       --threads 1
  --limits G,B         compare with G GFLOP/s and B GB/s instead of measuring the limits
  --json               print JSON]]
  return 0
end

-- --peer may be given several times; arguments.parse keeps one value of each option.
local function take_peers(args)
  local rest, peers, i = {}, {}, 1
  while args[i] do
    local value = args[i]:match "^%-%-peer=(.*)$"
    if args[i] == "--peer" then
      i = i + 1
      value = args[i] or ""
    end
    if value == "" then errors.usage("--peer takes the path of a Python; usage: %s", command.usage) end
    if value then peers[#peers + 1] = value else rest[#rest + 1] = args[i] end
    i = i + 1
  end
  return rest, peers
end

local flags = { ["--json"] = "=json", ["--cpu"] = "=cpu", ["--help"] = "=help", ["-h"] = "=help" }
local values = { ["--repeat"] = "=repeat", ["--threads"] = "=threads", ["--peers"] = "=peers", ["--limits"] = "=limits",
  ["--peer"] = "=peer" }

-- Parses the common options and the benchmark's own; the latter are returned as "name=value".
local function parse(args, benchmark)
  local own_flags, own_values, overrides = {}, {}, {}
  for word, field in pairs(flags) do own_flags[word] = field end
  for word, field in pairs(values) do own_values[word] = field end
  local options, names = options_of(benchmark or {})
  for _, name in ipairs(names) do
    if options[name].default == false then own_flags[option_word(name)] = name
    else own_values[option_word(name)] = name end
  end
  local fields = arguments.parse(args, { usage = command.usage, at_most = 1, flags = own_flags,
    values = own_values })
  for _, name in ipairs(names) do
    if fields[name] ~= nil then overrides[#overrides + 1] = ("%s=%s"):format(name, tostring(fields[name])) end
  end
  return fields, overrides
end

local function read_limits(word)
  if not word then return nil end
  local gemm, bandwidth = word:match "^([^,]+),([^,]+)$"
  gemm, bandwidth = tonumber(gemm), tonumber(bandwidth)
  if not gemm or not bandwidth or not (gemm > 0 and bandwidth > 0) then
    errors.usage("--limits takes two numbers, GFLOP/s and GB/s, as in --limits 300,20, not \"%s\"", word)
  end
  return { gemm = gemm * 1e9, bandwidth = bandwidth * 1e9 }
end

local function find(name)
  local names = bench.names()
  for _, known in ipairs(names) do
    if known == name then return bench.load(name) end
  end
  errors.usage("there is no benchmark \"%s\"%s; there are: %s", name,
    suggest(name, names), table.concat(names, ", "))
end

--- calr.program.command.bench.run(args)
--- @return integer  exit status: 1 when a peer failed
function command.run(args)
  local name = args[1] and args[1]:sub(1, 1) ~= "-" and args[1] or nil
  local benchmark = name and find(name)
  local rest, peers = take_peers(args)
  local fields, overrides = parse(rest, benchmark)
  if fields["=help"] or #args == 0 then return help(benchmark, name) end
  if not name then errors.usage("which benchmark? Its name comes first; usage: %s", command.usage) end
  local options = arguments.judge(config.resolve, benchmark.options or {}, overrides)
  local threads = arguments.integer(fields, "=threads", "--threads", 1, 1024)
  if threads then sys.threads(threads) end
  return bench.run(name, options, {
    json = fields["=json"], cpu = fields["=cpu"], peers = peers, folder = fields["=peers"],
    limits = read_limits(fields["=limits"]), ["repeat"] = arguments.integer(fields, "=repeat", "--repeat", 1, 10000),
  })
end

return command
