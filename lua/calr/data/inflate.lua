--- @module calr.data.inflate
--- Unpacks DEFLATE streams (RFC 1951) in a zlib envelope (RFC 1950), for the small compressed files that come with data
--- sets. Some megabytes a second.

local bases = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258 }
local extras = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 }
local distance_bases = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
  2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 }
local distance_extras = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
  13 }
local order = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

local function damaged() error("the compressed data are damaged", 0) end

-- Bits come least first. s: bytes, at, hold (bits read ahead), held.
local function bits(s, count)
  while s.held < count do
    local byte = s.bytes:byte(s.at) or damaged()
    s.hold, s.held, s.at = s.hold | byte << s.held, s.held + 8, s.at + 1
  end
  local value = s.hold & (1 << count) - 1
  s.hold, s.held = s.hold >> count, s.held - count
  return value
end

-- Canonical Huffman code of lengths[0 .. n-1]: a table from (length << 16 | code) to the symbol.
local function huffman(lengths, n)
  local counts, first, code, symbols = {}, {}, 0, {}
  for i = 0, n - 1 do counts[lengths[i]] = (counts[lengths[i]] or 0) + 1 end
  for length = 1, 15 do
    code = (code + (length > 1 and counts[length - 1] or 0)) << 1
    first[length] = code
    if code + (counts[length] or 0) > 1 << length then damaged() end
  end
  for i = 0, n - 1 do
    local length = lengths[i]
    if length > 0 then
      symbols[length << 16 | first[length]] = i
      first[length] = first[length] + 1
    end
  end
  return symbols
end

local function symbol(s, code)
  local value = 0
  for length = 1, 15 do
    value = value << 1 | bits(s, 1)
    local found = code[length << 16 | value]
    if found then return found end
  end
  damaged()
end

local function fixed()
  local lengths, distances = {}, {}
  for i = 0, 287 do lengths[i] = i < 144 and 8 or i < 256 and 9 or i < 280 and 7 or 8 end
  for i = 0, 29 do distances[i] = 5 end
  return huffman(lengths, 288), huffman(distances, 30)
end

-- The two codes of a block with its own, themselves Huffman-coded lengths.
local function dynamic(s)
  local literals, distances, count = bits(s, 5) + 257, bits(s, 5) + 1, bits(s, 4) + 4
  local lengths = {}
  for i = 0, 18 do lengths[i] = 0 end
  for i = 1, count do lengths[order[i]] = bits(s, 3) end
  local code, all, i = huffman(lengths, 19), {}, 0
  while i < literals + distances do
    local sym = symbol(s, code)
    local value, times = sym, 1
    if sym == 16 then
      if i == 0 then damaged() end
      value, times = all[i - 1], bits(s, 2) + 3
    elseif sym > 16 then
      value, times = 0, sym == 17 and bits(s, 3) + 3 or bits(s, 7) + 11
    end
    for _ = 1, times do all[i], i = value, i + 1 end
  end
  if i ~= literals + distances then damaged() end
  local second = {}
  for j = 0, distances - 1 do second[j] = all[literals + j] end
  return huffman(all, literals), huffman(second, distances)
end

local function copy_block(s, out, lengths, distances, most)
  while true do
    local sym = symbol(s, lengths)
    if sym == 256 then return end
    if sym < 256 then
      out[#out + 1] = sym
    else
      local base = bases[sym - 256] or damaged()
      local length = base + bits(s, extras[sym - 256])
      local d = symbol(s, distances)
      local back = (distance_bases[d + 1] or damaged()) + bits(s, distance_extras[d + 1])
      local from = #out - back
      if from < 0 then damaged() end
      for i = 1, length do out[#out + 1] = out[from + i] end
    end
    if #out > most then error("the compressed data are larger than expected", 0) end
  end
end

local function stored_block(s, out, most)
  s.hold, s.held = 0, 0
  local length, check = bits(s, 16), bits(s, 16)
  if length ~= ~check & 0xFFFF or s.at + length - 1 > #s.bytes or #out + length > most then damaged() end
  for i = s.at, s.at + length - 1 do out[#out + 1] = s.bytes:byte(i) end
  s.at = s.at + length
end

local function text_of(out)
  local parts = {}
  for first = 1, #out, 4096 do
    parts[#parts + 1] = string.char(table.unpack(out, first, math.min(first + 4095, #out)))
  end
  return table.concat(parts)
end

--- calr.data.inflate(bytes, most)
--- Unpacks a zlib stream held in a string. Damaged data, and more than `most` bytes, are errors.
--- @return string
return function(bytes, most)
  local method = bytes:byte(1)
  if not method or method & 15 ~= 8 or string.unpack(">I2", bytes .. "\0") % 31 ~= 0 then damaged() end
  local s, out, last = { bytes = bytes, at = 3, hold = 0, held = 0 }, {}, false
  while not last do
    last = bits(s, 1) == 1
    local kind = bits(s, 2)
    if kind == 0 then
      stored_block(s, out, most)
    elseif kind == 1 then
      local lengths, distances = fixed()
      copy_block(s, out, lengths, distances, most)
    elseif kind == 2 then
      local lengths, distances = dynamic(s)
      copy_block(s, out, lengths, distances, most)
    else
      damaged()
    end
  end
  return text_of(out)
end
