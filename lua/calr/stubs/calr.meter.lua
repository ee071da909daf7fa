---@meta calr.meter
-- Made by `calr docs`; do not edit.

--- Measuring the engine itself: the limits of the machine that `calr bench` holds times against, and
--- the kernels that run during a call.
---@class calr.meter
local M = {}

--- Multiplies two f32 matrices of size x size with the backend that networks use, on all threads.
---@param size any
---@param repeats any how many times, after one that does not count (default 3)
---@return number # the shortest time in seconds; 2 size^3 floating-point operations
function M.gemm(size, repeats) end

--- Passes over memory on all threads. For the rate of the memory, and not of a cache, take several
--- times the size of the last cache.
---@param kind any "read", "write" or "copy"; a copy reads half of the bytes and writes the other half
---@param bytes any
---@param repeats any how many times, after one that does not count (default 3)
---@return number # the shortest time in seconds
function M.stream(kind, bytes, repeats) end

--- Calls a function and notes every kernel that runs meanwhile for this thread: the entries of the
--- backend's table (convolutions, products, norms, ...), and under the name "parallel" whatever else
--- runs on all threads. Of kernels within kernels the outermost counts: their seconds add up to the
--- time spent in kernels, and the rest of the call's time is overhead.
---@param fn any
---@param ... any
---@return table # in order, {kernel=, label=, seconds=, flops=, bytes=, detail=}: the operations and bytes (inputs and outputs, each once) of the kernel's definition, and its shapes as text
---@return number # the seconds that the whole call took
function M.count(fn, ...) end

--- With a number, sets the label that kernels are noted under from now on (0 at first). The kernels of
--- a backward pass carry the label that was set when the operation ran forward.
---@param number any
---@return integer # the label that was set before
function M.label(number) end

--- Returns the memory that freed tensors have left for later ones to the system, so that the peak of
--- what follows can be measured.
function M.trim() end

return M
