-- Runs of scripts by this program, each in a folder of its own: finished ones are kept, interrupted ones resumed.
local calr = require "calr"
local errors = require "calr.errors"
local sys, text = calr.sys, calr.text

local runs = {}

-- Runs this program as a user would, and prints the command.
function runs.command(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = text.quote(word) end
  local line = table.concat(quoted, " ")
  print("\n$ calr " .. line)
  io.stdout:flush()
  local ok, how, status = os.execute(text.quote(sys.paths.executable) .. " " .. line)
  if ok then return end
  if status == 130 or how == "signal" and status == 2 then -- Ctrl-C also reaches the shell that waits for the command
    io.stderr:write "calr: start the same command again to continue from here\n"
    errors.exit(130)
  end
  errors.fail("the command above failed with %s %s", how == "signal" and "signal" or "exit status", status)
end

-- Runs a script of experiments/ into a folder. Returns the folder.
function runs.experiment(name, dir, words)
  local status = sys.exists(dir .. "/run.json") and calr.run.read(dir).status
  if status == "finished" then
    print(("\n%s is finished already; remove %s to run it again"):format(name, dir))
  elseif status then
    runs.command { "run", "--resume", dir }
  else
    local line = { "run", ("%s/%s.lua"):format(sys.paths.experiments, name), "--out", dir }
    runs.command(table.move(words, 1, #words, #line + 1, line))
  end
  return dir
end

-- Runs a study of experiments/, or goes on with it, and prints its tables.
-- cfg: dir (of the record), seeds, workers.
function runs.study(name, cfg, words)
  sys.make_folder(cfg.dir:match "^(.*)/[^/]+$" or ".")
  local seeds = {}
  for i, seed in ipairs(cfg.seeds) do seeds[i] = ("%d"):format(seed) end
  local line = { "study", ("%s/%s.lua"):format(sys.paths.experiments, name), "--out", cfg.dir, "--seeds",
    table.concat(seeds, ","), "--workers", ("%d"):format(cfg.workers) }
  runs.command(table.move(words, 1, #words, #line + 1, line))
end

-- The records of a run's stage 2, by epoch.
function runs.epochs(dir)
  local list = {}
  for _, record in ipairs(calr.run.metrics(dir)) do
    if record.stage == "inter" then list[#list + 1] = record end
  end
  return list
end

-- The evaluation of the last epoch, or nil.
function runs.last_evaluation(dir)
  local list = runs.epochs(dir)
  return #list > 0 and list[#list].evaluation or nil
end

return runs
