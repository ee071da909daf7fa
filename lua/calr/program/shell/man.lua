--- @module calr.program.shell.man
--- The man page, from what --help says.

local sys = require "calr.sys"

local man = {}

-- Text for roff: no line becomes a request, dashes can be copied.
local function plain(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1"):gsub("\n([.'])", "\n\\&%1"))
end

-- Words of a spec: options bold, what they take in italics.
local function spec(text)
  local parts = {}
  for word in text:gmatch "%S+" do
    parts[#parts + 1] = (word:match "^%-" and "\\fB" or word:match "^%u" and "\\fI" or "\\fR") .. plain(word) .. "\\fR"
  end
  return table.concat(parts, " ")
end

local function add_blocks(lines, blocks, summary)
  for _, block in ipairs(blocks) do
    if block.kind == "entry" then
      local text = block.default and ("%s (default: %s)"):format(block.text, block.default) or block.text
      lines[#lines + 1] = ".TP\n" .. spec(block.spec)
      lines[#lines + 1] = text ~= "" and plain(text) or "\\&"
    elseif block.kind == "raw" then
      lines[#lines + 1] = ".PP\n.nf"
      for _, line in ipairs(block.lines) do lines[#lines + 1] = plain(line) end
      lines[#lines + 1] = ".fi"
    elseif block.text ~= summary then
      lines[#lines + 1] = ".PP\n" .. plain(block.text)
    end
  end
end

local function add_usage(lines, usage)
  for _, line in ipairs(usage) do
    lines[#lines + 1] = ".HP\n" .. plain(line):gsub("^(calr [%l\\%-]+)", "\\fB%1\\fR")
  end
end

local head = [[
.\" Made by `calr docs --man` from what `calr COMMAND --help` says.
.TH CALR 1 "" "calr %s" "calr"
.SH NAME
calr \- experiments in unsupervised re\-identification, scripted in Lua
.SH SYNOPSIS
.HP
\fBcalr\fR \fISCRIPT.lua\fR [\fIkey=value\fR ...]
.HP
\fBcalr\fR \fICOMMAND\fR ...
.HP
\fBcalr\fR [\fB\-e\fR \fICODE\fR | \fB\-\fR | \fB\-\-help\fR | \fB\-\-version\fR]
.SH DESCRIPTION
\fBcalr\fR runs a Lua script that trains, clusters, refines or evaluates, or one of the commands below.
\fBcalr\fR \fISCRIPT.lua\fR \fB\-\-help\fR lists the options of a script; \fB\-e\fR runs a line of Lua, \fB\-\fR a
script from standard input. Without arguments, on a terminal, it is a prompt.
.SH COMMANDS
]]

local tail = [[
.SH ENVIRONMENT
.TP
\fBCALR_THREADS\fR
number of threads; default: the processors that the process may use
.TP
\fBNO_COLOR\fR
no colors on the terminal
.SH EXIT STATUS
.TP
0
all went well
.TP
1
a script, a trial or a file failed; the message says what, where and what to do
.TP
2
wrong usage
.TP
75
the machine is about to be taken away; run the same command again
.TP
130
Ctrl\-C; a run prints the command that resumes it
.SH SEE ALSO
The guides and the reference of the Lua modules are in docs/ of the sources.
]]

--- calr.program.shell.man.page(commands)
--- @param commands  of calr.program.shell.describe.commands
--- @return string  a page for man
function man.page(commands)
  local lines = {}
  for _, command in ipairs(commands) do
    lines[#lines + 1] = (".SS calr %s"):format(plain(command.name))
    lines[#lines + 1] = plain(command.summary:gsub("^%l", string.upper)) .. "."
    add_usage(lines, command.usage)
    add_blocks(lines, command.blocks, command.summary)
    for _, part in ipairs(command.parts) do
      lines[#lines + 1] = (".SS calr %s %s"):format(plain(command.name), plain(part.name))
      add_usage(lines, part.usage)
      add_blocks(lines, part.blocks)
    end
  end
  return head:format(sys.version.calr) .. table.concat(lines, "\n") .. "\n" .. tail
end

return man
