--- @module calr.lab.bench.ops
--- calr bench ops: times every word of the tensor vocabulary, forward and backward, beside PyTorch.
---
--- The words, the calls and PyTorch's expressions are the rows of tests/lua/vocabulary, which the tests check; so the
--- sources must be there. A row's `bench` gives its sizes (false: none); without it they are those below. Both programs
--- run a loop over the expression: nothing is closed by hand, and the loops' own cost is a few nanoseconds.

local autograd = require "calr.autograd"
local config = require "calr.config"
local errors = require "calr.errors"
local format = require "calr.lab.bench.frame.format"
local json = require "calr.json"
local rng = require "calr.rng"
local settle_down = require "calr.lab.bench.frame.settle"
local sys = require "calr.sys"
local T = require "calr.tensor"

local benchmark = {
  summary = "every word of the tensor vocabulary, forward and backward",
  options = {
    only = config.option("", "families or words, or FAMILY/WORD, with commas between them; default: all"),
    quick = config.option(false, "no feature maps, and shorter samples"),
    markdown = config.option("", "also write the tables to this file, as Markdown"),
  },
}

-- Sizes by the number of dimensions that a row's first set of inputs has; [0] are those of the elementwise family.
local sizes = {
  [0] = { "16", "64 2048" },
  { "16", "131072" },
  { "4 4", "64 2048" },
  { "2 2 4", "64 64 256" },
  { "1 2 2 4", "64 16 8 256" },
}
local maps = "64 64 32 256"
local with_maps = { elementwise = true, reduce = true, reductions = true }

-- ---- what is measured ----

