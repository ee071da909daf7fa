--- @module calr.lab.bench
--- The frame of `calr bench`. A benchmark is a file lua/calr/lab/bench/NAME.lua that returns {summary=, options=,
--- rows=function(bench, options)}: `options` are defaults as calr.config takes them, `bench` measures and prints:
---
---     return {
---       summary = "squares of matrices",
---       options = { size = config.option(1024, "rows and columns") },
---       rows = function(bench, options)
---         local a = T.zeros { options.size, options.size }
---         local peers <close> = bench.peer("squares", { size = options.size })
---         local time = bench.time(function() ops.matmul(a, a) end, { peers = peers })
---         bench.row { work = "square", time = time, flops = 2 * options.size ^ 3, aim = { ratio = 2 } }
---       end,
---     }
---
--- The functions of `bench`:
--- - limits() -> {gemm=, bandwidth=, ...}; memory() -> a function that returns the most bytes by which this process has
---   grown since.
--- - time(fn, {repeat=5, warmup=1, single=false, lasts=0.02, probe=false, peers=}) -> {median=, min=, max=, samples=,
---   spread=, gemm=, peers=}; single: a sample is one call, however short; otherwise it is as many calls as fill
---   `lasts` seconds, for the peers too (a single step of milliseconds would find the other program's data in the
---   caches); probe: a product of matrices is timed after each sample, and the row's limit is the median of these rates
---   instead of the best at the start, so that both drift together with the speed of the machine.
--- - row{work=, time= or seconds=, flops=, bytes=, limit=, count=, unit=, memory=, peer=, aim=}: a line of the table.
--- - peer(script, options) -> list of peers, a value for <close>; compare(), before the first row: rows have peers even
---   without --peer.
--- - folder(): that of the peers' scripts, in the sources; fail(message): a complaint, and exit status 1 at the end.
--- - table{columns=, rows=, title=, records=} (records: for --json; without rows nothing is printed); line(text), which
---   --json leaves out; note(text); progress(text), for a terminal.
--- - repeats (from --repeat, or nil); median(list); clock() -> seconds, of processor time with --cpu.
---
--- All rows are measured with the monotonic clock, or by processor time (settings.cpu); a row's time is the median of
--- --repeat samples. Peers alternate with
--- us (ours, theirs, ours, theirs), and the ratio is the median of the ratios pair by pair: if the machine's speed
--- drifts, both halves of a pair slow down.

local errors = require "calr.errors"
local format = require "calr.lab.bench.frame.format"
local json = require "calr.json"
local meter = require "calr.meter"
local phases = require "calr.phases"
local peers = require "calr.lab.bench.frame.peers"
local settle_down = require "calr.lab.bench.frame.settle"
local sys = require "calr.sys"
local text = require "calr.text"
local userfile = require "calr.userfile"

local bench = {}

