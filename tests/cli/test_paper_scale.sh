# experiments/paper at scale=small and scale=published: the presets' settings, but for what is said besides, and which
# settings differ from the published figures' is marked.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
paper=$CALR_TEST_SOURCE/experiments/paper
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 4 --distractors 2 --junk 2 \
    --height 32 --width 16 --gap 0.25
sized=("$CALR" "$paper/comparison.lua" data=small.lmdb seeds=1 only=CALR)
# Random weights find nothing on so little data.
words=height=32,width=16,epochs=1,iterations=1,clusters=4,refine=none,oracle=clusters
expect 0 "${sized[@]}" scale=small dir=small "more=$words"
prints "Methods at scale=small" "here network=mobilenet_v2, height=128, width=64" "height=32"
contains small/calr-1/run.json '"preset": "small"' '"network": "mobilenet_v2"' '"last_stride": 1'
for set in market1501:0:1.0 msmt17:-1:0.0; do
    IFS=: read -r name from weight <<<"$set"
    expect 0 "${sized[@]}" scale=published published=$name dir=$name "more=$words,network=small"
    prints "published: $name"
    checks=$((checks + 1)) && ! grep -q "other settings" out.txt || fault "the authors' settings are called others"
    contains $name/calr-1/run.json "\"preset\": \"$name\"" '"ibn": true' "\"camera_weights_from\": $from" \
        "\"weight\": $weight"
done
contains msmt17/calr-1/run.json '"per_cluster": 5' '"clusters": 0'
finish
