--- @module calr.lab.retrieval.search
--- Ranked lists: for each query the nearest images of a gallery.

local T = require "calr.tensor"
local csv = require "calr.csv"
local features_of = require "calr.lab.retrieval.features"
local index = require "calr.lab.retrieval.index"
local json = require "calr.json"
local rank = require "calr.rank"
local sys = require "calr.sys"
local text = require "calr.text"

local search = {}

local SURPLUS = 4 -- entries looked at beyond the list: the query itself, and copies of it
local SAME_FEATURES, SAME_IMAGE = 1e-3, 0.1 -- distances below which an entry may be the query

-- For each query the number of gallery entries that it must not find, and a function that says which they are.
local function ignoring(side, rule)
  local identities, cameras = side.identities, side.cameras
  if rule == "nothing" or not identities then
    return function() return 0 end, function() return false end
  end
  local function by_camera(query) return rule ~= "junk" and cameras and query.camera end
  local function is_ignored(query, row)
    if not query.identity then return false end
    local identity = identities:get(row)
    if identity == -1 then return true end
    if not by_camera(query) or cameras:get(row) ~= query.camera then return false end
    return rule == "camera" or identity == query.identity
  end
  local counts = {}
  return function(query)
    if not query.identity then return 0 end
    local key = ("%s %s"):format(query.identity, query.camera)
    if not counts[key] then
      local out = identities:eq(-1)
      if by_camera(query) then
        local same = cameras:eq(query.camera)
        out = out | (rule == "camera" and same or same & identities:eq(query.identity))
      end
      counts[key] = out:count_nonzero():item()
    end
    return counts[key]
  end, is_ignored
end

local function all_features(queries)
  local list = {}
  for i, query in ipairs(queries) do list[i] = query.features end
  return T.cat(list, 1)
end

-- The gallery's row that is the query, or nil: the same row, the same bytes, or where there are no pictures the same
-- features.
local function find_own(query, side, rows, distances)
  if query.own then return query.own end
  local bytes
  for i, row in ipairs(rows) do
    if row < 0 or distances[i] > SAME_IMAGE then return nil end
    local other = side.picture and side.picture(row + 1)
    bytes = bytes or query.picture and query.picture()
    if other and bytes then
      if other == bytes then return row + 1 end
    elseif distances[i] <= SAME_FEATURES then
      return row + 1
    end
  end
end

-- As many digits as f32 holds; more are noise in files.
local function rounded(distance) return tonumber(("%.7g"):format(distance)) end

local function hits_of(query, side, rows, distances, o)
  local hits, identities = {}, o.identities
  for i, row in ipairs(rows) do
    local at = row + 1
    if #hits == o.top or row < 0 then break end
    if not (o.is_ignored(query, at) or at == query.left_out) then
      local identity = identities and identities:get(at)
      local matches
      if query.identity and query.identity > 0 and identity then matches = identity == query.identity end
      hits[#hits + 1] = { rank = #hits + 1, row = at, name = side.names and side.names[at],
        distance = rounded(distances[i]), identity = features_of.called_at(side, "identities", at),
        camera = features_of.called_at(side, "cameras", at), match = matches }
    end
  end
  return hits
end

--- calr.lab.retrieval.search.run{queries=, gallery=, top=10, rerank=false, approximate=false, recall=0.98,
---   ignore="own", keep_self=false, index=, keep=}
--- Ranks the gallery for each query.
--- @param queries      from calr.lab.retrieval.gallery.queries
--- @param gallery      a side, from calr.lab.retrieval.gallery.open
--- @param top          length of the lists
--- @param rerank       rank by the k-reciprocal distance (calr.rank.topk)
--- @param approximate  by an index, which looks at a part of the gallery only
--- @param recall       number; the share of the true neighbours that the index is to find
--- @param ignore       entries that a query of known identity must not find: "own" (those of its identity and camera),
---                     "camera" (those of its camera), "junk" (those of identity -1, which the others leave out, too),
---                     or "nothing"
--- @param keep_self    a query that is in the gallery finds itself; otherwise it is left out
--- @param index        string; the file that keeps the index (calr.lab.retrieval.index.open), for a gallery of features
--- @param keep         table; {tensors=, metadata=} of calr.lab.retrieval.kept.parts: what the file keeps with it
--- @return table  queries = list of {query=, own = its row in the gallery or nil, hits = list of {rank=, row = from 1,
---                name=, distance=, identity=, camera=, match = true, false or nil}}, about = how it was searched,
---                seconds = of the search alone
function search.run(o)
  local queries, side, top = o.queries, o.gallery, o.top or 10
  local ignored, is_ignored = ignoring(side, o.ignore or "own")
  local most, n = 0, side.features:size(1)
  for _, query in ipairs(queries) do most = math.max(most, ignored(query)) end
  local k, features = math.min(n, top + most + SURPLUS), all_features(queries)
  local by = index.open { features = side.features, approximate = o.approximate or o.index ~= nil, recall = o.recall,
    file = o.index, path = side.path, split = side.split, graph = side.graph, keep = o.keep }
  local started = sys.clock()
  local rows, distances = by:search(features, k)
  local plain_rows, plain_distances, about = rows:totable(), distances:totable(), by.about
  if o.rerank then
    local found = rank.topk { query = features, gallery = side.features, k = k, rerank = true }
    rows, distances, about = found.indices, found.distances, "re-ranked"
  end
  local seconds = sys.clock() - started
  local found_rows, found_distances, lists = rows:totable(), distances:totable(), {}
  local known = { top = top, is_ignored = is_ignored, identities = side.identities }
  for i, query in ipairs(queries) do
    local own = find_own(query, side, plain_rows[i], plain_distances[i])
    query.left_out = not o.keep_self and own or nil
    lists[i] = { query = query, own = own, hits = hits_of(query, side, found_rows[i], found_distances[i], known) }
  end
  return { queries = lists, about = about, seconds = seconds, gallery = side.title, entries = n,
    left_out = not o.keep_self }
