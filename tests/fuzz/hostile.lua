-- Values at random, most of them small and plausible, some of them hostile: closed, empty, huge, of the wrong type, or
-- with metamethods that close, collect, raise and yield while they are read.
local calr = require "calr"
local tensor = calr.tensor

local hostile = {}

-- Called functions by name, with the words that their messages offered.
local targets = {}
function hostile.target(name, fn)
  targets[name] = targets[name] or { name = name, words = {}, kinds = {}, most = 8 }
  targets[name].fn = fn
  return targets[name]
end

-- What a message says of a function's arguments is used in its next calls.
function hostile.learn(target, message)
  for word in (message:match "there are:? ([%w_, ]+)" or ""):gmatch "[%w_]+" do
    if #target.words < 60 then target.words[#target.words + 1] = word end
  end
  local missing = message:match "option \"([%w_]+)\"" or message:match "did you mean \"([%w_]+)\""
  if missing and #target.words < 60 then target.words[#target.words + 1] = missing end
  local place, rest = message:match "bad argument #(%d+) to [^(]*%((.*)%)$"
  local self = target.name:find(":", 1, true) and 1 or 0
  if place then
    local dtype, shape = rest:match "(%w+)%[([%w _x]+)%]"
    local ndim = shape and select(2, shape:gsub(" x ", " x ")) + 1
    target.kinds[tonumber(place) + self] = dtype and { dtype = dtype, ndim = ndim } or rest:match "^([%w_%.]+) expected"
      or rest:match "tensor" and { dtype = "f32", ndim = 2 } or nil
  end
  local most = message:match "takes [%a ]*(%d+) argument" or message:find("takes no argument", 1, true) and 0
  if most then target.most = tonumber(most) + self end
end