-- Sets where all inputs have one shape: always element by element, otherwise if the row's own first set is like that.
local function default_sets(row)
  local inputs, shape, list = row.sets[1].inputs, nil, {}
  local elementwise, named = row.family == "elementwise", false
  for _, input in ipairs(inputs) do named = named or row.call:find("%f[%w_]" .. input.name .. "%f[^%w_]") end
  if not named then return { row.sets[1].text } end -- it makes a tensor of its own size
  for _, input in ipairs(inputs) do
    local text_of = table.concat(input.shape, " ")
    if not elementwise and ((row.with[input.name] or {})[3] or shape and shape ~= text_of) then return {} end
    shape = text_of
  end
  local ndim = inputs[1] and #inputs[1].shape or -1
  for _, size in ipairs(elementwise and sizes[0] or sizes[ndim] or {}) do list[#list + 1] = size end
  if with_maps[row.family] and #list > 0 then list[#list + 1] = maps end
  for i, size in ipairs(list) do
    local parts = {}
    for k, input in ipairs(inputs) do parts[k] = input.name .. " " .. size end
    list[i] = table.concat(parts, ", ")
  end
  return list
end

-- Whether `only` names the row.
local function wanted(only, row)
  if only == "" then return true end
  for name in only:gmatch "[^,%s]+" do
    if name == row.family or name == row.word or name == row.family .. "/" .. row.word then return true end
  end
  return false
end

local function elements(set)
  local most = 0
  for _, input in ipairs(set) do
    local count = 1
    for _, size in ipairs(input.shape) do count = count * size end
    most = math.max(most, count)
  end
  return most
end

-- "64 x 2048", or "512 x 256, 256 x 512" where the inputs differ.
local function size_text(set)
  local parts = {}
  for _, input in ipairs(set) do
    local shape = table.concat(input.shape, " x ")
    if shape ~= parts[#parts] then parts[#parts + 1] = shape ~= "" and shape or "1" end
  end
  return table.concat(parts, ", ")
end

-- The items to measure, by family and word: { row, set, size, elements }. Also the words that have no sizes.
local function read_items(folder, options)
  local path = folder .. "/vocabulary.lua"
  if not sys.exists(path) then
    errors.usage("the words to measure are the rows of %s/vocabulary of the sources, which are not there", folder)
  end
  package.path = folder .. "/?.lua;" .. package.path -- for what the families require
  local vocabulary = dofile(path)
  package.loaded.vocabulary = vocabulary
  local items, without = {}, {}
  for _, family in ipairs(vocabulary.families()) do
    local seen = {}
    for _, row in ipairs(vocabulary.load(family)) do
      if (row.bench or not seen[row.word]) and wanted(options.only, row) and vocabulary.find(row.word) then
        local sets = row.bench == nil and default_sets(row) or row.bench or {}
        seen[row.word] = seen[row.word] or #sets > 0
        if #sets == 0 and row.bench ~= false then without[#without + 1] = row.word end
        for _, set in ipairs(sets) do
          set = vocabulary.parse(set)
          if not (options.quick and elements(set) > 1 << 22) then
            items[#items + 1] = { row = row, set = set, size = size_text(set), elements = elements(set), index = #items,
              dtype = vocabulary.first_type(row), vocabulary = vocabulary }
          end
        end
      end
    end
  end
  local unique = {}
  for _, item in ipairs(items) do unique[item.row.word] = true end
  local missing = {}
  for _, word in ipairs(without) do
    if not unique[word] then missing[#missing + 1] = word end
    unique[word] = true
  end
  table.sort(items, function(a, b)
    if a.row.family ~= b.row.family then return a.row.family < b.row.family end
    if a.row.word ~= b.row.word then return a.row.word < b.row.word end
    return a.index < b.index
  end)
  table.sort(missing)
  return items, missing
end

-- ---- inputs ----

-- From, to and type of an input, with the defaults of the tests.
local function range_of(item, input)
  local with = item.row.with[input.name] or {}
  local dtype = with[3] or item.dtype
  local float = item.vocabulary.is_float[dtype]
  local low, high = with[1] or (float and -2 or dtype == "bool" and 0 or -4), with[2] or (float and 2 or 4)
  if dtype == "u8" then low = math.max(low, 0) end
  if input.below then return dtype, 0, input.below - 1 end
  return dtype, low, high, with.values
end

local function make_input(item, input, random)
  local dtype, low, high, values = range_of(item, input)
  if values then return item.vocabulary.tensor(values, dtype, input.shape) end
  local x = T.zeros(input.shape)
  if item.vocabulary.is_float[dtype] then return random:fill_uniform(x, low, high):to(dtype) end
  if dtype == "bool" then return random:fill_uniform(x, 0, 2):to("u8"):to(dtype) end
  return random:fill_uniform(x, 0, high - low + 1 - 1e-3):to("i64"):to("f32"):to(dtype) + math.tointeger(low)
end

local function question_of(item)
  local inputs = {}
  for _, input in ipairs(item.set) do
    local dtype, low, high, values = range_of(item, input)
    inputs[input.name] = { type = dtype, low = low, high = high, shape = json.array(input.shape),
      values = values and json.array(values) }
  end
  return { torch = item.row.torch, inputs = inputs }
end

-- ---- loops ----

local function compile(source, environment)
  return assert(load("local n = ... for _ = 1, n do " .. source .. " end", "=ops", "t", environment))
end

-- What the call names: inputs, words, and what the loop needs.
local function environment_of(item, inputs)
  local environment = { math = math }
  for name in item.row.call:gmatch "[%a_][%w_]*" do environment[name] = item.vocabulary.find(name) end
  for name, x in pairs(inputs) do environment[name] = x end
  return environment
end

-- Loops by name: forward; recorded, and both with the backward pass, where there is a gradient.
local function loops_of(item)
  local random = rng.open { seed = 1, purpose = "bench ops" }
  local inputs, call = {}, item.row.call
  for _, input in ipairs(item.set) do inputs[input.name] = make_input(item, input, random) end
  local loops = { forward = compile("local y = " .. call, environment_of(item, inputs)) }
  if not item.row.differentiable then return loops end
  local clean = {}
  for name, x in pairs(inputs) do
    if item.vocabulary.has_gradient[x:dtype()] then
      inputs[name] = x:detach():requires_grad(true)
      clean[#clean + 1] = ("%s:zero_grad()"):format(name)
    end
  end
  local environment = environment_of(item, inputs)
  local y = assert(load("return " .. call, "=ops", "t", environment))()
  if type(y) == "table" then
    call, y = ("(%s)[1]"):format(call), y[1]
  end
  if not T.is(y) or not y:requires_grad() then return loops end
  environment.dy = T.full(y:shape(), 1, y:dtype())
  environment.backward = autograd.backward
  loops.recorded = compile("local y = " .. call, environment)
  loops.both = compile(("local y = %s backward(y, dy) %s"):format(call, table.concat(clean, " ")), environment)
  return loops
end

-- ---- times ----

-- Seconds for which both programs work before a sample is timed.
local settling = 0.03

local function sample(clock, loop, calls, settle)
  settle_down(settle, function() loop(math.max(1, calls // 10)) end)
  local began = clock()
  loop(calls)
  return (clock() - began) / calls
end

local function calls_for(seconds, lasts)
  return math.max(1, math.min(1000000, math.ceil(lasts / math.max(seconds, 1e-9))))
end

-- Calls that fill the time, found by trying.
local function calibrate(run, lasts)
  local calls, seconds = 1, run(1)
  for _ = 1, 4 do
    if not seconds or seconds < 0 then return nil end
    local better = math.min(calls_for(seconds, lasts), 30 * calls)
    if better < 2 * calls then break end
    calls, seconds = better, run(better)
  end
  return seconds and calls_for(seconds, lasts)
end

-- Median times of ours and of the peer's (or nil), and the median of the ratios pair by pair.
local function measure(bench, loop, peer, what, settings, size)
  local settle = peer and size > 16 and sys.threads() > 1 and settling or 0 -- few elements need one thread
  local function ours(calls) return sample(bench.clock, loop, calls, settle) end
  local function theirs(calls) return (peer:run(calls, ("%s %g"):format(what, settle))) end
  local calls = calibrate(ours, settings.lasts)
  local their_calls = peer and calibrate(theirs, settings.lasts)
  local mine, other, ratios = {}, {}, {}
  local samples = bench.repeats or settings.samples
  local began = sys.clock()
  for i = 1, samples do
    mine[i] = ours(calls)
    local seconds = their_calls and theirs(their_calls)
    if seconds and seconds >= 0 then
      other[#other + 1] = seconds
      ratios[#ratios + 1] = seconds / mine[i]
    end
    if i >= 3 and sys.clock() - began > 1 then break end
  end
  return { seconds = bench.median(mine), theirs = other[1] and bench.median(other),
    ratio = ratios[1] and bench.median(ratios) }
end

local function measure_item(bench, item, peer, settings)
  local ok, loops = pcall(loops_of, item)
  if not ok then
    bench.fail(("%s cannot be measured on %s: %s"):format(item.row.call, item.size, tostring(loops)))
    return nil
  end
  local record = { family = item.row.family, word = item.row.word, call = item.row.call, size = item.size,
    elements = item.elements }
  collectgarbage()
  local asked = item.row.torch and peer or nil
  record.forward = measure(bench, loops.forward, asked, item.number .. " forward", settings, item.elements)
  if loops.both then
    record.both = measure(bench, loops.both, asked, item.number .. " both", settings, item.elements)
    if item.elements <= 16 then record.recorded = measure(bench, loops.recorded, nil, nil, settings, item.elements) end
  end
  return record
end

-- ---- the report ----

-- Head, width, and whether a column is read from its left edge.
local columns = { { "word", 18, true }, { "size", 30, true }, { "forward", 8 }, { "peer", 8 }, { "ratio", 6 },
  { "and backward", 12 }, { "peer", 8 }, { "ratio", 6 } }

local function cells(record)
  local row = { record.word, record.size }
  for i, times in ipairs { record.forward, record.both or false } do
    row[3 * i] = times and format.time(times.seconds) or "-"
    row[3 * i + 1] = times and times.theirs and format.time(times.theirs) or "-"
    row[3 * i + 2] = times and times.ratio and ("%.2f"):format(times.ratio) or "-"
  end
  return row
end

-- Rows are printed as they are measured, so that nothing is lost when the rest is not waited for.
local function row_text(row)
  local parts = {}
  for i, column in ipairs(columns) do
    local space = (" "):rep(column[2] - #row[i])
    parts[i] = column[3] and row[i] .. space or space .. row[i]
  end
  return (table.concat(parts, "  "):gsub("%s+$", ""))
end

local function heads_of(list)
  local heads = {}
  for i, column in ipairs(list) do heads[i] = type(column) == "table" and column[1] or column end
  return heads
end

-- Sizes by the number of elements: small ones show the cost of a call, large ones that of the kernels.
local classes = { { "at most 16 elements", 16 }, { "medium sizes", 1 << 22 }, { "feature maps", math.huge } }

local function ratios_of(records, field, least, most)
  local ratios = {}
  for _, record in ipairs(records) do
    if record.elements > least and record.elements <= most and record[field] and record[field].ratio then
      ratios[#ratios + 1] = record[field].ratio
    end
  end
  return ratios
end

-- A row a class: the medians of both ratios, and how many there are.
local function class_rows(bench, records)
  local rows, least = {}, -1
  for i, class in ipairs { classes[1], classes[2], classes[3], { "all", math.huge } } do
    local row = { class[1] }
    if i == 4 then least = -1 end
    for _, field in ipairs { "forward", "both" } do
      local ratios = ratios_of(records, field, least, class[2])
      row[#row + 1] = #ratios
      row[#row + 1] = #ratios > 0 and bench.median(ratios)
      row[#row + 1] = #ratios > 0 and math.min(table.unpack(ratios))
    end
    rows[i], least = row, class[2]
  end
  return rows
end

-- Lines on what is slower than the peer by more than the aim allows.
local function below_lines(records)
  local low = {}
  for _, record in ipairs(records) do
    for _, part in ipairs { { "forward", "" }, { "both", ", and backward" } } do
      local times = record[part[1]]
      if times and times.ratio and times.ratio < 0.7 then
        low[#low + 1] = { times.ratio, ("%.2f  %s, %s%s"):format(times.ratio, record.word, record.size, part[2]) }
      end
    end
  end
  table.sort(low, function(a, b) return a[1] < b[1] end)
  local lines = {}
  for i, entry in ipairs(low) do lines[i] = entry[2] end
  return lines
end

local function call_text(bench, records)
  local times = { forward = {}, theirs = {}, recorded = {} }
  for _, record in ipairs(records) do
    if record.elements <= 16 and record.recorded then
      table.insert(times.forward, record.forward.seconds)
      table.insert(times.recorded, record.recorded.seconds)
      table.insert(times.theirs, record.forward.theirs)
    end
  end
  if #times.forward == 0 then return nil end
  local peer = #times.theirs > 0 and (" (the peer's: %.2f us)"):format(1e6 * bench.median(times.theirs)) or ""
  return ("a call on at most 16 elements, median of %d: %.2f us without recording%s, %.2f us with it"):format(
    #times.forward, 1e6 * bench.median(times.forward), peer, 1e6 * bench.median(times.recorded))
end

local class_columns = { "ratios", { "forward", align = "right" }, { "median", format = "%.2f" },
  { "lowest", format = "%.2f" }, { "and backward", align = "right" }, { "median", format = "%.2f" },
  { "lowest", format = "%.2f" } }

local function summary_lines(bench, records, missing)
  local lines = { call_text(bench, records) }
  local below = below_lines(records)
  if #below > 0 then lines[#lines + 1] = ("%d ratios are below 0.7:"):format(#below) end
  for _, line in ipairs(below) do lines[#lines + 1] = "  " .. line end
  if #missing > 0 then
    lines[#lines + 1] = ("%d words have no sizes to measure: %s"):format(#missing, table.concat(missing, ", "))
  end
  return lines
end

local function markdown_table(out, heads, rows)
  out[#out + 1] = ("\n| %s |"):format(table.concat(heads, " | "))
  out[#out + 1] = ("|---"):rep(#heads) .. "|"
  for _, row in ipairs(rows) do
    local shown = {}
    for i = 1, #heads do
      shown[i] = math.type(row[i]) == "float" and ("%.2f"):format(row[i]) or tostring(row[i] or "-")
    end
    out[#out + 1] = "| " .. table.concat(shown, " | ") .. " |"
  end
end

local function write_markdown(path, machine, families, classes_found, lines)
  local out = { machine }
  markdown_table(out, heads_of(class_columns), classes_found)
  out[#out + 1] = ""
  for _, line in ipairs(lines) do out[#out + 1] = line:find "^  " and "  - " .. line:sub(3) or "- " .. line end
  for _, family in ipairs(families) do
    out[#out + 1] = ("\n## %s"):format(family.name)
    markdown_table(out, heads_of(columns), family.rows)
  end
  sys.write_file(path, table.concat(out, "\n") .. "\n")
end

-- Starts the peer with a file of all expressions.
local function start_peer(bench, items)
  local questions = json.array {}
  for i, item in ipairs(items) do
    item.number = i - 1
    questions[i] = question_of(item)
  end
  local path = os.tmpname()
  sys.write_file(path, json.encode(questions))
  return bench.peer("ops", { questions = path }), path
end

--- calr.lab.bench.ops.rows(bench, options)
--- Prints a line for each word and size, by family, and a summary.
function benchmark.rows(bench, options)
  local items, missing = read_items(bench.folder() .. "/../../lua", options)
  if #items == 0 then errors.usage("no family or word is called %s", options.only) end
  local settings = { lasts = options.quick and 0.003 or 0.01, samples = options.quick and 5 or 9 }
  local peers <close>, path = start_peer(bench, items)
  local records, families, family = {}, {}, nil
  for i, item in ipairs(items) do
    bench.progress(("%d/%d %s %s"):format(i, #items, item.row.word, item.size))
    if not family or family.name ~= item.row.family then
      family = { name = item.row.family, rows = {}, records = {} }
      families[#families + 1] = family
      bench.line(("\n%s\n%s"):format(family.name, row_text(heads_of(columns))))
    end
    local record = measure_item(bench, item, peers[1], settings)
    if record then
      records[#records + 1] = record
      family.rows[#family.rows + 1] = cells(record)
      family.records[#family.records + 1] = record
      bench.progress ""
      bench.line(row_text(family.rows[#family.rows]))
    end
    if not items[i + 1] or items[i + 1].row.family ~= family.name then
      bench.table { title = family.name, records = json.array(family.records) }
    end
  end
  os.remove(path)
  local found, lines = class_rows(bench, records), summary_lines(bench, records, missing)
  bench.table { title = "the peer's time divided by ours", columns = class_columns, rows = found }
  bench.note ""
  for _, line in ipairs(lines) do bench.note(line) end
  if options.markdown ~= "" then
    local machine = ("%s, %d threads; the peer is %s."):format(bench.session.machine.cpu or "unknown processor",
      sys.threads(), peers[1] and peers[1].name or "absent")
    write_markdown(options.markdown, machine, families, found, lines)
  end
end

return benchmark
