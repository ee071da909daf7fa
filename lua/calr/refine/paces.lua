--- @module calr.refine.paces
--- Paces: how likely a wrong member is discarded, by epoch. What is behind calr.refine.pace.

local suggest = require "calr.options".suggest
local userfile = require "calr.userfile"

local paces = {}

local bundled = {
  always = function() return 1 end,
  cosine = function(epoch, epochs) return 0.5 * (1 + math.cos(math.pi * epoch / (3 * epochs))) end,
}

local kind = { what = "pace", field = "apply", arguments = "epoch, epochs" }

--- calr.refine.paces.choices
--- The paces that come with calr and what else may be given, for calr.config.option.
paces.choices = { "always", "cosine", open = "the path of a pace of your own" }

--- calr.refine.paces.load(name)
--- @param name  a name, a path, or a function
--- @return table  apply(epoch, epochs, options) -> probability, and options (what a file declares)
function paces.load(name)
  if type(name) == "function" then return userfile.check(name, kind, "the pace") end
  if userfile.is_path(name) then return userfile.load(name, kind) end
  local pace = bundled[name] or error(("there is no pace \"%s\"%s; there are: %s, or give the path of a file of your "
    .. "own, such as ./%s.lua"):format(tostring(name), suggest(name, paces.choices), table.concat(paces.choices, ", "),
    tostring(name)), 0)
  return { apply = pace, options = {} }
end

--- calr.refine.paces.declared(name)
--- @return table|nil  the options that the file of a pace declares; nil for a name
function paces.declared(name)
  return userfile.is_path(name) and paces.load(name).options or nil
end

return paces