function hostile.describe(value)
  local kind = type(value)
  if kind == "string" then return ("%q"):format(value:sub(1, 40)) end
  if kind ~= "table" then return tostring(value) end
  local parts = { getmetatable(value) and "hostile" or nil }
  for key, item in next, value do
    parts[#parts + 1] = tostring(key) .. "=" .. (type(item) == "table" and "{..}" or tostring(item):sub(1, 30))
    if #parts > 12 then break end
  end
  return "{" .. table.concat(parts, " ") .. "}"
end

local dtypes = { "f32", "f32", "f32", "f32", "f64", "f64", "bf16", "f16", "i32", "i32", "i64", "i64", "u8", "bool" }
local floats_of = { f32 = true, f64 = true, bf16 = true, f16 = true }
-- None between a million and 2^50: a tensor of so many numbers can be made, and takes its time.
local integers = { 0, 1, 2, 3, 4, 5, 8, -1, -2, 16, 100, 255, 65536, -(1 << 31), (1 << 53) + 1, 1 << 62,
  math.maxinteger, math.mininteger }
local floats = { 0.0, -0.0, .5, 1.0, 1.5, -1.5, 1e-30, 1e30, 1e308, 0 / 0, 1 / 0, -1 / 0, 2 ^ 53 }
local words = { "", "f32", "i64", "x", "cosine", "euclidean", "mean", "hard", "average", "name", "a.npy", "b.png",
  "c.safetensors", "d", "train", "stripes", "true", ("long"):rep(50), "nul\0byte", "\xff\xfe", "%s%n%d",
  "[1,{\"a\":2}]" }
local keys = { "k", "metric", "base", "seed", "clusters", "labels", "features", "indices", "similarities", "distances",
  "query", "gallery", "query_ids", "gallery_ids", "query_cameras", "gallery_cameras", "scores", "affinity", "bias",
  "weights", "eps", "lr", "step", "height", "width", "n", "min_size", "momentum", "residual", "order", "records",
  "dim", "keepdim", "dtype", "p", "index", "value", "other", "min", "max", "size",
  "descending", "correction", "alpha", "start_dim", "repeats", "mask" }

-- A source of values; closing it closes what it opened. draw.nested, which the caller sets, is a call of anything: what
-- metamethods and finalizers do at times.
function hostile.new(seed)
  math.randomseed(seed)
  local random = math.random
  local pace = random(4) -- of the collector: finalizers run at many other places when it is in a hurry
  if pace == 1 then
    collectgarbage("incremental", 10, 1000, 1)
  elseif pace == 2 then
    collectgarbage "generational"
  end
  local pool, draw, depth = {}, {}, 0
  -- In a quarter of the rounds most numbers are extreme and many tensors are empty: what comes of both together is rare
  -- otherwise.
  local extreme = random(4) == 1
  local lengths = extreme and { 0, 0, 0, 1, 1, 2, 4 } or { 0, 1, 2, 3, 4, 4, 4, 8, 16 }

  function draw.chance(p) return random() < p end
  function draw.pick(list) return #list > 0 and list[random(#list)] or nil end
  function draw.any() return draw.pick(pool) end

  function draw.keep(value)
    if type(value) == "userdata" or (type(value) == "table" and draw.chance(.3)) then
      if #pool < 60 then pool[#pool + 1] = value else pool[random(#pool)] = value end
    end
  end

  -- What a metamethod or finalizer does to the pool.
  local function mischief()
    local kind = random(9)
    if kind == 9 then
      if depth < 3 then
        depth = depth + 1
        pcall(draw.nested)
        depth = depth - 1
      end
    elseif kind <= 2 then
      collectgarbage "step"
    elseif kind == 3 then
      collectgarbage()
    elseif kind <= 6 then
      local value = draw.any()
      local meta = type(value) == "userdata" and getmetatable(value)
      local close = meta and (meta.__close or meta.__gc)
      if close then pcall(close, value) end
    elseif kind == 7 then
      local value = draw.any()
      if tensor.is(value) then pcall(value.fill, value, draw.pick(integers)) end
    elseif draw.chance(.1) then
      error "mischief"
    elseif coroutine.isyieldable() and draw.chance(.2) then
      coroutine.yield()
    end
  end

  function draw.integer()
    return draw.chance(extreme and .3 or .78) and random(0, 5) or draw.pick(integers)
  end

  function draw.tensor()
    local shape, ndim = {}, draw.pick { 0, 1, 1, 2, 2, 2, 2, 3, 4, 4 }
    for i = 1, ndim do shape[i] = draw.pick(lengths) end
    if draw.chance(.05) then shape[#shape + 1] = draw.pick { -1, 1 << 53, math.maxinteger, math.mininteger } end
    local ok, t = pcall(tensor.zeros, shape, draw.pick(dtypes))
    if not ok then return tensor.zeros { 2, 2 } end
    if t:numel() > 100000 then return tensor.zeros { 2, 2 } end
    local dtype = t:dtype()
    local float = floats_of[dtype]
    draw.fill(t)
    if t:dim() >= 2 and draw.chance(.2) then t = t:transpose(1, 2) end
    if t:dim() >= 1 and t:size(1) > 1 and draw.chance(.2) then t = t:narrow(1, 2, t:size(1) - 1) end
    if float and t:numel() > 0 and draw.chance(.05) then t:fill(draw.pick(floats)) end
    if float and dtype ~= "f16" and draw.chance(.2) then t:requires_grad(true) end
    if draw.chance(.3) and t:requires_grad() then
      local ok_twice, twice = pcall(function() return t * 2 end)
      t = ok_twice and twice or t
    end
    return t
  end

  -- Numbers that fit the type: small integers, bits, normal numbers.
  function draw.fill(t)
    local dtype = t:dtype()
    if floats_of[dtype] then
      if draw.chance(.2) or t:numel() == 0 then return end
      t:copy(calr.rng.open({ seed = random(1000) }):fill_normal(tensor.zeros(t:shape())))
    elseif t:dim() > 0 then
      local flat, bits = t:reshape { -1 }, dtype == "u8" or dtype == "bool"
      for i = 1, math.min(t:numel(), 64) do flat:set(i, bits and random(0, 1) or random(-1, 3)) end
    end
  end

  local function list(make)
    local items = {}
    for i = 1, random(0, 4) do items[i] = make() end
    return items
  end

  -- A table that looks full and runs code.
  function draw.trap(target)
    local fields = draw.chance(.7) and draw.options(target, true) or list(draw.value)
    return setmetatable(draw.chance(.3) and { k = 2 } or {}, {
      __index = function(_, key)
        mischief()
        if fields[key] ~= nil then return fields[key] end
        return draw.chance(.3) and draw.value() or nil
      end,
      __len = function()
        mischief()
        return draw.chance(.8) and random(0, 5) or draw.pick(integers)
      end,
      __close = mischief, __gc = mischief, __call = mischief,
      __pairs = function(t) mischief() return next, t end,
      __tostring = function() mischief() return "trap" end,
    })
  end

  function draw.options(target, plain)
    if not plain and draw.chance(.15) then return draw.trap(target) end
    local options = {}
    for _ = 1, random(0, 6) do
      local known = target and #target.words > 0 and draw.chance(.9) and draw.pick(target.words)
      options[known or draw.pick(keys)] = draw.value(target)
    end
    return options
  end

  local function fn()
    return draw.pick {
      function(...) return ... end, function() mischief() return draw.any() end, function() error "no" end,
      function(_, x) return x end, coroutine.yield,
      function(...) return calr.no_grad(function(...) return ... end, ...) end,
    }
  end

  function draw.value(target)
    local kind = random(100)
    if kind <= 38 then return draw.tensor() end
    if kind <= 52 then return draw.any() end
    if kind <= 64 then return draw.integer() end
    if kind <= 69 then return draw.pick(floats) end
    if kind <= 75 then
      return target and #target.words > 0 and draw.chance(.6) and draw.pick(target.words) or draw.pick(words)
    end
    if kind <= 78 then return draw.chance(.5) end
    if kind <= 82 then return list(draw.tensor) end
    if kind <= 86 then return list(function() return random(0, 5) end) end
    if kind <= 88 then return { list(random), list(random) } end
    if kind <= 91 then return draw.trap(target) end
    if kind <= 93 then return fn() end
    if kind <= 95 then return setmetatable({}, { __gc = mischief }) end
    return draw.options(target)
  end

  -- What the function asked for, most of the time.
  local function wanted(kind, target)
    if type(kind) == "table" then
      local sizes, shape = { draw.pick { 4, 4, 8, 1 }, 4, draw.pick { 4, 3 }, 3 }, {}
      for i = 1, kind.ndim do shape[i] = sizes[i] end
      local ok, t = pcall(tensor.zeros, shape, kind.dtype)
      if not ok then return draw.tensor() end
      if floats_of[kind.dtype] then
        draw.fill(t)
      else
        local flat, bits = t:reshape { -1 }, kind.dtype == "u8" or kind.dtype == "bool"
        for i = 1, t:numel() do flat:set(i, bits and random(0, 1) or random(0, 3)) end
      end
      return t
    end
    if kind == "number" or kind == "integer" then return draw.integer() end
    if kind == "string" then return draw.pick(words) end
    if kind == "function" then return fn() end
    if kind == "table" then return draw.options(target) end
    if kind == "calr.tensor" then return draw.tensor() end
    for _ = 1, 20 do
      local value = draw.any()
      local meta = type(value) == "userdata" and getmetatable(value)
      if meta and meta.__name == kind then return value end
    end
  end

  -- Most calls end with options, and most first arguments are tensors or come from the pool. `first`: arguments from
  -- this one on, the ones before are given.
  function draw.arguments(target, first)
    first = first or 1
    local given, count = {}, draw.pick { 0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 8 }
    if draw.chance(.9) then count = math.min(count, target.most - first + 1) end
    for i = 1, count do
      local kind = target.kinds[i + first - 1]
      if kind and draw.chance(.85) then given[i] = wanted(kind, target) end
      if given[i] == nil then given[i] = draw.value(target) end
    end
    if count > 0 and not target.kinds[count + first - 1] and draw.chance(.5) then
      given[count] = draw.options(target)
    end
    if draw.chance(.1) then setmetatable({}, { __gc = mischief }) end
    return table.unpack(given, 1, count)
  end

  local function add(make, ...)
    local ok, value = pcall(make, ...)
    if ok then pool[#pool + 1] = value end
  end

  -- A value of every class.
  local x = tensor.full({ 8, 4 }, 1)
  calr.rng.open({ seed = seed % 1000 }):fill_normal(x)
  add(calr.cluster.distances, x)
  add(calr.cluster.jaccard, x, { k1 = 3 })
  add(calr.cluster.ivf, x, { lists = 2 })
  add(calr.cluster.neighbour_graph, x, { links = 4 })
  add(calr.cluster.linkage, calr.cluster.distances(x))
  add(calr.cluster.knn, x, { k = 3 })
  add(calr.rng.open, {})
  add(calr.paint.scene, 8, 8)
  add(calr.tune.history, 2)
  add(calr.tune.parzen, { history = calr.tune.history(1), rows = {}, columns = { 1 }, axes = { {} } })
  add(calr.frozen.conv, tensor.full({ 4, 3, 3, 3 }, .1))
  add(calr.sys.append, "append")
  add(calr.sys.lock, "lock")
  add(calr.sys.heartbeat, "heartbeat", 60)
  add(calr.nn.linear, 4, 4)
  add(calr.autograd.op, {
    forward = function(ctx, a)
      ctx:save(a)
      mischief()
      return a * 1
    end,
    backward = function(_, dy)
      mischief()
      return dy
    end,
  })
  local path = "store" .. seed % 3 .. ".calr"
  add(calr.store.writer, { path = path, name = "fuzz" })
  local writer = pool[#pool]
  pcall(function()
    local files = calr.paint.encode(tensor.zeros({ 2, 8, 8, 3 }, "u8"), {})
    for i, bytes in ipairs(files) do
      writer:add { path = i .. ".jpg", identity = i, camera = 0, split = "train", bytes = bytes }
    end
    if draw.chance(.8) then writer:commit() end
    add(calr.store.open, path)
    local store = pool[#pool]
    add(calr.loader.open, store, { height = 8, width = 8, batch = 1, workers = draw.pick { 0, 1 } })
    add(calr.loader.cache, store, { height = 8, width = 8 })
  end)
  for _ = 1, 12 do pool[#pool + 1] = draw.tensor() end
  for i = #pool, 2, -1 do
    if draw.chance(.03) then pcall(function() pool[i]:close() end) end
  end

  -- Nothing of a round reaches the next.
  function draw.finish()
    for _, value in ipairs(pool) do
      local meta = type(value) == "userdata" and getmetatable(value)
      if meta and meta.__close then pcall(meta.__close, value) end
    end
    pool = {}
    collectgarbage("incremental", 200, 100, 13)
    collectgarbage()
  end

  return setmetatable(draw, { __close = function() pool = {} end })
end

return hostile
