# The pieces of docs/guide/clustering.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/clustering.md

# The arrays of the page, by NumPy where there is one; else alike ones.
numpy=
for python in python3 /usr/bin/python3; do
    "$python" -c "import numpy" 2>/dev/null && numpy=$python && break
done
piece python 1 >save.py
holds "$(grep -c numpy.save save.py)" -eq 3
if [ -n "$numpy" ]; then
    expect 0 "$numpy" save.py
else
    cat >save.lua <<'LUA'
local calr = require "calr"
local T, random = calr.tensor, calr.rng.open { seed = 1, purpose = "guide" }
local persons, gaps = random:fill_normal(T.zeros { 100, 128 }):totable(), random:fill_normal(T.zeros { 4, 128 }):totable()
local noise, ids, cameras = random:fill_normal(T.zeros { 1200, 128 }):totable(), {}, {}
for i, row in ipairs(noise) do
  ids[i], cameras[i] = (i - 1) // 12, (i - 1) % 4
  for j = 1, 128 do row[j] = persons[ids[i] + 1][j] + 0.8 * gaps[cameras[i] + 1][j] + 0.8 * row[j] end
end
calr.npy.save("features.npy", T(noise))
calr.npy.save("ids.npy", T(ids, "i64"))
calr.npy.save("cameras.npy", T(cameras, "i64"))
LUA
    expect 0 "$CALR" save.lua
fi

# Every command of the page, as it stands.
mkdir -p build && ln -s "$CALR" build/calr
commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    # shellcheck disable=SC2086
    expect 0 $line
    printf '%s\n' "$line" >>ran.txt
    cp out.txt "out-$commands.txt"
done < <(grep '^build/calr cluster' "$guide")
holds $commands -eq 10
contains out-1.txt "features    features.npy, 1,200 x 128" "method      infomap" "silhouette" "labels      labels.npy, int32"
contains out-2.txt "against the identities" "inside camera 3, 300 images" "clusters by how many see them"
contains out-4.txt "clusters    100"
contains out-5.txt "clusters    100"
contains out-9.txt "levels=many" "levels      "
contains out-10.txt "approximate=true" "recall      " "index       "

# The row of the default method in the page's table is what the command finds in the page's arrays.
if [ -n "$numpy" ]; then
    row=$(awk -F'|' '/^\| `infomap` \|/ { gsub(/ /, ""); print $3, $4, $5; exit }' "$guide")
    found=$(awk '/1,200 images, 100/ { sub(/^0/, "", $5); sub(/^0/, "", $6); sub(/^0/, "", $7); print $5, $6, $7; exit }' out-2.txt)
    expect 0 test "$row" = "$found"
fi

# The camera-aware distance finds more of each person, as the page says it does.
recall() { awk '/1,200 images/ { print $6 * 1000 }' "$1" | cut -d. -f1; }
holds "$(recall out-8.txt)" -gt "$(recall out-7.txt)"

piece python 2 >read.py
if [ -n "$numpy" ]; then
    expect 0 "$numpy" read.py
    prints "1200 images in"
fi
piece lua 1 >stream.lua
expect 0 "$CALR" stream.lua
prints "3600	i32[1200 x 10]	f32[1200 x 10]"
piece lua 2 >sweep.lua
expect 0 "$CALR" sweep.lua
holds "$(wc -l <out.txt)" -eq 3
finish
