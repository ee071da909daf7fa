--- @module calr.lab.export
--- Trained networks as files for other programs: ONNX, safetensors, and PyTorch's .pth. Batch normalisations are
--- multiplied into the convolutions and linear layers before them.
---
---     calr.export.save(net, "model.onnx", { height = 256, width = 128 })
---
--- An ONNX file holds the whole network, from the images to the features that rankings compare: after the neck, of
--- length 1. It is found by running the network on images and noting which functions of tensors it calls, so that
--- networks and layers of your own are exported too, as long as each of these functions has a counterpart; a layer that
--- calls another one is named. The network must do the same for every image: what reads numbers of a feature map and
--- decides by them cannot be exported.

local check_options = require("calr.options").check
local fold = require "calr.lab.export.fold"
local graph = require "calr.lab.export.graph"
local models = require "calr.models"
local program = require "calr.lab.export.program"
local sys = require "calr.sys"

local export = {}

-- What images go through before the network: calr.loader. Bicubic as in Pillow.
local MEAN, STD = { 0.485, 0.456, 0.406 }, { 0.229, 0.224, 0.225 }

local formats = { onnx = "onnx", safetensors = "safetensors", pth = "pth", pt = "pth" }

--- calr.export.format(path)
--- The format that the ending of a name stands for.
--- @return string|nil  "onnx", "safetensors" or "pth" (also for .pt); nil for another ending
function export.format(path)
  return formats[(path:match "%.(%w+)$" or ""):lower()]
end

local function numbers(list) return table.concat(list, ",") end

-- Key and text of all that a program must know to use the file.
local function metadata_of(net, size, more, folded)
  local notes = {
    { "calr.version", sys.version.calr },
    { "calr.network", type(net.name) == "string" and net.name or tostring(net) },
    { "calr.features", "after the neck, divided by their euclidean length; compare them by their dot product" },
    { "calr.dim", ("%d"):format(net.dim) },
    { "calr.height", ("%d"):format(size.height) },
    { "calr.width", ("%d"):format(size.width) },
    { "calr.channels", "RGB" },
    { "calr.range", "bytes / 255, in 0 .. 1" },
    { "calr.mean", numbers(MEAN) },
    { "calr.std", numbers(STD) },
    { "calr.resize", "bicubic with antialiasing, as Pillow's Image.resize; the aspect ratio is not kept" },
    { "calr.folded_norms", ("%d"):format(folded) },
  }
  for key, value in pairs(more or {}) do notes[#notes + 1] = { "calr." .. key, tostring(value) } end
  table.sort(notes, function(a, b) return a[1] < b[1] end)
  return notes
end

local function as_map(notes)
  local map = {}
  for _, pair in ipairs(notes) do map[pair[1]] = pair[2] end
  return map
end

-- safetensors has every type of a state; of f32 are all that the folded ones hold.
local function save_state(path, format, made, net, notes)
  local state = fold.state(made, net:state())
  if format == "pth" then
    require("calr.pth").save(path, state)
  else
    require("calr.safetensors").save(path, state, as_map(notes))
  end
  return state
end

--- calr.export.save(net, path, {height=256, width=128, fold=true, metadata=})
--- Writes a network to a file; its ending says in which format. .onnx: the input is images, f32[batch x 3 x height x
--- width], the output features, f32[batch x dim], for any batch. .safetensors and .pth: the tensors by calr's names,
--- weights of convolutions as [out x in x height x width]; what a norm was folded into has a bias, and the norm has no
--- tensors any more. What preprocessing the network expects stands in the metadata of .onnx and .safetensors.
--- @param net       a network, as calr.models.make or calr.trained.open give it
--- @param path      string; the file is whole or absent
--- @param height, width  integer; of the images. Another size needs another file where a network depends on it
--- @param fold      boolean; false: norms stay as they are, under the names of calr and torchvision
--- @param metadata  table; further texts by name, written as calr.NAME
--- @return table    format, bytes, tensors (how many), parameters (how many numbers), folded (how many norms), and of
---                  ONNX operators (how many)
function export.save(net, path, options)
  local o = check_options("calr.export.save", options, { "height", "width", "fold", "metadata" })
  local format = export.format(path)
  if not format then
    error(("calr.export.save: %s: the ending must be .onnx, .safetensors or .pth"):format(path), 2)
  end
  local size = { height = o.height or 256, width = o.width or 128 }
  models.check(net, size)
  local made = program.of(net, size)
  local folded = o.fold ~= false and fold.norms(made) or 0
  local notes = metadata_of(net, size, o.metadata, folded)
  local about, tensors = { format = format, folded = folded }, {}
  if format == "onnx" then
    local model = graph.build(made, { dim = net.dim, height = size.height, width = size.width, metadata = notes })
    model:save(path)
    about.operators = #model.nodes
    for _, item in ipairs(model.constants) do tensors[item.name] = item.tensor end
  else
    tensors = save_state(path, format, made, net, notes)
  end
  about.tensors, about.parameters, about.bytes = 0, 0, sys.stat(path).size
  for _, tensor in pairs(tensors) do
    about.tensors, about.parameters = about.tensors + 1, about.parameters + tensor:numel()
  end
  return about
end

return (require("calr.options").counted("calr.export.", export))
