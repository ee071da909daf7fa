--- @module calr.program.docs.types
--- Finds types for editors in doc blocks: the head of a `@param`, its default in the signature, or its name.
---
--- The head of a `@param` is a type when it is one of these:
---
---     f32[n x d]  i64[m]  f32  tensor  mask  integers[n]        a tensor
---     integer  number  string  boolean  table  function(x)      that type
---     whether ...   true: ...   false: ...                      boolean
---     "a", "b" or "c"                                           one of these strings
---     list of strings|numbers|integers|tensors|tables           a list
---     name -> tensor                                            a table by name
---     0 .. 1                                                    a number
---     the name of a class of the documentation: store, rng      an object of that class
---
--- "A, or a table", "A or a number" and the like make alternatives; "any" accepts everything. A parameter with
--- neither a type nor a default gets its type from its name, for names that mean the same everywhere.

local types = {}

-- Names that mean the same wherever they stand; the classes among them are those of the documentation.
local named = {}
local function name_all(kind, names)
  for name in names:gmatch "%S+" do named[name] = kind end
end
name_all("tensor|number", "a b")
name_all("tensor", [[x w dw m v logits features labels rows index mask scores values vectors images image keys
  gradient loss bias weights identities cameras groups locals before after true_labels indices velocity own proxies
  tensor source memory]])
name_all("integer", [[k k1 k2 seed epoch epochs i j count first dim dim_a dim_b position size width height batch workers
  ahead channels inputs outputs kernel stride groups padding min_size fd status instances iterations trials every
  first_slot sample lists probes steps octaves max_rank repeats clusters measure pixel_limit quality min_samples
  min_cluster_size max resamples indent dimensions hidden total repeat depth e n bytes ids offset limit by number signal
  hang level records]])
name_all("number", [[lr momentum temperature eps p alpha probability threshold q low high mean deviation weight_decay
  beta1 beta2 seconds scale beta lambda resolution tolerance factor margin wall_time y rx ry angle gamma contrast
  saturation sigma length strength luma chroma amount radius period share done]])
name_all("string", [[path file folder name text label format word purpose what to from title message host line script
  out strip key metric filter tag type string]])
name_all("boolean", [[on wanted junk include_self relu training init nesterov transpose_a transpose_b skip_bad]])
name_all("table", [[cfg config options map state changes defaults context list params class names env metadata tensors
  summary fields columns settings point parameter part]])
name_all("function", "fn")
name_all("layer", "layer net network child")
name_all("split", "split")
name_all("dataset", "data")
name_all("run", "run")
name_all("optimizer", "optimizer")
name_all("store", "store")
name_all("integer[]", "shape")

local words = { integer = "integer", number = "number", string = "string", boolean = "boolean", table = "table",
  ["function"] = "function", any = "any", ["nil"] = "nil", list = "table", path = "string", tensors = "tensor",
  integers = "tensor", tensor = "tensor", mask = "tensor" }

local listed = { whole = "integer[]", strings = "string[]", texts = "string[]", names = "string[]",
  numbers = "number[]", integers = "integer[]", tensors = "tensor[]", ["p-values"] = "number[]", lists = "table[]",
  tables = "table[]" }

