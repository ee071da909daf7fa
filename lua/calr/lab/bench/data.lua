--- @module calr.lab.bench.data
--- calr bench data: decodes, resizes, augments and normalises images of a store into batches.

local config = require "calr.config"
local image = require "calr.image"
local pictures = require "calr.lab.bench.frame.images"
local sys = require "calr.sys"
local T = require "calr.tensor"

local benchmark = {
  summary = "images of a data set into training batches; peer Pillow and torchvision",
  options = {
    data = config.option("", "a data set (.lmdb); default: generated images of 128x64"),
    images = config.option(1000, "number of images"),
    height = config.option(256, "of the output images"),
    width = config.option(128, "of the output images"),
    batch = config.option(64, "images per batch"),
    programs = config.option({ "pillow" }, "of the peer: pillow, simplejpeg (with torchvision's transforms of bytes)"),
  },
}

-- The files of the images in a folder, for the peer, and their bytes.
local function write_files(split, count, folder)
  local jpegs, bytes = {}, 0
  for i = 1, count do
    jpegs[i] = split:jpeg(i)
    bytes = bytes + #jpegs[i]
    sys.write_file(("%s/%05d.jpg"):format(folder.path, i), jpegs[i])
  end
  return jpegs, bytes
end

--- calr.lab.bench.data.rows(bench, options)
--- Prints rows for decoding alone and for whole batches on one thread, and for whole batches with one worker per
--- thread. The peer reads the same files; its worker processes are those of a DataLoader.
function benchmark.rows(bench, options)
  local folder <close> = pictures.folder()
  local files <close> = pictures.folder()
  local split = pictures.open(options.data, options.images, folder, bench)
  local count, order = math.min(options.images, split:count()), {}
  for i = 1, count do order[i] = i - 1 end
  order = T(order, "i64")
  local jpegs, bytes = write_files(split, count, files)
  bench.note(("%d images, %.1f kB each"):format(count, bytes / count / 1e3))

  local function peers(work, workers)
    local all = {}
    for _, program in ipairs(options.programs) do
      for _, peer in ipairs(bench.peer("data", { folder = files.path, work = work, height = options.height,
        width = options.width, batch = options.batch, workers = workers, program = program })) do
        all[#all + 1] = peer
      end
    end
    return all
  end
  local function batches(workers, augment)
    return function()
      for _ in split:batches { order = order, batch = options.batch, height = options.height, width = options.width,
                               augment = augment, workers = workers } do end
    end
  end
  local function row(work, run, list, aim)
    local memory = bench.memory()
    bench.row { work = work, time = bench.time(run, { peers = list, single = true }), count = count, unit = "images",
      memory = memory(), aim = aim }
    for _, peer in ipairs(list) do peer:close() end
  end

  local threads = sys.threads()
  local _ <close> = setmetatable({}, { __close = function() sys.threads(threads) end })
  sys.threads(1)
  row("decoding alone, one core", function()
    for i = 1, count do image.decode(jpegs[i]) end
  end, peers("decode", 0))
  row("resized and normalised, one core", batches(0, false), peers("resize", 0))
  row("training batches, one core", batches(0, true), peers("train", 0), { rate = 4000, ratio = 2 })
  sys.threads(threads)
  if threads > 1 then
    row(("training batches, %d workers"):format(threads), batches(threads, true), peers("train", threads))
  end
end

return benchmark
