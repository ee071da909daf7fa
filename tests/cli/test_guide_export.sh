# The commands of docs/guide/export.md, in their order, as they stand.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/export.md

mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments
commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    printf '%s\n' "$line" >command.sh
    expect 0 bash command.sh
    case $line in
    *"-o model.onnx") prints "$(grep -A1 -m1 '^```$' "$guide" | tail -1 | sed 's/,[^,]*$//')" ;;
    *"-o model.pth") prints "9 norms folded" ;;
    esac
done < <(sed -n 's/^    \(build\/calr .*\)/\1/p' "$guide")
holds "$commands" -eq 6

# What the page says of the files.
cat >look.lua <<'LUA'
local calr = require "calr"
local folded, kept = calr.pth.load "model.pth", calr.pth.load "kept.pth"
local _, notes = calr.safetensors.load "model.safetensors"
print(folded["conv1.bias"], folded["bn1.weight"], kept["bn1.weight"], notes["calr.mean"], notes["calr.resize"])
LUA
expect 0 "$CALR" look.lua
prints "f32[32]	nil	f32[32]	0.485,0.456,0.406	bicubic"
# every key of the table of metadata is in the file, and every function of the other table can be exported
for key in $(sed -n 's/^| \(`calr\..*\) | .*/\1/p' "$guide" | tr -d '`,'); do contains model.onnx "$key"; done
cat >functions.lua <<'LUA'
local operations = require "calr.lab.export.operations"
for word in io.read "a":gmatch "[%w_]+" do
  if not operations[word] then print(word) end
end
LUA
sed -n 's/^| \(shapes\|reductions\|elements\|products\|layers\) | \(.*\) |$/\2/p' "$guide" >words.txt
"$CALR" functions.lua <words.txt >unknown.txt 2>err.txt
holds "$(tr '\n' ' ' <unknown.txt)" = "and all other activations trigonometric functions brackets with positions and ranges split chunk einsum attention convolutions all norms all poolings "
finish
