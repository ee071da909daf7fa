--- @module calr.lab.pictures.thin
--- A selection of rows, evenly spread.

--- calr.lab.pictures.thin(count, most)
--- Selects `most` of `count` rows: evenly spread, the first and the last among them.
--- @return table  positions from 1
return function(count, most)
  local keep = {}
  if count <= most then
    for i = 1, count do keep[i] = i end
  elseif most == 1 then
    keep[1] = count
  elseif most > 1 then
    for i = 0, most - 1 do keep[i + 1] = 1 + i * (count - 1) // (most - 1) end
  end
  return keep
end