end

-- ---- as text and files ----

local function match_text(hit)
  if hit.match == nil then return "" end
  return hit.match and text.paint("green", "yes") or text.paint("red", "no")
end

--- calr.lab.retrieval.search.text(found)
--- @return string  the lists for a terminal
function search.text(found)
  local parts = {}
  for i, list in ipairs(found.queries) do
    local rows, query, identities, cameras = {}, list.query, false, false
    for _, hit in ipairs(list.hits) do
      identities, cameras = identities or hit.identity ~= nil, cameras or hit.camera ~= nil
    end
    local columns = { { "", align = "right" }, "image", { "distance", format = "%.4f", align = "right" } }
    if identities then columns[#columns + 1] = { "identity", align = "right" } end
    if cameras then columns[#columns + 1] = { "camera", align = "right" } end
    if query.identity and identities then columns[#columns + 1] = { "same", painted = true } end
    for r, hit in ipairs(list.hits) do
      local row = { hit.rank, hit.name or "row " .. hit.row, hit.distance }
      if identities then row[#row + 1] = hit.identity end
      if cameras then row[#row + 1] = hit.camera end
      if query.identity and identities then row[#row + 1] = match_text(hit) end
      rows[r] = row
    end
    local called = query.called or query
    local title = query.name .. (called.identity and (" (identity %s%s)"):format(called.identity, called.camera
      and (", camera %s"):format(called.camera) or "") or "")
    parts[i] = #rows > 0 and text.table { title = title, columns = columns, rows = rows }
      or text.paint("bold", text.visible(title)) .. "\nnothing found: no entry of the gallery is left"
  end
  return table.concat(parts, "\n\n") .. "\n"
end

--- calr.lab.retrieval.search.notes(found)
--- @return table  list of texts: queries that are in the gallery themselves
function search.notes(found)
  local notes = {}
  for _, list in ipairs(found.queries) do
    if list.own then
      notes[#notes + 1] = ("%s is itself in the gallery (row %d): it is %s"):format(list.query.name, list.own,
        found.left_out and "left out of its list (--keep-self keeps it)" or "in its list")
    end
  end
  return notes
end

local function plain_list(found)
  local lists = json.array()
  for i, list in ipairs(found.queries) do
    local hits = json.array()
    for r, hit in ipairs(list.hits) do hits[r] = hit end
    local called = list.query.called or list.query
    lists[i] = { query = list.query.name, identity = called.identity, camera = called.camera,
      own_row = list.own, hits = hits }
  end
  return { gallery = found.gallery, entries = found.entries, searched = found.about, seconds = found.seconds,
    queries = lists }
end

--- calr.lab.retrieval.search.json(found)
--- @return string  everything, as JSON
function search.json(found) return json.encode(plain_list(found), { indent = 2 }) end

--- calr.lab.retrieval.search.save(found, path)
--- Writes the lists as JSON, or where the name ends in .csv as a table with a line for each hit. Rows count from 1.
function search.save(found, path)
  if not path:match "%.csv$" then
    sys.write_file(path, search.json(found) .. "\n")
    return
  end
  local names = { "query", "rank", "image", "row", "distance", "identity", "camera", "match" }
  local columns = {}
  for _, name in ipairs(names) do columns[name] = {} end
  for _, list in ipairs(found.queries) do
    for _, hit in ipairs(list.hits) do
      local match = hit.match
      if match == nil then match = "" end
      local row = { query = list.query.name, rank = hit.rank, image = hit.name or "", row = hit.row,
        distance = hit.distance, identity = hit.identity or "", camera = hit.camera or "", match = match }
      for name, value in pairs(row) do table.insert(columns[name], value) end
    end
  end
  csv.save(path, columns, names)
end

return (require("calr.options").counted("calr.lab.retrieval.search.", search))
