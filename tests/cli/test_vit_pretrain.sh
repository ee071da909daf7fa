# Two experiments at small scale: a vision transformer by the pipeline, and self-supervised pre-training, whose network
# others start from.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
experiments=$CALR_TEST_SOURCE/experiments
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 5
tiny=(data=street.lmdb height=32 width=16 epochs=2 iterations=2 clusters=4 instances=4 infomap.k=6
    infomap.min_similarity=0.1 infomap.min_size=2 augment.pad=2)
vit=(channels=16 depth=2 heads=2 patch=8 stride=6 grid_height=4 grid_width=2 warmup=1)

# ---- the transformer, with the cameras of the data
expect 0 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" "${vit[@]}" --out vit
contains vit/metrics.jsonl '"untrained":{"mAP":' '"evaluation":{"mAP":' '"clusters":'
contains vit/run.json '"cameras": 3' '"vit_small"' '"schedule": "cosine"' '"lr_by": "iteration"'
expect 0 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" "${vit[@]}" schedule=constant --out steady
checks=$((checks + 1)) && ! cmp -s vit/metrics.jsonl steady/metrics.jsonl || fault "the schedule does nothing"
expect 0 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" "${vit[@]}" --out vit2
checks=$((checks + 1)) && cmp vit/metrics.jsonl vit2/metrics.jsonl || fault "two runs of the transformer differ"
expect 0 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" "${vit[@]}" precision=bf16 checkpoint=yes camera_embedding=no \
    --out half
contains half/run.json '"cameras": 0'
expect 0 "$CALR" run "$experiments/baseline.lua" "${tiny[@]}" network=vit_small channels=16 depth=1 heads=2 patch=8 \
    stride=8 --out base
expect 2 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" head=2
says 'head' 'heads'
expect 1 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" channels=16 heads=3 --out odd
says "3 heads do not divide 16 channels"
expect 1 "$CALR" run "$experiments/vit.lua" "${tiny[@]}" "${vit[@]}" pooling=average --out odd
says "vit_small takes the class token, and has no pooling"

# ---- pre-training, both forms; the same twice; others start from its network
for form in simclr moco; do
    expect 0 "$CALR" run "$experiments/pretrain.lua" "${tiny[@]}" form=$form queue=16 projection=8 --out $form
    contains $form/metrics.jsonl '"loss":' '"evaluation":{"mAP":'
done
expect 0 "$CALR" run "$experiments/pretrain.lua" "${tiny[@]}" projection=8 --out simclr2
checks=$((checks + 1)) && cmp simclr/metrics.jsonl simclr2/metrics.jsonl || fault "two runs of pre-training differ"
expect 0 "$CALR" run "$experiments/pretrain.lua" "${tiny[@]}" projection=8 same_camera=no --out all
checks=$((checks + 1)) && ! cmp -s simclr/metrics.jsonl all/metrics.jsonl || fault "same_camera does nothing"
expect 0 "$CALR" run "$experiments/baseline.lua" "${tiny[@]}" weights=simclr/model.safetensors --out start
holds -s start/metrics.jsonl
holds "$(cat "$experiments/vit.lua" | wc -l)" -lt 120
holds "$(cat "$experiments/pretrain.lua" | wc -l)" -lt 120
finish
