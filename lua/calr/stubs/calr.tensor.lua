---@meta calr.tensor
-- Made by `calr docs`; do not edit.

--- Tensors: numbers in memory with a type (f32, bf16, i32, i64, u8) and a shape.
---
--- Positions that are passed as Lua numbers count from 1, as everywhere in Lua. Numbers inside a
--- tensor that name a row (labels, indices of neighbours) count from 0, as in every file format of
--- this field. Images and feature maps are [N x H x W x C].
---@class calr.tensor
local M = {}

--- A tensor of zeros.
---@param shape any table of whole numbers, such as {128, 2048}; {} for a single number
---@param type any "f32" (default), "bf16", "i32", "i64" or "u8"
---@return tensor
function M.zeros(shape, type) end

--- A tensor of one value.
---@param shape any
---@param value any
---@param type any
---@return tensor
function M.full(shape, value, type) end

--- The numbers 0 .. count-1.
---@param count any
---@param type any "i64" (default) or another
---@return tensor
function M.range(count, type) end

--- A tensor from a number, a table of numbers, or nested tables of equal lengths.
--- calr.tensor(numbers) is the same.
---@param numbers any such as {{1, 2}, {3, 4}}
---@param type any "f32" (default) or another
---@return tensor
function M.from(numbers, type) end

---@class tensor
local tensor = {}

---@return table # the dimensions
function tensor:shape() end

--- One dimension, from 1; -1 is the last.
---@param dim any
---@return integer
function tensor:size(dim) end

---@return integer # the number of dimensions
function tensor:dim() end

---@return integer # the number of elements
function tensor:numel() end

---@return string # "f32", "bf16", "i32", "i64" or "u8"
function tensor:dtype() end

--- One element; positions count from 1. Without positions: the only element of a tensor that has
--- one.
---@param i any
---@param j any
---@param ... any
---@return number
function tensor:get(i, j, ...) end

--- Writes one element in place.
---@param i any
---@param j any
---@param ... any
---@return tensor # itself
function tensor:set(i, j, ...) end

--- The elements as (nested) tables; of a single number, the number.
---@return table
function tensor:totable() end

--- The same elements in another shape; shares memory. One dimension may be -1.
---@param shape any
---@return tensor
function tensor:reshape(shape) end

--- `count` items of a dimension from position `first` on; shares memory.
---@param dim any
---@param first any
---@param count any
---@return tensor
function tensor:narrow(dim, first, count) end

--- One item of a dimension, which goes away; shares memory.
---@param dim any
---@param position any
---@return tensor
function tensor:select(dim, position) end

--- Two dimensions swapped; shares memory (a strided view).
---@param dim_a any
---@param dim_b any
---@return tensor
function tensor:transpose(dim_a, dim_b) end

--- The tensor itself when its elements lie in order, otherwise a copy that does.
---@return tensor
function tensor:contiguous() end

--- A copy with memory of its own.
---@return tensor
function tensor:clone() end

--- A copy converted to another type; to integers by truncation, out-of-range values clamped; to
--- bf16 (8 significant bits, the range of f32) by rounding to the nearest, to even between two.
--- Between f32 and bf16 it is an operation with a gradient; integers have none.
---@param type any
---@return tensor
function tensor:to(type) end

--- Copies the elements of a tensor of the same shape into this one, in place, converting types.
---@param source any
---@return tensor # itself
function tensor:copy(source) end

--- Writes one value everywhere, in place.
---@param value any
---@return tensor # itself
function tensor:fill(value) end

--- Copies rows of the first dimension, in the order of `index`, without a gradient (calr.ops.gather
--- has one).
---@param index any i64[m] of row numbers from 0, or a table of them
---@return tensor # [m x ...]
function tensor:rows(index) end

--- Whether type, shape and every bit of every element agree.
---@param other any
---@return boolean
function tensor:equal(other) end

--- Whether no element is NaN or infinite.
---@return boolean
function tensor:is_finite() end

--- The largest element; NaN when there is one.
---@return number
function tensor:max() end

--- The smallest element; NaN when there is one.
---@return number
function tensor:min() end

--- The euclidean norm of all elements, without a gradient.
---@return number
function tensor:norm() end

--- Where the largest element along a dimension stands, counted from 0; the first of equals.
---@param dim any from 1; -1 is the last
---@return tensor # i64, without that dimension
function tensor:argmax(dim) end

--- What the allocator under the tensors holds.
---@return table # live, cached, peak: bytes
function M.memory() end

--- Whether a value is a tensor.
---@param value any
---@return boolean
function M.is(value) end

--- Gives the memory back now, without waiting for the collector: what the tensor is to be asked
--- afterwards is an error. Other tensors of the same memory, and what a gradient needs of it, are
--- not concerned. Closing twice does nothing; local x <close> = ... does it at the end of a block.
function tensor:close() end

return M
