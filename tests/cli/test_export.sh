# `calr export`: from a file and from a run, into each format; what is refused leaves no file. The files themselves are
# tested in tests/lua/test_export.lua.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

expect 0 "$CALR" export --help
prints "usage: calr export MODEL -o FILE" "torch.load(FILE, weights_only=True)"

# A model as runs end with it.
cat >model.lua <<'LUA'
local calr = require "calr"
local net = calr.models.small { seed = 3 }
calr.safetensors.save("model.safetensors", net:state(), {
  config = calr.json.encode { network = "small", height = 48, width = 24, pooling = "gem", ibn = false,
    precision = "f32", refine = "./none.lua" } })
calr.safetensors.save("other.safetensors", calr.models.small { width = 8 }:state(), {
  config = calr.json.encode { network = "small", height = 48, width = 24 } })
calr.safetensors.save("bare.safetensors", net:state())
LUA
expect 0 "$CALR" model.lua
cat >compare.lua <<'LUA'
local calr = require "calr"
local model = calr.trained.open "model.safetensors"
local state, notes = calr.safetensors.load "folded.safetensors"
local pth, kept = calr.pth.load "folded.pth", calr.pth.load "kept.pth"
for name, tensor in pairs(state) do assert(tensor:equal(pth[name]), name) end
for name, tensor in pairs(kept) do assert(tensor:equal(model.net:state()[name]), name) end
print(notes["calr.network"], notes["calr.height"], notes["calr.fingerprint"] == model.fingerprint, kept["bn1.weight"] ~= nil)
LUA
expect 0 "$CALR" export model.safetensors -o model.onnx
prints "model.onnx: small, images of 48x24, 128 features," "numbers in" "operators, 9 norms folded,"
expect 0 "$CALR" export model.safetensors -o folded.safetensors
prints "folded.safetensors: small, images of 48x24, 128 features," "9 norms folded"
expect 0 "$CALR" export model.safetensors -o folded.pth --threads 1
expect 0 "$CALR" export model.safetensors -o kept.pth --keep-norms
expect 0 "$CALR" compare.lua
prints "small	48	true	true"
# another size, and weights that do not say what they are
expect 0 "$CALR" export model.safetensors height=64 width=32 -o large.onnx
prints "images of 64x32"
expect 0 "$CALR" export bare.safetensors network=small height=48 width=24 -o bare.onnx
holds "$(wc -c <bare.onnx)" -gt 100000

# ---- a network of one's own: what it computes is exported, a layer that cannot be is named
cat >own.lua <<'LUA'
local calr = require "calr"
local Mine = calr.nn.class "Mine"
function Mine:forward(x)
  local y = self.conv(x):relu()
  if os.getenv "ODD" then y = y:cumsum(2) end
  return (y:mean { 2, 3 }):l2_normalize()
end
return function(options)
  local net = calr.nn.new(Mine)
  net:add("conv", calr.nn.conv(3, 8, { stride = 2 }))
  net.dim = 8
  return net:init(options.seed)
end
LUA
expect 0 "$CALR" -e 'calr.safetensors.save("own.safetensors", dofile "own.lua" { seed = 1 }:state(), {
    config = calr.json.encode { network = "./own.lua", height = 16, width = 8 } })'
expect 1 "$CALR" export own.safetensors -o own.onnx
says "own.safetensors was trained with the network of a file, ./own.lua, which would run as code"
expect 0 "$CALR" export own.safetensors network=./own.lua -o own.onnx
prints "own.onnx: ./own.lua, images of 16x8, 8 features, 2"
expect 0 "$CALR" export own.safetensors --trust -o own.onnx
rm own.onnx
ODD=1 expect 1 "$CALR" export own.safetensors --trust -o own.onnx
says "the network (Mine) cannot be exported: it calls calr.cumsum"
holds ! -e own.onnx

# ---- refused
expect 2 "$CALR" export
says "which run or file?"
expect 2 "$CALR" export model.safetensors
says "-o FILE is missing"
expect 2 "$CALR" export model.safetensors -o net.bin
says "the ending says the format, and is .onnx, .safetensors or .pth"
expect 2 "$CALR" export model.safetensors other -o net.onnx
says '"other" is one word too many'
expect 2 "$CALR" export model.safetensors -o nowhere/net.onnx
says "there is no folder nowhere"
expect 2 "$CALR" export model.safetensors -o ./model.safetensors
says "would replace the model itself"
expect 2 "$CALR" export model.safetensors -o net.onnx --keepnorms
says "did you mean --keep-norms?"
expect 2 "$CALR" export nothing -o net.onnx
says "there is no run or file of weights nothing"
expect 1 "$CALR" export other.safetensors -o net.onnx
says "other.safetensors does not fit the network small"
expect 2 "$CALR" export model.safetensors hieght=64 -o net.onnx
says 'no option "hieght" (did you mean "height"?)'
expect 2 "$CALR" export model.safetensors height=tall -o net.onnx
says 'option "height" must be a whole number'
expect 1 "$CALR" export bare.safetensors -o net.onnx
says "give network="
holds ! -e net.onnx
finish
