--- @module calr.lab.retrieval.kept
--- A gallery of features as its index file keeps it: the graph, the rows, and what the table says of them, so that a
--- search looks at what it finds and reads nothing else. The file says of which features and which table it is, by
--- their sizes and times; where these have changed, the features themselves are read and compared.
---
--- Beside the tensors of graph:save it has, of the rows that are searched: `identities` and `cameras`, i64[n]; `names`,
--- bytes one after the other, `name_ends`, i64[n], where each ends, and `name_order`, i32[n], the rows in the order of
--- their names; `identity_words` and `identity_word_ends` where identities are no numbers. What is not known is absent.

local C = require "calr.cluster"
local T = require "calr.tensor"
local json = require "calr.json"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"

local kept = {}

local ABOUT = "calr.gallery" -- the key of the metadata that holds what is below, as JSON
local FORMAT = 1
local ELSEWHERE = 1 << 53 -- numbers from here on: identities and cameras that the gallery does not have

-- ---- writing ----

-- Texts one after the other, and where each ends.
local function blob_of(list)
  local ends, at = {}, 0
  for i, text in ipairs(list) do
    at = at + #text
    ends[i] = at
  end
  return T.frombuffer(table.concat(list), "u8"), T(ends, "i64")
end

local function stamp(path)
  local about = path and sys.stat(path)
  return about and ("%d %.6f"):format(about.size, about.mtime) or "absent"
end

-- What the numbers of a column mean: nil where they are the texts themselves.
local function words_of(set, field)
  local texts, values, words, whole = set.texts and set.texts[field], set[field]:totable(), {}, true
  for i, text in ipairs(texts or {}) do
    words[values[i]] = text
    whole = whole and math.tointeger(tonumber(text)) == values[i]
  end
  return texts and not whole and words or nil
end

-- An order of the rows by their names; of equal names the lowest row first.
local function order_of(names)
  local order = {}
  for i = 1, #names do order[i] = i end
  table.sort(order, function(a, b)
    if names[a] ~= names[b] then return names[a] < names[b] end
    return a < b
  end)
  return T(order, "i32") - 1
end

