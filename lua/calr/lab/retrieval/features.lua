--- @module calr.lab.retrieval.features
--- Features in files, with what is known of their rows: those that `calr extract` writes, and .npy files made elsewhere
--- with a table of their own.

local csv = require "calr.csv"
local extract = require "calr.lab.retrieval.extract"
local input = require "calr.lab.cluster.input"
local json = require "calr.json"
local progress = require "calr.progress"
local sys = require "calr.sys"
local text = require "calr.text"
local T = require "calr.tensor"

local features = {}

local BLOCK = 65536 -- rows looked at together

local function fail(...) error((...):format(select(2, ...)), 0) end

-- What columns may be called in tables made elsewhere.
local called = {
  name = { "name", "path", "file", "filename", "image", "image_path", "img" },
  identity = { "identity", "id", "pid", "person", "person_id", "label" },
  camera = { "camera", "cam", "camid", "camera_id", "cam_id" },
  split = { "split", "set", "subset" },
}

local function column_named(columns, what)
  for _, name in ipairs(called[what]) do
    for given, column in pairs(columns) do
      if type(given) == "string" and given:lower():match "^%s*(.-)%s*$" == name then return column, given end
    end
  end
end

--- calr.lab.retrieval.features.table(path, rows)
--- Reads what is known of rows: columns called name, identity, camera and split, or by one of their usual other names
--- (path, pid, camid, ...); others are not looked at.
--- @param path  of a CSV file with a line of names
--- @param rows  integer; how many there must be
--- @return table  names, identities, cameras, splits = lists of texts, nil for those that are not there; columns = list
---                of what the file has
function features.table(path, rows)
  if not sys.exists(path) then fail("there is no table %s", path) end
  local columns, given = csv.load(path, { numbers = false })
  if not given[1] then fail("%s is empty; it needs a line of names, such as name,identity,camera", path) end
  local count = #columns[given[1]]
  if count ~= rows then fail("%s has %d rows for %d features", path, count, rows) end
  local known = { columns = given }
  for field, what in pairs { names = "name", identities = "identity", cameras = "camera", splits = "split" } do
    known[field] = column_named(columns, what)
    for row, cell in ipairs(known[field] or {}) do
      if not utf8.len(cell) then
        fail("%s: the %s of row %d, %s, is not text in UTF-8: convert the table (iconv -f latin1 -t utf8)", path, what,
          row, text.visible(cell))
      end
    end
  end
  return known
end

