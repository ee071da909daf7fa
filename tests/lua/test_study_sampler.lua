-- calr.study.sampler: what every sampler must do, whatever it proposes.
local check = require "check"
local space = require "calr.lab.study.space"
local sampler = require "calr.lab.study.sampler"

local plain = { x = space.float(-5, 10), y = space.float(1e-4, 1, "log"), k = space.int(1, 9, 2),
  n = space.int(1, 1000, "log"), s = space.float(0, 1, 0.25), c = space.choice { "a", "b", "c" } }
local small = { k = space.int(1, 3), c = space.choice { "a", "b" } }
local nested = { refine = space.choice { "none", { "knn", alpha = space.float(.1, .9), k = space.int(1, 5) },
  { "pivot", mode = space.choice { "hard", { "soft", tau = space.float(.01, 1, "log") } } } }, lr = space.float(0, 1) }

local function loss_of(point)
  local sum, names = 0, {}
  for name in pairs(point) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = point[name]
    sum = sum + (type(value) == "number" and (value - 0.3) ^ 2 or value == "b" and 0 or 0.5)
  end
  return sum
end

local function show(point)
  local parts = {}
  for name, value in pairs(point or {}) do parts[#parts + 1] = name .. "=" .. tostring(value) end
  table.sort(parts)
  return point and table.concat(parts, " ") or "nil"
end

-- Asks and tells n trials; returns what was asked, as text.
local function run(name, sp, options, n, loss)
  local s = sampler.make(name, sp, options)
  local texts = {}
  for i = 1, n do
    local point = s:ask(i)
    texts[i] = show(point)
    if not point then break end
    s:tell { number = i, point = point, state = "running" }
    s:tell { number = i, point = point, state = "finished", losses = { (loss or loss_of)(point) } }
  end
  return texts, s
end

local function each(fn)
  for _, name in ipairs(sampler.names()) do
    if name ~= "grid" then fn(name, name == "gp" and { candidates = 64, starts = 2 } or {}) end
  end
  fn("tpe", { multivariate = false })
  fn("tpe", { multivariate = true, clip = 1 })
  fn("tpe", { bandwidth = "scott" })
end

local function with(options, more)
  local out = {}
  for k, v in pairs(options) do out[k] = v end
  for k, v in pairs(more) do out[k] = v end
  return out
end

check.test("the same history gives the same suggestion, another seed another", function()
  local sp = space.make(plain)
  each(function(name, options)
    local a, s = run(name, sp, with(options, { seed = 7 }), 40)
    local b = run(name, sp, with(options, { seed = 7 }), 40)
    check.equal(table.concat(a, "\n"), table.concat(b, "\n"), name)
    local c = run(name, sp, with(options, { seed = 8 }), 40)
    check.ok(table.concat(a, "\n") ~= table.concat(c, "\n"), name)
    check.equal(show(s:ask(41)), show(s:ask(41)), name)
  end)
end)

check.test("told in another order, and by another process that asked nothing, the suggestion is the same", function()
  local sp = space.make(plain)
  each(function(name, options)
    local first, again = sampler.make(name, sp, options), sampler.make(name, sp, options)
    local trials = {}
    for i = 1, 30 do
      local point = first:ask(i)
      trials[i] = { number = i, point = point, state = "finished", losses = { loss_of(point) } }
      first:tell(trials[i])
    end
    for i = 30, 1, -1 do again:tell(trials[i]) end
    check.equal(show(again:ask(31)), show(first:ask(31)), name)
  end)
end)

check.test("values are in their ranges, on their steps, of their kinds", function()
  local sp = space.make(plain)
  each(function(name, options)
    local s = sampler.make(name, sp, options)
    local seen = {}
    for i = 1, 120 do
      local p = s:ask(i)
      check.ok(p.x >= -5 and p.x <= 10 and p.y >= 1e-4 and p.y <= 1, name)
      check.ok(math.type(p.k) == "integer" and p.k >= 1 and p.k <= 9 and p.k % 2 == 1, name)
      check.ok(math.type(p.n) == "integer" and p.n >= 1 and p.n <= 1000, name)
      check.ok(math.type(p.s) == "float" and p.s >= 0 and p.s <= 1 and p.s * 4 % 1 == 0, name)
      check.ok(p.c == "a" or p.c == "b" or p.c == "c", name)
      seen["k" .. p.k], seen["s" .. p.s] = true, true
      s:tell { number = i, point = p, state = "finished", losses = { (p.k - 9) ^ 2 + (p.s - 1) ^ 2 + p.x ^ 2 } }
    end
    check.ok(seen.k9 and seen["s1.0"], name .. " reaches the upper borders")
  end)
end)

check.test("conditional parameters are there exactly where they exist", function()
  local sp = space.make(nested)
  each(function(name, options)
    local s = sampler.make(name, sp, options)
    local counts = {}
    for i = 1, 80 do
      local p = s:ask(i)
      for _, parameter in ipairs(sp.parameters) do
        check.equal(p[parameter.name] ~= nil, sp:active(p, parameter), name .. ": " .. parameter.name)
      end
      counts[p.refine] = (counts[p.refine] or 0) + 1
      local loss = p.refine == "pivot" and (p["refine.mode.tau"] or 2) or 3
      s:tell { number = i, point = p, state = "finished", losses = { loss + p.lr } }
    end
    if name == "tpe" then check.ok(counts.pivot > 40, name .. " finds the better branch") end
  end)
end)

check.test("a space without continuous parameters is exhausted, each point coming once", function()
  local sp = space.make(small)
  each(function(name, options)
    local texts = run(name, sp, options, 10)
    check.equal(#texts, 7, name)
    check.equal(texts[7], "nil", name)
    local seen = {}
    for i = 1, 6 do
      check.ok(not seen[texts[i]], name)
      seen[texts[i]] = true
    end
  end)
  local grid = run("grid", sp, {}, 10)
  check.equal(table.concat(grid, ";", 1, 3), "c=a k=1;c=a k=2;c=a k=3")
  check.equal(grid[7], "nil")
  local shuffled = run("grid", sp, { shuffle = true, seed = 3 }, 10)
  check.ok(table.concat(shuffled) ~= table.concat(grid))
  table.sort(grid)
  table.sort(shuffled)
  check.equal(table.concat(shuffled, ";"), table.concat(grid, ";"))
end)

check.test("spaces of one point", function()
  local sp = space.make { a = space.float(2, 2), b = space.int(3, 3), c = space.choice { "only" } }
  each(function(name, options)
    local texts = run(name, sp, options, 3)
    check.equal(texts[1], "a=2.0 b=3 c=only", name)
    check.equal(texts[2], "nil", name)
  end)
  -- one of several has one value
  local sp2 = space.make { a = space.float(2, 2), x = space.float(0, 1), c = space.choice { "only" } }
  each(function(name, options)
    for _, text in ipairs((run(name, sp2, options, 25))) do check.ok(text:match "^a=2.0 c=only x=0", name) end
  end)
end)

check.test("a history of failures only, or of pruned trials only", function()
  local sp = space.make(plain)
  each(function(name, options)
    local s = sampler.make(name, sp, options)
    for i = 1, 30 do s:tell { number = i, point = s:ask(i), state = "failed" } end
    check.ok(s:ask(31), name)
    s = sampler.make(name, sp, options)
    for i = 1, 30 do
      local p = s:ask(i)
      s:tell { number = i, point = p, state = "pruned", losses = i % 2 == 0 and { loss_of(p) } or nil, step = i }
    end
    check.ok(s:ask(31), name)
    s = sampler.make(name, sp, options)
    for i = 1, 30 do
      s:tell { number = i, point = s:ask(i), state = "finished", losses = { i < 5 and math.huge or 1 } }
    end
    check.ok(s:ask(31), name)
  end)
end)

check.test("mistakes in what is told", function()
  local sp = space.make(small)
  each(function(name, options)
    local s, point = sampler.make(name, sp, options), { k = 1, c = "a" }
    check.fails("loss 1 is", s.tell, s, { number = 1, point = point, state = "finished", losses = { 0 / 0 } })
    check.fails("must have 1 loss", s.tell, s, { number = 1, point = point, state = "finished" })
    check.fails("must have 1 loss", s.tell, s, { number = 1, point = point, state = "finished", losses = { 1, 2 } })
    check.fails("no state \"finishd\"", s.tell, s, { number = 1, point = point, state = "finishd", losses = { 1 } })
    check.fails("has no point", s.tell, s, { number = 1, state = "running" })
    check.fails("a trial must be a table", s.tell, s, { number = 0, point = point, state = "running" })
  end)
end)

check.test("options and names", function()
  local sp = space.make(small)
  check.fails("no option \"statup\" (did you mean \"startup\"?)", sampler.make, "tpe", sp, { statup = 3 })
  check.fails("option \"gamma\" must be a number from", sampler.make, "tpe", sp, { gamma = 2 })
  check.fails("option \"startup\" must be a whole number", sampler.make, "tpe", sp, { startup = 2.5 })
  check.fails("option \"multivariate\" must be true or false", sampler.make, "tpe", sp, { multivariate = "yes" })
  check.fails("one of neighbour, scott", sampler.make, "tpe", sp, { bandwidth = "silverman" })
  check.fails("option \"seed\" must be an integer", sampler.make, "random", sp, { seed = 1.5 })
  check.fails("no sampler \"tep\" (did you mean \"tpe\"?)", sampler.make, "tep", sp)
  check.fails("one goal or two", sampler.make, "tpe", sp, { goals = 3 })
  check.fails("continuous", sampler.make, "grid", space.make { x = space.float(0, 1) })
  local path = os.getenv "CALR_TEST_TMP" .. "/mine.lua"
  local file = assert(io.open(path, "w"))
  file:write "return function(sp, options) return { ask = function() return { k = options.mine } end } end"
  file:close()
  check.equal(sampler.make(path, sp, { mine = 2 }):ask(1).k, 2)
  check.fails("cannot load the sampler: cannot open ./absent.lua", sampler.make, "./absent.lua", sp)
end)

check.test("the constraint is kept, and one that allows nothing is an error", function()
  local ranges = { x = space.float(0, 1), y = space.float(0, 1), c = space.choice { "a", "b" } }
  local sp = space.make(ranges, function(p) return p.x + p.y < 0.4 and p.c == "b" end)
  each(function(name, options)
    local s = sampler.make(name, sp, options)
    for i = 1, 40 do
      local p = s:ask(i)
      check.ok(sp:allowed(p), name)
      s:tell { number = i, point = p, state = "finished", losses = { -p.x - p.y } } -- against the border
    end
  end)
  local none = space.make(ranges, function() return false end)
  local none_small = space.make(small, function() return false end)
  each(function(name, options)
    check.fails("leaves (nearly) nothing", run, name, none, options, 1)
    check.fails("no points", run, name, none_small, options, 1)
  end)
  check.fails("no points", sampler.make, "grid", none_small)
  -- of a finite space, what little is allowed is found
  local one = space.make({ k = space.int(1, 90), l = space.int(1, 90) }, function(p) return p.k == 7 and p.l == 9 end)
  each(function(name, options)
    local texts = run(name, one, options, 3)
    check.equal(texts[1] .. ";" .. texts[2], "k=7 l=9;nil", name)
  end)
end)

check.test("borders of steps and of logarithmic ranges", function()
  local sp = space.make { s = space.float(0.1, 1.05, 0.2), k = space.int(3, 20, 4), n = space.int(1, 3, "log"),
    f = space.float(1e-8, 1e8, "log"), big = space.int(0, 1 << 40), tiny = space.float(1, 1 + 1e-12) }
  for _, target in ipairs { "low", "high" } do
    each(function(name, options)
      local s, reached = sampler.make(name, sp, options), {}
      for i = 1, 80 do
        local p = s:ask(i)
        check.near((p.s - 0.1) / 0.2 % 1 % 0.999999, 0, 1e-5, name)
        check.ok(p.s >= 0.1 and p.s <= 0.9 + 1e-9 and (p.k - 3) % 4 == 0 and p.k >= 3 and p.k <= 19, name)
        check.ok(math.type(p.n) == "integer" and p.n >= 1 and p.n <= 3 and p.f >= 1e-8 and p.f <= 1e8, name)
        check.ok(math.type(p.big) == "integer" and p.big >= 0 and p.big <= 1 << 40, name)
        check.ok(p.tiny >= 1 and p.tiny <= 1 + 1e-12, name)
        reached["k" .. p.k], reached["n" .. p.n] = true, true
        local sign = target == "low" and 1 or -1
        s:tell { number = i, point = p, state = "finished", losses = { sign * (p.k + p.n + math.log(p.f) + p.s) } }
      end
      check.ok(target == "low" and reached.k3 and reached.n1 or target == "high" and reached.k19 and reached.n3, name)
    end)
  end
end)

check.test("eight workers at once, trials ending in any order, some failing", function()
  local sp = space.make(plain)
  each(function(name, options)
    local s, again = sampler.make(name, sp, options), sampler.make(name, sp, options)
    local running, state = {}, 12345
    for i = 1, 120 do
      local point = s:ask(i)
      running[#running + 1] = { number = i, point = point, state = "running" }
      s:tell(running[#running])
      again:tell(running[#running])
      if #running == 8 then
        state = (state * 1103515245 + 12345) % 2147483648
        local ended = table.remove(running, 1 + state // 65536 % 8)
        local told = { number = ended.number, point = ended.point, losses = { loss_of(ended.point) }, step = 3,
          state = state % 5 == 0 and "failed" or state % 5 == 1 and "pruned" or "finished" }
        s:tell(told)
        again:tell(told)
      end
    end
    check.equal(show(again:ask(121)), show(s:ask(121)), name) -- the other was never asked
  end)
end)

check.test("tpe: running and failed trials repel, pruned ones do not attract", function()
  local sp = space.make { x = space.float(0, 1) }
  local function mean(state, losses)
    local sum = 0
    for seed = 1, 30 do
      local s = sampler.make("tpe", sp, { seed = seed })
      for i = 1, 20 do
        local x = (i - 0.5) / 20
        s:tell { number = i, point = { x = x }, state = "finished", losses = { (x - 0.5) ^ 2 } }
      end
      for i = 21, state and 40 or 20 do
        s:tell { number = i, point = { x = 0.46 + (i - 20) * 0.002 }, state = state, losses = losses, step = 1 }
      end
      sum = sum + math.abs(s:ask(41).x - 0.5)
    end
    return sum / 30
  end
  local none = mean()
  check.ok(mean("running") > none)
  check.ok(mean("failed") > none)
  check.ok(mean("pruned", { -100 }) > none)
end)

check.test("a failed trial is a bad one: where trials fail, later ones are rare", function()
  local function search(name, options)
    local failed, best, seeds = 0, 0, 6
    for seed = 1, seeds do
      local sp = space.make { x = space.float(-1.0, 1.0), y = space.float(0.0, 1.0) }
      local s, least = sampler.make(name, sp, with(options, { seed = seed })), math.huge
      for number = 1, 60 do
        local p = s:ask(number)
        local loss = p.x >= 0 and p.x <= 0.8 and (p.x - 0.3) ^ 2 + (p.y - 0.5) ^ 2 or nil
        s:tell { number = number, point = p, state = loss and "finished" or "failed", losses = loss and { loss } }
        least = math.min(least, loss or math.huge)
        if not loss and number > 10 then failed = failed + 1 end
      end
      best = best + least / seeds
    end
    return failed / (50 * seeds), best
  end
  local chance, chance_best = search("random", {})
  check.ok(chance > 0.5)
  for name, options in pairs { tpe = {}, cmaes = {}, gp = { candidates = 128, starts = 2 },
    nsga2 = { population = 10 } } do
    local share, best = search(name, options)
    check.ok(share < 0.6 * chance, ("%s: %.0f %% of the trials fail"):format(name, 100 * share))
    check.ok(best < chance_best, ("%s finds %g, chance %g"):format(name, best, chance_best))
  end
end)

check.test("no result at all yet: suggestions go on, and move", function()
  local sp = space.make { x = space.float(0, 1), y = space.float(0, 1) }
  each(function(name, options)
    local s, low, high = sampler.make(name, sp, options), 1, 0
    for number = 1, 60 do
      local p = s:ask(number)
      low, high = math.min(low, p.x), math.max(high, p.x)
      s:tell { number = number, point = p, state = "failed" }
    end
    check.ok(low < 0.2 and high > 0.8, name)
  end)
end)

check.finish()
