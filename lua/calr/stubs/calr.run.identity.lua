---@meta calr.run.identity
-- Made by `calr docs`; do not edit.

--- What makes two runs the same: script, configuration, data, network, code, machine.
---@class calr.run.identity
local M = {}

---@param path any
---@return table # path (absolute), name (without folder and .lua), hash
function M.script(path) end

---@param data any a data set, a fingerprint, or nil
---@return table|nil # fingerprint, and name and path where the data set has them
function M.data(data) end

---@param tensors any tensors by name, or nil
---@return table|nil # tensors (how many) and hash, over names, types and shapes
function M.network(tensors) end

---@return table # version, revision, and library: one hash over calr's Lua files
function M.code() end

--- The Lua files that a configuration names, such as a refinement rule of one's own.
---@param config any
---@return table # path -> hash
function M.files(config) end

--- The Lua modules in use that are not calr's own.
---@return table # name -> hash
function M.modules() end

---@return table # host, processors, processor (its name), and the kernels in use: blas_core, conv, onednn_isa
function M.machine() end

--- Why a run cannot be gone on with: script, configuration, threads, data or network differ.
---@param now any
---@param old any
---@return string|nil # nil when nothing does
function M.difference(now, old) end

--- What may make the continuation differ in its bits but does not forbid it.
---@param now any
---@param old any
---@return table # list of sentences
function M.changes(now, old) end

return M
