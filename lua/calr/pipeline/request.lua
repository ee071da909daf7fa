--- @module calr.pipeline.request
--- Checks the arguments of step:train before the first batch: the memory against its contract, and each option.

local T = require "calr.tensor"
local fields = require "calr.memory.batch".fields
local suggest = require "calr.options".suggest

local request = {}

local function text_of(value)
  return type(value) == "string" and ("the text \"%s\""):format(value) or type(value) == "table" and "a table"
    or tostring(value)
end

local function callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

-- What keeps a value from being a memory; nil when nothing does.
local function memory_problem(memory)
  local wanted = "takes a memory (calr.memory, or an object of your own with the methods loss and update), not "
  if type(memory) ~= "table" then return wanted .. text_of(memory) end
  for _, name in ipairs { "loss", "update" } do
    if not callable(memory[name]) then return ("%sa table without a method \"%s\""):format(wanted, name) end
  end
  return nil
end

local function is_list_of(list, known)
  if type(list) ~= "table" then return nil, text_of(list) end
  for _, name in ipairs(list) do
    local found = false
    for _, other in ipairs(known) do found = found or other == name end
    if not found then return nil, name end
  end
  return true
end

local how_to_give = {
  keys = "features by a mean teacher: give step:train one, such as teacher = { momentum = 0.999 }",
  weights = "weights of the images: give step:train weights = f32[n]",
  targets = "soft targets: give step:train targets = f32[n x classes]",
}

-- What the memory needs and does not get, and what it gets and does not heed. Turns views on where they are needed.
local function needs_problem(memory, o)
  local needs = memory.needs or {}
  local fits, stranger = is_list_of(needs, fields)
  if not fits then
    return ("the memory needs \"%s\", which no batch has%s; there are: %s"):format(tostring(stranger),
      suggest(tostring(stranger), fields), table.concat(fields, ", "))
  end
  for _, name in ipairs(needs) do
    if name == "views" then o.views = true end
    local missing = name == "keys" and not o.teacher or (name == "weights" or name == "targets") and not o[name]
    if missing then return ("the memory needs \"%s\", %s"):format(name, how_to_give[name]) end
  end
  local takes = {}
  for _, name in ipairs(memory.takes or {}) do takes[name] = true end
  for _, name in ipairs(memory.needs or {}) do takes[name] = true end
  for _, name in ipairs { "weights", "targets" } do
    if o[name] and not takes[name] then
      return ("the memory does not heed %s of images, so they would change nothing (one that does says "
        .. "takes = { \"%s\" })"):format(name, name)
    end
  end
  return nil
end

-- `form` is what tostring gives of a tensor that fits, as a pattern.
local function tensor_problem(name, value, form, words, may_compute)
  if value == nil or may_compute and callable(value) then return nil end
  if T.is(value) and tostring(value):match(form) then return nil end
  local kind = form:match "^%^(%w+)"
  local remedy = T.is(value) and value:dtype() ~= kind and ("; %s:to \"%s\" converts it"):format(name, kind) or ""
  return ("%s must be %s, not %s%s"):format(name, words, text_of(value), remedy)
end

local function sets_problem(o, n)
  return tensor_problem("labels", o.labels, ("^i32%%[%d%%]$"):format(n),
      ("i32[%d], a label for each training image, -1 for none"):format(n))
    or tensor_problem("weights", o.weights, ("^f32%%[%d%%]$"):format(n),
      ("f32[%d], a weight for each training image, f32[%d x classes], soft targets, or a function of a batch"):format(n,
        n), true)
    or tensor_problem("targets", o.targets, ("^f32%%[%d x %%d+%%]$"):format(n),
      ("f32[%d x classes], a share of each class for each training image, or a function of a batch"):format(n), true)
end

local function losses_problem(losses)
  if losses == nil then return nil end
  if type(losses) ~= "table" or T.is(losses) then
    return "losses must be a list of functions of a batch, not " .. text_of(losses)
  end
  for name, compute in pairs(losses) do
    if not callable(compute) then
      return ("losses: %s must be a function of a batch, not %s"):format(text_of(name), text_of(compute))
    end
    if name == "alignment" then return "losses: the name \"alignment\" is taken by the camera alignment" end
  end
  return nil
end

local function hooks_problem(o)
  for _, name in ipairs { "each", "batches" } do
    if o[name] ~= nil and not callable(o[name]) then
      return ("%s must be a function, not %s"):format(name, text_of(o[name]))
    end
  end
  if o.views ~= nil and type(o.views) ~= "boolean" then
    return ("views must be true or false, not %s"):format(text_of(o.views))
  end
  return nil
end

--- calr.pipeline.request.check(memory, options, n)
--- Checks what step:train was given for n training images, and completes it: `labels` are the memory's unless given,
--- `targets` are the weights where those are soft targets, `views` are on where the memory or a teacher needs them.
--- @param options  those of step:train, a table that may be changed
--- @return string|nil  what is wrong
function request.check(memory, o, n)
  local problem = memory_problem(memory)
  if problem then return problem end
  if o.labels == nil then o.labels = memory.labels end
  if T.is(o.weights) and o.weights:dim() == 2 then
    if o.targets then return "weights are soft targets already: f32[n x classes]; give targets or those, not both" end
    o.targets, o.weights = o.weights, nil
  end
  o.views = o.views or o.teacher and true or nil
  return sets_problem(o, n) or losses_problem(o.losses) or hooks_problem(o) or needs_problem(memory, o)
end

return request
