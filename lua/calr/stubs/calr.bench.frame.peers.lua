---@meta calr.bench.frame.peers
-- Made by `calr docs`; do not edit.

--- Other programs that do the same work as a benchmark, each a child process that is asked in alternation with us.
---
--- A peer is a Python script of tests/bench/peers: it gets its options as JSON, prints a line of JSON when it is ready
--- and another after each line "run" that it reads: {"name":, "seconds": [...], "peak_mb":}. common.py beside the
--- scripts has the other half of this.
---
--- "run 5" asks for the work five times in a row, and for the mean of their times.
---@class calr.bench.frame.peers
local M = {}

--- Starts a peer and waits until it is ready.
---@param python any
---@param script any path
---@param options any table that the script gets as JSON
---@return peer|nil # a value for <close>; nil when it could not do its work
---@return string # then why
function M.start(python, script, options) end

---@class peer
local peer = {}

--- Lets it do the work once, or so often in a row.
---@param calls any
---@return number|nil # its time in seconds, the mean of the calls; nil: it has ended
---@return string # then why; nil when it had measured all by itself
function peer:run(calls) end

--- Lets it end, and waits for that; a second time does nothing.
function peer:close() end

return M
