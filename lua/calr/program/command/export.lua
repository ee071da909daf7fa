--- @module calr.program.command.export
--- calr export MODEL -o FILE: writes a trained network for other programs.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local export = require "calr.lab.export"
local models = require "calr.program.model"
local sys = require "calr.sys"
local text = require "calr.text"
local try = arguments.try

local command = {
  summary = "write a trained network as ONNX, safetensors or a PyTorch file",
  usage = "calr export MODEL -o FILE [network=NAME] [height=N] [width=N] [--keep-norms] [--trust]",
  own_help = true,
}

local help = [[
Writes the network of a run for other programs. Batch norms are multiplied into the
convolutions before them. The ending of FILE says which format:

  .onnx           the network itself, from images f32[batch x 3 x height x width] to the
                  features that `calr evaluate` compares: after the neck, of length 1.
                  The batch may have any size; the metadata say how images are prepared
  .safetensors    its tensors by name, convolutions as [out x in x height x width], and
                  the same metadata
  .pth            the same tensors for torch.load(FILE, weights_only=True)

  MODEL           a run folder, its model.safetensors or one of its checkpoints, or
                  weights of another program (.pth, .safetensors)
  -o FILE         the file to write; an existing one is replaced
  network=NAME    the network that the weights are for, where MODEL does not say it, or the
                  path of your own file; height=, width=, pooling=, ibn= and the options
                  that the network declares likewise
  --keep-norms    leave batch norms as they are: names and numbers of a state for training
  --trust         run the Lua file that MODEL names as its network
  --threads N     number of threads]]

local function parse(args)
  local fields, words = arguments.parse(args, { usage = command.usage,
    flags = { ["--keep-norms"] = "keep_norms", ["--trust"] = "trust", ["--help"] = "help", ["-h"] = "help" },
    values = { ["-o"] = "output", ["--threads"] = "threads" } })
  if fields.help then return fields end
  arguments.check_once(words)
  fields.overrides = {}
  for _, word in ipairs(words) do
    local name, value = word:match "^([%w_.]+)=(.*)$"
    if name and not sys.exists(word) then
      fields.overrides[name] = value
    elseif fields.model then
      errors.usage("\"%s\" is one word too many; usage: %s", word, command.usage)
    else
      fields.model = word
    end
  end
  if not fields.model then errors.usage("which run or file? usage: %s", command.usage) end
  if not fields.output then errors.usage("-o FILE is missing; usage: %s", command.usage) end
  return fields
end

local function refuse_same(path, model)
  if sys.exists(path) and sys.exists(model) and sys.absolute(path) == sys.absolute(model) then
    errors.usage("-o %s would replace the model itself", path)
  end
end

-- Fails before the work if the file could not be written, or would replace what it is made from.
local function check_output(path, model)
  if not export.format(path) then
    errors.usage("-o %s: the ending says the format, and is .onnx, .safetensors or .pth", path)
  end
  arguments.check_target(path)
  refuse_same(path, model)
end

--- calr.program.command.export.run(args)
--- @return integer  exit status
function command.run(args)
  local fields = parse(args)
  if fields.help then
    print("usage: " .. command.usage .. "\n\n" .. help)
    return 0
  end
  arguments.choose_threads(fields)
  check_output(fields.output, fields.model)
  models.refuse(fields, fields.overrides, nil, "the file holds the network alone")
  models.refuse(fields, fields.overrides, { "eval_batch", "workers", "precision" },
    "the file holds the network in f32 alone")
  local model = models.open(fields, fields.overrides)
  local cfg = model.config
  refuse_same(fields.output, model.source)
  local about = try(export.save, model.net, fields.output, { height = cfg.height, width = cfg.width,
    fold = not fields.keep_norms, metadata = { source = model.source, fingerprint = model.fingerprint } })
  local norms = about.folded > 0 and (", %d norms folded"):format(about.folded) or ""
  print(("%s: %s, images of %dx%d, %d features, %s numbers%s%s, %s"):format(fields.output, text.visible(cfg.network),
    cfg.height, cfg.width, model.net.dim, text.count(about.parameters),
    about.operators and (" in %d operators"):format(about.operators) or "", norms, text.bytes(about.bytes)))
  return 0
end

return command
