--- @module calr.weights
--- Loads weights into a network: from files of PyTorch (.pth, .pt, .pth.tar) and safetensors, from a run folder of
--- calr, or from a table of tensors.
---
--- Names need not be equal. Prefixes ("module.", "backbone.", "base.", "net.", ...) are found; the numbers of an
--- nn.Sequential are understood; where all names differ, the order and the shapes of the layers decide, if they fit in
--- one way only. The neck is also found as bottleneck, feat_bn or heads.bottleneck.0, the exponent of the pooling as
--- gap.p or heads.pool_layer.p. `rename` is for the rest.
---
---     print(calr.weights.load(net, "checkpoint.pth.tar").report)
---     calr.weights.load(net, "runs/first")                             -- what a run of calr has learned
---     calr.weights.load(net, "odd.pth", { rename = { ["encoder.*.w"] = "*.weight" } })
---
--- Parts that the network lacks (a classifier) and parts that the file lacks are left as they are, and said so. Any
--- other difference is an error that names the tensor, and nothing is changed. The counters of forward passes that
--- calr's dropout keeps are no weights: a file may have them or not.

local counters = require "calr.weights.counters"
local layers = require "calr.weights.layers"
local match = require "calr.weights.match"
local source = require "calr.weights.source"
local words = require "calr.weights.words"

local weights = {}

-- Prefixes that DataParallel and training frameworks put before every name.
local prefixes = { "module.", "model.", "backbone.", "base." }

