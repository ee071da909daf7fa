-- For make.py: writes each case of cases.lua into a folder: NAME.onnx, NAME.images.npy (N x C x H x W), NAME.npy (calr's
-- features), NAME.txt (the structure of the file). Run with LUA_PATH that holds tests/lua.
local calr = require "calr"
local onnx_file = require "onnx_file"

local here, folder = arg[0]:match "^(.*)/[^/]*$", os.getenv "EXPORT_FOLDER"
for name, make in pairs(dofile(here .. "/cases.lua")) do
  local case, base = make(), folder .. "/" .. name
  calr.export.save(case.net, base .. ".onnx", { height = case.height, width = case.width })
  calr.npy.save(base .. ".images.npy", case.images:permute(1, 4, 2, 3):contiguous())
  case.net:train(false)
  calr.npy.save(base .. ".npy", calr.no_grad(function() return case.net:forward(case.images) end))
  calr.sys.write_file(base .. ".txt", onnx_file.structure(onnx_file.read(base .. ".onnx")))
end
