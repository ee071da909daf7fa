--- @module calr.program.shell.bash
--- Completion for bash.

local describe = require "calr.program.shell.describe"
local sys = require "calr.sys"

local bash = {}

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function join(list)
  return quoted(table.concat(list, " "))
end

-- One line of the case: what a command takes.
local function case(pattern, item)
  local options, folders, values, words = {}, {}, {}, {}
  for _, option in ipairs(item.options) do
    for _, name in ipairs(option.names) do
      options[#options + 1] = name
      local kind = describe.kind(option.takes)
      if kind == "folder" then folders[#folders + 1] = name end
      if kind == "other" and name ~= "-o" then values[#values + 1] = name end
    end
  end
  options[#options + 1] = "--help"
  for _, word in ipairs(item.words) do words[#words + 1] = word[1] end
  for _, part in ipairs(item.parts or {}) do words[#words + 1] = part.name end
  return ("    %s) options=%s folders=%s values=%s words=%s ;;"):format(quoted(pattern), join(options), join(folders),
    join(values), join(words))
end

local function choice_cases(lines, pattern, item)
  for _, option in ipairs(item.options) do
    if #option.choices > 0 then
      for _, name in ipairs(option.names) do
        lines[#lines + 1] = ("    %s) choices=%s ;;"):format(quoted(pattern .. " " .. name), join(option.choices))
      end
    end
  end
end

local template = [==[
# bash completion of calr %s, made by `calr completion bash` from what --help says.
_calr() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} script=
  local options= folders= values= words= choices= i
  COMPREPLY=()
  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '%s --help --version -e' -- "$cur")
      $(compgen -f -X '!*.lua' -- "$cur") $(compgen -d -S / -- "$cur"))
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace 2>/dev/null
    return
  fi
  case $command in
    *.lua) script=$command command=run ;;
    run|study)
      for ((i = 2; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} != *.lua ]] || script=${COMP_WORDS[i]}; done ;;
    %s) [ "$COMP_CWORD" -eq 2 ] || command="$command ${COMP_WORDS[2]}" ;;
  esac
  case $command in
%s
  esac
  case "$command $prev" in
%s
  esac
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  elif [[ " $folders " == *" $prev "* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -d -- "$cur"))
  elif [[ " $values " == *" $prev "* ]]; then
    return
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ " $options " == *" $prev "* && $prev == -* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  elif [ -n "$script" ] && [ -r "$script" ] && [[ ${COMP_WORDS[COMP_CWORD]} != = ]] &&
      [[ ${COMP_WORDS[COMP_CWORD-1]} != = ]] && grep -q '[.]config[ ({]\|[.]study[ ("{]' "$script"; then
    # its options: what --help says of it, which ends where the script asks for them
    words=$(timeout 5 "${COMP_WORDS[0]}" run "$script" --help 2>/dev/null </dev/null |
      sed -n 's/^  \([A-Za-z_][A-Za-z0-9_.]*=\).*/\1/p')
    compopt -o nospace 2>/dev/null
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
  fi
}
complete -F _calr calr
]==]

--- calr.program.shell.bash.script(commands)
--- @param commands  of calr.program.shell.describe.commands
--- @return string  a file for bash to read
function bash.script(commands)
  local names, with_parts, cases, choices = {}, {}, {}, {}
  for i, command in ipairs(commands) do
    names[i] = command.name
    cases[#cases + 1] = case(command.name, command)
    choice_cases(choices, command.name, command)
    if #command.parts > 0 then with_parts[#with_parts + 1] = command.name end
    for _, part in ipairs(command.parts) do
      cases[#cases + 1] = case(command.name .. " " .. part.name, part)
      choice_cases(choices, command.name .. " " .. part.name, part)
    end
  end
  return template:format(sys.version.calr, table.concat(names, " "), table.concat(with_parts, "|"),
    table.concat(cases, "\n"), table.concat(choices, "\n"))
end

return bash
