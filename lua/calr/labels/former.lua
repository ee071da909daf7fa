--- @module calr.labels.former
--- What calr.labels held in calr 0.1 besides labels: masks, arithmetic, random choices. `calr.labels.NAME` still calls
--- these functions, for one release; each says what to write instead (docs/CHANGES.md). Masks come out as bool; those
--- that go in may be u8.

local T = require "calr.tensor"
local rng = require "calr.rng"

local former = {}

-- The mask without items at which a tensor is -1.
local function without_outliers(mask, values) return T.is(values) and mask & values:ne(-1) or mask end

local function mask_of(mask) return mask:dtype() == "u8" and mask:ne(0) or mask end

--- calr.labels.former.equal(a, b)
--- Now a:eq(b). -1 agreed with nothing: & a:ne(-1).
--- @return tensor  bool[n]
function former.equal(a, b) return without_outliers(without_outliers(T.eq(a, b), a), b) end

--- calr.labels.former.differ(a, b)
--- Now a:ne(b). Of items of which one is -1 it is not said: & a:ne(-1) & b:ne(-1).
--- @return tensor  bool[n]
function former.differ(a, b) return without_outliers(without_outliers(T.ne(a, b), a), b) end

--- calr.labels.former.at_least(values, number)
--- Now values:ge(number).
--- @return tensor  bool[n]
function former.at_least(values, number) return values:ge(number) end

--- calr.labels.former.both(mask, mask, ...)
--- Now mask & mask.
--- @return tensor  bool[n]
function former.both(mask, ...)
  local all = mask_of(mask)
  for _, further in ipairs { ... } do all = all & mask_of(further) end
  return all
end

--- calr.labels.former.invert(mask)
--- Now ~mask.
--- @return tensor  bool[n]
function former.invert(mask) return ~mask_of(mask) end

--- calr.labels.former.shift(labels, by)
--- Now labels + by. An outlier stayed one: calr.where(labels:lt(0), -1, labels + by).
--- @return tensor  i32[n]
function former.shift(labels, by) return T.where(labels:ge(0), labels + by, labels) end

--- calr.labels.former.where(mask, a, b)
--- Now calr.where(mask, a, b).
--- @return tensor  i32[n]
function former.where(mask, a, b) return T.where(mask_of(mask), a, b):to "i32" end

--- calr.labels.former.total(mask)
--- Now mask:count_nonzero().
--- @return integer  how many items are set
function former.total(mask) return mask_of(mask):count_nonzero():item() end

--- calr.labels.former.rows(mask)
--- Now mask:nonzero():flatten(); where the rows only choose items, values[mask].
--- @return tensor  i64[m]
function former.rows(mask) return mask_of(mask):nonzero():flatten() end

--- calr.labels.former.put(labels, rows, values)
--- Now labels:index_copy_(1, rows, values).
--- @return tensor  the labels
function former.put(labels, rows, values) return labels:index_copy_(1, rows, values) end

--- calr.labels.former.quantile(values, q, mask)
--- Now values:quantile(q), or values[mask]:quantile(q).
--- @return number|nil  nil if there is no value
function former.quantile(values, q, mask)
  local chosen = (mask and values[mask_of(mask)] or values):to "f64"
  if chosen:numel() == 0 then return nil end
  local quantile = chosen:quantile(q):item()
  if quantile ~= quantile then error("calr.labels.quantile: a value is NaN, or two are infinite", 2) end
  return quantile
end

--- calr.labels.former.chance(count, probability, options)
--- Now calr.rng.chance.
--- @return tensor  bool[count]
former.chance = rng.chance

return former
