# The commands of docs/guide/first-search.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/first-search.md

# The arrays of the page that Python makes, by NumPy where there is one; else alike ones.
numpy=
for python in python3 /usr/bin/python3; do
    "$python" -c "import numpy" 2>/dev/null && numpy=$python && break
done
awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' "$guide" >save.py
holds "$(grep -c numpy.save save.py)" -eq 1
if [ -n "$numpy" ]; then
    expect 0 "$numpy" save.py
else
    cat >save.lua <<'LUA'
local calr = require "calr"
local random = calr.rng.open { seed = 1, purpose = "guide" }
local persons = random:fill_normal(calr.zeros { 50, 64 })
for name, cameras in pairs { query = { 1 }, test = { 2, 3 } } do
  local table, rows = { name = {}, identity = {}, camera = {} }, {}
  for person = 1, 50 do
    for _, camera in ipairs(cameras) do
      rows[#rows + 1] = persons:narrow(1, person, 1) + random:fill_normal(calr.zeros { 1, 64 })
      table.name[#rows], table.identity[#rows] = ("%d-%d.jpg"):format(person, camera), "person " .. person
      table.camera[#rows] = camera
    end
  end
  calr.npy.save(name .. ".npy", calr.cat(rows, 1))
  calr.csv.save(name .. ".csv", table)
end
LUA
    expect 0 "$CALR" save.lua
fi

# Every command of the page, as it stands.
mkdir build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments
commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    eval "set -- $line"
    expect 0 "$@"
    cp out.txt "out-$commands.txt" && cp err.txt "err-$commands.txt"
done < <(grep '^build/calr ' "$guide")
holds $commands -eq 14
contains out-4.txt "gallery.npy: 237 x 128, small of 64x32 in "
contains out-5.txt "pictures/query/0041_c1s1_000512_00.jpg" "1 query in 237 images of gallery.npy: " "(exact)"
holds "$(head -4 out-5.txt | tail -1 | cut -c 1-8)" = "1  0041_" # the network has learned something
contains err-6.txt "0041_c1s1_000563_02.jpg is itself in the gallery (row "
contains out-7.txt "51 queries in 237 images of pictures/bounding_box_test"
contains out-8.txt "query/0054_c1s1_000544_00.jpg (identity 54, camera 0)" "yes" "no" "hits.png"
contains out-9.txt "51 of 51 queries have a match among 237 gallery images" "mAP by pair of cameras" "query/0"
contains out-10.txt "50 of 50 queries have a match among 100 gallery images (re-ranked)"
contains out-11.txt "50 queries in 100 images of test.npy"
contains out-12.txt "query-again.npy: 51 x 128"
contains err-13.txt "index of 237 rows made in"
contains out-14.txt "(approximate, recall "
holds -z "$(grep "made in" err-14.txt)"
finish
