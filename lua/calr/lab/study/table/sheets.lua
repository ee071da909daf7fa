--- @module calr.lab.study.table.sheets
--- Makes the sheets of a study: rows of an ablation or a grid, values of a parameter, a matrix of two parameters, the
--- Pareto front of two goals. Searches are in calr.lab.study.table.search.

local cells = require "calr.lab.study.table.cells"
local compare = require "calr.lab.study.compare"
local figures = require "calr.lab.study.table.figures"
local groups = require "calr.lab.study.table.groups"
local pairing = require "calr.lab.study.pairing"
local statistics = require "calr.statistics"

local sheets = {}

--- calr.lab.study.table.sheets.title(view, part, what)
--- @return string  "refinement, part 2: what"; the number only if there are several
function sheets.title(view, part, what)
  local several = 0
  for _, item in ipairs(view.parts) do
    if item.kind ~= "confirm" then several = several + 1 end
  end
  return ("%s%s: %s"):format(view.name, several > 1 and (", part %d"):format(part) or "", what)
end

-- "seeds 1-4 failed" and the like, for a row: {seed=, why=}... -> "seed 3 failed, seeds 5, 6 waiting".
local function by_reason(items)
  local reasons, seeds = {}, {}
  for _, item in ipairs(items) do
    if not seeds[item.why] then
      reasons[#reasons + 1] = item.why
      seeds[item.why] = {}
    end
    table.insert(seeds[item.why], item.seed)
  end
  for i, why in ipairs(reasons) do reasons[i] = figures.seed_list(seeds[why]) .. " " .. why end
  return table.concat(reasons, "; ")
end

-- The note on a row: missing seeds, results of older code.
local function remark(group)
  local parts = {}
  if #group.missing > 0 then parts[1] = by_reason(group.missing) end
  if #group.old > 0 then
    local old = {}
    for i, item in ipairs(group.old) do old[i] = { seed = item.seed, why = "from before " .. item.why } end
    parts[#parts + 1] = by_reason(old)
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

--- calr.lab.study.table.sheets.rows(sheet, list)
--- Adds a row with empty cells for each group to a sheet, and what is missing to its notes.
function sheets.rows(sheet, list)
  local silent = 0
  for g, group in ipairs(list) do
    local note = remark(group)
    sheet.rows[g] = { label = group.label, cells = {}, commands = group.commands, note = note }
    if note and g <= 12 then
      sheet.notes[#sheet.notes + 1] = ("%s: %s."):format(group.label, note)
    elseif note then
      silent = silent + 1
    end
  end
  if silent > 0 then
    sheet.notes[#sheet.notes + 1] = ("%d more rows lack seeds; --csv lists them."):format(silent)
  end
end

--- calr.lab.study.table.sheets.column(sheet, column, cells)
--- Adds a column to a sheet.
--- @param cells  position of the row -> cell
function sheets.column(sheet, column, list)
  local c = #sheet.columns + 1
  sheet.columns[c] = column
  for r, row in ipairs(sheet.rows) do row.cells[c] = list[r] end
end

--- calr.lab.study.table.sheets.mark_note(sheet, info)
--- Notes what the marks mean, once for all columns.
--- @param info  of calr.lab.study.table.figures.cells
function sheets.mark_note(sheet, info)
  if not info then return end
  local marks = sheet.marks or { best = "the best mean" }
  sheet.marks = marks
  if info.surpassed then marks.best = "the best mean of the rows with the most seeds" end
  if info.decided then
    marks.undecided, marks.any = nil, marks.any or info.any
    marks.as_good = "statistically as good (exact sign-flip test against the best, paired by seed: p > 0.05 after "
      .. "Holm's correction)"
    if #info.few > 0 then
      marks.undecided = ("Too few seeds in common with the best to tell them apart: %s."):format(
        table.concat(info.few, ", "))
    end
  elseif not marks.as_good and not marks.undecided then
    local smallest = cells.probability(math.min(1, statistics.smallest_p(info.pairs) * info.comparisons))
    marks.undecided = ("No row can be told from the best: %d %s and %d %s allow no corrected p below %s; %d seeds "
      .. "would."):format(info.pairs, info.pairs == 1 and "pair" or "pairs", info.comparisons,
      info.comparisons == 1 and "comparison" or "comparisons", smallest, figures.seeds_wanted(info.comparisons))
  end
end

-- Adds a note once.
local function add_note(sheet, note)
  for _, other in ipairs(sheet.notes) do
    if other == note then return end
  end
  sheet.notes[#sheet.notes + 1] = note
end

-- Differences from one row, for one column of figures.
local function add_differences(sheet, list, column, versus)
  local differences, info = figures.differences(list, column, versus)
  local same = {}
  for i, g in ipairs(info.same) do same[i] = list[g].label end
  if #same > 0 then add_note(sheet, pairing.same_note(list[versus].label, same)) end
  if info.comparisons == 0 then
    if #same > 0 then return end
    add_note(sheet, ("No seed has figures of both \"%s\" and another row: there is nothing to compare."):format(
      list[versus].label))
    return
  end
  local ps, corrected = {}, {}
  for g, cell in pairs(differences) do ps[g], corrected[g] = cell.p, cell.corrected end
  local of, group = list[versus].label, column.name
  sheets.column(sheet, { head = ("difference in %s"):format(column.head), kind = "difference", of = column,
    csv = column.name .. "_difference", group = group }, differences)
  if info.most == 1 then -- p is 1, whatever it shows
    add_note(sheet, ("Differences from \"%s\" at one seed cannot be told from chance."):format(of))
    return
  end
  sheets.column(sheet, { head = "p", kind = "p", csv = column.name .. "_p", group = group }, ps)
  if info.comparisons > 1 then
    sheets.column(sheet, { head = "p (Holm)", kind = "p", csv = column.name .. "_p_holm", group = group }, corrected)
  end
  local pairs_text = info.least == info.most and tostring(info.most) or ("%d to %d"):format(info.least, info.most)
  local correction = info.comparisons > 1
    and ("; Holm's correction is for %d comparisons"):format(info.comparisons) or ""
  local interval = info.most > 2 and "with their 95 % BCa bootstrap interval" or "too few for an interval"
  local test = info.most > 20 and "sign-flip test"
    or "exact sign-flip test, at best " .. cells.probability(info.smallest_p)
  add_note(sheet, ("Differences from \"%s\", paired by seed (%s pairs), %s; p of the %s%s."):format(of, pairs_text,
    interval, test, correction))
  if info.least < info.most then
    local uneven = {}
    for g, cell in pairs(differences) do
      if cell.n < info.most then uneven[#uneven + 1] = ("%s %d"):format(list[g].label, cell.n) end
    end
    table.sort(uneven)
    add_note(sheet, "Pairs are seeds that both rows have; rows with fewer: " .. table.concat(uneven, ", ") .. ".")
  end
end

--- calr.lab.study.table.sheets.differences(sheet, rows, list, options)
--- Adds the paired differences from the row options.versus, for the columns named in options.compare.
function sheets.differences(sheet, rows, list, options)
  if not options.versus then return end
  local versus = figures.find(rows, options.versus)
  for _, column in ipairs(list) do
    if options.compare[column.name] then add_differences(sheet, rows, column, versus) end
  end
end

-- How many seeds of each group have a figure.
local function count_seeds(list, column)
  local counts = {}
  for g, group in ipairs(list) do
    counts[g] = 0
    for _ in pairs(group.values[column.name]) do counts[g] = counts[g] + 1 end
  end
  return counts
end

--- calr.lab.study.table.sheets.epoch_notes(sheet, view, list)
--- Notes how the epochs of the columns were chosen.
function sheets.epoch_notes(sheet, view, list)
  for _, column in ipairs(list) do
    if column.variant == "select" then
      sheet.notes[#sheet.notes + 1] = ("%s: at the epoch with the %s %s, which needs no labels."):format(column.head,
        view.select.direction == "min" and "smallest" or "largest", view.select.metric)
    elseif column.variant == "best" then
      sheet.notes[#sheet.notes + 1] = ("%s: the epoch was chosen on the test set itself, so this is more than any "
        .. "method without labels can reach; do not compare it with other columns."):format(column.head)
    end
  end
end

--- calr.lab.study.table.sheets.mixture_notes(sheet, view, list, options)
--- Adds the notes of calr.lab.study.compare.notes on the trials behind groups.
function sheets.mixture_notes(sheet, view, list, options)
  local rows = {}
  for _, group in ipairs(list) do
    if group.config then rows[#rows + 1] = group end
  end
  local source = options.stale and { workers = view.workers, base = view.base, trials = {} } or view
  for _, note in ipairs(compare.notes(source, rows)) do sheet.notes[#sheet.notes + 1] = note end
end

-- The columns that name the rows: a label, or the parameter values of a grid.
local function add_names(sheet, view, part, list, options)
  local names = options.parameters
  if not names and view.parts[part].kind == "grid" then
    names = groups.varying(view.parts[part].rows)
    if #names > 6 then names = nil end
    for _, group in ipairs(list) do
      group.ids = {}
      for i, name in ipairs(names or {}) do group.ids[i] = group.config[name] end
    end
  end
  if not names or #names == 0 then
    local labels = {}
    for g, group in ipairs(list) do labels[g] = group.label end
    return sheets.column(sheet, { head = "configuration", kind = "text", id = true }, labels)
  end
  for i, name in ipairs(names) do
    local values = {}
    for g, group in ipairs(list) do values[g] = group.ids[i] end
    sheets.column(sheet, { head = name, kind = "value", id = true }, values)
  end
end

-- The rows that no other beats in both goals.
local function add_front(sheet, view, list, shown)
  local first, second = shown[view.goals[1].metric], shown[view.goals[2].metric]
  if not first or not second then return end
  local points, positions, front = {}, {}, {}
  local signs = { view.goals[1].direction == "max" and -1 or 1, view.goals[2].direction == "max" and -1 or 1 }
  for g in ipairs(list) do
    if first[g] and second[g] then
      points[#points + 1] = { signs[1] * first[g].mean, signs[2] * second[g].mean }
      positions[#positions + 1] = g
    end
  end
  for _, i in ipairs(compare.front(points)) do front[positions[i]] = "yes" end
  sheets.column(sheet, { head = "on the front", kind = "text" }, front)
  sheet.notes[#sheet.notes + 1] = ("On the Pareto front: no other row has a better mean %s and %s."):format(
    view.goals[1].metric, view.goals[2].metric)
end

local kind_names = { ablate = "ablation", grid = "grid", search = "search" }

--- calr.lab.study.table.sheets.of_rows(index, part, list, options)
--- Makes the sheet of a part's rows, or of parameter values, with figures and differences.
--- @param list     columns, from calr.lab.study.table.columns.parse
--- @param options  parameters (list of names, or nil for rows), versus (label or nil), compare (set of column names),
---                 stale
--- @return table  a sheet
function sheets.of_rows(index, part, list, options)
  local view = index.view
  local rows, lost
  if options.parameters then
    rows, lost = groups.by_parameters(index, part, options.parameters, list, options)
  else
    rows = groups.by_label(index, part, list, options)
  end
  local kind = kind_names[view.parts[part].kind]
  local sheet = { kind = "rows", columns = {}, rows = {}, notes = {}, part = part, seeds = view.seeds,
    title = sheets.title(view, part, ("%s%s, %s"):format(kind,
      options.parameters and " by " .. table.concat(options.parameters, ", ") or "", figures.seed_list(view.seeds))) }
  local missing = { columns = sheet.columns, rows = sheet.rows, notes = {} }
  sheets.rows(missing, rows)
  add_names(sheet, view, part, rows, options)
  sheets.column(sheet, { head = "seeds", kind = "count", csv = "seeds" }, count_seeds(rows, list[1]))
  local shown = {}
  for _, column in ipairs(list) do
    local figure_cells, marks = figures.cells(rows, column, view.seeds)
    shown[column.name] = figure_cells
    sheets.mark_note(sheet, marks)
    sheets.column(sheet, { head = column.head, kind = "figure", of = column, csv = column.name }, figure_cells)
  end
  if #view.goals == 2 and not options.parameters then add_front(sheet, view, rows, shown) end
  sheets.differences(sheet, rows, list, options)
  if lost and lost > 0 then
    add_note(sheet, ("%d results are left out because not all values of %s have a counterpart."):format(lost,
      table.concat(options.parameters, ", ")))
  end
  sheets.epoch_notes(sheet, view, list)
  table.move(missing.notes, 1, #missing.notes, #sheet.notes + 1, sheet.notes)
  sheets.mixture_notes(sheet, view, rows, options)
  return sheet
end

--- calr.lab.study.table.sheets.matrix(index, part, names, column, options)
--- Makes the sheet of a grid of two parameters as a matrix: rows are values of the first, columns of the second.
--- @return table  a sheet
function sheets.matrix(index, part, names, column, options)
  local view = index.view
  local list, lost = groups.by_parameters(index, part, names, { column }, options)
  local figure_cells, marks = figures.cells(list, column, view.seeds)
  local sheet = { kind = "matrix", columns = {}, rows = {}, notes = {}, part = part,
    title = sheets.title(view, part, ("%s%s by %s and %s, %s"):format(column.head, column.percent and " in %" or "",
      names[1], names[2], figures.seed_list(view.seeds))) }
  local row_of, column_of = {}, {}
  sheet.columns[1] = { head = names[1], kind = "value", id = true }
  for g, group in ipairs(list) do
    local down, right = tostring(group.ids[1]), tostring(group.ids[2])
    if not row_of[down] then
      row_of[down] = { label = ("%s=%s"):format(names[1], down), cells = { group.ids[1] }, commands = {} }
      sheet.rows[#sheet.rows + 1] = row_of[down]
    end
    if not column_of[right] then
      column_of[right] = #sheet.columns + 1
      local head = ("%s=%s"):format(names[2], cells.value(group.ids[2]))
      sheet.columns[#sheet.columns + 1] = { head = head, kind = "figure", of = column, bare = true, csv = head }
    end
    local row = row_of[down]
    row.cells[column_of[right]] = figure_cells[g]
    for _, item in ipairs(group.commands) do
      local place = ("%s, %s=%s"):format(item.seed, names[2], right)
      row.commands[#row.commands + 1] = { seed = place, command = item.command }
    end
    if #group.missing > 0 then
      local said = ("%s: %s"):format(group.label, by_reason(group.missing))
      row.note = row.note and row.note .. "; " .. said or said
      sheet.notes[#sheet.notes + 1] = said .. "."
    end
  end
  sheets.mark_note(sheet, marks)
  if lost > 0 then
    sheet.notes[#sheet.notes + 1] = ("%d results are left out because other cells lack a counterpart."):format(lost)
  end
  sheets.epoch_notes(sheet, view, { column })
  sheets.mixture_notes(sheet, view, groups.by_label(index, part, { column }, options), options)
  return sheet
end

return sheets
