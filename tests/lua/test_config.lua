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
  check.fails("no choice \"pivt\" (did you mean \"pivot\"?); there are: pivot, none, or path of a rule", resolve,
    "refine=pivt")
  check.fails("must be a whole number; \"\" is not", resolve, "limit=")
  check.fails("not of the form key=value", resolve, "epochs")
  check.fails("is a function", config.resolve, { f = print })
  check.fails("options need names", config.resolve, { 1, 2, a = { { 1, x = 2 }, y = 1 } })
end)

check.test("ranges stand beside the defaults", function()
  local option = config.option
  local ranged = { share = option(0.5, "of it", { 0, 1 }), k = option(2, "how many", { 1 }),
    ways = option({ 1, 2 }, "", { 1, 4 }),
    ids = config.optional("integer", "some", { 1 }), mode = option("a", "which", { "a", "b" }) }
  local function with(...) return config.resolve(ranged, { ... }) end
  check.equal(with("share=1", "k=7", "ways=4,1", "mode=b").mode, "b")
  check.fails("option \"share\" must be 0 to 1; 1.5 is not", with, "share=1.5")
  check.fails("option \"k\" must be 1 or more; 0 is not", with, "k=0")
  check.fails("option \"ways\" must be 1 to 4; 5 is not", with, "ways=1,5")
  check.fails("option \"ids\" must be 1 or more; 0 is not", with, "ids=0")
  check.fails("option \"mode\" has no choice \"c\"", with, "mode=c")
  check.fails("option \"share\" must be 0 to 1", config.apply, ranged, { share = 0 / 0 })
  check.fails("option \"mode\" has no choice \"c\"", config.apply, ranged, { mode = "c" })
  check.fails("option \"share\" must be 0 to 1; 2.0 is not", config.resolve,
    { share = config.with_default(ranged.share, 2.0) }, {})
  check.fails("an option allows { low, high }, { low }, or a list of strings", option, 1, "text", { 0, 1, 2 })
  check.fails("an option may add `declares` or `defaults`, not \"declare\"", option, 1, "", nil,
    { declare = print })
  check.equal(config.value("k", ranged.k), 2)
  check.equal(config.value("share", ranged.share, 1), 1.0)
end)

check.test("a value brings options along", function()
  local option = config.option
  local rules = { ["./mine.lua"] = { share = config.declared_by(option(0.5, "of it", { 0, 1 }), "./mine.lua"),
    deep = config.declared_by({ on = false }, "./mine.lua") } }
  local function declares(name) return rules[name] end
  local script = { epochs = 2, refine = option("pivot", "the rule", nil, { declares = declares }) }
  local cfg = config.resolve(script, { "share=1", "refine=./mine.lua", "deep.on=yes" })
  check.equal(cfg.share, 1.0)
  check.equal(cfg.deep.on, true)
  check.equal(config.has(config.resolve(script, {}), "share"), false)
  check.fails("unknown option \"share\"", config.resolve, script, { "share=1" })
  check.fails("option \"share\" must be 0 to 1; 2.0 is not", config.resolve, script,
    { "refine=./mine.lua", "share=2" })
  check.equal(config.apply(script, { refine = "./mine.lua", share = 0.25 }).share, 0.25)
  check.equal(config.resolve(script, {}, { refine = "./mine.lua", share = 0.75 }).share, 0.75, "a resumed run")
  check.equal(#config.names(script), 2)
  check.equal(#config.names(script, { refine = "./mine.lua" }), 4)
  script.share = 0.125 -- the script's own default for it
  check.equal(config.resolve(script, { "refine=./mine.lua" }).share, 0.125)
  rules["./mine.lua"].epochs = config.declared_by(option(1, "again"), "./mine.lua")
  script.epochs = option(3, "of the training")
  check.fails("./mine.lua declares the option \"epochs\", which already exists", config.resolve, script,
    { "refine=./mine.lua" })
end)

check.test("a value changes the defaults of others", function()
  local script = { pivot = "max", deep = { on = false }, compat = config.option("none", "whose", { "none", "authors" },
    { defaults = { authors = { pivot = "last", ["deep.on"] = true, absent = 3 } } }) }
  check.equal(config.resolve(script, {}).pivot, "max")
  local cfg = config.resolve(script, { "compat=authors", "pivot=first" })
  check.equal(cfg.pivot, "first")
  check.equal(cfg.deep.on, true)
  check.equal(config.apply(script, { compat = "authors" }).pivot, "last")
  check.equal(config.resolve(script, {}, { compat = "authors", pivot = "max" }).pivot, "max", "a resumed run")
end)

check.test("a resumed run keeps its values", function()
  local cfg = config.resolve({ epochs = 20, lr = 0.5, infomap = { k = 15 } }, { "epochs=30" },
    { epochs = 30, lr = 1, infomap = { k = 4 } })
  check.equal(cfg.epochs, 30)
  check.equal(math.type(cfg.lr), "float")
  check.equal(cfg.infomap.k, 4)
  check.equal(config.difference(cfg)["infomap.k"], 4)
  check.fails("contradicts the resumed run, which has infomap.k=4", config.resolve, { infomap = { k = 15 } },
    { "infomap.k=15" }, { infomap = { k = 4 } })
end)

check.test("values are written as one would give them", function()
  check.equal(config.format(3.5e-4), "0.00035")
  check.equal(config.format(0.1 + 0.2), "0.30000000000000004")
  check.equal(config.format { 1, "a", true }, "1,a,true")
end)

check.test("a table that contains itself", function()
  local group = { a = 1 }
  group.inner = { again = group }
  check.fails("the table \"g.inner.again\" contains itself", config.resolve, { g = group })
  local list = { 1 }
  list[2] = list
  check.fails("contains itself", config.resolve, { values = list })
  check.fails("contains itself", config.apply, { values = { 1 } }, { values = list })
  local shared = { k = 1 } -- twice is not inside itself
  check.equal(config.resolve({ a = shared, b = shared }).b.k, 1)
end)

check.finish()