--- calr.lab.retrieval.kept.parts(side, asked)
--- What an index file keeps of a gallery of features.
--- @param side   from calr.lab.retrieval.gallery.open, with a name or number for each row, before it was aligned with
---               queries
--- @param asked  string; the split that the user named, nil for none
--- @return table  tensors by name
--- @return table  metadata: string -> string
function kept.parts(side, asked)
  local about = { format = FORMAT, asked = asked, split = side.split, title = side.title,
    features = stamp(side.path), table = side.table, table_stamp = stamp(side.table),
    columns = side.columns and json.array(side.columns) or nil }
  local tensors = {}
  if side.names and #side.names > 0 then
    tensors.names, tensors.name_ends = blob_of(side.names)
    tensors.name_order = order_of(side.names)
  end
  if side.identities then
    tensors.identities = side.identities:contiguous()
    local words = words_of(side, "identities")
    about.identity_words = words ~= nil
    if words then
      local list, first = {}, 1
      for number in pairs(words) do first = math.max(first, number) end
      for i = 1, first do list[i] = words[i] or "" end
      tensors.identity_words, tensors.identity_word_ends = blob_of(list)
    end
  end
  if side.cameras then
    tensors.cameras = side.cameras:contiguous()
    local words = words_of(side, "cameras")
    about.cameras = json.array()
    for number, word in pairs(words or {}) do about.cameras[#about.cameras + 1] = { number, word } end
  end
  return tensors, { [ABOUT] = json.encode(about) }
end

-- ---- reading ----

-- The texts of a blob, by their place from 1.
local function texts_in(bytes, ends)
  local count = ends:numel()
  return setmetatable({}, { __len = function() return count end, __index = function(_, i)
    if math.type(i) ~= "integer" or i < 1 or i > count then return nil end
    local from, to = i > 1 and ends:get(i - 1) or 0, ends:get(i)
    if from < 0 or to < from or to > bytes:numel() then error("the index file is damaged: remove it", 0) end
    return to > from and bytes:narrow(1, from + 1, to - from):tobytes() or ""
  end })
end

-- The first place from 1 to count whose text is not below `wanted`; at: place -> text.
local function lower_bound(count, wanted, at)
  local low, high = 1, count + 1
  while low < high do
    local middle = (low + high) // 2
    if at(middle) < wanted then low = middle + 1 else high = middle end
  end
  return low
end

local function row_finder(names, order)
  local function row_at(place)
    local row = order:get(place) + 1
    return row >= 1 and row <= #names and row or error("the index file is damaged: remove it", 0)
  end
  return function(name)
    local place = lower_bound(#names, name, function(i) return names[row_at(i)] end)
    if place <= #names and names[row_at(place)] == name then return row_at(place) end
  end
end

-- Of a column: what a number is called, and the number of what is called so. What the gallery does not have gets
-- numbers of its own, alike for equal texts.
local function naming(word_of, find)
  local others, count = {}, 0
  return function(number) return word_of and word_of(number) or tostring(number) end, function(text)
    local number = find(text)
    if number then return number end
    if not others[text] then others[text], count = ELSEWHERE + count, count + 1 end
    return others[text]
  end
end

local function identity_naming(tensors, has_words)
  if not has_words then return naming(nil, function(text) return math.tointeger(tonumber(text)) end) end
  local words = texts_in(tensors.identity_words, tensors.identity_word_ends)
  local by_word
  return naming(function(number) return number > 0 and words[number] or nil end, function(text)
    if text == "-1" or text == "0" then return math.tointeger(tonumber(text)) end
    if not by_word then
      by_word = {}
      for i = 1, #words do by_word[words[i]] = i end
    end
    return by_word[text]
  end)
end

local function camera_naming(list)
  if #list == 0 then return naming(nil, function(text) return math.tointeger(tonumber(text)) end) end
  local word_of, number_of = {}, {}
  for _, pair in ipairs(list) do word_of[pair[1]], number_of[pair[2]] = pair[2], pair[1] end
  return naming(function(number) return word_of[number] end, function(text) return number_of[text] end)
end

-- The texts of a column by row.
local function column_texts(values, word_of)
  local count = values:numel()
  return setmetatable({}, { __len = function() return count end, __index = function(_, i)
    if math.type(i) == "integer" and i >= 1 and i <= count then return word_of(values:get(i)) end
  end })
end

local function has_shape(tensor, dtype, n)
  return tensor ~= nil and tensor:dtype() == dtype and tensor:dim() == 1 and (n == nil or tensor:numel() == n)
end

-- Whether the file has all that its description promises, in the right sizes.
local function is_whole(tensors, about, n)
  local names = tensors.names == nil or has_shape(tensors.names, "u8") and has_shape(tensors.name_ends, "i64", n)
    and has_shape(tensors.name_order, "i32", n)
  local identities = tensors.identities == nil or has_shape(tensors.identities, "i64", n)
    and (not about.identity_words or has_shape(tensors.identity_words, "u8")
    and has_shape(tensors.identity_word_ends, "i64"))
  local cameras = tensors.cameras == nil or has_shape(tensors.cameras, "i64", n) and type(about.cameras) == "table"
  return names and identities and cameras
end

--- calr.lab.retrieval.kept.open(file, path, {split=, csv=})
--- Opens an index file as the gallery that it was made of.
--- @param file  string; the index
--- @param path  string; the features, .npy
--- @param o     table; the split that is asked for and the table, where they were given
--- @return table|nil  a side (calr.lab.retrieval.gallery): features, names, texts, identities, cameras, graph, row_of
---                    (name -> row or nil), number_of (field, text -> number); nil where the file is of another kind
---                    or version, or features, table or split are not what they were: whoever asks reads the features
function kept.open(file, path, o)
  local ok, tensors, metadata = pcall(safetensors.map, file)
  if not ok or not metadata[ABOUT] or not tensors.rows then return nil end
  local read, about = pcall(json.decode, metadata[ABOUT], file)
  if not read or type(about) ~= "table" or about.format ~= FORMAT then return nil end
  local beside = o.csv or path:gsub("%.npy$", "") .. ".csv"
  if about.asked ~= o.split or about.features ~= stamp(path) or about.table_stamp ~= stamp(beside)
    or about.table_stamp ~= "absent" and about.table ~= beside and not sys.exists(about.table) then
    return nil
  end
  local n = tensors.rows:size(1)
  if tensors.rows:dim() ~= 2 or tensors.rows:dtype() ~= "f32" or not is_whole(tensors, about, n) then return nil end
  local graph = C.load_neighbour_graph(file, { map = true })
  local side = { features = tensors.rows, title = about.title, path = path, split = about.split, graph = graph,
    identities = tensors.identities, cameras = tensors.cameras, texts = {}, table = beside, columns = about.columns }
  if tensors.names then
    side.names = texts_in(tensors.names, tensors.name_ends)
    side.row_of = row_finder(side.names, tensors.name_order)
  end
  local numbers = {}
  for field, make in pairs { identities = function() return identity_naming(tensors, about.identity_words) end,
    cameras = function() return camera_naming(about.cameras) end } do
    local word_of
    if side[field] then
      word_of, numbers[field] = make()
      side.texts[field] = column_texts(side[field], word_of)
    end
  end
  side.number_of = function(field, text) return numbers[field] and numbers[field](text) or ELSEWHERE end
  return side
end

return (require("calr.options").counted("calr.lab.retrieval.kept.", kept))
