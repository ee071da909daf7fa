# calr cluster: methods, options, output, and what it refuses.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >make.lua <<'LUA'
local calr = require "calr"
local T, random = calr.tensor, calr.rng.open { seed = 2, purpose = "test" }
local centres, rows, ids, cameras = random:fill_normal(T.zeros { 10, 16 }):totable(), {}, {}, {}
for i = 1, 120 do
  local row = {}
  for j = 1, 16 do row[j] = centres[(i - 1) % 10 + 1][j] + 0.2 * random:normal() end
  rows[i], ids[i], cameras[i] = row, (i - 1) % 10, (i - 1) // 10 % 3 + 1
end
calr.npy.save("x.npy", T(rows))
calr.npy.save("ids.npy", T(ids, "i64"))
calr.npy.save("cameras.npy", T(cameras, "i32"))
calr.npy.save("few.npy", T({ 1, 2, 3 }, "i64"))
calr.npy.save("nan.npy", T(rows):set(17, 3, 0 / 0))
calr.npy.save("one.npy", T(rows):narrow(1, 1, 1):contiguous())
LUA
expect 0 "$CALR" make.lua

# ---- defaults, output, quality
expect 0 "$CALR" cluster x.npy
prints "features    x.npy, 120 x 16" "method      infomap  directed=true k=15" "clusters    10, the largest of 12 images" \
    "outliers    0 (0.0 %)" "9 - 16        10     120  ########################" "codelength"
expect 0 "$CALR" cluster x.npy --k 10 --truth ids.npy --cameras cameras.npy -o labels.npy
prints "120 images, 10 identities   1.000  1.000  1.000" "inside camera 3, 40 images" "3: 10" "labels      labels.npy, int32"
expect 0 "$CALR" cluster x.npy --k=10 -o wide.npy --int64 --json
prints '"clusters": 10' '"k": 10' '"type": "int64"' '"codelength"'
expect 0 "$CALR" -e 'local a, b = calr.npy.load "labels.npy", calr.npy.load "wide.npy"
    print(a, b, a:to "i64":equal(b), calr.quality.bcubed(calr.npy.load "ids.npy", a).f)'
prints "i32[120]	i64[120]	true	1.0"

# ---- neighbours by an index, levels
expect 0 "$CALR" cluster x.npy --approximate
prints "approximate=true" "recall      " "index       " "clusters    10"
expect 0 "$CALR" cluster x.npy --levels many --level 1
prints "levels=many" "level=1" "levels      "
expect 2 "$CALR" cluster x.npy --level 1
says "level is an option of levels=many"
expect 2 "$CALR" cluster x.npy --method dbscan --approximate
says "--approximate is an option of "

# ---- the same for any number of threads
expect 0 "$CALR" cluster x.npy --threads 1 -o one-thread.npy
expect 0 "$CALR" cluster x.npy --threads 3 -o three.npy
holds "$(cmp one-thread.npy three.npy && echo same)" = same

# ---- every method that the help names
expect 0 "$CALR" cluster --help
prints "--truth FILE" "infomap: " "--min-cluster-size"
for method in infomap leiden dbscan hdbscan agglomerative kmeans components; do
    grep -q "^$method: " out.txt || fault "--help does not name $method"
    expect 0 "$CALR" cluster x.npy --method $method
    expect 0 "$CALR" cluster one.npy --method $method
    expect 0 "$CALR" cluster --help
done
expect 0 "$CALR" cluster x.npy --method agglomerative --clusters 7 --distance cosine --linkage complete
prints "clusters    7," "clusters=7 distance=cosine linkage=complete"
expect 0 "$CALR" cluster x.npy --method dbscan --distance camera-jaccard --cameras cameras.npy --k1-inter 8
prints "k1_inter=8" "k1_intra=5"
expect 0 "$CALR" cluster x.npy --min-similarity 1
prints "clusters    0" "outliers    120 (100.0 %)"
says "note: there are no clusters; no image has enough neighbours: lower --min-similarity or --min-size, or raise --k"
expect 0 "$CALR" cluster x.npy --method dbscan --eps 1
says "note: there is only one cluster; lower --eps"

# ---- what it refuses
expect 2 "$CALR" cluster
says "which features?"
expect 2 "$CALR" cluster absent.npy
says "there is no file of features absent.npy"
expect 2 "$CALR" cluster x.npy --method infomat
says 'there is no method "infomat" (did you mean "infomap"?)'
expect 2 "$CALR" cluster x.npy --eps 0.5
says "--eps is an option of dbscan; infomap has --approximate, --directed, --k,"
expect 2 "$CALR" cluster x.npy --min-similarty 0.5
says "did you mean --min-similarity?"
expect 2 "$CALR" cluster x.npy --k many
says '--k must be a whole number'
expect 2 "$CALR" cluster x.npy --k 0
says '--k'
expect 2 "$CALR" cluster x.npy --method dbscan --distance camera-jaccard
says "needs the cameras of the images (--cameras)"
expect 2 "$CALR" cluster x.npy --method agglomerative --clusters 500
says "500"
expect 2 "$CALR" cluster nan.npy
says "row 17 of nan.npy (counted from 1) holds a NaN"
expect 2 "$CALR" cluster ids.npy
says "and these look like labels"
expect 2 "$CALR" cluster x.npy --truth few.npy
says "few.npy holds 3 identities for 120 images"
expect 2 "$CALR" cluster x.npy --truth x.npy
says "x.npy is f32[120 x 16]; identities must be whole numbers"
expect 2 "$CALR" cluster x.npy -o absent/labels.npy
says "there is no folder absent to write absent/labels.npy"
echo nonsense >broken.npy
expect 2 "$CALR" cluster broken.npy
says "broken.npy"
finish
