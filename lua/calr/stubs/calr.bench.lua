---@meta calr.bench
-- Made by `calr docs`; do not edit.

--- What `calr bench` is made of. A benchmark is a file lua/calr/bench/NAME.lua that returns {summary=, options=,
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
--- - limits() -> {gemm=, bandwidth=, ...}; memory() -> a function that gives the bytes by which this process has grown
---   at most since.
--- - time(fn, {repeat=5, warmup=1, single=false, lasts=0.02, probe=false, peers=}) -> {median=, min=, max=, samples=,
---   spread=, gemm=, peers=}; single: a sample is one call, however short; otherwise as many as fill `lasts` seconds,
---   and so are the peers' (of a step of milliseconds one alone would be measured with the other program's data in the
---   caches); probe: a product of matrices is timed after each sample, and the row's limit is the median of these rates
---   instead of the best at the beginning: on a machine whose speed drifts both then drift together.
--- - row{work=, time= or seconds=, flops=, bytes=, limit=, count=, unit=, memory=, peer=, aim=}: a line of the table.
--- - peer(script, options) -> list of peers, a value for <close>; compare(), before the first row: rows have peers even
---   when --peer is not given.
--- - table{columns=, rows=, title=, records=} (records: for --json); note(text); progress(text), for a terminal.
--- - repeats (of --repeat, or nil); median(list).
---
--- All rows are measured with the clock that only runs forward; a row's time is the median of --repeat samples. Peers
--- are measured in alternation with us (ours, theirs, ours, theirs), and the ratio is the median of the ratios pair by
--- pair: a machine whose speed drifts slows both halves of a pair.
---@class calr.bench
local M = {}

---@return table # the benchmarks there are, sorted
function M.names() end

---@param name any
---@return table # the benchmark: summary, options, rows
function M.load(name) end

---@param values any
---@return number
function M.median(values) end

--- The rates this machine reaches now: the best of several large products of matrices by the backend, and of passes
--- over a gigabyte of memory; on all threads.
---@return table # gemm (FLOP/s), bandwidth (bytes/s; the best of the three), read, write, copy (bytes/s)
function M.measure_limits() end

--- Runs a benchmark and prints its table or JSON.
---@param name any
---@param options any its options, as calr.config.resolve returns them
---@param settings any peers (list of Pythons), folder (of the peers' scripts), repeat, limits ({gemm=, bandwidth=}), json
---@return integer # exit status: 1 when a peer failed
function M.run(name, options, settings) end

return M
