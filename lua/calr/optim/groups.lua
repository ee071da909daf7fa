--- @module calr.optim.groups
--- Lists of parameters, and groups of them with options of their own.

local arguments = require "calr.options"
local tensor = require "calr.tensor"

local groups = {}

local function read_one(what, param, i, seen)
  if type(param) ~= "table" or type(param.name) ~= "string" or not tensor.is(param.tensor) then
    error(("%s: parameter %d is not of the form {name=, tensor=}"):format(what, i), 0)
  end
  if seen[param.name] then error(("%s: two parameters are named \"%s\""):format(what, param.name), 0) end
  if param.tensor:dtype() ~= "f32" then
    error(("%s: parameter \"%s\" is %s; only f32 can be trained"):format(what, param.name, tostring(param.tensor)), 0)
  end
  seen[param.name] = true
  return { name = param.name, tensor = param.tensor }
end

-- Copies a list of parameters, and checks it: every name once, every tensor f32.
local function read_list(what, params, seen)
  if type(params) ~= "table" then
    error(("%s: a list of parameters {name=, tensor=} is needed, not a %s"):format(what, type(params)), 0)
  end
  if type(params.parameters) == "function" then
    error(what .. ": give it the network's parameters, net:parameters()", 0)
  end
  local list = {}
  for i, param in ipairs(params) do list[i] = read_one(what, param, i, seen) end
  return list
end

--- calr.optim.groups.read(what, params, options, read_options)
--- The groups of an optimiser: one for a plain list of parameters, or those that were given.
--- @param what          the optimiser, for messages
--- @param options       its options, complete
--- @param read_options  function(given) -> the options of a group, complete
--- @return table  list of {params =, options =, lr =}; lr is nil where the group follows the optimiser's
function groups.read(what, params, options, read_options)
  local seen, list = {}, {}
  if type(params) == "table" and type(params[1]) == "table" and params[1].params ~= nil then
    for i, given in ipairs(params) do
      if type(given) ~= "table" or given.params == nil then
        error(("%s: group %d is not of the form {params=, lr=, ...}"):format(what, i), 0)
      end
      local own = {}
      for name, value in pairs(given) do
        if name ~= "params" then own[name] = value end
      end
      list[i] = { params = read_list(what, given.params, seen), options = read_options(own), lr = own.lr }
    end
  else
    list[1] = { params = read_list(what, params, seen), options = options }
  end
  if next(seen) == nil then error(what .. ": there are no parameters to train", 0) end
  return list
end

local function matcher(what, rule, i)
  if type(rule) ~= "table" or rule.match == nil then
    error(("%s: rule %d is not of the form {match=, weight_decay=, ...}"):format(what, i), 3)
  end
  local match = rule.match
  if type(match) == "function" then return match end
  if type(match) ~= "string" then
    error(("%s: match of rule %d must be a Lua pattern or a function(name, tensor), not a %s"):format(what, i,
      type(match)), 3)
  end
  return function(name) return name:find(match) ~= nil end
end

--- calr.optim.groups(params, rules)
--- Sorts parameters into groups by rules: each goes to the first rule that matches, and the rest to a last group, which
--- has the optimiser's own options. A rule that no parameter reaches is an error.
---
---     calr.optim.adamw(calr.optim.groups(net:parameters(), {
---       { match = "bias$", weight_decay = 0 },
---       { match = "^classifier%.", lr = 3.5e-3 },
---     }), { lr = 3.5e-4, weight_decay = 0.01 })
--- @param params  list of {name=, tensor=}
--- @param rules   list of {match=, option = value, ...}; match is a Lua pattern of names, or function(name, tensor)
--- @return table  list of groups {params=, option = value, ...}, for an optimiser
function groups.by_rules(params, rules)
  local what, seen = "calr.optim.groups", {}
  local ok, list = pcall(read_list, what, params, seen)
  if not ok then error(list, 2) end
  if type(rules) ~= "table" then error(what .. ": a list of rules {match=, ...} is needed", 2) end
  local found, matchers = {}, {}
  for i, rule in ipairs(rules) do
    matchers[i] = matcher(what, rule, i)
    found[i] = { params = {} }
    for name, value in pairs(rule) do
      if name ~= "match" then found[i][name] = value end
    end
  end
  found[#rules + 1] = { params = {} }
  for _, param in ipairs(list) do
    local at = #rules + 1
    for i = 1, #rules do
      if matchers[i](param.name, param.tensor) then
        at = i
        break
      end
    end
    table.insert(found[at].params, param)
  end
  for i, rule in ipairs(rules) do
    if #found[i].params == 0 then
      error(("%s: rule %d (match = %s) reaches no parameter; the first is named \"%s\""):format(what, i,
        type(rule.match) == "string" and ("\"%s\""):format(rule.match) or "a function", list[1] and list[1].name
        or ""), 2)
    end
  end
  if #found[#found].params == 0 then found[#found] = nil end
  return found
end

--- calr.optim.no_decay(params)
--- Groups in which biases and the scales and shifts of norms, every tensor of one dimension, have no weight decay, as
--- is usual with AdamW.
---
---     calr.optim.adamw(calr.optim.no_decay(net:parameters()), { weight_decay = 0.05 })
--- @param params  list of {name=, tensor=}
--- @return table  list of groups, for an optimiser
function groups.no_decay(params)
  local what = "calr.optim.no_decay"
  local ok, list = pcall(read_list, what, params, {})
  if not ok then error(list, 2) end
  local plain, decayed = { params = {}, weight_decay = 0 }, { params = {} }
  for _, param in ipairs(list) do
    table.insert((param.tensor:dim() <= 1 and plain or decayed).params, param)
  end
  local found = {}
  for _, group in ipairs { plain, decayed } do
    if #group.params > 0 then found[#found + 1] = group end
  end
  return found
end

return (arguments.counted("calr.optim.", groups))
