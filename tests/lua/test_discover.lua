-- calr.lab.discover: what it sees in a folder, and what it chooses for so many images. The command is tested in
-- tests/cli/test_discover.sh.
local calr = require "calr"
local check = require "check"
local discover = require "calr.lab.discover"
local sys = calr.sys

local function put(path)
  sys.make_folder(path:match "^(.*)/")
  sys.write_file(path, "no one decodes this: " .. path)
end

check.test("folders are cameras, in the order of their numbers", function()
  for _, name in ipairs { "cam10", "cam2", "yard" } do
    for i = 1, 8 do put(("street/%s/%02d.jpg"):format(name, i)) end
  end
  put "street/cam2/deeper/one.PNG"
  put "street/cam2/.DS_Store"
  put "street/__MACOSX/cam2/._01.jpg"
  put "street/notes.txt"
  local looked = discover.look "street"
  check.equal(table.concat(looked.names, " "), "cam2 cam10 yard")
  check.equal(#looked.paths, 25)
  check.ok(not looked.one)
  for i, path in ipairs(looked.paths) do
    check.equal(looked.names[looked.cameras[i] + 1], path:match "^[^/]+", path)
    check.equal(looked.records[i].camera, looked.cameras[i])
    check.equal(looked.records[i].identity, -1)
    check.equal(looked.records[i].split, "train")
  end
  -- the same images as those of one camera are another matter, and so is a file of another size
  local one = discover.look("street", true)
  check.ok(one.one and one.hash ~= looked.hash)
  check.equal(discover.look("street").hash, looked.hash)
  sys.write_file("street/yard/01.jpg", "longer than it was before, by some letters")
  check.ok(discover.look("street").hash ~= looked.hash)
end)

check.test("names that are numbers keep their order, with gaps", function()
  for _, name in ipairs { "11", "3", "7" } do
    for i = 1, 7 do put(("numbers/%s/%d.jpg"):format(name, i)) end
  end
  local looked = discover.look "numbers"
  check.equal(table.concat(looked.names, " "), "3 7 11")
  for i, path in ipairs(looked.paths) do
    check.equal(looked.names[looked.cameras[i] + 1], path:match "^[^/]+")
    check.ok(looked.records[i].camera < 3)
  end
end)

check.test("one folder is one camera", function()
  for i = 1, 21 do put(("flat/%02d.jpg"):format(i)) end
  local looked = discover.look "flat"
  check.ok(looked.one)
  check.equal(#looked.names, 1)
  put "flat/more/22.jpg"
  check.fails("--one-camera", discover.look, "flat")
  check.equal(#discover.look("flat", true).paths, 22)
  check.fails("20 at least are needed", discover.look, "numbers/3")
  check.fails("there is no folder nowhere", discover.look, "nowhere")
end)

check.test("settings that the pipeline takes, whatever the number of images", function()
  for _, count in ipairs { 20, 100, 1000, 12936, 1000000 } do
    for _, cameras in ipairs { 1, 2, 6, 100 } do
      for _, weights in ipairs { "", "weights.pth" } do
        local values = discover.settings(count, cameras, { weights = weights })
        local cfg = calr.config.apply(calr.pipeline.defaults { camera_weights_from = 0 }, values)
        check.ok(cfg.infomap.k < count and cfg.infomap.min_size >= 2)
        check.equal(cfg.refine, cameras == 1 and "none" or "pivot")
        check.equal(cfg.network, weights == "" and "small" or "mobilenet_v2")
        check.ok(cfg.iterations >= 8 and cfg.iterations <= 400 and cfg.intra.iterations <= 100)
      end
    end
  end
  local own = discover.settings(100, 2, { epochs = "3", refine = "purity" })
  check.equal(own.epochs .. own.refine, "3purity")
end)

-- Images that decode, but for the first one, under `cameras` cameras.
local function pictures(folder, count, cameras)
  local jpeg = sys.read_file(os.getenv "CALR_TEST_REFERENCE" .. "/image/rgb420.jpg")
  put(folder .. "/0/0000.jpg")
  for i = 1, count - 1 do
    sys.make_folder(("%s/%d"):format(folder, i % cameras))
    sys.write_file(("%s/%d/%04d.jpg"):format(folder, i % cameras, i), jpeg)
  end
  return discover.look(folder)
end

check.test("the time is measured on the images, several times, and grows with what there is to do", function()
  local looked = pictures("times", 60, 3)
  local short, cfg = discover.estimate(discover.settings(60, 3, { epochs = "2" }), looked)
  local long = discover.estimate(discover.settings(60, 3, { epochs = "2000" }), looked)
  for _, of in ipairs { "alone", "loaded", "processor" } do
    check.ok(short[of] > 0 and long[of] > 20 * short[of], ("%s: %g and %g"):format(of, short[of], long[of]))
  end
  check.equal(cfg.height, 64)
  check.equal(short.batch, cfg.clusters * cfg.instances)
  check.ok(short.alone <= short.loaded)
  check.ok(short.training.tries >= 2 and short.features.tries >= 2)
end)

check.test("what is multiplied are the batches that there will be: small ones where clusters are few", function()
  local looked = pictures("few", 24, 2)
  local values = discover.settings(24, 2, { epochs = "2" })
  local cost, cfg = discover.estimate(values, looked)
  local o = cfg.intra
  local of_1 = o.epochs * 2 * o.iterations * math.min(o.clusters_per_batch, 12 // o.per_cluster) * o.instances
  local trained = cfg.epochs * cfg.iterations * cost.batch + of_1
  local looked_at = 24 * (cfg.epochs + cfg.intra.epochs)
  for _, of in ipairs { "alone", "loaded", "processor" } do
    local expected = (trained * cost.training[of] + looked_at * cost.features[of]) / cost.batch
    check.near(cost[of], expected, 1e-9 * expected)
  end
  check.ok(cfg.clusters * cfg.instances <= 24)
end)

check.finish()
