--- @module calr.lab.bench.step
--- calr bench step: shows where the time of a training step goes, kernel by kernel, and the rest outside kernels.

local config = require "calr.config"
local format = require "calr.lab.bench.frame.format"
local meter = require "calr.meter"
local step = require "calr.lab.bench.frame.step"
local sys = require "calr.sys"

local benchmark = {
  summary = "a training step, kernel by kernel, and the time outside kernels",
  options = step.options { clusters = config.option(1000, "clusters of the memory") },
}

-- Time, operations and bytes of each kernel of one step.
local function by_kernel(events, limits)
  local kernels, list = {}, {}
  for _, event in ipairs(events) do
    local kernel = kernels[event.kernel]
    if not kernel then
      kernel = { name = event.kernel, calls = 0, seconds = 0, flops = 0, bytes = 0, limit = 0 }
      kernels[event.kernel] = kernel
      list[#list + 1] = kernel
    end
    kernel.calls = kernel.calls + 1
    for _, field in ipairs { "seconds", "flops", "bytes" } do kernel[field] = kernel[field] + event[field] end
    kernel.limit = kernel.limit + math.max(event.flops / limits.gemm, event.bytes / limits.bandwidth)
  end
  table.sort(list, function(a, b) return a.seconds > b.seconds or (a.seconds == b.seconds and a.name < b.name) end)
  return list
end

--- calr.lab.bench.step.rows(bench, options)
--- Prints tables of the step with the median time of --repeat, counted with calr.meter; then a row for the step without
--- counting and one for the time outside kernels.
function benchmark.rows(bench, options)
  local limits, run = bench.limits(), step.make(options)
  run()
  run()
  local samples, outside, plain = {}, {}, {}
  for i = 1, bench.repeats or 7 do
    collectgarbage()
    local began = sys.clock()
    run()
    plain[i] = sys.clock() - began
    local events, seconds = meter.count(run)
    samples[i] = { events = events, seconds = seconds }
    outside[i] = seconds - step.total(events, "seconds")
  end
  local median = bench.median(outside)
  table.sort(samples, function(a, b) return a.seconds < b.seconds end)
  local middle = samples[(#samples + 1) // 2]
  local kernels, rows = by_kernel(middle.events, limits), {}
  for i, k in ipairs(kernels) do
    local share = k.limit / k.seconds
    rows[i] = { k.name, k.calls, format.time(k.seconds), ("%.1f %%"):format(100 * k.seconds / middle.seconds),
      k.flops > 0 and format.amount(k.flops / k.seconds, "FLOP/s") or false,
      k.bytes > 0 and format.amount(k.bytes / k.seconds, "B/s") or false,
      k.limit > 0 and ("%.0f %%"):format(100 * share) or false }
  end
  bench.table { title = "kernels of a step", records = kernels, rows = rows, columns = { "kernel", "calls",
    { "time", align = "right" }, { "of the step", align = "right" }, { "operations", align = "right" },
    { "memory", align = "right" }, { "of limit", align = "right" } } }
  bench.row { work = step.text(options), seconds = bench.median(plain), count = options.batch, unit = "images",
    flops = step.total(middle.events, "flops") }
  local share = median / middle.seconds
  bench.row { work = "outside kernels", seconds = median, detail = { share = share },
    aim = { fraction = 0.03, of = share } }
end

return benchmark
