-- The script of the run that lies beside this file, stopped after its second epoch. Its text is part of the record: do
-- not change it.
local calr = require "calr"

local cfg = calr.config { epochs = 4, lr = 0.5 }
local run = calr.run.open { config = cfg, data = "a fingerprint" }
local w, first = calr.tensor.zeros { 2 }, 1
local tensors, state = run:restore "train"
if tensors then w, first = tensors.w, state.epoch + 1 end
for epoch = first, cfg.epochs do
  w = w + cfg.lr
  run:metric { epoch = epoch, sum = w:get(1) }
  run:checkpoint("train", { tensors = { w = w }, state = { epoch = epoch } })
  if os.getenv "STOP" and epoch == 2 then error "killed" end
end
run:finish { sum = w:get(1) }
