--- @module calr.program.shell.zsh
--- Completion for zsh.

local cases = require "calr.program.shell.cases"
local sys = require "calr.sys"
local text = require "calr.text"

local zsh = {}

local shell = {
  words = "candidates",
  -- name:text, as _describe takes it.
  item = function(name, about) return cases.quoted(name:gsub(":", "\\:") .. ":" .. text.cut(about, 60)) end,
  list = function(items) return "(" .. table.concat(items, " ") .. ")" end,
}

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
  local names, made = {}, cases.make(commands, shell)
  for i, command in ipairs(commands) do names[i] = "    " .. shell.item(command.name, command.summary) end
  return template:format(sys.version.calr, table.concat(names, "\n"), table.concat(made.with_parts, "|"),
    table.concat(made.commands, "\n"), table.concat(made.choices, "\n"))
end

return zsh
