# The pieces of docs/guide/your-own-layer.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/your-own-layer.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

piece 1 >attentive.lua
piece 2 >check.lua
piece 3 >mine.lua
expect 0 "$CALR" check.lua
prints "true" "Attentive" "7 parameters, 7 of them learned"
contains "$guide" "$(sed -n 2p out.txt)" "$(sed -n 3p out.txt)"
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --gap 0.25
small=(height=32 width=16 epochs=2 iterations=2 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0)
expect 0 "$CALR" run experiments/baseline.lua data=street.lmdb network=./mine.lua lr=1e-3 "${small[@]}" --out own
contains own/run.json '"./mine.lua"' '"dim": 64'

# ---- mistakes
sed 's/return (pixels \* share):sum(2)/return { pixels }/' attentive.lua >kept && mv kept attentive.lua
sed 's/self.neck(self.pool(self.body:maps(images)))/calr.nn.chain(self.body:maps(images), self.pool, self.neck)/' mine.lua >odd.lua
expect 1 "$CALR" run experiments/baseline.lua data=street.lmdb network=./odd.lua "${small[@]}" --out odd
says "attentive.lua:7: the layer Attentive gives a table, and must give a tensor to the next layer"
contains "$guide" "attentive.lua:7: the layer Attentive gives a table, and must give a tensor to the next layer"
sed '/net.dim = /d' mine.lua >bare.lua
expect 1 "$CALR" run experiments/baseline.lua data=street.lmdb network=./bare.lua "${small[@]}" --out bare
says "the network ./bare.lua must say how wide its features are: set .dim to a whole number"

# ---- every layer of the page's table is there
checks=$((checks + 1))
sed -n '/^## Layers that are there/,$p' "$guide" | grep '^|' | grep -o '`[a-z_0-9]*`' | tr -d '`' | sort -u | while read -r name; do
    "$CALR" -e "assert(calr.nn.$name, '$name')" || echo "$name"
done >missing 2>&1
holds ! -s missing
finish
