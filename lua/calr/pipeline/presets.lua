--- @module calr.pipeline.presets
--- The authors' settings by data set (arXiv 2403.16450 and its code), for the option preset=NAME. They ask for ImageNet
--- weights of a ResNet-50 and a day of a processor; what the command line says besides counts more.

-- Images of persons are 256 x 128; batches hold 16 clusters of 4 images. Stage 1 looks for 600 clusters in each camera.
local person = {
  network = "resnet50", ibn = true, pooling = "gem", height = 256, width = 128, clusters = 16, instances = 4,
  lr = 3.5e-4, weight_decay = 5e-4, lr_every = 20, lr_factor = 0.1, temperature = 0.05, momentum = 0.1,
  epochs = 70, iterations = 200, camera_weights_from = 0, ["augment.pad"] = 10, ["augment.flip"] = 0.5,
  ["augment.erase"] = 0.5, ["infomap.k"] = 15, ["infomap.min_similarity"] = 0.5, ["infomap.min_size"] = 5,
  ["alignment.weight"] = 1.0, ["alignment.epochs"] = -1, ["intra.epochs"] = 20, ["intra.iterations"] = 100,
  ["intra.clusters"] = 600, ["intra.k1"] = 30, ["intra.k2"] = 6, ["intra.momentum"] = 0.2,
}

local function with(base, changes)
  local settings = {}
  for name, value in pairs(base) do settings[name] = value end
  for name, value in pairs(changes) do settings[name] = value end
  return settings
end

return {
  market1501 = person,
  dukemtmc = person,
  msmt17 = with(person, { iterations = 400, camera_weights_from = -1, ["alignment.weight"] = 0.0,
    ["intra.clusters"] = 0, ["intra.per_cluster"] = 5 }),
  veri776 = with(person, { ibn = false, height = 224, width = 224, instances = 16, epochs = 50, iterations = 400,
    camera_weights_from = 5, ["alignment.epochs"] = 3, ["intra.clusters"] = 0, ["intra.per_cluster"] = 5,
    ["intra.k1"] = 15, ["intra.k2"] = 4, ["intra.momentum"] = 0.1 }),
}
