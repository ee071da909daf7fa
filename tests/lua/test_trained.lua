-- calr.trained: the network of a run, of its model.safetensors, and of weights from elsewhere.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local json, safetensors, sys = require "calr.json", require "calr.safetensors", require "calr.sys"
local P = calr.pipeline

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 4, test_ids = 3, distractors = 2, junk = 0, cameras = 2, images = 2, height = 64, width = 32,
    seed = 5 },
}
local street = calr.data.open(tmp .. "/street.lmdb")

-- A run of no epochs, whose network is not the one of its seed.
local function train(name, changes)
  here.out = ("%s/%s"):format(tmp, name)
  local options = { data = tmp .. "/street.lmdb", height = 32, width = 16, pooling = "average", epochs = 0 }
  for option, value in pairs(changes or {}) do options[option] = value end
  local cfg = calr.config.apply(P.defaults(), options)
  local net = P.network(cfg)
  calr.no_grad(function()
    for _, tensor in pairs(net:state()) do tensor:mul_(1.25) end
  end)
  local run <close> = P.run_of(cfg, street, net)
  run:finish()
  return here.out, net, cfg
end

local folder, net, cfg = train "run"
local wanted = P.features(net, street:gallery(), cfg)

check.test("a run and its file give the run's features", function()
  local of_run = calr.trained.open(folder)
  local of_file = calr.trained.open(folder .. "/model.safetensors")
  for _, model in ipairs { of_run, of_file } do
    check.equal(model.config.height, 32)
    check.equal(model.config.pooling, "average")
    check.equal(model.config.weights, "", "weights are not loaded twice")
    check.ok(model:features(street:gallery()):equal(wanted))
    check.equal(model.fingerprint, of_run.fingerprint)
    check.equal(model.source, folder .. "/model.safetensors")
  end
  check.equal(of_run.run, folder)
  check.equal(of_file.run, nil)
  check.near(of_run:evaluate(street).mAP, P.evaluate(net, street, cfg).mAP, 0)
end)

check.test("what changes features changes the fingerprint", function()
  local usual = calr.trained.open(folder).fingerprint
  check.ok(calr.trained.open(folder, { height = 48 }).fingerprint ~= usual)
  check.equal(calr.trained.open(folder, { ignore = "junk" }).fingerprint, usual)
end)

check.test("weights of another program need the name of their network", function()
  local file = tmp .. "/foreign.safetensors"
  safetensors.save(file, net:state())
  check.fails("give network=", calr.trained.open, file)
  local model = calr.trained.open(file, { network = "small", height = 32, width = 16, pooling = "average" },
    { quiet = true })
  check.ok(model:features(street:gallery()):equal(wanted))
  check.equal(calr.trained.open(file, { network = "small" }, { quiet = true }).config.height, 256)
  check.fails("does not fit the network resnet18", calr.trained.open, file, { network = "resnet18" })
end)

check.test("a record chooses no code", function()
  local own = tmp .. "/own.lua"
  sys.write_file(own, [[
    return { options = { wide = 8 }, make = function(options)
      return require "calr.models".small { width = options.wide, seed = options.seed }
    end }]])
  local home = train("own", { network = own, pooling = "gem", wide = 4 })
  check.fails("would run as code", calr.trained.open, home)
  check.fails("would run as code", calr.trained.open, home .. "/model.safetensors")
  check.equal(calr.trained.open(home, {}, { trust = true }).net.dim, 16)
  check.equal(calr.trained.open(home, { network = own }).net.dim, 16)
  local _, metadata = safetensors.load(home .. "/model.safetensors")
  local values = json.decode(metadata.config)
  values.network, values.refine, values.optimizer = "small", "./evil.lua", "./evil.lua"
  safetensors.save(tmp .. "/evil.safetensors", net:state(), { config = json.encode(values) })
  check.equal(calr.trained.open(tmp .. "/evil.safetensors").config.optimizer, "adam")
end)

check.test("bad records are named", function()
  check.fails("there is no such run or file", calr.trained.open, tmp .. "/nothing")
  check.fails("the path of a run", calr.trained.open, nil)
  local file = tmp .. "/bad.safetensors"
  safetensors.save(file, net:state(), { config = "{" })
  check.fails("no table in JSON", calr.trained.open, file)
  safetensors.save(file, net:state(), { config = json.encode { network = "script" } })
  check.fails("built by its script", calr.trained.open, file)
  check.fails("hieght", calr.trained.open, folder, { hieght = 3 })
  check.fails("epochs", calr.trained.open, folder, { epochs = 3 })
end)

check.finish()
