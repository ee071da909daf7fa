-- What C borrows from a script lives as long as C needs it, whatever the script does meanwhile; no argument is ignored.
-- Under the address sanitizer a mistake here ends the program.
local calr = require "calr"
local check = require "check"
local tensor, ops = calr.tensor, calr.ops

local refuses = check.fails

-- A table whose fields are made when they are asked for, and held by nobody.
local function lazy(makers)
  return setmetatable({}, {
    __index = function(_, key)
      local value = makers[key] and makers[key]()
      collectgarbage()
      return value
    end,
  })
end

check.test("options that nobody else holds", function()
  local options = {
    query = function() return tensor.full({ 40, 32 }, 1) end,
    gallery = function() return tensor.full({ 50, 32 }, 1) end,
    query_ids = function() return tensor.zeros({ 40 }, "i32") end,
    gallery_ids = function() return tensor.zeros({ 50 }, "i32") end,
    query_cameras = function() return tensor.zeros({ 40 }, "i32") end,
    gallery_cameras = function() return tensor.full({ 50 }, 1, "i32") end,
    ap = function() return ("trape"):rep(1) .. "zoid" end,
  }
  for _ = 1, 20 do check.equal(calr.rank.evaluate(lazy(options)).mAP, 1) end
  local x = tensor.full({ 6, 4 }, 1)
  local near = calr.cluster.knn(x, lazy {
    k = function() return 2 end,
    base = function() return tensor.full({ 5, 4 }, 1) end,
  })
  check.equal(near.indices:size(2), 2)
  local neighbours = lazy {
    indices = function() return tensor({ { 0, 1 }, { 1, 0 } }, "i32") end,
    similarities = function() return tensor { { 1, .9 }, { 1, .9 } } end,
  }
  check.equal(calr.cluster.components(neighbours):equal(tensor({ 0, 0 }, "i32")), true)
  check.equal(calr.rng.open(lazy { purpose = function() return "pur" .. "pose" end }):integer(1, 1), 1)
end)

check.test("lists whose items are made when they are asked for", function()
  local parts = setmetatable({}, {
    __len = function() return 4 end,
    __index = function(_, i)
      collectgarbage()
      return tensor.full({ 30, 30 }, i)
    end,
  })
  check.equal(ops.cat(parts, 1):max():item(), 4)
  check.equal(ops.cat(parts, 1):size(1), 120)
  for _, length in ipairs { -1, math.mininteger, math.maxinteger, 1 << 32 } do
    local list = setmetatable({}, { __len = function() return length end })
    refuses("items is not possible", ops.cat, list)
    refuses("items is not possible", tensor.zeros, list)
    refuses("items is not possible", tensor, list)
    refuses("items is not possible", calr.paint.render, list, { height = 4, width = 4 })
    refuses("items is not possible", calr.sys.nearest, "word", list)
  end
  local words = setmetatable({}, {
    __len = function() return 3 end,
    __index = function(_, i)
      collectgarbage()
      return "word" .. i
    end,
  })
  check.equal(calr.sys.nearest("wrd2", words), "word2")
end)

check.test("an argument that is closed while it is used", function()
  local x = tensor.full({ 40, 8 }, 1)
  local near = calr.cluster.knn(x, setmetatable({}, {
    __index = function(_, key)
      x:close()
      return key == "k" and 5 or nil
    end,
  }))
  check.equal(near.indices:size(2), 5)
  refuses("this tensor was closed", x.size, x, 1)

  local rows = tensor.full({ 64, 8 }, 1)
  local index = calr.cluster.ivf(rows, { lists = 2, seed = 1 })
  local function closing(what, fields)
    return setmetatable({}, {
      __index = function(_, key)
        getmetatable(what).__gc(what)
        return fields[key]
      end,
    })
  end
  check.equal(index:search(nil, closing(index, { k = 3, probes = 2 })).indices:size(2), 3)
  check.equal(tostring(index), "closed index")
  local graph = calr.cluster.neighbour_graph(rows, { links = 4 })
  check.equal(graph:search(nil, closing(graph, { k = 3, effort = 8 })).indices:size(2), 3)
  check.equal(tostring(graph), "closed graph")
  local tree = calr.cluster.linkage(calr.cluster.distances(rows))
  local _, clusters = tree:cut(closing(tree, { clusters = 4 }))
  check.equal(clusters, 4)
  local distance = calr.cluster.jaccard(rows, { k1 = 4 })
  refuses("this distance was closed", calr.cluster.dbscan, distance, closing(distance, { eps = .5, min_samples = 2 }))
end)

check.test("an argument that a finalizer closes", function()
  for _ = 1, 50 do
    local a, b = tensor.full({ 64 }, 1), tensor.full({ 64 }, 2)
    setmetatable({}, { __gc = function() a:close() b:close() end })
    local ok, sum = pcall(function()
      local y = a + b
      for _ = 1, 4 do y = y + a end
      return y
    end)
    if ok then check.equal(sum:max():item(), 7) end
    collectgarbage()
  end
end)

check.test("arguments that forward closes", function()
  local op = calr.autograd.op {
    forward = function(_, x)
      local y = x * 2
      x:close()
      return y
    end,
    backward = function(_, dy) return dy end,
  }
  local x = tensor { 1, 2 }:requires_grad(true)
  check.equal(op(x):max():item(), 4)
  local saving = calr.autograd.op {
    forward = function(ctx, value)
      ctx:save(value)
      value:close()
      return tensor { 1 }
    end,
    backward = function(_, dy) return dy end,
  }
  refuses("was closed", saving, tensor { 1 }:requires_grad(true))
end)

