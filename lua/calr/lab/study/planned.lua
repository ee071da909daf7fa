--- @module calr.lab.study.planned
--- Lists the trials that a plan names, for calr.study.view: rows times seeds of ablations and grids, suggestions of
--- searches, and the confirmations of their best.

local code = require "calr.lab.study.code"
local json = require "calr.json"
local space = require "calr.lab.study.space"
local sys = require "calr.sys"
local merged = require "calr.tables".merged

local planned = {}

-- The code of the plan that a configuration runs: the study's, with the Lua files that the configuration names.
local function code_of(plan, config)
  local parts = (plan.codes or {})[plan.code]
  if not parts then return plan.code end
  local all = code.where_absent(code.with_files(parts, config), config, plan.codes)
  if all == parts then return plan.code end
  local hash = code.hash(all)
  plan.codes[hash] = all
  return hash
end

local function add(self, book, index, number, row, seed)
  local made = require("calr.lab.study.plan").trial(index, row, seed)
  if self.by_key[made.key] then return end -- the same cell is in an earlier part too
  local trial = book:trial(made.key)
  trial.cell, trial.seed, trial.code, trial.data = made.cell, seed, made.code, made.data
  trial.number = row.number
  planned.place(self, trial, index, number, row)
end

--- calr.lab.study.planned.place(view, trial, part, number, row)
--- Puts a trial into a view, as a planned one.
function planned.place(self, trial, index, number, row)
  trial.part, trial.row, trial.label, trial.config, trial.changes = index, number, row.label, row.config, row.changes
  trial.in_plan = true
  self.by_key[trial.key] = trial
  self.trials[#self.trials + 1] = trial
end

local function add_rows(self, plan, book, index, part)
  for _, row in ipairs(part.rows) do
    row.config = row.config or merged(self.base, row.changes)
    row.code, row.data = row.code or plan.code, row.data or plan.data
  end
  for _, seed in ipairs(self.seeds) do
    for number, row in ipairs(part.rows) do add(self, book, index, number, row, seed) end
  end
end

-- The recorded trials of a search: number -> list.
local function recorded(book, index)
  local list = {}
  for _, trial in pairs(book.trials) do
    if trial.announced and trial.number and trial.part == index then
      list[trial.number] = list[trial.number] or {}
      table.insert(list[trial.number], trial)
    end
  end
  return list
end

local function add_search(self, plan, book, index, part)
  local found, asks, numbers, known = recorded(book, index), book:asks_of(index), {}, {}
  for _, list in ipairs { found, asks } do
    for number in pairs(list) do
      if not known[number] then numbers[#numbers + 1] = number end
      known[number] = true
    end
  end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local config = asks[number] and asks[number].config or found[number] and found[number][1].config
    if config then
      local row = { label = "#" .. number, number = number, config = config,
        changes = space.point(part.parameters, config) }
      row.code, row.data = code_of(plan, config), plan.data
      part.rows[number] = row
      local own_data = config.data ~= self.base.data -- only the study knows their fingerprint
      local current
      for _, trial in ipairs(found[number] or {}) do
        if trial.code == row.code and (own_data or trial.data == row.data) and trial.seed == self.seeds[1] then
          current = trial
        end
      end
      if not current then
        add(self, book, index, number, row, self.seeds[1])
      elseif not self.by_key[current.key] then
        planned.place(self, current, index, number, row)
      end
    end
  end
end

-- The rows of a confirmation are those of its search, under the same labels.
local function add_confirmation(self, plan, book, index, part)
  local search = self.parts[part.of] or { rows = {} }
  local labels = {}
  for number, row in pairs(search.rows) do
    local text = json.encode(row.changes)
    labels[text] = math.min(labels[text] or number, number)
  end
  for number, ask in pairs(book:asks_of(index)) do
    local changes = space.point(search.parameters, ask.config)
    local origin = labels[json.encode(changes)]
    part.rows[number] = { label = origin and "#" .. origin or "best " .. number, number = origin, config = ask.config,
      changes = changes, code = code_of(plan, ask.config) }
  end
  if #part.rows > 0 then add_rows(self, plan, book, index, part) end
end

--- calr.lab.study.planned.add(view, plan, book)
--- Adds the trials that the plan names to view.trials and view.by_key, in the order of the plan, and completes the rows
--- of view.parts.
--- @param plan  the contents of plan.json
--- @param book  a ledger that has read all journals
function planned.add(self, plan, book)
  local here = sys.current_folder()
  local start = self.start
  if start and start ~= here and sys.is_folder(start) then sys.change_folder(start) end -- file names are relative to it
  for index, part in ipairs(self.parts) do
    if part.kind == "search" then
      add_search(self, plan, book, index, part)
    elseif part.kind == "confirm" then
      add_confirmation(self, plan, book, index, part)
    else
      add_rows(self, plan, book, index, part)
    end
  end
  if start and start ~= here then sys.change_folder(here) end
end

return planned
