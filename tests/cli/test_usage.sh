# Wrong usage says what was meant and ends with 2; right usage with 0; faults of a script with 1 and its line.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

expect 0 "$CALR" --help
prints "usage:" "calr SCRIPT.lua" "commands:" "info"
expect 0 "$CALR" help run
prints "usage: calr run SCRIPT.lua"
expect 0 "$CALR" --version
prints "calr 0." "Lua 5.4"
expect 0 "$CALR" info
prints "core type" "oneDNN" "threads" "features" "home"
expect 0 "$CALR" info --json
prints '"blas_core"'
expect 2 "$CALR" info --jsn
says "unknown argument --jsn"
expect 2 "$CALR" inof
says 'neither a command nor a script (did you mean "info"?)'
expect 2 "$CALR" --version extra
says '--version stands alone; "extra" is one word too many'
expect 2 "$CALR" --no-such
says "unknown option --no-such"
expect 2 "$CALR" -e
says "-e takes a line of Lua"
expect 2 "$CALR" run
says "which script?"
expect 2 "$CALR" run --thread 2 x.lua
says "unknown option --thread (did you mean --threads?)"
expect 2 "$CALR" run x.lua --infomap.k=20
says "unknown option --infomap.k=20; the script's own options have no dashes: infomap.k=VALUE"
expect 2 "$CALR" run --out
says "--out wants a value"

echo 'print("ran", ...)' >script.lua
expect 0 "$CALR" script.lua
prints "ran"
expect 0 "$CALR" run script.lua
expect 2 "$CALR" scrip.lua
says "there is no script scrip.lua (did you mean script.lua?)"
expect 2 "$CALR" run scrip.lua
says "there is no script scrip.lua"
expect 2 "$CALR" run .
says "is a folder"
expect 2 "$CALR" script.lua extra
says '"extra" is not of the form key=value'
expect 2 "$CALR" script.lua a=1
says "no calr.config" "a=1"
expect 2 "$CALR" run script.lua --threads many
says '--threads must be 1 to 1024; "many" is not'
expect 0 "$CALR" run -e 'print(require("calr.sys").threads())' --threads 3
prints 3

# -e, standard input
expect 0 "$CALR" -e 'print(calr.tensor{1,2})'
prints "f32[2]"
expect 1 "$CALR" -e 'print(calr.tensr)'
says 'calr has no part "tensr" (did you mean "tensor"?)'
printf 'local a <const> = 6\nprint(a * 7)' | "$CALR" >out.txt 2>err.txt
holds "$(cat out.txt)" = 42
printf 'print(#{...})' | "$CALR" - >out.txt 2>err.txt
holds "$(cat out.txt)" = 0

# Errors of a script: the user's line first, then how it came there.
cat >bad.lua <<'LUA'
local calr = require "calr"
local function inner(t)
  return t.missing.field
end
local function outer()
  inner {}
  return 1
end
if arg[1] == "lib=yes" then
  calr.tensor.zeros { -1 }
end
outer()
return 1
LUA
expect 1 "$CALR" bad.lua
says "calr: bad.lua:3: attempt to index a nil value (field 'missing')" "called from" "bad.lua:6 in" "bad.lua:12 in main part"
checks=$((checks + 1)) && ! grep -q '\[C\]\|shell/main' err.txt || fault "the traceback shows our own lines"
expect 1 "$CALR" bad.lua lib=yes
says "calr: bad.lua:10:"
CALR_TRACEBACK=full expect 1 "$CALR" bad.lua
says "stack traceback" "[C]"
printf 'x = = 1\n' >syntax.lua
expect 1 "$CALR" syntax.lua
says "calr: syntax.lua:1: unexpected symbol near '='"
folder=a_rather_long_folder_name/that_goes_on_and_on/so_that_lua_shortens_it_in_its_messages
mkdir -p $folder && printf 'error "far"\n' >$folder/script.lua
expect 1 "$CALR" $folder/script.lua
says "calr: $folder/script.lua:1: far"
expect 1 "$CALR" -e 'error{1}'
says "an error value of type table"
expect 3 "$CALR" -e 'os.exit(3)'
expect 0 "$CALR" -e 'require("calr.errors").exit(0)'
expect 1 sh -c "'$CALR' -e 'print(1)' >/dev/full"
says "cannot write the output"
expect 2 env CALR_HOME=/nowhere "$CALR" info
says "CALR_HOME is \"/nowhere\"" "lua/calr/init.lua"

# ---- slips at the command line
cat >plain.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { lr = 0.1, seed = 1 }
print("this is no study, lr", cfg.lr)
LUA
expect 2 "$CALR" run plain.lua seed=1 seed=2
says "seed is given twice: seed=1 and seed=2"
expect 2 "$CALR" study plain.lua --workers 2 --seeds 1,2 --dry-run
says "plain.lua makes no study; calr run plain.lua runs it"
holds ! -s out.txt
printf 'local study = 1\nprint(study)\n' >late.lua
expect 2 "$CALR" study late.lua
says "late.lua makes no study; calr run late.lua runs it"
mkdir pictures
expect 2 "$CALR" data import ./pictures market1501 -o x.lmdb
says "./pictures is a folder, not a layout; the order is NAME DIR: calr data import market1501 ./pictures -o x.lmdb"
expect 1 "$CALR" -e 'local nn = calr.nn nn.sequential { nn.relu(), nn.relu() }'
says "write sequential(a, b), not sequential{a, b}"
finish