--- calr.bench.names()
--- @return table  the available benchmarks, sorted
function bench.names()
  local names = {}
  for _, file in ipairs(sys.list(sys.paths.lua .. "/calr/lab/bench")) do
    local name = file:match "^([%w_-]+)%.lua$"
    if name and name ~= "init" then names[#names + 1] = name end
  end
  return names
end

--- calr.bench.load(name)
--- @return table  the benchmark: summary, options, rows
function bench.load(name)
  return require("calr.lab.bench." .. name)
end

local function median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  return #sorted % 2 == 1 and sorted[middle + 1] or (sorted[middle] + sorted[middle + 1]) / 2
end

--- calr.bench.median(values)
--- @return number
bench.median = median

--- calr.bench.measure_limits()
--- Measures the rates this machine reaches now: the best of several large matrix products by the backend, and of passes
--- over a gigabyte of memory; on all threads.
--- @return table  gemm (FLOP/s), bandwidth (bytes/s; the best of the three), read, write, copy (bytes/s)
function bench.measure_limits()
  local limits, bytes = { gemm = 0 }, 1 << 30
  for _, size in ipairs { 2048, 3072, 4096 } do
    limits.gemm = math.max(limits.gemm, 2 * size ^ 3 / meter.gemm(size, size < 4096 and 4 or 2))
  end
  for _, kind in ipairs { "read", "write", "copy" } do limits[kind] = bytes / meter.stream(kind, bytes, 3) end
  limits.bandwidth = math.max(limits.read, limits.write, limits.copy)
  return limits
end

local function limits_text(limits)
  local parts = { "products of matrices " .. format.amount(limits.gemm, "FLOP/s"),
    "memory " .. format.amount(limits.bandwidth, "B/s") }
  if limits.read then
    parts[2] = ("%s (read %s, write %s, copy %s)"):format(parts[2], format.amount(limits.read, "B/s"),
      format.amount(limits.write, "B/s"), format.amount(limits.copy, "B/s"))
  end
  return table.concat(parts, ", ")
end

local Peers = {}
Peers.__index = Peers
Peers.__close = function(self)
  for _, peer in ipairs(self) do peer:close() end
end

-- State that the functions below share during one benchmark.
local function new_session(name, settings)
  return { name = name, settings = settings, rows = {}, failed = 0, tables = {}, notes = {},
    machine = { threads = sys.threads() } }
end

local function say(session, line)
  if not session.settings.json then io.write(line, "\n") io.stdout:flush() end
end

-- A temporary line, for people waiting at a terminal.
local function progress(session, line)
  if not session.settings.json and sys.is_terminal(1) then io.write("\r\27[K", line) io.stdout:flush() end
end

local function note(session, message)
  session.notes[#session.notes + 1] = message
  progress(session, "")
  say(session, message)
end

-- The benchmark goes on without what failed; its exit status tells.
local function fail(session, message)
  session.failed = session.failed + 1
  progress(session, "")
  io.stderr:write("calr: ", message, "\n")
end

local function get_limits(session)
  if not session.limits then
    progress(session, "measuring the machine's limits")
    session.limits = session.settings.limits or bench.measure_limits()
    progress(session, "")
    say(session, ("limits%s: %s"):format(session.settings.limits and " as given" or "", limits_text(session.limits)))
  end
  return session.limits
end

local function peers_folder(session)
  local folder = session.settings.folder or sys.paths.home .. "/tests/bench/peers"
  if not sys.is_folder(folder) then
    errors.usage("the peers' scripts are not in %s; they are in tests/bench/peers of the sources: name that folder "
      .. "with --peers", folder)
  end
  return folder
end

local function start_peers(session, script, options)
  local list = setmetatable({}, Peers)
  local given = session.settings.peers or {}
  if #given == 0 then return list end
  if options and userfile.is_path(options.network) then
    errors.usage("a peer does not know the network %s: measure it without --peer", options.network)
  end
  local path = peers_folder(session) .. "/" .. script .. ".py"
  if not sys.exists(path) then errors.usage("there is no peer's script %s", path) end
  local arguments = { threads = sys.threads(), cpu = session.settings.cpu }
  for key, value in pairs(options or {}) do arguments[key] = value end
  for _, python in ipairs(given) do
    if python:find("/", 1, true) and not sys.exists(python) then errors.usage("there is no program %s", python) end
    progress(session, ("%s: %s is getting ready"):format(script, python))
    local peer, why = peers.start(python, path, arguments)
    progress(session, "")
    if peer then
      list[#list + 1] = peer
    else
      fail(session, ("peer %s %s.py failed: %s"):format(python, script, why))
    end
  end
  return list
end

-- A sample is the mean of as many calls as fill the time `lasts`, at least 20 ms because of clock and caches.
local function calls_for(seconds, lasts)
  return seconds < lasts and math.min(10000, math.ceil(lasts / math.max(seconds, 1e-7))) or 1
end

local function clock_of(session)
  return session.settings.cpu and os.clock or sys.clock
end

-- Seconds for which both programs work before a sample of short calls is timed, and what counts as short.
local settling, short = 0.3, 0.5

local function settling_time(options, seconds)
  local alternates = #(options.peers or {}) > 0 and not options.single
  return alternates and sys.threads() > 1 and seconds < short and settling or 0
end

local function sample(session, fn, calls, settle)
  local clock = clock_of(session)
  if settle then settle_down(settle, fn) end
  local began = clock()
  for _ = 1, calls do fn() end
  return (clock() - began) / calls
end

local function peer_results(list, pairs_by_peer)
  local results = {}
  for _, peer in ipairs(list or {}) do
    if #peer.seconds > 0 then
      results[#results + 1] = { name = peer.name, python = peer.python, seconds = median(peer.seconds),
        samples = peer.seconds, memory = peer.memory, ratios = pairs_by_peer[peer] }
    end
  end
  return results
end

local function spread_of(samples)
  if #samples < 2 then return nil end
  local sorted = table.move(samples, 1, #samples, 1, {})
  table.sort(sorted)
  local low, high = sorted[math.max(1, (#sorted + 3) // 4)], sorted[math.max(1, (3 * #sorted + 3) // 4)]
  return (high - low) / 2 / median(samples)
end

-- Present FLOP/s of a matrix product.
local function product_rate(size)
  return 2 * size ^ 3 / meter.gemm(size, 3)
end

local function time(session, fn, options)
  local wanted = session.settings["repeat"] or options["repeat"] or 5
  local first = options.single and 1 or math.huge
  for _ = 1, math.max(options.warmup or 1, options.single and 0 or 1) do
    first = math.min(first, sample(session, fn, 1))
  end
  local lasts = options.lasts or 0.02
  local calls = options.single and 1 or calls_for(first, lasts)
  if calls > 1 then calls = calls_for(sample(session, fn, calls), lasts) end
  local settle = settling_time(options, first)
  local samples, ratios, probes = {}, {}, {}
  for i = 1, wanted do
    progress(session, ("%d/%d"):format(i, wanted))
    collectgarbage()
    samples[i] = sample(session, fn, calls, settle)
    if options.probe and not session.settings.limits then probes[i] = product_rate(2048) end
    for _, peer in ipairs(options.peers or {}) do
      if not peer.gone then
        local last = peer.seconds[#peer.seconds]
        local seconds, why = peer:run(options.lasts and last and calls_for(last, lasts) or calls,
          settle > 0 and tostring(settle) or nil)
        if seconds then
          ratios[peer] = ratios[peer] or {}
          table.insert(ratios[peer], seconds / samples[i])
        else
          peer.gone = true
          if why then
            fail(session, ("peer %s failed: %s"):format(peer.python, why))
          end
        end
      end
    end
  end
  progress(session, "")
  return { median = median(samples), min = math.min(table.unpack(samples)), max = math.max(table.unpack(samples)),
    samples = samples, spread = spread_of(samples), gemm = probes[1] and median(probes),
    peers = peer_results(options.peers, ratios) }
end

local row_names = { "work", "time", "seconds", "flops", "bytes", "count", "unit", "memory", "peer", "aim",
  "detail", "limit" }

local function add_row(session, given)
  require("calr.options").check("bench.row", given, row_names, 2)
  local row = { work = given.work, flops = given.flops, bytes = given.bytes, memory = given.memory, aim = given.aim,
    count = given.count, unit = given.unit, detail = given.detail }
  local measured = given.time
  row.seconds = given.seconds or measured.median
  if measured then row.spread, row.samples = measured.spread, measured.samples end
  local list = given.peer or measured and measured.peers or {}
  if list.name then list = { list } end
  row.peers = {}
  for i, peer in ipairs(list) do
    row.peers[i] = { name = peer.name, python = peer.python, seconds = peer.seconds, memory = peer.memory,
      samples = peer.samples, ratio = peer.ratios and median(peer.ratios) or peer.seconds / row.seconds }
  end
  if given.limit or row.flops or row.bytes then
    local limits = get_limits(session)
    row.gemm = measured and measured.gemm or limits.gemm
    row.limit = given.limit or math.max((row.flops or 0) / row.gemm, (row.bytes or 0) / limits.bandwidth)
    row.share = row.limit / row.seconds
  end
  row.met = format.met(row)
  session.rows[#session.rows + 1] = row
  local with_peers = session.compares or #(session.settings.peers or {}) > 0
  if not session.head_printed then
    say(session, "\n" .. format.head(with_peers))
    session.head_printed = true
  end
  say(session, format.row(row, with_peers))
  return row
end

-- Resets the peak, after returning the allocator's reserve to the system.
local function memory()
  collectgarbage()
  collectgarbage()
  meter.trim()
  local base = phases.resident "VmRSS"
  phases.reset_peak()
  return function()
    local peak = phases.resident "VmHWM"
    return peak and base and math.max(0, peak - base) or nil
  end
end

local function add_table(session, given)
  session.tables[#session.tables + 1] = { title = given.title, records = given.records }
  if given.rows then
    say(session, "\n" .. text.table { columns = given.columns, rows = given.rows, title = given.title })
  end
end

-- The functions passed to a benchmark.
local function api(session)
  return {
    session = session,
    limits = function() return get_limits(session) end,
    time = function(fn, options) return time(session, fn, options or {}) end,
    row = function(row) return add_row(session, row) end,
    peer = function(script, options) return start_peers(session, script, options) end,
    folder = function() return peers_folder(session) end,
    fail = function(message) fail(session, message) end,
    memory = memory,
    compare = function() session.compares = true end,
    table = function(given) add_table(session, given) end,
    line = function(text_of) say(session, text_of) end,
    note = function(message) note(session, message) end,
    progress = function(line) progress(session, line) end,
    repeats = session.settings["repeat"],
    median = median,
    clock = clock_of(session),
  }
end

local function title(session, options)
  local parts = {}
  for _, name in ipairs((require("calr.config").names(options))) do
    parts[#parts + 1] = ("%s=%s"):format(name, require("calr.config").format(options[name]))
  end
  local ok, engine = pcall(sys.info)
  session.machine.cpu = ok and engine.cpu or nil
  session.machine.onednn_isa = ok and engine.onednn_isa or nil
  session.machine.blas_core = ok and engine.blas_core or nil
  session.machine.conv = ok and engine.conv or nil
  say(session, text.paint("bold", ("calr bench %s"):format(session.name))
    .. (#parts > 0 and "  " .. table.concat(parts, " ") or ""))
  say(session, ("%s, %d threads, convolutions by %s, products by OpenBLAS for %s"):format(
    session.machine.cpu or "unknown processor", session.machine.threads, session.machine.conv or "?",
    session.machine.blas_core or "?"))
  session.machine.clock = session.settings.cpu and "processor" or "monotonic"
  if session.settings.cpu then say(session, "times are seconds of processor time, of all threads together") end
end

-- Ticks of all processors so far, and those that the host of a virtual machine gave to other guests.
local function processor_ticks()
  local ok, stat = pcall(sys.read_file, "/proc/stat")
  local total, stolen, i = 0, 0, 0
  for ticks in (ok and stat:match "^cpu +([%d ]+)" or ""):gmatch "%d+" do
    i = i + 1
    if i <= 8 then total = total + tonumber(ticks) end
    if i == 8 then stolen = tonumber(ticks) end
  end
  return total, stolen
end

-- Notes if others had the processors in the meantime.
local function check_stolen(session, total, stolen)
  local total_after, stolen_after = processor_ticks()
  local share = (stolen_after - stolen) / math.max(1, total_after - total)
  session.machine.stolen = share
  if share > 0.05 then
    note(session, ("\nThe host of this virtual machine gave %.0f %% of processor time to others in the meantime: times "
      .. "are too long by as much, and rows are hardly comparable; ratios are the most reliable."):format(
      100 * share))
  end
end

-- Notes if the machine's speed had changed by the end.
local function check_drift(session)
  if not session.limits or session.settings.limits then return end
  local after = 0
  for _ = 1, 2 do after = math.max(after, 2 * 3072 ^ 3 / meter.gemm(3072, 2)) end
  session.limits.gemm_after = after
  local change = after / session.limits.gemm - 1
  if math.abs(change) > 0.1 then
    note(session, ("\nThe machine drifted: products of matrices ran at %s afterwards (%+.0f %%); shares of the limit "
      .. "are uncertain by as much."):format(format.amount(after, "FLOP/s"), 100 * change))
  end
end

--- calr.bench.run(name, options [, settings])
--- Runs a benchmark and prints its table or JSON.
--- @param options   its options, as returned by calr.config.resolve
--- @param settings  peers (list of Pythons), folder (of the peers' scripts), repeat, limits ({gemm=, bandwidth=}),
---                  json, cpu (processor time instead of the clock's)
--- @return integer  exit status: 1 when a peer or a row failed
function bench.run(name, options, settings)
  local session = new_session(name, settings or {})
  title(session, options)
  local total, stolen = processor_ticks()
  bench.load(name).rows(api(session), options)
  check_drift(session)
  check_stolen(session, total, stolen)
  if session.settings.json then
    print(json.encode({ benchmark = name, version = sys.version, machine = session.machine, options = options,
      limits = session.limits, rows = json.array(session.rows), tables = json.array(session.tables),
      notes = json.array(session.notes) }, { indent = 2 }))
  end
  return session.failed > 0 and 1 or 0
end

return (require("calr.options").counted("calr.bench.", bench))