-- The strings in quotes, as alternatives.
local function quoted(text)
  local all = {}
  for one in text:gmatch "\"[^\"]*\"" do
    if not all[one] then all[#all + 1], all[one] = one, true end
  end
  return table.concat(all, "|")
end

-- "tensor, number or boolean": the first words that are types, as alternatives.
local function listed_words(text)
  local all, seen, rest = {}, {}, text
  repeat
    local word, after = rest:match "^([%a_]+)(.*)$"
    local kind = word and words[word]
    if not kind then break end
    if not seen[kind] then all[#all + 1], seen[kind] = kind, true end
    rest = after:match "^, (.*)$" or after:match "^ or (.*)$"
  until not rest
  return table.concat(all, "|")
end

-- The type at the start of a text.
local function head(text, classes)
  local plain = text:gsub("^an? ", ""):gsub("^the ", "")
  if plain:match "^whether " or plain:match "^true[,: ]" or plain:match "^false[,: ]" then return "boolean" end
  if plain:match "^\"" then
    local rest = text:gsub("\"[^\"]*\"", "")
    for _, more in ipairs { "such as", "or another", "^%s*by default", ", or the path" } do
      if rest:match(more) then return "string" end
    end
    return quoted(text)
  end
  if plain:match "^b?[fiu]%d+%f[%W]" or plain:match "^vector of" then return "tensor" end
  if plain:match "^%S* ?name %-> tensor" or plain:match "^tensors by name" then return "table<string, tensor>" end
  if plain:match "^[%w ]*%->" or plain:match "^{" or plain:match "^list: " then return "table" end
  local what = plain:match "^list of ([%w%-]+)" or plain:match "^table of ([%w%-]+)"
  if what then return listed[what] or "table" end
  if plain:match "^whole numbers?" then return "integer" end
  if plain:match "^from %-?%d" then return "integer" end
  if text:match "%(default true%)" or text:match "%(default false%)" then return "boolean" end
  if plain:match "^%-?[%d.]+ %.%. " then return "number" end
  if plain:match "^%-?%d[%d.]* to " or plain:match "^%d[%d.]*, %d" then return "number" end
  local word = plain:match "^[%a_]+"
  if word == "path" or word == "file" or word == "folder" or word == "name" then return "string" end
  local after = word and plain:sub(#word + 1, #word + 1)
  if word and words[word] and (after == "" or after:match "[%[%(;:,{ ]") then return listed_words(plain) end
  if word and classes[word] and (after == "" or after:match "[%[%(;:,]") then return word end
  if plain:match "^open " then -- "an open store"
    return head((plain:gsub("^open ", "")), classes)
  end
end

-- Whether a text says that there may be nothing.
local function may_be_nil(text)
  for _, pattern in ipairs { "nil when", "nil where", "nil for", "or nil", "^nil ", "; nil" } do
    if text:match(pattern) then return true end
  end
end

-- A type with the alternatives that a text names behind it: "..., or a list".
local function with_alternatives(kind, text)
  for _, other in ipairs { { "table", "[oO]r a table" }, { "table", ", or {" },
    { "table", "or a list" }, { "table", ", or a table" }, { "number", " or a number" }, { "string", ", or a path" },
    { "integer", ", or a step" }, { "tensor", " a tensor of" }, { "tensor", ", or f32" }, { "table", "A table" },
    { "string", ", or text" }, { "function", "or a function" }, { "function", ", or function" } } do
    if text:find(other[2]) and not kind:find(other[1], 1, true) then kind = kind .. "|" .. other[1] end
  end
  return kind
end

--- calr.program.docs.types.of(text, classes)
--- Returns the type at the start of the text of a `@param` or `@field`.
--- @param text     string
--- @param classes  table of the names of classes -> true
--- @return string|nil  an annotation of the language server
function types.of(text, classes)
  local kind = head(text, classes)
  if not kind or kind == "any" then return kind end
  return with_alternatives(kind, text)
end

-- The type of a default, as written in the signature.
local function of_default(text)
  if not text or text == "nil" then return nil end
  if text == "true" or text == "false" then return "boolean" end
  if text:match "^\"" then return "string" end
  if text:match "^{" then return "table" end
  if text:match "^%-?%d+$" then return "integer" end -- or any number: the name decides
  if text:match "^%-?[%d.]+[%de.-]*$" or text:match "^%(" then return "number" end
end

--- calr.program.docs.types.guess(name, text, default, classes)
--- Returns the type of an argument or option, from its text or else from its name or default.
--- @param name     string
--- @param text     string; empty where there is no `@param`
--- @param default  string; as written in the signature, or nil
--- @param classes  table of the names of classes -> true
--- @return string  an annotation; "any" when nothing is known
function types.guess(name, text, default, classes)
  local said = types.of(text, classes)
  if said == "number" and named[name] == "integer" then return "integer" end
  if said then return said end
  local by_default = of_default(default)
  local by_name = named[name]
  if not by_name and (name:match "^[xyrfmo]%d+$") then by_name = "number" end
  if by_name and not (words[by_name] or classes[by_name] or by_name:match "%[%]$" or by_name:find("|", 1, true)) then
    by_name = nil
  end
  if by_default == "integer" then return by_name == "integer" and by_name or "number" end
  local kind = by_default or by_name or (classes[name] and name)
  return kind and with_alternatives(kind, text) or "any"
end

--- calr.program.docs.types.returned(kind, text, classes)
--- Returns the type of a `@return`: alternatives by |; "f32[n x d]" is a tensor; handles are classes.
--- @param kind     string; the word after @return
--- @param text     string; what follows
--- @param classes  table of the names of classes -> true
--- @return string  an annotation
function types.returned(kind, text, classes)
  local parts = {}
  for word in kind:gsub("%b[]", "[]"):gmatch "[^|]+" do
    local name = word:match "^[%w_%.]+" or "any"
    if name:match "^b?[fiu]%d+$" then name = "tensor" end
    parts[#parts + 1] = words[name] or (classes[name] and name) or types.of(text, classes) or "any"
  end
  if kind == "table" then
    local said = types.of(text, classes)
    if said and (said:match "%[%]$" or said:match "^table<") then parts = { said } end
  end
  if may_be_nil(text) and not kind:find("nil", 1, true) then parts[#parts + 1] = "nil" end
  return table.concat(parts, "|")
end

return types
