# The completion for bash and zsh, the man page, and calr --help on one screen: all from what --help says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

# ---- one screen
expect 0 "$CALR" --help
holds "$(wc -l <out.txt)" -le 23
holds "$(awk '{ if (length($0) > most) most = length($0) } END { print most }' out.txt)" -le 80
cp out.txt screen.txt
expect 0 "$CALR" completion bash
cp out.txt calr.bash
for command in $(sed -n "s/.*compgen -W '\(.*\) --help --version.*/\1/p" calr.bash); do
    holds "$(grep -cw -- "$command" screen.txt)" -ge 1
    holds "$(grep -c "^others" screen.txt)" -eq 0
    expect 0 "$CALR" "$command" --help
    prints "usage: calr $command"
done

# ---- bash
mkdir -p models studies/one
touch features.npy notes.txt
cat >own.lua <<'LUA'
-- A script with options.
local cfg = require("calr").config { epochs = 3, lr = 0.1, infomap = { k = 12 } }
print("ran", cfg.epochs)
LUA
echo 'io.open("ran", "w"):close()' >plain.lua
export PATH="$(dirname "$CALR"):$PATH"
complete() { :; }
. ./calr.bash
compopt() { :; }
# completes WORD...: what the last word, begun, may be.
completes() {
    COMP_WORDS=(calr "$@") COMP_CWORD=$#
    _calr
    printf '%s\n' "${COMPREPLY[@]}" | sort >out.txt
}
offers() { for word in "$@"; do holds "$(grep -cFx -- "$word" out.txt)" -eq 1; done; }
count() { holds "$(grep -c . out.txt)" -eq "$1"; }
completes stu
offers study studies/
completes clu
offers cluster
count 1
completes ow
offers own.lua
completes study --w
offers --workers
count 1
completes cluster --method ""
offers infomap leiden dbscan hdbscan agglomerative kmeans
completes cluster features.npy --distance e
offers euclidean
count 1
completes cluster --tr
offers --truth --trials
completes cluster f
offers features.npy
completes cluster --truth f
offers features.npy
completes cluster --k 1
count 0
completes extract --precision ""
offers f32 bf16 auto
completes extract --model f
offers features.npy # a run folder or a file
completes data ""
offers import info make merge subset verify show
completes data import mark
offers market1501 market1501_multi
completes data subset --c
offers --cameras --count
completes bench o
offers ops
completes run --out mo
offers models
count 1
completes table --m
offers --matrix --md
completes own.lua in
offers infomap.k=
completes run own.lua --threads 2 e
offers epochs=
completes own.lua lr = ""
offers features.npy notes.txt # the value of an option may be a file
cat >trials.lua <<'LUA'
local calr = require "calr"
local S = calr.study "trials" { goal = "min loss", seeds = { 1 }, options = { rate = 0.5, seed = 1 } }
S:grid { rate = { 0.1, 0.3 } }
S:run(function(trial) return { loss = trial.config.rate } end)
LUA
completes study trials.lua ra
offers rate= # nothing of the study runs for it
holds ! -e studies/trials
for command in run study; do
    expect 0 "$CALR" $command trials.lua --help
    prints "options with their defaults:" "rate=0.5"
    holds ! -e studies/trials
done
completes plain.lua x # a script without options does not run for the sake of a key
holds ! -e ran

# a real bash has it from its file
expect 0 bash -c 'source ./calr.bash && complete -p calr'
prints "-F _calr calr"

# ---- zsh, where there is one
expect 0 "$CALR" completion zsh -o _calr
holds "$(head -c 13 _calr)" = "#compdef calr"
zsh=$(command -v zsh)
[ -z "$zsh" ] || expect 0 "$zsh" -n _calr

# ---- the man page
expect 0 "$CALR" docs --man calr.1
if command -v man >/dev/null && command -v groff >/dev/null; then
    MANWIDTH=80 LC_ALL=C.UTF-8 expect 0 man -l --warnings calr.1
    holds ! -s err.txt
    sed 's/.\x08//g' out.txt >page.txt
    contains page.txt "calr data subset" "--workers N" "EXIT STATUS" "COMMANDS"
    holds "$(grep -c '^   calr ' page.txt)" -ge 14
fi

# ---- the guide's commands, word for word
grep -qFx 'source <(calr completion bash)' "$CALR_TEST_SOURCE/docs/guide/shell.md" || fault "the guide does not say it"
expect 0 bash -c 'source <(calr completion bash); complete -p calr'
HOME=$PWD expect 0 bash -ec "$(awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on && /zfunc|--man/' \
    "$CALR_TEST_SOURCE/docs/guide/shell.md")"
cmp _calr .zfunc/_calr || fault "the guide writes another file for zsh"

# ---- wrong usage
expect 2 "$CALR" completion
says "which shell?"
expect 2 "$CALR" completion fish
says 'no completion for "fish"'
expect 2 "$CALR" completion bash zsh
says "one word too many"
expect 2 "$CALR" docs --man
says "--man takes a file"
expect 2 "$CALR" completion bash -o nowhere/x
says "nowhere/x"
finish
