# calr import-weights: weights of PyTorch, and what it refuses.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
files=$CALR_TEST_SOURCE/tests/reference/pth

expect 0 "$CALR" import-weights "$files/checkpoint.pth" -o two.safetensors
prints "table state_dict: 6 tensors, 28 numbers" "names       without module." "left out    1 counters of batch norms" \
    "none of calr's networks" "wrote       two.safetensors"
expect 0 "$CALR" -e 'local t, about = calr.safetensors.load "two.safetensors"
    print(t["0.weight"], t["0.weight"]:sum():get(), t["1.running_var"]:get(2), t["1.num_batches_tracked"], about.source)'
prints "f32[2 x 1 x 3 x 3]	153.0	6.0	nil	checkpoint.pth"
expect 0 "$CALR" import-weights "$files/older.pth" --out=older.safetensors
prints "15 tensors"
expect 0 "$CALR" import-weights "$files/checkpoint.pth" -o state.safetensors --key optimizer/state/1
prints "table optimizer/state/1: 1 tensors"
expect 0 "$CALR" import-weights --help
prints "without executing anything in it"


# ---- layouts of other code bases (their matching is tested in tests/lua/test_weights.lua)
layouts=$CALR_TEST_SOURCE/tests/reference/weights
cat >own.lua <<'LUA'
return function(options) return require "calr".models.small { width = 4, seed = options.seed, pooling = options.pooling } end
LUA
expect 0 "$CALR" import-weights "$layouts/spcl.pth.tar" -o spcl.safetensors --network ./own.lua
prints "table state_dict: 50 tensors" "./own.lua (all but pool.p)" "children 0, 1, 3, 4, 5 taken as conv1, bn1, layer1" \
    "left over in the file: classifier.weight"
expect 0 "$CALR" -e 'local t = calr.safetensors.load "spcl.safetensors"
    print(t["layer1.0.bn1.bias"], t["neck.weight"], t["classifier.weight"], t["base.0.weight"])'
prints "f32[4]	f32[16]	f32[9 x 16]	nil"
expect 0 "$CALR" import-weights "$layouts/encoded.pth" -o encoded.safetensors --rename 'enc*_value=layer*,*_value=*' --network ./own.lua
prints "(all but neck (4 tensors), pool.p)"
expect 1 "$CALR" import-weights "$layouts/encoded.pth" -o out.safetensors --rename 'encoder=layer'
says 'rename encoder=layer: no name fits "encoder"'
# the order of the layers, which decides where all names differ, is kept
expect 0 "$CALR" import-weights "$layouts/other_names.pth" -o other.safetensors
expect 0 "$CALR" import-weights other.safetensors -o again.safetensors --network ./own.lua
prints "matched 45 of 50 tensors of small: by the order and the shapes of the layers"
expect 0 "$CALR" import-weights "$layouts/wider.pth" -o wider.safetensors --network ./own.lua
prints "not ./own.lua: bn1.bias is f32[8] in the file and f32[4] in the network"
expect 1 "$CALR" import-weights "$layouts/script.pt" -o out.safetensors
says "TorchScript" "torch.save(model.state_dict()"

# ---- a file of calr's own network has all of it
expect 0 "$CALR" -e 'calr.safetensors.save("small.safetensors", calr.models.small { seed = 1 }:state())'
expect 0 "$CALR" import-weights small.safetensors -o copy.safetensors
prints "fits        small (all of it)"

# ---- refused, and nothing is written
expect 2 "$CALR" import-weights
says "which file?"
expect 2 "$CALR" import-weights "$files/archive.pth"
says "-o FILE.safetensors"
expect 2 "$CALR" import-weights "$files/archive.pth" -o out.pth
says "must end in .safetensors"
expect 1 "$CALR" import-weights "$files/archive.pth" -o out.safetensors --strip module.
says 'no name begins with "module."'
expect 1 "$CALR" import-weights "$files/checkpoint.pth" -o out.safetensors --key models
says 'there is no table "models"; there are: arch, best, done, epoch, history, nothing, optimizer, state_dict'
expect 1 "$CALR" import-weights "$files/empty.pth" -o out.safetensors
says "no weights were found; it holds: epoch"
expect 1 "$CALR" import-weights "$files/network.pth" -o out.safetensors
says "it holds a whole network" "torch.save(model.state_dict()"
expect 1 "$CALR" import-weights "$files/complex.pth" -o out.safetensors
says "ComplexFloatStorage"
expect 2 "$CALR" import-weights missing.pth -o out.safetensors
says "missing.pth"
head -c 3000 "$files/archive.pth" >cut.pth
expect 1 "$CALR" import-weights cut.pth -o out.safetensors
says "cut.pth" "truncated or damaged"
holds ! -e out.safetensors

# ---- a training starts from them
cat >net.lua <<'LUA'
local calr = require "calr"
local net = calr.models.small { width = 4, seed = 9 }
local state = {}
for name, tensor in pairs(net:state()) do
  if not name:match "^neck" and not name:match "^pool" then state[name] = tensor end
end
state["fc.weight"] = calr.tensor.zeros { 3, 16 }
calr.safetensors.save("start.safetensors", state)
local other = calr.models.small { width = 4, seed = 10 }
local matched = calr.weights.load(other, "start.safetensors")
print(#matched.loaded, table.concat(matched.missing, " "), table.concat(matched.unused, " "))
print(other:state()["layer3.0.conv2.weight"]:equal(state["layer3.0.conv2.weight"]))
local function try(...) print(select(2, pcall(calr.weights.load, ...))) end
try(calr.models.small { width = 5 }, "start.safetensors")
state["layer2.0.conv1.weight"] = nil
calr.safetensors.save("less.safetensors", state)
try(other, "less.safetensors")
calr.safetensors.save("strange.safetensors", { ["a.b"] = calr.tensor.zeros { 1 } })
try(other, "strange.safetensors")
LUA
expect 0 "$CALR" net.lua
prints "neck.bias neck.running_mean neck.running_var neck.weight pool.p	fc.weight" "true" \
    "bn1.bias is f32[4] in the file and f32[5] in the network" \
    "the file lacks layer2.0.conv1.weight, though it has other tensors of that part" "no name of the file is one of the network's"
expect 0 "$CALR" data make street -o street.lmdb --ids 4 --cameras 2 --images 2
expect 1 "$CALR" run "$CALR_TEST_SOURCE/experiments/baseline.lua" data=street.lmdb epochs=1 weights=start.safetensors
says "start.safetensors does not fit the network small"
finish
