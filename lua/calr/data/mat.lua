--- @module calr.data.mat
--- Reads MATLAB's MAT files of version 5 and 7, as far as the lists that come with data sets need it: numbers, text,
--- and cells of text. Version 7.3, which is HDF5, is refused.

local inflate = require "calr.data.inflate"
local sys = require "calr.sys"

local mat = {}

local MATRIX, COMPRESSED = 14, 15
local CELL, CHAR = 1, 4
local MOST = 256 << 20 -- bytes of an unpacked variable

-- Formats of the numbers of a data element, by its type.
local formats = { "i1", "I1", "i2", "I2", "i4", "I4", "f", [9] = "d", [12] = "i8", [13] = "I8", [16] = "I1",
  [17] = "I2" }

local function damaged() error("the MAT file is damaged", 0) end

-- A data element at a position: its type, its bytes, and where the next one begins.
local function element(s, at)
  if at + 7 > #s then damaged() end
  local kind, size = string.unpack("<I4I4", s, at)
  if kind >> 16 ~= 0 then -- of four bytes or fewer, in the tag itself
    return kind & 0xFFFF, s:sub(at + 4, at + 3 + (kind >> 16)), at + 8
  end
  if at + 7 + size > #s then damaged() end
  local padded = kind == COMPRESSED and size or (size + 7) // 8 * 8
  return kind, s:sub(at + 8, at + 7 + size), at + 8 + padded
end

local function numbers(kind, bytes)
  local format = formats[kind] or damaged()
  local width, list = string.packsize("<" .. format), {}
  for at = 1, #bytes - width + 1, width do list[#list + 1] = (string.unpack("<" .. format, bytes, at)) end
  return list
end

local matrix

-- The text of a row of characters, in UTF-8.
local function text_of(kind, data)
  if kind == 16 then return data end -- it is UTF-8 in the file
  local codes, parts = numbers(kind, data), {}
  for i, code in ipairs(codes) do parts[i] = utf8.char(code) end
  return table.concat(parts)
end

local function cells(bytes, at, count)
  local list = {}
  for i = 1, count do
    local kind, inner
    kind, inner, at = element(bytes, at)
    if kind ~= MATRIX then damaged() end
    list[i] = matrix(inner) or false
  end
  return list
end

-- The value of a matrix and its name: a list of numbers or cells, by columns, or a text; nil for what is not read.
function matrix(bytes)
  if #bytes == 0 then return {}, "" end
  local _, flags, at = element(bytes, 1)
  if #flags < 4 then damaged() end
  local class = flags:byte(1)
  local kind, dims, name
  kind, dims, at = element(bytes, at)
  local count = 1
  for _, d in ipairs(numbers(kind, dims)) do count = count * d end
  _, name, at = element(bytes, at)
  if count < 0 or count > MOST then damaged() end
  if class == CELL then return cells(bytes, at, count), name end
  if class < CHAR then return nil, name end -- structures and objects
  local data
  kind, data = element(bytes, at)
  if class == CHAR then return text_of(kind, data), name end
  return numbers(kind, data), name
end

--- calr.data.mat.load(path)
--- Reads the variables of a MAT file: lists of numbers (matrices by columns, without their shape), texts, and lists of
--- those for cells. Structures are left out.
--- @return table  name -> value
function mat.load(path)
  local s = sys.read_file(path)
  if s:sub(1, 8) == "\137HDF\r\n\26\n" or s:sub(513, 516) == "\137HDF" then
    error(path .. " is a MAT file of version 7.3; save it with -v7 (in Python: scipy.io.savemat)", 0)
  end
  if #s < 128 or s:sub(127, 128) ~= "IM" then error(path .. " is not a MAT file of version 5 or 7", 0) end
  local found, at = {}, 129
  local ok, problem = pcall(function()
    while at + 7 <= #s do
      local kind, bytes
      kind, bytes, at = element(s, at)
      if kind == COMPRESSED then kind, bytes = element(inflate(bytes, MOST), 1) end
      if kind == MATRIX then
        local value, name = matrix(bytes)
        found[name] = value
      end
    end
  end)
  if not ok then error(("%s: %s"):format(path, require("calr.traceback").plain(problem)), 0) end
  return found
end

return (require("calr.options").counted("calr.data.mat.", mat))