check.test("metamethods check whose they are", function()
  local path = check.tmp and check.tmp .. "/a" or os.tmpname()
  local values = {
    tensor.zeros { 1 }, calr.sys.append(path), calr.sys.lock(path .. ".lock"), calr.rng.open {},
    calr.cluster.linkage(tensor.zeros { 2, 2 }), calr.cluster.ivf(tensor.full({ 8, 2 }, 1), { lists = 1 }),
      calr.cluster.neighbour_graph(tensor.full({ 8, 2 }, 1)),
    calr.cluster.jaccard(tensor.full({ 8, 2 }, 1), { k1 = 2 }), calr.paint.scene(4, 4), calr.tune.history(2),
    calr.frozen.conv(tensor.zeros { 1, 1, 1, 1 }), calr.sys.heartbeat(path .. ".beat", 60),
  }
  local count = 0
  for i, value in ipairs(values) do
    for name, method in pairs(getmetatable(value)) do
      if type(method) == "function" and name ~= "__newindex" then
        for j, other in ipairs(values) do
          if i ~= j then
            local ok = pcall(method, other, other, other)
            check.equal(ok and name ~= "__tostring" and name .. i .. j, false)
            count = count + 1
          end
        end
      end
    end
  end
  check.equal(count > 300, true)
  for _, value in ipairs(values) do pcall(function() value:close() end) end
  os.remove(path)
end)

check.test("extra arguments are refused by name", function()
  local x = tensor { { 1, -2 }, { 3, 5 } }
  refuses("tensor:numel() takes no argument, and 1 was given", x.numel, x, 2)
  refuses("tensor:relu() takes no argument", x.relu, x, 1)
  refuses("calr.relu(x) takes 1 argument, and 2 were given", ops.relu, x, 1)
  refuses("tensor:sum([dim, keepdim]) takes at most 2 arguments, and 3 were given", x.sum, x, 1, true, 2)
  refuses("the list before it is complete", tensor.zeros, { 2 }, "f32", 1)
  refuses("f32[2 x 2]:get takes 2 positions, and 3 were given", x.get, x, 1, 1, 1)
  refuses("f32[2 x 2]:set takes 2 positions, and 3 were given", x.set, x, 1, 1, 1, 5)
  refuses("number expected", calr.rng.open({}).uniform, calr.rng.open {}, 5)
  refuses("takes at most 2 arguments", tensor, { 1 }, "f32", 3)
  check.equal(ops.relu(x, nil):max():item(), 5) -- a nil behind the last is nothing
  local extra = {}
  for i = 1, 30 do extra[i] = true end
  for name in pairs(package.loaded) do
    local module = name:find "^calr%." and package.loaded[name]
    for key, fn in pairs(type(module) == "table" and module or {}) do
      local what = type(fn) == "function" and debug.getinfo(fn, "S").what
      if what == "C" and not (name == "calr.sys" and key == "spawn") then
        local ok, message = pcall(fn, table.unpack(extra))
        check.equal(ok and name .. "." .. key, false)
        check.equal(type(message), "string")
      end
    end
  end
end)

check.test("a tensor's fields", function()
  local x = tensor { 1, 2, 3 }
  refuses("f32[3] has no item 4 in dimension 1", function() for _ in ipairs(x) do end end)
  refuses("a tensor has no field or method \"T\"", function() return x.T end)
  refuses("no field \"requires_grad\" to assign to", function() x.requires_grad = true end)
end)

check.test("a copy does not drop a gradient", function()
  local x, buffer = tensor { 1, 2 }:requires_grad(true), tensor.zeros { 2 }
  refuses("its gradient would be lost", buffer.copy, buffer, x * 2)
  check.equal(buffer:copy((x * 2):detach()):max():item(), 4)
  calr.no_grad(function() buffer:copy(x) end)
  check.equal(buffer:max():item(), 2)
end)

check.test("recording comes back after an error in a coroutine", function()
  local recording = calr.autograd.recording
  local function fails() calr.no_grad(function() error "x" end) end
  check.equal(coroutine.resume(coroutine.create(fails)), false)
  check.equal(recording(), true)
  check.equal(pcall(coroutine.wrap(fails)), false)
  check.equal(recording(), true)
  check.equal(coroutine.resume(coroutine.create(function() calr.no_grad(coroutine.yield) end)), false)
  check.equal(recording(), true)
  check.equal(coroutine.wrap(function() return calr.no_grad(recording) end)(), false)
  check.equal(select("#", coroutine.wrap(function() return calr.no_grad(function() return 1, nil, nil end) end)()), 3)
  calr.no_grad(function()
    coroutine.resume(coroutine.create(fails))
    check.equal(recording(), false)
  end)
  check.equal(recording(), true)
end)

check.test("a checkpointed function that gives another shape the second time", function()
  local runs = 0
  local x = tensor { 1, 2 }:requires_grad(true)
  local y = calr.autograd.checkpoint(function(v)
    runs = runs + 1
    return runs == 1 and v * 2 or tensor { 1 }
  end, x)
  refuses("gave f32[2] in its first run and f32[1] in its second", function() y:sum():backward() end)
end)

check.test("joining lists far beyond the last row", function()
  local function lists() return { indices = tensor({ { 0 } }, "i32"), distances = tensor { { 0 } } } end
  refuses("cannot be numbered", calr.rank.merge, lists(), lists(), math.maxinteger)
end)

check.test("optimisers want parameters", function()
  refuses("net:parameters()", calr.optim.adam, calr.nn.linear(2, 2))
  refuses("no parameters", calr.optim.sgd, {})
end)

check.finish()
