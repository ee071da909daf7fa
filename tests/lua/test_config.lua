-- calr.config: types from defaults, dotted names, errors that say what was meant.
local check = require "check"
local config = require "calr.config"

local defaults = {
  epochs = 20, lr = 3.5e-4, momentum = 1.0, flip = true, data = "street.lmdb", stages = { 2, 2 }, names = {},
  infomap = { k = 15, trials = 1, deep = { on = false } }, ["data.ids"] = 0,
  refine = config.choice({ "pivot", "none", open = "path of a rule" }, "the rule"),
  linkage = config.choice { "average", "single" },
  limit = config.optional("integer", "at most so many"), note = config.option("x", "said in the record"),
}

local function resolve(...)
  return config.resolve(defaults, { ... })
end

check.test("defaults", function()
  local cfg = resolve()
  check.equal(cfg.epochs, 20)
  check.equal(cfg.refine, "pivot")
  check.equal(cfg.limit, nil)
  check.equal(cfg.note, "x")
  check.equal(cfg.infomap.deep.on, false)
  check.equal(#cfg.names, 0)
  check.equal(cfg["data.ids"], 0)
  check.equal(next(config.difference(cfg)), nil)
  cfg.stages[1] = 7
  check.equal(defaults.stages[1], 2)
end)

check.test("overrides by type", function()
  local cfg = resolve("epochs=5", "lr=1", "flip=no", "data=a=b.lmdb", "infomap.k=20", "infomap.deep.on=yes",
    "stages=3,4,6", "names=a, b,3", "data.ids=100", "limit=4", "epochs=1e1", "refine=my/rule.lua", "linkage=single")
  check.equal(cfg.epochs, 10)
  check.equal(math.type(cfg.epochs), "integer")
  check.equal(math.type(cfg.lr), "float")
  check.equal(cfg.flip, false)
  check.equal(cfg.data, "a=b.lmdb")
  check.equal(cfg.infomap.k, 20)
  check.equal(cfg.infomap.trials, 1)
  check.equal(cfg.infomap.deep.on, true)
  check.equal(table.concat(cfg.stages, " "), "3 4 6")
  check.equal(cfg.names[2], "b")
  check.equal(cfg.names[3], 3)
  check.equal(cfg["data.ids"], 100)
  check.equal(cfg.limit, 4)
  check.equal(cfg.refine, "my/rule.lua")
  local difference = config.difference(cfg)
  check.equal(difference["infomap.k"], 20)
  check.equal(difference.limit, 4)
  check.equal(difference["infomap.trials"], nil)
  check.equal(#resolve("stages=").stages, 0)
end)

check.test("mistakes are named", function()
  check.fails("unknown option \"epoch\" (did you mean \"epochs\"?); the script has: data, data.ids, epochs", resolve,
    "epoch=1")
  check.fails("option \"epochs\" must be a whole number, like its default 20; \"many\" is not", resolve, "epochs=many")
  check.fails("must be a whole number", resolve, "epochs=1.5")
  check.fails("must be a number, like its default 0.00035; \"fast\" is not", resolve, "lr=fast")
  check.fails("true or false", resolve, "flip=maybe")
  check.fails("values separated by commas", resolve, "stages=1,x")
  check.fails("is a group; give its members: infomap.deep.on, infomap.k, infomap.trials", resolve, "infomap=3")
  check.fails("no choice \"singel\" (did you mean \"single\"?); there are: average, single", resolve, "linkage=singel")
  check.fails("must be a whole number; \"\" is not", resolve, "limit=")
  check.fails("not of the form key=value", resolve, "epochs")
  check.fails("is a function", config.resolve, { f = print })
  check.fails("options have names", config.resolve, { 1, 2, a = { { 1, x = 2 }, y = 1 } })
end)

check.test("a resumed run keeps its values", function()
  local cfg = config.resolve({ epochs = 20, lr = 0.5, infomap = { k = 15 } }, { "epochs=30" },
    { epochs = 30, lr = 1, infomap = { k = 4 } })
  check.equal(cfg.epochs, 30)
  check.equal(math.type(cfg.lr), "float")
  check.equal(cfg.infomap.k, 4)
  check.equal(config.difference(cfg)["infomap.k"], 4)
  check.fails("contradicts the run that is resumed, which has infomap.k=4", config.resolve, { infomap = { k = 15 } },
    { "infomap.k=15" }, { infomap = { k = 4 } })
end)

check.test("values are written as one would give them", function()
  check.equal(config.format(3.5e-4), "0.00035")
  check.equal(config.format(0.1 + 0.2), "0.30000000000000004")
  check.equal(config.format { 1, "a", true }, "1,a,true")
end)

check.finish()
