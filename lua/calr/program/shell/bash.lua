--- @module calr.program.shell.bash
--- Completion for bash.

local cases = require "calr.program.shell.cases"
local sys = require "calr.sys"

local bash = {}

local shell = {
  words = "words",
  item = function(name) return name end,
  list = function(items) return cases.quoted(table.concat(items, " ")) end,
}

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
  local names, made = {}, cases.make(commands, shell)
  for i, command in ipairs(commands) do names[i] = command.name end
  return template:format(sys.version.calr, table.concat(names, " "), table.concat(made.with_parts, "|"),
    table.concat(made.commands, "\n"), table.concat(made.choices, "\n"))
end

return bash
