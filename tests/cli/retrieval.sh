# What the tests of extract, evaluate and search start from: street.lmdb, a folder of images (pics), a model of random
# weights (model.safetensors) and another one (other.safetensors). Source it after expect.sh.

cat >make.lua <<'LUA'
local calr = require "calr"
local make = require "calr.data.make"
local options = { ids = 3, test_ids = 5, distractors = 3, junk = 2, cameras = 3, images = 2, height = 32, width = 16,
  seed = 5 }
make.run { generator = "street", to = "street.lmdb", options = options }
for name, seed in pairs { model = 1, other = 2 } do
  local config = calr.json.encode { network = "small", height = 32, width = 16, pooling = "gem", ibn = false,
    precision = "f32" }
  calr.safetensors.save(name .. ".safetensors", calr.models.small { seed = seed }:state(), { config = config })
end
local data, sys = calr.data.open "street.lmdb", require "calr.sys"
sys.make_folder "pics/inside"
for i = 1, data:gallery():count() do
  sys.write_file(("pics/%s%02d.jpg"):format(i % 2 == 0 and "inside/" or "", i), data:gallery():jpeg(i))
end
for _, litter in ipairs { "Thumbs.db", "notes.txt", ".hidden.jpg", "inside/._01.jpg" } do
  sys.write_file("pics/" .. litter, "litter")
end
sys.write_file("query.jpg", data:query():jpeg(1))
sys.write_file("bad.jpg", "no image")
LUA
expect 0 "$CALR" make.lua
