# calr table: the tables of a real study in all formats, what may be asked for wrongly, and that the command under a figure
# gives that figure.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >parts.lua <<'LUA'
-- Rows whose figures differ by seed; the third depends on a module.
local calr = require "calr"
local bonus = dofile "bonus.lua"
local S = calr.study "parts" { goal = "max mAP", select = "max silhouette", seeds = {1, 2, 3, 4, 5, 6},
  base = { a = 0.0, k = 10, epochs = 3 } }
S:ablate { {"Baseline"}, {"+ a & b_c", a = 1.0}, {"+ more", a = 2.0} }
S:grid { a = {0.0, 3.0}, k = {10, 20} }
S:search { sampler = "random", trials = 8, confirm = 2, a = S.float(0, 4), k = S.choice {10, 20} }
S:run(function(trial)
  local c = trial.config
  if c.a == 2 and trial.seed == 5 then error "out of memory" end
  for epoch = 1, c.epochs do
    trial:report(epoch, { mAP = 0.3 + 0.02 * c.a + c.k / 1000 + 0.01 * math.sin(9 * trial.seed + c.a) + bonus * epoch,
      silhouette = epoch == 2 and 0.5 or 0.1 })
  end
end)
S:table { columns = { "mAP", "mAP@select" }, part = 1 }
LUA
echo 'return 0.001' >bonus.lua
expect 1 "$CALR" study parts.lua
prints "parts, part 1: ablation, seeds 1-6" "Baseline" "(label-free epoch)" "+ more: seed 5 failed" "p (Holm)" \
    "calr table studies/parts --commands"

expect 0 "$CALR" table parts
prints "part 1: ablation" "part 2: grid" "part 3: search (random) of 8 trials" "(5 fresh seeds)" "+ more: seed 5 failed"
holds "$(grep -c "$(printf '\033')" out.txt)" -eq 0
expect 0 "$CALR" table studies/parts/ --part 2 --rows a --versus 0.0
prints "grid by a, seeds 1-6" 'Differences from "a=0.0"'
expect 0 "$CALR" table parts --part 2 --matrix a,k --columns mAP
prints "mAP in % by a and k" "k=20"
expect 0 "$CALR" table parts --part 2 --matrix
prints "k=20"
expect 0 "$CALR" table parts --part 3 --top 3 --commands
prints "Commands that reproduce the figures:" "calr study parts.lua --trial"
expect 0 "$CALR" table parts --part 1 --versus none --md
prints "### parts, part 1: ablation" "| :-- |" "\\+ a & b\\_c" "- seed 1: \`calr study parts.lua --trial"
holds "$(grep -c difference out.txt)" -eq 0
expect 0 "$CALR" table parts --tex
prints "\\begin{tabular}" "+ a \\& b\\_c" "\\bottomrule" "\\pm"
holds "$(grep -c 'begin{tabular}' out.txt)" -eq "$(grep -c 'end{tabular}' out.txt)"
expect 0 "$CALR" table parts --json
"$CALR" -e 'assert(#calr.json.decode(io.open("out.txt"):read "a").tables == 3)' || fault "no JSON"
expect 0 "$CALR" table parts --part 1 -o table.csv
holds -s table.csv -a ! -s out.txt
holds "$(grep -c "$(printf '\r')$" table.csv)" -eq 4

# The command under a figure gives the figure.
command=$("$CALR" table parts --part 1 --commands | grep -A1 '^\[2\]' | sed -n 's/^ *seed 1 *//p')
expect 0 bash -c "\"$CALR\" ${command#calr }"
prints "mAP" "recorded" "the same"

# ---- changed code: results are stale, and said to be
echo 'return 0.002' >bonus.lua
echo '-- another version' >>parts.lua
expect 0 "$CALR" study parts.lua --seeds 1,2
expect 0 "$CALR" table parts --part 1 --columns mAP
prints "results of other code or data are left out"
cp -r studies/parts studies/copy

# ---- wrong usage
expect 2 "$CALR" table
says "which study?"
expect 2 "$CALR" table part
says "there is no study part (did you mean studies/parts?)"
expect 2 "$CALR" table parts --colums mAP
says "unknown option --colums (did you mean --columns?)"
expect 2 "$CALR" table parts --columns mAPP
says 'the study has no metric "mAPP" (did you mean "mAP"?)'
expect 2 "$CALR" table parts --versus "+ mor" --part 1
says 'there is no row "+ mor" (did you mean "+ more"?)'
expect 2 "$CALR" table parts --part 9
says "the study has no part 9"
expect 2 "$CALR" table parts --part two
says "--part wants a whole number"
expect 2 "$CALR" table parts --csv
says "a CSV file holds one table"
expect 2 "$CALR" table parts --csv --md
says "--md: another format is named already"
expect 2 "$CALR" table parts copy
says '"copy" is one word too many'
expect 2 "$CALR" table parts --columns
says "--columns wants a value"
mkdir empty
expect 2 "$CALR" table empty
expect 1 "$CALR" table parts -o /nowhere/table.md
says "/nowhere/table.md"
expect 0 "$CALR" table --help
prints "--matrix" "mAP@best"
finish
