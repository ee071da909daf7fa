--- @module calr.program.shell.cases
--- What the completions of bash and zsh share: both are a shell function with two `case` statements, made from the
--- descriptions of calr.program.shell.describe.

local describe = require "calr.program.shell.describe"

local cases = {}

--- calr.program.shell.cases.quoted(word)
--- @return string  a word that no shell takes apart
function cases.quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- What may follow a command: its options, those of them that take folders, those that take other values, and words.
local function sort(described, item)
  local options, folders, values, words = {}, {}, {}, {}
  for _, option in ipairs(described.options) do
    for _, name in ipairs(option.names) do
      options[#options + 1] = item(name, option.text)
      local kind = describe.kind(option.takes)
      if kind == "folder" then folders[#folders + 1] = name end
      if kind == "other" and name ~= "-o" then values[#values + 1] = name end
    end
  end
  options[#options + 1] = item("--help", "what the command takes")
  for _, word in ipairs(described.words) do words[#words + 1] = item(word[1], word[2]) end
  for _, part in ipairs(described.parts or {}) do words[#words + 1] = item(part.name, part.usage[1] or "") end
  return options, folders, values, words
end

--- calr.program.shell.cases.make(commands, shell)
--- @param commands  of calr.program.shell.describe.commands
--- @param shell     item = function(name, about): a candidate as the shell lists it; list = function(items): a list of
---                  them as a value; words = the variable of the words of a command
--- @return table  commands = lines of the case of commands, choices = those of the values of options, with_parts =
---                patterns of the commands that have second words
function cases.make(commands, shell)
  local made = { commands = {}, choices = {}, with_parts = {} }
  local function add(pattern, described)
    local options, folders, values, words = sort(described, shell.item)
    made.commands[#made.commands + 1] = ("    %s) options=%s folders=%s values=%s %s=%s ;;"):format(
      cases.quoted(pattern), shell.list(options), shell.list(folders), shell.list(values), shell.words,
      shell.list(words))
    for _, option in ipairs(described.options) do
      for _, name in ipairs(#option.choices > 0 and option.names or {}) do
        made.choices[#made.choices + 1] = ("    %s) choices=%s ;;"):format(cases.quoted(pattern .. " " .. name),
          shell.list(option.choices))
      end
    end
  end
  for _, command in ipairs(commands) do
    add(command.name, command)
    if #command.parts > 0 then made.with_parts[#made.with_parts + 1] = command.name end
    for _, part in ipairs(command.parts) do add(command.name .. " " .. part.name, part) end
  end
  return made
end

return cases
