--- @module calr.program.command.completion
--- calr completion bash|zsh: prints the completion for a shell.

local arguments = require "calr.program.arguments"
local describe = require "calr.program.shell.describe"
local errors = require "calr.errors"
local sys = require "calr.sys"

local command = {
  summary = "completion of commands, options and files for bash or zsh",
  usage = "calr completion bash|zsh [-o FILE]",
  own_help = true,
}

local help = [[
Prints what the shell needs to complete commands, options, files, and the options of
scripts (calr SCRIPT.lua KEY<Tab>). It is made from what --help says.

  bash     source <(calr completion bash)        in ~/.bashrc
  zsh      calr completion zsh -o ~/.zfunc/_calr
           and, in ~/.zshrc: fpath+=~/.zfunc; autoload -U compinit; compinit
  -o FILE  the file to write

An installed calr has both where the shells look for them.]]

--- calr.program.command.completion.run(args, load)
--- @param load      function(name) -> module of a command: calr.program.main has it
--- @return integer  exit status
function command.run(args, load)
  local fields, words = arguments.parse(args, { usage = command.usage, at_most = 1, values = { ["-o"] = "out" },
    flags = { ["--help"] = "help", ["-h"] = "help" } })
  if fields.help then
    print("usage: " .. command.usage .. "\n\n" .. help)
    return 0
  end
  local shell = words[1] or errors.usage("which shell? usage: %s", command.usage)
  if shell ~= "bash" and shell ~= "zsh" then
    errors.usage("there is no completion for \"%s\"; there are: bash, zsh", shell)
  end
  arguments.check_target(fields.out)
  local text = require("calr.program.shell." .. shell).script(describe.commands(load))
  if fields.out then
    sys.write_file(fields.out, text)
  else
    io.write(text)
  end
  return 0
end

return command
