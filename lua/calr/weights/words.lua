--- @module calr.weights.words
--- How names of tensors are listed in messages, and how patterns rename them.

local words = {}

--- calr.weights.words.sorted(map)
--- @return table  the names of a table, sorted
function words.sorted(map)
  local names = {}
  for name in pairs(map) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- calr.weights.words.count(map)
--- @return integer  the number of entries of a table
function words.count(map)
  local count = 0
  for _ in pairs(map) do count = count + 1 end
  return count
end

--- calr.weights.words.list(map)
--- @return string  the first names of a table
function words.list(map)
  local names = words.sorted(map)
  local shown = table.concat(names, ", ", 1, math.min(#names, 8))
  if #names == 0 then return "nothing with a name" end
  return #names > 8 and shown .. ", ..." or shown
end

-- The beginning that all names of a list share, up to a dot.
local function common_part(names)
  local part = names[1]
  for _, name in ipairs(names) do
    while part and name ~= part and name:sub(1, #part + 1) ~= part .. "." do
      part = part:match "^(.*)%.[^.]*$"
    end
  end
  return part
end

--- calr.weights.words.parts(names)
--- Names with those of one part (the first word) taken together: "neck (4 tensors), fc.bias".
--- @param names  list of strings
--- @return string
function words.parts(names)
  local order, groups, texts = {}, {}, {}
  for _, name in ipairs(names) do
    local part = name:match "^[^./]+" or name
    if not groups[part] then
      groups[part] = {}
      order[#order + 1] = part
    end
    table.insert(groups[part], name)
  end
  for i, part in ipairs(order) do
    local group = groups[part]
    if i > 8 then
      texts[i] = ("and %d more"):format(#order - 8)
      break
    end
    texts[i] = #group == 1 and group[1] or ("%s (%d tensors)"):format(common_part(group) or part, #group)
  end
  return #texts > 0 and table.concat(texts, ", ") or "nothing"
end

--- calr.weights.words.renames(rename)
--- Reads what tensors are to be called.
--- @param rename  {["A"]="B"} or a list of "A=B"
--- @return table  list of {from=, to=}, in the order in which they count
function words.renames(rename)
  if type(rename) == "string" then rename = { rename } end
  if type(rename) ~= "table" then
    error(("rename is a table { [\"A\"] = \"B\" } or a list of texts \"A=B\", not a %s"):format(type(rename)), 0)
  end
  local list = {}
  for i, text in ipairs(rename) do
    local from, to = tostring(text):match "^([^=]+)=([^=]*)$"
    if not from then error(("option \"rename\": \"%s\" is not of the form A=B"):format(tostring(text)), 0) end
    list[i] = { from = from, to = to }
  end
  local longest_first = words.sorted(rename)
  table.sort(longest_first, function(a, b) return #a ~= #b and #a > #b or #a == #b and a < b end)
  for _, from in ipairs(longest_first) do
    if type(rename[from]) ~= "string" then error(("rename: the new name of \"%s\" is no text"):format(from), 0) end
    list[#list + 1] = { from = from, to = rename[from] }
  end
  return list
end

local function escape(text)
  return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"))
end

-- A Lua pattern for a name with stars; one without stars stands for the beginning of names, up to a dot.
local function pattern_of(pair)
  local from, stars = pair.from:gsub("%*", "\0")
  from = escape(from):gsub("\0", "(.-)")
  local _, wanted = pair.to:gsub("%*", "")
  if wanted > stars then
    error(("rename %s=%s: there are more stars on the right than on the left"):format(pair.from, pair.to), 0)
  end
  return "^" .. from .. "$", stars
end

local function renamed(name, pair)
  if not pair.stars then pair.pattern, pair.stars = pattern_of(pair) end
  if pair.stars == 0 then
    if name == pair.from then return pair.to end
    local from = pair.from:sub(-1) == "." and pair.from or pair.from .. "."
    if name:sub(1, #from) ~= from then return nil end
    local to = (pair.to == "" or pair.to:sub(-1) == ".") and pair.to or pair.to .. "."
    return to .. name:sub(#from + 1)
  end
  local found = { name:match(pair.pattern) }
  if #found == 0 then return nil end
  local i = 0
  return (pair.to:gsub("%*", function()
    i = i + 1
    return found[i]
  end))
end

--- calr.weights.words.rename(state, names, rename, path)
--- Renames tensors: each by the first pair A=B that fits its name, of a table the longest A. A star in A stands for any
--- text, and a star in B for what the star of the same number in A stood for; an A without stars is a whole name, or
--- its beginning up to a dot. A pair that fits no name, and two tensors with one name, are errors.
--- @param rename  {["A"]="B"}, or a list of "A=B"
--- @return table  name -> tensor
--- @return table  names in their order
function words.rename(state, names, rename, path)
  local list, new, order = words.renames(rename), {}, {}
  for i, name in ipairs(names) do
    local to = name
    for _, pair in ipairs(list) do
      local result = renamed(name, pair)
      if result then
        to, pair.used = result, true
        break
      end
    end
    if new[to] then error(("%s: after renaming, two tensors are called %s"):format(path, to), 0) end
    new[to], order[i] = state[name], to
  end
  for _, pair in ipairs(list) do
    if not pair.used then
      error(("%s: rename %s=%s: no name fits \"%s\"; there are: %s"):format(path, pair.from, pair.to, pair.from,
        words.list(state)), 0)
    end
  end
  return new, order
end

-- Names that are numbered are in the order of their numbers: 2 comes before 10.
local function natural(name)
  return (name:gsub("%d+", function(digits) return ("%012d"):format(tonumber(digits) or 0) end))
end

--- calr.weights.words.in_order(state)
--- The names of a table of tensors in the order of the numbers in them, which is often that of the layers.
--- @return table  list of strings
function words.in_order(state)
  local names, keys = {}, {}
  for name in pairs(state) do
    names[#names + 1], keys[name] = name, natural(name)
  end
  table.sort(names, function(a, b)
    if keys[a] ~= keys[b] then return keys[a] < keys[b] end
    return a < b
  end)
  return names
end

return words
