--- @module calr.lab.pictures.clusters
--- Some clusters of an epoch as they were found, split and refined: Figure 3 of CALR (arXiv 2403.16450). Of each
--- cluster the members that refinement discarded and those that it kept, the local cluster of its pivot, and what was
--- trained on.

local L = require "calr.labels"
local thin = require("calr.lab.pictures.thin")

local clusters = {}

local MOST = 20 -- images of a row

local function rows_where(mask) return mask:nonzero():flatten():totable() end

-- Up to MOST of the members, discarded ones and others alike, by camera.
local function choose(rows, discarded, cameras)
  local gone, stay = {}, {}
  for _, row in ipairs(rows) do table.insert(discarded[row + 1] and gone or stay, row) end
  local chosen = {}
  for _, at in ipairs(thin(#gone, MOST - math.min(#stay, MOST // 2))) do
    chosen[#chosen + 1] = gone[at]
  end
  for _, at in ipairs(thin(#stay, MOST - #chosen)) do chosen[#chosen + 1] = stay[at] end
  table.sort(chosen, function(a, b)
    if cameras[a + 1] ~= cameras[b + 1] then return cameras[a + 1] < cameras[b + 1] end
    return a < b
  end)
  return chosen
end

-- The identity of most members that are known, or nil.
local function majority(rows, identities)
  local count, best = {}, nil
  for _, row in ipairs(rows) do
    local id = identities[row + 1]
    if id >= 0 then
      count[id] = (count[id] or 0) + 1
      if not best or count[id] > count[best] or count[id] == count[best] and id < best then best = id end
    end
  end
  return best
end

-- The numbers of the clusters to show: those from which most was discarded, then large ones, evenly.
local function which(labels, discarded, most)
  local sizes, gone = L.count(labels.global):totable(), {}
  for row, cluster in ipairs(labels.global:totable()) do
    if cluster >= 0 and discarded[row] then gone[cluster] = (gone[cluster] or 0) + 1 end
  end
  local first, rest = {}, {}
  for i, size in ipairs(sizes) do
    if size >= 2 then table.insert(gone[i - 1] and first or rest, { number = i - 1, size = size }) end
  end
  local function larger(a, b)
    if a.size ~= b.size then return a.size > b.size end
    return a.number < b.number
  end
  table.sort(first, larger)
  table.sort(rest, larger)
  local total, chosen = #first + #rest, {}
  for _, at in ipairs(thin(#first, most)) do chosen[#chosen + 1] = first[at].number end
  for _, at in ipairs(thin(#rest, most - #chosen)) do chosen[#chosen + 1] = rest[at].number end
  return chosen, total
end

-- The local cluster to show beside a global one: its pivot's, else the one of most members.
local function local_of(labels, rows, usual, cluster)
  if not labels.locals then return nil, nil end
  local pivot
  for _, row in ipairs(rows) do
    pivot = labels.pivots and labels.pivots:get(row + 1) or -1
    if pivot >= 0 then break end
  end
  if pivot and pivot >= 0 then return labels.locals:get(pivot + 1), pivot end
  return usual:get(cluster + 1), nil
end

--- calr.lab.pictures.clusters.collect(record, labels [, most])
--- @param record  of calr.lab.pictures.record.open, with its data set
--- @param labels  of an epoch: record:labels(i)
--- @param most    integer; clusters; default 6
--- @return table  list of {number=, size=, discarded=, cameras=, purity=, pivot=, global=, locals=, refined=}: the last
---                three lists of {row=, frame="kept"|"discarded"|nil, cross=, pivot=}, rows from 0; locals and refined
---                nil where there is nothing to tell
--- @return integer  clusters of two images or more
function clusters.collect(record, labels, most)
  local split = record.split
  local cameras, identities = split:cameras():totable(), split:identities():totable()
  local discarded = labels.refined and (labels.refined:lt(0) & labels.global:ge(0)):totable() or {}
  local chosen, total = which(labels, discarded, most or 6)
  local usual = labels.locals and L.commonest(labels.global, labels.locals)
  local list = {}
  for i, number in ipairs(chosen) do
    local rows = rows_where(labels.global:eq(number))
    local main, gone, same, known, seen, count = majority(rows, identities), 0, 0, 0, {}, 0
    for _, row in ipairs(rows) do
      gone = gone + (discarded[row + 1] and 1 or 0)
      same, known = same + (identities[row + 1] == main and 1 or 0), known + (identities[row + 1] >= 0 and 1 or 0)
      if not seen[cameras[row + 1]] then seen[cameras[row + 1]], count = true, count + 1 end
    end
    local own, pivot = local_of(labels, rows, usual, number)
    local function item(row, frame)
      return { row = row, frame = frame, pivot = row == pivot or nil, camera = cameras[row + 1],
        cross = main and identities[row + 1] >= 0 and identities[row + 1] ~= main or nil }
    end
    local shown = { number = number, size = #rows, discarded = gone, cameras = count, pivot = pivot,
      purity = main and same / known or nil, global = {} }
    local picked = choose(rows, discarded, cameras)
    for j, row in ipairs(picked) do
      shown.global[j] = item(row, labels.refined and (discarded[row + 1] and "discarded" or "kept") or nil)
    end
    if own and own >= 0 then
      shown.locals = {}
      local members = rows_where(labels.locals:eq(own))
      shown.local_size, shown.local_camera = #members, cameras[members[1] + 1]
      for j, at in ipairs(thin(#members, MOST)) do
        local row = members[at]
        shown.locals[j] = item(row, labels.global:get(row + 1) == number
          and (discarded[row + 1] and "discarded" or "kept") or nil)
      end
    end
    if labels.refined then
      shown.refined = {}
      for _, row in ipairs(picked) do
        if not discarded[row + 1] then shown.refined[#shown.refined + 1] = item(row, "kept") end
      end
    end
    list[i] = shown
  end
  return list, total
end

return (require("calr.options").counted("calr.lab.pictures.clusters.", clusters))
