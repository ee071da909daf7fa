--- @module calr.program.command.watch
--- calr watch DIR: shows a study while it runs.

local errors = require "calr.errors"

local command = {
  summary = "watch a study: states, best so far, curves, workers, time left",
  usage = "calr watch DIR",
  own_help = true,
}

local help = [[
Shows a study while it runs, here or on other machines: how many trials are in each
state, the best so far, the learning curves of running trials, workers, failures, and the
estimated time left. DIR is the study's folder or the name of one in studies/.

q or Ctrl-C leaves; the study continues. When the study ends, its table is printed.
If the output is not a terminal, the state is printed once.]]

--- calr.program.command.watch.run(args)
--- @return integer  exit status
function command.run(args)
  if args[1] == "--help" or args[1] == "-h" then
    print("usage: " .. command.usage .. "\n\n" .. help)
    return 0
  end
  for _, word in ipairs(args) do
    if word:sub(1, 1) == "-" then errors.usage("unknown option %s; usage: %s", word, command.usage) end
  end
  if args[2] then errors.usage("\"%s\" is one word too many; usage: %s", args[2], command.usage) end
  require("calr.lab.study.watch").run(require("calr.program.command.table").folder(args[1], command.usage))
  return 0
end

return command