-- The number of each of the texts: themselves where all are whole numbers, otherwise their place in order from `first`.
-- Among words, too, -1 is junk and 0 a distractor.
local function numbering(lists, first)
  local seen, names, whole = {}, {}, true
  for _, list in ipairs(lists) do
    for _, name in ipairs(list) do
      if not seen[name] then
        seen[name], names[#names + 1] = true, name
        whole = whole and math.tointeger(tonumber(name)) ~= nil
      end
    end
  end
  table.sort(names, whole and function(a, b) return tonumber(a) < tonumber(b) end or nil)
  for i, name in ipairs(names) do
    local is_number = whole or name == "-1" or name == "0"
    seen[name] = is_number and math.tointeger(tonumber(name)) or first + i - 1
  end
  return seen, names, whole
end

local function numbered(list, numbers)
  local values = {}
  for i, name in ipairs(list) do values[i] = numbers[name] end
  return T(values, "i64")
end

-- What the rows of a set are called in a column: as its table has it, or numbers as texts.
local function texts_of(set, field)
  if set.texts then return set.texts[field] end
  local values, texts = set[field], {}
  for i, number in ipairs(T.is(values) and values:totable() or values or {}) do texts[i] = tostring(number) end
  return values and texts
end

-- Turns texts of identities and cameras into numbers, alike in all sets. Cameras become 0, 1, ... where `dense`;
-- `camera_names` says what they are called.
local function settle(sets, dense)
  for _, field in ipairs { "identities", "cameras" } do
    local lists, texts = {}, {}
    for i, set in ipairs(sets) do
      texts[i] = texts_of(set, field) or false
      if texts[i] then lists[#lists + 1] = texts[i] end
    end
    local numbers, names = numbering(lists, 1)
    if field == "cameras" and dense then
      for i, name in ipairs(names) do numbers[name] = i - 1 end
    end
    for i, set in ipairs(sets) do
      if field == "cameras" then set.camera_names = texts[i] and names or nil end
      set[field] = texts[i] and numbered(texts[i], numbers) or nil
    end
  end
end

-- What rows were called before they get other numbers.
local function keep_texts(sets)
  for _, set in ipairs(sets) do
    set.texts = set.texts or { identities = texts_of(set, "identities"), cameras = texts_of(set, "cameras") }
  end
end

--- calr.lab.retrieval.features.align(sets)
--- Numbers the identities and cameras of sets that were opened apart, so that one number means the same in all of
--- them. Whole numbers stay what they are.
--- @param sets  list of sets of features, or of others with identities, cameras = i64[n] or nil; they are changed
function features.align(sets)
  local first = sets[1]
  if first and first.number_of then
    keep_texts(sets)
    for i = 2, #sets do -- the first keeps its numbers (calr.lab.retrieval.kept), and the others take them
      for _, field in ipairs { "identities", "cameras" } do
        local list, numbers = texts_of(sets[i], field), {}
        for r, word in ipairs(list or {}) do numbers[r] = first.number_of(field, word) end
        sets[i][field] = list and T(numbers, "i64") or nil
      end
    end
    return
  end
  for _, set in ipairs(sets) do
    if set.texts then
      keep_texts(sets)
      return settle(sets, false)
    end
  end
end

--- calr.lab.retrieval.features.called(set, field)
--- @param field  "identities" or "cameras"
--- @return table|nil  what each row is called: an integer, or the text of a table where that is none
function features.called(set, field)
  local found, list = {}, texts_of(set, field)
  for i, word in ipairs(list or {}) do found[i] = math.tointeger(tonumber(word)) or word end
  return list and found
end

--- calr.lab.retrieval.features.called_at(set, field, row)
--- @param field  "identities" or "cameras"
--- @param row    integer; from 1
--- @return integer|string|nil  what the row is called, as of features.called
function features.called_at(set, field, row)
  local list = set.texts and set.texts[field]
  local word = list and list[row]
  if set.texts then return word and (math.tointeger(tonumber(word)) or word) end
  return set[field] and set[field]:get(row)
end

-- In blocks: features may be all that fits into memory.
local function is_unit(x)
  for first = 1, x:size(1), BLOCK do
    local part = x:narrow(1, first, math.min(BLOCK, x:size(1) - first + 1))
    if ((part * part):sum(2) - 1):abs():max():item() > 1e-3 then return false end
  end
  return true
end

-- The rows scaled to length 1; rows that are zero stay.
local function unit(x, path)
  if is_unit(x) then return x end
  progress.print(("note: the rows of %s are scaled to length 1: distances go by the cosine"):format(path))
  return x:l2_normalize()
end

--- calr.lab.retrieval.features.record(path)
--- @return table|nil  what `calr extract` has written about features, NAME.json; nil where there is none
function features.record(path)
  local file = extract.beside(path, ".json")
  if file == path or not sys.exists(file) then return nil end
  local ok, record = pcall(function() return json.decode(sys.read_file(file), file) end)
  return ok and type(record) == "table" and type(record.model) == "string" and record or nil
end

--- calr.lab.retrieval.features.open(paths [, {csv=, raw=false}])
--- Reads one or several files of features with what is known of their rows.
--- @param paths  list of .npy files, [n x d] each, of one width
--- @param csv    list of their tables; default: NAME.csv, where there is one
--- @param raw    rows are taken as they are, so that distances are euclidean; otherwise they are scaled to length 1
--- @return table  list of sets: features = f32[n x d], path, record (features.record), table = path of the table,
---                identities, cameras = i64[n], camera_names, names, splits = lists; nil for what is not known
function features.open(paths, o)
  o = o or {}
  local sets, tables = {}, o.csv or {}
  for i, path in ipairs(paths) do
    local x, beside = input.features(path, "rank"), extract.beside(path, ".csv")
    local set = (tables[i] or sys.exists(beside)) and features.table(tables[i] or beside, x:size(1)) or {}
    set.path, set.record, set.table = path, features.record(path), tables[i] or beside
    set.features = o.raw and x or unit(x, path)
    sets[i] = set
    if x:size(2) ~= sets[1].features:size(2) then
      fail("%s has rows of %d numbers and %s of %d: they are not of one network", paths[1], sets[1].features:size(2),
        path, x:size(2))
    end
  end
  for _, set in ipairs(sets) do set.texts = { identities = set.identities, cameras = set.cameras } end
  settle(sets, true)
  return sets
end

--- calr.lab.retrieval.features.part(set, rows)
--- @param rows  i64[m], from 0
--- @return table  the same features with these rows only
function features.part(set, rows)
  local part = { path = set.path, record = set.record, table = set.table, columns = set.columns,
    camera_names = set.camera_names, features = set.features:index_select(1, rows) }
  for _, field in ipairs { "identities", "cameras" } do
    part[field] = set[field] and set[field]:index_select(1, rows)
  end
  local function chosen(list)
    local found = list and {}
    for i, row in ipairs(list and rows:totable() or {}) do found[i] = list[row + 1] end
    return found
  end
  for _, field in ipairs { "names", "splits" } do part[field] = chosen(set[field]) end
  part.texts = set.texts and { identities = chosen(set.texts.identities), cameras = chosen(set.texts.cameras) }
  return part
end

--- calr.lab.retrieval.features.of_split(set, wanted)
--- @param wanted  "train", "query", "gallery" or "multi"
--- @return table|nil  the rows of that split (the set itself where that is all); nil where there are none, or no
---                    column says the split
function features.of_split(set, wanted)
  local rows = {}
  for i, split in ipairs(set.splits or {}) do
    if split == wanted then rows[#rows + 1] = i - 1 end
  end
  if #rows == set.features:size(1) then return set end
  return rows[1] and features.part(set, T(rows, "i64")) or nil
end

--- calr.lab.retrieval.features.needs(set, field)
--- Fails where a table lacks a column.
--- @param field  "identities", "cameras", "names" or "splits"
function features.needs(set, field)
  if set[field] then return end
  local column = ({ identities = "identity", cameras = "camera", names = "name", splits = "split" })[field]
  if not set.columns then
    fail("%s says nothing of the rows of %s: a table with the column %s is needed (--csv)", set.table, set.path, column)
  end
  fail("%s has no column %s; it has: %s", set.table, column, table.concat(set.columns, ", "))
end

return (require("calr.options").counted("calr.lab.retrieval.features.", features))
