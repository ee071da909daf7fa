--- @module calr.lab.bench.clustering.data
--- Makes up features like those of this field's networks: persons, camera effects, and noise in few dimensions, so that
--- neighbours are wrong as often as in real data. Also writes the files through which peers get them.

local merged = require "calr.tables".merged
local T = require "calr.tensor"
local npy = require "calr.npy"
local rng = require "calr.rng"

local data = {}

--- calr.lab.bench.clustering.data.people{images=, dim=, each=17, cameras=6, hard=1, latent=96, seed=5}
--- @param images   number of rows
--- @param dim      dimension
--- @param each     images per person
--- @param cameras  number of cameras, taken in turn
--- @param hard     0: all images of a person are nearly the same; 1: about as for a network in mid-training
--- @param latent   dimensions in which features differ
--- @param seed     of the random numbers
--- @return tensor  f32[images x dim], unit rows
--- @return tensor  i32[images], the persons, from 0
--- @return tensor  i32[images], the cameras, from 0
function data.people(o)
  local each, count, latent, hard = o.each or 17, o.cameras or 6, o.latent or 96, o.hard or 1
  local random = rng.open { seed = o.seed or 5, purpose = "people" }
  local ids, cameras = {}, {}
  for i = 1, o.images do ids[i], cameras[i] = (i - 1) // each, random:integer(0, count - 1) end
  local function normal(rows, columns, deviation)
    return random:fill_normal(T.zeros { rows, columns }, 0, deviation)
  end
  local x = normal(o.images, latent, 0.9 * hard)
    + normal((o.images - 1) // each + 1, latent, 1):index_select(1, T(ids, "i64"))
    + normal(count, latent, 0.7 * hard):index_select(1, T(cameras, "i64"))
  return T.l2_normalize(T.matmul(x, normal(latent, o.dim, 1))), T(ids, "i32"), T(cameras, "i32")
end

--- calr.lab.bench.clustering.data.split(count, first)
--- Splits rows 0 .. count-1 at random into two parts.
--- @return table  {first = i64[first], rest = i64[count - first]}, each ascending
function data.split(count, first)
  local order = {}
  for i = 1, count do order[i] = i - 1 end
  rng.open({ seed = 7, purpose = "split" }):shuffle(order)
  local head, rest = table.move(order, 1, first, 1, {}), table.move(order, first + 1, count, 1, {})
  table.sort(head)
  table.sort(rest)
  return { first = T(head, "i64"), rest = T(rest, "i64") }
end

--- calr.lab.bench.clustering.data.files(tensors)
--- Writes tensors where peers can read them.
--- @param tensors  name -> tensor
--- @return table  name -> path of a .npy file; a value for <close>, which removes them
function data.files(tensors)
  local files = setmetatable({}, { __close = function(self)
    for _, path in pairs(self) do os.remove(path) end
  end })
  for name, tensor in pairs(tensors) do
    files[name] = os.tmpname()
    npy.save(files[name], tensor)
  end
  return files
end

--- calr.lab.bench.clustering.data.options(files [, more])
--- @return table  options for a peer: the paths, and more
function data.options(files, more)
  return merged(files, more or {})
end

--- calr.lab.bench.clustering.data.peers(bench, script, programs, options)
--- Starts one script for each of several programs, which it gets as `program`.
--- @return table  the peers; a value for <close>
function data.peers(bench, script, programs, options)
  local all = setmetatable({}, { __close = function(self)
    for _, peer in ipairs(self) do peer:close() end
  end })
  for _, program in ipairs(programs) do
    local given = data.options(options, { program = program })
    for _, peer in ipairs(bench.peer(script, given)) do all[#all + 1] = peer end
  end
  return all
end

--- calr.lab.bench.clustering.data.recall(found, truth)
--- @param found  i32[m x k] or more rows
--- @param truth  i32[m x k]
--- @return number  the share of the true neighbours that were found
function data.recall(found, truth)
  local m, k, hits = truth:size(1), truth:size(2), 0
  for i = 1, m do
    local known = {}
    for j = 1, k do known[truth:get(i, j)] = true end
    for j = 1, k do hits = hits + (known[found:get(i, j)] and 1 or 0) end
  end
  return hits / (m * k)
end

return data
