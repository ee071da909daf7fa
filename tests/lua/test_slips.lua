-- Slips of a newcomer are errors that say what was meant: fields, options, rules, layouts, scripts in the wrong place.
local check = require "check"
local calr = require "calr"
local config, sys, T = calr.config, calr.sys, calr.tensor
local tmp = os.getenv "CALR_TEST_TMP"

local function write(name, text)
  local path = tmp .. "/" .. name
  sys.write_file(path, text)
  return path
end

local function with(values)
  return config.apply(calr.pipeline.defaults(), values or {})
end

check.test("a misspelt field of the configuration", function()
  local cfg = with()
  check.fails("the configuration has no \"infomp\" (did you mean \"infomap\"?); there are: ", function()
    return cfg.infomp.k
  end)
  check.fails("the group \"infomap\" of the configuration has no \"kk\" (did you mean \"k\"?); there are: directed, k,",
    function() return cfg.infomap.kk end)
  check.fails("has no \"min_similarity\" (did you mean \"infomap.min_similarity\"?)", function()
    return cfg.min_similarity
  end)
  check.fails("the configuration has no \"epoch\" (did you mean \"epochs\"?)", function() cfg.epoch = 5 end)
  local line = debug.getinfo(1, "l").currentline + 1
  local _, message = pcall(function() return cfg.infomp end)
  check.equal(message:match ":(%d+):", tostring(line))
  cfg.epochs = 3
  check.equal(cfg.epochs, 3)
  check.equal(cfg.ids, nil, "an option without a value")
  check.equal(config.has(cfg, "ids"), true)
  check.equal(config.has(cfg, "infomap"), true)
  check.equal(config.has(cfg, "infomp"), false)
  check.equal(config.has(with { refine = "none" }, "margin"), false)
end)

