--- @module calr.lab.bench.frame.format
--- Formats the figures of a benchmark.

local text = require "calr.text"

local format = {}

local function scaled(value, unit)
  local prefixes = { { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } }
  for _, prefix in ipairs(prefixes) do
    if value >= prefix[1] then
      local shown = value / prefix[1]
      return (shown < 10 and "%.2f %s%s" or shown < 100 and "%.1f %s%s" or "%.0f %s%s"):format(shown, prefix[2], unit)
    end
  end
  return ("%.3g %s"):format(value, unit)
end

--- calr.lab.bench.frame.format.time(seconds)
--- @return string  "3.42 s", "12.3 ms", "45.1 us"
function format.time(seconds)
  local value, unit = seconds, "s"
  if seconds < 1e-3 then value, unit = seconds * 1e6, "us" elseif seconds < 1 then value, unit = seconds * 1e3, "ms" end
  return (value < 10 and "%.2f %s" or value < 100 and "%.1f %s" or "%.0f %s"):format(value, unit)
end

--- calr.lab.bench.frame.format.rate(row)
--- Returns items, floating-point operations or bytes per second, whichever the row counts.
--- @return string|nil
function format.rate(row)
  if row.count then
    local rate = row.count / row.seconds
    return ("%s %s/s"):format(rate >= 1000 and text.count(math.floor(rate + .5)) or ("%.3g"):format(rate), row.unit)
  elseif row.flops then
    return scaled(row.flops / row.seconds, "FLOP/s")
  elseif row.bytes then
    return scaled(row.bytes / row.seconds, "B/s")
  end
end

--- calr.lab.bench.frame.format.amount(value, unit)
--- @return string  "330 GFLOP/s"
function format.amount(value, unit)
  return scaled(value, unit)
end

--- calr.lab.bench.frame.format.memory(bytes)
--- @return string  "512 MB"
function format.memory(bytes)
  return bytes >= 10e9 and ("%.1f GB"):format(bytes / 1e9) or ("%.0f MB"):format(bytes / 1e6)
end

--- calr.lab.bench.frame.format.aim(aim)
--- @param aim  {ratio=, share=, seconds=, memory=, memory_ratio=, rate=, fraction= and of= (a value that is at most
---             that fraction of something)}, or a text
--- @return string  ">= 2.2x"
function format.aim(aim)
  if type(aim) == "string" then return aim end
  local parts = {}
  if aim.ratio then parts[#parts + 1] = (">= %gx"):format(aim.ratio) end
  if aim.share then parts[#parts + 1] = (">= %g %%"):format(100 * aim.share) end
  if aim.seconds then parts[#parts + 1] = "<= " .. format.time(aim.seconds) end
  if aim.memory then parts[#parts + 1] = "<= " .. format.memory(aim.memory) end
  if aim.memory_ratio then parts[#parts + 1] = ("<= %gx memory"):format(aim.memory_ratio) end
  if aim.rate then parts[#parts + 1] = (">= %s/s"):format(text.count(aim.rate)) end
  if aim.fraction then parts[#parts + 1] = ("<= %g %%, is %.1f %%"):format(100 * aim.fraction, 100 * aim.of) end
  return table.concat(parts, ", ")
end

--- calr.lab.bench.frame.format.met(row)
--- Tells whether a row meets its aim.
--- @return boolean|nil  nil: part of it is unknown, such as a ratio without a peer, and no other part is missed
function format.met(row)
  local aim, peer, missed, unknown = row.aim, row.peers and row.peers[1], false, false
  if type(aim) ~= "table" then return nil end
  -- value >= wanted; where less is better, both have their signs changed
  local function judge(wanted, value, sign)
    if wanted and not value then unknown = true end
    if wanted and value and sign * value < sign * wanted then missed = true end
  end
  judge(aim.ratio, peer and peer.ratio, 1)
  judge(aim.share, row.share, 1)
  judge(aim.seconds, row.seconds, -1)
  judge(aim.memory, row.memory, -1)
  judge(aim.memory_ratio, row.memory and peer and peer.memory and row.memory / peer.memory, -1)
  judge(aim.fraction, aim.of, -1)
  judge(aim.rate, row.count and row.count / row.seconds, 1)
  if missed then return false end
  return not unknown or nil
end

-- The columns: head, width, the cell of a row and its n-th peer (a row has a line for each peer).
local columns = {
  { "work", 40, left = true, function(row) return row.work end },
  { "time", 8, function(row) return format.time(row.seconds) end },
  { "+-", 5, function(row) return row.spread and ("%.0f %%"):format(100 * row.spread) end },
  { "rate", 15, function(row) return format.rate(row) end },
  { "of limit", 8, function(row) return row.share and ("%.0f %%"):format(100 * row.share) end },
  { "memory", 8, function(row) return row.memory and format.memory(row.memory) end },
  { "peer", 28, left = true, peer = true, function(_, peer) return peer.name end },
  { "its time", 8, peer = true, function(_, peer) return format.time(peer.seconds) end },
  { "memory", 8, peer = true, function(_, peer) return peer.memory and format.memory(peer.memory) end },
  { "ratio", 7, peer = true, function(_, peer) return ("%.2fx"):format(peer.ratio) end },
  { "aim", 12, left = true, aim = true, function(row)
    if not row.aim then return nil end
    local met = format.met(row)
    return format.aim(row.aim) .. (met == nil and "" or met and " (met)" or " (not met)"), met
  end },
}

local function line(cells)
  local parts, i = {}, 0
  for _, cell in ipairs(cells) do
    i = i + 1
    local space = (" "):rep(cell.width - text.width(cell.text))
    parts[i] = cell.left and cell.text .. space or space .. cell.text
  end
  return (table.concat(parts, "  "):gsub("%s+$", ""))
end

--- calr.lab.bench.frame.format.head(with_peers)
--- @return string  the column heads and a rule
function format.head(with_peers)
  local heads, rules = {}, {}
  for _, column in ipairs(columns) do
    if with_peers or not column.peer then
      heads[#heads + 1] = { text = column[1], width = column[2], left = column.left }
      rules[#rules + 1] = { text = ("-"):rep(column[2]), width = column[2], left = true }
    end
  end
  return text.paint("bold", line(heads)) .. "\n" .. line(rules)
end

--- calr.lab.bench.frame.format.row(row, with_peers)
--- @return string  a line, and one more for each peer after the first
function format.row(row, with_peers)
  local lines = {}
  for n = 1, math.max(1, row.peers and #row.peers or 0) do
    local cells, peer = {}, row.peers and row.peers[n]
    for _, column in ipairs(columns) do
      if with_peers or not column.peer then
        local shown, met
        if column.peer then
          shown = peer and column[3](row, peer)
        elseif n == 1 then
          shown, met = column[3](row)
        end
        shown = shown or (n == 1 and (column.peer or not column.left) and "-" or "")
        if met ~= nil then shown = text.paint(met and "green" or "yellow", shown) end
        cells[#cells + 1] = { text = shown, width = column[2], left = column.left }
      end
    end
    lines[n] = line(cells)
  end
  return table.concat(lines, "\n")
end

return format
