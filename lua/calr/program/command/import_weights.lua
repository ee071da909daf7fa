--- @module calr.program.command.import_weights
--- calr import-weights FILE.pth -o FILE.safetensors: converts weights from PyTorch.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local json = require "calr.json"
local model = require "calr.program.model"
local models = require "calr.models"
local safetensors = require "calr.safetensors"
local text = require "calr.text"
local weights = require "calr.weights"
local words_of = require "calr.weights.words"

local command = {
  summary = "convert weights saved by PyTorch (.pth) to a .safetensors file",
  usage = "calr import-weights FILE.pth -o FILE.safetensors [--key NAME] [--strip PREFIX] "
    .. "[--rename A=B,...] [--network NAME]",
  own_help = true,
}

local function print_help()
  print("usage: " .. command.usage .. "\n")
  print [[
Reads a file of torch.save without PyTorch (and without executing anything in it), and
writes its weights as .safetensors. A training also takes the file as it is:
weights=FILE.pth.

  FILE.pth            a state_dict, or a checkpoint that contains one; .safetensors and run
                      folders of calr are read, too
  -o FILE             the file to write
  --key NAME          the table that holds the weights, if it is neither at the top nor in
                      a usual place (state_dict, model, ...); NAME/NAME goes deeper
  --strip PREFIX      drop this prefix from the names that have it ("module." and the like
                      go anyway where all have it)
  --rename A=B,...    give tensors other names: a star in A stands for any text, in B for the
                      same text (encoder.*.w=*.weight); without stars A is a name, or its
                      beginning up to a dot (body=layer1)
  --network NAME      the network that the weights are for, by name or by the path of your own
                      file: report what fits, and write its names; default: try all of calr's,
                      and write the names of the file]]
  return 0
end

local function all_but(matched)
  if #matched.missing == 0 then return "all of it" end
  return "all but " .. require("calr.weights.words").parts(matched.missing)
end

-- The networks of calr that the weights fit, in their usual variants.
local function fitting(state, names)
  local lines = {}
  for _, name in ipairs(models.names()) do
    for _, ibn in ipairs { false, true } do
      local made, net = pcall(models.make, name, { ibn = ibn, init = false })
      local ok, matched
      if made then ok, matched = pcall(weights.compare, net, state, names) end
      if ok then lines[#lines + 1] = ("%s%s (%s)"):format(name, ibn and " ibn=true" or "", all_but(matched)) end
    end
  end
  return lines
end

local function renames(words)
  local list = {}
  for item in (words or ""):gmatch "[^,]+" do list[#list + 1] = item end
  return list
end

-- The weights under the names of one network, and lines that say what fits, or why nothing does.
local function for_network(name, state, names)
  local ok, matched = pcall(weights.compare, models.make(name, { init = false }), state, names)
  if not ok then return state, { ("not %s: %s"):format(name, require("calr.traceback").plain(matched)) } end
  local new, lines = {}, { ("%s (%s)"):format(name, all_but(matched)) }
  for own, other in pairs(matched.from) do new[own] = state[other] end
  for _, other in ipairs(matched.unused) do new[other] = new[other] or state[other] end
  for line in matched.report:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return new, lines
end

local function print_summary(path, out, state, about, fits)
  local count, numbers = 0, 0
  for _, value in pairs(state) do
    count, numbers = count + 1, numbers + value:numel()
  end
  print(("read        %s%s: %d tensors, %d numbers"):format(path,
    about.key and (", table " .. text.visible(about.key)) or "", count, numbers))
  if #about.stripped > 0 then print("names       without " .. text.visible(table.concat(about.stripped))) end
  if about.counters > 0 then print(("left out    %d counters of batch norms"):format(about.counters)) end
  print("fits        " .. (#fits > 0 and text.visible_lines(table.concat(fits, "\n            "))
    or "none of calr's networks (calr.models)"))
  print("wrote       " .. out)
end

--- calr.program.command.import_weights.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = arguments.parse(args, { usage = command.usage, at_most = 1,
    flags = { ["--help"] = "help", ["-h"] = "help" },
    values = { ["-o"] = "out", ["--out"] = "out", ["--key"] = "key", ["--strip"] = "strip",
      ["--rename"] = "rename", ["--network"] = "network" } })
  if fields.help then return print_help() end
  local path = words[1] or errors.usage("which file? usage: %s", command.usage)
  local out = fields.out or errors.usage("say where to write with -o FILE.safetensors; usage: %s", command.usage)
  if not out:match "%.safetensors$" then
    errors.usage("the output file must end in .safetensors; %s does not", text.quote(out))
  end
  arguments.check_source(path, "file")
  arguments.check_target(out)
  model.check_network(fields.network)
  local rename = renames(fields.rename)
  arguments.judge(words_of.renames, rename)
  local state, about = weights.read(path, { key = fields.key, strip = fields.strip, rename = rename })
  local fits
  if fields.network then
    state, fits = for_network(fields.network, state, about.names)
  else
    fits = fitting(state, about.names)
  end
  local order = not fields.network and json.encode(json.array(about.names)) or nil
  safetensors.save(out, state, { source = path:match "[^/]+/*$", order = order })
  print_summary(path, out, state, about, fits)
  return 0
end

return command