check.test("a group is still a table of options for the engine and the library", function()
  local x = T.zeros { 40, 4 }
  calr.rng.open({ seed = 1 }):fill_normal(x)
  local cfg = with { ["infomap.k"] = 5 }
  check.equal(calr.cluster.infomap(x, cfg.infomap):numel(), 40)
  local names = {}
  for name in pairs(cfg.infomap) do names[#names + 1] = name end
  check.equal(#names, 6)
  check.equal(calr.json.decode(calr.json.encode(cfg)).infomap.k, 5)
end)

check.test("a misspelt name in calr.pipeline.defaults", function()
  local defaults = calr.pipeline.defaults
  check.fails("there is no option \"aligment\" (did you mean \"alignment\"?)", defaults, { aligment = { weight = 0 } })
  check.fails("there is no option \"epoch\" (did you mean \"epochs\"?)", defaults, { epoch = 5 })
  check.fails("there is no option \"alignment.wieght\" (did you mean \"weight\"?)", defaults,
    { alignment = { wieght = 0 } })
  check.fails("there is no option \"infomap.depth\"", defaults, { infomap = { depth = 2 } })
  check.fails("\"alignment\" is a group of options: alignment = {", defaults, { alignment = 0 })
  check.fails("there is no option \"refne\" (did you mean \"refine\"?)", defaults, {}, { "refne" })
  local mine = defaults { margin = 0.3, epoch = config.option(1, "my own"), ["my group"] = { a = 1 } }
  check.equal(config.apply(mine, {}).epoch, 1)
  check.equal(config.apply(mine, {}).margin, 0.3)
  check.equal(config.apply(mine, {})["my group"].a, 1)
end)

-- ---- rules ----

local function context(options)
  local x = T.zeros { 6, 2 }
  calr.rng.open({ seed = 1 }):fill_normal(x)
  return { global = T({ 0, 0, 0, 1, 1, 1 }, "i32"), cameras = T({ 0, 0, 1, 1, 0, 1 }, "i32"), scores = T.zeros { 6 },
    features = x, epoch = 0, epochs = 2, seed = 1, options = options or {} }
end

check.test("a rule that reads a field or an option that is none", function()
  local R = calr.refine
  check.fails("a rule's context has no \"gloabl\" (did you mean \"global\"?); there are: ", R.apply,
    function(c) return c.gloabl end, context())
  check.equal(R.apply(function(c) return c.locals or c.global end, context()):get(1), 0, "what was not given is nil")
  local rule = { options = { share = config.option(0.5, "of it") }, apply = function(c)
    return c.options.shrae and c.global or c.global
  end }
  check.fails("its context.options has no \"shrae\" (did you mean \"share\"?); there are: lr, share", R.apply, rule,
    context { lr = 1 })
  local optional = function(c) return c.options.ids and c.global or c.global end
  check.equal(R.apply(optional, context(with())):get(1), 0, "an option of the run without a value")
end)

check.test("a rule's wrong result names the rule and says what to do", function()
  local R = calr.refine
  local nothing = R.load(write("nothing.lua", "return function(c) local labels = c.global end"))
  check.fails("the refinement rule " .. tmp .. "/nothing.lua must return labels i32[6], not nil: is its last line "
    .. "\"return labels\"?", R.apply, nothing, context())
  local wide = R.load(write("wide.lua", "return function(c) return c.global:to \"i64\" end"))
  check.fails("wide.lua must return labels i32[6], not i64[6]: labels:to \"i32\" converts them", R.apply, wide,
    context())
  local strange = R.load(write("strange.lua", "return function(c) return { labels = c.global, wieghts = 1 } end"))
  check.fails("strange.lua gives labels, weights, reasons and pivots; "
    .. "\"wieghts\" is none of them (did you mean \"weights\"?)",
    R.apply, strange, context())
  check.fails("there is no refinement rule \"pivvot\" (did you mean \"pivot\"?)", R.load, "pivvot")
  check.fails("there is no pace \"cosin\" (did you mean \"cosine\"?)", R.pace, "cosin")
end)

check.test("a rule is tried before the run begins", function()
  local try = require "calr.pipeline.trial"
  local cfg = with()
  check.fails("/nothing.lua must return labels i32[96], not nil: is its last line \"return labels\"? (found on a "
    .. "made-up epoch of 96 images, before the training)", try, tmp .. "/nothing.lua", cfg)
  check.fails("has no \"gloabl\" (did you mean \"global\"?)", try,
    write("slip.lua", "return function(c) return c.gloabl end"), cfg)
  check.equal(try(write("fine.lua", "return function(c) return c.global end"), cfg), nil)
  local doubt = try(write("doubt.lua", "return function(c) error \"too few images\" end"), cfg)
  check.ok(doubt:find("too few images", 1, true))
  for _, name in ipairs((calr.refine.names())) do check.equal(try(name, cfg), nil, name) end
end)

-- ---- files in the wrong place ----

check.test("a script given as a rule, a pace, a network or a layout does not run", function()
  local marker = tmp .. "/ran"
  local text = "local calr = require \"calr\"\nlocal cfg = calr.config { epochs = 1 }\n"
    .. ("calr.sys.write_file(%q, \"\")\n"):format(marker)
  local script = write("script.lua", text)
  local says = "script.lua is a script of its own, not a %s: it calls calr.config"
  check.fails(says:format "refinement rule", calr.refine.load, script)
  check.fails(says:format "pace", calr.refine.pace, script)
  check.fails(says:format "network", calr.models.make, script)
  check.fails(says:format "layout", require("calr.data.import").layout, script)
  check.fails(says:format "sampler", require("calr.lab.study.sampler").load, script)
  check.fails(says:format "pruner", require("calr.lab.study.pruner").load, script)
  check.equal(sys.exists(marker), false)
  write("script.lua", "require(\"calr\").run.open {}\n")
  check.fails("it calls calr.run.open", calr.refine.load, script)
  write("script.lua", "require(\"calr\").study \"x\" {}\n")
  check.fails("it calls calr.study", calr.refine.load, script)
end)

check.test("a layout that returns nothing", function()
  local import = require "calr.data.import"
  local empty = write("empty.lua", "local layout = { name = \"mine\" }\n")
  check.fails("it must return a table { name = \"mine\", records = function(folder) ... return records end }, and "
    .. "returns nothing", import.layout, empty)
  check.fails("and returns a table without a function records", import.layout, write("half.lua",
    "return { name = \"mine\" }"))
  local silent = write("silent.lua", "return { name = \"mine\", records = function(folder) local list = {} end }")
  check.fails("silent.lua: records(folder) must return a list of { file =, path =, identity =, camera =, "
    .. "split = }, and returns nothing: is its last line \"return records\"?", import.run,
    { layout = silent, folder = tmp, to = tmp .. "/x.lmdb" })
end)

-- ---- runs and studies ----

check.test("a loop that never trains is told so", function()
  local data = tmp .. "/street.lmdb"
  require("calr.data.make").run { generator = require("calr.data.make").generator "street", to = data,
    options = { ids = 4, test_ids = 2, cameras = 2, images = 2, distractors = 0, junk = 0, height = 16, width = 8 } }
  local function log_of(body, name)
    local cfg = with { data = data, height = 16, width = 8, epochs = 1, ["infomap.min_size"] = 2, refine = "none",
      iterations = 1, clusters = 2, instances = 2 }
    local inside = calr.context.new { script = "x.lua", out = tmp .. "/" .. name, quiet = true }
    calr.context.with(inside, function()
      local net, opened = calr.pipeline.network(cfg), calr.data.open(data)
      for _, step in calr.pipeline.epochs(net, opened, cfg) do body(step, opened) end
    end)
    return sys.read_file(tmp .. "/" .. name .. "/log.txt")
  end
  local text = "warning: epoch 0: nothing was learned, the weights are what they were: the loop over "
    .. "calr.pipeline.epochs does not call step:train(memory)"
  check.ok(log_of(function(step) step:features() end, "idle"):find(text, 1, true))
  check.ok(not log_of(function(step, opened)
    local labels = opened:train():labels()
    step:train(calr.memory.cluster { features = step:features(), labels = labels })
  end, "busy"):find("nothing was learned", 1, true))
end)

check.test("labels of another type: how to convert them", function()
  local logits = T.zeros { 2, 3 }
  check.fails("labels must be i32[n], not u8[2]: labels:to \"i32\" converts them", calr.cross_entropy, logits,
    T({ 0, 1 }, "u8"))
  local request = require "calr.pipeline.request"
  local memory = { loss = print, update = print }
  check.ok(request.check(memory, { labels = T({ 0, 1 }, "i64") }, 2):find("; labels:to \"i32\" converts it", 1, true))
  check.ok(not request.check(memory, { labels = T({ 0, 1, 1 }, "i32") }, 2):find("converts", 1, true))
end)

check.test("a study's goal that no run reports", function()
  local script = write("trains.lua", "local cfg = require(\"calr\").config { epochs = 1 }\n")
  local inside = calr.context.new { script = "study.lua" }
  check.fails("the goal \"max map\": runs report no \"map\" (did you mean \"mAP\"?); there are: mAP, rank1", function()
    calr.context.with(inside, function()
      local S = calr.study "goal" { goal = "max map", script = script }
      S:ablate { { "one" } }
      S:run()
    end)
  end)
  local trial = require "calr.lab.study.trial"
  local one = trial.new({ key = "k", seed = 1 }, {})
  check.fails("without the study's goal \"map\" (did you mean \"mAP\"?)", one.result, one, { mAP = 1 },
    { { metric = "map", direction = "max" } })
end)

-- ---- what the commands share ----

check.test("positions, cells and words", function()
  local plain = require("calr.traceback").plain
  check.equal(plain(sys.paths.lua .. "/calr/json.lua:3: " .. sys.paths.lua .. "/calr/run.lua:12: no"), "no")
  check.equal(plain(sys.paths.datasets .. "/market1501.lua:3: no"), "no")
  check.equal(plain("mine.lua:3: no"), "mine.lua:3: no")
  check.equal(plain("no"), "no")
  check.equal(calr.text.csv "a,b", "\"a,b\"")
  check.equal(calr.text.csv " a", "\" a\"")
  check.equal(calr.text.csv "say \"x\"", "\"say \"\"x\"\"\"")
  check.equal(calr.text.csv "plain", "plain")
  local arguments = require "calr.program.arguments"
  local taken = { flags = { ["--quiet"] = "quiet" }, values = { ["--out"] = "out" }, usage = "u",
    hint = function(word) return "; " .. word .. " is strange" end }
  local fields, words = arguments.parse({ "--out=x", "a", "--quiet", "--", "-b" }, taken)
  check.equal(fields.out .. words[1] .. words.rest[1], "xa-b")
  check.equal(fields.quiet, true)
  check.fails("--out is given twice", arguments.parse, { "--out", "a", "--out", "b" }, taken)
  check.fails("--out wants a value; usage: u", arguments.parse, { "--out" }, taken)
  check.fails("(did you mean --out?)", arguments.parse, { "--ouf" }, taken)
  check.fails("unknown option --epochs; --epochs is strange", arguments.parse, { "--epochs" }, taken)
end)

check.test("a misspelt name of a module, written in Lua or in C, whole or in parts", function()
  local cases = { "nn.covn conv", "optim.sdg sgd", "memory.clustre cluster", "data.opne open", "study.chioce choice",
    "cluster.dbscna dbscan", "rank.evalute evaluate", "labels.clustesr clusters", "image.decdoe decode",
    "sys.prcoessors processors", "config.optoin option", "autograd.no_grda no_grad" }
  for _, case in ipairs(cases) do
    local module, wrong, right = case:match "^(%w+)%.(%S+) (.*)$"
    local text = ("calr.%s has no \"%s\" (did you mean \"%s\"?)"):format(module, wrong, right)
    check.fails(text, function() return calr[module][wrong] end)
    check.fails(text, function() return require("calr." .. module)[wrong]() end)
    check.equal(rawget(calr[module], wrong), nil)
  end
  check.fails("calr.optim has no \"xyz\"; there are: adam, adamw, define, groups, no_decay, schedule, sgd, "
    .. "step_schedule", function() return calr.optim.xyz end)
  local line = debug.getinfo(1, "l").currentline + 1
  local _, message = pcall(function() return calr.nn.covn(3, 8) end)
  check.equal(message:match ":(%d+):", tostring(line))
  calr.nn.mine = function() return 5 end -- a script may add its own
  check.equal(calr.nn.mine(), 5)
  calr.nn.mine = nil
end)

check.test("a misspelt method of an object", function()
  local describe = require("calr.traceback").describe
  local net = calr.nn.sequential(calr.nn.linear(2, 2))
  local optimizer = calr.optim.sgd(net:parameters())
  local x = T.ones { 2 }
  local function of(fn)
    local ok, message = xpcall(fn, describe)
    check.equal(ok, false)
    return message:match "^[^\n]*"
  end
  local function meant(fn, name)
    local message = of(fn)
    check.ok(message:find((" (did you mean \"%s\"?)"):format(name), 1, true), message)
  end
  meant(function() net:traim(nil, true) end, "train")
  meant(function() check.equal(1, nil, optimizer:stpe(x, x)) end, "step")
  meant(function() calr.rng.open { seed = 1, purpose = "test" }:unifrom() end, "uniform")
  meant(function() return ("x"):uper() .. "y" end, "upper")
  local file <close> = assert(io.open(tmp .. "/file", "w"))
  meant(function() file:wirte "x" end, "write")
  local Mine = setmetatable({ reverse = function() end }, { __index = { length = function() end } })
  Mine.__index = Mine
  meant(function() setmetatable({}, Mine):revers() end, "reverse")
  meant(function() setmetatable({}, Mine):lenght() end, "length")
  -- Nothing near, nothing at all, another kind of error: Lua's message stays.
  for _, fn in ipairs { function() net:zzz() end, function() local t = {} t:train() end } do
    check.ok(of(fn):find "%(method '%w+'%)$", of(fn))
  end
  check.ok(not of(function() error "attempt to call a nil value (method 'traim')" end):find "did you mean")
end)

check.test("a line of PyTorch that is another here says which", function()
  local x, i = T { { 1, 2, 3 }, { 4, 5, 6 } }, T({ 1 }, "i64")
  check.fails("a tensor has it, x:equal(...)", function() return calr.equal(x, x) end)
  check.fails("did you mean \"t\"?", function() return x.T end)
  check.fails("masks and whole numbers do. A comparison, such as x:gt(0), makes a mask", function() return x & x end)
  check.fails("masks and whole numbers do", function() return x:bitwise_or(i) end)
  check.equal((i & i):item(), 1)
  check.fails("calr.cat { a, b } joins tensors", function() return x .. x end)
  check.fails("calr.cat { a, b } joins tensors", function() return "x is " .. x end)
  check.fails("calr.cat keeps gradients", function() return T.zeros_like(x):copy((x * 2):requires_grad(true)) end)
  check.fails("bad argument #1 to 'apply' (function expected, got number)", function() return x:apply(2) end)
  check.fails("takes 2 positions, and 1 was given", function() return x:set(1, 7) end)
  check.fails("for 2 operands, and 1 is given", calr.einsum, "ij,jk->ik", x)
end)

check.test("what follows a list of numbers is not ignored, and a mistake is named at the call", function()
  local x = calr.ones(2, 3)
  for _, name in ipairs { "permute", "flip", "tile", "reshape", "expand" } do
    check.fails("the list before it is complete", function() return x[name](x, { 1, 2 }, 3) end)
  end
  for _, name in ipairs { "split", "chunk", "unbind" } do
    for _, dim in ipairs { 0, 3, -3, 1.5 } do
      local ok, message = pcall(function()
        return name == "unbind" and x:unbind(dim) or x[name](x, 1, dim)
      end)
      check.ok(not ok and message:find("calr." .. name .. ": f32%[2 x 3%] has no dimension"), message)
      check.ok(not message:find "shapes.lua", "no line of the library: " .. message)
    end
  end
  check.fails("calr.einsum: operand 1 must be a tensor in f32, f64 or bf16, not nil", calr.einsum, "ij,ij->", nil, x)
  check.fails("calr.einsum: operand 2 must be a tensor in f32, f64 or bf16, not nil", calr.einsum, "ij,ij->", x, nil)
end)

check.finish()