local function have_prefix(names, prefix)
  for _, name in ipairs(names) do
    if name:sub(1, #prefix) ~= prefix then return false end
  end
  return true
end

-- Takes a prefix off the names that have it; a name that another tensor has already is kept.
local function strip(state, names, prefix)
  local new, order, count = {}, {}, 0
  for _, name in ipairs(names) do
    if name:sub(1, #prefix) ~= prefix then new[name] = state[name] end
  end
  for i, name in ipairs(names) do
    local rest = name:sub(1, #prefix) == prefix and name:sub(#prefix + 1) or nil
    if rest and rest ~= "" and not new[rest] then
      count = count + 1
    else
      rest = name
    end
    new[rest], order[i] = state[name], rest
  end
  return new, order, count
end

local function strip_usual(state, names, about)
  local again = true
  while again do
    again = false
    for _, prefix in ipairs(prefixes) do
      if have_prefix(names, prefix) then
        state, names = strip(state, names, prefix)
        about.stripped[#about.stripped + 1], again = prefix, true
      end
    end
  end
  return state, names
end

-- The numbers of batches that PyTorch's batch norms have seen.
local function without_counters(state, names, about)
  local kept = {}
  for _, name in ipairs(names) do
    if name:match "num_batches_tracked$" then
      state[name], about.counters = nil, about.counters + 1
    else
      kept[#kept + 1] = name
    end
  end
  return state, kept
end

--- calr.weights.read(from [, {key=, strip=, rename=}])
--- Reads weights: the path of a file (.safetensors by its extension, anything else as a PyTorch file) or of a run
--- folder, or a table of tensors. It looks for the table of names at the top level and inside; it drops "module." and
--- the like before all names, and the counters of PyTorch's batch norms (num_batches_tracked).
--- @param from    string|table
--- @param key     the table that holds the weights, such as "state_dict" or "models/student"
--- @param strip   prefix to drop, instead of the usual ones; names without it stay as they are
--- @param rename  {["A"]="B"} or a list of "A=B": new names, before anything else; the first A that fits a name counts,
---                of a table the longest. A star in A stands for any text, in B for the same text; without stars A is a
---                name, or its beginning up to a dot
--- @return table   name -> tensor
--- @return table   what was done: {path=, key=, stripped={...}, counters=number, names = the names in order, order =
---                 "file" or, where a file keeps none, "sorted"}
function weights.read(from, options)
  options = require("calr.options").check("calr.weights.read", options, { "key", "strip", "rename" })
  local state, names, path, key, order = source.open(from, options.key)
  local about = { path = path, key = key, stripped = {}, counters = 0, order = order }
  if options.rename and not (type(options.rename) == "table" and next(options.rename) == nil) then
    state, names = words.rename(state, names, options.rename, path)
  end
  if options.strip and options.strip ~= "" then
    local stripped, left, count = strip(state, names, options.strip)
    if count == 0 then
      error(("%s: no name begins with \"%s\": %s"):format(path, options.strip, words.list(state)), 0)
    end
    state, names = stripped, left
    about.stripped[1] = options.strip
  else
    state, names = strip_usual(state, names, about)
  end
  state, about.names = without_counters(state, names, about)
  return state, about
end

local function first_word(name) return name:match "^[^./]+" end

-- Of a list of names, those for which has(name) is false; raises when a part has names of both kinds.
local function left_over(names, has, part_of, message)
  local shared, list = {}, {}
  for _, name in ipairs(names) do
    if has(name) then shared[part_of(name)] = true end
  end
  for _, name in ipairs(names) do
    if not has(name) then
      if message and shared[part_of(name)] then error(message:format(name), 0) end
      list[#list + 1] = name
    end
  end
  return list
end

local other_architecture = "weights of another architecture, or of another width; calr import-weights says which of "
  .. "calr's networks they fit"

local function called(name, other) return name == other and "" or (" (%s)"):format(other) end

local function text_of(tensor) return ("%s[%s]"):format(tensor:dtype(), layers.shape(tensor):gsub("x", " x ")) end

local classifiers = { classifier = true, fc = true, head = true, logits = true, linear = true }

-- A classifier for another number of classes: only its first dimension differs.
local function is_other_classes(name, own, given)
  local a, b = own:shape(), given:shape()
  if not classifiers[first_word(name)] or #a ~= #b then return false end
  for i = 2, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- Takes classifiers for another number of classes out of the pairs; any other difference of shape is an error.
local function check_shapes(found, own, state)
  local wrong, first, dropped = 0, nil, {}
  for _, name in ipairs(words.sorted(found.map)) do
    local given = state[found.map[name]]
    if layers.shape(given) ~= layers.shape(own[name]) then
      if is_other_classes(name, own[name], given) then
        dropped[first_word(name)] = ("%s is for %d classes in the file and %d in the network"):format(first_word(name),
          given:size(1), own[name]:size(1))
      else
        wrong, first = wrong + 1, first or name
      end
    end
  end
  if wrong > 0 then
    local other = found.map[first]
    error(("%s is %s in the file%s and %s in the network%s"):format(first, text_of(state[other]),
      called(first, other), text_of(own[first]), wrong > 1
      and ("; %d tensors have another shape: %s"):format(wrong, other_architecture) or ""), 0)
  end
  for name in pairs(found.map) do
    if dropped[first_word(name)] then found.map[name] = nil end
  end
  return dropped
end

local function check_numbers(found, own, state)
  for _, name in ipairs(words.sorted(found.map)) do
    local given = state[found.map[name]]
    local kind, wanted = given:dtype(), own[name]:dtype()
    if (wanted == "f32" or wanted == "bf16") and not given:is_floating_point() then
      error(("%s%s holds whole numbers (%s), not weights: quantised weights are not read"):format(name,
        called(name, found.map[name]), kind), 0)
    end
    if not given:is_finite() then
      error(("%s%s has NaN or infinite numbers: that training has diverged"):format(name, called(name,
        found.map[name])), 0)
    end
  end
end

local function nothing_in_common(own, state)
  error(("no name of the file is one of the network's, and its layers have other shapes: the file has %s; the network "
    .. "has %s. Where only names differ, rename them (rename=A=B), or take a .pth, which keeps the order of the layers")
    :format(words.list(state), words.list(own)), 0)
end

-- A small part of a network that happens to have the right names is no match while the file holds other tensors.
local function refuse_fraction(matched, total)
  if 2 * #matched.loaded >= total or 2 * #matched.unused < #matched.missing then return end
  error(("only %d of the network's %d tensors are in the file by their names; the network also has %s, and the file "
    .. "%s. Where only names differ, rename them (rename=A=B)"):format(#matched.loaded, total,
    words.parts(matched.missing), words.parts(matched.unused)), 0)
end

-- The three lines that say what a file has given.
local function report_of(matched, net, dropped, total)
  local lines = { ("matched %d of %d tensors of %s%s"):format(#matched.loaded, total, net.name or "the network",
    matched.how ~= "" and ": " .. matched.how or "") }
  lines[2] = "missing in the file, and left as they were: " .. words.parts(matched.missing)
  lines[3] = "left over in the file: " .. words.parts(matched.unused)
  for _, part in ipairs(words.sorted(dropped)) do lines[3] = lines[3] .. "; " .. dropped[part] end
  return table.concat(lines, "\n")
end

-- What weights.read has done, before how names were matched.
local function with_about(how, about)
  local texts = {}
  if about and about.key then texts[1] = ("table \"%s\""):format(about.key) end
  if about and #about.stripped > 0 then
    texts[#texts + 1] = ("names after \"%s\""):format(table.concat(about.stripped))
  end
  if how ~= "" then texts[#texts + 1] = how end
  return table.concat(texts, "; ")
end

-- A network's tensors without those counters that the file lacks.
local function without_lacking(own, counting, map)
  local rest = {}
  for name, tensor in pairs(own) do
    if not counting[name] or map and map[name] then rest[name] = tensor end
  end
  return rest
end

-- A file's names without its counters that the network has no use for.
local function without_spare(names, counting, used)
  local rest = {}
  for _, name in ipairs(names) do
    if not counting[name] or used[name] then rest[#rest + 1] = name end
  end
  return rest
end

local function compare(net, state, names, about)
  local order = names and (about and about.order or "file") or nil
  local found = match.find(net, state, names or words.sorted(state), order)
  local own = without_lacking(net:state(), counters.of(net), found and found.map)
  local total = words.count(own)
  if not found or found.fitting == 0 and 10 * found.named < total then nothing_in_common(own, state) end
  if found.differ then
    error(("%s of the network differs from %s%s in the file in names or shapes: %s"):format(found.differ[1],
      found.prefix, found.differ[2], other_architecture), 0)
  end
  local dropped = check_shapes(found, own, state)
  if next(found.map) == nil then nothing_in_common(own, state) end
  check_numbers(found, own, state)
  local used, loaded = {}, words.sorted(found.map)
  for _, name in ipairs(loaded) do used[found.map[name]] = true end
  local function part_in_file(name)
    local rest = name:sub(1, #found.prefix) == found.prefix and name:sub(#found.prefix + 1) or name
    return (dropped[first_word(rest)] or found.head_names[name]) and name or first_word(rest)
  end
  local matched = {
    loaded = loaded, from = found.map, how = with_about(found.how, about),
    missing = left_over(words.sorted(own), function(name) return found.map[name] ~= nil end, first_word,
      "the file lacks %s, though it has other tensors of that part"),
    unused = left_over(without_spare(names or words.sorted(state), counters.among(net, state), used),
      function(name) return used[name] end, part_in_file,
      (found.way == "name" or found.way == "number")
      and "the file has %s, which the network lacks, though it has other tensors of that part" or nil),
  }
  refuse_fraction(matched, total)
  matched.report = report_of(matched, net, dropped, total)
  return matched
end

--- calr.weights.compare(net, state [, names])
--- Finds out which tensors of a state are which of a network's, without changing anything. A part of the network or of
--- the file (conv1, layer1, fc: the first word of a name) must fit as a whole or be absent as a whole. An error says
--- what does not fit.
--- @param names  table; the state's names in the order of its layers (calr.weights.read gives them): without it names
---               that all differ are not matched by their order
--- @return table  {loaded = names of the network that have a partner, from = {its name -> the file's}, missing = names
---                of the network only, unused = names of the file only, how = how they were matched, report = three
---                lines}
function weights.compare(net, state, names)
  return compare(net, state, names)
end

--- calr.weights.load(net, from [, {key=, strip=, rename=}])
--- Loads weights into a network; if they do not fit, nothing is changed. Other types (bf16, and f16 and f64 of files)
--- are converted.
--- @param from     string|table; as in calr.weights.read, and so the options
--- @return table  as calr.weights.compare, and path and key: where they were found
function weights.load(net, from, options)
  local state, about = weights.read(from, options)
  local ok, matched = pcall(compare, net, state, about.names, about)
  if not ok then
    error(("%s does not fit the network %s: %s"):format(about.path, net.name or "given",
      require("calr.traceback").plain(matched)), 0)
  end
  local own = net:state()
  for _, name in ipairs(matched.loaded) do
    local given = state[matched.from[name]]:detach() -- only the numbers are copied
    own[name]:detach():copy(given:dtype() == own[name]:dtype() and given or given:to(own[name]:dtype()))
  end
  matched.path, matched.key = about.path, about.key
  return matched
end

return (require("calr.options").counted("calr.weights.", weights))
