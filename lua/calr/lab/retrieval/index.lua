--- @module calr.lab.retrieval.index
--- Which entries of a gallery are near to queries: exactly, or by an index, which may be kept in a file. The one place
--- that chooses the index.
---
--- The file of an index is one of graph:save (calr.cluster), whose metadata also say which features it is of: the hash
--- of their file and of the split that was searched; and with which effort a search reaches which recall. This effort
--- is measured once, on rows of the gallery, and takes as long as an exact search of as many queries. So where it does
--- not serve a search, for its recall is lower or its neighbours are fewer, few queries are searched exactly.

local C = require "calr.cluster"
local json = require "calr.json"
local progress = require "calr.progress"
local rank = require "calr.rank"
local sys = require "calr.sys"
local text = require "calr.text"
local T = require "calr.tensor"

local index = {}

-- Keys of the metadata. EFFORT holds four numbers: the wanted recall, neighbours, the effort, and the recall reached.
local KIND, FEATURES, FROM, EFFORT = "calr.kind", "calr.features", "calr.features.from", "calr.effort"

-- Rows whose neighbours are looked for to measure an effort, and how many at least: what a query must not find (other
-- images of its person by its camera) is asked for besides, and an effort for fewer would be measured anew.
local SAMPLE, MOST = 256, 128

local function fail(...) error((...):format(select(2, ...)), 0) end

local function exact(features)
  return { about = "exact", search = function(_, queries, k)
    local found = rank.topk { query = queries, gallery = features, k = math.min(k, features:size(1)) }
    return found.indices, found.distances
  end }
end

-- Rows of length 1 have the euclidean order of the cosine, so one metric serves raw rows too.
local function make(features)
  local started = sys.clock()
  local graph = C.neighbour_graph(features, { metric = "euclidean" })
  progress.print(("index of %s rows made in %s"):format(text.count(features:size(1)),
    text.duration(sys.clock() - started)))
  return graph
end

-- The effort for a recall of the first k: {wanted=, k=, effort=, recall=}.
local function measure(graph, features, k, wanted)
  local n = #graph
  local count = math.min(SAMPLE, n)
  local rows = (T.arange(count):to "i64" * n):div(count, { rounding_mode = "floor" }):to "i64"
  k = math.min(n, math.max(k, MOST))
  local found = graph:search(features:index_select(1, rows), { k = k, recall = wanted, measure = count })
  return { wanted = wanted, k = k, effort = found.effort, recall = found.recall }
end

-- Whether an effort that was measured reaches this recall of the first k.
local function serves(known, k, wanted) return known and known.wanted >= wanted and known.k >= k end

local function approximate(graph, o, known)
  return { about = "approximate", search = function(self, queries, k)
    k = math.min(k, #graph)
    if not serves(known, k, o.recall) then
      if queries:size(1) <= SAMPLE then -- to measure an effort would take as long
        self.about = ("exact, as the index is measured for %s"):format(not known and "no recall" or known.wanted
          < o.recall and ("a recall of %g"):format(known.wanted) or ("%d neighbours"):format(known.k))
        local found = exact(o.features)
        return found:search(queries, k)
      end
      known = measure(graph, o.features, k, o.recall)
    end
    local found = graph:search(queries, { k = k, effort = math.max(known.effort, k) })
    self.about = ("approximate, recall %.3f"):format(known.recall)
    return found.indices, found.distances
  end }
end

-- The metadata of a safetensors file, without its tensors; nil where it is none.
local function metadata_of(path)
  local head = sys.read_from(path, 0, 8)
  local size = head and #head == 8 and string.unpack("<I8", head)
  if not size or size < 2 or size > 1 << 24 then return nil end
  local ok, header = pcall(json.decode, sys.read_from(path, 8, size), path)
  return ok and type(header) == "table" and type(header.__metadata__) == "table" and header.__metadata__ or nil
end

-- What the features in a file are told by: their bytes, and which of them are searched.
local function fingerprint(o) return sys.hash(sys.hash_file(o.path) .. " " .. (o.split or "")) end

-- The effort that was measured with a graph; nil where none was.
local function effort_of(about)
  local wanted, k, effort, recall = (about[EFFORT] or ""):match "^(%S+) (%d+) (%d+) (%S+)$"
  local known = wanted and { wanted = tonumber(wanted), k = math.tointeger(k), effort = math.tointeger(effort),
    recall = tonumber(recall) }
  return known and known.wanted and known.k and known.effort and known.recall and known or nil
end

-- Writes the graph, what it is of and how it is searched, and the gallery's table.
local function keep(graph, known, o)
  local about = { [FEATURES] = fingerprint(o), [EFFORT] = ("%.17g %d %d %.4f"):format(known.wanted, known.k,
    known.effort, known.recall),
    [FROM] = ("%s (%d x %d)"):format(o.path, o.features:size(1), o.features:size(2)) }
  for key, value in pairs(o.keep and o.keep.metadata or {}) do about[key] = value end
  graph:save(o.file, { metadata = about, tensors = o.keep and o.keep.tensors })
end

-- The graph in a file, and the effort that was measured with it.
local function load(file, o)
  local about = metadata_of(file)
  if not about or about[KIND] ~= "neighbour graph" or not about[FEATURES] then
    fail("%s is no index of calr search; give --index another name", file)
  end
  if about[FEATURES] ~= fingerprint(o) then
    fail("the index %s is of other features than %s: it was made of %s. Remove it, or give --index another name", file,
      o.path, about[FROM] or "others")
  end
  return C.load_neighbour_graph(file), effort_of(about)
end

-- The features were read because the file does not keep this table, or has not seen these times: now it does.
local function renew(graph, known, o)
  if not o.keep or not known then return end
  local ok, problem = pcall(keep, graph, known, o)
  if not ok then progress.print(("note: %s is not brought up to date: %s"):format(o.file, tostring(problem))) end
end

--- calr.lab.retrieval.index.open{features=, approximate=false, recall=0.98, file=, path=, split=, graph=, keep=}
--- @param features     f32[n x d]
--- @param approximate  look at a part of the rows only: by a graph of neighbours (calr.cluster.neighbour_graph)
--- @param recall       number; the share of the true neighbours to find
--- @param file         string; where the index is kept: read if it is there, an error if it is of other features, made
---                     and written otherwise
--- @param path         string; with file, the .npy file of the features
--- @param split        string; with file, the split of its table that `features` are
--- @param graph        the graph of the file, where it is open already (calr.lab.retrieval.kept)
--- @param keep         table; {tensors=, metadata=}: what is kept in the file with the graph
--- @return table  search(self, queries, k) -> i32[q x k], f32[q x k]: rows from 0 and their euclidean distances,
---                nearest first; about = string, how it searches
function index.open(o)
  if not o.approximate then return exact(o.features) end
  o = { features = o.features, file = o.file, path = o.path, split = o.split, recall = o.recall or 0.98, keep = o.keep,
    graph = o.graph }
  local graph, known = o.graph
  if graph then
    known = effort_of(metadata_of(o.file) or {})
  elseif o.file and sys.exists(o.file) then
    graph, known = load(o.file, o)
    renew(graph, known, o)
  else
    graph = make(o.features)
    known = measure(graph, o.features, MOST, o.recall)
    if o.file then keep(graph, known, o) end
  end
  return approximate(graph, o, known)
end

return (require("calr.options").counted("calr.lab.retrieval.index.", index))
