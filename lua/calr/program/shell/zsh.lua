--- @module calr.program.shell.zsh
--- Completion for zsh.

local describe = require "calr.program.shell.describe"
local sys = require "calr.sys"
local text = require "calr.text"

local zsh = {}

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- name:text, as _describe takes it.
local function item(name, about)
  return quoted(name:gsub(":", "\\:") .. ":" .. text.cut(about, 60))
end

local function items(list)
  return "(" .. table.concat(list, " ") .. ")"
end

local function case(pattern, described)
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
  return ("    %s) options=%s folders=%s values=%s candidates=%s ;;"):format(quoted(pattern), items(options),
    items(folders), items(values), items(words))
end

local function choice_cases(lines, pattern, described)
  for _, option in ipairs(described.options) do
    if #option.choices > 0 then
      for _, name in ipairs(option.names) do
        lines[#lines + 1] = ("    %s) choices=%s ;;"):format(quoted(pattern .. " " .. name), items(option.choices))
      end
    end
  end
end

local template = [==[
#compdef calr
# zsh completion of calr %s, made by `calr completion zsh` from what --help says.
_calr() {
  local command=$words[2] previous=$words[CURRENT-1] script= word
  local -a commands options folders values candidates choices
  commands=(
%s
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    _files -g '*.lua'
    return
  fi
  case $command in
    *.lua) script=$command command=run ;;
    run|study) for word in ${words[3,CURRENT-1]}; do [[ $word != *.lua ]] || script=$word; done ;;
    %s) (( CURRENT == 3 )) || command="$command $words[3]" ;;
  esac
  case $command in
%s
  esac
  case "$command $previous" in
%s
  esac
  if (( $#choices )); then
    compadd -a choices
  elif (( ${folders[(Ie)$previous]} )); then
    _files -/
  elif (( ${values[(Ie)$previous]} )); then
    _message value
  elif [[ $PREFIX == -* ]]; then
    _describe -t options option options
  elif [[ $previous == -* && -n ${(M)options:#$previous:*} ]]; then
    _files
  elif [[ -n $script && -r $script && $PREFIX != *=* ]] && grep -q '[.]config[ ({]\|[.]study[ ("{]' $script; then
    candidates=(${(f)"$(timeout 5 $words[1] run $script --help 2>/dev/null </dev/null |
      sed -n 's/^  \([A-Za-z_][A-Za-z0-9_.]*=\).*/\1/p')"})
    compadd -S '' -a candidates
  else
    (( $#candidates == 0 )) || _describe -t words word candidates
    _files
  fi
}
if [[ $funcstack[1] == _calr ]]; then _calr "$@"; else compdef _calr calr; fi
]==]

--- calr.program.shell.zsh.script(commands)
--- @param commands  of calr.program.shell.describe.commands
--- @return string  a file for a folder of zsh's $fpath, named _calr
function zsh.script(commands)
  local names, with_parts, cases, choices = {}, {}, {}, {}
  for i, command in ipairs(commands) do
    names[i] = "    " .. item(command.name, command.summary)
    cases[#cases + 1] = case(command.name, command)
    choice_cases(choices, command.name, command)
    if #command.parts > 0 then with_parts[#with_parts + 1] = command.name end
    for _, part in ipairs(command.parts) do
      cases[#cases + 1] = case(command.name .. " " .. part.name, part)
      choice_cases(choices, command.name .. " " .. part.name, part)
    end
  end
  return template:format(sys.version.calr, table.concat(names, "\n"), table.concat(with_parts, "|"),
    table.concat(cases, "\n"), table.concat(choices, "\n"))
end

return zsh
