---@meta calr.bench.frame.format
-- Made by `calr docs`; do not edit.

--- How a benchmark's figures are written.
---@class calr.bench.frame.format
local M = {}

---@param seconds any
---@return string # "3.42 s", "12.3 ms", "45.1 us"
function M.time(seconds) end

--- Things, floating-point operations or bytes a second: whichever the row counts.
---@param row any
---@return string|nil
function M.rate(row) end

---@param value any
---@param unit any
---@return string # "330 GFLOP/s"
function M.amount(value, unit) end

---@param bytes any
---@return string # "512 MB"
function M.memory(bytes) end

---@param aim any {ratio=, share=, seconds=, memory=, memory_ratio=, rate=, fraction= and of= (a value that is at most that fraction of something)}, or a text
---@return string # ">= 2.2x"
function M.aim(aim) end

--- Whether a row's aim is met.
---@param row any
---@return boolean|nil # nil: a part of it cannot be told, as a ratio without a peer, and no other part is missed
function M.met(row) end

---@param with_peers any
---@return string # the heads of the columns and a rule
function M.head(with_peers) end

---@param row any
---@param with_peers any
---@return string # a line, and one more for each peer after the first
function M.row(row, with_peers) end

return M
